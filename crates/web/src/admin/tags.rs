//! `/admin/tags`: the labels of the account. The form for one of them, with merging and deleting: `tag.rs`.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::page::{Direction, Key, Page, Position, Slice};
use helpdesk::tags::{self, Sort, Tag};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tags;

use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Query, Visitor};
use crate::{account, errors, reach, text};

/// One page of the list. Who has more searches.
const LIMIT: usize = 50;

#[derive(Template)]
#[template(path = "admin/tags.html")]
pub struct List {
    pub frame: Frame,
    pub tags: Vec<TagRow>,
    pub search: String,
    pub orders: Vec<Choice>,
    /// The query of the next page, if there is one.
    pub next: Option<String>,
}

/// One of several ways to look at a list.
pub struct Choice {
    pub value: &'static str,
    pub label: &'static str,
    pub is_chosen: bool,
}

pub struct TagRow {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    /// `#rrggbb`
    pub color: Option<String>,
    pub usage: i64,
}

impl TagRow {
    fn n_tickets(&self) -> String {
        reach::number(self.usage)
    }
}

/// `GET /admin/tags`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Tags>>,
    _admin: BySession<CanWrite<Tags>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let search = text::shown(query.value("search"), 100);
    let order = query.value("order");
    let (sort, descending) = match order {
        "name" => (Sort::Name, false),
        "new" => (Sort::Created, true),
        _ => (Sort::Usage, true),
    };
    let slice = Slice { limit: LIMIT, from: place(&query, sort) };
    let found = async {
        let account = account::name(&app).await?;
        let mut tx = app.db.read().await?;
        let search = Some(search.as_str()).filter(|search| !search.is_empty());
        let page = tags::list(&mut tx, &may, search, sort, descending, &slice).await?;
        Ok::<_, helpdesk::Error>((account, page))
    };
    let (account, found) = match found.await {
        Ok(found) => found,
        Err(error) => return errors::helpdesk(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Tags, "Tags") else { return see_other("/login") };
    frame.done = done(&query);
    let next = next_query(&found, &search, order);
    let tags = found.items.iter().map(TagRow::new).collect();
    page(StatusCode::OK, &List { frame, tags, search, orders: orders(order), next })
}

/// The row that the page comes after. A broken place is the start.
fn place(query: &crate::form::Form, sort: Sort) -> Option<Position> {
    let text = || query.filled("after_text").map(|text| Key::Text(text.to_owned()));
    let number = |name| query.filled(name).and_then(|number| number.parse().ok()).map(Key::Int);
    let keys = match sort {
        Sort::Name => vec![text()?],
        Sort::Usage => vec![number("after")?, text()?],
        Sort::Created => vec![number("after")?, number("after_id")?],
    };
    Some(Position { keys, direction: Direction::After })
}

fn next_query(found: &Page<Tag>, search: &str, order: &str) -> Option<String> {
    let keys = found.after.as_ref()?;
    let mut next = form_urlencoded::Serializer::new(String::new());
    next.append_pair("search", search).append_pair("order", order);
    for (at, key) in keys.iter().enumerate() {
        match key {
            Key::Text(text) => next.append_pair("after_text", text),
            Key::Int(number) => next.append_pair(if at == 0 { "after" } else { "after_id" }, &number.to_string()),
        };
    }
    Some(next.finish())
}

pub fn orders(chosen: &str) -> Vec<Choice> {
    let all = [("usage", "Most used first"), ("name", "By name"), ("new", "Newest first")];
    let is_known = all.iter().any(|(value, _)| *value == chosen);
    let chosen = if is_known { chosen } else { "usage" };
    all.into_iter().map(|(value, label)| Choice { value, label, is_chosen: value == chosen }).collect()
}

impl TagRow {
    pub fn new(tag: &Tag) -> TagRow {
        TagRow {
            id: tag.id,
            name: text::shown(&tag.name, 100),
            description: tag.description.as_deref().filter(|it| !it.is_empty()).map(|it| text::shown(it, 140)),
            color: tag.color.clone(),
            usage: tag.usage,
        }
    }
}

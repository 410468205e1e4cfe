//! `/admin/tags/new` and `/admin/tags/{id}`: one tag, changed, merged into another, or deleted.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::jobs::merge_tags;
use helpdesk::tags::{self, Changes, DESCRIPTION_MAX_CHARS, NAME_MAX_CHARS, NewTag, Tag};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tags;
use store::transact;

use crate::form::Form;
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, reach, text};

/// What the picker of colours shows where there is none.
const NO_COLOR: &str = "#6b7280";

#[derive(Template)]
#[template(path = "admin/tag.html")]
pub struct TagForm {
    pub frame: Frame,
    pub form: Form,
    /// The tag that is changed; none for a new one.
    pub tag: Option<Shown>,
}

pub struct Shown {
    pub id: i64,
    pub usage: i64,
}

impl Shown {
    fn n_tickets(&self) -> String {
        reach::number(self.usage)
    }
}

/// `GET /admin/tags/new`
pub async fn new(State(app): State<App>, _admin: BySession<CanWrite<Tags>>, visitor: Visitor) -> Response {
    let form = Form::new(vec![("color".to_owned(), NO_COLOR.to_owned())]);
    answer(&app, &visitor, StatusCode::OK, form, None, None).await
}

/// `POST /admin/tags`
pub async fn create(State(app): State<App>, BySession(may): BySession<CanWrite<Tags>>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let (name, description, color) = read(&mut form);
    if form.problems.is_empty() {
        let new = NewTag { name, description, color };
        let now = app.clock.now();
        match transact!(app.db, |tx| tags::create(tx, &may, now, &new).await) {
            Ok(_) => return see_other("/admin/tags?done=tag-added"),
            Err(error) => {
                if let Some(answer) = refused(&mut form, error) {
                    return answer;
                }
            }
        }
    }
    answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, None, None).await
}

/// `GET /admin/tags/{id}`
pub async fn edit(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Tags>>,
    _admin: BySession<CanWrite<Tags>>,
    Path(id): Path<i64>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match find(&app, &may, id).await {
        Ok(tag) => answer(&app, &visitor, StatusCode::OK, filled(&tag), Some(&tag), done(&query)).await,
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/tags/{id}`
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Tags>>,
    BySession(may_read): BySession<CanRead<Tags>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let tag = match find(&app, &may_read, id).await {
        Ok(tag) => tag,
        Err(error) => return errors::helpdesk(&error),
    };
    let (name, description, color) = read(&mut form);
    if form.problems.is_empty() {
        let changes = Changes { name: Some(name), description: Some(description), color: Some(color) };
        let now = app.clock.now();
        match transact!(app.db, |tx| tags::update(tx, &may, now, id, &changes).await) {
            Ok(_) => return see_other("/admin/tags?done=saved"),
            Err(error) => {
                if let Some(answer) = refused(&mut form, error) {
                    return answer;
                }
            }
        }
    }
    answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, Some(&tag), None).await
}

/// `POST /admin/tags/{id}/merge`: into the tag of the name that was typed.
pub async fn merge(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Tags>>,
    BySession(may_read): BySession<CanRead<Tags>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let found = async {
        let mut tx = app.db.read().await?;
        let tag = tags::find(&mut tx, &may_read, id).await?;
        let into = tags::named(&mut tx, &may_read, form.value("into").trim()).await?;
        Ok::<_, Error>((tag, into))
    };
    let (tag, into) = match found.await {
        Ok(found) => found,
        Err(error) => return errors::helpdesk(&error),
    };
    match into {
        None => form.refuse("into", "No tag has this name. Capitals count."),
        Some(into) if into == id => form.refuse("into", "A tag cannot be merged into itself."),
        Some(into) => {
            let now = app.clock.now();
            return match transact!(app.db, |tx| merge_tags::start(tx, &may, now, into, &[id]).await) {
                Ok(_) => see_other(&format!("/admin/tags/{into}?done=tag-merged")),
                Err(error) => errors::helpdesk(&error),
            };
        }
    }
    let form = filled(&tag).with(form);
    answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, Some(&tag), None).await
}

/// `POST /admin/tags/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Tags>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| tags::delete(tx, &may, now, id).await) {
        Ok(()) => see_other("/admin/tags?done=tag-deleted"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn find(app: &App, may: &CanRead<Tags>, id: i64) -> Result<Tag, Error> {
    let mut tx = app.db.read().await?;
    tags::find(&mut tx, may, id).await
}

/// The form of a tag as it is.
pub fn filled(tag: &Tag) -> Form {
    let mut values = vec![
        ("name".to_owned(), tag.name.clone()),
        ("description".to_owned(), tag.description.clone().unwrap_or_default()),
        ("color".to_owned(), tag.color.clone().unwrap_or_else(|| NO_COLOR.to_owned())),
    ];
    if tag.color.is_some() {
        values.push(("has_color".to_owned(), "1".to_owned()));
    }
    Form::new(values)
}

fn read(form: &mut Form) -> (String, Option<String>, Option<String>) {
    let name = form.value("name").trim().to_owned();
    if name.is_empty() || NAME_MAX_CHARS < name.chars().count() {
        form.refuse("name", format!("Give the tag a name of at most {NAME_MAX_CHARS} characters."));
    }
    let description = form.filled("description").map(|it| it.trim().to_owned());
    if description.as_ref().is_some_and(|it| DESCRIPTION_MAX_CHARS < it.chars().count()) {
        form.refuse("description", format!("Shorten the description to {DESCRIPTION_MAX_CHARS} characters."));
    }
    let color = Some(form.value("color").to_owned()).filter(|_| form.value("has_color") == "1");
    let is_color = |color: &str| {
        color
            .strip_prefix('#')
            .is_some_and(|digits| matches!(digits.len(), 3 | 6) && digits.chars().all(|c| c.is_ascii_hexdigit()))
    };
    if color.as_deref().is_some_and(|color| !is_color(color)) {
        form.refuse("color", "Write the colour as # with six digits, such as #2f9e44.");
    }
    (name, description, color)
}

/// Puts the problem beside its field; an answer where there is no field for it.
fn refused(form: &mut Form, error: Error) -> Option<Response> {
    match error {
        Error::Taken { .. } => form.refuse("name", "Another tag has this name. You can merge one into the other."),
        Error::Invalid { problem, .. } => form.refuse("name", text::sentence(&problem)),
        error => return Some(errors::helpdesk(&error)),
    }
    None
}

async fn answer(
    app: &App,
    visitor: &Visitor,
    status: StatusCode,
    form: Form,
    tag: Option<&Tag>,
    done: Option<&'static str>,
) -> Response {
    let account = match account::name(app).await {
        Ok(account) => account,
        Err(error) => return errors::database(&error),
    };
    let title = tag.map_or_else(|| "Add a tag".to_owned(), |tag| text::shown(&tag.name, 80));
    let Some(mut frame) = visitor.frame(account, Section::Tags, &title) else { return see_other("/login") };
    frame.crumbs = vec![Crumb { href: "/admin/tags".to_owned(), label: "Tags".to_owned() }];
    frame.done = done;
    let tag = tag.map(|tag| Shown { id: tag.id, usage: tag.usage });
    page(status, &TagForm { frame, form, tag })
}

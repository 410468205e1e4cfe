//! `/admin/views`: the lists that staff see, in their order, with what each holds and whom it is shown to.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::filter::Viewpoint;
use helpdesk::page::Slice;
use helpdesk::views::items::{self, Asked, COUNTED_MAX};
use helpdesk::views::{self, Arranged, Filter, Lists, View, Visibility, write};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Tickets, Users, Views};

use super::condition_words;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// Most views in the room. Who has more arranges them by an app.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "admin/views.html")]
pub struct Room {
    pub frame: Frame,
    pub views: Vec<ViewRow>,
}

pub struct ViewRow {
    pub id: i64,
    pub name: String,
    pub is_system: bool,
    pub is_inactive: bool,
    /// What it holds, in words.
    pub holds: Vec<String>,
    pub seen_by: String,
    /// Such as `12` or `1,000+`; none for lists of customers.
    pub count: Option<String>,
    pub is_first: bool,
    pub is_last: bool,
}

/// `GET /admin/views`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Views>>,
    BySession(may_tickets): BySession<CanRead<Tickets>>,
    _admin: BySession<CanWrite<Users>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let read = async {
        let account = account::name(&app).await?;
        let mut tx = app.db.read().await?;
        let slice = Slice { limit: SHOWN, from: None };
        let found = views::list(&mut tx, &may, Filter::default(), (Arranged::Displayed, false), &slice).await?.items;
        let viewpoint = Viewpoint { now: app.clock.now(), person_id: may.actor().person_id };
        let n_views = found.len();
        let mut rows = Vec::with_capacity(n_views);
        for (at, view) in found.iter().enumerate() {
            let count = match view.lists {
                Lists::Tickets => Some(items::count(&mut tx, &may_tickets, &Asked::of(view, viewpoint)).await?),
                Lists::Customers => None,
            };
            rows.push(row(view, count, (at, n_views)));
        }
        Ok::<_, Error>((account, rows))
    };
    let (account, views) = match read.await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Views, "Views") else { return see_other("/login") };
    frame.done = done(&query);
    page(StatusCode::OK, &Room { frame, views })
}

fn row(view: &View, count: Option<i64>, (at, of): (usize, usize)) -> ViewRow {
    ViewRow {
        id: view.id,
        name: shown_name(view),
        is_system: view.system.is_some(),
        is_inactive: view.deactivated_at.is_some(),
        holds: holds(view),
        seen_by: seen_by(view),
        count: count.map(count_in_words),
        is_first: at == 0,
        is_last: at + 1 == of,
    }
}

/// A name may be empty: apps make views for themselves.
pub fn shown_name(view: &View) -> String {
    if view.name.trim().is_empty() { format!("View {}", view.id) } else { text::shown(&view.name, 80) }
}

fn holds(view: &View) -> Vec<String> {
    let mut lines = condition_words::lines(&view.condition);
    if let Some(search) = &view.search {
        lines.push(format!("has the words “{}”", text::shown(search, 60)));
    }
    if lines.is_empty() {
        lines.push(match view.lists {
            Lists::Tickets => "every ticket but spam and the trash".to_owned(),
            Lists::Customers => "every customer".to_owned(),
        });
    }
    lines
}

pub fn count_in_words(n: i64) -> String {
    if COUNTED_MAX < n { "1,000+".to_owned() } else { n.to_string() }
}

fn seen_by(view: &View) -> String {
    let people = view.people.iter().map(|person| person.name.as_deref().or(person.email.as_deref()).unwrap_or("?"));
    let names: Vec<&str> = view.teams.iter().map(|team| team.name.as_str()).chain(people).collect();
    match view.visibility {
        Visibility::Public => "Everybody".to_owned(),
        Visibility::Shared | Visibility::Private => text::shown(&names.join(", "), 120),
    }
}

/// `POST /admin/views/{id}/up`
pub async fn up(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Views>>,
    BySession(may_read): BySession<CanRead<Views>>,
    _admin: BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    change_places(&app, &may, &may_read, id, Step::Up).await
}

/// `POST /admin/views/{id}/down`
pub async fn down(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Views>>,
    BySession(may_read): BySession<CanRead<Views>>,
    _admin: BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    change_places(&app, &may, &may_read, id, Step::Down).await
}

#[derive(Clone, Copy)]
enum Step {
    Up,
    Down,
}

/// With its neighbour among those that the person sees.
async fn change_places(app: &App, may: &CanWrite<Views>, may_read: &CanRead<Views>, id: i64, step: Step) -> Response {
    let now = app.clock.now();
    let moved = store::transact!(app.db, |tx| {
        let slice = Slice { limit: SHOWN, from: None };
        let page = views::list(tx, may_read, Filter::default(), (Arranged::Displayed, false), &slice).await?;
        let ids: Vec<i64> = page.items.iter().map(|view| view.id).collect();
        let at = ids.iter().position(|it| *it == id).ok_or(Error::NotFound { kind: "view", id })?;
        let first = match step {
            Step::Up => at.checked_sub(1),
            Step::Down => Some(at),
        };
        // At either end there is no neighbour, and nothing to do.
        if let Some([a, b]) = first.and_then(|first| ids.get(first..first + 2)) {
            write::arrange(tx, may, now, &[*b, *a]).await?;
        }
        Ok::<_, Error>(())
    });
    match moved {
        Ok(()) => see_other("/admin/views?done=arranged"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/views/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Views>>,
    _admin: BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match store::transact!(app.db, |tx| write::delete(tx, &may, now, id).await) {
        Ok(()) => see_other("/admin/views?done=view-deleted"),
        Err(error) => errors::helpdesk(&error),
    }
}

//! `/api/v2/ticket_audits`, and the audits of one ticket (Zendesk contract, `resources.ticket_audits`, `types.AuditEvent`): what one request
//! did to a ticket is one audit. What its entries look like: `audit_view.rs`.

use axum::extract::State;
use endpoint::{App, Later, May, Routes};
use helpdesk::page::{Direction, Page, Position, Slice};
use helpdesk::tickets::audits::{self, Audit};
use helpdesk::tickets::message_write::{self, MessageUpdate};
use helpdesk::tickets::messages::INTERNAL_NOTE;
use helpdesk::tickets::{self, list};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::audit_view;
use crate::error::ZendeskError;
use crate::page::{self, Asked, PER_PAGE, Ways};
use crate::query::Params;
use crate::sideload::Beside;
use crate::{Id, Pair, attachments, ticket_view};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/ticket_audits", list_all)
        .get("/api/v2/tickets/{ticket_id}/audits", list_of_ticket)
        .get("/api/v2/tickets/{ticket_id}/audits/count", count)
        .get("/api/v2/tickets/{ticket_id}/audits/{ticket_audit_id}", show)
        .put("/api/v2/tickets/{ticket_id}/audits/{ticket_audit_id}/make_private", make_private)
}

/// `GET /api/v2/ticket_audits`: of all tickets, the newest first. `before_url` leads to older ones, `after_url` to those to come.
pub async fn list_all(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    later: Later,
    mut params: Params,
) -> Answer {
    later.administrator()?;
    // Quirk: a page has at most a hundred audits, whatever is asked, as older clients ask for two hundred and more.
    for (key, value) in &mut params.pairs {
        if key == "page[size]" && value.parse::<usize>().is_ok_and(|size| PER_PAGE < size) {
            *value = PER_PAGE.to_string();
        }
    }
    let mut asked = Asked::read_as(&params, "ticket audits", &["created_at"], (Ways::CursorOnly, true))?;
    if let Some(limit) = params.number("limit")? {
        asked.slice.limit = usize::try_from(limit).unwrap_or(PER_PAGE).clamp(1, PER_PAGE);
    }
    let is_newer_form = params.one("page[after]").is_some() || params.one("page[before]").is_some();
    if let Some(cursor) = params.one("cursor").filter(|_| !is_newer_form) {
        let place = [(OLDER, Direction::After), (NEWER, Direction::Before)]
            .into_iter()
            .find_map(|(list, direction)| Some(Position { keys: page::decode(cursor, list)?, direction }));
        asked.slice.from = Some(place.ok_or_else(|| ZendeskError::bad_request("cursor is not one of this list."))?);
    }
    let mut tx = app.db.read().await?;
    let found = audits::list(&mut tx, &may, true, &asked.slice).await?;
    let sides = sides(&params, &asked.slice, &found);
    let mut body = around((&mut tx, &app), &may, &params, asked, found).await?;
    body.extend(sides);
    Ok(Reply::ok(Value::Object(body)))
}

/// What a cursor of the older form says besides its place.
const OLDER: &str = "ticket audits older";
const NEWER: &str = "ticket audits newer";

/// The two addresses and cursors of the older form. One that leads to what is still to come is given always: clients poll it.
fn sides(params: &Params, slice: &Slice, page: &Page<Audit>) -> Map<String, Value> {
    let keys = |audit: &Audit| {
        vec![helpdesk::page::Key::Int(audit.created_at.as_microsecond()), helpdesk::page::Key::Int(audit.id)]
    };
    let before = page.after.clone().map(|keys| page::encode(&keys, OLDER));
    let newest = page.items.first().map(keys);
    // An empty page behind the newest one: from the same place on.
    let waited = || match &slice.from {
        Some(Position { keys, direction: Direction::Before }) => Some(keys.clone()),
        _ => None,
    };
    let after = newest.or_else(waited).map(|keys| page::encode(&keys, NEWER));
    let url = |cursor: &Option<String>| {
        cursor.as_ref().map(|cursor| {
            let moved = ["page[after]", "page[before]", "page[size]", "cursor", "limit"];
            let kept = params.pairs.iter().filter(|(key, _)| !moved.contains(&key.as_str()));
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(kept).append_pair("cursor", cursor).append_pair("limit", &slice.limit.to_string());
            format!("{}{}?{}", params.site.0, params.path, query.finish())
        })
    };
    Map::from_iter([
        ("before_url".to_owned(), json!(url(&before))),
        ("after_url".to_owned(), json!(url(&after))),
        ("before_cursor".to_owned(), json!(before)),
        ("after_cursor".to_owned(), json!(after)),
    ])
}

/// `GET /api/v2/tickets/{ticket_id}/audits`: the oldest first, unless told.
pub async fn list_of_ticket(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let asked = Asked::read(&params, "audits", &["created_at"])?;
    let mut tx = app.db.read().await?;
    tickets::must_exist(&mut tx, &may, id).await?;
    let found = audits::of_ticket(&mut tx, &may, id, asked.descending, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(around((&mut tx, &app), &may, &params, asked, found).await?)))
}

async fn around(
    (tx, app): (&mut Tx, &App),
    may: &CanRead<Tickets>,
    params: &Params,
    asked: Asked<'_>,
    found: Page<Audit>,
) -> Result<Map<String, Value>, ZendeskError> {
    let mut views = audit_view::views(tx, may, &params.site, &found.items).await?;
    views.iter_mut().for_each(|view| attachments::sign_all(app, view));
    let mut body = asked.around("audits", views, (found.before, found.after, found.total));
    load_beside(tx, may, params, &found.items, &mut body).await?;
    Ok(body)
}

/// People who made the audits, and the tickets with their groups and organizations.
async fn load_beside(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    params: &Params,
    found: &[Audit],
    body: &mut Map<String, Value>,
) -> Result<(), ZendeskError> {
    let mut beside = Beside::of(params);
    beside.users(found.iter().filter_map(|audit| audit.person_id));
    if ["tickets", "groups", "organizations"].iter().any(|kind| params.includes(kind)) {
        let mut ids: Vec<i64> = found.iter().map(|audit| audit.ticket_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let tickets = list::of_ids(tx, may, &ids).await?;
        beside.groups(tickets.iter().filter_map(|it| it.ticket.assignee_team_id));
        beside.organizations(tickets.iter().filter_map(|it| it.ticket.organization_id));
        if params.includes("tickets") {
            let views = ticket_view::views(tx, may, &params.site, &tickets).await?;
            body.insert("tickets".to_owned(), Value::Array(views));
        }
    }
    beside.load(tx, may, &params.site, body).await
}

/// `GET /api/v2/tickets/{ticket_id}/audits/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    tickets::must_exist(&mut tx, &may, id).await?;
    Ok(Reply::count(audits::count(&mut tx, &may, id).await?, app.clock.now()))
}

/// `GET /api/v2/tickets/{ticket_id}/audits/{ticket_audit_id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Pair(ticket_id, id): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    tickets::must_exist(&mut tx, &may, ticket_id).await?;
    let found = [audits::find(&mut tx, &may, ticket_id, id).await?];
    let view = audit_view::views(&mut tx, &may, &params.site, &found).await?.pop();
    let mut view = view.ok_or_else(ZendeskError::not_found)?;
    attachments::sign_all(&app, &mut view);
    let mut body = Map::from_iter([("audit".to_owned(), view)]);
    load_beside(&mut tx, &may, &params, &found, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `PUT /api/v2/tickets/{ticket_id}/audits/{ticket_audit_id}/make_private`: the comment that came with it.
pub async fn make_private(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Pair(ticket_id, id): Pair,
) -> Answer {
    let now = app.clock.now();
    let update =
        MessageUpdate { public: Some(false), channel: Some(INTERNAL_NOTE.to_owned()), ..MessageUpdate::default() };
    transact!(app.db, |tx| {
        let audit = audits::find(tx, &may, ticket_id, id).await?;
        let comments: Vec<i64> = audit_view::comment_ids(&audit).collect();
        if comments.is_empty() {
            return Err(ZendeskError::not_found());
        }
        for comment_id in comments {
            message_write::update(tx, &may, now, (ticket_id, comment_id), update.clone()).await?;
        }
        Ok::<_, ZendeskError>(())
    })?;
    Ok(Reply::ok(json!({})))
}

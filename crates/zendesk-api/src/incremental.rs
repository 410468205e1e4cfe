//! `/api/v2/incremental/...`: all that changed since a time, for programs that keep a copy (Zendesk contract, `conventions.incremental`,
//! `resources.incremental_exports`).
//!
//! Two ways: by whole seconds, where a page ends with a second and the next one begins with it, and by cursor, which repeats nothing. The
//! last minute is left out of tickets and events, so that whatever was written side by side is there when its time is read.

use std::collections::HashMap;

use axum::extract::State;
use endpoint::{App, Later, May, Routes, cursor};
use helpdesk::account;
use helpdesk::events::Event;
use helpdesk::export::{From, Wanted};
use helpdesk::organizations;
use helpdesk::page::{Key, Page};
use helpdesk::profiles::{self, Profile};
use helpdesk::tickets::audits::{self, Audit};
use helpdesk::tickets::list::{self, Trash};
use helpdesk::tickets::messages::{self, Message};
use helpdesk::tickets::{TicketInList, metrics};
use jiff::{SignedDuration, Timestamp};
use scope::permit::CanRead;
use scope::resource::{Customers, Events, Organizations, Tickets, Users};
use serde_json::{Map, Value, json};
use store::Tx;

use crate::answer::{Answer, Reply};
use crate::audit_view::{self, in_export};
use crate::error::{Kind, Problems, ZendeskError};
use crate::query::Params;
use crate::sideload::Beside;
use crate::{Site, Word, organizations as organizations_here, ticket_comments, ticket_metrics, ticket_view, users};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/incremental/organizations", organizations_by_time)
        .get("/api/v2/incremental/ticket_events", ticket_events)
        .get("/api/v2/incremental/tickets", tickets_by_time)
        .get("/api/v2/incremental/tickets/cursor", tickets_by_cursor)
        .get("/api/v2/incremental/users", users_by_time)
        .get("/api/v2/incremental/users/cursor", users_by_cursor)
        .get("/api/v2/incremental/{incremental_resource}/sample", sample)
}

const PER_PAGE: usize = 1_000;
const SAMPLE: usize = 50;
/// A start must lie so far back.
const START_AGO: SignedDuration = SignedDuration::from_secs(60);
/// Tickets and events of the last minute are left out; of people and organizations, the last moments.
pub(crate) const UNSETTLED: SignedDuration = SignedDuration::from_secs(60);
const UNSETTLED_PEOPLE: SignedDuration = SignedDuration::from_secs(5);
/// What stands where a deleted ticket had words.
const SCRUBBED: &str = "SCRUBBED";

/// What a call asks for.
pub(crate) struct Start<'a> {
    params: &'a Params,
    from: From,
    limit: usize,
    /// The time that was asked for, in seconds.
    seconds: i64,
}

impl<'a> Start<'a> {
    /// From `start_time`, which must be there.
    pub(crate) fn by_time(params: &'a Params, now: Timestamp, most: usize) -> Result<Start<'a>, ZendeskError> {
        let seconds = params.number("start_time")?;
        let seconds = seconds.ok_or_else(|| ZendeskError::bad_request("The parameter start_time is missing."))?;
        let from = Timestamp::from_second(seconds).ok().filter(|from| *from <= now - START_AGO);
        let from =
            from.ok_or_else(|| unfit("start_time", "Too recent start_time. Use a start_time older than 60 seconds"))?;
        Ok(Start { params, from: From::Time(from), limit: limit_of(params, most)?, seconds })
    }

    /// Behind `cursor`, else from `start_time`.
    fn by_cursor(params: &'a Params, now: Timestamp, list: &str) -> Result<Start<'a>, ZendeskError> {
        let Some(cursor) = params.one("cursor") else { return Start::by_time(params, now, PER_PAGE) };
        let place = decode(cursor, list);
        let (at, id) = place.ok_or_else(|| ZendeskError::Paging {
            code: "InvalidPaginationParameter",
            title: "Invalid cursor",
            detail: "cursor is not a cursor of this export.".to_owned(),
        })?;
        let from = From::Row(vec![Key::Int(at), Key::Int(id)]);
        Ok(Start { params, from, limit: limit_of(params, PER_PAGE)?, seconds: at.div_euclid(1_000_000) })
    }

    pub(crate) fn wanted(&self, until: Timestamp, whole_seconds: bool) -> Wanted {
        Wanted { from: self.from.clone(), until, limit: self.limit, whole_seconds }
    }

    /// What leads on by time. `last` is when the last record of the page changed.
    pub(crate) fn by_seconds(&self, body: &mut Map<String, Value>, n: usize, last: Option<Timestamp>, more: bool) {
        let last = last.map_or(self.seconds, Timestamp::as_second);
        // A page that never leaves its first second holds all of it.
        let end = if more && last <= self.seconds { last + 1 } else { last };
        body.insert("count".to_owned(), json!(n));
        body.insert("end_time".to_owned(), json!(end));
        body.insert("end_of_stream".to_owned(), json!(!more));
        let next = more.then(|| self.link(&[("start_time", &end.to_string())], &["start_time"]));
        body.insert("next_page".to_owned(), json!(next));
    }

    /// What leads on by cursor.
    fn by_place(&self, body: &mut Map<String, Value>, list: &str, last: Option<(i64, i64)>, more: bool) {
        let after = last.or_else(|| self.place()).map(|place| encode(place, list));
        let url = after.as_ref().map(|cursor| self.link(&[("cursor", cursor)], &["cursor", "start_time"]));
        body.insert("after_url".to_owned(), json!(url));
        body.insert("after_cursor".to_owned(), json!(after));
        // Quirk: exports lead forwards alone.
        body.insert("before_url".to_owned(), Value::Null);
        body.insert("before_cursor".to_owned(), Value::Null);
        body.insert("end_of_stream".to_owned(), json!(!more));
    }

    /// Where a page without records stands still.
    fn place(&self) -> Option<(i64, i64)> {
        match &self.from {
            From::Row(keys) => match keys.as_slice() {
                [Key::Int(at), Key::Int(id)] => Some((*at, *id)),
                _ => None,
            },
            From::Time(at) => Some((at.as_microsecond(), 0)),
        }
    }

    fn link(&self, places: &[(&str, &str)], without: &[&str]) -> String {
        let kept = self.params.pairs.iter().filter(|(key, _)| !without.contains(&key.as_str()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept).extend_pairs(places);
        format!("{}{}?{}", self.params.site.0, self.params.path, query.finish())
    }
}

fn limit_of(params: &Params, most: usize) -> Result<usize, ZendeskError> {
    let asked = params.number("per_page")?.filter(|n| 0 < *n);
    Ok(asked.and_then(|n| usize::try_from(n).ok()).unwrap_or(most).min(most))
}

fn unfit(field: &str, problem: &str) -> ZendeskError {
    ZendeskError::Invalid(Problems::one(field, Kind::Invalid, problem))
}

fn encode((at, id): (i64, i64), list: &str) -> String {
    cursor::write(&format!("{at}|{id}"), list)
}

fn decode(text: &str, list: &str) -> Option<(i64, i64)> {
    let place = cursor::read(text, list)?;
    let (at, id) = place.split_once('|')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}

/// `GET /api/v2/incremental/tickets`
pub async fn tickets_by_time(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let now = app.clock.now();
    let start = Start::by_time(&params, now, PER_PAGE)?;
    let mut tx = app.db.read().await?;
    let page = list::changed(&mut tx, &may, trash(&params), &start.wanted(now - UNSETTLED, true)).await?;
    let mut body = tickets(&mut tx, &may, now, &params, &page.items).await?;
    let last = page.items.last().map(|item| item.ticket.updated_at);
    start.by_seconds(&mut body, page.items.len(), last, page.after.is_some());
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/incremental/tickets/cursor`
pub async fn tickets_by_cursor(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let now = app.clock.now();
    let start = Start::by_cursor(&params, now, "tickets")?;
    let mut tx = app.db.read().await?;
    let page = list::changed(&mut tx, &may, trash(&params), &start.wanted(now - UNSETTLED, false)).await?;
    let mut body = tickets(&mut tx, &may, now, &params, &page.items).await?;
    let last = page.items.last().map(|item| (item.ticket.updated_at.as_microsecond(), item.ticket.id));
    start.by_place(&mut body, "tickets", last, page.after.is_some());
    Ok(Reply::ok(Value::Object(body)))
}

fn trash(params: &Params) -> Trash {
    if params.flag("exclude_deleted") { Trash::LeftOut } else { Trash::Included }
}

async fn tickets(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    now: Timestamp,
    params: &Params,
    items: &[TicketInList],
) -> Result<Map<String, Value>, ZendeskError> {
    let mut views = ticket_view::views(tx, may, &params.site, items).await?;
    for (view, item) in views.iter_mut().zip(items) {
        if item.ticket.trashed_at.is_some() {
            for field in ["subject", "raw_subject", "description"] {
                view[field] = json!(SCRUBBED);
            }
        }
        if params.includes("comment_count") {
            view["comment_count"] = json!(item.ticket.messages_count);
        }
    }
    if params.includes("metric_sets") {
        let hours = account::business_hours(tx).await?;
        let rows: Vec<_> = items.iter().map(|item| &item.ticket).collect();
        let mut found = metrics::of_tickets(tx, may, now, &rows).await?;
        for (view, item) in views.iter_mut().zip(items) {
            if let Some(metrics) = found.remove(&item.ticket.id) {
                view["metric_set"] = ticket_metrics::view(&params.site, &metrics, &hours);
            }
        }
    }
    let mut body = Map::from_iter([("tickets".to_owned(), Value::Array(views))]);
    ticket_view::load_beside(tx, may, &params.site, (Beside::of(params), items), &mut body).await?;
    Ok(body)
}

/// `GET /api/v2/incremental/users`
pub async fn users_by_time(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let now = app.clock.now();
    let start = Start::by_time(&params, now, PER_PAGE)?;
    let mut tx = app.db.read().await?;
    let page = profiles::changed(&mut tx, (&staff, &customers), &start.wanted(now - UNSETTLED_PEOPLE, true)).await?;
    let mut body = people(&mut tx, &customers, &params, &page).await?;
    start.by_seconds(&mut body, page.items.len(), page.items.last().map(|it| it.updated_at), page.after.is_some());
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/incremental/users/cursor`
pub async fn users_by_cursor(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let now = app.clock.now();
    let start = Start::by_cursor(&params, now, "users")?;
    let mut tx = app.db.read().await?;
    let page = profiles::changed(&mut tx, (&staff, &customers), &start.wanted(now - UNSETTLED_PEOPLE, false)).await?;
    let mut body = people(&mut tx, &customers, &params, &page).await?;
    let last = page.items.last().map(|user| (user.updated_at.as_microsecond(), user.id));
    start.by_place(&mut body, "users", last, page.after.is_some());
    Ok(Reply::ok(Value::Object(body)))
}

async fn people(
    tx: &mut Tx,
    may: &CanRead<Customers>,
    params: &Params,
    page: &Page<Profile>,
) -> Result<Map<String, Value>, ZendeskError> {
    let views = page.items.iter().map(|user| person(&params.site, user)).collect();
    let mut body = Map::from_iter([("users".to_owned(), Value::Array(views))]);
    let mut beside = Beside::of(params);
    beside.organizations(page.items.iter().filter_map(|user| user.organization_id));
    beside.groups(page.items.iter().filter_map(|user| user.team_id));
    beside.load(tx, may, &params.site, &mut body).await?;
    Ok(body)
}

fn person(site: &Site, user: &Profile) -> Value {
    let mut view = users::view(site, user);
    view["permanently_deleted"] = json!(user.deleted_at.is_some());
    view
}

/// `GET /api/v2/incremental/organizations`
pub async fn organizations_by_time(
    State(app): State<App>,
    May(may): May<CanRead<Organizations>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let now = app.clock.now();
    let start = Start::by_time(&params, now, PER_PAGE)?;
    let mut tx = app.db.read().await?;
    let page = organizations::changed(&mut tx, &may, &start.wanted(now - UNSETTLED_PEOPLE, true)).await?;
    let views = page.items.iter().map(|organization| organizations_here::view(&params.site, organization)).collect();
    let mut body = Map::from_iter([("organizations".to_owned(), Value::Array(views))]);
    start.by_seconds(&mut body, page.items.len(), page.items.last().map(|it| it.updated_at), page.after.is_some());
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/incremental/ticket_events`
pub async fn ticket_events(
    State(app): State<App>,
    May(may): May<CanRead<Events>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let now = app.clock.now();
    let start = Start::by_time(&params, now, PER_PAGE)?;
    let mut tx = app.db.read().await?;
    let page = audits::in_span(&mut tx, &may, &start.wanted(now - UNSETTLED, true)).await?;
    let mut views = event_views(&params.site, &page.items);
    if params.includes("comment_events") {
        put_comments(&mut tx, &later.permit()?, &params.site, &page.items, &mut views).await?;
    }
    let mut body = Map::new();
    start.by_seconds(&mut body, views.len(), page.items.last().map(|it| it.created_at), page.after.is_some());
    body.insert("ticket_events".to_owned(), Value::Array(views));
    Ok(Reply::ok(Value::Object(body)))
}

/// What one request did to one ticket at one time is one event here. Pages of whole seconds never cut one apart.
fn event_views(site: &Site, events: &[Event]) -> Vec<Value> {
    let mut groups: Vec<(String, Audit)> = Vec::new();
    for event in events {
        let Some(ticket_id) = event.ticket_id else { continue };
        let open = groups.iter_mut().rev().take_while(|(_, audit)| audit.created_at == event.created_at);
        let mut open = open.filter(|(context, audit)| audit.ticket_id == ticket_id && *context == event.context);
        match open.next() {
            Some((_, audit)) => audit.events.push(event.clone()),
            None => {
                let audit = Audit {
                    id: event.id,
                    ticket_id,
                    created_at: event.created_at,
                    person_id: event.person_id,
                    worker: event.worker.clone(),
                    app: None,
                    events: vec![event.clone()],
                };
                groups.push((event.context.clone(), audit));
            }
        }
    }
    let nothing = HashMap::new();
    let view = |(_, audit): &(String, Audit)| in_export(&audit_view::view(site, audit, &nothing), audit.created_at);
    groups.iter().map(view).collect()
}

/// Puts whole comments in place of the notes that there was one.
async fn put_comments(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    site: &Site,
    events: &[Event],
    views: &mut [Value],
) -> Result<(), ZendeskError> {
    let written = events.iter().filter(|event| event.kind == "ticket-message-created");
    let ids: Vec<i64> = written.map(|event| event.object_id).collect();
    let mut comments: HashMap<i64, Message> =
        messages::of_ids(tx, may, &ids).await?.into_iter().map(|message| (message.id, message)).collect();
    for view in views.iter_mut() {
        let audit_id = view["id"].as_i64().unwrap_or_default();
        for child in view["child_events"].as_array_mut().into_iter().flatten() {
            if !child["comment_present"].as_bool().unwrap_or_default() {
                continue;
            }
            let message = child["id"].as_i64().and_then(|id| comments.remove(&id));
            let comment = message.map(|message| ticket_comments::view(site, &message, audit_id));
            if let (Value::Object(child), Some(Value::Object(comment))) = (child, comment) {
                child.extend(comment);
            }
        }
    }
    Ok(())
}

/// `GET /api/v2/incremental/{incremental_resource}/sample`: a few records, to see what an export gives.
pub async fn sample(
    State(app): State<App>,
    May(events): May<CanRead<Events>>,
    later: Later,
    Word(resource): Word,
    params: Params,
) -> Answer {
    later.administrator()?;
    let now = app.clock.now();
    let start = Start::by_time(&params, now, SAMPLE)?;
    let mut tx = app.db.read().await?;
    let wanted = start.wanted(now - UNSETTLED, false);
    let body = match resource.as_str() {
        "tickets" => {
            let may = later.permit()?;
            let page = list::changed(&mut tx, &may, Trash::Included, &wanted).await?;
            tickets(&mut tx, &may, now, &params, &page.items).await?
        }
        "users" => {
            let (staff, customers) = (later.permit()?, later.permit()?);
            let page = profiles::changed(&mut tx, (&staff, &customers), &wanted).await?;
            people(&mut tx, &customers, &params, &page).await?
        }
        "organizations" => {
            let page = organizations::changed(&mut tx, &later.permit()?, &wanted).await?;
            let views = page.items.iter().map(|it| organizations_here::view(&params.site, it)).collect();
            Map::from_iter([("organizations".to_owned(), Value::Array(views))])
        }
        "ticket_events" => {
            let page = audits::in_span(&mut tx, &events, &wanted).await?;
            Map::from_iter([("ticket_events".to_owned(), Value::Array(event_views(&params.site, &page.items)))])
        }
        _ => return Err(ZendeskError::no_endpoint()),
    };
    Ok(Reply::ok(Value::Object(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_one_export() {
        let cursor = encode((1_700_000_000_000_000, 5), "tickets");

        assert_eq!(decode(&cursor, "tickets"), Some((1_700_000_000_000_000, 5)));
        assert_eq!(decode(&cursor, "users"), None);
        assert_eq!(decode("x", "tickets"), None);
    }

    proptest::proptest! {
        #[test]
        fn a_cursor_that_was_made_up_is_refused_and_never_panics(text in ".{0,60}") {
            proptest::prop_assert_eq!(decode(&text, "tickets"), None);
        }
    }
}

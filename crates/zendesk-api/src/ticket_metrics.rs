//! `/api/v2/ticket_metrics` and `/api/v2/incremental/ticket_metric_events` (Zendesk contract, `resources.ticket_metrics`).

use axum::extract::State;
use endpoint::{App, Later, May, Routes};
use helpdesk::account;
use helpdesk::business_hours::BusinessHours;
use helpdesk::events;
use helpdesk::export::{From, Wanted};
use helpdesk::tickets::list::{self, Direction, Sort};
use helpdesk::tickets::metrics::{self, CLOCK_KINDS, Clock, ClockEvent, ClockTurn, Metrics};
use helpdesk::tickets::{Status, TicketInList};
use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::{Events, Tickets};
use serde_json::{Map, Value, json};
use store::Tx;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::incremental::{Start, UNSETTLED};
use crate::page::Asked;
use crate::query::Params;
use crate::tickets::there;
use crate::time::{format, format_or_null};
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/ticket_metrics", list)
        // The metrics of a ticket have its id.
        .get("/api/v2/ticket_metrics/{ticket_metric_id}", show)
        .get("/api/v2/tickets/{ticket_id}/metrics", show)
        .get("/api/v2/incremental/ticket_metric_events", list_events)
}

/// Records that an export of events is made of, on one page.
const EVENTS_PER_PAGE: usize = 1_000;

/// `GET /api/v2/ticket_metrics`: those of the newest tickets first.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Tickets>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "ticket_metrics", &["id"])?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let order = list::order(Sort::Id, Direction::Descending);
    let page = list::list(&mut tx, &may, &there(), order, &asked.slice).await?;
    let views = views(&mut tx, &may, now, &params.site, &page.items).await?;
    Ok(Reply::ok(Value::Object(asked.around("ticket_metrics", views, (page.before, page.after, page.total)))))
}

/// `GET /api/v2/tickets/{ticket_id}/metrics`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let mut tickets = list::of_ids(&mut tx, &may, &[id]).await?;
    tickets.retain(|ticket| ticket.ticket.trashed_at.is_none());
    let view = views(&mut tx, &may, app.clock.now(), &params.site, &tickets).await?.pop();
    Ok(Reply::one("ticket_metric", view.ok_or_else(ZendeskError::not_found)?))
}

async fn views(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    now: Timestamp,
    site: &Site,
    tickets: &[TicketInList],
) -> Result<Vec<Value>, ZendeskError> {
    let hours = account::business_hours(tx).await?;
    let rows: Vec<_> = tickets.iter().map(|item| &item.ticket).collect();
    let mut found = metrics::of_tickets(tx, may, now, &rows).await?;
    let in_order = tickets.iter().filter_map(|item| found.remove(&item.ticket.id));
    Ok(in_order.map(|metrics| view(site, &metrics, &hours)).collect())
}

pub(crate) fn view(site: &Site, metrics: &Metrics, hours: &BusinessHours) -> Value {
    let minutes = |(calendar, business): (i64, i64)| json!({ "calendar": calendar, "business": business });
    let nothing = || json!({ "calendar": null, "business": null });
    let since_creation = |to: Option<Timestamp>| match to {
        Some(to) => {
            let calendar = to.as_second() - metrics.created_at.as_second();
            minutes((calendar / 60, hours.seconds_between(metrics.created_at, to) / 60))
        }
        None => nothing(),
    };
    let reply_seconds = match metrics.first_reply_at {
        Some(at) => {
            minutes((at.as_second() - metrics.created_at.as_second(), hours.seconds_between(metrics.created_at, at)))
        }
        None => nothing(),
    };
    let waits_for_us = [Status::New, Status::Open, Status::OnHold];
    json!({
        "id": metrics.ticket_id,
        "url": site.url(&format!("ticket_metrics/{}", metrics.ticket_id)),
        "ticket_id": metrics.ticket_id,
        "created_at": format(metrics.created_at),
        "updated_at": format(metrics.updated_at),
        "group_stations": metrics.n_teams,
        "assignee_stations": metrics.n_assignees,
        "reopens": metrics.n_reopens,
        "replies": metrics.n_replies,
        "assignee_updated_at": format_or_null(metrics.last_message_of_staff_at),
        "requester_updated_at": format_or_null(metrics.last_message_of_customer_at),
        "status_updated_at": format(metrics.status_changed_at),
        "custom_status_updated_at": format(metrics.status_changed_at),
        "initially_assigned_at": format_or_null(metrics.first_assigned_at),
        "assigned_at": format_or_null(metrics.assigned_at),
        "solved_at": format_or_null(metrics.solved_at),
        "latest_comment_added_at": format_or_null(metrics.last_message_at),
        "reply_time_in_minutes": since_creation(metrics.first_reply_at),
        "reply_time_in_seconds": reply_seconds,
        "first_resolution_time_in_minutes": since_creation(metrics.first_solved_at),
        "full_resolution_time_in_minutes": since_creation(metrics.solved_at),
        "agent_wait_time_in_minutes": minutes(metrics.minutes_in(&[Status::Pending], hours)),
        "requester_wait_time_in_minutes": minutes(metrics.minutes_in(&waits_for_us, hours)),
        "on_hold_time_in_minutes": minutes(metrics.minutes_in(&[Status::OnHold], hours)),
    })
}

/// `GET /api/v2/incremental/ticket_metric_events`. A page is made of so many of our events, so it may hold more or fewer of the vendor's.
pub async fn list_events(
    State(app): State<App>,
    May(may): May<CanRead<Events>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let now = app.clock.now();
    let start = Start::by_time(&params, now, EVENTS_PER_PAGE)?;
    let mut tx = app.db.read().await?;
    if params.pairs.iter().any(|(key, _)| key.starts_with("page[")) {
        let asked = Asked::read(&params, "ticket_metric_events", &["time"])?;
        let mut wanted = Wanted { limit: asked.slice.limit, ..start.wanted(now - UNSETTLED, false) };
        if let Some(from) = &asked.slice.from {
            wanted.from = From::Row(from.keys.clone());
        }
        let page = events::in_span(&mut tx, &may, CLOCK_KINDS, &wanted).await?;
        let told = metrics::clock_events(&mut tx, &may, &page.items).await?;
        let views = told.iter().map(event_view).collect();
        let body = asked.around("ticket_metric_events", views, (None, page.after, None));
        return Ok(Reply::ok(Value::Object(body)));
    }
    let page = events::in_span(&mut tx, &may, CLOCK_KINDS, &start.wanted(now - UNSETTLED, true)).await?;
    let told = metrics::clock_events(&mut tx, &may, &page.items).await?;
    let mut body = Map::new();
    start.by_seconds(&mut body, told.len(), page.items.last().map(|it| it.created_at), page.after.is_some());
    body.insert("ticket_metric_events".to_owned(), told.iter().map(event_view).collect());
    Ok(Reply::ok(Value::Object(body)))
}

fn event_view(event: &ClockEvent) -> Value {
    let metric = match event.clock {
        Clock::AgentWork => "agent_work_time",
        Clock::Reply => "reply_time",
        Clock::RequesterWait => "requester_wait_time",
        Clock::Resolution => "resolution_time",
    };
    let turn = match event.turn {
        ClockTurn::Started => "activate",
        ClockTurn::Paused => "pause",
        ClockTurn::Ended => "fulfill",
    };
    json!({
        // Several come of one event of ours.
        "id": event.event_id * 16 + event.place,
        "ticket_id": event.ticket_id,
        "metric": metric,
        "instance_id": event.cycle,
        "type": turn,
        "time": format(event.at),
        "deleted": false,
    })
}

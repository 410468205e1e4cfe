//! `/admin/statistics/tickets`: the tickets behind a number.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::page::{Direction, Key, Position, Slice};
use helpdesk::statistics::{self, Among, Filter, cards};
use helpdesk::tickets::list::{self, Sort};
use helpdesk::tickets::{Status, TicketInList};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Statistics, Tickets};

use super::statistics::{Chosen, channel_in_words};
use crate::form::Form;
use crate::pages::{Crumb, Frame, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Query, Visitor};
use crate::when::When;
use crate::{account, errors, reach, text};

const LIMIT: usize = 50;

#[derive(Template)]
#[template(path = "admin/statistics_tickets.html")]
pub struct Behind {
    pub frame: Frame,
    /// How the number is made.
    pub about: &'static str,
    pub n_tickets: String,
    pub rows: Vec<Row>,
    /// The address of the next page.
    pub next: Option<String>,
}

pub struct Row {
    pub id: i64,
    pub subject: String,
    pub customer: String,
    pub assignee: String,
    pub channel: String,
    pub is_done: bool,
    pub created: When,
}

/// `GET /admin/statistics/tickets?scope=tickets-created&from=...&to=...`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Statistics>>,
    BySession(may_read): BySession<CanRead<Tickets>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match Behind::read(&app, (&may, &may_read), &visitor, &query).await {
        Ok(Some(found)) => page(StatusCode::OK, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

impl Behind {
    async fn read(
        app: &App,
        (may, may_read): (&CanRead<Statistics>, &CanRead<Tickets>),
        visitor: &Visitor,
        query: &Form,
    ) -> Result<Option<Behind>, Error> {
        let now = app.clock.now();
        let account = account::name(app).await?;
        let (chosen, _) = Chosen::read(query, "UTC", now);
        let scope = query.value("scope");
        let mut question = chosen.question(scope)?;
        question.filters = filters(query);
        let slice = Slice { limit: LIMIT, from: position(query) };
        let mut tx = app.db.read().await?;
        let found = statistics::tickets_behind(&mut tx, may, &question, true, &slice).await?;
        let n_tickets = statistics::count_behind(&mut tx, may, &question).await?;
        let ids: Vec<i64> = found.items.iter().map(|it| it.ticket_id).collect();
        let wanted = list::Filter { ids: Some(ids.clone()), ..list::Filter::default() };
        let order = list::order(Sort::Created, list::Direction::Descending);
        let tickets = list::list(&mut tx, may_read, &wanted, order, &Slice { limit: LIMIT, from: None }).await?;
        let tickets: BTreeMap<i64, TicketInList> =
            tickets.items.into_iter().map(|ticket| (ticket.ticket.id, ticket)).collect();
        let rows = ids.iter().filter_map(|id| tickets.get(id)).map(|it| Row::of(it, now));
        let next = found.after.as_ref().map(|keys| next_address(&chosen, query, keys));

        let card = cards::all().into_iter().find(|card| card.scope == scope);
        let title = card.as_ref().filter(|card| card.slug == scope).map_or("Tickets behind the number", |_| "Tickets");
        let Some(mut frame) = visitor.frame(account, Section::Statistics, title) else { return Ok(None) };
        frame.crumbs =
            vec![Crumb { href: format!("/admin/statistics?{}", chosen.query()), label: "Statistics".to_owned() }];
        Ok(Some(Behind {
            frame,
            about: card.map_or("", |card| card.content),
            n_tickets: reach::number(n_tickets),
            rows: rows.collect(),
            next,
        }))
    }
}

impl Row {
    fn of(it: &TicketInList, now: jiff::Timestamp) -> Row {
        let named = |person: &helpdesk::people::Person| {
            let name = person.name.as_deref().filter(|name| !name.trim().is_empty());
            text::shown(name.or(person.email.as_deref()).unwrap_or("Unnamed"), 60)
        };
        let subject = it.ticket.subject.as_deref().filter(|subject| !subject.trim().is_empty());
        Row {
            id: it.ticket.id,
            subject: text::shown(subject.or(it.ticket.excerpt.as_deref()).unwrap_or("No subject"), 100),
            customer: named(&it.customer),
            assignee: it.assignee_user.as_ref().map_or_else(|| "Nobody".to_owned(), named),
            channel: channel_in_words(&it.ticket.channel),
            is_done: matches!(it.ticket.status, Status::Solved | Status::Closed),
            created: When::at(it.ticket.created_at, now),
        }
    }
}

/// What the row or column of the number was.
fn filters(query: &Form) -> Vec<Filter> {
    let mut filters = Vec::new();
    if let Some(channel) = query.filled("channel") {
        filters.push(Filter::Channel(Among::These(vec![channel.to_owned()])));
    }
    match query.filled("agent").map(str::parse::<i64>) {
        Some(Ok(id)) => filters.push(Filter::User(Among::These(vec![id]))),
        // Nobody.
        Some(Err(_)) => filters.push(Filter::User(Among::These(vec![0]))),
        None => {}
    }
    if let Some(Ok(id)) = query.filled("tag").map(str::parse::<i64>) {
        filters.push(Filter::TagsAny(vec![id]));
    }
    filters
}

fn position(query: &Form) -> Option<Position> {
    let keys: Option<Vec<Key>> = query.filled("after")?.split('.').map(|key| key.parse().ok().map(Key::Int)).collect();
    Some(Position { keys: keys?, direction: Direction::After })
}

fn next_address(chosen: &Chosen, query: &Form, keys: &[Key]) -> String {
    let mut more = form_urlencoded::Serializer::new(String::new());
    for name in ["channel", "agent", "tag"] {
        if let Some(value) = query.filled(name) {
            more.append_pair(name, value);
        }
    }
    let keys = keys.iter().filter_map(|key| if let Key::Int(key) = key { Some(key.to_string()) } else { None });
    more.append_pair("after", &keys.collect::<Vec<_>>().join("."));
    chosen.tickets(query.value("scope"), &format!("&{}", more.finish()))
}

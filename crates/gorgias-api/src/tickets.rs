//! `/api/tickets` (Gorgias contract, `resources.tickets`).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, Later, May};
use helpdesk::Error;
use helpdesk::filter::Viewpoint;
use helpdesk::tags::{NAME_MAX_CHARS, NewTag};
use helpdesk::tickets::list::{self, Direction, Filter, Sort, Trash};
use helpdesk::tickets::matching;
use helpdesk::tickets::merge::{self, SOURCES_MAX};
use helpdesk::tickets::tags::TAGS_MAX;
use helpdesk::tickets::write::{self, NewTicket, SetStatus, TicketUpdate};
use helpdesk::tickets::{self, Priority};
use helpdesk::views::{self, Lists, items};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use store::transact;

use crate::error::GorgiasError;
use crate::fields::{Body, Fields, ID_MAX};
use crate::messages::{reach, read_message};
use crate::page::Asked;
use crate::query::Params;
use crate::ticket_view::{TicketInListView, TicketView};
use crate::{Id, answer, field_values, person_ref};

const ORDERS: &[&str] =
    &["created_datetime:desc", "created_datetime:asc", "updated_datetime:desc", "updated_datetime:asc"];
pub(crate) const STATUSES: &[&str] = &["open", "closed"];
pub(crate) const PRIORITIES: &[&str] = &["critical", "high", "normal", "low"];
const MESSAGES_MAX: usize = 500;
const IDS_MAX: usize = 100;
pub(crate) const SUBJECT_MAX_CHARS: usize = 998;
const WORD_MAX_CHARS: usize = 64;

/// `GET /api/tickets`
pub async fn list(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    later: Later,
    mut params: Params,
) -> Result<Response, GorgiasError> {
    let asked = Asked::read(&mut params, "tickets", ORDERS)?;
    let ids = params.ids("ticket_ids", IDS_MAX);
    let filter = Filter {
        customer_id: params.id("customer_id"),
        external_id: params.text("external_id", 255),
        ids: (!ids.is_empty()).then_some(ids),
        trash: if params.flag("trashed") == Some(false) { Trash::LeftOut } else { Trash::Included },
        ..Filter::default()
    };
    let view_id = params.id("view_id");
    if params.id("rule_id").is_some() {
        params.problem("rule_id", "No rule has this id.");
    }
    params.finish()?;
    let sort = if asked.order_by.starts_with("updated") { Sort::Updated } else { Sort::Created };
    let direction = if asked.is_descending() { Direction::Descending } else { Direction::Ascending };
    let mut tx = app.db.read().await?;
    if let Some(view_id) = view_id {
        let view = match views::find(&mut tx, &later.permit()?, view_id).await {
            Err(Error::NotFound { .. }) => return Err(GorgiasError::invalid("view_id", "No view has this id.")),
            view => view?,
        };
        if view.lists != Lists::Tickets {
            return Err(GorgiasError::invalid("view_id", "The view lists customers."));
        }
        let sort_of_view = if sort == Sort::Updated { matching::Sort::Updated } else { matching::Sort::Created };
        let viewpoint = Viewpoint { now: app.clock.now(), person_id: may.actor().person_id };
        let asked_of_view = items::Asked::of(&view, viewpoint).within(&filter);
        let page = items::tickets(&mut tx, &may, &asked_of_view, (sort_of_view, direction), &asked.slice).await?;
        return Ok(asked.answer(&page, TicketInListView));
    }
    let page = list::list(&mut tx, &may, &filter, list::order(sort, direction), &asked.slice).await?;
    Ok(asked.answer(&page, TicketInListView))
}

/// `GET /api/tickets/{id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    mut params: Params,
) -> Result<Response, GorgiasError> {
    // Field values are always shown.
    params.several_of("relationships", &["custom_fields"]);
    params.finish()?;
    let mut tx = app.db.read().await?;
    let ticket = tickets::find(&mut tx, &may, id).await?;
    Ok(answer(StatusCode::OK, &TicketView(&ticket)))
}

/// `POST /api/tickets`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    later: Later,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    let mut new = read_new(&mut fields);
    for message in &mut new.messages {
        message.brought.reach = reach(&later);
    }
    fields.finish()?;
    let now = app.clock.now();
    let ticket = transact!(app.db, |tx| {
        let id = write::create(tx, &may, now, new.clone()).await?;
        tickets::written(tx, &may, id).await
    })?;
    Ok(answer(StatusCode::CREATED, &TicketView(&ticket)))
}

/// `PUT /api/tickets/{id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    let update = read_update(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let ticket = transact!(app.db, |tx| {
        write::update(tx, &may, now, id, update.clone()).await?;
        tickets::written(tx, &may, id).await
    })?;
    Ok(answer(StatusCode::OK, &TicketView(&ticket)))
}

/// `DELETE /api/tickets/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| write::delete(tx, &may, now, id).await)?;
    Ok(crate::empty(StatusCode::NO_CONTENT))
}

/// `PUT /api/tickets/{id}/merge`, which is ours: the vendor has the event, and no call that makes it.
pub async fn merge(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    fields.require("source_tickets_ids");
    let source_ids = fields.ids("source_tickets_ids", 1, SOURCES_MAX).unwrap_or_default();
    fields.finish()?;
    let now = app.clock.now();
    let ticket = transact!(app.db, |tx| {
        merge::merge(tx, &may, now, id, &source_ids).await?;
        tickets::written(tx, &may, id).await
    })?;
    Ok(answer(StatusCode::OK, &TicketView(&ticket)))
}

/// `POST /api/tickets/{id}/split`, which is ours: answers the new ticket.
pub async fn split(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    fields.require("message_ids");
    let message_ids = fields.ids("message_ids", 1, merge::MESSAGES_MAX).unwrap_or_default();
    fields.finish()?;
    let now = app.clock.now();
    let ticket = transact!(app.db, |tx| {
        let new_id = merge::split(tx, &may, now, id, &message_ids).await?;
        tickets::written(tx, &may, new_id).await
    })?;
    Ok(answer(StatusCode::CREATED, &TicketView(&ticket)))
}

fn read_new(fields: &mut Fields) -> NewTicket {
    fields.require("messages");
    let messages = fields.each("messages", MESSAGES_MAX, read_message);
    if messages.as_ref().is_some_and(Vec::is_empty) {
        fields.problem("messages", "Shorter than minimum length 1.");
    }
    let sent = read_update(fields);
    NewTicket {
        messages: messages.unwrap_or_default(),
        customer: sent.customer,
        channel: sent.channel,
        via: sent.via,
        from_agent: sent.from_agent,
        subject: sent.subject.flatten(),
        status: sent.status,
        priority: sent.priority,
        assignee_user_id: sent.assignee_user_id.flatten(),
        assignee_team_id: sent.assignee_team_id.flatten(),
        tags: sent.tags.unwrap_or_default(),
        fields: sent.fields.unwrap_or_default(),
        spam: sent.spam.unwrap_or_default(),
        language: sent.language.flatten(),
        external_id: sent.external_id.flatten(),
        meta: sent.meta.flatten(),
        imported: fields.flag("imported").unwrap_or_default(),
        split_from: fields.integer_or_null("split_from", 1, ID_MAX).value(),
        created_at: fields.time_or_null("created_datetime").value(),
        opened_at: sent.opened_at.flatten(),
        updated_at: sent.updated_at,
        last_message_at: sent.last_message_at.flatten(),
        last_received_message_at: sent.last_received_message_at.flatten(),
        closed_at: sent.closed_at.flatten(),
        snoozed_until: sent.snoozed_until.flatten(),
        trashed_at: sent.trashed_at.flatten(),
        ..NewTicket::default()
    }
}

fn read_update(fields: &mut Fields) -> TicketUpdate {
    TicketUpdate {
        // Ours: when the writer saw the ticket changed last. A change of an older state is refused.
        seen_updated_at: fields.time_or_null("last_updated_datetime").value(),
        status: fields.one_of("status", STATUSES).map(status),
        priority: fields.one_of("priority", PRIORITIES).map(priority),
        subject: fields.text_or_null("subject", SUBJECT_MAX_CHARS).change(),
        channel: fields.text_within("channel", 1, WORD_MAX_CHARS),
        via: fields.text_within("via", 1, WORD_MAX_CHARS),
        customer: fields.nested("customer", person_ref::read).value(),
        assignee_user_id: fields.nested("assignee_user", read_id).change().map(Option::flatten),
        assignee_team_id: fields.nested("assignee_team", read_id).change().map(Option::flatten),
        tags: fields.each_or_null("tags", TAGS_MAX, read_tag).change().map(Option::unwrap_or_default),
        // Null is no list of values, and leaves them.
        fields: field_values::read(fields).value(),
        is_unread: fields.flag("is_unread"),
        spam: fields.flag_or_null("spam").change().map(Option::unwrap_or_default),
        from_agent: fields.flag_or_null("from_agent").value(),
        language: fields.language_or_null("language").change(),
        external_id: fields.text_or_null("external_id", 255).change(),
        meta: fields.object_or_null("meta").change(),
        opened_at: fields.time_or_null("opened_datetime").change(),
        updated_at: fields.time_or_null("updated_datetime").value(),
        last_message_at: fields.time_or_null("last_message_datetime").change(),
        last_received_message_at: fields.time_or_null("last_received_message_datetime").change(),
        closed_at: fields.time_or_null("closed_datetime").change(),
        snoozed_until: fields.time_or_null("snooze_datetime").change(),
        trashed_at: fields.time_or_null("trashed_datetime").change(),
        ..TicketUpdate::default()
    }
}

fn status(word: &str) -> SetStatus {
    if word == "closed" { SetStatus::Done } else { SetStatus::Waiting }
}

fn priority(word: &str) -> Priority {
    match word {
        "critical" => Priority::Urgent,
        "high" => Priority::High,
        "low" => Priority::Low,
        _ => Priority::Normal,
    }
}

/// A nested object is set by id; no id clears it.
fn read_id(fields: &mut Fields) -> Option<i64> {
    fields.id_or_null("id").value()
}

fn read_tag(fields: &mut Fields) -> NewTag {
    let color = |decoration: &mut Fields| decoration.text_or_null("color", WORD_MAX_CHARS).value();
    NewTag {
        name: fields.required_text("name", 1, NAME_MAX_CHARS),
        description: None,
        color: fields.nested("decoration", color).value().flatten(),
    }
}

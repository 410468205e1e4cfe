//! What the templates of integrations, and the body of a call without one, tell of an event.
//!
//! Names and values are those of the dialect whose templates these are (Gorgias contract, `http_delivery.context`).

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use store::{Row, Tx};

use crate::Error;
use crate::custom_fields::{self, Carrier};
use crate::follow::Logged;
use crate::templates::Facts;

/// Longest text of a message that is told, in characters.
const BODY_MAX_CHARS: usize = 50_000;

/// Of a ticket and an event about it, or about one of its messages. None if the ticket is gone.
pub(super) async fn of(
    tx: &mut Tx,
    ticket_id: i64,
    message_id: Option<i64>,
    event: &Json,
) -> Result<Option<Facts>, Error> {
    let Some(ticket) = ticket(tx, ticket_id).await? else { return Ok(None) };
    let mut facts = json!({ "ticket": ticket, "event": event });
    if let Some(message_id) = message_id
        && let Some(message) = message(tx, message_id).await?
    {
        facts["message"] = message;
    }
    Ok(Some(Facts(facts)))
}

/// The event itself.
pub(super) fn event(event: &Logged, trigger: &str) -> Json {
    json!({
        "id": event.id, "type": trigger, "object_type": event.object_type, "object_id": event.object_id,
        "user_id": event.person_id, "context": event.context, "created_datetime": time(event.created_at),
    })
}

async fn ticket(tx: &mut Tx, id: i64) -> Result<Option<Json>, Error> {
    let row = tx
        .row(
            "select t.id, t.external_id, t.status, t.priority, t.channel, t.via, t.spam, t.from_agent, t.customer_id,
                    t.assignee_user_id, t.assignee_team_id, t.subject, t.excerpt, t.meta, t.language, t.created_at, t.opened_at,
                    t.last_received_message_at, t.last_message_at, t.updated_at, t.closed_at, t.snoozed_until, t.trashed_at,
                    c.name as customer_name, c.firstname as customer_firstname, c.lastname as customer_lastname,
                    c.email as customer_email, c.external_id as customer_external_id, c.data as customer_data,
                    u.name as user_name, u.firstname as user_firstname, u.lastname as user_lastname, u.email as user_email,
                    g.name as team_name
             from tickets t
             left join people c on c.id = t.customer_id
             left join people u on u.id = t.assignee_user_id
             left join teams g on g.id = t.assignee_team_id
             where t.id = $1",
            &[id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let tags = tx
        .rows(
            "select g.id, g.name from ticket_tags tt join tags g on g.id = tt.tag_id
             where tt.ticket_id = $1 and g.merged_into is null order by g.name",
            &[id.into()],
        )
        .await?;
    let tags: Result<Vec<Json>, store::StoreError> =
        tags.iter().map(|tag| Ok(json!({ "id": tag.int("id")?, "name": tag.text("name")? }))).collect();
    let custom_fields: Map<String, Json> = custom_fields::of_object(tx, Carrier::Ticket, id)
        .await?
        .iter()
        .map(|(field_id, value)| (field_id.to_string(), json!({ "id": field_id, "value": value.to_flat_json() })))
        .collect();
    let status = row.text("status")?;
    let priority = row.text("priority")?;
    let customer = json!({
        "id": row.int_or_null("customer_id")?, "name": row.text_or_null("customer_name")?,
        "firstname": row.text_or_null("customer_firstname")?, "lastname": row.text_or_null("customer_lastname")?,
        "email": row.text_or_null("customer_email")?, "external_id": row.text_or_null("customer_external_id")?,
        "data": row.json("customer_data")?,
    });
    let assignee_user = match row.int_or_null("assignee_user_id")? {
        Some(id) => json!({
            "id": id, "name": row.text_or_null("user_name")?, "firstname": row.text_or_null("user_firstname")?,
            "lastname": row.text_or_null("user_lastname")?, "email": row.text_or_null("user_email")?,
        }),
        None => Json::Null,
    };
    let assignee_team = match row.int_or_null("assignee_team_id")? {
        Some(id) => json!({ "id": id, "name": row.text_or_null("team_name")? }),
        None => Json::Null,
    };
    Ok(Some(json!({
        "id": id,
        "external_id": row.text_or_null("external_id")?,
        // Two words stand for our six, as everywhere in this dialect.
        "status": if matches!(status.as_str(), "solved" | "closed") { "closed" } else { "open" },
        "priority": if priority == "urgent" { "critical" } else { priority.as_str() },
        "channel": row.text("channel")?,
        "via": row.text("via")?,
        "spam": row.flag("spam")?,
        "from_agent": row.flag("from_agent")?,
        "customer_id": row.int_or_null("customer_id")?,
        "assignee_user_id": row.int_or_null("assignee_user_id")?,
        "assignee_team_id": row.int_or_null("assignee_team_id")?,
        "subject": row.text_or_null("subject")?,
        "excerpt": row.text_or_null("excerpt")?,
        "meta": row.json("meta")?,
        "language": row.text_or_null("language")?,
        "created_datetime": at(&row, "created_at")?,
        "opened_datetime": at(&row, "opened_at")?,
        "last_received_message_datetime": at(&row, "last_received_message_at")?,
        "last_message_datetime": at(&row, "last_message_at")?,
        "updated_datetime": at(&row, "updated_at")?,
        "closed_datetime": at(&row, "closed_at")?,
        "snooze_datetime": at(&row, "snoozed_until")?,
        "trashed_datetime": at(&row, "trashed_at")?,
        "custom_fields": custom_fields,
        "tags": tags?,
        "customer": customer,
        "requester": customer,
        "assignee_user": assignee_user,
        "assignee_team": assignee_team,
    })))
}

async fn message(tx: &mut Tx, id: i64) -> Result<Option<Json>, Error> {
    let row = tx
        .row(
            "select m.id, m.ticket_id, m.external_id, m.message_id, m.public, m.channel, m.via, m.from_agent, m.subject, m.body_text,
                    m.body_html, m.stripped_text, m.created_at, m.sent_at, m.failed_at,
                    s.id as sender_id, s.name as sender_name, s.firstname as sender_firstname, s.lastname as sender_lastname,
                    s.email as sender_email
             from messages m left join people s on s.id = m.sender_id where m.id = $1",
            &[id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let cut = |name: &'static str| -> Result<Option<String>, Error> {
        Ok(row.text_or_null(name)?.map(|text| text.chars().take(BODY_MAX_CHARS).collect()))
    };
    Ok(Some(json!({
        "id": id,
        "ticket_id": row.int("ticket_id")?,
        "external_id": row.text_or_null("external_id")?,
        "message_id": row.text_or_null("message_id")?,
        "public": row.flag("public")?,
        "channel": row.text("channel")?,
        "via": row.text("via")?,
        "from_agent": row.flag("from_agent")?,
        "subject": row.text_or_null("subject")?,
        "body_text": cut("body_text")?,
        "body_html": cut("body_html")?,
        "stripped_text": cut("stripped_text")?,
        "sender": {
            "id": row.int_or_null("sender_id")?, "name": row.text_or_null("sender_name")?,
            "firstname": row.text_or_null("sender_firstname")?, "lastname": row.text_or_null("sender_lastname")?,
            "email": row.text_or_null("sender_email")?,
        },
        "created_datetime": at(&row, "created_at")?,
        "sent_datetime": at(&row, "sent_at")?,
        "failed_datetime": at(&row, "failed_at")?,
    })))
}

fn at(row: &Row, column: &'static str) -> Result<Option<String>, Error> {
    Ok(row.time_or_null(column)?.map(time))
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

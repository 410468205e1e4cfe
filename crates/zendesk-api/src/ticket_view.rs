//! A ticket as this dialect shows it (Zendesk contract, `resources.tickets.objects.Ticket`).

use std::collections::HashMap;

use helpdesk::satisfaction_surveys;
use helpdesk::tickets::around::{self, Around};
use helpdesk::tickets::list;
use helpdesk::tickets::{Priority, Status, Ticket, TicketInList, TicketType};
use scope::permit::{CanWrite, Permit};
use scope::resource::{Access, Tickets};
use serde_json::{Map, Value, json};
use store::Tx;

use crate::Site;
use crate::error::ZendeskError;
use crate::satisfaction_ratings;
use crate::sideload::Beside;
use crate::time::{format, format_or_null};

pub(crate) const STATUSES: &[&str] = &["new", "open", "pending", "hold", "solved", "closed"];
pub(crate) const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];
pub(crate) const TYPES: &[&str] = &["question", "incident", "problem", "task"];

/// Tickets with what stands around them, in their order.
pub(crate) async fn views<A: Access>(
    tx: &mut Tx,
    may: &Permit<Tickets, A>,
    site: &Site,
    tickets: &[TicketInList],
) -> Result<Vec<Value>, ZendeskError> {
    let around = around_of(tx, may, tickets).await?;
    let ids: Vec<i64> = tickets.iter().map(|ticket| ticket.ticket.id).collect();
    let surveys = satisfaction_surveys::of_tickets(tx, may, &ids).await?;
    let shown = |ticket: &TicketInList| {
        let mut shown = view(site, ticket, around.get(&ticket.ticket.id));
        if let Some(survey) = surveys.get(&ticket.ticket.id) {
            shown["satisfaction_rating"] = satisfaction_ratings::in_ticket(survey);
        }
        shown
    };
    Ok(tickets.iter().map(shown).collect())
}

async fn around_of<A: Access>(
    tx: &mut Tx,
    may: &Permit<Tickets, A>,
    tickets: &[TicketInList],
) -> Result<HashMap<i64, Around>, ZendeskError> {
    let ids: Vec<i64> = tickets.iter().map(|ticket| ticket.ticket.id).collect();
    Ok(around::around(tx, may, &ids).await?)
}

/// The ticket that was just written.
pub(crate) async fn written(tx: &mut Tx, may: &CanWrite<Tickets>, site: &Site, id: i64) -> Result<Value, ZendeskError> {
    let ticket = [list::written(tx, may, id).await?];
    let view = views(tx, may, site, &ticket).await?.pop();
    view.ok_or_else(ZendeskError::not_found)
}

/// Loads what was asked for beside tickets.
pub(crate) async fn load_beside<A: Access>(
    tx: &mut Tx,
    may: &Permit<Tickets, A>,
    site: &Site,
    (mut beside, tickets): (Beside, &[TicketInList]),
    body: &mut Map<String, Value>,
) -> Result<(), ZendeskError> {
    for TicketInList { ticket, .. } in tickets {
        beside.users([ticket.customer_id].into_iter().chain(ticket.assignee_user_id));
        beside.groups(ticket.assignee_team_id);
        beside.organizations(ticket.organization_id);
    }
    let shown = || body.get("tickets").and_then(Value::as_array).into_iter().flatten().chain(body.get("ticket"));
    beside.brands(shown().filter_map(|ticket| ticket["brand_id"].as_i64()));
    beside.custom_statuses(shown().filter_map(|ticket| ticket["custom_status_id"].as_i64()));
    beside.ticket_forms(shown().filter_map(|ticket| ticket["ticket_form_id"].as_i64()));
    beside.load(tx, may, site, body).await
}

pub(crate) const fn status_word(status: Status) -> &'static str {
    match status {
        Status::OnHold => "hold",
        other => other.word(),
    }
}

pub(crate) fn status_of(word: &str) -> Option<Status> {
    Status::ALL.iter().copied().find(|status| status_word(*status) == word)
}

pub(crate) fn priority_of(word: &str) -> Option<Priority> {
    Priority::parse(word)
}

/// `api`, `email`, and so on; where our word is not the vendor's, theirs.
pub(crate) fn via(channel: &str, via: &str) -> Value {
    let word = match (channel, via) {
        (_, "rule") => "rule",
        ("email", _) => "email",
        (_, "helpdesk") => "web",
        ("phone", _) => "voice",
        ("contact_form", _) => "web_form",
        ("internal-note", word) => word,
        (word, _) => word,
    };
    json!({ "channel": word, "source": { "from": {}, "to": {}, "rel": null } })
}

pub(crate) fn view(site: &Site, item: &TicketInList, around: Option<&Around>) -> Value {
    let TicketInList { ticket, tags, fields, .. } = item;
    let nothing = Around::default();
    let around = around.unwrap_or(&nothing);
    let mut collaborators: Vec<i64> = around.cc_ids.iter().chain(&around.follower_ids).copied().collect();
    collaborators.sort_unstable();
    collaborators.dedup();
    let values: Vec<Value> = fields.iter().map(|(id, value)| json!({ "id": id, "value": value.to_json() })).collect();
    let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    let subject = ticket.subject.as_deref().unwrap_or_default();
    json!({
        "id": ticket.id,
        "url": site.url(&format!("tickets/{}", ticket.id)),
        "external_id": ticket.external_id,
        "via": via(&ticket.channel, &ticket.via),
        "created_at": format(ticket.created_at),
        "updated_at": format(ticket.updated_at),
        "generated_timestamp": ticket.updated_at.as_second(),
        "type": ticket.kind.map(TicketType::word),
        "subject": subject,
        "raw_subject": subject,
        "description": around.first_text.as_deref().unwrap_or_default(),
        "priority": ticket.priority.word(),
        "status": status_of_ticket(ticket),
        "recipient": around.recipient,
        "requester_id": ticket.customer_id,
        "submitter_id": around.first_sender_id.unwrap_or(ticket.customer_id),
        "assignee_id": ticket.assignee_user_id,
        "organization_id": ticket.organization_id,
        "group_id": ticket.assignee_team_id,
        "collaborator_ids": collaborators,
        "follower_ids": around.follower_ids,
        "email_cc_ids": around.cc_ids,
        "forum_topic_id": null,
        "problem_id": ticket.problem_id,
        "has_incidents": around.has_incidents,
        "is_public": around.is_public,
        "due_at": format_or_null(ticket.due_at),
        "tags": names,
        "custom_fields": values,
        "fields": values,
        "satisfaction_rating": { "score": "unoffered" },
        "sharing_agreement_ids": [],
        "custom_status_id": around.custom_status_id,
        "followup_ids": around.followup_ids,
        "ticket_form_id": ticket.form_id,
        "brand_id": around.brand_id,
        "allow_channelback": false,
        "allow_attachments": true,
        "from_messaging_channel": false,
    })
}

fn status_of_ticket(ticket: &Ticket) -> &'static str {
    if ticket.trashed_at.is_some() { "deleted" } else { status_word(ticket.status) }
}

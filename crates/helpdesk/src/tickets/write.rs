//! Creating, changing and deleting tickets. Every change takes the ticket's row first, so that two callers never overwrite each other
//! and an event's before and after are true.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Tickets;
use serde_json::Value as Json;
use store::{Tx, Value};

use super::checks::{check_followup, check_form, check_problem, check_split, check_team, check_user};
pub use super::closing::SetStatus;
pub(super) use super::closing::{Closing, reopen};
use super::closing::{close, snooze};
use super::message_draft::{self, Draft, Known, NewMessage};
use super::{Priority, Status, Ticket, TicketType, changes, fields, message_actions, message_write, tags};
use crate::custom_fields::{Extent, SentValue};
use crate::people::{PersonRef, json_to_store, prefixed};
use crate::tags::NewTag;
use crate::{Error, brands, custom_statuses, customers, events, jobs, organizations, search};

/// A ticket to be, with its first messages.
#[derive(Debug, Clone, Default)]
pub struct NewTicket {
    /// At least one.
    pub messages: Vec<NewMessage>,
    /// Who asks. Without it, the sender of the first customer message; without that, the receiver of the first message.
    pub customer: Option<PersonRef>,
    /// Default: that of the first message. So is `via`, and so is `from_agent`.
    pub channel: Option<String>,
    pub via: Option<String>,
    pub from_agent: Option<bool>,
    pub subject: Option<String>,
    /// Default: open.
    pub status: Option<SetStatus>,
    /// Default: normal.
    pub priority: Option<Priority>,
    pub assignee_user_id: Option<i64>,
    pub assignee_team_id: Option<i64>,
    pub tags: Vec<NewTag>,
    pub fields: Vec<SentValue>,
    /// Default: the one that the customer belongs to.
    pub organization_id: Option<i64>,
    pub form_id: Option<i64>,
    pub kind: Option<TicketType>,
    pub due_at: Option<Timestamp>,
    /// Must be a ticket of the type problem.
    pub problem_id: Option<i64>,
    /// Must be closed. Subject, customer and what else is not said are taken from it.
    pub followup_of: Option<i64>,
    /// Must be active.
    pub brand_id: Option<i64>,
    /// Must be active and of the ticket's status.
    pub custom_status_id: Option<i64>,
    pub spam: bool,
    pub language: Option<String>,
    pub external_id: Option<String>,
    /// The address that the customer wrote to. Default: that of the first message, if it is theirs.
    pub recipient: Option<String>,
    pub meta: Option<Json>,
    pub imported: bool,
    /// Must exist.
    pub split_from: Option<i64>,
    /// Backdates the ticket.
    pub created_at: Option<Timestamp>,
    pub opened_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    /// Default: the newest message. So is `last_received_message_at`, of customer messages.
    pub last_message_at: Option<Timestamp>,
    pub last_received_message_at: Option<Timestamp>,
    /// Closes the ticket.
    pub closed_at: Option<Timestamp>,
    /// Closes the ticket until then.
    pub snoozed_until: Option<Timestamp>,
    pub trashed_at: Option<Timestamp>,
}

/// What to change. The outer `None` leaves a field as it is, the inner one clears it.
#[derive(Debug, Clone, Default)]
pub struct TicketUpdate {
    /// When the writer saw it changed last: `Changed` if that is no longer so. Without a fraction, the second is compared.
    pub seen_updated_at: Option<Timestamp>,
    /// For callers to whom a closed ticket is closed for good: `Invalid` on `status` then.
    pub closed_is_final: bool,
    pub status: Option<SetStatus>,
    pub priority: Option<Priority>,
    pub subject: Option<Option<String>>,
    pub channel: Option<String>,
    pub via: Option<String>,
    pub customer: Option<PersonRef>,
    pub assignee_user_id: Option<Option<i64>>,
    pub assignee_team_id: Option<Option<i64>>,
    /// Replaces every tag.
    pub tags: Option<Vec<NewTag>>,
    /// Replaces every value.
    pub fields: Option<Vec<SentValue>>,
    pub organization_id: Option<Option<i64>>,
    pub form_id: Option<Option<i64>>,
    pub kind: Option<Option<TicketType>>,
    pub due_at: Option<Option<Timestamp>>,
    pub problem_id: Option<Option<i64>>,
    /// Must be active.
    pub brand_id: Option<i64>,
    /// Must be active and of the status that the ticket has then.
    pub custom_status_id: Option<i64>,
    pub is_unread: Option<bool>,
    pub spam: Option<bool>,
    pub from_agent: Option<bool>,
    pub language: Option<Option<String>>,
    pub external_id: Option<Option<String>>,
    pub meta: Option<Option<Json>>,
    pub opened_at: Option<Option<Timestamp>>,
    pub updated_at: Option<Timestamp>,
    pub last_message_at: Option<Option<Timestamp>>,
    pub last_received_message_at: Option<Option<Timestamp>>,
    pub closed_at: Option<Option<Timestamp>>,
    pub snoozed_until: Option<Option<Timestamp>>,
    pub trashed_at: Option<Option<Timestamp>>,
}

/// Creates a ticket with its messages and tags, and answers its id. Missing customers and tags are created.
///
/// `Invalid` names the field: no message, an unknown person, assignee, team or original ticket. Nothing is stored then.
pub async fn create(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, new: NewTicket) -> Result<i64, Error> {
    let actor = may.actor();
    let Some(first) = new.messages.first() else {
        return Err(Error::invalid("messages", "Shorter than minimum length 1."));
    };
    let mut known = Known::default();
    let customer_id = find_customer(tx, (actor, now), &new, &mut known).await?;
    let (channel, via) = (new.channel.unwrap_or(first.channel.clone()), new.via.unwrap_or(first.via.clone()));
    let from_agent = new.from_agent.unwrap_or(first.from_agent);
    let recipient = new.recipient.or_else(|| first.recipient()).map(|address| address.to_lowercase());
    check_user(tx, new.assignee_user_id).await?;
    check_team(tx, new.assignee_team_id).await?;
    check_split(tx, new.split_from).await?;
    check_form(tx, new.form_id).await?;
    check_problem(tx, 0, new.problem_id).await?;
    check_followup(tx, new.followup_of).await?;
    if let Some(id) = new.brand_id {
        brands::must_be_active(tx, id).await?;
    }
    let organization_id = match new.organization_id {
        Some(id) => organizations::must_exist(tx, id).await.map(|()| Some(id))?,
        None => organizations::default_of(tx, customer_id).await?,
    };

    let mut drafts = Vec::with_capacity(new.messages.len());
    let mut brought = Vec::new();
    for (at, mut message) in new.messages.into_iter().enumerate() {
        let brings = std::mem::take(&mut message.brought);
        if !brings.is_empty() {
            brought.push((at, brings));
        }
        drafts.push(
            message_draft::draft(tx, (actor, now), customer_id, message, &mut known)
                .await
                .map_err(|error| prefixed(&format!("messages.{at}"), error))?,
        );
    }

    let newest = drafts.iter().max_by_key(|draft| draft.created_at);
    let received = drafts.iter().filter(|draft| !draft.from_agent).map(|draft| draft.created_at).max();
    let status = new.status.map_or(Status::Open, |status| status.from(Status::Open));
    let mut ticket = Ticket {
        id: 0,
        external_id: new.external_id,
        status,
        priority: new.priority.unwrap_or(Priority::Normal),
        channel,
        via,
        from_agent,
        subject: new.subject,
        excerpt: newest.and_then(Draft::excerpt),
        language: new.language,
        customer_id,
        assignee_user_id: new.assignee_user_id,
        assignee_team_id: new.assignee_team_id,
        messages_count: i64::try_from(drafts.len()).unwrap_or(i64::MAX),
        is_unread: received.is_some(),
        spam: new.spam,
        imported: new.imported,
        last_sent_message_not_delivered: last_was_not_delivered(&drafts),
        meta: json_to_store(new.meta.as_ref())?,
        split_from: new.split_from,
        organization_id,
        form_id: new.form_id,
        kind: new.kind,
        due_at: new.due_at,
        problem_id: new.problem_id,
        followup_of: new.followup_of,
        brand_id: new.brand_id,
        custom_status_id: None,
        created_at: new.created_at.unwrap_or(now),
        opened_at: new.opened_at,
        last_received_message_at: new.last_received_message_at.or(received),
        last_message_at: new.last_message_at.or(newest.map(|draft| draft.created_at)),
        updated_at: new.updated_at.unwrap_or(now),
        closed_at: status.is_done().then_some(now),
        snoozed_until: None,
        trashed_at: new.trashed_at,
    };
    if let Some(closed_at) = new.closed_at {
        close(&mut ticket, closed_at);
    }
    if let Some(until) = new.snoozed_until {
        snooze(&mut ticket, now, until);
    }
    set_custom_status(tx, may, &mut ticket, new.custom_status_id).await?;
    ticket.id = insert(tx, &ticket).await?;
    if let Some(recipient) = &recipient {
        let sql = "update tickets set recipient = $1 where id = $2";
        tx.run(sql, &[recipient.as_str().into(), ticket.id.into()]).await?;
    }

    let fields = fields::write(tx, now, ticket.id, &new.fields, Extent::Sent).await?;
    let labels = fields.as_ref().map(|fields| fields.labels.clone()).unwrap_or_default();
    changes::record_created(tx, actor, now, &ticket, (fields, recipient)).await?;
    let mut message_ids = Vec::with_capacity(drafts.len());
    for draft in &drafts {
        message_ids.push(message_write::insert(tx, actor, now, ticket.id, draft).await?);
    }
    if !new.tags.is_empty() {
        let tag_ids = tags::ids_of_names(tx, actor, now, &new.tags).await?;
        tags::attach(tx, actor, now, ticket.id, &tag_ids).await?;
    }
    fields::label(tx, actor, now, ticket.id, &labels).await?;
    if let Some(until) = ticket.snoozed_until {
        jobs::unsnooze_ticket::enqueue(tx, now, ticket.id, until).await?;
    }
    jobs::auto_merge::enqueue(tx, now, &ticket).await?;
    for (at, brings) in brought {
        if let (Some(id), Some(draft)) = (message_ids.get(at), drafts.get(at)) {
            let ids = (ticket.id, *id);
            let run = Box::pin(message_actions::run(tx, may, now, ids, draft, brings));
            run.await.map_err(|error| prefixed(&format!("messages.{at}"), error))?;
        }
    }
    search::index_ticket(tx, ticket.id).await?;
    Ok(ticket.id)
}

/// Changes what was sent, and says nothing to the event log if nothing differs.
///
/// `Changed` if it is not as the writer had seen it. A time that equals the stored one changes nothing, so a caller may send back a whole ticket with one field changed.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    update: TicketUpdate,
) -> Result<(), Error> {
    change(tx, may, now, id, update).await.map(|_| ())
}

/// The same, and says whether anything differed.
pub async fn change(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    update: TicketUpdate,
) -> Result<bool, Error> {
    let actor = may.actor();
    let old = take(tx, id).await?;
    if update.closed_is_final && old.status == Status::Closed {
        return Err(Error::invalid("status", "closed prevents ticket update"));
    }
    if update.seen_updated_at.is_some_and(|seen| !is_seen(seen, old.updated_at)) {
        return Err(Error::Changed { field: "last_updated_datetime", updated_at: old.updated_at });
    }
    let mut new = old.clone();

    set(&mut new.priority, update.priority);
    set(&mut new.subject, update.subject);
    set(&mut new.channel, update.channel);
    set(&mut new.via, update.via);
    set(&mut new.assignee_user_id, update.assignee_user_id);
    set(&mut new.assignee_team_id, update.assignee_team_id);
    set(&mut new.is_unread, update.is_unread);
    set(&mut new.spam, update.spam);
    set(&mut new.from_agent, update.from_agent);
    set(&mut new.language, update.language);
    set(&mut new.external_id, update.external_id);
    set(&mut new.opened_at, update.opened_at);
    set(&mut new.last_message_at, update.last_message_at);
    set(&mut new.last_received_message_at, update.last_received_message_at);
    set(&mut new.trashed_at, update.trashed_at);
    set(&mut new.organization_id, update.organization_id);
    set(&mut new.form_id, update.form_id);
    set(&mut new.kind, update.kind);
    set(&mut new.due_at, update.due_at);
    set(&mut new.problem_id, update.problem_id);
    if let Some(meta) = update.meta {
        new.meta = json_to_store(meta.as_ref())?;
    }
    if let Some(customer) = update.customer.filter(|customer| !customer.is_empty()) {
        new.customer_id =
            customers::find_or_create(tx, actor, now, &customer).await.map_err(|error| prefixed("customer", error))?;
    }
    if new.assignee_user_id != old.assignee_user_id {
        check_user(tx, new.assignee_user_id).await?;
    }
    if new.assignee_team_id != old.assignee_team_id {
        check_team(tx, new.assignee_team_id).await?;
    }
    if new.form_id != old.form_id {
        check_form(tx, new.form_id).await?;
    }
    if let Some(id) = new.organization_id.filter(|_| new.organization_id != old.organization_id) {
        organizations::must_exist(tx, id).await?;
    } else if update.organization_id.is_none() && new.customer_id != old.customer_id {
        new.organization_id = organizations::default_of(tx, new.customer_id).await?;
    }
    if new.problem_id != old.problem_id {
        check_problem(tx, id, new.problem_id).await?;
    }
    if let Some(brand_id) = update.brand_id.filter(|id| Some(*id) != old.brand_id) {
        brands::must_be_active(tx, brand_id).await?;
        new.brand_id = Some(brand_id);
    }
    let newly_assigned = old.assignee_user_id.is_none() && new.assignee_user_id.is_some();
    if update.status.is_none() && old.status == Status::New && newly_assigned {
        // Somebody has it: it is no longer new.
        new.set_status(Status::Open);
    }
    let closing = Closing { status: update.status, closed_at: update.closed_at, snoozed_until: update.snoozed_until };
    closing.apply(now, &Ticket { status: new.status, ..old.clone() }, &mut new);
    set_custom_status(tx, may, &mut new, update.custom_status_id).await?;
    if let Some(updated_at) = update.updated_at {
        new.updated_at = updated_at;
    }

    let tags_changed = match update.tags {
        Some(named) => {
            let tag_ids = tags::ids_of_names(tx, actor, now, &named).await?;
            tags::exchange(tx, actor, now, id, &tag_ids).await?
        }
        None => false,
    };
    let field_change = match update.fields {
        Some(sent) => fields::write(tx, now, id, &sent, Extent::All).await?,
        None => None,
    };
    if field_change.is_none() && !changes::differs(&old, &new) {
        if tags_changed {
            touch(tx, now, id).await?;
        }
        return Ok(tags_changed);
    }
    if new.updated_at == old.updated_at {
        new.updated_at = now;
    }
    save(tx, &new).await?;
    if let Some(change) = &field_change {
        fields::label(tx, actor, now, id, &change.labels).await?;
    }
    changes::record_updated(tx, actor, now, (&old, &new), field_change).await?;
    if new.subject != old.subject || new.external_id != old.external_id {
        search::index_ticket(tx, id).await?;
    }
    if let Some(until) = new.snoozed_until.filter(|_| new.snoozed_until != old.snoozed_until) {
        jobs::unsnooze_ticket::enqueue(tx, now, id, until).await?;
    }
    Ok(true)
}

/// Deletes a ticket for good, with its messages and the links to its tags.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, id: i64) -> Result<(), Error> {
    let old = take(tx, id).await?;
    tags::detach_all(tx, id).await?;
    tx.run("delete from tickets where id = $1", &[id.into()]).await?;
    search::index_ticket(tx, id).await?;
    let deleted = changes::change("ticket-deleted", id, Some(changes::facts(&old)), None);
    events::record(tx, may.actor(), now, deleted).await
}

/// Reopens a ticket that was snoozed until just that time, and says whether it was.
pub async fn unsnooze(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    until: Timestamp,
) -> Result<bool, Error> {
    let old = match take(tx, id).await {
        Err(Error::NotFound { .. }) => return Ok(false),
        other => other?,
    };
    if old.snoozed_until != Some(until) {
        return Ok(false);
    }
    let mut new = Ticket { updated_at: now, ..old.clone() };
    reopen(&mut new);
    save(tx, &new).await?;
    let (before, after) = events::difference(changes::facts(&old), changes::facts(&new));
    let woken = changes::change("ticket-self-unsnoozed", id, Some(before), Some(after));
    events::record(tx, may.actor(), now, woken).await?;
    changes::record_updated(tx, may.actor(), now, (&old, &new), None).await?;
    Ok(true)
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// `Invalid` on `custom_status_id` unless it is one of the status that the ticket has.
async fn set_custom_status(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    ticket: &mut Ticket,
    wanted: Option<i64>,
) -> Result<(), Error> {
    let Some(id) = wanted else { return Ok(()) };
    if custom_statuses::status_of(tx, may, id).await? != ticket.status {
        return Err(Error::invalid("custom_status_id", "is of another status"));
    }
    ticket.custom_status_id = Some(id);
    Ok(())
}

async fn find_customer(
    tx: &mut Tx,
    (actor, now): (&Actor, Timestamp),
    new: &NewTicket,
    known: &mut Known,
) -> Result<i64, Error> {
    let (path, person) =
        named_customer(new).ok_or_else(|| Error::invalid("customer", "Missing data for required field."))?;
    known.customer(tx, actor, now, &person).await.map_err(|error| prefixed(&path, error))
}

/// Who asks, as far as the request says, and where in it.
fn named_customer(new: &NewTicket) -> Option<(String, PersonRef)> {
    if let Some(customer) = new.customer.as_ref().filter(|customer| !customer.is_empty()) {
        return Some(("customer".to_owned(), customer.clone()));
    }
    let messages = || new.messages.iter().enumerate();
    let asked = messages()
        .filter(|(_, message)| !message.from_agent)
        .find_map(|(at, message)| message.sender_or_source().map(|sender| (format!("messages.{at}.sender"), sender)));
    asked.or_else(|| {
        messages().filter(|(_, message)| message.from_agent).find_map(|(at, message)| {
            message.receiver_or_source().map(|receiver| (format!("messages.{at}.receiver"), receiver))
        })
    })
}

/// Whether a ticket that changed last at `at` is as its reader had seen it.
fn is_seen(seen: Timestamp, at: Timestamp) -> bool {
    seen == at || (seen.subsec_nanosecond() == 0 && seen.as_second() == at.as_second())
}

fn last_was_not_delivered(drafts: &[Draft]) -> bool {
    let ours = drafts.iter().filter(|draft| draft.from_agent);
    ours.max_by_key(|draft| draft.created_at).is_some_and(|draft| draft.failed_at.is_some())
}

/// Reads a ticket and keeps its row until the transaction ends: whoever else wants to change it waits.
/// An update that changes nothing does this on both engines.
pub(super) async fn take(tx: &mut Tx, id: i64) -> Result<Ticket, Error> {
    let row = tx
        .row(
            "update tickets set updated_at = updated_at where id = $1
             returning id, external_id, status, priority, channel, via, from_agent, subject, excerpt, language, customer_id,
                       assignee_user_id, assignee_team_id, messages_count, is_unread, spam, imported,
                       last_sent_message_not_delivered, meta, split_from, organization_id, form_id, type, due_at, problem_id,
                       followup_of, brand_id, custom_status_id, created_at, opened_at,
                       last_received_message_at, last_message_at, updated_at, closed_at, snoozed_until, trashed_at",
            &[id.into()],
        )
        .await?;
    match row {
        Some(row) => Ticket::from_row(&row),
        None => Err(Error::NotFound { kind: "ticket", id }),
    }
}

/// Says that something about the ticket changed.
pub(super) async fn touch(tx: &mut Tx, now: Timestamp, id: i64) -> Result<(), Error> {
    tx.run("update tickets set updated_at = $1 where id = $2", &[now.into(), id.into()]).await?;
    Ok(())
}

pub(super) async fn insert(tx: &mut Tx, ticket: &Ticket) -> Result<i64, Error> {
    let mut params = columns(ticket);
    params.extend([ticket.imported.into(), ticket.split_from.into(), ticket.created_at.into()]);
    let row = tx
        .row(
            "insert into tickets (external_id, status, priority, channel, via, from_agent, subject, excerpt, language, customer_id,
                                  assignee_user_id, assignee_team_id, messages_count, is_unread, spam,
                                  last_sent_message_not_delivered, meta, opened_at, last_received_message_at, last_message_at,
                                  updated_at, closed_at, snoozed_until, trashed_at, organization_id, form_id, type, due_at, problem_id,
                                  followup_of, brand_id, custom_status_id, imported, split_from, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
                     $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)
             returning id",
            &params,
        )
        .await?;
    Ok(row.ok_or(store::StoreError::Column("id"))?.int("id")?)
}

/// The time since when the ticket has its status goes with the status.
pub(super) async fn save(tx: &mut Tx, ticket: &Ticket) -> Result<(), Error> {
    let mut params = columns(ticket);
    params.push(ticket.id.into());
    tx.run(
        "update tickets set external_id = $1, status = $2, priority = $3, channel = $4, via = $5, from_agent = $6, subject = $7,
                            excerpt = $8, language = $9, customer_id = $10, assignee_user_id = $11, assignee_team_id = $12,
                            messages_count = $13, is_unread = $14, spam = $15, last_sent_message_not_delivered = $16, meta = $17,
                            opened_at = $18, last_received_message_at = $19, last_message_at = $20, updated_at = $21,
                            closed_at = $22, snoozed_until = $23, trashed_at = $24, organization_id = $25, form_id = $26, type = $27,
                            due_at = $28, problem_id = $29, followup_of = $30, brand_id = $31, custom_status_id = $32,
                            status_changed_at = case when status = $2 then status_changed_at else $21 end
         where id = $33",
        &params,
    )
    .await?;
    Ok(())
}

/// What `insert` and `save` both write, in their order.
pub(super) fn columns(ticket: &Ticket) -> Vec<Value> {
    vec![
        ticket.external_id.as_deref().into(),
        ticket.status.word().into(),
        ticket.priority.word().into(),
        ticket.channel.as_str().into(),
        ticket.via.as_str().into(),
        ticket.from_agent.into(),
        ticket.subject.as_deref().into(),
        ticket.excerpt.as_deref().into(),
        ticket.language.as_deref().into(),
        ticket.customer_id.into(),
        ticket.assignee_user_id.into(),
        ticket.assignee_team_id.into(),
        ticket.messages_count.into(),
        ticket.is_unread.into(),
        ticket.spam.into(),
        ticket.last_sent_message_not_delivered.into(),
        ticket.meta.as_ref().map(|meta| meta.get()).into(),
        ticket.opened_at.into(),
        ticket.last_received_message_at.into(),
        ticket.last_message_at.into(),
        ticket.updated_at.into(),
        ticket.closed_at.into(),
        ticket.snoozed_until.into(),
        ticket.trashed_at.into(),
        ticket.organization_id.into(),
        ticket.form_id.into(),
        ticket.kind.map(TicketType::word).into(),
        ticket.due_at.into(),
        ticket.problem_id.into(),
        ticket.followup_of.into(),
        ticket.brand_id.into(),
        ticket.custom_status_id.into(),
    ]
}

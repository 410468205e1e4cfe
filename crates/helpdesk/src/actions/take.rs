//! Taking an action on one ticket, for a rule, a macro or a bulk job: through the same functions as everybody's changes, so that events,
//! counts and jobs follow.

use jiff::{SignedDuration, Timestamp};
use scope::permit::CanWrite;
use scope::resource::Tickets;
use serde_json::{Value as Json, json};
use store::Tx;

use super::{Action, BODY_MAX_CHARS, Copied, Email, Text, Whom};
use crate::custom_fields::SentValue;
use crate::integrations::call;
use crate::integrations::deliveries::{self, Source};
use crate::people::PersonRef;
use crate::templates::{self, Facts};
use crate::tickets::message_draft::NewMessage;
use crate::tickets::messages::INTERNAL_NOTE;
use crate::tickets::tags::{TagChange, TagRefs};
use crate::tickets::write::{SetStatus, TicketUpdate};
use crate::tickets::{Priority, Status, TicketType, around, fields, message_write, standing, tags, write};
use crate::{Error, custom_statuses, customers, macros, notifications, organizations, satisfaction_surveys};

/// Longest subject, in characters: what is filled in may be longer.
const SUBJECT_MAX_CHARS: usize = 998;

/// On whose behalf actions are taken.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Who speaks in messages: one of the active staff. Somebody else does where they have left.
    pub person_id: Option<i64>,
    /// What brings a message: `rule`, `helpdesk`, `api`.
    pub via: &'static str,
    pub rule_id: Option<i64>,
    pub job_id: Option<i64>,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Changed,
    /// The ticket was like that already, or the action is none that we know.
    Unchanged,
    /// Why it could not be taken.
    Refused(String),
}

impl Outcome {
    fn of(changed: bool) -> Outcome {
        if changed { Outcome::Changed } else { Outcome::Unchanged }
    }
}

/// Takes one action and answers whether anything differs. `Invalid` where it cannot be taken: a status, person, team or field that is not
/// there.
pub async fn take(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    context: &Context,
    ticket_id: i64,
    action: &Action,
) -> Result<Outcome, Error> {
    let update = match action {
        Action::AddTags(names) => return retag(tx, may, now, ticket_id, (TagChange::Add, names)).await,
        Action::RemoveTags(names) => return retag(tx, may, now, ticket_id, (TagChange::Remove, names)).await,
        Action::SetTags(names) => return retag(tx, may, now, ticket_id, (TagChange::Replace, names)).await,
        Action::InternalNote(text) => return message(tx, may, now, (context, ticket_id), text, Kind::Note).await,
        Action::Reply(text) => return message(tx, may, now, (context, ticket_id), text, Kind::Reply).await,
        Action::SendEmail(email) => {
            return message(tx, may, now, (context, ticket_id), &email.text, Kind::Mail(email)).await;
        }
        Action::ApplyMacro(id) => {
            let applied = Box::pin(macros::apply::apply(tx, may, now, context, ticket_id, *id)).await?;
            return Ok(applied.whole());
        }
        Action::SetStatus(word) => TicketUpdate { status: Some(status(word)?), ..TicketUpdate::default() },
        Action::SetPriority(word) => TicketUpdate { priority: Some(priority(word)?), ..TicketUpdate::default() },
        Action::SetSubject(subject) => {
            let facts = Facts::of(tx, ticket_id, context.person_id, [subject.as_str()]).await?;
            let subject = templates::text(subject, &facts).chars().take(SUBJECT_MAX_CHARS).collect();
            TicketUpdate { subject: Some(Some(subject)), ..TicketUpdate::default() }
        }
        Action::AssignUser(id) => TicketUpdate { assignee_user_id: Some(*id), ..TicketUpdate::default() },
        Action::AssignCurrentUser => {
            let nobody = || Error::invalid("assignee_user", "Nobody acts whom the ticket could be given to.");
            let person_id = context.person_id.ok_or_else(nobody)?;
            TicketUpdate { assignee_user_id: Some(Some(person_id)), ..TicketUpdate::default() }
        }
        Action::AssignTeam(id) => TicketUpdate { assignee_team_id: Some(*id), ..TicketUpdate::default() },
        Action::RoundRobin(team_id) => {
            let next = next_in_turn(tx, ticket_id, *team_id).await?;
            TicketUpdate { assignee_user_id: Some(Some(next)), ..TicketUpdate::default() }
        }
        Action::SnoozeSeconds(seconds) => {
            let until = now.checked_add(SignedDuration::from_secs(*seconds));
            let until = until.map_err(|_| Error::invalid("snooze_timedelta", "Too far away."))?;
            TicketUpdate { snoozed_until: Some(Some(until)), ..TicketUpdate::default() }
        }
        Action::Trash => TicketUpdate { trashed_at: Some(Some(now)), ..TicketUpdate::default() },
        Action::MarkSpam(spam) => TicketUpdate { spam: Some(*spam), ..TicketUpdate::default() },
        Action::SetCustomField { custom_field_id, value } => {
            let sent = [value_of(*custom_field_id, value)];
            return fields::change(tx, may, now, ticket_id, &sent).await.map(Outcome::of);
        }
        Action::SetCustomerField { custom_field_id, value } => {
            let row = tx.row("select customer_id from tickets where id = $1", &[ticket_id.into()]).await?;
            let Some(row) = row else { return Err(Error::NotFound { kind: "ticket", id: ticket_id }) };
            let (id, sent) = (row.int("customer_id")?, [value_of(*custom_field_id, value)]);
            return customers::fields::change_by(tx, may.actor(), now, id, &sent).await.map(Outcome::of);
        }
        Action::SetOrganizationField { custom_field_id, value } => {
            let row = tx.row("select organization_id from tickets where id = $1", &[ticket_id.into()]).await?;
            let Some(row) = row else { return Err(Error::NotFound { kind: "ticket", id: ticket_id }) };
            let Some(id) = row.int_or_null("organization_id")? else { return Ok(Outcome::Unchanged) };
            let sent = [value_of(*custom_field_id, value)];
            return organizations::change_by(tx, may.actor(), now, id, &sent).await.map(Outcome::of);
        }
        Action::SetCustomerLanguage(word) => {
            let row = tx.row("select customer_id from tickets where id = $1", &[ticket_id.into()]).await?;
            let Some(row) = row else { return Err(Error::NotFound { kind: "ticket", id: ticket_id }) };
            let id = row.int("customer_id")?;
            return customers::fields::set_language(tx, may.actor(), now, id, word).await.map(Outcome::of);
        }
        Action::SetSchedule(id) => return standing::set_schedule(tx, may, now, ticket_id, *id).await.map(Outcome::of),
        Action::SetType(word) => {
            let kind = word.as_deref().map(kind_of).transpose()?;
            TicketUpdate { kind: Some(kind), ..TicketUpdate::default() }
        }
        Action::SetForm(id) => TicketUpdate { form_id: Some(*id), ..TicketUpdate::default() },
        Action::SetBrand(id) => TicketUpdate { brand_id: Some(*id), ..TicketUpdate::default() },
        Action::SetCustomStatus(id) => {
            let status = custom_statuses::status_of(tx, may, *id).await?;
            let status = Some(SetStatus::Exactly(status));
            TicketUpdate { status, custom_status_id: Some(*id), ..TicketUpdate::default() }
        }
        Action::CopyIn { part, who } => return copy_in(tx, may, now, (context, ticket_id), (*part, *who)).await,
        Action::Notify { whom, subject, body } => {
            let told = notifications::people(tx, ticket_id, context.person_id, *whom).await?;
            let notice = notifications::Notice { ticket_id, person_id: context.person_id, subject, body };
            return notifications::send(tx, may.actor(), now, &notice, &told).await.map(Outcome::of);
        }
        Action::CallIntegration { integration_id, payload } => {
            let name = match context.rule_id {
                Some(rule_id) => format!("rule {rule_id}"),
                None => "macro".to_owned(),
            };
            let source = Source { name: &name, person_id: context.person_id };
            deliveries::call_integration(tx, now, ticket_id, source, *integration_id, payload).await?;
            return Ok(Outcome::Changed);
        }
        Action::SendSurvey => {
            return satisfaction_surveys::send(tx, may.actor(), now, ticket_id).await.map(Outcome::of);
        }
        Action::Http(http) => {
            call::check(http, "actions")?;
            let name = match (context.rule_id, context.job_id) {
                (Some(rule_id), _) => format!("rule {rule_id}"),
                (None, Some(job_id)) => format!("job {job_id}"),
                (None, None) => "macro".to_owned(),
            };
            let source = Source { name: &name, person_id: context.person_id };
            deliveries::call(tx, now, ticket_id, source, http).await?;
            return Ok(Outcome::Changed);
        }
        Action::Unknown { .. } => return Ok(Outcome::Unchanged),
    };
    write::change(tx, may, now, ticket_id, update).await.map(Outcome::of)
}

fn value_of(field_id: i64, value: &Json) -> SentValue {
    SentValue { place: "value".to_owned(), field_id, value: value.clone() }
}

/// `Invalid` on `actions` for what could be taken on no ticket.
pub(crate) fn check(action: &Action) -> Result<(), Error> {
    let is_too_long = |body: &String| BODY_MAX_CHARS < body.chars().count();
    let bodies = |text: &Text| {
        if is_too_long(&text.body_text) || text.body_html.as_ref().is_some_and(is_too_long) {
            return Err(Error::invalid("actions", format!("A body may have {BODY_MAX_CHARS} characters at most.")));
        }
        Ok(())
    };
    match action {
        Action::SetStatus(word) => status(word).map(drop),
        Action::SetPriority(word) => priority(word).map(drop),
        Action::Reply(text) | Action::InternalNote(text) => bodies(text),
        Action::SendEmail(email) => bodies(&email.text),
        Action::SetType(Some(word)) => kind_of(word).map(drop),
        _ => Ok(()),
    }
    .map_err(|error| error.on_field("actions"))
}

/// The name of an action that cannot be taken at all.
pub fn refusal(action: &Action) -> Option<&str> {
    match action {
        Action::Unknown { name, .. } => Some(name),
        _ => None,
    }
}

fn kind_of(word: &str) -> Result<TicketType, Error> {
    TicketType::parse(word).ok_or_else(|| Error::invalid("type", "Not a type of tickets."))
}

async fn copy_in(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (context, ticket_id): (&Context, i64),
    (part, who): (Copied, Whom),
) -> Result<Outcome, Error> {
    let (part, field) = match part {
        Copied::Cc => (around::Part::Cc, "cc"),
        Copied::Follower => (around::Part::Follower, "follower"),
    };
    let ids = notifications::people(tx, ticket_id, context.person_id, who).await?;
    let people = around::People { add: ids.into_iter().map(PersonRef::by_id).collect(), ..around::People::default() };
    around::set_people(tx, may, now, (ticket_id, part, field), &people).await.map(Outcome::of)
}

async fn retag(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    (what, names): (TagChange, &[String]),
) -> Result<Outcome, Error> {
    let tags = TagRefs { names: names.to_vec(), ..TagRefs::default() };
    tags::change(tx, may, now, ticket_id, (what, &tags)).await.map(Outcome::of)
}

fn status(word: &str) -> Result<SetStatus, Error> {
    match word {
        "waiting" => Ok(SetStatus::Waiting),
        "done" => Ok(SetStatus::Done),
        word => Status::parse(word).map(SetStatus::Exactly).ok_or_else(|| Error::invalid("status", "Not a status.")),
    }
}

fn priority(word: &str) -> Result<Priority, Error> {
    Priority::parse(word).ok_or_else(|| Error::invalid("priority", "Not a priority."))
}

/// The member of the team who is there after the one whose turn it was last, by id and around. Without a team, of the ticket's.
/// Two tickets at once wait for each other, so that nobody is passed over.
async fn next_in_turn(tx: &mut Tx, ticket_id: i64, team_id: Option<i64>) -> Result<i64, Error> {
    let team_id = match team_id {
        Some(id) => id,
        None => {
            let row = tx.row("select assignee_team_id from tickets where id = $1", &[ticket_id.into()]).await?;
            let team_id = row.map(|row| row.int_or_null("assignee_team_id")).transpose()?.flatten();
            team_id.ok_or_else(|| Error::invalid("assignee_team", "The ticket has no team whose turn it could be."))?
        }
    };
    let last = tx
        .row("update teams set last_turn_id = last_turn_id where id = $1 returning last_turn_id", &[team_id.into()])
        .await?
        .ok_or_else(|| Error::invalid("assignee_team.id", "No team has this id."))?
        .int_or_null("last_turn_id")?;
    let next = tx
        .row(
            "select p.id from team_members m join people p on p.id = m.person_id
             where m.team_id = $1 and p.active = 1 and p.is_away = 0 and p.deleted_at is null
             order by case when p.id > $2 then 0 else 1 end, p.id limit 1",
            &[team_id.into(), last.unwrap_or_default().into()],
        )
        .await?
        .ok_or_else(|| Error::invalid("assignee_team", "Nobody of the team is there."))?
        .int("id")?;
    tx.run("update teams set last_turn_id = $1 where id = $2", &[next.into(), team_id.into()]).await?;
    Ok(next)
}

/// What sort of message an action writes.
enum Kind<'a> {
    Note,
    Reply,
    Mail(&'a Email),
}

async fn message(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (context, ticket_id): (&Context, i64),
    text: &Text,
    kind: Kind<'_>,
) -> Result<Outcome, Error> {
    let row = tx.row("select channel, assignee_user_id from tickets where id = $1", &[ticket_id.into()]).await?;
    let Some(row) = row else { return Err(Error::NotFound { kind: "ticket", id: ticket_id }) };
    let speaker = tx
        .row(
            "select id from people where is_staff = 1 and active = 1 and deleted_at is null
             order by case when id = $1 then 0 when id = $2 then 1 else 2 end, id limit 1",
            &[context.person_id.into(), row.int_or_null("assignee_user_id")?.into()],
        )
        .await?
        .ok_or_else(|| Error::invalid("sender", "There is no active staff who could speak."))?
        .int("id")?;
    let html = text.body_html.as_deref();
    let facts = Facts::of(tx, ticket_id, Some(speaker), [text.body_text.as_str(), html.unwrap_or_default()]).await?;
    let facts = if matches!(kind, Kind::Note) { facts } else { facts.for_customers() };
    let body_text = Some(templates::text(&text.body_text, &facts)).filter(|body| !body.is_empty() || html.is_none());
    let new = NewMessage {
        channel: match kind {
            Kind::Note => INTERNAL_NOTE.to_owned(),
            Kind::Reply => row.text("channel")?,
            Kind::Mail(_) => "email".to_owned(),
        },
        via: context.via.to_owned(),
        from_agent: true,
        public: Some(!matches!(kind, Kind::Note)),
        sender: Some(PersonRef::by_id(speaker)),
        subject: match kind {
            Kind::Mail(email) => email.subject.as_deref().map(|subject| templates::text(subject, &facts)),
            Kind::Note | Kind::Reply => None,
        },
        source: match kind {
            Kind::Mail(email) => Some(routing(email)),
            Kind::Note | Kind::Reply => None,
        },
        body_text,
        body_html: html.map(|html| templates::html(html, &facts)),
        attachments: text.attachments.clone(),
        ..NewMessage::default()
    };
    let id = message_write::create(tx, may, now, ticket_id, new).await?;
    if context.rule_id.is_some() {
        tx.run("update messages set rule_id = $1 where id = $2", &[context.rule_id.into(), id.into()]).await?;
    }
    Ok(Outcome::Changed)
}

fn routing(email: &Email) -> Json {
    let list = |addresses: &[String]| addresses.iter().map(|address| json!({ "address": address })).collect::<Vec<_>>();
    json!({ "type": "email", "to": list(&email.to), "cc": list(&email.cc), "bcc": list(&email.bcc) })
}

//! Taking one action of a rule. Which actions a rule can take is checked when it is saved.

use jiff::{SignedDuration, Timestamp};
use scope::permit::CanWrite;
use scope::resource::Tickets;
use store::Tx;

use super::{Rule, Step};
use crate::Error;
use crate::actions::{Action, Text};
use crate::integrations::call;
use crate::integrations::deliveries::{self, Source};
use crate::people::PersonRef;
use crate::tickets::message_draft::NewMessage;
use crate::tickets::messages::INTERNAL_NOTE;
use crate::tickets::tags::TagRefs;
use crate::tickets::write::{SetStatus, TicketUpdate};
use crate::tickets::{Priority, Status, message_write, tags, write};

/// What brought a message that a rule wrote.
const VIA: &str = "rule";

/// `Invalid` on `code` if a step holds an action that rules cannot take.
pub fn check(steps: &[Step]) -> Result<(), Error> {
    for step in steps {
        match step {
            Step::Act(action) => check_action(action)?,
            Step::Choose(branches) => {
                for branch in branches {
                    check(&branch.steps)?;
                }
            }
            Step::Stop => {}
        }
    }
    Ok(())
}

fn check_action(action: &Action) -> Result<(), Error> {
    let problem = match action {
        Action::SendEmail(_) => "sendEmail",
        Action::ApplyMacro(_) => "applyMacro",
        Action::SetCustomField { .. } => "setCustomFieldValue",
        Action::SetCustomerField { .. } => "setCustomerCustomFieldValue",
        Action::Http(http) => return call::check(http, "code"),
        Action::SendSurvey => "sendSatisfactionSurvey",
        Action::RoundRobin(_) => "assignRoundRobin",
        Action::Unknown { name, .. } => name,
        _ => return Ok(()),
    };
    Err(Error::invalid("code", format!("Rules of this server cannot take the action {problem}.")))
}

pub(super) async fn take(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    rule: &Rule,
    ticket_id: i64,
    action: &Action,
) -> Result<(), Error> {
    let named = |names: &[String]| TagRefs { names: names.to_vec(), ..TagRefs::default() };
    let update = match action {
        Action::AddTags(names) => return tags::add(tx, may, now, ticket_id, &named(names)).await,
        Action::RemoveTags(names) => return tags::remove(tx, may, now, ticket_id, &named(names)).await,
        Action::SetTags(names) => return tags::replace(tx, may, now, ticket_id, &named(names)).await,
        Action::InternalNote(text) => return message(tx, may, now, (rule, ticket_id), text, true).await,
        Action::Reply(text) => return message(tx, may, now, (rule, ticket_id), text, false).await,
        Action::Http(http) => {
            let name = format!("rule {}", rule.id);
            let source = Source { name: &name, person_id: rule.author_id };
            deliveries::call(tx, now, ticket_id, source, http).await?;
            return Ok(());
        }
        Action::SetStatus(word) => TicketUpdate { status: Some(status(word)?), ..TicketUpdate::default() },
        Action::SetPriority(word) => {
            let priority = Priority::parse(word).ok_or_else(|| Error::invalid("priority", "Not a priority."))?;
            TicketUpdate { priority: Some(priority), ..TicketUpdate::default() }
        }
        Action::SetSubject(subject) => TicketUpdate { subject: Some(Some(subject.clone())), ..TicketUpdate::default() },
        Action::AssignUser(id) => TicketUpdate { assignee_user_id: Some(*id), ..TicketUpdate::default() },
        Action::AssignCurrentUser => TicketUpdate { assignee_user_id: Some(rule.author_id), ..TicketUpdate::default() },
        Action::AssignTeam(id) => TicketUpdate { assignee_team_id: Some(*id), ..TicketUpdate::default() },
        Action::SnoozeSeconds(seconds) => {
            let until = now.checked_add(SignedDuration::from_secs(*seconds));
            let until = until.map_err(|_| Error::invalid("snooze_timedelta", "Too far away."))?;
            TicketUpdate { snoozed_until: Some(Some(until)), ..TicketUpdate::default() }
        }
        Action::Trash => TicketUpdate { trashed_at: Some(Some(now)), ..TicketUpdate::default() },
        Action::MarkSpam(spam) => TicketUpdate { spam: Some(*spam), ..TicketUpdate::default() },
        other => return check_action(other),
    };
    write::update(tx, may, now, ticket_id, update).await
}

fn status(word: &str) -> Result<SetStatus, Error> {
    match word {
        "waiting" => Ok(SetStatus::Waiting),
        "done" => Ok(SetStatus::Done),
        word => Status::parse(word).map(SetStatus::Exactly).ok_or_else(|| Error::invalid("status", "Not a status.")),
    }
}

/// Whoever saved the rule speaks; someone else of the staff if they have left.
async fn message(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (rule, ticket_id): (&Rule, i64),
    text: &Text,
    is_note: bool,
) -> Result<(), Error> {
    let row = tx
        .row(
            "select t.channel, t.subject, t.assignee_user_id, c.id as customer_id, c.email, c.name, c.firstname, c.lastname
             from tickets t join people c on c.id = t.customer_id where t.id = $1",
            &[ticket_id.into()],
        )
        .await?;
    let Some(row) = row else { return Err(Error::NotFound { kind: "ticket", id: ticket_id }) };
    let speaker = tx
        .row(
            "select id, email, name, firstname, lastname from people where is_staff = 1 and active = 1 and deleted_at is null
             order by case when id = $1 then 0 when id = $2 then 1 else 2 end, id limit 1",
            &[rule.author_id.into(), row.int_or_null("assignee_user_id")?.into()],
        )
        .await?
        .ok_or_else(|| Error::invalid("sender", "There is no active staff who could speak."))?;
    let mut values = vec![
        ("ticket.id".to_owned(), ticket_id.to_string()),
        ("ticket.subject".to_owned(), row.text_or_null("subject")?.unwrap_or_default()),
        ("ticket.customer.id".to_owned(), row.int("customer_id")?.to_string()),
        ("current_user.id".to_owned(), speaker.int("id")?.to_string()),
    ];
    for (path, row) in [("ticket.customer", &row), ("current_user", &speaker)] {
        for column in ["email", "name", "firstname", "lastname"] {
            values.push((format!("{path}.{column}"), row.text_or_null(column)?.unwrap_or_default()));
        }
    }
    let text = Text {
        body_text: fill(&text.body_text, &values, false),
        body_html: text.body_html.as_deref().map(|html| fill(html, &values, true)),
        attachments: text.attachments.clone(),
    };
    let speaker = speaker.int("id")?;
    let new = NewMessage {
        channel: if is_note { INTERNAL_NOTE.to_owned() } else { row.text("channel")? },
        via: VIA.to_owned(),
        from_agent: true,
        public: Some(!is_note),
        sender: Some(PersonRef { id: Some(speaker), ..PersonRef::default() }),
        body_text: Some(text.body_text.clone()).filter(|body| !body.is_empty() || text.body_html.is_none()),
        body_html: text.body_html.clone(),
        attachments: text.attachments.clone(),
        ..NewMessage::default()
    };
    let id = message_write::create(tx, may, now, ticket_id, new).await?;
    tx.run("update messages set rule_id = $1 where id = $2", &[rule.id.into(), id.into()]).await?;
    Ok(())
}

/// The text with each `{{path}}` replaced; what has no value becomes nothing. Values are made safe for HTML where the text is.
fn fill(text: &str, values: &[(String, String)], is_html: bool) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((path, after)) = after.split_once("}}") else {
            filled.push_str("{{");
            rest = after;
            continue;
        };
        let value = values.iter().find(|(known, _)| known == path.trim()).map(|(_, value)| value.as_str());
        let value = value.unwrap_or_default();
        if is_html {
            filled.push_str(
                &value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
            );
        } else {
            filled.push_str(value);
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn texts_are_filled_and_what_is_unknown_becomes_nothing() {
        let values = [("ticket.customer.firstname".to_owned(), "<Cleo>".to_owned())];
        assert_eq!(fill("Hi {{ ticket.customer.firstname }}{{x}}!", &values, false), "Hi <Cleo>!");
        assert_eq!(fill("Hi {{ticket.customer.firstname}}", &values, true), "Hi &lt;Cleo&gt;");
        assert_eq!(fill("{{ and {{x", &values, false), "{{ and {{x");
    }
}

//! What a rule can know of a ticket: as it is now, or, for a dry run, as it was right after an event.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value as Json;
use store::{Row, Tx};

use super::looked_up;
use crate::Error;
use crate::custom_fields::texts_of;
use crate::filter::Field;
use crate::filter::evaluate::{Fact, Facts};
use crate::follow::Logged;
use crate::page::{Query, padded};
use crate::satisfaction_surveys::REASON_CODE;
use crate::tickets::messages::INTERNAL_NOTE;

/// What is asked for besides the fields.
#[derive(Debug, Clone)]
pub struct Known {
    pub facts: Facts,
    /// The ticket, or the message of the event, came from elsewhere as it is: nobody acts on it now.
    pub imported: bool,
}

/// The ticket as it is now, with the message and the event. None if there is no such ticket. Only the given fields are sure to be there.
pub async fn load(
    tx: &mut Tx,
    now: Timestamp,
    ticket_id: i64,
    event: Option<&Logged>,
    fields: &[Field],
) -> Result<Option<Known>, Error> {
    let Some(row) = tx.row(&format!("{SELECT} where t.id = $1"), &[ticket_id.into()]).await? else { return Ok(None) };
    let mut facts = of_ticket(&row)?;
    let mut imported = row.flag("imported")?;
    if fields.contains(&Field::Tags) {
        let sql =
            "select g.name from ticket_tags tt join tags g on g.id = tt.tag_id where tt.ticket_id = $1 order by g.name";
        let rows = tx.rows(sql, &[ticket_id.into()]).await?;
        let names = rows.iter().map(|row| row.text("name")).collect::<Result<_, _>>()?;
        facts.insert(Field::Tags, Fact::Names(names));
    }
    if SURVEY.iter().any(|field| fields.contains(field)) {
        let sql = "select score, body_text, sent_at, meta from satisfaction_surveys where ticket_id = $1";
        if let Some(survey) = tx.row(sql, &[ticket_id.into()]).await? {
            facts.extend(survey.int_or_null("score")?.map(|score| (Field::SurveyScore, Fact::Int(score))));
            facts.insert(Field::SurveyComment, Fact::Text(survey.text_or_null("body_text")?));
            facts.extend(survey.time_or_null("sent_at")?.map(|at| (Field::SurveySentAt, Fact::Time(at))));
            let reason = survey.json("meta")?.and_then(|meta| meta.get(REASON_CODE)?.as_i64());
            facts.extend(reason.map(|code| (Field::SurveyReason, Fact::Int(code))));
        }
    }
    if fields.contains(&Field::IntegrationIds) {
        let sql = "select distinct integration_id from messages where ticket_id = $1 and integration_id is not null";
        let rows = tx.rows(sql, &[ticket_id.into()]).await?;
        let ids = rows.iter().map(|row| row.int("integration_id")).collect::<Result<_, _>>()?;
        facts.insert(Field::IntegrationIds, Fact::Ids(ids));
    }
    for field in fields {
        let (sql, owner_id, field_id) = match field {
            Field::CustomField(id) => (
                "select text_value, number_value, flag_value, list_value from ticket_field_values where ticket_id = $1 and field_id = $2",
                ticket_id,
                *id,
            ),
            Field::CustomerField(id) => (
                "select text_value, number_value, flag_value, list_value from customer_field_values where customer_id = $1 and field_id = $2",
                row.int("customer_id")?,
                *id,
            ),
            Field::OrganizationField(id) => (
                "select text_value, number_value, flag_value, list_value from organization_field_values where organization_id = $1 and field_id = $2",
                row.int_or_null("organization_id")?.unwrap_or_default(),
                *id,
            ),
            _ => continue,
        };
        if let Some(value) = tx.row(sql, &[owner_id.into(), field_id.into()]).await? {
            facts.extend(custom_fact(&value)?.map(|fact| (*field, fact)));
        }
    }
    looked_up::add(tx, now, &mut facts, ticket_id, fields).await?;
    if let Some(event) = event {
        facts.insert(Field::EventKind, Fact::Text(Some(event.kind.clone())));
        if let Some(row) = message(tx, ticket_id, event).await? {
            imported = imported || row.flag("imported")?;
            of_message(&row, &mut facts)?;
        }
    }
    Ok(Some(Known { facts, imported }))
}

const SURVEY: &[Field] = &[Field::SurveyScore, Field::SurveyComment, Field::SurveySentAt, Field::SurveyReason];

const SELECT: &str =
    "select t.id, t.external_id, t.status, t.priority, t.channel, t.via, t.from_agent, t.subject, t.excerpt, t.language, t.customer_id,
            t.assignee_user_id, t.assignee_team_id, t.messages_count, t.is_unread, t.spam, t.imported, t.created_at, t.opened_at,
            t.last_received_message_at, t.last_message_at, t.updated_at, t.closed_at, t.snoozed_until, t.trashed_at, t.type,
            t.due_at, coalesce(t.status_changed_at, t.closed_at, t.created_at) as status_changed_at,
            t.organization_id, t.form_id, coalesce(t.brand_id, (select b.id from brands b where b.is_default = 1)) as brand_id,
            coalesce(t.custom_status_id, (select s.id from custom_statuses s where s.is_default = 1
                and s.status = case t.status when 'closed' then 'solved' else t.status end)) as custom_status_id,
            coalesce(t.schedule_id, 1) as schedule_id,
            c.email as customer_email, c.name as customer_name, c.language as customer_language, c.role as customer_role
     from tickets t left join people c on c.id = t.customer_id";

/// These tickets as they are now, without message and event.
pub async fn load_many(tx: &mut Tx, now: Timestamp, ids: &[i64], fields: &[Field]) -> Result<Vec<(i64, Facts)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(&format!("{SELECT} where 1 = 1"));
    query.and_in("t.id", padded(ids));
    query.sql.push_str(" order by t.id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let mut many = Vec::with_capacity(rows.len());
    for row in &rows {
        many.push((row.int("id")?, of_ticket(row)?));
    }
    if fields.contains(&Field::Tags) {
        let mut query =
            Query::new("select tt.ticket_id, g.name from ticket_tags tt join tags g on g.id = tt.tag_id where 1 = 1");
        query.and_in("tt.ticket_id", padded(ids));
        query.sql.push_str(" order by tt.ticket_id, g.name");
        let mut names: HashMap<i64, Vec<String>> = HashMap::new();
        for row in tx.rows(&query.sql, &query.params).await? {
            names.entry(row.int("ticket_id")?).or_default().push(row.text("name")?);
        }
        for (id, facts) in &mut many {
            facts.insert(Field::Tags, Fact::Names(names.remove(id).unwrap_or_default()));
        }
    }
    // Rarely asked, so one by one.
    if fields.iter().any(|field| {
        matches!(
            field,
            Field::CustomField(_) | Field::CustomerField(_) | Field::OrganizationField(_) | Field::IntegrationIds
        ) || SURVEY.contains(field)
            || looked_up::is(*field)
    }) {
        for (id, facts) in &mut many {
            if let Some(known) = load(tx, now, *id, None, fields).await? {
                *facts = known.facts;
            }
        }
    }
    Ok(many)
}

fn custom_fact(row: &Row) -> Result<Option<Fact>, Error> {
    if let Some(text) = row.text_or_null("text_value")? {
        return Ok(Some(Fact::Text(Some(text))));
    }
    if let Some(list) = row.text_or_null("list_value")? {
        return Ok(Some(Fact::Names(texts_of(&list))));
    }
    if let Some(flag) = row.int_or_null("flag_value")? {
        return Ok(Some(Fact::Flag(flag != 0)));
    }
    Ok(row.real_or_null("number_value")?.map(Fact::Number))
}

const MESSAGE: &str =
    "select m.body_text, m.subject, m.channel, m.via, m.from_agent, m.public, m.sender_id, m.integration_id, m.imported,
                              case when coalesce(m.attachments, '[]') = '[]' then 0 else 1 end as has_files, s.email as sender_email
                       from messages m left join people s on s.id = m.sender_id";

/// Of a message's event that message; of a new ticket its first one; of any other event the newest.
async fn message(tx: &mut Tx, ticket_id: i64, event: &Logged) -> Result<Option<Row>, Error> {
    let (which, id) = match (event.object_type.as_str(), event.kind.as_str()) {
        ("TicketMessage", _) => ("where m.id = $1", event.object_id),
        (_, "ticket-created") => ("where m.ticket_id = $1 order by m.created_at, m.id limit 1", ticket_id),
        _ => ("where m.ticket_id = $1 order by m.created_at desc, m.id desc limit 1", ticket_id),
    };
    Ok(tx.row(&format!("{MESSAGE} {which}"), &[id.into()]).await?)
}

/// Adds what is known of one message. Whether it came from elsewhere as it is.
pub(super) async fn add_message(tx: &mut Tx, facts: &mut Facts, id: i64) -> Result<bool, Error> {
    let Some(row) = tx.row(&format!("{MESSAGE} where m.id = $1"), &[id.into()]).await? else { return Ok(false) };
    of_message(&row, facts)?;
    Ok(row.flag("imported")?)
}

fn of_message(row: &Row, facts: &mut Facts) -> Result<(), Error> {
    facts.insert(Field::MessageBody, Fact::Text(row.text_or_null("body_text")?));
    facts.insert(Field::MessageSubject, Fact::Text(row.text_or_null("subject")?));
    facts.insert(Field::MessageChannel, Fact::Text(Some(row.text("channel")?)));
    facts.insert(Field::MessageFromAgent, Fact::Flag(row.flag("from_agent")?));
    facts.insert(Field::MessagePublic, Fact::Flag(row.flag("public")?));
    facts.insert(Field::MessageHasFiles, Fact::Flag(row.flag("has_files")?));
    facts.insert(Field::ChangedVia, Fact::Text(Some(changed_via(&row.text("channel")?, &row.text("via")?))));
    facts.insert(Field::MessageSenderId, Fact::Int(row.int("sender_id")?));
    facts.insert(Field::MessageSenderEmail, Fact::Text(row.text_or_null("sender_email")?));
    facts.extend(row.int_or_null("integration_id")?.map(|id| (Field::MessageIntegrationId, Fact::Int(id))));
    Ok(())
}

/// How a change came that a message is a part of.
fn changed_via(channel: &str, via: &str) -> String {
    let word = match (channel, via) {
        (_, "rule") => "rule",
        ("email", _) => "email",
        (_, "helpdesk") | ("contact_form", _) => "web",
        (INTERNAL_NOTE, via) => via,
        (channel, _) => channel,
    };
    word.to_owned()
}

fn of_ticket(row: &Row) -> Result<Facts, Error> {
    let mut facts = Facts::new();
    facts.insert(Field::Id, Fact::Int(row.int("id")?));
    facts.insert(Field::CustomerId, Fact::Int(row.int("customer_id")?));
    facts.insert(Field::MessagesCount, Fact::Int(row.int("messages_count")?));
    facts.insert(Field::CreatedAt, Fact::Time(row.time("created_at")?));
    for (field, column) in FLAGS {
        facts.insert(*field, Fact::Flag(row.flag(column)?));
    }
    for (field, column) in TEXTS {
        facts.insert(*field, Fact::Text(row.text_or_null(column)?));
    }
    for (field, column) in [
        (Field::CustomerEmail, "customer_email"),
        (Field::CustomerName, "customer_name"),
        (Field::CustomerLanguage, "customer_language"),
        (Field::CustomerRole, "customer_role"),
        (Field::Excerpt, "excerpt"),
    ] {
        facts.insert(field, Fact::Text(row.text_or_null(column)?));
    }
    for (field, column) in IDS {
        facts.extend(row.int_or_null(column)?.map(|id| (*field, Fact::Int(id))));
    }
    for (field, column) in TIMES {
        facts.extend(row.time_or_null(column)?.map(|at| (*field, Fact::Time(at))));
    }
    Ok(facts)
}

const FLAGS: &[(Field, &str)] =
    &[(Field::Spam, "spam"), (Field::FromAgent, "from_agent"), (Field::IsUnread, "is_unread")];
const TEXTS: &[(Field, &str)] = &[
    (Field::ExternalId, "external_id"),
    (Field::Status, "status"),
    (Field::Priority, "priority"),
    (Field::TicketType, "type"),
    (Field::Channel, "channel"),
    (Field::Via, "via"),
    (Field::Language, "language"),
    (Field::Subject, "subject"),
];
const IDS: &[(Field, &str)] = &[
    (Field::AssigneeUserId, "assignee_user_id"),
    (Field::AssigneeTeamId, "assignee_team_id"),
    (Field::OrganizationId, "organization_id"),
    (Field::FormId, "form_id"),
    (Field::BrandId, "brand_id"),
    (Field::CustomStatusId, "custom_status_id"),
    (Field::ScheduleId, "schedule_id"),
];
const TIMES: &[(Field, &str)] = &[
    (Field::OpenedAt, "opened_at"),
    (Field::UpdatedAt, "updated_at"),
    (Field::ClosedAt, "closed_at"),
    (Field::SnoozedUntil, "snoozed_until"),
    (Field::TrashedAt, "trashed_at"),
    (Field::DueAt, "due_at"),
    (Field::StatusChangedAt, "status_changed_at"),
    (Field::LastMessageAt, "last_message_at"),
    (Field::LastReceivedMessageAt, "last_received_message_at"),
];

/// Changes of one ticket that are undone at most for a look into its past.
const REWIND_MAX: i64 = 1_000;

/// Turns the facts of a ticket back to right after an event, by what the log says of each later change. `MessagesCount`, `Excerpt` and what
/// belongs to the customer stay as they are: the log does not keep them.
pub async fn rewind(tx: &mut Tx, facts: &mut Facts, ticket_id: i64, event: &Logged) -> Result<(), Error> {
    let rows = tx
        .rows(
            "select before from events
             where object_type = 'Ticket' and object_id = $1 and (created_at, id) > ($2, $3) and before is not null
             order by created_at desc, id desc limit $4",
            &[ticket_id.into(), event.created_at.into(), event.id.into(), REWIND_MAX.into()],
        )
        .await?;
    for row in rows {
        if let Some(Json::Object(before)) = row.json("before")? {
            for (name, value) in &before {
                put_back(facts, name, value);
            }
        }
    }
    Ok(())
}

fn put_back(facts: &mut Facts, name: &str, value: &Json) {
    for (field, fact) in values(name, value) {
        match fact {
            Some(fact) => facts.insert(field, fact),
            None => facts.remove(&field),
        };
    }
}

/// What a field of an event says. Nothing where rules do not ask for it.
pub(super) fn values(name: &str, value: &Json) -> Vec<(Field, Option<Fact>)> {
    let named = |list: &[(Field, &str)]| list.iter().find(|(_, known)| *known == name).map(|(field, _)| *field);
    if let Some(field) = named(FLAGS) {
        return vec![(field, Some(Fact::Flag(value.as_bool().unwrap_or_default())))];
    }
    if let Some(field) = named(TEXTS) {
        // The event of a turn names only the state it turned from; a status of none is before there was a ticket.
        return vec![(field, Some(Fact::Text(value.as_str().map(str::to_owned))))];
    }
    if let Some(field) = named(IDS).or((name == "customer_id").then_some(Field::CustomerId)) {
        return vec![(field, value.as_i64().map(Fact::Int))];
    }
    if let Some(field) = named(TIMES) {
        let at = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        return vec![(field, at.map(Fact::Time))];
    }
    match (name, value) {
        ("tags", Json::Array(names)) => {
            let names = names.iter().filter_map(Json::as_str).map(str::to_owned).collect();
            vec![(Field::Tags, Some(Fact::Names(names)))]
        }
        ("custom_fields", Json::Object(values)) => {
            let value = |value: &Json| match value {
                Json::String(text) => Some(Fact::Text(Some(text.clone()))),
                Json::Bool(flag) => Some(Fact::Flag(*flag)),
                Json::Number(number) => number.as_f64().map(Fact::Number),
                Json::Array(texts) => {
                    Some(Fact::Names(texts.iter().filter_map(Json::as_str).map(str::to_owned).collect()))
                }
                _ => None,
            };
            let values = values.iter().filter_map(|(id, it)| Some((Field::CustomField(id.parse().ok()?), value(it))));
            values.collect()
        }
        _ => Vec::new(),
    }
}

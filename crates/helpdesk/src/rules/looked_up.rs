//! What rules can know of a ticket that stands in none of its columns: found for one ticket at a time, and only where a rule asks it.

use jiff::Timestamp;
use serde_json::Value as Json;
use store::Tx;

use crate::Error;
use crate::filter::Field;
use crate::filter::evaluate::{Fact, Facts};
use crate::sla;
use crate::tickets::metrics;

const ROUNDS: &[Field] = &[Field::Reopens, Field::Replies, Field::AssigneeStations, Field::TeamStations];
const TIMES: &[Field] = &[Field::AssignedAt, Field::AssigneeWroteAt];
const FIRST: &[Field] = &[Field::Description, Field::Recipients];
const OTHERS: &[Field] = &[Field::IsPublic, Field::HasCopied, Field::Incidents, Field::NextBreachAt];

/// Whether a field is one of those.
pub(super) fn is(field: Field) -> bool {
    [ROUNDS, TIMES, FIRST, OTHERS].iter().any(|some| some.contains(&field))
}

/// Adds what is asked for. Served by `messages_by_ticket`, `events_by_object` and `tickets_by_problem`.
pub(super) async fn add(
    tx: &mut Tx,
    now: Timestamp,
    facts: &mut Facts,
    ticket_id: i64,
    fields: &[Field],
) -> Result<(), Error> {
    let asks = |some: &[Field]| some.iter().any(|field| fields.contains(field));
    if asks(ROUNDS) {
        let rounds = metrics::rounds_of(tx, ticket_id).await?;
        for (field, n) in [
            (Field::Reopens, rounds.n_reopens),
            (Field::Replies, rounds.n_replies),
            (Field::AssigneeStations, rounds.n_assignees),
            (Field::TeamStations, rounds.n_teams),
        ] {
            facts.insert(field, Fact::Int(n));
        }
    }
    if asks(TIMES) {
        let row = tx
            .row(
                "select (select max(e.created_at) from events e
                         where e.object_type = 'Ticket' and e.object_id = t.id and e.type = 'ticket-assigned') as assigned_at,
                        (select max(m.created_at) from messages m
                         where m.ticket_id = t.id and m.sender_id = t.assignee_user_id) as wrote_at
                 from tickets t where t.id = $1 and t.assignee_user_id is not null",
                &[ticket_id.into()],
            )
            .await?;
        if let Some(row) = row {
            facts.extend(row.time_or_null("assigned_at")?.map(|at| (Field::AssignedAt, Fact::Time(at))));
            facts.extend(row.time_or_null("wrote_at")?.map(|at| (Field::AssigneeWroteAt, Fact::Time(at))));
        }
    }
    if asks(FIRST) {
        let sql = "select m.body_text, m.source, t.recipient from messages m join tickets t on t.id = m.ticket_id
                   where m.ticket_id = $1 order by m.created_at, m.id limit 1";
        if let Some(row) = tx.row(sql, &[ticket_id.into()]).await? {
            facts.insert(Field::Description, Fact::Text(row.text_or_null("body_text")?));
            let mut addresses = recipients(row.json("source")?.as_ref());
            addresses.extend(row.text_or_null("recipient")?);
            facts.insert(Field::Recipients, Fact::Names(addresses));
        }
    }
    if fields.contains(&Field::IsPublic) {
        let sql = "select 1 as one from messages where ticket_id = $1 and public = 1 limit 1";
        let is_public = tx.row(sql, &[ticket_id.into()]).await?.is_some();
        facts.insert(Field::IsPublic, Fact::Flag(is_public));
    }
    if fields.contains(&Field::HasCopied) {
        let sql = "select 1 as one from ticket_people where ticket_id = $1 and part = 'cc' limit 1";
        let has_copied = tx.row(sql, &[ticket_id.into()]).await?.is_some();
        facts.insert(Field::HasCopied, Fact::Flag(has_copied));
    }
    if fields.contains(&Field::Incidents) {
        let sql = "select count(*) as n from tickets where problem_id = $1 and trashed_at is null";
        let row = tx.row(sql, &[ticket_id.into()]).await?;
        facts.extend(row.map(|row| row.int("n")).transpose()?.map(|n| (Field::Incidents, Fact::Int(n))));
    }
    if fields.contains(&Field::NextBreachAt) {
        // A policy asks of a ticket what rules ask too, but for this: it ends there.
        let at = Box::pin(sla::next_breach_at(tx, now, ticket_id)).await?;
        facts.extend(at.map(|at| (Field::NextBreachAt, Fact::Time(at))));
    }
    Ok(())
}

/// Whom a message was sent to, by its routing: one address or several.
fn recipients(source: Option<&Json>) -> Vec<String> {
    let to = source.and_then(|source| source.get("to"));
    let all = match to {
        Some(Json::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let address = |one: &Json| one.get("address").unwrap_or(one).as_str().map(str::to_lowercase);
    all.iter().filter_map(address).collect()
}

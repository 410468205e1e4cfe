//! For which events an integration is called.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use store::Tx;

use super::{Integration, announce};
use crate::Error;
use crate::page::Query;

/// What can be chosen (Gorgias contract, `enums.http_trigger`).
pub const TRIGGERS: &[&str] = &[
    "ticket-created",
    "ticket-updated",
    "ticket-message-created",
    "ticket-self-unsnoozed",
    "ticket-message-failed",
    "ticket-assignment-updated",
    "ticket-status-updated",
    "ticket-handed-over",
];

/// Whether an integration can wait for it: for one of `TRIGGERS`, or for what webhooks are told of.
pub fn is_known(word: &str) -> bool {
    TRIGGERS.contains(&word) || announced(word).is_some()
}

/// What webhooks are told of: `ticket.status_changed`. With `*` behind the dot, all that there is of the kind.
pub fn announced(word: &str) -> Option<&'static str> {
    announce::WORDS.iter().copied().find(|known| *known == word)
}

/// The trigger that an event of this kind pulls.
pub fn of_event(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "ticket-created" => "ticket-created",
        "ticket-updated" => "ticket-updated",
        "ticket-message-created" => "ticket-message-created",
        "ticket-self-unsnoozed" => "ticket-self-unsnoozed",
        "ticket-message-failed" => "ticket-message-failed",
        "ticket-assigned" | "ticket-unassigned" | "ticket-team-assigned" | "ticket-team-unassigned" => {
            "ticket-assignment-updated"
        }
        "ticket-closed" | "ticket-reopened" => "ticket-status-updated",
        "ticket-handed-over" => "ticket-handed-over",
        _ => return None,
    })
}

/// A word as it is meant: some examples of the vendor write underscores.
pub fn word(text: &str) -> Option<&'static str> {
    let text = text.replace('_', "-");
    TRIGGERS.iter().copied().find(|word| *word == text)
}

/// Fills in the triggers of these integrations, in one statement.
pub(super) async fn load(tx: &mut Tx, integrations: &mut [Integration]) -> Result<(), Error> {
    let ids: Vec<i64> = integrations.iter().filter(|it| it.http.is_some()).map(|it| it.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut query = Query::new("select integration_id, trigger_word from integration_triggers where 1 = 1");
    query.and_in("integration_id", ids);
    let mut found: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        found.entry(row.int("integration_id")?).or_default().insert(row.text("trigger_word")?);
    }
    for integration in integrations {
        if let (Some(http), Some(triggers)) = (&mut integration.http, found.remove(&integration.id)) {
            http.triggers = triggers;
        }
    }
    Ok(())
}

/// Replaces them.
pub(super) async fn write(tx: &mut Tx, integration_id: i64, triggers: &BTreeSet<String>) -> Result<(), Error> {
    tx.run("delete from integration_triggers where integration_id = $1", &[integration_id.into()]).await?;
    for trigger in triggers {
        tx.run(
            "insert into integration_triggers (trigger_word, integration_id) values ($1, $2)",
            &[trigger.into(), integration_id.into()],
        )
        .await?;
    }
    Ok(())
}

/// The integrations that are on and wait for any of these triggers: id, its app, and the trigger.
pub(super) async fn waiting(tx: &mut Tx, triggers: &BTreeSet<&'static str>) -> Result<Vec<Waiting>, Error> {
    if triggers.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        "select t.trigger_word, i.id, i.client_id, i.created_at from integration_triggers t join integrations i on i.id = t.integration_id
         where i.deactivated_at is null and i.deleted_at is null and i.type = 'http'",
    );
    query.and_in("t.trigger_word", triggers.iter().copied());
    query.sql.push_str(" order by i.id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                trigger: row.text("trigger_word")?,
                integration_id: row.int("id")?,
                client_id: row.int_or_null("client_id")?,
                created_at: row.time("created_at")?,
            })
        })
        .collect()
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub trigger: String,
    pub integration_id: i64,
    pub client_id: Option<i64>,
    pub created_at: Timestamp,
}

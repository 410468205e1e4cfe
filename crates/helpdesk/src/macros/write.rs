//! Saving, archiving and deleting macros.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Macros;
use serde_json::{Value as Json, json};
use store::Tx;

use super::{Macro, NAME_MAX_CHARS, read, select_macros};
use crate::Error;
use crate::actions::Action;
use crate::actions::take::{self, Context};
use crate::events::{self, Change};
use crate::integrations::call;
use crate::rules::uses;

/// Macros of one call that archives them.
pub const IDS_MAX: usize = 30;

#[derive(Debug, Clone, Default)]
pub struct NewMacro {
    pub external_id: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub intent: Option<String>,
    pub language: Option<String>,
    /// As `Macro::source`.
    pub source: Option<Json>,
    pub actions: Vec<Action>,
    pub taken_over: Option<TakenOver>,
}

/// What a macro brings along that a job takes over from a file. Without its times, it is of now.
#[derive(Debug, Clone, Copy)]
pub struct TakenOver {
    pub job_id: i64,
    pub usage: i64,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub archived_at: Option<Timestamp>,
}

/// What to change. The outer `None` leaves a field as it is, the inner one clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub external_id: Option<Option<String>>,
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub position: Option<i64>,
    pub intent: Option<Option<String>>,
    pub language: Option<Option<String>>,
    /// As it came, and as we read it.
    pub actions: Option<(Option<Json>, Vec<Action>)>,
}

/// What came of archiving one of several macros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archived {
    Done,
    Already,
    NotFound,
    /// Rules use it: their ids and names.
    Used(Vec<(i64, String)>),
}

pub async fn create(tx: &mut Tx, may: &CanWrite<Macros>, now: Timestamp, new: NewMacro) -> Result<i64, Error> {
    let taken = new.taken_over;
    let mut made = Macro {
        id: 0,
        external_id: new.external_id,
        name: new.name,
        description: new.description,
        position: next_position(tx).await?,
        intent: new.intent,
        language: new.language,
        source: new.source,
        actions: new.actions,
        usage: taken.map_or(0, |it| it.usage),
        created_at: taken.and_then(|it| it.created_at).unwrap_or(now),
        updated_at: taken.and_then(|it| it.updated_at).unwrap_or(now),
        archived_at: taken.and_then(|it| it.archived_at),
    };
    check(&made)?;
    let row = tx
        .row(
            "insert into macros (external_id, name, name_key, intent, language, language_key, source, actions, reply_key, usage,
                                 created_at, updated_at, archived, archived_at, description, position)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) returning id",
            &[
                made.external_id.as_deref().into(),
                made.name.as_str().into(),
                made.name.to_lowercase().into(),
                made.intent.as_deref().into(),
                made.language.as_deref().into(),
                made.language.as_deref().unwrap_or_default().into(),
                made.source.as_ref().into(),
                (&actions_json(&made)?).into(),
                reply_key(&made).into(),
                made.usage.into(),
                made.created_at.into(),
                made.updated_at.into(),
                made.archived_at.is_some().into(),
                made.archived_at.into(),
                made.description.as_deref().into(),
                made.position.into(),
            ],
        )
        .await?;
    made.id = row.ok_or(store::StoreError::Column("id"))?.int("id")?;
    write_tags(tx, &made).await?;
    let change = Change {
        kind: "macro-created",
        object_type: "Macro",
        object_id: made.id,
        before: None,
        after: Some(made.facts()),
        data: taken.map(|it| json!({ "job_id": it.job_id })),
    };
    events::record(tx, may.actor(), now, change).await?;
    Ok(made.id)
}

/// A macro that is called the same and does the same, if there is one, archived or not. Served by `macros_by_name`.
pub(crate) async fn same_as(tx: &mut Tx, _may: &CanWrite<Macros>, new: &NewMacro) -> Result<Option<i64>, Error> {
    let key = new.name.to_lowercase();
    let sql = concat!(select_macros!(), " where m.archived in (0, 1) and m.name_key = $1 order by m.id");
    for row in tx.rows(sql, &[key.into()]).await? {
        let other = Macro::from_row(&row)?;
        let is_same = other.name == new.name
            && other.external_id == new.external_id
            && other.intent == new.intent
            && other.language == new.language
            && other.actions == new.actions;
        if is_same {
            return Ok(Some(other.id));
        }
    }
    Ok(None)
}

/// Changes what was sent, and says nothing to the event log if nothing differs.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Macros>,
    now: Timestamp,
    id: i64,
    changes: Changes,
) -> Result<(), Error> {
    lock(tx, id).await?;
    let before = read(tx, id).await?;
    let mut after = before.clone();
    after.external_id = changes.external_id.unwrap_or(after.external_id);
    after.name = changes.name.unwrap_or(after.name);
    after.description = changes.description.unwrap_or(after.description);
    after.position = changes.position.unwrap_or(after.position);
    after.intent = changes.intent.unwrap_or(after.intent);
    after.language = changes.language.unwrap_or(after.language);
    if let Some((source, actions)) = changes.actions {
        (after.source, after.actions) = (source, actions);
    }
    if after == before {
        return Ok(());
    }
    check(&after)?;
    tx.run(
        "update macros set external_id = $1, name = $2, name_key = $3, intent = $4, language = $5, language_key = $6, source = $7,
                           actions = $8, reply_key = $9, updated_at = $10, description = $11, position = $12
         where id = $13",
        &[
            after.external_id.as_deref().into(),
            after.name.as_str().into(),
            after.name.to_lowercase().into(),
            after.intent.as_deref().into(),
            after.language.as_deref().into(),
            after.language.as_deref().unwrap_or_default().into(),
            after.source.as_ref().into(),
            (&actions_json(&after)?).into(),
            reply_key(&after).into(),
            now.into(),
            after.description.as_deref().into(),
            after.position.into(),
            id.into(),
        ],
    )
    .await?;
    write_tags(tx, &after).await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    record(tx, may.actor(), now, "macro-updated", id, Some(old), Some(new)).await
}

/// Deletes a macro for good. `InUse` while a rule applies it.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Macros>, now: Timestamp, id: i64) -> Result<(), Error> {
    lock(tx, id).await?;
    let old = read(tx, id).await?;
    if !used_by(tx, id).await?.is_empty() {
        return Err(Error::InUse { kind: "macro", id, problem: "a rule applies it".to_owned() });
    }
    tx.run("delete from macros where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, "macro-deleted", id, Some(old.facts()), None).await
}

/// Puts a macro away, so that it is neither offered nor counted. It can be taken back.
pub async fn archive(tx: &mut Tx, may: &CanWrite<Macros>, now: Timestamp, id: i64) -> Result<Archived, Error> {
    match set_archived(tx, may, now, id, Some(now)).await {
        Err(Error::NotFound { .. }) => Ok(Archived::NotFound),
        other => other,
    }
}

pub async fn unarchive(tx: &mut Tx, may: &CanWrite<Macros>, now: Timestamp, id: i64) -> Result<Archived, Error> {
    match set_archived(tx, may, now, id, None).await {
        Err(Error::NotFound { .. }) => Ok(Archived::NotFound),
        other => other,
    }
}

async fn set_archived(
    tx: &mut Tx,
    may: &CanWrite<Macros>,
    now: Timestamp,
    id: i64,
    archived_at: Option<Timestamp>,
) -> Result<Archived, Error> {
    lock(tx, id).await?;
    let before = read(tx, id).await?;
    if before.archived_at.is_some() == archived_at.is_some() {
        return Ok(Archived::Already);
    }
    if archived_at.is_some() {
        let rules = used_by(tx, id).await?;
        if !rules.is_empty() {
            return Ok(Archived::Used(rules));
        }
    }
    tx.run(
        "update macros set archived = $1, archived_at = $2, updated_at = $3 where id = $4",
        &[archived_at.is_some().into(), archived_at.into(), now.into(), id.into()],
    )
    .await?;
    let after = Macro { archived_at, ..before.clone() };
    let (old, new) = events::difference(before.facts(), after.facts());
    record(tx, may.actor(), now, "macro-updated", id, Some(old), Some(new)).await?;
    Ok(Archived::Done)
}

/// The rules that apply the macro: id and name.
async fn used_by(tx: &mut Tx, id: i64) -> Result<Vec<(i64, String)>, Error> {
    let rules = uses::all(tx).await?;
    Ok(rules.into_iter().filter(|rule| rule.applies_macro(id)).map(|rule| (rule.id, rule.name)).collect())
}

/// Behind all others.
async fn next_position(tx: &mut Tx) -> Result<i64, Error> {
    let row = tx.row("select coalesce(max(position), 0) + 1 as position from macros", &[]).await?;
    Ok(row.map(|row| row.int("position")).transpose()?.unwrap_or(1))
}

fn check(made: &Macro) -> Result<(), Error> {
    let n_chars = made.name.chars().count();
    if n_chars == 0 || NAME_MAX_CHARS < n_chars || made.name.contains('\0') {
        return Err(Error::invalid("name", format!("Must have 1 to {NAME_MAX_CHARS} characters, has {n_chars}.")));
    }
    if made.actions.iter().any(|action| matches!(action, Action::ApplyMacro(_))) {
        return Err(Error::invalid("actions", "A macro cannot apply another one."));
    }
    made.actions.iter().try_for_each(|action| match action {
        Action::Http(http) => call::check(http, "actions"),
        other => take::check(other),
    })
}

fn actions_json(made: &Macro) -> Result<Json, Error> {
    serde_json::to_value(&made.actions).map_err(|_| Error::invalid("actions", "Cannot be kept."))
}

fn reply_key(made: &Macro) -> String {
    made.reply().unwrap_or_default().to_lowercase()
}

async fn write_tags(tx: &mut Tx, made: &Macro) -> Result<(), Error> {
    tx.run("delete from macro_tags where macro_id = $1", &[made.id.into()]).await?;
    let mut names: Vec<&String> = Vec::new();
    for action in &made.actions {
        if let Action::AddTags(more) | Action::SetTags(more) = action {
            names.extend(more);
        }
    }
    for name in names {
        tx.run(
            "insert into macro_tags (macro_id, name) values ($1, $2) on conflict (macro_id, name) do nothing",
            &[made.id.into(), name.as_str().into()],
        )
        .await?;
    }
    Ok(())
}

/// Keeps the row until the transaction ends, so that two callers never overwrite each other.
async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    match tx.run("update macros set usage = usage where id = $1", &[id.into()]).await? {
        0 => Err(Error::NotFound { kind: "macro", id }),
        _ => Ok(()),
    }
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    before: Option<Json>,
    after: Option<Json>,
) -> Result<(), Error> {
    events::record(tx, actor, now, Change { kind, object_type: "Macro", object_id: id, before, after, data: None })
        .await
}

/// Counts a use of the macro on a ticket, with its event. `context` says which job or rule asked for it.
pub(super) async fn count_use(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: i64,
    ticket_id: i64,
    context: &Context,
) -> Result<(), Error> {
    tx.run("update macros set usage = usage + 1 where id = $1", &[id.into()]).await?;
    let mut data = json!({ "ticket_id": ticket_id });
    for (name, cause) in [("job_id", context.job_id), ("rule_id", context.rule_id)] {
        if let Some(cause) = cause {
            data[name] = json!(cause);
        }
    }
    let change = Change {
        kind: "macro-applied",
        object_type: "Macro",
        object_id: id,
        before: None,
        after: None,
        data: Some(data),
    };
    events::record(tx, actor, now, change).await
}

/// The same, of a macro that may be gone.
pub(crate) async fn count_use_if_there(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: i64,
    ticket_id: i64,
    context: &Context,
) -> Result<(), Error> {
    match tx.row("select id from macros where id = $1", &[id.into()]).await? {
        Some(_) => count_use(tx, actor, now, id, ticket_id, context).await,
        None => Ok(()),
    }
}

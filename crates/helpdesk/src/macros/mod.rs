//! Macros: prepared replies, with what else they do to a ticket.
//!
//! Here is what a macro is, and lists of them. Saving and archiving: `write.rs`. Using one on a ticket: `apply.rs`. Which fit a ticket
//! best: `relevance.rs`. Files that it brings along: `files.rs`. One made of a ticket: `derive.rs`. From and to files: `jobs/macro_rows.rs`.

pub mod apply;
pub mod derive;
pub mod files;
pub mod relevance;
pub mod write;

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Macros;
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use crate::Error;
use crate::actions::Action;
use crate::page::{Column, Order, Page, Query, Slice, part_pattern};

/// Longest name, in characters.
pub const NAME_MAX_CHARS: usize = 256;
/// The same of an external id.
pub const EXTERNAL_ID_MAX_CHARS: usize = 255;
/// Most macros that are named one by one.
pub const NAMED_MAX: usize = 1_000;
/// Most actions of one macro.
pub const ACTIONS_MAX: usize = 50;

/// What a macro is for (Gorgias contract, `enums.macro_intent`).
pub const INTENTS: &[&str] = &[
    "discount/request",
    "exchange/request",
    "exchange/status",
    "feedback",
    "order/cancel",
    "order/change",
    "order/damaged",
    "order/wrong",
    "other/no_reply",
    "other/question",
    "other/thanks",
    "product/question",
    "product/recommendation",
    "refund/request",
    "refund/status",
    "return/request",
    "return/status",
    "shipping/change",
    "shipping/delivery-issue",
    "shipping/policy",
    "shipping/status",
    "stock/request",
    "subscription/cancel",
    "subscription/change",
];

#[derive(Debug, Clone, PartialEq)]
pub struct Macro {
    pub id: i64,
    pub external_id: Option<String>,
    pub name: String,
    pub description: Option<String>,
    /// Its place in the order of people.
    pub position: i64,
    /// What the customer wants, such as `refund/request`.
    pub intent: Option<String>,
    /// ISO 639-1.
    pub language: Option<String>,
    /// The actions as they came, in the words of the app that wrote them: a list. None if they were written in our own room.
    pub source: Option<Json>,
    pub actions: Vec<Action>,
    /// Times that it was applied.
    pub usage: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

/// Which macros.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of the name or of the reply, in any case of its letters.
    pub search: Option<String>,
    /// That put all these tags on a ticket.
    pub tags: Vec<String>,
    /// In any of these languages. Empty: in all.
    pub languages: Vec<String>,
    /// Only the archived ones, else only the others.
    pub archived: bool,
    /// The archived ones and the others.
    pub either: bool,
    pub ids: Option<Vec<i64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Name,
    Created,
    Updated,
    Usage,
    Language,
    /// As people arranged them.
    Position,
}

macro_rules! select_macros {
    () => {
        "select m.id, m.external_id, m.name, m.name_key, m.description, m.position, m.intent, m.language, m.language_key, m.source, m.actions, m.usage, m.created_at,
                m.updated_at, m.archived_at
         from macros m"
    };
}
use select_macros;

/// Served by `macros_by_name`, `macros_by_created`, `macros_by_updated`, `macros_by_usage`, `macros_by_language`, `macros_by_position`, `macros_by_place`.
/// `search` reads along them.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Macros>,
    filter: &Filter,
    sort: Sort,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Macro>, Error> {
    let columns: &'static [Column] = match sort {
        Sort::Name => &[Column::Text("m.name_key", "name_key"), Column::Int("m.id", "id")],
        Sort::Created => &[Column::Int("m.created_at", "created_at"), Column::Int("m.id", "id")],
        Sort::Updated => &[Column::Int("m.updated_at", "updated_at"), Column::Int("m.id", "id")],
        Sort::Usage => &[Column::Int("m.usage", "usage"), Column::Int("m.id", "id")],
        Sort::Position => &[Column::Int("m.position", "position"), Column::Int("m.id", "id")],
        Sort::Language => &[Column::Text("m.language_key", "language_key"), Column::Int("m.id", "id")],
    };
    let order = Order { columns, descending };
    query_of(filter).page(tx, order, slice).await?.try_map(|row| Macro::from_row(&row))
}

fn query_of(filter: &Filter) -> Query {
    let mut query = Query::new(concat!(select_macros!(), " where 1 = 1"));
    if !filter.either {
        query.and("m.archived =", filter.archived);
    }
    match filter.ids.as_deref() {
        Some([]) => query.and_text("1 = 0"),
        Some(ids) => query.and_in("m.id", ids.iter().copied()),
        None => {}
    }
    if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
        let pattern = query.bind(part_pattern(&search.to_lowercase()));
        query.and_text(&format!("(m.name_key like {pattern} escape '!' or m.reply_key like {pattern} escape '!')"));
    }
    for tag in &filter.tags {
        let tag = query.bind(tag);
        query.and_text(&format!("exists (select 1 from macro_tags k where k.macro_id = m.id and k.name = {tag})"));
    }
    if !filter.languages.is_empty() {
        query.and_in("m.language", filter.languages.iter());
    }
    query
}

/// What stands before `::` in the names of macros that are in use, each once, at most a thousand. Read along `macros_by_name`.
pub async fn categories(tx: &mut Tx, _may: &CanRead<Macros>) -> Result<Vec<String>, Error> {
    let rows = tx
        .rows("select name from macros where archived = 0 and name like '%::%' order by name_key, id limit 1000", &[])
        .await?;
    let mut names: Vec<String> = Vec::new();
    for row in rows {
        let name = row.text("name")?;
        let category = name.split("::").next().unwrap_or_default().trim();
        if !category.is_empty() && names.last().is_none_or(|last| last != category) {
            names.push(category.to_owned());
        }
    }
    Ok(names)
}

/// The macro with this id, archived or not, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Macros>, id: i64) -> Result<Macro, Error> {
    read(tx, id).await
}

/// The same for whoever just wrote it.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Macros>, id: i64) -> Result<Macro, Error> {
    read(tx, id).await
}

/// How many macros there are, archived or not, and the newest of them. Of `ids`, which are ascending, if there are any.
pub(crate) async fn extent(tx: &mut Tx, _may: &CanRead<Macros>, ids: Option<&[i64]>) -> Result<(i64, i64), Error> {
    if let Some(ids) = ids {
        return Ok((i64::try_from(ids.len()).unwrap_or(i64::MAX), ids.last().copied().unwrap_or_default()));
    }
    let row = tx.row("select count(*) as n, max(id) as id from macros", &[]).await?;
    let row = row.ok_or(store::StoreError::Column("n"))?;
    Ok((row.int("n")?, row.int_or_null("id")?.unwrap_or_default()))
}

/// The next macros behind `after`, up to `last`, archived or not, by id. Of `ids`, which are ascending, if there are any.
pub(crate) async fn between(
    tx: &mut Tx,
    _may: &CanRead<Macros>,
    ids: Option<&[i64]>,
    (after, last): (i64, i64),
    limit: usize,
) -> Result<Vec<Macro>, Error> {
    let mut query = Query::new(concat!(select_macros!(), " where 1 = 1"));
    query.and("m.id >", after);
    query.and("m.id <=", last);
    if let Some(ids) = ids {
        let behind = ids.get(ids.partition_point(|id| *id <= after)..).unwrap_or_default();
        query.and_in("m.id", behind.iter().copied());
    }
    let limit = query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    query.sql.push_str(&format!(" order by m.id limit {limit}"));
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter().map(Macro::from_row).collect()
}

pub(crate) async fn read(tx: &mut Tx, id: i64) -> Result<Macro, Error> {
    match tx.row(concat!(select_macros!(), " where m.id = $1"), &[id.into()]).await? {
        Some(row) => Macro::from_row(&row),
        None => Err(Error::NotFound { kind: "macro", id }),
    }
}

impl Macro {
    fn from_row(row: &Row) -> Result<Macro, Error> {
        let actions = row.json("actions")?.unwrap_or_default();
        Ok(Macro {
            id: row.int("id")?,
            external_id: row.text_or_null("external_id")?,
            name: row.text("name")?,
            description: row.text_or_null("description")?,
            position: row.int("position")?,
            intent: row.text_or_null("intent")?,
            language: row.text_or_null("language")?,
            source: row.json("source")?,
            actions: serde_json::from_value(actions).map_err(|_| store::StoreError::Column("actions"))?,
            usage: row.int("usage")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            archived_at: row.time_or_null("archived_at")?,
        })
    }

    /// The text that it answers with, if it answers.
    pub fn reply(&self) -> Option<&str> {
        self.actions.iter().find_map(|action| match action {
            Action::Reply(text) => Some(text.body_text.as_str()),
            _ => None,
        })
    }

    /// Everything that it says, with a word for where.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        let mut texts = Vec::new();
        for action in &self.actions {
            match action {
                Action::SetSubject(subject) => texts.push(("Subject", subject.as_str())),
                Action::Reply(text) => texts.push(("Reply", text.shown())),
                Action::InternalNote(text) => texts.push(("Note", text.shown())),
                _ => {}
            }
        }
        texts
    }

    /// What events tell of a macro.
    fn facts(&self) -> Json {
        json!({
            "external_id": self.external_id,
            "name": self.name,
            "description": self.description,
            "position": self.position,
            "intent": self.intent,
            "language": self.language,
            "actions": self.actions,
            "archived_at": self.archived_at,
        })
    }
}

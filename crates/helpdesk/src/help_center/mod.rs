//! The help center: categories of sections of articles, for customers to find an answer before they ask.
//!
//! | file | what it is |
//! |---|---|
//! | `reader.rs` | who reads, which decides what is there for them |
//! | `categories.rs`, `sections.rs`, `articles.rs`, `article_write.rs` | what it is made of |
//! | `translations.rs` | the words of each of them, in one language or several |
//! | `locales.rs` | the languages that there are texts in |
//! | `labels.rs`, `attachments.rs` | what articles carry |
//! | `comments.rs`, `votes.rs`, `subscriptions.rs` | what readers say |
//! | `user_segments.rs`, `permission_groups.rs` | who reads and who writes what |
//! | `search.rs` | finding articles by their words |

use jiff::Timestamp;
use scope::permit::Actor;
use scope::role::Role;
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use crate::page::{Column, Order, Query};
use crate::{Error, events};

pub mod article_write;
pub mod articles;
pub mod attachments;
pub mod categories;
pub mod comments;
pub mod labels;
pub mod locales;
pub(crate) mod news;
pub mod permission_groups;
mod reader;
pub mod search;
pub mod sections;
pub mod subscriptions;
pub mod translations;
pub mod user_segments;
pub mod votes;

pub use reader::Reader;

/// Longest title and longest text, in characters.
pub const TITLE_MAX_CHARS: usize = 255;
pub const BODY_MAX_CHARS: usize = 500_000;

/// What has texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Category(i64),
    Section(i64),
    Article(i64),
}

impl Source {
    pub const fn id(self) -> i64 {
        match self {
            Source::Category(id) | Source::Section(id) | Source::Article(id) => id,
        }
    }

    /// The column of its texts that names it.
    const fn column(self) -> &'static str {
        match self {
            Source::Category(_) => "category_id",
            Source::Section(_) => "section_id",
            Source::Article(_) => "article_id",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Source::Category(_) => "help_categories",
            Source::Section(_) => "help_sections",
            Source::Article(_) => "help_articles",
        }
    }

    /// As the event log calls it.
    const fn kind(self) -> &'static str {
        match self {
            Source::Category(_) => "HelpCategory",
            Source::Section(_) => "HelpSection",
            Source::Article(_) => "Article",
        }
    }

    const fn missing(self) -> Error {
        let kind = match self {
            Source::Category(_) => "category",
            Source::Section(_) => "section",
            Source::Article(_) => "article",
        };
        Error::NotFound { kind, id: self.id() }
    }
}

/// The words that are shown of something: those of the language that was asked for, or of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub locale: String,
    pub title: String,
    /// HTML of an article; of the others a description.
    pub body: String,
    /// Not shown to readers yet.
    pub draft: bool,
    /// Behind the text of the source language, as its writers say.
    pub outdated: bool,
}

/// Words to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewText {
    pub locale: String,
    pub title: String,
    pub body: String,
    pub draft: bool,
    pub outdated: bool,
    /// Whoever wants to hear of it does not.
    pub quiet: bool,
}

/// Orders of categories and sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Position,
    Created,
    Updated,
}

impl Sort {
    /// Of lists whose table is `x`.
    const fn columns(self) -> &'static [Column] {
        match self {
            Sort::Position => &[Column::Int("x.position", "position"), Column::Int("x.id", "id")],
            Sort::Created => &[Column::Int("x.created_at", "created_at"), Column::Int("x.id", "id")],
            Sort::Updated => &[Column::Int("x.updated_at", "updated_at"), Column::Int("x.id", "id")],
        }
    }
}

/// Which language is shown: this one alone, or of each thing its own.
pub type Language<'a> = Option<&'a str>;

/// Chooses the texts `t` that are shown of a table.
fn and_text_in(query: &mut Query, language: Language<'_>, table: &str) {
    match language {
        Some(locale) => query.and("t.locale =", locale),
        None => query.and_text(&format!("t.locale = {table}.source_locale")),
    }
}

/// Joined as `t`: the text that is shown.
const TEXT_COLUMNS: &str = "t.locale, t.title, t.title_key, t.body, t.draft, t.outdated";

impl Text {
    fn from_row(row: &Row) -> Result<Text, Error> {
        Ok(Text {
            locale: row.text("locale")?,
            title: row.text("title")?,
            body: row.text("body")?,
            draft: row.flag("draft")?,
            outdated: row.flag("outdated")?,
        })
    }
}

/// Whether somebody manages the help center: what managers may, no permission group limits.
fn is_manager(actor: &Actor) -> bool {
    match actor.role {
        Some(role) => matches!(role, Role::Owner | Role::Admin | Role::Lead | Role::Internal | Role::Bot),
        None => actor.worker.is_some(),
    }
}

/// Drops from HTML what could run, load or disguise something. What has no tag is no HTML, and stays as it was written.
fn clean_body(body: &str) -> String {
    if !body.contains('<') {
        return body.to_owned();
    }
    // Headings that other places of the text lead to have ids, and themes dress by classes.
    ammonia::Builder::default().add_generic_attributes(["class", "id"]).link_rel(None).clean(body).to_string()
}

const BY_ID: &[Column] = &[Column::Int("x.id", "id")];

/// Of lists whose table is `x`.
const fn by_id(descending: bool) -> Order {
    Order { columns: BY_ID, descending }
}

/// Of something that a field names: that it is not there is the field's problem.
fn of_field(found: Result<(), Error>, field: &str, problem: impl Into<String>) -> Result<(), Error> {
    match found {
        Err(Error::NotFound { .. }) => Err(Error::invalid(field, problem)),
        other => other,
    }
}

/// Writes one event of the help center.
async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, object_type, id): (&str, &str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    events::record(tx, actor, now, events::Change { kind, object_type, object_id: id, before, after, data: None }).await
}

/// The same of something that people have subscribed to: they are told unless it is quiet.
async fn record_news(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, object_type, id): (&str, &str, i64),
    (after, quiet): (Json, bool),
) -> Result<(), Error> {
    let data = quiet.then(|| json!({ QUIET: true }));
    let change = events::Change { kind, object_type, object_id: id, before: None, after: Some(after), data };
    events::record(tx, actor, now, change).await
}

/// What an event says of which nobody is to be told.
pub(crate) const QUIET: &str = "quiet";

/// Says to the log what became of something, if anything did.
async fn record_difference(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    what: (&str, &str, i64),
    (before, after): (Json, Json),
) -> Result<bool, Error> {
    let (old, new) = events::difference(before, after);
    let differs = new.as_object().is_some_and(|new| !new.is_empty());
    if differs {
        record(tx, actor, now, what, (Some(old), Some(new))).await?;
    }
    Ok(differs)
}

/// What two customers said in the help center, as one says it. Where both voted or subscribed, the target's stays.
pub(crate) async fn merge_people(tx: &mut Tx, source_id: i64, target_id: i64) -> Result<(), Error> {
    for sql in [
        "update help_comments set author_id = $2 where author_id = $1",
        "update help_votes set person_id = $2 where person_id = $1
             and article_id not in (select article_id from help_votes where person_id = $2)",
        "update help_subscriptions set person_id = $2 where person_id = $1 and article_id is not null
             and article_id not in (select article_id from help_subscriptions where person_id = $2 and article_id is not null)",
        "update help_subscriptions set person_id = $2 where person_id = $1 and section_id is not null
             and section_id not in (select section_id from help_subscriptions where person_id = $2 and section_id is not null)",
    ] {
        tx.run(sql, &[source_id.into(), target_id.into()]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_is_dropped_and_what_articles_need_stays() {
        let html = r##"<h2 id="a" onclick="x()">Hi</h2><a href="#a">Up</a><script>alert(1)</script><a href="javascript:x()">x</a>"##;

        assert_eq!(clean_body(html), r##"<h2 id="a">Hi</h2><a href="#a">Up</a><a>x</a>"##);
        assert_eq!(clean_body("Fish & chips"), "Fish & chips");
    }
}

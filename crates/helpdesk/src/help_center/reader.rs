//! Who reads the help center: what is hidden from them is not there for them.

use scope::permit::{Actor, Permit};
use scope::resource::{Access, HelpCenter, HelpCenterSearch, HelpCenterStructure, PublicHelpCenter, Resource};
use scope::role::Role;
use store::Tx;

use super::{is_manager, user_segments};
use crate::Error;
use crate::page::Query;

/// Somebody who reads, as far as it matters for what they see.
#[derive(Debug, Clone)]
pub struct Reader {
    sees: Sees,
    person_id: Option<i64>,
    /// Segments that they belong to.
    segments: Vec<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sees {
    Everything,
    /// Drafts too, but what is kept to segments only as one of them.
    Staff,
    Published,
}

/// What opens the help center to be read.
pub trait Opens: Resource {}
impl Opens for HelpCenter {}
impl Opens for HelpCenterStructure {}
impl Opens for PublicHelpCenter {}
impl Opens for HelpCenterSearch {}

impl Reader {
    /// Somebody of whom nothing is known: sees what is published for everybody, and needs no permit for it.
    pub fn anyone() -> Reader {
        Reader { sees: Sees::Published, person_id: None, segments: Vec::new() }
    }

    /// Whoever calls.
    pub async fn of<R: Opens, A: Access>(tx: &mut Tx, may: &Permit<R, A>) -> Result<Reader, Error> {
        Reader::of_actor(tx, may.actor()).await
    }

    /// Somebody who is not there now.
    pub(super) async fn of_person(tx: &mut Tx, person_id: i64) -> Result<Reader, Error> {
        let row = tx.row("select role from people where id = $1", &[person_id.into()]).await?;
        let role = row.map(|row| row.text("role")).transpose()?.as_deref().and_then(Role::parse);
        Reader::of_actor(tx, &Actor { person_id: Some(person_id), role, ..Actor::default() }).await
    }

    async fn of_actor(tx: &mut Tx, actor: &Actor) -> Result<Reader, Error> {
        if is_manager(actor) {
            return Ok(Reader { person_id: actor.person_id, ..Reader::writer() });
        }
        let is_staff = actor.role.is_some_and(|role| role.is_staff());
        let segments = match actor.person_id {
            Some(id) => user_segments::ids_of_person(tx, id).await?,
            None => Vec::new(),
        };
        let sees = if is_staff { Sees::Staff } else { Sees::Published };
        Ok(Reader { sees, person_id: actor.person_id, segments })
    }

    /// For those who are answered what they just wrote.
    pub(super) fn writer() -> Reader {
        Reader { sees: Sees::Everything, person_id: None, segments: Vec::new() }
    }

    pub fn person_id(&self) -> Option<i64> {
        self.person_id
    }

    pub fn is_staff(&self) -> bool {
        self.sees != Sees::Published
    }

    pub fn is_manager(&self) -> bool {
        self.sees == Sees::Everything
    }

    /// Appends what hides articles (`a`) in their texts (`t`) from this reader.
    pub(super) fn see_articles(&self, query: &mut Query) {
        let condition = self.condition(query, "t");
        query.and_text(&condition);
    }

    /// Appends what hides categories and sections that hold nothing for this reader: `articles` are those in them, as `a`. Staff sees
    /// empty ones too, to fill them.
    pub(super) fn see_what_holds(&self, query: &mut Query, articles: &str) {
        if self.sees == Sees::Published {
            let condition = self.condition(query, "v");
            query.and_text(&format!(
                "exists (select 1 from {articles} and a.archived_at is null
                     and exists (select 1 from help_translations v where v.article_id = a.id and {condition}))"
            ));
        }
    }

    fn condition(&self, query: &mut Query, text: &str) -> String {
        if self.sees == Sees::Everything {
            return "1 = 1".to_owned();
        }
        let mut condition = if self.sees == Sees::Published { format!("{text}.draft = 0 and ") } else { String::new() };
        if self.segments.is_empty() {
            condition.push_str("a.restricted = 0");
        } else {
            let ids: Vec<String> = self.segments.iter().map(|id| query.bind(*id)).collect();
            condition.push_str(&format!(
                "(a.restricted = 0 or exists (
                     select 1 from help_article_segments g where g.article_id = a.id and g.segment_id in ({})))",
                ids.join(", ")
            ));
        }
        condition
    }
}

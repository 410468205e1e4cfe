//! Scope words as people read them: grouped, in sentences, and telling reading from changing.

use scope::identity::Identity;
use scope::words::{self, Word};
use scope::{Dialect, set::ScopeSet};

/// What a scope is about, at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
    /// Who the person is.
    Identity,
    /// Access that lasts while the person is away.
    Stay,
}

/// One word in a list of what was granted or may be asked for.
pub struct Chip {
    pub word: String,
    pub is_write: bool,
    pub deprecated: bool,
    /// What it lets an app do; none for a word that opens nothing here.
    pub sentence: Option<&'static str>,
}

/// Everything an app of one dialect may be allowed, to choose from.
pub struct Vocabulary {
    pub dialect: &'static str,
    pub groups: Vec<Group>,
}

pub struct Group {
    pub name: &'static str,
    pub scopes: Vec<Choice>,
}

pub struct Choice {
    pub word: &'static str,
    pub sentence: &'static str,
    pub kind: Kind,
    pub deprecated: bool,
    pub is_chosen: bool,
}

pub fn kind_of(word: &Word) -> Kind {
    if word.is_write() {
        Kind::Write
    } else if word.identity.is_some_and(|identity| identity != Identity::Offline) {
        Kind::Identity
    } else if word.identity.is_some() {
        Kind::Stay
    } else {
        Kind::Read
    }
}

/// The words of a space-separated text, in the order of the vocabulary; what is not in it comes last.
pub fn chips(dialect: Dialect, scope: &str) -> Vec<Chip> {
    let order = words::vocabulary(dialect);
    let mut words: Vec<&str> = scope.split_whitespace().collect();
    words.sort_by_key(|word| order.iter().position(|known| known.word == *word).unwrap_or(order.len()));
    words.into_iter().map(|word| chip(dialect, word)).collect()
}

fn chip(dialect: Dialect, word: &str) -> Chip {
    let known = words::find(dialect, word);
    Chip {
        word: crate::text::shown(word, 60),
        is_write: known.is_some_and(Word::is_write),
        deprecated: known.is_some_and(|it| it.deprecated),
        sentence: known.map(|it| it.sentence),
    }
}

/// The vocabulary with some words already chosen. Words under one heading come together, in the order of their first.
pub fn vocabulary(dialect: Dialect, chosen: &ScopeSet) -> Vocabulary {
    let mut groups: Vec<Group> = Vec::new();
    for word in words::vocabulary(dialect) {
        let choice = Choice {
            word: word.word,
            sentence: word.sentence,
            kind: kind_of(word),
            deprecated: word.deprecated,
            is_chosen: chosen.contains(word.word),
        };
        match groups.iter_mut().find(|group| group.name == word.group) {
            Some(group) => group.scopes.push(choice),
            None => groups.push(Group { name: word.group, scopes: vec![choice] }),
        }
    }
    Vocabulary { dialect: dialect.word(), groups }
}

pub const fn name_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Standard => "Standard",
        Dialect::Gorgias => "Gorgias",
        Dialect::Zendesk => "Zendesk",
    }
}

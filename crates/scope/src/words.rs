//! The scope words of both vendors: what each opens, how people read it, and back from permissions to words.
//!
//! A word is looked up in the table of the client's own dialect first, then in the other vendor's: mixing is allowed (SC-6).
//! Looking up is one hash of the word and allocates nothing; the maps are made once.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::identity::{self, Identity};
use crate::permission::Permissions;
use crate::{Dialect, gorgias, zendesk};

/// One word of a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub word: &'static str,
    /// What it opens. Empty for identity words.
    pub permissions: Permissions,
    pub identity: Option<Identity>,
    /// Heading on the consent page.
    pub group: &'static str,
    /// For the consent page: begins with a verb, ends without a full stop, understood without knowing the API.
    pub sentence: &'static str,
    /// Still understood, and shown as deprecated wherever it is listed (SC-5).
    pub deprecated: bool,
}

impl Word {
    /// Whether it lets an app change anything (CO-3 asks for more care then).
    pub fn is_write(&self) -> bool {
        !self.permissions.intersection(Permissions::all_writes()).is_empty()
            || self.identity == Some(Identity::Impersonate)
    }
}

/// What an app of this dialect may be allowed, in the order to show it. Other spellings that `find` knows are left out.
pub fn vocabulary(dialect: Dialect) -> &'static [Word] {
    match dialect {
        Dialect::Standard => &STANDARD,
        Dialect::Gorgias => &gorgias::WORDS,
        Dialect::Zendesk => &zendesk::WORDS,
    }
}

/// The word as this dialect means it. `users:read` differs: with Gorgias it is staff and teams, with Zendesk staff and customers.
pub fn find(dialect: Dialect, word: &str) -> Option<&'static Word> {
    INDEX[dialect as usize].get(word).copied()
}

/// What a token's words open, before the person's role and the app's ceiling. Unknown words open nothing.
pub fn permissions_of(dialect: Dialect, scope: &str) -> Permissions {
    scope
        .split(' ')
        .filter_map(|word| find(dialect, word))
        .fold(Permissions::NONE, |all, word| all.union(word.permissions))
}

/// The words that together open what is needed and little else, for the `scope` of a challenge (RS-4): `tickets:read`.
/// The broad `read` and `write` only where no narrow word opens it; a deprecated word never.
pub fn narrowest(dialect: Dialect, needed: Permissions) -> Vec<&'static str> {
    let mut words: Vec<&'static Word> = needed
        .iter()
        .filter_map(|permission| {
            let opens = |word: &&Word| word.permissions.contains(permission) && !word.deprecated;
            let own = vocabulary(dialect).iter().filter(opens).min_by_key(|word| word.permissions.len());
            own.or_else(|| STANDARD.iter().filter(opens).min_by_key(|word| word.permissions.len()))
        })
        .collect();
    // Broadest first, so that a word which another one makes needless comes after it.
    words.sort_by_key(|word| std::cmp::Reverse(word.permissions.len()));
    let mut opened = Permissions::NONE;
    words.retain(|word| {
        let adds = !opened.contains_all(word.permissions.intersection(needed));
        opened = opened.union(word.permissions);
        adds
    });
    let mut words: Vec<&'static str> = words.iter().map(|word| word.word).collect();
    words.sort_unstable();
    words
}

/// The words each of which would do alone, narrowest first: `tickets:read`, `read`. Empty if it takes two.
pub fn alternatives(dialect: Dialect, needed: Permissions) -> Vec<&'static str> {
    let mut words: Vec<&'static Word> = vocabulary(dialect)
        .iter()
        .filter(|word| !word.permissions.is_empty() && word.permissions.contains_all(needed) && !word.deprecated)
        .collect();
    words.sort_by_key(|word| word.permissions.len());
    words.iter().map(|word| word.word).collect()
}

/// The text of a 403 for a missing scope, as this vendor words it.
pub fn missing_scope_text(dialect: Dialect, needed: Permissions) -> String {
    let together = narrowest(dialect, needed);
    match dialect {
        // `zendesk.yaml`, `missing_scope_answer`: alternatives, any one of which is enough.
        Dialect::Zendesk => {
            let mut words = alternatives(dialect, needed);
            if words.is_empty() {
                words = together;
            }
            format!("You are missing the following required scopes: {}", words.join(", "))
        }
        Dialect::Standard | Dialect::Gorgias => format!(
            "You do not have enough permissions to perform this action. The token needs the scope {}.",
            together.join(" ")
        ),
    }
}

/// Our own dialect: OpenID Connect's words, and both vendors' (of two with one name, the Gorgias one).
static STANDARD: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let mut words = vec![identity::OPENID, identity::PROFILE, identity::EMAIL, identity::OFFLINE_ACCESS];
    words.extend(gorgias::WORDS.iter().filter(|word| word.identity.is_none()));
    for word in zendesk::WORDS.iter() {
        if !words.iter().any(|known| known.word == word.word) {
            words.push(*word);
        }
    }
    words
});

/// For each dialect, in the order of `Dialect`: every spelling it understands. The first table that has a word wins.
static INDEX: LazyLock<[HashMap<&'static str, &'static Word>; 3]> = LazyLock::new(|| {
    let gorgias_first: [&[Word]; 4] = [&gorgias::WORDS, &zendesk::WORDS, &zendesk::BARE, &identity::ALL];
    let zendesk_first: [&[Word]; 4] = [&zendesk::WORDS, &zendesk::BARE, &gorgias::WORDS, &identity::ALL];
    [index(gorgias_first), index(gorgias_first), index(zendesk_first)]
});

fn index(tables: [&'static [Word]; 4]) -> HashMap<&'static str, &'static Word> {
    let mut index = HashMap::new();
    for word in tables.into_iter().flatten() {
        index.entry(word.word).or_insert(word);
    }
    index
}

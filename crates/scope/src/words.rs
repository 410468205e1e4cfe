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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::permission::Permission;
    use crate::resource::Kind;

    fn read(resource: Kind) -> Permissions {
        Permissions::reading(&[resource])
    }

    #[test]
    fn the_gorgias_vocabulary_has_the_32_words_of_the_contract() {
        let words = vocabulary(Dialect::Gorgias);

        assert_eq!(words.len(), 32);
        assert_eq!(words.iter().filter(|word| word.identity.is_some()).count(), 4);
        assert_eq!(
            words.iter().filter(|word| word.deprecated).map(|word| word.word).collect::<Vec<_>>(),
            ["write:all"]
        );
        assert!(!words.iter().any(|word| word.word == "statistics:write"));
    }

    #[test]
    fn the_zendesk_vocabulary_has_both_words_of_a_resource_only_where_both_exist() {
        let words: HashSet<&str> = vocabulary(Dialect::Zendesk).iter().map(|word| word.word).collect();

        // 3 broad, 27 resources of which 4 have one word, and one of the third level
        assert_eq!(words.len(), 3 + 27 * 2 - 4 + 1);
        for missing in ["auditlogs:write", "security:write", "any_channel:read", "web_widget:read", "tickets"] {
            assert!(!words.contains(missing), "{missing}");
        }
    }

    #[test]
    fn a_vocabulary_lists_no_word_twice_and_finds_each_as_listed() {
        for &dialect in Dialect::ALL {
            let words = vocabulary(dialect);
            let distinct: HashSet<&str> = words.iter().map(|word| word.word).collect();
            assert_eq!(distinct.len(), words.len());
            for word in words {
                assert_eq!(find(dialect, word.word), Some(word), "{} of {}", word.word, dialect.word());
            }
        }
    }

    #[test]
    fn every_sentence_begins_with_a_capital_and_ends_without_a_full_stop() {
        for word in Dialect::ALL.iter().flat_map(|&dialect| vocabulary(dialect)) {
            assert!(word.sentence.starts_with(|first: char| first.is_ascii_uppercase()), "{}", word.sentence);
            assert!(!word.sentence.ends_with('.'), "{}", word.sentence);
            assert!(!word.group.is_empty());
        }
    }

    #[test]
    fn no_two_words_of_a_vocabulary_read_the_same_on_the_consent_page() {
        for dialect in [Dialect::Gorgias, Dialect::Zendesk] {
            let sentences: HashSet<&str> = vocabulary(dialect).iter().map(|word| word.sentence).collect();
            assert_eq!(sentences.len(), vocabulary(dialect).len());
        }
    }

    #[test]
    fn each_dialect_means_its_own_by_a_shared_word() {
        // SC-4, SC-6
        let gorgias = find(Dialect::Gorgias, "users:read").expect("known").permissions;
        let zendesk = find(Dialect::Zendesk, "users:read").expect("known").permissions;

        assert_eq!(gorgias, Permissions::reading(&[Kind::Users, Kind::Teams]));
        assert_eq!(zendesk, Permissions::reading(&[Kind::Users, Kind::Customers]));
        assert_eq!(find(Dialect::Standard, "users:read").expect("known").permissions, gorgias);
    }

    #[test]
    fn each_dialect_understands_the_other_vendors_words_and_openid_connects() {
        for word in
            ["openid", "offline", "offline_access", "phone", "write:all", "read", "impersonate", "triggers:read", "hc"]
        {
            for &dialect in Dialect::ALL {
                assert!(find(dialect, word).is_some(), "{word} in {}", dialect.word());
            }
        }
        assert_eq!(find(Dialect::Standard, "Tickets:read"), None);
        assert_eq!(find(Dialect::Zendesk, "tickets:delete"), None);
        assert_eq!(find(Dialect::Zendesk, ""), None);
    }

    #[test]
    fn the_broad_words_of_zendesk_do_not_include_each_other() {
        let read = permissions_of(Dialect::Zendesk, "read");
        let write = permissions_of(Dialect::Zendesk, "write");

        assert_eq!(read, Permissions::all_reads());
        assert_eq!(write, Permissions::all_writes());
        assert!(permissions_of(Dialect::Zendesk, "impersonate").is_empty());
        assert_eq!(
            permissions_of(Dialect::Zendesk, "tickets"),
            permissions_of(Dialect::Zendesk, "tickets:read tickets:write")
        );
    }

    #[test]
    fn audits_ticket_fields_and_search_need_zendesks_broad_word() {
        for resource in [Kind::Events, Kind::CustomFields, Kind::Search] {
            assert_eq!(narrowest(Dialect::Zendesk, read(resource)), ["read"]);
            assert_eq!(alternatives(Dialect::Zendesk, read(resource)), ["read"]);
        }
    }

    #[test]
    fn no_narrow_word_lets_an_app_hand_out_scopes() {
        for word in Dialect::ALL.iter().flat_map(|&dialect| vocabulary(dialect)) {
            let manages_apps = word.permissions.contains(Permission::write(Kind::Apps));
            assert_eq!(manages_apps, ["write", "write:all"].contains(&word.word), "{}", word.word);
        }
    }

    #[test]
    fn a_refusal_names_the_narrowest_words_of_the_dialect() {
        // RS-4
        let tickets = read(Kind::Tickets);
        assert_eq!(narrowest(Dialect::Gorgias, tickets), ["tickets:read"]);
        assert_eq!(narrowest(Dialect::Zendesk, tickets), ["tickets:read"]);
        assert_eq!(narrowest(Dialect::Gorgias, read(Kind::Teams)), ["users:read"]);
        assert_eq!(narrowest(Dialect::Zendesk, read(Kind::Teams)), ["groups:read"]);

        let both = tickets.union(Permissions::writing(&[Kind::Tickets]));
        assert_eq!(narrowest(Dialect::Gorgias, both), ["tickets:read", "tickets:write"]);
        // One word that opens two of the needed permissions is named once, and what another word opens anyway not at all.
        assert_eq!(narrowest(Dialect::Gorgias, Permissions::reading(&[Kind::Users, Kind::Teams])), ["users:read"]);
        assert_eq!(narrowest(Dialect::Zendesk, Permissions::reading(&[Kind::Search, Kind::Tickets])), ["read"]);
        // Gorgias has no word for organizations, so the other vendor's serves.
        assert_eq!(narrowest(Dialect::Gorgias, read(Kind::Organizations)), ["organizations:read"]);
        assert!(narrowest(Dialect::Gorgias, Permissions::NONE).is_empty());
    }

    #[test]
    fn the_words_a_refusal_names_open_what_was_refused() {
        for &dialect in Dialect::ALL {
            for permission in Permissions::all().iter() {
                let needed = Permissions::of(&[permission]);
                let words = narrowest(dialect, needed);
                assert!(!words.is_empty() && !words.contains(&"write:all"));
                assert!(permissions_of(dialect, &words.join(" ")).contains_all(needed), "{permission}");
            }
        }
    }

    #[test]
    fn zendesks_refusal_lists_alternatives() {
        let tickets = missing_scope_text(Dialect::Zendesk, read(Kind::Tickets));
        assert_eq!(tickets, "You are missing the following required scopes: tickets:read, read");
        let search = missing_scope_text(Dialect::Zendesk, read(Kind::HelpCenterSearch));
        assert_eq!(search, "You are missing the following required scopes: hc:articles:search, hc:read, read");
        let two = missing_scope_text(Dialect::Zendesk, read(Kind::Tickets).union(Permissions::writing(&[Kind::Tags])));
        assert_eq!(two, "You are missing the following required scopes: tickets:read, write");
    }
}

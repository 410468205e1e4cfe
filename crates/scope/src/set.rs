//! A set of scope words, as the `scope` parameter carries it.
//!
//! Grammar of OAuth 2.1, section 1.4.1 (SC-1): words of `%x21 / %x23-5B / %x5D-7E`, with spaces between. Order and repeats do not matter.
//! A set keeps words it does not know: what they mean is asked of `words`, by dialect.

use std::fmt;

use crate::Dialect;
use crate::identity::Identity;
use crate::permission::Permissions;
use crate::role::Role;
use crate::words;

/// Unique words in canonical order (by byte), with one space between.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ScopeSet {
    text: String,
}

/// The text is no scope: the character at this byte is not allowed. Answer with `invalid_scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadScope {
    pub at_byte: usize,
}

impl fmt::Display for BadScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the scope has a character at byte {} that no scope may have", self.at_byte)
    }
}

impl std::error::Error for BadScope {}

impl ScopeSet {
    /// Any text up to what the caller lets in; time grows with n log n. The empty text is the empty set.
    /// More than one space between words, or at the ends, is forgiven: real clients join lists that hold empty strings.
    pub fn parse(text: &str) -> Result<ScopeSet, BadScope> {
        let allowed = |byte: u8| matches!(byte, b' ' | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        match text.bytes().position(|byte| !allowed(byte)) {
            Some(at_byte) => Err(BadScope { at_byte }),
            None => Ok(ScopeSet::of(text.split(' ').collect())),
        }
    }

    /// In canonical order, each once.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split(' ').filter(|word| !word.is_empty())
    }

    pub fn contains(&self, word: &str) -> bool {
        self.words().any(|own| own == word)
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn union(&self, other: &ScopeSet) -> ScopeSet {
        ScopeSet::of(self.words().chain(other.words()).collect())
    }

    pub fn intersection(&self, other: &ScopeSet) -> ScopeSet {
        let others: Vec<&str> = other.words().collect();
        self.filtered(|word| others.binary_search(&word).is_ok())
    }

    /// The words of this set that the other does not have.
    pub fn without(&self, other: &ScopeSet) -> ScopeSet {
        let others: Vec<&str> = other.words().collect();
        self.filtered(|word| others.binary_search(&word).is_err())
    }

    pub fn is_subset_of(&self, other: &ScopeSet) -> bool {
        self.without(other).is_empty()
    }

    /// What the words open in this dialect, before role and ceiling.
    pub fn permissions(&self, dialect: Dialect) -> Permissions {
        words::permissions_of(dialect, &self.text)
    }

    /// Words that neither vendor has. The provider answers `invalid_scope`, or keeps them where the dialect is Zendesk.
    pub fn unknown(&self, dialect: Dialect) -> Vec<String> {
        self.words().filter(|word| words::find(dialect, word).is_none()).map(str::to_owned).collect()
    }

    pub fn has_identity(&self, identity: Identity) -> bool {
        // These words mean the same in every dialect.
        self.words().filter_map(|word| words::find(Dialect::Standard, word)).any(|word| word.identity == Some(identity))
    }

    /// Whether the ceiling, or an earlier grant, is at least as broad as this set (SC-11, RS-5).
    pub fn covered_by(&self, ceiling: &ScopeSet, dialect: Dialect) -> bool {
        self.beyond(ceiling, dialect).is_empty()
    }

    /// The words that go beyond the ceiling, or are new against an earlier grant.
    ///
    /// A word is covered if it is there, if another spelling of it is (`offline`), or if broader words that are there open everything
    /// it opens: `write:all` covers `tickets:read`, `read` covers it too. An unknown word of the Zendesk dialect opens
    /// nothing, so it goes beyond nothing.
    pub fn beyond(&self, ceiling: &ScopeSet, dialect: Dialect) -> ScopeSet {
        let there: Vec<&str> = ceiling.words().collect();
        let open = ceiling.permissions(dialect);
        self.filtered(|word| {
            let covered = there.binary_search(&word).is_ok()
                || match words::find(dialect, word) {
                    None => dialect == Dialect::Zendesk,
                    Some(word) => match word.identity {
                        Some(identity) => ceiling.has_identity(identity),
                        None => open.contains_all(word.permissions),
                    },
                };
            !covered
        })
    }

    /// The words of which a person with this role may do nothing at all: they are not offered on the consent page (CO-12).
    pub fn above(&self, role: Role, dialect: Dialect) -> ScopeSet {
        self.filtered(|word| match words::find(dialect, word) {
            None => false,
            Some(word) => !word.permissions.is_empty() && word.permissions.intersection(role.ceiling()).is_empty(),
        })
    }

    /// `words` may hold empty ones, and any one twice.
    fn of(mut words: Vec<&str>) -> ScopeSet {
        words.retain(|word| !word.is_empty());
        words.sort_unstable();
        words.dedup();
        ScopeSet { text: words.join(" ") }
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> ScopeSet {
        let words: Vec<&str> = self.words().filter(|word| keep(word)).collect();
        ScopeSet { text: words.join(" ") }
    }
}

/// Separated by spaces, in canonical order. `parse` gives the same set back.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

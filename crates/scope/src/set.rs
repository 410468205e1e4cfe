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

    /// What is left of this set within the ceiling (SC-11). A word that the ceiling covers stays; of a broader one, the words of the ceiling
    /// that it covers take its place: of `write:all` within `tags:read tickets:read`, both.
    pub fn within(&self, ceiling: &ScopeSet, dialect: Dialect) -> ScopeSet {
        let beyond = self.beyond(ceiling, dialect);
        let kept = self.without(&beyond);
        let broad = beyond.permissions(dialect);
        let narrower = ceiling.filtered(|word| {
            words::find(dialect, word)
                .is_some_and(|word| !word.permissions.is_empty() && broad.contains_all(word.permissions))
        });
        kept.union(&narrower)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::words::vocabulary;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).expect("a scope")
    }

    #[test]
    fn order_and_repeats_do_not_matter() {
        // SC-1
        assert_eq!(set("tickets:read openid tickets:read"), set("openid tickets:read"));
        assert_eq!(set("  openid   tickets:read ").to_string(), "openid tickets:read");
        assert!(set("").is_empty() && set("   ").is_empty());
    }

    #[test]
    fn a_character_outside_the_grammar_is_refused_and_its_place_told() {
        // SC-1
        for (text, at_byte) in
            [("a\tb", 1), ("a\"", 1), ("a\\b", 1), ("openid ü", 7), ("\u{7f}", 0), ("a\0", 1), ("a\n", 1)]
        {
            assert_eq!(ScopeSet::parse(text), Err(BadScope { at_byte }), "{text:?}");
        }
    }

    #[test]
    fn a_broader_grant_covers_a_narrower_request() {
        // RS-5, SC-11
        let covered = |asked, ceiling, dialect| set(asked).covered_by(&set(ceiling), dialect);

        assert!(covered("tickets:write users:read", "write:all", Dialect::Gorgias));
        assert!(covered("tickets:write", "write", Dialect::Zendesk));
        assert!(covered("tickets", "tickets:read tickets:write", Dialect::Zendesk));
        assert!(covered("offline openid", "openid offline_access", Dialect::Gorgias));
        assert!(!covered("tickets:read", "tickets:write", Dialect::Gorgias), "write does not include read");
        assert!(!covered("tickets:read", "write", Dialect::Zendesk), "nor does Zendesk's");
        assert!(!covered("write:all", "tickets:read tickets:write", Dialect::Gorgias));
        assert!(!covered("openid", "write:all", Dialect::Gorgias), "identity is not a resource");
        assert!(!covered("impersonate", "read write", Dialect::Zendesk));
    }

    #[test]
    fn a_broad_word_within_a_narrow_ceiling_becomes_the_ceilings_words() {
        // SC-11
        let within = |words, ceiling, dialect| set(words).within(&set(ceiling), dialect).to_string();

        assert_eq!(
            within("openid write:all", "openid tags:read tickets:read", Dialect::Gorgias),
            "openid tags:read tickets:read"
        );
        assert_eq!(within("read", "tickets:read tickets:write", Dialect::Zendesk), "tickets:read");
        assert_eq!(within("tickets:read", "tags:read", Dialect::Gorgias), "");
        assert_eq!(within("tickets:read", "write:all", Dialect::Gorgias), "tickets:read");
    }

    #[test]
    fn an_unknown_word_is_harmless_to_zendesk_and_beyond_every_other_ceiling() {
        // SC-2
        assert!(set("tickets:fly").covered_by(&set("read"), Dialect::Zendesk));
        assert!(!set("tickets:fly").covered_by(&set("write:all"), Dialect::Gorgias));
        assert_eq!(set("openid tickets:fly").unknown(Dialect::Gorgias), ["tickets:fly"]);
        assert!(set("tickets:fly").permissions(Dialect::Zendesk).is_empty());
    }

    #[test]
    fn only_what_is_new_is_asked_again() {
        // CO-7
        let asked = set("openid tickets:read tickets:write");
        assert_eq!(asked.beyond(&set("openid tickets:read"), Dialect::Gorgias), set("tickets:write"));
    }

    #[test]
    fn words_the_role_can_never_use_are_above_it() {
        // CO-12
        let asked = set("openid tickets:read users:write write:all");
        assert_eq!(asked.above(Role::Agent, Dialect::Gorgias), set("users:write"));
        assert!(asked.above(Role::Owner, Dialect::Gorgias).is_empty());
    }

    #[test]
    fn both_spellings_of_lasting_access_are_one() {
        // SC-5
        assert!(set("offline").has_identity(Identity::Offline));
        assert!(set("offline_access").has_identity(Identity::Offline));
        assert!(!set("openid").has_identity(Identity::Offline));
    }

    /// Any text of up to 64 KiB: half of it near the grammar, half of anything.
    fn any_text() -> impl Strategy<Value = String> {
        const MAX_BYTES: usize = 64 * 1024;
        prop_oneof![
            proptest::collection::vec(proptest::sample::select(b" :az\"\\~!".as_slice()), 0..MAX_BYTES)
                .prop_map(|bytes| bytes.into_iter().map(char::from).collect()),
            proptest::collection::vec(any::<char>(), 0..MAX_BYTES / 4).prop_map(String::from_iter),
            proptest::collection::vec(0x20u8..0x7f, 0..MAX_BYTES).prop_map(|bytes| bytes
                .into_iter()
                .map(char::from)
                .collect::<String>()
                .replace(['"', '\\'], " ")),
        ]
    }

    fn any_set() -> impl Strategy<Value = ScopeSet> {
        let known: Vec<&'static str> =
            Dialect::ALL.iter().flat_map(|&dialect| vocabulary(dialect)).map(|word| word.word).collect();
        let word = prop_oneof![
            4 => proptest::sample::select(known).prop_map(str::to_owned),
            1 => "[!#-\\[\\]-~]{1,12}",
        ];
        proptest::collection::vec(word, 0..12).prop_map(|words| set(&words.join(" ")))
    }

    fn any_dialect() -> impl Strategy<Value = Dialect> {
        proptest::sample::select(Dialect::ALL)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn no_text_up_to_64_kib_makes_it_panic(text in any_text(), dialect in any_dialect()) {
            if let Ok(set) = ScopeSet::parse(&text) {
                prop_assert_eq!(ScopeSet::parse(&set.to_string()), Ok(set.clone()));
                set.permissions(dialect);
                set.unknown(dialect);
                prop_assert!(set.covered_by(&set, dialect));
                prop_assert_eq!(set.union(&set), set.clone());
                prop_assert!(set.without(&set).is_empty());
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_within_a_ceiling_opens_nothing_beyond_it(own in any_set(), ceiling in any_set(), dialect in any_dialect()) {
            // SC-11
            let within = own.within(&ceiling, dialect);

            prop_assert!(within.covered_by(&ceiling, dialect) && within.covered_by(&own, dialect));
        }

        #[test]
        fn printing_and_parsing_gives_the_same_set(set in any_set()) {
            prop_assert_eq!(ScopeSet::parse(&set.to_string()), Ok(set));
        }

        #[test]
        fn the_canonical_order_is_strictly_increasing(set in any_set()) {
            let words: Vec<&str> = set.words().collect();
            prop_assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
        }

        #[test]
        fn a_set_is_its_words_in_any_order((mut words, shuffled) in any_set().prop_flat_map(|set| {
            let words: Vec<String> = set.words().map(str::to_owned).collect();
            (Just(words.clone()), Just(words).prop_shuffle())
        })) {
            words.push(words.first().cloned().unwrap_or_default());
            prop_assert_eq!(set(&words.join(" ")), set(&shuffled.join(" ")));
        }

        #[test]
        fn sets_obey_the_laws_of_sets(a in any_set(), b in any_set(), c in any_set()) {
            prop_assert_eq!(a.union(&b), b.union(&a));
            prop_assert_eq!(a.intersection(&b), b.intersection(&a));
            prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
            prop_assert_eq!(a.intersection(&b.union(&c)), a.intersection(&b).union(&a.intersection(&c)));
            prop_assert_eq!(a.without(&b).union(&a.intersection(&b)), a.clone());
            prop_assert!(a.is_subset_of(&a.union(&b)));
            prop_assert!(a.intersection(&b).is_subset_of(&a));
            prop_assert_eq!(a.is_subset_of(&b), a.words().all(|word| b.contains(word)));
        }

        #[test]
        fn a_union_opens_what_its_parts_open(a in any_set(), b in any_set(), dialect in any_dialect()) {
            prop_assert_eq!(a.union(&b).permissions(dialect), a.permissions(dialect).union(b.permissions(dialect)));
        }

        #[test]
        fn what_a_ceiling_covers_opens_nothing_beyond_it(a in any_set(), ceiling in any_set(), dialect in any_dialect()) {
            let covered = a.without(&a.beyond(&ceiling, dialect));
            prop_assert!(covered.covered_by(&ceiling, dialect));
            prop_assert!(ceiling.permissions(dialect).contains_all(covered.permissions(dialect)));
            prop_assert!(a.intersection(&ceiling).is_subset_of(&covered));
        }
    }
}

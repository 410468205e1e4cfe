//! What a token may do.
//!
//! Pure: no I/O, no HTTP, no database. A *permission* is (resource, read or write) on our own resources.
//! A *word* is how a vendor spells a set of permissions; `gorgias.rs` and `zendesk.rs` are those two tables, `words.rs` asks them.
//! `set.rs` is the `scope` parameter on the wire. `permit.rs` turns permissions into proof that a domain function asks for.

mod gorgias;
pub mod identity;
pub mod permission;
pub mod permit;
pub mod resource;
pub mod role;
pub mod set;
pub mod words;
mod zendesk;

/// Whose vocabulary a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Our own: OpenID Connect's words, and both vendors' (the Gorgias table is looked up first).
    Standard,
    Gorgias,
    Zendesk,
}

impl Dialect {
    pub const ALL: &'static [Dialect] = &[Dialect::Standard, Dialect::Gorgias, Dialect::Zendesk];

    /// As stored in the database and shown by the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Dialect::Standard => "standard",
            Dialect::Gorgias => "gorgias",
            Dialect::Zendesk => "zendesk",
        }
    }

    pub fn parse(word: &str) -> Option<Dialect> {
        Dialect::ALL.iter().copied().find(|dialect| dialect.word() == word)
    }
}

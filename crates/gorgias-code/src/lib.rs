//! The language in which Gorgias writes the filters of views and the code of rules: a subset of JavaScript (Gorgias contract,
//! `views.filter_language` and `rules.language`).
//!
//! `lexer.rs` and `parser.rs` make the tree of `tree.rs`; `estree.rs` writes that tree as the JSON the vendor shows and reads it back;
//! `conditions.rs` and `rule.rs` make our own values of it, with the tables of `paths.rs` and `actions.rs`; `print.rs` writes our
//! conditions in the language again, `code.rs` whole rules. Nothing here runs code: what our values cannot say is refused with its place.
//!
//! A crate of its own because the dialect and the Admin Center both need it, and surfaces never use each other.

mod actions;
mod code;
mod conditions;
pub mod estree;
mod lexer;
mod parser;
mod paths;
mod print;
mod rule;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;

use helpdesk::filter::Condition;

pub use code::code_of;
pub use conditions::span_seconds;
pub use parser::parse;
pub use print::print;
pub use rule::{Rule, rule};
pub use tree::{Expression, Kind, Program, Statement};

/// Longest code, in characters.
pub const LENGTH_MAX_CHARS: usize = 100_000;
/// Deepest tree. The JSON of a deeper one could not be read by many clients, our own server among them.
pub const DEPTH_MAX: u16 = 100;

/// Where in the code, counted from 1; a column is a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

/// Why the code is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeError {
    pub place: Place,
    /// A sentence, such as `Expected ")", found "&".`
    pub problem: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.problem, self.place.line, self.place.column)
    }
}

impl std::error::Error for CodeError {}

impl CodeError {
    fn at(place: Place, problem: impl Into<String>) -> CodeError {
        CodeError { place, problem: problem.into() }
    }
}

/// A view's filter: its tree and what it means. Empty code matches every ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    pub program: Program,
    pub condition: Condition,
}

/// Reads a view's filter. `||`, `!` and comparison signs are taken too: our conditions can say them.
pub fn filter(code: &str) -> Result<Filter, CodeError> {
    let program = parse(code)?;
    let condition = conditions::of_program(&program)?;
    Ok(Filter { program, condition })
}

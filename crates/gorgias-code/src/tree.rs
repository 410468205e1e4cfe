//! The tree of a program. Built by the parser and by `estree.rs` only, which keep it within `DEPTH_MAX`.

use serde_json::Number;

use crate::{CodeError, DEPTH_MAX, Place};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    pub statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    Expression(Expression),
    If { place: Place, test: Expression, then: Box<Statement>, otherwise: Option<Box<Statement>>, depth: u16 },
    Block { place: Place, statements: Vec<Statement>, depth: u16 },
    Empty(Place),
}

#[derive(Debug, Clone)]
pub struct Expression {
    pub place: Place,
    pub kind: Kind,
    depth: u16,
}

/// Two expressions are equal if they say the same, wherever they stand.
impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.kind == other.kind
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Null,
    Flag(bool),
    Number(Number),
    Text(String),
    Name(String),
    /// `object.name`
    Member(Box<Expression>, String),
    /// `object[index]`
    Index(Box<Expression>, Box<Expression>),
    Call(Box<Expression>, Vec<Expression>),
    Array(Vec<Expression>),
    Object(Vec<Property>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    /// The sign is one of `COMPARISONS`.
    Compare(&'static str, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    pub key: String,
    pub value: Expression,
}

/// Longest first, as the lexer looks for them.
pub const COMPARISONS: &[&str] = &["===", "!==", "==", "!=", "<=", ">=", "<", ">"];

impl Expression {
    /// Refuses a tree that would be too deep.
    pub fn new(place: Place, kind: Kind) -> Result<Expression, CodeError> {
        let below = match &kind {
            Kind::Null | Kind::Flag(_) | Kind::Number(_) | Kind::Text(_) | Kind::Name(_) => 0,
            Kind::Member(object, _) | Kind::Not(object) => object.depth,
            Kind::Index(left, right)
            | Kind::And(left, right)
            | Kind::Or(left, right)
            | Kind::Compare(_, left, right) => left.depth.max(right.depth),
            Kind::Call(callee, arguments) => arguments.iter().map(|one| one.depth + 1).fold(callee.depth, u16::max),
            Kind::Array(items) => items.iter().map(|one| one.depth + 1).max().unwrap_or_default(),
            Kind::Object(properties) => properties.iter().map(|one| one.value.depth + 2).max().unwrap_or_default(),
        };
        Ok(Expression { place, kind, depth: deeper(place, below)? })
    }
}

impl Statement {
    pub fn place(&self) -> Place {
        match self {
            Statement::Expression(expression) => expression.place,
            Statement::If { place, .. } | Statement::Block { place, .. } | Statement::Empty(place) => *place,
        }
    }

    fn depth(&self) -> u16 {
        match self {
            Statement::Expression(expression) => expression.depth + 1,
            Statement::If { depth, .. } | Statement::Block { depth, .. } => *depth,
            Statement::Empty(_) => 1,
        }
    }

    pub fn block(place: Place, statements: Vec<Statement>) -> Result<Statement, CodeError> {
        let below = statements.iter().map(|one| one.depth() + 1).max().unwrap_or_default();
        Ok(Statement::Block { place, statements, depth: deeper(place, below)? })
    }

    pub fn choice(
        place: Place,
        test: Expression,
        then: Statement,
        otherwise: Option<Statement>,
    ) -> Result<Statement, CodeError> {
        let below = test.depth.max(then.depth()).max(otherwise.as_ref().map_or(0, Statement::depth));
        let depth = deeper(place, below)?;
        Ok(Statement::If { place, test, then: Box::new(then), otherwise: otherwise.map(Box::new), depth })
    }
}

fn deeper(place: Place, below: u16) -> Result<u16, CodeError> {
    if DEPTH_MAX <= below { Err(too_deep(place)) } else { Ok(below + 1) }
}

pub fn too_deep(place: Place) -> CodeError {
    CodeError::at(place, format!("The code is nested or chained more than {DEPTH_MAX} times."))
}

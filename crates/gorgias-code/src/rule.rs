//! The code of a rule to our steps.

use helpdesk::rules::{Branch, Step};

use crate::tree::{Expression, Kind, Program, Statement};
use crate::{CodeError, actions, conditions, parse};

/// A rule's program and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub program: Program,
    pub steps: Vec<Step>,
}

/// Reads a rule's code.
pub fn rule(code: &str) -> Result<Rule, CodeError> {
    let program = parse(code)?;
    let steps = steps(&program.statements)?;
    Ok(Rule { program, steps })
}

fn steps(statements: &[Statement]) -> Result<Vec<Step>, CodeError> {
    let mut steps = Vec::new();
    for statement in statements {
        collect(statement, &mut steps)?;
    }
    Ok(steps)
}

fn collect(statement: &Statement, into: &mut Vec<Step>) -> Result<(), CodeError> {
    match statement {
        Statement::Empty(_) => {}
        Statement::Block { statements, .. } => into.extend(steps(statements)?),
        Statement::Expression(expression) => into.push(act(expression)?),
        Statement::If { test, then, otherwise, .. } => {
            let mut branches = vec![branch(test, then)?];
            let mut next = otherwise.as_deref();
            while let Some(statement) = next {
                if let Statement::If { test, then, otherwise, .. } = statement {
                    branches.push(branch(test, then)?);
                    next = otherwise.as_deref();
                } else {
                    let mut steps = Vec::new();
                    collect(statement, &mut steps)?;
                    branches.push(Branch { condition: Default::default(), steps });
                    next = None;
                }
            }
            into.push(Step::Choose(branches));
        }
    }
    Ok(())
}

fn branch(test: &Expression, then: &Statement) -> Result<Branch, CodeError> {
    let condition = conditions::of(test)?;
    let mut steps = Vec::new();
    collect(then, &mut steps)?;
    Ok(Branch { condition, steps })
}

/// `Action('name', { ... })`
fn act(expression: &Expression) -> Result<Step, CodeError> {
    let wanted = || CodeError::at(expression.place, "Expected if (...) { ... } or Action('name', { ... }).");
    let Kind::Call(callee, arguments) = &expression.kind else { return Err(wanted()) };
    if callee.kind != Kind::Name("Action".to_owned()) {
        return Err(wanted());
    }
    let (name, properties) = match arguments.as_slice() {
        [name] => (name, None),
        [name, Expression { kind: Kind::Object(properties), .. }] => (name, Some(properties)),
        [_, other] => return Err(CodeError::at(other.place, "Expected the arguments as { ... }.")),
        _ => return Err(CodeError::at(expression.place, "Action takes a name and an object of arguments.")),
    };
    let Kind::Text(word) = &name.kind else {
        return Err(CodeError::at(name.place, "Expected the name of an action in quotes."));
    };
    actions::step(word, name.place, properties.map(Vec::as_slice).unwrap_or_default())
}

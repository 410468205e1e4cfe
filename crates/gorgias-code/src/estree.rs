//! The tree as ESTree JSON, the form in which the vendor shows it (`filters_ast`, `code_ast`), and whether a given one says the same.

use serde_json::{Map, Value, json};

use crate::tree::{Expression, Kind, Program, Statement};

/// `{"type": "Program", "body": [...], "sourceType": "script"}`
pub fn program(program: &Program) -> Value {
    json!({ "type": "Program", "body": statements(&program.statements), "sourceType": "script" })
}

/// Whether a tree that a client sent says what this program says. Places, raw spellings and what else parsers add do not count.
pub fn says_the_same(ast: &Value, of: &Program) -> bool {
    let ours = program(of);
    same(ast.get("body").unwrap_or(&Value::Null), &ours["body"])
}

/// Our JSON is the measure: each of its members must be there and the same; other members are ignored.
fn same(theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            ours.iter().all(|(key, value)| match (key.as_str(), theirs.get(key)) {
                // The same number or text can be spelled in several ways, and `{tags: 1}` and `{'tags': 1}` are the same object.
                ("raw", _) => true,
                ("key", Some(found)) => key_name(found) == key_name(value),
                (_, Some(found)) => same(found, value),
                (_, None) => value.is_null() || value == &Value::Bool(false),
            })
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(theirs, ours)| same(theirs, ours))
        }
        (Value::Number(theirs), Value::Number(ours)) => theirs.as_f64() == ours.as_f64(),
        _ => theirs == ours,
    }
}

fn key_name(key: &Value) -> Option<String> {
    match key.get("name").or_else(|| key.get("value"))? {
        Value::String(name) => Some(name.clone()),
        other => Some(other.to_string()),
    }
}

fn statements(statements: &[Statement]) -> Value {
    statements.iter().map(statement).collect()
}

fn statement(of: &Statement) -> Value {
    match of {
        Statement::Expression(inner) => json!({ "type": "ExpressionStatement", "expression": expression(inner) }),
        Statement::If { test, then, otherwise, .. } => json!({
            "type": "IfStatement",
            "test": expression(test),
            "consequent": statement(then),
            "alternate": otherwise.as_deref().map(statement),
        }),
        Statement::Block { statements: inner, .. } => json!({ "type": "BlockStatement", "body": statements(inner) }),
        Statement::Empty(_) => json!({ "type": "EmptyStatement" }),
    }
}

fn expression(of: &Expression) -> Value {
    match &of.kind {
        Kind::Null => literal(Value::Null),
        Kind::Flag(flag) => literal((*flag).into()),
        Kind::Number(number) if number.as_f64().is_some_and(|number| number < 0.0) => json!({
            "type": "UnaryExpression",
            "operator": "-",
            "argument": literal(Value::Number(crate::parser::negative(number))),
            "prefix": true,
        }),
        Kind::Number(number) => literal(Value::Number(number.clone())),
        Kind::Text(text) => literal(text.as_str().into()),
        Kind::Name(name) => identifier(name),
        Kind::Member(object, name) => json!({
            "type": "MemberExpression",
            "computed": false,
            "object": expression(object),
            "property": identifier(name),
        }),
        Kind::Index(object, index) => json!({
            "type": "MemberExpression",
            "computed": true,
            "object": expression(object),
            "property": expression(index),
        }),
        Kind::Call(callee, arguments) => json!({
            "type": "CallExpression",
            "callee": expression(callee),
            "arguments": arguments.iter().map(expression).collect::<Value>(),
        }),
        Kind::Array(items) => {
            json!({ "type": "ArrayExpression", "elements": items.iter().map(expression).collect::<Value>() })
        }
        Kind::Object(properties) => json!({
            "type": "ObjectExpression",
            "properties": properties.iter().map(|property| json!({
                "type": "Property",
                "key": if is_name(&property.key) { identifier(&property.key) } else { literal(property.key.as_str().into()) },
                "computed": false,
                "value": expression(&property.value),
                "kind": "init",
                "method": false,
                "shorthand": false,
            })).collect::<Value>(),
        }),
        Kind::And(left, right) => two("LogicalExpression", "&&", left, right),
        Kind::Or(left, right) => two("LogicalExpression", "||", left, right),
        Kind::Compare(sign, left, right) => two("BinaryExpression", sign, left, right),
        Kind::Not(inner) => json!({
            "type": "UnaryExpression", "operator": "!", "argument": expression(inner), "prefix": true,
        }),
    }
}

fn two(kind: &str, sign: &str, left: &Expression, right: &Expression) -> Value {
    json!({ "type": kind, "operator": sign, "left": expression(left), "right": expression(right) })
}

fn identifier(name: &str) -> Value {
    json!({ "type": "Identifier", "name": name })
}

fn literal(value: Value) -> Value {
    let raw = match &value {
        Value::String(text) => crate::print::quoted(text),
        other => other.to_string(),
    };
    let mut object = Map::new();
    object.insert("type".to_owned(), "Literal".into());
    object.insert("value".to_owned(), value);
    object.insert("raw".to_owned(), raw.into());
    Value::Object(object)
}

fn is_name(key: &str) -> bool {
    key.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$')
        && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$')
}

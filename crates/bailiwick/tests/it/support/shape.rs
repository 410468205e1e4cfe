//! Whether an answer has the shape that the interface's own document gives it.
//!
//! A small validator of the part of JSON Schema that `openapi.json` uses, and stricter in one thing: an object with named properties may
//! have no others, so that a field nobody described shows. A keyword that it does not know is a breach too.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The document that schemas refer into.
#[derive(Debug, Clone, Copy)]
pub struct Shapes<'a> {
    pub document: &'a Value,
}

impl<'a> Shapes<'a> {
    /// What differs from the schema, each with its place. Empty if nothing does.
    pub fn breaches(&self, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.check(schema, value, "", &mut found);
        found
    }

    /// What a `$ref` stands for, or the value itself.
    pub fn resolved(&self, mut value: &'a Value) -> &'a Value {
        while let Some(address) = value["$ref"].as_str() {
            let pointer = address.strip_prefix('#').unwrap_or_else(|| panic!("{address} leaves the document"));
            value = self.document.pointer(pointer).unwrap_or_else(|| panic!("{address} leads nowhere"));
        }
        value
    }

    fn check(&self, schema: &'a Value, value: &Value, place: &str, found: &mut Vec<String>) {
        if schema["$ref"].is_string() {
            return self.check(self.resolved(schema), value, place, found);
        }
        let schema = schema.as_object().expect("a schema");
        let before = found.len();
        for (keyword, rule) in schema {
            if let Some(problem) = problem_of(keyword, rule, value) {
                found.push(format!("{place}: {problem}: {value}"));
            }
        }
        if before < found.len() {
            return;
        }
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            let each: Vec<Vec<String>> = choices.iter().map(|choice| self.breaches_at(choice, value, place)).collect();
            if !each.iter().any(Vec::is_empty) {
                // That it is not null says nothing.
                let told = choices.iter().zip(each).filter(|(choice, _)| choice["type"] != "null");
                found.extend(told.flat_map(|(_, problems)| problems));
            }
        }
        if let Some(object) = value.as_object() {
            self.check_object(schema, object, place, found);
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for (index, value) in values.iter().enumerate() {
                self.check(items, value, &format!("{place}/{index}"), found);
            }
        }
    }

    fn breaches_at(&self, schema: &'a Value, value: &Value, place: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.check(schema, value, place, &mut found);
        found
    }

    fn check_object(
        &self,
        schema: &'a Map<String, Value>,
        object: &Map<String, Value>,
        place: &str,
        found: &mut Vec<String>,
    ) {
        for key in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(key) {
                found.push(format!("{place}/{key}: is missing"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in object {
            let place = format!("{place}/{key}");
            match (properties.and_then(|properties| properties.get(key)), others) {
                (Some(schema), _) => self.check(schema, value, &place, found),
                (None, Some(Value::Bool(true))) => {}
                (None, Some(schema)) => self.check(schema, value, &place, found),
                (None, None) if properties.is_some() => found.push(format!("{place}: is not in the document: {value}")),
                (None, None) => {}
            }
        }
    }
}

/// What one keyword that needs no other schema has against a value.
fn problem_of(keyword: &str, rule: &Value, value: &Value) -> Option<String> {
    let bound = rule.as_f64().unwrap_or_default();
    let length = |text: &str| text.chars().count() as f64;
    let holds = match keyword {
        "type" => {
            let names = rule.as_array().map_or_else(|| vec![rule], |names| names.iter().collect());
            names.into_iter().filter_map(Value::as_str).any(|name| is_a(name, value))
        }
        "enum" => rule.as_array().is_some_and(|allowed| allowed.contains(value)),
        "const" => rule == value,
        "minimum" => value.as_f64().is_none_or(|number| bound <= number),
        "maximum" => value.as_f64().is_none_or(|number| number <= bound),
        "minLength" => value.as_str().is_none_or(|text| bound <= length(text)),
        "maxLength" => value.as_str().is_none_or(|text| length(text) <= bound),
        "minItems" => value.as_array().is_none_or(|items| bound <= items.len() as f64),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as f64 <= bound),
        "format" => match (rule.as_str(), value.as_str()) {
            (Some("date-time"), Some(text)) => is_instant(text),
            (Some("uuid"), Some(text)) => uuid::Uuid::parse_str(text).is_ok(),
            (Some("date-time" | "uuid" | "binary"), _) => true,
            _ => return Some(format!("the format {rule} is unknown to this test")),
        },
        // Those of the document are checked where they matter: the one of a time with its format.
        "pattern" => value.as_str().is_none_or(|text| !text.is_empty()),
        "$ref"
        | "anyOf"
        | "items"
        | "properties"
        | "required"
        | "additionalProperties"
        | "description"
        | "examples"
        | "default"
        | "deprecated" => true,
        _ => return Some(format!("the keyword {keyword} is unknown to this test")),
    };
    (!holds).then(|| format!("is not of {keyword} {rule}"))
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// `2026-11-14T14:18:25.095107+00:00`: connectors read exactly this form, and the one without a fraction.
fn is_instant(text: &str) -> bool {
    let length = text.len();
    text.parse::<Timestamp>().is_ok()
        && text.ends_with("+00:00")
        && (length == 25 || length == 32 && text[19..].starts_with('.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_with_its_place() {
        let document = json!({ "schemas": { "Tag": {
            "type": "object", "required": ["id", "at"],
            "properties": { "id": { "type": "integer", "minimum": 1 }, "at": { "type": "string", "format": "date-time" } },
        } } });
        let shapes = Shapes { document: &document };
        let list = json!({ "type": "array", "items": { "anyOf": [{ "$ref": "#/schemas/Tag" }, { "type": "null" }] } });
        let of = |value: Value| shapes.breaches(&list, &value).join("\n");

        assert_eq!(of(json!([{ "id": 1, "at": "2026-03-02T09:00:00+00:00" }, null])), "");
        assert!(of(json!([{ "id": 0, "at": "2026-03-02T09:00:00+00:00" }])).contains("/0/id"));
        assert!(of(json!([{ "id": 1, "at": "2026-03-02T09:00:00Z" }])).contains("/0/at"));
        assert!(of(json!([{ "id": "1" }])).contains("/0/at: is missing"));
        assert!(of(json!([{ "id": 1, "at": "2026-03-02T09:00:00+00:00", "x": 1 }])).contains("/0/x"));
        assert!(of(json!({})).contains("array"));
    }
}

//! The vendor's words for types, as its contract has them, turned into JSON Schema: `array<Ticket>`, `{id, name: string}`, `string|null`.
//!
//! What the contract says only in words for people ("array of the same") becomes a schema that anything fits.

use serde_json::{Map, Value, json};

/// The schemas of all records: each as answers show it, and as `…Written` what may be sent of it.
pub fn schemas(types: &str) -> Value {
    let types: Map<String, Value> = serde_json::from_str(types).unwrap_or_default();
    let mut all = Map::new();
    for (name, fields) in &types {
        let fields = fields.as_object().into_iter().flatten();
        let (mut shown, mut written, mut required) = (Map::new(), Map::new(), Vec::new());
        for (field, told) in fields {
            let mut kind = schema(told["type"].as_str().unwrap_or_default(), false);
            if told["enum"].is_array() {
                kind["enum"] = told["enum"].clone();
            }
            if told["nullable"] == true {
                kind = json!({ "anyOf": [kind, { "type": "null" }] });
            }
            if told["absent"].is_null() {
                required.push(field.clone());
            }
            if told["absent"] != "write only" {
                shown.insert(field.clone(), kind.clone());
            }
            if told["read_only"] != true {
                written.insert(field.clone(), kind);
            }
        }
        all.insert(name.clone(), json!({ "type": "object", "properties": shown, "required": required }));
        all.insert(format!("{name}Written"), json!({ "type": "object", "properties": written }));
    }
    Value::Object(all)
}

/// The schema of one type. `is_written`: in what is sent, where a record is what may be sent of it.
pub fn schema(kind: &str, is_written: bool) -> Value {
    let kind = kind.trim();
    if let Some(inner) = kind.strip_prefix("array<").and_then(|rest| rest.strip_suffix('>')) {
        return json!({ "type": "array", "items": schema(inner, is_written) });
    }
    if let Some(inner) = kind.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return fields(inner, is_written);
    }
    let alternatives = parts(kind, '|');
    if let [one, "null"] = alternatives[..] {
        return json!({ "anyOf": [schema(one, is_written), { "type": "null" }] });
    }
    match kind {
        "string" | "integer" | "number" | "boolean" | "object" | "array" | "null" => json!({ "type": kind }),
        // Written as `2026-01-31T09:30:00Z`; what is sent may have fractions and offsets.
        "datetime" => json!({ "type": "string", "format": "date-time" }),
        "date" => json!({ "type": "string", "format": "date" }),
        name => match name.strip_suffix("(w)") {
            Some(name) if is_name(name) => json!({ "$ref": format!("#/components/schemas/{name}Written") }),
            None if is_name(name) && is_written => json!({ "$ref": format!("#/components/schemas/{name}Written") }),
            None if is_name(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            _ => json!({}),
        },
    }
}

/// Records that `types.json` has; others, such as `Condition`, the contract describes in words.
fn is_name(word: &str) -> bool {
    const IN_WORDS: &[&str] = &["Action", "AuditEvent", "Collaborator", "Condition", "ConditionSet", "AccountSettings"];
    let starts_large = word.starts_with(|first: char| first.is_ascii_uppercase());
    starts_large && word.chars().all(|char| char.is_ascii_alphanumeric()) && !IN_WORDS.contains(&word)
}

/// `id, name: string`: fields of an object, with their types where the contract says them.
fn fields(text: &str, is_written: bool) -> Value {
    let mut properties = Map::new();
    for part in parts(text, ',') {
        let (name, kind) = part.split_once(':').map_or((part, ""), |(name, kind)| (name.trim(), kind));
        if !name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_') {
            continue;
        }
        properties.insert(name.to_owned(), if kind.is_empty() { json!({}) } else { schema(kind, is_written) });
    }
    json!({ "type": "object", "properties": properties })
}

/// The parts between separators that stand outside of brackets, without spaces around them.
fn parts(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_i32;
    let outside = |char: char| {
        match char {
            '{' | '<' | '(' => depth += 1,
            '}' | '>' | ')' => depth -= 1,
            _ => {}
        }
        depth == 0 && char == separator
    };
    text.split(outside).map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_types_become_schemas() {
        assert_eq!(schema("array<integer>", false), json!({ "type": "array", "items": { "type": "integer" } }));
        assert_eq!(schema("Ticket(w)", true), json!({ "$ref": "#/components/schemas/TicketWritten" }));
        assert_eq!(schema("string|null", false), json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }));
        assert_eq!(
            schema("{id, actor: {id, name: string}}", false),
            json!({ "type": "object", "properties": {
                "id": {},
                "actor": { "type": "object", "properties": { "id": {}, "name": { "type": "string" } } },
            } })
        );
    }

    #[test]
    fn words_for_people_promise_nothing() {
        assert_eq!(schema("array of the same", true), json!({}));
        assert_eq!(schema("Webhook(w), all of it", true), json!({}));
        assert_eq!(schema("array<Ticket or SuspendedTicket>", false), json!({ "type": "array", "items": {} }));
    }
}

//! What conditions of views and rules can be made of, as clients are offered it (Zendesk contract, `views/definitions`,
//! `triggers/definitions`).

use serde_json::{Value, json};

use crate::conditions::hours_field;
use crate::rule_conditions;
use crate::ticket_view::{PRIORITIES, STATUSES, TYPES};

/// A field with its title and operators.
pub(crate) type Offered = (&'static str, &'static str, &'static [&'static str]);

/// All fields, for people who put conditions together.
const OFFERED: &[Offered] = &[
    ("status", "Status", ORDERED),
    ("type", "Type", EQUAL),
    ("priority", "Priority", ORDERED),
    ("group_id", "Group", EQUAL),
    ("assignee_id", "Assignee", EQUAL),
    ("requester_id", "Requester", EQUAL),
    ("organization_id", "Organization", EQUAL),
    ("ticket_form_id", "Form", EQUAL),
    ("current_tags", "Tags", INCLUDES),
    ("subject_includes_word", "Subject text", &["includes", "not_includes", "is", "is_not"]),
    ("NEW", "Hours since created", SPANS),
    ("SOLVED", "Hours since solved", SPANS),
    ("updated_at", "Hours since update", SPANS),
    ("requester_updated_at", "Hours since requester update", SPANS),
];
const EQUAL: &[&str] = &["is", "is_not"];
const ORDERED: &[&str] = &["is", "is_not", "less_than", "greater_than"];
const INCLUDES: &[&str] = &["includes", "not_includes"];
const SPANS: &[&str] = &["less_than", "greater_than"];

/// What conditions of views can be made of.
pub(crate) fn definitions() -> Value {
    let all: Vec<Value> = OFFERED.iter().map(|offered| definition(offered, &[])).collect();
    json!({ "conditions_all": all, "conditions_any": all })
}

/// What those of triggers can be made of.
pub(crate) fn definitions_of_rules() -> Value {
    let both = OFFERED.iter().filter(|(field, ..)| hours_field(field).is_none()).map(|offered| {
        let turns = !matches!(offered.0, "current_tags" | "subject_includes_word");
        definition(offered, if turns { rule_conditions::TURNING } else { &[] })
    });
    let all: Vec<Value> = both.chain(rule_conditions::OFFERED.iter().map(|offered| definition(offered, &[]))).collect();
    json!({ "conditions_all": all, "conditions_any": all })
}

fn definition((field, title, operators): &Offered, more: &[&str]) -> Value {
    let operators = operators.iter().chain(more).map(
        |word| json!({ "value": word, "title": said(word), "terminal": matches!(*word, "changed" | "not_changed") }),
    );
    let words: &[&str] = match *field {
        "status" => STATUSES,
        "type" => TYPES,
        "priority" => PRIORITIES,
        _ => &[],
    };
    let values = words.iter().map(|word| json!({ "value": word, "title": said(word), "enabled": true }));
    json!({
        "subject": field,
        "title": title,
        "type": if words.is_empty() { "text" } else { "list" },
        "group": "ticket",
        "nullable": !matches!(*field, "status" | "priority"),
        "repeatable": true,
        "operators": operators.collect::<Vec<_>>(),
        "values": values.collect::<Vec<_>>(),
    })
}

/// `less_than` as people read it.
pub(crate) fn said(word: &str) -> String {
    let words = word.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

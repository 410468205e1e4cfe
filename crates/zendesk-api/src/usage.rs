//! `usage_1h` and its like beside triggers, automations and macros (Zendesk contract, `sideload.triggers_automations_macros`).

use std::collections::HashMap;

use helpdesk::usage::Usage;
use serde_json::{Value, json};

use crate::query::Params;

/// The words, each with the count that it means.
type Span = (&'static str, fn(&Usage) -> i64);
const SPANS: &[Span] = &[
    ("usage_1h", |usage| usage.hour),
    ("usage_24h", |usage| usage.day),
    ("usage_7d", |usage| usage.week),
    ("usage_30d", |usage| usage.month),
];

/// Whether a call wants to know of any.
pub(crate) fn is_asked(params: &Params) -> bool {
    SPANS.iter().any(|(word, _)| params.includes(word))
}

/// What a list is ordered by, if it is one of them.
pub(crate) fn of_order(word: &str) -> Option<fn(&Usage) -> i64> {
    SPANS.iter().find(|(known, _)| *known == word).map(|(_, count)| *count)
}

/// The numbers of records.
pub(crate) fn ids(records: &[Value]) -> Vec<i64> {
    records.iter().filter_map(|record| record["id"].as_i64()).collect()
}

/// Puts into each record what was asked for.
pub(crate) fn put(params: &Params, records: &mut [Value], used: &HashMap<i64, Usage>) {
    for record in records {
        let usage = record["id"].as_i64().and_then(|id| used.get(&id)).copied().unwrap_or_default();
        for (word, count) in SPANS.iter().filter(|(word, _)| params.includes(word)) {
            record[*word] = json!(count(&usage));
        }
    }
}

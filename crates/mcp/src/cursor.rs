//! Where a list goes on: the sort keys of the last row, as text that a model hands back unchanged.

use helpdesk::page::{Direction, Key, Page, Position, Slice};
use serde_json::{Value as Json, json};

use crate::tool::Failed;

/// Most rows of one answer, and how many come when nothing is said.
const LIMIT_MAX: u32 = 50;
const LIMIT_USUAL: u32 = 20;

/// The part of a list that was asked for. Every list here is ordered by numbers.
pub(crate) fn slice(limit: Option<u32>, cursor: Option<&str>) -> Result<Slice, Failed> {
    let limit = limit.unwrap_or(LIMIT_USUAL);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Failed::Invalid(format!("limit must be from 1 to {LIMIT_MAX}.")));
    }
    let from = cursor.map(position).transpose()?;
    Ok(Slice { limit: limit as usize, from })
}

/// The answer of a list: its rows under `name`, and `next_cursor` if there are more.
pub(crate) fn answer<T>(name: &str, page: &Page<T>, row: impl Fn(&T) -> Json) -> Json {
    let rows: Vec<Json> = page.items.iter().map(row).collect();
    let mut answer = json!({ name: rows });
    if let Some(keys) = &page.after {
        answer["next_cursor"] = json!(text(keys));
    }
    answer
}

fn text(keys: &[Key]) -> String {
    let parts: Vec<String> = keys
        .iter()
        .map(|key| match key {
            Key::Int(number) => number.to_string(),
            Key::Text(text) => text.clone(),
        })
        .collect();
    parts.join(".")
}

fn position(cursor: &str) -> Result<Position, Failed> {
    let keys = cursor.split('.').map(|part| part.parse().map(Key::Int)).collect::<Result<Vec<Key>, _>>();
    match keys {
        Ok(keys) => Ok(Position { keys, direction: Direction::After }),
        Err(_) => Err(Failed::Invalid("cursor must be a next_cursor of this tool, unchanged.".to_owned())),
    }
}

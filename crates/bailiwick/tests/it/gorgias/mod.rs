//! The Gorgias dialect over HTTP: one file a resource.

mod account;
mod apps;
mod conditions;
mod contract;
mod contract_lists;
mod contract_writes;
mod custom_fields;
mod customers;
mod events;
pub mod files;
mod hostile;
mod integration_failures;
mod integrations;
mod interface;
pub mod jobs;
mod live;
pub mod macro_jobs;
mod macros;
mod message_actions;
mod messages;
mod rules;
mod satisfaction_surveys;
mod search;
mod statistics;
mod tags;
mod teams;
mod ticket_list;
mod ticket_merge;
mod ticket_tags;
mod tickets;
mod users;
mod view_items;
mod views;
mod voice_calls;
mod widgets;

use serde_json::Value;

use crate::support::Server;

/// The body of an answer, which must have this status.
pub async fn body(response: reqwest::Response, status: u16) -> Value {
    let actual = response.status().as_u16();
    let text = response.text().await.expect("a body");
    assert_eq!(actual, status, "{text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
}

/// The text of one field in every object of a list.
pub fn texts(list: &Value, field: &str) -> Vec<String> {
    let data = list["data"].as_array().expect("a list");
    data.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

pub fn ids(list: &Value) -> Vec<i64> {
    list["data"].as_array().expect("a list").iter().map(|item| item["id"].as_i64().expect("an id")).collect()
}

/// Every id of a list, page by page: forward by `next_cursor`, then back to the start by `prev_cursor`, which must show the same.
pub async fn walk(server: &Server, path: &str, token: &str) -> Vec<i64> {
    let mut pages: Vec<Vec<i64>> = Vec::new();
    let mut list = body(server.get(path, token).await, 200).await;
    let base = path.split('?').next().expect("a path").to_owned();
    let limit = path.split(['?', '&']).find(|part| part.starts_with("limit=")).unwrap_or("limit=30").to_owned();
    assert_eq!(list["meta"]["prev_cursor"], Value::Null);
    loop {
        pages.push(ids(&list));
        let Some(cursor) = list["meta"]["next_cursor"].as_str() else { break };
        assert!(pages.len() < 100, "the walk does not end");
        list = body(server.get(&format!("{base}?{limit}&cursor={cursor}"), token).await, 200).await;
    }
    for page in pages.iter().rev().skip(1) {
        let cursor = list["meta"]["prev_cursor"].as_str().expect("a way back").to_owned();
        list = body(server.get(&format!("{base}?{limit}&cursor={cursor}"), token).await, 200).await;
        assert_eq!(ids(&list), *page);
    }
    assert_eq!(list["meta"]["prev_cursor"], Value::Null);
    pages.concat()
}

//! The Zendesk dialect over HTTP: one file a resource; `interface.rs` has what all of them share.

mod account;
mod activities;
mod anonymous_requests;
mod attachments;
mod audit_logs;
mod automations;
mod brands;
mod contract;
mod custom_roles;
mod custom_statuses;
mod dynamic_content;
mod field_types;
mod groups;
mod help_center;
mod help_center_readers;
mod help_center_search;
mod incremental;
mod interface;
mod jobs;
mod macro_attachments;
mod macros;
mod oauth;
mod oauth_management;
mod object_fields;
mod organization_merges;
mod organizations;
mod requests;
mod rule_actions;
mod rule_conditions;
mod satisfaction_ratings;
mod schedules;
mod search;
mod search_keywords;
mod search_words;
mod sla_policies;
mod subscribers;
mod support_addresses;
mod survey_responses;
mod suspended_tickets;
mod tags;
mod ticket_audits;
mod ticket_comments;
mod ticket_fields;
mod ticket_forms;
mod ticket_metrics;
mod ticket_redactions;
mod ticket_skips;
mod ticket_states;
mod tickets;
mod trigger_categories;
mod triggers;
mod usage;
mod user_identities;
mod user_sessions;
mod users;
mod users_gone;
mod views;
mod webhooks;

use reqwest::{Method, Response};
use scope::Dialect;
use serde_json::{Value, json};

pub use super::gorgias::body;
use crate::support::{Person, Server};

/// An access token for the administrator with these Zendesk words.
pub async fn token(server: &Server, words: &str) -> String {
    server.token_for(Person::Admin, Dialect::Zendesk, words).await
}

pub async fn all(server: &Server) -> String {
    token(server, "read write").await
}

/// A request with a token; what else it needs is added by the caller.
pub fn request(server: &Server, method: Method, path: &str, token: &str) -> reqwest::RequestBuilder {
    server.http.request(method, format!("{}{path}", server.base)).bearer_auth(token)
}

/// The body of a GET that succeeds.
pub async fn get(server: &Server, path: &str, token: &str) -> Value {
    body(server.get(path, token).await, 200).await
}

/// Creates a record, and gives it without its envelope.
pub async fn made(server: &Server, path: &str, token: &str, name: &str, record: Value) -> Value {
    let answer = body(server.post(path, token, json!({ name: record })).await, 201).await;
    answer[name].clone()
}

pub async fn ticket(server: &Server, token: &str, mut record: Value) -> Value {
    if record.get("comment").is_none() {
        record["comment"] = json!({ "body": "The printer is on fire." });
    }
    made(server, "/api/v2/tickets", token, "ticket", record).await
}

pub async fn customer(server: &Server, token: &str, name: &str) -> Value {
    let email = format!("{}@shop.test", name.to_lowercase().replace(' ', "."));
    made(server, "/api/v2/users", token, "user", json!({ "name": name, "email": email })).await
}

/// The job of a bulk call, once it has run.
pub async fn done(server: &Server, token: &str, answer: Response) -> Value {
    let job = body(answer, 200).await["job_status"].clone();
    server.run_jobs().await;
    get(server, &format!("/api/v2/job_statuses/{}", job["id"].as_str().expect("an id")), token).await["job_status"]
        .clone()
}

pub fn id(record: &Value) -> i64 {
    record["id"].as_i64().expect("an id")
}

pub fn ids(list: &Value) -> Vec<i64> {
    list.as_array().expect("a list").iter().map(id).collect()
}

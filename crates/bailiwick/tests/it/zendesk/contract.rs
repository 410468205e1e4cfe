//! The vendor's contract, call by call, for all calls that are here: each is in the contract, asks for its scope and nothing less, and answers
//! with every field of its records in the right type.
//!
//! Calls and types are those that the document of the dialect is made from (`zendesk_api::openapi`). A new call is looked at by itself; what
//! it needs to have something to show is a line of `FURNITURE`.

use std::collections::{BTreeMap, BTreeSet};

use endpoint::{Guard, Route};
use helpdesk::held_messages::{self, Cause, NewHeld};
use jiff::Timestamp;
use scope::permit::Actor;
use scope::{Dialect, words};
use serde_json::{Map, Value, json};
use zendesk_api::contract::{self, Call};

use super::{all, body, id};
use crate::support::{Browser, Person, Server};

const TYPES: &str = zendesk_api::openapi::TYPES;

/// What is made before the answers are looked at: where, and what. `{admin}` and so on stand for ids of what was made before.
const FURNITURE: &[(&str, &str)] = &[
    ("/api/v2/groups", r#"{"group": {"name": "First line"}}"#),
    ("/api/v2/oauth/clients", r#"{"client": {"identifier": "zdg-desk", "name": "Desk", "user_id": AGENT}}"#),
    ("/api/v2/oauth/tokens", r#"{"token": {"client_id": client, "scopes": ["read"]}}"#),
    ("/api/v2/group_memberships", r#"{"group_membership": {"user_id": AGENT, "group_id": group}}"#),
    ("/api/v2/organizations", r#"{"organization": {"name": "Shop", "external_id": "o1", "tags": ["big"]}}"#),
    ("/api/v2/users", r#"{"user": {"name": "Cleo", "email": "cleo@shop.test", "phone": "+15551234567"}}"#),
    (
        "/api/v2/organization_memberships",
        r#"{"organization_membership": {"user_id": user, "organization_id": organization}}"#,
    ),
    (
        "/api/v2/tickets",
        r#"{"ticket": {"subject": "A", "type": "problem", "comment": {"body": "x"}, "tags": ["t"], "requester_id": user, "email_cc_ids": [user], "follower_ids": [AGENT], "assignee_id": AGENT}}"#,
    ),
    (
        "/api/v2/tickets",
        r#"{"ticket": {"subject": "B", "type": "incident", "problem_id": ticket, "comment": {"body": "x"}}}"#,
    ),
    ("/api/v2/brands", r#"{"brand": {"name": "Shoes", "subdomain": "shoes"}}"#),
    ("/api/v2/custom_statuses", r#"{"custom_status": {"status_category": "open", "agent_label": "Parts"}}"#),
    (
        "/api/v2/business_hours/schedules/1/holidays",
        r#"{"holiday": {"name": "New year", "start_date": "2027-01-01", "end_date": "2027-01-01"}}"#,
    ),
    (
        "/api/v2/slas/policies",
        r#"{"sla_policy": {"title": "All", "filter": {"all": []}, "policy_metrics": [{"priority": "high", "metric": "first_reply_time", "target": 60}]}}"#,
    ),
    ("/api/v2/recipient_addresses", r#"{"recipient_address": {"email": "help@shop.test"}}"#),
    ("/api/v2/dynamic_content/items", r#"{"item": {"name": "Hello", "default_locale_id": 1, "content": "Hello"}}"#),
    (
        "/api/v2/ticket_fields",
        r#"{"ticket_field": {"type": "tagger", "title": "Reason", "custom_field_options": [{"name": "Late", "value": "late"}]}}"#,
    ),
    ("/api/v2/requests", r#"{"request": {"subject": "R", "comment": {"body": "x"}}}"#),
    (
        "/api/v2/macros",
        r#"{"macro": {"title": "Shipping::Late", "actions": [{"field": "status", "value": "pending"}, {"field": "comment_value", "value": "Soon"}]}}"#,
    ),
    (
        "/api/v2/views",
        r#"{"view": {"title": "Open", "all": [{"field": "status", "operator": "less_than", "value": "solved"}]}}"#,
    ),
    (
        "/api/v2/help_center/user_segments",
        r#"{"user_segment": {"name": "Big ones", "user_type": "signed_in_users", "tags": ["big"]}}"#,
    ),
    ("/api/v2/guide/permission_groups", r#"{"permission_group": {"name": "Writers", "edit": [2], "publish": [2]}}"#),
    ("/api/v2/help_center/categories", r#"{"category": {"name": "Orders", "locale": "en-us"}}"#),
    ("/api/v2/help_center/categories/1/sections", r#"{"section": {"name": "Delivery", "locale": "en-us"}}"#),
    (
        "/api/v2/help_center/sections/1/articles",
        r#"{"article": {"title": "Late", "body": "<p>Soon</p>", "locale": "en-us", "permission_group_id": permission_group, "user_segment_id": user_segment, "label_names": ["late"]}}"#,
    ),
    (
        "/api/v2/help_center/sections/1/articles",
        r#"{"article": {"title": "Lost", "locale": "en-us", "permission_group_id": 1, "user_segment_id": null}}"#,
    ),
    ("/api/v2/help_center/articles/1/translations", r#"{"translation": {"locale": "de", "title": "Spät"}}"#),
    ("/api/v2/help_center/articles/1/comments", r#"{"comment": {"body": "Thanks", "locale": "en-us"}}"#),
    ("/api/v2/help_center/articles/1/up", "{}"),
    ("/api/v2/help_center/articles/1/subscriptions", r#"{"subscription": {"source_locale": "en-us"}}"#),
    ("/api/v2/help_center/sections/1/subscriptions", r#"{"subscription": {"source_locale": "en-us"}}"#),
    ("/api/v2/trigger_categories", r#"{"trigger_category": {"name": "Calls"}}"#),
    (
        "/api/v2/webhooks",
        r#"{"webhook": {"name": "Desk", "description": "Tells it", "endpoint": "https://desk.invalid/hook", "http_method": "POST", "request_format": "json", "status": "active", "subscriptions": ["conditional_ticket_events"], "authentication": {"type": "bearer_token", "data": {"token": "x"}, "add_position": "header"}}}"#,
    ),
    (
        "/api/v2/triggers",
        r#"{"trigger": {"title": "Tell the desk", "conditions": {"all": [{"field": "update_type", "operator": "is", "value": "Create"}], "any": []}, "actions": [{"field": "notification_webhook", "value": ["WEBHOOK", "{}"]}]}}"#,
    ),
    (
        "/api/v2/automations",
        r#"{"automation": {"title": "Close", "all": [{"field": "status", "operator": "is", "value": "solved"}, {"field": "SOLVED", "operator": "greater_than", "value": "96"}], "actions": [{"field": "status", "value": "closed"}]}}"#,
    ),
    (
        "/api/v2/ticket_forms",
        r#"{"ticket_form": {"name": "Return", "end_user_visible": true, "ticket_field_ids": [ticket_field]}}"#,
    ),
    ("/api/v2/custom_statuses/6/ticket_form_statuses", r#"{"ticket_form_status": [{"ticket_form_id": 1}]}"#),
    (
        "/api/v2/user_fields",
        r#"{"user_field": {"type": "dropdown", "title": "Tier", "key": "tier", "custom_field_options": [{"name": "Gold", "value": "gold"}]}}"#,
    ),
    ("/api/v2/organization_fields", r#"{"organization_field": {"type": "text", "title": "Plan", "key": "plan"}}"#),
    (
        "/api/v2/organization_subscriptions",
        r#"{"organization_subscription": {"user_id": user, "organization_id": organization}}"#,
    ),
    ("/api/v2/guide/survey_responses", r#"{"subject_zrns": ["zen:ticket:1"]}"#),
    ("/api/v2/skips", r#"{"skip": {"ticket_id": ticket, "reason": "Not mine"}}"#),
    ("/api/v2/tickets/create_many", r#"{"tickets": [{"comment": {"body": "x"}}]}"#),
];

/// Calls that show something only in a state that other tests make.
const SHOWN_ELSEWHERE: &[&str] = &[
    "ListDeletedTickets",
    "ListDeletedUsers",
    "ShowDeletedUser",
    "ShowUserComplianceDeletionStatuses",
    "DownloadAttachment",
    "ShowMacroAttachment",
    "DownloadMacroAttachment",
    "ListMacroAttachments",
    "SearchRequests",
    "ListReceivedSatisfactionRatings",
    "ListSatisfactionRatings",
    "ShowTicketAfterChanges",
    "ShowAttachment",
    "ShowSatisfactionRating",
    "IncrementalSampleExport",
    "ListActivities",
    "ShowActivity",
    "ListTicketFieldOptions",
    "ShowTicketFieldOption",
    "ListArticleAttachments",
    "ListInlineArticleAttachments",
    "ListBlockArticleAttachments",
    "ShowArticleAttachment",
    "ShowUnassociatedAttachment",
    "ShowVote",
    "ListOrganizationMerges",
    "ShowOrganizationMerge",
];

/// Where there is no list above an id: where there is one.
const LISTS: &[(&str, &str)] = &[("/api/v2/help_center/users", "/api/v2/users")];

/// The routes of the dialect, by method and path with nameless places.
fn routes() -> BTreeMap<(String, String), Route> {
    let ours = bailiwick::routes().table.into_iter();
    let ours = ours.filter(|route| route.dialect == Dialect::Zendesk && !route.path.starts_with("/openapi/"));
    ours.map(|route| ((route.method.to_owned(), nameless(route.path)), route)).collect()
}

fn nameless(path: &str) -> String {
    contract::nameless(path).collect::<Vec<_>>().join("/")
}

/// The calls that are here.
fn calls() -> Vec<(Call, Route)> {
    let routes = routes();
    let here = contract::calls().filter_map(|call| {
        let route = routes.get(&(call.method.to_owned(), nameless(call.path)))?;
        Some((call, route.clone()))
    });
    here.collect()
}

#[test]
fn every_call_that_is_here_is_the_vendors() {
    let known: BTreeSet<(String, String)> =
        contract::calls().map(|call| (call.method.to_owned(), nameless(call.path))).collect();

    let others: Vec<(String, String)> = routes().into_keys().filter(|key| !known.contains(key)).collect();

    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn every_call_names_the_vendors_scope() {
    let mut wrong = Vec::new();
    for (call, route) in calls() {
        // Tags go by the scope of what carries them.
        let goes_by_carrier = call.resource == "tags" && !call.path.contains("/tickets/");
        if route.guard != Guard::Token || goes_by_carrier {
            continue;
        }
        let opening = words::alternatives(Dialect::Zendesk, route.needs);
        if !opening.contains(&call.scope) {
            wrong.push(format!("{} {} is opened by {opening:?}, not by {}", call.method, call.path, call.scope));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_asks_for_its_scope_and_for_nothing_less() {
    // RS-4
    let server = Server::start().await;
    let mut tokens: BTreeMap<Vec<&str>, String> = BTreeMap::new();

    for (call, route) in calls() {
        if route.guard != Guard::Token {
            continue;
        }
        let opening = words::alternatives(Dialect::Zendesk, route.needs);
        if !tokens.contains_key(&opening) {
            // Every word that does not open it alone, and none that opens a part of it.
            let closed = |word: &&words::Word| word.permissions.intersection(route.needs).is_empty();
            let others = words::vocabulary(Dialect::Zendesk).iter().filter(closed).map(|word| word.word);
            let others: Vec<&str> = others.filter(|word| *word != "impersonate").collect();
            let token = server.token_for(Person::Admin, Dialect::Zendesk, &others.join(" ")).await;
            tokens.insert(opening.clone(), token);
        }

        let bare = send(&server, &call, None).await;
        let with_others = send(&server, &call, Some(&tokens[&opening])).await;

        assert_eq!(bare.status(), 401, "{} {} without a token", call.method, call.path);
        let refused = body(with_others, 403).await;
        let told = refused["description"].as_str().unwrap_or_default();
        assert!(
            told.starts_with("You are missing the following required scopes: "),
            "{} {}: {refused}",
            call.method,
            call.path
        );
    }
}

async fn send(server: &Server, call: &Call, token: Option<&str>) -> reqwest::Response {
    let path = call.path.split('/').map(|part| if part.starts_with('{') { "987654321" } else { part });
    let path = path.collect::<Vec<_>>().join("/");
    let mut request = server.http.request(call.method.parse().expect("a method"), format!("{}{path}", server.base));
    if call.method != "GET" {
        request = request.json(&json!({}));
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("send")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_fields_and_types_of_the_contract() {
    let server = Server::start().await;
    let token = all(&server).await;
    Browser::new(&server).sign_in(Person::Admin).await;
    furnish(&server, &token).await;
    let types: Map<String, Value> = serde_json::from_str(TYPES).expect("JSON");
    let (mut seen, mut wrong) = (BTreeSet::new(), BTreeSet::new());
    let here = calls();

    for (call, _) in here.iter().filter(|(call, _)| call.method == "GET" && call.is_sure) {
        for path in addresses(&server, &token, call).await {
            let answer = server.get(&path, &token).await;
            let status = answer.status().as_u16();
            if status == 400 {
                // It needs a parameter; its own tests send one.
                seen.insert(call.id);
                continue;
            }
            assert!(call.status.split('/').any(|it| it == status.to_string()), "{path} answers {status}");
            let answer = body(answer, status).await;
            for part in call.answer.split(';') {
                let Some((key, kind)) = part.split_once('=') else { continue };
                let value = &answer[key];
                let is_empty = value.as_array().is_some_and(Vec::is_empty);
                if !is_empty {
                    seen.insert(call.id);
                }
                check(&types, kind, value, &format!("{} {key}", call.id), &mut wrong);
            }
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<String>>().join("\n"));
    let unseen: Vec<&str> = here
        .iter()
        .filter(|(call, _)| call.method == "GET" && call.is_sure && !seen.contains(call.id))
        .map(|(call, _)| call.id)
        .filter(|id| !SHOWN_ELSEWHERE.contains(id))
        .collect();
    assert!(unseen.is_empty(), "nothing was there to look at: {unseen:?}");
}

async fn furnish(server: &Server, token: &str) {
    let mut known: BTreeMap<String, i64> = BTreeMap::new();
    let mut webhook = String::new();
    for (path, record) in FURNITURE {
        let mut record = record.replace("AGENT", &server.agent_id.to_string()).replace("WEBHOOK", &webhook);
        // The longer of two names that begin alike first.
        for (name, id) in known.iter().rev() {
            record = record
                .replace(&format!(": {name}"), &format!(": {id}"))
                .replace(&format!("[{name}]"), &format!("[{id}]"));
        }
        let record: Value = serde_json::from_str(&record).unwrap_or_else(|error| panic!("{record}: {error}"));
        let answer = server.post(path, token, record).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.expect("a body"));
        let answer: Value = answer.json().await.expect("JSON");
        if let Some(id) = answer["webhook"]["id"].as_str() {
            webhook = id.to_owned();
        }
        for (name, made) in answer.as_object().expect("an envelope") {
            if made["id"].is_i64() && name != "audit" {
                known.insert(name.clone(), id(made));
            }
        }
    }
    hold_a_mail(server).await;
    server.run_jobs().await;
}

/// What no call makes: a mail that came in and is held back.
async fn hold_a_mail(server: &Server) {
    let held = NewHeld {
        author_email: Some("cleo@shop.test".to_owned()),
        body_text: Some("Buy now".to_owned()),
        channel: "email".to_owned(),
        ..NewHeld::default()
    };
    let mut tx = server.db.write().await.expect("write");
    held_messages::hold(&mut tx, &Actor::default(), server.clock.now(), Cause::Spam, &held).await.expect("hold");
    tx.commit().await.expect("commit");
}

/// The addresses of a call, with ids from the list above each place.
async fn addresses(server: &Server, token: &str, call: &Call) -> Vec<String> {
    let mut paths = vec![call.path.to_owned()];
    while let Some(at) = paths.iter().position(|path| path.contains('{')) {
        let path = paths.remove(at);
        let (above, below) = path.split_once('{').expect("a place");
        let (place, below) = below.split_once('}').unwrap_or((below, ""));
        if place == "locale" && above.ends_with("/help_center/") {
            paths.push(format!("{above}en-us{below}"));
            continue;
        }
        let list = above.trim_end_matches('/');
        let list = LISTS.iter().find(|(without, _)| *without == list).map_or(list, |(_, with)| *with);
        let answer = server.get(list, token).await;
        if !answer.status().is_success() {
            continue;
        }
        let answer: Value = answer.json().await.expect("JSON");
        // Beside the list may stand others, of what it refers to.
        let own = above.trim_end_matches('/').rsplit('/').next().and_then(|name| answer[name].as_array());
        let all = answer.as_object().expect("an envelope").values().filter_map(Value::as_array);
        let lists: Vec<&Vec<Value>> = own.map_or_else(|| all.collect(), |own| vec![own]);
        for record in lists.into_iter().flatten().take(3) {
            let id = if place == "locale" { &record["locale"] } else { &record["id"] };
            let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            paths.push(format!("{above}{id}{below}"));
        }
    }
    paths
}

/// Adds what a value has against its type.
fn check(types: &Map<String, Value>, kind: &str, value: &Value, place: &str, wrong: &mut BTreeSet<String>) {
    if let Some(inner) = kind.strip_prefix("array<").and_then(|rest| rest.strip_suffix('>')) {
        match value.as_array() {
            Some(items) => {
                items.iter().take(5).for_each(|item| check(types, inner, item, &format!("{place}[]"), wrong))
            }
            None => {
                wrong.insert(format!("{place} is no list: {value}"));
            }
        }
        return;
    }
    // Words for people, which say that there are several.
    if kind.contains(" | ") || kind.contains(" or ") {
        return;
    }
    if value.is_null() && kind.split('|').any(|one| one.trim() == "null") {
        return;
    }
    // Of several, the first is what is usual.
    let kind = kind.split(['|', '+']).next().unwrap_or(kind).trim();
    if let Some(fields) = types.get(kind).and_then(Value::as_object) {
        let Some(object) = value.as_object() else {
            wrong.insert(format!("{place} is no {kind}: {value}"));
            return;
        };
        for (name, field) in fields {
            check_field(types, field, object.get(name), &format!("{place}.{name}"), wrong);
        }
        return;
    }
    let holds = match kind {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "datetime" => value.as_str().is_some_and(is_instant),
        "date" => value.as_str().is_some_and(|text| text.len() == 10),
        "object" => value.is_object(),
        "array" => value.is_array(),
        inline if inline.starts_with('{') => value.is_object(),
        _ => true,
    };
    if !holds {
        wrong.insert(format!("{place} is no {kind}: {value}"));
    }
}

fn check_field(
    types: &Map<String, Value>,
    field: &Value,
    value: Option<&Value>,
    place: &str,
    wrong: &mut BTreeSet<String>,
) {
    match (value, field["absent"].as_str()) {
        (Some(_), Some("write only")) => {
            wrong.insert(format!("{place} is never told"));
        }
        (None, None) => {
            wrong.insert(format!("{place} is missing"));
        }
        (Some(Value::Null), _) if field["nullable"] == true => {}
        (Some(value), _) => {
            check(types, field["type"].as_str().unwrap_or_default(), value, place, wrong);
            let allowed = field["enum"].as_array();
            if allowed.is_some_and(|allowed| !allowed.contains(value)) {
                wrong.insert(format!("{place} has a word of its own: {value}"));
            }
        }
        (None, Some(_)) => {}
    }
}

/// `2026-01-31T09:30:00Z`
fn is_instant(text: &str) -> bool {
    text.len() == 20 && text.ends_with('Z') && text.parse::<Timestamp>().is_ok()
}

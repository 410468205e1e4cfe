//! The interface as `/openapi/gorgias.json` describes it, for the tests that hold the server to it (`contract.rs`, `contract_lists.rs`,
//! `contract_writes.rs`).

use std::collections::BTreeSet;

use scope::Dialect;
use serde_json::{Value, json};

use super::body;
use super::voice_calls::add_with_all;
use crate::support::shape::Shapes;
use crate::support::{Person, Server};

/// One method of one path.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    pub method: String,
    pub path: &'a str,
    pub id: &'a str,
    pub told: &'a Value,
}

impl<'a> Operation<'a> {
    /// The scope words any of which lets a token in. Empty if nothing is asked.
    pub fn scopes(&self) -> BTreeSet<&'a str> {
        let ways = self.told["security"].as_array().expect("security");
        ways.iter().filter_map(|way| way["oauth2"][0].as_str()).collect()
    }

    /// The schema of the answer to a call that went well. None if it has no JSON.
    pub fn answer(&self) -> Option<&'a Value> {
        let answers = self.told["responses"].as_object().expect("answers");
        let (_, well) = answers.iter().find(|(status, _)| status.starts_with('2')).expect("an answer");
        well["content"].get("application/json").map(|content| &content["schema"])
    }

    /// The status of that answer.
    pub fn status(&self) -> u16 {
        let answers = self.told["responses"].as_object().expect("answers");
        let status = answers.keys().find(|status| status.starts_with('2')).expect("an answer");
        status.parse().expect("a number")
    }

    /// Whether it answers the envelope of a list.
    pub fn is_list(&self) -> bool {
        self.method == "GET" && self.answer().is_some_and(|schema| schema["properties"]["meta"].is_object())
    }

    /// Whether that list comes in pages.
    pub fn is_paged(&self, shapes: &Shapes<'a>) -> bool {
        let mut parameters = self.told["parameters"].as_array().into_iter().flatten();
        self.is_list() && parameters.any(|it| shapes.resolved(it)["name"] == "cursor")
    }

    /// The words of a parameter of the query that is of a closed list.
    pub fn words_of(&self, shapes: &Shapes<'a>, name: &str) -> Vec<&'a str> {
        let parameters = self.told["parameters"].as_array().into_iter().flatten();
        let Some(parameter) = parameters.map(|it| shapes.resolved(it)).find(|it| it["name"] == name) else {
            return Vec::new();
        };
        let words = shapes.resolved(&parameter["schema"])["enum"].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).collect()
    }
}

/// Every operation of the document.
pub fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, told) in methods.as_object().expect("methods") {
            let id = told["operationId"].as_str().expect("an id");
            found.push(Operation { method: method.to_uppercase(), path, id, told });
        }
    }
    found
}

/// The document as the server gives it, to anybody.
pub async fn document(server: &Server) -> Value {
    let answer = server.http.get(format!("{}/openapi/gorgias.json", server.base)).send().await.expect("send");
    assert_eq!(answer.headers()["content-type"], "application/json");
    body(answer, 200).await
}

/// Every word of the dialect.
pub fn all_words() -> String {
    let words = scope::words::vocabulary(scope::Dialect::Gorgias);
    words.iter().map(|word| word.word).collect::<Vec<_>>().join(" ")
}

/// Someone who puts rows into lists through the API.
pub struct Writer<'a> {
    pub server: &'a Server,
    pub token: &'a str,
    pub n_written: usize,
}

impl Writer<'_> {
    /// Puts one more row into the list of this path. False if nothing does.
    pub async fn write(&mut self, list: &str, object_type: Option<&str>) -> bool {
        self.make(list, object_type).await.is_some()
    }

    /// The same, with the answer of the call that did it: null where the interface has none.
    pub async fn make(&mut self, list: &str, object_type: Option<&str>) -> Option<Value> {
        self.n_written += 1;
        let n = self.n_written;
        let parts: Vec<&str> = list.trim_start_matches("/api/").split('/').collect();
        let new = match parts.as_slice() {
            ["users"] => {
                json!({ "name": format!("User {n:03}"), "email": format!("user{n}@example.com"), "role": { "name": "agent" } })
            }
            ["teams"] => json!({ "name": format!("Team {n:03}"), "members": [{ "id": self.server.agent_id }] }),
            ["customers"] => customer(n),
            ["tickets"] => ticket(n),
            ["tags"] | ["events"] => json!({ "name": format!("tag-{n:03}"), "decoration": { "color": "#ff0000" } }),
            ["custom-fields"] => field(n, object_type.unwrap_or("Ticket")),
            ["rules"] => json!({
                "name": format!("Rule {n:03}"), "event_types": "ticket-created", "deactivated_datetime": "2026-03-01T09:00:00",
                "code": "if (eq(ticket.status, 'open')) { Action('addTags', { tags: 'seen' }) }",
            }),
            ["jobs"] => json!({
                // One of the two is not there, so that the job has an error to tell.
                "type": "updateTicket", "params": { "ticket_ids": [1, 1_000_000], "updates": { "priority": "high" } }, "meta": { "n": n },
            }),
            ["macros"] => json!({ "name": format!("Macro {n:03}"), "actions": [
                { "name": "setStatus", "title": "Close", "type": "user", "arguments": { "status": "closed" } },
            ] }),
            ["views"] => {
                json!({ "name": format!("View {n:03}"), "slug": format!("view-{n}"), "filters": "eq(ticket.status, 'open')" })
            }
            ["integrations"] => json!({
                "name": format!("Hook {n:03}"), "type": "http", "deactivated_datetime": "2026-03-01T09:00:00",
                "http": { "url": "https://hooks.example.com/in", "method": "POST", "triggers": { "ticket-created": true } },
            }),
            ["widgets"] => json!({
                "type": "custom", "context": "ticket", "order": n,
                "template": { "type": "wrapper", "widgets": [{ "type": "card", "title": "Card", "path": "", "order": 0, "widgets": [] }] },
            }),
            ["satisfaction-surveys"] => {
                let ticket = self.post("/api/tickets", ticket(n)).await;
                json!({
                    "ticket_id": ticket["id"], "customer_id": ticket["customer"]["id"], "score": 4, "body_text": "Good",
                    "sent_datetime": "2026-03-01T11:00:00", "scored_datetime": "2026-03-01T12:00:00",
                })
            }
            ["views", _, "items"] => ticket(n),
            ["messages"] | ["tickets", _, "messages"] => message(n),
            ["apps"] => {
                self.server.token_for(Person::Agent, Dialect::Gorgias, "tickets:read").await;
                return Some(Value::Null);
            }
            ["phone", _] => {
                let customers = body(self.server.get("/api/customers?limit=1", self.token).await, 200).await;
                let customer_id = customers["data"][0]["id"].as_i64().expect("a customer");
                add_with_all(self.server, customer_id, &format!("CA{n}")).await;
                return Some(Value::Null);
            }
            _ => return None,
        };
        let path = match parts.as_slice() {
            ["events"] => "/api/tags".to_owned(),
            ["views", _, "items"] => "/api/tickets".to_owned(),
            ["messages"] => {
                let tickets = body(self.server.get("/api/tickets?limit=1", self.token).await, 200).await;
                format!("/api/tickets/{}/messages", tickets["data"][0]["id"])
            }
            _ => list.to_owned(),
        };
        Some(self.post(&path, new).await)
    }

    /// What stands in the account beside the rows of lists.
    pub async fn furnish(&mut self) {
        self.write("/api/custom-fields", Some("Ticket")).await;
        self.write("/api/custom-fields", Some("Customer")).await;
        for _ in 0..3 {
            self.write("/api/tickets", None).await;
            self.write("/api/messages", None).await;
        }
        self.write("/api/satisfaction-surveys", None).await;
        for (list, object_type) in [("tickets", "Ticket"), ("customers", "Customer")] {
            let rows = body(self.server.get(&format!("/api/{list}"), self.token).await, 200).await;
            let fields = format!("/api/custom-fields?object_type={object_type}");
            let fields = body(self.server.get(&fields, self.token).await, 200).await;
            for row in rows["data"].as_array().expect("rows") {
                let mut changes = json!({ "custom_fields": [{ "id": fields["data"][0]["id"], "value": "Large" }] });
                if list == "tickets" {
                    changes["assignee_user"] = json!({ "id": self.server.agent_id });
                }
                body(self.server.put(&format!("/api/{list}/{}", row["id"]), self.token, changes).await, 200).await;
            }
        }
    }

    async fn post(&self, path: &str, new: Value) -> Value {
        let answer = self.server.post(path, self.token, new).await;
        assert_eq!(answer.status(), 201, "POST {path}: {}", answer.text().await.expect("a body"));
        answer.json().await.expect("JSON")
    }
}

fn customer(n: usize) -> Value {
    json!({
        "name": format!("Customer {n:03}"), "email": format!("customer{n}@example.com"), "external_id": format!("shop-{n}"),
        "channels": [{ "type": "email", "address": format!("customer{n}@example.com"), "preferred": true },
                     { "type": "phone", "address": format!("+4930{n:06}"), "preferred": true }],
        "language": "fr", "timezone": "Europe/Paris", "note": "Polite", "meta": { "vip": true },
    })
}

fn ticket(n: usize) -> Value {
    let email = format!("writer{}@example.com", n % 7);
    json!({
        "subject": format!("Order {n}"), "customer": { "email": email, "name": "Wren Writer" }, "channel": "email", "via": "api",
        "tags": [{ "name": "urgent" }], "language": "en", "external_id": format!("order-{n}"), "meta": { "order": n },
        "messages": [message_from(&email)],
    })
}

fn message(n: usize) -> Value {
    if n.is_multiple_of(2) {
        return json!({ "channel": "internal-note", "from_agent": true, "body_text": format!("Note {n}"), "sender": { "email": "agent@demo.test" } });
    }
    message_from("writer1@example.com")
}

fn message_from(email: &str) -> Value {
    json!({
        "channel": "email", "via": "email", "from_agent": false, "body_text": "Where is it?", "body_html": "<p>Where is it?</p>",
        "sender": { "email": email }, "subject": "Order",
        "source": { "type": "email", "from": { "address": email, "name": "Wren" }, "to": [{ "address": "support@demo.test" }] },
        "attachments": [{ "url": "https://files.example.com/a.png", "name": "a.png", "content_type": "image/png", "size": 3 }],
    })
}

fn field(n: usize, object_type: &str) -> Value {
    let definition = json!({ "data_type": "text", "input_settings": { "input_type": "input" } });
    json!({ "object_type": object_type, "label": format!("Field {n:03}"), "priority": n % 5, "definition": definition })
}

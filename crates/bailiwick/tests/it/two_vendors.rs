//! One helpdesk, two vendors: what is written through one dialect reads rightly through the other, row by row of what they share.

mod around;
mod fields;
mod people;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gorgias::body;
use crate::support::Server;
use crate::zendesk;

const GORGIAS: &str = "tickets:read tickets:write customers:read customers:write users:read users:write tags:read tags:write \
                       custom_fields:read custom_fields:write macros:read macros:write events:read jobs:read jobs:write \
                       satisfaction_survey:read satisfaction_survey:write rules:read rules:write integrations:read integrations:write \
                       statistics:read";

/// A server and a token of each dialect.
struct Both {
    server: Server,
    gorgias: String,
    zendesk: String,
}

async fn both() -> Both {
    of(Server::start().await).await
}

async fn of(server: Server) -> Both {
    let (gorgias, zendesk) = (server.token(GORGIAS).await, zendesk::all(&server).await);
    Both { server, gorgias, zendesk }
}

impl Both {
    fn token(&self, path: &str) -> &str {
        if path.starts_with("/api/v2/") { &self.zendesk } else { &self.gorgias }
    }

    async fn get(&self, path: &str) -> Value {
        body(self.server.get(path, self.token(path)).await, 200).await
    }

    async fn status(&self, path: &str) -> u16 {
        self.server.get(path, self.token(path)).await.status().as_u16()
    }

    /// The record that was made, without its envelope.
    async fn made(&self, path: &str, record: Value) -> Value {
        let made = body(self.server.post(path, self.token(path), record.clone()).await, 201).await;
        let name = record.as_object().and_then(|it| it.keys().next()).cloned().unwrap_or_default();
        if path.starts_with("/api/v2/") { made[&name].clone() } else { made }
    }

    async fn put(&self, path: &str, change: Value) -> Value {
        self.server.clock.advance(Duration::from_secs(1));
        body(self.server.put(path, self.token(path), change).await, 200).await
    }

    /// A ticket of a customer, by mail, through Gorgias.
    async fn by_gorgias(&self, mut more: Value) -> i64 {
        let sender = json!({ "email": "mia@shop.test", "name": "Mia Stone" });
        let mut new = json!({
            "customer": sender, "channel": "email", "via": "email", "subject": "Where is it?",
            "messages": [{ "channel": "email", "via": "email", "from_agent": false, "body_text": "Where?", "sender": sender }],
        });
        if let (Some(new), Some(more)) = (new.as_object_mut(), more.as_object_mut()) {
            new.append(more);
        }
        zendesk::id(&self.made("/api/tickets", new).await)
    }

    /// The same through Zendesk.
    async fn by_zendesk(&self, mut more: Value) -> i64 {
        if more.get("comment").is_none() {
            more["comment"] = json!({ "body": "Where?" });
        }
        zendesk::id(&self.made("/api/v2/tickets", json!({ "ticket": more })).await)
    }

    async fn in_gorgias(&self, id: i64) -> Value {
        self.get(&format!("/api/tickets/{id}")).await
    }

    async fn in_zendesk(&self, id: i64) -> Value {
        self.get(&format!("/api/v2/tickets/{id}")).await["ticket"].clone()
    }

    async fn change_in_gorgias(&self, id: i64, change: Value) -> Value {
        self.put(&format!("/api/tickets/{id}"), change).await
    }

    async fn change_in_zendesk(&self, id: i64, change: Value) -> Value {
        self.put(&format!("/api/v2/tickets/{id}"), json!({ "ticket": change })).await
    }
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().expect("a list").iter().map(zendesk::id).collect()
}

fn names(tags: &Value) -> Vec<&str> {
    tags.as_array().expect("a list").iter().map(|tag| tag["name"].as_str().expect("a name")).collect()
}

// ticket: status, snooze, trash, spam

#[tokio::test(flavor = "multi_thread")]
async fn six_statuses_are_two_and_two_are_two_of_six() {
    let it = both().await;
    let ticket = it.by_zendesk(json!({})).await;
    for (theirs, ours) in [
        ("new", "open"),
        ("open", "open"),
        ("pending", "open"),
        ("hold", "open"),
        ("solved", "closed"),
        ("closed", "closed"),
    ] {
        let ticket = it.by_zendesk(json!({ "status": theirs })).await;
        assert_eq!(it.in_gorgias(ticket).await["status"], ours, "{theirs}");
        assert_eq!(it.in_gorgias(ticket).await["closed_datetime"].is_string(), ours == "closed", "{theirs}");
        // A ticket that is sent back with the status it has there keeps the one that it has here.
        it.change_in_gorgias(ticket, json!({ "status": ours, "subject": "Back again" })).await;
        assert_eq!(it.in_zendesk(ticket).await["status"], theirs, "{theirs}");
    }
    it.change_in_zendesk(ticket, json!({ "status": "hold" })).await;
    it.change_in_gorgias(ticket, json!({ "status": "closed" })).await;
    assert_eq!(it.in_zendesk(ticket).await["status"], "solved");
    it.change_in_gorgias(ticket, json!({ "status": "open" })).await;
    assert_eq!(it.in_zendesk(ticket).await["status"], "open");
    let solved = it.by_gorgias(json!({ "status": "closed" })).await;
    assert_eq!(it.in_zendesk(solved).await["status"], "solved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snoozed_ticket_is_solved_until_it_wakes() {
    let it = both().await;
    let ticket = it.by_zendesk(json!({ "status": "open" })).await;
    it.change_in_gorgias(ticket, json!({ "snooze_datetime": "2026-03-02T10:00:00" })).await;

    assert_eq!(it.in_zendesk(ticket).await["status"], "solved");
    it.server.clock.advance(Duration::from_secs(3_700));
    it.server.run_jobs().await;
    assert_eq!(it.in_zendesk(ticket).await["status"], "open");
    it.change_in_gorgias(ticket, json!({ "snooze_datetime": "2026-03-03T10:00:00" })).await;
    it.change_in_zendesk(ticket, json!({ "status": "pending" })).await;
    let told = it.in_gorgias(ticket).await;
    assert_eq!(
        [&told["status"], &told["snooze_datetime"]],
        [&json!("open"), &Value::Null],
        "whoever opens it wakes it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trash_is_one_and_so_is_spam() {
    let it = both().await;
    let (one, two) = (it.by_gorgias(json!({})).await, it.by_zendesk(json!({})).await);

    it.change_in_gorgias(one, json!({ "trashed_datetime": "2026-03-02T09:30:00" })).await;
    assert_eq!(it.status(&format!("/api/v2/tickets/{one}")).await, 404);
    assert_eq!(ids(&it.get("/api/v2/deleted_tickets").await["deleted_tickets"]), [one]);
    it.put(&format!("/api/v2/deleted_tickets/{one}/restore"), json!({})).await;
    assert_eq!(it.in_gorgias(one).await["trashed_datetime"], Value::Null);
    assert_eq!(it.server.delete(&format!("/api/v2/tickets/{two}"), &it.zendesk).await.status(), 204);
    assert!(it.in_gorgias(two).await["trashed_datetime"].is_string());
    it.change_in_gorgias(two, json!({ "trashed_datetime": null })).await;
    assert_eq!(it.in_zendesk(two).await["id"], two);
    it.put(&format!("/api/v2/tickets/{two}/mark_as_spam"), json!({})).await;
    assert_eq!(it.in_gorgias(two).await["spam"], true);
    it.change_in_gorgias(one, json!({ "spam": true })).await;
    let audits = it.get(&format!("/api/v2/tickets/{one}/audits")).await;
    let told =
        audits["audits"].as_array().expect("a list").iter().flat_map(|it| it["events"].as_array().expect("a list"));
    assert!(told.clone().any(|it| it["field_name"] == "spam" && it["value"] == true), "{audits}");
}

// priority

#[tokio::test(flavor = "multi_thread")]
async fn critical_is_urgent() {
    let it = both().await;
    for (gorgias, zendesk) in [("critical", "urgent"), ("high", "high"), ("normal", "normal"), ("low", "low")] {
        let one = it.by_gorgias(json!({ "priority": gorgias })).await;
        assert_eq!(it.in_zendesk(one).await["priority"], zendesk);
        let two = it.by_zendesk(json!({ "priority": zendesk })).await;
        assert_eq!(it.in_gorgias(two).await["priority"], gorgias);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subject_external_id_customer_and_language_are_the_same() {
    let it = both().await;
    let one = it.by_gorgias(json!({ "external_id": "x-1", "language": "fr" })).await;
    let two = it.by_zendesk(json!({ "subject": "Help", "external_id": "x-2", "requester": { "name": "Cleo", "email": "cleo@shop.test" } })).await;

    let told = it.in_zendesk(one).await;
    assert_eq!([&told["subject"], &told["external_id"], &told["description"]], ["Where is it?", "x-1", "Where?"]);
    assert_eq!(told["via"]["channel"], "email");
    let user = it.get(&format!("/api/v2/users/{}", told["requester_id"])).await["user"].clone();
    assert_eq!([&user["name"], &user["email"]], ["Mia Stone", "mia@shop.test"]);
    assert_eq!(ids(&it.get("/api/v2/tickets?external_id=x-1").await["tickets"]), [one]);
    let told = it.in_gorgias(two).await;
    assert_eq!([&told["subject"], &told["external_id"], &told["channel"]], ["Help", "x-2", "api"]);
    assert_eq!([&told["customer"]["email"], &told["customer"]["name"]], ["cleo@shop.test", "Cleo"]);
}

// message: public reply or internal note

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_comments_and_notes_stay_inside() {
    let it = both().await;
    let ticket = it.by_gorgias(json!({})).await;
    let path = format!("/api/tickets/{ticket}/messages");
    let staff = json!({ "id": it.server.agent_id });
    let note = json!({ "channel": "internal-note", "via": "helpdesk", "from_agent": true, "body_text": "Odd", "sender": staff });
    it.server.clock.advance(Duration::from_secs(1));
    it.made(&path, note).await;
    let file = json!([{ "url": "https://files.test/a.txt", "name": "a.txt", "content_type": "text/plain", "size": 3 }]);
    let reply = json!({ "channel": "email", "via": "helpdesk", "from_agent": true, "body_html": "<p>Soon</p>", "sender": staff, "attachments": file });
    it.server.clock.advance(Duration::from_secs(1));
    it.made(&path, reply).await;
    it.change_in_zendesk(ticket, json!({ "comment": { "html_body": "<p>Very <b>soon</b></p>" } })).await;
    it.change_in_zendesk(ticket, json!({ "comment": { "body": "A secret", "public": false } })).await;

    let comments = it.get(&format!("/api/v2/tickets/{ticket}/comments")).await["comments"].clone();
    let list = comments.as_array().expect("a list");
    let public: Vec<bool> = list.iter().map(|it| it["public"].as_bool().expect("a flag")).collect();
    assert_eq!(public, [true, false, true, true, false]);
    assert_eq!([&list[1]["body"], &list[1]["author_id"]], [&json!("Odd"), &json!(it.server.agent_id)]);
    assert_eq!(list[0]["via"]["channel"], "email");
    assert_eq!(
        [&list[2]["attachments"][0]["file_name"], &list[2]["attachments"][0]["size"]],
        [&json!("a.txt"), &json!(3)]
    );
    let messages = it.get(&path).await;
    let messages = messages["data"].as_array().expect("a list");
    let mut told: Vec<(&str, bool, bool)> = messages
        .iter()
        .map(|it| {
            let flag = |name: &str| it[name].as_bool().expect("a flag");
            (it["body_text"].as_str().unwrap_or_default(), flag("public"), flag("from_agent"))
        })
        .collect();
    told.sort_unstable();
    let expected = [
        ("A secret", false, true),
        ("Odd", false, true),
        ("Soon", true, true),
        ("Very soon", true, true),
        ("Where?", true, false),
    ];
    assert_eq!(told, expected);
    let secret = messages.iter().find(|it| it["body_text"] == "A secret").expect("the note");
    assert_eq!(secret["channel"], "internal-note");
    // Whoever asked sees the same as through requests, and no note.
    let acting = zendesk::token(&it.server, "read write impersonate").await;
    let customer = it.in_gorgias(ticket).await["customer"]["id"].clone();
    let shown = zendesk::request(&it.server, Method::GET, &format!("/api/v2/requests/{ticket}/comments"), &acting);
    let shown = body(shown.header("x-on-behalf-of", customer.to_string()).send().await.expect("send"), 200).await;
    assert_eq!(shown["comments"].as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_customer_opens_the_ticket_in_both() {
    let it = both().await;
    let ticket = it.by_gorgias(json!({ "status": "closed" })).await;
    let customer = it.in_gorgias(ticket).await["customer"]["id"].clone();
    it.change_in_zendesk(ticket, json!({ "comment": { "body": "Still broken", "author_id": customer } })).await;

    assert_eq!(it.in_gorgias(ticket).await["status"], "open");
    assert_eq!(it.in_gorgias(ticket).await["is_unread"], true);
    let answer = json!({ "channel": "email", "via": "email", "from_agent": false, "body_text": "Hello?", "sender": { "id": customer } });
    it.change_in_zendesk(ticket, json!({ "status": "solved" })).await;
    it.made(&format!("/api/tickets/{ticket}/messages"), answer).await;
    assert_eq!(it.in_zendesk(ticket).await["status"], "open");
}

// tag

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_names_here_and_have_ids_there() {
    let it = both().await;
    let one = it.by_gorgias(json!({ "tags": [{ "name": "vip" }, { "name": "late" }] })).await;
    let two = it.by_zendesk(json!({ "tags": ["vip", "parcel"] })).await;

    assert_eq!(it.in_zendesk(one).await["tags"], json!(["late", "vip"]));
    let told = it.in_gorgias(two).await;
    assert_eq!(names(&told["tags"]), ["parcel", "vip"]);
    it.change_in_zendesk(one, json!({ "additional_tags": ["late", "new"] })).await;
    assert_eq!(names(&it.in_gorgias(one).await["tags"]), ["late", "new", "vip"]);
    let known = it.get("/api/tags?search=vip").await["data"][0].clone();
    let renamed = it.put(&format!("/api/tags/{}", known["id"]), json!({ "name": "gold" })).await;
    assert_eq!([&known["usage"], &renamed["name"]], [&json!(2), &json!("gold")]);
    assert_eq!(it.in_zendesk(two).await["tags"], json!(["gold", "parcel"]));
    let used = it.get("/api/v2/tags").await["tags"].clone();
    assert!(used.as_array().expect("a list").contains(&json!({ "name": "gold", "count": 2 })), "{used}");
}

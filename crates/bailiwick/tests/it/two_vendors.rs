//! One helpdesk, two vendors: what is written through one dialect reads rightly through the other, row by row of what they share.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gorgias::body;
use crate::support::{Receiver, Server};
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
    async fn from_gorgias(&self, mut more: Value) -> i64 {
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
    async fn from_zendesk(&self, mut more: Value) -> i64 {
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

// person: staff or customer; ids never overlap

#[tokio::test(flavor = "multi_thread")]
async fn people_are_the_same_people_in_both() {
    let it = both().await;
    let agent = json!({ "user": { "name": "Sam Reed", "email": "sam@demo.test", "role": "agent" } });
    let agent = it.made("/api/v2/users", agent).await;
    let cleo = json!({ "user": { "name": "Cleo Park", "email": "cleo@shop.test", "external_id": "c-1", "notes": "Kind" } });
    let cleo = it.made("/api/v2/users", cleo).await;
    let mia = json!({ "name": "Mia Stone", "email": "mia@shop.test", "external_id": "c-2", "note": "Calm", "language": "fr" });
    let mia = it.made("/api/customers", mia).await;
    let lee = json!({ "name": "Lee Wu", "email": "lee@demo.test", "role": { "name": "admin" } });
    let lee = it.made("/api/users", lee).await;

    let told = it.get(&format!("/api/users/{}", agent["id"])).await;
    assert_eq!([&told["name"], &told["email"], &told["role"]["name"]], ["Sam Reed", "sam@demo.test", "basic-agent"]);
    let told = it.get(&format!("/api/customers/{}", cleo["id"])).await;
    assert_eq!([&told["name"], &told["email"], &told["external_id"]], ["Cleo Park", "cleo@shop.test", "c-1"]);
    assert_eq!(told["note"], "Kind");
    let told = it.get(&format!("/api/v2/users/{}", mia["id"])).await["user"].clone();
    assert_eq!([&told["name"], &told["email"], &told["role"]], ["Mia Stone", "mia@shop.test", "end-user"]);
    assert_eq!([&told["external_id"], &told["notes"], &told["locale"]], ["c-2", "Calm", "fr"]);
    let told = it.get(&format!("/api/v2/users/{}", lee["id"])).await["user"].clone();
    assert_eq!([&told["name"], &told["role"]], ["Lee Wu", "admin"]);
    // Staff are no customers, and customers no staff.
    assert_eq!(it.status(&format!("/api/customers/{}", agent["id"])).await, 404);
    assert_eq!(it.status(&format!("/api/users/{}", mia["id"])).await, 404);
    let mut all = [&agent, &cleo, &mia, &lee].map(zendesk::id);
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
}

// role

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_the_nearest_one_in_the_other() {
    let it = both().await;
    for (theirs, role, custom) in [
        ("admin", "admin", 1),
        ("agent", "agent", 2),
        ("basic-agent", "agent", 3),
        ("lite-agent", "agent", 4),
        ("observer-agent", "agent", 5),
    ] {
        let new = json!({ "name": theirs, "email": format!("{theirs}@demo.test"), "role": { "name": theirs } });
        let made = it.made("/api/users", new).await;
        let told = it.get(&format!("/api/v2/users/{}", made["id"])).await["user"].clone();
        assert_eq!([&told["role"], &told["custom_role_id"]], [&json!(role), &json!(custom)], "{theirs}");
        // What it is there already changes nothing here.
        it.put(&format!("/api/v2/users/{}", made["id"]), json!({ "user": { "role": role } })).await;
        assert_eq!(it.get(&format!("/api/users/{}", made["id"])).await["role"]["name"], made["role"]["name"]);
    }
}

// address

#[tokio::test(flavor = "multi_thread")]
async fn channels_of_a_customer_are_identities() {
    let it = both().await;
    let new = json!({
        "name": "Mia", "channels": [
            { "type": "email", "address": "mia@shop.test", "preferred": true }, { "type": "phone", "address": "+49301234567" },
        ],
    });
    let mia = it.made("/api/customers", new).await;
    let path = format!("/api/v2/users/{}/identities", mia["id"]);

    let identities = it.get(&path).await["identities"].clone();
    let second = json!({ "identity": { "type": "email", "value": "second@shop.test" } });
    let second = it.made(&path, second).await;
    let channels = it.get(&format!("/api/customers/{}", mia["id"])).await["channels"].clone();

    let pairs = |list: &Value, kind: &str, value: &str| -> Vec<(String, String)> {
        let text = |it: &Value, name: &str| it[name].as_str().expect("a text").to_owned();
        list.as_array().expect("a list").iter().map(|it| (text(it, kind), text(it, value))).collect()
    };
    let pair = |kind: &str, value: &str| (kind.to_owned(), value.to_owned());
    let there = pairs(&identities, "type", "value");
    assert!(there.contains(&pair("email", "mia@shop.test")) && there.contains(&pair("phone_number", "+49301234567")), "{there:?}");
    assert!(pairs(&channels, "type", "address").contains(&pair("email", "second@shop.test")), "{channels}");
    assert_eq!(second["primary"], false);
}

// organization, membership

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_a_member_belongs_to_their_organization_whoever_writes_it() {
    let it = both().await;
    let shop = it.made("/api/v2/organizations", json!({ "organization": { "name": "Shop", "domain_names": ["shop.test"] } })).await;

    let ticket = it.from_gorgias(json!({})).await;

    assert_eq!(it.in_zendesk(ticket).await["organization_id"], shop["id"]);
    let listed = it.get(&format!("/api/v2/organizations/{}/tickets", shop["id"])).await;
    assert_eq!(ids(&listed["tickets"]), [ticket]);
    // A new customer of it there takes the ticket along.
    let lee = it.made("/api/customers", json!({ "name": "Lee", "email": "lee@else.test" })).await;
    it.change_in_gorgias(ticket, json!({ "customer": { "id": lee["id"] } })).await;
    let told = it.in_zendesk(ticket).await;
    assert_eq!([&told["requester_id"], &told["organization_id"]], [&lee["id"], &Value::Null]);
}

// team, membership

#[tokio::test(flavor = "multi_thread")]
async fn teams_are_groups_and_assign_the_same() {
    let it = both().await;
    let team = json!({ "name": "Returns", "members": [{ "id": it.server.agent_id }] });
    let team = it.made("/api/teams", team).await;
    let group = it.made("/api/v2/groups", json!({ "group": { "name": "First line" } })).await;
    let joined = json!({ "group_membership": { "user_id": it.server.agent_id, "group_id": group["id"] } });
    it.made("/api/v2/group_memberships", joined).await;

    let told = it.get(&format!("/api/v2/groups/{}/users", team["id"])).await;
    assert_eq!(ids(&told["users"]), [it.server.agent_id]);
    let told = it.get(&format!("/api/teams/{}", group["id"])).await;
    assert_eq!([&told["name"], &told["members"][0]["id"]], [&json!("First line"), &json!(it.server.agent_id)]);
    let ticket = it.from_gorgias(json!({ "assignee_team": { "id": team["id"] }, "assignee_user": { "id": it.server.agent_id } })).await;
    let told = it.in_zendesk(ticket).await;
    assert_eq!([&told["group_id"], &told["assignee_id"]], [&team["id"], &json!(it.server.agent_id)]);
    it.change_in_zendesk(ticket, json!({ "group_id": group["id"], "assignee_id": it.server.admin_id })).await;
    let told = it.in_gorgias(ticket).await;
    assert_eq!([&told["assignee_team"]["id"], &told["assignee_user"]["id"]], [&group["id"], &json!(it.server.admin_id)]);
    it.change_in_gorgias(ticket, json!({ "assignee_team": null, "assignee_user": null })).await;
    let told = it.in_zendesk(ticket).await;
    assert_eq!([&told["group_id"], &told["assignee_id"]], [&Value::Null, &Value::Null]);
}

// ticket: status, snooze, trash, spam

#[tokio::test(flavor = "multi_thread")]
async fn six_statuses_are_two_and_two_are_two_of_six() {
    let it = both().await;
    let ticket = it.from_zendesk(json!({})).await;
    for (theirs, ours) in
        [("new", "open"), ("open", "open"), ("pending", "open"), ("hold", "open"), ("solved", "closed"), ("closed", "closed")]
    {
        let ticket = it.from_zendesk(json!({ "status": theirs })).await;
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
    let solved = it.from_gorgias(json!({ "status": "closed" })).await;
    assert_eq!(it.in_zendesk(solved).await["status"], "solved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snoozed_ticket_is_solved_until_it_wakes() {
    let it = both().await;
    let ticket = it.from_zendesk(json!({ "status": "open" })).await;
    it.change_in_gorgias(ticket, json!({ "snooze_datetime": "2026-03-02T10:00:00" })).await;

    assert_eq!(it.in_zendesk(ticket).await["status"], "solved");
    it.server.clock.advance(Duration::from_secs(3_700));
    it.server.run_jobs().await;
    assert_eq!(it.in_zendesk(ticket).await["status"], "open");
    it.change_in_gorgias(ticket, json!({ "snooze_datetime": "2026-03-03T10:00:00" })).await;
    it.change_in_zendesk(ticket, json!({ "status": "pending" })).await;
    let told = it.in_gorgias(ticket).await;
    assert_eq!([&told["status"], &told["snooze_datetime"]], [&json!("open"), &Value::Null], "whoever opens it wakes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trash_is_one_and_so_is_spam() {
    let it = both().await;
    let (one, two) = (it.from_gorgias(json!({})).await, it.from_zendesk(json!({})).await);

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
    let told = audits["audits"].as_array().expect("a list").iter().flat_map(|it| it["events"].as_array().expect("a list"));
    assert!(told.clone().any(|it| it["field_name"] == "spam" && it["value"] == true), "{audits}");
}

// priority

#[tokio::test(flavor = "multi_thread")]
async fn critical_is_urgent() {
    let it = both().await;
    for (gorgias, zendesk) in [("critical", "urgent"), ("high", "high"), ("normal", "normal"), ("low", "low")] {
        let one = it.from_gorgias(json!({ "priority": gorgias })).await;
        assert_eq!(it.in_zendesk(one).await["priority"], zendesk);
        let two = it.from_zendesk(json!({ "priority": zendesk })).await;
        assert_eq!(it.in_gorgias(two).await["priority"], gorgias);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subject_external_id_customer_and_language_are_the_same() {
    let it = both().await;
    let one = it.from_gorgias(json!({ "external_id": "x-1", "language": "fr" })).await;
    let two = it.from_zendesk(json!({ "subject": "Help", "external_id": "x-2", "requester": { "name": "Cleo", "email": "cleo@shop.test" } })).await;

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
    let ticket = it.from_gorgias(json!({})).await;
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
    assert_eq!([&list[2]["attachments"][0]["file_name"], &list[2]["attachments"][0]["size"]], [&json!("a.txt"), &json!(3)]);
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
    let ticket = it.from_gorgias(json!({ "status": "closed" })).await;
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
    let one = it.from_gorgias(json!({ "tags": [{ "name": "vip" }, { "name": "late" }] })).await;
    let two = it.from_zendesk(json!({ "tags": ["vip", "parcel"] })).await;

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

// custom field

#[tokio::test(flavor = "multi_thread")]
async fn values_of_custom_fields_are_the_same() {
    let it = both().await;
    let definition = json!({ "data_type": "text", "input_settings": { "input_type": "dropdown", "choices": ["late", "lost"] } });
    let reason = json!({ "object_type": "Ticket", "label": "Reason", "definition": definition });
    let reason = it.made("/api/custom-fields", reason).await;
    let order = it.made("/api/v2/ticket_fields", json!({ "ticket_field": { "type": "text", "title": "Order" } })).await;

    let ticket = it.from_gorgias(json!({ "custom_fields": [{ "id": reason["id"], "value": "late" }] })).await;
    it.change_in_zendesk(ticket, json!({ "custom_fields": [{ "id": order["id"], "value": "A-7" }] })).await;

    let told = it.in_zendesk(ticket).await;
    let values = told["custom_fields"].as_array().expect("a list");
    for (field, value) in [(&reason, "late"), (&order, "A-7")] {
        assert!(values.contains(&json!({ "id": field["id"], "value": value })), "{told}");
    }
    let told = it.in_gorgias(ticket).await;
    assert_eq!(told["custom_fields"][order["id"].to_string()]["value"], "A-7");
    assert_eq!(told["custom_fields"][reason["id"].to_string()]["value"], "late");
    let field = it.get(&format!("/api/v2/ticket_fields/{}", reason["id"])).await["ticket_field"].clone();
    assert_eq!([&field["type"], &field["title"]], ["tagger", "Reason"]);
    assert_eq!(it.get(&format!("/api/custom-fields/{}", order["id"])).await["label"], "Order");
    it.change_in_zendesk(ticket, json!({ "custom_fields": [{ "id": reason["id"], "value": null }] })).await;
    assert_eq!(it.in_gorgias(ticket).await["custom_fields"].get(reason["id"].to_string()), None);
}

// view

#[tokio::test(flavor = "multi_thread")]
async fn a_view_holds_the_same_tickets() {
    let it = both().await;
    let late = it.from_gorgias(json!({ "tags": [{ "name": "late" }], "priority": "critical" })).await;
    let calm = it.from_zendesk(json!({ "tags": ["calm"], "priority": "low" })).await;
    let view = json!({ "name": "Late", "slug": "late", "filters": "eq(ticket.status, 'open') && containsAny(ticket.tags.name, ['late'])" });
    let of_gorgias = it.made("/api/views", view).await;
    let view = json!({ "view": { "title": "Calm", "all": [
        { "field": "status", "operator": "less_than", "value": "solved" }, { "field": "priority", "operator": "is", "value": "low" } ] } });
    let of_zendesk = it.made("/api/v2/views", view).await;

    let told = it.get(&format!("/api/v2/views/{}/tickets", of_gorgias["id"])).await;
    assert_eq!(ids(&told["tickets"]), [late]);
    let told = it.get(&format!("/api/v2/views/{}", of_gorgias["id"])).await["view"].clone();
    let tagged = json!({ "field": "current_tags", "operator": "includes", "value": "late" });
    assert!(told["conditions"]["all"].as_array().expect("a list").contains(&tagged), "{told}");
    let told = it.get(&format!("/api/views/{}/items", of_zendesk["id"])).await;
    assert_eq!(ids(&told["data"]), [calm]);
    let told = it.get(&format!("/api/views/{}", of_zendesk["id"])).await;
    assert_eq!(told["name"], "Calm");
    assert!(told["filters"].as_str().expect("a text").contains("priority"), "{told}");
}

// event

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_told_in_both_logs() {
    let it = both().await;
    let ticket = it.from_gorgias(json!({})).await;
    it.change_in_gorgias(ticket, json!({ "priority": "high", "assignee_user": { "id": it.server.agent_id } })).await;
    it.change_in_zendesk(ticket, json!({ "status": "pending", "comment": { "body": "Well?" } })).await;

    let audits = it.get(&format!("/api/v2/tickets/{ticket}/audits")).await["audits"].clone();
    let audits = audits.as_array().expect("a list");
    assert_eq!(audits.len(), 3);
    assert_eq!(audits[0]["via"]["channel"], "email");
    let says = |audit: &Value, name: &str, before: Value, value: Value| {
        let told = audit["events"].as_array().expect("a list");
        told.iter().any(|it| it["field_name"] == name && it["previous_value"] == before && it["value"] == value)
    };
    assert!(says(&audits[1], "priority", json!("normal"), json!("high")), "{}", audits[1]);
    assert!(says(&audits[1], "assignee_id", Value::Null, json!(it.server.agent_id.to_string())), "{}", audits[1]);
    assert!(says(&audits[2], "status", json!("open"), json!("pending")), "{}", audits[2]);
    let events = it.get(&format!("/api/events?object_type=Ticket&object_id={ticket}&limit=100")).await;
    let last = &events["data"][0];
    assert_eq!([&last["type"], &last["data"]["after"]["status"]], ["ticket-updated", "pending"]);
    assert!(audits.iter().all(|it| it["author_id"].is_i64()), "{audits:?}");
}

// job

#[tokio::test(flavor = "multi_thread")]
async fn many_tickets_are_changed_for_both() {
    let it = both().await;
    let (one, two) = (it.from_gorgias(json!({})).await, it.from_zendesk(json!({})).await);
    let job = json!({ "type": "updateTicket", "params": { "ticket_ids": [one, two], "updates": { "status": "closed", "priority": "high" } } });
    it.made("/api/jobs", job).await;
    it.server.run_jobs().await;

    for id in [one, two] {
        let told = it.in_zendesk(id).await;
        assert_eq!([&told["status"], &told["priority"]], ["solved", "high"]);
        let audits = it.get(&format!("/api/v2/tickets/{id}/audits")).await;
        assert_eq!(audits["count"], 2, "{audits}");
    }
    let path = format!("/api/v2/tickets/update_many?ids={one},{two}");
    it.put(&path, json!({ "ticket": { "status": "open", "additional_tags": ["again"] } })).await;
    it.server.run_jobs().await;
    for id in [one, two] {
        let told = it.in_gorgias(id).await;
        assert_eq!((told["status"].as_str(), names(&told["tags"])), (Some("open"), vec!["again"]));
    }
}

// macro

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_says_and_does_the_same() {
    let it = both().await;
    let action = |name: &str, arguments: Value| json!({ "name": name, "title": name, "type": "user", "arguments": arguments });
    let of_gorgias = json!({ "name": "Refund", "actions": [
        action("setResponseText", json!({ "body_text": "On its way, {{ticket.customer.firstname}}." })),
        action("addTags", json!({ "tags": "refund, money" })), action("setStatus", json!({ "status": "closed" })) ] });
    let of_gorgias = it.made("/api/macros", of_gorgias).await;
    let of_zendesk = json!({ "macro": { "title": "Wait", "actions": [
        { "field": "status", "value": "hold" }, { "field": "priority", "value": "urgent" }, { "field": "comment_value", "value": "Wait." } ] } });
    let of_zendesk = it.made("/api/v2/macros", of_zendesk).await;
    let ticket = it.from_gorgias(json!({})).await;

    let told = it.get(&format!("/api/v2/macros/{}", of_gorgias["id"])).await["macro"].clone();
    let says = |field: &str, value: &str| {
        told["actions"].as_array().expect("a list").contains(&json!({ "field": field, "value": value }))
    };
    assert_eq!(told["title"], "Refund");
    assert!(says("current_tags", "refund money") && says("status", "solved"), "{told}");
    let would = it.get(&format!("/api/v2/tickets/{ticket}/macros/{}/apply", of_gorgias["id"])).await["result"].clone();
    assert_eq!([&would["ticket"]["status"], &would["ticket"]["tags"]], [&json!("solved"), &json!(["money", "refund"])]);
    assert_eq!(would["comment"]["body"], "On its way, Mia.");
    let told = it.get(&format!("/api/macros/{}", of_zendesk["id"])).await;
    let names: Vec<&str> = told["actions"].as_array().expect("a list").iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(told["name"], "Wait");
    assert!(names.contains(&"setStatus") && names.contains(&"setPriority") && names.contains(&"setResponseText"), "{told}");
}

// rule, integration

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_integrations_follow_what_either_writes() {
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    let receiver = Receiver::start().await;
    let it = of(server).await;
    let rule = json!({ "name": "Tags", "event_types": "ticket-created",
                       "code": "if (eq(ticket.subject, 'Help')) { Action('addTags', {'tags': 'seen'}); }" });
    it.made("/api/rules", rule).await;
    let http = json!({ "url": receiver.url("/told"), "method": "POST", "triggers": { "ticket-created": true } });
    it.made("/api/integrations", json!({ "name": "CRM", "type": "http", "http": http })).await;

    let ticket = it.from_zendesk(json!({ "subject": "Help" })).await;
    it.server.run_jobs().await;

    assert_eq!(it.in_zendesk(ticket).await["tags"], json!(["seen"]));
    assert_eq!(receiver.received().len(), 1);
    let audits = it.get(&format!("/api/v2/tickets/{ticket}/audits")).await;
    assert!(audits["audits"].as_array().expect("a list").iter().any(|it| it["via"]["channel"] == "rule"), "{audits}");
}

// survey, rating

#[tokio::test(flavor = "multi_thread")]
async fn a_survey_is_a_rating_of_good_or_bad() {
    let it = both().await;
    let ticket = it.from_gorgias(json!({ "status": "closed" })).await;
    let customer = it.in_gorgias(ticket).await["customer"]["id"].clone();
    let answered = json!({ "ticket_id": ticket, "customer_id": customer, "score": 5, "body_text": "Quick",
        "created_datetime": "2026-03-01T10:00:00", "sent_datetime": "2026-03-01T11:00:00", "scored_datetime": "2026-03-01T12:00:00" });
    let survey = it.made("/api/satisfaction-surveys", answered).await;

    let told = it.in_zendesk(ticket).await["satisfaction_rating"].clone();
    assert_eq!(told, json!({ "id": survey["id"], "score": "good", "comment": "Quick" }));
    let list = it.get("/api/v2/satisfaction_ratings").await["satisfaction_ratings"].clone();
    assert_eq!([&list[0]["ticket_id"], &list[0]["requester_id"], &list[0]["score"]], [&json!(ticket), &customer, &json!("good")]);
    let other = it.from_zendesk(json!({ "requester_id": customer, "status": "solved" })).await;
    let acting = zendesk::token(&it.server, "read write impersonate").await;
    let path = format!("/api/v2/tickets/{other}/satisfaction_rating");
    let rate = zendesk::request(&it.server, Method::POST, &path, &acting).header("x-on-behalf-of", customer.to_string());
    let rate = rate.json(&json!({ "satisfaction_rating": { "score": "bad", "comment": "Slow" } }));
    let rated = body(rate.send().await.expect("send"), 200).await["satisfaction_rating"].clone();
    let told = it.in_gorgias(other).await["satisfaction_survey"].clone();
    assert_eq!([&told["id"], &told["score"], &told["body_text"]], [&rated["id"], &json!(1), &json!("Slow")]);
    let audits = it.get(&format!("/api/v2/tickets/{other}/audits")).await;
    let told = audits["audits"].as_array().expect("a list").iter().flat_map(|it| it["events"].as_array().expect("a list"));
    assert!(told.clone().any(|it| it["type"] == "SatisfactionRating" && it["score"] == "bad"), "{audits}");
}

// measure

#[tokio::test(flavor = "multi_thread")]
async fn measures_count_what_either_writes() {
    let it = both().await;
    let ticket = it.from_gorgias(json!({})).await;
    it.from_zendesk(json!({})).await;
    it.server.clock.advance(Duration::from_secs(600));
    it.change_in_zendesk(ticket, json!({ "comment": { "body": "Soon" }, "status": "solved" })).await;
    it.server.run_jobs().await;

    let metric = it.get(&format!("/api/v2/tickets/{ticket}/metrics")).await["ticket_metric"].clone();
    assert_eq!([&metric["reply_time_in_minutes"]["calendar"], &metric["replies"]], [&json!(10), &json!(1)]);
    let report = json!({ "query": { "scope": "tickets-created", "timezone": "UTC", "filters": [
        { "member": "periodStart", "operator": "afterDate", "values": ["2026-03-01T00:00:00.000"] },
        { "member": "periodEnd", "operator": "beforeDate", "values": ["2026-03-31T23:59:59.000"] } ] } });
    let told = body(it.server.post("/api/reporting/stats", &it.gorgias, report).await, 200).await;
    assert_eq!(told["data"], json!([{ "ticketCount": 2 }]));
}

// form, type, problem, brand: words of one vendor alone

#[tokio::test(flavor = "multi_thread")]
async fn what_one_vendor_has_alone_survives_a_change_by_the_other() {
    let it = both().await;
    let brand = it.made("/api/v2/brands", json!({ "brand": { "name": "Shoes", "subdomain": "shoes" } })).await;
    let problem = it.from_zendesk(json!({ "type": "problem" })).await;
    let ticket = it.from_zendesk(json!({ "type": "incident", "problem_id": problem, "brand_id": brand["id"], "email_ccs": [{ "user_email": "dan@shop.test" }] })).await;
    let before = it.in_zendesk(ticket).await;
    let whole = it.in_gorgias(ticket).await;

    it.change_in_gorgias(ticket, json!({ "subject": "Anew", "meta": { "a": 1 }, "status": whole["status"], "priority": whole["priority"] })).await;

    let after = it.in_zendesk(ticket).await;
    for name in ["type", "problem_id", "brand_id", "email_cc_ids", "status", "custom_status_id", "priority", "requester_id"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(after["subject"], "Anew");
    it.change_in_zendesk(ticket, json!({ "subject": "Once more" })).await;
    assert_eq!(it.in_gorgias(ticket).await["meta"], json!({ "a": 1 }));
}

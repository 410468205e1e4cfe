//! The room for macros.

use serde_json::{Value, json};

use crate::support::{Browser, Person, Server};

const SCOPE: &str = "macros:read macros:write tickets:read tickets:write";

async fn macros(server: &Server, token: &str, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/api/macros?{query}"), token).await;
    let list: Value = answer.json().await.expect("JSON");
    list["data"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_of_the_room_is_an_apps_macro_too() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let empty = browser.get("/admin/macros").await;
    assert!(empty.body.contains("No macros yet"), "{}", empty.body);
    let form = browser.open("/admin/macros/new").await;
    let typed = [
        ("name", "Late parcel"),
        ("language", "en"),
        ("intent", "shipping/status"),
        ("reply", "Hello {{ticket.customer.firstname}},\r\nit is on its way."),
        ("add_tags", "late, parcel, late"),
        ("status", "done"),
        ("assign", "me"),
        ("snooze", "48"),
    ];

    let list = browser.press(&form, "macro-save", &typed).await;

    assert!(list.body.contains("The macro is added.") && list.body.contains("Tag late, parcel"), "{}", list.body);
    let made = macros(&server, &token, "").await.remove(0);
    assert_eq!(
        (&made["name"], &made["language"], &made["intent"]),
        (&json!("Late parcel"), &json!("en"), &json!("shipping/status"))
    );
    let actions = made["actions"].as_array().unwrap();
    let names: Vec<&str> = actions.iter().map(|action| action["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["setResponseText", "addTags", "setStatus", "assignCurrentUser", "snoozeTicket"]);
    assert_eq!(actions[0]["arguments"]["body_text"], "Hello {{ticket.customer.firstname}},\nit is on its way.");
    assert_eq!(actions[1]["arguments"], json!({ "tags": "late, parcel" }));
    assert_eq!(actions[4]["arguments"], json!({ "snooze_timedelta": "2d" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_a_macro_keeps_what_its_app_wrote_besides() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let pigeon = json!({ "name": "sendCarrierPigeon", "title": "Pigeon", "type": "user", "description": null, "arguments": { "to": "roof" } });
    let tags =
        json!({ "name": "addTags", "title": "T", "type": "user", "description": null, "arguments": { "tags": "a" } });
    let new = json!({ "name": "Bird", "actions": [pigeon, tags] });
    let made: Value = server.post("/api/macros", &token, new).await.json().await.unwrap();
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let address = format!("/admin/macros/{}", made["id"]);

    let form = browser.open(&address).await;
    browser.press(&form, "macro-save", &[("name", "Birds"), ("add_tags", "a"), ("keep", "0")]).await;
    assert_eq!(macros(&server, &token, "").await[0]["actions"], made["actions"]);
    let form = browser.open(&address).await;
    browser.press(&form, "macro-save", &[("name", "Birds"), ("add_tags", "a, b"), ("keep", "0")]).await;

    let changed = macros(&server, &token, "").await.remove(0);
    assert_eq!(changed["name"], "Birds");
    assert_eq!(changed["actions"][0]["arguments"], json!({ "to": "roof" }));
    assert_eq!(changed["actions"][1]["arguments"], json!({ "tags": "a, b" }));
    let form = browser.open(&address).await;
    assert!(form.body.contains("sendCarrierPigeon"), "{}", form.body);
    let refused = browser.press_once(&form, "macro-save", &[("name", ""), ("snooze", "soon"), ("language", "!")]).await;
    assert_eq!(refused.status, 422);
    for said in ["Give the macro a name", "Enter whole hours", "Write the language"] {
        assert!(refused.body.contains(said), "{said}: {}", refused.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_is_tried_on_a_ticket_archived_restored_and_deleted() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let text = json!({ "name": "setResponseText", "title": "Answer",
                       "arguments": { "body_text": "Hello {{ticket.customer.firstname}}, {{current_user.name}} here." } });
    let made: Value =
        server.post("/api/macros", &token, json!({ "name": "Hello", "actions": [text] })).await.json().await.unwrap();
    let ticket = json!({
        "customer": { "email": "ada@example.com", "name": "Ada <Park>" },
        "messages": [{ "channel": "api", "from_agent": false, "body_text": "Hello" }],
    });
    let ticket: Value = server.post("/api/tickets", &token, ticket).await.json().await.unwrap();
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let address = format!("/admin/macros/{}", made["id"]);

    let tried = browser.get(&format!("{address}?ticket={}", ticket["id"])).await;
    let nowhere = browser.get(&format!("{address}?ticket=999999")).await;

    assert!(tried.body.contains("Hello Ada, Ada Admin here."), "{}", tried.body);
    assert!(nowhere.body.contains("There is no ticket with this number."), "{}", nowhere.body);
    let form = browser.open(&address).await;
    let archived = browser.press(&form, "macro-archive", &[]).await;
    assert!(archived.body.contains("The macro is archived"), "{}", archived.body);
    assert_eq!(macros(&server, &token, "archived=true").await.len(), 1);
    let list = browser.open("/admin/macros?show=archived").await;
    browser.press(&list, &format!("restore-{}", made["id"]), &[]).await;
    assert_eq!(macros(&server, &token, "").await.len(), 1);
    let form = browser.open(&address).await;
    browser.press(&form, "macro-delete", &[]).await;
    assert!(macros(&server, &token, "").await.is_empty());
    assert_eq!(browser.get(&address).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_macros_are_exported_by_one_button() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let new = json!({ "name": "Late parcel", "actions": [] });
    assert_eq!(server.post("/api/macros", &token, new).await.status(), 201);
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let list = browser.open("/admin/macros").await;
    browser.press(&list, "macros-export", &[]).await;
    server.run_jobs().await;

    let jobs = browser.get("/admin/jobs").await;
    assert!(jobs.body.contains("Export macros as CSV") && jobs.body.contains("Done"), "{}", jobs.body);
}

//! The room of rules in the Admin Center.

use scope::Dialect;
use serde_json::{Value, json};

use crate::support::{Browser, Person, Server};

const CODE: &str = "if (contains(message.body_text, 'refund')) { Action('addTags', { tags: 'refund' }) }";

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_written_looked_at_tried_saved_moved_and_switched_in_a_browser() {
    let server = Server::start().await;
    let token = server.token("tickets:write tickets:read rules:read").await;
    let ticket = json!({
        "subject": "Parcel", "customer": { "email": "cleo@example.com" },
        "messages": [{ "channel": "api", "via": "api", "from_agent": false, "body_text": "A refund!", "sender": { "email": "cleo@example.com" } }],
    });
    server.post("/api/tickets", &token, ticket.clone()).await;
    server.run_jobs().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let empty = browser.open("/admin/rules").await;
    assert!(empty.body.contains("No rules yet"));

    let form = browser.open("/admin/rules/new").await;
    let typed = |code: &'static str| [("name", "Tag refunds"), ("code", code), ("events", "ticket-created")];
    let refused = browser.press(&form, "save-rule", &typed("if (eq(ticket.status 'open')) {}")).await;
    assert!(refused.body.contains("line 1, column 22"), "{}", refused.body);
    let looked = browser.press(&refused, "look-rule", &typed(CODE)).await;
    assert!(looked.body.contains("message body contains “refund”"), "{}", looked.body);
    let tried = browser.press(&looked, "dry-run", &typed(CODE)).await;
    assert!(tried.body.contains("Look again"), "{}", tried.body);
    server.run_jobs().await;
    let tried = browser.open(&tried.path).await;
    assert!(tried.body.contains("Parcel") && tried.body.contains("Add the tags refund"), "{}", tried.body);

    let saved = browser.press(&looked, "save-rule", &typed(CODE)).await;
    assert!(saved.body.contains("The rule is saved."), "{}", saved.body);
    server.post("/api/tickets", &token, ticket).await;
    server.run_jobs().await;
    let history = browser.open("/admin/rules/1/history").await;
    assert!(history.body.contains("It saw message body") && history.body.contains("A refund!"), "{}", history.body);
    let why = browser.open("/admin/rules/why?ticket=2").await;
    assert!(why.body.contains("Tag refunds"), "{}", why.body);

    let changed = "Action('addTags', { tags: 'all' })";
    let page = browser.open("/admin/rules/1").await;
    let saved = browser.press(&page, "save-rule", &typed(changed)).await;
    assert!(saved.body.contains("<ins>") && saved.body.contains("<del>"), "{}", saved.body);
    let form = browser.open("/admin/rules/new").await;
    browser.press(&form, "save-rule", &[("name", "Second"), ("code", CODE), ("events", "ticket-created")]).await;
    let list = browser.open("/admin/rules").await;
    let moved = browser.press(&list, "down-2", &[]).await;
    assert!(moved.body.find("Tag refunds") < moved.body.find("Second"), "{}", moved.body);
    let off = browser.press(&moved, "switch-1", &[]).await;
    assert!(off.body.contains("The rule is off."), "{}", off.body);
    let gone = browser.press(&saved, "delete-rule", &[]).await;
    assert!(gone.body.contains("The rule is deleted"), "{}", gone.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_and_its_webhook_are_shown_and_saved_without_losing_anything() {
    let server = Server::start().await;
    let token = server.token_for(Person::Admin, Dialect::Zendesk, "read write").await;
    let webhook = json!({
        "webhook": {
            "name": "Desk", "endpoint": "https://desk.invalid/{{ticket.id}}", "http_method": "POST", "request_format": "xml",
            "status": "active", "subscriptions": ["zen:event-type:ticket.status_changed"],
            "authentication": { "type": "bearer_token", "data": { "token": "x" } },
        },
    });
    let webhook: Value = server.post("/api/v2/webhooks", &token, webhook).await.json().await.expect("JSON");
    let trigger = json!({
        "trigger": {
            "title": "Tell the desk",
            "conditions": { "all": [{ "field": "status", "operator": "value", "value": "solved" }], "any": [] },
            "actions": [
                { "field": "notification_webhook", "value": [webhook["webhook"]["id"], "<id>{{ticket.id}}</id>"] },
                { "field": "notification_user", "value": ["requester_id", "Done", "x"] },
            ],
        },
    });
    let trigger: Value = server.post("/api/v2/triggers", &token, trigger).await.json().await.expect("JSON");
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let list = browser.open("/admin/rules").await;
    assert!(list.body.contains("Tell the desk") && list.body.contains("once for all"), "{}", list.body);
    let page = browser.open("/admin/rules/1").await;
    for said in ["status changed to “solved”", "Call integration number 1", "Write a mail to the customer"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    let gorgias = server.token("rules:read").await;
    let shown: Value = server.get("/api/rules/1", &gorgias).await.json().await.expect("JSON");
    let code = shown["code"].as_str().expect("a note");
    assert!(page.body.contains(code.lines().next().expect("a line")), "{}", page.body);
    let filled = [("name", "Told the desk"), ("events", "ticket-saved"), ("code", code)];
    let saved = browser.press(&page, "save-rule", &filled).await;
    assert!(saved.body.contains("The rule is saved."), "{}", saved.body);
    let tried = browser.press(&saved, "dry-run", &filled).await;
    assert!(tried.body.contains("status changed to “solved”"), "{}", tried.body);
    server.run_jobs().await;
    browser.open(&tried.path).await;
    let integrations = browser.open("/admin/integrations").await;
    assert!(integrations.body.contains("desk.invalid"), "{}", integrations.body);
    let page = browser.open("/admin/integrations/1").await;
    assert!(page.body.contains(r#"value="application/xml" selected"#), "{}", page.body);
    let filled = [
        ("name", "The desk"),
        ("url", "https://desk.invalid/{{ticket.id}}"),
        ("method", "POST"),
        ("content_type", "application/xml"),
    ];
    let saved = browser.press(&page, "integration-save", &filled).await;
    assert!(saved.body.contains("The desk"), "{}", saved.body);

    let after: Value = server.get("/api/v2/triggers/1", &token).await.json().await.expect("JSON");
    assert_eq!(after["trigger"]["title"], "Told the desk");
    for kept in ["conditions", "actions"] {
        assert_eq!(after["trigger"][kept], trigger["trigger"][kept]);
    }
    let path = format!("/api/v2/webhooks/{}", webhook["webhook"]["id"].as_str().expect("an id"));
    let after: Value = server.get(&path, &token).await.json().await.expect("JSON");
    assert_eq!(after["webhook"]["name"], "The desk");
    for kept in ["endpoint", "http_method", "request_format", "subscriptions", "authentication"] {
        assert_eq!(after["webhook"][kept], webhook["webhook"][kept], "{kept}");
    }
}

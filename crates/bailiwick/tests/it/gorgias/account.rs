//! `/api/account` and `/api/account/settings`.

use serde_json::{Value, json};

use super::body;
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn the_account_shows_itself_with_its_settings() {
    let server = Server::start().await;
    let token = server.token("account:read").await;

    for path in ["/api/account", "/api/account/"] {
        let account = body(server.get(path, &token).await, 200).await;

        assert_eq!(account["domain"], "demo");
        assert_eq!(account["status"], json!({ "status": "active" }));
        assert_eq!(account["created_datetime"], "2026-03-02T09:00:00+00:00");
        assert_eq!(account["deactivated_datetime"], Value::Null);
        assert_eq!(account["meta"], json!({}));
        let hours = account["settings"].as_array().unwrap().iter().find(|it| it["type"] == "business-hours").unwrap();
        assert_eq!(
            hours["data"],
            json!({ "timezone": "UTC", "business_hours": [{ "days": "1,2,3,4,5", "from_time": "09:00", "to_time": "17:00" }] })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_is_added_once_and_changed_in_parts() {
    let server = Server::start().await;
    let token = server.token("account:read account:write events:read").await;
    let new = json!({ "type": "auto-merge", "data": { "tickets": { "enabled": true, "merging_window_days": 3 } } });

    let made = body(server.post("/api/account/settings", &token, new.clone()).await, 201).await;
    let id = made["id"].as_i64().unwrap();
    assert_eq!(made["name"], Value::Null);
    body(server.post("/api/account/settings", &token, new.clone()).await, 409).await;

    let path = format!("/api/account/settings/{id}");
    let named = body(server.put(&path, &token, json!({ "type": "auto-merge", "name": "Merging" })).await, 200).await;
    assert_eq!(named["name"], "Merging");
    assert_eq!(named["data"], new["data"]);
    body(server.put(&path, &token, json!({ "type": "limits" })).await, 400).await;
    body(server.put("/api/account/settings/9999", &token, json!({ "type": "limits" })).await, 404).await;

    let found = body(server.get("/api/account/settings?type=auto-merge", &token).await, 200).await;
    assert_eq!(found, json!({ "data": [named] }));
    let events = body(server.get("/api/events?types=account-setting-updated", &token).await, 200).await;
    assert_eq!(events["data"][0]["data"]["after"], json!({ "name": "Merging", "data": new["data"] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn known_settings_are_checked_and_unknown_ones_kept() {
    let server = Server::start().await;
    let token = server.token("account:read account:write").await;
    let wrong = [
        json!({}),
        json!({ "type": "Bad Type" }),
        json!({ "type": 7 }),
        json!({ "type": "limits", "data": null }),
        json!({ "type": "limits", "data": [] }),
        json!({ "type": "limits", "data": { "max_integrations": "many" } }),
        json!({ "type": "satisfaction-surveys", "data": { "send_survey_for_chat": "yes" } }),
        json!({ "type": "business-hours", "data": { "timezone": "Mars/Olympus", "business_hours": [] } }),
        json!({ "type": "business-hours", "data": { "timezone": "UTC", "business_hours": [{ "days": "8", "from_time": "9", "to_time": "25:00" }] } }),
        json!({ "type": "limits", "name": "a\u{0}b" }),
        json!([]),
    ];
    let before = body(server.get("/api/account/settings", &token).await, 200).await;

    for new in wrong {
        let refusal = body(server.post("/api/account/settings", &token, new.clone()).await, 400).await;
        assert!(refusal["error"]["msg"].is_string(), "{new}");
    }

    assert_eq!(body(server.get("/api/account/settings", &token).await, 200).await, before);
    let free = json!({ "type": "agent-costs", "data": { "anything": [1, { "deep": null }] } });
    let made = body(server.post("/api/account/settings", &token, free.clone()).await, 201).await;
    assert_eq!(made["data"], free["data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn business_hours_without_a_list_around_them_get_one() {
    let server = Server::start().await;
    let token = server.token("account:read account:write").await;
    let settings = body(server.get("/api/account/settings?type=business-hours", &token).await, 200).await;
    let path = format!("/api/account/settings/{}", settings["data"][0]["id"]);
    let span = json!({ "days": "1,2", "from_time": "08:30", "to_time": "24:00" });

    let change = json!({ "type": "business-hours", "data": { "timezone": "US/Pacific", "business_hours": span } });
    let changed = body(server.put(&path, &token, change).await, 200).await;

    assert_eq!(changed["data"], json!({ "timezone": "US/Pacific", "business_hours": [span] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cannot_be_read_are_refused_in_the_dialects_shape() {
    let server = Server::start().await;
    let token = server.token("account:read account:write").await;
    let send = |body: &'static str, kind: &'static str| {
        let request = server.http.post(format!("{}/api/account/settings", server.base)).bearer_auth(&token);
        request.header("content-type", kind).body(body).send()
    };

    for (text, kind) in
        [("{", "application/json"), ("", "application/json"), ("type=limits", "application/x-www-form-urlencoded")]
    {
        let refusal = body(send(text, kind).await.unwrap(), 400).await;
        assert!(refusal["error"]["msg"].is_string());
    }
    for path in ["/api/nothing", "/api/account/settings/x", "/api/account/settings/99999999999999999999"] {
        let refusal = body(server.put(path, &token, json!({ "type": "limits" })).await, 404).await;
        assert_eq!(refusal, json!({ "error": { "msg": "Resource not found." } }));
    }
    let wrong_method = server.delete("/api/account", &token).await;
    assert!(wrong_method.headers()["allow"].to_str().unwrap().contains("GET"));
    assert!(body(wrong_method, 405).await["error"]["msg"].is_string());
    body(server.get("/api/account/settings?page=2", &token).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_reads_the_account_and_cannot_change_it() {
    // RS-4
    let server = Server::start().await;
    let agent = server.token_for(Person::Agent, scope::Dialect::Gorgias, "account:read account:write").await;

    body(server.get("/api/account", &agent).await, 200).await;
    let refused = server.post("/api/account/settings", &agent, json!({ "type": "limits" })).await;

    assert_eq!(refused.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_known_kind_of_setting_is_checked_key_by_key() {
    let server = Server::start().await;
    let token = server.token("account:read account:write").await;
    let hours = json!([{ "days": "1", "from_time": "09:00", "to_time": "17:00" }]);

    for (kind, data, place) in [
        ("auto-merge", json!({ "tickets": { "enabled": "yes" } }), "/data/tickets/enabled"),
        ("auto-merge", json!({ "tickets": [] }), "/data/tickets"),
        ("auto-merge", json!({ "tickets": { "merging_window_days": -1 } }), "/data/tickets/merging_window_days"),
        ("auto-split", json!({ "email": { "split_after_days": "x" } }), "/data/email/split_after_days"),
        ("views-visibility", json!({ "hidden_views": ["x"] }), "/data/hidden_views/0"),
        ("views-ordering", json!({ "views": 7 }), "/data/views"),
        ("default-integration", json!({ "email": "x" }), "/data/email"),
        ("limits", json!({ "max_active_rules": 1.5 }), "/data/max_active_rules"),
        ("satisfaction-surveys", json!({ "send_survey_for_chat": 1 }), "/data/send_survey_for_chat"),
    ] {
        let refused =
            body(server.post("/api/account/settings", &token, json!({ "type": kind, "data": data })).await, 400).await;
        assert!(refused["error"]["data"].pointer(place).is_some(), "{kind}: {refused}");
    }
    let settings = body(server.get("/api/account/settings?type=business-hours", &token).await, 200).await;
    let path = format!("/api/account/settings/{}", settings["data"][0]["id"]);
    for holidays in [json!("x"), json!(["tomorrow"]), json!([{ "name": "x" }]), json!([{ "date": "2026-13-01" }])] {
        let data = json!({ "timezone": "Europe/Paris", "business_hours": hours, "holidays": holidays });
        body(server.put(&path, &token, json!({ "type": "business-hours", "data": data })).await, 400).await;
    }
    let data = json!({ "timezone": "Europe/Paris", "business_hours": hours, "holidays": ["2026-12-25"] });
    let kept = body(server.put(&path, &token, json!({ "type": "business-hours", "data": data })).await, 200).await;
    assert_eq!(kept["data"]["holidays"], json!([{ "date": "2026-12-25", "name": null }]));
}

//! `/api/v2/account`, `/api/v2/locales`, `/api/v2/time_zones` and `/api/v2/custom_roles`: what comes with the account.

use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, get, id};
use crate::support::{Person, Server};

const SETTINGS: &str = "/api/v2/account/settings";

/// The body of a GET without credentials.
async fn openly(server: &Server, path: &str, languages: &str) -> Value {
    let request = server.http.get(format!("{}{path}", server.base)).header("accept-language", languages);
    body(request.send().await.expect("send"), 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_tell_what_is_true_and_change_what_can_be() {
    let server = Server::start().await;
    let all = all(&server).await;
    let gorgias = server.token_for(Person::Admin, Dialect::Gorgias, "account:read").await;
    let before = get(&server, SETTINGS, &all).await["settings"].clone();
    let mut sent = before.clone();
    sent["active_features"]["customer_satisfaction"] = json!(true);

    let after = body(server.put(SETTINGS, &all, json!({ "settings": sent })).await, 200).await["settings"].clone();

    assert_eq!(before["active_features"]["customer_satisfaction"], false);
    assert_eq!(before["brands"]["default_brand_id"], 1);
    assert_eq!(after, sent);
    let stored = body(server.get("/api/account/settings?type=satisfaction-surveys", &gorgias).await, 200).await;
    assert_eq!(stored["data"][0]["data"]["send_survey_for_email"], true);
    let odd = json!({ "settings": { "tickets": { "tagging": false } } });
    assert!(body(server.put(SETTINGS, &all, odd).await, 422).await["details"]["tickets"].is_array());
    for wrong in [json!({}), json!({ "settings": 5 })] {
        assert_eq!(server.put(SETTINGS, &all, wrong).await.status(), 400);
    }
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    assert_eq!(server.get(SETTINGS, &agent).await.status(), 200);
    assert_eq!(server.put(SETTINGS, &agent, json!({ "settings": {} })).await.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn languages_and_zones_are_open_to_everybody() {
    let server = Server::start().await;
    let all = all(&server).await;

    let locales = openly(&server, "/api/v2/locales.json", "").await;
    let zones = openly(&server, "/api/v2/time_zones", "").await;

    assert_eq!(locales["locales"][0]["locale"], "en-US");
    assert!(zones["time_zones"].as_array().is_some_and(|zones| zones.len() > 100));
    for path in ["/api/v2/locales/8", "/api/v2/locales/de"] {
        assert_eq!(openly(&server, path, "").await["locale"]["locale"], "de", "{path}");
    }
    assert_eq!(server.get("/api/v2/locales/klingon", &all).await.status(), 404);
    let best = "/api/v2/locales/detect_best_locale?available_locales[]=fr&available_locales[]=de";
    assert_eq!(openly(&server, best, "en, de;q=0.8").await["locale"]["locale"], "de");
    let language = json!({ "user": { "locale_id": 8 } });
    body(server.put(&format!("/api/v2/users/{}", server.admin_id), &all, language).await, 200).await;
    assert_eq!(get(&server, "/api/v2/locales/current", &all).await["locale"]["id"], 8);
    assert_eq!(openly(&server, "/api/v2/locales/current", "").await["locale"]["id"], 1);
    assert_eq!(openly(&server, "/api/v2/account/resolve", "").await["account"]["url"], server.base);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_of_staff_are_counted_and_named_by_users() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = get(&server, &format!("/api/v2/users/{}", server.agent_id), &all).await["user"].clone();

    let role =
        get(&server, &format!("/api/v2/custom_roles/{}", agent["custom_role_id"]), &all).await["custom_role"].clone();
    let roles = get(&server, "/api/v2/custom_roles", &all).await["custom_roles"].clone();

    assert_eq!((&role["name"], &role["team_member_count"]), (&json!("Agent"), &json!(1)));
    assert_eq!(role["configuration"]["ticket_editing"], true);
    assert_eq!(role["configuration"]["manage_slas"], false);
    assert_eq!((id(&roles[0]), &roles[0]["role_type"]), (1, &json!(4)));
    assert_eq!(server.get("/api/v2/custom_roles/9", &all).await.status(), 404);
}

//! `usage_1h` and its like beside triggers, automations and macros.

use std::time::Duration;

use scope::Dialect;
use serde_json::json;

use super::triggers::{add, then, trigger, when};
use super::{all, body, get, id, ids, made, ticket};
use crate::support::{Person, Server};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn how_often_rules_and_macros_were_used_is_told_for_each_span() {
    let server = Server::start().await;
    let token = all(&server).await;
    let tagged = |word: &str| vec![when("update_type", "is", "Create"), when("current_tags", "includes", word)];
    let often = add(&server, &token, trigger("Often", &tagged("a"), &[then("priority", "high")])).await;
    let once = add(&server, &token, trigger("Once", &tagged("b"), &[then("priority", "low")])).await;
    let never = add(&server, &token, trigger("Never", &tagged("c"), &[then("priority", "low")])).await;
    for _ in 0..2 {
        ticket(&server, &token, json!({ "tags": ["a"] })).await;
    }
    server.run_jobs().await;
    server.clock.advance(HOUR * 30);
    let token = all(&server).await;
    ticket(&server, &token, json!({ "tags": ["b"] })).await;
    server.run_jobs().await;

    let path = "/api/v2/triggers?include=usage_1h,usage_24h,usage_7d,usage_30d";
    let told = get(&server, path, &token).await["triggers"].clone();
    let counts = |at: usize| {
        ["usage_1h", "usage_24h", "usage_7d", "usage_30d"].map(|word| told[at][word].as_i64().expect("a count"))
    };

    assert_eq!((counts(0), counts(1), counts(2)), ([0, 0, 2, 2], [1, 1, 1, 1], [0, 0, 0, 0]));
    let by = |word: &str| format!("/api/v2/triggers?sort_by={word}&sort_order=desc");
    assert_eq!(ids(&get(&server, &by("usage_7d"), &token).await["triggers"]), [id(&often), id(&once), id(&never)]);
    assert_eq!(ids(&get(&server, &by("usage_24h"), &token).await["triggers"])[0], id(&once));
    let plain = get(&server, "/api/v2/triggers", &token).await["triggers"][0].clone();
    assert!(plain.get("usage_1h").is_none(), "only where it is asked for");
    let one = format!("/api/v2/triggers/{}?include=usage_1h", id(&once));
    assert_eq!(get(&server, &one, &token).await["trigger"]["usage_1h"], 1);
    assert_eq!(get(&server, "/api/v2/automations?include=usage_24h", &token).await["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_of_macros_are_told_too() {
    let server = Server::start().await;
    let token = all(&server).await;
    let greet = json!({ "title": "Greet", "actions": [then("priority", "high")] });
    let greet = made(&server, "/api/v2/macros", &token, "macro", greet).await;
    let other = json!({ "title": "Other", "actions": [then("priority", "low")] });
    made(&server, "/api/v2/macros", &token, "macro", other).await;
    let it = ticket(&server, &token, json!({})).await;
    let jobs =
        server.token_for(Person::Admin, Dialect::Gorgias, "jobs:read jobs:write tickets:write macros:read").await;
    let params = json!({ "ticket_ids": [it["id"]], "macro_id": greet["id"] });
    body(server.post("/api/jobs", &jobs, json!({ "type": "applyMacro", "params": params })).await, 201).await;
    server.run_jobs().await;

    let told = get(&server, "/api/v2/macros?include=usage_1h,usage_30d", &token).await["macros"].clone();

    assert_eq!((&told[0]["usage_1h"], &told[0]["usage_30d"]), (&json!(1), &json!(1)));
    assert_eq!(told[1]["usage_1h"], 0);
    let one = format!("/api/v2/macros/{}?include=usage_7d", id(&greet));
    assert_eq!(get(&server, &one, &token).await["macro"]["usage_7d"], 1);
}

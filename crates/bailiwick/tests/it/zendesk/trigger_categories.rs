//! `/api/v2/trigger_categories`.

use reqwest::Method;
use serde_json::{Value, json};

use super::triggers::{add, then, trigger, when};
use super::{all, body, get, id, made, request};
use crate::support::Server;

async fn category(server: &Server, token: &str, record: Value) -> Value {
    made(server, "/api/v2/trigger_categories", token, "trigger_category", record).await
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|it| it["name"].as_str().expect("a name")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_category_is_made_moved_counted_and_removed_once_it_is_empty() {
    let server = Server::start().await;
    let all = all(&server).await;
    let first = category(&server, &all, json!({ "name": "Replies" })).await;
    assert_eq!((first["id"].is_string(), &first["position"]), (true, &json!(2)));
    category(&server, &all, json!({ "name": "Routing", "position": 1 })).await;
    let list = get(&server, "/api/v2/trigger_categories", &all).await;
    assert_eq!(names(&list["trigger_categories"]), ["Routing", "Uncategorized", "Replies"]);
    let by_name = get(&server, "/api/v2/trigger_categories?sort=-name&page[size]=2", &all).await;
    assert_eq!(names(&by_name["trigger_categories"]), ["Uncategorized", "Routing"]);
    let mut record = trigger("A", &[when("status", "is", "open")], &[then("priority", "high")]);
    record["category_id"] = first["id"].clone();
    let rule = add(&server, &all, record).await;

    let path = format!("/api/v2/trigger_categories/{}", first["id"].as_str().expect("an id"));
    let counted = get(&server, &format!("{path}?include=rule_counts"), &all).await["trigger_category"].clone();
    assert_eq!(counted["rule_counts"], json!({ "active_count": 1, "inactive_count": 0 }));
    let refused = body(server.delete(&path, &all).await, 400).await;
    assert!(refused["errors"][0]["detail"].as_str().unwrap_or_default().contains("1 trigger"), "{refused}");
    let change = json!({ "trigger_category": { "name": "Answers" } });
    let changed = request(&server, Method::PATCH, &path, &all).json(&change).send().await.expect("an answer");
    assert_eq!(body(changed, 200).await["trigger_category"]["name"], "Answers");
    assert_eq!(server.delete(&format!("/api/v2/triggers/{}", id(&rule)), &all).await.status(), 204);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(body(server.get(&path, &all).await, 404).await["errors"][0]["code"], "RecordNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_job_arranges_all_or_nothing() {
    let server = Server::start().await;
    let all = all(&server).await;
    let early = category(&server, &all, json!({ "name": "Early" })).await;
    let one = add(&server, &all, trigger("One", &[], &[then("priority", "high")])).await;
    let two = add(&server, &all, trigger("Two", &[], &[then("priority", "low")])).await;
    let job = |triggers: Value| json!({ "job": { "action": "patch", "items": { "trigger_categories": [{ "id": early["id"], "position": 0 }], "triggers": triggers } } });
    let path = "/api/v2/trigger_categories/jobs";

    let moved = json!([{ "id": id(&two).to_string(), "category_id": early["id"], "position": 5 }, { "id": id(&one), "active": false }]);
    let done = body(server.post(path, &all, job(moved)).await, 200).await;

    assert_eq!((&done["status"], &done["errors"]), (&json!("complete"), &json!([])));
    assert_eq!(done["results"]["trigger_categories"][0]["position"], 0);
    assert_eq!(
        (&done["results"]["triggers"][0]["position"], &done["results"]["triggers"][1]["active"]),
        (&json!(5), &json!(false))
    );
    let list = get(&server, "/api/v2/triggers", &all).await;
    assert_eq!(list["triggers"][0]["title"], "Two");
    let failed = body(server.post(path, &all, job(json!([{ "id": 99, "position": 1 }]))).await, 200).await;
    assert_eq!((&failed["status"], &failed["errors"][0]["code"]), (&json!("failed"), &json!("RecordNotFound")));
    body(server.post(path, &all, json!({ "job": { "action": "burn", "items": {} } })).await, 400).await;
    body(server.post(path, &all, json!({ "job": { "action": "patch", "items": { "triggers": 1 } } })).await, 400).await;
    body(server.post("/api/v2/trigger_categories", &all, json!({ "trigger_category": { "position": 1 } })).await, 400)
        .await;
}

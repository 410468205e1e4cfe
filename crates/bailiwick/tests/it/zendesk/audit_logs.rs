//! `/api/v2/audit_logs`.

use super::{all, body, get, id, ids, made, token};
use crate::support::Server;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_is_told_by_whom_and_filtered() {
    let server = Server::start().await;
    let all = all(&server).await;
    let group = made(&server, "/api/v2/groups", &all, "group", json!({ "name": "First line" })).await;
    let path = format!("/api/v2/groups/{}", id(&group));
    body(server.put(&path, &all, json!({ "group": { "name": "Second line" } })).await, 200).await;
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    let of_group = format!("/api/v2/audit_logs?filter[source_type]=group&filter[source_id]={}", id(&group));

    let logs = get(&server, &of_group, &all).await;

    let actions: Vec<&Value> = logs["audit_logs"].as_array().expect("a list").iter().map(|it| &it["action"]).collect();
    assert_eq!(actions, ["destroy", "update", "create"]);
    assert_eq!(logs["count"], 3);
    assert_eq!(logs["audit_logs"][0]["actor_id"], server.admin_id);
    let newest = id(&logs["audit_logs"][0]);
    assert_eq!(get(&server, &format!("/api/v2/audit_logs/{newest}"), &all).await["audit_log"], logs["audit_logs"][0]);
    let oldest_first = get(&server, &format!("{of_group}&sort_by=created_at&sort_order=asc"), &all).await;
    let mut turned = ids(&oldest_first["audit_logs"]);
    turned.reverse();
    assert_eq!(turned, ids(&logs["audit_logs"]));
    let destroyed = get(&server, &format!("{of_group}&filter[action]=destroy"), &all).await;
    assert_eq!(ids(&destroyed["audit_logs"]), [newest]);
    for nothing in ["filter[ip_address]=192.0.2.1", "filter[actor_id]=-1", "filter[action]=exported"] {
        assert_eq!(get(&server, &format!("{of_group}&{nothing}"), &all).await["audit_logs"], json!([]), "{nothing}");
    }
    let then = "filter[created_at][]=2001-01-01T00:00:00Z&filter[created_at][]=2001-01-02T00:00:00Z";
    assert_eq!(get(&server, &format!("{of_group}&{then}"), &all).await["audit_logs"], json!([]));

    // Page by page, back and forth.
    let first = get(&server, &format!("{of_group}&page[size]=2"), &all).await;
    let next = first["links"]["next"].as_str().expect("a next page").to_owned();
    let second = get(&server, next.strip_prefix(&server.base).unwrap_or(&next), &all).await;
    assert_eq!([ids(&first["audit_logs"]), ids(&second["audit_logs"])].concat(), ids(&logs["audit_logs"]));
    assert_eq!(second["meta"]["has_more"], false);
    let narrow = token(&server, "auditlogs:read").await;
    assert_eq!(server.get(&of_group, &narrow).await.status(), 200);
    assert_eq!(server.get("/api/v2/audit_logs/987654321", &narrow).await.status(), 404);
}

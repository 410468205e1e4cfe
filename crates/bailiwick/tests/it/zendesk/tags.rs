//! `/api/v2/tags`, and the tags of tickets, organizations and users.

use serde_json::{Value, json};

use super::{all, body, customer, get, id, made, ticket};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_set_added_and_taken_off_wherever_there_are_some() {
    let server = Server::start().await;
    let all = all(&server).await;
    let organization = made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Shop" })).await;
    let paths = [
        format!("/api/v2/tickets/{}/tags", id(&ticket(&server, &all, json!({})).await)),
        format!("/api/v2/organizations/{}/tags", id(&organization)),
        format!("/api/v2/users/{}/tags", id(&customer(&server, &all, "Cleo").await)),
    ];
    let tags = |names: &[&str]| json!({ "tags": names });

    for path in paths {
        assert_eq!(body(server.post(&path, &all, tags(&["B", "a"])).await, 201).await, tags(&["a", "b"]), "{path}");
        assert_eq!(body(server.put(&path, &all, tags(&["c"])).await, 200).await, tags(&["a", "b", "c"]), "{path}");
        assert_eq!(body(server.delete_with(&path, &all, tags(&["a"])).await, 200).await, tags(&["b", "c"]), "{path}");
        assert_eq!(get(&server, &path, &all).await, tags(&["b", "c"]), "{path}");
        assert_eq!(server.put(&path, &all, json!({})).await.status(), 422, "{path}");
    }
    let list: Value = get(&server, "/api/v2/tags", &all).await;
    assert_eq!(list["tags"].as_array().expect("tags").iter().filter(|tag| tag["count"] == 1).count(), 2);
    assert_eq!(get(&server, "/api/v2/autocomplete/tags?name=b", &all).await["tags"], json!(["b"]));
}

//! `/api/v2/groups` and `/api/v2/group_memberships`.

use serde_json::json;

use super::{all, body, get, id, ids, made};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_changed_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let group = made(&server, "/api/v2/groups", &all, "group", json!({ "name": "First line" })).await;
    let path = format!("/api/v2/groups/{}", id(&group));

    let changed =
        body(server.put(&path, &all, json!({ "group": { "description": "Answers", "is_public": false } })).await, 200)
            .await;

    assert_eq!(group["description"], "");
    assert_eq!(changed["group"]["description"], "Answers");
    assert_eq!(changed["group"]["is_public"], false);
    assert_eq!(get(&server, "/api/v2/groups/count", &all).await["count"]["value"], 1);
    assert_eq!(ids(&get(&server, "/api/v2/groups/autocomplete?name=first", &all).await["groups"]), [id(&group)]);
    assert_eq!(get(&server, "/api/v2/groups/default", &all).await["group"]["id"], group["id"]);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_membership_of_a_person_is_the_default() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut memberships = Vec::new();
    for name in ["First line", "Second line"] {
        let group = made(&server, "/api/v2/groups", &all, "group", json!({ "name": name })).await;
        let record = json!({ "user_id": server.agent_id, "group_id": group["id"] });
        memberships.push(made(&server, "/api/v2/group_memberships", &all, "group_membership", record).await);
    }
    let path = format!("/api/v2/users/{}/group_memberships", server.agent_id);

    let chosen = server.put(&format!("{path}/{}/make_default", id(&memberships[1])), &all, json!({})).await;
    let chosen = body(chosen, 200).await;

    assert_eq!([&memberships[0]["default"], &memberships[1]["default"]], [true, false]);
    let defaults: Vec<bool> =
        chosen["group_memberships"].as_array().expect("a list").iter().map(|it| it["default"] == true).collect();
    assert_eq!(defaults, [false, true]);
    assert_eq!(
        get(&server, &format!("/api/v2/users/{}", server.agent_id), &all).await["user"]["default_group_id"],
        memberships[1]["group_id"]
    );
    let twice = json!({ "group_membership": { "user_id": server.agent_id, "group_id": memberships[0]["group_id"] } });
    assert_eq!(server.post("/api/v2/group_memberships", &all, twice).await.status(), 422);
    assert_eq!(server.delete(&format!("{path}/{}", id(&memberships[0])), &all).await.status(), 204);
    assert_eq!(ids(&get(&server, &path, &all).await["group_memberships"]), [id(&memberships[1])]);
    let of_group = format!("/api/v2/groups/{}/users", memberships[1]["group_id"]);
    assert_eq!(ids(&get(&server, &of_group, &all).await["users"]), [server.agent_id]);
    assert_eq!(
        server
            .get(&format!("/api/v2/users/{}/group_memberships/{}", server.admin_id, id(&memberships[1])), &all)
            .await
            .status(),
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_to_take_tickets_is_told_by_group() {
    let server = Server::start().await;
    let all = all(&server).await;
    let group = made(&server, "/api/v2/groups", &all, "group", json!({ "name": "First line" })).await;
    for person in [server.agent_id, server.admin_id] {
        let record = json!({ "user_id": person, "group_id": group["id"] });
        made(&server, "/api/v2/group_memberships", &all, "group_membership", record).await;
    }
    let change = json!({ "user": { "suspended": true } });
    body(server.put(&format!("/api/v2/users/{}", server.agent_id), &all, change).await, 200).await;

    let list = get(&server, "/api/v2/groups/available_agents", &all).await;

    let shown =
        list["groups"].as_array().expect("a list").iter().find(|it| it["id"] == group["id"]).expect("the group");
    assert_eq!(ids(&shown["agents"]), [server.admin_id]);
    assert_eq!(list["meta"]["has_more"], false);
}

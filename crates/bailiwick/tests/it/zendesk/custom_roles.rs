//! `/api/v2/custom_roles` that the account makes: what they take away is really gone.

use scope::Dialect;
use serde_json::json;

use super::{all, body, get, id, made, ticket};
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_role_may_do_what_its_switches_allow_and_nothing_else() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agents = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let group = || json!({ "group": { "name": "First line" } });
    let known = ticket(&server, &all, json!({})).await;
    let own_ticket = format!("/api/v2/tickets/{}", id(&known));
    let raise = || json!({ "ticket": { "priority": "high" } });
    let switches = json!({ "ticket_editing": false, "manage_groups": true, "report_access": "none" });
    let record = json!({ "name": "Planner", "description": "Plans", "configuration": switches });
    let role = made(&server, "/api/v2/custom_roles", &all, "custom_role", record).await;
    let me = format!("/api/v2/users/{}", server.agent_id);
    assert_eq!(server.put(&own_ticket, &agents, raise()).await.status(), 200, "an agent may");
    assert_eq!(server.post("/api/v2/groups", &agents, group()).await.status(), 403, "an agent may not");

    let given = json!({ "user": { "custom_role_id": role["id"] } });
    let given = body(server.put(&me, &all, given).await, 200).await["user"].clone();

    assert_eq!(
        [&given["custom_role_id"], &given["role"], &given["role_type"]],
        [&role["id"], &json!("agent"), &json!(0)]
    );
    assert_eq!(server.put(&own_ticket, &agents, raise()).await.status(), 403);
    assert_eq!(server.get(&own_ticket, &agents).await.status(), 200);
    assert_eq!(server.post("/api/v2/groups", &agents, group()).await.status(), 201);
    let path = format!("/api/v2/custom_roles/{}", id(&role));
    assert_eq!(get(&server, &path, &all).await["custom_role"]["team_member_count"], 1);
    assert_eq!(server.delete(&path, &all).await.status(), 422, "somebody holds it");
    let change = json!({ "custom_role": { "configuration": { "ticket_editing": true } } });
    let changed = body(server.put(&path, &all, change).await, 200).await["custom_role"].clone();
    assert_eq!([&changed["configuration"]["manage_groups"], &changed["name"]], [&json!(true), &json!("Planner")]);
    assert_eq!(server.put(&own_ticket, &agents, raise()).await.status(), 200, "it counts at once");
    let back = json!({ "user": { "custom_role_id": 3 } });
    body(server.put(&me, &all, back).await, 200).await;
    assert_eq!(server.post("/api/v2/groups", &agents, group()).await.status(), 403, "a plain agent again");
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_done_later_is_bound_by_the_role_too() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agents = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let record = json!({ "name": "Reader", "configuration": { "ticket_editing": false } });
    let role = made(&server, "/api/v2/custom_roles", &all, "custom_role", record).await;
    let rows = json!({ "tickets": [{ "comment": { "body": "x" } }] });

    let job = body(server.post("/api/v2/tickets/create_many", &agents, rows).await, 200).await;
    let given = json!({ "user": { "custom_role_id": role["id"] } });
    body(server.put(&format!("/api/v2/users/{}", server.agent_id), &all, given).await, 200).await;
    server.run_jobs().await;

    let job = format!("/api/v2/job_statuses/{}", job["job_status"]["id"].as_str().expect("an id"));
    let job = get(&server, &job, &all).await["job_status"].clone();
    assert_eq!(job["results"][0]["success"], false, "{job}");
    assert_eq!(get(&server, "/api/v2/tickets/count", &all).await["count"]["value"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_of_the_helpdesk_stay_and_wrong_ones_are_refused() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "name": "Planner" });
    let role = made(&server, "/api/v2/custom_roles", &all, "custom_role", record).await;

    for wrong in [
        json!({}),
        json!({ "name": "planner" }),
        json!({ "name": "x", "configuration": { "ticket_access": "some" } }),
        json!({ "name": "x", "configuration": { "manage_slas": "perhaps" } }),
    ] {
        let refused = server.post("/api/v2/custom_roles", &all, json!({ "custom_role": wrong })).await;
        assert_eq!(refused.status(), 422, "{wrong}");
    }
    assert_eq!(role["configuration"]["ticket_editing"], true, "as an agent has it");
    let change = || json!({ "custom_role": { "name": "Mine" } });
    assert_eq!(server.put("/api/v2/custom_roles/3", &all, change()).await.status(), 422);
    assert_eq!(server.delete("/api/v2/custom_roles/3", &all).await.status(), 422);
    assert_eq!(server.put("/api/v2/custom_roles/987", &all, change()).await.status(), 404);
    let owner = json!({ "user": { "custom_role_id": role["id"] } });
    assert_eq!(server.put(&format!("/api/v2/users/{}", server.admin_id), &all, owner).await.status(), 422);
    let unknown = json!({ "user": { "custom_role_id": 987 } });
    assert_eq!(server.put(&format!("/api/v2/users/{}", server.agent_id), &all, unknown).await.status(), 422);
    let agents = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    assert_eq!(server.post("/api/v2/custom_roles", &agents, change()).await.status(), 403);
}

//! `/api/v2/organization_merges` and `/api/v2/organization_subscriptions`.

use reqwest::Method;
use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, made, request, ticket, token};
use crate::support::{Person, Server};

async fn organization(server: &Server, token: &str, record: Value) -> Value {
    made(server, "/api/v2/organizations", token, "organization", record).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_organization_had_goes_to_the_other() {
    let server = Server::start().await;
    let all = all(&server).await;
    let winner = json!({ "name": "Shop", "tags": ["big"], "notes": "Ours", "domain_names": ["shop.example"] });
    let winner = organization(&server, &all, winner).await;
    let loser = json!({ "name": "Shop Ltd", "tags": ["old"], "notes": "Theirs", "domain_names": ["shop.test"] });
    let loser = organization(&server, &all, loser).await;
    let (cleo, dan) = (customer(&server, &all, "Cleo").await, customer(&server, &all, "Dan").await);
    let both = json!({ "organization_membership": { "user_id": dan["id"], "organization_id": winner["id"] } });
    body(server.post("/api/v2/organization_memberships", &all, both).await, 201).await;
    let subscription =
        json!({ "organization_subscription": { "user_id": cleo["id"], "organization_id": loser["id"] } });
    body(server.post("/api/v2/organization_subscriptions", &all, subscription).await, 200).await;
    let mut tickets = Vec::new();
    for requester in [&cleo, &dan] {
        tickets.push(ticket(&server, &all, json!({ "requester_id": requester["id"] })).await);
    }
    assert!(tickets.iter().all(|it| it["organization_id"] == loser["id"]));
    let path = format!("/api/v2/organizations/{}/merge", id(&loser));
    let sent = json!({ "organization_merge": { "winner_id": winner["id"] } });

    let merge = body(server.post(&path, &all, sent.clone()).await, 200).await["organization_merge"].clone();
    let twice = server.post(&path, &all, sent).await;
    server.run_jobs().await;

    assert_eq!([&merge["status"], &merge["loser_id"]], [&json!("new"), &loser["id"]]);
    assert_eq!(twice.status(), 422);
    let own = format!("/api/v2/organization_merges/{}", merge["id"].as_str().expect("a text"));
    let shown = get(&server, &own, &all).await["organization_merge"].clone();
    assert_eq!([&shown["status"], &shown["winner_id"]], [&json!("complete"), &winner["id"]]);
    let of_winner = get(&server, &format!("/api/v2/organizations/{}/merges", id(&winner)), &all).await;
    assert_eq!(of_winner["organization_merges"], json!([shown]));
    assert_eq!(server.get(&format!("/api/v2/organizations/{}", id(&loser)), &all).await.status(), 404);
    let after = get(&server, &format!("/api/v2/organizations/{}", id(&winner)), &all).await["organization"].clone();
    assert_eq!(after["tags"], json!(["big", "old"]));
    assert_eq!(after["domain_names"], json!(["shop.example", "shop.test"]));
    assert_eq!(after["notes"], "Ours");
    let of = |what: &str| format!("/api/v2/organizations/{}/{what}", id(&winner));
    assert_eq!(ids(&get(&server, &of("users"), &all).await["users"]), [id(&cleo), id(&dan)]);
    assert_eq!(ids(&get(&server, &of("tickets"), &all).await["tickets"]), [id(&tickets[0]), id(&tickets[1])]);
    let subscriptions = get(&server, &of("subscriptions"), &all).await["organization_subscriptions"].clone();
    assert_eq!(subscriptions[0]["user_id"], cleo["id"]);
    for who in [&cleo, &dan] {
        let who = get(&server, &format!("/api/v2/users/{}", id(who)), &all).await;
        assert_eq!(who["user"]["organization_id"], winner["id"], "it is their default now");
    }
    let events = server.events("ticket-updated").await;
    assert_eq!(events.len(), 2, "each ticket says that it moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_needs_another_organization_and_an_administrator() {
    let server = Server::start().await;
    let all = all(&server).await;
    let shop = organization(&server, &all, json!({ "name": "Shop" })).await;
    let club = organization(&server, &all, json!({ "name": "Club" })).await;
    let agents = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let path = format!("/api/v2/organizations/{}/merge", id(&shop));

    for winner in [shop["id"].clone(), json!(987654321), Value::Null] {
        let sent = json!({ "organization_merge": { "winner_id": winner } });
        assert_eq!(server.post(&path, &all, sent).await.status(), 422, "{winner}");
    }
    let sent = json!({ "organization_merge": { "winner_id": club["id"] } });
    assert_eq!(server.post(&path, &agents, sent.clone()).await.status(), 403);
    assert_eq!(server.post("/api/v2/organizations/987654321/merge", &all, sent).await.status(), 404);
    assert_eq!(server.get("/api/v2/organization_merges/987654321", &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_subscribe_themselves_to_organizations_that_share_their_tickets() {
    let server = Server::start().await;
    let all = all(&server).await;
    let acting = token(&server, "read write impersonate").await;
    let shop = json!({ "name": "Shop", "domain_names": ["shop.test"], "shared_tickets": true });
    let shop = organization(&server, &all, shop).await;
    let club = organization(&server, &all, json!({ "name": "Club" })).await;
    let (cleo, dan) = (customer(&server, &all, "Cleo").await, customer(&server, &all, "Dan").await);
    const ALL: &str = "/api/v2/organization_subscriptions";
    let call = |method: Method, path: String, sent: Value| {
        let call = request(&server, method, &path, &acting).header("x-on-behalf-of", id(&cleo));
        async move { call.json(&sent).send().await.expect("send") }
    };
    let sent = |user: &Value, organization: &Value| json!({ "organization_subscription": { "user_id": user["id"], "organization_id": organization["id"] } });
    let others = body(server.post(ALL, &all, sent(&dan, &shop)).await, 200).await["organization_subscription"].clone();

    let own = body(call(Method::POST, ALL.to_owned(), sent(&cleo, &shop)).await, 200).await;
    let own = own["organization_subscription"].clone();

    assert_eq!([&own["user_id"], &own["organization_id"]], [&cleo["id"], &shop["id"]]);
    assert_eq!(call(Method::POST, ALL.to_owned(), sent(&dan, &shop)).await.status(), 422);
    assert_eq!(call(Method::POST, ALL.to_owned(), sent(&cleo, &club)).await.status(), 422);
    let listed = body(call(Method::GET, ALL.to_owned(), json!({})).await, 200).await;
    assert_eq!(ids(&listed["organization_subscriptions"]), [id(&own)]);
    assert_eq!(call(Method::GET, format!("{ALL}/{}", id(&others)), json!({})).await.status(), 404);
    assert_eq!(ids(&get(&server, ALL, &all).await["organization_subscriptions"]), [id(&others), id(&own)]);
    let of_dan = format!("/api/v2/users/{}/organization_subscriptions", id(&dan));
    assert_eq!(ids(&get(&server, &of_dan, &all).await["organization_subscriptions"]), [id(&others)]);
    let related = get(&server, &format!("/api/v2/users/{}/related", id(&dan)), &all).await;
    assert_eq!(related["user_related"]["organization_subscriptions"], 1);
    let again = body(server.post(ALL, &all, sent(&dan, &shop)).await, 200).await;
    assert_eq!(again["organization_subscription"]["id"], others["id"]);
    assert_eq!(call(Method::DELETE, format!("{ALL}/{}", id(&own)), json!({})).await.status(), 204);
    assert_eq!(call(Method::DELETE, format!("{ALL}/{}", id(&others)), json!({})).await.status(), 404);
    let unknown = json!({ "organization_subscription": { "user_id": 987654321, "organization_id": shop["id"] } });
    assert_eq!(server.post(ALL, &all, unknown).await.status(), 422);
}

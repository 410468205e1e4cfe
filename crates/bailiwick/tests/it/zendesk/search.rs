//! `/api/v2/search`.

use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, made, ticket};
use crate::support::{Person, Server};

pub async fn found(server: &Server, token: &str, query: &str) -> Vec<i64> {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    ids(&get(server, &format!("/api/v2/search?query={query}"), token).await["results"])
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_found_by_words_and_keywords() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let record = json!({ "subject": "Printer on fire", "priority": "urgent", "type": "incident", "tags": ["smoke"],
                         "requester_id": cleo["id"], "assignee_id": server.agent_id, "status": "open" });
    let fire = id(&ticket(&server, &all, record).await);
    let record = json!({ "subject": "Lost parcel", "priority": "low", "external_id": "p-1", "comment": { "body": "Where is it?" } });
    let parcel = id(&ticket(&server, &all, record).await);
    body(
        server.put(&format!("/api/v2/tickets/{parcel}"), &all, json!({ "ticket": { "status": "solved" } })).await,
        200,
    )
    .await;

    for (query, expected) in [
        ("type:ticket printer", vec![fire]),
        ("type:ticket pars*", vec![]),
        ("type:ticket parc*", vec![parcel]),
        ("status<solved", vec![fire]),
        ("status:solved status:open order_by:created sort:asc", vec![fire, parcel]),
        ("-status:solved", vec![fire]),
        ("priority>normal", vec![fire]),
        ("ticket_type:incident", vec![fire]),
        ("tags:smoke", vec![fire]),
        ("type:ticket tags:none", vec![parcel]),
        ("assignee:none", vec![parcel]),
        ("assignee:agent@demo.test", vec![fire]),
        ("requester:cleo@shop.test", vec![fire]),
        ("type:ticket external_id:p-1", vec![parcel]),
        ("type:ticket created>1hours subject:fire", vec![fire]),
        ("type:ticket created<2000-01-01", vec![]),
    ] {
        assert_eq!(found(&server, &all, query).await, expected, "{query}");
    }
    assert_eq!(found(&server, &all, &parcel.to_string()).await[0], parcel);
    let counted = get(&server, "/api/v2/search/count?query=type:ticket", &all).await;
    assert_eq!(counted, json!({ "count": 2 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_organizations_and_groups_are_found_beside_tickets() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = id(&customer(&server, &all, "Cleo Zebra").await);
    let shop = id(&made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Zebra Inc" })).await);
    let group = id(&made(&server, "/api/v2/groups", &all, "group", json!({ "name": "Zebra desk" })).await);
    let about = id(&ticket(&server, &all, json!({ "subject": "A zebra" })).await);

    let answer = get(&server, "/api/v2/search?query=zebra", &all).await;
    let second = get(&server, "/api/v2/search?query=zebra&per_page=1&page=2", &all).await;

    let kinds: Vec<&str> =
        answer["results"].as_array().expect("a list").iter().filter_map(|it| it["result_type"].as_str()).collect();
    assert_eq!(kinds, ["ticket", "user", "organization", "group"]);
    assert_eq!(ids(&answer["results"]), [about, cleo, shop, group]);
    assert_eq!([&answer["count"], &answer["next_page"]], [&json!(4), &Value::Null]);
    assert_eq!(ids(&second["results"]), [cleo]);
    assert!(second["next_page"].as_str().expect("an address").contains("page=3"));
    assert_eq!(found(&server, &all, "type:user role:end-user zebra").await, [cleo]);
    assert_eq!(found(&server, &all, "type:user email:cleo.zebra@shop.test").await, [cleo]);
    assert_eq!(found(&server, &all, "type:organization zebra").await, [shop]);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_exported_by_cursor() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut all_made = Vec::new();
    for subject in ["one", "two", "three"] {
        server.clock.advance(std::time::Duration::from_secs(1));
        all_made.insert(0, id(&ticket(&server, &all, json!({ "subject": subject })).await));
    }
    let path = "/api/v2/search/export?query=status:new&filter[type]=ticket&page[size]=2";

    let first = get(&server, path, &all).await;
    let next =
        first["links"]["next"].as_str().expect("an address").strip_prefix(&server.base).expect("ours").to_owned();
    let second = get(&server, &next, &all).await;

    assert_eq!(ids(&first["results"]), all_made[..2]);
    assert_eq!(ids(&second["results"]), all_made[2..]);
    assert_eq!(second["meta"]["has_more"], false);
    assert_eq!(server.get("/api/v2/search/export?query=x", &all).await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_cannot_be_done_is_refused_by_name() {
    let server = Server::start().await;
    let all = all(&server).await;
    for query in ["type:boat", "colour:red", "type:ticket role:admin", "status:odd", "created:soon", "order_by:form"] {
        let refused = body(server.get(&format!("/api/v2/search?query={query}"), &all).await, 422).await;
        assert_eq!(refused["error"], "invalid", "{query}: {refused}");
    }
    assert_eq!(server.get("/api/v2/search", &all).await.status(), 400);
    assert_eq!(server.get("/api/v2/search?query=x&page[size]=5", &all).await.status(), 400);
    let deep = body(server.get("/api/v2/search?query=x&page=11&per_page=100", &all).await, 422).await;
    assert!(deep["description"].as_str().expect("a text").contains("1000 results"), "{deep}");
    let narrow = server.token_for(Person::Admin, Dialect::Zendesk, "tickets:read users:read").await;
    assert_eq!(server.get("/api/v2/search?query=x", &narrow).await.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_number_finds_the_ticket_and_those_that_tell_of_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let named = id(&ticket(&server, &all, json!({ "subject": "First" })).await);
    let mut telling = Vec::new();
    for _ in 0..2 {
        server.clock.advance(std::time::Duration::from_secs(1));
        telling.insert(0, id(&ticket(&server, &all, json!({ "subject": format!("As in {named}") })).await));
    }
    let path = |rest: &str| format!("/api/v2/search?query=type:ticket%20{named}{rest}");

    let whole = get(&server, &format!("/api/v2/search?query={named}"), &all).await;
    let second = get(&server, &path("&per_page=1&page=2"), &all).await;

    assert_eq!(ids(&whole["results"])[..3], [named, telling[0], telling[1]]);
    assert_eq!(ids(&second["results"]), telling[..1]);
    assert_eq!(get(&server, &path("&per_page=2"), &all).await["count"], 3);
    assert_eq!(ids(&get(&server, &path("&per_page=2"), &all).await["results"]), [named, telling[0]]);
    assert_eq!(get(&server, &format!("/api/v2/search/count?query=type:ticket%20{named}"), &all).await["count"], 3);
}

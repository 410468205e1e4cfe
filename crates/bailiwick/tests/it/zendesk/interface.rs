//! What all resources of the dialect share: refusals, pages, headers, repeated calls, acting for others.

use endpoint::api_key_switch::{self, ApiKeySwitch};
use helpdesk::api_keys;
use reqwest::Method;
use scope::Dialect;
use scope::permit::Actor;
use serde_json::{Value, json};
use store::transact;

use super::{all, body, customer, get, id, ids, made, request, ticket, token};
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_the_vendors_shape() {
    // RS-2, RS-4, RS-7
    let server = Server::start().await;
    let other = token(&server, "groups:read").await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "write").await;
    let bare = server.http.get(format!("{}/api/v2/tickets", server.base)).send().await.expect("send");
    let basic = server.http.get(format!("{}/api/v2/tickets", server.base)).basic_auth("a@b.test/token", Some("x"));

    assert_eq!(body(bare, 401).await, json!({ "error": "Couldn't authenticate you" }));
    assert_eq!(body(basic.send().await.expect("send"), 401).await, json!({ "error": "Couldn't authenticate you" }));
    assert_eq!(body(server.get("/api/v2/tickets", "nonsense").await, 401).await["error"], "invalid_token");
    let missing = body(server.get("/api/v2/tickets", &other).await, 403).await;
    let text = "You are missing the following required scopes: tickets:read, read";
    assert_eq!(missing, json!({ "error": "Forbidden", "description": text }));
    let group = json!({ "group": { "name": "x" } });
    let role = body(
        server
            .post("/api/v2/users", &agent, json!({ "user": { "name": "A", "email": "a@b.test", "role": "agent" } }))
            .await,
        403,
    );
    assert_eq!(role.await["error"]["title"], "Forbidden");
    assert_eq!(body(server.get("/api/v2/tickets/987", &all).await, 404).await["error"], "RecordNotFound");
    assert_eq!(body(server.get("/api/v2/nonsense", &all).await, 404).await["error"], "InvalidEndpoint");
    let form = request(&server, Method::POST, "/api/v2/groups", &all).form(&[("a", "b")]).send().await.expect("send");
    assert_eq!(form.status(), 415);
    let invalid = body(server.post("/api/v2/groups", &all, json!({ "group": {} })).await, 422).await;
    assert_eq!(invalid["error"], "RecordInvalid");
    assert_eq!(invalid["details"]["name"][0]["error"], "BlankValue");
    body(server.post("/api/v2/groups", &all, group.clone()).await, 201).await;
    let taken = body(server.post("/api/v2/groups", &all, group).await, 422).await;
    assert_eq!(taken["details"]["name"][0]["error"], "DuplicateValue");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_what_its_person_may_and_the_switch_closes_it() {
    let server = Server::start().await;
    let actor = Actor { person_id: Some(server.agent_id), ..Actor::default() };
    let now = server.clock.now();
    let (_, key) = transact!(server.db, |tx| {
        api_keys::create(tx, &actor, now, &server.app.random, server.agent_id, "a script").await
    })
    .expect("a key");
    let call = |path: &str| {
        let get = server.http.get(format!("{}{path}", server.base));
        get.basic_auth("agent@demo.test/token", Some(&key)).send()
    };

    let me = body(call("/api/v2/users/me.json").await.expect("send"), 200).await;
    assert_eq!(id(&me["user"]), server.agent_id);
    assert_eq!(call("/api/v2/tickets").await.expect("send").status(), 200);

    server
        .app
        .provider
        .put_setting(&server.may(), api_key_switch::NAME, &ApiKeySwitch { off: true })
        .await
        .expect("set");
    let off = body(call("/api/v2/tickets").await.expect("send"), 401).await;
    assert_eq!(off, json!({ "error": "Couldn't authenticate you" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_unknown_is_told_so_by_users_me_alone() {
    let server = Server::start().await;
    let me = server.http.get(format!("{}/api/v2/users/me", server.base)).send().await.expect("send");

    let me = body(me, 200).await;

    assert_eq!(me["user"]["id"], Value::Null);
    assert_eq!(me["user"]["name"], "Anonymous user");
    assert_eq!(server.get("/api/v2/users/me", "nonsense").await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_answer_with_and_without_their_suffix() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({})).await;

    for path in ["/api/v2/tickets", "/api/v2/tickets.json", "/api/v2/tickets.json?per_page=1"] {
        assert_eq!(ids(&get(&server, path, &all).await["tickets"]), [id(&made)], "{path}");
    }
    let shown = get(&server, &format!("/api/v2/tickets/{}.json", id(&made)), &all).await;
    assert_eq!(shown["ticket"]["url"], format!("{}/api/v2/tickets/{}.json", server.base, id(&made)));
    let followed = server.http.get(shown["ticket"]["url"].as_str().expect("an address")).bearer_auth(&all);
    assert_eq!(followed.send().await.expect("send").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_number_lead_through_all_with_a_count() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(id(&ticket(&server, &all, json!({})).await));
    }
    let mut seen = Vec::new();
    let mut next = Some(format!("{}/api/v2/tickets.json?per_page=2", server.base));

    while let Some(address) = next {
        let page = body(server.http.get(&address).bearer_auth(&all).send().await.expect("send"), 200).await;
        assert_eq!(page["count"], 5);
        seen.extend(ids(&page["tickets"]));
        next = page["next_page"].as_str().map(str::to_owned);
    }

    assert_eq!(seen, expected);
    let deep = body(server.get("/api/v2/tickets?page=101", &all).await, 400).await;
    assert_eq!(deep["errors"][0]["code"], "InvalidPaginationDepth");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_cursor_lead_forward_and_back_without_a_count() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(id(&ticket(&server, &all, json!({})).await));
    }
    expected.reverse();
    let mut seen = Vec::new();
    let mut next = Some(format!("{}/api/v2/tickets?page[size]=2&sort=-id", server.base));
    let mut last = Value::Null;

    while let Some(address) = next {
        let page = body(server.http.get(&address).bearer_auth(&all).send().await.expect("send"), 200).await;
        assert!(page.get("count").is_none());
        assert_eq!(page["meta"]["has_more"], !page["links"]["next"].is_null());
        seen.extend(ids(&page["tickets"]));
        next = page["links"]["next"].as_str().map(str::to_owned);
        last = page;
    }

    assert_eq!(seen, expected);
    let back = last["links"]["prev"].as_str().expect("a page before");
    let page = body(server.http.get(back).bearer_auth(&all).send().await.expect("send"), 200).await;
    assert_eq!(ids(&page["tickets"]), expected[2..4]);
    for query in ["page[size]=101", "page[size]=1&sort=subject", "page[after]=nonsense"] {
        let refused = body(server.get(&format!("/api/v2/tickets?{query}"), &all).await, 400).await;
        assert_eq!(refused["errors"][0]["code"], "InvalidPaginationParameter", "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_known_is_not_sent_again() {
    let server = Server::start().await;
    let all = all(&server).await;
    ticket(&server, &all, json!({})).await;
    let first = server.get("/api/v2/tickets", &all).await;
    let tag = first.headers()["etag"].to_str().expect("text").to_owned();

    let again = request(&server, Method::GET, "/api/v2/tickets", &all).header("if-none-match", &tag);
    let again = again.send().await.expect("send");

    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(first.headers()["x-zendesk-api-version"], "v2");
    assert_eq!(first.headers()["cache-control"], "max-age=0, private, must-revalidate");
    assert_eq!(first.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(again.status(), 304);
    assert_eq!(again.text().await.expect("a body"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reads_is_named_in_a_header() {
    let server = Server::start().await;
    let all = all(&server).await;
    let group = json!({ "group": { "name": "First line", "colour": "red", "id": 7 } });

    let answer = server.post("/api/v2/groups", &all, group).await;

    assert_eq!(answer.headers()["x-zendesk-api-warn"], "Removed unknown keys: colour");
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    assert_eq!(location, body(answer, 201).await["group"]["url"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_sent_again_under_its_key_does_nothing_twice() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "ticket": { "subject": "Once", "comment": { "body": "Hello" } } });
    let send = |record: Value| {
        let post = request(&server, Method::POST, "/api/v2/tickets.json", &all);
        post.header("idempotency-key", "key-1").json(&record).send()
    };

    let first = send(record.clone()).await.expect("send");
    let again = send(record.clone()).await.expect("send");
    let other = send(json!({ "ticket": { "comment": { "body": "Other" } } })).await.expect("send");

    assert_eq!(first.headers()["x-idempotency-lookup"], "miss");
    assert_eq!(again.headers()["x-idempotency-lookup"], "hit");
    assert_eq!(again.headers()["location"], first.headers()["location"]);
    assert_eq!(body(first, 201).await, body(again, 201).await);
    assert_eq!(body(other, 400).await["error"], "IdempotentRequestError");
    assert_eq!(get(&server, "/api/v2/tickets", &all).await["count"], 1);

    server.clock.advance(std::time::Duration::from_secs(2 * 3600 + 1));
    let later = super::all(&server).await;
    let post = request(&server, Method::POST, "/api/v2/tickets.json", &later).header("idempotency-key", "key-1");
    assert_eq!(post.json(&record).send().await.expect("send").headers()["x-idempotency-lookup"], "miss");
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_needs_no_scope_to_read() {
    // RS-4
    let server = Server::start().await;
    let all = all(&server).await;
    let write = token(&server, "tickets:write").await;
    let made = ticket(&server, &write, json!({ "subject": "Mine" })).await;
    let path = format!("/api/v2/tickets/{}", id(&made));

    let changed = body(server.put(&path, &write, json!({ "ticket": { "priority": "high" } })).await, 200).await;

    assert_eq!(changed["ticket"]["priority"], "high");
    assert_eq!(server.get(&path, &write).await.status(), 403);
    let many = json!({ "tickets": [{ "comment": { "body": "Hello" } }] });
    body(server.post("/api/v2/tickets/create_many", &write, many).await, 200).await;
    assert!(server.run_jobs().await > 0);
    assert_eq!(get(&server, "/api/v2/tickets", &all).await["count"], 2);
    assert_eq!(server.delete(&path, &write).await.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_an_administrator_may_act_for_a_customer_and_for_nobody_else() {
    // SC-7
    let server = Server::start().await;
    let all = all(&server).await;
    let acting = token(&server, "read write impersonate").await;
    let made = customer(&server, &all, "Cleo Customer").await;
    let me = |token: &str, who: &str| {
        request(&server, Method::GET, "/api/v2/users/me", token).header("x-on-behalf-of", who).send()
    };
    let agent_id = server.agent_id.to_string();

    let by_id = body(me(&acting, &id(&made).to_string()).await.expect("send"), 200).await;
    let by_email = body(me(&acting, "cleo.customer@shop.test").await.expect("send"), 200).await;

    assert_eq!(by_id["user"]["id"], made["id"]);
    assert_eq!(by_email["user"]["id"], made["id"]);
    assert!(by_id["user"].get("notes").is_none(), "an end user sees less of themselves");
    assert_eq!(me(&acting, &agent_id).await.expect("send").status(), 401);
    assert_eq!(me(&acting, "nobody@shop.test").await.expect("send").status(), 401);
    assert_eq!(me(&all, &id(&made).to_string()).await.expect("send").status(), 403);
    // What a customer may not, nobody may for them.
    let tickets = request(&server, Method::GET, "/api/v2/tickets", &acting).header("x-on-behalf-of", id(&made));
    assert_eq!(tickets.send().await.expect("send").status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_records_refer_to_comes_beside_them_once() {
    let server = Server::start().await;
    let all = all(&server).await;
    let asker = customer(&server, &all, "Ida Inbox").await;
    let group = made(&server, "/api/v2/groups", &all, "group", json!({ "name": "First line" })).await;
    for _ in 0..3 {
        let record = json!({ "requester_id": asker["id"], "group_id": group["id"], "assignee_id": server.agent_id });
        ticket(&server, &all, record).await;
    }

    let list = get(&server, "/api/v2/tickets?include=users,groups,organizations,nonsense", &all).await;

    let mut expected = vec![id(&asker), server.agent_id];
    expected.sort_unstable();
    let mut users = ids(&list["users"]);
    users.sort_unstable();
    assert_eq!(users, expected);
    assert_eq!(ids(&list["groups"]), [id(&group)]);
    assert_eq!(list["organizations"], json!([]));
    assert!(list.get("nonsense").is_none());
}

//! The management calls: `/api/v2/oauth/clients`, `tokens` and `global_clients`, and `/api/v2/api_tokens`.

use endpoint::api_key_switch::{self, ApiKeySwitch};
use oauth::clients::NewClient;
use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, made, token};
use crate::support::app::{CALLBACK, confidential};
use crate::support::{Person, Server};

const CLIENTS: &str = "/api/v2/oauth/clients";
const TOKENS: &str = "/api/v2/oauth/tokens";

async fn credentials(server: &Server, client: &Value, secret: &str, scope: &str) -> reqwest::Response {
    let sent = json!({
        "grant_type": "client_credentials", "client_id": client["identifier"], "client_secret": secret, "scope": scope,
    });
    server.http.post(format!("{}/oauth/tokens", server.base)).json(&sent).send().await.expect("send")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_secret_is_told_once_and_replaced() {
    // CA-6
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({
        "identifier": "order_bridge", "name": "Order Bridge", "kind": "confidential", "user_id": server.agent_id,
        "company": "Bridgeworks", "description": "Copies orders", "redirect_uri": [CALLBACK],
    });

    let client = made(&server, CLIENTS, &all, "client", record).await;
    let path = format!("{CLIENTS}/{}", id(&client));
    let later = get(&server, &path, &all).await["client"].clone();

    let secret = client["secret"].as_str().expect("the secret");
    assert_eq!(later["secret"], secret[..9]);
    assert_eq!(client["user_id"], server.agent_id);
    assert_eq!(client["redirect_uri"], json!([CALLBACK]));
    assert_eq!(client["allowed_scopes"], json!(["read", "write"]));
    assert_eq!(client["url"], format!("{}{path}.json", server.base));
    assert_eq!(body(credentials(&server, &client, secret, "read").await, 200).await["scope"], "read");

    let again = body(server.put(&format!("{path}/generate_secret"), &all, json!({})).await, 200).await;
    let fresh = again["client"]["secret"].as_str().expect("the secret");

    assert_eq!(body(credentials(&server, &client, secret, "read").await, 401).await["error"], "invalid_client");
    body(credentials(&server, &client, fresh, "read").await, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_changed_listed_and_gone_with_its_tokens() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record =
        json!({ "identifier": "bridge", "name": "Bridge", "allowed_scopes": ["tickets:read", "tickets:write"] });
    let client = made(&server, CLIENTS, &all, "client", record).await;
    let secret = client["secret"].as_str().expect("the secret").to_owned();
    let path = format!("{CLIENTS}/{}", id(&client));
    let granted = body(credentials(&server, &client, &secret, "tickets:read").await, 200).await;
    let access = granted["access_token"].as_str().expect("a token");
    assert_eq!(body(credentials(&server, &client, &secret, "read").await, 400).await["error"], "invalid_scope");

    let change = json!({ "client": { "name": "The Bridge", "redirect_uri": CALLBACK, "user_id": server.agent_id } });
    let changed = body(server.put(&path, &all, change).await, 200).await["client"].clone();

    assert_eq!(changed["name"], "The Bridge");
    assert_eq!(changed["redirect_uri"], json!([CALLBACK]));
    assert_eq!(changed["secret"], secret[..9]);
    // What it holds for itself was for another person.
    assert_eq!(server.get("/api/v2/tickets", access).await.status(), 401);
    let listed = get(&server, &format!("{CLIENTS}?page[size]=100"), &all).await;
    assert!(ids(&listed["clients"]).contains(&id(&client)));
    let own = get(&server, "/api/v2/users/me/oauth/clients", &all).await;
    assert!(!ids(&own["clients"]).contains(&id(&client)));
    let of_agent = get(&server, &format!("/api/v2/users/{}/oauth/clients", server.agent_id), &all).await;
    assert_eq!(ids(&of_agent["clients"]), [id(&client)]);

    let granted = body(credentials(&server, &client, &secret, "tickets:read").await, 200).await;
    let access = granted["access_token"].as_str().expect("a token");
    get(&server, "/api/v2/tickets", access).await;
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get("/api/v2/tickets", access).await.status(), 401);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_may_not_be_is_refused_by_field() {
    let server = Server::start().await;
    let all = all(&server).await;
    let good = json!({ "identifier": "bridge", "name": "Bridge" });
    let client = made(&server, CLIENTS, &all, "client", good.clone()).await;
    let with = |name: &str, value: Value| {
        let mut record = json!({ "identifier": "other", "name": "Other" });
        record[name] = value;
        json!({ "client": record })
    };

    for (field, sent) in [
        ("identifier", json!({ "client": good })),
        ("identifier", with("identifier", json!("with a space"))),
        ("name", with("name", json!(""))),
        ("kind", with("kind", json!("secret"))),
        ("redirect_uri", with("redirect_uri", json!(["http://app.example.com/plain"]))),
        ("allowed_scopes", with("allowed_scopes", json!(["tickets:reed"]))),
        ("user_id", with("user_id", json!(987_654))),
    ] {
        let refused = body(server.post(CLIENTS, &all, sent).await, 422).await;
        assert_eq!(refused["error"], "RecordInvalid");
        assert!(refused["details"][field].is_array(), "{field}: {refused}");
    }
    let renamed = json!({ "client": { "identifier": "other" } });
    let refused = body(server.put(&format!("{CLIENTS}/{}", id(&client)), &all, renamed).await, 422).await;
    assert!(refused["details"]["identifier"].is_array());
    // Apps of other dialects are none of this one's.
    let gorgias = server.gorgias_app("tickets:read").await;
    assert_eq!(server.get(&format!("{CLIENTS}/{}", gorgias.client.id), &all).await.status(), 404);
    assert_eq!(server.delete(&format!("{CLIENTS}/{}", gorgias.client.id), &all).await.status(), 404);
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    assert_eq!(server.get(CLIENTS, &agent).await.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_has_no_secret_and_no_credentials() {
    let server = Server::start().await;
    let all = all(&server).await;
    let client = made(&server, CLIENTS, &all, "client", json!({ "identifier": "desk", "name": "Desk" })).await;
    let path = format!("{CLIENTS}/{}", id(&client));

    let public = body(server.put(&path, &all, json!({ "client": { "kind": "public" } })).await, 200).await;

    assert_eq!(public["client"]["kind"], "public");
    assert!(public["client"].get("secret").is_none());
    let secret = client["secret"].as_str().expect("the secret");
    assert_eq!(credentials(&server, &client, secret, "read").await.status(), 401);
    assert_eq!(server.put(&format!("{path}/generate_secret"), &all, json!({})).await.status(), 422);
    let back = body(server.put(&path, &all, json!({ "client": { "kind": "confidential" } })).await, 200).await;
    assert_eq!(back["client"]["kind"], "confidential");
    let fresh = body(server.put(&format!("{path}/generate_secret"), &all, json!({})).await, 200).await;
    let secret = fresh["client"]["secret"].as_str().expect("the secret");
    body(credentials(&server, &client, secret, "read").await, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_every_account_is_a_global_one() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "identifier": "zdg-desk", "name": "Desk", "company": "Bridgeworks" });
    let client = made(&server, CLIENTS, &all, "client", record).await;
    let other = made(&server, CLIENTS, &all, "client", json!({ "identifier": "desk", "name": "Desk" })).await;
    let sent = json!({ "client_id": client["id"], "scopes": ["read"] });
    made(&server, TOKENS, &all, "token", sent).await;

    let listed = get(&server, "/api/v2/oauth/global_clients", &all).await;
    let summary = get(&server, "/api/v2/oauth/global_clients/token_summary", &all).await;

    assert_eq!((&client["global"], &other["global"]), (&json!(true), &json!(false)));
    assert_eq!(ids(&listed["global_clients"]), [id(&client)]);
    assert_eq!(listed["global_clients"][0]["company"], "Bridgeworks");
    assert_eq!(summary["global_clients"][0]["id"], client["id"]);
    assert_eq!(summary["global_clients"][0]["tokens_count"], 1);
    get(&server, &format!("/api/v2/oauth/global_clients/{}", id(&client)), &all).await;
    let other = format!("/api/v2/oauth/global_clients/{}", id(&other));
    assert_eq!(server.get(&other, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_told_once_and_ends_by_its_number() {
    let server = Server::start().await;
    let all = all(&server).await;
    let client = made(&server, CLIENTS, &all, "client", json!({ "identifier": "bridge", "name": "Bridge" })).await;
    let sent = json!({ "client_id": client["id"], "scopes": ["tickets:read"] });

    let token = made(&server, TOKENS, &all, "token", sent).await;

    let full = token["full_token"].as_str().expect("the token");
    assert_eq!(token["token"], full[..10]);
    assert_eq!(token["scopes"], json!(["tickets:read"]));
    assert_eq!((&token["expires_at"], &token["refresh_token"]), (&Value::Null, &Value::Null));
    server.clock.advance(std::time::Duration::from_secs(400 * 86_400));
    get(&server, "/api/v2/tickets", full).await;
    let other = super::all(&server).await;
    let path = format!("{TOKENS}/{}", id(&token));
    let later = get(&server, &path, &other).await["token"].clone();
    assert!(later.get("full_token").is_none());
    assert_eq!(later["token"], full[..10]);
    assert_eq!(get(&server, &format!("{TOKENS}/current.json"), full).await["token"]["id"], token["id"]);
    assert_eq!(server.delete(&path, &other).await.status(), 204);
    assert_eq!(server.get("/api/v2/tickets", full).await.status(), 401);
    assert_eq!(server.get(&path, &other).await.status(), 404);
    for (field, sent) in [
        ("scopes", json!({ "client_id": client["id"], "scopes": ["impersonate"] })),
        ("scopes", json!({ "client_id": client["id"] })),
        ("client_id", json!({ "client_id": 987_654, "scopes": ["read"] })),
    ] {
        let refused = body(server.post(TOKENS, &other, json!({ "token": sent })).await, 422).await;
        assert!(refused["details"][field].is_array(), "{field}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_end_their_own_tokens_and_administrators_everybodys() {
    let server = Server::start().await;
    let all = all(&server).await;
    let app = server.app(confidential(Dialect::Zendesk, "read write")).await;
    let pair = app.tokens(Person::Agent, "read write").await;
    let agent = pair["access_token"].as_str().expect("a token");

    let current = get(&server, &format!("{TOKENS}/current"), agent).await["token"].clone();
    let path = format!("{TOKENS}/{}", id(&current));

    assert_eq!(current["client_id"], app.client.id);
    assert_eq!(current["user_id"], server.agent_id);
    assert_eq!(current["token"], agent[..10]);
    assert_eq!(current["refresh_token"], pair["refresh_token"].as_str().expect("a token")[..10]);
    assert!(current["expires_at"].is_string() && current["refresh_token_expires_at"].is_string());
    assert_eq!(get(&server, &path, agent).await["token"], current);
    let own = get(&server, TOKENS, &all).await;
    let everybodys = get(&server, &format!("{TOKENS}?all=true&client_id={}", app.client.id), &all).await;
    assert!(!ids(&own["tokens"]).contains(&id(&current)));
    assert_eq!(ids(&everybodys["tokens"]), [id(&current)]);
    assert_eq!(server.get(TOKENS, agent).await.status(), 403);
    // Another person's, and its own with a narrow scope.
    let others = format!("{TOKENS}/{}", id(&own["tokens"][0]));
    assert_eq!(server.get(&others, agent).await.status(), 403);
    let narrow = server.token_for(Person::Agent, Dialect::Zendesk, "tickets:read tickets:write").await;
    assert_eq!(server.get(&path, &narrow).await.status(), 403);
    assert_eq!(server.delete(&path, &narrow).await.status(), 403);
    assert_eq!(get(&server, &format!("{TOKENS}/current"), &narrow).await["token"]["user_id"], server.agent_id);

    assert_eq!(server.delete(&path, &all).await.status(), 204);

    assert_eq!(server.get("/api/v2/tickets", agent).await.status(), 401);
    let call = [("grant_type", "refresh_token"), ("refresh_token", pair["refresh_token"].as_str().expect("a token"))];
    assert_eq!(app.token_request(&call).await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_ends_the_pair_that_it_calls_with() {
    let server = Server::start().await;
    let new = NewClient { client_credentials: true, ..confidential(Dialect::Zendesk, "read write tickets:read") };
    let app = server.app(new).await;
    let pair = app.tokens(Person::Agent, "tickets:read").await;
    let of_person = pair["access_token"].as_str().expect("a token");
    let ask = async || {
        let fields = [("grant_type", "client_credentials"), ("scope", "read")];
        let answer = body(app.token_request(&fields).await, 200).await;
        answer["access_token"].as_str().expect("a token").to_owned()
    };
    let (first, second) = (ask().await, ask().await);

    for token in [of_person, &first] {
        assert_eq!(server.delete(&format!("{TOKENS}/current"), token).await.status(), 204);
        assert_eq!(server.get("/api/v2/tickets", token).await.status(), 401);
    }

    let call = [("grant_type", "refresh_token"), ("refresh_token", pair["refresh_token"].as_str().expect("a token"))];
    assert_eq!(app.token_request(&call).await.status(), 400);
    // Another worker of the app goes on.
    get(&server, "/api/v2/tickets", &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_is_told_once_renamed_ended_and_no_longer_made_after_the_end() {
    let server = Server::start().await;
    let all = all(&server).await;
    let keys = "/api/v2/api_tokens";
    let key = made(&server, keys, &all, "api_token", json!({ "description": "A script" })).await;
    let full = key["full_token"].as_str().expect("the key");
    let call = |key: &str| {
        let me = server.http.get(format!("{}/api/v2/tickets", server.base));
        me.basic_auth("admin@demo.test/token", Some(key)).send()
    };
    assert_eq!(call(full).await.expect("send").status(), 200);
    let path = format!("{keys}/{}", id(&key));

    let renamed = body(server.put(&path, &all, json!({ "api_token": { "description": "B" } })).await, 200).await;
    let listed = get(&server, &format!("{keys}?include_users=true"), &all).await;

    assert_eq!(renamed["api_token"]["description"], "B");
    assert_eq!(listed["api_tokens"][0]["token"], full[..6]);
    assert_eq!(listed["api_tokens"][0]["user"]["email"], "admin@demo.test");
    assert!(listed["api_tokens"][0].get("full_token").is_none());
    let off = ApiKeySwitch { off: true };
    server.app.provider.put_setting(&server.may(), api_key_switch::NAME, &off).await.expect("set");
    let refused = body(call(full).await.expect("send"), 401).await;
    assert_eq!(refused, json!({ "error": "Couldn't authenticate you" }));
    assert_eq!(server.post(keys, &all, json!({ "api_token": {} })).await.status(), 403);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.delete(&path, &all).await.status(), 404);
    assert_eq!(body(server.get(keys, &token(&server, "tickets:read").await).await, 403).await["error"], "Forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_api_token_speaks_for_whoever_is_named_with_their_rights() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let key = made(&server, "/api/v2/api_tokens", &all, "api_token", json!({ "description": "A script" })).await;
    let of_admin = key["full_token"].as_str().expect("the key").to_owned();
    let (now, random) = (server.clock.now(), server.app.random.clone());
    let mut tx = server.db.write().await.expect("a transaction");
    let actor = scope::permit::Actor::default();
    let (_, of_agent) =
        helpdesk::api_keys::create(&mut tx, &actor, now, &random, server.agent_id, "x").await.expect("a key");
    tx.commit().await.expect("commit");
    let call = |user: &str, key: &str, path: &str| {
        server.http.get(format!("{}{path}", server.base)).basic_auth(user, Some(key)).send()
    };
    let email = cleo["email"].as_str().expect("an address");
    let (agent, customer) = ("agent@demo.test/token", format!("{email}/token"));

    let me = body(call(agent, &of_admin, "/api/v2/users/me").await.expect("send"), 200).await;
    assert_eq!(me["user"]["id"], server.agent_id);
    for (user, key, path, expected) in [
        (agent, &of_admin, "/api/v2/api_tokens", 403),
        (&customer, &of_admin, "/api/v2/requests", 200),
        (&customer, &of_admin, "/api/v2/tickets", 403),
        ("nobody@shop.test/token", &of_admin, "/api/v2/requests", 401),
        // Without the vendor's word it is a key of its maker's, as is an agent's.
        ("agent@demo.test", &of_admin, "/api/v2/tickets", 401),
        (agent, &of_agent, "/api/v2/tickets", 200),
        ("admin@demo.test/token", &of_agent, "/api/v2/tickets", 401),
        (&customer, &of_agent, "/api/v2/requests", 401),
    ] {
        assert_eq!(call(user, key, path).await.expect("send").status(), expected, "{user} {path}");
    }
    let suspended = json!({ "user": { "suspended": true } });
    body(server.put(&format!("/api/v2/users/{}", id(&cleo)), &all, suspended).await, 200).await;
    assert_eq!(call(&customer, &of_admin, "/api/v2/requests").await.expect("send").status(), 401);

    let new = json!({ "ticket": { "subject": "Hello", "comment": { "body": "x" } } });
    let sent =
        server.http.post(format!("{}/api/v2/tickets", server.base)).basic_auth(agent, Some(&of_admin)).json(&new);
    let ticket = body(sent.send().await.expect("send"), 201).await["ticket"].clone();
    assert_eq!(ticket["submitter_id"], server.agent_id);
    let mut tx = server.db.read().await.expect("a transaction");
    let sql = "select person_id, impersonator_id from events where object_type = 'Ticket' and object_id = $1 order by id limit 1";
    let told = tx.row(sql, &[id(&ticket).into()]).await.expect("events").expect("an event");
    assert_eq!(told.int("person_id").expect("a person"), server.agent_id);
    assert_eq!(told.int("impersonator_id").expect("whose token it was"), server.admin_id);
}

//! Trading a person's token for a narrower one (RFC 8693).

use std::time::Duration;

use oauth::clients::NewClient;
use oauth::trust::NewExchangeRule;
use reqwest::Response;
use scope::Dialect;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::app::confidential;
use crate::support::{Person, Server, TestApp, TestKey};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SCOPES: &str = "tickets:read tickets:write account:read";

/// The app that people allowed, and the agent that works for it.
async fn two_apps(server: &Server) -> (TestApp<'_>, TestApp<'_>) {
    let front = server.app(confidential(Dialect::Standard, SCOPES)).await;
    let agent = NewClient {
        name: "Reply Writer".to_owned(),
        client_credentials: true,
        other_grants: vec![GRANT.to_owned()],
        ..confidential(Dialect::Standard, "tickets:read tickets:write customers:read")
    };
    (front, server.app(agent).await)
}

async fn allow(server: &Server, agent: &TestApp<'_>, front: &TestApp<'_>, delegation: bool) -> i64 {
    let rule = NewExchangeRule {
        client_id: agent.client.client_id.clone(),
        subject_client_id: Some(front.client.client_id.clone()),
        resource: server.base.clone(),
        delegation,
    };
    server.app.provider.add_exchange_rule(&server.may(), rule).await.expect("a rule")
}

async fn exchange(agent: &TestApp<'_>, subject: &str, more: &[(&str, &str)]) -> Response {
    let mut fields = vec![("grant_type", GRANT), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)];
    for change in more {
        fields.retain(|(name, _)| *name != change.0);
        fields.push(*change);
    }
    fields.retain(|(_, value)| !value.is_empty());
    agent.token_request(&fields).await
}

async fn person_token(app: &TestApp<'_>, scope: &str) -> String {
    app.tokens(Person::Agent, scope).await["access_token"].as_str().expect("a token").to_owned()
}

async fn own_token(app: &TestApp<'_>) -> String {
    let fields = [("grant_type", "client_credentials"), ("scope", "tickets:read")];
    let answer: Value = app.token_request(&fields).await.json().await.expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}

async fn introspect(app: &TestApp<'_>, token: &str) -> Value {
    let request = app.server.http.post(format!("{}/oauth/introspect", app.server.base));
    let request = request.basic_auth(&app.client.client_id, app.secret.as_deref()).form(&[("token", token)]);
    request.send().await.expect("send").json().await.expect("JSON")
}

fn refused(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_exchanges_what_no_rule_allows() {
    // TX-2
    let server = Server::start().await;
    let (front, agent) = two_apps(&server).await;
    let subject = person_token(&front, "tickets:read").await;
    let (other, _) = two_apps(&server).await;

    assert_eq!(refusal(exchange(&agent, &subject, &[]).await).await, refused("unauthorized_client"));
    assert_eq!(refusal(exchange(&front, &subject, &[]).await).await, refused("unauthorized_client"));
    // A rule for another app's tokens, and one without agents.
    let rule = allow(&server, &agent, &other, true).await;
    assert_eq!(refusal(exchange(&agent, &subject, &[]).await).await, refused("unauthorized_client"));
    server.app.provider.remove_exchange_rule(&server.may(), rule).await.unwrap();
    let rule = allow(&server, &agent, &front, false).await;
    let actor = own_token(&agent).await;
    let with_actor = [("actor_token", actor.as_str()), ("actor_token_type", ACCESS_TOKEN)];
    assert_eq!(refusal(exchange(&agent, &subject, &with_actor).await).await, refused("unauthorized_client"));
    assert_eq!(exchange(&agent, &subject, &[]).await.status(), 200);
    server.app.provider.remove_exchange_rule(&server.may(), rule).await.unwrap();
    assert_eq!(refusal(exchange(&agent, &subject, &[]).await).await, refused("unauthorized_client"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_only_narrows() {
    // TX-1
    let server = Server::start().await;
    let (front, agent) = two_apps(&server).await;
    allow(&server, &agent, &front, true).await;
    let subject = person_token(&front, SCOPES).await;

    let answer: Value = exchange(&agent, &subject, &[]).await.json().await.unwrap();
    let narrowed = exchange(&agent, &subject, &[("scope", "tickets:read"), ("audience", &server.base)]).await;
    let narrowed: Value = narrowed.json().await.unwrap();

    assert_eq!(answer["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["scope"], "tickets:read tickets:write");
    assert!(answer.get("refresh_token").is_none());
    assert_eq!(narrowed["scope"], "tickets:read");
    let token = narrowed["access_token"].as_str().unwrap();
    assert_eq!(server.get("/api/tickets", token).await.status(), 200);
    assert_eq!(server.get("/api/account", token).await.status(), 403);
    let mcp = format!("{}/mcp", server.base);
    for (changes, code) in [
        ([("scope", "account:read")], "invalid_scope"),
        ([("scope", "customers:read")], "invalid_scope"),
        ([("scope", "\u{e9}")], "invalid_scope"),
        ([("resource", "https://elsewhere.example")], "invalid_target"),
        ([("audience", "https://elsewhere.example")], "invalid_target"),
        ([("resource", mcp.as_str())], "invalid_target"),
        ([("subject_token", "")], "invalid_request"),
        ([("subject_token", "unknown")], "invalid_request"),
        ([("subject_token_type", "")], "invalid_request"),
        ([("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")], "invalid_request"),
        ([("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")], "invalid_request"),
        ([("actor_token_type", ACCESS_TOKEN)], "invalid_request"),
        ([("actor_token", "unknown")], "invalid_request"),
    ] {
        assert_eq!(refusal(exchange(&agent, &subject, &changes).await).await, refused(code), "{changes:?}");
    }
    // An app's own token is no person's.
    let own = own_token(&agent).await;
    assert_eq!(refusal(exchange(&agent, &own, &[]).await).await, refused("invalid_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchanged_token_ends_with_what_it_came_from() {
    // TX-1
    let server = Server::start().await;
    let (front, agent) = two_apps(&server).await;
    allow(&server, &agent, &front, false).await;
    let subject = person_token(&front, "tickets:read").await;
    server.clock.advance(Duration::from_secs(1000));

    let answer: Value = exchange(&agent, &subject, &[]).await.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();

    assert_eq!(answer["expires_in"], 800);
    assert_eq!(server.get("/api/tickets", token).await.status(), 200);
    let grants = {
        let mut tx = server.db.read().await.unwrap();
        oauth::consents::list_by_client(&mut tx, &server.may(), server.clock.now(), front.client.id, None, 10)
            .await
            .unwrap()
    };
    server.app.provider.revoke_grant(&server.may(), grants[0].id).await.unwrap();
    assert_eq!(server.get("/api/tickets", token).await.status(), 401);
    assert_eq!(refusal(exchange(&agent, &subject, &[]).await).await, refused("invalid_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_and_its_person_stand_in_the_log_and_on_the_ticket() {
    // TX-1, TX-3, IN-3
    let server = Server::start().await;
    let (front, agent) = two_apps(&server).await;
    allow(&server, &agent, &front, true).await;
    let subject = person_token(&front, "tickets:read tickets:write").await;
    let actor = own_token(&agent).await;
    let act = json!({ "sub": format!("client:{}", agent.client.client_id), "name": "Reply Writer" });

    let answer = exchange(&agent, &subject, &[("actor_token", &actor), ("actor_token_type", ACCESS_TOKEN)]).await;
    let answer: Value = answer.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let found = introspect(&agent, token).await;
    let ticket = json!({
        "customer": { "email": "dora@example.com" }, "channel": "email", "via": "api",
        "messages": [{ "channel": "internal-note", "via": "api", "from_agent": true, "body_text": "Written for you." }],
    });
    let ticket = server.post("/api/tickets", token, ticket).await;
    assert_eq!(ticket.status(), 201);
    let ticket: Value = ticket.json().await.unwrap();
    let (id, message) = (&ticket["id"], &ticket["messages"][0]);

    assert_eq!(found["sub"], server.agent_id.to_string());
    assert_eq!(found["act"], act);
    assert_eq!(message["meta"]["act"], act);
    assert_eq!(message["sender"]["id"], server.agent_id);
    let reader = server.token("events:read").await;
    let events = server.get(&format!("/api/events?object_type=Ticket&object_id={id}"), &reader).await;
    let events: Value = events.json().await.unwrap();
    let created = events["data"].as_array().unwrap().iter().find(|it| it["type"] == "ticket-created").unwrap();
    assert_eq!(created["user_id"], server.agent_id);
    assert_eq!(created["data"]["act"], act);
    let mut tx = server.db.read().await.unwrap();
    let row =
        tx.row("select person_id, client_id, data from events where type = 'token-exchanged'", &[]).await.unwrap();
    let row = row.unwrap();
    assert_eq!(row.int("person_id").unwrap(), server.agent_id);
    assert_eq!(row.int("client_id").unwrap(), agent.client.id);
    assert_eq!(row.json("data").unwrap().unwrap()["act"], act);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_of_those_who_act_is_kept() {
    // TX-1
    let server = Server::start().await;
    let (front, first) = two_apps(&server).await;
    let (_, second) = two_apps(&server).await;
    allow(&server, &first, &front, true).await;
    allow(&server, &second, &first, true).await;
    let subject = person_token(&front, "tickets:read").await;
    let by = async |agent: &TestApp<'_>, subject: &str| {
        let actor = own_token(agent).await;
        let answer = exchange(agent, subject, &[("actor_token", &actor), ("actor_token_type", ACCESS_TOKEN)]).await;
        answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    };

    let once = by(&first, &subject).await;
    let twice = by(&second, &once).await;
    let without_actor: Value = exchange(&second, &once, &[]).await.json().await.unwrap();

    let act = introspect(&second, &twice).await["act"].clone();
    assert_eq!(act["sub"], format!("client:{}", second.client.client_id));
    assert_eq!(act["act"]["sub"], format!("client:{}", first.client.client_id));
    let kept = introspect(&second, without_actor["access_token"].as_str().unwrap()).await["act"].clone();
    assert_eq!(kept, act["act"]);
    // Nobody shows another app's token as its own agent's.
    let strange = own_token(&first).await;
    let strange = exchange(&second, &once, &[("actor_token", &strange), ("actor_token_type", ACCESS_TOKEN)]).await;
    assert_eq!(refusal(strange).await, refused("invalid_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_exchanged_by_its_key_only() {
    // TX-1, DP-5
    let server = Server::start().await;
    let (front, agent) = two_apps(&server).await;
    allow(&server, &agent, &front, false).await;
    let key = TestKey::es256();
    let code = front.code(Person::Agent, "tickets:read").await;
    let answer: Value = front.redeem_bound(&code, &key).await.json().await.unwrap();
    let subject = answer["access_token"].as_str().unwrap();
    let fields = [("grant_type", GRANT), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)];

    let stolen = agent.token_request(&fields).await;
    let proof = server.proof(&key, "POST", "/oauth/token", json!({}));
    let right = agent.token_request_with(&proof, &fields).await;

    assert_eq!(refusal(stolen).await, refused("invalid_request"));
    assert_eq!(right.json::<Value>().await.unwrap()["token_type"], "DPoP");
}

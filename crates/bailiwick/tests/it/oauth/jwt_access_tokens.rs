//! Signed access tokens (RFC 9068), which live and die as opaque ones do.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use oauth::clients::NewClient;
use scope::Dialect;
use serde_json::{Value, json};

use super::token::works;
use crate::support::app::confidential;
use crate::support::{Browser, Person, Server, TestApp};

const WORDS: &str = "openid offline_access account:read tickets:read";

async fn app(server: &Server) -> TestApp<'_> {
    let new = NewClient { jwt_access_tokens: true, client_credentials: true, ..confidential(Dialect::Standard, WORDS) };
    server.app(new).await
}

/// The claims, if one of our published keys signed them for this audience.
async fn verified(server: &Server, token: &Value, audience: &str) -> Value {
    let token = token.as_str().expect("a token");
    let answer = server.http.get(format!("{}/oauth/jwks", server.base)).send().await.expect("send");
    let keys: JwkSet = answer.json().await.expect("a key set");
    let header = decode_header(token).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = keys.find(header.kid.as_deref().expect("a kid")).expect("a published key");
    let mut rules = Validation::new(header.alg);
    // The tests' clock is not today's.
    rules.validate_exp = false;
    rules.set_audience(&[audience]);
    rules.set_issuer(&[&server.base]);
    decode::<Value>(token, &DecodingKey::from_jwk(key).expect("a key"), &rules).expect("verified").claims
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_token_says_who_may_do_what_where_and_until_when() {
    // AT-2
    let server = Server::start().await;
    let app = app(&server).await;
    let now = server.clock.now().as_second();

    let tokens = app.tokens(Person::Agent, WORDS).await;
    let claims = verified(&server, &tokens["access_token"], &server.base).await;

    assert_eq!(claims["sub"], server.agent_id.to_string());
    assert_eq!(claims["client_id"], app.client.client_id);
    assert_eq!(claims["scope"], tokens["scope"]);
    assert_eq!([&claims["iat"], &claims["exp"]], [&json!(now), &json!(now + 1800)]);
    assert_eq!(claims["auth_time"], now);
    assert!(claims["acr"].is_string() && claims["jti"].as_str().is_some_and(|jti| jti.len() >= 22));
    assert!(claims.get("nonce").is_none());

    let refreshed: Value =
        app.refresh_for(&tokens, &[], &[("scope", "account:read")]).await.json().await.expect("JSON");
    let again = verified(&server, &refreshed["access_token"], &server.base).await;
    assert_eq!(again["scope"], "account:read");
    assert_eq!(again["auth_time"], now);
    assert_ne!(again["jti"], claims["jti"]);

    let for_mcp = app.tokens_for(Person::Agent, "tickets:read", &[&server.mcp_resource()]).await;
    verified(&server, &for_mcp["access_token"], &server.mcp_resource()).await;

    let own = app.token_request(&[("grant_type", "client_credentials"), ("scope", "tickets:read")]).await;
    let own: Value = own.json().await.expect("JSON");
    let own = verified(&server, &own["access_token"], &server.base).await;
    assert_eq!(own["sub"], format!("client:{}", app.client.client_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_token_is_used_looked_up_and_revoked_as_any_other() {
    // AT-3
    let server = Server::start().await;
    let app = app(&server).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    let token = tokens["access_token"].as_str().expect("a token");

    assert!(works(&server, &tokens["access_token"]).await);
    let userinfo: Value = server.get("/oauth/userinfo", token).await.json().await.expect("JSON");
    assert_eq!(userinfo["sub"], server.agent_id.to_string());
    assert_eq!(app.introspect(&tokens["access_token"]).await["active"], true);

    // Whatever its signature says, a letter that was changed makes it unknown.
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(server.get("/api/account", &forged).await.status(), 401);

    let revoke = server.http.post(format!("{}/oauth/revoke", server.base));
    let answer = revoke.basic_auth(&app.client.client_id, app.secret.as_ref()).form(&[("token", token)]).send().await;
    assert_eq!(answer.expect("send").status(), 200);
    assert!(!works(&server, &tokens["access_token"]).await);
    assert_eq!(app.introspect(&tokens["access_token"]).await, json!({ "active": false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_kind_of_jwt_is_taken_for_the_other() {
    // AT-5
    let server = Server::start().await;
    let app = app(&server).await;
    let mut browser = Browser::new(&server);
    let code = app.allow(&mut browser, Person::Agent, WORDS).await["code"].clone();
    let tokens: Value = app.redeem(&code).await.json().await.expect("JSON");
    let hint = [("id_token_hint", tokens["access_token"].as_str().expect("a token"))];

    assert!(!works(&server, &tokens["id_token"]).await);
    assert_eq!(server.get("/oauth/userinfo", tokens["id_token"].as_str().expect("a token")).await.status(), 401);
    let refused = browser.open(&app.request(WORDS, &hint)).await;
    assert_eq!(refused.answer()["error"], "invalid_request");
}

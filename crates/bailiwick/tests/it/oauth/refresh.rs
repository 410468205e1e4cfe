//! Refresh tokens: rotation, the grace window, lost answers, reuse, lifetimes.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Response;
use scope::Dialect;
use serde_json::Value;

use super::token::{refusal, works};
use crate::support::app::{confidential, public};
use crate::support::{Person, Server, TestApp};

const WORDS: &str = "openid offline_access account:read tickets:read";

async fn refresh(app: &TestApp<'_>, tokens: &Value) -> Response {
    let token = tokens["refresh_token"].as_str().expect("a refresh token");
    app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

async fn refreshed(app: &TestApp<'_>, tokens: &Value) -> Value {
    let response = refresh(app, tokens).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.expect("an answer"));
    response.json().await.expect("an answer")
}

fn signed_out() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

async fn a_public_app(server: &Server) -> TestApp<'_> {
    server.app(public(Dialect::Standard, WORDS)).await
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_apps_token_rotates_and_its_older_access_token_lives_on() {
    // RT-3, RT-9, MC-6
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let first = app.tokens(Person::Agent, WORDS).await;
    server.clock.advance(seconds(60));

    let second = refreshed(&app, &first).await;

    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(first["scope"], second["scope"]);
    assert!(works(&server, &first["access_token"]).await);
    assert!(works(&server, &second["access_token"]).await);
    let (old, new) = (claims(&first), claims(&second));
    for claim in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(old[claim], new[claim], "{claim}");
    }
    assert_ne!(old["iat"], new["iat"]);
}

fn claims(tokens: &Value) -> Value {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = tokens["id_token"].as_str().expect("an answer").split('.').nth(1).expect("an answer");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("an answer")).expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confidential_apps_token_stays_and_is_repeated() {
    // RT-3, POL-2
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let first = app.tokens(Person::Agent, WORDS).await;

    let second = refreshed(&app, &first).await;
    server.clock.advance(seconds(29 * 86_400));
    let third = refreshed(&app, &first).await;

    assert_eq!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(third["refresh_token"], first["refresh_token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_bound_to_its_app() {
    // RT-1
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let other = a_public_app(&server).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;

    let foreign = refresh(&other, &tokens).await;

    assert_eq!(refusal(foreign).await, signed_out());
    assert_eq!(refresh(&app, &tokens).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_may_narrow_the_answer_and_never_widen_it() {
    // RT-2, AC-7
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let first = app.tokens(Person::Agent, WORDS).await;
    let with_scope = async |tokens: &Value, scope: &str| {
        let token = tokens["refresh_token"].as_str().unwrap();
        app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
    };

    let wider = with_scope(&first, "account:read tickets:write").await;
    let narrower = with_scope(&first, "account:read").await;

    assert_eq!(refusal(wider).await, (400, "invalid_scope".to_owned()));
    let narrower: Value = narrower.json().await.unwrap();
    assert_eq!(narrower["scope"], "account:read");
    assert!(narrower.get("id_token").is_none());
    assert_eq!(server.get("/api/tickets", narrower["access_token"].as_str().unwrap()).await.status(), 403);
    // The refresh token keeps the whole set.
    assert_eq!(refreshed(&app, &narrower).await["scope"], first["scope"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_that_refresh_at_once_both_get_a_working_answer() {
    // RT-5, TK-5
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let first = app.tokens(Person::Agent, WORDS).await;

    let (one, other) = tokio::join!(refreshed(&app, &first), refreshed(&app, &first));
    server.clock.advance(seconds(10));
    let late = refreshed(&app, &first).await;

    assert_ne!(one["refresh_token"], other["refresh_token"]);
    for tokens in [&one, &other, &late] {
        assert!(works(&server, &tokens["access_token"]).await);
        assert_eq!(refresh(&app, tokens).await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_seven_workers_that_refresh_at_once_none_is_locked_out_and_five_branches_live() {
    // RT-4, RT-5
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let first = app.tokens(Person::Agent, WORDS).await;
    let mut branches = Vec::new();
    for _ in 0..7 {
        branches.push(refreshed(&app, &first).await);
    }

    let living: BTreeSet<&str> = branches.iter().filter_map(|it| it["refresh_token"].as_str()).collect();
    assert_eq!(living.len(), 5);
    for branch in &branches {
        assert!(works(&server, &branch["access_token"]).await);
        assert_eq!(refresh(&app, branch).await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_never_hear_of_each_other_keep_at_most_five_branches() {
    // RT-4
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let mut oldest = app.tokens(Person::Agent, WORDS).await;
    let mut branches = Vec::new();
    // Each branches off from what the one before got, and leaves a second branch behind.
    for _ in 0..7 {
        branches.push(refreshed(&app, &oldest).await);
        oldest = refreshed(&app, &oldest).await;
    }

    assert_eq!(refusal(refresh(&app, &branches[0]).await).await, signed_out());
    assert_eq!(refresh(&app, &branches[6]).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_can_be_asked_for_again() {
    // RT-11
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let first = app.tokens(Person::Agent, WORDS).await;
    let lost = refreshed(&app, &first).await;
    server.clock.advance(seconds(3600));

    let again = refreshed(&app, &first).await;

    assert!(works(&server, &again["access_token"]).await);
    assert!(!works(&server, &lost["access_token"]).await);
    assert_eq!(refusal(refresh(&app, &lost).await).await, signed_out());
    assert_eq!(refresh(&app, &again).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_token_that_comes_back_after_its_child_was_refreshed_ends_the_family() {
    // RT-6, ALL-17
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let first = app.tokens(Person::Agent, WORDS).await;
    let elsewhere = app.tokens(Person::Agent, WORDS).await;
    let second = refreshed(&app, &first).await;
    let third = refreshed(&app, &second).await;
    server.clock.advance(seconds(11));

    let replay = refusal(refresh(&app, &first).await).await;

    assert_eq!(replay, signed_out());
    for tokens in [&first, &second, &third] {
        assert!(!works(&server, &tokens["access_token"]).await);
    }
    assert_eq!(refusal(refresh(&app, &third).await).await, signed_out());
    // The other family of the same person and app.
    assert!(works(&server, &elsewhere["access_token"]).await);
    assert_eq!(refresh(&app, &elsewhere).await.status(), 200);
    let mut tx = server.db.read().await.unwrap();
    let event = tx.row("select after, data from events where type = 'token-family-revoked'", &[]).await.unwrap();
    let event = event.expect("an event");
    assert_eq!(event.json("after").unwrap().unwrap()["because"], "refresh_token_replayed");
    assert_eq!(event.json("data").unwrap().unwrap()["person_id"], server.agent_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_token_that_comes_back_after_the_new_access_token_was_used_ends_the_family() {
    // RT-6, RT-11
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let first = app.tokens(Person::Agent, WORDS).await;
    let second = refreshed(&app, &first).await;
    assert!(works(&server, &second["access_token"]).await);
    server.clock.advance(seconds(11));

    let replay = refusal(refresh(&app, &first).await).await;

    assert_eq!(replay, signed_out());
    assert!(!works(&server, &second["access_token"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_when_it_is_idle_for_too_long_and_at_the_familys_end() {
    // RT-7
    let server = Server::start().await;
    let app = a_public_app(&server).await;
    let idle = app.tokens(Person::Agent, WORDS).await;
    let mut busy = app.tokens(Person::Agent, WORDS).await;
    for _ in 0..18 {
        server.clock.advance(seconds(20 * 86_400));
        busy = refreshed(&app, &busy).await;
    }
    let idle_refused = refusal(refresh(&app, &idle).await).await;
    server.clock.advance(seconds(6 * 86_400));

    let after_a_year = refusal(refresh(&app, &busy).await).await;

    assert_eq!(idle_refused, signed_out());
    assert_eq!(after_a_year, signed_out());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_survives_new_keys_and_secrets_and_ends_with_its_person() {
    // RT-8
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    let actor = scope::permit::Actor::default();
    let provider = &server.app.provider;
    provider.rotate_keys(&actor, oauth::key_rotation::Rotation::AtOnce).await.unwrap();
    let new = provider.add_secret(&server.may(), app.client.id, oauth::clients::OldSecrets::EndNow).await.unwrap();
    let app = TestApp { secret: Some(new.value), ..app };

    let after_rotation = refresh(&app, &tokens).await.status();
    let mut tx = server.db.write().await.unwrap();
    tx.run("update people set active = 0 where id = $1", &[server.agent_id.into()]).await.unwrap();
    tx.commit().await.unwrap();
    let after_deactivation = refusal(refresh(&app, &tokens).await).await;

    assert_eq!(after_rotation, 200);
    assert_eq!(after_deactivation, signed_out());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_zendesk_both_tokens_are_replaced_and_a_replay_hurts_nobody() {
    // RT-3, SC-8
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "read")).await;
    let first = app.tokens(Person::Agent, "read").await;
    assert!(works(&server, &first["access_token"]).await);

    let second = refreshed(&app, &first).await;
    let replay = refusal(refresh(&app, &first).await).await;
    server.clock.advance(seconds(60));
    let later_replay = refusal(refresh(&app, &first).await).await;

    assert_eq!(first["refresh_token_expires_in"], 2_592_000);
    assert!(!works(&server, &first["access_token"]).await);
    assert_eq!(replay, signed_out());
    assert_eq!(later_replay, signed_out());
    assert!(works(&server, &second["access_token"]).await);
    assert_eq!(refresh(&app, &second).await.status(), 200);
}

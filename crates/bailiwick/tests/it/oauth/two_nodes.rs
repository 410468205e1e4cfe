//! Two nodes over one database: what ends on one is over on the other within a second (RV-5, CO-9, POL-4).

use scope::Dialect;

use crate::support::app::confidential;
use crate::support::nodes::Node;
use crate::support::{Person, Server, TestApp};

const WORDS: &str = "offline_access account:read";

/// An app, and an access token that the second node has just taken and therefore remembers.
async fn remembered<'a>(server: &'a Server, node: &Node) -> (TestApp<'a>, String) {
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Admin, WORDS).await;
    let token = tokens["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(server.status_at(node, &token).await, 200);
    (app, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_on_the_other_node_within_a_second() {
    // RV-5
    let server = Server::start().await;
    let node = server.second_node().await;
    let (app, token) = remembered(&server, &node).await;

    let revoke = server.http.post(format!("{}/oauth/revoke", server.base));
    let answer = revoke.basic_auth(&app.client.client_id, app.secret.as_ref()).form(&[("token", &token)]).send().await;

    assert_eq!(answer.expect("send").status(), 200);
    assert_eq!(server.get("/api/account", &token).await.status(), 401, "here at once");
    let seconds = server.seconds_until_refused(&node, &token).await;
    assert!(seconds < 1.0, "after {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_app_is_refused_on_the_other_node_within_a_second() {
    // POL-4, RS-9
    let server = Server::start().await;
    let node = server.second_node().await;
    let (app, token) = remembered(&server, &node).await;

    server.app.provider.disable_client(&server.may(), app.client.id).await.expect("suspended");

    let seconds = server.seconds_until_refused(&node, &token).await;
    assert!(seconds < 1.0, "after {seconds} s");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "whatever")];
    let refused = server.http.post(format!("{}/oauth/token", node.base));
    let refused = refused.basic_auth(&app.client.client_id, app.secret.as_ref()).form(&fields).send().await;
    assert_eq!(refused.expect("send").status(), 401);

    server.app.provider.enable_client(&server.may(), app.client.id).await.expect("let in again");
    assert_eq!(server.status_at(&node, &token).await, 200, "a refusal is not remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_grant_is_over_on_the_other_node_within_a_second() {
    // CO-9, RV-5
    let server = Server::start().await;
    let node = server.second_node().await;
    let (app, token) = remembered(&server, &node).await;
    let mut tx = server.db.read().await.expect("begin");
    let sql = "select id from grants where client_id = $1";
    let row = tx.row(sql, &[app.client.id.into()]).await.expect("a query").expect("a grant");
    drop(tx);

    server.app.provider.revoke_grant(&server.may(), row.int("id").expect("an id")).await.expect("withdrawn");

    let seconds = server.seconds_until_refused(&node, &token).await;
    assert!(seconds < 1.0, "after {seconds} s");
}

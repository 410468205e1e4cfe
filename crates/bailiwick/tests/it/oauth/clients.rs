//! Apps as administrators see and change them (section 0 of the OAuth contract).

use oauth::clients::{self, After, Client, ClientChange, NewClient};
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::app::{confidential, public};

fn named(name: &str) -> NewClient {
    NewClient { name: name.to_owned(), ..confidential(Dialect::Gorgias, "tickets:read") }
}

async fn list(server: &Server, search: Option<&str>, after: Option<&After>, limit: i64) -> Vec<String> {
    let mut tx = server.db.read().await.expect("begin");
    let page: Vec<Client> = clients::list(&mut tx, &server.may(), search, after, limit).await.expect("a page");
    page.into_iter().map(|client| client.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_goes_by_name_and_never_repeats_or_skips() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for name in ["Delta", "Alpha", "Beta", "Beta", "Gamma 100%", "Épsilon"] {
        ids.push(server.app(named(name)).await.client.id);
    }
    server.app.provider.delete_client(&server.may(), ids[1]).await.expect("deleted");
    server.app.provider.disable_client(&server.may(), ids[0]).await.expect("disabled");

    let first = list(&server, None, None, 2).await;
    let second = list(&server, None, Some(&After { name: "Beta".to_owned(), id: ids[3] }), 2).await;

    assert_eq!(first, ["Beta", "Beta"]);
    assert_eq!(second, ["Delta", "Gamma 100%"]);
    assert_eq!(list(&server, Some("0%"), None, 10).await, ["Gamma 100%"]);
    assert_eq!(list(&server, Some(" BETA "), None, 1).await, ["Beta"]);
    assert_eq!(list(&server, Some("Épsilon"), None, 10).await, ["Épsilon"]);
    assert_eq!(list(&server, Some("mirror ltd"), None, 10).await.len(), 5, "the publisher is searched too");
    assert!(list(&server, Some("_"), None, 10).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_written_down_with_what_was_before() {
    // ALL-17, POL-1
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read users:read")).await;
    let provider = &server.app.provider;
    let change = ClientChange {
        name: Some("New name".to_owned()),
        publisher: Some(None),
        allowed_scopes: Some(vec!["tickets:read".to_owned()]),
        verified: Some(true),
        ..ClientChange::default()
    };

    let changed = provider.update_client(&server.may(), app.client.id, change.clone()).await.expect("changed");
    provider.update_client(&server.may(), app.client.id, change).await.expect("no change");

    assert_eq!(changed.allowed_scopes.as_str(), "tickets:read");
    assert_eq!(changed.redirect_uris, app.client.redirect_uris, "what was not sent stays");
    let mut tx = server.db.read().await.expect("begin");
    let sql = "select before, after, person_id from events where type = 'app-updated'";
    let rows = tx.rows(sql, &[]).await.expect("events");
    assert_eq!(rows.len(), 1, "nothing changed the second time");
    let before: Value = rows[0].json("before").expect("JSON").expect("a value");
    let after: Value = rows[0].json("after").expect("JSON").expect("a value");
    assert_eq!(
        before,
        json!({ "name": "Ticket Mirror", "publisher": "Mirror Ltd", "allowed_scopes": "tickets:read users:read", "verified": false })
    );
    assert_eq!(
        after,
        json!({ "name": "New name", "publisher": null, "allowed_scopes": "tickets:read", "verified": true })
    );
    assert_eq!(rows[0].int("person_id").expect("who"), server.admin_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_cannot_have_is_refused_by_the_name_of_its_field() {
    // POL-3, SC-3, SC-7, SC-11
    let server = Server::start().await;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let gorgias = || confidential(Dialect::Gorgias, "tickets:read");
    let cases = [
        ("allowed_scopes", NewClient { allowed_scopes: words(&["tickets:raed"]), ..gorgias() }),
        ("allowed_scopes", NewClient { allowed_scopes: words(&["\"x\""]), ..gorgias() }),
        ("allowed_scopes", public(Dialect::Zendesk, "read impersonate")),
        ("default_scopes", NewClient { default_scopes: Some(words(&["users:write"])), ..gorgias() }),
        ("client_uri", NewClient { client_uri: Some("javascript:alert(1)".to_owned()), ..gorgias() }),
        ("publisher", NewClient { publisher: Some("x".repeat(101)), ..gorgias() }),
        ("require_pkce", NewClient { require_pkce: Some(false), ..public(Dialect::Standard, "tickets:read") }),
        ("client_credentials", NewClient { client_credentials: true, ..public(Dialect::Zendesk, "read") }),
        ("client_credentials", NewClient { client_credentials: true, ..gorgias() }),
    ];

    for (name, new) in cases {
        let refused = server.app.provider.create_client(&server.may(), new.clone()).await;

        assert!(
            matches!(&refused, Err(helpdesk::Error::Invalid { field, .. }) if field == name),
            "{name}: {refused:?} for {new:?}"
        );
    }
    let unknown = server.app.provider.update_client(&server.may(), 999, ClientChange::default()).await;
    assert!(matches!(unknown, Err(helpdesk::Error::NotFound { kind: "app", id: 999 })));
}

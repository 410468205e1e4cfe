//! What the record of an app may hold: the same rules for administrators as for apps that register themselves.

use oauth::clients::{ClientChange, Metadata, NewClient};
use oauth::policy::Policy;
use scope::Dialect;
use serde_json::json;

use crate::support::app::{confidential, public};
use crate::support::{Server, TestKey};

fn with(metadata: Metadata) -> NewClient {
    NewClient { metadata, ..confidential(Dialect::Standard, "tickets:read") }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_told_which_member_is_wrong() {
    // KEY-6, KEY-8, RU-9, ID-4, CO-2
    let server = Server::start().await;
    let text = |it: &str| Some(it.to_owned());
    let keys = || Some(TestKey::es256().set());
    let app = || confidential(Dialect::Standard, "tickets:read");
    let none = Metadata::default;
    let cases = [
        ("jwks", with(Metadata { jwks: keys(), jwks_uri: text("https://a.example/jwks"), ..none() })),
        ("jwks", with(Metadata { jwks: Some(json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })), ..none() })),
        ("jwks_uri", with(Metadata { jwks_uri: text("http://a.example/jwks"), ..none() })),
        ("logo_uri", with(Metadata { logo_uri: text("https://10.0.0.1/logo.png"), ..none() })),
        ("policy_uri", with(Metadata { policy_uri: text("javascript:alert(1)"), ..none() })),
        ("tos_uri", with(Metadata { tos_uri: text("http://a.example/terms"), ..none() })),
        ("sector_identifier_uri", with(Metadata { sector_identifier_uri: text("http://a.example/"), ..none() })),
        ("subject_type", with(Metadata { subject_type: text("secret"), ..none() })),
        (
            "post_logout_redirect_uris.1",
            with(Metadata {
                post_logout_redirect_uris: vec!["https://a.example/".to_owned(), "https://a.example/#x".to_owned()],
                ..none()
            }),
        ),
        ("backchannel_logout_uri", with(Metadata { backchannel_logout_uri: text("http://a.example/"), ..none() })),
        ("initiate_login_uri", with(Metadata { initiate_login_uri: text("https://u@a.example/"), ..none() })),
        ("contacts", with(Metadata { contacts: vec![String::new()], ..none() })),
        ("default_max_age", with(Metadata { default_max_age: Some(-1), ..none() })),
        ("userinfo_signed_response_alg", with(Metadata { userinfo_signed_response_alg: text("HS256"), ..none() })),
        (
            "tls_client_auth_san_ip",
            NewClient {
                token_endpoint_auth_method: text("tls_client_auth"),
                ..with(Metadata { tls_client_auth_san_ip: text("somewhere"), ..none() })
            },
        ),
        ("id_token_signed_response_alg", NewClient { id_token_signed_response_alg: text("none"), ..app() }),
        (
            "id_token_signed_response_alg",
            NewClient {
                policy: Some(Policy::Fapi2),
                id_token_signed_response_alg: text("RS256"),
                ..with(Metadata { jwks: keys(), ..none() })
            },
        ),
        ("token_endpoint_auth_method", NewClient { token_endpoint_auth_method: text("password"), ..app() }),
        ("token_endpoint_auth_method", NewClient { token_endpoint_auth_method: text("none"), ..app() }),
        (
            "token_endpoint_auth_method",
            NewClient {
                token_endpoint_auth_method: text("client_secret_basic"),
                ..public(Dialect::Standard, "tickets:read")
            },
        ),
        (
            "token_endpoint_auth_method",
            NewClient { policy: Some(Policy::Fapi2), token_endpoint_auth_method: text("client_secret_basic"), ..app() },
        ),
        ("jwks", NewClient { token_endpoint_auth_method: text("private_key_jwt"), ..app() }),
        ("jwks", NewClient { require_signed_request: true, ..app() }),
        ("grant_types", NewClient { other_grants: vec!["password".to_owned()], ..app() }),
    ];

    for (name, new) in cases {
        let refused = server.app.provider.create_client(&server.may(), new.clone()).await;

        assert!(
            matches!(&refused, Err(helpdesk::Error::Invalid { field, .. }) if field == name),
            "{name}: {refused:?} for {new:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_judged_as_a_whole() {
    // KEY-6, POL-1
    let server = Server::start().await;
    let provider = &server.app.provider;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let keyed = || ClientChange {
        token_endpoint_auth_method: Some("private_key_jwt".to_owned()),
        metadata: Some(Metadata { jwks: Some(TestKey::es256().set()), ..Metadata::default() }),
        ..ClientChange::default()
    };

    let bare = ClientChange { metadata: None, ..keyed() };
    assert!(provider.update_client(&server.may(), app.client.id, bare).await.is_err(), "no keys to prove itself by");
    provider.update_client(&server.may(), app.client.id, keyed()).await.expect("changed");
    let fapi = ClientChange { policy: Some(Policy::Fapi2), ..ClientChange::default() };
    let after = provider.update_client(&server.may(), app.client.id, fapi).await.expect("changed");

    assert!(after.require_par && after.require_dpop && after.require_pkce);
    assert_eq!(after.id_token_signed_response_alg, "PS256");
    assert!(!after.rotates_refresh);
    assert!(provider.add_secret(&server.may(), app.client.id, oauth::clients::OldSecrets::Keep).await.is_err());
    let unkeyed = ClientChange { metadata: Some(Metadata::default()), ..ClientChange::default() };
    assert!(provider.update_client(&server.may(), app.client.id, unkeyed).await.is_err());
}

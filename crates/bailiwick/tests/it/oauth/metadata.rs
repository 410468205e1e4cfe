//! Discovery: what the provider says of itself is what it does.

use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use serde_json::Value;

use crate::support::{Server, golden};

async fn document(server: &Server, path: &str) -> Value {
    let response = server.http.get(format!("{}{path}", server.base)).send().await.expect("an answer");
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_documents_say_the_same_as_reviewed() {
    // MD-1, MD-3, MD-4, MD-5, MD-6, MD-7, MD-8, ALL-1
    let server = Server::start_with(|settings| settings.public_url = "https://help.example.com".to_owned()).await;

    let openid = document(&server, "/.well-known/openid-configuration").await;
    let oauth = document(&server, "/.well-known/oauth-authorization-server").await;

    assert_eq!(openid, oauth);
    assert_eq!(openid["issuer"], "https://help.example.com");
    golden("discovery.json", &format!("{}\n", serde_json::to_string_pretty(&openid).unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_with_a_path_is_found_under_each_spelling() {
    // MD-2
    let server = Server::start_with(|settings| settings.public_url = "https://example.com/help/desk".to_owned()).await;

    for name in ["openid-configuration", "oauth-authorization-server"] {
        let found = document(&server, &format!("/.well-known/{name}/help/desk")).await;
        assert_eq!(found["issuer"], "https://example.com/help/desk");
        let other = server.http.get(format!("{}/.well-known/{name}/elsewhere", server.base)).send().await.unwrap();
        assert_eq!(other.status(), 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_advertised_endpoint_answers() {
    // MD-9
    let server = Server::start().await;
    let document = document(&server, "/.well-known/openid-configuration").await;

    for (name, value) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let address = value.as_str().unwrap();
            assert!(address.starts_with(&server.base), "{name}");
            let status = server.http.get(address).send().await.unwrap().status().as_u16();
            assert!([200, 400, 401, 405].contains(&status), "{name}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_may_be_kept_and_read_by_anybody() {
    // MD-10, KEY-7
    let server = Server::start().await;

    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-protected-resource", "/oauth/jwks"] {
        let url = format!("{}{path}", server.base);
        let first = server.http.get(&url).header("origin", "https://anywhere.example").send().await.unwrap();
        let tag = first.headers()[ETAG].clone();

        let again = server.http.get(&url).header(IF_NONE_MATCH, tag.clone()).send().await.unwrap();

        assert_eq!(first.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(first.headers()[CACHE_CONTROL], "public, max-age=300");
        assert_eq!(first.headers()["access-control-allow-origin"], "*");
        assert!(first.headers().get("access-control-allow-credentials").is_none());
        assert_eq!(again.status(), 304, "{path}");
        assert_eq!(again.headers()[ETAG], tag);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_says_who_gives_tokens_for_it() {
    // MD-12, RS-2
    let server = Server::start().await;

    let found = document(&server, "/.well-known/oauth-protected-resource").await;
    let challenge = server.http.get(format!("{}/api/tickets", server.base)).send().await.unwrap();

    assert_eq!(found["resource"], server.base.as_str());
    assert_eq!(found["authorization_servers"][0], server.base.as_str());
    assert_eq!(found["bearer_methods_supported"], serde_json::json!(["header"]));
    let scopes: Vec<&str> = found["scopes_supported"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!scopes.contains(&"offline_access") && scopes.contains(&"tickets:read"));
    let challenge = challenge.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains(&format!("{}/.well-known/oauth-protected-resource", server.base)), "{challenge}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_beyond_the_core_is_advertised_where_it_exists_and_not_where_it_does_not() {
    // MD-11, MD-9
    let server = Server::start().await;

    let found = document(&server, "/.well-known/oauth-authorization-server").await;

    let is_text = |value: &Value| value.is_string();
    for name in [
        "acr_values_supported",
        "authorization_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
        "prompt_values_supported",
        "request_object_signing_alg_values_supported",
        "response_modes_supported",
        "ui_locales_supported",
    ] {
        let values = found[name].as_array().unwrap_or_else(|| panic!("{name} is missing"));
        assert!(!values.is_empty() && values.iter().all(is_text), "{name}: {values:?}");
    }
    for (name, value) in [
        ("require_pushed_authorization_requests", false),
        ("claims_parameter_supported", true),
        ("request_parameter_supported", true),
        ("request_uri_parameter_supported", false),
        ("backchannel_logout_supported", true),
        ("backchannel_logout_session_supported", true),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    // Not built: rich authorization requests (RA-1), signed introspection (IN-6), tokens bound to certificates (MT-1).
    for name in
        ["authorization_details_types_supported", "introspection_signing_alg_values_supported", "mtls_endpoint_aliases"]
    {
        assert!(found.get(name).is_none(), "{name}");
    }
    assert_ne!(found.get("tls_client_certificate_bound_access_tokens"), Some(&Value::Bool(true)));
    let modes = ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"];
    assert_eq!(found["response_modes_supported"], serde_json::json!(modes));
}

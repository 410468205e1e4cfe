//! Calls from web pages.

use crate::support::Server;

/// Registers an app whose redirect URIs are of two origins.
async fn register(server: &Server) {
    let _token = server.token("tickets:read").await;
    let mut tx = server.db.write().await.expect("begin");
    for uri in ["https://app.example.com/callback", "http://127.0.0.1/callback"] {
        tx.run("insert into client_redirect_uris (client_id, uri) select max(id), $1 from clients", &[uri.into()])
            .await
            .expect("a redirect URI");
    }
    tx.commit().await.expect("commit");
}

async fn preflight(server: &Server, path: &str, origin: &str) -> reqwest::Response {
    server
        .http
        .request(reqwest::Method::OPTIONS, format!("{}{path}", server.base))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .send()
        .await
        .expect("send")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_may_call_from_an_origin_that_an_app_has_registered_and_from_no_other() {
    // TK-4, RS-8
    let server = Server::start().await;
    register(&server).await;

    for path in ["/oauth/token", "/api/tickets"] {
        for origin in ["https://app.example.com", "http://127.0.0.1:5173"] {
            let answer = preflight(&server, path, origin).await;
            assert_eq!(answer.headers()["access-control-allow-origin"], origin, "{path}");
            assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        }
        for origin in
            ["null", "https://evil.example.com", "https://app.example.com.evil.example", "http://app.example.com"]
        {
            let answer = preflight(&server, path, origin).await;
            assert!(!answer.headers().contains_key("access-control-allow-origin"), "{path} from {origin}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorization_endpoint_has_no_cross_origin_headers_and_public_documents_answer_everyone() {
    // AZ-10, MD-10
    let server = Server::start().await;
    register(&server).await;

    let authorize = preflight(&server, "/oauth/authorize", "https://app.example.com").await;
    assert!(!authorize.headers().contains_key("access-control-allow-origin"));

    for path in ["/.well-known/openid-configuration", "/openapi/gorgias.json"] {
        let document = preflight(&server, path, "https://any.example").await;
        assert_eq!(document.headers()["access-control-allow-origin"], "*", "{path}");
    }
}

//! The `openidconnect` crate, as a Rust application would use it: discovery to userinfo, with everything it checks on the way.

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse,
};
use scope::Dialect;

use crate::support::app::{CALLBACK, confidential};
use crate::support::{Browser, Person, Server};

/// The crate brings no HTTP client of its own here.
async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let (parts, body) = request.into_parts();
    let answer = http.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body).send().await?;
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?.to_vec();
    Ok(response)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openidconnect_crate_is_content_with_every_answer() {
    // MD-1, AZ-7, TK-1, ID-1, UI-2, RT-9
    let server = Server::start_on_the_real_clock().await;
    let app = server.app(confidential(Dialect::Standard, "openid email profile offline_access tickets:read")).await;
    let http = |request| send(server.http.clone(), request);

    let issuer = IssuerUrl::new(server.base.clone()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &http).await.expect("a valid discovery document");
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(app.client.client_id.clone()),
        app.secret.clone().map(ClientSecret::new),
    )
    .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (address, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["email", "profile", "offline_access", "tickets:read"].map(|word| Scope::new(word.to_owned())))
        .set_pkce_challenge(challenge)
        .url();

    let mut browser = Browser::new(&server);
    let page = browser.open(&format!("{}?{}", address.path(), address.query().unwrap_or_default())).await;
    let page = browser.sign_in_on(&page, Person::Agent).await;
    let answer = browser.press(&page, "consent-allow", &[]).await.answer();
    assert_eq!(&answer["state"], state.secret());
    assert_eq!(answer["iss"], server.base);

    let tokens = client
        .exchange_code(AuthorizationCode::new(answer["code"].clone()))
        .expect("a token endpoint")
        .set_pkce_verifier(verifier)
        .request_async(&http)
        .await
        .expect("tokens");
    let id_token = tokens.id_token().expect("an id_token");
    let checker = client.id_token_verifier();
    let claims = id_token.claims(&checker, &nonce).expect("a valid id_token");
    let hash = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&checker).unwrap(),
    )
    .unwrap();
    assert_eq!(claims.access_token_hash(), Some(&hash));

    let person: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
        .expect("a userinfo endpoint")
        .request_async(&http)
        .await
        .expect("userinfo with the same subject");
    assert_eq!(person.email().map(|email| email.as_str()), Some("agent@demo.test"));

    let refreshed = client
        .exchange_refresh_token(tokens.refresh_token().expect("a refresh token"))
        .expect("a token endpoint")
        .request_async(&http)
        .await
        .expect("a refresh");
    assert_ne!(refreshed.access_token().secret(), tokens.access_token().secret());
    let again = refreshed.id_token().expect("a fresh id_token").claims(&checker, |_: Option<&Nonce>| Ok(()));
    assert_eq!(again.expect("a valid one").subject(), claims.subject());
}

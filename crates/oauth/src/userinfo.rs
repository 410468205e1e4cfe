//! The userinfo endpoint (OpenID Connect Core 5.3): what the granted words tell of the person (UI-1 to UI-7).

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use scope::identity::Identity;
use serde_json::{Map, Value as Json, json};

use crate::bearer::Bearer;
use crate::client_auth::BackChannel;
use crate::dpop::{self, Scheme, Shown, Unusable};
use crate::error::{answer_text, clean};
use crate::form::{Accepts, Params, decode};
use crate::{Code, Error, Provider, claims, id_token};

/// Why there is no answer.
enum Refusal {
    /// No token at all: a challenge without an error code (UI-3).
    NoToken,
    Error(Error),
    /// The token was shown with a DPoP proof (RFC 9449, 7.1).
    Bound(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal::Error(error.into())
    }
}

impl Provider {
    /// `GET` and `POST /oauth/userinfo`
    pub async fn userinfo(&self, method: &Method, request: &BackChannel) -> Response {
        match self.tell_of_person(method, request).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        }
    }

    async fn tell_of_person(&self, method: &Method, request: &BackChannel) -> Result<Response, Refusal> {
        let (scheme, token) = token(method, request)?.ok_or(Refusal::NoToken)?;
        let shown = Shown {
            scheme,
            token: &token,
            headers: &request.headers,
            method: method.as_str(),
            path: "/oauth/userinfo",
            from: Some(request.address),
        };
        let (bearer, next_nonce) = self.shown_token(&shown).await.map_err(|unusable| match (unusable, scheme) {
            (Unusable::Token, Scheme::Bearer) => Refusal::Error(unknown()),
            (Unusable::Token, Scheme::Dpop) => Refusal::Bound(unknown()),
            (Unusable::Proof(reason), _) => Refusal::Bound(Error::of(Code::InvalidDpopProof, reason)),
            (Unusable::Nonce(nonce), _) => Refusal::Bound(Error::UseDpopNonce { nonce }),
            (Unusable::Store(error), _) => error.into(),
        })?;
        // With client_credentials nobody signed in (UI-3).
        if bearer.grant_id.is_none() || !bearer.scope.has_identity(Identity::OpenId) {
            return Err(Error::of(Code::InsufficientScope, "The access token needs the scope openid.").into());
        }
        let mut response = match bearer.told.userinfo.get() {
            Some(body) => answer_text(StatusCode::OK, body.clone()),
            None => self.first_answer(&bearer).await?,
        };
        if let Some(nonce) = next_nonce {
            dpop::offer(&mut response, &nonce);
        }
        Ok(response)
    }

    /// The answer, which is kept with the token as long as that is remembered, unless it has to be signed each time.
    async fn first_answer(&self, bearer: &Bearer) -> Result<Response, Refusal> {
        let subject = claims::find(&mut self.db.read().await?, bearer.person_id).await?.ok_or_else(unknown)?;
        let known = self.known_client(&bearer.client_id).await?.ok_or_else(unknown)?;
        let client = &known.client;
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), json!(self.sub(client, bearer.person_id)?));
        subject.describe(&bearer.scope, &mut claims);
        Ok(match client.metadata.userinfo_signed_response_alg.as_deref() {
            None => {
                let body = Bytes::from(Json::Object(claims).to_string());
                answer_text(StatusCode::OK, bearer.told.userinfo.get_or_init(|| body).clone())
            }
            Some(word) => {
                let algorithm = id_token::algorithm_for(client, word)?;
                // Both members keep a signed answer from passing for another app's, or for another provider's (OIDC Core 5.3.2).
                claims.insert("iss".to_owned(), json!(self.config.issuer));
                claims.insert("aud".to_owned(), json!(client.client_id));
                signed(self.sign_with(algorithm, "JWT", |_now| Ok(Json::Object(claims))).await?)
            }
        })
    }
}

fn unknown() -> Error {
    Error::of(Code::InvalidToken, "The access token is unknown, expired or revoked.")
}

/// The answer as a JWT, which no cache keeps either (UI-6, UI-7).
fn signed(token: String) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/jwt"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::OK, headers, token).into_response()
}

/// The token of the header or, in a POST form, of the body. Never of the address, and never two (UI-1, RS-1).
fn token(method: &Method, request: &BackChannel) -> Result<Option<(Scheme, String)>, Error> {
    if let Some(query) = request.query.as_deref() {
        for pair in query.split('&') {
            let name = pair.split('=').next().unwrap_or_default();
            if decode(name).is_ok_and(|name| name == "access_token") {
                return Err(Error::invalid_request("The access token must not be in the address."));
            }
        }
    }
    let in_body = match is_form(&request.headers) && method == Method::POST {
        true => form_token(request)?,
        false => None,
    };
    let mut values = request.headers.get_all(header::AUTHORIZATION).iter();
    let in_header = match values.next() {
        Some(value) => Some(header_token(value)?),
        None => None,
    };
    match (in_header, in_body, values.next()) {
        (_, _, Some(_)) | (Some(_), Some(_), None) => {
            Err(Error::invalid_request("The access token was sent in two ways at once."))
        }
        (in_header, in_body, None) => Ok(in_header.or(in_body.map(|token| (Scheme::Bearer, token)))),
    }
}

fn form_token(request: &BackChannel) -> Result<Option<String>, Error> {
    let params = Params::of_body(&request.headers, None, &request.body, Accepts::Form)?;
    Ok(params.get("access_token").map(str::to_owned))
}

fn header_token(value: &HeaderValue) -> Result<(Scheme, String), Error> {
    let text = value.to_str().unwrap_or_default();
    let shown =
        text.split_once(' ').and_then(|(scheme, token)| Some((Scheme::parse(scheme)?, token.trim().to_owned())));
    match shown {
        Some(shown) => Ok(shown),
        None => Err(Error::of(Code::InvalidToken, "The Authorization header holds no bearer token.")),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// RFC 6750, section 3.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (error, scheme) = match self {
            Refusal::NoToken => {
                let challenge = HeaderValue::from_static(r#"Bearer realm="userinfo", scope="openid""#);
                let mut response =
                    answer_text(StatusCode::UNAUTHORIZED, Bytes::from_static(br#"{"error":"unauthorized"}"#));
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                return response;
            }
            Refusal::Error(error) => (error, "Bearer"),
            Refusal::Bound(error) => (error, "DPoP"),
        };
        let code = error.code();
        let scope = if code == Code::InsufficientScope { r#", scope="openid""# } else { "" };
        let text = clean(&error.description());
        let algs = match scheme {
            "DPoP" => format!(r#", algs="{}""#, dpop::algorithm_names()),
            _ => String::new(),
        };
        let challenge =
            format!(r#"{scheme} realm="userinfo", error="{}", error_description="{text}"{scope}{algs}"#, code.word());
        let mut response = error.into_response();
        if scheme == "DPoP" && matches!(code, Code::InvalidDpopProof | Code::UseDpopNonce) {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        let is_challenged = [
            Code::InvalidToken,
            Code::InsufficientScope,
            Code::InvalidRequest,
            Code::InvalidDpopProof,
            Code::UseDpopNonce,
        ];
        if let Ok(challenge) = HeaderValue::try_from(challenge)
            && is_challenged.contains(&code)
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

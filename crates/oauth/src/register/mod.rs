//! Dynamic client registration (RFC 7591, OpenID Connect Registration 1.0) and its management (RFC 7592): RG-1 to RG-8.
//!
//! `body.rs` reads what was sent, `metadata.rs` makes an app of it, `clients::check` judges it as it judges an administrator's. What is
//! registered here belongs to the owner of the account, is never first-party, and shows on the consent page as self-registered.

mod body;
pub mod cleanup;
pub mod initial_tokens;
mod manage;
mod metadata;
pub mod settings;
mod statement;

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use scope::Dialect;
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::transact;

pub(crate) use self::metadata::is_privileged;

use self::body::Members;
use self::settings::{Mode, Settings};
use crate::client_auth::BackChannel;
use crate::clients::{self, Client, Entry, NewClient, NewSecret};
use crate::error;
use crate::form::{self, BODY_LIMIT_BYTES};
use crate::throttle::{self, Patience};
use crate::{Code, Error, Provider, secret};

/// Where apps register themselves. `/{client_id}` after it is where they look after their registration.
pub const PATH: &str = "/oauth/register";

/// Registrations from one network. A person sets up a handful of tools; a program that goes on and on has to wait.
const OPEN: Patience = Patience { free: 20, longest_seconds: 3600 };

/// An app as a file describes it, with the members of RFC 7591: everything that an administrator may register, unknown members ignored.
/// `Invalid` names the member.
pub fn described(members: Json) -> Result<NewClient, helpdesk::Error> {
    metadata::described(&Members::of(members)?, metadata::Who::Administrator)
}

impl Provider {
    /// `POST /oauth/register` (RG-1 to RG-5). Answers after the commit.
    pub async fn register(&self, request: &BackChannel) -> Response {
        match self.registered(request).await {
            Ok(response) => response,
            Err(error) => challenged(error),
        }
    }

    async fn registered(&self, request: &BackChannel) -> Result<Response, Error> {
        let settings: Settings = self.setting(settings::NAME).await?;
        let initial_token = match settings.mode {
            Mode::Off => {
                let body = json!({
                    "error": "access_denied",
                    "error_description": "Apps cannot register themselves here. Ask an administrator.",
                });
                return Ok(error::answer(StatusCode::FORBIDDEN, &body));
            }
            Mode::Open => {
                self.count_registration(request.address).await?;
                None
            }
            Mode::InitialAccessToken => Some(self.initial_token(request).await?),
        };
        let mut sent = read(request)?;
        let statement = self.apply_statement(&mut sent, &settings).await?;
        let new = metadata::new_client(&sent, &settings).map_err(refusal)?;

        let now = self.clock.now();
        let actor = Actor { request_id: request.request_id.clone(), ..Actor::default() };
        let entry = Entry { client_id: self.new_client_id(Dialect::Standard), registered_by: "dcr" };
        let planned = self.plan_client(&actor, &new, &entry).await.map_err(refusal)?;
        let drawn = self.secret_for(&planned, None);
        let token = secret::registration_token(&self.random);
        let how = json!({ "address": request.address.to_string(), "initial_access_token": initial_token });
        let (client, made) = transact!(self.db, |tx| {
            if let Some(id) = initial_token {
                initial_tokens::spend(tx, id, now).await?;
            }
            let mut client = planned.clone();
            let made = clients::write_new(tx, &actor, now, &mut client, drawn.as_ref(), Some(how.clone())).await?;
            tx.run(
                "update clients set registration_token_hash = $1, initial_token_id = $2 where id = $3",
                &[secret::hash(&token).as_slice().into(), initial_token.into(), client.id.into()],
            )
            .await?;
            Ok::<_, Error>((client, made))
        })
        .map_err(unwrapped)?;
        let mut body = self.registration(&client, made.as_ref(), &token);
        if let Some(statement) = statement {
            body["software_statement"] = statement.into();
        }
        Ok(error::answer(StatusCode::CREATED, &body))
    }

    /// The client information response (RFC 7591, section 3.2.1; RFC 7592, section 3).
    fn registration(&self, client: &Client, made: Option<&NewSecret>, token: &str) -> Json {
        let mut body = metadata::shown(client);
        body["registration_access_token"] = token.into();
        body["registration_client_uri"] = format!("{}{PATH}/{}", self.config.issuer, client.client_id).into();
        if clients::check::keeps_a_secret(&client.token_endpoint_auth_method) {
            // Only its hash is kept, so it is told once.
            if let Some(made) = made {
                body["client_secret"] = made.value.as_str().into();
            }
            body["client_secret_expires_at"] = 0.into();
        }
        body
    }

    /// Counts every attempt of a network, good or bad.
    async fn count_registration(&self, address: IpAddr) -> Result<(), Error> {
        let now = self.clock.now();
        let subject = throttle::registrations(address);
        let wait = transact!(self.db, |tx| {
            let wait = throttle::wait_seconds(tx, &[subject.as_str()], now).await?;
            if wait.is_none() {
                throttle::count_failure(tx, &subject, OPEN, now).await?;
            }
            Ok::<_, store::StoreError>(wait)
        })?;
        wait.map_or(Ok(()), |retry_after_seconds| Err(Error::Limited { retry_after_seconds }))
    }

    /// `InvalidToken`, after counting the failure; whoever guesses has to wait.
    async fn count_guess(&self, address: IpAddr, now: Timestamp) -> Result<Error, Error> {
        let subject = throttle::address(&address.to_string());
        transact!(self.db, |tx| {
            if let Some(retry_after_seconds) = throttle::wait_seconds(tx, &[subject.as_str()], now).await? {
                return Ok(Error::Limited { retry_after_seconds });
            }
            throttle::count_failure(tx, &subject, throttle::ADDRESS, now).await?;
            Ok::<_, store::StoreError>(Error::of(Code::InvalidToken, "The token is unknown, spent or expired."))
        })
        .map_err(Error::from)
    }
}

/// The members of a JSON body.
fn read(request: &BackChannel) -> Result<Members, Error> {
    if let Some(query) = &request.query {
        form::refuse_secrets(query)?;
    }
    if BODY_LIMIT_BYTES < request.body.len() {
        return Err(Error::TooLarge);
    }
    let content_type = request.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Error::of(Code::InvalidClientMetadata, "The body must be application/json."));
    }
    Members::read(&request.body).map_err(refusal)
}

/// What `Authorization: Bearer` carries. None without it; an empty text for anything else that stands there.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        _ => Some(""),
    }
}

/// Refused members in the words of RFC 7591, section 3.2.2. Addresses that people or notices are sent to have a code of their own (RU-9).
fn refusal(error: helpdesk::Error) -> Error {
    match error {
        helpdesk::Error::Invalid { field, problem } => {
            let (root, rest) = field.split_once('.').map_or((field.as_str(), ""), |(root, rest)| (root, rest));
            let code = match root {
                "redirect_uris" | "post_logout_redirect_uris" | "backchannel_logout_uri" | "initiate_login_uri" => {
                    Code::InvalidRedirectUri
                }
                _ => Code::InvalidClientMetadata,
            };
            let member = metadata::member_of(root);
            let place = if rest.is_empty() { String::new() } else { format!("[{rest}]") };
            Error::of(code, format!("{member}{place}: {problem}."))
        }
        // Another request was faster and deleted it.
        helpdesk::Error::NotFound { .. } => Error::of(Code::InvalidToken, "The registration is gone."),
        helpdesk::Error::Store(error) => Error::Store(error),
        other => Error::Helpdesk(other),
    }
}

/// The same for what fails within the transaction.
fn unwrapped(error: Error) -> Error {
    match error {
        Error::Helpdesk(error) => refusal(error),
        error => error,
    }
}

/// With the challenge of RFC 6750 where a token is missing or bad.
fn challenged(error: Error) -> Response {
    let challenge = match error.code() {
        Code::InvalidToken => Some(HeaderValue::from_static(r#"Bearer realm="registration", error="invalid_token""#)),
        _ => None,
    };
    let mut response = error.into_response();
    if let Some(challenge) = challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

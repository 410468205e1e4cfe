//! The device authorization endpoint (RFC 8628, section 3.1; DV-1): a device without a browser asks for a code that a person types
//! elsewhere.
//!
//! `entry.rs` is the person's side, `token/device_code.rs` what the device polls.

pub mod entry;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use outside::Random;
use serde_json::{Value as Json, json};
use store::transact;

use crate::authorize::request;
use crate::client_auth::BackChannel;
use crate::form::Accepts;
use crate::resources::Audience;
use crate::{Code, Error, Provider, error, secret};

/// Where it is served.
pub const PATH: &str = "/oauth/device_authorization";
/// The page on which people type the code.
pub const PAGE: &str = "/device";
/// The grant that redeems the device's code.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// The least time between two polls, in seconds.
const INTERVAL_SECONDS: i64 = 5;

/// No vowels, so that no words come out, and nothing that is mistaken for a digit (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const N_LETTERS: usize = 8;
/// Codes of one tenth of a minute's devices would have to meet for a second draw.
const N_DRAWS: usize = 5;

const USER_AGENT_MAX_CHARS: usize = 200;

impl Provider {
    /// `POST /oauth/device_authorization`
    pub async fn device_authorization(&self, request: &BackChannel) -> Response {
        match self.begin_device(request).await {
            Ok(body) => error::answer(StatusCode::OK, &body),
            Err(error) => error.into_response(),
        }
    }

    async fn begin_device(&self, request: &BackChannel) -> Result<Json, Error> {
        let params = request.params(Accepts::Form)?;
        let known = self.authenticate_client(request, &params).await?;
        let client = &known.client;
        if !client.may_use_grant(GRANT) {
            return Err(Error::of(Code::UnauthorizedClient, "This app is not allowed the device grant."));
        }
        let audience = self.asked_audience(&params)?.unwrap_or(Audience::API);
        let scope = request::scope(self, client, &params, audience)?;
        let user_agent = request.headers.get("user-agent").and_then(|it| it.to_str().ok()).unwrap_or_default();
        let user_agent: String = user_agent.chars().take(USER_AGENT_MAX_CHARS).collect();
        let device_code = secret::code(&self.random);
        for _ in 0..N_DRAWS {
            let user_code = draw_user_code(&self.random);
            let now = self.clock.now();
            let kept = transact!(self.db, |tx| {
                tx.row(
                    "insert into device_codes (hash, user_code_hash, client_id, scope, resources, address, user_agent, state,
                                               interval_seconds, created_at, expires_at)
                     values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $10)
                     on conflict (user_code_hash) do nothing returning interval_seconds",
                    &[
                        secret::hash(&device_code).as_slice().into(),
                        self.user_code_hash(&user_code).as_slice().into(),
                        client.id.into(),
                        scope.as_str().into(),
                        audience.text(&self.config.issuer).into(),
                        request.address.to_string().into(),
                        user_agent.as_str().into(),
                        INTERVAL_SECONDS.into(),
                        now.into(),
                        (now + LIFETIME).into(),
                    ],
                )
                .await
            })?;
            if kept.is_some() {
                let page = format!("{}{PAGE}", self.config.issuer);
                let user_code = shown(&user_code);
                return Ok(json!({
                    "device_code": device_code,
                    "user_code": user_code,
                    "verification_uri": page,
                    "verification_uri_complete": format!("{page}?user_code={user_code}"),
                    "expires_in": LIFETIME.as_secs(),
                    "interval": INTERVAL_SECONDS,
                }));
            }
        }
        Err(Error::Internal("every code that was drawn for a device is in use".to_owned()))
    }

    /// Keyed, for eight letters could be guessed from a plain hash.
    fn user_code_hash(&self, user_code: &str) -> [u8; 32] {
        self.keyed_hash("user code", user_code)
    }
}

fn draw_user_code(random: &Random) -> String {
    let letter = |_| {
        let place = usize::try_from(random.below(LETTERS.len() as u64)).unwrap_or_default();
        LETTERS.get(place).copied().map_or('B', char::from)
    };
    (0..N_LETTERS).map(letter).collect()
}

/// `BCDF-GHJK`
fn shown(user_code: &str) -> String {
    match user_code.split_at_checked(N_LETTERS / 2) {
        Some((first, second)) => format!("{first}-{second}"),
        None => user_code.to_owned(),
    }
}

/// What a person typed, as it was drawn: in any case, with hyphens and spaces where they like. None if it cannot be a code.
fn typed(text: &str) -> Option<String> {
    let letters: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'))
        .take(N_LETTERS + 1)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let is_code = letters.len() == N_LETTERS && letters.bytes().all(|letter| LETTERS.contains(&letter));
    is_code.then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        // DV-1
        let code = draw_user_code(&Random::seeded(3));

        assert_eq!(code.len(), 8);
        assert_eq!(shown(&code).len(), 9);
        for text in [code.clone(), shown(&code), code.to_lowercase(), format!(" {} ", shown(&code).replace('-', " - "))]
        {
            assert_eq!(typed(&text).as_ref(), Some(&code), "{text}");
        }
        for text in ["", "BCDF", "BCDF-GHJA", "BCDF-GHJKL", "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"] {
            assert_eq!(typed(text), None, "{text}");
        }
    }
}

//! How an app proves who it is at the token, revocation and introspection endpoints (CA-1 to CA-8): by a secret here, by a signature in
//! `client_assertion.rs`, by a certificate in `client_certificate.rs`.
//!
//! Unknown app, switched-off app, wrong secret and wrong method have one answer, after the same work (CA-3).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use store::{StoreError, transact};
use subtle::ConstantTimeEq;

use crate::client_certificate::{self, Certificate};
use crate::client_document::Asker;
use crate::clients::{self, Client};
use crate::form::{Accepts, Params, decode};
use crate::uses::Use;
use crate::{Error, Provider, app_rules, client_assertion, jwt, throttle};

/// A secret's use is noted at most so often, in microseconds.
const USE_STEP_MICROSECONDS: i64 = 60_000_000;
/// Which of the two was registered matters to few policies (CA-4).
const SECRET_METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];
/// Longer ones are nobody's.
const CLIENT_ID_MAX_BYTES: usize = 2048;

/// A request from an app's server, or from an app without one.
#[derive(Debug, Clone)]
pub struct BackChannel {
    pub headers: HeaderMap,
    /// What stands after the question mark of the address.
    pub query: Option<String>,
    pub body: Bytes,
    /// The peer, after trusted proxies.
    pub address: IpAddr,
    /// A UUID, for the event log.
    pub request_id: String,
    /// What the client showed to the TLS layer, ours or a trusted proxy's (CA-12).
    pub certificate: Option<Certificate>,
}

impl BackChannel {
    pub(crate) fn params(&self, accepts: Accepts) -> Result<Params, Error> {
        Params::of_body(&self.headers, self.query.as_deref(), &self.body, accepts)
    }
}

/// A client with what it is checked against, as remembered for half a second.
pub(crate) struct Known {
    pub(crate) client: Client,
    secrets: Vec<KnownSecret>,
    /// The family of its client_credentials tokens, if it has one.
    pub(crate) own_family: Option<i64>,
}

struct KnownSecret {
    id: i64,
    hash: Vec<u8>,
    expires_at: Option<Timestamp>,
    /// Microseconds since 1970, or the smallest number.
    noted_at: AtomicI64,
}

/// What a request showed.
struct Shown<'a> {
    client_id: String,
    secret: Option<String>,
    /// A signed JWT (CA-9).
    assertion: Option<String>,
    method: &'a str,
}

impl Provider {
    /// The app behind a request. `InvalidClient`, `invalid_request` for two methods at once, `Limited`.
    pub(crate) async fn authenticate_client(
        &self,
        request: &BackChannel,
        params: &Params,
    ) -> Result<Arc<Known>, Error> {
        let shown = shown(&request.headers, params)?;
        let asker = Asker { address: &request.address.to_string(), request_id: &request.request_id };
        let known = match shown.client_id.len() {
            // Every reason why its document is of no use is one: the client is unknown (CA-3).
            1..=CLIENT_ID_MAX_BYTES if self.read_client_document(&shown.client_id, asker).await?.is_err() => None,
            1..=CLIENT_ID_MAX_BYTES => self.known_client(&shown.client_id).await?,
            _ => None,
        };
        let proven = match (&known, &shown.assertion) {
            (Some(known), Some(assertion)) => self.has_signed(&known.client, assertion).await?,
            (Some(known), None) if has_certificates(&known.client) => match &request.certificate {
                Some(certificate) if known.client.is_active() && shown.secret.is_none() => {
                    self.is_certificate_of(&known.client, certificate).await?
                }
                _ => false,
            },
            _ => self.is_proven(known.as_deref(), &shown),
        };
        match known {
            Some(known) if proven => {
                self.note_client_use(&known.client);
                Ok(known)
            }
            _ => Err(self.count_failure(&shown, request.address).await?),
        }
    }

    async fn has_signed(&self, client: &Client, assertion: &str) -> Result<bool, Error> {
        let registered = client.token_endpoint_auth_method == client_assertion::METHOD;
        Ok(client.is_active() && registered && self.is_signed_by_client(client, assertion).await?)
    }

    fn is_proven(&self, known: Option<&Known>, shown: &Shown<'_>) -> bool {
        let now = self.clock.now();
        // The one costly step, taken for an unknown client as well (CA-3).
        let hash = self.hash_client_secret(shown.secret.as_deref().unwrap_or_default());
        let Some(known) = known else { return false };
        let client = &known.client;
        let right = known.secrets.iter().find(|secret| {
            bool::from(secret.hash.as_slice().ct_eq(&hash)) && secret.expires_at.is_none_or(|end| now < end)
        });
        if !client.is_active() || shown.assertion.is_some() {
            return false;
        }
        let registered = client.token_endpoint_auth_method.as_str();
        let mixed = [registered, shown.method].iter().all(|method| SECRET_METHODS.contains(method));
        if registered != shown.method && !(mixed && client.policy.secret_methods_are_one()) {
            return false;
        }
        match (client.is_public(), &shown.secret, right) {
            (true, None, _) => true,
            (false, Some(_), Some(secret)) => {
                self.note_secret(secret, now);
                true
            }
            _ => false,
        }
    }

    fn note_secret(&self, secret: &KnownSecret, now: Timestamp) {
        let noted_at = secret.noted_at.load(Ordering::Relaxed);
        if noted_at.saturating_add(USE_STEP_MICROSECONDS) <= now.as_microsecond() {
            secret.noted_at.store(now.as_microsecond(), Ordering::Relaxed);
            self.state.uses.note(Use::Secret { id: secret.id }, now);
        }
    }

    /// What to answer to a failure. Only failures are limited: nobody's wrong guesses keep the app itself out (CA-8).
    async fn count_failure(&self, shown: &Shown<'_>, address: IpAddr) -> Result<Error, Error> {
        let now = self.clock.now();
        let address = throttle::address(&address.to_string());
        let client = throttle::client(&shown.client_id);
        transact!(self.db, |tx| {
            let wait = throttle::wait_seconds(tx, &[client.as_str(), address.as_str()], now).await?;
            if let Some(retry_after_seconds) = wait {
                return Ok(Error::Limited { retry_after_seconds });
            }
            throttle::count_failure(tx, &client, throttle::CLIENT, now).await?;
            throttle::count_failure(tx, &address, throttle::ADDRESS, now).await?;
            Ok(Error::InvalidClient { basic: shown.method == "client_secret_basic" })
        })
    }

    pub(crate) async fn known_client(&self, client_id: &str) -> Result<Option<Arc<Known>>, StoreError> {
        if let Some(known) = self.state.remembered.client(client_id) {
            return Ok(Some(known));
        }
        let forgotten = self.state.remembered.forgotten();
        let mut tx = self.db.read().await?;
        let Some(client) = clients::by_client_id(&mut tx, client_id).await? else { return Ok(None) };
        let client = app_rules::applied(&mut tx, client).await?;
        let rows = tx
            .rows(
                "select id, hash, expires_at, last_used_at from client_secrets where client_id = $1 order by id",
                &[client.id.into()],
            )
            .await?;
        let secrets = rows
            .iter()
            .map(|row| {
                Ok(KnownSecret {
                    id: row.int("id")?,
                    hash: row.blob("hash")?,
                    expires_at: row.time_or_null("expires_at")?,
                    noted_at: AtomicI64::new(row.int_or_null("last_used_at")?.unwrap_or(i64::MIN)),
                })
            })
            .collect::<Result<Vec<KnownSecret>, StoreError>>()?;
        let own_family = tx
            .row(
                "select id from token_families where client_id = $1 and person_id = $2 and grant_id is null and revoked_at is null
                 order by id limit 1",
                &[client.id.into(), client.owner_id.into()],
            )
            .await?;
        let own_family = own_family.map(|row| row.int("id")).transpose()?;
        let known = Arc::new(Known { client, secrets, own_family });
        self.state.remembered.remember_client(client_id, &known, forgotten);
        Ok(Some(known))
    }
}

/// Whether the app proves itself by a certificate (CA-12).
fn has_certificates(client: &Client) -> bool {
    let methods = [client_certificate::BY_AUTHORITY, client_certificate::SELF_SIGNED];
    methods.contains(&client.token_endpoint_auth_method.as_str())
}

/// Reads the credentials out of a request. At most one way at a time (CA-2).
fn shown(headers: &HeaderMap, params: &Params) -> Result<Shown<'static>, Error> {
    let in_body = params.get("client_id");
    let secret_in_body = params.get("client_secret");
    if params.get("client_assertion").is_some() || params.get("client_assertion_type").is_some() {
        return signed(headers, params);
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        let client_id = in_body.ok_or(Error::InvalidClient { basic: false })?.to_owned();
        let method = if secret_in_body.is_some() { "client_secret_post" } else { "none" };
        return Ok(Shown { client_id, secret: secret_in_body.map(str::to_owned), assertion: None, method });
    };
    if values.next().is_some() || secret_in_body.is_some() {
        return Err(Error::invalid_request("The client authenticated in two ways at once."));
    }
    let (client_id, secret) =
        value.to_str().ok().and_then(basic_credentials).ok_or(Error::InvalidClient { basic: true })?;
    if in_body.is_some_and(|other| other != client_id) {
        return Err(Error::invalid_request("The client_id of the body is not the one that authenticated."));
    }
    Ok(Shown { client_id, secret: Some(secret), assertion: None, method: "client_secret_basic" })
}

/// A signed assertion, whose subject is the client (RFC 7521, 4.2; CA-11). Nothing of it is verified here.
fn signed(headers: &HeaderMap, params: &Params) -> Result<Shown<'static>, Error> {
    if headers.contains_key(header::AUTHORIZATION) || params.get("client_secret").is_some() {
        return Err(Error::invalid_request("The client authenticated in two ways at once."));
    }
    let unproven = || Error::InvalidClient { basic: false };
    let assertion = params.get("client_assertion").ok_or_else(unproven)?;
    if params.get("client_assertion_type") != Some(client_assertion::TYPE) {
        return Err(unproven());
    }
    let client_id = jwt::claimed(assertion, "sub").map_err(|_| unproven())?;
    if params.get("client_id").is_some_and(|other| other != client_id) {
        return Err(Error::invalid_request("The client_id of the body is not the one that authenticated."));
    }
    Ok(Shown { client_id, secret: None, assertion: Some(assertion.to_owned()), method: client_assertion::METHOD })
}

/// Both halves are form-encoded (RFC 6749 2.3.1). A library that does not encode sends the same, for our ids and secrets need none.
fn basic_credentials(value: &str) -> Option<(String, String)> {
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(credentials.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    Some((decode(client_id).ok()?, decode(secret).ok()?))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(authorization: &str, body: &str) -> Result<Shown<'static>, Error> {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        }
        shown(&headers, &Params::decode(body).unwrap())
    }

    #[test]
    fn basic_credentials_are_form_decoded_and_the_scheme_has_no_case() {
        // CA-1
        let encoded = STANDARD.encode("a%20b%3A:c%2Bd+e");

        for scheme in ["Basic", "basic", "BASIC"] {
            let shown = with(&format!("{scheme} {encoded}"), "").unwrap();

            assert_eq!(shown.client_id, "a b:");
            assert_eq!(shown.secret.as_deref(), Some("c+d e"));
        }
    }

    #[test]
    fn two_methods_in_one_request_are_refused() {
        // CA-2
        let basic = format!("Basic {}", STANDARD.encode("app:secret"));

        assert!(matches!(with(&basic, "client_secret=secret"), Err(Error::Refused { .. })));
        assert!(matches!(with(&basic, "client_id=other"), Err(Error::Refused { .. })));
        assert!(with(&basic, "client_id=app").is_ok());
    }

    #[test]
    fn what_is_not_basic_authentication_is_no_client() {
        // CA-3
        for bad in ["Basic", "Basic !", "Bearer abc", "Basic YXBw"] {
            assert!(matches!(with(bad, ""), Err(Error::InvalidClient { basic: true })), "{bad}");
        }
        assert!(matches!(with("", ""), Err(Error::InvalidClient { basic: false })));
    }
}

//! Pushed authorization requests (RFC 9126): an app hands its request in at the back, authenticated, and the browser carries only a handle
//! (PA-1 to PA-7).
//!
//! Everything that can be checked without a person is checked here, so that the app hears of its mistakes before it sends anybody away; it
//! is checked again when the browser comes. A request is used up by its answer, not by its page: reloading and going back work (PA-4).

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use store::{StoreError, Tx, transact};

use crate::authorize::check::{self, Asked, Push};
use crate::authorize::request;
use crate::client_auth::BackChannel;
use crate::clients::Client;
use crate::dpop::{self, Expected};
use crate::form::{Accepts, Params};
use crate::throttle::{self, Patience};
use crate::{Error, Provider, error, secret};

/// Where requests are handed in.
pub const PATH: &str = "/oauth/par";
/// Begins every handle.
pub const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// How long the browser may take to come with it (PA-1).
const SECONDS: i64 = 60;
/// Requests of one app that wait at once.
const WAITING_MAX: i64 = 1000;
/// One address that pushes for public apps, which prove nothing: beyond these in an hour it must wait.
const BY_STRANGERS: Patience = Patience { free: 300, longest_seconds: 60 };
/// What proves the app and is no part of its request. Never stored.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// What a handle leads to.
pub(crate) enum Pushed {
    Waiting(Params, Push),
    /// Expired or used; the parameters still say where the app is to be told so.
    Over(Params),
    OfAnother,
    Unknown,
}

impl Provider {
    /// `POST /oauth/par`. Answers after the commit.
    pub async fn push(&self, request: &BackChannel) -> Response {
        match self.keep_pushed(request).await {
            Ok((body, next_nonce)) => {
                let mut response = error::answer(StatusCode::CREATED, &body);
                if let Some(nonce) = next_nonce {
                    dpop::offer(&mut response, &nonce);
                }
                response
            }
            Err(error) => error.into_response(),
        }
    }

    /// The answer, and the DPoP nonce to offer with it.
    async fn keep_pushed(&self, request: &BackChannel) -> Result<(Json, Option<String>), Error> {
        let sent = request.params(Accepts::Form)?;
        let known = self.authenticate_client(request, &sent).await?;
        let client = &known.client;
        if sent.get("request_uri").is_some() {
            return Err(Error::invalid_request("A pushed request cannot have a request_uri."));
        }
        let expected = Expected { method: "POST", path: PATH, access_token: None, policy: client.policy };
        let proof = self.dpop_proof(&request.headers, expected).await?;
        let (jkt, next_nonce) = proof.map_or((None, None), |proof| (Some(proof.jkt), proof.next_nonce));
        let push = Push::now(jkt);
        let asked = match sent.get("request") {
            Some(object) => {
                let params = self.request_object(client, object).await?;
                Asked { params, is_signed: true, push: Some(push) }
            }
            None => Asked { params: without_credentials(sent), is_signed: false, push: Some(push) },
        };
        self.check_pushed(client, &asked).await?;
        let handle = self.random.token();
        let now = self.clock.now();
        transact!(self.db, |tx| {
            if let Some(retry_after_seconds) = wait_seconds(tx, client, request, now).await? {
                return Ok(Err(Error::Limited { retry_after_seconds }));
            }
            insert(tx, client, &handle, &asked, now).await?;
            Ok::<_, StoreError>(Ok(()))
        })??;
        Ok((json!({ "request_uri": format!("{PREFIX}{handle}"), "expires_in": SECONDS }), next_nonce))
    }

    /// The checks of the authorization endpoint (PA-2).
    async fn check_pushed(&self, client: &Client, asked: &Asked) -> Result<(), Error> {
        let around = self.circumstances(&asked.params, None).await?;
        if asked.params.get("redirect_uri").is_none() {
            return Err(Error::invalid_request("The parameter redirect_uri is missing."));
        }
        let mut tx = self.db.read().await?;
        let (uri, is_sent) =
            request::redirect_uri(&mut tx, client, &asked.params).await?.map_err(Error::invalid_request)?;
        drop(tx);
        check::all(self, client, asked, (&uri, is_sent), around).map(drop)
    }

    /// What this client may do with a handle now (PA-3).
    pub(crate) async fn pushed(&self, client: &Client, request_uri: &str) -> Result<Pushed, StoreError> {
        let Some(handle) = request_uri.strip_prefix(PREFIX) else { return Ok(Pushed::Unknown) };
        let hash = secret::hash(handle);
        let mut tx = self.db.read().await?;
        let row = tx
            .row(
                "select client_id, params, jkt, expires_at, used_at from pushed_requests where hash = $1",
                &[hash.as_slice().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(Pushed::Unknown) };
        if row.int("client_id")? != client.id {
            return Ok(Pushed::OfAnother);
        }
        let params = Params::decode(&row.text("params")?).map_err(|_| StoreError::Column("params"))?;
        if row.time_or_null("used_at")?.is_some() || row.time("expires_at")? <= self.clock.now() {
            return Ok(Pushed::Over(params));
        }
        Ok(Pushed::Waiting(params, Push { hash: Some(hash), jkt: row.text_or_null("jkt")? }))
    }
}

/// Uses a request up with its answer. False if another answer was faster (PA-4).
pub(crate) async fn finish(tx: &mut Tx, now: Timestamp, hash: &[u8; 32]) -> Result<bool, StoreError> {
    let sql = "update pushed_requests set used_at = $1 where hash = $2 and used_at is null";
    Ok(tx.run(sql, &[now.into(), hash.as_slice().into()]).await? == 1)
}

async fn insert(tx: &mut Tx, client: &Client, handle: &str, asked: &Asked, now: Timestamp) -> Result<(), StoreError> {
    let params: String =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(asked.params.pairs.iter()).finish();
    let expires_at = now.saturating_add(SignedDuration::from_secs(SECONDS)).unwrap_or(now);
    tx.run(
        "insert into pushed_requests (hash, client_id, params, jkt, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
        &[
            secret::hash(handle).as_slice().into(),
            client.id.into(),
            params.into(),
            asked.push.as_ref().and_then(|push| push.jkt.as_deref()).into(),
            now.into(),
            expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// How long to wait with the next one, if there were too many (PA-7).
async fn wait_seconds(
    tx: &mut Tx,
    client: &Client,
    request: &BackChannel,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    if client.is_public() {
        let subject = format!("pushes {}", throttle::address(&request.address.to_string()));
        let wait = throttle::wait_seconds(tx, &[&subject], now).await?;
        if wait.is_some() {
            return Ok(wait);
        }
        throttle::count_failure(tx, &subject, BY_STRANGERS, now).await?;
    }
    let row = tx
        .row(
            "select count(*) as n from (
                 select hash from pushed_requests where client_id = $1 and expires_at > $2 and used_at is null limit $3) waiting",
            &[client.id.into(), now.into(), WAITING_MAX.into()],
        )
        .await?;
    let n_waiting = row.map_or(Ok(0), |row| row.int("n"))?;
    Ok((WAITING_MAX <= n_waiting).then_some(SECONDS.unsigned_abs()))
}

fn without_credentials(mut params: Params) -> Params {
    params.pairs.retain(|(name, _value)| !CREDENTIALS.contains(&name.as_str()));
    params
}

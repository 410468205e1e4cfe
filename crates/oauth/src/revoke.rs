//! Token revocation (RFC 7009): an app gives back what it holds (RV-1 to RV-5).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use helpdesk::events::{self, Change};
use scope::permit::Actor;
use serde_json::json;
use store::{Tx, transact};

use crate::client_auth::BackChannel;
use crate::clients::Client;
use crate::families::{self, Because};
use crate::form::Accepts;
use crate::{Error, Provider, error, secret};

/// What a token turned out to be.
enum Found {
    /// Its family ends, with every access token of it (RV-4).
    RefreshToken { family_id: i64, grant_id: Option<i64>, person_id: i64 },
    /// It alone ends.
    AccessToken,
    /// Unknown, or another app's: neither may be told from the other (RV-1, RV-2).
    Nothing,
}

impl Provider {
    /// `POST /oauth/revoke`
    pub async fn revoke(&self, request: &BackChannel) -> Response {
        match self.revoke_one(request).await {
            Ok(response) => response,
            Err(error) => error.into_response(),
        }
    }

    async fn revoke_one(&self, request: &BackChannel) -> Result<Response, Error> {
        let params = request.params(Accepts::Form)?;
        let known = self.authenticate_client(request, &params).await?;
        let client = &known.client;
        // The hint is not needed: one index finds a refresh token, another an access token (RV-3).
        let hash = secret::hash(params.require("token")?);
        let now = self.clock.now();
        let found = transact!(self.db, |tx| {
            let found = find(tx, client, &hash).await?;
            match &found {
                Found::RefreshToken { family_id, grant_id, person_id } => {
                    if families::revoke(tx, now, *family_id, Because::RevokedByApp).await? == 1 {
                        let actor = Actor {
                            client_id: Some(client.id),
                            grant_id: *grant_id,
                            request_id: request.request_id.clone(),
                            ..Actor::default()
                        };
                        let change = Change {
                            kind: "token-family-revoked",
                            object_type: "TokenFamily",
                            object_id: *family_id,
                            before: None,
                            after: Some(json!({ "because": Because::RevokedByApp.word() })),
                            data: Some(json!({ "person_id": person_id })),
                        };
                        events::record(tx, &actor, now, change).await?;
                    }
                }
                Found::AccessToken => {
                    let sql = "update access_tokens set revoked_at = $1 where hash = $2 and revoked_at is null";
                    tx.run(sql, &[now.into(), hash.as_slice().into()]).await?;
                }
                Found::Nothing => {}
            }
            Ok::<_, Error>(found)
        })?;
        match found {
            Found::RefreshToken { .. } => self.forget_all(),
            Found::AccessToken => self.forget_token(&hash),
            Found::Nothing => {}
        }
        if client.policy.revocation_answers_json() {
            return Ok(error::answer(StatusCode::OK, &json!({})));
        }
        Ok((StatusCode::OK, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response())
    }
}

async fn find(tx: &mut Tx, client: &Client, hash: &[u8; 32]) -> Result<Found, Error> {
    // Expired ones count: a refresh token outlives its access tokens, and its family can still be ended.
    let row = tx
        .row(
            "select r.family_id, f.grant_id, f.person_id from refresh_tokens r join token_families f on f.id = r.family_id
             where r.hash = $1 and f.client_id = $2",
            &[hash.as_slice().into(), client.id.into()],
        )
        .await?;
    if let Some(row) = row {
        return Ok(Found::RefreshToken {
            family_id: row.int("family_id")?,
            grant_id: row.int_or_null("grant_id")?,
            person_id: row.int("person_id")?,
        });
    }
    let row = tx
        .row(
            "select a.family_id from access_tokens a join token_families f on f.id = a.family_id
             where a.hash = $1 and f.client_id = $2",
            &[hash.as_slice().into(), client.id.into()],
        )
        .await?;
    Ok(if row.is_some() { Found::AccessToken } else { Found::Nothing })
}

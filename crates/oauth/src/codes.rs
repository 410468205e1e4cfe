//! Authorization codes: issued here, redeemed in `token/authorization_code.rs` (AZ-25).
//!
//! A code opens a token family, which remembers person, app, grant, session, scopes, nonce and key; the code itself remembers the redirect URI
//! and the challenge. Only its hash is stored.

use jiff::{SignedDuration, Timestamp};
use scope::identity::Identity;
use scope::set::ScopeSet;
use store::{StoreError, Tx};

use crate::authorize::request::Request;
use crate::clients::Client;
use crate::families::{self, NewCode, NewFamily};
use crate::sessions::Session;
use crate::{secret, session_end};

/// What a code is bound to.
pub(crate) struct Binding<'a> {
    pub client: &'a Client,
    pub session: &'a Session,
    pub grant_id: i64,
    /// What the code carries: the requested words, not the grant's union (CO-7).
    pub scope: &'a ScopeSet,
    pub request: &'a Request,
}

/// Stores a code that was drawn before the transaction, so that running it again gives the same one.
pub(crate) async fn issue(tx: &mut Tx, now: Timestamp, code: &str, bound: &Binding<'_>) -> Result<(), StoreError> {
    let Binding { client, session, grant_id, scope, request } = bound;
    let after = |seconds: i64| now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    let claims = match request.claims.is_empty() {
        true => None,
        false => Some(serde_json::to_string(&request.claims).map_err(|_| StoreError::Column("claims"))?),
    };
    let family = NewFamily {
        client_row: client.id,
        grant_id: Some(*grant_id),
        person_id: session.person_id,
        sid: Some(&session.sid),
        scope: scope.as_str(),
        nonce: request.nonce.as_deref(),
        auth_time: Some(session.auth_time),
        acr: Some(&session.acr),
        amr: Some(&session.amr),
        expires_at: client.refresh_absolute_seconds.map(after),
        resources: &request.resources,
        jkt: request.dpop_jkt.as_deref(),
        claims: claims.as_deref(),
        act: None,
    };
    let family_id = families::open(tx, now, &family).await?;
    session_end::join(tx, session.id, client.id).await?;
    if client.policy.access_ends_with_session() && !scope.has_identity(Identity::Offline) {
        families::end_with_session(tx, family_id).await?;
    }
    let kept = NewCode {
        hash: secret::hash(code),
        family_id,
        redirect_uri: &request.redirect_uri,
        redirect_uri_sent: request.redirect_uri_sent,
        code_challenge: request.code_challenge.as_deref(),
        expires_at: after(client.policy.code_seconds_at_most(client.code_seconds)),
    };
    families::keep_code(tx, now, &kept).await
}

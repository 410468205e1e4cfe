//! Token families: everything that descends from one consent and is revoked together (RT-4).
//!
//! `authorize` opens a family with its code, `client_credentials` keeps one for each app and owner. A token is alive only while its
//! family is, so to end a family is one update; `Provider::forget_all` then empties this node's cache of tokens (RV-5).

use jiff::Timestamp;
use scope::set::ScopeSet;
use store::{StoreError, Tx};

use crate::policy::Policy;

use crate::resources::Audience;

/// What a family remembers of the consent and the sign-in it began with.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewFamily<'a> {
    /// Row of `clients`.
    pub client_row: i64,
    /// None for client_credentials.
    pub grant_id: Option<i64>,
    pub person_id: i64,
    /// The session's `sid` claim.
    pub sid: Option<&'a str>,
    /// What the code carries: the requested words, not the grant's union (CO-7).
    pub scope: &'a str,
    pub nonce: Option<&'a str>,
    pub auth_time: Option<Timestamp>,
    pub acr: Option<&'a str>,
    /// Space-separated.
    pub amr: Option<&'a str>,
    /// The absolute end of its refresh tokens (RT-7). None: without end.
    pub expires_at: Option<Timestamp>,
    /// `Audience::text`: what its tokens may be for (RI-4).
    pub resources: &'a str,
    /// Thumbprint of the DPoP key that its code is bound to (DP-7).
    pub jkt: Option<&'a str>,
    /// What the `claims` parameter asked for, as JSON.
    pub claims: Option<&'a str>,
    /// The `act` claim, as JSON (TX-3).
    pub act: Option<&'a str>,
}

/// An authorization code, of which only the hash is kept.
#[derive(Debug, Clone, Copy)]
pub struct NewCode<'a> {
    /// `secret::hash` of `secret::code`.
    pub hash: [u8; 32],
    pub family_id: i64,
    pub redirect_uri: &'a str,
    /// Whether the authorization request carried it (AC-2).
    pub redirect_uri_sent: bool,
    /// S256, 43 characters. None only for a client that need not send one (POL-3).
    pub code_challenge: Option<&'a str>,
    pub expires_at: Timestamp,
}

/// Why tokens ended. Kept for whoever asks later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The app called the revocation endpoint.
    RevokedByApp,
    /// A used code came again (AC-3).
    CodeReplayed,
    /// A used refresh token came again (RT-6).
    RefreshTokenReplayed,
    /// The person or an administrator withdrew the grant (CO-9).
    GrantWithdrawn,
    /// The end that the person set has come.
    GrantExpired,
    ClientDeleted,
    /// The app proves itself in another way, or has other redirect URIs (POL-5).
    ClientChanged,
    PersonDeactivated,
    SignedOut,
    PasswordReset,
    /// Somebody took it out of the list of tokens.
    TokenRevoked,
}

impl Because {
    pub const fn word(self) -> &'static str {
        match self {
            Because::RevokedByApp => "revoked_by_app",
            Because::CodeReplayed => "code_replayed",
            Because::RefreshTokenReplayed => "refresh_token_replayed",
            Because::GrantWithdrawn => "grant_withdrawn",
            Because::GrantExpired => "grant_expired",
            Because::ClientDeleted => "client_deleted",
            Because::ClientChanged => "client_changed",
            Because::PersonDeactivated => "person_deactivated",
            Because::SignedOut => "signed_out",
            Because::PasswordReset => "password_reset",
            Because::TokenRevoked => "token_revoked",
        }
    }
}

/// Where a new access token belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issue<'a> {
    pub(crate) family_id: i64,
    /// The refresh token it came with, for the lost-answer rule (RT-11).
    pub(crate) refresh_id: Option<i64>,
    pub(crate) scope: &'a ScopeSet,
    /// Which resources it is for (RI-5).
    pub(crate) audience: Audience,
}

/// Opens a family and says its id.
pub async fn open(tx: &mut Tx, now: Timestamp, family: &NewFamily<'_>) -> Result<i64, StoreError> {
    let row = tx
        .row(
            "insert into token_families (client_id, grant_id, person_id, sid, scope, nonce, auth_time, acr, amr, created_at, expires_at,
                 resources, jkt, claims, act)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) returning id",
            &[
                family.client_row.into(),
                family.grant_id.into(),
                family.person_id.into(),
                family.sid.into(),
                family.scope.into(),
                family.nonce.into(),
                family.auth_time.into(),
                family.acr.into(),
                family.amr.into(),
                now.into(),
                family.expires_at.into(),
                family.resources.into(),
                family.jkt.into(),
                family.claims.into(),
                family.act.into(),
            ],
        )
        .await?;
    row.ok_or(StoreError::Column("id"))?.int("id")
}

/// Binds the refresh tokens of a family to the DPoP key they were issued with, if there was one (DP-8).
pub(crate) async fn bind(tx: &mut Tx, family_id: i64, jkt: Option<&str>) -> Result<(), StoreError> {
    if let Some(jkt) = jkt {
        tx.run("update token_families set jkt = $1 where id = $2", &[jkt.into(), family_id.into()]).await?;
    }
    Ok(())
}

/// Keeps a code for its one redemption.
pub async fn keep_code(tx: &mut Tx, now: Timestamp, code: &NewCode<'_>) -> Result<(), StoreError> {
    tx.run(
        "insert into authorization_codes (hash, family_id, redirect_uri, redirect_uri_sent, code_challenge, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &[
            code.hash.as_slice().into(),
            code.family_id.into(),
            code.redirect_uri.into(),
            code.redirect_uri_sent.into(),
            code.code_challenge.into(),
            now.into(),
            code.expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Ends one family. 1 if it was alive, else 0.
pub async fn revoke(tx: &mut Tx, now: Timestamp, family_id: i64, because: Because) -> Result<u64, StoreError> {
    let sql = "update token_families set revoked_at = $1, revoked_because = $2 where id = $3 and revoked_at is null";
    tx.run(sql, &[now.into(), because.word().into(), family_id.into()]).await
}

/// Ends all families of a grant. How many were alive.
pub async fn revoke_of_grant(tx: &mut Tx, now: Timestamp, grant_id: i64, because: Because) -> Result<u64, StoreError> {
    let sql =
        "update token_families set revoked_at = $1, revoked_because = $2 where grant_id = $3 and revoked_at is null";
    tx.run(sql, &[now.into(), because.word().into(), grant_id.into()]).await
}

/// Ends all families of an app. How many were alive.
pub async fn revoke_of_client(
    tx: &mut Tx,
    now: Timestamp,
    client_row: i64,
    because: Because,
) -> Result<u64, StoreError> {
    let sql =
        "update token_families set revoked_at = $1, revoked_because = $2 where client_id = $3 and revoked_at is null";
    tx.run(sql, &[now.into(), because.word().into(), client_row.into()]).await
}

/// Ends the families of what an app holds for itself. How many were alive.
pub async fn revoke_own(tx: &mut Tx, now: Timestamp, client_row: i64, because: Because) -> Result<u64, StoreError> {
    let sql = "update token_families set revoked_at = $1, revoked_because = $2
               where client_id = $3 and grant_id is null and revoked_at is null";
    tx.run(sql, &[now.into(), because.word().into(), client_row.into()]).await
}

/// Ends all families of a person. How many were alive.
pub async fn revoke_of_person(
    tx: &mut Tx,
    now: Timestamp,
    person_id: i64,
    because: Because,
) -> Result<u64, StoreError> {
    let sql =
        "update token_families set revoked_at = $1, revoked_because = $2 where person_id = $3 and revoked_at is null";
    tx.run(sql, &[now.into(), because.word().into(), person_id.into()]).await
}

/// Ends the families whose tokens were only for as long as this session lasts (LO-6). How many were alive.
pub async fn revoke_of_session(tx: &mut Tx, now: Timestamp, sid: &str, because: Because) -> Result<u64, StoreError> {
    let sql = "update token_families set revoked_at = $1, revoked_because = $2
               where sid = $3 and online = 1 and revoked_at is null";
    tx.run(sql, &[now.into(), because.word().into(), sid.into()]).await
}

/// Has a family end with the session that began it (LO-6).
pub(crate) async fn end_with_session(tx: &mut Tx, family_id: i64) -> Result<(), StoreError> {
    tx.run("update token_families set online = 1 where id = $1", &[family_id.into()]).await?;
    Ok(())
}

/// Ends the families of a person with apps whose policy says that a new password ends them (LS-9). How many were alive.
pub async fn revoke_by_reset(tx: &mut Tx, now: Timestamp, person_id: i64) -> Result<u64, StoreError> {
    let words: Vec<String> = Policy::ALL
        .iter()
        .filter(|policy| policy.ends_with_a_reset())
        .map(|policy| format!("'{}'", policy.word()))
        .collect();
    let sql = format!(
        "update token_families set revoked_at = $1, revoked_because = $2 where person_id = $3 and revoked_at is null
           and client_id in (select id from clients where policy in ({}))",
        words.join(", ")
    );
    tx.run(&sql, &[now.into(), Because::PasswordReset.word().into(), person_id.into()]).await
}

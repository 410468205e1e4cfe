//! The authorization_code grant: a code, once, for tokens (AC-1 to AC-8, PK-3 to PK-5).

use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::identity::Identity;
use scope::permit::Actor;
use scope::set::ScopeSet;
use serde_json::json;
use store::{Row, StoreError, Tx, transact};

use super::access_token::{About, Person};
use super::{Call, Drawn, Granted, keep_access_token, keep_refresh_token};
use crate::authorize::claims::ClaimsAsked;
use crate::families::{self, Because, Issue};
use crate::id_token::Facts;
use crate::resources::Audience;
use crate::{Code, Error, claims, pkce, secret};

/// A code as it was kept, with its family.
struct Kept {
    family_id: i64,
    client_row: i64,
    grant_id: Option<i64>,
    person_id: i64,
    redirect_uri: String,
    redirect_uri_sent: bool,
    code_challenge: Option<String>,
    expires_at: Timestamp,
    used: bool,
    /// Family, grant and person.
    alive: bool,
    scope: ScopeSet,
    resources: Audience,
    act: Option<String>,
    family_end: Option<Timestamp>,
    sid: Option<String>,
    nonce: Option<String>,
    auth_time: Option<Timestamp>,
    acr: Option<String>,
    amr: Option<String>,
    /// The DPoP key that the authorization request named (DP-7).
    jkt: Option<String>,
    /// What the `claims` parameter asked for.
    claims: ClaimsAsked,
}

enum Outcome {
    /// Replayed: what was done about it must be committed before the refusal (AC-3).
    Replayed,
    Redeemed(Box<Kept>, ScopeSet, Option<claims::Subject>),
}

pub(super) async fn redeem(call: Call<'_>) -> Result<Granted, Error> {
    let provider = call.provider;
    let code = secret::hash(call.params.require("code")?);
    let access_seconds = call.access_token_seconds()?;
    let refresh_seconds = call.refresh_token_seconds()?;
    let access = access_token(&call, &code, access_seconds).await?;
    let refresh = Drawn::new(secret::refresh_token(&provider.random));
    let outcome = transact!(provider.db, |tx| {
        let kept = find(tx, &code, &call).await?.ok_or_else(unusable)?;
        check(&call, &kept)?;
        let (audience, scope) = call.for_audience(kept.resources, &call.within_ceiling(&kept.scope))?;
        if kept.used || !use_up(tx, &code, call.now).await? {
            revoke_all(tx, &call, &kept).await?;
            return Ok::<_, Error>(Outcome::Replayed);
        }
        let refresh_id = if call.gives_refresh_token(&scope) {
            let end = call.refresh_token_end(refresh_seconds, kept.family_end);
            if call.known.client.is_public() {
                families::bind(tx, kept.family_id, call.jkt.as_deref()).await?;
            }
            Some(keep_refresh_token(tx, &call, &refresh, kept.family_id, None, end).await?)
        } else {
            None
        };
        let of = Issue { family_id: kept.family_id, refresh_id, scope: &scope, audience };
        keep_access_token(tx, &call, &access, &of, call.after(access_seconds)).await?;
        let subject = match scope.has_identity(Identity::OpenId) {
            true => claims::for_id_token(tx, kept.person_id, &call.known.client, &kept.claims.id_token).await?,
            false => None,
        };
        Ok(Outcome::Redeemed(Box::new(kept), scope, subject))
    })?;
    let Outcome::Redeemed(kept, scope, subject) = outcome else {
        provider.forget_all();
        return Err(unusable());
    };
    let has_refresh_token = call.gives_refresh_token(&scope);
    let id_token = match &subject {
        Some(subject) => {
            let facts = Facts {
                subject,
                scope: &scope,
                nonce: kept.nonce.as_deref(),
                auth_time: kept.auth_time,
                acr: kept.acr.as_deref(),
                amr: kept.amr.as_deref(),
                sid: kept.sid.as_deref(),
                access_token: &access.value,
                asked: &kept.claims.id_token,
            };
            Some(provider.id_token(&call.known.client, &facts).await?)
        }
        None => None,
    };
    let tells_end = has_refresh_token && call.known.client.policy.lifetimes_by_request();
    Ok(Granted {
        access_token: access.value,
        expires_in: access_seconds,
        scope,
        refresh_token: has_refresh_token.then_some(refresh.value),
        refresh_token_expires_in: refresh_seconds.filter(|_| tells_end),
        id_token,
        issued_token_type: None,
    })
}

/// Drawn before the transaction. A code that cannot be redeemed is refused there, whatever was drawn for it.
async fn access_token(call: &Call<'_>, code: &[u8; 32], seconds: i64) -> Result<Drawn, Error> {
    if !call.signs_access_tokens() {
        return Ok(call.opaque_access_token());
    }
    let mut tx = call.provider.db.read().await?;
    let kept = find(&mut tx, code, call).await?.ok_or_else(unusable)?;
    drop(tx);
    check(call, &kept)?;
    let (audience, scope) = call.for_audience(kept.resources, &call.within_ceiling(&kept.scope))?;
    let person =
        Person { id: kept.person_id, auth_time: kept.auth_time, acr: kept.acr.as_deref(), act: kept.act.as_deref() };
    call.access_token(&About { person: Some(person), scope: &scope, audience, seconds }).await
}

/// One answer for unknown, expired, used, another app's and revoked (AC-1).
fn unusable() -> Error {
    Error::invalid_grant("The code is unknown, expired, used, revoked, or was issued to another app.")
}

/// Everything that can be wrong with the request. Runs before the code is touched, so a failure leaves it as it is (PK-5, AC-4).
fn check(call: &Call<'_>, kept: &Kept) -> Result<(), Error> {
    if kept.client_row != call.known.client.id || !kept.alive {
        return Err(unusable());
    }
    match (&kept.code_challenge, call.params.get("code_verifier")) {
        (Some(challenge), Some(verifier)) if pkce::matches(challenge, verifier) => {}
        (Some(_), _) => return Err(Error::invalid_grant("The code_verifier is missing or wrong.")),
        (None, None) => {}
        // Somebody took the challenge out of the authorization request (OAuth 2.1 7.5, downgrade).
        (None, Some(_)) => {
            return Err(Error::invalid_request("The authorization request had no code_challenge."));
        }
    }
    match call.params.get("redirect_uri") {
        Some(sent) if sent != kept.redirect_uri => {
            return Err(Error::invalid_grant("The redirect_uri is not the one of the authorization request."));
        }
        None if kept.code_challenge.is_none() && kept.redirect_uri_sent => {
            return Err(Error::invalid_request("The parameter redirect_uri is missing."));
        }
        _ => {}
    }
    match (&kept.jkt, &call.jkt) {
        (Some(bound), Some(shown)) if bound == shown => {}
        (Some(_), Some(_)) => return Err(Error::invalid_grant("The code is bound to another DPoP key.")),
        (Some(_), None) => {
            return Err(Error::of(
                Code::InvalidDpopProof,
                "The code is bound to a DPoP key, and the header DPoP is missing.",
            ));
        }
        (None, _) => {}
    }
    if !kept.used && kept.expires_at <= call.now {
        return Err(unusable());
    }
    Ok(())
}

async fn find(tx: &mut Tx, hash: &[u8; 32], call: &Call<'_>) -> Result<Option<Kept>, StoreError> {
    let row = tx
        .row(
            "select c.family_id, c.redirect_uri, c.redirect_uri_sent, c.code_challenge, c.expires_at, c.used_at,
                    f.client_id, f.grant_id, f.person_id, f.scope, f.expires_at as family_end, f.sid, f.nonce, f.auth_time, f.acr, f.amr,
                    f.jkt, f.resources, f.act, f.claims, f.revoked_at, g.revoked_at as grant_revoked_at, g.expires_at as grant_end,
                    p.active, p.deleted_at
             from authorization_codes c
             join token_families f on f.id = c.family_id
             join people p on p.id = f.person_id
             left join grants g on g.id = f.grant_id
             where c.hash = $1",
            &[hash.as_slice().into()],
        )
        .await?;
    row.map(|row| kept(&row, call)).transpose()
}

fn kept(row: &Row, call: &Call<'_>) -> Result<Kept, StoreError> {
    let issuer = &call.provider.config.issuer;
    let mut alive = row.flag("active")?;
    for column in ["revoked_at", "grant_revoked_at", "deleted_at"] {
        alive &= row.time_or_null(column)?.is_none();
    }
    alive &= row.time_or_null("grant_end")?.is_none_or(|end| call.now < end);
    Ok(Kept {
        family_id: row.int("family_id")?,
        client_row: row.int("client_id")?,
        grant_id: row.int_or_null("grant_id")?,
        person_id: row.int("person_id")?,
        redirect_uri: row.text("redirect_uri")?,
        redirect_uri_sent: row.flag("redirect_uri_sent")?,
        code_challenge: row.text_or_null("code_challenge")?,
        expires_at: row.time("expires_at")?,
        used: row.time_or_null("used_at")?.is_some(),
        alive,
        scope: ScopeSet::parse(&row.text("scope")?).map_err(|_| StoreError::Column("scope"))?,
        resources: Audience::stored(&row.text("resources")?, issuer),
        family_end: row.time_or_null("family_end")?,
        sid: row.text_or_null("sid")?,
        nonce: row.text_or_null("nonce")?,
        auth_time: row.time_or_null("auth_time")?,
        acr: row.text_or_null("acr")?,
        act: row.text_or_null("act")?,
        amr: row.text_or_null("amr")?,
        jkt: row.text_or_null("jkt")?,
        claims: ClaimsAsked::stored(row)?,
    })
}

/// False if another request was quicker (TK-5).
async fn use_up(tx: &mut Tx, hash: &[u8; 32], now: Timestamp) -> Result<bool, StoreError> {
    let sql = "update authorization_codes set used_at = $1 where hash = $2 and used_at is null";
    Ok(tx.run(sql, &[now.into(), hash.as_slice().into()]).await? == 1)
}

/// Somebody has the code who should not: whatever came of it ends (AC-3).
async fn revoke_all(tx: &mut Tx, call: &Call<'_>, kept: &Kept) -> Result<(), Error> {
    if families::revoke(tx, call.now, kept.family_id, Because::CodeReplayed).await? == 0 {
        return Ok(());
    }
    let actor = Actor { grant_id: kept.grant_id, ..call.actor.clone() };
    let change = Change {
        kind: "token-family-revoked",
        object_type: "TokenFamily",
        object_id: kept.family_id,
        before: None,
        after: Some(json!({ "because": Because::CodeReplayed.word() })),
        data: Some(json!({ "person_id": kept.person_id })),
    };
    events::record(tx, &actor, call.now, change).await?;
    Ok(())
}

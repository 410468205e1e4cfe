//! The device_code grant (RFC 8628, sections 3.4 and 3.5; DV-2): a device asks again and again until its person has answered.

use jiff::{SignedDuration, Timestamp};
use scope::identity::Identity;
use scope::set::ScopeSet;
use store::{Row, StoreError, Tx, transact};

use super::access_token::{About, Person};
use super::{Call, Drawn, Granted, keep_access_token, keep_refresh_token};
use crate::families::{self, Issue};
use crate::id_token::Facts;
use crate::resources::Audience;
use crate::{Code, Error, claims, secret};

/// What is added to the interval of a device that does not keep to it, in seconds.
const SLOWER_BY_SECONDS: i64 = 5;

/// A device code as it was kept.
struct Kept {
    client_row: i64,
    state: String,
    interval_seconds: i64,
    last_polled_at: Option<Timestamp>,
    expires_at: Timestamp,
    family: Option<Family>,
}

/// What the person allowed.
struct Family {
    id: i64,
    person_id: i64,
    /// Family, grant and person.
    alive: bool,
    scope: ScopeSet,
    resources: Audience,
    end: Option<Timestamp>,
    auth_time: Option<Timestamp>,
    acr: Option<String>,
    amr: Option<String>,
}

enum Outcome {
    /// What the poll changed is committed before the refusal.
    Refused(Error),
    Redeemed(Box<Family>, ScopeSet, Option<claims::Subject>),
}

pub(super) async fn redeem(call: Call<'_>) -> Result<Granted, Error> {
    let provider = call.provider;
    let client = &call.known.client;
    let code = secret::hash(call.params.require("device_code")?);
    let access_seconds = call.access_token_seconds()?;
    let refresh_seconds = call.refresh_token_seconds()?;
    let access = access_token(&call, &code, access_seconds).await?;
    let refresh = Drawn::new(secret::refresh_token(&provider.random));
    let outcome = transact!(provider.db, |tx| {
        let kept = find(tx, &code, &provider.config.issuer).await?.filter(|kept| kept.client_row == client.id);
        let Some(kept) = kept else { return Ok::<_, Error>(Outcome::Refused(unusable())) };
        let family = match judge(tx, &call, &code, kept).await? {
            Ok(family) => family,
            Err(error) => return Ok(Outcome::Refused(error)),
        };
        let (audience, scope) = call.for_audience(family.resources, &call.within_ceiling(&family.scope))?;
        let refresh_id = if call.gives_refresh_token(&scope) {
            let end = call.refresh_token_end(refresh_seconds, family.end);
            if client.is_public() {
                families::bind(tx, family.id, call.jkt.as_deref()).await?;
            }
            Some(keep_refresh_token(tx, &call, &refresh, family.id, None, end).await?)
        } else {
            None
        };
        let of = Issue { family_id: family.id, refresh_id, scope: &scope, audience };
        keep_access_token(tx, &call, &access, &of, call.after(access_seconds)).await?;
        let subject = match scope.has_identity(Identity::OpenId) {
            true => claims::for_id_token(tx, family.person_id, client, &[]).await?,
            false => None,
        };
        Ok(Outcome::Redeemed(Box::new(family), scope, subject))
    })?;
    let (family, scope, subject) = match outcome {
        Outcome::Refused(error) => return Err(error),
        Outcome::Redeemed(family, scope, subject) => (family, scope, subject),
    };
    let has_refresh_token = call.gives_refresh_token(&scope);
    let id_token = match &subject {
        Some(subject) => {
            let facts = Facts {
                subject,
                scope: &scope,
                nonce: None,
                auth_time: family.auth_time,
                acr: family.acr.as_deref(),
                amr: family.amr.as_deref(),
                // The browser in which the code was typed is not where the person is signed in now.
                sid: None,
                access_token: &access.value,
                asked: &[],
            };
            Some(provider.id_token(client, &facts).await?)
        }
        None => None,
    };
    let tells_end = has_refresh_token && client.policy.lifetimes_by_request();
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

/// Drawn before the transaction. A code that nobody has allowed yet needs none, and is answered there.
async fn access_token(call: &Call<'_>, code: &[u8; 32], seconds: i64) -> Result<Drawn, Error> {
    if !call.signs_access_tokens() {
        return Ok(call.opaque_access_token());
    }
    let mut tx = call.provider.db.read().await?;
    let kept = find(&mut tx, code, &call.provider.config.issuer).await?;
    drop(tx);
    let kept = kept.filter(|kept| kept.client_row == call.known.client.id);
    let Some(family) = kept.and_then(|kept| kept.family) else { return Ok(call.opaque_access_token()) };
    let (audience, scope) = call.for_audience(family.resources, &call.within_ceiling(&family.scope))?;
    let person = Person { id: family.person_id, auth_time: family.auth_time, acr: family.acr.as_deref(), act: None };
    call.access_token(&About { person: Some(person), scope: &scope, audience, seconds }).await
}

/// One answer for unknown, redeemed, revoked and another app's.
fn unusable() -> Error {
    Error::invalid_grant("The device_code is unknown, was redeemed or revoked, or was issued to another app.")
}

/// What the person allowed, used up by this call; else what to tell the device, in the words of RFC 8628, section 3.5.
async fn judge(tx: &mut Tx, call: &Call<'_>, hash: &[u8; 32], kept: Kept) -> Result<Result<Family, Error>, StoreError> {
    let refuse = |code, text: &'static str| Ok(Err(Error::of(code, text)));
    match kept.state.as_str() {
        "redeemed" => return Ok(Err(unusable())),
        "denied" => return refuse(Code::AccessDenied, "The person did not allow it."),
        _ if kept.expires_at <= call.now => {
            return refuse(Code::ExpiredToken, "Nobody entered the code in time. Begin again.");
        }
        "allowed" => {}
        _ => {
            let interval = SignedDuration::from_secs(kept.interval_seconds);
            let is_early = kept.last_polled_at.is_some_and(|last| call.now.duration_since(last) < interval);
            let interval_seconds = kept.interval_seconds + if is_early { SLOWER_BY_SECONDS } else { 0 };
            let sql = "update device_codes set last_polled_at = $1, interval_seconds = $2 where hash = $3";
            tx.run(sql, &[call.now.into(), interval_seconds.into(), hash.as_slice().into()]).await?;
            return match is_early {
                true => refuse(Code::SlowDown, "Wait five seconds longer between polls from now on."),
                false => refuse(Code::AuthorizationPending, "The person has not answered yet."),
            };
        }
    }
    let Some(family) = kept.family.filter(|family| family.alive) else { return Ok(Err(unusable())) };
    // False if another poll was quicker (TK-5).
    let sql = "update device_codes set state = 'redeemed' where hash = $1 and state = 'allowed'";
    Ok(match tx.run(sql, &[hash.as_slice().into()]).await? {
        1 => Ok(family),
        _ => Err(unusable()),
    })
}

async fn find(tx: &mut Tx, hash: &[u8; 32], issuer: &str) -> Result<Option<Kept>, StoreError> {
    let row = tx
        .row(
            "select d.client_id, d.state, d.interval_seconds, d.last_polled_at, d.expires_at, d.family_id, f.person_id, f.scope,
                    f.resources, f.expires_at as family_end, f.auth_time, f.acr, f.amr, f.revoked_at,
                    g.revoked_at as grant_revoked_at, p.active, p.deleted_at
             from device_codes d
             left join token_families f on f.id = d.family_id
             left join people p on p.id = f.person_id
             left join grants g on g.id = f.grant_id
             where d.hash = $1",
            &[hash.as_slice().into()],
        )
        .await?;
    row.map(|row| kept(&row, issuer)).transpose()
}

fn kept(row: &Row, issuer: &str) -> Result<Kept, StoreError> {
    Ok(Kept {
        client_row: row.int("client_id")?,
        state: row.text("state")?,
        interval_seconds: row.int("interval_seconds")?,
        last_polled_at: row.time_or_null("last_polled_at")?,
        expires_at: row.time("expires_at")?,
        family: match row.int_or_null("family_id")? {
            Some(id) => Some(family(row, id, issuer)?),
            None => None,
        },
    })
}

fn family(row: &Row, id: i64, issuer: &str) -> Result<Family, StoreError> {
    let mut alive = row.flag("active")?;
    for column in ["revoked_at", "grant_revoked_at", "deleted_at"] {
        alive &= row.time_or_null(column)?.is_none();
    }
    Ok(Family {
        id,
        person_id: row.int("person_id")?,
        alive,
        scope: crate::clients::scope_set(row, "scope")?,
        resources: Audience::stored(&row.text("resources")?, issuer),
        end: row.time_or_null("family_end")?,
        auth_time: row.time_or_null("auth_time")?,
        acr: row.text_or_null("acr")?,
        amr: row.text_or_null("amr")?,
    })
}

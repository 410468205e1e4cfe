//! The refresh_token grant (RT-1 to RT-11).
//!
//! Where tokens rotate, a used one that comes again is judged: inside the grace window it is a second tab, which gets a branch of its
//! own; later, if nothing of the first answer was ever used, that answer was lost; else somebody has a copy, and the family ends.

use helpdesk::events::{self, Change};
use jiff::{SignedDuration, Timestamp};
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
use crate::mails::{self, Notice};
use crate::policy::{Replay, Unrotated};
use crate::resources::Audience;
use crate::{Code, Error, claims, secret};

/// Most living branches of a family; beyond, the oldest ends (RT-4).
const BRANCHES_MAX: i64 = 5;

/// A refresh token as it was kept, with its family.
struct Kept {
    id: i64,
    family_id: i64,
    client_row: i64,
    grant_id: Option<i64>,
    person_id: i64,
    used_at: Option<Timestamp>,
    /// It, its family, its grant and its person.
    alive: bool,
    scope: ScopeSet,
    resources: Audience,
    act: Option<String>,
    family_end: Option<Timestamp>,
    sid: Option<String>,
    auth_time: Option<Timestamp>,
    acr: Option<String>,
    amr: Option<String>,
    /// The DPoP key that a public app's tokens are bound to (DP-8).
    jkt: Option<String>,
    /// What the `claims` parameter asked for.
    claims: ClaimsAsked,
}

/// What to do about the token that was presented.
enum Judgement {
    /// It stays what it is, and gets another access token.
    Keep,
    /// It is used up by this request, or was moments ago, and gets a child.
    Child,
    /// Whether its children were used must be known first.
    WriteUsesFirst,
    Refuse,
    /// It is a copy: the family ends (RT-6).
    End,
}

enum Outcome {
    WriteUsesFirst,
    Refused,
    /// What was done about it is committed before the refusal.
    Ended,
    Refreshed(Box<Refreshed>),
}

struct Refreshed {
    kept: Kept,
    scope: ScopeSet,
    /// The new refresh token. None: the old one stays.
    child: Option<String>,
    subject: Option<claims::Subject>,
    /// Hashes of access tokens that ended.
    ended: Vec<[u8; 32]>,
    /// Branches ended with it.
    forget_all: bool,
}

/// The access token of the answer, drawn before the transaction, and how long a refresh token lives.
struct Pair {
    access: Drawn,
    access_end: Timestamp,
    refresh_seconds: Option<i64>,
}

pub(super) async fn refresh(call: Call<'_>) -> Result<Granted, Error> {
    let provider = call.provider;
    let policy = call.known.client.policy;
    let presented = call.params.require("refresh_token")?;
    let asked = call.asked_scope()?;
    let access_seconds = call.access_token_seconds()?;
    let pair = Pair {
        access: access_token(&call, presented, asked.as_ref(), access_seconds).await?,
        access_end: call.after(access_seconds),
        refresh_seconds: call.refresh_token_seconds()?,
    };
    let mut uses_written = false;
    let refreshed = loop {
        let outcome =
            transact!(provider.db, |tx| answer(tx, &call, presented, asked.as_ref(), &pair, uses_written).await)?;
        match outcome {
            Outcome::Refreshed(refreshed) => break refreshed,
            Outcome::WriteUsesFirst => {
                provider.write_uses().await?;
                uses_written = true;
            }
            Outcome::Refused => return Err(unusable()),
            Outcome::Ended => {
                provider.forget_all();
                return Err(unusable());
            }
        }
    };
    for hash in &refreshed.ended {
        provider.forget_token(hash);
    }
    if refreshed.forget_all {
        provider.forget_all();
    }
    let id_token = match &refreshed.subject {
        Some(subject) => {
            let facts = Facts {
                subject,
                scope: &refreshed.scope,
                nonce: None,
                auth_time: refreshed.kept.auth_time,
                acr: refreshed.kept.acr.as_deref(),
                amr: refreshed.kept.amr.as_deref(),
                sid: refreshed.kept.sid.as_deref(),
                access_token: &pair.access.value,
                asked: &refreshed.kept.claims.id_token,
            };
            Some(provider.id_token(&call.known.client, &facts).await?)
        }
        None => None,
    };
    let refresh_token = match (refreshed.child, policy.unrotated()) {
        (Some(child), _) => Some(child),
        (None, Unrotated::Repeated) => Some(presented.to_owned()),
        (None, Unrotated::LeftOut) => None,
    };
    Ok(Granted {
        access_token: pair.access.value,
        expires_in: access_seconds,
        scope: refreshed.scope,
        refresh_token,
        refresh_token_expires_in: pair.refresh_seconds.filter(|_| policy.lifetimes_by_request()),
        id_token,
        issued_token_type: None,
    })
}

/// Drawn before the transaction. A refresh token that cannot be used is refused there, whatever was drawn for it.
async fn access_token(
    call: &Call<'_>,
    presented: &str,
    asked: Option<&ScopeSet>,
    seconds: i64,
) -> Result<Drawn, Error> {
    if !call.signs_access_tokens() {
        return Ok(call.opaque_access_token());
    }
    let mut tx = call.provider.db.read().await?;
    let kept = find(&mut tx, &secret::hash(presented), call).await?;
    drop(tx);
    let Some(kept) = kept.filter(|kept| kept.client_row == call.known.client.id) else { return Err(unusable()) };
    let scope = call.within_ceiling(asked.unwrap_or(&kept.scope));
    let (audience, scope) = narrowed(call, &kept, asked, &scope)?;
    // Who acts for itself has no person to speak of.
    let person = kept.grant_id.map(|_| Person {
        id: kept.person_id,
        auth_time: kept.auth_time,
        acr: kept.acr.as_deref(),
        act: kept.act.as_deref(),
    });
    call.access_token(&About { person, scope: &scope, audience, seconds }).await
}

/// One answer for unknown, expired, used, another app's and revoked: clients read `invalid_grant` as "signed out" (RT-10).
fn unusable() -> Error {
    Error::invalid_grant("The refresh token is unknown, expired, used, revoked, or was issued to another app.")
}

async fn answer(
    tx: &mut Tx,
    call: &Call<'_>,
    presented: &str,
    asked: Option<&ScopeSet>,
    pair: &Pair,
    uses_written: bool,
) -> Result<Outcome, Error> {
    let client = &call.known.client;
    let Some(kept) = find(tx, &secret::hash(presented), call).await? else { return Ok(Outcome::Refused) };
    let is_bound_elsewhere = client.is_public() && kept.jkt.is_some() && kept.jkt != call.jkt;
    if kept.client_row != client.id || !kept.alive || is_bound_elsewhere {
        return Ok(Outcome::Refused);
    }
    let scope = call.within_ceiling(asked.unwrap_or(&kept.scope));
    if let Some(word) = asked.and_then(|asked| beyond(asked, &kept.scope, call)) {
        return Err(Error::of(Code::InvalidScope, format!("{word} was not granted.")));
    }
    let (audience, scope) = narrowed(call, &kept, asked, &scope)?;
    let judgement = judge(tx, call, &kept, uses_written).await?;
    let mut forget_all = false;
    let (refresh_id, child) = match judgement {
        Judgement::WriteUsesFirst => return Ok(Outcome::WriteUsesFirst),
        Judgement::Refuse => return Ok(Outcome::Refused),
        Judgement::End => {
            end_family(tx, call, &kept).await?;
            mails::notify(tx, call.provider, call.now, kept.person_id, Notice::RefreshTokenReused, None).await?;
            return Ok(Outcome::Ended);
        }
        Judgement::Keep => {
            if let Some(end) = call.refresh_token_end(pair.refresh_seconds, kept.family_end) {
                let sql = "update refresh_tokens set expires_at = $1 where id = $2";
                tx.run(sql, &[end.into(), kept.id.into()]).await?;
            }
            (kept.id, None)
        }
        Judgement::Child => {
            let end = call.refresh_token_end(pair.refresh_seconds, kept.family_end);
            let (id, child) = branch(tx, call, &kept, presented, end).await?;
            forget_all = prune(tx, call, kept.family_id).await?;
            (id, Some(child))
        }
    };
    let mut ended = Vec::new();
    if client.policy.refresh_ends_access_tokens() {
        ended = end_access_tokens(tx, call.now, kept.family_id).await?;
    }
    let of = Issue { family_id: kept.family_id, refresh_id: Some(refresh_id), scope: &scope, audience };
    keep_access_token(tx, call, &pair.access, &of, pair.access_end).await?;
    let subject = match client.policy.id_token_on_refresh() && scope.has_identity(Identity::OpenId) {
        true => claims::for_id_token(tx, kept.person_id, client, &kept.claims.id_token).await?,
        false => None,
    };
    Ok(Outcome::Refreshed(Box::new(Refreshed { kept, scope, child, subject, ended, forget_all })))
}

/// The row and the value of the child that answers this request.
///
/// Children are computed from the token that was presented, with a key that only we have: so that of many requests at once those beyond
/// the fifth can be given a branch that another got, and nobody's token is dead on arrival (RT-4, RT-5).
async fn branch(
    tx: &mut Tx,
    call: &Call<'_>,
    kept: &Kept,
    presented: &str,
    end: Option<Timestamp>,
) -> Result<(i64, String), Error> {
    // One at a time: two that count the same children would make the same child.
    tx.run("update refresh_tokens set used_at = used_at where id = $1", &[kept.id.into()]).await?;
    let children = tx
        .rows(
            "select id, hash, case when used_at is null and revoked_at is null then 1 else 0 end as unused
             from refresh_tokens
             where family_id = $1 and parent_id = $2 order by id",
            &[kept.family_id.into(), kept.id.into()],
        )
        .await?;
    let nth = |n: usize| {
        let bytes = call.provider.keyed_hash("refresh token", &format!("{n} {presented}"));
        Drawn::new(secret::refresh_token_of(bytes))
    };
    let of = |hash: &[u8; 32]| children.iter().find(|row| row.blob("hash").is_ok_and(|it| it == hash));
    if children.len() >= BRANCHES_MAX as usize {
        for n in (0..children.len()).rev() {
            let drawn = nth(n);
            if let Some(row) = of(&drawn.hash).filter(|row| row.flag("unused").unwrap_or_default()) {
                return Ok((row.int("id")?, drawn.value));
            }
        }
    }
    let mut n = children.len();
    let mut drawn = nth(n);
    while of(&drawn.hash).is_some() {
        n += 1;
        drawn = nth(n);
    }
    let id = keep_refresh_token(tx, call, &drawn, kept.family_id, Some(kept.id), end).await?;
    Ok((id, drawn.value))
}

/// The resource may change with each refresh, within what was granted (RI-6); a scope that is named must mean something there (RI-7).
fn narrowed(
    call: &Call<'_>,
    kept: &Kept,
    asked: Option<&ScopeSet>,
    scope: &ScopeSet,
) -> Result<(Audience, ScopeSet), Error> {
    let (audience, known) = call.for_audience(kept.resources, scope)?;
    if let Some(asked) = asked {
        call.provider.check_scope_for(audience, asked, call.known.client.dialect)?;
    }
    Ok((audience, known))
}

async fn judge(tx: &mut Tx, call: &Call<'_>, kept: &Kept, uses_written: bool) -> Result<Judgement, Error> {
    let client = &call.known.client;
    let used_at = match kept.used_at {
        None if !client.rotates_refresh => return Ok(Judgement::Keep),
        None if use_up(tx, kept.id, call.now).await? => return Ok(Judgement::Child),
        // Another request was quicker, moments ago (TK-5).
        None => call.now,
        Some(used_at) => used_at,
    };
    if client.policy.replay() == Replay::OnlyRefused {
        return Ok(Judgement::Refuse);
    }
    if call.now.duration_since(used_at) <= SignedDuration::from_secs(client.refresh_grace_seconds) {
        return Ok(Judgement::Child);
    }
    if !uses_written {
        return Ok(Judgement::WriteUsesFirst);
    }
    if is_child_used(tx, kept).await? {
        return Ok(Judgement::End);
    }
    // The answer was lost. Its window begins anew, unless a parallel request has just begun it.
    let sql = "update refresh_tokens set used_at = $1 where id = $2 and used_at = $3";
    if tx.run(sql, &[call.now.into(), kept.id.into(), used_at.into()]).await? == 1 {
        end_children(tx, call.now, kept).await?;
    }
    Ok(Judgement::Child)
}

/// The first word outside what was granted.
fn beyond(asked: &ScopeSet, granted: &ScopeSet, call: &Call<'_>) -> Option<String> {
    let beyond = asked.beyond(granted, call.known.client.dialect);
    beyond.words().next().map(str::to_owned)
}

async fn find(tx: &mut Tx, hash: &[u8; 32], call: &Call<'_>) -> Result<Option<Kept>, StoreError> {
    let row = tx
        .row(
            "select r.id, r.family_id, r.expires_at, r.used_at, r.revoked_at,
                    f.client_id, f.grant_id, f.person_id, f.scope, f.expires_at as family_end, f.sid, f.auth_time, f.acr, f.amr,
                    f.jkt, f.resources, f.act, f.claims, f.revoked_at as family_revoked_at, g.revoked_at as grant_revoked_at, g.expires_at as grant_end,
                    p.active, p.deleted_at
             from refresh_tokens r
             join token_families f on f.id = r.family_id
             join people p on p.id = f.person_id
             left join grants g on g.id = f.grant_id
             where r.hash = $1",
            &[hash.as_slice().into()],
        )
        .await?;
    row.map(|row| kept(&row, call)).transpose()
}

fn kept(row: &Row, call: &Call<'_>) -> Result<Kept, StoreError> {
    let mut alive = row.flag("active")?;
    for column in ["revoked_at", "family_revoked_at", "grant_revoked_at", "deleted_at"] {
        alive &= row.time_or_null(column)?.is_none();
    }
    for column in ["expires_at", "family_end", "grant_end"] {
        alive &= row.time_or_null(column)?.is_none_or(|end| call.now < end);
    }
    Ok(Kept {
        id: row.int("id")?,
        family_id: row.int("family_id")?,
        client_row: row.int("client_id")?,
        grant_id: row.int_or_null("grant_id")?,
        person_id: row.int("person_id")?,
        used_at: row.time_or_null("used_at")?,
        alive,
        scope: ScopeSet::parse(&row.text("scope")?).map_err(|_| StoreError::Column("scope"))?,
        resources: Audience::stored(&row.text("resources")?, &call.provider.config.issuer),
        family_end: row.time_or_null("family_end")?,
        sid: row.text_or_null("sid")?,
        auth_time: row.time_or_null("auth_time")?,
        acr: row.text_or_null("acr")?,
        act: row.text_or_null("act")?,
        amr: row.text_or_null("amr")?,
        jkt: row.text_or_null("jkt")?,
        claims: ClaimsAsked::stored(row)?,
    })
}

async fn use_up(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "update refresh_tokens set used_at = $1 where id = $2 and used_at is null";
    Ok(tx.run(sql, &[now.into(), id.into()]).await? == 1)
}

/// Whether anybody got hold of an answer to this token: used a child, or the access token that came with it (RT-11).
async fn is_child_used(tx: &mut Tx, kept: &Kept) -> Result<bool, StoreError> {
    let row = tx
        .row(
            "select id from refresh_tokens
             where family_id = $1 and parent_id = $2 and (used_at is not null or pair_used_at is not null) limit 1",
            &[kept.family_id.into(), kept.id.into()],
        )
        .await?;
    Ok(row.is_some())
}

/// Ends what an answer that never arrived held. Nobody used it, so no node remembers its access tokens.
async fn end_children(tx: &mut Tx, now: Timestamp, kept: &Kept) -> Result<(), StoreError> {
    tx.run(
        "update access_tokens set revoked_at = $1 where family_id = $2 and revoked_at is null
           and refresh_id in (select id from refresh_tokens where family_id = $2 and parent_id = $3)",
        &[now.into(), kept.family_id.into(), kept.id.into()],
    )
    .await?;
    tx.run(
        "update refresh_tokens set revoked_at = $1 where family_id = $2 and parent_id = $3 and revoked_at is null",
        &[now.into(), kept.family_id.into(), kept.id.into()],
    )
    .await?;
    Ok(())
}

/// Ends the oldest branches beyond five, with their access tokens (RT-4). Whether there were any.
async fn prune(tx: &mut Tx, call: &Call<'_>, family_id: i64) -> Result<bool, StoreError> {
    let rows = tx
        .rows(
            "update refresh_tokens set revoked_at = $1
             where family_id = $2 and used_at is null and revoked_at is null and id not in (
                 select id from refresh_tokens where family_id = $2 and used_at is null and revoked_at is null
                 order by id desc limit $3)
             returning id",
            &[call.now.into(), family_id.into(), BRANCHES_MAX.into()],
        )
        .await?;
    for row in &rows {
        let sql =
            "update access_tokens set revoked_at = $1 where family_id = $2 and refresh_id = $3 and revoked_at is null";
        tx.run(sql, &[call.now.into(), family_id.into(), row.int("id")?.into()]).await?;
    }
    Ok(!rows.is_empty())
}

async fn end_access_tokens(tx: &mut Tx, now: Timestamp, family_id: i64) -> Result<Vec<[u8; 32]>, StoreError> {
    let sql = "update access_tokens set revoked_at = $1 where family_id = $2 and revoked_at is null returning hash";
    let rows = tx.rows(sql, &[now.into(), family_id.into()]).await?;
    rows.iter().map(|row| row.blob("hash")?.try_into().map_err(|_| StoreError::Column("hash"))).collect()
}

/// The event is the notice to the grant's owner, too: it names the person.
async fn end_family(tx: &mut Tx, call: &Call<'_>, kept: &Kept) -> Result<(), Error> {
    families::revoke(tx, call.now, kept.family_id, Because::RefreshTokenReplayed).await?;
    let actor = Actor { grant_id: kept.grant_id, ..call.actor.clone() };
    let change = Change {
        kind: "token-family-revoked",
        object_type: "TokenFamily",
        object_id: kept.family_id,
        before: None,
        after: Some(json!({ "because": Because::RefreshTokenReplayed.word() })),
        data: Some(json!({ "person_id": kept.person_id })),
    };
    events::record(tx, &actor, call.now, change).await?;
    Ok(())
}

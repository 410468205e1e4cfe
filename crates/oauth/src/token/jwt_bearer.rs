//! The JWT bearer grant (RFC 7523 sections 2.1 and 3; JB-1): an issuer we trust says who is there, and the app gets a token for that
//! person, within what the person or an administrator has allowed it before. Nobody is asked, so nothing new is allowed here.

use helpdesk::events::{self, Change};
use scope::permit::Actor;
use scope::set::ScopeSet;
use serde_json::json;
use store::{StoreError, Tx, transact};

use super::access_token::{About, Person};
use super::{Call, Granted, keep_access_token};
use crate::families::{self, Issue, NewFamily};
use crate::jwt::{self, Audience, Claims, Rules, Type};
use crate::trust::{self, TrustedIssuer};
use crate::{Code, Error, consents, resources, used_identifiers};

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// `exp` may lie so far ahead, in seconds.
const LONGEST_SECONDS: i64 = 60 * 60;
const JTI_MAX_BYTES: usize = 512;

pub(super) async fn issue(call: Call<'_>) -> Result<Granted, Error> {
    let provider = call.provider;
    call.may_use(GRANT_TYPE)?;
    let assertion = call.params.require("assertion")?;
    let (issuer, claims) = verify(&call, assertion).await?;
    let asked = call.asked_scope()?;
    let seconds = call.access_token_seconds()?;
    let expires_at = call.after(seconds);
    let until = claims.accepted_until(call.now);
    let jti = claims.text("jti").map_err(refused)?;
    let sub = claims.text("sub").map_err(refused)?;
    let mut tx = provider.db.read().await?;
    let person_id = person(&mut tx, sub).await?.ok_or_else(no_such_person)?;
    let allowed = allowed(&mut tx, &call, person_id).await?;
    drop(tx);
    let scope = within(&call, asked.as_ref(), &allowed.scope)?;
    let (audience, scope) = call.for_audience(allowed.resources, &scope)?;
    let person = Person { id: person_id, auth_time: None, acr: None, act: None };
    let token = call.access_token(&About { person: Some(person), scope: &scope, audience, seconds }).await?;
    transact!(provider.db, |tx| {
        if !used_identifiers::use_once(tx, "authorization grant", &issuer.issuer, jti, until, call.now).await? {
            return Err(refused(jwt::Refusal::Used));
        }
        // One that was withdrawn a moment ago gives a token that is dead.
        let grant_id = match allowed.grant_id {
            Some(grant_id) => grant_id,
            None => spare(tx, &call, &issuer, person_id).await?,
        };
        let family = NewFamily {
            client_row: call.known.client.id,
            grant_id: Some(grant_id),
            person_id,
            scope: scope.as_str(),
            resources: &audience.text(&provider.config.issuer),
            ..NewFamily::default()
        };
        let family_id = families::open(tx, call.now, &family).await?;
        let of = Issue { family_id, refresh_id: None, scope: &scope, audience };
        keep_access_token(tx, &call, &token, &of, expires_at).await?;
        Ok::<_, Error>(())
    })?;
    Ok(Granted { expires_in: seconds, scope, ..Granted::of(token.value) })
}

/// Who signed it, and what it says.
async fn verify(call: &Call<'_>, assertion: &str) -> Result<(TrustedIssuer, Claims), Error> {
    let provider = call.provider;
    let client = &call.known.client;
    let head = jwt::head(assertion).map_err(refused)?;
    let iss = jwt::claimed(assertion, "iss").map_err(refused)?;
    let mut tx = provider.db.read().await?;
    let issuer = trust::issuer_of(&mut tx, &iss).await?;
    drop(tx);
    let issuer = issuer.filter(|issuer| issuer.client_row.is_none_or(|only| only == client.id));
    let issuer =
        issuer.ok_or_else(|| Error::invalid_grant("Assertions of this issuer are not taken from this app."))?;
    let keys = provider.key_of(issuer.keys(), head.kid.as_deref(), head.algorithm).await?;
    let ours = [provider.config.issuer.as_str()];
    let rules = Rules {
        typ: Type::Usual(&["jwt", "authorization-grant+jwt"]),
        algorithms: if client.policy.is_fapi() { &jwt::FAPI_ALGORITHMS } else { &jwt::ALGORITHMS },
        issuer: Some(&issuer.issuer),
        audience: Audience::All(&ours),
        longest_seconds: Some(LONGEST_SECONDS),
        ..jwt::STRICT
    };
    let claims = jwt::verify(assertion, &keys, &rules, call.now).map_err(refused)?;
    if claims.jti.as_ref().is_some_and(|jti| JTI_MAX_BYTES < jti.len()) {
        return Err(refused(jwt::Refusal::Claim("jti")));
    }
    Ok((issuer, claims))
}

/// A living person by our `sub`, or by an address that is proven: staff's, which an administrator entered, or one we verified.
async fn person(tx: &mut Tx, sub: &str) -> Result<Option<i64>, StoreError> {
    let row = match sub.parse::<i64>() {
        Ok(id) => {
            let sql = "select id from people where id = $1 and active = 1 and deleted_at is null";
            tx.row(sql, &[id.into()]).await?
        }
        Err(_) => {
            let key = sub.trim().to_lowercase();
            let sql = "select id from people where is_staff in (0, 1) and email_key = $1 and active = 1 and deleted_at is null
                 and (is_staff = 1 or email_verified = 1) order by is_staff desc limit 1";
            tx.row(sql, &[key.as_str().into()]).await?
        }
    };
    row.map(|row| row.int("id")).transpose()
}

/// What an app may have of a person without asking.
struct Allowed {
    /// None: only an administrator has allowed something, for everybody (CO-11).
    grant_id: Option<i64>,
    scope: ScopeSet,
    resources: resources::Audience,
}

/// All that was allowed: by the person, and by an administrator for everybody.
async fn allowed(tx: &mut Tx, call: &Call<'_>, person_id: i64) -> Result<Allowed, Error> {
    let client = &call.known.client;
    let living =
        consents::find_living(tx, call.now, client.id, person_id).await?.filter(|allowed| allowed.is_of(client));
    match living {
        Some(living) => Ok(Allowed {
            grant_id: Some(living.grant_id),
            scope: living.scope.union(&client.account_scopes),
            resources: resources::Audience::stored(&living.resources, &call.provider.config.issuer),
        }),
        None if client.account_scopes.is_empty() => {
            Err(Error::invalid_grant("Neither this person nor an administrator has allowed this app anything."))
        }
        None => {
            Ok(Allowed { grant_id: None, scope: client.account_scopes.clone(), resources: resources::Audience::API })
        }
    }
}

/// A grant of what an administrator allowed for everybody, so that it can be seen and withdrawn like any other.
async fn spare(tx: &mut Tx, call: &Call<'_>, issuer: &TrustedIssuer, person_id: i64) -> Result<i64, Error> {
    let client = &call.known.client;
    let scope = client.account_scopes.as_str();
    let asked_by = client.fingerprint();
    let whose = [client.id.into(), person_id.into()];
    consents::end_expired(tx, call.now, "client_id = $2 and person_id = $3", &whose).await?;
    let row = tx
        .row(
            "insert into grants (client_id, person_id, scope, asked_by, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)
             on conflict (client_id, person_id) where revoked_at is null
                 do update set scope = excluded.scope, asked_by = excluded.asked_by, updated_at = excluded.updated_at
             returning id",
            &[client.id.into(), person_id.into(), scope.into(), asked_by.as_str().into(), call.now.into()],
        )
        .await?;
    let grant_id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let actor = Actor { person_id: Some(person_id), grant_id: Some(grant_id), ..call.actor.clone() };
    let change = Change {
        kind: "app-consent-spared",
        object_type: "App",
        object_id: client.id,
        before: None,
        after: Some(json!({ "scope": scope })),
        data: Some(json!({ "issuer": issuer.issuer })),
    };
    events::record(tx, &actor, call.now, change).await?;
    Ok(grant_id)
}

/// What was asked for, if it was allowed; all that was allowed, if nothing was named. Always within the ceiling (SC-11).
fn within(call: &Call<'_>, asked: Option<&ScopeSet>, allowed: &ScopeSet) -> Result<ScopeSet, Error> {
    let allowed = call.within_ceiling(allowed);
    let scope = asked.unwrap_or(&allowed);
    if let Some(word) = scope.beyond(&allowed, call.known.client.dialect).words().next() {
        return Err(Error::of(Code::InvalidScope, format!("{word} was not allowed.")));
    }
    match scope.is_empty() {
        true => Err(Error::of(Code::InvalidScope, "Nothing is left of what was allowed.")),
        false => Ok(scope.clone()),
    }
}

fn no_such_person() -> Error {
    Error::invalid_grant("The sub of the assertion is nobody who is active here.")
}

fn refused(refusal: jwt::Refusal) -> Error {
    Error::invalid_grant(format!("The assertion is not usable: {refusal}."))
}

//! Token exchange (RFC 8693; TX-1 to TX-3): an app trades a person's token for one of its own, narrower, and says with an actor token who
//! acts for the person. Only what a rule of an administrator allows (`trust.rs`).

use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::permit::{Acting, Actor};
use scope::set::ScopeSet;
use serde_json::{Value as Json, json};
use store::{StoreError, Tx, transact};

use super::access_token::{About, Person};
use super::{Call, Granted, keep_access_token};
use crate::bearer::Bearer;
use crate::families::{self, Issue, NewFamily};
use crate::resources::{Audience, Target};
use crate::trust::{self, ExchangeRule};
use crate::{Code, Error, clients};

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The one type of token that is taken and given (RFC 8693, 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Longest chain of actors.
const ACTORS_MAX: usize = 5;

pub(super) async fn exchange(call: Call<'_>) -> Result<Granted, Error> {
    let provider = call.provider;
    let client = &call.known.client;
    if client.is_public() {
        return Err(Error::of(Code::UnauthorizedClient, "A public app cannot exchange tokens."));
    }
    call.may_use(GRANT_TYPE)?;
    let mut tx = provider.db.read().await?;
    let rules = trust::rules_of(&mut tx, client.id).await?;
    drop(tx);
    if rules.is_empty() {
        return Err(not_allowed());
    }
    let shown = Parameters::read(&call)?;
    let subject = shown.subject(&call).await?;
    let acting = match shown.actor_token {
        Some(token) => Some(actor(&call, token).await?),
        None => None,
    };
    let rules: Vec<&ExchangeRule> = rules.iter().filter(|rule| is_for(rule, &subject, client.id)).collect();
    let rules: Vec<&ExchangeRule> = rules.into_iter().filter(|rule| acting.is_none() || rule.delegation).collect();
    if rules.is_empty() {
        return Err(not_allowed());
    }
    let audience = audience(&call, &subject, &rules)?;
    let scope = scope(&call, &subject, audience)?;
    let act = chain(acting.as_ref(), subject.act.as_ref())?;
    let seconds = call.access_token_seconds()?.min(seconds_left(&subject, call.now)?);
    let text = act.as_ref().map(Json::to_string);
    let person = Person { id: subject.person_id, auth_time: None, acr: None, act: text.as_deref() };
    let about = About { person: Some(person), scope: &scope, audience, seconds };
    let token = call.access_token(&about).await?;
    let expires_at = call.after(seconds);
    transact!(provider.db, |tx| {
        let family = NewFamily {
            client_row: client.id,
            grant_id: subject.grant_id,
            person_id: subject.person_id,
            scope: scope.as_str(),
            resources: &audience.text(&provider.config.issuer),
            act: text.as_deref(),
            ..NewFamily::default()
        };
        let family_id = families::open(tx, call.now, &family).await?;
        let of = Issue { family_id, refresh_id: None, scope: &scope, audience };
        keep_access_token(tx, &call, &token, &of, expires_at).await?;
        record(tx, &call, &subject, acting.as_ref(), (family_id, &scope)).await
    })?;
    Ok(Granted { expires_in: seconds, scope, issued_token_type: Some(ACCESS_TOKEN), ..Granted::of(token.value) })
}

fn not_allowed() -> Error {
    Error::of(Code::UnauthorizedClient, "No rule of this account lets this app exchange such a token.")
}

/// What was sent (RFC 8693, 2.1).
struct Parameters<'a> {
    subject_token: &'a str,
    actor_token: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    fn read(call: &Call<'a>) -> Result<Parameters<'a>, Error> {
        let params = call.params;
        let subject_token = params.require("subject_token")?;
        access_token(Some(params.require("subject_token_type")?), "subject_token_type")?;
        let actor_token = params.get("actor_token");
        match (actor_token, params.get("actor_token_type")) {
            (None, Some(_)) => {
                return Err(Error::invalid_request("There is an actor_token_type without an actor_token."));
            }
            (Some(_), None) => return Err(Error::invalid_request("The parameter actor_token_type is missing.")),
            (_, kind) => access_token(kind, "actor_token_type")?,
        }
        access_token(params.get("requested_token_type"), "requested_token_type")?;
        Ok(Parameters { subject_token, actor_token })
    }

    /// A living token of a person. One that is bound to a key is exchanged by whoever proves the key.
    async fn subject(&self, call: &Call<'_>) -> Result<Bearer, Error> {
        let unusable = || Error::invalid_request("The subject_token is not a living access token of a person.");
        let bearer = call.provider.bearer(self.subject_token, None).await?.ok_or_else(unusable)?;
        if bearer.grant_id.is_none() || (bearer.jkt.is_some() && bearer.jkt != call.jkt) {
            return Err(unusable());
        }
        Ok((*bearer).clone())
    }
}

fn access_token(kind: Option<&str>, name: &str) -> Result<(), Error> {
    match kind {
        None | Some(ACCESS_TOKEN) => Ok(()),
        Some(_) => Err(Error::invalid_request(format!("The only {name} is {ACCESS_TOKEN}."))),
    }
}

/// Who acts, by a living token of the app itself: a person's, or the app's own.
async fn actor(call: &Call<'_>, token: &str) -> Result<Acting, Error> {
    let unusable = || Error::invalid_request("The actor_token is not a living access token of this app.");
    let bearer = call.provider.bearer(token, None).await?.ok_or_else(unusable)?;
    let client = &call.known.client;
    if bearer.client_row != client.id || (bearer.jkt.is_some() && bearer.jkt != call.jkt) {
        return Err(unusable());
    }
    if bearer.grant_id.is_none() {
        return Ok(Acting { sub: format!("client:{}", client.client_id), name: client.name.clone() });
    }
    let mut tx = call.provider.db.read().await?;
    let row = tx.row("select name from people where id = $1", &[bearer.person_id.into()]).await?;
    let name = row.ok_or_else(unusable)?.text_or_null("name")?.unwrap_or_default();
    Ok(Acting { sub: call.provider.sub(client, bearer.person_id)?, name })
}

fn is_for(rule: &ExchangeRule, subject: &Bearer, own: i64) -> bool {
    rule.subject_client_row.unwrap_or(own) == subject.client_row
}

/// Of the resources the subject token is for, those that a rule names and the request asks for (`resource`, or `audience` by the same
/// names).
fn audience(call: &Call<'_>, subject: &Bearer, rules: &[&ExchangeRule]) -> Result<Audience, Error> {
    let provider = call.provider;
    let ruled = rules
        .iter()
        .filter_map(|rule| Target::find(&rule.resource, &provider.config.issuer))
        .filter(|&target| subject.audience.has(target))
        .fold(Audience::NOBODY, |all, target| all.union(Audience::of(target)));
    let mut asked = provider.asked_audience(call.params)?;
    if let Some(name) = call.params.get("audience") {
        let target = Target::find(name, &provider.config.issuer);
        let target = target.ok_or_else(|| Error::of(Code::InvalidTarget, "There is no such audience."))?;
        asked = Some(asked.unwrap_or(Audience::NOBODY).union(Audience::of(target)));
    }
    match ruled.narrowed(asked)? {
        Audience::NOBODY => {
            Err(Error::of(Code::InvalidTarget, "No rule lets this token be exchanged for this resource."))
        }
        audience => Ok(audience),
    }
}

/// Within the subject token's words and the app's own ceiling, and known at the resource.
fn scope(call: &Call<'_>, subject: &Bearer, audience: Audience) -> Result<ScopeSet, Error> {
    let client = &call.known.client;
    let invalid = |text: String| Error::of(Code::InvalidScope, text);
    let most = call.within_ceiling(&subject.scope);
    let scope = match call.asked_scope()? {
        Some(asked) => {
            if let Some(word) = asked.beyond(&most, client.dialect).words().next() {
                return Err(invalid(format!("{word} is not in the subject_token, or not allowed to this app.")));
            }
            call.provider.check_scope_for(audience, &asked, client.dialect)?;
            asked
        }
        None => call.provider.scope_for(audience, &most, client.dialect),
    };
    match scope.is_empty() {
        true => Err(invalid("Nothing of the subject_token's scope is left.".to_owned())),
        false => Ok(scope),
    }
}

/// The `act` claim: the new actor outside, those before inside (RFC 8693, 4.1).
fn chain(acting: Option<&Acting>, before: Option<&Json>) -> Result<Option<Json>, Error> {
    let Some(acting) = acting else { return Ok(before.cloned()) };
    let mut act = json!({ "sub": acting.sub, "name": acting.name });
    if let Some(before) = before {
        let mut n_actors = 1;
        let mut inner = Some(before);
        while let Some(one) = inner {
            n_actors += 1;
            inner = one.get("act");
        }
        if ACTORS_MAX < n_actors {
            return Err(Error::invalid_request("Too many have acted for each other already."));
        }
        act["act"] = before.clone();
    }
    Ok(Some(act))
}

/// The new token never outlives the one it came from.
fn seconds_left(subject: &Bearer, now: Timestamp) -> Result<i64, Error> {
    match subject.expires_at.duration_since(now).as_secs() {
        seconds if 0 < seconds => Ok(seconds),
        _ => Err(Error::invalid_request("The subject_token is about to expire.")),
    }
}

async fn record(
    tx: &mut Tx,
    call: &Call<'_>,
    subject: &Bearer,
    acting: Option<&Acting>,
    (family_id, scope): (i64, &ScopeSet),
) -> Result<(), Error> {
    let from = clients::by_row(tx, subject.client_row).await?.ok_or(StoreError::Column("client_id"))?;
    let actor = Actor {
        person_id: Some(subject.person_id),
        grant_id: subject.grant_id,
        acting: acting.cloned(),
        ..call.actor.clone()
    };
    let change = Change {
        kind: "token-exchanged",
        object_type: "TokenFamily",
        object_id: family_id,
        before: None,
        after: Some(json!({ "scope": scope.as_str() })),
        data: Some(json!({ "tokens_of": from.name })),
    };
    events::record(tx, &actor, call.now, change).await?;
    Ok(())
}

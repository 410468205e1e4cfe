//! The client_credentials grant: an app acts for itself, as the person who registered it (CC-1 to CC-3, SC-12).
//!
//! All such tokens of an app and its owner share one family, so that an issue is one insert.

use scope::identity::Identity;
use scope::set::ScopeSet;
use store::transact;

use super::access_token::About;
use super::{Call, Granted, keep_access_token};
use crate::families::{self, Issue, NewFamily};
use crate::resources::Audience;
use crate::{Code, Error, dialects};

/// Words about a person who signs in: nobody does here (CC-3).
const IDENTITY: [Identity; 6] =
    [Identity::OpenId, Identity::Email, Identity::Profile, Identity::Phone, Identity::Address, Identity::Offline];

pub(super) async fn issue(call: Call<'_>) -> Result<Granted, Error> {
    let client = &call.known.client;
    if client.is_public() {
        return Err(Error::of(Code::UnauthorizedClient, "A public app has no credentials of its own."));
    }
    call.may_use("client_credentials")?;
    let audience = call.provider.asked_audience(call.params)?.unwrap_or(Audience::API);
    let scope = scope(&call, audience)?;
    let seconds = call.access_token_seconds()?;
    let about = About { person: None, scope: &scope, audience, seconds };
    let token = call.access_token(&about).await?;
    let expires_at = call.after(seconds);
    let found = transact!(call.provider.db, |tx| {
        let living = match call.known.own_family {
            Some(family_id) => tx
                .row(
                    "select f.id from token_families f join people p on p.id = f.person_id
                     where f.id = $1 and f.revoked_at is null and p.active = 1 and p.deleted_at is null and p.id = $2",
                    &[family_id.into(), client.owner_id.into()],
                )
                .await?
                .map(|row| row.int("id"))
                .transpose()?,
            None => None,
        };
        let family_id = match living {
            Some(family_id) => family_id,
            None => {
                let sql = "select id from people where id = $1 and active = 1 and deleted_at is null";
                if tx.row(sql, &[client.owner_id.into()]).await?.is_none() {
                    return Err(Error::of(Code::UnauthorizedClient, "The person this app acts as is deactivated."));
                }
                let family = NewFamily {
                    client_row: client.id,
                    grant_id: None,
                    person_id: client.owner_id,
                    sid: None,
                    scope: "",
                    nonce: None,
                    auth_time: None,
                    acr: None,
                    amr: None,
                    expires_at: None,
                    ..NewFamily::default()
                };
                families::open(tx, call.now, &family).await?
            }
        };
        let of = Issue { family_id, refresh_id: None, scope: &scope, audience };
        keep_access_token(tx, &call, &token, &of, expires_at).await?;
        Ok::<_, Error>(living)
    })?;
    if found.is_none() {
        // The next call shall find the family that was opened just now.
        call.provider.forget_client(client.id);
    }
    Ok(Granted {
        access_token: token.value,
        expires_in: seconds,
        scope,
        refresh_token: None,
        refresh_token_expires_in: None,
        id_token: None,
        issued_token_type: None,
    })
}

/// From an explicit list: what was asked for within the ceiling, or the client's defaults (SC-3, SC-11).
fn scope(call: &Call<'_>, audience: Audience) -> Result<ScopeSet, Error> {
    let client = &call.known.client;
    let scope = match call.asked_scope()? {
        Some(asked) => asked,
        None => {
            let usual = match client.default_scopes.is_empty() {
                true => dialects::usual_scopes(client.dialect, &client.allowed_scopes),
                false => client.default_scopes.clone(),
            };
            let usual = call.provider.scope_for(audience, &usual, client.dialect);
            let people = usual.words().filter(|word| !is_about_people(word)).collect::<Vec<_>>().join(" ");
            ScopeSet::parse(&people).unwrap_or_default()
        }
    };
    if scope.is_empty() {
        return Err(Error::of(Code::InvalidScope, "A scope is missing, and this app has no default."));
    }
    if let Some(word) = scope.words().find(|word| is_about_people(word)) {
        return Err(Error::of(Code::InvalidScope, format!("{word} is about a person, and nobody signed in.")));
    }
    if let Some(word) = scope.unknown(client.dialect).first()
        && !client.policy.keeps_unknown_scopes()
    {
        return Err(Error::of(Code::InvalidScope, format!("There is no scope {word}.")));
    }
    if let Some(word) = scope.beyond(&client.allowed_scopes, client.dialect).words().next() {
        return Err(Error::of(Code::InvalidScope, format!("This app may not have {word}.")));
    }
    call.provider.check_scope_for(audience, &scope, client.dialect)?;
    Ok(scope)
}

fn is_about_people(word: &str) -> bool {
    ScopeSet::parse(word).is_ok_and(|word| IDENTITY.iter().any(|&identity| word.has_identity(identity)))
}

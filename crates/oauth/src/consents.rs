//! What people allowed apps to do: one living grant for a person and an app (CO-6).
//!
//! A grant only grows while it lives (CO-7), until the end that the person set, if any. Withdrawing it ends every code and token that descends from it, within the same transaction;
//! `families.rs` does that, and `bearer.rs` then forgets what it remembers of them (CO-9).

use helpdesk::Error;
use helpdesk::events::{self, Change};
use jiff::{SignedDuration, Timestamp};
use scope::Dialect;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Apps;
use scope::set::ScopeSet;
use serde_json::json;
use store::{Row, StoreError, Tx, Value, transact};

use crate::Provider;
use crate::authorize::Browser;
use crate::clients::{Client, scope_set};
use crate::families::{self, Because};
use crate::resources::Audience;
use crate::sessions::Session;

/// A living grant, as people and administrators list it (CO-9).
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub id: i64,
    /// Row of `clients`.
    pub client_row: i64,
    pub client_name: String,
    pub person_id: i64,
    pub person_email: String,
    pub person_name: String,
    pub scope: ScopeSet,
    /// What of it is within the app's ceiling today: after a shrink, less than was allowed (SC-11).
    pub still: ScopeSet,
    /// Where the consent came from: an IP address.
    pub address: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub last_used_address: Option<String>,
    /// None: until it is withdrawn.
    pub expires_at: Option<Timestamp>,
}

/// The part of a grant that decides whether a person must be asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Allowed {
    pub grant_id: i64,
    pub scope: ScopeSet,
    /// `Client::fingerprint` of then; None where it was not noted.
    pub asked_by: Option<String>,
    /// `Audience::text` of the resources it was allowed at.
    pub resources: String,
    /// Words that the person unticked (CO-8).
    pub declined: ScopeSet,
}

impl Allowed {
    /// Whether the app is still what the person allowed (POL-5, CO-13).
    pub fn is_of(&self, client: &Client) -> bool {
        match &self.asked_by {
            Some(asked_by) => *asked_by == client.fingerprint(),
            None => !client.is_self_registered(),
        }
    }
}

/// How long the person lets the app in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lasting {
    Day,
    Month,
    #[default]
    UntilWithdrawn,
    /// Nobody was asked: an end that was set before stays.
    AsBefore,
}

/// Living grants of an app, newest first, with ids below `before`.
pub async fn list_by_client(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    now: Timestamp,
    client_row: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Grant>, StoreError> {
    list(tx, now, "g.client_id", client_row, before, limit).await
}

/// Living grants of the person who is signed in, newest first, with ids below `before`.
pub async fn list_own(
    tx: &mut Tx,
    session: &Session,
    now: Timestamp,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Grant>, StoreError> {
    list(tx, now, "g.person_id", session.person_id, before, limit).await
}

impl Provider {
    /// Withdraws a grant: its codes and tokens die at once (CO-9). `NotFound` if it is not alive.
    pub async fn revoke_grant(&self, may: &CanWrite<Apps>, grant_id: i64) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| revoke(tx, may.actor(), now, grant_id, None).await)?;
        self.forget_grant(grant_id);
        Ok(())
    }

    /// The same, by the person who gave it.
    pub async fn revoke_own_grant(&self, session: &Session, request_id: &str, grant_id: i64) -> Result<(), Error> {
        let now = self.clock.now();
        let actor = session.actor(request_id);
        transact!(self.db, |tx| revoke(tx, &actor, now, grant_id, Some(session.person_id)).await)?;
        self.forget_grant(grant_id);
        Ok(())
    }
}

/// What this person allowed this app. A grant whose end has come is none.
pub(crate) async fn find_living(
    tx: &mut Tx,
    now: Timestamp,
    client_row: i64,
    person_id: i64,
) -> Result<Option<Allowed>, StoreError> {
    let row = tx
        .row(
            "select id, scope, asked_by, resources, declined from grants
             where client_id = $1 and person_id = $2 and revoked_at is null and (expires_at is null or expires_at > $3)",
            &[client_row.into(), person_id.into(), now.into()],
        )
        .await?;
    row.map(|row| allowed(&row)).transpose()
}

/// A question about these words, and whom it was for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub client: &'a Client,
    pub session: &'a Session,
    pub browser: &'a Browser<'a>,
    pub scope: &'a ScopeSet,
    /// What the words are for.
    pub audience: Audience,
    pub issuer: &'a str,
    /// Words that were asked for and unticked (CO-8).
    pub declined: &'a ScopeSet,
    pub lasting: Lasting,
}

/// How the answer came about, for the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    ByPerson,
    /// By an administrator, for everybody of the account (CO-11).
    ForEverybody,
    /// Nobody was asked, by an administrator's setting (CO-10, CO-11).
    ByAdministrator,
}

/// Adds words to what the person allowed the app, and says what is allowed now.
pub(crate) async fn allow(
    tx: &mut Tx,
    now: Timestamp,
    question: Question<'_>,
    given: Given,
) -> Result<Allowed, StoreError> {
    let Question { client, session, browser, scope, declined, lasting, audience, issuer } = question;
    end_expired(tx, now, "client_id = $2 and person_id = $3", &[client.id.into(), session.person_id.into()]).await?;
    // The update keeps the row locked, so two tabs that allow different words give the union of both.
    let row = tx
        .row(
            "insert into grants (client_id, person_id, scope, address, created_at, updated_at, resources)
             values ($1, $2, '', $3, $4, $4, $5)
             on conflict (client_id, person_id) where revoked_at is null
                 do update set address = excluded.address, updated_at = excluded.updated_at
             returning id, scope, asked_by, resources, declined, expires_at",
            &[
                client.id.into(),
                session.person_id.into(),
                browser.address.as_str().into(),
                now.into(),
                audience.text(issuer).into(),
            ],
        )
        .await?
        .ok_or(StoreError::Column("id"))?;
    let known = allowed(&row)?;
    // What was allowed to an app that was another then does not count (CO-13).
    let after = if known.is_of(client) { known.scope.union(scope) } else { scope.clone() };
    let resources = match known.is_of(client) {
        true => Audience::stored(&known.resources, issuer).union(audience).text(issuer),
        false => audience.text(issuer),
    };
    let declined = known.declined.union(declined).without(&after);
    let expires_at = lasting.end(now, row.time_or_null("expires_at")?);
    let (grant_id, before) = (known.grant_id, known.scope);
    let asked_by = client.fingerprint();
    tx.run(
        "update grants set scope = $1, asked_by = $2, resources = $3, declined = $4, expires_at = $5 where id = $6",
        &[
            after.as_str().into(),
            asked_by.as_str().into(),
            resources.as_str().into(),
            declined.as_str().into(),
            expires_at.into(),
            grant_id.into(),
        ],
    )
    .await?;
    if given == Given::ForEverybody {
        allow_for_everybody(tx, now, &question).await?;
    }
    let change = Change {
        kind: match given {
            Given::ByPerson | Given::ForEverybody => "app-consent-given",
            Given::ByAdministrator => "app-consent-spared",
        },
        before: Some(json!({ "scope": before.as_str() })),
        after: Some(json!({ "scope": after.as_str(), "expires_at": expires_at.map(|end| end.to_string()) })),
        ..answered(&question)
    };
    record(tx, &question, Some(grant_id), now, change).await?;
    Ok(Allowed { grant_id, scope: after, asked_by: Some(asked_by), resources, declined })
}

/// The same by a call of the person who allows it, with no page in between. Says which grant it is.
pub(crate) async fn allow_by_call(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    client: &Client,
    scope: &ScopeSet,
    resources: &str,
) -> Result<i64, Error> {
    let person_id = actor.person_id.ok_or_else(|| Error::Refused("nobody signed in".to_owned()))?;
    end_expired(tx, now, "client_id = $2 and person_id = $3", &[client.id.into(), person_id.into()]).await?;
    let row = tx
        .row(
            "insert into grants (client_id, person_id, scope, created_at, updated_at, resources)
             values ($1, $2, '', $3, $3, $4)
             on conflict (client_id, person_id) where revoked_at is null do update set updated_at = excluded.updated_at
             returning id, scope, asked_by, resources, declined",
            &[client.id.into(), person_id.into(), now.into(), resources.into()],
        )
        .await?
        .ok_or(StoreError::Column("id"))?;
    let known = allowed(&row)?;
    let after = if known.is_of(client) { known.scope.union(scope) } else { scope.clone() };
    tx.run(
        "update grants set scope = $1, asked_by = $2 where id = $3",
        &[after.as_str().into(), client.fingerprint().into(), known.grant_id.into()],
    )
    .await?;
    let change = Change {
        kind: "app-consent-given",
        object_type: "App",
        object_id: client.id,
        before: Some(json!({ "scope": known.scope.as_str() })),
        after: Some(json!({ "scope": after.as_str() })),
        data: Some(json!({ "asked": scope.as_str() })),
    };
    let actor = Actor { grant_id: Some(known.grant_id), ..actor.clone() };
    events::record(tx, &actor, now, change).await?;
    Ok(known.grant_id)
}

fn allowed(row: &Row) -> Result<Allowed, StoreError> {
    Ok(Allowed {
        grant_id: row.int("id")?,
        scope: scope_set(row, "scope")?,
        asked_by: row.text_or_null("asked_by")?,
        resources: row.text("resources")?,
        declined: scope_set(row, "declined")?,
    })
}

/// Nobody of the account is asked for these words again (CO-11).
async fn allow_for_everybody(tx: &mut Tx, now: Timestamp, question: &Question<'_>) -> Result<(), StoreError> {
    let Question { client, scope, .. } = question;
    let after = client.account_scopes.union(scope);
    tx.run(
        "update clients set account_scopes = $1, updated_at = $2 where id = $3",
        &[after.as_str().into(), now.into(), client.id.into()],
    )
    .await?;
    let change = Change {
        kind: "app-account-consent-given",
        before: Some(json!({ "account_scopes": client.account_scopes.as_str() })),
        after: Some(json!({ "account_scopes": after.as_str() })),
        ..answered(question)
    };
    record(tx, question, None, now, change).await
}

/// Ends grants whose end has come, with their tokens. Each has its event; nobody did it. `which` begins with the parameter `$2`.
pub(crate) async fn end_expired(
    tx: &mut Tx,
    now: Timestamp,
    which: &'static str,
    params: &[Value],
) -> Result<u64, StoreError> {
    let sql = format!(
        "update grants set revoked_at = expires_at where revoked_at is null and expires_at <= $1 and {which}
         returning id, client_id, person_id, scope"
    );
    let mut all: Vec<Value> = vec![now.into()];
    all.extend_from_slice(params);
    let rows = tx.rows(&sql, &all).await?;
    for row in &rows {
        let grant_id = row.int("id")?;
        let n_families = families::revoke_of_grant(tx, now, grant_id, Because::GrantExpired).await?;
        let actor = Actor { worker: Some("consents"), grant_id: Some(grant_id), ..Actor::default() };
        let change = Change {
            kind: "app-consent-expired",
            object_type: "App",
            object_id: row.int("client_id")?,
            before: Some(json!({ "scope": row.text("scope")? })),
            after: None,
            data: Some(json!({
                "grant_id": grant_id, "person_id": row.int("person_id")?, "token_families_ended": n_families
            })),
        };
        events::record(tx, &actor, now, change).await.map_err(crate::sign_in::store_error)?;
    }
    Ok(rows.len() as u64)
}

impl Lasting {
    /// As the form of the consent page says it; anything else is until withdrawn.
    pub fn parse(word: &str) -> Lasting {
        match word {
            "day" => Lasting::Day,
            "month" => Lasting::Month,
            _ => Lasting::UntilWithdrawn,
        }
    }

    fn end(self, now: Timestamp, before: Option<Timestamp>) -> Option<Timestamp> {
        let after = |hours| Some(now.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX));
        match self {
            Lasting::Day => after(24),
            Lasting::Month => after(30 * 24),
            Lasting::UntilWithdrawn => None,
            Lasting::AsBefore => before,
        }
    }
}

/// Writes down that the person said no.
pub(crate) async fn record_denial(tx: &mut Tx, now: Timestamp, question: Question<'_>) -> Result<(), StoreError> {
    let change = Change { kind: "app-consent-denied", ..answered(&question) };
    record(tx, &question, None, now, change).await
}

fn answered(question: &Question<'_>) -> Change<'static> {
    Change {
        kind: "",
        object_type: "App",
        object_id: question.client.id,
        before: None,
        after: None,
        data: Some(json!({ "asked": question.scope.as_str(), "address": question.browser.address })),
    }
}

async fn revoke(tx: &mut Tx, actor: &Actor, now: Timestamp, grant_id: i64, only_of: Option<i64>) -> Result<(), Error> {
    let mut sql = "update grants set revoked_at = $1 where id = $2 and revoked_at is null".to_owned();
    let mut params: Vec<Value> = vec![now.into(), grant_id.into()];
    if let Some(person_id) = only_of {
        sql.push_str(" and person_id = $3");
        params.push(person_id.into());
    }
    sql.push_str(" returning client_id, person_id, scope");
    let Some(row) = tx.row(&sql, &params).await? else {
        return Err(Error::NotFound { kind: "grant", id: grant_id });
    };
    let n_families = families::revoke_of_grant(tx, now, grant_id, Because::GrantWithdrawn).await?;
    let change = Change {
        kind: "app-consent-withdrawn",
        object_type: "App",
        object_id: row.int("client_id")?,
        before: Some(json!({ "scope": row.text("scope")? })),
        after: None,
        data: Some(
            json!({ "grant_id": grant_id, "person_id": row.int("person_id")?, "token_families_ended": n_families }),
        ),
    };
    events::record(tx, actor, now, change).await
}

async fn list(
    tx: &mut Tx,
    now: Timestamp,
    column: &'static str,
    value: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Grant>, StoreError> {
    let sql = format!(
        "select g.id as id, g.client_id as client_id, c.name as client_name, c.dialect as dialect,
             c.allowed_scopes as allowed_scopes, g.person_id as person_id, p.email as email, p.name as person_name, g.scope as scope, g.address as address, g.created_at as created_at, g.updated_at as updated_at,
             g.last_used_at as last_used_at, g.last_used_address as last_used_address, g.expires_at as expires_at
         from grants g join clients c on c.id = g.client_id join people p on p.id = g.person_id
         where {column} = $1 and g.revoked_at is null and (g.expires_at is null or g.expires_at > $4) and g.id < $2
         order by g.id desc limit $3"
    );
    let rows = tx.rows(&sql, &[value.into(), before.unwrap_or(i64::MAX).into(), limit.into(), now.into()]).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<Grant, StoreError> {
    let person_email = row.text_or_null("email")?.unwrap_or_default();
    let person_name = row.text_or_null("person_name")?.filter(|name| !name.is_empty());
    let scope = scope_set(row, "scope")?;
    let dialect = Dialect::parse(&row.text("dialect")?).ok_or(StoreError::Column("dialect"))?;
    Ok(Grant {
        id: row.int("id")?,
        client_row: row.int("client_id")?,
        client_name: row.text("client_name")?,
        person_id: row.int("person_id")?,
        person_name: person_name.unwrap_or_else(|| person_email.clone()),
        person_email,
        still: scope.within(&scope_set(row, "allowed_scopes")?, dialect),
        scope,
        address: row.text_or_null("address")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        last_used_at: row.time_or_null("last_used_at")?,
        last_used_address: row.text_or_null("last_used_address")?,
        expires_at: row.time_or_null("expires_at")?,
    })
}

async fn record(
    tx: &mut Tx,
    question: &Question<'_>,
    grant_id: Option<i64>,
    now: Timestamp,
    change: Change<'_>,
) -> Result<(), StoreError> {
    let person = question.session.actor(&question.browser.request_id);
    let actor = Actor { client_id: Some(question.client.id), grant_id, ..person };
    events::record(tx, &actor, now, change).await.map_err(crate::sign_in::store_error)
}

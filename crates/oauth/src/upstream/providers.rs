//! The other providers: set up in the Admin Center, with our secret there encrypted.

use helpdesk::Error;
use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx, transact};

use crate::Provider;
use crate::clients::details;

/// Another provider.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityProvider {
    pub id: i64,
    /// As on the button of the sign-in page.
    pub name: String,
    pub issuer: String,
    /// Ours, there.
    pub client_id: String,
    pub is_active: bool,
    /// Whether a person nobody knows yet becomes a customer.
    pub creates_customers: bool,
    pub created_at: Timestamp,
}

/// One to set up.
#[derive(Debug, Clone, Default)]
pub struct NewIdentityProvider {
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// None: we are a public client there.
    pub client_secret: Option<String>,
    pub creates_customers: bool,
}

/// What may be changed of one. Issuer and client id stay: the links of people are to what that client was told there.
#[derive(Debug, Clone, Default)]
pub struct IdentityProviderChange {
    pub name: String,
    /// None: the secret stays.
    pub client_secret: Option<String>,
    pub creates_customers: bool,
}

/// Most providers that one account has.
const PROVIDERS_MAX: i64 = 20;
const CLIENT_ID_MAX_CHARS: usize = 500;
const ISSUER_MAX_BYTES: usize = 500;

const COLUMNS: &str = "id, name, issuer, client_id, status, creates_customers, created_at";

/// All of them, the oldest first.
pub async fn list(tx: &mut Tx, _may: &CanRead<Apps>) -> Result<Vec<IdentityProvider>, StoreError> {
    let sql = format!("select {COLUMNS} from identity_providers order by id limit {PROVIDERS_MAX}");
    tx.rows(&sql, &[]).await?.iter().map(from_row).collect()
}

async fn choices(tx: &mut Tx) -> Result<Vec<(i64, String)>, StoreError> {
    let sql =
        format!("select id, name from identity_providers where status = 'active' order by id limit {PROVIDERS_MAX}");
    tx.rows(&sql, &[]).await?.iter().map(|row| Ok((row.int("id")?, row.text("name")?))).collect()
}

pub(super) async fn find(tx: &mut Tx, id: i64) -> Result<Option<IdentityProvider>, StoreError> {
    let row = tx.row(&format!("select {COLUMNS} from identity_providers where id = $1"), &[id.into()]).await?;
    row.map(|row| from_row(&row)).transpose()
}

fn from_row(row: &Row) -> Result<IdentityProvider, StoreError> {
    Ok(IdentityProvider {
        id: row.int("id")?,
        name: row.text("name")?,
        issuer: row.text("issuer")?,
        client_id: row.text("client_id")?,
        is_active: row.text("status")? == "active",
        creates_customers: row.flag("creates_customers")?,
        created_at: row.time("created_at")?,
    })
}

/// What the sealed secret belongs to, so that it cannot be moved to a provider that would then be sent it.
fn belongs_to(issuer: &str, client_id: &str) -> String {
    format!("{issuer}\n{client_id}")
}

impl Provider {
    /// What the sign-in page offers: numbers and names.
    pub async fn upstream_choices(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let mut tx = self.db.read().await?;
        choices(&mut tx).await
    }

    /// Sets one up, active at once. `Invalid` names the field: `name`, `issuer`, `client_id`, `client_secret`; `Taken` for one that there is.
    pub async fn create_identity_provider(&self, may: &CanWrite<Apps>, new: NewIdentityProvider) -> Result<i64, Error> {
        let now = self.clock.now();
        let name = details::line("name", &new.name)?;
        let issuer = new.issuer.trim().to_owned();
        let is_proper =
            issuer.len() <= ISSUER_MAX_BYTES && !issuer.contains(['?', '#']) && self.fetch.permits(&issuer).is_ok();
        if !is_proper {
            return Err(Error::invalid("issuer", "must be a public https address without query and fragment"));
        }
        let client_id = new.client_id.trim().to_owned();
        if client_id.is_empty()
            || CLIENT_ID_MAX_CHARS < client_id.chars().count()
            || client_id.chars().any(char::is_control)
        {
            return Err(Error::invalid("client_id", "must be what the other provider gave you, in one line"));
        }
        let secret = new.client_secret.as_deref().map(str::trim).filter(|secret| !secret.is_empty());
        let sealed = secret.map(|secret| self.seal(PURPOSE, &belongs_to(&issuer, &client_id), secret.as_bytes()));
        let sealed = sealed.transpose().map_err(|error| Error::Refused(error.to_string()))?;
        transact!(self.db, |tx| {
            let known = tx
                .row(
                    "select id from identity_providers where issuer = $1 and client_id = $2",
                    &[issuer.as_str().into(), client_id.as_str().into()],
                )
                .await?;
            if known.is_some() {
                return Err(Error::invalid("issuer", "is set up already with this client id"));
            }
            let count = tx.row("select count(*) as n from identity_providers", &[]).await?;
            if PROVIDERS_MAX <= count.ok_or(StoreError::Column("n"))?.int("n")? {
                return Err(Error::invalid("name", format!("there may be at most {PROVIDERS_MAX} providers")));
            }
            let row = tx
                .row(
                    "insert into identity_providers (name, issuer, client_id, client_secret_encrypted, status, creates_customers,
                         created_at, updated_at)
                     values ($1, $2, $3, $4, 'active', $5, $6, $6) returning id",
                    &[
                        name.as_str().into(),
                        issuer.as_str().into(),
                        client_id.as_str().into(),
                        sealed.as_deref().into(),
                        new.creates_customers.into(),
                        now.into(),
                    ],
                )
                .await?;
            let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
            let after = json!({
                "name": name, "issuer": issuer, "client_id": client_id, "creates_customers": new.creates_customers,
            });
            record(tx, may, now, "identity-provider-created", id, after).await?;
            Ok(id)
        })
    }

    /// One of them. `NotFound`.
    pub async fn identity_provider(&self, _may: &CanRead<Apps>, id: i64) -> Result<IdentityProvider, Error> {
        let mut tx = self.db.read().await?;
        find(&mut tx, id).await?.ok_or(Error::NotFound { kind: "identity provider", id })
    }

    /// Changes one. `Invalid` names the field `name`; `NotFound`.
    pub async fn update_identity_provider(
        &self,
        may: &CanWrite<Apps>,
        id: i64,
        change: IdentityProviderChange,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let name = details::line("name", &change.name)?;
        let secret = change.client_secret.as_deref().map(str::trim).filter(|secret| !secret.is_empty());
        transact!(self.db, |tx| {
            let Some(known) = find(tx, id).await? else {
                return Err(Error::NotFound { kind: "identity provider", id });
            };
            let sealed = secret
                .map(|secret| self.seal(PURPOSE, &belongs_to(&known.issuer, &known.client_id), secret.as_bytes()))
                .transpose()
                .map_err(|error| Error::Refused(error.to_string()))?;
            tx.run(
                "update identity_providers set name = $1, creates_customers = $2,
                     client_secret_encrypted = coalesce($3, client_secret_encrypted), updated_at = $4 where id = $5",
                &[
                    name.as_str().into(),
                    change.creates_customers.into(),
                    sealed.as_deref().into(),
                    now.into(),
                    id.into(),
                ],
            )
            .await?;
            let mut after = json!({ "name": name, "creates_customers": change.creates_customers });
            if sealed.is_some() {
                after["client_secret"] = "replaced".into();
            }
            record(tx, may, now, "identity-provider-updated", id, after).await
        })
    }

    /// Switches it on or off. Who signed in through it stays signed in. `NotFound`.
    pub async fn switch_identity_provider(&self, may: &CanWrite<Apps>, id: i64, on: Switch) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let Some(known) = find(tx, id).await? else {
                return Err(Error::NotFound { kind: "identity provider", id });
            };
            if known.is_active == (on == Switch::On) {
                return Ok(());
            }
            let (status, kind) = match on {
                Switch::On => ("active", "identity-provider-enabled"),
                Switch::Off => ("disabled", "identity-provider-disabled"),
            };
            tx.run(
                "update identity_providers set status = $1, updated_at = $2 where id = $3",
                &[status.into(), now.into(), id.into()],
            )
            .await?;
            record(tx, may, now, kind, id, json!({ "status": status })).await
        })
    }

    /// None where we are a public client.
    pub(super) async fn secret_at(&self, provider: &IdentityProvider) -> Result<Option<String>, crate::Error> {
        let mut tx = self.db.read().await?;
        let sql = "select client_secret_encrypted from identity_providers where id = $1 and client_secret_encrypted is not null";
        let Some(row) = tx.row(sql, &[provider.id.into()]).await? else { return Ok(None) };
        let sealed = row.blob("client_secret_encrypted")?;
        let secret = self.unseal(PURPOSE, &belongs_to(&provider.issuer, &provider.client_id), &sealed)?;
        let secret = String::from_utf8(secret);
        secret.map(Some).map_err(|_| crate::Error::Internal("a secret at another provider is not text".to_owned()))
    }
}

/// Of `seal`.
const PURPOSE: &str = "upstream secrets";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
}

async fn record(
    tx: &mut Tx,
    may: &CanWrite<Apps>,
    now: Timestamp,
    kind: &str,
    id: i64,
    after: Json,
) -> Result<(), Error> {
    let change =
        Change { kind, object_type: "IdentityProvider", object_id: id, before: None, after: Some(after), data: None };
    events::record(tx, may.actor(), now, change).await
}

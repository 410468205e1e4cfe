//! The addresses that customers write to, each of a brand. One of them is the account's default.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Channels;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::account::filled;
use crate::page::{Column, Order, Page, Query, Slice};
use crate::{Error, brands, events};

/// Longest name and longest address, in characters.
pub const NAME_MAX_CHARS: usize = 255;
pub const EMAIL_MAX_CHARS: usize = 320;

#[derive(Debug, Clone, PartialEq)]
pub struct SupportAddress {
    pub id: i64,
    pub email: String,
    pub name: String,
    /// The default one, unless it was given another.
    pub brand_id: i64,
    /// There is one as soon as there is any.
    pub is_default: bool,
    pub forwarding: Forwarding,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Whether mail to the address is known to come here. It is `Waiting` once somebody has asked for the check: no mail is received here that
/// could end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    Unknown,
    Waiting,
}

impl Forwarding {
    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Forwarding::Unknown => "unknown",
            Forwarding::Waiting => "waiting",
        }
    }
}

/// What a call changes, or says of a new one. None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Only of a new one.
    pub email: Option<String>,
    pub name: Option<String>,
    pub brand_id: Option<i64>,
    pub is_default: Option<bool>,
}

macro_rules! select_addresses {
    () => {
        "select r.id, r.email, r.name, coalesce(r.brand_id, b.id) as brand_id, r.is_default, r.forwarding_status, r.created_at, r.updated_at
         from support_addresses r left join brands b on b.is_default = 1 where 1 = 1"
    };
}

/// Addresses by id. Served by the primary key.
pub async fn list(tx: &mut Tx, _may: &CanRead<Channels>, slice: &Slice) -> Result<Page<SupportAddress>, Error> {
    let order = Order { columns: &[Column::Int("r.id", "id")], descending: false };
    Query::new(select_addresses!()).page(tx, order, slice).await?.try_map(|row| SupportAddress::from_row(&row))
}

/// The address with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Channels>, id: i64) -> Result<SupportAddress, Error> {
    read(tx, id).await
}

/// Adds an address; the first one is the default. `Taken` if it is there.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Channels>,
    now: Timestamp,
    new: &Changes,
) -> Result<SupportAddress, Error> {
    let email = filled("email", new.email.as_deref().unwrap_or_default(), EMAIL_MAX_CHARS)?;
    if !is_address(email) {
        return Err(Error::invalid("email", "is not an e-mail address"));
    }
    let name = new.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(email);
    let name = filled("name", name, NAME_MAX_CHARS)?;
    if let Some(brand_id) = new.brand_id {
        brands::must_be_active(tx, brand_id).await?;
    }
    let has_default = tx.row("select id from support_addresses where is_default = 1", &[]).await?.is_some();
    let is_default = !has_default || new.is_default.unwrap_or_default();
    if is_default {
        resign(tx).await?;
    }
    let row = tx
        .row(
            "insert into support_addresses (email, email_key, name, brand_id, is_default, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $6) on conflict (email_key) do nothing returning id",
            &[
                email.into(),
                email.to_lowercase().into(),
                name.into(),
                new.brand_id.into(),
                is_default.into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(Error::Taken { kind: "support address", field: "email" })?.int("id")?;
    let made = read(tx, id).await?;
    record(tx, may.actor(), now, ("support-address-created", id), (None, Some(made.facts()))).await?;
    Ok(made)
}

/// Changes what was sent. The address itself stays as it is: `Invalid` on `email` for another one.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Channels>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<SupportAddress, Error> {
    let before = take(tx, id).await?;
    let mut after = before.clone();
    if changes.email.as_ref().is_some_and(|email| !email.trim().eq_ignore_ascii_case(&before.email)) {
        return Err(Error::invalid("email", "cannot be changed: add another address"));
    }
    if let Some(name) = &changes.name {
        after.name = filled("name", name, NAME_MAX_CHARS)?.to_owned();
    }
    if let Some(brand_id) = changes.brand_id.filter(|brand_id| *brand_id != before.brand_id) {
        brands::must_be_active(tx, brand_id).await?;
        after.brand_id = brand_id;
    }
    after.is_default = before.is_default || changes.is_default.unwrap_or_default();
    if after == before {
        return Ok(after);
    }
    if after.is_default && !before.is_default {
        resign(tx).await?;
    }
    after.updated_at = now;
    tx.run(
        "update support_addresses set name = $1, brand_id = $2, is_default = $3, updated_at = $4 where id = $5",
        &[after.name.as_str().into(), after.brand_id.into(), after.is_default.into(), now.into(), id.into()],
    )
    .await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    record(tx, may.actor(), now, ("support-address-updated", id), (Some(old), Some(new))).await?;
    Ok(after)
}

/// Deletes an address. `InUse` for the default one.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Channels>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    if gone.is_default {
        let problem = "The default address cannot be deleted: make another one the default first.".to_owned();
        return Err(Error::InUse { kind: "support address", id, problem });
    }
    tx.run("delete from support_addresses where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("support-address-deleted", id), (Some(gone.facts()), None)).await
}

/// `NotFound` unless there is an address with this id.
pub async fn must_be_there(tx: &mut Tx, _may: &CanWrite<Channels>, id: i64) -> Result<(), Error> {
    read(tx, id).await.map(drop)
}

/// Has it checked whether mail to an address comes here.
pub async fn check_forwarding(tx: &mut Tx, may: &CanWrite<Channels>, now: Timestamp, id: i64) -> Result<(), Error> {
    let before = take(tx, id).await?;
    if before.forwarding == Forwarding::Waiting {
        return Ok(());
    }
    let waiting = Forwarding::Waiting.word();
    tx.run(
        "update support_addresses set forwarding_status = $1, updated_at = $2 where id = $3",
        &[waiting.into(), now.into(), id.into()],
    )
    .await?;
    let told = (Some(json!({ "forwarding": before.forwarding.word() })), Some(json!({ "forwarding": waiting })));
    record(tx, may.actor(), now, ("support-address-updated", id), told).await
}

fn is_address(email: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@' || c == '\0');
    email.split_once('@').is_some_and(|(local, host)| is_part(local) && is_part(host))
}

/// The one that was the default no longer is.
async fn resign(tx: &mut Tx) -> Result<(), Error> {
    tx.run("update support_addresses set is_default = 0 where is_default = 1", &[]).await?;
    Ok(())
}

/// The row until the end of the transaction: of two changes at once, the second sees the first.
async fn take(tx: &mut Tx, id: i64) -> Result<SupportAddress, Error> {
    tx.run("update support_addresses set updated_at = updated_at where id = $1", &[id.into()]).await?;
    read(tx, id).await
}

async fn read(tx: &mut Tx, id: i64) -> Result<SupportAddress, Error> {
    match tx.row(concat!(select_addresses!(), " and r.id = $1"), &[id.into()]).await? {
        Some(row) => SupportAddress::from_row(&row),
        None => Err(Error::NotFound { kind: "support address", id }),
    }
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = events::Change { kind, object_type: "SupportAddress", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl SupportAddress {
    /// What events tell of it.
    fn facts(&self) -> Json {
        json!({ "email": self.email, "name": self.name, "brand_id": self.brand_id, "is_default": self.is_default })
    }

    fn from_row(row: &Row) -> Result<SupportAddress, Error> {
        Ok(SupportAddress {
            id: row.int("id")?,
            email: row.text("email")?,
            name: row.text("name")?,
            brand_id: row.int_or_null("brand_id")?.ok_or(StoreError::Column("brand_id"))?,
            is_default: row.flag("is_default")?,
            forwarding: match row.text("forwarding_status")?.as_str() {
                "waiting" => Forwarding::Waiting,
                _ => Forwarding::Unknown,
            },
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

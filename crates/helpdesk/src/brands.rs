//! Brands: the names under which an account deals with its customers. The first one is the account itself.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, Brands, Resource};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::account::filled;
use crate::files::{self, File};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::ticket_forms::{self, TicketForm};
use crate::{Error, events};

/// Longest name and longest host, in characters.
pub const NAME_MAX_CHARS: usize = 255;
/// A label of a host name.
const SUBDOMAIN_MAX_CHARS: usize = 63;
/// Most brands of an account.
const BRANDS_MAX: i64 = 300;

#[derive(Debug, Clone, PartialEq)]
pub struct Brand {
    pub id: i64,
    pub name: String,
    /// In lower case.
    pub subdomain: String,
    pub active: bool,
    /// Tickets that name no brand belong to it. There is exactly one.
    pub is_default: bool,
    /// A host of its own.
    pub host_mapping: Option<String>,
    pub signature_template: Option<String>,
    /// The active forms that its tickets may have.
    pub form_ids: Vec<i64>,
    /// A picture.
    pub logo_file_id: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Its tickets keep it.
    pub deleted_at: Option<Timestamp>,
}

/// What a call changes of a brand, or says of a new one. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub subdomain: Option<String>,
    pub active: Option<bool>,
    pub is_default: Option<bool>,
    pub host_mapping: Option<Option<String>>,
    pub signature_template: Option<Option<String>>,
}

macro_rules! select_brands {
    () => {
        "select b.id, coalesce(b.name, a.name, '') as name, coalesce(b.subdomain, a.domain, '') as subdomain, b.active, b.is_default,
                b.host_mapping, b.signature_template, b.logo_file_id, coalesce(nullif(b.created_at, 0), a.created_at, 0) as created_at,
                coalesce(nullif(b.updated_at, 0), a.created_at, 0) as updated_at, b.deleted_at
         from brands b left join account a on a.id = 1 where 1 = 1"
    };
}

/// Brands by id, without deleted ones. Served by the primary key.
pub async fn list(tx: &mut Tx, _may: &CanRead<Brands>, slice: &Slice) -> Result<Page<Brand>, Error> {
    let query = Query::new(concat!(select_brands!(), " and b.deleted_at is null"));
    let order = Order { columns: &[Column::Int("b.id", "id")], descending: false };
    let page = query.page(tx, order, slice).await?;
    let forms = ticket_forms::active(tx).await?;
    page.try_map(|row| from_row(&row, &forms))
}

/// These brands, beside what refers to them, also deleted ones.
pub async fn beside<R: Resource, A: Access>(
    tx: &mut Tx,
    _may: &Permit<R, A>,
    ids: &[i64],
) -> Result<Vec<Brand>, Error> {
    let mut query = Query::new(select_brands!());
    query.and_in("b.id", ids.iter().copied());
    query.sql.push_str(" order by b.id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let forms = ticket_forms::active(tx).await?;
    rows.iter().map(|row| from_row(row, &forms)).collect()
}

/// The brand with this id, also a deleted one, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Brands>, id: i64) -> Result<Brand, Error> {
    read(tx, id).await
}

/// Adds a brand. `Taken` if another one has the subdomain.
pub async fn create(tx: &mut Tx, may: &CanWrite<Brands>, now: Timestamp, new: &Changes) -> Result<Brand, Error> {
    let n_brands = tx.row("select count(*) as n from brands where deleted_at is null", &[]).await?;
    if BRANDS_MAX <= n_brands.ok_or(StoreError::Column("n"))?.int("n")? {
        return Err(Error::Refused(format!("There are {BRANDS_MAX} brands already, and no room for more.")));
    }
    let name = filled("name", new.name.as_deref().unwrap_or_default(), NAME_MAX_CHARS)?;
    let subdomain = subdomain_of(new.subdomain.as_deref().unwrap_or_default())?;
    let (active, is_default) = (new.active.unwrap_or(true), new.is_default.unwrap_or_default());
    check_default(is_default, active)?;
    check_subdomain(tx, 0, &subdomain).await?;
    if is_default {
        resign(tx).await?;
    }
    let row = tx
        .row(
            "insert into brands (name, subdomain, active, is_default, host_mapping, signature_template, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $7) returning id",
            &[
                name.into(),
                subdomain.as_str().into(),
                active.into(),
                is_default.into(),
                new.host_mapping.clone().flatten().into(),
                new.signature_template.clone().flatten().into(),
                now.into(),
            ],
        )
        .await?;
    let brand = read(tx, row.ok_or(StoreError::Column("id"))?.int("id")?).await?;
    record(tx, may.actor(), now, ("brand-created", brand.id), (None, Some(brand.facts()))).await?;
    Ok(brand)
}

/// Changes what was sent. The default brand stays the default until another one is made it.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Brands>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Brand, Error> {
    let before = take(tx, id).await?;
    let mut after = before.clone();
    if let Some(name) = &changes.name {
        after.name = filled("name", name, NAME_MAX_CHARS)?.to_owned();
    }
    if let Some(subdomain) = &changes.subdomain {
        after.subdomain = subdomain_of(subdomain)?;
        check_subdomain(tx, id, &after.subdomain).await?;
    }
    after.active = changes.active.unwrap_or(before.active);
    after.is_default = before.is_default || changes.is_default.unwrap_or_default();
    check_default(after.is_default, after.active)?;
    if let Some(host) = &changes.host_mapping {
        after.host_mapping.clone_from(host);
    }
    if let Some(template) = &changes.signature_template {
        after.signature_template.clone_from(template);
    }
    if after == before {
        return Ok(after);
    }
    after.updated_at = now;
    if after.is_default && !before.is_default {
        resign(tx).await?;
    }
    tx.run(
        "update brands set name = $1, subdomain = $2, active = $3, is_default = $4, host_mapping = $5, signature_template = $6,
                           updated_at = $7
         where id = $8",
        &[
            after.name.as_str().into(),
            after.subdomain.as_str().into(),
            after.active.into(),
            after.is_default.into(),
            after.host_mapping.as_deref().into(),
            after.signature_template.as_deref().into(),
            now.into(),
            id.into(),
        ],
    )
    .await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    record(tx, may.actor(), now, ("brand-updated", id), (Some(old), Some(new))).await?;
    Ok(after)
}

/// Deletes a brand. Its tickets keep it; it is given to no more of them. `InUse` for the default one.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Brands>, now: Timestamp, id: i64) -> Result<(), Error> {
    let brand = take(tx, id).await?;
    if brand.is_default {
        let problem = "The default brand cannot be deleted: make another one the default first.".to_owned();
        return Err(Error::InUse { kind: "brand", id, problem });
    }
    tx.run("update brands set deleted_at = $1, active = 0 where id = $2", &[now.into(), id.into()]).await?;
    record(tx, may.actor(), now, ("brand-deleted", id), (Some(brand.facts()), None)).await
}

/// `NotFound` unless there is a brand with this id that is not deleted.
pub async fn must_be_there(tx: &mut Tx, _may: &CanWrite<Brands>, id: i64) -> Result<(), Error> {
    take(tx, id).await.map(drop)
}

/// Gives a brand its picture, or takes it away. A picture that is not used any more is removed.
pub async fn set_logo(
    tx: &mut Tx,
    may: &CanWrite<Brands>,
    now: Timestamp,
    id: i64,
    file: Option<&File>,
) -> Result<Brand, Error> {
    let before = take(tx, id).await?;
    let file_id = file.map(|file| file.id);
    if file_id == before.logo_file_id {
        return Ok(before);
    }
    tx.run(
        "update brands set logo_file_id = $1, updated_at = $2 where id = $3",
        &[file_id.into(), now.into(), id.into()],
    )
    .await?;
    if let Some(file) = file {
        files::take(tx, now, &json!(file.path())).await?;
    }
    let old = before.logo_file_id.map(|id| vec![id]).unwrap_or_default();
    for file in files::of_ids(tx, &old).await? {
        files::remove(tx, may.actor(), now, &file).await?;
    }
    let told = (Some(json!({ "logo_file_id": before.logo_file_id })), Some(json!({ "logo_file_id": file_id })));
    record(tx, may.actor(), now, ("brand-updated", id), told).await?;
    read(tx, id).await
}

/// The pictures of these brands by id.
pub async fn logos<R: Resource, A: Access>(
    tx: &mut Tx,
    _may: &Permit<R, A>,
    brands: &[Brand],
) -> Result<HashMap<i64, File>, Error> {
    let ids: Vec<i64> = brands.iter().filter_map(|brand| brand.logo_file_id).collect();
    let files = files::of_ids(tx, &ids).await?;
    let of = |brand: &Brand| Some((brand.id, files.iter().find(|file| Some(file.id) == brand.logo_file_id)?.clone()));
    Ok(brands.iter().filter_map(of).collect())
}

/// One of the staff at one of the brands. Everybody works for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrandAgent {
    pub person_id: i64,
    pub brand_id: i64,
    pub since: Timestamp,
}

/// Whose, of which brand.
#[derive(Debug, Clone, Copy, Default)]
pub struct AgentsOf {
    pub person_id: Option<i64>,
    pub brand_id: Option<i64>,
}

/// Active staff with the brands that they work for, by when they came. Served by `people_by_created`.
pub async fn agents(
    tx: &mut Tx,
    _may: &CanRead<Brands>,
    of: AgentsOf,
    slice: &Slice,
) -> Result<Page<BrandAgent>, Error> {
    const COLUMNS: &[Column] =
        &[Column::Int("p.created_at", "created_at"), Column::Int("p.id", "person_id"), Column::Int("b.id", "brand_id")];
    let mut query = Query::new(
        "select p.created_at, p.id as person_id, b.id as brand_id, coalesce(nullif(b.created_at, 0), p.created_at) as brand_since
         from people p cross join brands b
         where p.is_staff = 1 and p.active = 1 and p.deleted_at is null and b.deleted_at is null",
    );
    if let Some(person_id) = of.person_id {
        query.and("p.id =", person_id);
    }
    if let Some(brand_id) = of.brand_id {
        query.and("b.id =", brand_id);
    }
    query.page(tx, Order { columns: COLUMNS, descending: false }, slice).await?.try_map(|row| {
        Ok(BrandAgent {
            person_id: row.int("person_id")?,
            brand_id: row.int("brand_id")?,
            since: row.time("created_at")?.max(row.time("brand_since")?),
        })
    })
}

/// The brand that has this host of its own already, if another than `except` has.
pub async fn of_host(
    tx: &mut Tx,
    _may: &CanRead<Brands>,
    host: &str,
    except: Option<i64>,
) -> Result<Option<i64>, Error> {
    let sql =
        "select id from brands where deleted_at is null and id <> $1 and lower(host_mapping) = $2 order by id limit 1";
    let row = tx.row(sql, &[except.unwrap_or_default().into(), host.to_lowercase().into()]).await?;
    Ok(row.map(|row| row.int("id")).transpose()?)
}

/// The default one. No permit: every ticket names it.
pub async fn default_id(tx: &mut Tx) -> Result<i64, Error> {
    let row = tx.row("select id from brands where is_default = 1", &[]).await?;
    Ok(row.ok_or(StoreError::Column("id"))?.int("id")?)
}

/// `Invalid` on `brand_id` unless tickets may be given to it.
pub(crate) async fn must_be_active(tx: &mut Tx, id: i64) -> Result<(), Error> {
    let sql = "select id from brands where id = $1 and active = 1 and deleted_at is null";
    match tx.row(sql, &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("brand_id", "is not an active brand")),
    }
}

/// The row until the end of the transaction: of two changes at once, the second sees the first. `NotFound` if it is deleted.
async fn take(tx: &mut Tx, id: i64) -> Result<Brand, Error> {
    tx.run("update brands set active = active where id = $1", &[id.into()]).await?;
    let brand = read(tx, id).await?;
    if brand.deleted_at.is_some() { Err(Error::NotFound { kind: "brand", id }) } else { Ok(brand) }
}

async fn read(tx: &mut Tx, id: i64) -> Result<Brand, Error> {
    match tx.row(concat!(select_brands!(), " and b.id = $1"), &[id.into()]).await? {
        Some(row) => from_row(&row, &ticket_forms::active(tx).await?),
        None => Err(Error::NotFound { kind: "brand", id }),
    }
}

/// The one that was the default no longer is.
async fn resign(tx: &mut Tx) -> Result<(), Error> {
    tx.run("update brands set is_default = 0 where is_default = 1", &[]).await?;
    Ok(())
}

fn check_default(is_default: bool, active: bool) -> Result<(), Error> {
    if is_default && !active {
        return Err(Error::invalid("active", "must be true for the default brand"));
    }
    Ok(())
}

/// Also of the brand that is the account, whose subdomain stands with the account.
async fn check_subdomain(tx: &mut Tx, id: i64, subdomain: &str) -> Result<(), Error> {
    let sql =
        concat!(select_brands!(), " and b.deleted_at is null and b.id <> $1 and coalesce(b.subdomain, a.domain) = $2");
    match tx.row(sql, &[id.into(), subdomain.into()]).await? {
        Some(_) => Err(Error::Taken { kind: "brand", field: "subdomain" }),
        None => Ok(()),
    }
}

/// Letters, digits and dashes: it becomes part of a host name.
fn subdomain_of(text: &str) -> Result<String, Error> {
    let subdomain = filled("subdomain", text, SUBDOMAIN_MAX_CHARS)?.to_lowercase();
    let is_label = subdomain.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !subdomain.starts_with('-')
        && !subdomain.ends_with('-');
    if is_label { Ok(subdomain) } else { Err(Error::invalid("subdomain", "may have letters, digits and dashes only")) }
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = events::Change { kind, object_type: "Brand", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl Brand {
    /// What events tell of a brand.
    fn facts(&self) -> Json {
        json!({
            "name": self.name, "subdomain": self.subdomain, "active": self.active, "is_default": self.is_default,
            "host_mapping": self.host_mapping, "signature_template": self.signature_template,
        })
    }
}

fn from_row(row: &Row, forms: &[TicketForm]) -> Result<Brand, Error> {
    let id = row.int("id")?;
    Ok(Brand {
        id,
        name: row.text("name")?,
        subdomain: row.text("subdomain")?,
        active: row.flag("active")?,
        is_default: row.flag("is_default")?,
        host_mapping: row.text_or_null("host_mapping")?,
        signature_template: row.text_or_null("signature_template")?,
        form_ids: forms.iter().filter(|form| form.is_for(id)).map(|form| form.id).collect(),
        logo_file_id: row.int_or_null("logo_file_id")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        deleted_at: row.time_or_null("deleted_at")?,
    })
}

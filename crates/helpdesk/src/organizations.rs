//! Organizations: the companies that customers belong to.
//!
//! A customer may be a member of several; one is the default, and new tickets of theirs belong to it. A new customer whose address lies in
//! a domain of an organization becomes a member of it by themselves.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Organizations;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice, part_pattern};

const NAME_MAX_CHARS: usize = 255;
const TEXT_MAX_CHARS: usize = 65_536;
const DOMAINS_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: i64,
    pub external_id: Option<String>,
    /// No two differ by case alone.
    pub name: String,
    pub details: Option<String>,
    pub notes: Option<String>,
    /// The team that looks after it.
    pub team_id: Option<i64>,
    /// In lower case, by name.
    pub domains: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub struct NewOrganization {
    pub name: String,
    pub external_id: Option<String>,
    pub details: Option<String>,
    pub notes: Option<String>,
    pub team_id: Option<i64>,
    pub domains: Vec<String>,
}

/// What a call changes. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub external_id: Option<Option<String>>,
    pub details: Option<Option<String>>,
    pub notes: Option<Option<String>>,
    pub team_id: Option<Option<i64>>,
    /// Replaces every domain.
    pub domains: Option<Vec<String>>,
}

/// A customer in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    pub organization_id: i64,
    pub customer_id: i64,
    pub is_default: bool,
}

/// By time of creation. Served by `organizations_by_created`; `search`, part of the name, reads along it.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Organizations>,
    search: Option<&str>,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Organization>, Error> {
    let mut query = Query::new(concat!(select_organizations!(), " where 1 = 1"));
    if let Some(search) = search {
        let pattern = query.bind(part_pattern(&search.to_lowercase()));
        query.and_text(&format!("o.name_key like {pattern} escape '!'"));
    }
    let columns: &'static [Column] = &[Column::Int("o.created_at", "created_at"), Column::Int("o.id", "id")];
    let page = query.page(tx, Order { columns, descending }, slice).await?;
    let mut page = page.try_map(|row| Organization::from_row(&row))?;
    fill_domains(tx, &mut page.items).await?;
    Ok(page)
}

/// The organization with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Organizations>, id: i64) -> Result<Organization, Error> {
    read(tx, id).await
}

/// The memberships of a customer, by organization. Served by `organization_members_by_customer`.
pub async fn of_customer(
    tx: &mut Tx,
    _may: &CanRead<Organizations>,
    customer_id: i64,
) -> Result<Vec<Membership>, Error> {
    memberships(tx, customer_id).await
}

/// Adds an organization. `Taken` if another has the name, or one of the domains.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    new: &NewOrganization,
) -> Result<Organization, Error> {
    check_text("name", &new.name, 1, NAME_MAX_CHARS)?;
    check_rest(tx, new.details.as_deref(), new.notes.as_deref(), new.team_id).await?;
    let row = tx
        .row(
            "insert into organizations (external_id, name, name_key, details, notes, team_id, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (name_key) do nothing returning id",
            &[
                new.external_id.as_ref().into(),
                new.name.as_str().into(),
                new.name.to_lowercase().into(),
                new.details.as_ref().into(),
                new.notes.as_ref().into(),
                new.team_id.into(),
                now.into(),
            ],
        )
        .await?;
    let Some(row) = row else { return Err(Error::Taken { kind: "organization", field: "name" }) };
    let id = row.int("id")?;
    replace_domains(tx, id, &new.domains).await?;
    let organization = read(tx, id).await?;
    record(tx, may.actor(), now, "organization-created", id, (None, Some(organization.fields()))).await?;
    Ok(organization)
}

/// Changes what was sent. `Taken` as `create`.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Organization, Error> {
    lock(tx, id).await?;
    let before = read(tx, id).await?;
    let mut after = before.clone();
    after.name = changes.name.clone().unwrap_or(after.name);
    after.external_id = changes.external_id.clone().unwrap_or(after.external_id);
    after.details = changes.details.clone().unwrap_or(after.details);
    after.notes = changes.notes.clone().unwrap_or(after.notes);
    after.team_id = changes.team_id.unwrap_or(after.team_id);
    check_text("name", &after.name, 1, NAME_MAX_CHARS)?;
    check_rest(tx, after.details.as_deref(), after.notes.as_deref(), after.team_id).await?;
    let written = tx
        .run(
            "update organizations set external_id = $1, name = $2, name_key = $3, details = $4, notes = $5, team_id = $6, updated_at = $7
             where id = $8",
            &[
                after.external_id.as_ref().into(),
                after.name.as_str().into(),
                after.name.to_lowercase().into(),
                after.details.as_ref().into(),
                after.notes.as_ref().into(),
                after.team_id.into(),
                now.into(),
                id.into(),
            ],
        )
        .await;
    match written {
        Ok(_) => {}
        Err(StoreError::NotUnique(_)) => return Err(Error::Taken { kind: "organization", field: "name" }),
        Err(error) => return Err(error.into()),
    }
    if let Some(domains) = &changes.domains {
        replace_domains(tx, id, domains).await?;
    }
    let after = read(tx, id).await?;
    let (old, new) = events::difference(before.fields(), after.fields());
    if new != json!({}) {
        record(tx, may.actor(), now, "organization-updated", id, (Some(old), Some(new))).await?;
    }
    Ok(after)
}

/// Removes an organization. Its customers stay, its tickets lose it.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Organizations>, now: Timestamp, id: i64) -> Result<(), Error> {
    lock(tx, id).await?;
    let organization = read(tx, id).await?;
    // The keys of tickets, members and domains follow.
    tx.run("delete from organizations where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, "organization-deleted", id, (Some(organization.fields()), None)).await
}

/// Makes a customer a member; as the default one if asked, or if it is their first. Again changes nothing else.
pub async fn add_member(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    membership: Membership,
) -> Result<(), Error> {
    let Membership { organization_id, customer_id, is_default } = membership;
    read(tx, organization_id).await?;
    crate::people::lock(tx, customer_id).await?;
    let sql = "select id from people where id = $1 and is_staff = 0";
    if tx.row(sql, &[customer_id.into()]).await?.is_none() {
        return Err(Error::NotFound { kind: "customer", id: customer_id });
    }
    let before = memberships(tx, customer_id).await?;
    let is_default = is_default || !before.iter().any(|it| it.is_default);
    if is_default {
        tx.run("update organization_members set is_default = 0 where customer_id = $1", &[customer_id.into()]).await?;
    }
    join(tx, now, organization_id, customer_id, is_default).await?;
    let after = memberships(tx, customer_id).await?;
    if before != after {
        let told = (Some(shown(&before)), Some(shown(&after)));
        record(tx, may.actor(), now, "organization-member-added", organization_id, told).await?;
    }
    Ok(())
}

/// Ends a membership. Of those that are left, the first becomes the default one.
pub async fn remove_member(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    organization_id: i64,
    customer_id: i64,
) -> Result<(), Error> {
    crate::people::lock(tx, customer_id).await?;
    let before = memberships(tx, customer_id).await?;
    let sql = "delete from organization_members where organization_id = $1 and customer_id = $2";
    if tx.run(sql, &[organization_id.into(), customer_id.into()]).await? == 0 {
        return Err(Error::NotFound { kind: "organization membership", id: customer_id });
    }
    let left = memberships(tx, customer_id).await?;
    if let Some(first) = left.first().filter(|_| !left.iter().any(|it| it.is_default)) {
        tx.run(
            "update organization_members set is_default = 1 where customer_id = $1 and organization_id = $2",
            &[customer_id.into(), first.organization_id.into()],
        )
        .await?;
    }
    let after = memberships(tx, customer_id).await?;
    let told = (Some(shown(&before)), Some(shown(&after)));
    record(tx, may.actor(), now, "organization-member-removed", organization_id, told).await
}

/// `Invalid` on `organization_id` unless there is one with this id.
pub(crate) async fn must_exist(tx: &mut Tx, id: i64) -> Result<(), Error> {
    match tx.row("select id from organizations where id = $1", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("organization_id", "No organization has this id.")),
    }
}

/// The organization that a customer's new tickets belong to. Served by `organization_members_default`.
pub(crate) async fn default_of(tx: &mut Tx, customer_id: i64) -> Result<Option<i64>, Error> {
    let sql = "select organization_id from organization_members where customer_id = $1 and is_default = 1";
    let row = tx.row(sql, &[customer_id.into()]).await?;
    Ok(row.map(|row| row.int("organization_id")).transpose()?)
}

/// Makes a new customer a member of the organization that their address belongs to, if there is one.
pub(crate) async fn join_by_address(
    tx: &mut Tx,
    now: Timestamp,
    customer_id: i64,
    email: Option<&str>,
) -> Result<(), Error> {
    let Some((_, domain)) = email.and_then(|email| email.rsplit_once('@')) else { return Ok(()) };
    let sql = "select organization_id from organization_domains where domain = $1";
    let Some(row) = tx.row(sql, &[domain.to_lowercase().into()]).await? else { return Ok(()) };
    join(tx, now, row.int("organization_id")?, customer_id, true).await
}

/// Gives the memberships of one customer to another, who is the same person.
pub(crate) async fn merge_members(tx: &mut Tx, source_id: i64, target_id: i64) -> Result<(), Error> {
    let has_default = default_of(tx, target_id).await?.is_some();
    tx.run(
        "insert into organization_members (organization_id, customer_id, is_default, created_at)
         select organization_id, cast($1 as bigint), case when $2 = 1 then 0 else is_default end, created_at
         from organization_members where customer_id = $3
         on conflict (organization_id, customer_id) do nothing",
        &[target_id.into(), has_default.into(), source_id.into()],
    )
    .await?;
    Ok(())
}

macro_rules! select_organizations {
    () => {
        "select o.id, o.external_id, o.name, o.details, o.notes, o.team_id, o.created_at, o.updated_at from organizations o"
    };
}
use select_organizations;

async fn read(tx: &mut Tx, id: i64) -> Result<Organization, Error> {
    let row = tx.row(concat!(select_organizations!(), " where o.id = $1"), &[id.into()]).await?;
    let row = row.ok_or(Error::NotFound { kind: "organization", id })?;
    let mut found = [Organization::from_row(&row)?];
    fill_domains(tx, &mut found).await?;
    let [organization] = found;
    Ok(organization)
}

/// Puts the domains on each of a page, with one statement.
async fn fill_domains(tx: &mut Tx, organizations: &mut [Organization]) -> Result<(), Error> {
    if organizations.is_empty() {
        return Ok(());
    }
    let mut query = Query::new("select organization_id, domain from organization_domains where 1 = 1");
    query.and_in("organization_id", organizations.iter().map(|it| it.id));
    query.sql.push_str(" order by organization_id, domain");
    for row in tx.rows(&query.sql, &query.params).await? {
        let id = row.int("organization_id")?;
        if let Some(organization) = organizations.iter_mut().find(|it| it.id == id) {
            organization.domains.push(row.text("domain")?);
        }
    }
    Ok(())
}

async fn memberships(tx: &mut Tx, customer_id: i64) -> Result<Vec<Membership>, Error> {
    let rows = tx
        .rows(
            "select organization_id, customer_id, is_default from organization_members where customer_id = $1
             order by organization_id limit 1000",
            &[customer_id.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Membership {
                organization_id: row.int("organization_id")?,
                customer_id: row.int("customer_id")?,
                is_default: row.flag("is_default")?,
            })
        })
        .collect()
}

async fn join(
    tx: &mut Tx,
    now: Timestamp,
    organization_id: i64,
    customer_id: i64,
    is_default: bool,
) -> Result<(), Error> {
    tx.run(
        "insert into organization_members (organization_id, customer_id, is_default, created_at) values ($1, $2, $3, $4)
         on conflict (organization_id, customer_id) do update set is_default = excluded.is_default",
        &[organization_id.into(), customer_id.into(), is_default.into(), now.into()],
    )
    .await?;
    Ok(())
}

async fn replace_domains(tx: &mut Tx, id: i64, domains: &[String]) -> Result<(), Error> {
    if DOMAINS_MAX < domains.len() {
        return Err(Error::invalid("domains", format!("Longer than maximum length {DOMAINS_MAX}.")));
    }
    tx.run("delete from organization_domains where organization_id = $1", &[id.into()]).await?;
    let mut keys: Vec<String> = domains.iter().map(|domain| domain.trim().to_lowercase()).collect();
    keys.sort();
    keys.dedup();
    for domain in keys {
        let valid = (1..=253).contains(&domain.len())
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.'));
        if !valid {
            return Err(Error::invalid("domains", format!("Not a valid domain: {domain}.")));
        }
        let added = tx
            .run(
                "insert into organization_domains (domain, organization_id) values ($1, $2) on conflict (domain) do nothing",
                &[domain.into(), id.into()],
            )
            .await?;
        if added == 0 {
            return Err(Error::Taken { kind: "organization", field: "domains" });
        }
    }
    Ok(())
}

async fn check_rest(
    tx: &mut Tx,
    details: Option<&str>,
    notes: Option<&str>,
    team_id: Option<i64>,
) -> Result<(), Error> {
    check_text("details", details.unwrap_or_default(), 0, TEXT_MAX_CHARS)?;
    check_text("notes", notes.unwrap_or_default(), 0, TEXT_MAX_CHARS)?;
    if let Some(team_id) = team_id
        && tx.row("select id from teams where id = $1", &[team_id.into()]).await?.is_none()
    {
        return Err(Error::invalid("team_id", "No team has this id."));
    }
    Ok(())
}

fn check_text(field: &str, text: &str, min: usize, max: usize) -> Result<(), Error> {
    let n_chars = text.chars().count();
    if n_chars < min || max < n_chars || text.contains('\0') {
        return Err(Error::invalid(field, format!("Must have {min} to {max} characters.")));
    }
    Ok(())
}

/// Holds the row until the end of the transaction: of two changes at once, the second sees the first.
async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.run("update organizations set updated_at = updated_at where id = $1", &[id.into()]).await?;
    Ok(())
}

fn shown(memberships: &[Membership]) -> Json {
    let list = memberships.iter().map(|it| {
        json!({ "organization_id": it.organization_id, "customer_id": it.customer_id, "is_default": it.is_default })
    });
    json!({ "memberships": list.collect::<Vec<_>>() })
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = Change { kind, object_type: "Organization", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl Organization {
    /// Without its domains.
    fn from_row(row: &Row) -> Result<Organization, Error> {
        Ok(Organization {
            id: row.int("id")?,
            external_id: row.text_or_null("external_id")?,
            name: row.text("name")?,
            details: row.text_or_null("details")?,
            notes: row.text_or_null("notes")?,
            team_id: row.int_or_null("team_id")?,
            domains: Vec::new(),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    /// What events tell of an organization.
    fn fields(&self) -> Json {
        json!({
            "external_id": self.external_id, "name": self.name, "details": self.details, "notes": self.notes,
            "team_id": self.team_id, "domains": self.domains,
        })
    }
}

//! Organizations: the companies that customers belong to.
//!
//! A customer may be a member of several; one is the default, and new tickets of theirs belong to it. A new customer whose address lies in
//! a domain of an organization becomes a member of it by themselves.

pub mod members;
pub mod merges;
pub mod subscriptions;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, Organizations, Resource};
use serde_json::{Map, Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::custom_fields::{self, Carrier, Extent, Keyed, SentValue};
use crate::events::{self, Change};
use crate::export::{self, Wanted};
use crate::own_tags::{clean_tags, tags_of};
use crate::page::{Column, Order, Page, Query, Slice, part_pattern};
use crate::{Error, people, search};

pub use members::{Membership, add_member, of_customer, remove_member, set_only};
pub(crate) use members::{default_of, join_by_address, merge_members};

const NAME_MAX_CHARS: usize = 255;
const TEXT_MAX_CHARS: usize = 65_536;
const DOMAINS_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq)]
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
    /// Whether its members see each other's tickets, and may write on them.
    pub shared_tickets: bool,
    pub shared_comments: bool,
    /// In lower case, by name.
    pub tags: Vec<String>,
    /// Every field of organizations in use, with its value.
    pub fields: Keyed,
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
    pub shared_tickets: bool,
    pub shared_comments: bool,
    pub tags: Vec<String>,
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
    pub shared_tickets: Option<bool>,
    pub shared_comments: Option<bool>,
    /// Replaces every tag.
    pub tags: Option<Vec<String>>,
}

macro_rules! select_organizations {
    () => {
        "select o.id, o.external_id, o.name, o.details, o.notes, o.team_id, o.shared_tickets,
                o.shared_comments, o.tags, o.created_at, o.updated_at from organizations o"
    };
}

/// Those that changed in a span of time. Served by `organizations_by_change`.
pub async fn changed(tx: &mut Tx, _may: &CanRead<Organizations>, wanted: &Wanted) -> Result<Page<Organization>, Error> {
    const COLUMNS: &[Column] = &[Column::Int("o.updated_at", "updated_at"), Column::Int("o.id", "id")];
    let query = Query::new(concat!(select_organizations!(), " where 1 = 1"));
    let page = export::read(tx, vec![query], ("", "o"), COLUMNS, wanted).await?;
    let mut page = page.try_map(|row| Organization::from_row(&row))?;
    fill(tx, &mut page.items).await?;
    Ok(page)
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
    fill(tx, &mut page.items).await?;
    Ok(page)
}

/// Which organizations.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    All,
    Ids(&'a [i64]),
    /// In any case of their letters.
    ExternalIds(&'a [String]),
    /// The whole name, or its beginning, in any case of its letters.
    Name(&'a str),
    NameStarts(&'a str),
    OfCustomer(i64),
}

/// Organizations by id, or by name if its beginning is given. Served by the primary key, `organizations_by_name`,
/// `organizations_by_external_key` and `organization_members_by_customer`.
pub async fn some(
    tx: &mut Tx,
    _may: &CanRead<Organizations>,
    which: Which<'_>,
    slice: &Slice,
) -> Result<Page<Organization>, Error> {
    let columns: &'static [Column] = match which {
        Which::NameStarts(_) => &[Column::Text("o.name_key", "name_key")],
        _ => &[Column::Int("o.id", "id")],
    };
    let page = query_of(which).page(tx, Order { columns, descending: false }, slice).await?;
    let mut page = page.try_map(|row| Organization::from_row(&row))?;
    fill(tx, &mut page.items).await?;
    Ok(page)
}

/// How many there are, up to `page::COUNTED_MAX`.
pub async fn count(tx: &mut Tx, _may: &CanRead<Organizations>, which: Which<'_>) -> Result<i64, Error> {
    query_of(which).count(tx).await
}

/// These organizations, in no particular order, beside what refers to them. Whoever may read the one may see the other.
pub async fn beside<R: Resource, A: Access>(
    tx: &mut Tx,
    _may: &Permit<R, A>,
    ids: &[i64],
) -> Result<Vec<Organization>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = query_of(Which::Ids(ids));
    let rows = tx.rows(&query.sql, &query.params).await?;
    let mut found = rows.iter().map(Organization::from_row).collect::<Result<Vec<_>, _>>()?;
    fill(tx, &mut found).await?;
    Ok(found)
}

/// Tickets and people of an organization, each up to `page::COUNTED_MAX`.
pub async fn related(tx: &mut Tx, _may: &CanRead<Organizations>, id: i64) -> Result<(i64, i64), Error> {
    read(tx, id).await?;
    let mut tickets = Query::new("select t.id from tickets t where t.trashed_at is null");
    tickets.and("t.organization_id =", id);
    let mut people = Query::new("select m.id from organization_members m where 1 = 1");
    people.and("m.organization_id =", id);
    Ok((tickets.count(tx).await?, people.count(tx).await?))
}

fn query_of(which: Which<'_>) -> Query {
    let mut query = Query::new(concat!(select_organizations!(), " where 1 = 1"));
    match which {
        Which::All => {}
        Which::Ids(ids) => query.and_in("o.id", ids.iter().copied()),
        Which::ExternalIds(ids) => {
            query.and_text("o.external_key is not null");
            query.and_in("o.external_key", ids.iter().map(|id| id.to_ascii_lowercase()));
        }
        Which::Name(name) => query.and("o.name_key =", name.to_lowercase()),
        Which::NameStarts(name) => {
            query.and("o.name_key >=", name.to_lowercase());
            query.and("o.name_key <", format!("{}\u{10ffff}", name.to_lowercase()));
        }
        Which::OfCustomer(id) => {
            let id = query.bind(id);
            query.and_text(&format!(
                "o.id in (select organization_id from organization_members where customer_id = {id})"
            ));
        }
    }
    query
}

/// The organization with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Organizations>, id: i64) -> Result<Organization, Error> {
    read(tx, id).await
}

/// The id of the organization that is meant, if there is one: by its id, else by its foreign id in any case of its letters.
pub async fn known(
    tx: &mut Tx,
    _may: &CanWrite<Organizations>,
    id: Option<i64>,
    external_id: Option<&str>,
) -> Result<Option<i64>, Error> {
    let row = match (id, external_id) {
        (Some(id), _) => tx.row("select id from organizations where id = $1", &[id.into()]).await?,
        (None, Some(external_id)) => {
            let sql = "select id from organizations where external_key = $1 order by id limit 1";
            tx.row(sql, &[external_id.to_ascii_lowercase().into()]).await?
        }
        (None, None) => None,
    };
    Ok(row.map(|row| row.int("id")).transpose()?)
}

/// Adds an organization. `Taken` if another has the name, or one of the domains.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    new: &NewOrganization,
) -> Result<Organization, Error> {
    check_text("name", &new.name, 1, NAME_MAX_CHARS)?;
    check_external_id(tx, 0, new.external_id.as_deref()).await?;
    check_rest(tx, new.details.as_deref(), new.notes.as_deref(), new.team_id).await?;
    let row = tx
        .row(
            "insert into organizations (external_id, name, name_key, details, notes, team_id, created_at, updated_at, shared_tickets,
                                        shared_comments, tags)
             values ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10) on conflict (name_key) do nothing returning id",
            &[
                new.external_id.as_ref().into(),
                new.name.as_str().into(),
                new.name.to_lowercase().into(),
                new.details.as_ref().into(),
                new.notes.as_ref().into(),
                new.team_id.into(),
                now.into(),
                new.shared_tickets.into(),
                new.shared_comments.into(),
                json!(clean_tags(&new.tags)?).into(),
            ],
        )
        .await?;
    let Some(row) = row else { return Err(Error::Taken { kind: "organization", field: "name" }) };
    let id = row.int("id")?;
    replace_domains(tx, id, &new.domains).await?;
    search::index_organization(tx, id).await?;
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
    after.shared_tickets = changes.shared_tickets.unwrap_or(after.shared_tickets);
    after.shared_comments = changes.shared_comments.unwrap_or(after.shared_comments);
    if let Some(tags) = &changes.tags {
        after.tags = clean_tags(tags)?;
    }
    check_text("name", &after.name, 1, NAME_MAX_CHARS)?;
    if after.external_id != before.external_id {
        check_external_id(tx, id, after.external_id.as_deref()).await?;
    }
    check_rest(tx, after.details.as_deref(), after.notes.as_deref(), after.team_id).await?;
    let written = tx
        .run(
            "update organizations set external_id = $1, name = $2, name_key = $3, details = $4, notes = $5, team_id = $6, updated_at = $7,
                    shared_tickets = $8, shared_comments = $9, tags = $10
             where id = $11",
            &[
                after.external_id.as_ref().into(),
                after.name.as_str().into(),
                after.name.to_lowercase().into(),
                after.details.as_ref().into(),
                after.notes.as_ref().into(),
                after.team_id.into(),
                now.into(),
                after.shared_tickets.into(),
                after.shared_comments.into(),
                json!(after.tags).into(),
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
    search::index_organization(tx, id).await?;
    let after = read(tx, id).await?;
    let (old, new) = events::difference(before.fields(), after.fields());
    if new != json!({}) {
        record(tx, may.actor(), now, "organization-updated", id, (Some(old), Some(new))).await?;
    }
    Ok(after)
}

/// Writes values of an organization's fields, by the names that programs have for them; a name that no field has is passed over. `Invalid`
/// below `organization_fields`.
pub async fn set_fields(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    id: i64,
    sent: &Map<String, Json>,
) -> Result<Organization, Error> {
    lock(tx, id).await?;
    let organization = read(tx, id).await?;
    let sent = custom_fields::sent_by_key(tx, Carrier::Organization, sent).await?;
    if sent.is_empty() {
        return Ok(organization);
    }
    let changed = change_by(tx, may.actor(), now, id, &sent).await;
    match changed.map_err(|error| people::prefixed("organization_fields", error))? {
        true => read(tx, id).await,
        false => Ok(organization),
    }
}

/// Writes values of its fields for whoever acts on one of its tickets. Whether anything changed.
pub(crate) async fn change_by(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: i64,
    sent: &[SentValue],
) -> Result<bool, Error> {
    lock(tx, id).await?;
    let written = custom_fields::write(tx, now, (Carrier::Organization, id), sent, Extent::Sent).await?;
    let Some(written) = written else { return Ok(false) };
    tx.run("update organizations set updated_at = $1 where id = $2", &[now.into(), id.into()]).await?;
    let (mut before, mut after) =
        (json!({ "custom_fields": written.before }), json!({ "custom_fields": written.after }));
    let organization = read(tx, id).await?;
    let tags = clean_tags(&written.labels.put_on(&organization.tags))?;
    if tags != organization.tags {
        (before["tags"], after["tags"]) = (json!(organization.tags), json!(tags));
        tx.run("update organizations set tags = $1 where id = $2", &[json!(tags).into(), id.into()]).await?;
        search::index_organization(tx, id).await?;
    }
    record(tx, actor, now, "organization-updated", id, (Some(before), Some(after))).await?;
    Ok(true)
}

/// Removes an organization. Its customers stay, its tickets lose it.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Organizations>, now: Timestamp, id: i64) -> Result<(), Error> {
    lock(tx, id).await?;
    let organization = read(tx, id).await?;
    // The keys of tickets, members and domains follow.
    tx.run("delete from organizations where id = $1", &[id.into()]).await?;
    search::forget_organization(tx, id).await?;
    record(tx, may.actor(), now, "organization-deleted", id, (Some(organization.fields()), None)).await
}

/// `Invalid` on `organization_id` unless there is one with this id.
pub(crate) async fn must_exist(tx: &mut Tx, id: i64) -> Result<(), Error> {
    match tx.row("select id from organizations where id = $1", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("organization_id", "No organization has this id.")),
    }
}

async fn read(tx: &mut Tx, id: i64) -> Result<Organization, Error> {
    let row = tx.row(concat!(select_organizations!(), " where o.id = $1"), &[id.into()]).await?;
    let row = row.ok_or(Error::NotFound { kind: "organization", id })?;
    let mut found = [Organization::from_row(&row)?];
    fill(tx, &mut found).await?;
    let [organization] = found;
    Ok(organization)
}

/// Puts the domains and the fields on each of a page, with a few statements.
async fn fill(tx: &mut Tx, organizations: &mut [Organization]) -> Result<(), Error> {
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
    let put = |item: &mut Organization, fields| item.fields = fields;
    custom_fields::fill_keyed(tx, Carrier::Organization, organizations, |item| item.id, put).await
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

/// No two have one foreign id, in any case of its letters.
async fn check_external_id(tx: &mut Tx, id: i64, external_id: Option<&str>) -> Result<(), Error> {
    let Some(external_id) = external_id else { return Ok(()) };
    let sql = "select id from organizations where external_key = $1 and id <> $2 limit 1";
    match tx.row(sql, &[external_id.to_ascii_lowercase().into(), id.into()]).await? {
        Some(_) => Err(Error::Taken { kind: "organization", field: "external_id" }),
        None => Ok(()),
    }
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
    /// Without its domains and fields.
    fn from_row(row: &Row) -> Result<Organization, Error> {
        Ok(Organization {
            id: row.int("id")?,
            external_id: row.text_or_null("external_id")?,
            name: row.text("name")?,
            details: row.text_or_null("details")?,
            notes: row.text_or_null("notes")?,
            team_id: row.int_or_null("team_id")?,
            domains: Vec::new(),
            shared_tickets: row.flag("shared_tickets")?,
            shared_comments: row.flag("shared_comments")?,
            tags: tags_of(row)?,
            fields: Keyed::new(),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    /// What events tell of an organization.
    fn fields(&self) -> Json {
        json!({
            "external_id": self.external_id, "name": self.name, "details": self.details, "notes": self.notes,
            "team_id": self.team_id, "domains": self.domains, "shared_tickets": self.shared_tickets,
            "shared_comments": self.shared_comments, "tags": self.tags,
        })
    }
}

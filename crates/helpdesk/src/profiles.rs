//! People as one list: staff and customers together, with what both have. For surfaces that do not keep them apart.
//!
//! Their rows are written by `users` and `customers`; here is what is read of both, and what both have besides (`Extra`).

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Customers, Users, Write};
use scope::role::Role;
use serde_json::{Map, Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::custom_fields::{self, Carrier, Extent, Keyed};
use crate::events::{self, Change};
use crate::export::{self, Wanted};
use crate::own_tags::{clean_tags, tags_of};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::users::email_key;
use crate::{Error, own_tags, people, search};

/// Longest alias, details and signature, in characters.
pub const ALIAS_MAX_CHARS: usize = 255;
pub const TEXT_MAX_CHARS: usize = 65_536;

#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub id: i64,
    pub role: Role,
    /// A role of the account's own, which narrows the role.
    pub custom_role_id: Option<i64>,
    pub active: bool,
    pub email: Option<String>,
    pub email_verified: bool,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub external_id: Option<String>,
    pub language: Option<String>,
    pub timezone: Option<String>,
    pub note: Option<String>,
    /// What customers read instead of the name.
    pub alias: Option<String>,
    pub details: Option<String>,
    pub signature: Option<String>,
    /// May not sign in.
    pub suspended: bool,
    pub tags: Vec<String>,
    /// Of a customer.
    pub organization_id: Option<i64>,
    /// Of staff.
    pub team_id: Option<i64>,
    pub has_second_factor: bool,
    pub last_seen_at: Option<Timestamp>,
    /// Every field of people in use, with its value.
    pub fields: Keyed,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Since when nothing is left but the name beside what they wrote.
    pub deleted_at: Option<Timestamp>,
}

/// Which people. The default is everybody who is there.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these roles. Empty: all. Customers are not asked for together with staff.
    pub roles: Vec<Role>,
    pub ids: Option<Vec<i64>>,
    /// In any case of their letters.
    pub external_ids: Option<Vec<String>>,
    pub email: Option<String>,
    /// How the name begins, in any case of its letters.
    pub name_starts: Option<String>,
    pub team_id: Option<i64>,
    pub organization_id: Option<i64>,
    /// Those who were taken away, instead of those who are there.
    pub gone: bool,
}

/// What both sorts of people have besides. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    pub alias: Option<Option<String>>,
    pub details: Option<Option<String>>,
    pub signature: Option<Option<String>>,
    /// Of staff too, who have none elsewhere.
    pub note: Option<Option<String>>,
    pub suspended: Option<bool>,
    pub tags: Option<Vec<String>>,
}

/// Also of staff whose row stays for what they wrote.
macro_rules! select_all_profiles {
    () => {
        "select p.id, p.role, p.custom_role_id, p.active, p.email, p.email_verified, p.name, p.name_key, p.external_id, p.language, p.timezone, p.note,
                p.alias, p.details, p.signature, p.suspended, p.tags, p.created_at, p.updated_at,
                p.deleted_at,
                (select a.address from addresses a where a.person_id = p.id and a.type = 'phone' order by a.preferred desc, a.id limit 1)
                    as phone,
                (select o.organization_id from organization_members o where o.customer_id = p.id and o.is_default = 1)
                    as organization_id,
                (select m.team_id from team_members m where m.person_id = p.id order by m.is_default desc, m.id limit 1) as team_id,
                (select max(s.last_seen_at) from sessions s where s.person_id = p.id) as last_seen_at,
                (select count(*) from totp t where t.person_id = p.id and t.confirmed_at is not null)
                    + (select count(*) from passkeys k where k.person_id = p.id) as n_second_factors
         from people p"
    };
}
macro_rules! select_profiles {
    () => {
        concat!(select_all_profiles!(), " where p.deleted_at is null")
    };
}

/// By id, or by name if its beginning is given; of one role by time of creation, so that staff are found among many customers.
///
/// Served by the primary key, `people_by_created`, `people_by_role`, `people_by_email`, `people_by_external_key`, `people_by_name_key`, `team_members_by_team` and
/// `organization_members_by_organization`.
pub async fn list(
    tx: &mut Tx,
    _may: (&CanRead<Users>, &CanRead<Customers>),
    filter: &Filter,
    slice: &Slice,
) -> Result<Page<Profile>, Error> {
    let columns: &'static [Column] = if filter.name_starts.is_some() {
        &[Column::Text("p.name_key", "name_key"), Column::Int("p.id", "id")]
    } else if filter.roles.is_empty() {
        &[Column::Int("p.id", "id")]
    } else {
        &[Column::Int("p.created_at", "created_at"), Column::Int("p.id", "id")]
    };
    let page = query_of(filter).page(tx, Order { columns, descending: false }, slice).await?;
    let mut page = page.try_map(|row| Profile::from_row(&row))?;
    fill(tx, &mut page.items).await?;
    Ok(page)
}

/// Those who changed in a span of time, also those who are gone. Served by `people_by_change`.
pub async fn changed(
    tx: &mut Tx,
    _may: (&CanRead<Users>, &CanRead<Customers>),
    wanted: &Wanted,
) -> Result<Page<Profile>, Error> {
    const COLUMNS: &[Column] = &[Column::Int("p.updated_at", "updated_at"), Column::Int("p.id", "id")];
    let query = Query::new(concat!(select_all_profiles!(), " where 1 = 1"));
    let page = export::read(tx, vec![query], ("", "p"), COLUMNS, wanted).await?;
    let mut page = page.try_map(|row| Profile::from_row(&row))?;
    fill(tx, &mut page.items).await?;
    Ok(page)
}

/// How many there are, up to `page::COUNTED_MAX`.
pub async fn count(tx: &mut Tx, _may: (&CanRead<Users>, &CanRead<Customers>), filter: &Filter) -> Result<i64, Error> {
    query_of(filter).count(tx).await
}

/// Somebody who was taken away and of whom something is left, or `NotFound`.
pub async fn find_gone(tx: &mut Tx, _may: (&CanRead<Users>, &CanRead<Customers>), id: i64) -> Result<Profile, Error> {
    read_gone(tx, id).await
}

/// Forgets everything about somebody who was taken away before, but for what they wrote, and gives them as they were. `NotFound` for
/// whoever is still there, and for staff without `may_staff`.
pub async fn erase(
    tx: &mut Tx,
    (may, may_staff): (&CanWrite<Customers>, Option<&CanWrite<Users>>),
    now: Timestamp,
    id: i64,
) -> Result<Profile, Error> {
    people::lock(tx, id).await?;
    let profile = read_gone(tx, id).await?;
    if profile.role.is_staff() && may_staff.is_none() {
        return Err(Error::NotFound { kind: "user", id });
    }
    for sql in [
        "delete from addresses where person_id = $1",
        "delete from customer_field_values where customer_id = $1",
        "delete from organization_members where customer_id = $1",
        "delete from ticket_people where person_id = $1",
        "delete from passwords where person_id = $1",
        "delete from person_settings where person_id = $1",
        // What the log told of them. That something happened stays.
        "update events set before = null, after = null where object_type in ('Customer', 'User') and object_id = $1",
    ] {
        tx.run(sql, &[id.into()]).await?;
    }
    tx.run(
        "update people set active = 0, email = null, email_key = null, email_verified = 0, name = $1, name_key = lower($1), firstname = '',
                lastname = '', external_id = null, language = null, timezone = null, country = null, bio = null, note = null,
                meta = null, data = null, alias = null, details = null, signature = null, tags = '[]',
                deleted_at = coalesce(deleted_at, $2), updated_at = $2
         where id = $3",
        &[ERASED_NAME.into(), now.into(), id.into()],
    )
    .await?;
    search::forget_customer(tx, id).await?;
    tx.run(
        "insert into erased_people (person_id, erased_by, created_at) values ($1, $2, $3)",
        &[id.into(), may.actor().person_id.into(), now.into()],
    )
    .await?;
    let (kind, object_type) =
        if profile.role.is_staff() { ("user-erased", "User") } else { ("customer-erased", "Customer") };
    let change = Change { kind, object_type, object_id: id, before: None, after: None, data: None };
    events::record(tx, may.actor(), now, change).await?;
    Ok(profile)
}

/// What people read instead of a name that was forgotten.
const ERASED_NAME: &str = "Permanently deleted user";

/// When somebody was forgotten for good, and who asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    pub erased_by: Option<i64>,
    pub created_at: Timestamp,
}

/// None for whoever is not forgotten; `NotFound` if there never was such a person.
pub async fn erasure(
    tx: &mut Tx,
    _may: (&CanRead<Users>, &CanRead<Customers>),
    id: i64,
) -> Result<Option<Erasure>, Error> {
    let sql = "select p.id, e.erased_by, e.created_at from people p left join erased_people e on e.person_id = p.id where p.id = $1";
    let row = tx.row(sql, &[id.into()]).await?.ok_or(Error::NotFound { kind: "user", id })?;
    let Some(created_at) = row.time_or_null("created_at")? else { return Ok(None) };
    Ok(Some(Erasure { erased_by: row.int_or_null("erased_by")?, created_at }))
}

/// What somebody of the staff has set for themselves: an object of any JSON.
pub async fn settings<A: scope::resource::Access>(
    tx: &mut Tx,
    _may: &Permit<Users, A>,
    id: i64,
) -> Result<Json, Error> {
    let row = tx.row("select settings from person_settings where person_id = $1", &[id.into()]).await?;
    Ok(row.map(|row| row.json("settings")).transpose()?.flatten().unwrap_or_else(|| json!({})))
}

/// Longest settings, as JSON, in bytes.
pub const SETTINGS_MAX_BYTES: usize = 64 * 1024;

/// Sets the caller's own settings key by key; null takes one away. `Invalid` on `settings`.
pub async fn set_own_settings(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    changes: &serde_json::Map<String, Json>,
) -> Result<Json, Error> {
    let id = actor.person_id.ok_or(Error::Refused("Only a person has settings.".to_owned()))?;
    people::lock(tx, id).await?;
    let row = tx.row("select settings from person_settings where person_id = $1", &[id.into()]).await?;
    let before = row.map(|row| row.json("settings")).transpose()?.flatten().unwrap_or_else(|| json!({}));
    let mut after = before.clone();
    if let Json::Object(after) = &mut after {
        for (key, value) in changes {
            match value {
                Json::Null => after.remove(key),
                value => after.insert(key.clone(), value.clone()),
            };
        }
    }
    if SETTINGS_MAX_BYTES < after.to_string().len() {
        return Err(Error::invalid("settings", format!("Longer than maximum length {SETTINGS_MAX_BYTES}.")));
    }
    if after == before {
        return Ok(after);
    }
    tx.run(
        "insert into person_settings (person_id, settings, updated_at) values ($1, $2, $3)
         on conflict (person_id) do update set settings = excluded.settings, updated_at = excluded.updated_at",
        &[id.into(), (&after).into(), now.into()],
    )
    .await?;
    let (old, new) = events::difference(before, after.clone());
    let change = Change {
        kind: "user-settings-updated",
        object_type: "User",
        object_id: id,
        before: Some(old),
        after: Some(new),
        data: None,
    };
    events::record(tx, actor, now, change).await?;
    Ok(after)
}

/// The person with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: (&CanRead<Users>, &CanRead<Customers>), id: i64) -> Result<Profile, Error> {
    read(tx, id).await
}

/// These people, in no particular order, as they are shown beside what refers to them. Whoever may read the one may see the other.
pub async fn beside<R: scope::resource::Resource, A: scope::resource::Access>(
    tx: &mut Tx,
    _may: &Permit<R, A>,
    ids: &[i64],
) -> Result<Vec<Profile>, Error> {
    let rows = match ids {
        [] => return Ok(Vec::new()),
        ids => {
            let mut query = Query::new(select_profiles!());
            query.and_in("p.id", ids.iter().copied());
            tx.rows(&query.sql, &query.params).await?
        }
    };
    let mut profiles = rows.iter().map(Profile::from_row).collect::<Result<Vec<_>, _>>()?;
    fill(tx, &mut profiles).await?;
    Ok(profiles)
}

/// The same for whoever just wrote them, customer or staff.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Customers>, id: i64) -> Result<Profile, Error> {
    read(tx, id).await
}

/// Whether a person is staff; None if there is nobody with this id. Needs no permit: it says nothing of who they are.
pub async fn is_staff(tx: &mut Tx, id: i64) -> Result<Option<bool>, Error> {
    let row = tx.row("select is_staff from people where id = $1 and deleted_at is null", &[id.into()]).await?;
    Ok(row.map(|row| row.flag("is_staff")).transpose()?)
}

/// The id of whoever has this address, or this foreign id in any case of its letters: staff before customers.
pub async fn find_by(
    tx: &mut Tx,
    _may: &Permit<Customers, Write>,
    email: Option<&str>,
    external_id: Option<&str>,
) -> Result<Option<i64>, Error> {
    if let Some(email) = email {
        let sql = "select id from people where is_staff in (0, 1) and email_key = $1 and deleted_at is null order by is_staff desc, id limit 1";
        if let Some(row) = tx.row(sql, &[email_key(email).into()]).await? {
            return Ok(Some(row.int("id")?));
        }
    }
    let Some(external_id) = external_id else { return Ok(None) };
    let sql = "select id from people where external_key = $1 and deleted_at is null order by id limit 1";
    let row = tx.row(sql, &[external_id.to_ascii_lowercase().into()]).await?;
    Ok(row.map(|row| row.int("id")).transpose()?)
}

/// Changes what both sorts of people have besides. `Invalid` names the field.
pub async fn set_extra(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    id: i64,
    extra: &Extra,
) -> Result<(), Error> {
    people::lock(tx, id).await?;
    let before = read(tx, id).await?;
    let mut after = before.clone();
    after.alias = extra.alias.clone().unwrap_or(after.alias);
    after.details = extra.details.clone().unwrap_or(after.details);
    after.signature = extra.signature.clone().unwrap_or(after.signature);
    after.note = extra.note.clone().unwrap_or(after.note);
    after.suspended = extra.suspended.unwrap_or(after.suspended);
    if let Some(tags) = &extra.tags {
        after.tags = clean_tags(tags)?;
    }
    if after == before {
        return Ok(());
    }
    let texts = [
        ("alias", &after.alias, ALIAS_MAX_CHARS),
        ("details", &after.details, TEXT_MAX_CHARS),
        ("signature", &after.signature, TEXT_MAX_CHARS),
        ("note", &after.note, TEXT_MAX_CHARS),
    ];
    for (field, text, max) in texts {
        if text.as_ref().is_some_and(|text| max < text.chars().count() || text.contains('\0')) {
            return Err(Error::invalid(field, format!("Longer than maximum length {max}.")));
        }
    }
    tx.run(
        "update people set alias = $1, details = $2, signature = $3, note = $4, suspended = $5, tags = $6, updated_at = $7 where id = $8",
        &[
            after.alias.as_ref().into(),
            after.details.as_ref().into(),
            after.signature.as_ref().into(),
            after.note.as_ref().into(),
            after.suspended.into(),
            json!(after.tags).into(),
            now.into(),
            id.into(),
        ],
    )
    .await?;
    search::index_person(tx, id).await?;
    record(tx, may.actor(), now, &before, &after).await
}

/// Writes values of a person's fields, by the names that programs have for them; a name that no field has is passed over. `Invalid` below
/// `user_fields`.
pub async fn set_fields(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    id: i64,
    sent: &Map<String, Json>,
) -> Result<(), Error> {
    let sent = custom_fields::sent_by_key(tx, Carrier::Customer, sent).await?;
    if sent.is_empty() {
        return Ok(());
    }
    people::lock(tx, id).await?;
    let person = read(tx, id).await?;
    let written = custom_fields::write(tx, now, (Carrier::Customer, id), &sent, Extent::Sent).await;
    let Some(written) = written.map_err(|error| people::prefixed("user_fields", error))? else { return Ok(()) };
    tx.run("update people set updated_at = $1 where id = $2", &[now.into(), id.into()]).await?;
    let mut told = (json!({ "custom_fields": written.before }), json!({ "custom_fields": written.after }));
    if let Some((before, after)) = own_tags::relabel(tx, id, &written.labels).await? {
        (told.0["tags"], told.1["tags"]) = (json!(before), json!(after));
    }
    tell(tx, may.actor(), now, &person, told).await
}

/// Takes a customer away: the row stays for the tickets, but they are no longer in lists and nobody acts for them. Staff are taken away by
/// `users::delete`.
pub async fn deactivate(tx: &mut Tx, may: &CanWrite<Customers>, now: Timestamp, id: i64) -> Result<(), Error> {
    people::lock(tx, id).await?;
    let sql = "update people set active = 0, deactivated_at = $1, updated_at = $1 where id = $2 and is_staff = 0 and active = 1";
    if tx.run(sql, &[now.into(), id.into()]).await? == 0 {
        return Err(Error::NotFound { kind: "customer", id });
    }
    let change = Change {
        kind: "customer-updated",
        object_type: "Customer",
        object_id: id,
        before: Some(json!({ "active": true })),
        after: Some(json!({ "active": false })),
        data: None,
    };
    events::record(tx, may.actor(), now, change).await
}

/// Tickets that a person asked for, is copied in on, and looks after, each up to `page::COUNTED_MAX`.
pub async fn related(tx: &mut Tx, _may: (&CanRead<Users>, &CanRead<Customers>), id: i64) -> Result<[i64; 3], Error> {
    read(tx, id).await?;
    let mut requested = Query::new("select t.id from tickets t where t.trashed_at is null");
    requested.and("t.customer_id =", id);
    let mut copied = Query::new("select c.ticket_id from ticket_people c where c.part = 'cc'");
    copied.and("c.person_id =", id);
    let mut assigned = Query::new("select t.id from tickets t where t.trashed_at is null");
    assigned.and("t.assignee_user_id =", id);
    Ok([requested.count(tx).await?, copied.count(tx).await?, assigned.count(tx).await?])
}

/// Whoever calls, as they may always see themselves.
pub async fn own(tx: &mut Tx, actor: &Actor) -> Result<Option<Profile>, Error> {
    match actor.person_id {
        Some(id) => read(tx, id).await.map(Some),
        None => Ok(None),
    }
}

async fn record(tx: &mut Tx, actor: &Actor, now: Timestamp, before: &Profile, after: &Profile) -> Result<(), Error> {
    tell(tx, actor, now, after, events::difference(before.extra(), after.extra())).await
}

async fn tell(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    person: &Profile,
    (old, new): (Json, Json),
) -> Result<(), Error> {
    let (kind, object_type) =
        if person.role.is_staff() { ("user-updated", "User") } else { ("customer-updated", "Customer") };
    let change = Change { kind, object_type, object_id: person.id, before: Some(old), after: Some(new), data: None };
    events::record(tx, actor, now, change).await
}

async fn read(tx: &mut Tx, id: i64) -> Result<Profile, Error> {
    let row = tx.row(concat!(select_profiles!(), " and p.id = $1"), &[id.into()]).await?;
    let mut found = [Profile::from_row(&row.ok_or(Error::NotFound { kind: "user", id })?)?];
    fill(tx, &mut found).await?;
    let [profile] = found;
    Ok(profile)
}

async fn read_gone(tx: &mut Tx, id: i64) -> Result<Profile, Error> {
    let filter = Filter { gone: true, ids: Some(vec![id]), ..Filter::default() };
    let query = query_of(&filter);
    let row = tx.row(&query.sql, &query.params).await?;
    Profile::from_row(&row.ok_or(Error::NotFound { kind: "user", id })?)
}

async fn fill(tx: &mut Tx, profiles: &mut [Profile]) -> Result<(), Error> {
    let put = |item: &mut Profile, fields| item.fields = fields;
    custom_fields::fill_keyed(tx, Carrier::Customer, profiles, |item| item.id, put).await
}

fn query_of(filter: &Filter) -> Query {
    let mut query = if filter.gone {
        // Staff too, whose row stays for what they wrote.
        Query::new(concat!(
            select_all_profiles!(),
            " where p.active = 0 and (select e.person_id from erased_people e where e.person_id = p.id) is null"
        ))
    } else {
        Query::new(concat!(select_profiles!(), " and p.active = 1"))
    };
    if !filter.roles.is_empty() {
        query.and("p.is_staff =", filter.roles.iter().any(|role| role.is_staff()));
        query.and_in("p.role", filter.roles.iter().map(|role| role.word()));
    }
    if let Some(ids) = &filter.ids {
        query.and_in("p.id", ids.iter().copied());
    }
    if let Some(ids) = &filter.external_ids {
        query.and_text("p.external_key is not null");
        query.and_in("p.external_key", ids.iter().map(|id| id.to_ascii_lowercase()));
    }
    if let Some(email) = &filter.email {
        query.and_text("p.is_staff in (0, 1)");
        query.and("p.email_key =", email_key(email));
    }
    if let Some(name) = &filter.name_starts {
        // A range, which both engines read along the index.
        query.and("p.name_key >=", name.to_lowercase());
        query.and("p.name_key <", format!("{}\u{10ffff}", name.to_lowercase()));
    }
    if let Some(id) = filter.team_id {
        let id = query.bind(id);
        query.and_text(&format!("p.id in (select person_id from team_members where team_id = {id})"));
    }
    if let Some(id) = filter.organization_id {
        let id = query.bind(id);
        query.and_text(&format!("p.id in (select customer_id from organization_members where organization_id = {id})"));
    }
    query
}

impl Profile {
    fn from_row(row: &Row) -> Result<Profile, Error> {
        Ok(Profile {
            id: row.int("id")?,
            role: Role::parse(&row.text("role")?).ok_or(StoreError::Column("role"))?,
            custom_role_id: row.int_or_null("custom_role_id")?,
            active: row.flag("active")?,
            email: row.text_or_null("email")?,
            email_verified: row.flag("email_verified")?,
            name: row.text_or_null("name")?,
            phone: row.text_or_null("phone")?,
            external_id: row.text_or_null("external_id")?,
            language: row.text_or_null("language")?,
            timezone: row.text_or_null("timezone")?,
            note: row.text_or_null("note")?,
            alias: row.text_or_null("alias")?,
            details: row.text_or_null("details")?,
            signature: row.text_or_null("signature")?,
            suspended: row.flag("suspended")?,
            tags: tags_of(row)?,
            organization_id: row.int_or_null("organization_id")?,
            team_id: row.int_or_null("team_id")?,
            has_second_factor: 0 < row.int("n_second_factors")?,
            last_seen_at: row.time_or_null("last_seen_at")?,
            fields: Keyed::new(),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            deleted_at: row.time_or_null("deleted_at")?,
        })
    }

    /// What events tell of what both sorts of people have besides.
    fn extra(&self) -> Json {
        json!({
            "alias": self.alias, "details": self.details, "signature": self.signature, "note": self.note,
            "suspended": self.suspended, "tags": self.tags,
        })
    }
}

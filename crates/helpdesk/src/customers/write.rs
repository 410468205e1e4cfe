//! Creating, changing and deleting customers.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Customers;
use scope::role::Role;
use serde_json::{Value as Json, json};
use store::{StoreError, Tx};

use super::{Changes, CustomerDetail, NewCustomer, fields, read};
use crate::addresses::{self, EMAIL, Wanted, as_stored, key_of, primary_email, wanted};
use crate::custom_fields::Extent;
use crate::events::{self, Change};
use crate::people::{self, AddressRef, PersonRef};
use crate::users::{email_key, role_rank};
use crate::{Error, names, organizations, own_tags, search};

/// Most addresses of one customer.
const ADDRESSES_MAX: usize = 100;

/// Adds a customer. `Taken` if somebody has the e-mail address or one of the others.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    new: &NewCustomer,
) -> Result<CustomerDetail, Error> {
    let id = insert(tx, may.actor(), now, new).await?;
    read(tx, id).await
}

/// Whom a ticket or message means: the person with this id, else the customer with this address, else the one with this foreign id,
/// else a new one (Gorgias contract, `conventions.people_references`). `Invalid` on `id` if there is no such person.
pub async fn find_or_create(tx: &mut Tx, actor: &Actor, now: Timestamp, who: &PersonRef) -> Result<i64, Error> {
    if let Some(id) = who.id {
        return match tx.row("select id from people where id = $1 and deleted_at is null", &[id.into()]).await? {
            Some(_) => Ok(id),
            None => Err(Error::invalid("id", "There is no such person.")),
        };
    }
    if let Some(id) = find_known(tx, who).await? {
        return Ok(id);
    }
    let new = NewCustomer {
        email: who.email.clone(),
        name: who.name.clone(),
        external_id: who.external_id.clone(),
        language: who.language.clone(),
        timezone: who.timezone.clone(),
        note: who.note.clone(),
        meta: who.meta.clone(),
        addresses: who.addresses.clone(),
        ..NewCustomer::default()
    };
    match insert(tx, actor, now, &new).await {
        // Somebody made them since we looked.
        Err(Error::Taken { kind, field }) => find_known(tx, who).await?.ok_or(Error::Taken { kind, field }),
        outcome => outcome,
    }
}

async fn find_known(tx: &mut Tx, who: &PersonRef) -> Result<Option<i64>, Error> {
    let email = who.email.as_deref().map(|email| (EMAIL, email));
    let others = who.addresses.iter().map(|item| (item.kind.as_str(), item.address.as_str()));
    for (kind, address) in email.into_iter().chain(others) {
        let key = key_of(kind, address).map_err(|error| if kind == EMAIL { error.on_field("email") } else { error })?;
        if let Some(id) = addresses::owner(tx, kind, &key).await? {
            return Ok(Some(id));
        }
    }
    if let Some(external_id) = &who.external_id {
        let row = tx
            .row(
                "select id from people where external_id = $1 and is_staff = 0 order by id limit 1",
                &[external_id.into()],
            )
            .await?;
        return Ok(row.map(|row| row.int("id")).transpose()?);
    }
    Ok(None)
}

/// Changes what was sent. `Taken` if an address belongs to somebody else.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<CustomerDetail, Error> {
    people::lock(tx, id).await?;
    let before = read(tx, id).await?;
    let after = write(tx, now, &before, changes).await?;
    let (old, new) = events::difference(before.fields(), after.fields());
    if new != json!({}) {
        let change = Change {
            kind: "customer-updated",
            object_type: "Customer",
            object_id: id,
            before: Some(old),
            after: Some(new),
            data: None,
        };
        events::record(tx, may.actor(), now, change).await?;
    }
    Ok(after)
}

/// Writes the changes, without an event. Leaves the row alone when nothing changes.
pub(super) async fn write(
    tx: &mut Tx,
    now: Timestamp,
    before: &CustomerDetail,
    changes: &Changes,
) -> Result<CustomerDetail, Error> {
    let id = before.customer.id;
    let list = addresses_after(before, changes)?;
    let customer = &before.customer;
    let old_name = (customer.name.as_deref(), customer.firstname.as_str(), customer.lastname.as_str());
    let (name, firstname, lastname) = names::merged(
        old_name,
        changes.name.as_ref().map(Option::as_deref),
        changes.firstname.as_deref(),
        changes.lastname.as_deref(),
    );
    let mut after = customer.clone();
    after.email = primary_email(&list).map(str::to_owned);
    after.name = name;
    after.firstname = firstname;
    after.lastname = lastname;
    after.external_id = changes.external_id.clone().unwrap_or(after.external_id);
    after.language = changes.language.clone().unwrap_or(after.language);
    after.timezone = changes.timezone.clone().unwrap_or(after.timezone);
    after.note = changes.note.clone().unwrap_or(after.note);
    after.meta = changes.meta.clone().unwrap_or(after.meta);
    let fields = match &changes.fields {
        Some(sent) => fields::write(tx, now, id, sent, Extent::All).await?,
        None => None,
    };
    if let Some(written) = &fields {
        own_tags::relabel(tx, id, &written.labels).await?;
    }
    let old_list = as_stored(&before.addresses)?;
    if fields.is_none() && after == *customer && same_addresses(&old_list, &list) {
        return Ok(before.clone());
    }
    addresses::replace(tx, now, id, &list).await?;
    let written = tx
        .run(
            "update people set email = $1, email_key = $1, name = $2, name_key = $3, firstname = $4, lastname = $5,
                    external_id = $6, language = $7, timezone = $8, note = $9, meta = $10, updated_at = $11,
                    -- UI-5: what was proven was the old address.
                    email_verified = case when email_key = $1 then email_verified else 0 end
             where id = $12",
            &[
                after.email.as_ref().into(),
                after.name.as_ref().into(),
                after.name.as_ref().map(|name| name.to_lowercase()).into(),
                after.firstname.as_str().into(),
                after.lastname.as_str().into(),
                after.external_id.as_ref().into(),
                after.language.as_ref().into(),
                after.timezone.as_ref().into(),
                after.note.as_ref().into(),
                after.meta.as_ref().into(),
                now.into(),
                id.into(),
            ],
        )
        .await;
    match written {
        Ok(_) => {
            search::index_person(tx, id).await?;
            read(tx, id).await
        }
        Err(StoreError::NotUnique(_)) => Err(Error::Taken { kind: "customer", field: "email" }),
        Err(error) => Err(error.into()),
    }
}

/// The addresses as the changes make them. A new e-mail address alone takes the place of the old primary one.
fn addresses_after(before: &CustomerDetail, changes: &Changes) -> Result<Vec<Wanted>, Error> {
    let list = match (&changes.addresses, &changes.email) {
        (None, None) => return as_stored(&before.addresses),
        (Some(sent), email) => wanted(sent, email.as_ref().and_then(Option::as_deref))?,
        (None, Some(email)) => {
            let old = before.customer.email.as_deref().map(email_key);
            let mut kept = refs(before);
            kept.retain(|item| !(item.kind == EMAIL && Some(email_key(&item.address)) == old));
            let mut list = wanted(&kept, email.as_deref())?;
            if email.is_none() {
                // The address was taken away: another does not take its place unasked.
                list.iter_mut().filter(|item| item.kind == EMAIL).for_each(|item| item.preferred = false);
            }
            list
        }
    };
    if ADDRESSES_MAX < list.len() {
        return Err(Error::invalid("channels", format!("Longer than maximum length {ADDRESSES_MAX}.")));
    }
    Ok(list)
}

fn refs(detail: &CustomerDetail) -> Vec<AddressRef> {
    detail.addresses.iter().map(AddressRef::from).collect()
}

fn same_addresses(a: &[Wanted], b: &[Wanted]) -> bool {
    a.len() == b.len() && a.iter().all(|item| b.contains(item))
}

/// Gives a customer a password, for filling an account. No page asks customers for one yet.
pub async fn set_password(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64, hash: &str) -> Result<(), Error> {
    read(tx, id).await?;
    tx.run(
        "insert into passwords (person_id, hash, changed_at) values ($1, $2, $3)
         on conflict (person_id) do update set hash = excluded.hash, changed_at = excluded.changed_at",
        &[id.into(), hash.into(), now.into()],
    )
    .await?;
    let change = Change {
        kind: "customer-password-changed",
        object_type: "Customer",
        object_id: id,
        before: None,
        after: None,
        data: None,
    };
    events::record(tx, actor, now, change).await
}

/// Any JSON about a customer, replaced as a whole. A version older than the stored one is ignored, so that late calls do no harm.
pub async fn set_data(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    id: i64,
    data: Option<&Json>,
    version: Option<Timestamp>,
) -> Result<(), Error> {
    people::lock(tx, id).await?;
    let before = read(tx, id).await?;
    let row = tx.row("select data_version from people where id = $1", &[id.into()]).await?;
    let stored = row.ok_or(Error::NotFound { kind: "customer", id })?.time_or_null("data_version")?;
    if version.is_some_and(|version| stored.is_some_and(|stored| version < stored)) {
        return Ok(());
    }
    let version = version.or(stored);
    tx.run(
        "update people set data = $1, data_version = $2, updated_at = $3 where id = $4",
        &[data.into(), version.into(), now.into(), id.into()],
    )
    .await?;
    if before.customer.data.as_ref() == data {
        return Ok(());
    }
    let change = Change {
        kind: "customer-updated",
        object_type: "Customer",
        object_id: id,
        before: Some(json!({ "data": before.customer.data })),
        after: Some(json!({ "data": data })),
        data: None,
    };
    events::record(tx, may.actor(), now, change).await
}

/// Removes a customer for good. `InUse` if they have tickets or took part in one.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Customers>, now: Timestamp, id: i64) -> Result<(), Error> {
    people::lock(tx, id).await?;
    let customer = read(tx, id).await?;
    let used = tx
        .row(
            "select 1 as used where exists (select 1 from tickets where customer_id = $1)
                or exists (select 1 from messages where sender_id = $1)
                or exists (select 1 from messages where receiver_id = $1)",
            &[id.into()],
        )
        .await?;
    if used.is_some() {
        let problem =
            format!("The customer {id} has tickets: merge them into another customer, or delete the tickets first.");
        return Err(Error::InUse { kind: "customer", id, problem });
    }
    tx.run("delete from people where id = $1", &[id.into()]).await?;
    search::forget_customer(tx, id).await?;
    let change = Change {
        kind: "customer-deleted",
        object_type: "Customer",
        object_id: id,
        before: Some(customer.fields()),
        after: None,
        data: None,
    };
    events::record(tx, may.actor(), now, change).await
}

/// Removes several customers, or none of them.
pub async fn delete_many(tx: &mut Tx, may: &CanWrite<Customers>, now: Timestamp, ids: &[i64]) -> Result<(), Error> {
    for (index, id) in ids.iter().enumerate() {
        if !ids[..index].contains(id) {
            delete(tx, may, now, *id).await?;
        }
    }
    Ok(())
}

async fn insert(tx: &mut Tx, actor: &Actor, now: Timestamp, new: &NewCustomer) -> Result<i64, Error> {
    let list = wanted(&new.addresses, new.email.as_deref())?;
    if ADDRESSES_MAX < list.len() {
        return Err(Error::invalid("channels", format!("Longer than maximum length {ADDRESSES_MAX}.")));
    }
    let email = primary_email(&list);
    let (name, firstname, lastname) =
        names::merged((None, "", ""), new.name.as_deref().map(Some), new.firstname.as_deref(), new.lastname.as_deref());
    let row = tx
        .row(
            "insert into people (role, role_rank, is_staff, email, email_key, name, name_key, firstname, lastname, external_id,
                                 language, timezone, note, meta, created_at, updated_at)
             values ($1, $2, 0, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
             on conflict do nothing returning id",
            &[
                Role::Customer.word().into(),
                role_rank(Role::Customer).into(),
                email.into(),
                name.as_ref().into(),
                name.as_ref().map(|name| name.to_lowercase()).into(),
                firstname.into(),
                lastname.into(),
                new.external_id.as_ref().into(),
                new.language.as_ref().into(),
                new.timezone.as_ref().into(),
                new.note.as_ref().into(),
                new.meta.as_ref().into(),
                now.into(),
            ],
        )
        .await?;
    let Some(row) = row else { return Err(Error::Taken { kind: "customer", field: "email" }) };
    let id = row.int("id")?;
    for item in &list {
        if let Err(error) = addresses::insert(tx, now, id, item).await {
            // `find_or_create` goes on after `Taken`, and wants nothing left behind.
            if matches!(error, Error::Taken { .. }) {
                tx.run("delete from people where id = $1", &[id.into()]).await?;
            }
            return Err(error);
        }
    }
    if let Some(written) = fields::write(tx, now, id, &new.fields, Extent::Sent).await? {
        own_tags::relabel(tx, id, &written.labels).await?;
    }
    organizations::join_by_address(tx, now, id, email).await?;
    search::index_person(tx, id).await?;
    let after = read(tx, id).await?.fields();
    let change = Change {
        kind: "customer-created",
        object_type: "Customer",
        object_id: id,
        before: None,
        after: Some(after),
        data: None,
    };
    events::record(tx, actor, now, change).await?;
    Ok(id)
}

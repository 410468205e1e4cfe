//! Who belongs to which organization. A customer may be a member of several; one is the default.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Customers, Organizations};
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use super::{must_exist, record};
use crate::Error;
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice};

/// A membership as a record of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: i64,
    pub organization_id: i64,
    pub organization_name: String,
    pub customer_id: i64,
    pub is_default: bool,
    /// Whether they see the tickets of the whole organization.
    pub sees_tickets: bool,
    pub created_at: Timestamp,
}

/// Whose memberships.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Everybodys,
    Customer(i64),
    Organization(i64),
}

macro_rules! select_members {
    () => {
        "select m.id, m.organization_id, o.name as organization_name, m.customer_id, m.is_default, o.shared_tickets, m.created_at
         from organization_members m join organizations o on o.id = m.organization_id where 1 = 1"
    };
}

/// By id. Served by the primary key, `organization_members_by_customer` and `organization_members_by_organization`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Organizations>,
    whose: Whose,
    slice: &Slice,
) -> Result<Page<Member>, Error> {
    let mut query = Query::new(select_members!());
    match whose {
        Whose::Everybodys => {}
        Whose::Customer(id) => query.and("m.customer_id =", id),
        Whose::Organization(id) => query.and("m.organization_id =", id),
    }
    let order = Order { columns: &[Column::Int("m.id", "id")], descending: false };
    query.page(tx, order, slice).await?.try_map(|row| Member::from_row(&row))
}

/// The membership with this id, or `NotFound`. Whoever may write it is shown it too.
pub async fn find<A: Access>(tx: &mut Tx, _may: &Permit<Organizations, A>, id: i64) -> Result<Member, Error> {
    let row = tx.row(concat!(select_members!(), " and m.id = $1"), &[id.into()]).await?;
    Member::from_row(&row.ok_or(Error::NotFound { kind: "organization membership", id })?)
}

/// The membership of a customer in an organization, or `NotFound`.
pub async fn find_between<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Organizations, A>,
    organization_id: i64,
    customer_id: i64,
) -> Result<Member, Error> {
    let sql = concat!(select_members!(), " and m.organization_id = $1 and m.customer_id = $2");
    let row = tx.row(sql, &[organization_id.into(), customer_id.into()]).await?;
    Member::from_row(&row.ok_or(Error::NotFound { kind: "organization membership", id: customer_id })?)
}

/// All memberships of one customer, for whoever just wrote one.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Organizations>, customer_id: i64) -> Result<Vec<Member>, Error> {
    let sql = concat!(select_members!(), " and m.customer_id = $1 order by m.id limit 1000");
    tx.rows(sql, &[customer_id.into()]).await?.iter().map(Member::from_row).collect()
}

/// Makes a customer a member, who is none yet: `Taken` otherwise.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    membership: Membership,
) -> Result<Member, Error> {
    let Membership { organization_id, customer_id, .. } = membership;
    match find_between(tx, may, organization_id, customer_id).await {
        Ok(_) => return Err(Error::Taken { kind: "organization membership", field: "user_id" }),
        Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    must_exist(tx, organization_id).await?;
    add_member(tx, may, now, membership).await.map_err(|error| match error {
        Error::NotFound { kind: "customer", .. } => Error::invalid("user_id", "No customer has this id."),
        other => other,
    })?;
    find_between(tx, may, organization_id, customer_id).await
}

impl Member {
    fn from_row(row: &Row) -> Result<Member, Error> {
        Ok(Member {
            id: row.int("id")?,
            organization_id: row.int("organization_id")?,
            organization_name: row.text("organization_name")?,
            customer_id: row.int("customer_id")?,
            is_default: row.flag("is_default")?,
            sees_tickets: row.flag("shared_tickets")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// A customer in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    pub organization_id: i64,
    pub customer_id: i64,
    pub is_default: bool,
}

/// The memberships of a customer, by organization. Served by `organization_members_by_customer`.
pub async fn of_customer(
    tx: &mut Tx,
    _may: &CanRead<Organizations>,
    customer_id: i64,
) -> Result<Vec<Membership>, Error> {
    memberships(tx, customer_id).await
}

/// Makes a customer a member; as the default one if asked, or if it is their first. Again changes nothing else.
pub async fn add_member(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    membership: Membership,
) -> Result<(), Error> {
    let Membership { organization_id, customer_id, is_default } = membership;
    super::read(tx, organization_id).await?;
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

/// Leaves a customer a member of this organization and of no other, or of none. For whoever writes the customer.
pub async fn set_only(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    customer_id: i64,
    organization_id: Option<i64>,
) -> Result<(), Error> {
    if let Some(id) = organization_id {
        must_exist(tx, id).await?;
    }
    crate::people::lock(tx, customer_id).await?;
    let before = memberships(tx, customer_id).await?;
    let wanted: Vec<i64> = organization_id.into_iter().collect();
    if before.iter().map(|it| it.organization_id).eq(wanted.iter().copied()) {
        return Ok(());
    }
    tx.run(
        "delete from organization_members where customer_id = $1 and organization_id <> $2",
        &[customer_id.into(), organization_id.unwrap_or_default().into()],
    )
    .await?;
    if let Some(id) = organization_id {
        join(tx, now, id, customer_id, true).await?;
    }
    let after = memberships(tx, customer_id).await?;
    let told = (Some(shown(&before)), Some(shown(&after)));
    let change = Change {
        kind: "customer-updated",
        object_type: "Customer",
        object_id: customer_id,
        before: told.0,
        after: told.1,
        data: None,
    };
    events::record(tx, may.actor(), now, change).await
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

fn shown(memberships: &[Membership]) -> Json {
    let list = memberships.iter().map(|it| {
        json!({ "organization_id": it.organization_id, "customer_id": it.customer_id, "is_default": it.is_default })
    });
    json!({ "memberships": list.collect::<Vec<_>>() })
}

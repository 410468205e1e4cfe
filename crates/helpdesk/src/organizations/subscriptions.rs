//! Who wants to hear of an organization's tickets. Staff see and change all of it; a customer their own, and of an organization that
//! they belong to and that shares its tickets.

use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::json;
use store::{Row, StoreError, Tx};

use super::{must_exist, record};
use crate::Error;
use crate::page::{Column, Order, Page, Query, Slice};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    pub id: i64,
    pub organization_id: i64,
    pub person_id: i64,
    pub created_at: Timestamp,
}

/// Which subscriptions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    pub organization_id: Option<i64>,
    pub person_id: Option<i64>,
}

macro_rules! select_subscriptions {
    () => {
        "select s.id, s.organization_id, s.person_id, s.created_at from organization_subscriptions s where 1 = 1"
    };
}

/// By id. Served by the primary key and the indexes of both sides. Needs no permit: who asks decides what they see, and the guard has
/// checked their words.
pub async fn list(tx: &mut Tx, actor: &Actor, which: Which, slice: &Slice) -> Result<Page<Subscription>, Error> {
    let mut query = Query::new(select_subscriptions!());
    if let Some(id) = which.organization_id {
        query.and("s.organization_id =", id);
    }
    if let Some(id) = which.person_id {
        query.and("s.person_id =", id);
    }
    if !is_staff(actor) {
        query.and("s.person_id =", actor.person_id.unwrap_or_default());
    }
    let order = Order { columns: &[Column::Int("s.id", "id")], descending: false };
    query.page(tx, order, slice).await?.try_map(|row| Subscription::from_row(&row))
}

/// How many a person has.
pub async fn count_of(tx: &mut Tx, person_id: i64) -> Result<i64, Error> {
    let row = tx
        .row("select count(*) as n from organization_subscriptions where person_id = $1", &[person_id.into()])
        .await?;
    Ok(row.ok_or(StoreError::Column("n"))?.int("n")?)
}

/// The subscription with this id, or `NotFound`; also for one that the caller may not see.
pub async fn find(tx: &mut Tx, actor: &Actor, id: i64) -> Result<Subscription, Error> {
    let row = tx.row(concat!(select_subscriptions!(), " and s.id = $1"), &[id.into()]).await?;
    let found = row.as_ref().map(Subscription::from_row).transpose()?;
    let is_own = |it: &Subscription| is_staff(actor) || actor.person_id == Some(it.person_id);
    found.filter(is_own).ok_or(Error::NotFound { kind: "organization subscription", id })
}

/// Subscribes a person. Again gives the one that is there. `Invalid` for an unknown person or organization, and for what a customer may
/// not ask for.
pub async fn create(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    organization_id: i64,
    person_id: i64,
) -> Result<Subscription, Error> {
    must_exist(tx, organization_id).await?;
    let sql = "select id from people where id = $1 and deleted_at is null and active = 1";
    if tx.row(sql, &[person_id.into()]).await?.is_none() {
        return Err(Error::invalid("user_id", "is not a user"));
    }
    if !is_staff(actor) {
        let sql = "select o.id from organizations o join organization_members m on m.organization_id = o.id
                   where o.id = $1 and m.customer_id = $2 and o.shared_tickets = 1";
        let shares = tx.row(sql, &[organization_id.into(), person_id.into()]).await?.is_some();
        if actor.person_id != Some(person_id) || !shares {
            return Err(Error::invalid("organization_id", "does not share its tickets with this user"));
        }
    }
    let row = tx
        .row(
            "insert into organization_subscriptions (organization_id, person_id, created_at) values ($1, $2, $3)
             on conflict (person_id, organization_id) do nothing returning id",
            &[organization_id.into(), person_id.into(), now.into()],
        )
        .await?;
    if row.is_some() {
        let told = (None, Some(json!({ "person_id": person_id })));
        record(tx, actor, now, "organization-subscription-added", organization_id, told).await?;
    }
    let sql = concat!(select_subscriptions!(), " and s.organization_id = $1 and s.person_id = $2");
    let row = tx.row(sql, &[organization_id.into(), person_id.into()]).await?;
    Subscription::from_row(&row.ok_or(StoreError::Column("id"))?)
}

/// Ends a subscription. `NotFound` for one that the caller may not see.
pub async fn delete(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = find(tx, actor, id).await?;
    if tx.run("delete from organization_subscriptions where id = $1", &[id.into()]).await? == 0 {
        return Err(Error::NotFound { kind: "organization subscription", id });
    }
    let told = (Some(json!({ "person_id": gone.person_id })), None);
    record(tx, actor, now, "organization-subscription-removed", gone.organization_id, told).await
}

fn is_staff(actor: &Actor) -> bool {
    actor.role.is_some_and(|role| role.is_staff())
}

impl Subscription {
    fn from_row(row: &Row) -> Result<Subscription, Error> {
        Ok(Subscription {
            id: row.int("id")?,
            organization_id: row.int("organization_id")?,
            person_id: row.int("person_id")?,
            created_at: row.time("created_at")?,
        })
    }
}

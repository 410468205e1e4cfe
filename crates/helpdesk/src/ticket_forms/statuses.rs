//! Which of the account's own statuses a form offers: a record for each pair. A form without any offers all of them.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::CustomFields;
use serde_json::json;
use store::{Row, Tx};

use super::read;
use crate::Error;
use crate::events::{self, Change};
use crate::page::Query;

/// Most records that are told at once.
const TOLD_MAX: i64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormStatus {
    pub id: i64,
    pub form_id: i64,
    pub custom_status_id: i64,
}

/// Which records.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    All,
    Ids(&'a [i64]),
    OfForm(i64),
}

/// What a change wants of one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of a record that is there.
    pub id: Option<i64>,
    pub custom_status_id: Option<i64>,
    pub goes: bool,
}

/// By id: an account has few. `NotFound` for a form that is not there. Served by the primary key and `ticket_form_statuses_by_form`.
pub async fn list(tx: &mut Tx, _may: &CanRead<CustomFields>, which: Which<'_>) -> Result<Vec<FormStatus>, Error> {
    if let Which::OfForm(id) = which {
        read(tx, id).await?;
    }
    read_some(tx, which).await
}

/// Offers these statuses on a form, besides those that it offers. Once more changes nothing.
pub async fn add(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    form_id: i64,
    custom_status_ids: &[i64],
) -> Result<Vec<FormStatus>, Error> {
    read(tx, form_id).await?;
    for id in custom_status_ids {
        put(tx, form_id, *id).await?;
    }
    told(tx, may.actor(), now, form_id).await
}

/// Offers a status on these forms, and gives the records of that status. `NotFound` for a status that is not there.
pub async fn add_to_forms(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    custom_status_id: i64,
    form_ids: &[i64],
) -> Result<Vec<FormStatus>, Error> {
    if let Err(Error::Invalid { .. }) = must_be_there(tx, custom_status_id).await {
        return Err(Error::NotFound { kind: "custom status", id: custom_status_id });
    }
    let mut added = Vec::new();
    for form_id in form_ids {
        read(tx, *form_id).await.map_err(|_| Error::invalid("ticket_form_id", "No form has this id."))?;
        put(tx, *form_id, custom_status_id).await?;
        let all = told(tx, may.actor(), now, *form_id).await?;
        added.extend(all.into_iter().filter(|it| it.custom_status_id == custom_status_id));
    }
    Ok(added)
}

/// Changes the records of a form as they are wanted. `NotFound` for one that is not the form's.
pub async fn change(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    form_id: i64,
    wanted: &[Wanted],
) -> Result<Vec<FormStatus>, Error> {
    read(tx, form_id).await?;
    for one in wanted {
        if let Some(id) = one.id {
            must_be_of(tx, form_id, id).await?;
        }
        match (one.id, one.custom_status_id) {
            (Some(id), _) if one.goes => {
                tx.run("delete from ticket_form_statuses where id = $1", &[id.into()]).await?;
            }
            (None, Some(status_id)) if one.goes => {
                let sql = "delete from ticket_form_statuses where form_id = $1 and custom_status_id = $2";
                tx.run(sql, &[form_id.into(), status_id.into()]).await?;
            }
            (Some(id), Some(status_id)) => {
                must_be_there(tx, status_id).await?;
                let sql =
                    "select id from ticket_form_statuses where form_id = $1 and custom_status_id = $2 and id <> $3";
                if tx.row(sql, &[form_id.into(), status_id.into(), id.into()]).await?.is_some() {
                    return Err(Error::Taken { kind: "ticket form status", field: "custom_status_id" });
                }
                let sql = "update ticket_form_statuses set custom_status_id = $1 where id = $2";
                tx.run(sql, &[status_id.into(), id.into()]).await?;
            }
            (None, Some(status_id)) => put(tx, form_id, status_id).await?,
            (_, None) => {}
        }
    }
    told(tx, may.actor(), now, form_id).await
}

/// Offers all statuses on a form again.
pub async fn clear(tx: &mut Tx, may: &CanWrite<CustomFields>, now: Timestamp, form_id: i64) -> Result<(), Error> {
    read(tx, form_id).await?;
    tx.run("delete from ticket_form_statuses where form_id = $1", &[form_id.into()]).await?;
    told(tx, may.actor(), now, form_id).await.map(drop)
}

async fn put(tx: &mut Tx, form_id: i64, custom_status_id: i64) -> Result<(), Error> {
    must_be_there(tx, custom_status_id).await?;
    tx.run(
        "insert into ticket_form_statuses (form_id, custom_status_id) values ($1, $2)
         on conflict (form_id, custom_status_id) do nothing",
        &[form_id.into(), custom_status_id.into()],
    )
    .await?;
    Ok(())
}

async fn must_be_there(tx: &mut Tx, custom_status_id: i64) -> Result<(), Error> {
    let sql = "select id from custom_statuses where id = $1 and deleted_at is null";
    match tx.row(sql, &[custom_status_id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("custom_status_id", "No custom status has this id.")),
    }
}

async fn must_be_of(tx: &mut Tx, form_id: i64, id: i64) -> Result<(), Error> {
    let sql = "select id from ticket_form_statuses where id = $1 and form_id = $2";
    match tx.row(sql, &[id.into(), form_id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::NotFound { kind: "ticket form status", id }),
    }
}

async fn read_some(tx: &mut Tx, which: Which<'_>) -> Result<Vec<FormStatus>, Error> {
    let mut query = Query::new("select s.id, s.form_id, s.custom_status_id from ticket_form_statuses s where 1 = 1");
    match which {
        Which::All => {}
        Which::Ids(ids) => query.and_in("s.id", ids.iter().copied()),
        Which::OfForm(id) => query.and("s.form_id =", id),
    }
    let most = query.bind(TOLD_MAX);
    query.sql.push_str(&format!(" order by s.id limit {most}"));
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter().map(FormStatus::from_row).collect()
}

/// What the form offers now, after the event that says so.
async fn told(tx: &mut Tx, actor: &Actor, now: Timestamp, form_id: i64) -> Result<Vec<FormStatus>, Error> {
    let all = read_some(tx, Which::OfForm(form_id)).await?;
    let ids: Vec<i64> = all.iter().map(|it| it.custom_status_id).collect();
    let change = Change {
        kind: "ticket-form-updated",
        object_type: "TicketForm",
        object_id: form_id,
        before: None,
        after: Some(json!({ "custom_status_ids": ids })),
        data: None,
    };
    events::record(tx, actor, now, change).await?;
    Ok(all)
}

impl FormStatus {
    fn from_row(row: &Row) -> Result<FormStatus, Error> {
        Ok(FormStatus {
            id: row.int("id")?,
            form_id: row.int("form_id")?,
            custom_status_id: row.int("custom_status_id")?,
        })
    }
}

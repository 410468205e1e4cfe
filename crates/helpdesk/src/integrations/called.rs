//! Integrations that are called, as a list of their own, and what is kept encrypted of one: the key that its calls are signed with, and the
//! password, token or key that they show.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Webhooks;
use serde_json::json;
use store::Tx;

use super::{HTTP, Integration, read, record_with, select_integrations, triggers};
use crate::Error;
use crate::page::{self, Column, Order, Page, Query, Slice};

/// Which of those that are called.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A part of the name; case does not count.
    pub name_part: Option<String>,
    pub active: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arranged {
    Created,
    Named,
    /// Those that are on first.
    State,
}

/// A page of those that are called. Served by `integrations_by_type` and `integrations_by_name`; by state they are sorted, for they are few.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Webhooks>,
    filter: &Filter,
    (arranged, descending): (Arranged, bool),
    slice: &Slice,
) -> Result<Page<Integration>, Error> {
    let mut query = Query::new(select_integrations!());
    query.and("i.type =", HTTP);
    if let Some(part) = &filter.name_part {
        let pattern = query.bind(page::part_pattern(&part.to_ascii_lowercase()));
        query.and_text(&format!("lower(i.name) like {pattern} escape '!'"));
    }
    match filter.active {
        Some(true) => query.and_text("i.deactivated_at is null"),
        Some(false) => query.and_text("i.deactivated_at is not null"),
        None => {}
    }
    let columns: &'static [Column] = match arranged {
        Arranged::Created => &[Column::Int("i.created_at", "created_at"), Column::Int("i.id", "id")],
        Arranged::Named => &[Column::Text("i.name", "name"), Column::Int("i.id", "id")],
        Arranged::State => &[
            Column::Int("(case when i.deactivated_at is null then 0 else 1 end)", "is_off"),
            Column::Int("i.id", "id"),
        ],
    };
    let page = query.page(tx, Order { columns, descending }, slice).await?;
    let mut page = page.try_map(|row| Integration::from_row(&row))?;
    triggers::load(tx, &mut page.items).await?;
    Ok(page)
}

/// What is kept encrypted of one: for whoever shows it to those who may see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealed {
    /// The key that calls are signed with.
    pub secret: Option<Vec<u8>>,
    pub credentials: Option<Vec<u8>>,
}

/// Of a webhook.
pub async fn sealed(tx: &mut Tx, _may: &CanRead<Webhooks>, id: i64) -> Result<Sealed, Error> {
    sealed_of(tx, id).await
}

/// Of one that is about to be copied or called.
pub async fn sealed_to_use(tx: &mut Tx, _may: &CanWrite<Webhooks>, id: i64) -> Result<Sealed, Error> {
    sealed_of(tx, id).await
}

pub(super) async fn sealed_of(tx: &mut Tx, id: i64) -> Result<Sealed, Error> {
    let integration = read(tx, id).await?;
    let sql = "select secret, credentials from integrations where id = $1";
    let Some(row) = tx.row(sql, &[id.into()]).await? else { return Ok(Sealed::default()) };
    Ok(Sealed {
        secret: integration.has_secret.then(|| row.blob("secret")).transpose()?,
        credentials: integration.has_credentials.then(|| row.blob("credentials")).transpose()?,
    })
}

/// Keeps the password, token or key that calls show, which the caller has encrypted; none: they show none. With how they show it, which
/// `update` or `create` says.
pub async fn set_credentials(
    tx: &mut Tx,
    may: &CanWrite<Webhooks>,
    now: Timestamp,
    id: i64,
    sealed: Option<&[u8]>,
) -> Result<(), Error> {
    let credentials = sealed.map_or(store::Value::Null, store::Value::from);
    let sql = "update integrations set credentials = $1 where id = $2 and type = 'http' and deleted_at is null";
    if tx.run(sql, &[credentials, id.into()]).await? == 0 {
        return Err(Error::NotFound { kind: "integration", id });
    }
    let data = json!({ "has_credentials": sealed.is_some() });
    record_with(tx, may.actor(), now, "integration-updated", id, data).await
}

//! Apps of one dialect by their number, as its management API lists them.

use std::collections::HashMap;

use helpdesk::Error;
use helpdesk::page::{Column, Order, Page, Query, Slice};
use jiff::Timestamp;
use scope::Dialect;
use scope::permit::{CanRead, Permit};
use scope::resource::{Access, Apps};
use store::{StoreError, Tx};

use super::rows::{COLUMNS, from_row};
use super::{Client, Status, by_row};
use crate::redirect_uri::RedirectUri;

/// Begins the id of an app that is the same in every account (Zendesk contract, `global_clients`).
pub const GLOBAL_PREFIX: &str = "zdg-";

/// Which apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those that are the same in every account.
    Global,
    OwnedBy(i64),
}

/// An app, with the beginning of its newest secret if it has one.
pub type Shown = (Client, Option<String>);

impl Client {
    /// Whether it is the same in every account.
    pub fn is_global(&self) -> bool {
        self.client_id.starts_with(GLOBAL_PREFIX)
    }
}

/// Served by the primary key; global ones by `clients_by_client_id`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    now: Timestamp,
    (dialect, which): (Dialect, Which),
    slice: &Slice,
) -> Result<Page<Shown>, Error> {
    let mut query = Query::new(&format!("select {COLUMNS} from clients where status <> 'deleted'"));
    query.and("dialect =", dialect.word());
    match which {
        Which::All => {}
        Which::Global => {
            query.and("client_id >=", GLOBAL_PREFIX);
            // The next character after the hyphen.
            query.and("client_id <", "zdg.");
        }
        Which::OwnedBy(person_id) => query.and("owner_id =", person_id),
    }
    let order = Order { columns: &[Column::Int("id", "id")], descending: false };
    let mut page = query.page(tx, order, slice).await?.try_map(|row| Ok((from_row(&row)?, None)))?;
    complete(tx, now, &mut page.items).await?;
    Ok(page)
}

/// The app with this number in this dialect, or `NotFound`; a deleted one is not found.
pub async fn find<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Apps, A>,
    now: Timestamp,
    dialect: Dialect,
    id: i64,
) -> Result<Shown, Error> {
    let mut found = [(living(tx, dialect, id).await?, None)];
    complete(tx, now, &mut found).await?;
    let [shown] = found;
    Ok(shown)
}

/// The app itself, for whoever changes it.
pub(crate) async fn living(tx: &mut Tx, dialect: Dialect, id: i64) -> Result<Client, Error> {
    match by_row(tx, id).await? {
        Some(client) if client.status != Status::Deleted && client.dialect == dialect => Ok(client),
        _ => Err(Error::NotFound { kind: "app", id }),
    }
}

/// Two queries for a page, however long it is.
async fn complete(tx: &mut Tx, now: Timestamp, shown: &mut [Shown]) -> Result<(), StoreError> {
    if shown.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = shown.iter().map(|(client, _)| client.id).collect();
    let mut query = Query::new("select client_id, uri from client_redirect_uris where 1 = 1");
    query.and_in("client_id", ids.iter().copied());
    query.sql.push_str(" order by id");
    let mut uris: HashMap<i64, Vec<RedirectUri>> = HashMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        uris.entry(row.int("client_id")?).or_default().push(RedirectUri::stored(row.text("uri")?));
    }
    let mut query = Query::new("select client_id, hint from client_secrets where 1 = 1");
    query.and_in("client_id", ids);
    let now = query.bind(now);
    query.and_text(&format!("(expires_at is null or expires_at > {now})"));
    query.sql.push_str(" order by id");
    let mut hints: HashMap<i64, String> = HashMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        hints.insert(row.int("client_id")?, row.text("hint")?);
    }
    for (client, hint) in shown {
        client.redirect_uris = uris.remove(&client.id).unwrap_or_default();
        *hint = hints.remove(&client.id);
    }
    Ok(())
}

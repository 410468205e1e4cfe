//! Requests that wait for a person: kept here, bound to the browser, good for one answer within ten minutes (AZ-23).
//!
//! The handle in the page's address is 256 random bits and stored as a hash; without the browser's cookie it opens nothing.

use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Tx};

use super::Browser;
use super::request::Request;
use crate::clients::{self, Client};
use crate::{app_rules, secret};

/// How long a person may take.
const WAITS_FOR: SignedDuration = SignedDuration::from_mins(10);

/// A request that still waits, and its client as it is now.
pub(crate) struct Pending {
    pub client: Client,
    pub request: Request,
}

pub(crate) async fn keep(
    tx: &mut Tx,
    now: Timestamp,
    handle: &str,
    browser: &Browser<'_>,
    pending: &Pending,
) -> Result<(), StoreError> {
    tx.run(
        "insert into authorization_requests (hash, browser_hash, client_id, request, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
        &[
            secret::hash(handle).as_slice().into(),
            secret::hash(browser.cookie).as_slice().into(),
            pending.client.id.into(),
            json(&pending.request)?.into(),
            now.into(),
            now.saturating_add(WAITS_FOR).unwrap_or(now).into(),
        ],
    )
    .await?;
    Ok(())
}

/// None if it was answered, is over, or belongs to another browser.
pub(crate) async fn find(
    tx: &mut Tx,
    now: Timestamp,
    handle: &str,
    browser: &Browser<'_>,
) -> Result<Option<Pending>, StoreError> {
    let row = tx
        .row(
            "select client_id, request from authorization_requests
             where hash = $1 and browser_hash = $2 and finished_at is null and expires_at > $3",
            &[secret::hash(handle).as_slice().into(), secret::hash(browser.cookie).as_slice().into(), now.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let request = row.text("request")?;
    let request = serde_json::from_str(&request).map_err(|_| StoreError::Column("request"))?;
    match clients::by_row(tx, row.int("client_id")?).await? {
        Some(client) => Ok(Some(Pending { client: app_rules::applied(tx, client).await?, request })),
        None => Ok(None),
    }
}

/// Uses the request up. False if another click was faster.
pub(crate) async fn finish(tx: &mut Tx, now: Timestamp, handle: &str) -> Result<bool, StoreError> {
    let n = tx
        .run(
            "update authorization_requests set finished_at = $1 where hash = $2 and finished_at is null",
            &[now.into(), secret::hash(handle).as_slice().into()],
        )
        .await?;
    Ok(n == 1)
}

pub(crate) async fn replace(tx: &mut Tx, handle: &str, request: &Request) -> Result<(), StoreError> {
    tx.run(
        "update authorization_requests set request = $1 where hash = $2 and finished_at is null",
        &[json(request)?.into(), secret::hash(handle).as_slice().into()],
    )
    .await?;
    Ok(())
}

fn json(request: &Request) -> Result<String, StoreError> {
    serde_json::to_string(request).map_err(|_| StoreError::Column("request"))
}

//! How much apps are used: by how many people, and when last; and why one was suspended.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Apps;
use serde_json::Value as Json;
use store::{StoreError, Tx, Value};

/// Of living grants only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub n_people: i64,
    pub last_used_at: Option<Timestamp>,
}

/// Reads `grants_by_client`.
pub async fn of(tx: &mut Tx, may: &CanRead<Apps>, client_row: i64) -> Result<Usage, StoreError> {
    Ok(of_each(tx, may, &[client_row]).await?.remove(&client_row).unwrap_or_default())
}

/// The same for a page of apps, by row. One that nobody allows is missing.
pub async fn of_each(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    client_rows: &[i64],
) -> Result<HashMap<i64, Usage>, StoreError> {
    if client_rows.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=client_rows.len()).map(|n| format!("${n}")).collect();
    let params: Vec<Value> = client_rows.iter().map(|id| (*id).into()).collect();
    let sql = format!(
        "select client_id, count(*) as n_people, max(last_used_at) as last_used_at from grants
         where client_id in ({}) and revoked_at is null group by client_id",
        places.join(", ")
    );
    let rows = tx.rows(&sql, &params).await?;
    rows.iter()
        .map(|row| {
            let usage = Usage { n_people: row.int("n_people")?, last_used_at: row.time_or_null("last_used_at")? };
            Ok((row.int("client_id")?, usage))
        })
        .collect()
}

/// The reason that was given when the app was last suspended. Reads `events_by_object`.
pub async fn suspended_because(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    client_row: i64,
) -> Result<Option<String>, StoreError> {
    let row = tx
        .row(
            "select data from events where object_type = 'App' and object_id = $1 and type = 'app-disabled'
             order by created_at desc, id desc limit 1",
            &[client_row.into()],
        )
        .await?;
    let data = row.map(|row| row.json("data")).transpose()?.flatten();
    Ok(data.as_ref().and_then(|data| data.get("reason")).and_then(Json::as_str).map(str::to_owned))
}

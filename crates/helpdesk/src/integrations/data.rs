//! What integrations that are read with GET know of a customer: the last JSON object that each has answered.

use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::Tx;

use super::record_with;
use crate::Error;

#[derive(Debug, Clone, PartialEq)]
pub struct IntegrationData {
    pub integration_id: i64,
    /// Such as `http`.
    pub kind: String,
    /// A JSON object.
    pub data: Json,
}

/// All of a customer, by integration.
pub(crate) async fn of_customer(tx: &mut Tx, person_id: i64) -> Result<Vec<IntegrationData>, Error> {
    let rows = tx
        .rows(
            "select d.integration_id, i.type, d.data from integration_data d join integrations i on i.id = d.integration_id
             where d.person_id = $1 and i.deleted_at is null order by d.integration_id",
            &[person_id.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(IntegrationData {
                integration_id: row.int("integration_id")?,
                kind: row.text("type")?,
                data: row.json("data")?.unwrap_or_default(),
            })
        })
        .collect()
}

/// Keeps an answer, which is a JSON object. Nothing, if the customer is gone.
pub(super) async fn keep(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (person_id, integration_id): (i64, i64),
    data: &str,
) -> Result<(), Error> {
    let known = tx
        .row(
            "select integration_id from integration_data where person_id = $1 and integration_id = $2",
            &[person_id.into(), integration_id.into()],
        )
        .await?;
    let written = tx
        .run(
            "insert into integration_data (person_id, integration_id, data, updated_at)
             select p.id, $2, $3, $4 from people p where p.id = $1
             on conflict (person_id, integration_id) do update set data = excluded.data, updated_at = excluded.updated_at",
            &[person_id.into(), integration_id.into(), data.into(), now.into()],
        )
        .await?;
    if known.is_none() && written == 1 {
        let data = json!({ "customer_id": person_id });
        record_with(tx, actor, now, "integration-data-item-created", integration_id, data).await?;
    }
    Ok(())
}

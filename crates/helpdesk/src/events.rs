//! The event log: append-only, written in the transaction of the change it tells of.

use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::Value as Json;
use store::Tx;

use crate::Error;

/// What happened to one object.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// Object and verb, such as `ticket-created` (Gorgias contract, `enums.event_type`).
    pub kind: &'a str,
    /// Such as `Ticket`.
    pub object_type: &'a str,
    pub object_id: i64,
    /// The changed fields as they were, and as they are now.
    pub before: Option<Json>,
    pub after: Option<Json>,
    /// What a reader needs besides.
    pub data: Option<Json>,
}

/// Writes one event. Call it in the transaction of the change.
pub async fn record(tx: &mut Tx, actor: &Actor, now: Timestamp, change: Change<'_>) -> Result<(), Error> {
    tx.run(
        "insert into events (type, object_type, object_id, person_id, client_id, grant_id, impersonator_id, worker, request_id,
                             context, before, after, data, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        &[
            change.kind.into(),
            change.object_type.into(),
            change.object_id.into(),
            actor.person_id.into(),
            actor.client_id.into(),
            actor.grant_id.into(),
            actor.impersonator_id.into(),
            actor.worker.into(),
            actor.request_id.as_str().into(),
            actor.request_id.as_str().into(),
            change.before.as_ref().into(),
            change.after.as_ref().into(),
            change.data.as_ref().into(),
            now.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Of two objects with the same fields, what differs: as it was, and as it is.
pub fn difference(before: Json, after: Json) -> (Json, Json) {
    let (Json::Object(mut before), Json::Object(mut after)) = (before, after) else { return (Json::Null, Json::Null) };
    let same: Vec<String> =
        after.iter().filter(|(key, value)| before.get(*key) == Some(value)).map(|(key, _)| key.clone()).collect();
    for key in same {
        before.remove(&key);
        after.remove(&key);
    }
    (Json::Object(before), Json::Object(after))
}

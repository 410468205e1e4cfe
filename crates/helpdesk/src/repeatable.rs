//! Calls that a caller may send again when the answer was lost: the same key gives the first answer, and nothing is done a second time.
//!
//! The key is taken in the transaction of what is done, so that of two at once the second waits and then finds the first one's answer.

use jiff::{SignedDuration, Timestamp};
use outside::sha256;
use scope::permit::Actor;
use serde_json::Value as Json;
use store::{StoreError, Tx};

use crate::Error;

/// How long an answer is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(2);
/// Answers that are forgotten with each new one at most.
const FORGOTTEN_AT_ONCE: i64 = 20;

/// Where a call with a key stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Not seen: do it, then `keep` the answer.
    New,
    /// The first answer.
    Answered(Json),
    /// The key was used for something else.
    Other,
}

/// Takes a key for a request. `request` is everything that makes it this request.
pub async fn take(tx: &mut Tx, actor: &Actor, now: Timestamp, key: &str, request: &[u8]) -> Result<Known, Error> {
    let expired = "delete from repeatable_calls where key_hash in
                       (select key_hash from repeatable_calls where created_at < $1 order by created_at limit $2)";
    tx.run(expired, &[(now - KEPT).into(), FORGOTTEN_AT_ONCE.into()]).await?;
    let (key, request) = (key_hash(actor, key), hex(request));
    let taken = tx
        .run(
            "insert into repeatable_calls (key_hash, request_hash, answer, created_at) values ($1, $2, 'null', $3)
             on conflict (key_hash) do update set request_hash = excluded.request_hash, answer = 'null', created_at = excluded.created_at
             where repeatable_calls.created_at < $4",
            &[key.as_str().into(), request.as_str().into(), now.into(), (now - KEPT).into()],
        )
        .await?;
    if taken == 1 {
        return Ok(Known::New);
    }
    let row = tx
        .row("select request_hash, answer from repeatable_calls where key_hash = $1", &[key.into()])
        .await?
        .ok_or(StoreError::Column("answer"))?;
    if row.text("request_hash")? != request {
        return Ok(Known::Other);
    }
    Ok(Known::Answered(row.json("answer")?.unwrap_or_default()))
}

/// Keeps the answer of a call whose key was just taken, in the same transaction.
pub async fn keep(tx: &mut Tx, actor: &Actor, key: &str, answer: &Json) -> Result<(), Error> {
    let sql = "update repeatable_calls set answer = $1 where key_hash = $2";
    tx.run(sql, &[answer.into(), key_hash(actor, key).into()]).await?;
    Ok(())
}

/// Keys of different people and apps are different keys.
fn key_hash(actor: &Actor, key: &str) -> String {
    hex(format!("{:?} {:?} {:?}\n{key}", actor.person_id, actor.client_id, actor.impersonator_id).as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

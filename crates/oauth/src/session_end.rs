//! The one way sessions end: whoever signs out, is signed out, or loses their account goes through here.
//!
//! With a session end the tokens that were only for as long as it lasts (LO-6), and every app that the person used in it is told, by a
//! job of its own (`backchannel_logout.rs`; BL-3). All of it happens in the transaction that asks for it.

use jiff::Timestamp;
use store::{StoreError, Tx, Value};

use crate::Provider;
use crate::backchannel_logout::{self, Notice};
use crate::families::{self, Because};

/// Which sessions of a person end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// This row of `sessions`.
    One(i64),
    All,
    /// All but this row.
    Others(i64),
}

/// Ends sessions of a person, and says how many there were. After the commit, call `Provider::forget_person`.
pub async fn end(tx: &mut Tx, now: Timestamp, person_id: i64, which: Which) -> Result<u64, StoreError> {
    let (condition, id) = match which {
        Which::One(id) => ("person_id = $1 and id = $2", id),
        // No row has the number 0.
        Which::All => ("person_id = $1 and id <> $2", 0),
        Which::Others(id) => ("person_id = $1 and id <> $2", id),
    };
    let params: [Value; 2] = [person_id.into(), id.into()];
    // The update holds the rows, so that no app joins a session while it ends.
    let held = format!("update sessions set last_seen_at = last_seen_at where {condition} returning id, sid");
    let sessions = tx.rows(&held, &params).await?;
    for row in &sessions {
        let (id, sid) = (row.int("id")?, row.text("sid")?);
        let sql = "select client_id from session_clients where session_id = $1 order by client_id";
        for client in tx.rows(sql, &[id.into()]).await? {
            let notice = Notice { client_row: client.int("client_id")?, person_id, sid: sid.clone() };
            backchannel_logout::enqueue(tx, now, &notice).await?;
        }
        families::revoke_of_session(tx, now, &sid, Because::SignedOut).await?;
    }
    tx.run(&format!("delete from sessions where {condition}"), &params).await
}

/// For changes of people, in the transaction of the change. After the commit, call `forget_person`.
impl Provider {
    /// The person's password was changed: whoever signed in with the old one is out, apps keep what they were granted (LS-9).
    pub async fn end_sessions_of(&self, tx: &mut Tx, person_id: i64) -> Result<(), StoreError> {
        end(tx, self.clock.now(), person_id, Which::All).await.map(drop)
    }

    /// The person was switched off or deleted: their apps are out too, and stay out when they come back (LS-9, RT-8).
    pub async fn end_access_of(&self, tx: &mut Tx, person_id: i64) -> Result<(), StoreError> {
        let now = self.clock.now();
        end(tx, now, person_id, Which::All).await?;
        families::revoke_of_person(tx, now, person_id, Because::PersonDeactivated).await.map(drop)
    }
}

/// Notes that an app takes part in a session. The app may do so again and again.
pub(crate) async fn join(tx: &mut Tx, session_id: i64, client_row: i64) -> Result<(), StoreError> {
    tx.run(
        "insert into session_clients (session_id, client_id) values ($1, $2) on conflict (session_id, client_id) do nothing",
        &[session_id.into(), client_row.into()],
    )
    .await?;
    Ok(())
}

//! Rest after failures: an address that does not answer is left alone for a while, then tried once, and given up in the end.
//!
//! Closed: every delivery is made. After `OPENS_AFTER` failures in a row the circuit is open: nothing is called until `resting_until`.
//! Then one delivery goes as a probe: whoever moves `resting_until` on has the right to it. A success closes the circuit, a failure
//! keeps it open for twice as long. After `GIVES_UP_AFTER` failures in a row the integration is switched off.

use jiff::{SignedDuration, Timestamp};
use scope::permit::Actor;
use serde_json::json;
use store::Tx;

use super::record_with;
use crate::Error;

/// Failures in a row after which the circuit opens.
pub const OPENS_AFTER: i64 = 5;
/// Failures in a row after which the integration is switched off (Gorgias contract, `http_delivery.auto_disable`).
pub const GIVES_UP_AFTER: i64 = 100;
const FIRST_REST: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(30);
/// How long others wait for the outcome of a probe.
const PROBE: SignedDuration = SignedDuration::from_secs(15);

/// How long the circuit stays open after so many failures in a row.
pub fn rest(n_failures: i64) -> Option<SignedDuration> {
    let over = n_failures.checked_sub(OPENS_AFTER).filter(|over| *over >= 0)?;
    let factor = 1_i32 << over.min(10);
    Some((FIRST_REST * factor).min(LONGEST_REST))
}

/// Whether a call may be made now; otherwise when to ask again. At the end of a rest, one caller gets the right to a probe.
pub(super) async fn may_call(
    tx: &mut Tx,
    now: Timestamp,
    id: i64,
    resting_until: Option<Timestamp>,
) -> Result<Result<(), Timestamp>, Error> {
    let Some(until) = resting_until else { return Ok(Ok(())) };
    if now < until {
        return Ok(Err(until));
    }
    let next = now + PROBE;
    let n = tx
        .run(
            "update integrations set resting_until = $1 where id = $2 and resting_until = $3",
            &[next.into(), id.into(), until.into()],
        )
        .await?;
    Ok(if n == 1 { Ok(()) } else { Err(next) })
}

pub(super) async fn succeeded(tx: &mut Tx, now: Timestamp, id: i64) -> Result<(), Error> {
    tx.run(
        "update integrations set n_failures = 0, resting_until = null, last_success_at = $1, last_error = null where id = $2",
        &[now.into(), id.into()],
    )
    .await?;
    Ok(())
}

/// Counts a failure, opens the circuit, and switches the integration off when it was one too many.
pub(super) async fn failed(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64, error: &str) -> Result<(), Error> {
    let row = tx
        .row(
            "update integrations set n_failures = n_failures + 1, last_failure_at = $1, last_error = $2 where id = $3
             returning n_failures, deactivated_at",
            &[now.into(), error.into(), id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    let n_failures = row.int("n_failures")?;
    if let Some(rest) = rest(n_failures) {
        let until = now + rest;
        tx.run("update integrations set resting_until = $1 where id = $2", &[until.into(), id.into()]).await?;
    }
    if GIVES_UP_AFTER <= n_failures && row.time_or_null("deactivated_at")?.is_none() {
        tx.run(
            "update integrations set deactivated_at = $1, deactivated_by = 'failures', updated_at = $1 where id = $2",
            &[now.into(), id.into()],
        )
        .await?;
        let data = json!({ "because": format!("{n_failures} calls failed one after the other"), "last_error": error });
        record_with(tx, actor, now, "integration-deactivated", id, data).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circuit_opens_late_and_rests_longer_each_time() {
        let rests: Vec<Option<i64>> = (0..14).map(|n| rest(n).map(|rest| rest.as_secs())).collect();

        assert_eq!(rests[..5], [None; 5]);
        assert_eq!(rests[5..9], [Some(30), Some(60), Some(120), Some(240)]);
        assert_eq!(rest(99), Some(LONGEST_REST));
        assert_eq!(rest(i64::MAX), Some(LONGEST_REST));
    }
}

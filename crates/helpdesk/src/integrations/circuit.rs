//! Rest after failures: an address that does not answer is left alone for a while, then tried once, and given up in the end.
//!
//! Closed: every delivery is made. After `OPENS_AFTER` failures in a row the circuit is open: nothing is called until `resting_until`.
//! Then one delivery goes as a probe: whoever moves `resting_until` on has the right to it. A success closes the circuit, a failure
//! keeps it open for twice as long. After `GIVES_UP_AFTER` failures in a row the integration is switched off.
//!
//! Calls of macros and rules belong to no integration: there the host is left alone, whoever calls it. It cannot be switched off: after so
//! many failures, calls that come while it rests are given up at once, so that they do not pile up.

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

/// What the failures are counted of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Integration(i64),
    /// Name and port.
    Host(String),
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    pub n_failures: i64,
    pub resting_until: Option<Timestamp>,
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Now,
    /// Ask again then.
    At(Timestamp),
    Never,
}

/// How a host stands. One that no call failed at is not there.
pub(super) async fn of_host(tx: &mut Tx, host: &str) -> Result<Standing, Error> {
    let row = tx.row("select n_failures, resting_until from call_hosts where host = $1", &[host.into()]).await?;
    let Some(row) = row else { return Ok(Standing::default()) };
    Ok(Standing { n_failures: row.int("n_failures")?, resting_until: row.time_or_null("resting_until")? })
}

/// Whether a call may be made now. At the end of a rest, one caller gets the right to a probe.
pub(super) async fn may_call(tx: &mut Tx, now: Timestamp, line: &Line, standing: Standing) -> Result<Leave, Error> {
    let Some(until) = standing.resting_until else { return Ok(Leave::Now) };
    let wait = |until| match line {
        Line::Host(_) if GIVES_UP_AFTER <= standing.n_failures => Leave::Never,
        _ => Leave::At(until),
    };
    if now < until {
        return Ok(wait(until));
    }
    let next = now + PROBE;
    let n = match line {
        Line::Integration(id) => {
            let sql = "update integrations set resting_until = $1 where id = $2 and resting_until = $3";
            tx.run(sql, &[next.into(), (*id).into(), until.into()]).await?
        }
        Line::Host(host) => {
            let sql = "update call_hosts set resting_until = $1 where host = $2 and resting_until = $3";
            tx.run(sql, &[next.into(), host.into(), until.into()]).await?
        }
    };
    Ok(if n == 1 { Leave::Now } else { wait(next) })
}

pub(super) async fn succeeded(tx: &mut Tx, now: Timestamp, line: &Line) -> Result<(), Error> {
    match line {
        Line::Integration(id) => {
            tx.run(
                "update integrations set n_failures = 0, resting_until = null, last_success_at = $1, last_error = null where id = $2",
                &[now.into(), (*id).into()],
            )
            .await?
        }
        Line::Host(host) => tx.run("delete from call_hosts where host = $1", &[host.into()]).await?,
    };
    Ok(())
}

pub(super) async fn failed(tx: &mut Tx, actor: &Actor, now: Timestamp, line: &Line, error: &str) -> Result<(), Error> {
    match line {
        Line::Integration(id) => integration_failed(tx, actor, now, *id, error).await,
        Line::Host(host) => host_failed(tx, now, host).await,
    }
}

/// Counts a failure and opens the circuit.
async fn host_failed(tx: &mut Tx, now: Timestamp, host: &str) -> Result<(), Error> {
    let row = tx
        .row(
            "insert into call_hosts (host, n_failures, last_failure_at) values ($1, 1, $2)
             on conflict (host) do update set n_failures = call_hosts.n_failures + 1, last_failure_at = excluded.last_failure_at
             returning n_failures",
            &[host.into(), now.into()],
        )
        .await?;
    let n_failures = row.ok_or(store::StoreError::Column("n_failures"))?.int("n_failures")?;
    if let Some(rest) = rest(n_failures) {
        let until = now + rest;
        tx.run("update call_hosts set resting_until = $1 where host = $2", &[until.into(), host.into()]).await?;
    }
    Ok(())
}

/// Forgets hosts that no call has failed at since then.
pub(super) async fn forget_hosts(tx: &mut Tx, before: Timestamp) -> Result<(), Error> {
    tx.run("delete from call_hosts where last_failure_at < $1", &[before.into()]).await?;
    Ok(())
}

/// Counts a failure, opens the circuit, and switches the integration off when it was one too many.
async fn integration_failed(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64, error: &str) -> Result<(), Error> {
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

//! What apps were seen to do: which permissions they used, how often they called, and how they failed. Gathered in memory, written a moment
//! later in one transaction, never in a call's way; what is lost with the process costs nothing but the note.
//!
//! A failure keeps the route's pattern and the request's id, never an address, a body or a token (ALL-12). `clients/activity.rs` reads it.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use scope::permission::Permissions;
use store::{Db, StoreError, Tx, Value, transact};

use crate::clients::Client;
use crate::{Code, Error, Provider};

/// How long daily numbers are kept, in days.
const KEPT_DAYS: i64 = 90;
/// How long failures are kept.
const ERRORS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Most failures of one app that are kept.
pub const ERRORS_MAX: i64 = 200;
/// Most failures that wait to be written; more in one moment are counted only.
const ERRORS_WAITING_MAX: usize = 1_000;
/// Most rows that are removed in one transaction.
const BATCH: i64 = 200;

/// A call by an app that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Row of `clients`.
    pub client_row: i64,
    /// What it was let through to.
    pub used: Permissions,
    pub status: u16,
    pub method: &'a str,
    /// The route's pattern, such as `/api/tickets/{id}`.
    pub route: &'a str,
    /// Such as `insufficient_scope`.
    pub code: Option<&'a str>,
    /// A UUID.
    pub request_id: &'a str,
}

/// What waits to be written.
#[derive(Default)]
pub(crate) struct CallLog(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// By app and day.
    days: HashMap<(i64, i64), Day>,
    /// Calls by app, day and what each used.
    used: HashMap<(i64, i64, Permissions), i64>,
    errors: Vec<Failure>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Day {
    calls: i64,
    failures: i64,
    refused_by_limit: i64,
}

struct Failure {
    client_row: i64,
    status: u16,
    method: String,
    route: String,
    code: Option<String>,
    request_id: String,
    at: Timestamp,
}

/// The day of an instant: days since 1970, UTC.
pub fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

impl Provider {
    /// Notes a call. Takes no longer than two look-ups in a map.
    pub fn note_call(&self, call: &Call<'_>) {
        let now = self.clock.now();
        let day = day_of(now);
        let mut waiting = self.state.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.days.is_empty();
        let counts = waiting.days.entry((call.client_row, day)).or_default();
        counts.calls += 1;
        match call.status {
            429 => counts.refused_by_limit += 1,
            400.. => counts.failures += 1,
            _ => {}
        }
        if !call.used.is_empty() {
            *waiting.used.entry((call.client_row, day, call.used)).or_default() += 1;
        }
        if 400 <= call.status && waiting.errors.len() < ERRORS_WAITING_MAX {
            waiting.errors.push(Failure {
                client_row: call.client_row,
                status: call.status,
                method: call.method.to_owned(),
                route: call.route.to_owned(),
                code: call.code.map(str::to_owned),
                request_id: call.request_id.to_owned(),
                at: now,
            });
        }
        drop(waiting);
        if is_first {
            self.state.uses.wake();
        }
    }
}

impl Provider {
    /// Notes what an app was refused at an endpoint of ours, for its developer to see. It is no call, so it is not counted. Only once the app is
    /// authenticated: nobody else fills the list of an app that has a secret or a key. A public app has neither, so anybody who knows its
    /// client id can; the list is short, shows nothing of the request's content, and pushes nothing out but older failures.
    pub(crate) fn note_refusal(&self, client: &Client, method: &str, route: &str, error: &Error, request_id: &str) {
        // What a client does on its way, not what fails (RFC 8628, 3.5; RFC 9449, 8).
        if matches!(error.code(), Code::AuthorizationPending | Code::SlowDown | Code::UseDpopNonce) {
            return;
        }
        let now = self.clock.now();
        let mut waiting = self.state.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ERRORS_WAITING_MAX <= waiting.errors.len() {
            return;
        }
        let is_first = waiting.days.is_empty();
        waiting.days.entry((client.id, day_of(now))).or_default();
        waiting.errors.push(Failure {
            client_row: client.id,
            status: error.status().as_u16(),
            method: method.to_owned(),
            route: route.to_owned(),
            code: Some(error.code().word().to_owned()),
            request_id: request_id.to_owned(),
            at: now,
        });
        drop(waiting);
        if is_first {
            self.state.uses.wake();
        }
    }
}

/// Writes what waits.
pub(crate) async fn write(db: &Db, log: &CallLog) -> Result<(), StoreError> {
    let waiting = mem::take(&mut *log.0.lock().unwrap_or_else(PoisonError::into_inner));
    if waiting.days.is_empty() {
        return Ok(());
    }
    // One order for all nodes, so that two of them do not wait for each other's rows.
    let mut days: Vec<((i64, i64), Day)> = waiting.days.into_iter().collect();
    days.sort_by_key(|(key, _)| *key);
    let mut by_permission: HashMap<(i64, i64, String), i64> = HashMap::new();
    for ((client_row, day, used), n) in waiting.used {
        for permission in used.iter() {
            *by_permission.entry((client_row, day, permission.to_string())).or_default() += n;
        }
    }
    let mut used: Vec<((i64, i64, String), i64)> = by_permission.into_iter().collect();
    used.sort();
    transact!(db, |tx| {
        // An app may be gone since.
        let mut there = HashSet::new();
        for &((client_row, day), counts) in &days {
            if !there.contains(&client_row) && !exists(tx, client_row).await? {
                continue;
            }
            there.insert(client_row);
            add_day(tx, client_row, day, counts).await?;
        }
        for ((client_row, day, permission), n) in &used {
            if there.contains(client_row) {
                add_use(tx, *client_row, *day, permission, *n).await?;
            }
        }
        let mut failed = HashSet::new();
        for failure in waiting.errors.iter().filter(|failure| there.contains(&failure.client_row)) {
            add_error(tx, failure).await?;
            failed.insert(failure.client_row);
        }
        for client_row in failed {
            keep_last_errors(tx, client_row).await?;
        }
        Ok::<(), StoreError>(())
    })
}

async fn exists(tx: &mut Tx, client_row: i64) -> Result<bool, StoreError> {
    Ok(tx.row("select id from clients where id = $1", &[client_row.into()]).await?.is_some())
}

async fn add_day(tx: &mut Tx, client_row: i64, day: i64, counts: Day) -> Result<(), StoreError> {
    tx.run(
        "insert into app_calls (client_id, day, calls, failures, refused_by_limit) values ($1, $2, $3, $4, $5)
         on conflict (client_id, day) do update set calls = app_calls.calls + excluded.calls,
             failures = app_calls.failures + excluded.failures,
             refused_by_limit = app_calls.refused_by_limit + excluded.refused_by_limit",
        &[client_row.into(), day.into(), counts.calls.into(), counts.failures.into(), counts.refused_by_limit.into()],
    )
    .await?;
    Ok(())
}

async fn add_use(tx: &mut Tx, client_row: i64, day: i64, permission: &str, n: i64) -> Result<(), StoreError> {
    tx.run(
        "insert into app_usage (client_id, day, permission, calls) values ($1, $2, $3, $4)
         on conflict (client_id, day, permission) do update set calls = app_usage.calls + excluded.calls",
        &[client_row.into(), day.into(), permission.into(), n.into()],
    )
    .await?;
    Ok(())
}

async fn add_error(tx: &mut Tx, failure: &Failure) -> Result<(), StoreError> {
    tx.run(
        "insert into app_errors (client_id, status, method, route, code, request_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &[
            failure.client_row.into(),
            i64::from(failure.status).into(),
            failure.method.as_str().into(),
            failure.route.as_str().into(),
            failure.code.as_deref().into(),
            failure.request_id.as_str().into(),
            failure.at.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn keep_last_errors(tx: &mut Tx, client_row: i64) -> Result<(), StoreError> {
    tx.run(
        "delete from app_errors where client_id = $1 and id not in (
             select id from app_errors where client_id = $1 order by id desc limit $2)",
        &[client_row.into(), ERRORS_MAX.into()],
    )
    .await?;
    Ok(())
}

/// Removes what is old, in small batches, and says how many rows that were.
pub(crate) async fn clean_up(db: &Db, now: Timestamp) -> Result<u64, StoreError> {
    let first_day = day_of(now) - KEPT_DAYS;
    let errors_before = now.saturating_sub(ERRORS_KEPT).unwrap_or(Timestamp::UNIX_EPOCH);
    let tables: [(&str, Value); 3] = [
        (
            "delete from app_usage where (client_id, day, permission) in (
                 select client_id, day, permission from app_usage where day < $1 order by day limit $2)",
            first_day.into(),
        ),
        (
            "delete from app_calls where (client_id, day) in (
                 select client_id, day from app_calls where day < $1 order by day limit $2)",
            first_day.into(),
        ),
        (
            "delete from app_errors where id in (
                 select id from app_errors where created_at < $1 order by created_at limit $2)",
            errors_before.into(),
        ),
    ];
    let mut n_removed = 0;
    for (sql, before) in tables {
        let params = [before, BATCH.into()];
        loop {
            let n = transact!(db, |tx| tx.run(sql, &params).await)?;
            n_removed += n;
            if n < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(n_removed)
}

//! What an app was seen to do in the last days, and what its ceiling would be if it held only that.

use jiff::Timestamp;
use scope::permission::{Permission, Permissions};
use scope::permit::CanRead;
use scope::resource::Apps;
use scope::set::ScopeSet;
use scope::words;
use store::{StoreError, Tx};

use super::Client;
use crate::call_log::day_of;

/// How far back a page looks, in days, today among them.
pub const DAYS: i64 = 30;

/// How much of one permission was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    pub permission: Permission,
    pub calls: i64,
    /// Days since 1970, UTC.
    pub last_day: i64,
}

/// One day of calls. A day without any has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Day {
    /// Days since 1970, UTC.
    pub day: i64,
    pub calls: i64,
    /// Answers of 400 and above, without 429.
    pub failures: i64,
    pub refused_by_limit: i64,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: i64,
    pub method: String,
    pub route: String,
    pub code: Option<String>,
    pub request_id: String,
    pub at: Timestamp,
}

/// By how often it was used. Reads the table's key.
pub async fn used(tx: &mut Tx, _may: &CanRead<Apps>, now: Timestamp, client_row: i64) -> Result<Vec<Used>, StoreError> {
    let rows = tx
        .rows(
            "select permission, cast(sum(calls) as bigint) as calls, max(day) as last_day from app_usage
             where client_id = $1 and day > $2 group by permission order by sum(calls) desc, permission",
            &[client_row.into(), (day_of(now) - DAYS).into()],
        )
        .await?;
    let mut used = Vec::new();
    for row in rows {
        // A permission that this program no longer knows opens nothing.
        if let Some(permission) = Permission::parse(&row.text("permission")?) {
            used.push(Used { permission, calls: row.int("calls")?, last_day: row.int("last_day")? });
        }
    }
    Ok(used)
}

/// The last `DAYS` days, oldest first, each of them.
pub async fn days(tx: &mut Tx, _may: &CanRead<Apps>, now: Timestamp, client_row: i64) -> Result<Vec<Day>, StoreError> {
    let today = day_of(now);
    let rows = tx
        .rows(
            "select day, calls, failures, refused_by_limit from app_calls where client_id = $1 and day > $2 order by day",
            &[client_row.into(), (today - DAYS).into()],
        )
        .await?;
    let mut days: Vec<Day> = (today - DAYS + 1..=today).map(|day| Day { day, ..Day::default() }).collect();
    for row in rows {
        let day = row.int("day")?;
        if let Some(there) = days.iter_mut().find(|it| it.day == day) {
            *there = Day {
                day,
                calls: row.int("calls")?,
                failures: row.int("failures")?,
                refused_by_limit: row.int("refused_by_limit")?,
            };
        }
    }
    Ok(days)
}

/// The newest failures first.
pub async fn failures(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    client_row: i64,
    limit: i64,
) -> Result<Vec<Failure>, StoreError> {
    let rows = tx
        .rows(
            "select status, method, route, code, request_id, created_at from app_errors
             where client_id = $1 order by id desc limit $2",
            &[client_row.into(), limit.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Failure {
                status: row.int("status")?,
                method: row.text("method")?,
                route: row.text("route")?,
                code: row.text_or_null("code")?,
                request_id: row.text("request_id")?,
                at: row.time("created_at")?,
            })
        })
        .collect()
}

/// The ceiling that covers what was used and little else.
///
/// Words about who the person is, and lasting access, stay: no call shows their use. A narrow word stays if anything it opens was used; a
/// broad one, such as `write:all`, gives way to the narrow words for what was used through it.
pub fn shrunk(client: &Client, used: Permissions) -> ScopeSet {
    let used = used.intersection(client.allowed_scopes.permissions(client.dialect));
    let mut kept: Vec<&str> = Vec::new();
    let mut covered = Permissions::NONE;
    for word in client.allowed_scopes.words() {
        let Some(known) = words::find(client.dialect, word) else { continue };
        let is_narrow = !is_broad(known);
        if known.permissions.is_empty() || (is_narrow && !known.permissions.intersection(used).is_empty()) {
            kept.push(word);
            covered = covered.union(known.permissions);
        }
    }
    kept.extend(words::narrowest(client.dialect, used.without(covered)));
    ScopeSet::parse(&kept.join(" ")).unwrap_or_default()
}

/// Opens reading or writing of nearly everything.
fn is_broad(word: &words::Word) -> bool {
    word.deprecated || Permissions::all().len() / 4 < word.permissions.len()
}

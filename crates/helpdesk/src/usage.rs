//! How often rules and macros were used of late, counted from what their log keeps: of rules the executions that ran, of macros the events of
//! their use.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use scope::permit::CanRead;
use scope::resource::Macros;
use store::Tx;

use crate::Error;
use crate::page::Query;
use crate::rules::Sort;

/// Where counting ends.
pub const COUNTED_MAX: i64 = 10_000;

/// The last hour, day, week, and 30 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub hour: i64,
    pub day: i64,
    pub week: i64,
    pub month: i64,
}

const SPANS: [(&str, i64); 4] = [("in_hour", 1), ("in_day", 24), ("in_week", 7 * 24), ("in_month", 30 * 24)];

/// Of these rules, one statement. Served by `rule_executions_that_ran`.
pub async fn of_rules<S: Sort>(
    tx: &mut Tx,
    _may: &CanRead<S>,
    now: Timestamp,
    ids: &[i64],
) -> Result<HashMap<i64, Usage>, Error> {
    const USED: &str = "rule_executions x where x.rule_id = r.id and x.outcome = 'ran'";
    count(tx, now, ids, (USED, "rules")).await
}

/// Of these macros, one statement. Served by `events_by_object`.
pub async fn of_macros(
    tx: &mut Tx,
    _may: &CanRead<Macros>,
    now: Timestamp,
    ids: &[i64],
) -> Result<HashMap<i64, Usage>, Error> {
    const USED: &str = "events x where x.object_type = 'Macro' and x.object_id = r.id and x.type = 'macro-applied'";
    count(tx, now, ids, (USED, "macros")).await
}

async fn count(
    tx: &mut Tx,
    now: Timestamp,
    ids: &[i64],
    (used, of): (&str, &str),
) -> Result<HashMap<i64, Usage>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = Query::new("select r.id");
    for (name, hours) in SPANS {
        let since = query.bind(now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN));
        query.sql.push_str(&format!(
            ", (select count(*) from (select x.id from {used} and x.created_at > {since} limit {COUNTED_MAX}) as c) as {name}"
        ));
    }
    query.sql.push_str(&format!(" from {of} r where 1 = 1"));
    query.and_in("r.id", ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter()
        .map(|row| {
            let usage = Usage {
                hour: row.int("in_hour")?,
                day: row.int("in_day")?,
                week: row.int("in_week")?,
                month: row.int("in_month")?,
            };
            Ok((row.int("id")?, usage))
        })
        .collect()
}

//! `POST /api/stats/{name}` and its download: the vendor's older statistics, kept for old clients (Gorgias contract, `legacy_names`).
//!
//! Each is one or a few questions to the same statistics as `/api/reporting/stats`, beside the period of the same length before.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use endpoint::{App, May};
use helpdesk::statistics::scopes::{self, Dimension};
use helpdesk::statistics::{self, Among, DAYS_MAX, Filter, Granularity, Period, Question, names};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use scope::permit::CanRead;
use scope::resource::Statistics;
use serde_json::{Map, Value, json};
use store::Tx;

use crate::fields::{Body, Fields};
use crate::{Answer, GorgiasError, time};

const ROWS_MAX: usize = 10_000;
const IDS_MAX: usize = 1_000;
const LATEST_MAX: i64 = 100;

/// A number of a statistic of ours, under the older name.
struct Single {
    name: &'static str,
    label: &'static str,
    scope: &'static str,
    measure: &'static str,
    /// `number` or `duration`, in seconds.
    kind: &'static str,
}

const fn single(
    name: &'static str,
    label: &'static str,
    scope: &'static str,
    measure: &'static str,
    kind: &'static str,
) -> Single {
    Single { name, label, scope, measure, kind }
}

const SINGLES: &[Single] = &[
    single("total-tickets-created", "Tickets created", "tickets-created", "ticketCount", "number"),
    single("total-tickets-replied", "Tickets replied", "tickets-replied", "ticketCount", "number"),
    single("total-tickets-closed", "Tickets closed", "tickets-closed", "ticketCount", "number"),
    single("total-messages-sent", "Messages sent", "messages-sent", "messagesCount", "number"),
    single("total-messages-received", "Messages received", "messages-received", "messagesCount", "number"),
    single("total-one-touch-tickets", "One-touch tickets", "one-touch-tickets", "ticketCount", "number"),
    single(
        "median-first-response-time",
        "Median first response time",
        "first-response-time",
        "medianFirstResponseTime",
        "duration",
    ),
    single("median-resolution-time", "Median resolution time", "resolution-time", "medianResolutionTime", "duration"),
];

/// A statistic with a row for each of something.
struct Table {
    name: &'static str,
    label: &'static str,
    scope: &'static str,
    dimension: Option<Dimension>,
    grain: Option<Granularity>,
}

const fn table(
    name: &'static str,
    label: &'static str,
    scope: &'static str,
    dimension: Option<Dimension>,
    grain: Option<Granularity>,
) -> Table {
    Table { name, label, scope, dimension, grain }
}

const DAY: Option<Granularity> = Some(Granularity::Day);

const TABLES: &[Table] = &[
    table("support-volume", "Support volume", "tickets-created", None, DAY),
    table("resolution-time", "Resolution time", "resolution-time", None, DAY),
    table("first-response-time", "First response time", "first-response-time", None, DAY),
    table(
        "tickets-created-per-hour-per-weekday",
        "Tickets created per hour and weekday",
        "tickets-created",
        None,
        Some(Granularity::Hour),
    ),
    table("tickets-per-tag", "Tickets per tag", "tags", Some(Dimension::Tag), None),
    table(
        "tickets-created-per-channel",
        "Tickets created per channel",
        "tickets-created",
        Some(Dimension::Channel),
        None,
    ),
    table(
        "tickets-created-per-channel-per-day",
        "Tickets created per channel and day",
        "tickets-created",
        Some(Dimension::Channel),
        DAY,
    ),
    table("tickets-closed-per-agent", "Tickets closed per agent", "tickets-closed", Some(Dimension::User), None),
    table(
        "tickets-closed-per-agent-per-day",
        "Tickets closed per agent and day",
        "tickets-closed",
        Some(Dimension::User),
        DAY,
    ),
    table(
        "messages-sent-per-macro",
        "Messages sent per macro",
        "messages-sent-per-macro",
        Some(Dimension::Macro),
        None,
    ),
    table("satisfaction-surveys", "Satisfaction surveys", "satisfaction-surveys", None, None),
];

const LATEST: &str = "latest-satisfaction-surveys";
const REVENUE: &str = "revenue-per-day";
const OVERVIEW: &str = "overview";

/// What the body asks for.
struct Asked {
    period: Period,
    timezone: TimeZone,
    filters: Vec<Filter>,
}

/// What a statistic says: a label, and rows.
struct Told {
    label: &'static str,
    rows: Vec<Map<String, Value>>,
}

/// `POST /api/stats/{name}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Statistics>>,
    Path(name): Path<String>,
    body: Body,
) -> Answer {
    let asked = read(body)?;
    let mut tx = app.db.read().await?;
    let told = tell(&mut tx, &may, &name, &asked).await?;
    let before = previous(asked.period);
    Ok(Json(json!({
        "data": { "data": told.rows, "label": told.label },
        "meta": {
            "start_datetime": time::format(asked.period.start),
            "end_datetime": time::format(asked.period.end),
            "previous_start_datetime": time::format(before.start),
            "previous_end_datetime": time::format(before.end),
        },
    })))
}

/// `POST /api/stats/{name}/download`: the same as CSV.
pub async fn download(
    State(app): State<App>,
    May(may): May<CanRead<Statistics>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let asked = read(body)?;
    let mut tx = app.db.read().await?;
    let told = tell(&mut tx, &may, &name, &asked).await?;
    let file = format!("attachment; filename=\"{name}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, file.as_str())];
    Ok((headers, csv(&told.rows)).into_response())
}

fn read(body: Body) -> Result<Asked, GorgiasError> {
    let mut fields = body.fields()?;
    fields.require("filters");
    let read = fields.nested("filters", |filters| {
        filters.require("period");
        let period = filters.nested("period", period).value().flatten();
        let timezone = filters.text("timezone", 64).and_then(|name| jiff::tz::db().get(&name).ok());
        Asked {
            period: period.unwrap_or(Period { start: Timestamp::UNIX_EPOCH, end: Timestamp::UNIX_EPOCH }),
            timezone: timezone.unwrap_or(TimeZone::UTC),
            filters: filters_of(filters),
        }
    });
    fields.finish()?;
    read.value().ok_or_else(|| GorgiasError::invalid("filters", "Field may not be null."))
}

fn period(fields: &mut Fields) -> Option<Period> {
    fields.require("start_datetime");
    fields.require("end_datetime");
    let (start, end) = (fields.time_or_null("start_datetime").value()?, fields.time_or_null("end_datetime").value()?);
    // Quirk: a period ends at 23:59:59, and what happens in that last second belongs to it.
    let is_last_second = end.as_second().rem_euclid(60) == 59;
    let end = if is_last_second { Timestamp::from_second(end.as_second() + 1).unwrap_or(end) } else { end };
    if end < start {
        fields.problem("end_datetime", "Lies before start_datetime.");
    } else if SignedDuration::from_hours(24 * DAYS_MAX) < end.duration_since(start) {
        fields.problem("end_datetime", format!("The period may be at most {DAYS_MAX} days long."));
    }
    Some(Period { start, end })
}

fn filters_of(fields: &mut Fields) -> Vec<Filter> {
    let mut filters = Vec::new();
    if let Some(channels) = fields.texts("channels", 0, IDS_MAX, 255).filter(|it| !it.is_empty()) {
        filters.push(Filter::Channel(Among::These(channels)));
    }
    let mut ids = |field: &str, filter: fn(Vec<i64>) -> Filter| {
        if let Some(ids) = fields.ids(field, 0, IDS_MAX).filter(|ids| !ids.is_empty()) {
            filters.push(filter(ids));
        }
    };
    ids("integrations", |ids| Filter::Integration(Among::These(ids)));
    ids("agents", |ids| Filter::User(Among::These(ids)));
    ids("tags", Filter::TagsAny);
    ids("score", |scores| Filter::Score(Among::These(scores)));
    filters
}

/// The period of the same length before.
fn previous(period: Period) -> Period {
    let start = period.start.checked_sub(period.end.duration_since(period.start)).unwrap_or(period.start);
    Period { start, end: period.start }
}

async fn tell(tx: &mut Tx, may: &CanRead<Statistics>, name: &str, asked: &Asked) -> Result<Told, GorgiasError> {
    if name == OVERVIEW {
        let mut rows = Vec::with_capacity(SINGLES.len());
        for single in SINGLES {
            rows.push(row_of(tx, may, single, asked).await?);
        }
        return Ok(Told { label: "Overview", rows });
    }
    if let Some(single) = SINGLES.iter().find(|it| it.name == name) {
        return Ok(Told { label: single.label, rows: vec![row_of(tx, may, single, asked).await?] });
    }
    if let Some(table) = TABLES.iter().find(|it| it.name == name) {
        return rows_of(tx, may, table, asked).await;
    }
    match name {
        LATEST => {
            let scored = names::latest_scores(tx, may, asked.period, LATEST_MAX).await?;
            let rows = scored.iter().map(|it| {
                object(json!({
                    "name": it.ticket_id, "type": "score", "value": it.score, "delta": null,
                    "ticket_id": it.ticket_id, "scored_datetime": time::format_or_null(it.scored_at),
                }))
            });
            Ok(Told { label: "Latest satisfaction surveys", rows: rows.collect() })
        }
        // Nobody buys anything here.
        REVENUE => Ok(Told { label: "Revenue per day", rows: Vec::new() }),
        _ => Err(GorgiasError::NotFound),
    }
}

async fn row_of(
    tx: &mut Tx,
    may: &CanRead<Statistics>,
    single: &Single,
    asked: &Asked,
) -> Result<Map<String, Value>, GorgiasError> {
    let mut values = Vec::with_capacity(2);
    for period in [asked.period, previous(asked.period)] {
        let question = question(single.scope, period, asked)?;
        let answer = statistics::answer(tx, may, &question, 0, 1).await?;
        values.push(answer.rows.first().and_then(|row| row.get(single.measure)).cloned().unwrap_or(Value::Null));
    }
    Ok(object(json!({
        "name": single.name, "type": single.kind, "value": values[0], "delta": delta(&values[0], &values[1]),
    })))
}

/// By how many of a hundred a number has changed. Nothing where there was none.
fn delta(now: &Value, before: &Value) -> Value {
    match (now.as_f64(), before.as_f64()) {
        (Some(now), Some(before)) if before != 0.0 => json!(((now - before) / before * 1000.0).round() / 10.0),
        _ => Value::Null,
    }
}

async fn rows_of(tx: &mut Tx, may: &CanRead<Statistics>, table: &Table, asked: &Asked) -> Result<Told, GorgiasError> {
    let mut question = question(table.scope, asked.period, asked)?;
    question.dimensions = table.dimension.into_iter().collect();
    question.grain = table.grain.and_then(|grain| question.scope.times.first().map(|time| (*time, grain)));
    let answer = statistics::answer(tx, may, &question, 0, ROWS_MAX).await?;
    let key = table.dimension.map(Dimension::name);
    let ids =
        |rows: &[Map<String, Value>]| -> Vec<i64> { rows.iter().filter_map(|row| row.get(key?)?.as_i64()).collect() };
    let named: BTreeMap<i64, String> = match table.dimension {
        Some(Dimension::User) => names::of_users(tx, may, ids(&answer.rows)).await?,
        Some(Dimension::Tag) => names::of_tags(tx, may, ids(&answer.rows)).await?,
        _ => BTreeMap::new(),
    };
    let time = question.grain.map(|(name, _)| name);
    let mut rows = Vec::new();
    for row in &answer.rows {
        let at = time.and_then(|time| row.get(time)).and_then(Value::as_str);
        let about = key.and_then(|key| row.get(key)).map(|value| {
            let name = value.as_i64().and_then(|id| named.get(&id).cloned());
            name.map_or_else(|| value.clone(), Value::String)
        });
        for measure in &question.measures {
            let value = row.get(measure.name).cloned().unwrap_or(Value::Null);
            let several = 1 < question.measures.len();
            let mut told = Map::new();
            let name = match (&about, at) {
                (Some(about), _) => about.clone(),
                (None, Some(at)) => json!(at),
                (None, None) => json!(measure.name),
            };
            told.insert("name".to_owned(), name);
            told.insert("type".to_owned(), json!(kind_of(measure.name)));
            told.insert("value".to_owned(), value);
            told.insert("delta".to_owned(), Value::Null);
            if several && (about.is_some() || at.is_some()) {
                told.insert("measure".to_owned(), json!(measure.name));
            }
            if about.is_some() {
                told.extend(at.map(|at| ("date".to_owned(), json!(at))));
            }
            rows.push(told);
        }
    }
    if table.grain == Some(Granularity::Hour) {
        rows = by_weekday(&rows);
    }
    Ok(Told { label: table.label, rows })
}

fn kind_of(measure: &str) -> &'static str {
    if measure.ends_with("Time") { "duration" } else { "number" }
}

/// Hours of all weeks together: Monday is 1.
fn by_weekday(rows: &[Map<String, Value>]) -> Vec<Map<String, Value>> {
    let mut hours: BTreeMap<(i8, i8), i64> = BTreeMap::new();
    for row in rows {
        let at = row.get("name").and_then(Value::as_str).and_then(|at| at.parse::<DateTime>().ok());
        if let (Some(at), Some(n)) = (at, row.get("value").and_then(Value::as_i64)) {
            *hours.entry((at.weekday().to_monday_one_offset(), at.hour())).or_default() += n;
        }
    }
    let row = |((weekday, hour), n): ((i8, i8), i64)| {
        let name = format!("{weekday} {hour:02}:00");
        object(json!({ "name": name, "type": "number", "value": n, "delta": null, "weekday": weekday, "hour": hour }))
    };
    hours.into_iter().map(row).collect()
}

fn question(scope: &str, period: Period, asked: &Asked) -> Result<Question, GorgiasError> {
    let scope = scopes::find(scope).ok_or(GorgiasError::NotFound)?;
    let question = Question::whole(scope, period, asked.timezone.clone());
    Ok(Question { filters: asked.filters.clone(), ..question })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// A line with the names of all columns, then one a row.
fn csv(rows: &[Map<String, Value>]) -> String {
    let mut columns: Vec<&str> = vec!["name", "type", "value", "delta"];
    for key in rows.iter().flat_map(Map::keys) {
        if !columns.contains(&key.as_str()) {
            columns.push(key);
        }
    }
    let mut text = columns.join(",");
    text.push_str("\r\n");
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|column| cell(row.get(*column))).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => {
            // A spreadsheet would take it for a formula.
            let text =
                if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.clone() };
            if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
        }
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        let rows = [object(json!({ "name": "=1+1, \"x\"", "type": "number", "value": 3, "delta": null, "hour": 4 }))];

        assert_eq!(csv(&rows), "name,type,value,delta,hour\r\n\"'=1+1, \"\"x\"\"\",number,3,,4\r\n");
    }

    #[test]
    fn every_older_name_has_a_statistic_behind_it() {
        for single in SINGLES {
            let scope = scopes::find(single.scope).expect(single.name);
            assert!(scope.measures.iter().any(|it| it.name == single.measure), "{}", single.name);
        }
        for table in TABLES {
            let scope = scopes::find(table.scope).expect(table.name);
            assert!(table.dimension.is_none_or(|it| scope.dimensions.contains(&it)), "{}", table.name);
        }
    }
}

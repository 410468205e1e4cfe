//! `POST /api/reporting/stats` (Gorgias contract, `resources.statistics`). The older `/api/stats` is in `legacy_statistics.rs`, the cards
//! that explain the numbers in `metric_cards.rs`.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use endpoint::{App, May};
use helpdesk::page::{Direction, Key, Position, Slice};
use helpdesk::statistics::scopes::{self, Calc, Dimension, Measure, Scope};
use helpdesk::statistics::{self, Among, DAYS_MAX, Filter, Granularity, Period, Question};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use scope::permit::CanRead;
use scope::resource::Statistics;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fields::{Body, Fields};
use crate::query::Params;
use crate::{Answer, GorgiasError, time};

const PATH: &str = "/api/reporting/stats";
const LIMIT_DEFAULT: i64 = 30;
const LIMIT_MAX: i64 = 10_000;
const NAMES_MAX: usize = 50;
const FILTERS_MAX: usize = 100;
const VALUES_MAX: usize = 1_000;
const TEXT_MAX_CHARS: usize = 255;

const OPERATORS: &[&str] =
    &["one-of", "not-one-of", "all-of", "contains", "set", "afterDate", "beforeDate", "inDateRange"];
const GRANULARITIES: &[&str] = &["hour", "day", "week", "month"];
/// What only the vendor's own products know: nothing here has a value of it.
const FOREIGN_MEMBERS: &[&str] = &[
    "storeId",
    "slaPolicyUuid",
    "communicationSkills",
    "languageProficiency",
    "resolutionCompleteness",
    "accuracy",
    "efficiency",
    "internalCompliance",
    "brandVoice",
];

/// Where a page begins, and of which question.
#[derive(Serialize, Deserialize)]
struct Cursor {
    /// Of the question it belongs to.
    #[serde(rename = "q")]
    checksum: u64,
    #[serde(rename = "o")]
    offset: usize,
    /// Where rows are tickets: the keys of the row before, or of the row after.
    #[serde(rename = "k")]
    keys: Vec<i64>,
    #[serde(rename = "b")]
    back: bool,
}

/// A question, or one about what there is nothing of.
enum Asked {
    Question(Box<Question>),
    Foreign,
}

/// `POST /api/reporting/stats`
pub async fn report(
    State(app): State<App>,
    May(may): May<CanRead<Statistics>>,
    mut params: Params,
    body: Body,
) -> Answer {
    let limit = params.integer("limit", 1, LIMIT_MAX).unwrap_or(LIMIT_DEFAULT);
    let cursor = params.text("cursor", 2000);
    params.finish()?;
    let checksum = checksum(body.0.to_string().as_bytes());
    let cursor = match cursor {
        Some(text) => Some(decode(&text).filter(|it| it.checksum == checksum).ok_or_else(bad_cursor)?),
        None => None,
    };
    let offset = cursor.as_ref().map_or(0, |cursor| cursor.offset);
    let mut fields = body.fields()?;
    fields.require("query");
    let mut name = String::new();
    let asked = fields.nested("query", |query| {
        name = query.required_text("scope", 1, TEXT_MAX_CHARS);
        read(query, &name)
    });
    fields.finish()?;
    let Some(asked) = asked.value().flatten() else {
        return Err(GorgiasError::invalid("query", "Field may not be null."));
    };
    let limit = usize::try_from(limit).unwrap_or(1);
    let (rows, total, prev, next) = match asked {
        Asked::Foreign => (Vec::new(), 0, None, None),
        Asked::Question(question) => {
            let mut tx = app.db.read().await?;
            if question.dimensions.contains(&Dimension::TicketId) {
                let descending = order_of_tickets(&question)?;
                let from = cursor.filter(|cursor| !cursor.keys.is_empty()).map(|cursor| Position {
                    keys: cursor.keys.into_iter().map(Key::Int).collect(),
                    direction: if cursor.back { Direction::Before } else { Direction::After },
                });
                let slice = Slice { limit, from };
                let page = statistics::tickets_behind(&mut tx, &may, &question, descending, &slice).await?;
                let total = statistics::count_behind(&mut tx, &may, &question).await?;
                let n = page.items.len();
                let rows: Vec<Value> =
                    page.items.iter().map(|it| Value::Object(statistics::row_of_ticket(&question, it))).collect();
                let place = |keys: &Vec<Key>, offset: usize, back: bool| {
                    let keys = keys.iter().filter_map(|key| if let Key::Int(key) = key { Some(*key) } else { None });
                    encode(&Cursor { checksum, offset, keys: keys.collect(), back })
                };
                let prev = page.before.as_ref().map(|keys| place(keys, offset.saturating_sub(limit), true));
                let next = page.after.as_ref().map(|keys| place(keys, offset + n, false));
                (rows, usize::try_from(total).unwrap_or_default(), prev, next)
            } else {
                let answer = statistics::answer(&mut tx, &may, &question, offset, limit).await?;
                let place = |offset| encode(&Cursor { checksum, offset, keys: Vec::new(), back: false });
                let prev = (0 < offset).then(|| place(offset.saturating_sub(limit)));
                let next = (offset + limit < answer.total).then(|| place(offset + limit));
                (answer.rows.into_iter().map(Value::Object).collect(), answer.total, prev, next)
            }
        }
    };
    Ok(Json(json!({
        "object": "list",
        "uri": PATH,
        "data": rows,
        "meta": {
            "scope": name, "prev_cursor": prev, "next_cursor": next, "total": total, "offset": offset, "limit": limit,
        },
    })))
}

fn read(query: &mut Fields, name: &str) -> Option<Asked> {
    let timezone = timezone(query);
    query.require("filters");
    let foreign = scopes::is_of_foreign_agents(name);
    let scope = scopes::find(name);
    if scope.is_none() && !foreign && !name.is_empty() {
        query.problem("scope", "Unknown scope.");
    }
    let measures = query.texts("measures", 0, NAMES_MAX, TEXT_MAX_CHARS).unwrap_or_default();
    let dimensions = query.texts("dimensions", 0, NAMES_MAX, TEXT_MAX_CHARS).unwrap_or_default();
    let grains = query.each("time_dimensions", 1, |grain| {
        (grain.required_text("dimension", 1, TEXT_MAX_CHARS), grain.one_of("granularity", GRANULARITIES))
    });
    let filters = query.each("filters", FILTERS_MAX, |filter| {
        let member = filter.required_text("member", 1, TEXT_MAX_CHARS);
        filter.require("operator");
        let operator = filter.one_of("operator", OPERATORS).unwrap_or("one-of");
        let values = values_of(filter);
        (member, operator, values)
    });
    let order = read_order(query);
    if foreign {
        return Some(Asked::Foreign);
    }
    let scope = scope?;
    let measures = measures_of(query, scope, &measures);
    let dimensions = dimensions_of(query, scope, &dimensions);
    let grain = grain_of(query, scope, grains.unwrap_or_default());
    let (mut period, mut read, mut members) = ((None, None), Vec::new(), Vec::new());
    for (index, (member, operator, values)) in filters.unwrap_or_default().into_iter().enumerate() {
        let taken = match member.as_str() {
            "periodStart" | "periodEnd" => period_bound(&mut period, &member, operator, &values),
            "customFields" => field_values(operator, &values).map(|filters| read.extend(filters)),
            _ => filter(&member, operator, &values).map(|filter| read.extend(filter)),
        };
        match taken {
            Ok(()) => members.push(member),
            Err((field, problem)) => query.problem(&format!("filters.{index}.{field}"), problem),
        }
    }
    if let Some(required) = scope.required_filter
        && !members.iter().any(|member| member == required)
    {
        query.problem("filters", format!("The member {required} is required."));
    }
    for (name, _) in &order {
        let is_known = measures.iter().any(|it| it.name == name)
            || dimensions.iter().any(|it| it.name() == name)
            || grain.is_some_and(|(time, _)| time == name);
        if !is_known {
            query.problem("order", format!("{} is not in the answer.", shown(name)));
        }
    }
    let period = period_of(query, period)?;
    let question = Question { scope, measures, dimensions, grain, period, timezone: timezone?, filters: read, order };
    Some(Asked::Question(Box::new(question)))
}

fn timezone(query: &mut Fields) -> Option<TimeZone> {
    let name = query.required_text("timezone", 1, 64);
    match jiff::tz::db().get(&name) {
        Ok(timezone) => Some(timezone),
        Err(_) => {
            if !name.is_empty() {
                query.problem("timezone", "Not a valid time zone.");
            }
            None
        }
    }
}

fn measures_of(query: &mut Fields, scope: &'static Scope, names: &[String]) -> Vec<Measure> {
    if names.is_empty() {
        return scope.measures.to_vec();
    }
    let mut measures: Vec<Measure> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match scope.measures.iter().find(|it| it.name == name) {
            Some(measure) if measures.iter().any(|it| it.name == measure.name) => {}
            Some(measure) => measures.push(*measure),
            None => query.problem(&format!("measures.{index}"), "Unknown measure of this scope."),
        }
    }
    measures
}

fn dimensions_of(query: &mut Fields, scope: &'static Scope, names: &[String]) -> Vec<Dimension> {
    let mut dimensions = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match scope.dimensions.iter().find(|it| it.name() == name) {
            Some(dimension) if dimensions.contains(dimension) => {}
            Some(dimension) => dimensions.push(*dimension),
            None => query.problem(&format!("dimensions.{index}"), "Unknown dimension of this scope."),
        }
    }
    dimensions
}

fn grain_of(
    query: &mut Fields,
    scope: &'static Scope,
    grains: Vec<(String, Option<&'static str>)>,
) -> Option<(&'static str, Granularity)> {
    let (name, granularity) = grains.into_iter().next()?;
    let Some(name) = scope.times.iter().find(|it| **it == name) else {
        query.problem("time_dimensions.0.dimension", "Unknown time dimension of this scope.");
        return None;
    };
    let granularity = match granularity {
        Some("hour") => Granularity::Hour,
        Some("week") => Granularity::Week,
        Some("month") => Granularity::Month,
        _ => Granularity::Day,
    };
    Some((name, granularity))
}

/// Pairs of a name and a direction; also objects with `member` or `field` and `direction`, which some clients send.
fn read_order(query: &mut Fields) -> Vec<(String, bool)> {
    let mut order = Vec::new();
    let pairs = match query.json("order").value() {
        None => return order,
        Some(Value::Array(pairs)) if pairs.len() <= NAMES_MAX => pairs,
        Some(_) => {
            query.problem("order", "Not a valid list.");
            return order;
        }
    };
    for (index, pair) in pairs.iter().enumerate() {
        let (name, direction) = match pair {
            Value::Array(pair) => (pair.first(), pair.get(1)),
            other => (other.get("member").or_else(|| other.get("field")), other.get("direction")),
        };
        match (name.and_then(Value::as_str), direction.map_or(Some("asc"), Value::as_str)) {
            (Some(name), Some(direction @ ("asc" | "desc"))) => order.push((name.to_owned(), direction == "desc")),
            _ => query.problem(&format!("order.{index}"), "Must be a pair of a name and asc or desc."),
        }
    }
    order
}

fn values_of(filter: &mut Fields) -> Vec<Value> {
    match filter.json("values").value() {
        None => Vec::new(),
        Some(Value::Array(values)) if values.len() <= VALUES_MAX => values,
        Some(Value::Array(_)) => {
            filter.problem("values", format!("Longer than maximum length {VALUES_MAX}."));
            Vec::new()
        }
        Some(_) => {
            filter.problem("values", "Not a valid list.");
            Vec::new()
        }
    }
}

type Problem = (&'static str, String);

fn period_bound(
    period: &mut (Option<Timestamp>, Option<Timestamp>),
    member: &str,
    operator: &str,
    values: &[Value],
) -> Result<(), Problem> {
    let at = |index: usize| {
        let text = values.get(index).and_then(Value::as_str);
        text.and_then(time::parse).ok_or_else(|| ("values", "Not a valid datetime.".to_owned()))
    };
    match (member, operator, values.len()) {
        ("periodStart", "afterDate", 1) => period.0 = Some(at(0)?),
        ("periodEnd", "beforeDate", 1) => period.1 = Some(end_of(at(0)?)),
        (_, "inDateRange", 2) => *period = (Some(at(0)?), Some(end_of(at(1)?))),
        (_, "afterDate" | "beforeDate", n) if n != 1 => return Err(("values", "Must be one datetime.".to_owned())),
        _ => return Err(("operator", "periodStart takes afterDate, periodEnd beforeDate.".to_owned())),
    }
    Ok(())
}

/// Quirk: a period ends at 23:59:59, and what happens in that last second belongs to it.
fn end_of(at: Timestamp) -> Timestamp {
    match at.as_second().rem_euclid(60) {
        59 => Timestamp::from_second(at.as_second() + 1).unwrap_or(at),
        _ => at,
    }
}

fn period_of(query: &mut Fields, (start, end): (Option<Timestamp>, Option<Timestamp>)) -> Option<Period> {
    let (Some(start), Some(end)) = (start, end) else {
        query.problem("filters", "The members periodStart and periodEnd are required.");
        return None;
    };
    if end < start {
        query.problem("filters", "periodEnd lies before periodStart.");
        return None;
    }
    if SignedDuration::from_hours(24 * DAYS_MAX) < end.duration_since(start) {
        query.problem("filters", format!("The period may be at most {DAYS_MAX} days long."));
        return None;
    }
    Some(Period { start, end })
}

/// One filter in our words. None: it lets everything through.
fn filter(member: &str, operator: &str, values: &[Value]) -> Result<Option<Filter>, Problem> {
    Ok(match member {
        "agentId" => Some(Filter::User(among(operator, ids(values)?)?)),
        "agentIdFromTeamId" => Some(Filter::UserOfTeams(ids(values)?)),
        "teamId" => Some(Filter::Team(among(operator, ids(values)?)?)),
        "integrationId" => Some(Filter::Integration(among(operator, ids(values)?)?)),
        "score" => Some(Filter::Score(among(operator, ids(values)?)?)),
        "channel" => Some(Filter::Channel(among(operator, texts(values)?)?)),
        "tags" => return tags(operator, values),
        "customFieldId" => Some(Filter::Field(ids(values)?)),
        member if FOREIGN_MEMBERS.contains(&member) => match operator {
            "not-one-of" => None,
            _ => Some(Filter::Never),
        },
        _ => return Err(("member", "Unknown member.".to_owned())),
    })
}

/// Ids of tags with the operator of the filter, or objects that have an operator each.
fn tags(operator: &str, values: &[Value]) -> Result<Option<Filter>, Problem> {
    let one = |operator: &str, ids: Vec<i64>| match operator {
        "one-of" | "contains" => Ok(Filter::TagsAny(ids)),
        "all-of" => Ok(Filter::TagsAll(ids)),
        "not-one-of" => Ok(Filter::TagsNone(ids)),
        _ => Err(("operator", "Must be one of: one-of, all-of, not-one-of.".to_owned())),
    };
    match values {
        [Value::Object(object)] => {
            let operator = object.get("operator").and_then(Value::as_str).unwrap_or(operator);
            let ids_of = object.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            one(operator, ids(ids_of)?).map(Some)
        }
        [Value::Object(_), ..] => Err(("values", "Put each operator into a filter of its own.".to_owned())),
        values => one(operator, ids(values)?).map(Some),
    }
}

/// Objects of a field, an operator and values, which must all hold.
fn field_values(operator: &str, values: &[Value]) -> Result<Vec<Filter>, Problem> {
    let filter = |value: &Value| {
        let field_id = value.get("custom_field_id").and_then(|id| ids(std::slice::from_ref(id)).ok()?.pop());
        let field_id = field_id.ok_or_else(|| ("values", "custom_field_id: Not a valid integer.".to_owned()))?;
        let values = value.get("values").and_then(Value::as_array).cloned().unwrap_or_default();
        match value.get("operator").and_then(Value::as_str).unwrap_or(operator) {
            "set" => Ok(Filter::Field(vec![field_id])),
            "one-of" | "contains" => {
                Ok(Filter::FieldValue { field_id, not: false, values: of_field(&values, field_id) })
            }
            "not-one-of" => Ok(Filter::FieldValue { field_id, not: true, values: of_field(&values, field_id) }),
            _ => Err(("operator", "Must be one of: one-of, not-one-of, set.".to_owned())),
        }
    };
    values.iter().map(filter).collect()
}

/// The vendor writes `12::Refund` for the value `Refund` of field 12; the bare value is taken too.
fn of_field(values: &[Value], field_id: i64) -> Vec<Value> {
    let prefix = format!("{field_id}::");
    let bare = |value: &Value| match value {
        Value::String(text) => Value::String(text.strip_prefix(&prefix).unwrap_or(text).replace('\0', "")),
        other => other.clone(),
    };
    values.iter().map(bare).collect()
}

fn among<T>(operator: &str, values: Vec<T>) -> Result<Among<T>, Problem> {
    match operator {
        "one-of" | "contains" | "all-of" => Ok(Among::These(values)),
        "not-one-of" => Ok(Among::NotThese(values)),
        "set" => Ok(Among::Set),
        _ => Err(("operator", "Not an operator of this member.".to_owned())),
    }
}

/// Ids as numbers or as digits in quotes.
fn ids(values: &[Value]) -> Result<Vec<i64>, Problem> {
    let id = |value: &Value| match value {
        Value::Number(number) => number.as_i64(),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    };
    values.iter().map(id).collect::<Option<Vec<i64>>>().ok_or_else(|| ("values", "Not a list of integers.".to_owned()))
}

fn texts(values: &[Value]) -> Result<Vec<String>, Problem> {
    let text = |value: &Value| {
        value.as_str().filter(|text| !text.contains('\0') && text.len() <= TEXT_MAX_CHARS).map(str::to_owned)
    };
    values
        .iter()
        .map(text)
        .collect::<Option<Vec<String>>>()
        .ok_or_else(|| ("values", "Not a list of strings.".to_owned()))
}

/// Rows that are tickets come by time; true: the newest first.
fn order_of_tickets(question: &Question) -> Result<bool, GorgiasError> {
    if question.measures.iter().any(|it| !matches!(it.calc, Calc::Count(_))) {
        return Err(GorgiasError::invalid("query.dimensions", "Only counts can be told apart by ticketId."));
    }
    match question.order.first() {
        None => Ok(false),
        Some((name, descending)) if question.grain.is_some_and(|(time, _)| time == name) || name == "ticketId" => {
            Ok(*descending)
        }
        // Every ticket counts once.
        Some((name, _)) if question.measures.iter().any(|it| it.name == name) => Ok(false),
        Some(_) => Err(GorgiasError::invalid("query.order", "Rows by ticketId come in the order of their time.")),
    }
}

/// A name in a message.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn bad_cursor() -> GorgiasError {
    GorgiasError::invalid("cursor", "Not a valid cursor of this question.")
}

fn encode(cursor: &Cursor) -> String {
    let text = json!(cursor).to_string();
    let sum = checksum(text.as_bytes()).to_be_bytes();
    URL_SAFE_NO_PAD.encode([&sum, text.as_bytes()].concat())
}

fn decode(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    let (sum, text) = bytes.split_first_chunk::<8>()?;
    if checksum(text).to_be_bytes() != *sum {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

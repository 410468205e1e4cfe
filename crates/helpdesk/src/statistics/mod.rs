//! Statistics: how many tickets, how fast, how content the customers are.
//!
//! A follower of the event log keeps one row a ticket and counts by quarters of an hour (`follow.rs`); what each number means is in
//! `fold.rs`. A question names a statistic of `scopes.rs`, its numbers and what they are told apart by; it is answered here. Counts and
//! sums come from the counts where these know the answer, else from the rows; a test holds both together. Each number can be opened to its
//! tickets with `tickets_behind`.

mod ask;
pub mod cards;
mod counts;
mod facts;
mod fields;
mod fold;
pub mod follow;
mod middle;
pub mod names;
pub mod scopes;
mod sources;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use scope::permit::CanRead;
use scope::resource::Statistics;
use serde_json::{Map, Value as Json, json};
use store::Tx;

use self::scopes::{Calc, Dimension, Measure, Scope};
use self::sources::{Part, Source};
use crate::Error;
use crate::page::{Page, Slice};

/// The longest time that one question may be about.
pub const DAYS_MAX: i64 = 366;
/// The most groups that one question may come to.
const GROUPS_MAX: usize = 200_000;

/// From an instant up to another, which is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub start: Timestamp,
    pub end: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    Hour,
    Day,
    /// From Monday on.
    Week,
    Month,
}

/// What is counted at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    User(Among<i64>),
    /// Members of these teams.
    UserOfTeams(Vec<i64>),
    Team(Among<i64>),
    Channel(Among<String>),
    Integration(Among<i64>),
    /// Of the ticket's survey.
    Score(Among<i64>),
    /// The ticket carries one of these tags, all of them, or none.
    TagsAny(Vec<i64>),
    TagsAll(Vec<i64>),
    TagsNone(Vec<i64>),
    /// The ticket has a value of one of these fields of the account's own; for `ticket-fields`, the fields that are asked about.
    Field(Vec<i64>),
    /// The ticket has, or has not, one of these values of such a field.
    FieldValue {
        field_id: i64,
        not: bool,
        values: Vec<Json>,
    },
    /// Nothing is let through: a filter on what there is none of.
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Among<T> {
    These(Vec<T>),
    NotThese(Vec<T>),
    /// Any, but not none.
    Set,
}

#[derive(Debug, Clone)]
pub struct Question {
    pub scope: &'static Scope,
    pub measures: Vec<Measure>,
    pub dimensions: Vec<Dimension>,
    /// The time by which rows are told apart, as it was called.
    pub grain: Option<(&'static str, Granularity)>,
    pub period: Period,
    /// In which days begin.
    pub timezone: TimeZone,
    pub filters: Vec<Filter>,
    /// Names of numbers, dimensions or the time; true: downwards.
    pub order: Vec<(String, bool)>,
}

/// Rows of names and values, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub rows: Vec<Map<String, Json>>,
    pub total: usize,
}

/// What tells a row apart: the time it begins, then the dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Nothing,
    Int(i64),
    Text(String),
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: i64,
    total: i64,
}

impl Question {
    /// Everything that one statistic says of a time.
    pub fn whole(scope: &'static Scope, period: Period, timezone: TimeZone) -> Question {
        Question {
            scope,
            measures: scope.measures.to_vec(),
            dimensions: Vec::new(),
            grain: None,
            period,
            timezone,
            filters: Vec::new(),
            order: Vec::new(),
        }
    }
}

/// Answers with the rows from `offset` on, at most `limit`.
pub async fn answer(
    tx: &mut Tx,
    _may: &CanRead<Statistics>,
    question: &Question,
    offset: usize,
    limit: usize,
) -> Result<Answer, Error> {
    let mut rows = rows(tx, question).await?;
    sort(&mut rows, question);
    let total = rows.len();
    Ok(Answer { rows: rows.into_iter().skip(offset).take(limit).collect(), total })
}

/// A ticket behind a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    pub ticket_id: i64,
    pub user_id: Option<i64>,
    pub channel: String,
    pub integration_id: Option<i64>,
    /// When it is counted: of what can be counted several times in a ticket, when the ticket was created.
    pub at: Timestamp,
}

/// The tickets that a question's numbers count, by page: by time, or by id where a ticket may count more than once. Its dimensions and
/// granularity do not matter: narrow the period and the filters to one row instead.
pub async fn tickets_behind(
    tx: &mut Tx,
    _may: &CanRead<Statistics>,
    question: &Question,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Behind>, Error> {
    ask::tickets_behind(tx, question, descending, slice).await
}

/// How many tickets `tickets_behind` leads to.
pub async fn count_behind(tx: &mut Tx, _may: &CanRead<Statistics>, question: &Question) -> Result<i64, Error> {
    ask::count_behind(tx, question).await
}

/// The row of a ticket where rows are told apart by ticket.
pub fn row_of_ticket(question: &Question, behind: &Behind) -> Map<String, Json> {
    let mut row = Map::new();
    for dimension in &question.dimensions {
        let value = match dimension {
            Dimension::TicketId => json!(behind.ticket_id),
            Dimension::User => json!(behind.user_id),
            Dimension::Channel => json!(behind.channel),
            Dimension::Integration => json!(behind.integration_id),
            Dimension::Tag | Dimension::Macro | Dimension::FieldValue | Dimension::Unknown(_) => Json::Null,
        };
        row.insert(dimension.name().to_owned(), value);
    }
    if let Some((name, granularity)) = question.grain {
        let at = start_of(behind.at.as_microsecond(), granularity, &question.timezone);
        row.insert(name.to_owned(), json!(at));
    }
    for measure in &question.measures {
        row.insert(measure.name.to_owned(), json!(1));
    }
    row
}

async fn rows(tx: &mut Tx, question: &Question) -> Result<Vec<Map<String, Json>>, Error> {
    if question.scope.name == fields::SCOPE {
        return fields::rows(tx, question).await;
    }
    let mut needed: Vec<Source> = Vec::new();
    for source in question.measures.iter().flat_map(|measure| measure.calc.sources()) {
        if !needed.contains(&source) {
            needed.push(source);
        }
    }
    let is_one_row = question.dimensions.is_empty() && question.grain.is_none();
    let mut groups: BTreeMap<Vec<Key>, BTreeMap<(&'static str, i64), Sums>> = BTreeMap::new();
    if is_one_row {
        groups.insert(Vec::new(), BTreeMap::new());
    }
    let mut starts = Starts::default();
    for source in &needed {
        let with_part = question.dimensions.iter().any(|it| matches!(it, Dimension::Tag | Dimension::Macro))
            || question
                .measures
                .iter()
                .any(|it| matches!(it.calc, Calc::CountPart(of, _) | Calc::Satisfied(of) if of == *source));
        for counted in ask::counted(tx, question, source, with_part).await? {
            let key = key_of(question, &counted.apart, &mut starts);
            let sums = groups.entry(key).or_default().entry((source.measure, counted.apart.part)).or_default();
            sums.n += counted.n;
            sums.total += counted.total;
        }
        if GROUPS_MAX < groups.len() {
            return Err(Error::invalid(
                "query",
                "The answer has too many rows: ask about a shorter time, or tell less apart.",
            ));
        }
    }
    let mut medians: BTreeMap<&'static str, BTreeMap<Vec<Key>, f64>> = BTreeMap::new();
    for measure in &question.measures {
        if let Calc::Median(source) = measure.calc {
            let of_source = match is_one_row {
                true => {
                    middle::of_everything(tx, question, &source).await?.map(|it| (Vec::new(), it)).into_iter().collect()
                }
                false => middle::of_groups(tx, question, &source, |apart| key_of(question, apart, &mut starts)).await?,
            };
            medians.insert(source.measure, of_source);
        }
    }
    let row = |(key, sums): (Vec<Key>, BTreeMap<(&'static str, i64), Sums>)| {
        let mut row = Map::new();
        let mut values = key.iter();
        if let Some((name, _)) = question.grain {
            row.insert(name.to_owned(), values.next().map_or(Json::Null, Key::json));
        }
        for dimension in &question.dimensions {
            row.insert(dimension.name().to_owned(), values.next().map_or(Json::Null, Key::json));
        }
        for measure in &question.measures {
            let median = |source: &Source| medians.get(source.measure).and_then(|of| of.get(&key)).copied();
            row.insert(measure.name.to_owned(), value_of(measure.calc, &sums, median));
        }
        row
    };
    Ok(groups.into_iter().filter(|(_, sums)| is_one_row || sums.values().any(|it| it.n != 0)).map(row).collect())
}

fn value_of(calc: Calc, sums: &BTreeMap<(&'static str, i64), Sums>, median: impl Fn(&Source) -> Option<f64>) -> Json {
    let of = |source: Source, takes: &dyn Fn(i64) -> bool| {
        let parts = sums.range((source.measure, i64::MIN)..=(source.measure, i64::MAX));
        parts
            .filter(|((_, part), _)| takes(*part))
            .fold(Sums::default(), |sum, (_, it)| Sums { n: sum.n + it.n, total: sum.total + it.total })
    };
    let all = |source: Source| of(source, &|_| true);
    match calc {
        Calc::Count(source) => json!(all(source).n),
        Calc::CountPart(source, part) => json!(of(source, &|it| it == part).n),
        Calc::Sum(source) => json!(all(source).total),
        Calc::Average(source) => {
            let Sums { n, total } = all(source);
            ratio(total, n)
        }
        Calc::Median(source) => median(&source).map_or(Json::Null, number),
        Calc::Percent(part, whole) => ratio(100 * all(part).n, all(whole).n),
        Calc::Satisfied(source) => ratio(100 * of(source, &|score| 4 <= score).n, all(source).n),
        Calc::Zero => json!(0),
        Calc::Nothing => Json::Null,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and seconds stay far below 2^53")]
fn ratio(total: i64, n: i64) -> Json {
    if n == 0 { Json::Null } else { number(total as f64 / n as f64) }
}

/// Whole numbers as such.
fn number(value: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "only where nothing is cut off")]
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

impl Key {
    fn json(&self) -> Json {
        match self {
            Key::Nothing => Json::Null,
            Key::Int(number) => json!(number),
            Key::Text(text) => json!(text),
        }
    }
}

fn key_of(question: &Question, apart: &ask::Apart, starts: &mut Starts) -> Vec<Key> {
    let mut key = Vec::with_capacity(1 + question.dimensions.len());
    if let Some((_, granularity)) = question.grain {
        key.push(Key::Text(starts.of(apart.quarter, granularity, &question.timezone)));
    }
    let id = |id: i64| if id == 0 { Key::Nothing } else { Key::Int(id) };
    for dimension in &question.dimensions {
        key.push(match dimension {
            Dimension::User => id(apart.user_id),
            Dimension::Channel => Key::Text(apart.channel.clone()),
            Dimension::Integration => id(apart.integration_id),
            Dimension::Tag | Dimension::Macro => id(apart.part),
            Dimension::TicketId | Dimension::FieldValue | Dimension::Unknown(_) => Key::Nothing,
        });
    }
    key
}

/// Where the hours, days, weeks and months of quarters begin, each worked out once.
#[derive(Default)]
struct Starts(BTreeMap<i64, String>);

impl Starts {
    fn of(&mut self, quarter: i64, granularity: Granularity, timezone: &TimeZone) -> String {
        self.0.entry(quarter).or_insert_with(|| start_of(quarter * counts::QUARTER, granularity, timezone)).clone()
    }
}

/// The beginning, in local time, of what this instant lies in: `2024-11-14T00:00:00.000`.
fn start_of(at: facts::Microseconds, granularity: Granularity, timezone: &TimeZone) -> String {
    let at = Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    let local = timezone.to_datetime(at);
    let date = match granularity {
        Granularity::Hour | Granularity::Day => local.date(),
        Granularity::Week => {
            let days = i64::from(local.date().weekday().to_monday_zero_offset());
            local.date().checked_sub(Span::new().days(days)).unwrap_or(local.date())
        }
        Granularity::Month => local.date().first_of_month(),
    };
    let hour = if granularity == Granularity::Hour { local.hour() } else { 0 };
    format!("{date}T{hour:02}:00:00.000")
}

/// In the order that was asked for; without one, and where it leaves rows equal, by time and dimensions.
fn sort(rows: &mut [Map<String, Json>], question: &Question) {
    if question.order.is_empty() {
        return;
    }
    rows.sort_by(|one, other| {
        for (name, descending) in &question.order {
            let order = compare(one.get(name), other.get(name));
            if order.is_ne() {
                return if *descending { order.reverse() } else { order };
            }
        }
        std::cmp::Ordering::Equal
    });
}

/// Nothing comes first.
fn compare(one: Option<&Json>, other: Option<&Json>) -> std::cmp::Ordering {
    match (one, other) {
        (Some(Json::Number(one)), Some(Json::Number(other))) => {
            one.as_f64().unwrap_or_default().total_cmp(&other.as_f64().unwrap_or_default())
        }
        (Some(Json::String(one)), Some(Json::String(other))) => one.cmp(other),
        (one, other) => one.is_some_and(|it| !it.is_null()).cmp(&other.is_some_and(|it| !it.is_null())),
    }
}

impl Source {
    fn tells_part(&self) -> bool {
        matches!(self.part, Part::Column(_))
    }
}

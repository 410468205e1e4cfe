//! `/admin/statistics`: how much there is to do, how fast it is done, and how content customers are. Each number leads to its tickets
//! (`statistics_tickets.rs`).

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::statistics::scopes::{self, Dimension};
use helpdesk::statistics::{self, Granularity, Period, Question, names};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Statistics};
use serde_json::{Map, Value};
use store::Tx;

use super::chart::{Chart, Series};
use crate::form::Form;
use crate::pages::{Frame, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Query, Visitor};
use crate::{account, errors, reach, text};

/// Rows of a table; the rest has too few tickets to matter here.
const ROWS_MAX: usize = 20;
const DAYS_SHOWN: i32 = 30;

#[derive(Template)]
#[template(path = "admin/statistics.html")]
pub struct Overview {
    pub frame: Frame,
    pub chosen: Chosen,
    pub problem: Option<String>,
    pub tiles: Vec<Tile>,
    pub charts: Vec<Chart>,
    pub tables: Vec<Table>,
}

/// The period that a page is about, as it stands in its form.
pub struct Chosen {
    pub from: Date,
    /// The last day, which belongs to it.
    pub to: Date,
    pub timezone: String,
    zone: TimeZone,
    /// The last so many days.
    pub presets: Vec<Preset>,
}

pub struct Preset {
    pub label: &'static str,
    pub href: String,
    pub is_chosen: bool,
}

/// One number.
pub struct Tile {
    pub label: &'static str,
    pub value: String,
    /// Its tickets.
    pub href: Option<String>,
    /// What else should be said.
    pub under: String,
}

pub struct Table {
    pub id: &'static str,
    pub heading: &'static str,
    pub about: &'static str,
    pub column: &'static str,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    pub n_created: String,
    pub created_href: String,
    pub n_closed: String,
    pub closed_href: String,
    pub first_response: String,
}

/// `GET /admin/statistics?from=2026-03-01&to=2026-03-31&timezone=Europe/Paris`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Statistics>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match Overview::read(&app, &may, &visitor, &query).await {
        Ok(Some(found)) => page(StatusCode::OK, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

impl Overview {
    async fn read(
        app: &App,
        may: &CanRead<Statistics>,
        visitor: &Visitor,
        query: &Form,
    ) -> Result<Option<Overview>, Error> {
        let account = account::name(app).await?;
        let Some(frame) = visitor.frame(account, Section::Statistics, "Statistics") else { return Ok(None) };
        let mut tx = app.db.read().await?;
        let usual = helpdesk::account::timezone(&mut tx).await?;
        let (chosen, problem) = Chosen::read(query, &usual, app.clock.now());
        let asking = Asking { may, chosen: &chosen };
        Ok(Some(Overview {
            tiles: asking.tiles(&mut tx).await?,
            charts: asking.charts(&mut tx).await?,
            tables: asking.tables(&mut tx).await?,
            frame,
            chosen,
            problem,
        }))
    }
}

impl Chosen {
    /// What was asked for; the last days, where it was not or makes no sense.
    pub fn read(query: &Form, usual_timezone: &str, now: Timestamp) -> (Chosen, Option<String>) {
        let mut problem = None;
        let asked = query.filled("timezone").unwrap_or(usual_timezone);
        let (timezone, zone) = match jiff::tz::db().get(asked) {
            Ok(zone) => (asked.to_owned(), zone),
            Err(_) => {
                problem = Some("There is no such time zone. Write it like Europe/Paris.".to_owned());
                ("UTC".to_owned(), TimeZone::UTC)
            }
        };
        let today = zone.to_datetime(now).date();
        let last = |days: i32| today.checked_sub(Span::new().days(days - 1)).unwrap_or(today);
        let (from, to) = (query.value("from").parse::<Date>(), query.value("to").parse::<Date>());
        let asked_for_days = query.filled("from").is_some() || query.filled("to").is_some();
        let (from, to) = match (from, to) {
            (Ok(from), Ok(to)) if from <= to && days_between(from, to) < statistics::DAYS_MAX => (from, to),
            _ => {
                if asked_for_days {
                    problem = Some(format!(
                        "Choose a first day that is not after the last, at most {} days before it.",
                        statistics::DAYS_MAX
                    ));
                }
                (last(DAYS_SHOWN), today)
            }
        };
        let presets = [("7 days", 7), ("30 days", 30), ("90 days", 90), ("A year", 365)].map(|(label, days)| Preset {
            label,
            href: format!("/admin/statistics?{}", dates(last(days), today, &timezone)),
            is_chosen: (from, to) == (last(days), today),
        });
        (Chosen { from, to, timezone, zone, presets: presets.into() }, problem)
    }

    /// Such as `1 Mar 2026 to 31 Mar 2026, days in Europe/Paris`.
    fn in_words(&self) -> String {
        let day = |date: Date| date.strftime("%-d %b %Y").to_string();
        format!("{} to {}, days in {}", day(self.from), day(self.to), self.timezone)
    }

    pub fn period(&self) -> Period {
        let start_of = |date: Date| {
            let zoned = date.to_zoned(self.zone.clone()).map(|zoned| zoned.timestamp());
            zoned.unwrap_or(Timestamp::UNIX_EPOCH)
        };
        let after = self.to.tomorrow().unwrap_or(self.to);
        Period { start: start_of(self.from), end: start_of(after) }
    }

    pub fn question(&self, scope: &str) -> Result<Question, Error> {
        let scope = scopes::find(scope).ok_or(Error::NotFound { kind: "statistic", id: 0 })?;
        Ok(Question::whole(scope, self.period(), self.zone.clone()))
    }

    /// The address of the tickets behind a number.
    pub fn tickets(&self, scope: &str, more: &str) -> String {
        format!("/admin/statistics/tickets?scope={scope}&{}{more}", dates(self.from, self.to, &self.timezone))
    }

    /// What a link to another page of this period carries.
    pub fn query(&self) -> String {
        dates(self.from, self.to, &self.timezone)
    }

    fn days(&self) -> Vec<Date> {
        self.from.series(Span::new().days(1)).take_while(|date| *date <= self.to).collect()
    }
}

fn dates(from: Date, to: Date, timezone: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("from", &from.to_string()).append_pair("to", &to.to_string()).append_pair("timezone", timezone);
    query.finish()
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(i64::MAX, |span| i64::from(span.get_days()))
}

/// Whoever asks the questions of the page.
struct Asking<'a> {
    may: &'a CanRead<Statistics>,
    chosen: &'a Chosen,
}

type Rows = Vec<Map<String, Value>>;

impl Asking<'_> {
    async fn answer(&self, tx: &mut Tx, question: &Question) -> Result<Rows, Error> {
        Ok(statistics::answer(tx, self.may, question, 0, 10_000).await?.rows)
    }

    async fn tiles(&self, tx: &mut Tx) -> Result<Vec<Tile>, Error> {
        let mut tiles = Vec::new();
        for (label, scope, measure) in [
            ("Tickets created", "tickets-created", "ticketCount"),
            ("Tickets closed", "tickets-closed", "ticketCount"),
            ("Still open", "tickets-open", "ticketCount"),
            ("First response", "first-response-time", "medianFirstResponseTime"),
            ("Time to resolution", "resolution-time", "medianResolutionTime"),
            ("Satisfaction", "satisfaction-surveys", "averageSurveyScore"),
        ] {
            let rows = self.answer(tx, &self.chosen.question(scope)?).await?;
            let row = rows.first().cloned().unwrap_or_default();
            let value = row.get(measure).unwrap_or(&Value::Null);
            let n_scored = row.get("scoredSurveysCount").and_then(Value::as_i64).unwrap_or_default();
            let rate = row.get("responseRate").and_then(Value::as_f64);
            let (value, under) = match measure {
                "averageSurveyScore" => (
                    value.as_f64().map_or_else(nothing, |score| format!("{score:.1} of 5")),
                    rate.map_or_else(
                        || "no survey sent".to_owned(),
                        |rate| format!("{} answers, {rate:.0} % of those asked", reach::number(n_scored)),
                    ),
                ),
                "ticketCount" => (reach::number(value.as_i64().unwrap_or_default()), String::new()),
                _ => match value.as_f64() {
                    Some(seconds) => (duration(seconds), "half were faster".to_owned()),
                    None => (nothing(), "nothing to measure".to_owned()),
                },
            };
            let is_something = value != nothing() && value != "0";
            tiles.push(Tile { label, value, under, href: is_something.then(|| self.chosen.tickets(scope, "")) });
        }
        Ok(tiles)
    }

    async fn charts(&self, tx: &mut Tx) -> Result<Vec<Chart>, Error> {
        let created = self.by_day(tx, "tickets-created", "ticketCount").await?;
        let closed = self.by_day(tx, "tickets-closed", "ticketCount").await?;
        let first_response = self.by_day(tx, "first-response-time", "medianFirstResponseTime").await?;
        let days = self.chosen.days();
        let values = |of: &BTreeMap<Date, f64>| days.iter().map(|day| of.get(day).copied()).collect::<Vec<_>>();
        let counted = |of: &BTreeMap<Date, f64>| {
            days.iter().map(|day| Some(of.get(day).copied().unwrap_or(0.0))).collect::<Vec<_>>()
        };
        Ok(vec![
            Chart::new(
                ("volume", "Support volume", "Tickets created and closed, by day"),
                &days,
                vec![Series::new("Created", counted(&created)), Series::new("Closed", counted(&closed))],
                |_| 1.0,
                |n| reach::number(whole(n)),
            ),
            Chart::new(
                ("first-response", "First response", "How long half of the customers waited at most, by day"),
                &days,
                vec![Series::new("Median", values(&first_response))],
                unit_of_time,
                duration,
            ),
        ])
    }

    async fn by_day(&self, tx: &mut Tx, scope: &str, measure: &str) -> Result<BTreeMap<Date, f64>, Error> {
        let mut question = self.chosen.question(scope)?;
        let time = question.scope.times.first().copied().unwrap_or_default();
        question.grain = Some((time, Granularity::Day));
        question.measures.retain(|it| it.name == measure);
        let rows = self.answer(tx, &question).await?;
        let day = |row: &Map<String, Value>| row.get(time)?.as_str()?.get(..10)?.parse::<Date>().ok();
        Ok(rows.iter().filter_map(|row| Some((day(row)?, row.get(measure)?.as_f64()?))).collect())
    }

    async fn tables(&self, tx: &mut Tx) -> Result<Vec<Table>, Error> {
        let by_channel = self.table(tx, Dimension::Channel, "channel").await?;
        let by_user = self.table(tx, Dimension::User, "agent").await?;
        let mut tagged = self.chosen.question("tags")?;
        tagged.dimensions = vec![Dimension::Tag];
        tagged.order = vec![("ticketCount".to_owned(), true)];
        let tagged = statistics::answer(tx, self.may, &tagged, 0, ROWS_MAX).await?.rows;
        let ids = tagged.iter().filter_map(|row| row.get("tagId")?.as_i64());
        let named = names::of_tags(tx, self.may, ids.collect::<Vec<_>>()).await?;
        let of_tag = |row: &Map<String, Value>| {
            let id = row.get("tagId")?.as_i64()?;
            Some(Row {
                name: text::shown(named.get(&id)?, 60),
                n_created: reach::number(row.get("ticketCount")?.as_i64()?),
                created_href: self.chosen.tickets("tags", &format!("&tag={id}")),
                n_closed: String::new(),
                closed_href: String::new(),
                first_response: String::new(),
            })
        };
        Ok(vec![
            Table {
                id: "channels",
                heading: "By channel",
                about: "Where customers write",
                column: "Channel",
                rows: by_channel,
            },
            Table {
                id: "people",
                heading: "By person",
                about: "By whom tickets are assigned to now",
                column: "Person",
                rows: by_user,
            },
            Table {
                id: "tags",
                heading: "By tag",
                about: "When a tag was put on",
                column: "Tag",
                rows: tagged.iter().filter_map(of_tag).collect(),
            },
        ])
    }

    async fn table(&self, tx: &mut Tx, dimension: Dimension, parameter: &str) -> Result<Vec<Row>, Error> {
        let name = dimension.name();
        let mut found: BTreeMap<String, (Value, Vec<Option<f64>>)> = BTreeMap::new();
        let asked = [
            ("tickets-created", "ticketCount"),
            ("tickets-closed", "ticketCount"),
            ("first-response-time", "averageFirstResponseTime"),
        ];
        for (index, (scope, measure)) in asked.into_iter().enumerate() {
            let mut question = self.chosen.question(scope)?;
            question.dimensions = vec![dimension];
            question.measures.retain(|it| it.name == measure);
            for row in self.answer(tx, &question).await? {
                let about = row.get(name).cloned().unwrap_or(Value::Null);
                let entry = found.entry(about.to_string()).or_insert_with(|| (about, vec![None; asked.len()]));
                if let Some(place) = entry.1.get_mut(index) {
                    *place = row.get(measure).and_then(Value::as_f64);
                }
            }
        }
        let ids: Vec<i64> = found.values().filter_map(|(about, _)| about.as_i64()).collect();
        let named = if ids.is_empty() { BTreeMap::new() } else { names::of_users(tx, self.may, ids).await? };
        let mut rows: Vec<(Value, Vec<Option<f64>>)> = found.into_values().collect();
        rows.sort_by(|(_, one), (_, other)| {
            other.first().partial_cmp(&one.first()).unwrap_or(std::cmp::Ordering::Equal)
        });
        rows.truncate(ROWS_MAX);
        let row = |(about, numbers): (Value, Vec<Option<f64>>)| {
            let (label, value) = match &about {
                Value::String(word) => (channel_in_words(word), word.clone()),
                Value::Number(id) => {
                    let name = id.as_i64().and_then(|id| named.get(&id));
                    (name.map_or_else(|| format!("Person {id}"), |name| text::shown(name, 60)), id.to_string())
                }
                _ => ("Nobody".to_owned(), "none".to_owned()),
            };
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let more = format!("&{parameter}={value}");
            let number = |index: usize| numbers.get(index).copied().flatten();
            Row {
                name: label,
                n_created: reach::number(whole(number(0).unwrap_or_default())),
                created_href: self.chosen.tickets("tickets-created", &more),
                n_closed: reach::number(whole(number(1).unwrap_or_default())),
                closed_href: self.chosen.tickets("tickets-closed", &more),
                first_response: number(2).map_or_else(nothing, duration),
            }
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

fn nothing() -> String {
    "–".to_owned()
}

#[expect(clippy::cast_possible_truncation, reason = "counts")]
pub fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// Seconds as people say them: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let seconds = whole(seconds);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |n: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 { format!("{n} {unit}") } else { format!("{n} {unit} {rest} {small}") }
    };
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => pair(hours, "h", minutes % 60, "min"),
        _ => pair(days, "d", hours % 24, "h"),
    }
}

/// The seconds of the greatest unit of which this is more than two.
pub fn unit_of_time(seconds: f64) -> f64 {
    [86_400.0, 3_600.0, 60.0].into_iter().find(|unit| 2.0 * unit < seconds).unwrap_or(1.0)
}

/// `contact_form` as people say it: `Contact form`.
pub fn channel_in_words(word: &str) -> String {
    match word {
        "email" => "E-mail".to_owned(),
        "sms" => "SMS".to_owned(),
        other => text::capitalized(&text::shown(&other.replace(['_', '-'], " "), 40)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_people_say_them() {
        assert_eq!(reach::number(1_234_567), "1,234,567");
        assert_eq!(reach::number(999), "999");
        let texts = [0.0, 59.0, 720.0, 11_100.0, 7200.0, 187_200.0].map(duration);
        assert_eq!(texts, ["0 s", "59 s", "12 min", "3 h 5 min", "2 h", "2 d 4 h"]);
        assert_eq!(["email", "contact_form", "chat"].map(channel_in_words), ["E-mail", "Contact form", "Chat"]);
    }
}

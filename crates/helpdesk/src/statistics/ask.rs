//! Asking the database: from the counts where these know the answer, else from the rows.

use jiff::Timestamp;
use serde_json::Value as Json;
use store::{Row, Tx};

use super::counts::{Level, QUARTER, QUARTERS_A_DAY};
use super::scopes::Dimension;
use super::sources::{Part, Source, Table};
use super::{Among, Behind, Filter, Question};
use crate::Error;
use crate::custom_fields::list_part;
use crate::page::{Column, Order, Page, Query, Slice};

/// What rows of the database are told apart by. 0 and an empty text where nothing is, or nobody asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Apart {
    pub quarter: i64,
    pub user_id: i64,
    pub channel: String,
    pub integration_id: i64,
    pub part: i64,
}

pub(super) struct Counted {
    pub apart: Apart,
    pub n: i64,
    pub total: i64,
}

/// How many, and their sum, by what the question tells apart; `with_part` also by the source's part.
pub(super) async fn counted(
    tx: &mut Tx,
    question: &Question,
    source: &Source,
    with_part: bool,
) -> Result<Vec<Counted>, Error> {
    let with_part = with_part && source.tells_part();
    let (mut query, columns) = if counts_know(question) {
        from_counts(question, source, with_part)
    } else {
        from_rows(question, source, with_part)
    };
    if !columns.is_empty() {
        query.sql.push_str(&group_by_first(columns.len()));
    }
    let rows = tx.rows(&query.sql, &query.params).await?;
    let counted = rows
        .iter()
        .map(|row| Ok(Counted { apart: Apart::from_row(row, &columns)?, n: row.int("n")?, total: row.int("total")? }));
    counted.collect()
}

/// Whether the counts tell everything apart that is asked for.
pub(super) fn counts_know(question: &Question) -> bool {
    let period = question.period;
    let is_aligned = |at: Timestamp| at.as_microsecond() % QUARTER == 0;
    let filters_known = question.filters.iter().all(|it| {
        matches!(
            it,
            Filter::User(_) | Filter::UserOfTeams(_) | Filter::Team(_) | Filter::Channel(_) | Filter::Integration(_)
        )
    });
    period.start < period.end && is_aligned(period.start) && is_aligned(period.end) && filters_known
}

/// Served by the primary key: ranges of quarters of one measure. The rows that tell nothing apart are asked where nothing is told apart;
/// else, where no time is, whole days are asked for at once, and single quarters only before the first and after the last of them.
fn from_counts(question: &Question, source: &Source, with_part: bool) -> (Query, Vec<&'static str>) {
    let columns = columns(question, with_part);
    let is_plain = question.filters.is_empty() && columns.iter().all(|it| matches!(*it, "quarter" | "part"));
    let start = question.period.start.as_microsecond() / QUARTER;
    let end = question.period.end.as_microsecond() / QUARTER;
    let first_day = start + (-start).rem_euclid(QUARTERS_A_DAY);
    let last_day = end - end.rem_euclid(QUARTERS_A_DAY);
    let ranges = if is_plain {
        vec![(Level::All, start, end)]
    } else if question.grain.is_some() || last_day <= first_day {
        vec![(Level::Fine, start, end)]
    } else {
        vec![(Level::Fine, start, first_day), (Level::Day, first_day, last_day), (Level::Fine, last_day, end)]
    };
    let mut query = Query::new("select ");
    for column in &columns {
        query.sql.push_str(&format!("c.{column}, "));
    }
    query.sql.push_str(
        "cast(coalesce(sum(c.n), 0) as bigint) as n, cast(coalesce(sum(c.total), 0) as bigint) as total from (",
    );
    for (at, (level, from, to)) in ranges.into_iter().filter(|(_, from, to)| from < to).enumerate() {
        if at > 0 {
            query.sql.push_str(" union all ");
        }
        query.sql.push_str(
            "select quarter, user_id, team_id, channel, integration_id, part, n, total from statistics_counts where 1 = 1",
        );
        query.and("measure =", level.of(source.measure));
        query.and("quarter >=", from);
        query.and("quarter <", to);
        for filter in &question.filters {
            match filter {
                Filter::User(among) => among.add("user_id", 0, &mut query),
                Filter::UserOfTeams(ids) => members("user_id", ids, &mut query),
                Filter::Team(among) => among.add("team_id", 0, &mut query),
                Filter::Channel(among) => among.add("channel", String::new(), &mut query),
                Filter::Integration(among) => among.add("integration_id", 0, &mut query),
                Filter::Score(_)
                | Filter::TagsAny(_)
                | Filter::TagsAll(_)
                | Filter::TagsNone(_)
                | Filter::Field(_)
                | Filter::FieldValue { .. }
                | Filter::Never => {}
            }
        }
    }
    query.sql.push_str(") c");
    (query, columns)
}

/// Served by the index of the source's time.
fn from_rows(question: &Question, source: &Source, with_part: bool) -> (Query, Vec<&'static str>) {
    let columns = columns(question, with_part);
    let mut query = rows_of(
        source,
        &columns,
        &format!("count(*) as n, cast(coalesce(sum({}), 0) as bigint) as total", source.value),
    );
    narrow(question, source, &mut query);
    (query, columns)
}

/// By place: a name would be taken for that of a column of a table.
pub(super) fn group_by_first(n: usize) -> String {
    let places: Vec<String> = (1..=n).map(|place| place.to_string()).collect();
    format!(" group by {}", places.join(", "))
}

/// `select` what is told apart and `more` from the source's table.
pub(super) fn rows_of(source: &Source, columns: &[&'static str], more: &str) -> Query {
    let mut sql = String::from("select ");
    for column in columns {
        let expression = match *column {
            "quarter" => format!("{} / {QUARTER}", source.time),
            "user_id" => format!("coalesce({}, 0)", source.user),
            "channel" => source.channel.to_owned(),
            "integration_id" => format!("coalesce({}, 0)", source.integration),
            _ => match source.part {
                Part::Column(column) => column.to_owned(),
                Part::None | Part::Bucket => "0".to_owned(),
            },
        };
        sql.push_str(&format!("{expression} as {column}, "));
    }
    sql.push_str(&format!("{more} from {}", source.table.from()));
    Query::new(&sql)
}

/// The source's own condition, the period and the filters.
pub(super) fn narrow(question: &Question, source: &Source, query: &mut Query) {
    query.and_text(source.condition);
    query.and(&format!("{} >=", source.time), question.period.start);
    query.and(&format!("{} <", source.time), question.period.end);
    for filter in &question.filters {
        match filter {
            Filter::User(among) => among.add(&format!("coalesce({}, 0)", source.user), 0, query),
            Filter::UserOfTeams(ids) => members(source.user, ids, query),
            Filter::Team(among) => among.add("coalesce(f.assignee_team_id, 0)", 0, query),
            Filter::Channel(among) => among.add(source.channel, String::new(), query),
            Filter::Integration(among) => among.add(&format!("coalesce({}, 0)", source.integration), 0, query),
            Filter::Score(among) => {
                let score = "coalesce((select x.score from statistics_surveys x where x.ticket_id = f.ticket_id), 0)";
                among.add(score, 0, query);
            }
            Filter::TagsAny(ids) => tagged(query, "exists", ids),
            Filter::TagsNone(ids) => tagged(query, "not exists", ids),
            Filter::TagsAll(ids) => {
                for id in ids {
                    tagged(query, "exists", &[*id]);
                }
            }
            Filter::Field(ids) => {
                query.sql.push_str(" and exists (select 1 from ticket_field_values x where x.ticket_id = f.ticket_id");
                query.and_in("x.field_id", ids.iter().copied());
                query.sql.push(')');
            }
            Filter::FieldValue { field_id, not, values } => {
                let not = if *not { "not " } else { "" };
                query.sql.push_str(&format!(
                    " and {not}exists (select 1 from ticket_field_values x where x.ticket_id = f.ticket_id"
                ));
                query.and("x.field_id =", *field_id);
                valued(query, values);
                query.sql.push(')');
            }
            Filter::Never => query.and_text("1 = 0"),
        }
    }
}

/// One of these values: texts, numbers, or true and false.
fn valued(query: &mut Query, values: &[Json]) {
    let mut any = vec!["1 = 0".to_owned()];
    for value in values {
        any.push(match value {
            Json::String(text) => {
                let (whole, part) = (query.bind(text), query.bind(list_part(text)));
                format!("x.text_value = {whole} or replace(x.list_value, {part}, '') <> x.list_value")
            }
            Json::Bool(flag) => format!("x.flag_value = {}", query.bind(*flag)),
            Json::Number(number) => format!("x.number_value = {}", query.bind(number.as_f64().unwrap_or_default())),
            _ => continue,
        });
    }
    query.and_text(&format!("({})", any.join(" or ")));
}

fn members(column: &str, team_ids: &[i64], query: &mut Query) {
    query.sql.push_str(&format!(" and {column} in (select person_id from team_members where 1 = 1"));
    query.and_in("team_id", team_ids.iter().copied());
    query.sql.push(')');
}

fn tagged(query: &mut Query, exists: &str, ids: &[i64]) {
    let places: Vec<String> = ids.iter().map(|id| query.bind(*id)).collect();
    let among = if places.is_empty() { "1 = 0".to_owned() } else { format!("x.tag_id in ({})", places.join(", ")) };
    query.and_text(&format!(
        "{exists} (select 1 from statistics_ticket_tags x where x.ticket_id = f.ticket_id and {among})"
    ));
}

/// What the question tells apart, as the counts call it.
pub(super) fn columns(question: &Question, with_part: bool) -> Vec<&'static str> {
    let mut columns = Vec::new();
    if question.grain.is_some() {
        columns.push("quarter");
    }
    for dimension in &question.dimensions {
        let column = match dimension {
            Dimension::User => "user_id",
            Dimension::Channel => "channel",
            Dimension::Integration => "integration_id",
            Dimension::Tag | Dimension::Macro | Dimension::FieldValue | Dimension::TicketId | Dimension::Unknown(_) => {
                continue;
            }
        };
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    if with_part {
        columns.push("part");
    }
    columns
}

impl Apart {
    pub(super) fn from_row(row: &Row, columns: &[&'static str]) -> Result<Apart, Error> {
        let mut apart = Apart::default();
        for column in columns {
            match *column {
                "quarter" => apart.quarter = row.int("quarter")?,
                "user_id" => apart.user_id = row.int("user_id")?,
                "channel" => apart.channel = row.text("channel")?,
                "integration_id" => apart.integration_id = row.int("integration_id")?,
                _ => apart.part = row.int("part")?,
            }
        }
        Ok(apart)
    }
}

impl<T: Clone + Into<store::Value>> Among<T> {
    /// `nothing` is what the column holds where there is none.
    fn add(&self, column: &str, nothing: T, query: &mut Query) {
        match self {
            Among::These(values) => query.and_in(column, values.iter().cloned()),
            Among::NotThese(values) if values.is_empty() => {}
            Among::NotThese(values) => query.and_in(&format!("not {column}"), values.iter().cloned()),
            Among::Set => query.and(&format!("{column} <>"), nothing),
        }
    }
}

const BY_TIME_CREATED: &[Column] = &[Column::Int("f.created_at", "at"), Column::Int("f.ticket_id", "ticket_id")];
const BY_TIME_CLOSED: &[Column] = &[Column::Int("f.closed_at", "at"), Column::Int("f.ticket_id", "ticket_id")];
const BY_TIME_REPLIED: &[Column] = &[Column::Int("f.first_reply_at", "at"), Column::Int("f.ticket_id", "ticket_id")];
const BY_TIME_HUMAN: &[Column] =
    &[Column::Int("f.first_human_reply_at", "at"), Column::Int("f.ticket_id", "ticket_id")];
const BY_TIME_SURVEYED: &[Column] = &[Column::Int("s.created_at", "at"), Column::Int("s.ticket_id", "ticket_id")];
const BY_ID: &[Column] = &[Column::Int("f.ticket_id", "ticket_id")];

pub(super) async fn tickets_behind(
    tx: &mut Tx,
    question: &Question,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Behind>, Error> {
    let Some(source) = question.scope.tickets else {
        return Ok(Page { items: Vec::new(), before: None, after: None, total: None });
    };
    let columns = match (source.table, source.time) {
        (Table::Messages | Table::Tags, _) => BY_ID,
        (Table::Surveys, _) => BY_TIME_SURVEYED,
        (Table::Tickets, "f.closed_at") => BY_TIME_CLOSED,
        (Table::Tickets, "f.first_reply_at") => BY_TIME_REPLIED,
        (Table::Tickets, "f.first_human_reply_at") => BY_TIME_HUMAN,
        (Table::Tickets, _) => BY_TIME_CREATED,
    };
    let query = behind(question, &source);
    let page = query.page(tx, Order { columns, descending }, slice).await?;
    page.try_map(|row| {
        Ok(Behind {
            ticket_id: row.int("ticket_id")?,
            user_id: row.int_or_null("user_id")?,
            channel: row.text("channel")?,
            integration_id: row.int_or_null("integration_id")?,
            at: row.time("at")?,
        })
    })
}

pub(super) async fn count_behind(tx: &mut Tx, question: &Question) -> Result<i64, Error> {
    let Some(source) = question.scope.tickets else { return Ok(0) };
    let behind = behind(question, &source);
    let sql = format!("select count(*) as n from ({}) as behind", behind.sql);
    let row = tx.row(&sql, &behind.params).await?;
    Ok(row.ok_or(store::StoreError::Column("n"))?.int("n")?)
}

fn behind(question: &Question, source: &Source) -> Query {
    let (at, table) = match source.table {
        Table::Tickets => (source.time, "statistics_tickets f"),
        Table::Surveys => (source.time, "statistics_surveys s join statistics_tickets f on f.ticket_id = s.ticket_id"),
        Table::Messages | Table::Tags => ("f.created_at", "statistics_tickets f"),
    };
    let select = format!(
        "select f.ticket_id as ticket_id, f.assignee_user_id as user_id, f.channel as channel, f.integration_id as integration_id,
                {at} as at
         from {table} where f.counted = 1"
    );
    let mut query = Query::new(&select);
    match source.table {
        Table::Tickets | Table::Surveys => narrow(question, source, &mut query),
        Table::Messages | Table::Tags => {
            // A ticket once, however many of its messages or tags are counted.
            query.sql.push_str(" and f.ticket_id in (select f.ticket_id from ");
            query.sql.push_str(source.table.from());
            narrow(question, source, &mut query);
            query.sql.push(')');
        }
    }
    query
}

//! Surveys as ratings of tickets: with who looked after the ticket, and given by whoever asked for it.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead};
use scope::resource::SatisfactionSurveys;
use serde_json::Value as Json;
use store::{Row, Tx};

use super::{Survey, insert, of_ticket, record, save, take};
use crate::Error;
use crate::page::{Column, Order, Page, Query, Slice};
use crate::tickets::Status;

/// A survey beside its ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Rating {
    pub survey: Survey,
    pub assignee_user_id: Option<i64>,
    pub assignee_team_id: Option<i64>,
}

/// What became of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Asked, and not answered yet.
    Asked,
    NotAsked,
    Any,
    AtLeast(i64),
    Below(i64),
}

/// Which ratings. The default is all of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    pub answered: Option<Answered>,
    pub with_comment: Option<bool>,
    /// Bounds of the time of creation, both inclusive.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

macro_rules! select_ratings {
    () => {
        "select s.id, s.ticket_id, s.customer_id, s.score, s.body_text, s.meta, s.created_at, s.should_send_at, s.sent_at, s.scored_at,
                t.assignee_user_id, t.assignee_team_id
         from satisfaction_surveys s join tickets t on t.id = s.ticket_id where 1 = 1"
    };
}

/// A page of them, by time of creation (`satisfaction_surveys_by_created`); the filters narrow along it.
pub async fn ratings(
    tx: &mut Tx,
    _may: &CanRead<SatisfactionSurveys>,
    which: &Which,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Rating>, Error> {
    const COLUMNS: &[Column] = &[Column::Int("s.created_at", "created_at"), Column::Int("s.id", "id")];
    let page = query_of(which).page(tx, Order { columns: COLUMNS, descending }, slice).await?;
    page.try_map(|row| Rating::from_row(&row))
}

/// How many there are, up to `page::COUNTED_MAX`.
pub async fn count_ratings(tx: &mut Tx, _may: &CanRead<SatisfactionSurveys>, which: &Which) -> Result<i64, Error> {
    query_of(which).count(tx).await
}

/// The rating with this id, or `NotFound`.
pub async fn rating(tx: &mut Tx, _may: &CanRead<SatisfactionSurveys>, id: i64) -> Result<Rating, Error> {
    read(tx, id).await
}

/// What whoever asked for a ticket thinks of it, given without having been asked. `NotFound` for a ticket of somebody else, `Refused` before
/// it was solved and once the answer can no longer be changed. Needs no permit: whose the ticket is decides.
pub async fn rate(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    ticket_id: i64,
    (score, body_text, meta): (i64, Option<&str>, Option<Json>),
) -> Result<Rating, Error> {
    let sql = "select customer_id, status from tickets where id = $1 and trashed_at is null";
    let row = tx.row(sql, &[ticket_id.into()]).await?;
    let not_found = Error::NotFound { kind: "ticket", id: ticket_id };
    let Some(row) = row else { return Err(not_found) };
    let customer_id = row.int("customer_id")?;
    if actor.person_id != Some(customer_id) {
        return Err(not_found);
    }
    let is_done = Status::parse(&row.text("status")?).is_some_and(Status::is_done);
    let sql =
        "select id from events where object_type = 'Ticket' and object_id = $1 and type = 'ticket-closed' limit 1";
    if !is_done && tx.row(sql, &[ticket_id.into()]).await?.is_none() {
        return Err(Error::Refused("A ticket is rated once it was solved.".to_owned()));
    }
    let body_text = body_text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let given = |survey: Survey| Survey {
        score: Some(score),
        body_text: body_text.clone(),
        meta: meta.clone().or(survey.meta.clone()),
        sent_at: survey.sent_at.or(Some(now)),
        scored_at: survey.scored_at.or(Some(now)),
        ..survey
    };
    let new = Survey {
        id: 0,
        ticket_id,
        customer_id,
        score: None,
        body_text: None,
        meta: None,
        created_at: now,
        should_send_at: None,
        sent_at: None,
        scored_at: None,
    };
    let id = match of_ticket(tx, ticket_id).await? {
        None => {
            let survey = insert(tx, given(new)).await?;
            let survey = survey.ok_or(Error::Taken { kind: "satisfaction survey", field: "ticket_id" })?;
            record(tx, actor, now, None, &survey).await?;
            survey.id
        }
        Some(known) => {
            let old = take(tx, known.id).await?;
            if !old.may_be_answered(now) {
                return Err(Error::Refused("The answer was given too long ago to be changed.".to_owned()));
            }
            let survey = given(old.clone());
            if survey != old {
                save(tx, &survey).await?;
                record(tx, actor, now, Some(&old), &survey).await?;
            }
            survey.id
        }
    };
    read(tx, id).await
}

async fn read(tx: &mut Tx, id: i64) -> Result<Rating, Error> {
    let row = tx.row(concat!(select_ratings!(), " and s.id = $1"), &[id.into()]).await?;
    Rating::from_row(&row.ok_or(Error::NotFound { kind: "satisfaction survey", id })?)
}

fn query_of(which: &Which) -> Query {
    let mut query = Query::new(select_ratings!());
    match which.answered {
        None => {}
        Some(Answered::Asked) => query.and_text("s.score is null and s.sent_at is not null"),
        Some(Answered::NotAsked) => query.and_text("s.score is null and s.sent_at is null"),
        Some(Answered::Any) => query.and_text("s.score is not null"),
        Some(Answered::AtLeast(score)) => query.and("s.score >=", score),
        Some(Answered::Below(score)) => query.and("s.score <", score),
    }
    match which.with_comment {
        None => {}
        Some(true) => query.and_text("coalesce(s.body_text, '') <> ''"),
        Some(false) => query.and_text("coalesce(s.body_text, '') = ''"),
    }
    if let Some(from) = which.from {
        query.and("s.created_at >=", from);
    }
    if let Some(to) = which.to {
        query.and("s.created_at <=", to);
    }
    query
}

impl Rating {
    fn from_row(row: &Row) -> Result<Rating, Error> {
        Ok(Rating {
            survey: Survey::from_row(row)?,
            assignee_user_id: row.int_or_null("assignee_user_id")?,
            assignee_team_id: row.int_or_null("assignee_team_id")?,
        })
    }
}

//! Satisfaction surveys: a customer is asked once, after their ticket was closed, how it went.
//!
//! Here is what a survey is, who may read and write it, and what the customer answers. When one is due, and the mail: `sending.rs`;
//! what the mail says: `mail.rs`; surveys beside their tickets, and answers that nobody asked for: `ratings.rs`.

pub mod mail;
mod ratings;
pub mod sending;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, SatisfactionSurveys, Tickets};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice};

pub use ratings::{Answered, Rating, Which, count_ratings, rate, rating, ratings};

pub const BODY_MAX_CHARS: usize = 1000;
/// How long the link in a mail works.
pub const LINK_DAYS: i64 = 30;
/// How long a customer may think better of an answer.
pub const CORRECTION_DAYS: i64 = 7;

/// Where in its `meta` a survey keeps why a customer was not content: a number that a dialect gives a meaning.
pub const REASON_CODE: &str = "reason_code";

const OBJECT_TYPE: &str = "SatisfactionSurvey";

#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    pub id: i64,
    pub ticket_id: i64,
    pub customer_id: i64,
    /// 1 worst, 5 best.
    pub score: Option<i64>,
    /// What the customer wrote besides.
    pub body_text: Option<String>,
    /// A JSON object.
    pub meta: Option<Json>,
    pub created_at: Timestamp,
    /// None: never.
    pub should_send_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub scored_at: Option<Timestamp>,
}

/// A survey that an app brings along.
#[derive(Debug, Clone, Default)]
pub struct NewSurvey {
    pub ticket_id: i64,
    pub customer_id: i64,
    pub score: Option<i64>,
    pub body_text: Option<String>,
    pub meta: Option<Json>,
    pub created_at: Option<Timestamp>,
    pub should_send_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub scored_at: Option<Timestamp>,
}

/// What to change. The outer `None` leaves a field as it is, the inner one clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub score: Option<Option<i64>>,
    pub body_text: Option<Option<String>>,
    pub meta: Option<Option<Json>>,
    pub created_at: Option<Timestamp>,
    pub should_send_at: Option<Option<Timestamp>>,
    pub sent_at: Option<Option<Timestamp>>,
    pub scored_at: Option<Option<Timestamp>>,
}

macro_rules! select_surveys {
    ($rest:literal) => {
        concat!(
            "select s.id, s.ticket_id, s.customer_id, s.score, s.body_text, s.meta, s.created_at, s.should_send_at, s.sent_at, s.scored_at
             from satisfaction_surveys s where 1 = 1",
            $rest
        )
    };
}

/// The survey with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<SatisfactionSurveys>, id: i64) -> Result<Survey, Error> {
    read(tx, id).await
}

/// A page of the list, by time of creation (`satisfaction_surveys_by_created`, or `_by_ticket` for one ticket's).
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<SatisfactionSurveys>,
    ticket_id: Option<i64>,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Survey>, Error> {
    const COLUMNS: &[Column] = &[Column::Int("s.created_at", "created_at"), Column::Int("s.id", "id")];
    let mut query = Query::new(select_surveys!(""));
    if let Some(ticket_id) = ticket_id {
        query.and("s.ticket_id =", ticket_id);
    }
    let page = query.page(tx, Order { columns: COLUMNS, descending }, slice).await?;
    page.try_map(|row| Survey::from_row(&row))
}

/// The surveys of these tickets by ticket, as a part of them, in one statement (`satisfaction_surveys_by_ticket`).
pub async fn of_tickets<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Tickets, A>,
    ids: &[i64],
) -> Result<HashMap<i64, Survey>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = Query::new(select_surveys!(""));
    query.and_in("s.ticket_id", ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter().map(|row| Survey::from_row(row).map(|survey| (survey.ticket_id, survey))).collect()
}

/// The survey of a ticket, as part of the ticket.
pub(crate) async fn of_ticket(tx: &mut Tx, ticket_id: i64) -> Result<Option<Survey>, Error> {
    let row = tx.row(select_surveys!(" and s.ticket_id = $1"), &[ticket_id.into()]).await?;
    row.as_ref().map(Survey::from_row).transpose()
}

/// Stores a survey. One that should be sent and was not yet is sent at its time.
///
/// `Invalid` for an unknown ticket or customer and for an answer to what was never sent, `Taken` if the ticket has one.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<SatisfactionSurveys>,
    now: Timestamp,
    new: &NewSurvey,
) -> Result<Survey, Error> {
    for (field, sql, id) in [
        ("ticket_id", "select id from tickets where id = $1", new.ticket_id),
        ("customer_id", "select id from people where id = $1 and is_staff = 0", new.customer_id),
    ] {
        if tx.row(sql, &[id.into()]).await?.is_none() {
            return Err(Error::invalid(field, format!("No {} has this id.", field.trim_end_matches("_id"))));
        }
    }
    let survey = Survey {
        id: 0,
        ticket_id: new.ticket_id,
        customer_id: new.customer_id,
        score: new.score,
        body_text: new.body_text.clone(),
        meta: new.meta.clone(),
        created_at: new.created_at.unwrap_or(now),
        should_send_at: new.should_send_at,
        sent_at: new.sent_at,
        scored_at: new.scored_at,
    };
    survey.check()?;
    let Some(survey) = insert(tx, survey).await? else {
        return Err(Error::Taken { kind: "satisfaction survey", field: "ticket_id" });
    };
    record(tx, may.actor(), now, None, &survey).await?;
    plan(tx, now, &survey).await?;
    Ok(survey)
}

/// Who would be asked about a ticket: whoever asked for it. `Invalid` on `ticket_id` for one that is not there.
pub async fn requester(tx: &mut Tx, _may: &CanWrite<SatisfactionSurveys>, ticket_id: i64) -> Result<i64, Error> {
    let row = tx.row("select customer_id from tickets where id = $1", &[ticket_id.into()]).await?;
    let row = row.ok_or_else(|| Error::invalid("ticket_id", "No ticket has this id."))?;
    Ok(row.int("customer_id")?)
}

/// Changes what was sent, and says nothing to the event log if nothing differs.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<SatisfactionSurveys>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Survey, Error> {
    let old = take(tx, id).await?;
    let mut new = old.clone();
    fn set<T: Clone>(field: &mut T, value: &Option<T>) {
        if let Some(value) = value {
            field.clone_from(value);
        }
    }
    set(&mut new.score, &changes.score);
    set(&mut new.body_text, &changes.body_text);
    set(&mut new.meta, &changes.meta);
    set(&mut new.created_at, &changes.created_at);
    set(&mut new.should_send_at, &changes.should_send_at);
    set(&mut new.sent_at, &changes.sent_at);
    set(&mut new.scored_at, &changes.scored_at);
    if new == old {
        return Ok(old);
    }
    new.check()?;
    save(tx, &new).await?;
    record(tx, may.actor(), now, Some(&old), &new).await?;
    if new.should_send_at != old.should_send_at {
        plan(tx, now, &new).await?;
    }
    Ok(new)
}

/// Has the survey of a ticket sent now, unless it was sent already, and says whether it will be. For rules and macros.
pub async fn send(tx: &mut Tx, actor: &Actor, now: Timestamp, ticket_id: i64) -> Result<bool, Error> {
    ask_at(tx, actor, now, ticket_id, now).await
}

/// The same at a time.
pub(crate) async fn ask_at(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    ticket_id: i64,
    at: Timestamp,
) -> Result<bool, Error> {
    let row = tx.row("select customer_id from tickets where id = $1", &[ticket_id.into()]).await?;
    let Some(row) = row else { return Err(Error::NotFound { kind: "ticket", id: ticket_id }) };
    let new = Survey {
        id: 0,
        ticket_id,
        customer_id: row.int("customer_id")?,
        score: None,
        body_text: None,
        meta: None,
        created_at: now,
        should_send_at: Some(at),
        sent_at: None,
        scored_at: None,
    };
    let survey = match insert(tx, new).await? {
        Some(survey) => {
            record(tx, actor, now, None, &survey).await?;
            survey
        }
        None => {
            let Some(known) = of_ticket(tx, ticket_id).await? else { return Ok(false) };
            let old = take(tx, known.id).await?;
            if old.sent_at.is_some() || old.scored_at.is_some() {
                return Ok(false);
            }
            let new = Survey { should_send_at: Some(at), ..old.clone() };
            if new != old {
                save(tx, &new).await?;
                record(tx, actor, now, Some(&old), &new).await?;
            }
            new
        }
    };
    plan(tx, now, &survey).await?;
    Ok(true)
}

/// What a customer sees who opens the link.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub survey: Survey,
    pub subject: Option<String>,
    pub may_answer: bool,
}

/// The survey behind a link whose signature was checked. None if it is gone.
pub async fn behind_link(tx: &mut Tx, now: Timestamp, id: i64) -> Result<Option<Asked>, Error> {
    let row = tx
        .row(
            "select s.id, s.ticket_id, s.customer_id, s.score, s.body_text, s.meta, s.created_at, s.should_send_at, s.sent_at,
                    s.scored_at, t.subject
             from satisfaction_surveys s join tickets t on t.id = s.ticket_id where s.id = $1",
            &[id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let survey = Survey::from_row(&row)?;
    let may_answer = survey.may_be_answered(now);
    Ok(Some(Asked { survey, subject: row.text_or_null("subject")?, may_answer }))
}

/// Stores what a customer answered, or thought better of, through the link. `Refused` once it can no longer be changed.
pub async fn answer(
    tx: &mut Tx,
    now: Timestamp,
    request_id: &str,
    (id, score, body_text): (i64, i64, Option<&str>),
) -> Result<Survey, Error> {
    let old = take(tx, id).await?;
    if !old.may_be_answered(now) {
        return Err(Error::Refused("The answer was given too long ago to be changed.".to_owned()));
    }
    let body_text = body_text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let new = Survey {
        score: Some(score),
        body_text,
        sent_at: old.sent_at.or(Some(now)),
        // The time of the first answer: from then on the days for second thoughts are counted.
        scored_at: old.scored_at.or(Some(now)),
        ..old.clone()
    };
    if new == old {
        return Ok(old);
    }
    new.check()?;
    save(tx, &new).await?;
    let actor = Actor { person_id: Some(old.customer_id), request_id: request_id.to_owned(), ..Actor::default() };
    record(tx, &actor, now, Some(&old), &new).await?;
    Ok(new)
}

/// How many were sent and answered in a time, and what the answers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    pub n_sent: i64,
    pub n_answered: i64,
    pub sum_of_scores: i64,
    /// Answers of 4 or 5.
    pub n_satisfied: i64,
}

/// Over those created since then (`satisfaction_surveys_by_created`).
pub async fn summary(tx: &mut Tx, _may: &CanRead<SatisfactionSurveys>, since: Timestamp) -> Result<Summary, Error> {
    let row = tx
        .row(
            "select count(sent_at) as n_sent, count(score) as n_answered, cast(coalesce(sum(score), 0) as bigint) as sum_of_scores,
                    count(case when score >= 4 then 1 end) as n_satisfied
             from satisfaction_surveys where created_at >= $1",
            &[since.into()],
        )
        .await?
        .ok_or(StoreError::Column("n_sent"))?;
    Ok(Summary {
        n_sent: row.int("n_sent")?,
        n_answered: row.int("n_answered")?,
        sum_of_scores: row.int("sum_of_scores")?,
        n_satisfied: row.int("n_satisfied")?,
    })
}

impl Survey {
    fn may_be_answered(&self, now: Timestamp) -> bool {
        self.scored_at.is_none_or(|at| now < at + SignedDuration::from_hours(24 * CORRECTION_DAYS))
    }

    fn check(&self) -> Result<(), Error> {
        if self.score.is_some_and(|score| !(1..=5).contains(&score)) {
            return Err(Error::invalid("score", "Must be greater than or equal to 1 and less than or equal to 5."));
        }
        if self.score.is_some() && self.scored_at.is_none() {
            return Err(Error::invalid("score", "Needs scored_datetime."));
        }
        if self.scored_at.is_some() && self.sent_at.is_none() {
            return Err(Error::invalid("scored_datetime", "Needs sent_datetime."));
        }
        Ok(())
    }

    /// What the log keeps of it.
    fn facts(&self) -> Json {
        json!({
            "ticket_id": self.ticket_id,
            "customer_id": self.customer_id,
            "score": self.score,
            "body_text": self.body_text,
            "meta": self.meta,
            "created_at": self.created_at,
            "should_send_at": self.should_send_at,
            "sent_at": self.sent_at,
            "scored_at": self.scored_at,
        })
    }

    fn from_row(row: &Row) -> Result<Survey, Error> {
        Ok(Survey {
            id: row.int("id")?,
            ticket_id: row.int("ticket_id")?,
            customer_id: row.int("customer_id")?,
            score: row.int_or_null("score")?,
            body_text: row.text_or_null("body_text")?,
            meta: row.json("meta")?,
            created_at: row.time("created_at")?,
            should_send_at: row.time_or_null("should_send_at")?,
            sent_at: row.time_or_null("sent_at")?,
            scored_at: row.time_or_null("scored_at")?,
        })
    }
}

async fn read(tx: &mut Tx, id: i64) -> Result<Survey, Error> {
    match tx.row(select_surveys!(" and s.id = $1"), &[id.into()]).await? {
        Some(row) => Survey::from_row(&row),
        None => Err(Error::NotFound { kind: "satisfaction survey", id }),
    }
}

/// Reads a survey and keeps its row until the transaction ends.
async fn take(tx: &mut Tx, id: i64) -> Result<Survey, Error> {
    tx.run("update satisfaction_surveys set score = score where id = $1", &[id.into()]).await?;
    read(tx, id).await
}

/// None if the ticket has one.
async fn insert(tx: &mut Tx, survey: Survey) -> Result<Option<Survey>, Error> {
    let row = tx
        .row(
            "insert into satisfaction_surveys (ticket_id, customer_id, score, body_text, meta, created_at, should_send_at, sent_at,
                                               scored_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (ticket_id) do nothing returning id",
            &[
                survey.ticket_id.into(),
                survey.customer_id.into(),
                survey.score.into(),
                survey.body_text.as_deref().into(),
                survey.meta.as_ref().into(),
                survey.created_at.into(),
                survey.should_send_at.into(),
                survey.sent_at.into(),
                survey.scored_at.into(),
            ],
        )
        .await?;
    match row {
        Some(row) => Ok(Some(Survey { id: row.int("id")?, ..survey })),
        None => Ok(None),
    }
}

async fn save(tx: &mut Tx, survey: &Survey) -> Result<(), Error> {
    tx.run(
        "update satisfaction_surveys set score = $1, body_text = $2, meta = $3, created_at = $4, should_send_at = $5, sent_at = $6,
                scored_at = $7
         where id = $8",
        &[
            survey.score.into(),
            survey.body_text.as_deref().into(),
            survey.meta.as_ref().into(),
            survey.created_at.into(),
            survey.should_send_at.into(),
            survey.sent_at.into(),
            survey.scored_at.into(),
            survey.id.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Enqueues the sending, if it has still to be sent.
async fn plan(tx: &mut Tx, now: Timestamp, survey: &Survey) -> Result<(), Error> {
    match survey.should_send_at {
        Some(at) if survey.sent_at.is_none() => sending::enqueue(tx, now, survey.id, at).await,
        _ => Ok(()),
    }
}

/// One event a change: that it was sent, that the customer answered, or that something else of it differs.
async fn record(tx: &mut Tx, actor: &Actor, now: Timestamp, old: Option<&Survey>, new: &Survey) -> Result<(), Error> {
    let was_sent = old.is_some_and(|old| old.sent_at.is_some());
    let answered =
        new.score.is_some() && old.is_none_or(|old| (old.score, &old.body_text) != (new.score, &new.body_text));
    let kind = match old {
        _ if answered => "satisfaction-survey-responded",
        _ if new.sent_at.is_some() && !was_sent => "satisfaction-survey-sent",
        Some(_) => "satisfaction-survey-updated",
        None => "satisfaction-survey-created",
    };
    let (before, after) = match old {
        Some(old) => {
            let (before, after) = events::difference(old.facts(), new.facts());
            (Some(before), after)
        }
        None => (None, new.facts()),
    };
    let change = Change {
        kind,
        object_type: OBJECT_TYPE,
        object_id: new.id,
        before,
        after: Some(after),
        data: Some(json!({ "ticket_id": new.ticket_id, "score": new.score })),
    };
    events::record(tx, actor, now, change).await
}

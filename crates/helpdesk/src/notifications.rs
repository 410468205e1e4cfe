//! Mails about a ticket that are none of its messages: what rules tell customers and staff of. A job sends each.
//!
//! What a mail says is fixed when the rule acts, in its transaction; that it was told stands in the event log. Where no mail server is set
//! up, nothing is sent and nothing waits. The one thing that is put in when a mail is sent is the link to a survey, which only its customer
//! gets: it is signed with a key that no transaction knows.

use jiff::Timestamp;
use outside::mail::{Mail, MailError, is_address};
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::Tx;
use store::queue::{self, NewJob};

use crate::Error;
use crate::actions::Whom;
use crate::events::{self, Change};
use crate::page::Query;
use crate::satisfaction_surveys::sending::{self, Post};
use crate::templates::{self, Facts, RATING_URL};

/// Job that sends one.
pub const KIND: &str = "send_notification";
/// The event that tells of it. Nothing else is told by this word (Gorgias contract, `enums.event_type`).
pub const EVENT: &str = "action-executed";

const MAX_ATTEMPTS: i64 = 12;
/// Most people that one action tells.
const PEOPLE_MAX: i64 = 200;
const SUBJECT_MAX_CHARS: usize = 998;
/// What a text names that asks its reader for a rating.
const RATES: &str = "satisfaction.rating_";

/// What is told about which ticket, in templates.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    pub ticket_id: i64,
    /// `current_user` of the templates.
    pub person_id: Option<i64>,
    pub subject: &'a str,
    pub body: &'a str,
}

/// Whom that is for a ticket, now. Nobody, where the ticket has no such person.
pub async fn people(tx: &mut Tx, ticket_id: i64, current: Option<i64>, whom: Whom) -> Result<Vec<i64>, Error> {
    let mut query = match whom {
        Whom::Customer => Query::new("select customer_id as id from tickets where 1 = 1"),
        Whom::Assignee => Query::new("select assignee_user_id as id from tickets where assignee_user_id is not null"),
        Whom::CustomerAndCcs => {
            let sql = "select customer_id as id from tickets where id = $1
                       union select person_id as id from ticket_people where ticket_id = $1 and part = 'cc' order by id limit $2";
            let rows = tx.rows(sql, &[ticket_id.into(), PEOPLE_MAX.into()]).await?;
            return Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?);
        }
        Whom::Person(id) => return Ok(vec![id]),
        Whom::CurrentUser => return Ok(current.into_iter().collect()),
        Whom::AllStaff => {
            let sql =
                "select id from people where is_staff = 1 and active = 1 and deleted_at is null order by id limit $1";
            let rows = tx.rows(sql, &[PEOPLE_MAX.into()]).await?;
            return Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?);
        }
        Whom::Team(team_id) => {
            let sql = "select m.person_id as id from team_members m
                       where m.team_id = coalesce($1, (select t.assignee_team_id from tickets t where t.id = $2))
                       order by m.person_id limit $3";
            let rows = tx.rows(sql, &[team_id.into(), ticket_id.into(), PEOPLE_MAX.into()]).await?;
            return Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?);
        }
    };
    query.and("id =", ticket_id);
    let rows = tx.rows(&query.sql, &query.params).await?;
    Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?)
}

/// Has each of these people told, with one event. Whether there is anybody who can be written to.
pub(crate) async fn send(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    notice: &Notice<'_>,
    people: &[i64],
) -> Result<bool, Error> {
    let mut query = Query::new(
        "select id, email, is_staff from people where email is not null and deleted_at is null and active = 1",
    );
    query.and_in("id", people.iter().copied());
    query.sql.push_str(" order by id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let facts = Facts::of(tx, notice.ticket_id, notice.person_id, [notice.subject, notice.body]).await?;
    let written = |facts: &Facts| (subject_of(notice.subject, facts), templates::text(notice.body, facts));
    let to_staff = written(&facts);
    let facts = facts.for_customers();
    let to_customers = written(&facts);
    let survey = match notice.body.contains(RATES) {
        true => sending::open(tx, now, notice.ticket_id).await?,
        false => None,
    };
    let with_link = survey.as_ref().map(|_| templates::text(notice.body, &facts.for_whoever_rates()));
    let mut told = Vec::with_capacity(rows.len());
    let mut seen = None;
    for row in &rows {
        let id = row.int("id")?;
        told.push(id);
        let (subject, body) = if row.flag("is_staff")? { &to_staff } else { &to_customers };
        seen.get_or_insert((subject, body));
        let mut letter = Letter { to: &row.text("email")?, person_id: id, subject, body, survey_id: None };
        if let (Some(survey), Some(body)) = (survey.as_ref().filter(|survey| survey.customer_id == id), &with_link) {
            letter = Letter { body, survey_id: Some(survey.id), ..letter };
            sending::sent(tx, actor, now, survey.id).await?;
        }
        enqueue(tx, now, &letter).await?;
    }
    let Some((subject, body)) = seen else { return Ok(false) };
    let change = Change {
        kind: EVENT,
        object_type: "Ticket",
        object_id: notice.ticket_id,
        before: None,
        after: None,
        data: Some(json!({ "action": "notify", "subject": subject, "body": body, "recipients": told })),
    };
    events::record(tx, actor, now, change).await?;
    Ok(true)
}

/// A mail to be.
pub(crate) struct Letter<'a> {
    pub to: &'a str,
    pub person_id: i64,
    pub subject: &'a str,
    pub body: &'a str,
    /// The survey whose link stands where the body says so.
    pub survey_id: Option<i64>,
}

/// Has a job send it.
pub(crate) async fn enqueue(tx: &mut Tx, now: Timestamp, letter: &Letter<'_>) -> Result<(), Error> {
    let Letter { to, person_id, subject, body, survey_id } = letter;
    let job = NewJob {
        kind: KIND,
        payload: json!({ "to": to, "subject": subject, "body": body, "person_id": person_id, "survey_id": survey_id }),
        run_at: now,
        dedupe_key: None,
        max_attempts: MAX_ATTEMPTS,
    };
    queue::enqueue(tx, now, job).await?;
    Ok(())
}

/// A subject is one line.
fn subject_of(template: &str, facts: &Facts) -> String {
    let subject = templates::text(template, facts);
    subject.chars().take(SUBJECT_MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Runs the job. A mail that is refused is given up; one that a server cannot take now is tried again.
pub async fn run(post: &Post<'_>, now: Timestamp, payload: &Json) -> Result<(), Error> {
    let text = |name: &str| payload.get(name).and_then(Json::as_str).unwrap_or_default();
    let mut body = text("body").to_owned();
    if let Some(survey_id) = payload.get("survey_id").and_then(Json::as_i64) {
        body = body.replace(RATING_URL, &sending::link(post, now, survey_id));
    }
    let mail = Mail {
        to: text("to").to_owned(),
        subject: text("subject").to_owned(),
        html: format!("<p>{}</p>", escape(&body).replace("\r\n", "\n").replace('\n', "<br>")),
        text: body,
    };
    if !is_address(&mail.to) {
        return Ok(());
    }
    match post.mailer.send(&mail).await {
        Ok(()) | Err(MailError::NotConfigured) => Ok(()),
        Err(error @ (MailError::Address { .. } | MailError::Refused(_))) => {
            let person_id = payload.get("person_id").and_then(Json::as_i64);
            tracing::warn!(%error, person_id, "a notification could not be sent");
            Ok(())
        }
        Err(error) => Err(Error::Refused(error.to_string())),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

//! When a survey goes out: the account's setting, the follower that plans one when a ticket is closed, and the job that sends it.
//!
//! Only what is closed while the setting is on is asked about, on the channels it names, and nothing that came in by an import.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use outside::Clock;
use outside::mail::{MailError, Mailer, is_address};
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{Db, Tx};

use super::mail::{self, Facts};
use super::{LINK_DAYS, Survey, ask_at, of_ticket, read, record, save, take};
use crate::Error;
use crate::events::{self, Change};
use crate::follow::{self, Logged};
use crate::page::{self, Query};

/// The kind of the setting in `settings`.
pub const SETTING: &str = "satisfaction-surveys";
/// Job and cursor of the follower.
pub const FOLLOWER: &str = "surveys";
/// What the key outside the database is used for when a link is signed.
pub const SIGNED_FOR: &str = "survey link";
/// Job that sends one.
pub const KIND: &str = "send_survey";

/// Events in one transaction, at most.
const SLICE: usize = 256;
const MAX_ATTEMPTS: i64 = 12;
/// Longest delay that the setting can ask for: a year.
const INTERVAL_MAX_HOURS: f64 = 8784.0;

/// When and about what customers are asked, and what the mail says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Setting {
    pub interval: SignedDuration,
    pub chat: bool,
    pub email: bool,
    pub help_center: bool,
    pub contact_form: bool,
    /// Templates; none: ours.
    pub email_html: Option<String>,
    pub email_text: Option<String>,
}

/// What the job needs from outside the database.
pub struct Post<'a> {
    pub mailer: &'a Mailer,
    /// Of this helpdesk, without a slash at the end.
    pub url: &'a str,
    /// Signs a link; only whoever holds the key outside the database can.
    pub sign: &'a (dyn Fn(&str) -> [u8; 32] + Sync),
}

impl Setting {
    /// From the stored JSON; what is missing is off.
    pub fn of(data: &Json) -> Setting {
        let flag = |name: &str| data.get(name).and_then(Json::as_bool).unwrap_or(false);
        let text = |name: &str| {
            data.get(name).and_then(Json::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned)
        };
        let hours = data.get("survey_interval").and_then(Json::as_f64).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "clamped to a year of seconds")]
        let seconds = (hours.clamp(0.0, INTERVAL_MAX_HOURS) * 3600.0) as i64;
        Setting {
            interval: SignedDuration::from_secs(seconds),
            chat: flag("send_survey_for_chat"),
            email: flag("send_survey_for_email"),
            help_center: flag("send_survey_for_help_center"),
            contact_form: flag("send_survey_for_contact_form"),
            email_html: text("survey_email_html"),
            email_text: text("survey_email_text"),
        }
    }

    /// Whether anybody is asked at all.
    pub const fn asks(&self) -> bool {
        self.chat || self.email || self.help_center || self.contact_form
    }

    fn asks_on(&self, channel: &str) -> bool {
        match channel {
            "chat" => self.chat,
            "email" => self.email,
            "help-center" => self.help_center,
            "contact_form" => self.contact_form,
            _ => false,
        }
    }
}

/// The setting; without one nobody is asked.
pub async fn setting(tx: &mut Tx) -> Result<Setting, Error> {
    let row = tx.row("select data from settings where type = $1", &[SETTING.into()]).await?;
    let data = row.map(|row| row.json("data")).transpose()?.flatten();
    Ok(data.as_ref().map(Setting::of).unwrap_or_default())
}

/// Puts the sending of a survey in the queue.
pub(super) async fn enqueue(tx: &mut Tx, now: Timestamp, survey_id: i64, at: Timestamp) -> Result<(), Error> {
    let job = NewJob {
        kind: KIND,
        payload: json!({ "survey_id": survey_id }),
        run_at: at,
        dedupe_key: Some(survey_id.to_string()),
        max_attempts: MAX_ATTEMPTS,
    };
    queue::enqueue(tx, now, job).await?;
    Ok(())
}

/// Runs the follower: plans a survey for each ticket that was closed, until there is nothing new.
pub async fn follow(db: &Db, clock: &Clock, run: &str) -> Result<(), Error> {
    follow::to_the_end!(db, clock, SLICE, |tx, now, size| slice(tx, now, run, size).await)
}

/// One slice, and how many events it took.
async fn slice(tx: &mut Tx, now: Timestamp, run: &str, size: usize) -> Result<usize, Error> {
    let events = follow::next(tx, FOLLOWER, size).await?;
    let Some(last) = events.last() else { return Ok(0) };
    let closed: Vec<&Logged> = events.iter().filter(|event| event.kind == "ticket-closed").collect();
    if !closed.is_empty() {
        let setting = setting(tx).await?;
        let over = over(tx, &setting, &closed).await?;
        let actor = Actor { worker: Some(FOLLOWER), request_id: run.to_owned(), ..Actor::default() };
        for event in closed.iter().filter(|event| over.contains(&event.object_id)) {
            ask_at(tx, &actor, now, event.object_id, event.created_at + setting.interval).await?;
        }
    }
    follow::advance(tx, FOLLOWER, last, now).await?;
    Ok(events.len())
}

/// Those of the closed tickets that are over, and whose customers the setting asks.
async fn over(tx: &mut Tx, setting: &Setting, closed: &[&Logged]) -> Result<HashSet<i64>, Error> {
    let ids: Vec<i64> = closed.iter().map(|event| event.object_id).collect();
    let mut query = Query::new(
        "select id, channel from tickets where status in ('solved', 'closed') and snoozed_until is null and trashed_at is null
            and spam = 0 and imported = 0",
    );
    query.and_in("id", page::padded(&ids));
    let mut over = HashSet::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        if setting.asks_on(&row.text("channel")?) {
            over.insert(row.int("id")?);
        }
    }
    Ok(over)
}

/// Runs the job that sends one survey.
///
/// A program that dies between the mail and the note of it sends the mail a second time; its link is the same.
pub async fn run(db: &Db, post: &Post<'_>, now: Timestamp, payload: &Json, run: &str) -> Result<(), Error> {
    let Some(survey_id) = payload.get("survey_id").and_then(Json::as_i64) else {
        return Err(Error::invalid("payload", "names no survey"));
    };
    let actor = Actor { worker: Some(KIND), request_id: run.to_owned(), ..Actor::default() };
    let letter = {
        let mut tx = db.read().await?;
        letter(&mut tx, post, now, survey_id).await?
    };
    let problem = match letter {
        Letter::NotDue => return Ok(()),
        Letter::Skip(reason) => Some(reason),
        Letter::Mail(mail) => match post.mailer.send(&mail).await {
            Ok(()) => None,
            Err(MailError::NotConfigured) => Some("no mail server is configured"),
            Err(error @ (MailError::Address { .. } | MailError::Refused(_))) => {
                tracing::warn!(%error, survey_id, "a survey could not be sent");
                Some("the mail was refused")
            }
            Err(error) => return Err(Error::Refused(error.to_string())),
        },
    };
    store::transact!(db, |tx| {
        match problem {
            None => sent(tx, &actor, now, survey_id).await,
            Some(reason) => skipped(tx, &actor, now, survey_id, reason).await,
        }
    })
}

/// What the job does about one survey.
enum Letter {
    /// Sent already, gone, or put off.
    NotDue,
    Skip(&'static str),
    Mail(outside::mail::Mail),
}

async fn letter(tx: &mut Tx, post: &Post<'_>, now: Timestamp, survey_id: i64) -> Result<Letter, Error> {
    let survey = match read(tx, survey_id).await {
        Err(Error::NotFound { .. }) => return Ok(Letter::NotDue),
        other => other?,
    };
    if survey.sent_at.is_some() || survey.should_send_at.is_none_or(|at| now < at) {
        return Ok(Letter::NotDue);
    }
    let row = tx
        .row(
            "select t.id, t.subject, t.status, t.spam, t.trashed_at, p.email, p.firstname, p.lastname, p.name
             from tickets t join people p on p.id = $2 where t.id = $1",
            &[survey.ticket_id.into(), survey.customer_id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(Letter::NotDue) };
    let reason = if !matches!(row.text("status")?.as_str(), "solved" | "closed") {
        Some("the ticket was reopened")
    } else if row.flag("spam")? {
        Some("the ticket is spam")
    } else if row.time_or_null("trashed_at")?.is_some() {
        Some("the ticket is in the trash")
    } else {
        None
    };
    if let Some(reason) = reason {
        return Ok(Letter::Skip(reason));
    }
    let Some(to) = row.text_or_null("email")?.filter(|email| is_address(email)) else {
        return Ok(Letter::Skip("the customer has no mail address"));
    };
    let account = crate::account::name(tx).await?.unwrap_or_default();
    let setting = setting(tx).await?;
    let link = link(post, now, survey.id);
    let (firstname, name) = (row.text("firstname")?, row.text_or_null("name")?.unwrap_or_default());
    let first_word = name.split_whitespace().next().unwrap_or_default();
    let facts = Facts {
        account: &account,
        link: &link,
        ticket_id: survey.ticket_id,
        subject: row.text_or_null("subject")?.unwrap_or_default(),
        firstname: if firstname.is_empty() { first_word.to_owned() } else { firstname },
        lastname: row.text("lastname")?,
        name: name.clone(),
        email: &to,
    };
    Ok(Letter::Mail(mail::write(&setting, &facts)))
}

/// Notes that a mail with its link is on its way: ours, or one that makes ours needless.
pub(crate) async fn sent(tx: &mut Tx, actor: &Actor, now: Timestamp, survey_id: i64) -> Result<(), Error> {
    let old = match take(tx, survey_id).await {
        Err(Error::NotFound { .. }) => return Ok(()),
        other => other?,
    };
    if old.sent_at.is_some() {
        return Ok(());
    }
    let new = Survey { sent_at: Some(now), ..old.clone() };
    save(tx, &new).await?;
    record(tx, actor, now, Some(&old), &new).await
}

/// Notes that nobody was asked. The next time the ticket is closed there is another chance.
async fn skipped(tx: &mut Tx, actor: &Actor, now: Timestamp, survey_id: i64, reason: &str) -> Result<(), Error> {
    let old = match take(tx, survey_id).await {
        Err(Error::NotFound { .. }) => return Ok(()),
        other => other?,
    };
    save(tx, &Survey { should_send_at: None, ..old.clone() }).await?;
    let change = Change {
        kind: "ticket-satisfaction-survey-skipped",
        object_type: "Ticket",
        object_id: old.ticket_id,
        before: None,
        after: None,
        data: Some(json!({ "survey_id": survey_id, "reason": reason })),
    };
    events::record(tx, actor, now, change).await
}

/// The survey of a ticket that its customer can still answer, for another mail that asks them.
pub(crate) async fn open(tx: &mut Tx, now: Timestamp, ticket_id: i64) -> Result<Option<Survey>, Error> {
    Ok(of_ticket(tx, ticket_id).await?.filter(|survey| survey.may_be_answered(now)))
}

/// Where a survey is answered, for so long. Opening it answers nothing.
pub(crate) fn link(post: &Post<'_>, now: Timestamp, survey_id: i64) -> String {
    let expires = now + SignedDuration::from_hours(24 * LINK_DAYS);
    format!("{}/survey/{}", post.url, link_token(post.sign, survey_id, expires))
}

/// The end of a survey's link: its number, until when it works, and a signature over both.
pub fn link_token(sign: &(dyn Fn(&str) -> [u8; 32] + Sync), survey_id: i64, expires: Timestamp) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claim = format!("{survey_id}.{}", expires.as_second());
    let signature = sign(&claim);
    format!("{claim}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The survey that a link is about. None if the signature is not ours or the link's time is over.
pub fn survey_of_link(sign: &(dyn Fn(&str) -> [u8; 32] + Sync), now: Timestamp, token: &str) -> Option<i64> {
    use subtle::ConstantTimeEq;
    let (claim, _signature) = token.rsplit_once('.')?;
    let (id, expires) = claim.split_once('.')?;
    let (id, expires) = (id.parse::<i64>().ok()?, Timestamp::from_second(expires.parse().ok()?).ok()?);
    let right = link_token(sign, id, expires);
    (bool::from(right.as_bytes().ct_eq(token.as_bytes())) && now < expires).then_some(id)
}

//! Who is told of what they subscribed to: of an organization, what is said on its tickets where customers can read it; of an article, comments
//! on it; of a section, new articles in it, and comments on them where that was asked for. A follower of the event log writes the mails, a job
//! sends each (`notifications.rs`).
//!
//! Nobody is told of what they did themselves, and nobody of what they may not see when it happens. Where no mail server is set up, nothing
//! is written at all.

use jiff::Timestamp;
use outside::Clock;
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::{Db, Tx};

use crate::events::{self, Change};
use crate::follow::{self, Logged};
use crate::help_center::{QUIET, news};
use crate::notifications::{self, Letter};
use crate::{Error, public_address};

/// The follower, its job and its cursor.
pub const KIND: &str = "subscribers";

/// Events in one transaction, at most.
const SLICE: usize = 256;
/// Mails after which a transaction takes no further event: others wait for it.
const LETTERS: usize = 200;
/// People who are told of one thing, at most.
pub(crate) const PEOPLE_MAX: i64 = 1_000;
/// Characters of what was said that a mail tells.
const SAID_MAX_CHARS: usize = 10_000;

/// Somebody who is to be told, and the subscription that says so, below the address of the interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub person_id: i64,
    pub email: String,
    pub subscription: String,
}

/// What they are told, and in a sentence why.
pub(crate) struct News {
    pub subject: String,
    pub body: String,
    pub why: String,
    /// What the event of it is about.
    pub about: (&'static str, i64),
}

/// Runs the follower until there is nothing new.
pub async fn follow(db: &Db, clock: &Clock, can_send: bool, run: &str) -> Result<(), Error> {
    follow::to_the_end!(db, clock, SLICE, |tx, now, size| slice(tx, (now, run), can_send, size).await)
}

/// One slice, and how many events it took.
async fn slice(tx: &mut Tx, (now, run): (Timestamp, &str), can_send: bool, size: usize) -> Result<usize, Error> {
    let events = follow::next(tx, KIND, size).await?;
    let Some(mut last) = events.last() else { return Ok(0) };
    let mut n_events = events.len();
    if can_send && is_anybody_there(tx).await? {
        let actor = Actor { worker: Some(KIND), request_id: run.to_owned(), ..Actor::default() };
        let mut n_letters = 0;
        for (at, event) in events.iter().enumerate() {
            n_letters += tell_of(tx, &actor, now, event).await?;
            if LETTERS <= n_letters {
                (last, n_events) = (event, at + 1);
                break;
            }
        }
    }
    follow::advance(tx, KIND, last, now).await?;
    Ok(n_events)
}

async fn is_anybody_there(tx: &mut Tx) -> Result<bool, Error> {
    for sql in
        ["select 1 as one from organization_subscriptions limit 1", "select 1 as one from help_subscriptions limit 1"]
    {
        if tx.row(sql, &[]).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many mails there are to send.
async fn tell_of(tx: &mut Tx, actor: &Actor, now: Timestamp, event: &Logged) -> Result<usize, Error> {
    let is_quiet = event.data.as_ref().is_some_and(|data| data.get(QUIET) == Some(&Json::Bool(true)));
    if is_quiet {
        return Ok(0);
    }
    let found = match (event.object_type.as_str(), event.kind.as_str()) {
        ("TicketMessage", "ticket-message-created") => of_message(tx, event.object_id).await?,
        ("ArticleComment", "article-comment-created") => news::of_comment(tx, event.object_id).await?,
        ("HelpText", _) if news::is_out(event.after.as_ref()) && !news::was_out(tx, event).await? => {
            news::of_text(tx, event.object_id, event.person_id).await?
        }
        _ => None,
    };
    let Some((news, people)) = found else { return Ok(0) };
    if !people.is_empty() {
        tell(tx, actor, now, &news, &people).await?;
    }
    Ok(people.len())
}

async fn tell(tx: &mut Tx, actor: &Actor, now: Timestamp, news: &News, people: &[Subscriber]) -> Result<(), Error> {
    let root = public_address::get(tx).await?;
    let mut told = Vec::with_capacity(people.len());
    for person in people {
        let body = format!(
            "{}\n\n--\n{} To end this, delete the subscription {root}/api/v2/{}.json, or ask us to.",
            news.body, news.why, person.subscription
        );
        let (to, subject) = (&person.email, &news.subject);
        let letter = Letter { to, person_id: person.person_id, subject, body: &body, survey_id: None };
        notifications::enqueue(tx, now, &letter).await?;
        told.push(person.person_id);
    }
    let (object_type, object_id) = news.about;
    let change = Change {
        kind: notifications::EVENT,
        object_type,
        object_id,
        before: None,
        after: None,
        data: Some(json!({ "action": "notify", "subject": news.subject, "body": news.body, "recipients": told })),
    };
    events::record(tx, actor, now, change).await
}

/// A subject is one line.
pub(crate) fn subject(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

pub(crate) fn cut(text: &str) -> String {
    text.chars().take(SAID_MAX_CHARS).collect()
}

/// What was said on a ticket of an organization, for who follows that. Whoever asked and whoever is copied in get it anyhow. Served by
/// `organization_subscriptions_by_organization`.
async fn of_message(tx: &mut Tx, message_id: i64) -> Result<Option<(News, Vec<Subscriber>)>, Error> {
    let row = tx
        .row(
            "select t.id, t.subject, t.organization_id, t.customer_id, o.name as organization_name, o.shared_tickets, m.body_text, m.sender_id,
                    p.name as sender_name
             from messages m join tickets t on t.id = m.ticket_id join organizations o on o.id = t.organization_id
             join people p on p.id = m.sender_id
             where m.id = $1 and m.public = 1 and m.imported = 0 and t.imported = 0 and t.spam = 0 and t.trashed_at is null",
            &[message_id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (ticket_id, organization_id) = (row.int("id")?, row.int("organization_id")?);
    let rows = tx
        .rows(
            "select s.id, p.id as person_id, p.email from organization_subscriptions s join people p on p.id = s.person_id
             where s.organization_id = $1 and p.id <> $2 and p.id <> $3 and p.email is not null and p.active = 1 and p.suspended = 0
                 and p.deleted_at is null
                 and (p.is_staff = 1 or ($4 = 1 and exists (
                     select 1 from organization_members m where m.organization_id = s.organization_id and m.customer_id = p.id)))
                 and not exists (select 1 from ticket_people x where x.ticket_id = $5 and x.person_id = p.id and x.part = 'cc')
             order by s.id limit $6",
            &[
                organization_id.into(),
                row.int("sender_id")?.into(),
                row.int("customer_id")?.into(),
                row.int("shared_tickets")?.into(),
                ticket_id.into(),
                PEOPLE_MAX.into(),
            ],
        )
        .await?;
    let mut people = Vec::with_capacity(rows.len());
    for row in &rows {
        people.push(Subscriber {
            person_id: row.int("person_id")?,
            email: row.text("email")?,
            subscription: format!("organization_subscriptions/{}", row.int("id")?),
        });
    }
    let name = |column: &'static str| row.text_or_null(column).map(Option::unwrap_or_default);
    let organization = name("organization_name")?;
    let root = public_address::get(tx).await?;
    let said = cut(&name("body_text")?);
    let body =
        format!("{} wrote on request {ticket_id}:\n\n{said}\n\n{root}/hc/requests/{ticket_id}", name("sender_name")?);
    let news = News {
        subject: subject(&format!("[{organization}] {} (#{ticket_id})", name("subject")?)),
        body,
        why: format!("You follow the requests of {organization}."),
        about: ("Ticket", ticket_id),
    };
    Ok(Some((news, people)))
}

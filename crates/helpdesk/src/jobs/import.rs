//! Taking tickets, customers and mails over from elsewhere: row by row into the domain, a slice of rows a transaction.
//!
//! What the rows are is the reader's business (the binary's `import/`). Here is what makes an import safe to repeat: a ticket is known by its
//! external id and a mail by its message id, so what is there already is skipped, and a run that was killed goes on behind its last
//! slice. A row that cannot be stored leaves nothing behind and is listed. In the end there is a receipt.

use std::collections::BTreeMap;

use jiff::Timestamp;
use outside::{Clock, sha256};
use scope::permit::{Actor, CanWrite, Permit};
use scope::resource::Tickets;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::{Db, StoreError, Tx};

use super::errors::NewError;
use super::job::{self, Kind, Work};
use super::run::{self, Ended, Progress, Run, Standing};
use crate::held_messages::{self, Cause, NewHeld};
use crate::pace::Pace;
use crate::people::PersonRef;
use crate::tags::NewTag;
use crate::tickets::message_draft::NewMessage;
use crate::tickets::message_write;
use crate::tickets::write::{self, NewTicket};
use crate::{Error, customers, tags};

/// Our own name in the event log.
pub const WORKER: &str = "import";

/// A row of a file, read.
#[derive(Debug, Clone)]
pub struct Row {
    /// From 1, counting everything that the reader gives.
    pub number: u64,
    /// Bytes of the file up to its end.
    pub end: u64,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Ticket(Box<Ticket>),
    Customer(PersonRef),
    Tag(NewTag),
    Mail(Box<Mail>),
    /// Of a kind that is not taken over.
    Skipped(String),
    /// Cannot be read.
    Wrong(String),
}

/// A ticket with its messages. Its `external_id` is set, and it is not made a second time.
#[derive(Debug, Clone, Default)]
pub struct Ticket {
    pub new: NewTicket,
    /// Of whom it is assigned to. Nobody, if none of our staff has the address.
    pub assignee_email: Option<String>,
    /// Of the team it is assigned to. None, if no team has the name.
    pub team: Option<String>,
}

/// A mail of a mailbox: an answer to one that is there, or the beginning of a ticket.
#[derive(Debug, Clone)]
pub struct Mail {
    pub message: NewMessage,
    /// Message ids that it answers, the nearest first.
    pub answers: Vec<String>,
    pub customer: PersonRef,
    /// Why it should be held back, as far as the mail tells.
    pub cause: Option<Cause>,
    pub recipient: Option<String>,
}

/// What is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The format's word.
    pub format: String,
    pub file: String,
    pub n_bytes: u64,
    /// Of the whole file, in hexadecimal: the same file is the same import.
    pub sha256: String,
}

/// What was counted so far. Saved with each slice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub rows: u64,
    pub tickets: u64,
    pub messages: u64,
    pub customers: u64,
    pub tags: u64,
    /// Mails that were held back.
    #[serde(default)]
    pub held: u64,
    pub failed: u64,
    /// Why, and how many.
    pub skipped: BTreeMap<String, u64>,
    /// SHA-256 over all rows' outcomes, each with the hash before it: two imports with the same hash did the same.
    pub outcomes_sha256: String,
}

/// An import under way.
pub struct Import<'a> {
    run: Run<'a>,
    may: CanWrite<Tickets>,
    progress: Progress,
    counts: Counts,
    pace: Pace,
}

/// How an import ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    pub job_id: i64,
    pub was_canceled: bool,
    /// As stored with the job.
    pub json: Json,
}

impl<'a> Import<'a> {
    /// Begins an import, or goes on with one of the same file that was cut off. `run` names this run (a UUID).
    pub async fn begin(db: &'a Db, clock: &'a Clock, run: &'a str, source: &Source) -> Result<Import<'a>, Error> {
        let now = clock.now();
        let job_id = store::transact!(db, |tx| find_or_make(tx, now, run, source).await)?;
        let begun = store::transact!(db, |tx| run::begin(tx, now, job_id, run).await)?;
        let Some((job, _)) = begun else {
            return Err(Error::Refused("The import was canceled before it went on.".to_owned()));
        };
        let may = Permit::system(WORKER, job.actor.request_id.clone());
        let actor = may.actor().clone();
        let run = Run { db, clock, job, name: run, actor };
        let progress = run.progress();
        let counts = serde_json::from_value(progress.checkpoint.clone()).unwrap_or_default();
        Ok(Import { run, may, progress, counts, pace: Pace::at_most(db, 256) })
    }

    pub fn job_id(&self) -> i64 {
        self.run.job.id
    }

    /// Rows that are dealt with already: the reader passes them over.
    pub fn n_done(&self) -> u64 {
        self.counts.rows
    }

    /// How many rows the next slice should have.
    pub fn size(&self) -> usize {
        self.pace.size()
    }

    /// Stores a slice of rows. False if the import must stop: it was canceled, or another run goes on with it.
    pub async fn slice(&mut self, rows: &[Row]) -> Result<bool, Error> {
        let slice = Slice { run: &self.run, may: &self.may, rows, before: &self.progress, counted: &self.counts };
        let (standing, progress, counts, began) =
            store::transact!(self.run.db.in_background(), |tx| slice.write(tx).await)?;
        if standing != Standing::Going {
            return Ok(false);
        }
        (self.progress, self.counts) = (progress, counts);
        self.pace.learn(rows.len(), began, self.run.clock.now());
        tokio::task::yield_now().await;
        Ok(true)
    }

    /// Ends the import and writes its receipt. `was_read` says that the reader came to the end of the file.
    pub async fn end(self, source: &Source, was_read: bool) -> Result<Receipt, Error> {
        let was_canceled = !was_read;
        store::transact!(self.run.db, |tx| {
            let receipt = json!({
                "job_id": self.run.job.id,
                "format": source.format,
                "file": source.file,
                "bytes": source.n_bytes,
                "sha256": source.sha256,
                "was_canceled": was_canceled,
                "rows": self.counts.rows,
                "created": {
                    "tickets": self.counts.tickets,
                    "messages": self.counts.messages,
                    "customers": self.counts.customers,
                    "tags": self.counts.tags,
                },
                "held": self.counts.held,
                "skipped": self.counts.skipped,
                "failed": self.counts.failed,
                "outcomes_sha256": self.counts.outcomes_sha256,
            });
            let sql = "update jobs set receipt = $1 where id = $2 and run = $3";
            tx.run(sql, &[(&receipt).into(), self.run.job.id.into(), self.run.name.into()]).await?;
            run::end(tx, &self.run, if was_canceled { Ended::Canceled } else { Ended::Done }).await?;
            Ok::<_, Error>(Receipt { job_id: self.run.job.id, was_canceled, json: receipt })
        })
    }
}

/// The unfinished import of the same file, or a new one.
async fn find_or_make(tx: &mut Tx, now: Timestamp, run: &str, source: &Source) -> Result<i64, Error> {
    let work = Work::Import {
        format: source.format.clone(),
        file: source.file.clone(),
        sha256: source.sha256.clone(),
        n_bytes: i64::try_from(source.n_bytes).unwrap_or(i64::MAX),
    };
    let rows = tx
        .rows(
            "select id, work from jobs where type = $1 and status in ('running', 'errored') order by created_at desc, id desc limit 100",
            &[Kind::Import.word().into()],
        )
        .await?;
    for row in rows {
        let other: Option<Work> = row.json("work")?.and_then(|work| serde_json::from_value(work).ok());
        if let Some(Work::Import { format, sha256, .. }) = other
            && format == source.format
            && sha256 == source.sha256
        {
            return Ok(row.int("id")?);
        }
    }
    let params = json!({ "format": source.format, "file": source.file });
    let row = tx
        .row(
            "insert into jobs (type, status, work, params, request_id, progress_total, created_at)
             values ($1, 'pending', $2, $3, $4, $5, $6) returning id",
            &[
                Kind::Import.word().into(),
                json!(work).into(),
                params.into(),
                run.into(),
                i64::try_from(source.n_bytes).unwrap_or(i64::MAX).into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let actor = Actor { worker: Some(WORKER), request_id: run.to_owned(), ..Actor::default() };
    let after = json!({ "type": Kind::Import.word(), "file": source.file, "sha256": source.sha256 });
    job::record(tx, &actor, now, "job-created", id, None, after).await?;
    Ok(id)
}

struct Slice<'a> {
    run: &'a Run<'a>,
    may: &'a CanWrite<Tickets>,
    rows: &'a [Row],
    before: &'a Progress,
    counted: &'a Counts,
}

/// What became of a row.
enum Outcome {
    Stored(String),
    Skipped { why: &'static str, details: String },
}

impl Slice<'_> {
    async fn write(&self, tx: &mut Tx) -> Result<(Standing, Progress, Counts, Timestamp), Error> {
        let now = self.run.clock.now();
        let (mut progress, mut counts) = (self.before.clone(), self.counted.clone());
        let standing = self.run.standing(tx).await?;
        if standing != Standing::Going {
            return Ok((standing, progress, counts, now));
        }
        let mut errors = Vec::new();
        let n_customers = self.n_customers_made(tx, now).await?;
        for row in self.rows {
            tx.mark().await?;
            let mut with_row = counts.clone();
            let outcome = match self.store(tx, now, &row.content, &mut with_row).await {
                Ok(outcome) => {
                    tx.keep_since_mark().await?;
                    counts = with_row;
                    outcome
                }
                Err(Error::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tx.back_to_mark().await?;
                    Err(error.to_string())
                }
            };
            let number = i64::try_from(row.number).ok();
            let text = match outcome {
                Ok(Outcome::Stored(what)) => what,
                Ok(Outcome::Skipped { why, details }) => {
                    *counts.skipped.entry(why.to_owned()).or_default() += 1;
                    let problem = format!("Skipped: {why}{details}.");
                    errors.push(NewError { ticket_id: None, row_number: number, problem: problem.clone() });
                    problem
                }
                Err(problem) => {
                    counts.failed += 1;
                    errors.push(NewError { ticket_id: None, row_number: number, problem: problem.clone() });
                    format!("Failed: {problem}")
                }
            };
            counts.rows = row.number;
            counts.outcomes_sha256 = chained(&counts.outcomes_sha256, row.number, &text);
            progress.done = i64::try_from(row.end).unwrap_or(i64::MAX);
        }
        counts.customers += u64::try_from(self.n_customers_made(tx, now).await? - n_customers).unwrap_or_default();
        progress.checkpoint = json!(counts);
        self.run.save(tx, &mut progress, &[], &errors).await?;
        Ok((standing, progress, counts, now))
    }

    /// The inner error is a row that cannot be read.
    async fn store(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        content: &Content,
        counts: &mut Counts,
    ) -> Result<Result<Outcome, String>, Error> {
        let actor = self.may.actor();
        let outcome = match content {
            Content::Ticket(ticket) => self.ticket(tx, now, ticket, counts).await?,
            Content::Mail(mail) => self.mail(tx, now, mail, counts).await?,
            Content::Customer(person) => {
                let n_before = self.n_customers_made(tx, now).await?;
                let id = customers::find_or_create(tx, actor, now, person).await?;
                if self.n_customers_made(tx, now).await? == n_before {
                    Outcome::Skipped { why: "the customer is there already", details: format!(" (customer {id})") }
                } else {
                    Outcome::Stored(format!("customer {}", person.email.as_deref().unwrap_or_default()))
                }
            }
            Content::Tag(tag) => {
                let there = tags::is_there(tx, &tag.name).await?;
                tags::find_or_create_by_names(tx, actor, now, std::slice::from_ref(tag)).await?;
                if there {
                    Outcome::Skipped { why: "the tag is there already", details: format!(" ({})", tag.name) }
                } else {
                    counts.tags += 1;
                    Outcome::Stored(format!("tag {}", tag.name))
                }
            }
            Content::Skipped(what) => Outcome::Skipped { why: "not taken over", details: format!(": {what}") },
            Content::Wrong(problem) => return Ok(Err(problem.clone())),
        };
        Ok(Ok(outcome))
    }

    /// Customers that this import has made at this instant: the difference between two looks is exact, whoever else makes some.
    async fn n_customers_made(&self, tx: &mut Tx, now: Timestamp) -> Result<i64, Error> {
        let sql =
            "select count(*) as n from events where type = 'customer-created' and created_at = $1 and request_id = $2";
        let row = tx.row(sql, &[now.into(), self.may.actor().request_id.as_str().into()]).await?;
        Ok(row.ok_or(StoreError::Column("n"))?.int("n")?)
    }

    async fn ticket(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        ticket: &Ticket,
        counts: &mut Counts,
    ) -> Result<Outcome, Error> {
        let mut new = ticket.new.clone();
        let Some(external_id) = new.external_id.clone() else {
            return Err(Error::invalid("external_id", "Missing data for required field."));
        };
        let sql = "select id from tickets where external_id = $1 order by id limit 1";
        if let Some(row) = tx.row(sql, &[external_id.as_str().into()]).await? {
            let details = format!(" (ticket {}, {external_id})", row.int("id")?);
            return Ok(Outcome::Skipped { why: "the ticket is there already", details });
        }
        if let Some(email) = &ticket.assignee_email {
            let sql =
                "select id from people where is_staff = 1 and active = 1 and deleted_at is null and email_key = $1";
            let row = tx.row(sql, &[email.trim().to_lowercase().into()]).await?;
            new.assignee_user_id = row.map(|row| row.int("id")).transpose()?;
        }
        if let Some(team) = &ticket.team {
            let row = tx.row("select id from teams where name = $1", &[team.as_str().into()]).await?;
            new.assignee_team_id = row.map(|row| row.int("id")).transpose()?;
        }
        let n_messages = new.messages.len() as u64;
        write::create(tx, self.may, now, new).await?;
        counts.tickets += 1;
        counts.messages += n_messages;
        Ok(Outcome::Stored(format!("ticket {external_id}")))
    }

    async fn mail(&self, tx: &mut Tx, now: Timestamp, mail: &Mail, counts: &mut Counts) -> Result<Outcome, Error> {
        let Some(message_id) = mail.message.message_id.clone() else {
            return Err(Error::invalid("message_id", "Missing data for required field."));
        };
        if let Some(ticket_id) = ticket_of(tx, &message_id).await? {
            let details = format!(" (ticket {ticket_id}, {message_id})");
            return Ok(Outcome::Skipped { why: "the mail is there already", details });
        }
        if let Some(held_id) = held_messages::is_there(tx, &message_id).await? {
            let details = format!(" (held back as {held_id}, {message_id})");
            return Ok(Outcome::Skipped { why: "the mail is there already", details });
        }
        let mut ticket_id = None;
        for answered in &mail.answers {
            ticket_id = ticket_of(tx, answered).await?;
            if ticket_id.is_some() {
                break;
            }
        }
        let author_email = mail.customer.email.as_deref().unwrap_or_default();
        if let Some(cause) = held_messages::cause_of_mail(tx, author_email, mail.cause).await? {
            let held = held_of(mail, ticket_id);
            held_messages::hold(tx, self.may.actor(), now, cause, &held).await?;
            counts.held += 1;
            return Ok(Outcome::Stored(format!("mail {message_id} (held back: {})", cause.word())));
        }
        counts.messages += 1;
        if let Some(ticket_id) = ticket_id {
            message_write::create(tx, self.may, now, ticket_id, mail.message.clone()).await?;
            return Ok(Outcome::Stored(format!("mail {message_id}")));
        }
        let new = NewTicket {
            customer: Some(mail.customer.clone()),
            subject: mail.message.subject.clone(),
            external_id: Some(format!("mail:{message_id}")),
            created_at: mail.message.created_at,
            updated_at: mail.message.created_at,
            imported: true,
            messages: vec![mail.message.clone()],
            ..NewTicket::default()
        };
        write::create(tx, self.may, now, new).await?;
        counts.tickets += 1;
        Ok(Outcome::Stored(format!("mail {message_id}")))
    }
}

/// A mail as it is held back.
fn held_of(mail: &Mail, ticket_id: Option<i64>) -> NewHeld {
    let message = mail.message.clone();
    NewHeld {
        author_name: mail.customer.name.clone(),
        author_email: mail.customer.email.clone(),
        subject: message.subject,
        body_text: message.body_text,
        body_html: message.body_html,
        recipient: mail.recipient.clone(),
        channel: message.channel,
        source: message.source,
        message_id: message.message_id,
        ticket_id,
        attachments: message.attachments,
        sent_at: message.sent_at,
        ..NewHeld::default()
    }
}

async fn ticket_of(tx: &mut Tx, message_id: &str) -> Result<Option<i64>, Error> {
    let row = tx
        .row("select ticket_id from messages where message_id = $1 order by id limit 1", &[message_id.into()])
        .await?;
    Ok(row.map(|row| row.int("ticket_id")).transpose()?)
}

fn chained(before: &str, number: u64, outcome: &str) -> String {
    let digest = sha256(format!("{before}\n{number}\n{outcome}").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! What statistics know of a ticket: the rows of one ticket, read and written together.

use std::collections::{BTreeMap, BTreeSet};

use store::{Row, Tx, Value};

use crate::Error;
use crate::page::Query;

/// Microseconds since 1970, as stored.
pub type Microseconds = i64;

/// Everything about one ticket. Without `ticket`, it was deleted or not heard of yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Whole {
    pub ticket: Option<TicketFact>,
    pub messages: BTreeMap<i64, MessageFact>,
    /// When each tag was put on.
    pub tags: BTreeMap<i64, Microseconds>,
    pub survey: Option<SurveyFact>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct TicketFact {
    pub channel: String,
    pub assignee_user_id: Option<i64>,
    pub assignee_team_id: Option<i64>,
    pub integration_id: Option<i64>,
    pub spam: bool,
    pub trashed: bool,
    pub created_at: Microseconds,
    pub closed_at: Option<Microseconds>,
    pub resolution_seconds: Option<i64>,
    pub n_reopened: i64,
    pub n_messages: i64,
    pub n_replies: i64,
    pub n_human_replies: i64,
    pub n_received: i64,
    pub first_reply: Option<Reply>,
    pub first_human_reply: Option<Reply>,
    pub handle_seconds: i64,
}

/// When an answer was given, and how long the customer had waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub at: Microseconds,
    pub seconds: i64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageFact {
    pub sent_at: Microseconds,
    pub sender_id: i64,
    pub channel: String,
    pub integration_id: Option<i64>,
    pub from_agent: bool,
    pub public: bool,
    pub automated: bool,
    pub macro_id: Option<i64>,
    pub response_seconds: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SurveyFact {
    pub created_at: Microseconds,
    pub sent_at: Option<Microseconds>,
    pub scored_at: Option<Microseconds>,
    pub score: Option<i64>,
}

impl Whole {
    pub fn is_counted(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| !ticket.spam && !ticket.trashed)
    }
}

/// The rows of these tickets, in four statements however many there are.
pub async fn load(tx: &mut Tx, ticket_ids: &BTreeSet<i64>) -> Result<BTreeMap<i64, Whole>, Error> {
    let mut wholes: BTreeMap<i64, Whole> = ticket_ids.iter().map(|id| (*id, Whole::default())).collect();
    let among = |sql: &str| {
        let mut query = Query::new(sql);
        query.and_in("ticket_id", ticket_ids.iter().copied());
        query
    };
    let query = among(
        "select ticket_id, channel, assignee_user_id, assignee_team_id, integration_id, spam, trashed, created_at, closed_at,
                resolution_seconds, n_reopened, n_messages, n_replies, n_human_replies, n_received, first_reply_at,
                first_reply_seconds, first_human_reply_at, first_human_reply_seconds, handle_seconds
         from statistics_tickets where 1 = 1",
    );
    for row in tx.rows(&query.sql, &query.params).await? {
        wholes.entry(row.int("ticket_id")?).or_default().ticket = Some(TicketFact::from_row(&row)?);
    }
    let query = among(
        "select ticket_id, message_id, sent_at, sender_id, channel, integration_id, from_agent, public, automated, macro_id,
                response_seconds
         from statistics_messages where 1 = 1",
    );
    for row in tx.rows(&query.sql, &query.params).await? {
        let whole = wholes.entry(row.int("ticket_id")?).or_default();
        whole.messages.insert(row.int("message_id")?, MessageFact::from_row(&row)?);
    }
    let query = among("select ticket_id, tag_id, tagged_at from statistics_ticket_tags where 1 = 1");
    for row in tx.rows(&query.sql, &query.params).await? {
        let whole = wholes.entry(row.int("ticket_id")?).or_default();
        whole.tags.insert(row.int("tag_id")?, row.int("tagged_at")?);
    }
    let query = among("select ticket_id, created_at, sent_at, scored_at, score from statistics_surveys where 1 = 1");
    for row in tx.rows(&query.sql, &query.params).await? {
        let survey = SurveyFact {
            created_at: row.int("created_at")?,
            sent_at: row.int_or_null("sent_at")?,
            scored_at: row.int_or_null("scored_at")?,
            score: row.int_or_null("score")?,
        };
        wholes.entry(row.int("ticket_id")?).or_default().survey = Some(survey);
    }
    Ok(wholes)
}

/// Writes what differs.
pub async fn save(tx: &mut Tx, ticket_id: i64, old: &Whole, new: &Whole) -> Result<(), Error> {
    let counted_changed = old.is_counted() != new.is_counted();
    if old.ticket != new.ticket {
        match &new.ticket {
            Some(ticket) => save_ticket(tx, ticket_id, ticket, new.is_counted()).await?,
            None => delete(tx, "delete from statistics_tickets where ticket_id = $1", &[ticket_id.into()]).await?,
        }
    }
    for (id, _) in old.messages.iter().filter(|(id, _)| !new.messages.contains_key(id)) {
        delete(tx, "delete from statistics_messages where message_id = $1", &[(*id).into()]).await?;
    }
    for (id, message) in &new.messages {
        if counted_changed || old.messages.get(id) != Some(message) {
            save_message(tx, (ticket_id, *id), message, new.is_counted()).await?;
        }
    }
    for (tag_id, _) in old.tags.iter().filter(|(id, _)| !new.tags.contains_key(id)) {
        let pair = [ticket_id.into(), (*tag_id).into()];
        delete(tx, "delete from statistics_ticket_tags where ticket_id = $1 and tag_id = $2", &pair).await?;
    }
    for (tag_id, tagged_at) in &new.tags {
        if counted_changed || old.tags.get(tag_id) != Some(tagged_at) {
            tx.run(
                "insert into statistics_ticket_tags (ticket_id, tag_id, tagged_at, counted) values ($1, $2, $3, $4)
                 on conflict (ticket_id, tag_id) do update set tagged_at = excluded.tagged_at, counted = excluded.counted",
                &[ticket_id.into(), (*tag_id).into(), (*tagged_at).into(), new.is_counted().into()],
            )
            .await?;
        }
    }
    if counted_changed || old.survey != new.survey {
        match &new.survey {
            Some(survey) => save_survey(tx, ticket_id, survey, new.is_counted()).await?,
            None => delete(tx, "delete from statistics_surveys where ticket_id = $1", &[ticket_id.into()]).await?,
        }
    }
    Ok(())
}

async fn delete(tx: &mut Tx, sql: &str, params: &[Value]) -> Result<(), Error> {
    tx.run(sql, params).await?;
    Ok(())
}

async fn save_ticket(tx: &mut Tx, ticket_id: i64, ticket: &TicketFact, counted: bool) -> Result<(), Error> {
    tx.run(
        "insert into statistics_tickets (ticket_id, channel, assignee_user_id, assignee_team_id, integration_id, spam, trashed,
                counted, created_at, closed_at, resolution_seconds, n_reopened, n_messages, n_replies, n_human_replies, n_received,
                first_reply_at, first_reply_seconds, first_human_reply_at, first_human_reply_seconds, handle_seconds)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
         on conflict (ticket_id) do update set channel = excluded.channel, assignee_user_id = excluded.assignee_user_id,
                assignee_team_id = excluded.assignee_team_id, integration_id = excluded.integration_id, spam = excluded.spam,
                trashed = excluded.trashed, counted = excluded.counted, created_at = excluded.created_at,
                closed_at = excluded.closed_at, resolution_seconds = excluded.resolution_seconds,
                n_reopened = excluded.n_reopened, n_messages = excluded.n_messages, n_replies = excluded.n_replies,
                n_human_replies = excluded.n_human_replies, n_received = excluded.n_received,
                first_reply_at = excluded.first_reply_at, first_reply_seconds = excluded.first_reply_seconds,
                first_human_reply_at = excluded.first_human_reply_at,
                first_human_reply_seconds = excluded.first_human_reply_seconds, handle_seconds = excluded.handle_seconds",
        &[
            ticket_id.into(),
            ticket.channel.as_str().into(),
            ticket.assignee_user_id.into(),
            ticket.assignee_team_id.into(),
            ticket.integration_id.into(),
            ticket.spam.into(),
            ticket.trashed.into(),
            counted.into(),
            ticket.created_at.into(),
            ticket.closed_at.into(),
            ticket.resolution_seconds.into(),
            ticket.n_reopened.into(),
            ticket.n_messages.into(),
            ticket.n_replies.into(),
            ticket.n_human_replies.into(),
            ticket.n_received.into(),
            ticket.first_reply.map(|reply| reply.at).into(),
            ticket.first_reply.map(|reply| reply.seconds).into(),
            ticket.first_human_reply.map(|reply| reply.at).into(),
            ticket.first_human_reply.map(|reply| reply.seconds).into(),
            ticket.handle_seconds.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn save_message(
    tx: &mut Tx,
    (ticket_id, message_id): (i64, i64),
    message: &MessageFact,
    counted: bool,
) -> Result<(), Error> {
    tx.run(
        "insert into statistics_messages (message_id, ticket_id, sent_at, sender_id, channel, integration_id, from_agent, public,
                automated, macro_id, counted, response_seconds)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (message_id) do update set sent_at = excluded.sent_at, sender_id = excluded.sender_id,
                channel = excluded.channel, integration_id = excluded.integration_id, from_agent = excluded.from_agent,
                public = excluded.public, automated = excluded.automated, macro_id = excluded.macro_id,
                counted = excluded.counted, response_seconds = excluded.response_seconds",
        &[
            message_id.into(),
            ticket_id.into(),
            message.sent_at.into(),
            message.sender_id.into(),
            message.channel.as_str().into(),
            message.integration_id.into(),
            message.from_agent.into(),
            message.public.into(),
            message.automated.into(),
            message.macro_id.into(),
            counted.into(),
            message.response_seconds.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn save_survey(tx: &mut Tx, ticket_id: i64, survey: &SurveyFact, counted: bool) -> Result<(), Error> {
    tx.run(
        "insert into statistics_surveys (ticket_id, created_at, sent_at, scored_at, score, counted) values ($1, $2, $3, $4, $5, $6)
         on conflict (ticket_id) do update set created_at = excluded.created_at, sent_at = excluded.sent_at,
                scored_at = excluded.scored_at, score = excluded.score, counted = excluded.counted",
        &[
            ticket_id.into(),
            survey.created_at.into(),
            survey.sent_at.into(),
            survey.scored_at.into(),
            survey.score.into(),
            counted.into(),
        ],
    )
    .await?;
    Ok(())
}

impl TicketFact {
    fn from_row(row: &Row) -> Result<TicketFact, Error> {
        let reply = |at: Option<i64>, seconds: Option<i64>| at.zip(seconds).map(|(at, seconds)| Reply { at, seconds });
        Ok(TicketFact {
            channel: row.text("channel")?,
            assignee_user_id: row.int_or_null("assignee_user_id")?,
            assignee_team_id: row.int_or_null("assignee_team_id")?,
            integration_id: row.int_or_null("integration_id")?,
            spam: row.flag("spam")?,
            trashed: row.flag("trashed")?,
            created_at: row.int("created_at")?,
            closed_at: row.int_or_null("closed_at")?,
            resolution_seconds: row.int_or_null("resolution_seconds")?,
            n_reopened: row.int("n_reopened")?,
            n_messages: row.int("n_messages")?,
            n_replies: row.int("n_replies")?,
            n_human_replies: row.int("n_human_replies")?,
            n_received: row.int("n_received")?,
            first_reply: reply(row.int_or_null("first_reply_at")?, row.int_or_null("first_reply_seconds")?),
            first_human_reply: reply(
                row.int_or_null("first_human_reply_at")?,
                row.int_or_null("first_human_reply_seconds")?,
            ),
            handle_seconds: row.int("handle_seconds")?,
        })
    }
}

impl MessageFact {
    fn from_row(row: &Row) -> Result<MessageFact, Error> {
        Ok(MessageFact {
            sent_at: row.int("sent_at")?,
            sender_id: row.int("sender_id")?,
            channel: row.text("channel")?,
            integration_id: row.int_or_null("integration_id")?,
            from_agent: row.flag("from_agent")?,
            public: row.flag("public")?,
            automated: row.flag("automated")?,
            macro_id: row.int_or_null("macro_id")?,
            response_seconds: row.int_or_null("response_seconds")?,
        })
    }
}

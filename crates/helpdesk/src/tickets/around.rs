//! What stands around a ticket: who is copied in, how the conversation began, and which tickets belong to it. Read for a whole page at once.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Tickets};
use serde_json::json;
use store::{StoreError, Tx};

use super::{changes, standing, write};
use crate::page::Query;
use crate::people::PersonRef;
use crate::{Error, customers, events};

/// Most people in one part of a ticket.
pub const PEOPLE_MAX: usize = 500;

/// As what somebody is on a ticket besides its customer and its assignee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Gets what the customer gets.
    Cc,
    /// One of us who wants to know.
    Follower,
}

impl Part {
    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Part::Cc => "cc",
            Part::Follower => "follower",
        }
    }
}

/// What stands around one ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Around {
    /// Who wrote the first message, and its text.
    pub first_sender_id: Option<i64>,
    pub first_text: Option<String>,
    /// Whether the customer may read any message.
    pub is_public: bool,
    pub cc_ids: Vec<i64>,
    pub follower_ids: Vec<i64>,
    /// Tickets that go on with it.
    pub followup_ids: Vec<i64>,
    /// Whether there are incidents of this problem.
    pub has_incidents: bool,
    /// The default one, unless it has been given another.
    pub brand_id: i64,
    /// The default one of its status, unless it has been given another.
    pub custom_status_id: i64,
    /// The address that it came to.
    pub recipient: Option<String>,
}

/// Of each of these tickets, in five statements whatever their number. Whoever may write a ticket is shown what came of it.
///
/// Served by `messages_by_ticket`, the primary key of `ticket_people`, `tickets_by_followup` and `tickets_by_problem`.
pub async fn around<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Tickets, A>,
    ids: &[i64],
) -> Result<HashMap<i64, Around>, Error> {
    let mut found: HashMap<i64, Around> = ids.iter().map(|id| (*id, Around::default())).collect();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut query = Query::new(
        "select t.id, m.sender_id, m.body_text,
                (select p.public from messages p where p.ticket_id = t.id and p.public = 1 limit 1) as is_public
         from tickets t join messages m on m.id =
             (select f.id from messages f where f.ticket_id = t.id order by f.created_at, f.id limit 1)
         where 1 = 1",
    );
    query.and_in("t.id", ids.iter().copied());
    for row in tx.rows(&query.sql, &query.params).await? {
        if let Some(around) = found.get_mut(&row.int("id")?) {
            around.first_sender_id = row.int_or_null("sender_id")?;
            around.first_text = row.text_or_null("body_text")?;
            around.is_public = row.int_or_null("is_public")?.is_some();
        }
    }
    let mut query = Query::new("select ticket_id, part, person_id from ticket_people where 1 = 1");
    query.and_in("ticket_id", ids.iter().copied());
    query.sql.push_str(" order by ticket_id, part, person_id");
    for row in tx.rows(&query.sql, &query.params).await? {
        if let Some(around) = found.get_mut(&row.int("ticket_id")?) {
            let is_cc = row.text("part")? == Part::Cc.word();
            let list = if is_cc { &mut around.cc_ids } else { &mut around.follower_ids };
            list.push(row.int("person_id")?);
        }
    }
    let mut query = Query::new("select id, followup_of from tickets where 1 = 1");
    query.and_in("followup_of", ids.iter().copied());
    query.sql.push_str(" order by id limit 10000");
    for row in tx.rows(&query.sql, &query.params).await? {
        if let Some(around) = found.get_mut(&row.int("followup_of")?) {
            around.followup_ids.push(row.int("id")?);
        }
    }
    let mut query =
        Query::new("select t.id from tickets t where exists (select 1 from tickets i where i.problem_id = t.id)");
    query.and_in("t.id", ids.iter().copied());
    for row in tx.rows(&query.sql, &query.params).await? {
        if let Some(around) = found.get_mut(&row.int("id")?) {
            around.has_incidents = true;
        }
    }
    for (id, stands) in standing::of(tx, ids).await? {
        if let Some(around) = found.get_mut(&id) {
            around.brand_id = stands.brand_id;
            around.custom_status_id = stands.custom_status_id;
            around.recipient = stands.recipient;
        }
    }
    Ok(found)
}

/// How many incidents a problem has.
pub async fn incidents(tx: &mut Tx, _may: &CanRead<Tickets>, id: i64) -> Result<i64, Error> {
    let row = tx.row("select count(*) as n from tickets where problem_id = $1", &[id.into()]).await?;
    Ok(row.ok_or(StoreError::Column("n"))?.int("n")?)
}

/// Who put these tickets into the trash last: the id and the name, as far as known. Served by `events_by_object`.
pub async fn trashed_by(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    ids: &[i64],
) -> Result<HashMap<i64, (i64, String)>, Error> {
    let mut found = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut query = Query::new(
        "select e.object_id, p.id, p.name from events e join people p on p.id = e.person_id
         where e.type = 'ticket-trashed' and e.object_type = 'Ticket'",
    );
    query.and_in("e.object_id", ids.iter().copied());
    query.sql.push_str(" order by e.created_at, e.id");
    for row in tx.rows(&query.sql, &query.params).await? {
        found.insert(row.int("object_id")?, (row.int("id")?, row.text_or_null("name")?.unwrap_or_default()));
    }
    Ok(found)
}

/// Marks a ticket as spam and holds back what its customer writes. Staff are never held back.
pub async fn mark_as_spam(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, id: i64) -> Result<(), Error> {
    let update = write::TicketUpdate { spam: Some(true), ..write::TicketUpdate::default() };
    write::update(tx, may, now, id, update).await?;
    let row = tx
        .row(
            "update people set suspended = 1, updated_at = $1
             where id = (select customer_id from tickets where id = $2) and is_staff = 0 and suspended = 0 returning id",
            &[now.into(), id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    let change = events::Change {
        kind: "customer-updated",
        object_type: "Customer",
        object_id: row.int("id")?,
        before: Some(json!({ "suspended": false })),
        after: Some(json!({ "suspended": true })),
        data: Some(json!({ "ticket_id": id })),
    };
    events::record(tx, may.actor(), now, change).await
}

/// What to do with the people of a part.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Leaves those whom `add` names, and nobody else.
    pub replaces: bool,
    pub add: Vec<PersonRef>,
    pub remove: Vec<PersonRef>,
}

/// Changes who is copied in, and says whether anything differed. Followers must be staff; a customer who is not there is made.
/// `Invalid` on `field`.
pub async fn set_people(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (ticket_id, part, field): (i64, Part, &str),
    people: &People,
) -> Result<bool, Error> {
    write::take(tx, ticket_id).await?;
    let before = of_ticket(tx, ticket_id, part).await?;
    let mut after: Vec<i64> = if people.replaces { Vec::new() } else { before.clone() };
    for person in &people.add {
        let id =
            customers::find_or_create(tx, may.actor(), now, person).await.map_err(|error| error.on_field(field))?;
        if part == Part::Follower {
            let sql = "select id from people where id = $1 and is_staff = 1 and deleted_at is null";
            if tx.row(sql, &[id.into()]).await?.is_none() {
                return Err(Error::invalid(field, "Only staff can follow a ticket."));
            }
        }
        after.push(id);
    }
    for person in &people.remove {
        let gone = match (person.id, &person.email) {
            (Some(id), _) => Some(id),
            (None, Some(email)) => {
                let sql =
                    "select id from people where is_staff in (0, 1) and email_key = $1 order by is_staff desc limit 1";
                let row = tx.row(sql, &[crate::users::email_key(email).into()]).await?;
                row.map(|row| row.int("id")).transpose()?
            }
            (None, None) => None,
        };
        after.retain(|id| Some(*id) != gone);
    }
    after.sort_unstable();
    after.dedup();
    if after == before {
        return Ok(false);
    }
    if PEOPLE_MAX < after.len() {
        return Err(Error::invalid(field, format!("Longer than maximum length {PEOPLE_MAX}.")));
    }
    tx.run("delete from ticket_people where ticket_id = $1 and part = $2", &[ticket_id.into(), part.word().into()])
        .await?;
    for id in &after {
        tx.run(
            "insert into ticket_people (ticket_id, part, person_id, created_at) values ($1, $2, $3, $4)",
            &[ticket_id.into(), part.word().into(), (*id).into(), now.into()],
        )
        .await?;
    }
    write::touch(tx, now, ticket_id).await?;
    let name = match part {
        Part::Cc => "cc_ids",
        Part::Follower => "follower_ids",
    };
    let change =
        changes::change("ticket-updated", ticket_id, Some(json!({ name: before })), Some(json!({ name: after })));
    events::record(tx, may.actor(), now, change).await?;
    Ok(true)
}

async fn of_ticket(tx: &mut Tx, ticket_id: i64, part: Part) -> Result<Vec<i64>, Error> {
    let sql = "select person_id from ticket_people where ticket_id = $1 and part = $2 order by person_id";
    let rows = tx.rows(sql, &[ticket_id.into(), part.word().into()]).await?;
    Ok(rows.iter().map(|row| row.int("person_id")).collect::<Result<Vec<_>, _>>()?)
}

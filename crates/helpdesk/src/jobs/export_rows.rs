//! Tickets as lines of a file: CSV for people, NDJSON for programs. The NDJSON is what `import` reads again.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Tickets;
use serde::Serialize;
use store::{Row, Tx};

use super::cells::{harmless, write_record};
use super::job::Format;
use super::selection::Selection;
use crate::Error;
use crate::filter::Viewpoint;
use crate::page::{self, Query};

/// A ticket as a line. Names as the domain has them; times in ISO 8601.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    /// Tells the lines of a file apart.
    kind: &'static str,
    id: i64,
    external_id: Option<String>,
    status: String,
    priority: String,
    channel: String,
    via: String,
    subject: Option<String>,
    excerpt: Option<String>,
    language: Option<String>,
    customer: Who,
    assignee_user: Option<Who>,
    assignee_team: Option<Named>,
    tags: &'a [String],
    messages_count: i64,
    is_unread: bool,
    spam: bool,
    from_agent: bool,
    created_at: Timestamp,
    opened_at: Option<Timestamp>,
    updated_at: Timestamp,
    closed_at: Option<Timestamp>,
    snoozed_until: Option<Timestamp>,
    trashed_at: Option<Timestamp>,
    last_message_at: Option<Timestamp>,
    last_received_message_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<serde_json::Value>>,
}

#[derive(Debug, Serialize)]
struct Who {
    id: i64,
    email: Option<String>,
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Named {
    id: i64,
    name: String,
}

const HEADER: [&str; 25] = [
    "id",
    "external_id",
    "status",
    "priority",
    "channel",
    "via",
    "subject",
    "excerpt",
    "language",
    "customer_id",
    "customer_email",
    "customer_name",
    "assignee_user_id",
    "assignee_user_email",
    "assignee_team",
    "tags",
    "messages_count",
    "spam",
    "created_at",
    "updated_at",
    "closed_at",
    "snoozed_until",
    "trashed_at",
    "last_message_at",
    "last_received_message_at",
];

macro_rules! select_lines {
    () => {
        "select t.id, t.external_id, t.status, t.priority, t.channel, t.via, t.subject, t.excerpt, t.language, t.customer_id,
                t.assignee_user_id, t.assignee_team_id, t.messages_count, t.is_unread, t.spam, t.from_agent, t.created_at,
                t.opened_at, t.updated_at, t.closed_at, t.snoozed_until, t.trashed_at, t.last_message_at,
                t.last_received_message_at, c.email as customer_email, c.name as customer_name,
                c.external_id as customer_external_id, u.email as user_email, u.name as user_name, g.name as team_name
         from tickets t
         left join people c on c.id = t.customer_id
         left join people u on u.id = t.assignee_user_id
         left join teams g on g.id = t.assignee_team_id
         where 1 = 1"
    };
}

/// What a file begins with.
pub(super) fn begin(out: &mut Vec<u8>, format: Format) -> Result<(), Error> {
    match format {
        Format::Csv => write_record(out, &HEADER.map(str::to_owned)),
        Format::Ndjson => Ok(()),
    }
}

/// Tickets that were read and are not written yet.
pub(super) struct Batch {
    rows: Vec<Row>,
    tags: HashMap<i64, Vec<String>>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn write(&self, format: Format, out: &mut Vec<u8>) -> Result<(), Error> {
        self.each(|line| match format {
            Format::Ndjson => write_line(out, &line),
            Format::Csv => write_record(out, &line.cells()),
        })
    }

    fn each(&self, mut each: impl FnMut(Line<'_>) -> Result<(), Error>) -> Result<(), Error> {
        for row in &self.rows {
            let tags = self.tags.get(&row.int("id")?).map(Vec::as_slice).unwrap_or_default();
            each(Line::of(row, tags)?)?;
        }
        Ok(())
    }
}

/// Those of these tickets that still fit. Two statements, whatever their number.
pub(super) async fn read(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    ids: &[i64],
    (selection, viewpoint): (&Selection, Viewpoint),
) -> Result<Batch, Error> {
    let mut query = Query::new(select_lines!());
    selection.restrict(tx, &mut query, viewpoint).await?;
    batch(tx, query, ids).await
}

/// Appends these tickets as NDJSON, each with its messages.
pub(super) async fn write_with_messages(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    ids: &[i64],
    out: &mut Vec<u8>,
    mut messages: impl FnMut(i64) -> Vec<serde_json::Value>,
) -> Result<(), Error> {
    batch(tx, Query::new(select_lines!()), ids).await?.each(|mut line| {
        line.messages = Some(messages(line.id));
        write_line(out, &line)
    })
}

fn write_line(out: &mut Vec<u8>, line: &Line<'_>) -> Result<(), Error> {
    serde_json::to_writer(&mut *out, line).map_err(|_| store::StoreError::Column("ticket"))?;
    out.push(b'\n');
    Ok(())
}

/// `query` selects lines of any tickets; `ids` ascend.
async fn batch(tx: &mut Tx, mut query: Query, ids: &[i64]) -> Result<Batch, Error> {
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
        return Ok(Batch { rows: Vec::new(), tags: HashMap::new() });
    };
    between(&mut query, "t.id", ids, (*first, *last));
    query.sql.push_str(" order by t.id");
    let mut rows = Vec::with_capacity(ids.len());
    for row in tx.rows(&query.sql, &query.params).await? {
        if ids.binary_search(&row.int("id")?).is_ok() {
            rows.push(row);
        }
    }
    let mut query =
        Query::new("select tt.ticket_id, g.name from ticket_tags tt join tags g on g.id = tt.tag_id where 1 = 1");
    between(&mut query, "tt.ticket_id", ids, (*first, *last));
    query.sql.push_str(" order by tt.ticket_id, g.name");
    let mut tags: HashMap<i64, Vec<String>> = HashMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        tags.entry(row.int("ticket_id")?).or_default().push(row.text("name")?);
    }
    Ok(Batch { rows, tags })
}

/// The rows lie close together, as they mostly do: then it is a range that the primary key gives, else a list.
fn between(query: &mut Query, column: &str, ids: &[i64], (first, last): (i64, i64)) {
    let n = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    if last - first < n.saturating_mul(3) {
        query.and(&format!("{column} >="), first);
        query.and(&format!("{column} <="), last);
    } else {
        query.and_in(column, page::padded(ids));
    }
}

impl<'a> Line<'a> {
    fn of(row: &Row, tags: &'a [String]) -> Result<Line<'a>, Error> {
        let user = |id| -> Result<Who, Error> {
            let (email, name) = (row.text_or_null("user_email")?, row.text_or_null("user_name")?);
            Ok(Who { id, email, name, external_id: None })
        };
        let team =
            |id| -> Result<Named, Error> { Ok(Named { id, name: row.text_or_null("team_name")?.unwrap_or_default() }) };
        Ok(Line {
            kind: "ticket",
            id: row.int("id")?,
            external_id: row.text_or_null("external_id")?,
            status: row.text("status")?,
            priority: row.text("priority")?,
            channel: row.text("channel")?,
            via: row.text("via")?,
            subject: row.text_or_null("subject")?,
            excerpt: row.text_or_null("excerpt")?,
            language: row.text_or_null("language")?,
            customer: Who {
                id: row.int("customer_id")?,
                email: row.text_or_null("customer_email")?,
                name: row.text_or_null("customer_name")?,
                external_id: row.text_or_null("customer_external_id")?,
            },
            assignee_user: row.int_or_null("assignee_user_id")?.map(user).transpose()?,
            assignee_team: row.int_or_null("assignee_team_id")?.map(team).transpose()?,
            tags,
            messages_count: row.int("messages_count")?,
            is_unread: row.flag("is_unread")?,
            spam: row.flag("spam")?,
            from_agent: row.flag("from_agent")?,
            created_at: row.time("created_at")?,
            opened_at: row.time_or_null("opened_at")?,
            updated_at: row.time("updated_at")?,
            closed_at: row.time_or_null("closed_at")?,
            snoozed_until: row.time_or_null("snoozed_until")?,
            trashed_at: row.time_or_null("trashed_at")?,
            last_message_at: row.time_or_null("last_message_at")?,
            last_received_message_at: row.time_or_null("last_received_message_at")?,
            messages: None,
        })
    }

    /// In the order of `HEADER`.
    fn cells(self) -> [String; 25] {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let user = self.assignee_user.as_ref();
        [
            self.id.to_string(),
            harmless(self.external_id),
            self.status,
            self.priority,
            harmless(Some(self.channel)),
            harmless(Some(self.via)),
            harmless(self.subject),
            harmless(self.excerpt),
            self.language.unwrap_or_default(),
            self.customer.id.to_string(),
            harmless(self.customer.email),
            harmless(self.customer.name),
            user.map(|user| user.id.to_string()).unwrap_or_default(),
            harmless(user.and_then(|user| user.email.clone())),
            harmless(self.assignee_team.map(|team| team.name)),
            harmless(Some(self.tags.join(", "))),
            self.messages_count.to_string(),
            self.spam.to_string(),
            self.created_at.to_string(),
            self.updated_at.to_string(),
            time(self.closed_at),
            time(self.snoozed_until),
            time(self.trashed_at),
            time(self.last_message_at),
            time(self.last_received_message_at),
        ]
    }
}

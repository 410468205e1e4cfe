//! Everything of an account as NDJSON, one object a line: people, teams, tags, then tickets with their messages. One look at the database,
//! so that nothing changes while it is written, and memory for a few tickets.

use std::collections::HashMap;
use std::io::Write;

use scope::permit::{CanRead, Permit};
use scope::resource::Tickets;
use serde_json::{Value as Json, json};
use store::{Db, Row, Tx};

use super::export_rows;
use crate::Error;
use crate::page::{self, Query};

/// Rows of one look.
const READ: i64 = 500;
/// Tickets with all their messages.
const TICKETS: i64 = 100;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    pub users: u64,
    pub customers: u64,
    pub teams: u64,
    pub tags: u64,
    pub tickets: u64,
    pub messages: u64,
}

/// Writes the whole account. `run` names this run (a UUID).
pub async fn write(db: &Db, run: &str, out: &mut impl Write) -> Result<Written, Error> {
    let may = Permit::system("export", run.to_owned());
    let mut tx = db.read().await?;
    let mut written = Written::default();
    for is_staff in [true, false] {
        let n = people(&mut tx, is_staff, out).await?;
        *(if is_staff { &mut written.users } else { &mut written.customers }) = n;
    }
    written.teams = plain(&mut tx, "select id, name, description from teams where id > $1 order by id limit $2", out, |row| {
        Ok(json!({ "kind": "team", "id": row.int("id")?, "name": row.text("name")?, "description": row.text_or_null("description")? }))
    })
    .await?;
    let tags = "select id, name, description, color, created_at from tags where id > $1 and merged_into is null order by id limit $2";
    written.tags = plain(&mut tx, tags, out, |row| {
        Ok(json!({
            "kind": "tag", "id": row.int("id")?, "name": row.text("name")?, "description": row.text_or_null("description")?,
            "color": row.text_or_null("color")?, "created_at": row.time("created_at")?,
        }))
    })
    .await?;
    tickets(&mut tx, &may, out, &mut written).await?;
    out.flush().map_err(broken)?;
    Ok(written)
}

async fn plain(
    tx: &mut Tx,
    sql: &str,
    out: &mut impl Write,
    line: impl Fn(&Row) -> Result<Json, Error>,
) -> Result<u64, Error> {
    let (mut after, mut n) = (0, 0);
    loop {
        let rows = tx.rows(sql, &[after.into(), READ.into()]).await?;
        let Some(last) = rows.last() else { return Ok(n) };
        after = last.int("id")?;
        for row in &rows {
            writeln!(out, "{}", line(row)?).map_err(broken)?;
            n += 1;
        }
    }
}

async fn people(tx: &mut Tx, is_staff: bool, out: &mut impl Write) -> Result<u64, Error> {
    let kind = if is_staff { "user" } else { "customer" };
    let flag = i64::from(is_staff);
    let sql = format!(
        "select id, external_id, email, name, firstname, lastname, role, language, timezone, note, active, created_at, updated_at
         from people where is_staff = {flag} and deleted_at is null and id > $1 order by id limit $2"
    );
    plain(tx, &sql, out, |row| {
        Ok(json!({
            "kind": kind, "id": row.int("id")?, "external_id": row.text_or_null("external_id")?,
            "email": row.text_or_null("email")?, "name": row.text_or_null("name")?, "firstname": row.text("firstname")?,
            "lastname": row.text("lastname")?, "role": row.text_or_null("role")?, "language": row.text_or_null("language")?,
            "timezone": row.text_or_null("timezone")?, "note": row.text_or_null("note")?, "active": row.flag("active")?,
            "created_at": row.time("created_at")?, "updated_at": row.time("updated_at")?,
        }))
    })
    .await
}

async fn tickets(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    out: &mut impl Write,
    written: &mut Written,
) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let sql = "select id from tickets where id > $1 order by id limit $2";
        let rows = tx.rows(sql, &[after.into(), TICKETS.into()]).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?;
        let Some(last) = ids.last() else { return Ok(()) };
        after = *last;
        let mut messages = messages(tx, &ids, written).await?;
        let mut lines = Vec::new();
        let with = |id: i64| messages.remove(&id).unwrap_or_default();
        export_rows::write_with_messages(tx, may, &ids, &mut lines, with).await?;
        out.write_all(&lines).map_err(broken)?;
        written.tickets += ids.len() as u64;
    }
}

async fn messages(tx: &mut Tx, ids: &[i64], written: &mut Written) -> Result<HashMap<i64, Vec<Json>>, Error> {
    let mut query = Query::new(
        "select m.ticket_id, m.id, m.message_id, m.external_id, m.public, m.channel, m.via, m.source, m.from_agent, m.subject,
                m.body_text, m.body_html, m.attachments, m.created_at, m.sent_at, s.id as sender_id, s.email as sender_email,
                s.name as sender_name, s.external_id as sender_external_id
         from messages m left join people s on s.id = m.sender_id where 1 = 1",
    );
    query.and_in("m.ticket_id", page::padded(ids));
    query.sql.push_str(" order by m.ticket_id, m.created_at, m.id");
    let mut messages: HashMap<i64, Vec<Json>> = HashMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        written.messages += 1;
        messages.entry(row.int("ticket_id")?).or_default().push(json!({
            "id": row.int("id")?, "message_id": row.text_or_null("message_id")?, "external_id": row.text_or_null("external_id")?,
            "public": row.flag("public")?, "channel": row.text("channel")?, "via": row.text("via")?,
            "from_agent": row.flag("from_agent")?, "subject": row.text_or_null("subject")?, "source": row.json("source")?,
            "sender": {
                "id": row.int_or_null("sender_id")?, "email": row.text_or_null("sender_email")?,
                "name": row.text_or_null("sender_name")?, "external_id": row.text_or_null("sender_external_id")?,
            },
            "body_text": row.text_or_null("body_text")?, "body_html": row.text_or_null("body_html")?,
            "attachments": row.json("attachments")?, "created_at": row.time("created_at")?, "sent_at": row.time_or_null("sent_at")?,
        }));
    }
    Ok(messages)
}

fn broken(error: std::io::Error) -> Error {
    Error::Refused(format!("The file cannot be written: {error}."))
}

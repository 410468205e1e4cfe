//! What must be filled in before a ticket is solved, and by a customer who asks. For callers to whom that matters: others write what they
//! like, and so do rules and jobs.

use std::collections::BTreeMap;

use scope::permit::CanWrite;
use scope::resource::Tickets;
use store::Tx;

use super::Status;
use super::closing::SetStatus;
use crate::Error;
use crate::custom_fields::{self, Carrier, CustomField, FieldValue};
use crate::ticket_forms::{self, Answers, Asked};

/// Whether this status solves the ticket, which is not solved yet. `id` is none of a new ticket.
pub async fn solves(
    tx: &mut Tx,
    _may: &CanWrite<Tickets>,
    id: Option<i64>,
    status: Option<SetStatus>,
) -> Result<bool, Error> {
    let is_done = |status: SetStatus| status.from(Status::Open).is_done();
    if !status.is_some_and(is_done) {
        return Ok(false);
    }
    let Some(id) = id else { return Ok(true) };
    let row = tx.row("select status from tickets where id = $1", &[id.into()]).await?;
    let word = row.ok_or(Error::NotFound { kind: "ticket", id })?.text("status")?;
    Ok(!Status::parse(&word).is_some_and(Status::is_done))
}

/// The fields that the ticket's form, or where there are no forms every ticket, requires as the ticket is now, and that are empty. A box
/// that must be ticked is empty while it is not.
pub async fn unfilled(tx: &mut Tx, _may: &CanWrite<Tickets>, id: i64) -> Result<Vec<CustomField>, Error> {
    let (form_id, answers) = answers(tx, id).await?;
    let asked = match ticket_forms::asked_of_ticket(tx, form_id, &answers).await? {
        Some(asked) => required(asked),
        None => custom_fields::required_of_tickets(tx).await?,
    };
    Ok(empty(asked, &answers))
}

/// The same of what its customer must fill in to ask for it: of what customers may fill in at all.
pub async fn unfilled_by_customer(tx: &mut Tx, _may: &CanWrite<Tickets>, id: i64) -> Result<Vec<CustomField>, Error> {
    let (form_id, answers) = answers(tx, id).await?;
    let mut asked = match ticket_forms::asked_of_customer(tx, form_id, &answers).await? {
        Some(asked) => required(asked),
        None => custom_fields::required_of_customers(tx).await?,
    };
    asked.retain(|field| field.editable_by_customers);
    Ok(empty(asked, &answers))
}

fn required(asked: Vec<Asked>) -> Vec<CustomField> {
    asked.into_iter().filter(|asked| asked.required).map(|asked| asked.field).collect()
}

fn empty(fields: Vec<CustomField>, answers: &Answers) -> Vec<CustomField> {
    let is_filled =
        |field: &CustomField| answers.values.get(&field.id).is_some_and(|it| *it != FieldValue::Flag(false));
    fields.into_iter().filter(|field| !is_filled(field)).collect()
}

/// The ticket's form, and what is known of it.
async fn answers(tx: &mut Tx, id: i64) -> Result<(Option<i64>, Answers), Error> {
    let row = tx
        .row("select form_id, status, type, priority, custom_status_id from tickets where id = $1", &[id.into()])
        .await?;
    let row = row.ok_or(Error::NotFound { kind: "ticket", id })?;
    let mut built_in = BTreeMap::from([("status", row.text("status")?), ("priority", row.text("priority")?)]);
    if let Some(kind) = row.text_or_null("type")? {
        built_in.insert("type", kind);
    }
    let answers = Answers {
        values: custom_fields::of_object(tx, Carrier::Ticket, id).await?,
        built_in,
        custom_status_id: row.int_or_null("custom_status_id")?,
    };
    Ok((row.int_or_null("form_id")?, answers))
}

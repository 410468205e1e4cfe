//! Whether what a ticket refers to is there. `Invalid` names the field.

use store::Tx;

use crate::Error;

pub(super) async fn check_user(tx: &mut Tx, id: Option<i64>) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    let sql = "select id from people where id = $1 and is_staff = 1 and active = 1 and deleted_at is null";
    match tx.row(sql, &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("assignee_user.id", "No active user has this id.")),
    }
}

pub(super) async fn check_team(tx: &mut Tx, id: Option<i64>) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    match tx.row("select id from teams where id = $1", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("assignee_team.id", "No team has this id.")),
    }
}

pub(super) async fn check_form(tx: &mut Tx, id: Option<i64>) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    match tx.row("select id from ticket_forms where id = $1 and active = 1", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("form_id", "No active form has this id.")),
    }
}

pub(super) async fn check_split(tx: &mut Tx, id: Option<i64>) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    match tx.row("select id from tickets where id = $1", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("split_from", "No ticket has this id.")),
    }
}

pub(super) async fn check_problem(tx: &mut Tx, id: i64, problem_id: Option<i64>) -> Result<(), Error> {
    let Some(problem_id) = problem_id else { return Ok(()) };
    let sql = "select id from tickets where id = $1 and type = 'problem'";
    match tx.row(sql, &[problem_id.into()]).await? {
        Some(_) if problem_id != id => Ok(()),
        _ => Err(Error::invalid("problem_id", "No problem has this id.")),
    }
}

pub(super) async fn check_followup(tx: &mut Tx, id: Option<i64>) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    match tx.row("select id from tickets where id = $1 and status = 'closed'", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("followup_of", "No closed ticket has this id.")),
    }
}

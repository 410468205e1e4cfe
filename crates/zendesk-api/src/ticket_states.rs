//! What becomes of tickets besides being written: the trash, spam, merging, and which belong together (Zendesk contract, `resources.tickets`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::jobs::batch::By;
use helpdesk::profiles;
use helpdesk::tickets::around::{self, Around};
use helpdesk::tickets::list::{self, Direction, Filter, Sort, Trash};
use helpdesk::tickets::write::{self, SetStatus, TicketUpdate};
use helpdesk::tickets::{Status, TicketType, message_write};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply, named};
use crate::bulk::{self, Call};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::page::{self, Asked};
use crate::query::Params;
use crate::ticket_read::{self, SentComment};
use crate::tickets::{list_by, must_be_there, there};
use crate::time::format_or_null;
use crate::{Id, ticket_view, users};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/deleted_tickets", list_deleted)
        .delete("/api/v2/deleted_tickets/destroy_many", destroy_many)
        .put("/api/v2/deleted_tickets/restore_many", restore_many)
        .delete("/api/v2/deleted_tickets/{ticket_id}", destroy)
        .put("/api/v2/deleted_tickets/{ticket_id}/restore", restore)
        .get("/api/v2/problems", list_problems)
        .post("/api/v2/problems/autocomplete", autocomplete_problems)
        .put("/api/v2/tickets/mark_many_as_spam", mark_many_as_spam)
        .get("/api/v2/tickets/{ticket_id}/collaborators", list_collaborators)
        .get("/api/v2/tickets/{ticket_id}/email_ccs", list_ccs)
        .get("/api/v2/tickets/{ticket_id}/followers", list_followers)
        .get("/api/v2/tickets/{ticket_id}/incidents", list_incidents)
        .put("/api/v2/tickets/{ticket_id}/mark_as_spam", mark_as_spam)
        .post("/api/v2/tickets/{ticket_id}/merge", merge)
        .get("/api/v2/tickets/{ticket_id}/related", show_related)
}

pub(crate) const CALLS: &[Call] = &[
    Call {
        word: "deleted_tickets.destroy",
        title: "Permanently Delete Tickets",
        failure: "TicketDeleteFailed",
        carry: |tx, by, now, row| Box::pin(carry_destroy(tx, by, now, row)),
    },
    Call {
        word: "tickets.mark_as_spam",
        title: "Bulk Mark Tickets As Spam",
        failure: "TicketUpdateFailed",
        carry: |tx, by, now, row| Box::pin(carry_spam(tx, by, now, row)),
    },
    Call {
        word: "tickets.merge",
        title: "Ticket Merge",
        failure: "TicketMergeFailed",
        carry: |tx, by, now, row| Box::pin(carry_merge(tx, by, now, row)),
    },
];

const TEXT_MAX_CHARS: usize = 65_536;

/// `GET /api/v2/deleted_tickets`
pub async fn list_deleted(State(app): State<App>, May(may): May<CanRead<Tickets>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "deleted tickets", &["id"])?;
    let direction = if asked.descending { Direction::Descending } else { Direction::Ascending };
    let filter = Filter { trash: Trash::Only, ..Filter::default() };
    let mut tx = app.db.read().await?;
    let page = list::list(&mut tx, &may, &filter, list::order(Sort::Id, direction), &asked.slice).await?;
    let ids: Vec<i64> = page.items.iter().map(|item| item.ticket.id).collect();
    let actors = around::trashed_by(&mut tx, &may, &ids).await?;
    let body = asked.body("deleted_tickets", page, |item| {
        let ticket = item.ticket;
        let actor = actors.get(&ticket.id).map(|(id, name)| json!({ "id": id, "name": name }));
        json!({
            "id": ticket.id,
            "subject": ticket.subject.unwrap_or_default(),
            "actor": actor,
            "deleted_at": format_or_null(ticket.trashed_at),
            "previous_state": ticket_view::status_word(ticket.status),
        })
    });
    Ok(Reply::ok(Value::Object(body)))
}

/// `PUT /api/v2/deleted_tickets/{ticket_id}/restore`
pub async fn restore(State(app): State<App>, May(may): May<CanWrite<Tickets>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| restore_one(tx, &may, now, id).await)?;
    Ok(Reply::ok(json!({})))
}

/// `PUT /api/v2/deleted_tickets/restore_many`
pub async fn restore_many(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params) -> Answer {
    let mut ids = params.required_ids("ids")?;
    ids.sort_unstable();
    let now = app.clock.now();
    transact!(app.db, |tx| {
        for id in &ids {
            restore_one(tx, &may, now, *id).await?;
        }
        Ok::<_, ZendeskError>(())
    })?;
    Ok(Reply::ok(json!({})))
}

async fn restore_one(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, id: i64) -> Result<(), ZendeskError> {
    must_be_trashed(tx, may, id).await?;
    let update = TicketUpdate { trashed_at: Some(None), ..TicketUpdate::default() };
    Ok(write::update(tx, may, now, id, update).await?)
}

async fn must_be_trashed(tx: &mut Tx, may: &CanWrite<Tickets>, id: i64) -> Result<(), ZendeskError> {
    match list::written(tx, may, id).await?.ticket.trashed_at {
        Some(_) => Ok(()),
        None => Err(ZendeskError::not_found()),
    }
}

/// `DELETE /api/v2/deleted_tickets/{ticket_id}`: for good.
pub async fn destroy(State(app): State<App>, May(may): May<CanWrite<Tickets>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    must_be_trashed(&mut tx, &may, id).await?;
    drop(tx);
    bulk::start(&app, &may, &params.site, "deleted_tickets.destroy", vec![json!({ "id": id })]).await
}

/// `DELETE /api/v2/deleted_tickets/destroy_many`
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params) -> Answer {
    bulk::start(&app, &may, &params.site, "deleted_tickets.destroy", bulk::rows_of_ids(&params)?).await
}

async fn carry_destroy(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let (id, may) = (bulk::id_of(row)?, by.permit()?);
    must_be_trashed(tx, &may, id).await?;
    write::delete(tx, &may, now, id).await?;
    Ok(json!({ "success": true }))
}

/// `PUT /api/v2/tickets/{ticket_id}/mark_as_spam`
pub async fn mark_as_spam(State(app): State<App>, May(may): May<CanWrite<Tickets>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| spam(tx, &may, now, id).await)?;
    Ok(Reply::ok(json!({})))
}

/// `PUT /api/v2/tickets/mark_many_as_spam`
pub async fn mark_many_as_spam(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params) -> Answer {
    bulk::start(&app, &may, &params.site, "tickets.mark_as_spam", bulk::rows_of_ids(&params)?).await
}

async fn carry_spam(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let id = bulk::id_of(row)?;
    spam(tx, &by.permit()?, now, id).await?;
    Ok(bulk::was_updated(id))
}

async fn spam(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, id: i64) -> Result<(), ZendeskError> {
    must_be_there(tx, may, id).await?;
    Ok(around::mark_as_spam(tx, may, now, id).await?)
}

/// `POST /api/v2/tickets/{ticket_id}/merge`: closes the others with a word on each side.
pub async fn merge(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    fields.require("ids");
    let mut ids = fields.ids("ids").unwrap_or_default();
    fields.pass(&["target_comment", "source_comment", "target_comment_is_public", "source_comment_is_public"]);
    if ids.contains(&id) {
        fields.problem("ids", "must be other tickets");
    }
    fields.finish()?;
    ids.sort_unstable();
    ids.dedup();
    let mut row = body.value.clone();
    row["id"] = json!(id);
    row["ids"] = json!(ids);
    bulk::start(&app, &may, &params.site, "tickets.merge", vec![row]).await
}

async fn carry_merge(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let (id, may) = (bulk::id_of(row)?, by.permit::<Tickets, _>()?);
    let mut fields = Fields::of_row(row);
    let ids = fields.ids("ids").unwrap_or_default();
    let target = (fields.some_text("target_comment", TEXT_MAX_CHARS), fields.flag("target_comment_is_public"));
    let source = (fields.some_text("source_comment", TEXT_MAX_CHARS), fields.flag("source_comment_is_public"));
    fields.finish()?;
    must_be_there(tx, &may, id).await?;
    for source_id in ids {
        must_be_there(tx, &may, source_id).await?;
        comment(tx, &may, now, source_id, &source).await?;
        let status = Some(SetStatus::Exactly(Status::Closed));
        let update = TicketUpdate { status, closed_is_final: true, ..TicketUpdate::default() };
        write::update(tx, &may, now, source_id, update).await?;
    }
    comment(tx, &may, now, id, &target).await?;
    Ok(bulk::was_updated(id))
}

async fn comment(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    (text, public): &(Option<String>, Option<bool>),
) -> Result<(), ZendeskError> {
    let Some(text) = text else { return Ok(()) };
    let sent = SentComment { text: Some(text.clone()), ..SentComment::default() };
    let message = ticket_read::message(
        tx,
        (may.actor().person_id, now),
        &sent,
        may.actor().person_id,
        public.unwrap_or_default(),
        false,
    )
    .await?;
    message_write::create(tx, may, now, id, message).await?;
    Ok(())
}

/// `GET /api/v2/problems`
pub async fn list_problems(State(app): State<App>, May(may): May<CanRead<Tickets>>, params: Params) -> Answer {
    let filter = Filter { kind: Some(TicketType::Problem), ..there() };
    list_by(&app, &may, &params, (&["id"], "problems"), filter).await
}

/// `POST /api/v2/problems/autocomplete`: problems whose subject has the text.
pub async fn autocomplete_problems(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    let text = fields.some_text("text", TEXT_MAX_CHARS).or(params.text("text")?).unwrap_or_default();
    fields.finish()?;
    let mut tx = app.db.read().await?;
    let found = list::problems_named(&mut tx, &may, &text).await?;
    let views = ticket_view::views(&mut tx, &may, &params.site, &found).await?;
    Ok(Reply::ok(named("tickets", Value::Array(views))))
}

/// `GET /api/v2/tickets/{ticket_id}/incidents`
pub async fn list_incidents(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let filter = Filter { problem_id: Some(id), ..there() };
    list_by(&app, &may, &params, (&["id"], "incidents"), filter).await
}

/// `GET /api/v2/tickets/{ticket_id}/related`
pub async fn show_related(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let found = list::of_ids(&mut tx, &may, &[id]).await?;
    let ticket = found.first().ok_or_else(ZendeskError::not_found)?;
    let incidents = around::incidents(&mut tx, &may, id).await?;
    let sources: Vec<String> = ticket.ticket.followup_of.iter().map(i64::to_string).collect();
    Ok(Reply::one(
        "ticket_related",
        json!({
            "followup_source_ids": sources,
            "from_archive": false,
            "incidents": incidents,
            "jira_issue_ids": [],
            "topic_id": null,
        }),
    ))
}

/// `GET /api/v2/tickets/{ticket_id}/collaborators`
pub async fn list_collaborators(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let both = |around: Around| around.cc_ids.into_iter().chain(around.follower_ids).collect();
    people(&app, &may, &params, id, both).await
}

/// `GET /api/v2/tickets/{ticket_id}/email_ccs`
pub async fn list_ccs(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id, params: Params) -> Answer {
    people(&app, &may, &params, id, |around| around.cc_ids).await
}

/// `GET /api/v2/tickets/{ticket_id}/followers`
pub async fn list_followers(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    people(&app, &may, &params, id, |around| around.follower_ids).await
}

async fn people(
    app: &App,
    may: &CanRead<Tickets>,
    params: &Params,
    id: i64,
    who: impl FnOnce(Around) -> Vec<i64>,
) -> Answer {
    let mut tx = app.db.read().await?;
    helpdesk::tickets::must_exist(&mut tx, may, id).await?;
    let around = around::around(&mut tx, may, &[id]).await?.remove(&id).unwrap_or_default();
    let mut people = profiles::beside(&mut tx, may, &who(around)).await?;
    people.sort_by_key(|person| person.id);
    let views = people.iter().map(|person| users::view(&params.site, person)).collect();
    Ok(Reply::ok(Value::Object(page::whole("users", views))))
}

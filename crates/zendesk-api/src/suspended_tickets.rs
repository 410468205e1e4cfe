//! `/api/v2/suspended_tickets`: messages that are held back (Zendesk contract, `resources.suspended_tickets`).

use axum::extract::State;
use endpoint::{App, May, Routes, files as stored};
use helpdesk::Error;
use helpdesk::files::{self, Purpose};
use helpdesk::held_messages::{self, Cause, HeldMessage, Sort};
use helpdesk::jobs::batch::By;
use helpdesk::jobs::lists;
use helpdesk::tickets::redaction::Place;
use helpdesk::uploads;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::bulk::{self, Call};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::page::{self, Asked};
use crate::query::{Params, check_length};
use crate::ticket_view::{self, via};
use crate::time::format;
use crate::{Id, Site, attachments};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/suspended_tickets", list)
        .post("/api/v2/suspended_tickets/attachments", copy_attachments)
        .put("/api/v2/suspended_tickets/bulk_recover", bulk_recover)
        .delete("/api/v2/suspended_tickets/destroy_many", delete_many)
        .post("/api/v2/suspended_tickets/export", export)
        .put("/api/v2/suspended_tickets/recover_many", recover_many)
        .get("/api/v2/suspended_tickets/{id}", show)
        .delete("/api/v2/suspended_tickets/{id}", delete)
        .put("/api/v2/suspended_tickets/{id}/recover", recover)
}

pub(crate) const CALLS: &[Call] = &[Call {
    word: "suspended_tickets.recover",
    title: "Bulk Recover Suspended Ticket",
    failure: "SuspendedTicketRecoverFailed",
    carry: |tx, by, now, row| Box::pin(carry_recover(tx, by, now, row)),
}];

/// The vendor's numbers and texts. It has none for a suspended author that is known; the nearest is that its writer has no permission.
const CAUSES: &[(Cause, i64, &str)] = &[
    (Cause::Spam, 0, "Detected as spam"),
    (Cause::Automated, 3, "Automated response mail"),
    (Cause::DeliveryFailure, 7, "Automated response mail, delivery failed"),
    (Cause::Vacation, 8, "Automated response mail, out of office"),
    (Cause::SuspendedAuthor, 10, "Permission denied: the author is suspended"),
];

/// `GET /api/v2/suspended_tickets`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Tickets>>, params: Params) -> Answer {
    let sorts = &["created_at", "author_email", "cause", "subject"];
    let asked = Asked::read(&params, "suspended tickets", sorts)?;
    let sort = match asked.sort {
        "author_email" => Sort::AuthorEmail,
        "cause" => Sort::Cause,
        "subject" => Sort::Subject,
        _ => Sort::Created,
    };
    let mut tx = app.db.read().await?;
    let page = held_messages::list(&mut tx, &may, (sort, asked.descending), &asked.slice).await?;
    let mut body = asked.body("suspended_tickets", page, |held| view(&params.site, &held));
    if let Some(views) = body.get_mut("suspended_tickets") {
        attachments::sign_all(&app, views);
    }
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/suspended_tickets/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let mut views = json!([view(&params.site, &held_messages::find(&mut tx, &may, id).await?)]);
    attachments::sign_all(&app, &mut views);
    Ok(Reply::one("suspended_ticket", views[0].take()))
}

/// `DELETE /api/v2/suspended_tickets/{id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Tickets>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| held_messages::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `DELETE /api/v2/suspended_tickets/destroy_many`
pub async fn delete_many(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params) -> Answer {
    let ids = params.required_ids("ids")?;
    let now = app.clock.now();
    transact!(app.db, |tx| held_messages::delete_many(tx, &may, now, &ids).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/suspended_tickets/{id}/recover`: the ticket, or what stayed suspended in a list.
pub async fn recover(State(app): State<App>, May(may): May<CanWrite<Tickets>>, Id(id): Id, params: Params) -> Answer {
    let now = app.clock.now();
    let recovered = transact!(app.db, |tx| let_through(tx, &may, now, (&params.site, id)).await)?;
    Ok(Reply::one("ticket", recovered.unwrap_or_else(|stayed| json!([stayed]))))
}

/// `PUT /api/v2/suspended_tickets/recover_many`: those that are not there are passed over.
pub async fn recover_many(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params) -> Answer {
    let ids = params.required_ids("ids")?;
    let now = app.clock.now();
    let recovered = transact!(app.db, |tx| {
        let mut recovered = Vec::with_capacity(ids.len());
        for id in &ids {
            match let_through(tx, &may, now, (&params.site, *id)).await {
                Ok(Ok(shown) | Err(shown)) => recovered.push(shown),
                Err(ZendeskError::Refused(Error::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok::<_, ZendeskError>(recovered)
    })?;
    Ok(Reply::ok(Value::Object(page::whole("tickets", recovered))))
}

/// The ticket, or with an inner error what stayed suspended and why.
async fn let_through(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (site, id): (&Site, i64),
) -> Result<Result<Value, Value>, ZendeskError> {
    let held = held_messages::find(tx, may, id).await?;
    tx.mark().await?;
    match held_messages::recover(tx, may, now, id).await {
        Ok(ticket_id) => {
            tx.keep_since_mark().await?;
            Ok(Ok(ticket_view::written(tx, may, site, ticket_id).await?))
        }
        Err(Error::Store(error)) => Err(error.into()),
        Err(error) => {
            tx.back_to_mark().await?;
            let mut stayed = view(site, &held);
            stayed["error_messages"] = json!([{ "description": error.to_string() }]);
            Ok(Err(stayed))
        }
    }
}

/// `PUT /api/v2/suspended_tickets/bulk_recover`
pub async fn bulk_recover(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params) -> Answer {
    bulk::start(&app, &may, &params.site, "suspended_tickets.recover", bulk::rows_of_ids(&params)?).await
}

async fn carry_recover(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let (id, may) = (bulk::id_of(row)?, by.permit()?);
    let ticket_id = held_messages::recover(tx, &may, now, id).await?;
    Ok(json!({ "id": id, "ticket_id": ticket_id, "action": "recover", "status": "Recovered", "success": true }))
}

/// `POST /api/v2/suspended_tickets/attachments`: copies of these, for a comment.
pub async fn copy_attachments(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    fields.require("attachment_ids");
    let ids = fields.ids("attachment_ids").unwrap_or_default();
    fields.finish()?;
    check_length(ids.len())?;
    let file_of = |id: &i64| match attachments::place_of(*id) {
        Place::File(file_id) => Some(file_id),
        Place::InMessage { .. } => None,
    };
    let file_ids: Vec<i64> = ids.iter().filter_map(file_of).collect();
    let found = {
        let mut tx = app.db.read().await?;
        held_messages::attached(&mut tx, &may, &file_ids).await?
    };
    if found.is_empty() {
        return Err(ZendeskError::not_found());
    }
    let files_too = may.on_its_files();
    let token = app.random.hex(32);
    let mut upload = None;
    for file in &found {
        let bytes = files::read(&app.db, &app.blobs, file).await?;
        let named = (file.name.clone(), file.content_type.clone());
        let copy = stored::store(&app, &files_too, Purpose::Attachment, named, bytes).await?;
        let now = app.clock.now();
        let is_new = upload.is_none();
        upload = Some(transact!(app.db, |tx| uploads::add(tx, &files_too, now, (&token, is_new), copy.id).await)?);
    }
    let upload = upload.ok_or_else(ZendeskError::not_found)?;
    Ok(Reply::one("upload", attachments::view_of_upload(&app, &params.site, &token, &upload)))
}

/// `POST /api/v2/suspended_tickets/export`: a file among the jobs of the account.
pub async fn export(State(app): State<App>, May(may): May<CanWrite<Tickets>>) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| lists::start_held_messages(tx, &may, now).await)?;
    Ok(Reply::one("export", json!({ "view_id": null, "status": "starting" })))
}

fn view(site: &Site, held: &HeldMessage) -> Value {
    let cause = CAUSES.iter().find(|(cause, _, _)| *cause == held.cause);
    let list = held.attachments.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    json!({
        "id": held.id,
        "url": site.url(&format!("suspended_tickets/{}", held.id)),
        "author": { "id": held.author_id, "name": held.author_name, "email": held.author_email },
        "cause": cause.map(|(_, _, text)| text),
        "cause_id": cause.map(|(_, id, _)| id),
        "subject": held.subject,
        "content": held.body_text,
        "recipient": held.recipient,
        "brand_id": held.brand_id,
        "message_id": held.message_id,
        "ticket_id": held.ticket_id,
        "via": via(&held.channel, &held.channel),
        "attachments": attachments::views_of(site, held.id, list),
        "error_messages": null,
        "created_at": format(held.created_at),
        "updated_at": format(held.updated_at),
    })
}

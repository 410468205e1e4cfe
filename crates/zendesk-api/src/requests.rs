//! `/api/v2/requests`: tickets as the people who ask see them (Zendesk contract, `resources.requests`). Whose they are decides who sees
//! them, not the role: a customer's own token, and `X-On-Behalf-Of`, lead here.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::routing::MethodFilter;
use endpoint::{App, ClientAddress, Later, May, Needs, Refused, RequestId, Routes, Why};
use helpdesk::held_messages::{self, Cause, NewHeld};
use helpdesk::people::PersonRef;
use helpdesk::tickets::list::{self, Direction, Sort};
use helpdesk::tickets::messages::{self, API, Message};
use helpdesk::tickets::requests::{self, Beside as Around, Sought, Whose};
use helpdesk::tickets::write::{self, SetStatus, TicketUpdate};
use helpdesk::tickets::{Status, TicketInList, TicketType, anonymous};
use helpdesk::{profiles, uploads};
use jiff::Timestamp;
use scope::permission::{Permission, Permissions};
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Kind, Requests};
use scope::role::Role;
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::search::refused;
use crate::sideload::Beside;
use crate::ticket_read::SentTicket;
use crate::ticket_view::{status_of, status_word, via};
use crate::time::{format, format_or_null};
use crate::{Id, Pair, Site, attachments, ticket_read};

const WRITES: Permissions = Permissions::of(&[Permission::write(Kind::Requests)]);
const ANYBODY: &str = "whoever shows a token needs its words; without one the account decides, which lets nobody in unless it was told to";

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/requests", list_own)
        .by_request(MethodFilter::POST, "/api/v2/requests", create, WRITES, ANYBODY)
        .get("/api/v2/requests/ccd", list_copied)
        .get("/api/v2/requests/open", list_open)
        .get("/api/v2/requests/search", search)
        .get("/api/v2/requests/solved", list_solved)
        .get("/api/v2/requests/{request_id}", show)
        .put("/api/v2/requests/{request_id}", update)
        .get("/api/v2/requests/{request_id}/comments", list_comments)
        .get("/api/v2/requests/{request_id}/comments/{ticket_comment_id}", show_comment)
        .get("/api/v2/organizations/{organization_id}/requests", list_of_organization)
        .get("/api/v2/users/{user_id}/requests", list_of_user)
}

const UNDONE: &[Status] = &[Status::New, Status::Open, Status::Pending, Status::OnHold];
const DONE: &[Status] = &[Status::Solved, Status::Closed];
const SORTS: &[&str] = &["updated_at", "created_at"];

/// Results of a search that can be reached.
const REACHED_MAX: usize = 1_000;

/// `GET /api/v2/requests`
pub async fn list_own(State(app): State<App>, May(may): May<CanRead<Requests>>, params: Params) -> Answer {
    let whose = Whose::Person(requests::caller(&may)?);
    list_by(&app, &may, &params, (whose, &statuses_asked(&params)?)).await
}

/// `GET /api/v2/requests/open`
pub async fn list_open(State(app): State<App>, May(may): May<CanRead<Requests>>, params: Params) -> Answer {
    list_by(&app, &may, &params, (Whose::Person(requests::caller(&may)?), UNDONE)).await
}

/// `GET /api/v2/requests/solved`
pub async fn list_solved(State(app): State<App>, May(may): May<CanRead<Requests>>, params: Params) -> Answer {
    list_by(&app, &may, &params, (Whose::Person(requests::caller(&may)?), DONE)).await
}

/// `GET /api/v2/requests/ccd`
pub async fn list_copied(State(app): State<App>, May(may): May<CanRead<Requests>>, params: Params) -> Answer {
    list_by(&app, &may, &params, (Whose::Copied, &statuses_asked(&params)?)).await
}

/// `GET /api/v2/users/{user_id}/requests`
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<Requests>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    list_by(&app, &may, &params, (Whose::Person(id), &statuses_asked(&params)?)).await
}

/// `GET /api/v2/organizations/{organization_id}/requests`
pub async fn list_of_organization(
    State(app): State<App>,
    May(may): May<CanRead<Requests>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    list_by(&app, &may, &params, (Whose::Organization(id), &statuses_asked(&params)?)).await
}

async fn list_by(app: &App, may: &CanRead<Requests>, params: &Params, which: (Whose, &[Status])) -> Answer {
    let asked = Asked::read(params, "requests", SORTS)?;
    let sort = if asked.sort == "created_at" { Sort::Created } else { Sort::Updated };
    let direction = if asked.descending { Direction::Descending } else { Direction::Ascending };
    let mut tx = app.db.read().await?;
    let page = requests::list(&mut tx, may, which, list::order(sort, direction), &asked.slice).await?;
    let views = views(&mut tx, may, &params.site, &page.items).await?;
    let mut body = asked.around("requests", views, (page.before, page.after, page.total));
    beside(&mut tx, may, params, &page.items, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/requests/search`: the caller's own that hold the words, in what is public of them.
pub async fn search(State(app): State<App>, May(may): May<CanRead<Requests>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "found requests", &["updated_at"])?;
    if REACHED_MAX < asked.slice.skipped().unwrap_or_default().saturating_add(asked.slice.limit) {
        let text = format!("Requested response size was greater than Search Response Limits of {REACHED_MAX} results.");
        return Err(refused(text));
    }
    let (text, statuses) = (params.text("query")?.unwrap_or_default(), statuses_asked(&params)?);
    let sought = Sought {
        text: &text,
        statuses: &statuses,
        organization_id: params.id("organization_id")?,
        copied: params.flag("cc_id"),
    };
    let mut tx = app.db.read().await?;
    let page = requests::search(&mut tx, &may, &sought, &asked.slice).await?;
    let views = views(&mut tx, &may, &params.site, &page.items).await?;
    let mut body = asked.around("requests", views, (page.before, page.after, page.total));
    beside(&mut tx, &may, &params, &page.items, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `status=open,pending`: what waits for somebody else counts as open.
fn statuses_asked(params: &Params) -> Result<Vec<Status>, ZendeskError> {
    let mut statuses = Vec::new();
    for word in params.list("status") {
        let status = status_of(word).ok_or_else(|| ZendeskError::bad_request(format!("Invalid status: {word}")))?;
        statuses.push(status);
        if status == Status::Open {
            statuses.push(Status::OnHold);
        }
    }
    Ok(statuses)
}

/// `GET /api/v2/requests/{request_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Requests>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let request = [requests::find(&mut tx, &may, id).await?];
    let view = views(&mut tx, &may, &params.site, &request).await?.pop().ok_or_else(ZendeskError::not_found)?;
    let mut body = Map::from_iter([("request".to_owned(), view)]);
    beside(&mut tx, &may, &params, &request, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// Who writes a request.
pub enum Asker {
    /// As far as their token goes.
    Known(CanWrite<Requests>),
    /// Somebody without a token: how they are refused, where they call from, and this request's number.
    Nobody { refused: Box<Refused>, address: IpAddr, request_id: String },
}

impl FromRequestParts<App> for Asker {
    type Rejection = ZendeskError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Asker, ZendeskError> {
        let address = parts.extensions.get::<ClientAddress>().map_or([127, 0, 0, 1].into(), |address| address.0);
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        match Later::from_request_parts(parts, app).await {
            Ok(later) => Ok(Asker::Known(later.permit()?)),
            Err(refused) if matches!(refused.why, Why::NoCredentials) => {
                Ok(Asker::Nobody { refused: Box::new(refused), address, request_id })
            }
            Err(refused) => Err(ZendeskError::Forbidden(Box::new(refused))),
        }
    }
}

impl Needs for Asker {}

/// `POST /api/v2/requests`: of whoever calls; without a token of the `requester`, where the account lets anybody ask.
pub async fn create(State(app): State<App>, asker: Asker, params: Params, body: Body) -> Answer {
    let may = match asker {
        Asker::Known(may) => may,
        Asker::Nobody { refused, address, request_id } => {
            return create_of_nobody(&app, *refused, (address, &request_id), &params, &body).await;
        }
    };
    let mut fields = body.record("request")?;
    // Who asks is who calls.
    fields.pass(&["requester"]);
    let mut sent = read_whole(&mut fields);
    fields.finish()?;
    sent.requester = Some(PersonRef::by_id(requests::caller(&may)?));
    once!(app, may.actor(), body.once, |tx, now| {
        Reply::created("request", write_one(tx, &may, now, (&params.site, &sent)).await?)
    })
}

/// The same for somebody of whom nothing is known but what they say. They bring no files, and name nobody else.
async fn create_of_nobody(
    app: &App,
    refused: Refused,
    (address, request_id): (IpAddr, &str),
    params: &Params,
    body: &Body,
) -> Answer {
    {
        let mut tx = app.db.read().await?;
        if !anonymous::are_allowed(&mut tx).await? {
            return Err(ZendeskError::Forbidden(Box::new(refused)));
        }
    }
    if let Err(why) = app.limits.take_anonymous(address) {
        return Err(ZendeskError::Forbidden(Box::new(refused.because(why))));
    }
    let mut fields = body.record("request")?;
    fields.require("requester");
    let who = fields.nested("requester", ticket_read::read_person).unwrap_or_default();
    let mut sent = read_whole(&mut fields);
    fields.finish()?;
    sent.ccs = None;
    sent.comments.iter_mut().for_each(|comment| comment.uploads.clear());
    let now = app.clock.now();
    let written = transact!(app.db, |tx| {
        let Some(may) = anonymous::admit(tx, now, request_id, &who).await? else { return Ok(None) };
        let sent = SentTicket { requester: Some(PersonRef::by_id(requests::caller(&may)?)), ..sent.clone() };
        let mut view = write_one(tx, &may, now, (&params.site, &sent)).await?;
        // What is known of the address is told nobody who only names it.
        for known in ["requester_id", "organization_id", "assignee_id", "group_id"] {
            view[known] = Value::Null;
        }
        Ok::<_, ZendeskError>(Some(view))
    })?;
    match written {
        Some(view) => Ok(Reply::created("request", view)),
        None => Err(ZendeskError::Forbidden(Box::new(refused))),
    }
}

fn read_whole(fields: &mut Fields) -> SentTicket {
    fields.require("subject");
    fields.require("comment");
    read(fields)
}

/// Writes a new request, or holds it back.
async fn write_one(
    tx: &mut Tx,
    may: &CanWrite<Requests>,
    now: Timestamp,
    (site, sent): (&Site, &SentTicket),
) -> Result<Value, ZendeskError> {
    if held_messages::holds_back(tx, may).await? {
        return hold(tx, may, now, (None, sent)).await;
    }
    let ticket = may.on_own_ticket();
    helpdesk::custom_fields::must_be_customers(tx, &sent.fields).await?;
    let id = ticket_read::create(tx, &ticket, now, sent).await?;
    if !may.actor().role.is_some_and(Role::is_staff) {
        ticket_read::check_filled_by_customer(tx, &ticket, id).await?;
    }
    let request = [requests::written(tx, may, id).await?];
    views(tx, may, site, &request).await?.pop().ok_or_else(ZendeskError::not_found)
}

/// `PUT /api/v2/requests/{request_id}`: another comment, further people, or that it is solved.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Requests>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("request")?;
    let solved = fields.flag("solved").unwrap_or_default();
    let all = ticket_read::read(&mut fields);
    fields.finish()?;
    let mut sent = SentTicket { comments: own_comments(all.comments), ccs: all.ccs, ..SentTicket::default() };
    sent.update.closed_is_final = true;
    let now = app.clock.now();
    let view = transact!(app.db, |tx| {
        let before = requests::find(tx, &may, id).await?;
        if !sent.comments.is_empty() && held_messages::holds_back(tx, &may).await? {
            hold(tx, &may, now, (Some(id), &sent)).await?;
            return views(tx, &may, &params.site, &[before]).await?.pop().ok_or_else(ZendeskError::not_found);
        }
        if solved && !can_be_solved(&before) {
            return Err(ZendeskError::invalid("solved", "is not possible for this request"));
        }
        let ticket = may.on_own_ticket();
        ticket_read::update(tx, &ticket, now, id, &sent).await?;
        if solved {
            // After the comment, which opens what is solved.
            let update = TicketUpdate { status: Some(SetStatus::Exactly(Status::Solved)), ..TicketUpdate::default() };
            write::update(tx, &ticket, now, id, update).await?;
        }
        let request = [requests::written(tx, &may, id).await?];
        views(tx, &may, &params.site, &request).await?.pop().ok_or_else(ZendeskError::not_found)
    })?;
    Ok(Reply::one("request", view))
}

/// Holds back what a suspended customer wrote. They are told as little as others: their request has no number yet.
async fn hold(
    tx: &mut Tx,
    may: &CanWrite<Requests>,
    now: Timestamp,
    (ticket_id, sent): (Option<i64>, &SentTicket),
) -> Result<Value, ZendeskError> {
    let caller = requests::caller(may)?;
    let author = profiles::own(tx, may.actor()).await?.ok_or_else(ZendeskError::not_found)?;
    let Some(comment) = sent.comments.first() else { return Err(ZendeskError::invalid("comment", "cannot be blank")) };
    let files = uploads::take(tx, now, Some(caller), &comment.uploads).await?;
    let subject = sent.update.subject.clone().flatten();
    let new = NewHeld {
        author_id: Some(caller),
        author_name: author.name,
        author_email: author.email,
        subject: subject.clone(),
        body_text: comment.text.clone(),
        body_html: comment.html.clone(),
        channel: API.to_owned(),
        ticket_id,
        attachments: (!files.is_empty()).then(|| attachments::of_files(&files)),
        file_ids: files.iter().map(|file| file.id).collect(),
        ..NewHeld::default()
    };
    held_messages::hold(tx, may.actor(), now, Cause::SuspendedAuthor, &new).await?;
    Ok(json!({
        "id": null,
        "url": null,
        "subject": subject,
        "description": comment.text.as_ref().or(comment.html.as_ref()),
        "status": status_word(Status::New),
        "requester_id": caller,
        "created_at": format(now),
        "updated_at": format(now),
    }))
}

/// What somebody who asks may write of a new request.
fn read(fields: &mut Fields) -> SentTicket {
    let all = ticket_read::read(fields);
    let mut sent =
        SentTicket { comments: own_comments(all.comments), fields: all.fields, ccs: all.ccs, ..SentTicket::default() };
    sent.recipient = all.recipient;
    sent.update.subject = all.update.subject;
    sent.update.priority = all.update.priority;
    sent.update.kind = all.update.kind;
    sent.update.due_at = all.update.due_at;
    sent.update.form_id = all.update.form_id;
    sent
}

/// Public, and by nobody but the caller.
fn own_comments(mut comments: Vec<ticket_read::SentComment>) -> Vec<ticket_read::SentComment> {
    for comment in &mut comments {
        comment.public = Some(true);
        comment.author_id = None;
    }
    comments
}

fn can_be_solved(item: &TicketInList) -> bool {
    let ticket = &item.ticket;
    ticket.assignee_user_id.is_some() && ticket.kind != Some(TicketType::Problem) && !ticket.status.is_done()
}

/// `GET /api/v2/requests/{request_id}/comments`: what is public of it.
pub async fn list_comments(
    State(app): State<App>,
    May(may): May<CanRead<Requests>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let asked = Asked::read(&params, "request comments", &["created_at"])?;
    let since = params.time("since")?;
    let of_staff = match params.one("role") {
        Some("agent") => Some(true),
        Some("end-user") => Some(false),
        _ => None,
    };
    let mut tx = app.db.read().await?;
    requests::find(&mut tx, &may, id).await?;
    let which = messages::Public { ticket_id: id, since, of_staff, id: None };
    let page = messages::public(&mut tx, &may, &which, asked.descending, &asked.slice).await?;
    let mut authors: Vec<i64> = page.items.iter().map(|message| message.sender.id).collect();
    authors.sort_unstable();
    authors.dedup();
    let mut body = asked.body("comments", page, |message| comment_view(&params.site, &message));
    if let Some(comments) = body.get_mut("comments") {
        attachments::sign_all(&app, comments);
    }
    let users = profiles::beside(&mut tx, &may, &authors).await?;
    let user = |user: &profiles::Profile| {
        json!({
            "id": user.id, "name": user.alias.as_ref().or(user.name.as_ref()).map_or("", String::as_str), "photo": null,
            "agent": user.role.is_staff(), "organization_id": user.organization_id,
        })
    };
    body.insert("users".to_owned(), users.iter().map(user).collect());
    let mut organizations = Map::new();
    let mut beside = Beside::organizations_only();
    beside.organizations(users.iter().filter_map(|user| user.organization_id));
    beside.load(&mut tx, &may, &params.site, &mut organizations).await?;
    body.extend(organizations);
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/requests/{request_id}/comments/{ticket_comment_id}`
pub async fn show_comment(
    State(app): State<App>,
    May(may): May<CanRead<Requests>>,
    Pair(request_id, id): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    requests::find(&mut tx, &may, request_id).await?;
    let which = messages::Public { ticket_id: request_id, since: None, of_staff: None, id: Some(id) };
    let slice = helpdesk::page::Slice { limit: 1, from: None };
    let message = messages::public(&mut tx, &may, &which, false, &slice).await?.items.pop();
    let mut comments = json!([comment_view(&params.site, &message.ok_or_else(ZendeskError::not_found)?)]);
    attachments::sign_all(&app, &mut comments);
    Ok(Reply::one("comment", comments[0].take()))
}

fn comment_view(site: &Site, message: &Message) -> Value {
    let text = message.body_text.as_deref().unwrap_or_default();
    json!({
        "id": message.id,
        "url": site.url(&format!("requests/{}/comments/{}", message.ticket_id, message.id)),
        "type": "Comment",
        "request_id": message.ticket_id,
        "author_id": message.sender.id,
        "body": text,
        "html_body": message.body_html.as_deref().unwrap_or_default(),
        "plain_body": text,
        "public": true,
        "attachments": attachments::views(site, message),
        "created_at": format(message.created_at),
    })
}

async fn beside(
    tx: &mut Tx,
    may: &CanRead<Requests>,
    params: &Params,
    items: &[TicketInList],
    body: &mut Map<String, Value>,
) -> Result<(), ZendeskError> {
    let ids: Vec<i64> = items.iter().map(|item| item.ticket.id).collect();
    let mut beside = Beside::of(params);
    for around in requests::beside(tx, may, &ids).await?.into_values() {
        beside.users(around.cc_ids);
    }
    beside.organizations(items.iter().filter_map(|item| item.ticket.organization_id));
    beside.load(tx, may, &params.site, body).await
}

async fn views<A: Access>(
    tx: &mut Tx,
    may: &Permit<Requests, A>,
    site: &Site,
    items: &[TicketInList],
) -> Result<Vec<Value>, ZendeskError> {
    let ids: Vec<i64> = items.iter().map(|item| item.ticket.id).collect();
    let around = requests::beside(tx, may, &ids).await?;
    let shown = helpdesk::custom_fields::shown_to_customers(tx).await?;
    let nothing = Around::default();
    let view = |item: &TicketInList| view(site, item, around.get(&item.ticket.id).unwrap_or(&nothing), &shown);
    Ok(items.iter().map(view).collect())
}

fn view(site: &Site, item: &TicketInList, around: &Around, shown: &[i64]) -> Value {
    let ticket = &item.ticket;
    // What waits for a third party is open for those who asked.
    let status = if ticket.status == Status::OnHold { Status::Open } else { ticket.status };
    let values: Vec<Value> = item
        .fields
        .iter()
        .filter(|(id, _)| shown.contains(id))
        .map(|(id, value)| json!({ "id": id, "value": value.to_json() }))
        .collect();
    json!({
        "id": ticket.id,
        "url": site.url(&format!("requests/{}", ticket.id)),
        "subject": ticket.subject.as_deref().unwrap_or_default(),
        "description": around.description.as_deref().unwrap_or_default(),
        "status": status_word(status),
        "custom_status_id": around.custom_status_id,
        "priority": ticket.priority.word(),
        "type": ticket.kind.map(TicketType::word),
        "requester_id": ticket.customer_id,
        "assignee_id": ticket.assignee_user_id,
        "group_id": ticket.assignee_team_id,
        "organization_id": ticket.organization_id,
        "collaborator_ids": around.cc_ids,
        "email_cc_ids": around.cc_ids,
        "is_public": true,
        "can_be_solved_by_me": can_be_solved(item),
        "custom_fields": values,
        "fields": values,
        "due_at": format_or_null(ticket.due_at),
        "followup_source_id": ticket.followup_of,
        "recipient": around.recipient,
        "ticket_form_id": ticket.form_id,
        "via": via(&ticket.channel, &ticket.via),
        "created_at": format(ticket.created_at),
        "updated_at": format(ticket.updated_at),
    })
}

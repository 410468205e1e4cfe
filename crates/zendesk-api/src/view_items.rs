//! `/api/v2/views/{view_id}/tickets`, `execute`, `count`, and the same of views that are not stored (Zendesk contract, `resources.views`).
//!
//! The vendor's word for views alone opens these calls; here, what is in a view needs the word for tickets besides.

use axum::extract::State;
use endpoint::{App, Later, May, Routes};
use helpdesk::filter::Viewpoint;
use helpdesk::jobs::lists;
use helpdesk::tickets::TicketInList;
use helpdesk::tickets::list::Direction;
use helpdesk::tickets::matching::Sort;
use helpdesk::views::items::{self, Asked as Contents};
use helpdesk::views::{self, Filter, Lists};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Read, Tickets, Views};
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::sideload::Beside;
use crate::ticket_view::{self, load_beside};
use crate::views::{SORTS, columns, of_tickets, read, sort_word};
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/views/count_many", count_many)
        .post("/api/v2/views/preview", preview)
        .post("/api/v2/views/preview/count", count_preview)
        .get("/api/v2/views/{view_id}/count", count)
        .get("/api/v2/views/{view_id}/execute", execute)
        .get("/api/v2/views/{view_id}/export", export)
        .get("/api/v2/views/{view_id}/tickets", list_tickets)
}

/// Views of one call that counts.
const COUNTED_VIEWS_MAX: usize = 20;
/// From here on counts are told as more than this.
const COUNTED_MAX: i64 = 100_000;
const COLUMNS_OF_PREVIEW: &[&str] = &["subject", "customer", "created", "assignee"];

/// `GET /api/v2/views/{view_id}/export`: a file among the jobs of the account.
pub async fn export(State(app): State<App>, May(may): May<CanRead<Views>>, later: Later, Id(id): Id) -> Answer {
    of_tickets(views::find(&mut app.db.read().await?, &may, id).await?)?;
    later.permit::<Tickets, Read>()?;
    let now = app.clock.now();
    transact!(app.db, |tx| lists::start_view(tx, &may, now, id).await)?;
    Ok(Reply::one("export", json!({ "view_id": id, "status": "starting" })))
}

/// What is looked into.
struct Wanted {
    contents: Contents,
    columns: Vec<String>,
    order: (Sort, bool),
}

async fn wanted(tx: &mut Tx, may: &CanRead<Views>, viewpoint: Viewpoint, id: i64) -> Result<Wanted, ZendeskError> {
    let view = of_tickets(views::find(tx, may, id).await?)?;
    Ok(Wanted { contents: Contents::of(&view, viewpoint), order: (view.sort, view.descending), columns: view.fields })
}

fn viewpoint(app: &App, later: &Later) -> Viewpoint {
    Viewpoint { now: app.clock.now(), person_id: later.actor().person_id }
}

/// `GET /api/v2/views/{view_id}/tickets`
pub async fn list_tickets(
    State(app): State<App>,
    May(may): May<CanRead<Views>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let wanted = wanted(&mut tx, &may, viewpoint(&app, &later), id).await?;
    let may_tickets = later.permit()?;
    let (asked, page) = tickets(&mut tx, &may_tickets, &params, "tickets of a view", &wanted).await?;
    let views = ticket_view::views(&mut tx, &may_tickets, &params.site, &page.items).await?;
    let mut body = asked.around("tickets", views, (page.before, page.after, page.total));
    load_beside(&mut tx, &may_tickets, &params.site, (Beside::of(&params), &page.items), &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/views/{view_id}/execute`
pub async fn execute(
    State(app): State<App>,
    May(may): May<CanRead<Views>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let wanted = wanted(&mut tx, &may, viewpoint(&app, &later), id).await?;
    let may_tickets = later.permit()?;
    let mut body = rows(&mut tx, &may_tickets, &params, "rows of a view", &wanted).await?;
    body.insert("view".to_owned(), json!({ "id": id, "url": params.site.url(&format!("views/{id}")) }));
    Ok(Reply::ok(Value::Object(body)))
}

/// `POST /api/v2/views/preview`
pub async fn preview(
    State(app): State<App>,
    May(_may): May<CanWrite<Views>>,
    later: Later,
    params: Params,
    body: Body,
) -> Answer {
    let wanted = sent(&body, viewpoint(&app, &later))?;
    let may_tickets = later.permit()?;
    let mut tx = app.db.read().await?;
    let body = rows(&mut tx, &may_tickets, &params, "rows of a preview", &wanted).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// A view that is sent along.
fn sent(body: &Body, viewpoint: Viewpoint) -> Result<Wanted, ZendeskError> {
    let mut fields = body.record("view")?;
    let (conditions, changes) = read(&mut fields);
    fields.finish()?;
    let condition = conditions.condition(None)?;
    items::check(Lists::Tickets, &condition)?;
    Ok(Wanted {
        contents: Contents { condition, search: None, viewpoint },
        columns: changes.fields.unwrap_or_else(|| COLUMNS_OF_PREVIEW.iter().map(|&word| word.to_owned()).collect()),
        order: (changes.sort.unwrap_or(Sort::Created), changes.descending.unwrap_or(true)),
    })
}

async fn tickets<'a>(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    params: &'a Params,
    list: &'static str,
    wanted: &Wanted,
) -> Result<(Asked<'a>, helpdesk::page::Page<TicketInList>), ZendeskError> {
    // The view's own order is the first.
    let (sort, falls) = wanted.order;
    let mut sorts = vec![sort_word(sort)];
    sorts.extend(SORTS.iter().map(|(word, _)| *word));
    let asked = Asked::read_falling(params, list, &sorts, falls)?;
    // A view of the other dialect may be ordered by what has no word here.
    let sort = if asked.sort == sort_word(sort) {
        sort
    } else {
        SORTS.iter().find(|(word, _)| *word == asked.sort).map_or(sort, |(_, sort)| *sort)
    };
    let direction = if asked.descending { Direction::Descending } else { Direction::Ascending };
    let page = items::tickets(tx, may, &wanted.contents, (sort, direction), &asked.slice).await?;
    Ok((asked, page))
}

async fn rows(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    params: &Params,
    list: &'static str,
    wanted: &Wanted,
) -> Result<Map<String, Value>, ZendeskError> {
    let (asked, page) = tickets(tx, may, params, list, wanted).await?;
    let shown = ticket_view::views(tx, may, &params.site, &page.items).await?;
    let columns = columns(&wanted.columns);
    let rows = page.items.iter().zip(shown).map(|(item, ticket)| row(item, &ticket, &columns)).collect();
    let mut body = asked.around("rows", rows, (page.before, page.after, page.total));
    let titles = columns.iter().map(|(word, title)| json!({ "id": word, "title": title, "type": null, "url": null }));
    body.insert("columns".to_owned(), titles.collect());
    load_beside(tx, may, &params.site, (Beside::of_view(), &page.items), &mut body).await?;
    Ok(body)
}

/// The ticket in short, and a value for each column. People and groups are named by id, and stand beside the rows.
fn row(item: &TicketInList, ticket: &Value, columns: &[(&str, &str)]) -> Value {
    let mut short = Map::new();
    for name in ["id", "subject", "description", "status", "type", "priority", "created_at", "updated_at", "url"] {
        short.insert(name.to_owned(), ticket[name].clone());
    }
    let mut row = Map::from_iter([("ticket".to_owned(), Value::Object(short))]);
    for (word, _) in columns {
        let (key, value) = match *word {
            "nice_id" => ("nice_id", ticket["id"].clone()),
            "requester" => ("requester_id", ticket["requester_id"].clone()),
            "assignee" => ("assignee_id", ticket["assignee_id"].clone()),
            "group" => ("group_id", ticket["group_id"].clone()),
            "organization" => ("organization_id", ticket["organization_id"].clone()),
            "created" => ("created", ticket["created_at"].clone()),
            "updated" => ("updated", ticket["updated_at"].clone()),
            "due_date" => ("due_date", ticket["due_at"].clone()),
            "solved" => ("solved", json!(crate::time::format_or_null(item.ticket.closed_at))),
            "updated_requester" => {
                ("updated_requester", json!(crate::time::format_or_null(item.ticket.last_received_message_at)))
            }
            "locale" => ("locale", json!(item.ticket.language)),
            word => (word, ticket[word].clone()),
        };
        row.insert(key.to_owned(), value);
    }
    row.insert("fields".to_owned(), json!([]));
    row.insert("custom_fields".to_owned(), ticket["custom_fields"].clone());
    Value::Object(row)
}

/// `GET /api/v2/views/{view_id}/count`
pub async fn count(
    State(app): State<App>,
    May(may): May<CanRead<Views>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let view = of_tickets(views::find(&mut tx, &may, id).await?)?;
    let may_tickets = later.permit()?;
    let contents = Contents::of(&view, viewpoint(&app, &later));
    let n = items::count_to(&mut tx, &may_tickets, &contents, COUNTED_MAX + 1).await?;
    let counted = view_count(&params.site, Some(id), view.deactivated_at.is_none(), n);
    Ok(Reply::one("view_count", counted))
}

/// `GET /api/v2/views/count_many`. Views that are not there are passed over.
pub async fn count_many(State(app): State<App>, May(may): May<CanRead<Views>>, later: Later, params: Params) -> Answer {
    let ids = params.required_ids("ids")?;
    if COUNTED_VIEWS_MAX < ids.len() {
        let description = format!("Parameter ids cannot specify more than {COUNTED_VIEWS_MAX} values");
        return Err(ZendeskError::TooManyValues { max: COUNTED_VIEWS_MAX, description });
    }
    let may_tickets = later.permit()?;
    let viewpoint = viewpoint(&app, &later);
    let mut tx = app.db.read().await?;
    let filter = Filter { ids: Some(&ids), lists: Some(Lists::Tickets), ..Filter::default() };
    let slice = helpdesk::page::Slice { limit: page::PER_PAGE, from: None };
    let found = views::list(&mut tx, &may, filter, (views::Arranged::Displayed, false), &slice).await?.items;
    let mut counts = Vec::with_capacity(found.len());
    for view in &found {
        let contents = Contents::of(view, viewpoint);
        let n = items::count_to(&mut tx, &may_tickets, &contents, COUNTED_MAX + 1).await?;
        counts.push(view_count(&params.site, Some(view.id), view.deactivated_at.is_none(), n));
    }
    Ok(Reply::ok(json!({ "view_counts": counts })))
}

/// `POST /api/v2/views/preview/count`
pub async fn count_preview(
    State(app): State<App>,
    May(_may): May<CanWrite<Views>>,
    later: Later,
    params: Params,
    body: Body,
) -> Answer {
    let wanted = sent(&body, viewpoint(&app, &later))?;
    let may_tickets = later.permit()?;
    let mut tx = app.db.read().await?;
    let n = items::count_to(&mut tx, &may_tickets, &wanted.contents, COUNTED_MAX + 1).await?;
    Ok(Reply::one("view_count", view_count(&params.site, None, true, n)))
}

/// Counted now, so always fresh; of very many only that they are.
fn view_count(site: &Site, id: Option<i64>, active: bool, n: i64) -> Value {
    let path = id.map_or_else(|| "views/preview/count".to_owned(), |id| format!("views/{id}/count"));
    json!({
        "view_id": id,
        "url": site.url(&path),
        "value": n.min(COUNTED_MAX),
        "pretty": if COUNTED_MAX < n { format!("{COUNTED_MAX}+") } else { n.to_string() },
        "fresh": true,
        "active": active,
    })
}

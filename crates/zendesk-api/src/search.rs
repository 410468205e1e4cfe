//! `/api/v2/search`: tickets, people, organizations and groups by one line of text (Zendesk contract, `conventions.search`). Its grammar is
//! `search_query.rs`, what its keywords mean for tickets `search_tickets.rs`.
//!
//! A keyword that is not offered is refused by its name: a search that passed it over would find too much.

use axum::extract::State;
use axum::http::StatusCode;
use endpoint::{App, Later, May, Routes};
use helpdesk::organizations::{self, Which};
use helpdesk::page::{Page, Slice};
use helpdesk::profiles::{self, Filter};
use helpdesk::teams;
use helpdesk::tickets::TicketInList;
use helpdesk::tickets::list::{self as ticket_list, Direction};
use helpdesk::tickets::matching::{self, Sort};
use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Search;
use scope::role::Role;
use serde_json::{Map, Value, json};
use store::Tx;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::page::{Asked, Ways};
use crate::query::Params;
use crate::search_query::{self, Compare, Piece, What};
use crate::search_tickets;
use crate::{Site, groups, organizations as organizations_here, ticket_view, users};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/api/v2/search", list).get("/api/v2/search/count", count).get("/api/v2/search/export", export)
}

/// Results that can be reached; the count goes on.
const REACHED_MAX: usize = 1_000;
/// People whose names or addresses hold the words.
const PEOPLE_MAX: usize = 1_000;

/// What may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sought {
    Ticket,
    User,
    Organization,
    Group,
}

impl Sought {
    const ALL: [Sought; 4] = [Sought::Ticket, Sought::User, Sought::Organization, Sought::Group];

    const fn word(self) -> &'static str {
        match self {
            Sought::Ticket => "ticket",
            Sought::User => "user",
            Sought::Organization => "organization",
            Sought::Group => "group",
        }
    }

    fn parse(word: &str) -> Option<Sought> {
        Sought::ALL.into_iter().find(|sought| sought.word() == word)
    }

    /// Whether it has this keyword.
    fn knows(self, name: &str) -> bool {
        match self {
            Sought::Ticket => search_tickets::KEYWORDS.contains(&name) || name.starts_with("custom_field_"),
            Sought::User => matches!(name, "role" | "name" | "email" | "external_id" | "organization" | "group"),
            Sought::Organization => matches!(name, "name" | "external_id"),
            Sought::Group => name == "name",
        }
    }
}

/// A search as it was understood.
struct Plan {
    kinds: Vec<Sought>,
    pieces: Vec<Piece>,
    sort: Sort,
    direction: Direction,
}

/// What a search cannot do.
pub(crate) fn refused(description: impl Into<String>) -> ZendeskError {
    ZendeskError::Simple(StatusCode::UNPROCESSABLE_ENTITY, "invalid", description.into())
}

fn plan(params: &Params, kind: Option<Sought>) -> Result<Plan, ZendeskError> {
    let query = params.required_text("query")?;
    let mut kinds: Vec<Sought> = kind.into_iter().collect();
    let (mut sort, mut order) = (params.one("sort_by").map(str::to_owned), params.one("sort_order").map(str::to_owned));
    let mut pieces = Vec::new();
    for piece in search_query::parse(&query).map_err(refused)? {
        let What::Keyword { name, compare: Compare::Is, value } = &piece.what else {
            pieces.push(piece);
            continue;
        };
        match name.as_str() {
            "type" => {
                let sought = Sought::parse(&value.to_ascii_lowercase());
                let sought =
                    sought.filter(|_| !piece.negated).ok_or_else(|| refused(format!("Invalid type: {value}")))?;
                if kind.is_none() && !kinds.contains(&sought) {
                    kinds.push(sought);
                }
            }
            "order_by" => sort = Some(value.clone()),
            "sort" => order = Some(value.clone()),
            _ => pieces.push(piece),
        }
    }
    let names: Vec<&str> = pieces.iter().filter_map(|piece| piece.keyword()).collect();
    if kinds.is_empty() {
        kinds = Sought::ALL.into_iter().filter(|sought| names.iter().all(|name| sought.knows(name))).collect();
    }
    for sought in if kinds.is_empty() { &[Sought::Ticket][..] } else { &kinds } {
        if let Some(name) = names.iter().find(|name| !sought.knows(name)) {
            return Err(refused(format!("The keyword {name} is not offered for {}s.", sought.word())));
        }
    }
    let sort = match sort.as_deref() {
        // Quirk: what changed last counts as most relevant.
        None | Some("relevance" | "updated" | "updated_at" | "commented") => Sort::Updated,
        Some("created" | "created_at") => Sort::Created,
        Some("priority") => Sort::Priority,
        Some(other) => return Err(refused(format!("Results cannot be sorted by {other}."))),
    };
    let direction = if order.as_deref() == Some("asc") { Direction::Ascending } else { Direction::Descending };
    Ok(Plan { kinds, pieces, sort, direction })
}

impl Piece {
    fn keyword(&self) -> Option<&str> {
        match &self.what {
            What::Keyword { name, .. } => Some(name),
            What::Words(_) => None,
        }
    }
}

/// `GET /api/v2/search`
pub async fn list(State(app): State<App>, May(_may): May<CanRead<Search>>, later: Later, params: Params) -> Answer {
    if params.pairs.iter().any(|(key, _)| key.starts_with("page[")) {
        return Err(ZendeskError::bad_request("page must be an integer"));
    }
    let plan = plan(&params, None)?;
    let asked = Asked::read(&params, "search", &["relevance"])?;
    let (mut skip, mut limit) = (asked.slice.skipped().unwrap_or_default(), asked.slice.limit);
    if REACHED_MAX < skip + limit {
        return Err(refused(format!(
            "Invalid search: Requested response size was greater than Search Response Limits of {REACHED_MAX} results."
        )));
    }
    let mut tx = app.db.read().await?;
    let now = app.clock.now();
    let reach = skip + limit;
    let (mut results, mut total) = (Vec::new(), 0);
    for sought in &plan.kinds {
        // A page that is full already still counts what follows.
        let slice = Slice::skipping(skip, limit.max(1));
        let page = found(&mut tx, &later, now, (&plan, *sought), &params.site, &slice).await?;
        let n = page.total.unwrap_or_default();
        total += n;
        skip = skip.saturating_sub(usize::try_from(n).unwrap_or(usize::MAX));
        let mut items = page.items;
        items.truncate(limit);
        limit -= items.len();
        results.extend(items);
    }
    let more = usize::try_from(total).unwrap_or(usize::MAX) > reach && reach < REACHED_MAX;
    let after = more.then(Vec::new);
    let mut body = asked.around("results", results, (None, after, Some(total)));
    body.insert("facets".to_owned(), Value::Null);
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/search/count`
pub async fn count(State(app): State<App>, May(_may): May<CanRead<Search>>, later: Later, params: Params) -> Answer {
    let plan = plan(&params, None)?;
    let mut tx = app.db.read().await?;
    let now = app.clock.now();
    let mut total = 0;
    for sought in &plan.kinds {
        let page = found(&mut tx, &later, now, (&plan, *sought), &params.site, &Slice::skipping(0, 1)).await?;
        total += page.total.unwrap_or_default();
    }
    Ok(Reply::ok(json!({ "count": total })))
}

/// `GET /api/v2/search/export`: all results of one kind, tickets the newest first.
pub async fn export(
    State(app): State<App>,
    May(_may): May<CanRead<Search>>,
    later: Later,
    mut params: Params,
) -> Answer {
    let kind = params.required_text("filter[type]")?;
    let kind = Sought::parse(&kind).ok_or_else(|| refused(format!("Invalid filter[type]: {kind}")))?;
    let mut plan = plan(&params, Some(kind))?;
    (plan.sort, plan.direction) = (Sort::Created, Direction::Descending);
    for (key, value) in &mut params.pairs {
        // Quirk: a page has at most a hundred results.
        if key == "page[size]" && value.parse::<usize>().is_ok_and(|size| 100 < size && size <= REACHED_MAX) {
            *value = "100".to_owned();
        }
    }
    let asked = Asked::read_in(&params, kind.word(), &["created_at"], Ways::CursorOnly)?;
    let mut tx = app.db.read().await?;
    let page = found(&mut tx, &later, app.clock.now(), (&plan, kind), &params.site, &asked.slice).await?;
    let mut body: Map<String, Value> = asked.around("results", page.items, (page.before, page.after, None));
    body.insert("facets".to_owned(), Value::Null);
    Ok(Reply::ok(Value::Object(body)))
}

/// A slice of the results of one kind, shown.
async fn found(
    tx: &mut Tx,
    later: &Later,
    now: Timestamp,
    (plan, sought): (&Plan, Sought),
    site: &Site,
    slice: &Slice,
) -> Result<Page<Value>, ZendeskError> {
    let page = match sought {
        Sought::Ticket => {
            let may = later.permit()?;
            let asked = search_tickets::understood(tx, later, now, &plan.pieces).await?;
            // Pages by number put the ticket that a number names before the others; a page by cursor has it besides, if it is the first one.
            let first = match (asked.first, slice.skipped()) {
                (Some(id), Some(0)) => Some(id),
                (Some(id), None) if slice.from.is_none() => Some(id),
                _ => None,
            };
            let moved = match (asked.first, slice.skipped()) {
                (Some(_), Some(0)) => Slice::skipping(0, slice.limit.saturating_sub(1).max(1)),
                (Some(_), Some(skip)) => Slice::skipping(skip - 1, slice.limit),
                _ => slice.clone(),
            };
            let order = (plan.sort, plan.direction);
            let page = matching::list(tx, &may, asked.matching(later, now), order, &moved).await?;
            let mut tickets: Vec<TicketInList> = Vec::with_capacity(page.items.len() + 1);
            if let Some(id) = first {
                tickets = ticket_list::of_ids(tx, &may, &[id]).await?;
            }
            tickets.extend(page.items);
            if slice.skipped().is_some() {
                tickets.truncate(slice.limit);
            }
            let items = ticket_view::views(tx, &may, site, &tickets).await?;
            let total = page.total.map(|total| if asked.first.is_some() { total + 1 } else { total });
            Page { items, before: page.before, after: page.after, total }
        }
        Sought::User => {
            let filter = people(tx, later, &plan.pieces).await?;
            let page = profiles::list(tx, (&later.permit()?, &later.permit()?), &filter, slice).await?;
            page.try_map(|user| Ok(users::view(site, &user)))?
        }
        Sought::Organization => {
            let (name, ids) = named(&plan.pieces)?;
            let which = match (&name, &ids) {
                (_, Some(ids)) => Which::ExternalIds(ids),
                (Some(name), None) => Which::NameStarts(name),
                (None, None) => Which::All,
            };
            let page = organizations::some(tx, &later.permit()?, which, slice).await?;
            page.try_map(|organization| Ok(organizations_here::view(site, &organization)))?
        }
        Sought::Group => {
            let (name, _) = named(&plan.pieces)?;
            let which = name.as_deref().map_or(teams::Which::All, teams::Which::NameStarts);
            teams::some(tx, &later.permit()?, which, slice).await?.try_map(|team| Ok(groups::view(site, &team)))?
        }
    };
    let marked = |mut item: Value| {
        item["result_type"] = json!(sought.word());
        Ok(item)
    };
    Ok(page.try_map(marked)?)
}

/// Organizations and groups are found by how their names begin.
fn named(pieces: &[Piece]) -> Result<(Option<String>, Option<Vec<String>>), ZendeskError> {
    let (mut words, mut external_ids) = (Vec::new(), None);
    for piece in pieces {
        match &piece.what {
            _ if piece.negated => return Err(refused("A search for a name cannot leave names out.")),
            What::Words(text) => words.push(text.as_str()),
            What::Keyword { name, compare: Compare::Is, value } if name == "name" => {
                words.push(value.trim_end_matches('*'));
            }
            What::Keyword { name, compare: Compare::Is, value } if name == "external_id" => {
                external_ids.get_or_insert_with(Vec::new).push(value.clone());
            }
            What::Keyword { name, .. } => return Err(refused(format!("The keyword {name} cannot be compared so."))),
        }
    }
    let name = words.join(" ");
    Ok(((!name.is_empty()).then_some(name), external_ids))
}

async fn people(tx: &mut Tx, later: &Later, pieces: &[Piece]) -> Result<Filter, ZendeskError> {
    let mut filter = Filter::default();
    let mut words = Vec::new();
    for piece in pieces {
        let (name, value) = match &piece.what {
            _ if piece.negated => return Err(refused("A search for people cannot leave people out.")),
            What::Words(text) => {
                words.push(text.as_str());
                continue;
            }
            What::Keyword { name, compare: Compare::Is, value } => (name.as_str(), value),
            What::Keyword { name, .. } => return Err(refused(format!("The keyword {name} cannot be compared so."))),
        };
        match name {
            "role" => {
                let of_word = |role: &&Role| users::role_word(**role) == value.to_ascii_lowercase();
                let roles: Vec<Role> = Role::ALL.iter().filter(of_word).copied().collect();
                if roles.is_empty()
                    || filter.roles.contains(&Role::Customer) != roles.contains(&Role::Customer)
                        && !filter.roles.is_empty()
                {
                    return Err(refused(format!("Invalid role: {value}")));
                }
                filter.roles.extend(roles);
            }
            "email" => filter.email = Some(value.clone()),
            "external_id" => filter.external_ids.get_or_insert_default().push(value.clone()),
            "name" => words.push(value.trim_end_matches('*')),
            "organization" => {
                let found = search_tickets::organization_ids(tx, later, value).await?;
                filter.organization_id = Some(found.first().copied().unwrap_or_default());
            }
            _ => {
                let found = search_tickets::team_ids(tx, later, value).await?;
                filter.team_id = Some(found.first().copied().unwrap_or_default());
            }
        }
    }
    let text = words.join(" ");
    if text.contains('@') && filter.email.is_none() {
        filter.email = Some(text);
    } else if !text.is_empty() {
        let customers = helpdesk::search::customers(tx, &later.permit()?, &text, PEOPLE_MAX).await?;
        let staff = helpdesk::search::agents(tx, &later.permit()?, &text, PEOPLE_MAX).await?;
        let ids = customers.iter().map(|found| found.customer.id).chain(staff.iter().map(|agent| agent.id));
        filter.ids = Some(ids.collect());
    }
    Ok(filter)
}

//! `/api/v2/search`: tickets, people, organizations and groups by one line of text (Zendesk contract, `conventions.search`). Its grammar is
//! `search_query.rs`, what its keywords mean for tickets `search_tickets.rs`, for the others `search_people.rs`.
//!
//! A keyword that is not offered is refused by its name: a search that passed it over would find too much.

use axum::extract::State;
use axum::http::StatusCode;
use endpoint::{App, Later, May, Routes};
use helpdesk::page::{Page, Slice};
use helpdesk::search::records;
use helpdesk::teams;
use helpdesk::tickets::TicketInList;
use helpdesk::tickets::list::{self as ticket_list, Direction};
use helpdesk::tickets::matching::{self, Sort};
use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Search;
use serde_json::{Map, Value, json};
use store::Tx;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::page::{Asked, Ways};
use crate::query::Params;
use crate::search_people::Keys;
use crate::search_query::{self, Compare, Piece, What};
use crate::{Site, groups, organizations, search_people, search_tickets, ticket_view, users};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/api/v2/search", list).get("/api/v2/search/count", count).get("/api/v2/search/export", export)
}

/// Results that can be reached; the count goes on.
const REACHED_MAX: usize = 1_000;
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
    fn knows(self, name: &str, keys: &Keys) -> bool {
        match self {
            Sought::Ticket => search_tickets::KEYWORDS.contains(&name) || name.starts_with("custom_field_"),
            Sought::User => search_people::USER_KEYWORDS.contains(&name) || keys.of_users.contains_key(name),
            Sought::Organization => {
                search_people::ORGANIZATION_KEYWORDS.contains(&name) || keys.of_organizations.contains_key(name)
            }
            Sought::Group => search_people::GROUP_KEYWORDS.contains(&name),
        }
    }
}

/// A search as it was understood.
struct Plan {
    kinds: Vec<Sought>,
    pieces: Vec<Piece>,
    keys: Keys,
    sort: By,
    direction: Direction,
}

/// What the results of each kind are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Relevance,
    Of(Sort),
}

impl By {
    fn parse(word: &str) -> Option<By> {
        Some(match word {
            "relevance" => By::Relevance,
            "updated" | "updated_at" => By::Of(Sort::Updated),
            "created" | "created_at" => By::Of(Sort::Created),
            "commented" => By::Of(Sort::LastMessage),
            "priority" => By::Of(Sort::Priority),
            "status" => By::Of(Sort::Status),
            "ticket_type" => By::Of(Sort::Type),
            _ => return None,
        })
    }

    /// Quirk: what changed last counts as most relevant.
    const fn of_tickets(self) -> Sort {
        match self {
            By::Relevance => Sort::Updated,
            By::Of(sort) => sort,
        }
    }

    /// What only tickets have orders nothing else.
    const fn of_records(self, direction: Direction) -> (records::Sort, Direction) {
        match self {
            By::Of(Sort::Created) => (records::Sort::Created, direction),
            By::Of(Sort::Updated) => (records::Sort::Updated, direction),
            By::Of(_) | By::Relevance => (records::Sort::Id, Direction::Ascending),
        }
    }
}

/// What a search cannot do.
pub(crate) fn refused(description: impl Into<String>) -> ZendeskError {
    ZendeskError::Simple(StatusCode::UNPROCESSABLE_ENTITY, "invalid", description.into())
}

async fn plan(tx: &mut Tx, later: &Later, params: &Params, only: Option<Sought>) -> Result<Plan, ZendeskError> {
    let query = params.required_text("query")?;
    let (mut wanted, mut left_out): (Vec<Sought>, Vec<Sought>) = (Vec::new(), Vec::new());
    let (mut sort, mut order) = (params.one("sort_by").map(str::to_owned), params.one("sort_order").map(str::to_owned));
    let mut pieces = Vec::new();
    for piece in search_query::parse(&query).map_err(refused)? {
        let What::Keyword { name, compare: Compare::Is, value } = &piece.what else {
            pieces.push(piece);
            continue;
        };
        match name.as_str() {
            "type" => {
                for word in value.text.split(',') {
                    let sought = Sought::parse(&word.to_ascii_lowercase());
                    let sought = sought.ok_or_else(|| refused(format!("Invalid type: {}", value.text)))?;
                    let into = if piece.negated { &mut left_out } else { &mut wanted };
                    if !into.contains(&sought) {
                        into.push(sought);
                    }
                }
            }
            "order_by" => sort = Some(value.text.clone()),
            "sort" => order = Some(value.text.clone()),
            _ => pieces.push(piece),
        }
    }
    if let Some(only) = only {
        (wanted, left_out) = (vec![only], Vec::new());
    }
    let keys = search_people::keys_of(tx, later, &pieces).await?;
    let knows = |sought: Sought, name: &str| sought.knows(name, &keys);
    for piece in &mut pieces {
        // A name with a sign in it that is no field's is part of a word.
        if let What::Keyword { name, compare: Compare::Is, value } = &piece.what
            && name.contains(['.', '-'])
            && !Sought::ALL.into_iter().any(|sought| knows(sought, name))
        {
            piece.what = What::Word { text: format!("{name}:{}", value.text), begun: false };
        }
    }
    let names: Vec<&str> = pieces.iter().filter_map(Piece::keyword).collect();
    let mut kinds = wanted;
    if kinds.is_empty() {
        kinds = Sought::ALL.into_iter().filter(|sought| names.iter().all(|name| knows(*sought, name))).collect();
        if kinds.is_empty() {
            kinds = vec![Sought::Ticket];
        }
    }
    kinds.retain(|sought| !left_out.contains(sought));
    for sought in &kinds {
        if let Some(name) = names.iter().find(|name| !knows(*sought, name)) {
            return Err(refused(format!("The keyword {name} is not offered for {}s.", sought.word())));
        }
    }
    let by = match sort.as_deref() {
        None => By::Relevance,
        Some(word) => By::parse(word).ok_or_else(|| refused(format!("Results cannot be sorted by {word}.")))?,
    };
    let direction = match order.as_deref() {
        Some("asc") => Direction::Ascending,
        None | Some("desc") => Direction::Descending,
        Some(word) => return Err(refused(format!("Results cannot be sorted {word}."))),
    };
    Ok(Plan { kinds, pieces, keys, sort: by, direction })
}

/// `GET /api/v2/search`
pub async fn list(State(app): State<App>, May(_may): May<CanRead<Search>>, later: Later, params: Params) -> Answer {
    if params.pairs.iter().any(|(key, _)| key.starts_with("page[")) {
        return Err(ZendeskError::bad_request("page must be an integer"));
    }
    let asked = Asked::read(&params, "search", &["relevance"])?;
    let (mut skip, mut limit) = (asked.slice.skipped().unwrap_or_default(), asked.slice.limit);
    if REACHED_MAX < skip + limit {
        return Err(refused(format!(
            "Invalid search: Requested response size was greater than Search Response Limits of {REACHED_MAX} results."
        )));
    }
    let mut tx = app.db.read().await?;
    let plan = plan(&mut tx, &later, &params, None).await?;
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
    let mut tx = app.db.read().await?;
    let plan = plan(&mut tx, &later, &params, None).await?;
    let now = app.clock.now();
    let mut total = 0;
    for sought in &plan.kinds {
        let page = found(&mut tx, &later, now, (&plan, *sought), &params.site, &Slice::skipping(0, 1)).await?;
        total += page.total.unwrap_or_default();
    }
    Ok(Reply::ok(json!({ "count": total })))
}

/// `GET /api/v2/search/export`: all results of one kind, the newest first.
pub async fn export(
    State(app): State<App>,
    May(_may): May<CanRead<Search>>,
    later: Later,
    mut params: Params,
) -> Answer {
    let kind = params.required_text("filter[type]")?;
    let kind = Sought::parse(&kind).ok_or_else(|| refused(format!("Invalid filter[type]: {kind}")))?;
    for (key, value) in &mut params.pairs {
        // Quirk: a page has at most a hundred results.
        if key == "page[size]" && value.parse::<usize>().is_ok_and(|size| 100 < size && size <= REACHED_MAX) {
            *value = "100".to_owned();
        }
    }
    let asked = Asked::read_in(&params, kind.word(), &["created_at"], Ways::CursorOnly)?;
    let mut tx = app.db.read().await?;
    let mut plan = plan(&mut tx, &later, &params, Some(kind)).await?;
    (plan.sort, plan.direction) = (By::Of(Sort::Created), Direction::Descending);
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
            let order = (plan.sort.of_tickets(), plan.direction);
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
            let wants = search_people::users(tx, later, now, (&plan.pieces, &plan.keys)).await?;
            let order = plan.sort.of_records(plan.direction);
            let page = records::people(tx, (&later.permit()?, &later.permit()?), &wants, order, slice).await?;
            page.try_map(|user| Ok(users::view(site, &user)))?
        }
        Sought::Organization => {
            let wants = search_people::organizations(now, (&plan.pieces, &plan.keys))?;
            let order = plan.sort.of_records(plan.direction);
            let page = records::organizations(tx, &later.permit()?, &wants, order, slice).await?;
            page.try_map(|organization| Ok(organizations::view(site, &organization)))?
        }
        Sought::Group => {
            let may = later.permit()?;
            let ids = search_people::group_ids(tx, &may, now, &plan.pieces).await?;
            teams::some(tx, &may, teams::Which::Ids(&ids), slice)
                .await?
                .try_map(|team| Ok(groups::view(site, &team)))?
        }
    };
    let marked = |mut item: Value| {
        item["result_type"] = json!(sought.word());
        Ok(item)
    };
    Ok(page.try_map(marked)?)
}

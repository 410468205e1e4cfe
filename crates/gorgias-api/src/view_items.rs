//! `/api/views/{view_id}/items`: what is in a view, saved or sent along (Gorgias contract, `resources.view_items`).
//!
//! Unlike other lists this one answers with addresses of its neighbours, which clients take apart: `direction` comes first, then `cursor`
//! and `ignored_item`, since the first key keeps the path glued to it. The plain cursors are there too; each knows its direction.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, Later, May};
use helpdesk::filter::Viewpoint;
use helpdesk::page::{self, Key, Page, Slice};
use helpdesk::tickets::list::Direction;
use helpdesk::tickets::matching::Sort;
use helpdesk::views::items::{self, Asked};
use helpdesk::views::{self, Lists, View};
use scope::permit::CanRead;
use scope::resource::{Customers, Tickets, Views};
use serde::Serialize;
use serde_json::{Value, json};

use crate::fields::{Body, Fields, ID_MAX};
use crate::page::{LIMIT_DEFAULT, LIMIT_MAX, bad_cursor, digest, place_of_text, text_of_place, uri_of};
use crate::query::Params;
use crate::ticket_view::TicketInListView;
use crate::views::{SORTS, filters_of, lists_of, order_of};
use crate::{GorgiasError, Id, customers};

/// `GET /api/views/{view_id}/items`
pub async fn list(
    State(app): State<App>,
    May(may_views): May<CanRead<Views>>,
    May(may): May<CanRead<Tickets>>,
    later: Later,
    Id(id): Id,
    mut params: Params,
) -> Result<Response, GorgiasError> {
    let mut tx = app.db.read().await?;
    let view = views::find(&mut tx, &may_views, id).await?;
    let viewpoint = Viewpoint { now: app.clock.now(), person_id: later.actor().person_id };
    let wanted = Wanted {
        asked: Asked::of(&view, viewpoint),
        lists: view.lists,
        order: (view.sort, view.descending),
        list: format!("view-items:{id}"),
    };
    let paging = Paging::read(&mut params, &wanted)?;
    params.finish()?;
    answer(&mut tx, &may, &later, &wanted, &paging).await
}

/// `PUT /api/views/{view_id}/items`: the same of a view that is sent along, over the saved one if there is an id. Reads only.
pub async fn search(
    State(app): State<App>,
    May(may_views): May<CanRead<Views>>,
    May(may): May<CanRead<Tickets>>,
    later: Later,
    Id(id): Id,
    mut params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut tx = app.db.read().await?;
    let saved = if id == 0 { None } else { Some(views::find(&mut tx, &may_views, id).await?) };
    let mut fields = body.fields()?;
    if saved.is_none() {
        fields.require("view");
    }
    let inline = fields.nested("view", read_inline).value().unwrap_or_default();
    fields.finish()?;
    let viewpoint = Viewpoint { now: app.clock.now(), person_id: later.actor().person_id };
    let wanted = inline.over(id, saved.as_ref(), viewpoint);
    let paging = Paging::read(&mut params, &wanted)?;
    params.finish()?;
    answer(&mut tx, &may, &later, &wanted, &paging).await
}

/// What is listed, and the name of the list in cursors.
struct Wanted {
    asked: Asked,
    lists: Lists,
    order: (Sort, bool),
    list: String,
}

/// The view in the body of a search.
#[derive(Default)]
struct Inline {
    lists: Option<Lists>,
    filters: Option<(helpdesk::filter::Condition, String)>,
    search: Option<Option<String>>,
    sort: Option<Sort>,
    descending: Option<bool>,
}

fn read_inline(fields: &mut Fields) -> Inline {
    let (sort, descending) = order_of(fields);
    Inline {
        lists: lists_of(fields),
        filters: filters_of(fields),
        search: fields.text_or_null("search", 1_000).change(),
        sort,
        descending,
    }
}

impl Inline {
    fn over(self, id: i64, saved: Option<&View>, viewpoint: Viewpoint) -> Wanted {
        let mut asked = match saved {
            Some(view) => Asked::of(view, viewpoint),
            None => Asked { condition: Default::default(), search: None, viewpoint },
        };
        let mut of = format!("view-items:{id}:");
        if let Some((condition, source)) = self.filters {
            asked.condition = condition;
            of.push_str(&digest(&source));
        }
        if let Some(search) = self.search {
            of.push_str(&digest(search.as_deref().unwrap_or_default()));
            asked.search = search;
        }
        let (sort, descending) = saved.map_or((Sort::Updated, true), |view| (view.sort, view.descending));
        Wanted {
            asked,
            lists: self.lists.or(saved.map(|view| view.lists)).unwrap_or(Lists::Tickets),
            order: (self.sort.unwrap_or(sort), self.descending.unwrap_or(descending)),
            list: of,
        }
    }
}

/// Which part of the items.
struct Paging {
    order: (Sort, Direction),
    order_by: String,
    slice: Slice,
    cursor: Option<String>,
    ignored_item: Option<i64>,
    path: String,
    uri: String,
    /// As sent in `order_by`.
    order_sent: bool,
}

impl Paging {
    fn read(params: &mut Params, wanted: &Wanted) -> Result<Paging, GorgiasError> {
        let limit = params.integer("limit", 1, LIMIT_MAX).unwrap_or(LIMIT_DEFAULT);
        let direction = params.one_of("direction", &["prev", "next"]);
        let ignored_item = params.integer("ignored_item", 1, ID_MAX);
        let cursor = params.one("cursor");
        let sent = params.one("order_by");
        let (mut order_by, mut from) = (order_word(wanted.order), None);
        if let Some(cursor) = &cursor {
            let (order, mut place) = place_of_text(cursor, &wanted.list)?;
            match direction {
                Some("prev") => place.direction = page::Direction::Before,
                Some(_) => place.direction = page::Direction::After,
                None => {}
            }
            order_by = order;
            from = Some(place);
        }
        if let Some(sent) = &sent {
            let sent = if sent.contains(':') { sent.clone() } else { format!("{sent}:asc") };
            if cursor.is_some() && sent != order_by {
                return Err(GorgiasError::invalid("cursor", "The cursor belongs to another order."));
            }
            order_by = sent;
        }
        let order = order_of_word(&order_by).ok_or_else(|| match cursor {
            Some(_) => bad_cursor(),
            None => GorgiasError::invalid("order_by", "Must be an attribute of the list with :asc or :desc."),
        })?;
        let limit = usize::try_from(limit).unwrap_or(1);
        Ok(Paging {
            order,
            order_by,
            slice: Slice { limit, from },
            cursor,
            ignored_item,
            path: params.path.trim_end_matches('/').to_owned(),
            uri: uri_of(params),
            order_sent: sent.is_some(),
        })
    }

    /// The cursor of a neighbour and its address.
    fn neighbour(&self, list: &str, keys: Option<&Vec<Key>>, back: bool) -> (Option<String>, Option<String>) {
        let Some(keys) = keys else { return (None, None) };
        let cursor = text_of_place(list, &self.order_by, keys, back);
        let direction = if back { "prev" } else { "next" };
        // The last key is the id: the row that the neighbour begins behind.
        let item = match keys.last() {
            Some(Key::Int(id)) => *id,
            _ => 0,
        };
        let mut address = format!(
            "{}?direction={direction}&cursor={cursor}&ignored_item={item}&limit={}",
            self.path, self.slice.limit
        );
        if self.order_sent {
            address.push_str(&format!("&order_by={}", self.order_by.replace(':', "%3A")));
        }
        (Some(cursor), Some(address))
    }
}

fn order_word((sort, descending): (Sort, bool)) -> String {
    let name = SORTS.iter().find(|(_, known)| *known == sort).map_or("updated_datetime", |(name, _)| name);
    format!("{name}:{}", if descending { "desc" } else { "asc" })
}

fn order_of_word(text: &str) -> Option<(Sort, Direction)> {
    let (name, direction) = text.split_once(':')?;
    let (_, sort) = SORTS.iter().find(|(known, _)| *known == name)?;
    match direction {
        "asc" => Some((*sort, Direction::Ascending)),
        "desc" => Some((*sort, Direction::Descending)),
        _ => None,
    }
}

async fn answer(
    tx: &mut store::Tx,
    may: &CanRead<Tickets>,
    later: &Later,
    wanted: &Wanted,
    paging: &Paging,
) -> Result<Response, GorgiasError> {
    match wanted.lists {
        Lists::Tickets => {
            let page = items::tickets(tx, may, &wanted.asked, paging.order, &paging.slice).await?;
            let shown = page.items.iter().filter(|item| Some(item.ticket.id) != paging.ignored_item);
            Ok(envelope(wanted, paging, &page, shown.map(TicketInListView).collect()))
        }
        Lists::Customers => {
            let may: CanRead<Customers> = later.permit()?;
            let page = items::customers(tx, &may, &wanted.asked, paging.order, &paging.slice).await?;
            let shown = page.items.iter().filter(|item| Some(item.customer.id) != paging.ignored_item);
            let shown: Vec<Value> = shown.map(|item| customers::view(&item.customer, &item.fields)).collect();
            Ok(envelope(wanted, paging, &page, shown))
        }
    }
}

fn envelope<T, V: Serialize>(wanted: &Wanted, paging: &Paging, page: &Page<T>, data: Vec<V>) -> Response {
    #[derive(Serialize)]
    struct Envelope<'a, V> {
        object: &'static str,
        uri: &'a str,
        data: Vec<V>,
        meta: Value,
    }
    let (prev_cursor, prev_items) = paging.neighbour(&wanted.list, page.before.as_ref(), true);
    let (next_cursor, next_items) = paging.neighbour(&wanted.list, page.after.as_ref(), false);
    let meta = json!({
        "current_cursor": paging.cursor,
        "next_items": next_items,
        "prev_items": prev_items,
        "next_cursor": next_cursor,
        "prev_cursor": prev_cursor,
    });
    crate::answer(StatusCode::OK, &Envelope { object: "list", uri: &paging.uri, data, meta })
}

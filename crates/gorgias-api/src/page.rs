//! Pages of a list: the envelope, and cursors that never expire (Gorgias contract, `conventions.list_envelope`, `conventions.pagination`).
//!
//! A cursor holds the list's name, its order and filters and the sort key of the row it stands next to, so the server keeps nothing.
//! It is not a secret and grants nothing: whoever makes one up gets another page of a list they may read anyway.
//! A checksum is in it so that a damaged one is refused rather than read as another place.

use axum::http::StatusCode;
use axum::response::Response;
use endpoint::cursor;
use helpdesk::page::{Direction, Key, Page, Position, Slice};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::GorgiasError;
use crate::query::Params;

pub const LIMIT_DEFAULT: i64 = 30;
pub const LIMIT_MAX: i64 = 100;

/// The orders of a list, as sent in `order_by`. The first is the default.
pub type Orders = &'static [&'static str];

/// What a list call asks for besides its filters. Make it first: it completes the parameters from the cursor.
#[derive(Debug)]
pub struct Asked {
    list: &'static str,
    pub order_by: &'static str,
    pub slice: Slice,
    uri: String,
    /// All parameters but `cursor` and `limit`.
    filters: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    #[serde(rename = "l")]
    list: String,
    #[serde(rename = "o")]
    order_by: String,
    #[serde(rename = "f")]
    filters: Vec<(String, String)>,
    #[serde(rename = "k")]
    keys: Vec<Value>,
    /// Whether the page is the one before the keys.
    #[serde(rename = "b")]
    back: bool,
}

impl Asked {
    /// Reads `cursor`, `limit` and `order_by`. Filters that came with the cursor's page count as sent: clients may resend them, or leave
    /// them all out, but not change them.
    pub fn read(params: &mut Params, list: &'static str, orders: Orders) -> Result<Asked, GorgiasError> {
        Asked::read_by(params, list, orders, LIMIT_DEFAULT)
    }

    /// The same for a list whose pages are of another size unless told.
    pub fn read_by(
        params: &mut Params,
        list: &'static str,
        orders: Orders,
        limit_default: i64,
    ) -> Result<Asked, GorgiasError> {
        let limit = params.integer("limit", 1, LIMIT_MAX).unwrap_or(limit_default);
        let cursor = match params.one("cursor") {
            Some(text) => Some(decode(&text).filter(|cursor| cursor.list == list).ok_or_else(bad_cursor)?),
            None => None,
        };
        if let Some(cursor) = &cursor {
            complete(params, cursor)?;
        }
        let order_by = match params.one("order_by") {
            Some(text) => order_of(&text, orders),
            None => orders.first().copied(),
        };
        let order_by = order_by.unwrap_or_else(|| {
            params.problem("order_by", format!("Must be one of: {}.", orders.join(", ")));
            ""
        });
        let filters = filters_of(params);
        let uri = uri_of(params);
        let from = cursor.map(Cursor::position).transpose()?;
        let limit = usize::try_from(limit).unwrap_or(1);
        Ok(Asked { list, order_by, slice: Slice { limit, from }, uri, filters })
    }

    /// Whether the order runs downwards.
    pub fn is_descending(&self) -> bool {
        self.order_by.ends_with(":desc")
    }

    /// The envelope of a list.
    pub fn envelope<T>(&self, page: Page<T>, view: impl FnMut(T) -> Value) -> Value {
        let prev = page.before.as_ref().map(|keys| self.cursor(keys, true));
        let next = page.after.as_ref().map(|keys| self.cursor(keys, false));
        let data: Vec<Value> = page.items.into_iter().map(view).collect();
        json!({ "object": "list", "uri": self.uri, "data": data, "meta": { "prev_cursor": prev, "next_cursor": next } })
    }

    /// The envelope of a list whose items are written straight into the answer.
    pub fn answer<'a, T, V: Serialize>(&self, page: &'a Page<T>, view: impl Fn(&'a T) -> V) -> Response {
        #[derive(Serialize)]
        struct Envelope<'a, V> {
            object: &'static str,
            uri: &'a str,
            data: Vec<V>,
            meta: Meta,
        }
        #[derive(Serialize)]
        struct Meta {
            prev_cursor: Option<String>,
            next_cursor: Option<String>,
        }
        let meta = Meta {
            prev_cursor: page.before.as_ref().map(|keys| self.cursor(keys, true)),
            next_cursor: page.after.as_ref().map(|keys| self.cursor(keys, false)),
        };
        let data = page.items.iter().map(view).collect();
        crate::answer(StatusCode::OK, &Envelope { object: "list", uri: &self.uri, data, meta })
    }

    fn cursor(&self, keys: &[Key], back: bool) -> String {
        let keys = keys.iter().map(|key| match key {
            Key::Int(number) => json!(number),
            Key::Text(text) => json!(text),
        });
        encode(&Cursor {
            list: self.list.to_owned(),
            order_by: self.order_by.to_owned(),
            filters: self.filters.clone(),
            keys: keys.collect(),
            back,
        })
    }
}

impl Cursor {
    fn position(self) -> Result<Position, GorgiasError> {
        let mut keys = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            keys.push(match key {
                Value::Number(number) => Key::Int(number.as_i64().ok_or_else(bad_cursor)?),
                Value::String(text) if !text.contains('\0') => Key::Text(text),
                _ => return Err(bad_cursor()),
            });
        }
        let direction = if self.back { Direction::Before } else { Direction::After };
        Ok(Position { keys, direction })
    }
}

/// A place in a list as one text, for a list that answers with addresses of its own.
pub(crate) fn text_of_place(list: &str, order_by: &str, keys: &[Key], back: bool) -> String {
    let keys = keys.iter().map(|key| match key {
        Key::Int(number) => json!(number),
        Key::Text(text) => json!(text),
    });
    let (list, order_by) = (list.to_owned(), order_by.to_owned());
    encode(&Cursor { list, order_by, filters: Vec::new(), keys: keys.collect(), back })
}

/// The order and the place of such a text. Refuses one of another list.
pub(crate) fn place_of_text(text: &str, list: &str) -> Result<(String, Position), GorgiasError> {
    let cursor = decode(text).filter(|cursor| cursor.list == list).ok_or_else(bad_cursor)?;
    Ok((cursor.order_by.clone(), cursor.position()?))
}

/// FNV-1a of a text, as digits.
pub(crate) fn digest(text: &str) -> String {
    format!("{:016x}", cursor::checksum(text.bytes()))
}

pub(crate) fn bad_cursor() -> GorgiasError {
    GorgiasError::invalid("cursor", "Not a valid cursor of this list.")
}

/// Puts the cursor's order and filters among the parameters. Refuses a filter that differs.
fn complete(params: &mut Params, cursor: &Cursor) -> Result<(), GorgiasError> {
    if let Some(order_by) = params.pairs.iter().find(|(key, _)| key == "order_by").map(|(_, value)| value.clone()) {
        if with_direction(&order_by) != cursor.order_by {
            return Err(GorgiasError::invalid("cursor", "The cursor belongs to another order."));
        }
    } else {
        params.pairs.push(("order_by".to_owned(), cursor.order_by.clone()));
    }
    let sent = filters_of(params);
    if sent.is_empty() {
        params.pairs.extend(cursor.filters.iter().cloned());
    } else if sent != cursor.filters {
        return Err(GorgiasError::invalid("cursor", "The cursor belongs to other filters."));
    }
    Ok(())
}

/// All parameters but those of the page, in one order, so that they can be compared.
fn filters_of(params: &Params) -> Vec<(String, String)> {
    let pages = |key: &str| matches!(key, "cursor" | "limit" | "order_by");
    let mut filters: Vec<(String, String)> =
        params.pairs.iter().filter(|(key, value)| !pages(key) && !value.is_empty()).cloned().collect();
    filters.sort();
    filters
}

/// `created_datetime` alone is the old form of `created_datetime:asc`.
fn order_of(text: &str, orders: Orders) -> Option<&'static str> {
    let text = with_direction(text);
    orders.iter().copied().find(|order| *order == text)
}

fn with_direction(text: &str) -> String {
    if text.contains(':') { text.to_owned() } else { format!("{text}:asc") }
}

/// Path and query of the request, values URL-encoded.
pub(crate) fn uri_of(params: &Params) -> String {
    if params.sent.is_empty() {
        return params.path.clone();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params.sent).finish();
    format!("{}?{query}", params.path)
}

fn encode(cursor: &Cursor) -> String {
    cursor::write(&json!(cursor).to_string(), "")
}

fn decode(text: &str) -> Option<Cursor> {
    serde_json::from_str(&cursor::read(text, "")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc", "usage:asc,name:asc"];

    fn ask(query: &str) -> Result<Asked, GorgiasError> {
        let mut params = Params::of("/api/tags", query);
        let asked = Asked::read(&mut params, "tags", ORDERS)?;
        params.text("search", 100);
        params.finish()?;
        Ok(asked)
    }

    fn page_of(keys: Vec<Key>) -> Page<i64> {
        Page { items: vec![1], before: None, after: Some(keys), total: None }
    }

    fn next_cursor(asked: &Asked, keys: Vec<Key>) -> String {
        let envelope = asked.envelope(page_of(keys), |id| json!(id));
        envelope["meta"]["next_cursor"].as_str().unwrap().to_owned()
    }

    #[test]
    fn the_envelope_has_all_its_keys() {
        let asked = ask("limit=1&search=a%20b").unwrap();

        let envelope =
            asked.envelope(Page { items: vec![7], before: None, after: None, total: None }, |id| json!({ "id": id }));

        assert_eq!(
            envelope,
            json!({
                "object": "list",
                "uri": "/api/tags?limit=1&search=a+b",
                "data": [{ "id": 7 }],
                "meta": { "prev_cursor": null, "next_cursor": null },
            })
        );
    }

    #[test]
    fn a_cursor_alone_carries_order_and_filters() {
        let first = ask("search=ref&order_by=usage:asc,name:asc&limit=2").unwrap();
        let cursor = next_cursor(&first, vec![Key::Int(3), Key::Text("refund".to_owned())]);

        for query in
            [format!("cursor={cursor}"), format!("cursor={cursor}&search=ref&order_by=usage:asc,name:asc&limit=9")]
        {
            let second = ask(&query).unwrap();

            assert_eq!(second.order_by, "usage:asc,name:asc");
            assert_eq!(second.filters, [("search".to_owned(), "ref".to_owned())]);
            let from = second.slice.from.unwrap();
            assert_eq!(from.keys, [Key::Int(3), Key::Text("refund".to_owned())]);
        }
    }

    #[test]
    fn a_cursor_of_another_list_order_or_filter_is_refused() {
        let cursor = next_cursor(&ask("search=ref").unwrap(), vec![Key::Int(3), Key::Int(1)]);

        assert!(ask(&format!("cursor={cursor}&search=other")).is_err());
        assert!(ask(&format!("cursor={cursor}&order_by=created_datetime:asc")).is_err());
        let mut params = Params::of("/api/events", &format!("cursor={cursor}"));
        assert!(Asked::read(&mut params, "events", ORDERS).is_err());
    }

    #[test]
    fn limits_and_orders_out_of_bounds_are_refused() {
        for query in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=x",
            "order_by=id",
            "order_by=created_datetime:up",
            "cursor=%00",
            "page=2",
        ] {
            assert!(ask(query).is_err(), "{query}");
        }
        assert_eq!(ask("order_by=created_datetime").unwrap().order_by, "created_datetime:asc");
    }

    proptest::proptest! {
        #[test]
        fn a_changed_cursor_is_refused_and_never_panics(at in 0_usize..400, letter in "[A-Za-z0-9_-]", text in ".{0,80}") {
            let cursor = next_cursor(&ask("search=ref").unwrap(), vec![Key::Int(3), Key::Int(1)]);
            let at = at % cursor.len();
            let mut changed = cursor.clone();
            changed.replace_range(at..=at, &letter);

            let outcome = ask(&format!("cursor={changed}"));

            proptest::prop_assert_eq!(outcome.is_ok(), changed == cursor);
            let _ = decode(&text);
        }
    }
}

//! Pages of a list, in both of the dialect's ways (Zendesk contract, `conventions.pagination`): with `page[size]` by cursor, else by number.
//!
//! A cursor holds the list's name, its order and the sort key of the row it stands next to, so the server keeps nothing; it is no secret
//! and grants nothing. Pages by number cost what they skip, so they end at `RECORDS_MAX`.

use endpoint::cursor;
use helpdesk::page::{Direction, Key, Page, Position, Slice};
use serde_json::{Map, Value, json};

use crate::error::ZendeskError;
use crate::query::Params;

pub const PER_PAGE: usize = 100;
const PAGES_MAX: usize = 100;
const RECORDS_MAX: usize = 10_000;

/// How a list may be paged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    Both,
    CursorOnly,
}

/// What a list call asks for besides its filters.
#[derive(Debug)]
pub struct Asked<'a> {
    params: &'a Params,
    list: &'static str,
    /// One of the list's orders.
    pub sort: &'static str,
    pub descending: bool,
    pub slice: Slice,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Numbered { page: usize, per_page: usize },
    Cursor,
}

impl<'a> Asked<'a> {
    /// Reads `page`, `per_page`, `sort_by` and `sort_order`, or `page[size]`, `page[after]`, `page[before]` and `sort`. The first of `sorts`
    /// is the order unless told, upwards; of pages by number another word is passed over, as the vendor does.
    pub fn read(params: &'a Params, list: &'static str, sorts: &[&'static str]) -> Result<Asked<'a>, ZendeskError> {
        Asked::read_in(params, list, sorts, Ways::Both)
    }

    /// The same for a list that falls unless told to rise.
    pub fn read_falling(
        params: &'a Params,
        list: &'static str,
        sorts: &[&'static str],
        falls: bool,
    ) -> Result<Asked<'a>, ZendeskError> {
        Asked::read_as(params, list, sorts, (Ways::Both, falls))
    }

    /// The same for a list that is not paged in both ways.
    pub fn read_in(
        params: &'a Params,
        list: &'static str,
        sorts: &[&'static str],
        ways: Ways,
    ) -> Result<Asked<'a>, ZendeskError> {
        Asked::read_as(params, list, sorts, (ways, false))
    }

    /// The same, said by `(ways, falls)`, for a list that may be paged in one way alone.
    pub fn read_as(
        params: &'a Params,
        list: &'static str,
        sorts: &[&'static str],
        (ways, falls): (Ways, bool),
    ) -> Result<Asked<'a>, ZendeskError> {
        let first = sorts.first().copied().unwrap_or("id");
        if ways == Ways::CursorOnly || params.pairs.iter().any(|(key, _)| key.starts_with("page[")) {
            return Asked::by_cursor(params, list, (sorts, first), falls);
        }
        let page = usize::try_from(params.number("page")?.unwrap_or(1)).unwrap_or(usize::MAX).max(1);
        let per_page = params.number("per_page")?.filter(|size| 0 < *size).unwrap_or(i64::MAX);
        let per_page = usize::try_from(per_page).unwrap_or(usize::MAX).min(PER_PAGE);
        if PAGES_MAX < page || RECORDS_MAX < page.saturating_mul(per_page) {
            return Err(ZendeskError::Paging {
                code: "InvalidPaginationDepth",
                title: "Invalid pagination depth",
                detail: format!("Offset pagination ends at page {PAGES_MAX} and record {RECORDS_MAX}: use page[size]."),
            });
        }
        let sort = params.one("sort_by").and_then(|word| sorts.iter().copied().find(|sort| *sort == word));
        Ok(Asked {
            params,
            list,
            sort: sort.unwrap_or(first),
            descending: match params.one("sort_order") {
                Some("desc") => true,
                Some("asc") => false,
                _ => falls,
            },
            slice: Slice::skipping((page - 1) * per_page, per_page),
            way: Way::Numbered { page, per_page },
        })
    }

    fn by_cursor(
        params: &'a Params,
        list: &'static str,
        (sorts, first): (&[&'static str], &'static str),
        falls: bool,
    ) -> Result<Asked<'a>, ZendeskError> {
        let limit = match params.number("page[size]")? {
            None => PER_PAGE,
            Some(size) => usize::try_from(size)
                .ok()
                .filter(|size| (1..=PER_PAGE).contains(size))
                .ok_or_else(|| unsupported("Invalid page size", format!("page[size] must be 1 to {PER_PAGE}.")))?,
        };
        let (sort, descending) = match params.one("sort") {
            None => (first, falls),
            Some(word) => {
                let (name, descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
                let known = sorts.iter().copied().find(|sort| *sort == name);
                let known = known.ok_or_else(|| unsupported("Invalid sort", format!("sort is not valid: {word}")))?;
                (known, descending)
            }
        };
        let place = |key: &str, direction| match params.one(key) {
            Some(text) => {
                let keys = decode(text, &order_word(list, sort, descending))
                    .ok_or_else(|| unsupported("Invalid cursor", format!("{key} is not a cursor of this list.")))?;
                Ok::<_, ZendeskError>(Some(Position { keys, direction }))
            }
            None => Ok(None),
        };
        let after = place("page[after]", Direction::After)?;
        let from = if after.is_some() { after } else { place("page[before]", Direction::Before)? };
        Ok(Asked { params, list, sort, descending, slice: Slice { limit, from }, way: Way::Cursor })
    }

    /// The body of the answer: the records under their name, with what leads to the pages beside this one.
    pub fn body<T>(&self, name: &str, page: Page<T>, view: impl FnMut(T) -> Value) -> Map<String, Value> {
        let ends = (page.before, page.after, page.total);
        let records: Vec<Value> = page.items.into_iter().map(view).collect();
        self.around(name, records, ends)
    }

    /// The same for records that are shown already.
    pub fn around(
        &self,
        name: &str,
        records: Vec<Value>,
        (before, after, total): (Option<Vec<Key>>, Option<Vec<Key>>, Option<i64>),
    ) -> Map<String, Value> {
        let mut body = Map::from_iter([(name.to_owned(), Value::Array(records))]);
        match self.way {
            Way::Numbered { page, per_page } => {
                let in_reach = page < PAGES_MAX && (page + 1).saturating_mul(per_page) <= RECORDS_MAX;
                let next = after.filter(|_| in_reach).map(|_| self.link(&[("page", &(page + 1).to_string())]));
                let previous = (1 < page).then(|| self.link(&[("page", &(page - 1).to_string())]));
                body.insert("next_page".to_owned(), json!(next));
                body.insert("previous_page".to_owned(), json!(previous));
                body.insert("count".to_owned(), json!(total));
            }
            Way::Cursor => {
                let backwards = matches!(self.slice.from, Some(Position { direction: Direction::Before, .. }));
                let has_more = if backwards { before.is_some() } else { after.is_some() };
                let order = order_word(self.list, self.sort, self.descending);
                let (before, after) =
                    (before.map(|keys| encode(&keys, &order)), after.map(|keys| encode(&keys, &order)));
                let next = after.as_ref().map(|cursor| self.link(&[("page[after]", cursor)]));
                let prev = before.as_ref().map(|cursor| self.link(&[("page[before]", cursor)]));
                body.insert(
                    "meta".to_owned(),
                    json!({ "has_more": has_more, "after_cursor": after, "before_cursor": before }),
                );
                body.insert("links".to_owned(), json!({ "next": next, "prev": prev }));
            }
        }
        body
    }

    /// A page of a short list that is in memory whole. A cursor holds how many records lie before the page.
    pub fn cut(&self, name: &str, records: Vec<Value>) -> Map<String, Value> {
        let n = records.len();
        let start = self.start(n);
        let records = records.into_iter().skip(start).take(self.slice.limit).collect();
        self.part(name, records, (start, n))
    }

    /// Where the page begins, of a list of `n` whose cursors are such places.
    pub fn start(&self, n: usize) -> usize {
        let place = |keys: &[Key]| match keys {
            [Key::Int(place)] => usize::try_from(*place).unwrap_or(n),
            _ => n,
        };
        match &self.slice.from {
            None => 0,
            Some(Position { direction: Direction::Skipping(skip), .. }) => *skip,
            Some(Position { direction: Direction::After, keys }) => place(keys),
            Some(Position { direction: Direction::Before, keys }) => place(keys).saturating_sub(self.slice.limit),
        }
    }

    /// The page that begins at `start`, of a list of `n` whose cursors are such places.
    pub fn part(&self, name: &str, records: Vec<Value>, (start, n): (usize, usize)) -> Map<String, Value> {
        let end = (start + self.slice.limit).min(n);
        let key = |place: usize| i64::try_from(place).ok().map(|place| vec![Key::Int(place)]);
        let before = if 0 < start { key(start) } else { None };
        let after = if end < n { key(end) } else { None };
        self.around(name, records, (before, after, i64::try_from(n).ok()))
    }

    /// What lists of the help center say besides (Zendesk contract, `help_center_extra`): the page's number, or where the list begins and
    /// ends.
    pub fn say_more(&self, body: &mut Map<String, Value>, is_sorted: bool) {
        match self.way {
            Way::Numbered { page, per_page } => {
                let count = body.get("count").and_then(Value::as_u64).unwrap_or_default();
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                body.insert("page".to_owned(), json!(page));
                body.insert("per_page".to_owned(), json!(per_page));
                body.insert("page_count".to_owned(), json!(count.div_ceil(per_page)));
                if is_sorted {
                    body.insert("sort_by".to_owned(), json!(self.sort));
                    body.insert("sort_order".to_owned(), json!(if self.descending { "desc" } else { "asc" }));
                }
            }
            Way::Cursor => {
                let end = encode(&[], &order_word(self.list, self.sort, self.descending));
                if let Some(links) = body.get_mut("links") {
                    links["first"] = json!(self.link(&[]));
                    links["last"] = json!(self.link(&[("page[before]", &end)]));
                }
            }
        }
    }

    /// The address of this list with other places. Filters stay.
    fn link(&self, places: &[(&str, &str)]) -> String {
        let kept = self
            .params
            .pairs
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "page" | "page[after]" | "page[before]"));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept).extend_pairs(places);
        format!("{}{}?{}", self.params.site.0, self.params.path, query.finish())
    }
}

/// A list that has one page and still carries the keys of pages by number.
pub fn whole(name: &str, records: Vec<Value>) -> Map<String, Value> {
    let count = records.len();
    let mut body = Map::from_iter([(name.to_owned(), Value::Array(records))]);
    body.insert("next_page".to_owned(), Value::Null);
    body.insert("previous_page".to_owned(), Value::Null);
    body.insert("count".to_owned(), json!(count));
    body
}

fn unsupported(title: &'static str, detail: String) -> ZendeskError {
    ZendeskError::Paging { code: "InvalidPaginationParameter", title, detail }
}

fn order_word(list: &str, sort: &str, descending: bool) -> String {
    format!("{list} {sort} {descending}\0")
}

pub(crate) fn encode(keys: &[Key], order: &str) -> String {
    let keys = keys.iter().map(|key| match key {
        Key::Int(number) => json!(number),
        Key::Text(text) => json!(text),
    });
    cursor::write(&Value::Array(keys.collect()).to_string(), order)
}

/// The place, if the cursor is of this list in this order.
pub(crate) fn decode(text: &str, order: &str) -> Option<Vec<Key>> {
    let keys: Vec<Value> = serde_json::from_str(&cursor::read(text, order)?).ok()?;
    let key = |key: Value| match key {
        Value::Number(number) => number.as_i64().map(Key::Int),
        Value::String(text) if !text.contains('\0') => Some(Key::Text(text)),
        _ => None,
    };
    keys.into_iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Site;

    fn params(query: &str) -> Params {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Params { site: Site("http://test:1".to_owned()), path: "/api/v2/tickets".to_owned(), pairs }
    }

    fn page() -> Page<i64> {
        Page { items: vec![7], before: None, after: Some(vec![Key::Int(7)]), total: Some(3) }
    }

    #[test]
    fn pages_by_number_lead_on_with_absolute_addresses_and_a_count() {
        let params = params("per_page=1&external_id=a%20b");
        let asked = Asked::read(&params, "tickets", &["id"]).unwrap();

        let body = asked.body("tickets", page(), |id| json!({ "id": id }));

        assert_eq!(body["count"], 3);
        assert_eq!(body["previous_page"], Value::Null);
        assert_eq!(body["next_page"], "http://test:1/api/v2/tickets?per_page=1&external_id=a+b&page=2");
    }

    #[test]
    fn a_cursor_leads_on_in_its_own_order_alone() {
        let first = params("page[size]=1&sort=-id");
        let asked = Asked::read(&first, "tickets", &["id", "updated_at"]).unwrap();
        let body = asked.body("tickets", page(), |id| json!({ "id": id }));
        let cursor = body["meta"]["after_cursor"].as_str().unwrap();
        let with = |rest: &str| format!("page[size]=1&page[after]={cursor}{rest}");

        assert_eq!(body["meta"]["has_more"], true);
        assert!(!body.contains_key("count"));
        let same = params(&with("&sort=-id"));
        let from = Asked::read(&same, "tickets", &["id", "updated_at"]).unwrap().slice.from.unwrap();
        assert_eq!(from.keys, [Key::Int(7)]);
        for (query, list) in [(with("&sort=id"), "tickets"), (with("&sort=-id"), "users")] {
            assert!(Asked::read(&params(&query), list, &["id", "updated_at"]).is_err(), "{query}");
        }
    }

    #[test]
    fn depth_size_and_order_have_bounds() {
        for query in ["page=101", "page=x", "page[size]=101", "page[size]=0", "page[size]=1&sort=name", "page[after]=x"]
        {
            assert!(Asked::read(&params(query), "tickets", &["id"]).is_err(), "{query}");
        }
        assert_eq!(Asked::read(&params("per_page=500"), "tickets", &["id"]).unwrap().slice.limit, 100);
    }

    proptest::proptest! {
        #[test]
        fn a_cursor_that_was_made_up_is_refused_and_never_panics(text in ".{0,80}") {
            let query = format!("page[size]=1&page[after]={text}x");
            let _ = Asked::read(&params(&query), "tickets", &["id"]);
        }
    }
}

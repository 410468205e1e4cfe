//! Pages by key: a list is read from a row on. Who pages by number skips rows instead, which costs what it skips, and is told how many there
//! are; a surface that offers it bounds how far.
//!
//! A list names its order as columns that end in a unique one; the index on exactly these columns serves every page at equal cost.

use store::{Row, Tx, Value};

use crate::Error;

/// The value of one sort column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Int(i64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Before,
    After,
    /// After so many rows from the start, whatever their keys. The page then says how many rows there are in all.
    Skipping(usize),
}

/// Rows that are counted at most: beyond, a total is this number.
pub const COUNTED_MAX: i64 = 100_000;

/// A place between rows: before or after the row with these sort keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub keys: Vec<Key>,
    pub direction: Direction,
}

/// Which part of a list is wanted: at most `limit` rows, from the start or from a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    pub limit: usize,
    pub from: Option<Position>,
}

/// Part of a list in its order. `before` and `after` are sort keys of its first and last row where there is more on that side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub before: Option<Vec<Key>>,
    pub after: Option<Vec<Key>>,
    /// Rows of the whole list, up to `COUNTED_MAX`. Told to whoever pages by number.
    pub total: Option<i64>,
}

impl Slice {
    /// So many rows behind the first `skip`, with the total.
    pub fn skipping(skip: usize, limit: usize) -> Slice {
        Slice { limit, from: Some(Position { keys: Vec::new(), direction: Direction::Skipping(skip) }) }
    }

    /// How many rows are skipped, of a slice that skips.
    pub fn skipped(&self) -> Option<usize> {
        match self.from {
            Some(Position { direction: Direction::Skipping(n), .. }) => Some(n),
            _ => None,
        }
    }
}

/// A column of an order: how SQL names it, how the answer names it, and its type.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    Int(&'static str, &'static str),
    Text(&'static str, &'static str),
}

/// The order of a list. Its columns together are unique.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub columns: &'static [Column],
    pub descending: bool,
}

/// SQL text under construction, with its parameters.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub sql: String,
    pub params: Vec<Value>,
}

impl Query {
    /// `select ... from ... where ...`; at least one condition must be there already.
    pub fn new(sql: &str) -> Query {
        Query { sql: sql.to_owned(), params: Vec::new() }
    }

    /// Adds a parameter, and gives its placeholder.
    pub fn bind(&mut self, value: impl Into<Value>) -> String {
        self.params.push(value.into());
        format!("${}", self.params.len())
    }

    /// Appends ` and {left} {value}`, such as `.and("role =", word)`.
    pub fn and(&mut self, left: &str, value: impl Into<Value>) {
        let placeholder = self.bind(value);
        self.sql.push_str(&format!(" and {left} {placeholder}"));
    }

    /// Appends ` and {column} in (...)`; an empty list lets nothing through.
    pub fn and_in<V: Into<Value>>(&mut self, column: &str, values: impl IntoIterator<Item = V>) {
        let placeholders: Vec<String> = values.into_iter().map(|value| self.bind(value)).collect();
        if placeholders.is_empty() {
            self.sql.push_str(" and 1 = 0");
        } else {
            self.sql.push_str(&format!(" and {column} in ({})", placeholders.join(", ")));
        }
    }

    /// Appends a condition that has no parameter.
    pub fn and_text(&mut self, condition: &str) {
        self.sql.push_str(" and ");
        self.sql.push_str(condition);
    }

    /// Runs the query for one page. `Invalid` on `cursor` if the position does not fit the order.
    pub async fn page(mut self, tx: &mut Tx, order: Order, slice: &Slice) -> Result<Page<Row>, Error> {
        let total = match slice.skipped() {
            Some(_) => Some(self.count(tx).await?),
            None => None,
        };
        self.cut(order, slice)?;
        let page = self.run(tx, order, slice).await?;
        Ok(Page { total, ..page })
    }

    /// How many rows the query has, up to `COUNTED_MAX`. Its columns are left out, and with them what it joins for their sake.
    pub async fn count(&self, tx: &mut Tx) -> Result<i64, Error> {
        let mut counted = Query { sql: String::new(), params: self.params.clone() };
        let most = counted.bind(COUNTED_MAX);
        let rows = &self.sql[outer_from(&self.sql)..];
        counted.sql = format!("select count(*) as n from (select 1 as one{rows} limit {most}) as counted");
        let row = tx.row(&counted.sql, &counted.params).await?;
        Ok(row.ok_or(store::StoreError::Column("n"))?.int("n")?)
    }

    /// One page of several queries together, which give the same `columns` of disjoint rows. Each gives its part of the page out of its own
    /// index; a single condition with `in` would have all rows of all parts read and sorted. `table` is what the order's columns call it.
    pub async fn page_of_parts(
        parts: Vec<Query>,
        columns: &str,
        table: &str,
        tx: &mut Tx,
        order: Order,
        slice: &Slice,
    ) -> Result<Page<Row>, Error> {
        let mut whole = Query::new(&format!("select {columns} from ("));
        let mut total = slice.skipped().map(|_| 0);
        // A part may be what all the skipped rows come from.
        let of_part = match slice.skipped() {
            Some(n) => Slice { limit: n + slice.limit, from: None },
            None => slice.clone(),
        };
        for (n, mut part) in parts.into_iter().enumerate() {
            if let Some(total) = &mut total {
                *total += part.count(tx).await?;
            }
            part.cut(order, &of_part)?;
            if n > 0 {
                whole.sql.push_str(" union all ");
            }
            whole.sql.push_str(&format!("select {columns} from ("));
            whole.append(part);
            whole.sql.push_str(&format!(") as part_{n}"));
        }
        whole.sql.push_str(&format!(") as {table} where 1 = 1"));
        whole.sort(order, slice);
        let page = whole.run(tx, order, slice).await?;
        Ok(Page { total, ..page })
    }

    /// Appends another query's text. Its placeholders go on where ours end.
    pub(crate) fn append(&mut self, other: Query) {
        let offset = self.params.len();
        let mut pieces = other.sql.split('$');
        self.sql.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let n_digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = piece.split_at(n_digits);
            let number = number.parse::<usize>().unwrap_or_default() + offset;
            self.sql.push_str(&format!("${number}{rest}"));
        }
        self.params.extend(other.params);
    }

    /// Appends the place that the page starts from, the order and the limit.
    fn cut(&mut self, order: Order, slice: &Slice) -> Result<(), Error> {
        if let Some(from) = slice.from.as_ref().filter(|from| slice.skipped().is_none() && !is_end(from)) {
            self.start_at(order, from, if runs_down(order, slice) { "<" } else { ">" })?;
        }
        self.sort(order, slice);
        Ok(())
    }

    fn sort(&mut self, order: Order, slice: &Slice) {
        let direction = if runs_down(order, slice) { "desc" } else { "asc" };
        let sort: Vec<String> = order.columns.iter().map(|column| format!("{} {direction}", column.sql())).collect();
        let limit = i64::try_from(slice.limit).unwrap_or(i64::MAX - 1);
        let limit = self.bind(limit + 1);
        self.sql.push_str(&format!(" order by {} limit {limit}", sort.join(", ")));
        if let Some(skip) = slice.skipped() {
            let skip = self.bind(i64::try_from(skip).unwrap_or(i64::MAX));
            self.sql.push_str(&format!(" offset {skip}"));
        }
    }

    async fn run(self, tx: &mut Tx, order: Order, slice: &Slice) -> Result<Page<Row>, Error> {
        let backwards = is_backwards(slice);
        let mut items = tx.rows(&self.sql, &self.params).await?;
        let more = slice.limit < items.len();
        items.truncate(slice.limit);
        if backwards {
            items.reverse();
        }
        // Where we came from there is at least the row we came from.
        let comes_from_end = slice.from.as_ref().is_some_and(is_end);
        let (more_before, more_after) = if backwards {
            (more, !comes_from_end)
        } else {
            (slice.from.is_some() && slice.skipped() != Some(0), more)
        };
        let before = items.first().filter(|_| more_before).map(|row| keys_of(row, order)).transpose()?;
        let after = items.last().filter(|_| more_after).map(|row| keys_of(row, order)).transpose()?;
        Ok(Page { items, before, after, total: None })
    }

    fn start_at(&mut self, order: Order, from: &Position, compare: &str) -> Result<(), Error> {
        let fits = from.keys.len() == order.columns.len()
            && from.keys.iter().zip(order.columns).all(|(key, column)| {
                matches!((key, column), (Key::Int(_), Column::Int(..)) | (Key::Text(_), Column::Text(..)))
            });
        if !fits {
            return Err(Error::invalid("cursor", "Not a valid cursor of this list."));
        }
        let columns: Vec<&str> = order.columns.iter().map(|column| column.sql()).collect();
        let mut places = Vec::with_capacity(from.keys.len());
        for key in &from.keys {
            places.push(match key {
                Key::Int(number) => self.bind(*number),
                Key::Text(text) => self.bind(text),
            });
        }
        // Row comparison walks the index; the spelled-out form reads every earlier row on PostgreSQL.
        self.sql.push_str(&format!(" and ({}) {compare} ({})", columns.join(", "), places.join(", ")));
        Ok(())
    }
}

impl<T> Page<T> {
    /// Turns every row into what it stands for.
    pub fn try_map<U>(self, each: impl FnMut(T) -> Result<U, Error>) -> Result<Page<U>, Error> {
        let items: Result<Vec<U>, Error> = self.items.into_iter().map(each).collect();
        Ok(Page { items: items?, before: self.before, after: self.after, total: self.total })
    }
}

impl Column {
    const fn sql(&self) -> &'static str {
        match self {
            Column::Int(sql, _) | Column::Text(sql, _) => sql,
        }
    }
}

/// Where the outermost `from` of a select begins, behind all its columns.
fn outer_from(sql: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in sql.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 && c.is_whitespace() && sql[at + c.len_utf8()..].starts_with("from ") => return at,
            _ => {}
        }
    }
    sql.len()
}

/// Before no row in particular is the end of the list.
fn is_end(from: &Position) -> bool {
    from.direction == Direction::Before && from.keys.is_empty()
}

fn is_backwards(slice: &Slice) -> bool {
    slice.from.as_ref().is_some_and(|from| from.direction == Direction::Before)
}

/// Whether the rows are read downwards: a page before a place is read against the order.
fn runs_down(order: Order, slice: &Slice) -> bool {
    order.descending != is_backwards(slice)
}

fn keys_of(row: &Row, order: Order) -> Result<Vec<Key>, Error> {
    let keys = order.columns.iter().map(|column| match column {
        Column::Int(_, name) => Ok(Key::Int(row.int(name)?)),
        Column::Text(_, name) => Ok(Key::Text(row.text(name)?)),
    });
    keys.collect()
}

/// How many of `n` rows the next statement takes: `most`, or the greatest power of two that is there. Lists of any length are then worked
/// off with a handful of texts, which stay prepared.
pub fn at_once(n: usize, most: usize) -> usize {
    let power = if n == 0 { 0 } else { 1 << n.ilog2() };
    power.min(most)
}

/// Ids for `in (...)`, filled up with the last one to the next power of two, for the same reason.
pub fn padded(ids: &[i64]) -> Vec<i64> {
    let mut padded = ids.to_vec();
    if let Some(last) = ids.last() {
        padded.resize(ids.len().next_power_of_two(), *last);
    }
    padded
}

/// A pattern for `like ... escape '!'` that finds the text anywhere. Wildcards in it stand for themselves.
pub fn part_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

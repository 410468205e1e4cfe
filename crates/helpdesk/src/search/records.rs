//! People and organizations by what is known of them: each test is served by an index, or asked of those whom another one picks. A search whose
//! tests all leave many walks them in the order that is wanted.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::{Customers, Organizations, Users};
use scope::role::Role;
use store::Tx;
use store::search::Index;

use super::phrases::{Phrase, Phrases};
use crate::Error;
use crate::custom_fields::{list_part, text_key};
use crate::organizations::{self, Organization};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::profiles::{self, Profile};
use crate::tickets::list::Direction;
use crate::users::email_key;

/// Up to so many are found first and sorted.
const FEW: i64 = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    People,
    Organizations,
}

/// A text that a record may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    Name,
    Note,
    Details,
    ExternalId,
    /// These three are people's.
    Email,
    Phone,
    /// The organization of a customer, and the team of staff.
    Organization,
    Team,
    Tags,
}

/// One thing that is asked of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    Phrase(Phrase),
    Ids(Vec<i64>),
    /// Has none of it.
    Missing(Text),
    ExternalId(String),
    Tag(String),
    /// From the first until before the second.
    Created(Option<Timestamp>, Option<Timestamp>),
    Updated(Option<Timestamp>, Option<Timestamp>),
    /// A value of a field of theirs.
    Field(i64, Value),
    // The others are people's.
    Roles(Vec<Role>),
    Email(String),
    Organizations(Vec<i64>),
    Teams(Vec<i64>),
    Verified(bool),
    Suspended(bool),
}

/// What is asked of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Missing,
    /// In any case of its letters, up to what the index has.
    Text(String),
    Begins(String),
    /// One of several.
    Has(String),
    Flag(bool),
    /// At least the first, at most the second; whether the bounds themselves count.
    Number(Option<(f64, bool)>, Option<(f64, bool)>),
}

/// Any of these, or none of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    pub any: Vec<Ask>,
    pub negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Id,
    Created,
    Updated,
}

/// People who are there. Those with a number of ids at once are few.
pub async fn people(
    tx: &mut Tx,
    may: (&CanRead<Users>, &CanRead<Customers>),
    wants: &[Want],
    order: (Sort, Direction),
    slice: &Slice,
) -> Result<Page<Profile>, Error> {
    let page = page(tx, Kind::People, wants, order, slice).await?;
    let ids = ids_of(&page)?;
    let mut items = profiles::beside(tx, may.1, &ids).await?;
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.id));
    Ok(Page { items, before: page.before, after: page.after, total: page.total })
}

pub async fn organizations(
    tx: &mut Tx,
    may: &CanRead<Organizations>,
    wants: &[Want],
    order: (Sort, Direction),
    slice: &Slice,
) -> Result<Page<Organization>, Error> {
    let page = page(tx, Kind::Organizations, wants, order, slice).await?;
    let ids = ids_of(&page)?;
    let mut items = organizations::beside(tx, may, &ids).await?;
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.id));
    Ok(Page { items, before: page.before, after: page.after, total: page.total })
}

/// The ids of the first of these people, at most `limit`.
pub async fn people_ids(
    tx: &mut Tx,
    _may: (&CanRead<Users>, &CanRead<Customers>),
    wants: &[Want],
    limit: usize,
) -> Result<Vec<i64>, Error> {
    let slice = Slice { limit, from: None };
    ids_of(&page(tx, Kind::People, wants, (Sort::Id, Direction::Ascending), &slice).await?)
}

/// The same of organizations.
pub async fn organization_ids(
    tx: &mut Tx,
    _may: &CanRead<Organizations>,
    wants: &[Want],
    limit: usize,
) -> Result<Vec<i64>, Error> {
    let slice = Slice { limit, from: None };
    ids_of(&page(tx, Kind::Organizations, wants, (Sort::Id, Direction::Ascending), &slice).await?)
}

fn ids_of(page: &Page<store::Row>) -> Result<Vec<i64>, Error> {
    page.items.iter().map(|row| Ok(row.int("id")?)).collect()
}

/// Served by the indexes that `Ask::lead` names, else by the primary keys, `people_by_created`, `people_by_updated`,
/// `organizations_by_created` and `organizations_by_change`.
async fn page(
    tx: &mut Tx,
    kind: Kind,
    wants: &[Want],
    (sort, direction): (Sort, Direction),
    slice: &Slice,
) -> Result<Page<store::Row>, Error> {
    let mut few = None;
    for want in wants.iter().filter(|want| !want.negated) {
        if let Some(ids) = lead(tx, kind, want)?
            && are_few(tx, &ids).await?
        {
            few = Some(ids);
            break;
        }
    }
    let sides = if kind == Kind::People { sides(wants) } else { vec![None] };
    // Of one side, what an index gives in its order; of few, whatever is wanted.
    let sort =
        if sort == Sort::Id && sides.len() == 1 && sides != [None] && few.is_none() { Sort::Created } else { sort };
    let sides = if few.is_some() || sort == Sort::Id { vec![None] } else { sides };
    let order = Order { columns: columns(kind, sort), descending: direction == Direction::Descending };
    let alias = kind.alias();
    let select = format!("select {alias}.id, {alias}.created_at, {alias}.updated_at from");
    let mut parts = Vec::with_capacity(sides.len());
    for side in sides {
        let mut part = match &few {
            Some(ids) => Query {
                sql: format!("{select} ({}) as few cross join {} where {alias}.id = few.id", ids.sql, kind.table()),
                params: ids.params.clone(),
            },
            None => Query::new(&format!("{select} {} where 1 = 1", kind.table())),
        };
        if kind == Kind::People {
            part.and_text("p.deleted_at is null and p.active = 1");
        }
        if let Some(is_staff) = side {
            part.and("p.is_staff =", is_staff);
        }
        for want in wants {
            narrow(tx, kind, want, &mut part).await?;
        }
        parts.push(part);
    }
    match parts.len() {
        1 => parts.remove(0).page(tx, order, slice).await,
        _ => Query::page_of_parts(parts, "id, created_at, updated_at", alias, tx, order, slice).await,
    }
}

const fn columns(kind: Kind, sort: Sort) -> &'static [Column] {
    match (kind, sort) {
        (Kind::People, Sort::Id) => &[Column::Int("p.id", "id")],
        (Kind::People, Sort::Created) => &[Column::Int("p.created_at", "created_at"), Column::Int("p.id", "id")],
        (Kind::People, Sort::Updated) => &[Column::Int("p.updated_at", "updated_at"), Column::Int("p.id", "id")],
        (Kind::Organizations, Sort::Id) => &[Column::Int("o.id", "id")],
        (Kind::Organizations, Sort::Created) => &[Column::Int("o.created_at", "created_at"), Column::Int("o.id", "id")],
        (Kind::Organizations, Sort::Updated) => &[Column::Int("o.updated_at", "updated_at"), Column::Int("o.id", "id")],
    }
}

/// Customers, staff, or both.
fn sides(wants: &[Want]) -> Vec<Option<bool>> {
    let mut sides = vec![false, true];
    for want in wants {
        for side in [false, true] {
            let fits = |ask: &Ask| match ask {
                Ask::Roles(roles) => roles.iter().any(|role| role.is_staff() == side),
                _ => true,
            };
            if !want.negated && !want.any.iter().any(fits) {
                sides.retain(|known| *known != side);
            }
        }
    }
    // Nobody fits: any side says so.
    if sides.is_empty() { vec![Some(true)] } else { sides.into_iter().map(Some).collect() }
}

async fn are_few(tx: &mut Tx, ids: &Query) -> Result<bool, Error> {
    let mut probe = ids.clone();
    let limit = probe.bind(FEW + 1);
    let sql = format!("select count(*) as n from ({} limit {limit}) as probed", probe.sql);
    let row = tx.row(&sql, &probe.params).await?;
    Ok(row.ok_or(store::StoreError::Column("n"))?.int("n")? <= FEW)
}

/// `select ... as id ...` of all that a want picks, and perhaps others. None where no index does.
fn lead(tx: &Tx, kind: Kind, want: &Want) -> Result<Option<Query>, Error> {
    let mut ids = Query::default();
    for (n, ask) in want.any.iter().enumerate() {
        let Some(one) = ask.lead(tx, kind)? else { return Ok(None) };
        ids.sql.push_str(if n == 0 { "" } else { " union " });
        ids.sql.push_str("select one.id from (");
        ids.append(one);
        ids.sql.push_str(") as one");
    }
    Ok((!want.any.is_empty()).then_some(ids))
}

/// Appends that a want holds.
async fn narrow(tx: &mut Tx, kind: Kind, want: &Want, query: &mut Query) -> Result<(), Error> {
    let id = format!("{}.id", kind.alias());
    let mut tests = Vec::with_capacity(want.any.len());
    for ask in &want.any {
        let Ask::Phrase(phrase) = ask else {
            tests.push(ask.test(kind, query)?);
            continue;
        };
        let mut phrases = Phrases::default();
        if want.negated { &mut phrases.none } else { &mut phrases.all }.push(phrase.clone());
        let checked = phrases.checked(tx, kind.index()).await?;
        if want.negated {
            checked.and_lacks(tx, query, &id);
            checked.and_rest(tx, query, &id);
            continue;
        }
        // A chain of conditions, all of which hold where the phrase is.
        let mut chain = Query { sql: "1 = 1".to_owned(), params: std::mem::take(&mut query.params) };
        checked.and_in(tx, &mut chain, &id);
        checked.and_rest(tx, &mut chain, &id);
        query.params = chain.params;
        tests.push(format!("({})", chain.sql));
    }
    if want.negated {
        tests.iter().for_each(|test| query.and_text(&format!("(({test}) is not true)")));
    } else {
        query.and_text(&if tests.is_empty() { "1 = 0".to_owned() } else { format!("({})", tests.join(" or ")) });
    }
    Ok(())
}

impl Kind {
    const fn alias(self) -> &'static str {
        match self {
            Kind::People => "p",
            Kind::Organizations => "o",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Kind::People => "people p",
            Kind::Organizations => "organizations o",
        }
    }

    const fn index(self) -> Index {
        match self {
            Kind::People => Index::Customers,
            Kind::Organizations => Index::Organizations,
        }
    }

    /// Where values of fields are, and whose they are.
    const fn values(self) -> (&'static str, &'static str) {
        match self {
            Kind::People => ("customer_field_values", "customer_id"),
            Kind::Organizations => ("organization_field_values", "organization_id"),
        }
    }

    /// What the column of a text is called. None for what is no column.
    const fn column(self, text: Text) -> Option<&'static str> {
        match (self, text) {
            (Kind::People, Text::Name) => Some("p.name"),
            (Kind::People, Text::Note) => Some("p.note"),
            (Kind::People, Text::Details) => Some("p.details"),
            (Kind::People, Text::ExternalId) => Some("p.external_id"),
            (Kind::People, Text::Email) => Some("p.email"),
            (Kind::Organizations, Text::Name) => Some("o.name"),
            (Kind::Organizations, Text::Note) => Some("o.notes"),
            (Kind::Organizations, Text::Details) => Some("o.details"),
            (Kind::Organizations, Text::ExternalId) => Some("o.external_id"),
            (_, Text::Phone | Text::Organization | Text::Team | Text::Tags | Text::Email) => None,
        }
    }
}

impl Ask {
    /// The ids that an index finds for it: all that it holds of, and perhaps others.
    fn lead(&self, tx: &Tx, kind: Kind) -> Result<Option<Query>, Error> {
        let mut ids = Query::default();
        let (table, alias) = (kind.table(), kind.alias());
        match self {
            Ask::Phrase(phrase) => return Ok(of_phrase(tx, kind, phrase)),
            Ask::Tag(name) => return Ok(Phrase::tag(name).and_then(|tag| of_phrase(tx, kind, &tag))),
            Ask::Ids(wanted) => {
                ids.sql = format!("select {alias}.id from {table} where 1 = 1");
                ids.and_in(&format!("{alias}.id"), wanted.iter().copied());
            }
            Ask::ExternalId(_) => {
                ids.sql = format!("select {alias}.id from {table} where {alias}.external_key is not null and ");
                let test = self.test(kind, &mut ids)?;
                ids.sql.push_str(&test);
            }
            Ask::Email(email) => ids.sql = of_email(&mut ids, email),
            Ask::Verified(true) | Ask::Suspended(true) => {
                ids.sql = "select p.id from people p where ".to_owned();
                let test = self.test(kind, &mut ids)?;
                ids.sql.push_str(&test);
            }
            Ask::Organizations(wanted) => {
                ids.sql = "select m.customer_id as id from organization_members m where 1 = 1".to_owned();
                ids.and_in("m.organization_id", wanted.iter().copied());
            }
            Ask::Teams(wanted) => {
                ids.sql = "select m.person_id as id from team_members m where 1 = 1".to_owned();
                ids.and_in("m.team_id", wanted.iter().copied());
            }
            Ask::Field(id, value) if !matches!(value, Value::Missing) => {
                let (values, whose) = kind.values();
                let place = ids.bind(*id);
                let test = value.test(&mut ids);
                ids.sql = format!("select v.{whose} as id from {values} v where v.field_id = {place} and {test}");
            }
            Ask::Roles(_)
            | Ask::Missing(_)
            | Ask::Created(..)
            | Ask::Updated(..)
            | Ask::Field(..)
            | Ask::Verified(false)
            | Ask::Suspended(false) => return Ok(None),
        }
        Ok(Some(ids))
    }

    /// It as a condition. True exactly where it holds; elsewhere false or null.
    fn test(&self, kind: Kind, query: &mut Query) -> Result<String, Error> {
        let alias = kind.alias();
        let in_list = |query: &mut Query, before: &str, ids: &[i64], after: &str| {
            let places: Vec<String> = ids.iter().map(|id| query.bind(*id)).collect();
            if places.is_empty() { "1 = 0".to_owned() } else { format!("{before} in ({}){after}", places.join(", ")) }
        };
        Ok(match self {
            Ask::Ids(ids) => in_list(query, &format!("{alias}.id"), ids, ""),
            Ask::Missing(text) => missing(kind, *text)?,
            Ask::ExternalId(external_id) => {
                let place = query.bind(external_id.to_ascii_lowercase());
                format!("{alias}.external_key = {place}")
            }
            Ask::Tag(name) => {
                // As JSON writes it.
                let name = serde_json::Value::from(name.to_lowercase()).to_string();
                let place = query.bind(crate::page::part_pattern(&name));
                format!("{alias}.tags like {place} escape '!'")
            }
            Ask::Created(from, to) => span(query, &format!("{alias}.created_at"), *from, *to),
            Ask::Updated(from, to) => span(query, &format!("{alias}.updated_at"), *from, *to),
            Ask::Field(id, value) => {
                let (values, whose) = kind.values();
                let place = query.bind(*id);
                let exists =
                    format!("exists (select 1 from {values} v where v.{whose} = {alias}.id and v.field_id = {place}");
                match value {
                    Value::Missing => format!("not {exists} and coalesce(v.text_value, 'x') <> '')"),
                    value => format!("{exists} and {})", value.test(query)),
                }
            }
            Ask::Roles(roles) => {
                let places: Vec<String> = roles.iter().map(|role| query.bind(role.word())).collect();
                if places.is_empty() { "1 = 0".to_owned() } else { format!("p.role in ({})", places.join(", ")) }
            }
            Ask::Email(email) => {
                let people = of_email(query, email);
                format!("p.id in ({people})")
            }
            Ask::Organizations(ids) => {
                let before =
                    "exists (select 1 from organization_members m where m.customer_id = p.id and m.organization_id";
                in_list(query, before, ids, ")")
            }
            Ask::Teams(ids) => {
                let before = "exists (select 1 from team_members m where m.person_id = p.id and m.team_id";
                in_list(query, before, ids, ")")
            }
            Ask::Verified(is) => format!("p.email_verified = {}", i64::from(*is)),
            Ask::Suspended(is) => format!("p.suspended = {}", i64::from(*is)),
            Ask::Phrase(_) => return Err(Error::invalid("query", "Words are asked of the index.")),
        })
    }
}

fn of_phrase(tx: &Tx, kind: Kind, phrase: &Phrase) -> Option<Query> {
    let wanted = store::search::Wanted(phrase.wanted(kind.index()));
    let mut ids = Query::default();
    let asked = store::search::asked(tx, &wanted)?;
    let place = ids.bind(asked);
    ids.sql = store::search::ids(tx, kind.index(), &place);
    Some(ids)
}

/// Whoever has the address, be it their second one.
fn of_email(query: &mut Query, email: &str) -> String {
    let place = query.bind(email_key(email));
    format!(
        "select q.id from people q where q.is_staff in (0, 1) and q.email_key = {place}
         union select a.person_id as id from addresses a where a.type = 'email' and a.address_key = {place}"
    )
}

fn missing(kind: Kind, text: Text) -> Result<String, Error> {
    let alias = kind.alias();
    if let Some(column) = kind.column(text) {
        return Ok(format!("({column} is null or {column} = '')"));
    }
    Ok(match (kind, text) {
        (_, Text::Tags) => format!("({alias}.tags is null or {alias}.tags = '[]')"),
        (Kind::People, Text::Organization) => {
            "not exists (select 1 from organization_members m where m.customer_id = p.id)".to_owned()
        }
        (Kind::People, Text::Team) => "not exists (select 1 from team_members m where m.person_id = p.id)".to_owned(),
        (Kind::People, Text::Phone) => {
            "not exists (select 1 from addresses a where a.person_id = p.id and a.type = 'phone')".to_owned()
        }
        (_, text) => return Err(Error::invalid("query", format!("{text:?} is nothing that {kind:?} have."))),
    })
}

fn span(query: &mut Query, column: &str, from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    let mut bounds = Vec::with_capacity(2);
    for (sign, at) in [(">=", from), ("<", to)] {
        if let Some(at) = at {
            let place = query.bind(at);
            bounds.push(format!("{column} {sign} {place}"));
        }
    }
    if bounds.is_empty() { "1 = 1".to_owned() } else { format!("({})", bounds.join(" and ")) }
}

impl Value {
    /// Of a value `v` of the field.
    fn test(&self, query: &mut Query) -> String {
        match self {
            Value::Missing => "1 = 0".to_owned(),
            Value::Text(text) => {
                let place = query.bind(text_key(text));
                format!("v.text_key = {place}")
            }
            Value::Begins(text) => {
                let key = text_key(text);
                let (from, to) = (query.bind(key.as_str()), query.bind(format!("{key}\u{10ffff}")));
                format!("v.text_key >= {from} and v.text_key < {to}")
            }
            Value::Has(text) => {
                let place = query.bind(list_part(text));
                format!("v.list_value is not null and replace(v.list_value, {place}, '') <> v.list_value")
            }
            Value::Flag(flag) => format!("v.flag_value = {}", i64::from(*flag)),
            Value::Number(from, to) => {
                let mut tests = vec!["v.number_value is not null".to_owned()];
                for (sign, bound) in [(">", from), ("<", to)] {
                    if let Some((number, with)) = bound {
                        let place = query.bind(*number);
                        tests.push(format!("v.number_value {sign}{} {place}", if *with { "=" } else { "" }));
                    }
                }
                tests.join(" and ")
            }
        }
    }
}

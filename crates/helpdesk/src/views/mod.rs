//! Views: saved lists of tickets or customers, and whom they are shown to.
//!
//! Here is what a view is, and reading one. Making and changing: `write.rs`; what is in it: `items.rs`; what becomes of a view when
//! something that it names is renamed or gone: `references.rs`.

pub mod items;
pub mod references;
pub mod write;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Views;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::filter::Condition;
use crate::page::{Column, Order, Page, Query, Slice, part_pattern};
use crate::people::{Person, PersonColumns, person_columns};
use crate::tickets::TeamOfTicket;
use crate::tickets::matching::Sort;

#[derive(Debug, Clone)]
pub struct View {
    pub id: i64,
    /// The name in URL form.
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    /// One of the account's own, such as `inbox`: it cannot be deleted and always holds the same.
    pub system: Option<String>,
    pub lists: Lists,
    pub condition: Condition,
    /// The condition as its author wrote it, in the language of their vendor; empty if nobody wrote it.
    pub source: String,
    /// Words that the items hold besides.
    pub search: Option<String>,
    /// Names of the columns, in a vendor's words.
    pub fields: Vec<String>,
    pub sort: Sort,
    pub descending: bool,
    pub visibility: Visibility,
    pub people: Vec<Person>,
    pub teams: Vec<TeamOfTicket>,
    /// A JSON object.
    pub decoration: Option<Json>,
    pub section_id: Option<i64>,
    pub display_order: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Since when it is out of use: somebody said so, or something that it names is gone.
    pub deactivated_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    Tickets,
    Customers,
}

impl Lists {
    pub const fn word(self) -> &'static str {
        match self {
            Lists::Tickets => "tickets",
            Lists::Customers => "customers",
        }
    }

    fn parse(word: &str) -> Option<Lists> {
        [Lists::Tickets, Lists::Customers].into_iter().find(|lists| lists.word() == word)
    }
}

/// Who sees a view, besides the person who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    Public,
    /// The people and teams it is shared with.
    Shared,
    /// One person.
    Private,
}

impl Visibility {
    pub const ALL: [Visibility; 3] = [Visibility::Public, Visibility::Shared, Visibility::Private];

    pub const fn word(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Shared => "shared",
            Visibility::Private => "private",
        }
    }

    pub fn parse(word: &str) -> Option<Visibility> {
        Visibility::ALL.into_iter().find(|visibility| visibility.word() == word)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arranged {
    Created,
    Updated,
    Named,
    /// As people arranged them.
    Displayed,
}

/// Which views. The default is all that the reader may see.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Only the account's own ones, or only those that people made.
    pub is_system: Option<bool>,
    pub lists: Option<Lists>,
    /// Only those in use, or only the others.
    pub active: Option<bool>,
    /// Only those that are one person's, or only the others.
    pub private: Option<bool>,
    /// Shared with this team.
    pub team_id: Option<i64>,
    /// Part of the name, in any case of its letters.
    pub name_part: Option<&'a str>,
    pub ids: Option<&'a [i64]>,
}

/// The columns that `View::from_row` reads.
macro_rules! select_views {
    () => {
        "select v.id, v.slug, v.name, v.name_key, v.description, v.system, v.lists, v.condition, v.source, v.search, v.fields, v.sort, v.descending, v.visibility,
                v.decoration, v.section_id, v.display_order, v.created_at, v.updated_at, v.deactivated_at
         from views v where 1 = 1"
    };
}
use select_views;

const MEMBER: PersonColumns = person_columns!("member");

/// A slice of the views that the reader may see. Three statements. Served by `views_by_created`, `views_by_updated`, `views_by_name`
/// and `views_by_order`.
pub async fn list(
    tx: &mut Tx,
    may: &CanRead<Views>,
    filter: Filter<'_>,
    (by, descending): (Arranged, bool),
    slice: &Slice,
) -> Result<Page<View>, Error> {
    let query = query_of(filter, may.actor());
    let columns: &'static [Column] = match by {
        Arranged::Created => &[Column::Int("v.created_at", "created_at"), Column::Int("v.id", "id")],
        Arranged::Updated => &[Column::Int("v.updated_at", "updated_at"), Column::Int("v.id", "id")],
        Arranged::Named => &[Column::Text("v.name_key", "name_key"), Column::Int("v.id", "id")],
        Arranged::Displayed => &[Column::Int("v.display_order", "display_order"), Column::Int("v.id", "id")],
    };
    let page = query.page(tx, Order { columns, descending }, slice).await?;
    let mut page = page.try_map(|row| View::from_row(&row))?;
    fill_sharing(tx, &mut page.items).await?;
    Ok(page)
}

/// How many of them there are.
pub async fn count(tx: &mut Tx, may: &CanRead<Views>, filter: Filter<'_>) -> Result<i64, Error> {
    query_of(filter, may.actor()).count(tx).await
}

fn query_of(filter: Filter<'_>, actor: &Actor) -> Query {
    let mut query = Query::new(select_views!());
    let mut either = |holds: Option<bool>, condition: &str, opposite: &str| match holds {
        Some(true) => query.and_text(condition),
        Some(false) => query.and_text(opposite),
        None => {}
    };
    either(filter.is_system, "v.system is not null", "v.system is null");
    either(filter.active, "v.deactivated_at is null", "v.deactivated_at is not null");
    either(filter.private, "v.visibility = 'private'", "v.visibility <> 'private'");
    if let Some(lists) = filter.lists {
        query.and("v.lists =", lists.word());
    }
    if let Some(team_id) = filter.team_id {
        let team_id = query.bind(team_id);
        query.and_text(&format!(
            "exists (select 1 from view_teams st where st.view_id = v.id and st.team_id = {team_id})"
        ));
    }
    if let Some(part) = filter.name_part {
        let pattern = query.bind(part_pattern(&part.to_lowercase()));
        query.and_text(&format!("v.name_key like {pattern} escape '!'"));
    }
    match filter.ids {
        Some([]) => query.and_text("1 = 0"),
        Some(ids) => query.and_in("v.id", ids.iter().copied()),
        None => {}
    }
    only_visible(&mut query, actor);
    query
}

/// The view with this id, or `NotFound` also if the reader may not see it.
pub async fn find(tx: &mut Tx, may: &CanRead<Views>, id: i64) -> Result<View, Error> {
    read(tx, may.actor(), id).await
}

/// The same for whoever is about to change it.
pub async fn to_change(tx: &mut Tx, may: &CanWrite<Views>, id: i64) -> Result<View, Error> {
    read(tx, may.actor(), id).await
}

pub(super) async fn read(tx: &mut Tx, actor: &Actor, id: i64) -> Result<View, Error> {
    let mut query = Query::new(select_views!());
    query.and("v.id =", id);
    only_visible(&mut query, actor);
    let row = tx.row(&query.sql, &query.params).await?.ok_or(Error::NotFound { kind: "view", id })?;
    let mut views = [View::from_row(&row)?];
    fill_sharing(tx, &mut views).await?;
    let [view] = views;
    Ok(view)
}

/// Leaves the views that the actor may see. Our own workers see all; what they do for somebody they do as that person.
fn only_visible(query: &mut Query, actor: &Actor) {
    if actor.worker.is_some() && actor.person_id.is_none() {
        return;
    }
    let person = query.bind(actor.person_id.unwrap_or_default());
    query.and_text(&format!(
        "(v.visibility = 'public' or v.created_by = {person}
          or exists (select 1 from view_people vp where vp.view_id = v.id and vp.person_id = {person})
          or (v.visibility = 'shared' and exists (
              select 1 from team_members tm join view_teams vt on vt.team_id = tm.team_id
              where tm.person_id = {person} and vt.view_id = v.id)))"
    ));
}

/// Whom each view is shared with: one statement for the people, one for the teams.
async fn fill_sharing(tx: &mut Tx, views: &mut [View]) -> Result<(), Error> {
    if views.is_empty() {
        return Ok(());
    }
    let mut people = Query::new(
        "select vp.view_id, p.id as member_id, p.email as member_email, p.name as member_name, p.firstname as member_firstname,
                p.lastname as member_lastname, p.bio as member_bio, p.meta as member_meta
         from view_people vp join people p on p.id = vp.person_id where 1 = 1",
    );
    people.and_in("vp.view_id", views.iter().map(|view| view.id));
    people.sql.push_str(" order by vp.view_id, p.id");
    for row in tx.rows(&people.sql, &people.params).await? {
        let id = row.int("view_id")?;
        if let Some(view) = views.iter_mut().find(|view| view.id == id) {
            view.people.extend(Person::from_row(&row, &MEMBER)?);
        }
    }
    let mut teams = Query::new(
        "select vt.view_id, g.id as assignee_team_id, g.name as team_name, g.decoration as team_decoration
         from view_teams vt join teams g on g.id = vt.team_id where 1 = 1",
    );
    teams.and_in("vt.view_id", views.iter().map(|view| view.id));
    teams.sql.push_str(" order by vt.view_id, g.id");
    for row in tx.rows(&teams.sql, &teams.params).await? {
        let id = row.int("view_id")?;
        if let Some(view) = views.iter_mut().find(|view| view.id == id) {
            view.teams.extend(TeamOfTicket::from_row(&row)?);
        }
    }
    Ok(())
}

impl View {
    fn from_row(row: &Row) -> Result<View, Error> {
        let condition = row.json("condition")?.ok_or(StoreError::Column("condition"))?;
        let fields = row.json("fields")?.ok_or(StoreError::Column("fields"))?;
        Ok(View {
            id: row.int("id")?,
            slug: row.text("slug")?,
            name: row.text("name")?,
            description: row.text_or_null("description")?,
            system: row.text_or_null("system")?,
            lists: Lists::parse(&row.text("lists")?).ok_or(StoreError::Column("lists"))?,
            condition: serde_json::from_value(condition).map_err(|_| StoreError::Column("condition"))?,
            source: row.text("source")?,
            search: row.text_or_null("search")?,
            fields: serde_json::from_value(fields).map_err(|_| StoreError::Column("fields"))?,
            sort: Sort::parse(&row.text("sort")?).ok_or(StoreError::Column("sort"))?,
            descending: row.flag("descending")?,
            visibility: Visibility::parse(&row.text("visibility")?).ok_or(StoreError::Column("visibility"))?,
            people: Vec::new(),
            teams: Vec::new(),
            decoration: row.json("decoration")?,
            section_id: row.int_or_null("section_id")?,
            display_order: row.int("display_order")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            deactivated_at: row.time_or_null("deactivated_at")?,
        })
    }

    /// What events tell of a view.
    fn facts(&self) -> Json {
        json!({
            "name": self.name,
            "description": self.description,
            "slug": self.slug,
            "lists": self.lists.word(),
            "condition": self.condition,
            "search": self.search,
            "fields": self.fields,
            "sort": self.sort.word(),
            "descending": self.descending,
            "visibility": self.visibility.word(),
            "people": self.people.iter().map(|person| person.id).collect::<Vec<_>>(),
            "teams": self.teams.iter().map(|team| team.id).collect::<Vec<_>>(),
            "decoration": self.decoration,
            "section_id": self.section_id,
            "display_order": self.display_order,
            "deactivated_at": self.deactivated_at,
        })
    }
}

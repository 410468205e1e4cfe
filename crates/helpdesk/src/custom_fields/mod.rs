//! Custom fields: what an account wants to know of its tickets and customers beyond what everybody's have.
//!
//! Here is what a field is, and reading them. Creating and changing: `write.rs`; how it is filled in and which values fit: `input.rs`;
//! the values of whatever carries them: `values.rs`;
//! what some surfaces tell of it besides, and removing it: `details.rs`, and what it makes of a value: `fit.rs`; labels that come with
//! values: `labels.rs`; values by the names that programs have for fields: `keys.rs`.
//! A field that is archived keeps its values, and shows them, but no new one can be set.

mod details;
mod fit;
mod input;
mod keys;
mod labels;
mod values;
mod write;

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::page::{Column, Order, Page, Query, Slice, part_pattern};

pub use details::{Choice, Details, Format, Target, delete, set_details};
pub use fit::PATTERN_MAX_CHARS;
pub use input::{CHOICES_MAX, DataType, FieldValue, Input, LEVEL_SEPARATOR, TEXT_MAX_CHARS};
pub use keys::{KEY_MAX_CHARS, Keyed, Named, named};
pub(crate) use keys::{fill_keyed, sent_by_key};
pub(crate) use labels::Labels;
pub(crate) use values::{
    Change, Extent, fill_values, list_part, merge_customers, missing_managed, of_object, texts_of, unplaced, valued,
    write,
};
pub use values::{SentValue, Valued, Values, text_key, to_json};
pub use write::{Changes, Move, NewField, create, create_with_key, move_by, update, update_many};

/// Longest label, in characters (Gorgias contract, `custom_fields`).
pub const LABEL_MAX_CHARS: usize = 255;
/// Longest description, in characters (Gorgias contract, `custom_fields`).
pub const DESCRIPTION_MAX_CHARS: usize = 1024;
/// Greatest place in a list (Gorgias contract, `custom_fields`).
pub const PRIORITY_MAX: i64 = 5000;

/// What carries a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    Ticket,
    /// Staff have them too.
    Customer,
    Organization,
}

impl Carrier {
    pub const ALL: &'static [Carrier] = &[Carrier::Ticket, Carrier::Customer, Carrier::Organization];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Carrier::Ticket => "ticket",
            Carrier::Customer => "customer",
            Carrier::Organization => "organization",
        }
    }

    pub fn parse(word: &str) -> Option<Carrier> {
        Carrier::ALL.iter().copied().find(|carrier| carrier.word() == word)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Shown, and may stay empty.
    Visible,
    /// To be filled before a ticket is closed.
    Required,
    /// Shown and required only where a form's conditions say so.
    Conditional,
}

impl Requirement {
    pub const ALL: &'static [Requirement] = &[Requirement::Visible, Requirement::Required, Requirement::Conditional];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Requirement::Visible => "visible",
            Requirement::Required => "required",
            Requirement::Conditional => "conditional",
        }
    }

    pub fn parse(word: &str) -> Option<Requirement> {
        Requirement::ALL.iter().copied().find(|requirement| requirement.word() == word)
    }
}

/// What a built-in field is for (Gorgias contract, `enums.custom_field_managed_type`), and whose it can be.
pub const MANAGED_TYPES: &[(&str, Carrier)] = &[
    ("contact_reason", Carrier::Ticket),
    ("product", Carrier::Ticket),
    ("resolution", Carrier::Ticket),
    ("ai_intent", Carrier::Ticket),
    ("ai_outcome", Carrier::Ticket),
    ("ai_sales", Carrier::Ticket),
    ("ai_discount", Carrier::Ticket),
    ("ai_journey", Carrier::Ticket),
    ("managed_sentiment", Carrier::Ticket),
    ("call_status", Carrier::Ticket),
    ("customer_type", Carrier::Customer),
];

#[derive(Debug, Clone, PartialEq)]
pub struct CustomField {
    pub id: i64,
    pub carrier: Carrier,
    pub external_id: Option<String>,
    /// What programs call it, if it was given such a name; unique among the fields of its carrier, and never changed.
    pub key: Option<String>,
    pub label: String,
    pub description: Option<String>,
    /// The greatest comes first.
    pub priority: i64,
    pub requirement: Requirement,
    /// One of `MANAGED_TYPES`.
    pub managed_type: Option<String>,
    pub input: Input,
    pub shown_to_customers: bool,
    pub editable_by_customers: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
    pub details: Details,
}

/// Which fields.
#[derive(Debug, Clone)]
pub struct Filter {
    pub carrier: Carrier,
    /// Part of the label, in any case of its letters.
    pub search: Option<String>,
    /// Only archived ones, or only the others.
    pub archived: bool,
}

/// By priority. Served by `custom_fields_by_priority`; the filters narrow along it.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<CustomFields>,
    filter: &Filter,
    descending: bool,
    slice: &Slice,
) -> Result<Page<CustomField>, Error> {
    let mut query = Query::new(concat!(select_fields!(), " where 1 = 1"));
    query.and("f.object_type =", filter.carrier.word());
    query.and_text(if filter.archived { "f.archived_at is not null" } else { "f.archived_at is null" });
    if let Some(search) = &filter.search {
        let pattern = query.bind(part_pattern(&search.to_lowercase()));
        query.and_text(&format!("f.label_key like {pattern} escape '!'"));
    }
    let columns: &'static [Column] = &[Column::Int("f.priority", "priority"), Column::Int("f.id", "id")];
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| CustomField::from_row(&row))
}

/// All fields of a carrier, archived ones too, in their order: an account has few. Served by `custom_fields_by_priority`.
pub async fn all_of(tx: &mut Tx, _may: &CanRead<CustomFields>, carrier: Carrier) -> Result<Vec<CustomField>, Error> {
    let mut query = Query::new(concat!(select_fields!(), " where 1 = 1"));
    query.and("f.object_type =", carrier.word());
    query.sql.push_str(" order by f.priority desc, f.id");
    tx.rows(&query.sql, &query.params).await?.iter().map(CustomField::from_row).collect()
}

/// The fields in use that every ticket must have a value of when it is solved, in their order.
pub(crate) async fn required_of_tickets(tx: &mut Tx) -> Result<Vec<CustomField>, Error> {
    let mut query = Query::new(concat!(select_fields!(), " where f.object_type = 'ticket' and f.archived_at is null"));
    query.and("f.requirement =", Requirement::Required.word());
    query.sql.push_str(" order by f.priority desc, f.id");
    tx.rows(&query.sql, &query.params).await?.iter().map(CustomField::from_row).collect()
}

/// The fields in use that customers must fill in when they ask, in their order.
pub(crate) async fn required_of_customers(tx: &mut Tx) -> Result<Vec<CustomField>, Error> {
    let mut query = Query::new(concat!(select_fields!(), " where f.object_type = 'ticket' and f.archived_at is null"));
    query.sql.push_str(" and f.editable_by_customers = 1 order by f.priority desc, f.id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let mut fields = rows.iter().map(CustomField::from_row).collect::<Result<Vec<_>, _>>()?;
    fields.retain(|field| field.details.required_for_customers);
    Ok(fields)
}

/// How many fields of its carrier come before this one.
pub async fn place(tx: &mut Tx, _may: &CanWrite<CustomFields>, field: &CustomField) -> Result<i64, Error> {
    let row = tx
        .row(
            "select count(*) as n from custom_fields
             where object_type = $1 and (priority > $2 or (priority = $2 and id < $3))",
            &[field.carrier.word().into(), field.priority.into(), field.id.into()],
        )
        .await?;
    Ok(row.ok_or(StoreError::Column("n"))?.int("n")?)
}

/// The fields of tickets that customers may see.
pub async fn shown_to_customers(tx: &mut Tx) -> Result<Vec<i64>, Error> {
    let sql =
        "select id from custom_fields where object_type = 'ticket' and shown_to_customers = 1 and archived_at is null";
    let rows = tx.rows(sql, &[]).await?;
    Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?)
}

/// `Invalid` unless customers may fill in all of these fields.
pub async fn must_be_customers(tx: &mut Tx, sent: &[SentValue]) -> Result<(), Error> {
    let ids: Vec<i64> = sent.iter().map(|sent| sent.field_id).collect();
    let fields = read_many(tx, &ids).await?;
    for value in sent {
        let known = fields.iter().find(|field| field.id == value.field_id);
        if !known.is_some_and(|field| field.carrier == Carrier::Ticket && field.editable_by_customers) {
            return Err(Error::invalid(format!("{}.id", value.place), "is not yours to fill in"));
        }
    }
    Ok(())
}

/// The field as whoever changes it finds or leaves it: it stays so until the transaction ends.
pub async fn written(tx: &mut Tx, _may: &CanWrite<CustomFields>, id: i64) -> Result<CustomField, Error> {
    write::lock(tx, id).await?;
    read(tx, id).await
}

/// The field with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<CustomFields>, id: i64) -> Result<CustomField, Error> {
    read(tx, id).await
}

/// The columns that `CustomField::from_row` reads.
macro_rules! select_fields {
    () => {
        "select f.id, f.object_type, f.external_id, f.key, f.label, f.description, f.priority, f.requirement, f.managed_type, f.input,
                f.shown_to_customers, f.editable_by_customers, f.created_at, f.updated_at, f.archived_at, f.details
         from custom_fields f"
    };
}
use select_fields;

pub(crate) async fn read(tx: &mut Tx, id: i64) -> Result<CustomField, Error> {
    match tx.row(concat!(select_fields!(), " where f.id = $1"), &[id.into()]).await? {
        Some(row) => CustomField::from_row(&row),
        None => Err(Error::NotFound { kind: "custom field", id }),
    }
}

/// Those of these ids that there are, in no order.
pub(crate) async fn read_many(tx: &mut Tx, ids: &[i64]) -> Result<Vec<CustomField>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(concat!(select_fields!(), " where 1 = 1"));
    query.and_in("f.id", ids.iter().copied());
    tx.rows(&query.sql, &query.params).await?.iter().map(CustomField::from_row).collect()
}

impl CustomField {
    fn from_row(row: &Row) -> Result<CustomField, Error> {
        let input = row.json("input")?.ok_or(StoreError::Column("input"))?;
        Ok(CustomField {
            id: row.int("id")?,
            carrier: Carrier::parse(&row.text("object_type")?).ok_or(StoreError::Column("object_type"))?,
            external_id: row.text_or_null("external_id")?,
            key: row.text_or_null("key")?,
            label: row.text("label")?,
            description: row.text_or_null("description")?,
            priority: row.int("priority")?,
            requirement: Requirement::parse(&row.text("requirement")?).ok_or(StoreError::Column("requirement"))?,
            managed_type: row.text_or_null("managed_type")?,
            input: serde_json::from_value(input).map_err(|_| StoreError::Column("input"))?,
            shown_to_customers: row.flag("shown_to_customers")?,
            editable_by_customers: row.flag("editable_by_customers")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            archived_at: row.time_or_null("archived_at")?,
            details: row.json("details")?.and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default(),
        })
    }

    /// What programs call it: a name made of its number where it was given none.
    pub fn name(&self) -> String {
        keys::name_of(self.key.as_deref(), self.id)
    }

    /// What events tell of a field.
    fn fields(&self) -> Json {
        json!({
            "object_type": self.carrier.word(), "external_id": self.external_id, "key": self.key, "label": self.label,
            "description": self.description, "priority": self.priority, "requirement": self.requirement.word(),
            "managed_type": self.managed_type, "input": self.input, "shown_to_customers": self.shown_to_customers,
            "editable_by_customers": self.editable_by_customers, "archived_at": self.archived_at,
        })
    }
}

//! Ticket forms: which custom fields a kind of request asks for, in which order, and when.
//!
//! A condition shows further fields, and may require them, while another field of the form has a certain value.

use std::collections::BTreeSet;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::CustomFields;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::custom_fields::{Carrier, CustomField, Requirement, Values, read_many};
use crate::events::{self, Change};

const NAME_MAX_CHARS: usize = 255;
/// Most forms of an account.
const FORMS_MAX: i64 = 300;
const FIELDS_MAX: usize = 400;
const CONDITIONS_MAX: usize = 1_500;

#[derive(Debug, Clone, PartialEq)]
pub struct TicketForm {
    pub id: i64,
    pub name: String,
    /// What customers read instead of the name.
    pub display_name: Option<String>,
    pub shown_to_customers: bool,
    pub active: bool,
    /// New tickets that name no form are meant for this one.
    pub is_default: bool,
    pub position: i64,
    /// In order.
    pub field_ids: Vec<i64>,
    pub conditions: Vec<FormCondition>,
}

/// While `field_id` has `value`, `shows` are asked too. They are asked only then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormCondition {
    pub field_id: i64,
    pub value: Json,
    pub shows: Vec<ShownField>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownField {
    pub field_id: i64,
    pub required: bool,
}

/// A form as it is to be, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct FormDraft {
    pub name: String,
    pub display_name: Option<String>,
    pub shown_to_customers: bool,
    pub active: bool,
    pub is_default: bool,
    pub position: i64,
    pub field_ids: Vec<i64>,
    pub conditions: Vec<FormCondition>,
}

/// A field that a form asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub field: CustomField,
    pub required: bool,
}

/// All forms by position: an account has few. Served by `ticket_forms_by_position`.
pub async fn list(tx: &mut Tx, _may: &CanRead<CustomFields>) -> Result<Vec<TicketForm>, Error> {
    let rows = tx.rows(concat!(select_forms!(), " order by f.position, f.id"), &[]).await?;
    let mut forms = rows.iter().map(TicketForm::from_row).collect::<Result<Vec<_>, _>>()?;
    let sql = "select form_id, field_id from ticket_form_fields order by form_id, position";
    for row in tx.rows(sql, &[]).await? {
        let form_id = row.int("form_id")?;
        if let Some(form) = forms.iter_mut().find(|form| form.id == form_id) {
            form.field_ids.push(row.int("field_id")?);
        }
    }
    Ok(forms)
}

/// The form with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<CustomFields>, id: i64) -> Result<TicketForm, Error> {
    read(tx, id).await
}

/// Adds a form. `Invalid` names what does not fit, `Refused` says that there are too many.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    draft: &FormDraft,
) -> Result<TicketForm, Error> {
    check(tx, draft).await?;
    let count = tx.row("select count(*) as n from ticket_forms", &[]).await?;
    if count.map(|row| row.int("n")).transpose()?.is_some_and(|n| FORMS_MAX <= n) {
        return Err(Error::Refused(format!("There are {FORMS_MAX} forms already, and no room for more.")));
    }
    if draft.is_default {
        tx.run("update ticket_forms set is_default = 0 where is_default = 1", &[]).await?;
    }
    let row = tx
        .row(
            "insert into ticket_forms (name, display_name, shown_to_customers, active, is_default, position, conditions, created_at,
                                       updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $8) returning id",
            &[
                draft.name.as_str().into(),
                draft.display_name.as_ref().into(),
                draft.shown_to_customers.into(),
                draft.active.into(),
                draft.is_default.into(),
                draft.position.into(),
                json!(draft.conditions).into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    put_fields(tx, id, &draft.field_ids).await?;
    let form = read(tx, id).await?;
    record(tx, may.actor(), now, ("ticket-form-created", id), (None, Some(form.facts()))).await?;
    Ok(form)
}

/// Makes the form what the draft says.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    id: i64,
    draft: &FormDraft,
) -> Result<TicketForm, Error> {
    // Holds the row: of two changes at once, the second sees the first.
    tx.run("update ticket_forms set updated_at = updated_at where id = $1", &[id.into()]).await?;
    let before = read(tx, id).await?;
    check(tx, draft).await?;
    if draft.is_default {
        tx.run("update ticket_forms set is_default = 0 where is_default = 1 and id <> $1", &[id.into()]).await?;
    }
    tx.run(
        "update ticket_forms set name = $1, display_name = $2, shown_to_customers = $3, active = $4, is_default = $5, position = $6,
                conditions = $7, updated_at = $8
         where id = $9",
        &[
            draft.name.as_str().into(),
            draft.display_name.as_ref().into(),
            draft.shown_to_customers.into(),
            draft.active.into(),
            draft.is_default.into(),
            draft.position.into(),
            json!(draft.conditions).into(),
            now.into(),
            id.into(),
        ],
    )
    .await?;
    tx.run("delete from ticket_form_fields where form_id = $1", &[id.into()]).await?;
    put_fields(tx, id, &draft.field_ids).await?;
    let after = read(tx, id).await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    if new != json!({}) {
        record(tx, may.actor(), now, ("ticket-form-updated", id), (Some(old), Some(new))).await?;
    }
    Ok(after)
}

/// Removes a form. Its tickets keep their values, and lose the form.
pub async fn delete(tx: &mut Tx, may: &CanWrite<CustomFields>, now: Timestamp, id: i64) -> Result<(), Error> {
    let form = read(tx, id).await?;
    tx.run("delete from ticket_forms where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("ticket-form-deleted", id), (Some(form.facts()), None)).await
}

/// The fields that a form asks for while a ticket has these values, in the form's order; archived ones are left out.
/// `Invalid` never: a value that no condition knows shows nothing more.
pub async fn asked(
    tx: &mut Tx,
    _may: &CanRead<CustomFields>,
    form: &TicketForm,
    values: &Values,
) -> Result<Vec<Asked>, Error> {
    let fields = read_many(tx, &form.field_ids).await?;
    let shown = form.shown(values);
    let in_order = form.field_ids.iter().filter_map(|id| fields.iter().find(|field| field.id == *id));
    let asked = in_order.filter(|field| field.archived_at.is_none()).filter_map(|field| {
        let (_, required) = shown.iter().find(|(id, _)| *id == field.id)?;
        Some(Asked { required: *required || field.requirement == Requirement::Required, field: field.clone() })
    });
    Ok(asked.collect())
}

impl TicketForm {
    /// Which fields show while a ticket has these values, and whether a condition requires them. A field that conditions speak of shows
    /// only where one of them holds, and a condition holds only while its own field shows.
    pub fn shown(&self, values: &Values) -> Vec<(i64, bool)> {
        let conditional: BTreeSet<i64> =
            self.conditions.iter().flat_map(|condition| condition.shows.iter().map(|it| it.field_id)).collect();
        let mut shown: Vec<(i64, bool)> =
            self.field_ids.iter().filter(|id| !conditional.contains(id)).map(|id| (*id, false)).collect();
        // Each round shows what hangs on the round before; fields are few, and none is added twice, so it ends.
        loop {
            let before = shown.clone();
            for condition in &self.conditions {
                let holds = shown.iter().any(|(id, _)| *id == condition.field_id)
                    && values.get(&condition.field_id).is_some_and(|value| value.to_json() == condition.value);
                for more in condition.shows.iter().filter(|_| holds) {
                    match shown.iter_mut().find(|(id, _)| *id == more.field_id) {
                        Some((_, required)) => *required |= more.required,
                        None if self.field_ids.contains(&more.field_id) => shown.push((more.field_id, more.required)),
                        None => {}
                    }
                }
            }
            if shown == before {
                return shown;
            }
        }
    }

    /// Without its fields.
    fn from_row(row: &Row) -> Result<TicketForm, Error> {
        let conditions = row.json("conditions")?.unwrap_or_default();
        Ok(TicketForm {
            id: row.int("id")?,
            name: row.text("name")?,
            display_name: row.text_or_null("display_name")?,
            shown_to_customers: row.flag("shown_to_customers")?,
            active: row.flag("active")?,
            is_default: row.flag("is_default")?,
            position: row.int("position")?,
            field_ids: Vec::new(),
            conditions: serde_json::from_value(conditions).map_err(|_| StoreError::Column("conditions"))?,
        })
    }

    /// What events tell of a form.
    fn facts(&self) -> Json {
        json!({
            "name": self.name, "display_name": self.display_name, "shown_to_customers": self.shown_to_customers,
            "active": self.active, "is_default": self.is_default, "position": self.position, "field_ids": self.field_ids,
            "conditions": self.conditions,
        })
    }
}

macro_rules! select_forms {
    () => {
        "select f.id, f.name, f.display_name, f.shown_to_customers, f.active, f.is_default, f.position, f.conditions
         from ticket_forms f"
    };
}
use select_forms;

async fn read(tx: &mut Tx, id: i64) -> Result<TicketForm, Error> {
    let row = tx.row(concat!(select_forms!(), " where f.id = $1"), &[id.into()]).await?;
    let mut form = TicketForm::from_row(&row.ok_or(Error::NotFound { kind: "ticket form", id })?)?;
    let sql = "select field_id from ticket_form_fields where form_id = $1 order by position";
    for row in tx.rows(sql, &[id.into()]).await? {
        form.field_ids.push(row.int("field_id")?);
    }
    Ok(form)
}

async fn put_fields(tx: &mut Tx, id: i64, field_ids: &[i64]) -> Result<(), Error> {
    for (position, field_id) in (0_i64..).zip(field_ids) {
        tx.run(
            "insert into ticket_form_fields (form_id, field_id, position) values ($1, $2, $3)",
            &[id.into(), (*field_id).into(), position.into()],
        )
        .await?;
    }
    Ok(())
}

async fn check(tx: &mut Tx, draft: &FormDraft) -> Result<(), Error> {
    for (field, text, min) in
        [("name", draft.name.as_str(), 1), ("display_name", draft.display_name.as_deref().unwrap_or_default(), 0)]
    {
        let n_chars = text.chars().count();
        if n_chars < min || NAME_MAX_CHARS < n_chars || text.contains('\0') {
            return Err(Error::invalid(field, format!("Must have {min} to {NAME_MAX_CHARS} characters.")));
        }
    }
    if FIELDS_MAX < draft.field_ids.len() {
        return Err(Error::invalid("field_ids", format!("Longer than maximum length {FIELDS_MAX}.")));
    }
    if CONDITIONS_MAX < draft.conditions.len() {
        return Err(Error::invalid("conditions", format!("Longer than maximum length {CONDITIONS_MAX}.")));
    }
    let fields = read_many(tx, &draft.field_ids).await?;
    for (at, id) in draft.field_ids.iter().enumerate() {
        if draft.field_ids[..at].contains(id) {
            return Err(Error::invalid(format!("field_ids.{at}"), "Is there twice."));
        }
        if !fields.iter().any(|field| field.id == *id && field.carrier == Carrier::Ticket) {
            return Err(Error::invalid(format!("field_ids.{at}"), "No custom field of tickets has this id."));
        }
    }
    for (at, condition) in draft.conditions.iter().enumerate() {
        let Some(field) = fields.iter().find(|field| field.id == condition.field_id) else {
            return Err(Error::invalid(format!("conditions.{at}.field_id"), "Not a field of this form."));
        };
        if !matches!(field.input.read(&condition.value), Ok(Some(_))) {
            return Err(Error::invalid(format!("conditions.{at}.value"), "Not a value of this field."));
        }
        for (place, shown) in condition.shows.iter().enumerate() {
            if !draft.field_ids.contains(&shown.field_id) || shown.field_id == condition.field_id {
                let path = format!("conditions.{at}.shows.{place}.field_id");
                return Err(Error::invalid(path, "Not another field of this form."));
            }
        }
    }
    Ok(())
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = Change { kind, object_type: "TicketForm", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custom_fields::FieldValue;

    fn form(field_ids: &[i64], conditions: Vec<FormCondition>) -> TicketForm {
        TicketForm {
            id: 1,
            name: "Return".to_owned(),
            display_name: None,
            shown_to_customers: true,
            active: true,
            is_default: false,
            position: 0,
            field_ids: field_ids.to_vec(),
            conditions,
        }
    }

    fn shows(field_id: i64, value: &str, shown: i64, required: bool) -> FormCondition {
        FormCondition { field_id, value: json!(value), shows: vec![ShownField { field_id: shown, required }] }
    }

    fn values(all: &[(i64, &str)]) -> Values {
        all.iter().map(|(id, text)| (*id, FieldValue::Text((*text).to_owned()))).collect()
    }

    #[test]
    fn a_conditional_field_shows_only_while_its_condition_holds() {
        let form = form(&[1, 2, 3], vec![shows(1, "Damaged", 2, true), shows(2, "Glass", 3, false)]);

        assert_eq!(form.shown(&Values::new()), [(1, false)]);
        assert_eq!(form.shown(&values(&[(1, "Damaged")])), [(1, false), (2, true)]);
        assert_eq!(form.shown(&values(&[(1, "Damaged"), (2, "Glass")])), [(1, false), (2, true), (3, false)]);
        // The second condition's own field is not shown, so it does not hold.
        assert_eq!(form.shown(&values(&[(1, "Late"), (2, "Glass")])), [(1, false)]);
    }

    #[test]
    fn conditions_in_a_circle_show_nothing_and_end() {
        let form = form(&[1, 2], vec![shows(1, "A", 2, true), shows(2, "A", 1, true)]);

        assert_eq!(form.shown(&values(&[(1, "A"), (2, "A")])), []);
    }
}

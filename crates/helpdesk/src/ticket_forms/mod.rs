//! Ticket forms: which custom fields a kind of request asks for, in which order, and when.
//!
//! A condition shows further fields, and may require them, while another field of the form has a certain value. Here is what a form is, and
//! reading them; creating and changing: `write.rs`; which of the account's own statuses a form offers: `statuses.rs`.
//!
//! A form says what is asked for. What a ticket is given is not refused for its sake, but for solving it where what is required is missing:
//! `tickets/solving.rs`.

pub mod statuses;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, CustomFields, Resource};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::custom_fields::{CustomField, Requirement, Values, read_many};

pub use write::{copy, create, delete, reorder, update};

/// Longest name, in characters.
pub const NAME_MAX_CHARS: usize = 255;
/// What every ticket has, as a form may name it between its fields.
pub const BUILT_IN: &[&str] = &["subject", "description", "status", "type", "priority", "team", "assignee"];

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
    /// Where what every ticket has stands among all fields of the form, with its word of `BUILT_IN`, in order.
    pub built_in: Vec<(usize, String)>,
    pub conditions: Vec<FormCondition>,
    /// The same for customers.
    pub customer_conditions: Vec<FormCondition>,
    /// Else it is for `brand_ids` alone.
    pub in_all_brands: bool,
    pub brand_ids: Vec<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// While the parent has `value`, `shows` are asked too. They are asked only then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormCondition {
    #[serde(flatten)]
    pub parent: Parent,
    /// Of a field of several choices: one of them.
    pub value: Json,
    pub shows: Vec<ShownField>,
}

/// What a condition hangs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parent {
    #[serde(rename = "field_id")]
    Field(i64),
    /// What every ticket has: one of `PARENTS`.
    #[serde(rename = "built_in")]
    BuiltIn(String),
}

/// What every ticket has and conditions can hang on, by its word of `BUILT_IN`.
pub const PARENTS: &[&str] = &["status", "type", "priority"];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownField {
    pub field_id: i64,
    pub required: bool,
    /// Required in these statuses alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_on: Option<RequiredOn>,
}

/// Statuses in which a field is required.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RequiredOn {
    /// Our words for them.
    pub statuses: Vec<String>,
    pub custom_status_ids: Vec<i64>,
}

/// A form as it is to be, whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FormDraft {
    pub name: String,
    pub display_name: Option<String>,
    pub shown_to_customers: bool,
    pub active: bool,
    pub is_default: bool,
    pub position: i64,
    pub field_ids: Vec<i64>,
    /// None: all of it, before the other fields.
    pub built_in: Option<Vec<(usize, String)>>,
    pub conditions: Vec<FormCondition>,
    pub customer_conditions: Vec<FormCondition>,
    /// None: it is for all brands.
    pub brand_ids: Option<Vec<i64>>,
}

/// Which forms. The default is all of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which<'a> {
    pub ids: Option<&'a [i64]>,
    pub active: Option<bool>,
    pub shown_to_customers: Option<bool>,
    pub brand_id: Option<i64>,
    /// The default form where no other is left.
    pub or_default: bool,
}

/// What is known of a ticket that a form asks about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    pub values: Values,
    /// By the words of `PARENTS`.
    pub built_in: BTreeMap<&'static str, String>,
    pub custom_status_id: Option<i64>,
}

/// A field that a form asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub field: CustomField,
    pub required: bool,
}

/// All forms by position: an account has few. Served by `ticket_forms_by_position`.
pub async fn list(tx: &mut Tx, _may: &CanRead<CustomFields>) -> Result<Vec<TicketForm>, Error> {
    read_all(tx).await
}

/// Forms by position, as far as they are asked for.
pub async fn some(tx: &mut Tx, _may: &CanRead<CustomFields>, which: &Which<'_>) -> Result<Vec<TicketForm>, Error> {
    Ok(chosen(read_all(tx).await?, which))
}

/// Those of them that customers may see. Needs no permit: whoever writes to us is shown them.
pub async fn for_customers(tx: &mut Tx, which: &Which<'_>) -> Result<Vec<TicketForm>, Error> {
    let mut forms = read_all(tx).await?;
    forms.retain(|form| form.active && form.shown_to_customers);
    Ok(chosen(forms, which))
}

/// These forms beside what refers to them. Whoever may read the one may see the other.
pub async fn beside<R: Resource, A: Access>(
    tx: &mut Tx,
    _may: &Permit<R, A>,
    ids: &[i64],
) -> Result<Vec<TicketForm>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(chosen(read_all(tx).await?, &Which { ids: Some(ids), ..Which::default() }))
}

fn chosen(mut forms: Vec<TicketForm>, which: &Which<'_>) -> Vec<TicketForm> {
    let default = forms.iter().find(|form| form.is_default).cloned();
    forms.retain(|form| {
        which.ids.is_none_or(|ids| ids.contains(&form.id))
            && which.active.is_none_or(|active| form.active == active)
            && which.shown_to_customers.is_none_or(|shown| form.shown_to_customers == shown)
            && which.brand_id.is_none_or(|brand_id| form.is_for(brand_id))
    });
    if which.or_default && !forms.iter().any(|form| form.active && form.shown_to_customers) {
        forms.extend(default.filter(|default| forms.iter().all(|form| form.id != default.id)));
    }
    forms
}

/// Those that tickets may be given, in their order.
pub(crate) async fn active(tx: &mut Tx) -> Result<Vec<TicketForm>, Error> {
    let mut forms = read_all(tx).await?;
    forms.retain(|form| form.active);
    Ok(forms)
}

async fn read_all(tx: &mut Tx) -> Result<Vec<TicketForm>, Error> {
    let rows = tx.rows(concat!(select_forms!(), " order by f.position, f.id"), &[]).await?;
    let mut forms = rows.iter().map(TicketForm::from_row).collect::<Result<Vec<_>, _>>()?;
    if forms.is_empty() {
        return Ok(forms);
    }
    let fields = "select form_id, field_id as id from ticket_form_fields order by form_id, position";
    for (form_id, id) in pairs(tx.rows(fields, &[]).await?)? {
        if let Some(form) = forms.iter_mut().find(|form| form.id == form_id) {
            form.field_ids.push(id);
        }
    }
    let brands = "select form_id, brand_id as id from ticket_form_brands order by form_id, brand_id";
    for (form_id, id) in pairs(tx.rows(brands, &[]).await?)? {
        if let Some(form) = forms.iter_mut().find(|form| form.id == form_id) {
            form.brand_ids.push(id);
        }
    }
    Ok(forms)
}

fn pairs(rows: Vec<Row>) -> Result<Vec<(i64, i64)>, Error> {
    rows.iter().map(|row| Ok((row.int("form_id")?, row.int("id")?))).collect()
}

/// The form with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<CustomFields>, id: i64) -> Result<TicketForm, Error> {
    read(tx, id).await
}

/// The form that was just written.
pub async fn written(tx: &mut Tx, _may: &CanWrite<CustomFields>, id: i64) -> Result<TicketForm, Error> {
    read(tx, id).await
}

/// Behind all forms that there are.
pub async fn next_position(tx: &mut Tx, _may: &CanWrite<CustomFields>) -> Result<i64, Error> {
    let row = tx.row("select coalesce(max(position), 0) as last from ticket_forms", &[]).await?;
    Ok(row.ok_or(StoreError::Column("last"))?.int("last")?.saturating_add(1))
}

/// The fields that conditions of these forms hang on, in no order. Needs no permit: a form tells what its conditions ask.
pub async fn parents(tx: &mut Tx, forms: &[TicketForm]) -> Result<Vec<CustomField>, Error> {
    let conditions = forms.iter().flat_map(|form| form.conditions.iter().chain(&form.customer_conditions));
    let ids: BTreeSet<i64> = conditions
        .filter_map(|condition| match condition.parent {
            Parent::Field(id) => Some(id),
            Parent::BuiltIn(_) => None,
        })
        .collect();
    read_many(tx, &ids.into_iter().collect::<Vec<_>>()).await
}

/// The fields that a form asks for while a ticket is so, in the form's order; archived ones are left out.
/// `Invalid` never: a value that no condition knows shows nothing more.
pub async fn asked(
    tx: &mut Tx,
    _may: &CanRead<CustomFields>,
    form: &TicketForm,
    answers: &Answers,
) -> Result<Vec<Asked>, Error> {
    asked_by(tx, form, &STAFF, answers).await
}

/// Whose conditions of a form count, and what the form need not say is required.
struct Asker {
    conditions: fn(&TicketForm) -> &[FormCondition],
    requires: fn(&CustomField) -> bool,
}

const STAFF: Asker =
    Asker { conditions: |form| &form.conditions, requires: |field| field.requirement == Requirement::Required };
const CUSTOMERS: Asker =
    Asker { conditions: |form| &form.customer_conditions, requires: |field| field.details.required_for_customers };

/// What the form with this id asks for, or else the default one that is in use. None where there is none.
pub(crate) async fn asked_of_ticket(
    tx: &mut Tx,
    form_id: Option<i64>,
    answers: &Answers,
) -> Result<Option<Vec<Asked>>, Error> {
    asked_with(tx, form_id, &STAFF, answers).await
}

/// The same of a customer who fills in the form.
pub(crate) async fn asked_of_customer(
    tx: &mut Tx,
    form_id: Option<i64>,
    answers: &Answers,
) -> Result<Option<Vec<Asked>>, Error> {
    asked_with(tx, form_id, &CUSTOMERS, answers).await
}

async fn asked_with(
    tx: &mut Tx,
    form_id: Option<i64>,
    asker: &Asker,
    answers: &Answers,
) -> Result<Option<Vec<Asked>>, Error> {
    let form_id = match form_id {
        Some(id) => Some(id),
        None => {
            let row = tx.row("select id from ticket_forms where is_default = 1 and active = 1", &[]).await?;
            row.map(|row| row.int("id")).transpose()?
        }
    };
    match form_id {
        Some(id) => {
            let form = read(tx, id).await?;
            asked_by(tx, &form, asker, answers).await.map(Some)
        }
        None => Ok(None),
    }
}

async fn asked_by(tx: &mut Tx, form: &TicketForm, asker: &Asker, answers: &Answers) -> Result<Vec<Asked>, Error> {
    let fields = read_many(tx, &form.field_ids).await?;
    let shown = form.shown((asker.conditions)(form), answers);
    let in_order = form.field_ids.iter().filter_map(|id| fields.iter().find(|field| field.id == *id));
    let asked = in_order.filter(|field| field.archived_at.is_none()).filter_map(|field| {
        let (_, required) = shown.iter().find(|(id, _)| *id == field.id)?;
        Some(Asked { required: *required || (asker.requires)(field), field: field.clone() })
    });
    Ok(asked.collect())
}

impl ShownField {
    fn is_required(&self, answers: &Answers) -> bool {
        let status = answers.built_in.get("status");
        let is_on = |on: &RequiredOn| {
            status.is_some_and(|status| on.statuses.contains(status))
                || answers.custom_status_id.is_some_and(|id| on.custom_status_ids.contains(&id))
        };
        self.required || self.required_on.as_ref().is_some_and(is_on)
    }
}

impl TicketForm {
    /// Which fields show while a ticket is so, and whether one of these conditions requires them. A field that conditions speak of shows only
    /// where one of them holds, and a condition holds only while its own field shows; what every ticket has always does.
    fn shown(&self, conditions: &[FormCondition], answers: &Answers) -> Vec<(i64, bool)> {
        let conditional: BTreeSet<i64> =
            conditions.iter().flat_map(|condition| condition.shows.iter().map(|it| it.field_id)).collect();
        let mut shown: Vec<(i64, bool)> =
            self.field_ids.iter().filter(|id| !conditional.contains(id)).map(|id| (*id, false)).collect();
        // Each round shows what hangs on the round before; fields are few, and none is added twice, so it ends.
        loop {
            let before = shown.clone();
            for condition in conditions {
                let holds = match &condition.parent {
                    Parent::Field(field_id) => {
                        shown.iter().any(|(id, _)| id == field_id)
                            && answers.values.get(field_id).is_some_and(|value| value.is(&condition.value))
                    }
                    Parent::BuiltIn(word) => {
                        answers.built_in.get(word.as_str()).is_some_and(|value| condition.value == **value)
                    }
                };
                for more in condition.shows.iter().filter(|_| holds) {
                    let is_required = more.is_required(answers);
                    match shown.iter_mut().find(|(id, _)| *id == more.field_id) {
                        Some((_, required)) => *required |= is_required,
                        None if self.field_ids.contains(&more.field_id) => shown.push((more.field_id, is_required)),
                        None => {}
                    }
                }
            }
            if shown == before {
                return shown;
            }
        }
    }

    /// Whether tickets of this brand may have it.
    pub fn is_for(&self, brand_id: i64) -> bool {
        self.in_all_brands || self.brand_ids.contains(&brand_id)
    }

    /// As it stands, to be changed.
    pub fn draft(&self) -> FormDraft {
        FormDraft {
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            shown_to_customers: self.shown_to_customers,
            active: self.active,
            is_default: self.is_default,
            position: self.position,
            field_ids: self.field_ids.clone(),
            built_in: Some(self.built_in.clone()),
            conditions: self.conditions.clone(),
            customer_conditions: self.customer_conditions.clone(),
            brand_ids: (!self.in_all_brands).then(|| self.brand_ids.clone()),
        }
    }

    /// Without its fields and brands.
    fn from_row(row: &Row) -> Result<TicketForm, Error> {
        let conditions = |column: &'static str| -> Result<Vec<FormCondition>, Error> {
            match row.json(column)? {
                Some(stored) => Ok(serde_json::from_value(stored).map_err(|_| StoreError::Column(column))?),
                None => Ok(Vec::new()),
            }
        };
        let built_in = match row.json("built_in")? {
            Some(stored) => serde_json::from_value(stored).map_err(|_| StoreError::Column("built_in"))?,
            None => BUILT_IN.iter().map(|word| (*word).to_owned()).enumerate().collect(),
        };
        Ok(TicketForm {
            id: row.int("id")?,
            name: row.text("name")?,
            display_name: row.text_or_null("display_name")?,
            shown_to_customers: row.flag("shown_to_customers")?,
            active: row.flag("active")?,
            is_default: row.flag("is_default")?,
            position: row.int("position")?,
            field_ids: Vec::new(),
            built_in,
            conditions: conditions("conditions")?,
            customer_conditions: conditions("customer_conditions")?,
            in_all_brands: row.flag("in_all_brands")?,
            brand_ids: Vec::new(),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    /// What events tell of a form.
    fn facts(&self) -> Json {
        json!({
            "name": self.name, "display_name": self.display_name, "shown_to_customers": self.shown_to_customers,
            "active": self.active, "is_default": self.is_default, "position": self.position, "field_ids": self.field_ids,
            "built_in": self.built_in, "conditions": self.conditions, "customer_conditions": self.customer_conditions,
            "in_all_brands": self.in_all_brands, "brand_ids": self.brand_ids,
        })
    }
}

macro_rules! select_forms {
    () => {
        "select f.id, f.name, f.display_name, f.shown_to_customers, f.active, f.is_default, f.position, f.conditions,
                f.customer_conditions, f.built_in, f.in_all_brands, f.created_at, f.updated_at
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
    let sql = "select brand_id from ticket_form_brands where form_id = $1 order by brand_id";
    for row in tx.rows(sql, &[id.into()]).await? {
        form.brand_ids.push(row.int("brand_id")?);
    }
    Ok(form)
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
            built_in: Vec::new(),
            conditions,
            customer_conditions: Vec::new(),
            in_all_brands: true,
            brand_ids: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn shows(field_id: i64, value: &str, shown: i64, required: bool) -> FormCondition {
        FormCondition {
            parent: Parent::Field(field_id),
            value: json!(value),
            shows: vec![ShownField { field_id: shown, required, required_on: None }],
        }
    }

    fn values(all: &[(i64, &str)]) -> Answers {
        let values = all.iter().map(|(id, text)| (*id, FieldValue::Text((*text).to_owned()))).collect();
        Answers { values, ..Answers::default() }
    }

    #[test]
    fn a_conditional_field_shows_only_while_its_condition_holds() {
        let form = form(&[1, 2, 3], vec![shows(1, "Damaged", 2, true), shows(2, "Glass", 3, false)]);

        assert_eq!(form.shown(&form.conditions, &Answers::default()), [(1, false)]);
        assert_eq!(form.shown(&form.conditions, &values(&[(1, "Damaged")])), [(1, false), (2, true)]);
        assert_eq!(
            form.shown(&form.conditions, &values(&[(1, "Damaged"), (2, "Glass")])),
            [(1, false), (2, true), (3, false)]
        );
        // The second condition's own field is not shown, so it does not hold.
        assert_eq!(form.shown(&form.conditions, &values(&[(1, "Late"), (2, "Glass")])), [(1, false)]);
    }

    #[test]
    fn a_condition_hangs_on_one_of_several_choices_or_on_what_every_ticket_has() {
        let stored = json!({ "field_id": 1, "value": "Glass", "shows": [{ "field_id": 2, "required": false }] });
        let of_choices: FormCondition = serde_json::from_value(stored.clone()).unwrap();
        let required_on = Some(RequiredOn { statuses: vec!["solved".to_owned()], custom_status_ids: vec![7] });
        let of_type = FormCondition {
            parent: Parent::BuiltIn("type".to_owned()),
            value: json!("task"),
            shows: vec![ShownField { field_id: 3, required: false, required_on }],
        };
        assert_eq!(json!(of_choices), stored);
        assert_eq!(json!(of_type)["built_in"], "type");
        let form = form(&[1, 2, 3], vec![of_choices, of_type]);
        let mut answers = Answers::default();
        answers.values.insert(1, FieldValue::Texts(vec!["Wood".to_owned(), "Glass".to_owned()]));

        assert_eq!(form.shown(&form.conditions, &answers), [(1, false), (2, false)]);
        answers.built_in = BTreeMap::from([("type", "task".to_owned()), ("status", "open".to_owned())]);
        assert_eq!(form.shown(&form.conditions, &answers), [(1, false), (2, false), (3, false)]);
        answers.built_in.insert("status", "solved".to_owned());
        assert_eq!(form.shown(&form.conditions, &answers)[2], (3, true));
        answers.built_in.insert("status", "open".to_owned());
        answers.custom_status_id = Some(7);
        assert_eq!(form.shown(&form.conditions, &answers)[2], (3, true));
    }

    #[test]
    fn conditions_in_a_circle_show_nothing_and_end() {
        let form = form(&[1, 2], vec![shows(1, "A", 2, true), shows(2, "A", 1, true)]);

        assert_eq!(form.shown(&form.conditions, &values(&[(1, "A"), (2, "A")])), []);
    }
}

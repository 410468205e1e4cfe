//! Creating, changing, copying, moving and removing forms.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::CustomFields;
use serde_json::{Value as Json, json};
use store::{StoreError, Tx, Value};

use super::{BUILT_IN, FormCondition, FormDraft, NAME_MAX_CHARS, Parent, TicketForm, next_position, read, read_all};
use crate::Error;
use crate::custom_fields::{Carrier, CustomField, read_many};
use crate::events::{self, Change};
use crate::page::Query;
use crate::tickets::{Priority, Status, TicketType};

/// Most forms of an account.
const FORMS_MAX: i64 = 300;
const FIELDS_MAX: usize = 400;
const CONDITIONS_MAX: usize = 1_500;

/// Adds a form; the first one is the default. `Invalid` names what does not fit, `Refused` says that there are too many.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    draft: &FormDraft,
) -> Result<TicketForm, Error> {
    let mut draft = draft.clone();
    let has_default = tx.row("select id from ticket_forms where is_default = 1", &[]).await?.is_some();
    draft.is_default |= !has_default && draft.active;
    check(tx, &draft).await?;
    let count = tx.row("select count(*) as n from ticket_forms", &[]).await?;
    if count.map(|row| row.int("n")).transpose()?.is_some_and(|n| FORMS_MAX <= n) {
        return Err(Error::Refused(format!("There are {FORMS_MAX} forms already, and no room for more.")));
    }
    if draft.is_default {
        tx.run("update ticket_forms set is_default = 0 where is_default = 1", &[]).await?;
    }
    let mut params = columns(&draft);
    params.push(now.into());
    let row = tx
        .row(
            "insert into ticket_forms (name, display_name, shown_to_customers, active, is_default, position, conditions,
                                       customer_conditions, built_in, in_all_brands, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) returning id",
            &params,
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    put_fields_and_brands(tx, id, &draft).await?;
    let form = read(tx, id).await?;
    record(tx, may.actor(), now, ("ticket-form-created", id), (None, Some(form.facts()))).await?;
    Ok(form)
}

/// Makes the form what the draft says. The default form stays the default until another one is made it.
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
    let draft = FormDraft { is_default: draft.is_default || before.is_default, ..draft.clone() };
    check(tx, &draft).await?;
    if draft.is_default {
        tx.run("update ticket_forms set is_default = 0 where is_default = 1 and id <> $1", &[id.into()]).await?;
    }
    let mut params = columns(&draft);
    params.push(id.into());
    tx.run(
        "update ticket_forms set name = $1, display_name = $2, shown_to_customers = $3, active = $4, is_default = $5, position = $6,
                conditions = $7, customer_conditions = $8, built_in = $9, in_all_brands = $10
         where id = $11",
        &params,
    )
    .await?;
    tx.run("delete from ticket_form_fields where form_id = $1", &[id.into()]).await?;
    tx.run("delete from ticket_form_brands where form_id = $1", &[id.into()]).await?;
    put_fields_and_brands(tx, id, &draft).await?;
    let after = read(tx, id).await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    if new == json!({}) {
        return Ok(before);
    }
    tx.run("update ticket_forms set updated_at = $1 where id = $2", &[now.into(), id.into()]).await?;
    record(tx, may.actor(), now, ("ticket-form-updated", id), (Some(old), Some(new))).await?;
    Ok(TicketForm { updated_at: now, ..after })
}

/// Adds a form like this one, behind all others and under the name `name` makes of its name. A copy is never the default.
pub async fn copy(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    id: i64,
    name: impl FnOnce(&str) -> String,
) -> Result<TicketForm, Error> {
    let draft = read(tx, id).await?.draft();
    let position = next_position(tx, may).await?;
    let name = name(&draft.name);
    create(tx, may, now, &FormDraft { name, is_default: false, position, ..draft }).await
}

/// Puts these forms into this order; those that are not named follow in the order they had. `NotFound` for one that is not there.
pub async fn reorder(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    ids: &[i64],
) -> Result<Vec<TicketForm>, Error> {
    let mut forms = read_all(tx).await?;
    if let Some(id) = ids.iter().find(|id| forms.iter().all(|form| form.id != **id)) {
        return Err(Error::NotFound { kind: "ticket form", id: *id });
    }
    // Stable: the others keep their order.
    forms.sort_by_key(|form| ids.iter().position(|id| *id == form.id).unwrap_or(ids.len()));
    for (position, form) in (1_i64..).zip(&mut forms) {
        if form.position == position {
            continue;
        }
        tx.run(
            "update ticket_forms set position = $1, updated_at = $2 where id = $3",
            &[position.into(), now.into(), form.id.into()],
        )
        .await?;
        let told = (Some(json!({ "position": form.position })), Some(json!({ "position": position })));
        record(tx, may.actor(), now, ("ticket-form-updated", form.id), told).await?;
        (form.position, form.updated_at) = (position, now);
    }
    Ok(forms)
}

/// Removes a form. Its tickets keep their values, and lose the form. `InUse` for the default one while there are others.
pub async fn delete(tx: &mut Tx, may: &CanWrite<CustomFields>, now: Timestamp, id: i64) -> Result<(), Error> {
    let form = read(tx, id).await?;
    let others = tx.row("select id from ticket_forms where id <> $1 limit 1", &[id.into()]).await?;
    if form.is_default && others.is_some() {
        let problem = "The default form cannot be deleted: make another one the default first.".to_owned();
        return Err(Error::InUse { kind: "ticket form", id, problem });
    }
    tx.run("delete from ticket_forms where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("ticket-form-deleted", id), (Some(form.facts()), None)).await
}

/// In the order of both statements.
fn columns(draft: &FormDraft) -> Vec<Value> {
    vec![
        draft.name.as_str().into(),
        draft.display_name.as_ref().into(),
        draft.shown_to_customers.into(),
        draft.active.into(),
        draft.is_default.into(),
        draft.position.into(),
        json!(draft.conditions).into(),
        json!(draft.customer_conditions).into(),
        draft.built_in.as_ref().map(|places| json!(places).to_string()).into(),
        draft.brand_ids.is_none().into(),
    ]
}

async fn put_fields_and_brands(tx: &mut Tx, id: i64, draft: &FormDraft) -> Result<(), Error> {
    for (position, field_id) in (0_i64..).zip(&draft.field_ids) {
        tx.run(
            "insert into ticket_form_fields (form_id, field_id, position) values ($1, $2, $3)",
            &[id.into(), (*field_id).into(), position.into()],
        )
        .await?;
    }
    for brand_id in draft.brand_ids.iter().flatten() {
        tx.run(
            "insert into ticket_form_brands (form_id, brand_id) values ($1, $2) on conflict (form_id, brand_id) do nothing",
            &[id.into(), (*brand_id).into()],
        )
        .await?;
    }
    Ok(())
}

async fn check(tx: &mut Tx, draft: &FormDraft) -> Result<(), Error> {
    for (field, text, min) in
        [("name", draft.name.as_str(), 1), ("display_name", draft.display_name.as_deref().unwrap_or_default(), 0)]
    {
        let n_chars = text.trim().chars().count();
        if n_chars < min || NAME_MAX_CHARS < text.chars().count() || text.contains('\0') {
            return Err(Error::invalid(field, format!("Must have {min} to {NAME_MAX_CHARS} characters.")));
        }
    }
    if draft.is_default && !draft.active {
        return Err(Error::invalid("active", "must be true for the default form"));
    }
    if FIELDS_MAX < draft.field_ids.len() {
        return Err(Error::invalid("field_ids", format!("Longer than maximum length {FIELDS_MAX}.")));
    }
    for (_, word) in draft.built_in.iter().flatten() {
        let n_times = draft.built_in.iter().flatten().filter(|(_, other)| other == word).count();
        if !BUILT_IN.contains(&word.as_str()) || 1 < n_times {
            return Err(Error::invalid("field_ids", "Names something that not every ticket has, or names it twice."));
        }
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
    check_conditions(tx, "conditions", draft, (&draft.conditions, &fields)).await?;
    check_conditions(tx, "customer_conditions", draft, (&draft.customer_conditions, &fields)).await?;
    let Some(brand_ids) = draft.brand_ids.as_ref().filter(|ids| !ids.is_empty()) else { return Ok(()) };
    let mut query = Query::new("select id from brands where deleted_at is null");
    query.and_in("id", brand_ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    let known = rows.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?;
    match brand_ids.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(Error::invalid("brand_ids", format!("No brand has the id {id}."))),
        None => Ok(()),
    }
}

async fn check_conditions(
    tx: &mut Tx,
    name: &str,
    draft: &FormDraft,
    (conditions, fields): (&[FormCondition], &[CustomField]),
) -> Result<(), Error> {
    if CONDITIONS_MAX < conditions.len() {
        return Err(Error::invalid(name, format!("Longer than maximum length {CONDITIONS_MAX}.")));
    }
    let mut custom_statuses: Vec<i64> = Vec::new();
    for (at, condition) in conditions.iter().enumerate() {
        let is_value = match &condition.parent {
            Parent::Field(id) => match fields.iter().find(|field| field.id == *id) {
                Some(field) => matches!(field.fit(&condition.value), Ok(Some(_))),
                None => return Err(Error::invalid(format!("{name}.{at}.field_id"), "Not a field of this form.")),
            },
            Parent::BuiltIn(word) => is_value_of(word, condition.value.as_str().unwrap_or_default())
                .ok_or_else(|| Error::invalid(format!("{name}.{at}.field_id"), "Nothing that conditions hang on."))?,
        };
        if !is_value {
            return Err(Error::invalid(format!("{name}.{at}.value"), "Not a value of this field."));
        }
        for (place, shown) in condition.shows.iter().enumerate() {
            let path = |last: &str| format!("{name}.{at}.shows.{place}.{last}");
            if !draft.field_ids.contains(&shown.field_id) || condition.parent == Parent::Field(shown.field_id) {
                return Err(Error::invalid(path("field_id"), "Not another field of this form."));
            }
            let Some(required_on) = &shown.required_on else { continue };
            if required_on.statuses.iter().any(|word| Status::parse(word).is_none()) {
                return Err(Error::invalid(path("required_on"), "Not a status."));
            }
            custom_statuses.extend(&required_on.custom_status_ids);
        }
    }
    custom_statuses.sort_unstable();
    custom_statuses.dedup();
    for id in custom_statuses {
        let sql = "select id from custom_statuses where id = $1 and deleted_at is null";
        if tx.row(sql, &[id.into()]).await?.is_none() {
            return Err(Error::invalid(name, format!("No custom status has the id {id}.")));
        }
    }
    Ok(())
}

/// Whether what every ticket has can have this value. None for what no condition hangs on.
fn is_value_of(word: &str, value: &str) -> Option<bool> {
    match word {
        "status" => Some(Status::parse(value).is_some()),
        "type" => Some(TicketType::parse(value).is_some()),
        "priority" => Some(Priority::parse(value).is_some()),
        _ => None,
    }
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

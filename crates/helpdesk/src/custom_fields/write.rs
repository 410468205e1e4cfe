//! Creating, changing, archiving and moving fields.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::CustomFields;
use store::Tx;

use super::{
    Carrier, CustomField, DESCRIPTION_MAX_CHARS, Details, Input, LABEL_MAX_CHARS, MANAGED_TYPES, PRIORITY_MAX,
    Requirement, keys, read,
};
use crate::Error;
use crate::events::{self, Change};
use crate::page::Query;

/// Most fields of one carrier, archived ones too.
const FIELDS_MAX: i64 = 1_000;

#[derive(Debug, Clone)]
pub struct NewField {
    pub carrier: Carrier,
    pub label: String,
    pub input: Input,
    pub description: Option<String>,
    pub external_id: Option<String>,
    /// None: 0, the end of the list.
    pub priority: Option<i64>,
    pub requirement: Requirement,
    /// One of `MANAGED_TYPES`.
    pub managed_type: Option<String>,
    pub shown_to_customers: bool,
    pub editable_by_customers: bool,
    pub archived_at: Option<Timestamp>,
}

/// What a call changes of a field. None leaves it as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Cannot change: `Invalid` if it differs.
    pub carrier: Option<Carrier>,
    pub label: Option<String>,
    /// Of the same type of data: `Invalid` otherwise. One choice of a field of several is several.
    pub input: Option<Input>,
    pub description: Option<Option<String>>,
    pub external_id: Option<Option<String>>,
    pub priority: Option<i64>,
    pub requirement: Option<Requirement>,
    pub managed_type: Option<Option<String>>,
    pub shown_to_customers: Option<bool>,
    pub editable_by_customers: Option<bool>,
    pub archived_at: Option<Option<Timestamp>>,
}

/// Adds a field. `Invalid` names what does not fit; settings of the input under `definition.input_settings`.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    new: &NewField,
) -> Result<CustomField, Error> {
    add(tx, may, now, new, None).await
}

/// The same with the name that programs have for it. `Taken` if another field of the carrier has it.
pub async fn create_with_key(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    new: &NewField,
    key: &str,
) -> Result<CustomField, Error> {
    keys::check(tx, new.carrier, key).await?;
    add(tx, may, now, new, Some(key)).await
}

async fn add(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    new: &NewField,
    key: Option<&str>,
) -> Result<CustomField, Error> {
    let field = CustomField {
        id: 0,
        carrier: new.carrier,
        external_id: new.external_id.clone(),
        key: key.map(str::to_owned),
        label: new.label.clone(),
        description: new.description.clone(),
        priority: new.priority.unwrap_or_default(),
        requirement: new.requirement,
        managed_type: new.managed_type.clone(),
        input: new.input.clone(),
        shown_to_customers: new.shown_to_customers,
        editable_by_customers: new.editable_by_customers,
        created_at: now,
        updated_at: now,
        archived_at: new.archived_at,
        details: Details::default(),
    };
    check(&field)?;
    let sql = "select count(*) as n from custom_fields where object_type = $1";
    let count = tx.row(sql, &[field.carrier.word().into()]).await?;
    if count.map(|row| row.int("n")).transpose()?.is_some_and(|n| FIELDS_MAX <= n) {
        return Err(Error::Refused(format!("There are {FIELDS_MAX} custom fields already, and no room for more.")));
    }
    let row = tx
        .row(
            "insert into custom_fields (object_type, external_id, label, label_key, description, priority, requirement, managed_type,
                                        data_type, input, shown_to_customers, editable_by_customers, created_at, updated_at,
                                        archived_at, key)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15) returning id",
            &[
                field.carrier.word().into(),
                field.external_id.as_ref().into(),
                field.label.as_str().into(),
                field.label.to_lowercase().into(),
                field.description.as_ref().into(),
                field.priority.into(),
                field.requirement.word().into(),
                field.managed_type.as_ref().into(),
                field.input.data_type().word().into(),
                input_text(&field.input).into(),
                field.shown_to_customers.into(),
                field.editable_by_customers.into(),
                now.into(),
                field.archived_at.into(),
                key.into(),
            ],
        )
        .await?;
    let field = CustomField { id: row.ok_or(store::StoreError::Column("id"))?.int("id")?, ..field };
    record(tx, may.actor(), now, "custom-field-created", &field, None).await?;
    Ok(field)
}

/// Changes what was sent. Values that no longer fit stay until they are set anew.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<CustomField, Error> {
    lock(tx, id).await?;
    let before = read(tx, id).await?;
    let mut after = changed(&before, changes)?;
    if after == before {
        return Ok(after);
    }
    check(&after)?;
    after.updated_at = now;
    save(tx, &after).await?;
    record(tx, may.actor(), now, "custom-field-updated", &after, Some(&before)).await?;
    Ok(after)
}

/// Changes several fields, or none of them. `Invalid` names the place in the list first. The fields are given back in the order sent.
pub async fn update_many(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    all: &[(i64, Changes)],
) -> Result<Vec<CustomField>, Error> {
    // In one order, so that two callers with the same fields never wait for each other in a circle.
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|at| all[*at].0);
    for at in order {
        let (id, changes) = &all[at];
        let updated = update(tx, may, now, *id, changes).await;
        updated.map_err(|error| crate::people::prefixed(&at.to_string(), error))?;
    }
    let mut fields = Vec::with_capacity(all.len());
    for (id, _) in all {
        fields.push(read(tx, *id).await?);
    }
    Ok(fields)
}

/// Moves a field that is not archived one place up or down in its list. At the end of the list nothing happens.
pub async fn move_by(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    id: i64,
    place: Move,
) -> Result<CustomField, Error> {
    let moved = read(tx, id).await?;
    let mut query = Query::new("select f.id, f.priority from custom_fields f where f.archived_at is null");
    query.and("f.object_type =", moved.carrier.word());
    query.sql.push_str(" order by f.priority desc, f.id desc");
    let mut list = Vec::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        list.push((row.int("id")?, row.int("priority")?));
    }
    let at = list.iter().position(|(listed, _)| *listed == id);
    let other = at.and_then(|at| match place {
        Move::Up => at.checked_sub(1),
        Move::Down => Some(at + 1).filter(|other| *other < list.len()),
    });
    let (Some(at), Some(other)) = (at, other) else { return Ok(moved) };
    list.swap(at, other);
    // Priorities may repeat, so the whole list is numbered; after the first time, only two change.
    let first = i64::try_from(list.len()).unwrap_or(PRIORITY_MAX);
    let renumbered: Vec<(i64, Changes)> = (1..=first)
        .rev()
        .zip(list)
        .filter(|(priority, (_, old))| priority != old)
        .map(|(priority, (listed, _))| (listed, Changes { priority: Some(priority), ..Changes::default() }))
        .collect();
    update_many(tx, may, now, &renumbered).await?;
    read(tx, id).await
}

/// Where to in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Up,
    Down,
}

fn changed(before: &CustomField, changes: &Changes) -> Result<CustomField, Error> {
    let mut after = before.clone();
    if changes.carrier.is_some_and(|carrier| carrier != before.carrier) {
        return Err(Error::invalid("object_type", "Cannot be changed."));
    }
    if let Some(input) = &changes.input {
        after.input = match (&before.input, input) {
            // From who knows no field of several choices, and sends it back as one of a single choice.
            (Input::Choices { .. }, Input::Choice { choices, .. }) => Input::Choices { choices: choices.clone() },
            (_, input) => input.clone(),
        };
        if after.input.data_type() != before.input.data_type() {
            return Err(Error::invalid("definition.data_type", "Cannot be changed."));
        }
    }
    after.label = changes.label.clone().unwrap_or(after.label);
    after.description = changes.description.clone().unwrap_or(after.description);
    after.external_id = changes.external_id.clone().unwrap_or(after.external_id);
    after.priority = changes.priority.unwrap_or(after.priority);
    after.requirement = changes.requirement.unwrap_or(after.requirement);
    after.managed_type = changes.managed_type.clone().unwrap_or(after.managed_type);
    after.shown_to_customers = changes.shown_to_customers.unwrap_or(after.shown_to_customers);
    after.editable_by_customers = changes.editable_by_customers.unwrap_or(after.editable_by_customers);
    after.archived_at = changes.archived_at.unwrap_or(after.archived_at);
    Ok(after)
}

fn check(field: &CustomField) -> Result<(), Error> {
    check_text("label", &field.label, 1, LABEL_MAX_CHARS)?;
    check_text("description", field.description.as_deref().unwrap_or_default(), 0, DESCRIPTION_MAX_CHARS)?;
    check_text("external_id", field.external_id.as_deref().unwrap_or_default(), 0, 255)?;
    if !(0..=PRIORITY_MAX).contains(&field.priority) {
        return Err(Error::invalid(
            "priority",
            format!("Must be greater than or equal to 0 and less than or equal to {PRIORITY_MAX}."),
        ));
    }
    if let Some(managed) = &field.managed_type {
        match MANAGED_TYPES.iter().find(|(word, _)| word == managed) {
            Some((_, carrier)) if *carrier == field.carrier => {}
            Some(_) => return Err(Error::invalid("managed_type", "Belongs to another object type.")),
            None => return Err(Error::invalid("managed_type", "There is no such type.")),
        }
    }
    field.input.check().map_err(|error| crate::people::prefixed("definition.input_settings", error))
}

fn check_text(name: &str, text: &str, min: usize, max: usize) -> Result<(), Error> {
    let n_chars = text.trim().chars().count();
    if n_chars < min || max < text.chars().count() || text.contains('\0') {
        return Err(Error::invalid(name, format!("Must have {min} to {max} characters.")));
    }
    Ok(())
}

async fn save(tx: &mut Tx, field: &CustomField) -> Result<(), Error> {
    tx.run(
        "update custom_fields set external_id = $1, label = $2, label_key = $3, description = $4, priority = $5, requirement = $6,
                managed_type = $7, input = $8, shown_to_customers = $9, editable_by_customers = $10, updated_at = $11,
                archived_at = $12
         where id = $13",
        &[
            field.external_id.as_ref().into(),
            field.label.as_str().into(),
            field.label.to_lowercase().into(),
            field.description.as_ref().into(),
            field.priority.into(),
            field.requirement.word().into(),
            field.managed_type.as_ref().into(),
            input_text(&field.input).into(),
            field.shown_to_customers.into(),
            field.editable_by_customers.into(),
            field.updated_at.into(),
            field.archived_at.into(),
            field.id.into(),
        ],
    )
    .await?;
    Ok(())
}

fn input_text(input: &Input) -> String {
    serde_json::json!(input).to_string()
}

/// Holds a field's row until the end of the transaction: of two changes at once, the second sees the first.
pub(super) async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.run("update custom_fields set updated_at = updated_at where id = $1", &[id.into()]).await?;
    Ok(())
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    field: &CustomField,
    before: Option<&CustomField>,
) -> Result<(), Error> {
    let (old, new) = match before {
        Some(before) => {
            let (old, new) = events::difference(before.fields(), field.fields());
            (Some(old), Some(new))
        }
        None => (None, Some(field.fields())),
    };
    let change = Change { kind, object_type: "CustomField", object_id: field.id, before: old, after: new, data: None };
    events::record(tx, actor, now, change).await
}

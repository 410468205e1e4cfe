//! `/api/custom-fields`: what an account wants to know of its tickets and customers besides. There is no DELETE: fields are archived.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::custom_fields::{
    self, CHOICES_MAX, Carrier, Changes, CustomField, DESCRIPTION_MAX_CHARS, FieldValue, Filter, Input,
    LABEL_MAX_CHARS, MANAGED_TYPES, NewField, PRIORITY_MAX, Requirement,
};
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields, Sent};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, time};

const ORDERS: Orders = &["priority:desc", "priority:asc"];
const OBJECTS: &[&str] = &["Ticket", "Customer"];
const DATA_TYPES: &[&str] = &["text", "number", "boolean"];
const REQUIREMENTS: &[&str] = &["visible", "required", "conditional"];
const EXTERNAL_ID_MAX_CHARS: usize = 255;
const CHOICE_MAX_CHARS: usize = 500;
const PLACEHOLDER_MAX_CHARS: usize = 255;
/// Most fields that one call changes.
const FIELDS_MAX: usize = 1_000;

/// `GET /api/custom-fields`
pub async fn list(State(app): State<App>, May(may): May<CanRead<CustomFields>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "custom-fields", ORDERS)?;
    let carrier = params.one_of("object_type", OBJECTS).and_then(carrier_of);
    if carrier.is_none() {
        params.required("object_type");
    }
    let search = params.text("search", LABEL_MAX_CHARS);
    let archived = params.flag("archived").unwrap_or_default();
    params.finish()?;
    let filter = Filter { carrier: carrier.unwrap_or(Carrier::Ticket), search, archived };

    let mut tx = app.db.read().await?;
    let page = custom_fields::list(&mut tx, &may, &filter, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |field| view(&field))))
}

/// `POST /api/custom-fields`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    require_all(&mut fields);
    let sent = changes_of(&mut fields);
    fields.finish()?;
    let new = NewField {
        carrier: sent.carrier.unwrap_or(Carrier::Ticket),
        label: sent.label.unwrap_or_default(),
        input: sent.input.unwrap_or(Input::Text { placeholder: None }),
        description: sent.description.flatten(),
        external_id: sent.external_id.flatten(),
        priority: sent.priority,
        requirement: sent.requirement.unwrap_or(Requirement::Visible),
        managed_type: sent.managed_type.flatten(),
        shown_to_customers: false,
        editable_by_customers: false,
        archived_at: sent.archived_at.flatten(),
    };

    let now = app.clock.now();
    let field = transact!(app.db, |tx| custom_fields::create(tx, &may, now, &new).await)?;
    Ok(created(view(&field)))
}

/// `PUT /api/custom-fields`: a bare array of fields, each with its id and what changes.
pub async fn update_many(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Answer {
    params.finish()?;
    let all = body.items(FIELDS_MAX, |item| (item.required_id("id"), changes_of(item)))?;

    let now = app.clock.now();
    let fields = transact!(app.db, |tx| custom_fields::update_many(tx, &may, now, &all).await)?;
    Ok(Json(fields.iter().map(view).collect()))
}

/// `GET /api/custom-fields/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<CustomFields>>, Id(id): Id, params: Params) -> Answer {
    params.finish()?;
    let mut tx = app.db.read().await?;
    let field = custom_fields::find(&mut tx, &may, id).await?;
    Ok(Json(view(&field)))
}

/// `PUT /api/custom-fields/{id}`: unlike elsewhere, object type, label and definition must be sent again.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    params.finish()?;
    let mut fields = body.fields()?;
    require_all(&mut fields);
    let changes = changes_of(&mut fields);
    fields.finish()?;

    let now = app.clock.now();
    let field = transact!(app.db, |tx| custom_fields::update(tx, &may, now, id, &changes).await)?;
    Ok(Json(view(&field)))
}

fn require_all(fields: &mut Fields) {
    for field in ["object_type", "label", "definition"] {
        fields.require(field);
    }
}

fn changes_of(fields: &mut Fields) -> Changes {
    let managed: Vec<&'static str> = MANAGED_TYPES.iter().map(|(word, _)| *word).collect();
    let required = fields.flag("required");
    let requirement = fields.one_of("requirement_type", REQUIREMENTS).and_then(Requirement::parse);
    Changes {
        carrier: fields.one_of("object_type", OBJECTS).and_then(carrier_of),
        label: fields.text_within("label", 1, LABEL_MAX_CHARS),
        input: read_definition(fields),
        description: fields.text_or_null("description", DESCRIPTION_MAX_CHARS).change(),
        external_id: fields.text_or_null("external_id", EXTERNAL_ID_MAX_CHARS).change(),
        priority: fields.integer_or_null("priority", 0, PRIORITY_MAX).value(),
        // The newer of the two wins: a client that knows both sends both.
        requirement: requirement.or(required.map(|required| match required {
            true => Requirement::Required,
            false => Requirement::Visible,
        })),
        managed_type: fields.one_of_or_null("managed_type", &managed).map(str::to_owned).change(),
        shown_to_customers: None,
        editable_by_customers: None,
        archived_at: fields.time_or_null("deactivated_datetime").change(),
    }
}

/// `definition`: the type of the data, and the settings of the input that goes with it.
fn read_definition(fields: &mut Fields) -> Option<Input> {
    let definition = fields.nested("definition", |definition| {
        definition.require("data_type");
        definition.require("input_settings");
        let data_type = definition.one_of("data_type", DATA_TYPES)?;
        let input = definition.nested("input_settings", |settings| read_settings(settings, data_type));
        if input == Sent::Null {
            definition.problem("input_settings", "Field may not be null.");
        }
        input.value().flatten()
    });
    if definition == Sent::Null {
        fields.problem("definition", "Field may not be null.");
    }
    definition.value().flatten()
}

fn read_settings(settings: &mut Fields, data_type: &str) -> Option<Input> {
    let allowed: &[&str] = match data_type {
        "text" => &["input", "dropdown"],
        "number" => &["input_number"],
        _ => &["dropdown"],
    };
    settings.require("input_type");
    let input_type = settings.one_of("input_type", allowed)?;
    Some(match (data_type, input_type) {
        ("text", "input") => {
            Input::Text { placeholder: settings.text_or_null("placeholder", PLACEHOLDER_MAX_CHARS).value() }
        }
        ("text", _) => {
            settings.require("choices");
            Input::Choice {
                choices: settings.texts("choices", 1, CHOICES_MAX, CHOICE_MAX_CHARS).unwrap_or_default(),
                default: settings.text_or_null("default", CHOICE_MAX_CHARS).value(),
            }
        }
        ("number", _) => Input::Number {
            min: settings.number_or_null("min").value(),
            max: settings.number_or_null("max").value(),
            placeholder: settings.text_or_null("placeholder", PLACEHOLDER_MAX_CHARS).value(),
        },
        _ => Input::Flag {
            choices: settings.flags("choices", 2).unwrap_or_else(|| vec![true, false]),
            default: settings.flag_or_null("default").value(),
        },
    })
}

fn carrier_of(word: &str) -> Option<Carrier> {
    Carrier::ALL.iter().copied().find(|carrier| carrier_word(*carrier) == word)
}

fn carrier_word(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Ticket => "Ticket",
        Carrier::Customer => "Customer",
        // Has no list in this dialect.
        Carrier::Organization => "Organization",
    }
}

pub(crate) fn view(field: &CustomField) -> Value {
    let bound = |bound: &Option<f64>| bound.map(|bound| FieldValue::Number(bound).to_json());
    let (data_type, settings) = match &field.input {
        Input::Text { placeholder } => ("text", json!({ "input_type": "input", "placeholder": placeholder })),
        Input::Choice { choices, default } => {
            ("text", json!({ "input_type": "dropdown", "choices": choices, "default": default }))
        }
        // The nearest there is.
        Input::Choices { choices } => {
            ("text", json!({ "input_type": "dropdown", "choices": choices, "default": null }))
        }
        Input::Number { min, max, placeholder } => (
            "number",
            json!({ "input_type": "input_number", "min": bound(min), "max": bound(max), "placeholder": placeholder }),
        ),
        Input::Flag { choices, default } => {
            ("boolean", json!({ "input_type": "dropdown", "choices": choices, "default": default }))
        }
    };
    json!({
        "id": field.id,
        "external_id": field.external_id,
        "object_type": carrier_word(field.carrier),
        "label": field.label,
        "description": field.description,
        "priority": field.priority,
        "required": field.requirement == Requirement::Required,
        "requirement_type": field.requirement.word(),
        "managed_type": field.managed_type,
        "definition": { "data_type": data_type, "input_settings": settings },
        "created_datetime": time::format(field.created_at),
        "updated_datetime": time::format(field.updated_at),
        "deactivated_datetime": time::format_or_null(field.archived_at),
    })
}

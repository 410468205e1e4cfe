//! `/admin/custom-fields`: what tickets and customers are asked besides, in its order. The form for one field: `custom_field.rs`.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::custom_fields::{
    self, Carrier, Changes, CustomField, Filter, Format, Input, LEVEL_SEPARATOR, Move, Requirement, Target,
};
use helpdesk::page::Slice;
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;
use store::transact;

use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// All that there can be of one carrier.
const LIMIT: usize = 1_000;

#[derive(Template)]
#[template(path = "admin/custom_fields.html")]
pub struct List {
    pub frame: Frame,
    pub carriers: Vec<Tab>,
    pub carrier: &'static str,
    pub fields: Vec<FieldRow>,
    pub archived: Vec<FieldRow>,
}

pub struct Tab {
    pub value: &'static str,
    pub label: &'static str,
    pub is_chosen: bool,
}

pub struct FieldRow {
    pub id: i64,
    pub label: String,
    pub description: Option<String>,
    /// Such as `One of 12 choices`.
    pub kind: String,
    pub requirement: Requirement,
    pub managed: Option<String>,
    pub is_first: bool,
    pub is_last: bool,
}

/// `GET /admin/custom-fields`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<CustomFields>>,
    _admin: BySession<CanWrite<CustomFields>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let carrier = Carrier::parse(query.value("of")).unwrap_or(Carrier::Ticket);
    match read(&app, &may, carrier).await {
        Ok((account, fields, archived)) => {
            let Some(mut frame) = visitor.frame(account, Section::CustomFields, "Custom fields") else {
                return see_other("/login");
            };
            frame.done = done(&query);
            page(StatusCode::OK, &List::new(frame, carrier, &fields, &archived))
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// The account's name, the fields in use, and those that are not.
type Found = (String, Vec<CustomField>, Vec<CustomField>);

async fn read(app: &App, may: &CanRead<CustomFields>, carrier: Carrier) -> Result<Found, Error> {
    let account = account::name(app).await?;
    let mut tx = app.db.read().await?;
    let slice = Slice { limit: LIMIT, from: None };
    let of = |archived| Filter { carrier, search: None, archived };
    let fields = custom_fields::list(&mut tx, may, &of(false), true, &slice).await?.items;
    let archived = custom_fields::list(&mut tx, may, &of(true), true, &slice).await?.items;
    Ok((account, fields, archived))
}

/// `POST /admin/custom-fields/{id}/move`: one place `up` or `down`.
pub async fn move_one(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<CustomFields>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let place = if posted.form.value("to") == "up" { Move::Up } else { Move::Down };
    let now = app.clock.now();
    match transact!(app.db, |tx| custom_fields::move_by(tx, &may, now, id, place).await) {
        Ok(field) => see_other(&format!("/admin/custom-fields?of={}&done=moved", field.carrier.word())),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/custom-fields/{id}/archive`: out of use, or (`restore`) in use again.
pub async fn archive(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<CustomFields>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let now = app.clock.now();
    let is_restored = posted.form.value("what") == "restore";
    let archived_at = Some(Some(now).filter(|_| !is_restored));
    let changes = Changes { archived_at, ..Changes::default() };
    match transact!(app.db, |tx| custom_fields::update(tx, &may, now, id, &changes).await) {
        Ok(field) => {
            let done = if is_restored { "field-restored" } else { "field-archived" };
            see_other(&format!("/admin/custom-fields?of={}&done={done}", field.carrier.word()))
        }
        Err(error) => errors::helpdesk(&error),
    }
}

impl List {
    pub fn new(frame: Frame, carrier: Carrier, fields: &[CustomField], archived: &[CustomField]) -> List {
        let tab = |value: &'static str, label| Tab { value, label, is_chosen: value == carrier.word() };
        let last = fields.len().saturating_sub(1);
        List {
            frame,
            carriers: vec![
                tab("ticket", "Of tickets"),
                tab("customer", "Of customers"),
                tab("organization", "Of organizations"),
            ],
            carrier: carrier.word(),
            fields: fields.iter().enumerate().map(|(at, it)| FieldRow::new(it, at == 0, at == last)).collect(),
            archived: archived.iter().map(|it| FieldRow::new(it, true, true)).collect(),
        }
    }
}

/// How a text is written, in a few words.
const fn text_kind(field: &CustomField) -> &'static str {
    match (field.details.format, field.details.target) {
        (None | Some(Format::Whole), _) => "Text",
        (Some(Format::Area), _) => "Text of several lines",
        (Some(Format::Date), _) => "Date",
        (Some(Format::Pattern), _) => "Text of a pattern",
        (Some(Format::CardEnd), _) => "End of a card number",
        (Some(Format::Reference), Some(Target::Person)) => "User or customer",
        (Some(Format::Reference), Some(Target::Organization)) => "Organization",
        (Some(Format::Reference), Some(Target::Ticket) | None) => "Ticket",
    }
}

impl FieldRow {
    fn new(field: &CustomField, is_first: bool, is_last: bool) -> FieldRow {
        let kind = match &field.input {
            Input::Text { .. } => text_kind(field).to_owned(),
            Input::Choice { choices, .. } if choices.iter().any(|it| it.contains(LEVEL_SEPARATOR)) => {
                format!("One of {} nested choices", choices.len())
            }
            Input::Choice { choices, .. } if choices.len() == 1 => "One choice".to_owned(),
            Input::Choice { choices, .. } => format!("One of {} choices", choices.len()),
            Input::Choices { choices } => format!("Any of {} choices", choices.len()),
            Input::Number { .. } => "Number".to_owned(),
            Input::Flag { .. } => "Yes or no".to_owned(),
        };
        FieldRow {
            id: field.id,
            label: text::shown(&field.label, 80),
            description: field.description.as_deref().map(|it| text::shown(it, 120)),
            kind,
            requirement: field.requirement,
            managed: field.managed_type.as_deref().map(|it| it.replace('_', " ")),
            is_first,
            is_last,
        }
    }
}

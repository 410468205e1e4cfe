//! `/admin/custom-fields/new` and `/admin/custom-fields/{id}`: one form, for adding a field and for changing it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::custom_fields::{
    self, Carrier, Changes, CustomField, FieldValue, Format, Input, NewField, Requirement, Target,
};
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;
use store::transact;

use crate::form::Form;
use crate::pages::{Crumb, Frame, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

#[derive(Template)]
#[template(path = "admin/custom_field.html")]
pub struct FieldForm {
    pub frame: Frame,
    pub form: Form,
    pub action: String,
    /// The field that is changed; none for a new one.
    pub id: Option<i64>,
    pub is_archived: bool,
    /// Of the field that is changed: it stays.
    pub kind: &'static str,
    /// What may be typed, of a text.
    pub texts: String,
}

/// `GET /admin/custom-fields/new`
pub async fn new(
    State(app): State<App>,
    _admin: BySession<CanWrite<CustomFields>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let carrier = Carrier::parse(query.value("of")).unwrap_or(Carrier::Ticket);
    answer(&app, &visitor, StatusCode::OK, blank(carrier), None).await
}

/// `POST /admin/custom-fields`
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<CustomFields>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let carrier = Carrier::parse(form.value("of")).unwrap_or(Carrier::Ticket);
    let label = label_of(&mut form);
    let Some(input) = input_of(&mut form).filter(|_| form.problems.is_empty()) else {
        return answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, None).await;
    };
    let new = NewField {
        carrier,
        label,
        input,
        description: optional(&form, "description"),
        external_id: None,
        priority: None,
        requirement: requirement_of(&form),
        managed_type: None,
        shown_to_customers: form.filled("shown_to_customers").is_some(),
        editable_by_customers: form.filled("editable_by_customers").is_some(),
        archived_at: None,
    };
    let now = app.clock.now();
    match transact!(app.db, |tx| custom_fields::create(tx, &may, now, &new).await) {
        Ok(_) => see_other(&format!("/admin/custom-fields?of={}&done=field-added", carrier.word())),
        Err(error) => refused(&app, &visitor, form, None, error).await,
    }
}

/// `GET /admin/custom-fields/{id}`
pub async fn edit(
    State(app): State<App>,
    BySession(may): BySession<CanRead<CustomFields>>,
    _admin: BySession<CanWrite<CustomFields>>,
    Path(id): Path<i64>,
    visitor: Visitor,
) -> Response {
    match find(&app, &may, id).await {
        Ok(field) => answer(&app, &visitor, StatusCode::OK, filled(&field), Some(&field)).await,
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/custom-fields/{id}`
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<CustomFields>>,
    BySession(may_read): BySession<CanRead<CustomFields>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let field = match find(&app, &may_read, id).await {
        Ok(field) => field,
        Err(error) => return errors::helpdesk(&error),
    };
    let changes = Changes {
        label: Some(label_of(&mut form)),
        input: input_like(&mut form, &field.input),
        description: Some(optional(&form, "description")),
        requirement: Some(requirement_of(&form)),
        shown_to_customers: Some(form.filled("shown_to_customers").is_some()),
        editable_by_customers: Some(form.filled("editable_by_customers").is_some()),
        ..Changes::default()
    };
    if !form.problems.is_empty() {
        return answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, Some(&field)).await;
    }
    let now = app.clock.now();
    match transact!(app.db, |tx| custom_fields::update(tx, &may, now, id, &changes).await) {
        Ok(field) => see_other(&format!("/admin/custom-fields?of={}&done=saved", field.carrier.word())),
        Err(error) => refused(&app, &visitor, form, Some(&field), error).await,
    }
}

async fn find(app: &App, may: &CanRead<CustomFields>, id: i64) -> Result<CustomField, Error> {
    let mut tx = app.db.read().await?;
    custom_fields::find(&mut tx, may, id).await
}

fn label_of(form: &mut Form) -> String {
    let label = form.value("label").trim().to_owned();
    if label.is_empty() {
        form.refuse("label", "Enter a label: it stands beside the field.");
    }
    label
}

fn optional(form: &Form, name: &str) -> Option<String> {
    Some(form.value(name).trim().to_owned()).filter(|value| !value.is_empty())
}

fn requirement_of(form: &Form) -> Requirement {
    Requirement::parse(form.value("requirement")).unwrap_or(Requirement::Visible)
}

fn input_of(form: &mut Form) -> Option<Input> {
    match form.value("kind") {
        "text" => Some(Input::Text { placeholder: None }),
        "choice" => Some(Input::Choice { choices: choices_of(form), default: None }),
        "choices" => Some(Input::Choices { choices: choices_of(form) }),
        "number" => {
            let (min, max) = (number_of(form, "min"), number_of(form, "max"));
            Some(Input::Number { min, max, placeholder: None })
        }
        "flag" => Some(Input::Flag { choices: vec![true, false], default: None }),
        _ => {
            form.refuse("kind", "Choose how it is filled in.");
            None
        }
    }
}

/// The input of a field that is there: its kind stays, and so does what this form does not show.
fn input_like(form: &mut Form, old: &Input) -> Option<Input> {
    match old {
        Input::Text { .. } | Input::Flag { .. } => None,
        Input::Choice { default, .. } => {
            let choices = choices_of(form);
            let default = default.clone().filter(|default| choices.contains(default));
            Some(Input::Choice { choices, default })
        }
        Input::Choices { .. } => Some(Input::Choices { choices: choices_of(form) }),
        Input::Number { placeholder, .. } => {
            let (min, max) = (number_of(form, "min"), number_of(form, "max"));
            Some(Input::Number { min, max, placeholder: placeholder.clone() })
        }
    }
}

/// One a line.
fn choices_of(form: &mut Form) -> Vec<String> {
    let lines = form.value("choices").lines().map(|line| line.trim().to_owned());
    let choices: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    if choices.is_empty() {
        form.refuse("choices", "Enter at least one choice.");
    }
    choices
}

fn number_of(form: &mut Form, name: &'static str) -> Option<f64> {
    let typed = form.value(name).trim().replace(',', ".");
    if typed.is_empty() {
        return None;
    }
    let number = typed.parse().ok().filter(|number: &f64| number.is_finite());
    if number.is_none() {
        form.refuse(name, "Enter a number, or leave it empty.");
    }
    number
}

pub fn blank(carrier: Carrier) -> Form {
    let values = [("of", carrier.word()), ("kind", "choice"), ("requirement", "visible")];
    Form::new(values.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

/// The form as the field is now.
pub fn filled(field: &CustomField) -> Form {
    let mut values = vec![
        ("of", field.carrier.word().to_owned()),
        ("label", field.label.clone()),
        ("description", field.description.clone().unwrap_or_default()),
        ("requirement", field.requirement.word().to_owned()),
    ];
    match &field.input {
        Input::Choice { choices, .. } | Input::Choices { choices } => values.push(("choices", choices.join("\n"))),
        Input::Number { min, max, .. } => {
            let shown = |bound: &Option<f64>| bound.map(|it| FieldValue::Number(it).to_json().to_string());
            values.push(("min", shown(min).unwrap_or_default()));
            values.push(("max", shown(max).unwrap_or_default()));
        }
        Input::Text { .. } | Input::Flag { .. } => {}
    }
    let ticks =
        [("shown_to_customers", field.shown_to_customers), ("editable_by_customers", field.editable_by_customers)];
    values.extend(ticks.into_iter().filter(|(_, on)| *on).map(|(name, _)| (name, "1".to_owned())));
    Form::new(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What may be typed into a field that is filled in with a text.
fn texts_said(field: &CustomField) -> String {
    match (field.details.format, &field.details.pattern) {
        (Some(Format::Date), _) => "A date.".to_owned(),
        (Some(Format::CardEnd), _) => {
            "The number of a payment card, of which the last four digits are kept.".to_owned()
        }
        (Some(Format::Reference), _) => match field.details.target {
            Some(Target::Person) => "A user or a customer, by id.".to_owned(),
            Some(Target::Organization) => "An organization, by id.".to_owned(),
            Some(Target::Ticket) | None => "A ticket, by id.".to_owned(),
        },
        (Some(Format::Pattern), Some(pattern)) => {
            format!("A text with this pattern in it: {}", text::shown(pattern, 200))
        }
        _ => "Any text.".to_owned(),
    }
}

async fn refused(app: &App, visitor: &Visitor, mut form: Form, field: Option<&CustomField>, error: Error) -> Response {
    let Error::Invalid { field: place, problem } = error else { return errors::helpdesk(&error) };
    let (element, line) = match place.strip_prefix("definition.input_settings.") {
        Some(setting) if setting.starts_with("choices") => {
            let line = setting.strip_prefix("choices.").and_then(|at| at.parse::<usize>().ok());
            ("choices", line.map(|at| format!("Choice {}: ", at + 1)))
        }
        Some("min") => ("min", None),
        Some(_) => ("max", None),
        None if place == "description" => ("description", None),
        None => ("label", None),
    };
    form.refuse(element, format!("{}{problem}", line.unwrap_or_default()));
    answer(app, visitor, StatusCode::UNPROCESSABLE_ENTITY, form, field).await
}

async fn answer(app: &App, visitor: &Visitor, status: StatusCode, form: Form, field: Option<&CustomField>) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let title = field.map_or("Add a field".to_owned(), |field| text::shown(&field.label, 60));
    let Some(frame) = visitor.frame(account, Section::CustomFields, &title) else { return see_other("/login") };
    page(status, &FieldForm::new(frame, form, field))
}

impl FieldForm {
    pub fn new(mut frame: Frame, form: Form, field: Option<&CustomField>) -> FieldForm {
        let carrier = Carrier::parse(form.value("of")).unwrap_or(Carrier::Ticket);
        let href = format!("/admin/custom-fields?of={}", carrier.word());
        frame.crumbs = vec![Crumb { href, label: "Custom fields".to_owned() }];
        FieldForm {
            frame,
            action: field.map_or("/admin/custom-fields".to_owned(), |it| format!("/admin/custom-fields/{}", it.id)),
            id: field.map(|it| it.id),
            is_archived: field.is_some_and(|it| it.archived_at.is_some()),
            kind: field.map_or("", |field| match field.input {
                Input::Choice { .. } => "choice",
                Input::Choices { .. } => "choices",
                Input::Text { .. } => "text",
                Input::Number { .. } => "number",
                Input::Flag { .. } => "flag",
            }),
            texts: field.map_or_else(String::new, texts_said),
            form,
        }
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.form.value(name) == value
    }
}

//! `/api/rules`: programs that handle tickets by themselves. The code is kept as it came and read into our steps (`gorgias-code`); what our
//! steps cannot say is refused with its place.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use gorgias_code::{code_of, estree};
use helpdesk::rules::write::{self, DESCRIPTION_MAX_CHARS, NAME_MAX_CHARS, NewRule, PRIORITY_MAX, RuleUpdate};
use helpdesk::rules::{self, Rule};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Rules;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields, ID_MAX, Sent};
use crate::page::{Asked, LIMIT_MAX, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc"];

/// What a rule runs on if nobody says.
const EVENT_TYPES_DEFAULT: &str = "ticket-created";
/// Longest list of events, in characters.
const EVENT_TYPES_MAX_CHARS: usize = 1_000;
/// Most rules that one call reorders.
const PRIORITIES_MAX: usize = 1_000;

/// `GET /api/rules`. Quirk: pages are of 100 unless told.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Rules>>, mut params: Params) -> Answer {
    let asked = Asked::read_by(&mut params, "rules", ORDERS, LIMIT_MAX)?;
    params.finish()?;

    let mut tx = app.db.read().await?;
    let page = rules::list(&mut tx, &may, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |rule| view(&rule))))
}

/// `POST /api/rules`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Rules>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    let name = fields.required_text("name", 1, NAME_MAX_CHARS);
    let description = fields.text_or_null("description", DESCRIPTION_MAX_CHARS).value();
    let code = fields.required_text("code", 0, gorgias_code::LENGTH_MAX_CHARS);
    let read = read_code(&mut fields, &code);
    check_ast(&mut fields, read.as_ref(), None);
    let event_kinds = event_types(&mut fields).unwrap_or_else(|| vec![EVENT_TYPES_DEFAULT.to_owned()]);
    let priority = fields.integer("priority", -PRIORITY_MAX, PRIORITY_MAX);
    let deactivated_at = fields.time_or_null("deactivated_datetime").value();
    fields.finish()?;

    let steps = read.map(|read| read.steps).unwrap_or_default();
    let new = NewRule {
        name,
        description,
        category: None,
        category_id: None,
        source: code,
        steps,
        event_kinds,
        priority,
        deactivated_at,
    };
    let now = app.clock.now();
    let rule = transact!(app.db, |tx| write::create(tx, &may, now, new.clone()).await)?;
    Ok(created(view(&rule)))
}

/// `GET /api/rules/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Rules>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let rule = rules::find(&mut tx, &may, id).await?;
    Ok(Json(view(&rule)))
}

/// `PUT /api/rules/{id}`
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Rules>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.fields()?;
    let name = fields.text_within("name", 1, NAME_MAX_CHARS);
    let description = fields.text_or_null("description", DESCRIPTION_MAX_CHARS).change();
    let code = fields.text_within("code", 0, gorgias_code::LENGTH_MAX_CHARS);
    let read = code.as_deref().and_then(|code| read_code(&mut fields, code));
    let stored = {
        let mut tx = app.db.read().await?;
        code_of(&write::to_change(&mut tx, &may, id).await?)
    };
    if fields.was_sent("code_ast") {
        // Whoever read a rule, changed its code and sends the whole back has the tree of the code as it was.
        check_ast(&mut fields, read.as_ref(), Some(&stored));
    }
    let event_kinds = event_types(&mut fields);
    let priority = fields.integer("priority", -PRIORITY_MAX, PRIORITY_MAX);
    let deactivated_at = fields.time_or_null("deactivated_datetime").change();
    fields.finish()?;

    // The code of a rule that was made in other words says no more than those: sent back as it is, it changes nothing.
    let program = code.filter(|code| *code != stored).zip(read.map(|read| read.steps));
    let update =
        RuleUpdate { name, description, program, event_kinds, priority, deactivated_at, ..RuleUpdate::default() };
    let now = app.clock.now();
    let rule = transact!(app.db, |tx| write::update(tx, &may, now, id, update.clone()).await)?;
    Ok(Json(view(&rule)))
}

/// `DELETE /api/rules/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Rules>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| write::delete(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `POST /api/rules/priorities`. Quirk: answers a bare array.
pub async fn set_priorities(State(app): State<App>, May(may): May<CanWrite<Rules>>, body: Body) -> Answer {
    let mut fields = body.fields()?;
    fields.require("priorities");
    let asked = fields.each("priorities", PRIORITIES_MAX, |one| {
        one.require("id");
        one.require("priority");
        let id = one.integer("id", 1, ID_MAX).unwrap_or_default();
        (id, one.integer("priority", -PRIORITY_MAX, PRIORITY_MAX).unwrap_or_default())
    });
    let asked = asked.unwrap_or_default();
    if asked.is_empty() && fields.was_sent("priorities") && !fields.has_problems() {
        fields.problem("priorities", "Shorter than minimum length 1.");
    }
    fields.finish()?;

    let now = app.clock.now();
    let rules = transact!(app.db, |tx| write::set_priorities(tx, &may, now, &asked).await)?;
    Ok(Json(rules.iter().map(view).collect()))
}

fn read_code(fields: &mut Fields, code: &str) -> Option<gorgias_code::Rule> {
    match gorgias_code::rule(code) {
        Ok(rule) => Some(rule),
        Err(error) => {
            fields.problem("code", error.to_string());
            None
        }
    }
}

/// A tree that comes with the code must be the code's, or, if the code is not sent or is changed, that of the code as it was.
fn check_ast(fields: &mut Fields, read: Option<&gorgias_code::Rule>, stored: Option<&str>) {
    let Sent::Value(ast) = fields.object_or_null("code_ast") else { return };
    let is_of = |program: &gorgias_code::Program| estree::says_the_same(&ast, program);
    let is_of_new = read.is_some_and(|read| is_of(&read.program));
    let is_of_old = stored.and_then(|code| gorgias_code::parse(code).ok()).is_some_and(|program| is_of(&program));
    if !is_of_new && !is_of_old && !fields.has_problems() {
        fields.problem("code_ast", "Is not the tree of the code.");
    }
}

/// Words separated by commas.
fn event_types(fields: &mut Fields) -> Option<Vec<String>> {
    let text = fields.text("event_types", EVENT_TYPES_MAX_CHARS)?;
    let kinds: Vec<String> =
        text.split(',').map(|kind| kind.trim().to_owned()).filter(|kind| !kind.is_empty()).collect();
    let is_known = |kind: &String| rules::EVENT_KINDS.contains(&kind.as_str());
    if kinds.is_empty() || !kinds.iter().all(is_known) {
        fields.problem("event_types", format!("Must be of: {}.", rules::EVENT_KINDS.join(", ")));
    }
    Some(kinds)
}

fn view(rule: &Rule) -> Value {
    let code = code_of(rule);
    json!({
        "id": rule.id,
        "uri": format!("/api/rules/{}/", rule.id),
        "name": rule.name,
        "description": rule.description,
        "code": code,
        "code_ast": estree::program(&gorgias_code::parse(&code).unwrap_or_default()),
        "event_types": rule.event_kinds.join(","),
        "priority": rule.priority,
        "created_datetime": time::format(rule.created_at),
        "updated_datetime": time::format(rule.updated_at),
        "deactivated_datetime": time::format_or_null(rule.deactivated_at),
    })
}

//! `/api/account` and its settings. Connectors use the first as their connection test.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::account::{self, Setting, SettingChanges};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Accounts;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields, Sent};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, time};

const NAME_MAX_CHARS: usize = 255;

/// `GET /api/account`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Accounts>>) -> Answer {
    let mut tx = app.db.read().await?;
    let account = account::find(&mut tx, &may).await?;
    let settings = account::list_settings(&mut tx, &may, None).await?;
    Ok(Json(json!({
        "domain": account.domain,
        "status": { "status": if account.active { "active" } else { "deactivated" } },
        "created_datetime": time::format(account.created_at),
        "deactivated_datetime": time::format_or_null(account.deactivated_at),
        "settings": settings.iter().map(view).collect::<Vec<_>>(),
        "current_subscription": null,
        "meta": account.meta,
    })))
}

/// `GET /api/account/settings`: `data` and nothing else of the list envelope.
pub async fn list_settings(State(app): State<App>, May(may): May<CanRead<Accounts>>, mut params: Params) -> Answer {
    let kind = params.text("type", 64);
    params.finish()?;

    let mut tx = app.db.read().await?;
    let settings = account::list_settings(&mut tx, &may, kind.as_deref()).await?;
    Ok(Json(json!({ "data": settings.iter().map(view).collect::<Vec<_>>() })))
}

/// `POST /api/account/settings`
pub async fn create_setting(
    State(app): State<App>,
    May(may): May<CanWrite<Accounts>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    let kind = kind_of(&mut fields);
    let name = fields.text_or_null("name", NAME_MAX_CHARS).value();
    let data = data_of(&mut fields, &kind);
    if data == Sent::Null {
        fields.problem("data", "Field may not be null.");
    }
    fields.finish()?;
    let data = data.value().unwrap_or_else(|| json!({}));

    let now = app.clock.now();
    let setting =
        transact!(app.db, |tx| { account::create_setting(tx, &may, now, &kind, name.as_deref(), &data).await })?;
    Ok(created(view(&setting)))
}

/// `PUT /api/account/settings/{id}`
pub async fn update_setting(
    State(app): State<App>,
    May(may): May<CanWrite<Accounts>>,
    Id(id): Id,
    body: Body,
) -> Answer {
    let mut fields = body.fields()?;
    let kind = kind_of(&mut fields);
    let name = fields.text_or_null("name", NAME_MAX_CHARS).change();
    let data = data_of(&mut fields, &kind).change().map(Option::unwrap_or_default);
    fields.finish()?;
    let changes = SettingChanges { kind, name, data };

    let now = app.clock.now();
    let setting = transact!(app.db, |tx| account::update_setting(tx, &may, now, id, &changes).await)?;
    Ok(Json(view(&setting)))
}

/// Any word of lower-case letters, digits and dashes: the vendor's list of kinds is open.
fn kind_of(fields: &mut Fields) -> String {
    let kind = fields.required_text("type", 1, 64);
    if !kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        fields.problem("type", "Not a valid setting type.");
    }
    kind
}

/// What must hold of a known key of a setting's data.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Flag,
    Number,
    Text,
    Texts,
    Ids,
    IdOrNull,
    Object,
    /// An object with known keys; others are free.
    Keys(&'static [(&'static str, Shape)]),
    TimeOrNull,
    OneOf(&'static [&'static str]),
}

/// The known keys of each kind (Gorgias contract, `account_settings.data_shapes`). Other keys, and other kinds, are free.
const SHAPES: &[(&str, &[(&str, Shape)])] = &[
    (
        "satisfaction-surveys",
        &[
            ("survey_interval", Shape::Number),
            ("survey_email_html", Shape::Text),
            ("survey_email_text", Shape::Text),
            ("email_template_variables", Shape::Texts),
            ("send_survey_for_chat", Shape::Flag),
            ("send_survey_for_email", Shape::Flag),
            ("send_survey_for_help_center", Shape::Flag),
            ("send_survey_for_contact_form", Shape::Flag),
        ],
    ),
    (
        "ticket-assignment",
        &[
            ("auto_assign_to_teams", Shape::Flag),
            ("assignment_channels", Shape::Texts),
            ("unassign_on_reply", Shape::Flag),
            ("unassign_on_user_unavailability", Shape::Flag),
            ("max_user_chat_ticket", Shape::Number),
            ("max_user_non_chat_ticket", Shape::Number),
            ("can_exceed_max_agent_capacity", Shape::Flag),
            ("auto_assign_ticket_to_responding_agent", Shape::Flag),
        ],
    ),
    (
        "views-ordering",
        &[
            ("views", Shape::Object),
            ("views_top", Shape::Object),
            ("views_bottom", Shape::Object),
            ("view_sections", Shape::Object),
        ],
    ),
    (
        "access",
        &[
            ("signup_mode", Shape::OneOf(&["invite", "allowed-domains"])),
            ("allowed_domains", Shape::Texts),
            ("google_sso_enabled", Shape::Flag),
            ("office365_sso_enabled", Shape::Flag),
            ("two_fa_enforced_datetime", Shape::TimeOrNull),
            ("custom_sso_providers", Shape::Object),
        ],
    ),
    ("views-visibility", &[("hidden_views", Shape::Ids)]),
    ("auto-merge", &[("tickets", Shape::Keys(&[("enabled", Shape::Flag), ("merging_window_days", Shape::Number)]))]),
    ("auto-split", &[("email", Shape::Keys(&[("enabled", Shape::Flag), ("split_after_days", Shape::Number)]))]),
    ("default-integration", &[("email", Shape::IdOrNull)]),
    ("limits", &[("max_integrations", Shape::Number), ("max_active_rules", Shape::Number)]),
];

/// The content of a setting, checked as far as its kind is known.
fn data_of(fields: &mut Fields, kind: &str) -> Sent<Value> {
    let data = fields.object_or_null("data");
    if kind == "business-hours" && matches!(data, Sent::Value(_)) {
        return business_hours(fields);
    }
    if let Some((_, keys)) = SHAPES.iter().find(|(name, _)| *name == kind) {
        fields.nested("data", |data| {
            for (key, shape) in *keys {
                check(data, key, *shape);
            }
        });
    }
    data
}

fn check(data: &mut Fields, key: &str, shape: Shape) {
    match shape {
        Shape::Flag => drop(data.flag(key)),
        Shape::Number => drop(data.integer(key, 0, 1_000_000)),
        Shape::Text => drop(data.text(key, 1_000_000)),
        Shape::Texts => drop(data.texts(key, 0, 1000, 255)),
        Shape::Ids => drop(data.ids(key, 0, 10_000)),
        Shape::IdOrNull => drop(data.id_or_null(key)),
        Shape::Object => drop(data.object_or_null(key)),
        Shape::Keys(keys) => drop(data.nested(key, |inner| {
            for (key, shape) in keys {
                check(inner, key, *shape);
            }
        })),
        Shape::TimeOrNull => drop(data.time_or_null(key)),
        Shape::OneOf(words) => drop(data.one_of(key, words)),
    }
}

/// One span of hours may come without a list around it, as in the vendor's reference; answers always have the list.
fn business_hours(fields: &mut Fields) -> Sent<Value> {
    fields.nested("data", |data| {
        data.require("timezone");
        let timezone = data.timezone_or_null("timezone").value();
        data.require("business_hours");
        let mut spans = Vec::new();
        match data.json("business_hours") {
            Sent::Value(Value::Object(_)) => {
                let span = data.nested("business_hours", span_of).value();
                spans.extend(span);
            }
            _ => spans = data.each("business_hours", 100, span_of).unwrap_or_default(),
        }
        let mut hours = json!({ "timezone": timezone, "business_hours": spans });
        if let Some(holidays) = holidays_of(data) {
            hours["holidays"] = json!(holidays);
        }
        hours
    })
}

/// Most holidays of an account.
const HOLIDAYS_MAX: usize = 1_000;

/// Ours besides the vendor's keys: days on which nobody is there, as `{date, name}`. A date alone is taken too.
fn holidays_of(data: &mut Fields) -> Option<Vec<Value>> {
    if !data.was_sent("holidays") {
        return None;
    }
    let dates = match data.peek("holidays") {
        Some(Value::Array(days)) => days.iter().all(Value::is_string),
        _ => false,
    };
    if dates {
        let days = data.texts("holidays", 0, HOLIDAYS_MAX, 10).unwrap_or_default();
        for (index, day) in days.iter().enumerate() {
            if !is_date(day) {
                data.problem(&format!("holidays.{index}"), "Not a valid date.");
            }
        }
        return Some(days.into_iter().map(|day| json!({ "date": day, "name": null })).collect());
    }
    data.each("holidays", HOLIDAYS_MAX, |day| {
        let date = day.required_text("date", 1, 10);
        if !date.is_empty() && !is_date(&date) {
            day.problem("date", "Not a valid date.");
        }
        json!({ "date": date, "name": day.text_or_null("name", NAME_MAX_CHARS).value() })
    })
}

/// `YYYY-MM-DD`
fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn span_of(span: &mut Fields) -> Value {
    let days = span.required_text("days", 1, 32);
    let valid = days.split(',').all(|day| matches!(day.trim(), "1" | "2" | "3" | "4" | "5" | "6" | "7"));
    if !days.is_empty() && !valid {
        span.problem("days", "Not a list of day numbers from 1 (Monday) to 7.");
    }
    let from = hour(span, "from_time");
    let to = hour(span, "to_time");
    json!({ "days": days, "from_time": from, "to_time": to })
}

/// `HH:MM`, to 24:00.
fn hour(span: &mut Fields, field: &str) -> String {
    let text = span.required_text(field, 1, 5);
    let parts = text.split_once(':').and_then(|(hour, minute)| {
        let two_digits = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_digit());
        (two_digits(hour) && two_digits(minute)).then(|| Some((hour.parse().ok()?, minute.parse().ok()?)))?
    });
    let valid = parts.is_some_and(|(hour, minute): (u8, u8)| (hour < 24 && minute < 60) || (hour == 24 && minute == 0));
    if !text.is_empty() && !valid {
        span.problem(field, "Not a valid time of day, HH:MM.");
    }
    text
}

fn view(setting: &Setting) -> Value {
    json!({ "id": setting.id, "type": setting.kind, "name": setting.name, "data": setting.data })
}

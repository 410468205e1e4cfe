//! `/admin/demands`: what the account demands of every app's request, and how recent a sign-in must be (PA-6, SU-1, SU-3).

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession, FreshSession};
use helpdesk::Error;
use oauth::authorize::check::{self, Demands};
use oauth::step_up::{self, Limits};
use oauth::{acr, provider_settings};
use scope::permit::CanWrite;
use scope::resource::Apps;

use super::app_form::Choice;
use crate::form::Form;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
/// Longest limit: a year. Shortest: so that a form can be filled in.
const HOURS_MAX: i64 = 365 * 24;
const MINUTES_MIN: i64 = 5;

#[derive(Template)]
#[template(path = "admin/demands.html")]
pub struct DemandsPage {
    pub frame: Frame,
    pub form: Form,
    pub levels: Vec<Choice>,
}

/// `GET /admin/demands`
pub async fn show(
    State(app): State<App>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let (demands, limits) = match stored(&app).await {
        Ok(found) => found,
        Err(error) => return errors::helpdesk(&error),
    };
    let in_units =
        |seconds: Option<i64>, unit: i64| seconds.map(|seconds| (seconds / unit).to_string()).unwrap_or_default();
    let form = Form::new(vec![
        ("pushed".to_owned(), if demands.pushed { "yes" } else { "" }.to_owned()),
        ("pages_minutes".to_owned(), in_units(limits.pages_max_age_seconds, MINUTE)),
        ("calls_hours".to_owned(), in_units(limits.calls_max_age_seconds, HOUR)),
        ("calls_acr".to_owned(), limits.calls_acr.unwrap_or_default()),
    ]);
    answer(&app, &visitor, StatusCode::OK, form, done(&query)).await
}

/// `POST /admin/demands`
pub async fn save(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    _fresh: FreshSession,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let Some((demands, limits)) = read(&mut form) else {
        return answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, None).await;
    };
    let saved = match app.provider.put_setting(&may, check::SETTING, &demands).await {
        Ok(()) => app.provider.put_setting(&may, step_up::SETTING, &limits).await,
        Err(error) => Err(error),
    };
    match saved {
        Ok(()) => see_other("/admin/demands?done=saved"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn stored(app: &App) -> Result<(Demands, Limits), Error> {
    let mut tx = app.db.read().await?;
    let demands = provider_settings::read(&mut tx, check::SETTING).await?;
    let limits = provider_settings::read(&mut tx, step_up::SETTING).await?;
    Ok((demands, limits))
}

/// What the form says; none if it must be mended first.
fn read(form: &mut Form) -> Option<(Demands, Limits)> {
    let pages = number(form, "pages_minutes", MINUTES_MIN, HOURS_MAX * 60, "minutes");
    let calls = number(form, "calls_hours", 1, HOURS_MAX, "hours");
    let calls_acr = form.filled("calls_acr").map(str::to_owned);
    if calls_acr.as_deref().is_some_and(|acr| !acr::is_known(acr)) {
        form.refuse("calls_acr", "Choose how sure the sign-in must be.");
    }
    if !form.problems.is_empty() {
        return None;
    }
    let limits = Limits {
        pages_max_age_seconds: pages.map(|minutes| minutes * MINUTE),
        calls_max_age_seconds: calls.map(|hours| hours * HOUR),
        calls_acr,
    };
    Some((Demands { pushed: form.value("pushed") == "yes" }, limits))
}

/// A whole number within bounds; none where the field is empty.
fn number(form: &mut Form, field: &'static str, least: i64, most: i64, unit: &str) -> Option<i64> {
    let text = form.value(field).trim().to_owned();
    if text.is_empty() {
        return None;
    }
    let number = text.parse::<i64>().ok().filter(|number| (least..=most).contains(number));
    if number.is_none() {
        form.refuse(field, format!("Enter a number of {unit} from {least} to {most}, or nothing for no limit."));
    }
    number
}

async fn answer(app: &App, visitor: &Visitor, status: StatusCode, form: Form, done: Option<&'static str>) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Demands, "Security policy") else {
        return see_other("/login");
    };
    frame.done = done;
    let levels = levels(form.value("calls_acr"));
    page(status, &DemandsPage { frame, form, levels })
}

pub fn levels(chosen: &str) -> Vec<Choice> {
    [
        ("", "Any sign-in", "A password is enough."),
        (acr::MULTI_FACTOR, "With a second factor", "A password and a one-time code, or a passkey."),
        (acr::PHISHING_RESISTANT, "With a passkey", "What no false page can ask out of a person."),
    ]
    .into_iter()
    .map(|(value, label, hint)| Choice { value, label, hint, is_chosen: value == chosen })
    .collect()
}

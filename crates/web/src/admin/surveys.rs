//! `/admin/surveys`: when customers are asked how it went, what the mail says, and what they answered.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::account::{self as accounts, SettingChanges};
use helpdesk::page::{Direction, Key, Position, Slice};
use helpdesk::satisfaction_surveys::{self, Survey, sending};
use jiff::SignedDuration;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Accounts, SatisfactionSurveys};
use serde_json::{Map, Value, json};
use store::transact;

use crate::form::Form;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, reach, text};

const LIMIT: usize = 50;
const TEMPLATE_MAX_CHARS: usize = 20_000;
const INTERVAL_MAX_HOURS: i64 = 8784;

#[derive(Template)]
#[template(path = "admin/surveys.html")]
pub struct Surveys {
    pub frame: Frame,
    pub form: Form,
    pub channels: Vec<Channel>,
    pub is_on: bool,
    pub has_mail: bool,
    pub tiles: Vec<(&'static str, String)>,
    pub rows: Vec<Row>,
    pub next: Option<String>,
}

pub struct Channel {
    /// In the setting and in the form.
    pub name: &'static str,
    pub label: &'static str,
    pub is_on: bool,
}

pub struct Row {
    pub ticket_id: i64,
    pub score: Option<i64>,
    pub comment: String,
    pub state: &'static str,
    pub at: When,
}

const CHANNELS: [(&str, &str); 4] = [
    ("send_survey_for_email", "E-mail"),
    ("send_survey_for_chat", "Chat"),
    ("send_survey_for_contact_form", "Contact form"),
    ("send_survey_for_help_center", "Help center"),
];

/// `GET /admin/surveys`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<SatisfactionSurveys>>,
    BySession(may_read): BySession<CanRead<Accounts>>,
    _admin: BySession<CanWrite<Accounts>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    answer(&app, (&may, &may_read), &visitor, &query, None, StatusCode::OK).await
}

/// `POST /admin/surveys`: the setting.
pub async fn save(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Accounts>>,
    BySession(may_list): BySession<CanRead<SatisfactionSurveys>>,
    BySession(may_read): BySession<CanRead<Accounts>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let hours = form.value("survey_interval").trim().parse::<i64>().ok();
    if hours.is_none_or(|hours| !(0..=INTERVAL_MAX_HOURS).contains(&hours)) {
        form.refuse("survey_interval", "Enter whole hours, from 0 to 8784.");
    }
    for field in ["survey_email_text", "survey_email_html"] {
        if TEMPLATE_MAX_CHARS < form.value(field).chars().count() {
            form.refuse(field, "Shorten it to 20,000 characters.");
        }
    }
    if !form.problems.is_empty() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return answer(&app, (&may_list, &may_read), &visitor, &Form::default(), Some(form), status).await;
    }
    let now = app.clock.now();
    let saved = transact!(app.db, |tx| {
        let stored = accounts::list_settings(tx, &may_read, Some(sending::SETTING)).await?.into_iter().next();
        // What others keep in the setting stays in it.
        let mut data = stored.as_ref().and_then(|it| it.data.as_object().cloned()).unwrap_or_default();
        fill(&mut data, &form, hours.unwrap_or_default());
        match stored {
            Some(stored) => {
                let changes =
                    SettingChanges { kind: sending::SETTING.to_owned(), name: None, data: Some(Value::Object(data)) };
                accounts::update_setting(tx, &may, now, stored.id, &changes).await
            }
            None => accounts::create_setting(tx, &may, now, sending::SETTING, None, &Value::Object(data)).await,
        }
    });
    match saved {
        Ok(_setting) => see_other("/admin/surveys?done=saved"),
        Err(error) => errors::helpdesk(&error),
    }
}

fn fill(data: &mut Map<String, Value>, form: &Form, hours: i64) {
    data.insert("survey_interval".to_owned(), json!(hours));
    for (name, _) in CHANNELS {
        data.insert(name.to_owned(), json!(form.filled(name).is_some()));
    }
    for name in ["survey_email_text", "survey_email_html"] {
        data.insert(name.to_owned(), json!(form.value(name)));
    }
}

async fn answer(
    app: &App,
    (may, may_read): (&CanRead<SatisfactionSurveys>, &CanRead<Accounts>),
    visitor: &Visitor,
    query: &Form,
    sent: Option<Form>,
    status: StatusCode,
) -> Response {
    match Surveys::read(app, (may, may_read), visitor, query, sent).await {
        Ok(Some(found)) => page(status, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

impl Surveys {
    async fn read(
        app: &App,
        (may, may_read): (&CanRead<SatisfactionSurveys>, &CanRead<Accounts>),
        visitor: &Visitor,
        query: &Form,
        sent: Option<Form>,
    ) -> Result<Option<Surveys>, Error> {
        let now = app.clock.now();
        let account = account::name(app).await?;
        let Some(mut frame) = visitor.frame(account, Section::Surveys, "Surveys") else { return Ok(None) };
        frame.done = done(query);
        let mut tx = app.db.read().await?;
        let stored = accounts::list_settings(&mut tx, may_read, Some(sending::SETTING)).await?.into_iter().next();
        let data = stored.map_or(Value::Null, |it| it.data);
        let since = now - SignedDuration::from_hours(30 * 24);
        let summary = satisfaction_surveys::summary(&mut tx, may, since).await?;
        let slice = Slice { limit: LIMIT, from: position(query) };
        let found = satisfaction_surveys::list(&mut tx, may, None, true, &slice).await?;
        let next = found.after.as_ref().map(|keys| {
            let keys = keys.iter().filter_map(|key| if let Key::Int(key) = key { Some(key.to_string()) } else { None });
            format!("/admin/surveys?after={}#answers", keys.collect::<Vec<_>>().join("."))
        });
        let form = sent.unwrap_or_else(|| form_of(&data));
        let is_on = |name: &str| form.filled(name).is_some();
        let channels = CHANNELS.map(|(name, label)| Channel { name, label, is_on: is_on(name) });
        Ok(Some(Surveys {
            frame,
            is_on: CHANNELS.iter().any(|(name, _)| data.get(name).and_then(Value::as_bool) == Some(true)),
            channels: channels.into(),
            form,
            has_mail: app.provider.mailer.is_configured(),
            tiles: tiles(&summary),
            rows: found.items.iter().map(|survey| Row::of(survey, now)).collect(),
            next,
        }))
    }
}

pub fn tiles(summary: &satisfaction_surveys::Summary) -> Vec<(&'static str, String)> {
    let none = || "–".to_owned();
    let share =
        |part: i64, whole: i64| if whole == 0 { none() } else { format!("{} %", (100 * part + whole / 2) / whole) };
    #[expect(clippy::cast_precision_loss, reason = "sums of scores")]
    let average = match summary.n_answered {
        0 => none(),
        n => format!("{:.1} of 5", summary.sum_of_scores as f64 / n as f64),
    };
    vec![
        ("Sent", reach::number(summary.n_sent)),
        ("Response rate", share(summary.n_answered, summary.n_sent)),
        ("Average", average),
    ]
}

impl Row {
    fn of(survey: &Survey, now: jiff::Timestamp) -> Row {
        let (state, at) = match (survey.scored_at, survey.sent_at, survey.should_send_at) {
            (Some(at), _, _) => ("Answered", Some(at)),
            (None, Some(at), _) => ("Sent", Some(at)),
            (None, None, Some(at)) => ("Waits", Some(at)),
            (None, None, None) => ("Not sent", None),
        };
        Row {
            ticket_id: survey.ticket_id,
            score: survey.score,
            comment: text::shown(survey.body_text.as_deref().unwrap_or_default(), 400),
            state,
            at: When::or_never(at, now),
        }
    }
}

fn form_of(data: &Value) -> Form {
    let hours = data.get("survey_interval").and_then(Value::as_f64).map_or(24, super::statistics::whole);
    let mut values = vec![("survey_interval".to_owned(), hours.to_string())];
    for (name, _) in CHANNELS {
        if data.get(name).and_then(Value::as_bool) == Some(true) {
            values.push((name.to_owned(), "yes".to_owned()));
        }
    }
    for name in ["survey_email_text", "survey_email_html"] {
        values.push((name.to_owned(), data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()));
    }
    Form::new(values)
}

fn position(query: &Form) -> Option<Position> {
    let keys: Option<Vec<Key>> = query.filled("after")?.split('.').map(|key| key.parse().ok().map(Key::Int)).collect();
    Some(Position { keys: keys.filter(|keys| keys.len() == 2)?, direction: Direction::After })
}

//! `/device`: a person types the code that a device shows, sees which app asks for what from where, and answers (DV-3).
//!
//! The address that carries the code fills it in and does no more: a link that somebody sent must not allow anything (RFC 8628, 5.4).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use endpoint::App;
use oauth::authorize::{Choice, Decision, Standing};
use oauth::device::entry::{Answered, DevicePage, Entered};
use oauth::sessions::Session;
use scope::words;

use crate::pages::{Message, PersonLine, page, see_other};
use crate::scopes::{Kind, kind_of};
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Longest text that is put back into the field.
const TYPED_MAX_CHARS: usize = 20;

/// The field for the code.
#[derive(Template)]
#[template(path = "device.html")]
pub struct Enter {
    pub csrf: String,
    pub account: String,
    pub person: PersonLine,
    pub user_code: String,
    pub problem: Option<String>,
}

/// The question.
#[derive(Template)]
#[template(path = "device_consent.html")]
pub struct Ask {
    pub csrf: String,
    pub account: String,
    pub person: PersonLine,
    pub user_code: String,
    pub app: String,
    pub initials: String,
    pub publisher: Option<String>,
    pub standing: Standing,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub asked: When,
    pub lines: Vec<Line>,
    pub is_offline: bool,
}

pub struct Line {
    pub word: String,
    pub sentence: String,
    pub kind: Kind,
}

/// `GET /device`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let user_code = text::shown(query.value("user_code"), TYPED_MAX_CHARS);
    let Some(session) = visitor.session.clone() else { return see_other(&to_sign_in(&user_code)) };
    enter(&app, &visitor, &session, user_code, None).await
}

/// `POST /device`: the code, then the question.
pub async fn ask(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let typed = text::shown(form.value("user_code"), TYPED_MAX_CHARS);
    let Some(session) = visitor.session.clone() else { return see_other(&to_sign_in(&typed)) };
    match app.provider.device_entered(&typed, &session, &visitor.browser()).await {
        Ok(Entered::Ask(asked)) => match account::name(&app).await {
            Ok(account) => {
                let csrf = visitor.csrf(&asked.user_code);
                let now = app.clock.now();
                let person = PersonLine::new(&session.name, &session.email);
                page(StatusCode::OK, &Ask::new(*asked, csrf, account, person, now))
            }
            Err(error) => errors::database(&error),
        },
        Ok(Entered::Unknown) => {
            let problem =
                "No device waits with this code. Compare it with the one on the device: it is good for ten minutes.";
            enter(&app, &visitor, &session, typed, Some(problem.to_owned())).await
        }
        Ok(Entered::Limited { retry_after_seconds }) => limited(retry_after_seconds),
        Err(error) => errors::database(&error),
    }
}

/// `POST /device/answer`. Anything but a clear "allow" is a no. `request` is the code, which the form's value is bound to.
pub async fn answer(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let Some(session) = visitor.session.clone() else { return see_other(&to_sign_in("")) };
    let decision = if form.value("decision") == "allow" { Decision::Allow(Choice::default()) } else { Decision::Deny };
    let answered = app.provider.decide_device(form.value("request"), &session, &visitor.browser(), decision).await;
    let done = |title: &str, text: &str| Message::new(title, text).what_next("You can close this page.");
    match answered {
        Ok(Answered::Allowed { app }) => {
            let app = text::shown(&app, 60);
            done("The device is connected", &format!("{app} on your device goes on by itself in a few seconds."))
                .link("/me/apps", "See the apps you allowed")
                .answer(StatusCode::OK)
        }
        Ok(Answered::Denied { app }) => {
            let app = text::shown(&app, 60);
            done("Nothing was allowed", &format!("{app} on that device gets no access.")).answer(StatusCode::OK)
        }
        Ok(Answered::Gone) => {
            Message::new("This code is over", "It was answered already, or it is older than ten minutes.")
                .what_next("Have the device show a new code.")
                .link("/device", "Enter another code")
                .answer(StatusCode::BAD_REQUEST)
        }
        Ok(Answered::Limited { retry_after_seconds }) => limited(retry_after_seconds),
        Err(error) => errors::database(&error),
    }
}

async fn enter(
    app: &App,
    visitor: &Visitor,
    session: &Arc<Session>,
    user_code: String,
    problem: Option<String>,
) -> Response {
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    match account::name(app).await {
        Ok(account) => {
            let person = PersonLine::new(&session.name, &session.email);
            page(status, &Enter { csrf: visitor.csrf(""), account, person, user_code, problem })
        }
        Err(error) => errors::database(&error),
    }
}

fn limited(retry_after_seconds: u64) -> Response {
    let minutes = retry_after_seconds.div_ceil(60);
    let plural = if minutes == 1 { "" } else { "s" };
    let text = format!("Five codes were wrong. Wait {minutes} minute{plural} and have the device show a new code.");
    let mut response = Message::new("Too many wrong codes", &text).answer(StatusCode::TOO_MANY_REQUESTS);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    response
}

/// Sign-in leads back here, with the code.
fn to_sign_in(user_code: &str) -> String {
    let encode =
        |name: &str, value: &str| form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
    let back = match user_code {
        "" => "/device".to_owned(),
        user_code => format!("/device?{}", encode("user_code", user_code)),
    };
    format!("/login?{}", encode("return_to", &back))
}

impl Ask {
    pub fn new(asked: DevicePage, csrf: String, account: String, person: PersonLine, now: jiff::Timestamp) -> Ask {
        let known = asked.scope.words().map(|word| (word, words::find(asked.dialect, word)));
        let lines: Vec<Line> = known
            .map(|(word, known)| Line {
                word: text::shown(word, 60),
                sentence: known.map_or("A permission that opens nothing here", |known| known.sentence).to_owned(),
                kind: known.map_or(Kind::Read, kind_of),
            })
            .collect();
        Ask {
            csrf,
            account,
            person,
            user_code: asked.user_code,
            initials: text::initials(&asked.client_name),
            app: text::shown(&asked.client_name, 60),
            publisher: asked.publisher.map(|it| text::shown(&it, 60)),
            standing: asked.standing,
            address: asked.address.map(|it| text::shown(&it, 60)),
            user_agent: asked.user_agent.map(|it| text::shown(&it, 120)),
            asked: When::at(asked.asked_at, now),
            is_offline: lines.iter().any(|line| line.kind == Kind::Stay),
            lines: lines.into_iter().filter(|line| line.kind != Kind::Stay).collect(),
        }
    }
}

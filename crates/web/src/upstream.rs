//! `/login/upstream` and `/login/link`: sign-in at another provider, and the one time when a person says whose account it opens (LS-10).

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use oauth::upstream::{Answer, Arrived, LinkError, UpstreamError};

use crate::login::{is_own_path, proceed};
use crate::pages::{Message, page, page_that_leads_away, see_other};
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, authorize, errors, text};

/// Where a link's page is.
const LINK: &str = "/login/link";

#[derive(Template)]
#[template(path = "login_link.html")]
pub struct LoginLink {
    pub csrf: String,
    pub account: String,
    pub step: String,
    pub provider: String,
    /// What the provider calls the person.
    pub called: Option<String>,
    /// Who is signed in here; none: they must first.
    pub email: Option<String>,
    /// The sign-in page, which leads back here.
    pub sign_in: String,
}

/// `POST /login/upstream`
pub async fn begin(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let Ok(id) = form.value("provider").parse::<i64>() else { return trouble(&UpstreamError::Expired) };
    let return_to = form.filled("return_to").filter(|path| is_own_path(path));
    match app.provider.begin_upstream(id, &visitor.browser(), form.filled("request"), return_to).await {
        Ok(address) => see_other(&address),
        Err(error) => trouble(&error),
    }
}

/// `GET /login/upstream/callback`
pub async fn callback(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let answer = Answer {
        state: query.filled("state"),
        code: query.filled("code"),
        error: query.filled("error"),
        iss: query.filled("iss"),
    };
    match app.provider.finish_upstream(answer, &visitor.browser()).await {
        Ok(Arrived::SignedIn { signed_in, request, return_to }) => {
            let return_to = return_to.as_deref().filter(|path| is_own_path(path));
            proceed(&app, visitor, *signed_in, request.as_deref(), return_to).await
        }
        Ok(Arrived::Unknown(link)) => see_other(&with_step(&link.handle)),
        Err(error) => trouble(&error),
    }
}

/// `GET /login/link`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let step = query.value("step");
    let link = match app.provider.upstream_link(step, &visitor.browser()).await {
        Ok(Some(link)) => link,
        Ok(None) => return trouble(&UpstreamError::Expired),
        Err(error) => return trouble(&error.into()),
    };
    let account = match account::name(&app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let mut sign_in = form_urlencoded::Serializer::new(String::new());
    sign_in.append_pair("return_to", &with_step(step));
    if let Some(email) = &link.email {
        sign_in.append_pair("login_hint", email);
    }
    let shown = LoginLink {
        csrf: visitor.csrf(""),
        account,
        step: step.to_owned(),
        provider: text::shown(&link.provider, 60),
        called: link.called.map(|called| text::shown(&called, 80)),
        email: visitor.session.as_ref().map(|session| text::shown(&session.email, 80)),
        sign_in: format!("/login?{}", sign_in.finish()),
    };
    visitor.named(page(StatusCode::OK, &shown))
}

/// `POST /login/link`
pub async fn link(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let step = form.value("step");
    match app.provider.link_upstream(step, &visitor.browser()).await {
        Ok(link) => go_on(&app, &visitor, link.request.as_deref(), link.return_to.as_deref()).await,
        Err(LinkError::SignInFirst) => {
            let return_to = with_step(step);
            let query: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &return_to).finish();
            see_other(&format!("/{}?{query}", if visitor.session.is_some() { "confirm" } else { "login" }))
        }
        Err(LinkError::Failed(error)) => trouble(&error.into()),
        Err(error) => Message::new("Nothing was connected", &error.to_string())
            .link("/login", "Go to sign-in")
            .answer(StatusCode::BAD_REQUEST),
    }
}

async fn go_on(app: &App, visitor: &Visitor, request: Option<&str>, return_to: Option<&str>) -> Response {
    match request {
        Some(request) => authorize::answer(app.provider.resume_authorization(request, &visitor.browser()).await),
        None => see_other(return_to.filter(|path| is_own_path(path)).unwrap_or("/")),
    }
}

fn with_step(step: &str) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("step", step).finish();
    format!("{LINK}?{query}")
}

/// What went wrong, and the way back to signing in here.
fn trouble(error: &UpstreamError) -> Response {
    let status = match error {
        UpstreamError::Failed(oauth::Error::Store(error) | oauth::Error::Helpdesk(helpdesk::Error::Store(error))) => {
            return errors::database(error);
        }
        UpstreamError::Failed(error) => {
            error.log();
            StatusCode::INTERNAL_SERVER_ERROR
        }
        UpstreamError::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
        UpstreamError::Unusable(..) => StatusCode::BAD_GATEWAY,
        UpstreamError::Expired | UpstreamError::Denied(_) | UpstreamError::Untrusted(..) => StatusCode::BAD_REQUEST,
    };
    let detail = match error {
        UpstreamError::Failed(_) => "Something broke on our side. Nothing was changed.".to_owned(),
        error => error.to_string(),
    };
    let message = Message::new("You are not signed in", &detail).link("/login", "Go to sign-in");
    page_that_leads_away(status, &message)
}

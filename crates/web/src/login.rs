//! `/login`: address and password. An unknown address and a wrong password are answered alike (LS-5).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use endpoint::App;
use oauth::sessions::SignedIn;
use oauth::sign_in::SignInError;
use store::StoreError;

use crate::form::Form;
use crate::pages::{page_that_asks_and_leads_away, see_other};
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, authorize, errors, login_factor};

#[derive(Template)]
#[template(path = "login.html")]
pub struct Login {
    pub csrf: String,
    pub account: String,
    /// The pending authorization request that goes on after sign-in.
    pub request: Option<String>,
    /// A path of our own (RU-10).
    pub return_to: Option<String>,
    pub email: String,
    pub problem: Option<String>,
    /// Somebody just signed out here, or chose a new password.
    pub good_news: Option<&'static str>,
    /// Browsers have passkeys for this address.
    pub has_passkeys: bool,
    /// A forgotten password can be replaced by mail.
    pub has_mail: bool,
    pub may_sign_up: bool,
    /// Other providers to sign in with: number and name (LS-10).
    pub providers: Vec<(i64, String)>,
}

/// `GET /login`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let request = query.filled("request");
    let return_to = query.filled("return_to").filter(|path| is_own_path(path));
    // `again`: what somebody wants to do needs a fresh sign-in.
    if visitor.session.is_some() && request.is_none() && query.filled("again").is_none() {
        return see_other(return_to.unwrap_or("/"));
    }
    let login = match page_of(&app, &visitor, request, return_to).await {
        Ok(page) => page,
        Err(error) => return errors::database(&error),
    };
    let good_news = match query.value("done") {
        "password-reset" => Some("Your new password is set. Sign in with it."),
        "email-verified" => Some("Your address is confirmed."),
        _ if !query.value("signed_out").is_empty() => Some("You are signed out."),
        _ => None,
    };
    let page = Login { email: crate::text::shown(query.value("login_hint"), 320), good_news, ..login };
    visitor.named(page_that_asks_and_leads_away(StatusCode::OK, &page))
}

/// `POST /login`
pub async fn sign_in(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let request = form.filled("request");
    let return_to = form.filled("return_to").filter(|path| is_own_path(path));
    let signed_in = app.provider.sign_in(form.value("email"), form.value("password"), &visitor.browser()).await;
    match signed_in {
        Ok(signed_in) => proceed(&app, visitor, signed_in, request, return_to).await,
        Err(SignInError::SecondFactor { step }) => see_other(&login_factor::address(&step, request, return_to)),
        Err(SignInError::Wrong | SignInError::Over) => {
            let text = "The e-mail address or the password is wrong.";
            again(&app, &visitor, &form, StatusCode::UNAUTHORIZED, text).await
        }
        Err(SignInError::Limited { retry_after_seconds }) => {
            let text = too_many(retry_after_seconds);
            let page = again(&app, &visitor, &form, StatusCode::TOO_MANY_REQUESTS, &text).await;
            with_retry_after(page, retry_after_seconds)
        }
        Err(SignInError::Store(error)) => errors::database(&error),
    }
}

/// Where somebody goes who has just signed in: on with the app's request, or to the page they wanted.
pub async fn proceed(
    app: &App,
    mut visitor: Visitor,
    signed_in: SignedIn,
    request: Option<&str>,
    return_to: Option<&str>,
) -> Response {
    visitor.session = Some(Arc::new(signed_in.session));
    let response = match request {
        Some(request) => authorize::answer(app.provider.resume_authorization(request, &visitor.browser()).await),
        None => see_other(return_to.unwrap_or("/")),
    };
    visitor.signed_in(response, &signed_in.cookie)
}

/// The sign-in page once more, with what was wrong.
pub async fn again(app: &App, visitor: &Visitor, form: &Form, status: StatusCode, problem: &str) -> Response {
    let return_to = form.filled("return_to").filter(|path| is_own_path(path));
    match page_of(app, visitor, form.filled("request"), return_to).await {
        Ok(login) => {
            let page = Login { email: form.value("email").to_owned(), problem: Some(problem.to_owned()), ..login };
            page_that_asks_and_leads_away(status, &page)
        }
        Err(error) => errors::database(&error),
    }
}

async fn page_of(
    app: &App,
    visitor: &Visitor,
    request: Option<&str>,
    return_to: Option<&str>,
) -> Result<Login, StoreError> {
    Ok(Login {
        csrf: visitor.csrf_before_sign_in(request.unwrap_or_default()),
        account: account::name(app).await?,
        request: request.map(str::to_owned),
        return_to: return_to.map(str::to_owned),
        email: String::new(),
        problem: None,
        good_news: None,
        has_passkeys: app.provider.passkeys().is_some(),
        has_mail: app.provider.mailer.is_configured(),
        may_sign_up: app.provider.has_sign_up().await?,
        providers: app.provider.upstream_choices().await?,
    })
}

/// The sign-in page for whoever comes from a request or from a page of ours.
pub fn address(request: Option<&str>, return_to: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("request", request), ("return_to", return_to)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    match query.finish() {
        query if query.is_empty() => "/login".to_owned(),
        query => format!("/login?{query}"),
    }
}

/// What is said with 429.
pub fn too_many(retry_after_seconds: u64) -> String {
    format!("Too many attempts. Wait {} and try again.", in_words(retry_after_seconds))
}

pub fn with_retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// A path on this server: browsers read `//host` and `/\host` as another one (RU-10).
pub fn is_own_path(path: &str) -> bool {
    let rest = path.strip_prefix('/');
    rest.is_some_and(|rest| !rest.starts_with(['/', '\\']) && rest.bytes().all(|byte| (0x21..0x7f).contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_in_leads_back_to_paths_of_our_own_only() {
        // RU-10
        for own in ["/", "/admin/apps?search=x"] {
            assert!(is_own_path(own), "{own}");
        }
        for other in
            ["", "admin", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/ü"]
        {
            assert!(!is_own_path(other), "{other}");
        }
    }
}

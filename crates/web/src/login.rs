//! `/login`: address and password. An unknown address and a wrong password are answered alike (LS-5).

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use endpoint::App;
use oauth::sign_in::SignInError;

use crate::pages::{page_that_leads_away, see_other};
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, authorize, errors};

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
    /// Somebody just signed out here.
    pub is_signed_out: bool,
}

/// `GET /login`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let request = query.filled("request");
    if visitor.session.is_some() && request.is_none() {
        return see_other(query.filled("return_to").filter(|path| is_own_path(path)).unwrap_or("/"));
    }
    let account = match account::name(&app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let page = Login {
        csrf: visitor.csrf_before_sign_in(request.unwrap_or_default()),
        account,
        request: request.map(str::to_owned),
        return_to: query.filled("return_to").filter(|path| is_own_path(path)).map(str::to_owned),
        email: crate::text::shown(query.value("login_hint"), 320),
        problem: None,
        is_signed_out: !query.value("signed_out").is_empty(),
    };
    visitor.named(page_that_leads_away(StatusCode::OK, &page))
}

/// `POST /login`
pub async fn sign_in(State(app): State<App>, posted: Posted) -> Response {
    let Posted { mut visitor, form } = posted;
    let signed_in = app.provider.sign_in(form.value("email"), form.value("password"), &visitor.browser()).await;
    let (status, problem, retry_after_seconds) = match signed_in {
        Ok(signed_in) => {
            visitor.session = Some(std::sync::Arc::new(signed_in.session));
            let response = match form.filled("request") {
                Some(request) => {
                    authorize::answer(app.provider.resume_authorization(request, &visitor.browser()).await)
                }
                None => see_other(form.filled("return_to").filter(|path| is_own_path(path)).unwrap_or("/")),
            };
            return visitor.signed_in(response, &signed_in.cookie);
        }
        Err(SignInError::Wrong) => {
            (StatusCode::UNAUTHORIZED, "The e-mail address or the password is wrong.".to_owned(), None)
        }
        Err(SignInError::Limited { retry_after_seconds }) => {
            let text = format!("Too many attempts. Wait {} and try again.", in_words(retry_after_seconds));
            (StatusCode::TOO_MANY_REQUESTS, text, Some(retry_after_seconds))
        }
        Err(SignInError::Store(error)) => return errors::database(&error),
    };
    let account = match account::name(&app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let request = form.filled("request");
    let page = Login {
        csrf: visitor.csrf_before_sign_in(request.unwrap_or_default()),
        account,
        request: request.map(str::to_owned),
        return_to: form.filled("return_to").filter(|path| is_own_path(path)).map(str::to_owned),
        email: form.value("email").to_owned(),
        problem: Some(problem),
        is_signed_out: false,
    };
    let mut response = page_that_leads_away(status, &page);
    if let Some(seconds) = retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
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

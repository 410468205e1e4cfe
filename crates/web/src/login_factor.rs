//! `/login/factor`: the second factor, after the password or within a session that was opened without one (LS-8).

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use oauth::factors::Factors;
use oauth::sign_in::SignInError;

use crate::login::{self, is_own_path};
use crate::pages::{Message, page_that_leads_away, see_other};
use crate::passkey::{self, Ceremony};
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors};

#[derive(Template)]
#[template(path = "login_factor.html")]
pub struct Factor {
    pub csrf: String,
    pub account: String,
    pub step: String,
    pub request: Option<String>,
    pub return_to: Option<String>,
    pub has_codes: bool,
    pub has_passkeys: bool,
    pub problem: Option<String>,
}

/// `GET /login/factor?step=…`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let going = Going::of(query.filled("step"), query.filled("request"), query.filled("return_to"));
    page_of(&app, &visitor, &going, StatusCode::OK, None).await
}

/// `POST /login/factor`: a code of the app, or a recovery code.
pub async fn show_code(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let going = Going::of(form.filled("step"), form.filled("request"), form.filled("return_to"));
    let shown = app.provider.show_code(&going.step, form.value("code"), &visitor.browser()).await;
    match shown {
        Ok(signed_in) => {
            login::proceed(&app, visitor, signed_in, going.request.as_deref(), going.return_to.as_deref()).await
        }
        Err(error) => refused(&app, &visitor, &going, error, "The code is wrong, or was used already.").await,
    }
}

/// `POST /login/factor/passkey`: asks the browser for a passkey instead.
pub async fn ask_for_passkey(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let going = Going::of(form.filled("step"), form.filled("request"), form.filled("return_to"));
    match app.provider.ask_for_passkey(&going.step, &visitor.browser()).await {
        Ok(Some(asked)) => {
            let ceremony = Ceremony {
                action: "/login/factor/passkey/finish",
                back: login::address(going.request.as_deref(), going.return_to.as_deref()),
                csrf: visitor.csrf_before_sign_in(going.request.as_deref().unwrap_or_default()),
                request: going.request,
                return_to: going.return_to,
            };
            passkey::asks(&app, &ceremony, asked).await
        }
        Ok(None) => over(),
        Err(error) => errors::database(&error),
    }
}

/// `POST /login/factor/passkey/finish`
pub async fn show_passkey(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let going = Going::of(form.filled("step"), form.filled("request"), form.filled("return_to"));
    match app.provider.show_passkey(&going.step, form.value("credential"), &visitor.browser()).await {
        Ok(signed_in) => {
            login::proceed(&app, visitor, signed_in, going.request.as_deref(), going.return_to.as_deref()).await
        }
        Err(SignInError::Wrong) => login::again(&app, &visitor, &form, StatusCode::UNAUTHORIZED, passkey::WRONG).await,
        Err(error) => refused(&app, &visitor, &going, error, passkey::WRONG).await,
    }
}

/// `GET /login/more`: whoever is signed in and must show more is led to what they can show, or to setting something up.
pub async fn more(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let request = query.filled("request");
    let return_to = query.filled("return_to").filter(|path| is_own_path(path));
    let Some(session) = &visitor.session else { return see_other(&login::address(request, return_to)) };
    if let Some(request) = request
        && let Err(error) = app.provider.note_more_asked(request, &visitor.browser()).await
    {
        return errors::database(&error);
    }
    match app.provider.ask_for_more(session, &visitor.browser()).await {
        Ok(Some(step)) => visitor.named(see_other(&address(&step, request, return_to))),
        Ok(None) => {
            let back = match request {
                Some(request) => resume_address(request),
                None => return_to.unwrap_or("/").to_owned(),
            };
            let query: String =
                form_urlencoded::Serializer::new("needed=1&".to_owned()).append_pair("return_to", &back).finish();
            see_other(&format!("/me/security?{query}"))
        }
        Err(error) => errors::database(&error),
    }
}

/// `GET /login/resume?request=…`: goes on with an authorization request that waits in this browser.
pub async fn resume(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let next = app.provider.resume_authorization(query.value("request"), &visitor.browser()).await;
    visitor.named(crate::authorize::answer(next))
}

/// Where somebody is led who must show more before they see this page.
pub fn more_address(path: &str) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish();
    format!("/login/more?{query}")
}

/// Where the step is asked for.
pub fn address(step: &str, request: Option<&str>, return_to: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("step", step);
    for (name, value) in [("request", request), ("return_to", return_to)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("/login/factor?{}", query.finish())
}

fn resume_address(request: &str) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("request", request).finish();
    format!("/login/resume?{query}")
}

/// Where this sign-in is, and where it leads.
struct Going {
    step: String,
    request: Option<String>,
    return_to: Option<String>,
}

impl Going {
    fn of(step: Option<&str>, request: Option<&str>, return_to: Option<&str>) -> Going {
        Going {
            step: step.unwrap_or_default().to_owned(),
            request: request.map(str::to_owned),
            return_to: return_to.filter(|path| is_own_path(path)).map(str::to_owned),
        }
    }
}

async fn refused(app: &App, visitor: &Visitor, going: &Going, error: SignInError, wrong: &str) -> Response {
    match error {
        SignInError::Wrong => page_of(app, visitor, going, StatusCode::UNAUTHORIZED, Some(wrong.to_owned())).await,
        SignInError::Limited { retry_after_seconds } => {
            let text = login::too_many(retry_after_seconds);
            let page = page_of(app, visitor, going, StatusCode::TOO_MANY_REQUESTS, Some(text)).await;
            login::with_retry_after(page, retry_after_seconds)
        }
        SignInError::Store(error) => errors::database(&error),
        SignInError::Over | SignInError::SecondFactor { .. } => over(),
    }
}

async fn page_of(app: &App, visitor: &Visitor, going: &Going, status: StatusCode, problem: Option<String>) -> Response {
    let factors: Factors = match app.provider.second_factors(&going.step, &visitor.browser()).await {
        Ok(Some(factors)) => factors,
        Ok(None) => return over(),
        Err(error) => return errors::database(&error),
    };
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let page = Factor {
        csrf: visitor.csrf_before_sign_in(going.request.as_deref().unwrap_or_default()),
        account,
        step: going.step.clone(),
        request: going.request.clone(),
        return_to: going.return_to.clone(),
        has_codes: factors.totp || 0 < factors.n_recovery_codes,
        has_passkeys: 0 < factors.n_passkeys && app.provider.passkeys().is_some(),
        problem,
    };
    page_that_leads_away(status, &page)
}

fn over() -> Response {
    Message::new("This sign-in is over", "It took longer than ten minutes, or was finished already.")
        .link("/login", "Sign in again")
        .answer(StatusCode::GONE)
}

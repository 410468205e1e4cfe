//! What is done by mail: `/forgot` and `/sign-up` ask for a link, `/reset` and `/verify` are where links lead.
//!
//! `/forgot` and `/sign-up` say the same whether or not anybody has the address (LS-5). Opening a link does nothing yet: mail programs open
//! links too. The form behind it does.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use helpdesk::Error;
use oauth::own_account::{Chosen, Link, LinkPurpose};
use oauth::sign_in::SignInError;

use crate::form::Form;
use crate::login;
use crate::pages::{Message, page, page_that_leads_away, see_other};
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// One field: the address.
#[derive(Template)]
#[template(path = "ask_address.html")]
pub struct AskAddress {
    pub account: String,
    pub csrf: String,
    pub request: Option<String>,
    pub email: String,
    pub is_sign_up: bool,
    pub problem: Option<String>,
}

/// A password behind a link.
#[derive(Template)]
#[template(path = "reset.html")]
pub struct Reset {
    pub account: String,
    pub csrf: String,
    pub token: String,
    pub request: Option<String>,
    pub email: String,
    pub is_sign_up: bool,
    pub is_first: bool,
    pub form: Form,
}

/// A button behind a link.
#[derive(Template)]
#[template(path = "verify.html")]
pub struct Verify {
    pub account: String,
    pub csrf: String,
    pub token: String,
    pub email: String,
}

/// `GET /forgot`
pub async fn forgot(State(app): State<App>, visitor: Visitor) -> Response {
    if !app.provider.mailer.is_configured() {
        return no_mail();
    }
    ask(&app, &visitor, &Form::default(), false, StatusCode::OK, None).await
}

/// `POST /forgot`
pub async fn request_reset(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    if !app.provider.mailer.is_configured() {
        return no_mail();
    }
    let requested = app.provider.request_reset(form.value("email"), &visitor.browser()).await;
    asked(&app, &visitor, &form, false, requested).await
}

/// `GET /sign-up`
pub async fn sign_up(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    match app.provider.has_sign_up().await {
        Ok(true) => ask(&app, &visitor, &query, true, StatusCode::OK, None).await,
        // Where nobody may sign up, people sign in (AZ-16).
        Ok(false) => see_other(&login::address(query.filled("request"), None)),
        Err(error) => errors::database(&error),
    }
}

/// `POST /sign-up`
pub async fn request_sign_up(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    match app.provider.has_sign_up().await {
        Ok(true) => {}
        Ok(false) => return see_other(&login::address(form.filled("request"), None)),
        Err(error) => return errors::database(&error),
    }
    let request = form.filled("request");
    let requested = app.provider.request_sign_up(form.value("email"), request, &visitor.browser()).await;
    asked(&app, &visitor, &form, true, requested).await
}

/// `GET /reset?token=…`
pub async fn reset(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let token = query.value("token");
    match app.provider.mailed_link(token).await {
        Ok(Some(link)) if link.purpose != LinkPurpose::Verify => {
            let form = Form::new(vec![("name".to_owned(), link.name.clone())]);
            choose(&app, &visitor, token, query.filled("request"), &link, form, StatusCode::OK).await
        }
        Ok(_) => used_up(),
        Err(error) => errors::database(&error),
    }
}

/// `POST /reset`
pub async fn choose_password(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let token = form.value("token").to_owned();
    let link = match app.provider.mailed_link(&token).await {
        Ok(Some(link)) => link,
        Ok(None) => return used_up(),
        Err(error) => return errors::database(&error),
    };
    let chosen =
        app.provider.choose_password(&token, form.filled("name"), form.value("password"), &visitor.browser()).await;
    match chosen {
        Ok(Some(Chosen::SignedIn(signed_in))) => {
            let request = form.filled("request").map(str::to_owned);
            login::proceed(&app, visitor, *signed_in, request.as_deref(), None).await
        }
        Ok(Some(Chosen::Reset)) => visitor.signed_out(see_other("/login?done=password-reset")),
        Ok(None) => used_up(),
        Err(Error::Invalid { field, problem }) => {
            form.refuse(if field == "name" { "name" } else { "password" }, text::sentence(&problem));
            let request = form.filled("request").map(str::to_owned);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            choose(&app, &visitor, &token, request.as_deref(), &link, form, status).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `GET /verify?token=…`
pub async fn verify(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let token = query.value("token");
    let link = match app.provider.mailed_link(token).await {
        Ok(Some(link)) if link.purpose == LinkPurpose::Verify => link,
        Ok(_) => return used_up(),
        Err(error) => return errors::database(&error),
    };
    match account::name(&app).await {
        Ok(account) => {
            let csrf = visitor.csrf_before_sign_in("");
            let page_of = Verify { account, csrf, token: token.to_owned(), email: text::shown(&link.email, 80) };
            visitor.named(page(StatusCode::OK, &page_of))
        }
        Err(error) => errors::database(&error),
    }
}

/// `POST /verify`
pub async fn confirm_address(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    match app.provider.verify_address(form.value("token"), &visitor.request_id).await {
        Ok(true) if visitor.session.is_some() => see_other("/me/security?done=email-verified"),
        Ok(true) => see_other("/login?done=email-verified"),
        Ok(false) => used_up(),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn ask(
    app: &App,
    visitor: &Visitor,
    form: &Form,
    is_sign_up: bool,
    status: StatusCode,
    problem: Option<String>,
) -> Response {
    let request = form.filled("request").filter(|_| is_sign_up);
    match account::name(app).await {
        Ok(account) => {
            let page_of = AskAddress {
                account,
                csrf: visitor.csrf_before_sign_in(request.unwrap_or_default()),
                request: request.map(str::to_owned),
                email: text::shown(form.value("email"), 320),
                is_sign_up,
                problem,
            };
            visitor.named(page(status, &page_of))
        }
        Err(error) => errors::database(&error),
    }
}

async fn asked(
    app: &App,
    visitor: &Visitor,
    form: &Form,
    is_sign_up: bool,
    requested: Result<(), SignInError>,
) -> Response {
    match requested {
        Ok(()) => {
            let text = match is_sign_up {
                true => {
                    "If the address can be used here, a mail with a link is on its way. Open it to choose your name and password."
                }
                false => {
                    "If somebody here has this address, a mail with a link is on its way. It works for 30 minutes."
                }
            };
            Message::new("Look into your mailbox", text)
                .what_next("Nothing there? Look among the unwanted mail, and whether the address was right.")
                .link("/login", "Back to sign-in")
                .answer(StatusCode::OK)
        }
        Err(SignInError::Limited { retry_after_seconds }) => {
            let problem = Some(login::too_many(retry_after_seconds));
            let page = ask(app, visitor, form, is_sign_up, StatusCode::TOO_MANY_REQUESTS, problem).await;
            login::with_retry_after(page, retry_after_seconds)
        }
        Err(SignInError::Store(error)) => errors::database(&error),
        Err(SignInError::Wrong | SignInError::Over | SignInError::SecondFactor { .. }) => used_up(),
    }
}

async fn choose(
    app: &App,
    visitor: &Visitor,
    token: &str,
    request: Option<&str>,
    link: &Link,
    form: Form,
    status: StatusCode,
) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let page_of = Reset {
        account,
        csrf: visitor.csrf_before_sign_in(request.unwrap_or_default()),
        token: token.to_owned(),
        request: request.map(str::to_owned),
        email: text::shown(&link.email, 320),
        is_sign_up: link.purpose == LinkPurpose::SignUp,
        is_first: link.purpose != LinkPurpose::Reset,
        form,
    };
    visitor.named(page_that_leads_away(status, &page_of))
}

fn used_up() -> Response {
    Message::new(
        "This link does not work any more",
        "It works once, for a limited time, and only the way it was mailed.",
    )
    .what_next("Ask for a new one if you still need it.")
    .link("/login", "Go to sign-in")
    .answer(StatusCode::GONE)
}

fn no_mail() -> Response {
    Message::new("No mail can be sent", "This server has no mail server configured, so it cannot send you a link.")
        .what_next("Ask an administrator of your account for a new password.")
        .link("/login", "Back to sign-in")
        .answer(StatusCode::NOT_FOUND)
}

//! Setting up and removing what shows who somebody is besides a password: `/me/security/totp`, `/me/security/recovery-codes`,
//! `/me/security/passkeys` (LS-8).
//!
//! Each of these changes asks for a recent sign-in, and for the second factor where there is one: a session that was left open on a
//! desk is not enough.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use helpdesk::Error;
use oauth::factors::Hurdle;
use oauth::sessions::{Session, SignedIn};
use qrcodegen::{QrCode, QrCodeEcc};

use super::security::{self, ADDRESS};
use crate::form::Form;
use crate::login::{self, is_own_path};
use crate::pages::{Frame, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// The secret, as a picture and in letters, and a field for its first code.
#[derive(Template)]
#[template(path = "me/totp.html")]
pub struct TotpSetUp {
    pub frame: Frame,
    pub form: Form,
    pub return_to: Option<String>,
    /// In groups of four letters.
    pub secret: String,
    pub qr: Qr,
}

/// A QR code as a path of squares, with a quiet zone of four.
pub struct Qr {
    /// Squares along one side.
    pub size: i32,
    pub path: String,
}

/// Codes that are shown this once.
#[derive(Template)]
#[template(path = "me/recovery_codes.html")]
pub struct RecoveryCodes {
    pub frame: Frame,
    pub codes: Vec<String>,
    pub return_to: String,
    pub is_first: bool,
}

/// A name, and the browser's own question.
#[derive(Template)]
#[template(path = "me/passkey_new.html")]
pub struct PasskeyNew {
    pub frame: Frame,
    pub step: String,
    pub options: String,
    pub return_to: Option<String>,
}

/// `POST /me/security/totp/new`
pub async fn begin_totp(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let session = match allowed(&app, &visitor).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    match app.provider.begin_totp(&session).await {
        Ok(()) => see_other(&with_return("/me/security/totp", &form)),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `GET /me/security/totp`
pub async fn show_totp(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    totp_page(&app, &visitor, query, StatusCode::OK).await
}

async fn totp_page(app: &App, visitor: &Visitor, form: Form, status: StatusCode) -> Response {
    let session = match allowed(app, visitor).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let set_up = match app.provider.totp_set_up(&session, &account).await {
        Ok(Some(set_up)) => set_up,
        Ok(None) => return see_other(ADDRESS),
        Err(error) => return errors::database(&error),
    };
    let (Some(qr), Some(frame)) = (qr_of(&set_up.url), frame_of(visitor, account, "Set up an app for codes")) else {
        return see_other("/login");
    };
    let return_to = form.filled("return_to").filter(|path| is_own_path(path)).map(str::to_owned);
    let secret: Vec<String> =
        set_up.secret.chars().collect::<Vec<char>>().chunks(4).map(|four| four.iter().collect()).collect();
    page(status, &TotpSetUp { frame, form, return_to, secret: secret.join(" "), qr })
}

/// `POST /me/security/totp`
pub async fn confirm_totp(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let session = match allowed(&app, &visitor).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    match app.provider.confirm_totp(&session, form.value("code"), &visitor.request_id).await {
        Ok(confirmed) => match confirmed.recovery_codes {
            Some(codes) => codes_page(&app, visitor, confirmed.signed_in, codes, &form).await,
            None => visitor.signed_in(see_other(&after(&form, "totp-added")), &confirmed.signed_in.cookie),
        },
        Err(Error::Invalid { problem, .. }) => {
            form.refuse("code", text::sentence(&problem));
            totp_page(&app, &visitor, form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /me/security/totp/remove`
pub async fn remove_totp(State(app): State<App>, posted: Posted) -> Response {
    let visitor = posted.visitor;
    let session = match allowed(&app, &visitor).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    match app.provider.remove_totp(&session, &visitor.request_id).await {
        Ok(()) => see_other("/me/security?done=totp-removed"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /me/security/recovery-codes`
pub async fn make_codes(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form: _ } = posted;
    let session = match allowed(&app, &visitor).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    let codes = match app.provider.make_recovery_codes(&session, &visitor.request_id).await {
        Ok(codes) => codes,
        Err(error) => return errors::helpdesk(&error),
    };
    let account = match account::name(&app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let Some(frame) = frame_of(&visitor, account, "Recovery codes") else { return see_other("/login") };
    page(StatusCode::OK, &RecoveryCodes { frame, codes, return_to: ADDRESS.to_owned(), is_first: false })
}

/// The session goes on under a new cookie, so the page's forms already carry its value.
async fn codes_page(app: &App, mut visitor: Visitor, signed_in: SignedIn, codes: Vec<String>, form: &Form) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    visitor.goes_on(signed_in.session, &signed_in.cookie);
    let Some(frame) = frame_of(&visitor, account, "Recovery codes") else { return see_other("/login") };
    let return_to = form.filled("return_to").filter(|path| is_own_path(path)).unwrap_or(ADDRESS).to_owned();
    let page_of = RecoveryCodes { frame, codes, return_to, is_first: true };
    visitor.signed_in(page(StatusCode::OK, &page_of), &signed_in.cookie)
}

/// `POST /me/security/passkeys/new`
pub async fn begin_passkey(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let session = match allowed(&app, &visitor).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    let asked = match app.provider.begin_passkey(&session, &visitor.browser()).await {
        Ok(asked) => asked,
        Err(error) => return errors::helpdesk(&error),
    };
    let account = match account::name(&app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let Some(frame) = frame_of(&visitor, account, "Add a passkey") else { return see_other("/login") };
    let return_to = form.filled("return_to").filter(|path| is_own_path(path)).map(str::to_owned);
    page(StatusCode::OK, &PasskeyNew { frame, step: asked.step, options: asked.options, return_to })
}

/// `POST /me/security/passkeys`
pub async fn finish_passkey(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let session = match allowed(&app, &visitor).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    let (step, name, credential) = (form.value("step"), form.value("name"), form.value("credential"));
    match app.provider.finish_passkey(&session, &visitor.browser(), step, name, credential).await {
        Ok(signed_in) => visitor.signed_in(see_other(&after(&form, "passkey-added")), &signed_in.cookie),
        Err(Error::Invalid { problem, .. }) => {
            form.refuse("passkeys", text::sentence(&problem));
            security::show_with(&app, &visitor, form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /me/security/passkeys/{id}/remove`
pub async fn remove_passkey(State(app): State<App>, Path(id): Path<i64>, posted: Posted) -> Response {
    let visitor = posted.visitor;
    let session = match allowed(&app, &visitor).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    match app.provider.remove_passkey(&session, &visitor.request_id, id).await {
        Ok(()) => see_other("/me/security?done=passkey-removed"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// The session, if it may change how its person signs in; else the way to one that may.
async fn allowed(app: &App, visitor: &Visitor) -> Result<Arc<Session>, Response> {
    let Some(session) = &visitor.session else { return Err(see_other(&login::address(None, Some(ADDRESS)))) };
    match app.provider.may_change_factors(session).await {
        Ok(Hurdle::None) => Ok(session.clone()),
        Ok(Hurdle::SignInAgain) => Err(see_other("/login?again=1&return_to=%2Fme%2Fsecurity")),
        Ok(Hurdle::SecondFactor) => Err(see_other("/login/more?return_to=%2Fme%2Fsecurity")),
        Err(error) => Err(errors::database(&error)),
    }
}

fn frame_of(visitor: &Visitor, account: String, title: &str) -> Option<Frame> {
    let mut frame = visitor.frame(account, Section::Security, title)?;
    frame.crumbs.push(crate::pages::Crumb { href: ADDRESS.to_owned(), label: "Sign-in and security".to_owned() });
    Some(frame)
}

/// Back to where the person was going, or to their page with a word of what was done.
fn after(form: &Form, word: &str) -> String {
    match form.filled("return_to").filter(|path| is_own_path(path) && *path != ADDRESS) {
        Some(path) => path.to_owned(),
        None => format!("{ADDRESS}?done={word}"),
    }
}

fn with_return(path: &str, form: &Form) -> String {
    match form.filled("return_to").filter(|path| is_own_path(path)) {
        Some(return_to) => {
            let query: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
            format!("{path}?{query}")
        }
        None => path.to_owned(),
    }
}

/// None for a text that is too long for any QR code, which ours never are.
fn qr_of(text: &str) -> Option<Qr> {
    const QUIET: i32 = 4;
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|&x| code.get_module(x, y)) {
            path.push_str(&format!("M{},{}h1v1h-1z", x + QUIET, y + QUIET));
        }
    }
    Some(Qr { size: code.size() + 2 * QUIET, path })
}

//! `/me/security`: password, second factors, address and sessions of whoever is signed in (LS-8, LS-9).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use helpdesk::Error;
use oauth::factors::{self, Factors, passkeys};
use oauth::people_settings::{self, Settings};
use oauth::sessions::{self, Session};
use oauth::sign_in::SignInError;
use oauth::upstream::{self, Linked};
use store::StoreError;

use crate::form::Form;
use crate::login::{self, is_own_path};
use crate::pages::{Frame, Message, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

pub const ADDRESS: &str = "/me/security";

#[derive(Template)]
#[template(path = "me/security.html")]
pub struct Security {
    pub frame: Frame,
    pub form: Form,
    /// Something must be set up before the person can go on.
    pub is_needed: bool,
    /// It was an app that asked for it, not the account: then the app may be told that there is none.
    pub may_skip: bool,
    /// Where to go on afterwards, a path of our own.
    pub return_to: Option<String>,
    pub has_password: bool,
    pub email: String,
    pub is_verified: bool,
    pub has_mail: bool,
    pub factors: Factors,
    pub may_have_passkeys: bool,
    pub passkeys: Vec<PasskeyRow>,
    /// Accounts elsewhere that open this one.
    pub links: Vec<LinkRow>,
    pub sessions: Vec<SessionRow>,
}

pub struct LinkRow {
    pub id: i64,
    pub provider: String,
    pub created: When,
    pub last_used: When,
}

pub struct PasskeyRow {
    pub id: i64,
    pub name: String,
    pub created: When,
    pub last_used: When,
}

pub struct SessionRow {
    pub id: i64,
    pub browser: String,
    pub address: String,
    pub since: When,
    pub last_seen: When,
    pub is_this: bool,
}

/// What the page tells, read at once.
struct Facts {
    account: String,
    factors: Factors,
    passkeys: Vec<passkeys::Listed>,
    links: Vec<Linked>,
    sessions: Vec<Session>,
    is_verified: bool,
    has_password: bool,
    settings: Settings,
}

/// `GET /me/security`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    show_with(&app, &visitor, query, StatusCode::OK).await
}

/// The page with what was sent and what is wrong with it.
pub async fn show_with(app: &App, visitor: &Visitor, form: Form, status: StatusCode) -> Response {
    let Some(session) = &visitor.session else { return see_other("/login?return_to=%2Fme%2Fsecurity") };
    let facts = match read(app, session).await {
        Ok(facts) => facts,
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(facts.account, Section::Security, "Sign-in and security") else {
        return see_other("/login");
    };
    frame.done = done(&form);
    let now = app.clock.now();
    let passkeys = facts.passkeys.into_iter().map(|it| PasskeyRow {
        id: it.id,
        name: text::shown(&it.name, 60),
        created: When::at(it.created_at, now),
        last_used: When::or_never(it.last_used_at, now),
    });
    let links = facts.links.into_iter().map(|it| LinkRow {
        id: it.id,
        provider: text::shown(&it.provider, 60),
        created: When::at(it.created_at, now),
        last_used: When::or_never(it.last_used_at, now),
    });
    let sessions = facts.sessions.into_iter().map(|it| SessionRow {
        id: it.id,
        browser: text::browser(it.user_agent.as_deref().unwrap_or_default()),
        address: it.address.unwrap_or_default(),
        since: When::at(it.created_at, now),
        last_seen: When::at(it.last_seen_at, now),
        is_this: it.id == session.id,
    });
    let is_staff = session.role.is_staff();
    let wanted_of_staff = facts.settings.staff_second_factor && is_staff;
    let page_of = Security {
        frame,
        is_needed: !facts.factors.has_second() && (wanted_of_staff || form.filled("needed").is_some()),
        may_skip: !wanted_of_staff,
        return_to: form.filled("return_to").filter(|path| is_own_path(path)).map(str::to_owned),
        form,
        has_password: facts.has_password,
        email: text::shown(&session.email, 80),
        is_verified: facts.is_verified,
        has_mail: app.provider.mailer.is_configured(),
        factors: facts.factors,
        may_have_passkeys: app.provider.passkeys().is_some(),
        passkeys: passkeys.collect(),
        links: links.collect(),
        sessions: sessions.collect(),
    };
    page(status, &page_of)
}

async fn read(app: &App, session: &Session) -> Result<Facts, StoreError> {
    let account = account::name(app).await?;
    let settings = app.provider.setting(people_settings::NAME).await?;
    let mut tx = app.db.read().await?;
    let person = oauth::own_account::standing(&mut tx, session.person_id).await?;
    Ok(Facts {
        account,
        factors: factors::find(&mut tx, session.person_id).await?,
        passkeys: passkeys::list(&mut tx, session.person_id).await?,
        links: upstream::linked(&mut tx, session.person_id).await?,
        sessions: sessions::list(&mut tx, session.person_id, app.clock.now()).await?,
        is_verified: person.email_verified,
        has_password: person.has_password,
        settings,
    })
}

/// `POST /me/security/password`
pub async fn change_password(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let Some(session) = visitor.session.clone() else { return see_other(&login::address(None, Some(ADDRESS))) };
    let browser = visitor.browser();
    let changed =
        app.provider.change_password(&session, form.value("old_password"), form.value("new_password"), &browser).await;
    match changed {
        Ok(signed_in) => visitor.signed_in(see_other("/me/security?done=password-changed"), &signed_in.cookie),
        Err(Error::Invalid { field, problem }) => {
            form.refuse(
                if field == "old_password" { "old_password" } else { "new_password" },
                text::sentence(&problem),
            );
            show_with(&app, &visitor, form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /me/security/email`: mails a link that proves the address.
pub async fn verify_address(State(app): State<App>, posted: Posted) -> Response {
    let visitor = posted.visitor;
    let Some(session) = visitor.session.clone() else { return see_other(&login::address(None, Some(ADDRESS))) };
    if !app.provider.mailer.is_configured() {
        return Message::new("No mail can be sent", "This server has no mail server configured.")
            .link(ADDRESS, "Back")
            .answer(StatusCode::CONFLICT);
    }
    match app.provider.request_verification(&session, &visitor.browser()).await {
        Ok(()) => see_other("/me/security?done=link-mailed"),
        Err(SignInError::Limited { retry_after_seconds }) => {
            let page = Message::new("Too many mails", &login::too_many(retry_after_seconds)).link(ADDRESS, "Back");
            login::with_retry_after(page.answer(StatusCode::TOO_MANY_REQUESTS), retry_after_seconds)
        }
        Err(SignInError::Store(error)) => errors::database(&error),
        Err(SignInError::Wrong | SignInError::Over | SignInError::SecondFactor { .. }) => see_other(ADDRESS),
    }
}

/// `POST /me/security/links/{id}/remove`
pub async fn remove_link(State(app): State<App>, Path(id): Path<i64>, posted: Posted) -> Response {
    let visitor = posted.visitor;
    let Some(session) = &visitor.session else { return see_other(&login::address(None, Some(ADDRESS))) };
    match app.provider.unlink(session, &visitor.request_id, id).await {
        Ok(()) => see_other("/me/security?done=link-removed"),
        Err(Error::Refused(problem)) => {
            Message::new("This stays connected", &problem).link(ADDRESS, "Back").answer(StatusCode::CONFLICT)
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /me/security/sessions/{id}/end`
pub async fn end_session(State(app): State<App>, Path(id): Path<i64>, posted: Posted) -> Response {
    let visitor = posted.visitor;
    let Some(session) = &visitor.session else { return see_other(&login::address(None, Some(ADDRESS))) };
    match app.provider.revoke_session(session, &visitor.request_id, id).await {
        Ok(()) if id == session.id => visitor.signed_out(see_other("/login?signed_out=1")),
        Ok(()) => see_other("/me/security?done=session-ended"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /me/security/sessions/end`: everywhere, here too.
pub async fn end_sessions(State(app): State<App>, posted: Posted) -> Response {
    let visitor = posted.visitor;
    let Some(session) = &visitor.session else { return see_other(&login::address(None, Some(ADDRESS))) };
    match app.provider.sign_out_everywhere(session, &visitor.request_id).await {
        Ok(()) => visitor.signed_out(see_other("/login?signed_out=1")),
        Err(error) => errors::helpdesk(&error),
    }
}

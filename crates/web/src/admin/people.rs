//! `/admin/people`: how people sign in, what they can do without it, and help for staff who cannot.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::tickets::anonymous;
use oauth::people_settings::{self, Settings};
use oauth::{provider_settings, staff};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Accounts, Apps, Users};
use store::transact;

use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

#[derive(Template)]
#[template(path = "admin/people.html")]
pub struct People {
    pub frame: Frame,
    pub settings: Settings,
    pub has_mail: bool,
    /// Whether a request needs nobody to sign in.
    pub anybody_asks: bool,
    pub members: Vec<MemberRow>,
}

pub struct MemberRow {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub role: &'static str,
    pub has_password: bool,
    pub has_factor: bool,
    /// Such as `App for codes, 2 passkeys`.
    pub factors: String,
    pub last_seen: When,
}

/// `GET /admin/people`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Users>>,
    _admin: BySession<CanWrite<Users>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let Read { account, settings, anybody_asks, members } = match read(&app, &may).await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::People, "People and sign-in") else {
        return see_other("/login");
    };
    frame.done = done(&query);
    let now = app.clock.now();
    let members = members.into_iter().map(|it| MemberRow {
        id: it.id,
        name: text::shown(if it.name.is_empty() { &it.email } else { &it.name }, 60),
        email: text::shown(&it.email, 80),
        role: it.role.word(),
        has_password: it.has_password,
        has_factor: it.totp || 0 < it.n_passkeys,
        factors: in_words(it.totp, it.n_passkeys),
        last_seen: When::or_never(it.last_seen_at, now),
    });
    let has_mail = app.provider.mailer.is_configured();
    page(StatusCode::OK, &People { frame, settings, has_mail, anybody_asks, members: members.collect() })
}

struct Read {
    account: String,
    settings: Settings,
    anybody_asks: bool,
    members: Vec<staff::Member>,
}

async fn read(app: &App, may: &CanRead<Users>) -> Result<Read, Error> {
    let account = account::name(app).await?;
    let mut tx = app.db.read().await?;
    let settings = provider_settings::read(&mut tx, people_settings::NAME).await?;
    let anybody_asks = anonymous::are_allowed(&mut tx).await?;
    Ok(Read { account, settings, anybody_asks, members: staff::list(&mut tx, may).await? })
}

fn in_words(totp: bool, n_passkeys: i64) -> String {
    let passkeys = match n_passkeys {
        0 => None,
        1 => Some("1 passkey".to_owned()),
        n => Some(format!("{n} passkeys")),
    };
    let parts: Vec<String> = totp.then(|| "App for codes".to_owned()).into_iter().chain(passkeys).collect();
    parts.join(", ")
}

/// `POST /admin/people`: the account's choice.
pub async fn save(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    _admin: BySession<CanWrite<Users>>,
    posted: Posted,
) -> Response {
    let is_on = |name: &str| posted.form.filled(name).is_some();
    let settings = Settings {
        staff_second_factor: is_on("staff_second_factor"),
        customers_sign_in: is_on("customers_sign_in"),
        customers_sign_up: is_on("customers_sign_up"),
        admins_set_passwords: is_on("admins_set_passwords"),
    };
    match app.provider.put_setting(&may, people_settings::NAME, &settings).await {
        Ok(()) => see_other("/admin/people?done=saved"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/people/requests`: whether anybody may write a request.
pub async fn open_requests(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Accounts>>,
    _admin: BySession<CanWrite<Users>>,
    posted: Posted,
) -> Response {
    let (allowed, done) = match posted.form.value("requests") {
        "open" => (true, "requests-open"),
        "closed" => (false, "requests-closed"),
        _ => return see_other("/admin/people"),
    };
    let now = app.clock.now();
    match transact!(app.db, |tx| anonymous::allow(tx, &may, now, allowed).await) {
        Ok(()) => see_other(&format!("/admin/people?done={done}")),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/people/{id}/invite`
pub async fn invite(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    match app.provider.invite(&may, id).await {
        Ok(()) => see_other("/admin/people?done=link-mailed"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/people/{id}/remove-factors`
pub async fn remove_factors(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    match app.provider.remove_factors(&may, id).await {
        Ok(()) => see_other("/admin/people?done=factors-removed"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/people/{id}/sign-out`
pub async fn sign_out(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    match app.provider.sign_out_user(&may, id).await {
        Ok(()) => see_other("/admin/people?done=signed-out"),
        Err(error) => errors::helpdesk(&error),
    }
}

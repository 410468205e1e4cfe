//! `/admin/keys`: the keys that sign tokens, and how they are replaced (KEY-3).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use oauth::Error;
use oauth::key_rotation::{Rotation, SigningKey, State as KeyState};
use scope::permit::CanWrite;
use scope::resource::Apps;
use store::StoreError;

use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors};

#[derive(Template)]
#[template(path = "admin/keys.html")]
pub struct Keys {
    pub frame: Frame,
    pub keys: Vec<KeyRow>,
    /// Days between rotations; 0: never by themselves.
    pub rotation_days: i64,
}

pub struct KeyRow {
    pub kid: String,
    pub algorithm: String,
    pub state: KeyState,
    pub created: When,
    pub active_from: When,
    /// None: not before it is replaced.
    pub expires: Option<When>,
}

/// `GET /admin/keys`
pub async fn list(
    State(app): State<App>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let (account, keys) = match read(&app).await {
        Ok(read) => read,
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Keys, "Signing keys") else { return see_other("/login") };
    frame.done = done(&query);
    let now = app.clock.now();
    let row = |key: SigningKey| KeyRow {
        kid: key.kid,
        algorithm: key.algorithm,
        state: key.state,
        created: When::at(key.created_at, now),
        active_from: When::at(key.active_from, now),
        expires: key.expires_at.map(|end| When::at(end, now)),
    };
    let rotation_days = app.provider.config.key_rotation_days;
    page(StatusCode::OK, &Keys { frame, keys: keys.into_iter().map(row).collect(), rotation_days })
}

async fn read(app: &App) -> Result<(String, Vec<SigningKey>), StoreError> {
    Ok((account::name(app).await?, app.provider.list_keys().await?))
}

/// `POST /admin/keys/rotate`. `when` says how: announced unless it is `now` or, for keys that leaked, `revoke`.
pub async fn rotate(State(app): State<App>, BySession(may): BySession<CanWrite<Apps>>, posted: Posted) -> Response {
    let rotation = match posted.form.value("when") {
        "now" => Rotation::Now,
        "revoke" => Rotation::AtOnce,
        _ => Rotation::Announced,
    };
    answer(app.provider.rotate_keys(may.actor(), rotation).await, "/admin/keys?done=keys-rotated")
}

/// `POST /admin/keys/{kid}/revoke`
pub async fn revoke(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(kid): Path<String>,
    _posted: Posted,
) -> Response {
    answer(app.provider.revoke_key(may.actor(), &kid).await, "/admin/keys?done=key-revoked")
}

fn answer(result: Result<(), Error>, next: &str) -> Response {
    match result {
        Ok(()) => see_other(next),
        Err(Error::Store(error)) => errors::database(&error),
        Err(Error::Helpdesk(error)) => errors::helpdesk(&error),
        Err(error) => {
            error.log();
            errors::broken()
        }
    }
}

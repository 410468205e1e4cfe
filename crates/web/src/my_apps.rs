//! `/me/apps`: what the signed-in person let apps do, and how they take it back (CO-9).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use oauth::consents::{self, Grant};
use oauth::sessions::Session;
use scope::Dialect;
use store::StoreError;

use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::scopes::{Chip, chips};
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// More than one person ever allows.
const LIMIT: i64 = 200;

#[derive(Template)]
#[template(path = "my_apps.html")]
pub struct MyApps {
    pub frame: Frame,
    pub grants: Vec<GrantRow>,
}

pub struct GrantRow {
    pub id: i64,
    pub app: String,
    pub words: Vec<Chip>,
    /// What an administrator took away since.
    pub lost: Vec<Chip>,
    pub created: When,
    pub last_used: When,
    /// From which address it was last used.
    pub last_used_from: Option<String>,
    /// None: until it is withdrawn.
    pub expires: Option<When>,
}

/// `GET /me/apps`
pub async fn list(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let Some(session) = &visitor.session else { return see_other("/login?return_to=%2Fme%2Fapps") };
    let (account, grants) = match read(&app, session).await {
        Ok(read) => read,
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::MyApps, "Apps you allowed") else {
        return see_other("/login");
    };
    frame.done = done(&query);
    let now = app.clock.now();
    let rows = grants.into_iter().map(|grant| GrantRow {
        id: grant.id,
        app: text::shown(&grant.client_name, 60),
        words: chips(Dialect::Standard, grant.still.as_str()),
        lost: chips(Dialect::Standard, grant.scope.without(&grant.still).as_str()),
        created: When::at(grant.created_at, now),
        last_used: When::or_never(grant.last_used_at, now),
        last_used_from: grant.last_used_address.map(|it| text::shown(&it, 60)),
        expires: grant.expires_at.map(|end| When::at(end, now)),
    });
    page(StatusCode::OK, &MyApps { frame, grants: rows.collect() })
}

async fn read(app: &App, session: &Session) -> Result<(String, Vec<Grant>), StoreError> {
    let account = account::name(app).await?;
    let mut tx = app.db.read().await?;
    let grants = consents::list_own(&mut tx, session, app.clock.now(), None, LIMIT).await?;
    Ok((account, grants))
}

/// `POST /me/apps/{id}/withdraw`
pub async fn withdraw(State(app): State<App>, Path(id): Path<i64>, posted: Posted) -> Response {
    let Some(session) = &posted.visitor.session else { return see_other("/login") };
    match app.provider.revoke_own_grant(session, &posted.visitor.request_id, id).await {
        Ok(()) => see_other("/me/apps?done=withdrawn"),
        Err(error) => errors::helpdesk(&error),
    }
}

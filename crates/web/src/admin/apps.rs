//! `/admin/apps`: the registered apps.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use oauth::clients::{self, usage};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use store::StoreError;

use crate::pages::{Frame, Section, done, page, see_other};
use crate::scopes::name_of;
use crate::visitor::{Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// One page of the list. Who has more searches.
const LIMIT: usize = 100;

#[derive(Template)]
#[template(path = "admin/apps.html")]
pub struct List {
    pub frame: Frame,
    pub apps: Vec<AppRow>,
    pub has_more: bool,
    pub search: String,
}

pub struct AppRow {
    pub id: i64,
    pub name: String,
    pub publisher: Option<String>,
    pub dialect: &'static str,
    pub kind: &'static str,
    pub is_active: bool,
    /// People who allow it now.
    pub n_grants: i64,
    pub last_used: When,
}

/// `GET /admin/apps`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let search = text::shown(query.value("search"), 100);
    let limit = i64::try_from(LIMIT + 1).unwrap_or(i64::MAX);
    let (account, mut apps) = match rows(&app, &may, Some(&search), limit).await {
        Ok(read) => read,
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Apps, "Apps") else { return see_other("/login") };
    frame.done = done(&query);
    let has_more = LIMIT < apps.len();
    apps.truncate(LIMIT);
    page(StatusCode::OK, &List { frame, apps, has_more, search })
}

/// The account's name and its apps, by name.
pub async fn rows(
    app: &App,
    may: &CanRead<Apps>,
    search: Option<&str>,
    limit: i64,
) -> Result<(String, Vec<AppRow>), StoreError> {
    let account = account::name(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let mut rows = Vec::new();
    for client in clients::list(&mut tx, may, search, None, limit).await? {
        let usage = usage::of(&mut tx, may, client.id).await?;
        rows.push(AppRow {
            id: client.id,
            name: text::shown(&client.name, 80),
            publisher: client.publisher.as_deref().map(|it| text::shown(it, 80)),
            dialect: name_of(client.dialect),
            kind: kind_of(client.is_public()),
            is_active: client.is_active(),
            n_grants: usage.n_people,
            last_used: When::or_never(usage.last_used_at, now),
        });
    }
    Ok((account, rows))
}

pub fn kind_of(is_public: bool) -> &'static str {
    if is_public { "Public" } else { "Confidential" }
}

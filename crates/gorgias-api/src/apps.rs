//! `/api/apps`: which apps are installed.
//!
//! The vendor publishes the scopes and not the endpoints: the shape is ours. Registering apps is not done here.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, InstalledApp, May};
use scope::permit::{CanRead, CanWrite};
use scope::resource::InstalledApps;
use serde_json::{Value, json};

use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, empty, time};

const ORDERS: Orders = &["name:asc"];

/// `GET /api/apps`
pub async fn list(State(app): State<App>, May(may): May<CanRead<InstalledApps>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "apps", ORDERS)?;
    params.finish()?;

    let page = app.provider.installed_apps(&may, &asked.slice).await?;
    Ok(Json(asked.envelope(page, |it| view(&it))))
}

/// `GET /api/apps/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<InstalledApps>>, Path(id): Path<String>) -> Answer {
    let found = app.provider.installed_app(&may, &id).await?;
    Ok(Json(view(&found)))
}

/// `DELETE /api/apps/{id}`: its tokens end at once, and what it made is switched off.
pub async fn uninstall(
    State(app): State<App>,
    May(may): May<CanWrite<InstalledApps>>,
    Path(id): Path<String>,
) -> Result<Response, GorgiasError> {
    app.provider.uninstall_app(&may, &id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn view(app: &InstalledApp) -> Value {
    json!({
        "id": app.app_id,
        "name": app.name,
        "app_url": app.app_url.as_deref().unwrap_or_default(),
        "redirect_urls": app.redirect_urls,
        "scopes": app.scopes,
        "is_installed": app.is_installed,
        "created_datetime": time::format(app.created_at),
    })
}

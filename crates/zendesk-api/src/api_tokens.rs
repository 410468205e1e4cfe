//! `/api/v2/api_tokens`: our API keys (Zendesk contract, `oauth.management_api.api_tokens`). A key speaks for one member of the staff, its
//! maker, and is told once.

use axum::extract::State;
use axum::http::StatusCode;
use endpoint::api_key_switch::{self, ApiKeySwitch};
use endpoint::{App, May, Routes};
use helpdesk::api_keys::{self, ApiKey};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Security;
use serde_json::{Map, Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::page;
use crate::query::Params;
use crate::time::{format, format_or_null};
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/api_tokens", list)
        .post("/api/v2/api_tokens", create)
        .put("/api/v2/api_tokens/{id}", update)
        .delete("/api/v2/api_tokens/{id}", delete)
}

/// Most keys of an account that are listed (Zendesk contract, `active_keys_per_account`).
const KEYS_MAX: i64 = 2048;
const DESCRIPTION_MAX_CHARS: usize = 255;

/// `GET /api/v2/api_tokens`: all living ones, newest first.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Security>>, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let keys = api_keys::list_all(&mut tx, &may, None, KEYS_MAX).await?;
    let views = keys.iter().map(|listed| {
        let mut view = view(&params.site, &listed.key);
        if params.flag("include_users") {
            let user = json!({ "id": listed.key.person_id, "name": listed.person_name, "email": listed.person_email });
            view.insert("user".to_owned(), user);
        }
        Value::Object(view)
    });
    Ok(Reply::ok(Value::Object(page::whole("api_tokens", views.collect()))))
}

/// `POST /api/v2/api_tokens`: one for the caller. Refused where the account has switched keys off, as after the vendor's end of them.
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Security>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("api_token")?;
    let description = fields.some_text("description", DESCRIPTION_MAX_CHARS).unwrap_or_default();
    fields.pass(&["active", "created_at", "id", "token", "updated_at", "url", "used_at", "user_id"]);
    fields.finish()?;
    if app.provider.setting::<ApiKeySwitch>(api_key_switch::NAME).await?.off {
        let text = "API tokens can no longer be created. Use an OAuth client.".to_owned();
        return Err(ZendeskError::Simple(StatusCode::FORBIDDEN, "Forbidden", text));
    }
    let person_id = may.actor().person_id.unwrap_or_default();
    let now = app.clock.now();
    let (key, value) =
        transact!(app.db, |tx| { api_keys::create(tx, may.actor(), now, &app.random, person_id, &description).await })?;
    let mut shown = view(&params.site, &key);
    shown.insert("full_token".to_owned(), json!(value));
    Ok(Reply::created("api_token", Value::Object(shown)))
}

/// `PUT /api/v2/api_tokens/{id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Security>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("api_token")?;
    fields.require("description");
    let description = fields.some_text("description", DESCRIPTION_MAX_CHARS).unwrap_or_default();
    fields.pass(&["active", "created_at", "id", "token", "updated_at", "url", "used_at", "user_id"]);
    fields.finish()?;
    let now = app.clock.now();
    let key = transact!(app.db, |tx| api_keys::rename(tx, &may, now, id, &description).await)?;
    Ok(Reply::one("api_token", Value::Object(view(&params.site, &key))))
}

/// `DELETE /api/v2/api_tokens/{id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Security>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| api_keys::revoke_any(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

fn view(site: &Site, key: &ApiKey) -> Map<String, Value> {
    Map::from_iter([
        ("id".to_owned(), json!(key.id)),
        ("url".to_owned(), json!(site.url(&format!("api_tokens/{}", key.id)))),
        ("description".to_owned(), json!(key.name)),
        ("token".to_owned(), json!(key.hint)),
        ("user_id".to_owned(), json!(key.person_id)),
        ("active".to_owned(), json!(key.revoked_at.is_none())),
        ("created_at".to_owned(), json!(format(key.created_at))),
        ("used_at".to_owned(), format_or_null(key.last_used_at)),
    ])
}

//! `/api/v2/oauth/tokens`: what apps hold, by number (Zendesk contract, `oauth.management_api.tokens`). A number stands for the access token
//! and the refresh token that belong together; their values are told once, their beginnings later.

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, ItsToken, Later, May, Routes};
use oauth::issued::{self, Filter, Issued, NewToken};
use scope::Dialect;
use scope::permission::{Permission, Permissions};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Kind, Read, Write};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::page::Asked;
use crate::query::Params;
use crate::time::{format, format_or_null};
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/api/v2/oauth/tokens/{oauth_token_id}";
    const CURRENT: &str = "/api/v2/oauth/tokens/current";
    const OWN: &str = "a broad scope for the caller's own tokens, an administrator's for others";
    const ANY: &str = "any token may ask about itself and end itself";
    routes
        .get("/api/v2/oauth/tokens", list)
        .post("/api/v2/oauth/tokens", create)
        .by_request(MethodFilter::GET, CURRENT, show_current, READ, ANY)
        .by_request(MethodFilter::DELETE, CURRENT, revoke_current, WRITE, ANY)
        .by_request(MethodFilter::GET, PATH, show, READ, OWN)
        .by_request(MethodFilter::DELETE, PATH, revoke, WRITE, OWN)
}

/// What refusals name.
const READ: Permissions = Permissions::of(&[Permission::read(Kind::Apps)]);
const WRITE: Permissions = Permissions::of(&[Permission::write(Kind::Apps)]);

const SCOPE_MAX_CHARS: usize = 255;

/// `GET /api/v2/oauth/tokens`: the caller's own, or with `all=true` everybody's.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Apps>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "oauth tokens", &["id"])?;
    let all = params.flag("all");
    let client = params.id("client_id")?;
    let filter = Filter {
        dialect: Dialect::Zendesk,
        person_id: if all { None } else { Some(may.actor().person_id.unwrap_or_default()) },
        client_row: if client.is_some() { client } else { params.id("global_client_id")? },
        expired: all && params.flag("include_expired"),
    };
    let mut tx = app.db.read().await?;
    let page = issued::list(&mut tx, &may, app.clock.now(), filter, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("tokens", page, |token| Value::Object(view(&params.site, &token))))))
}

/// `POST /api/v2/oauth/tokens`: one without end for the caller.
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Apps>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("token")?;
    let client_id = fields.required_id("client_id");
    fields.require("scopes");
    let scopes = fields.texts("scopes", SCOPE_MAX_CHARS).unwrap_or_default();
    fields.finish()?;
    let new = NewToken {
        dialect: Dialect::Zendesk,
        client_row: client_id,
        person_id: may.actor().person_id.unwrap_or_default(),
        words: &scopes,
        seconds: None,
    };
    let (token, value) = app.provider.issue_token(&may, new).await?;
    let mut shown = view(&params.site, &token);
    shown.insert("full_token".to_owned(), json!(value));
    Ok(Reply::created("token", Value::Object(shown)))
}

/// `GET /api/v2/oauth/tokens/current`: whatever its scopes.
pub async fn show_current(State(app): State<App>, _caller: Later, ItsToken(token): ItsToken, params: Params) -> Answer {
    let token = token.ok_or_else(ZendeskError::not_found)?;
    let mut tx = app.db.read().await?;
    let issued = issued::current(&mut tx, app.clock.now(), token).await?;
    Ok(Reply::one("token", Value::Object(view(&params.site, &issued))))
}

/// `DELETE /api/v2/oauth/tokens/current`: with the refresh token that belongs to it.
pub async fn revoke_current(State(app): State<App>, caller: Later, ItsToken(token): ItsToken) -> Answer {
    let token = token.ok_or_else(ZendeskError::not_found)?;
    app.provider.revoke_presented(caller.actor(), token).await?;
    Ok(Reply::empty())
}

/// `GET /api/v2/oauth/tokens/{oauth_token_id}`
pub async fn show(State(app): State<App>, caller: Later, Id(id): Id, params: Params) -> Answer {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let own = match caller.actor().person_id.filter(|_| caller.is_broad(Permissions::all_reads())) {
        Some(person_id) => issued::find_own(&mut tx, now, person_id, id).await?,
        None => None,
    };
    let token = match own {
        Some(token) => token,
        None => issued::find(&mut tx, &caller.permit::<Apps, Read>()?, now, id).await?,
    };
    Ok(Reply::one("token", Value::Object(view(&params.site, &token))))
}

/// `DELETE /api/v2/oauth/tokens/{oauth_token_id}`
pub async fn revoke(State(app): State<App>, caller: Later, Id(id): Id) -> Answer {
    let own = match caller.actor().person_id.filter(|_| caller.is_broad(Permissions::all_writes())) {
        Some(person_id) => {
            let mut tx = app.db.read().await?;
            issued::find_own(&mut tx, app.clock.now(), person_id, id).await?.map(|_| person_id)
        }
        None => None,
    };
    match own {
        Some(person_id) => app.provider.revoke_own_issued(caller.actor(), person_id, id).await?,
        None => app.provider.revoke_issued(&caller.permit::<Apps, Write>()?, id).await?,
    }
    Ok(Reply::empty())
}

fn view(site: &Site, token: &Issued) -> Map<String, Value> {
    Map::from_iter([
        ("id".to_owned(), json!(token.id)),
        ("url".to_owned(), json!(site.url(&format!("oauth/tokens/{}", token.id)))),
        ("client_id".to_owned(), json!(token.client_row)),
        ("user_id".to_owned(), json!(token.person_id)),
        ("scopes".to_owned(), json!(token.scope.words().collect::<Vec<&str>>())),
        ("token".to_owned(), json!(token.hint.as_deref().unwrap_or_default())),
        ("refresh_token".to_owned(), json!(token.refresh_hint)),
        ("expires_at".to_owned(), format_or_null(token.expires_at)),
        ("refresh_token_expires_at".to_owned(), format_or_null(token.refresh_expires_at)),
        ("created_at".to_owned(), json!(format(token.created_at))),
        ("used_at".to_owned(), format_or_null(token.used_at)),
    ])
}

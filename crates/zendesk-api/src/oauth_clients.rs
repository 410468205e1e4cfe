//! `/api/v2/oauth/clients` and `/api/v2/oauth/global_clients`: the apps that speak this dialect (Zendesk contract,
//! `oauth.management_api`). The provider does the work; a secret is told once.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::Error;
use oauth::clients::numbered::{self, Shown, Which};
use oauth::clients::{Client, ClientChange, ClientType, NewClient, OldSecrets};
use oauth::issued;
use scope::Dialect;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::{format, format_or_null};
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/oauth/clients", list)
        .post("/api/v2/oauth/clients", create)
        .get("/api/v2/oauth/clients/{oauth_client_id}", show)
        .put("/api/v2/oauth/clients/{oauth_client_id}", update)
        .delete("/api/v2/oauth/clients/{oauth_client_id}", delete)
        .put("/api/v2/oauth/clients/{oauth_client_id}/generate_secret", generate_secret)
        .get("/api/v2/users/me/oauth/clients", list_own)
        .get("/api/v2/users/{user_id}/oauth/clients", list_of_user)
        .get("/api/v2/oauth/global_clients", list_global)
        .get("/api/v2/oauth/global_clients/token_summary", summarize_global)
        .get("/api/v2/oauth/global_clients/{global_client_id}", show_global)
}

const TEXT_MAX_CHARS: usize = 2048;
/// The ceiling of a client that names none: what a request without a scope asks for, too.
const USUAL_SCOPES: [&str; 2] = ["read", "write"];
const KINDS: &[&str] = &["public", "confidential", "unknown"];

/// What a client may say of itself.
#[derive(Debug, Default)]
struct Sent {
    identifier: Option<String>,
    name: Option<String>,
    kind: Option<ClientType>,
    user_id: Option<i64>,
    company: Option<Option<String>>,
    description: Option<Option<String>>,
    redirect_uri: Option<Vec<String>>,
    allowed_scopes: Option<Vec<String>>,
}

/// `GET /api/v2/oauth/clients`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Apps>>, params: Params) -> Answer {
    list_by(&app, &may, &params, ("oauth clients", Which::All)).await
}

/// `GET /api/v2/users/me/oauth/clients`
pub async fn list_own(State(app): State<App>, May(may): May<CanRead<Apps>>, params: Params) -> Answer {
    let own = may.actor().person_id.unwrap_or_default();
    list_by(&app, &may, &params, ("own oauth clients", Which::OwnedBy(own))).await
}

/// `GET /api/v2/users/{user_id}/oauth/clients`
pub async fn list_of_user(State(app): State<App>, May(may): May<CanRead<Apps>>, Id(id): Id, params: Params) -> Answer {
    list_by(&app, &may, &params, ("oauth clients of user", Which::OwnedBy(id))).await
}

async fn list_by(app: &App, may: &CanRead<Apps>, params: &Params, (list, which): (&'static str, Which)) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = numbered::list(&mut tx, may, app.clock.now(), (Dialect::Zendesk, which), &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("clients", page, |shown| view(&params.site, &shown)))))
}

/// `GET /api/v2/oauth/clients/{oauth_client_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Apps>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let shown = numbered::find(&mut tx, &may, app.clock.now(), Dialect::Zendesk, id).await?;
    Ok(Reply::one("client", view(&params.site, &shown)))
}

/// `POST /api/v2/oauth/clients`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Apps>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("client")?;
    fields.require("identifier");
    fields.require("name");
    let sent = read(&mut fields);
    fields.finish()?;
    let kind = sent.kind.unwrap_or(ClientType::Confidential);
    let new = NewClient {
        name: sent.name.unwrap_or_default(),
        publisher: sent.company.flatten(),
        description: sent.description.flatten(),
        dialect: Dialect::Zendesk,
        client_type: kind,
        redirect_uris: sent.redirect_uri.unwrap_or_default(),
        allowed_scopes: sent.allowed_scopes.unwrap_or_else(|| USUAL_SCOPES.map(str::to_owned).to_vec()),
        client_credentials: kind == ClientType::Confidential,
        owner_id: sent.user_id,
        ..NewClient::default()
    };
    let identifier = sent.identifier.unwrap_or_default();
    let made = app.provider.create_known_client(&may, new, &identifier, None).await;
    let (client, secret) = made.map_err(in_our_words)?;
    Ok(Reply::created("client", view(&params.site, &(client, secret.map(|secret| secret.value)))))
}

/// `PUT /api/v2/oauth/clients/{oauth_client_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Apps>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("client")?;
    let sent = read(&mut fields);
    fields.finish()?;
    let (before, hint) = known(&app, &may, id).await?;
    if sent.identifier.is_some_and(|identifier| identifier != before.client_id) {
        return Err(ZendeskError::invalid("identifier", "cannot be changed"));
    }
    let change = ClientChange {
        name: sent.name,
        publisher: sent.company,
        description: sent.description,
        redirect_uris: sent.redirect_uri,
        allowed_scopes: sent.allowed_scopes,
        client_type: sent.kind,
        client_credentials: sent.kind.map(|kind| kind == ClientType::Confidential),
        owner_id: sent.user_id,
        ..ClientChange::default()
    };
    let after = app.provider.update_client(&may, id, change).await.map_err(in_our_words)?;
    let hint = hint.filter(|_| !after.is_public());
    Ok(Reply::one("client", view(&params.site, &(after, hint))))
}

/// `DELETE /api/v2/oauth/clients/{oauth_client_id}`: its tokens end with it.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Apps>>, Id(id): Id) -> Answer {
    known(&app, &may, id).await?;
    app.provider.delete_client(&may, id).await?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/oauth/clients/{oauth_client_id}/generate_secret`: told whole this once; the old ones end.
pub async fn generate_secret(
    State(app): State<App>,
    May(may): May<CanWrite<Apps>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let (client, _) = known(&app, &may, id).await?;
    let secret = app.provider.add_secret(&may, id, OldSecrets::EndNow).await?;
    Ok(Reply::one("client", view(&params.site, &(client, Some(secret.value)))))
}

/// The app that is to be changed: none of another dialect.
async fn known(app: &App, may: &CanWrite<Apps>, id: i64) -> Result<Shown, ZendeskError> {
    let mut tx = app.db.read().await?;
    Ok(numbered::find(&mut tx, may, app.clock.now(), Dialect::Zendesk, id).await?)
}

/// `GET /api/v2/oauth/global_clients`
pub async fn list_global(State(app): State<App>, May(may): May<CanRead<Apps>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "global oauth clients", &["id"])?;
    let mut tx = app.db.read().await?;
    let which = (Dialect::Zendesk, Which::Global);
    let page = numbered::list(&mut tx, &may, app.clock.now(), which, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("global_clients", page, |(client, _)| view_global(&client)))))
}

/// `GET /api/v2/oauth/global_clients/{global_client_id}`
pub async fn show_global(State(app): State<App>, May(may): May<CanRead<Apps>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let (client, _) = numbered::find(&mut tx, &may, app.clock.now(), Dialect::Zendesk, id).await?;
    if !client.is_global() {
        return Err(ZendeskError::not_found());
    }
    Ok(Reply::one("global_client", view_global(&client)))
}

/// `GET /api/v2/oauth/global_clients/token_summary`
pub async fn summarize_global(State(app): State<App>, May(may): May<CanRead<Apps>>, params: Params) -> Answer {
    let (client, expired) = (params.id("global_client_id")?, params.flag("include_expired"));
    let mut tx = app.db.read().await?;
    let found = issued::global_summary(&mut tx, &may, app.clock.now(), client, expired).await?;
    let views = found.iter().map(|summary| {
        json!({
            "id": summary.client_row,
            "last_used_at": format_or_null(summary.last_used_at),
            "tokens_count": summary.n_tokens,
        })
    });
    Ok(Reply::ok(Value::Object(page::whole("global_clients", views.collect()))))
}

fn read(fields: &mut Fields) -> Sent {
    fields.pass(&["created_at", "global", "id", "logo_url", "secret", "updated_at", "url"]);
    Sent {
        identifier: fields.some_text("identifier", TEXT_MAX_CHARS),
        name: fields.some_text("name", TEXT_MAX_CHARS),
        kind: fields.word("kind", KINDS).flatten().map(|kind| match kind {
            "public" => ClientType::Public,
            // As the vendor treats clients from before there were kinds.
            _ => ClientType::Confidential,
        }),
        user_id: fields.id("user_id").flatten(),
        company: fields.text("company", TEXT_MAX_CHARS),
        description: fields.text("description", TEXT_MAX_CHARS),
        redirect_uri: fields.texts("redirect_uri", TEXT_MAX_CHARS),
        allowed_scopes: fields.texts("allowed_scopes", TEXT_MAX_CHARS),
    }
}

/// The fields of an app as they are called here.
fn in_our_words(error: Error) -> ZendeskError {
    let here = |field: &str| match field.split('.').next().unwrap_or(field) {
        "client_id" => "identifier",
        "publisher" => "company",
        "redirect_uris" => "redirect_uri",
        "owner_id" => "user_id",
        "default_scopes" => "allowed_scopes",
        "name" => "name",
        "description" => "description",
        "allowed_scopes" => "allowed_scopes",
        _ => "base",
    };
    match error {
        Error::Invalid { field, problem } => ZendeskError::invalid(here(&field), problem),
        Error::Taken { kind, .. } => Error::Taken { kind, field: "identifier" }.into(),
        error => error.into(),
    }
}

/// With as much of the secret as may be told: the whole once, its beginning later, none of a public app, which has no secret here.
fn view(site: &Site, (client, secret): &Shown) -> Value {
    let uris: Vec<&str> = client.redirect_uris.iter().map(|uri| uri.as_str()).collect();
    let mut view = Map::from_iter([
        ("id".to_owned(), json!(client.id)),
        ("url".to_owned(), json!(site.url(&format!("oauth/clients/{}", client.id)))),
        ("identifier".to_owned(), json!(client.client_id)),
        ("name".to_owned(), json!(client.name)),
        ("kind".to_owned(), json!(client.client_type.word())),
        ("user_id".to_owned(), json!(client.owner_id)),
        ("company".to_owned(), json!(client.publisher)),
        ("description".to_owned(), json!(client.description)),
        ("redirect_uri".to_owned(), json!(uris)),
        ("logo_url".to_owned(), json!(client.metadata.logo_uri)),
        ("global".to_owned(), json!(client.is_global())),
        ("allowed_scopes".to_owned(), json!(client.allowed_scopes.words().collect::<Vec<&str>>())),
        ("created_at".to_owned(), json!(format(client.created_at))),
        ("updated_at".to_owned(), json!(format(client.updated_at))),
    ]);
    if let Some(secret) = secret {
        view.insert("secret".to_owned(), json!(secret));
    }
    Value::Object(view)
}

fn view_global(client: &Client) -> Value {
    json!({
        "id": client.id,
        "identifier": client.client_id,
        "name": client.name,
        "company": client.publisher.as_deref().unwrap_or_default(),
        "description": client.description.as_deref().unwrap_or_default(),
        "logo_url": client.metadata.logo_uri.as_deref().unwrap_or_default(),
        "kind": client.client_type.word(),
    })
}

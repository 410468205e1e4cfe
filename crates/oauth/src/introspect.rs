//! Token introspection (RFC 7662): an app asks about a token of its own, or about one for a resource that it serves (IN-1
//! to IN-5).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use store::Row;

use crate::client_auth::BackChannel;
use crate::clients::{self, Client, scope_set};
use crate::form::Accepts;
use crate::resources::Audience;
use crate::{Error, Provider, app_rules, error, secret};

impl Provider {
    /// `POST /oauth/introspect`
    pub async fn introspect(&self, request: &BackChannel) -> Response {
        match self.introspect_one(request).await {
            Ok(body) => error::answer(StatusCode::OK, &body),
            Err(error) => error.into_response(),
        }
    }

    async fn introspect_one(&self, request: &BackChannel) -> Result<Json, Error> {
        let params = request.params(Accepts::Form)?;
        let known = self.authenticate_client(request, &params).await?;
        if known.client.is_public() {
            // It proved nothing, so it is nobody (IN-1).
            return Err(Error::InvalidClient { basic: false });
        }
        let hash = secret::hash(params.require("token")?);
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let params = [hash.as_slice().into(), known.client.id.into(), now.into()];
        let access = tx.row(ACCESS_TOKEN, &params).await?;
        let (row, is_access_token) = match access {
            Some(row) => (Some(row), true),
            None => (tx.row(REFRESH_TOKEN, &params).await?, false),
        };
        // Unknown, expired, revoked and foreign look the same (IN-2).
        if let Some(row) = row {
            return self.describe(&known.client, &row, is_access_token);
        }
        drop(tx);
        match self.served_token(&known.client, &hash, now).await? {
            Some((client, row)) => self.describe(&client, &row, true),
            None => Ok(json!({ "active": false })),
        }
    }

    /// Another app's access token for a resource that this one serves (IN-4). Refresh tokens are for nobody but us.
    async fn served_token(
        &self,
        server: &Client,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(Client, Row)>, Error> {
        let served = self.resource_servers().await?.served_by(server);
        if served == Audience::NOBODY {
            return Ok(None);
        }
        let mut tx = self.db.read().await?;
        let owner =
            "select f.client_id from access_tokens a join token_families f on f.id = a.family_id where a.hash = $1";
        let Some(owner) = tx.row(owner, &[hash.as_slice().into()]).await? else { return Ok(None) };
        let Some(client) = clients::by_row(&mut tx, owner.int("client_id")?).await? else { return Ok(None) };
        let client = app_rules::applied(&mut tx, client).await?;
        let row = tx.row(ACCESS_TOKEN, &[hash.as_slice().into(), client.id.into(), now.into()]).await?;
        let Some(row) = row.filter(|_| client.is_active()) else { return Ok(None) };
        let audience = Audience::stored(&row.text("audience")?, &self.config.issuer);
        let is_served = audience.targets().any(|target| served.has(target));
        Ok(is_served.then_some((client, row)))
    }

    fn describe(&self, client: &Client, row: &Row, is_access_token: bool) -> Result<Json, Error> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Json| {
            body.insert(name.to_owned(), value);
        };
        let seconds = |at: Timestamp| json!(at.as_second());
        set("active", json!(true));
        let scope = scope_set(row, "scope")?.within(&client.allowed_scopes, client.dialect);
        set("scope", json!(scope.as_str()));
        set("client_id", json!(client.client_id));
        set("iss", json!(self.config.issuer));
        set("aud", Audience::stored(&row.text("audience")?, &self.config.issuer).claim(&self.config.issuer));
        set("iat", seconds(row.time("created_at")?));
        if let Some(end) = row.time_or_null("expires_at")? {
            set("exp", seconds(end));
        }
        if is_access_token {
            // Left out for a refresh token, so that nobody takes one for the other (IN-5).
            let jkt = row.text_or_null("jkt")?;
            set("token_type", json!(client.policy.token_type(jkt.is_some())));
            if let Some(jkt) = jkt {
                set("cnf", json!({ "jkt": jkt }));
            }
        }
        if let Some(act) = row.json("act")? {
            set("act", act);
        }
        match row.int_or_null("grant_id")? {
            Some(_) => {
                set("sub", json!(self.sub(client, row.int("person_id")?)?));
                if let Some(email) = row.text_or_null("email")? {
                    set("username", json!(email));
                }
            }
            // No person's `sub` begins so (CC-2).
            None => set("sub", json!(format!("client:{}", client.client_id))),
        }
        Ok(Json::Object(body))
    }
}

const ACCESS_TOKEN: &str =
    "select a.scope, a.audience, a.jkt, a.created_at, a.expires_at, f.act, f.grant_id, f.person_id, p.email
     from access_tokens a
     join token_families f on f.id = a.family_id
     join people p on p.id = f.person_id
     left join grants g on g.id = f.grant_id
     where a.hash = $1 and f.client_id = $2 and a.expires_at > $3 and a.revoked_at is null and f.revoked_at is null
       and g.revoked_at is null and (g.expires_at is null or g.expires_at > $3) and p.active = 1 and p.deleted_at is null";

const REFRESH_TOKEN: &str =
    "select f.scope, f.resources as audience, r.created_at, r.expires_at, f.act, f.grant_id, f.person_id, p.email
     from refresh_tokens r
     join token_families f on f.id = r.family_id
     join people p on p.id = f.person_id
     left join grants g on g.id = f.grant_id
     where r.hash = $1 and f.client_id = $2 and (r.expires_at is null or r.expires_at > $3) and r.used_at is null
       and r.revoked_at is null and f.revoked_at is null and g.revoked_at is null
       and (g.expires_at is null or g.expires_at > $3) and p.active = 1 and p.deleted_at is null";

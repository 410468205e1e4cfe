//! Token introspection (RFC 7662): an app asks about a token of its own, or about one for a resource that it serves (IN-1
//! to IN-5).

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::Timestamp;
use scope::set::ScopeSet;
use serde_json::{Map, Value as Json, json};
use store::Row;

use crate::bearer::Bearer;
use crate::client_auth::BackChannel;
use crate::clients::{Client, scope_set};
use crate::form::Accepts;
use crate::resources::Audience;
use crate::{Error, Provider, error, secret};

impl Provider {
    /// `POST /oauth/introspect`
    pub async fn introspect(&self, request: &BackChannel) -> Response {
        match self.introspect_one(request).await {
            Ok(body) => error::answer_text(StatusCode::OK, body),
            Err(error) => error.into_response(),
        }
    }

    async fn introspect_one(&self, request: &BackChannel) -> Result<Bytes, Error> {
        let params = request.params(Accepts::Form)?;
        let known = self.authenticate_client(request, &params).await?;
        if known.client.is_public() {
            // It proved nothing, so it is nobody (IN-1).
            return Err(Error::InvalidClient { basic: false });
        }
        let hash = secret::hash(params.require("token")?);
        let now = self.clock.now();
        let own = self.asked_about(&hash, now).await?.filter(|token| token.client_row == known.client.id);
        if let Some(token) = own {
            return match token.told.introspection.get() {
                Some(body) => Ok(body.clone()),
                None => {
                    let body = text(&self.describe(&known.client, &About::token(&token))?);
                    Ok(token.told.introspection.get_or_init(|| body).clone())
                }
            };
        }
        let mut tx = self.db.read().await?;
        let params = [hash.as_slice().into(), known.client.id.into(), now.into()];
        if let Some(row) = tx.row(REFRESH_TOKEN, &params).await? {
            return Ok(text(&self.describe(&known.client, &self.about_refresh_token(&known.client, &row)?)?));
        }
        drop(tx);
        // Unknown, expired, revoked and foreign look the same (IN-2).
        Ok(match self.served_token(&known.client, &hash, now).await? {
            Some((client, token)) => text(&self.describe(&client, &About::token(&token))?),
            None => text(&json!({ "active": false })),
        })
    }

    /// Another app's access token for a resource that this one serves (IN-4). Refresh tokens are for nobody but us.
    async fn served_token(
        &self,
        server: &Client,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(Client, Arc<Bearer>)>, Error> {
        let served = self.resource_servers().await?.served_by(server);
        if served == Audience::NOBODY {
            return Ok(None);
        }
        let Some(token) = self.asked_about(hash, now).await? else { return Ok(None) };
        if !token.audience.targets().any(|target| served.has(target)) {
            return Ok(None);
        }
        let known = self.known_client(&token.client_id).await?;
        Ok(known.map(|known| (known.client.clone(), token)))
    }

    fn about_refresh_token(&self, client: &Client, row: &Row) -> Result<About, Error> {
        Ok(About {
            scope: scope_set(row, "scope")?.within(&client.allowed_scopes, client.dialect),
            audience: Audience::stored(&row.text("audience")?, &self.config.issuer),
            issued_at: row.time("created_at")?,
            expires_at: row.time_or_null("expires_at")?,
            bound: None,
            act: row.json("act")?,
            person_id: row.int_or_null("grant_id")?.map(|_| row.int("person_id")).transpose()?,
            email: row.text_or_null("email")?,
        })
    }

    fn describe(&self, client: &Client, about: &About) -> Result<Json, Error> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Json| {
            body.insert(name.to_owned(), value);
        };
        set("active", json!(true));
        set("scope", json!(about.scope.as_str()));
        set("client_id", json!(client.client_id));
        set("iss", json!(self.config.issuer));
        set("aud", about.audience.claim(&self.config.issuer));
        set("iat", json!(about.issued_at.as_second()));
        if let Some(end) = about.expires_at {
            set("exp", json!(end.as_second()));
        }
        if let Some(jkt) = &about.bound {
            // Left out for a refresh token, so that nobody takes one for the other (IN-5).
            set("token_type", json!(client.policy.token_type(jkt.is_some())));
            if let Some(jkt) = jkt {
                set("cnf", json!({ "jkt": jkt }));
            }
        }
        if let Some(act) = &about.act {
            set("act", act.clone());
        }
        match about.person_id {
            Some(person_id) => {
                set("sub", json!(self.sub(client, person_id)?));
                if let Some(email) = &about.email {
                    set("username", json!(email));
                }
            }
            // No person's `sub` begins so (CC-2).
            None => set("sub", json!(format!("client:{}", client.client_id))),
        }
        Ok(Json::Object(body))
    }
}

/// What is told of a token.
struct About {
    scope: ScopeSet,
    audience: Audience,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// Of an access token: the key that it is bound to, if it is.
    bound: Option<Option<String>>,
    act: Option<Json>,
    /// None if nobody signed in.
    person_id: Option<i64>,
    email: Option<String>,
}

impl About {
    fn token(token: &Bearer) -> About {
        About {
            scope: token.scope.clone(),
            audience: token.audience,
            issued_at: token.issued.at,
            expires_at: Some(token.issued.until),
            bound: Some(token.jkt.clone()),
            act: token.act.clone(),
            person_id: token.grant_id.map(|_| token.person_id),
            email: token.issued.email.clone(),
        }
    }
}

fn text(body: &Json) -> Bytes {
    Bytes::from(body.to_string())
}

const REFRESH_TOKEN: &str =
    "select f.scope, f.resources as audience, r.created_at, r.expires_at, f.act, f.grant_id, f.person_id, p.email
     from refresh_tokens r
     join token_families f on f.id = r.family_id
     join people p on p.id = f.person_id
     left join grants g on g.id = f.grant_id
     where r.hash = $1 and f.client_id = $2 and (r.expires_at is null or r.expires_at > $3) and r.used_at is null
       and r.revoked_at is null and f.revoked_at is null and g.revoked_at is null
       and (g.expires_at is null or g.expires_at > $3) and p.active = 1 and p.deleted_at is null";

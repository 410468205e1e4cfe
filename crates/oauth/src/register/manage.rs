//! An app looks after its own registration (RFC 7592): `GET`, `PUT` and `DELETE /oauth/register/{client_id}` with its registration access
//! token (RG-6). A client that is gone and a wrong token have one answer.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use scope::permit::Actor;
use serde_json::json;
use store::{Tx, transact};
use subtle::ConstantTimeEq;

use super::settings::{self, Mode, Settings};
use super::{bearer, challenged, metadata, read, refusal, unwrapped};
use crate::client_auth::BackChannel;
use crate::clients::{self, Client, Entry, NewClient, Status};
use crate::error;
use crate::policy::Policy;
use crate::{Code, Error, Provider, secret};

/// A registration whose token was shown.
struct Own {
    client: Client,
    /// The token of the request.
    token: String,
}

impl Provider {
    /// `GET /oauth/register/{client_id}`
    pub async fn read_registration(&self, client_id: &str, request: &BackChannel) -> Response {
        match self.shown_registration(client_id, request).await {
            Ok(response) => response,
            Err(error) => challenged(error),
        }
    }

    /// `PUT /oauth/register/{client_id}`: the whole registration anew; what is left out goes back to its default.
    pub async fn replace_registration(&self, client_id: &str, request: &BackChannel) -> Response {
        match self.replaced_registration(client_id, request).await {
            Ok(response) => response,
            Err(error) => challenged(error),
        }
    }

    /// `DELETE /oauth/register/{client_id}`: the app, its consents and all its tokens end.
    pub async fn delete_registration(&self, client_id: &str, request: &BackChannel) -> Response {
        match self.deleted_registration(client_id, request).await {
            Ok(response) => response,
            Err(error) => challenged(error),
        }
    }

    async fn shown_registration(&self, client_id: &str, request: &BackChannel) -> Result<Response, Error> {
        let own = self.own(client_id, request).await?;
        if let Some(refused) = refused(&own.client) {
            return Ok(refused);
        }
        let settings: Settings = self.setting(settings::NAME).await?;
        let token = self.next_token(&own, &settings);
        transact!(self.db, |tx| rotate(tx, &own, &token).await)?;
        Ok(error::answer(StatusCode::OK, &self.registration(&own.client, None, &token)))
    }

    async fn replaced_registration(&self, client_id: &str, request: &BackChannel) -> Result<Response, Error> {
        let own = self.own(client_id, request).await?;
        if let Some(refused) = refused(&own.client) {
            return Ok(refused);
        }
        let settings: Settings = self.setting(settings::NAME).await?;
        let mut sent = read(request)?;
        let named = sent.text("client_id").map_err(refusal)?;
        if named.as_deref() != Some(client_id) {
            return Err(Error::of(Code::InvalidClientMetadata, "client_id: must be the one of this registration."));
        }
        if let Some(value) = sent.text("client_secret").map_err(refusal)?
            && !self.is_secret_of(&own.client, &value).await?
        {
            return Err(Error::of(Code::InvalidClientMetadata, "client_secret: is not the one of this app."));
        }
        self.apply_statement(&mut sent, &settings).await?;
        // Whoever registered under another mode keeps what that mode gave.
        let settings_then = self.settings_of(&own.client, &settings).await?;
        if settings_then.mode == Mode::Open {
            self.count_registration(request.address).await?;
        }
        let mut new = metadata::new_client(&sent, &settings_then).map_err(refusal)?;
        if !matches!(own.client.policy, Policy::Standard | Policy::PublicNative) {
            // An administrator chose it.
            new.policy = Some(own.client.policy);
        }

        let actor = own.actor(request);
        let after = self.planned_change(&own.client, &new, &actor).await?;
        let drawn = self.secret_for(&after, None);
        let token = self.next_token(&own, &settings);
        let now = self.clock.now();
        let (after, made) = transact!(self.db, |tx| {
            rotate(tx, &own, &token).await?;
            let before = clients::living(tx, own.client.id).await?;
            // What an administrator decided in the meantime stays decided.
            let after = kept(after.clone(), &before);
            let made = clients::write_change(tx, &actor, now, &before, &after, drawn.as_ref()).await?;
            Ok::<_, Error>((after, made))
        })
        .map_err(unwrapped)?;
        self.forget_client(after.id);
        Ok(error::answer(StatusCode::OK, &self.registration(&after, made.as_ref(), &token)))
    }

    async fn deleted_registration(&self, client_id: &str, request: &BackChannel) -> Result<Response, Error> {
        let own = self.own(client_id, request).await?;
        if let Some(refused) = refused(&own.client) {
            return Ok(refused);
        }
        let actor = own.actor(request);
        self.set_status(&actor, own.client.id, Status::Deleted, "app-deleted").await.map_err(refusal)?;
        Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
    }

    /// The registration that the token opens.
    async fn own(&self, client_id: &str, request: &BackChannel) -> Result<Own, Error> {
        let Some(token) = bearer(&request.headers) else {
            return Err(Error::of(Code::InvalidToken, "This takes the registration access token."));
        };
        let hash = secret::hash(token);
        let found = {
            let mut tx = self.db.read().await?;
            let row = tx
                .row(
                    "select registration_token_hash from clients where client_id = $1 and registration_token_hash is not null",
                    &[client_id.into()],
                )
                .await?;
            let stored = row.map(|row| row.blob("registration_token_hash")).transpose()?;
            match stored {
                Some(stored) if bool::from(stored.as_slice().ct_eq(&hash)) => {
                    clients::by_client_id(&mut tx, client_id).await?
                }
                _ => None,
            }
        };
        match found {
            Some(client) if client.status != Status::Deleted => Ok(Own { client, token: token.to_owned() }),
            _ => Err(self.count_guess(request.address, self.clock.now()).await?),
        }
    }

    fn next_token(&self, own: &Own, settings: &Settings) -> String {
        match settings.rotates_tokens {
            true => secret::registration_token(&self.random),
            false => own.token.clone(),
        }
    }

    async fn is_secret_of(&self, client: &Client, value: &str) -> Result<bool, Error> {
        let hash = self.hash_client_secret(value);
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let row = tx
            .row(
                "select id from client_secrets where client_id = $1 and hash = $2 and (expires_at is null or expires_at > $3)",
                &[client.id.into(), hash.as_slice().into(), now.into()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// The record as it would be, with what an app cannot say of itself as it was.
    async fn planned_change(&self, before: &Client, new: &NewClient, actor: &Actor) -> Result<Client, Error> {
        let entry = Entry { client_id: before.client_id.clone(), registered_by: "dcr" };
        let planned = self.plan_client(actor, new, &entry).await.map_err(refusal)?;
        Ok(kept(planned, before))
    }

    /// The settings with the mode under which the app came in.
    async fn settings_of(&self, client: &Client, settings: &Settings) -> Result<Settings, Error> {
        let mut tx = self.db.read().await?;
        let row = tx.row("select initial_token_id from clients where id = $1", &[client.id.into()]).await?;
        let by_token = row.map(|row| row.int_or_null("initial_token_id")).transpose()?.flatten().is_some();
        let mode = if by_token { Mode::InitialAccessToken } else { Mode::Open };
        Ok(Settings { mode, ..settings.clone() })
    }
}

impl Own {
    /// The app itself, for the event log.
    fn actor(&self, request: &BackChannel) -> Actor {
        Actor { client_id: Some(self.client.id), request_id: request.request_id.clone(), ..Actor::default() }
    }
}

/// An app that was switched off may not look after itself; whether it is gone or not is told by nothing else (RFC 7592, section 2.1).
fn refused(client: &Client) -> Option<Response> {
    let body = json!({ "error": "access_denied", "error_description": "An administrator has switched this app off." });
    (!client.is_active()).then(|| error::answer(StatusCode::FORBIDDEN, &body))
}

/// A new record with everything of the old one that is not the app's to say.
fn kept(after: Client, before: &Client) -> Client {
    Client {
        id: before.id,
        publisher: before.publisher.clone(),
        description: before.description.clone(),
        status: before.status,
        first_party: before.first_party,
        verified: before.verified,
        owner_id: before.owner_id,
        created_at: before.created_at,
        optional_scopes: before
            .optional_scopes
            .without(&before.optional_scopes.beyond(&after.allowed_scopes, after.dialect)),
        account_scopes: before
            .account_scopes
            .without(&before.account_scopes.beyond(&after.allowed_scopes, after.dialect)),
        approval: before.approval,
        calls_per_minute: before.calls_per_minute,
        document_expires_at: before.document_expires_at,
        last_used_at: before.last_used_at,
        jwt_access_tokens: before.jwt_access_tokens,
        ..after
    }
}

/// Puts the next token in the place of the one that was shown. Of two requests at once only one gets through.
async fn rotate(tx: &mut Tx, own: &Own, next: &str) -> Result<(), Error> {
    if next == own.token {
        return Ok(());
    }
    let n = tx
        .run(
            "update clients set registration_token_hash = $1 where id = $2 and registration_token_hash = $3",
            &[secret::hash(next).as_slice().into(), own.client.id.into(), secret::hash(&own.token).as_slice().into()],
        )
        .await?;
    match n {
        1 => Ok(()),
        _ => Err(Error::of(Code::InvalidToken, "The token was replaced by another request.")),
    }
}

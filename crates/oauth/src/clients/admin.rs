//! What administrators do with apps. Each change writes its event in the same transaction.

use helpdesk::Error;
use helpdesk::events::{self, Change};
use helpdesk::integrations;
use jiff::Timestamp;
use scope::Dialect;
use scope::permit::{Actor, CanWrite};
use scope::resource::Apps;
use serde_json::{Map, Value as Json, json};
use store::{StoreError, Tx, transact};

use super::rows::{insert, update, write_redirect_uris};
use super::secrets::Drawn;
use super::{Client, ClientChange, NewClient, NewSecret, Status, build, check, details, secrets};
use crate::Provider;
use crate::families::{self, Because};
use crate::redirect_uri::RedirectUri;

/// How an app comes in, besides what it is.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) client_id: String,
    /// `admin`, `api` or `dcr`.
    pub(crate) registered_by: &'static str,
}

impl Provider {
    /// Registers an app. A confidential one that proves itself by a secret gets its first, which is shown this once.
    ///
    /// `Invalid` names the field: `name`, `publisher`, `description`, `client_uri`, `redirect_uris.N`, `allowed_scopes`,
    /// `default_scopes`, `require_pkce`, `client_credentials`, or a member of the metadata as RFC 7591 calls it.
    pub async fn create_client(
        &self,
        may: &CanWrite<Apps>,
        new: NewClient,
    ) -> Result<(Client, Option<NewSecret>), Error> {
        let entry = Entry { client_id: self.new_client_id(new.dialect), registered_by: "admin" };
        self.create_client_as(may, new, entry, None).await
    }

    /// The same under an id, and with a secret, that somebody else chose: for a demonstration, where both stand in a file that everybody
    /// may read. Real secrets are ours (CA-6).
    pub async fn create_known_client(
        &self,
        may: &CanWrite<Apps>,
        new: NewClient,
        client_id: &str,
        secret: Option<&str>,
    ) -> Result<(Client, Option<NewSecret>), Error> {
        let client_id = details::client_id(client_id)?;
        let secret = secret.map(|value| self.known_secret(value)).transpose()?;
        self.create_client_as(may, new, Entry { client_id, registered_by: "admin" }, secret).await
    }

    async fn create_client_as(
        &self,
        may: &CanWrite<Apps>,
        new: NewClient,
        entry: Entry,
        secret: Option<Drawn>,
    ) -> Result<(Client, Option<NewSecret>), Error> {
        let now = self.clock.now();
        let planned = self.plan_client(may.actor(), &new, &entry).await?;
        let secret = self.secret_for(&planned, secret);
        transact!(self.db, |tx| {
            let mut client = planned.clone();
            let shown = write_new(tx, may.actor(), now, &mut client, secret.as_ref(), None).await?;
            Ok::<_, Error>((client, shown))
        })
    }

    /// Quirk: Gorgias' app ids are 24 hexadecimal digits. Ours never begin with `https://` (CM-1).
    pub(crate) fn new_client_id(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Gorgias => self.random.hex(24),
            Dialect::Standard | Dialect::Zendesk => self.random.letters(24),
        }
    }

    /// The whole record, checked, with row 0. May ask the network about its sector.
    pub(crate) async fn plan_client(&self, actor: &Actor, new: &NewClient, entry: &Entry) -> Result<Client, Error> {
        let client = {
            let mut tx = self.db.read().await?;
            build::checked(&mut tx, actor, new, entry, self.clock.now()).await?
        };
        check::record(&client, &self.fetch)?;
        self.check_sector(&client).await?;
        Ok(client)
    }

    /// The secret that goes with a new record: the one given, a new one, or none.
    pub(crate) fn secret_for(&self, client: &Client, given: Option<Drawn>) -> Option<Drawn> {
        check::keeps_a_secret(&client.token_endpoint_auth_method).then(|| given.unwrap_or_else(|| self.draw_secret()))
    }

    /// Changes an app. `Invalid` as `create_client`, `NotFound`.
    pub async fn update_client(&self, may: &CanWrite<Apps>, id: i64, change: ClientChange) -> Result<Client, Error> {
        let now = self.clock.now();
        self.check_changed_sector(id, &change).await?;
        let client = transact!(self.db, |tx| {
            let before = living(tx, id).await?;
            let after = build::changed(tx, &before, &change, now).await?;
            if is_checked_anew(&before, &after) {
                check::record(&after, &self.fetch)?;
            }
            write_change(tx, may.actor(), now, &before, &after, None).await?;
            Ok::<_, Error>(after)
        })?;
        self.forget_client(id);
        Ok(client)
    }

    /// The network is asked before the transaction.
    async fn check_changed_sector(&self, id: i64, change: &ClientChange) -> Result<(), Error> {
        if change.metadata.is_none() && change.redirect_uris.is_none() {
            return Ok(());
        }
        let (before, after) = {
            let mut tx = self.db.read().await?;
            let before = living(&mut tx, id).await?;
            let after = build::changed(&mut tx, &before, change, self.clock.now()).await?;
            (before, after)
        };
        match before.metadata == after.metadata && before.redirect_uris == after.redirect_uris {
            true => Ok(()),
            false => self.check_sector(&after).await,
        }
    }

    /// Switches an app off everywhere at once; its grants stay (POL-4).
    pub async fn disable_client(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        self.set_status(may.actor(), id, Status::Disabled, "app-disabled").await
    }

    /// The same, with the reason for whoever wonders later; kept in the event.
    pub async fn suspend_client(&self, may: &CanWrite<Apps>, id: i64, reason: &str) -> Result<(), Error> {
        self.change_status(may.actor(), id, Status::Disabled, "app-disabled", Some(reason)).await
    }

    /// Switches it on again.
    pub async fn enable_client(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        self.set_status(may.actor(), id, Status::Active, "app-enabled").await
    }

    /// Ends an app for good, with its grants, tokens and secrets.
    pub async fn delete_client(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        self.set_status(may.actor(), id, Status::Deleted, "app-deleted").await
    }

    pub(crate) async fn set_status(
        &self,
        actor: &Actor,
        id: i64,
        status: Status,
        event: &'static str,
    ) -> Result<(), Error> {
        self.change_status(actor, id, status, event, None).await
    }

    async fn change_status(
        &self,
        actor: &Actor,
        id: i64,
        status: Status,
        event: &'static str,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let client = living(tx, id).await?;
            if client.status == status {
                return Ok(());
            }
            tx.run(
                "update clients set status = $1, updated_at = $2 where id = $3",
                &[status.word().into(), now.into(), id.into()],
            )
            .await?;
            if status == Status::Deleted {
                end_everything(tx, id, now).await?;
                integrations::deactivate_of_client(tx, actor, now, id).await?;
            }
            let before = json!({ "status": client.status.word() });
            let after = json!({ "status": status.word() });
            let change = Change {
                kind: event,
                object_type: "App",
                object_id: id,
                before: Some(before),
                after: Some(after),
                data: reason.map(|reason| json!({ "reason": reason })),
            };
            events::record(tx, actor, now, change).await
        })?;
        self.forget_client(id);
        Ok(())
    }
}

/// Writes a planned record, its redirect URIs and its first secret, with the event. `data` says how it came in.
pub(crate) async fn write_new(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    client: &mut Client,
    secret: Option<&Drawn>,
    data: Option<Json>,
) -> Result<Option<NewSecret>, Error> {
    client.id = insert(tx, client).await.map_err(taken)?;
    write_redirect_uris(tx, client.id, &client.redirect_uris).await?;
    let change = Change {
        kind: "app-created",
        object_type: "App",
        object_id: client.id,
        before: None,
        after: Some(facts(client)),
        data,
    };
    events::record(tx, actor, now, change).await?;
    match secret {
        Some(secret) => Ok(Some(secrets::insert(tx, client.id, secret, now).await?)),
        None => Ok(None),
    }
}

/// Writes what changed, with the event, and ends what no longer fits: secrets of an app that has none now, and consents where the policy
/// says so (POL-5). `secret` is kept if the app needs one and has none.
pub(crate) async fn write_change(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    before: &Client,
    after: &Client,
    secret: Option<&Drawn>,
) -> Result<Option<NewSecret>, Error> {
    let id = before.id;
    update(tx, after).await?;
    if before.redirect_uris != after.redirect_uris {
        tx.run("delete from client_redirect_uris where client_id = $1", &[id.into()]).await?;
        write_redirect_uris(tx, id, &after.redirect_uris).await?;
    }
    let (old, new) = differences(&facts(before), &facts(after));
    if new.as_object().is_some_and(|new| !new.is_empty()) {
        record(tx, actor, now, "app-updated", id, Some(old), Some(new)).await?;
    }
    let had_a_secret = check::keeps_a_secret(&before.token_endpoint_auth_method);
    let has_a_secret = check::keeps_a_secret(&after.token_endpoint_auth_method);
    if had_a_secret && !has_a_secret {
        tx.run("delete from client_secrets where client_id = $1", &[id.into()]).await?;
    }
    if before.owner_id != after.owner_id {
        families::revoke_own(tx, now, id, Because::ClientChanged).await?;
    }
    if after.policy.ends_consents_of_a_changed_app() && !before.is_reached_as(after) {
        end_consents(tx, id, now, Because::ClientChanged).await?;
    }
    match secret {
        Some(secret) if has_a_secret && !had_a_secret => {
            let made = secrets::insert(tx, id, secret, now).await?;
            record(tx, actor, now, "app-secret-added", id, None, Some(json!({ "secret": made.hint }))).await?;
            Ok(Some(made))
        }
        _ => Ok(None),
    }
}

/// Whether something changed that `check` judges. What is only switched need not fit rules that came later.
fn is_checked_anew(before: &Client, after: &Client) -> bool {
    let judged = |it: &Client| {
        let switches = (it.require_signed_request, it.client_type, it.application_type, it.policy);
        let words = (it.token_endpoint_auth_method.clone(), it.id_token_signed_response_alg.clone());
        (switches, words, it.grant_types.clone(), it.metadata.clone())
    };
    judged(before) != judged(after)
}

fn taken(error: Error) -> Error {
    match error {
        Error::Store(StoreError::NotUnique(_)) => Error::Taken { kind: "app", field: "client_id" },
        error => error,
    }
}

pub(super) async fn end_consents(tx: &mut Tx, id: i64, now: Timestamp, because: Because) -> Result<(), Error> {
    tx.run("delete from authorization_requests where client_id = $1", &[id.into()]).await?;
    tx.run("update grants set revoked_at = $1 where client_id = $2 and revoked_at is null", &[now.into(), id.into()])
        .await?;
    families::revoke_of_client(tx, now, id, because).await?;
    Ok(())
}

/// Everything of an app that is deleted: nothing of it may work again, not even if the row were switched on by hand.
async fn end_everything(tx: &mut Tx, id: i64, now: Timestamp) -> Result<(), Error> {
    tx.run("delete from client_secrets where client_id = $1", &[id.into()]).await?;
    end_consents(tx, id, now, Because::ClientDeleted).await
}

pub(crate) async fn living(tx: &mut Tx, id: i64) -> Result<Client, Error> {
    match super::by_row(tx, id).await? {
        Some(client) if client.status != Status::Deleted => Ok(client),
        _ => Err(Error::NotFound { kind: "app", id }),
    }
}

/// What the event log keeps of an app.
pub(super) fn facts(client: &Client) -> Json {
    let uris: Vec<&str> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
    json!({
        "client_id": client.client_id,
        "name": client.name,
        "publisher": client.publisher,
        "description": client.description,
        "client_uri": client.client_uri,
        "dialect": client.dialect.word(),
        "policy": client.policy.word(),
        "type": client.client_type.word(),
        "application_type": client.application_type.word(),
        "redirect_uris": uris,
        "grant_types": client.grant_types,
        "allowed_scopes": client.allowed_scopes.as_str(),
        "default_scopes": client.default_scopes.as_str(),
        "require_pkce": client.require_pkce,
        "require_par": client.require_par,
        "require_dpop": client.require_dpop,
        "require_signed_request": client.require_signed_request,
        "jwt_access_tokens": client.jwt_access_tokens,
        "optional_scopes": client.optional_scopes.as_str(),
        "account_scopes": client.account_scopes.as_str(),
        "approval": client.approval.word(),
        "calls_per_minute": client.calls_per_minute,
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "metadata": client.metadata,
        "first_party": client.first_party,
        "verified": client.verified,
        "owner_id": client.owner_id,
    })
}

/// The facts that are not the same, as they were and as they are.
pub(super) fn differences(before: &Json, after: &Json) -> (Json, Json) {
    let (mut old, mut new) = (Map::new(), Map::new());
    if let (Some(before), Some(after)) = (before.as_object(), after.as_object()) {
        for (name, value) in after {
            let was = before.get(name).cloned().unwrap_or(Json::Null);
            if was != *value {
                old.insert(name.clone(), was);
                new.insert(name.clone(), value.clone());
            }
        }
    }
    (Json::Object(old), Json::Object(new))
}

pub(super) async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    before: Option<Json>,
    after: Option<Json>,
) -> Result<(), Error> {
    events::record(tx, actor, now, Change { kind, object_type: "App", object_id: id, before, after, data: None }).await
}

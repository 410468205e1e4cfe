//! What administrators do with apps. Each change writes its event in the same transaction.

use helpdesk::Error;
use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::Dialect;
use scope::permit::{Actor, CanWrite};
use scope::resource::Apps;
use serde_json::{Map, Value as Json, json};
use store::{Tx, transact};

use super::{Client, ClientType, NewSecret, Status, details, secrets};
use crate::Provider;
use crate::families::{self, Because};
use crate::policy::Policy;
use crate::redirect_uri::{ApplicationType, RedirectUri};

/// An app to register.
#[derive(Debug, Clone)]
pub struct NewClient {
    pub name: String,
    pub publisher: Option<String>,
    pub description: Option<String>,
    pub client_uri: Option<String>,
    pub dialect: Dialect,
    pub client_type: ClientType,
    /// None: native as soon as one redirect URI leads to the person's own device, else web.
    pub application_type: Option<ApplicationType>,
    pub redirect_uris: Vec<String>,
    /// Words of the dialect's vocabulary.
    pub allowed_scopes: Vec<String>,
    /// None: the dialect's usual ones.
    pub default_scopes: Option<Vec<String>>,
    /// None: the default of POL-3. False is refused for a public app.
    pub require_pkce: Option<bool>,
    /// Besides `authorization_code` and `refresh_token`; for confidential apps only.
    pub client_credentials: bool,
    pub first_party: bool,
    pub verified: bool,
}

/// Changed fields of an app; None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ClientChange {
    pub name: Option<String>,
    pub publisher: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub client_uri: Option<Option<String>>,
    pub redirect_uris: Option<Vec<String>>,
    pub allowed_scopes: Option<Vec<String>>,
    pub default_scopes: Option<Vec<String>>,
    pub require_pkce: Option<bool>,
    pub client_credentials: Option<bool>,
    pub first_party: Option<bool>,
    pub verified: Option<bool>,
}

impl Provider {
    /// Registers an app. A confidential one gets its first secret, which is shown this once.
    ///
    /// `Invalid` names the field: `name`, `publisher`, `description`, `client_uri`, `redirect_uris.N`, `allowed_scopes`,
    /// `default_scopes`, `require_pkce`, `client_credentials`.
    pub async fn create_client(
        &self,
        may: &CanWrite<Apps>,
        new: NewClient,
    ) -> Result<(Client, Option<NewSecret>), Error> {
        let now = self.clock.now();
        // Quirk: Gorgias' app ids are 24 hexadecimal digits. Ours never begin with `https://` (CM-1).
        let client_id = match new.dialect {
            Dialect::Gorgias => self.random.hex(24),
            Dialect::Standard | Dialect::Zendesk => self.random.letters(24),
        };
        let secret = (new.client_type == ClientType::Confidential).then(|| self.draw_secret());
        transact!(self.db, |tx| {
            let mut client = checked(tx, may.actor(), &new, &client_id, now).await?;
            client.id = insert(tx, &client).await?;
            write_redirect_uris(tx, client.id, &client.redirect_uris).await?;
            record(tx, may.actor(), now, "app-created", client.id, None, Some(facts(&client))).await?;
            let shown = match &secret {
                Some(secret) => Some(secrets::insert(tx, client.id, secret, now).await?),
                None => None,
            };
            Ok::<_, Error>((client, shown))
        })
    }

    /// Changes an app. `Invalid` as `create_client`, `NotFound`.
    pub async fn update_client(&self, may: &CanWrite<Apps>, id: i64, change: ClientChange) -> Result<Client, Error> {
        let now = self.clock.now();
        let client = transact!(self.db, |tx| {
            let before = living(tx, id).await?;
            let after = changed(tx, &before, &change, now).await?;
            update(tx, &after).await?;
            if before.redirect_uris != after.redirect_uris {
                tx.run("delete from client_redirect_uris where client_id = $1", &[id.into()]).await?;
                write_redirect_uris(tx, id, &after.redirect_uris).await?;
            }
            let (old, new) = differences(&facts(&before), &facts(&after));
            if new.as_object().is_some_and(|new| !new.is_empty()) {
                record(tx, may.actor(), now, "app-updated", id, Some(old), Some(new)).await?;
            }
            Ok::<_, Error>(after)
        })?;
        self.forget_client(id);
        Ok(client)
    }

    /// Switches an app off everywhere at once; its grants stay (POL-4).
    pub async fn disable_client(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        self.set_status(may.actor(), id, Status::Disabled, "app-disabled").await
    }

    /// Switches it on again.
    pub async fn enable_client(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        self.set_status(may.actor(), id, Status::Active, "app-enabled").await
    }

    /// Ends an app for good, with its grants, tokens and secrets.
    pub async fn delete_client(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        self.set_status(may.actor(), id, Status::Deleted, "app-deleted").await
    }

    async fn set_status(&self, actor: &Actor, id: i64, status: Status, event: &'static str) -> Result<(), Error> {
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
            }
            let before = json!({ "status": client.status.word() });
            let after = json!({ "status": status.word() });
            record(tx, actor, now, event, id, Some(before), Some(after)).await
        })?;
        self.forget_client(id);
        Ok(())
    }
}

/// Everything of an app that is deleted: nothing of it may work again, not even if the row were switched on by hand.
async fn end_everything(tx: &mut Tx, id: i64, now: Timestamp) -> Result<(), Error> {
    tx.run("delete from client_secrets where client_id = $1", &[id.into()]).await?;
    tx.run("delete from authorization_requests where client_id = $1", &[id.into()]).await?;
    tx.run("update grants set revoked_at = $1 where client_id = $2 and revoked_at is null", &[now.into(), id.into()])
        .await?;
    families::revoke_of_client(tx, now, id, Because::ClientDeleted).await?;
    Ok(())
}

async fn living(tx: &mut Tx, id: i64) -> Result<Client, Error> {
    match super::by_row(tx, id).await? {
        Some(client) if client.status != Status::Deleted => Ok(client),
        _ => Err(Error::NotFound { kind: "app", id }),
    }
}

/// A new record from what was sent, with the defaults of its policy (POL-2, POL-3).
async fn checked(
    tx: &mut Tx,
    actor: &Actor,
    new: &NewClient,
    client_id: &str,
    now: Timestamp,
) -> Result<Client, Error> {
    let (account, account_owner) = account(tx).await?;
    let (redirect_uris, application_type) =
        details::redirect_uris(&new.redirect_uris, new.application_type, new.dialect, &account)?;
    let is_public = new.client_type == ClientType::Public;
    let policy = match new.dialect {
        Dialect::Gorgias => Policy::Gorgias,
        Dialect::Zendesk => Policy::Zendesk,
        Dialect::Standard if is_public && application_type == ApplicationType::Native => Policy::PublicNative,
        Dialect::Standard => Policy::Standard,
    };
    let lifetimes = policy.lifetimes();
    let allowed_scopes = details::allowed_scopes(&new.allowed_scopes, new.dialect, new.client_type)?;
    let default_scopes = details::default_scopes(new.default_scopes.as_deref(), &allowed_scopes, new.dialect)?;
    Ok(Client {
        id: 0,
        client_id: client_id.to_owned(),
        name: details::line("name", &new.name)?,
        publisher: details::line_or_none("publisher", new.publisher.as_deref())?,
        description: details::description(new.description.as_deref())?,
        client_uri: details::client_uri(new.client_uri.as_deref())?,
        dialect: new.dialect,
        policy,
        client_type: new.client_type,
        application_type,
        status: Status::Active,
        grant_types: grant_types(new.client_credentials, new.client_type, policy)?,
        allowed_scopes,
        default_scopes,
        token_endpoint_auth_method: if is_public { "none" } else { "client_secret_basic" }.to_owned(),
        id_token_signed_response_alg: "RS256".to_owned(),
        require_pkce: require_pkce(new.require_pkce.unwrap_or(policy.requires_pkce(is_public)), policy, is_public)?,
        first_party: new.first_party,
        rotates_refresh: policy.rotates_refresh_tokens(is_public),
        code_seconds: lifetimes.code_seconds,
        access_token_seconds: lifetimes.access_token_seconds,
        refresh_idle_seconds: lifetimes.refresh_idle_seconds,
        refresh_absolute_seconds: lifetimes.refresh_absolute_seconds,
        refresh_grace_seconds: lifetimes.refresh_grace_seconds,
        registered_by: "admin".to_owned(),
        verified: new.verified,
        owner_id: actor
            .person_id
            .or(account_owner)
            .ok_or_else(|| Error::Refused("the account has no owner yet".to_owned()))?,
        created_at: now,
        updated_at: now,
        redirect_uris,
    })
}

async fn changed(tx: &mut Tx, before: &Client, change: &ClientChange, now: Timestamp) -> Result<Client, Error> {
    let mut client = before.clone();
    let is_public = client.is_public();
    if let Some(name) = &change.name {
        client.name = details::line("name", name)?;
    }
    if let Some(publisher) = &change.publisher {
        client.publisher = details::line_or_none("publisher", publisher.as_deref())?;
    }
    if let Some(description) = &change.description {
        client.description = details::description(description.as_deref())?;
    }
    if let Some(uri) = &change.client_uri {
        client.client_uri = details::client_uri(uri.as_deref())?;
    }
    if let Some(uris) = &change.redirect_uris {
        let (account, _owner) = account(tx).await?;
        // The kind follows the addresses, as it did when the app was registered.
        (client.redirect_uris, client.application_type) = details::redirect_uris(uris, None, client.dialect, &account)?;
    }
    if let Some(allowed) = &change.allowed_scopes {
        client.allowed_scopes = details::allowed_scopes(allowed, client.dialect, client.client_type)?;
        // Defaults never reach beyond the ceiling.
        let beyond = client.default_scopes.beyond(&client.allowed_scopes, client.dialect);
        client.default_scopes = client.default_scopes.without(&beyond);
    }
    if let Some(defaults) = &change.default_scopes {
        client.default_scopes = details::default_scopes(Some(defaults), &client.allowed_scopes, client.dialect)?;
    }
    if let Some(asked) = change.require_pkce {
        client.require_pkce = require_pkce(asked, client.policy, is_public)?;
    }
    if let Some(asked) = change.client_credentials {
        client.grant_types = grant_types(asked, client.client_type, client.policy)?;
    }
    client.first_party = change.first_party.unwrap_or(client.first_party);
    client.verified = change.verified.unwrap_or(client.verified);
    client.updated_at = now;
    Ok(client)
}

fn grant_types(client_credentials: bool, client_type: ClientType, policy: Policy) -> Result<Vec<String>, Error> {
    let mut grant_types = vec!["authorization_code".to_owned(), "refresh_token".to_owned()];
    if client_credentials {
        if client_type == ClientType::Public {
            return Err(Error::invalid("client_credentials", "a public app has no credentials"));
        }
        if !policy.has_client_credentials() {
            return Err(Error::invalid("client_credentials", "Gorgias does not know this grant"));
        }
        grant_types.push("client_credentials".to_owned());
    }
    Ok(grant_types)
}

fn require_pkce(asked: bool, policy: Policy, is_public: bool) -> Result<bool, Error> {
    if !asked && !policy.may_drop_pkce(is_public) {
        return Err(Error::invalid("require_pkce", "can be switched off only for a confidential app"));
    }
    Ok(asked)
}

/// The account's name in addresses, and who owns it.
async fn account(tx: &mut Tx) -> Result<(String, Option<i64>), Error> {
    match tx.row("select domain, owner_id from account where id = 1", &[]).await? {
        Some(row) => Ok((row.text("domain")?, row.int_or_null("owner_id")?)),
        None => Err(Error::Refused("there is no account yet".to_owned())),
    }
}

async fn insert(tx: &mut Tx, client: &Client) -> Result<i64, Error> {
    let row = tx
        .row(
            "insert into clients (client_id, name, publisher, description, client_uri, dialect, policy, type, application_type, status,
                 grant_types, allowed_scopes, default_scopes, token_endpoint_auth_method, id_token_signed_response_alg, require_pkce,
                 first_party, refresh_rotation, code_seconds, access_token_seconds, refresh_idle_seconds, refresh_absolute_seconds,
                 refresh_grace_seconds, registered_by, verified, owner_id, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
                 $25, $26, $27, $27)
             returning id",
            &[
                client.client_id.as_str().into(),
                client.name.as_str().into(),
                client.publisher.as_deref().into(),
                client.description.as_deref().into(),
                client.client_uri.as_deref().into(),
                client.dialect.word().into(),
                client.policy.word().into(),
                client.client_type.word().into(),
                client.application_type.word().into(),
                client.status.word().into(),
                client.grant_types.join(" ").into(),
                client.allowed_scopes.as_str().into(),
                client.default_scopes.as_str().into(),
                client.token_endpoint_auth_method.as_str().into(),
                client.id_token_signed_response_alg.as_str().into(),
                client.require_pkce.into(),
                client.first_party.into(),
                if client.rotates_refresh { "rotate" } else { "none" }.into(),
                client.code_seconds.into(),
                client.access_token_seconds.into(),
                client.refresh_idle_seconds.into(),
                client.refresh_absolute_seconds.into(),
                client.refresh_grace_seconds.into(),
                client.registered_by.as_str().into(),
                client.verified.into(),
                client.owner_id.into(),
                client.created_at.into(),
            ],
        )
        .await?;
    match row {
        Some(row) => Ok(row.int("id")?),
        None => Err(Error::Refused("the app was not stored".to_owned())),
    }
}

async fn update(tx: &mut Tx, client: &Client) -> Result<(), Error> {
    tx.run(
        "update clients set name = $1, publisher = $2, description = $3, client_uri = $4, application_type = $5, grant_types = $6,
             allowed_scopes = $7, default_scopes = $8, require_pkce = $9, first_party = $10, verified = $11, updated_at = $12
         where id = $13",
        &[
            client.name.as_str().into(),
            client.publisher.as_deref().into(),
            client.description.as_deref().into(),
            client.client_uri.as_deref().into(),
            client.application_type.word().into(),
            client.grant_types.join(" ").into(),
            client.allowed_scopes.as_str().into(),
            client.default_scopes.as_str().into(),
            client.require_pkce.into(),
            client.first_party.into(),
            client.verified.into(),
            client.updated_at.into(),
            client.id.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn write_redirect_uris(tx: &mut Tx, id: i64, uris: &[RedirectUri]) -> Result<(), Error> {
    for uri in uris {
        tx.run("insert into client_redirect_uris (client_id, uri) values ($1, $2)", &[id.into(), uri.as_str().into()])
            .await?;
    }
    Ok(())
}

/// What the event log keeps of an app.
fn facts(client: &Client) -> Json {
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
        "first_party": client.first_party,
        "verified": client.verified,
    })
}

/// The facts that are not the same, as they were and as they are.
fn differences(before: &Json, after: &Json) -> (Json, Json) {
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

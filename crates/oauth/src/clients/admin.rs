//! What administrators do with apps. Each change writes its event in the same transaction.

use helpdesk::Error;
use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::Dialect;
use scope::permit::{Actor, CanWrite};
use scope::resource::Apps;
use scope::set::ScopeSet;
use serde_json::{Map, Value as Json, json};
use store::{Tx, transact};

use super::rows::{insert, update, write_redirect_uris};
use super::{Approval, Client, ClientType, Metadata, NewSecret, Status, details, secrets};
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
    /// The other grants it may use, such as `urn:ietf:params:oauth:grant-type:device_code`.
    pub other_grants: Vec<String>,
    pub first_party: bool,
    pub verified: bool,
    /// None: what its dialect and kind suggest.
    pub policy: Option<Policy>,
    /// None: `none` for a public app, `private_key_jwt` where the policy demands it, else `client_secret_basic`.
    pub token_endpoint_auth_method: Option<String>,
    /// None: RS256, or PS256 where the policy forbids it.
    pub id_token_signed_response_alg: Option<String>,
    pub metadata: Metadata,
    pub require_par: bool,
    pub require_dpop: bool,
    pub require_signed_request: bool,
    pub jwt_access_tokens: bool,
    /// Words of the ceiling that a person may untick (CO-8).
    pub optional_scopes: Vec<String>,
}

/// A confidential app that may do nothing yet.
impl Default for NewClient {
    fn default() -> NewClient {
        NewClient {
            name: String::new(),
            publisher: None,
            description: None,
            client_uri: None,
            dialect: Dialect::Standard,
            client_type: ClientType::Confidential,
            application_type: None,
            redirect_uris: Vec::new(),
            allowed_scopes: Vec::new(),
            default_scopes: None,
            require_pkce: None,
            client_credentials: false,
            other_grants: Vec::new(),
            first_party: false,
            verified: false,
            policy: None,
            token_endpoint_auth_method: None,
            id_token_signed_response_alg: None,
            metadata: Metadata::default(),
            require_par: false,
            require_dpop: false,
            require_signed_request: false,
            jwt_access_tokens: false,
            optional_scopes: Vec::new(),
        }
    }
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
    pub metadata: Option<Metadata>,
    pub require_par: Option<bool>,
    pub require_dpop: Option<bool>,
    pub require_signed_request: Option<bool>,
    pub jwt_access_tokens: Option<bool>,
    pub optional_scopes: Option<Vec<String>>,
    pub account_scopes: Option<Vec<String>>,
    pub approval: Option<Approval>,
    pub calls_per_minute: Option<Option<i64>>,
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
    let policy = new.policy.unwrap_or(match new.dialect {
        Dialect::Gorgias => Policy::Gorgias,
        Dialect::Zendesk => Policy::Zendesk,
        Dialect::Standard if is_public && application_type == ApplicationType::Native => Policy::PublicNative,
        Dialect::Standard => Policy::Standard,
    });
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
        grant_types: grant_types(new.client_credentials, &new.other_grants, new.client_type, policy)?,
        optional_scopes: details::scopes_within("optional_scopes", &new.optional_scopes, &allowed_scopes, new.dialect)?,
        allowed_scopes,
        default_scopes,
        token_endpoint_auth_method: match &new.token_endpoint_auth_method {
            Some(method) => method.clone(),
            None => policy.usual_auth_method(is_public).to_owned(),
        },
        id_token_signed_response_alg: match &new.id_token_signed_response_alg {
            Some(algorithm) => algorithm.clone(),
            None => policy.usual_algorithm().to_owned(),
        },
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
        metadata: new.metadata.clone(),
        require_par: new.require_par || policy.is_fapi(),
        require_dpop: new.require_dpop || policy.is_fapi(),
        require_signed_request: new.require_signed_request || policy.requires_signed_requests(),
        jwt_access_tokens: new.jwt_access_tokens,
        account_scopes: ScopeSet::default(),
        approval: Approval::Approved,
        calls_per_minute: None,
        document_expires_at: None,
        last_used_at: None,
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
        let others: Vec<String> = client.grant_types.iter().filter(|it| it.contains(':')).cloned().collect();
        client.grant_types = grant_types(asked, &others, client.client_type, client.policy)?;
    }
    if let Some(metadata) = &change.metadata {
        client.metadata = metadata.clone();
    }
    client.require_par = change.require_par.unwrap_or(client.require_par);
    client.require_dpop = change.require_dpop.unwrap_or(client.require_dpop);
    client.require_signed_request = change.require_signed_request.unwrap_or(client.require_signed_request);
    client.jwt_access_tokens = change.jwt_access_tokens.unwrap_or(client.jwt_access_tokens);
    for (field, sent, kept) in [
        ("optional_scopes", &change.optional_scopes, &mut client.optional_scopes),
        ("account_scopes", &change.account_scopes, &mut client.account_scopes),
    ] {
        if let Some(sent) = sent {
            *kept = details::scopes_within(field, sent, &client.allowed_scopes, client.dialect)?;
        }
    }
    client.approval = change.approval.unwrap_or(client.approval);
    client.calls_per_minute = change.calls_per_minute.unwrap_or(client.calls_per_minute);
    client.first_party = change.first_party.unwrap_or(client.first_party);
    client.verified = change.verified.unwrap_or(client.verified);
    client.updated_at = now;
    Ok(client)
}

fn grant_types(
    client_credentials: bool,
    others: &[String],
    client_type: ClientType,
    policy: Policy,
) -> Result<Vec<String>, Error> {
    let mut grant_types = vec!["authorization_code".to_owned(), "refresh_token".to_owned()];
    grant_types.extend_from_slice(others);
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
        "require_par": client.require_par,
        "require_dpop": client.require_dpop,
        "require_signed_request": client.require_signed_request,
        "jwt_access_tokens": client.jwt_access_tokens,
        "optional_scopes": client.optional_scopes.as_str(),
        "account_scopes": client.account_scopes.as_str(),
        "approval": client.approval.word(),
        "calls_per_minute": client.calls_per_minute,
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "metadata": client.metadata,
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

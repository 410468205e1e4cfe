//! From what an administrator, a file or the app itself sent to a whole record, with the defaults of its policy (POL-2, POL-3).

use helpdesk::Error;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use scope::Dialect;
use scope::permit::Actor;
use scope::set::ScopeSet;
use store::Tx;

use super::admin::Entry;
use super::{Approval, Client, ClientType, Metadata, Status, details};
use crate::keys;
use crate::policy::Policy;
use crate::redirect_uri::ApplicationType;

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
    /// All its grants, where it says them itself. None: the two above and what the next two fields add.
    pub grant_types: Option<Vec<String>>,
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
    /// As whom it acts for itself (CC-2). None: whoever registers it.
    pub owner_id: Option<i64>,
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
            grant_types: None,
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
            owner_id: None,
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
    /// Its lifetimes and rotation become those of the policy.
    pub policy: Option<Policy>,
    pub client_type: Option<ClientType>,
    pub token_endpoint_auth_method: Option<String>,
    pub id_token_signed_response_alg: Option<String>,
    pub require_pkce: Option<bool>,
    pub client_credentials: Option<bool>,
    pub other_grants: Option<Vec<String>>,
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
    /// Ends the tokens that it holds as whom it acted before.
    pub owner_id: Option<i64>,
}

/// A new record from what was sent, with the defaults of its policy (POL-2, POL-3).
pub(super) async fn checked(
    tx: &mut Tx,
    actor: &Actor,
    new: &NewClient,
    entry: &Entry,
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
        client_id: entry.client_id.clone(),
        name: details::line("name", &new.name)?,
        publisher: details::line_or_none("publisher", new.publisher.as_deref())?,
        description: details::description(new.description.as_deref())?,
        client_uri: details::client_uri(new.client_uri.as_deref())?,
        dialect: new.dialect,
        policy,
        client_type: new.client_type,
        application_type,
        status: Status::Active,
        grant_types: match &new.grant_types {
            Some(all) => all.clone(),
            None => grant_types(new.client_credentials, &new.other_grants, new.client_type, policy)?,
        },
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
        registered_by: entry.registered_by.to_owned(),
        verified: new.verified,
        owner_id: match new.owner_id {
            Some(id) => owner(tx, id).await?,
            None => actor
                .person_id
                .or(account_owner)
                .ok_or_else(|| Error::Refused("the account has no owner yet".to_owned()))?,
        },
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

pub(super) async fn changed(
    tx: &mut Tx,
    before: &Client,
    change: &ClientChange,
    now: Timestamp,
) -> Result<Client, Error> {
    let mut client = before.clone();
    kind(&mut client, change);
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
    if change.client_credentials.is_some() || change.other_grants.is_some() {
        let others = || client.grant_types.iter().filter(|it| it.contains(':')).cloned().collect();
        let others: Vec<String> = change.other_grants.clone().unwrap_or_else(others);
        let credentials = change.client_credentials.unwrap_or(client.may_use_grant("client_credentials"));
        client.grant_types = grant_types(credentials, &others, client.client_type, client.policy)?;
    }
    if let Some(metadata) = &change.metadata {
        client.metadata = metadata.clone();
    }
    let policy = client.policy;
    client.require_par = change.require_par.unwrap_or(client.require_par) || policy.is_fapi();
    client.require_dpop = change.require_dpop.unwrap_or(client.require_dpop) || policy.is_fapi();
    client.require_signed_request =
        change.require_signed_request.unwrap_or(client.require_signed_request) || policy.requires_signed_requests();
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
    if client.first_party && client.is_self_registered() {
        return Err(Error::invalid("first_party", "is not for an app that registered itself"));
    }
    client.verified = change.verified.unwrap_or(client.verified);
    if let Some(id) = change.owner_id {
        client.owner_id = owner(tx, id).await?;
    }
    client.updated_at = now;
    Ok(client)
}

/// Type, policy and what follows from them.
fn kind(client: &mut Client, change: &ClientChange) {
    let (was_public, old_policy) = (client.is_public(), client.policy);
    client.client_type = change.client_type.unwrap_or(client.client_type);
    client.policy = change.policy.unwrap_or(client.policy);
    let (is_public, policy) = (client.is_public(), client.policy);
    if is_public != was_public {
        client.token_endpoint_auth_method = policy.usual_auth_method(is_public).to_owned();
        client.require_pkce = policy.requires_pkce(is_public);
    }
    if is_public != was_public || policy != old_policy {
        client.rotates_refresh = policy.rotates_refresh_tokens(is_public);
    }
    if policy != old_policy {
        let lifetimes = policy.lifetimes();
        client.code_seconds = lifetimes.code_seconds;
        client.access_token_seconds = lifetimes.access_token_seconds;
        client.refresh_idle_seconds = lifetimes.refresh_idle_seconds;
        client.refresh_absolute_seconds = lifetimes.refresh_absolute_seconds;
        client.refresh_grace_seconds = lifetimes.refresh_grace_seconds;
        if !policy.may_sign_with(Algorithm::RS256)
            && client.id_token_signed_response_alg == keys::name_of(Algorithm::RS256)
        {
            client.id_token_signed_response_alg = policy.usual_algorithm().to_owned();
        }
        client.require_pkce = client.require_pkce || !policy.may_drop_pkce(is_public);
    }
    if let Some(method) = &change.token_endpoint_auth_method {
        client.token_endpoint_auth_method.clone_from(method);
    }
    if let Some(algorithm) = &change.id_token_signed_response_alg {
        client.id_token_signed_response_alg.clone_from(algorithm);
    }
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

/// Somebody of the staff who may sign in.
async fn owner(tx: &mut Tx, id: i64) -> Result<i64, Error> {
    let sql = "select id from people where id = $1 and is_staff = 1 and active = 1 and deleted_at is null";
    match tx.row(sql, &[id.into()]).await? {
        Some(_) => Ok(id),
        None => Err(Error::invalid("owner_id", "is nobody of the staff who may sign in")),
    }
}

/// The account's name in addresses, and who owns it.
pub(super) async fn account(tx: &mut Tx) -> Result<(String, Option<i64>), Error> {
    match tx.row("select domain, owner_id from account where id = 1", &[]).await? {
        Some(row) => Ok((row.text("domain")?, row.int_or_null("owner_id")?)),
        None => Err(Error::Refused("there is no account yet".to_owned())),
    }
}

//! OAuth clients, which people call apps: the record, and how it is found.
//!
//! `build.rs` makes records from what was sent, `details.rs` and `check.rs` say what they may hold, `admin.rs` writes them, `secrets.rs`
//! makes their secrets. Deleted clients keep their row, so that the event log still names them.

pub mod activity;
mod admin;
mod build;
pub mod check;
pub(crate) mod details;
pub(crate) mod documents;
mod fingerprint;
pub mod installed;
pub(crate) mod jwks;
pub mod localized;
pub mod metadata;
pub mod numbered;
mod rows;
pub mod secrets;
mod sector;
pub mod usage;

use jiff::Timestamp;
use scope::Dialect;
use scope::permit::CanRead;
use scope::resource::Apps;
use scope::set::ScopeSet;
use store::{Row, StoreError, Tx};

pub(crate) use admin::{Entry, living, write_change, write_new};
pub use build::{ClientChange, NewClient};
pub use metadata::Metadata;
pub use secrets::{NewSecret, OldSecrets, Secret};

use self::rows::{COLUMNS, from_row};
use crate::policy::Policy;
use crate::redirect_uri::{ApplicationType, RedirectUri};

/// A client (POL-1).
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Row of `clients`; what people call the app's number.
    pub id: i64,
    pub client_id: String,
    pub name: String,
    pub publisher: Option<String>,
    pub description: Option<String>,
    pub client_uri: Option<String>,
    /// Whose words its scopes are.
    pub dialect: Dialect,
    pub policy: Policy,
    pub client_type: ClientType,
    pub application_type: ApplicationType,
    pub status: Status,
    /// Such as `authorization_code`.
    pub grant_types: Vec<String>,
    /// The ceiling: no token of this app ever carries more (SC-11).
    pub allowed_scopes: ScopeSet,
    /// What a request without `scope` asks for (SC-3).
    pub default_scopes: ScopeSet,
    /// `client_secret_basic`, `client_secret_post` or `none`.
    pub token_endpoint_auth_method: String,
    pub id_token_signed_response_alg: String,
    /// A request without `code_challenge` is refused. False only for confidential clients (POL-3).
    pub require_pkce: bool,
    /// An administrator said that nobody needs to be asked (CO-10).
    pub first_party: bool,
    /// A refresh token is replaced at each use.
    pub rotates_refresh: bool,
    pub code_seconds: i64,
    pub access_token_seconds: i64,
    /// None: without end.
    pub refresh_idle_seconds: Option<i64>,
    pub refresh_absolute_seconds: Option<i64>,
    pub refresh_grace_seconds: i64,
    /// `admin`, `api`, `dcr` or `cimd`.
    pub registered_by: String,
    pub verified: bool,
    /// Who registered it; a client_credentials token acts as this person.
    pub owner_id: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub redirect_uris: Vec<RedirectUri>,
    /// What it says of itself besides (RFC 7591, section 2).
    pub metadata: Metadata,
    /// A request must be pushed (PA-6).
    pub require_par: bool,
    /// Tokens are bound to a DPoP key (DP-5).
    pub require_dpop: bool,
    /// A request must be signed (JA-1).
    pub require_signed_request: bool,
    /// Access tokens are JWTs (AT-2) instead of opaque.
    pub jwt_access_tokens: bool,
    /// Words of the ceiling that a person may untick (CO-8).
    pub optional_scopes: ScopeSet,
    /// Words that an administrator allowed for everybody (CO-11).
    pub account_scopes: ScopeSet,
    pub approval: Approval,
    /// Calls a minute of all its tokens together; None: the account's default (RS-9).
    pub calls_per_minute: Option<i64>,
    /// A client ID metadata document's: until when it may be believed (CM-4).
    pub document_expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// Whether an administrator let the app in (CM-7, CO-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    Approved,
    Pending,
    Refused,
}

/// Whether a client can keep a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientType {
    Confidential,
    Public,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    Disabled,
    Deleted,
}

impl Approval {
    pub const fn word(self) -> &'static str {
        match self {
            Approval::Approved => "approved",
            Approval::Pending => "pending",
            Approval::Refused => "refused",
        }
    }

    pub fn parse(word: &str) -> Option<Approval> {
        [Approval::Approved, Approval::Pending, Approval::Refused].into_iter().find(|it| it.word() == word)
    }
}

impl ClientType {
    pub const fn word(self) -> &'static str {
        match self {
            ClientType::Confidential => "confidential",
            ClientType::Public => "public",
        }
    }

    pub fn parse(word: &str) -> Option<ClientType> {
        [ClientType::Confidential, ClientType::Public].into_iter().find(|kind| kind.word() == word)
    }
}

impl Status {
    pub const fn word(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Disabled => "disabled",
            Status::Deleted => "deleted",
        }
    }

    pub fn parse(word: &str) -> Option<Status> {
        [Status::Active, Status::Disabled, Status::Deleted].into_iter().find(|status| status.word() == word)
    }
}

impl Client {
    /// Switched on, and not refused by an administrator.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active && self.approval != Approval::Refused
    }

    pub fn is_public(&self) -> bool {
        self.client_type == ClientType::Public
    }

    pub fn may_use_grant(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|allowed| allowed == grant_type)
    }
}

/// Where a page of the list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub name: String,
    pub id: i64,
}

/// The client of this id in the protocol, whatever its status. For the endpoints, which have no permit yet.
pub async fn by_client_id(tx: &mut Tx, client_id: &str) -> Result<Option<Client>, StoreError> {
    one(tx, "client_id", client_id.into()).await
}

/// The client in this row, whatever its status. For the endpoints.
pub async fn by_row(tx: &mut Tx, id: i64) -> Result<Option<Client>, StoreError> {
    one(tx, "id", id.into()).await
}

/// The app with this number, or `NotFound`; a deleted one is not found.
pub async fn find(tx: &mut Tx, _may: &CanRead<Apps>, id: i64) -> Result<Client, helpdesk::Error> {
    match by_row(tx, id).await? {
        Some(client) if client.status != Status::Deleted => Ok(client),
        _ => Err(helpdesk::Error::NotFound { kind: "app", id }),
    }
}

/// Which apps a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    pub status: Option<Status>,
    pub self_registered: bool,
    /// Neither proved itself nor was allowed anything since then.
    pub unused_since: Option<Timestamp>,
}

/// The same as `list`, of some apps only.
pub async fn list_shown(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    shown: Shown,
    search: Option<&str>,
    after: Option<&After>,
    limit: i64,
) -> Result<Vec<Client>, StoreError> {
    find_all(tx, shown, search, after, limit).await
}

/// Apps that are not deleted, by name. `search` is looked for in name, publisher and client id, without regard to
/// the case of ASCII letters, which is what both databases fold alike.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    search: Option<&str>,
    after: Option<&After>,
    limit: i64,
) -> Result<Vec<Client>, StoreError> {
    find_all(tx, Shown::default(), search, after, limit).await
}

async fn find_all(
    tx: &mut Tx,
    shown: Shown,
    search: Option<&str>,
    after: Option<&After>,
    limit: i64,
) -> Result<Vec<Client>, StoreError> {
    let mut sql = format!("select {COLUMNS} from clients where status <> 'deleted'");
    let mut params: Vec<store::Value> = Vec::new();
    if let Some(after) = after {
        sql.push_str(" and (name, id) > ($1, $2)");
        params.extend([after.name.as_str().into(), after.id.into()]);
    }
    if let Some(search) = search.map(str::trim).filter(|search| !search.is_empty()) {
        let n = params.len() + 1;
        sql.push_str(&format!(
            " and (lower(name) like ${n} escape '!' or lower(publisher) like ${n} escape '!' or lower(client_id) like ${n} escape '!')"
        ));
        params.push(format!("%{}%", escape_like(&search.to_ascii_lowercase())).into());
    }
    if let Some(status) = shown.status {
        params.push(status.word().into());
        sql.push_str(&format!(" and status = ${}", params.len()));
    }
    if shown.self_registered {
        sql.push_str(" and registered_by in ('dcr', 'cimd')");
    }
    if let Some(since) = shown.unused_since {
        params.push(since.into());
        let since = format!("${}", params.len());
        sql.push_str(&format!(
            " and coalesce(last_used_at, 0) < {since} and not exists (
                 select 1 from grants where grants.client_id = clients.id and grants.last_used_at >= {since})"
        ));
    }
    sql.push_str(&format!(" order by name, id limit ${}", params.len() + 1));
    params.push(limit.into());
    let rows = tx.rows(&sql, &params).await?;
    let mut clients = rows.iter().map(from_row).collect::<Result<Vec<Client>, StoreError>>()?;
    for client in &mut clients {
        client.redirect_uris = redirect_uris(tx, client.id).await?;
    }
    Ok(clients)
}

async fn one(tx: &mut Tx, column: &'static str, value: store::Value) -> Result<Option<Client>, StoreError> {
    let row = tx.row(&format!("select {COLUMNS} from clients where {column} = $1"), &[value]).await?;
    let Some(row) = row else { return Ok(None) };
    let mut client = from_row(&row)?;
    client.redirect_uris = redirect_uris(tx, client.id).await?;
    Ok(Some(client))
}

async fn redirect_uris(tx: &mut Tx, id: i64) -> Result<Vec<RedirectUri>, StoreError> {
    let rows = tx.rows("select uri from client_redirect_uris where client_id = $1 order by id", &[id.into()]).await?;
    rows.iter().map(|row| Ok(RedirectUri::stored(row.text("uri")?))).collect()
}

pub(crate) fn scope_set(row: &Row, column: &'static str) -> Result<ScopeSet, StoreError> {
    ScopeSet::parse(&row.text(column)?).map_err(|_| StoreError::Column(column))
}

/// With `!` as the escape character, which both databases then take alike.
fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

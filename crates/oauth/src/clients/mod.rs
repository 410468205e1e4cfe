//! OAuth clients, which people call apps: the record, and how it is found.
//!
//! `admin.rs` changes records, `details.rs` checks what they may hold, `secrets.rs` makes their secrets. Deleted clients keep their row, so that the event log still names them.

mod admin;
pub(crate) mod details;
pub mod secrets;
pub mod usage;

use jiff::Timestamp;
use scope::Dialect;
use scope::permit::CanRead;
use scope::resource::Apps;
use scope::set::ScopeSet;
use store::{Row, StoreError, Tx};

pub use admin::{ClientChange, NewClient};
pub use secrets::{NewSecret, OldSecrets, Secret};

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
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
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

/// Apps that are not deleted, by name. `search` is looked for in name, publisher and client id, without regard to
/// the case of ASCII letters, which is what both databases fold alike.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    search: Option<&str>,
    after: Option<&After>,
    limit: i64,
) -> Result<Vec<Client>, StoreError> {
    let mut sql = format!("select {COLUMNS} from clients where status <> 'deleted'");
    let mut params = Vec::new();
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

const COLUMNS: &str = "id, client_id, name, publisher, description, client_uri, dialect, policy, type, application_type, status, \
     grant_types, allowed_scopes, default_scopes, token_endpoint_auth_method, id_token_signed_response_alg, require_pkce, \
     first_party, refresh_rotation, code_seconds, access_token_seconds, refresh_idle_seconds, refresh_absolute_seconds, \
     refresh_grace_seconds, registered_by, verified, owner_id, created_at, updated_at";

fn from_row(row: &Row) -> Result<Client, StoreError> {
    Ok(Client {
        id: row.int("id")?,
        client_id: row.text("client_id")?,
        name: row.text("name")?,
        publisher: row.text_or_null("publisher")?,
        description: row.text_or_null("description")?,
        client_uri: row.text_or_null("client_uri")?,
        dialect: Dialect::parse(&row.text("dialect")?).ok_or(StoreError::Column("dialect"))?,
        policy: Policy::parse(&row.text("policy")?).ok_or(StoreError::Column("policy"))?,
        client_type: ClientType::parse(&row.text("type")?).ok_or(StoreError::Column("type"))?,
        application_type: ApplicationType::parse(&row.text("application_type")?)
            .ok_or(StoreError::Column("application_type"))?,
        status: Status::parse(&row.text("status")?).ok_or(StoreError::Column("status"))?,
        grant_types: words(&row.text("grant_types")?),
        allowed_scopes: scope_set(row, "allowed_scopes")?,
        default_scopes: scope_set(row, "default_scopes")?,
        token_endpoint_auth_method: row.text("token_endpoint_auth_method")?,
        id_token_signed_response_alg: row.text("id_token_signed_response_alg")?,
        require_pkce: row.flag("require_pkce")?,
        first_party: row.flag("first_party")?,
        rotates_refresh: row.text("refresh_rotation")? == "rotate",
        code_seconds: row.int("code_seconds")?,
        access_token_seconds: row.int("access_token_seconds")?,
        refresh_idle_seconds: row.int_or_null("refresh_idle_seconds")?,
        refresh_absolute_seconds: row.int_or_null("refresh_absolute_seconds")?,
        refresh_grace_seconds: row.int("refresh_grace_seconds")?,
        registered_by: row.text("registered_by")?,
        verified: row.flag("verified")?,
        owner_id: row.int("owner_id")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        redirect_uris: Vec::new(),
    })
}

pub(crate) fn scope_set(row: &Row, column: &'static str) -> Result<ScopeSet, StoreError> {
    ScopeSet::parse(&row.text(column)?).map_err(|_| StoreError::Column(column))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// With `!` as the escape character, which both databases then take alike.
fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

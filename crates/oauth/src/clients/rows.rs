//! A client and its row.

use helpdesk::Error;
use scope::Dialect;
use store::{Row, StoreError, Tx};

use super::{Approval, Client, ClientType, Status, scope_set};
use crate::logos;
use crate::policy::Policy;
use crate::redirect_uri::{ApplicationType, RedirectUri};

pub(super) const COLUMNS: &str = "id, client_id, name, publisher, description, client_uri, dialect, policy, type, application_type, status, \
     grant_types, allowed_scopes, default_scopes, token_endpoint_auth_method, id_token_signed_response_alg, require_pkce, \
     first_party, refresh_rotation, code_seconds, access_token_seconds, refresh_idle_seconds, refresh_absolute_seconds, \
     refresh_grace_seconds, registered_by, verified, owner_id, created_at, updated_at, metadata, require_par, \
     require_dpop, require_signed_request, token_format, optional_scopes, account_scopes, approval, calls_per_minute, \
     document_expires_at, last_used_at";

pub(super) fn from_row(row: &Row) -> Result<Client, StoreError> {
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
        metadata: serde_json::from_str(&row.text("metadata")?).map_err(|_| StoreError::Column("metadata"))?,
        require_par: row.flag("require_par")?,
        require_dpop: row.flag("require_dpop")?,
        require_signed_request: row.flag("require_signed_request")?,
        jwt_access_tokens: row.text("token_format")? == "jwt",
        optional_scopes: scope_set(row, "optional_scopes")?,
        account_scopes: scope_set(row, "account_scopes")?,
        approval: Approval::parse(&row.text("approval")?).ok_or(StoreError::Column("approval"))?,
        calls_per_minute: row.int_or_null("calls_per_minute")?,
        document_expires_at: row.time_or_null("document_expires_at")?,
        last_used_at: row.time_or_null("last_used_at")?,
    })
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

pub(super) async fn insert(tx: &mut Tx, client: &Client) -> Result<i64, Error> {
    let row = tx
        .row(
            "insert into clients (client_id, name, publisher, description, client_uri, dialect, policy, type, application_type, status,
                 grant_types, allowed_scopes, default_scopes, token_endpoint_auth_method, id_token_signed_response_alg, require_pkce,
                 first_party, refresh_rotation, code_seconds, access_token_seconds, refresh_idle_seconds, refresh_absolute_seconds,
                 refresh_grace_seconds, registered_by, verified, owner_id, created_at, updated_at, metadata, require_par,
                 require_dpop, require_signed_request, token_format, optional_scopes, account_scopes, approval, calls_per_minute)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
                 $25, $26, $27, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)
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
                refresh_rotation(client).into(),
                client.code_seconds.into(),
                client.access_token_seconds.into(),
                client.refresh_idle_seconds.into(),
                client.refresh_absolute_seconds.into(),
                client.refresh_grace_seconds.into(),
                client.registered_by.as_str().into(),
                client.verified.into(),
                client.owner_id.into(),
                client.created_at.into(),
                metadata(client)?.into(),
                client.require_par.into(),
                client.require_dpop.into(),
                client.require_signed_request.into(),
                token_format(client).into(),
                client.optional_scopes.as_str().into(),
                client.account_scopes.as_str().into(),
                client.approval.word().into(),
                client.calls_per_minute.into(),
            ],
        )
        .await?;
    let row = row.ok_or_else(|| Error::Refused("the app was not stored".to_owned()))?;
    let id = row.int("id")?;
    logos::expect(tx, client.created_at, &Client { id, ..client.clone() }).await?;
    Ok(id)
}

/// Writes everything that may change of a client. Its redirect URIs are `write_redirect_uris`', its status `set_status`'.
pub(super) async fn update(tx: &mut Tx, client: &Client) -> Result<(), Error> {
    tx.run(
        "update clients set name = $1, publisher = $2, description = $3, client_uri = $4, application_type = $5, grant_types = $6,
             allowed_scopes = $7, default_scopes = $8, require_pkce = $9, first_party = $10, verified = $11, updated_at = $12,
             metadata = $14, require_par = $15, require_dpop = $16, require_signed_request = $17, token_format = $18,
             optional_scopes = $19, account_scopes = $20, approval = $21, calls_per_minute = $22, policy = $23, type = $24,
             token_endpoint_auth_method = $25, id_token_signed_response_alg = $26, refresh_rotation = $27, code_seconds = $28,
             access_token_seconds = $29, refresh_idle_seconds = $30, refresh_absolute_seconds = $31, refresh_grace_seconds = $32,
             owner_id = $33
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
            metadata(client)?.into(),
            client.require_par.into(),
            client.require_dpop.into(),
            client.require_signed_request.into(),
            token_format(client).into(),
            client.optional_scopes.as_str().into(),
            client.account_scopes.as_str().into(),
            client.approval.word().into(),
            client.calls_per_minute.into(),
            client.policy.word().into(),
            client.client_type.word().into(),
            client.token_endpoint_auth_method.as_str().into(),
            client.id_token_signed_response_alg.as_str().into(),
            refresh_rotation(client).into(),
            client.code_seconds.into(),
            client.access_token_seconds.into(),
            client.refresh_idle_seconds.into(),
            client.refresh_absolute_seconds.into(),
            client.refresh_grace_seconds.into(),
            client.owner_id.into(),
        ],
    )
    .await?;
    Ok(logos::expect(tx, client.updated_at, client).await?)
}

fn refresh_rotation(client: &Client) -> &'static str {
    if client.rotates_refresh { "rotate" } else { "none" }
}

fn token_format(client: &Client) -> &'static str {
    if client.jwt_access_tokens { "jwt" } else { "opaque" }
}

fn metadata(client: &Client) -> Result<String, Error> {
    serde_json::to_string(&client.metadata)
        .map_err(|error| Error::Refused(format!("the app's metadata cannot be written: {error}")))
}

pub(super) async fn write_redirect_uris(tx: &mut Tx, id: i64, uris: &[RedirectUri]) -> Result<(), Error> {
    for uri in uris {
        tx.run("insert into client_redirect_uris (client_id, uri) values ($1, $2)", &[id.into(), uri.as_str().into()])
            .await?;
    }
    Ok(())
}

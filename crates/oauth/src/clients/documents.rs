//! The record of an app that describes itself in a metadata document: made when the document is first read, and kept as it says (CM-4, CM-8).

use helpdesk::Error;
use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::Dialect;
use scope::permit::Actor;
use scope::set::ScopeSet;
use serde_json::{Value as Json, json};
use store::Tx;

use super::admin::{differences, facts};
use super::build::account;
use super::rows::{insert, update, write_redirect_uris};
use super::{Approval, Client, ClientType, Status};
use crate::client_document::read::Document;
use crate::policy::Policy;
use crate::redirect_uri::ApplicationType;

/// `registered_by` of such an app.
pub(crate) const REGISTERED_BY: &str = "cimd";

/// Writes what the document says. The row.
pub(crate) async fn put(
    tx: &mut Tx,
    now: Timestamp,
    request_id: &str,
    client_id: &str,
    document: &Document,
    expires_at: Timestamp,
) -> Result<i64, Error> {
    let actor = Actor { worker: Some("client documents"), request_id: request_id.to_owned(), ..Actor::default() };
    let id = match super::by_client_id(tx, client_id).await? {
        Some(before) => {
            if before.registered_by != REGISTERED_BY {
                return Err(Error::Refused("another app has this client_id already".to_owned()));
            }
            change(tx, &actor, now, &before, document).await?;
            before.id
        }
        None => {
            let (_name, owner) = account(tx).await?;
            let owner_id = owner.ok_or_else(|| Error::Refused("the account has no owner yet".to_owned()))?;
            let client = new(client_id, owner_id, document, now);
            let id = insert(tx, &client).await?;
            write_redirect_uris(tx, id, &client.redirect_uris).await?;
            record(tx, &actor, now, "app-created", id, None, facts(&client)).await?;
            id
        }
    };
    tx.run(
        "update clients set document_fetched_at = $1, document_expires_at = $2 where id = $3",
        &[now.into(), expires_at.into(), id.into()],
    )
    .await?;
    Ok(id)
}

async fn change(tx: &mut Tx, actor: &Actor, now: Timestamp, before: &Client, document: &Document) -> Result<(), Error> {
    let mut after = applied(before.clone(), document);
    let (old, new) = differences(&facts(before), &facts(&after));
    if new.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(());
    }
    after.updated_at = now;
    update(tx, &after).await?;
    if before.redirect_uris != after.redirect_uris {
        tx.run("delete from client_redirect_uris where client_id = $1", &[before.id.into()]).await?;
        write_redirect_uris(tx, before.id, &after.redirect_uris).await?;
    }
    let keys = |client: &Client| json!({ "jwks": client.metadata.jwks, "jwks_uri": client.metadata.jwks_uri });
    if keys(before) != keys(&after) {
        record(tx, actor, now, "app-keys-changed", before.id, Some(keys(before)), keys(&after)).await?;
    }
    record(tx, actor, now, "app-updated", before.id, Some(old), new).await
}

/// The document decides everything but what an administrator decided.
fn applied(client: Client, document: &Document) -> Client {
    let Document {
        name,
        client_uri,
        client_type,
        application_type,
        redirect_uris,
        grant_types,
        allowed_scopes,
        default_scopes,
        token_endpoint_auth_method,
        id_token_signed_response_alg,
        require_par,
        require_dpop,
        require_signed_request,
        metadata,
    } = document.clone();
    let policy = policy_of(client_type, application_type);
    Client {
        name,
        client_uri,
        client_type,
        application_type,
        redirect_uris,
        grant_types,
        allowed_scopes,
        default_scopes,
        token_endpoint_auth_method: token_endpoint_auth_method.to_owned(),
        id_token_signed_response_alg: id_token_signed_response_alg.to_owned(),
        require_par,
        require_dpop,
        require_signed_request,
        metadata,
        policy,
        rotates_refresh: policy.rotates_refresh_tokens(client_type == ClientType::Public),
        ..client
    }
}

fn policy_of(client_type: ClientType, application_type: ApplicationType) -> Policy {
    match (client_type, application_type) {
        (ClientType::Public, ApplicationType::Native) => Policy::PublicNative,
        _ => Policy::Standard,
    }
}

/// Nobody has decided about it yet (CM-7), nobody vouches for it, and PKCE is never left out.
fn new(client_id: &str, owner_id: i64, document: &Document, now: Timestamp) -> Client {
    let lifetimes = policy_of(document.client_type, document.application_type).lifetimes();
    let bare = Client {
        id: 0,
        client_id: client_id.to_owned(),
        name: String::new(),
        publisher: None,
        description: None,
        client_uri: None,
        dialect: Dialect::Standard,
        policy: Policy::Standard,
        client_type: ClientType::Public,
        application_type: ApplicationType::Web,
        status: Status::Active,
        grant_types: Vec::new(),
        allowed_scopes: ScopeSet::default(),
        default_scopes: ScopeSet::default(),
        token_endpoint_auth_method: String::new(),
        id_token_signed_response_alg: String::new(),
        require_pkce: true,
        first_party: false,
        rotates_refresh: true,
        code_seconds: lifetimes.code_seconds,
        access_token_seconds: lifetimes.access_token_seconds,
        refresh_idle_seconds: lifetimes.refresh_idle_seconds,
        refresh_absolute_seconds: lifetimes.refresh_absolute_seconds,
        refresh_grace_seconds: lifetimes.refresh_grace_seconds,
        registered_by: REGISTERED_BY.to_owned(),
        verified: false,
        owner_id,
        created_at: now,
        updated_at: now,
        redirect_uris: Vec::new(),
        metadata: super::Metadata::default(),
        require_par: false,
        require_dpop: false,
        require_signed_request: false,
        jwt_access_tokens: false,
        optional_scopes: ScopeSet::default(),
        account_scopes: ScopeSet::default(),
        approval: Approval::Pending,
        calls_per_minute: None,
        document_expires_at: None,
        last_used_at: None,
    };
    applied(bare, document)
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    before: Option<Json>,
    after: Json,
) -> Result<(), Error> {
    let change = Change { kind, object_type: "App", object_id: id, before, after: Some(after), data: None };
    events::record(tx, actor, now, change).await
}

//! Whom we trust besides ourselves: issuers whose signed assertions are taken as authorization grants (JB-1), and apps that may exchange
//! tokens (TX-2). Nobody, unless an administrator says so here.

use helpdesk::Error;
use helpdesk::events::{self, Change};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx, transact};
use url::Url;

use crate::Provider;
use crate::client_keys::KeySource;
use crate::clients::{self, Client, Status, details, jwks};
use crate::resources::Target;

/// Rows of each kind. Who needs more has a different problem.
const ROWS_MAX: i64 = 200;
const ISSUER_MAX_BYTES: usize = 2048;

/// Somebody who may vouch for people.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustedIssuer {
    pub id: i64,
    /// The `iss` of its assertions.
    pub issuer: String,
    pub name: String,
    pub jwks: Option<Json>,
    pub jwks_uri: Option<String>,
    /// The one app that may bring its assertions. None: every app that has the grant.
    pub client_row: Option<i64>,
    pub client_name: Option<String>,
}

/// The same, to be added.
#[derive(Debug, Clone, Default)]
pub struct NewTrustedIssuer {
    pub issuer: String,
    pub name: String,
    /// A JWK set. Exactly one of this and `jwks_uri`.
    pub jwks: Option<Json>,
    pub jwks_uri: Option<String>,
    /// `client_id` of an app.
    pub client_id: Option<String>,
}

/// Who may exchange whose tokens for tokens of which resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeRule {
    pub id: i64,
    pub client_row: i64,
    pub client_name: String,
    /// The app whose tokens may be exchanged. None: the app's own.
    pub subject_client_row: Option<i64>,
    pub subject_client_name: Option<String>,
    pub resource: String,
    /// An actor token may stand beside it.
    pub delegation: bool,
}

/// The same, to be added.
#[derive(Debug, Clone, Default)]
pub struct NewExchangeRule {
    /// `client_id` of the app that exchanges.
    pub client_id: String,
    /// `client_id` of the app whose tokens it may exchange. None: its own.
    pub subject_client_id: Option<String>,
    pub resource: String,
    pub delegation: bool,
}

impl TrustedIssuer {
    pub(crate) fn keys(&self) -> KeySource<'_> {
        KeySource { jwks: self.jwks.as_ref(), jwks_uri: self.jwks_uri.as_deref() }
    }
}

/// All trusted issuers, by name.
pub async fn issuers(tx: &mut Tx, _may: &CanRead<Apps>) -> Result<Vec<TrustedIssuer>, StoreError> {
    let sql = format!("{SELECT_ISSUER} order by t.name, t.id limit $1");
    let rows = tx.rows(&sql, &[ROWS_MAX.into()]).await?;
    rows.iter().map(issuer).collect()
}

/// The trusted issuer of this `iss`. For the grant.
pub(crate) async fn issuer_of(tx: &mut Tx, iss: &str) -> Result<Option<TrustedIssuer>, StoreError> {
    let sql = format!("{SELECT_ISSUER} where t.issuer = $1");
    tx.row(&sql, &[iss.into()]).await?.as_ref().map(issuer).transpose()
}

/// All rules, by the app that exchanges.
pub async fn rules(tx: &mut Tx, _may: &CanRead<Apps>) -> Result<Vec<ExchangeRule>, StoreError> {
    let sql = format!("{SELECT_RULE} order by r.client_id, r.id limit $1");
    let rows = tx.rows(&sql, &[ROWS_MAX.into()]).await?;
    rows.iter().map(rule).collect()
}

/// The rules of one app. For the grant.
pub(crate) async fn rules_of(tx: &mut Tx, client_row: i64) -> Result<Vec<ExchangeRule>, StoreError> {
    let sql = format!("{SELECT_RULE} where r.client_id = $1 order by r.id limit $2");
    let rows = tx.rows(&sql, &[client_row.into(), ROWS_MAX.into()]).await?;
    rows.iter().map(rule).collect()
}

impl Provider {
    /// `Invalid` names `issuer`, `name`, `jwks`, `jwks_uri` or `client_id`; `Taken` if the issuer is trusted already.
    pub async fn add_trusted_issuer(&self, may: &CanWrite<Apps>, new: NewTrustedIssuer) -> Result<i64, Error> {
        let now = self.clock.now();
        let name = details::line("name", &new.name)?;
        let issuer = issuer_address(&new.issuer)?;
        match (&new.jwks, &new.jwks_uri) {
            (Some(set), None) => jwks::check(set)?,
            (None, Some(uri)) if self.fetch.permits(uri).is_err() => {
                return Err(Error::invalid("jwks_uri", "must be an https address"));
            }
            (None, Some(_)) => {}
            _ => {
                return Err(Error::invalid(
                    "jwks",
                    "give the keys themselves or the address where they are, one of them",
                ));
            }
        }
        transact!(self.db, |tx| {
            let client = match &new.client_id {
                Some(client_id) => Some(app(tx, "client_id", client_id).await?),
                None => None,
            };
            let sql = "select id from trusted_issuers where issuer = $1";
            if tx.row(sql, &[issuer.as_str().into()]).await?.is_some() {
                return Err(Error::Taken { kind: "trusted issuer", field: "issuer" });
            }
            let row = tx
                .row(
                    "insert into trusted_issuers (issuer, name, jwks, jwks_uri, client_id, created_at)
                     values ($1, $2, $3, $4, $5, $6) returning id",
                    &[
                        issuer.as_str().into(),
                        name.as_str().into(),
                        new.jwks.as_ref().map(Json::to_string).into(),
                        new.jwks_uri.as_deref().into(),
                        client.as_ref().map(|client| client.id).into(),
                        now.into(),
                    ],
                )
                .await?;
            let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
            let facts = json!({ "issuer": issuer, "name": name, "app": client.map(|client| client.name) });
            let change = changed("trusted-issuer-added", "TrustedIssuer", id, None, Some(facts));
            events::record(tx, may.actor(), now, change).await?;
            Ok(id)
        })
    }

    /// `NotFound`. Tokens that were issued on its word live on until they end.
    pub async fn remove_trusted_issuer(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let row = tx.row("delete from trusted_issuers where id = $1 returning issuer, name", &[id.into()]).await?;
            let row = row.ok_or(Error::NotFound { kind: "trusted issuer", id })?;
            let facts = json!({ "issuer": row.text("issuer")?, "name": row.text("name")? });
            let change = changed("trusted-issuer-removed", "TrustedIssuer", id, Some(facts), None);
            events::record(tx, may.actor(), now, change).await
        })
    }

    /// `Invalid` names `client_id`, `subject_client_id` or `resource`; `Taken` if there is the same already.
    pub async fn add_exchange_rule(&self, may: &CanWrite<Apps>, new: NewExchangeRule) -> Result<i64, Error> {
        let now = self.clock.now();
        let target = Target::find(&new.resource, &self.config.issuer);
        let target = target.ok_or_else(|| Error::invalid("resource", "must be the API or the MCP endpoint"))?;
        let resource = target.identifier(&self.config.issuer);
        transact!(self.db, |tx| {
            let client = app(tx, "client_id", &new.client_id).await?;
            let subject = match &new.subject_client_id {
                Some(client_id) => Some(app(tx, "subject_client_id", client_id).await?),
                None => None,
            };
            let subject_row = subject.as_ref().map(|subject| subject.id);
            let known = rules_of(tx, client.id).await?;
            if known.iter().any(|it| it.subject_client_row == subject_row && it.resource == resource) {
                return Err(Error::Taken { kind: "exchange rule", field: "resource" });
            }
            let row = tx
                .row(
                    "insert into exchange_rules (client_id, subject_client_id, resource, delegation, created_at)
                     values ($1, $2, $3, $4, $5) returning id",
                    &[
                        client.id.into(),
                        subject_row.into(),
                        resource.as_str().into(),
                        new.delegation.into(),
                        now.into(),
                    ],
                )
                .await?;
            let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
            let facts = json!({
                "app": client.name, "tokens_of": subject.map(|subject| subject.name), "resource": resource,
                "delegation": new.delegation,
            });
            let change = changed("exchange-rule-added", "ExchangeRule", id, None, Some(facts));
            events::record(tx, may.actor(), now, change).await?;
            Ok(id)
        })
    }

    /// `NotFound`. Tokens that were exchanged live on until they end.
    pub async fn remove_exchange_rule(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let sql = format!("{SELECT_RULE} where r.id = $1");
            let row = tx.row(&sql, &[id.into()]).await?.ok_or(Error::NotFound { kind: "exchange rule", id })?;
            let old = rule(&row)?;
            tx.run("delete from exchange_rules where id = $1", &[id.into()]).await?;
            let facts = json!({
                "app": old.client_name, "tokens_of": old.subject_client_name, "resource": old.resource,
                "delegation": old.delegation,
            });
            let change = changed("exchange-rule-removed", "ExchangeRule", id, Some(facts), None);
            events::record(tx, may.actor(), now, change).await
        })
    }
}

const SELECT_ISSUER: &str =
    "select t.id as id, t.issuer as issuer, t.name as name, t.jwks as jwks, t.jwks_uri as jwks_uri,
     t.client_id as client_row, c.name as client_name
     from trusted_issuers t left join clients c on c.id = t.client_id";

const SELECT_RULE: &str =
    "select r.id as id, r.client_id as client_row, c.name as client_name, r.subject_client_id as subject_row,
     s.name as subject_name, r.resource as resource, r.delegation as delegation
     from exchange_rules r join clients c on c.id = r.client_id left join clients s on s.id = r.subject_client_id";

fn issuer(row: &Row) -> Result<TrustedIssuer, StoreError> {
    let jwks = row.text_or_null("jwks")?;
    let jwks = jwks.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| StoreError::Column("jwks"))?;
    Ok(TrustedIssuer {
        id: row.int("id")?,
        issuer: row.text("issuer")?,
        name: row.text("name")?,
        jwks,
        jwks_uri: row.text_or_null("jwks_uri")?,
        client_row: row.int_or_null("client_row")?,
        client_name: row.text_or_null("client_name")?,
    })
}

fn rule(row: &Row) -> Result<ExchangeRule, StoreError> {
    Ok(ExchangeRule {
        id: row.int("id")?,
        client_row: row.int("client_row")?,
        client_name: row.text("client_name")?,
        subject_client_row: row.int_or_null("subject_row")?,
        subject_client_name: row.text_or_null("subject_name")?,
        resource: row.text("resource")?,
        delegation: row.flag("delegation")?,
    })
}

/// `iss` is compared letter by letter, so it is kept as it was given.
fn issuer_address(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let proper = text.len() <= ISSUER_MAX_BYTES
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.fragment().is_none());
    match proper {
        true => Ok(text.to_owned()),
        false => Err(Error::invalid("issuer", "must be an address such as https://login.example.com")),
    }
}

async fn app(tx: &mut Tx, field: &'static str, client_id: &str) -> Result<Client, Error> {
    match clients::by_client_id(tx, client_id.trim()).await? {
        Some(client) if client.status != Status::Deleted => Ok(client),
        _ => Err(Error::invalid(field, "is not the client_id of an app")),
    }
}

fn changed(
    kind: &'static str,
    object_type: &'static str,
    id: i64,
    before: Option<Json>,
    after: Option<Json>,
) -> Change<'static> {
    Change { kind, object_type, object_id: id, before, after, data: None }
}

//! Integrations: what the helpdesk is connected with. Those of type `http` are called when something happens to a ticket.
//!
//! Here is what an integration is, reading one, and changing one. `triggers.rs`: for which events; `request.rs`: how the call is written;
//! `call.rs`: the same for macros and rules; `called.rs`: those of type http alone, and what is kept encrypted of them; `webhook.rs`: what those have besides that were made as webhooks; `announce.rs`: what they are
//! told of; `follow.rs`: from the event log to deliveries; `deliveries.rs`: the log of calls; `deliver.rs`: the call itself; `circuit.rs`: rest
//! after failures.

mod announce;
pub(crate) mod call;
pub mod called;
pub mod circuit;
pub mod cleanup;
pub mod data;
pub mod deliver;
pub mod deliveries;
pub mod facts;
pub mod follow;
pub mod redact;
pub mod request;
pub mod sign;
pub mod trial;
pub mod triggers;
pub mod webhook;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::{Integrations, Resource, Webhooks};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use self::request::Http;
use self::webhook::{Authentication, Webhook};
use crate::Error;
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::rules::uses;
use crate::views::references::{self, Named};

/// Longest name, in characters.
pub const NAME_MAX_CHARS: usize = 256;
/// Longest description, in characters.
pub const DESCRIPTION_MAX_CHARS: usize = 1024;
/// The type that is called.
pub const HTTP: &str = "http";
/// The kinds there are (Gorgias contract, `enums.integration_type`).
pub const TYPES: &[&str] = &[
    "aircall",
    "alloy",
    "app",
    "bigcommerce",
    "ecom",
    "email",
    "facebook",
    "gmail",
    "gorgias_chat",
    "http",
    "klaviyo",
    "magento2",
    "outlook",
    "phone",
    "recharge",
    "self_service",
    "shopify",
    "smile",
    "smooch",
    "smooch_inside",
    "sms",
    "twitter",
    "whatsapp",
    "yotpo",
    "zendesk",
];

/// What opens integrations: all of them, or those alone that are called.
pub trait Sort: Resource {
    fn has(kind: &str) -> bool;
}

impl Sort for Integrations {
    fn has(_kind: &str) -> bool {
        true
    }
}

impl Sort for Webhooks {
    fn has(kind: &str) -> bool {
        kind == HTTP
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    pub id: i64,
    /// One of `TYPES`.
    pub kind: String,
    pub name: String,
    pub description: Option<String>,
    /// Of type http.
    pub http: Option<Http>,
    /// Of type http, if it was made as a webhook.
    pub webhook: Option<Webhook>,
    /// Whether calls are signed, and whether they show credentials. Neither is read here.
    pub has_secret: bool,
    pub has_credentials: bool,
    /// What is particular to its type, such as the address of a mailbox.
    pub meta: Option<Json>,
    pub person_id: Option<i64>,
    /// Who changed it last.
    pub updated_by: Option<i64>,
    /// The app that made it: its row, and the name it goes by.
    pub client_id: Option<i64>,
    pub app_id: Option<String>,
    pub managed: bool,
    pub business_hours_id: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deactivated_at: Option<Timestamp>,
    /// None: a person did.
    pub deactivated_by: Option<DeactivatedBy>,
    pub health: Health,
}

/// What switched an integration off, if it was no person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeactivatedBy {
    /// Too many calls failed one after the other.
    Failures,
    /// The app that made it is gone.
    App,
}

/// How its calls went lately.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// One after the other.
    pub n_failures: i64,
    /// Nothing is called before.
    pub resting_until: Option<Timestamp>,
    pub last_success_at: Option<Timestamp>,
    pub last_failure_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// In one word, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Healthy,
    /// The last call failed.
    Failing,
    /// It failed so often that it is left alone for a while.
    Resting,
    Off,
}

#[derive(Debug, Clone, Default)]
pub struct NewIntegration {
    pub name: String,
    pub description: Option<String>,
    pub http: Http,
    pub webhook: Option<Webhook>,
    pub business_hours_id: Option<i64>,
    pub deactivated_at: Option<Timestamp>,
}

/// What a call changes of an integration. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub http: Option<request::Changes>,
    pub webhook: Option<Webhook>,
    pub business_hours_id: Option<Option<i64>>,
    pub deactivated_at: Option<Option<Timestamp>>,
}

/// A page by age. Served by `integrations_by_created` and `integrations_by_type`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Integrations>,
    kind: Option<&str>,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Integration>, Error> {
    let mut query = Query::new(select_integrations!());
    if let Some(kind) = kind {
        query.and("i.type =", kind);
    }
    let columns: &'static [Column] = &[Column::Int("i.created_at", "created_at"), Column::Int("i.id", "id")];
    let page = query.page(tx, Order { columns, descending }, slice).await?;
    let mut page = page.try_map(|row| Integration::from_row(&row))?;
    triggers::load(tx, &mut page.items).await?;
    Ok(page)
}

/// The integration with this id, or `NotFound`.
pub async fn find<S: Sort>(tx: &mut Tx, _may: &CanRead<S>, id: i64) -> Result<Integration, Error> {
    read_of::<S>(tx, id).await
}

/// The same for whoever is about to change it.
pub async fn to_change<S: Sort>(tx: &mut Tx, _may: &CanWrite<S>, id: i64) -> Result<Integration, Error> {
    read_of::<S>(tx, id).await
}

async fn read_of<S: Sort>(tx: &mut Tx, id: i64) -> Result<Integration, Error> {
    let found = read(tx, id).await?;
    if S::has(&found.kind) { Ok(found) } else { Err(Error::NotFound { kind: "integration", id }) }
}

/// Creates one of type http. `Invalid` names the field, such as `http.url`.
pub async fn create<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    new: &NewIntegration,
) -> Result<Integration, Error> {
    check_name(&new.name)?;
    new.http.check()?;
    check_webhook(new.webhook.as_ref())?;
    let actor = may.actor();
    let mut params = new.http.columns();
    params.extend([
        new.name.as_str().into(),
        new.description.as_ref().into(),
        actor.person_id.into(),
        actor.client_id.into(),
        new.business_hours_id.into(),
        now.into(),
        new.deactivated_at.into(),
        webhook_column(new.webhook.as_ref())?,
    ]);
    let row = tx
        .row(
            "insert into integrations (type, url, method, request_content_type, response_content_type, form, headers, oauth2, name,
                                       description, person_id, client_id, business_hours_id, created_at, updated_at, deactivated_at,
                                       webhook)
             values ('http', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15) returning id",
            &params,
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    triggers::write(tx, id, &new.http.triggers).await?;
    let made = read(tx, id).await?;
    record(tx, actor, now, "integration-created", id, None, Some(made.fields())).await?;
    Ok(made)
}

/// Stores one that another part of the program brings: a mailbox, a telephone number, an app.
pub async fn add(
    tx: &mut Tx,
    may: &CanWrite<Integrations>,
    now: Timestamp,
    kind: &str,
    name: &str,
    meta: &Json,
) -> Result<i64, Error> {
    if !TYPES.contains(&kind) {
        return Err(Error::invalid("type", format!("Must be one of: {}.", TYPES.join(", "))));
    }
    check_name(name)?;
    let actor = may.actor();
    let row = tx
        .row(
            "insert into integrations (type, name, meta, person_id, client_id, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $6) returning id",
            &[kind.into(), name.into(), meta.into(), actor.person_id.into(), actor.client_id.into(), now.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let made = read(tx, id).await?;
    record(tx, actor, now, "integration-created", id, None, Some(made.fields())).await?;
    Ok(id)
}

/// Changes what was sent. Switching it on again forgets the failures that switched it off.
pub async fn update<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Integration, Error> {
    lock(tx, id).await?;
    let before = read_of::<S>(tx, id).await?;
    let mut after = before.clone();
    if let Some(name) = &changes.name {
        check_name(name)?;
        after.name.clone_from(name);
    }
    after.description = changes.description.clone().unwrap_or(after.description);
    after.business_hours_id = changes.business_hours_id.unwrap_or(after.business_hours_id);
    after.deactivated_at = changes.deactivated_at.unwrap_or(after.deactivated_at);
    match (&changes.http, &mut after.http) {
        (None, _) => {}
        (Some(changes), Some(http)) => {
            changes.apply(http);
            http.check()?;
        }
        (Some(_), None) => return Err(Error::invalid("http", "Only an integration of type http has it.")),
    }
    if let Some(webhook) = &changes.webhook {
        check_webhook(Some(webhook))?;
        after.webhook = Some(webhook.clone());
    }
    if after == before {
        return Ok(after);
    }
    let was_on = before.deactivated_at.is_none();
    let is_on = after.deactivated_at.is_none();
    if was_on != is_on {
        after.deactivated_by = None;
        after.health = Health { n_failures: 0, resting_until: None, ..after.health };
    }
    after.updated_at = now;
    after.updated_by = may.actor().person_id;
    save(tx, &after).await?;
    let (mut old, mut new) = events::difference(before.fields(), after.fields());
    for side in [&mut old, &mut new] {
        if let Json::Object(side) = side {
            side.remove("deactivated_at");
        }
    }
    let actor = may.actor();
    if new != json!({}) {
        record(tx, actor, now, "integration-updated", id, Some(old), Some(new)).await?;
    }
    if was_on != is_on {
        let kind = if is_on { "integration-reactivated" } else { "integration-deactivated" };
        let data = json!({ "because": "by hand" });
        record_with(tx, actor, now, kind, id, data).await?;
    }
    Ok(after)
}

/// Keeps the key that calls are signed with, which the caller has encrypted; none: they are not signed.
pub async fn set_secret<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    id: i64,
    sealed: Option<&[u8]>,
) -> Result<Integration, Error> {
    let secret = sealed.map_or(store::Value::Null, store::Value::from);
    let n = tx
        .run(
            "update integrations set secret = $1, updated_at = $2 where id = $3 and type = 'http' and deleted_at is null",
            &[secret, now.into(), id.into()],
        )
        .await?;
    if n == 0 {
        return Err(Error::NotFound { kind: "integration", id });
    }
    let data = json!({ "signed": sealed.is_some() });
    record_with(tx, may.actor(), now, "integration-updated", id, data).await?;
    read(tx, id).await
}

/// Removes it from sight, and from widgets. What waits to be delivered is not delivered any more. `InUse` while a rule asks for it.
pub async fn delete<S: Sort>(tx: &mut Tx, may: &CanWrite<S>, now: Timestamp, id: i64) -> Result<(), Error> {
    lock(tx, id).await?;
    let old = read_of::<S>(tx, id).await?;
    if let Some(rule) = uses::all(tx).await?.iter().find(|rule| rule.asks_for_integration(id)) {
        let problem = format!("The rule {:?} asks for it.", rule.name);
        return Err(Error::InUse { kind: "integration", id, problem });
    }
    tx.run(
        "update integrations set deleted_at = $1, updated_at = $1, secret = null, credentials = null,
             deactivated_at = coalesce(deactivated_at, $1)
         where id = $2",
        &[now.into(), id.into()],
    )
    .await?;
    tx.run("delete from integration_triggers where integration_id = $1", &[id.into()]).await?;
    crate::widgets::detach(tx, may.actor(), now, id).await?;
    references::lost(tx, may.actor(), now, Named::Integration(id)).await?;
    record(tx, may.actor(), now, "integration-deleted", id, Some(old.fields()), None).await
}

/// Switches off what an app made, when it is uninstalled: integrations and widgets.
pub async fn deactivate_of_client(tx: &mut Tx, actor: &Actor, now: Timestamp, client_id: i64) -> Result<(), Error> {
    let rows = tx
        .rows(
            "update integrations set deactivated_at = $1, deactivated_by = 'app', updated_at = $1
             where client_id = $2 and deactivated_at is null and deleted_at is null returning id",
            &[now.into(), client_id.into()],
        )
        .await?;
    for row in rows {
        let data = json!({ "because": "the app that made it was uninstalled" });
        record_with(tx, actor, now, "integration-deactivated", row.int("id")?, data).await?;
    }
    crate::widgets::deactivate_of_client(tx, actor, now, client_id).await
}

macro_rules! select_integrations {
    () => {
        "select i.id, i.type, i.name, i.description, i.url, i.method, i.request_content_type, i.response_content_type, i.form,
                i.headers, i.oauth2, case when i.secret is null then 0 else 1 end as has_secret, i.webhook,
                case when i.credentials is null then 0 else 1 end as has_credentials, i.updated_by,
                case when i.deactivated_at is null then 0 else 1 end as is_off, i.meta, i.person_id, i.client_id,
                (select c.client_id from clients c where c.id = i.client_id) as app_id, i.managed, i.business_hours_id,
                i.created_at, i.updated_at, i.deactivated_at, i.deactivated_by, i.n_failures, i.resting_until, i.last_success_at,
                i.last_failure_at, i.last_error
         from integrations i where i.deleted_at is null"
    };
}
pub(crate) use select_integrations;

pub(crate) async fn read(tx: &mut Tx, id: i64) -> Result<Integration, Error> {
    let row = tx.row(concat!(select_integrations!(), " and i.id = $1"), &[id.into()]).await?;
    let row = row.ok_or(Error::NotFound { kind: "integration", id })?;
    let mut integration = [Integration::from_row(&row)?];
    triggers::load(tx, &mut integration).await?;
    let [integration] = integration;
    Ok(integration)
}

/// Holds the row until the end of the transaction.
async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.run("update integrations set updated_at = updated_at where id = $1", &[id.into()]).await?;
    Ok(())
}

async fn save(tx: &mut Tx, it: &Integration) -> Result<(), Error> {
    let mut params = it.http.as_ref().map_or_else(request::no_columns, Http::columns);
    params.extend([
        it.name.as_str().into(),
        it.description.as_ref().into(),
        it.business_hours_id.into(),
        it.updated_at.into(),
        it.deactivated_at.into(),
        it.deactivated_by.map(DeactivatedBy::word).into(),
        it.health.n_failures.into(),
        it.health.resting_until.into(),
        webhook_column(it.webhook.as_ref())?,
        it.updated_by.into(),
        it.id.into(),
    ]);
    tx.run(
        "update integrations set url = $1, method = $2, request_content_type = $3, response_content_type = $4, form = $5,
             headers = $6, oauth2 = $7, name = $8, description = $9, business_hours_id = $10, updated_at = $11,
             deactivated_at = $12, deactivated_by = $13, n_failures = $14, resting_until = $15, webhook = $16,
             updated_by = $17
         where id = $18",
        &params,
    )
    .await?;
    if let Some(http) = &it.http {
        triggers::write(tx, it.id, &http.triggers).await?;
    }
    Ok(())
}

fn webhook_column(webhook: Option<&Webhook>) -> Result<store::Value, Error> {
    let Some(webhook) = webhook else { return Ok(store::Value::Null) };
    Ok(serde_json::to_value(webhook).map_err(|_| StoreError::Column("webhook"))?.into())
}

fn check_webhook(webhook: Option<&Webhook>) -> Result<(), Error> {
    webhook.and_then(|webhook| webhook.authentication.as_ref()).map_or(Ok(()), Authentication::check)
}

fn check_name(name: &str) -> Result<(), Error> {
    let n_chars = name.trim().chars().count();
    if n_chars == 0 || NAME_MAX_CHARS < n_chars || name.contains('\0') {
        return Err(Error::invalid("name", format!("Must have 1 to {NAME_MAX_CHARS} characters, has {n_chars}.")));
    }
    Ok(())
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    before: Option<Json>,
    after: Option<Json>,
) -> Result<(), Error> {
    let change = Change { kind, object_type: "Integration", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

pub(crate) async fn record_with(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    data: Json,
) -> Result<(), Error> {
    let change =
        Change { kind, object_type: "Integration", object_id: id, before: None, after: None, data: Some(data) };
    events::record(tx, actor, now, change).await
}

impl Integration {
    fn from_row(row: &Row) -> Result<Integration, Error> {
        let kind = row.text("type")?;
        Ok(Integration {
            id: row.int("id")?,
            http: if kind == HTTP { Some(Http::from_row(row)?) } else { None },
            kind,
            name: row.text("name")?,
            description: row.text_or_null("description")?,
            webhook: match row.json("webhook")? {
                Some(webhook) => Some(serde_json::from_value(webhook).map_err(|_| StoreError::Column("webhook"))?),
                None => None,
            },
            has_secret: row.flag("has_secret")?,
            has_credentials: row.flag("has_credentials")?,
            meta: row.json("meta")?,
            person_id: row.int_or_null("person_id")?,
            updated_by: row.int_or_null("updated_by")?,
            client_id: row.int_or_null("client_id")?,
            app_id: row.text_or_null("app_id")?,
            managed: row.flag("managed")?,
            business_hours_id: row.int_or_null("business_hours_id")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            deactivated_at: row.time_or_null("deactivated_at")?,
            deactivated_by: row.text_or_null("deactivated_by")?.as_deref().and_then(DeactivatedBy::parse),
            health: Health {
                n_failures: row.int("n_failures")?,
                resting_until: row.time_or_null("resting_until")?,
                last_success_at: row.time_or_null("last_success_at")?,
                last_failure_at: row.time_or_null("last_failure_at")?,
                last_error: row.text_or_null("last_error")?,
            },
        })
    }

    pub fn state(&self, now: Timestamp) -> State {
        if self.deactivated_at.is_some() {
            State::Off
        } else if self.health.resting_until.is_some_and(|until| now < until) {
            State::Resting
        } else if self.health.n_failures > 0 {
            State::Failing
        } else {
            State::Healthy
        }
    }

    /// What events tell of it: no header's value, since some are passwords.
    fn fields(&self) -> Json {
        let http = self.http.as_ref().map(|http| {
            json!({
                "url": http.url, "method": http.method, "form": http.form, "triggers": http.triggers,
                "headers": http.headers.keys().collect::<Vec<_>>(),
            })
        });
        json!({
            "type": self.kind, "name": self.name, "description": self.description, "http": http, "webhook": self.webhook,
            "business_hours_id": self.business_hours_id, "deactivated_at": self.deactivated_at,
        })
    }
}

impl DeactivatedBy {
    pub const fn word(self) -> &'static str {
        match self {
            DeactivatedBy::Failures => "failures",
            DeactivatedBy::App => "app",
        }
    }

    fn parse(word: &str) -> Option<DeactivatedBy> {
        [DeactivatedBy::Failures, DeactivatedBy::App].into_iter().find(|it| it.word() == word)
    }
}

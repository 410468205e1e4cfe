//! Widgets: panels beside a ticket or a customer, that show what an integration or an app knows.
//!
//! The layout is free JSON of a bounded size: a wrapper with components inside.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Widgets;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::{Error, files};

/// Gorgias contract, `enums.widget_type`.
pub const TYPES: &[&str] = &[
    "bigcommerce",
    "custom",
    "customer_external_data",
    "http",
    "klaviyo",
    "magento2",
    "recharge",
    "shopify",
    "smile",
    "standalone",
    "stripe",
    "woocommerce",
    "yotpo",
];
/// Where one is shown. `user` is the old name of `customer`.
pub const CONTEXTS: &[&str] = &["ticket", "customer", "user"];
const TEMPLATE_MAX_BYTES: usize = 256 * 1024;
const TEMPLATE_MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub struct Widget {
    pub id: i64,
    pub kind: String,
    pub context: String,
    pub sort_order: i64,
    pub integration_id: Option<i64>,
    pub app_id: Option<String>,
    pub template: Json,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deactivated_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub struct NewWidget {
    pub kind: String,
    pub context: String,
    pub sort_order: i64,
    pub integration_id: Option<i64>,
    pub app_id: Option<String>,
    pub template: Json,
    pub deactivated_at: Option<Timestamp>,
}

/// What a call changes. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub kind: Option<String>,
    pub context: Option<String>,
    pub sort_order: Option<i64>,
    pub integration_id: Option<Option<i64>>,
    pub app_id: Option<Option<String>>,
    pub template: Option<Json>,
    pub deactivated_at: Option<Option<Timestamp>>,
}

#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub integration_id: Option<i64>,
    pub app_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    Order,
}

/// A page. Served by `widgets_by_created`, `widgets_by_order`, `widgets_by_integration` and `widgets_by_app`; there are few.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Widgets>,
    filter: &Filter,
    sort: Sort,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Widget>, Error> {
    let mut query = Query::new(select_widgets!());
    if let Some(id) = filter.integration_id {
        query.and("w.integration_id =", id);
    }
    if let Some(app_id) = &filter.app_id {
        query.and("w.app_id =", app_id);
    }
    let columns: &'static [Column] = match sort {
        Sort::Created => &[Column::Int("w.created_at", "created_at"), Column::Int("w.id", "id")],
        Sort::Order => &[Column::Int("w.sort_order", "sort_order"), Column::Int("w.id", "id")],
    };
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| Widget::from_row(&row))
}

/// The widget with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Widgets>, id: i64) -> Result<Widget, Error> {
    read(tx, id).await
}

/// Creates one. `Invalid` names the field: `type`, `context`, `template`, `integration_id`.
pub async fn create(tx: &mut Tx, may: &CanWrite<Widgets>, now: Timestamp, new: &NewWidget) -> Result<Widget, Error> {
    check(&new.kind, &new.context, &new.template)?;
    check_integration(tx, new.integration_id).await?;
    let actor = may.actor();
    let row = tx
        .row(
            "insert into widgets (type, context, sort_order, integration_id, app_id, template, client_id, created_at, updated_at,
                                  deactivated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) returning id",
            &[
                new.kind.as_str().into(),
                new.context.as_str().into(),
                new.sort_order.into(),
                new.integration_id.into(),
                new.app_id.as_ref().into(),
                (&new.template).into(),
                actor.client_id.into(),
                now.into(),
                new.deactivated_at.into(),
            ],
        )
        .await?;
    let made = read(tx, row.ok_or(StoreError::Column("id"))?.int("id")?).await?;
    files::take(tx, now, &made.template).await?;
    record(tx, actor, now, "widget-created", made.id, None, Some(made.fields())).await?;
    Ok(made)
}

/// Changes what was sent.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Widgets>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Widget, Error> {
    tx.run("update widgets set updated_at = updated_at where id = $1", &[id.into()]).await?;
    let before = read(tx, id).await?;
    let mut after = before.clone();
    after.kind = changes.kind.clone().unwrap_or(after.kind);
    after.context = changes.context.clone().unwrap_or(after.context);
    after.sort_order = changes.sort_order.unwrap_or(after.sort_order);
    after.integration_id = changes.integration_id.unwrap_or(after.integration_id);
    after.app_id = changes.app_id.clone().unwrap_or(after.app_id);
    after.template = changes.template.clone().unwrap_or(after.template);
    after.deactivated_at = changes.deactivated_at.unwrap_or(after.deactivated_at);
    if after == before {
        return Ok(after);
    }
    check(&after.kind, &after.context, &after.template)?;
    if after.integration_id != before.integration_id {
        check_integration(tx, after.integration_id).await?;
    }
    after.updated_at = now;
    tx.run(
        "update widgets set type = $1, context = $2, sort_order = $3, integration_id = $4, app_id = $5, template = $6,
             updated_at = $7, deactivated_at = $8
         where id = $9",
        &[
            after.kind.as_str().into(),
            after.context.as_str().into(),
            after.sort_order.into(),
            after.integration_id.into(),
            after.app_id.as_ref().into(),
            (&after.template).into(),
            now.into(),
            after.deactivated_at.into(),
            id.into(),
        ],
    )
    .await?;
    files::take(tx, now, &after.template).await?;
    let (old, new) = events::difference(before.fields(), after.fields());
    record(tx, may.actor(), now, "widget-updated", id, Some(old), Some(new)).await?;
    Ok(after)
}

/// Removes a widget for good.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Widgets>, now: Timestamp, id: i64) -> Result<(), Error> {
    let old = read(tx, id).await?;
    if tx.run("delete from widgets where id = $1", &[id.into()]).await? == 0 {
        return Err(Error::NotFound { kind: "widget", id });
    }
    record(tx, may.actor(), now, "widget-deleted", id, Some(old.fields()), None).await
}

/// Switches off what an app made.
pub(crate) async fn deactivate_of_client(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    client_id: i64,
) -> Result<(), Error> {
    let rows = tx
        .rows(
            "update widgets set deactivated_at = $1, updated_at = $1 where client_id = $2 and deactivated_at is null returning id",
            &[now.into(), client_id.into()],
        )
        .await?;
    for row in rows {
        let (before, after) = (json!({ "deactivated_at": null }), json!({ "deactivated_at": now }));
        record(tx, actor, now, "widget-updated", row.int("id")?, Some(before), Some(after)).await?;
    }
    Ok(())
}

/// Takes the integration from widgets that it fed, and switches them off: they have nothing to show.
pub(crate) async fn detach(tx: &mut Tx, actor: &Actor, now: Timestamp, integration_id: i64) -> Result<(), Error> {
    let rows = tx
        .rows(
            "update widgets set integration_id = null, deactivated_at = coalesce(deactivated_at, $1), updated_at = $1
             where integration_id = $2 returning id, deactivated_at",
            &[now.into(), integration_id.into()],
        )
        .await?;
    for row in rows {
        let before = json!({ "integration_id": integration_id });
        let after = json!({ "integration_id": null, "deactivated_at": row.time("deactivated_at")? });
        record(tx, actor, now, "widget-updated", row.int("id")?, Some(before), Some(after)).await?;
    }
    Ok(())
}

macro_rules! select_widgets {
    () => {
        "select w.id, w.type, w.context, w.sort_order, w.integration_id, w.app_id, w.template, w.created_at, w.updated_at,
                w.deactivated_at
         from widgets w where 1 = 1"
    };
}
use select_widgets;

async fn read(tx: &mut Tx, id: i64) -> Result<Widget, Error> {
    match tx.row(concat!(select_widgets!(), " and w.id = $1"), &[id.into()]).await? {
        Some(row) => Widget::from_row(&row),
        None => Err(Error::NotFound { kind: "widget", id }),
    }
}

async fn check_integration(tx: &mut Tx, id: Option<i64>) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    let sql = "select id from integrations where id = $1 and deleted_at is null";
    match tx.row(sql, &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("integration_id", "There is no such integration.")),
    }
}

fn check(kind: &str, context: &str, template: &Json) -> Result<(), Error> {
    if !TYPES.contains(&kind) {
        return Err(Error::invalid("type", format!("Must be one of: {}.", TYPES.join(", "))));
    }
    if !CONTEXTS.contains(&context) {
        return Err(Error::invalid("context", format!("Must be one of: {}.", CONTEXTS.join(", "))));
    }
    if TEMPLATE_MAX_DEPTH < depth(template) {
        return Err(Error::invalid("template", format!("Nests deeper than {TEMPLATE_MAX_DEPTH}.")));
    }
    let text = template.to_string();
    if TEMPLATE_MAX_BYTES < text.len() {
        return Err(Error::invalid("template", format!("Longer than {TEMPLATE_MAX_BYTES} bytes.")));
    }
    if text.contains("\\u0000") {
        return Err(Error::invalid("template", "May not contain the NUL character."));
    }
    Ok(())
}

fn depth(json: &Json) -> usize {
    match json {
        Json::Object(object) => 1 + object.values().map(depth).max().unwrap_or_default(),
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
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
    let change = Change { kind, object_type: "Widget", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl Widget {
    fn from_row(row: &Row) -> Result<Widget, Error> {
        Ok(Widget {
            id: row.int("id")?,
            kind: row.text("type")?,
            context: row.text("context")?,
            sort_order: row.int("sort_order")?,
            integration_id: row.int_or_null("integration_id")?,
            app_id: row.text_or_null("app_id")?,
            template: row.json("template")?.unwrap_or_default(),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            deactivated_at: row.time_or_null("deactivated_at")?,
        })
    }

    fn fields(&self) -> Json {
        json!({
            "type": self.kind, "context": self.context, "order": self.sort_order, "integration_id": self.integration_id,
            "app_id": self.app_id, "template": self.template, "deactivated_at": self.deactivated_at,
        })
    }
}

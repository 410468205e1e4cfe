//! Which apps are installed, and taking one out: what the vendors' words `apps:read` and `apps:write` are about.
//!
//! An app is installed while somebody's consent, or the account's, lives. Its record stays when it is taken out: it may be installed again.

use helpdesk::Error;
use helpdesk::events::{self, Change};
use helpdesk::integrations;
use helpdesk::page::{Column, Order, Page, Query, Slice};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::InstalledApps;
use serde_json::json;
use store::{Row, StoreError, Tx, transact};

use super::admin::end_consents;
use crate::Provider;
use crate::families::Because;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledApp {
    /// Of its row.
    pub id: i64,
    pub app_id: String,
    pub name: String,
    pub app_url: Option<String>,
    pub redirect_urls: Vec<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
    pub is_installed: bool,
    pub created_at: Timestamp,
}

impl Provider {
    /// By name, those that are installed. Served by `clients_by_name`, `grants_by_client`.
    pub async fn installed_apps(
        &self,
        _may: &CanRead<InstalledApps>,
        slice: &Slice,
    ) -> Result<Page<InstalledApp>, Error> {
        let mut tx = self.db.read().await?;
        let mut query = Query::new(&select());
        query.and_text(IS_INSTALLED);
        let columns: &'static [Column] = &[Column::Text("c.name", "name"), Column::Int("c.id", "id")];
        let page = query.page(&mut tx, Order { columns, descending: false }, slice).await?;
        let mut page = page.try_map(|row| from_row(&row))?;
        add_redirect_urls(&mut tx, &mut page.items).await?;
        Ok(page)
    }

    /// The app with this id, installed or not.
    pub async fn installed_app(&self, _may: &CanRead<InstalledApps>, app_id: &str) -> Result<InstalledApp, Error> {
        let mut tx = self.db.read().await?;
        read(&mut tx, app_id).await
    }

    /// Ends every consent, and with them its tokens, at once; switches off the integrations and widgets that it made.
    pub async fn uninstall_app(&self, may: &CanWrite<InstalledApps>, app_id: &str) -> Result<(), Error> {
        let now = self.clock.now();
        let id = transact!(self.db, |tx| {
            let app = read(tx, app_id).await?;
            end_consents(tx, app.id, now, Because::GrantWithdrawn).await?;
            tx.run(
                "update clients set account_scopes = '', updated_at = $1 where id = $2",
                &[now.into(), app.id.into()],
            )
            .await?;
            integrations::deactivate_of_client(tx, may.actor(), now, app.id).await?;
            let change = Change {
                kind: "app-uninstalled",
                object_type: "App",
                object_id: app.id,
                before: Some(json!({ "installed": app.is_installed })),
                after: Some(json!({ "installed": false })),
                data: None,
            };
            events::record(tx, may.actor(), now, change).await?;
            Ok::<_, Error>(app.id)
        })?;
        self.forget_client(id);
        Ok(())
    }
}

const IS_INSTALLED: &str =
    "(c.account_scopes <> '' or exists (select 1 from grants g where g.client_id = c.id and g.revoked_at is null))";

fn select() -> String {
    format!(
        "select c.id, c.client_id, c.name, c.client_uri, c.allowed_scopes, c.created_at,
                case when {IS_INSTALLED} then 1 else 0 end as is_installed
         from clients c where c.status <> 'deleted'"
    )
}

async fn read(tx: &mut Tx, app_id: &str) -> Result<InstalledApp, Error> {
    if app_id.contains('\0') {
        // PostgreSQL cannot even compare it.
        return Err(Error::NotFound { kind: "app", id: 0 });
    }
    let row = tx.row(&format!("{} and c.client_id = $1", select()), &[app_id.into()]).await?;
    let mut app = [from_row(&row.ok_or(Error::NotFound { kind: "app", id: 0 })?)?];
    add_redirect_urls(tx, &mut app).await?;
    let [app] = app;
    Ok(app)
}

async fn add_redirect_urls(tx: &mut Tx, apps: &mut [InstalledApp]) -> Result<(), StoreError> {
    if apps.is_empty() {
        return Ok(());
    }
    let mut query = Query::new("select client_id, uri from client_redirect_uris where 1 = 1");
    query.and_in("client_id", apps.iter().map(|app| app.id));
    for row in tx.rows(&query.sql, &query.params).await? {
        let client = row.int("client_id")?;
        if let Some(app) = apps.iter_mut().find(|app| app.id == client) {
            app.redirect_urls.push(row.text("uri")?);
        }
    }
    for app in apps {
        app.redirect_urls.sort();
    }
    Ok(())
}

fn from_row(row: &Row) -> Result<InstalledApp, Error> {
    Ok(InstalledApp {
        id: row.int("id")?,
        app_id: row.text("client_id")?,
        name: row.text("name")?,
        app_url: row.text_or_null("client_uri")?,
        redirect_urls: Vec::new(),
        scopes: row.text("allowed_scopes")?.split_whitespace().map(str::to_owned).collect(),
        is_installed: row.flag("is_installed")?,
        created_at: row.time("created_at")?,
    })
}

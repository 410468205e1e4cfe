//! What an administrator sets while the provider runs: one JSON value for each name. What a name holds is told by the file that reads it.
//!
//! A reader that serves requests takes `Provider::setting`, which is at most half a second old, on every node; a page that shows or changes
//! a setting takes `read`. A name that was never set is the default of its type.

use std::sync::Arc;
use std::time::Duration;

use helpdesk::Error;
use helpdesk::events::{self, Change};
use moka::sync::Cache;
use scope::permit::CanWrite;
use scope::resource::Apps;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use store::{StoreError, Tx, transact};

use crate::Provider;

const REMEMBERED: Duration = Duration::from_millis(500);

/// What the settings were just now, by name.
pub(crate) struct Remembered(Cache<&'static str, Arc<Json>>);

impl Remembered {
    pub(crate) fn new() -> Remembered {
        Remembered(Cache::builder().max_capacity(100).time_to_live(REMEMBERED).build())
    }
}

/// The setting as it is now.
pub async fn read<T: DeserializeOwned + Default>(tx: &mut Tx, name: &str) -> Result<T, StoreError> {
    match stored(tx, name).await? {
        Some(value) => T::deserialize(value).map_err(|_| StoreError::Column("value")),
        None => Ok(T::default()),
    }
}

impl Provider {
    /// The setting as it was within the last half second.
    pub async fn setting<T: DeserializeOwned + Default>(&self, name: &'static str) -> Result<T, StoreError> {
        let remembered = &self.state.settings.0;
        let value = match remembered.get(name) {
            Some(value) => value,
            None => {
                let mut tx = self.db.read().await?;
                let value = Arc::new(stored(&mut tx, name).await?.unwrap_or(Json::Null));
                remembered.insert(name, value.clone());
                value
            }
        };
        match &*value {
            Json::Null => Ok(T::default()),
            value => T::deserialize(value).map_err(|_| StoreError::Column("value")),
        }
    }

    /// Sets it, and writes the event `provider-setting-changed` if it is another value. No secret may be in it: the event keeps both values.
    pub async fn put_setting(
        &self,
        may: &CanWrite<Apps>,
        name: &'static str,
        value: &impl Serialize,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let after = serde_json::to_value(value)
            .map_err(|error| Error::Refused(format!("the setting {name} cannot be written: {error}")))?;
        transact!(self.db, |tx| {
            let before = stored(tx, name).await?;
            if before.as_ref() == Some(&after) {
                return Ok(());
            }
            tx.run(
                "insert into provider_settings (name, value, updated_at) values ($1, $2, $3)
                 on conflict (name) do update set value = excluded.value, updated_at = excluded.updated_at",
                &[name.into(), after.to_string().into(), now.into()],
            )
            .await?;
            let change = Change {
                kind: "provider-setting-changed",
                object_type: "ProviderSetting",
                object_id: 0,
                before,
                after: Some(after.clone()),
                data: Some(serde_json::json!({ "name": name })),
            };
            events::record(tx, may.actor(), now, change).await
        })?;
        self.state.settings.0.invalidate(name);
        Ok(())
    }
}

async fn stored(tx: &mut Tx, name: &str) -> Result<Option<Json>, StoreError> {
    let row = tx.row("select value from provider_settings where name = $1", &[name.into()]).await?;
    match row {
        Some(row) => row.json("value"),
        None => Ok(None),
    }
}

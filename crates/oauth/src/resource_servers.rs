//! Which apps stand in front of a resource of ours, such as a gateway before the API: they may introspect every token for it, whoever
//! holds it (IN-4). Administrators name them; nothing is one by itself.

use std::collections::BTreeSet;

use helpdesk::Error;
use scope::permit::CanWrite;
use scope::resource::Apps;
use serde::{Deserialize, Serialize};

use crate::Provider;
use crate::clients::{self, Client};
use crate::resources::{Audience, Target};

/// Name of the setting.
const SETTING: &str = "resource_servers";
/// Longest list.
const MOST: usize = 100;

/// Client ids by what they serve.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceServers {
    pub api: BTreeSet<String>,
    pub mcp: BTreeSet<String>,
}

impl ResourceServers {
    /// What this app serves.
    pub(crate) fn served_by(&self, client: &Client) -> Audience {
        let serves = |target, servers: &BTreeSet<String>| match servers.contains(&client.client_id) {
            true => Audience::of(target),
            false => Audience::NOBODY,
        };
        serves(Target::Api, &self.api).union(serves(Target::Mcp, &self.mcp))
    }
}

impl Provider {
    pub async fn resource_servers(&self) -> Result<ResourceServers, Error> {
        Ok(self.setting(SETTING).await?)
    }

    /// Names them. `Invalid` on `api` or `mcp` for one that is no app, or that cannot prove who it is.
    pub async fn name_resource_servers(&self, may: &CanWrite<Apps>, servers: &ResourceServers) -> Result<(), Error> {
        for (field, client_ids) in [("api", &servers.api), ("mcp", &servers.mcp)] {
            if client_ids.len() > MOST {
                return Err(Error::invalid(field, format!("there may be at most {MOST}")));
            }
            for client_id in client_ids {
                let client = clients::by_client_id(&mut self.db.read().await?, client_id).await?;
                match client.filter(Client::is_active) {
                    Some(client) if !client.is_public() => {}
                    Some(_) => {
                        return Err(Error::invalid(field, format!("{client_id} is public and cannot prove who it is")));
                    }
                    None => return Err(Error::invalid(field, format!("there is no app {client_id}"))),
                }
            }
        }
        self.put_setting(may, SETTING, servers).await
    }
}

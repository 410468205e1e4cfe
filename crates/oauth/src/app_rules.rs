//! Which apps and scopes this account allows at all (CO-11): an administrator's word above every app's own record.
//!
//! Applied wherever a client is read to be served, so an app that is not allowed is as if it were switched off (POL-4), and a scope that is
//! not allowed is outside every ceiling (SC-11), for tokens that are out there too.

use scope::Dialect;
use scope::permission::Permissions;
use scope::set::ScopeSet;
use scope::words;
use serde::{Deserialize, Serialize};
use store::{StoreError, Tx};

use crate::clients::{Client, Status};
use crate::provider_settings;

/// Name of the setting.
pub const NAME: &str = "app_rules";

/// The default allows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppRules {
    /// Only the apps in `allowed_apps` work.
    pub only_listed: bool,
    /// Client ids.
    pub allowed_apps: Vec<String>,
    /// Client ids. Wins over `allowed_apps`.
    pub denied_apps: Vec<String>,
    /// Words of any dialect. What they open, no app gets, by whatever word.
    pub denied_scopes: Vec<String>,
}

impl AppRules {
    pub fn allows_app(&self, client_id: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|it| it == client_id);
        !is_in(&self.denied_apps) && (!self.only_listed || is_in(&self.allowed_apps))
    }

    /// The ceiling without what is denied. A broad word that opens something denied gives way to the narrow ones beside it.
    pub fn narrowed(&self, ceiling: &ScopeSet, dialect: Dialect) -> ScopeSet {
        if self.denied_scopes.is_empty() {
            return ceiling.clone();
        }
        let denied = self.denied(dialect);
        let opens = ceiling.permissions(dialect);
        let is_denied = |word: &str| {
            self.denied_scopes.iter().any(|it| it == word)
                || words::find(dialect, word).is_some_and(|word| !word.permissions.intersection(denied).is_empty())
        };
        let mut kept: Vec<&str> = ceiling.words().filter(|word| !is_denied(word)).collect();
        if kept.len() < ceiling.words().count() {
            let narrow = words::vocabulary(dialect).iter().filter(|word| {
                !word.permissions.is_empty() && opens.contains_all(word.permissions) && !is_denied(word.word)
            });
            kept.extend(narrow.map(|word| word.word));
        }
        ScopeSet::parse(&kept.join(" ")).unwrap_or_default()
    }

    fn denied(&self, dialect: Dialect) -> Permissions {
        let known = self
            .denied_scopes
            .iter()
            .filter_map(|word| words::find(dialect, word).or_else(|| words::find(Dialect::Standard, word)));
        known.fold(Permissions::NONE, |all, word| all.union(word.permissions))
    }
}

pub(crate) async fn read(tx: &mut Tx) -> Result<AppRules, StoreError> {
    provider_settings::read(tx, NAME).await
}

/// The client as it counts now. Never store what this gives.
pub(crate) async fn applied(tx: &mut Tx, mut client: Client) -> Result<Client, StoreError> {
    let rules = read(tx).await?;
    if client.status == Status::Active && !rules.allows_app(&client.client_id) {
        client.status = Status::Disabled;
    }
    client.allowed_scopes = rules.narrowed(&client.allowed_scopes, client.dialect);
    client.account_scopes = client.account_scopes.within(&client.allowed_scopes, client.dialect);
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_is_denied_by_every_word() {
        // CO-11
        let rules = AppRules { denied_scopes: vec!["users:write".to_owned()], ..AppRules::default() };
        let narrowed = |ceiling: &str| rules.narrowed(&ScopeSet::parse(ceiling).expect("a scope"), Dialect::Gorgias);

        assert_eq!(narrowed("tickets:read users:write").as_str(), "tickets:read");
        let broad = narrowed("write:all openid");
        assert!(broad.contains("tickets:write") && broad.contains("openid"));
        assert!(!broad.contains("write:all") && !broad.contains("users:write"));
    }
}

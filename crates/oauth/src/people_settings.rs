//! Who may sign in, and how surely they must show who they are: the account's own choice (LS-8, AZ-16).

use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::Provider;

/// Name of the setting.
pub const NAME: &str = "people";

/// The setting. By default customers have no sign-in, and staff choose for themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Staff who signed in with a password alone reach nothing before they have shown, or set up, a second factor.
    pub staff_second_factor: bool,
    /// Customers may sign in, and allow apps what their role reaches.
    pub customers_sign_in: bool,
    /// Whoever proves an address becomes a customer with a password.
    pub customers_sign_up: bool,
    /// Administrators may give other people a password, by the API.
    pub admins_set_passwords: bool,
}

impl Settings {
    /// Nobody signs up for what they cannot sign in to.
    pub fn may_sign_up(self) -> bool {
        self.customers_sign_in && self.customers_sign_up
    }
}

impl Provider {
    /// Whether people may sign up by themselves: they are let, and a link can be mailed to them (AZ-16).
    pub async fn has_sign_up(&self) -> Result<bool, StoreError> {
        let settings: Settings = self.setting(NAME).await?;
        Ok(settings.may_sign_up() && self.mailer.is_configured())
    }
}

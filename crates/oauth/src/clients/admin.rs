//! What administrators do with apps. Each change writes its event in the same transaction.

use helpdesk::Error;
use scope::Dialect;
use scope::permit::CanWrite;
use scope::resource::Apps;

use super::{Client, ClientType, NewSecret};
use crate::Provider;
use crate::redirect_uri::ApplicationType;

/// An app to register.
#[derive(Debug, Clone)]
pub struct NewClient {
    pub name: String,
    pub publisher: Option<String>,
    pub description: Option<String>,
    pub client_uri: Option<String>,
    pub dialect: Dialect,
    pub client_type: ClientType,
    /// None: native as soon as one redirect URI leads to the person's own device, else web.
    pub application_type: Option<ApplicationType>,
    pub redirect_uris: Vec<String>,
    /// Words of the dialect's vocabulary.
    pub allowed_scopes: Vec<String>,
    /// None: the dialect's usual ones.
    pub default_scopes: Option<Vec<String>>,
    /// None: the default of POL-3. False is refused for a public app.
    pub require_pkce: Option<bool>,
    /// Besides `authorization_code` and `refresh_token`; for confidential apps only.
    pub client_credentials: bool,
    pub first_party: bool,
    pub verified: bool,
}

/// Changed fields of an app; None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ClientChange {
    pub name: Option<String>,
    pub publisher: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub client_uri: Option<Option<String>>,
    pub redirect_uris: Option<Vec<String>>,
    pub allowed_scopes: Option<Vec<String>>,
    pub default_scopes: Option<Vec<String>>,
    pub require_pkce: Option<bool>,
    pub client_credentials: Option<bool>,
    pub first_party: Option<bool>,
    pub verified: Option<bool>,
}

impl Provider {
    /// Registers an app. A confidential one gets its first secret, which is shown this once.
    ///
    /// `Invalid` names the field: `name`, `publisher`, `description`, `client_uri`, `redirect_uris.N`, `allowed_scopes`,
    /// `default_scopes`, `require_pkce`, `client_credentials`.
    pub async fn create_client(
        &self,
        _may: &CanWrite<Apps>,
        _new: NewClient,
    ) -> Result<(Client, Option<NewSecret>), Error> {
        Err(Error::Refused("not yet".to_owned()))
    }

    /// Changes an app. `Invalid` as `create_client`, `NotFound`.
    pub async fn update_client(&self, _may: &CanWrite<Apps>, _id: i64, _change: ClientChange) -> Result<Client, Error> {
        Err(Error::Refused("not yet".to_owned()))
    }

    /// Switches an app off everywhere at once; its grants stay (POL-4).
    pub async fn disable_client(&self, _may: &CanWrite<Apps>, _id: i64) -> Result<(), Error> {
        Err(Error::Refused("not yet".to_owned()))
    }

    pub async fn enable_client(&self, _may: &CanWrite<Apps>, _id: i64) -> Result<(), Error> {
        Err(Error::Refused("not yet".to_owned()))
    }

    /// Ends an app for good, with its grants, tokens and secrets.
    pub async fn delete_client(&self, _may: &CanWrite<Apps>, _id: i64) -> Result<(), Error> {
        Err(Error::Refused("not yet".to_owned()))
    }
}

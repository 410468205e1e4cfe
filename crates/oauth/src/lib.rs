//! The OAuth 2.1 / OpenID Connect provider. One file an endpoint, one file a grant; renders no HTML.
//!
//! `policy.rs` settles per client what the specifications leave open or contradict each other in. `families.rs` holds what descends
//! from one consent. `bearer.rs` is the check that every API call makes.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use outside::{Clock, Fetch, Mailer, Random};
use scope::permission::Permissions;
use store::Db;

use crate::client_certificate::Authorities;

pub mod acr;
pub mod app_rules;
pub mod authorize;
pub mod backchannel_logout;
pub mod bearer;
mod caching;
pub mod call_log;
mod claims;
pub mod cleanup;
mod client_assertion;
pub mod client_auth;
pub mod client_certificate;
pub mod client_document;
pub mod client_keys;
pub mod clients;
mod codes;
pub mod consents;
pub mod device;
pub mod dialects;
pub mod dpop;
pub mod end_session;
pub mod error;
pub mod factors;
pub mod families;
pub mod form;
mod id_token;
mod introspect;
pub mod issued;
mod jarm;
pub mod jose;
mod jwks;
pub mod jwt;
pub mod key_rotation;
pub mod keys;
mod known_browsers;
pub mod logos;
pub mod mails;
mod metadata;
pub mod origins;
pub mod own_account;
pub mod par;
pub mod people_settings;
pub mod pkce;
pub mod policy;
pub mod provider_settings;
pub mod redirect_uri;
pub mod register;
mod request_object;
pub mod resource_servers;
pub mod resources;
mod revoke;
pub mod seal;
mod second_factor;
pub mod secret;
pub mod session_end;
pub mod session_list;
pub mod sessions;
pub mod set_password;
pub mod sign_in;
pub mod staff;
pub mod step_up;
mod steps;
mod subjects;
pub mod throttle;
pub mod token;
pub mod trust;
pub mod upstream;
pub mod used_identifiers;
mod userinfo;
mod uses;

pub use error::{Code, Error};
pub use policy::Policy;

/// What every endpoint of the provider needs. Cheap to clone.
#[derive(Clone)]
pub struct Provider {
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    /// For addresses that apps chose.
    pub fetch: Fetch,
    /// For mails to people. None is sent unless `start` sets it.
    pub mailer: Mailer,
    pub config: Arc<Config>,
    state: Arc<State>,
}

/// What this node remembers. Everything in it can be forgotten: the database knows.
struct State {
    remembered: bearer::Remembered,
    uses: uses::Uses,
    calls: call_log::CallLog,
    keys: keys::Keys,
    key_sets: client_keys::KeySets,
    documents: client_document::Documents,
    discovered: upstream::Discovered,
    /// Without what a setting switches on and off.
    metadata: serde_json::Value,
    settings: provider_settings::Remembered,
}

/// The provider's settings.
#[derive(Clone)]
pub struct Config {
    /// Such as `https://help.example.com`: no trailing slash, no query, no fragment (ALL-1).
    pub issuer: String,
    /// From outside the database: encrypts the signing keys (KEY-4) and keys the hashes of client secrets (CA-6).
    pub secret_key: [u8; 32],
    /// Whose certificates count for `tls_client_auth` (CA-12).
    pub client_authorities: Authorities,
    /// Whether client certificates can be shown at all: to our own TLS layer, or to a proxy that tells us.
    pub client_certificates: bool,
    /// Signing keys are replaced when they have signed for so many days; 0: never by themselves (KEY-3).
    pub key_rotation_days: i64,
    /// What the tools of the MCP endpoint need, all together: which words mean something there (RI-7).
    pub tool_permissions: Permissions,
}

/// Without the secret key.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// Over a migrated database.
    pub async fn new(db: Db, clock: Clock, random: Random, fetch: Fetch, config: Config) -> Result<Provider, Error> {
        let state = Arc::new(State {
            remembered: bearer::Remembered::new(),
            uses: uses::Uses::default(),
            calls: call_log::CallLog::default(),
            keys: keys::Keys::empty(),
            key_sets: client_keys::KeySets::empty(),
            metadata: metadata::of(&config),
            documents: client_document::Documents::new(),
            discovered: upstream::Discovered::empty(),
            settings: provider_settings::Remembered::new(),
        });
        uses::keep_writing(&state, db.clone());
        Ok(Provider { db, clock, random, fetch, mailer: Mailer::none(), config: Arc::new(config), state })
    }

    /// HMAC-SHA-256 under a key of its own for each `purpose`, such as `client secret` (CA-6) or `csrf`.
    /// Nobody who has only the database can compute it.
    pub fn keyed_hash(&self, purpose: &str, data: &str) -> [u8; 32] {
        let key = hmac_sha256(&self.config.secret_key, purpose.as_bytes());
        hmac_sha256(&key, data.as_bytes())
    }
}

fn hmac_sha256(key: &[u8; 32], data: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

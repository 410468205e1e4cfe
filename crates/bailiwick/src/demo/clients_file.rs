//! `bailiwick demo --clients FILE`: apps and people that a test was told of beforehand, such as OpenID's conformance suite.
//!
//! Apps are described with the members of RFC 7591, people with the claims of OpenID Connect Core 5.1. Ids, secrets and passwords
//! stand in the file, for everybody to read: no other command takes it. `docs/conformance-clients.toml` is a whole one.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use helpdesk::passwords;
use helpdesk::users::{self, NewUser};
use oauth::clients::{ClientType, NewClient};
use oauth::policy::Policy;
use oauth::register;
use oauth::register::settings::{self, Mode, Settings as Registration};
use scope::permit::CanWrite;
use scope::resource::Apps;
use scope::role::Role;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use store::transact;

use super::apps::DemoApp;
use crate::config::Settings;

/// Members of an app that are ours or for us alone; all others are RFC 7591's.
const OURS: [&str; 9] = [
    "client_id",
    "client_secret",
    "policy",
    "require_pkce",
    "first_party",
    "verified",
    "publisher",
    "description",
    "jwt_access_tokens",
];

/// Members that the registration endpoint reads. One that is in neither list is a mistake in the file.
const KNOWN: [&str; 42] = [
    "redirect_uris",
    "token_endpoint_auth_method",
    "grant_types",
    "response_types",
    "client_name",
    "client_uri",
    "logo_uri",
    "scope",
    "contacts",
    "tos_uri",
    "policy_uri",
    "jwks_uri",
    "jwks",
    "software_id",
    "software_version",
    "application_type",
    "sector_identifier_uri",
    "subject_type",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "request_object_signing_alg",
    "authorization_signed_response_alg",
    "token_endpoint_auth_signing_alg",
    "default_max_age",
    "require_auth_time",
    "default_acr_values",
    "initiate_login_uri",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
    "tls_client_certificate_bound_access_tokens",
    "dpop_bound_access_tokens",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "id_token_encrypted_response_alg",
    "userinfo_encrypted_response_alg",
    "authorization_encrypted_response_alg",
];

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientsFile {
    pub server: Server,
    pub people: Vec<Person>,
    pub clients: Vec<Map<String, Json>>,
}

/// How this demo is reached, and what it may reach.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    pub issuer: Option<String>,
    /// Addresses of the TLS proxies in front, where they are not on this machine.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether addresses that are not public may be fetched and called: the suite often runs beside the demo.
    pub fetch_private: bool,
    /// Certificate authorities of the suite, in PEM; relative to the file.
    pub fetch_roots: Vec<PathBuf>,
    /// `off`, `initial-access-token` or `open`
    pub registration: Option<String>,
    pub initial_access_token: Option<String>,
    /// For apps that register themselves with the token above.
    pub spares_pkce: bool,
}

/// Somebody who signs in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub email: String,
    pub password: String,
    pub role: String,
    #[serde(default)]
    pub email_verified: bool,
    /// OpenID Connect Core 5.1.
    #[serde(default)]
    pub claims: Map<String, Json>,
}

impl ClientsFile {
    /// An error names the file and what is wrong in it.
    pub fn read(path: &Path) -> anyhow::Result<ClientsFile> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut file: ClientsFile = toml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for root in &mut file.server.fetch_roots {
            *root = folder.join(&root);
        }
        for client in &file.clients {
            let unknown = client.keys().find(|name| {
                let plain = name.split('#').next().unwrap_or_default();
                !OURS.contains(&name.as_str()) && !KNOWN.contains(&plain)
            });
            if let Some(unknown) = unknown {
                bail!("{}: an app has no member {unknown:?}", path.display());
            }
        }
        Ok(file)
    }

    /// What it says about the server.
    pub fn apply(&self, settings: &mut Settings) {
        settings.trusted_proxies.clone_from(&self.server.trusted_proxies);
        settings.fetch_private = self.server.fetch_private;
        settings.fetch_roots.clone_from(&self.server.fetch_roots);
    }

    /// Registers everything in it. Apps come back as the JSON line tells them.
    pub async fn load(&self, app: &endpoint::App, may: &CanWrite<Apps>) -> anyhow::Result<Vec<DemoApp>> {
        for person in &self.people {
            person.create(app, may).await.with_context(|| format!("the person {}", person.email))?;
        }
        self.server.open_registration(app, may).await.context("registration")?;
        let mut apps = Vec::with_capacity(self.clients.len());
        for client in &self.clients {
            let name = client.get("client_id").and_then(Json::as_str).unwrap_or("without client_id");
            apps.push(create(app, may, client).await.with_context(|| format!("the app {name}"))?);
        }
        Ok(apps)
    }
}

impl Server {
    async fn open_registration(&self, app: &endpoint::App, may: &CanWrite<Apps>) -> anyhow::Result<()> {
        let Some(word) = &self.registration else { return Ok(()) };
        let mode = Mode::parse(word).with_context(|| format!("{word:?} is no mode"))?;
        let registration = Registration { mode, spares_pkce: self.spares_pkce, ..Registration::default() };
        app.provider.put_setting(may, settings::NAME, &registration).await?;
        if let Some(token) = &self.initial_access_token {
            app.provider.create_known_initial_token(may, "From the file", token).await?;
        }
        Ok(())
    }
}

impl Person {
    async fn create(&self, app: &endpoint::App, may: &CanWrite<Apps>) -> anyhow::Result<()> {
        let role = Role::parse(&self.role).with_context(|| format!("{:?} is no role", self.role))?;
        let claim = |name: &str| self.claims.get(name).and_then(Json::as_str).map(str::to_owned);
        let name = claim("name").unwrap_or_else(|| self.email.clone());
        let new = NewUser {
            role,
            firstname: claim("given_name"),
            lastname: claim("family_name"),
            language: claim("locale"),
            timezone: claim("zoneinfo"),
            ..NewUser::named(&name, &self.email)
        };
        let hash = passwords::hash(&app.random, &self.password).await?;
        let now = app.clock.now();
        transact!(app.db, |tx| {
            let id = users::create_with_password(tx, may.actor(), now, &new, &hash).await?;
            users::set_claims(tx, may.actor(), now, id, &self.claims, self.email_verified).await
        })?;
        Ok(())
    }
}

async fn create(app: &endpoint::App, may: &CanWrite<Apps>, client: &Map<String, Json>) -> anyhow::Result<DemoApp> {
    let text = |name: &str| match client.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => bail!("{name} must be a text"),
    };
    let flag = |name: &str| match client.get(name) {
        None => Ok(None),
        Some(Json::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => bail!("{name} must be true or false"),
    };
    let client_id = text("client_id")?.context("client_id is missing")?;
    let secret = text("client_secret")?;
    let policy = match text("policy")? {
        Some(word) => Some(Policy::parse(&word).with_context(|| format!("{word:?} is no policy"))?),
        None => None,
    };
    let new = NewClient {
        policy,
        require_pkce: flag("require_pkce")?,
        first_party: flag("first_party")?.unwrap_or(false),
        verified: flag("verified")?.unwrap_or(false),
        publisher: text("publisher")?,
        description: text("description")?,
        jwt_access_tokens: flag("jwt_access_tokens")?.unwrap_or(false),
        ..register::described(Json::Object(client.clone()))?
    };
    let r#type = new.client_type;
    let (made, shown) = app.provider.create_known_client(may, new, &client_id, secret.as_deref()).await?;
    if r#type == ClientType::Confidential && secret.is_some() && shown.is_none() {
        bail!("it proves itself by its keys, so it has no client_secret");
    }
    Ok(DemoApp {
        name: made.name,
        dialect: made.dialect.word(),
        r#type: made.client_type.word(),
        client_id: made.client_id,
        client_secret: shown.map(|secret| secret.value),
        redirect_uris: made.redirect_uris.iter().map(ToString::to_string).collect(),
        scopes: made.allowed_scopes.words().map(str::to_owned).collect(),
    })
}

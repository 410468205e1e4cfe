//! Settings: the file, then the environment, then the command line; later ones win.
//!
//! `default.toml` is sample, manual and defaults in one, compiled in. An unknown key is an error that names the nearest known one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::http::HeaderName;
use endpoint::{Limits, Rates};
use oauth::client_certificate::Authorities;
use outside::blobs::Bucket;
use outside::fetch::Reach;
use outside::{Blobs, Clock, Mailer};
use serde::Deserialize;

/// All settings with their meanings, as `bailiwick init` writes them.
pub const DEFAULTS: &str = include_str!("default.toml");

/// `smtp_url` of the demo and of tests: mails stay in memory, where a page shows them to whoever asks.
pub const MEMORY: &str = "memory:";

/// What `default.toml` documents, key for key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub listen: String,
    pub public_url: String,
    pub trusted_proxies: Vec<IpAddr>,
    pub tls_certificate: PathBuf,
    pub tls_key: PathBuf,
    pub tls_client_certificates: bool,
    pub client_certificate_roots: Vec<PathBuf>,
    pub client_certificate_header: String,
    pub data: PathBuf,
    pub database: String,
    pub database_connections: u32,
    pub synchronous: String,
    pub rate_limits: bool,
    pub app_calls_per_minute: u32,
    pub account_calls_per_minute: u32,
    pub address_calls_per_minute: u32,
    pub live_streams: u32,
    pub request_seconds: u64,
    pub log: String,
    pub log_format: String,
    pub metrics_listen: String,
    pub metrics_token: String,
    pub shutdown_seconds: u64,
    pub key_rotation_days: u32,
    pub fetch_private: bool,
    pub fetch_hosts: BTreeMap<String, SocketAddr>,
    pub fetch_roots: Vec<PathBuf>,
    pub files: String,
    pub files_region: String,
    pub files_access_key_id: String,
    pub files_secret_access_key: String,
    pub smtp_url: String,
    pub mail_from: String,
}

impl Settings {
    /// What `default.toml` says, whatever else lies around. For the demo and for tests.
    pub fn defaults() -> anyhow::Result<Settings> {
        toml::from_str(DEFAULTS).context("default.toml, which is compiled in")
    }

    /// Defaults, then `file` (or `bailiwick.toml` where the program was started, if there is one), then `BAILIWICK_*` variables.
    pub fn read(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Settings> {
        let mut table: toml::Table = toml::from_str(DEFAULTS).context("default.toml, which is compiled in")?;
        let standard = Path::new("bailiwick.toml");
        let file = file.or_else(|| standard.exists().then_some(standard));
        if let Some(file) = file {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let own: toml::Table = toml::from_str(&text).with_context(|| format!("{} is not TOML", file.display()))?;
            for (key, value) in own {
                known(&table, &key).with_context(|| file.display().to_string())?;
                table.insert(key, value);
            }
        }
        for (name, text) in variables {
            let Some(key) = name.strip_prefix("BAILIWICK_").map(str::to_lowercase) else { continue };
            // Not settings: the key's own variable is read by `start`, the others by tests.
            if key == "secret_key" || key.starts_with("test_") || key == "bin" {
                continue;
            }
            known(&table, &key).with_context(|| name.clone())?;
            let value = parse_variable(table.get(&key), &text).with_context(|| format!("{name}={text}"))?;
            table.insert(key, value);
        }
        let settings: Settings = table.try_into().context("a setting has the wrong type")?;
        settings.check()?;
        Ok(settings)
    }

    /// What may be fetched besides the public internet.
    pub fn reach(&self) -> anyhow::Result<Reach> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("fetch_roots: cannot read {}", path.display()))
        };
        let roots = self.fetch_roots.iter().map(read).collect::<anyhow::Result<Vec<String>>>()?;
        Ok(Reach { private: self.fetch_private, hosts: self.fetch_hosts.clone(), roots })
    }

    /// The way out for mail. `MEMORY` keeps mails instead, and cannot be set from outside.
    pub fn mailer(&self) -> anyhow::Result<Mailer> {
        match self.smtp_url.as_str() {
            "" => Ok(Mailer::none()),
            MEMORY => Mailer::kept(&self.mail_from).context("mail_from"),
            url => Mailer::smtp(url, &self.mail_from).context("smtp_url and mail_from"),
        }
    }

    /// Where the bytes of uploaded files lie.
    pub fn blobs(&self, clock: &Clock) -> anyhow::Result<Blobs> {
        match self.files.as_str() {
            "" => Ok(Blobs::Database),
            address if address.starts_with("https://") || address.starts_with("http://") => {
                let bucket = Bucket::new(
                    address,
                    &self.files_region,
                    &self.files_access_key_id,
                    &self.files_secret_access_key,
                    clock.clone(),
                )
                .context("files")?;
                Ok(Blobs::Bucket(Arc::new(bucket)))
            }
            folder => Ok(Blobs::Folder(Arc::new(PathBuf::from(folder)))),
        }
    }

    /// Whose certificates count for `tls_client_auth`.
    pub fn client_authorities(&self) -> anyhow::Result<Authorities> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .with_context(|| format!("client_certificate_roots: cannot read {}", path.display()))
        };
        let texts = self.client_certificate_roots.iter().map(read).collect::<anyhow::Result<Vec<String>>>()?;
        let authorities = Authorities::of_pem(&texts);
        authorities.map_err(|reason| anyhow::anyhow!("client_certificate_roots: {reason}"))
    }

    /// The header of `client_certificate_header`.
    pub fn client_certificate_header(&self) -> anyhow::Result<Option<HeaderName>> {
        match self.client_certificate_header.as_str() {
            "" => Ok(None),
            name => HeaderName::try_from(name)
                .map(Some)
                .with_context(|| format!("client_certificate_header = {name:?} is not the name of a header")),
        }
    }

    /// How many calls there may be.
    pub fn limits(&self) -> Limits {
        match self.rate_limits {
            true => Limits::new(Rates {
                app: self.app_calls_per_minute,
                account: self.account_calls_per_minute,
                address: self.address_calls_per_minute,
            }),
            false => Limits::none(),
        }
    }

    /// The database's address.
    pub fn database_url(&self) -> String {
        if self.database.is_empty() {
            format!("sqlite:{}", self.data.join("bailiwick.db").display())
        } else {
            self.database.clone()
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        if !["full", "normal"].contains(&self.synchronous.as_str()) {
            bail!("synchronous = {:?}: must be \"full\" or \"normal\"", self.synchronous);
        }
        if !["text", "json"].contains(&self.log_format.as_str()) {
            bail!("log_format = {:?}: must be \"text\" or \"json\"", self.log_format);
        }
        if self.request_seconds == 0 {
            bail!("request_seconds must be at least 1");
        }
        if self.smtp_url == MEMORY {
            bail!("smtp_url: must name a mail server");
        }
        Ok(())
    }
}

/// Refuses a key that is not in `default.toml`.
fn known(table: &toml::Table, key: &str) -> anyhow::Result<()> {
    if table.contains_key(key) {
        return Ok(());
    }
    let nearest = table.keys().max_by(|a, b| strsim::jaro(a, key).total_cmp(&strsim::jaro(b, key)));
    bail!("there is no setting {key:?}; the nearest is {:?}", nearest.map(String::as_str).unwrap_or_default());
}

/// The variable's text as the type the default has.
fn parse_variable(default: Option<&toml::Value>, text: &str) -> anyhow::Result<toml::Value> {
    Ok(match default {
        Some(toml::Value::Integer(_)) => toml::Value::Integer(text.parse().context("must be a whole number")?),
        Some(toml::Value::Boolean(_)) => toml::Value::Boolean(text.parse().context("must be true or false")?),
        Some(toml::Value::Array(_)) => toml::Value::Array(
            text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(toml::Value::from).collect(),
        ),
        _ => toml::Value::from(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_valid_and_holds_every_setting() {
        Settings::read(None, std::iter::empty()).unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused_and_the_nearest_is_named() {
        let error = Settings::read(None, [("BAILIWICK_LISTENN".to_owned(), "x".to_owned())].into_iter()).unwrap_err();

        assert!(format!("{error:#}").contains("the nearest is \"listen\""), "{error:#}");
    }

    #[test]
    fn a_variable_takes_the_type_of_its_setting() {
        let variables = [("BAILIWICK_RATE_LIMITS", "false"), ("BAILIWICK_TRUSTED_PROXIES", "10.0.0.1, ::1")];

        let settings = Settings::read(None, variables.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter()).unwrap();

        assert!(!settings.rate_limits);
        assert_eq!(settings.trusted_proxies.len(), 2);
    }
}

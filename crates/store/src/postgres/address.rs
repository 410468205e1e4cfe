//! The address of a PostgreSQL database, and the three words of it that the driver does not know.

use std::time::Duration;

use tokio_postgres::config::SslMode;

use crate::StoreError;

pub struct Address {
    pub config: tokio_postgres::Config,
    /// Holds the account; `public` unless `?schema=` names another.
    pub schema: String,
    pub tls: bool,
    /// A PEM file with the authorities to trust, from `?sslrootcert=`.
    pub root_certificates: Option<String>,
}

impl Address {
    /// `?sslmode=require`, `verify-ca` and `verify-full` all mean TLS with the certificate checked; without it the connection is plain.
    pub fn parse(url: &str) -> Result<Address, StoreError> {
        let (start, query) = url.split_once('?').unwrap_or((url, ""));
        let mut schema = "public".to_owned();
        let mut tls = false;
        let mut root_certificates = None;
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("schema", name)) => schema = name.to_owned(),
                Some(("sslrootcert", file)) => root_certificates = Some(file.to_owned()),
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => tls = true,
                Some(("sslmode", "disable" | "allow" | "prefer")) => tls = false,
                Some(("sslmode", mode)) => {
                    let problem =
                        format!("unknown sslmode `{mode}` in the database address: use `require` or `disable`");
                    return Err(StoreError::CannotOpen(problem));
                }
                _ => rest.push(pair),
            }
        }
        if !is_plain_name(&schema) {
            let problem = "the schema in the database address must be a lower-case name such as `helpdesk`";
            return Err(StoreError::CannotOpen(problem.to_owned()));
        }
        let question = if rest.is_empty() { "" } else { "?" };
        let mut config: tokio_postgres::Config =
            format!("{start}{question}{}", rest.join("&")).parse().map_err(|error| {
                // The driver's text may quote a part of the address, but never the password.
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                StoreError::CannotOpen(format!(
                    "the database address cannot be read ({cause}): use sqlite:FILE or postgres://user:password@host/database"
                ))
            })?;
        config.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        if config.get_application_name().is_none() {
            config.application_name("bailiwick");
        }
        // A dead server is noticed in seconds, and a transaction that a stuck process left open ends after a minute.
        config.connect_timeout(Duration::from_secs(5)).keepalives_idle(Duration::from_secs(30));
        config.tcp_user_timeout(Duration::from_secs(15));
        let given = config.get_options().unwrap_or_default();
        let ours = format!("{given} -c search_path={schema} -c idle_in_transaction_session_timeout=60000");
        config.options(ours.trim());
        Ok(Address { config, schema, tls, root_certificates })
    }
}

/// Needs no quoting, in SQL or in a start-up option.
fn is_plain_name(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    starts_well && name.len() <= 63 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_taken_from_the_address_and_kept_from_the_driver() {
        let address = Address::parse("postgres://a:b@localhost/c?schema=acme&application_name=x").unwrap();

        assert_eq!(address.schema, "acme");
        assert_eq!(address.config.get_application_name(), Some("x"));
        assert!(address.config.get_options().unwrap().contains("search_path=acme"));
    }

    #[test]
    fn a_schema_that_would_need_quotes_is_refused() {
        assert!(Address::parse("postgres://localhost/c?schema=a;drop").is_err());
        assert!(Address::parse("postgres://localhost/c?sslmode=perhaps").is_err());
    }
}

//! PostgreSQL: a pool of connections to one schema, which holds one account.
//!
//! Never waits without end: a pool that runs dry and a server that cannot be reached are `Unavailable` after a few seconds.

mod address;
mod parameter;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use address::Address;
pub use transaction::PostgresTx;

use crate::{Options, StoreError};

#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
    schema: Arc<str>,
    wait: Duration,
}

impl Postgres {
    /// Opens `postgres://user:password@host/database`; see `docs/install.md` for `?schema=`, `?sslmode=` and `?sslrootcert=`.
    ///
    /// Connects once. `CannotOpen` when the address is wrong or the server refuses us, `Unavailable` when it cannot be reached.
    pub async fn open(url: &str, options: &Options) -> Result<Postgres, StoreError> {
        let address = Address::parse(url)?;
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if address.tls {
            Manager::from_config(address.config, tls(address.root_certificates.as_deref())?, config)
        } else {
            Manager::from_config(address.config, NoTls, config)
        };
        let pool = Pool::builder(manager)
            .max_size(options.pool_size.max(1))
            .wait_timeout(Some(options.wait))
            .create_timeout(Some(options.wait))
            .recycle_timeout(Some(options.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::CannotOpen(error.to_string()))?;
        let db = Postgres { pool, schema: address.schema.into(), wait: options.wait };
        drop(db.connection().await?);
        Ok(db)
    }

    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// One snapshot: every statement sees the same moment.
    pub async fn read(&self) -> Result<PostgresTx, StoreError> {
        Ok(PostgresTx::new(self.connection().await?, "begin isolation level repeatable read read only", self.wait))
    }

    pub async fn write(&self) -> Result<PostgresTx, StoreError> {
        Ok(PostgresTx::new(self.connection().await?, "begin", self.wait))
    }

    async fn connection(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => {
                StoreError::Unavailable("every connection to PostgreSQL is in use".to_owned())
            }
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => {
                StoreError::Unavailable("PostgreSQL does not answer".to_owned())
            }
            PoolError::Backend(error) => refused(error),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                StoreError::Unavailable("the connections to PostgreSQL are closed".to_owned())
            }
        })
    }
}

/// Why no connection came about. What an operator can mend is `CannotOpen`.
fn refused(error: tokio_postgres::Error) -> StoreError {
    let mendable = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    match error.as_db_error() {
        Some(refusal) if mendable.contains(refusal.code()) => StoreError::CannotOpen(format!(
            "PostgreSQL refuses the connection ({}): check user, password and database in the database address",
            refusal.message()
        )),
        Some(_) => error.into(),
        None => match StoreError::from(error) {
            StoreError::Postgres(error) => StoreError::Unavailable(StoreError::Postgres(error).to_string()),
            other => other,
        },
    }
}

/// Always checks the server's certificate and name, against the system's authorities or the given file.
fn tls(root_certificates: Option<&str>) -> Result<MakeRustlsConnect, StoreError> {
    let cannot = |problem: String| StoreError::CannotOpen(format!("TLS to PostgreSQL: {problem}"));
    let mut roots = rustls::RootCertStore::empty();
    match root_certificates {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file).map_err(|e| cannot(format!("{file}: {e}")))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|e| cannot(format!("{file}: {e}")))?;
                roots.add(certificate).map_err(|e| cannot(format!("{file}: {e}")))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| cannot(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

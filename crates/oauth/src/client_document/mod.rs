//! Client ID Metadata Documents: an app whose `client_id` is the https address of a document about itself (section 18 of the contract,
//! CM-1 to CM-9).
//!
//! Whoever meets such an id calls `read_client_document` first: it fetches the document where it must, and writes what it says into the
//! app's record, which everything else then reads as any other. `address.rs` says which ids are addresses, `read.rs` what a document may
//! say, `settings.rs` whose documents count; `clients/documents.rs` keeps the record.

pub mod address;
mod decide;
pub(crate) mod read;
pub mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use moka::sync::Cache;
use outside::fetch::{Bounds, FetchError};
use scope::set::ScopeSet;
use store::{StoreError, Tx, transact};
use tokio::sync::{Mutex, Semaphore};

pub use decide::{DocumentClient, list};
use read::Document;
use settings::{Admission, Settings};

use crate::clients::{Client, documents};
use crate::sign_in::store_error;
use crate::{Provider, caching, provider_settings, throttle};

/// Documents that are fetched at once, all addresses together: nobody can make us a flood.
const FETCHES_AT_ONCE: usize = 16;
/// Addresses whose fetches are kept apart.
const N_ENTRIES: u64 = 1_000;

/// Why a client id that is an address leads to no app. The text may be shown to whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("This server does not read client metadata documents.")]
    Off,
    #[error("The client_id is no proper address of a metadata document: {0}.")]
    Address(&'static str),
    #[error("The administrators of this account do not accept apps of {0}.")]
    Host(String),
    #[error("The app's metadata document could not be fetched: {0}.")]
    Fetch(FetchError),
    #[error("The app's metadata document was answered with the status {0}; it must be 200, without a redirect.")]
    Status(u16),
    #[error("The app's metadata document is not served as application/json.")]
    NotJson,
    #[error("The app's metadata document {0}.")]
    Document(String),
    #[error("Too many unknown apps were tried from this address. Wait {0} seconds and try again.")]
    Limited(u64),
}

/// Who makes us read a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// The peer's IP address.
    pub address: &'a str,
    /// A UUID, for the event log.
    pub request_id: &'a str,
}

/// The fetches under way. Whoever fetches holds the lock of its entry; who waited for it takes what came out, so that requests at once ask
/// once.
pub(crate) struct Documents {
    entries: Cache<String, Arc<Entry>>,
    at_once: Semaphore,
}

#[derive(Default)]
struct Entry {
    /// How the last fetch failed, for those who waited for it; nobody else is told.
    failed: Mutex<Option<Unusable>>,
    n_fetches: AtomicU64,
}

impl Documents {
    pub(crate) fn new() -> Documents {
        Documents {
            entries: Cache::builder().max_capacity(N_ENTRIES).build(),
            at_once: Semaphore::new(FETCHES_AT_ONCE),
        }
    }
}

impl Provider {
    /// Sees to it that the record of the app with this address says what its document says (CM-4). Nothing for other client ids.
    pub(crate) async fn read_client_document(
        &self,
        client_id: &str,
        asker: Asker<'_>,
    ) -> Result<Result<(), Unusable>, StoreError> {
        if !address::is_meant(client_id) {
            return Ok(Ok(()));
        }
        let settings: Settings = self.setting(settings::NAME).await?;
        if !settings.mode.is_on() {
            return Ok(Err(Unusable::Off));
        }
        let host = match address::host(client_id, settings.with_query) {
            Ok(host) => host,
            Err(reason) => return Ok(Err(Unusable::Address(reason))),
        };
        if !settings.reads(&host) {
            return Ok(Err(Unusable::Host(host)));
        }
        if self.document_is_known(client_id).await? == Known::Fresh {
            return Ok(Ok(()));
        }

        let entry = self.state.documents.entries.get_with(client_id.to_owned(), Arc::default);
        let n_fetches = entry.n_fetches.load(Ordering::SeqCst);
        let mut failed = entry.failed.lock().await;
        let known = self.document_is_known(client_id).await?;
        if known == Known::Fresh {
            return Ok(Ok(()));
        }
        if entry.n_fetches.load(Ordering::SeqCst) != n_fetches
            && let Some(failed) = failed.clone()
        {
            return Ok(Err(failed));
        }
        if known == Known::Never
            && let Some(seconds) = self.count_unknown(asker.address).await?
        {
            return Ok(Err(Unusable::Limited(seconds)));
        }
        let fetched = self.fetch_document(client_id, &host, &settings).await;
        entry.n_fetches.fetch_add(1, Ordering::SeqCst);
        *failed = fetched.as_ref().err().cloned();
        match fetched {
            Ok((document, expires_at)) => self.keep_document(client_id, &document, expires_at, asker).await.map(Ok),
            Err(unusable) => {
                tracing::info!(%host, reason = %unusable, "a client metadata document was refused");
                Ok(Err(unusable))
            }
        }
    }

    async fn document_is_known(&self, client_id: &str) -> Result<Known, StoreError> {
        let mut tx = self.db.read().await?;
        let row =
            tx.row("select status, document_expires_at from clients where client_id = $1", &[client_id.into()]).await?;
        let Some(row) = row else { return Ok(Known::Never) };
        let is_fresh = row.time_or_null("document_expires_at")?.is_some_and(|end| self.clock.now() < end);
        // What an administrator switched off stays off, whatever its document says: nothing is fetched for it.
        Ok(if is_fresh || row.text("status")? != "active" { Known::Fresh } else { Known::Before })
    }

    /// Counts one try of an app that nobody has seen here. Some are free; who tries more waits longer and longer.
    async fn count_unknown(&self, address: &str) -> Result<Option<u64>, StoreError> {
        let now = self.clock.now();
        let subject = throttle::documents(address);
        transact!(self.db, |tx| {
            let wait = throttle::wait_seconds(tx, &[subject.as_str()], now).await?;
            if wait.is_none() {
                throttle::count_failure(tx, &subject, throttle::DOCUMENTS, now).await?;
            }
            Ok::<_, StoreError>(wait)
        })
    }

    async fn fetch_document(
        &self,
        client_id: &str,
        host: &str,
        settings: &Settings,
    ) -> Result<(Document, Timestamp), Unusable> {
        let Ok(_permit) = self.state.documents.at_once.acquire().await else {
            return Err(Unusable::Fetch(FetchError::Timeout));
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let bounds = Bounds { bytes: settings.limit_bytes.min(settings::BYTES_MAX), ..Bounds::default() };
        let answer = self.fetch.get(client_id, headers, bounds).await.map_err(Unusable::Fetch)?;
        if answer.status != StatusCode::OK {
            return Err(Unusable::Status(answer.status.as_u16()));
        }
        if !caching::is_json(&answer.headers) {
            return Err(Unusable::NotJson);
        }
        let document = read::read(client_id, host, &answer.body).map_err(Unusable::Document)?;
        Ok((document, caching::expires_at(&answer.headers, self.clock.now())))
    }

    async fn keep_document(
        &self,
        client_id: &str,
        document: &Document,
        expires_at: Timestamp,
        asker: Asker<'_>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let kept = transact!(self.db, |tx| {
            documents::put(tx, now, asker.request_id, client_id, document, expires_at).await.map_err(store_error)
        });
        match kept {
            Ok(client_row) => {
                self.forget_client(client_row);
                Ok(())
            }
            // Another node was faster.
            Err(_) if self.document_is_known(client_id).await? == Known::Fresh => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether such an app may ask a person for these words now (CM-7). Other apps always may.
pub(crate) async fn admission(tx: &mut Tx, client: &Client, scope: &ScopeSet) -> Result<Admission, StoreError> {
    if client.registered_by != documents::REGISTERED_BY {
        return Ok(Admission::Allowed);
    }
    let settings: Settings = provider_settings::read(tx, settings::NAME).await?;
    Ok(match address::host(&client.client_id, settings.with_query) {
        Ok(host) => settings.admits(client, &host, scope),
        Err(_) => Admission::Refused,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Never,
    /// Its document has to be read again.
    Before,
    Fresh,
}

//! Where the bytes of uploaded files lie, if not in the database: a folder, or a bucket that speaks S3's protocol.
//!
//! A blob has a name of letters and digits that is never used twice, is written whole and never changed. Requests to a bucket are signed by
//! `s3_signature.rs`; there is no more of the protocol here than putting, getting and deleting one object.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

use crate::fetch::{Bounds, Call, Reach};
use crate::{Clock, Fetch, s3_signature};

/// How long one request to a bucket may take.
const TIME: Duration = Duration::from_secs(20);
/// Largest blob that is read back.
const LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub enum Blobs {
    /// The caller keeps them in its database.
    Database,
    Folder(Arc<PathBuf>),
    Bucket(Arc<Bucket>),
}

/// A bucket and how to get in.
pub struct Bucket {
    /// With the bucket's name as first part of the path, and no slash at the end.
    pub address: Url,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    fetch: Fetch,
    clock: Clock,
}

/// Why bytes could not be kept or brought back. For the log: it may name paths and addresses of the operator's.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("there is no such file in the {0}")]
    Missing(&'static str),
    #[error("the folder of files: {0}")]
    Folder(#[from] std::io::Error),
    #[error("the bucket of files: {0}")]
    Bucket(String),
}

impl Blobs {
    /// As a file's row names the place.
    pub fn place(&self) -> &'static str {
        match self {
            Blobs::Database => "database",
            Blobs::Folder(_) => "folder",
            Blobs::Bucket(_) => "bucket",
        }
    }

    /// Writes a blob. After an error there is none, or one that nobody will ever read.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), BlobError> {
        match self {
            Blobs::Database => Ok(()),
            Blobs::Folder(folder) => {
                let path = path_of(folder, name);
                // Written beside its place and moved there, so that nobody reads half of it.
                let half = path.with_extension("part");
                if let Some(parent) = path.parent() {
                    tokio::fs::create_dir_all(parent).await?;
                }
                let mut file = tokio::fs::File::create(&half).await?;
                tokio::io::AsyncWriteExt::write_all(&mut file, &bytes).await?;
                file.sync_all().await?;
                Ok(tokio::fs::rename(&half, &path).await?)
            }
            Blobs::Bucket(bucket) => bucket.request(Method::PUT, name, Some(bytes)).await.map(drop),
        }
    }

    /// Reads a blob.
    pub async fn get(&self, name: &str) -> Result<Bytes, BlobError> {
        match self {
            Blobs::Database => Err(BlobError::Missing("database")),
            Blobs::Folder(folder) => match tokio::fs::read(path_of(folder, name)).await {
                Ok(bytes) => Ok(Bytes::from(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(BlobError::Missing("folder")),
                Err(error) => Err(error.into()),
            },
            Blobs::Bucket(bucket) => bucket.request(Method::GET, name, None).await,
        }
    }

    /// Removes a blob; that there is none is fine.
    pub async fn delete(&self, name: &str) -> Result<(), BlobError> {
        match self {
            Blobs::Database => Ok(()),
            Blobs::Folder(folder) => match tokio::fs::remove_file(path_of(folder, name)).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            },
            Blobs::Bucket(bucket) => match bucket.request(Method::DELETE, name, None).await {
                Ok(_) | Err(BlobError::Missing(_)) => Ok(()),
                Err(error) => Err(error),
            },
        }
    }
}

/// In a subfolder by its first two letters: a folder of a million files is slow.
fn path_of(folder: &std::path::Path, name: &str) -> PathBuf {
    folder.join(name.get(..2).unwrap_or("xx")).join(name)
}

impl Bucket {
    /// `address` is the service's and the bucket's, such as `https://s3.eu-west-1.amazonaws.com/files`. The operator chose it, so it may
    /// lie inside. An error is an address that cannot be used.
    pub fn new(
        address: &str,
        region: &str,
        access_key_id: &str,
        secret_access_key: &str,
        clock: Clock,
    ) -> Result<Bucket, BlobError> {
        let refused = || BlobError::Bucket(format!("{address} is not the address of a bucket"));
        let url = Url::parse(address.trim_end_matches('/')).map_err(|_| refused())?;
        if url.host().is_none() || url.path().len() < 2 || url.query().is_some() {
            return Err(refused());
        }
        let fetch = Fetch::new(Reach { private: true, ..Reach::default() })
            .map_err(|error| BlobError::Bucket(error.to_string()))?;
        Ok(Bucket {
            address: url,
            region: region.to_owned(),
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            fetch,
            clock,
        })
    }

    async fn request(&self, method: Method, name: &str, body: Option<Bytes>) -> Result<Bytes, BlobError> {
        let url = format!("{}/{name}", self.address);
        let parsed = Url::parse(&url).map_err(|_| BlobError::Bucket(format!("{url} is no address")))?;
        let host = match parsed.port() {
            Some(port) => format!("{}:{port}", parsed.host_str().unwrap_or_default()),
            None => parsed.host_str().unwrap_or_default().to_owned(),
        };
        let signed = s3_signature::sign(&s3_signature::Request {
            method: method.as_str(),
            host: &host,
            path: parsed.path(),
            body: body.as_deref().unwrap_or_default(),
            region: &self.region,
            access_key_id: &self.access_key_id,
            secret_access_key: &self.secret_access_key,
            now: self.clock.now(),
        });
        let mut headers = HeaderMap::new();
        for (name, value) in signed {
            let value =
                HeaderValue::try_from(value).map_err(|_| BlobError::Bucket("the key id cannot be sent".to_owned()))?;
            headers.insert(name, value);
        }
        let call = Call { method, url: &url, headers, body };
        let answer = self.fetch.call(call, Bounds { bytes: LIMIT_BYTES, time: TIME }).await;
        let answer = answer.map_err(|error| BlobError::Bucket(error.to_string()))?;
        match answer.fetched.status {
            _ if answer.is_cut => Err(BlobError::Bucket(format!("{name} is longer than {LIMIT_BYTES} bytes"))),
            StatusCode::NOT_FOUND => Err(BlobError::Missing("bucket")),
            status if status.is_success() => Ok(answer.fetched.body),
            status => Err(BlobError::Bucket(format!("it answered {status}"))),
        }
    }
}

/// Without the secret key.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("address", &self.address.as_str()).finish_non_exhaustive()
    }
}

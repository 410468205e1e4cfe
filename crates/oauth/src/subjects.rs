//! The `sub` claim: how a person is called in front of an app (OpenID Connect Core 8; ID-1, ID-4).
//!
//! Usually by their number, which is never given to another and survives a rename. An app that is registered as `pairwise` gets a name
//! that only apps of its own sector share, so that two shops cannot compare whom they know. Such a name is the number, encrypted: it is
//! the same each time without being stored, and can be read back when an app sends it to us.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::clients::Client;
use crate::redirect_uri::Destination;
use crate::{Error, Provider};

impl Provider {
    /// The person's `sub` in front of this client.
    pub fn sub(&self, client: &Client, person_id: i64) -> Result<String, Error> {
        if !is_pairwise(client) {
            return Ok(person_id.to_string());
        }
        let mut bytes = person_id.to_be_bytes().to_vec();
        self.subject_key()?
            .seal_in_place_append_tag(nonce(), Aad::from(sector(client).as_bytes()), &mut bytes)
            .map_err(|_| Error::Internal("a pairwise subject could not be made".to_owned()))?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whom this client means by a `sub`. None if we never called anybody so in front of it.
    pub fn person_of_sub(&self, client: &Client, sub: &str) -> Result<Option<i64>, Error> {
        if !is_pairwise(client) {
            return Ok(sub.parse().ok());
        }
        let Ok(mut bytes) = URL_SAFE_NO_PAD.decode(sub) else { return Ok(None) };
        let opened = self.subject_key()?.open_in_place(nonce(), Aad::from(sector(client).as_bytes()), &mut bytes);
        Ok(opened.ok().and_then(|number| <[u8; 8]>::try_from(&*number).ok()).map(i64::from_be_bytes))
    }

    fn subject_key(&self) -> Result<LessSafeKey, Error> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, &self.keyed_hash("pairwise subjects", ""));
        key.map(LessSafeKey::new).map_err(|_| Error::Internal("AES-256-GCM-SIV is not available".to_owned()))
    }
}

/// Always the same: with GCM-SIV (RFC 8452) that tells only whether two plaintexts are equal, which is what a `sub` is for.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn is_pairwise(client: &Client) -> bool {
    client.metadata.subject_type.as_deref() == Some("pairwise")
}

/// Host of the sector document, else of the return addresses, which share one (OpenID Connect Core 8.1). An app on people's own devices
/// has no host of its own and is a sector by itself.
fn sector(client: &Client) -> String {
    let document = client.metadata.sector_identifier_uri.as_deref().and_then(|uri| Url::parse(uri).ok());
    if let Some(host) = document.as_ref().and_then(Url::host_str) {
        return format!("host {host}");
    }
    let hosts = client.redirect_uris.iter().filter_map(|uri| match uri.destination() {
        Destination::Host(host) => Some(host),
        _ => None,
    });
    match hosts.min() {
        Some(host) => format!("host {}", host.to_ascii_lowercase()),
        None => format!("client {}", client.client_id),
    }
}

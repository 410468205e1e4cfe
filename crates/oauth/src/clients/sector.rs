//! The sector of an app whose people are known by another name to each sector: the host its redirect URIs share, or that of the address
//! which lists them all (ID-4; OpenID Connect Core 8.1, Registration 5).

use helpdesk::Error;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use outside::fetch::Bounds;

use super::Client;
use crate::Provider;
use crate::redirect_uri::RedirectUri;

const FIELD: &str = "sector_identifier_uri";
/// Longest list of redirect URIs, in bytes.
const LIST_MAX_BYTES: usize = 64 * 1024;

impl Provider {
    /// `Invalid` on `sector_identifier_uri`: it does not answer with a JSON list of all redirect URIs, or hosts differ without it. Goes over
    /// the network, so never within a transaction.
    pub(crate) async fn check_sector(&self, client: &Client) -> Result<(), Error> {
        let is_pairwise = client.metadata.subject_type.as_deref() == Some("pairwise");
        let Some(uri) = &client.metadata.sector_identifier_uri else {
            return match is_pairwise && !share_a_host(&client.redirect_uris) {
                true => Err(Error::invalid(
                    FIELD,
                    "is needed for pairwise subjects: the redirect URIs do not share one host",
                )),
                false => Ok(()),
            };
        };
        let listed = self.listed(uri).await?;
        match client.redirect_uris.iter().find(|uri| !listed.iter().any(|it| it == uri.as_str())) {
            Some(missing) => Err(Error::invalid(FIELD, format!("its list lacks the redirect URI {missing}"))),
            None => Ok(()),
        }
    }

    async fn listed(&self, uri: &str) -> Result<Vec<String>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let bounds = Bounds { bytes: LIST_MAX_BYTES, ..Bounds::default() };
        let answer = self
            .fetch
            .get(uri, headers, bounds)
            .await
            .map_err(|error| Error::invalid(FIELD, format!("cannot be read: {error}")))?;
        if answer.status != StatusCode::OK {
            return Err(Error::invalid(FIELD, format!("answers with status {}", answer.status.as_u16())));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| Error::invalid(FIELD, "does not answer with a JSON list of texts"))
    }
}

/// One host for all, whatever the port. None at all share nothing.
fn share_a_host(uris: &[RedirectUri]) -> bool {
    let host = |uri: &RedirectUri| url::Url::parse(uri.as_str()).ok().and_then(|url| url.host_str().map(str::to_owned));
    let Some(first) = uris.first().and_then(host) else { return false };
    uris.iter().all(|uri| host(uri).is_some_and(|host| host == first))
}

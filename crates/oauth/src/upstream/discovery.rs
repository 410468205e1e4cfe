//! What another provider says of itself (OpenID Connect Discovery 4), fetched with the rules of CM-2.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use moka::sync::Cache;
use outside::fetch::Bounds;
use serde::Deserialize;

use super::UpstreamError;
use super::providers::{self, IdentityProvider};
use crate::{Error, Provider, caching};

/// The metadata that we need.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// What was read, by issuer.
pub(crate) struct Discovered(Cache<String, (Arc<Metadata>, Timestamp)>);

impl Discovered {
    pub(crate) fn empty() -> Discovered {
        Discovered(Cache::builder().max_capacity(100).build())
    }
}

impl Provider {
    /// The provider's metadata, as long as its headers let us believe it.
    pub(super) async fn discovered(&self, of: &IdentityProvider) -> Result<Arc<Metadata>, UpstreamError> {
        let now = self.clock.now();
        if let Some((metadata, _)) = self.state.discovered.0.get(&of.issuer).filter(|(_, until)| now < *until) {
            return Ok(metadata);
        }
        let (metadata, until) = self.discover(of).await?;
        let metadata = Arc::new(metadata);
        self.state.discovered.0.insert(of.issuer.clone(), (metadata.clone(), until));
        Ok(metadata)
    }

    /// Reads it anew, and says what is wrong with it. For the administrator's button.
    pub async fn test_identity_provider(&self, id: i64) -> Result<(), UpstreamError> {
        let mut tx = self.db.read().await?;
        let found = providers::find(&mut tx, id).await?;
        drop(tx);
        let found = found.ok_or(Error::Helpdesk(helpdesk::Error::NotFound { kind: "identity provider", id }))?;
        self.discover(&found).await.map(drop)
    }

    async fn discover(&self, of: &IdentityProvider) -> Result<(Metadata, Timestamp), UpstreamError> {
        let unusable = |reason: String| UpstreamError::Unusable(of.name.clone(), reason);
        let address = format!("{}/.well-known/openid-configuration", of.issuer.trim_end_matches('/'));
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.fetch.get(&address, headers, Bounds::default()).await;
        let answer = answer.map_err(|error| unusable(format!("its metadata could not be read ({error})")))?;
        if answer.status != StatusCode::OK || !caching::is_json(&answer.headers) {
            return Err(unusable(format!("its metadata was answered with {} or not as JSON", answer.status.as_u16())));
        }
        let metadata: Metadata = serde_json::from_slice(&answer.body)
            .map_err(|_| unusable("its metadata lacks an endpoint or is not JSON".to_owned()))?;
        // Whoever answers for an issuer must be it (OpenID Connect Discovery 4.3).
        if metadata.issuer != of.issuer {
            return Err(unusable("its metadata names another issuer".to_owned()));
        }
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        if endpoints.into_iter().chain(&metadata.userinfo_endpoint).any(|url| self.fetch.permits(url).is_err()) {
            return Err(unusable("its metadata names an endpoint that is no public https address".to_owned()));
        }
        let until = caching::expires_at(&answer.headers, self.clock.now());
        Ok((metadata, until))
    }
}

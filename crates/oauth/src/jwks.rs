//! The key set (RFC 7517): the public halves of every key that an id_token may carry (KEY-1, KEY-7).

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use crate::keys::{ALGORITHMS, CACHED_SECONDS};
use crate::{Provider, metadata};

impl Provider {
    /// `GET /oauth/jwks`
    pub async fn jwks(&self, headers: &HeaderMap) -> Response {
        match self.key_ring_with(&ALGORITHMS).await {
            Ok(ring) => metadata::document(headers, &ring.document(self.clock.now()), CACHED_SECONDS),
            Err(error) => error.into_response(),
        }
    }
}

//! What a consent was given to. When that is no longer what the app is, people are asked again (POL-5, CO-13).

use outside::sha256;
use serde_json::json;

use super::Client;
use crate::redirect_uri::RedirectUri;

impl Client {
    /// Stays the same as long as nothing changes that a consent stands on: how the app proves who it is, and where answers go; of an app
    /// that registered itself also its name, where its keys are, and how far it may reach.
    pub fn fingerprint(&self) -> String {
        let mut facts = json!([self.client_type.word(), proof(&self.token_endpoint_auth_method), self.sorted_uris()]);
        if self.is_self_registered()
            && let Some(facts) = facts.as_array_mut()
        {
            facts.push(json!([self.name, self.metadata.jwks_uri, self.allowed_scopes.as_str()]));
        }
        sha256(facts.to_string().as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the other record proves itself in the same way and has answers sent to the same addresses (POL-5).
    pub(super) fn is_reached_as(&self, other: &Client) -> bool {
        self.client_type == other.client_type
            && proof(&self.token_endpoint_auth_method) == proof(&other.token_endpoint_auth_method)
            && self.sorted_uris() == other.sorted_uris()
    }

    fn sorted_uris(&self) -> Vec<&str> {
        let mut uris: Vec<&str> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        uris.sort_unstable();
        uris
    }

    /// Nobody but the app itself vouches for what it says (CO-10).
    pub fn is_self_registered(&self) -> bool {
        matches!(self.registered_by.as_str(), "dcr" | "cimd")
    }
}

/// Two ways to send the same secret are one way to prove who one is.
fn proof(method: &str) -> &str {
    match method {
        "client_secret_post" => "client_secret_basic",
        method => method,
    }
}

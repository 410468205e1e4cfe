//! Sign-in at another OpenID provider (LS-10; OpenID Connect Core 3.1 and 5.7).
//!
//! The other provider says who somebody is there; who that is here says a link by provider and `sub`, which is made only by a person who
//! signed in here by our own means. An e-mail address never links anybody: at most it says whom to ask.
//!
//! `providers.rs` keeps the providers, `discovery.rs` reads what they say of themselves, `begin.rs` sends the browser there,
//! `finish.rs` takes it back and verifies what it brings, `link.rs` knows whose it is.

mod begin;
mod discovery;
mod finish;
mod link;
mod providers;

use serde::{Deserialize, Serialize};

pub(crate) use discovery::Discovered;
pub use finish::{Answer, Arrived};
pub use link::{Link, LinkError, Linked, linked};
pub use providers::{IdentityProvider, IdentityProviderChange, NewIdentityProvider, Switch, list};

/// Where browsers come back to.
pub const CALLBACK_PATH: &str = "/login/upstream/callback";
/// `amr` of such a sign-in: we saw none of the methods that the other provider used.
pub const AMR: &str = "fed";
/// `acr` of such a sign-in. It is none of our levels, so it meets no demand for one.
pub const ACR: &str = "urn:bailiwick:acr:fed";

/// Why a sign-in through another provider does not go on. The text is for the person.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Another browser, an answer that came before, or more than ten minutes ago.
    #[error("This sign-in has expired, or it was begun in another browser. Start again.")]
    Expired,
    #[error("{0} cannot be asked now: {1}.")]
    Unusable(String, String),
    /// The other provider, or the person there, said no.
    #[error("{0} did not sign you in.")]
    Denied(String),
    /// What came back cannot be believed.
    #[error("The answer of {0} cannot be trusted: {1}.")]
    Untrusted(String, String),
    #[error("Too many attempts. Wait {0} seconds and try again.")]
    Limited(u64),
    #[error(transparent)]
    Failed(#[from] crate::Error),
}

impl From<store::StoreError> for UpstreamError {
    fn from(error: store::StoreError) -> UpstreamError {
        UpstreamError::Failed(error.into())
    }
}

impl store::Transient for UpstreamError {
    fn is_transient(&self) -> bool {
        matches!(self, UpstreamError::Failed(error) if error.is_transient())
    }
}

/// What a sign-in under way must remember, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Away {
    provider_id: i64,
    nonce: String,
    verifier: String,
    /// The pending authorization request that goes on afterwards.
    request: Option<String>,
    /// A path of our own.
    return_to: Option<String>,
    /// The person must sign in there anew: a session there is not enough.
    is_fresh: bool,
}

/// Who somebody is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    provider_id: i64,
    sub: String,
    /// Only one that the other provider says it has verified.
    email: Option<String>,
    name: Option<String>,
}

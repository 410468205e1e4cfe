//! Dynamic client registration (RFC 7591, OpenID Connect Registration) and its management (RFC 7592).

pub mod settings;

/// Where apps register themselves.
pub const PATH: &str = "/oauth/register";

//! Tests of oauth.

mod authorize;
mod consent;
mod redirect_uri;
mod sign_in;

//! Tests of oauth.

mod authorize;
mod clients;
mod consent;
mod redirect_uri;
mod sign_in;

//! Tests of oauth.

mod authorize;
mod client_auth;
mod client_metadata;
mod clients;
mod consent;
mod credential_leakage;
mod keys;
mod metadata;
mod openidconnect_crate;
mod par;
mod pkce;
mod redirect_uri;
mod refresh;
mod refresh_parallel;
mod reverse_proxy;
mod register;
mod registration_management;
mod revoke;
mod sign_in;
mod token;
mod userinfo;

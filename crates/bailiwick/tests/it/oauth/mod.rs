//! Tests of oauth.

mod authorize;
mod claims_parameter;
mod client_auth;
mod client_metadata;
mod clients;
mod consent;
mod credential_leakage;
mod jarm;
mod keys;
mod metadata;
mod openidconnect_crate;
mod par;
mod pkce;
mod redirect_uri;
mod refresh;
mod refresh_parallel;
mod request_object;
mod reverse_proxy;
mod register;
mod registration_management;
mod revoke;
mod sign_in;
mod step_up;
mod token;
mod userinfo;

//! Tests of oauth.

mod authorize;

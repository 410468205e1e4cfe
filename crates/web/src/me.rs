//! What people set for themselves: how they sign in, and where they are signed in.

pub mod factors;
pub mod security;

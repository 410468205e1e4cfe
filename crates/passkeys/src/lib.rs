//! Passkeys (WebAuthn Level 3): registration and sign-in, over webauthn-rs. The one crate that depends on it, for what it costs to build.

//! Sign-in sessions of staff: the cookie behind every page, and the `sid`, `auth_time`, `amr` and `acr` of every token (LS-1, LS-7).
//!
//! The cookie's value is 256 random bits, stored only as a hash. It is new at each sign-in, so a value planted before is worth nothing.
//! `sign_in.rs` opens sessions; `authorize/` reads them.

use jiff::{SignedDuration, Timestamp};
use scope::role::Role;
use store::{StoreError, Tx};

use crate::Provider;

/// A session without a request for this long is over.
pub const IDLE: SignedDuration = SignedDuration::from_hours(24);
/// A session is over this long after sign-in, used or not.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(24 * 14);

/// The reference for signing in with a password (LS-8 names the levels).
pub const ACR_PASSWORD: &str = "urn:bailiwick:acr:pwd";

/// Someone who is signed in, as they are now.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub id: i64,
    /// The `sid` claim. Not a secret.
    pub sid: String,
    pub person_id: i64,
    pub email: String,
    /// The person's name, or their address if they have none.
    pub name: String,
    /// The role now, not at sign-in.
    pub role: Role,
    /// Authentication methods by RFC 8176, space-separated, such as `pwd`.
    pub amr: String,
    pub acr: String,
    pub auth_time: Timestamp,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// The absolute end.
    pub expires_at: Timestamp,
}

/// A session just opened, with the value its cookie must carry. Shown to nobody else.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub cookie: String,
    pub session: Session,
}

/// `__Host-bailiwick` on https; plain HTTP clients on loopback would drop a Secure cookie, so there it is `bailiwick`.
pub fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-bailiwick" } else { "bailiwick" }
}

/// Names a browser that has not signed in: binds its pending authorization requests and its forms (AZ-23, LS-3).
pub fn browser_cookie_name(https: bool) -> &'static str {
    if https { "__Host-bailiwick-browser" } else { "bailiwick-browser" }
}

/// The hidden `csrf` value of a form. `cookie` is the session's or, before sign-in, the browser's value; `form` names what the form is
/// about, such as the pending request, so that a value from one form does not open another (LS-3).
pub fn csrf_value(_cookie: &str, _form: &str) -> String {
    String::new()
}

/// Whether `sent` is the value `csrf_value` gives, in constant time.
pub fn csrf_matches(cookie: &str, form: &str, sent: &str) -> bool {
    csrf_value(cookie, form) == sent
}

/// The living sessions of a person, newest first.
pub async fn list(_tx: &mut Tx, _person_id: i64, _now: Timestamp) -> Result<Vec<Session>, StoreError> {
    Ok(Vec::new())
}

impl Provider {
    /// The living session of this cookie, if its person is still active staff.
    pub async fn session(&self, _cookie: &str) -> Result<Option<Session>, StoreError> {
        Ok(None)
    }

    /// Ends this session.
    pub async fn sign_out(&self, _session: &Session, _request_id: &str) -> Result<(), helpdesk::Error> {
        Ok(())
    }
}

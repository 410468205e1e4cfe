//! Sign-in sessions: the cookie behind every page, and the `sid`, `auth_time`, `amr` and `acr` of every token (LS-1, LS-7).
//!
//! The cookie's value is 256 random bits, stored only as a hash. It is new at each sign-in, so a value planted before is worth nothing.
//! `sign_in.rs` opens sessions; `authorize/` reads them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use helpdesk::events::{self, Change};
use jiff::{SignedDuration, Timestamp};
use scope::permission::Permissions;
use scope::permit::{Actor, CanWrite};
use scope::resource::Users;
use scope::role::Role;
use serde_json::json;
use store::{Row, StoreError, Tx, transact};

use crate::authorize::Browser;
use crate::people_settings::{self, Settings};
use crate::session_end::{self, Which};
use crate::{Provider, secret};

/// A session without a request for this long is over.
pub const IDLE: SignedDuration = SignedDuration::from_hours(24);
/// A session is over this long after sign-in, used or not.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(24 * 14);

/// The reference for signing in with a password (LS-8 names the levels).
pub const ACR_PASSWORD: &str = crate::acr::PASSWORD;

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
    /// What a role of the account's own takes away from it.
    pub denied: Permissions,
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
    /// The account wants a second factor of staff, and this sign-in has not shown one: until then it opens nothing but the way there.
    pub owes_second_factor: bool,
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
pub fn csrf_value(cookie: &str, form: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&csrf_key(cookie), form.as_bytes()))
}

/// Whether `sent` is the value `csrf_value` gives, in constant time.
pub fn csrf_matches(cookie: &str, form: &str, sent: &str) -> bool {
    match URL_SAFE_NO_PAD.decode(sent) {
        Ok(tag) => hmac::verify(&csrf_key(cookie), form.as_bytes(), &tag).is_ok(),
        Err(_) => false,
    }
}

/// A key that only the cookie's bearer and we can make, so nothing needs to be stored.
fn csrf_key(cookie: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, format!("csrf\n{cookie}").as_bytes())
}

/// The living sessions of a person, newest first; at most 100.
pub async fn list(tx: &mut Tx, person_id: i64, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    let sql = format!(
        "{SELECT} where s.person_id = $1 and s.expires_at > $2 and s.last_seen_at > $3 order by s.id desc limit 100"
    );
    let rows = tx.rows(&sql, &[person_id.into(), now.into(), seen_after(now).into()]).await?;
    rows.iter().map(from_row).collect()
}

impl Provider {
    /// The living session of this cookie, if its person is still active and may sign in.
    pub async fn session(&self, cookie: &str) -> Result<Option<Session>, StoreError> {
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let sql = format!("{SELECT} where s.hash = $1 and s.expires_at > $2 and s.last_seen_at > $3");
        let params = [secret::hash(cookie).as_slice().into(), now.into(), seen_after(now).into()];
        let Some(row) = tx.row(&sql, &params).await? else { return Ok(None) };
        drop(tx);
        let mut session = from_row(&row)?;
        let settings: Settings = self.setting(people_settings::NAME).await?;
        if !session.role.is_staff() && !settings.customers_sign_in {
            return Ok(None);
        }
        session.owes_second_factor =
            settings.staff_second_factor && session.role.is_staff() && session.acr == ACR_PASSWORD;
        if now.duration_since(session.last_seen_at) >= TOUCHED_EVERY {
            transact!(self.db, |tx| {
                tx.run("update sessions set last_seen_at = $1 where id = $2", &[now.into(), session.id.into()]).await
            })?;
        }
        Ok(Some(session))
    }

    /// Ends this session.
    pub async fn sign_out(&self, session: &Session, request_id: &str) -> Result<(), helpdesk::Error> {
        self.end_own_session(session, request_id, None).await
    }

    /// The same at the wish of an app (its row).
    pub(crate) async fn end_own_session(
        &self,
        session: &Session,
        request_id: &str,
        by_client: Option<i64>,
    ) -> Result<(), helpdesk::Error> {
        let now = self.clock.now();
        let actor = Actor { client_id: by_client, ..session.actor(request_id) };
        transact!(self.db, |tx| {
            if session_end::end(tx, now, session.person_id, Which::One(session.id)).await? > 0 {
                let change = logged_out(session.person_id, json!({ "sid": session.sid }));
                events::record(tx, &actor, now, change).await?;
            }
            Ok::<_, helpdesk::Error>(())
        })?;
        self.forget_person(session.person_id);
        Ok(())
    }

    /// Ends another session of the same person. `NotFound` if there is none.
    pub async fn revoke_session(&self, own: &Session, request_id: &str, id: i64) -> Result<(), helpdesk::Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            if session_end::end(tx, now, own.person_id, Which::One(id)).await? == 0 {
                return Err(helpdesk::Error::NotFound { kind: "session", id });
            }
            record(tx, own, request_id, now, json!({ "session_id": id })).await
        })?;
        self.forget_person(own.person_id);
        Ok(())
    }

    /// Ends every session of the person, this one too (LS-9).
    pub async fn sign_out_everywhere(&self, own: &Session, request_id: &str) -> Result<(), helpdesk::Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            session_end::end(tx, now, own.person_id, Which::All).await?;
            record(tx, own, request_id, now, json!({ "everywhere": true })).await
        })?;
        self.forget_person(own.person_id);
        Ok(())
    }

    /// Ends every session of somebody, by an administrator (BL-3). `NotFound` if there is no such user.
    pub async fn sign_out_user(&self, may: &CanWrite<Users>, person_id: i64) -> Result<(), helpdesk::Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let sql = "select id from people where id = $1 and is_staff = 1 and deleted_at is null";
            if tx.row(sql, &[person_id.into()]).await?.is_none() {
                return Err(helpdesk::Error::NotFound { kind: "user", id: person_id });
            }
            let n_sessions = session_end::end(tx, now, person_id, Which::All).await?;
            let change = logged_out(person_id, json!({ "everywhere": true, "n_sessions": n_sessions }));
            events::record(tx, may.actor(), now, change).await
        })?;
        self.forget_person(person_id);
        Ok(())
    }
}

/// Who a new session is for, and how they proved it.
pub(crate) struct NewSession<'a> {
    pub person_id: i64,
    pub amr: &'a str,
    pub acr: &'a str,
    /// The cookie's value.
    pub cookie: &'a str,
    pub sid: &'a str,
}

/// Opens a session in the place of the one the browser had: the cookie is new at each sign-in, and the old one is worth nothing.
pub(crate) async fn open(
    tx: &mut Tx,
    new: &NewSession<'_>,
    browser: &Browser<'_>,
    now: Timestamp,
) -> Result<Session, StoreError> {
    // Whoever signs in again stays in their session, in front of apps too: it keeps its `sid` and goes on under a new cookie.
    let again = browser.session.filter(|old| old.person_id == new.person_id);
    if let Some(other) = browser.session.filter(|_| again.is_none()) {
        session_end::end(tx, now, other.person_id, Which::One(other.id)).await?;
    }
    tx.run(
        "insert into sessions (hash, sid, person_id, amr, acr, auth_time, address, user_agent, created_at, last_seen_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $6, $6, $9)",
        &[
            secret::hash(new.cookie).as_slice().into(),
            again.map_or(new.sid, |old| old.sid.as_str()).into(),
            new.person_id.into(),
            new.amr.into(),
            new.acr.into(),
            now.into(),
            browser.address.as_str().into(),
            browser.user_agent.chars().take(USER_AGENT_MAX_CHARS).collect::<String>().into(),
            now.saturating_add(ABSOLUTE).unwrap_or(now).into(),
        ],
    )
    .await?;
    let row = tx.row(&format!("{SELECT} where s.hash = $1"), &[secret::hash(new.cookie).as_slice().into()]).await?;
    let session = from_row(&row.ok_or(StoreError::Column("sessions.hash"))?)?;
    if let Some(old) = again {
        let sql = "update session_clients set session_id = $1 where session_id = $2";
        tx.run(sql, &[session.id.into(), old.id.into()]).await?;
        tx.run("delete from sessions where id = $1", &[old.id.into()]).await?;
    }
    Ok(session)
}

async fn record(
    tx: &mut Tx,
    session: &Session,
    request_id: &str,
    now: Timestamp,
    data: serde_json::Value,
) -> Result<(), helpdesk::Error> {
    let change = logged_out(session.person_id, data);
    events::record(tx, &session.actor(request_id), now, change).await
}

fn logged_out(person_id: i64, data: serde_json::Value) -> Change<'static> {
    Change {
        kind: "user-logged-out",
        object_type: "User",
        object_id: person_id,
        before: None,
        after: None,
        data: Some(data),
    }
}

/// Notes that the person of a session has shown more: it goes on under a new cookie, with these methods and this level besides those it had
/// (LS-1, LS-7). The time of the sign-in stays. `NotFound` if it ended meanwhile.
pub(crate) async fn raise(
    tx: &mut Tx,
    now: Timestamp,
    session: &Session,
    cookie: &str,
    amr: &str,
    acr: &str,
) -> Result<Session, helpdesk::Error> {
    let amr = joined(&session.amr, amr);
    let acr = if crate::acr::meets(&session.acr, acr) { &session.acr } else { acr };
    let sql = "update sessions set hash = $1, amr = $2, acr = $3, last_seen_at = $4 where id = $5 and person_id = $6";
    let hash = secret::hash(cookie);
    let params = [
        hash.as_slice().into(),
        amr.as_str().into(),
        acr.into(),
        now.into(),
        session.id.into(),
        session.person_id.into(),
    ];
    if tx.run(sql, &params).await? == 0 {
        return Err(helpdesk::Error::NotFound { kind: "session", id: session.id });
    }
    let row = tx.row(&format!("{SELECT} where s.id = $1"), &[session.id.into()]).await?;
    Ok(from_row(&row.ok_or(StoreError::Column("sessions.hash"))?)?)
}

/// Both lists of methods, each method once.
pub(crate) fn joined(amr: &str, more: &str) -> String {
    let mut methods: Vec<&str> = amr.split_whitespace().collect();
    for method in more.split_whitespace() {
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    methods.join(" ")
}

impl Session {
    /// Who acts, for the event log.
    pub fn actor(&self, request_id: &str) -> Actor {
        Actor {
            person_id: Some(self.person_id),
            role: Some(self.role),
            denied: self.denied,
            request_id: request_id.to_owned(),
            ..Actor::default()
        }
    }
}

/// A session's row is written at most this often while it is in use.
const TOUCHED_EVERY: SignedDuration = SignedDuration::from_mins(5);
const USER_AGENT_MAX_CHARS: usize = 300;

/// Sessions used at or before this instant are over.
pub(crate) fn seen_after(now: Timestamp) -> Timestamp {
    now.saturating_sub(IDLE).unwrap_or(now)
}

/// Only of active people: a deactivated person's sessions end with the switch (LS-9).
const SELECT: &str = "select s.id as id, s.sid as sid, s.person_id as person_id, s.amr as amr, s.acr as acr, s.auth_time as auth_time, \
     s.address as address, s.user_agent as user_agent, s.created_at as created_at, s.last_seen_at as last_seen_at, \
     s.expires_at as expires_at, p.email as email, p.name as name, p.role as role, p.denied as denied \
     from sessions s join people p on p.id = s.person_id and p.active = 1 and p.deleted_at is null";

fn from_row(row: &Row) -> Result<Session, StoreError> {
    let email = row.text_or_null("email")?.unwrap_or_default();
    let name = row.text_or_null("name")?.filter(|name| !name.is_empty()).unwrap_or_else(|| email.clone());
    Ok(Session {
        id: row.int("id")?,
        sid: row.text("sid")?,
        person_id: row.int("person_id")?,
        email,
        name,
        role: Role::parse(&row.text("role")?).ok_or(StoreError::Column("role"))?,
        denied: Permissions::of_words(&row.text_or_null("denied")?.unwrap_or_default()),
        amr: row.text("amr")?,
        acr: row.text("acr")?,
        auth_time: row.time("auth_time")?,
        address: row.text_or_null("address")?,
        user_agent: row.text_or_null("user_agent")?,
        created_at: row.time("created_at")?,
        last_seen_at: row.time("last_seen_at")?,
        expires_at: row.time("expires_at")?,
        owes_second_factor: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csrf_value_opens_only_its_own_form_in_its_own_browser() {
        // LS-3
        let value = csrf_value("cookie", "request-1");

        assert!(csrf_matches("cookie", "request-1", &value));
        assert!(!csrf_matches("cookie", "request-2", &value));
        assert!(!csrf_matches("other", "request-1", &value));
        assert!(!csrf_matches("cookie", "request-1", ""));
        assert!(!csrf_matches("cookie", "request-1", "not base64 \u{e9}"));
    }

    #[test]
    fn the_cookie_carries_the_host_prefix_wherever_https_is() {
        // LS-1
        assert_eq!(cookie_name(true), "__Host-bailiwick");
        assert_eq!(cookie_name(false), "bailiwick");
    }
}

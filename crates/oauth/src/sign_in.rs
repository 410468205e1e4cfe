//! Signing in with address and password (LS-4 to LS-7).
//!
//! An unknown address and a wrong password cannot be told apart: same answer, same work, same writes (LS-5).
//! An attempt is counted as a failure before the password is looked at, and given back when it was right: so a hundred guesses sent at
//! once are a hundred counted guesses.

use helpdesk::events::{self, Change};
use helpdesk::passwords;
use jiff::{SignedDuration, Timestamp};
use scope::permit::Actor;
use serde_json::json;
use store::{StoreError, Transient, Tx, transact};

use crate::authorize::Browser;
use crate::sessions::{self, NewSession, Session, SignedIn};
use crate::{Provider, throttle};

/// An address where the person signed in this recently is their own: strangers elsewhere cannot make them wait there.
const AT_HOME_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The address or the password; which of them, nobody learns.
    #[error("the address or the password is wrong")]
    Wrong,
    /// Too many failures from here or for this account. Answered with 429 and `Retry-After` (LS-6).
    #[error("too many failed attempts; wait {retry_after_seconds} seconds")]
    Limited { retry_after_seconds: u64 },
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

impl Transient for SignInError {
    fn is_transient(&self) -> bool {
        matches!(self, SignInError::Store(error) if error.is_transient())
    }
}

/// Who may be behind an address, and what their attempt counts against.
struct Attempt {
    /// Active staff of that address who have a password.
    known: Option<(i64, String)>,
    account: String,
    address: String,
}

impl Provider {
    /// Signs staff in, and ends the session that the browser had.
    pub async fn sign_in(&self, email: &str, password: &str, browser: &Browser<'_>) -> Result<SignedIn, SignInError> {
        let now = self.clock.now();
        let email_key = email.trim().to_lowercase();
        let attempt = transact!(self.db, |tx| begin(tx, &email_key, &browser.address, now).await)?;
        let hash = attempt.known.as_ref().map(|(_id, hash)| hash.as_str());
        let right = passwords::verify(hash, password).await;
        let (Some((person_id, _hash)), true) = (&attempt.known, right) else {
            transact!(self.db, |tx| record_failure(tx, &attempt, browser, now).await)?;
            return Err(SignInError::Wrong);
        };
        // LS-4: whoever knows the password just sent it, so a hash of older parameters can be made anew now.
        let stronger = match hash.is_some_and(passwords::needs_rehash) {
            true => passwords::hash(&self.random, password).await.ok(),
            false => None,
        };
        let cookie = self.random.token();
        let sid = self.random.token();
        let new =
            NewSession { person_id: *person_id, amr: "pwd", acr: sessions::ACR_PASSWORD, cookie: &cookie, sid: &sid };
        let session = transact!(self.db, |tx| {
            throttle::take_back(tx, &attempt.account, throttle::ACCOUNT, now).await?;
            throttle::take_back(tx, &attempt.address, throttle::ADDRESS, now).await?;
            if let Some(stronger) = &stronger {
                let params = [stronger.into(), new.person_id.into()];
                tx.run("update passwords set hash = $1 where person_id = $2", &params).await?;
            }
            open(tx, &new, browser, now).await
        })?;
        Ok(SignedIn { cookie, session })
    }

    /// Opens a session for someone whose identity was just proven in another way, such as by the one-time set-up link.
    pub async fn open_session(
        &self,
        person_id: i64,
        amr: &str,
        browser: &Browser<'_>,
    ) -> Result<SignedIn, SignInError> {
        let now = self.clock.now();
        let cookie = self.random.token();
        let sid = self.random.token();
        let new = NewSession { person_id, amr, acr: sessions::ACR_PASSWORD, cookie: &cookie, sid: &sid };
        let session = transact!(self.db, |tx| open(tx, &new, browser, now).await)?;
        Ok(SignedIn { cookie, session })
    }
}

/// Counts the attempt, unless account or address must wait.
async fn begin(tx: &mut Tx, email_key: &str, address: &str, now: Timestamp) -> Result<Attempt, SignInError> {
    let row = tx
        .row(
            "select p.id as id, w.hash as hash from people p join passwords w on w.person_id = p.id
             where p.is_staff = 1 and p.email_key = $1 and p.active = 1",
            &[email_key.into()],
        )
        .await?;
    let known = match row {
        Some(row) => Some((row.int("id")?, row.text("hash")?)),
        None => None,
    };
    // The same statement whether or not there is such a person; nobody has the id 0.
    let id = known.as_ref().map_or(0, |(id, _hash)| *id);
    let since = now.saturating_sub(AT_HOME_FOR).unwrap_or(now);
    let at_home = tx
        .row(
            "select id from sessions where person_id = $1 and address = $2 and created_at > $3 limit 1",
            &[id.into(), address.into(), since.into()],
        )
        .await?
        .is_some();
    let account = match at_home {
        true => throttle::account_at_home(email_key, address),
        false => throttle::account(email_key),
    };
    let address = throttle::address(address);
    if let Some(retry_after_seconds) = throttle::wait_seconds(tx, &[&account, &address], now).await? {
        return Err(SignInError::Limited { retry_after_seconds });
    }
    throttle::count_failure(tx, &account, throttle::ACCOUNT, now).await?;
    throttle::count_failure(tx, &address, throttle::ADDRESS, now).await?;
    Ok(Attempt { known, account, address })
}

/// The event names the person if there is one, and never what was typed: people type passwords into the wrong field.
async fn record_failure(
    tx: &mut Tx,
    attempt: &Attempt,
    browser: &Browser<'_>,
    now: Timestamp,
) -> Result<(), SignInError> {
    let change = Change {
        kind: "user-login-failed",
        object_type: "User",
        object_id: attempt.known.as_ref().map_or(0, |(id, _hash)| *id),
        before: None,
        after: None,
        data: Some(json!({ "address": browser.address })),
    };
    let actor = Actor { request_id: browser.request_id.clone(), ..Actor::default() };
    Ok(events::record(tx, &actor, now, change).await.map_err(store_error)?)
}

async fn open(
    tx: &mut Tx,
    new: &NewSession<'_>,
    browser: &Browser<'_>,
    now: Timestamp,
) -> Result<Session, SignInError> {
    let session = sessions::open(tx, new, browser, now).await?;
    let change = Change {
        kind: "user-logged-in",
        object_type: "User",
        object_id: session.person_id,
        before: None,
        after: None,
        data: Some(json!({ "sid": session.sid, "amr": session.amr, "address": browser.address })),
    };
    events::record(tx, &session.actor(&browser.request_id), now, change).await.map_err(store_error)?;
    Ok(session)
}

/// Writing an event fails only when the database does.
pub(crate) fn store_error(error: helpdesk::Error) -> StoreError {
    match error {
        helpdesk::Error::Store(error) => error,
        other => {
            tracing::error!(error = %other, "an event was refused");
            StoreError::Column("events")
        }
    }
}

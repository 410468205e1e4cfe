//! Signing in with address and password (LS-4 to LS-7). Whoever has a second factor is asked for it next (`second_factor.rs`); a sign-in
//! that begins with a passkey is in `factors/passkeys.rs`.
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
use crate::mails::{self, Notice};
use crate::people_settings::{self, Settings};
use crate::second_factor::{self, Due};
use crate::sessions::{self, NewSession, Session, SignedIn};
use crate::steps::{self, Kind};
use crate::{Provider, factors, known_browsers, throttle};

/// An address where the person signed in this recently is their own: strangers elsewhere cannot make them wait there.
const AT_HOME_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The address or the password, the code or the passkey; which of them, nobody learns.
    #[error("what was sent to sign in is wrong")]
    Wrong,
    /// Too many failures from here or for this account. Answered with 429 and `Retry-After` (LS-6).
    #[error("too many failed attempts; wait {retry_after_seconds} seconds")]
    Limited { retry_after_seconds: u64 },
    /// So far all is right; a second factor is due, under this handle.
    #[error("a second factor is due")]
    SecondFactor { step: String },
    /// What was begun took too long, was answered already, or belongs to another browser.
    #[error("the sign-in is over; it must begin again")]
    Over,
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

impl Transient for SignInError {
    fn is_transient(&self) -> bool {
        matches!(self, SignInError::Store(error) if error.is_transient())
    }
}

/// How somebody tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Password,
    SecondFactor,
    Passkey,
}

/// Who may be behind an address, and what their attempt counts against.
struct Attempt {
    /// Active people of that address who have a password, staff first: the two may be one human, and are two people here.
    known: Vec<(i64, String)>,
    account: String,
    address: String,
}

/// What a right password leads to.
enum Right {
    SignedIn(Box<Session>),
    SecondFactor,
}

impl Provider {
    /// Signs somebody in, and ends the session that the browser had.
    pub async fn sign_in(&self, email: &str, password: &str, browser: &Browser<'_>) -> Result<SignedIn, SignInError> {
        let now = self.clock.now();
        let email_key = email.trim().to_lowercase();
        let settings: Settings = self.setting(people_settings::NAME).await?;
        let attempt = transact!(self.db, |tx| begin(tx, &email_key, settings, &browser.address, now).await)?;
        let Some((person_id, hash)) = self.whose(&attempt.known, settings, password).await else {
            let person_id = attempt.known.first().map(|(id, _hash)| *id);
            transact!(self.db, |tx| record_failure(tx, person_id, Way::Password, browser, now).await)?;
            return Err(SignInError::Wrong);
        };
        // LS-4: whoever knows the password just sent it, so a hash of older parameters can be made anew now.
        let stronger = match passwords::needs_rehash(&hash) {
            true => passwords::hash(&self.random, password).await.ok(),
            false => None,
        };
        let cookie = self.random.token();
        let sid = self.random.token();
        let new = NewSession { person_id, amr: "pwd", acr: sessions::ACR_PASSWORD, cookie: &cookie, sid: &sid };
        let due = Due { amr: "pwd".to_owned(), session_id: None };
        let step = self.new_step(Kind::SecondFactor, Some(person_id), browser, &due)?;
        let right = transact!(self.db, |tx| {
            throttle::take_back(tx, &attempt.account, throttle::ACCOUNT, now).await?;
            throttle::take_back(tx, &attempt.address, throttle::ADDRESS, now).await?;
            if let Some(stronger) = &stronger {
                let params = [stronger.into(), new.person_id.into()];
                tx.run("update passwords set hash = $1 where person_id = $2", &params).await?;
            }
            if factors::find(tx, person_id).await?.has_second() {
                steps::keep(tx, now, &step).await?;
                return Ok(Right::SecondFactor);
            }
            Ok::<_, SignInError>(Right::SignedIn(Box::new(open(tx, self, &new, browser, now).await?)))
        })?;
        match right {
            Right::SignedIn(session) => Ok(SignedIn { cookie, session: *session }),
            Right::SecondFactor => Err(SignInError::SecondFactor { step: step.handle }),
        }
    }

    /// Whose password it is. Works as long whoever is known, and hashes for nobody where there is nobody (LS-5).
    async fn whose(&self, known: &[(i64, String)], settings: Settings, password: &str) -> Option<(i64, String)> {
        let n_hashes = if settings.customers_sign_in { 2 } else { 1 };
        let mut found = None;
        for place in 0..n_hashes {
            let person = known.get(place);
            let right = passwords::verify(person.map(|(_id, hash)| hash.as_str()), password).await;
            if right && found.is_none() {
                found = person.cloned();
            }
        }
        found
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
        let session = transact!(self.db, |tx| open(tx, self, &new, browser, now).await)?;
        Ok(SignedIn { cookie, session })
    }

    /// For somebody who is signed in and must show a second factor: the handle of that step. None if they have none to show.
    pub async fn ask_for_more(&self, session: &Session, browser: &Browser<'_>) -> Result<Option<String>, StoreError> {
        if !factors::find(&mut self.db.read().await?, session.person_id).await?.has_second() {
            return Ok(None);
        }
        let now = self.clock.now();
        let due = second_factor::Due { amr: session.amr.clone(), session_id: Some(session.id) };
        let step = self.new_step(Kind::SecondFactor, Some(session.person_id), browser, &due)?;
        transact!(self.db, |tx| steps::keep(tx, now, &step).await)?;
        Ok(Some(step.handle))
    }
}

/// Counts the attempt, unless account or address must wait.
async fn begin(
    tx: &mut Tx,
    email_key: &str,
    settings: Settings,
    address: &str,
    now: Timestamp,
) -> Result<Attempt, SignInError> {
    let rows = tx
        .rows(
            "select p.id as id, w.hash as hash from people p join passwords w on w.person_id = p.id
             where p.email_key = $1 and p.is_staff in (1, $2) and p.active = 1 and p.deleted_at is null
             order by p.is_staff desc",
            &[email_key.into(), (!settings.customers_sign_in).into()],
        )
        .await?;
    let known = rows
        .iter()
        .map(|row| Ok((row.int("id")?, row.text("hash")?)))
        .collect::<Result<Vec<(i64, String)>, StoreError>>()?;
    // The same statement whether or not there is such a person; nobody has the id 0.
    let id = |place: usize| known.get(place).map_or(0, |(id, _hash)| *id);
    let since = now.saturating_sub(AT_HOME_FOR).unwrap_or(now);
    let at_home = tx
        .row(
            "select id from sessions where person_id in ($1, $2) and address = $3 and created_at > $4 limit 1",
            &[id(0).into(), id(1).into(), address.into(), since.into()],
        )
        .await?
        .is_some();
    let account = match at_home {
        true => throttle::account_at_home(email_key, address),
        false => throttle::account(email_key),
    };
    let address = throttle::sign_in_address(address);
    if let Some(retry_after_seconds) = throttle::wait_seconds(tx, &[&account, &address], now).await? {
        return Err(SignInError::Limited { retry_after_seconds });
    }
    throttle::count_failure(tx, &account, throttle::ACCOUNT, now).await?;
    throttle::count_failure(tx, &address, throttle::ADDRESS, now).await?;
    Ok(Attempt { known, account, address })
}

/// The event names the person if there is one, and never what was typed: people type passwords into the wrong field.
pub(crate) async fn record_failure(
    tx: &mut Tx,
    person_id: Option<i64>,
    way: Way,
    browser: &Browser<'_>,
    now: Timestamp,
) -> Result<(), SignInError> {
    let mut data = json!({ "address": browser.address });
    match way {
        Way::Password => {}
        Way::SecondFactor => data["way"] = json!("second-factor"),
        Way::Passkey => data["way"] = json!("passkey"),
    }
    let change = Change {
        kind: "user-login-failed",
        object_type: "User",
        object_id: person_id.unwrap_or(0),
        before: None,
        after: None,
        data: Some(data),
    };
    let actor = Actor { request_id: browser.request_id.clone(), ..Actor::default() };
    Ok(events::record(tx, &actor, now, change).await.map_err(store_error)?)
}

/// Opens the session of somebody who has shown all that is asked of them, and tells them if it is from a browser they never used.
pub(crate) async fn open(
    tx: &mut Tx,
    provider: &Provider,
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
    if known_browsers::note(tx, session.person_id, browser, now).await? == known_browsers::Seen::NewAmongOthers {
        mails::notify(tx, provider, now, session.person_id, Notice::NewBrowser, Some(browser)).await?;
    }
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

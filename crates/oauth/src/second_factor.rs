//! The second factor, after the password or within a session that was opened without one: a code of an app, a passkey, or a recovery code.
//!
//! Failures are counted for the person and the address before the code is looked at, as with passwords (LS-6). What was shown raises the
//! session's `amr` and `acr`; the session goes on under a new cookie (LS-1).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{StoreError, Tx, transact};

use crate::authorize::Browser;
use crate::factors::passkeys::{self, Asked};
use crate::factors::{self, Factors, recovery};
use crate::mails::{self, Notice};
use crate::sessions::{self, NewSession, Session, SignedIn};
use crate::sign_in::{self, SignInError, Way};
use crate::steps::{self, Kind};
use crate::{Provider, acr, throttle};

/// What was shown so far, and what it is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Due {
    /// Methods so far, space-separated.
    pub amr: String,
    /// The session that is to be raised; none for a sign-in.
    pub session_id: Option<i64>,
}

/// A question to a passkey of the person.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PasskeyDue {
    due: Due,
    state: String,
}

/// What was shown.
enum Shown {
    Code,
    RecoveryCode,
    Passkey(&'static str),
}

impl Provider {
    /// What the person of this step can show. None if the step is over or another browser's.
    pub async fn second_factors(&self, step: &str, browser: &Browser<'_>) -> Result<Option<Factors>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = self.find_step::<Due>(&mut tx, Kind::SecondFactor, step, browser, self.clock.now()).await?;
        match found {
            Some((Some(person_id), _due)) => factors::find(&mut tx, person_id).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Takes a code of the person's app, or one of their recovery codes.
    pub async fn show_code(&self, step: &str, code: &str, browser: &Browser<'_>) -> Result<SignedIn, SignInError> {
        let now = self.clock.now();
        let (person_id, due) = self.attempt::<Due>(Kind::SecondFactor, step, browser).await?;
        let cookie = self.random.token();
        let sid = self.random.token();
        let is_recovery = code.chars().any(|c| c.is_ascii_alphabetic());
        let session = transact!(self.db, |tx| {
            let right = match is_recovery {
                true => recovery::use_code(tx, self, person_id, code, now).await?,
                false => self.use_totp(tx, person_id, code, now).await?,
            };
            if !right {
                sign_in::record_failure(tx, Some(person_id), Way::SecondFactor, browser, now).await?;
                return Ok(None);
            }
            let shown = if is_recovery { Shown::RecoveryCode } else { Shown::Code };
            let admitted = Admitted { person_id, due: &due, shown, cookie: &cookie, sid: &sid };
            self.admit(tx, step, browser, now, &admitted).await.map(Some)
        })?;
        match session {
            Some(session) => Ok(SignedIn { cookie, session }),
            None => Err(SignInError::Wrong),
        }
    }

    /// Asks for a passkey of the person instead. None if the step is over, or they have none.
    pub async fn ask_for_passkey(&self, step: &str, browser: &Browser<'_>) -> Result<Option<Asked>, StoreError> {
        let Some(passkeys) = self.passkeys() else { return Ok(None) };
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let found = self.find_step::<Due>(&mut tx, Kind::SecondFactor, step, browser, now).await?;
        let Some((Some(person_id), due)) = found else { return Ok(None) };
        let credentials = passkeys::credentials(&mut tx, person_id).await?;
        drop(tx);
        if credentials.is_empty() {
            return Ok(None);
        }
        let started = passkeys.start_second_factor(&credentials).map_err(|error| {
            tracing::error!(%error, "a passkey cannot be asked for");
            StoreError::Column("credential")
        })?;
        let state = PasskeyDue { due, state: started.state };
        let step = self.new_step(Kind::SecondPasskey, Some(person_id), browser, &state)?;
        transact!(self.db, |tx| steps::keep(tx, now, &step).await)?;
        Ok(Some(Asked { step: step.handle, options: started.options }))
    }

    /// Takes the browser's answer to that.
    pub async fn show_passkey(&self, step: &str, answer: &str, browser: &Browser<'_>) -> Result<SignedIn, SignInError> {
        let now = self.clock.now();
        let (person_id, asked) = self.attempt::<PasskeyDue>(Kind::SecondPasskey, step, browser).await?;
        let passkeys = self.passkeys().ok_or(SignInError::Over)?;
        let credentials = passkeys::credentials(&mut self.db.read().await?, person_id).await?;
        let Ok(used) = passkeys.finish_second_factor(&asked.state, answer, &credentials) else {
            transact!(self.db, |tx| {
                steps::finish(tx, step).await?;
                sign_in::record_failure(tx, Some(person_id), Way::SecondFactor, browser, now).await
            })?;
            return Err(SignInError::Wrong);
        };
        let cookie = self.random.token();
        let sid = self.random.token();
        let session = transact!(self.db, |tx| {
            passkeys::note_use(tx, &used, now).await?;
            let shown = Shown::Passkey(passkeys::amr(used.synced));
            let admitted = Admitted { person_id, due: &asked.due, shown, cookie: &cookie, sid: &sid };
            self.admit(tx, step, browser, now, &admitted).await
        })?;
        Ok(SignedIn { cookie, session })
    }

    /// Finds the step and counts the attempt, unless the person or the address must wait.
    async fn attempt<T: serde::de::DeserializeOwned>(
        &self,
        kind: Kind,
        step: &str,
        browser: &Browser<'_>,
    ) -> Result<(i64, T), SignInError> {
        let now = self.clock.now();
        let address = throttle::sign_in_address(&browser.address);
        transact!(self.db, |tx| {
            let found = self.find_step::<T>(tx, kind, step, browser, now).await?;
            let Some((Some(person_id), state)) = found else { return Err(SignInError::Over) };
            let person = throttle::second_factor(person_id);
            if let Some(retry_after_seconds) = throttle::wait_seconds(tx, &[&person, &address], now).await? {
                return Err(SignInError::Limited { retry_after_seconds });
            }
            throttle::count_failure(tx, &person, throttle::SECOND_FACTOR, now).await?;
            throttle::count_failure(tx, &address, throttle::ADDRESS, now).await?;
            Ok((person_id, state))
        })
    }

    /// All is right: the session is opened, or the one that there is goes on as a stronger one.
    async fn admit(
        &self,
        tx: &mut Tx,
        step: &str,
        browser: &Browser<'_>,
        now: Timestamp,
        admitted: &Admitted<'_>,
    ) -> Result<Session, SignInError> {
        let Admitted { person_id, due, shown, cookie, sid } = admitted;
        if !steps::finish(tx, step).await? {
            return Err(SignInError::Over);
        }
        throttle::take_back(tx, &throttle::second_factor(*person_id), throttle::SECOND_FACTOR, now).await?;
        throttle::take_back(tx, &throttle::sign_in_address(&browser.address), throttle::ADDRESS, now).await?;
        let (amr, acr) = match shown {
            Shown::Code | Shown::RecoveryCode => ("otp mfa", acr::MULTI_FACTOR),
            Shown::Passkey(amr) => (*amr, acr::PHISHING_RESISTANT),
        };
        let session = match due.session_id {
            None => {
                let amr = sessions::joined(&due.amr, amr);
                let new = NewSession { person_id: *person_id, amr: &amr, acr, cookie, sid };
                sign_in::open(tx, self, &new, browser, now).await?
            }
            Some(id) => {
                let own = browser.session.filter(|own| own.id == id && own.person_id == *person_id);
                let own = own.ok_or(SignInError::Over)?;
                sessions::raise(tx, now, own, cookie, amr, acr).await.map_err(|error| match error {
                    helpdesk::Error::Store(error) => SignInError::Store(error),
                    _gone => SignInError::Over,
                })?
            }
        };
        if matches!(shown, Shown::RecoveryCode) {
            let n_left = factors::find(tx, *person_id).await?.n_recovery_codes;
            let data = Some(json!({ "n_left": n_left, "address": browser.address }));
            factors::record(tx, self, &session, &browser.request_id, now, "recovery-code-used", data)
                .await
                .map_err(sign_in::store_error)?;
            mails::notify(tx, self, now, *person_id, Notice::RecoveryCodeUsed, Some(browser)).await?;
        }
        Ok(session)
    }
}

/// Who goes on, with what.
struct Admitted<'a> {
    person_id: i64,
    due: &'a Due,
    shown: Shown,
    cookie: &'a str,
    sid: &'a str,
}

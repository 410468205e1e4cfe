//! Steps: sign-ins that are under way and wait for the browser to come back, with a second factor, a passkey, or from another provider.
//!
//! The handle in the page is 256 random bits and stored as a hash. It counts once, for ten minutes, and only with the cookie of the
//! browser that began. What the step must remember is sealed.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{StoreError, Tx};

use crate::authorize::Browser;
use crate::{Provider, secret};

/// How long a person may take.
const WAITS_FOR: SignedDuration = SignedDuration::from_mins(10);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    SecondFactor,
    /// The same, by a passkey of the person.
    SecondPasskey,
    /// A sign-in that begins with the passkey.
    Passkey,
    PasskeyRegistration,
}

impl Kind {
    pub const fn word(self) -> &'static str {
        match self {
            Kind::SecondFactor => "second_factor",
            Kind::SecondPasskey => "second_passkey",
            Kind::Passkey => "passkey",
            Kind::PasskeyRegistration => "passkey_registration",
        }
    }
}

/// A step ready to be stored. Made before the transaction, so that running it again stores the same.
pub(crate) struct New {
    /// What the page carries.
    pub handle: String,
    kind: Kind,
    person_id: Option<i64>,
    browser_hash: [u8; 32],
    sealed: Vec<u8>,
}

impl Provider {
    pub(crate) fn new_step(
        &self,
        kind: Kind,
        person_id: Option<i64>,
        browser: &Browser<'_>,
        state: &impl Serialize,
    ) -> Result<New, StoreError> {
        let state = serde_json::to_vec(state).map_err(|_| StoreError::Column("state_encrypted"))?;
        let sealed = self.seal("sign-in step", kind.word(), &state).map_err(unreadable)?;
        let browser_hash = secret::hash(browser.cookie);
        Ok(New { handle: self.random.token(), kind, person_id, browser_hash, sealed })
    }

    /// What the step remembers, and whose it is. None if it is over, was used, or belongs to another browser.
    pub(crate) async fn find_step<T: DeserializeOwned>(
        &self,
        tx: &mut Tx,
        kind: Kind,
        handle: &str,
        browser: &Browser<'_>,
        now: Timestamp,
    ) -> Result<Option<(Option<i64>, T)>, StoreError> {
        let row = tx
            .row(
                "select person_id, state_encrypted from sign_in_steps
                 where hash = $1 and browser_hash = $2 and kind = $3 and expires_at > $4",
                &[
                    secret::hash(handle).as_slice().into(),
                    secret::hash(browser.cookie).as_slice().into(),
                    kind.word().into(),
                    now.into(),
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let state = self.unseal("sign-in step", kind.word(), &row.blob("state_encrypted")?).map_err(unreadable)?;
        let state = serde_json::from_slice(&state).map_err(|_| StoreError::Column("state_encrypted"))?;
        Ok(Some((row.int_or_null("person_id")?, state)))
    }
}

pub(crate) async fn keep(tx: &mut Tx, now: Timestamp, step: &New) -> Result<(), StoreError> {
    tx.run(
        "insert into sign_in_steps (hash, browser_hash, kind, person_id, state_encrypted, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &[
            secret::hash(&step.handle).as_slice().into(),
            step.browser_hash.as_slice().into(),
            step.kind.word().into(),
            step.person_id.into(),
            step.sealed.as_slice().into(),
            now.into(),
            now.saturating_add(WAITS_FOR).unwrap_or(now).into(),
        ],
    )
    .await?;
    Ok(())
}

/// Uses the step up. False if another request was faster.
pub(crate) async fn finish(tx: &mut Tx, handle: &str) -> Result<bool, StoreError> {
    Ok(tx.run("delete from sign_in_steps where hash = $1", &[secret::hash(handle).as_slice().into()]).await? == 1)
}

fn unreadable(error: crate::Error) -> StoreError {
    error.log();
    StoreError::Column("state_encrypted")
}

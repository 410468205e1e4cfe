//! What a person has besides a password to show who they are: an app with one-time codes, recovery codes, passkeys (LS-8).
//!
//! Whoever has one of them is asked for it after the password. Changing any of them needs a session as strong as the person can have, and
//! a sign-in that is not long ago (`Provider::may_change_factors`).

pub mod passkeys;
pub mod recovery;
pub mod totp;

use helpdesk::events::{self, Change};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use store::{StoreError, Tx};

use crate::sessions::{ACR_PASSWORD, Session};
use crate::{Provider, mails};

/// Older sign-ins may not change how the person signs in.
pub const RECENT: SignedDuration = SignedDuration::from_mins(30);

/// What somebody has set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factors {
    /// An app that makes one-time codes.
    pub totp: bool,
    pub n_passkeys: i64,
    /// Recovery codes that were not used yet.
    pub n_recovery_codes: i64,
}

impl Factors {
    /// Whether a second factor is asked for after the password. Recovery codes stand in for one and are none themselves.
    pub fn has_second(self) -> bool {
        self.totp || 0 < self.n_passkeys
    }
}

pub async fn find(tx: &mut Tx, person_id: i64) -> Result<Factors, StoreError> {
    let row = tx
        .row(
            "select (select count(*) from totp where person_id = $1 and confirmed_at is not null) as n_totp,
                    (select count(*) from passkeys where person_id = $1) as n_passkeys,
                    (select count(*) from recovery_codes where person_id = $1 and used_at is null) as n_recovery_codes",
            &[person_id.into()],
        )
        .await?
        .ok_or(StoreError::Column("n_totp"))?;
    Ok(Factors {
        totp: row.int("n_totp")? > 0,
        n_passkeys: row.int("n_passkeys")?,
        n_recovery_codes: row.int("n_recovery_codes")?,
    })
}

/// What stands between a session and a change of factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hurdle {
    None,
    /// The sign-in is too long ago: sign in again.
    SignInAgain,
    /// The person has a second factor that this session has not shown.
    SecondFactor,
}

impl Provider {
    /// Whether this session may change how its person signs in.
    pub async fn may_change_factors(&self, session: &Session) -> Result<Hurdle, StoreError> {
        if self.clock.now().duration_since(session.auth_time) > RECENT {
            return Ok(Hurdle::SignInAgain);
        }
        let factors = find(&mut self.db.read().await?, session.person_id).await?;
        match factors.has_second() && session.acr == ACR_PASSWORD {
            true => Ok(Hurdle::SecondFactor),
            false => Ok(Hurdle::None),
        }
    }
}

/// The event of a change, and the notice to its person.
pub(crate) async fn record(
    tx: &mut Tx,
    provider: &Provider,
    session: &Session,
    request_id: &str,
    now: Timestamp,
    kind: &'static str,
    data: Option<Json>,
) -> Result<(), helpdesk::Error> {
    let change = Change { kind, object_type: "SignIn", object_id: session.person_id, before: None, after: None, data };
    events::record(tx, &session.actor(request_id), now, change).await?;
    if let Some(notice) = mails::Notice::of_event(kind) {
        mails::notify(tx, provider, now, session.person_id, notice, None).await?;
    }
    Ok(())
}

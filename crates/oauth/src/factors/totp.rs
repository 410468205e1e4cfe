//! One-time codes from an app on the person's phone (RFC 6238): six digits, a new one every 30 seconds, SHA-1, for that is what every such
//! app understands.
//!
//! The secret is sealed. The code of the step before and after counts too, and no step counts twice.

use helpdesk::Error;
use jiff::Timestamp;
use store::{StoreError, Tx, transact};
use totp_rs::{Builder, Totp};

use super::{record, recovery};
use crate::Provider;
use crate::sessions::{self, Session, SignedIn};

/// What the set-up page shows.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// The secret in base32, for typing.
    pub secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub url: String,
}

/// What confirming has brought.
#[derive(Debug)]
pub struct Confirmed {
    /// The session under its new cookie: it has shown a second factor now.
    pub signed_in: SignedIn,
    /// New recovery codes, if the person had none. Shown once.
    pub recovery_codes: Option<Vec<String>>,
}

impl Provider {
    /// Draws a secret, which counts for nothing until a code has confirmed it. `Refused` while another one is in use.
    pub async fn begin_totp(&self, session: &Session) -> Result<(), Error> {
        let now = self.clock.now();
        let secret: [u8; 20] = self.random.bytes();
        let sealed = self.seal(PURPOSE, &session.person_id.to_string(), &secret).map_err(internal)?;
        let stored = transact!(self.db, |tx| {
            tx.run(
                "insert into totp (person_id, secret_encrypted, created_at) values ($1, $2, $3)
                 on conflict (person_id) do update set secret_encrypted = excluded.secret_encrypted,
                     created_at = excluded.created_at, last_step = 0
                 where totp.confirmed_at is null",
                &[session.person_id.into(), sealed.as_slice().into(), now.into()],
            )
            .await
        })?;
        match stored {
            0 => Err(Error::Refused("An app for codes is set up already; remove it first.".to_owned())),
            _ => Ok(()),
        }
    }

    /// The secret that waits to be confirmed, if there is one. `account` is what the person's app calls us.
    pub async fn totp_set_up(&self, session: &Session, account: &str) -> Result<Option<SetUp>, StoreError> {
        let mut tx = self.db.read().await?;
        let sql = "select secret_encrypted from totp where person_id = $1 and confirmed_at is null";
        let Some(row) = tx.row(sql, &[session.person_id.into()]).await? else { return Ok(None) };
        let totp = self.totp(session.person_id, &row.blob("secret_encrypted")?)?;
        let secret = totp.secret().to_base32();
        // A colon would end the name in the address (Key URI format).
        let named = Builder::new()
            .with_secret(totp.secret().as_ref().to_vec())
            .with_account_name(session.email.replace(':', " "))
            .with_issuer(Some(account.replace(':', " ")))
            .build();
        let url = named.and_then(|totp| totp.to_url()).map_err(|error| {
            tracing::error!(%error, "a one-time-password secret cannot be shown");
            StoreError::Column("secret_encrypted")
        })?;
        Ok(Some(SetUp { secret, url }))
    }

    /// Confirms the secret by a code of it. `Invalid` on `code`.
    pub async fn confirm_totp(&self, session: &Session, code: &str, request_id: &str) -> Result<Confirmed, Error> {
        let now = self.clock.now();
        let codes = recovery::draw(self, session.person_id);
        let cookie = self.random.token();
        let (raised, fresh) = transact!(self.db, |tx| {
            let sql = "select secret_encrypted, last_step from totp where person_id = $1 and confirmed_at is null";
            let row = tx.row(sql, &[session.person_id.into()]).await?.ok_or_else(wrong)?;
            let totp = self.totp(session.person_id, &row.blob("secret_encrypted")?)?;
            let step = step_of(&totp, code, now).ok_or_else(wrong)?;
            tx.run(
                "update totp set confirmed_at = $1, last_step = $2 where person_id = $3",
                &[now.into(), step.into(), session.person_id.into()],
            )
            .await?;
            let has_codes = super::find(tx, session.person_id).await?.n_recovery_codes > 0;
            if !has_codes {
                recovery::replace(tx, session.person_id, &codes).await?;
            }
            record(tx, self, session, request_id, now, "totp-added", None).await?;
            let raised = sessions::raise(tx, now, session, &cookie, "otp mfa", crate::acr::MULTI_FACTOR).await?;
            Ok::<_, Error>((raised, !has_codes))
        })?;
        Ok(Confirmed {
            signed_in: SignedIn { cookie, session: raised },
            recovery_codes: fresh.then(|| codes.iter().map(|code| code.text.clone()).collect()),
        })
    }

    /// Takes the app away. Recovery codes go with the last second factor. `NotFound` if there is none.
    pub async fn remove_totp(&self, session: &Session, request_id: &str) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let sql = "delete from totp where person_id = $1";
            if tx.run(sql, &[session.person_id.into()]).await? == 0 {
                return Err(Error::NotFound { kind: "app for codes", id: session.person_id });
            }
            recovery::drop_with_last_factor(tx, session.person_id).await?;
            record(tx, self, session, request_id, now, "totp-removed", None).await
        })
    }

    /// Whether it is a code of the person's app that was not used yet; uses it up.
    pub(crate) async fn use_totp(
        &self,
        tx: &mut Tx,
        person_id: i64,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "select secret_encrypted from totp where person_id = $1 and confirmed_at is not null";
        let Some(row) = tx.row(sql, &[person_id.into()]).await? else { return Ok(false) };
        let totp = self.totp(person_id, &row.blob("secret_encrypted")?)?;
        let Some(step) = step_of(&totp, code, now) else { return Ok(false) };
        // The comparison is in the statement: of two requests with one code, one finds the step used.
        let sql = "update totp set last_step = $1 where person_id = $2 and last_step < $1";
        Ok(tx.run(sql, &[step.into(), person_id.into()]).await? == 1)
    }

    fn totp(&self, person_id: i64, sealed: &[u8]) -> Result<Totp, StoreError> {
        let secret = self.unseal(PURPOSE, &person_id.to_string(), sealed).map_err(|error| {
            error.log();
            StoreError::Column("secret_encrypted")
        })?;
        Ok(Builder::new().with_secret(secret).build_noncompliant())
    }
}

const PURPOSE: &str = "totp";

/// The step whose code this is: the present one, the one before or the one after. Spaces are forgiven, for apps show codes with one.
fn step_of(totp: &Totp, code: &str, now: Timestamp) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = u64::try_from(now.as_second()).ok()?;
    totp.check(&code, seconds).and_then(|step| i64::try_from(step).ok())
}

fn wrong() -> Error {
    Error::invalid("code", "This is not the code that the app shows now. Check that the phone's clock is right.")
}

fn internal(error: crate::Error) -> Error {
    error.log();
    Error::Store(StoreError::Column("secret_encrypted"))
}

//! Passkeys of people: made here, listed, removed, and used instead of a password (LS-8). What browsers are asked is in the crate
//! `passkeys`; as a second factor they are used in `second_factor.rs`.

use ::passkeys::{Passkeys, Started, Used};
use helpdesk::Error;
use jiff::Timestamp;
use serde_json::json;
use store::{StoreError, Tx, transact};
use uuid::Uuid;

use super::{record, recovery};
use crate::authorize::Browser;
use crate::people_settings::{self, Settings};
use crate::sessions::{self, NewSession, Session, SignedIn};
use crate::sign_in::{self, SignInError, Way};
use crate::steps::{self, Kind};
use crate::{Provider, acr, throttle};

/// More than one person ever has.
const PASSKEYS_MAX: i64 = 20;
const NAME_MAX_CHARS: usize = 60;

/// A passkey, as its person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: i64,
    pub name: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// A question for the browser.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The handle that the answer carries.
    pub step: String,
    /// The `publicKey` options of the browser's API, as JSON.
    pub options: String,
}

pub async fn list(tx: &mut Tx, person_id: i64) -> Result<Vec<Listed>, StoreError> {
    let sql = "select id, name, created_at, last_used_at from passkeys where person_id = $1 order by id limit 100";
    let rows = tx.rows(sql, &[person_id.into()]).await?;
    let listed = |row: &store::Row| {
        Ok(Listed {
            id: row.int("id")?,
            name: row.text("name")?,
            created_at: row.time("created_at")?,
            last_used_at: row.time_or_null("last_used_at")?,
        })
    };
    rows.iter().map(listed).collect()
}

/// The stored credentials of a person, as the crate `passkeys` reads them.
pub(crate) async fn credentials(tx: &mut Tx, person_id: i64) -> Result<Vec<String>, StoreError> {
    let sql = "select credential from passkeys where person_id = $1 order by id limit 100";
    let rows = tx.rows(sql, &[person_id.into()]).await?;
    rows.iter().map(|row| row.text("credential")).collect()
}

/// Notes the use of a passkey, with its new counter.
pub(crate) async fn note_use(tx: &mut Tx, used: &Used, now: Timestamp) -> Result<(), StoreError> {
    let sql = "update passkeys set last_used_at = $1, credential = coalesce($2, credential) where credential_id = $3";
    tx.run(sql, &[now.into(), used.credential.as_deref().into(), used.credential_id.as_str().into()]).await?;
    Ok(())
}

/// Methods by RFC 8176. A passkey that lies on several devices proves software, one that does not, a piece of hardware; its own check of
/// the person (finger, face or number) makes it two factors in one.
pub(crate) const fn amr(synced: bool) -> &'static str {
    if synced { "swk user mfa" } else { "hwk user mfa" }
}

impl Provider {
    /// None where browsers have no passkeys, because the public address is no host name.
    pub fn passkeys(&self) -> Option<Passkeys> {
        Passkeys::new(&self.config.issuer)
    }

    /// Names the person to authenticators: the same for all their passkeys, and no number that others know.
    fn passkey_user(&self, person_id: i64) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(self.keyed_hash("passkey user", &person_id.to_string()).split_at(16).0);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Begins to make a passkey for the person who is signed in.
    pub async fn begin_passkey(&self, session: &Session, browser: &Browser<'_>) -> Result<Asked, Error> {
        let passkeys = self.passkeys().ok_or_else(|| Error::Refused(NO_HOST.to_owned()))?;
        let known = credentials(&mut self.db.read().await?, session.person_id).await?;
        if PASSKEYS_MAX <= i64::try_from(known.len()).unwrap_or(i64::MAX) {
            return Err(Error::Refused(format!("You have {PASSKEYS_MAX} passkeys; remove one first.")));
        }
        let user = self.passkey_user(session.person_id);
        let started = passkeys
            .start_registration(user, &session.email, &session.name, &known)
            .map_err(|error| refused("passkey", &error))?;
        self.ask(Kind::PasskeyRegistration, Some(session.person_id), browser, started).await.map_err(Error::Store)
    }

    /// Stores what the browser made. `Invalid` on `passkey` if it is not what was asked for.
    pub async fn finish_passkey(
        &self,
        session: &Session,
        browser: &Browser<'_>,
        step: &str,
        name: &str,
        answer: &str,
    ) -> Result<SignedIn, Error> {
        let now = self.clock.now();
        let passkeys = self.passkeys().ok_or_else(|| Error::Refused(NO_HOST.to_owned()))?;
        let kind = Kind::PasskeyRegistration;
        let found = self.find_step::<String>(&mut self.db.read().await?, kind, step, browser, now).await?;
        let state = found.filter(|(person_id, _)| *person_id == Some(session.person_id)).map(|(_, state)| state);
        let state = state.ok_or_else(|| Error::invalid("passkey", OVER))?;
        let made = passkeys.finish_registration(&state, answer).map_err(|error| refused("passkey", &error))?;
        let name = match name.trim() {
            "" => "Passkey".to_owned(),
            name => name.chars().filter(|c| !c.is_control()).take(NAME_MAX_CHARS).collect(),
        };
        let cookie = self.random.token();
        let raised = transact!(self.db, |tx| {
            if !steps::finish(tx, step).await? {
                return Err(Error::invalid("passkey", OVER));
            }
            let inserted = tx
                .run(
                    "insert into passkeys (person_id, name, credential_id, credential, created_at) values ($1, $2, $3, $4, $5)
                     on conflict do nothing",
                    &[
                        session.person_id.into(),
                        name.as_str().into(),
                        made.credential_id.as_str().into(),
                        made.credential.as_str().into(),
                        now.into(),
                    ],
                )
                .await?;
            if inserted == 0 {
                return Err(Error::invalid("passkey", "This passkey is known already."));
            }
            record(tx, self, session, &browser.request_id, now, "passkey-added", Some(json!({ "name": name }))).await?;
            // Making one is showing one. No more than a second factor: a false page may have asked for the password before.
            let raised = sessions::raise(tx, now, session, &cookie, amr(made.synced), acr::MULTI_FACTOR).await?;
            Ok::<_, Error>(raised)
        })?;
        Ok(SignedIn { cookie, session: raised })
    }

    /// `NotFound` if it is not theirs. Recovery codes go with the last second factor.
    pub async fn remove_passkey(&self, session: &Session, request_id: &str, id: i64) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let sql = "delete from passkeys where id = $1 and person_id = $2 returning name";
            let row = tx.row(sql, &[id.into(), session.person_id.into()]).await?;
            let name = row.ok_or(Error::NotFound { kind: "passkey", id })?.text("name")?;
            recovery::drop_with_last_factor(tx, session.person_id).await?;
            record(tx, self, session, request_id, now, "passkey-removed", Some(json!({ "name": name }))).await
        })
    }

    /// Begins a sign-in with whatever passkey of this site the browser has. `Refused` where there are none.
    pub async fn begin_passkey_sign_in(&self, browser: &Browser<'_>) -> Result<Asked, Error> {
        let passkeys = self.passkeys().ok_or_else(|| Error::Refused(NO_HOST.to_owned()))?;
        let started = passkeys.start_sign_in().map_err(|error| refused("passkey", &error))?;
        self.ask(Kind::Passkey, None, browser, started).await.map_err(Error::Store)
    }

    /// Signs in with what the browser answered. A passkey that is unknown and one that is wrong look alike.
    pub async fn finish_passkey_sign_in(
        &self,
        browser: &Browser<'_>,
        step: &str,
        answer: &str,
    ) -> Result<SignedIn, SignInError> {
        let now = self.clock.now();
        let passkeys = self.passkeys().ok_or(SignInError::Wrong)?;
        let address = throttle::sign_in_address(&browser.address);
        let found = transact!(self.db, |tx| {
            if let Some(retry_after_seconds) = throttle::wait_seconds(tx, &[&address], now).await? {
                return Err(SignInError::Limited { retry_after_seconds });
            }
            throttle::count_failure(tx, &address, throttle::ADDRESS, now).await?;
            let found = self.find_step::<String>(tx, Kind::Passkey, step, browser, now).await?;
            if found.is_some() {
                steps::finish(tx, step).await?;
            }
            Ok::<_, SignInError>(found)
        })?;
        let Some((_nobody, state)) = found else { return Err(SignInError::Over) };
        let Some((person_id, used)) = self.passkey_owner(&passkeys, &state, answer).await? else {
            transact!(self.db, |tx| sign_in::record_failure(tx, None, Way::Passkey, browser, now).await)?;
            return Err(SignInError::Wrong);
        };
        let (cookie, sid) = (self.random.token(), self.random.token());
        let new =
            NewSession { person_id, amr: amr(used.synced), acr: acr::PHISHING_RESISTANT, cookie: &cookie, sid: &sid };
        let session = transact!(self.db, |tx| {
            throttle::take_back(tx, &address, throttle::ADDRESS, now).await?;
            note_use(tx, &used, now).await?;
            sign_in::open(tx, self, &new, browser, now).await
        })?;
        Ok(SignedIn { cookie, session })
    }

    /// Who used which passkey, if everything about it is right and they may sign in.
    async fn passkey_owner(
        &self,
        passkeys: &Passkeys,
        state: &str,
        answer: &str,
    ) -> Result<Option<(i64, Used)>, StoreError> {
        let Ok(claimed) = passkeys.claimed(answer) else { return Ok(None) };
        let settings: Settings = self.setting(people_settings::NAME).await?;
        let row = self
            .db
            .read()
            .await?
            .row(
                "select k.person_id as person_id, k.credential as credential, p.is_staff as is_staff
                 from passkeys k join people p on p.id = k.person_id
                 where k.credential_id = $1 and p.active = 1 and p.deleted_at is null",
                &[claimed.credential_id.as_str().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let person_id = row.int("person_id")?;
        let may_sign_in = row.flag("is_staff")? || settings.customers_sign_in;
        if !may_sign_in || claimed.user != self.passkey_user(person_id) {
            return Ok(None);
        }
        Ok(passkeys.finish_sign_in(state, answer, &row.text("credential")?).ok().map(|used| (person_id, used)))
    }

    /// Keeps the state of a ceremony and gives what the browser is asked.
    async fn ask(
        &self,
        kind: Kind,
        person_id: Option<i64>,
        browser: &Browser<'_>,
        started: Started,
    ) -> Result<Asked, StoreError> {
        let now = self.clock.now();
        let step = self.new_step(kind, person_id, browser, &started.state)?;
        transact!(self.db, |tx| steps::keep(tx, now, &step).await)?;
        Ok(Asked { step: step.handle, options: started.options })
    }
}

pub(crate) const OVER: &str = "It took longer than ten minutes, or was answered already. Start again.";
const NO_HOST: &str =
    "Passkeys need an address with a host name, and this server is reached by an IP address. Ask whoever runs it.";

pub(crate) fn refused(field: &'static str, error: &::passkeys::Error) -> Error {
    tracing::info!(%error, "a passkey was refused");
    Error::invalid(field, "The passkey was not accepted. Try again, or use another one.")
}

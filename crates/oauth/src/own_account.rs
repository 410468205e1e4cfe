//! What people do to their own account: another password, a forgotten one, an address that is theirs, an account of their own.
//!
//! Who asks for a mail learns nothing from the answer: the same is said, and the same is written, whether or not anybody has the address
//! (LS-5). Asking is limited for each address and from each place, so nobody's mailbox is filled (LS-6).

use helpdesk::events::{self, Change};
use helpdesk::{Error, passwords, people};
use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Users;
use store::{StoreError, Tx, transact};

use crate::authorize::Browser;
use crate::families;
use crate::mails::links::{self, Purpose};
use crate::mails::{self, Notice, Wanted};
use crate::people_settings::{self, Settings};
use crate::session_end::{self, Which};
use crate::sessions::{self, NewSession, Session, SignedIn};
use crate::sign_in::{self, SignInError};
use crate::{Provider, factors, throttle};

pub use crate::mails::links::{Link, Purpose as LinkPurpose};

/// What choosing a password by a link has led to.
#[derive(Debug)]
pub enum Chosen {
    /// Signed in: it was the first password, and there is no second factor to ask for.
    SignedIn(Box<SignedIn>),
    /// Everybody is signed out, and signs in with the new one.
    Reset,
}

impl Provider {
    /// Replaces the password of somebody who knows the old one. Other sessions end, this one goes on under a new cookie (LS-1, LS-9).
    /// `Invalid` on `old_password` or `new_password`.
    pub async fn change_password(
        &self,
        session: &Session,
        old: &str,
        new: &str,
        browser: &Browser<'_>,
    ) -> Result<SignedIn, Error> {
        let now = self.clock.now();
        let subject = throttle::second_factor(session.person_id);
        let stored = transact!(self.db, |tx| {
            if let Some(seconds) = throttle::wait_seconds(tx, &[&subject], now).await? {
                let text = format!("Too many wrong passwords. Wait {seconds} seconds and try again.");
                return Err(Error::invalid("old_password", text));
            }
            throttle::count_failure(tx, &subject, throttle::SECOND_FACTOR, now).await?;
            let sql = "select hash from passwords where person_id = $1";
            let row = tx.row(sql, &[session.person_id.into()]).await?;
            Ok::<_, Error>(row.map(|row| row.text("hash")).transpose()?)
        })?;
        if !passwords::verify(stored.as_deref(), old).await {
            return Err(Error::invalid("old_password", "The password is wrong."));
        }
        check(new, &session.email).map_err(|error| error.on_field("new_password"))?;
        let hash = passwords::hash(&self.random, new).await.map_err(|error| error.on_field("new_password"))?;
        let cookie = self.random.token();
        let raised = transact!(self.db, |tx| {
            throttle::take_back(tx, &subject, throttle::SECOND_FACTOR, now).await?;
            let params = [hash.as_str().into(), now.into(), session.person_id.into(), stored.as_deref().into()];
            let sql = "update passwords set hash = $1, changed_at = $2 where person_id = $3 and hash = $4";
            if tx.run(sql, &params).await? == 0 {
                return Err(Error::invalid("old_password", "The password was changed meanwhile."));
            }
            links::end_others(tx, now, session.person_id).await?;
            session_end::end(tx, now, session.person_id, Which::Others(session.id)).await?;
            record(tx, &session.actor(&browser.request_id), now, session.person_id, "password-changed").await?;
            mails::notify(tx, self, now, session.person_id, Notice::PasswordChanged, Some(browser)).await?;
            sessions::raise(tx, now, session, &cookie, "", &session.acr).await
        })?;
        self.forget_person(session.person_id);
        Ok(SignedIn { cookie, session: raised })
    }

    /// Mails a link to choose a new password, if anybody has this address. The answer is the same either way.
    pub async fn request_reset(&self, email: &str, browser: &Browser<'_>) -> Result<(), SignInError> {
        let wanted = Wanted::Reset { email_key: email.trim().to_lowercase() };
        self.request_mail(email, &wanted, browser).await
    }

    /// Mails a link to finish signing up; whoever has an account hears of that instead. `request` is the authorization request that waits.
    pub async fn request_sign_up(
        &self,
        email: &str,
        request: Option<&str>,
        browser: &Browser<'_>,
    ) -> Result<(), SignInError> {
        // It goes into somebody's mail, so it must be nothing but a handle of ours.
        let is_handle =
            |it: &&str| it.len() <= 64 && it.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let request = request.filter(is_handle).map(str::to_owned);
        let wanted = Wanted::SignUp { email: email.trim().to_owned(), request };
        self.request_mail(email, &wanted, browser).await
    }

    /// Mails a link that proves the address of whoever is signed in.
    pub async fn request_verification(&self, session: &Session, browser: &Browser<'_>) -> Result<(), SignInError> {
        self.request_mail(&session.email, &Wanted::Verification { person_id: session.person_id }, browser).await
    }

    async fn request_mail(&self, email: &str, wanted: &Wanted, browser: &Browser<'_>) -> Result<(), SignInError> {
        let now = self.clock.now();
        let address = throttle::mail_to(&email.trim().to_lowercase());
        let place = throttle::mails_from(&browser.address);
        transact!(self.db, |tx| {
            if let Some(retry_after_seconds) = throttle::wait_seconds(tx, &[&address, &place], now).await? {
                return Err(SignInError::Limited { retry_after_seconds });
            }
            throttle::count_failure(tx, &address, throttle::MAIL, now).await?;
            throttle::count_failure(tx, &place, throttle::MAILS_FROM_ADDRESS, now).await?;
            Ok(mails::enqueue(tx, now, wanted).await?)
        })
    }

    /// Mails somebody of the staff a link to choose their first password, or a new one. `NotFound`, or `Refused` without mail.
    pub async fn invite(&self, may: &CanWrite<Users>, person_id: i64) -> Result<(), Error> {
        if !self.mailer.is_configured() {
            return Err(Error::Refused("No mail can be sent: the server has no mail server configured.".to_owned()));
        }
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let sql = "select id from people where id = $1 and is_staff = 1 and active = 1 and deleted_at is null";
            tx.row(sql, &[person_id.into()]).await?.ok_or(Error::NotFound { kind: "user", id: person_id })?;
            mails::enqueue(tx, now, &Wanted::Invitation { person_id }).await?;
            record(tx, may.actor(), now, person_id, "invitation-sent").await
        })
    }

    /// A mailed link that still works.
    pub async fn mailed_link(&self, token: &str) -> Result<Option<Link>, StoreError> {
        links::find(&mut self.db.read().await?, self.clock.now(), token).await
    }

    /// Marks the address as proven (UI-5). False if the link does not work.
    pub async fn verify_address(&self, token: &str, request_id: &str) -> Result<bool, Error> {
        let now = self.clock.now();
        let person_id = transact!(self.db, |tx| {
            let link = links::find(tx, now, token).await?.filter(|link| link.purpose == Purpose::Verify);
            let Some(link) = link else { return Ok::<_, Error>(None) };
            if !links::finish(tx, now, token).await? {
                return Ok(None);
            }
            verify(tx, now, link.person_id, request_id).await?;
            Ok(Some(link.person_id))
        })?;
        if let Some(person_id) = person_id {
            // What apps are told of the person is remembered for a moment.
            self.forget_person(person_id);
        }
        Ok(person_id.is_some())
    }

    /// Sets the password by a link of a mail, and proves the address by the way. None if the link does not work. `Invalid` on `password`
    /// or `name`; the link then stays good.
    ///
    /// After a reset everybody who was signed in is out, and so is what apps hold for as long as a session lasts; after a first password
    /// there was nobody. A second factor is asked for as ever: the mailbox alone opens no account that has one.
    pub async fn choose_password(
        &self,
        token: &str,
        name: Option<&str>,
        password: &str,
        browser: &Browser<'_>,
    ) -> Result<Option<Chosen>, Error> {
        let now = self.clock.now();
        let Some(link) = self.mailed_link(token).await?.filter(|link| link.purpose != Purpose::Verify) else {
            return Ok(None);
        };
        let settings: Settings = self.setting(people_settings::NAME).await?;
        if !link.is_staff && !settings.customers_sign_in {
            return Ok(None);
        }
        check(password, &link.email)?;
        let hash = passwords::hash(&self.random, password).await?;
        let name = match link.purpose {
            Purpose::SignUp => Some(own_name(name.unwrap_or_default())?),
            _ => None,
        };
        let (cookie, sid) = (self.random.token(), self.random.token());
        let person_id = link.person_id;
        let chosen = transact!(self.db, |tx| {
            if links::find(tx, now, token).await?.is_none() || !links::finish(tx, now, token).await? {
                return Ok(None);
            }
            links::end_others(tx, now, person_id).await?;
            let had_one = tx.row("select person_id from passwords where person_id = $1", &[person_id.into()]).await?;
            tx.run(
                "insert into passwords (person_id, hash, changed_at) values ($1, $2, $3)
                 on conflict (person_id) do update set hash = excluded.hash, changed_at = excluded.changed_at",
                &[person_id.into(), hash.as_str().into(), now.into()],
            )
            .await?;
            if let Some(name) = &name {
                people::rename(tx, &own(person_id, &browser.request_id), now, person_id, name).await?;
            }
            verify(tx, now, person_id, &browser.request_id).await?;
            session_end::end(tx, now, person_id, Which::All).await?;
            let actor = own(person_id, &browser.request_id);
            let is_reset = had_one.is_some() || link.purpose == Purpose::Reset;
            if is_reset {
                families::revoke_by_reset(tx, now, person_id).await?;
                record(tx, &actor, now, person_id, "password-reset").await?;
                mails::notify(tx, self, now, person_id, Notice::PasswordReset, Some(browser)).await?;
                return Ok(Some(None));
            }
            record(tx, &actor, now, person_id, "password-chosen").await?;
            if factors::find(tx, person_id).await?.has_second() {
                return Ok(Some(None));
            }
            let new = NewSession { person_id, amr: "pwd", acr: sessions::ACR_PASSWORD, cookie: &cookie, sid: &sid };
            let session = sign_in::open(tx, self, &new, browser, now).await.map_err(|error| match error {
                SignInError::Store(error) => Error::Store(error),
                other => Error::Refused(other.to_string()),
            })?;
            Ok::<_, Error>(Some(Some(session)))
        })?;
        self.forget_person(person_id);
        Ok(chosen.map(|session| match session {
            Some(session) => Chosen::SignedIn(Box::new(SignedIn { cookie, session })),
            None => Chosen::Reset,
        }))
    }
}

/// Words that lists of stolen passwords are made of.
const COMMON: [&str; 8] = ["password", "passw0rd", "123456", "qwerty", "letmein", "changeme", "iloveyou", "abcdef"];

/// What every password must be, besides what `passwords::check` says. `Invalid` on `password`.
pub fn check(password: &str, email: &str) -> Result<(), Error> {
    passwords::check(password)?;
    let lower = password.to_lowercase();
    let email = email.to_lowercase();
    let name = email.split('@').next().unwrap_or_default();
    if 4 <= name.len() && lower.contains(name) {
        return Err(Error::invalid("password", "Must not contain your e-mail address."));
    }
    let is_common = COMMON.iter().any(|common| lower.contains(common) && lower.chars().count() < common.len() + 6);
    let mut letters: Vec<char> = lower.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if is_common || letters.len() < 5 {
        return Err(Error::invalid("password", "Is too easy to guess. Four or five unrelated words are strong."));
    }
    Ok(())
}

fn own_name(name: &str) -> Result<String, Error> {
    let name: String = name.trim().chars().filter(|c| !c.is_control()).collect();
    match name.chars().count() {
        0 => Err(Error::invalid("name", "Enter your name.")),
        1..=100 => Ok(name),
        _ => Err(Error::invalid("name", "Must have at most 100 characters.")),
    }
}

/// The person acts for themselves, without a session.
fn own(person_id: i64, request_id: &str) -> Actor {
    Actor { person_id: Some(person_id), request_id: request_id.to_owned(), ..Actor::default() }
}

async fn verify(tx: &mut Tx, now: Timestamp, person_id: i64, request_id: &str) -> Result<(), Error> {
    let sql = "update people set email_verified = 1, updated_at = $1 where id = $2 and email_verified = 0";
    if tx.run(sql, &[now.into(), person_id.into()]).await? == 1 {
        record(tx, &own(person_id, request_id), now, person_id, "email-verified").await?;
    }
    Ok(())
}

async fn record(tx: &mut Tx, actor: &Actor, now: Timestamp, person_id: i64, kind: &'static str) -> Result<(), Error> {
    let change = Change { kind, object_type: "SignIn", object_id: person_id, before: None, after: None, data: None };
    events::record(tx, actor, now, change).await
}

/// What a page about somebody's own account tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub email_verified: bool,
    pub has_password: bool,
}

pub async fn standing(tx: &mut Tx, person_id: i64) -> Result<Standing, StoreError> {
    let sql = "select p.email_verified as email_verified, w.person_id as has_password
               from people p left join passwords w on w.person_id = p.id where p.id = $1";
    let row = tx.row(sql, &[person_id.into()]).await?.ok_or(StoreError::Column("people.id"))?;
    Ok(Standing {
        email_verified: row.flag("email_verified")?,
        has_password: row.int_or_null("has_password")?.is_some(),
    })
}

//! Passwords that come by the API: one's own, with the one before, and somebody else's, by an administrator, where the account lets them.

use helpdesk::events::{self, Change};
use helpdesk::{Error, passwords};
use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Users;
use scope::role::Role;
use store::{Tx, transact};

use crate::mails::links;
use crate::mails::{self, Notice};
use crate::own_account::check;
use crate::people_settings::{self, Settings};
use crate::session_end::{self, Which};
use crate::{Provider, families, throttle};

/// What a password must be, as sentences.
pub const REQUIREMENTS: &[&str] = &[
    "must be at least 8 characters",
    "must be at most 1024 bytes",
    "must be different from email address",
    "must not be easy to guess, such as a common password or few letters again and again",
];

impl Provider {
    /// Replaces the caller's own password, with the one before. Every session ends. `Invalid` on `previous_password` or `password`.
    pub async fn change_own_password(&self, actor: &Actor, old: &str, new: &str) -> Result<(), Error> {
        let nobody = || Error::Refused("Only a person has a password.".to_owned());
        let person_id = actor.person_id.ok_or_else(nobody)?;
        let now = self.clock.now();
        let subject = throttle::second_factor(person_id);
        let (email, stored) = transact!(self.db, |tx| {
            if let Some(seconds) = throttle::wait_seconds(tx, &[&subject], now).await? {
                let text = format!("Too many wrong passwords. Wait {seconds} seconds and try again.");
                return Err(Error::invalid("previous_password", text));
            }
            throttle::count_failure(tx, &subject, throttle::SECOND_FACTOR, now).await?;
            let sql = "select p.email as email, w.hash as hash from people p left join passwords w on w.person_id = p.id where p.id = $1";
            let row = tx.row(sql, &[person_id.into()]).await?;
            let row = row.ok_or(Error::NotFound { kind: "user", id: person_id })?;
            Ok::<_, Error>((row.text_or_null("email")?.unwrap_or_default(), row.text_or_null("hash")?))
        })?;
        if !passwords::verify(stored.as_deref(), old).await {
            return Err(Error::invalid("previous_password", "is wrong"));
        }
        check(new, &email)?;
        let hash = passwords::hash(&self.random, new).await?;
        transact!(self.db, |tx| {
            throttle::take_back(tx, &subject, throttle::SECOND_FACTOR, now).await?;
            let params = [hash.as_str().into(), now.into(), person_id.into(), stored.as_deref().into()];
            let sql = "update passwords set hash = $1, changed_at = $2 where person_id = $3 and hash = $4";
            if tx.run(sql, &params).await? == 0 {
                return Err(Error::invalid("previous_password", "was changed meanwhile"));
            }
            self.after(tx, actor, now, (person_id, "password-changed", Notice::PasswordChanged)).await
        })?;
        self.forget_person(person_id);
        Ok(())
    }

    /// Gives somebody a password. Their sessions end, and what apps hold by them where a reset ends it. `Refused` unless the account lets
    /// administrators do so, and for the owner, who does it alone; `Invalid` on `password`; `NotFound`.
    pub async fn set_password_of(&self, may: &CanWrite<Users>, person_id: i64, new: &str) -> Result<(), Error> {
        let settings: Settings = self.setting(people_settings::NAME).await?;
        if !settings.admins_set_passwords {
            return Err(Error::Refused("This account does not let administrators set passwords.".to_owned()));
        }
        let now = self.clock.now();
        let row = {
            let mut tx = self.db.read().await?;
            let sql = "select email, role from people where id = $1 and active = 1 and deleted_at is null";
            tx.row(sql, &[person_id.into()]).await?.ok_or(Error::NotFound { kind: "user", id: person_id })?
        };
        if Role::parse(&row.text("role")?) == Some(Role::Owner) && may.actor().person_id != Some(person_id) {
            return Err(Error::Refused("Nobody but the owner sets the owner's password.".to_owned()));
        }
        check(new, &row.text_or_null("email")?.unwrap_or_default())?;
        let hash = passwords::hash(&self.random, new).await?;
        transact!(self.db, |tx| {
            tx.run(
                "insert into passwords (person_id, hash, changed_at) values ($1, $2, $3)
                 on conflict (person_id) do update set hash = excluded.hash, changed_at = excluded.changed_at",
                &[person_id.into(), hash.as_str().into(), now.into()],
            )
            .await?;
            families::revoke_by_reset(tx, now, person_id).await?;
            self.after(tx, may.actor(), now, (person_id, "password-reset", Notice::PasswordReset)).await
        })?;
        self.forget_person(person_id);
        Ok(())
    }

    /// What every new password has as its consequence.
    async fn after(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        now: Timestamp,
        (person_id, kind, notice): (i64, &'static str, Notice),
    ) -> Result<(), Error> {
        links::end_others(tx, now, person_id).await?;
        session_end::end(tx, now, person_id, Which::All).await?;
        let change =
            Change { kind, object_type: "SignIn", object_id: person_id, before: None, after: None, data: None };
        events::record(tx, actor, now, change).await?;
        Ok(mails::notify(tx, self, now, person_id, notice, None).await?)
    }
}

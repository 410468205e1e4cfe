//! Staff as an administrator sees them who helps people to sign in: who has a password, a second factor, a session; and taking a second
//! factor away that was lost.

use helpdesk::Error;
use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Users;
use scope::role::Role;
use store::{StoreError, Tx, transact};

use crate::Provider;
use crate::mails::{self, Notice};
use crate::session_end::{self, Which};

/// Accounts with more staff look people up by the API.
const LIMIT: i64 = 200;

/// Somebody of the staff, and how they sign in.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub has_password: bool,
    pub totp: bool,
    pub n_passkeys: i64,
    pub last_seen_at: Option<Timestamp>,
}

/// Active staff by name. Served by `people_by_name`.
pub async fn list(tx: &mut Tx, _may: &CanRead<Users>) -> Result<Vec<Member>, StoreError> {
    let rows = tx
        .rows(
            "select p.id as id, p.name as name, p.email as email, p.role as role, w.person_id as has_password,
                    t.confirmed_at as totp_since,
                    (select count(*) from passkeys k where k.person_id = p.id) as n_passkeys,
                    (select max(s.last_seen_at) from sessions s where s.person_id = p.id) as last_seen_at
             from people p left join passwords w on w.person_id = p.id left join totp t on t.person_id = p.id
             where p.is_staff = 1 and p.active = 1 and p.deleted_at is null order by p.name, p.id limit $1",
            &[LIMIT.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Member {
                id: row.int("id")?,
                name: row.text_or_null("name")?.unwrap_or_default(),
                email: row.text_or_null("email")?.unwrap_or_default(),
                role: Role::parse(&row.text("role")?).ok_or(StoreError::Column("role"))?,
                has_password: row.int_or_null("has_password")?.is_some(),
                totp: row.time_or_null("totp_since")?.is_some(),
                n_passkeys: row.int("n_passkeys")?,
                last_seen_at: row.time_or_null("last_seen_at")?,
            })
        })
        .collect()
}

impl Provider {
    /// Takes every second factor of somebody away who has lost them, and signs them out. Their password alone lets them in again, to set up
    /// new ones. `NotFound`; `Refused` for the owner, whom only the owner helps.
    pub async fn remove_factors(&self, may: &CanWrite<Users>, person_id: i64) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let sql = "select role from people where id = $1 and is_staff = 1 and deleted_at is null";
            let row = tx.row(sql, &[person_id.into()]).await?;
            let role = row.ok_or(Error::NotFound { kind: "user", id: person_id })?.text("role")?;
            if Role::parse(&role) == Some(Role::Owner) && may.actor().person_id != Some(person_id) {
                return Err(Error::Refused("Nobody but the owner takes the owner's second factors away.".to_owned()));
            }
            for sql in [
                "delete from totp where person_id = $1",
                "delete from passkeys where person_id = $1",
                "delete from recovery_codes where person_id = $1",
            ] {
                tx.run(sql, &[person_id.into()]).await?;
            }
            session_end::end(tx, now, person_id, Which::All).await?;
            let change = Change {
                kind: "second-factors-removed",
                object_type: "SignIn",
                object_id: person_id,
                before: None,
                after: None,
                data: None,
            };
            events::record(tx, may.actor(), now, change).await?;
            Ok(mails::notify(tx, self, now, person_id, Notice::FactorsRemoved, None).await?)
        })?;
        self.forget_person(person_id);
        Ok(())
    }
}

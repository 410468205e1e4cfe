//! One-time links: 256 random bits in a mail, their hash here. They end with their first use, with their time, and with the address.

use jiff::{SignedDuration, Timestamp};
use store::{Row, StoreError, Tx};

use crate::secret;

/// What a link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Proves the address.
    Verify,
    /// A new password, for who had one or may have one.
    Reset,
    /// The first password of staff.
    Invite,
    /// The first password of a customer who asked for it.
    SignUp,
}

impl Purpose {
    pub const fn word(self) -> &'static str {
        match self {
            Purpose::Verify => "verify",
            Purpose::Reset => "reset",
            Purpose::Invite => "invite",
            Purpose::SignUp => "sign_up",
        }
    }

    fn parse(word: &str) -> Option<Purpose> {
        [Purpose::Verify, Purpose::Reset, Purpose::Invite, Purpose::SignUp].into_iter().find(|it| it.word() == word)
    }

    const fn lifetime(self) -> SignedDuration {
        match self {
            Purpose::Reset => SignedDuration::from_mins(30),
            Purpose::Verify | Purpose::SignUp => SignedDuration::from_hours(24),
            Purpose::Invite => SignedDuration::from_hours(24 * 7),
        }
    }
}

/// A link that still works, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub purpose: Purpose,
    pub person_id: i64,
    pub email: String,
    pub name: String,
    pub is_staff: bool,
}

pub(crate) async fn keep(
    tx: &mut Tx,
    now: Timestamp,
    purpose: Purpose,
    hash: &[u8],
    person_id: i64,
    email_key: &str,
) -> Result<(), StoreError> {
    tx.run(
        "insert into mailed_links (hash, purpose, person_id, email_key, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
        &[
            hash.into(),
            purpose.word().into(),
            person_id.into(),
            email_key.into(),
            now.into(),
            now.saturating_add(purpose.lifetime()).unwrap_or(now).into(),
        ],
    )
    .await?;
    Ok(())
}

/// None if there is no such link, it was used, its time is over, or its person is gone or has another address by now.
pub(crate) async fn find(tx: &mut Tx, now: Timestamp, token: &str) -> Result<Option<Link>, StoreError> {
    let row = tx
        .row(
            "select l.purpose as purpose, p.id as id, p.email as email, p.name as name, p.is_staff as is_staff
             from mailed_links l join people p on p.id = l.person_id and p.email_key = l.email_key
             where l.hash = $1 and l.used_at is null and l.expires_at > $2 and p.active = 1 and p.deleted_at is null",
            &[secret::hash(token).as_slice().into(), now.into()],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &Row) -> Result<Link, StoreError> {
    Ok(Link {
        purpose: Purpose::parse(&row.text("purpose")?).ok_or(StoreError::Column("purpose"))?,
        person_id: row.int("id")?,
        email: row.text_or_null("email")?.unwrap_or_default(),
        name: row.text_or_null("name")?.unwrap_or_default(),
        is_staff: row.flag("is_staff")?,
    })
}

/// Uses the link up. False if another request was faster.
pub(crate) async fn finish(tx: &mut Tx, now: Timestamp, token: &str) -> Result<bool, StoreError> {
    let sql = "update mailed_links set used_at = $1 where hash = $2 and used_at is null";
    Ok(tx.run(sql, &[now.into(), secret::hash(token).as_slice().into()]).await? == 1)
}

/// A password was chosen: no other link of the person chooses another.
pub(crate) async fn end_others(tx: &mut Tx, now: Timestamp, person_id: i64) -> Result<(), StoreError> {
    let sql = "update mailed_links set used_at = $1 where person_id = $2 and used_at is null";
    tx.run(sql, &[now.into(), person_id.into()]).await?;
    Ok(())
}

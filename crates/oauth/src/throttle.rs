//! Slows down whoever guesses passwords and client secrets (LS-6, CA-8).
//!
//! Failures are counted for a *subject*: an account, an address, a client. Beyond a few free ones each failure makes the next attempt wait
//! longer, up to a bound, so that nobody is locked out for good. A success gives its own attempt back and nothing else: it
//! does not wipe out what a stranger has used up.

use std::net::{IpAddr, Ipv6Addr};

use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Tx};

/// How patient we are with one kind of subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Failures that cost no waiting.
    pub free: i64,
    /// The first wait is one second, each later one twice the one before, up to this.
    pub longest_seconds: i64,
}

/// One account, from anywhere. The bound is low, for a stranger must not be able to keep the owner out.
pub const ACCOUNT: Patience = Patience { free: 5, longest_seconds: 60 };
/// One network address, whatever it tries. High enough for an office behind one address.
pub const ADDRESS: Patience = Patience { free: 20, longest_seconds: 900 };
/// One person's second factor, which only somebody who knows the password can try.
pub const SECOND_FACTOR: Patience = Patience { free: 5, longest_seconds: 900 };
/// Mails that were asked for to one address, and from one network address: each counts, wanted or not.
pub const MAIL: Patience = Patience { free: 3, longest_seconds: 900 };
pub const MAILS_FROM_ADDRESS: Patience = Patience { free: 10, longest_seconds: 900 };
/// One client id at the token endpoint.
pub const CLIENT: Patience = Patience { free: 10, longest_seconds: 60 };

/// One network address that makes us read documents of apps nobody has seen here (CM-4).
pub const DOCUMENTS: Patience = Patience { free: 20, longest_seconds: 300 };

/// Failures are forgotten after an hour without another.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Longer subjects are cut off: nobody's account or client id is that long.
const SUBJECT_MAX_CHARS: usize = 300;

/// The subject of attempts on an account.
pub fn account(email_key: &str) -> String {
    cut(format!("account:{email_key}"))
}

/// The subject of attempts on an account from an address where its owner has signed in before: strangers do not count against it.
pub fn account_at_home(email_key: &str, address: &str) -> String {
    cut(format!("account:{email_key} at {address}"))
}

/// The same for people who sign in. Apart from apps: neither makes the other wait.
pub fn sign_in_address(address: &str) -> String {
    cut(format!("sign-in address:{address}"))
}

pub fn second_factor(person_id: i64) -> String {
    format!("second factor:{person_id}")
}

/// The subject of mails to an address.
pub fn mail_to(email_key: &str) -> String {
    cut(format!("mail to:{email_key}"))
}

pub fn mails_from(address: &str) -> String {
    cut(format!("mails from:{address}"))
}

/// One network address that apps authenticate from.
pub fn address(address: &str) -> String {
    cut(format!("address:{address}"))
}

pub fn client(client_id: &str) -> String {
    cut(format!("client:{client_id}"))
}

/// The subject of unknown apps whose documents somebody at this address makes us read.
pub fn documents(address: &str) -> String {
    cut(format!("documents:{address}"))
}

/// The subject of registrations from a network: an IPv4 address, or the 64 bits of IPv6 that one subscriber has.
pub fn registrations(address: IpAddr) -> String {
    let network = match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    };
    cut(format!("registrations:{network}"))
}

/// Seconds until all subjects may try again; None: now.
pub async fn wait_seconds(tx: &mut Tx, subjects: &[&str], now: Timestamp) -> Result<Option<u64>, StoreError> {
    let mut until = now;
    for subject in subjects {
        let row = tx.row("select blocked_until from failed_attempts where subject = $1", &[(*subject).into()]).await?;
        if let Some(row) = row {
            until = until.max(row.time("blocked_until")?);
        }
    }
    let wait = until.duration_since(now);
    Ok((wait > SignedDuration::ZERO).then(|| wait.as_millis().unsigned_abs().div_ceil(1000) as u64))
}

/// Counts one failure, and lets the subject wait if it had too many.
pub async fn count_failure(tx: &mut Tx, subject: &str, patience: Patience, now: Timestamp) -> Result<(), StoreError> {
    let forgotten_at = now.saturating_add(FORGOTTEN_AFTER).unwrap_or(now);
    let row = tx
        .row(
            "insert into failed_attempts (subject, failures, blocked_until, expires_at) values ($1, 1, $2, $3)
             on conflict (subject) do update set
                 failures = case when failed_attempts.expires_at <= $2 then 1 else failed_attempts.failures + 1 end,
                 expires_at = excluded.expires_at
             returning failures",
            &[subject.into(), now.into(), forgotten_at.into()],
        )
        .await?;
    let failures = row.ok_or(StoreError::Column("failures"))?.int("failures")?;
    let wait = patience.wait_after(failures);
    if wait > SignedDuration::ZERO {
        let until = now.saturating_add(wait).unwrap_or(now);
        tx.run("update failed_attempts set blocked_until = $1 where subject = $2", &[until.into(), subject.into()])
            .await?;
    }
    Ok(())
}

/// Counts one of `most` tries within a window that begins with the first. Beyond them: how many seconds are left of it.
pub async fn take_try(
    tx: &mut Tx,
    subject: &str,
    most: i64,
    window: SignedDuration,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let end = now.saturating_add(window).unwrap_or(now);
    let row = tx
        .row(
            "insert into failed_attempts (subject, failures, blocked_until, expires_at) values ($1, 1, $2, $3)
             on conflict (subject) do update set
                 failures = case when failed_attempts.expires_at <= $2 then 1 else failed_attempts.failures + 1 end,
                 expires_at = case when failed_attempts.expires_at <= $2 then excluded.expires_at else failed_attempts.expires_at end
             returning failures, expires_at",
            &[subject.into(), now.into(), end.into()],
        )
        .await?
        .ok_or(StoreError::Column("failures"))?;
    if row.int("failures")? <= most {
        return Ok(None);
    }
    let left = row.time("expires_at")?.duration_since(now);
    Ok(Some(left.as_millis().unsigned_abs().div_ceil(1000) as u64))
}

/// Gives back one that `take_try` counted.
pub async fn give_try_back(tx: &mut Tx, subject: &str) -> Result<(), StoreError> {
    let sql = "update failed_attempts set failures = failures - 1 where subject = $1 and failures > 0";
    tx.run(sql, &[subject.into()]).await.map(drop)
}

/// Gives back one attempt that was counted before it was known to succeed.
pub async fn take_back(tx: &mut Tx, subject: &str, patience: Patience, now: Timestamp) -> Result<(), StoreError> {
    let row = tx
        .row(
            "update failed_attempts set failures = failures - 1 where subject = $1 and failures > 0 returning failures",
            &[subject.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    if patience.wait_after(row.int("failures")?) == SignedDuration::ZERO {
        tx.run("update failed_attempts set blocked_until = $1 where subject = $2", &[now.into(), subject.into()])
            .await?;
    }
    Ok(())
}

impl Patience {
    /// How long to wait after so many failures.
    fn wait_after(self, failures: i64) -> SignedDuration {
        match failures - self.free {
            ..=0 => SignedDuration::ZERO,
            over @ 1..=30 => SignedDuration::from_secs((1 << (over - 1)).min(self.longest_seconds)),
            _ => SignedDuration::from_secs(self.longest_seconds),
        }
    }
}

fn cut(subject: String) -> String {
    match subject.char_indices().nth(SUBJECT_MAX_CHARS) {
        Some((at, _)) => subject[..at].to_owned(),
        None => subject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_and_stays_bounded() {
        // LS-6
        let seconds = |failures| ACCOUNT.wait_after(failures).as_secs();

        assert_eq!([seconds(0), seconds(5), seconds(6), seconds(7), seconds(8)], [0, 0, 1, 2, 4]);
        assert_eq!([seconds(12), seconds(13), seconds(1_000_000)], [60, 60, 60]);
    }

    #[test]
    fn a_subject_is_never_longer_than_the_bound() {
        assert_eq!(account(&"\u{e9}".repeat(5000)).chars().count(), SUBJECT_MAX_CHARS);
    }
}

//! Recovery codes: ten words to write down, each of which stands in once for a second factor that was lost.
//!
//! Shown once, kept as keyed hashes: whoever has only the database cannot try them out.

use helpdesk::Error;
use jiff::Timestamp;
use store::{StoreError, Tx, transact};

use super::record;
use crate::Provider;
use crate::sessions::Session;

const N_CODES: usize = 10;

/// A code with what the database keeps of it.
pub(crate) struct Code {
    /// `abcde-fghij`: 50 random bits.
    pub text: String,
    hash: [u8; 32],
}

/// New codes, drawn before the transaction.
pub(crate) fn draw(provider: &Provider, person_id: i64) -> Vec<Code> {
    let code = |_n| {
        let text = format!("{}-{}", provider.random.letters(5), provider.random.letters(5));
        Code { hash: hash(provider, person_id, &text), text }
    };
    (0..N_CODES).map(code).collect()
}

/// As it is compared: small letters without the hyphen.
fn hash(provider: &Provider, person_id: i64, text: &str) -> [u8; 32] {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    provider.keyed_hash("recovery code", &format!("{person_id} {letters}"))
}

pub(crate) async fn replace(tx: &mut Tx, person_id: i64, codes: &[Code]) -> Result<(), StoreError> {
    tx.run("delete from recovery_codes where person_id = $1", &[person_id.into()]).await?;
    for code in codes {
        tx.run(
            "insert into recovery_codes (person_id, hash) values ($1, $2)",
            &[person_id.into(), code.hash.as_slice().into()],
        )
        .await?;
    }
    Ok(())
}

/// Codes that stand in for nothing are worth nothing.
pub(crate) async fn drop_with_last_factor(tx: &mut Tx, person_id: i64) -> Result<(), StoreError> {
    if !super::find(tx, person_id).await?.has_second() {
        tx.run("delete from recovery_codes where person_id = $1", &[person_id.into()]).await?;
    }
    Ok(())
}

/// Whether it is a code of this person that was not used yet; uses it up.
pub(crate) async fn use_code(
    tx: &mut Tx,
    provider: &Provider,
    person_id: i64,
    text: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let hash = hash(provider, person_id, text);
    let sql = "update recovery_codes set used_at = $1 where person_id = $2 and hash = $3 and used_at is null";
    Ok(tx.run(sql, &[now.into(), person_id.into(), hash.as_slice().into()]).await? == 1)
}

impl Provider {
    /// Ten new codes in the place of the old ones. `Refused` without a second factor. Shown once.
    pub async fn make_recovery_codes(&self, session: &Session, request_id: &str) -> Result<Vec<String>, Error> {
        let now = self.clock.now();
        let codes = draw(self, session.person_id);
        transact!(self.db, |tx| {
            if !super::find(tx, session.person_id).await?.has_second() {
                let text = "Recovery codes stand in for a second factor: set one up first.";
                return Err(Error::Refused(text.to_owned()));
            }
            replace(tx, session.person_id, &codes).await?;
            record(tx, self, session, request_id, now, "recovery-codes-made", None).await
        })?;
        Ok(codes.into_iter().map(|code| code.text).collect())
    }
}

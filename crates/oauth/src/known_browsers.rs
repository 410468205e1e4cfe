//! Browsers in which somebody has signed in before, known by the hash of a cookie that outlives the session. A sign-in from another one
//! is worth a notice.

use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Tx};

use crate::authorize::Browser;
use crate::secret;

/// A browser that was not used for this long is new again.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24 * 180);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Before,
    /// The first browser of this person: there is nothing to compare it with.
    First,
    NewAmongOthers,
}

/// Notes a sign-in, and says whether the browser is new to the person.
pub(crate) async fn note(
    tx: &mut Tx,
    person_id: i64,
    browser: &Browser<'_>,
    now: Timestamp,
) -> Result<Seen, StoreError> {
    let hash = secret::hash(browser.cookie);
    let row = tx
        .row(
            "select count(*) as n_all, count(case when browser_hash = $2 then 1 end) as n_same
             from known_browsers where person_id = $1 and expires_at > $3",
            &[person_id.into(), hash.as_slice().into(), now.into()],
        )
        .await?
        .ok_or(StoreError::Column("n_all"))?;
    let seen = match (row.int("n_all")?, row.int("n_same")?) {
        (0, _) => Seen::First,
        (_, 0) => Seen::NewAmongOthers,
        _ => Seen::Before,
    };
    tx.run(
        "insert into known_browsers (person_id, browser_hash, expires_at) values ($1, $2, $3)
         on conflict (person_id, browser_hash) do update set expires_at = excluded.expires_at",
        &[person_id.into(), hash.as_slice().into(), now.saturating_add(KNOWN_FOR).unwrap_or(now).into()],
    )
    .await?;
    Ok(seen)
}

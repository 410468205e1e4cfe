//! Initial access tokens (RFC 7591, section 3): what an administrator gives to a developer, so that his app may register itself a few times.
//! Only their hashes are kept.

use helpdesk::Error as Refused;
use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use serde_json::json;
use store::{StoreError, Tx, transact};

use super::bearer;
use crate::client_auth::BackChannel;
use crate::clients::details;
use crate::{Code, Error, Provider, secret};

/// Most registrations by one token.
pub const USES_MAX: i64 = 1000;
/// Longest life, in days.
pub const DAYS_MAX: i64 = 365;
/// Most that are alive at once.
const LIVING_MAX: i64 = 200;

/// A token as an administrator sees it later.
#[derive(Debug, Clone, PartialEq)]
pub struct InitialToken {
    pub id: i64,
    pub name: String,
    pub uses_left: i64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Those that can still be used, newest first.
pub async fn list(tx: &mut Tx, _may: &CanRead<Apps>, now: Timestamp) -> Result<Vec<InitialToken>, StoreError> {
    let rows = tx
        .rows(
            "select id, name, uses_left, created_at, expires_at from initial_access_tokens
             where uses_left > 0 and expires_at > $1 order by id desc limit $2",
            &[now.into(), LIVING_MAX.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(InitialToken {
                id: row.int("id")?,
                name: row.text("name")?,
                uses_left: row.int("uses_left")?,
                created_at: row.time("created_at")?,
                expires_at: row.time("expires_at")?,
            })
        })
        .collect()
}

impl Provider {
    /// Makes one, and says it this once. `Invalid` on `name`, `uses`, `days`.
    pub async fn create_initial_token(
        &self,
        may: &CanWrite<Apps>,
        name: &str,
        uses: i64,
        days: i64,
    ) -> Result<String, Refused> {
        let name = details::line("name", name)?;
        if !(1..=USES_MAX).contains(&uses) {
            return Err(Refused::invalid("uses", format!("must be 1 to {USES_MAX}")));
        }
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(Refused::invalid("days", format!("must be 1 to {DAYS_MAX}")));
        }
        let value = secret::initial_token(&self.random);
        self.keep_initial_token(may, &name, &value, uses, days).await?;
        Ok(value)
    }

    /// One that somebody else chose, for a demonstration: good for as much as any may be.
    pub async fn create_known_initial_token(
        &self,
        may: &CanWrite<Apps>,
        name: &str,
        value: &str,
    ) -> Result<(), Refused> {
        if value.len() < 16 || !value.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
            return Err(Refused::invalid("initial_access_token", "must be 16 characters of ASCII or more"));
        }
        self.keep_initial_token(may, name, value, USES_MAX, DAYS_MAX).await
    }

    async fn keep_initial_token(
        &self,
        may: &CanWrite<Apps>,
        name: &str,
        value: &str,
        uses: i64,
        days: i64,
    ) -> Result<(), Refused> {
        let now = self.clock.now();
        let expires_at = now.saturating_add(jiff::SignedDuration::from_hours(24 * days)).unwrap_or(now);
        transact!(self.db, |tx| {
            let sql = "select count(*) as n from initial_access_tokens where uses_left > 0 and expires_at > $1";
            let n_living = tx.row(sql, &[now.into()]).await?.map_or(Ok(0), |row| row.int("n"))?;
            if n_living >= LIVING_MAX {
                return Err(Refused::Refused(format!("there are {LIVING_MAX} tokens; revoke some first")));
            }
            let row = tx
                .row(
                    "insert into initial_access_tokens (hash, name, uses_left, created_by, created_at, expires_at)
                     values ($1, $2, $3, $4, $5, $6) returning id",
                    &[
                        secret::hash(value).as_slice().into(),
                        name.into(),
                        uses.into(),
                        may.actor().person_id.into(),
                        now.into(),
                        expires_at.into(),
                    ],
                )
                .await?;
            let change = Change {
                kind: "initial-access-token-created",
                object_type: "InitialAccessToken",
                object_id: row.ok_or(StoreError::Column("id"))?.int("id")?,
                before: None,
                after: Some(json!({ "name": name, "uses_left": uses, "expires_at": expires_at.to_string() })),
                data: None,
            };
            events::record(tx, may.actor(), now, change).await
        })
    }

    /// Ends one at once. What was registered by it stays.
    pub async fn revoke_initial_token(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Refused> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let row = tx
                .row("delete from initial_access_tokens where id = $1 returning name, uses_left", &[id.into()])
                .await?;
            let Some(row) = row else { return Err(Refused::NotFound { kind: "initial access token", id }) };
            let change = Change {
                kind: "initial-access-token-revoked",
                object_type: "InitialAccessToken",
                object_id: id,
                before: Some(json!({ "name": row.text("name")?, "uses_left": row.int("uses_left")? })),
                after: None,
                data: None,
            };
            events::record(tx, may.actor(), now, change).await
        })
    }

    /// The row of the token that the request shows, alive.
    pub(super) async fn initial_token(&self, request: &BackChannel) -> Result<i64, Error> {
        let now = self.clock.now();
        let shown = bearer(&request.headers).unwrap_or_default();
        let row = {
            let mut tx = self.db.read().await?;
            tx.row(
                "select id from initial_access_tokens where hash = $1 and uses_left > 0 and expires_at > $2",
                &[secret::hash(shown).as_slice().into(), now.into()],
            )
            .await?
        };
        match row {
            Some(row) => Ok(row.int("id")?),
            None if shown.is_empty() => {
                Err(Error::of(Code::InvalidToken, "Registering here takes an initial access token."))
            }
            None => Err(self.count_guess(request.address, now).await?),
        }
    }
}

/// Takes one use, in the transaction of the registration: two at once never share the last one.
pub(super) async fn spend(tx: &mut Tx, id: i64, now: Timestamp) -> Result<(), Error> {
    let n = tx
        .run(
            "update initial_access_tokens set uses_left = uses_left - 1 where id = $1 and uses_left > 0 and expires_at > $2",
            &[id.into(), now.into()],
        )
        .await?;
    match n {
        1 => Ok(()),
        _ => Err(Error::of(Code::InvalidToken, "The token is spent.")),
    }
}

//! Back-channel logout: apps learn that a session is over, server to server (OpenID Connect Back-Channel Logout 1.0; BL-1 to BL-3).
//!
//! Each app of the session has a job of its own, so that one that does not answer keeps nobody waiting and is asked again later. The
//! token is made when the job runs: nothing that somebody could use is stored, and it is fresh at each attempt.

use std::time::Duration;

use helpdesk::events::{self, Change};
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use outside::fetch::{Bounds, FetchError};
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{StoreError, Tx, transact};

use crate::clients::{self, Client};
use crate::{Error, Provider};

/// Kind of the job.
pub const KIND: &str = "backchannel_logout";
/// With the queue's pauses, the last attempt is about an hour and a half after the first.
const MAX_ATTEMPTS: i64 = 12;
/// What an app may take to answer (BCL 2.5 leaves it to us).
const BOUNDS: Bounds = Bounds { bytes: 16 * 1024, time: Duration::from_secs(5) };
/// Life of a logout token (BCL 4 recommends two minutes at most).
const TOKEN_SECONDS: i64 = 120;
/// The one event that the token tells of (BCL 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Whom to tell what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Row of `clients`.
    pub client_row: i64,
    pub person_id: i64,
    /// Of the session that ended.
    pub sid: String,
}

impl Notice {
    fn to_json(&self) -> Json {
        json!({ "client_row": self.client_row, "person_id": self.person_id, "sid": self.sid })
    }

    fn of_json(payload: &Json) -> Option<Notice> {
        Some(Notice {
            client_row: payload.get("client_row")?.as_i64()?,
            person_id: payload.get("person_id")?.as_i64()?,
            sid: payload.get("sid")?.as_str()?.to_owned(),
        })
    }
}

/// Has the app told, in the transaction that ends the session. An app without an address for it is never told.
pub(crate) async fn enqueue(tx: &mut Tx, now: Timestamp, notice: &Notice) -> Result<(), StoreError> {
    let Some(client) = clients::by_row(tx, notice.client_row).await? else { return Ok(()) };
    if client.metadata.backchannel_logout_uri.is_none() || !client.is_active() {
        return Ok(());
    }
    let job = NewJob {
        kind: KIND,
        payload: notice.to_json(),
        run_at: now,
        dedupe_key: Some(format!("{} {}", notice.client_row, notice.sid)),
        max_attempts: MAX_ATTEMPTS,
    };
    queue::enqueue(tx, now, job).await.map(drop)
}

impl Provider {
    /// Tells one app. `run` names this run of the job in the event log (a UUID). An error has the queue try again.
    pub async fn tell_of_logout(&self, payload: &Json, run: &str) -> Result<(), Error> {
        let notice = Notice::of_json(payload)
            .ok_or_else(|| Error::Internal("the payload of a logout names no app, person or session".to_owned()))?;
        let client = clients::by_row(&mut self.db.read().await?, notice.client_row).await?;
        let Some(client) = client.filter(Client::is_active) else { return Ok(()) };
        let Some(address) = client.metadata.backchannel_logout_uri.as_deref() else { return Ok(()) };
        let token = self.logout_token(&client, &notice).await?;
        let answer = self.fetch.post_form(address, HeaderMap::new(), &[("logout_token", &token)], BOUNDS).await;
        let problem = match answer {
            // An app that is modelled on older drafts answers with an empty 204 (BCL 2.8).
            Ok(answer) if matches!(answer.status, StatusCode::OK | StatusCode::NO_CONTENT) => None,
            Ok(answer) => Some(format!("answered {}", answer.status.as_u16())),
            Err(error) => Some(reason(&error)),
        };
        self.record_logout(&client, &notice, problem.as_deref(), run).await?;
        match problem {
            None => Ok(()),
            Some(problem) => {
                Err(Error::Internal(format!("the app {} could not be told of a logout: {problem}", client.id)))
            }
        }
    }

    /// BCL 2.4: no `nonce`, so that it can never pass for an id_token.
    async fn logout_token(&self, client: &Client, notice: &Notice) -> Result<String, Error> {
        let jti = self.random.token();
        self.sign_for(client, "logout+jwt", |now| {
            Ok(json!({
                "iss": self.config.issuer,
                "aud": client.client_id,
                "iat": now.as_second(),
                "exp": (now + SignedDuration::from_secs(TOKEN_SECONDS)).as_second(),
                "jti": jti,
                "events": { EVENT: {} },
                "sub": self.sub(client, notice.person_id)?,
                "sid": notice.sid,
            }))
        })
        .await
    }

    /// For administrators, who read the event log (BL-2).
    async fn record_logout(
        &self,
        client: &Client,
        notice: &Notice,
        problem: Option<&str>,
        run: &str,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let actor = Actor { worker: Some(KIND), request_id: run.to_owned(), ..Actor::default() };
        let change = Change {
            kind: if problem.is_none() { "app-logout-delivered" } else { "app-logout-failed" },
            object_type: "App",
            object_id: client.id,
            before: None,
            after: None,
            data: Some(json!({ "person_id": notice.person_id, "sid": notice.sid, "problem": problem })),
        };
        transact!(self.db, |tx| events::record(tx, &actor, now, change.clone()).await)?;
        Ok(())
    }
}

/// Without the address: the app's record has it.
fn reason(error: &FetchError) -> String {
    match error {
        FetchError::Address(_) => "its address cannot be fetched".to_owned(),
        FetchError::NotPublic(_) => "its address is not public".to_owned(),
        FetchError::Timeout => "no answer within five seconds".to_owned(),
        FetchError::TooLong(_) => "its answer is too long".to_owned(),
        FetchError::Connection(_) => "no connection".to_owned(),
    }
}

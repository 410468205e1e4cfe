//! `Idempotency-Key`: a call that is sent again under its key gets the first answer (Zendesk contract, `conventions.idempotency`).

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use helpdesk::repeatable::{self, Known};
use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::{Value, json};
use store::Tx;

use crate::answer::Reply;
use crate::error::ZendeskError;

const KEY_MAX_CHARS: usize = 255;

/// The key of a request, if it has one, and everything that makes it this request.
#[derive(Debug, Clone, Default)]
pub struct Once {
    key: Option<String>,
    request: Vec<u8>,
}

impl Once {
    pub(crate) fn of(request: &Request) -> Result<Once, ZendeskError> {
        let Some(sent) = request.headers().get("idempotency-key") else { return Ok(Once::default()) };
        let key = sent.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_MAX_CHARS);
        let Some(key) = key else { return Err(refused("The key must have 1 to 255 characters.")) };
        let address = format!("{} {}\n", request.method(), request.uri());
        Ok(Once { key: Some(key.to_owned()), request: address.into_bytes() })
    }

    pub(crate) fn covers(&mut self, body: &[u8]) {
        if self.key.is_some() {
            self.request.extend_from_slice(body);
        }
    }

    /// The first answer, if the call was made before. Otherwise the key is taken until the transaction ends.
    pub async fn answered(&self, tx: &mut Tx, actor: &Actor, now: Timestamp) -> Result<Option<Reply>, ZendeskError> {
        let Some(key) = &self.key else { return Ok(None) };
        match repeatable::take(tx, actor, now, key, &self.request).await? {
            Known::New => Ok(None),
            Known::Answered(answer) => Ok(Some(Reply { lookup: Some("hit"), ..Reply::of_stored(&answer) })),
            Known::Other => Err(refused("The key was used for another request.")),
        }
    }

    /// Keeps the answer of a call that was made now.
    pub async fn keep(&self, tx: &mut Tx, actor: &Actor, reply: Reply) -> Result<Reply, ZendeskError> {
        let Some(key) = &self.key else { return Ok(reply) };
        repeatable::keep(tx, actor, key, &reply.to_stored()).await?;
        Ok(Reply { lookup: Some("miss"), ..reply })
    }
}

fn refused(description: &str) -> ZendeskError {
    ZendeskError::Simple(StatusCode::BAD_REQUEST, "IdempotentRequestError", description.to_owned())
}

impl Reply {
    fn to_stored(&self) -> Value {
        json!({ "status": self.status.as_u16(), "location": self.location, "body": self.body })
    }

    fn of_stored(stored: &Value) -> Reply {
        let status = stored["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        Reply {
            status: status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK),
            location: stored["location"].as_str().map(str::to_owned),
            link: None,
            body: Some(stored["body"].clone()).filter(|body| !body.is_null()),
            lookup: None,
        }
    }
}

/// Marks an answer as the first or a repeated one.
pub(crate) fn mark(reply: impl IntoResponse, lookup: Option<&'static str>) -> Response {
    let mut response = reply.into_response();
    if let Some(lookup) = lookup {
        response.headers_mut().insert("x-idempotency-lookup", HeaderValue::from_static(lookup));
    }
    response
}

/// Runs a body that makes a record, in a transaction, once for a key: `once!(app, may.actor(), body.once, |tx, now| { ... reply })?`.
/// The body's last value is the `Reply`; `?` leaves it with a `ZendeskError`.
macro_rules! once {
    ($app:expr, $actor:expr, $once:expr, |$tx:ident, $now:ident| $body:block) => {{
        let $now = $app.clock.now();
        let once = &$once;
        let actor = $actor;
        store::transact!($app.db, |$tx| {
            match once.answered($tx, actor, $now).await? {
                Some(reply) => Ok::<_, $crate::ZendeskError>(reply),
                None => {
                    let reply: $crate::answer::Reply = $body;
                    once.keep($tx, actor, reply).await
                }
            }
        })
    }};
}
pub(crate) use once;

//! The job that makes one call, and decides what comes next: done, again later, or given up.
//!
//! A call is made at least once: when the program dies between the answer and its commit, the job runs again. Receivers tell a repetition
//! by the header `x-bailiwick-delivery`. First attempts about one ticket go out in the order of the events; a repetition lets later ones
//! pass.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use outside::fetch::{Bounds, Call, FetchError};
use outside::{Clock, Fetch, Random};
use scope::permit::Actor;
use serde_json::{Map, Value as Json};
use store::{Db, StoreError, Tx, transact};
use url::Url;

use super::called::{self, Sealed};
use super::circuit::{Leave, Line, Standing};
use super::deliveries::State;
use super::request::{self as form, JSON, Request};
use super::{Integration, circuit, data, redact, sign};
use crate::actions::{HttpCall, Payload};
use crate::templates::Facts;
use crate::{Error, ulid};

pub const KIND: &str = "call_http";
/// The trigger of a call that somebody asked for to see whether it works.
pub const TEST: &str = "test";
/// Where the input of a call holds what a rule brings.
pub(super) const PAYLOAD: &str = "payload";
/// How long a call may take (Gorgias contract, `http_delivery.timeout_seconds`).
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer is read and kept, and of a request kept.
pub(super) const KEPT_BYTES: usize = 64 * 1024;
/// Pauses between attempts, of which chance takes away up to a quarter.
const PAUSES: [SignedDuration; 4] = [
    SignedDuration::from_secs(10),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
];
/// The longest pause that a receiver may ask for with `Retry-After`.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// How long a delivery waits for an older one about the same ticket.
const TURN: SignedDuration = SignedDuration::from_millis(500);
const LONGEST_TURN: SignedDuration = SignedDuration::from_mins(5);

/// Decrypts the key, which was encrypted for this integration.
pub type Unseal<'a> = dyn Fn(i64, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'a;

/// What a call needs besides the database.
pub struct Hands<'a> {
    pub fetch: &'a Fetch,
    pub clock: &'a Clock,
    pub random: &'a Random,
    /// Decrypts the key of the integration with this id. None: it cannot be read.
    pub unseal: &'a Unseal<'a>,
}

impl fmt::Debug for Hands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hands").finish_non_exhaustive()
    }
}

/// Runs the job. When to run it again, if it is not over.
pub async fn run(db: &Db, hands: &Hands<'_>, payload: &Json, run: &str) -> Result<Option<Timestamp>, Error> {
    let id = payload.get("delivery_id").and_then(Json::as_i64);
    let id = id.ok_or_else(|| Error::invalid("payload", "names no delivery"))?;
    let now = hands.clock.now();
    let found = {
        let mut tx = db.read().await?;
        find(&mut tx, now, id).await?
    };
    let work = match found {
        Found::Nothing => return Ok(None),
        Found::NotYet(at) => return Ok(Some(at)),
        Found::Off(reason) => {
            transact!(db, |tx| end(tx, now, id, State::Skipped, reason).await)?;
            return Ok(None);
        }
        Found::Work(work) => work,
    };
    if let Some(line) = work.line.as_ref().filter(|_| work.heeds_the_circuit) {
        let standing = work.standing;
        let leave = match standing.resting_until {
            None => Leave::Now,
            Some(_) => transact!(db, |tx| circuit::may_call(tx, now, line, standing).await)?,
        };
        match leave {
            Leave::Now => {}
            Leave::At(until) => {
                // Not all at once when the rest is over.
                let apart = i64::try_from(hands.random.below(5_000)).unwrap_or_default();
                let at = until + SignedDuration::from_millis(apart);
                transact!(db, |tx| postpone(tx, id, at).await)?;
                return Ok(Some(at));
            }
            Leave::Never => {
                let reason = "It was not called: too many calls there failed one after the other.";
                transact!(db, |tx| end(tx, now, id, State::Failed, reason).await)?;
                return Ok(None);
            }
        }
    }
    let attempt = attempt(hands, id, &work).await;
    let now = hands.clock.now();
    let is_webhook = work.integration.as_ref().is_some_and(|it| it.webhook.is_some());
    let next = attempt.next(now, work.attempts + 1, hands.random, is_webhook);
    let actor = Actor { worker: Some(KIND), request_id: run.to_owned(), ..Actor::default() };
    transact!(db, |tx| settle(tx, &actor, now, id, &work, &attempt, next).await)?;
    Ok(next)
}

/// What there is to do about a delivery.
enum Found {
    /// It is over already, or gone.
    Nothing,
    NotYet(Timestamp),
    /// It will not be made, for this reason.
    Off(&'static str),
    Work(Box<Work>),
}

struct Work {
    /// None: the call of a macro or rule.
    integration: Option<Integration>,
    sealed_secret: Option<Vec<u8>>,
    sealed_credentials: Option<Vec<u8>>,
    input: Json,
    trigger: String,
    attempts: i64,
    /// None: the address cannot be read.
    line: Option<Line>,
    standing: Standing,
    heeds_the_circuit: bool,
}

async fn find(tx: &mut Tx, now: Timestamp, id: i64) -> Result<Found, Error> {
    let row = tx
        .row(
            "select d.integration_id, d.ticket_id, d.replay_of, d.trigger_word, d.input, d.state, d.attempts, d.created_at
             from deliveries d where d.id = $1",
            &[id.into()],
        )
        .await?;
    let Some(row) = row.filter(|row| row.text("state").is_ok_and(|state| state == State::Waiting.word())) else {
        return Ok(Found::Nothing);
    };
    let trigger = row.text("trigger_word")?;
    let attempts = row.int("attempts")?;
    let input = row.json("input")?.unwrap_or_default();
    let is_replay = row.int_or_null("replay_of")?.is_some();
    let Some(integration_id) = row.int_or_null("integration_id")? else {
        let host = host_of(&input);
        let standing = match &host {
            Some(host) => circuit::of_host(tx, host).await?,
            None => Standing::default(),
        };
        return Ok(Found::Work(Box::new(Work {
            integration: None,
            sealed_secret: None,
            sealed_credentials: None,
            input,
            trigger,
            attempts,
            line: host.map(Line::Host),
            standing,
            heeds_the_circuit: !is_replay,
        })));
    };
    let integration = match super::read(tx, integration_id).await {
        Ok(integration) => integration,
        Err(Error::NotFound { .. }) => return Ok(Found::Off("The integration was deleted.")),
        Err(error) => return Err(error),
    };
    let is_test = trigger == TEST;
    if integration.deactivated_at.is_some() && !is_test {
        return Ok(Found::Off("The integration is switched off."));
    }
    let ticket_id = row.int_or_null("ticket_id")?;
    if attempts == 0
        && let Some(ticket_id) = ticket_id
        && is_behind(tx, now, id, integration_id, ticket_id).await?
    {
        return Ok(Found::NotYet(now + TURN));
    }
    let Sealed { secret, credentials } = called::sealed_of(tx, integration_id).await?;
    let heeds_the_circuit = !is_test && !is_replay;
    let health = &integration.health;
    let standing = Standing { n_failures: health.n_failures, resting_until: health.resting_until };
    let line = Some(Line::Integration(integration_id));
    let integration = Some(integration);
    let work = Work {
        integration,
        sealed_secret: secret,
        sealed_credentials: credentials,
        input,
        trigger,
        attempts,
        line,
        standing,
        heeds_the_circuit,
    };
    Ok(Found::Work(Box::new(work)))
}

/// Whom a macro's or rule's call goes to: name and port.
fn host_of(input: &Json) -> Option<String> {
    let url = Url::parse(input.pointer("/call/url")?.as_str()?).ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// Whether an older delivery about the ticket has yet to be tried for the first time. Read by `deliveries_by_ticket`.
async fn is_behind(tx: &mut Tx, now: Timestamp, id: i64, integration_id: i64, ticket_id: i64) -> Result<bool, Error> {
    let row = tx
        .row(
            "select id from deliveries
             where integration_id = $1 and ticket_id = $2 and created_at > $3 and id < $4 and state = 'waiting' and attempts = 0
                 and next_at <= $5
             limit 1",
            &[integration_id.into(), ticket_id.into(), (now - LONGEST_TURN).into(), id.into(), now.into()],
        )
        .await?;
    Ok(row.is_some())
}

/// One call and what came of it.
struct Attempt {
    request: Option<Request>,
    sent_headers: HeaderMap,
    milliseconds: i64,
    outcome: Outcome,
}

enum Outcome {
    Answered {
        status: u16,
        headers: HeaderMap,
        body: Bytes,
        is_cut: bool,
    },
    /// With whether it may go better another time.
    Failed {
        error: String,
        may_recover: bool,
    },
}

async fn attempt(hands: &Hands<'_>, id: i64, work: &Work) -> Attempt {
    let failed = |request, error: String, may_recover| Attempt {
        request,
        sent_headers: HeaderMap::new(),
        milliseconds: 0,
        outcome: Outcome::Failed { error, may_recover },
    };
    let request = match request_of(work) {
        Ok(request) => request,
        Err(error) => return failed(None, error, false),
    };
    let now = hands.clock.now();
    let headers = match headers_of(hands, id, work, &request, now) {
        Ok(headers) => headers,
        Err(error) => return failed(Some(request), error, false),
    };
    let Some(method) = form::method(&request.method) else {
        let error = format!("{} is no method that can be called", request.method);
        return failed(Some(request), error, false);
    };
    // What shows who calls goes out, and is not kept with the attempt.
    let (mut url, mut sent) = (request.url.clone(), headers.clone());
    if let Err(error) = show_credentials(hands, work, &mut url, &mut sent) {
        return failed(Some(request), error, false);
    }
    let call = Call { method, url: &url, headers: sent, body: request.body.clone().map(Bytes::from) };
    let answer = hands.fetch.call(call, Bounds { bytes: KEPT_BYTES, time: TIMEOUT }).await;
    let milliseconds = hands.clock.now().duration_since(now).as_millis();
    let outcome = match answer {
        Ok(answer) => Outcome::Answered {
            status: answer.fetched.status.as_u16(),
            headers: answer.fetched.headers,
            body: answer.fetched.body,
            is_cut: answer.is_cut,
        },
        Err(error) => {
            let may_recover = matches!(error, FetchError::Timeout | FetchError::Connection(_));
            let error = match error {
                // The address may hold a password.
                FetchError::Address(_) => "The address cannot be called: only https, without a user, is.".to_owned(),
                error => sentence(&error.to_string()),
            };
            Outcome::Failed { error, may_recover }
        }
    };
    let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    Attempt { request: Some(request), sent_headers: headers, milliseconds, outcome }
}

fn request_of(work: &Work) -> Result<Request, String> {
    if let Some(http) = work.integration.as_ref().and_then(|it| it.http.as_ref()) {
        return match work.input.get(PAYLOAD).cloned().map(serde_json::from_value::<Payload>) {
            None => http.request(&Facts(work.input.clone())),
            Some(Ok(payload)) => http.request_with(&Facts(work.input["facts"].clone()), &payload),
            Some(Err(_)) => Err("There is nothing to call.".to_owned()),
        };
    }
    let call = work.input.get("call").cloned().unwrap_or_default();
    let call: HttpCall = serde_json::from_value(call).map_err(|_| "There is nothing to call.".to_owned())?;
    let mut headers: Vec<(String, String)> =
        call.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let body = call.body.filter(|_| !matches!(call.method.as_str(), "GET" | "HEAD"));
    if body.is_some() && !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), call.content_type.unwrap_or_else(|| JSON.to_owned())));
    }
    Ok(Request { method: call.method.to_ascii_uppercase(), url: call.url, headers, body })
}

/// Adds what the receiver knows the caller by.
fn show_credentials(hands: &Hands<'_>, work: &Work, url: &mut String, headers: &mut HeaderMap) -> Result<(), String> {
    let Some(integration) = &work.integration else { return Ok(()) };
    let Some(authentication) = integration.webhook.as_ref().and_then(|it| it.authentication.as_ref()) else {
        return Ok(());
    };
    let secret = work.sealed_credentials.as_ref().and_then(|sealed| (hands.unseal)(integration.id, sealed));
    let secret = secret.and_then(|secret| String::from_utf8(secret).ok());
    authentication.show(&secret.ok_or("The credentials of the calls cannot be read.")?, url, headers)
}

fn headers_of(hands: &Hands<'_>, id: i64, work: &Work, request: &Request, now: Timestamp) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str| -> Result<(), String> {
        let refused = || format!("The header {name} cannot be sent.");
        let name = HeaderName::try_from(name).map_err(|_| refused())?;
        headers.insert(name, HeaderValue::try_from(value).map_err(|_| refused())?);
        Ok(())
    };
    let webhook = work.integration.as_ref().filter(|it| it.webhook.is_some());
    put("user-agent", if webhook.is_some() { "Zendesk Webhook" } else { "Bailiwick" })?;
    put("accept", "application/json, */*;q=0.5")?;
    for (name, value) in &request.headers {
        match (name.as_str(), value.as_str()) {
            ("content-type", JSON) if webhook.is_some() => put(name, "application/json; charset=utf-8")?,
            _ => put(name, value)?,
        }
    }
    if let Some(webhook) = webhook {
        put("x-zendesk-account-id", "1")?;
        put("x-zendesk-webhook-id", &ulid::of(webhook.id))?;
        put("x-zendesk-webhook-invocation-id", &ulid::of(id))?;
    }
    put("x-bailiwick-delivery", &id.to_string())?;
    put("x-bailiwick-attempt", &(work.attempts + 1).to_string())?;
    if work.integration.is_some() {
        put("x-bailiwick-trigger", &work.trigger)?;
    }
    if let (Some(integration), Some(sealed)) = (&work.integration, &work.sealed_secret) {
        let secret =
            (hands.unseal)(integration.id, sealed).ok_or("The key that calls are signed with cannot be read.")?;
        let body = request.body.as_deref().unwrap_or_default().as_bytes();
        if webhook.is_some() {
            let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            put(sign::OF_WEBHOOK, &sign::of_webhook(&secret, &time, body))?;
            put(sign::WEBHOOK_TIME, &time)?;
        } else {
            put(sign::OF_BODY, &sign::of_body(&secret, body))?;
            put(sign::OF_TIME_AND_BODY, &sign::of_time_and_body(&secret, now, body))?;
        }
    }
    Ok(headers)
}

impl Attempt {
    fn is_success(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { status: 200..=299, .. })
    }

    /// In words, if it failed.
    fn error(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Answered { status: 200..=299, .. } => None,
            Outcome::Answered { status: status @ 300..=399, .. } => {
                Some(format!("The answer was {status}: redirects are not followed."))
            }
            Outcome::Answered { status, .. } => Some(format!("The answer was {status}.")),
            Outcome::Failed { error, .. } => Some(error.clone()),
        }
    }

    /// When to try again, if that makes sense.
    fn next(&self, now: Timestamp, n_attempts: i64, random: &Random, is_webhook: bool) -> Option<Timestamp> {
        let asked = match &self.outcome {
            // A webhook's receiver says by it that it is not ready (Zendesk contract, `webhooks.delivery`).
            Outcome::Answered { status: 409, headers, .. } if is_webhook => retry_after(headers),
            Outcome::Answered { status: 408 | 425 | 429 | 500..=599, headers, .. } => retry_after(headers),
            Outcome::Failed { may_recover: true, .. } => None,
            _ => return None,
        };
        let index = usize::try_from(n_attempts - 1).unwrap_or(usize::MAX);
        let pause = *PAUSES.get(index)?;
        let milliseconds = u64::try_from(pause.as_millis()).unwrap_or_default();
        let less = i64::try_from(random.below(milliseconds / 4 + 1)).unwrap_or_default();
        let pause = pause - SignedDuration::from_millis(less);
        Some(now + asked.map_or(pause, |asked| asked.max(pause).min(LONGEST_PAUSE)))
    }
}

/// Seconds; a date is not understood.
fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let seconds: u32 = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(SignedDuration::from_secs(seconds.into()))
}

/// Writes what came of an attempt, and what follows from it.
async fn settle(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: i64,
    work: &Work,
    attempt: &Attempt,
    next: Option<Timestamp>,
) -> Result<(), Error> {
    let state = match (attempt.is_success(), next) {
        (true, _) => State::Delivered,
        (false, Some(_)) => State::Waiting,
        (false, None) => State::Failed,
    };
    let error = attempt.error();
    write_attempt(tx, now, id, attempt, (state, next, error.as_deref())).await?;
    let Some(line) = &work.line else { return Ok(()) };
    match &error {
        None => {
            circuit::succeeded(tx, now, line).await?;
            match &work.integration {
                Some(integration) => keep_answer(tx, actor, now, integration, work, attempt).await,
                None => Ok(()),
            }
        }
        // A look whether it works is no failure of what really happens.
        Some(_) if work.trigger == TEST => Ok(()),
        Some(error) => circuit::failed(tx, actor, now, line, error).await,
    }
}

async fn write_attempt(
    tx: &mut Tx,
    now: Timestamp,
    id: i64,
    attempt: &Attempt,
    (state, next, error): (State, Option<Timestamp>, Option<&str>),
) -> Result<(), Error> {
    let request = attempt.request.as_ref();
    let (status, headers, body) = match &attempt.outcome {
        Outcome::Answered { status, headers, body, is_cut } => {
            let mut text = stored(&String::from_utf8_lossy(body));
            if *is_cut {
                text.push('…');
            }
            (Some(i64::from(*status)), Some(shown(headers)), Some(text))
        }
        Outcome::Failed { .. } => (None, None, None),
    };
    // The attempt before makes room for this one.
    tx.run(
        "insert into delivery_attempts (delivery_id, number, attempted_at, request_headers, request_body, response_status,
                                        response_headers, response_body, error)
         select id, attempts, latest_at, request_headers, request_body, response_status, response_headers, response_body, error
         from deliveries where id = $1 and attempts > 0 on conflict do nothing",
        &[id.into()],
    )
    .await?;
    tx.run(
        "update deliveries set latest_at = $14, state = $1, attempts = attempts + 1, next_at = $2, finished_at = $3, method = $4, url = $5,
             request_headers = $6, request_body = $7, response_status = $8, response_headers = $9, response_body = $10,
             milliseconds = $11, error = $12
         where id = $13",
        &[
            state.word().into(),
            next.into(),
            (state != State::Waiting).then_some(now).into(),
            request.map(|it| it.method.as_str()).into(),
            request.map(|it| redact::url(&it.url)).into(),
            shown(&attempt.sent_headers).into(),
            request.and_then(|it| it.body.as_deref()).map(|body| stored(&redact::body(body))).into(),
            status.into(),
            headers.as_ref().into(),
            body.into(),
            attempt.milliseconds.into(),
            error.into(),
            id.into(),
            now.into(),
        ],
    )
    .await?;
    Ok(())
}

/// What a GET integration answers about a customer stays with the customer (Gorgias contract, `http_delivery.response_use`).
async fn keep_answer(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    integration: &Integration,
    work: &Work,
    attempt: &Attempt,
) -> Result<(), Error> {
    let is_get = integration.http.as_ref().is_some_and(|http| http.method == "GET");
    let customer_id = work.input.pointer("/ticket/customer/id").and_then(Json::as_i64);
    let (true, Some(customer_id), Outcome::Answered { body, is_cut: false, .. }) =
        (is_get, customer_id, &attempt.outcome)
    else {
        return Ok(());
    };
    let Ok(Json::Object(answer)) = serde_json::from_slice::<Json>(body) else { return Ok(()) };
    let answer = Json::Object(answer).to_string();
    if answer.contains("\\u0000") {
        return Ok(());
    }
    data::keep(tx, actor, now, (customer_id, integration.id), &answer).await
}

async fn end(tx: &mut Tx, now: Timestamp, id: i64, state: State, reason: &str) -> Result<(), StoreError> {
    tx.run(
        "update deliveries set state = $1, next_at = null, finished_at = $2, error = $3 where id = $4",
        &[state.word().into(), now.into(), reason.into(), id.into()],
    )
    .await?;
    Ok(())
}

async fn postpone(tx: &mut Tx, id: i64, at: Timestamp) -> Result<(), StoreError> {
    tx.run("update deliveries set next_at = $1 where id = $2", &[at.into(), id.into()]).await?;
    Ok(())
}

/// Headers as the log keeps them.
fn shown(headers: &HeaderMap) -> Json {
    let mut shown = Map::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = redact::header(name.as_str(), &value);
        let value: String = value.chars().filter(|c| *c != '\0').take(2000).collect();
        shown.insert(name.as_str().to_owned(), Json::from(value));
    }
    Json::Object(shown)
}

/// A text that can be stored, cut to size.
fn stored(text: &str) -> String {
    let mut kept: String = text.chars().filter(|c| *c != '\0').collect();
    if KEPT_BYTES < kept.len() {
        let mut end = KEPT_BYTES;
        while !kept.is_char_boundary(end) {
            end -= 1;
        }
        kept.truncate(end);
        kept.push('…');
    }
    kept
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

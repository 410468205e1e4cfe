//! A call that somebody waits for, to see whether an address works: made at once, kept nowhere, counted as no failure of anything.

use bytes::Bytes;
use outside::Fetch;
use outside::fetch::{Bounds, Call, FetchError};
use serde_json::Value as Json;

use super::deliver::{KEPT_BYTES, TIMEOUT};
use super::deliveries::Came;
use super::request::{self, Http, Request};
use super::webhook::Authentication;
use crate::Error;
use crate::actions::Payload;
use crate::templates::Facts;

/// What is tried.
#[derive(Debug, Clone)]
pub struct Trial {
    pub http: Http,
    /// With its secret.
    pub authentication: Option<(Authentication, String)>,
    pub payload: Payload,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub came: Came,
    pub status: Option<i64>,
    pub headers: Vec<(String, String)>,
    /// The start of what was answered, or why nothing was.
    pub payload: String,
}

/// Makes the call. `Invalid` where it could never go out.
pub async fn run(fetch: &Fetch, trial: &Trial) -> Result<Answer, Error> {
    trial.http.check()?;
    let unfit = |problem: String| Error::invalid("http.url", problem);
    let Request { method, mut url, headers, body } =
        trial.http.request_with(&Facts(Json::Null), &trial.payload).map_err(unfit)?;
    let mut sent = http::HeaderMap::new();
    for (name, value) in
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([("user-agent", "Zendesk Webhook")])
    {
        let name = http::HeaderName::try_from(name).map_err(|_| unfit(format!("The header {name} cannot be sent.")))?;
        let value =
            http::HeaderValue::try_from(value).map_err(|_| unfit(format!("The header {name} cannot be sent.")))?;
        sent.insert(name, value);
    }
    if let Some((authentication, secret)) = &trial.authentication {
        authentication.check()?;
        authentication.show(secret, &mut url, &mut sent).map_err(unfit)?;
    }
    let method = request::method(&method).ok_or_else(|| unfit(format!("{method} is no method.")))?;
    let call = Call { method, url: &url, headers: sent, body: body.map(Bytes::from) };
    let failed = |came, payload: String| Answer { came, status: None, headers: Vec::new(), payload };
    Ok(match fetch.call(call, Bounds { bytes: KEPT_BYTES, time: TIMEOUT }).await {
        Ok(answer) => {
            let status = i64::from(answer.fetched.status.as_u16());
            let shown = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = answer.fetched.headers.iter().map(|(name, value)| (name.as_str().to_owned(), shown(value)));
            Answer {
                came: Came::of_attempt(Some(status), None),
                status: Some(status),
                headers: headers.collect(),
                payload: String::from_utf8_lossy(&answer.fetched.body).into_owned(),
            }
        }
        Err(FetchError::Timeout) => failed(Came::Timeout, FetchError::Timeout.to_string()),
        // The address may hold a password.
        Err(FetchError::Address(_)) => failed(Came::Failed, "the address cannot be called".to_owned()),
        Err(error) => failed(Came::Failed, error.to_string()),
    })
}

//! How many calls a credential may make: the vendors' limits (Gorgias contract, `conventions.rate_limit`), per token family or key.
//!
//! A leaky bucket: so many calls at once, refilled evenly. The bucket lives in this process; several nodes each keep their own.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::Why;
use crate::authenticate::Credential;

/// Calls in 20 seconds for an API key.
const KEY_CALLS: NonZeroU32 = NonZeroU32::new(40).expect("40 is not 0");
/// Calls in 20 seconds for an app's token.
const TOKEN_CALLS: NonZeroU32 = NonZeroU32::new(80).expect("80 is not 0");
const WINDOW: Duration = Duration::from_secs(20);

/// `used/limit`, as this vendor's clients read it.
const CALL_LIMIT: HeaderName = HeaderName::from_static("x-gorgias-account-api-call-limit");

type Limiter = RateLimiter<Credential, DefaultKeyedStateStore<Credential>, DefaultClock, StateInformationMiddleware>;

/// Where a caller stands after this call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    used: u32,
    limit: u32,
}

/// The buckets of all callers. Cheap to clone.
#[derive(Clone)]
pub struct Limits(Option<Arc<Buckets>>);

struct Buckets {
    keys: Limiter,
    tokens: Limiter,
}

impl Limits {
    pub fn new(on: bool) -> Limits {
        Limits(on.then(|| Arc::new(Buckets { keys: limiter(KEY_CALLS), tokens: limiter(TOKEN_CALLS) })))
    }

    /// Takes one call out of the bucket. None if limits are off.
    pub(crate) fn take(&self, credential: Credential) -> Result<Option<Allowance>, Why> {
        let Some(buckets) = &self.0 else { return Ok(None) };
        let (limiter, limit) = match credential {
            Credential::ApiKey { .. } => (&buckets.keys, KEY_CALLS.get()),
            Credential::Token { .. } => (&buckets.tokens, TOKEN_CALLS.get()),
        };
        match limiter.check_key(&credential) {
            Ok(state) => Ok(Some(Allowance { used: limit.saturating_sub(state.remaining_burst_capacity()), limit })),
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                Err(Why::TooMany(wait.as_secs() + 1))
            }
        }
    }

    /// Forgets buckets that are full again. Called now and then by the worker.
    pub fn shrink(&self) {
        if let Some(buckets) = &self.0 {
            buckets.keys.retain_recent();
            buckets.tokens.retain_recent();
        }
    }
}

fn limiter(calls: NonZeroU32) -> Limiter {
    let quota = Quota::with_period(WINDOW / calls.get()).unwrap_or(Quota::per_second(calls)).allow_burst(calls);
    RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>()
}

/// Writes the vendor's header into the answer.
pub(crate) fn report(response: &mut Response, allowance: Option<&Allowance>) {
    if let Some(Allowance { used, limit }) = allowance
        && let Ok(value) = HeaderValue::try_from(format!("{used}/{limit}"))
    {
        response.headers_mut().insert(CALL_LIMIT, value);
    }
}

//! How many calls there may be: of a token or API key, as the vendors have it (Gorgias contract, `conventions.rate_limit`), of an app with
//! all its tokens, of the account, and of an address whoever it is (RS-9).
//!
//! Leaky buckets: so many calls at once, refilled evenly. They lie in this process; several nodes each keep their own. A call that one
//! limit refuses is not counted by the wider ones, and no app may have more than half of the account's calls: so one app that does nothing
//! but call cannot starve another.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};
use scope::Dialect;

use crate::Why;
use crate::authenticate::Credential;

/// Calls in 20 seconds for an API key.
const KEY_CALLS: NonZeroU32 = NonZeroU32::new(40).expect("40 is not 0");
/// Calls in 20 seconds for an app's token.
const TOKEN_CALLS: NonZeroU32 = NonZeroU32::new(80).expect("80 is not 0");
const WINDOW: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// Requests in an hour that people write from one address without a token.
const ANONYMOUS_REQUESTS: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");
/// Different rates of apps for which buckets are kept. Beyond, the nearest lower one serves.
const RATES_MAX: usize = 1_000;

/// `used/limit`, as Gorgias' clients read it.
const CALL_LIMIT: HeaderName = HeaderName::from_static("x-gorgias-account-api-call-limit");
/// As Zendesk's clients read them.
const ZENDESK_LIMIT: HeaderName = HeaderName::from_static("x-rate-limit");
const ZENDESK_REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
/// Common practice elsewhere, after the IETF's draft.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

type Limiter = RateLimiter<Credential, DefaultKeyedStateStore<Credential>, DefaultClock, StateInformationMiddleware>;
type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, NoOpMiddleware>;
type Single = RateLimiter<NotKeyed, InMemoryState, DefaultClock, NoOpMiddleware>;

/// Where a caller stands after this call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    used: u32,
    limit: u32,
    /// Whose clients read it.
    dialect: Dialect,
}

/// Calls a minute. 0: no limit of this kind.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Of an app with all its tokens, unless its record says otherwise.
    pub app: u32,
    /// Of all apps and keys together.
    pub account: u32,
    /// Of one network address, with a token or without.
    pub address: u32,
}

/// The buckets of all callers. Cheap to clone.
#[derive(Clone)]
pub struct Limits(Option<Arc<Buckets>>);

struct Buckets {
    rates: Rates,
    keys: Limiter,
    tokens: Limiter,
    /// By calls a minute, then by row of `clients`.
    apps: RwLock<HashMap<u32, Arc<Keyed<i64>>>>,
    account: Option<Single>,
    addresses: Option<Keyed<IpAddr>>,
    anonymous: Keyed<IpAddr>,
}

impl Limits {
    /// No limits at all.
    pub fn none() -> Limits {
        Limits(None)
    }

    pub fn new(rates: Rates) -> Limits {
        Limits(Some(Arc::new(Buckets {
            rates,
            keys: limiter(KEY_CALLS),
            tokens: limiter(TOKEN_CALLS),
            apps: RwLock::default(),
            account: NonZeroU32::new(rates.account).map(|rate| RateLimiter::direct(quota(rate, MINUTE))),
            addresses: NonZeroU32::new(rates.address).map(|rate| RateLimiter::keyed(quota(rate, MINUTE))),
            anonymous: RateLimiter::keyed(quota(ANONYMOUS_REQUESTS, HOUR)),
        })))
    }

    /// Counts a request of an address, before anybody looks who it is.
    pub(crate) fn take_address(&self, address: IpAddr) -> Result<(), Why> {
        let addresses = self.0.as_ref().and_then(|buckets| buckets.addresses.as_ref());
        addresses.map_or(Ok(()), |addresses| addresses.check_key(&site_of(address)).map_err(too_many))
    }

    /// Counts a request that somebody without a token writes.
    pub fn take_anonymous(&self, address: IpAddr) -> Result<(), Why> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        buckets.anonymous.check_key(&site_of(address)).map_err(too_many)
    }

    /// Counts a call of a credential, of its app, and of the account. `own_rate` is that of the app's record, calls a minute.
    /// None if limits are off; where the caller stands is told with a refusal too.
    pub(crate) fn take(
        &self,
        credential: Credential,
        own_rate: Option<i64>,
        dialect: Dialect,
    ) -> (Option<Allowance>, Result<(), Why>) {
        let Some(buckets) = &self.0 else { return (None, Ok(())) };
        let (limiter, limit) = match credential {
            Credential::ApiKey { .. } => (&buckets.keys, KEY_CALLS.get()),
            Credential::Token { .. } => (&buckets.tokens, TOKEN_CALLS.get()),
        };
        let (remaining, taken) = match limiter.check_key(&credential) {
            Ok(state) => (state.remaining_burst_capacity(), buckets.take_wider(credential, own_rate)),
            Err(refused) => (0, Err(too_many(refused))),
        };
        (Some(Allowance { used: limit.saturating_sub(remaining), limit, dialect }), taken)
    }

    /// Forgets buckets that are full again. Called now and then by the worker.
    pub fn shrink(&self) {
        let Some(buckets) = &self.0 else { return };
        buckets.keys.retain_recent();
        buckets.tokens.retain_recent();
        buckets.anonymous.retain_recent();
        if let Some(addresses) = &buckets.addresses {
            addresses.retain_recent();
        }
        let mut apps = buckets.apps.write().unwrap_or_else(PoisonError::into_inner);
        apps.retain(|_rate, limiter| {
            limiter.retain_recent();
            !limiter.is_empty()
        });
    }
}

impl Buckets {
    fn take_wider(&self, credential: Credential, own_rate: Option<i64>) -> Result<(), Why> {
        if let Credential::Token { client_id, .. } = credential
            && let Some(rate) = self.rate_of_app(own_rate)
        {
            self.app(rate).check_key(&client_id).map_err(too_many)?;
        }
        self.account.as_ref().map_or(Ok(()), |account| account.check().map_err(too_many))
    }

    /// What the app's record says, else the account's usual; never more than half of what the account has.
    fn rate_of_app(&self, own_rate: Option<i64>) -> Option<NonZeroU32> {
        let own = own_rate.map(|rate| u32::try_from(rate.max(1)).unwrap_or(u32::MAX));
        let rate = own.and_then(NonZeroU32::new).or(NonZeroU32::new(self.rates.app));
        let half = NonZeroU32::new(self.rates.account)
            .map(|account| NonZeroU32::new(account.get() / 2).unwrap_or(NonZeroU32::MIN));
        match (rate, half) {
            (Some(rate), Some(half)) => Some(rate.min(half)),
            (one, other) => one.or(other),
        }
    }

    fn app(&self, rate: NonZeroU32) -> Arc<Keyed<i64>> {
        if let Some(limiter) = self.apps.read().unwrap_or_else(PoisonError::into_inner).get(&rate.get()) {
            return limiter.clone();
        }
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        if RATES_MAX <= apps.len()
            && let Some((_, nearest)) =
                apps.iter().filter(|(known, _)| **known <= rate.get()).max_by_key(|(known, _)| **known)
        {
            return nearest.clone();
        }
        apps.entry(rate.get()).or_insert_with(|| Arc::new(RateLimiter::keyed(quota(rate, MINUTE)))).clone()
    }
}

/// Whose an address is, as far as that can be told: a site has a /64 of IPv6 to itself.
fn site_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

fn too_many(refused: NotUntil<<DefaultClock as Clock>::Instant>) -> Why {
    Why::TooMany(refused.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
}

fn quota(calls: NonZeroU32, window: Duration) -> Quota {
    Quota::with_period(window / calls.get()).unwrap_or(Quota::per_second(calls)).allow_burst(calls)
}

fn limiter(calls: NonZeroU32) -> Limiter {
    RateLimiter::keyed(quota(calls, WINDOW)).with_middleware::<StateInformationMiddleware>()
}

/// Writes the headers of the surface that was called into the answer.
pub(crate) fn report(response: &mut Response, allowance: Option<&Allowance>) {
    let Some(Allowance { used, limit, dialect }) = allowance else { return };
    let remaining = limit.saturating_sub(*used).to_string();
    let pairs = match dialect {
        Dialect::Gorgias => vec![(CALL_LIMIT, format!("{used}/{limit}"))],
        Dialect::Zendesk => vec![
            (ZENDESK_LIMIT, limit.to_string()),
            (ZENDESK_REMAINING, remaining.clone()),
            (LIMIT, limit.to_string()),
            (REMAINING, remaining),
            // When all that was used has come back.
            (RESET, (u64::from(*used) * WINDOW.as_secs()).div_ceil(u64::from(*limit).max(1)).to_string()),
        ],
        Dialect::Standard => vec![(LIMIT, limit.to_string()), (REMAINING, remaining)],
    };
    for (name, value) in pairs {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(client_id: i64, family_id: i64) -> Credential {
        Credential::Token { family_id, client_id }
    }

    fn n_calls(limits: &Limits, client_id: i64, own_rate: Option<i64>) -> usize {
        // A token each, so that only the app's own limit counts.
        let call = |family_id: &i64| limits.take(token(client_id, *family_id), own_rate, Dialect::Standard).1.is_ok();
        (0..200).take_while(call).count()
    }

    #[test]
    fn a_site_is_one_address_however_many_it_has() {
        let limits = Limits::new(Rates { app: 10, account: 60, address: 0 });
        let take = |address: &str| limits.take_anonymous(address.parse().unwrap()).is_ok();

        for n in 0..10 {
            assert!(take(&format!("2001:db8::{n:x}")));
        }
        assert!(!take("2001:db8::ffff"));
        assert!(take("2001:db8:0:1::1"));
        // An address of IPv4 is one however it is written.
        assert!((0..10).all(|_| take("192.0.2.1")));
        assert!(!take("::ffff:192.0.2.1") && take("192.0.2.2"));
    }

    #[test]
    fn an_app_has_its_own_rate_and_never_more_than_half_of_the_accounts() {
        // RS-9
        let limits = Limits::new(Rates { app: 10, account: 60, address: 0 });

        assert_eq!(n_calls(&limits, 1, None), 10);
        assert_eq!(n_calls(&limits, 2, Some(5)), 5);
        assert_eq!(n_calls(&limits, 3, Some(1_000)), 30);
        // What was left of the account's, whoever called before.
        assert_eq!(n_calls(&limits, 4, Some(1_000)), 15);
    }

    #[test]
    fn calls_that_are_refused_do_not_count_against_others() {
        // RS-9
        let limits = Limits::new(Rates { app: 10, account: 40, address: 0 });

        for _call in 0..1_000 {
            let _refused = limits.take(token(1, 1), None, Dialect::Standard);
        }

        assert_eq!(n_calls(&limits, 2, None), 10);
    }

    #[test]
    fn an_address_has_its_own() {
        let limits = Limits::new(Rates { app: 0, account: 0, address: 3 });
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));

        let taken: Vec<bool> = (0..5).map(|_call| limits.take_address(one).is_ok()).collect();

        assert_eq!(taken, [true, true, true, false, false]);
        assert!(limits.take_address(other).is_ok());
    }
}

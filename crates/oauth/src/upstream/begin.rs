//! The way there: an authorization request with PKCE, `state` and `nonce`, bound to the browser (RFC 9700, section 2.1).

use jiff::SignedDuration;
use store::{StoreError, transact};
use url::Url;

use super::{Away, CALLBACK_PATH, UpstreamError, providers};
use crate::authorize::Browser;
use crate::throttle::{self, Patience};
use crate::{Error, Provider, pkce, secret};

/// How long a person may take there.
const WAITS_FOR: SignedDuration = SignedDuration::from_mins(10);
/// One address that begins sign-ins: beyond these in an hour it must wait.
const BEGINNINGS: Patience = Patience { free: 100, longest_seconds: 60 };

impl Provider {
    /// The address to send the browser to. `request` is a pending authorization request, `return_to` a path of our own.
    pub async fn begin_upstream(
        &self,
        provider_id: i64,
        browser: &Browser<'_>,
        request: Option<&str>,
        return_to: Option<&str>,
    ) -> Result<String, UpstreamError> {
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let found = providers::find(&mut tx, provider_id).await?.filter(|it| it.is_active);
        drop(tx);
        let provider = found.ok_or(UpstreamError::Expired)?;
        let is_fresh = match request {
            Some(request) => self.wants_fresh_sign_in(request, browser).await?,
            None => false,
        };
        let metadata = self.discovered(&provider).await?;
        let away = Away {
            provider_id,
            nonce: self.random.token(),
            verifier: self.random.token(),
            request: request.map(str::to_owned),
            return_to: return_to.map(str::to_owned),
            is_fresh,
        };
        let state = self.random.token();
        let broken = |_| Error::Internal("a sign-in under way cannot be written".to_owned());
        let sealed = self.seal(super::finish::PURPOSE, &state, &serde_json::to_vec(&away).map_err(broken)?)?;
        let subject = format!("upstream:{}", browser.address);
        let wait = transact!(self.db, |tx| {
            if let Some(wait) = throttle::wait_seconds(tx, &[subject.as_str()], now).await? {
                return Ok::<_, StoreError>(Some(wait));
            }
            throttle::count_failure(tx, &subject, BEGINNINGS, now).await?;
            tx.run(
                "insert into sign_in_steps (hash, browser_hash, kind, state_encrypted, created_at, expires_at)
                 values ($1, $2, 'upstream', $3, $4, $5)",
                &[
                    secret::hash(&state).as_slice().into(),
                    secret::hash(browser.cookie).as_slice().into(),
                    sealed.as_slice().into(),
                    now.into(),
                    now.saturating_add(WAITS_FOR).unwrap_or(now).into(),
                ],
            )
            .await?;
            Ok(None)
        })?;
        if let Some(seconds) = wait {
            return Err(UpstreamError::Limited(seconds));
        }

        let broken = |_| UpstreamError::Unusable(provider.name.clone(), "its address cannot be read".to_owned());
        let mut address = Url::parse(&metadata.authorization_endpoint).map_err(broken)?;
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", &self.upstream_callback())
            .append_pair("scope", "openid profile email")
            .append_pair("state", &state)
            .append_pair("nonce", &away.nonce)
            .append_pair("code_challenge", &pkce::challenge_of(&away.verifier))
            .append_pair("code_challenge_method", "S256");
        if is_fresh {
            address.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", "0");
        }
        Ok(address.into())
    }

    /// What to register at the other provider.
    pub fn upstream_callback(&self) -> String {
        format!("{}{CALLBACK_PATH}", self.config.issuer)
    }
}

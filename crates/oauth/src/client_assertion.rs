//! `private_key_jwt`: an app proves who it is by a JWT signed with its own key (RFC 7523 section 3, OpenID Connect Core 9; CA-9 to CA-11).

use jsonwebtoken::Algorithm;
use store::transact;

use crate::clients::Client;
use crate::jwt::{self, Audience, Refusal, Rules, Type};
use crate::policy::Policy;
use crate::{Error, Provider, used_identifiers};

/// The one `client_assertion_type` (RFC 7523, 2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The registered method.
pub const METHOD: &str = "private_key_jwt";

/// `exp` may lie so far ahead, in seconds (CA-9).
const LONGEST_SECONDS: i64 = 60 * 60;
const LONGEST_FAPI_SECONDS: i64 = 5 * 60;
const JTI_MAX_BYTES: usize = 512;

impl Provider {
    /// Whether the client signed this, for us, to be used about now, and once. Why not is logged for the operator; the app is told only
    /// that it did not authenticate (CA-3).
    pub(crate) async fn is_signed_by_client(&self, client: &Client, assertion: &str) -> Result<bool, Error> {
        match self.check_assertion(client, assertion).await? {
            Ok(()) => Ok(true),
            Err(reason) => {
                tracing::info!(client_id = client.id, %reason, "a client assertion was refused");
                Ok(false)
            }
        }
    }

    async fn check_assertion(&self, client: &Client, assertion: &str) -> Result<Result<(), Refusal>, Error> {
        let now = self.clock.now();
        let head = match jwt::head(assertion) {
            Ok(head) => head,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let algorithms = algorithms(client);
        // Before the keys: they may have to be fetched.
        if !algorithms.contains(&head.algorithm) {
            return Ok(Err(Refusal::Algorithm));
        }
        let keys = self.client_key(client, head.kid.as_deref(), head.algorithm).await?;
        let token_endpoint = format!("{}/oauth/token", self.config.issuer);
        let ours = [self.config.issuer.as_str(), token_endpoint.as_str()];
        let rules = Rules {
            typ: Type::Usual(&["jwt", "client-authentication+jwt"]),
            algorithms: &algorithms,
            issuer: Some(&client.client_id),
            subject: Some(&client.client_id),
            audience: match client.policy.is_fapi() {
                true => Audience::OnlyString(&self.config.issuer),
                false => Audience::All(&ours),
            },
            longest_seconds: Some(longest_seconds(client.policy)),
            ..jwt::STRICT
        };
        let claims = match jwt::verify(assertion, &keys, &rules, now) {
            Ok(claims) => claims,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Ok(jti) = claims.text("jti") else { return Ok(Err(Refusal::Claim("jti"))) };
        if JTI_MAX_BYTES < jti.len() {
            return Ok(Err(Refusal::Claim("jti")));
        }
        let until = claims.accepted_until(now);
        let first = transact!(self.db, |tx| {
            used_identifiers::use_once(tx, "client assertion", &client.client_id, jti, until, now).await
        })?;
        Ok(first.then_some(()).ok_or(Refusal::Used))
    }
}

/// As registered; else what the policy allows (CA-9, CA-11).
fn algorithms(client: &Client) -> Vec<Algorithm> {
    let allowed: &[Algorithm] = match client.policy.is_fapi() {
        true => &jwt::FAPI_ALGORITHMS,
        false => &jwt::ALGORITHMS,
    };
    match &client.metadata.token_endpoint_auth_signing_alg {
        Some(name) => jwt::algorithm(name).filter(|it| allowed.contains(it)).into_iter().collect(),
        None => allowed.to_vec(),
    }
}

const fn longest_seconds(policy: Policy) -> i64 {
    match policy.is_fapi() {
        true => LONGEST_FAPI_SECONDS,
        false => LONGEST_SECONDS,
    }
}

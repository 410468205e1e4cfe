//! Reading an id_token that we signed ourselves and an app sends back: `id_token_hint` (AZ-17, LO-2).

use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;

use crate::{Error, Provider, jwt};

/// What a hint proves. It may be expired: it says who was meant, not who is here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hint {
    pub sub: String,
    #[serde(deserialize_with = "one_or_more")]
    pub aud: Vec<String>,
    pub sid: Option<String>,
    /// Seconds since 1970.
    #[serde(default)]
    pub iat: i64,
}

impl Provider {
    /// None if the hint is not a JWT of ours: another issuer, `none`, HMAC, an unknown key, a changed letter (KEY-5, KEY-9), a time to
    /// come (ALL-13).
    pub async fn verify_id_token_hint(&self, hint: &str) -> Result<Option<Hint>, Error> {
        let Ok(header) = decode_header(hint) else { return Ok(None) };
        // Our other tokens are signed by the same keys, and say in their type what they are (RFC 8725, 3.11).
        if header.typ.as_deref() != Some("JWT") {
            return Ok(None);
        }
        let now = self.clock.now();
        let ring = self.key_ring().await?;
        let found = ring
            .published(now)
            .filter(|key| header.kid.as_ref().is_none_or(|kid| *kid == key.kid) && key.algorithm == header.alg)
            .find_map(|key| {
                let mut rules = Validation::new(key.algorithm);
                rules.validate_exp = false;
                rules.validate_aud = false;
                rules.set_issuer(&[&self.config.issuer]);
                // A signed userinfo answer has no end.
                rules.set_required_spec_claims(&["iss", "sub", "exp"]);
                decode::<Hint>(hint, &key.verifying, &rules).ok()
            });
        let is_of_now = |hint: &Hint| hint.iat <= now.as_second() + jwt::AHEAD_SECONDS;
        Ok(found.map(|token| token.claims).filter(is_of_now))
    }
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        More(Vec<String>),
    }
    Ok(match Audience::deserialize(reader)? {
        Audience::One(audience) => vec![audience],
        Audience::More(audience) => audience,
    })
}

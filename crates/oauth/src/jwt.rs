//! The one strict place that verifies JWTs which others signed: client assertions, DPoP proofs, request objects, authorization grants,
//! id_tokens of other providers (RFC 7519, RFC 8725).
//!
//! The algorithm is the caller's list, never the token's choice; `none` and HMAC do not exist here (KEY-5). Times are judged by our clock
//! with little patience (ALL-13). Who calls this finds the keys: `head` says by which `kid` and algorithm.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value as Json};

use crate::keys;

/// What anything we verify may be signed with (KEY-5).
pub const ALGORITHMS: [Algorithm; 4] = keys::ALGORITHMS;
/// The same without RS256 (section 27, line 8).
pub const FAPI_ALGORITHMS: [Algorithm; 3] = [Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// `exp` may be so long ago, in seconds (ALL-13).
pub const EXP_GRACE_SECONDS: i64 = 10;
/// `iat` and `nbf` may lie so far ahead, in seconds. 10 must pass, 60 must not (ALL-13).
pub(crate) const AHEAD_SECONDS: i64 = 30;
/// Seconds since 1970 beyond which no time is meant: the year 5138.
const LATEST_SECONDS: i64 = 100_000_000_000;

/// Why a JWT is worth nothing. The words may be told to whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is not a signed JWT")]
    Malformed,
    #[error("its typ is not the one expected here")]
    Type,
    #[error("its alg is not accepted here")]
    Algorithm,
    #[error("no known key verifies its signature")]
    Signature,
    #[error("its {0} is missing or of the wrong type")]
    Claim(&'static str),
    #[error("its iss is not the one expected here")]
    Issuer,
    #[error("its sub is not the one expected here")]
    Subject,
    #[error("its aud is not this server")]
    Audience,
    #[error("it is expired")]
    Expired,
    #[error("its exp lies too far ahead")]
    LastsTooLong,
    #[error("it is not valid yet")]
    NotYet,
    #[error("it was issued too long ago")]
    TooOld,
    #[error("its jti was used before")]
    Used,
}

/// The header, not verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    /// Lower case, without `application/`.
    pub typ: Option<String>,
    /// The embedded key, if there is one. Only DPoP believes in it.
    pub jwk: Option<Json>,
}

/// The `typ`s that a kind of JWT may have, lower case and without `application/` (RFC 8725, 3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type<'a> {
    /// One of these, and it must be there.
    Explicit(&'a [&'a str]),
    /// One of these, or none at all.
    Usual(&'a [&'a str]),
}

/// Which `aud` is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// Exactly this text, not a list (CA-10 under fapi2).
    OnlyString(&'a str),
    /// Every value in it is one of these: none is foreign (CA-10).
    All(&'a [&'a str]),
    /// One of its values is this.
    Contains(&'a str),
    /// Not looked at.
    Any,
}

/// What a JWT must be to be believed.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub typ: Type<'a>,
    pub algorithms: &'a [Algorithm],
    /// None: not looked at.
    pub issuer: Option<&'a str>,
    pub subject: Option<&'a str>,
    pub audience: Audience<'a>,
    pub requires_exp: bool,
    pub requires_nbf: bool,
    pub requires_iat: bool,
    /// `exp` at most so many seconds ahead of now.
    pub longest_seconds: Option<i64>,
    /// `iat` and `nbf`, where they stand, at most so many seconds ago.
    pub oldest_seconds: Option<i64>,
}

/// Strict beginnings: nothing is optional but what a caller makes so.
pub const STRICT: Rules<'static> = Rules {
    typ: Type::Explicit(&[]),
    algorithms: &ALGORITHMS,
    issuer: None,
    subject: None,
    audience: Audience::All(&[]),
    requires_exp: true,
    requires_nbf: false,
    requires_iat: false,
    longest_seconds: None,
    oldest_seconds: None,
};

/// What a JWT says, verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    pub iss: Option<String>,
    pub sub: Option<String>,
    /// As a list, however it was written.
    pub aud: Vec<String>,
    pub exp: Option<Timestamp>,
    pub nbf: Option<Timestamp>,
    pub iat: Option<Timestamp>,
    pub jti: Option<String>,
    /// All of them, also those above.
    pub all: Map<String, Json>,
}

impl Claims {
    /// A claim that must be a text which is not empty.
    pub fn text(&self, name: &'static str) -> Result<&str, Refusal> {
        match self.all.get(name) {
            Some(Json::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(Refusal::Claim(name)),
        }
    }

    /// How long the JWT may be accepted at most: until then its `jti` must be remembered. `otherwise` is for one without `exp`.
    pub fn accepted_until(&self, otherwise: Timestamp) -> Timestamp {
        let grace = SignedDuration::from_secs(EXP_GRACE_SECONDS + 1);
        self.exp.unwrap_or(otherwise).saturating_add(grace).unwrap_or(Timestamp::MAX)
    }
}

/// The algorithm of this name in `alg` (RFC 7518, 3.1), if we verify with it.
pub fn algorithm(name: &str) -> Option<Algorithm> {
    ALGORITHMS.into_iter().find(|&algorithm| keys::name_of(algorithm) == name)
}

/// Reads the header. `Algorithm` for `none`, HMAC and what nobody knows; `Malformed` for what is no JWS in compact form, or has `crit`
/// (we understand no extension, RFC 7515, 4.1.11).
pub fn head(token: &str) -> Result<Head, Refusal> {
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed);
    };
    let header = object(header)?;
    if header.contains_key("crit") || header.contains_key("enc") || header.contains_key("zip") {
        return Err(Refusal::Malformed);
    }
    let name = header.get("alg").and_then(Json::as_str).ok_or(Refusal::Malformed)?;
    let algorithm = algorithm(name).ok_or(Refusal::Algorithm)?;
    if signature.is_empty() {
        return Err(Refusal::Signature);
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::Malformed),
    };
    let typ = text("typ")?.map(|typ| typ.to_ascii_lowercase());
    let typ = typ.map(|typ| typ.strip_prefix("application/").map_or(typ.clone(), str::to_owned));
    Ok(Head { algorithm, kid: text("kid")?, typ, jwk: header.get("jwk").cloned() })
}

/// A claim that must be a text, before anything is verified: to know whose keys to look for, nothing else.
pub fn claimed(token: &str, name: &'static str) -> Result<String, Refusal> {
    let payload = token.split('.').nth(1).ok_or(Refusal::Malformed)?;
    match object(payload)?.get(name) {
        Some(Json::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(Refusal::Claim(name)),
    }
}

/// Verifies the signature by any of the keys (KEY-9), then everything that the rules say.
pub fn verify(token: &str, keys: &[DecodingKey], rules: &Rules<'_>, now: Timestamp) -> Result<Claims, Refusal> {
    let head = head(token)?;
    if !rules.algorithms.contains(&head.algorithm) {
        return Err(Refusal::Algorithm);
    }
    rules.typ.check(head.typ.as_deref())?;
    let all = signed(token, keys, head.algorithm)?;
    let claims = read(all)?;
    rules.check(&claims, now)?;
    Ok(claims)
}

/// The payload, if one of the keys made the signature. Keys of another family than the algorithm's are passed over: a public key is never
/// taken for an HMAC secret (RFC 8725, 2.1).
fn signed(token: &str, keys: &[DecodingKey], algorithm: Algorithm) -> Result<Map<String, Json>, Refusal> {
    let mut signature_only = Validation::new(algorithm);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    keys.iter()
        .filter(|key| key.family() == algorithm.family())
        .find_map(|key| jsonwebtoken::decode::<Map<String, Json>>(token, key, &signature_only).ok())
        .map(|token| token.claims)
        .ok_or(Refusal::Signature)
}

fn read(all: Map<String, Json>) -> Result<Claims, Refusal> {
    let text = |name: &'static str| match all.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::Claim(name)),
    };
    let aud = match all.get("aud") {
        None => Vec::new(),
        Some(Json::String(one)) => vec![one.clone()],
        Some(Json::Array(more)) => {
            let texts = more.iter().map(|it| it.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>();
            texts.ok_or(Refusal::Claim("aud"))?
        }
        Some(_) => return Err(Refusal::Claim("aud")),
    };
    Ok(Claims {
        iss: text("iss")?,
        sub: text("sub")?,
        aud,
        exp: instant(&all, "exp")?,
        nbf: instant(&all, "nbf")?,
        iat: instant(&all, "iat")?,
        jti: text("jti")?,
        all,
    })
}

/// A NumericDate (RFC 7519, 2), which may have a fraction.
fn instant(all: &Map<String, Json>, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = all.get(name) else { return Ok(None) };
    let seconds = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => seconds,
        // Out of range is caught below: the cast stops at the ends of i64.
        (None, Some(seconds)) if seconds.is_finite() => seconds.floor() as i64,
        _ => return Err(Refusal::Claim(name)),
    };
    if !(0..=LATEST_SECONDS).contains(&seconds) {
        return Err(Refusal::Claim(name));
    }
    Timestamp::from_second(seconds).map(Some).map_err(|_| Refusal::Claim(name))
}

impl Type<'_> {
    fn check(self, typ: Option<&str>) -> Result<(), Refusal> {
        let right = match (self, typ) {
            (Type::Explicit(_), None) => false,
            (Type::Usual(_), None) => true,
            (Type::Explicit(types) | Type::Usual(types), Some(typ)) => types.contains(&typ),
        };
        right.then_some(()).ok_or(Refusal::Type)
    }
}

impl Audience<'_> {
    fn check(self, claims: &Claims) -> Result<(), Refusal> {
        let right = match self {
            Audience::OnlyString(ours) => claims.all.get("aud").and_then(Json::as_str) == Some(ours),
            Audience::All(ours) => !claims.aud.is_empty() && claims.aud.iter().all(|aud| ours.contains(&aud.as_str())),
            Audience::Contains(ours) => claims.aud.iter().any(|aud| aud == ours),
            Audience::Any => true,
        };
        right.then_some(()).ok_or(Refusal::Audience)
    }
}

impl Rules<'_> {
    fn check(&self, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
        if self.issuer.is_some_and(|issuer| claims.iss.as_deref() != Some(issuer)) {
            return Err(Refusal::Issuer);
        }
        if self.subject.is_some_and(|subject| claims.sub.as_deref() != Some(subject)) {
            return Err(Refusal::Subject);
        }
        self.audience.check(claims)?;
        for (required, present, name) in [
            (self.requires_exp, claims.exp, "exp"),
            (self.requires_nbf, claims.nbf, "nbf"),
            (self.requires_iat, claims.iat, "iat"),
        ] {
            if required && present.is_none() {
                return Err(Refusal::Claim(name));
            }
        }
        self.check_times(claims, now)
    }

    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
        let now = now.as_second();
        if let Some(exp) = claims.exp.map(Timestamp::as_second) {
            if exp + EXP_GRACE_SECONDS <= now {
                return Err(Refusal::Expired);
            }
            if self.longest_seconds.is_some_and(|longest| now + longest + EXP_GRACE_SECONDS < exp) {
                return Err(Refusal::LastsTooLong);
            }
        }
        for at in [claims.iat, claims.nbf].into_iter().flatten().map(Timestamp::as_second) {
            if now + AHEAD_SECONDS < at {
                return Err(Refusal::NotYet);
            }
            if self.oldest_seconds.is_some_and(|oldest| at < now - oldest) {
                return Err(Refusal::TooOld);
            }
        }
        Ok(())
    }
}

fn object(part: &str) -> Result<Map<String, Json>, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Unsigned, for what is refused before a signature is looked at.
    fn token(header: &Json, payload: &Json) -> String {
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.c2ln", part(header), part(payload))
    }

    fn judge(payload: Json, rules: &Rules<'_>) -> Result<(), Refusal> {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let Json::Object(all) = payload else { panic!("an object") };
        rules.check(&read(all)?, now)
    }

    #[test]
    fn none_and_hmac_are_no_algorithms() {
        // KEY-5
        for name in ["none", "None", "HS256", "HS512", "RS1", ""] {
            assert_eq!(head(&token(&json!({ "alg": name }), &json!({}))), Err(Refusal::Algorithm), "{name}");
        }
        assert_eq!(head(&token(&json!({ "alg": 5 }), &json!({}))), Err(Refusal::Malformed));
        assert_eq!(head(&token(&json!({ "alg": "ES256", "crit": ["b64"] }), &json!({}))), Err(Refusal::Malformed));
    }

    #[test]
    fn a_typ_is_read_without_case_and_prefix() {
        let head = head(&token(&json!({ "alg": "ES256", "typ": "application/AT+jwt" }), &json!({}))).unwrap();

        assert_eq!(head.typ.as_deref(), Some("at+jwt"));
        assert_eq!(Type::Explicit(&["at+jwt"]).check(None), Err(Refusal::Type));
        assert_eq!(Type::Usual(&["jwt"]).check(None), Ok(()));
        assert_eq!(Type::Usual(&["jwt"]).check(Some("dpop+jwt")), Err(Refusal::Type));
    }

    #[test]
    fn times_are_judged_with_little_patience() {
        // ALL-13
        let rules = Rules { audience: Audience::Any, ..STRICT };

        for (claim, good, bad) in [("iat", 10, 61), ("nbf", 10, 61)] {
            assert_eq!(judge(json!({ "exp": 1_000_300, claim: 1_000_000 + good }), &rules), Ok(()));
            assert_eq!(judge(json!({ "exp": 1_000_300, claim: 1_000_000 + bad }), &rules), Err(Refusal::NotYet));
        }
        assert_eq!(judge(json!({ "exp": 1_000_000 - 9 }), &rules), Ok(()));
        assert_eq!(judge(json!({ "exp": 1_000_000 - 10 }), &rules), Err(Refusal::Expired));
        assert_eq!(judge(json!({}), &rules), Err(Refusal::Claim("exp")));
        for odd in [json!("1000300"), json!(null), json!(-5), json!(1e300), json!([1])] {
            assert_eq!(judge(json!({ "exp": odd }), &rules), Err(Refusal::Claim("exp")));
        }
    }

    #[test]
    fn an_audience_is_ours_alone_or_not_ours() {
        // CA-10
        let ours = ["https://a", "https://a/oauth/token"];
        let all = Rules { audience: Audience::All(&ours), requires_exp: false, ..STRICT };
        let only = Rules { audience: Audience::OnlyString("https://a"), ..all };

        assert_eq!(judge(json!({ "aud": "https://a" }), &all), Ok(()));
        assert_eq!(judge(json!({ "aud": ours }), &all), Ok(()));
        assert_eq!(judge(json!({ "aud": "https://a" }), &only), Ok(()));
        for bad in [
            json!({}),
            json!({ "aud": [] }),
            json!({ "aud": ["https://a", "https://b"] }),
            json!({ "aud": "https://a/" }),
        ] {
            assert_eq!(judge(bad, &all), Err(Refusal::Audience));
        }
        for bad in [json!({ "aud": ["https://a"] }), json!({ "aud": "https://a/oauth/token" })] {
            assert_eq!(judge(bad, &only), Err(Refusal::Audience));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_neither_panics_nor_passes(text in ".{0,300}", header in "[ -~]{0,100}", payload in "[ -~]{0,100}") {
            let now = Timestamp::from_second(1_000_000).unwrap();
            let key = DecodingKey::from_ec_components("AAAA", "AAAA").unwrap();
            let rules = Rules { audience: Audience::Any, requires_exp: false, typ: Type::Usual(&["jwt"]), ..STRICT };
            let made = format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&payload), text);
            let alg = format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(&payload), text);

            for token in [text, made, alg] {
                let _any = head(&token);
                let _any = claimed(&token, "sub");
                prop_assert!(verify(&token, std::slice::from_ref(&key), &rules, now).is_err());
            }
        }

        #[test]
        fn arbitrary_numbers_in_times_are_no_trouble(exp in any::<f64>(), iat in any::<i64>(), nbf in any::<u64>()) {
            let rules = Rules { audience: Audience::Any, longest_seconds: Some(3600), oldest_seconds: Some(60), ..STRICT };
            let _any = judge(json!({ "exp": exp, "iat": iat, "nbf": nbf }), &rules);
        }
    }
}

//! Signed request objects (RFC 9101; FAPI 2.0 Message Signing, 5.3): an authorization request that nobody could change on its way (JA-1, JA-2).
//!
//! What stands in the object replaces what stands beside it. Objects at an address of the app are not taken (JA-3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value as Json};

use crate::clients::Client;
use crate::form::Params;
use crate::jwt::{self, Audience, Refusal, Rules, STRICT, Type};
use crate::{Code, Error, Provider};

/// Longest life and greatest age of an object, in seconds (FAPI 2.0 Message Signing, 5.3.1).
const MOST_SECONDS: i64 = 60 * 60;
const TYPES: [&str; 2] = ["oauth-authz-req+jwt", "jwt"];
/// Claims about the object itself, which are no parameters.
const ABOUT_ITSELF: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

impl Provider {
    /// The parameters within. `request_not_supported` for a client that has registered no key (AZ-22), `invalid_request_object` for
    /// everything that is wrong with the object.
    pub(crate) async fn request_object(&self, client: &Client, object: &str) -> Result<Params, Error> {
        if client.metadata.jwks.is_none() && client.metadata.jwks_uri.is_none() {
            return Err(Error::of(Code::RequestNotSupported, "The app has no keys to sign requests with."));
        }
        let head = jwt::head(object).map_err(refused)?;
        let keys = self.client_key(client, head.kid.as_deref(), head.algorithm).await?;
        let algorithms = algorithms(client);
        let is_strict = client.policy.requires_signed_requests();
        let rules = Rules {
            typ: Type::Usual(&TYPES),
            algorithms: &algorithms,
            issuer: Some(&client.client_id),
            audience: Audience::Contains(&self.config.issuer),
            requires_exp: is_strict,
            requires_nbf: is_strict,
            longest_seconds: Some(MOST_SECONDS),
            oldest_seconds: Some(MOST_SECONDS),
            ..STRICT
        };
        let claims = jwt::verify(object, &keys, &rules, self.clock.now()).map_err(refused)?;
        if let (Some(exp), Some(nbf)) = (claims.exp, claims.nbf)
            && MOST_SECONDS < exp.as_second() - nbf.as_second()
        {
            return Err(refused(Refusal::LastsTooLong));
        }
        if claims.all.get("client_id").and_then(Json::as_str) != Some(&client.client_id) {
            return Err(invalid("Its client_id is not the app's."));
        }
        params(&claims.all)
    }
}

/// The app's own choice; else all that its policy lets it use (FP-1).
fn algorithms(client: &Client) -> Vec<Algorithm> {
    let chosen = client.metadata.request_object_signing_alg.as_deref();
    let mut algorithms = jwt::ALGORITHMS.to_vec();
    algorithms.retain(|&algorithm| {
        client.policy.may_sign_with(algorithm) && chosen.is_none_or(|name| jwt::algorithm(name) == Some(algorithm))
    });
    algorithms
}

fn params(claims: &Map<String, Json>) -> Result<Params, Error> {
    let mut params = Params::default();
    for (name, value) in claims {
        match (name.as_str(), value) {
            (name, _) if ABOUT_ITSELF.contains(&name) => {}
            ("request" | "request_uri", _) => return Err(invalid("A request object cannot hold another.")),
            (_, Json::Null) => {}
            ("resource", Json::Array(more)) => {
                for value in more {
                    params.pairs.push((name.clone(), text(name, value)?));
                }
            }
            ("claims" | "authorization_details", Json::Object(_) | Json::Array(_)) => {
                params.pairs.push((name.clone(), value.to_string()));
            }
            (_, value) => params.pairs.push((name.clone(), text(name, value)?)),
        }
    }
    Ok(params)
}

fn text(name: &str, value: &Json) -> Result<String, Error> {
    match value {
        Json::String(text) if !text.contains('\0') => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Bool(truth) => Ok(truth.to_string()),
        _ => Err(invalid(format!("Its {name} is of the wrong type."))),
    }
}

/// Where to tell the app of a bad object: what the object says, believed only as far as a query would be, else what stands beside it.
pub(crate) fn way_back(object: &str, sent: &Params) -> Params {
    let claims = object
        .split('.')
        .nth(1)
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok())
        .and_then(|payload| serde_json::from_slice::<Map<String, Json>>(&payload).ok())
        .unwrap_or_default();
    let mut params = Params::default();
    for name in ["redirect_uri", "response_mode", "state", "scope"] {
        let within = claims.get(name).and_then(Json::as_str).filter(|text| !text.contains('\0'));
        if let Some(value) = within.or(sent.get(name)) {
            params.pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    params.repeated = sent.repeated.clone();
    params
}

fn refused(why: Refusal) -> Error {
    invalid(format!("The request object cannot be believed: {why}."))
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::of(Code::InvalidRequestObject, text)
}

//! Software statements (RFC 7591, section 2.3): what somebody we trust has signed about an app takes the place of what it says itself.

use serde_json::Value as Json;

use super::body::Members;
use super::settings::Settings;
use crate::client_keys::KeySource;
use crate::jwt::{self, Audience, Rules, STRICT, Type};
use crate::{Code, Error, Provider};

/// Claims about the statement, not about the app.
const OF_THE_JWT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

impl Provider {
    /// The statement as it was sent, if there is one. `invalid_software_statement` for one that proves nothing,
    /// `unapproved_software_statement` for one by somebody we do not know.
    pub(super) async fn apply_statement(
        &self,
        sent: &mut Members,
        settings: &Settings,
    ) -> Result<Option<String>, Error> {
        let invalid = |why: jwt::Refusal| {
            Error::of(Code::InvalidSoftwareStatement, format!("The software statement is worth nothing: {why}."))
        };
        let Some(value) = sent.get("software_statement") else { return Ok(None) };
        let Json::String(statement) = value else { return Err(invalid(jwt::Refusal::Malformed)) };
        let statement = statement.clone();
        let head = jwt::head(&statement).map_err(invalid)?;
        let issuer = jwt::claimed(&statement, "iss").map_err(invalid)?;
        let Some(trusted) = settings.statement_issuers.iter().find(|it| it.issuer == issuer) else {
            return Err(Error::of(
                Code::UnapprovedSoftwareStatement,
                "Whoever issued the software statement is not known here.",
            ));
        };
        let source = KeySource { jwks: None, jwks_uri: Some(&trusted.jwks_uri) };
        let keys = self.key_of(source, head.kid.as_deref(), head.algorithm).await?;
        let rules = Rules {
            typ: Type::Usual(&["jwt"]),
            issuer: Some(&issuer),
            audience: Audience::Any,
            requires_exp: false,
            ..STRICT
        };
        let claims = jwt::verify(&statement, &keys, &rules, self.clock.now()).map_err(invalid)?;
        for (name, value) in claims.all {
            if !OF_THE_JWT.contains(&name.as_str()) && name != "software_statement" {
                sent.replace(name, value);
            }
        }
        Ok(Some(statement))
    }
}

//! Access tokens as the app's record wants them: opaque (AT-1), or signed for resource servers that read them (AT-2; RFC 9068).
//!
//! A signed one is kept by its hash as an opaque one is, so it is looked up, introspected and revoked in the same way (AT-3): within
//! this account nobody believes what it says. It is signed before the transaction, from facts of a family that never change.

use jiff::Timestamp;
use scope::set::ScopeSet;
use serde_json::{Map, Value as Json, json};

use super::{Call, Drawn};
use crate::resources::Audience;
use crate::{Error, secret};

/// The `typ` of a signed access token, which no id_token has (AT-5).
const TYPE: &str = "at+jwt";

/// What a token is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// None: the app acts for itself.
    pub(super) person: Option<Person<'a>>,
    pub(super) scope: &'a ScopeSet,
    pub(super) audience: Audience,
    pub(super) seconds: i64,
}

/// For whom an app acts, and how they signed in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person<'a> {
    pub(super) id: i64,
    pub(super) auth_time: Option<Timestamp>,
    pub(super) acr: Option<&'a str>,
    /// Who acts for them: the `act` chain, as JSON (RFC 8693, 4.1).
    pub(super) act: Option<&'a str>,
}

impl Call<'_> {
    /// Whether this app's access tokens are signed.
    pub(super) fn signs_access_tokens(&self) -> bool {
        self.known.client.jwt_access_tokens
    }

    /// A token that says nothing.
    pub(super) fn opaque_access_token(&self) -> Drawn {
        Drawn::new(secret::access_token(&self.provider.random))
    }

    /// The token as the app's record wants it.
    pub(super) async fn access_token(&self, about: &About<'_>) -> Result<Drawn, Error> {
        match self.signs_access_tokens() {
            true => {
                let signed = self.provider.sign_for(&self.known.client, TYPE, |_now| self.claims(about)).await?;
                Ok(Drawn::new(signed))
            }
            false => Ok(self.opaque_access_token()),
        }
    }

    fn claims(&self, about: &About<'_>) -> Result<Json, Error> {
        let (issuer, client_id) = (&self.provider.config.issuer, &self.known.client.client_id);
        let mut claims = Map::new();
        let mut set = |name: &str, value: Json| {
            claims.insert(name.to_owned(), value);
        };
        set("iss", json!(issuer));
        set("aud", about.audience.claim(issuer));
        set("client_id", json!(client_id));
        set("scope", json!(about.scope.as_str()));
        set("iat", json!(self.now.as_second()));
        set("exp", json!(self.now.as_second() + about.seconds));
        set("jti", json!(self.provider.random.token()));
        if let Some(jkt) = &self.jkt {
            set("cnf", json!({ "jkt": jkt }));
        }
        match about.person {
            Some(person) => {
                set("sub", json!(self.provider.sub(&self.known.client, person.id)?));
                if let Some(auth_time) = person.auth_time {
                    set("auth_time", json!(auth_time.as_second()));
                }
                if let Some(acr) = person.acr {
                    set("acr", json!(acr));
                }
                if let Some(act) = person.act.and_then(|act| serde_json::from_str(act).ok()) {
                    set("act", act);
                }
            }
            // No person's `sub` begins so (CC-2).
            None => set("sub", json!(format!("client:{client_id}"))),
        }
        Ok(Json::Object(claims))
    }
}

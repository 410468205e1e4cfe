//! Passkeys (WebAuthn Level 3): what a browser is asked, and whether what it answers is right.
//!
//! A crate of its own, for what it builds on is heavy. It keeps nothing and knows no person: the state of a ceremony and the stored
//! credential travel as JSON texts, which the caller keeps where nobody else can read or change them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Webauthn, WebauthnBuilder, WebauthnError,
};

/// The ceremonies of one site.
#[derive(Debug, Clone)]
pub struct Passkeys(Arc<Webauthn>);

/// A ceremony that has begun.
#[derive(Debug, Clone)]
pub struct Started {
    /// The `publicKey` member of what the browser's API takes, as JSON.
    pub options: String,
    /// To be handed back at the end, and to nobody else.
    pub state: String,
}

/// A new passkey.
#[derive(Debug, Clone)]
pub struct Registered {
    /// Base64url.
    pub credential_id: String,
    /// What to store: public key, counter and flags, as JSON.
    pub credential: String,
    /// See `Used::synced`.
    pub synced: bool,
}

/// Whose passkey a browser says it used. Not proven before the ceremony is finished.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub user: Uuid,
    /// Base64url.
    pub credential_id: String,
}

/// A passkey that was used, rightly.
#[derive(Debug, Clone)]
pub struct Used {
    /// Base64url.
    pub credential_id: String,
    /// What to store instead, if anything of it changed.
    pub credential: Option<String>,
    /// It may lie on several devices of the person, so it proves possession of software, not of one piece of hardware.
    pub synced: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The browser's answer is not what was asked for, or the passkey is not the one it should be.
    #[error("the passkey was not accepted: {0}")]
    Refused(WebauthnError),
    #[error("the browser's answer cannot be read")]
    Answer,
    /// Something that we wrote ourselves cannot be read.
    #[error("{0} of a passkey cannot be read")]
    Stored(&'static str),
}

impl Passkeys {
    /// For the site at this address. None where browsers have no passkeys: they want a host name, not an IP address.
    pub fn new(public_url: &str) -> Option<Passkeys> {
        let origin = Url::parse(public_url).ok()?;
        let host = origin.domain()?.to_owned();
        let webauthn = WebauthnBuilder::new(&host, &origin).ok()?.rp_name("Bailiwick").build().ok()?;
        Some(Passkeys(Arc::new(webauthn)))
    }

    /// Begins to make a passkey. `user` is the same for all passkeys of a person; `known` are the credentials they have.
    pub fn start_registration(&self, user: Uuid, name: &str, shown: &str, known: &[String]) -> Result<Started, Error> {
        let known = known.iter().map(|text| stored::<Passkey>(text)).collect::<Result<Vec<Passkey>, Error>>()?;
        let known = known.iter().map(|passkey| passkey.cred_id().clone()).collect();
        let (options, state) =
            self.0.start_passkey_registration(user, name, shown, Some(known)).map_err(Error::Refused)?;
        let mut options = serde_json::to_value(options.public_key).map_err(|_| Error::Stored("what is asked"))?;
        // Signing in begins with the passkey, not with a name, so it must be one that can be found without a name.
        options["authenticatorSelection"]["residentKey"] = "required".into();
        options["authenticatorSelection"]["requireResidentKey"] = true.into();
        Ok(Started { options: options.to_string(), state: text(&state)? })
    }

    pub fn finish_registration(&self, state: &str, answer: &str) -> Result<Registered, Error> {
        let answer: RegisterPublicKeyCredential = serde_json::from_str(answer).map_err(|_| Error::Answer)?;
        let state: PasskeyRegistration = stored(state)?;
        let passkey = self.0.finish_passkey_registration(&answer, &state).map_err(Error::Refused)?;
        let credential = serde_json::to_value(&passkey).map_err(|_| Error::Stored("the key"))?;
        // The library keeps this flag to itself, except in what is stored.
        let synced = credential["cred"]["backup_eligible"].as_bool().unwrap_or(true);
        Ok(Registered { credential_id: id_of(&passkey), credential: credential.to_string(), synced })
    }

    /// Begins a sign-in of whoever has a passkey of this site.
    pub fn start_sign_in(&self) -> Result<Started, Error> {
        let (options, state) = self.0.start_discoverable_authentication().map_err(Error::Refused)?;
        Ok(Started { options: text(&options.public_key)?, state: text(&state)? })
    }

    /// Whose passkey the browser says it is.
    pub fn claimed(&self, answer: &str) -> Result<Claimed, Error> {
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(|_| Error::Answer)?;
        let (user, _id) = self.0.identify_discoverable_authentication(&answer).map_err(Error::Refused)?;
        Ok(Claimed { user, credential_id: answer.id })
    }

    /// Ends a sign-in with the stored credential that the browser claims to have used.
    pub fn finish_sign_in(&self, state: &str, answer: &str, credential: &str) -> Result<Used, Error> {
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(|_| Error::Answer)?;
        let state: DiscoverableAuthentication = stored(state)?;
        let passkey: Passkey = stored(credential)?;
        let result = self.0.finish_discoverable_authentication_v2(&answer, state, &passkey).map_err(Error::Refused)?;
        used(passkey, &result)
    }

    /// Begins to ask a person whose name is known for one of their passkeys.
    pub fn start_second_factor(&self, credentials: &[String]) -> Result<Started, Error> {
        let passkeys = credentials.iter().map(|text| stored(text)).collect::<Result<Vec<Passkey>, Error>>()?;
        let (options, state) = self.0.start_passkey_authentication(&passkeys).map_err(Error::Refused)?;
        Ok(Started { options: text(&options.public_key)?, state: text(&state)? })
    }

    /// Ends it. `credentials` are those of the person, as they are now.
    pub fn finish_second_factor(&self, state: &str, answer: &str, credentials: &[String]) -> Result<Used, Error> {
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(|_| Error::Answer)?;
        let state: PasskeyAuthentication = stored(state)?;
        let result = self.0.finish_passkey_authentication(&answer, &state).map_err(Error::Refused)?;
        for text in credentials {
            let passkey: Passkey = stored(text)?;
            if passkey.cred_id() == result.cred_id() {
                return used(passkey, &result);
            }
        }
        // It was removed while it was being asked for.
        Err(Error::Refused(WebauthnError::CredentialNotFound))
    }
}

fn used(mut passkey: Passkey, result: &AuthenticationResult) -> Result<Used, Error> {
    let changed = passkey.update_credential(result) == Some(true);
    Ok(Used {
        credential_id: id_of(&passkey),
        credential: if changed { Some(text(&passkey)?) } else { None },
        synced: result.backup_eligible(),
    })
}

/// Base64url without padding, as browsers name it.
fn id_of(passkey: &Passkey) -> String {
    URL_SAFE_NO_PAD.encode(passkey.cred_id())
}

fn text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::Stored("the state"))
}

fn stored<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::Stored("the state"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_passkeys_where_there_is_a_host_name() {
        assert!(Passkeys::new("https://help.example.com").is_some());
        assert!(Passkeys::new("http://localhost:8080").is_some());
        assert!(Passkeys::new("http://127.0.0.1:8080").is_none());
    }

    #[test]
    fn a_passkey_is_made_so_that_it_can_be_found_without_a_name() {
        // LS-8
        let passkeys = Passkeys::new("https://help.example.com").unwrap();

        let started = passkeys.start_registration(Uuid::nil(), "ada@example.com", "Ada", &[]).unwrap();

        let options: serde_json::Value = serde_json::from_str(&started.options).unwrap();
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["rp"]["id"], "help.example.com");
        assert!(matches!(passkeys.finish_registration(&started.state, "{}"), Err(Error::Answer)));
    }
}

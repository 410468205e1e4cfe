//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0; LO-1 to LO-6): an app sends the browser here to sign the person out.
//!
//! An id_token of ours for the person who is signed in is proof enough to end the session at once. Whoever has none may only make us
//! ask. The browser is sent on to nothing but an address that the app registered, letter for letter (LO-3).

use form_urlencoded::Serializer;
use store::{StoreError, Tx};

use crate::authorize::Browser;
use crate::clients::{self, Client};
use crate::form::Params;
use crate::jose::Hint;
use crate::redirect_uri::RedirectUri;
use crate::sessions::Session;
use crate::{Error, Provider, sign_in};

/// Longest query or form, in bytes (ALL-14).
const RAW_MAX_BYTES: usize = 64 * 1024;
/// Longest `state` that is given back, in bytes (ALL-14).
const STATE_MAX_BYTES: usize = 2048;

/// What the browser is shown next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logout {
    /// Nobody is signed in any more: on to the app. Clear the cookie, answer 303.
    Leave { address: String },
    /// Ask, with a form that posts `request` to `/logout` under a CSRF value of its own (LO-5).
    Ask { request: String, app: Option<String> },
    /// Nobody is signed in any more, and there is nowhere to go by itself. Clear the cookie.
    SignedOut { back: Option<Back> },
    /// The request cannot be trusted. Nothing was changed.
    Page { detail: &'static str },
}

/// A way to the app that the person may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    pub app: String,
    pub address: String,
}

/// A request that holds together.
struct Checked {
    hint: Option<Hint>,
    client: Option<Client>,
    /// Registered by `client`.
    address: Option<String>,
    state: Option<String>,
}

impl Provider {
    /// A request at the end session endpoint. `raw` is the query string of a GET or the form body of a POST, not decoded.
    ///
    /// An error is the database's, and the session is what it was.
    pub async fn end_session(&self, raw: &[u8], browser: &Browser<'_>) -> Result<Logout, StoreError> {
        let checked = match self.check_logout(raw).await.map_err(store_error)? {
            Ok(checked) => checked,
            Err(page) => return Ok(page),
        };
        let Some(session) = browser.session else { return Ok(checked.signed_out()) };
        if !self.names(&checked, session).map_err(store_error)? {
            return Ok(Logout::Ask { request: checked.as_request(), app: checked.client.map(|client| client.name) });
        }
        let by = checked.client.as_ref().map(|client| client.id);
        self.end_own_session(session, &browser.request_id, by).await.map_err(sign_in::store_error)?;
        Ok(checked.signed_out())
    }

    /// Where to go after the person said yes to the question whose form carried this `request`. None: nowhere.
    pub async fn after_logout(&self, request: &str) -> Result<Option<String>, StoreError> {
        let Ok(params) = Params::decode(request) else { return Ok(None) };
        let (Some(client_id), Some(address)) = (params.get("client_id"), params.get("post_logout_redirect_uri")) else {
            return Ok(None);
        };
        let client = clients::by_client_id(&mut self.db.read().await?, client_id).await?;
        Ok(client.filter(|client| is_registered(client, address)).map(|_| with_state(address, params.get("state"))))
    }

    /// THE CHECKS. The inner error is a page: nothing that fails one of them leads anywhere (LO-3).
    async fn check_logout(&self, raw: &[u8]) -> Result<Result<Checked, Logout>, Error> {
        let Some(params) = decode(raw) else {
            return Ok(Err(page(
                "The app sent something that is not readable text, says something twice, or is too much.",
            )));
        };
        let hint = match params.get("id_token_hint") {
            None => None,
            Some(text) => match self.verify_id_token_hint(text).await? {
                Some(hint) => Some(hint),
                None => {
                    return Ok(Err(page("The proof it sent of who is signed in (id_token_hint) is not one of ours.")));
                }
            },
        };
        let client_id = match (params.get("client_id"), &hint) {
            (Some(client_id), Some(hint)) if !hint.aud.iter().any(|audience| audience == client_id) => {
                return Ok(Err(page("The proof it sent (id_token_hint) was made for another app.")));
            }
            (Some(client_id), _) => Some(client_id),
            (None, Some(hint)) => hint.aud.first().map(String::as_str),
            (None, None) => None,
        };
        let client = match client_id {
            None => None,
            Some(client_id) => match active(&mut self.db.read().await?, client_id).await? {
                Some(client) => Some(client),
                None => {
                    return Ok(Err(page("No app with this client_id is known here. It may have been switched off.")));
                }
            },
        };
        let address = match (params.get("post_logout_redirect_uri"), &client) {
            (None, _) => None,
            (Some(_), None) => return Ok(Err(page("It asks to be returned to, but does not say which app it is."))),
            (Some(address), Some(client)) if is_registered(client, address) => Some(address.to_owned()),
            (Some(_), Some(_)) => {
                return Ok(Err(page(
                    "The address it wants to be returned to (post_logout_redirect_uri) is not one that it has registered.",
                )));
            }
        };
        let state = params.get("state").map(str::to_owned);
        Ok(Ok(Checked { hint, client, address, state }))
    }

    /// Whether the hint proves that the app means whoever is signed in: the same session, or the same person in another.
    fn names(&self, checked: &Checked, session: &Session) -> Result<bool, Error> {
        let (Some(hint), Some(client)) = (&checked.hint, &checked.client) else { return Ok(false) };
        Ok(self.person_of_sub(client, &hint.sub)? == Some(session.person_id))
    }
}

impl Checked {
    /// The answer once nobody is signed in. Without a hint, only a person may choose to go on (RPL 3).
    fn signed_out(self) -> Logout {
        match (self.address, self.client) {
            (Some(address), Some(client)) => {
                let address = with_state(&address, self.state.as_deref());
                match self.hint {
                    Some(_) => Logout::Leave { address },
                    None => Logout::SignedOut { back: Some(Back { app: client.name, address }) },
                }
            }
            _ => Logout::SignedOut { back: None },
        }
    }

    /// What `after_logout` needs.
    fn as_request(&self) -> String {
        let mut query = Serializer::new(String::new());
        if let (Some(address), Some(client)) = (&self.address, &self.client) {
            query.append_pair("client_id", &client.client_id).append_pair("post_logout_redirect_uri", address);
            if let Some(state) = &self.state {
                query.append_pair("state", state);
            }
        }
        query.finish()
    }
}

fn page(detail: &'static str) -> Logout {
    Logout::Page { detail }
}

/// The parameters, if they are text, each once, and of a bearable length (ALL-3, ALL-5, ALL-14).
fn decode(raw: &[u8]) -> Option<Params> {
    let text = std::str::from_utf8(raw).ok().filter(|_| raw.len() <= RAW_MAX_BYTES)?;
    let params = Params::decode(text).ok()?;
    let is_short = params.get("state").is_none_or(|state| state.len() <= STATE_MAX_BYTES);
    (params.repeated.is_empty() && is_short).then_some(params)
}

async fn active(tx: &mut Tx, client_id: &str) -> Result<Option<Client>, StoreError> {
    Ok(clients::by_client_id(tx, client_id).await?.filter(Client::is_active))
}

/// Letter for letter, and fit for a `Location`.
fn is_registered(client: &Client, address: &str) -> bool {
    client.is_active()
        && client.metadata.post_logout_redirect_uris.iter().any(|registered| registered == address)
        && RedirectUri::check(address).is_ok()
}

fn with_state(address: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return address.to_owned() };
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{}", Serializer::new(String::new()).append_pair("state", state).finish())
}

fn store_error(error: Error) -> StoreError {
    match error {
        Error::Store(error) => error,
        error => {
            error.log();
            StoreError::Unavailable("the signing keys cannot be read".to_owned())
        }
    }
}

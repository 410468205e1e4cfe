//! Whether a call that lasts may go on: its credential is looked at again and again, with what the person and the app may do by then.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use helpdesk::api_keys;
use oauth::dpop::Scheme;
use scope::permit::{Actor, Caller};
use scope::resource::{Access, Resource};
use store::StoreError;

use crate::authenticate::{self, permissions_of_key};
use crate::may::{self, Refused};
use crate::routes::Surface;
use crate::{App, ClientAddress, Needs, Why};

/// A handler argument, after `May`: the credential of a call whose answer goes on for long.
pub struct Standing {
    app: App,
    surface: Surface,
    shown: Shown,
    from: Option<IpAddr>,
    actor: Arc<Actor>,
}

/// What the call came with. A proof of a bound token was checked then, and is not asked for again.
enum Shown {
    Token(String),
    Key { email: String, key: String },
}

impl Needs for Standing {}

impl FromRequestParts<App> for Standing {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Standing, Refused> {
        let needed = may::needed(parts, app)?;
        let refuse = |why| may::refused(why, Some(&needed), app);
        let caller = authenticate::by_token(parts, app, needed.surface).await.map_err(refuse)?;
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (scheme, credentials) = header.split_once(' ').ok_or_else(|| refuse(Why::NoCredentials))?;
        let shown = match Scheme::parse(scheme) {
            Some(_) => Shown::Token(credentials.trim().to_owned()),
            None => {
                let (email, key) =
                    authenticate::email_and_key(credentials.trim()).ok_or_else(|| refuse(Why::InvalidKey))?;
                Shown::Key { email, key }
            }
        };
        let from = parts.extensions.get::<ClientAddress>().map(|address| address.0);
        Ok(Standing { app: app.clone(), surface: needed.surface, shown, from, actor: caller.actor.clone() })
    }
}

impl Standing {
    /// The person who calls.
    pub fn person_id(&self) -> Option<i64> {
        self.actor.person_id
    }

    /// False once the credential has ended, the person has another role, or it no longer opens this.
    pub async fn still_may<R: Resource, A: Access>(&self) -> Result<bool, StoreError> {
        let (role, granted) = match &self.shown {
            Shown::Token(token) => {
                let bearer = self.app.provider.bearer(token, self.from).await?;
                let Some(bearer) = bearer.filter(|bearer| bearer.audience.has(self.surface.target)) else {
                    return Ok(false);
                };
                (bearer.role, bearer.granted)
            }
            Shown::Key { email, key } => {
                if authenticate::keys_are_off(&self.app).await? {
                    return Ok(false);
                }
                let mut tx = self.app.db.read().await?;
                let holder = match api_keys::authenticate(&mut tx, email, key).await {
                    Ok(Some(holder)) => holder,
                    Err(helpdesk::Error::Store(error)) => return Err(error),
                    Ok(None) | Err(_) => return Ok(false),
                };
                (holder.role, permissions_of_key(&holder))
            }
        };
        let caller = Caller::new(Actor { role: Some(role), ..Actor::default() }, granted);
        Ok(self.actor.role == Some(role) && caller.check::<R, A>().is_ok())
    }
}

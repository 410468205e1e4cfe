//! Whether a call that lasts may go on: its credential is looked at again and again, with what the person and the app may do by then.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use scope::permit::Actor;
use scope::resource::{Access, Resource};
use store::StoreError;

use crate::authenticate::{self, Credentials};
use crate::live::Stopping;
use crate::may::{self, Refused};
use crate::routes::Needed;
use crate::{App, ClientAddress, Needs, Why};

/// A handler argument, after `May`: the credential of a call whose answer goes on for long, and the server's stop, which ends it too.
pub struct Standing {
    app: App,
    needed: Arc<Needed>,
    shown: Credentials,
    from: Option<IpAddr>,
    actor: Arc<Actor>,
    pub(crate) stopping: Stopping,
}

impl Needs for Standing {}

impl FromRequestParts<App> for Standing {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Standing, Refused> {
        let needed = may::needed(parts, app)?;
        let refuse = |why| may::refused(why, Some(&needed), app);
        let caller = authenticate::by_token(parts, app, needed.surface).await.map_err(refuse)?;
        let shown = authenticate::shown(parts).ok_or_else(|| refuse(Why::NoCredentials))?;
        let from = parts.extensions.get::<ClientAddress>().map(|address| address.0);
        let stopping = parts.extensions.get::<Stopping>().cloned().unwrap_or_default();
        Ok(Standing { app: app.clone(), needed: needed.clone(), shown, from, actor: caller.actor.clone(), stopping })
    }
}

impl Standing {
    /// The person who calls.
    pub fn person_id(&self) -> Option<i64> {
        self.actor.person_id
    }

    /// A refusal for another reason than a permission, in the surface's words.
    pub fn refuse(&self, why: Why) -> Box<Refused> {
        Box::new(may::refused(why, Some(&self.needed), &self.app))
    }

    /// False once the credential has ended, the person has another role, or it no longer opens this.
    pub async fn still_may<R: Resource, A: Access>(&self) -> Result<bool, StoreError> {
        let caller = authenticate::again(&self.app, &self.shown, self.from, self.needed.surface).await?;
        Ok(caller.is_some_and(|caller| caller.actor.role == self.actor.role && caller.check::<R, A>().is_ok()))
    }
}

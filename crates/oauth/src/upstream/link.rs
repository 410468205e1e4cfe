//! Whose identity it is: a link by provider and `sub`, never by address (OpenID Connect Core 5.7).
//!
//! Nobody is linked by what another provider says alone. Whoever is unknown signs in here once by our own means, sees which identity is
//! about to open their account from then on, and confirms. An address that both sides have verified fills in the form, no more.

use helpdesk::customers;
use helpdesk::events::{self, Change};
use helpdesk::people::PersonRef;
use jiff::{SignedDuration, Timestamp};
use scope::permit::Actor;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{StoreError, Transient, Tx, transact};

use super::finish::{Arrived, PURPOSE};
use super::{ACR, AMR, Away, Identity, UpstreamError, providers};
use crate::authorize::Browser;
use crate::factors::passkeys;
use crate::sessions::{self, NewSession, Session, SignedIn};
use crate::sign_in::store_error;
use crate::{Error, Provider, own_account, secret};

const ONLY_WAY: &str = "You sign in by this account alone. Choose a password or add a passkey first.";

/// How long a person may take to sign in here and confirm.
const WAITS_FOR: SignedDuration = SignedDuration::from_mins(15);

/// An identity that waits for its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Opens it, in this browser alone.
    pub handle: String,
    /// Name of the provider.
    pub provider: String,
    /// What the provider calls the person, if it has said so: a verified address or a name.
    pub called: Option<String>,
    /// A verified address that is a verified address here too: for the form.
    pub email: Option<String>,
    pub request: Option<String>,
    pub return_to: Option<String>,
}

/// An account elsewhere that opens a person's account here, as that person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    pub id: i64,
    /// Name of the provider.
    pub provider: String,
    /// Whether people may sign in through the provider now.
    pub is_active: bool,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// Those of one person, the oldest first (`upstream_identities_by_person`).
pub async fn linked(tx: &mut Tx, person_id: i64) -> Result<Vec<Linked>, StoreError> {
    let rows = tx
        .rows(
            "select u.id as id, p.name as name, p.status as status, u.created_at as created_at, u.last_used_at as last_used_at
             from upstream_identities u join identity_providers p on p.id = u.provider_id
             where u.person_id = $1 order by u.id limit 100",
            &[person_id.into()],
        )
        .await?;
    let of_row = |row: &store::Row| {
        Ok(Linked {
            id: row.int("id")?,
            provider: row.text("name")?,
            is_active: row.text("status")? == "active",
            created_at: row.time("created_at")?,
            last_used_at: row.time_or_null("last_used_at")?,
        })
    };
    rows.iter().map(of_row).collect()
}

/// Why nothing was linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("This page has expired, or it was opened in another browser. Start again.")]
    Expired,
    /// The person must prove here who they are, after the identity arrived.
    #[error("sign in first")]
    SignInFirst,
    #[error("That account is connected with somebody else here.")]
    Taken,
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> LinkError {
        LinkError::Failed(error.into())
    }
}

impl Transient for LinkError {
    fn is_transient(&self) -> bool {
        matches!(self, LinkError::Failed(error) if error.is_transient())
    }
}

/// What waits, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    identity: Identity,
    request: Option<String>,
    return_to: Option<String>,
}

impl Provider {
    /// Ends a link of the person who is signed in. `NotFound` if it is not theirs; `Refused` if they could not sign in any more without it.
    pub async fn unlink(&self, session: &Session, request_id: &str, id: i64) -> Result<(), helpdesk::Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let person_id = session.person_id;
            let ours = linked(tx, person_id).await?;
            if !ours.iter().any(|it| it.id == id) {
                return Err(helpdesk::Error::NotFound { kind: "connected account", id });
            }
            let has_password = own_account::standing(tx, person_id).await?.has_password;
            let has_passkey = !passkeys::list(tx, person_id).await?.is_empty();
            let has_another = ours.iter().any(|it| it.id != id && it.is_active);
            if !has_another && !has_password && !has_passkey {
                return Err(helpdesk::Error::Refused(ONLY_WAY.to_owned()));
            }
            let sql = "delete from upstream_identities where id = $1 and person_id = $2 returning provider_id";
            let row = tx.row(sql, &[id.into(), person_id.into()]).await?;
            let provider_id =
                row.ok_or(helpdesk::Error::NotFound { kind: "connected account", id })?.int("provider_id")?;
            let change = Change {
                kind: "upstream-identity-unlinked",
                object_type: "User",
                object_id: person_id,
                before: Some(json!({ "identity_provider": provider_id })),
                after: None,
                data: None,
            };
            events::record(tx, &session.actor(request_id), now, change).await
        })
    }

    /// Signs in whoever is known by this identity, or lets it wait for its person.
    pub(super) async fn arrive(
        &self,
        identity: Identity,
        away: Away,
        browser: &Browser<'_>,
    ) -> Result<Arrived, UpstreamError> {
        let now = self.clock.now();
        let (cookie, sid) = (self.random.token(), self.random.token());
        let handle = self.random.token();
        let Away { request, return_to, .. } = away;
        let waiting = Waiting { identity: identity.clone(), request: request.clone(), return_to: return_to.clone() };
        let broken = |_| Error::Internal("an identity cannot be written".to_owned());
        let sealed = self.seal(PURPOSE, &handle, &serde_json::to_vec(&waiting).map_err(broken)?)?;
        let found = transact!(self.db, |tx| {
            let known = match known(tx, &identity).await? {
                Some(person_id) => Some(person_id),
                None => create_customer(tx, now, &identity, browser).await?,
            };
            if let Some(person_id) = known {
                let new = NewSession { person_id, amr: AMR, acr: ACR, cookie: &cookie, sid: &sid };
                let session = sessions::open(tx, &new, browser, now).await?;
                tx.run(
                    "update upstream_identities set last_used_at = $1 where provider_id = $2 and sub = $3",
                    &[now.into(), identity.provider_id.into(), identity.sub.as_str().into()],
                )
                .await?;
                record_sign_in(tx, &session, &identity, browser, now).await?;
                return Ok::<_, StoreError>(Some(session));
            }
            tx.run(
                "insert into sign_in_steps (hash, browser_hash, kind, state_encrypted, created_at, expires_at)
                 values ($1, $2, 'upstream', $3, $4, $5)",
                &[
                    secret::hash(&handle).as_slice().into(),
                    secret::hash(browser.cookie).as_slice().into(),
                    sealed.as_slice().into(),
                    now.into(),
                    now.saturating_add(WAITS_FOR).unwrap_or(now).into(),
                ],
            )
            .await?;
            Ok(None)
        })?;
        match found {
            Some(session) => {
                Ok(Arrived::SignedIn { signed_in: Box::new(SignedIn { cookie, session }), request, return_to })
            }
            None => match self.upstream_link(&handle, browser).await? {
                Some(link) => Ok(Arrived::Unknown(link)),
                None => Err(UpstreamError::Expired),
            },
        }
    }

    /// The identity that waits under this handle in this browser.
    pub async fn upstream_link(&self, handle: &str, browser: &Browser<'_>) -> Result<Option<Link>, Error> {
        let mut tx = self.db.read().await?;
        let Some((waiting, _since)) = self.waiting(&mut tx, handle, browser).await? else { return Ok(None) };
        let Waiting { identity, request, return_to } = waiting;
        let provider = providers::find(&mut tx, identity.provider_id).await?.filter(|it| it.is_active);
        let Some(provider) = provider else { return Ok(None) };
        let email = match &identity.email {
            Some(email) => verified_here(&mut tx, email).await?.then(|| email.clone()),
            None => None,
        };
        let called = identity.email.or(identity.name).map(|it| it.chars().take(100).collect());
        Ok(Some(Link { handle: handle.to_owned(), provider: provider.name, called, email, request, return_to }))
    }

    /// Links it with the person who is signed in, who must have signed in since it arrived.
    pub async fn link_upstream(&self, handle: &str, browser: &Browser<'_>) -> Result<Link, LinkError> {
        let session = browser.session.ok_or(LinkError::SignInFirst)?;
        let link = self.upstream_link(handle, browser).await?.ok_or(LinkError::Expired)?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let (waiting, since) = self.waiting(&mut tx, handle, browser).await?.ok_or(LinkError::Expired)?;
        drop(tx);
        // A session that lay open proves nothing about who sits there now.
        if session.auth_time < since {
            return Err(LinkError::SignInFirst);
        }
        let identity = waiting.identity;
        transact!(self.db, |tx| {
            let used =
                tx.run("delete from sign_in_steps where hash = $1", &[secret::hash(handle).as_slice().into()]).await?;
            if used != 1 {
                return Err(LinkError::Expired);
            }
            match known(tx, &identity).await? {
                Some(person_id) if person_id == session.person_id => return Ok(()),
                Some(_) => return Err(LinkError::Taken),
                None => {}
            }
            insert(tx, now, &identity, session.person_id, &session.actor(&browser.request_id)).await?;
            Ok(())
        })?;
        Ok(link)
    }

    async fn waiting(
        &self,
        tx: &mut Tx,
        handle: &str,
        browser: &Browser<'_>,
    ) -> Result<Option<(Waiting, Timestamp)>, Error> {
        let row = tx
            .row(
                "select state_encrypted, created_at from sign_in_steps
                 where hash = $1 and browser_hash = $2 and kind = 'upstream' and expires_at > $3",
                &[
                    secret::hash(handle).as_slice().into(),
                    secret::hash(browser.cookie).as_slice().into(),
                    self.clock.now().into(),
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let waiting = self.unseal(PURPOSE, handle, &row.blob("state_encrypted")?)?;
        // The step of somebody who is still away is another kind of thing.
        let Ok(waiting) = serde_json::from_slice(&waiting) else { return Ok(None) };
        Ok(Some((waiting, row.time("created_at")?)))
    }
}

/// Who is linked. Somebody who was switched off is nobody, and gets no second account either.
async fn known(tx: &mut Tx, identity: &Identity) -> Result<Option<i64>, StoreError> {
    let row = tx
        .row(
            "select u.person_id as person_id from upstream_identities u join people p on p.id = u.person_id
             where u.provider_id = $1 and u.sub = $2 and p.active = 1 and p.deleted_at is null",
            &[identity.provider_id.into(), identity.sub.as_str().into()],
        )
        .await?;
    row.map(|row| row.int("person_id")).transpose()
}

/// Whether an address is somebody's here, and they have proven it.
async fn verified_here(tx: &mut Tx, email: &str) -> Result<bool, StoreError> {
    let sql = "select id from people where email_key = $1 and email_verified = 1 and active = 1 limit 1";
    Ok(tx.row(sql, &[email.to_lowercase().into()]).await?.is_some())
}

/// A customer for somebody nobody knows, where the administrator said so. Only with a verified address, and only if that is nobody's: an
/// account that there is must be linked by its person.
async fn create_customer(
    tx: &mut Tx,
    now: Timestamp,
    identity: &Identity,
    browser: &Browser<'_>,
) -> Result<Option<i64>, StoreError> {
    let provider = providers::find(tx, identity.provider_id).await?;
    let (Some(email), true) = (&identity.email, provider.is_some_and(|it| it.creates_customers)) else {
        return Ok(None);
    };
    let is_somebodys = "select id from people where email_key = $1 limit 1";
    let is_linked = "select id from upstream_identities where provider_id = $1 and sub = $2";
    if tx.row(is_somebodys, &[email.to_lowercase().into()]).await?.is_some()
        || tx.row(is_linked, &[identity.provider_id.into(), identity.sub.as_str().into()]).await?.is_some()
    {
        return Ok(None);
    }
    let actor = Actor { worker: Some("upstream sign-in"), request_id: browser.request_id.clone(), ..Actor::default() };
    let who = PersonRef { name: identity.name.clone(), ..PersonRef::by_email(email) };
    let person_id = match customers::find_or_create(tx, &actor, now, &who).await {
        Ok(person_id) => person_id,
        Err(helpdesk::Error::Store(error)) => return Err(error),
        // An address that we would not take from anybody.
        Err(_) => return Ok(None),
    };
    tx.run("update people set email_verified = 1 where id = $1", &[person_id.into()]).await?;
    insert(tx, now, identity, person_id, &actor).await?;
    Ok(Some(person_id))
}

async fn insert(
    tx: &mut Tx,
    now: Timestamp,
    identity: &Identity,
    person_id: i64,
    actor: &Actor,
) -> Result<(), StoreError> {
    tx.run(
        "insert into upstream_identities (provider_id, sub, person_id, created_at, last_used_at) values ($1, $2, $3, $4, $4)
         on conflict (provider_id, sub) do nothing",
        &[identity.provider_id.into(), identity.sub.as_str().into(), person_id.into(), now.into()],
    )
    .await?;
    let change = Change {
        kind: "upstream-identity-linked",
        object_type: "User",
        object_id: person_id,
        before: None,
        after: Some(json!({ "identity_provider": identity.provider_id })),
        data: None,
    };
    events::record(tx, actor, now, change).await.map_err(store_error)
}

async fn record_sign_in(
    tx: &mut Tx,
    session: &Session,
    identity: &Identity,
    browser: &Browser<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = Change {
        kind: "user-logged-in",
        object_type: "User",
        object_id: session.person_id,
        before: None,
        after: None,
        data: Some(json!({
            "sid": session.sid, "amr": session.amr, "address": browser.address,
            "identity_provider": identity.provider_id,
        })),
    };
    events::record(tx, &session.actor(&browser.request_id), now, change).await.map_err(store_error)
}

//! From a bearer token to who may do what: the check every API call makes (AT-4).
//!
//! The answer is remembered for half a second, so that a revocation is seen on every node within one (RV-5); on this node the
//! `forget_*` functions make it seen at once. The person's role and the app's ceiling are those of now, not of issue time (RS-6).

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use moka::sync::Cache;
use scope::Dialect;
use scope::permission::Permissions;
use scope::permit::Acting;
use scope::role::Role;
use scope::set::ScopeSet;
use serde_json::Value as Json;
use store::{Row, StoreError};

use crate::app_rules::{self, AppRules};
use crate::client_auth::Known;
use crate::policy::Policy;
use crate::resources::Audience;
use crate::step_up::Login;
use crate::uses::Use;
use crate::{Provider, secret};

/// How long another node may not have seen a revocation (RV-5 allows a second).
const REMEMBERED: Duration = Duration::from_millis(500);
/// Tokens in use at once that are remembered; the others cost a query.
const N_REMEMBERED: u64 = 20_000;
const N_CLIENTS_REMEMBERED: u64 = 1_000;
/// A token's use is noted at most so often, in microseconds.
const USE_STEP_MICROSECONDS: i64 = 60_000_000;

/// A living access token, resolved.
#[derive(Debug, Clone)]
pub struct Bearer {
    pub family_id: i64,
    /// None for client_credentials: then the app acts as its owner, and no person signed in (CC-2).
    pub grant_id: Option<i64>,
    /// Row of `clients`.
    pub client_row: i64,
    pub client_id: String,
    pub person_id: i64,
    /// The person's role now, not at issue time (RS-6).
    pub role: Role,
    /// What a role of the account's own takes away from it.
    pub denied: Permissions,
    /// The token's words, within the app's ceiling now (SC-11).
    pub scope: ScopeSet,
    pub dialect: Dialect,
    /// What the words grant, before the role.
    pub granted: Permissions,
    /// Which resources it may be used at (RI-5).
    pub audience: Audience,
    /// Of the app's record: calls a minute, all its tokens together (RS-9).
    pub calls_per_minute: Option<i64>,
    /// Thumbprint of the DPoP key it is bound to (DP-5). Show it through `Provider::shown_token`, which asks for the key.
    pub jkt: Option<String>,
    /// Of the app.
    pub policy: Policy,
    /// The sign-in it began with (SU-2).
    pub login: Arc<Login>,
    /// Who acts for the person: the `act` claim (TX-3).
    pub act: Option<Json>,
    pub expires_at: Timestamp,
    /// What introspection says besides.
    pub(crate) issued: Issued,
    pub(crate) told: Told,
}

/// The token's own times, whatever its consent says, and the person's address.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) at: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) email: Option<String>,
}

/// Answers about the token that were given already, as JSON. They are forgotten together with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// To the app that it was issued to.
    pub(crate) introspection: OnceLock<Bytes>,
    pub(crate) userinfo: OnceLock<Bytes>,
}

impl Bearer {
    /// For the event log, and for what is written in the person's name (TX-3).
    pub fn acting(&self) -> Option<Acting> {
        let text = |name: &str| self.act.as_ref()?.get(name)?.as_str().map(str::to_owned);
        Some(Acting { sub: text("sub")?, name: text("name").unwrap_or_default() })
    }
}

/// The tokens that were used just now.
pub(crate) struct Remembered {
    tokens: Cache<[u8; 32], Arc<Entry>>,
    /// By client_id. What the token endpoint checks an app against.
    clients: Cache<String, Arc<Known>>,
    /// Counts what was forgotten: an answer that was read before must not be remembered after.
    forgotten: AtomicU64,
}

struct Entry {
    bearer: Arc<Bearer>,
    /// Microseconds since 1970 of the last use that was noted, or the smallest number.
    noted_at: AtomicI64,
}

impl Remembered {
    pub(crate) fn new() -> Remembered {
        Remembered {
            tokens: Cache::builder().max_capacity(N_REMEMBERED).time_to_live(REMEMBERED).build(),
            clients: Cache::builder().max_capacity(N_CLIENTS_REMEMBERED).time_to_live(REMEMBERED).build(),
            forgotten: AtomicU64::new(0),
        }
    }

    /// Read this before the database, and hand it to `remember_client` with the answer.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }

    pub(crate) fn client(&self, client_id: &str) -> Option<Arc<Known>> {
        self.clients.get(client_id)
    }

    pub(crate) fn remember_client(&self, client_id: &str, known: &Arc<Known>, forgotten: u64) {
        if forgotten == self.forgotten() {
            self.clients.insert(client_id.to_owned(), known.clone());
        }
    }
}

impl Provider {
    /// None if the token is unknown, expired or revoked, or its app or person is switched off. `from` is noted with the use of the grant.
    pub async fn bearer(&self, token: &str, from: Option<IpAddr>) -> Result<Option<Arc<Bearer>>, StoreError> {
        if token.starts_with(secret::ACCESS) && !secret::is_well_formed(token) {
            return Ok(None);
        }
        let hash = secret::hash(token);
        let now = self.clock.now();
        let Some(entry) = self.entry(&hash, now).await? else { return Ok(None) };
        self.note_use(&entry, hash, now, from);
        Ok(Some(entry.bearer.clone()))
    }

    /// The same for whoever only asks about the token: that is no use of it.
    pub(crate) async fn asked_about(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Arc<Bearer>>, StoreError> {
        Ok(self.entry(hash, now).await?.map(|entry| entry.bearer.clone()))
    }

    async fn entry(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Arc<Entry>>, StoreError> {
        let remembered = &self.state.remembered;
        let entry = match remembered.tokens.get(hash) {
            Some(entry) => entry,
            None => {
                let forgotten = remembered.forgotten();
                let Some(entry) = self.look_up(hash).await? else { return Ok(None) };
                let entry = Arc::new(entry);
                if forgotten == remembered.forgotten() {
                    remembered.tokens.insert(*hash, entry.clone());
                }
                entry
            }
        };
        Ok((now < entry.bearer.expires_at).then_some(entry))
    }

    async fn look_up(&self, hash: &[u8; 32]) -> Result<Option<Entry>, StoreError> {
        let mut tx = self.db.read().await?;
        let row = tx
            .row(
                "select a.scope, a.audience, a.jkt, a.created_at, a.expires_at, a.last_used_at, f.id as family_id, f.grant_id, f.client_id, f.person_id,
                        f.auth_time, f.acr, f.act, c.client_id as app, c.dialect, c.policy, c.allowed_scopes, c.calls_per_minute, p.role, p.denied,
                        p.email, g.expires_at as grant_end
                 from access_tokens a
                 join token_families f on f.id = a.family_id
                 join clients c on c.id = f.client_id
                 join people p on p.id = f.person_id
                 left join grants g on g.id = f.grant_id
                 where a.hash = $1 and a.revoked_at is null and f.revoked_at is null and g.revoked_at is null
                   and c.status = 'active' and p.active = 1 and p.deleted_at is null",
                &[hash.as_slice().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let rules = app_rules::read(&mut tx).await?;
        if !rules.allows_app(&row.text("app")?) {
            return Ok(None);
        }
        entry(&row, &self.config.issuer, &rules).map(Some)
    }

    fn note_use(&self, entry: &Entry, hash: [u8; 32], now: Timestamp, from: Option<IpAddr>) {
        let noted_at = entry.noted_at.load(Ordering::Relaxed);
        if now.as_microsecond() < noted_at.saturating_add(USE_STEP_MICROSECONDS) {
            return;
        }
        let first =
            entry.noted_at.compare_exchange(noted_at, now.as_microsecond(), Ordering::Relaxed, Ordering::Relaxed);
        if first.is_ok() {
            self.state.uses.note(Use::Token { hash, grant_id: entry.bearer.grant_id, from }, now);
        }
    }

    /// Forgets one token. Call it after the commit that ended it.
    pub fn forget_token(&self, hash: &[u8; 32]) {
        self.state.remembered.forgotten.fetch_add(1, Ordering::SeqCst);
        self.state.remembered.tokens.invalidate(hash);
    }

    /// Forgets all tokens and clients. Call it after a commit that ended families, or changed what people or apps may do.
    /// Nothing is looked through: what is needed again is read again.
    pub fn forget_all(&self) {
        self.state.remembered.forgotten.fetch_add(1, Ordering::SeqCst);
        self.state.remembered.tokens.invalidate_all();
        self.state.remembered.clients.invalidate_all();
    }

    /// Forgets what is remembered of a client and its tokens. Call it after the commit that changed or ended the client (RV-5).
    pub fn forget_client(&self, _client_row: i64) {
        self.forget_all();
    }

    /// The same for the tokens of one grant.
    pub fn forget_grant(&self, _grant_id: i64) {
        self.forget_all();
    }

    /// The same for the tokens of one person: call it after a change of role, or a deactivation (RS-6).
    pub fn forget_person(&self, _person_id: i64) {
        self.forget_all();
    }
}

fn entry(row: &Row, issuer: &str, rules: &AppRules) -> Result<Entry, StoreError> {
    let dialect = Dialect::parse(&row.text("dialect")?).ok_or(StoreError::Column("dialect"))?;
    // A token never outlives the consent it came from.
    let ends_at = row.time("expires_at")?;
    let ends_at = row.time_or_null("grant_end")?.map_or(ends_at, |end| end.min(ends_at));
    let words = ScopeSet::parse(&row.text("scope")?).map_err(|_| StoreError::Column("scope"))?;
    let ceiling = ScopeSet::parse(&row.text("allowed_scopes")?).map_err(|_| StoreError::Column("allowed_scopes"))?;
    let scope = words.within(&rules.narrowed(&ceiling, dialect), dialect);
    let granted = scope.permissions(dialect);
    let noted_at = row.int_or_null("last_used_at")?.unwrap_or(i64::MIN);
    let bearer = Bearer {
        family_id: row.int("family_id")?,
        grant_id: row.int_or_null("grant_id")?,
        client_row: row.int("client_id")?,
        client_id: row.text("app")?,
        person_id: row.int("person_id")?,
        role: Role::parse(&row.text("role")?).ok_or(StoreError::Column("role"))?,
        denied: Permissions::of_words(&row.text_or_null("denied")?.unwrap_or_default()),
        scope,
        dialect,
        granted,
        calls_per_minute: row.int_or_null("calls_per_minute")?,
        audience: Audience::stored(&row.text("audience")?, issuer),
        jkt: row.text_or_null("jkt")?,
        act: row.json("act")?,
        policy: Policy::parse(&row.text("policy")?).ok_or(StoreError::Column("policy"))?,
        login: Arc::new(Login { auth_time: row.time_or_null("auth_time")?, acr: row.text_or_null("acr")? }),
        expires_at: ends_at,
        issued: Issued {
            at: row.time("created_at")?,
            until: row.time("expires_at")?,
            email: row.text_or_null("email")?,
        },
        told: Told::default(),
    };
    Ok(Entry { bearer: Arc::new(bearer), noted_at: AtomicI64::new(noted_at) })
}

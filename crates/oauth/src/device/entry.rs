//! The person's side of the device grant: the code that they type, the question they are asked, and their answer (DV-3).
//!
//! Eight letters are few: whoever tries must be signed in, and has five wrong tries in ten minutes, from one session and from one
//! address. Nothing is allowed by opening an address alone (RFC 8628, sections 5.1 and 5.4).

use jiff::{SignedDuration, Timestamp};
use scope::Dialect;
use scope::set::ScopeSet;
use store::{Row, StoreError, Tx, transact};

use super::{shown, typed};
use crate::authorize::{Browser, Decision, Standing};
use crate::clients::{self, Client};
use crate::consents::{self, Given, Lasting, Question};
use crate::families::{self, NewFamily};
use crate::resources::Audience;
use crate::sessions::Session;
use crate::{Provider, app_rules, throttle};

/// Wrong tries in `WINDOW`; the next one is answered with 429.
const TRIES: i64 = 5;
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// What a typed code leads to.
#[derive(Debug)]
pub enum Entered {
    /// The question.
    Ask(Box<DevicePage>),
    /// No device waits with this code. Nobody learns whether one ever did.
    Unknown,
    /// Too many wrong tries.
    Limited { retry_after_seconds: u64 },
}

/// What the answer led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    Allowed {
        app: String,
    },
    Denied {
        app: String,
    },
    /// The code has expired or was answered already, or the app was switched off.
    Gone,
    Limited {
        retry_after_seconds: u64,
    },
}

/// Everything the question says (DV-3). The app's own words still need escaping.
#[derive(Debug, Clone, PartialEq)]
pub struct DevicePage {
    /// As the device shows it: to be compared.
    pub user_code: String,
    pub client_name: String,
    pub publisher: Option<String>,
    pub standing: Standing,
    /// Where the device is: its IP address and what it calls itself.
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub asked_at: Timestamp,
    /// What is asked for, as far as the person's role has it to give.
    pub scope: ScopeSet,
    pub dialect: Dialect,
}

/// A device that waits.
struct Waiting {
    hash: Vec<u8>,
    client: Client,
    scope: ScopeSet,
    audience: Audience,
    address: Option<String>,
    user_agent: Option<String>,
    created_at: Timestamp,
}

impl Provider {
    /// Looks a typed code up. `browser.session` is the person's.
    pub async fn device_entered(
        &self,
        text: &str,
        session: &Session,
        browser: &Browser<'_>,
    ) -> Result<Entered, StoreError> {
        let found = match self.find_device(text, session, browser).await? {
            Ok(found) => found,
            Err(retry_after_seconds) => return Ok(Entered::Limited { retry_after_seconds }),
        };
        let Some((user_code, waiting)) = found else { return Ok(Entered::Unknown) };
        let offered = waiting.offered(session);
        let client = waiting.client;
        Ok(Entered::Ask(Box::new(DevicePage {
            user_code: shown(&user_code),
            standing: match client.registered_by.as_str() {
                "dcr" | "cimd" => Standing::SelfRegistered,
                _ if client.verified => Standing::Verified,
                _ => Standing::Unverified,
            },
            client_name: client.name,
            publisher: client.publisher,
            address: waiting.address,
            user_agent: waiting.user_agent.filter(|text| !text.is_empty()),
            asked_at: waiting.created_at,
            scope: offered,
            dialect: client.dialect,
        })))
    }

    /// Takes the person's answer. A second one finds nothing to answer.
    pub async fn decide_device(
        &self,
        text: &str,
        session: &Session,
        browser: &Browser<'_>,
        decision: Decision,
    ) -> Result<Answered, StoreError> {
        let found = match self.find_device(text, session, browser).await? {
            Ok(found) => found,
            Err(retry_after_seconds) => return Ok(Answered::Limited { retry_after_seconds }),
        };
        let Some((_, waiting)) = found else { return Ok(Answered::Gone) };
        let app = waiting.client.name.clone();
        let now = self.clock.now();
        let offered = waiting.offered(session);
        let nothing = ScopeSet::default();
        let question = Question {
            client: &waiting.client,
            session,
            browser,
            scope: &offered,
            declined: &nothing,
            lasting: Lasting::AsBefore,
            audience: waiting.audience,
            issuer: &self.config.issuer,
        };
        let resources = waiting.audience.text(&self.config.issuer);
        // A role that allows nothing of it has nothing to give.
        let allows = matches!(decision, Decision::Allow(_)) && !offered.is_empty();
        let was_waiting = transact!(self.db, |tx| {
            if !leave_pending(tx, &waiting.hash, now, if allows { "allowed" } else { "denied" }).await? {
                return Ok::<_, StoreError>(false);
            }
            if !allows {
                consents::record_denial(tx, now, question).await?;
                return Ok(true);
            }
            let allowed = consents::allow(tx, now, question, Given::ByPerson).await?;
            let family = family_of(&question, allowed.grant_id, &resources, now);
            let family_id = families::open(tx, now, &family).await?;
            let sql = "update device_codes set family_id = $1 where hash = $2";
            tx.run(sql, &[family_id.into(), waiting.hash.as_slice().into()]).await?;
            Ok(true)
        })?;
        Ok(match (was_waiting, allows) {
            (false, _) => Answered::Gone,
            (true, true) => Answered::Allowed { app },
            (true, false) => Answered::Denied { app },
        })
    }

    /// The device that waits with this code, and the code as it was drawn. The inner error is how long to wait, in seconds.
    async fn find_device(
        &self,
        text: &str,
        session: &Session,
        browser: &Browser<'_>,
    ) -> Result<Result<Option<(String, Waiting)>, u64>, StoreError> {
        let now = self.clock.now();
        let user_code = typed(text);
        let hash = user_code.as_deref().map(|user_code| self.user_code_hash(user_code));
        let of_session = format!("device session:{}", session.id);
        let of_address = format!("device address:{}", browser.address);
        let subjects = [of_session.as_str(), of_address.as_str()];
        let issuer = &self.config.issuer;
        transact!(self.db, |tx| {
            // Counted before it is looked at, and given back when it was right: tries sent at once are counted one by one.
            for subject in subjects {
                if let Some(wait) = throttle::take_try(tx, subject, TRIES, WINDOW, now).await? {
                    return Ok::<_, StoreError>(Err(wait));
                }
            }
            let waiting = match &hash {
                Some(hash) => find(tx, hash, now, issuer).await?,
                None => None,
            };
            if waiting.is_some() {
                for subject in subjects {
                    throttle::give_try_back(tx, subject).await?;
                }
            }
            Ok(Ok(user_code.clone().zip(waiting)))
        })
    }
}

/// Not of the browser's session: the device is elsewhere, and does not sign out with it.
fn family_of<'a>(question: &Question<'a>, grant_id: i64, resources: &'a str, now: Timestamp) -> NewFamily<'a> {
    let Question { client, session, scope, .. } = *question;
    let after = |seconds| now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    NewFamily {
        client_row: client.id,
        grant_id: Some(grant_id),
        person_id: session.person_id,
        sid: None,
        scope: scope.as_str(),
        nonce: None,
        auth_time: Some(session.auth_time),
        acr: Some(&session.acr),
        amr: Some(&session.amr),
        expires_at: client.refresh_absolute_seconds.map(after),
        resources,
        jkt: None,
        claims: None,
        act: None,
    }
}

impl Waiting {
    /// What the person's role has to give (RS-6).
    fn offered(&self, session: &Session) -> ScopeSet {
        self.scope.without(&self.scope.above(session.role, self.client.dialect))
    }
}

async fn find(tx: &mut Tx, hash: &[u8; 32], now: Timestamp, issuer: &str) -> Result<Option<Waiting>, StoreError> {
    let row = tx
        .row(
            "select hash, client_id, scope, resources, address, user_agent, created_at from device_codes
             where user_code_hash = $1 and state = 'pending' and expires_at > $2",
            &[hash.as_slice().into(), now.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let client = match clients::by_row(tx, row.int("client_id")?).await? {
        Some(client) => Some(app_rules::applied(tx, client).await?),
        None => None,
    };
    client.filter(Client::is_active).map(|client| waiting(&row, client, issuer)).transpose()
}

fn waiting(row: &Row, client: Client, issuer: &str) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        hash: row.blob("hash")?,
        client,
        scope: clients::scope_set(row, "scope")?,
        audience: Audience::stored(&row.text("resources")?, issuer),
        address: row.text_or_null("address")?,
        user_agent: row.text_or_null("user_agent")?,
        created_at: row.time("created_at")?,
    })
}

/// False if it was answered already, or is over.
async fn leave_pending(tx: &mut Tx, hash: &[u8], now: Timestamp, state: &'static str) -> Result<bool, StoreError> {
    let sql = "update device_codes set state = $1 where hash = $2 and state = 'pending' and expires_at > $3";
    Ok(tx.run(sql, &[state.into(), hash.into(), now.into()]).await? == 1)
}

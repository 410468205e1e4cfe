//! Mails to people: links that work once, and notices of what happened to their account.
//!
//! A mail is asked for in the transaction of whatever calls for it, and sent by a job. One-time tokens are drawn by the job when it runs,
//! so the queue never holds one (`links.rs` keeps their hashes). What the mails say is in `texts.rs`.

pub(crate) mod links;
mod texts;

use helpdesk::customers::{self, NewCustomer};
use jiff::Timestamp;
use outside::mail::{Mail, MailError, is_address};
use scope::permit::Permit;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::queue::{self, NewJob};
use store::{StoreError, Tx, transact};

use self::links::Purpose;
use self::texts::Facts;
use crate::authorize::Browser;
use crate::people_settings::{self, Settings};
use crate::{Provider, secret};

/// Kind of the job that sends one.
pub const KIND: &str = "send_mail";
/// Minutes to hours apart; afterwards nobody waits for the mail any more.
const ATTEMPTS: i64 = 5;

/// A mail that somebody shall get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// To confirm that the address is theirs.
    Verification { person_id: i64 },
    /// To choose a new password. To everybody with this address who may sign in, and to nobody if there is none.
    Reset { email_key: String },
    /// To become a customer with a password. `request` is the authorization request that waits in the browser that asked.
    SignUp { email: String, request: Option<String> },
    /// To choose the first password.
    Invitation { person_id: i64 },
    Notice {
        person_id: i64,
        notice: Notice,
        /// When it happened.
        at: Timestamp,
        /// Where from, as the person would recognise it.
        from: Option<From>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct From {
    pub address: String,
    pub user_agent: String,
}

/// What a person must hear of, whether or not it was them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    NewBrowser,
    PasswordChanged,
    PasswordReset,
    TotpAdded,
    TotpRemoved,
    PasskeyAdded,
    PasskeyRemoved,
    RecoveryCodesMade,
    RecoveryCodeUsed,
    /// By an administrator.
    FactorsRemoved,
    /// A used refresh token came again: somebody has a copy (RT-6).
    RefreshTokenReused,
}

impl Notice {
    /// The notice that goes with an event, if one does.
    pub(crate) fn of_event(kind: &str) -> Option<Notice> {
        Some(match kind {
            "totp-added" => Notice::TotpAdded,
            "totp-removed" => Notice::TotpRemoved,
            "passkey-added" => Notice::PasskeyAdded,
            "passkey-removed" => Notice::PasskeyRemoved,
            "recovery-codes-made" => Notice::RecoveryCodesMade,
            _ => return None,
        })
    }
}

/// Asks for a mail.
pub(crate) async fn enqueue(tx: &mut Tx, now: Timestamp, wanted: &Wanted) -> Result<(), StoreError> {
    let payload = serde_json::to_value(wanted).map_err(|_| StoreError::Column("payload"))?;
    let job = NewJob { kind: KIND, payload, run_at: now, dedupe_key: None, max_attempts: ATTEMPTS };
    queue::enqueue(tx, now, job).await.map(drop)
}

/// Tells somebody what happened, if mail is configured. `browser` is where it came from, if that is worth telling.
pub(crate) async fn notify(
    tx: &mut Tx,
    provider: &Provider,
    now: Timestamp,
    person_id: i64,
    notice: Notice,
    browser: Option<&Browser<'_>>,
) -> Result<(), StoreError> {
    if !provider.mailer.is_configured() {
        return Ok(());
    }
    let from = browser.map(|it| From { address: it.address.clone(), user_agent: it.user_agent.clone() });
    enqueue(tx, now, &Wanted::Notice { person_id, notice, at: now, from }).await
}

/// Somebody a mail goes to.
struct Person {
    id: i64,
    email: String,
    email_key: String,
    name: String,
    has_password: bool,
}

impl Provider {
    /// The job. Errors are tried again; what can never succeed ends quietly.
    pub async fn send_mail(&self, payload: &Json, run: &str) -> Result<(), crate::Error> {
        let wanted: Wanted = Wanted::deserialize(payload)
            .map_err(|error| crate::Error::Internal(format!("a mail job cannot be read: {error}")))?;
        for mail in self.written(&wanted, run).await? {
            match self.mailer.send(&mail).await {
                Ok(()) => {}
                // Nobody is there to tell; the next try would fail alike.
                Err(error @ (MailError::NotConfigured | MailError::Address { .. } | MailError::Refused(_))) => {
                    tracing::warn!(%error, "a mail was given up");
                }
                Err(error) => return Err(crate::Error::Internal(error.to_string())),
            }
        }
        Ok(())
    }

    async fn written(&self, wanted: &Wanted, run: &str) -> Result<Vec<Mail>, crate::Error> {
        let account = helpdesk::account::name(&mut self.db.read().await?).await?.unwrap_or_default();
        let facts = Facts { account: &account, url: &self.config.issuer };
        let to = |person: &Person, text: texts::Text| text.to(&facts, &person.email);
        let mut mails = Vec::new();
        match wanted {
            Wanted::Verification { person_id } => {
                if let Some(person) = self.addressee("p.id = $1", (*person_id).into()).await?.pop() {
                    let link = self.link(Purpose::Verify, &person, "/verify", None).await?;
                    mails.push(to(&person, texts::verification(&facts, &person.name, &link)));
                }
            }
            Wanted::Reset { email_key } => {
                for person in self.addressee("p.email_key = $1", email_key.as_str().into()).await? {
                    let link = self.link(Purpose::Reset, &person, "/reset", None).await?;
                    mails.push(to(&person, texts::reset(&facts, &person.name, &link)));
                }
            }
            Wanted::SignUp { email, request } => {
                let Some(person) = self.customer_of(email, run).await? else { return Ok(mails) };
                mails.push(if person.has_password {
                    let link = self.link(Purpose::Reset, &person, "/reset", None).await?;
                    to(&person, texts::already_signed_up(&facts, &person.name, &link))
                } else {
                    let link = self.link(Purpose::SignUp, &person, "/reset", request.as_deref()).await?;
                    to(&person, texts::sign_up(&facts, &link))
                });
            }
            Wanted::Invitation { person_id } => {
                if let Some(person) = self.addressee("p.id = $1", (*person_id).into()).await?.pop() {
                    let link = self.link(Purpose::Invite, &person, "/reset", None).await?;
                    mails.push(to(&person, texts::invitation(&facts, &person.name, &link)));
                }
            }
            Wanted::Notice { person_id, notice, at, from } => {
                if let Some(person) = self.addressee("p.id = $1", (*person_id).into()).await?.pop() {
                    mails.push(to(&person, texts::notice(&facts, *notice, *at, from.as_ref())));
                }
            }
        }
        Ok(mails)
    }

    /// Active people with an address who may sign in; staff first.
    async fn addressee(&self, condition: &'static str, value: store::Value) -> Result<Vec<Person>, StoreError> {
        let settings: Settings = self.setting(people_settings::NAME).await?;
        let sql = format!(
            "select p.id as id, p.email as email, p.email_key as email_key, p.name as name, w.person_id as has_password
             from people p left join passwords w on w.person_id = p.id
             where {condition} and p.is_staff in (1, $2) and p.active = 1 and p.deleted_at is null and p.email_key is not null
             order by p.is_staff desc limit 2"
        );
        let mut tx = self.db.read().await?;
        let rows = tx.rows(&sql, &[value, (!settings.customers_sign_in).into()]).await?;
        rows.iter()
            .map(|row| {
                let email_key = row.text("email_key")?;
                Ok(Person {
                    id: row.int("id")?,
                    email: row.text_or_null("email")?.unwrap_or_else(|| email_key.clone()),
                    email_key,
                    name: row.text_or_null("name")?.unwrap_or_default(),
                    has_password: row.int_or_null("has_password")?.is_some(),
                })
            })
            .collect()
    }

    /// The customer of an address, who is made if nobody is. None if the address is none, or nobody may sign up any more.
    async fn customer_of(&self, email: &str, run: &str) -> Result<Option<Person>, crate::Error> {
        let settings: Settings = self.setting(people_settings::NAME).await?;
        if !settings.may_sign_up() || !is_address(email) {
            return Ok(None);
        }
        let now = self.clock.now();
        let may = Permit::system("sign-up", run.to_owned());
        let new = NewCustomer { email: Some(email.to_owned()), ..NewCustomer::default() };
        let made = transact!(self.db, |tx| {
            let key = email.trim().to_lowercase();
            let sql = "select id from people where is_staff = 0 and email_key = $1";
            match tx.row(sql, &[key.as_str().into()]).await? {
                Some(row) => Ok(row.int("id")?),
                None => customers::create(tx, &may, now, &new).await.map(|made| made.customer.id),
            }
        });
        let id: i64 = match made {
            Ok(id) => id,
            Err(helpdesk::Error::Store(error)) => return Err(error.into()),
            // An address that stands beside another customer's first one: then it is not for us to give it away.
            Err(_refused) => return Ok(None),
        };
        Ok(self.addressee("p.id = $1", id.into()).await?.pop())
    }

    /// A new one-time link. Its token is in the address, and its hash is kept.
    async fn link(
        &self,
        purpose: Purpose,
        person: &Person,
        path: &str,
        request: Option<&str>,
    ) -> Result<String, StoreError> {
        let now = self.clock.now();
        let token = self.random.token();
        let hash = secret::hash(&token);
        transact!(self.db, |tx| links::keep(tx, now, purpose, &hash, person.id, &person.email_key).await)?;
        // The configured address, never what some request said (ALL-1): a mail must not lead to a stranger's host.
        let url = &self.config.issuer;
        Ok(match request {
            Some(request) => format!("{url}{path}?token={token}&request={request}"),
            None => format!("{url}{path}?token={token}"),
        })
    }
}

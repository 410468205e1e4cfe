//! The authorization endpoint: from an app's request, through sign-in and consent, to a code.
//!
//! Renders no page: every step ends in a `Next`, and the pages are somebody else's.
//! `source.rs` finds the parameters, `check.rs` is the ordered list of checks, `request.rs` has each of them. `prompt.rs` says what a
//! person must still do, `pending.rs` keeps a request while they do it, `respond.rs` sends the answer.

pub mod check;
pub(crate) mod claims;
mod page;
mod pending;
mod prompt;
pub(crate) mod request;
pub(crate) mod respond;
mod source;

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use scope::permission::Permissions;
use scope::set::ScopeSet;
use store::{StoreError, Tx, transact};

use self::pending::Pending;
use self::prompt::Step;
use self::request::Request;
use self::respond::Reply;
use crate::client_document::settings::Admission;
use crate::client_document::{self, Asker, Unusable};
use crate::clients::Client;
use crate::codes::{self, Binding};
use crate::consents::{self, Allowed, Given, Lasting, Question};
use crate::form::Params;
use crate::redirect_uri::RedirectUri;
use crate::resources::Audience;
use crate::sessions::Session;
use crate::{Code, Error, Provider, dialects, logos, par, secret};

/// Titles of pages that refuse before the app can be told (AZ-2).
const UNKNOWN_APP: &str = "Unknown app";
const WRONG_ADDRESS: &str = "Wrong return address";

/// The browser that asks.
#[derive(Debug, Clone)]
pub struct Browser<'a> {
    /// Value of its `bailiwick-browser` cookie: present on every page, before and after sign-in.
    pub cookie: &'a str,
    pub session: Option<&'a Session>,
    /// The peer's IP address, as text.
    pub address: String,
    pub user_agent: String,
    /// A UUID, for the event log.
    pub request_id: String,
}

/// What the browser must be shown next.
#[derive(Debug)]
pub enum Next {
    /// A finished answer: 303 to the app, `no-store`, no body. Send it as it is.
    Answer(Response),
    /// A page with a form that posts these fields to the app by itself, with a `<noscript>` button (AZ-5). `no-store`.
    FormPost { action: String, fields: Vec<(String, String)> },
    /// The sign-in page; afterwards `resume_authorization(request)`.
    SignIn { request: String, login_hint: Option<String> },
    /// Where whoever is signed in shows more, or sets something up to show; afterwards `resume_authorization(request)`.
    SecondFactor { request: String },
    /// The page where people sign up; afterwards `resume_authorization(request)` (AZ-16).
    SignUp { request: String },
    /// The account chooser of `prompt=select_account`: go on as the one signed in (`keep_account(request)`) or sign in as another.
    Choose { request: String, email: String },
    /// The consent page; show what `consent(request)` says.
    Consent { request: String },
    /// A page that names where the browser is about to go, and goes there only when the person wants it: `answer` is an `Answer` or a
    /// `FormPost`. For an app that registered itself and was denied (AZ-24).
    Leave { destination: String, answer: Box<Next> },
    /// A page of ours, never a redirect: the request cannot be trusted, or is no longer there.
    Page { status: StatusCode, title: &'static str, detail: String },
}

/// What `consent` found.
#[derive(Debug)]
pub enum Asked {
    Page(Box<ConsentPage>),
    /// Nothing to ask here: the session is gone, or the request was answered.
    Next(Next),
}

/// Everything the consent page says (CO-1). The app's own words are plain text without control characters, and still need escaping.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentPage {
    /// The pending request: value of the form's hidden field `request`, and the `form` of its CSRF value.
    pub request: String,
    pub client_name: String,
    pub publisher: Option<String>,
    pub client_uri: Option<String>,
    /// The app's own privacy policy and terms, in the person's language if it has them (RG-8).
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
    /// Host of `client_uri`.
    pub client_host: Option<String>,
    /// The app whose logo we have a copy of: its number (CM-9).
    pub logo: Option<i64>,
    /// Host of a `client_id` that is the address of a metadata document (CM-9).
    pub client_id_host: Option<String>,
    /// Such an app names no address but ones on the person's own computer: any program there can say that it is it (CO-14).
    pub is_any_program: bool,
    /// Where the code goes: a host, `an app on this computer`, or `an app on this device (com.example.app)`.
    pub destination: String,
    pub standing: Standing,
    /// The person who is asked.
    pub person_email: String,
    pub person_name: String,
    /// In the order of the vocabulary.
    pub groups: Vec<ScopeGroup>,
    /// The app may act while the person is away.
    pub offline: bool,
    /// Something may be changed: then "Allow" is not the form's default button (CO-3).
    pub writes: bool,
    /// The person allowed this app something before, and only what is new is asked (CO-7).
    pub incremental: bool,
    /// An administrator is asked, who may answer for the whole account (CO-11).
    pub may_allow_for_everybody: bool,
}

/// How far an app's name can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// An administrator of this account vouches for it.
    Verified,
    Unverified,
    /// It registered itself.
    SelfRegistered,
}

/// Scopes under one heading.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeGroup {
    pub heading: String,
    pub lines: Vec<ScopeLine>,
}

/// One scope in plain words.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeLine {
    /// Such as `tickets:read`.
    pub word: String,
    pub sentence: String,
    /// Not allowed before.
    pub new: bool,
    /// The person may untick it (CO-8).
    pub optional: bool,
    /// Whether an optional one is ticked: the person did not untick it before.
    pub ticked: bool,
    /// What it opens to this person.
    pub permissions: Permissions,
    pub write: bool,
    pub deprecated: bool,
}

/// The person's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Allow(Choice),
    Deny,
}

/// What exactly a person allows. The default is everything that is not optional, for themselves, until they withdraw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The optional words that stayed ticked. Words that are not optional are allowed whatever this says (CO-8).
    pub ticked: Vec<String>,
    pub lasting: Lasting,
    /// For the whole account; heard of administrators only (CO-11).
    pub for_everybody: bool,
}

impl Provider {
    /// A request at the authorization endpoint. `raw` is the query string of a GET or the form body of a POST, not decoded.
    ///
    /// An error is the database's, and nothing was issued; answer 503 with `Retry-After` (ALL-15).
    pub async fn authorize(&self, raw: &[u8], browser: &Browser<'_>) -> Result<Next, StoreError> {
        let Some(sent) = request::decode(raw) else {
            let detail = "The app sent something that is not readable text, or too much of it.";
            return Ok(request::page("This request is damaged", detail));
        };
        let client = match self.asking_client(&sent, browser).await? {
            Ok(client) => client,
            Err(next) => return Ok(next),
        };
        let asked = match self.asked(&client, sent).await? {
            Ok(asked) => asked,
            Err(next) => return Ok(next),
        };
        let around = self.circumstances(&asked.params, browser.session.map(|session| session.id)).await?;
        let mut tx = self.db.read().await?;
        let (uri, is_sent) = match request::redirect_uri(&mut tx, &client, &asked.params).await? {
            Ok(found) => found,
            Err(detail) => return Ok(request::page(WRONG_ADDRESS, detail)),
        };
        let pending = match check::all(self, &client, &asked, (&uri, is_sent), around) {
            Ok(request) => Pending { client, request },
            Err(error) => {
                drop(tx);
                let state = request::state(&asked.params);
                return self.reply_at(&client, uri, &asked.params, state.as_deref()).error(&error).await;
            }
        };
        let step = self.step(&mut tx, &pending, browser).await?;
        drop(tx);
        self.go_on(pending, step, None, browser).await
    }

    /// The client that a request names, if it may act at all. Until client and redirect URI are known to belong together, a refusal is a
    /// page of ours; from then on it goes to the app (AZ-2).
    async fn asking_client(&self, params: &Params, browser: &Browser<'_>) -> Result<Result<Client, Next>, StoreError> {
        if let Some(client_id) = params.get("client_id") {
            let asker = Asker { address: &browser.address, request_id: &browser.request_id };
            match self.read_client_document(client_id, asker).await? {
                Ok(()) => {}
                Err(Unusable::Limited(seconds)) => {
                    let detail = Unusable::Limited(seconds).to_string();
                    return Ok(Err(Next::Page { status: StatusCode::TOO_MANY_REQUESTS, title: "Unknown app", detail }));
                }
                Err(unusable) => return Ok(Err(request::page("Unknown app", unusable.to_string()))),
            }
        }
        let mut tx = self.db.read().await?;
        request::client(&mut tx, params).await
    }

    /// Goes on with a pending request, after sign-in.
    pub async fn resume_authorization(&self, request: &str, browser: &Browser<'_>) -> Result<Next, StoreError> {
        let mut tx = self.db.read().await?;
        let pending = match self.still_waiting(&mut tx, request, browser).await? {
            Ok(pending) => pending,
            Err(next) => return Ok(next),
        };
        let step = self.step(&mut tx, &pending, browser).await?;
        drop(tx);
        self.go_on(pending, step, Some(request), browser).await
    }

    /// Whether the pending request is not content with a sign-in of before.
    pub(crate) async fn wants_fresh_sign_in(&self, request: &str, browser: &Browser<'_>) -> Result<bool, StoreError> {
        let mut tx = self.db.read().await?;
        let pending = pending::find(&mut tx, self.clock.now(), request, browser).await?;
        Ok(pending.is_some_and(|it| it.request.prompt.login || it.request.max_age_seconds.is_some()))
    }

    /// Goes on as the person who is signed in, after the account chooser.
    pub async fn keep_account(&self, request: &str, browser: &Browser<'_>) -> Result<Next, StoreError> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            if let Some(mut pending) = pending::find(tx, now, request, browser).await? {
                pending.request.account_chosen = true;
                pending::replace(tx, request, &pending.request).await?;
            }
            Ok::<_, StoreError>(())
        })?;
        self.resume_authorization(request, browser).await
    }

    /// Notes that the person was asked for more than their sign-in had shown: once is enough, for what a request demands.
    pub async fn note_more_asked(&self, request: &str, browser: &Browser<'_>) -> Result<(), StoreError> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            if let Some(mut pending) = pending::find(tx, now, request, browser).await? {
                pending.request.more_asked = true;
                pending::replace(tx, request, &pending.request).await?;
            }
            Ok::<_, StoreError>(())
        })
    }

    /// What to ask the person.
    pub async fn consent(&self, request: &str, browser: &Browser<'_>) -> Result<Asked, StoreError> {
        let mut tx = self.db.read().await?;
        let pending = match self.still_waiting(&mut tx, request, browser).await? {
            Ok(pending) => pending,
            Err(next) => return Ok(Asked::Next(next)),
        };
        let step = self.step(&mut tx, &pending, browser).await?;
        if let (Ok(Step::Consent { offered }), Some(session)) = (&step, browser.session) {
            let allowed = self.allowed(&mut tx, &pending, session).await?;
            let mut page = page::consent(request, &pending, session, offered, allowed.as_ref());
            page.logo = logos::has(&mut tx, &pending.client).await?.then_some(pending.client.id);
            return Ok(Asked::Page(Box::new(page)));
        }
        drop(tx);
        self.go_on(pending, step, Some(request), browser).await.map(Asked::Next)
    }

    /// Takes the person's answer. A second answer to the same request gets a page that says so (AZ-23).
    pub async fn decide(&self, request: &str, browser: &Browser<'_>, decision: Decision) -> Result<Next, StoreError> {
        let mut tx = self.db.read().await?;
        let pending = match self.still_waiting(&mut tx, request, browser).await? {
            Ok(pending) => pending,
            Err(next) => return Ok(next),
        };
        let step = self.step(&mut tx, &pending, browser).await?;
        let (Ok(Step::Consent { offered }), Some(session)) = (&step, browser.session) else {
            drop(tx);
            return self.go_on(pending, step, Some(request), browser).await;
        };
        let allowed = self.allowed(&mut tx, &pending, session).await?;
        drop(tx);
        let shown = page::shown(&pending.client, offered, allowed.as_ref());
        let answer = Answer { pending: &pending, session, browser, handle: Some(request) };
        let Decision::Allow(choice) = decision else { return self.deny(answer, offered).await };
        let declined = unticked(&pending.client, offered, &shown, &choice.ticked);
        let kept = offered.without(&declined);
        if kept.is_empty() {
            // Nothing stayed ticked: that is a no.
            return self.deny(answer, offered).await;
        }
        let for_everybody = choice.for_everybody && session.role.is_admin() && !pending.client.is_self_registered();
        let given = if for_everybody { Given::ForEverybody } else { Given::ByPerson };
        let consented = Consented::Now { given, declined, lasting: choice.lasting };
        let next = self.issue(answer, &kept, consented).await?;
        if for_everybody {
            self.forget_client(pending.client.id);
        }
        Ok(next)
    }

    /// The request, if it still waits in this browser and its client and address are still what they were (POL-4).
    async fn still_waiting(
        &self,
        tx: &mut Tx,
        handle: &str,
        browser: &Browser<'_>,
    ) -> Result<Result<Pending, Next>, StoreError> {
        let Some(pending) = pending::find(tx, self.clock.now(), handle, browser).await? else {
            return Ok(Err(expired()));
        };
        if !pending.client.is_active() {
            return Ok(Err(request::page("Unknown app", "The app was switched off in the meantime.")));
        }
        match request::registered(tx, &pending.client, &pending.request.redirect_uri).await? {
            Some(_) => Ok(Ok(pending)),
            None => {
                Ok(Err(request::page("Wrong return address", "The app's return address was changed in the meantime.")))
            }
        }
    }

    /// What the person must do now. The inner error is for the app.
    async fn step(
        &self,
        tx: &mut Tx,
        pending: &Pending,
        browser: &Browser<'_>,
    ) -> Result<Result<Step, Error>, StoreError> {
        match prompt::before_consent(&pending.request, browser.session, self.clock.now()) {
            Err(error) => return Ok(Err(error)),
            Ok(Some(step)) => return Ok(Ok(step)),
            Ok(None) => {}
        }
        let Some(session) = browser.session else { return Ok(Ok(Step::SignIn)) };
        if let Some(refused) = &pending.request.refused {
            return Ok(Err(Error::of(Code::InvalidScope, refused.clone())));
        }
        let asked = ScopeSet::parse(&pending.request.scope).unwrap_or_default();
        match client_document::admission(tx, &pending.client, &asked).await? {
            Admission::Allowed => {}
            _ if pending.request.prompt.none => {
                let description = "An administrator of this account must let the app in first.";
                return Ok(Err(Error::of(Code::InteractionRequired, description)));
            }
            Admission::Waits => return Ok(Ok(Step::Wait)),
            Admission::Refused => return Ok(Ok(Step::Refused)),
        }
        let allowed = self.allowed(tx, pending, session).await?;
        Ok(prompt::consent(&pending.request, &pending.client, session, allowed.as_ref()))
    }

    /// What the person allowed the app at the resources that are asked for now; a resource that is new has nothing allowed yet (CO-6).
    async fn allowed(&self, tx: &mut Tx, pending: &Pending, session: &Session) -> Result<Option<Allowed>, StoreError> {
        let mut allowed = consents::find_living(tx, self.clock.now(), pending.client.id, session.person_id).await?;
        if let Some(allowed) = &mut allowed {
            let known = Audience::stored(&allowed.resources, &self.config.issuer);
            if !self.audience_of(&pending.request).is_within(known) {
                allowed.scope = ScopeSet::default();
            }
        }
        Ok(allowed)
    }

    fn audience_of(&self, request: &Request) -> Audience {
        Audience::stored(&request.resources, &self.config.issuer)
    }

    /// Shows the next page, or answers the app. `handle` is the pending request's, if it is kept already.
    async fn go_on(
        &self,
        pending: Pending,
        step: Result<Step, Error>,
        handle: Option<&str>,
        browser: &Browser<'_>,
    ) -> Result<Next, StoreError> {
        match (step, browser.session) {
            (Err(error), _) => {
                let now = self.clock.now();
                transact!(self.db, |tx| finish(tx, now, handle, &pending.request).await)?;
                self.reply(&pending).error(&error).await
            }
            (Ok(Step::Code { scope, grant_id }), Some(session)) => {
                let consented = grant_id.map_or_else(Consented::spared, Consented::Before);
                self.issue(Answer { pending: &pending, session, browser, handle }, &scope, consented).await
            }
            (Ok(Step::Choose), Some(session)) => {
                let request = self.keep(&pending, handle, browser).await?;
                Ok(Next::Choose { request, email: session.email.clone() })
            }
            (Ok(Step::Consent { .. }), Some(_)) => {
                Ok(Next::Consent { request: self.keep(&pending, handle, browser).await? })
            }
            (Ok(Step::Wait), _) => Ok(Next::Page {
                status: StatusCode::FORBIDDEN,
                title: "This app is not let in yet",
                detail: "It registered itself, and asks for more than an administrator of this account allows such apps. \
                         Ask one to let it in under Self-described apps in the Admin Center, then start again in the app."
                    .to_owned(),
            }),
            (Ok(Step::Refused), _) => Ok(Next::Page {
                status: StatusCode::FORBIDDEN,
                title: "This app is not let in",
                detail: "The administrators of this account do not accept it.".to_owned(),
            }),
            (Ok(Step::SecondFactor), _) => {
                Ok(Next::SecondFactor { request: self.keep(&pending, handle, browser).await? })
            }
            (Ok(Step::SignUp), _) => Ok(Next::SignUp { request: self.keep(&pending, handle, browser).await? }),
            (Ok(_), _) => {
                let request = self.keep(&pending, handle, browser).await?;
                Ok(Next::SignIn { request, login_hint: pending.request.login_hint })
            }
        }
    }

    /// The handle under which the request waits.
    async fn keep(&self, pending: &Pending, handle: Option<&str>, browser: &Browser<'_>) -> Result<String, StoreError> {
        if let Some(handle) = handle {
            return Ok(handle.to_owned());
        }
        let now = self.clock.now();
        let handle = self.random.token();
        transact!(self.db, |tx| pending::keep(tx, now, &handle, browser, pending).await)?;
        Ok(handle)
    }

    /// The code, in one transaction with the grant and with the end of the pending request: two clicks give one code (AZ-23), and a
    /// commit that fails leaves none (ALL-15).
    async fn issue(&self, answer: Answer<'_>, scope: &ScopeSet, consented: Consented) -> Result<Next, StoreError> {
        let Answer { pending, session, handle, .. } = answer;
        let now = self.clock.now();
        let code = secret::code(&self.random);
        let nothing = ScopeSet::default();
        let issued = transact!(self.db, |tx| {
            if !finish(tx, now, handle, &pending.request).await? {
                return Ok::<_, StoreError>(false);
            }
            let (grant_id, scope) = match &consented {
                Consented::Before(grant_id) => (*grant_id, scope.clone()),
                Consented::Now { given, declined, lasting } => {
                    let question = Question { declined, lasting: *lasting, ..self.question(&answer, scope, &nothing) };
                    let allowed = consents::allow(tx, now, question, *given).await?;
                    (allowed.grant_id, prompt::carried(&pending.request, scope, Some(&allowed)))
                }
            };
            let bound =
                Binding { client: &pending.client, session, grant_id, scope: &scope, request: &pending.request };
            codes::issue(tx, now, &code, &bound).await?;
            Ok(true)
        })?;
        self.note_client_use(&pending.client);
        if issued { self.reply(pending).code(&code).await } else { Ok(expired()) }
    }

    async fn deny(&self, answer: Answer<'_>, scope: &ScopeSet) -> Result<Next, StoreError> {
        let Answer { pending, handle, .. } = answer;
        let now = self.clock.now();
        let nothing = ScopeSet::default();
        let question = self.question(&answer, scope, &nothing);
        let finished = transact!(self.db, |tx| {
            if !finish(tx, now, handle, &pending.request).await? {
                return Ok::<_, StoreError>(false);
            }
            consents::record_denial(tx, now, question).await?;
            Ok(true)
        })?;
        let error = Error::of(Code::AccessDenied, dialects::denial(pending.client.dialect));
        if !finished {
            return Ok(expired());
        }
        let answer = self.reply(pending).error(&error).await?;
        Ok(match pending.client.is_self_registered() {
            true => {
                let uri = RedirectUri::stored(pending.request.redirect_uri.clone());
                Next::Leave { destination: uri.destination().to_string(), answer: Box::new(answer) }
            }
            false => answer,
        })
    }

    fn question<'a>(&'a self, answer: &Answer<'a>, scope: &'a ScopeSet, declined: &'a ScopeSet) -> Question<'a> {
        Question {
            client: &answer.pending.client,
            session: answer.session,
            browser: answer.browser,
            scope,
            declined,
            lasting: Lasting::AsBefore,
            audience: self.audience_of(&answer.pending.request),
            issuer: &self.config.issuer,
        }
    }

    /// The way back to the app. The address was compared with the registered ones just before.
    fn reply<'a>(&'a self, pending: &'a Pending) -> Reply<'a> {
        let Pending { client, request } = pending;
        Reply {
            provider: self,
            client,
            uri: RedirectUri::stored(request.redirect_uri.clone()),
            mode: request.response_mode,
            state: request.state.as_deref(),
        }
    }
}

/// Who answers which request.
#[derive(Clone, Copy)]
struct Answer<'a> {
    pending: &'a Pending,
    session: &'a Session,
    browser: &'a Browser<'a>,
    /// None if the request never had to wait.
    handle: Option<&'a str>,
}

/// Where the grant comes from.
#[derive(Debug, Clone)]
enum Consented {
    /// It covers the request already.
    Before(i64),
    /// It begins or grows with this code.
    Now { given: Given, declined: ScopeSet, lasting: Lasting },
}

impl Consented {
    /// Nobody was asked.
    fn spared() -> Consented {
        Consented::Now { given: Given::ByAdministrator, declined: ScopeSet::default(), lasting: Lasting::AsBefore }
    }
}

/// The optional words of the page that did not stay ticked. What was not on the page was allowed before, and stays.
fn unticked(client: &Client, offered: &ScopeSet, shown: &ScopeSet, ticked: &[String]) -> ScopeSet {
    let could_be = offered.intersection(shown).intersection(&client.optional_scopes);
    could_be.without(&ScopeSet::parse(&ticked.join(" ")).unwrap_or_default())
}

/// Uses the request up, in all the forms in which it waits. False if another answer was faster.
async fn finish(tx: &mut Tx, now: Timestamp, handle: Option<&str>, request: &Request) -> Result<bool, StoreError> {
    let is_first = match handle {
        Some(handle) => pending::finish(tx, now, handle).await?,
        None => true,
    };
    match &request.pushed {
        Some(pushed) if is_first => par::finish(tx, now, pushed).await,
        _ => Ok(is_first),
    }
}

/// For a pending request that was answered, is over, or belongs to another browser.
fn expired() -> Next {
    request::page(
        "This request has expired",
        "It was answered already, or it waited for more than ten minutes. Go back to the app and start again.",
    )
}

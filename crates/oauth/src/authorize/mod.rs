//! The authorization endpoint: from an app's request, through sign-in and consent, to a code.
//!
//! Renders no page: every step ends in a `Next`, and the pages are somebody else's.
//! A request that must wait for a person is stored, bound to the browser and good for one answer (AZ-23).

use axum::response::Response;
use http::StatusCode;
use store::StoreError;

use crate::Provider;
use crate::sessions::Session;

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
    /// The account chooser of `prompt=select_account`: go on as the one signed in (`keep_account(request)`) or sign in as another.
    Choose { request: String, email: String },
    /// The consent page; show what `consent(request)` says.
    Consent { request: String },
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
    /// Host of `client_uri`.
    pub client_host: Option<String>,
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
    pub write: bool,
    pub deprecated: bool,
}

/// The person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allow,
    Deny,
}

impl Provider {
    /// A request at the authorization endpoint. `raw` is the query string of a GET or the form body of a POST, not decoded.
    ///
    /// An error is the database's, before the app could be told; answer 503.
    pub async fn authorize(&self, _raw: &[u8], _browser: &Browser<'_>) -> Result<Next, StoreError> {
        Ok(expired())
    }

    /// Goes on with a pending request, after sign-in.
    pub async fn resume_authorization(&self, _request: &str, _browser: &Browser<'_>) -> Result<Next, StoreError> {
        Ok(expired())
    }

    /// Goes on as the person who is signed in, after the account chooser.
    pub async fn keep_account(&self, _request: &str, _browser: &Browser<'_>) -> Result<Next, StoreError> {
        Ok(expired())
    }

    /// What to ask the person.
    pub async fn consent(&self, _request: &str, _browser: &Browser<'_>) -> Result<Asked, StoreError> {
        Ok(Asked::Next(expired()))
    }

    /// Takes the person's answer. A second answer to the same request gets a page that says so (AZ-23).
    pub async fn decide(
        &self,
        _request: &str,
        _browser: &Browser<'_>,
        _decision: Decision,
    ) -> Result<Next, StoreError> {
        Ok(expired())
    }
}

/// For a pending request that was answered, is over, or belongs to another browser.
fn expired() -> Next {
    Next::Page {
        status: StatusCode::BAD_REQUEST,
        title: "This request has expired",
        detail: "It was answered already, or it waited for more than ten minutes. Go back to the app and start again."
            .to_owned(),
    }
}

//! Whoever opened the page: their browser, their session if they are signed in, and the values that protect their forms.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use endpoint::{App, ClientAddress, Needs, RequestId};
use oauth::authorize::Browser;
use oauth::sessions::{self, Session};

use crate::form::Form;
use crate::pages::{Frame, Message, PersonLine};
use crate::rooms::Section;

/// Largest form (ALL-14).
const FORM_LIMIT_BYTES: usize = 64 * 1024;
/// Forms that people send before they are signed in: their CSRF value hangs on the browser's cookie, signed in or not.
const BEFORE_SIGN_IN: [&str; 13] = [
    "/forgot",
    "/login",
    "/login/factor",
    "/login/factor/passkey",
    "/login/factor/passkey/finish",
    "/login/passkey",
    "/login/passkey/finish",
    "/login/passkey/options",
    "/login/upstream",
    "/reset",
    "/setup",
    "/sign-up",
    "/verify",
];

/// Their forms too; customers are never signed in.
const SURVEYS: &str = "/survey/";

/// What staff reach who must still show a second factor: the way there, the way out, and an app's request, which waits for it.
/// Everything else leads there.
const WITHOUT_SECOND_FACTOR: [&str; 9] =
    ["/assets/", "/choose", "/consent", "/login", "/logout", "/me/security", "/oauth/", "/reset", "/verify"];

/// The sender of a request for a page.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub session: Option<Arc<Session>>,
    browser_cookie: String,
    /// The browser had no cookie yet, so the answer must set it.
    is_new: bool,
    session_cookie: Option<String>,
    address: String,
    user_agent: String,
    pub request_id: String,
    https: bool,
}

impl Visitor {
    pub async fn of(parts: &mut Parts, app: &App) -> Result<Visitor, Response> {
        let https = app.config.public_url.starts_with("https:");
        let session = endpoint::session(parts, app).await.map_err(|error| crate::errors::database(&error))?;
        let path = parts.uri.path();
        let is_on_the_way = path == "/" || WITHOUT_SECOND_FACTOR.iter().any(|start| path.starts_with(start));
        if !is_on_the_way && session.as_ref().is_some_and(|session| session.owes_second_factor) {
            return Err(crate::pages::see_other(&crate::login_factor::more_address(path)));
        }
        let cookie = |name| endpoint::cookie(&parts.headers, name).map(str::to_owned);
        let known =
            cookie(sessions::browser_cookie_name(https)).filter(|value| 20 <= value.len() && value.len() <= 100);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
        Ok(Visitor {
            is_new: known.is_none(),
            browser_cookie: known.unwrap_or_else(|| app.random.token()),
            session_cookie: cookie(sessions::cookie_name(https)).filter(|_| session.is_some()),
            session,
            address: parts.extensions.get::<ClientAddress>().map(|it| it.0.to_string()).unwrap_or_default(),
            user_agent: user_agent.chars().take(200).collect(),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            https,
        })
    }

    /// Who is signed in.
    pub fn person_id(&self) -> Option<i64> {
        self.session.as_ref().map(|session| session.person_id)
    }

    pub fn browser(&self) -> Browser<'_> {
        Browser {
            cookie: &self.browser_cookie,
            session: self.session.as_deref(),
            address: self.address.clone(),
            user_agent: self.user_agent.clone(),
            request_id: self.request_id.clone(),
        }
    }

    /// The hidden value of a form for someone signed in. `about` is the pending request, or nothing (LS-3).
    pub fn csrf(&self, about: &str) -> String {
        sessions::csrf_value(self.session_cookie.as_deref().unwrap_or(&self.browser_cookie), about)
    }

    /// The hidden value of a form for someone who signs in.
    pub fn csrf_before_sign_in(&self, about: &str) -> String {
        sessions::csrf_value(&self.browser_cookie, about)
    }

    fn sent_by(&self, path: &str, form: &Form) -> bool {
        let cookie = match &self.session_cookie {
            Some(cookie) if !BEFORE_SIGN_IN.contains(&path) && !path.starts_with(SURVEYS) => cookie,
            _ => &self.browser_cookie,
        };
        !self.is_new && sessions::csrf_matches(cookie, form.value("request"), form.value("csrf"))
    }

    /// Whether the browser sent no name: it has none yet, or another site made it ask.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Gives the browser its name, if it has none yet.
    pub fn named(&self, mut response: Response) -> Response {
        if self.is_new {
            let name = sessions::browser_cookie_name(self.https);
            set_cookie(&mut response, name, &self.browser_cookie, "", self.https);
        }
        response
    }

    /// The session goes on under another cookie: forms of the page that is made now carry its value.
    pub fn goes_on(&mut self, session: Session, cookie: &str) {
        self.session = Some(Arc::new(session));
        self.session_cookie = Some(cookie.to_owned());
    }

    /// Hands out the cookie of a new session. Without an end of its own: the server knows when it is over.
    pub fn signed_in(&self, mut response: Response, cookie: &str) -> Response {
        set_cookie(&mut response, sessions::cookie_name(self.https), cookie, "", self.https);
        response
    }

    pub fn signed_out(&self, mut response: Response) -> Response {
        set_cookie(&mut response, sessions::cookie_name(self.https), "", "; Max-Age=0", self.https);
        response
    }

    /// What surrounds a page for this person; none if nobody is signed in.
    pub fn frame(&self, account: String, section: Section, title: &str) -> Option<Frame> {
        let session = self.session.as_deref()?;
        Some(Frame {
            title: title.to_owned(),
            account,
            person: PersonLine::new(&session.name, &session.email),
            is_admin: session.role.is_admin(),
            csrf: self.csrf(""),
            section,
            crumbs: Vec::new(),
            done: None,
        })
    }
}

fn set_cookie(response: &mut Response, name: &str, value: &str, more: &str, https: bool) {
    let secure = if https { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
    match HeaderValue::try_from(line) {
        Ok(line) => {
            response.headers_mut().append(header::SET_COOKIE, line);
        }
        Err(error) => tracing::error!(%error, "a cookie has a character that no header may have"),
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Visitor, Response> {
        Visitor::of(parts, app).await
    }
}

impl Needs for Visitor {}

/// A form that came from a page of ours, in this browser. Handlers of forms take it instead of a body, so none forgets the check (LS-3).
#[derive(Debug)]
pub struct Posted {
    pub visitor: Visitor,
    pub form: Form,
}

impl Needs for Posted {}

impl FromRequest<App> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Posted, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::of(&mut parts, app).await?;
        let form = Form::new(pairs(&bytes_of(&parts, body).await?));
        if visitor.sent_by(parts.uri.path(), &form) {
            return Ok(Posted { visitor, form });
        }
        let page = Message::new(
            "This form is out of date",
            "It was not sent from a page that this browser opened, or you signed in or out since. Nothing was changed.",
        );
        let page = page.what_next("Go back, reload the page and send it again. Cookies must be allowed for this site.");
        Err(visitor.named(page.answer(StatusCode::FORBIDDEN)))
    }
}

/// The body of a form, not decoded.
#[derive(Debug)]
pub struct FormBytes(pub Vec<u8>);

impl Needs for FormBytes {}

impl FromRequest<App> for FormBytes {
    type Rejection = Response;

    async fn from_request(request: Request, _app: &App) -> Result<FormBytes, Response> {
        let (parts, body) = request.into_parts();
        bytes_of(&parts, body).await.map(FormBytes)
    }
}

/// A query, decoded. A broken one is an empty one.
#[derive(Debug)]
pub struct Query(pub Form);

impl Needs for Query {}

impl FromRequestParts<App> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Query, Infallible> {
        Ok(Query(Form::new(pairs(parts.uri.query().unwrap_or_default().as_bytes()))))
    }
}

async fn bytes_of(parts: &Parts, body: Body) -> Result<Vec<u8>, Response> {
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let page = Message::new("Not a form", "This address takes only the form of its own page.");
        return Err(page.answer(StatusCode::BAD_REQUEST));
    }
    match to_bytes(body, FORM_LIMIT_BYTES).await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(_) => {
            let page =
                Message::new("That is too much", "The form is longer than 64 KiB. Shorten it and send it again.");
            Err(page.answer(StatusCode::PAYLOAD_TOO_LARGE))
        }
    }
}

/// Bytes that are not UTF-8 become question marks, and NUL, which no database text may hold, is dropped (ALL-5).
fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).map(|(name, value)| (name.replace('\0', ""), value.replace('\0', ""))).collect()
}

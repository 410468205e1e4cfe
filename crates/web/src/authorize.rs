//! `/oauth/authorize` and `/oauth/authorizations/new`: the provider decides, this turns its decision into a page or a redirect.

use askama::Template;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use endpoint::App;
use oauth::authorize::Next;
use store::StoreError;

use crate::errors;
use crate::pages::{Message, page_that_leads_away, see_other};
use crate::visitor::{FormBytes, Visitor};

/// Sends the answer to the app by itself, or by a button where no script runs (AZ-5).
#[derive(Template)]
#[template(path = "form_post.html")]
pub struct FormPost {
    pub action: String,
    pub host: String,
    pub fields: Vec<(String, String)>,
}

/// Where an app that was denied wants to take the browser (AZ-24).
#[derive(Template)]
#[template(path = "leave.html")]
pub struct Leave {
    pub destination: String,
    pub address: String,
    /// Empty: the address is a link.
    pub fields: Vec<(String, String)>,
}

/// `GET /oauth/authorize`
pub async fn by_get(State(app): State<App>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let raw = query.unwrap_or_default();
    visitor.named(answer(app.provider.authorize(raw.as_bytes(), &visitor.browser()).await))
}

/// `POST /oauth/authorize`. No CSRF value: an app's page sends this form, and it only starts what the person then confirms (AZ-1).
pub async fn by_post(
    State(app): State<App>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
    FormBytes(raw): FormBytes,
) -> Response {
    // A browser sends no SameSite=Lax cookie with another site's POST. Led to the same request by GET, it sends the session it has.
    if let Some(query) = as_query(&raw).filter(|_| visitor.is_new()) {
        return see_other(&format!("{}?{query}", uri.path()));
    }
    visitor.named(answer(app.provider.authorize(&raw, &visitor.browser()).await))
}

/// The form as it would stand in an address, if it is fit for one.
pub fn as_query(raw: &[u8]) -> Option<&str> {
    let fits = raw.len() <= QUERY_MAX_BYTES && raw.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    std::str::from_utf8(raw).ok().filter(|_| fits)
}

/// Room for the longest query within a URL of 8 KiB (ALL-14).
const QUERY_MAX_BYTES: usize = 7 * 1024;

/// What the browser is shown next.
pub fn answer(next: Result<Next, StoreError>) -> Response {
    match next {
        Ok(Next::Answer(response)) => response,
        Ok(Next::FormPost { action, fields }) => {
            let host = crate::text::host_of(&action).unwrap_or_else(|| "the app".to_owned());
            page_that_leads_away(StatusCode::OK, &FormPost { action, host, fields })
        }
        Ok(Next::Leave { destination, answer }) => leave(&destination, *answer),
        Ok(Next::SignIn { request, login_hint }) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("request", &request);
            if let Some(hint) = login_hint {
                query.append_pair("login_hint", &hint);
            }
            see_other(&format!("/login?{}", query.finish()))
        }
        Ok(Next::SecondFactor { request }) => see_other(&with_request("/login/more", &request)),
        Ok(Next::SignUp { request }) => see_other(&with_request("/sign-up", &request)),
        Ok(Next::Choose { request, email: _ }) => see_other(&with_request("/choose", &request)),
        Ok(Next::Consent { request }) => see_other(&with_request("/consent", &request)),
        Ok(Next::Page { status, title, detail }) => Message::new(title, &detail)
            .what_next(
                "Nothing was allowed. Go back to the app and start again; if this stays, tell whoever makes the app.",
            )
            .answer(status),
        Err(error) => errors::database(&error),
    }
}

/// The answer as something to press instead of something that happens (AZ-24).
fn leave(destination: &str, next: Next) -> Response {
    let (address, fields) = match next {
        Next::FormPost { action, fields } => (action, fields),
        Next::Answer(response) => {
            let location = response.headers().get(header::LOCATION).and_then(|it| it.to_str().ok());
            match location {
                Some(address) => (address.to_owned(), Vec::new()),
                None => return response,
            }
        }
        other => return answer(Ok(other)),
    };
    let page = Leave { destination: crate::text::shown(destination, 120), address, fields };
    page_that_leads_away(StatusCode::OK, &page)
}

fn with_request(path: &str, request: &str) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("request", request).finish();
    format!("{path}?{query}")
}

//! What people see when something cannot be shown: 403, 404, 500 and their like, and how every other page is dressed.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use endpoint::{App, Pages, RoleForbids};
use store::StoreError;

use crate::pages::Message;

/// Around the whole application. Gives refusals without a body a page if a person's browser asked, and pages on https the promise to
/// stay there (ALL-16).
pub const PAGES: Pages = Pages { asked: wants_page, dress };

fn dress(app: &App, is_person: bool, mut response: Response) -> Response {
    let is_bare = !response.headers().contains_key(header::CONTENT_TYPE);
    let is_refusal = response.status().is_client_error() || response.status().is_server_error();
    if is_refusal && (response.extensions().get::<RoleForbids>().is_some() || (is_bare && is_person)) {
        response = with_page(response);
    }
    let is_html =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"text/html"));
    if is_html && app.config.public_url.starts_with("https:") {
        let promise = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, promise);
    }
    response
}

/// Programs get their surface's own words.
fn wants_page(request: &Request) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok());
    accept.is_some_and(|it| it.contains("text/html"))
        && matches!(*request.method(), Method::GET | Method::POST)
        && !request.uri().path().starts_with("/api/")
}

fn with_page(response: Response) -> Response {
    let (parts, _body) = response.into_parts();
    let mut dressed = page_of(parts.status).answer(parts.status);
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = parts.headers.get(&name) {
            dressed.headers_mut().insert(name, value.clone());
        }
    }
    dressed
}

/// What people are told about a status.
pub fn page_of(status: StatusCode) -> Message {
    match status {
        StatusCode::FORBIDDEN => Message::new(
            "This is not for your role",
            "You are signed in, but your role in this helpdesk does not include this page.",
        )
        .what_next("Ask an administrator of your account if you need it.")
        .link("/", "Go to your start page"),
        StatusCode::NOT_FOUND => {
            Message::new("There is nothing here", "The page was moved or deleted, or the address has a mistake in it.")
                .link("/", "Go to your start page")
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            Message::new("That does not work here", "This address exists, but not for what was asked of it.")
                .link("/", "Go to your start page")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            Message::new("That is too large", "The server takes no more at once than what fits its forms.")
                .what_next("Go back and send less.")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            Message::new("Too much at once", "There were more requests than one address or person may send.")
                .what_next("Wait a minute and try again.")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            Message::new("Busy for a moment", "The helpdesk could not answer in time. Nothing was lost.")
                .what_next("Wait a few seconds and try again.")
        }
        status if status.is_server_error() => {
            Message::new("Something broke on our side", "The error was written to the log. Nothing you did caused it.")
                .what_next("Try again. If it stays, tell whoever runs this helpdesk.")
        }
        _ => {
            Message::new("That did not work", "The request could not be understood.").link("/", "Go to your start page")
        }
    }
}

/// 503 with a page, or 500 where waiting does not help (ALL-15).
pub fn database(error: &StoreError) -> Response {
    let status = match error {
        StoreError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    tracing::error!(%error, "the database failed while a page was made");
    let mut response = page_of(status).answer(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// 500 with a page. Log the cause before.
pub fn broken() -> Response {
    page_of(StatusCode::INTERNAL_SERVER_ERROR).answer(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A refusal of the domain where no form can show it.
pub fn helpdesk(error: &helpdesk::Error) -> Response {
    match error {
        helpdesk::Error::NotFound { .. } => page_of(StatusCode::NOT_FOUND).answer(StatusCode::NOT_FOUND),
        helpdesk::Error::Store(error) => database(error),
        helpdesk::Error::Invalid { .. }
        | helpdesk::Error::Taken { .. }
        | helpdesk::Error::InUse { .. }
        | helpdesk::Error::TooMany { .. }
        | helpdesk::Error::Stale { .. }
        | helpdesk::Error::Changed { .. }
        | helpdesk::Error::Forbidden(_)
        | helpdesk::Error::Refused(_) => {
            Message::new("That was refused", &crate::text::sentence(&error.to_string())).answer(StatusCode::CONFLICT)
        }
    }
}

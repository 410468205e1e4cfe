//! What the provider refuses, in the words of the RFCs, and how a refusal looks at a back-channel endpoint.
//!
//! Whether a refusal may travel to the app by redirect is a property of its code; `authorize` decides whether the redirect target is
//! trustworthy at all (AZ-2).

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use store::{StoreError, Transient};

use crate::dpop;

/// A registered error code (RFC 6749 4.1.2.1 and 5.2, RFC 6750 3.1, RFC 7009 2.2.1, RFC 7591 3.2.2, RFC 8707 2, RFC 9449 12.2, OpenID Connect Core 3.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope,
    InvalidTarget,
    AccessDenied,
    LoginRequired,
    ConsentRequired,
    InteractionRequired,
    AccountSelectionRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    RegistrationNotSupported,
    InvalidRequestUri,
    InvalidRequestObject,
    UnmetAuthenticationRequirements,
    InvalidRedirectUri,
    InvalidClientMetadata,
    InvalidSoftwareStatement,
    UnapprovedSoftwareStatement,
    /// The device's person has not answered yet (RFC 8628, section 3.5), and the two below.
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    InvalidToken,
    InvalidDpopProof,
    UseDpopNonce,
    InsufficientScope,
    ServerError,
    TemporarilyUnavailable,
}

impl Code {
    /// As it stands on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Code::InvalidRequest => "invalid_request",
            Code::InvalidClient => "invalid_client",
            Code::InvalidGrant => "invalid_grant",
            Code::UnauthorizedClient => "unauthorized_client",
            Code::UnsupportedGrantType => "unsupported_grant_type",
            Code::UnsupportedResponseType => "unsupported_response_type",
            Code::InvalidScope => "invalid_scope",
            Code::InvalidTarget => "invalid_target",
            Code::AccessDenied => "access_denied",
            Code::LoginRequired => "login_required",
            Code::ConsentRequired => "consent_required",
            Code::InteractionRequired => "interaction_required",
            Code::AccountSelectionRequired => "account_selection_required",
            Code::RequestNotSupported => "request_not_supported",
            Code::RequestUriNotSupported => "request_uri_not_supported",
            Code::RegistrationNotSupported => "registration_not_supported",
            Code::InvalidRequestUri => "invalid_request_uri",
            Code::InvalidRequestObject => "invalid_request_object",
            Code::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Code::InvalidRedirectUri => "invalid_redirect_uri",
            Code::InvalidClientMetadata => "invalid_client_metadata",
            Code::InvalidSoftwareStatement => "invalid_software_statement",
            Code::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Code::AuthorizationPending => "authorization_pending",
            Code::SlowDown => "slow_down",
            Code::ExpiredToken => "expired_token",
            Code::InvalidToken => "invalid_token",
            Code::InvalidDpopProof => "invalid_dpop_proof",
            Code::UseDpopNonce => "use_dpop_nonce",
            Code::InsufficientScope => "insufficient_scope",
            Code::ServerError => "server_error",
            Code::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    /// The status of a JSON answer with this code.
    pub const fn status(self) -> StatusCode {
        match self {
            Code::InvalidClient | Code::InvalidToken => StatusCode::UNAUTHORIZED,
            Code::InsufficientScope => StatusCode::FORBIDDEN,
            Code::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Code::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether the authorization endpoint may send it to a checked redirect URI.
    pub const fn may_be_redirected(self) -> bool {
        !matches!(
            self,
            Code::InvalidClient
                | Code::InvalidGrant
                | Code::UnsupportedGrantType
                | Code::InvalidRedirectUri
                | Code::InvalidClientMetadata
                | Code::InvalidSoftwareStatement
                | Code::UnapprovedSoftwareStatement
                | Code::AuthorizationPending
                | Code::SlowDown
                | Code::ExpiredToken
                | Code::InvalidToken
                | Code::InvalidDpopProof
                | Code::UseDpopNonce
                | Code::InsufficientScope
        )
    }
}

/// Everything the provider can refuse.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A code with a sentence for the app's developer. The sentence holds no secret.
    #[error("{}: {description}", code.word())]
    Refused { code: Code, description: Cow<'static, str> },
    /// The client is unknown, switched off, or did not prove who it is: one answer for all (CA-3).
    #[error("client authentication failed")]
    InvalidClient {
        /// Whether it tried with the `Authorization` header; then the answer names the scheme.
        basic: bool,
    },
    /// Too many failures (CA-8).
    #[error("too many failed attempts")]
    Limited { retry_after_seconds: u64 },
    #[error("the body is longer than 64 KiB")]
    TooLarge,
    /// The DPoP proof lacks our nonce, or has one that is over (DP-4).
    #[error("the DPoP proof needs another nonce")]
    UseDpopNonce {
        /// The one to use.
        nonce: String,
    },
    /// Our own fault, with what to look for.
    #[error("{0}")]
    Internal(String),
    #[error(transparent)]
    Helpdesk(#[from] helpdesk::Error),
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

impl Error {
    pub fn of(code: Code, description: impl Into<Cow<'static, str>>) -> Error {
        Error::Refused { code, description: description.into() }
    }

    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Error {
        Error::of(Code::InvalidRequest, description)
    }

    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Error {
        Error::of(Code::InvalidGrant, description)
    }

    /// The code that says it best, for a redirect or a JSON body.
    pub fn code(&self) -> Code {
        match self {
            Error::Refused { code, .. } => *code,
            Error::InvalidClient { .. } => Code::InvalidClient,
            Error::Limited { .. } => Code::TemporarilyUnavailable,
            Error::TooLarge => Code::InvalidRequest,
            Error::UseDpopNonce { .. } => Code::UseDpopNonce,
            Error::Store(StoreError::Unavailable(_))
            | Error::Helpdesk(helpdesk::Error::Store(StoreError::Unavailable(_))) => Code::TemporarilyUnavailable,
            Error::Internal(_) | Error::Helpdesk(_) | Error::Store(_) => Code::ServerError,
        }
    }

    /// A sentence of the characters an `error_description` may have (ALL-9), with nothing about our insides.
    pub fn description(&self) -> String {
        match self {
            Error::Refused { description, .. } => clean(description),
            Error::InvalidClient { .. } => {
                "The client is unknown, switched off, or did not authenticate as registered.".to_owned()
            }
            Error::Limited { retry_after_seconds } => {
                format!("Too many attempts. Try again in {retry_after_seconds} seconds.")
            }
            Error::TooLarge => "The body is longer than 64 KiB.".to_owned(),
            Error::UseDpopNonce { .. } => "The DPoP proof needs the nonce of the header DPoP-Nonce.".to_owned(),
            Error::Internal(_) | Error::Helpdesk(_) | Error::Store(_) => match self.code() {
                Code::TemporarilyUnavailable => "The database is busy. Try again in a second.".to_owned(),
                _ => "Something broke on our side.".to_owned(),
            },
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Error::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            error => error.code().status(),
        }
    }

    /// Writes what we are to blame for to the log. Call it once, where the error is answered.
    pub fn log(&self) {
        if let Error::Internal(_) | Error::Helpdesk(_) | Error::Store(_) = self {
            tracing::error!(error = %self, "a call to the provider failed");
        }
    }
}

impl Transient for Error {
    fn is_transient(&self) -> bool {
        match self {
            Error::Store(error) => error.is_transient(),
            Error::Helpdesk(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// The JSON answer of RFC 6749 5.2, for token, revocation and introspection.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let body = json!({ "error": self.code().word(), "error_description": self.description() });
        let mut response = answer(self.status(), &body);
        let headers = response.headers_mut();
        if let Error::InvalidClient { basic: true } = self {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(BASIC_CHALLENGE));
        }
        if let Error::UseDpopNonce { nonce } = &self {
            dpop::offer(&mut response, nonce);
        }
        let headers = response.headers_mut();
        let retry_after_seconds = match self {
            Error::Limited { retry_after_seconds } => Some(retry_after_seconds),
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => Some(1),
            _ => None,
        };
        if let Some(seconds) = retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The realm is the one that Zendesk's clients have seen (Zendesk contract, `token_endpoint.errors`).
pub const BASIC_CHALLENGE: &str = r#"Basic realm="OAuth2 Token Endpoint""#;

/// A JSON answer that no cache keeps (ALL-8).
pub fn answer(status: StatusCode, body: &Value) -> Response {
    answer_text(status, Bytes::from(body.to_string()))
}

/// The same with JSON that is written already.
pub(crate) fn answer_text(status: StatusCode, body: Bytes) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Only %x20-21, %x23-5B, %x5D-7E are left; the rest becomes a space or, for a quotation mark, an apostrophe (ALL-9).
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => ' ',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_only_permitted_characters() {
        // ALL-9
        let error = Error::invalid_request("bad \"scope\"\r\n\tC:\\x \u{e9}\u{7f}");

        let text = error.description();

        assert!(text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{text}");
    }

    #[test]
    fn a_failing_database_says_nothing_about_itself() {
        // ALL-9, ALL-15
        let error = Error::Store(StoreError::Unavailable("host=10.0.0.1 select * from people".into()));

        assert_eq!(error.code(), Code::TemporarilyUnavailable);
        assert!(!error.description().contains("select"));
    }
}

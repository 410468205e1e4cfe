//! What the provider says of itself: OpenID Connect Discovery, RFC 8414, RFC 9728 (MD-1 to MD-10, MD-12).
//!
//! Only what exists is here, and everything that exists (MD-9). Every address begins with the configured issuer, never with what a
//! request says (ALL-1).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use outside::sha256;
use scope::permission::Permissions;
use scope::{Dialect, words};
use serde_json::{Value as Json, json};
use store::StoreError;
use url::Url;

use crate::authorize::check;
use crate::authorize::respond::ResponseMode;
use crate::device;
use crate::resources::Target;
use crate::{Config, Error, Provider, acr, claims, client_document, keys, par, register};

/// How long others keep these documents, in seconds.
const CACHED_SECONDS: i64 = 5 * 60;

/// Words with which an app can begin: enough to look around, nothing that lasts (RFC 9728 section 2; MD-12).
pub(crate) const FIRST_SCOPES: [&str; 5] =
    ["account:read", "customers:read", "tags:read", "tickets:read", "users:read"];

impl Provider {
    /// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`, whose content is one (MD-1).
    /// `suffix` is what stood after it: the path of the issuer, or nothing (MD-2).
    pub async fn metadata(&self, headers: &HeaderMap, suffix: &str) -> Response {
        if !self.is_own_path(suffix) {
            return StatusCode::NOT_FOUND.into_response();
        }
        match self.metadata_now().await {
            Ok(body) => document(headers, &body, CACHED_SECONDS),
            Err(error) => Error::from(error).into_response(),
        }
    }

    /// With what the administrator's settings switch on (MD-9).
    async fn metadata_now(&self) -> Result<Json, StoreError> {
        let mut body = self.state.metadata.clone();
        let registration: register::settings::Settings = self.setting(register::settings::NAME).await?;
        if registration.mode.is_on() {
            body["registration_endpoint"] = format!("{}{}", self.config.issuer, register::PATH).into();
        }
        let demands: check::Demands = self.setting(check::SETTING).await?;
        body["require_pushed_authorization_requests"] = demands.pushed.into();
        let documents: client_document::settings::Settings = self.setting(client_document::settings::NAME).await?;
        body["client_id_metadata_document_supported"] = documents.mode.is_on().into();
        if self.has_sign_up().await?
            && let Some(values) = body["prompt_values_supported"].as_array_mut()
        {
            values.push("create".into());
        }
        Ok(body)
    }

    /// `GET /.well-known/oauth-protected-resource`: the API, or what `suffix` names (MD-12).
    pub async fn resource_metadata(&self, headers: &HeaderMap, suffix: &str) -> Response {
        let issuer = &self.config.issuer;
        let Some(target) = self.described(suffix) else { return StatusCode::NOT_FOUND.into_response() };
        if target == Target::Mcp {
            match self.is_mcp_on().await {
                Ok(true) => {}
                Ok(false) => return StatusCode::NOT_FOUND.into_response(),
                Err(error) => return Error::from(error).into_response(),
            }
        }
        let (name, scopes) = match target {
            Target::Api => ("Helpdesk API", FIRST_SCOPES.to_vec()),
            Target::Mcp => ("Helpdesk tools for agents", self.first_scopes_of_tools()),
        };
        let body = json!({
            "resource": target.identifier(issuer),
            "authorization_servers": [issuer],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
            "resource_name": name,
        });
        document(headers, &body, CACHED_SECONDS)
    }

    /// Where a challenge of this resource sends those who have no token: `https://host/.well-known/oauth-protected-resource/path`
    /// (RFC 9728, section 3.1).
    pub fn resource_metadata_address(&self, target: Target) -> String {
        let issuer = &self.config.issuer;
        let host_end = issuer.match_indices('/').nth(2).map_or(issuer.len(), |(at, _)| at);
        let (host, path) = issuer.split_at(host_end);
        format!("{host}/.well-known/oauth-protected-resource{path}{}", target.path())
    }

    /// The resource whose path, or the end of it after the issuer's own, stands behind the well-known address.
    fn described(&self, suffix: &str) -> Option<Target> {
        let suffix = suffix.trim_matches('/');
        Target::ALL.into_iter().find(|target| {
            let own = target.identifier(&self.config.issuer);
            suffix == target.path().trim_matches('/')
                || Url::parse(&own).is_ok_and(|own| own.path().trim_matches('/') == suffix)
        })
    }

    /// What the words an app can begin with open among the tools of the MCP endpoint.
    pub fn first_permissions_of_tools(&self) -> Permissions {
        let opened = words::permissions_of(Dialect::Standard, &FIRST_SCOPES.join(" "));
        opened.intersection(self.config.tool_permissions)
    }

    fn first_scopes_of_tools(&self) -> Vec<&'static str> {
        words::narrowest(Dialect::Standard, self.first_permissions_of_tools())
    }

    fn is_own_path(&self, suffix: &str) -> bool {
        let suffix = suffix.trim_matches('/');
        if suffix.is_empty() {
            return true;
        }
        Url::parse(&self.config.issuer).is_ok_and(|issuer| issuer.path().trim_matches('/') == suffix)
    }
}

pub(crate) fn of(config: &Config) -> Json {
    let issuer = &config.issuer;
    let methods = auth_methods(config);
    let without_none: Vec<&str> = methods.iter().copied().filter(|method| *method != "none").collect();
    let at = |path: &str| format!("{issuer}{path}");
    let scopes: Vec<&str> = words::vocabulary(Dialect::Standard).iter().map(|word| word.word).collect();
    let algorithms: Vec<&str> = keys::ALGORITHMS.into_iter().map(keys::name_of).collect();
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "ui_locales_supported": ["en"],
        "userinfo_endpoint": at("/oauth/userinfo"),
        "jwks_uri": at("/oauth/jwks"),
        "pushed_authorization_request_endpoint": at(par::PATH),
        "revocation_endpoint": at("/oauth/revoke"),
        "device_authorization_endpoint": at(device::PATH),
        "introspection_endpoint": at("/oauth/introspect"),
        "end_session_endpoint": at("/oauth/end_session"),
        "scopes_supported": scopes,
        "claims_supported": claims::SUPPORTED,
        "claim_types_supported": ["normal"],
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::WORDS,
        "grant_types_supported": [
            "authorization_code",
            "client_credentials",
            "refresh_token",
            device::GRANT,
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": without_none,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "dpop_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "authorization_signing_alg_values_supported": algorithms,
        "request_object_signing_alg_values_supported": algorithms,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": false,
        "require_request_uri_registration": false,
        "claims_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "acr_values_supported": acr::ALL,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    })
}

/// How apps may prove who they are (CA-1, CA-5, CA-9, CA-12).
fn auth_methods(config: &Config) -> Vec<&'static str> {
    let mut methods = vec!["client_secret_basic", "client_secret_post", "none", "private_key_jwt"];
    if config.client_certificates {
        methods.push("self_signed_tls_client_auth");
        if config.client_authorities.are_there() {
            methods.push("tls_client_auth");
        }
    }
    methods
}

/// A public JSON document with an `ETag` (MD-10). Cross-origin readers are let in by the layer around all routes.
pub(crate) fn document(headers: &HeaderMap, body: &Json, cached_seconds: i64) -> Response {
    let text = body.to_string();
    let tag: String = sha256(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|value| value.split(','))
        .any(|value| matches!(value.trim().trim_start_matches("W/"), value if value == tag || value == "*"));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [(header::CACHE_CONTROL, format!("public, max-age={cached_seconds}")), (header::ETAG, tag)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

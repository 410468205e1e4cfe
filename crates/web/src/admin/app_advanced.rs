//! The folded part of an app's form: how it proves who it is, what it must do, and where else it is reached. Field names are RFC 7591's
//! where it has one.

use oauth::clients::check::AUTH_METHODS;
use oauth::clients::{Client, ClientChange, ClientType, Metadata, NewClient};
use oauth::policy::Policy;
use serde_json::Value as Json;

use super::app_form::{Choice, choices};
use crate::form::Form;

/// Ids of the fields, which are also the members that a refusal names.
const FIELDS: [&str; 17] = [
    "policy",
    "token_endpoint_auth_method",
    "jwks",
    "jwks_uri",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "request_object_signing_alg",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "subject_type",
    "sector_identifier_uri",
    "grant_types",
    "logo_uri",
    "policy_uri",
    "tos_uri",
];

const POLICIES: [(&str, &str); 6] = [
    ("standard", "Standard: OAuth 2.1 and OpenID Connect"),
    ("public-native", "Public: an app on somebody’s device or in a browser"),
    ("fapi2", "High security: FAPI 2.0"),
    ("fapi2-ms", "High security with signed requests: FAPI 2.0 message signing"),
    ("zendesk", "As Zendesk has it"),
    ("gorgias", "As Gorgias has it"),
];

const METHODS: [(&str, &str); 5] = [
    ("client_secret_basic", "A secret in the header (client_secret_basic)"),
    ("client_secret_post", "A secret in the body (client_secret_post)"),
    ("private_key_jwt", "A signature by its own key (private_key_jwt)"),
    ("tls_client_auth", "A certificate that names it (tls_client_auth)"),
    ("self_signed_tls_client_auth", "A certificate of its own (self_signed_tls_client_auth)"),
];

const ALGORITHMS: [(&str, &str); 4] = [("RS256", "RS256"), ("PS256", "PS256"), ("ES256", "ES256"), ("EdDSA", "EdDSA")];

/// Further grants, with their checkboxes.
const GRANTS: [(&str, &str); 3] = [
    ("grant_device", "urn:ietf:params:oauth:grant-type:device_code"),
    ("grant_exchange", "urn:ietf:params:oauth:grant-type:token-exchange"),
    ("grant_assertion", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
];

/// What stands in the part, for its template.
pub struct Advanced {
    pub policies: Vec<Choice>,
    pub methods: Vec<Choice>,
    pub id_token_algorithms: Vec<Choice>,
    pub userinfo_algorithms: Vec<Choice>,
    pub request_algorithms: Vec<Choice>,
    /// Something in it must be mended.
    pub is_open: bool,
}

/// What the part says.
pub struct Sent {
    policy: Option<Policy>,
    method: Option<String>,
    id_token_algorithm: Option<String>,
    metadata: Metadata,
    require_par: bool,
    require_dpop: bool,
    require_signed_request: bool,
    jwt_access_tokens: bool,
    other_grants: Vec<String>,
}

/// The element to show a refusal at, if it is in this part.
pub fn element_of(member: &str) -> Option<&'static str> {
    FIELDS.into_iter().find(|field| *field == member)
}

/// Reads the part. What the form does not show stays as it was.
pub fn read(form: &mut Form, before: Option<&Client>) -> Sent {
    let text = |name: &str| Some(form.value(name).trim().to_owned()).filter(|value| !value.is_empty());
    let ticked = |name: &str| !form.value(name).is_empty();
    let uris = form.value("post_logout_redirect_uris").lines().map(|line| line.trim().to_owned());
    let uris: Vec<String> = uris.filter(|line| !line.is_empty()).collect();
    let (jwks, jwks_is_bad) = match text("jwks").map(|text| serde_json::from_str::<Json>(&text)) {
        None => (None, false),
        Some(Ok(set)) => (Some(set), false),
        Some(Err(_)) => (None, true),
    };
    let shown = GRANTS.into_iter().filter(|(field, _)| ticked(field)).map(|(_, grant)| grant.to_owned());
    let sent = Sent {
        policy: Policy::parse(form.value("policy")),
        method: text("token_endpoint_auth_method").filter(|method| AUTH_METHODS.contains(&method.as_str())),
        id_token_algorithm: text("id_token_signed_response_alg"),
        metadata: Metadata {
            jwks,
            jwks_uri: text("jwks_uri"),
            tls_client_auth_subject_dn: text("tls_client_auth_subject_dn"),
            tls_client_auth_san_dns: text("tls_client_auth_san_dns"),
            userinfo_signed_response_alg: text("userinfo_signed_response_alg"),
            request_object_signing_alg: text("request_object_signing_alg"),
            post_logout_redirect_uris: uris,
            backchannel_logout_uri: text("backchannel_logout_uri"),
            backchannel_logout_session_required: ticked("backchannel_logout_session_required"),
            subject_type: ticked("subject_type").then(|| "pairwise".to_owned()),
            sector_identifier_uri: text("sector_identifier_uri"),
            logo_uri: text("logo_uri"),
            policy_uri: text("policy_uri"),
            tos_uri: text("tos_uri"),
            ..before.map(|client| client.metadata.clone()).unwrap_or_default()
        },
        require_par: ticked("require_par"),
        require_dpop: ticked("require_dpop"),
        require_signed_request: ticked("require_signed_request"),
        jwt_access_tokens: ticked("jwt_access_tokens"),
        other_grants: shown.collect(),
    };
    if jwks_is_bad {
        form.refuse("jwks", "The keys must be a JSON object with a list “keys”, as RFC 7517 has it.");
    }
    sent
}

impl Sent {
    /// A new app with it.
    pub fn new_client(self, new: NewClient) -> NewClient {
        let is_public = new.client_type == ClientType::Public;
        NewClient {
            policy: self.policy,
            token_endpoint_auth_method: self.method.filter(|_| !is_public),
            id_token_signed_response_alg: self.id_token_algorithm,
            metadata: self.metadata,
            require_par: self.require_par,
            require_dpop: self.require_dpop,
            require_signed_request: self.require_signed_request,
            jwt_access_tokens: self.jwt_access_tokens,
            other_grants: self.other_grants,
            ..new
        }
    }

    /// A change with it.
    pub fn change(self, change: ClientChange, client: &Client) -> ClientChange {
        ClientChange {
            policy: self.policy,
            token_endpoint_auth_method: self.method.filter(|_| !client.is_public()),
            id_token_signed_response_alg: self.id_token_algorithm,
            metadata: Some(self.metadata),
            require_par: Some(self.require_par),
            require_dpop: Some(self.require_dpop),
            require_signed_request: Some(self.require_signed_request),
            jwt_access_tokens: Some(self.jwt_access_tokens),
            other_grants: Some(self.other_grants),
            ..change
        }
    }
}

/// The part as the app is now.
pub fn filled(client: &Client) -> Vec<(String, String)> {
    let metadata = &client.metadata;
    let jwks = metadata.jwks.as_ref().and_then(|set| serde_json::to_string_pretty(set).ok());
    let texts = [
        ("policy", Some(client.policy.word().to_owned())),
        ("token_endpoint_auth_method", Some(client.token_endpoint_auth_method.clone())),
        ("id_token_signed_response_alg", Some(client.id_token_signed_response_alg.clone())),
        ("jwks", jwks),
        ("jwks_uri", metadata.jwks_uri.clone()),
        ("tls_client_auth_subject_dn", metadata.tls_client_auth_subject_dn.clone()),
        ("tls_client_auth_san_dns", metadata.tls_client_auth_san_dns.clone()),
        ("userinfo_signed_response_alg", metadata.userinfo_signed_response_alg.clone()),
        ("request_object_signing_alg", metadata.request_object_signing_alg.clone()),
        ("post_logout_redirect_uris", Some(metadata.post_logout_redirect_uris.join("\n"))),
        ("backchannel_logout_uri", metadata.backchannel_logout_uri.clone()),
        ("sector_identifier_uri", metadata.sector_identifier_uri.clone()),
        ("logo_uri", metadata.logo_uri.clone()),
        ("policy_uri", metadata.policy_uri.clone()),
        ("tos_uri", metadata.tos_uri.clone()),
    ];
    let flags = [
        ("require_par", client.require_par),
        ("require_dpop", client.require_dpop),
        ("require_signed_request", client.require_signed_request),
        ("jwt_access_tokens", client.jwt_access_tokens),
        ("backchannel_logout_session_required", metadata.backchannel_logout_session_required),
        ("subject_type", metadata.subject_type.as_deref() == Some("pairwise")),
    ];
    let grants = GRANTS.into_iter().map(|(field, grant)| (field, client.may_use_grant(grant)));
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let ticks =
        flags.into_iter().chain(grants).filter(|(_, on)| *on).map(|(name, _)| (name.to_owned(), "on".to_owned()));
    texts.chain(ticks).collect()
}

impl Advanced {
    pub fn new(form: &Form, client: Option<&Client>) -> Advanced {
        let fits = |word: &str| match (word, client) {
            (word, Some(client)) if word == client.policy.word() => true,
            ("public-native", Some(client)) => client.is_public(),
            ("fapi2" | "fapi2-ms", Some(client)) => !client.is_public(),
            ("zendesk" | "gorgias", _) => false,
            _ => true,
        };
        let list = |field: &str, all: &[(&'static str, &'static str)]| {
            let all: Vec<(&str, &str, &str)> = all.iter().map(|&(value, label)| (value, label, "")).collect();
            choices(form.value(field), &all)
        };
        Advanced {
            policies: list("policy", &POLICIES).into_iter().filter(|it| fits(it.value)).collect(),
            methods: list("token_endpoint_auth_method", &METHODS),
            id_token_algorithms: list("id_token_signed_response_alg", &ALGORITHMS),
            userinfo_algorithms: list("userinfo_signed_response_alg", &ALGORITHMS),
            request_algorithms: list("request_object_signing_alg", &ALGORITHMS),
            is_open: form.problems.iter().any(|problem| FIELDS.contains(&problem.field)),
        }
    }
}

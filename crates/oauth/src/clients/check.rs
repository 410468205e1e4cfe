//! Whether a whole record holds together: every member of its metadata, and how they fit its type, policy and keys.
//!
//! One set of rules for administrators and for apps that register themselves (RG-3, RG-5). A refusal names the member as RFC 7591 and
//! OpenID Connect Registration call it. What needs the network is in `sector.rs`.

use helpdesk::Error;
use jsonwebtoken::Algorithm;
use outside::Fetch;

use super::details::{line, misleads};
use super::{Client, jwks, localized};
use crate::jwt;
use crate::redirect_uri::{BadRedirectUri, Destination, RedirectUri};

/// Longest address, in bytes, and most of them in one list.
const URI_MAX_BYTES: usize = 2048;
const URIS_MAX: usize = 50;
/// Longest value that is neither an address nor a name, in characters.
const TEXT_MAX_CHARS: usize = 255;
/// Most entries of a list that is not of addresses.
const ENTRIES_MAX: usize = 20;
/// Longest `default_max_age`: ten years, in seconds.
const MAX_AGE_MAX_SECONDS: i64 = 10 * 365 * 24 * 60 * 60;

/// The ways to prove who one is (CA-1, CA-9, CA-12).
pub const AUTH_METHODS: [&str; 6] = [
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
];

/// The grants there are (TK-2, TK-3).
pub const GRANT_TYPES: [&str; 6] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
];

/// Whether an app of this method has secrets of ours.
pub fn keeps_a_secret(method: &str) -> bool {
    matches!(method, "client_secret_basic" | "client_secret_post")
}

/// `Invalid` with the member's name.
pub fn record(client: &Client, fetch: &Fetch) -> Result<(), Error> {
    auth_method(client)?;
    grant_types(client)?;
    algorithms(client)?;
    keys(client, fetch)?;
    addresses(client, fetch)?;
    texts(client)
}

fn auth_method(client: &Client) -> Result<(), Error> {
    const FIELD: &str = "token_endpoint_auth_method";
    let method = client.token_endpoint_auth_method.as_str();
    let refuse = |problem: &str| Err(Error::invalid(FIELD, problem));
    if !AUTH_METHODS.contains(&method) {
        return refuse(&format!("must be one of {}", AUTH_METHODS.join(", ")));
    }
    if client.is_public() != (method == "none") {
        return refuse("none is for public apps, and for them alone");
    }
    if client.policy.is_fapi() && (method == "none" || keeps_a_secret(method)) {
        return refuse("this policy wants private_key_jwt, tls_client_auth or self_signed_tls_client_auth");
    }
    let metadata = &client.metadata;
    let has_keys = metadata.jwks.is_some() || metadata.jwks_uri.is_some();
    if matches!(method, "private_key_jwt" | "self_signed_tls_client_auth") && !has_keys {
        return Err(Error::invalid("jwks", format!("{method} needs the app's keys: jwks or jwks_uri")));
    }
    let subjects = [
        ("tls_client_auth_subject_dn", &metadata.tls_client_auth_subject_dn),
        ("tls_client_auth_san_dns", &metadata.tls_client_auth_san_dns),
        ("tls_client_auth_san_uri", &metadata.tls_client_auth_san_uri),
        ("tls_client_auth_san_ip", &metadata.tls_client_auth_san_ip),
        ("tls_client_auth_san_email", &metadata.tls_client_auth_san_email),
    ];
    let n_subjects = subjects.iter().filter(|(_, value)| value.is_some()).count();
    // RFC 8705, 2.1.2: exactly one of them.
    match (method, n_subjects) {
        ("tls_client_auth", 1) => {}
        ("tls_client_auth", _) => {
            return refuse(
                "tls_client_auth needs exactly one of the tls_client_auth_ members that name the certificate",
            );
        }
        (_, 0) => {}
        _ => return refuse("the tls_client_auth_ members are for tls_client_auth alone"),
    }
    for (field, value) in subjects {
        if let Some(value) = value {
            text(field, value)?;
        }
    }
    if let Some(ip) = &metadata.tls_client_auth_san_ip
        && ip.parse::<std::net::IpAddr>().is_err()
    {
        return Err(Error::invalid("tls_client_auth_san_ip", "must be an IP address"));
    }
    Ok(())
}

fn grant_types(client: &Client) -> Result<(), Error> {
    const FIELD: &str = "grant_types";
    for (at, grant_type) in client.grant_types.iter().enumerate() {
        if !GRANT_TYPES.contains(&grant_type.as_str()) {
            return Err(Error::invalid(FIELD, format!("{} is not offered here", shown(grant_type))));
        }
        if client.grant_types[..at].contains(grant_type) {
            return Err(Error::invalid(FIELD, format!("{grant_type} is named twice")));
        }
    }
    if client.is_public() && client.may_use_grant("client_credentials") {
        return Err(Error::invalid(FIELD, "a public app has no credentials for client_credentials"));
    }
    Ok(())
}

fn algorithms(client: &Client) -> Result<(), Error> {
    let metadata = &client.metadata;
    let named = [
        ("id_token_signed_response_alg", Some(&client.id_token_signed_response_alg)),
        ("userinfo_signed_response_alg", metadata.userinfo_signed_response_alg.as_ref()),
        ("authorization_signed_response_alg", metadata.authorization_signed_response_alg.as_ref()),
        ("request_object_signing_alg", metadata.request_object_signing_alg.as_ref()),
        ("token_endpoint_auth_signing_alg", metadata.token_endpoint_auth_signing_alg.as_ref()),
    ];
    for (field, name) in named {
        if let Some(name) = name {
            let algorithm = jwt::algorithm(name).ok_or_else(|| {
                Error::invalid(field, format!("{} is not an algorithm used here: {}", shown(name), offered(client)))
            })?;
            if !client.policy.may_sign_with(algorithm) {
                return Err(Error::invalid(field, format!("this policy forbids {name}: {}", offered(client))));
            }
        }
    }
    if metadata.token_endpoint_auth_signing_alg.is_some() && client.token_endpoint_auth_method != "private_key_jwt" {
        return Err(Error::invalid("token_endpoint_auth_signing_alg", "is for private_key_jwt alone"));
    }
    Ok(())
}

fn offered(client: &Client) -> String {
    let names: Vec<&str> = jwt::ALGORITHMS
        .into_iter()
        .filter(|algorithm: &Algorithm| client.policy.may_sign_with(*algorithm))
        .map(crate::keys::name_of)
        .collect();
    format!("choose {}", names.join(", "))
}

fn keys(client: &Client, fetch: &Fetch) -> Result<(), Error> {
    let metadata = &client.metadata;
    match (&metadata.jwks, &metadata.jwks_uri) {
        (Some(_), Some(_)) => Err(Error::invalid("jwks", "send jwks or jwks_uri, not both")),
        (Some(set), None) => jwks::check(set),
        (None, Some(uri)) => fetched("jwks_uri", uri, fetch),
        (None, None) if client.require_signed_request => {
            Err(Error::invalid("jwks", "signed requests need the app's keys: jwks or jwks_uri"))
        }
        (None, None) => Ok(()),
    }
}

fn addresses(client: &Client, fetch: &Fetch) -> Result<(), Error> {
    let metadata = &client.metadata;
    for (field, uri) in [("policy_uri", &metadata.policy_uri), ("tos_uri", &metadata.tos_uri)] {
        if let Some(uri) = uri {
            page(field, uri)?;
        }
    }
    for (field, uri) in [("logo_uri", &metadata.logo_uri), ("sector_identifier_uri", &metadata.sector_identifier_uri)] {
        if let Some(uri) = uri {
            fetched(field, uri, fetch)?;
        }
    }
    let sent = &metadata.post_logout_redirect_uris;
    if sent.len() > URIS_MAX {
        return Err(Error::invalid("post_logout_redirect_uris", format!("there may be at most {URIS_MAX}")));
    }
    for (at, uri) in sent.iter().enumerate() {
        let field = format!("post_logout_redirect_uris.{at}");
        if sent[..at].contains(uri) {
            return Err(Error::invalid(field, "is named twice"));
        }
        RedirectUri::register(uri, client.application_type).map_err(|reason| on(&field, reason))?;
    }
    if let Some(uri) = &metadata.initiate_login_uri {
        let uri = RedirectUri::register(uri, client.application_type).map_err(|it| on("initiate_login_uri", it))?;
        if matches!(uri.destination(), Destination::App(_)) {
            return Err(Error::invalid("initiate_login_uri", "must be a web address"));
        }
    }
    if let Some(uri) = &metadata.backchannel_logout_uri {
        RedirectUri::check(uri).map_err(|reason| on("backchannel_logout_uri", reason))?;
        // We call it ourselves, so it is bound to what we reach.
        fetched("backchannel_logout_uri", uri, fetch)?;
    }
    for (member, value) in &metadata.localized {
        let (name, language) = member.split_once('#').unwrap_or((member, ""));
        if !localized::NAMES.contains(&name) || !is_language(language) {
            return Err(Error::invalid("localized", format!("{} is not a member with a language", shown(member))));
        }
        match name {
            "client_name" => drop(line("client_name", value)?),
            "logo_uri" => fetched("logo_uri", value, fetch)?,
            "policy_uri" => page("policy_uri", value)?,
            "tos_uri" => page("tos_uri", value)?,
            _ => page("client_uri", value)?,
        }
    }
    if metadata.localized.len() > ENTRIES_MAX * localized::NAMES.len() {
        return Err(Error::invalid("localized", "there are too many languages"));
    }
    Ok(())
}

fn texts(client: &Client) -> Result<(), Error> {
    let metadata = &client.metadata;
    for (field, list) in [("contacts", &metadata.contacts), ("default_acr_values", &metadata.default_acr_values)] {
        if list.len() > ENTRIES_MAX {
            return Err(Error::invalid(field, format!("there may be at most {ENTRIES_MAX}")));
        }
        for value in list {
            text(field, value)?;
        }
    }
    for (field, value) in [("software_id", &metadata.software_id), ("software_version", &metadata.software_version)] {
        if let Some(value) = value {
            text(field, value)?;
        }
    }
    if !matches!(metadata.subject_type.as_deref(), None | Some("public" | "pairwise")) {
        return Err(Error::invalid("subject_type", "must be public or pairwise"));
    }
    match metadata.default_max_age {
        Some(seconds) if !(0..=MAX_AGE_MAX_SECONDS).contains(&seconds) => {
            Err(Error::invalid("default_max_age", "must be a number of seconds, none below zero"))
        }
        _ => Ok(()),
    }
}

/// A page that people may open: https.
fn page(field: &str, uri: &str) -> Result<(), Error> {
    let plain = uri.split('#').next().unwrap_or_default();
    let proper = uri.len() <= URI_MAX_BYTES && uri.starts_with("https://") && RedirectUri::check(plain).is_ok();
    match proper {
        true => Ok(()),
        false => Err(Error::invalid(field, "must be an https address, such as https://app.example.com/terms")),
    }
}

/// What we fetch or call ourselves: https to the outside (CM-2). A laptop's settings may let more through.
fn fetched(field: &str, uri: &str, fetch: &Fetch) -> Result<(), Error> {
    if uri.len() > URI_MAX_BYTES || uri.contains('#') {
        return Err(Error::invalid(field, "must be an https address of at most 2048 bytes without a fragment (#)"));
    }
    fetch.permits(uri).map_err(|_| Error::invalid(field, "must be an https address that can be reached from outside"))
}

/// One line that no person reads, or only whoever looks after apps.
fn text(field: &str, value: &str) -> Result<(), Error> {
    if value.is_empty() || value.chars().count() > TEXT_MAX_CHARS || value.chars().any(misleads) {
        return Err(Error::invalid(field, format!("must be a line of 1 to {TEXT_MAX_CHARS} characters")));
    }
    Ok(())
}

/// Letters and digits in groups of at most eight (RFC 5646).
fn is_language(tag: &str) -> bool {
    tag.len() <= 35
        && tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_alphanumeric()))
}

fn on(field: &str, reason: BadRedirectUri) -> Error {
    Error::invalid(field, reason.to_string())
}

/// Somebody else's word in our sentence, short.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !misleads(*c)).take(60).collect()
}

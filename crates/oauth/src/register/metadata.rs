//! From the members that an app sent to the app it may be: defaults (RG-4), what fits together (RG-5), and what nobody may register for
//! himself (RG-2).

use helpdesk::Error;
use scope::Dialect;
use scope::identity::Identity;
use scope::permission::Permissions;
use scope::resource::Kind;
use scope::set::ScopeSet;
use scope::words::{self, Word};
use serde_json::Value as Json;

use super::body::Members;
use super::settings::{Mode, Settings};
use crate::clients::check::GRANT_TYPES;
use crate::clients::{ClientType, Metadata, NewClient, localized};
use crate::metadata::FIRST_SCOPES;
use crate::redirect_uri::{ApplicationType, RedirectUri};

/// Members that would make answers unreadable for us to promise: we do not encrypt, so we do not say that we do.
const ENCRYPTION: [&str; 8] = [
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "authorization_encrypted_response_alg",
    "authorization_encrypted_response_enc",
];

/// Changing these changes who rules the account or what leaves it: only an administrator lets an app ask for that.
const PRIVILEGED: Permissions = Permissions::writing(&[
    Kind::Accounts,
    Kind::Users,
    Kind::Teams,
    Kind::Integrations,
    Kind::InstalledApps,
    Kind::Apps,
    Kind::Rules,
]);

/// Who says what an app is, and so how much it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody knows him.
    Stranger,
    /// Somebody with an initial access token.
    Developer,
    /// Whoever writes the file of a demonstration.
    Administrator,
}

impl Who {
    pub(super) fn by(mode: Mode) -> Who {
        match mode {
            Mode::InitialAccessToken => Who::Developer,
            Mode::Off | Mode::Open => Who::Stranger,
        }
    }
}

/// The app as it was asked for, within what the settings let anybody have. `Invalid` names the member.
pub(super) fn new_client(sent: &Members, settings: &Settings) -> Result<NewClient, Error> {
    let who = Who::by(settings.mode);
    let new = described(sent, who)?;
    let spared = settings.spares_pkce && who == Who::Developer && new.client_type == ClientType::Confidential;
    Ok(NewClient { require_pkce: Some(!spared), ..new })
}

pub(super) fn described(sent: &Members, who: Who) -> Result<NewClient, Error> {
    for name in ENCRYPTION {
        if sent.get(name).is_some() {
            return Err(Error::invalid(name, "nothing is encrypted here"));
        }
    }
    if sent.flag("tls_client_certificate_bound_access_tokens")? {
        return Err(Error::invalid("tls_client_certificate_bound_access_tokens", "use dpop_bound_access_tokens"));
    }
    let method = sent.text("token_endpoint_auth_method")?.unwrap_or_else(|| "client_secret_basic".to_owned());
    let client_type = if method == "none" { ClientType::Public } else { ClientType::Confidential };
    let redirect_uris = sent.texts("redirect_uris")?.unwrap_or_default();
    let grant_types = grant_types(sent, who)?;
    if redirect_uris.is_empty() && grant_types.iter().any(|it| it == "authorization_code") {
        return Err(Error::invalid("redirect_uris", "must name at least one address"));
    }
    let allowed_scopes = scopes(sent.text("scope")?.as_deref(), who)?;
    Ok(NewClient {
        name: match sent.text("client_name")? {
            Some(name) => name,
            None => nameless(&redirect_uris),
        },
        client_uri: sent.text("client_uri")?,
        dialect: Dialect::Standard,
        client_type,
        application_type: application_type(sent)?,
        redirect_uris,
        default_scopes: Some(first_scopes(&allowed_scopes)),
        allowed_scopes,
        grant_types: Some(grant_types),
        token_endpoint_auth_method: Some(method),
        id_token_signed_response_alg: sent.text("id_token_signed_response_alg")?,
        metadata: metadata(sent)?,
        require_par: sent.flag("require_pushed_authorization_requests")?,
        require_dpop: sent.flag("dpop_bound_access_tokens")?,
        require_signed_request: sent.flag("require_signed_request_object")?,
        ..NewClient::default()
    })
}

fn metadata(sent: &Members) -> Result<Metadata, Error> {
    let jwks = match sent.get("jwks") {
        Some(set) if set.is_object() => Some(set.clone()),
        Some(_) => return Err(Error::invalid("jwks", "must be an object with a list `keys`")),
        None => None,
    };
    let mut metadata = Metadata {
        logo_uri: sent.text("logo_uri")?,
        policy_uri: sent.text("policy_uri")?,
        tos_uri: sent.text("tos_uri")?,
        contacts: sent.texts("contacts")?.unwrap_or_default(),
        initiate_login_uri: sent.text("initiate_login_uri")?,
        post_logout_redirect_uris: sent.texts("post_logout_redirect_uris")?.unwrap_or_default(),
        backchannel_logout_uri: sent.text("backchannel_logout_uri")?,
        backchannel_logout_session_required: sent.flag("backchannel_logout_session_required")?,
        jwks,
        jwks_uri: sent.text("jwks_uri")?,
        token_endpoint_auth_signing_alg: sent.text("token_endpoint_auth_signing_alg")?,
        tls_client_auth_subject_dn: sent.text("tls_client_auth_subject_dn")?,
        tls_client_auth_san_dns: sent.text("tls_client_auth_san_dns")?,
        tls_client_auth_san_uri: sent.text("tls_client_auth_san_uri")?,
        tls_client_auth_san_ip: sent.text("tls_client_auth_san_ip")?,
        tls_client_auth_san_email: sent.text("tls_client_auth_san_email")?,
        subject_type: sent.text("subject_type")?.filter(|kind| kind != "public"),
        sector_identifier_uri: sent.text("sector_identifier_uri")?,
        userinfo_signed_response_alg: sent.text("userinfo_signed_response_alg")?,
        request_object_signing_alg: sent.text("request_object_signing_alg")?,
        authorization_signed_response_alg: sent.text("authorization_signed_response_alg")?,
        default_max_age: sent.number("default_max_age")?,
        require_auth_time: sent.flag("require_auth_time")?,
        default_acr_values: sent.texts("default_acr_values")?.unwrap_or_default(),
        software_id: sent.text("software_id")?,
        software_version: sent.text("software_version")?,
        ..Metadata::default()
    };
    for (name, value) in sent.localized() {
        let known = name.split('#').next().is_some_and(|name| localized::NAMES.contains(&name));
        if known {
            let text = value.as_str().ok_or_else(|| Error::invalid(name, "must be a text"))?;
            metadata.localized.insert(name.clone(), text.to_owned());
        }
    }
    Ok(metadata)
}

/// Those that were named and that this mode gives. A grant of ours that it does not give is left out, and the answer shows it; one that
/// does not exist here is refused.
fn grant_types(sent: &Members, who: Who) -> Result<Vec<String>, Error> {
    const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
    let named = sent.texts("grant_types")?.unwrap_or_else(|| vec!["authorization_code".to_owned()]);
    if let Some(unknown) = named.iter().find(|it| !GRANT_TYPES.contains(&it.as_str())) {
        let unknown: String = unknown.chars().take(60).collect();
        return Err(Error::invalid("grant_types", format!("{unknown} is not offered here")));
    }
    let has_code = named.iter().any(|it| it == "authorization_code");
    let responses = sent.texts("response_types")?;
    match responses.as_deref() {
        None => {}
        Some(types) if types.iter().any(|it| it != "code") => {
            return Err(Error::invalid("response_types", "the only one is code"));
        }
        Some(types) if types.is_empty() == has_code => {
            return Err(Error::invalid(
                "response_types",
                "code goes with the grant type authorization_code, and only with it",
            ));
        }
        Some(_) => {}
    }
    // An app without a person would act for the owner of the account: an administrator decides that.
    let given = |it: &str| match who {
        Who::Administrator => true,
        Who::Developer => matches!(it, "authorization_code" | "refresh_token" | DEVICE),
        Who::Stranger => matches!(it, "authorization_code" | "refresh_token"),
    };
    let grant_types: Vec<String> = named.into_iter().filter(|it| given(it)).collect();
    match grant_types.iter().any(|it| it != "refresh_token") {
        true => Ok(grant_types),
        false => Err(Error::invalid("grant_types", "none of them can be had by an app that registers itself")),
    }
}

/// The ceiling. Words that nobody here knows are left out; those that need an administrator are refused.
fn scopes(asked: Option<&str>, who: Who) -> Result<Vec<String>, Error> {
    let Some(asked) = asked else {
        let usual = words::vocabulary(Dialect::Standard).iter().filter(|word| !is_privileged(word) && !word.deprecated);
        return Ok(usual.map(|word| word.word.to_owned()).collect());
    };
    let asked =
        ScopeSet::parse(asked).map_err(|_| Error::invalid("scope", "holds a character that no scope may have"))?;
    let known: Vec<&Word> = asked.words().filter_map(|word| words::find(Dialect::Standard, word)).collect();
    for word in &known {
        let refused = match who {
            Who::Administrator => false,
            Who::Developer => word.identity == Some(Identity::Impersonate),
            Who::Stranger => is_privileged(word),
        };
        if refused {
            return Err(Error::invalid("scope", format!("{} needs an administrator who registers the app", word.word)));
        }
    }
    Ok(known.into_iter().map(|word| word.word.to_owned()).collect())
}

/// Whether only an app that an administrator registered may have this word.
pub(crate) fn is_privileged(word: &Word) -> bool {
    word.identity == Some(Identity::Impersonate) || !word.permissions.intersection(PRIVILEGED).is_empty()
}

/// What a request without `scope` asks for: enough to look around.
fn first_scopes(allowed: &[String]) -> Vec<String> {
    allowed.iter().filter(|word| FIRST_SCOPES.contains(&word.as_str())).cloned().collect()
}

/// None: read off the addresses. Agents send loopback addresses and say nothing (RU-3).
fn application_type(sent: &Members) -> Result<Option<ApplicationType>, Error> {
    let Some(word) = sent.text("application_type")? else { return Ok(None) };
    match ApplicationType::parse(&word) {
        Some(kind) => Ok(Some(kind)),
        None => Err(Error::invalid("application_type", "must be web or native")),
    }
}

fn nameless(redirect_uris: &[String]) -> String {
    let first = redirect_uris.first().and_then(|uri| RedirectUri::check(uri).ok());
    let name = first.map_or_else(|| "App without a name".to_owned(), |uri| uri.destination().to_string());
    name.chars().take(100).collect()
}

/// The member that a field of the record is called on the wire.
pub(super) fn member_of(field: &str) -> &str {
    match field {
        "name" => "client_name",
        "allowed_scopes" | "default_scopes" | "optional_scopes" => "scope",
        "client_credentials" => "grant_types",
        field => field,
    }
}

/// The stored members, as they are sent back (RFC 7591, section 3.2.1).
pub(super) fn shown(client: &crate::clients::Client) -> Json {
    let mut body = match serde_json::to_value(&client.metadata) {
        Ok(body) => body,
        Err(_) => Json::Object(serde_json::Map::new()),
    };
    if let Some(body) = body.as_object_mut()
        && let Some(Json::Object(localized)) = body.remove("localized")
    {
        body.extend(localized);
    }
    let uris: Vec<&str> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
    let response_types: &[&str] = if client.may_use_grant("authorization_code") { &["code"] } else { &[] };
    for (name, value) in [
        ("client_id", client.client_id.as_str().into()),
        ("client_id_issued_at", client.created_at.as_second().into()),
        ("client_name", client.name.as_str().into()),
        ("redirect_uris", uris.into()),
        ("grant_types", client.grant_types.clone().into()),
        ("response_types", response_types.into()),
        ("application_type", client.application_type.word().into()),
        ("token_endpoint_auth_method", client.token_endpoint_auth_method.as_str().into()),
        ("id_token_signed_response_alg", client.id_token_signed_response_alg.as_str().into()),
        ("subject_type", client.metadata.subject_type.as_deref().unwrap_or("public").into()),
        ("scope", client.allowed_scopes.as_str().into()),
        ("require_pushed_authorization_requests", client.require_par.into()),
        ("dpop_bound_access_tokens", client.require_dpop.into()),
        ("require_signed_request_object", client.require_signed_request.into()),
    ] {
        body[name] = value;
    }
    if let Some(uri) = &client.client_uri {
        body["client_uri"] = uri.as_str().into();
    }
    body
}

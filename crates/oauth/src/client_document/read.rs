//! What a metadata document says, read leniently: a member that we cannot use is left out, and only what would make the app another than
//! it says, or unsafe, refuses the whole (CM-3, CM-5, CM-6).

use jsonwebtoken::Algorithm;
use scope::set::ScopeSet;
use scope::{Dialect, words};
use serde_json::{Map, Value as Json};
use url::Url;

use crate::clients::details::misleads;
use crate::clients::{ClientType, Metadata};
use crate::redirect_uri::{ApplicationType, RedirectUri};
use crate::{client_keys, keys, metadata, register};

const NAME_MAX_CHARS: usize = 100;
const URI_MAX_BYTES: usize = 2048;
const REDIRECT_URIS_MAX: usize = 50;
const LOCALIZED_MAX: usize = 30;

/// The facts of a good document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub name: String,
    pub client_uri: Option<String>,
    pub client_type: ClientType,
    pub application_type: ApplicationType,
    pub redirect_uris: Vec<RedirectUri>,
    pub grant_types: Vec<String>,
    pub allowed_scopes: ScopeSet,
    pub default_scopes: ScopeSet,
    pub token_endpoint_auth_method: &'static str,
    pub id_token_signed_response_alg: &'static str,
    pub require_par: bool,
    pub require_dpop: bool,
    pub require_signed_request: bool,
    pub metadata: Metadata,
}

/// Reads the document of this client. An error is the end of a sentence for whoever wrote it: "the document ...".
pub(crate) fn read(client_id: &str, host: &str, body: &[u8]) -> Result<Document, String> {
    let document: Json = serde_json::from_slice(body).map_err(|_| "is not JSON".to_owned())?;
    let Some(document) = document.as_object() else { return Err("is not a JSON object".to_owned()) };
    if text(document, "client_id") != Some(client_id) {
        return Err("names another client_id than its own address".to_owned());
    }
    if let Some(name) = ["client_secret", "client_secret_expires_at"].iter().find(|it| document.contains_key(**it)) {
        return Err(format!("holds a {name}: what everybody can read is no secret"));
    }
    let redirect_uris = redirect_uris(document)?;
    let metadata = metadata_of(document)?;
    let method = auth_method(document, &metadata)?;
    let allowed_scopes = allowed_scopes(document);
    let first = ScopeSet::parse(&metadata::FIRST_SCOPES.join(" ")).unwrap_or_default();
    Ok(Document {
        name: text(document, "client_name").and_then(line).unwrap_or_else(|| host.to_owned()),
        client_uri: address(document, "client_uri"),
        client_type: if method == "none" { ClientType::Public } else { ClientType::Confidential },
        application_type: ApplicationType::of(&redirect_uris),
        redirect_uris,
        grant_types: grant_types(document),
        default_scopes: first.without(&first.beyond(&allowed_scopes, Dialect::Standard)),
        allowed_scopes,
        token_endpoint_auth_method: method,
        id_token_signed_response_alg: algorithm(document, "id_token_signed_response_alg")
            .map_or("RS256", keys::name_of),
        require_par: is_true(document, "require_pushed_authorization_requests"),
        require_dpop: is_true(document, "dpop_bound_access_tokens"),
        require_signed_request: is_true(document, "require_signed_request_object"),
        metadata,
    })
}

/// The addresses that we would register too; a document may hold others for other providers (RU-4, RU-5).
fn redirect_uris(document: &Map<String, Json>) -> Result<Vec<RedirectUri>, String> {
    let Some(sent) = document.get("redirect_uris").and_then(Json::as_array) else {
        return Err("has no redirect_uris".to_owned());
    };
    let mut uris: Vec<RedirectUri> = Vec::new();
    for uri in sent.iter().filter_map(Json::as_str).filter_map(|it| RedirectUri::check(it).ok()) {
        if !uris.contains(&uri) && uris.len() < REDIRECT_URIS_MAX {
            uris.push(uri);
        }
    }
    match uris.is_empty() {
        true => Err("has no redirect_uris that may receive a code".to_owned()),
        false => Ok(uris),
    }
}

/// The one way in which it proves who it is. Some clients list several and choose none: then the strongest they have keys for (CM-6).
fn auth_method(document: &Map<String, Json>, metadata: &Metadata) -> Result<&'static str, String> {
    let has_keys = metadata.jwks.is_some() || metadata.jwks_uri.is_some();
    if let Some(method) = document.get("token_endpoint_auth_method").filter(|it| !it.is_null()) {
        return match method.as_str() {
            Some("none") => Ok("none"),
            Some("private_key_jwt") if has_keys => Ok("private_key_jwt"),
            Some("private_key_jwt") => Err("says private_key_jwt, but has neither jwks nor jwks_uri".to_owned()),
            Some(method) if method.starts_with("client_secret") => {
                Err("wants to authenticate with a secret, which such a client cannot have".to_owned())
            }
            _ => Err("has a token_endpoint_auth_method that is neither none nor private_key_jwt".to_owned()),
        };
    }
    let listed = document.get("token_endpoint_auth_methods_supported").and_then(Json::as_array);
    let may = |method: &str| listed.is_none_or(|listed| listed.iter().any(|it| it.as_str() == Some(method)));
    match () {
        () if has_keys && may("private_key_jwt") => Ok("private_key_jwt"),
        () if may("none") => Ok("none"),
        () => Err("lists no way to authenticate that such a client can use: none or private_key_jwt".to_owned()),
    }
}

/// Codes always; refresh tokens unless the document leaves them out. Every other grant is dropped (CM-6).
fn grant_types(document: &Map<String, Json>) -> Vec<String> {
    let listed = document.get("grant_types").and_then(Json::as_array);
    let refreshes = listed.is_none_or(|listed| listed.iter().any(|it| it.as_str() == Some("refresh_token")));
    let mut grant_types = vec!["authorization_code".to_owned()];
    if refreshes {
        grant_types.push("refresh_token".to_owned());
    }
    grant_types
}

/// The ceiling: the words of the document that we know and that need no administrator, or all of those.
fn allowed_scopes(document: &Map<String, Json>) -> ScopeSet {
    let is_free = |word: &words::Word| !register::is_privileged(word);
    let known = |word: &&str| words::find(Dialect::Standard, word).is_some_and(is_free);
    let chosen: Vec<&str> = match text(document, "scope").filter(|scope| !scope.trim().is_empty()) {
        Some(scope) => scope.split_whitespace().filter(known).collect(),
        None => words::vocabulary(Dialect::Standard).iter().filter(|word| is_free(word)).map(|it| it.word).collect(),
    };
    ScopeSet::parse(&chosen.join(" ")).unwrap_or_default()
}

fn metadata_of(document: &Map<String, Json>) -> Result<Metadata, String> {
    let jwks = document.get("jwks").filter(|it| !it.is_null());
    let jwks_uri = document.get("jwks_uri").filter(|it| !it.is_null());
    if jwks.is_some() && jwks_uri.is_some() {
        return Err("has both jwks and jwks_uri".to_owned());
    }
    if jwks.is_some_and(|jwks| !client_keys::has_usable_key(jwks)) {
        return Err("has no key in its jwks that can verify a signature".to_owned());
    }
    if jwks_uri.is_some() && address(document, "jwks_uri").is_none() {
        return Err("has a jwks_uri that is no https address".to_owned());
    }
    let contacts = document.get("contacts").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(Metadata {
        logo_uri: address(document, "logo_uri"),
        policy_uri: address(document, "policy_uri"),
        tos_uri: address(document, "tos_uri"),
        contacts: contacts.iter().filter_map(Json::as_str).filter_map(line).take(10).collect(),
        localized: document.iter().filter_map(|(name, value)| localized(name, value)).take(LOCALIZED_MAX).collect(),
        jwks: jwks.cloned(),
        jwks_uri: address(document, "jwks_uri"),
        token_endpoint_auth_signing_alg: known(document, "token_endpoint_auth_signing_alg"),
        request_object_signing_alg: known(document, "request_object_signing_alg"),
        userinfo_signed_response_alg: known(document, "userinfo_signed_response_alg"),
        authorization_signed_response_alg: known(document, "authorization_signed_response_alg"),
        software_id: text(document, "software_id").and_then(line),
        software_version: text(document, "software_version").and_then(line),
        ..Metadata::default()
    })
}

fn localized(name: &str, value: &Json) -> Option<(String, String)> {
    let (member, language) = name.split_once('#')?;
    let is_tag = !language.is_empty()
        && language.len() <= 35
        && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let value = match member {
        "client_name" => line(value.as_str()?)?,
        "client_uri" | "logo_uri" | "policy_uri" | "tos_uri" => https(value.as_str()?)?,
        _ => return None,
    };
    is_tag.then(|| (name.to_owned(), value))
}

fn text<'a>(document: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    document.get(name).and_then(Json::as_str)
}

fn is_true(document: &Map<String, Json>, name: &str) -> bool {
    document.get(name) == Some(&Json::Bool(true))
}

/// A line that people may read, cut to size (CO-2).
fn line(text: &str) -> Option<String> {
    let clean: String = text.chars().filter(|c| !misleads(*c)).take(NAME_MAX_CHARS).collect();
    Some(clean.trim().to_owned()).filter(|text| !text.is_empty())
}

fn address(document: &Map<String, Json>, name: &str) -> Option<String> {
    https(text(document, name)?)
}

fn https(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= URI_MAX_BYTES && text.starts_with("https://"))?;
    let is_bare = url.username().is_empty() && url.password().is_none() && !text.chars().any(misleads);
    (is_bare && url.has_host()).then(|| text.to_owned())
}

fn algorithm(document: &Map<String, Json>, name: &str) -> Option<Algorithm> {
    let word = text(document, name)?;
    keys::ALGORITHMS.into_iter().find(|&known| keys::name_of(known) == word)
}

fn known(document: &Map<String, Json>, name: &str) -> Option<String> {
    algorithm(document, name).map(|algorithm| keys::name_of(algorithm).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ID: &str = "https://agent.example/client.json";

    fn document(changes: &[(&str, Json)]) -> Result<Document, String> {
        let mut document = json!({
            "client_id": ID, "client_name": "Agent", "redirect_uris": ["http://127.0.0.1/callback"],
            "token_endpoint_auth_method": "none",
        });
        for (name, value) in changes {
            document[*name] = value.clone();
        }
        read(ID, "agent.example", document.to_string().as_bytes())
    }

    fn jwks() -> Json {
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk" }] })
    }

    #[test]
    fn a_document_that_is_about_another_or_holds_a_secret_is_refused() {
        // CM-3
        assert!(document(&[]).is_ok());
        for changes in [
            ("client_id", json!("https://agent.example/other.json")),
            ("client_id", json!("https://AGENT.example/client.json")),
            ("client_id", json!(null)),
            ("client_secret", json!("x")),
            ("client_secret_expires_at", json!(0)),
            ("token_endpoint_auth_method", json!("client_secret_basic")),
            ("token_endpoint_auth_method", json!("client_secret_post")),
            ("token_endpoint_auth_method", json!("client_secret_jwt")),
            ("token_endpoint_auth_method", json!("private_key_jwt")),
            ("token_endpoint_auth_method", json!(7)),
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(["javascript:alert(1)"])),
            ("redirect_uris", json!("http://127.0.0.1/callback")),
            ("jwks", json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] })),
            ("jwks_uri", json!("http://agent.example/keys")),
        ] {
            assert!(document(std::slice::from_ref(&changes)).is_err(), "{changes:?}");
        }
        assert!(document(&[("jwks", jwks()), ("jwks_uri", json!("https://agent.example/keys"))]).is_err());
    }

    #[test]
    fn real_documents_are_read_with_what_can_be_used_of_them() {
        // CM-6
        let listed =
            ("token_endpoint_auth_methods_supported", json!(["client_secret_basic", "private_key_jwt", "none"]));
        let unset = ("token_endpoint_auth_method", json!(null));

        assert_eq!(document(&[unset.clone(), listed.clone()]).unwrap().token_endpoint_auth_method, "none");
        let with_keys = document(&[unset.clone(), listed, ("jwks", jwks())]).unwrap();
        assert_eq!(with_keys.token_endpoint_auth_method, "private_key_jwt");
        assert_eq!(with_keys.client_type, ClientType::Confidential);
        let only_secret = ("token_endpoint_auth_methods_supported", json!(["client_secret_post"]));
        assert!(document(&[unset.clone(), only_secret]).is_err());
        assert_eq!(document(&[unset]).unwrap().token_endpoint_auth_method, "none");

        let odd = document(&[
            ("grant_types", json!(["authorization_code", "implicit", "urn:x:y", 5, "client_credentials"])),
            ("redirect_uris", json!(["cursor://x/cb", 3, "https://agent.example/cb", "https://agent.example/cb"])),
            ("scope", json!("tickets:read nonsense apps:write impersonate")),
            ("logo_uri", json!("javascript:alert(1)")),
            ("client_name", json!("\u{202e}Agent\n")),
            ("response_types", json!({})),
            ("client_name#de", json!("Agentin")),
            ("x#de", json!("y")),
        ])
        .unwrap();
        assert_eq!(odd.grant_types, ["authorization_code"]);
        assert_eq!(odd.redirect_uris.len(), 1);
        assert_eq!(odd.allowed_scopes.as_str(), "tickets:read");
        assert_eq!(odd.metadata.logo_uri, None);
        assert_eq!(odd.name, "Agent");
        assert_eq!(odd.metadata.localized.len(), 1);
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "\\PC{0,20}".prop_map(Json::from),
            "https://[a-z.@:/?#%]{0,20}".prop_map(Json::from),
            Just(json!(ID)),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            let name = prop_oneof![
                "client_(id|name|uri|secret)(#de)?|redirect_uris|scope|jwks|jwks_uri|keys|kty|grant_types|logo_uri",
                "token_endpoint_auth_method(s_supported)?|contacts|software_id|\\PC{0,8}",
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                prop::collection::btree_map(name, inner, 0..8).prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_document_is_judged_without_a_panic(mut document in any_json(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            // CM-3, CM-6
            let _nothing = read(ID, "agent.example", &bytes);
            if let Some(object) = document.as_object_mut() {
                object.insert("client_id".to_owned(), json!(ID));
            }
            if let Ok(document) = read(ID, "agent.example", document.to_string().as_bytes()) {
                prop_assert!(!document.name.is_empty() && !document.redirect_uris.is_empty());
            }
        }
    }
}

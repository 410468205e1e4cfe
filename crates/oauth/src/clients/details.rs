//! What the record of an app may hold. Every refusal names the field and says what would do.

use helpdesk::Error;
use scope::set::ScopeSet;
use scope::words;
use scope::{Dialect, identity::Identity};

use super::ClientType;
use crate::dialects;
use crate::redirect_uri::{ApplicationType, RedirectUri};

/// Longest name and publisher, in characters: both stand in one line of the consent page (CO-2).
const NAME_MAX_CHARS: usize = 100;
const DESCRIPTION_MAX_CHARS: usize = 1000;
const URI_MAX_BYTES: usize = 2048;
const REDIRECT_URIS_MAX: usize = 50;

/// A line of text that people will read: trimmed, not empty, without control and direction characters (CO-2).
pub fn line(field: &'static str, text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(field, "must not be empty"));
    }
    if text.chars().count() > NAME_MAX_CHARS {
        return Err(Error::invalid(field, format!("must have at most {NAME_MAX_CHARS} characters")));
    }
    if text.chars().any(misleads) {
        return Err(Error::invalid(field, "must not hold control characters or marks that turn the direction of text"));
    }
    Ok(text.to_owned())
}

/// An id that somebody else chose: never one that could be an address (CM-1).
pub fn client_id(text: &str) -> Result<String, Error> {
    let proper = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && (3..=100).contains(&text.len());
    match proper {
        true => Ok(text.to_owned()),
        false => Err(Error::invalid("client_id", "must be 3 to 100 letters, digits, hyphens, underscores and periods")),
    }
}

/// The same for a line that may be missing; an empty one counts as missing.
pub fn line_or_none(field: &'static str, text: Option<&str>) -> Result<Option<String>, Error> {
    text.filter(|text| !text.trim().is_empty()).map(|text| line(field, text)).transpose()
}

pub fn description(text: Option<&str>) -> Result<Option<String>, Error> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > DESCRIPTION_MAX_CHARS {
        return Err(Error::invalid("description", format!("must have at most {DESCRIPTION_MAX_CHARS} characters")));
    }
    if text.chars().any(|c| c != '\n' && misleads(c)) {
        return Err(Error::invalid("description", "must not hold control characters"));
    }
    Ok(Some(text.to_owned()))
}

/// The app's home page: https, or http on loopback while it is being written.
pub fn client_uri(text: Option<&str>) -> Result<Option<String>, Error> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let proper = text.len() <= URI_MAX_BYTES
        && (text.starts_with("https://") || text.starts_with("http://"))
        && RedirectUri::check(text.split('#').next().unwrap_or_default()).is_ok();
    match proper {
        true => Ok(Some(text.to_owned())),
        false => Err(Error::invalid("client_uri", "must be a web address such as https://app.example.com")),
    }
}

/// Checked addresses, each once, and whether the app is native: given, or read off the addresses (RU-4 to RU-6, RU-11).
pub fn redirect_uris(
    sent: &[String],
    kind: Option<ApplicationType>,
    dialect: Dialect,
    account: &str,
) -> Result<(Vec<RedirectUri>, ApplicationType), Error> {
    if sent.len() > REDIRECT_URIS_MAX {
        return Err(Error::invalid("redirect_uris", format!("there may be at most {REDIRECT_URIS_MAX}")));
    }
    let mut uris: Vec<RedirectUri> = Vec::new();
    for (at, text) in sent.iter().enumerate() {
        let text = dialects::expand_account(dialect, text.trim(), account);
        let checked = match kind {
            Some(kind) => RedirectUri::register(&text, kind),
            None => RedirectUri::check(&text),
        };
        let uri = checked.map_err(|reason| Error::invalid(format!("redirect_uris.{at}"), reason.to_string()))?;
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    }
    let kind = kind.unwrap_or_else(|| ApplicationType::of(&uris));
    Ok((uris, kind))
}

/// The ceiling: words that the dialect knows. `impersonate` is for apps that can keep a secret (SC-7).
pub fn allowed_scopes(sent: &[String], dialect: Dialect, client_type: ClientType) -> Result<ScopeSet, Error> {
    let allowed = ScopeSet::parse(&sent.join(" "))
        .map_err(|_| Error::invalid("allowed_scopes", "holds a character that no scope may have"))?;
    if let Some(word) = allowed.words().find(|word| words::find(dialect, word).is_none()) {
        return Err(Error::invalid("allowed_scopes", format!("{word} is not a scope")));
    }
    if client_type == ClientType::Public && allowed.has_identity(Identity::Impersonate) {
        return Err(Error::invalid("allowed_scopes", "a public app cannot be allowed to impersonate"));
    }
    Ok(allowed)
}

/// What a request without `scope` asks for; must lie within the ceiling (SC-3).
pub fn default_scopes(sent: Option<&[String]>, allowed: &ScopeSet, dialect: Dialect) -> Result<ScopeSet, Error> {
    let Some(sent) = sent else { return Ok(dialects::usual_scopes(dialect, allowed)) };
    let defaults = ScopeSet::parse(&sent.join(" "))
        .map_err(|_| Error::invalid("default_scopes", "holds a character that no scope may have"))?;
    match defaults.covered_by(allowed, dialect) {
        true => Ok(defaults),
        false => Err(Error::invalid("default_scopes", "goes beyond the scopes the app is allowed")),
    }
}

/// Words that lie within the ceiling, such as those a person may untick (CO-8) or an administrator allowed for all (CO-11).
pub fn scopes_within(
    field: &'static str,
    sent: &[String],
    allowed: &ScopeSet,
    dialect: Dialect,
) -> Result<ScopeSet, Error> {
    let words = ScopeSet::parse(&sent.join(" "))
        .map_err(|_| Error::invalid(field, "holds a character that no scope may have"))?;
    match words.covered_by(allowed, dialect) {
        true => Ok(words),
        false => Err(Error::invalid(field, "goes beyond the scopes the app is allowed")),
    }
}

/// Control characters, and marks that make text read otherwise than it stands (Unicode TR 36, section 2.6).
pub fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

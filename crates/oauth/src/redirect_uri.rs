//! Redirect URIs: what may be registered, and which request matches (section 5 of the contract).
//!
//! A code goes to whoever owns the address it is sent to. So an address is checked when it is registered, and a request is compared
//! with it byte for byte; only the port of a loopback address is free (RFC 8252, section 7.3).
//! `RedirectUri` can be made by these two ways alone, so an unchecked string cannot be redirected to.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest address, in bytes.
const MAX_BYTES: usize = 2048;

/// Schemes that run or read something in the browser instead of going somewhere (RU-4).
const DANGEROUS_SCHEMES: [&str; 9] = ["javascript", "data", "file", "vbscript", "about", "blob", "ws", "wss", "ftp"];

/// A checked address that a code may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RedirectUri(String);

/// Whether the app runs on a server of its own or on the person's device (OpenID Connect Registration, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationType {
    Web,
    Native,
}

/// Where an address leads, for the consent page and for the rule of CO-6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// An https host, with its port if it has one.
    Host(String),
    /// A loopback address: whichever program listens there (RU-3).
    ThisComputer,
    /// A private-use scheme: whichever app claimed it on the device.
    App(String),
}

/// Why an address was refused, as a sentence for whoever registers it. `invalid_redirect_uri` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRedirectUri(pub String);

impl ApplicationType {
    pub const fn word(self) -> &'static str {
        match self {
            ApplicationType::Web => "web",
            ApplicationType::Native => "native",
        }
    }

    pub fn parse(word: &str) -> Option<ApplicationType> {
        [ApplicationType::Web, ApplicationType::Native].into_iter().find(|kind| kind.word() == word)
    }

    /// Native as soon as one address leads to the person's own device, else web.
    pub fn of(uris: &[RedirectUri]) -> ApplicationType {
        match uris.iter().any(|uri| !matches!(uri.destination(), Destination::Host(_))) {
            true => ApplicationType::Native,
            false => ApplicationType::Web,
        }
    }
}

impl RedirectUri {
    /// Checks an address that someone wants to register (RU-4, RU-5, RU-6).
    pub fn register(text: &str, kind: ApplicationType) -> Result<RedirectUri, BadRedirectUri> {
        let uri = RedirectUri::check(text)?;
        match (kind, uri.destination()) {
            (ApplicationType::Web, Destination::ThisComputer) => {
                Err(bad("a web app cannot be sent to a loopback address; register the app as native"))
            }
            (ApplicationType::Web, Destination::App(_)) => {
                Err(bad("a web app cannot use a scheme of its own; register the app as native"))
            }
            _ => Ok(uri),
        }
    }

    /// The rules that hold for both kinds of apps.
    pub fn check(text: &str) -> Result<RedirectUri, BadRedirectUri> {
        if text.is_empty() {
            return Err(bad("the address is empty"));
        }
        if text.len() > MAX_BYTES {
            return Err(bad("the address is longer than 2048 bytes"));
        }
        if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7e))
            || text.contains(['<', '>', '"', '\\', '^', '`', '{', '|', '}'])
        {
            return Err(bad("the address holds a space or a character that must be percent-encoded"));
        }
        if text.contains('#') {
            return Err(bad("the address must not have a fragment (#)"));
        }
        if text.contains('*') {
            return Err(bad("the address must be complete: wildcards (*) are not allowed"));
        }
        let (scheme, rest) = text
            .split_once(':')
            .ok_or_else(|| bad("the address must be absolute, such as https://app.example.com/callback"))?;
        let proper = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        if !proper {
            return Err(bad("the address must be absolute, such as https://app.example.com/callback"));
        }
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "https" | "http" => {
                let authority = Authority::of(rest)?;
                if scheme == "http" && !authority.is_loopback() {
                    return Err(bad(
                        "http is allowed only for loopback addresses (127.0.0.1, [::1], localhost); use https",
                    ));
                }
            }
            scheme if DANGEROUS_SCHEMES.contains(&scheme) => {
                return Err(BadRedirectUri(format!("the scheme {scheme}: cannot receive an answer safely")));
            }
            // A name without a period belongs to nobody; `com.example.app` belongs to whoever owns the domain (RFC 8252, section 7.1).
            scheme if !scheme.contains('.') => {
                return Err(BadRedirectUri(format!(
                    "the private scheme {scheme}: needs a period, like a domain name turned around (com.example.app:/callback)"
                )));
            }
            _ => {}
        }
        if has_dot_segment(text) {
            return Err(bad("the address must not have . or .. as a part of its path"));
        }
        Ok(RedirectUri(text.to_owned()))
    }

    /// From a column that only `register` filled.
    pub(crate) fn stored(text: String) -> RedirectUri {
        RedirectUri(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn destination(&self) -> Destination {
        let Some((scheme, rest)) = self.0.split_once(':') else { return Destination::App(self.0.clone()) };
        match (scheme.to_ascii_lowercase().as_str(), Authority::of(rest)) {
            ("http" | "https", Ok(authority)) if authority.is_loopback() => Destination::ThisComputer,
            ("http" | "https", Ok(authority)) => Destination::Host(authority.text.to_ascii_lowercase()),
            (scheme, _) => Destination::App(scheme.to_owned()),
        }
    }

    /// The address to send the answer to, if `requested` is this one: byte for byte, or the same loopback address on another port
    /// (RU-1, RU-2, RU-3). `localhost_is_free` gives `http://localhost` the freedom of the loopback numbers.
    pub fn matches(&self, requested: &str, localhost_is_free: bool) -> Option<RedirectUri> {
        if self.0 == requested {
            return Some(self.clone());
        }
        let (registered, wanted) =
            (Loopback::of(&self.0, localhost_is_free)?, Loopback::of(requested, localhost_is_free)?);
        (registered.host == wanted.host && registered.rest == wanted.rest).then(|| RedirectUri(requested.to_owned()))
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Host(host) => f.write_str(host),
            Destination::ThisComputer => f.write_str("an app on this computer"),
            Destination::App(scheme) => write!(f, "an app on this device ({scheme})"),
        }
    }
}

/// `host` or `host:port` of an http address, without userinfo.
struct Authority<'a> {
    text: &'a str,
    host: &'a str,
}

impl<'a> Authority<'a> {
    /// `rest` is what follows the scheme's colon.
    fn of(rest: &'a str) -> Result<Authority<'a>, BadRedirectUri> {
        let rest = rest.strip_prefix("//").ok_or_else(|| bad("the address needs // and a host after its scheme"))?;
        let text = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        if text.contains('@') {
            return Err(bad("the address must not hold a user name or password"));
        }
        let (host, port) = split_port(text).ok_or_else(|| bad("the address has no proper host"))?;
        let named = !host.is_empty()
            && !host.starts_with(['.', '-'])
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let numbered = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
        if !named && !numbered {
            return Err(bad("the address has no proper host"));
        }
        if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
            return Err(bad("the port must be a number from 1 to 65535"));
        }
        Ok(Authority { text, host })
    }

    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || self.host == "[::1]"
    }
}

/// An http loopback address taken apart, port set aside.
struct Loopback<'a> {
    host: &'a str,
    rest: &'a str,
}

impl<'a> Loopback<'a> {
    /// None for everything whose port is not free: only these exact spellings are.
    fn of(text: &'a str, localhost_is_free: bool) -> Option<Loopback<'a>> {
        let after = text.strip_prefix("http://")?;
        let (authority, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
        let (host, port) = split_port(authority)?;
        let free = matches!(host, "127.0.0.1" | "[::1]") || (host == "localhost" && localhost_is_free);
        let proper = port.is_none_or(|port| {
            !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
        });
        (free && proper).then_some(Loopback { host, rest })
    }
}

/// `[::1]:80` -> (`[::1]`, `80`). None if what follows a bracket is no port.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let (host, port) = authority.split_at(authority.find(']')? + 1);
        return match port.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => port.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((authority, None)),
    }
}

/// `.` and `..` as path segments, also percent-encoded: browsers take them out, so the address would not be the one that was compared.
fn has_dot_segment(text: &str) -> bool {
    let path = &text[..text.find('?').unwrap_or(text.len())];
    path.split('/').skip(1).any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

fn bad(reason: &str) -> BadRedirectUri {
    BadRedirectUri(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,80}|[a-z.]{1,9}:[/\\\\@:?#\\[\\]a-z0-9.%*]{0,60}", requested in "\\PC{0,80}") {
            // RU-1, RU-4
            if let Ok(uri) = RedirectUri::check(&text) {
                let _destination = uri.destination();
                prop_assert_eq!(uri.as_str(), text.as_str());
                prop_assert!(uri.matches(&text, false).is_some());
                prop_assert!(requested == text || uri.matches(&requested, true).is_none() || requested.starts_with("http://"));
            }
        }

        #[test]
        fn only_the_same_bytes_match_off_loopback(host in "[a-z]{1,9}\\.example", path in "(/[a-zA-Z0-9._~-]{0,8}){0,3}", other in "\\PC{0,60}") {
            // RU-1
            if let Ok(uri) = RedirectUri::check(&format!("https://{host}{path}")) {
                prop_assert_eq!(uri.matches(&other, true).is_some(), other == uri.as_str());
                for near in [format!("{uri}/"), format!("{uri}?"), format!("{uri}#"), format!("{uri}?a=b"), uri.as_str().to_uppercase()] {
                    prop_assert!(uri.matches(&near, true).is_none());
                }
            }
        }

        #[test]
        fn a_loopback_address_matches_itself_on_every_port(
            port in 1u16..,
            path in "/[a-z0-9]{0,8}",
            other in "/[a-z0-9]{0,8}",
        ) {
            // RU-2
            for host in ["127.0.0.1", "[::1]"] {
                let uri = RedirectUri::check(&format!("http://{host}{path}")).expect("good");
                let elsewhere = format!("http://{host}:{port}{other}");
                prop_assert_eq!(uri.matches(&elsewhere, false).is_some(), other == path);
                for (scheme, host) in [("https", host.to_owned()), ("http", format!("x@{host}")), ("http", "localhost".to_owned())] {
                    let near = format!("{scheme}://{host}:{port}{path}");
                    prop_assert!(uri.matches(&near, true).is_none());
                }
            }
        }
    }

    #[test]
    fn localhost_is_free_in_its_port_only_for_apps_on_a_device() {
        // RU-3
        let uri = RedirectUri::check("http://localhost:3000/callback").expect("good");

        assert!(uri.matches("http://localhost:4000/callback", true).is_some());
        assert!(uri.matches("http://localhost:4000/callback", false).is_none());
        assert_eq!(uri.destination(), Destination::ThisComputer);
    }
}

//! Whom a token is for: resource indicators (RFC 8707; RI-1 to RI-7).
//!
//! There are two resources: the API, named as the issuer is, and the MCP endpoint below it. A token says which of them it may be used at;
//! the surface that is called compares (RI-5). Who names none is given the API, as every app was before there was a choice.

use scope::Dialect;
use scope::identity::Identity;
use scope::set::ScopeSet;
use scope::words::{self, Word};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::StoreError;
use url::Url;

use crate::form::Params;
use crate::{Code, Error, Provider};

/// A protected resource of this account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The REST API, in all its dialects.
    Api,
    /// The endpoint for agents.
    Mcp,
}

impl Target {
    pub const ALL: [Target; 2] = [Target::Api, Target::Mcp];

    /// What follows the issuer in its identifier.
    pub const fn path(self) -> &'static str {
        match self {
            Target::Api => "",
            Target::Mcp => "/mcp",
        }
    }

    /// The canonical identifier: the `aud` of its tokens, and the `resource` of its metadata (RI-3, MD-12).
    pub fn identifier(self, issuer: &str) -> String {
        format!("{issuer}{}", self.path())
    }

    /// The resource that is meant. Scheme and host in any case, and one slash at the end, are the same (RI-3); nothing else is.
    pub fn find(identifier: &str, issuer: &str) -> Option<Target> {
        let (scheme, authority, path) = split(identifier)?;
        Target::ALL.into_iter().find(|target| {
            let canonical = target.identifier(issuer);
            split(&canonical).is_some_and(|own| {
                own.0.eq_ignore_ascii_case(scheme)
                    && own.1.eq_ignore_ascii_case(authority)
                    && (own.2 == path || path.strip_suffix('/') == Some(own.2))
            })
        })
    }
}

/// Scheme, authority, and all that follows.
fn split(identifier: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = identifier.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    Some((scheme, authority, path))
}

/// The resources a token, a family or a grant is for. By default the API alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Audience {
    api: bool,
    mcp: bool,
}

impl Audience {
    pub const API: Audience = Audience { api: true, mcp: false };
    pub const MCP: Audience = Audience { api: false, mcp: true };
    pub const NOBODY: Audience = Audience { api: false, mcp: false };

    pub const fn has(self, target: Target) -> bool {
        match target {
            Target::Api => self.api,
            Target::Mcp => self.mcp,
        }
    }

    pub const fn of(target: Target) -> Audience {
        match target {
            Target::Api => Audience::API,
            Target::Mcp => Audience::MCP,
        }
    }

    pub const fn union(self, other: Audience) -> Audience {
        Audience { api: self.api || other.api, mcp: self.mcp || other.mcp }
    }

    pub const fn is_within(self, other: Audience) -> bool {
        (!self.api || other.api) && (!self.mcp || other.mcp)
    }

    pub fn targets(self) -> impl Iterator<Item = Target> {
        Target::ALL.into_iter().filter(move |&target| self.has(target))
    }

    /// As the database keeps it. The API alone is the empty text, so that such tokens outlive a change of the public address.
    pub fn text(self, issuer: &str) -> String {
        if self == Audience::API {
            return String::new();
        }
        self.targets().map(|target| target.identifier(issuer)).collect::<Vec<_>>().join(" ")
    }

    /// From the database. An identifier of an earlier public address is nobody's.
    pub fn stored(text: &str, issuer: &str) -> Audience {
        if text.is_empty() {
            return Audience::API;
        }
        text.split(' ')
            .filter_map(|identifier| Target::find(identifier, issuer))
            .fold(Audience::NOBODY, |all, target| all.union(Audience::of(target)))
    }

    /// The `aud` claim: a string for one, an array for more.
    pub fn claim(self, issuer: &str) -> Json {
        let mut identifiers: Vec<String> = self.targets().map(|target| target.identifier(issuer)).collect();
        match identifiers.len() {
            1 => json!(identifiers.remove(0)),
            _ => json!(identifiers),
        }
    }

    /// What a token is for, when this was granted and so much is asked: only from what was granted, and all of it when nothing is
    /// named (RI-4, RI-6).
    pub fn narrowed(self, asked: Option<Audience>) -> Result<Audience, Error> {
        match asked {
            None => Ok(self),
            Some(asked) if asked.is_within(self) => Ok(asked),
            Some(_) => Err(Error::of(Code::InvalidTarget, "This resource was not granted.")),
        }
    }
}

/// The administrator's switch for agents (MC-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct McpSettings {
    pub on: bool,
}

/// Name of the setting.
pub const MCP_SETTING: &str = "mcp";

impl Default for McpSettings {
    fn default() -> McpSettings {
        McpSettings { on: true }
    }
}

/// Refuses a resource that an administrator has switched off (RI-2).
pub(crate) fn check_switched_on(asked: Audience, has_mcp: bool) -> Result<(), Error> {
    match asked.has(Target::Mcp) && !has_mcp {
        true => Err(Error::of(Code::InvalidTarget, "The MCP endpoint is switched off.")),
        false => Ok(()),
    }
}

impl Provider {
    /// Whether there is an MCP endpoint, as of half a second ago. While it is off, nobody is told of it and no new token is for it.
    pub async fn is_mcp_on(&self) -> Result<bool, StoreError> {
        Ok(self.setting::<McpSettings>(MCP_SETTING).await?.on)
    }

    /// What the `resource` parameters name (RI-1, RI-2). None if there is none. It may repeat (ALL-3).
    pub fn asked_audience(&self, params: &Params) -> Result<Option<Audience>, Error> {
        let mut audience = None;
        for (_, value) in params.pairs.iter().filter(|(name, value)| name == "resource" && !value.is_empty()) {
            let target = self.target(value)?;
            audience = Some(audience.unwrap_or(Audience::NOBODY).union(Audience::of(target)));
        }
        Ok(audience)
    }

    /// The resource of this identifier, or `invalid_target`.
    pub fn target(&self, identifier: &str) -> Result<Target, Error> {
        let refused = |text: &'static str| Error::of(Code::InvalidTarget, text);
        if identifier.contains('#') || Url::parse(identifier).is_err() {
            return Err(refused("A resource must be an absolute URI without a fragment."));
        }
        Target::find(identifier, &self.config.issuer).ok_or_else(|| {
            refused("There is no such resource here: the API and the MCP endpoint are named in the metadata.")
        })
    }

    /// Refuses a word that no resource of the audience knows (RI-7).
    pub fn check_scope_for(&self, audience: Audience, scope: &ScopeSet, dialect: Dialect) -> Result<(), Error> {
        match scope.words().find(|word| !self.knows(audience, word, dialect)) {
            Some(word) => Err(Error::of(Code::InvalidScope, format!("The resource has no scope {word}."))),
            None => Ok(()),
        }
    }

    /// The words that mean something at one of these resources (RI-7).
    pub fn scope_for(&self, audience: Audience, scope: &ScopeSet, dialect: Dialect) -> ScopeSet {
        let known: Vec<&str> = scope.words().filter(|word| self.knows(audience, word, dialect)).collect();
        ScopeSet::parse(&known.join(" ")).unwrap_or_default()
    }

    /// Every word belongs to the API. At the MCP endpoint those count that open a tool, and those that are about the person.
    fn knows(&self, audience: Audience, word: &str, dialect: Dialect) -> bool {
        let opens = |word: &Word| {
            !word.permissions.intersection(self.config.tool_permissions).is_empty()
                || word.identity.is_some_and(|identity| identity != Identity::Impersonate)
        };
        audience.has(Target::Api) || (audience.has(Target::Mcp) && words::find(dialect, word).is_some_and(opens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://help.example.com";

    #[test]
    fn scheme_host_and_one_slash_may_differ_and_nothing_else() {
        // RI-3
        for api in [ISSUER, "https://help.example.com/", "HTTPS://Help.Example.COM"] {
            assert_eq!(Target::find(api, ISSUER), Some(Target::Api), "{api}");
        }
        for mcp in ["https://help.example.com/mcp", "https://HELP.example.com/mcp/"] {
            assert_eq!(Target::find(mcp, ISSUER), Some(Target::Mcp), "{mcp}");
        }
        for other in [
            "https://help.example.com/MCP",
            "https://help.example.com/mcp//",
            "https://help.example.com//",
            "https://help.example.com/mcp?x",
            "https://help.example.com/api",
            "http://help.example.com",
            "https://evil@help.example.com",
            "https://help.example.com:444",
            "https://help.example.com.evil.example",
            "help.example.com",
            "",
        ] {
            assert_eq!(Target::find(other, ISSUER), None, "{other}");
        }
    }

    #[test]
    fn an_issuer_with_a_path_is_a_resource_too() {
        let issuer = "https://example.com/help";

        assert_eq!(Target::find("https://example.com/help/mcp", issuer), Some(Target::Mcp));
        assert_eq!(Target::find("https://example.com/help/", issuer), Some(Target::Api));
        assert_eq!(Target::find("https://example.com/mcp", issuer), None);
    }

    #[test]
    fn what_is_kept_comes_back() {
        for audience in [Audience::API, Audience::MCP, Audience::API.union(Audience::MCP)] {
            assert_eq!(Audience::stored(&audience.text(ISSUER), ISSUER), audience);
        }
        assert_eq!(Audience::stored("https://old.example.com/mcp", ISSUER), Audience::NOBODY);
    }

    #[test]
    fn a_token_is_for_what_was_granted_or_less() {
        // RI-4
        let both = Audience::API.union(Audience::MCP);

        assert_eq!(both.narrowed(None).unwrap(), both);
        assert_eq!(both.narrowed(Some(Audience::MCP)).unwrap(), Audience::MCP);
        assert!(Audience::API.narrowed(Some(both)).is_err());
        assert!(Audience::MCP.narrowed(Some(Audience::API)).is_err());
    }
}

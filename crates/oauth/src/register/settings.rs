//! Who may register an app without an administrator (RG-2).

use serde::{Deserialize, Serialize};

/// Name of the setting.
pub const NAME: &str = "registration";

/// The setting. Its default is the strictest: nobody registers anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub mode: Mode,
    /// Whether a registration access token is replaced each time its app is read or changed (RFC 7592, section 3).
    pub rotates_tokens: bool,
    /// Whether confidential apps that come with an initial access token may leave PKCE out (POL-3): for OpenID's conformance tests and apps
    /// of before OAuth 2.1.
    pub spares_pkce: bool,
    /// Whose software statements count.
    pub statement_issuers: Vec<StatementIssuer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementIssuer {
    /// Value of `iss`.
    pub issuer: String,
    pub jwks_uri: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    Off,
    /// Whoever has an initial access token, which an administrator gave out (RFC 7591, section 3).
    InitialAccessToken,
    /// Everybody, within narrow limits.
    Open,
}

impl Mode {
    pub const ALL: [Mode; 3] = [Mode::Off, Mode::InitialAccessToken, Mode::Open];

    /// As in forms and in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::InitialAccessToken => "initial-access-token",
            Mode::Open => "open",
        }
    }

    pub fn parse(word: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.word() == word)
    }

    pub const fn is_on(self) -> bool {
        !matches!(self, Mode::Off)
    }
}

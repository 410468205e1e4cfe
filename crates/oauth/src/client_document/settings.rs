//! Whose metadata documents make an app (CM-7). The setting is changed in the Admin Center.

use scope::set::ScopeSet;
use serde::{Deserialize, Serialize};

use crate::clients::{Approval, Client};

/// Name of the setting.
pub const NAME: &str = "client-documents";

/// Largest document that may be set, in bytes: a document is small, and anybody makes us read it.
pub const BYTES_MAX: usize = 64 * 1024;

/// The setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub mode: Mode,
    /// Hosts that need nobody's approval: `agent.example`, or `*.agent.example` for what lies below it.
    pub allowed_hosts: Vec<String>,
    /// Hosts that are turned away in every mode.
    pub denied_hosts: Vec<String>,
    /// Whether an address may have a query (CM-1).
    pub with_query: bool,
    /// Largest document (CM-2).
    pub limit_bytes: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    Off,
    /// Every host but those that are denied.
    Open,
    /// Whoever asks to change something waits for an administrator.
    #[default]
    ApproveWrites,
    /// Everybody waits for an administrator.
    Approve,
    /// Only the allowed hosts.
    AllowList,
}

/// What an app whose document is good may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Allowed,
    /// An administrator has not decided yet.
    Waits,
    Refused,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            mode: Mode::default(),
            allowed_hosts: Vec::new(),
            denied_hosts: Vec::new(),
            with_query: false,
            limit_bytes: 5 * 1024,
        }
    }
}

impl Mode {
    pub const ALL: [Mode; 5] = [Mode::Off, Mode::AllowList, Mode::Approve, Mode::ApproveWrites, Mode::Open];

    /// As in forms and in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Open => "open",
            Mode::ApproveWrites => "approve-writes",
            Mode::Approve => "approve",
            Mode::AllowList => "allow-list",
        }
    }

    pub fn parse(word: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.word() == word)
    }

    pub const fn is_on(self) -> bool {
        !matches!(self, Mode::Off)
    }
}

impl Settings {
    /// Whether documents of this host are read at all.
    pub fn reads(&self, host: &str) -> bool {
        let is_listed = names(&self.allowed_hosts, host);
        self.mode.is_on() && !names(&self.denied_hosts, host) && (self.mode != Mode::AllowList || is_listed)
    }

    /// Whether the app may ask a person for these words now.
    pub fn admits(&self, client: &Client, host: &str, scope: &ScopeSet) -> Admission {
        if !self.reads(host) || client.approval == Approval::Refused {
            return Admission::Refused;
        }
        let is_free = client.approval == Approval::Approved || names(&self.allowed_hosts, host);
        match self.mode {
            _ if is_free => Admission::Allowed,
            Mode::Approve => Admission::Waits,
            Mode::ApproveWrites if writes(client, scope) => Admission::Waits,
            Mode::Off | Mode::Open | Mode::AllowList | Mode::ApproveWrites => Admission::Allowed,
        }
    }
}

fn writes(client: &Client, scope: &ScopeSet) -> bool {
    scope.words().any(|word| scope::words::find(client.dialect, word).is_some_and(scope::words::Word::is_write))
}

fn names(hosts: &[String], host: &str) -> bool {
    hosts.iter().any(|listed| match listed.strip_prefix("*.") {
        Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => listed == host,
    })
}

/// A list of hosts as a person types it, cleaned; or the first that is none.
pub fn hosts(text: &str) -> Result<Vec<String>, String> {
    let mut hosts: Vec<String> = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()) {
        let host = word.to_ascii_lowercase();
        let bare = host.strip_prefix("*.").unwrap_or(&host);
        let is_host = bare.contains('.')
            && bare.len() <= 253
            && bare.split('.').all(|label| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
        if !is_host {
            return Err(word.chars().take(100).collect());
        }
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_names_what_lies_below_a_host_and_nothing_else() {
        // CM-7
        let listed = hosts("Agent.example, *.tools.example\n agent.example").unwrap();

        assert_eq!(listed, ["agent.example", "*.tools.example"]);
        for (host, expected) in [
            ("agent.example", true),
            ("x.agent.example", false),
            ("a.tools.example", true),
            ("a.b.tools.example", true),
            ("tools.example", false),
            ("eviltools.example", false),
        ] {
            assert_eq!(names(&listed, host), expected, "{host}");
        }
        for bad in ["*", "localhost", "a..b", "https://a.example", "a.example/x", "*.*.example"] {
            assert!(hosts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_mode_is_read_as_it_is_written_and_the_default_asks_before_writes() {
        // CM-7
        for mode in Mode::ALL {
            assert_eq!(Mode::parse(mode.word()), Some(mode));
        }
        assert_eq!(Settings::default().mode, Mode::ApproveWrites);
        assert_eq!(Settings::default().limit_bytes, 5 * 1024);
    }
}

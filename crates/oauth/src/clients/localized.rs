//! What an app says of itself in the reader's language: `client_name#de` beside `client_name` (RG-8; RFC 7591, section 2.2).

use super::Client;

/// Members that may carry a language tag.
pub const NAMES: [&str; 5] = ["client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri"];

impl Client {
    /// The name in the first of these languages that the app has one for, else its own. `locales` as in `ui_locales`: `de-AT de en`.
    pub fn name_in(&self, locales: &str) -> &str {
        self.said("client_name", locales).unwrap_or(&self.name)
    }

    /// The privacy policy, likewise.
    pub fn policy_uri_in(&self, locales: &str) -> Option<&str> {
        self.said("policy_uri", locales).or(self.metadata.policy_uri.as_deref())
    }

    /// The terms of service, likewise.
    pub fn tos_uri_in(&self, locales: &str) -> Option<&str> {
        self.said("tos_uri", locales).or(self.metadata.tos_uri.as_deref())
    }

    /// Exactly in that language, or in its language without region and script (RFC 4647, section 3.4).
    fn said(&self, name: &str, locales: &str) -> Option<&str> {
        locales.split_whitespace().find_map(|wanted| {
            let mut tag = wanted;
            loop {
                let found = self.metadata.localized.iter().find(|(member, _)| {
                    member
                        .split_once('#')
                        .is_some_and(|(it, language)| it == name && language.eq_ignore_ascii_case(tag))
                });
                if let Some((_, value)) = found {
                    return Some(value.as_str());
                }
                tag = tag.rsplit_once('-')?.0;
            }
        })
    }
}

//! What happened, in one plain sentence for each kind of event.

use helpdesk::audit::Entry;
use serde_json::Value as Json;

use crate::text;

/// How much a row should be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// Something was opened.
    Good,
    /// Something was ended.
    Warn,
    /// Somebody may have tried what they should not.
    Bad,
}

impl Tone {
    pub fn class(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Good => " good",
            Tone::Warn => " warn",
            Tone::Bad => " bad",
        }
    }
}

pub fn tone(entry: &Entry) -> Tone {
    match entry.kind.as_str() {
        "user-login-failed" => Tone::Bad,
        "token-family-revoked" if because(entry).contains("replayed") => Tone::Bad,
        kind if entry.impersonator.is_some() || kind.contains("impersonat") => Tone::Bad,
        kind if ["-deleted", "-disabled", "-revoked", "-withdrawn", "-denied", "-expired", "-refused", "-ended"]
            .iter()
            .any(|end| kind.ends_with(end)) =>
        {
            Tone::Warn
        }
        kind if ["-given", "-created", "-logged-in", "-added", "-enabled", "-approved"]
            .iter()
            .any(|end| kind.ends_with(end)) =>
        {
            Tone::Good
        }
        _ => Tone::Plain,
    }
}

/// With the names of person, app and object; the details stand beside it.
pub fn sentence(entry: &Entry) -> String {
    let who = who(entry);
    let object = entry.object_name.clone().unwrap_or_else(|| format!("{} {}", entry.object_type, entry.object_id));
    let text = match entry.kind.as_str() {
        "user-logged-in" => format!("{who} signed in{}", with(entry)),
        "user-logged-out" => format!("{who} signed out"),
        "user-login-failed" if entry.object_id == 0 => "Somebody unknown failed to sign in".to_owned(),
        "user-login-failed" => format!("Somebody failed to sign in as {object}"),
        "app-consent-given" => format!("{who} allowed {object} {}", scope_of(&entry.data, "asked")),
        "app-consent-denied" => format!("{who} denied {object} {}", scope_of(&entry.data, "asked")),
        "app-consent-spared" => {
            format!("{who} connected {object} without being asked, as an administrator decided")
        }
        "app-account-consent-given" => {
            format!("{who} allowed {object} {} for everybody", scope_of(&entry.after, "account_scopes"))
        }
        "app-consent-withdrawn" => format!("{who} withdrew what {object} was allowed"),
        "app-consent-expired" => format!("The time for which {object} was allowed something is over"),
        "token-family-revoked" => match because(entry).as_str() {
            "code_replayed" => "A code was used twice: the tokens from it were ended".to_owned(),
            "refresh_token_replayed" => {
                "A used refresh token came again: somebody may have a copy, so the tokens were ended".to_owned()
            }
            "token_revoked" => format!("{who} revoked a token"),
            "revoked_by_app" => format!("{} gave its tokens back", app(entry)),
            _ => "Tokens were revoked".to_owned(),
        },
        "app-created" => format!("{who} registered the app {object}"),
        "app-updated" => format!("{who} changed {} of the app {object}", changed(entry)),
        "app-deleted" => format!("{who} deleted the app {object}"),
        "app-disabled" => match reason(entry) {
            Some(reason) => format!("{who} suspended the app {object}: {reason}"),
            None => format!("{who} suspended the app {object}"),
        },
        "app-uninstalled" => format!("{who} uninstalled the app {object}"),
        "app-enabled" => format!("{who} let the app {object} work again"),
        "app-secret-added" => format!("{who} added a secret to the app {object}"),
        "app-secret-revoked" => format!("{who} revoked a secret of the app {object}"),
        "signing-keys-rotated" => format!("{who} rotated the signing keys"),
        "signing-key-revoked" => format!("{who} revoked a signing key"),
        "sessions-ended" | "user-signed-out-everywhere" => format!("{who} ended sessions of {object}"),
        "token-exchanged" => format!("{} exchanged a token", app(entry)),
        "app-keys-changed" => format!("The app {object} has other keys now"),
        "app-logout-delivered" => format!("The app {object} was told of a sign-out"),
        "app-logout-failed" => format!("The app {object} could not be told of a sign-out"),
        "trusted-issuer-added" => format!("{who} trusts another issuer"),
        "trusted-issuer-removed" => format!("{who} no longer trusts an issuer"),
        "exchange-rule-added" => format!("{who} allowed an exchange of tokens"),
        "exchange-rule-removed" => format!("{who} forbade an exchange of tokens"),
        "initial-access-token-created" => format!("{who} made a token that lets apps register"),
        "initial-access-token-revoked" => format!("{who} revoked a token that lets apps register"),
        "identity-provider-created" => format!("{who} set up an identity provider"),
        "identity-provider-updated" => format!("{who} changed {} of an identity provider", changed(entry)),
        "identity-provider-enabled" => format!("{who} switched an identity provider on"),
        "identity-provider-disabled" => format!("{who} switched an identity provider off"),
        "upstream-identity-linked" => format!("An account elsewhere was connected with {object}"),
        "upstream-identity-unlinked" => format!("{who} disconnected an account elsewhere"),
        "api-key-created" => format!("{who} made an API key"),
        "api-key-limited" => format!("{who} changed what an API key may do"),
        "api-key-renamed" => format!("{who} renamed an API key"),
        "api-key-revoked" => format!("{who} revoked an API key"),
        "user-created" => format!("{who} added {object} to the staff"),
        "user-updated" => format!("{who} changed {} of {object}", changed(entry)),
        "user-deleted" => format!("{who} removed {object} from the staff"),
        "user-password-changed" | "customer-password-changed" => format!("{who} changed the password of {object}"),
        "provider-setting-changed" => {
            let name = entry.data.as_ref().and_then(|data| data.get("name")).and_then(Json::as_str).unwrap_or("one");
            format!("{who} changed the setting {}", name.replace('_', " "))
        }
        "account-created" => format!("{who} set this account up"),
        "account-setting-created" | "account-setting-updated" => format!("{who} changed a setting of the account"),
        "passkey-added" => format!("{who} added a passkey"),
        "passkey-removed" => format!("{who} removed a passkey"),
        "totp-added" => format!("{who} set up an app for codes"),
        "totp-removed" => format!("{who} removed the app for codes"),
        "second-factors-removed" => format!("{who} removed the second factors of {object}"),
        "delivery-replayed" => format!("{who} had the call of an integration made again, as call {}", entry.object_id),
        "email-verified" => format!("{who} confirmed the e-mail address of {object}"),
        kind => plainly(entry, &who, kind, &object),
    };
    match &entry.impersonator {
        Some(real) => format!("{text}, in whose name {} acted", real.name),
        None => text,
    }
}

/// The sentence of a kind that has no words of its own, such as `rule-updated`: who did what to which.
fn plainly(entry: &Entry, who: &str, kind: &str, object: &str) -> String {
    const VERBS: [&str; 12] = [
        "added",
        "archived",
        "changed",
        "created",
        "deactivated",
        "deleted",
        "merged",
        "reactivated",
        "removed",
        "restored",
        "started",
        "updated",
    ];
    match kind.rsplit_once('-').filter(|(_, verb)| VERBS.contains(verb)) {
        Some((what, verb)) if what.replace('-', "").eq_ignore_ascii_case(&entry.object_type) => {
            let what = what.replace('-', " ");
            match entry.object_name.clone().or_else(|| name_in(&entry.after)).or_else(|| name_in(&entry.before)) {
                Some(name) => format!("{who} {verb} the {what} {name}"),
                None => format!("{who} {verb} {what} {}", entry.object_id),
            }
        }
        Some((what, verb)) => format!("{who} {verb} the {} ({object})", what.replace('-', " ")),
        None => format!("{who}: {} ({object})", kind.replace('-', " ")),
    }
}

/// What the object was called, where the event says so.
fn name_in(json: &Option<Json>) -> Option<String> {
    let name = json.as_ref()?.get("name")?.as_str()?;
    Some(text::shown(name, 80)).filter(|name| !name.is_empty())
}

fn who(entry: &Entry) -> String {
    match (&entry.person, &entry.client, &entry.worker) {
        (Some(person), _, _) => person.name.clone(),
        (None, Some(client), _) => client.name.clone(),
        (None, None, Some(_)) => "Bailiwick".to_owned(),
        (None, None, None) => "Somebody".to_owned(),
    }
}

fn app(entry: &Entry) -> String {
    entry.client.as_ref().map_or_else(|| "An app".to_owned(), |client| client.name.clone())
}

/// How somebody signed in.
fn with(entry: &Entry) -> String {
    let amr = entry.data.as_ref().and_then(|data| data.get("amr")).and_then(Json::as_str).unwrap_or_default();
    let ways: Vec<&str> = amr
        .split_whitespace()
        .map(|way| match way {
            "pwd" => "a password",
            "otp" => "a one-time code",
            "hwk" | "swk" | "pop" => "a passkey",
            "user" => "a check of the person",
            "mfa" => "two factors",
            "fed" => "another provider",
            other => other,
        })
        .collect();
    if ways.is_empty() { String::new() } else { format!(" with {}", ways.join(", ")) }
}

fn because(entry: &Entry) -> String {
    let because = entry.after.as_ref().and_then(|after| after.get("because"));
    because.and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn reason(entry: &Entry) -> Option<String> {
    let reason = entry.data.as_ref()?.get("reason")?.as_str()?;
    Some(reason.to_owned()).filter(|reason| !reason.is_empty())
}

fn scope_of(json: &Option<Json>, field: &str) -> String {
    let words = json.as_ref().and_then(|json| json.get(field)).and_then(Json::as_str).unwrap_or_default();
    match words.split_whitespace().count() {
        0 => "nothing yet".to_owned(),
        n if n > 4 => format!("{n} scopes"),
        _ => words.split_whitespace().collect::<Vec<_>>().join(", "),
    }
}

/// The names of the fields that are not what they were.
fn changed(entry: &Entry) -> String {
    let Some(Json::Object(after)) = &entry.after else { return "something".to_owned() };
    let names: Vec<String> = after.keys().take(4).map(|name| name.replace('_', " ")).collect();
    match after.len() {
        0 => "something".to_owned(),
        n if n > 4 => format!("{} and {} more things", names.join(", "), n - 4),
        _ => names.join(", "),
    }
}

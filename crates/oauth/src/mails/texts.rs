//! What the mails say: plain text, and the same as simple HTML. Short, so that a phone's first screen holds it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use outside::mail::Mail;

use super::{From, Notice};

/// What every mail tells of where it comes from.
pub(super) struct Facts<'a> {
    /// The account's name.
    pub account: &'a str,
    /// The public address.
    pub url: &'a str,
}

/// A mail's content before it has an address.
pub(super) struct Text {
    subject: String,
    paragraphs: Vec<String>,
    /// What the button says, and where it leads.
    link: Option<(&'static str, String)>,
    /// Below the link.
    after: Vec<String>,
}

impl Text {
    pub fn to(self, facts: &Facts<'_>, address: &str) -> Mail {
        let signed = format!("{} · {}", facts.account, facts.url);
        let mut text = self.paragraphs.join("\n\n");
        if let Some((label, url)) = &self.link {
            text.push_str(&format!("\n\n{label}:\n{url}"));
        }
        for paragraph in &self.after {
            text.push_str(&format!("\n\n{paragraph}"));
        }
        text.push_str(&format!("\n\n-- \n{signed}\n"));

        let paragraph = |it: &String| format!("<p>{}</p>\n", escaped(it));
        let mut html = String::from(
            "<!doctype html>\n<html lang=\"en\"><body style=\"font-family:sans-serif;line-height:1.5\">\n",
        );
        html.extend(self.paragraphs.iter().map(paragraph));
        if let Some((label, url)) = &self.link {
            html.push_str(&format!("<p><a href=\"{}\">{}</a></p>\n", escaped(url), escaped(label)));
        }
        html.extend(self.after.iter().map(paragraph));
        html.push_str(&format!("<p style=\"color:#666\">{}</p>\n</body></html>\n", escaped(&signed)));
        Mail { to: address.to_owned(), subject: self.subject, text, html }
    }
}

pub(super) fn verification(facts: &Facts<'_>, name: &str, link: &str) -> Text {
    Text {
        subject: format!("Confirm your address for {}", facts.account),
        paragraphs: vec![hello(name), "Please confirm that this is your e-mail address.".to_owned()],
        link: Some(("Confirm this address", link.to_owned())),
        after: vec![
            "The link works once, for a day. If you did not ask for it, nothing happens unless you open it.".to_owned(),
        ],
    }
}

pub(super) fn reset(facts: &Facts<'_>, name: &str, link: &str) -> Text {
    Text {
        subject: format!("Choose a new password for {}", facts.account),
        paragraphs: vec![
            hello(name),
            "Somebody, probably you, asked to choose a new password for this address.".to_owned(),
        ],
        link: Some(("Choose a new password", link.to_owned())),
        after: vec![
            "The link works once, for 30 minutes. Everybody who is signed in as you is then signed out.".to_owned(),
            "If it was not you, do nothing: your password stays as it is.".to_owned(),
        ],
    }
}

pub(super) fn sign_up(facts: &Facts<'_>, link: &str) -> Text {
    Text {
        subject: format!("Finish signing up for {}", facts.account),
        paragraphs: vec!["Hello,".to_owned(), "One step is left: choose your name and your password.".to_owned()],
        link: Some(("Finish signing up", link.to_owned())),
        after: vec!["The link works once, for a day. If you did not sign up, do nothing.".to_owned()],
    }
}

pub(super) fn already_signed_up(facts: &Facts<'_>, name: &str, link: &str) -> Text {
    Text {
        subject: format!("You have an account at {} already", facts.account),
        paragraphs: vec![
            hello(name),
            format!(
                "Somebody, probably you, wanted to sign up with this address. You have an account already: sign in at {}/login.",
                facts.url
            ),
        ],
        link: Some(("Choose a new password, if you forgot it", link.to_owned())),
        after: vec!["The link works once, for 30 minutes. If it was not you, do nothing.".to_owned()],
    }
}

pub(super) fn invitation(facts: &Facts<'_>, name: &str, link: &str) -> Text {
    Text {
        subject: format!("Your account at {}", facts.account),
        paragraphs: vec![
            hello(name),
            format!("You were added to the helpdesk of {}. Choose a password to sign in.", facts.account),
        ],
        link: Some(("Choose your password", link.to_owned())),
        after: vec!["The link works once, for a week.".to_owned()],
    }
}

pub(super) fn notice(facts: &Facts<'_>, notice: Notice, at: Timestamp, from: Option<&From>) -> Text {
    let (subject, what) = match notice {
        Notice::NewBrowser => ("New sign-in", "Somebody signed in as you in a browser that you have not used before."),
        Notice::PasswordChanged => ("Your password was changed", "Your password was changed."),
        Notice::PasswordReset => {
            ("Your password was changed", "A new password was chosen by a link that was mailed to you.")
        }
        Notice::TotpAdded => {
            ("A second factor was added", "An app that makes one-time codes was added to your account.")
        }
        Notice::TotpRemoved => {
            ("A second factor was removed", "The app that makes one-time codes was removed from your account.")
        }
        Notice::PasskeyAdded => ("A passkey was added", "A passkey was added to your account."),
        Notice::PasskeyRemoved => ("A passkey was removed", "A passkey was removed from your account."),
        Notice::RecoveryCodesMade => {
            ("New recovery codes", "New recovery codes were made for your account. The old ones are worth nothing.")
        }
        Notice::RecoveryCodeUsed => {
            ("A recovery code was used", "Somebody signed in as you with one of your recovery codes.")
        }
        Notice::FactorsRemoved => (
            "Your second factors were removed",
            "An administrator removed your app for codes, your passkeys and your recovery codes. Sign in with your password and set up new ones.",
        ),
        Notice::RefreshTokenReused => (
            "An app's access was ended",
            "A key that an app held in your name was used twice, so somebody may have a copy. We ended that access; the app can ask you again.",
        ),
    };
    let mut paragraphs =
        vec![what.to_owned(), format!("When: {}", at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC"))];
    if let Some(from) = from {
        let browser: String = from.user_agent.chars().filter(|c| !c.is_control()).take(120).collect();
        paragraphs.push(format!(
            "From: {} ({})",
            from.address,
            if browser.is_empty() { "no browser named" } else { &browser }
        ));
    }
    Text {
        subject: format!("{subject}: {}", facts.account),
        paragraphs,
        link: Some(("See who is signed in as you", format!("{}/me/security", facts.url))),
        after: vec![
            "If this was you, there is nothing to do. If not, choose a new password and sign out everywhere."
                .to_owned(),
        ],
    }
}

fn hello(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    if name.trim().is_empty() { "Hello,".to_owned() } else { format!("Hello {},", name.trim()) }
}

/// Text between tags, and in attributes with double quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_link_and_nothing_of_a_name_is_markup() {
        let facts = Facts { account: "Acme & <b>", url: "https://help.example.com" };

        let mail = reset(&facts, "<script>\r\n", "https://help.example.com/reset?token=x").to(&facts, "a@example.com");

        assert!(mail.text.contains("https://help.example.com/reset?token=x"));
        assert!(mail.html.contains("href=\"https://help.example.com/reset?token=x\""));
        assert!(!mail.html.contains("<script>") && !mail.html.contains("<b>"));
    }
}

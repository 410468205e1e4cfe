//! How a page leaves the house: rendered, with the headers that every page carries, and the frame that signed-in people see.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::form::Form;
use crate::rooms::{self, Group, Section};

/// Nothing but our own files; no inline script or style; not in anybody's frame (ALL-16, CO-3).
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";
/// The same without `form-action`, which browsers apply to the redirects after a form too: they lead to the app (CO-4).
const POLICY_OF_FORMS_THAT_LEAD_AWAY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                                              img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// The sign-in page: its script asks us for a passkey's question.
const POLICY_OF_SIGN_IN: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                                 base-uri 'none'; frame-ancestors 'none'";

/// A page of our own, whose forms stay here.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    html(status, template, POLICY)
}

/// A page whose form is answered with a redirect to an app.
pub fn page_that_leads_away(status: StatusCode, template: &impl Template) -> Response {
    html(status, template, POLICY_OF_FORMS_THAT_LEAD_AWAY)
}

/// The same, and its script may ask this server something.
pub fn page_that_asks_and_leads_away(status: StatusCode, template: &impl Template) -> Response {
    html(status, template, POLICY_OF_SIGN_IN)
}

fn html(status: StatusCode, template: &impl Template, policy: &'static str) -> Response {
    let text = match template.render() {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (HeaderName::from_static("x-frame-options"), "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (status, headers, text).into_response()
}

/// A redirect after a form: 303, never 307, so that a password is not sent on (AZ-9).
pub fn see_other(address: &str) -> Response {
    match HeaderValue::try_from(address) {
        Ok(address) => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, address), (header::CACHE_CONTROL, no_store())]).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub fn no_store() -> HeaderValue {
    HeaderValue::from_static("no-store")
}

/// A page that says what happened and what to do about it.
#[derive(Template)]
#[template(path = "message.html")]
pub struct Message {
    pub title: String,
    pub text: String,
    pub what_next: Option<String>,
    pub link: Option<Link>,
}

pub struct Link {
    pub href: String,
    pub label: String,
}

impl Message {
    pub fn new(title: &str, text: &str) -> Message {
        Message { title: title.to_owned(), text: text.to_owned(), what_next: None, link: None }
    }

    pub fn what_next(self, text: &str) -> Message {
        Message { what_next: Some(text.to_owned()), ..self }
    }

    pub fn link(self, href: &str, label: &str) -> Message {
        Message { link: Some(Link { href: href.to_owned(), label: label.to_owned() }), ..self }
    }

    pub fn answer(&self, status: StatusCode) -> Response {
        page(status, self)
    }
}

/// What surrounds each page for signed-in people.
pub struct Frame {
    /// The page's heading, and the last crumb.
    pub title: String,
    pub account: String,
    pub person: PersonLine,
    pub is_admin: bool,
    pub csrf: String,
    pub section: Section,
    pub crumbs: Vec<Crumb>,
    /// What the form just sent has done.
    pub done: Option<&'static str>,
}

impl Frame {
    pub fn rooms(&self) -> impl Iterator<Item = &'static Group> {
        rooms::groups(self.is_admin)
    }
}

pub struct Crumb {
    pub href: String,
    pub label: String,
}

pub struct PersonLine {
    pub name: String,
    pub email: String,
    pub initials: String,
}

impl PersonLine {
    pub fn new(name: &str, email: &str) -> PersonLine {
        let name = if name.trim().is_empty() { email } else { name };
        PersonLine {
            name: crate::text::shown(name, 60),
            email: crate::text::shown(email, 80),
            initials: crate::text::initials(name),
        }
    }
}

/// The text for the word that a redirect after a form carries. Only these can appear: the address cannot put words into the page.
pub fn done(query: &Form) -> Option<&'static str> {
    match query.value("done") {
        "saved" => Some("Your changes are saved."),
        "registered" => Some("The app is registered."),
        "disabled" => Some("The app is suspended. Its tokens are refused until you let it work again."),
        "enabled" => Some("The app may work again."),
        "deleted" => Some("The app is deleted, and its tokens with it."),
        "token-revoked" => Some("The token is revoked."),
        "secret-revoked" => Some("The secret is revoked."),
        "provider-added" => Some("The provider is added. Its button is on the sign-in page."),
        "provider-works" => Some("The provider answers as it should."),
        "provider-disabled" => Some("The provider is disabled. Nobody can sign in through it."),
        "provider-enabled" => Some("The provider is enabled again."),
        "let-in" => Some("The app is let in. People can connect it now."),
        "refused" => Some("The app is refused, and what it had is over."),
        "grant-revoked" => Some("The access is revoked, and its tokens with it."),
        "keys-rotated" => Some("New keys are made."),
        "key-revoked" => Some("The key is revoked, and every token it signed with it."),
        "trusted" => Some("The system is trusted now."),
        "distrusted" => Some("The system is trusted no more. Tokens that it brought live on until they end."),
        "rule-added" => Some("The rule holds from now on."),
        "rule-saved" => Some("The rule is saved."),
        "rule-moved" => Some("The order is changed."),
        "rule-on" => Some("The rule is on. What happened while it was off stays as it is."),
        "rule-off" => Some("The rule is off."),
        "rule-deleted" => Some("The rule is deleted. What it did to tickets stays told."),
        "rule-removed" => Some("The rule is removed. Tokens that were exchanged live on until they end."),
        "shrunk" => Some("The app may now do just what it uses. Its tokens are narrower already."),
        "used-more" => Some("Nothing was changed: the app has used something else since. Look again."),
        "everybody" => Some("Nobody is asked about this app’s scopes any more."),
        "nobody" => {
            Some("Everybody is asked again from now on. Who connected it meanwhile keeps it until it is revoked.")
        }
        "api-key-revoked" => Some("The API key is revoked."),
        "keys-off" => Some("API keys are switched off. Every one of them is refused now."),
        "keys-on" => Some("API keys are switched on again."),
        "requests-open" => Some("Anybody may write requests now, without signing in."),
        "requests-closed" => Some("Nobody writes a request without signing in any more."),
        "integration-made" => Some("The integration is made. Try it, before something happens."),
        "integration-on" => Some("The integration is on. What happened while it was off is not told."),
        "integration-off" => Some("The integration is off."),
        "integration-deleted" => Some("The integration is deleted."),
        "unsigned" => Some("Calls are not signed any more."),
        "called" => Some("The call is on its way. Look again in a moment."),
        "job-started" => Some("The job is started."),
        "job-canceled" => Some("The job is stopped. What it has done already is kept."),
        "withdrawn" => Some("You have withdrawn the app’s access."),
        "password-changed" => Some("Your password is changed. You are signed out everywhere else."),
        "totp-added" => Some("The app for codes is on. You are asked for a code when you sign in."),
        "totp-removed" => Some("The app for codes is removed."),
        "passkey-added" => Some("The passkey is added. You can sign in with it from now on."),
        "passkey-removed" => Some("The passkey is removed."),
        "link-removed" => Some("That account opens yours no more."),
        "session-ended" => Some("That session is signed out."),
        "link-mailed" => Some("The mail is on its way."),
        "email-verified" => Some("Your address is confirmed."),
        "factors-removed" => Some("Their second factors are removed, and they are signed out."),
        "signed-out" => Some("They are signed out everywhere."),
        "user-invited" => Some("They are added, and the mail is on its way."),
        "user-added" => Some("They are added. They can sign in once they have a password."),
        "user-deactivated" => Some("They are deactivated, and signed out everywhere."),
        "user-activated" => Some("They may sign in again."),
        "user-away" => Some("They are away now."),
        "user-back" => Some("They are back."),
        "user-deleted" => Some("The user is deleted. Their tickets are unassigned."),
        "team-added" => Some("The team is added."),
        "team-deleted" => Some("The team is deleted."),
        "field-added" => Some("The field is added."),
        "field-archived" => Some("The field is archived. Its values stay."),
        "field-restored" => Some("The field is in use again."),
        "moved" => Some("The order is saved."),
        "view-added" => Some("The view is added at the end of the list."),
        "view-deleted" => Some("The view is deleted. Its tickets are where they were."),
        "arranged" => Some("The order is saved."),
        "tag-added" => Some("The tag is added."),
        "tag-merged" => Some("The tags are merged. Tickets with the old one get this one within moments."),
        "tag-deleted" => Some("The tag is deleted, and off its tickets."),
        "macro-added" => Some("The macro is added."),
        "macro-archived" => Some("The macro is archived: it is offered no more."),
        "macro-restored" => Some("The macro is offered again."),
        "macro-deleted" => Some("The macro is deleted."),
        "welcome" => Some("Your helpdesk is ready. You are signed in as its owner."),
        _ => None,
    }
}

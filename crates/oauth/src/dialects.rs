//! How the two vendors' apps spell things at the authorization endpoint, where that differs from the RFCs.
//!
//! Nothing here weakens a check (SC-10): a vendor's habit becomes one more exact string to compare with, never a pattern.

use scope::Dialect;
use scope::set::ScopeSet;

use crate::redirect_uri::RedirectUri;

/// The authorization endpoint, and Zendesk's name for it. Both serve every client.
pub const AUTHORIZE_PATHS: [&str; 2] = ["/oauth/authorize", "/oauth/authorizations/new"];

/// Stands for the account in an address that a Gorgias app registers (Gorgias contract, `oauth.client.registered_data`).
const ACCOUNT_PLACEHOLDER: &str = "{gorgias_account}";

/// The address with the account's name in place of the placeholder, once, when the app is registered (RU-11).
pub fn expand_account(dialect: Dialect, uri: &str, account: &str) -> String {
    match dialect {
        Dialect::Gorgias => uri.replace(ACCOUNT_PLACEHOLDER, account),
        Dialect::Standard | Dialect::Zendesk => uri.to_owned(),
    }
}

/// The exact addresses a registered one stands for: itself, and for Gorgias' apps itself with `account=NAME` added (RU-11).
///
/// Quirk: Gorgias sends the browser to the app with `?account=`, and apps hand the query on in `redirect_uri`.
pub fn spellings(dialect: Dialect, registered: &RedirectUri, account: &str) -> Vec<RedirectUri> {
    let mut all = vec![registered.clone()];
    if dialect == Dialect::Gorgias {
        let joint = if registered.as_str().contains('?') { '&' } else { '?' };
        // A name that would need escaping gives no second spelling.
        if let Ok(with_account) = RedirectUri::check(&format!("{registered}{joint}account={account}")) {
            all.push(with_account);
        }
    }
    all
}

/// What a request without `scope` asks for when nobody set it.
///
/// Quirk: Zendesk treats it as `read write` (Zendesk contract, `oauth.omitted_scope`); here never beyond the ceiling.
pub fn usual_scopes(dialect: Dialect, allowed: &ScopeSet) -> ScopeSet {
    match dialect {
        Dialect::Zendesk => {
            let usual = ScopeSet::parse("read write").unwrap_or_default();
            usual.without(&usual.beyond(allowed, dialect))
        }
        Dialect::Standard | Dialect::Gorgias => ScopeSet::default(),
    }
}

/// The `error_description` of a denial, which Zendesk's apps may know by heart (Zendesk contract, `oauth.denied`).
pub fn denial(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Zendesk => "The end-user or authorization server denied the request",
        Dialect::Standard | Dialect::Gorgias => "The person did not allow it.",
    }
}

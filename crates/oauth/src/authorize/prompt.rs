//! What a person must do before a code: sign in (again), choose an account, consent, or nothing (section 8, AZ-12 to AZ-17).

use jiff::Timestamp;
use scope::set::ScopeSet;
use serde::{Deserialize, Serialize};

use super::request::Request;
use crate::clients::Client;
use crate::consents::Allowed;
use crate::form::Params;
use crate::redirect_uri::{Destination, RedirectUri};
use crate::sessions::Session;
use crate::{Code, Error};

/// The `prompt` parameter. Unknown values are ignored (AZ-15).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prompt {
    pub none: bool,
    pub login: bool,
    pub consent: bool,
    pub select_account: bool,
    /// Sign up first, where people may (AZ-16).
    #[serde(default)]
    pub create: bool,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    SignIn,
    SignUp,
    /// Show more than the sign-in did: a second factor, or a passkey (LS-8, AZ-19).
    SecondFactor,
    Choose,
    /// Nothing: an administrator must let the app in first (CM-7).
    Wait,
    /// Nothing: an administrator refused the app.
    Refused,
    /// Ask for these words.
    Consent {
        offered: ScopeSet,
    },
    /// Nothing is left to ask: a code for these words. No grant yet when an administrator spared people the question.
    Code {
        scope: ScopeSet,
        grant_id: Option<i64>,
    },
}

/// `none` stands alone (AZ-13).
pub(crate) fn read(params: &Params) -> Result<Prompt, Error> {
    let mut prompt = Prompt::default();
    let mut n_values = 0;
    for value in params.get("prompt").unwrap_or_default().split_whitespace() {
        n_values += 1;
        match value {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            "create" => prompt.create = true,
            _ => {}
        }
    }
    match prompt.none && n_values > 1 {
        true => Err(Error::invalid_request("prompt=none cannot be combined with another value.")),
        false => Ok(prompt),
    }
}

/// Whether the request can do with the session the browser has. `Ok(None)`: yes; an error is for the app.
pub(crate) fn before_consent(
    request: &Request,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Option<Step>, Error> {
    let Some(session) = session else {
        return match request.prompt.none {
            true => Err(Error::of(Code::LoginRequired, "Nobody is signed in.")),
            false if request.prompt.create => Ok(Some(Step::SignUp)),
            false => Ok(Some(Step::SignIn)),
        };
    };
    // A session that began after the request was made meets every demand for a fresh sign-in, `max_age=0` too.
    let is_fresh = request.session_id != Some(session.id);
    if request.prompt.create && !is_fresh {
        return Ok(Some(Step::SignUp));
    }
    let age_seconds = now.duration_since(session.auth_time).as_secs();
    let is_too_old = request.max_age_seconds.is_some_and(|most| age_seconds > most || most == 0);
    let is_other = request.hinted_person_id.is_some_and(|hinted| hinted != session.person_id);
    if is_other || (!is_fresh && (request.prompt.login || is_too_old)) {
        return match request.prompt.none {
            true => Err(Error::of(Code::LoginRequired, "The person must sign in again.")),
            false => Ok(Some(Step::SignIn)),
        };
    }
    if session.owes_second_factor {
        return match request.prompt.none {
            true => Err(Error::of(Code::InteractionRequired, "The person must show a second factor first.")),
            false => Ok(Some(Step::SecondFactor)),
        };
    }
    if let Some(demand) = request.demand.as_ref().filter(|demand| !demand.met_by(&session.acr)) {
        let unmet = |text| Err(Error::of(Code::UnmetAuthenticationRequirements, text));
        match (demand.is_reachable() && !request.more_asked, request.prompt.none) {
            (true, false) => return Ok(Some(Step::SecondFactor)),
            (true, true) if demand.is_essential => {
                return Err(Error::of(Code::LoginRequired, "The person must sign in with more than they did."));
            }
            _ if demand.is_essential => return unmet("The person cannot sign in as surely as was asked."),
            _ => {}
        }
    }
    match request.prompt.select_account && !is_fresh && !request.account_chosen {
        true => Ok(Some(Step::Choose)),
        false => Ok(None),
    }
}

/// Whether the person must be asked, once it is known who they are (CO-6, CO-7, CO-10, CO-12).
pub(crate) fn consent(
    request: &Request,
    client: &Client,
    session: &Session,
    allowed: Option<&Allowed>,
) -> Result<Step, Error> {
    let allowed = allowed.filter(|allowed| allowed.is_of(client));
    let asked = ScopeSet::parse(&request.scope).unwrap_or_default();
    let offered = asked.without(&asked.above(session.role, client.dialect));
    let offered = without_declined(request, client, offered, allowed);
    if offered.is_empty() {
        return Err(Error::of(Code::InvalidScope, "The role of this person allows nothing of what was asked for."));
    }
    let is_covered = allowed.is_some_and(|allowed| offered.covered_by(&allowed.scope, client.dialect));
    let known = known(client, allowed);
    // CO-10: who registered itself is never spared, whatever its record says.
    let spared = match client.first_party && !client.is_self_registered() {
        true => true,
        false => offered.covered_by(&known, client.dialect) && is_proven(client, &request.redirect_uri),
    };
    if !spared || request.prompt.consent {
        return match request.prompt.none {
            true => Err(Error::of(Code::ConsentRequired, "The person has not allowed this yet.")),
            false => Ok(Step::Consent { offered }),
        };
    }
    let grant_id = allowed.filter(|_| is_covered).map(|allowed| allowed.grant_id);
    Ok(Step::Code { scope: carried(request, &offered, allowed), grant_id })
}

/// What need not be asked: what the person allowed, and what an administrator allowed for everybody. Nobody speaks for others to an app
/// that registered itself (CO-10, CO-11).
pub(crate) fn known(client: &Client, allowed: Option<&Allowed>) -> ScopeSet {
    let own = allowed.map(|allowed| allowed.scope.clone()).unwrap_or_default();
    match client.is_self_registered() {
        true => own,
        false => own.union(&client.account_scopes),
    }
}

/// Whoever unticked a word is not asked for it at each sign-in; an app that asks for nothing else, or for consent anew, asks again (CO-8).
fn without_declined(request: &Request, client: &Client, offered: ScopeSet, allowed: Option<&Allowed>) -> ScopeSet {
    let Some(allowed) = allowed.filter(|_| !request.prompt.consent) else { return offered };
    let wanted = offered.without(&allowed.declined.intersection(&client.optional_scopes));
    if wanted.is_empty() { offered } else { wanted }
}

/// What the code carries: what was asked for, or on request all that was ever allowed (CO-7).
pub(crate) fn carried(request: &Request, offered: &ScopeSet, allowed: Option<&Allowed>) -> ScopeSet {
    match allowed {
        Some(allowed) if request.include_granted_scopes => offered.union(&allowed.scope),
        _ => offered.clone(),
    }
}

/// Whether nobody else could stand behind this client: it has a secret, or a host of its own (CO-6; RFC 8252, section 8.6).
fn is_proven(client: &Client, redirect_uri: &str) -> bool {
    !client.is_public() || matches!(RedirectUri::stored(redirect_uri.to_owned()).destination(), Destination::Host(_))
}

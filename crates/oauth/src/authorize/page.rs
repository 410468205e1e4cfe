//! What the consent page says (CO-1, CO-2), worked out from the request, the client and what was allowed before.

use scope::identity::Identity;
use scope::permission::Permissions;
use scope::set::ScopeSet;
use scope::{Dialect, words};

use super::pending::Pending;
use super::{ConsentPage, ScopeGroup, ScopeLine, Standing, prompt};
use crate::clients::Client;
use crate::clients::details::misleads;
use crate::clients::documents;
use crate::consents::Allowed;
use crate::policy::RefreshTokenRule;
use crate::redirect_uri::{Destination, RedirectUri};
use crate::sessions::Session;

/// Longest word of an app that is shown, in characters.
const SHOWN_MAX_CHARS: usize = 100;

pub(crate) fn consent(
    handle: &str,
    pending: &Pending,
    session: &Session,
    offered: &ScopeSet,
    allowed: Option<&Allowed>,
) -> ConsentPage {
    let Pending { client, request } = pending;
    let locales = request.ui_locales.as_deref().unwrap_or_default();
    // CO-13: whoever allowed what the app was before is asked about everything again.
    let allowed = allowed.filter(|allowed| allowed.is_of(client));
    let known = prompt::known(client, allowed);
    let new = offered.beyond(&known, client.dialect);
    let incremental = !known.is_empty() && !new.is_empty();
    let shown = shown(client, offered, allowed);
    let declined = allowed.map(|allowed| allowed.declined.clone()).unwrap_or_default();
    let groups = groups(&shown, &new, &declined, client, session.role.ceiling().without(session.denied));
    ConsentPage {
        request: handle.to_owned(),
        client_name: plain(client.name_in(locales)),
        publisher: client.publisher.as_deref().map(plain),
        client_uri: client.client_uri.clone(),
        policy_uri: client.policy_uri_in(locales).map(str::to_owned),
        tos_uri: client.tos_uri_in(locales).map(str::to_owned),
        client_host: client.client_uri.as_deref().and_then(host),
        logo: None,
        client_id_host: host(&client.client_id),
        is_any_program: client.registered_by == documents::REGISTERED_BY
            && client.redirect_uris.iter().all(|uri| uri.destination() == Destination::ThisComputer),
        destination: RedirectUri::stored(request.redirect_uri.clone()).destination().to_string(),
        standing: match client.verified {
            _ if client.is_self_registered() => Standing::SelfRegistered,
            true => Standing::Verified,
            false => Standing::Unverified,
        },
        may_allow_for_everybody: session.role.is_admin() && !client.is_self_registered(),
        person_email: session.email.clone(),
        person_name: session.name.clone(),
        offline: offered.has_identity(Identity::Offline)
            || client.policy.refresh_token_rule() == RefreshTokenRule::Always,
        writes: groups.iter().flat_map(|group| &group.lines).any(|line| line.write),
        groups,
        incremental,
    }
}

/// The words on the page. Who allowed something before is asked about what is new alone; when nothing is, about everything again (CO-7).
pub(crate) fn shown(client: &Client, offered: &ScopeSet, allowed: Option<&Allowed>) -> ScopeSet {
    let allowed = allowed.filter(|allowed| allowed.is_of(client));
    let known = prompt::known(client, allowed);
    let new = offered.beyond(&known, client.dialect);
    match !known.is_empty() && !new.is_empty() {
        true => with_offline(&new, offered),
        false => offered.clone(),
    }
}

/// Lasting access is always listed, new or not (contract section 27, line 13).
fn with_offline(new: &ScopeSet, offered: &ScopeSet) -> ScopeSet {
    let lasting: Vec<&str> = offered
        .words()
        .filter(|word| {
            words::find(Dialect::Standard, word).is_some_and(|word| word.identity == Some(Identity::Offline))
        })
        .collect();
    new.union(&ScopeSet::parse(&lasting.join(" ")).unwrap_or_default())
}

/// In the order of the vocabulary; words it does not list come last.
fn groups(
    shown: &ScopeSet,
    new: &ScopeSet,
    declined: &ScopeSet,
    client: &Client,
    role: Permissions,
) -> Vec<ScopeGroup> {
    let dialect = client.dialect;
    let place =
        |word: &str| words::vocabulary(dialect).iter().position(|known| known.word == word).unwrap_or(usize::MAX);
    let mut in_order: Vec<&str> = shown.words().collect();
    in_order.sort_by_key(|word| place(word));
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for word in in_order {
        let known = words::find(dialect, word);
        let line = ScopeLine {
            word: word.to_owned(),
            sentence: match known {
                Some(known) => known.sentence.to_owned(),
                None => "A permission that does not exist here and opens nothing".to_owned(),
            },
            new: new.contains(word),
            optional: client.optional_scopes.contains(word),
            ticked: !declined.contains(word),
            permissions: known.map_or(Permissions::NONE, |known| known.permissions.intersection(role)),
            write: known.is_some_and(words::Word::is_write),
            deprecated: known.is_some_and(|known| known.deprecated),
        };
        let heading = known.map_or("Other", |known| known.group);
        match groups.iter_mut().find(|group| group.heading == heading) {
            Some(group) => group.lines.push(line),
            None => groups.push(ScopeGroup { heading: heading.to_owned(), lines: vec![line] }),
        }
    }
    groups
}

/// An app's own words, bounded and without what makes text read otherwise than it stands. Checked when it was registered; a client
/// that came in another way is not trusted to have been.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !misleads(*c)).take(SHOWN_MAX_CHARS).collect()
}

fn host(uri: &str) -> Option<String> {
    url::Url::parse(uri).ok()?.host_str().map(str::to_owned)
}

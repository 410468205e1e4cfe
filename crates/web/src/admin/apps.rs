//! `/admin/apps`: the registered apps.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use jiff::{SignedDuration, Timestamp};
use oauth::clients::{self, After, Shown, Status, usage};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use store::StoreError;

use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::scopes::name_of;
use crate::visitor::{Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// One page of the list. Who has more searches.
const LIMIT: usize = 100;

#[derive(Template)]
#[template(path = "admin/apps.html")]
pub struct List {
    pub frame: Frame,
    pub apps: Vec<AppRow>,
    pub search: String,
    pub filters: Vec<Filter>,
    /// The query of the next page, if there is one.
    pub next: Option<String>,
}

/// One way to look at the list.
pub struct Filter {
    pub value: &'static str,
    pub label: &'static str,
    pub is_chosen: bool,
}

pub struct AppRow {
    pub id: i64,
    pub name: String,
    pub publisher: Option<String>,
    pub dialect: &'static str,
    pub kind: &'static str,
    pub is_active: bool,
    pub is_self_registered: bool,
    pub is_verified: bool,
    /// People who allow it now.
    pub n_grants: i64,
    pub last_used: When,
}

/// `GET /admin/apps`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let search = text::shown(query.value("search"), 100);
    let limit = i64::try_from(LIMIT + 1).unwrap_or(i64::MAX);
    let show = query.value("show");
    let after = query.filled("after").and_then(|it| it.parse().ok()).zip(query.filled("after_name"));
    let after = after.map(|(id, name)| After { id, name: name.to_owned() });
    let wanted = Wanted { shown: shown(show, app.clock.now()), search: &search, after: after.as_ref(), limit };
    let (account, mut apps, place) = match rows(&app, &may, wanted).await {
        Ok(read) => read,
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Apps, "Apps") else { return see_other("/login") };
    frame.done = done(&query);
    let has_more = LIMIT < apps.len();
    apps.truncate(LIMIT);
    let next = place.filter(|_| has_more).map(|place| {
        let mut next = form_urlencoded::Serializer::new(String::new());
        next.append_pair("search", &search).append_pair("show", show);
        next.append_pair("after", &place.id.to_string()).append_pair("after_name", &place.name).finish()
    });
    page(StatusCode::OK, &List { frame, apps, search, filters: filters(show), next })
}

/// The words of the filter, and what they let through.
fn shown(word: &str, now: Timestamp) -> Shown {
    match word {
        "active" => Shown { status: Some(Status::Active), ..Shown::default() },
        "suspended" => Shown { status: Some(Status::Disabled), ..Shown::default() },
        "self-registered" => Shown { self_registered: true, ..Shown::default() },
        "unused" => {
            Shown { unused_since: now.checked_sub(SignedDuration::from_hours(30 * 24)).ok(), ..Shown::default() }
        }
        _ => Shown::default(),
    }
}

pub fn filters(chosen: &str) -> Vec<Filter> {
    let all = [
        ("", "All"),
        ("active", "Active"),
        ("suspended", "Suspended"),
        ("self-registered", "Registered themselves"),
        ("unused", "Unused for 30 days"),
    ];
    all.into_iter().map(|(value, label)| Filter { value, label, is_chosen: value == chosen }).collect()
}

/// Which rows to read.
pub struct Wanted<'a> {
    pub shown: Shown,
    pub search: &'a str,
    pub after: Option<&'a After>,
    pub limit: i64,
}

/// The account's name and its apps, by name.
pub async fn rows(
    app: &App,
    may: &CanRead<Apps>,
    wanted: Wanted<'_>,
) -> Result<(String, Vec<AppRow>, Option<After>), StoreError> {
    let account = account::name(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let mut rows = Vec::new();
    let Wanted { shown, search, after, limit } = wanted;
    let found = clients::list_shown(&mut tx, may, shown, Some(search), after, limit).await?;
    let ids: Vec<i64> = found.iter().map(|client| client.id).collect();
    let mut usages = usage::of_each(&mut tx, may, &ids).await?;
    // One more than a page was read, to know whether there are more.
    let place = found.iter().take(LIMIT).next_back().map(|last| After { id: last.id, name: last.name.clone() });
    for client in found {
        let usage = usages.remove(&client.id).unwrap_or_default();
        rows.push(AppRow {
            id: client.id,
            name: text::shown(&client.name, 80),
            publisher: client.publisher.as_deref().map(|it| text::shown(it, 80)),
            dialect: name_of(client.dialect),
            kind: kind_of(client.is_public()),
            is_active: client.is_active(),
            is_self_registered: client.is_self_registered(),
            is_verified: client.verified,
            n_grants: usage.n_people,
            last_used: When::or_never(usage.last_used_at, now),
        });
    }
    Ok((account, rows, place))
}

impl List {
    fn is_filtered(&self) -> bool {
        self.filters.iter().any(|filter| filter.is_chosen && !filter.value.is_empty())
    }
}

pub fn kind_of(is_public: bool) -> &'static str {
    if is_public { "Public" } else { "Confidential" }
}

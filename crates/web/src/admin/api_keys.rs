//! `/admin/api-keys`: the keys of both vendors' Basic authentication, what each may do, and the switch that ends them all.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::api_key_switch::{self, ApiKeySwitch};
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::api_keys::{self, ListedKey};
use jiff::Timestamp;
use oauth::provider_settings;
use scope::Dialect;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Security};
use scope::set::ScopeSet;
use store::transact;

use crate::form::Form;
use crate::pages::{Frame, PersonLine, done, page, see_other};
use crate::rooms::Section;
use crate::scopes::{Chip, Vocabulary, chips, vocabulary};
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Keys on one page.
const LIMIT: usize = 100;
const NAME_MAX_CHARS: usize = 100;

#[derive(Template)]
#[template(path = "admin/api_keys.html")]
pub struct ApiKeys {
    pub frame: Frame,
    pub form: Form,
    pub keys: Vec<KeyRow>,
    /// Id to go on below.
    pub before: Option<i64>,
    pub is_off: bool,
    /// Just made; never shown again.
    pub new_key: Option<NewKey>,
    pub vocabulary: Vocabulary,
}

pub struct KeyRow {
    pub id: i64,
    pub name: String,
    pub hint: String,
    pub person: String,
    pub email: String,
    pub created: When,
    pub last_used: When,
    /// None: everything its person may do.
    pub words: Option<Vec<Chip>>,
}

pub struct NewKey {
    pub email: String,
    pub value: String,
}

/// `GET /admin/api-keys`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Security>>,
    _admin: BySession<CanWrite<Security>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let before = query.filled("before").and_then(|text| text.parse().ok());
    let email = visitor.session.as_ref().map(|session| session.email.clone()).unwrap_or_default();
    let form = Form::new(vec![("email".to_owned(), email)]);
    match ApiKeys::read(&app, &may, &visitor, form, before).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/api-keys`. Answers with the page itself: the key is nowhere but in this answer.
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Security>>,
    BySession(may_read): BySession<CanRead<Security>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let made = make(&app, &may, &mut form).await;
    let (new_key, status) = match made {
        Ok(Some(new_key)) => (Some(new_key), StatusCode::OK),
        Ok(None) => (None, StatusCode::UNPROCESSABLE_ENTITY),
        Err(error) => return errors::helpdesk(&error),
    };
    if new_key.is_some() {
        form = Form::new(vec![("email".to_owned(), form.value("email").to_owned())]);
    }
    match ApiKeys::read(&app, &may_read, &visitor, form, None).await {
        Ok(Some(found)) => page(status, &ApiKeys { new_key, ..found }),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// None if the form must be mended first.
async fn make(app: &App, may: &CanWrite<Security>, form: &mut Form) -> Result<Option<NewKey>, Error> {
    let (name, email) = (form.value("name").trim().to_owned(), form.value("email").trim().to_owned());
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS {
        form.refuse("name", format!("Say in at most {NAME_MAX_CHARS} characters what the key is for."));
    }
    let words = ScopeSet::parse(&form.all("scope").join(" ")).unwrap_or_default();
    if form.value("reach") == "some" && words.is_empty() {
        form.refuse("scope", "Choose at least one scope, or let the key do everything that its person may do.");
    }
    if let Some(unknown) = words.unknown(Dialect::Standard).first() {
        form.refuse("scope", format!("{} is not a scope.", text::shown(unknown, 60)));
    }
    if !form.problems.is_empty() {
        return Ok(None);
    }
    let words = (form.value("reach") == "some").then_some(words);
    let now = app.clock.now();
    let made = transact!(app.db, |tx| {
        let person_id = api_keys::find_staff(tx, may, &email).await?;
        let (key, value) = api_keys::create(tx, may.actor(), now, &app.random, person_id, &name).await?;
        if words.is_some() {
            api_keys::limit(tx, may, now, key.id, words.as_ref()).await?;
        }
        Ok::<_, Error>(value)
    });
    match made {
        Ok(value) => Ok(Some(NewKey { email, value })),
        Err(Error::Invalid { problem, .. }) => {
            form.refuse("email", problem);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// `POST /admin/api-keys/{id}/revoke`
pub async fn revoke(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Security>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| api_keys::revoke_any(tx, &may, now, id).await) {
        Ok(()) => see_other("/admin/api-keys?done=api-key-revoked"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/api-keys/switch`
pub async fn switch(
    State(app): State<App>,
    _security: BySession<CanWrite<Security>>,
    BySession(may): BySession<CanWrite<Apps>>,
    posted: Posted,
) -> Response {
    let off = match posted.form.value("keys") {
        "off" => true,
        "on" => false,
        _ => return see_other("/admin/api-keys"),
    };
    match app.provider.put_setting(&may, api_key_switch::NAME, &ApiKeySwitch { off }).await {
        Ok(()) if off => see_other("/admin/api-keys?done=keys-off"),
        Ok(()) => see_other("/admin/api-keys?done=keys-on"),
        Err(error) => errors::helpdesk(&error),
    }
}

impl ApiKeys {
    /// None if the visitor is not signed in.
    async fn read(
        app: &App,
        may: &CanRead<Security>,
        visitor: &Visitor,
        form: Form,
        before: Option<i64>,
    ) -> Result<Option<ApiKeys>, Error> {
        let account = account::name(app).await?;
        let now = app.clock.now();
        let mut tx = app.db.read().await?;
        let switch: ApiKeySwitch = provider_settings::read(&mut tx, api_key_switch::NAME).await?;
        let limit = i64::try_from(LIMIT + 1).unwrap_or(i64::MAX);
        let mut keys = api_keys::list_all(&mut tx, may, before, limit).await?;
        let has_more = LIMIT < keys.len();
        keys.truncate(LIMIT);
        let Some(frame) = visitor.frame(account, Section::ApiKeys, "API keys") else { return Ok(None) };
        let before = keys.last().filter(|_| has_more).map(|last| last.key.id);
        Ok(Some(ApiKeys::new(frame, form, keys, before, switch.off, now)))
    }

    pub fn new(
        frame: Frame,
        form: Form,
        keys: Vec<ListedKey>,
        before: Option<i64>,
        is_off: bool,
        now: Timestamp,
    ) -> ApiKeys {
        let chosen = ScopeSet::parse(&form.all("scope").join(" ")).unwrap_or_default();
        let mut vocabulary = vocabulary(Dialect::Standard, &chosen);
        // A key is no sign-in: words about the person mean nothing to it.
        for group in &mut vocabulary.groups {
            group.scopes.retain(|scope| matches!(scope.kind, crate::scopes::Kind::Read | crate::scopes::Kind::Write));
        }
        vocabulary.groups.retain(|group| !group.scopes.is_empty());
        ApiKeys {
            frame,
            form,
            keys: keys.into_iter().map(|key| key_row(key, now)).collect(),
            before,
            is_off,
            new_key: None,
            vocabulary,
        }
    }
}

fn key_row(listed: ListedKey, now: Timestamp) -> KeyRow {
    let ListedKey { key, person_name, person_email } = listed;
    let person = PersonLine::new(&person_name, &person_email);
    KeyRow {
        id: key.id,
        name: text::shown(&key.name, 80),
        hint: key.hint,
        person: person.name,
        email: person.email,
        created: When::at(key.created_at, now),
        last_used: When::or_never(key.last_used_at, now),
        words: key.allowed_scopes.map(|words| chips(Dialect::Standard, &words)),
    }
}

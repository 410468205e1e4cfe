//! `/admin/macros/new` and `/admin/macros/{id}`: one macro, with what a ticket would make of it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::macros::write::{self, Changes, NewMacro};
use helpdesk::macros::{self, INTENTS, Macro};
use helpdesk::page::Slice;
use helpdesk::templates::{self, Facts};
use helpdesk::{Error, teams, users};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Macros, Teams, Tickets, Users};
use store::transact;

use super::audit::Choice;
use super::macro_edit::{self, Other, PRIORITIES, STATUSES};
use crate::form::Form;
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// Staff to choose from.
const STAFF: usize = 200;

#[derive(Template)]
#[template(path = "admin/macro_form.html")]
pub struct MacroForm {
    pub frame: Frame,
    pub form: Form,
    /// The macro that is changed; none for a new one.
    pub shown: Option<Shown>,
    pub intents: Vec<Choice>,
    pub statuses: Vec<Choice>,
    pub priorities: Vec<Choice>,
    pub staff: Vec<Choice>,
    pub teams: Vec<Choice>,
    pub others: Vec<Other>,
    pub preview: Option<Preview>,
}

pub struct Shown {
    pub id: i64,
    pub usage: i64,
    pub is_archived: bool,
}

/// What the reply would be on a ticket.
pub struct Preview {
    pub ticket: String,
    /// None if there is no such ticket.
    pub texts: Option<Vec<(&'static str, String)>>,
}

/// Who may see what the page shows besides the macro.
pub struct Around<'a> {
    pub users: &'a CanRead<Users>,
    pub teams: &'a CanRead<Teams>,
}

/// `GET /admin/macros/new`
pub async fn new(
    State(app): State<App>,
    _admin: BySession<CanWrite<Macros>>,
    BySession(users): BySession<CanRead<Users>>,
    BySession(teams): BySession<CanRead<Teams>>,
    visitor: Visitor,
) -> Response {
    let around = Around { users: &users, teams: &teams };
    answer(&app, &around, &visitor, StatusCode::OK, Page::of(Form::default(), None)).await
}

/// `POST /admin/macros`
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Macros>>,
    BySession(users): BySession<CanRead<Users>>,
    BySession(teams): BySession<CanRead<Teams>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let (name, language, intent) = macro_edit::about(&mut form);
    let actions = macro_edit::actions(&mut form, &[]);
    if form.problems.is_empty() {
        let new = NewMacro { name, language, intent, actions, ..NewMacro::default() };
        let now = app.clock.now();
        match transact!(app.db, |tx| write::create(tx, &may, now, new.clone()).await) {
            Ok(_) => return see_other("/admin/macros?done=macro-added"),
            Err(Error::Invalid { problem, .. }) => form.refuse("name", text::sentence(&problem)),
            Err(error) => return errors::helpdesk(&error),
        }
    }
    let around = Around { users: &users, teams: &teams };
    answer(&app, &around, &visitor, StatusCode::UNPROCESSABLE_ENTITY, Page::of(form, None)).await
}

/// `GET /admin/macros/{id}`; `?ticket=` shows what it would be there.
#[expect(clippy::too_many_arguments, reason = "each permission that the page needs is an argument")]
pub async fn edit(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Macros>>,
    _admin: BySession<CanWrite<Macros>>,
    BySession(users): BySession<CanRead<Users>>,
    BySession(teams): BySession<CanRead<Teams>>,
    BySession(tickets): BySession<CanRead<Tickets>>,
    Path(id): Path<i64>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let found = async {
        let mut tx = app.db.read().await?;
        let it = macros::find(&mut tx, &may, id).await?;
        let preview = match query.filled("ticket") {
            Some(ticket) => Some(preview(&mut tx, &tickets, &visitor, &it, ticket).await?),
            None => None,
        };
        Ok::<_, Error>((it, preview))
    };
    let (it, preview) = match found.await {
        Ok(found) => found,
        Err(error) => return errors::helpdesk(&error),
    };
    let around = Around { users: &users, teams: &teams };
    let wanted = Page { preview, done: done(&query), ..Page::of(macro_edit::filled(&it), Some(&it)) };
    answer(&app, &around, &visitor, StatusCode::OK, wanted).await
}

/// `POST /admin/macros/{id}`
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Macros>>,
    BySession(may_read): BySession<CanRead<Macros>>,
    BySession(users): BySession<CanRead<Users>>,
    BySession(teams): BySession<CanRead<Teams>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let it = {
        let found = async {
            let mut tx = app.db.read().await?;
            macros::find(&mut tx, &may_read, id).await
        };
        match found.await {
            Ok(it) => it,
            Err(error) => return errors::helpdesk(&error),
        }
    };
    let (name, language, intent) = macro_edit::about(&mut form);
    let actions = macro_edit::actions(&mut form, &it.actions);
    if form.problems.is_empty() {
        let changes = Changes {
            name: Some(name),
            language: Some(language),
            intent: Some(intent),
            // Unchanged ones stay in the words that they came in.
            actions: (actions != it.actions).then_some((None, actions)),
            ..Changes::default()
        };
        let now = app.clock.now();
        match transact!(app.db, |tx| write::update(tx, &may, now, id, changes.clone()).await) {
            Ok(()) => return see_other(&format!("/admin/macros/{id}?done=saved")),
            Err(Error::Invalid { problem, .. }) => form.refuse("name", text::sentence(&problem)),
            Err(error) => return errors::helpdesk(&error),
        }
    }
    let around = Around { users: &users, teams: &teams };
    answer(&app, &around, &visitor, StatusCode::UNPROCESSABLE_ENTITY, Page::of(form, Some(&it))).await
}

async fn preview(
    tx: &mut store::Tx,
    may: &CanRead<Tickets>,
    visitor: &Visitor,
    it: &Macro,
    ticket: &str,
) -> Result<Preview, Error> {
    let shown = text::shown(ticket, 20);
    let Ok(id) = ticket.trim().parse() else { return Ok(Preview { ticket: shown, texts: None }) };
    let texts = it.texts();
    let person_id = visitor.session.as_ref().map(|session| session.person_id);
    let bodies: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
    let facts = Facts::preview(tx, may, id, person_id, bodies).await;
    let texts = match facts {
        Ok(facts) => Some(texts.into_iter().map(|(label, text)| (label, templates::text(text, &facts))).collect()),
        Err(Error::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Preview { ticket: shown, texts })
}

/// What of the page differs from one answer to the other.
struct Page<'a> {
    form: Form,
    it: Option<&'a Macro>,
    preview: Option<Preview>,
    done: Option<&'static str>,
}

impl<'a> Page<'a> {
    fn of(form: Form, it: Option<&'a Macro>) -> Page<'a> {
        Page { form, it, preview: None, done: None }
    }
}

async fn answer(app: &App, around: &Around<'_>, visitor: &Visitor, status: StatusCode, wanted: Page<'_>) -> Response {
    let found = async {
        let account = account::name(app).await?;
        let mut tx = app.db.read().await?;
        let slice = Slice { limit: STAFF, from: None };
        let filter = users::Filter::default();
        let staff = users::list(&mut tx, around.users, &filter, users::Sort::Name, false, &slice).await?;
        let staff =
            staff.items.into_iter().map(|user| (user.id, if user.name.is_empty() { user.email } else { user.name }));
        let staff: Vec<(i64, String)> = staff.collect();
        let teams = teams::list(&mut tx, around.teams, teams::Sort::Name, false, &slice).await?.items;
        let teams: Vec<(i64, String)> = teams.into_iter().map(|it| (it.team.id, it.team.name)).collect();
        Ok::<_, Error>((account, staff, teams))
    };
    let (account, staff, teams) = match found.await {
        Ok(found) => found,
        Err(error) => return errors::helpdesk(&error),
    };
    let title = wanted.it.map_or_else(|| "Add a macro".to_owned(), |it| text::shown(&it.name, 80));
    let Some(mut frame) = visitor.frame(account, Section::Macros, &title) else { return see_other("/login") };
    frame.crumbs = vec![Crumb { href: "/admin/macros".to_owned(), label: "Macros".to_owned() }];
    frame.done = wanted.done;
    page(status, &MacroForm::new(frame, wanted.form, wanted.it, &staff, &teams, wanted.preview))
}

impl MacroForm {
    pub fn new(
        frame: Frame,
        form: Form,
        it: Option<&Macro>,
        staff: &[(i64, String)],
        teams: &[(i64, String)],
        preview: Option<Preview>,
    ) -> MacroForm {
        let words = |field: &str, words: &[(&str, &str)]| -> Vec<Choice> {
            let chosen = form.value(field);
            let choice = |(value, label): &(&str, &str)| Choice {
                value: (*value).to_owned(),
                label: (*label).to_owned(),
                is_chosen: *value == chosen,
            };
            words.iter().map(choice).collect()
        };
        let rows = |field: &str, rows: &[(i64, String)]| -> Vec<Choice> {
            let chosen = form.value(field);
            let choice = |(id, name): &(i64, String)| Choice {
                value: id.to_string(),
                label: text::shown(name, 60),
                is_chosen: id.to_string() == chosen,
            };
            rows.iter().map(choice).collect()
        };
        let intents: Vec<(&str, &str)> = INTENTS.iter().map(|intent| (*intent, *intent)).collect();
        MacroForm {
            intents: words("intent", &intents),
            statuses: words("status", STATUSES),
            priorities: words("priority", PRIORITIES),
            staff: rows("assign", staff),
            teams: rows("team", teams),
            others: it.map(|it| macro_edit::others(&it.actions, &form)).unwrap_or_default(),
            shown: it.map(|it| Shown { id: it.id, usage: it.usage, is_archived: it.archived_at.is_some() }),
            frame,
            form,
            preview,
        }
    }

    fn is(&self, field: &str, value: &str) -> bool {
        self.form.value(field) == value
    }
}

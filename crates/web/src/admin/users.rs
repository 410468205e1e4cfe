//! `/admin/users`: the staff by name, with their roles and teams; inviting, changing, deactivating and deleting them.
//! How they sign in is the room `people.rs`.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::page::{Direction, Key, Position, Slice};
use helpdesk::users::{self, Changes, Filter, NewUser, Sort, User};
use helpdesk::{Error, teams};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Teams, Users};
use scope::role::Role;
use store::transact;

use crate::form::Form;
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// Rows of one page.
const LIMIT: usize = 50;

#[derive(Template)]
#[template(path = "admin/users.html")]
pub struct List {
    pub frame: Frame,
    pub search: String,
    pub users: Vec<UserRow>,
    /// The query of the next page, if there is one.
    pub next: Option<String>,
}

pub struct UserRow {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub role: &'static str,
    /// Names, joined.
    pub teams: String,
    pub active: bool,
    pub is_away: bool,
    pub is_owner: bool,
}

#[derive(Template)]
#[template(path = "admin/user.html")]
pub struct UserForm {
    pub frame: Frame,
    pub form: Form,
    pub action: String,
    /// Who is changed; none for somebody new.
    pub user: Option<UserRow>,
    pub roles: Vec<RoleChoice>,
    pub has_mail: bool,
}

pub struct RoleChoice {
    pub value: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub is_chosen: bool,
}

/// Roles that can be given, in words.
const ROLES: [(Role, &str, &str); 6] = [
    (Role::Admin, "Administrator", "Everything, people and apps too"),
    (Role::Lead, "Lead", "Everything but people’s roles and apps"),
    (Role::Agent, "Agent", "Tickets, customers and macros; no settings"),
    (Role::Lite, "Lite agent", "Tickets and customers only"),
    (Role::Observer, "Observer", "Reads what an agent reads"),
    (Role::Bot, "Bot", "An app’s own user"),
];

/// `GET /admin/users`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Users>>,
    BySession(may_teams): BySession<CanRead<Teams>>,
    _admin: BySession<CanWrite<Users>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let search = text::shown(query.value("search").trim(), 100);
    match read(&app, &may, &may_teams, &search, place_of(&query)).await {
        Ok((account, users, next)) => {
            let Some(mut frame) = visitor.frame(account, Section::Users, "Users") else { return see_other("/login") };
            frame.done = done(&query);
            page(StatusCode::OK, &List { frame, search, users, next })
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// Behind whom the page starts: name and id of the last of the page before.
fn place_of(query: &Form) -> Option<Position> {
    let id = query.filled("after")?.parse().ok()?;
    let name = query.value("after_name").replace('\0', "");
    Some(Position { keys: vec![Key::Text(name), Key::Int(id)], direction: Direction::After })
}

type Found = (String, Vec<UserRow>, Option<String>);

async fn read(
    app: &App,
    may: &CanRead<Users>,
    may_teams: &CanRead<Teams>,
    search: &str,
    from: Option<Position>,
) -> Result<Found, Error> {
    let account = account::name(app).await?;
    let filter = Filter { search: Some(search.to_owned()).filter(|it| !it.is_empty()), ..Filter::default() };
    let mut tx = app.db.read().await?;
    let found = users::list(&mut tx, may, &filter, Sort::Name, false, &Slice { limit: LIMIT, from }).await?;
    let ids: Vec<i64> = found.items.iter().map(|user| user.id).collect();
    let mut teams = teams::names_by_person(&mut tx, may_teams, &ids).await?;
    let last = found.items.last().filter(|_| found.after.is_some());
    let next = last.map(|last| {
        let mut next = form_urlencoded::Serializer::new(String::new());
        next.append_pair("search", search).append_pair("after", &last.id.to_string());
        next.append_pair("after_name", &last.name).finish()
    });
    let rows = found.items.iter().map(|user| UserRow::new(user, &teams.remove(&user.id).unwrap_or_default()));
    Ok((account, rows.collect(), next))
}

/// `GET /admin/users/new`
pub async fn new(State(app): State<App>, _admin: BySession<CanWrite<Users>>, visitor: Visitor) -> Response {
    let form = Form::new(vec![("role".to_owned(), Role::Agent.word().to_owned())]);
    answer(&app, &visitor, StatusCode::OK, form, None).await
}

/// `POST /admin/users`: adds somebody, and mails the link with which they choose a password.
pub async fn create(State(app): State<App>, BySession(may): BySession<CanWrite<Users>>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let (name, role) = (name_of(&mut form), role_of(&mut form));
    let email = form.value("email").trim().to_owned();
    if email.is_empty() {
        form.refuse("email", "Enter an e-mail address: they sign in with it.");
    }
    let Some(role) = role.filter(|_| form.problems.is_empty()) else {
        return answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, None).await;
    };
    let now = app.clock.now();
    let new = NewUser { role, ..NewUser::named(&name, &email) };
    let made = match transact!(app.db, |tx| users::create(tx, &may, now, &new).await) {
        Ok(made) => made,
        Err(error) => return refused(&app, &visitor, form, None, error).await,
    };
    if !app.provider.mailer.is_configured() {
        return see_other("/admin/users?done=user-added");
    }
    match app.provider.invite(&may, made.id).await {
        Ok(()) => see_other("/admin/users?done=user-invited"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `GET /admin/users/{id}`
pub async fn edit(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Users>>,
    _admin: BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match find(&app, &may, id).await {
        Ok(user) => {
            let values = [("name", user.name.clone()), ("role", user.role.word().to_owned())];
            let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let mut form = Form::new(values);
            form.problems.clear();
            answer_with(&app, &visitor, StatusCode::OK, form, Some(&user), done(&query)).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/users/{id}`: name and role.
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Users>>,
    BySession(may_read): BySession<CanRead<Users>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let user = match find(&app, &may_read, id).await {
        Ok(user) => user,
        Err(error) => return errors::helpdesk(&error),
    };
    let name = name_of(&mut form);
    // The owner's role is not among the choices, and stays.
    let role = if user.role == Role::Owner { None } else { role_of(&mut form) };
    if !form.problems.is_empty() {
        return answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, Some(&user)).await;
    }
    let changes = Changes { name: Some(name), role, ..Changes::default() };
    match change(&app, &may, id, &changes).await {
        Ok(()) => see_other("/admin/users?done=saved"),
        Err(error) => refused(&app, &visitor, form, Some(&user), error).await,
    }
}

/// `POST /admin/users/{id}/state`: `deactivate`, `activate`, `away` or `back`.
pub async fn set_state(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let (changes, done) = match posted.form.value("to") {
        "deactivate" => (Changes { active: Some(false), ..Changes::default() }, "user-deactivated"),
        "activate" => (Changes { active: Some(true), ..Changes::default() }, "user-activated"),
        "away" => (Changes { is_away: Some(true), ..Changes::default() }, "user-away"),
        "back" => (Changes { is_away: Some(false), ..Changes::default() }, "user-back"),
        _ => return see_other("/admin/users"),
    };
    match change(&app, &may, id, &changes).await {
        Ok(()) => see_other(&format!("/admin/users/{id}?done={done}")),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/users/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    let deleted = transact!(app.db, |tx| {
        users::delete(tx, &may, now, id).await?;
        app.provider.end_access_of(tx, id).await?;
        Ok::<_, Error>(())
    });
    app.provider.forget_person(id);
    match deleted {
        Ok(()) => see_other("/admin/users?done=user-deleted"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// Whoever may not sign in any more loses what is open, and a new role counts from the next call on.
async fn change(app: &App, may: &CanWrite<Users>, id: i64, changes: &Changes) -> Result<(), Error> {
    let now = app.clock.now();
    let proof = users::Proof::default();
    transact!(app.db, |tx| {
        let user = users::update(tx, may, now, id, changes, &proof).await?;
        if !user.active {
            app.provider.end_access_of(tx, id).await?;
        }
        Ok::<_, Error>(())
    })?;
    app.provider.forget_person(id);
    Ok(())
}

async fn find(app: &App, may: &CanRead<Users>, id: i64) -> Result<User, Error> {
    let mut tx = app.db.read().await?;
    users::find(&mut tx, may, id).await
}

fn name_of(form: &mut Form) -> String {
    let name = form.value("name").trim().to_owned();
    if name.is_empty() {
        form.refuse("name", "Enter a name.");
    }
    name
}

fn role_of(form: &mut Form) -> Option<Role> {
    let role = Role::parse(form.value("role"));
    if role.is_none() {
        form.refuse("role", "Choose a role.");
    }
    role
}

async fn refused(app: &App, visitor: &Visitor, mut form: Form, user: Option<&User>, error: Error) -> Response {
    match &error {
        Error::Taken { .. } => form.refuse("email", "Somebody has this address already."),
        Error::Invalid { field, problem } => {
            let element = if field == "email" { "email" } else { "role" };
            form.refuse(element, text::sentence(problem));
        }
        _ => return errors::helpdesk(&error),
    }
    answer(app, visitor, StatusCode::UNPROCESSABLE_ENTITY, form, user).await
}

async fn answer(app: &App, visitor: &Visitor, status: StatusCode, form: Form, user: Option<&User>) -> Response {
    answer_with(app, visitor, status, form, user, None).await
}

async fn answer_with(
    app: &App,
    visitor: &Visitor,
    status: StatusCode,
    form: Form,
    user: Option<&User>,
    done: Option<&'static str>,
) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let title = user.map_or("Invite somebody".to_owned(), |user| text::shown(&user.name, 60));
    let Some(mut frame) = visitor.frame(account, Section::Users, &title) else { return see_other("/login") };
    frame.done = done;
    let row = user.map(|user| UserRow::new(user, &[]));
    page(status, &UserForm::new(frame, form, row, app.provider.mailer.is_configured()))
}

impl UserRow {
    pub fn new(user: &User, teams: &[String]) -> UserRow {
        let named = ROLES.iter().find(|(role, ..)| *role == user.role).map(|(_, label, _)| *label);
        UserRow {
            id: user.id,
            name: text::shown(if user.name.is_empty() { &user.email } else { &user.name }, 60),
            email: text::shown(&user.email, 80),
            role: named.unwrap_or(if user.role == Role::Owner { "Owner" } else { "Internal" }),
            teams: text::shown(&teams.join(", "), 120),
            active: user.active,
            is_away: user.is_away,
            is_owner: user.role == Role::Owner,
        }
    }
}

impl UserForm {
    pub fn new(mut frame: Frame, form: Form, user: Option<UserRow>, has_mail: bool) -> UserForm {
        frame.crumbs = vec![Crumb { href: "/admin/users".to_owned(), label: "Users".to_owned() }];
        let roles = ROLES.iter().map(|(role, label, hint)| RoleChoice {
            value: role.word(),
            label,
            hint,
            is_chosen: form.value("role") == role.word(),
        });
        UserForm {
            roles: roles.collect(),
            action: user.as_ref().map_or("/admin/users".to_owned(), |user| format!("/admin/users/{}", user.id)),
            frame,
            form,
            user,
            has_mail,
        }
    }

    fn is_owner(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.is_owner)
    }
}

//! `/admin/teams`: groups of staff that tickets are given to, and the form for one.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::page::{Direction, Key, Position, Slice};
use helpdesk::teams::{self, Changes, NewTeam, Sort, TeamWithMembers};
use helpdesk::users::{self, Filter};
use helpdesk::{Error, people::Person};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Teams, Users};
use store::transact;

use crate::form::Form;
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// Rows of one page.
const LIMIT: usize = 50;
/// Staff to choose members from; accounts with more use the API.
const STAFF: usize = 500;
/// Names shown beside a team.
const NAMES: usize = 6;

#[derive(Template)]
#[template(path = "admin/teams.html")]
pub struct List {
    pub frame: Frame,
    pub teams: Vec<TeamRow>,
    /// The query of the next page, if there is one.
    pub next: Option<String>,
}

pub struct TeamRow {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    pub n_members: usize,
    /// Such as `Ada, Bo and 3 more`.
    pub members: String,
}

#[derive(Template)]
#[template(path = "admin/team.html")]
pub struct TeamForm {
    pub frame: Frame,
    pub form: Form,
    pub action: String,
    /// The team that is changed; none for a new one.
    pub id: Option<i64>,
    pub staff: Vec<MemberChoice>,
}

pub struct MemberChoice {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub is_chosen: bool,
}

/// `GET /admin/teams`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Teams>>,
    _admin: BySession<CanWrite<Teams>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let after = query.filled("after").map(|name| name.replace('\0', ""));
    let from = after.map(|name| Position { keys: vec![Key::Text(name)], direction: Direction::After });
    match read(&app, &may, from).await {
        Ok((account, teams, next)) => {
            let Some(mut frame) = visitor.frame(account, Section::Teams, "Teams") else { return see_other("/login") };
            frame.done = done(&query);
            page(StatusCode::OK, &List { frame, teams, next })
        }
        Err(error) => errors::helpdesk(&error),
    }
}

type Found = (String, Vec<TeamRow>, Option<String>);

async fn read(app: &App, may: &CanRead<Teams>, from: Option<Position>) -> Result<Found, Error> {
    let account = account::name(app).await?;
    let mut tx = app.db.read().await?;
    let found = teams::list(&mut tx, may, Sort::Name, false, &Slice { limit: LIMIT, from }).await?;
    let last = found.items.last().filter(|_| found.after.is_some());
    let next =
        last.map(|last| form_urlencoded::Serializer::new(String::new()).append_pair("after", &last.team.name).finish());
    Ok((account, found.items.iter().map(TeamRow::new).collect(), next))
}

/// `GET /admin/teams/new`
pub async fn new(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Users>>,
    _admin: BySession<CanWrite<Teams>>,
    visitor: Visitor,
) -> Response {
    answer(&app, &may, &visitor, StatusCode::OK, Form::default(), None).await
}

/// `POST /admin/teams`
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Teams>>,
    BySession(may_users): BySession<CanRead<Users>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, form } = posted;
    let new = NewTeam {
        name: form.value("name").trim().to_owned(),
        description: description_of(&form),
        member_ids: members_of(&form),
        ..NewTeam::default()
    };
    let now = app.clock.now();
    match transact!(app.db, |tx| teams::create(tx, &may, now, &new).await) {
        Ok(_) => see_other("/admin/teams?done=team-added"),
        Err(error) => refused(&app, &may_users, &visitor, form, None, error).await,
    }
}

/// `GET /admin/teams/{id}`
pub async fn edit(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Teams>>,
    BySession(may_users): BySession<CanRead<Users>>,
    _admin: BySession<CanWrite<Teams>>,
    Path(id): Path<i64>,
    visitor: Visitor,
) -> Response {
    match find(&app, &may, id).await {
        Ok(team) => answer(&app, &may_users, &visitor, StatusCode::OK, filled(&team), Some(id)).await,
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/teams/{id}`
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Teams>>,
    BySession(may_users): BySession<CanRead<Users>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, form } = posted;
    let changes = Changes {
        name: Some(form.value("name").trim().to_owned()),
        description: Some(description_of(&form)),
        member_ids: Some(members_of(&form)),
        ..Changes::default()
    };
    let now = app.clock.now();
    match transact!(app.db, |tx| teams::update(tx, &may, now, id, &changes).await) {
        Ok(()) => see_other("/admin/teams?done=saved"),
        Err(error) => refused(&app, &may_users, &visitor, form, Some(id), error).await,
    }
}

/// `POST /admin/teams/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Teams>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| teams::delete(tx, &may, now, id).await) {
        Ok(()) => see_other("/admin/teams?done=team-deleted"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn find(app: &App, may: &CanRead<Teams>, id: i64) -> Result<TeamWithMembers, Error> {
    let mut tx = app.db.read().await?;
    teams::find_with_members(&mut tx, may, id).await
}

fn description_of(form: &Form) -> Option<String> {
    Some(form.value("description").trim().to_owned()).filter(|text| !text.is_empty())
}

fn members_of(form: &Form) -> Vec<i64> {
    form.all("member").iter().filter_map(|id| id.parse().ok()).collect()
}

fn filled(team: &TeamWithMembers) -> Form {
    let mut values = vec![
        ("name".to_owned(), team.team.name.clone()),
        ("description".to_owned(), team.team.description.clone().unwrap_or_default()),
    ];
    values.extend(team.members.iter().map(|member| ("member".to_owned(), member.id.to_string())));
    Form::new(values)
}

async fn refused(
    app: &App,
    may: &CanRead<Users>,
    visitor: &Visitor,
    mut form: Form,
    id: Option<i64>,
    error: Error,
) -> Response {
    match &error {
        Error::Taken { .. } => form.refuse("name", "Another team has this name."),
        Error::Invalid { field, .. } if field == "name" => {
            form.refuse("name", "Enter a name of at most 255 characters.")
        }
        Error::Invalid { field, problem } => {
            let element = if field.starts_with("members") { "members" } else { "description" };
            form.refuse(element, text::sentence(problem));
        }
        _ => return errors::helpdesk(&error),
    }
    answer(app, may, visitor, StatusCode::UNPROCESSABLE_ENTITY, form, id).await
}

async fn answer(
    app: &App,
    may: &CanRead<Users>,
    visitor: &Visitor,
    status: StatusCode,
    form: Form,
    id: Option<i64>,
) -> Response {
    let (account, staff) = match staff(app, may, &form).await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let title = if id.is_some() { text::shown(form.value("name"), 60) } else { "Add a team".to_owned() };
    let Some(frame) = visitor.frame(account, Section::Teams, &title) else { return see_other("/login") };
    page(status, &TeamForm::new(frame, form, id, staff))
}

/// The account's name, and everybody who can be a member.
async fn staff(app: &App, may: &CanRead<Users>, form: &Form) -> Result<(String, Vec<MemberChoice>), Error> {
    let account = account::name(app).await?;
    let slice = Slice { limit: STAFF, from: None };
    let mut tx = app.db.read().await?;
    let found = users::list(&mut tx, may, &Filter::default(), users::Sort::Name, false, &slice).await?;
    let chosen = members_of(form);
    let staff = found.items.into_iter().map(|user| MemberChoice {
        id: user.id,
        name: text::shown(if user.name.is_empty() { &user.email } else { &user.name }, 60),
        email: text::shown(&user.email, 80),
        is_chosen: chosen.contains(&user.id),
    });
    Ok((account, staff.collect()))
}

impl TeamRow {
    pub fn new(team: &TeamWithMembers) -> TeamRow {
        let name = |person: &Person| {
            let name = person.name.as_deref().filter(|name| !name.is_empty());
            text::shown(name.or(person.email.as_deref()).unwrap_or_default(), 40)
        };
        let mut members = team.members.iter().take(NAMES).map(name).collect::<Vec<_>>().join(", ");
        if NAMES < team.members.len() {
            members.push_str(&format!(" and {} more", team.members.len() - NAMES));
        }
        TeamRow {
            id: team.team.id,
            name: text::shown(&team.team.name, 80),
            description: team.team.description.as_deref().map(|it| text::shown(it, 120)),
            n_members: team.members.len(),
            members,
        }
    }
}

impl TeamForm {
    pub fn new(mut frame: Frame, form: Form, id: Option<i64>, staff: Vec<MemberChoice>) -> TeamForm {
        frame.crumbs = vec![Crumb { href: "/admin/teams".to_owned(), label: "Teams".to_owned() }];
        let action = id.map_or("/admin/teams".to_owned(), |id| format!("/admin/teams/{id}"));
        TeamForm { frame, form, action, id, staff }
    }
}

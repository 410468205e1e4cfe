//! `/admin/views/new` and `/admin/views/{id}`: what a view holds, how it is sorted, and who sees it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::filter::{Condition, Viewpoint};
use helpdesk::tickets::matching::Sort;
use helpdesk::views::items::{self, Asked};
use helpdesk::views::write::{self, Changes, NewView};
use helpdesk::views::{self, Lists, View, Visibility};
use helpdesk::{Error, search};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Teams, Tickets, Users, Views};

use super::condition_words;
use super::views::{count_in_words, shown_name};
use crate::form::Form;
use crate::pages::{Crumb, Frame, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Visitor};
use crate::{account, errors, text};

/// Most people and teams to choose from.
const CHOICES: usize = 200;

#[derive(Template)]
#[template(path = "admin/view_form.html")]
pub struct ViewForm {
    pub frame: Frame,
    pub form: Form,
    /// None for a new view.
    pub id: Option<i64>,
    pub is_system: bool,
    pub is_inactive: bool,
    /// What the stored view holds, in words.
    pub holds: Vec<String>,
    pub count: Option<String>,
    pub people: Vec<Choice>,
    pub teams: Vec<Choice>,
}

/// Somebody or some team that a view can be shared with.
pub struct Choice {
    pub id: i64,
    pub name: String,
    pub is_chosen: bool,
}

/// What a view can be ordered by, as the form shows it.
pub const SORTS: &[(&str, &str)] = &[
    ("updated", "Updated"),
    ("created", "Created"),
    ("last_message", "Last message"),
    ("last_received_message", "Last message from the customer"),
    ("closed", "Closed"),
    ("snoozed", "Snoozed until"),
    ("priority", "Priority"),
];

/// Columns, as the form shows them.
pub const COLUMNS: &[(&str, &str)] = &[
    ("details", "Details"),
    ("subject", "Subject"),
    ("tags", "Tags"),
    ("customer", "Customer"),
    ("last_message", "Last message"),
    ("last_received_message", "Last message received"),
    ("status", "Status"),
    ("priority", "Priority"),
    ("channel", "Channel"),
    ("assignee", "Assignee"),
    ("assignee_team", "Team"),
    ("language", "Language"),
    ("created", "Created"),
    ("updated", "Updated"),
    ("closed", "Closed"),
    ("snooze", "Snoozed until"),
    ("integrations", "Integrations"),
    ("id", "Number"),
    ("name", "Name (of customers)"),
    ("email", "Address (of customers)"),
];

/// The permits that the form needs to show what there is.
pub struct May {
    views: CanRead<Views>,
    tickets: CanRead<Tickets>,
    users: CanRead<Users>,
    teams: CanRead<Teams>,
}

/// `GET /admin/views/new`
pub async fn new(
    State(app): State<App>,
    BySession(views): BySession<CanRead<Views>>,
    BySession(tickets): BySession<CanRead<Tickets>>,
    BySession(users): BySession<CanRead<Users>>,
    BySession(teams): BySession<CanRead<Teams>>,
    _admin: BySession<CanWrite<Users>>,
    visitor: Visitor,
) -> Response {
    let may = May { views, tickets, users, teams };
    answer(&app, &may, &visitor, Form::default().with(empty()), None).await
}

/// `GET /admin/views/{id}`
#[expect(clippy::too_many_arguments, reason = "each permit that a page needs is an argument of its handler")]
pub async fn edit(
    State(app): State<App>,
    BySession(views): BySession<CanRead<Views>>,
    BySession(tickets): BySession<CanRead<Tickets>>,
    BySession(users): BySession<CanRead<Users>>,
    BySession(teams): BySession<CanRead<Teams>>,
    _admin: BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    visitor: Visitor,
) -> Response {
    let may = May { views, tickets, users, teams };
    match find(&app, &may.views, id).await {
        Ok(view) => answer(&app, &may, &visitor, filled(&view), Some(&view)).await,
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/views`
#[expect(clippy::too_many_arguments, reason = "each permit that a page needs is an argument of its handler")]
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Views>>,
    BySession(views): BySession<CanRead<Views>>,
    BySession(tickets): BySession<CanRead<Tickets>>,
    BySession(users): BySession<CanRead<Users>>,
    BySession(teams): BySession<CanRead<Teams>>,
    _admin: BySession<CanWrite<Users>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let reading = May { views, tickets, users, teams };
    let Some(sent) = Sent::read(&mut form, &visitor) else { return answer(&app, &reading, &visitor, form, None).await };
    let new = NewView {
        slug: None,
        name: sent.name,
        description: None,
        lists: sent.lists,
        condition: sent.condition.0,
        source: sent.condition.1,
        search: sent.search,
        fields: sent.columns,
        sort: sent.sort,
        descending: sent.descending,
        visibility: sent.visibility,
        person_ids: sent.people,
        team_ids: sent.teams,
        decoration: None,
        section_id: None,
    };
    let now = app.clock.now();
    match store::transact!(app.db, |tx| write::create(tx, &may, now, &new).await) {
        Ok(_) => see_other("/admin/views?done=view-added"),
        Err(error) => refused(&app, &reading, &visitor, form, None, error).await,
    }
}

/// `POST /admin/views/{id}`
#[expect(clippy::too_many_arguments, reason = "each permit that a page needs is an argument of its handler")]
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Views>>,
    BySession(views): BySession<CanRead<Views>>,
    BySession(tickets): BySession<CanRead<Tickets>>,
    BySession(users): BySession<CanRead<Users>>,
    BySession(teams): BySession<CanRead<Teams>>,
    _admin: BySession<CanWrite<Users>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let reading = May { views, tickets, users, teams };
    let view = match find(&app, &reading.views, id).await {
        Ok(view) => view,
        Err(error) => return errors::helpdesk(&error),
    };
    let Some(sent) = Sent::read(&mut form, &visitor) else {
        return answer(&app, &reading, &visitor, form, Some(&view)).await;
    };
    let mut changes = Changes {
        name: Some(sent.name),
        fields: Some(sent.columns),
        sort: Some(sent.sort),
        descending: Some(sent.descending),
        ..Changes::default()
    };
    // What the account's own views hold, and that everybody sees them, is not in their form.
    if view.system.is_none() {
        changes.lists = Some(sent.lists);
        changes.condition = Some(sent.condition);
        changes.search = Some(sent.search);
        changes.visibility = Some(sent.visibility);
        changes.person_ids = Some(sent.people);
        changes.team_ids = Some(sent.teams);
    }
    let now = app.clock.now();
    match store::transact!(app.db, |tx| write::update(tx, &may, now, id, &changes).await) {
        Ok(_) => see_other("/admin/views?done=saved"),
        Err(error) => refused(&app, &reading, &visitor, form, Some(&view), error).await,
    }
}

/// What was sent, in our words.
struct Sent {
    name: String,
    lists: Lists,
    condition: (Condition, String),
    search: Option<String>,
    columns: Vec<String>,
    sort: Sort,
    descending: bool,
    visibility: Visibility,
    people: Vec<i64>,
    teams: Vec<i64>,
}

impl Sent {
    /// None if the form has problems now.
    fn read(form: &mut Form, visitor: &Visitor) -> Option<Sent> {
        let name = form.value("name").trim().to_owned();
        if name.is_empty() || write::NAME_MAX_CHARS < name.chars().count() {
            form.refuse("name", format!("The name needs 1 to {} characters.", write::NAME_MAX_CHARS));
        }
        let source = form.value("filters").trim().to_owned();
        let condition = match gorgias_code::filter(&source) {
            Ok(filter) => Some(filter.condition),
            Err(error) => {
                form.refuse("filters", format!("The condition cannot be read: {error}"));
                None
            }
        };
        let ids = |name: &str| form.all(name).into_iter().filter_map(|id| id.parse().ok()).collect::<Vec<i64>>();
        let (mut people, mut teams) = (ids("people"), ids("teams"));
        let visibility = Visibility::parse(form.value("visibility")).unwrap_or(Visibility::Public);
        match visibility {
            Visibility::Public => (people, teams) = (Vec::new(), Vec::new()),
            Visibility::Private => (people, teams) = (vec![visitor.person_id()?], Vec::new()),
            Visibility::Shared => {}
        }
        let columns: Vec<String> = COLUMNS
            .iter()
            .filter(|(word, _)| form.all("columns").contains(word))
            .map(|(word, _)| (*word).to_owned())
            .collect();
        let sort = Sort::parse(form.value("sort")).unwrap_or(Sort::Updated);
        if !form.problems.is_empty() {
            return None;
        }
        Some(Sent {
            name,
            lists: if form.value("lists") == "customers" { Lists::Customers } else { Lists::Tickets },
            condition: (condition?, source),
            search: form.filled("search").map(str::to_owned),
            columns,
            sort,
            descending: form.value("direction") != "up",
            visibility,
            people,
            teams,
        })
    }
}

fn empty() -> Form {
    let pairs = [("sort", "updated"), ("direction", "down"), ("visibility", "public"), ("lists", "tickets")];
    let columns = ["details", "tags", "subject", "last_message"].map(|column| ("columns", column));
    Form::new(pairs.into_iter().chain(columns).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The form with what is stored.
fn filled(view: &View) -> Form {
    let source = match gorgias_code::filter(&view.source) {
        Ok(filter) if filter.condition == view.condition => view.source.clone(),
        _ => gorgias_code::print(&view.condition).unwrap_or_default(),
    };
    let mut values = vec![
        ("name".to_owned(), view.name.clone()),
        ("lists".to_owned(), view.lists.word().to_owned()),
        ("filters".to_owned(), source),
        ("search".to_owned(), view.search.clone().unwrap_or_default()),
        ("sort".to_owned(), view.sort.word().to_owned()),
        ("direction".to_owned(), if view.descending { "down" } else { "up" }.to_owned()),
        ("visibility".to_owned(), view.visibility.word().to_owned()),
    ];
    values.extend(view.fields.iter().map(|field| ("columns".to_owned(), field.clone())));
    values.extend(view.people.iter().map(|person| ("people".to_owned(), person.id.to_string())));
    values.extend(view.teams.iter().map(|team| ("teams".to_owned(), team.id.to_string())));
    Form::new(values)
}

async fn find(app: &App, may: &CanRead<Views>, id: i64) -> Result<View, Error> {
    let mut tx = app.db.read().await?;
    views::find(&mut tx, may, id).await
}

/// The same form with what the helpdesk refused.
async fn refused(
    app: &App,
    may: &May,
    visitor: &Visitor,
    mut form: Form,
    view: Option<&View>,
    error: Error,
) -> Response {
    let Error::Invalid { field, problem } = error else { return errors::helpdesk(&error) };
    let field = match field.split('.').next() {
        Some("shared_with_users" | "shared_with_teams") => "visibility",
        Some("filters") => "filters",
        _ => "name",
    };
    form.refuse(field, problem);
    answer(app, may, visitor, form, view).await
}

async fn answer(app: &App, may: &May, visitor: &Visitor, form: Form, view: Option<&View>) -> Response {
    let read = async {
        let account = account::name(app).await?;
        let mut tx = app.db.read().await?;
        let people = search::agents(&mut tx, &may.users, "", CHOICES).await?;
        let teams = search::teams(&mut tx, &may.teams, "", CHOICES).await?;
        let viewpoint = Viewpoint { now: app.clock.now(), person_id: may.views.actor().person_id };
        let count = match view {
            Some(view) if view.lists == Lists::Tickets => {
                Some(items::count(&mut tx, &may.tickets, &Asked::of(view, viewpoint)).await?)
            }
            _ => None,
        };
        Ok::<_, Error>((account, people, teams, count))
    };
    let (account, people, teams, count) = match read.await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let title = view.map_or_else(|| "New view".to_owned(), shown_name);
    let Some(mut frame) = visitor.frame(account, Section::Views, &title) else { return see_other("/login") };
    frame.crumbs = vec![Crumb { href: "/admin/views".to_owned(), label: "Views".to_owned() }];
    let choice = |name: &str, id: i64, shown: String, form: &Form| Choice {
        id,
        name: text::shown(&shown, 60),
        is_chosen: form.all(name).contains(&id.to_string().as_str()),
    };
    let people = people.into_iter().map(|it| {
        let name = it.name.filter(|name| !name.is_empty()).or(it.email).unwrap_or_default();
        choice("people", it.id, name, &form)
    });
    let people = people.collect();
    let teams = teams.into_iter().map(|it| choice("teams", it.id, it.name, &form)).collect();
    let status = if form.problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page_of = ViewForm {
        frame,
        people,
        teams,
        id: view.map(|view| view.id),
        is_system: view.is_some_and(|view| view.system.is_some()),
        is_inactive: view.is_some_and(|view| view.deactivated_at.is_some()),
        holds: view.map(|view| condition_words::lines(&view.condition)).unwrap_or_default(),
        count: count.map(count_in_words),
        form,
    };
    page(status, &page_of)
}

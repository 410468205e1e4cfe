//! `/admin/app-rules`: which apps and scopes this account allows at all (CO-11).

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use oauth::app_rules::{self, AppRules};
use oauth::clients;
use oauth::provider_settings;
use scope::Dialect;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use scope::words;

use crate::form::Form;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// Most entries of one list.
const ENTRIES_MAX: usize = 500;

#[derive(Template)]
#[template(path = "admin/app_rules.html")]
pub struct Rules {
    pub frame: Frame,
    pub form: Form,
}

/// `GET /admin/app-rules`
pub async fn show(
    State(app): State<App>,
    _may: BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match filled(&app).await {
        Ok(form) => answer(&app, &visitor, StatusCode::OK, form, done(&query)).await,
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/app-rules`
pub async fn save(State(app): State<App>, BySession(may): BySession<CanWrite<Apps>>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let rules = match read(&app, &mut form).await {
        Ok(Some(rules)) => rules,
        Ok(None) => return answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, None).await,
        Err(error) => return errors::helpdesk(&error),
    };
    match app.provider.put_setting(&may, app_rules::NAME, &rules).await {
        Ok(()) => {
            // What was allowed a moment ago is asked anew.
            app.provider.forget_all();
            see_other("/admin/app-rules?done=saved")
        }
        Err(error) => errors::helpdesk(&error),
    }
}

async fn answer(app: &App, visitor: &Visitor, status: StatusCode, form: Form, done: Option<&'static str>) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let Some(frame) = visitor.frame(account, Section::AppRules, "App policy") else { return see_other("/login") };
    page(status, &Rules { frame: Frame { done, ..frame }, form })
}

async fn filled(app: &App) -> Result<Form, Error> {
    let mut tx = app.db.read().await?;
    let rules: AppRules = provider_settings::read(&mut tx, app_rules::NAME).await?;
    Ok(Form::new(vec![
        ("apps".to_owned(), if rules.only_listed { "listed" } else { "all" }.to_owned()),
        ("allowed_apps".to_owned(), rules.allowed_apps.join("\n")),
        ("denied_apps".to_owned(), rules.denied_apps.join("\n")),
        ("denied_scopes".to_owned(), rules.denied_scopes.join("\n")),
    ]))
}

/// None if the form must be mended first.
async fn read(app: &App, form: &mut Form) -> Result<Option<AppRules>, Error> {
    let lists = ["allowed_apps", "denied_apps", "denied_scopes"];
    let [allowed_apps, denied_apps, denied_scopes] = lists.map(|field| lines(form.value(field)));
    let mut tx = app.db.read().await?;
    for (field, ids) in [("allowed_apps", &allowed_apps), ("denied_apps", &denied_apps)] {
        if ids.len() > ENTRIES_MAX {
            form.refuse(field, format!("There may be at most {ENTRIES_MAX}."));
            continue;
        }
        for id in ids {
            // One that describes itself may be named before it was ever seen.
            if !id.starts_with("https://") && clients::by_client_id(&mut tx, id).await?.is_none() {
                form.refuse(field, format!("{} is not the client id of an app.", text::shown(id, 60)));
                break;
            }
        }
    }
    let unknown = denied_scopes.iter().find(|word| Dialect::ALL.iter().all(|&it| words::find(it, word).is_none()));
    if let Some(word) = unknown {
        form.refuse("denied_scopes", format!("{} is not a scope.", text::shown(word, 60)));
    }
    let only_listed = form.value("apps") == "listed";
    Ok(form.problems.is_empty().then_some(AppRules { only_listed, allowed_apps, denied_apps, denied_scopes }))
}

/// One a line, each once.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines
}

//! `/admin/resource-servers`: which apps may introspect every token for a resource (IN-4).

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use oauth::resource_servers::ResourceServers;
use scope::permit::CanWrite;
use scope::resource::Apps;

use crate::form::Form;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

#[derive(Template)]
#[template(path = "admin/resource_servers.html")]
pub struct Servers {
    pub frame: Frame,
    pub form: Form,
}

/// `GET /admin/resource-servers`
pub async fn show(
    State(app): State<App>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let servers = match app.provider.resource_servers().await {
        Ok(servers) => servers,
        Err(error) => return errors::helpdesk(&error),
    };
    let lines = |client_ids: &BTreeSet<String>| client_ids.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let form = Form::new(vec![("api".to_owned(), lines(&servers.api)), ("mcp".to_owned(), lines(&servers.mcp))]);
    answer(&app, &visitor, form, StatusCode::OK, done(&query)).await
}

/// `POST /admin/resource-servers`
pub async fn save(State(app): State<App>, BySession(may): BySession<CanWrite<Apps>>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let ids = |field: &str| form.value(field).split_whitespace().map(str::to_owned).collect();
    let servers = ResourceServers { api: ids("api"), mcp: ids("mcp") };
    match app.provider.name_resource_servers(&may, &servers).await {
        Ok(()) => see_other("/admin/resource-servers?done=saved"),
        Err(Error::Invalid { field, problem }) => {
            form.refuse(if field == "mcp" { "mcp" } else { "api" }, text::sentence(&problem));
            answer(&app, &visitor, form, StatusCode::UNPROCESSABLE_ENTITY, None).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

async fn answer(app: &App, visitor: &Visitor, form: Form, status: StatusCode, done: Option<&'static str>) -> Response {
    let account = match account::name(app).await {
        Ok(account) => account,
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::ResourceServers, "Resource servers") else {
        return see_other("/login");
    };
    frame.done = done;
    page(status, &Servers { frame, form })
}

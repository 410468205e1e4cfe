//! `/admin`: what there is, and the addresses that apps need.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use oauth::clients::Shown;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;

use super::Endpoint;
use super::apps::{AppRow, Wanted, rows};
use crate::errors;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Query, Visitor};

/// Apps shown here; the list has the rest.
const LIMIT: i64 = 5;

#[derive(Template)]
#[template(path = "admin/home.html")]
pub struct Home {
    pub frame: Frame,
    pub apps: Vec<AppRow>,
    pub endpoints: Vec<Endpoint>,
}

/// `GET /admin`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let wanted = Wanted { shown: Shown::default(), search: "", after: None, limit: LIMIT };
    let (account, apps) = match rows(&app, &may, wanted).await {
        Ok((account, apps, _more)) => (account, apps),
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Home, "Home") else { return see_other("/login") };
    frame.done = done(&query);
    page(StatusCode::OK, &Home { frame, apps, endpoints: endpoints(&app.config.public_url) })
}

pub fn endpoints(public_url: &str) -> Vec<Endpoint> {
    vec![
        Endpoint { id: "issuer", label: "Issuer", value: public_url.to_owned() },
        Endpoint {
            id: "discovery",
            label: "Discovery",
            value: format!("{public_url}/.well-known/openid-configuration"),
        },
        Endpoint { id: "api", label: "API", value: format!("{public_url}/api") },
    ]
}

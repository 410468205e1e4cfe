//! `/choose`: go on as the person who is signed in, or sign in as another (`prompt=select_account`).

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;

use crate::pages::{PersonLine, page_that_leads_away, see_other};
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, authorize, errors};

#[derive(Template)]
#[template(path = "choose.html")]
pub struct Choose {
    pub csrf: String,
    pub account: String,
    pub request: String,
    pub person: PersonLine,
}

/// `GET /choose`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let Some(session) = &visitor.session else { return see_other("/login") };
    let request = query.value("request").to_owned();
    match account::name(&app).await {
        Ok(account) => {
            let person = PersonLine::new(&session.name, &session.email);
            let page = Choose { csrf: visitor.csrf(&request), account, request, person };
            page_that_leads_away(StatusCode::OK, &page)
        }
        Err(error) => errors::database(&error),
    }
}

/// `POST /choose`
pub async fn keep(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    authorize::answer(app.provider.keep_account(form.value("request"), &visitor.browser()).await)
}

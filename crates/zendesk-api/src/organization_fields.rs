//! `/api/v2/organization_fields`: what the account wants to know of organizations besides (Zendesk contract, `resources.organization_fields`). What is done is
//! `object_fields.rs`.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::custom_fields::Carrier;
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;

use crate::answer::Answer;
use crate::fields::Body;
use crate::object_fields::{self, Of};
use crate::query::Params;
use crate::{Id, Word};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/organization_fields", list)
        .post("/api/v2/organization_fields", create)
        .put("/api/v2/organization_fields/reorder", reorder)
        .get("/api/v2/organization_fields/{organization_field_id}", show)
        .put("/api/v2/organization_fields/{organization_field_id}", update)
        .delete("/api/v2/organization_fields/{organization_field_id}", delete)
}

const OF: Of = Of {
    carrier: Carrier::Organization,
    one: "organization_field",
    many: "organization_fields",
    ids: "organization_field_ids",
};

/// `GET /api/v2/organization_fields`
pub async fn list(State(app): State<App>, May(may): May<CanRead<CustomFields>>, params: Params) -> Answer {
    object_fields::list(&app, &may, &params, OF).await
}

/// `POST /api/v2/organization_fields`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Answer {
    object_fields::create(&app, &may, &params, OF, body).await
}

/// `PUT /api/v2/organization_fields/reorder`
pub async fn reorder(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, body: Body) -> Answer {
    object_fields::reorder(&app, &may, OF, body).await
}

/// `GET /api/v2/organization_fields/{organization_field_id}`: by id or key.
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Word(word): Word,
    params: Params,
) -> Answer {
    object_fields::show(&app, &may, &params, OF, &word).await
}

/// `PUT /api/v2/organization_fields/{organization_field_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    object_fields::update(&app, &may, &params, (OF, id), body).await
}

/// `DELETE /api/v2/organization_fields/{organization_field_id}`: with its values.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id) -> Answer {
    object_fields::delete(&app, &may, OF, id).await
}

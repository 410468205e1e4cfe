//! `/api/v2/user_fields`: what the account wants to know of people besides (Zendesk contract, `resources.user_fields`). What is done is
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
use crate::{Id, Pair, Word};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/user_fields", list)
        .post("/api/v2/user_fields", create)
        .put("/api/v2/user_fields/reorder", reorder)
        .get("/api/v2/user_fields/show_many", show_many)
        .get("/api/v2/user_fields/{user_field_id}", show)
        .put("/api/v2/user_fields/{user_field_id}", update)
        .delete("/api/v2/user_fields/{user_field_id}", delete)
        .get("/api/v2/user_fields/{user_field_id}/options", list_options)
        .post("/api/v2/user_fields/{user_field_id}/options", set_option)
        .get("/api/v2/user_fields/{user_field_id}/options/{user_field_option_id}", show_option)
        .delete("/api/v2/user_fields/{user_field_id}/options/{user_field_option_id}", delete_option)
}

const OF: Of = Of { carrier: Carrier::Customer, one: "user_field", many: "user_fields", ids: "user_field_ids" };

/// `GET /api/v2/user_fields`
pub async fn list(State(app): State<App>, May(may): May<CanRead<CustomFields>>, params: Params) -> Answer {
    object_fields::list(&app, &may, &params, OF).await
}

/// `POST /api/v2/user_fields`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Answer {
    object_fields::create(&app, &may, &params, OF, body).await
}

/// `PUT /api/v2/user_fields/reorder`
pub async fn reorder(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, body: Body) -> Answer {
    object_fields::reorder(&app, &may, OF, body).await
}

/// `GET /api/v2/user_fields/{user_field_id}`: by id or key.
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Word(word): Word,
    params: Params,
) -> Answer {
    object_fields::show(&app, &may, &params, OF, &word).await
}

/// `PUT /api/v2/user_fields/{user_field_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    object_fields::update(&app, &may, &params, (OF, id), body).await
}

/// `DELETE /api/v2/user_fields/{user_field_id}`: with its values.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id) -> Answer {
    object_fields::delete(&app, &may, OF, id).await
}

/// `GET /api/v2/user_fields/show_many`
pub async fn show_many(State(app): State<App>, May(may): May<CanRead<CustomFields>>, params: Params) -> Answer {
    object_fields::show_many(&app, &may, &params, OF).await
}

/// `GET /api/v2/user_fields/{user_field_id}/options`
pub async fn list_options(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    object_fields::list_options(&app, &may, &params, (OF, id)).await
}

/// `POST /api/v2/user_fields/{user_field_id}/options`: a new one, or with an id another name for one that is there.
pub async fn set_option(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    object_fields::set_option(&app, &may, &params, (OF, id), body).await
}

/// `GET /api/v2/user_fields/{user_field_id}/options/{user_field_option_id}`
pub async fn show_option(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Pair(id, option_id): Pair,
    params: Params,
) -> Answer {
    object_fields::show_option(&app, &may, &params, (OF, id, option_id)).await
}

/// `DELETE /api/v2/user_fields/{user_field_id}/options/{user_field_option_id}`
pub async fn delete_option(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Pair(id, option_id): Pair,
) -> Answer {
    object_fields::delete_option(&app, &may, (OF, id, option_id)).await
}

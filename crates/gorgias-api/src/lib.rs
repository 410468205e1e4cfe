//! The Gorgias dialect: that vendor's addresses, words and shapes over our one helpdesk.
//!
//! A handler translates and does nothing else. `error.rs`, `fields.rs`, `query.rs`, `page.rs` and `time.rs` are the dialect's grammar;
//! each other file is one of the vendor's resources.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use endpoint::{Routes, Surface, Target};
use scope::Dialect;
use serde::Serialize;

pub mod account;
pub mod apps;
pub mod custom_fields;
pub mod customer_fields;
pub mod customers;
pub mod error;
pub mod events;
mod field_values;
pub mod fields;
pub mod files;
pub mod integrations;
mod job_params;
pub mod jobs;
pub mod legacy_statistics;
pub mod live;
mod macro_actions;
pub mod macros;
mod message_view;
pub mod messages;
pub mod metric_cards;
pub mod openapi;
pub mod page;
mod path;
mod person_ref;
pub mod query;
pub mod rules;
pub mod satisfaction_surveys;
pub mod search;
pub mod statistics;
pub mod tags;
pub mod teams;
pub mod ticket_fields;
pub mod ticket_tags;
mod ticket_view;
pub mod tickets;
pub mod time;
pub mod users;
pub mod view_items;
pub mod views;
pub mod voice_calls;
pub mod widgets;

pub use error::GorgiasError;
pub use path::{Id, Pair};

/// Whose words scopes and refusals are in. Clients append slashes: both forms answer, since a redirect would drop the body.
pub const SURFACE: Surface =
    Surface { dialect: Dialect::Gorgias, target: Target::Api, refusal: error::refusal, trailing_slash: true };

/// The route table of the dialect.
pub fn routes() -> Routes {
    Routes::new(SURFACE)
        .open(
            MethodFilter::GET,
            "/openapi/gorgias.json",
            openapi::show,
            "it describes the interface and nothing of the account",
        )
        .get("/api/account", account::show)
        .get("/api/account/settings", account::list_settings)
        .post("/api/account/settings", account::create_setting)
        .put("/api/account/settings/{id}", account::update_setting)
        .get("/api/users", users::list)
        .post("/api/users", users::create)
        .get("/api/users/{id}", users::show)
        .put("/api/users/{id}", users::update)
        .delete("/api/users/{id}", users::delete)
        .get("/api/teams", teams::list)
        .post("/api/teams", teams::create)
        .get("/api/teams/{id}", teams::show)
        .put("/api/teams/{id}", teams::update)
        .delete("/api/teams/{id}", teams::delete)
        .get("/api/customers", customers::list)
        .post("/api/customers", customers::create)
        .delete("/api/customers", customers::delete_many)
        .put("/api/customers/merge", customers::merge)
        .get("/api/customers/{id}", customers::show)
        .put("/api/customers/{id}", customers::update)
        .delete("/api/customers/{id}", customers::delete)
        .put("/api/customers/{id}/data", customers::set_data)
        .get("/api/customers/{customer_id}/custom-fields", customer_fields::list)
        .put("/api/customers/{customer_id}/custom-fields", customer_fields::update_many)
        .put("/api/customers/{customer_id}/custom-fields/{id}", customer_fields::update)
        .delete("/api/customers/{customer_id}/custom-fields/{id}", customer_fields::delete)
        .get("/api/custom-fields", custom_fields::list)
        .post("/api/custom-fields", custom_fields::create)
        .put("/api/custom-fields", custom_fields::update_many)
        .get("/api/custom-fields/{id}", custom_fields::show)
        .put("/api/custom-fields/{id}", custom_fields::update)
        .get("/api/tags", tags::list)
        .post("/api/tags", tags::create)
        .delete("/api/tags", tags::delete_many)
        .get("/api/tags/{id}", tags::show)
        .put("/api/tags/{id}", tags::update)
        .delete("/api/tags/{id}", tags::delete)
        .put("/api/tags/{id}/merge", tags::merge)
        .get("/api/satisfaction-surveys", satisfaction_surveys::list)
        .post("/api/satisfaction-surveys", satisfaction_surveys::create)
        .get("/api/satisfaction-surveys/{id}", satisfaction_surveys::show)
        .put("/api/satisfaction-surveys/{id}", satisfaction_surveys::update)
        .post("/api/reporting/stats", statistics::report)
        .get("/api/reporting/metric-cards", metric_cards::list)
        .get("/api/reporting/metric-cards/{slug}", metric_cards::show)
        .post("/api/stats/{name}", legacy_statistics::show)
        .post("/api/stats/{name}/download", legacy_statistics::download)
        .get("/api/events", events::list)
        .get("/api/events/{id}", events::show)
        .get("/api/rules", rules::list)
        .post("/api/rules", rules::create)
        .post("/api/rules/priorities", rules::set_priorities)
        .get("/api/rules/{id}", rules::show)
        .put("/api/rules/{id}", rules::update)
        .delete("/api/rules/{id}", rules::delete)
        .get("/api/jobs", jobs::list)
        .post("/api/jobs", jobs::create)
        .get("/api/jobs/{id}", jobs::show)
        .put("/api/jobs/{id}", jobs::update)
        .delete("/api/jobs/{id}", jobs::delete)
        .get("/api/jobs/{id}/errors", jobs::list_errors)
        .post("/api/jobs/{id}/undo", jobs::undo)
        .open(
            MethodFilter::GET,
            "/api/jobs/{id}/file",
            jobs::file,
            "the address is signed, for whoever started the export and for an hour",
        )
        .get("/api/tickets", tickets::list)
        .post("/api/tickets", tickets::create)
        .get("/api/tickets/{id}", tickets::show)
        .put("/api/tickets/{id}", tickets::update)
        .delete("/api/tickets/{id}", tickets::delete)
        .put("/api/tickets/{id}/merge", tickets::merge)
        .post("/api/tickets/{id}/split", tickets::split)
        .get("/api/tickets/{id}/presence", live::list)
        .put("/api/tickets/{id}/presence", live::update)
        .delete("/api/tickets/{id}/presence", live::delete)
        .get("/api/tickets/{id}/live", live::show)
        .get("/api/tickets/{ticket_id}/tags", ticket_tags::list)
        .post("/api/tickets/{ticket_id}/tags", ticket_tags::create)
        .put("/api/tickets/{ticket_id}/tags", ticket_tags::update)
        .delete("/api/tickets/{ticket_id}/tags", ticket_tags::delete)
        .get("/api/tickets/{ticket_id}/custom-fields", ticket_fields::list)
        .put("/api/tickets/{ticket_id}/custom-fields", ticket_fields::update_many)
        .put("/api/tickets/{ticket_id}/custom-fields/{id}", ticket_fields::update)
        .delete("/api/tickets/{ticket_id}/custom-fields/{id}", ticket_fields::delete)
        .get("/api/macros", macros::list)
        .post("/api/macros", macros::create)
        .put("/api/macros/archive", macros::archive)
        .put("/api/macros/unarchive", macros::unarchive)
        .get("/api/macros/{id}", macros::show)
        .put("/api/macros/{id}", macros::update)
        .delete("/api/macros/{id}", macros::delete)
        .get("/api/messages", messages::list)
        .get("/api/tickets/{ticket_id}/messages", messages::list_of_ticket)
        .post("/api/tickets/{ticket_id}/messages", messages::create)
        .get("/api/tickets/{ticket_id}/messages/{id}", messages::show)
        .put("/api/tickets/{ticket_id}/messages/{id}", messages::update)
        .delete("/api/tickets/{ticket_id}/messages/{id}", messages::delete)
        .post_by_body("/api/search", search::search, search::FIRST, "the kind of object in the body says what it needs")
        .get("/api/views", views::list)
        .post("/api/views", views::create)
        .get("/api/views/{id}", views::show)
        .put("/api/views/{id}", views::update)
        .delete("/api/views/{id}", views::delete)
        .get("/api/views/{view_id}/items", view_items::list)
        .put("/api/views/{view_id}/items", view_items::search)
        .get("/api/integrations", integrations::list)
        .post("/api/integrations", integrations::create)
        .get("/api/integrations/{id}", integrations::show)
        .put("/api/integrations/{id}", integrations::update)
        .delete("/api/integrations/{id}", integrations::delete)
        .get("/api/widgets", widgets::list)
        .post("/api/widgets", widgets::create)
        .get("/api/widgets/{id}", widgets::show)
        .put("/api/widgets/{id}", widgets::update)
        .delete("/api/widgets/{id}", widgets::delete)
        .get("/api/apps", apps::list)
        .get("/api/apps/{id}", apps::show)
        .delete("/api/apps/{id}", apps::uninstall)
        .post("/api/upload", files::upload)
        .get("/api/{file_type}/download/{domain_hash}/{resource_name}", files::download)
        .get("/api/phone/voice-calls", voice_calls::list)
        .get("/api/phone/voice-calls/{id}", voice_calls::show)
        .get("/api/phone/voice-call-events", voice_calls::list_events)
        .get("/api/phone/voice-call-events/{id}", voice_calls::show_event)
        .get("/api/phone/voice-call-recordings", voice_calls::list_recordings)
        .get("/api/phone/voice-call-recordings/{id}", voice_calls::show_recording)
        .delete("/api/phone/voice-call-recordings/{id}", voice_calls::delete_recording)
}

/// For paths below `/api` that are not in the table.
pub async fn not_found() -> GorgiasError {
    GorgiasError::NotFound
}

/// For paths of the table called with another method. axum adds `Allow` with the methods there are.
pub async fn method_not_allowed() -> GorgiasError {
    GorgiasError::Method
}

/// 200 with a body.
pub(crate) type Answer = Result<Json<serde_json::Value>, GorgiasError>;

/// A body of some size, written into one buffer that fits most: the usual one starts small and is copied each time it grows.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(16 * 1024);
    match serde_json::to_writer(&mut text, body) {
        Ok(()) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                Json(error::body(StatusCode::INTERNAL_SERVER_ERROR, "Something broke on our side.")),
            )
                .into_response()
        }
    }
}

/// 201 with the new object.
pub(crate) fn created(object: serde_json::Value) -> Response {
    (StatusCode::CREATED, Json(object)).into_response()
}

/// 204, or 201 and 202 with nothing in them: clients test `Content-Length` before they parse.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut headers = HeaderMap::new();
    if status != StatusCode::NO_CONTENT {
        headers.insert("content-length", 0.into());
    }
    (status, headers).into_response()
}

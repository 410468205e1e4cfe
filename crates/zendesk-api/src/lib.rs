//! The Zendesk dialect: that vendor's addresses, words and shapes over our one helpdesk.
//!
//! A handler translates and does nothing else. The grammar that all resources share, a file each:
//!
//! | file | what it is |
//! |---|---|
//! | `answer.rs` | `Reply`: a record under its name, 201 with its address, 204, a count |
//! | `error.rs` | `ZendeskError`: the five shapes of a refusal, and the names of our fields here |
//! | `query.rs`, `path.rs` | `Params`, `Id`, `Pair`, `Word`: what stands in the address |
//! | `fields.rs` | `Body`, `Fields`: what stands in the body, field by field |
//! | `page.rs` | `Asked`: pages by cursor or by number, with absolute links |
//! | `sideload.rs` | `Beside`: `include=users`, each record once |
//! | `bulk.rs` | `Call`, `start`: rows that a job carries out |
//! | `once.rs` | `once!`: `Idempotency-Key` |
//! | `conventions.rs` | the headers of every answer, ETag, warnings of unknown fields |
//! | `contract.rs` | every call the vendor has; what is not here is answered 501 |
//! | `openapi.rs` | the document of the dialect, made from these calls and from `types.json` |
//!
//! Each other file is one of the vendor's resources; the help center is a folder of them. It has, in this order: `pub fn routes(routes: Routes) -> Routes` with its lines of the
//! route table; a handler a call; `CALLS` if it has bulk calls; what reads the writable fields; `pub(crate) fn view(site, &record) -> Value`.
//! Views of one record never ask the database: what they need is loaded for a whole page before.
//!
//! Addresses are accepted with `.json` at their end: `drop_suffix` takes it off before the router sees it.

#![recursion_limit = "256"] // The objects of this dialect have many fields.

use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use endpoint::{Routes, Surface, Target};
use scope::Dialect;

pub mod account;
pub mod activities;
pub mod answer;
pub mod api_tokens;
pub mod attachments;
pub mod audit_logs;
mod audit_view;
pub mod automations;
pub mod brands;
pub mod bulk;
mod condition_definitions;
mod condition_fields;
mod condition_times;
mod condition_view;
mod condition_words;
mod conditions;
pub mod contract;
pub mod conventions;
pub mod custom_roles;
pub mod custom_statuses;
pub mod dynamic_content;
pub mod error;
mod field_keys;
mod field_parts;
pub mod fields;
pub mod group_memberships;
pub mod groups;
pub mod help_center;
pub mod incremental;
pub mod job_statuses;
pub mod locales;
mod macro_actions;
pub mod macro_apply;
pub mod macro_attachments;
pub mod macros;
pub mod oauth_clients;
pub mod oauth_tokens;
pub mod object_fields;
mod once;
pub mod openapi;
mod openapi_types;
pub mod organization_memberships;
pub mod organization_merges;
pub mod organization_subscriptions;
pub mod organizations;
pub mod page;
pub mod path;
pub mod query;
pub mod requests;
mod rule_actions;
mod rule_calls;
mod rules;
pub mod satisfaction_ratings;
pub mod schedules;
pub mod search;
mod search_people;
mod search_query;
mod search_tickets;
pub mod sideload;
pub mod sla_policies;
pub mod support_addresses;
pub mod survey_responses;
pub mod suspended_tickets;
pub mod tags;
pub mod ticket_audits;
pub mod ticket_comments;
pub mod ticket_fields;
pub mod ticket_form_statuses;
pub mod ticket_forms;
pub mod ticket_metrics;
mod ticket_read;
pub mod ticket_redactions;
pub mod ticket_skips;
pub mod ticket_states;
mod ticket_view;
pub mod tickets;
pub mod time;
pub mod time_zones;
pub mod trigger_categories;
pub mod trigger_revisions;
pub mod triggers;
mod usage;
pub mod user_identities;
pub mod user_passwords;
pub mod user_sessions;
mod user_write;
pub mod users;
pub mod users_bulk;
pub mod users_gone;
pub mod view_items;
pub mod views;
pub mod webhook_invocations;
pub mod webhooks;

pub use error::ZendeskError;
pub use path::{Id, Pair, Word};

/// Whose words scopes and refusals are in.
pub const SURFACE: Surface =
    Surface { dialect: Dialect::Zendesk, target: Target::Api, refusal: error::refusal, trailing_slash: false };

/// Below which all of it lies.
const ROOT: &str = "/api/v2/";

/// The route table of the dialect: one line a resource, which has its own lines of it.
const RESOURCES: &[fn(Routes) -> Routes] = &[
    account::routes,
    activities::routes,
    api_tokens::routes,
    attachments::routes,
    audit_logs::routes,
    automations::routes,
    brands::routes,
    custom_roles::routes,
    custom_statuses::routes,
    dynamic_content::routes,
    group_memberships::routes,
    groups::routes,
    help_center::routes,
    incremental::routes,
    job_statuses::routes,
    locales::routes,
    macro_apply::routes,
    macro_attachments::routes,
    macros::routes,
    oauth_clients::routes,
    oauth_tokens::routes,
    object_fields::routes,
    organization_memberships::routes,
    organization_merges::routes,
    organization_subscriptions::routes,
    organizations::routes,
    requests::routes,
    satisfaction_ratings::routes,
    schedules::routes,
    search::routes,
    sla_policies::routes,
    support_addresses::routes,
    survey_responses::routes,
    suspended_tickets::routes,
    tags::routes,
    ticket_audits::routes,
    ticket_comments::routes,
    ticket_fields::routes,
    ticket_form_statuses::routes,
    ticket_forms::routes,
    ticket_metrics::routes,
    ticket_redactions::routes,
    ticket_skips::routes,
    ticket_states::routes,
    tickets::routes,
    time_zones::routes,
    trigger_categories::routes,
    trigger_revisions::routes,
    triggers::routes,
    user_identities::routes,
    user_passwords::routes,
    user_sessions::routes,
    users::routes,
    users_bulk::routes,
    users_gone::routes,
    view_items::routes,
    views::routes,
    webhook_invocations::routes,
    webhooks::routes,
];

pub fn routes() -> Routes {
    let described = Routes::new(SURFACE).open(
        MethodFilter::GET,
        "/openapi/zendesk.json",
        openapi::show,
        "it describes the interface and nothing of the account",
    );
    let routes = RESOURCES.iter().fold(described, |routes, resource| resource(routes));
    routes.around(|router| router.layer(middleware::from_fn(conventions::pass)))
}

/// Takes `.json` off the end of an address of this dialect. Called before the router looks at it.
pub fn drop_suffix<B>(request: &mut axum::http::Request<B>) {
    let Some(path) = request.uri().path().strip_suffix(".json").filter(|path| path.starts_with(ROOT)) else { return };
    let address = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(path_and_query) = address.parse() {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
}

/// For addresses below `/api/v2` that no route has, with this method.
pub async fn not_found(method: Method, uri: Uri) -> Response {
    let error = if contract::has(method.as_str(), uri.path()) {
        let text = "This call is not offered yet.".to_owned();
        ZendeskError::Simple(StatusCode::NOT_IMPLEMENTED, "NotImplemented", text)
    } else {
        ZendeskError::no_endpoint()
    };
    conventions::dress(error.into_response())
}

/// Scheme, host and port under which the client reached us: links in answers begin with it.
#[derive(Debug, Clone)]
pub struct Site(pub String);

impl Site {
    /// The address of a record, such as `tickets/5`.
    pub fn url(&self, record: &str) -> String {
        format!("{}{ROOT}{record}.json", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_is_taken_off_addresses_of_this_dialect() {
        for (sent, routed) in [
            ("/api/v2/tickets.json?page=2", "/api/v2/tickets?page=2"),
            ("/api/v2/tickets/5.json", "/api/v2/tickets/5"),
            ("/api/v2/tickets", "/api/v2/tickets"),
            ("/openapi/gorgias.json", "/openapi/gorgias.json"),
        ] {
            let mut request = axum::http::Request::builder().uri(sent).body(()).unwrap();

            drop_suffix(&mut request);

            assert_eq!(request.uri(), routed);
        }
    }
}

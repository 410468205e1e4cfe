//! The Admin Center. Every page of it is for administrators.

use crate::pages::Crumb;

pub mod agents;
pub mod api_keys;
pub mod app;
pub mod app_advanced;
pub mod app_delete;
pub mod app_form;
pub mod app_rules;
pub mod app_usage;
pub mod apps;
pub mod audit;
mod audit_words;
pub mod chart;
pub mod condition_words;
pub mod custom_field;
pub mod custom_fields;
pub mod deliveries;
pub mod demands;
pub mod documents;
pub mod home;
pub mod integration;
pub mod integrations;
pub mod job;
pub mod job_words;
pub mod jobs;
pub mod keys;
pub mod macro_edit;
pub mod macro_form;
pub mod macros;
pub mod people;
pub mod registration;
pub mod resource_servers;
pub mod rule_words;
pub mod rules;
pub mod sign_in;
pub mod statistics;
pub mod statistics_tickets;
pub mod surveys;
pub mod tag;
pub mod tags;
pub mod teams;
pub mod trust;
pub mod users;
pub mod view_form;
pub mod views;

/// An address for people to paste somewhere.
pub struct Endpoint {
    /// The element's id.
    pub id: &'static str,
    pub label: &'static str,
    pub value: String,
}

/// A crumb back to the list of apps.
fn to_apps() -> Crumb {
    Crumb { href: "/admin/apps".to_owned(), label: "Apps".to_owned() }
}

fn to_app(id: i64, name: &str) -> Crumb {
    Crumb { href: format!("/admin/apps/{id}"), label: name.to_owned() }
}

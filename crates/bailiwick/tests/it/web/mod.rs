//! Tests of the pages.

mod admin_agents;
mod admin_apps;
mod admin_helpdesk;
mod admin_integrations;
mod admin_jobs;
mod admin_macros;
mod admin_registration;
mod admin_rules;
mod admin_tags;
mod admin_trust;
mod api_keys;
mod app_rules;
mod app_usage;
mod audit;
mod demands;
mod forms;
mod headers;
mod my_apps;
mod set_up;
mod signing_in;
mod upstream;

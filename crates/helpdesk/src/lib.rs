//! The helpdesk itself: what a ticket, a customer or a tag is and what may be done with it. Knows no HTTP and no vendor.

pub mod account;
pub mod actions;
pub mod addresses;
pub mod api_keys;
pub mod audit;
pub mod business_hours;
pub mod custom_fields;
pub mod customers;
mod error;
pub mod events;
pub mod files;
pub mod filter;
pub mod follow;
pub mod integrations;
pub mod jobs;
pub mod macros;
mod names;
pub mod organizations;
pub mod page;
pub mod passwords;
pub mod people;
pub mod reach;
pub mod rules;
pub mod satisfaction_surveys;
pub mod search;
pub mod statistics;
pub mod tags;
pub mod teams;
pub mod templates;
pub mod ticket_forms;
pub mod tickets;
pub mod users;
pub mod views;
pub mod voice_calls;
pub mod widgets;

pub use error::Error;

//! Tests of the pages.

mod admin_apps;
mod admin_registration;
mod admin_trust;
mod forms;
mod headers;
mod my_apps;
mod set_up;
mod signing_in;

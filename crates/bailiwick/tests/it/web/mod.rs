//! Tests of the pages.

mod admin_apps;
mod admin_registration;
mod forms;
mod headers;
mod my_apps;
mod set_up;
mod signing_in;

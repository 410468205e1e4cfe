//! The integration suite: a real server, real HTTP, a real database. `BAILIWICK_TEST_DATABASE` chooses which.

mod cors;
mod crash;
mod gorgias;
mod health;
mod oauth;
mod start;
mod store;
mod support;
mod web;

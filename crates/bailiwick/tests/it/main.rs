//! The integration suite: a real server, real HTTP, a real database. `BAILIWICK_TEST_DATABASE` chooses which.

mod contract;
mod cors;
mod crash;
mod demo;
mod docs;
mod gorgias;
mod health;
mod layering;
mod limits;
mod oauth;
mod routes;
mod scope_matrix;
mod start;
mod store;
mod support;
mod tls;
mod web;

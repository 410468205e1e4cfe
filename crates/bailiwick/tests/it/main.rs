//! The integration suite: a real server, real HTTP, a real database. `BAILIWICK_TEST_DATABASE` chooses which.

mod contract;
mod cors;
mod crash;
mod crash_integrations;
mod crash_jobs;
mod demo;
mod docs;
mod gorgias;
mod health;
mod imports;
mod layering;
mod limits;
mod mock;
mod oauth;
mod organizations;
mod routes;
mod scope_matrix;
mod start;
mod store;
mod support;
mod tls;
mod two_vendors;
mod web;
mod zendesk;

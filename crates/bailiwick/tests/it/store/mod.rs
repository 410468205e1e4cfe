//! The database under the helpdesk: what holds on SQLite and on PostgreSQL alike, and what only one of them needs.

mod queue;
mod transactions;

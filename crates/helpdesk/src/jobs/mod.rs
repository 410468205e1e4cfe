//! Background work of the helpdesk: one file a job. The binary connects each kind with its function.
//!
//! What people start and watch (bulk edits, exports, imports) is a resource: `job.rs` is what it is, `run.rs` runs it in slices.

pub mod archive;
pub mod auto_merge;
pub mod batch;
mod cells;
mod check;
pub mod cleanup;
mod edit;
pub mod errors;
pub mod export;
mod export_rows;
pub mod import;
mod import_macros;
pub mod job;
pub mod lists;
mod macro_rows;
pub mod merge_tags;
pub mod purge_trash;
pub mod run;
pub mod selection;
pub mod undo;
pub mod unsnooze_ticket;

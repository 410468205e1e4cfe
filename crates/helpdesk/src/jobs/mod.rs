//! Background work of the helpdesk: one file a job. The binary connects each kind with its function.

pub mod merge_tags;
pub mod unsnooze_ticket;

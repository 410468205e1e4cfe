//! The helpdesk itself: what a ticket, a customer or a tag is and what may be done with it. Knows no HTTP and no vendor.

mod error;
pub mod events;
pub mod page;
pub mod people;
pub mod teams;
pub mod tickets;

pub use error::Error;

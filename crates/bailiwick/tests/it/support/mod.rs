//! What tests share.

pub mod golden;
pub mod server;

pub use golden::golden;
pub use server::{Person, Server};

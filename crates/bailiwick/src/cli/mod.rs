//! The command line: one file a command.

pub mod init;
mod output;
pub mod routes;
pub mod scopes;
pub mod serve;

//! The command line: one file a command.

pub mod backup;
pub mod export;
pub mod import;
pub mod init;
pub mod key;
pub mod migrate;
pub mod output;
pub mod restore;
pub mod routes;
pub mod scopes;
pub mod serve;
pub mod statistics;

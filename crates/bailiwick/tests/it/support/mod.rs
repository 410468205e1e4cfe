//! What tests share.

pub mod app;
pub mod authenticator;
pub mod browser;
pub mod database;
pub mod events;
pub mod fapi;
pub mod golden;
pub mod host;
pub mod jose;
pub mod mcp;
pub mod nodes;
pub mod people;
pub mod proofs;
pub mod push;
pub mod receiver;
pub mod registering;
pub mod relying_party;
pub mod request_object;
pub mod resources;
pub mod server;
pub mod shape;
pub mod tls;

pub use app::TestApp;
pub use browser::Browser;
pub use golden::golden;
pub use host::Host;
pub use jose::TestKey;
pub use receiver::{Receiver, Reply};
pub use server::{Person, Server};

//! The world as tests replace it: time, chance, and the hosts of others. Nothing else in the project may ask for them (`clippy.toml`).

pub mod blobs;
mod clock;
pub mod fetch;
pub mod mail;
mod random;
mod s3_signature;

pub use blobs::Blobs;
pub use clock::Clock;
pub use fetch::Fetch;
pub use mail::Mailer;
pub use random::{Random, sha256, sha256_of};

//! The world as tests replace it: time and chance. Nothing else in the project may ask for either (`clippy.toml`).

mod clock;
mod random;

pub use clock::Clock;
pub use random::{Random, sha256};

//! The account's switch for API keys. Off, every key is refused with words that say so: a rehearsal for the day when a vendor ends them.

use serde::{Deserialize, Serialize};

/// Name of the setting.
pub const NAME: &str = "api_keys";

/// On unless an administrator said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiKeySwitch {
    pub off: bool,
}

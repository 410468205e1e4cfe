//! The MCP dialect: tools for outside agents, each with its scope.

use scope::permission::Permissions;
use scope::resource::Kind;

/// What the tools need, all together.
pub fn permissions() -> Permissions {
    Permissions::reading(&[Kind::Tickets, Kind::Customers, Kind::Tags])
        .union(Permissions::writing(&[Kind::Tickets, Kind::Tags]))
}

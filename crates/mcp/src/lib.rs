//! The MCP dialect: tools for outside agents, each with its scope.

//! gorgias-api

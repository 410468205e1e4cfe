//! Documents that are generated from the tables: written again by `UPDATE_GOLDEN=1`.

use crate::routes::printed;
use crate::support::golden;

#[test]
fn the_document_of_scopes_is_up_to_date() {
    golden("../../../../docs/scopes.md", &printed(&["scopes", "--markdown"]));
}

#[test]
fn the_document_of_routes_is_up_to_date() {
    golden("../../../../docs/routes.md", &printed(&["routes", "--markdown"]));
}

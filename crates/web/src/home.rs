//! `/`: leads everybody to the page that is theirs.

use axum::extract::State;
use axum::response::Response;
use endpoint::App;

use crate::pages::see_other;
use crate::visitor::Visitor;

/// `GET /`
pub async fn show(State(app): State<App>, visitor: Visitor) -> Response {
    match &visitor.session {
        Some(session) if session.role.is_admin() => see_other("/admin"),
        Some(_) => see_other("/me/apps"),
        // Without its token, the set-up page says where to find the link.
        None if app.setup.is_open() => see_other("/setup"),
        None => see_other("/login"),
    }
}

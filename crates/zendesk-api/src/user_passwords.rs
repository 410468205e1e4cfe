//! `/api/v2/users/{user_id}/password`: one's own, and somebody else's (Zendesk contract, `resources.users`). No narrow word opens them.

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, Later, May, Routes};
use oauth::set_password::REQUIREMENTS;
use scope::permission::{Permission, Permissions};
use scope::permit::CanWrite;
use scope::resource::{Apps, Kind, Read, Users, Write};
use serde_json::json;

use crate::Id;
use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/api/v2/users/{user_id}/password";
    const REQUIRED: &str = "/api/v2/users/{user_id}/password/requirements";
    const OWN: &str = "a broad scope, for the caller's own password";
    routes.post(PATH, set).by_request(MethodFilter::PUT, PATH, change, WRITE, OWN).by_request(
        MethodFilter::GET,
        REQUIRED,
        show_requirements,
        READ,
        OWN,
    )
}

/// What refusals name.
const READ: Permissions = Permissions::of(&[Permission::read(Kind::Apps)]);
const WRITE: Permissions = Permissions::of(&[Permission::write(Kind::Apps)]);
const PASSWORD_MAX_CHARS: usize = 1_024;

/// `POST /api/v2/users/{user_id}/password`: by an administrator, where the account lets them.
pub async fn set(
    State(app): State<App>,
    May(may): May<CanWrite<Users>>,
    May(_broad): May<CanWrite<Apps>>,
    later: Later,
    Id(id): Id,
    body: Body,
) -> Answer {
    later.administrator()?;
    let mut fields = body.bare()?;
    fields.require("password");
    let password = fields.some_text("password", PASSWORD_MAX_CHARS).unwrap_or_default();
    fields.finish()?;
    app.provider.set_password_of(&may, id, &password).await?;
    Ok(Reply::ok(json!({})))
}

/// `PUT /api/v2/users/{user_id}/password`: the caller's own.
pub async fn change(State(app): State<App>, later: Later, Id(id): Id, body: Body) -> Answer {
    later.by_words::<Apps, Write>()?;
    must_be_own(&later, id)?;
    let mut fields = body.bare()?;
    fields.require("previous_password");
    fields.require("password");
    let old = fields.some_text("previous_password", PASSWORD_MAX_CHARS).unwrap_or_default();
    let new = fields.some_text("password", PASSWORD_MAX_CHARS).unwrap_or_default();
    fields.finish()?;
    app.provider.change_own_password(later.actor(), &old, &new).await?;
    Ok(Reply::ok(json!({})))
}

/// `GET /api/v2/users/{user_id}/password/requirements`: the same for everybody.
pub async fn show_requirements(later: Later, Id(id): Id) -> Answer {
    later.by_words::<Apps, Read>()?;
    if must_be_own(&later, id).is_err() {
        later.administrator()?;
    }
    Ok(Reply::ok(json!({ "requirements": REQUIREMENTS })))
}

fn must_be_own(later: &Later, id: i64) -> Result<(), ZendeskError> {
    if later.actor().person_id == Some(id) { Ok(()) } else { Err(ZendeskError::not_found()) }
}

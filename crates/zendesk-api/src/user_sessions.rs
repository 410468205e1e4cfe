//! `/api/v2/sessions`, and those of one user: sign-ins in a browser (Zendesk contract, `resources.users`). Everybody sees and ends their own,
//! administrators everybody's. No narrow word opens them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::MethodFilter;
use endpoint::{App, ItsToken, Later, May, Routes};
use oauth::session_end::Which;
use oauth::session_list::{self, Listed};
use scope::permission::{Permission, Permissions};
use scope::permit::CanWrite;
use scope::resource::{Apps, Kind, Read, Users, Write};
use serde_json::{Value, json};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;
use crate::{Id, Pair, Site};

pub fn routes(routes: Routes) -> Routes {
    const OF_USER: &str = "/api/v2/users/{user_id}/sessions";
    const ONE: &str = "/api/v2/users/{user_id}/sessions/{session_id}";
    const OWN: &str = "a broad scope for the caller's own sessions, an administrator's for others";
    routes
        .by_request(MethodFilter::GET, "/api/v2/sessions", list_all, READ, OWN)
        .by_request(MethodFilter::GET, OF_USER, list_of_user, READ, OWN)
        .by_request(MethodFilter::DELETE, OF_USER, delete_all, WRITE, OWN)
        .by_request(MethodFilter::DELETE, ONE, delete, WRITE, OWN)
        .by_request(MethodFilter::GET, "/api/v2/users/me/session", show_current, READ, OWN)
        .by_request(MethodFilter::DELETE, "/api/v2/users/me/logout", log_out, WRITE, OWN)
        .post("/api/v2/users/logout_many", log_out_many)
}

/// What refusals name.
const READ: Permissions = Permissions::of(&[Permission::read(Kind::Apps)]);
const WRITE: Permissions = Permissions::of(&[Permission::write(Kind::Apps)]);

/// The caller, who must be a person.
fn own(later: &Later) -> Result<i64, ZendeskError> {
    later.actor().person_id.ok_or_else(ZendeskError::not_found)
}

/// Whether the caller may see and end this person's sessions.
fn check(later: &Later, person_id: i64) -> Result<(), ZendeskError> {
    if own(later)? != person_id {
        later.administrator()?;
    }
    Ok(())
}

/// `GET /api/v2/sessions`: the caller's own; of administrators, everybody's.
pub async fn list_all(State(app): State<App>, later: Later, params: Params) -> Answer {
    later.by_words::<Apps, Read>()?;
    let person_id = own(&later)?;
    let of = if later.administrator().is_ok() { None } else { Some(person_id) };
    list_by(&app, &params, ("sessions", of)).await
}

/// `GET /api/v2/users/{user_id}/sessions`
pub async fn list_of_user(State(app): State<App>, later: Later, Id(id): Id, params: Params) -> Answer {
    later.by_words::<Apps, Read>()?;
    check(&later, id)?;
    if !session_list::has_person(&mut app.db.read().await?, id).await? {
        return Err(ZendeskError::not_found());
    }
    list_by(&app, &params, ("user sessions", Some(id))).await
}

async fn list_by(app: &App, params: &Params, (list, of): (&'static str, Option<i64>)) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = session_list::list(&mut tx, app.clock.now(), of, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("sessions", page, |session| view(&params.site, &session)))))
}

/// `DELETE /api/v2/users/{user_id}/sessions`
pub async fn delete_all(State(app): State<App>, later: Later, Id(id): Id) -> Answer {
    later.by_words::<Apps, Write>()?;
    check(&later, id)?;
    if !session_list::has_person(&mut app.db.read().await?, id).await? {
        return Err(ZendeskError::not_found());
    }
    app.provider.end_sessions(later.actor(), id, Which::All).await?;
    Ok(Reply::empty())
}

/// `DELETE /api/v2/users/{user_id}/sessions/{session_id}`
pub async fn delete(State(app): State<App>, later: Later, Pair(person_id, id): Pair) -> Answer {
    later.by_words::<Apps, Write>()?;
    check(&later, person_id)?;
    app.provider.end_sessions(later.actor(), person_id, Which::One(id)).await?;
    Ok(Reply::empty())
}

/// `GET /api/v2/users/me/session`: that in which the token was granted, else the newest of the caller's.
pub async fn show_current(State(app): State<App>, later: Later, ItsToken(token): ItsToken, params: Params) -> Answer {
    later.by_words::<Apps, Read>()?;
    let mut tx = app.db.read().await?;
    let session = session_list::current(&mut tx, app.clock.now(), own(&later)?, token).await?;
    Ok(Reply::one("session", view(&params.site, &session.ok_or_else(ZendeskError::not_found)?)))
}

/// `DELETE /api/v2/users/me/logout`: ends that session. Whoever has none is out already.
pub async fn log_out(State(app): State<App>, later: Later, ItsToken(token): ItsToken) -> Answer {
    later.by_words::<Apps, Write>()?;
    let person_id = own(&later)?;
    let session = {
        let mut tx = app.db.read().await?;
        session_list::current(&mut tx, app.clock.now(), person_id, token).await?
    };
    if let Some(session) = session {
        app.provider.end_sessions(later.actor(), person_id, Which::One(session.id)).await?;
    }
    Ok(Reply::empty())
}

/// `POST /api/v2/users/logout_many`: all sessions of these people. Whoever is not there is passed over.
pub async fn log_out_many(
    State(app): State<App>,
    May(may): May<CanWrite<Users>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    for id in params.required_ids("ids")? {
        if session_list::has_person(&mut app.db.read().await?, id).await? {
            app.provider.end_sessions(may.actor(), id, Which::All).await?;
        }
    }
    Ok(Reply { status: StatusCode::ACCEPTED, ..Reply::empty() })
}

fn view(site: &Site, session: &Listed) -> Value {
    json!({
        "id": session.id,
        "url": site.url(&format!("users/{}/sessions/{}", session.person_id, session.id)),
        "user_id": session.person_id,
        "authenticated_at": format(session.auth_time),
        "last_seen_at": format(session.last_seen_at),
    })
}

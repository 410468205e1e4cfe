//! `/api/v2/activities` (Zendesk contract, `resources.activities`): what happened in the last 30 days that concerns whoever asks.

use std::collections::HashMap;

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::activities::{self, Activity, Verb};
use helpdesk::profiles::{self, Profile};
use scope::permit::CanRead;
use scope::resource::Events;
use serde_json::{Value, json};
use store::Tx;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::page::{Asked, Ways};
use crate::query::Params;
use crate::time::{self, format};
use crate::{Id, Site, users};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/activities", list)
        .get("/api/v2/activities/count", count)
        .get("/api/v2/activities/{activity_id}", show)
}

/// `GET /api/v2/activities`, newest first, with the people of all of them.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Events>>, params: Params) -> Answer {
    let asked = Asked::read_as(&params, "activities", &["created_at"], (Ways::Both, true))?;
    let since = match params.one("since") {
        None => None,
        Some(text) => {
            let seconds = || text.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
            let since = time::parse(text).or_else(seconds);
            Some(since.ok_or_else(|| ZendeskError::bad_request("The parameter since is not a time."))?)
        }
    };
    let mut tx = app.db.read().await?;
    let page = activities::list(&mut tx, &may, app.clock.now(), since, asked.descending, &asked.slice).await?;
    let people = people_of(&mut tx, &may, &page.items).await?;
    let shown = |ids: Vec<i64>| -> Value {
        let mut ids = ids;
        ids.sort_unstable();
        ids.dedup();
        ids.iter().filter_map(|id| people.get(id)).map(|person| users::view(&params.site, person)).collect()
    };
    let (concerned, actors) = (
        shown(page.items.iter().map(|it| it.person_id).collect()),
        shown(page.items.iter().map(|it| it.actor_id).collect()),
    );
    let mut body = asked.body("activities", page, |it| view(&params.site, &it, &people));
    body.insert("users".to_owned(), concerned);
    body.insert("actors".to_owned(), actors);
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/activities/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<Events>>) -> Answer {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    Ok(Reply::count(activities::count(&mut tx, &may, now).await?, now))
}

/// `GET /api/v2/activities/{activity_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Events>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let found = [activities::find(&mut tx, &may, app.clock.now(), id).await?];
    let people = people_of(&mut tx, &may, &found).await?;
    Ok(Reply::one("activity", view(&params.site, &found[0], &people)))
}

async fn people_of(
    tx: &mut Tx,
    may: &CanRead<Events>,
    found: &[Activity],
) -> Result<HashMap<i64, Profile>, ZendeskError> {
    let mut ids: Vec<i64> = found.iter().flat_map(|it| [it.person_id, it.actor_id]).collect();
    ids.sort_unstable();
    ids.dedup();
    let people = profiles::beside(tx, may, &ids).await?;
    Ok(people.into_iter().map(|person| (person.id, person)).collect())
}

fn view(site: &Site, it: &Activity, people: &HashMap<i64, Profile>) -> Value {
    let person = |id: i64| people.get(&id).map_or_else(|| json!({ "id": id }), |person| users::view(site, person));
    let name = people.get(&it.actor_id).and_then(|person| person.name.as_deref()).unwrap_or("Somebody");
    let title = match it.verb {
        Verb::Assignment => format!("{name} assigned ticket #{} to you.", it.ticket_id),
        Verb::Comment => format!("{name} commented on ticket #{}.", it.ticket_id),
        Verb::PriorityIncrease => format!("{name} increased the priority of ticket #{}.", it.ticket_id),
    };
    let object = match (&it.comment, &it.priority) {
        (Some((text, public)), _) => json!({ "comment": { "value": text, "public": public } }),
        (None, Some(priority)) => json!({ "ticket": { "id": it.ticket_id, "priority": priority } }),
        (None, None) => json!({ "ticket": { "id": it.ticket_id } }),
    };
    json!({
        "id": it.id,
        "url": site.url(&format!("activities/{}", it.id)),
        "title": title,
        "verb": format!("tickets.{}", it.verb.word()),
        "user_id": it.person_id,
        "user": person(it.person_id),
        "actor_id": it.actor_id,
        "actor": person(it.actor_id),
        "object": object,
        "target": { "ticket": { "id": it.ticket_id, "subject": it.ticket_subject.as_deref().unwrap_or_default() } },
        "created_at": format(it.created_at),
        "updated_at": format(it.created_at),
    })
}

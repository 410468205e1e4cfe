//! What a macro would do: `/api/v2/macros/{macro_id}/apply`, and to a ticket (Zendesk contract, `resources.macros`). Nothing is stored.
//!
//! The vendor's word for macros alone opens the second call; here, what a ticket says needs the word for tickets besides.

use axum::extract::State;
use endpoint::{App, Later, May, Routes};
use helpdesk::actions::{Action, Text};
use helpdesk::macros::{self, Macro};
use helpdesk::templates::{self, Facts};
use helpdesk::tickets::list;
use scope::permit::CanRead;
use scope::resource::{Macros, Tickets};
use serde_json::{Map, Value, json};
use store::Tx;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::macro_actions::shown_status;
use crate::query::Params;
use crate::{Id, Pair, ticket_view};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/macros/{macro_id}/apply", show_changes)
        .get("/api/v2/tickets/{ticket_id}/macros/{macro_id}/apply", show_ticket)
}

/// `GET /api/v2/macros/{macro_id}/apply`: the changes alone. Places in its texts stay open.
pub async fn show_changes(State(app): State<App>, May(may): May<CanRead<Macros>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let found = macros::find(&mut tx, &may, id).await?;
    let person_id = may.actor().person_id;
    let mut ticket = Map::new();
    for action in &found.actions {
        change(&mut ticket, action, None, person_id);
    }
    Ok(Reply::one("result", result(ticket, comment(&found, None))))
}

/// `GET /api/v2/tickets/{ticket_id}/macros/{macro_id}/apply`: the whole ticket as it would be.
pub async fn show_ticket(
    State(app): State<App>,
    May(may): May<CanRead<Macros>>,
    later: Later,
    Pair(ticket_id, id): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let found = macros::find(&mut tx, &may, id).await?;
    let may_tickets: CanRead<Tickets> = later.permit()?;
    let person_id = may.actor().person_id;
    let facts = facts(&mut tx, &may_tickets, ticket_id, person_id, &found).await?;
    let tickets = list::of_ids(&mut tx, &may_tickets, &[ticket_id]).await?;
    let shown = ticket_view::views(&mut tx, &may_tickets, &params.site, &tickets).await?.pop();
    let Some(Value::Object(mut ticket)) = shown else { return Err(ZendeskError::not_found()) };
    for action in &found.actions {
        change(&mut ticket, action, Some(&facts), person_id);
    }
    Ok(Reply::one("result", result(ticket, comment(&found, Some(&facts)))))
}

async fn facts(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    ticket_id: i64,
    person_id: Option<i64>,
    found: &Macro,
) -> Result<Facts, ZendeskError> {
    let mut texts: Vec<&str> = Vec::new();
    for action in &found.actions {
        match action {
            Action::SetSubject(subject) => texts.push(subject),
            Action::Reply(text) | Action::InternalNote(text) => {
                texts.push(&text.body_text);
                texts.extend(text.body_html.as_deref());
            }
            _ => {}
        }
    }
    Ok(Facts::preview(tx, may, ticket_id, person_id, texts).await?)
}

fn result(ticket: Map<String, Value>, comment: Option<Value>) -> Value {
    let mut result = json!({ "ticket": ticket });
    if let Some(comment) = comment {
        result["comment"] = comment;
    }
    result
}

/// The last comment that it writes.
fn comment(found: &Macro, facts: Option<&Facts>) -> Option<Value> {
    let said = found.actions.iter().rev().find_map(|action| match action {
        Action::Reply(text) => Some((text, true)),
        Action::InternalNote(text) => Some((text, false)),
        _ => None,
    });
    let (Text { body_text, body_html, .. }, public) = said?;
    let body = facts.map_or_else(|| body_text.clone(), |facts| templates::text(body_text, facts));
    let html = body_html.as_ref().map(|html| facts.map_or_else(|| html.clone(), |facts| templates::html(html, facts)));
    Some(json!({
        "body": body,
        "html_body": html.as_deref().unwrap_or(&body),
        "scoped_body": [["channel:all", body]],
        "public": public,
    }))
}

/// Does one action to a ticket as it is shown.
fn change(ticket: &mut Map<String, Value>, action: &Action, facts: Option<&Facts>, person_id: Option<i64>) {
    let mut set = |name: &str, value: Value| {
        ticket.insert(name.to_owned(), value);
    };
    match action {
        Action::SetStatus(word) => set("status", json!(shown_status(word))),
        Action::SetPriority(word) => set("priority", json!(word)),
        Action::AssignCurrentUser => set("assignee_id", json!(person_id)),
        Action::AssignUser(id) => set("assignee_id", json!(id)),
        Action::AssignTeam(id) => set("group_id", json!(id)),
        Action::SetSubject(subject) => {
            let subject = facts.map_or_else(|| subject.clone(), |facts| templates::text(subject, facts));
            set("raw_subject", json!(subject));
            set("subject", json!(subject));
        }
        Action::SetTags(names) => set("tags", json!(names)),
        // Without a ticket its tags are not known: these two do not overwrite them.
        Action::AddTags(names) if facts.is_none() => set("additional_tags", json!(names)),
        Action::RemoveTags(names) if facts.is_none() => set("remove_tags", json!(names)),
        Action::AddTags(names) => retag(ticket, |tags| {
            for name in names {
                if !tags.contains(name) {
                    tags.push(name.clone());
                }
            }
        }),
        Action::RemoveTags(names) => retag(ticket, |tags| tags.retain(|tag| !names.contains(tag))),
        Action::SetCustomField { custom_field_id, value } => {
            for name in ["custom_fields", "fields"] {
                let list = ticket.entry(name).or_insert_with(|| json!([]));
                if let Value::Array(values) = list {
                    values.retain(|it| it["id"] != *custom_field_id);
                    values.push(json!({ "id": custom_field_id, "value": value }));
                }
            }
        }
        _ => {}
    }
}

fn retag(ticket: &mut Map<String, Value>, change: impl FnOnce(&mut Vec<String>)) {
    let tags = ticket.get("tags").and_then(Value::as_array);
    let mut tags: Vec<String> = tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    change(&mut tags);
    tags.sort();
    ticket.insert("tags".to_owned(), json!(tags));
}

//! What webhooks are told of, and how: an event of the log as the vendor's envelope, with the record as it is now beside what changed.
//!
//! Names and values are those of the dialect whose webhooks these are (Zendesk: `zen:event-type:ticket.status_changed`).

use jiff::Timestamp;
use outside::sha256;
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use crate::Error;
use crate::follow::Logged;

/// Everything that a webhook can wait for, without what the vendor writes before it.
pub(super) const WORDS: &[&str] = &[
    "ticket.*",
    "ticket.created",
    "ticket.agent_assignment_changed",
    "ticket.brand_changed",
    "ticket.comment_added",
    "ticket.custom_field_changed",
    "ticket.custom_status_changed",
    "ticket.external_id_changed",
    "ticket.form_changed",
    "ticket.group_assignment_changed",
    "ticket.marked_as_spam",
    "ticket.organization_changed",
    "ticket.permanently_deleted",
    "ticket.priority_changed",
    "ticket.problem_link_changed",
    "ticket.requester_changed",
    "ticket.soft_deleted",
    "ticket.status_changed",
    "ticket.subject_changed",
    "ticket.tags_changed",
    "ticket.task_due_at_changed",
    "ticket.type_changed",
    "ticket.undeleted",
    "user.*",
    "user.created",
    "user.deleted",
    "organization.*",
    "organization.created",
    "organization.deleted",
    "organization.name_changed",
    "organization.external_id_changed",
];

/// Fields of `ticket-updated`, and what their change is announced as.
const CHANGES: &[(&str, &str)] = &[
    ("assignee_user_id", "ticket.agent_assignment_changed"),
    ("assignee_team_id", "ticket.group_assignment_changed"),
    ("brand_id", "ticket.brand_changed"),
    ("custom_status_id", "ticket.custom_status_changed"),
    ("customer_id", "ticket.requester_changed"),
    ("due_at", "ticket.task_due_at_changed"),
    ("external_id", "ticket.external_id_changed"),
    ("form_id", "ticket.form_changed"),
    ("organization_id", "ticket.organization_changed"),
    ("priority", "ticket.priority_changed"),
    ("problem_id", "ticket.problem_link_changed"),
    ("status", "ticket.status_changed"),
    ("subject", "ticket.subject_changed"),
    ("type", "ticket.type_changed"),
];

/// Longest text of a comment that is told, in characters.
const BODY_MAX_CHARS: usize = 50_000;

/// One thing that an event of the log is announced as.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Announced {
    pub word: &'static str,
    /// What changed, in the vendor's words.
    event: Json,
}

impl Announced {
    /// The words by which it can be waited for.
    pub fn words(&self) -> [&'static str; 2] {
        let all = if self.word.starts_with("ticket.") {
            "ticket.*"
        } else if self.word.starts_with("user.") {
            "user.*"
        } else {
            "organization.*"
        };
        [self.word, all]
    }
}

/// What an event is announced as.
pub(super) fn of(event: &Logged) -> Vec<Announced> {
    let one = |word: &'static str| vec![Announced { word, event: json!({}) }];
    match event.kind.as_str() {
        "ticket-created" => one("ticket.created"),
        "ticket-updated" => changes(event),
        "ticket-tags-added" | "ticket-tags-removed" => {
            let names = |side: &Option<Json>| -> Vec<String> {
                let tags = side.as_ref().and_then(|side| side.get("tags")).and_then(Json::as_array);
                tags.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
            };
            let (before, after) = (names(&event.before), names(&event.after));
            let without = |some: &[String], others: &[String]| -> Vec<String> {
                some.iter().filter(|name| !others.contains(name)).cloned().collect()
            };
            let told = json!({ "tags_added": without(&after, &before), "tags_removed": without(&before, &after) });
            vec![Announced { word: "ticket.tags_changed", event: told }]
        }
        "ticket-message-created" => one("ticket.comment_added"),
        "ticket-marked-spam" => one("ticket.marked_as_spam"),
        "ticket-trashed" => one("ticket.soft_deleted"),
        "ticket-untrashed" => one("ticket.undeleted"),
        "ticket-deleted" => one("ticket.permanently_deleted"),
        "customer-created" | "user-created" => one("user.created"),
        "customer-deleted" | "user-deleted" => one("user.deleted"),
        "organization-created" => one("organization.created"),
        "organization-deleted" => one("organization.deleted"),
        "organization-updated" => {
            let told = [("name", "organization.name_changed"), ("external_id", "organization.external_id_changed")];
            told.into_iter().filter_map(|(field, word)| change(event, field, word)).collect()
        }
        _ => Vec::new(),
    }
}

fn changes(event: &Logged) -> Vec<Announced> {
    let mut told: Vec<Announced> = CHANGES.iter().filter_map(|(field, word)| change(event, field, word)).collect();
    let side = |side: &Option<Json>| side.as_ref().and_then(|side| side.get("custom_fields")).cloned();
    let (before, after) = (side(&event.before).unwrap_or_default(), side(&event.after).unwrap_or_default());
    for (id, value) in after.as_object().into_iter().flatten() {
        told.push(Announced {
            word: "ticket.custom_field_changed",
            event: json!({ "current": value, "previous": before.get(id), "field": { "id": id } }),
        });
    }
    told
}

fn change(event: &Logged, field: &str, word: &'static str) -> Option<Announced> {
    let side = |side: &Option<Json>| side.as_ref().and_then(|side| side.get(field)).cloned();
    let current = side(&event.after)?;
    let previous = side(&event.before).unwrap_or_default();
    Some(Announced { word, event: json!({ "current": said(field, current), "previous": said(field, previous) }) })
}

/// Words in capitals and ids as texts, as this vendor tells them.
fn said(field: &str, value: Json) -> Json {
    match (field, value) {
        ("status", Json::String(word)) => json!(status(&word)),
        ("priority" | "type", Json::String(word)) => json!(word.to_uppercase()),
        (_, Json::Number(number)) => json!(number.to_string()),
        (_, value) => value,
    }
}

fn status(word: &str) -> String {
    if word == "on_hold" { "HOLD".to_owned() } else { word.to_uppercase() }
}

/// The whole of what a webhook is told. None: what it is about is gone, and nothing can be said of it.
pub(super) async fn envelope(tx: &mut Tx, event: &Logged, announced: &Announced) -> Result<Option<Json>, Error> {
    let (kind, _) = announced.word.split_once('.').unwrap_or_default();
    let mut told = announced.event.clone();
    let mut id = event.object_id;
    let detail = match kind {
        "ticket" => {
            if event.object_type == "TicketMessage" {
                let Some((ticket_id, comment)) = comment(tx, event.object_id).await? else { return Ok(None) };
                id = ticket_id;
                told = json!({ "comment": comment });
            }
            ticket(tx, id, event).await?
        }
        "user" => user(tx, id).await?,
        _ => organization(tx, id).await?,
    };
    let is_deletion = announced.word.ends_with("deleted");
    let Some(detail) = detail.or_else(|| is_deletion.then(|| json!({ "id": id.to_string() }))) else { return Ok(None) };
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha256(format!("{} {} {told}", event.id, announced.word).as_bytes())[..16]);
    Ok(Some(json!({
        "account_id": 1,
        "detail": detail,
        "event": told,
        "id": uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string(),
        "subject": format!("zen:{kind}:{id}"),
        "time": time(event.created_at),
        "type": format!("zen:event-type:{}", announced.word),
        "zendesk_event_version": "2022-11-06",
    })))
}

async fn ticket(tx: &mut Tx, id: i64, event: &Logged) -> Result<Option<Json>, Error> {
    let row = tx
        .row(
            "select t.id, t.external_id, t.status, t.priority, t.type, t.subject, t.channel, t.customer_id, t.assignee_user_id,
                    t.assignee_team_id, t.organization_id, t.form_id, t.created_at, t.updated_at,
                    coalesce(t.brand_id, (select b.id from brands b where b.is_default = 1)) as brand_id,
                    coalesce(t.custom_status_id, (select s.id from custom_statuses s
                             where s.is_default = 1 and s.status = case t.status when 'closed' then 'solved' else t.status end)) as custom_status_id,
                    (select m.body_text from messages m where m.ticket_id = t.id order by m.created_at, m.id limit 1) as description,
                    (select m.sender_id from messages m where m.ticket_id = t.id order by m.created_at, m.id limit 1) as submitter_id,
                    (select count(*) from (select p.id from messages p where p.ticket_id = t.id and p.public = 1 limit 1) as one) as is_public
             from tickets t where t.id = $1",
            &[id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let tags = tx
        .rows(
            "select g.name from ticket_tags tt join tags g on g.id = tt.tag_id where tt.ticket_id = $1 order by g.name",
            &[id.into()],
        )
        .await?;
    let tags = tags.iter().map(|tag| tag.text("name")).collect::<Result<Vec<_>, _>>()?;
    let description = row.text_or_null("description")?.unwrap_or_default();
    Ok(Some(json!({
        "actor_id": event.person_id.map_or_else(|| "-1".to_owned(), |id| id.to_string()),
        "assignee_id": text_of(&row, "assignee_user_id")?,
        "brand_id": text_of(&row, "brand_id")?,
        "created_at": time(row.time("created_at")?),
        "custom_status": text_of(&row, "custom_status_id")?,
        "description": description.chars().take(BODY_MAX_CHARS).collect::<String>(),
        "external_id": row.text_or_null("external_id")?,
        "form_id": text_of(&row, "form_id")?,
        "group_id": text_of(&row, "assignee_team_id")?,
        "id": id.to_string(),
        "is_public": row.flag("is_public")?,
        "organization_id": text_of(&row, "organization_id")?,
        "priority": row.text("priority")?.to_uppercase(),
        "requester_id": text_of(&row, "customer_id")?,
        "status": status(&row.text("status")?),
        "subject": row.text_or_null("subject")?,
        "submitter_id": text_of(&row, "submitter_id")?,
        "tags": tags,
        "type": row.text_or_null("type")?.map(|word| word.to_uppercase()),
        "updated_at": time(row.time("updated_at")?),
        "via": { "channel": row.text("channel")? },
    })))
}

/// The ticket that a message belongs to, and the message.
async fn comment(tx: &mut Tx, id: i64) -> Result<Option<(i64, Json)>, Error> {
    let row = tx
        .row(
            "select m.ticket_id, m.body_text, m.public, s.id as sender_id, s.name, s.is_staff
             from messages m join people s on s.id = m.sender_id where m.id = $1",
            &[id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let body = row.text_or_null("body_text")?.unwrap_or_default();
    let comment = json!({
        "author": { "id": text_of(&row, "sender_id")?, "is_staff": row.flag("is_staff")?, "name": row.text_or_null("name")? },
        "body": body.chars().take(BODY_MAX_CHARS).collect::<String>(),
        "id": id.to_string(),
        "is_public": row.flag("public")?,
    });
    Ok(Some((row.int("ticket_id")?, comment)))
}

async fn user(tx: &mut Tx, id: i64) -> Result<Option<Json>, Error> {
    let sql = "select id, email, external_id, role, is_staff, created_at, updated_at from people where id = $1";
    let Some(row) = tx.row(sql, &[id.into()]).await? else { return Ok(None) };
    let role = match row.text("role")?.as_str() {
        "owner" | "admin" => "admin",
        _ if row.flag("is_staff")? => "agent",
        _ => "end-user",
    };
    Ok(Some(json!({
        "id": id.to_string(),
        "email": row.text_or_null("email")?,
        "external_id": row.text_or_null("external_id")?,
        "role": role,
        "created_at": time(row.time("created_at")?),
        "updated_at": time(row.time("updated_at")?),
    })))
}

async fn organization(tx: &mut Tx, id: i64) -> Result<Option<Json>, Error> {
    let sql = "select id, name, external_id, created_at, updated_at from organizations where id = $1";
    let Some(row) = tx.row(sql, &[id.into()]).await? else { return Ok(None) };
    Ok(Some(json!({
        "id": id.to_string(),
        "name": row.text("name")?,
        "external_id": row.text_or_null("external_id")?,
        "created_at": time(row.time("created_at")?),
        "updated_at": time(row.time("updated_at")?),
    })))
}

fn text_of(row: &Row, column: &'static str) -> Result<Option<String>, Error> {
    Ok(row.int_or_null(column)?.map(|id| id.to_string()))
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

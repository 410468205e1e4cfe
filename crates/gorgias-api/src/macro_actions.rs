//! The actions of macros and messages, in the vendor's words and in ours (Gorgias contract, `MacroAction`, `macros.action_names`).
//!
//! What is sent is kept as it came and shown unchanged. A name that we do not know is kept too, and does nothing.

use helpdesk::actions::{Action, BODY_MAX_CHARS, Email, HttpCall, Text};
use serde_json::{Map, Value, json};

use crate::fields::{Fields, ID_MAX};

const NAME_MAX_CHARS: usize = 64;
const TITLE_MAX_CHARS: usize = 256;

/// An action as it came, and as we read it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub source: Value,
    pub action: Action,
}

/// Reads one `MacroAction`.
pub(crate) fn read(fields: &mut Fields) -> Written {
    let name = fields.required_text("name", 1, NAME_MAX_CHARS);
    let title = fields.required_text("title", 1, TITLE_MAX_CHARS);
    let kind = fields.one_of("type", &["user", "system"]).unwrap_or("user");
    let description = fields.text_or_null("description", 4_096).value();
    let arguments = match fields.object_or_null("arguments").value() {
        Some(Value::Object(arguments)) => arguments,
        _ => Map::new(),
    };
    let action = match action(&name, &arguments) {
        Ok(action) => action,
        Err(problem) => {
            fields.problem("arguments", problem);
            unknown(&name, &arguments)
        }
    };
    let source =
        json!({ "name": name, "title": title, "type": kind, "description": description, "arguments": arguments });
    Written { source, action }
}

/// Our action for one that was read already. An error says what is wrong with its arguments.
pub(crate) fn parse(source: &Value) -> Result<Action, String> {
    let name = source.get("name").and_then(Value::as_str).unwrap_or_default();
    match source.get("arguments").and_then(Value::as_object) {
        Some(arguments) => action(name, arguments),
        None => action(name, &Map::new()),
    }
}

/// An action in the vendor's words, where nobody wrote it in them: macros that were made in our own room.
pub(crate) fn written(action: &Action) -> Value {
    let (name, title, arguments) = match action {
        Action::Reply(text) => ("setResponseText", "Reply", bodies(text)),
        Action::InternalNote(text) => ("addInternalNote", "Internal note", bodies(text)),
        Action::AddTags(tags) => ("addTags", "Add tags", json!({ "tags": tags.join(", ") })),
        Action::RemoveTags(tags) => ("removeTags", "Remove tags", json!({ "tags": tags.join(", ") })),
        Action::SetTags(tags) => ("setTags", "Set tags", json!({ "tags": tags.join(", ") })),
        Action::SetStatus(word) => {
            let status = if matches!(word.as_str(), "done" | "solved" | "closed") { "closed" } else { "open" };
            ("setStatus", "Set status", json!({ "status": status }))
        }
        Action::SetPriority(word) => {
            let priority = if word == "urgent" { "critical" } else { word };
            ("setPriority", "Set priority", json!({ "priority": priority }))
        }
        Action::SetSubject(subject) => ("setSubject", "Set subject", json!({ "subject": subject })),
        Action::AssignUser(id) => {
            ("setAssignee", "Assign to a person", json!({ "assignee_user": id.map(|id| json!({ "id": id })) }))
        }
        Action::AssignTeam(id) => {
            ("setTeamAssignee", "Assign to a team", json!({ "assignee_team": id.map(|id| json!({ "id": id })) }))
        }
        Action::SnoozeSeconds(seconds) => ("snoozeTicket", "Snooze", json!({ "snooze_timedelta": span(*seconds) })),
        Action::SendEmail(email) => {
            let mut arguments = bodies(&email.text);
            for (key, list) in [("to", &email.to), ("cc", &email.cc), ("bcc", &email.bcc)] {
                arguments[key] = json!(list.join(", "));
            }
            arguments["subject"] = json!(email.subject);
            ("forwardByEmail", "Forward by e-mail", arguments)
        }
        Action::SetCustomField { custom_field_id, value } => {
            ("setCustomFieldValue", "Set a ticket field", json!({ "custom_field_id": custom_field_id, "value": value }))
        }
        Action::SetCustomerField { custom_field_id, value } => (
            "setCustomerCustomFieldValue",
            "Set a customer field",
            json!({ "custom_field_id": custom_field_id, "value": value }),
        ),
        Action::Http(call) => {
            let headers: Map<String, Value> =
                call.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let arguments = json!({
                "url": call.url, "method": call.method, "headers": headers, "content_type": call.content_type, "form": call.body,
            });
            ("http", "HTTP call", arguments)
        }
        Action::Unknown { name, arguments } => (name.as_str(), name.as_str(), arguments.clone()),
        // Macros have no words for these; only rules take them.
        Action::AssignCurrentUser => ("assignCurrentUser", "Assign to whoever applies it", json!({})),
        Action::RoundRobin(team_id) => ("assignRoundRobin", "Assign in turn", json!({ "team_id": team_id })),
        Action::ApplyMacro(id) => ("applyMacro", "Apply a macro", json!({ "macro_id": id })),
        Action::Trash => ("trashTicket", "Move to the trash", json!({})),
        Action::MarkSpam(spam) => ("markSpam", "Mark as spam", json!({ "spam": spam })),
        Action::SendSurvey => ("sendSatisfactionSurvey", "Send a survey", json!({})),
        Action::SetType(word) => ("setType", "Set type", json!({ "type": word })),
        Action::SetBrand(id) => ("setBrand", "Set brand", json!({ "brand_id": id })),
        Action::SetForm(id) => ("setForm", "Set form", json!({ "form_id": id })),
        Action::SetCustomStatus(id) => ("setCustomStatus", "Set status", json!({ "custom_status_id": id })),
        Action::SetOrganizationField { custom_field_id, value } => (
            "setOrganizationCustomFieldValue",
            "Set organization field",
            json!({ "custom_field_id": custom_field_id, "value": value }),
        ),
        Action::SetCustomerLanguage(word) => {
            ("setCustomerLanguage", "Set customer language", json!({ "language": word }))
        }
        Action::SetSchedule(id) => ("setSchedule", "Set schedule", json!({ "schedule_id": id })),
        Action::CopyIn { part, who } => ("copyIn", "Copy somebody in", json!({ "part": part, "who": who })),
        Action::Notify { whom, subject, body } => {
            ("notify", "Notify", json!({ "whom": whom, "subject": subject, "body_text": body }))
        }
        Action::CallIntegration { integration_id, .. } => {
            ("callIntegration", "Call an integration", json!({ "integration_id": integration_id }))
        }
    };
    json!({ "name": name, "title": title, "type": "user", "description": null, "arguments": arguments })
}

fn bodies(text: &Text) -> Value {
    let mut arguments = json!({ "body_text": text.body_text, "body_html": text.body_html });
    if let Some(attachments) = &text.attachments {
        arguments["attachments"] = attachments.clone();
    }
    arguments
}

/// The longest unit that it is a whole number of.
fn span(seconds: i64) -> String {
    let units = [(7 * 86_400, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm')];
    match units.iter().find(|(length, _)| seconds % length == 0) {
        Some((length, unit)) => format!("{}{unit}", seconds / length),
        None => format!("{seconds}s"),
    }
}

/// `addAttachments` belongs to the reply of the same macro.
pub(crate) fn with_attachments(mut actions: Vec<Action>) -> Vec<Action> {
    let attachments = actions.iter().find_map(|action| match action {
        Action::Unknown { name, arguments } if name == "addAttachments" => arguments.get("attachments").cloned(),
        _ => None,
    });
    for action in &mut actions {
        if let (Action::Reply(text), Some(attachments)) = (action, &attachments) {
            text.attachments.get_or_insert_with(|| attachments.clone());
        }
    }
    actions
}

fn unknown(name: &str, arguments: &Map<String, Value>) -> Action {
    Action::Unknown { name: name.to_owned(), arguments: Value::Object(arguments.clone()) }
}

/// Our action for the vendor's; an error says what is wrong with the arguments.
fn action(name: &str, arguments: &Map<String, Value>) -> Result<Action, String> {
    let get = |key: &str| arguments.get(key).filter(|value| !value.is_null());
    Ok(match name {
        "setResponseText" => Action::Reply(body(arguments)?),
        "addInternalNote" => Action::InternalNote(body(arguments)?),
        "addTags" => Action::AddTags(tags(get("tags"))?),
        "removeTags" => Action::RemoveTags(tags(get("tags"))?),
        "setTags" => Action::SetTags(tags(get("tags"))?),
        "setStatus" => Action::SetStatus(match get("status").and_then(Value::as_str) {
            Some("open") => "waiting".to_owned(),
            Some("closed") => "done".to_owned(),
            _ => return Err("status must be one of: open, closed.".to_owned()),
        }),
        "setPriority" => Action::SetPriority(match get("priority").and_then(Value::as_str) {
            Some("critical") => "urgent".to_owned(),
            Some(word @ ("high" | "normal" | "low")) => word.to_owned(),
            _ => return Err("priority must be one of: critical, high, normal, low.".to_owned()),
        }),
        "setSubject" => Action::SetSubject(text(get("subject"), "subject")?),
        "setAssignee" => Action::AssignUser(reference(get("assignee_user"), "assignee_user")?),
        "setTeamAssignee" => Action::AssignTeam(reference(get("assignee_team"), "assignee_team")?),
        "snoozeTicket" => Action::SnoozeSeconds(
            get("snooze_timedelta")
                .and_then(Value::as_str)
                .and_then(gorgias_code::span_seconds)
                .filter(|seconds| 0 < *seconds)
                .ok_or("snooze_timedelta must be a span of time such as 30m, 12h or 1d.")?,
        ),
        "forwardByEmail" => Action::SendEmail(Email {
            to: addresses(get("to")),
            cc: addresses(get("cc")),
            bcc: addresses(get("bcc")),
            subject: get("subject").and_then(Value::as_str).map(str::to_owned),
            text: body(arguments)?,
        }),
        "setCustomFieldValue" | "setCustomerCustomFieldValue" => {
            let custom_field_id = get("custom_field_id").and_then(Value::as_i64).filter(|id| (1..=ID_MAX).contains(id));
            let custom_field_id = custom_field_id.ok_or("custom_field_id must be an id.")?;
            let value = arguments.get("value").cloned().unwrap_or_default();
            if name == "setCustomFieldValue" {
                Action::SetCustomField { custom_field_id, value }
            } else {
                Action::SetCustomerField { custom_field_id, value }
            }
        }
        "assignCurrentUser" => Action::AssignCurrentUser,
        "assignRoundRobin" => Action::RoundRobin(reference(get("team_id"), "team_id")?),
        "trashTicket" => Action::Trash,
        "markSpam" => Action::MarkSpam(get("spam").and_then(Value::as_bool).unwrap_or(true)),
        "sendSatisfactionSurvey" => Action::SendSurvey,
        "http" => Action::Http(HttpCall {
            url: text(get("url"), "url")?,
            method: get("method").and_then(Value::as_str).unwrap_or("GET").to_owned(),
            headers: get("headers").and_then(Value::as_object).into_iter().flatten().map(pair).collect(),
            content_type: get("content_type").and_then(Value::as_str).map(str::to_owned),
            body: get("form").map(|form| form.as_str().map_or_else(|| form.to_string(), str::to_owned)),
        }),
        _ => unknown(name, arguments),
    })
}

fn body(arguments: &Map<String, Value>) -> Result<Text, String> {
    let part = |key: &str| arguments.get(key).and_then(Value::as_str).map(str::to_owned);
    let (body_text, body_html) = (part("body_text"), part("body_html"));
    if body_text.is_none() && body_html.is_none() {
        return Err("body_text or body_html is missing.".to_owned());
    }
    let too_long = |body: &Option<String>| body.as_ref().is_some_and(|body| BODY_MAX_CHARS < body.chars().count());
    if too_long(&body_text) || too_long(&body_html) {
        return Err(format!("A body may have {BODY_MAX_CHARS} characters at most."));
    }
    Ok(Text { body_text: body_text.unwrap_or_default(), body_html, attachments: arguments.get("attachments").cloned() })
}

/// One text with commas, or a list.
fn tags(value: Option<&Value>) -> Result<Vec<String>, String> {
    let names: Vec<String> = match value {
        Some(Value::String(text)) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).map(|name| name.trim().to_owned()).collect()
        }
        _ => return Err("tags must be a text with commas.".to_owned()),
    };
    let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
    if names.iter().any(|name| 256 < name.chars().count()) {
        return Err("A tag may have 256 characters at most.".to_owned());
    }
    Ok(names)
}

/// An object with an id, an id, or null.
fn reference(value: Option<&Value>, what: &str) -> Result<Option<i64>, String> {
    let Some(value) = value else { return Ok(None) };
    let id = if value.is_object() { value.get("id").filter(|id| !id.is_null()) } else { Some(value) };
    let Some(id) = id else { return Ok(None) };
    let id = id.as_i64().filter(|id| (1..=ID_MAX).contains(id));
    id.map(Some).ok_or_else(|| format!("{what} must be an object with an id, or null."))
}

fn text(value: Option<&Value>, what: &str) -> Result<String, String> {
    let text = value.and_then(Value::as_str).filter(|text| !text.is_empty() && text.chars().count() <= 4_096);
    text.map(str::to_owned).ok_or_else(|| format!("{what} is missing or too long."))
}

fn addresses(value: Option<&Value>) -> Vec<String> {
    let all: Vec<&str> = match value {
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(all)) => {
            all.iter().filter_map(|it| it.as_str().or_else(|| it.get("address").and_then(Value::as_str))).collect()
        }
        _ => Vec::new(),
    };
    all.into_iter().map(|it| it.trim().to_owned()).filter(|it| it.contains('@')).collect()
}

fn pair((name, value): (&String, &Value)) -> (String, String) {
    (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_as_the_same() {
        let text = Text {
            body_text: "Hi {{ticket.id}}".to_owned(),
            body_html: Some("<p>Hi</p>".to_owned()),
            attachments: None,
        };
        for action in [
            Action::Reply(text.clone()),
            Action::InternalNote(text.clone()),
            Action::AddTags(vec!["a".to_owned(), "b c".to_owned()]),
            Action::RemoveTags(vec!["a".to_owned()]),
            Action::SetStatus("done".to_owned()),
            Action::SetPriority("urgent".to_owned()),
            Action::SetSubject("Parcel".to_owned()),
            Action::AssignUser(Some(7)),
            Action::AssignUser(None),
            Action::AssignTeam(Some(7)),
            Action::AssignCurrentUser,
            Action::RoundRobin(None),
            Action::Trash,
            Action::MarkSpam(false),
            Action::SnoozeSeconds(7_200),
            Action::SnoozeSeconds(14 * 86_400),
            Action::SetCustomField { custom_field_id: 3, value: json!("x") },
            Action::SetCustomerField { custom_field_id: 3, value: json!(true) },
            Action::SendEmail(Email {
                to: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
                subject: Some("Fwd".to_owned()),
                text,
                ..Email::default()
            }),
            Action::Http(HttpCall {
                url: "https://example.com".to_owned(),
                method: "POST".to_owned(),
                headers: vec![("X-A".to_owned(), "b".to_owned())],
                content_type: None,
                body: Some("{}".to_owned()),
            }),
            unknown("sendCarrierPigeon", &Map::new()),
        ] {
            assert_eq!(parse(&written(&action)), Ok(action));
        }
    }
}

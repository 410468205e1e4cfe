//! Actions of macros: a list of `{field, value}` as actions of the helpdesk, and back (Zendesk contract, `types.Action`).
//!
//! What the helpdesk cannot do to a ticket is refused and named. On the way back, steps that these words do not have, such as snoozing or a
//! call over HTTP, are left out of what is shown and still taken.

use helpdesk::actions::{Action, Text};
use helpdesk::tickets::Status;
use serde_json::{Value, json};

use crate::condition_definitions::said;
use crate::ticket_view::{PRIORITIES, STATUSES, TYPES, status_of, status_word};

/// Longest text of an action, in characters.
const TEXT_MAX_CHARS: usize = 65_536;
const WORDS_MAX: usize = 100;
const CUSTOM_FIELD: &str = "custom_fields_";

/// All fields with their title.
const OFFERED: &[(&str, &str)] = &[
    ("status", "Status"),
    ("priority", "Priority"),
    ("group_id", "Group"),
    ("assignee_id", "Assignee"),
    ("set_tags", "Set tags"),
    ("current_tags", "Add tags"),
    ("remove_tags", "Remove tags"),
    ("subject", "Set subject"),
    ("comment_value", "Comment/description"),
    ("comment_value_html", "Comment/description (rich)"),
    ("comment_mode_is_public", "Comment mode"),
];

/// What actions can be made of.
pub(crate) fn definitions() -> Vec<Value> {
    OFFERED.iter().map(|(field, title)| definition(field, title)).collect()
}

/// One of them: field and title.
pub(crate) fn definition(field: &str, title: &str) -> Value {
    let words: &[&str] = match field {
        "status" => STATUSES,
        "priority" => PRIORITIES,
        "type" => TYPES,
        "comment_mode_is_public" => &["true", "false"],
        _ => &[],
    };
    let values = words.iter().map(|word| json!({ "value": word, "title": said(word), "enabled": true }));
    json!({
        "subject": field,
        "field": field,
        "title": title,
        "type": if words.is_empty() { "text" } else { "list" },
        "output": null,
        "group": "ticket",
        "nullable": matches!(field, "group_id" | "assignee_id" | "ticket_form_id"),
        "repeatable": false,
        "values": values.collect::<Vec<_>>(),
    })
}

/// A list of actions. The problem names the field. One comment is put together of its text, its HTML and whether it is public.
pub(crate) fn read(sent: &[Value]) -> Result<Vec<Action>, String> {
    read_with(sent, |_, _| None)
}

/// The same with actions that the caller alone has: `own` gives None for what is none of them, and an inner None for what does not fit.
pub(crate) fn read_with(
    sent: &[Value],
    own: impl Fn(&str, &Value) -> Option<Option<Action>>,
) -> Result<Vec<Action>, String> {
    let mut actions = Vec::with_capacity(sent.len());
    let mut comment: Option<Text> = None;
    let mut public = true;
    for one in sent {
        let field = one["field"].as_str().or_else(|| one["source"].as_str()).unwrap_or_default();
        let value = &one["value"];
        let unfit = || format!("cannot do {field} {value}");
        match field {
            "comment_value" => comment.get_or_insert_default().body_text = text(value).ok_or_else(unfit)?,
            "comment_value_html" => comment.get_or_insert_default().body_html = Some(text(value).ok_or_else(unfit)?),
            "comment_mode_is_public" => public = flag(value).ok_or_else(unfit)?,
            _ => {
                let read = own(field, value).unwrap_or_else(|| read_one(field, value));
                actions.push(read.ok_or_else(unfit)?);
            }
        }
    }
    if let Some(text) = comment {
        actions.push(if public { Action::Reply(text) } else { Action::InternalNote(text) });
    }
    Ok(actions)
}

fn read_one(field: &str, value: &Value) -> Option<Action> {
    match field {
        "status" => status_of(&text(value)?.to_ascii_lowercase()).map(|it| Action::SetStatus(it.word().to_owned())),
        "priority" => {
            let word = text(value)?.to_ascii_lowercase();
            PRIORITIES.contains(&word.as_str()).then_some(Action::SetPriority(word))
        }
        "assignee_id" if value.as_str() == Some("current_user") => Some(Action::AssignCurrentUser),
        "assignee_id" => id(value).map(Action::AssignUser),
        "group_id" => id(value).map(Action::AssignTeam),
        "current_tags" => words(value).map(Action::AddTags),
        "remove_tags" => words(value).map(Action::RemoveTags),
        "set_tags" => words(value).map(Action::SetTags),
        "subject" => text(value).map(Action::SetSubject),
        _ => {
            let custom_field_id = field.strip_prefix(CUSTOM_FIELD)?.parse().ok()?;
            Some(Action::SetCustomField { custom_field_id, value: value.clone() })
        }
    }
}

/// Some texts come with their channel before them.
pub(crate) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.last()?.as_str()?.to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.contains('\0') && text.chars().count() <= TEXT_MAX_CHARS).then_some(text)
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        value => match text(value)?.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
    }
}

/// The inner None is nobody.
pub(crate) fn id(value: &Value) -> Option<Option<i64>> {
    match value {
        Value::Null => Some(None),
        Value::Number(number) => number.as_i64().map(Some),
        Value::String(text) if text.is_empty() => Some(None),
        Value::String(text) => text.parse().ok().map(Some),
        _ => None,
    }
}

fn words(value: &Value) -> Option<Vec<String>> {
    let words: Vec<String> = match value {
        Value::String(text) => text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        _ => return None,
    };
    let fits = words.len() <= WORDS_MAX && words.iter().all(|word| !word.contains('\0') && word.chars().count() <= 255);
    fits.then_some(words)
}

/// `actions` of an answer.
pub(crate) fn view(actions: &[Action]) -> Vec<Value> {
    view_with(actions, |_| None)
}

/// The same with actions that the caller alone has.
pub(crate) fn view_with(actions: &[Action], own: impl Fn(&Action) -> Option<(String, Value)>) -> Vec<Value> {
    let mut shown = Vec::with_capacity(actions.len());
    let mut say = |field: &str, value: Value| shown.push(json!({ "field": field, "value": value }));
    for action in actions {
        match action {
            Action::SetStatus(word) => say("status", json!(shown_status(word))),
            Action::SetPriority(word) => say("priority", json!(word)),
            Action::AssignCurrentUser => say("assignee_id", json!("current_user")),
            Action::AssignUser(id) => say("assignee_id", shown_id(*id)),
            Action::AssignTeam(id) => say("group_id", shown_id(*id)),
            Action::AddTags(names) => say("current_tags", json!(names.join(" "))),
            Action::RemoveTags(names) => say("remove_tags", json!(names.join(" "))),
            Action::SetTags(names) => say("set_tags", json!(names.join(" "))),
            Action::SetSubject(subject) => say("subject", json!(subject)),
            Action::SetCustomField { custom_field_id, value } => {
                say(&format!("{CUSTOM_FIELD}{custom_field_id}"), value.clone());
            }
            Action::Reply(text) => say_comment(&mut say, text, true),
            Action::InternalNote(text) => say_comment(&mut say, text, false),
            other => {
                if let Some((field, value)) = own(other) {
                    say(&field, value);
                }
            }
        }
    }
    shown
}

fn say_comment(say: &mut impl FnMut(&str, Value), text: &Text, public: bool) {
    if !text.body_text.is_empty() || text.body_html.is_none() {
        say("comment_value", json!(text.body_text));
    }
    if let Some(html) = &text.body_html {
        say("comment_value_html", json!(html));
    }
    say("comment_mode_is_public", json!(public.to_string()));
}

/// Quirk: ids of actions are told in quotes, and nobody is an empty text.
pub(crate) fn shown_id(id: Option<i64>) -> Value {
    json!(id.map(|id| id.to_string()).unwrap_or_default())
}

/// The other dialect has two words of its own for what a ticket becomes.
pub(crate) fn shown_status(word: &str) -> &str {
    match word {
        "waiting" => "open",
        "done" => "solved",
        word => match Status::parse(word) {
            Some(status) => status_word(status),
            None => word,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_come_back_as_they_were_written() {
        let sent = json!([
            { "field": "status", "value": "hold" },
            { "field": "priority", "value": "high" },
            { "field": "assignee_id", "value": "current_user" },
            { "field": "group_id", "value": "5" },
            { "field": "current_tags", "value": "late parcel" },
            { "field": "custom_fields_9", "value": "blue" },
            { "field": "comment_value", "value": "Hello {{ticket.requester.first_name}}" },
            { "field": "comment_value_html", "value": "<p>Hello</p>" },
            { "field": "comment_mode_is_public", "value": "false" },
        ]);

        let actions = read(sent.as_array().unwrap()).unwrap();

        assert_eq!(Value::Array(view(&actions)), sent);
        assert!(matches!(actions.last(), Some(Action::InternalNote(_))));
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        for field in ["notification_sms", "brand_id", "custom_fields_x"] {
            assert!(read(&[json!({ "field": field, "value": "1" })]).unwrap_err().contains(field));
        }
    }
}

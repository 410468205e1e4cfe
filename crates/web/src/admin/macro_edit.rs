//! A macro as fields of a form, and back. What the form has no field for is kept as it is, unless it is unticked.

use std::mem::discriminant;

use helpdesk::actions::{Action, Text};
use helpdesk::macros::{INTENTS, Macro};

use super::macros::what;
use crate::form::Form;

/// Hours that a ticket sleeps at most: a year.
const HOURS_MAX: i64 = 24 * 366;
const TAG_MAX_CHARS: usize = 256;
const TAGS_MAX: usize = 100;
const TEXT_MAX_CHARS: usize = 100_000;
const SUBJECT_MAX_CHARS: usize = 998;

/// An action that the form has no field for.
pub struct Other {
    pub at: usize,
    pub what: String,
    pub is_kept: bool,
}

/// The fields of a macro as it is.
pub fn filled(it: &Macro) -> Form {
    let mut values = vec![
        ("name".to_owned(), it.name.clone()),
        ("language".to_owned(), it.language.clone().unwrap_or_default()),
        ("intent".to_owned(), it.intent.clone().unwrap_or_default()),
    ];
    for (at, action) in it.actions.iter().enumerate() {
        match fields_of(action).filter(|_| is_first(&it.actions, at)) {
            Some(fields) => values.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value))),
            None => values.push(("keep".to_owned(), at.to_string())),
        }
    }
    Form::new(values)
}

/// What the form shows as kept.
pub fn others(actions: &[Action], form: &Form) -> Vec<Other> {
    let kept = form.all("keep");
    let is_other = |at: &usize| is_other(actions, *at);
    (0..actions.len())
        .filter(is_other)
        .filter_map(|at| {
            let is_kept = kept.contains(&at.to_string().as_str());
            actions.get(at).map(|action| Other { at, what: what(action), is_kept })
        })
        .collect()
}

fn is_other(actions: &[Action], at: usize) -> bool {
    actions.get(at).is_some_and(|action| fields_of(action).is_none()) || !is_first(actions, at)
}

/// Of two actions of one sort, the form shows the first.
fn is_first(actions: &[Action], at: usize) -> bool {
    let Some(action) = actions.get(at) else { return false };
    !actions.iter().take(at).any(|earlier| slot(earlier) == slot(action))
}

/// Actions that share a field of the form.
fn slot(action: &Action) -> std::mem::Discriminant<Action> {
    match action {
        Action::AssignCurrentUser | Action::RoundRobin(_) => discriminant(&Action::AssignUser(None)),
        action => discriminant(action),
    }
}

fn fields_of(action: &Action) -> Option<Vec<(&'static str, String)>> {
    Some(match action {
        Action::Reply(text) => {
            vec![("reply", text.body_text.clone()), ("reply_html", text.body_html.clone().unwrap_or_default())]
        }
        Action::InternalNote(text) if text.body_html.is_none() || !text.body_text.is_empty() => {
            vec![("note", text.body_text.clone())]
        }
        Action::AddTags(tags) => vec![("add_tags", tags.join(", "))],
        Action::RemoveTags(tags) => vec![("remove_tags", tags.join(", "))],
        Action::SetStatus(word) => vec![("status", word.clone())],
        Action::SetPriority(word) => vec![("priority", word.clone())],
        Action::SetSubject(subject) => vec![("subject", subject.clone())],
        Action::AssignUser(id) => vec![("assign", id.map_or_else(|| "nobody".to_owned(), |id| id.to_string()))],
        Action::AssignCurrentUser => vec![("assign", "me".to_owned())],
        Action::RoundRobin(None) => vec![("assign", "turn".to_owned())],
        Action::AssignTeam(id) => vec![("team", id.map_or_else(|| "none".to_owned(), |id| id.to_string()))],
        Action::SnoozeSeconds(seconds) if seconds % 3_600 == 0 => vec![("snooze", (seconds / 3_600).to_string())],
        _ => return None,
    })
}

/// The actions that the form says, those of before in their order. Problems are left in the form.
pub fn actions(form: &mut Form, before: &[Action]) -> Vec<Action> {
    let mut wanted = wanted(form, before);
    let kept: Vec<usize> = form.all("keep").iter().filter_map(|at| at.parse().ok()).collect();
    let mut actions = Vec::new();
    for (at, action) in before.iter().enumerate() {
        if is_other(before, at) {
            if kept.contains(&at) {
                actions.push(action.clone());
            }
        } else if let Some(place) = wanted.iter().position(|new| slot(new) == slot(action)) {
            actions.push(wanted.remove(place));
        }
    }
    actions.extend(wanted);
    actions
}

fn wanted(form: &mut Form, before: &[Action]) -> Vec<Action> {
    let old_text = |is_note: bool| {
        before.iter().find_map(|action| match action {
            Action::Reply(text) if !is_note => Some(text.clone()),
            Action::InternalNote(text) if is_note => Some(text.clone()),
            _ => None,
        })
    };
    let mut actions = Vec::new();
    let (reply, html) = (lines(form.value("reply")), lines(form.value("reply_html")));
    for (field, body) in [("reply", &reply), ("reply_html", &html)] {
        if TEXT_MAX_CHARS < body.chars().count() {
            form.refuse(field, format!("Shorten the text to {TEXT_MAX_CHARS} characters."));
        }
    }
    let attachments = old_text(false).and_then(|text| text.attachments);
    if !reply.trim().is_empty() || !html.trim().is_empty() {
        let body_html = Some(html).filter(|html| !html.trim().is_empty());
        actions.push(Action::Reply(Text { body_text: reply, body_html, attachments }));
    }
    let note = lines(form.value("note"));
    if !note.trim().is_empty() {
        let old = old_text(true).filter(|old| old.body_text == note);
        actions.push(Action::InternalNote(old.unwrap_or(Text { body_text: note, ..Text::default() })));
    }
    for (field, label) in [("add_tags", "add"), ("remove_tags", "take off")] {
        let tags = tags(form.value(field));
        if TAGS_MAX < tags.len() || tags.iter().any(|tag| TAG_MAX_CHARS < tag.chars().count()) {
            let text = format!("Name at most {TAGS_MAX} tags to {label}, each of at most {TAG_MAX_CHARS} characters.");
            form.refuse(field, text);
        } else if !tags.is_empty() {
            actions.push(if field == "add_tags" { Action::AddTags(tags) } else { Action::RemoveTags(tags) });
        }
    }
    match form.value("status") {
        "" => {}
        word if STATUSES.iter().any(|(value, _)| *value == word) => actions.push(Action::SetStatus(word.to_owned())),
        _ => form.refuse("status", "Choose a status from the list."),
    }
    match form.value("priority") {
        "" => {}
        word if PRIORITIES.iter().any(|(value, _)| *value == word) => {
            actions.push(Action::SetPriority(word.to_owned()));
        }
        _ => form.refuse("priority", "Choose a priority from the list."),
    }
    let subject = form.value("subject").trim().to_owned();
    if SUBJECT_MAX_CHARS < subject.chars().count() {
        form.refuse("subject", format!("Shorten the subject to {SUBJECT_MAX_CHARS} characters."));
    } else if !subject.is_empty() {
        actions.push(Action::SetSubject(subject));
    }
    match (form.value("assign"), form.value("assign").parse::<i64>()) {
        ("", _) => {}
        ("nobody", _) => actions.push(Action::AssignUser(None)),
        ("me", _) => actions.push(Action::AssignCurrentUser),
        ("turn", _) => actions.push(Action::RoundRobin(None)),
        (_, Ok(id)) if 0 < id => actions.push(Action::AssignUser(Some(id))),
        _ => form.refuse("assign", "Choose somebody from the list."),
    }
    match (form.value("team"), form.value("team").parse::<i64>()) {
        ("", _) => {}
        ("none", _) => actions.push(Action::AssignTeam(None)),
        (_, Ok(id)) if 0 < id => actions.push(Action::AssignTeam(Some(id))),
        _ => form.refuse("team", "Choose a team from the list."),
    }
    // The team first: whose turn it is depends on it.
    if let Some(at) = actions.iter().position(|action| matches!(action, Action::RoundRobin(_))) {
        let turn = actions.remove(at);
        actions.push(turn);
    }
    match (form.value("snooze").trim(), form.value("snooze").trim().parse::<i64>()) {
        ("", _) => {}
        (_, Ok(hours)) if (1..=HOURS_MAX).contains(&hours) => actions.push(Action::SnoozeSeconds(hours * 3_600)),
        _ => form.refuse("snooze", format!("Enter whole hours from 1 to {HOURS_MAX}.")),
    }
    actions
}

/// Values of `status`, in the order in which they are offered.
pub const STATUSES: &[(&str, &str)] = &[
    ("waiting", "Open"),
    ("done", "Close"),
    ("pending", "Pending: waits for the customer"),
    ("on_hold", "On hold: waits for somebody else"),
    ("solved", "Solved"),
    ("closed", "Closed for good"),
    ("open", "Exactly open"),
    ("new", "New"),
];
pub const PRIORITIES: &[(&str, &str)] = &[("low", "Low"), ("normal", "Normal"), ("high", "High"), ("urgent", "Urgent")];

/// Browsers send line ends as two characters.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn tags(text: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split([',', '\n']).map(str::trim).filter(|tag| !tag.is_empty()) {
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

/// The name, the language and the purpose. Problems are left in the form.
pub fn about(form: &mut Form) -> (String, Option<String>, Option<String>) {
    let name = form.value("name").trim().to_owned();
    let max = helpdesk::macros::NAME_MAX_CHARS;
    if name.is_empty() || max < name.chars().count() {
        form.refuse("name", format!("Give the macro a name of at most {max} characters."));
    }
    let language = form.value("language").trim().to_lowercase();
    let is_code = |code: &str| (2..=3).contains(&code.len()) && code.chars().all(|c| c.is_ascii_lowercase());
    let main = language.split(['-', '_']).next().unwrap_or_default();
    if !language.is_empty() && (!is_code(main) || 16 < language.len()) {
        form.refuse("language", "Write the language as its code, such as en or fr.");
    }
    let intent = INTENTS.iter().find(|intent| **intent == form.value("intent")).map(|intent| (*intent).to_owned());
    (name, Some(language).filter(|it| !it.is_empty()), intent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_macro(actions: Vec<Action>) -> Macro {
        Macro {
            id: 1,
            external_id: None,
            name: "Late".to_owned(),
            description: None,
            position: 1,
            intent: None,
            language: Some("en".to_owned()),
            source: None,
            actions,
            usage: 0,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            updated_at: jiff::Timestamp::UNIX_EPOCH,
            archived_at: None,
        }
    }

    fn text_of(text: &str) -> Text {
        Text { body_text: text.to_owned(), ..Text::default() }
    }

    #[test]
    fn a_form_that_nobody_touched_gives_the_same_actions() {
        let it = a_macro(vec![
            Action::AddTags(vec!["a".to_owned(), "b".to_owned()]),
            Action::Unknown { name: "pigeon".to_owned(), arguments: serde_json::json!({}) },
            Action::Reply(text_of("Hi")),
            Action::AddTags(vec!["c".to_owned()]),
            Action::InternalNote(text_of("Told")),
            Action::SetStatus("done".to_owned()),
            Action::SetPriority("high".to_owned()),
            Action::SetSubject("Late".to_owned()),
            Action::AssignTeam(Some(4)),
            Action::RoundRobin(None),
            Action::SnoozeSeconds(7_200),
            Action::SnoozeSeconds(61),
        ]);
        let mut form = filled(&it);

        assert_eq!(actions(&mut form, &it.actions), it.actions);
        assert!(form.problems.is_empty());
        let others: Vec<String> = others(&it.actions, &form).into_iter().map(|other| other.what).collect();
        assert_eq!(others, ["pigeon", "Tag c", "Snooze"]);
    }

    #[test]
    fn what_is_unticked_or_emptied_goes_and_nonsense_is_named() {
        let before = [Action::Reply(text_of("Hi")), Action::Trash];
        let mut form = Form::new(vec![
            ("assign".to_owned(), "x".to_owned()),
            ("snooze".to_owned(), "0".to_owned()),
            ("status".to_owned(), "gone".to_owned()),
        ]);

        assert_eq!(actions(&mut form, &before), []);
        let named: Vec<&str> = form.problems.iter().map(|problem| problem.field).collect();
        assert_eq!(named, ["status", "assign", "snooze"]);
    }
}

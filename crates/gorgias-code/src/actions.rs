//! `Action('name', { ... })` to our `Action` (Gorgias contract, `rules.language.actions` and `macros.action_names`).

use helpdesk::actions::{Action, Email, HttpCall, Text};
use helpdesk::rules::Step;
use serde_json::{Map, Value};

use crate::conditions::{CURRENT_USER, span_seconds};
use crate::paths::ID_MAX;
use crate::tree::{Expression, Kind, Property};
use crate::{CodeError, Place, lexer};

/// The step that this call is. The last four names are ours, in the vendor's pattern: they say what the vendor's cannot.
pub fn step(name: &str, place: Place, properties: &[Property]) -> Result<Step, CodeError> {
    let mut arguments = Arguments { name, place, properties, known: Vec::new() };
    let action = match name {
        "addTags" => Action::AddTags(arguments.tags()?),
        "removeTags" => Action::RemoveTags(arguments.tags()?),
        "setTags" => Action::SetTags(arguments.tags()?),
        "setStatus" => Action::SetStatus(arguments.word("status", STATUSES)?),
        "setPriority" => Action::SetPriority(arguments.word("priority", PRIORITIES)?),
        "setSubject" => Action::SetSubject(arguments.text("subject")?),
        "setAssignee" => match arguments.reference(&["assignee_user", "assignee_user_id"])? {
            Reference::CurrentUser => Action::AssignCurrentUser,
            Reference::Id(id) => Action::AssignUser(id),
        },
        "setTeamAssignee" => match arguments.reference(&["assignee_team", "assignee_team_id"])? {
            Reference::Id(id) => Action::AssignTeam(id),
            Reference::CurrentUser => return Err(CodeError::at(place, "A person is no team.")),
        },
        "snoozeTicket" => Action::SnoozeSeconds(arguments.span("snooze_timedelta")?),
        "replyToTicket" => Action::Reply(arguments.body()?),
        "addInternalNote" => Action::InternalNote(arguments.body()?),
        "sendEmail" => Action::SendEmail(Email {
            to: arguments.addresses("to", true)?,
            cc: arguments.addresses("cc", false)?,
            bcc: arguments.addresses("bcc", false)?,
            subject: arguments.text_or_none("subject")?,
            text: arguments.body()?,
        }),
        "applyMacro" => Action::ApplyMacro(arguments.id(&["macro", "macro_id"])?),
        "trashTicket" => Action::Trash,
        "setCustomFieldValue" => Action::SetCustomField {
            custom_field_id: arguments.id(&["custom_field_id"])?,
            value: arguments.json("value")?,
        },
        "setCustomerCustomFieldValue" => Action::SetCustomerField {
            custom_field_id: arguments.id(&["custom_field_id"])?,
            value: arguments.json("value")?,
        },
        "http" => Action::Http(arguments.http()?),
        "markSpam" => Action::MarkSpam(arguments.flag("spam", true)?),
        "assignRoundRobin" => match arguments.reference(&["team", "team_id", "assignee_team"])? {
            Reference::Id(id) => Action::RoundRobin(id),
            Reference::CurrentUser => return Err(CodeError::at(place, "A person is no team.")),
        },
        "sendSatisfactionSurvey" => Action::SendSurvey,
        "stopProcessing" => {
            arguments.finish()?;
            return Ok(Step::Stop);
        }
        _ => return Err(CodeError::at(place, format!("The action {} is not known.", lexer::short(name)))),
    };
    arguments.finish()?;
    Ok(Step::Act(action))
}

/// The vendor's words, and ours for them.
const STATUSES: &[(&str, &str)] = &[
    ("open", "waiting"),
    ("closed", "done"),
    ("new", "new"),
    ("pending", "pending"),
    ("on_hold", "on_hold"),
    ("solved", "solved"),
];
const PRIORITIES: &[(&str, &str)] =
    &[("critical", "urgent"), ("urgent", "urgent"), ("high", "high"), ("normal", "normal"), ("low", "low")];
const METHODS: &[(&str, &str)] =
    &[("GET", "GET"), ("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("DELETE", "DELETE"), ("HEAD", "HEAD")];
const CONTENT_TYPES: &[(&str, &str)] = &[
    ("application/json", "application/json"),
    ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
];

/// Longest name of a tag, in characters.
const TAG_MAX_CHARS: usize = 256;
/// Most tags of one action.
const TAGS_MAX: usize = 100;
/// Most receivers of one mail in each place.
const ADDRESSES_MAX: usize = 50;

enum Reference {
    Id(Option<i64>),
    CurrentUser,
}

struct Arguments<'a> {
    name: &'a str,
    place: Place,
    properties: &'a [Property],
    /// What was asked for so far.
    known: Vec<&'static str>,
}

impl<'a> Arguments<'a> {
    /// The value of this argument; null counts as one that is there.
    fn get(&mut self, key: &'static str) -> Option<&'a Expression> {
        self.known.push(key);
        self.properties.iter().rev().find(|property| property.key == key).map(|property| &property.value)
    }

    fn must(&mut self, key: &'static str) -> Result<&'a Expression, CodeError> {
        self.get(key).ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &str) -> CodeError {
        CodeError::at(self.place, format!("{} needs the argument {key}.", self.name))
    }

    /// Refuses arguments that nobody asked for: they would be dropped silently.
    fn finish(&self) -> Result<(), CodeError> {
        match self.properties.iter().find(|property| !self.known.contains(&property.key.as_str())) {
            None => Ok(()),
            Some(property) => {
                let key = lexer::short(&property.key);
                Err(CodeError::at(property.value.place, format!("{} has no argument {key}.", self.name)))
            }
        }
    }

    fn text(&mut self, key: &'static str) -> Result<String, CodeError> {
        let value = self.must(key)?;
        as_text(value)
    }

    fn text_or_none(&mut self, key: &'static str) -> Result<Option<String>, CodeError> {
        match self.get(key) {
            None | Some(Expression { kind: Kind::Null, .. }) => Ok(None),
            Some(value) => as_text(value).map(Some),
        }
    }

    fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, CodeError> {
        match self.get(key).map(|value| (&value.kind, value.place)) {
            None => Ok(default),
            Some((Kind::Flag(flag), _)) => Ok(*flag),
            Some((_, place)) => Err(CodeError::at(place, "Expected true or false.")),
        }
    }

    fn word(&mut self, key: &'static str, words: &[(&str, &str)]) -> Result<String, CodeError> {
        let value = self.must(key)?;
        let text = as_text(value)?;
        match words.iter().find(|(theirs, _)| *theirs == text) {
            Some((_, ours)) => Ok((*ours).to_owned()),
            None => {
                let known: Vec<&str> = words.iter().map(|(theirs, _)| *theirs).collect();
                Err(CodeError::at(value.place, format!("Expected one of: {}.", known.join(", "))))
            }
        }
    }

    /// One text with commas, or an array.
    fn tags(&mut self) -> Result<Vec<String>, CodeError> {
        let value = self.must("tags")?;
        let names = texts(value)?;
        if names.iter().any(|name| TAG_MAX_CHARS < name.chars().count()) || TAGS_MAX < names.len() {
            let problem = format!("At most {TAGS_MAX} tags of at most {TAG_MAX_CHARS} characters each.");
            return Err(CodeError::at(value.place, problem));
        }
        if names.is_empty() && self.name != "setTags" {
            return Err(CodeError::at(value.place, "Expected at least one tag."));
        }
        Ok(names)
    }

    fn addresses(&mut self, key: &'static str, needed: bool) -> Result<Vec<String>, CodeError> {
        let value = match self.get(key) {
            None if needed => return Err(self.missing(key)),
            None | Some(Expression { kind: Kind::Null, .. }) => return Ok(Vec::new()),
            Some(value) => value,
        };
        let list = texts(value)?;
        let is_address = |text: &String| text.contains("{{") || (text.contains('@') && text.chars().count() <= 320);
        if ADDRESSES_MAX < list.len() || (needed && list.is_empty()) || !list.iter().all(is_address) {
            return Err(CodeError::at(value.place, format!("Expected up to {ADDRESSES_MAX} addresses.")));
        }
        Ok(list)
    }

    fn span(&mut self, key: &'static str) -> Result<i64, CodeError> {
        let value = self.must(key)?;
        let seconds = match &value.kind {
            Kind::Text(text) => span_seconds(text),
            _ => None,
        };
        seconds
            .filter(|seconds| 0 < *seconds)
            .ok_or_else(|| CodeError::at(value.place, "Expected a span of time such as '30m', '12h', '1d' or '2w'."))
    }

    /// `{id: 5}`, `5`, `'5'`, null, or the person whose change it is. The first of the spellings that is there.
    fn reference(&mut self, keys: &[&'static str]) -> Result<Reference, CodeError> {
        let found: Vec<&Expression> = keys.iter().filter_map(|key| self.get(key)).collect();
        let Some(value) = found.first() else { return Err(self.missing(keys[0])) };
        self.reference_of(value)
    }

    fn reference_of(&self, value: &Expression) -> Result<Reference, CodeError> {
        let refused = || CodeError::at(value.place, "Expected an id, { id: ... } or null.");
        match &value.kind {
            Kind::Null => Ok(Reference::Id(None)),
            Kind::Number(number) => {
                number.as_i64().and_then(an_id).map(|id| Reference::Id(Some(id))).ok_or_else(refused)
            }
            Kind::Text(text) if text.replace(' ', "") == CURRENT_USER => Ok(Reference::CurrentUser),
            Kind::Text(text) => text.parse().ok().and_then(an_id).map(|id| Reference::Id(Some(id))).ok_or_else(refused),
            Kind::Object(properties) => {
                // A name may stand beside the id; the id wins.
                let id = properties.iter().rev().find(|property| property.key == "id").ok_or_else(refused)?;
                if matches!(id.value.kind, Kind::Object(_)) { Err(refused()) } else { self.reference_of(&id.value) }
            }
            _ => Err(refused()),
        }
    }

    fn id(&mut self, keys: &[&'static str]) -> Result<i64, CodeError> {
        match self.reference(keys)? {
            Reference::Id(Some(id)) => Ok(id),
            _ => Err(CodeError::at(self.place, format!("{} needs an id as {}.", self.name, keys[0]))),
        }
    }

    fn json(&mut self, key: &'static str) -> Result<Value, CodeError> {
        let value = self.must(key)?;
        as_json(value)
    }

    fn body(&mut self) -> Result<Text, CodeError> {
        let body_html = self.text_or_none("body_html")?;
        let body_text = self.text_or_none("body_text")?;
        let attachments = match self.get("attachments") {
            None | Some(Expression { kind: Kind::Null, .. }) => None,
            Some(value) if matches!(value.kind, Kind::Array(_)) => Some(as_json(value)?),
            Some(value) => return Err(CodeError::at(value.place, "Expected a list.")),
        };
        if body_html.is_none() && body_text.is_none() {
            return Err(self.missing("body_text"));
        }
        Ok(Text { body_text: body_text.unwrap_or_default(), body_html, attachments })
    }

    fn http(&mut self) -> Result<HttpCall, CodeError> {
        let address = self.must("url")?;
        let url = as_text(address)?;
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(CodeError::at(address.place, "Expected an address that begins with https:// or http://."));
        }
        let method = if self.properties.iter().any(|property| property.key == "method") {
            self.word("method", METHODS)?
        } else {
            self.known.push("method");
            "GET".to_owned()
        };
        let content_type = if self.properties.iter().any(|property| property.key == "content_type") {
            Some(self.word("content_type", CONTENT_TYPES)?)
        } else {
            self.known.push("content_type");
            None
        };
        let headers = match self.get("headers") {
            None | Some(Expression { kind: Kind::Null, .. }) => Vec::new(),
            Some(value) => match as_json(value)? {
                Value::Object(object) => object
                    .into_iter()
                    .map(|(name, text)| match text {
                        Value::String(text) => Ok((name, text)),
                        _ => Err(CodeError::at(value.place, "Expected the headers as names and texts.")),
                    })
                    .collect::<Result<_, _>>()?,
                _ => return Err(CodeError::at(value.place, "Expected the headers as { ... }.")),
            },
        };
        let form = self.get("form").map(as_json).transpose()?;
        let body = match (self.text_or_none("body")?, form) {
            (Some(body), _) => Some(body),
            (None, Some(Value::Null) | None) => None,
            (None, Some(form)) => Some(form.to_string()),
        };
        Ok(HttpCall { url, method, headers, content_type, body })
    }
}

fn an_id(id: i64) -> Option<i64> {
    (1..=ID_MAX).contains(&id).then_some(id)
}

fn as_text(value: &Expression) -> Result<String, CodeError> {
    match &value.kind {
        Kind::Text(text) => Ok(text.clone()),
        _ => Err(CodeError::at(value.place, "Expected a text in quotes.")),
    }
}

/// One text with commas, or an array of texts; blanks around and empty ones dropped.
fn texts(value: &Expression) -> Result<Vec<String>, CodeError> {
    let parts = match &value.kind {
        Kind::Text(text) => text.split(',').map(str::to_owned).collect(),
        Kind::Array(items) => items.iter().map(as_text).collect::<Result<Vec<_>, _>>()?,
        _ => return Err(CodeError::at(value.place, "Expected a text, or a list of texts.")),
    };
    let mut names: Vec<String> = Vec::new();
    for part in parts {
        let name = part.trim();
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// A value without names and calls.
fn as_json(value: &Expression) -> Result<Value, CodeError> {
    Ok(match &value.kind {
        Kind::Null => Value::Null,
        Kind::Flag(flag) => (*flag).into(),
        Kind::Number(number) => Value::Number(number.clone()),
        Kind::Text(text) => text.as_str().into(),
        Kind::Array(items) => items.iter().map(as_json).collect::<Result<_, _>>()?,
        Kind::Object(properties) => Value::Object(
            properties
                .iter()
                .map(|property| Ok((property.key.clone(), as_json(&property.value)?)))
                .collect::<Result<Map<_, _>, CodeError>>()?,
        ),
        _ => return Err(CodeError::at(value.place, "Expected a plain value.")),
    })
}

//! Actions that rules alone can take, beside those of macros (Zendesk contract, `types.Action`): telling people and webhooks, and what a
//! ticket is.

use helpdesk::actions::{Action, Copied, Payload, Whom};
use helpdesk::custom_fields::{Carrier, Named};
use helpdesk::ulid;
use serde_json::{Value, json};

use crate::condition_fields::{NUMBER, OF_ORGANIZATION, OF_REQUESTER, OF_TICKET};
use crate::locales;
use crate::macro_actions::{self, id, text};
use crate::ticket_view::TYPES;

/// All of them with their title.
const OFFERED: &[(&str, &str)] = &[
    ("type", "Type"),
    ("brand_id", "Brand"),
    ("ticket_form_id", "Form"),
    ("custom_status_id", "Ticket status"),
    ("set_schedule", "Set schedule"),
    ("locale_id", "Requester language"),
    ("cc", "Add CC"),
    ("follower", "Add follower"),
    ("notification_user", "Email user"),
    ("notification_group", "Email group"),
    ("notification_webhook", "Notify webhook"),
    ("satisfaction_score", "Satisfaction: send survey"),
];
/// Longest text of a call, in characters.
const PAYLOAD_MAX_CHARS: usize = 65_536;
const PAIRS_MAX: usize = 100;

/// What actions can be made of.
pub(crate) fn definitions(fields: &[Named]) -> Vec<Value> {
    let mut all = macro_actions::definitions();
    all.extend(OFFERED.iter().map(|(field, title)| macro_actions::definition(field, title)));
    all.extend(fields.iter().map(|named| {
        let name = match named.carrier {
            Carrier::Ticket => format!("{OF_TICKET}{}", named.id),
            Carrier::Customer => format!("{OF_REQUESTER}{}", named.key),
            Carrier::Organization => format!("{OF_ORGANIZATION}{}", named.key),
        };
        macro_actions::definition(&name, &named.label)
    }));
    all
}

/// A list of actions. The problem names the field.
pub(crate) fn read(sent: &[Value]) -> Result<Vec<Action>, String> {
    macro_actions::read_with(sent, read_one)
}

/// `actions` of an answer.
pub(crate) fn view(actions: &[Action]) -> Vec<Value> {
    macro_actions::view_with(actions, say_one)
}

fn read_one(field: &str, value: &Value) -> Option<Option<Action>> {
    Some(match field {
        "type" => match value.as_str() {
            None | Some("") => value.as_str().map(|_| Action::SetType(None)),
            Some(word) => {
                let word = word.to_ascii_lowercase();
                TYPES.contains(&word.as_str()).then_some(Action::SetType(Some(word)))
            }
        },
        "brand_id" => id(value).flatten().map(Action::SetBrand),
        "ticket_form_id" => id(value).map(Action::SetForm),
        "custom_status_id" => id(value).flatten().map(Action::SetCustomStatus),
        "set_schedule" => id(value).flatten().map(Action::SetSchedule),
        "locale_id" => {
            let locale = id(value).flatten().and_then(locales::of_id);
            locale.map(|locale| Action::SetCustomerLanguage(locale.word.to_owned()))
        }
        "cc" => whom(value).map(|who| Action::CopyIn { part: Copied::Cc, who }),
        "follower" => whom(value).map(|who| Action::CopyIn { part: Copied::Follower, who }),
        "notification_user" => notice(value, whom),
        "notification_group" => notice(value, |value| match value.as_str() {
            Some("group_id") => Some(Whom::Team(None)),
            _ => id(value).flatten().map(|id| Whom::Team(Some(id))),
        }),
        "notification_webhook" => webhook(value),
        // The only thing that is asked of a customer.
        "satisfaction_score" => (value.as_str() == Some("offered")).then_some(Action::SendSurvey),
        _ => {
            let numbered = |prefix: &str| field.strip_prefix(prefix)?.strip_prefix(NUMBER)?.parse().ok();
            match (numbered(OF_REQUESTER), numbered(OF_ORGANIZATION)) {
                (Some(custom_field_id), _) => Some(Action::SetCustomerField { custom_field_id, value: value.clone() }),
                (_, Some(custom_field_id)) => {
                    Some(Action::SetOrganizationField { custom_field_id, value: value.clone() })
                }
                (None, None) => return None,
            }
        }
    })
}

fn whom(value: &Value) -> Option<Whom> {
    Some(match value.as_str() {
        Some("requester_id") => Whom::Customer,
        Some("requester_and_ccs") => Whom::CustomerAndCcs,
        Some("assignee_id") => Whom::Assignee,
        Some("current_user") => Whom::CurrentUser,
        Some("all_agents") => Whom::AllStaff,
        _ => Whom::Person(id(value).flatten()?),
    })
}

/// `[recipient, subject, body]`
fn notice(value: &Value, whom: impl Fn(&Value) -> Option<Whom>) -> Option<Action> {
    match value.as_array()?.as_slice() {
        [to, subject, body] => Some(Action::Notify { whom: whom(to)?, subject: text(subject)?, body: text(body)? }),
        _ => None,
    }
}

/// `[webhook]`, `[webhook, body]` or `[webhook, [[name, value], ...]]`
fn webhook(value: &Value) -> Option<Action> {
    let (called, brought) = match value {
        Value::Array(parts) => match parts.as_slice() {
            [called] => (called, None),
            [called, brought] => (called, Some(brought)),
            _ => return None,
        },
        called => (called, None),
    };
    let integration_id = ulid::id_of(called.as_str()?)?;
    let is_fit = |text: &String| !text.contains('\0') && text.chars().count() <= PAYLOAD_MAX_CHARS;
    let payload = match brought {
        None | Some(Value::Null) => Payload::Own,
        Some(Value::String(text)) => Some(text.clone()).filter(is_fit).map(Payload::Text)?,
        // A body that was sent as what it says.
        Some(object @ Value::Object(_)) => Some(object.to_string()).filter(is_fit).map(Payload::Text)?,
        Some(Value::Array(pairs)) if pairs.len() <= PAIRS_MAX => {
            let pair = |pair: &Value| match pair.as_array()?.as_slice() {
                [name, value] => Some((name.as_str()?.to_owned(), text(value)?))
                    .filter(|(name, value)| is_fit(name) && is_fit(value)),
                _ => None,
            };
            Payload::Pairs(pairs.iter().map(pair).collect::<Option<_>>()?)
        }
        Some(_) => return None,
    };
    Some(Action::CallIntegration { integration_id, payload })
}

fn say_one(action: &Action) -> Option<(String, Value)> {
    let (field, value) = match action {
        Action::SetType(word) => ("type", json!(word.as_deref().unwrap_or_default())),
        Action::SetBrand(id) => ("brand_id", macro_actions::shown_id(Some(*id))),
        Action::SetForm(id) => ("ticket_form_id", macro_actions::shown_id(*id)),
        Action::SetCustomStatus(id) => ("custom_status_id", macro_actions::shown_id(Some(*id))),
        Action::SetSchedule(id) => ("set_schedule", macro_actions::shown_id(Some(*id))),
        Action::SetCustomerLanguage(word) => ("locale_id", json!(locales::id_of_word(word).to_string())),
        Action::SetCustomerField { custom_field_id, value } => {
            return Some((format!("{OF_REQUESTER}{NUMBER}{custom_field_id}"), value.clone()));
        }
        Action::SetOrganizationField { custom_field_id, value } => {
            return Some((format!("{OF_ORGANIZATION}{NUMBER}{custom_field_id}"), value.clone()));
        }
        Action::CopyIn { part: Copied::Cc, who } => ("cc", said(*who)),
        Action::CopyIn { part: Copied::Follower, who } => ("follower", said(*who)),
        Action::Notify { whom: whom @ Whom::Team(_), subject, body } => {
            ("notification_group", json!([said(*whom), subject, body]))
        }
        Action::Notify { whom, subject, body } => ("notification_user", json!([said(*whom), subject, body])),
        Action::CallIntegration { integration_id, payload } => {
            let called = ulid::of(*integration_id);
            let value = match payload {
                Payload::Own => json!([called]),
                Payload::Text(text) => json!([called, text]),
                Payload::Pairs(pairs) => json!([called, pairs]),
            };
            ("notification_webhook", value)
        }
        Action::SendSurvey => ("satisfaction_score", json!("offered")),
        _ => return None,
    };
    Some((field.to_owned(), value))
}

fn said(whom: Whom) -> Value {
    match whom {
        Whom::Customer => json!("requester_id"),
        Whom::CustomerAndCcs => json!("requester_and_ccs"),
        Whom::Assignee => json!("assignee_id"),
        Whom::CurrentUser => json!("current_user"),
        Whom::AllStaff => json!("all_agents"),
        Whom::Person(id) => json!(id.to_string()),
        Whom::Team(None) => json!("group_id"),
        Whom::Team(Some(id)) => json!(id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_of_rules_come_back_as_they_were_written() {
        let sent = json!([
            { "field": "status", "value": "solved" },
            { "field": "type", "value": "incident" },
            { "field": "brand_id", "value": "3" },
            { "field": "ticket_form_id", "value": "" },
            { "field": "set_schedule", "value": "2" },
            { "field": "locale_id", "value": "8" },
            { "field": "requester.custom_fields.#7", "value": "gold" },
            { "field": "organization.custom_fields.#8", "value": true },
            { "field": "cc", "value": "5" },
            { "field": "follower", "value": "current_user" },
            { "field": "notification_user", "value": ["requester_id", "About {{ticket.id}}", "Hello"] },
            { "field": "notification_group", "value": ["group_id", "A", "B"] },
            { "field": "notification_webhook", "value": [ulid::of(7), "{\"id\":\"{{ticket.id}}\"}"] },
            { "field": "notification_webhook", "value": [ulid::of(7), [["id", "{{ticket.id}}"]]] },
            { "field": "satisfaction_score", "value": "offered" },
        ]);

        let actions = read(sent.as_array().unwrap()).unwrap();

        assert_eq!(Value::Array(view(&actions)), sent);
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        for (field, value) in [
            ("notification_sms", json!("1")),
            ("notification_user", json!("requester_id")),
            ("notification_user", json!(["nobody", "a", "b"])),
            ("notification_webhook", json!(["not a ulid", "{}"])),
            ("type", json!("wish")),
            ("locale_id", json!("7")),
            ("requester.custom_fields.plan", json!("gold")),
        ] {
            assert!(read(&[json!({ "field": field, "value": value })]).unwrap_err().contains(field));
        }
    }
}

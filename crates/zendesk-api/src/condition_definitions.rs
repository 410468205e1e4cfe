//! What conditions of views, rules and promises can be made of, as clients are offered it (Zendesk contract, `views/definitions`,
//! `triggers/definitions`, `slas/policies/definitions`). It is made of the table that conditions are read by (`condition_fields.rs`).

use helpdesk::custom_fields::{Carrier, Named};
use helpdesk::filter::Field;
use serde_json::{Value, json};

use crate::condition_fields::{Kind, OF_ORGANIZATION, OF_REQUESTER, OF_TICKET, OFFERED, Who, operators, turns};
use crate::condition_words::{CHANNELS, REQUESTER_ROLES, SATISFACTIONS, UPDATES, VIAS};
use crate::conditions::is_nullable;
use crate::locales;
use crate::satisfaction_ratings::REASONS;
use crate::ticket_view::{PRIORITIES, STATUSES, TYPES};

/// One field as it is offered.
struct Line {
    name: String,
    title: String,
    field: Field,
    kind: Kind,
    group: &'static str,
}

/// What conditions of views or rules can be made of. Of hours `all` alone may ask.
pub(crate) fn definitions(who: Who, fields: &[Named]) -> Value {
    let is_of_any = |line: &&Line| !matches!(line.kind, Kind::Hours | Kind::Since(_) | Kind::Until);
    let lines = lines(who, fields);
    let all: Vec<Value> = lines.iter().map(|line| definition(line, who)).collect();
    let any: Vec<Value> = lines.iter().filter(is_of_any).map(|line| definition(line, who)).collect();
    json!({ "conditions_all": all, "conditions_any": any })
}

/// What filters of promises can be made of.
pub(crate) fn definitions_of_filters(fields: &[Named]) -> Vec<Value> {
    let line = |line: &Line| {
        let operators =
            operators(line.kind).iter().map(|word| json!({ "value": word, "title": word.replace('_', " ") }));
        let values = values(line.kind);
        json!({
            "value": line.name,
            "title": line.title,
            "group": line.group,
            "operators": operators.collect::<Vec<_>>(),
            "values": { "type": if values.is_empty() { "text" } else { "list" }, "list": values },
        })
    };
    lines(Who::Policy, fields).iter().map(line).collect()
}

fn lines(who: Who, fields: &[Named]) -> Vec<Line> {
    let of_all = OFFERED.iter().filter(|offered| offered.who.contains(&who)).map(|offered| Line {
        name: offered.name.to_owned(),
        title: offered.title.to_owned(),
        field: offered.field,
        kind: offered.kind,
        group: if offered.name == "requester_role" || offered.name == "locale_id" { "requester" } else { "ticket" },
    });
    let own = fields.iter().filter_map(|named| {
        let (name, field, group) = match named.carrier {
            Carrier::Ticket => (format!("{OF_TICKET}{}", named.id), Field::CustomField(named.id), "ticket"),
            _ if !matches!(who, Who::Trigger | Who::Automation) => return None,
            Carrier::Customer => (format!("{OF_REQUESTER}{}", named.key), Field::CustomerField(named.id), "requester"),
            Carrier::Organization => {
                (format!("{OF_ORGANIZATION}{}", named.key), Field::OrganizationField(named.id), "organization")
            }
        };
        Some(Line { name, title: named.label.clone(), field, kind: Kind::Custom, group })
    });
    of_all.chain(own).collect()
}

fn definition(line: &Line, who: Who) -> Value {
    let more: &[&str] = if who == Who::Trigger { turns(line.field, line.kind) } else { &[] };
    let is_terminal = |word: &str| matches!(word, "changed" | "not_changed" | "present" | "not_present");
    let operators = operators(line.kind)
        .iter()
        .chain(more)
        .map(|word| json!({ "value": word, "title": said(word), "terminal": is_terminal(word) }));
    let values = values(line.kind);
    json!({
        "subject": line.name,
        "title": line.title,
        "type": if values.is_empty() { "text" } else { "list" },
        "group": line.group,
        "nullable": is_nullable(line.kind),
        "repeatable": true,
        "operators": operators.collect::<Vec<_>>(),
        "values": values,
    })
}

/// All values that there are, where they are always the same.
fn values(kind: Kind) -> Vec<Value> {
    let one = |value: Value, title: String| json!({ "value": value, "title": title, "enabled": true });
    let words = |words: &[&str]| words.iter().map(|word| one(json!(word), said(word))).collect();
    let numbers = |numbers: &[(i64, &str)]| {
        numbers.iter().map(|(number, word)| one(json!(number.to_string()), said(word))).collect()
    };
    match kind {
        Kind::Status => words(STATUSES),
        Kind::Priority => words(PRIORITIES),
        Kind::Type => words(TYPES),
        Kind::Channel => numbers(CHANNELS),
        Kind::Via => numbers(VIAS),
        Kind::YesNo => words(&["true", "false"]),
        Kind::Privacy => words(&["public", "private"]),
        Kind::Presence => words(&["present", "not_present"]),
        Kind::CommentPublic => words(&["true", "false", "not_relevant", "requester_can_see_comment"]),
        Kind::UpdateType => UPDATES.iter().map(|(word, _)| one(json!(word), said(word))).collect(),
        Kind::Satisfaction => words(SATISFACTIONS),
        Kind::Reason => REASONS.iter().map(|(code, text)| one(json!(code.to_string()), (*text).to_owned())).collect(),
        Kind::RequesterRole => {
            let title = |number: i64| match number {
                0 => "End user",
                2 => "Administrator",
                _ => "Agent",
            };
            REQUESTER_ROLES.iter().map(|number| one(json!(number.to_string()), title(*number).to_owned())).collect()
        }
        Kind::Locale => {
            let names = locales::ids().into_iter().filter_map(locales::of_id);
            names.map(|locale| one(json!(locale.id.to_string()), locale.name.to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

/// `less_than` as people read it.
pub(crate) fn said(word: &str) -> String {
    let words = word.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

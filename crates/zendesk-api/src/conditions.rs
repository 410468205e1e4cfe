//! Conditions of views and rules: `{all: [...], any: [...]}` of `{field, operator, value}`, as one `Condition` of the helpdesk, and back
//! (Zendesk contract, `types.Condition`).
//!
//! What can be asked, as clients are offered it: `condition_definitions.rs`; what rules alone can ask: `rule_conditions.rs`. What the helpdesk
//! cannot ask of a ticket is refused and named. The way back says as much as these words can: a condition that came from
//! elsewhere may have parts without a form here, which are left out of what is shown and still hold.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::{Priority, Status};
use serde_json::{Value, json};

use crate::error::ZendeskError;
use crate::fields::Fields;
use crate::rule_conditions;
use crate::ticket_view::{PRIORITIES, STATUSES, TYPES, priority_of, status_of, status_word};

/// Most conditions of one list, and most words of one.
const LIST_MAX: usize = 100;
const WORDS_MAX: usize = 100;
const WORD_MAX_CHARS: usize = 255;
/// Hours of a span: a hundred years.
const HOURS_MAX: i64 = 876_000;

/// Both lists as they were sent. None: not sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub all: Option<Vec<Value>>,
    pub any: Option<Vec<Value>>,
}

impl Sent {
    /// Reads `all` and `any`, or both inside `conditions`.
    pub fn read(fields: &mut Fields) -> Sent {
        let mut sent = Sent { all: fields.items("all"), any: fields.items("any") };
        if let Some(inner) = fields.nested("conditions", |inner| (inner.items("all"), inner.items("any"))) {
            sent.all = sent.all.or(inner.0);
            sent.any = sent.any.or(inner.1);
        }
        sent
    }

    pub fn is_there(&self) -> bool {
        self.all.is_some() || self.any.is_some()
    }

    /// The condition of a rule: both lists as they were sent. One that is not there is empty.
    pub fn condition_of_rule(self) -> Result<Condition, ZendeskError> {
        let (all, any) = (self.all.unwrap_or_default(), self.any.unwrap_or_default());
        let mut parts = vec![Condition::All(list("all", &all, For::Rule)?)];
        if !any.is_empty() {
            parts.push(Condition::Any(list("any", &any, For::Rule)?));
        }
        Ok(Condition::All(parts))
    }

    /// The problem of a list that asks for too little, unless it asks enough.
    pub fn check_anchored(&self) -> Result<(), ZendeskError> {
        let all = self.all.iter().flatten();
        if all.into_iter().any(|one| ANCHORS.contains(&field_of(one)) || SINCE_STATUS.contains(&field_of(one))) {
            return Ok(());
        }
        Err(ZendeskError::invalid("base", format!("all must hold a condition on one of {}", ANCHORS.join(", "))))
    }

    /// The condition. A list that was not sent stays as it is in `before`.
    pub fn condition(self, before: Option<&Condition>) -> Result<Condition, ZendeskError> {
        let (all, any) = before.map(shown).unwrap_or_default();
        let (all, any) = (self.all.unwrap_or(all), self.any.unwrap_or(any));
        let is_anchored = all.iter().any(|one| ANCHORS.contains(&field_of(one)));
        if !is_anchored {
            let problem = format!("all must hold a condition on one of {}", ANCHORS.join(", "));
            return Err(ZendeskError::invalid("base", problem));
        }
        let (all, any) = (list("all", &all, For::View)?, list("any", &any, For::View)?);
        Ok(if any.is_empty() {
            Condition::All(all)
        } else {
            Condition::All(vec![Condition::All(all), Condition::Any(any)])
        })
    }
}

/// One of these must be asked, so that a view is no list of everything.
const ANCHORS: &[&str] = &["status", "type", "group_id", "assignee_id", "requester_id"];

/// Hours since these ask for a status, too.
const SINCE_STATUS: &[&str] = &["OPEN", "PENDING", "HOLD", "ON_HOLD", "SOLVED", "CLOSED", "NEW"];

/// Who asks: rules can ask what views cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    View,
    Rule,
}

/// Fields whose values are ids of records.
const IDS: &[(&str, Field)] = &[
    ("group_id", Field::AssigneeTeamId),
    ("assignee_id", Field::AssigneeUserId),
    ("requester_id", Field::CustomerId),
    ("organization_id", Field::OrganizationId),
    ("ticket_form_id", Field::FormId),
];

/// Hours since something happened.
const HOURS: &[(&str, Field)] = &[
    ("NEW", Field::CreatedAt),
    ("SOLVED", Field::ClosedAt),
    ("updated_at", Field::UpdatedAt),
    ("requester_updated_at", Field::LastReceivedMessageAt),
];

/// `source` is what clients wrote before `field`.
fn field_of(sent: &Value) -> &str {
    sent["field"].as_str().or_else(|| sent["source"].as_str()).unwrap_or_default()
}

fn list(name: &str, sent: &[Value], who: For) -> Result<Vec<Condition>, ZendeskError> {
    if LIST_MAX < sent.len() {
        return Err(ZendeskError::invalid(name, format!("has more than {LIST_MAX} conditions")));
    }
    let read = |one: &Value| read(one, who).map_err(|problem| ZendeskError::invalid(name, problem));
    sent.iter().map(read).collect()
}

/// One condition. The problem names its field.
fn read(sent: &Value, who: For) -> Result<Condition, String> {
    let field = field_of(sent);
    if field.is_empty() {
        return Err("has a condition without a field".to_owned());
    }
    let operator = sent["operator"].as_str().unwrap_or("is");
    let value = &sent["value"];
    let unfit = || format!("cannot be asked {field} {operator} {value}");
    if who == For::Rule
        && let Some(condition) = rule_conditions::read(field, operator, value)
    {
        return Ok(condition);
    }
    let read = match field {
        "status" => ranked(Field::Status, STATUSES, stored_status, operator, value),
        "priority" => ranked(Field::Priority, PRIORITIES, stored_priority, operator, value),
        "type" => equal(operator, Field::TicketType, type_value(value)),
        "current_tags" => words(operator, Field::Tags, value),
        "subject_includes_word" => subject(operator, value),
        _ => match (find(IDS, field), find(HOURS, field), field.strip_prefix("custom_fields_")) {
            (Some(field), ..) => equal(operator, field, id_value(field, value)),
            (_, Some(field), _) => span(operator, field, value),
            (.., Some(id)) => custom(operator, id, value),
            _ => None,
        },
    };
    read.ok_or_else(unfit)
}

pub(crate) fn hours_field(name: &str) -> Option<Field> {
    find(HOURS, name)
}

pub(crate) fn hours_name(field: Field) -> Option<&'static str> {
    HOURS.iter().find(|(_, known)| *known == field).map(|(name, _)| *name)
}

pub(crate) fn id_field(name: &str) -> Option<Field> {
    find(IDS, name)
}

fn find(list: &[(&str, Field)], name: &str) -> Option<Field> {
    list.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
}

pub(crate) fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
    Condition::Is(Test { field, operator, operand })
}

/// `is` and `is_not`; of nothing they ask whether there is a value.
pub(crate) fn equal(operator: &str, field: Field, operand: Option<Operand>) -> Option<Condition> {
    let operand = operand?;
    let operator = match (operator, &operand) {
        ("is", Operand::Nothing) => Operator::IsEmpty,
        ("is_not", Operand::Nothing) => Operator::IsNotEmpty,
        ("is", _) => Operator::Equal,
        ("is_not", _) => Operator::NotEqual,
        _ => return None,
    };
    Some(is(field, operator, operand))
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

pub(crate) fn id_value(field: Field, value: &Value) -> Option<Operand> {
    if is_nothing(value) {
        return Some(Operand::Nothing);
    }
    let is_person = matches!(field, Field::AssigneeUserId | Field::CustomerId);
    match value.as_str() {
        Some("current_user") if is_person => Some(Operand::CurrentUser),
        Some(digits) => digits.parse().ok().map(Operand::Int),
        None => value.as_i64().map(Operand::Int),
    }
}

pub(crate) fn type_value(value: &Value) -> Option<Operand> {
    if is_nothing(value) {
        return Some(Operand::Nothing);
    }
    let word = value.as_str()?.to_ascii_lowercase();
    TYPES.contains(&word.as_str()).then_some(Operand::Text(word))
}

pub(crate) fn stored_status(word: &str) -> Option<&'static str> {
    status_of(word).map(Status::word)
}

pub(crate) fn stored_priority(word: &str) -> Option<&'static str> {
    priority_of(word).map(Priority::word)
}

/// Of words that have an order.
fn ranked(
    field: Field,
    order: &[&str],
    stored: fn(&str) -> Option<&'static str>,
    operator: &str,
    value: &Value,
) -> Option<Condition> {
    let word = value.as_str()?.to_ascii_lowercase();
    let at = order.iter().position(|known| *known == word)?;
    let one = |word: &&str, operator| Some(is(field, operator, Operand::Text(stored(word)?.to_owned())));
    let some = |words: &[&str]| {
        words.iter().map(|word| one(word, Operator::Equal)).collect::<Option<Vec<_>>>().map(Condition::Any)
    };
    match operator {
        "is" => one(&order[at], Operator::Equal),
        "is_not" => one(&order[at], Operator::NotEqual),
        "less_than" => some(&order[..at]),
        "greater_than" => some(&order[at + 1..]),
        _ => None,
    }
}

/// Words in a list, or separated by blanks.
fn words_of(value: &Value) -> Option<Vec<Operand>> {
    let words: Vec<String> = match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        _ => return None,
    };
    let is_fit = |word: &String| !word.contains('\0') && word.chars().count() <= WORD_MAX_CHARS;
    let fits = (1..=WORDS_MAX).contains(&words.len()) && words.iter().all(is_fit);
    fits.then(|| words.into_iter().map(Operand::Text).collect())
}

pub(crate) fn words(operator: &str, field: Field, value: &Value) -> Option<Condition> {
    let operator = match operator {
        "includes" => Operator::ContainsAny,
        "not_includes" => Operator::NotContainsAny,
        _ => return None,
    };
    Some(is(field, operator, Operand::List(words_of(value)?)))
}

/// Any of some words, or a text as it is.
fn subject(operator: &str, value: &Value) -> Option<Condition> {
    let operator = match operator {
        "is" => Operator::Contains,
        "is_not" => Operator::NotContains,
        _ => return words(operator, Field::Subject, value),
    };
    Some(is(Field::Subject, operator, Operand::Text(text_of(value)?)))
}

pub(crate) fn text_of(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (!text.is_empty() && !text.contains('\0') && text.chars().count() <= WORD_MAX_CHARS).then(|| text.to_owned())
}

/// Hours as seconds.
pub(crate) fn seconds_of(value: &Value) -> Option<i64> {
    let hours = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (0..=HOURS_MAX).contains(&hours).then_some(hours * 3_600)
}

fn span(operator: &str, field: Field, value: &Value) -> Option<Condition> {
    let operator = match operator {
        "less_than" => Operator::AtMostAgo,
        "greater_than" => Operator::AtLeastAgo,
        _ => return None,
    };
    Some(is(field, operator, Operand::Seconds(seconds_of(value)?)))
}

fn custom(operator: &str, id: &str, value: &Value) -> Option<Condition> {
    let field = Field::CustomField(id.parse().ok()?);
    let operator = match operator {
        "present" => return Some(is(field, Operator::IsNotEmpty, Operand::Nothing)),
        "not_present" => return Some(is(field, Operator::IsEmpty, Operand::Nothing)),
        "includes" | "not_includes" => return words(operator, field, value),
        "less_than" => Operator::Less,
        "greater_than" => Operator::More,
        word => return equal(word, field, value_of(value)),
    };
    let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(is(field, operator, Operand::Int(number)))
}

/// A checkbox is asked for `true` in quotes, too.
pub(crate) fn value_of(value: &Value) -> Option<Operand> {
    match value {
        value if is_nothing(value) => Some(Operand::Nothing),
        Value::Bool(flag) => Some(Operand::Flag(*flag)),
        Value::String(text) if text == "true" || text == "false" => Some(Operand::Flag(text == "true")),
        Value::Number(number) => number.as_i64().map(Operand::Int).or_else(|| number.as_f64().map(Operand::Number)),
        value => text_of(value).map(Operand::Text),
    }
}

/// `conditions` of an answer.
pub(crate) fn view(condition: &Condition) -> Value {
    let (all, any) = shown(condition);
    json!({ "all": all, "any": any })
}

/// Both lists, as nearly as these words say it.
pub(crate) fn shown(condition: &Condition) -> (Vec<Value>, Vec<Value>) {
    shown_to(condition, say)
}

/// Both lists of a rule.
pub(crate) fn shown_of_rule(condition: &Condition) -> (Vec<Value>, Vec<Value>) {
    shown_to(condition, |one| say(one).or_else(|| rule_conditions::say(one)))
}

fn shown_to(condition: &Condition, say: impl Fn(&Condition) -> Option<Value>) -> (Vec<Value>, Vec<Value>) {
    let said_of = |parts: &[Condition]| -> Vec<Value> { parts.iter().filter_map(&say).collect() };
    let (all, any): (&[Condition], &[Condition]) = match condition {
        Condition::All(parts) => match parts.as_slice() {
            [Condition::All(all), Condition::Any(any)] => (all, any),
            [Condition::All(all)] => (all, &[]),
            parts => (parts, &[]),
        },
        Condition::Any(parts) if say(condition).is_none() => (&[], parts),
        one => (std::slice::from_ref(one), &[]),
    };
    let mut alternatives = said_of(any);
    if alternatives.len() < any.len() {
        // Fewer alternatives would ask for something else.
        alternatives.clear();
    }
    (said_of(all), alternatives)
}

fn say(condition: &Condition) -> Option<Value> {
    match condition {
        Condition::Is(test) => say_test(test),
        Condition::Any(parts) => say_ranks(parts, false),
        Condition::Not(inner) => match inner.as_ref() {
            Condition::Any(parts) => say_ranks(parts, true),
            Condition::Is(test) => say_test(&Test { operator: opposite(test.operator)?, ..test.clone() }),
            _ => None,
        },
        Condition::All(_) => None,
    }
}

const fn opposite(operator: Operator) -> Option<Operator> {
    Some(match operator {
        Operator::Equal => Operator::NotEqual,
        Operator::NotEqual => Operator::Equal,
        Operator::IsEmpty => Operator::IsNotEmpty,
        Operator::IsNotEmpty => Operator::IsEmpty,
        Operator::ContainsAny => Operator::NotContainsAny,
        Operator::NotContainsAny => Operator::ContainsAny,
        Operator::Contains => Operator::NotContains,
        Operator::NotContains => Operator::Contains,
        _ => return None,
    })
}

/// The first or the last of words that have an order.
fn say_ranks(parts: &[Condition], turned: bool) -> Option<Value> {
    let Some(Condition::Is(Test { field, .. })) = parts.first() else { return None };
    let (name, order) = match field {
        Field::Status => ("status", STATUSES),
        Field::Priority => ("priority", PRIORITIES),
        _ => return None,
    };
    let mut holds = vec![turned; order.len()];
    for part in parts {
        let Condition::Is(Test { field: of, operator: Operator::Equal, operand: Operand::Text(word) }) = part else {
            return None;
        };
        let at = order.iter().position(|known| (of == field) && shown_word(*field, word) == *known)?;
        holds[at] = !turned;
    }
    let first = holds.iter().position(|it| *it)?;
    let last = holds.iter().rposition(|it| *it)?;
    if !holds[first..=last].iter().all(|it| *it) {
        return None;
    }
    let said = |operator: &str, at: usize| json!({ "field": name, "operator": operator, "value": order[at] });
    match (first, last) {
        (first, last) if first == last => Some(said("is", first)),
        (0, last) if last + 1 < order.len() => Some(said("less_than", last + 1)),
        (first, last) if 0 < first && last + 1 == order.len() => Some(said("greater_than", first - 1)),
        _ => None,
    }
}

pub(crate) fn shown_word(field: Field, word: &str) -> &str {
    match field {
        Field::Status => match Status::parse(word) {
            Some(status) => status_word(status),
            None => word,
        },
        _ => word,
    }
}

/// What a field is called here.
pub(crate) fn name_of(field: Field) -> Option<String> {
    let name = |list: &[(&'static str, Field)]| list.iter().find(|(_, known)| *known == field).map(|it| it.0);
    Some(match field {
        Field::Status => "status".to_owned(),
        Field::Priority => "priority".to_owned(),
        Field::TicketType => "type".to_owned(),
        Field::Tags => "current_tags".to_owned(),
        Field::Subject => "subject_includes_word".to_owned(),
        Field::CustomField(id) => format!("custom_fields_{id}"),
        _ => name(IDS).or_else(|| name(HOURS))?.to_owned(),
    })
}

/// Words with blanks between them. None if one could not be told apart.
pub(crate) fn joined_words(items: &[Operand]) -> Option<String> {
    let words = items.iter().map(|item| match item {
        Operand::Text(word) if !word.contains(char::is_whitespace) => Some(word.as_str()),
        _ => None,
    });
    Some(words.collect::<Option<Vec<_>>>()?.join(" "))
}

fn say_test(test: &Test) -> Option<Value> {
    let field = name_of(test.field)?;
    let (operator, value) = match (test.operator, &test.operand) {
        (Operator::AtMostAgo, Operand::Seconds(seconds)) => ("less_than", json!((seconds / 3_600).to_string())),
        (Operator::AtLeastAgo, Operand::Seconds(seconds)) => ("greater_than", json!((seconds / 3_600).to_string())),
        _ if hours_name(test.field).is_some() => return None,
        (Operator::IsEmpty, _) if matches!(test.field, Field::CustomField(_)) => ("not_present", Value::Null),
        (Operator::IsNotEmpty, _) if matches!(test.field, Field::CustomField(_)) => ("present", Value::Null),
        (Operator::IsEmpty, _) => ("is", json!("")),
        (Operator::IsNotEmpty, _) => ("is_not", json!("")),
        (Operator::ContainsAny | Operator::NotContainsAny, Operand::List(items)) => {
            let words = joined_words(items)?;
            (if test.operator == Operator::ContainsAny { "includes" } else { "not_includes" }, json!(words))
        }
        (operator @ (Operator::Equal | Operator::NotEqual | Operator::Contains | Operator::NotContains), operand) => {
            (say_equal(test.field, operator)?, say_operand(test.field, operand)?)
        }
        (Operator::Less, Operand::Int(number)) if matches!(test.field, Field::CustomField(_)) => {
            ("less_than", json!(number))
        }
        (Operator::More, Operand::Int(number)) if matches!(test.field, Field::CustomField(_)) => {
            ("greater_than", json!(number))
        }
        _ => return None,
    };
    Some(json!({ "field": field, "operator": operator, "value": value }))
}

/// Of a subject `is` is part of it; of tags one is a list of one.
fn say_equal(field: Field, operator: Operator) -> Option<&'static str> {
    let holds = matches!(operator, Operator::Equal | Operator::Contains);
    let is_part = matches!(operator, Operator::Contains | Operator::NotContains);
    match (field, is_part, holds) {
        (Field::Tags, _, true) => Some("includes"),
        (Field::Tags, _, false) => Some("not_includes"),
        (Field::Subject, true, true) | (_, false, true) if field != Field::Subject || is_part => Some("is"),
        (Field::Subject, true, false) | (_, false, false) if field != Field::Subject || is_part => Some("is_not"),
        _ => None,
    }
}

pub(crate) fn say_operand(field: Field, operand: &Operand) -> Option<Value> {
    match operand {
        Operand::Nothing => Some(json!("")),
        Operand::Text(word) if field == Field::Tags && word.contains(char::is_whitespace) => None,
        Operand::Text(word) => Some(json!(shown_word(field, word))),
        Operand::Int(number) if matches!(field, Field::CustomField(_)) => Some(json!(number)),
        // Quirk: ids of conditions are told in quotes.
        Operand::Int(number) => Some(json!(number.to_string())),
        Operand::Number(number) => Some(json!(number)),
        Operand::Flag(flag) => Some(json!(flag.to_string())),
        Operand::CurrentUser => Some(json!("current_user")),
        Operand::Time(_) | Operand::Seconds(_) | Operand::List(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(all: &Value, any: &Value) -> Condition {
        let list = |value: &Value| value.as_array().cloned();
        Sent { all: list(all), any: list(any) }.condition(None).unwrap()
    }

    #[test]
    fn conditions_come_back_as_they_were_written() {
        let all = json!([
            { "field": "status", "operator": "less_than", "value": "solved" },
            { "field": "priority", "operator": "greater_than", "value": "normal" },
            { "field": "type", "operator": "is", "value": "incident" },
            { "field": "group_id", "operator": "is", "value": "5" },
            { "field": "assignee_id", "operator": "is", "value": "current_user" },
            { "field": "assignee_id", "operator": "is_not", "value": "" },
            { "field": "current_tags", "operator": "not_includes", "value": "vip late" },
            { "field": "subject_includes_word", "operator": "is", "value": "on fire" },
            { "field": "custom_fields_7", "operator": "is", "value": "true" },
            { "field": "custom_fields_8", "operator": "present", "value": null },
            { "field": "updated_at", "operator": "greater_than", "value": "24" },
        ]);
        let any = json!([
            { "field": "status", "operator": "is", "value": "new" },
            { "field": "status", "operator": "is", "value": "open" },
        ]);

        assert_eq!(view(&condition(&all, &any)), json!({ "all": all, "any": any }));
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        for (field, operator, value) in
            [("brand_id", "is", "1"), ("status", "changed", "open"), ("group_id", "is", "current_groups")]
        {
            let sent = json!({ "field": field, "operator": operator, "value": value });

            let problem = read(&sent, For::View).unwrap_err();

            assert!(problem.contains(field) && problem.contains(operator), "{problem}");
        }
    }

    #[test]
    fn what_came_from_elsewhere_is_shown_as_nearly_as_can_be() {
        let done = ["solved", "closed"].map(|word| is(Field::Status, Operator::Equal, Operand::Text(word.to_owned())));
        let inbox = Condition::Not(Box::new(Condition::Any(done.to_vec())));
        let spam = is(Field::Spam, Operator::Equal, Operand::Flag(true));

        let shown = view(&Condition::All(vec![inbox, spam]));

        assert_eq!(
            shown,
            json!({ "all": [{ "field": "status", "operator": "less_than", "value": "solved" }], "any": [] })
        );
    }
}

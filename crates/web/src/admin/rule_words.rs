//! What rules are and did, in words for people.

use helpdesk::actions::{Action, Copied, Whom};
use helpdesk::filter::evaluate::field_name;
use helpdesk::filter::{Condition, Operand, Operator, Test};
use helpdesk::rules::Step;
use serde_json::Value as Json;

use crate::text;

/// A line of the readable form of a rule, and how far it is indented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub depth: usize,
    /// `If`, `Else if`, `Otherwise`, or empty.
    pub lead: &'static str,
    pub text: String,
}

/// Deeper is shown as if it were so deep.
const DEPTH_SHOWN: usize = 6;
/// Longest value shown, in characters.
const VALUE_MAX: usize = 120;

/// The rule as sentences, one below the other.
pub fn lines(steps: &[Step]) -> Vec<Line> {
    let mut lines = Vec::new();
    walk(steps, 0, &mut lines);
    lines
}

fn walk(steps: &[Step], depth: usize, lines: &mut Vec<Line>) {
    let shown = depth.min(DEPTH_SHOWN);
    for step in steps {
        match step {
            Step::Act(action) => lines.push(Line { depth: shown, lead: "", text: self::action(action) }),
            Step::Stop => {
                lines.push(Line { depth: shown, lead: "", text: "No rule after this one runs".to_owned() });
            }
            Step::Choose(branches) => {
                for (at, branch) in branches.iter().enumerate() {
                    let is_always = branch.condition == Condition::All(Vec::new());
                    let (lead, text) = match (at, is_always) {
                        (0, _) => ("If", condition(&branch.condition)),
                        (_, true) => ("Otherwise", String::new()),
                        (_, false) => ("Else if", condition(&branch.condition)),
                    };
                    lines.push(Line { depth: shown, lead, text });
                    if branch.steps.is_empty() {
                        let text = "Do nothing".to_owned();
                        lines.push(Line { depth: (depth + 1).min(DEPTH_SHOWN), lead: "", text });
                    }
                    walk(&branch.steps, depth + 1, lines);
                }
            }
        }
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::All(all) if all.is_empty() => "anything happens".to_owned(),
        Condition::Any(any) if any.is_empty() => "never".to_owned(),
        Condition::All(all) => joined(all, " and "),
        Condition::Any(any) => statuses(any).unwrap_or_else(|| joined(any, " or ")),
        Condition::Not(inner) => format!("not ({})", self::condition(inner)),
        Condition::Is(test) => self::test(test),
    }
}

fn joined(parts: &[Condition], word: &str) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Condition::All(inner) | Condition::Any(inner) if 1 < inner.len() && parts.len() > 1 => {
                let text = condition(part);
                if text.contains(" and ") || text.contains(" or ") { format!("({text})") } else { text }
            }
            _ => condition(part),
        })
        .collect();
    parts.join(word)
}

/// `status is new, open or pending` for a list of one test each of the same field.
fn statuses(any: &[Condition]) -> Option<String> {
    let mut of = None;
    let mut values = Vec::new();
    for one in any {
        let Condition::Is(Test { field, operator: Operator::Equal, operand }) = one else { return None };
        if *of.get_or_insert(*field) != *field {
            return None;
        }
        values.push(value(operand));
    }
    Some(format!("{} is {}", label(&field_name(of?)), values.join(" or ")))
}

fn test(test: &Test) -> String {
    let field = label(&field_name(test.field));
    let operand = value(&test.operand);
    let said = match test.operator {
        Operator::Equal => "is",
        Operator::NotEqual => "is not",
        Operator::Less => "is less than",
        Operator::AtMost => "is at most",
        Operator::More => "is more than",
        Operator::AtLeast => "is at least",
        Operator::AtLeastAgo => return format!("{field} is at least {operand} ago"),
        Operator::AtMostAgo => return format!("{field} is at most {operand} ago"),
        Operator::Contains => "contains",
        Operator::NotContains => "does not contain",
        Operator::ContainsAny => "contains any of",
        Operator::ContainsAll => "contains all of",
        Operator::NotContainsAny => "contains none of",
        Operator::NotContainsAll => "does not contain all of",
        Operator::StartsWith => "starts with",
        Operator::EndsWith => "ends with",
        Operator::IsEmpty => return format!("{field} is empty"),
        Operator::IsNotEmpty => return format!("{field} is not empty"),
        Operator::Changed => return format!("{field} changed"),
        Operator::NotChanged => return format!("{field} did not change"),
        Operator::ChangedTo => "changed to",
        Operator::NotChangedTo => "did not change to",
        Operator::ChangedFrom => "changed from",
        Operator::NotChangedFrom => "did not change from",
    };
    format!("{field} {said} {operand}")
}

fn value(operand: &Operand) -> String {
    match operand {
        Operand::Nothing => "nothing".to_owned(),
        Operand::Text(text) => format!("“{}”", text::shown(text, VALUE_MAX)),
        Operand::Number(number) => number.to_string(),
        Operand::Int(number) => number.to_string(),
        Operand::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Operand::Time(at) => at.to_string(),
        Operand::Seconds(seconds) => span(*seconds),
        Operand::BusinessSeconds(seconds) => format!("{} of business", span(*seconds)),
        Operand::CurrentUser => "whoever did it".to_owned(),
        Operand::CurrentTeams => "a team of whoever looks".to_owned(),
        Operand::List(items) => items.iter().map(value).collect::<Vec<_>>().join(", "),
    }
}

fn span(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    match units.iter().find(|(unit, _)| seconds != 0 && seconds % unit == 0) {
        Some((unit, name)) => {
            let n = seconds / unit;
            if n == 1 { format!("1 {name}") } else { format!("{n} {name}s") }
        }
        None => "0 minutes".to_owned(),
    }
}

/// `assignee_user_id` as people say it.
pub fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let words = words.strip_suffix(" at").unwrap_or(&words);
    match words {
        "event kind" => "event".to_owned(),
        "is unread" => "unread".to_owned(),
        other => other.to_owned(),
    }
}

/// An action as a sentence.
pub fn action(action: &Action) -> String {
    let quoted = |text: &str| format!("“{}”", text::shown(text, VALUE_MAX));
    let of = |id: &Option<i64>, nobody: &str| id.map_or_else(|| nobody.to_owned(), |id| format!("number {id}"));
    match action {
        Action::AddTags(names) => format!("Add the tags {}", text::shown(&names.join(", "), VALUE_MAX)),
        Action::RemoveTags(names) => format!("Remove the tags {}", text::shown(&names.join(", "), VALUE_MAX)),
        Action::SetTags(names) => format!("Leave exactly the tags {}", text::shown(&names.join(", "), VALUE_MAX)),
        Action::SetStatus(word) => match word.as_str() {
            "waiting" => "Open the ticket".to_owned(),
            "done" => "Close the ticket".to_owned(),
            other => format!("Set the status {}", label(other)),
        },
        Action::SetPriority(word) => format!("Set the priority {word}"),
        Action::SetSubject(subject) => format!("Set the subject {}", quoted(subject)),
        Action::AssignUser(id) => format!("Assign it to {}", of(id, "nobody")),
        Action::AssignCurrentUser => "Assign it to whoever saved the rule".to_owned(),
        Action::AssignTeam(id) => format!("Assign it to team {}", of(id, "nobody")),
        Action::RoundRobin(id) => format!("Assign it to the next of team {}", of(id, "of the ticket")),
        Action::SnoozeSeconds(seconds) => format!("Snooze it for {}", span(*seconds)),
        Action::Reply(text) => format!("Reply {}", quoted(&text.body_text)),
        Action::SendEmail(email) => format!("Send a mail to {}", text::shown(&email.to.join(", "), VALUE_MAX)),
        Action::InternalNote(text) => format!("Leave the internal note {}", quoted(&text.body_text)),
        Action::ApplyMacro(id) => format!("Apply macro number {id}"),
        Action::Trash => "Move it to the trash".to_owned(),
        Action::MarkSpam(true) => "Mark it as spam".to_owned(),
        Action::MarkSpam(false) => "Mark it as no spam".to_owned(),
        Action::SetCustomField { custom_field_id, value } => {
            format!("Set field {custom_field_id} to {}", text::shown(&value.to_string(), VALUE_MAX))
        }
        Action::SetCustomerField { custom_field_id, value } => {
            format!("Set the customer’s field {custom_field_id} to {}", text::shown(&value.to_string(), VALUE_MAX))
        }
        Action::SetOrganizationField { custom_field_id, value } => {
            format!("Set the organization’s field {custom_field_id} to {}", text::shown(&value.to_string(), VALUE_MAX))
        }
        Action::SetCustomerLanguage(word) => format!("Set the customer’s language {word}"),
        Action::SetSchedule(id) => format!("Set schedule number {id}"),
        Action::Http(call) => format!("Call {}", text::shown(&call.url, VALUE_MAX)),
        Action::SetType(word) => format!("Set the type {}", word.as_deref().unwrap_or("to nothing")),
        Action::SetBrand(id) => format!("Set brand number {id}"),
        Action::SetForm(id) => format!("Set form {}", of(id, "to none")),
        Action::SetCustomStatus(id) => format!("Set the account’s own status number {id}"),
        Action::CopyIn { part: Copied::Cc, who } => format!("Copy in {}", whom(*who)),
        Action::CopyIn { part: Copied::Follower, who } => format!("Let {} follow it", whom(*who)),
        Action::Notify { whom: told, subject, .. } => {
            format!("Write a mail to {} about {}", whom(*told), quoted(subject))
        }
        Action::CallIntegration { integration_id, .. } => format!("Call integration number {integration_id}"),
        Action::SendSurvey => "Ask the customer how it was".to_owned(),
        Action::Unknown { name, .. } => format!("Unknown: {}", text::shown(name, VALUE_MAX)),
    }
}

fn whom(whom: Whom) -> String {
    match whom {
        Whom::Customer => "the customer".to_owned(),
        Whom::CustomerAndCcs => "the customer and everybody copied in".to_owned(),
        Whom::Assignee => "the assignee".to_owned(),
        Whom::CurrentUser => "whoever did it".to_owned(),
        Whom::AllStaff => "everybody of the staff".to_owned(),
        Whom::Person(id) => format!("person number {id}"),
        Whom::Team(None) => "the ticket’s team".to_owned(),
        Whom::Team(Some(id)) => format!("team number {id}"),
    }
}

/// Stored actions as sentences.
pub fn actions(stored: &Json) -> Vec<String> {
    let known: Vec<Action> = serde_json::from_value(stored.clone()).unwrap_or_default();
    known.iter().map(action).collect()
}

/// The values that a rule saw, by their names.
pub fn seen(values: &Json) -> Vec<(String, String)> {
    let shown = |value: &Json| match value {
        Json::Null => "nothing".to_owned(),
        Json::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Json::String(text) => text::shown(text, 300),
        Json::Array(items) if items.is_empty() => "none".to_owned(),
        Json::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            text::shown(&items.join(", "), 300)
        }
        other => other.to_string(),
    };
    values.as_object().into_iter().flatten().map(|(name, value)| (label(name), shown(value))).collect()
}

/// An event as people call it.
pub fn event(kind: &str) -> &'static str {
    match kind {
        "ticket-created" => "A ticket was created",
        "ticket-updated" => "A ticket was changed",
        "ticket-message-created" => "A message was written",
        "ticket-assigned" => "A ticket was assigned",
        "ticket-self-unsnoozed" => "A snoozed ticket woke up",
        "satisfaction-survey-responded" => "A customer answered a survey",
        "ticket-saved" => "A ticket was created or changed, once for all that was done together",
        "time-passed" => "Time passed",
        _ => "Something happened",
    }
}

/// One line of two texts laid over each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// `+`, `-` or a blank.
    pub sign: char,
    pub text: String,
}

/// Longest texts that are compared line by line.
const DIFF_LINES_MAX: usize = 400;

/// What became of a text, line by line.
pub fn difference(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let line = |sign, text: &&str| DiffLine { sign, text: (*text).to_owned() };
    if DIFF_LINES_MAX < old.len() || DIFF_LINES_MAX < new.len() {
        return old.iter().map(|text| line('-', text)).chain(new.iter().map(|text| line('+', text))).collect();
    }
    // The longest common part of each two rests of the texts.
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(line(' ', &old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[i * width + j + 1] <= longest[(i + 1) * width + j]) {
            lines.push(line('-', &old[i]));
            i += 1;
        } else {
            lines.push(line('+', &new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_as_sentences() {
        let code = "if (eq(ticket.status, 'open') && containsAny(ticket.tags.name, ['vip', 'late'])) { Action('setStatus', { status: 'closed' }) }
                    else if (gteTimedelta(ticket.updated_datetime, '2d')) {} else { Action('stopProcessing') }";
        let lines = lines(&gorgias_code::rule(code).unwrap().steps);
        let texts: Vec<String> =
            lines.iter().map(|line| format!("{} {} {}", line.depth, line.lead, line.text)).collect();
        assert_eq!(
            texts,
            [
                "0 If (status is “new” or “open” or “pending” or “on_hold”) and tags contains any of “vip”, “late”",
                "1  Close the ticket",
                "0 Else if updated is at least 2 days ago",
                "1  Do nothing",
                "0 Otherwise ",
                "1  No rule after this one runs",
            ]
        );
    }

    #[test]
    fn a_difference_shows_what_went_and_what_came() {
        let lines = difference("a\nb\nc", "a\nx\nc\nd");
        let texts: Vec<String> = lines.iter().map(|line| format!("{}{}", line.sign, line.text)).collect();
        assert_eq!(texts, [" a", "-b", "+x", " c", "+d"]);
    }
}

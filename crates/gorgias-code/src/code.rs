//! The code of a rule that was put together of conditions and actions elsewhere, as nearly as the language says it.

use helpdesk::actions::{Action, Text};
use helpdesk::rules::{Rule, Step};

use crate::conditions::CURRENT_USER;
use crate::print::{print, quoted};

/// What stands for a rule that the language has no words for.
const NO_WORDS: &str = "// This rule was put together of conditions and actions that have no words here.\n\
                        // It runs all the same, and stays what it is as long as this text is not changed.\n";

/// A rule's own code, or what says the same. Whoever saves it back unchanged has changed nothing.
pub fn code_of(rule: &Rule) -> String {
    if !rule.is_of_conditions() || rule.steps.is_empty() {
        return rule.source.clone();
    }
    let mut code = String::new();
    match write(&rule.steps, 0, &mut code) {
        Some(()) => code,
        None => NO_WORDS.to_owned(),
    }
}

fn write(steps: &[Step], depth: usize, code: &mut String) -> Option<()> {
    let indent = "  ".repeat(depth);
    for step in steps {
        match step {
            Step::Act(action) => code.push_str(&format!("{indent}{}\n", call(action)?)),
            Step::Stop => code.push_str(&format!("{indent}Action('stopProcessing');\n")),
            Step::Choose(branches) => {
                for (at, branch) in branches.iter().enumerate() {
                    let condition = print(&branch.condition)?;
                    let condition = if condition.is_empty() { "true" } else { &condition };
                    let lead = if at == 0 { indent.clone() } else { " else ".to_owned() };
                    code.push_str(&format!("{lead}if ({condition}) {{\n"));
                    write(&branch.steps, depth + 1, code)?;
                    code.push_str(&format!("{indent}}}"));
                }
                code.push('\n');
            }
        }
    }
    Some(())
}

fn call(action: &Action) -> Option<String> {
    let id = |id: &Option<i64>| id.map_or_else(|| "null".to_owned(), |id| id.to_string());
    let (name, arguments) = match action {
        Action::AddTags(names) => ("addTags", tags(names)),
        Action::RemoveTags(names) => ("removeTags", tags(names)),
        Action::SetTags(names) => ("setTags", tags(names)),
        Action::SetStatus(word) => {
            // Their two words are several of ours.
            let word = match word.as_str() {
                "waiting" => "open",
                "done" => "closed",
                "open" | "closed" => return None,
                word => word,
            };
            ("setStatus", format!("status: {}", quoted(word)))
        }
        Action::SetPriority(word) => {
            let word = if word == "urgent" { "critical" } else { word };
            ("setPriority", format!("priority: {}", quoted(word)))
        }
        Action::SetSubject(subject) => ("setSubject", format!("subject: {}", quoted(subject))),
        Action::AssignUser(user) => ("setAssignee", format!("assignee_user_id: {}", id(user))),
        Action::AssignCurrentUser => ("setAssignee", format!("assignee_user_id: {}", quoted(CURRENT_USER))),
        Action::AssignTeam(team) => ("setTeamAssignee", format!("assignee_team_id: {}", id(team))),
        Action::Reply(text) => ("replyToTicket", bodies(text)?),
        Action::InternalNote(text) => ("addInternalNote", bodies(text)?),
        Action::ApplyMacro(id) => ("applyMacro", format!("macro_id: {id}")),
        Action::MarkSpam(spam) => ("markSpam", format!("spam: {spam}")),
        Action::Trash => return Some("Action('trashTicket');".to_owned()),
        Action::SendSurvey => return Some("Action('sendSatisfactionSurvey');".to_owned()),
        _ => return None,
    };
    Some(format!("Action('{name}', {{ {arguments} }});"))
}

fn tags(names: &[String]) -> String {
    format!("tags: [{}]", names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "))
}

fn bodies(text: &Text) -> Option<String> {
    if text.attachments.is_some() {
        return None;
    }
    let plain = format!("body_text: {}", quoted(&text.body_text));
    Some(match &text.body_html {
        Some(html) => format!("{plain}, body_html: {}", quoted(html)),
        None => plain,
    })
}

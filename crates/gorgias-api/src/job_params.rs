//! The parameters of jobs (Gorgias contract, `shared_objects.JobParams`): which tickets, and what becomes of them.

use endpoint::{App, files};
use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::jobs::job::{Format, IDS_MAX, Work};
use helpdesk::jobs::selection::Selection;
use helpdesk::macros::NAMED_MAX;
use helpdesk::tags::NAME_MAX_CHARS;
use helpdesk::tickets::bulk::Set;
use helpdesk::tickets::tags::TAGS_MAX;
use helpdesk::views::{Lists, items};
use jiff::Timestamp;
use serde_json::Value;

use crate::fields::{Fields, ID_MAX, Sent};
use crate::tickets::{PRIORITIES, STATUSES, SUBJECT_MAX_CHARS};
use crate::views::{filters_of, lists_of};

const URL_MAX_CHARS: usize = 2_048;

/// What may be set on many tickets.
const UPDATES: &[&str] = &[
    "status",
    "priority",
    "subject",
    "language",
    "assignee_user",
    "assignee_user_id",
    "assignee_team",
    "assignee_team_id",
    "is_unread",
    "spam",
    "closed_datetime",
    "snooze_datetime",
    "trashed_datetime",
    "tags",
    "add_tags",
    "remove_tags",
];

/// What was read. The tickets of a saved view are still to be added (`of_view`): that takes the database.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub work: Work,
    pub view_id: Option<i64>,
}

/// Reads them for a job of this type. Problems are noted in `params`; none then.
pub fn read(app: &App, params: &mut Fields, kind: &str) -> Option<Wanted> {
    let work = read_work(app, params, kind)?;
    Some(Wanted { work, view_id: params.integer("view_id", 1, ID_MAX) })
}

/// Leaves of the tickets those that are in a view with this condition.
pub fn of_view(work: &mut Work, condition: Condition) {
    if let Work::UpdateTickets { selection, .. }
    | Work::DeleteTickets { selection }
    | Work::ExportTickets { selection, .. } = work
    {
        let others = std::mem::take(&mut selection.condition);
        selection.condition = Condition::All(vec![condition, others]);
    }
}

fn read_work(app: &App, params: &mut Fields, kind: &str) -> Option<Work> {
    match kind {
        "updateTicket" => {
            let sets = read_updates(params);
            let selection = read_selection(params, true)?;
            Some(Work::UpdateTickets { selection, sets })
        }
        "applyMacro" => {
            params.require("macro_id");
            let macro_id = params.id_or_null("macro_id").value();
            let and_close = params.flag("apply_and_close").unwrap_or_default();
            let selection = read_selection(params, true)?;
            Some(Work::ApplyMacro { selection, macro_id: macro_id?, and_close })
        }
        "deleteTicket" => Some(Work::DeleteTickets { selection: read_selection(params, true)? }),
        "exportTicket" => {
            let format = match params.one_of("format", &["csv", "ndjson"]) {
                Some("ndjson") => Format::Ndjson,
                _ => Format::Csv,
            };
            Some(Work::ExportTickets { selection: read_selection(params, false)?, format })
        }
        "exportMacro" => {
            let ids = params.ids("macro_ids", 1, NAMED_MAX).map(|mut ids| {
                ids.sort_unstable();
                ids.dedup();
                ids
            });
            Some(Work::ExportMacros { ids })
        }
        "importMacro" => {
            let url = params.required_text("url", 1, URL_MAX_CHARS);
            let path = files::path_of(app, &url);
            if path.is_none() && !url.is_empty() {
                params.problem("url", "Must be the address of a file that was uploaded here.");
            }
            Some(Work::ImportMacros { path: path? })
        }
        "exportConvertCampaignSalesDrilldown" => {
            params.problem("context", "Sales campaigns are not part of this helpdesk.");
            None
        }
        _ => {
            params.problem("context", "Jobs of this type are not available here.");
            None
        }
    }
}

/// Ids, a view, a time span, or several of them. `must` be something: a change of every ticket there is is hardly meant.
fn read_selection(params: &mut Fields, must: bool) -> Option<Selection> {
    const WAYS: [&str; 5] = ["ticket_ids", "view_id", "view", "start_datetime", "end_datetime"];
    if must && params.has_none_of(&WAYS) {
        params.problem(
            "ticket_ids",
            "Name the tickets: by ticket_ids, view_id, view, or start_datetime and end_datetime.",
        );
        return None;
    }
    let mut selection = match params.ids("ticket_ids", 1, IDS_MAX) {
        Some(ids) => Selection::of_ids(ids),
        None => Selection::default(),
    };
    let view = params.nested("view", read_view).value().flatten();
    let created =
        |operator, at: Timestamp| Condition::Is(Test { field: Field::CreatedAt, operator, operand: Operand::Time(at) });
    let start = params.time_or_null("start_datetime").value();
    let end = params.time_or_null("end_datetime").value();
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        params.problem("end_datetime", "Must be after start_datetime.");
    }
    let mut parts: Vec<Condition> = view.into_iter().collect();
    parts.extend(start.map(|at| created(Operator::AtLeast, at)));
    parts.extend(end.map(|at| created(Operator::Less, at)));
    selection.condition = Condition::All(parts);
    Some(selection)
}

/// A view that is sent along: its `filters`, with what every view leaves out.
fn read_view(view: &mut Fields) -> Option<Condition> {
    view.require("filters");
    if lists_of(view) == Some(Lists::Customers) {
        view.problem("type", "The view lists customers.");
    }
    // A search finds the best of many: a job would leave out the rest without a word.
    if view.text_or_null("search", 1_000).value().is_some_and(|search| !search.trim().is_empty()) {
        view.problem("search", "A job cannot search: name the tickets by filters.");
    }
    filters_of(view).map(|(condition, _source)| items::whole_condition(&condition))
}

fn read_updates(params: &mut Fields) -> Vec<Set> {
    params.require("updates");
    let sent: Vec<String> = match params.json("updates") {
        Sent::Value(Value::Object(updates)) => updates.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let sets = params.nested("updates", |updates| {
        // A misspelt field must not turn a bulk change into another one.
        for name in &sent {
            if !UPDATES.contains(&name.as_str()) {
                updates.problem(name, "Unknown field.");
            }
        }
        read_sets(updates)
    });
    match sets {
        Sent::Value(sets) => {
            if sets.is_empty() {
                params.problem("updates", "Names nothing to change.");
            }
            sets
        }
        Sent::Null => {
            params.problem("updates", "Field may not be null.");
            Vec::new()
        }
        Sent::Absent => Vec::new(),
    }
}

fn read_sets(updates: &mut Fields) -> Vec<Set> {
    let mut sets = Vec::new();
    let status = updates.one_of("status", STATUSES).map(|word| if word == "closed" { "done" } else { "waiting" });
    sets.extend(status.map(|word| Set::Status(word.to_owned())));
    let priority = updates.one_of("priority", PRIORITIES).map(|word| if word == "critical" { "urgent" } else { word });
    sets.extend(priority.map(|word| Set::Priority(word.to_owned())));
    sets.extend(updates.text_or_null("subject", SUBJECT_MAX_CHARS).change().map(Set::Subject));
    sets.extend(updates.language_or_null("language").change().map(Set::Language));
    for (object, id, set) in [
        ("assignee_user", "assignee_user_id", Set::AssigneeUser as fn(Option<i64>) -> Set),
        ("assignee_team", "assignee_team_id", Set::AssigneeTeam),
    ] {
        let nested = updates.nested(object, |object| object.id_or_null("id").value()).change().map(Option::flatten);
        let flat = updates.integer_or_null(id, 1, ID_MAX).change();
        sets.extend(nested.or(flat).map(set));
    }
    sets.extend(updates.flag("is_unread").map(Set::Unread));
    sets.extend(updates.flag("spam").map(Set::Spam));
    sets.extend(updates.time_or_null("closed_datetime").change().map(Set::ClosedAt));
    sets.extend(updates.time_or_null("snooze_datetime").change().map(Set::SnoozedUntil));
    sets.extend(updates.time_or_null("trashed_datetime").change().map(Set::TrashedAt));
    sets.extend(read_tags(updates, "tags").map(Set::Tags));
    sets.extend(read_tags(updates, "add_tags").map(Set::AddTags));
    sets.extend(read_tags(updates, "remove_tags").map(Set::RemoveTags));
    sets
}

/// Names, or objects with a name as tickets show them.
fn read_tags(updates: &mut Fields, field: &str) -> Option<Vec<String>> {
    let is_list_of_texts = match updates.json(field) {
        Sent::Value(Value::Array(items)) => items.iter().all(Value::is_string),
        _ => false,
    };
    if is_list_of_texts {
        let names = updates.texts(field, 0, TAGS_MAX, NAME_MAX_CHARS)?;
        if names.iter().any(String::is_empty) {
            updates.problem(field, "Shorter than minimum length 1.");
        }
        return Some(names);
    }
    updates.each(field, TAGS_MAX, |tag| tag.required_text("name", 1, NAME_MAX_CHARS))
}

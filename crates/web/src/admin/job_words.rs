//! What a job is and where it stands, in words.

use helpdesk::filter::Condition;
use helpdesk::jobs::job::{Format, Job, Kind, Status, Work};
use helpdesk::jobs::lists::{AuditFilter, List};
use helpdesk::jobs::selection::Selection;
use helpdesk::tickets::bulk::Set;

use crate::text;

/// How far a job is. Without a `percent` nobody knows.
pub struct Progress {
    pub percent: Option<i64>,
    pub text: String,
}

pub fn title(job: &Job) -> String {
    match &job.work {
        Work::Undo { job_id } => format!("Undo job {job_id}"),
        Work::UpdateTickets { .. } => "Change tickets".to_owned(),
        Work::ApplyMacro { .. } => "Apply a macro".to_owned(),
        Work::DeleteTickets { .. } => "Delete tickets".to_owned(),
        Work::ExportTickets { format: Format::Csv, .. } => "Export tickets as CSV".to_owned(),
        Work::ExportTickets { format: Format::Ndjson, .. } => "Export tickets as NDJSON".to_owned(),
        Work::ExportMacros { .. } => "Export macros as CSV".to_owned(),
        Work::ExportList { list: List::AuditLog(_) } => "Export the audit log as CSV".to_owned(),
        Work::ExportList { list: List::HeldMessages } => "Export held messages as CSV".to_owned(),
        Work::ImportMacros { .. } => "Import macros".to_owned(),
        Work::Import { file, .. } => format!("Import {}", text::shown(file, 60)),
        Work::Batch { call, .. } => format!("Rows of {}", text::shown(call, 60)),
    }
}

pub fn what(job: &Job) -> String {
    match &job.work {
        Work::Undo { .. } => "Puts back what still has the value that was set".to_owned(),
        Work::UpdateTickets { selection, sets } => {
            let sets: Vec<String> = sets.iter().map(set).collect();
            text::shown(&format!("{}: {}", which(selection), sets.join(", ")), 300)
        }
        Work::ApplyMacro { selection, macro_id, and_close } => {
            format!("{}: macro {macro_id}{}", which(selection), if *and_close { ", then closed" } else { "" })
        }
        Work::DeleteTickets { selection } => format!("{}: to the trash, or for good from there", which(selection)),
        Work::ExportTickets { selection, .. } => which(selection),
        Work::ExportMacros { ids: None } => "All macros, archived ones too".to_owned(),
        Work::ExportMacros { ids: Some(ids) } if ids.len() == 1 => {
            format!("Macro {}", ids.first().copied().unwrap_or_default())
        }
        Work::ExportMacros { ids: Some(ids) } => format!("{} named macros", count(ids.len() as i64)),
        Work::ExportList { list: List::AuditLog(filter) } if *filter != AuditFilter::default() => {
            "Rows of the audit log that fit a condition".to_owned()
        }
        Work::ExportList { list: List::AuditLog(_) } => "The whole audit log".to_owned(),
        Work::ExportList { list: List::HeldMessages } => "All messages that are held back".to_owned(),
        Work::ImportMacros { path } => {
            format!("From the file {}", text::shown(path.rsplit('/').next().unwrap_or_default(), 60))
        }
        Work::Import { format, .. } => format!("From a file of the format {format}"),
        Work::Batch { rows, .. } => format!("{} rows that an app sent at once", rows.len()),
    }
}

fn which(selection: &Selection) -> String {
    let is_everything = matches!(&selection.condition, Condition::All(parts) if parts.is_empty());
    match &selection.ids {
        Some(ids) if ids.len() == 1 => format!("Ticket {}", ids.first().copied().unwrap_or_default()),
        Some(ids) => format!("{} named tickets", count(ids.len() as i64)),
        None if is_everything => "All tickets".to_owned(),
        None => "Tickets that fit a condition".to_owned(),
    }
}

fn set(set: &Set) -> String {
    let time = |at: &Option<jiff::Timestamp>| at.map_or("never".to_owned(), |at| at.strftime("%-d %b %Y").to_string());
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let tags = |names: &[String]| names.join(" + ");
    match set {
        Set::Status(word) => match word.as_str() {
            "done" => "close".to_owned(),
            "waiting" => "open".to_owned(),
            word => format!("status {}", word.replace('_', " ")),
        },
        Set::Priority(word) => format!("priority {word}"),
        Set::Subject(subject) => format!("subject {}", text(subject)),
        Set::Language(language) => format!("language {}", text(language)),
        Set::AssigneeUser(Some(id)) => format!("assign to person {id}"),
        Set::AssigneeUser(None) => "assign to nobody".to_owned(),
        Set::AssigneeTeam(Some(id)) => format!("assign to team {id}"),
        Set::AssigneeTeam(None) => "assign to no team".to_owned(),
        Set::Unread(true) => "mark as unread".to_owned(),
        Set::Unread(false) => "mark as read".to_owned(),
        Set::Spam(true) => "mark as spam".to_owned(),
        Set::Spam(false) => "no spam".to_owned(),
        Set::ClosedAt(at) => format!("closed {}", time(at)),
        Set::SnoozedUntil(at) => format!("snooze until {}", time(at)),
        Set::TrashedAt(Some(_)) => "to the trash".to_owned(),
        Set::TrashedAt(None) => "out of the trash".to_owned(),
        Set::Tags(names) if names.is_empty() => "no tags".to_owned(),
        Set::Tags(names) => format!("only the tags {}", tags(names)),
        Set::AddTags(names) => format!("add {}", tags(names)),
        Set::RemoveTags(names) => format!("remove {}", tags(names)),
    }
}

/// The state in words, and the class of its badge.
pub const fn tone_of(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Pending => ("Waiting", ""),
        Status::Scheduled => ("Scheduled", ""),
        Status::Running => ("Running", "good"),
        Status::Done => ("Done", "good"),
        Status::CancelRequested => ("Stopping", "warn"),
        Status::Canceled => ("Canceled", ""),
        Status::Errored => ("Will be tried again", "warn"),
        Status::FatalErrored => ("Failed", "bad"),
    }
}

pub fn progress(job: &Job) -> Progress {
    let unit = match job.kind {
        Kind::Import => "bytes",
        Kind::ExportMacros => "macros",
        Kind::ImportMacros | Kind::Batch | Kind::ExportList => "rows",
        Kind::UpdateTickets | Kind::ApplyMacro | Kind::DeleteTickets | Kind::ExportTickets => "tickets",
    };
    let done = count(job.progress_done);
    match job.progress_total {
        Some(total) if total > 0 => Progress {
            percent: Some((job.progress_done.saturating_mul(100) / total).clamp(0, 100)),
            text: format!("{done} of {} {unit}", count(total)),
        },
        Some(_) => Progress { percent: job.status.is_over().then_some(100), text: format!("{done} {unit}") },
        None => Progress { percent: None, text: format!("{done} {unit}") },
    }
}

/// With commas between thousands.
pub fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if n < 0 { format!("-{text}") } else { text }
}

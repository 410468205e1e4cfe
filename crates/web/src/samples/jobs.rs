//! The rooms about jobs, with sample data.

use askama::Template;

use super::{frame, when};
use crate::admin::audit::Choice;
use crate::admin::job::{ErrorRow, Fact, Receipt, Show, Undo};
use crate::admin::job_words::{Progress, count};
use crate::admin::jobs::{JobRow, List};
use crate::form::Form;
use crate::pages::Crumb;
use crate::rooms::Section;

fn row(id: i64, title: &str, what: &str, (status, tone): (&'static str, &'static str), percent: Option<i64>) -> JobRow {
    let done = percent.unwrap_or(0) * 100;
    JobRow {
        id,
        title: title.to_owned(),
        what: what.to_owned(),
        status,
        tone,
        progress: Progress { percent, text: format!("{} of 10,000 tickets", count(done)) },
        n_errors: if id == 612 { 3 } else { 0 },
        created: when("2026-03-10T11:40:00Z"),
        can_cancel: status == "Running" || status == "Scheduled",
    }
}

fn rows() -> Vec<JobRow> {
    vec![
        row(
            614,
            "Change tickets",
            "Tickets that fit a condition: close, add spring-sale",
            ("Running", "good"),
            Some(42),
        ),
        row(613, "Export tickets as NDJSON", "All tickets", ("Scheduled", ""), None),
        row(612, "Undo job 610", "Puts back what still has the value that was set", ("Done", "good"), Some(100)),
        row(
            611,
            "Delete tickets",
            "12 named tickets: to the trash, or for good from there",
            ("Failed", "bad"),
            Some(8),
        ),
    ]
}

fn list(rows: Vec<JobRow>, form: Form) -> List {
    let choice =
        |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned(), is_chosen: false };
    List {
        frame: frame(Section::Jobs, "Jobs", &[]),
        form,
        is_any_running: !rows.is_empty(),
        rows,
        before: None,
        staff: vec![choice("7", "Sam Reed"), choice("8", "Ada Winter")],
    }
}

fn show(job: JobRow) -> Show {
    let mut frame = frame(Section::Jobs, &job.title, &[]);
    frame.crumbs = vec![Crumb { href: "/admin/jobs".to_owned(), label: "Jobs".to_owned() }];
    Show {
        frame,
        facts: vec![
            ("Started by", Fact::Text("Ada Winter".to_owned())),
            ("Created", Fact::When(when("2026-03-10T11:40:00Z"))),
            ("Tickets changed", Fact::Text("9,997".to_owned())),
        ],
        problem: None,
        errors: vec![ErrorRow {
            about: "Ticket 4711".to_owned(),
            problem: "Changed since, and left as it is: status, closed_at.".to_owned(),
        }],
        errors_after: Some(1),
        has_file: false,
        file_is_gone: false,
        can_undo: true,
        undone_by: None,
        undoes: Some(610),
        receipt: None,
        is_running: false,
        job,
    }
}

fn import() -> Show {
    let pair = |what: &str, n: &str| (what.to_owned(), n.to_owned());
    let mut job = row(615, "Import zendesk.json", "From a file of the format zendesk", ("Done", "good"), Some(100));
    job.progress.text = "48,220,114 of 48,220,114 bytes".to_owned();
    Show {
        errors: Vec::new(),
        errors_after: None,
        can_undo: false,
        undoes: None,
        receipt: Some(Receipt {
            created: vec![
                pair("tickets", "20,114"),
                pair("messages", "71,902"),
                pair("customers", "9,400"),
                pair("tags", "0"),
            ],
            skipped: vec![pair("the ticket is there already", "12")],
            failed: "0".to_owned(),
            rows: "20,126".to_owned(),
            sha256: "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea".to_owned(),
            outcomes: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        }),
        ..show(job)
    }
}

pub(super) fn pages() -> Vec<(&'static str, String)> {
    let mut form = Form::new(vec![("which".to_owned(), "ids".to_owned()), ("ids".to_owned(), "12, abc".to_owned())]);
    form.refuse("ids", "abc is not the number of a ticket.");
    let [_, _, undo, _] = rows().try_into().unwrap_or_else(|_| panic!("four"));
    let ask = Undo {
        frame: frame(Section::Jobs, "Undo", &[("/admin/jobs", "Jobs"), ("/admin/jobs/610", "Change tickets")]),
        id: 610,
        title: "Change tickets".to_owned(),
        whole: "9,871".to_owned(),
        partly: 17,
        nothing: 112,
        is_sample: false,
    };
    vec![
        ("jobs", list(rows(), Form::default()).render().unwrap()),
        ("jobs-none", list(Vec::new(), Form::default()).render().unwrap()),
        ("jobs-problem", list(rows(), form).render().unwrap()),
        ("job", show(undo).render().unwrap()),
        ("job-import", import().render().unwrap()),
        ("job-undo", ask.render().unwrap()),
    ]
}

//! The rooms of rules.

use askama::Template;
use helpdesk::rules::EVENT_KINDS;
use helpdesk::rules::dry_run::DryRun;
use helpdesk::rules::log::Outcome;

use super::{frame, now};
use crate::admin::rule_words;
use crate::admin::rules::{
    DryRunPage, EventChoice, ExecutionRow, History, HitRow, RuleFacts, RuleList, RulePage, RuleRow, VersionRow,
};
use crate::form::Form;
use crate::rooms::Section;
use crate::when::When;

const CODE: &str = "if (eq(ticket.from_agent, false) && containsAny(message.body_text, ['refund', 'money back'])) {
    Action('addTags', { tags: 'refund' })
    Action('setPriority', { priority: 'high' })
} else if (eq(ticket.spam, true)) {
    Action('trashTicket', {})
}";

pub(super) fn pages() -> Vec<(&'static str, String)> {
    let lines = || rule_words::lines(&gorgias_code::rule(CODE).unwrap().steps);
    let about = |title: &str| frame(Section::Rules, title, &[("/admin/rules", "Rules")]);
    let at = || When::at("2026-03-10T08:05:00Z".parse().unwrap(), now());
    let form = |refused: bool| {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let code = if refused { "if (eq(ticket.status 'open')) {}" } else { CODE };
        let mut form = Form::new(vec![pair("name", "Tag refunds"), pair("code", code)]);
        if refused {
            form.refuse("code", "Expected \",\" or \")\", found a text. (line 1, column 22)");
        }
        form
    };
    let events = || {
        EVENT_KINDS
            .iter()
            .map(|kind| EventChoice { kind, label: rule_words::event(kind), is_chosen: *kind == "ticket-created" })
            .collect()
    };
    let row = |id: i64, name: &str, is_active: bool, error: Option<&str>| RuleRow {
        id,
        name: name.to_owned(),
        is_active,
        events: vec![rule_words::event("ticket-created"), rule_words::event("ticket-message-created")],
        runs: id * 17,
        last_run: at(),
        error: error.map(str::to_owned),
        is_first: id == 1,
        is_last: id == 3,
    };
    let list = |rules| RuleList { frame: frame(Section::Rules, "Rules", &[]), rules };
    let seen = || vec![("message body".to_owned(), "I want my money back".to_owned())];
    let done = || vec!["Add the tags refund".to_owned(), "Set the priority high".to_owned()];
    let execution = |outcome, error: Option<&str>| ExecutionRow {
        rule_id: 1,
        rule: "Tag refunds".to_owned(),
        version: 3,
        ticket_id: 4001,
        event: rule_words::event("ticket-created"),
        at: at(),
        outcome,
        branches: "1.1".to_owned(),
        actions: done(),
        seen: seen(),
        error: error.map(str::to_owned),
    };
    let rule = RulePage {
        frame: about("Tag refunds"),
        form: form(false),
        rule: Some(RuleFacts {
            id: 1,
            is_active: true,
            version: 2,
            runs: 17,
            last_run: at(),
            error: Some(("assignee_user.id: No active user has this id.".to_owned(), at())),
        }),
        events: events(),
        lines: Some(lines()),
        versions: vec![
            VersionRow {
                version: 2,
                author: "Ada Winter".to_owned(),
                at: at(),
                changes: rule_words::difference("if (eq(ticket.spam, true)) {\n}", CODE),
                more: vec!["Renamed from Refunds to Tag refunds".to_owned()],
            },
            VersionRow { version: 1, author: "an app".to_owned(), at: at(), changes: Vec::new(), more: Vec::new() },
        ],
    };
    let refused = RulePage {
        frame: about("New rule"),
        form: form(true),
        rule: None,
        events: events(),
        lines: None,
        versions: Vec::new(),
    };
    let history = |rows: Vec<ExecutionRow>, ticket_id| History {
        frame: about("What it did"),
        ticket_id,
        older: (!rows.is_empty()).then(|| "/admin/rules/1/history?before=7".to_owned()),
        rows,
    };
    let dry_run = |is_done: bool| DryRunPage {
        frame: about("Dry run"),
        run: DryRun {
            id: 5,
            rule_id: Some(1),
            source: CODE.to_owned(),
            steps: Vec::new(),
            event_kinds: vec!["ticket-created".to_owned()],
            since: "2026-01-01T00:00:00Z".parse().unwrap(),
            until: "2026-04-01T00:00:00Z".parse().unwrap(),
            is_done,
            at: "2026-02-11T00:00:00Z".parse().unwrap(),
            n_events: 1_204,
            n_hits: 1,
            n_tickets: 1,
            created_at: now(),
            finished_at: is_done.then(now),
        },
        lines: lines(),
        rows: if is_done {
            vec![HitRow {
                ticket_id: 4001,
                subject: "Where is my parcel?".to_owned(),
                event: rule_words::event("ticket-created"),
                at: at(),
                actions: done(),
                seen: seen(),
            }]
        } else {
            Vec::new()
        },
        older: None,
    };
    let rows = vec![
        row(1, "Tag refunds", true, None),
        row(2, "Close what nobody answers", true, Some("assignee_user.id: No active user has this id.")),
        row(3, "Spam to the trash", false, None),
    ];
    let executions = vec![
        execution(Outcome::Ran, None),
        execution(Outcome::Failed, Some("assignee_user.id: No active user has this id.")),
        execution(Outcome::OverBudget, Some("Rules ran on this ticket 60 times within an hour.")),
    ];
    vec![
        ("rules", list(rows).render().unwrap()),
        ("rules-empty", list(Vec::new()).render().unwrap()),
        ("rule", rule.render().unwrap()),
        ("rule-refused", refused.render().unwrap()),
        ("rule-history", history(executions, None).render().unwrap()),
        ("rule-why-empty", history(Vec::new(), Some(4001)).render().unwrap()),
        ("rule-dry-run", dry_run(true).render().unwrap()),
        ("rule-dry-run-running", dry_run(false).render().unwrap()),
    ]
}

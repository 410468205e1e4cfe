//! The rooms about integrations and their calls, with sample data.

use askama::Template;

use super::{frame, when};
use crate::admin::audit::Choice;
use crate::admin::deliveries::{CallRow, Fact, Log, One, Said};
use crate::admin::integration::{Known, Show, Trigger};
use crate::admin::integrations::{IntegrationRow, List, Shown};
use crate::form::Form;
use crate::rooms::Section;

fn shown(word: &'static str, tone: &'static str, sentence: &str) -> Shown {
    Shown { word, tone, sentence: sentence.to_owned() }
}

fn row(id: i64, name: &str, under: &str, triggers: &[&str], state: Shown) -> IntegrationRow {
    IntegrationRow {
        id,
        name: name.to_owned(),
        under: under.to_owned(),
        is_http: !triggers.is_empty(),
        triggers: triggers.iter().map(|trigger| (*trigger).to_owned()).collect(),
        state,
        last_call: when("2026-03-10T11:58:00Z"),
    }
}

fn rows() -> Vec<IntegrationRow> {
    vec![
        row(
            4,
            "Warehouse",
            "POST https://hooks.warehouse.example/tickets/{{ticket.id}}",
            &["A ticket is created", "A ticket is changed"],
            shown("Healthy", "good", "The last call went well."),
        ),
        row(
            3,
            "CRM with a name that is longer than most people would give to anything at all",
            "PUT https://crm.example/api/v2/conversations",
            &["A message is added"],
            shown("Paused", "bad", "The last 7 calls failed. Calls wait for a while, then one is tried."),
        ),
        row(
            2,
            "Old shop",
            "GET https://shop.example/customer",
            &["A ticket is created"],
            shown("Off", "", "Somebody switched it off."),
        ),
        row(1, "Support mailbox", "email", &[], shown("On", "", "Nothing was called yet.")),
    ]
}

fn call(id: i64, (word, tone): (&'static str, &'static str), answer: &str) -> CallRow {
    CallRow {
        id,
        what: "A message is added".to_owned(),
        under: "Warehouse · ticket 4001".to_owned(),
        word,
        tone,
        answer: answer.to_owned(),
        attempts: 2,
        created: when("2026-03-10T11:40:00Z"),
    }
}

fn calls() -> Vec<CallRow> {
    vec![
        call(812, ("Waiting", "warn"), "The answer was 503."),
        call(811, ("Delivered", "good"), "200 in 48 ms"),
        call(810, ("Failed", "bad"), "No answer in time."),
        call(
            809,
            ("Left out", ""),
            "The app that made this integration changed the ticket itself, in answer to a call.",
        ),
    ]
}

fn list(rows: Vec<IntegrationRow>) -> List {
    List { frame: frame(Section::Integrations, "Integrations", &[]), rows, before: None }
}

fn form() -> Form {
    let pairs = [
        ("name", "Warehouse"),
        ("description", "Tells the warehouse of returns"),
        ("url", "https://hooks.warehouse.example/tickets/{{ticket.id}}"),
        ("method", "POST"),
        ("headers", "Authorization: Bearer 7f3a"),
        ("form", "{\n  \"ticket\": \"{{ticket.id}}\"\n}"),
    ];
    Form::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

fn show(known: Option<Known>, form: Form) -> Show {
    let trigger = |word, label, is_chosen| Trigger { word, label, is_chosen };
    let title = if known.is_some() { "Warehouse" } else { "New integration" };
    Show {
        frame: frame(Section::Integrations, title, &[("/admin/integrations", "Integrations")]),
        form,
        known,
        triggers: vec![
            trigger("ticket-created", "A ticket is created", true),
            trigger("ticket-message-created", "A message is added", false),
        ],
    }
}

fn known() -> Known {
    Known {
        id: 4,
        is_http: true,
        is_on: true,
        kind: "http".to_owned(),
        app_id: Some("0123456789abcdef01234567".to_owned()),
        state: shown("Failing", "warn", "The last 2 calls failed."),
        last_error: Some("The answer was 503.".to_owned()),
        has_secret: true,
        new_secret: Some("Kq3WfTzR8mYxLp2NvBhJd7CgSa5EuQ9tXr4WkZm1".to_owned()),
        calls: calls(),
    }
}

fn one() -> One {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    One {
        frame: frame(
            Section::Integrations,
            "Call 811",
            &[("/admin/integrations", "Integrations"), ("/admin/deliveries", "Calls")],
        ),
        id: 811,
        row: call(811, ("Delivered", "good"), "200 in 48 ms"),
        integration: Some((4, "Warehouse".to_owned())),
        facts: vec![
            ("Asked for", Fact::When(when("2026-03-10T11:40:00Z"))),
            ("Attempts", Fact::Text("2".to_owned())),
            ("Repeats", Fact::Call(790)),
        ],
        request: Some(Said {
            line: "POST https://hooks.warehouse.example/tickets/4001".to_owned(),
            headers: vec![header("authorization", "Bearer [hidden]"), header("content-type", "application/json")],
            body: "{\"ticket\":\"4001\"}".to_owned(),
        }),
        answer: Some(Said {
            line: "200".to_owned(),
            headers: vec![header("content-type", "application/json")],
            body: "{\"ok\":true}".to_owned(),
        }),
        can_replay: true,
        waits: false,
    }
}

pub fn pages() -> Vec<(&'static str, String)> {
    let mut refused = form();
    refused.refuse("url", "Not a valid URL.");
    refused.refuse("form", "This is no JSON. Texts in it stand in double quotes.");
    let choice =
        |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned(), is_chosen: value == "4" };
    let log = |rows| Log {
        frame: frame(Section::Integrations, "Calls", &[("/admin/integrations", "Integrations")]),
        integrations: vec![choice("4", "Warehouse"), choice("3", "CRM")],
        states: vec![choice("waiting", "Waiting"), choice("delivered", "Delivered")],
        is_filtered: true,
        rows,
        older: Some("before=1.2".to_owned()),
    };
    let waiting = call(811, ("Waiting", "warn"), "None yet");
    let unanswered = One { row: waiting, request: None, answer: None, waits: true, can_replay: false, ..one() };
    vec![
        ("integrations", list(rows()).render().unwrap()),
        ("integrations-none", list(Vec::new()).render().unwrap()),
        ("integration", show(Some(known()), form()).render().unwrap()),
        ("integration-new", show(None, Form::default()).render().unwrap()),
        ("integration-problem", show(None, refused).render().unwrap()),
        ("deliveries", log(calls()).render().unwrap()),
        ("deliveries-none", log(Vec::new()).render().unwrap()),
        ("delivery", one().render().unwrap()),
        ("delivery-waiting", unanswered.render().unwrap()),
    ]
}

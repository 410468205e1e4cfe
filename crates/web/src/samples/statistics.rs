//! Surveys and statistics, with sample data.

use askama::Template;
use helpdesk::satisfaction_surveys::Summary;
use jiff::civil::{Date, date};

use super::{frame, now, when};
use crate::admin::chart::{Chart, Series};
use crate::admin::statistics::{Chosen, Overview, Row, Table, Tile, duration, unit_of_time};
use crate::admin::statistics_tickets::{self, Behind};
use crate::admin::surveys::{self, Channel, Surveys, tiles};
use crate::form::Form;
use crate::rooms::Section;
use crate::survey::{Score, SurveyPage};

pub(super) fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("statistics", overview(true).render().unwrap()),
        ("statistics-empty", overview(false).render().unwrap()),
        ("statistics-tickets", behind(true).render().unwrap()),
        ("statistics-tickets-empty", behind(false).render().unwrap()),
        ("surveys", rooms(true).render().unwrap()),
        ("surveys-empty", rooms(false).render().unwrap()),
        ("survey", survey(false, false).render().unwrap()),
        ("survey-refused", survey(false, true).render().unwrap()),
        ("survey-thanks", survey(true, false).render().unwrap()),
    ]
}

fn overview(full: bool) -> Overview {
    let query = Form::new(vec![
        ("from".to_owned(), "2026-02-01".to_owned()),
        ("to".to_owned(), if full { "2026-03-02" } else { "2025-03-02" }.to_owned()),
    ]);
    let (chosen, problem) = Chosen::read(&query, "Europe/Paris", now());
    let days: Vec<Date> = (1..=28).map(|day| date(2026, 2, day)).collect();
    let values = |times: i32| -> Vec<Option<f64>> {
        (1..=28).map(|day| full.then(|| f64::from((day * times * 37) % 61 + (day % 7) * 9))).collect()
    };
    let counted = Chart::new(
        ("volume", "Support volume", "Tickets created and closed, by day"),
        &days,
        vec![Series::new("Created", values(3)), Series::new("Closed", values(2))],
        |_| 1.0,
        |n| format!("{n:.0}"),
    );
    let times = values(5).into_iter().map(|it| it.map(|it| it * 240.0)).collect();
    let waited = Chart::new(
        ("first-response", "First response", "How long half of the customers waited at most, by day"),
        &days,
        vec![Series::new("Median", times)],
        unit_of_time,
        duration,
    );
    let tile = |label, value: &str, under: &str| Tile {
        label,
        value: if full { value.to_owned() } else { "–".to_owned() },
        href: full.then(|| "/admin/statistics/tickets?scope=tickets-created".to_owned()),
        under: if full { under } else { "nothing to measure" }.to_owned(),
    };
    let row = |name: &str, created: &str, closed: &str| Row {
        name: name.to_owned(),
        n_created: created.to_owned(),
        created_href: "/admin/statistics/tickets?scope=tickets-created".to_owned(),
        n_closed: closed.to_owned(),
        closed_href: "/admin/statistics/tickets?scope=tickets-closed".to_owned(),
        first_response: "1 h 12 min".to_owned(),
    };
    let rows = |rows: Vec<Row>| if full { rows } else { Vec::new() };
    Overview {
        frame: frame(Section::Statistics, "Statistics", &[]),
        chosen,
        problem,
        tiles: vec![
            tile("Tickets created", "1,284", ""),
            tile("Tickets closed", "1,190", ""),
            tile("Still open", "94", ""),
            tile("First response", "42 min", "half were faster"),
            tile("Time to resolution", "1 d 3 h", "half were faster"),
            tile("Satisfaction", "4.4 of 5", "211 answers, 38 % of those asked"),
        ],
        charts: vec![counted, waited],
        tables: vec![
            Table {
                id: "channels",
                heading: "By channel",
                about: "Where customers write",
                column: "Channel",
                rows: rows(vec![row("E-mail", "901", "844"), row("Chat", "302", "290")]),
            },
            Table {
                id: "people",
                heading: "By person",
                about: "By whom tickets are assigned to now",
                column: "Person",
                rows: rows(vec![row("Sam Reed", "410", "402"), row("Nobody", "77", "12")]),
            },
            Table {
                id: "tags",
                heading: "By tag",
                about: "When a tag was put on",
                column: "Tag",
                rows: rows(vec![row("refund", "97", ""), row("where-is-my-order", "80", "")]),
            },
        ],
    }
}

fn behind(full: bool) -> Behind {
    let row = |id, subject: &str, is_done| statistics_tickets::Row {
        id,
        subject: subject.to_owned(),
        customer: "Mia Stone".to_owned(),
        assignee: "Sam Reed".to_owned(),
        channel: "E-mail".to_owned(),
        is_done,
        created: when("2026-02-18T09:00:00Z"),
    };
    Behind {
        frame: frame(Section::Statistics, "Tickets", &[("/admin/statistics", "Statistics")]),
        about: "Tickets created in the period.",
        n_tickets: if full { "1,284" } else { "0" }.to_owned(),
        rows: if full { vec![row(4711, "Where is my order?", true), row(4710, "Refund", false)] } else { Vec::new() },
        next: full.then(|| "/admin/statistics/tickets?scope=tickets-created&after=1.2".to_owned()),
    }
}

fn rooms(full: bool) -> Surveys {
    let mut form = Form::new(vec![("survey_interval".to_owned(), "24".to_owned())]);
    if !full {
        form.refuse("survey_interval", "Enter whole hours, from 0 to 8784.");
    }
    let row = |ticket_id, score, comment: &str, state| surveys::Row {
        ticket_id,
        score,
        comment: comment.to_owned(),
        state,
        at: when("2026-03-09T09:00:00Z"),
    };
    let summary = match full {
        true => Summary { n_sent: 554, n_answered: 211, sum_of_scores: 930, n_satisfied: 180 },
        false => Summary::default(),
    };
    let channel = |name, label| Channel { name, label, is_on: full };
    Surveys {
        frame: frame(Section::Surveys, "Surveys", &[]),
        form,
        channels: vec![channel("send_survey_for_email", "E-mail"), channel("send_survey_for_chat", "Chat")],
        is_on: full,
        has_mail: full,
        tiles: tiles(&summary),
        rows: match full {
            true => vec![
                row(4711, Some(5), "So quick, thank you!", "Answered"),
                row(4702, Some(1), "I waited a week.", "Answered"),
                row(4700, None, "", "Sent"),
            ],
            false => Vec::new(),
        },
        next: full.then(|| "/admin/surveys?after=1.2".to_owned()),
    }
}

fn survey(is_thanked: bool, refused: bool) -> SurveyPage {
    let mut form = Form::default();
    if refused {
        form.refuse("score", "Choose one of the five.");
        form.refuse("body_text", "Shorten it to 1,000 characters.");
    }
    let score = |value, label| Score { value, label, is_chosen: is_thanked && value == 4 };
    SurveyPage {
        account: "Northwind Outfitters".to_owned(),
        csrf: "sample".to_owned(),
        token: "7.1775000000.sample".to_owned(),
        subject: Some("Where is my order?".to_owned()),
        scores: vec![
            score(5, "Very good"),
            score(4, "Good"),
            score(3, "Fair"),
            score(2, "Poor"),
            score(1, "Very poor"),
        ],
        body_text: String::new(),
        is_answered: is_thanked,
        is_thanked,
        form,
    }
}

//! The room of views.

use askama::Template;

use super::frame;
use crate::admin::view_form::{Choice, ViewForm};
use crate::admin::views::{Room, ViewRow};
use crate::form::Form;
use crate::rooms::Section;

pub fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("views", Room { frame: frame(Section::Views, "Views", &[]), views: rows() }.render().unwrap()),
        ("views-empty", Room { frame: frame(Section::Views, "Views", &[]), views: Vec::new() }.render().unwrap()),
        ("view-new", form(None, false, false).render().unwrap()),
        ("view-refused", form(Some(12), true, false).render().unwrap()),
        ("view-system", form(Some(1), false, true).render().unwrap()),
    ]
}

fn rows() -> Vec<ViewRow> {
    let row = |id: i64, name: &str, holds: &[&str], seen_by: &str, count: Option<&str>| ViewRow {
        id,
        name: name.to_owned(),
        is_system: id < 8,
        is_inactive: id == 12,
        holds: holds.iter().map(|line| (*line).to_owned()).collect(),
        seen_by: seen_by.to_owned(),
        count: count.map(str::to_owned),
        is_first: id == 1,
        is_last: id == 13,
    };
    vec![
        row(1, "Inbox", &["status is open"], "Everybody", Some("128")),
        row(2, "Unassigned", &["status is open", "assignee is empty"], "Everybody", Some("17")),
        row(5, "Closed", &["status is closed", "snoozed until is empty"], "Everybody", Some("1,000+")),
        row(
            12,
            "Late orders",
            &["status is open", "tags contains one of “late”, “vip”"],
            "Returns, Bo Adams",
            Some("9"),
        ),
        row(13, "Wholesale customers", &["customer’s address ends with “@dealer.example”"], "Sales", None),
    ]
}

fn form(id: Option<i64>, is_refused: bool, is_system: bool) -> ViewForm {
    let title = match (id, is_system) {
        (None, _) => "New view",
        (_, true) => "Inbox",
        _ => "Late orders",
    };
    let pairs = [
        ("name", if id.is_some() { title } else { "" }),
        ("filters", if is_refused { "eq(ticket.status, 'open'" } else { "" }),
        ("sort", "updated"),
        ("visibility", if is_refused { "shared" } else { "public" }),
        ("columns", "details"),
        ("columns", "tags"),
    ];
    let mut sent = Form::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    if is_refused {
        sent.refuse("filters", "The condition cannot be read: Expected \")\", found the end. (line 1, column 25)");
        sent.refuse("visibility", "A shared view is shared with at least one user or team.");
    }
    let choice = |id: i64, name: &str| Choice { id, name: name.to_owned(), is_chosen: id == 3 };
    ViewForm {
        frame: frame(Section::Views, title, &[("/admin/views", "Views")]),
        form: sent,
        id,
        is_system,
        is_inactive: is_refused,
        holds: if id.is_some() {
            vec!["status is open".to_owned(), "tags contains one of “late”".to_owned()]
        } else {
            Vec::new()
        },
        count: id.map(|_id| "128".to_owned()),
        people: vec![choice(3, "Ada Winter"), choice(4, "Bo Adams")],
        teams: vec![choice(5, "Returns"), choice(6, "Sales")],
    }
}

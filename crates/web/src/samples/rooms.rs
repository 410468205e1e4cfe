//! The rooms about users, teams and custom fields, with sample data.

use askama::Template;
use helpdesk::custom_fields::{Carrier, CustomField, Input, Requirement};

use super::{frame, now};
use crate::admin::custom_field::{FieldForm, blank, filled};
use crate::admin::custom_fields;
use crate::admin::teams::{self, MemberChoice, TeamForm, TeamRow};
use crate::admin::users::{self, UserForm, UserRow};
use crate::form::Form;
use crate::rooms::Section;

fn user(id: i64, name: &str, role: &'static str) -> UserRow {
    UserRow {
        id,
        name: name.to_owned(),
        email: format!("{}@northwind.example", name.split(' ').next().unwrap_or_default().to_lowercase()),
        role,
        teams: if id == 2 { "Returns, Night shift".to_owned() } else { String::new() },
        active: id != 3,
        is_away: id == 4,
        is_owner: id == 1,
    }
}

fn field(id: i64, label: &str, input: Input, requirement: Requirement) -> CustomField {
    CustomField {
        id,
        carrier: Carrier::Ticket,
        key: None,
        external_id: None,
        label: label.to_owned(),
        description: (id == 1).then(|| "Why people write to us".to_owned()),
        priority: 10 - id,
        requirement,
        managed_type: (id == 1).then(|| "contact_reason".to_owned()),
        input,
        shown_to_customers: true,
        editable_by_customers: false,
        created_at: now(),
        updated_at: now(),
        archived_at: None,
        details: helpdesk::custom_fields::Details::default(),
    }
}

fn fields() -> Vec<CustomField> {
    let choices = ["Shipping::Late", "Shipping::Lost", "Refund"].map(str::to_owned).to_vec();
    vec![
        field(1, "Contact reason", Input::Choice { choices, default: None }, Requirement::Required),
        field(2, "Amount", Input::Number { min: Some(0.0), max: None, placeholder: None }, Requirement::Visible),
        field(3, "Fragile", Input::Flag { choices: vec![true, false], default: None }, Requirement::Conditional),
    ]
}

pub(super) fn pages() -> Vec<(&'static str, String)> {
    let users = |found: bool| users::List {
        frame: frame(Section::Users, "Users", &[]),
        search: if found { String::new() } else { "zzz".to_owned() },
        users: if found {
            vec![
                user(1, "Ada Winter", "Owner"),
                user(2, "Bo Lindqvist", "Agent"),
                user(3, "Cy Marsh", "Lead"),
                user(4, "Dee Hale", "Observer"),
            ]
        } else {
            Vec::new()
        },
        next: found.then(|| "after=4&after_name=Dee".to_owned()),
    };
    let role = |word: &str| Form::new(vec![("role".to_owned(), word.to_owned()), ("name".to_owned(), "Bo".to_owned())]);
    let mut refused = role("agent");
    refused.refuse("email", "Somebody has this address already.");
    let invite = UserForm::new(frame(Section::Users, "Invite somebody", &[]), refused, None, true);
    let edit =
        |id, name| UserForm::new(frame(Section::Users, name, &[]), role("agent"), Some(user(id, name, "Agent")), true);
    let teams = |any: bool| teams::List {
        frame: frame(Section::Teams, "Teams", &[]),
        teams: Vec::from_iter(any.then(|| TeamRow {
            id: 1,
            name: "Returns".to_owned(),
            description: Some("Whatever comes back".to_owned()),
            n_members: 2,
            members: "Ada Winter, Bo Lindqvist".to_owned(),
        })),
        next: None,
    };
    let member = |id, name: &str| MemberChoice {
        id,
        name: name.to_owned(),
        email: "bo@northwind.example".to_owned(),
        is_chosen: id == 2,
    };
    let mut nameless = Form::new(Vec::new());
    nameless.refuse("name", "Another team has this name.");
    let staff = vec![member(1, "Ada Winter"), member(2, "Bo Lindqvist")];
    let team = TeamForm::new(frame(Section::Teams, "Returns", &[]), nameless, Some(1), staff);
    let all = fields();
    let list = |fields: &[CustomField], archived: &[CustomField]| {
        custom_fields::List::new(frame(Section::CustomFields, "Custom fields", &[]), Carrier::Ticket, fields, archived)
    };
    let form = |title, form, field| FieldForm::new(frame(Section::CustomFields, title, &[]), form, field);
    let mut wrong = blank(Carrier::Ticket);
    wrong.refuse("label", "Enter a label: it stands beside the field.");
    wrong.refuse("choices", "Enter at least one choice.");
    vec![
        ("users", users(true).render().unwrap()),
        ("users-none", users(false).render().unwrap()),
        ("user-new", invite.render().unwrap()),
        ("user", edit(2, "Bo Lindqvist").render().unwrap()),
        ("user-owner", edit(1, "Ada Winter").render().unwrap()),
        ("teams", teams(true).render().unwrap()),
        ("teams-none", teams(false).render().unwrap()),
        ("team", team.render().unwrap()),
        ("custom-fields", list(&all, &all[..1]).render().unwrap()),
        ("custom-fields-none", list(&[], &[]).render().unwrap()),
        ("custom-field-new", form("Add a field", wrong, None).render().unwrap()),
        ("custom-field", form("Contact reason", filled(&all[0]), Some(&all[0])).render().unwrap()),
        ("custom-field-number", form("Amount", filled(&all[1]), Some(&all[1])).render().unwrap()),
    ]
}

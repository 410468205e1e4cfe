//! Samples of the rooms for tags and macros.

use askama::Template;
use helpdesk::actions::{Action, Text};
use helpdesk::macros::Macro;
use helpdesk::tags::Tag;

use super::{frame, now};
use crate::admin::macro_edit;
use crate::admin::macro_form::{MacroForm, Preview};
use crate::admin::macros::{self, MacroRow};
use crate::admin::tag::{self, Shown, TagForm};
use crate::admin::tags::{self, TagRow};
use crate::form::Form;
use crate::rooms::Section;

fn tag(id: i64, name: &str, color: Option<&str>, usage: i64) -> Tag {
    let description = (id == 1).then(|| "The customer wants their money back.".to_owned());
    Tag { id, name: name.to_owned(), description, color: color.map(str::to_owned), usage, created_at: now() }
}

fn a_macro() -> Macro {
    let reply = "Hello {{ticket.customer.firstname}},\n\nyour parcel left us today.\n\n{{current_user.name}}";
    let text = |body: &str| Text { body_text: body.to_owned(), ..Text::default() };
    Macro {
        id: 7,
        external_id: None,
        name: "Late parcel".to_owned(),
        description: None,
        position: 1,
        intent: Some("shipping/status".to_owned()),
        language: Some("en".to_owned()),
        source: None,
        actions: vec![
            Action::Reply(text(reply)),
            Action::InternalNote(text("Told on the phone.")),
            Action::AddTags(vec!["late".to_owned(), "parcel".to_owned()]),
            Action::SetStatus("done".to_owned()),
            Action::AssignTeam(Some(2)),
            Action::RoundRobin(None),
            Action::Unknown { name: "askTheCarrier".to_owned(), arguments: serde_json::json!({}) },
        ],
        usage: 312,
        created_at: now(),
        updated_at: now(),
        archived_at: None,
    }
}

fn tag_list(tags: Vec<TagRow>, search: &str) -> tags::List {
    let next = (!tags.is_empty()).then(|| "search=&order=usage&after=1&after_text=vip".to_owned());
    let frame = frame(Section::Tags, "Tags", &[]);
    tags::List { frame, tags, search: search.to_owned(), orders: tags::orders("usage"), next }
}

fn macro_list(macros: Vec<MacroRow>, search: &str) -> macros::List {
    let frame = frame(Section::Macros, "Macros", &[]);
    macros::List { frame, macros, search: search.to_owned(), shown: macros::shown(""), is_archive: false, next: None }
}

fn macro_form(form: Form, it: Option<&Macro>, preview: Option<Preview>) -> MacroForm {
    let title = it.map_or("Add a macro", |it| it.name.as_str());
    let staff = [(1, "Ada Winter".to_owned()), (2, "Bo Lind".to_owned())];
    let teams = [(1, "Billing".to_owned()), (2, "Parcels".to_owned())];
    MacroForm::new(frame(Section::Macros, title, &[("/admin/macros", "Macros")]), form, it, &staff, &teams, preview)
}

pub fn pages() -> Vec<(&'static str, String)> {
    let rows = [tag(1, "refund", Some("#2f9e44"), 1204), tag(2, "late", Some("#f58d86"), 88), tag(3, "vip", None, 1)];
    let one = TagForm {
        frame: frame(Section::Tags, "refund", &[("/admin/tags", "Tags")]),
        form: tag::filled(&rows[0]),
        tag: Some(Shown { id: 1, usage: 1204 }),
    };
    let mut refused = Form::new(vec![("color".to_owned(), "#6b7280".to_owned())]);
    refused.refuse("name", "Another tag has this name. You can merge one into the other.");
    let new =
        TagForm { frame: frame(Section::Tags, "Add a tag", &[("/admin/tags", "Tags")]), form: refused, tag: None };
    let it = a_macro();
    let texts = vec![("Reply", "Hello Mina,\n\nyour parcel left us today.\n\nAda Winter".to_owned())];
    let preview = Preview { ticket: "4001".to_owned(), texts: Some(texts) };
    let mut wrong = macro_edit::filled(&it);
    wrong.refuse("name", "Give the macro a name of at most 256 characters.");
    wrong.refuse("snooze", "Enter whole hours from 1 to 8784.");
    vec![
        ("tags", tag_list(rows.iter().map(TagRow::new).collect(), "").render().unwrap()),
        ("tags-empty", tag_list(Vec::new(), "").render().unwrap()),
        ("tags-not-found", tag_list(Vec::new(), "xyz").render().unwrap()),
        ("tag", one.render().unwrap()),
        ("tag-refused", new.render().unwrap()),
        ("macros", macro_list(vec![MacroRow::new(&it)], "").render().unwrap()),
        ("macros-empty", macro_list(Vec::new(), "").render().unwrap()),
        ("macro", macro_form(macro_edit::filled(&it), Some(&it), Some(preview)).render().unwrap()),
        ("macro-new", macro_form(Form::default(), None, None).render().unwrap()),
        ("macro-refused", macro_form(wrong, Some(&it), None).render().unwrap()),
    ]
}

//! The demo's macros, and when staff use them.

use helpdesk::Error;
use helpdesk::actions::{Action, Text};
use helpdesk::macros::write::{self, NewMacro};
use helpdesk::tickets::message_actions::{Brought, Step};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Macros;
use serde_json::json;
use store::Tx;

/// A macro, and the tag of the tickets that it is used on.
struct Planned {
    name: &'static str,
    intent: &'static str,
    on_tag: &'static str,
    reply: &'static str,
    /// What it puts on the ticket.
    tag: &'static str,
    note: Option<&'static str>,
}

const PLANNED: [Planned; 5] = [
    Planned {
        name: "Parcel is being traced",
        intent: "shipping/delivery-issue",
        on_tag: "lost-parcel",
        reply: "Hello {{ticket.customer.firstname}},\n\nwe have asked the carrier where your parcel is and answer within two days.\n\n{{current_user.name}}",
        tag: "parcel-trace",
        note: Some("Traced with the carrier. Send again after two days."),
    },
    Planned {
        name: "Return label",
        intent: "return/request",
        on_tag: "return",
        reply: "Hello {{ticket.customer.firstname}},\n\nyour label is in the next mail. The money is back five days after the parcel is.\n\n{{current_user.name}}",
        tag: "label-sent",
        note: None,
    },
    Planned {
        name: "Refund is on its way",
        intent: "refund/status",
        on_tag: "refund",
        reply: "Hello {{ticket.customer.firstname}},\n\nthe refund left us today. Banks take up to five days.\n\n{{current_user.name}}",
        tag: "refund-sent",
        note: None,
    },
    Planned {
        name: "Ask for pictures of the damage",
        intent: "order/damaged",
        on_tag: "damaged",
        reply: "Hello {{ticket.customer.firstname}},\n\nplease send us a picture of the damage and of the box.\n\n{{current_user.name}}",
        tag: "pictures-asked",
        note: None,
    },
    Planned {
        name: "Where is my order",
        intent: "shipping/status",
        on_tag: "order-status",
        reply: "Hello {{ticket.customer.firstname}},\n\nyour order is on its way; the tracking number is in the mail of that day.\n\n{{current_user.name}}",
        tag: "tracking-sent",
        note: None,
    },
];

/// Of so many answers that a macro would fit, one is made with it.
const ONE_OF: usize = 2;

/// Ids, in the order of `PLANNED`.
pub struct Created(Vec<i64>);

pub async fn create(tx: &mut Tx, may: &CanWrite<Macros>, now: Timestamp) -> Result<Created, Error> {
    let mut ids = Vec::new();
    for planned in &PLANNED {
        let mut actions = vec![
            Action::Reply(Text { body_text: planned.reply.to_owned(), ..Text::default() }),
            Action::AddTags(vec![planned.tag.to_owned()]),
        ];
        let note = planned.note.map(|note| Text { body_text: note.to_owned(), ..Text::default() });
        actions.extend(note.map(Action::InternalNote));
        let new = NewMacro {
            name: planned.name.to_owned(),
            intent: Some(planned.intent.to_owned()),
            language: Some("en".to_owned()),
            actions,
            ..NewMacro::default()
        };
        ids.push(write::create(tx, may, now, new).await?);
    }
    let old = NewMacro {
        name: "Closed over the holidays".to_owned(),
        language: Some("en".to_owned()),
        actions: vec![
            Action::Reply(Text { body_text: "We are back on the second of January.".to_owned(), ..Text::default() }),
            Action::SetStatus("pending".to_owned()),
        ],
        ..NewMacro::default()
    };
    let old = write::create(tx, may, now, old).await?;
    write::archive(tx, may, now, old).await?;
    Ok(Created(ids))
}

impl Created {
    /// What the answer to a ticket with these tags brings along; `turn` counts the answers. Nothing for most.
    pub fn brought(&self, tags: &[String], turn: usize) -> Brought {
        let fitting = PLANNED.iter().zip(&self.0).find(|(planned, _)| tags.iter().any(|tag| tag == planned.on_tag));
        let Some((planned, id)) = fitting.filter(|_| turn.is_multiple_of(ONE_OF)) else { return Brought::default() };
        let tag = Step {
            source: json!({ "type": "user", "name": "addTags", "title": "Add tags", "arguments": { "tags": planned.tag } }),
            action: Action::AddTags(vec![planned.tag.to_owned()]),
        };
        Brought { macro_ids: vec![*id], steps: vec![tag], ..Brought::default() }
    }
}

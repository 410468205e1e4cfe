//! The demo's rules. The product's own engine ran them, in step with what the plan had happen (`month.rs`).

use helpdesk::Error;
use helpdesk::rules::write::{self, NewRule, RuleUpdate};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Rules;
use store::Tx;

struct Planned {
    name: &'static str,
    description: &'static str,
    on: &'static str,
    code: &'static str,
    is_off: bool,
}

const LOST: &str = "Lost parcels first";
const LOST_BEFORE: &str = "\
if (contains(message.body_text, 'no parcel')) {
  Action('setPriority', { priority: 'high' });
  Action('addTags', { tags: 'parcel-trace' });
}";
/// As it is after somebody found what the first version missed.
const LOST_AFTER: &str = "\
if (containsAny(message.body_text, ['no parcel', 'said to be delivered', 'shows as delivered'])) {
  Action('setPriority', { priority: 'high' });
  Action('addTags', { tags: 'parcel-trace' });
  Action('addInternalNote', { body_text: 'Ask the carrier before anything is sent again.' });
}";

const PLANNED: [Planned; 5] = [
    Planned {
        name: LOST,
        description: "A parcel that never came cannot wait.",
        on: "ticket-created",
        code: LOST_BEFORE,
        is_off: false,
    },
    Planned {
        name: "Complaints go up",
        description: "Who complains, and is known to us, talks to somebody who can decide.",
        on: "ticket-created",
        code: "\
if (eq(ticket.tags.name, 'complaint')) {
  Action('addTags', { tags: 'escalated' });
  if (eq(ticket.tags.name, 'vip')) {
    Action('setPriority', { priority: 'critical' });
  } else {
    Action('setPriority', { priority: 'high' });
  }
}",
        is_off: false,
    },
    Planned {
        name: "Thanks are no question",
        description: "A word of thanks brings a ticket back to us; it need not stand in front of the others.",
        on: "ticket-message-created",
        code: "\
if (eq(message.from_agent, false) && gte(ticket.messages_count, 2) && containsAny(message.body_text, ['thank you', 'thanks'])) {
  Action('addTags', { tags: 'thanks' });
  Action('setPriority', { priority: 'low' });
}",
        is_off: false,
    },
    Planned {
        name: "Nobody took it for a day",
        description: "What lies unassigned for a day comes to the front.",
        on: "time-passed",
        code: "\
if (eq(ticket.status, 'open') && eq(ticket.spam, false) && isEmpty(ticket.assignee_user.id) && gteTimedelta(ticket.created_datetime, '1d')) {
  Action('addTags', { tags: 'overdue' });
  Action('setPriority', { priority: 'critical' });
}",
        is_off: false,
    },
    Planned {
        name: "Answer over the holidays",
        description: "Turned on between the years.",
        on: "ticket-created",
        code: "\
if (eq(ticket.channel, 'email') && eq(ticket.spam, false)) {
  Action('replyToTicket', { body_text: 'Hello {{ticket.customer.firstname}},\\n\\nwe are back on the second of January.' });
}",
        is_off: true,
    },
];

/// The id of the one that is changed later.
pub async fn create(tx: &mut Tx, may: &CanWrite<Rules>, now: Timestamp) -> Result<i64, Error> {
    let mut amended = 0;
    // Without a priority each comes before those that are there.
    for planned in PLANNED.iter().rev() {
        let new = NewRule {
            name: planned.name.to_owned(),
            description: Some(planned.description.to_owned()),
            category: None,
            category_id: None,
            source: planned.code.to_owned(),
            steps: steps(planned.code)?,
            event_kinds: vec![planned.on.to_owned()],
            priority: None,
            deactivated_at: planned.is_off.then_some(now),
        };
        let rule = write::create(tx, may, now, new).await?;
        if rule.name == LOST {
            amended = rule.id;
        }
    }
    Ok(amended)
}

/// Somebody changes a rule: it has two versions then.
pub async fn amend(tx: &mut Tx, may: &CanWrite<Rules>, now: Timestamp, id: i64) -> Result<(), Error> {
    let program = Some((LOST_AFTER.to_owned(), steps(LOST_AFTER)?));
    write::update(tx, may, now, id, RuleUpdate { program, ..RuleUpdate::default() }).await?;
    Ok(())
}

fn steps(code: &str) -> Result<Vec<helpdesk::rules::Step>, Error> {
    Ok(gorgias_code::rule(code).map_err(|error| Error::invalid("code", error.to_string()))?.steps)
}

//! The demo's custom fields: what they are, and the values that tickets and customers get.

use helpdesk::Error;
use helpdesk::custom_fields::{self, Carrier, Input, LEVEL_SEPARATOR, NewField, Requirement, SentValue};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::CustomFields;
use serde_json::{Value as Json, json};
use store::Tx;

use super::plan::PlannedTicket;
use super::texts::Shopper;

/// Ids.
pub struct Fields {
    reason: i64,
    order: i64,
    refund_promised: i64,
    tier: i64,
}

/// A tag of the ticket, and the reason that it stands for. The first one that fits.
const REASONS: [(&str, [&str; 2]); 13] = [
    ("order-status", ["Order", "Where is it"]),
    ("lost-parcel", ["Order", "Lost"]),
    ("cancellation", ["Order", "Cancellation"]),
    ("address-change", ["Order", "Address"]),
    ("return", ["Return", "Not wanted"]),
    ("exchange", ["Return", "Exchange"]),
    ("damaged", ["Return", "Damaged"]),
    ("invoice", ["Money", "Invoice"]),
    ("billing", ["Money", "Refund"]),
    ("product-question", ["Question", "Product"]),
    ("account", ["Question", "Account"]),
    ("travel", ["Question", "Travel"]),
    ("complaint", ["Feedback", "Complaint"]),
];

const TIERS: [&str; 3] = ["New", "Regular", "Gold"];

pub async fn create(tx: &mut Tx, may: &CanWrite<CustomFields>, now: Timestamp) -> Result<Fields, Error> {
    let reason = NewField {
        description: Some("Why the customer writes".to_owned()),
        requirement: Requirement::Visible,
        managed_type: Some("contact_reason".to_owned()),
        priority: Some(30),
        ..named(
            Carrier::Ticket,
            "Reason",
            Input::Choice {
                choices: REASONS.iter().map(|(_, levels)| levels.join(LEVEL_SEPARATOR)).collect(),
                default: None,
            },
        )
    };
    let order = NewField {
        priority: Some(20),
        shown_to_customers: true,
        ..named(Carrier::Ticket, "Order number", Input::Text { placeholder: Some("#W1234567".to_owned()) })
    };
    let refund_promised = NewField {
        priority: Some(10),
        ..named(Carrier::Ticket, "Refund promised", Input::Flag { choices: vec![true, false], default: None })
    };
    let tier = NewField {
        managed_type: Some("customer_type".to_owned()),
        ..named(
            Carrier::Customer,
            "Tier",
            Input::Choice { choices: TIERS.map(str::to_owned).to_vec(), default: Some(TIERS[0].to_owned()) },
        )
    };
    let old = NewField {
        archived_at: Some(now),
        ..named(Carrier::Ticket, "Shop floor", Input::Number { min: Some(0.0), max: Some(9.0), placeholder: None })
    };
    custom_fields::create(tx, may, now, &old).await?;
    Ok(Fields {
        reason: custom_fields::create(tx, may, now, &reason).await?.id,
        order: custom_fields::create(tx, may, now, &order).await?.id,
        refund_promised: custom_fields::create(tx, may, now, &refund_promised).await?.id,
        tier: custom_fields::create(tx, may, now, &tier).await?.id,
    })
}

fn named(carrier: Carrier, label: &str, input: Input) -> NewField {
    NewField {
        carrier,
        label: label.to_owned(),
        input,
        description: None,
        external_id: None,
        priority: None,
        requirement: Requirement::Visible,
        managed_type: None,
        shown_to_customers: false,
        editable_by_customers: false,
        archived_at: None,
    }
}

impl Fields {
    /// What whoever takes a new ticket up writes down.
    pub fn of_ticket(&self, ticket: &PlannedTicket) -> Vec<SentValue> {
        let has = |tag: &str| ticket.tags.iter().any(|it| it == tag);
        let reason = REASONS.iter().find(|(tag, _)| has(tag)).map(|(_, levels)| levels.join(LEVEL_SEPARATOR));
        let promised = has("refund").then(|| has("cancellation"));
        let values = [
            reason.map(|reason| (self.reason, json!(reason))),
            ticket.order.as_ref().map(|order| (self.order, json!(order))),
            promised.map(|promised| (self.refund_promised, json!(promised))),
        ];
        values.into_iter().flatten().map(sent).collect()
    }

    /// By what they bought; of most nothing is written down.
    pub fn of_customer(&self, shopper: &Shopper) -> Vec<SentValue> {
        match shopper.orders.len() {
            0..=2 => Vec::new(),
            3 => vec![sent((self.tier, json!(TIERS[1])))],
            _ => vec![sent((self.tier, json!(TIERS[2])))],
        }
    }
}

fn sent((field_id, value): (i64, Json)) -> SentValue {
    SentValue { place: field_id.to_string(), field_id, value }
}

//! `/api/events`: the log of what happened to the helpdesk's objects. Never written through the API.

use axum::Json;
use axum::extract::State;
use endpoint::{App, May};
use helpdesk::events::{self, Compare, Event, Filter};
use scope::permit::CanRead;
use scope::resource::Events;
use serde_json::{Map, Value, json};

use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, Id, time};

const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc"];

/// `GET /api/events`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Events>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "events", ORDERS)?;
    let filter = filter_of(&mut params);
    params.finish()?;

    let mut tx = app.db.read().await?;
    let page = events::list(&mut tx, &may, &filter, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, view)))
}

/// `GET /api/events/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Events>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let event = events::find(&mut tx, &may, OBJECT_TYPES, id).await?;
    Ok(Json(view(event)))
}

fn filter_of(params: &mut Params) -> Filter {
    let object_type = params.one_of("object_type", OBJECT_TYPES_IN_FILTERS);
    let object_id = params.id("object_id");
    if object_type.is_some() && object_id.is_none() {
        params.problem("object_id", "Missing data for required field.");
    }
    let kinds = params.several_of("types", KINDS);
    let person_id = params.ids("user_ids", 1).first().copied();
    let bounds = [
        ("created_datetime[gt]", Compare::After),
        ("created_datetime[gte]", Compare::AtOrAfter),
        ("created_datetime[lt]", Compare::Before),
        ("created_datetime[lte]", Compare::AtOrBefore),
    ];
    let created = bounds.into_iter().filter_map(|(key, compare)| Some((compare, params.time(key)?))).collect();
    Filter { shown: OBJECT_TYPES, object_type, object_id, kinds, person_id, created }
}

fn view(event: Event) -> Value {
    let kind = kind_of(&event);
    json!({
        "id": event.id,
        "type": kind,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "user_id": event.person_id,
        "context": event.context,
        "created_datetime": time::format(event.created_at),
        "uri": format!("/api/events/{}/", event.id),
        "data": data_of(event.before, event.after, event.data),
    })
}

/// Details, with the changed fields as they were and as they are; null if there are none.
fn data_of(before: Option<Value>, after: Option<Value>, data: Option<Value>) -> Value {
    let mut details = match data {
        Some(Value::Object(details)) => details,
        _ => Map::new(),
    };
    details.extend(before.map(|before| ("before".to_owned(), before)));
    details.extend(after.map(|after| ("after".to_owned(), after)));
    if details.is_empty() { Value::Null } else { Value::Object(details) }
}

/// The vendor's name of what happened. Ours that it has none for is an update of the object.
fn kind_of(event: &Event) -> String {
    if KINDS.contains(&event.kind.as_str()) {
        return event.kind.clone();
    }
    let mut kind = String::new();
    for c in event.object_type.chars() {
        if c.is_ascii_uppercase() && !kind.is_empty() {
            kind.push('-');
        }
        kind.push(c.to_ascii_lowercase());
    }
    kind + "-updated"
}

/// Kinds of objects that the vendor has (Gorgias contract, `enums.event_object_type`).
const OBJECT_TYPES: &[&str] = &[
    "Account",
    "AccountSetting",
    "Customer",
    "CustomField",
    "CustomFieldCondition",
    "CustomUserAvailabilityStatus",
    "CustomerExternalData",
    "Integration",
    "Macro",
    "Order",
    "Role",
    "Rule",
    "SatisfactionSurvey",
    "Shopper",
    "ShopperAddress",
    "Subscription",
    "Tag",
    "Team",
    "Ticket",
    "TicketMessage",
    "User",
    "UserSetting",
    "View",
    "Widget",
];

/// Those it takes as a filter.
const OBJECT_TYPES_IN_FILTERS: &[&str] = &[
    "Account",
    "Customer",
    "Integration",
    "Macro",
    "Rule",
    "SatisfactionSurvey",
    "Tag",
    "Team",
    "Ticket",
    "TicketMessage",
    "User",
    "View",
    "Widget",
];

/// What can happen (Gorgias contract, `enums.event_type`).
const KINDS: &[&str] = &[
    "account-created",
    "account-deactivated",
    "account-updated",
    "account-setting-created",
    "account-setting-updated",
    "action-executed",
    "customer-created",
    "customer-deleted",
    "customer-merged",
    "customer-updated",
    "integration-created",
    "integration-deleted",
    "integration-updated",
    "integration-deactivated",
    "integration-reactivation-started",
    "integration-reactivated",
    "integration-used",
    "integration-data-item-created",
    "integration-data-item-deleted",
    "macro-created",
    "macro-deleted",
    "macro-updated",
    "macro-applied",
    "macro-params-updated",
    "rule-created",
    "rule-deleted",
    "rule-executed",
    "rule-updated",
    "rule-deactivated",
    "rule-reactivated",
    "rule-priority-updated",
    "rule-suggestion-suggested",
    "rules-pipeline-executed",
    "satisfaction-survey-responded",
    "satisfaction-survey-sent",
    "subscription-created",
    "subscription-updated",
    "tag-created",
    "tag-deleted",
    "tag-merged",
    "tag-renamed",
    "tag-updated",
    "team-created",
    "team-deleted",
    "team-updated",
    "ticket-created",
    "ticket-updated",
    "ticket-deleted",
    "ticket-merged",
    "ticket-split",
    "ticket-assigned",
    "ticket-unassigned",
    "ticket-team-assigned",
    "ticket-team-unassigned",
    "ticket-closed",
    "ticket-reopened",
    "ticket-customer-updated",
    "ticket-marked-spam",
    "ticket-unmarked-spam",
    "ticket-trashed",
    "ticket-untrashed",
    "ticket-snoozed",
    "ticket-self-unsnoozed",
    "ticket-subject-updated",
    "ticket-tags-added",
    "ticket-tags-removed",
    "ticket-chat-updated",
    "ticket-excluded-from-auto-merge",
    "ticket-excluded-from-csat",
    "ticket-satisfaction-survey-skipped",
    "ticket-sla-policy-assigned",
    "ticket-message-created",
    "ticket-message-updated",
    "ticket-message-deleted",
    "ticket-message-failed",
    "ticket-message-summary-created",
    "user-created",
    "user-deleted",
    "user-invited",
    "user-updated",
    "user-logged-in",
    "user-logged-out",
    "user-2fa-changed",
    "user-password-changed",
    "user-password-reset",
    "view-created",
    "view-updated",
    "view-deleted",
    "view-deactivated",
    "widget-created",
    "widget-updated",
    "widget-deleted",
    "facebook-comment-created",
    "facebook-comment-deleted",
    "facebook-comment-edited",
    "facebook-comment-hidden",
    "facebook-comment-unhidden",
    "facebook-comment-liked",
    "facebook-comment-unliked",
    "facebook-message-created",
    "facebook-message-deleted",
    "facebook-message-edited",
    "facebook-post-created",
    "facebook-post-deleted",
    "facebook-post-edited",
    "facebook-review-deleted",
    "instagram-direct-message-created",
];

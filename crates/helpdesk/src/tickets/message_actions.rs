//! What a message brings along: the macros that it was made with, and actions that are taken on its ticket together with it.
//!
//! An action that cannot be taken holds the message back: it counts as failed until somebody tries again, goes on without, or cancels it.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use serde_json::{Value as Json, json};
use store::Tx;

use super::message_draft::Draft;
use super::message_write::{self, MessageUpdate};
use crate::actions::Action;
use crate::actions::apply;
use crate::actions::take::{Context, Outcome};
use crate::{Error, macros};

/// What brings notes and replies of such actions.
const VIA: &str = "helpdesk";

#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Macros that do not exist any more are passed over.
    pub macro_ids: Vec<i64>,
    pub steps: Vec<Step>,
    pub on_failure: OnFailure,
    pub reach: Reach,
}

/// What the caller may do besides changing tickets: actions of a message do no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    pub customers: bool,
    pub surveys: bool,
}

impl Reach {
    /// Why an action goes too far. None if it does not.
    fn refusal(self, action: &Action) -> Option<&'static str> {
        match action {
            Action::SetCustomerField { .. } if !self.customers => Some("The caller may not change customers."),
            Action::SendSurvey if !self.surveys => Some("The caller may not send surveys."),
            _ => None,
        }
    }
}

/// An action in the words it came in (an object), and as we read it.
#[derive(Debug, Clone)]
pub struct Step {
    pub source: Json,
    pub action: Action,
}

/// What to do with the message when an action cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It is stored, and does not leave.
    #[default]
    Hold,
    /// It leaves nevertheless.
    GoOn,
    /// Nothing is stored.
    Refuse,
}

impl Brought {
    pub fn is_empty(&self) -> bool {
        self.macro_ids.is_empty() && self.steps.is_empty()
    }
}

/// Counts the macros, takes the actions and stores with the message what came of them.
pub(super) async fn run(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (ticket_id, id): (i64, i64),
    draft: &Draft,
    brought: Brought,
) -> Result<(), Error> {
    let context = Context { person_id: Some(draft.sender_id), via: VIA, rule_id: None, job_id: None };
    for macro_id in &brought.macro_ids {
        macros::write::count_use_if_there(tx, may.actor(), now, *macro_id, ticket_id, &context).await?;
    }
    if brought.steps.is_empty() {
        return Ok(());
    }
    let (told, failure) = take_all(tx, may, now, ticket_id, brought.steps, (&context, brought.reach)).await?;
    match (failure, brought.on_failure) {
        (Some((at, why)), OnFailure::Refuse) => Err(Error::invalid(format!("actions.{at}"), why)),
        (Some((_, why)), OnFailure::Hold) => {
            let held = MessageUpdate {
                actions: Some(Some(told)),
                sent_at: Some(None),
                failed_at: Some(Some(now)),
                last_sending_error: Some(Some(json!({ "error": why }))),
                ..MessageUpdate::default()
            };
            message_write::update(tx, may, now, (ticket_id, id), held).await
        }
        (Some(_) | None, _) => {
            tx.run("update messages set actions = $1 where id = $2", &[(&told).into(), id.into()]).await?;
            Ok(())
        }
    }
}

/// Takes again what could not be taken. `failed` are the steps of the message that failed, each with its place among all.
pub(super) async fn run_again(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (ticket_id, sender_id): (i64, i64),
    stored: Option<Json>,
    (failed, reach): (Vec<(usize, Step)>, Reach),
) -> Result<(Option<Json>, Option<String>), Error> {
    let context = Context { person_id: Some(sender_id), via: VIA, rule_id: None, job_id: None };
    let (places, steps): (Vec<usize>, Vec<Step>) = failed.into_iter().unzip();
    let (told, failure) = take_all(tx, may, now, ticket_id, steps, (&context, reach)).await?;
    let (Some(Json::Array(mut all)), Json::Array(told)) = (stored, told) else { return Ok((None, None)) };
    for (place, step) in places.into_iter().zip(told) {
        if let Some(stored) = all.get_mut(place) {
            *stored = step;
        }
    }
    Ok((Some(Json::Array(all)), failure.map(|(_, why)| why)))
}

/// The steps with what came of each, and the first that failed, with the reason.
async fn take_all(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    steps: Vec<Step>,
    (context, reach): (&Context, Reach),
) -> Result<(Json, Option<(usize, String)>), Error> {
    let (sources, actions): (Vec<Json>, Vec<Action>) = steps.into_iter().map(|step| (step.source, step.action)).unzip();
    let mut told = Vec::with_capacity(sources.len());
    let mut failure = None;
    for (at, (mut source, action)) in sources.into_iter().zip(actions).enumerate() {
        // The message itself is the answer.
        let outcome = if matches!(action, Action::Reply(_)) {
            Outcome::Unchanged
        } else if let Some(why) = reach.refusal(&action) {
            Outcome::Refused(why.to_owned())
        } else {
            apply::apply(tx, may, now, ticket_id, std::slice::from_ref(&action), context).await?.whole()
        };
        let (status, response) = match &outcome {
            Outcome::Changed | Outcome::Unchanged => ("success", Json::Null),
            Outcome::Refused(why) => ("error", json!({ "error": why })),
        };
        if let Some(source) = source.as_object_mut() {
            source.insert("status".to_owned(), json!(status));
            source.insert("response".to_owned(), response);
        }
        if let (Outcome::Refused(why), None) = (outcome, &failure) {
            failure = Some((at, why));
        }
        told.push(source);
    }
    Ok((Json::Array(told), failure))
}

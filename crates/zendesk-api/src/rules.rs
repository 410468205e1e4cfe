//! What triggers and automations share (`rule_calls.rs`: their calls): both are rules of the helpdesk, put together of conditions and actions.
//!
//! A rule that was written as code in the other dialect is listed here too, as nearly as these words say it. Saved back as it is shown it
//! stays what it is; only conditions or actions that differ replace it.

use helpdesk::actions::Action;
use helpdesk::filter::Condition;
use helpdesk::rules::place::Place;
use helpdesk::rules::write::{self, NAME_MAX_CHARS, NewRule, RuleUpdate};
use helpdesk::rules::{self, Branch, Rule, Sort, Step, TICKET_SAVED, TIME_PASSED, automations, place};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Resource};
use serde_json::{Map, Value, json};
use store::Tx;

use crate::Site;
use crate::answer::{Answer, Reply};
use crate::condition_fields::Who;
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::page::Asked;
use crate::query::Params;
use crate::rule_actions;
use crate::time::format;
use crate::views::read_position;
use crate::{condition_view, conditions, field_keys, usage};

const DESCRIPTION_MAX_CHARS: usize = 10_000;
const ACTIONS_MAX: usize = 200;

/// Orders of lists.
const SORTS: &[&str] = &[
    "position",
    "alphabetical",
    "title",
    "created_at",
    "updated_at",
    "usage_1h",
    "usage_24h",
    "usage_7d",
    "usage_30d",
];

/// Which of the two a rule is dealt with as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Trigger,
    Automation,
}

impl Kind {
    /// Of one of them in an answer.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Trigger => "trigger",
            Kind::Automation => "automation",
        }
    }

    /// Of several, and in addresses.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Kind::Trigger => "triggers",
            Kind::Automation => "automations",
        }
    }

    const fn who(self) -> Who {
        match self {
            Kind::Trigger => Who::Trigger,
            Kind::Automation => Who::Automation,
        }
    }

    const fn event(self) -> &'static str {
        match self {
            Kind::Trigger => TICKET_SAVED,
            Kind::Automation => TIME_PASSED,
        }
    }
}

/// What a call says of a rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    conditions: conditions::Sent,
    actions: Option<Vec<Value>>,
    active: Option<bool>,
    position: Option<i64>,
    category_id: Option<i64>,
}

/// Reads the writable fields.
pub(crate) fn read(fields: &mut Fields, kind: Kind) -> Sent {
    fields.pass(&["created_at", "default", "id", "updated_at", "url"]);
    let title = fields.some_text("title", NAME_MAX_CHARS);
    let raw_title = fields.some_text("raw_title", NAME_MAX_CHARS);
    let actions = fields.items("actions");
    if actions.as_ref().is_some_and(|actions| ACTIONS_MAX < actions.len()) {
        fields.problem("actions", format!("has more than {ACTIONS_MAX} items"));
    }
    Sent {
        name: title.or(raw_title),
        description: fields.text("description", DESCRIPTION_MAX_CHARS),
        conditions: conditions::Sent::read(fields),
        actions,
        active: fields.flag("active"),
        position: read_position(fields),
        category_id: if kind == Kind::Trigger { fields.id("category_id").flatten() } else { None },
    }
}

/// A list in the order that was asked for, of those that `keep` lets through.
pub(crate) async fn list<S: Sort>(
    tx: &mut Tx,
    may: &CanRead<S>,
    (params, now): (&Params, Timestamp),
    (kind, list): (Kind, &'static str),
    keep: impl Fn(&Rule) -> bool,
) -> Answer {
    let asked = Asked::read(params, list, SORTS)?;
    let mut found = rules::in_order(tx, may).await?;
    found.retain(keep);
    match asked.sort {
        "alphabetical" | "title" => found.sort_by_key(|rule| rule.name.to_lowercase()),
        "created_at" => found.sort_by_key(|rule| (rule.created_at, rule.id)),
        "updated_at" => found.sort_by_key(|rule| (rule.updated_at, rule.id)),
        word => {
            if let Some(count) = usage::of_order(word) {
                let ids: Vec<i64> = found.iter().map(|rule| rule.id).collect();
                let used = helpdesk::usage::of_rules(tx, may, now, &ids).await?;
                found.sort_by_key(|rule| (used.get(&rule.id).map_or(0, count), rule.runs, rule.id));
            }
        }
    }
    if asked.descending {
        found.reverse();
    }
    let records = found.iter().map(|rule| view(&params.site, kind, rule)).collect();
    let mut body = asked.cut(kind.plural(), records);
    if let Some(Value::Array(page)) = body.get_mut(kind.plural()) {
        beside(tx, may, (params, now), page).await?;
    }
    Ok(Reply::ok(keyed(tx, may, Value::Object(body)).await?))
}

/// Puts into each record what was asked for beside it.
pub(crate) async fn beside<S: Sort>(
    tx: &mut Tx,
    may: &CanRead<S>,
    (params, now): (&Params, Timestamp),
    records: &mut [Value],
) -> Result<(), ZendeskError> {
    for record in &mut *records {
        if params.includes("app_installation") {
            record["app_installation"] = Value::Null;
        }
        if params.includes("permissions") {
            record["permissions"] = json!({ "can_edit": true });
        }
    }
    if usage::is_asked(params) {
        let used = helpdesk::usage::of_rules(tx, may, now, &usage::ids(records)).await?;
        usage::put(params, records, &used);
    }
    Ok(())
}

/// Whether `active` lets a rule through.
pub(crate) fn is_asked_for(params: &Params, rule: &Rule) -> bool {
    params.one("active").is_none() || params.flag("active") == rule.is_active()
}

/// Stores a new rule.
pub(crate) async fn create<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    sent: &Sent,
    kind: Kind,
) -> Result<Rule, ZendeskError> {
    let steps = steps(tx, may, sent, (kind, None)).await?.unwrap_or_default();
    let new = NewRule {
        name: sent.name.clone().unwrap_or_default(),
        description: sent.description.clone().flatten(),
        category: None,
        category_id: sent.category_id,
        source: String::new(),
        steps,
        event_kinds: vec![kind.event().to_owned()],
        priority: None,
        deactivated_at: if sent.active == Some(false) { Some(now) } else { None },
    };
    let made = write::create(tx, may, now, new).await.map_err(here)?;
    // A new one comes last unless it says where.
    if let Some(position) = sent.position {
        return Ok(
            place::put(tx, may, now, &Place { id: made.id, position: Some(position), ..Place::default() }).await?
        );
    }
    let priority = place::last(tx, may, made.category_id, made.id).await?;
    Ok(write::update(tx, may, now, made.id, RuleUpdate { priority: Some(priority), ..RuleUpdate::default() }).await?)
}

/// Changes what was sent.
pub(crate) async fn update<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    id: i64,
    sent: &Sent,
    kind: Kind,
) -> Result<Rule, ZendeskError> {
    let before = write::to_change(tx, may, id).await?;
    let steps = steps(tx, may, sent, (kind, Some(&before))).await?;
    let update = RuleUpdate {
        name: sent.name.clone(),
        description: sent.description.clone(),
        event_kinds: steps.as_ref().map(|_| vec![kind.event().to_owned()]),
        program: steps.map(|steps| (String::new(), steps)),
        ..RuleUpdate::default()
    };
    write::update(tx, may, now, id, update).await.map_err(here)?;
    let place = Place { id, position: sent.position, active: sent.active, category_id: sent.category_id };
    place::put(tx, may, now, &place).await.map_err(here)
}

/// The steps of what was sent, if they are to differ from those before.
pub(crate) async fn steps<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    sent: &Sent,
    (kind, before): (Kind, Option<&Rule>),
) -> Result<Option<Vec<Step>>, ZendeskError> {
    let (old_condition, old_steps) = before.map(|rule| first_branch(&rule.steps)).unwrap_or_default();
    let mut condition = None;
    if sent.conditions.is_there() {
        let mut named = sent.conditions.clone();
        field_keys::to_ids(tx, may, named.each_mut()).await?;
        let read = named.condition_of_rule(kind.who())?;
        let is_as_shown = before.is_some_and(|rule| shown_conditions(rule) == condition_view::shown(&read));
        if !is_as_shown {
            if kind == Kind::Automation {
                sent.conditions.check_anchored()?;
            }
            condition = Some(read);
        }
    }
    let mut actions = None;
    if let Some(sent) = &sent.actions {
        let mut named = sent.clone();
        field_keys::to_ids(tx, may, named.iter_mut()).await?;
        let read = rule_actions::read(&named).map_err(|problem| ZendeskError::invalid("actions", problem))?;
        let is_as_shown = before.is_some_and(|rule| shown_actions(rule) == rule_actions::view(&read));
        if !is_as_shown {
            if read.is_empty() {
                return Err(ZendeskError::invalid("actions", "must be one at least"));
            }
            actions = Some(read.into_iter().map(Step::Act).collect());
        }
    }
    if condition.is_none() && actions.is_none() {
        return Ok(None);
    }
    let branch = Branch { condition: condition.unwrap_or(old_condition), steps: actions.unwrap_or(old_steps) };
    let steps = vec![Step::Choose(vec![branch])];
    if kind == Kind::Automation {
        automations::check(&steps)?;
    }
    Ok(Some(steps))
}

/// What these words can say of a rule: the first of its branches, or what it does always.
fn first_branch(steps: &[Step]) -> (Condition, Vec<Step>) {
    match steps.first() {
        Some(Step::Choose(branches)) => match branches.first() {
            Some(branch) => (branch.condition.clone(), branch.steps.clone()),
            None => (Condition::default(), Vec::new()),
        },
        _ => {
            let acts = steps.iter().take_while(|step| matches!(step, Step::Act(_) | Step::Stop)).cloned();
            (Condition::default(), acts.collect())
        }
    }
}

fn shown_conditions(rule: &Rule) -> (Vec<Value>, Vec<Value>) {
    shown_conditions_of(&rule.steps, &rule.event_kinds)
}

fn shown_conditions_of(steps: &[Step], event_kinds: &[String]) -> (Vec<Value>, Vec<Value>) {
    let (mut all, any) = condition_view::shown(&first_branch(steps).0);
    // A rule that was written as code says with its events what is a condition here.
    let kind = match event_kinds {
        [kind] if kind == "ticket-created" => Some("Create"),
        [kind] if kind == "ticket-updated" => Some("Change"),
        _ => None,
    };
    if let Some(kind) = kind {
        all.insert(0, json!({ "field": "update_type", "operator": "is", "value": kind }));
    }
    (all, any)
}

fn shown_actions(rule: &Rule) -> Vec<Value> {
    shown_actions_of(&rule.steps)
}

fn shown_actions_of(steps: &[Step]) -> Vec<Value> {
    let acts: Vec<Action> = first_branch(steps)
        .1
        .into_iter()
        .filter_map(|step| match step {
            Step::Act(action) => Some(action),
            Step::Choose(_) | Step::Stop => None,
        })
        .collect();
    rule_actions::view(&acts)
}

/// `conditions` and `actions` of an answer.
pub(crate) fn program(steps: &[Step], event_kinds: &[String]) -> (Value, Value) {
    let (all, any) = shown_conditions_of(steps, event_kinds);
    (json!({ "all": all, "any": any }), Value::Array(shown_actions_of(steps)))
}

/// A view with fields of people and organizations called by their keys.
pub(crate) async fn keyed<R: Resource, A: Access>(
    tx: &mut Tx,
    may: &Permit<R, A>,
    mut view: Value,
) -> Result<Value, ZendeskError> {
    field_keys::to_keys(tx, may, &mut view).await?;
    Ok(view)
}

/// What both show; of triggers more.
pub(crate) fn view(site: &Site, kind: Kind, rule: &Rule) -> Value {
    let (conditions, actions) = program(&rule.steps, &rule.event_kinds);
    let mut shown = Map::from_iter([
        ("id".to_owned(), json!(rule.id)),
        ("url".to_owned(), json!(site.url(&format!("{}/{}", kind.plural(), rule.id)))),
        ("title".to_owned(), json!(rule.name)),
        ("raw_title".to_owned(), json!(rule.name)),
        ("active".to_owned(), json!(rule.is_active())),
        ("default".to_owned(), json!(false)),
        ("position".to_owned(), json!(rule.position())),
        ("conditions".to_owned(), conditions),
        ("actions".to_owned(), actions),
        ("created_at".to_owned(), json!(format(rule.created_at))),
        ("updated_at".to_owned(), json!(format(rule.updated_at))),
    ]);
    if kind == Kind::Trigger {
        shown.insert("description".to_owned(), json!(rule.description));
        // Quirk: the id of a category is a text.
        shown.insert("category_id".to_owned(), json!(rule.category_id.unwrap_or_default().to_string()));
    }
    Value::Object(shown)
}

/// Rows of `update_many`, and of the triggers of a batch job.
pub(crate) fn read_places(rows: &[Value]) -> Result<Vec<Place>, ZendeskError> {
    let row = |row: &Value| {
        let mut fields = Fields::of_row(row);
        let place = Place {
            id: fields.required_id("id"),
            position: read_position(&mut fields),
            active: fields.flag("active"),
            category_id: fields.id("category_id").flatten(),
        };
        fields.finish()?;
        Ok(place)
    };
    rows.iter().map(row).collect()
}

/// The same of a body.
pub(crate) fn places_of(body: &Body, name: &str) -> Result<Vec<Place>, ZendeskError> {
    read_places(&body.records(name)?)
}

/// What is wrong with the steps of a rule is wrong with its actions here.
pub(crate) fn here(error: helpdesk::Error) -> ZendeskError {
    match error {
        helpdesk::Error::Invalid { field, problem } if field == "code" => ZendeskError::invalid("actions", problem),
        error => error.into(),
    }
}

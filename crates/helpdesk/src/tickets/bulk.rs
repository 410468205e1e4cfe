//! Changing many tickets at once, with a handful of statements instead of one for each: the same rules and the same events as one by one.
//!
//! What was changed is answered as values from before and after, so that it can be put back: `restore` puts back only what still has the
//! value that was set. Whoever calls takes care that the lists stay short (`pace.rs`).

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Tickets;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use store::{Tx, Value};

use super::write::{self, Closing, SetStatus};
use super::{Priority, Status, Ticket, changes, checks, tags};
use crate::events::{self, Change};
use crate::page::{self, Query};
use crate::tags::NewTag;
use crate::{Error, jobs, search};

/// One field and its new value. Stored as JSON, never searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Set {
    /// One of our six, or `waiting` and `done` as callers with two statuses ask for it.
    Status(String),
    Priority(String),
    Subject(Option<String>),
    Language(Option<String>),
    AssigneeUser(Option<i64>),
    AssigneeTeam(Option<i64>),
    Unread(bool),
    Spam(bool),
    ClosedAt(Option<Timestamp>),
    SnoozedUntil(Option<Timestamp>),
    TrashedAt(Option<Timestamp>),
    /// Replaces every tag.
    Tags(Vec<String>),
    AddTags(Vec<String>),
    RemoveTags(Vec<String>),
}

/// What was done to one ticket: the changed fields, as the event log names them and with `tag_ids`, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    pub id: i64,
    pub before: Json,
    pub after: Json,
}

/// What came of putting back.
#[derive(Debug, Default)]
pub struct Restored {
    pub changed: Vec<Changed>,
    /// Tickets of which nothing or not everything could be put back, and why.
    pub left: Vec<(i64, String)>,
}

/// A ticket as it is and as it will be.
#[derive(Debug)]
struct Pair {
    old: Ticket,
    new: Ticket,
    old_tags: Vec<i64>,
    new_tags: Vec<i64>,
}

/// `Invalid` if a value can be set on no ticket: an unknown status, somebody who is not there. Names the field.
pub async fn check(tx: &mut Tx, sets: &[Set]) -> Result<(), Error> {
    for set in sets {
        match set {
            Set::Status(word) => {
                status_of(word)?;
            }
            Set::Priority(word) => {
                priority_of(word)?;
            }
            Set::AssigneeUser(id) => checks::check_user(tx, *id).await?,
            Set::AssigneeTeam(id) => checks::check_team(tx, *id).await?,
            _ => {}
        }
    }
    Ok(())
}

/// Changes all these tickets alike, and says what differs. Tickets that are not there, or as wanted already, are passed over.
/// `cause` is written to each event.
pub async fn set(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ids: &[i64],
    sets: &[Set],
    cause: &Json,
) -> Result<Vec<Changed>, Error> {
    check(tx, sets).await?;
    let actor = may.actor();
    let mut names = HashMap::new();
    for set in sets {
        if let Set::Tags(tags) | Set::AddTags(tags) = set {
            let new: Vec<NewTag> = tags.iter().map(|name| NewTag { name: name.clone(), ..NewTag::default() }).collect();
            names.insert(tags, tags::ids_of_names(tx, actor, now, &new).await?);
        }
        if let Set::RemoveTags(tags) = set {
            let mut query = Query::new("select id from tags where merged_into is null");
            query.and_in("name", tags.iter().map(String::as_str));
            let rows = tx.rows(&query.sql, &query.params).await?;
            names.insert(tags, rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?);
        }
    }
    let mut pairs = take(tx, ids).await?;
    for pair in &mut pairs {
        let mut closing = Closing::default();
        for set in sets {
            match set {
                Set::Status(word) => closing.status = Some(status_of(word)?),
                Set::ClosedAt(at) => closing.closed_at = Some(*at),
                Set::SnoozedUntil(until) => closing.snoozed_until = Some(*until),
                Set::Priority(word) => pair.new.priority = priority_of(word)?,
                Set::Subject(subject) => pair.new.subject.clone_from(subject),
                Set::Language(language) => pair.new.language.clone_from(language),
                Set::AssigneeUser(id) => pair.new.assignee_user_id = *id,
                Set::AssigneeTeam(id) => pair.new.assignee_team_id = *id,
                Set::Unread(is_unread) => pair.new.is_unread = *is_unread,
                Set::Spam(spam) => pair.new.spam = *spam,
                Set::TrashedAt(at) => {
                    // What lies in the trash already keeps its time.
                    if at.is_none() || pair.new.trashed_at.is_none() {
                        pair.new.trashed_at = *at;
                    }
                }
                Set::Tags(tags) => pair.new_tags = names.get(tags).cloned().unwrap_or_default(),
                Set::AddTags(tags) => pair.new_tags.extend(names.get(tags).into_iter().flatten()),
                Set::RemoveTags(tags) => {
                    let gone = names.get(tags).cloned().unwrap_or_default();
                    pair.new_tags.retain(|id| !gone.contains(id));
                }
            }
        }
        closing.apply(now, &pair.old, &mut pair.new);
    }
    save(tx, actor, now, pairs, cause).await
}

/// Puts back what still has the value that was set; what somebody changed since stays as it is.
pub async fn restore(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    done: &[Changed],
    cause: &Json,
) -> Result<Restored, Error> {
    let ids: Vec<i64> = done.iter().map(|changed| changed.id).collect();
    let mut pairs = take(tx, &ids).await?;
    let known = Known::among(tx, done).await?;
    let mut restored = Restored::default();
    let found: HashSet<i64> = pairs.iter().map(|pair| pair.old.id).collect();
    for id in &ids {
        if !found.contains(id) {
            restored.left.push((*id, "The ticket is gone.".to_owned()));
        }
    }
    let by_id: HashMap<i64, &Changed> = done.iter().map(|changed| (changed.id, changed)).collect();
    for pair in &mut pairs {
        let Some(changed) = by_id.get(&pair.old.id) else { continue };
        let left = put_back(pair, changed, &known, now);
        if !left.is_empty() {
            let why = match left.iter().any(|name| name == MESSAGES || name == LASTING) {
                true => "Changed since, or cannot be taken back",
                false => "Changed since, and left as it is",
            };
            let problem = format!("{why}: {}.", left.join(", "));
            restored.left.push((pair.old.id, problem));
        }
    }
    restored.changed = save(tx, may.actor(), now, pairs, cause).await?;
    Ok(restored)
}

/// Of how many of these tickets everything, something and nothing could be put back now. Only reads.
pub async fn restorable(tx: &mut Tx, now: Timestamp, done: &[Changed]) -> Result<[i64; 3], Error> {
    let ids: Vec<i64> = done.iter().map(|changed| changed.id).collect();
    let pairs = read(tx, &ids, "").await?;
    let known = Known::among(tx, done).await?;
    let mut by_id: HashMap<i64, Pair> = pairs.into_iter().map(|pair| (pair.old.id, pair)).collect();
    let mut counts = [0; 3];
    for changed in done {
        let n_fields = changed.after.as_object().map_or(0, Map::len);
        let n_left = match by_id.get_mut(&changed.id) {
            Some(pair) => put_back(pair, changed, &known, now).len(),
            None => n_fields,
        };
        counts[if n_left == 0 {
            0
        } else if n_left < n_fields {
            1
        } else {
            2
        }] += 1;
    }
    Ok(counts)
}

/// The tickets with these ids as they are, for the values before and after. Used where each ticket is changed by itself.
pub async fn states(tx: &mut Tx, ids: &[i64]) -> Result<HashMap<i64, Json>, Error> {
    let pairs = read(tx, ids, "").await?;
    let state_of = |pair: Pair| {
        let mut state = state(&pair.old, &pair.old_tags);
        state[MESSAGES] = json!(pair.old.messages_count);
        (pair.old.id, state)
    };
    Ok(pairs.into_iter().map(state_of).collect())
}

/// What differs between two states of one ticket. None if nothing of it does.
pub fn difference(id: i64, before: Json, after: Json) -> Option<Changed> {
    let (before, after) = events::difference(before, after);
    let is_empty = after.as_object().is_none_or(Map::is_empty);
    (!is_empty).then_some(Changed { id, before, after })
}

/// A change of which nothing can be put back: values of custom fields, a survey.
pub fn lasting(id: i64) -> Changed {
    Changed { id, before: json!({ LASTING: false }), after: json!({ LASTING: true }) }
}

/// The fields that `restore` knows.
fn state(ticket: &Ticket, tag_ids: &[i64]) -> Json {
    let mut sorted = tag_ids.to_vec();
    sorted.sort_unstable();
    let mut state = changes::facts(ticket);
    if let Json::Object(state) = &mut state {
        state.retain(|name, _| FIELDS.contains(&name.as_str()));
        state.insert("tag_ids".to_owned(), json!(sorted));
    }
    state
}

/// What a change tells of messages that were written: they stay.
const MESSAGES: &str = "messages";
/// What it tells of everything else that stays.
const LASTING: &str = "other actions";

/// What can be put back, besides tags.
const FIELDS: [&str; 11] = [
    "status",
    "priority",
    "subject",
    "language",
    "assignee_user_id",
    "assignee_team_id",
    "is_unread",
    "spam",
    "closed_at",
    "snoozed_until",
    "trashed_at",
];

/// Who and what is still there of the values from before.
struct Known {
    users: HashSet<i64>,
    teams: HashSet<i64>,
    tags: HashSet<i64>,
}

impl Known {
    async fn among(tx: &mut Tx, done: &[Changed]) -> Result<Known, Error> {
        let ids = |name: &str| -> HashSet<i64> {
            done.iter().filter_map(|changed| changed.before.get(name)?.as_i64()).collect()
        };
        let of_tags = |changed: &Changed| -> Vec<i64> { tag_ids(&changed.before) };
        let tags: HashSet<i64> = done.iter().flat_map(of_tags).collect();
        let users = "select id from people where is_staff = 1 and active = 1 and deleted_at is null";
        Ok(Known {
            users: existing(tx, users, &ids("assignee_user_id")).await?,
            teams: existing(tx, "select id from teams where 1 = 1", &ids("assignee_team_id")).await?,
            tags: existing(tx, "select id from tags where merged_into is null", &tags).await?,
        })
    }
}

async fn existing(tx: &mut Tx, sql: &str, ids: &HashSet<i64>) -> Result<HashSet<i64>, Error> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let mut query = Query::new(sql);
    let ids: Vec<i64> = ids.iter().copied().collect();
    query.and_in("id", page::padded(&ids));
    let rows = tx.rows(&query.sql, &query.params).await?;
    Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?)
}

fn tag_ids(values: &Json) -> Vec<i64> {
    let ids = values.get("tag_ids").and_then(Json::as_array);
    ids.into_iter().flatten().filter_map(Json::as_i64).collect()
}

/// Puts the fields of one ticket back in `pair.new`, and names those that had to be left.
fn put_back(pair: &mut Pair, changed: &Changed, known: &Known, now: Timestamp) -> Vec<String> {
    let mut left = Vec::new();
    let current = state(&pair.old, &pair.old_tags);
    let (Some(before), Some(after)) = (changed.before.as_object(), changed.after.as_object()) else { return left };
    for (name, set) in after {
        let Some(wanted) = before.get(name) else { continue };
        if name == "tag_ids" {
            put_tags_back(pair, changed, known);
            continue;
        }
        let is_gone = match (name.as_str(), wanted.as_i64()) {
            ("assignee_user_id", Some(id)) => !known.users.contains(&id),
            ("assignee_team_id", Some(id)) => !known.teams.contains(&id),
            _ => false,
        };
        if is_gone || current.get(name) != Some(set) || !assign(&mut pair.new, name, wanted) {
            left.push(name.clone());
        }
    }
    // The status and the times that belong to it agree, whatever of them could be put back.
    let new = &mut pair.new;
    if new.snoozed_until.is_some_and(|until| until <= now) && new.snoozed_until != pair.old.snoozed_until {
        // It would have woken up by now.
        write::reopen(new);
    }
    if new.status.is_done() {
        new.closed_at = new.closed_at.or(Some(now));
    } else {
        new.closed_at = None;
        new.snoozed_until = None;
    }
    left
}

/// Tags are put back one by one: those that were added go, those that were removed come back, and what came since stays.
fn put_tags_back(pair: &mut Pair, changed: &Changed, known: &Known) {
    let (before, after) = (tag_ids(&changed.before), tag_ids(&changed.after));
    pair.new_tags.retain(|id| before.contains(id) || !after.contains(id));
    for id in before {
        if !after.contains(&id) && known.tags.contains(&id) {
            pair.new_tags.push(id);
        }
    }
}

fn assign(ticket: &mut Ticket, name: &str, value: &Json) -> bool {
    let text = || value.as_str().map(str::to_owned);
    let time = || value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    match name {
        "status" => match value.as_str().and_then(Status::parse) {
            Some(status) => ticket.set_status(status),
            None => return false,
        },
        "priority" => match value.as_str().and_then(Priority::parse) {
            Some(priority) => ticket.priority = priority,
            None => return false,
        },
        "subject" => ticket.subject = text(),
        "language" => ticket.language = text(),
        "assignee_user_id" => ticket.assignee_user_id = value.as_i64(),
        "assignee_team_id" => ticket.assignee_team_id = value.as_i64(),
        "is_unread" => ticket.is_unread = value.as_bool().unwrap_or_default(),
        "spam" => ticket.spam = value.as_bool().unwrap_or_default(),
        "closed_at" => ticket.closed_at = time(),
        "snoozed_until" => ticket.snoozed_until = time(),
        "trashed_at" => ticket.trashed_at = time(),
        _ => return false,
    }
    true
}

/// Reads the tickets and keeps their rows until the transaction ends, in the order of their ids: two of these never wait for each other.
async fn take(tx: &mut Tx, ids: &[i64]) -> Result<Vec<Pair>, Error> {
    let lock = tx.for_update();
    read(tx, ids, lock).await
}

async fn read(tx: &mut Tx, ids: &[i64], lock: &str) -> Result<Vec<Pair>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let padded = page::padded(ids);
    let mut query = Query::new(
        "select id, external_id, status, priority, channel, via, from_agent, subject, excerpt, language, customer_id,
                assignee_user_id, assignee_team_id, messages_count, is_unread, spam, imported,
                last_sent_message_not_delivered, meta, split_from, organization_id, form_id, type, due_at, problem_id, followup_of, brand_id,
                custom_status_id, created_at, opened_at,
                last_received_message_at, last_message_at, updated_at, closed_at, snoozed_until, trashed_at
         from tickets where 1 = 1",
    );
    query.and_in("id", padded.iter().copied());
    query.sql.push_str(" order by id");
    query.sql.push_str(lock);
    let rows = tx.rows(&query.sql, &query.params).await?;
    let mut of_ticket: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut query = Query::new("select ticket_id, tag_id from ticket_tags where 1 = 1");
    query.and_in("ticket_id", padded);
    for row in tx.rows(&query.sql, &query.params).await? {
        of_ticket.entry(row.int("ticket_id")?).or_default().push(row.int("tag_id")?);
    }
    rows.iter()
        .map(|row| {
            let old = Ticket::from_row(row)?;
            let old_tags = of_ticket.remove(&old.id).unwrap_or_default();
            Ok(Pair { new: old.clone(), new_tags: old_tags.clone(), old, old_tags })
        })
        .collect()
}

/// Writes what differs: tickets that change alike with one statement, then tags, then all events.
async fn save(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    pairs: Vec<Pair>,
    cause: &Json,
) -> Result<Vec<Changed>, Error> {
    let mut groups: Vec<(Written, Vec<i64>)> = Vec::new();
    let mut log: Vec<Change<'_>> = Vec::new();
    let mut changed = Vec::with_capacity(pairs.len());
    let mut retagged: Vec<(i64, Vec<i64>, Vec<i64>)> = Vec::new();
    let mut renamed: Vec<i64> = Vec::new();
    let bots = changes::bots(tx, pairs.iter().map(|pair| (&pair.old, &pair.new))).await?;
    for mut pair in pairs {
        let differs = changes::differs(&pair.old, &pair.new);
        pair.new_tags.sort_unstable();
        pair.new_tags.dedup();
        pair.old_tags.sort_unstable();
        let tags_differ = pair.old_tags != pair.new_tags;
        if !differs && !tags_differ {
            continue;
        }
        if tags_differ && tags::TAGS_MAX < pair.new_tags.len() {
            return Err(Error::invalid("tags", format!("Longer than maximum length {}.", tags::TAGS_MAX)));
        }
        pair.new.updated_at = now;
        let written = columns(&pair.old).into_iter().zip(columns(&pair.new)).filter(|(old, new)| old != new);
        let written: Vec<(&'static str, Value)> = written.map(|(_, new)| new).collect();
        match groups.iter_mut().find(|(values, _)| *values == written) {
            Some((_, ids)) => ids.push(pair.new.id),
            None => groups.push((written, vec![pair.new.id])),
        }
        if differs {
            log.extend(changes::updated(&pair.old, &pair.new, None, &bots));
        }
        if let Some(until) = pair.new.snoozed_until.filter(|_| pair.new.snoozed_until != pair.old.snoozed_until) {
            jobs::unsnooze_ticket::enqueue(tx, now, pair.new.id, until).await?;
        }
        let (before, after) = (state(&pair.old, &pair.old_tags), state(&pair.new, &pair.new_tags));
        changed.extend(difference(pair.new.id, before, after));
        if pair.new.subject != pair.old.subject {
            renamed.push(pair.new.id);
        }
        if tags_differ {
            retagged.push((pair.new.id, pair.old_tags, pair.new_tags));
        }
    }
    // Two changes at one instant: then there may be nothing to write but tags.
    groups.retain(|(values, _)| !values.is_empty());
    for (values, ids) in groups {
        let mut query = Query::new("update tickets set ");
        for (at, (column, value)) in values.into_iter().enumerate() {
            let place = query.bind(value);
            let comma = if at == 0 { "" } else { ", " };
            query.sql.push_str(&format!("{comma}{column} = {place}"));
            if column == "status" {
                let since = query.bind(now);
                query.sql.push_str(&format!(", status_changed_at = {since}"));
            }
        }
        query.sql.push_str(" where 1 = 1");
        query.and_in("id", page::padded(&ids));
        tx.run(&query.sql, &query.params).await?;
    }
    for id in renamed {
        search::index_ticket(tx, id).await?;
    }
    retag(tx, &retagged, &mut log).await?;
    for event in &mut log {
        event.data = Some(cause.clone());
    }
    events::record_all(tx, actor, now, &log).await?;
    Ok(changed)
}

/// Columns and what is written into them.
type Written = Vec<(&'static str, Value)>;

/// The columns that these functions write.
fn columns(ticket: &Ticket) -> [(&'static str, Value); 13] {
    [
        ("status", ticket.status.word().into()),
        ("custom_status_id", ticket.custom_status_id.into()),
        ("priority", ticket.priority.word().into()),
        ("subject", ticket.subject.as_deref().into()),
        ("language", ticket.language.as_deref().into()),
        ("assignee_user_id", ticket.assignee_user_id.into()),
        ("assignee_team_id", ticket.assignee_team_id.into()),
        ("is_unread", ticket.is_unread.into()),
        ("spam", ticket.spam.into()),
        ("updated_at", ticket.updated_at.into()),
        ("closed_at", ticket.closed_at.into()),
        ("snoozed_until", ticket.snoozed_until.into()),
        ("trashed_at", ticket.trashed_at.into()),
    ]
}

/// Rows of one statement at most.
const AT_ONCE: usize = 512;

/// Exchanges the tags of tickets (id, before, after), keeps `tags.usage` true, and adds the events.
async fn retag(
    tx: &mut Tx,
    tickets: &[(i64, Vec<i64>, Vec<i64>)],
    log: &mut Vec<Change<'static>>,
) -> Result<(), Error> {
    if tickets.is_empty() {
        return Ok(());
    }
    let all: HashSet<i64> = tickets.iter().flat_map(|(_, old, new)| old.iter().chain(new)).copied().collect();
    let names = names_of(tx, &all).await?;
    // In one order, so that two callers that share tags never wait for each other in a circle.
    let mut usage: BTreeMap<i64, i64> = BTreeMap::new();
    let mut added: Vec<(i64, i64)> = Vec::new();
    let mut removed: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (ticket_id, old, new) in tickets {
        for tag_id in new.iter().filter(|id| !old.contains(id)) {
            *usage.entry(*tag_id).or_default() += 1;
            added.push((*ticket_id, *tag_id));
        }
        for tag_id in old.iter().filter(|id| !new.contains(id)) {
            *usage.entry(*tag_id).or_default() -= 1;
            removed.entry(*tag_id).or_default().push(*ticket_id);
        }
        let kept: Vec<i64> = old.iter().copied().filter(|id| new.contains(id)).collect();
        let tags = |ids: &[i64]| {
            let mut names: Vec<&str> = ids.iter().filter_map(|id| names.get(id).map(String::as_str)).collect();
            names.sort_unstable();
            json!({ "tags": names })
        };
        if kept.len() < old.len() {
            log.push(changes::change("ticket-tags-removed", *ticket_id, Some(tags(old)), Some(tags(&kept))));
        }
        if kept.len() < new.len() {
            log.push(changes::change("ticket-tags-added", *ticket_id, Some(tags(&kept)), Some(tags(new))));
        }
    }
    for (tag_id, by) in usage {
        tx.run("update tags set usage = usage + $1 where id = $2", &[by.into(), tag_id.into()]).await?;
    }
    for (tag_id, ticket_ids) in removed {
        let mut query = Query::new("delete from ticket_tags where 1 = 1");
        query.and("tag_id =", tag_id);
        query.and_in("ticket_id", page::padded(&ticket_ids));
        tx.run(&query.sql, &query.params).await?;
    }
    let mut rest = added.as_slice();
    while !rest.is_empty() {
        let (some, others) = rest.split_at(page::at_once(rest.len(), AT_ONCE));
        rest = others;
        let mut query = Query::new("insert into ticket_tags (ticket_id, tag_id) values ");
        for (at, (ticket_id, tag_id)) in some.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let (ticket, tag) = (query.bind(*ticket_id), query.bind(*tag_id));
            query.sql.push_str(&format!("{comma}({ticket}, {tag})"));
        }
        query.sql.push_str(" on conflict (ticket_id, tag_id) do nothing");
        tx.run(&query.sql, &query.params).await?;
    }
    Ok(())
}

async fn names_of(tx: &mut Tx, tag_ids: &HashSet<i64>) -> Result<HashMap<i64, String>, Error> {
    let ids: Vec<i64> = tag_ids.iter().copied().collect();
    let mut query = Query::new("select id, name from tags where 1 = 1");
    query.and_in("id", page::padded(&ids));
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter().map(|row| Ok((row.int("id")?, row.text("name")?))).collect()
}

fn status_of(word: &str) -> Result<SetStatus, Error> {
    match word {
        "waiting" => Ok(SetStatus::Waiting),
        "done" => Ok(SetStatus::Done),
        word => Status::parse(word)
            .map(SetStatus::Exactly)
            .ok_or_else(|| Error::invalid("status", format!("No status is called {word:?}."))),
    }
}

fn priority_of(word: &str) -> Result<Priority, Error> {
    Priority::parse(word).ok_or_else(|| Error::invalid("priority", format!("No priority is called {word:?}.")))
}

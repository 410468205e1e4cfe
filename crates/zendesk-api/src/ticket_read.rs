//! What clients write of a ticket, and carrying it out (Zendesk contract, `Ticket(w)`, `Comment(w)`).
//!
//! One call may change the ticket, write a comment and copy people in; all of it is one transaction of the caller's.

use helpdesk::custom_fields::{CustomField, SentValue};
use helpdesk::custom_statuses;
use helpdesk::people::PersonRef;
use helpdesk::profiles;
use helpdesk::tags::NewTag;
use helpdesk::tickets::around::{self, Part, People};
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::messages::{API, INTERNAL_NOTE};
use helpdesk::tickets::tags::{TagChange, TagRefs};
use helpdesk::tickets::write::{self, NewTicket, SetStatus, TicketUpdate};
use helpdesk::tickets::{Status, TicketType, fields as ticket_fields, list, message_write, solving, tags};
use helpdesk::{uploads, users};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use serde_json::{Value, json};
use store::Tx;

use crate::attachments;
use crate::error::ZendeskError;
use crate::field_parts;
use crate::fields::Fields;
use crate::ticket_view::{PRIORITIES, STATUSES, TYPES, priority_of, status_of};

const SUBJECT_MAX_CHARS: usize = 998;
const TEXT_MAX_CHARS: usize = 255;
const EMAIL_MAX_CHARS: usize = 320;
/// Longest body of a comment, in characters.
const BODY_MAX_CHARS: usize = 65_536;

/// Read-only fields, which clients send back with the rest.
const READ_ONLY: &[&str] = &[
    "allow_attachments",
    "allow_channelback",
    "created_at",
    "fields",
    "followup_ids",
    "forum_topic_id",
    "from_messaging_channel",
    "generated_timestamp",
    "has_incidents",
    "id",
    "is_public",
    "raw_subject",
    "satisfaction_rating",
    "sharing_agreement_ids",
    "updated_at",
    "url",
    "via",
    "result_type",
    "via_id",
    "metadata",
    "attribute_value_ids",
    "macro_id",
    "macro_ids",
];

/// A ticket as it was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentTicket {
    pub update: TicketUpdate,
    pub requester: Option<PersonRef>,
    pub submitter_id: Option<i64>,
    pub assignee_email: Option<String>,
    pub comments: Vec<SentComment>,
    pub fields: Vec<SentValue>,
    pub add_tags: Vec<String>,
    pub remove_tags: Vec<String>,
    pub ccs: Option<People>,
    pub followers: Option<People>,
    pub followup_of: Option<i64>,
    /// Of a new one.
    pub recipient: Option<String>,
    /// Whether solving it is refused while what is required is empty.
    pub must_be_filled: bool,
    /// When an import was created and changed.
    pub imported: Option<(Option<Timestamp>, Option<Timestamp>, Option<Timestamp>)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct SentComment {
    pub text: Option<String>,
    pub html: Option<String>,
    pub public: Option<bool>,
    pub author_id: Option<i64>,
    pub created_at: Option<Timestamp>,
    /// Tokens of files that were sent before.
    pub uploads: Vec<String>,
}

/// Reads the writable fields.
pub(crate) fn read(fields: &mut Fields) -> SentTicket {
    fields.pass(READ_ONLY);
    let stamp = fields.time("updated_stamp").flatten();
    let is_safe = fields.flag("safe_update").unwrap_or_default();
    if is_safe && stamp.is_none() {
        fields.problem("updated_stamp", "is needed for a safe update");
    }
    let update = TicketUpdate {
        seen_updated_at: stamp.filter(|_| is_safe),
        closed_is_final: true,
        status: fields.word("status", STATUSES).flatten().and_then(status_of).map(SetStatus::Exactly),
        priority: fields.word("priority", PRIORITIES).flatten().and_then(priority_of),
        subject: fields.text("subject", SUBJECT_MAX_CHARS),
        assignee_user_id: fields.id("assignee_id"),
        assignee_team_id: fields.id("group_id"),
        tags: fields.texts("tags", TEXT_MAX_CHARS).map(|names| names.iter().map(|name| new_tag(name)).collect()),
        organization_id: fields.id("organization_id"),
        form_id: fields.id("ticket_form_id"),
        kind: fields.word("type", TYPES).map(|word| word.and_then(TicketType::parse)),
        due_at: fields.time("due_at"),
        problem_id: fields.id("problem_id"),
        external_id: fields.text("external_id", TEXT_MAX_CHARS),
        brand_id: fields.id("brand_id").flatten(),
        custom_status_id: fields.id("custom_status_id").flatten(),
        ..TicketUpdate::default()
    };
    let requester_id = fields.id("requester_id").flatten();
    let requester = fields.nested("requester", read_person);
    let mut comments: Vec<SentComment> = fields.nested("comment", read_comment).into_iter().collect();
    if let Some(description) = fields.some_text("description", BODY_MAX_CHARS).filter(|_| comments.is_empty()) {
        comments.push(SentComment { text: Some(description), ..SentComment::default() });
    }
    SentTicket {
        requester: requester_id.map(PersonRef::by_id).or(requester),
        submitter_id: fields.id("submitter_id").flatten(),
        assignee_email: fields.some_text("assignee_email", EMAIL_MAX_CHARS),
        fields: read_values(fields),
        add_tags: fields.texts("additional_tags", TEXT_MAX_CHARS).unwrap_or_default(),
        remove_tags: fields.texts("remove_tags", TEXT_MAX_CHARS).unwrap_or_default(),
        ccs: read_ccs(fields),
        followers: read_people(fields, "follower_ids", "followers"),
        followup_of: fields.id("via_followup_source_id").flatten(),
        recipient: fields.text("recipient", EMAIL_MAX_CHARS).flatten().filter(|address| !address.trim().is_empty()),
        update,
        comments,
        must_be_filled: true,
        imported: None,
    }
}

/// The same for a ticket of another system: with its comments and its times.
pub(crate) fn read_import(fields: &mut Fields) -> SentTicket {
    let times =
        (fields.time("created_at").flatten(), fields.time("updated_at").flatten(), fields.time("solved_at").flatten());
    let comments = fields.each("comments", read_comment).unwrap_or_default();
    let mut sent = read(fields);
    sent.comments.extend(comments);
    sent.imported = Some(times);
    sent.must_be_filled = false;
    sent
}

fn read_comment(fields: &mut Fields) -> SentComment {
    fields.pass(&["via", "channel_source_id", "translate_to", "metadata"]);
    let mut some = |field: &str| fields.some_text(field, BODY_MAX_CHARS).filter(|text| !text.trim().is_empty());
    let text = some("body").or(some("value"));
    let html = some("html_body");
    if text.is_none() && html.is_none() {
        fields.require("body");
    }
    SentComment {
        text,
        html,
        public: fields.flag("public"),
        author_id: fields.id("author_id").flatten(),
        created_at: fields.time("created_at").flatten(),
        uploads: fields.texts("uploads", TEXT_MAX_CHARS).unwrap_or_default(),
    }
}

pub(crate) fn read_person(fields: &mut Fields) -> PersonRef {
    fields.pass(&["locale_id"]);
    PersonRef {
        id: fields.id("id").flatten(),
        name: fields.some_text("name", TEXT_MAX_CHARS),
        email: fields.some_text("email", EMAIL_MAX_CHARS),
        ..PersonRef::default()
    }
}

fn read_values(fields: &mut Fields) -> Vec<SentValue> {
    let mut place = 0;
    let values = fields.each("custom_fields", |value| {
        let sent = SentValue {
            place: place.to_string(),
            field_id: value.required_id("id"),
            value: value.value("value").unwrap_or_default(),
        };
        place += 1;
        sent
    });
    values.unwrap_or_default()
}

/// CCs are written in five ways; the older ones mean the same.
fn read_ccs(fields: &mut Fields) -> Option<People> {
    let mut ccs = read_people(fields, "email_cc_ids", "email_ccs");
    if let Some(ids) = fields.ids("collaborator_ids") {
        let people = ccs.get_or_insert_default();
        people.replaces = true;
        people.add.extend(ids.into_iter().map(PersonRef::by_id));
    }
    for (field, replaces) in [("collaborators", true), ("additional_collaborators", false)] {
        let Some(items) = fields.items(field) else { continue };
        let people = ccs.get_or_insert_default();
        people.replaces |= replaces;
        for item in items {
            match person_of(&item) {
                Some(person) => people.add.push(person),
                None => fields.problem(field, "must be ids, addresses or objects with an address"),
            }
        }
    }
    ccs
}

/// A list of ids that replaces, and a list of objects that say `put` or `delete`.
fn read_people(fields: &mut Fields, ids: &str, changes: &str) -> Option<People> {
    let replaced = fields.ids(ids);
    let changed = fields.each(changes, |item| {
        let person = PersonRef {
            id: item.id("user_id").flatten(),
            email: item.some_text("user_email", EMAIL_MAX_CHARS),
            name: item.some_text("user_name", TEXT_MAX_CHARS),
            ..PersonRef::default()
        };
        let action = item.word("action", &["put", "delete"]).flatten();
        if person.id.is_none() && person.email.is_none() {
            item.require("user_id");
        }
        (person, action == Some("delete"))
    });
    if replaced.is_none() && changed.is_none() {
        return None;
    }
    let mut people = People { replaces: replaced.is_some(), ..People::default() };
    people.add.extend(replaced.unwrap_or_default().into_iter().map(PersonRef::by_id));
    for (person, goes) in changed.unwrap_or_default() {
        if goes { people.remove.push(person) } else { people.add.push(person) }
    }
    Some(people)
}

fn person_of(item: &Value) -> Option<PersonRef> {
    match item {
        Value::Number(number) => number.as_i64().map(PersonRef::by_id),
        Value::String(email) if email.contains('@') => Some(PersonRef::by_email(email.as_str())),
        Value::String(digits) => digits.parse().ok().map(PersonRef::by_id),
        Value::Object(person) => {
            let text = |key: &str| person.get(key).and_then(Value::as_str).map(str::to_owned);
            let person = PersonRef { email: text("email"), name: text("name"), ..PersonRef::default() };
            person.email.is_some().then_some(person)
        }
        _ => None,
    }
}

/// Names are in lower case and have no blanks.
pub(crate) fn tag_name(name: &str) -> String {
    name.trim().to_lowercase().replace(char::is_whitespace, "_")
}

fn new_tag(name: &str) -> NewTag {
    NewTag { name: tag_name(name), ..NewTag::default() }
}

/// Creates the ticket, and answers its id.
pub(crate) async fn create(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    sent: &SentTicket,
) -> Result<i64, ZendeskError> {
    let mut update = sent.update.clone();
    let mut requester = sent.requester.clone();
    if let Some(source_id) = sent.followup_of {
        let source = list::written(tx, may, source_id)
            .await
            .map_err(|_| ZendeskError::invalid("via_followup_source_id", "is not a closed ticket"))?;
        update.subject = update.subject.or(Some(source.ticket.subject));
        update.kind = update.kind.or(Some(source.ticket.kind));
        update.assignee_team_id = update.assignee_team_id.or(Some(source.ticket.assignee_team_id));
        requester = requester.or(Some(PersonRef::by_id(source.ticket.customer_id)));
    }
    set_status(tx, may, &mut update).await?;
    if sent.comments.is_empty() {
        return Err(ZendeskError::invalid("comment", "cannot be blank"));
    }
    let caller = may.actor().person_id;
    let mut messages = Vec::with_capacity(sent.comments.len());
    for comment in &sent.comments {
        let author = comment.author_id.or(sent.submitter_id).or(caller);
        messages.push(
            message(tx, (caller, now), comment, author, comment.public.unwrap_or(true), sent.imported.is_some())
                .await?,
        );
    }
    let assignee = assignee_of(tx, sent).await?.or(update.assignee_user_id).flatten();
    let default = if assignee.is_some() { Status::Open } else { Status::New };
    let (created_at, updated_at, solved_at) = sent.imported.unwrap_or_default();
    let tags = tags_of_new(&update, sent);
    let new = NewTicket {
        messages,
        customer: requester.or_else(|| caller.map(PersonRef::by_id)),
        via: Some(API.to_owned()),
        channel: Some(API.to_owned()),
        subject: update.subject.flatten(),
        status: update.status.or(Some(SetStatus::Exactly(default))),
        priority: update.priority,
        assignee_user_id: assignee,
        assignee_team_id: update.assignee_team_id.flatten(),
        tags,
        fields: sent.fields.clone(),
        organization_id: update.organization_id.flatten(),
        form_id: update.form_id.flatten(),
        kind: update.kind.flatten(),
        due_at: update.due_at.flatten(),
        problem_id: update.problem_id.flatten(),
        followup_of: sent.followup_of,
        recipient: sent.recipient.clone(),
        brand_id: update.brand_id,
        custom_status_id: update.custom_status_id,
        external_id: update.external_id.flatten(),
        imported: sent.imported.is_some(),
        created_at,
        updated_at,
        closed_at: solved_at,
        ..NewTicket::default()
    };
    let solves = sent.must_be_filled && solving::solves(tx, may, None, new.status).await?;
    let id = write::create(tx, may, now, new).await?;
    if solves {
        check_filled(tx, may, id).await?;
    }
    set_people(tx, may, now, id, sent).await?;
    Ok(id)
}

fn tags_of_new(update: &TicketUpdate, sent: &SentTicket) -> Vec<NewTag> {
    let mut tags = update.tags.clone().unwrap_or_default();
    tags.extend(sent.add_tags.iter().map(|name| new_tag(name)));
    tags
}

/// Changes the ticket, and writes the comment.
pub(crate) async fn update(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    sent: &SentTicket,
) -> Result<(), ZendeskError> {
    let mut update = sent.update.clone();
    update.customer = sent.requester.clone();
    set_status(tx, may, &mut update).await?;
    if let Some(assignee) = assignee_of(tx, sent).await? {
        update.assignee_user_id = Some(assignee);
    }
    let solves = sent.must_be_filled && solving::solves(tx, may, Some(id), update.status).await?;
    write::update(tx, may, now, id, update).await?;
    if !sent.fields.is_empty() {
        ticket_fields::set(tx, may, now, id, &sent.fields).await?;
    }
    if solves {
        check_filled(tx, may, id).await?;
    }
    for (change, names) in [(TagChange::Add, &sent.add_tags), (TagChange::Remove, &sent.remove_tags)] {
        if !names.is_empty() {
            let refs = TagRefs { ids: Vec::new(), names: names.iter().map(|name| tag_name(name)).collect() };
            tags::change(tx, may, now, id, (change, &refs)).await?;
        }
    }
    set_people(tx, may, now, id, sent).await?;
    let Some(comment) = sent.comments.first() else { return Ok(()) };
    let public = match comment.public {
        Some(public) => public,
        None => around::around(tx, may, &[id]).await?.remove(&id).is_none_or(|around| around.is_public),
    };
    let author = comment.author_id.or(may.actor().person_id);
    let message = message(tx, (may.actor().person_id, now), comment, author, public, false).await?;
    message_write::create(tx, may, now, id, message).await?;
    Ok(())
}

/// Refuses, and names the fields, while something is empty that is required of a solved ticket.
async fn check_filled(tx: &mut Tx, may: &CanWrite<Tickets>, id: i64) -> Result<(), ZendeskError> {
    // Quirk: the word for programs is null here.
    let why = |field: &CustomField| (format!("{}: is required when solving a ticket", field.label), Value::Null);
    refuse_unfilled(&solving::unfilled(tx, may, id).await?, why)
}

/// The same of a new request that a customer wrote.
pub(crate) async fn check_filled_by_customer(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    id: i64,
) -> Result<(), ZendeskError> {
    let why = |field: &CustomField| {
        let label = field.details.label_for_customers.as_ref().unwrap_or(&field.label);
        (format!("{label}: cannot be blank"), json!("BlankValue"))
    };
    refuse_unfilled(&solving::unfilled_by_customer(tx, may, id).await?, why)
}

fn refuse_unfilled(
    unfilled: &[CustomField],
    why: impl Fn(&CustomField) -> (String, Value),
) -> Result<(), ZendeskError> {
    if unfilled.is_empty() {
        return Ok(());
    }
    let problem = |field: &CustomField| {
        let (description, error) = why(field);
        json!({
            "description": description,
            "error": error,
            "ticket_field_id": field.id,
            "ticket_field_type": field_parts::class_of(field),
        })
    };
    Err(ZendeskError::Unfilled(unfilled.iter().map(problem).collect()))
}

/// A comment as a message of ours. Who wrote it says whether it is an answer.
pub(crate) async fn message(
    tx: &mut Tx,
    (caller, now): (Option<i64>, Timestamp),
    comment: &SentComment,
    author_id: Option<i64>,
    public: bool,
    imported: bool,
) -> Result<NewMessage, ZendeskError> {
    let is_staff = match author_id {
        Some(id) => profiles::is_staff(tx, id).await?,
        None => None,
    };
    let Some(is_staff) = is_staff else { return Err(ZendeskError::invalid("author_id", "is invalid")) };
    let files = uploads::take(tx, now, caller, &comment.uploads).await?;
    Ok(NewMessage {
        attachments: (!files.is_empty()).then(|| attachments::of_files(&files)),
        channel: if public { API } else { INTERNAL_NOTE }.to_owned(),
        via: API.to_owned(),
        from_agent: is_staff,
        public: Some(public),
        sender: author_id.map(PersonRef::by_id),
        body_text: comment.text.clone(),
        body_html: comment.html.clone(),
        created_at: comment.created_at.filter(|_| imported),
        imported,
        ..NewMessage::default()
    })
}

/// A custom status goes before the status, and says it.
async fn set_status(tx: &mut Tx, may: &CanWrite<Tickets>, update: &mut TicketUpdate) -> Result<(), ZendeskError> {
    if let Some(id) = update.custom_status_id {
        update.status = Some(SetStatus::Exactly(custom_statuses::status_of(tx, may, id).await?));
    }
    Ok(())
}

async fn assignee_of(tx: &mut Tx, sent: &SentTicket) -> Result<Option<Option<i64>>, ZendeskError> {
    let Some(email) = &sent.assignee_email else { return Ok(None) };
    match users::find_by_email(tx, email).await? {
        Some(found) if found.active => Ok(Some(Some(found.person_id))),
        _ => Err(ZendeskError::invalid("assignee_email", "is not an agent's address")),
    }
}

async fn set_people(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    sent: &SentTicket,
) -> Result<(), ZendeskError> {
    if let Some(people) = &sent.ccs {
        around::set_people(tx, may, now, (id, Part::Cc, "email_ccs"), people).await?;
    }
    if let Some(people) = &sent.followers {
        around::set_people(tx, may, now, (id, Part::Follower, "followers"), people).await?;
    }
    Ok(())
}

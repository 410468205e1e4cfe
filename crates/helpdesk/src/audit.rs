//! The audit room's view of the event log: who signed in, what was allowed, changed and revoked, by whom and from where.
//!
//! Everything is in it but the daily work on tickets, customers and tags: what a new part of the program records is audited unless it says
//! otherwise here. Work in somebody else's name is audited whatever it is about (ALL-17).

use jiff::Timestamp;
use scope::permit::{Actor, CanRead};
use scope::resource::AuditLog;
use serde_json::Value as Json;
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::page::{Column, Order, Page, Query, Slice};

/// Objects whose changes are the daily work.
const DAILY_WORK: [&str; 21] = [
    "Ticket",
    "TicketMessage",
    "Customer",
    "Tag",
    "View",
    "Macro",
    "Job",
    "File",
    "CustomField",
    "Organization",
    "SatisfactionSurvey",
    "HeldMessage",
    "Widget",
    "VoiceCall",
    "VoiceCallRecording",
    "Article",
    "HelpText",
    "ArticleAttachment",
    "ArticleComment",
    "ArticleVote",
    "HelpSubscription",
];

/// Whether an event belongs into the audit room. Written with the event.
pub(crate) fn is_audited(actor: &Actor, object_type: &str, kind: &str) -> bool {
    actor.impersonator_id.is_some()
        // What rules and integrations do all day is daily work; what is done to them is not.
        || (!DAILY_WORK.contains(&object_type) && !["rule-executed", "integration-data-item-created"].contains(&kind))
        || ["login", "logged", "password", "passkey", "totp", "verified", "session"].iter().any(|it| kind.contains(it))
}

/// Kinds of events that people look for together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// In addresses.
    pub word: &'static str,
    pub label: &'static str,
    pub kinds: &'static [&'static str],
}

/// Every kind that is recorded today and audited stands in one of them, but for changes of the account's own settings.
pub const GROUPS: [Group; 10] = [
    Group {
        word: "sign-in",
        label: "Sign-ins and sign-outs",
        kinds: &["user-logged-in", "user-logged-out", "sessions-ended", "user-signed-out-everywhere"],
    },
    Group { word: "failed-sign-in", label: "Failed sign-ins", kinds: &["user-login-failed"] },
    Group {
        word: "consent",
        label: "Consents given and denied",
        kinds: &["app-consent-given", "app-consent-denied", "app-consent-spared", "app-account-consent-given"],
    },
    Group {
        word: "withdrawal",
        label: "Consents withdrawn and ended",
        kinds: &["app-consent-withdrawn", "app-consent-expired"],
    },
    Group {
        word: "token",
        label: "Tokens revoked, exchanged, reused",
        kinds: &["token-family-revoked", "token-exchanged"],
    },
    Group {
        word: "app",
        label: "Apps and their secrets",
        kinds: &[
            "app-created",
            "app-updated",
            "app-deleted",
            "app-disabled",
            "app-uninstalled",
            "app-enabled",
            "app-secret-added",
            "app-secret-revoked",
            "app-keys-changed",
            "app-logout-failed",
            "app-logout-delivered",
        ],
    },
    Group {
        word: "integration",
        label: "Integrations",
        kinds: &[
            "integration-created",
            "integration-updated",
            "integration-deleted",
            "integration-deactivated",
            "integration-reactivated",
            "delivery-replayed",
            "delivery-tested",
        ],
    },
    Group {
        word: "key",
        label: "Signing keys and API keys",
        kinds: &[
            "signing-keys-rotated",
            "signing-key-revoked",
            "api-key-created",
            "api-key-limited",
            "api-key-renamed",
            "api-key-revoked",
        ],
    },
    Group {
        word: "person",
        label: "People and their credentials",
        kinds: &[
            "user-created",
            "user-updated",
            "user-deleted",
            "user-password-changed",
            "customer-password-changed",
            "custom-role-created",
            "custom-role-updated",
            "custom-role-deleted",
            "user-erased",
            "user-requested",
            "user-settings-updated",
        ],
    },
    Group {
        word: "setting",
        label: "Settings",
        kinds: &[
            "provider-setting-changed",
            "trusted-issuer-added",
            "trusted-issuer-removed",
            "exchange-rule-added",
            "exchange-rule-removed",
            "initial-access-token-created",
            "initial-access-token-revoked",
            "account-created",
            "account-setting-created",
            "account-setting-updated",
        ],
    },
];

/// One row of the room.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: i64,
    pub kind: String,
    pub object_type: String,
    pub object_id: i64,
    /// Name of the app or person that it happened to, where it is one.
    pub object_name: Option<String>,
    /// Who did it.
    pub person: Option<Named>,
    /// Through which app.
    pub client: Option<Named>,
    /// Who really acted, in that person's name.
    pub impersonator: Option<Named>,
    pub worker: Option<String>,
    pub grant_id: Option<i64>,
    pub request_id: String,
    pub before: Option<Json>,
    pub after: Option<Json>,
    pub data: Option<Json>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub id: i64,
    /// A person without a name is called by the address; one who is gone by the number.
    pub name: String,
}

/// Which rows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Who did it, or whom it happened to.
    pub person_id: Option<i64>,
    /// Through which app, or to which.
    pub client_row: Option<i64>,
    pub group: Option<&'static Group>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Where a page goes on: behind this row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    pub created_at: Timestamp,
    pub id: i64,
}

/// A page, newest first. Each part of it walks one index: `events_audited`, `events_audited_by_client`, `events_audited_by_person`,
/// `events_by_object` or `events_by_type`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<AuditLog>,
    filter: &Filter,
    after: Option<After>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let mut query = Query::default();
    for (n, part) in parts(filter).into_iter().enumerate() {
        query.sql.push_str(if n == 0 { "select * from (" } else { " union all select * from (" });
        query.sql.push_str(
            "select id, type, object_type, object_id, person_id, client_id, impersonator_id, worker, grant_id, request_id,
                 before, after, data, created_at from events where 1 = 1",
        );
        part.append_to(&mut query);
        if let Some(from) = filter.from {
            query.and("created_at >=", from);
        }
        if let Some(until) = filter.until {
            query.and("created_at <", until);
        }
        if let Some(after) = after {
            let (created_at, id) = (query.bind(after.created_at), query.bind(after.id));
            query.sql.push_str(&format!(" and (created_at, id) < ({created_at}, {id})"));
        }
        let limit = query.bind(limit);
        query.sql.push_str(&format!(" order by created_at desc, id desc limit {limit}) as part_{n}"));
    }
    let limit = query.bind(limit);
    let sql = format!(
        "select e.*, p.name as person_name, p.email as person_email, c.name as client_name, i.name as impersonator_name,
             i.email as impersonator_email, o.name as app_name, s.name as subject_name, s.email as subject_email
         from ({inner} order by created_at desc, id desc limit {limit}) as e
         left join people p on p.id = e.person_id
         left join clients c on c.id = e.client_id
         left join people i on i.id = e.impersonator_id
         left join clients o on o.id = e.object_id and e.object_type = 'App'
         left join people s on s.id = e.object_id and e.object_type in ('User', 'Customer')
         order by e.created_at desc, e.id desc",
        inner = query.sql,
    );
    let rows = tx.rows(&sql, &query.params).await?;
    rows.iter().map(entry).collect()
}

/// Which rows of the log, for lists that are paged both ways.
#[derive(Debug, Clone, Default)]
pub struct Which<'a> {
    pub id: Option<i64>,
    pub object_type: Option<&'a str>,
    pub object_id: Option<i64>,
    pub person_id: Option<i64>,
    /// Nobody in person: what our own workers did.
    pub by_workers: bool,
    /// Kinds that end so, such as `-created`.
    pub kinds_end: Option<&'a [&'a str]>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

const SELECT: &str =
    "select e.id, e.type, e.object_type, e.object_id, e.person_id, e.client_id, e.impersonator_id, e.worker, e.grant_id, e.request_id,
            e.before, e.after, e.data, e.created_at, p.name as person_name, p.email as person_email, c.name as client_name,
            i.name as impersonator_name, i.email as impersonator_email, o.name as app_name, s.name as subject_name,
            s.email as subject_email
     from events e
     left join people p on p.id = e.person_id
     left join clients c on c.id = e.client_id
     left join people i on i.id = e.impersonator_id
     left join clients o on o.id = e.object_id and e.object_type = 'App'
     left join people s on s.id = e.object_id and e.object_type in ('User', 'Customer')
     where e.audited = 1";

/// A slice of the log by time. Served by `events_audited`, or `events_audited_by_person` where one person is asked for.
pub async fn page(
    tx: &mut Tx,
    _may: &CanRead<AuditLog>,
    which: &Which<'_>,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Entry>, Error> {
    let mut query = Query::new(SELECT);
    for (left, value) in [("e.id =", which.id), ("e.object_id =", which.object_id), ("e.person_id =", which.person_id)]
    {
        if let Some(value) = value {
            query.and(left, value);
        }
    }
    if which.by_workers {
        query.and_text("e.person_id is null");
    }
    if let Some(object_type) = which.object_type {
        query.and("e.object_type =", object_type);
    }
    if let Some(ends) = which.kinds_end {
        let ends: Vec<String> = ends
            .iter()
            .map(|end| {
                let place = query.bind(format!("%{end}"));
                format!("e.type like {place}")
            })
            .collect();
        query.and_text(&format!("({})", if ends.is_empty() { "1 = 0".to_owned() } else { ends.join(" or ") }));
    }
    if let Some(from) = which.from {
        query.and("e.created_at >=", from);
    }
    if let Some(until) = which.until {
        query.and("e.created_at <=", until);
    }
    let columns: &'static [Column] = &[Column::Int("e.created_at", "created_at"), Column::Int("e.id", "id")];
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| Ok(entry(&row)?))
}

/// Conditions that one index serves together.
#[derive(Default)]
struct Part {
    texts: Vec<&'static str>,
    equal: Vec<(&'static str, store::Value)>,
    kinds: &'static [&'static str],
}

impl Part {
    fn append_to(self, query: &mut Query) {
        for text in self.texts {
            query.and_text(text);
        }
        for (left, value) in self.equal {
            query.and(left, value);
        }
        if !self.kinds.is_empty() {
            query.and_in("type", self.kinds.iter().copied());
        }
    }
}

/// Disjoint, together all that the filter lets through.
fn parts(filter: &Filter) -> Vec<Part> {
    let kinds: &'static [&'static str] = filter.group.map_or(&[], |group| group.kinds);
    match (filter.person_id, filter.client_row) {
        (None, None) if kinds.is_empty() => vec![Part { texts: vec!["audited = 1"], ..Part::default() }],
        (None, None) => {
            kinds.iter().map(|kind| Part { equal: vec![("type =", (*kind).into())], ..Part::default() }).collect()
        }
        (Some(person_id), None) => vec![
            Part { texts: vec!["audited = 1"], equal: vec![("person_id =", person_id.into())], kinds },
            Part {
                texts: vec!["audited = 1", "object_type = 'User'"],
                equal: vec![("object_id =", person_id.into()), ("coalesce(person_id, 0) <>", person_id.into())],
                kinds,
            },
        ],
        (None, Some(client_row)) => vec![
            Part { texts: vec!["audited = 1"], equal: vec![("client_id =", client_row.into())], kinds },
            Part {
                texts: vec!["audited = 1", "object_type = 'App'"],
                equal: vec![("object_id =", client_row.into()), ("coalesce(client_id, 0) <>", client_row.into())],
                kinds,
            },
        ],
        (Some(person_id), Some(client_row)) => vec![
            Part {
                texts: vec!["audited = 1"],
                equal: vec![("person_id =", person_id.into()), ("client_id =", client_row.into())],
                kinds,
            },
            Part {
                texts: vec!["audited = 1", "object_type = 'App'"],
                equal: vec![
                    ("object_id =", client_row.into()),
                    ("person_id =", person_id.into()),
                    ("coalesce(client_id, 0) <>", client_row.into()),
                ],
                kinds,
            },
        ],
    }
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let app = row.text_or_null("app_name")?;
    let subject = one_of(row, "subject_name", "subject_email")?;
    Ok(Entry {
        id: row.int("id")?,
        kind: row.text("type")?,
        object_type: row.text("object_type")?,
        object_id: row.int("object_id")?,
        object_name: app.or(subject),
        person: named(row, "person_id", "person_name", "person_email")?,
        client: match row.int_or_null("client_id")? {
            Some(id) => Some(Named { id, name: row.text_or_null("client_name")?.unwrap_or_else(|| format!("#{id}")) }),
            None => None,
        },
        impersonator: named(row, "impersonator_id", "impersonator_name", "impersonator_email")?,
        worker: row.text_or_null("worker")?,
        grant_id: row.int_or_null("grant_id")?,
        request_id: row.text_or_null("request_id")?.unwrap_or_default(),
        before: row.json("before")?,
        after: row.json("after")?,
        data: row.json("data")?,
        created_at: row.time("created_at")?,
    })
}

fn named(row: &Row, id: &'static str, name: &'static str, email: &'static str) -> Result<Option<Named>, StoreError> {
    let Some(id) = row.int_or_null(id)? else { return Ok(None) };
    Ok(Some(Named { id, name: one_of(row, name, email)?.unwrap_or_else(|| format!("#{id}")) }))
}

fn one_of(row: &Row, first: &'static str, second: &'static str) -> Result<Option<String>, StoreError> {
    let first = row.text_or_null(first)?.filter(|text| !text.is_empty());
    match first {
        Some(first) => Ok(Some(first)),
        None => row.text_or_null(second),
    }
}

/// The person with this address, staff before customers, for the room's filter.
pub async fn person_by_email(tx: &mut Tx, _may: &CanRead<AuditLog>, email: &str) -> Result<Option<i64>, StoreError> {
    let row = tx
        .row(
            "select id from people where is_staff in (0, 1) and email_key = $1 order by is_staff desc limit 1",
            &[email.trim().to_lowercase().into()],
        )
        .await?;
    row.map(|row| row.int("id")).transpose()
}

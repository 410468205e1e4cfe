//! Tokens that are out, as people and administrators list them by number, and as they end one.
//!
//! A number is a family's: the access token and the refresh token that belong together, whatever pair is the newest. What an app holds
//! for itself is one family, however many access tokens it fetched.

use std::collections::HashMap;

use helpdesk::Error;
use helpdesk::events::{self, Change};
use helpdesk::page::{Column, Order, Page, Query, Slice};
use jiff::Timestamp;
use scope::Dialect;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Apps;
use scope::set::ScopeSet;
use serde_json::json;
use store::{Row, StoreError, Tx, Value, transact};

use crate::clients::numbered::{self, GLOBAL_PREFIX};
use crate::clients::{Status, scope_set};
use crate::families::{self, Because, NewFamily};
use crate::resources::Audience;
use crate::{Provider, consents, secret};

/// When a token ends that has no end: the year 9999, in microseconds.
const WITHOUT_END: i64 = 253_370_764_800_000_000;

/// A pair of tokens, as far as anybody can still see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    /// Of its family.
    pub id: i64,
    /// None for what an app holds for itself.
    pub grant_id: Option<i64>,
    /// Row of `clients`.
    pub client_row: i64,
    pub person_id: i64,
    /// Of the newest access token.
    pub scope: ScopeSet,
    /// First characters; None for tokens from before these were kept.
    pub hint: Option<String>,
    pub refresh_hint: Option<String>,
    /// None: without end.
    pub expires_at: Option<Timestamp>,
    pub refresh_expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// Which tokens.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Of apps that speak it.
    pub dialect: Dialect,
    pub person_id: Option<i64>,
    /// Row of `clients`.
    pub client_row: Option<i64>,
    /// Also those whose time is over, until they are cleaned up.
    pub expired: bool,
}

/// How much an app's tokens are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub client_row: i64,
    pub n_tokens: i64,
    pub last_used_at: Option<Timestamp>,
}

/// An access token to make, without a refresh token.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// What the app speaks.
    pub dialect: Dialect,
    /// Row of `clients`.
    pub client_row: i64,
    /// For whom it is.
    pub person_id: i64,
    pub words: &'a [String],
    /// How long it lives. None: without end.
    pub seconds: Option<i64>,
}

/// Which pair of tokens a call came with, for the calls that are about that pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented {
    pub family_id: i64,
    /// `secret::hash` of the access token.
    pub hash: [u8; 32],
}

const SELECT: &str = "select f.id, f.grant_id, f.client_id, f.person_id, f.scope, f.created_at
     from token_families f join clients c on c.id = f.client_id left join grants g on g.id = f.grant_id
     where f.revoked_at is null and g.revoked_at is null and c.status <> 'deleted'";

/// By number. Served by the primary key, `token_families_by_person` and `token_families_by_client`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    now: Timestamp,
    filter: Filter,
    slice: &Slice,
) -> Result<Page<Issued>, Error> {
    let mut query = Query::new(SELECT);
    query.and("c.dialect =", filter.dialect.word());
    if let Some(person_id) = filter.person_id {
        query.and("f.person_id =", person_id);
    }
    if let Some(client_row) = filter.client_row {
        query.and("f.client_id =", client_row);
    }
    let has_tokens = if filter.expired {
        "exists (select 1 from access_tokens a where a.family_id = f.id)".to_owned()
    } else {
        is_alive(&query.bind(now))
    };
    query.and_text(&has_tokens);
    let order = Order { columns: &[Column::Int("f.id", "id")], descending: false };
    let mut page = query.page(tx, order, slice).await?.try_map(|row| Ok(bare(&row)?))?;
    complete(tx, &mut page.items).await?;
    Ok(page)
}

/// The pair with this number, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Apps>, now: Timestamp, id: i64) -> Result<Issued, Error> {
    one(tx, now, id, None).await?.ok_or(Error::NotFound { kind: "token", id })
}

/// The same if it is this person's.
pub async fn find_own(tx: &mut Tx, now: Timestamp, person_id: i64, id: i64) -> Result<Option<Issued>, Error> {
    one(tx, now, id, Some(person_id)).await
}

/// What a call came with.
pub async fn current(tx: &mut Tx, now: Timestamp, presented: Presented) -> Result<Issued, Error> {
    let id = presented.family_id;
    let mut issued = one(tx, now, id, None).await?.ok_or(Error::NotFound { kind: "token", id })?;
    let row = tx
        .row(
            "select scope, hint, expires_at, created_at, last_used_at as used_at from access_tokens where hash = $1",
            &[presented.hash.as_slice().into()],
        )
        .await?;
    if let Some(row) = row {
        add_access_token(&mut issued, &row)?;
    }
    Ok(issued)
}

/// How many living tokens each of the apps has that are the same in every account. `client_row`: of that one.
pub async fn global_summary(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    now: Timestamp,
    client_row: Option<i64>,
    expired: bool,
) -> Result<Vec<Summary>, Error> {
    let mut query = Query::new(
        "select c.id as client_id, count(distinct f.id) as n_tokens, max(a.last_used_at) as last_used_at
         from clients c join token_families f on f.client_id = c.id join access_tokens a on a.family_id = f.id
         left join grants g on g.id = f.grant_id
         where f.revoked_at is null and g.revoked_at is null and c.status <> 'deleted'",
    );
    query.and("c.client_id >=", GLOBAL_PREFIX);
    query.and("c.client_id <", "zdg.");
    query.and("c.dialect =", Dialect::Zendesk.word());
    if let Some(client_row) = client_row {
        query.and("c.id =", client_row);
    }
    if !expired {
        let now = query.bind(now);
        query.and_text(&is_alive(&now));
    }
    query.sql.push_str(" group by c.id order by c.id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let summary = |row: &Row| {
        Ok(Summary {
            client_row: row.int("client_id")?,
            n_tokens: row.int("n_tokens")?,
            last_used_at: row.time_or_null("last_used_at")?,
        })
    };
    rows.iter().map(summary).collect()
}

impl Provider {
    /// Ends a pair of tokens at once, whosever it is. `NotFound` if it is not alive.
    pub async fn revoke_issued(&self, may: &CanWrite<Apps>, id: i64) -> Result<(), Error> {
        self.end_issued(may.actor(), id, None).await
    }

    /// The same by the person who allowed it.
    pub async fn revoke_own_issued(&self, actor: &Actor, person_id: i64, id: i64) -> Result<(), Error> {
        self.end_issued(actor, id, Some(person_id)).await
    }

    /// Ends what a call came with: the pair, or of what an app holds for itself this access token alone.
    pub async fn revoke_presented(&self, actor: &Actor, presented: Presented) -> Result<(), Error> {
        if actor.grant_id.is_some() {
            return self.end_issued(actor, presented.family_id, None).await;
        }
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let sql = "update access_tokens set revoked_at = $1 where hash = $2 and revoked_at is null";
            tx.run(sql, &[now.into(), presented.hash.as_slice().into()]).await
        })?;
        self.forget_token(&presented.hash);
        Ok(())
    }

    async fn end_issued(&self, actor: &Actor, id: i64, only_of: Option<i64>) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let issued = one(tx, now, id, only_of).await?.ok_or(Error::NotFound { kind: "token", id })?;
            families::revoke(tx, now, id, Because::TokenRevoked).await?;
            let change = Change {
                kind: "token-family-revoked",
                object_type: "TokenFamily",
                object_id: id,
                before: None,
                after: Some(json!({ "because": Because::TokenRevoked.word() })),
                data: Some(json!({ "person_id": issued.person_id, "client": issued.client_row })),
            };
            events::record(tx, actor, now, change).await
        })?;
        self.forget_all();
        Ok(())
    }

    /// Makes an access token, as if its person had allowed the app this much on the consent page. `Invalid` on `client_id` or `scopes`. The
    /// value is not kept.
    pub async fn issue_token(&self, may: &CanWrite<Apps>, new: NewToken<'_>) -> Result<(Issued, String), Error> {
        let now = self.clock.now();
        let value = secret::access_token(&self.random);
        let scope = ScopeSet::parse(&new.words.join(" "))
            .map_err(|_| Error::invalid("scopes", "hold a character that no scope may have"))?;
        if scope.is_empty() {
            return Err(Error::invalid("scopes", "cannot be blank"));
        }
        let expires_at = match new.seconds {
            Some(seconds) => now.as_microsecond().saturating_add(seconds.saturating_mul(1_000_000)).min(WITHOUT_END),
            None => WITHOUT_END,
        };
        let issued = transact!(self.db, |tx| {
            let client = match numbered::living(tx, new.dialect, new.client_row).await {
                Ok(client) if client.status == Status::Active => client,
                Ok(_) | Err(Error::NotFound { .. }) => return Err(Error::invalid("client_id", "is no app that works")),
                Err(error) => return Err(error),
            };
            let beyond = scope.beyond(&client.allowed_scopes, client.dialect);
            if !beyond.is_empty() {
                return Err(Error::invalid("scopes", format!("go beyond what the app is allowed: {beyond}")));
            }
            let audience = Audience::API.text(&self.config.issuer);
            let actor = Actor { person_id: Some(new.person_id), ..may.actor().clone() };
            let grant_id = consents::allow_by_call(tx, &actor, now, &client, &scope, &audience).await?;
            let family = NewFamily {
                client_row: client.id,
                grant_id: Some(grant_id),
                person_id: new.person_id,
                scope: scope.as_str(),
                resources: &audience,
                ..NewFamily::default()
            };
            let id = families::open(tx, now, &family).await?;
            let row: [Value; 7] = [
                secret::hash(&value).as_slice().into(),
                secret::hint(&value).into(),
                id.into(),
                scope.as_str().into(),
                now.into(),
                expires_at.into(),
                audience.as_str().into(),
            ];
            tx.run(
                "insert into access_tokens (hash, hint, family_id, scope, created_at, expires_at, audience)
                 values ($1, $2, $3, $4, $5, $6, $7)",
                &row,
            )
            .await?;
            let mut made = [Issued {
                id,
                grant_id: Some(grant_id),
                client_row: client.id,
                person_id: new.person_id,
                scope: scope.clone(),
                hint: None,
                refresh_hint: None,
                expires_at: None,
                refresh_expires_at: None,
                created_at: now,
                used_at: None,
            }];
            complete(tx, &mut made).await?;
            let [issued] = made;
            Ok(issued)
        })?;
        Ok((issued, value))
    }
}

/// Whether anything of a family can still be used.
fn is_alive(now: &str) -> String {
    format!(
        "(g.expires_at is null or g.expires_at > {now}) and (
             exists (select 1 from access_tokens a where a.family_id = f.id and a.revoked_at is null and a.expires_at > {now})
             or exists (select 1 from refresh_tokens r where r.family_id = f.id and r.used_at is null and r.revoked_at is null
                        and (r.expires_at is null or r.expires_at > {now})))"
    )
}

async fn one(tx: &mut Tx, now: Timestamp, id: i64, only_of: Option<i64>) -> Result<Option<Issued>, Error> {
    let mut query = Query::new(SELECT);
    query.and("f.id =", id);
    if let Some(person_id) = only_of {
        query.and("f.person_id =", person_id);
    }
    let now = query.bind(now);
    query.and_text(&is_alive(&now));
    let Some(row) = tx.row(&query.sql, &query.params).await? else { return Ok(None) };
    let mut found = [bare(&row)?];
    complete(tx, &mut found).await?;
    let [issued] = found;
    Ok(Some(issued))
}

/// What its family says of it.
fn bare(row: &Row) -> Result<Issued, StoreError> {
    Ok(Issued {
        id: row.int("id")?,
        grant_id: row.int_or_null("grant_id")?,
        client_row: row.int("client_id")?,
        person_id: row.int("person_id")?,
        scope: scope_set(row, "scope")?,
        hint: None,
        refresh_hint: None,
        expires_at: None,
        refresh_expires_at: None,
        created_at: row.time("created_at")?,
        used_at: None,
    })
}

/// Adds what the newest tokens say: two queries for a page, however long it is.
async fn complete(tx: &mut Tx, page: &mut [Issued]) -> Result<(), StoreError> {
    if page.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = page.iter().map(|issued| issued.id).collect();
    let mut places: HashMap<i64, &mut Issued> = page.iter_mut().map(|issued| (issued.id, issued)).collect();
    let mut query = Query::new(
        "select a.family_id, a.scope, a.hint, a.created_at, a.expires_at, n.used_at
         from (select family_id, max(created_at) as newest, max(last_used_at) as used_at from access_tokens where 1 = 1",
    );
    query.and_in("family_id", ids.iter().copied());
    query.sql.push_str(
        " group by family_id) n join access_tokens a on a.family_id = n.family_id and a.created_at = n.newest",
    );
    for row in tx.rows(&query.sql, &query.params).await? {
        if let Some(issued) = places.get_mut(&row.int("family_id")?) {
            add_access_token(issued, &row)?;
        }
    }
    let mut query = Query::new(
        "select family_id, hint, expires_at from refresh_tokens where used_at is null and revoked_at is null",
    );
    query.and_in("family_id", ids);
    query.sql.push_str(" order by id");
    for row in tx.rows(&query.sql, &query.params).await? {
        if let Some(issued) = places.get_mut(&row.int("family_id")?) {
            issued.refresh_hint = Some(row.text_or_null("hint")?.unwrap_or_default());
            issued.refresh_expires_at = row.time_or_null("expires_at")?;
        }
    }
    Ok(())
}

fn add_access_token(issued: &mut Issued, row: &Row) -> Result<(), StoreError> {
    issued.scope = scope_set(row, "scope")?;
    issued.hint = row.text_or_null("hint")?;
    issued.expires_at = (row.int("expires_at")? < WITHOUT_END).then(|| row.time("expires_at")).transpose()?;
    issued.created_at = row.time("created_at")?;
    issued.used_at = row.time_or_null("used_at")?;
    Ok(())
}

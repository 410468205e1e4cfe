//! The calls that triggers and automations have alike, for either kind. What is said of a rule: `rules.rs`.

use endpoint::App;
use helpdesk::rules::{self as domain, Rule, Sort, write};
use scope::permit::{CanRead, CanWrite};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::once::once;
use crate::query::Params;
use crate::rules::{self, Kind, view};

/// Those that `keep` lets through; `list` is the name that cursors have of them.
pub(crate) async fn list<S: Sort>(
    app: &App,
    may: &CanRead<S>,
    params: &Params,
    (kind, list): (Kind, &'static str),
    keep: impl Fn(&Rule) -> bool,
) -> Answer {
    let mut tx = app.db.read().await?;
    rules::list(&mut tx, may, (params, app.clock.now()), (kind, list), keep).await
}

pub(crate) async fn show<S: Sort>(app: &App, may: &CanRead<S>, params: &Params, (kind, id): (Kind, i64)) -> Answer {
    let mut tx = app.db.read().await?;
    let found = domain::find(&mut tx, may, id).await?;
    let mut shown = [view(&params.site, kind, &found)];
    rules::beside(&mut tx, may, (params, app.clock.now()), &mut shown).await?;
    let [shown] = shown;
    Ok(Reply::one(kind.name(), rules::keyed(&mut tx, may, shown).await?))
}

pub(crate) async fn create<S: Sort>(app: &App, may: &CanWrite<S>, params: &Params, body: &Body, kind: Kind) -> Answer {
    let mut fields = body.record(kind.name())?;
    fields.require("title");
    fields.require("actions");
    let sent = rules::read(&mut fields, kind);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let made = rules::create(tx, may, now, &sent, kind).await?;
        Reply::created(kind.name(), rules::keyed(tx, may, view(&params.site, kind, &made)).await?)
    })
}

pub(crate) async fn update<S: Sort>(
    app: &App,
    may: &CanWrite<S>,
    params: &Params,
    body: &Body,
    (kind, id): (Kind, i64),
) -> Answer {
    let mut fields = body.record(kind.name())?;
    let sent = rules::read(&mut fields, kind);
    fields.finish()?;
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        let changed = rules::update(tx, may, now, id, &sent, kind).await?;
        rules::keyed(tx, may, view(&params.site, kind, &changed)).await
    })?;
    Ok(Reply::one(kind.name(), changed))
}

/// All of them, or none.
pub(crate) async fn delete<S: Sort>(app: &App, may: &CanWrite<S>, ids: &[i64]) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        for id in ids {
            write::delete(tx, may, now, *id).await?;
        }
        Ok::<_, ZendeskError>(())
    })?;
    Ok(Reply::empty())
}

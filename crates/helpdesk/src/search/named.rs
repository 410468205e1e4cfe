//! Staff, teams, tags and integrations by name. They are few: all of a kind are read, up to a bound, and ranked.

use scope::permit::CanRead;
use scope::resource::{Integrations, Tags, Teams, Users};
use store::{Row, Tx};

use super::{rank_of_all, words};
use crate::Error;
use crate::integrations::{self as all_integrations, Integration};
use crate::page::Slice;
use crate::tags::{self as all_tags, Tag};
use crate::teams::Team;

/// Most of a kind that are read. The most used tags come first.
const READ_MAX: i64 = 5_000;
/// Integrations are larger.
const INTEGRATIONS_MAX: usize = 1_000;

/// One of the staff, as found.
#[derive(Debug, Clone)]
pub struct Agent {
    pub id: i64,
    pub name: Option<String>,
    pub email: Option<String>,
    pub firstname: String,
    pub lastname: String,
}

/// Staff by name or address, best first. Empty text finds the newest.
pub async fn agents(tx: &mut Tx, _may: &CanRead<Users>, text: &str, limit: usize) -> Result<Vec<Agent>, Error> {
    let sql = "select id, name, email, firstname, lastname from people
               where is_staff = 1 and deleted_at is null order by created_at desc, id desc limit $1";
    let mut all = Vec::new();
    for row in tx.rows(sql, &[READ_MAX.into()]).await? {
        all.push(Agent {
            id: row.int("id")?,
            name: row.text_or_null("name")?,
            email: row.text_or_null("email")?,
            firstname: row.text("firstname")?,
            lastname: row.text("lastname")?,
        });
    }
    Ok(best(all, text, limit, |agent| {
        format!("{} {}", agent.name.as_deref().unwrap_or_default(), agent.email.as_deref().unwrap_or_default())
    }))
}

/// Teams by name, best first.
pub async fn teams(tx: &mut Tx, _may: &CanRead<Teams>, text: &str, limit: usize) -> Result<Vec<Team>, Error> {
    let sql = "select id, name, description, decoration, is_public, created_at, updated_at from teams order by created_at desc, id desc limit $1";
    let rows = tx.rows(sql, &[READ_MAX.into()]).await?;
    let all = rows.iter().map(Team::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(best(all, text, limit, |team| team.name.clone()))
}

/// Tags by name, best first; of equally good ones the most used. Empty text finds the newest.
pub async fn tags(tx: &mut Tx, _may: &CanRead<Tags>, text: &str, limit: usize) -> Result<Vec<Tag>, Error> {
    let by = if words::of(text).is_empty() { "g.created_at desc, g.id desc" } else { "g.usage desc, g.name desc" };
    let sql = format!("{} order by {by} limit $1", all_tags::SELECT);
    let rows: Vec<Row> = tx.rows(&sql, &[READ_MAX.into()]).await?;
    let all = rows.iter().map(Tag::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(best(all, text, limit, |tag| tag.name.clone()))
}

/// Integrations by name, best first.
pub async fn integrations(
    tx: &mut Tx,
    may: &CanRead<Integrations>,
    text: &str,
    limit: usize,
) -> Result<Vec<Integration>, Error> {
    let newest = Slice { limit: INTEGRATIONS_MAX, from: None };
    let all = all_integrations::list(tx, may, None, true, &newest).await?.items;
    Ok(best(all, text, limit, |integration| integration.name.clone()))
}

/// The best of them, in the order given where they are equally good. All, if nothing is looked for.
fn best<T>(all: Vec<T>, text: &str, limit: usize, name: impl Fn(&T) -> String) -> Vec<T> {
    let asked = words::of(text);
    let whole = text.trim().to_lowercase();
    let mut found: Vec<(u32, T)> = Vec::new();
    for item in all {
        let name = name(&item);
        let is_part = name.to_lowercase().contains(&whole);
        if let Some(rank) = rank_of_all(&asked, &name).or(is_part.then_some(1)) {
            found.push((rank, item));
        }
    }
    // Stable: what came first stays first.
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().take(limit).map(|(_, item)| item).collect()
}

//! Texts with a version for each language. Other texts name them as `{{dc.name}}` and get the one in the customer's language.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::DynamicContent as Resource;
use serde_json::{Map, Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::account::filled;
use crate::page::{Column, Order, Page, Query, Slice};
use crate::{Error, events};

/// Longest name and longest text, in characters.
pub const NAME_MAX_CHARS: usize = 255;
pub const CONTENT_MAX_CHARS: usize = 65_536;
/// Most versions of one text.
const VARIANTS_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub id: i64,
    pub name: String,
    /// What stands behind `dc.`: made of the first name, and never changed.
    pub placeholder: String,
    /// By id. One of them is the default.
    pub variants: Vec<Variant>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    pub id: i64,
    pub item_id: i64,
    /// Such as `en-US`.
    pub locale: String,
    pub content: String,
    /// Others are not used.
    pub active: bool,
    /// Used where there is none in the customer's language.
    pub is_default: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A version to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewVariant {
    pub locale: String,
    pub content: String,
    pub active: bool,
    pub is_default: bool,
}

/// What a call changes of a version. None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct VariantChanges {
    pub locale: Option<String>,
    pub content: Option<String>,
    pub active: Option<bool>,
    pub is_default: Option<bool>,
}

const ITEMS: &str =
    "select i.id, i.name, i.placeholder, i.created_at, i.updated_at from dynamic_contents i where 1 = 1";
const VARIANTS: &str =
    "select v.id, v.content_id, v.locale, v.content, v.active, v.is_default, v.created_at, v.updated_at
                        from dynamic_content_variants v where 1 = 1";
const BY_ID: Order = Order { columns: &[Column::Int("i.id", "id")], descending: false };

/// Items by id with their versions, in two statements. Served by the primary key and `dynamic_content_variants_by_locale`.
pub async fn list(tx: &mut Tx, _may: &CanRead<Resource>, slice: &Slice) -> Result<Page<Item>, Error> {
    let page = Query::new(ITEMS).page(tx, BY_ID, slice).await?;
    filled_page(tx, page).await
}

/// Those with these placeholders. Served by `dynamic_contents_by_placeholder`.
pub async fn named(tx: &mut Tx, _may: &CanRead<Resource>, placeholders: &[String]) -> Result<Vec<Item>, Error> {
    let mut query = Query::new(ITEMS);
    query.and_in("i.placeholder", placeholders.iter().map(String::as_str));
    let slice = Slice { limit: placeholders.len().max(1), from: None };
    let page = query.page(tx, BY_ID, &slice).await?;
    Ok(filled_page(tx, page).await?.items)
}

/// The item with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Resource>, id: i64) -> Result<Item, Error> {
    read(tx, id).await
}

/// Adds an item with its versions, of which one must be the default. `Taken` if there is one of this name.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Resource>,
    now: Timestamp,
    name: &str,
    variants: &[NewVariant],
) -> Result<Item, Error> {
    let name = filled("name", name, NAME_MAX_CHARS)?;
    if variants.iter().filter(|variant| variant.is_default).count() != 1 {
        return Err(Error::invalid("variants", "must have one default"));
    }
    if VARIANTS_MAX < variants.len() {
        return Err(Error::invalid("variants", format!("has more than {VARIANTS_MAX} items")));
    }
    let row = tx
        .row(
            "insert into dynamic_contents (name, placeholder, created_at, updated_at) values ($1, $2, $3, $3)
             on conflict (placeholder) do nothing returning id",
            &[name.into(), placeholder_of(name).into(), now.into()],
        )
        .await?;
    let id = row.ok_or(Error::Taken { kind: "dynamic content", field: "name" })?.int("id")?;
    for variant in variants {
        insert(tx, now, id, variant).await?;
    }
    let item = read(tx, id).await?;
    record(tx, may.actor(), now, ("dynamic-content-created", id), (None, Some(item.facts()))).await?;
    Ok(item)
}

/// Gives it another name. What other texts call it by stays.
pub async fn rename(tx: &mut Tx, may: &CanWrite<Resource>, now: Timestamp, id: i64, name: &str) -> Result<Item, Error> {
    let before = take(tx, id).await?;
    let name = filled("name", name, NAME_MAX_CHARS)?;
    tx.run(
        "update dynamic_contents set name = $1, updated_at = $2 where id = $3",
        &[name.into(), now.into(), id.into()],
    )
    .await?;
    changed(tx, may.actor(), now, &before).await
}

/// Deletes it with its versions. Where it is named, nothing stands any more.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Resource>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    tx.run("delete from dynamic_contents where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("dynamic-content-deleted", id), (Some(gone.facts()), None)).await
}

/// The versions of an item by id, or `NotFound`.
pub async fn variants(
    tx: &mut Tx,
    _may: &CanRead<Resource>,
    item_id: i64,
    slice: &Slice,
) -> Result<(Item, Page<Variant>), Error> {
    let item = read(tx, item_id).await?;
    let mut query = Query::new(VARIANTS);
    query.and("v.content_id =", item_id);
    let order = Order { columns: &[Column::Int("v.id", "id")], descending: false };
    let page = query.page(tx, order, slice).await?.try_map(|row| Variant::from_row(&row))?;
    Ok((item, page))
}

/// Adds a version, and answers its id. `Taken` if there is one in its language.
pub async fn create_variant(
    tx: &mut Tx,
    may: &CanWrite<Resource>,
    now: Timestamp,
    item_id: i64,
    new: &NewVariant,
) -> Result<(i64, Item), Error> {
    let before = take(tx, item_id).await?;
    if VARIANTS_MAX <= before.variants.len() {
        return Err(Error::Refused(format!("There are {VARIANTS_MAX} variants already, and no room for more.")));
    }
    if new.is_default {
        resign(tx, item_id).await?;
    }
    let id = insert(tx, now, item_id, new).await?;
    Ok((id, changed(tx, may.actor(), now, &before).await?))
}

/// Changes what was sent of a version. The default one stays the default until another one is made it, and active.
pub async fn update_variant(
    tx: &mut Tx,
    may: &CanWrite<Resource>,
    now: Timestamp,
    (item_id, id): (i64, i64),
    changes: &VariantChanges,
) -> Result<Item, Error> {
    let before = take(tx, item_id).await?;
    let old = before.variant(id)?;
    let mut new = NewVariant {
        locale: changes.locale.clone().unwrap_or(old.locale.clone()),
        content: changes.content.clone().unwrap_or(old.content.clone()),
        active: changes.active.unwrap_or(old.active),
        is_default: old.is_default || changes.is_default.unwrap_or_default(),
    };
    check(&new)?;
    if new.is_default && !old.is_default {
        resign(tx, item_id).await?;
    }
    let written = tx
        .run(
            "update dynamic_content_variants set locale = $1, content = $2, active = $3, is_default = $4, updated_at = $5 where id = $6",
            &[
                std::mem::take(&mut new.locale).into(),
                std::mem::take(&mut new.content).into(),
                new.active.into(),
                new.is_default.into(),
                now.into(),
                id.into(),
            ],
        )
        .await;
    taken(written)?;
    changed(tx, may.actor(), now, &before).await
}

/// Deletes a version. `InUse` for the default one.
pub async fn delete_variant(
    tx: &mut Tx,
    may: &CanWrite<Resource>,
    now: Timestamp,
    (item_id, id): (i64, i64),
) -> Result<(), Error> {
    let before = take(tx, item_id).await?;
    if before.variant(id)?.is_default {
        let problem = "The default variant cannot be deleted: make another one the default first.".to_owned();
        return Err(Error::InUse { kind: "dynamic content variant", id, problem });
    }
    tx.run("delete from dynamic_content_variants where id = $1", &[id.into()]).await?;
    changed(tx, may.actor(), now, &before).await.map(|_| ())
}

/// What `dc` is in these texts for somebody of this language: the contents that they name. Nothing is read if they name none.
pub(crate) async fn named_in<'a>(
    tx: &mut Tx,
    language: Option<&str>,
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<Map<String, Json>, Error> {
    let names: BTreeSet<&str> = texts.into_iter().flat_map(names_in).collect();
    if names.is_empty() {
        return Ok(Map::new());
    }
    let mut query = Query::new(
        "select i.placeholder, v.locale, v.content, v.is_default
         from dynamic_contents i join dynamic_content_variants v on v.content_id = i.id where v.active = 1",
    );
    query.and_in("i.placeholder", names);
    query.sql.push_str(" order by v.id");
    let mut best: HashMap<String, (u8, String)> = HashMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        let fits = fitness(&row.text("locale")?, language, row.flag("is_default")?);
        let known = best.entry(row.text("placeholder")?).or_insert((0, String::new()));
        if known.0 < fits {
            *known = (fits, row.text("content")?);
        }
    }
    Ok(best.into_iter().map(|(name, (_, content))| (name, json!(content))).collect())
}

/// How well a version suits somebody: their very locale, their language, the default; 0 is not at all.
fn fitness(locale: &str, wanted: Option<&str>, is_default: bool) -> u8 {
    let language = |locale: &str| locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    match wanted {
        Some(wanted) if wanted.eq_ignore_ascii_case(locale) => 3,
        Some(wanted) if language(wanted) == language(locale) => 2,
        _ => u8::from(is_default),
    }
}

/// The names behind `dc.` in a text.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("dc.").filter_map(|(at, mark)| {
        let name = &text[at + mark.len()..];
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        Some(&name[..end]).filter(|name| !name.is_empty())
    })
}

/// `Welcome, friend` is `welcome_friend`.
fn placeholder_of(name: &str) -> String {
    let mut placeholder = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            placeholder.push(c);
        } else if !placeholder.ends_with('_') {
            placeholder.push('_');
        }
    }
    let trimmed = placeholder.trim_matches('_');
    // A name in a template begins with a letter.
    if trimmed.starts_with(|c: char| c.is_ascii_alphabetic()) { trimmed.to_owned() } else { format!("text_{trimmed}") }
}

async fn insert(tx: &mut Tx, now: Timestamp, item_id: i64, new: &NewVariant) -> Result<i64, Error> {
    check(new)?;
    let row = tx
        .row(
            "insert into dynamic_content_variants (content_id, locale, content, active, is_default, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $6) on conflict (content_id, locale) do nothing returning id",
            &[
                item_id.into(),
                new.locale.as_str().into(),
                new.content.as_str().into(),
                new.active.into(),
                new.is_default.into(),
                now.into(),
            ],
        )
        .await?;
    Ok(row.ok_or(Error::Taken { kind: "dynamic content variant", field: "locale_id" })?.int("id")?)
}

fn check(new: &NewVariant) -> Result<(), Error> {
    if new.content.trim().is_empty() || CONTENT_MAX_CHARS < new.content.chars().count() {
        return Err(Error::invalid("content", format!("must have 1 to {CONTENT_MAX_CHARS} characters")));
    }
    if new.is_default && !new.active {
        return Err(Error::invalid("active", "must be true for the default variant"));
    }
    Ok(())
}

fn taken(written: Result<u64, StoreError>) -> Result<(), Error> {
    match written {
        Ok(_) => Ok(()),
        Err(StoreError::NotUnique(_)) => Err(Error::Taken { kind: "dynamic content variant", field: "locale_id" }),
        Err(error) => Err(error.into()),
    }
}

/// The one that was the default no longer is.
async fn resign(tx: &mut Tx, item_id: i64) -> Result<(), Error> {
    let sql = "update dynamic_content_variants set is_default = 0 where content_id = $1 and is_default = 1";
    tx.run(sql, &[item_id.into()]).await?;
    Ok(())
}

/// The row until the end of the transaction: of two changes at once, the second sees the first.
async fn take(tx: &mut Tx, id: i64) -> Result<Item, Error> {
    tx.run("update dynamic_contents set updated_at = updated_at where id = $1", &[id.into()]).await?;
    read(tx, id).await
}

/// Says to the log what became of it, if anything did.
async fn changed(tx: &mut Tx, actor: &Actor, now: Timestamp, before: &Item) -> Result<Item, Error> {
    let after = read(tx, before.id).await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    if new != json!({}) {
        record(tx, actor, now, ("dynamic-content-updated", before.id), (Some(old), Some(new))).await?;
    }
    Ok(after)
}

async fn read(tx: &mut Tx, id: i64) -> Result<Item, Error> {
    let mut query = Query::new(ITEMS);
    query.and("i.id =", id);
    let page = query.page(tx, BY_ID, &Slice { limit: 1, from: None }).await?;
    filled_page(tx, page).await?.items.pop().ok_or(Error::NotFound { kind: "dynamic content", id })
}

async fn filled_page(tx: &mut Tx, page: Page<Row>) -> Result<Page<Item>, Error> {
    let mut page = page.try_map(|row| Item::from_row(&row))?;
    if page.items.is_empty() {
        return Ok(page);
    }
    let mut query = Query::new(VARIANTS);
    query.and_in("v.content_id", page.items.iter().map(|item| item.id));
    query.sql.push_str(" order by v.id");
    for row in tx.rows(&query.sql, &query.params).await? {
        let variant = Variant::from_row(&row)?;
        if let Some(item) = page.items.iter_mut().find(|item| item.id == variant.item_id) {
            item.variants.push(variant);
        }
    }
    Ok(page)
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = events::Change { kind, object_type: "DynamicContent", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl Item {
    /// The version with this id, or `NotFound`.
    pub fn variant(&self, id: i64) -> Result<&Variant, Error> {
        let found = self.variants.iter().find(|variant| variant.id == id);
        found.ok_or(Error::NotFound { kind: "dynamic content variant", id })
    }

    /// The default version. There always is one.
    pub fn default(&self) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.is_default)
    }

    /// Whether the default version was changed after this one.
    pub fn is_outdated(&self, variant: &Variant) -> bool {
        self.default().is_some_and(|default| variant.updated_at < default.updated_at)
    }

    /// What events tell of it.
    fn facts(&self) -> Json {
        let variants = self.variants.iter().map(|variant| {
            let facts =
                json!({ "content": variant.content, "active": variant.active, "is_default": variant.is_default });
            (variant.locale.clone(), facts)
        });
        json!({ "name": self.name, "placeholder": self.placeholder, "variants": Json::Object(variants.collect()) })
    }

    fn from_row(row: &Row) -> Result<Item, Error> {
        Ok(Item {
            id: row.int("id")?,
            name: row.text("name")?,
            placeholder: row.text("placeholder")?,
            variants: Vec::new(),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl Variant {
    fn from_row(row: &Row) -> Result<Variant, Error> {
        Ok(Variant {
            id: row.int("id")?,
            item_id: row.int("content_id")?,
            locale: row.text("locale")?,
            content: row.text("content")?,
            active: row.flag("active")?,
            is_default: row.flag("is_default")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_placeholders_and_are_found_again() {
        assert_eq!(placeholder_of("Welcome, friend!"), "welcome_friend");
        assert_eq!(placeholder_of("24 hours"), "text_24_hours");
        assert_eq!(placeholder_of("Ärger"), "rger");
        let named: Vec<&str> = names_in("{{dc.welcome_friend}} and {{ dc.bye }}. dc. {{ticket.id}}").collect();
        assert_eq!(named, ["welcome_friend", "bye"]);
    }

    #[test]
    fn the_very_locale_suits_best_then_the_language_then_the_default() {
        assert_eq!(fitness("pt-BR", Some("pt-br"), false), 3);
        assert_eq!(fitness("pt-BR", Some("pt"), true), 2);
        assert_eq!(fitness("en-US", Some("fr"), true), 1);
        assert_eq!(fitness("de", None, false), 0);
    }
}

//! Tags that people, organizations and segments of people have in their own row, as a list of names. Those of tickets: `tickets/tags.rs`.

use serde_json::json;
use store::{Row, Tx};

use crate::custom_fields::Labels;
use crate::{Error, search};

/// Most tags of one record, and the longest one, in characters.
pub(crate) const TAGS_MAX: usize = 500;
const TAG_MAX_CHARS: usize = 256;

/// Names in lower case, each once, by name. `Invalid` on `tags`.
pub(crate) fn clean_tags(tags: &[String]) -> Result<Vec<String>, Error> {
    let mut clean: Vec<String> =
        tags.iter().map(|tag| tag.trim().to_lowercase()).filter(|tag| !tag.is_empty()).collect();
    clean.sort();
    clean.dedup();
    if TAGS_MAX < clean.len() {
        return Err(Error::invalid("tags", format!("Longer than maximum length {TAGS_MAX}.")));
    }
    if clean.iter().any(|tag| TAG_MAX_CHARS < tag.chars().count() || tag.contains('\0')) {
        return Err(Error::invalid("tags", format!("A tag is longer than maximum length {TAG_MAX_CHARS}.")));
    }
    Ok(clean)
}

/// The names in a JSON array, as stored.
pub(crate) fn tags_of(row: &Row) -> Result<Vec<String>, Error> {
    let tags = row.json("tags")?.and_then(|tags| serde_json::from_value(tags).ok());
    Ok(tags.unwrap_or_default())
}

/// Puts the tags on somebody and takes those off that come with values of fields, without an event. The tags before and after, if they differ.
/// Whoever calls holds the row.
pub(crate) async fn relabel(
    tx: &mut Tx,
    id: i64,
    labels: &Labels,
) -> Result<Option<(Vec<String>, Vec<String>)>, Error> {
    if labels.is_empty() {
        return Ok(None);
    }
    let row = tx.row("select tags from people where id = $1", &[id.into()]).await?;
    let before = tags_of(&row.ok_or(Error::NotFound { kind: "user", id })?)?;
    let after = clean_tags(&labels.put_on(&before))?;
    if after == before {
        return Ok(None);
    }
    tx.run("update people set tags = $1 where id = $2", &[json!(after).into(), id.into()]).await?;
    search::index_person(tx, id).await?;
    Ok(Some((before, after)))
}

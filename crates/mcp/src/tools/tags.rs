//! Tools about tags.

use ::endpoint::App;
use helpdesk::tags::{self, Sort};
use schemars::JsonSchema;
use scope::permit::CanRead;
use scope::resource::Tags;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::cursor;
use crate::tool::Failed;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Part of the name, in any case.
    search: Option<String>,
    /// How many, from 1 to 50. 20 if left out.
    limit: Option<u32>,
    /// next_cursor of the answer before.
    cursor: Option<String>,
}

pub(super) async fn list(app: App, may: CanRead<Tags>, asked: List) -> Result<Json, Failed> {
    let slice = cursor::slice(asked.limit, asked.cursor.as_deref())?;
    let mut tx = app.db.read().await?;
    let page = tags::list(&mut tx, &may, asked.search.as_deref(), Sort::Created, true, &slice).await?;
    Ok(cursor::answer(
        "tags",
        &page,
        |tag| json!({ "id": tag.id, "name": tag.name, "description": tag.description, "n_tickets": tag.usage }),
    ))
}

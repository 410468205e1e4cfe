//! Tickets by the values of a field of the account's own. The values are what they are now: they are read where they are kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use store::Tx;

use super::ask;
use super::counts::QUARTER;
use super::scopes::Dimension;
use super::sources::{self, Source};
use super::{Filter, Question, Starts};
use crate::Error;
use crate::custom_fields::texts_of;
use crate::page::Query;

/// The name of the scope whose rows come from here.
pub(super) const SCOPE: &str = "ticket-fields";
const UPDATED: &str = "updatedDatetime";

/// One row a value, and a time where times are told apart. Served by `ticket_field_values_by_text` and its like.
pub(super) async fn rows(tx: &mut Tx, question: &Question) -> Result<Vec<Map<String, Json>>, Error> {
    let time = if question.grain.is_some_and(|(name, _)| name == UPDATED) { "v.updated_at" } else { "f.created_at" };
    let by_value = question.dimensions.contains(&Dimension::FieldValue);
    let mut columns = Vec::new();
    if question.grain.is_some() {
        columns.push(format!("{time} / {QUARTER} as quarter"));
    }
    if by_value {
        columns.extend(
            ["text_value", "number_value", "flag_value", "list_value"].map(|column| format!("v.{column} as {column}")),
        );
    }
    let select: String = columns.iter().map(|column| format!("{column}, ")).collect();
    let mut query = Query::new(&format!(
        "select {select}count(*) as n from ticket_field_values v join statistics_tickets f on f.ticket_id = v.ticket_id
         where f.counted = 1"
    ));
    for filter in &question.filters {
        if let Filter::Field(ids) = filter {
            query.and_in("v.field_id", ids.iter().copied());
        }
    }
    ask::narrow(question, &Source { time, ..sources::CREATED }, &mut query);
    if !columns.is_empty() {
        query.sql.push_str(&ask::group_by_first(columns.len()));
    }
    let mut starts = Starts::default();
    let mut found: BTreeMap<(String, String), (Json, i64)> = BTreeMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        let at = match question.grain {
            Some((_, granularity)) => starts.of(row.int("quarter")?, granularity, &question.timezone),
            None => String::new(),
        };
        // Of a value that is several texts each counts.
        let values = if !by_value {
            vec![Json::Null]
        } else if let Some(text) = row.text_or_null("text_value")? {
            vec![json!(text)]
        } else if let Some(list) = row.text_or_null("list_value")? {
            texts_of(&list).into_iter().map(Json::String).collect()
        } else if let Some(number) = row.real_or_null("number_value")? {
            vec![super::number(number)]
        } else {
            vec![row.int_or_null("flag_value")?.map_or(Json::Null, |flag| json!(flag == 1))]
        };
        for value in values {
            found.entry((at.clone(), value.to_string())).or_insert((value, 0)).1 += row.int("n")?;
        }
    }
    let row = |((at, _), (value, n)): ((String, String), (Json, i64))| {
        let mut row = Map::new();
        if let Some((name, _)) = question.grain {
            row.insert(name.to_owned(), json!(at));
        }
        if by_value {
            row.insert(Dimension::FieldValue.name().to_owned(), value);
        }
        for measure in &question.measures {
            row.insert(measure.name.to_owned(), json!(n));
        }
        row
    };
    Ok(found.into_iter().filter(|(_, (_, n))| *n != 0 || columns.is_empty()).map(row).collect())
}

//! Macros as lines of a CSV file. What `write` writes, `read` reads as it was; the same columns can be filled in by hand.
//!
//! What a macro does stands in one of two columns: `app_actions` in the words of the app that wrote it, checked as if the app had sent it
//! again, or `actions` in ours.

use csv::{ByteRecord, StringRecord};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::cells::{harmless, plain, write_record};
use super::run::ReadActions;
use crate::Error;
use crate::actions::Action;
use crate::macros::write::{NewMacro, TakenOver};
use crate::macros::{ACTIONS_MAX, EXTERNAL_ID_MAX_CHARS, INTENTS, Macro};

/// `id` is for the reader of the table; a macro that is read gets a new one.
const COLUMNS: [&str; 12] = [
    "id",
    "external_id",
    "name",
    "description",
    "intent",
    "language",
    "usage",
    "created_at",
    "updated_at",
    "archived_at",
    "actions",
    "app_actions",
];
const LANGUAGE_MAX_CHARS: usize = 16;

/// What a file begins with.
pub(super) fn begin(out: &mut Vec<u8>) -> Result<(), Error> {
    write_record(out, &COLUMNS.map(str::to_owned))
}

pub(super) fn write(one: &Macro, out: &mut Vec<u8>) -> Result<(), Error> {
    let actions = match one.source {
        Some(_) => None,
        None => Some(serde_json::to_string(&one.actions).map_err(|_| store::StoreError::Column("actions"))?),
    };
    let cells = [
        one.id.to_string(),
        harmless(one.external_id.clone()),
        harmless(Some(one.name.clone())),
        harmless(one.description.clone()),
        one.intent.clone().unwrap_or_default(),
        one.language.clone().unwrap_or_default(),
        one.usage.to_string(),
        one.created_at.to_string(),
        one.updated_at.to_string(),
        one.archived_at.map(|at| at.to_string()).unwrap_or_default(),
        actions.unwrap_or_default(),
        one.source.as_ref().map(Json::to_string).unwrap_or_default(),
    ];
    write_record(out, &cells)
}

/// Where a file has which of `COLUMNS`. Others may stand between them.
pub(super) struct Places([Option<usize>; COLUMNS.len()]);

impl Places {
    /// `Refused` if a file with these headings cannot be one of macros.
    pub(super) fn of(headings: &ByteRecord) -> Result<Places, Error> {
        let places = Places(COLUMNS.map(|name| headings.iter().position(|it| it.trim_ascii() == name.as_bytes())));
        let has = |name: &str| places.at(name).is_some();
        if has("name") && (has("actions") || has("app_actions")) {
            Ok(places)
        } else {
            Err(Error::Refused("The file needs the columns name, and actions or app_actions.".to_owned()))
        }
    }

    fn at(&self, name: &str) -> Option<usize> {
        let index = COLUMNS.iter().position(|column| *column == name)?;
        self.0.get(index).copied().flatten()
    }
}

/// A macro to be. An error says what is wrong with the row.
pub(super) fn read(
    record: ByteRecord,
    places: &Places,
    read_actions: ReadActions,
    job_id: i64,
) -> Result<NewMacro, String> {
    let record = StringRecord::from_byte_record(record).map_err(|_| "The row is not UTF-8.".to_owned())?;
    let cell = |name: &str| {
        let text = places.at(name).and_then(|at| record.get(at)).map(plain);
        text.filter(|text| !text.is_empty())
    };
    // What no database keeps, as it is and as JSON writes it.
    if record.iter().any(|text| text.contains('\0') || text.contains("\\u0000")) {
        return Err("The row holds a character of the number 0.".to_owned());
    }
    let text = |name: &str, max: usize| match cell(name) {
        Some(text) if max < text.chars().count() => Err(format!("{name}: Longer than maximum length {max}.")),
        other => Ok(other.map(str::to_owned)),
    };
    let intent = match cell("intent") {
        Some(intent) if !INTENTS.contains(&intent) => return Err(format!("intent: {intent} is none.")),
        other => other.map(str::to_owned),
    };
    let (source, actions) = actions(cell("actions"), cell("app_actions"), read_actions)?;
    Ok(NewMacro {
        external_id: text("external_id", EXTERNAL_ID_MAX_CHARS)?,
        name: cell("name").unwrap_or_default().to_owned(),
        // `create` checks how long it is.
        description: cell("description").map(str::to_owned),
        intent,
        language: text("language", LANGUAGE_MAX_CHARS)?,
        source,
        actions,
        taken_over: Some(TakenOver {
            job_id,
            usage: cell("usage").map_or(Ok(0), usage)?,
            created_at: time("created_at", cell("created_at"))?,
            updated_at: time("updated_at", cell("updated_at"))?,
            archived_at: time("archived_at", cell("archived_at"))?,
        }),
    })
}

fn actions(
    ours: Option<&str>,
    of_app: Option<&str>,
    read_actions: ReadActions,
) -> Result<(Option<Json>, Vec<Action>), String> {
    match (ours, of_app) {
        (Some(_), Some(_)) => Err("Only one of actions and app_actions may be filled in.".to_owned()),
        (None, None) => Err("One of actions and app_actions must be filled in.".to_owned()),
        (Some(text), None) => {
            let actions: Vec<Action> = serde_json::from_str(text).map_err(|error| format!("actions: {error}."))?;
            if ACTIONS_MAX < actions.len() {
                return Err(format!("actions: Longer than maximum length {ACTIONS_MAX}."));
            }
            Ok((None, actions))
        }
        (None, Some(text)) => {
            let sent: Json = serde_json::from_str(text).map_err(|error| format!("app_actions: {error}."))?;
            let (source, actions) = read_actions(&sent).map_err(|problem| format!("app_actions: {problem}"))?;
            Ok((Some(source), actions))
        }
    }
}

fn usage(text: &str) -> Result<i64, String> {
    text.parse::<u32>().map(i64::from).map_err(|_| "usage: Not a valid number of uses.".to_owned())
}

fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, String> {
    let parse = |text: &str| match text.parse::<Timestamp>() {
        Ok(at) if Timestamp::UNIX_EPOCH <= at => Ok(at),
        _ => Err(format!("{name}: Not a valid datetime: {text}.")),
    };
    text.map(parse).transpose()
}

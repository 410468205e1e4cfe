//! What an app sends of itself, read strictly: known members have the right JSON type and no repeats, unknown ones are ignored (RG-3, RG-5).

use helpdesk::Error;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value as Json};

/// Longest text of a member, in bytes. Each has a smaller bound of its own.
const TEXT_MAX_BYTES: usize = 4096;
/// Most entries of a list.
const LIST_MAX: usize = 200;

/// The members of the object, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Members(Map<String, Json>);

impl Members {
    /// `Invalid` on `body`.
    pub(super) fn read(body: &[u8]) -> Result<Members, Error> {
        let Object(members) = serde_json::from_slice(body)
            .map_err(|_| Error::invalid("body", "must be one JSON object in UTF-8, with each member once"))?;
        let mut all = Map::new();
        for (name, value) in members {
            if all.insert(name.clone(), value).is_some() {
                let name: String = name.chars().take(60).collect();
                return Err(Error::invalid("body", format!("the member {name} stands in it twice")));
            }
        }
        Ok(Members(all))
    }

    /// Of JSON that was read already. `Invalid` on `body`.
    pub(super) fn of(value: Json) -> Result<Members, Error> {
        match value {
            Json::Object(all) => Ok(Members(all)),
            _ => Err(Error::invalid("body", "must be an object")),
        }
    }

    /// Puts a member in the place of what was sent, as a software statement does (RFC 7591, section 2.3).
    pub(super) fn replace(&mut self, name: String, value: Json) {
        self.0.insert(name, value);
    }

    /// Those that were sent, with `null` counted as not sent.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text; an empty one counts as not sent.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::String(text)) if text.len() <= TEXT_MAX_BYTES => {
                Ok(Some(text.clone()).filter(|text| !text.is_empty()))
            }
            Some(Json::String(_)) => Err(Error::invalid(name, "is too long")),
            Some(_) => Err(Error::invalid(name, "must be a text")),
        }
    }

    /// A list of texts, each once.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let list = value.as_array().ok_or_else(|| Error::invalid(name, "must be a list of texts"))?;
        if LIST_MAX < list.len() {
            return Err(Error::invalid(name, format!("may have at most {LIST_MAX} entries")));
        }
        let mut texts: Vec<String> = Vec::with_capacity(list.len());
        for value in list {
            match value {
                Json::String(text) if texts.contains(text) => {
                    return Err(Error::invalid(name, "names something twice"));
                }
                Json::String(text) if text.is_empty() => return Err(Error::invalid(name, "holds an empty text")),
                Json::String(text) => texts.push(text.clone()),
                _ => return Err(Error::invalid(name, "must be a list of texts, without gaps")),
            }
        }
        Ok(Some(texts))
    }

    /// False where it was not sent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Error::invalid(name, "must be true or false")),
        }
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => {
                value.as_i64().map(Some).ok_or_else(|| Error::invalid(name, "must be a whole number of seconds"))
            }
        }
    }

    /// Names with values of all members that carry a language, such as `client_name#de`.
    pub(super) fn localized(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.0.iter().filter(|(name, value)| name.contains('#') && !value.is_null())
    }
}

/// An object with its repeated members, which a map would drop.
struct Object(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Object, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        reader.deserialize_map(All)
    }
}

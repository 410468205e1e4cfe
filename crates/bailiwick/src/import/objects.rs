//! The objects of a JSON file, one after the other, without holding the file: one a line, in a list, or in the lists of one object
//! (`{"tickets": [...], "users": [...]}`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use helpdesk::jobs::import::{Content, Row};
use serde_json::Value;

use super::ROW_BYTES_MAX;

/// Lists of objects that a file's one object may hold.
const LISTS: [&str; 4] = ["tickets", "data", "users", "customers"];

/// An object, the list it was in (empty outside of one), and where it ends.
pub struct Object {
    pub list: String,
    pub json: Vec<u8>,
    pub end: u64,
}

/// Whether a file begins as JSON does.
pub fn is_json(path: &Path) -> io::Result<bool> {
    let mut start = [0; 256];
    let n = File::open(path)?.read(&mut start)?;
    let first = start[..n].iter().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xef | 0xbb | 0xbf));
    Ok(matches!(first, Some(b'{' | b'[')))
}

/// The rows of a file, each object read by `content`, which gets the name of its list too.
pub fn read<R: Read + 'static>(
    file: BufReader<R>,
    mut content: impl FnMut(&str, Value) -> Content + 'static,
) -> io::Result<impl Iterator<Item = io::Result<Row>>> {
    let mut number = 0;
    Ok(Objects::new(file)?.map(move |object| {
        let object = object?;
        number += 1;
        let content = match serde_json::from_slice(&object.json) {
            Ok(value @ Value::Object(_)) => content(&object.list, value),
            Ok(_) => Content::Wrong("Not an object.".to_owned()),
            Err(error) => Content::Wrong(format!("Not valid JSON: {error}.")),
        };
        Ok(Row { number, end: object.end, content })
    }))
}

pub struct Objects<R> {
    file: BufReader<R>,
    offset: u64,
    /// At which depth the wanted objects begin.
    wanted_depth: usize,
    /// What is open around the place where we are: `{` or `[`.
    open: Vec<u8>,
    /// The last text at the depth of the file's one object: the name of the list that follows.
    name: Vec<u8>,
}

impl<R: Read> Objects<R> {
    pub fn new(mut file: BufReader<R>) -> io::Result<Objects<R>> {
        let start = file.fill_buf()?;
        let text = String::from_utf8_lossy(start);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let wanted_depth = if text.starts_with('[') {
            1
        } else if holds_lists(text) {
            2
        } else {
            0
        };
        Ok(Objects { file, offset: 0, wanted_depth, open: Vec::new(), name: Vec::new() })
    }

    fn object(&mut self) -> io::Result<Option<Object>> {
        let mut json: Vec<u8> = Vec::new();
        let (mut in_text, mut escaped) = (false, false);
        loop {
            let Some(byte) = self.file.fill_buf()?.first().copied() else {
                if json.is_empty() {
                    return Ok(None);
                }
                // Cut off: told as an object that is not valid.
                return Ok(Some(Object { list: self.list(), json, end: self.offset }));
            };
            self.file.consume(1);
            self.offset += 1;
            let is_collecting = !json.is_empty();
            if is_collecting {
                if ROW_BYTES_MAX <= json.len() {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "an object of the file is larger than 64 MiB",
                    ));
                }
                json.push(byte);
            }
            if in_text {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_text = false,
                    byte if self.open.len() == 1 && self.wanted_depth == 2 && self.name.len() < 64 => {
                        self.name.push(byte)
                    }
                    _ => {}
                }
                continue;
            }
            // An object of one line that does not end there is broken; the next line is another.
            let ends_a_line = byte == b'\n' && self.wanted_depth == 0 && is_collecting;
            if ends_a_line && serde_json::from_slice::<Value>(&json).is_err() && self.next_begins_an_object()? {
                self.open.clear();
                return Ok(Some(Object { list: String::new(), json, end: self.offset }));
            }
            match byte {
                b'"' => {
                    in_text = true;
                    if self.open.len() == 1 && self.wanted_depth == 2 {
                        self.name.clear();
                    }
                }
                b'{' | b'[' => {
                    let begins = byte == b'{' && self.open.len() == self.wanted_depth && self.is_in_list();
                    self.open.push(byte);
                    if begins && !is_collecting {
                        json.push(byte);
                    }
                }
                b'}' | b']' => {
                    self.open.pop();
                    if is_collecting && self.open.len() <= self.wanted_depth {
                        return Ok(Some(Object { list: self.list(), json, end: self.offset }));
                    }
                }
                _ => {}
            }
        }
    }

    fn next_begins_an_object(&mut self) -> io::Result<bool> {
        Ok(self.file.fill_buf()?.starts_with(b"{"))
    }

    fn is_in_list(&self) -> bool {
        self.wanted_depth == 0
            || self.open.last() == Some(&b'[') && (self.wanted_depth == 1 || LISTS.contains(&self.list().as_str()))
    }

    fn list(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

impl<R: Read> Iterator for Objects<R> {
    type Item = io::Result<Object>;

    fn next(&mut self) -> Option<io::Result<Object>> {
        self.object().transpose()
    }
}

/// Whether the file is one object with lists in it, as far as its beginning tells.
fn holds_lists(start: &str) -> bool {
    let first_line = start.lines().next().unwrap_or_default();
    if let Ok(Value::Object(object)) = serde_json::from_str::<Value>(first_line) {
        return LISTS.iter().any(|list| object.get(*list).is_some_and(Value::is_array)) && !object.contains_key("kind");
    }
    let compact: String = start.chars().filter(|c| !c.is_whitespace()).collect();
    let is_one_of_lines = start.lines().count() > 1 && first_line.ends_with('}');
    !is_one_of_lines
        && LISTS
            .iter()
            .any(|list| compact.starts_with(&format!("{{\"{list}\":[")) || compact.contains(&format!(",\"{list}\":[")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(text: &str) -> Vec<(String, String)> {
        let file = BufReader::new(io::Cursor::new(text.as_bytes().to_vec()));
        let all: Vec<Object> = Objects::new(file).unwrap().map(|object| object.unwrap()).collect();
        all.into_iter().map(|it| (it.list, String::from_utf8(it.json).unwrap())).collect()
    }

    fn json(text: &str) -> Vec<String> {
        objects(text).into_iter().map(|(_, json)| json).collect()
    }

    #[test]
    fn objects_are_found_one_a_line_in_a_list_and_in_lists_with_names() {
        assert_eq!(json("{\"a\":1}\n{\"b\":{\"c\":[{}]}}\n"), ["{\"a\":1}", "{\"b\":{\"c\":[{}]}}"]);
        assert_eq!(json("[{\"a\":\"}]\\\"{\"},\n {\"b\":[1]} ]"), ["{\"a\":\"}]\\\"{\"}", "{\"b\":[1]}"]);
        assert_eq!(
            objects(
                "{\"count\": 2, \"meta\": {\"x\": [{}]}, \"tickets\": [{\"id\":1},{\"id\":2}], \"users\": [{\"id\":3}]}"
            ),
            [("tickets", "{\"id\":1}"), ("tickets", "{\"id\":2}"), ("users", "{\"id\":3}")]
                .map(|(list, json)| (list.to_owned(), json.to_owned()))
        );
    }

    #[test]
    fn a_broken_line_takes_no_other_along() {
        assert_eq!(json("{\"a\":1}\n{\"b\":\n{\"c\":3}\n").len(), 3);
        assert_eq!(json("{\"a\":"), ["{\"a\":"]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}\",:a\\\\\n 1]{0,80}") {
            objects(&text);
        }

        #[test]
        fn every_object_of_a_list_comes_back(values in proptest::collection::vec(".{0,12}", 0..6)) {
            let written: Vec<Value> = values.iter().map(|it| serde_json::json!({ "v": it, "w": [{ "x": it }] })).collect();
            let text = serde_json::to_string_pretty(&written).unwrap();

            let read: Vec<Value> = json(&text).iter().map(|it| serde_json::from_str(it).unwrap()).collect();

            proptest::prop_assert_eq!(read, written);
        }
    }
}

//! The grammar of a search (Zendesk contract, `conventions.search.grammar`): words, phrases and `keyword:value`, each with `-` before it or
//! not. Pure: what a keyword means is found out elsewhere.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::time;

/// Most pieces of one search.
const PIECES_MAX: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Is,
    Less,
    More,
    AtMost,
    AtLeast,
}

/// One piece of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub negated: bool,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A word without the `*` that may stand at its end, which says that it is only begun.
    Word {
        text: String,
        begun: bool,
    },
    /// What stands between quotation marks.
    Phrase(String),
    Keyword {
        name: String,
        compare: Compare,
        value: Value,
    },
}

/// What a keyword is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub text: String,
    /// It stood between quotation marks.
    pub is_quoted: bool,
}

impl Value {
    /// Without the `*` at its end, and whether there was one.
    pub(crate) fn begun(&self) -> (&str, bool) {
        match self.text.strip_suffix('*') {
            Some(text) if !self.is_quoted && !text.is_empty() => (text, true),
            _ => (&self.text, false),
        }
    }
}

impl Piece {
    /// The keyword that it is.
    pub(crate) fn keyword(&self) -> Option<&str> {
        match &self.what {
            What::Keyword { name, .. } => Some(name),
            What::Word { .. } | What::Phrase(_) => None,
        }
    }

    /// What is looked for, and whether it is only begun.
    pub(crate) fn text(&self) -> (&str, bool) {
        match &self.what {
            What::Word { text, begun } => (text, *begun),
            What::Phrase(text) => (text, false),
            What::Keyword { value, .. } => value.begun(),
        }
    }
}

/// Cuts a search into its pieces. The error is a sentence.
pub(crate) fn parse(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if PIECES_MAX <= pieces.len() {
            return Err(format!("A search has at most {PIECES_MAX} terms."));
        }
        let (negated, after) = match rest.strip_prefix('-') {
            Some(after) if after.starts_with(|c: char| !c.is_whitespace()) => (true, after),
            _ => (false, rest),
        };
        let (what, after) = piece(after);
        if let Some(what) = what {
            pieces.push(Piece { negated, what });
        }
        rest = after.trim_start();
    }
    Ok(pieces)
}

/// The next piece, and what follows it.
fn piece(text: &str) -> (Option<What>, &str) {
    if text.starts_with('"') {
        let (phrase, rest) = quoted(text);
        return ((!phrase.trim().is_empty()).then(|| What::Phrase(phrase.to_owned())), rest);
    }
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let (name, after) = text.split_at(text.bytes().take_while(is_letter).count());
    let compares = [
        ("<=", Compare::AtMost),
        (">=", Compare::AtLeast),
        (":", Compare::Is),
        ("<", Compare::Less),
        (">", Compare::More),
    ];
    let found = compares.iter().find_map(|(sign, compare)| Some((after.strip_prefix(sign)?, *compare)));
    // Neither a time of day nor an address on the web is a keyword.
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if let (Some((after, compare)), true) = (found, is_name)
        && !after.starts_with("//")
    {
        let is_quoted = after.starts_with('"');
        let (value, rest) = if is_quoted { quoted(after) } else { word(after) };
        let value = Value { text: value.to_owned(), is_quoted };
        return (Some(What::Keyword { name: name.to_ascii_lowercase(), compare, value }), rest);
    }
    let (whole, rest) = word(text);
    let word = whole.trim_end_matches('*');
    let begun = word.len() < whole.len();
    ((!word.is_empty()).then(|| What::Word { text: word.to_owned(), begun }), rest)
}

/// What stands between quotation marks; a phrase without an end ends with the text.
fn quoted(text: &str) -> (&str, &str) {
    let inner = text.strip_prefix('"').unwrap_or(text);
    inner.split_once('"').unwrap_or((inner, ""))
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// A stretch of time that a value names: an instant, or a day in UTC. The second is exclusive.
pub(crate) fn time_of(value: &str, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    if let Ok(date) = value.parse::<Date>()
        && value.len() == 10
    {
        let start = time::parse(&date.to_string())?;
        return Some((start, start.checked_add(SignedDuration::from_hours(24)).ok()?));
    }
    if let Some(at) = time::parse(value) {
        return Some((at, at.checked_add(SignedDuration::from_secs(1)).ok()?));
    }
    let at = now.checked_sub(span_of(value)?).ok()?;
    Some((at, at))
}

/// `4hours`, `2days`, `1week`, `3months`, `1year`. Months have 30 days, years 365.
fn span_of(value: &str) -> Option<SignedDuration> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    let hours = match unit.trim_end_matches('s') {
        "minute" => return Some(SignedDuration::from_mins(number.parse::<i64>().ok().filter(|n| *n < 100_000_000)?)),
        "hour" => 1,
        "day" => 24,
        "week" => 7 * 24,
        "month" => 30 * 24,
        "year" => 365 * 24,
        _ => return None,
    };
    let number = number.parse::<i64>().ok().filter(|n| *n < 1_000_000)?;
    Some(SignedDuration::from_hours(number.checked_mul(hours)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyword(name: &str, compare: Compare, value: &str) -> What {
        let value = Value { text: value.to_owned(), is_quoted: value.contains(' ') };
        What::Keyword { name: name.to_owned(), compare, value }
    }

    fn word(text: &str, begun: bool) -> What {
        What::Word { text: text.to_owned(), begun }
    }

    #[test]
    fn a_search_is_cut_into_words_phrases_and_keywords() {
        let pieces = parse(
            r#"printer* -fire "on the roof" -"of tin" status<solved -tags:"two words" assignee:none created>=2026-01-31 10:30 https://a.b/c cc:*"#,
        );

        let whats: Vec<(bool, What)> = pieces.unwrap().into_iter().map(|piece| (piece.negated, piece.what)).collect();
        assert_eq!(
            whats,
            [
                (false, word("printer", true)),
                (true, word("fire", false)),
                (false, What::Phrase("on the roof".to_owned())),
                (true, What::Phrase("of tin".to_owned())),
                (false, keyword("status", Compare::Less, "solved")),
                (true, keyword("tags", Compare::Is, "two words")),
                (false, keyword("assignee", Compare::Is, "none")),
                (false, keyword("created", Compare::AtLeast, "2026-01-31")),
                (false, word("10:30", false)),
                (false, word("https://a.b/c", false)),
                (false, keyword("cc", Compare::Is, "*")),
            ]
        );
    }

    #[test]
    fn times_are_days_instants_or_ago() {
        let now: Timestamp = "2026-02-01T12:00:00Z".parse().unwrap();
        let span = |value| time_of(value, now).map(|(from, to)| (from.to_string(), to.to_string()));

        assert_eq!(span("2026-01-31").unwrap(), ("2026-01-31T00:00:00Z".to_owned(), "2026-02-01T00:00:00Z".to_owned()));
        assert_eq!(span("4hours").unwrap().0, "2026-02-01T08:00:00Z");
        assert_eq!(span("1week").unwrap().0, "2026-01-25T12:00:00Z");
        assert_eq!(span("soon"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cut_without_a_panic_and_nothing_is_made_up(text in ".{0,200}") {
            let now = Timestamp::UNIX_EPOCH;
            for piece in parse(&text).unwrap_or_default() {
                let value = match piece.what {
                    What::Word { text, .. } | What::Phrase(text) => text,
                    What::Keyword { value, .. } => value.text,
                };
                let _ = time_of(&value, now);
                proptest::prop_assert!(text.contains(&value));
            }
        }

        #[test]
        fn a_keyword_is_read_back_as_it_was_written(
            name in "[a-z_][a-z0-9_.-]{0,11}", value in "[a-z0-9@.*]{1,12}", at in 0_usize..5, negated in proptest::bool::ANY
        ) {
            let (sign, compare) = [(":", Compare::Is), ("<", Compare::Less), (">", Compare::More), ("<=", Compare::AtMost), (">=", Compare::AtLeast)][at];
            let written = format!("{}{name}{sign}{value}", if negated { "-" } else { "" });
            let read = parse(&format!("a {written} b")).unwrap();
            proptest::prop_assert_eq!(&read[1], &Piece { negated, what: keyword(&name, compare, &value) });
            proptest::prop_assert_eq!(read.len(), 3);
        }

        #[test]
        fn words_and_phrases_are_read_back_as_they_were_written(
            text in "[a-zé][a-zé0-9']{0,8}( [a-z0-9]{1,8}){0,3}", negated in proptest::bool::ANY, begun in proptest::bool::ANY
        ) {
            let minus = if negated { "-" } else { "" };
            let read = parse(&format!("{minus}\"{text}\" {minus}{}{}", text.replace(' ', ""), if begun { "*" } else { "" })).unwrap();
            proptest::prop_assert_eq!(&read[0], &Piece { negated, what: What::Phrase(text.clone()) });
            proptest::prop_assert_eq!(&read[1], &Piece { negated, what: word(&text.replace(' ', ""), begun) });
            proptest::prop_assert_eq!(read.len(), 2);
        }
    }
}

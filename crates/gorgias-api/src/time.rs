//! Times as this dialect writes and reads them (Gorgias contract, `conventions.datetime`).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde::{Serialize, Serializer};

/// `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`; without the fraction when it is exactly zero. Never `Z`: connectors parse `%z` with digits.
pub fn format(at: Timestamp) -> String {
    digits(at, &mut [0; LONGEST]).to_owned()
}

/// Length of `format` with a fraction.
const LONGEST: usize = 32;

/// Writes the digits one by one: an answer holds dozens of times, and a general formatter would take longer than everything else.
fn digits(at: Timestamp, buffer: &mut [u8; LONGEST]) -> &str {
    let utc = Offset::UTC.to_datetime(at);
    let microsecond = utc.subsec_nanosecond() / 1_000;
    let mut length = 0;
    let mut number = |value: i32, n_digits: u32, after: &[u8]| {
        for place in (0..n_digits).rev() {
            buffer[length] = b'0' + u8::try_from(value / 10_i32.pow(place) % 10).unwrap_or_default();
            length += 1;
        }
        buffer[length..length + after.len()].copy_from_slice(after);
        length += after.len();
    };
    number(utc.year().into(), 4, b"-");
    number(utc.month().into(), 2, b"-");
    number(utc.day().into(), 2, b"T");
    number(utc.hour().into(), 2, b":");
    number(utc.minute().into(), 2, b":");
    if microsecond == 0 {
        number(utc.second().into(), 2, b"+00:00");
    } else {
        number(utc.second().into(), 2, b".");
        number(microsecond, 6, b"+00:00");
    }
    str::from_utf8(&buffer[..length]).unwrap_or_default()
}

/// `format`, or null.
pub fn format_or_null(at: Option<Timestamp>) -> Option<String> {
    at.map(format)
}

/// A time that is written by `format` when it is serialised.
#[derive(Debug, Clone, Copy)]
pub struct Datetime(pub Timestamp);

impl Serialize for Datetime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(digits(self.0, &mut [0; LONGEST]))
    }
}

/// ISO 8601 with an offset or `Z`; without an offset it is UTC; a date alone is its midnight. Cut to microseconds.
/// None for anything else, and for years before 1.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let at = instant(text).or_else(|| instant(&with_plus(text)?))?;
    let at = Timestamp::from_microsecond(at.as_microsecond()).ok()?;
    (FIRST_MICROSECOND <= at.as_microsecond()).then_some(at)
}

/// 0001-01-01T00:00:00Z.
const FIRST_MICROSECOND: i64 = -62_135_596_800_000_000;

fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    // jiff would read `12:00:00[Europe/Paris]` and `12:00:00+01` as a local time and drop the rest.
    if text.len() > 10 && text.get(10..)?.contains(['+', '-', '[', 'Z', 'z']) {
        return None;
    }
    let local: DateTime = text.parse().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A plus sign that was not percent-encoded arrives as a space: `2024-01-01T00:00:00 00:00`.
fn with_plus(text: &str) -> Option<String> {
    let (before, offset) = text.rsplit_once(' ')?;
    (before.len() > 10).then(|| format!("{before}+{offset}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_six_digits_or_none() {
        let with = Timestamp::from_microsecond(1_731_593_905_095_107).unwrap();
        let without = Timestamp::from_microsecond(1_731_593_905_000_000).unwrap();
        let small = Timestamp::from_microsecond(1_731_593_905_000_001).unwrap();

        assert_eq!(format(with), "2024-11-14T14:18:25.095107+00:00");
        assert_eq!(format(without), "2024-11-14T14:18:25+00:00");
        assert_eq!(format(small), "2024-11-14T14:18:25.000001+00:00");
    }

    #[test]
    fn times_are_read_in_every_usual_spelling() {
        let noon = parse("2024-11-14T12:00:00Z").unwrap();

        for text in [
            "2024-11-14T12:00:00+00:00",
            "2024-11-14T12:00:00",
            "2024-11-14 12:00:00",
            "2024-11-14T13:00:00+01:00",
            "2024-11-14T13:00:00 01:00",
            "2024-11-14T12:00:00.000000+00:00",
            "2024-11-14T12:00:00.0000001Z",
        ] {
            assert_eq!(parse(text), Some(noon), "{text}");
        }
        assert_eq!(parse("2024-11-14"), parse("2024-11-14T00:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2024-13-01",
            "2024-11-14T25:00:00Z",
            "1731593905",
            "-009999-01-01T00:00:00Z",
            "2024-11-14T12:00:00[Nowhere]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics_and_what_was_written_is_read_back(text in ".{0,60}", micros in FIRST_MICROSECOND..253_402_207_200_000_000_i64) {
            let _ = parse(&text);
            let at = Timestamp::from_microsecond(micros).unwrap();
            proptest::prop_assert_eq!(parse(&format(at)), Some(at));
        }
    }
}

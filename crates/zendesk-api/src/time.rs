//! Times as this dialect writes and reads them (Zendesk contract, `conventions.timestamps`): UTC, whole seconds, a trailing Z.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// `YYYY-MM-DDTHH:MM:SSZ`
pub fn format(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `format`, or null.
pub fn format_or_null(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| format(at).into())
}

/// ISO 8601 with an offset or `Z`; without an offset it is UTC; a date alone is its midnight. None for anything else.
pub fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local = text.parse::<DateTime>().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        let at = parse("2026-01-31T10:30:00.5+01:00").unwrap();

        assert_eq!(format(at), "2026-01-31T09:30:00Z");
        assert_eq!(parse("2026-01-31"), parse("2026-01-31T00:00:00Z"));
        assert_eq!(parse("soon"), None);
    }
}

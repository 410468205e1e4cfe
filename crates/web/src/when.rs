//! An instant as people read it, with the exact one for machines and for the pointer.

use std::fmt;

use askama::FastWritable;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Shown as `5 minutes ago` or `3 Mar 2026`; none as `never`.
#[derive(Debug, Clone)]
pub struct When {
    at: Option<Timestamp>,
    now: Timestamp,
    never: &'static str,
}

impl When {
    pub fn at(at: Timestamp, now: Timestamp) -> When {
        When { at: Some(at), now, never: "" }
    }

    pub fn or_never(at: Option<Timestamp>, now: Timestamp) -> When {
        When { at, now, never: "Never" }
    }

    fn text(at: Timestamp, now: Timestamp) -> String {
        let seconds = now.as_second() - at.as_second();
        match seconds {
            ..=-172_800 => format!("in {} days", -seconds / 86_400),
            -172_799..=-3_600 => format!("in {} hours", -seconds / 3_600),
            -3_599..0 => "within the hour".to_owned(),
            0..60 => "just now".to_owned(),
            60..3_600 => ago(seconds / 60, "minute"),
            3_600..86_400 => ago(seconds / 3_600, "hour"),
            86_400..604_800 => ago(seconds / 86_400, "day"),
            _ => at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y").to_string(),
        }
    }
}

/// A day since 1970 as people write it: `3 Mar 2026`.
pub fn day(days: i64) -> String {
    let at = Timestamp::from_second(days.saturating_mul(86_400)).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y").to_string()
}

fn ago(n: i64, unit: &str) -> String {
    if n == 1 { format!("1 {unit} ago") } else { format!("{n} {unit}s ago") }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(at) = self.at else { return write!(f, r#"<span class="soft">{}</span>"#, self.never) };
        let exact = at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC");
        write!(f, r#"<time datetime="{at:.0}" title="{exact}">{}</time>"#, When::text(at, self.now))
    }
}

impl FastWritable for When {
    fn write_into(&self, dest: &mut dyn fmt::Write, _values: &dyn askama::Values) -> askama::Result<()> {
        write!(dest, "{self}")?;
        Ok(())
    }
}

/// Only digits, letters and fixed markup, so nothing is left to escape.
impl askama::filters::HtmlSafe for When {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_near_in_words_and_far_as_a_date() {
        let now: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        let text = |at: &str| When::text(at.parse().unwrap(), now);

        assert_eq!(text("2026-03-10T11:59:30Z"), "just now");
        assert_eq!(text("2026-03-10T11:59:00Z"), "1 minute ago");
        assert_eq!(text("2026-03-08T11:00:00Z"), "2 days ago");
        assert_eq!(text("2026-02-03T11:00:00Z"), "3 Feb 2026");
        assert_eq!(text("2026-03-11T11:00:00Z"), "in 23 hours");
        assert_eq!(text("2026-04-03T11:00:00Z"), "in 23 days");
    }
}

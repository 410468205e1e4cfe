//! Business hours: when somebody is there, as a value with arithmetic. Pure.
//!
//! Weekly hours are wall-clock hours of one time zone; on a holiday nobody is there. A day is laid out anew for each date, so an hour that a
//! change of the clocks takes away is no business hour, and one that comes twice counts twice.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde_json::Value as Json;

/// Furthest that `after` looks ahead, in days: an account that is never there has no answer.
const HORIZON_DAYS: i32 = 3_660;
const DAY_SECONDS: i64 = 86_400;
pub(crate) const DAY_MINUTES: i64 = 1_440;

/// Weekly hours in a time zone, with holidays.
#[derive(Debug, Clone, PartialEq)]
pub struct BusinessHours {
    zone: TimeZone,
    /// For each day of the week from Monday: seconds of the day, from and to, in order and apart.
    week: [Vec<(i64, i64)>; 7],
    holidays: BTreeSet<Date>,
}

/// One span of weekly hours, as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklySpan {
    pub days: Vec<Weekday>,
    /// Seconds since midnight, as the clock on the wall shows them.
    pub from: i64,
    /// After `from` on the same day, else the span ends on the next day. 86,400 is the midnight at the end of the day.
    pub to: i64,
}

impl BusinessHours {
    /// Spans may overlap; they count once.
    pub fn new(zone: TimeZone, spans: &[WeeklySpan], holidays: impl IntoIterator<Item = Date>) -> BusinessHours {
        let mut week: [Vec<(i64, i64)>; 7] = Default::default();
        for span in spans {
            for day in &span.days {
                let at = usize::from(day.to_monday_zero_offset().unsigned_abs()) % 7;
                let (from, to) = (span.from.clamp(0, DAY_SECONDS), span.to.clamp(0, DAY_SECONDS));
                if from < to {
                    week[at].push((from, to));
                } else {
                    week[at].push((from, DAY_SECONDS));
                    week[(at + 1) % 7].push((0, to));
                }
            }
        }
        for day in &mut week {
            *day = joined(std::mem::take(day));
        }
        BusinessHours { zone, week, holidays: holidays.into_iter().collect() }
    }

    /// Every hour of every day.
    pub fn always() -> BusinessHours {
        let span = WeeklySpan { days: Weekday::Monday.cycle_forward().take(7).collect(), from: 0, to: DAY_SECONDS };
        BusinessHours::new(TimeZone::UTC, &[span], [])
    }

    /// From the data of the setting `business-hours`: `timezone`, `business_hours` (`days` from 1, Monday; `from_time` and `to_time`), and
    /// `holidays` (dates, or objects with `date`). None if it does not have that shape.
    pub fn from_setting(data: &Json) -> Option<BusinessHours> {
        let zone = jiff::tz::db().get(data.get("timezone")?.as_str()?).ok()?;
        let one = data.get("business_hours")?;
        let spans = one.as_array().map_or_else(|| std::slice::from_ref(one), Vec::as_slice);
        let spans = spans.iter().map(span_of).collect::<Option<Vec<_>>>()?;
        let holidays = data.get("holidays").and_then(Json::as_array).into_iter().flatten();
        let holidays = holidays.filter_map(|day| day.get("date").unwrap_or(day).as_str()?.parse::<Date>().ok());
        Some(BusinessHours::new(zone, &spans, holidays))
    }

    /// Of weekly hours as pairs of minutes since Sunday 00:00, none of which goes past a midnight.
    pub fn of_minutes(
        zone: TimeZone,
        intervals: &[(i64, i64)],
        holidays: impl IntoIterator<Item = Date>,
    ) -> BusinessHours {
        let span = |(from, to): &(i64, i64)| {
            let day = from / DAY_MINUTES;
            let weekday = Weekday::from_sunday_zero_offset(i8::try_from(day).ok()?).ok()?;
            let second = |minute: i64| (minute - day * DAY_MINUTES) * 60;
            Some(WeeklySpan { days: vec![weekday], from: second(*from), to: second(*to) })
        };
        let spans: Vec<WeeklySpan> = intervals.iter().filter_map(span).collect();
        BusinessHours::new(zone, &spans, holidays)
    }

    /// The weekly hours as pairs of minutes since Sunday 00:00, in order.
    pub fn minutes(&self) -> Vec<(i64, i64)> {
        let mut minutes = Vec::new();
        for (from_sunday, at) in [6, 0, 1, 2, 3, 4, 5].into_iter().enumerate() {
            let midnight = i64::try_from(from_sunday).unwrap_or_default() * DAY_MINUTES;
            minutes.extend(self.week[at].iter().map(|(from, to)| (midnight + from / 60, midnight + to / 60)));
        }
        minutes
    }

    /// The same hours, but on these days too nobody is there.
    #[must_use]
    pub fn without(mut self, holidays: impl IntoIterator<Item = Date>) -> BusinessHours {
        self.holidays.extend(holidays);
        self
    }

    /// Whether somebody is there.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.spans_of(self.date_of(at)).iter().any(|(from, to)| *from <= at && at < *to)
    }

    /// Business time between two instants in whole seconds; negative if the second is earlier.
    pub fn seconds_between(&self, from: Timestamp, to: Timestamp) -> i64 {
        if to < from {
            return -self.seconds_between(to, from);
        }
        let (first, last) = (self.date_of(from), self.date_of(to));
        let mut micros = 0;
        let mut date = first;
        loop {
            for (opens, closes) in self.spans_of(date) {
                let (opens, closes) = (opens.max(from), closes.min(to));
                if opens < closes {
                    micros += closes.as_microsecond() - opens.as_microsecond();
                }
            }
            match date.checked_add(1.day()) {
                Ok(next) if next <= last => date = next,
                _ => return micros / 1_000_000,
            }
        }
    }

    /// The instant at which so many business seconds have passed. Without any, the first business instant from there on.
    /// None if there are not so many within ten years.
    pub fn after(&self, from: Timestamp, seconds: i64) -> Option<Timestamp> {
        let mut left = seconds.max(0).checked_mul(1_000_000)?;
        let mut date = self.date_of(from);
        for _ in 0..HORIZON_DAYS {
            for (opens, closes) in self.spans_of(date) {
                let opens = opens.max(from);
                if closes <= opens {
                    continue;
                }
                let length = closes.as_microsecond() - opens.as_microsecond();
                // The last second of a day is reached on that day, not when the next one begins.
                if left < length || (left == length && left > 0) {
                    return Timestamp::from_microsecond(opens.as_microsecond() + left).ok();
                }
                left -= length;
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The instant that lies so many business seconds later, or earlier if they are negative: the latest of those before. None if there are
    /// not so many within ten years.
    pub fn moved(&self, from: Timestamp, seconds: i64) -> Option<Timestamp> {
        if 0 < seconds {
            return self.after(from, seconds);
        }
        let mut left = seconds.checked_neg()?.checked_mul(1_000_000)?;
        if left == 0 {
            return Some(from);
        }
        let mut date = self.date_of(from);
        for _ in 0..HORIZON_DAYS {
            for (opens, closes) in self.spans_of(date).into_iter().rev() {
                let closes = closes.min(from);
                if closes <= opens {
                    continue;
                }
                let length = closes.as_microsecond() - opens.as_microsecond();
                if left <= length {
                    return Timestamp::from_microsecond(closes.as_microsecond() - left).ok();
                }
                left -= length;
            }
            date = date.checked_sub(1.day()).ok()?;
        }
        None
    }

    /// Whether nobody is there all day.
    pub fn is_holiday(&self, at: Timestamp) -> bool {
        self.holidays.contains(&self.date_of(at))
    }

    fn date_of(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The business spans that begin on a date, in order.
    fn spans_of(&self, date: Date) -> Vec<(Timestamp, Timestamp)> {
        if self.holidays.contains(&date) {
            return Vec::new();
        }
        let at = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs()) % 7;
        let spans = self.week[at].iter().filter_map(|(from, to)| {
            let (from, to) = (self.instant(date, *from)?, self.instant(date, *to)?);
            (from < to).then_some((from, to))
        });
        spans.collect()
    }

    /// When the clock on the wall shows this. A time that a change of the clocks leaves out is the instant of the change; of one that comes
    /// twice, the first. Ends and beginnings are treated alike, so that spans which touch never overlap.
    fn instant(&self, date: Date, second: i64) -> Option<Timestamp> {
        let local = date.to_datetime(Time::midnight()).checked_add(Span::new().try_seconds(second).ok()?).ok()?;
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Gap { before, after } => {
                // The gap begins where both offsets meet: just before it, the old one holds.
                let late = before.to_timestamp(local).ok()?;
                let early = after.to_timestamp(local).ok()?;
                self.zone
                    .following(early)
                    .next()
                    .map(|change| change.timestamp())
                    .filter(|at| *at <= late)
                    .or(Some(late))
            }
            _ => ambiguous.earlier().ok(),
        }
    }
}

/// Spans of one day in order, those that touch made one.
fn joined(mut spans: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    spans.retain(|(from, to)| from < to);
    spans.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
    for (from, to) in spans {
        match joined.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn span_of(span: &Json) -> Option<WeeklySpan> {
    let days = span.get("days")?.as_str()?.split(',');
    let days = days.map(|day| Weekday::from_monday_one_offset(day.trim().parse().ok()?).ok());
    Some(WeeklySpan {
        days: days.collect::<Option<_>>()?,
        from: second_of(span.get("from_time")?.as_str()?)?,
        to: second_of(span.get("to_time")?.as_str()?)?,
    })
}

/// Of `HH:MM`, to 24:00.
fn second_of(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let second = hour * 3_600 + minute * 60;
    ((0..60).contains(&minute) && (0..=DAY_SECONDS).contains(&second)).then_some(second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn hours(zone: &str, days: &str, from: &str, to: &str, holidays: &[&str]) -> BusinessHours {
        let span = json!({ "days": days, "from_time": from, "to_time": to });
        let data = json!({ "timezone": zone, "business_hours": [span], "holidays": holidays });
        BusinessHours::from_setting(&data).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn nights_and_weekends_do_not_count() {
        let hours = hours("Europe/Paris", "1,2,3,4,5", "09:00", "17:00", &[]);
        // Friday noon to Monday 10:00, in Paris: five hours and one.
        let (friday, monday) = (at("2026-03-06T11:00:00Z"), at("2026-03-09T09:00:00Z"));

        assert_eq!(hours.seconds_between(friday, monday), 6 * 3_600);
        assert_eq!(hours.seconds_between(monday, friday), -6 * 3_600);
        assert_eq!(hours.after(friday, 6 * 3_600), Some(monday));
        assert_eq!(hours.after(friday, 5 * 3_600), Some(at("2026-03-06T16:00:00Z")));
        assert_eq!(hours.after(at("2026-03-07T00:00:00Z"), 0), Some(at("2026-03-09T08:00:00Z")));
        assert!(hours.is_open(friday));
        assert!(!hours.is_open(at("2026-03-06T16:00:00Z")));
    }

    #[test]
    fn a_holiday_is_left_out_and_a_night_shift_ends_on_the_next_day() {
        let week = hours("UTC", "1,2,3,4,5", "09:00", "17:00", &["2026-03-09"]);
        assert_eq!(week.after(at("2026-03-06T16:00:00Z"), 7_200), Some(at("2026-03-10T10:00:00Z")));

        let night = hours("UTC", "7", "22:00", "02:00", &[]);
        assert_eq!(night.seconds_between(at("2026-03-08T00:00:00Z"), at("2026-03-10T00:00:00Z")), 4 * 3_600);
        assert!(night.is_open(at("2026-03-09T01:59:59Z")));
    }

    #[test]
    fn an_hour_that_the_clocks_take_is_no_business_hour_and_one_that_comes_twice_counts_twice() {
        let all_day = hours("Europe/Berlin", "1,2,3,4,5,6,7", "00:00", "24:00", &[]);
        // 29 March 2026 has 23 hours, 25 October 25.
        assert_eq!(all_day.seconds_between(at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z")), 23 * 3_600);
        assert_eq!(all_day.seconds_between(at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z")), 25 * 3_600);
        let early = hours("Europe/Berlin", "7", "01:00", "02:30", &[]);
        assert_eq!(early.seconds_between(at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z")), 3_600);
        let gone = hours("Europe/Berlin", "7", "02:00", "03:00", &[]);
        assert_eq!(gone.seconds_between(at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z")), 0);
    }

    #[test]
    fn weekly_hours_are_also_minutes_of_the_week() {
        let week = hours("Europe/Paris", "1,7", "09:00", "17:00", &[]);

        assert_eq!(week.minutes(), [(540, 1_020), (1_980, 2_460)]);
        let zone = jiff::tz::db().get("Europe/Paris").unwrap();
        assert_eq!(BusinessHours::of_minutes(zone, &week.minutes(), []), week);
        let monday = "2026-03-09".parse::<Date>().unwrap();
        assert!(
            week.is_open(at("2026-03-09T09:00:00Z")) && !week.without([monday]).is_open(at("2026-03-09T09:00:00Z"))
        );
    }

    #[test]
    fn without_any_hours_no_time_ever_passes() {
        let never = BusinessHours::new(TimeZone::UTC, &[], []);

        assert_eq!(never.seconds_between(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")), 0);
        assert_eq!(never.after(at("2026-01-01T00:00:00Z"), 0), None);
        assert_eq!(BusinessHours::from_setting(&json!({ "timezone": "Mars/One", "business_hours": [] })), None);
        assert_eq!(BusinessHours::from_setting(&json!({})), None);
    }

    fn any_hours() -> impl Strategy<Value = BusinessHours> {
        let zones =
            ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"];
        let span = (prop::collection::vec(1_i8..=7, 1..5), 0_i64..1_440, 0_i64..=1_440).prop_map(|(days, from, to)| {
            let days = days.into_iter().map(|day| Weekday::from_monday_one_offset(day).unwrap()).collect();
            WeeklySpan { days, from: from * 60, to: to * 60 }
        });
        let holidays = prop::collection::vec(0_i32..365, 0..5);
        (prop::sample::select(zones.to_vec()), prop::collection::vec(span, 1..4), holidays).prop_map(
            |(zone, spans, holidays)| {
                let first = jiff::civil::date(2026, 1, 1);
                let holidays = holidays.into_iter().map(move |day| first.checked_add(day.days()).unwrap());
                BusinessHours::new(jiff::tz::db().get(zone).unwrap(), &spans, holidays)
            },
        )
    }

    proptest! {
        #[test]
        fn time_adds_up_and_after_is_its_inverse(hours in any_hours(), start in 0_i64..31_536_000, a in 0_i64..2_000_000, b in 0_i64..2_000_000) {
            let base = at("2026-01-01T00:00:00Z").as_second();
            let instant = |second: i64| Timestamp::from_second(base + second).unwrap();
            let (from, middle, to) = (instant(start), instant(start + a), instant(start + a + b));

            let parts = hours.seconds_between(from, middle) + hours.seconds_between(middle, to);
            prop_assert_eq!(parts, hours.seconds_between(from, to));
            prop_assert!(hours.seconds_between(from, to) <= a + b);
            if let Some(end) = hours.after(from, a) {
                prop_assert_eq!(hours.seconds_between(from, end), a);
                prop_assert!(from <= end);
                if let Some(begin) = hours.moved(end, -a) {
                    prop_assert_eq!(hours.seconds_between(begin, end), a);
                    prop_assert!(begin <= end);
                }
            }
        }
    }
}

//! A chart as our own pages draw it: bars in SVG without a script, its axes as text beside it, so that they stay readable at every width,
//! and the same numbers as a table for whoever does not see it.

use jiff::civil::Date;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;
/// Part of a day's place that stays empty between days.
const GAP: f64 = 0.25;
/// Most days that the axis names.
const LABELS: usize = 5;

pub struct Chart {
    /// Of its element.
    pub id: &'static str,
    pub heading: &'static str,
    pub about: &'static str,
    pub series: Vec<Named>,
    pub bars: Vec<Bar>,
    /// From the top down.
    pub scale: Vec<String>,
    pub labels: Vec<Label>,
    pub rows: Vec<Row>,
    pub is_empty: bool,
}

/// What is drawn, a value a day; none where there was nothing to measure.
pub struct Series {
    name: &'static str,
    values: Vec<Option<f64>>,
}

/// A line of the legend.
pub struct Named {
    pub name: &'static str,
    /// Class of its bars.
    pub class: &'static str,
}

pub struct Bar {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// A day that the axis names, in the middle of its place.
pub struct Label {
    /// Of the width, such as `50.00%`.
    pub x: String,
    pub day: String,
}

/// A day in the table.
pub struct Row {
    pub day: String,
    pub values: Vec<String>,
}

const CLASSES: [&str; 2] = ["first", "second"];

impl Series {
    pub fn new(name: &'static str, values: Vec<Option<f64>>) -> Series {
        Series { name, values }
    }
}

impl Chart {
    /// `unit` is what the scale is whole in, for the greatest value; `words` says a value.
    pub fn new(
        (id, heading, about): (&'static str, &'static str, &'static str),
        days: &[Date],
        series: Vec<Series>,
        unit: impl Fn(f64) -> f64,
        words: impl Fn(f64) -> String,
    ) -> Chart {
        let greatest = series.iter().flat_map(|it| it.values.iter().flatten()).copied().fold(0.0, f64::max);
        let unit = unit(greatest);
        let top = round_up(greatest / unit) * unit;
        let place = WIDTH / as_number(days.len().max(1));
        let width = place * (1.0 - GAP) / as_number(series.len().max(1));
        let mut bars = Vec::new();
        for (n, (one, class)) in series.iter().zip(CLASSES).enumerate() {
            for (at, value) in one.values.iter().enumerate() {
                let height = value.unwrap_or_default() / top * HEIGHT;
                if height > 0.0 {
                    bars.push(Bar {
                        class,
                        x: format!("{:.2}", place * (as_number(at) + GAP / 2.0) + width * as_number(n)),
                        y: format!("{:.2}", HEIGHT - height),
                        width: format!("{width:.2}"),
                        height: format!("{height:.2}"),
                    });
                }
            }
        }
        let labels = days.iter().enumerate().step_by(days.len().div_ceil(LABELS).max(1)).map(|(at, date)| Label {
            x: format!("{:.2}%", (as_number(at) + 0.5) * place / WIDTH * 100.0),
            day: date.strftime("%-d %b").to_string(),
        });
        let rows = days.iter().enumerate().rev().map(|(at, date)| Row {
            day: date.strftime("%-d %b %Y").to_string(),
            values: series
                .iter()
                .map(|it| it.values.get(at).copied().flatten().map_or_else(|| "–".to_owned(), &words))
                .collect(),
        });
        Chart {
            id,
            heading,
            about,
            bars,
            scale: [top, top / 2.0, 0.0].map(&words).into(),
            labels: labels.collect(),
            rows: rows.collect(),
            is_empty: greatest <= 0.0,
            series: series.iter().zip(CLASSES).map(|(it, class)| Named { name: it.name, class }).collect(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "days and series are few")]
fn as_number(n: usize) -> f64 {
    n as f64
}

/// The next even number of the form 2, 4, 10, 20, 40, 100 ..., so that half of it is whole too.
fn round_up(value: f64) -> f64 {
    let mut step = 2.0;
    loop {
        for factor in [1.0, 2.0, 3.0, 4.0] {
            if value <= step * factor {
                return step * factor;
            }
        }
        step *= 5.0;
        if value <= step || step > 1e15 {
            return step;
        }
        step *= 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_an_even_number_at_or_above_the_greatest_value() {
        for (value, top) in
            [(0.0, 2.0), (2.0, 2.0), (5.0, 6.0), (9.0, 10.0), (11.0, 20.0), (61.0, 80.0), (99.0, 100.0), (101.0, 200.0)]
        {
            assert!((round_up(value) - top).abs() < 1e-9, "{value}: {}", round_up(value));
        }
    }

    #[test]
    fn every_day_has_a_row_and_nothing_is_drawn_of_nothing() {
        let days: Vec<Date> = (1..=3).map(|day| jiff::civil::date(2026, 3, day)).collect();
        let series = vec![Series::new("Created", vec![Some(2.0), None, Some(0.0)])];

        let chart = Chart::new(("id", "Heading", "About"), &days, series, |_| 1.0, |n| format!("{n:.0}"));

        assert_eq!(chart.bars.len(), 1);
        assert_eq!(chart.bars[0].height, "100.00");
        assert_eq!(chart.rows.iter().map(|row| row.values[0].as_str()).collect::<Vec<_>>(), ["0", "–", "2"]);
        let labels: Vec<_> = chart.labels.iter().map(|it| (it.x.as_str(), it.day.as_str())).collect();
        assert_eq!(labels, [("16.67%", "1 Mar"), ("50.00%", "2 Mar"), ("83.33%", "3 Mar")]);
    }

    #[test]
    fn named_days_are_equally_far_apart_and_the_scale_is_whole_in_its_unit() {
        let days: Vec<Date> = (1..=7).map(|day| jiff::civil::date(2026, 3, day)).collect();
        let series = vec![Series::new("Median", vec![Some(5.5 * 3600.0); 7])];

        let chart = Chart::new(("id", "Heading", "About"), &days, series, |_| 3600.0, |n| format!("{} h", n / 3600.0));

        let named: Vec<_> = chart.labels.iter().map(|it| it.day.as_str()).collect();
        assert_eq!(named, ["1 Mar", "3 Mar", "5 Mar", "7 Mar"]);
        assert_eq!(chart.scale, ["6 h", "3 h", "0 h"]);
    }
}

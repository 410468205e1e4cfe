//! The value in the middle: half of all are smaller. Of an even number, the mean of the two in the middle.
//!
//! Of everything together it is found without reading all values: the counts keep how many there are of about each size, so that only the
//! few of one size have to be looked at, through an index on the value.

use std::collections::BTreeMap;

use store::Tx;

use super::ask::{self, Apart};
use super::counts::{Level, QUARTER, least_of};
use super::sources::Source;
use super::{Key, Question};
use crate::Error;
use crate::page::Query;

/// Of all that the question is about.
pub(super) async fn of_everything(tx: &mut Tx, question: &Question, source: &Source) -> Result<Option<f64>, Error> {
    if !question.filters.is_empty() || !ask::counts_know(question) {
        let mut all = of_groups(tx, question, source, |_| Vec::new()).await?;
        return Ok(all.remove(&Vec::new()));
    }
    let mut query = Query::new("select part, cast(sum(n) as bigint) as n from statistics_counts where 1 = 1");
    query.and("measure =", Level::All.of(source.measure));
    query.and("quarter >=", question.period.start.as_microsecond() / QUARTER);
    query.and("quarter <", question.period.end.as_microsecond() / QUARTER);
    query.sql.push_str(" group by part order by part");
    let mut buckets = Vec::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        buckets.push((row.int("part")?, row.int("n")?));
    }
    let n: i64 = buckets.iter().map(|(_, n)| n).sum();
    if n == 0 {
        return Ok(None);
    }
    let low = nth(tx, question, source, &buckets, (n - 1) / 2).await?;
    let high = if n % 2 == 1 { low } else { nth(tx, question, source, &buckets, n / 2).await? };
    Ok(low.zip(high).map(|(low, high)| mean(low, high)))
}

/// The value that so many are before.
async fn nth(
    tx: &mut Tx,
    question: &Question,
    source: &Source,
    buckets: &[(i64, i64)],
    mut place: i64,
) -> Result<Option<i64>, Error> {
    for (bucket, n) in buckets {
        if place < *n {
            let mut query = Query::new(&format!("select {} as value from {}", source.value, source.table.from()));
            query.and(&format!("{} >=", source.value), least_of(*bucket));
            query.and(&format!("{} <", source.value), least_of(bucket + 1));
            ask::narrow(question, source, &mut query);
            let place = query.bind(place);
            query.sql.push_str(&format!(" order by {} limit 1 offset {place}", source.value));
            let row = tx.row(&query.sql, &query.params).await?;
            return Ok(row.map(|row| row.int("value")).transpose()?);
        }
        place -= n;
    }
    Ok(None)
}

/// Of each group: reads every value of the period, as numbers.
pub(super) async fn of_groups(
    tx: &mut Tx,
    question: &Question,
    source: &Source,
    mut key_of: impl FnMut(&Apart) -> Vec<Key>,
) -> Result<BTreeMap<Vec<Key>, f64>, Error> {
    let columns = ask::columns(question, false);
    let more = format!("{} as value, count(*) as n", source.value);
    let mut query = ask::rows_of(source, &columns, &more);
    ask::narrow(question, source, &mut query);
    query.sql.push_str(&ask::group_by_first(columns.len() + 1));
    let mut groups: BTreeMap<Vec<Key>, BTreeMap<i64, i64>> = BTreeMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        let key = key_of(&Apart::from_row(&row, &columns)?);
        *groups.entry(key).or_default().entry(row.int("value")?).or_default() += row.int("n")?;
    }
    Ok(groups.into_iter().filter_map(|(key, values)| Some((key, middle(&values)?))).collect())
}

/// Of values with how often each occurs.
fn middle(values: &BTreeMap<i64, i64>) -> Option<f64> {
    let n: i64 = values.values().sum();
    let at = |place: i64| {
        let mut before = 0;
        values.iter().find_map(|(value, n)| {
            before += n;
            (place < before).then_some(*value)
        })
    };
    let low = at((n - 1) / 2)?;
    Some(mean(low, at(n / 2)?))
}

#[expect(clippy::cast_precision_loss, reason = "seconds stay far below 2^53")]
fn mean(low: i64, high: i64) -> f64 {
    (low as f64 + high as f64) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_is_the_mean_of_two() {
        let of = |values: &[(i64, i64)]| middle(&values.iter().copied().collect());

        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(7, 1)]), Some(7.0));
        assert_eq!(of(&[(1, 2), (4, 1), (9, 1)]), Some(2.5));
        assert_eq!(of(&[(1, 1), (4, 1), (9, 1)]), Some(4.0));
    }
}

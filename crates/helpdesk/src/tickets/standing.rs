//! Under which brand a ticket is, and which of the account's own statuses it has, the default ones included. Both are written with the
//! ticket (`write.rs`).

use store::Tx;

use crate::Error;
use crate::page::Query;

/// Where a ticket stands: the default brand and the default one of its status, unless it has been given others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stands {
    pub brand_id: i64,
    pub custom_status_id: i64,
}

/// Of each of these tickets. One statement.
pub(super) async fn of(tx: &mut Tx, ids: &[i64]) -> Result<Vec<(i64, Stands)>, Error> {
    let mut query = Query::new(
        "select t.id, coalesce(t.brand_id, b.id) as brand_id, coalesce(t.custom_status_id, s.id) as custom_status_id
         from tickets t left join brands b on b.is_default = 1
         left join custom_statuses s on s.is_default = 1 and s.status = case t.status when 'closed' then 'solved' else t.status end
         where 1 = 1",
    );
    query.and_in("t.id", ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter()
        .map(|row| {
            let stands = Stands { brand_id: row.int("brand_id")?, custom_status_id: row.int("custom_status_id")? };
            Ok((row.int("id")?, stands))
        })
        .collect()
}

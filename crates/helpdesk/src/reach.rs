//! How much there is in this account, for people who are about to let an app at it. Never more than a glance: a count stops at
//! `COUNTED_MAX`, so it reads at most so many entries of an index, however large the account is.

use scope::permission::{Permission, Permissions};
use scope::resource::Kind;
use store::{StoreError, Tx};

/// From here on it is `more than`.
pub const COUNTED_MAX: i64 = 10_000;

/// So many of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub kind: Kind,
    /// At most one more than `COUNTED_MAX`.
    pub n: i64,
}

/// What is counted, with a walk of an index each: `tickets_by_created`, `people_by_created` twice, `tags_by_name`, `teams_by_name`.
const COUNTED: [(Kind, &str); 5] = [
    (
        Kind::Tickets,
        "select count(*) as n from (select created_at from tickets order by created_at, id limit $1) as counted",
    ),
    (
        Kind::Customers,
        "select count(*) as n from (select created_at from people where is_staff = 0 order by is_staff, created_at, id limit $1) as counted",
    ),
    (
        Kind::Users,
        "select count(*) as n from (select created_at from people where is_staff = 1 order by is_staff, created_at, id limit $1) as counted",
    ),
    (Kind::Tags, "select count(*) as n from (select name from tags order by name limit $1) as counted"),
    (Kind::Teams, "select count(*) as n from (select name from teams order by name limit $1) as counted"),
];

/// How many there are of each kind that these permissions read or write. Numbers only, so no permit is asked for; `permissions` are those
/// that the person who is shown them has by role.
pub async fn count(tx: &mut Tx, permissions: Permissions) -> Result<Vec<Reach>, StoreError> {
    let mut reach = Vec::new();
    for (kind, sql) in COUNTED {
        if permissions.contains(Permission::read(kind)) || permissions.contains(Permission::write(kind)) {
            let row = tx.row(sql, &[(COUNTED_MAX + 1).into()]).await?;
            reach.push(Reach { kind, n: row.ok_or(StoreError::Column("n"))?.int("n")? });
        }
    }
    Ok(reach)
}

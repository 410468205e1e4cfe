//! Pages of users.

use scope::permission::Permissions;
use scope::permit::CanRead;
use scope::resource::Users;
use scope::role::Role;
use store::Tx;

use super::{User, email_key, select_users};
use crate::Error;
use crate::page::{Column, Order, Page, Query, Slice, part_pattern};

/// Which users. The default is all of them.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub email: Option<String>,
    pub external_id: Option<String>,
    /// Only these roles. Empty: all.
    pub roles: Vec<Role>,
    /// Part of the name or the address, in any case of its letters.
    pub search: Option<String>,
    /// Whoever is there comes before whoever is away, whatever the order.
    pub available_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Name,
    Email,
    Created,
    Role,
}

/// The most that somebody of this role may do, for whoever describes roles.
pub const fn most_of(role: Role) -> Permissions {
    role.ceiling()
}

/// How many active users have each role. Served by `people_by_role`.
pub async fn count_by_role(tx: &mut Tx, _may: &CanRead<Users>) -> Result<Vec<(Role, i64)>, Error> {
    let sql =
        "select role, count(*) as n from people where is_staff = 1 and active = 1 and deleted_at is null group by role";
    let rows = tx.rows(sql, &[]).await?;
    let counted = rows.iter().map(|row| Ok((Role::parse(&row.text("role")?), row.int("n")?)));
    let counted = counted.collect::<Result<Vec<_>, store::StoreError>>()?;
    Ok(counted.into_iter().filter_map(|(role, n)| Some((role?, n))).collect())
}

/// Served by `people_by_name`, `people_by_email_sorted`, `people_by_created`, `people_by_role`; the filters narrow within them, and an exact
/// address or foreign id has its own index. `search` reads along the order: staff are few.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Users>,
    filter: &Filter,
    sort: Sort,
    descending: bool,
    slice: &Slice,
) -> Result<Page<User>, Error> {
    let mut query = Query::new(select_users!());
    if let Some(email) = &filter.email {
        query.and("p.email_key =", email_key(email));
    }
    if let Some(external_id) = &filter.external_id {
        query.and("p.external_id =", external_id);
    }
    if !filter.roles.is_empty() {
        query.and_in("p.role", filter.roles.iter().map(|role| role.word()));
    }
    if let Some(search) = &filter.search {
        let pattern = query.bind(part_pattern(&search.to_lowercase()));
        query.and_text(&format!("(p.name_key like {pattern} escape '!' or p.email_key like {pattern} escape '!')"));
    }
    // The order's direction holds for all its columns, so being there counts up or down with it.
    const AWAY: Column = Column::Int("p.is_away", "is_away");
    const THERE: Column = Column::Int("1 - p.is_away", "is_there");
    const ID: Column = Column::Int("p.id", "id");
    const NAME: Column = Column::Text("p.name", "name");
    const EMAIL: Column = Column::Text("p.email_key", "email_key");
    const CREATED: Column = Column::Int("p.created_at", "created_at");
    const ROLE: Column = Column::Int("p.role_rank", "role_rank");
    let columns: &'static [Column] = match (filter.available_first, descending, sort) {
        (false, _, Sort::Name) => &[NAME, ID],
        (false, _, Sort::Email) => &[EMAIL, ID],
        (false, _, Sort::Created) => &[CREATED, ID],
        (false, _, Sort::Role) => &[ROLE, ID],
        (true, false, Sort::Name) => &[AWAY, NAME, ID],
        (true, false, Sort::Email) => &[AWAY, EMAIL, ID],
        (true, false, Sort::Created) => &[AWAY, CREATED, ID],
        (true, false, Sort::Role) => &[AWAY, ROLE, ID],
        (true, true, Sort::Name) => &[THERE, NAME, ID],
        (true, true, Sort::Email) => &[THERE, EMAIL, ID],
        (true, true, Sort::Created) => &[THERE, CREATED, ID],
        (true, true, Sort::Role) => &[THERE, ROLE, ID],
    };
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| User::from_row(&row))
}

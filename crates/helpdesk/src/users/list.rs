//! Pages of users.

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Name,
    Email,
    Created,
    Role,
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
    let columns: &'static [Column] = match sort {
        Sort::Name => &[Column::Text("p.name", "name"), Column::Int("p.id", "id")],
        Sort::Email => &[Column::Text("p.email_key", "email_key"), Column::Int("p.id", "id")],
        Sort::Created => &[Column::Int("p.created_at", "created_at"), Column::Int("p.id", "id")],
        Sort::Role => &[Column::Int("p.role_rank", "role_rank"), Column::Int("p.id", "id")],
    };
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| User::from_row(&row))
}

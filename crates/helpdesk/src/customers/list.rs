//! Pages of customers.

use scope::permit::CanRead;
use scope::resource::Customers;
use store::Tx;

use super::{Customer, select_customers};
use crate::Error;
use crate::addresses::key_of;
use crate::custom_fields::{self, Carrier, Values};
use crate::filter::{Condition, Viewpoint, sql};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::users::email_key;

/// Which customers. The default is all of them.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub email: Option<String>,
    pub external_id: Option<String>,
    /// The whole name, as written.
    pub name: Option<String>,
    pub language: Option<String>,
    pub timezone: Option<String>,
    /// Reachable by this kind of address, and by exactly this one if it is given too.
    pub address_kind: Option<String>,
    pub address: Option<String>,
    /// What else must hold of them. Compiled against the clock and the person who looks.
    pub condition: Option<(Condition, Viewpoint)>,
    /// Only these. An empty list finds nobody.
    pub ids: Option<Vec<i64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    Updated,
}

/// A customer as in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerInList {
    pub customer: Customer,
    pub fields: Values,
}

/// Two statements, whatever the page's length: the customers, then all their field values.
///
/// Served by `people_by_created` and `people_by_updated`. The filters have indexes of their own: `people_by_email`,
/// `people_by_external_id`, `people_by_whole_name`, `people_by_language`, `people_by_timezone`, `addresses_by_key`, `addresses_by_person`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Customers>,
    filter: &Filter,
    sort: Sort,
    descending: bool,
    slice: &Slice,
) -> Result<Page<CustomerInList>, Error> {
    let mut query = Query::new(select_customers!());
    if let Some(email) = &filter.email {
        query.and("p.email_key =", email_key(email));
    }
    let texts = [
        ("p.external_id =", &filter.external_id),
        ("p.name =", &filter.name),
        ("p.language =", &filter.language),
        ("p.timezone =", &filter.timezone),
    ];
    for (left, value) in texts {
        if let Some(value) = value {
            query.and(left, value);
        }
    }
    match (&filter.address_kind, &filter.address) {
        (Some(kind), Some(address)) => {
            let key = key_of(kind, address).map_err(|error| error.on_field("channel_address"))?;
            let kind = query.bind(kind);
            let key = query.bind(key);
            // The address belongs to one customer at most: found first, by `addresses_by_key`.
            query.and_text(&format!(
                "p.id = (select person_id from addresses where type = {kind} and address_key = {key})"
            ));
        }
        (Some(kind), None) => {
            let kind = query.bind(kind);
            query.and_text(&format!("exists (select 1 from addresses a where a.person_id = p.id and a.type = {kind})"));
        }
        (None, _) => {}
    }
    if let Some(ids) = &filter.ids {
        query.and_in("p.id", ids.iter().copied());
    }
    if let Some((condition, viewpoint)) = &filter.condition {
        let condition = sql::compile_for_customers(&mut query, condition, viewpoint)?;
        query.and_text(&format!("({condition})"));
    }
    let columns: &'static [Column] = match sort {
        Sort::Created => &[Column::Int("p.created_at", "created_at"), Column::Int("p.id", "id")],
        Sort::Updated => &[Column::Int("p.updated_at", "updated_at"), Column::Int("p.id", "id")],
    };
    let page = query.page(tx, Order { columns, descending }, slice).await?;
    let mut page =
        page.try_map(|row| Ok(CustomerInList { customer: Customer::from_row(&row)?, fields: Values::new() }))?;
    let put = |item: &mut CustomerInList, values| item.fields = values;
    custom_fields::fill_values(tx, Carrier::Customer, &mut page.items, |item| item.customer.id, put).await?;
    Ok(page)
}

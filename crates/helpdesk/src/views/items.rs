//! What is in a view, and how much.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Customers, Jobs, Tickets, Views};
use store::Tx;

use super::{Lists, View};
use crate::Error;
use crate::customers::{self, CustomerInList};
use crate::filter::{Condition, Field, Operand, Operator, Test, Viewpoint, sql};
use crate::page::{Page, Query, Slice};
use crate::search::phrases::Phrases;
use crate::tickets::TicketInList;
use crate::tickets::list::{self, Direction};
use crate::tickets::matching::{self, Matching, Sort};

/// From here on it is `more than`.
pub const COUNTED_MAX: i64 = 1_000;

/// What a view asks for. A saved one has it, and an unsaved one is nothing else.
#[derive(Debug, Clone)]
pub struct Asked {
    pub condition: Condition,
    pub search: Option<String>,
    pub viewpoint: Viewpoint,
}

impl Asked {
    /// The view as this person sees it now.
    pub fn of(view: &View, viewpoint: Viewpoint) -> Asked {
        Asked { condition: view.condition.clone(), search: view.search.clone(), viewpoint }
    }

    /// Only what a plain list's filter lets through too.
    pub fn within(mut self, filter: &list::Filter) -> Asked {
        let mut parts = vec![whole_condition(&self.condition)];
        if let Some(id) = filter.customer_id {
            parts.push(is(Field::CustomerId, Operator::Equal, Operand::Int(id)));
        }
        if let Some(external_id) = &filter.external_id {
            parts.push(is(Field::ExternalId, Operator::Equal, Operand::Text(external_id.clone())));
        }
        if let Some(ids) = &filter.ids {
            let ids = ids.iter().map(|id| Operand::Int(*id)).collect();
            parts.push(is(Field::Id, Operator::ContainsAny, Operand::List(ids)));
        }
        if filter.trash == list::Trash::LeftOut {
            parts.push(is(Field::TrashedAt, Operator::IsEmpty, Operand::Nothing));
        }
        self.condition = Condition::All(parts);
        self
    }
}

/// The condition with what every view leaves out unless it asks for it: the trash, and spam (Gorgias contract, `conventions.trash_spam`).
pub fn whole_condition(condition: &Condition) -> Condition {
    let mut parts = vec![condition.clone()];
    if !names(condition, Field::TrashedAt) {
        parts.push(is(Field::TrashedAt, Operator::IsEmpty, Operand::Nothing));
    }
    if !names(condition, Field::Spam) && !names(condition, Field::TrashedAt) {
        parts.push(is(Field::Spam, Operator::Equal, Operand::Flag(false)));
    }
    Condition::All(parts)
}

/// What the saved view with this id lets a job do its work on. `Invalid` on `params.view_id` if there is none that whoever starts the job
/// may see, or if it does not list tickets by its condition alone: a search finds the best of many, and a job would leave out the rest.
pub async fn of_job(tx: &mut Tx, may: &CanWrite<Jobs>, view_id: i64) -> Result<Condition, Error> {
    let problem = match super::read(tx, may.actor(), view_id).await {
        Err(Error::NotFound { .. }) => "No view has this id.",
        Err(error) => return Err(error),
        Ok(view) if view.lists != Lists::Tickets => "The view lists customers.",
        Ok(view) if view.search.as_deref().is_some_and(|search| !search.trim().is_empty()) => {
            "A job cannot search: the view must name its tickets by filters alone."
        }
        Ok(view) => return Ok(whole_condition(&view.condition)),
    };
    Err(Error::invalid("params.view_id", problem))
}

/// The same of what is written into a file for whoever may see the view: `NotFound` otherwise. A search is passed over.
pub async fn of_export(tx: &mut Tx, may: &CanRead<Views>, view_id: i64) -> Result<Condition, Error> {
    let view = super::read(tx, may.actor(), view_id).await?;
    match view.lists {
        Lists::Tickets => Ok(whole_condition(&view.condition)),
        Lists::Customers => Err(Error::NotFound { kind: "view", id: view_id }),
    }
}

/// A slice of its tickets.
pub async fn tickets(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    asked: &Asked,
    order: (Sort, Direction),
    slice: &Slice,
) -> Result<Page<TicketInList>, Error> {
    let condition = whole_condition(&asked.condition);
    matching::list(tx, may, asked.matching(&condition), order, slice).await
}

/// How many tickets, counted up to one more than `COUNTED_MAX`. Always true: it is counted, and a count stops early.
pub async fn count(tx: &mut Tx, may: &CanRead<Tickets>, asked: &Asked) -> Result<i64, Error> {
    count_to(tx, may, asked, COUNTED_MAX + 1).await
}

/// The same, counted up to `at_most`.
pub async fn count_to(tx: &mut Tx, may: &CanRead<Tickets>, asked: &Asked, at_most: i64) -> Result<i64, Error> {
    let condition = whole_condition(&asked.condition);
    matching::count(tx, may, asked.matching(&condition), at_most).await
}

/// A slice of the customers of a view that lists them. They have two orders only; any other counts as by update.
pub async fn customers(
    tx: &mut Tx,
    may: &CanRead<Customers>,
    asked: &Asked,
    (sort, direction): (Sort, Direction),
    slice: &Slice,
) -> Result<Page<CustomerInList>, Error> {
    let filter = customers::Filter {
        condition: Some((asked.condition.clone(), asked.viewpoint)),
        ..customers::Filter::default()
    };
    let sort = if sort == Sort::Created { customers::Sort::Created } else { customers::Sort::Updated };
    customers::list(tx, may, &filter, sort, direction == Direction::Descending, slice).await
}

/// `Invalid` on `filters` for a condition that cannot be asked of what is listed.
pub fn check(lists: Lists, condition: &Condition) -> Result<(), Error> {
    let viewpoint = Viewpoint { now: Timestamp::UNIX_EPOCH, person_id: None };
    let mut query = Query::default();
    match lists {
        Lists::Tickets => sql::compile(&mut query, condition, &viewpoint),
        Lists::Customers => sql::compile_for_customers(&mut query, condition, &viewpoint),
    }
    .map(|_text| ())
}

impl Asked {
    fn matching<'a>(&'a self, condition: &'a Condition) -> Matching<'a> {
        Matching { condition, search: self.search.as_deref(), phrases: Phrases::NONE, viewpoint: self.viewpoint }
    }
}

fn names(condition: &Condition, field: Field) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| names(part, field)),
        Condition::Not(inner) => names(inner, field),
        Condition::Is(test) => test.field == field,
    }
}

fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
    Condition::Is(Test { field, operator, operand })
}

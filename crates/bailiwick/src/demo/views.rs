//! The demo's views, beside the account's own.

use helpdesk::Error;
use helpdesk::tickets::matching::Sort;
use helpdesk::views::write::{self, NewView};
use helpdesk::views::{Lists, View, Visibility};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Views;
use store::Tx;

/// The team's views. The first is the one that bulk edits and exports take; one is the
/// owner's alone, and one is shared with the team `returns`.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Views>,
    now: Timestamp,
    owner: i64,
    returns: i64,
) -> Result<View, Error> {
    let refunds = create_one(
        tx,
        may,
        now,
        view("Open refunds", "eq(ticket.tags.name, 'refund') && eq(ticket.status, 'open')", Sort::Created)?,
    )
    .await?;
    let urgent = "eq(ticket.status, 'open') && containsAny(ticket.priority, ['critical', 'high'])";
    create_one(tx, may, now, view("Urgent and open", urgent, Sort::Priority)?).await?;
    let overdue = "eq(ticket.status, 'open') && eq(ticket.tags.name, 'overdue')";
    create_one(tx, may, now, view("Overdue", overdue, Sort::Created)?).await?;
    let shared = NewView {
        visibility: Visibility::Shared,
        team_ids: vec![returns],
        ..view(
            "Returns of this week",
            "containsAny(ticket.tags.name, ['return', 'exchange', 'damaged']) && lteTimedelta(ticket.created_datetime, '1w')",
            Sort::Created,
        )?
    };
    create_one(tx, may, now, shared).await?;
    let mine = "eq(ticket.assignee_user.id, '{{current_user.id}}') && eq(ticket.status, 'open')";
    let mine = NewView {
        visibility: Visibility::Private,
        person_ids: vec![owner],
        ..view("On my desk", mine, Sort::LastMessage)?
    };
    create_one(tx, may, now, mine).await?;
    Ok(refunds)
}

async fn create_one(tx: &mut Tx, may: &CanWrite<Views>, now: Timestamp, new: NewView) -> Result<View, Error> {
    write::create(tx, may, now, &new).await
}

fn view(name: &str, filter: &str, sort: Sort) -> Result<NewView, Error> {
    let condition =
        gorgias_code::filter(filter).map_err(|error| Error::invalid("filters", error.to_string()))?.condition;
    Ok(NewView {
        slug: None,
        name: name.to_owned(),
        description: None,
        lists: Lists::Tickets,
        condition,
        source: filter.to_owned(),
        search: None,
        fields: ["details", "tags", "customer", "created", "priority"].map(str::to_owned).to_vec(),
        sort,
        descending: true,
        visibility: Visibility::Public,
        person_ids: Vec::new(),
        team_ids: Vec::new(),
        decoration: None,
        section_id: None,
    })
}

//! Merging two customers who are one person.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Customers;
use serde_json::json;
use store::Tx;

use super::{Changes, CustomerDetail, read, write};
use crate::addresses::EMAIL;
use crate::events::{self, Change};
use crate::people::{self, AddressRef};
use crate::{Error, custom_fields, help_center, organizations, search};

/// Gives the tickets, messages and addresses of one customer to another, who takes the chosen values, and removes the first.
/// Two statements for the tickets and messages, however many: few customers have more than some hundred.
pub async fn merge(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    source_id: i64,
    target_id: i64,
    chosen: &Changes,
) -> Result<CustomerDetail, Error> {
    if source_id == target_id {
        return Err(Error::invalid("source_id", "A customer cannot be merged into themselves."));
    }
    // In one order, so that two merges in opposite directions do not wait for each other.
    people::lock(tx, source_id.min(target_id)).await?;
    people::lock(tx, source_id.max(target_id)).await?;
    let source = read(tx, source_id).await?;
    let target = read(tx, target_id).await?;
    let is_known_to = |integration_id| target.integrations.iter().any(|it| it.integration_id == integration_id);
    if source.integrations.iter().any(|it| is_known_to(it.integration_id)) {
        // Neither answer may be lost, and one customer has room for one (Gorgias contract, `customers`).
        return Err(Error::Taken { kind: "customer", field: "integrations" });
    }
    let n_tickets = tx
        .run(
            "update tickets set customer_id = $1, updated_at = $2 where customer_id = $3",
            &[target_id.into(), now.into(), source_id.into()],
        )
        .await?;
    tx.run("update messages set sender_id = $1 where sender_id = $2", &[target_id.into(), source_id.into()]).await?;
    tx.run("update messages set receiver_id = $1 where receiver_id = $2", &[target_id.into(), source_id.into()])
        .await?;
    tx.run(
        "update satisfaction_surveys set customer_id = $1 where customer_id = $2",
        &[target_id.into(), source_id.into()],
    )
    .await?;
    if target.customer.data.is_none() {
        tx.run("update people set data = $1 where id = $2", &[source.customer.data.as_ref().into(), target_id.into()])
            .await?;
    }
    for table in
        ["integration_data set person_id = $1 where person_id", "voice_calls set customer_id = $1 where customer_id"]
    {
        tx.run(&format!("update {table} = $2"), &[target_id.into(), source_id.into()]).await?;
    }
    custom_fields::merge_customers(tx, source_id, target_id).await?;
    organizations::merge_members(tx, source_id, target_id).await?;
    help_center::merge_people(tx, source_id, target_id).await?;
    // Their addresses go with them, so that the target can take them over.
    tx.run("delete from people where id = $1", &[source_id.into()]).await?;
    search::forget_customer(tx, source_id).await?;

    let mut changes = chosen.clone();
    let email = changes.email.clone().flatten().or(target.customer.email.clone()).or(source.customer.email.clone());
    if changes.addresses.is_none() {
        let theirs =
            source.addresses.iter().map(|address| AddressRef { preferred: false, ..AddressRef::from(address) });
        changes.addresses = Some(target.addresses.iter().map(AddressRef::from).chain(theirs).collect());
        changes.email = Some(email);
    } else if changes.email.is_none() {
        let has_email = changes.addresses.iter().flatten().any(|item| item.kind == EMAIL);
        changes.email = Some(email.filter(|_| !has_email));
    }
    let as_is = read(tx, target_id).await?;
    let after = write::write(tx, now, &as_is, &changes).await?;
    let (old, new) = events::difference(target.fields(), after.fields());
    let change = Change {
        kind: "customer-merged",
        object_type: "Customer",
        object_id: target_id,
        before: Some(old),
        after: Some(new),
        data: Some(json!({ "source_id": source_id, "target_id": target_id, "n_tickets": n_tickets })),
    };
    events::record(tx, may.actor(), now, change).await?;
    let change = Change {
        kind: "customer-deleted",
        object_type: "Customer",
        object_id: source_id,
        before: Some(source.fields()),
        after: None,
        data: Some(json!({ "merged_into": target_id })),
    };
    events::record(tx, may.actor(), now, change).await?;
    Ok(after)
}

//! Apps that came with a metadata document, and what an administrator decides about each (CM-7).

use helpdesk::Error;
use helpdesk::events::{self, Change};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use serde_json::json;
use store::{StoreError, Tx, transact};

use crate::Provider;
use crate::clients::{self, Approval};
use crate::families::{self, Because};

/// A line of the administrator's list.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentClient {
    pub id: i64,
    pub client_id: String,
    pub name: String,
    pub approval: Approval,
    pub created_at: Timestamp,
    pub document_fetched_at: Option<Timestamp>,
}

/// The newest first. Served by `clients_by_registration`.
pub async fn list(tx: &mut Tx, _may: &CanRead<Apps>, limit: i64) -> Result<Vec<DocumentClient>, StoreError> {
    let rows = tx
        .rows(
            "select id, client_id, name, approval, created_at, document_fetched_at from clients
             where registered_by = 'cimd' and status <> 'deleted' order by created_at desc, id desc limit $1",
            &[limit.into()],
        )
        .await?;
    let read = rows.iter().map(|row| {
        Ok(DocumentClient {
            id: row.int("id")?,
            client_id: row.text("client_id")?,
            name: row.text("name")?,
            approval: Approval::parse(&row.text("approval")?).ok_or(StoreError::Column("approval"))?,
            created_at: row.time("created_at")?,
            document_fetched_at: row.time_or_null("document_fetched_at")?,
        })
    });
    read.collect()
}

impl Provider {
    /// Lets an app in, or refuses it: then what it has ends too. `NotFound` for an app that did not come with a document.
    pub async fn decide_on_client(&self, may: &CanWrite<Apps>, id: i64, decision: Approval) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let client = clients::by_row(tx, id).await?;
            let Some(client) = client.filter(|it| it.registered_by == clients::documents::REGISTERED_BY) else {
                return Err(Error::NotFound { kind: "app", id });
            };
            if client.approval == decision {
                return Ok(());
            }
            tx.run(
                "update clients set approval = $1, updated_at = $2 where id = $3",
                &[decision.word().into(), now.into(), id.into()],
            )
            .await?;
            if decision == Approval::Refused {
                tx.run("delete from authorization_requests where client_id = $1", &[id.into()]).await?;
                tx.run(
                    "update grants set revoked_at = $1 where client_id = $2 and revoked_at is null",
                    &[now.into(), id.into()],
                )
                .await?;
                families::revoke_of_client(tx, now, id, Because::ClientDeleted).await?;
            }
            let change = Change {
                kind: "app-updated",
                object_type: "App",
                object_id: id,
                before: Some(json!({ "approval": client.approval.word() })),
                after: Some(json!({ "approval": decision.word() })),
                data: None,
            };
            events::record(tx, may.actor(), now, change).await
        })?;
        self.forget_client(id);
        Ok(())
    }
}

//! Whether a job can be started: that the person may do such a thing at all, and that what the work names is there.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, Permit};
use scope::resource::{Access, AuditLog, Files, Macros, Read, Resource, Tickets, Write};
use store::Tx;

use super::job::{self, Work};
use super::lists::List;
use super::selection;
use crate::tickets::bulk;
use crate::{Error, files, macros};

/// `Invalid` on a path below `params`; `Refused` where it is about the person or the job as a whole.
pub(super) async fn check(tx: &mut Tx, actor: &Actor, now: Timestamp, work: &Work) -> Result<(), Error> {
    if work.is_edit() {
        permit::<Tickets, Write>(actor, "change tickets")?;
    }
    if let Some(selection) = work.selection() {
        selection.check(selection::viewpoint(actor.person_id, now))?;
    }
    match work {
        Work::UpdateTickets { sets, .. } => {
            if sets.is_empty() {
                return Err(Error::invalid("params.updates", "Names nothing to change."));
            }
            bulk::check(tx, sets).await.map_err(|error| crate::people::prefixed("params.updates", error))
        }
        Work::Undo { job_id } => {
            let undone = job::take(tx, *job_id).await.map_err(|error| match error {
                Error::NotFound { .. } => Error::invalid("params.undo_job_id", "No job has this id."),
                other => other,
            })?;
            job::why_not_undo(&undone, now).map_or(Ok(()), |why| Err(Error::Refused(why.to_owned())))
        }
        Work::ApplyMacro { macro_id, .. } => match macros::read(tx, *macro_id).await {
            Err(Error::NotFound { .. }) => Err(Error::invalid("params.macro_id", "No macro has this id.")),
            other => other.map(|_| ()),
        },
        Work::ExportMacros { .. } => permit::<Macros, Read>(actor, "read macros").map(drop),
        Work::ExportList { list: List::AuditLog(_) } => permit::<AuditLog, Read>(actor, "read the audit log").map(drop),
        Work::ExportList { list: List::HeldMessages } => permit::<Tickets, Read>(actor, "read tickets").map(drop),
        Work::ImportMacros { path } => {
            permit::<Macros, Write>(actor, "change macros")?;
            let may: CanRead<Files> = permit(actor, "read files")?;
            match files::at_path(tx, &may, path).await {
                Err(Error::NotFound { .. }) => Err(Error::invalid("params.url", "No file of ours has this address.")),
                other => other.map(|_| ()),
            }
        }
        Work::DeleteTickets { .. } | Work::ExportTickets { .. } | Work::Import { .. } | Work::Batch { .. } => Ok(()),
    }
}

/// What the person's role allows, whatever the token that started the job was for.
fn permit<R: Resource, A: Access>(actor: &Actor, to_do: &str) -> Result<Permit<R, A>, Error> {
    let refused = |_| Error::Refused(format!("The role of this person does not allow to {to_do}."));
    Permit::deferred(actor).map_err(refused)
}

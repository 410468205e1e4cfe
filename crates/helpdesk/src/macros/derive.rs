//! A macro made of a ticket, as somebody begins one who has just handled it. It is stored nowhere.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Tickets;
use store::Tx;

use super::{Macro, NAME_MAX_CHARS};
use crate::Error;
use crate::actions::{Action, Text};
use crate::tickets;

/// Sets what the ticket has, and says the newest public answer. `NotFound` for a ticket that is not there.
pub async fn from_ticket(tx: &mut Tx, may: &CanRead<Tickets>, now: Timestamp, id: i64) -> Result<Macro, Error> {
    let found = tickets::find(tx, may, id).await?;
    let ticket = &found.ticket;
    let mut actions = vec![
        Action::SetStatus(ticket.status.word().to_owned()),
        Action::SetPriority(ticket.priority.word().to_owned()),
    ];
    if let Some(id) = ticket.assignee_team_id {
        actions.push(Action::AssignTeam(Some(id)));
    }
    if let Some(id) = ticket.assignee_user_id {
        actions.push(Action::AssignUser(Some(id)));
    }
    if !found.tags.is_empty() {
        actions.push(Action::SetTags(found.tags.iter().map(|tag| tag.name.clone()).collect()));
    }
    let answer = found.messages.iter().rev().find(|message| message.public && message.from_agent);
    if let Some(answer) = answer {
        actions.push(Action::Reply(Text {
            body_text: answer.body_text.clone().unwrap_or_default(),
            body_html: answer.body_html.clone(),
            attachments: None,
        }));
    }
    Ok(Macro {
        id: 0,
        external_id: None,
        name: ticket.subject.as_deref().unwrap_or_default().chars().take(NAME_MAX_CHARS).collect(),
        description: None,
        position: 0,
        intent: None,
        language: None,
        source: None,
        actions,
        usage: 0,
        created_at: now,
        updated_at: now,
        archived_at: None,
    })
}

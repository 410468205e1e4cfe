//! THE TABLE OF TOOLS. A new one is a handler in a file of its resource and a row here.

mod customers;
mod tags;
mod tickets;

use std::sync::LazyLock;

use scope::permission::Permissions;

use crate::tool::Tool;

/// All tools, in the order in which they are listed.
pub(crate) static TABLE: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    vec![
        Tool::new(
            "search_customers",
            "Find customers by e-mail address, whole name or the id another system has for them; without any, the newest first.",
            customers::search,
        ),
        Tool::new("get_customer", "One customer with all addresses, by id.", customers::find),
        Tool::new(
            "list_tickets",
            "Tickets, last changed first: all of them, or those of one customer. Messages are not in it.",
            tickets::list,
        ),
        Tool::new(
            "get_ticket",
            "One ticket with its tags, by id. Messages are not in it: see list_messages.",
            tickets::find,
        ),
        Tool::new(
            "list_messages",
            "The messages of a ticket, oldest first: what the customer wrote, what was answered, and internal notes.",
            tickets::messages,
        ),
        Tool::new(
            "reply_to_ticket",
            "Answer the customer. The reply is public and leaves on the ticket's own channel. It cannot be taken back.",
            tickets::reply,
        ),
        Tool::new("add_internal_note", "Write a note on a ticket that only staff see.", tickets::add_note),
        Tool::new("set_ticket_status", "Change the status of a ticket.", tickets::set_status),
        Tool::new(
            "add_ticket_tag",
            "Put a tag on a ticket, by name. A tag that does not exist is created.",
            tickets::add_tag,
        ),
        Tool::new(
            "list_tags",
            "The tags of the account, newest first, or those whose name contains a text.",
            tags::list,
        ),
    ]
});

/// What they need, all together.
pub(crate) fn permissions() -> Permissions {
    TABLE.iter().fold(Permissions::NONE, |all, tool| all.union(tool.needs))
}

pub(crate) fn find(name: &str) -> Option<&'static Tool> {
    TABLE.iter().find(|tool| tool.name == name)
}

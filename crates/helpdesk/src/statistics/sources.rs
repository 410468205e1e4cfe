//! Where each number comes from, as the database is asked: the families of numbers, each a list of what is counted.
//!
//! `counts.rs` counts the same while events come in; a test holds the two together.

/// One thing that is counted, at a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Its measure in `statistics_counts`.
    pub measure: &'static str,
    pub table: Table,
    /// Column with the time that it is counted at.
    pub time: &'static str,
    /// What must hold besides being counted.
    pub condition: &'static str,
    /// What is summed.
    pub value: &'static str,
    /// What is told apart.
    pub part: Part,
    pub user: &'static str,
    pub channel: &'static str,
    pub integration: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Tickets,
    Messages,
    Tags,
    Surveys,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Nothing is.
    None,
    /// A column.
    Column(&'static str),
    /// The size of the value: the counts keep buckets of it, so that the value in the middle is found.
    Bucket,
}

impl Table {
    /// Every table with its ticket `f`, and the condition that it counts.
    pub const fn from(self) -> &'static str {
        match self {
            Table::Tickets => "statistics_tickets f where f.counted = 1",
            Table::Messages => {
                "statistics_messages m join statistics_tickets f on f.ticket_id = m.ticket_id where m.counted = 1 and m.public = 1"
            }
            Table::Tags => {
                "statistics_ticket_tags g join statistics_tickets f on f.ticket_id = g.ticket_id where g.counted = 1"
            }
            Table::Surveys => {
                "statistics_surveys s join statistics_tickets f on f.ticket_id = s.ticket_id where s.counted = 1"
            }
        }
    }
}

const fn tickets(measure: &'static str, time: &'static str, condition: &'static str) -> Source {
    Source {
        measure,
        table: Table::Tickets,
        time,
        condition,
        value: "0",
        part: Part::None,
        user: "f.assignee_user_id",
        channel: "f.channel",
        integration: "f.integration_id",
    }
}

const fn messages(measure: &'static str, condition: &'static str) -> Source {
    Source {
        table: Table::Messages,
        user: "m.sender_id",
        channel: "m.channel",
        integration: "m.integration_id",
        ..tickets(measure, "m.sent_at", condition)
    }
}

// Tickets.
pub const CREATED: Source = Source { value: "f.n_messages", ..tickets("created", "f.created_at", "1 = 1") };
pub const OPEN: Source = tickets("open", "f.created_at", "f.closed_at is null");
pub const REPLIED: Source = tickets("replied", "f.created_at", "f.n_replies > 0");
pub const CLOSED: Source = tickets("closed", "f.closed_at", "f.closed_at is not null");
pub const ONE_TOUCH: Source = tickets("one-touch", "f.closed_at", "f.closed_at is not null and f.n_human_replies = 1");
pub const ZERO_TOUCH: Source =
    tickets("zero-touch", "f.closed_at", "f.closed_at is not null and f.n_human_replies = 0");
pub const AUTOMATED: Source =
    tickets("automated", "f.created_at", "f.closed_at is not null and f.n_human_replies = 0 and f.n_replies > 0");
pub const TAGGED: Source =
    Source { table: Table::Tags, part: Part::Column("g.tag_id"), ..tickets("tagged", "g.tagged_at", "1 = 1") };

// Times.
pub const HANDLED: Source =
    Source { value: "f.handle_seconds", ..tickets("handled", "f.created_at", "f.handle_seconds > 0") };
pub const RESOLUTION: Source = Source {
    value: "f.resolution_seconds",
    part: Part::Bucket,
    ..tickets("resolution", "f.created_at", "f.resolution_seconds is not null")
};
pub const FIRST_REPLY: Source = Source {
    value: "f.first_reply_seconds",
    part: Part::Bucket,
    ..tickets("first-reply", "f.first_reply_at", "f.first_reply_at is not null")
};
pub const FIRST_HUMAN_REPLY: Source = Source {
    value: "f.first_human_reply_seconds",
    part: Part::Bucket,
    ..tickets("first-human-reply", "f.first_human_reply_at", "f.first_human_reply_at is not null")
};
pub const RESPONSE: Source = Source {
    value: "m.response_seconds",
    part: Part::Bucket,
    ..messages("response", "m.from_agent = 1 and m.response_seconds is not null")
};

// Messages.
pub const SENT: Source = Source { part: Part::Column("m.automated"), ..messages("sent", "m.from_agent = 1") };
pub const SENT_BY_MACRO: Source = Source {
    part: Part::Column("m.macro_id"),
    ..messages("sent-by-macro", "m.from_agent = 1 and m.macro_id is not null")
};
pub const RECEIVED: Source = Source { user: "0", ..messages("received", "m.from_agent = 0") };

// Surveys.
pub const SURVEY_SENT: Source =
    Source { table: Table::Surveys, ..tickets("survey-sent", "s.created_at", "s.sent_at is not null") };
pub const SURVEY_SCORED: Source = Source {
    table: Table::Surveys,
    value: "s.score",
    part: Part::Column("s.score"),
    ..tickets("survey-scored", "s.created_at", "s.score is not null")
};

//! What can be asked: the named statistics with their numbers (Gorgias contract, `statistics.reporting_scopes`). Whoever asks in another
//! vendor's words asks for one of these.

use super::sources::{self, Source};

/// A named statistic.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    pub name: &'static str,
    pub measures: &'static [Measure],
    pub dimensions: &'static [Dimension],
    /// The name of the time it is counted at, and another that is taken for it.
    pub times: &'static [&'static str],
    /// A filter that must be there.
    pub required_filter: Option<&'static str>,
    /// What opens its numbers to tickets. None where there is nothing behind them.
    pub tickets: Option<Source>,
}

#[derive(Debug, Clone, Copy)]
pub struct Measure {
    pub name: &'static str,
    pub calc: Calc,
}

/// How a number is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calc {
    Count(Source),
    /// Only of this part.
    CountPart(Source, i64),
    Sum(Source),
    Average(Source),
    Median(Source),
    /// The first of a hundred of the second.
    Percent(Source, Source),
    /// Scores of 4 and 5, of a hundred scores.
    Satisfied(Source),
    /// Nothing of the kind happens here: a count of nothing.
    Zero,
    /// The same for what has no value without any.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    TicketId,
    User,
    Channel,
    Integration,
    Tag,
    Macro,
    /// Of a field of the account's own.
    FieldValue,
    /// What we keep nothing of: always null.
    Unknown(&'static str),
}

use Calc::{Average, Count, CountPart, Median, Nothing, Percent, Satisfied, Sum, Zero};
use Dimension::{Channel, Integration, Macro, Tag, TicketId, Unknown, User};

impl Dimension {
    pub const fn name(self) -> &'static str {
        match self {
            Dimension::TicketId => "ticketId",
            Dimension::User => "agentId",
            Dimension::Channel => "channel",
            Dimension::Integration => "integrationId",
            Dimension::Tag => "tagId",
            Dimension::Macro => "macroId",
            Dimension::FieldValue => "customFieldValue",
            Dimension::Unknown(name) => name,
        }
    }
}

impl Calc {
    /// What it is made of.
    pub fn sources(self) -> Vec<Source> {
        match self {
            Count(source)
            | CountPart(source, _)
            | Sum(source)
            | Average(source)
            | Median(source)
            | Satisfied(source) => {
                vec![source]
            }
            Percent(part, whole) => vec![part, whole],
            Zero | Nothing => Vec::new(),
        }
    }
}

const STORE: Dimension = Unknown("storeId");
const USUAL: &[Dimension] = &[User, Channel, Integration, STORE];
const OF_TICKETS: &[Dimension] = &[TicketId, User, Channel, Integration, STORE];
const NO_USER: &[Dimension] = &[Channel, Integration, STORE];

const fn measure(name: &'static str, calc: Calc) -> Measure {
    Measure { name, calc }
}

const fn scope(
    name: &'static str,
    measures: &'static [Measure],
    dimensions: &'static [Dimension],
    times: &'static [&'static str],
    tickets: Option<Source>,
) -> Scope {
    Scope { name, measures, dimensions, times, required_filter: None, tickets }
}

const CREATED_AT: &[&str] = &["createdDatetime"];
const CLOSED_AT: &[&str] = &["closedDatetime"];
const REPLIED_AT: &[&str] = &["firstAgentMessageDatetime"];
const SENT_AT: &[&str] = &["sentDatetime"];
const AT: &[&str] = &["timestamp"];

macro_rules! counted {
    ($name:literal, $source:expr, $dimensions:expr, $times:expr) => {{
        const SOURCE: Source = $source;
        scope($name, &[measure("ticketCount", Count(SOURCE))], $dimensions, $times, Some(SOURCE))
    }};
}

/// All that have names.
pub const ALL: &[Scope] = &[
    counted!("tickets-created", sources::CREATED, OF_TICKETS, CREATED_AT),
    counted!("tickets-closed", sources::CLOSED, OF_TICKETS, CLOSED_AT),
    counted!("tickets-open", sources::OPEN, OF_TICKETS, CREATED_AT),
    counted!("tickets-replied", sources::REPLIED, OF_TICKETS, CREATED_AT),
    counted!("one-touch-tickets", sources::ONE_TOUCH, OF_TICKETS, CLOSED_AT),
    counted!("zero-touch-tickets", sources::ZERO_TOUCH, &[TicketId, Channel, Integration, STORE], CLOSED_AT),
    counted!("workload-tickets", sources::OPEN, &[User], CREATED_AT),
    scope(
        "satisfaction-surveys",
        &[
            measure("scoredSurveysCount", Count(sources::SURVEY_SCORED)),
            measure("sentSurveysCount", Count(sources::SURVEY_SENT)),
            measure("averageSurveyScore", Average(sources::SURVEY_SCORED)),
            measure("satisfactionScore", Satisfied(sources::SURVEY_SCORED)),
            measure("responseRate", Percent(sources::SURVEY_SCORED, sources::SURVEY_SENT)),
        ],
        USUAL,
        CREATED_AT,
        Some(sources::SURVEY_SENT),
    ),
    scope(
        "first-response-time",
        &[
            measure("medianFirstResponseTime", Median(sources::FIRST_REPLY)),
            measure("averageFirstResponseTime", Average(sources::FIRST_REPLY)),
        ],
        USUAL,
        REPLIED_AT,
        Some(sources::FIRST_REPLY),
    ),
    scope(
        "human-first-response-time",
        &[
            measure("medianFirstResponseTime", Median(sources::FIRST_HUMAN_REPLY)),
            measure("averageFirstResponseTime", Average(sources::FIRST_HUMAN_REPLY)),
        ],
        USUAL,
        REPLIED_AT,
        Some(sources::FIRST_HUMAN_REPLY),
    ),
    scope(
        "response-time",
        &[measure("medianResponseTime", Median(sources::RESPONSE))],
        USUAL,
        SENT_AT,
        Some(sources::RESPONSE),
    ),
    scope(
        "resolution-time",
        &[
            measure("medianResolutionTime", Median(sources::RESOLUTION)),
            measure("averageResolutionTime", Average(sources::RESOLUTION)),
        ],
        USUAL,
        CREATED_AT,
        Some(sources::RESOLUTION),
    ),
    scope(
        "ticket-handle-time",
        &[measure("averageHandleTime", Average(sources::HANDLED)), measure("handleTime", Sum(sources::HANDLED))],
        USUAL,
        CREATED_AT,
        Some(sources::HANDLED),
    ),
    scope("messages-sent", &[measure("messagesCount", Count(sources::SENT))], USUAL, SENT_AT, Some(sources::SENT)),
    scope(
        "messages-sent-per-macro",
        &[measure("messagesCount", Count(sources::SENT_BY_MACRO))],
        &[Macro, User, Channel, Integration],
        SENT_AT,
        Some(sources::SENT_BY_MACRO),
    ),
    scope(
        "messages-received",
        &[measure("messagesCount", Count(sources::RECEIVED))],
        NO_USER,
        SENT_AT,
        Some(sources::RECEIVED),
    ),
    scope(
        "messages-per-ticket",
        &[measure("averageMessagesCount", Average(sources::CREATED))],
        USUAL,
        CREATED_AT,
        Some(sources::CREATED),
    ),
    // Nobody watches who is online.
    scope("online-time", &[measure("onlineTime", Zero)], &[User], AT, None),
    scope(
        "tags",
        &[measure("ticketCount", Count(sources::TAGGED))],
        &[Tag, User, Channel, Integration, STORE],
        AT,
        Some(sources::TAGGED),
    ),
    Scope {
        required_filter: Some("customFieldId"),
        ..scope(
            "ticket-fields",
            &[measure("ticketCount", Count(sources::CREATED))],
            &[Dimension::FieldValue],
            &["createdDatetime", "updatedDatetime"],
            Some(sources::CREATED),
        )
    },
    scope(
        "ticket-sla",
        &[measure("ticketCount", Zero), measure("slaAchievementRate", Nothing)],
        &[Unknown("status"), Unknown("channel")],
        &["anchorDatetime"],
        None,
    ),
    scope(
        "auto-qa",
        &[
            measure("averageRatingScore", Nothing),
            measure("ticketCount", Zero),
            measure("averageResolutionCompleteness", Nothing),
            measure("averageCommunicationSkills", Nothing),
            measure("averageLanguageProficiency", Nothing),
            measure("averageAccuracy", Nothing),
            measure("averageEfficiency", Nothing),
            measure("averageInternalCompliance", Nothing),
            measure("averageBrandVoice", Nothing),
        ],
        &[Unknown("agentId"), Unknown("channel"), Unknown("integrationId"), STORE, Unknown("categoryName")],
        CLOSED_AT,
        None,
    ),
    scope(
        "automation-rate",
        &[
            measure("automationRate", Percent(sources::AUTOMATED, sources::CREATED)),
            measure("automatedTicketCount", Count(sources::AUTOMATED)),
            measure("ticketCount", Count(sources::CREATED)),
        ],
        NO_USER,
        CREATED_AT,
        Some(sources::AUTOMATED),
    ),
    scope(
        "automated-interactions",
        &[measure("automatedInteractions", CountPart(sources::SENT, 1))],
        &[Unknown("eventType"), Channel, Integration, STORE],
        CREATED_AT,
        Some(sources::SENT),
    ),
    scope("knowledge-insights", &[measure("viewsCount", Zero), measure("clicksCount", Zero)], &[], CREATED_AT, None),
    scope("voice-calls", &[measure("voiceCallsCount", Zero)], VOICE, CREATED_AT, None),
    scope(
        "voice-calls-summary",
        &[measure("voiceCallsCount", Zero), measure("totalDuration", Zero)],
        VOICE,
        CREATED_AT,
        None,
    ),
    scope(
        "voice-agent-events",
        &[measure("voiceAgentEventsCount", Zero)],
        &[Unknown("agentId"), Unknown("integrationId")],
        AT,
        None,
    ),
];

const VOICE: &[Dimension] =
    &[Unknown("agentId"), Unknown("integrationId"), Unknown("phoneNumberId"), Unknown("queueId")];

pub fn find(name: &str) -> Option<&'static Scope> {
    ALL.iter().find(|scope| scope.name == name)
}

/// Statistics of the vendor's own agents and of selling, of which there is nothing here: they are known by the family of their names, and
/// whatever is asked of them has no rows (Gorgias contract, `reporting_scopes_not_listed`).
pub fn is_of_foreign_agents(name: &str) -> bool {
    name.starts_with("ai-agent-")
        || name.starts_with("ai-sales-agent-")
        || ["handover-interactions", "flow-dataset", "overall-automation-rate"].contains(&name)
}

//! The Gorgias vocabulary: 32 words, each with the permissions it opens (contract `gorgias.yaml`, `scopes`).
//!
//! Write does not imply read here. A word opens more of our resources than its name says where the vendor's reference lists
//! more endpoints under it: `tickets:read` covers views, files and voice calls, `users:read` covers teams,
//! `integrations:read` covers widgets.

use crate::identity;
use crate::permission::Permissions;
use crate::resource::Kind;
use crate::words::Word;

const ACCOUNT: &[Kind] = &[Kind::Accounts];
const USERS: &[Kind] = &[Kind::Users, Kind::Teams];
const CUSTOMERS: &[Kind] = &[Kind::Customers];
const TICKETS: &[Kind] = &[Kind::Tickets, Kind::Views, Kind::Files, Kind::VoiceCalls];
const CUSTOM_FIELDS: &[Kind] = &[Kind::CustomFields];
const EVENTS: &[Kind] = &[Kind::Events];
const INTEGRATIONS: &[Kind] = &[Kind::Integrations, Kind::Widgets];
const JOBS: &[Kind] = &[Kind::Jobs];
const MACROS: &[Kind] = &[Kind::Macros];
const RULES: &[Kind] = &[Kind::Rules, Kind::Triggers, Kind::Automations];
const SATISFACTION_SURVEYS: &[Kind] = &[Kind::SatisfactionSurveys];
const STATISTICS: &[Kind] = &[Kind::Statistics];
const TAGS: &[Kind] = &[Kind::Tags];
const INSTALLED_APPS: &[Kind] = &[Kind::InstalledApps];

/// In the order of the contract.
pub(crate) static WORDS: [Word; 32] = [
    identity::OPENID,
    identity::EMAIL,
    identity::PROFILE,
    identity::OFFLINE,
    read("account:read", ACCOUNT, "Account", "Read your account's name and its settings"),
    write("account:write", ACCOUNT, "Account", "Change your account's settings and hand the account to another owner"),
    read("users:read", USERS, "Team", "Read your staff, their roles and their teams"),
    write("users:write", USERS, "Team", "Add, change and remove staff and teams"),
    read("customers:read", CUSTOMERS, "Customers", "Read your customers, with their addresses, notes and shop data"),
    write("customers:write", CUSTOMERS, "Customers", "Add, change, merge and delete customers"),
    read(
        "tickets:read",
        TICKETS,
        "Tickets",
        "Read tickets, with their messages, tags, attachments and calls, and your views",
    ),
    write(
        "tickets:write",
        TICKETS,
        "Tickets",
        "Create, answer, change and delete tickets, with their messages, tags and attachments, and your views",
    ),
    read("custom_fields:read", CUSTOM_FIELDS, "Settings", "Read which extra fields tickets and customers have"),
    write("custom_fields:write", CUSTOM_FIELDS, "Settings", "Add and change extra fields of tickets and customers"),
    read("events:read", EVENTS, "History", "Read the history of changes: who did what, and when"),
    // The vendor lists this word, and no endpoint of theirs or ours uses it.
    write("events:write", EVENTS, "History", "Add to the history of changes"),
    read(
        "integrations:read",
        INTEGRATIONS,
        "Integrations",
        "Read your integrations with other services, and side panels",
    ),
    write("integrations:write", INTEGRATIONS, "Integrations", "Add, change and remove integrations and side panels"),
    read("jobs:read", JOBS, "Bulk work", "See bulk jobs, such as exports, and their progress"),
    write(
        "jobs:write",
        JOBS,
        "Bulk work",
        "Start, reschedule and cancel bulk jobs, such as closing many tickets or exporting them",
    ),
    read("macros:read", MACROS, "Macros", "Read your prepared replies"),
    write("macros:write", MACROS, "Macros", "Add, change and delete prepared replies"),
    read("rules:read", RULES, "Rules", "Read the rules that handle tickets automatically"),
    write("rules:write", RULES, "Rules", "Add, change, reorder and delete the rules that handle tickets automatically"),
    read(
        "satisfaction_survey:read",
        SATISFACTION_SURVEYS,
        "Satisfaction",
        "Read customers' ratings and comments on your service",
    ),
    write("satisfaction_survey:write", SATISFACTION_SURVEYS, "Satisfaction", "Create and change satisfaction surveys"),
    // There is no `statistics:write`; reading is done with POST.
    read("statistics:read", STATISTICS, "Statistics", "Read statistics on your team's work"),
    read("tags:read", TAGS, "Tags", "Read your list of tags"),
    write("tags:write", TAGS, "Tags", "Add, rename, merge and delete tags"),
    read("apps:read", INSTALLED_APPS, "Apps", "See which apps are installed"),
    write("apps:write", INSTALLED_APPS, "Apps", "Install and remove apps"),
    Word {
        word: "write:all",
        permissions: Permissions::all(),
        identity: None,
        group: "Everything",
        sentence: "Read, change and delete everything that you can reach yourself",
        deprecated: true,
    },
];

const fn read(word: &'static str, opens: &[Kind], group: &'static str, sentence: &'static str) -> Word {
    Word { word, permissions: Permissions::reading(opens), identity: None, group, sentence, deprecated: false }
}

const fn write(word: &'static str, opens: &[Kind], group: &'static str, sentence: &'static str) -> Word {
    Word { word, permissions: Permissions::writing(opens), identity: None, group, sentence, deprecated: false }
}

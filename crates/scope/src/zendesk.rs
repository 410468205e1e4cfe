//! The Zendesk vocabulary, each word with the permissions it opens (contract `zendesk.yaml`, `scopes`).
//!
//! `read` is every GET, `write` everything else and no GET; `resource:read` and `resource:write` are the narrow ones, and the
//! bare `resource` is both at once. Words we do not know are kept and open nothing.
//! Some endpoints have no narrow word: audits, ticket fields and search need `read` (contract `known_gaps`). The table says so by
//! leaving `Events`, `CustomFields` and `Search` out of every narrow row.

use std::sync::LazyLock;

use crate::identity;
use crate::permission::Permissions;
use crate::resource::Kind;
use crate::words::Word;

/// One resource of the vendor, with the sentences of the words that exist.
struct Row {
    name: &'static str,
    group: &'static str,
    opens: &'static [Kind],
    read: Option<&'static str>,
    write: Option<&'static str>,
}

/// In the order of the contract.
const ROWS: &[Row] = &[
    Row {
        name: "tickets",
        group: "Tickets",
        opens: &[Kind::Tickets],
        read: Some("Read tickets, with their comments and tags"),
        write: Some("Create, answer, change and delete tickets, with their comments and tags"),
    },
    Row {
        name: "users",
        group: "People",
        opens: &[Kind::Users, Kind::Customers],
        read: Some("Read staff and customers, with their addresses"),
        write: Some("Add, change and delete staff and customers, with their addresses"),
    },
    Row {
        name: "auditlogs",
        group: "History",
        opens: &[Kind::AuditLog],
        read: Some("Read the audit log: who changed which setting, and when"),
        write: None,
    },
    Row {
        name: "organizations",
        group: "Customers",
        opens: &[Kind::Organizations],
        read: Some("Read your customers' organizations and who belongs to them"),
        write: Some("Add, change and delete your customers' organizations and their members"),
    },
    Row {
        name: "hc",
        group: "Help center",
        opens: &[Kind::HelpCenter, Kind::HelpCenterStructure, Kind::PublicHelpCenter, Kind::HelpCenterSearch],
        read: Some("Read your help center's articles, sections and categories, also unpublished ones"),
        write: Some("Write, change and delete your help center's articles, sections and categories"),
    },
    Row {
        name: "apps",
        group: "Apps",
        opens: &[Kind::InstalledApps],
        read: Some("See which apps are installed in the helpdesk"),
        write: Some("Install, change and remove apps in the helpdesk"),
    },
    Row {
        name: "triggers",
        group: "Rules",
        opens: &[Kind::Triggers],
        read: Some("Read the rules that run when a ticket changes"),
        write: Some("Add, change, reorder and delete the rules that run when a ticket changes"),
    },
    Row {
        name: "automations",
        group: "Rules",
        opens: &[Kind::Automations],
        read: Some("Read the rules that run after some time"),
        write: Some("Add, change, reorder and delete the rules that run after some time"),
    },
    Row {
        name: "targets",
        group: "Integrations",
        opens: &[Kind::Targets],
        read: Some("Read targets: the services that your rules notify"),
        write: Some("Add, change and remove targets: the services that your rules notify"),
    },
    Row {
        name: "webhooks",
        group: "Integrations",
        opens: &[Kind::Webhooks],
        read: Some("Read webhooks: the addresses that are told of changes"),
        write: Some("Add, change and remove webhooks: the addresses that are told of changes"),
    },
    Row {
        name: "macros",
        group: "Macros",
        opens: &[Kind::Macros],
        read: Some("Read your prepared replies"),
        write: Some("Add, change and delete your prepared replies"),
    },
    Row {
        name: "requests",
        group: "Tickets",
        opens: &[Kind::Requests],
        read: Some("Read support requests, as the customers who wrote them see them"),
        write: Some("Write and answer support requests, as the customers who wrote them can"),
    },
    Row {
        name: "satisfaction_ratings",
        group: "Satisfaction",
        opens: &[Kind::SatisfactionSurveys],
        read: Some("Read customers' ratings of your service"),
        write: Some("Add customers' ratings of your service"),
    },
    Row {
        name: "dynamic_content",
        group: "Settings",
        opens: &[Kind::DynamicContent],
        read: Some("Read your texts that have a version for each language"),
        write: Some("Add, change and delete your texts that have a version for each language"),
    },
    Row {
        name: "any_channel",
        group: "Channels",
        opens: &[Kind::ChannelMessages],
        read: None,
        write: Some("Bring in messages from channels of other services"),
    },
    Row {
        name: "web_widget",
        group: "Channels",
        opens: &[Kind::WebWidget],
        read: None,
        write: Some("Change the chat box on your pages"),
    },
    Row {
        name: "zis",
        group: "Integrations",
        opens: &[Kind::Integrations],
        read: Some("Read your integrations with other services"),
        write: Some("Add, change and remove integrations with other services"),
    },
    Row {
        name: "themes",
        group: "Help center",
        opens: &[Kind::Themes],
        read: Some("Read the look of your help center"),
        write: Some("Change the look of your help center"),
    },
    Row {
        name: "security",
        group: "Settings",
        opens: &[Kind::Security],
        read: Some("Read your security settings, such as how people sign in"),
        write: None,
    },
    Row {
        name: "account_settings",
        group: "Settings",
        opens: &[Kind::Accounts],
        read: Some("Read your account's settings"),
        write: Some("Change your account's settings"),
    },
    Row {
        name: "brands",
        group: "Settings",
        opens: &[Kind::Brands],
        read: Some("Read your brands"),
        write: Some("Add, change and delete your brands"),
    },
    Row {
        name: "custom_objects",
        group: "Custom objects",
        opens: &[Kind::CustomObjects],
        read: Some("Read records of your own kinds, such as orders or contracts"),
        write: Some("Add, change and delete records of your own kinds, such as orders or contracts"),
    },
    Row {
        name: "deletion_schedules",
        group: "Settings",
        opens: &[Kind::DeletionSchedules],
        read: Some("Read when old data is deleted"),
        write: Some("Change when old data is deleted"),
    },
    Row {
        name: "groups",
        group: "Team",
        opens: &[Kind::Teams],
        read: Some("Read your teams and who belongs to them"),
        write: Some("Add, change and delete teams, and who belongs to them"),
    },
    Row {
        name: "sla_policies",
        group: "Settings",
        opens: &[Kind::SlaPolicies],
        read: Some("Read the response times that you promise"),
        write: Some("Add, change and delete the response times that you promise"),
    },
    Row {
        name: "ticket_attachments",
        group: "Tickets",
        opens: &[Kind::Files],
        read: Some("Read the files attached to tickets"),
        write: Some("Attach files to tickets, and delete them"),
    },
    Row {
        name: "ticket_views",
        group: "Tickets",
        opens: &[Kind::Views],
        read: Some("Read your saved views of tickets"),
        write: Some("Add, change and delete saved views of tickets"),
    },
];

/// What an app may ask for. Made once; the words live as long as the program.
pub(crate) static WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let mut words = vec![
        broad("read", Permissions::all_reads(), "Read everything that you can read yourself"),
        broad("write", Permissions::all_writes(), "Create, change and delete everything that you can change yourself"),
        identity::IMPERSONATE,
    ];
    for row in ROWS {
        if let Some(sentence) = row.read {
            words.push(row.word(":read", Permissions::reading(row.opens), sentence));
        }
        if let Some(sentence) = row.write {
            words.push(row.word(":write", Permissions::writing(row.opens), sentence));
        }
        if row.name == "hc" {
            // The one word of a third level that the vendor documents.
            words.push(row.word(
                ":articles:search",
                Permissions::reading(&[Kind::HelpCenterSearch]),
                "Search your help center's articles",
            ));
        }
    }
    words
});

/// The bare `resource`: as good as its words together. Understood, but not offered, since it says the same as they do.
pub(crate) static BARE: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let bare = |row: &Row| {
        let (read, write) = (Permissions::reading(row.opens), Permissions::writing(row.opens));
        match (row.read, row.write) {
            (Some(reads), Some(writes)) => row.word("", read.union(write), format!("{reads}. {writes}").leak()),
            (Some(reads), None) => row.word("", read, reads),
            (None, writes) => row.word("", write, writes.unwrap_or_default()),
        }
    };
    ROWS.iter().map(bare).collect()
});

impl Row {
    fn word(&self, rest: &str, permissions: Permissions, sentence: &'static str) -> Word {
        let word = format!("{}{rest}", self.name).leak();
        Word { word, permissions, identity: None, group: self.group, sentence, deprecated: false }
    }
}

const fn broad(word: &'static str, permissions: Permissions, sentence: &'static str) -> Word {
    Word { word, permissions, identity: None, group: "Everything", sentence, deprecated: false }
}

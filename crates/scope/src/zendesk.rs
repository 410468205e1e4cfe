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

/// One resource of the vendor.
struct Row {
    name: &'static str,
    exists: Exists,
    group: &'static str,
    opens: &'static [Kind],
    /// The object of each sentence: "Read ...", "Create, change and delete ...".
    what: &'static str,
}

/// Which words a resource has.
#[derive(PartialEq)]
enum Exists {
    ReadAndWrite,
    Read,
    Write,
}
use Exists::{Read, ReadAndWrite, Write};

/// In the order of the contract.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "tickets", exists: ReadAndWrite, group: "Tickets", opens: &[Kind::Tickets], what: "tickets, with their comments and tags" },
    Row { name: "users", exists: ReadAndWrite, group: "People", opens: &[Kind::Users, Kind::Customers], what: "staff and customers, with their addresses" },
    Row { name: "auditlogs", exists: Read, group: "History", opens: &[Kind::AuditLog], what: "the audit log: who changed which setting, and when" },
    Row { name: "organizations", exists: ReadAndWrite, group: "People", opens: &[Kind::Organizations], what: "your customers' organizations and who belongs to them" },
    Row { name: "hc", exists: ReadAndWrite, group: "Help center", opens: &[Kind::HelpCenter, Kind::HelpCenterSearch], what: "help center articles, sections and categories" },
    Row { name: "apps", exists: ReadAndWrite, group: "Apps", opens: &[Kind::InstalledApps], what: "the list of installed apps" },
    Row { name: "triggers", exists: ReadAndWrite, group: "Rules", opens: &[Kind::Triggers], what: "the rules that run when a ticket changes" },
    Row { name: "automations", exists: ReadAndWrite, group: "Rules", opens: &[Kind::Automations], what: "the rules that run after a time" },
    Row { name: "targets", exists: ReadAndWrite, group: "Integrations", opens: &[Kind::Targets], what: "targets: services that rules notify" },
    Row { name: "webhooks", exists: ReadAndWrite, group: "Integrations", opens: &[Kind::Webhooks], what: "webhooks: addresses that are told of changes" },
    Row { name: "macros", exists: ReadAndWrite, group: "Macros", opens: &[Kind::Macros], what: "prepared replies" },
    Row { name: "requests", exists: ReadAndWrite, group: "Tickets", opens: &[Kind::Requests], what: "support requests, as the customer who wrote them sees them" },
    Row { name: "satisfaction_ratings", exists: ReadAndWrite, group: "Satisfaction", opens: &[Kind::SatisfactionSurveys], what: "customers' ratings of your service" },
    Row { name: "dynamic_content", exists: ReadAndWrite, group: "Settings", opens: &[Kind::DynamicContent], what: "texts with a version for each language" },
    Row { name: "any_channel", exists: Write, group: "Channels", opens: &[Kind::ChannelMessages], what: "messages that come in from channels of other services" },
    Row { name: "web_widget", exists: Write, group: "Channels", opens: &[Kind::WebWidget], what: "the settings of the chat box on your pages" },
    Row { name: "zis", exists: ReadAndWrite, group: "Integrations", opens: &[Kind::Integrations], what: "integrations with other services" },
    Row { name: "themes", exists: ReadAndWrite, group: "Help center", opens: &[Kind::Themes], what: "the look of your help center" },
    Row { name: "security", exists: Read, group: "Settings", opens: &[Kind::Security], what: "security settings, such as how people sign in" },
    Row { name: "account_settings", exists: ReadAndWrite, group: "Settings", opens: &[Kind::Account], what: "your account's settings" },
    Row { name: "brands", exists: ReadAndWrite, group: "Settings", opens: &[Kind::Brands], what: "your brands" },
    Row { name: "custom_objects", exists: ReadAndWrite, group: "Custom objects", opens: &[Kind::CustomObjects], what: "records of your own kinds, such as orders or contracts" },
    Row { name: "deletion_schedules", exists: ReadAndWrite, group: "Settings", opens: &[Kind::DeletionSchedules], what: "the schedules by which old data is deleted" },
    Row { name: "groups", exists: ReadAndWrite, group: "People", opens: &[Kind::Teams], what: "teams and who belongs to them" },
    Row { name: "sla_policies", exists: ReadAndWrite, group: "Settings", opens: &[Kind::SlaPolicies], what: "promised response times" },
    Row { name: "ticket_attachments", exists: ReadAndWrite, group: "Tickets", opens: &[Kind::Files], what: "files attached to tickets" },
    Row { name: "ticket_views", exists: ReadAndWrite, group: "Tickets", opens: &[Kind::Views], what: "saved views of tickets" },
];

/// What an app may ask for. Made once; the words live as long as the program.
pub(crate) static WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let mut words = vec![
        broad("read", Permissions::all_reads(), "Read everything that you can read yourself"),
        broad("write", Permissions::all_writes(), "Create, change and delete everything that you can change yourself"),
        identity::IMPERSONATE,
    ];
    for row in ROWS {
        if row.exists != Write {
            words.push(row.word(":read", Permissions::reading(row.opens), "Read"));
        }
        if row.exists != Read {
            words.push(row.word(":write", Permissions::writing(row.opens), "Create, change and delete"));
        }
        if row.name == "hc" {
            // The one word of a third level that the vendor documents.
            words.push(Word {
                word: "hc:articles:search",
                permissions: Permissions::reading(&[Kind::HelpCenterSearch]),
                identity: None,
                group: row.group,
                sentence: "Search your help center's articles",
                deprecated: false,
            });
        }
    }
    words
});

/// The bare `resource`: as good as both its words. Understood, but not offered, since it says the same as they do.
pub(crate) static BARE: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let bare = |row: &Row| match row.exists {
        Read => row.word("", Permissions::reading(row.opens), "Read"),
        Write => row.word("", Permissions::writing(row.opens), "Create, change and delete"),
        ReadAndWrite => {
            let both = Permissions::reading(row.opens).union(Permissions::writing(row.opens));
            row.word("", both, "Read, create, change and delete")
        }
    };
    ROWS.iter().map(bare).collect()
});

impl Row {
    fn word(&self, access: &str, permissions: Permissions, verb: &str) -> Word {
        Word {
            word: format!("{}{access}", self.name).leak(),
            permissions,
            identity: None,
            group: self.group,
            sentence: format!("{verb} {}", self.what).leak(),
            deprecated: false,
        }
    }
}

const fn broad(word: &'static str, permissions: Permissions, sentence: &'static str) -> Word {
    Word { word, permissions, identity: None, group: "Everything", sentence, deprecated: false }
}

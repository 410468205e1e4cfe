//! The resources a permission can name. One line each, finer than either vendor's.

/// A resource as a type, so that a permit for one is no permit for another.
pub trait Resource: 'static {
    const KIND: Kind;
}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// A resource as a value: the index of its two bits in a set of permissions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind { $($name),+ }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$name),+];

            /// Our own word for it, such as `tickets`.
            pub const fn word(self) -> &'static str {
                match self { $(Kind::$name => $word),+ }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl Resource for $name {
                const KIND: Kind = Kind::$name;
            }
        )+
    };
}

resources! {
    /// The account itself and its settings.
    Accounts = "account",
    /// Staff.
    Users = "users",
    Teams = "teams",
    /// People who write to us.
    Customers = "customers",
    Organizations = "organizations",
    /// Tickets with their messages, tags and field values.
    Tickets = "tickets",
    /// The end user's side of tickets.
    Requests = "requests",
    Views = "views",
    CustomFields = "custom_fields",
    Tags = "tags",
    /// The log of what happened to the helpdesk's objects.
    Events = "events",
    /// Who did what through which app.
    AuditLog = "audit_log",
    Macros = "macros",
    /// Rules of both sorts. A rule on an event is also a trigger, one on time also an automation:
    /// a vendor that has a word for each must be able to open one without the other.
    Rules = "rules",
    Triggers = "triggers",
    Automations = "automations",
    Integrations = "integrations",
    /// Zendesk's older way of calling out from a trigger.
    Targets = "targets",
    Webhooks = "webhooks",
    /// Panels beside a ticket.
    Widgets = "widgets",
    /// The chat box on the shop's pages.
    WebWidget = "web_widget",
    Jobs = "jobs",
    SatisfactionSurveys = "satisfaction_survey",
    Statistics = "statistics",
    Files = "files",
    VoiceCalls = "voice_calls",
    /// OAuth clients, their secrets and grants. Whoever may write these can hand out any scope, so no narrow word of a vendor opens them.
    Apps = "apps",
    /// Which apps are installed: what the vendors' words `apps:read` and `apps:write` are about.
    InstalledApps = "installed_apps",
    /// What staff writes for the help center, and all that lies behind it.
    HelpCenter = "help_center",
    /// What managers arrange there: categories, sections, who sees and who writes.
    HelpCenterStructure = "help_center_structure",
    /// What its readers see and say: published articles; comments, votes, subscriptions.
    PublicHelpCenter = "public_help_center",
    /// Finding articles: Zendesk has a word for that alone.
    HelpCenterSearch = "help_center_search",
    /// One search over all kinds of objects. Zendesk opens it with the broad word alone.
    Search = "search",
    Brands = "brands",
    SlaPolicies = "sla_policies",
    DynamicContent = "dynamic_content",
    CustomObjects = "custom_objects",
    DeletionSchedules = "deletion_schedules",
    /// Where messages come from and go to: addresses, forms, chat.
    Channels = "channels",
    /// Messages that an outside channel pushes in.
    ChannelMessages = "channel_messages",
    Themes = "themes",
    Security = "security",
}

/// Reading or writing, as a type.
pub trait Access: 'static {
    const ACCESS: AccessKind;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AccessKind {
    Read,
    Write,
}

impl AccessKind {
    pub const fn word(self) -> &'static str {
        match self {
            AccessKind::Read => "read",
            AccessKind::Write => "write",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Read;
#[derive(Debug, Clone, Copy)]
pub struct Write;

impl Access for Read {
    const ACCESS: AccessKind = AccessKind::Read;
}
impl Access for Write {
    const ACCESS: AccessKind = AccessKind::Write;
}

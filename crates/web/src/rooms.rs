//! The navigation: every room, in the order in which people see them.
//!
//! To add a room, write one line in its group below:
//!
//! ```text
//! Teams, "/admin/teams", "Teams", "team";
//! ```
//!
//! That is the variant of `Section` which the room's pages pass to `Visitor::frame`, the address, the words, and the name of a file in
//! `templates/icons/`. Keep a label short enough for one line, say what is there in the user's words, and put the room where somebody
//! who looks for it would look: beside what is used together, not by the alphabet. `templates/frame.html` draws all of it.

/// One line of the navigation.
pub struct Room {
    pub section: Section,
    pub href: &'static str,
    pub label: &'static str,
    /// The whole drawing, a file of ours.
    pub icon: &'static str,
}

/// Rooms under one heading.
pub struct Group {
    pub heading: &'static str,
    pub rooms: &'static [Room],
}

macro_rules! rooms {
    ($($group:ident $heading:literal { $($section:ident, $href:literal, $label:literal, $icon:literal;)* })*) => {
        /// Where in the navigation a page is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Section {
            $($($section,)*)*
        }

        $(const $group: Group = Group {
            heading: $heading,
            rooms: &[$(Room {
                section: Section::$section,
                href: $href,
                label: $label,
                icon: include_str!(concat!("../templates/icons/", $icon, ".svg")),
            },)*],
        };)*
    };
}

rooms! {
    OVERVIEW "Admin Center" {
        Home, "/admin", "Home", "home";
    }
    HELPDESK "Helpdesk" {
        Statistics, "/admin/statistics", "Statistics", "bars";
        Users, "/admin/users", "Users", "user";
        Teams, "/admin/teams", "Teams", "team";
        CustomFields, "/admin/custom-fields", "Custom fields", "field";
        Views, "/admin/views", "Views", "view";
        Tags, "/admin/tags", "Tags", "tag";
        Macros, "/admin/macros", "Macros", "macro";
        Rules, "/admin/rules", "Rules", "branch";
        Integrations, "/admin/integrations", "Integrations", "plug";
        Surveys, "/admin/surveys", "Surveys", "smile";
        Jobs, "/admin/jobs", "Jobs", "jobs";
    }
    APPS "Apps and access" {
        Apps, "/admin/apps", "Apps", "apps";
        Agents, "/admin/agents", "AI agents", "spark";
        ApiKeys, "/admin/api-keys", "API keys", "api-key";
        Registration, "/admin/registration", "Self-registration", "plus";
        Documents, "/admin/documents", "Self-described apps", "document";
        AppRules, "/admin/app-rules", "App policy", "check";
    }
    SECURITY "Sign-in and trust" {
        People, "/admin/people", "People and sign-in", "people";
        SignIn, "/admin/sign-in", "Identity providers", "key";
        Demands, "/admin/demands", "Security policy", "shield";
        Trust, "/admin/trust", "Trust between systems", "link";
        ResourceServers, "/admin/resource-servers", "Resource servers", "server";
        Keys, "/admin/keys", "Signing keys", "signature";
        Audit, "/admin/audit", "Audit room", "audit";
    }
    YOU "You" {
        MyApps, "/me/apps", "Apps you allowed", "apps";
        Security, "/me/security", "Sign-in and security", "shield";
    }
}

/// What an administrator finds, and what everybody does.
pub fn groups(is_admin: bool) -> impl Iterator<Item = &'static Group> {
    static FOR_ADMINISTRATORS: [Group; 4] = [OVERVIEW, HELPDESK, APPS, SECURITY];
    static FOR_EVERYBODY: [Group; 1] = [YOU];
    let admin = if is_admin { FOR_ADMINISTRATORS.as_slice() } else { &[] };
    admin.iter().chain(&FOR_EVERYBODY).filter(|group| !group.rooms.is_empty())
}

impl Section {
    /// The words of its line.
    pub fn label(self) -> &'static str {
        let mut rooms = groups(true).flat_map(|group| group.rooms);
        rooms.find(|room| room.section == self).map_or("Menu", |room| room.label)
    }
}

//! What each role may ever do. A call may do what its token's words grant AND what the person's role allows now.

use crate::permission::{Permission, Permissions};
use crate::resource::Kind;

/// The role of a person. Staff have one of the first eight; `Customer` is everybody who writes to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// May do everything, and cannot be deleted or demoted.
    Owner,
    Admin,
    /// Leads a team: everything except people's roles and apps.
    Lead,
    /// Tickets, customers and the use of macros; no settings.
    Agent,
    /// Tickets and customers only.
    Lite,
    /// Reads everything an agent reads.
    Observer,
    /// The vendor's or host's own staff; reaches as far as a lead.
    Internal,
    /// An app's or automation's own user.
    Bot,
    Customer,
}

impl Role {
    pub const ALL: &'static [Role] = &[
        Role::Owner,
        Role::Admin,
        Role::Lead,
        Role::Agent,
        Role::Lite,
        Role::Observer,
        Role::Internal,
        Role::Bot,
        Role::Customer,
    ];

    /// As stored in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Lead => "lead",
            Role::Agent => "agent",
            Role::Lite => "lite",
            Role::Observer => "observer",
            Role::Internal => "internal",
            Role::Bot => "bot",
            Role::Customer => "customer",
        }
    }

    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.word() == word)
    }

    pub const fn is_staff(self) -> bool {
        !matches!(self, Role::Customer)
    }

    /// May set up apps, people and the account.
    pub const fn is_admin(self) -> bool {
        matches!(self, Role::Owner | Role::Admin)
    }

    /// The most this role may do, whatever a token grants.
    pub const fn ceiling(self) -> Permissions {
        match self {
            Role::Owner | Role::Admin | Role::Bot => Permissions::all(),
            Role::Lead | Role::Internal => Permissions::all().without(Permissions::of(&ADMINISTRATION)),
            Role::Agent => {
                Permissions::all_reads().union(Permissions::of(&AGENT_WRITES)).without(Permissions::of(&SECRETS))
            }
            Role::Lite => Permissions::of(&LITE),
            Role::Observer => Permissions::all_reads().without(Permissions::of(&SECRETS)),
            Role::Customer => Permissions::of(&[
                Permission::read(Kind::Requests),
                Permission::write(Kind::Requests),
                // Files on their way to a request.
                Permission::write(Kind::Files),
                Permission::read(Kind::PublicHelpCenter),
                Permission::write(Kind::PublicHelpCenter),
                Permission::read(Kind::HelpCenterSearch),
            ]),
        }
    }
}

/// What only administrators may do.
const ADMINISTRATION: [Permission; 8] = [
    Permission::write(Kind::Users),
    Permission::write(Kind::Accounts),
    Permission::read(Kind::Apps),
    Permission::write(Kind::Apps),
    Permission::write(Kind::InstalledApps),
    Permission::read(Kind::AuditLog),
    Permission::write(Kind::Security),
    Permission::read(Kind::Security),
];

/// What staff without settings may not read.
const SECRETS: [Permission; 4] = [
    Permission::read(Kind::Apps),
    Permission::read(Kind::AuditLog),
    Permission::read(Kind::Security),
    // With the keys that their calls are signed with.
    Permission::read(Kind::Webhooks),
];

const AGENT_WRITES: [Permission; 10] = [
    Permission::write(Kind::Tickets),
    Permission::write(Kind::Requests),
    Permission::write(Kind::Customers),
    Permission::write(Kind::Organizations),
    Permission::write(Kind::Views),
    Permission::write(Kind::Tags),
    Permission::write(Kind::Jobs),
    Permission::write(Kind::Files),
    // Which articles, their permission groups say.
    Permission::write(Kind::HelpCenter),
    Permission::write(Kind::PublicHelpCenter),
];

const LITE: [Permission; 17] = [
    Permission::read(Kind::Accounts),
    Permission::read(Kind::Users),
    Permission::read(Kind::Teams),
    Permission::read(Kind::Tickets),
    Permission::write(Kind::Tickets),
    Permission::read(Kind::Customers),
    Permission::write(Kind::Customers),
    Permission::read(Kind::Tags),
    Permission::read(Kind::Views),
    Permission::read(Kind::Macros),
    Permission::read(Kind::Organizations),
    Permission::read(Kind::CustomFields),
    // Attachments of the tickets they answer.
    Permission::read(Kind::Files),
    Permission::write(Kind::Files),
    Permission::read(Kind::PublicHelpCenter),
    Permission::write(Kind::PublicHelpCenter),
    Permission::read(Kind::HelpCenterSearch),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_back_from_its_word() {
        for &role in Role::ALL {
            assert_eq!(Role::parse(role.word()), Some(role));
        }
        assert_eq!(Role::parse("Owner"), None);
    }

    #[test]
    fn each_step_down_the_staff_ladder_takes_permissions_away() {
        for pair in [Role::Owner, Role::Admin, Role::Lead, Role::Agent, Role::Lite].windows(2) {
            assert!(pair[0].ceiling().contains_all(pair[1].ceiling()), "{:?} exceeds {:?}", pair[1], pair[0]);
        }
    }

    #[test]
    fn an_observer_writes_nothing() {
        assert!(Role::Observer.ceiling().intersection(Permissions::all_writes()).is_empty());
    }

    #[test]
    fn a_customer_reads_requests_and_the_help_center_and_no_ticket() {
        let ceiling = Role::Customer.ceiling();

        assert!(ceiling.contains(Permission::write(Kind::Requests)));
        assert!(!ceiling.contains(Permission::read(Kind::Tickets)));
        assert!(!ceiling.contains(Permission::read(Kind::Customers)));
    }

    #[test]
    fn only_administrators_and_apps_own_users_reach_apps_and_their_secrets() {
        for &role in Role::ALL {
            let reaches = role.ceiling().contains(Permission::write(Kind::Apps));
            assert_eq!(reaches, role.is_admin() || role == Role::Bot, "{role:?}");
        }
    }
}

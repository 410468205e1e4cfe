//! The people of the demo whose names and credentials are fixed, so that a tutorial can print them.

use scope::role::Role;

/// A member of the demo's staff.
#[derive(Debug, Clone, Copy)]
pub struct Staff {
    pub firstname: &'static str,
    pub lastname: &'static str,
    pub email: &'static str,
    pub role: Role,
    /// Names of `TEAMS`; who is in none answers no tickets.
    pub teams: &'static [&'static str],
}

pub const TEAMS: [(&str, &str); 4] = [
    ("Orders", "Shipping, addresses, questions about products"),
    ("Returns", "Returns, exchanges, damage"),
    ("Billing", "Invoices, refunds, accounts"),
    ("Travel desk", "Hotels, tables, trips"),
];

/// The first is the owner of the account and `admin` of the JSON line, the second its `agent`.
pub const STAFF: [Staff; 9] = [
    Staff {
        firstname: "Olivia",
        lastname: "Hartmann",
        email: "admin@demo.test",
        role: Role::Owner,
        teams: &["Orders", "Billing"],
    },
    Staff {
        firstname: "Amara",
        lastname: "Okafor",
        email: "agent@demo.test",
        role: Role::Agent,
        teams: &["Orders", "Returns"],
    },
    Staff {
        firstname: "Marcus",
        lastname: "Lindqvist",
        email: "marcus@demo.test",
        role: Role::Lead,
        teams: &["Orders", "Returns", "Billing"],
    },
    Staff {
        firstname: "Priya",
        lastname: "Raman",
        email: "priya@demo.test",
        role: Role::Agent,
        teams: &["Orders", "Billing"],
    },
    Staff { firstname: "Diego", lastname: "Fuentes", email: "diego@demo.test", role: Role::Agent, teams: &["Returns"] },
    Staff { firstname: "Hanna", lastname: "Virtanen", email: "hanna@demo.test", role: Role::Agent, teams: &["Orders"] },
    Staff {
        firstname: "Tom",
        lastname: "Becker",
        email: "tom@demo.test",
        role: Role::Agent,
        teams: &["Travel desk", "Billing"],
    },
    Staff {
        firstname: "Yuki",
        lastname: "Tanaka",
        email: "yuki@demo.test",
        role: Role::Agent,
        teams: &["Travel desk"],
    },
    Staff { firstname: "Elena", lastname: "Rossi", email: "elena@demo.test", role: Role::Observer, teams: &[] },
];

// Long enough for the password rules, and plain enough to type. Nothing but `demo` ever writes them to a database.
pub const ADMIN_PASSWORD: &str = "demo-admin-password";
/// Of everybody else in `STAFF`.
pub const AGENT_PASSWORD: &str = "demo-agent-password";
pub const CUSTOMER_PASSWORD: &str = "demo-customer-password";

impl Staff {
    pub fn name(&self) -> String {
        format!("{} {}", self.firstname, self.lastname)
    }
}

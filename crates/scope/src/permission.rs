//! A permission, and sets of them as bits: a check is one `and`.

use std::fmt;

use crate::resource::{AccessKind, Kind};

/// Reading or writing one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    pub resource: Kind,
    pub access: AccessKind,
}

impl Permission {
    pub(crate) const fn alone(self) -> Permissions {
        Permissions(self.bit())
    }

    pub const fn read(resource: Kind) -> Permission {
        Permission { resource, access: AccessKind::Read }
    }

    pub const fn write(resource: Kind) -> Permission {
        Permission { resource, access: AccessKind::Write }
    }

    /// Back from `resource:access`.
    pub fn parse(text: &str) -> Option<Permission> {
        Permissions::all().iter().find(|it| it.to_string() == text)
    }

    const fn bit(self) -> u128 {
        1 << (self.resource as u32 * 2 + self.access as u32)
    }
}

/// Our own spelling, `resource:access`, as the command line shows it.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource.word(), self.access.word())
    }
}

const _: () = assert!(Kind::ALL.len() <= 64, "two bits a resource, and 128 bits to hold them");

/// A set of permissions. 16 bytes, copied freely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Permissions(u128);

impl Permissions {
    pub const NONE: Permissions = Permissions(0);

    pub const fn of(list: &[Permission]) -> Permissions {
        let mut bits = 0;
        let mut at = 0;
        while at < list.len() {
            bits |= list[at].bit();
            at += 1;
        }
        Permissions(bits)
    }

    /// Reading each of these.
    pub const fn reading(resources: &[Kind]) -> Permissions {
        let mut bits = 0;
        let mut at = 0;
        while at < resources.len() {
            bits |= Permission::read(resources[at]).bit();
            at += 1;
        }
        Permissions(bits)
    }

    /// Writing each of these; reading is not among it.
    pub const fn writing(resources: &[Kind]) -> Permissions {
        Permissions(Permissions::reading(resources).0 << 1)
    }

    /// Reading every resource there is.
    pub const fn all_reads() -> Permissions {
        Permissions::reading(Kind::ALL)
    }

    /// Writing every resource there is; reads are not among them.
    pub const fn all_writes() -> Permissions {
        Permissions::writing(Kind::ALL)
    }

    pub const fn all() -> Permissions {
        Permissions::all_reads().union(Permissions::all_writes())
    }

    pub(crate) const fn bits(self) -> u128 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u128) -> Permissions {
        Permissions(bits)
    }

    pub const fn union(self, other: Permissions) -> Permissions {
        Permissions(self.0 | other.0)
    }

    pub const fn intersection(self, other: Permissions) -> Permissions {
        Permissions(self.0 & other.0)
    }

    pub const fn without(self, other: Permissions) -> Permissions {
        Permissions(self.0 & !other.0)
    }

    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    pub const fn contains_all(self, other: Permissions) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// As stored: words with blanks between. What this program does not know is passed over.
    pub fn of_words(text: &str) -> Permissions {
        text.split_whitespace().filter_map(Permission::parse).collect()
    }

    /// The other way round.
    pub fn words(self) -> String {
        self.iter().map(|permission| permission.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// In order of resource, read before write.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Kind::ALL
            .iter()
            .flat_map(|&resource| [Permission::read(resource), Permission::write(resource)])
            .filter(move |&permission| self.contains(permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(list: I) -> Permissions {
        Permissions(list.into_iter().fold(0, |bits, permission| bits | permission.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_a_bit_of_its_own() {
        let all: Vec<Permission> = Permissions::all().iter().collect();

        assert_eq!(all.len(), Kind::ALL.len() * 2);
        for &permission in &all {
            assert_eq!(Permissions::of(&[permission]).iter().collect::<Vec<_>>(), [permission]);
        }
    }

    #[test]
    fn writing_is_not_reading() {
        let write = Permissions::writing(&[Kind::Tickets]);

        assert!(write.contains(Permission::write(Kind::Tickets)));
        assert!(!write.contains(Permission::read(Kind::Tickets)));
        assert!(Permissions::all_reads().intersection(Permissions::all_writes()).is_empty());
    }

    #[test]
    fn a_set_is_taken_apart_and_put_together_again() {
        let set = Permissions::reading(&[Kind::Tags, Kind::Security]).union(Permissions::writing(&[Kind::Accounts]));

        assert_eq!(set.iter().collect::<Permissions>(), set);
        assert_eq!(Permissions::of_words(&set.words()), set);
        assert_eq!(Permissions::of_words("odd tags:read"), Permissions::reading(&[Kind::Tags]));
        assert_eq!(set.len(), 3);
        assert_eq!(
            set.iter().map(|it| it.to_string()).collect::<Vec<_>>(),
            ["account:write", "tags:read", "security:read"]
        );
    }
}

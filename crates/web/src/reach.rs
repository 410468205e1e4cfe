//! What a permission reaches in this very account, in numbers: `1,000 tickets and 412 customers`.

use helpdesk::reach::{COUNTED_MAX, Reach};
use scope::permission::{Permission, Permissions};
use scope::resource::Kind;

/// Of what was counted, what these permissions open. None if that is nothing.
pub fn of(counted: &[Reach], permissions: Permissions) -> Option<String> {
    let opened = |reach: &&Reach| {
        permissions.contains(Permission::read(reach.kind)) || permissions.contains(Permission::write(reach.kind))
    };
    let parts: Vec<String> = counted.iter().filter(opened).map(part).collect();
    match parts.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        [rest @ .., last] => Some(format!("{} and {last}", rest.join(", "))),
    }
}

fn part(reach: &Reach) -> String {
    let (one, many) = match reach.kind {
        Kind::Tickets => ("ticket", "tickets"),
        Kind::Customers => ("customer", "customers"),
        Kind::Users => ("person of your staff", "people of your staff"),
        Kind::Tags => ("tag", "tags"),
        Kind::Teams => ("team", "teams"),
        other => (other.word(), other.word()),
    };
    match reach.n {
        1 => format!("1 {one}"),
        n if n > COUNTED_MAX => format!("more than {} {many}", number(COUNTED_MAX)),
        n => format!("{} {many}", number(n)),
    }
}

/// With commas between thousands.
pub fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if n < 0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_thousands() {
        assert_eq!((number(7), number(412), number(1000)), ("7".into(), "412".into(), "1,000".into()));
        assert_eq!(number(1_234_567), "1,234,567");
    }

    #[test]
    fn only_what_the_permissions_open_is_told() {
        let counted = [Reach { kind: Kind::Tickets, n: 10_001 }, Reach { kind: Kind::Customers, n: 1 }];

        assert_eq!(of(&counted, Permissions::reading(&[Kind::Customers])).as_deref(), Some("1 customer"));
        assert_eq!(of(&counted, Permissions::all()).as_deref(), Some("more than 10,000 tickets and 1 customer"));
        assert_eq!(of(&counted, Permissions::NONE), None);
    }
}

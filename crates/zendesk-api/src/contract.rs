//! All calls that the vendor has, from its contract: what is not here yet is answered 501 and listed by `bailiwick routes --missing`.

use endpoint::Route;

/// Method, path, id, resource, scope, who, status, pages, answer, whether the answer is sure, parameters and body: one call a line, below a line of names.
pub const TABLE: &str = include_str!("contract.tsv");

/// One call of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    pub method: &'static str,
    pub path: &'static str,
    /// Aliases of one call share it.
    pub id: &'static str,
    pub resource: &'static str,
    /// The narrowest scope word.
    pub scope: &'static str,
    /// anyone, end_user, agent, admin
    pub who: &'static str,
    /// Such as `200`, or `200/201`.
    pub status: &'static str,
    /// The kinds of paging, such as `cursor,offset`, or `-`.
    pub pages: &'static str,
    /// The keys of the answer with their types, such as `ticket=Ticket;audit=TicketAudit`; `-` for no body.
    pub answer: &'static str,
    /// The answer is documented, not a guess.
    pub is_sure: bool,
    /// What may stand in the query, such as `ids:string!;sort_order:string=asc|desc`; `!` is required. Paging is not told again.
    pub parameters: &'static str,
    /// The keys of the body with their types, as in `answer`, or words for what is no such object; `-` for none.
    pub body: &'static str,
}

/// In the table's order.
pub fn calls() -> impl Iterator<Item = Call> {
    TABLE.lines().skip(1).filter_map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next();
        Some(Call {
            method: next()?,
            path: next()?,
            id: next()?,
            resource: next()?,
            scope: next()?,
            who: next()?,
            status: next()?,
            pages: next()?,
            answer: next()?,
            is_sure: next()? == "-",
            parameters: next()?,
            body: next()?,
        })
    })
}

/// The calls that none of these routes answers.
pub fn missing(routes: &[Route]) -> Vec<Call> {
    let is_there = |call: &Call| {
        routes.iter().any(|route| route.method == call.method && nameless(route.path).eq(nameless(call.path)))
    };
    calls().filter(|call| !is_there(call)).collect()
}

/// Whether the contract has a call with this method at this address.
pub(crate) fn has(method: &str, path: &str) -> bool {
    let fits = |pattern: &str| {
        let (mut pattern, mut path) = (pattern.split('/'), path.trim_end_matches('/').split('/'));
        loop {
            match (pattern.next(), path.next()) {
                (None, None) => return true,
                (Some(part), Some(sent)) if part == sent || (part.starts_with('{') && !sent.is_empty()) => {}
                _ => return false,
            }
        }
    };
    calls().any(|call| call.method == method && fits(call.path))
}

/// The parts of a path, with places that have no names.
pub fn nameless(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        assert_eq!(calls().count(), TABLE.lines().count() - 1);
        assert!(calls().all(|call| call.path.starts_with('/') && !call.scope.is_empty()));
    }

    #[test]
    fn addresses_are_found_with_their_places_filled() {
        assert!(has("GET", "/api/v2/tickets/5/comments"));
        assert!(!has("DELETE", "/api/v2/tickets/5/comments"));
        assert!(!has("GET", "/api/v2/tickets//comments"));
    }
}

//! Which client ids are addresses of metadata documents (CM-1). Ids that we give out never begin with `https://`.

use url::Url;

/// Longest address, in bytes.
const MAX_BYTES: usize = 2048;

/// Whether a client id is meant as such an address, well-formed or not.
pub(crate) fn is_meant(client_id: &str) -> bool {
    client_id.starts_with("https://")
}

/// The host of a good address, in lower case; or what is wrong with it.
pub(crate) fn host(client_id: &str, with_query: bool) -> Result<String, &'static str> {
    let rest = client_id.strip_prefix("https://").ok_or("it does not begin with https://")?;
    if client_id.len() > MAX_BYTES {
        return Err("it is longer than 2048 bytes");
    }
    let is_odd = |byte: u8| !matches!(byte, 0x21..=0x7e) || b"<>\"\\^`{|}".contains(&byte);
    if client_id.bytes().any(is_odd) {
        return Err("it holds a character that must be percent-encoded");
    }
    if client_id.contains('#') {
        return Err("it has a fragment");
    }
    let (before_query, query) = client_id
        .split_once('?')
        .map_or((rest, None), |(before, query)| (before.strip_prefix("https://").unwrap_or_default(), Some(query)));
    if query.is_some() && !with_query {
        return Err("it has a query");
    }
    let (authority, path) = before_query.split_once('/').ok_or("it has no path")?;
    if path.is_empty() {
        return Err("it has no path");
    }
    // A parser would take the next segment for it.
    if authority.is_empty() {
        return Err("it has no host");
    }
    if authority.contains('@') {
        return Err("it holds a user name");
    }
    let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split('/').any(is_dots) {
        return Err("its path has . or .. as a segment");
    }
    let url = Url::parse(client_id).map_err(|_| "it is not an address")?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it has no host")?;
    Ok(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_path_and_nothing_that_misleads() {
        // CM-1
        assert_eq!(host("https://Agent.example/app/client.json", false).unwrap(), "agent.example");
        assert_eq!(host("https://agent.example:8443/c", false).unwrap(), "agent.example");
        assert!(host("https://agent.example/c?v=1", true).is_ok());
        for bad in [
            "http://agent.example/c",
            "HTTPS://agent.example/c",
            "https://agent.example",
            "https://agent.example/",
            "https://agent.example?x/y",
            "https://agent.example/c?v=1",
            "https://agent.example/c#f",
            "https://user@agent.example/c",
            "https://user:pass@agent.example/c",
            "https://agent.example/a/../c",
            "https://agent.example/./c",
            "https://agent.example/%2E%2e/c",
            "https://agent.example/a/.%2e",
            "https://agent.example\\@evil.example/c",
            "https:///c",
            "https://agent.example/c c",
            "https://agent.example/\u{e9}",
        ] {
            assert!(host(bad, false).is_err(), "{bad}");
        }
        assert!(host("https://agent.example?/../c", true).is_err());
        assert!(host(&format!("https://agent.example/{}", "c".repeat(2048)), false).is_err());
    }
}

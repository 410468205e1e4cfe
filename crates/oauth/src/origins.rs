//! Which web pages may call us from a browser: those whose origin an app has registered with a redirect URI (TK-4, RS-8).

use store::{StoreError, Tx};
use url::Url;

use crate::Provider;

impl Provider {
    /// Whether an active app has a redirect URI of this origin. The opaque origin `null` never counts.
    pub async fn is_registered_origin(&self, origin: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.read().await?;
        let Some(pattern) = pattern(origin) else { return Ok(false) };
        registered(&mut tx, &pattern).await
    }
}

/// What the start of a redirect URI must be like for this origin, as a LIKE pattern. None for what is no web origin.
/// The loopback addresses match on any port, as their redirect URIs do (RU-2).
fn pattern(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
    if url.origin().ascii_serialization() != origin {
        return None;
    }
    let host = url.host_str()?;
    let loopback = ["127.0.0.1", "[::1]", "localhost"].contains(&host) && url.scheme() == "http";
    let start = if loopback { format!("http://{host}") } else { origin.to_owned() };
    Some(start.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

async fn registered(tx: &mut Tx, pattern: &str) -> Result<bool, StoreError> {
    let found = tx
        .row(
            "select u.id from client_redirect_uris u join clients c on c.id = u.client_id
             where c.status = 'active' and (u.uri = $1 or u.uri like $2 escape '\\' or u.uri like $3 escape '\\') limit 1",
            &[pattern.replace('\\', "").into(), format!("{pattern}/%").into(), format!("{pattern}:%").into()],
        )
        .await?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        assert_eq!(pattern("https://app.example.com").as_deref(), Some("https://app.example.com"));
        assert_eq!(pattern("http://127.0.0.1:5173").as_deref(), Some("http://127.0.0.1"));
        for bad in ["null", "https://app.example.com/", "https://app.example.com/x", "chrome-extension://abc", "*", ""]
        {
            assert_eq!(pattern(bad), None, "{bad}");
        }
    }
}

//! The only outbound HTTP client for addresses that somebody else chose: client ID metadata documents, key sets, logos, logout
//! addresses, upstream providers.
//!
//! Nothing that is not public is reached: names are resolved here, every address is checked, and the connection goes to what was checked
//! (CM-2; RFC 6890). No redirect is followed, no proxy is asked, and answers are bounded in time and size.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// What may be reached besides the public internet. Empty in production.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Loopback and private addresses too, and plain http to them: for a laptop.
    pub private: bool,
    /// Names that lead to these addresses, whatever the name service says, and are trusted to be meant so.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Further certificate authorities, in PEM.
    pub roots: Vec<String>,
}

/// How much of an answer is read, and how long it may take from beginning to end.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub bytes: usize,
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { bytes: 64 * 1024, time: Duration::from_secs(5) }
    }
}

/// A whole answer. Redirects are answers like any other.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A request of any method.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
}

/// The answer to a call. What is longer than the bounds is cut off rather than refused: its start is worth keeping.
#[derive(Debug, Clone)]
pub struct Called {
    pub fetched: Fetched,
    pub is_cut: bool,
}

/// Why nothing was fetched. The text may be shown to whoever chose the address: it names no address of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("{0} is not an address that can be fetched")]
    Address(String),
    #[error("{0} does not lead to a public address")]
    NotPublic(String),
    #[error("no answer in time")]
    Timeout,
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("no connection: {0}")]
    Connection(String),
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Fetch {
    client: reqwest::Client,
    reach: Arc<Reach>,
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Fetch {
    /// An error is a root certificate that cannot be read.
    pub fn new(reach: Reach) -> Result<Fetch, FetchError> {
        let reach = Arc::new(reach);
        let unusable = |error: reqwest::Error| FetchError::Connection(error.to_string());
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(Duration::from_secs(5))
            .pool_max_idle_per_host(2)
            .dns_resolver(Arc::new(Names(reach.clone())));
        for pem in &reach.roots {
            let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).map_err(unusable)?;
            builder = builder.add_root_certificate(certificate);
        }
        Ok(Fetch { client: builder.build().map_err(unusable)?, reach })
    }

    /// GET, with these headers.
    pub async fn get(&self, url: &str, headers: HeaderMap, bounds: Bounds) -> Result<Fetched, FetchError> {
        let url = self.checked(url)?;
        self.send(self.client.get(url).headers(headers), bounds).await
    }

    /// POST of a form.
    pub async fn post_form(
        &self,
        url: &str,
        headers: HeaderMap,
        fields: &[(&str, &str)],
        bounds: Bounds,
    ) -> Result<Fetched, FetchError> {
        let url = self.checked(url)?;
        self.send(self.client.post(url).headers(headers).form(fields), bounds).await
    }

    /// Any request. The bounds cut the answer off.
    pub async fn call(&self, call: Call<'_>, bounds: Bounds) -> Result<Called, FetchError> {
        let url = self.checked(call.url)?;
        let mut request = self.client.request(call.method, url).headers(call.headers);
        if let Some(body) = call.body {
            request = request.body(body);
        }
        read(request, bounds).await
    }

    /// Whether the address may be asked for at all, as far as that can be told without asking a name service.
    pub fn permits(&self, url: &str) -> Result<(), FetchError> {
        self.checked(url).map(drop)
    }

    /// The address itself: scheme, host, no credentials. Names are checked when they are resolved.
    fn checked(&self, text: &str) -> Result<Url, FetchError> {
        let refused = || FetchError::Address(text.chars().take(200).collect());
        let url = Url::parse(text).map_err(|_| refused())?;
        let host = url.host().ok_or_else(refused)?;
        let named = match &host {
            Host::Domain(name) => self.reach.hosts.get(*name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        };
        let is_named = named.is_some();
        // A name that was led to one port does not open the others of that machine.
        if !self.reach.private && named.is_some_and(|to| url.port().is_some_and(|port| port != to.port())) {
            return Err(FetchError::NotPublic(text.chars().take(200).collect()));
        }
        let literal = match host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        };
        let scheme_is_fine = url.scheme() == "https" || (url.scheme() == "http" && (self.reach.private || is_named));
        if !scheme_is_fine || !url.username().is_empty() || url.password().is_some() {
            return Err(refused());
        }
        match literal {
            Some(address) if !self.reach.private && !is_public(address) => {
                Err(FetchError::NotPublic(address.to_string()))
            }
            _ => Ok(url),
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder, bounds: Bounds) -> Result<Fetched, FetchError> {
        let called = read(request, bounds).await?;
        if called.is_cut { Err(FetchError::TooLong(bounds.bytes)) } else { Ok(called.fetched) }
    }
}

/// Reads no more of the answer than the bounds allow.
async fn read(request: reqwest::RequestBuilder, bounds: Bounds) -> Result<Called, FetchError> {
    let answer = async {
        let mut response = request.send().await.map_err(failure)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        let mut is_cut = false;
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            let room = bounds.bytes - body.len();
            if room < chunk.len() {
                body.extend_from_slice(&chunk[..room]);
                is_cut = true;
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Called { fetched: Fetched { status, headers, body: body.freeze() }, is_cut })
    };
    tokio::time::timeout(bounds.time, answer).await.map_err(|_| FetchError::Timeout)?
}

fn failure(error: reqwest::Error) -> FetchError {
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(it) = cause {
        if let Some(NotPublic(name)) = it.downcast_ref::<NotPublic>() {
            return FetchError::NotPublic(name.clone());
        }
        cause = it.source();
    }
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    FetchError::Connection(error.without_url().to_string())
}

/// A name that leads to an address nobody outside may choose.
#[derive(Debug, thiserror::Error)]
#[error("{0} does not lead to a public address")]
struct NotPublic(String);

/// Resolves names, and refuses those that lead inside: the connection then goes to the very addresses that were checked.
struct Names(Arc<Reach>);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let name = name.as_str().to_owned();
            if let Some(&address) = reach.hosts.get(&name) {
                return Ok(Box::new(std::iter::once(address)) as Addrs);
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One private address among public ones is as bad: the connection might go there.
            if !reach.private && found.iter().any(|address| !is_public(address.ip())) {
                return Err(NotPublic(name).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public internet: none of RFC 6890's special-purpose blocks, nor one that carries such an address
/// inside.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, _, _)
    );
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inside) = address.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    let s = address.segments();
    let inside = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // 64:ff9b::/96 and 6to4 carry an IPv4 address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0x2002, high, low, ..] => inside(high, low),
        // 2001::/23 (Teredo, ORCHID and others) and documentation
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Only 2000::/3 is given out as global unicast.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        // CM-2
        let inside = "127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 192.0.0.8 192.0.2.1 \
             198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 255.255.255.255 :: ::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 fe80::1 fc00::1 \
             fd12::1 ff02::1 2001:db8::1 2001::1 2002:7f00:1::1 64:ff9b::7f00:1 100::1 ::7f00:1";
        for text in inside.split_whitespace() {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in
            "93.184.216.34 8.8.8.8 172.32.0.1 2606:4700::1111 2001:4860:4860::8888 2002:808:808::1".split_whitespace()
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn an_address_is_https_without_credentials_to_a_public_host() {
        // CM-2
        let fetch = Fetch::new(Reach::default()).unwrap();
        for bad in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://user@example.com/",
            "file:///etc/passwd",
            "ftp://example.com",
            "",
            "https://",
        ] {
            assert!(fetch.checked(bad).is_err(), "{bad}");
        }
        assert!(fetch.checked("https://example.com/x").is_ok());
    }
}

//! How the call of an integration is written: address, headers and body with places to fill in.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json};
use store::{Row, StoreError, Value};
use url::Url;

use super::triggers;
use crate::Error;
use crate::actions::Payload;
use crate::templates::{self, Facts};

/// Verbs that can be chosen (Gorgias contract, `enums.http_method`).
pub const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const XML: &str = "application/xml";
/// Formats of the body that tells of an event. A rule that calls may bring XML besides.
pub const REQUEST_TYPES: &[&str] = &[JSON, FORM];
pub const URL_MAX_CHARS: usize = 2048;
const HEADERS_MAX: usize = 50;
const HEADER_MAX_CHARS: usize = 4096;
const FORM_MAX_BYTES: usize = 64 * 1024;
/// Depth to which a form may nest.
const FORM_MAX_DEPTH: usize = 16;
/// Headers that the connection sets itself.
const OURS: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What stays as it is when a value is put into an address.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    pub url: String,
    pub method: String,
    pub request_content_type: String,
    pub response_content_type: String,
    /// An object of any JSON; texts in it are templates, and so are its keys. None: a body that tells of the event.
    pub form: Option<Json>,
    /// Values are templates.
    pub headers: BTreeMap<String, String>,
    pub oauth2: Option<Json>,
    /// Those that are on.
    pub triggers: BTreeSet<String>,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            url: String::new(),
            method: "GET".to_owned(),
            request_content_type: JSON.to_owned(),
            response_content_type: JSON.to_owned(),
            form: None,
            headers: BTreeMap::new(),
            oauth2: None,
            triggers: BTreeSet::new(),
        }
    }
}

/// What a call changes of it. Triggers are changed one by one, the rest as a whole.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub url: Option<String>,
    pub method: Option<String>,
    pub request_content_type: Option<String>,
    pub response_content_type: Option<String>,
    pub form: Option<Option<Json>>,
    pub headers: Option<BTreeMap<String, String>>,
    pub oauth2: Option<Option<Json>>,
    pub triggers: BTreeMap<String, bool>,
}

impl Changes {
    /// Leaves what is not set as it is.
    pub fn apply(&self, http: &mut Http) {
        let set = |to: &mut String, new: &Option<String>| {
            if let Some(new) = new {
                to.clone_from(new);
            }
        };
        set(&mut http.url, &self.url);
        set(&mut http.method, &self.method);
        set(&mut http.request_content_type, &self.request_content_type);
        set(&mut http.response_content_type, &self.response_content_type);
        if let Some(form) = &self.form {
            http.form.clone_from(form);
        }
        if let Some(headers) = &self.headers {
            http.headers.clone_from(headers);
        }
        if let Some(oauth2) = &self.oauth2 {
            http.oauth2.clone_from(oauth2);
        }
        for (trigger, on) in &self.triggers {
            if *on {
                http.triggers.insert(trigger.clone());
            } else {
                http.triggers.remove(trigger);
            }
        }
    }
}

/// A call as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub url: String,
    /// Without signatures. A name may come up once.
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
}

impl Http {
    /// `Invalid` names the field, below `http`.
    pub fn check(&self) -> Result<(), Error> {
        check_url(&self.url).map_err(|problem| Error::invalid("http.url", problem))?;
        if !METHODS.contains(&self.method.as_str()) {
            return Err(Error::invalid("http.method", format!("Must be one of: {}.", METHODS.join(", "))));
        }
        if self.request_content_type != XML && !REQUEST_TYPES.contains(&self.request_content_type.as_str()) {
            let problem = format!("Must be one of: {}.", REQUEST_TYPES.join(", "));
            return Err(Error::invalid("http.request_content_type", problem));
        }
        check_headers(&self.headers).map_err(|problem| Error::invalid("http.headers", problem))?;
        if let Some(form) = &self.form {
            check_form(form).map_err(|problem| Error::invalid("http.form", problem))?;
        }
        if let Some(unknown) = self.triggers.iter().find(|word| !triggers::is_known(word)) {
            return Err(Error::invalid(format!("http.triggers.{unknown}"), "Not a known trigger."));
        }
        Ok(())
    }

    /// Fills in the facts. In an address, what is filled in is percent-encoded, so that it cannot become another part of it.
    pub fn request(&self, facts: &Facts) -> Result<Request, String> {
        let (mut url, mut headers) = self.address(facts)?;
        let form = self.form.as_ref().map(|form| fill(form, facts));
        let body = match self.method.as_str() {
            "GET" | "HEAD" | "DELETE" => {
                if let Some(form) = &form {
                    url.query_pairs_mut().extend_pairs(pairs(form));
                }
                None
            }
            _ if self.request_content_type == FORM => {
                let form = form.unwrap_or_else(|| facts.0.clone());
                let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs(&form)).finish();
                Some(body)
            }
            _ => Some(form.as_ref().unwrap_or(&facts.0).to_string()),
        };
        if body.is_some() && !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), self.request_content_type.clone()));
        }
        Ok(Request { method: self.method.clone(), url: url.into(), headers, body })
    }

    /// The same with what a rule brings in place of the integration's own form. What is filled in stays one part of the body.
    pub fn request_with(&self, facts: &Facts, payload: &Payload) -> Result<Request, String> {
        let (mut url, mut headers) = self.address(facts)?;
        let filled = |pairs: &[(String, String)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| (name.clone(), templates::text(value, facts))).collect()
        };
        let has_no_body = matches!(self.method.as_str(), "GET" | "HEAD" | "DELETE");
        let body = match payload {
            Payload::Own => return self.request(facts),
            Payload::Pairs(pairs) if has_no_body => {
                if !pairs.is_empty() {
                    url.query_pairs_mut().extend_pairs(filled(pairs));
                }
                None
            }
            Payload::Text(_) if has_no_body => None,
            Payload::Pairs(pairs) if self.request_content_type == FORM => {
                Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(filled(pairs)).finish())
            }
            Payload::Pairs(pairs) => {
                let object: Map<String, Json> =
                    filled(pairs).into_iter().map(|(name, value)| (name, Json::from(value))).collect();
                Some(Json::Object(object).to_string())
            }
            Payload::Text(text) if self.request_content_type == XML => Some(templates::html(text, facts)),
            Payload::Text(text) if self.request_content_type == JSON => {
                Some(match serde_json::from_str::<Json>(text) {
                    // A text in it may hold quotes once it is filled in.
                    Ok(json @ (Json::Object(_) | Json::Array(_))) => fill(&json, facts).to_string(),
                    _ => templates::text(text, &Facts(quotable(&facts.0))),
                })
            }
            Payload::Text(text) => Some(templates::text(text, facts)),
        };
        if body.is_some() && !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), self.request_content_type.clone()));
        }
        Ok(Request { method: self.method.clone(), url: url.into(), headers, body })
    }

    /// Where it goes, and the headers, with the facts filled in.
    fn address(&self, facts: &Facts) -> Result<(Url, Vec<(String, String)>), String> {
        let url = templates::text(&self.url, &Facts(encoded(&facts.0)));
        let url = Url::parse(url.trim()).map_err(|_| format!("{} is no address", cut(&url)))?;
        let mut headers = Vec::with_capacity(self.headers.len() + 1);
        for (name, value) in &self.headers {
            let value: String = templates::text(value, facts).chars().filter(|c| !c.is_control()).collect();
            headers.push((name.to_ascii_lowercase(), value));
        }
        Ok((url, headers))
    }

    /// Its texts that are templates, by which the facts are chosen.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.headers.values().map(String::as_str).chain([self.url.as_str()])
    }

    pub(super) fn columns(&self) -> Vec<Value> {
        let headers: Map<String, Json> =
            self.headers.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str()))).collect();
        vec![
            self.url.as_str().into(),
            self.method.as_str().into(),
            self.request_content_type.as_str().into(),
            self.response_content_type.as_str().into(),
            self.form.as_ref().into(),
            Json::Object(headers).into(),
            self.oauth2.as_ref().into(),
        ]
    }

    pub(super) fn from_row(row: &Row) -> Result<Http, Error> {
        let headers = match row.json("headers")? {
            Some(headers) => serde_json::from_value(headers).map_err(|_| StoreError::Column("headers"))?,
            None => BTreeMap::new(),
        };
        Ok(Http {
            url: row.text("url")?,
            method: row.text("method")?,
            request_content_type: row.text("request_content_type")?,
            response_content_type: row.text("response_content_type")?,
            form: row.json("form")?,
            headers,
            oauth2: row.json("oauth2")?,
            triggers: BTreeSet::new(),
        })
    }
}

/// The columns of one that is not called.
pub(super) fn no_columns() -> Vec<Value> {
    vec![Value::Null; 7]
}

/// https or http with a host. Places to fill in may stand behind the host, and in it: where it leads is checked with each call.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    let n_chars = url.chars().count();
    if n_chars == 0 || URL_MAX_CHARS < n_chars {
        return Err(format!("Must have 1 to {URL_MAX_CHARS} characters, has {n_chars}."));
    }
    if url.chars().any(|c| c.is_control()) {
        return Err("Not a valid URL.".to_owned());
    }
    let filled = templates::text(url, &Facts::default());
    // A host that begins with a place to fill in begins with nothing now.
    let begins_open = url.split_once("://").is_some_and(|(_, rest)| rest.starts_with("{{"));
    let filled = if begins_open { filled.replacen("://", "://x", 1) } else { filled };
    let parsed = Url::parse(&filled).map_err(|_| "Not a valid URL.".to_owned())?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err("Not a valid URL.".to_owned());
    }
    Ok(())
}

/// Names and values that can be sent, and none that belongs to the connection.
pub fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), String> {
    if HEADERS_MAX < headers.len() {
        return Err(format!("Longer than maximum length {HEADERS_MAX}."));
    }
    for (name, value) in headers {
        let Ok(known) = HeaderName::try_from(name.as_str()) else {
            return Err(format!("{} is not the name of a header.", cut(name)));
        };
        if OURS.contains(&known.as_str()) {
            return Err(format!("{known} is set by the connection itself."));
        }
        if HEADER_MAX_CHARS < value.chars().count() || HeaderValue::try_from(value.as_str()).is_err() {
            return Err(format!("The value of {known} cannot be sent."));
        }
    }
    Ok(())
}

fn check_form(form: &Json) -> Result<(), String> {
    if !form.is_object() {
        return Err("Not a valid mapping type.".to_owned());
    }
    if FORM_MAX_DEPTH < depth(form) {
        return Err(format!("Nests deeper than {FORM_MAX_DEPTH}."));
    }
    let text = form.to_string();
    if FORM_MAX_BYTES < text.len() {
        return Err(format!("Longer than {FORM_MAX_BYTES} bytes."));
    }
    if text.contains("\\u0000") {
        return Err("May not contain the NUL character.".to_owned());
    }
    Ok(())
}

fn depth(json: &Json) -> usize {
    match json {
        Json::Object(object) => 1 + object.values().map(depth).max().unwrap_or_default(),
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Every text in it as it reads with the facts.
pub(super) fn fill(form: &Json, facts: &Facts) -> Json {
    match form {
        Json::String(text) => Json::String(templates::text(text, facts)),
        Json::Array(items) => Json::Array(items.iter().map(|item| fill(item, facts)).collect()),
        Json::Object(object) => {
            Json::Object(object.iter().map(|(key, value)| (templates::text(key, facts), fill(value, facts))).collect())
        }
        other => other.clone(),
    }
}

/// Name and value of each field; what nests is written as JSON.
pub(super) fn pairs(form: &Json) -> Vec<(String, String)> {
    let Json::Object(object) = form else { return Vec::new() };
    let value = |value: &Json| match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    object.iter().map(|(key, it)| (key.clone(), value(it))).collect()
}

/// Every text in it as it stands between quotes in JSON.
fn quotable(facts: &Json) -> Json {
    match facts {
        Json::String(text) => {
            let quoted = Json::from(text.as_str()).to_string();
            Json::String(
                quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned(),
            )
        }
        Json::Array(items) => Json::Array(items.iter().map(quotable).collect()),
        Json::Object(object) => {
            Json::Object(object.iter().map(|(key, value)| (key.clone(), quotable(value))).collect())
        }
        other => other.clone(),
    }
}

/// Every text in it, percent-encoded.
pub(super) fn encoded(facts: &Json) -> Json {
    match facts {
        Json::String(text) => Json::String(utf8_percent_encode(text, UNRESERVED).to_string()),
        Json::Array(items) => Json::Array(items.iter().map(encoded).collect()),
        Json::Object(object) => Json::Object(object.iter().map(|(key, value)| (key.clone(), encoded(value))).collect()),
        other => other.clone(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// A verb that can be sent.
pub fn method(word: &str) -> Option<Method> {
    METHODS.contains(&word).then(|| Method::from_bytes(word.as_bytes()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts() -> Facts {
        Facts(
            json!({ "ticket": { "id": 7, "subject": "a/b?c=d&e \u{e9}\r\nX: y", "customer": { "email": "ada@example.com" } } }),
        )
    }

    fn posting(url: &str) -> Http {
        Http { url: url.to_owned(), method: "POST".to_owned(), ..Http::default() }
    }

    #[test]
    fn what_is_filled_into_an_address_stays_one_part_of_it() {
        let made = posting("https://crm.example/t/{{ticket.subject}}?by={{ticket.customer.email}}").request(&facts());

        let url = made.unwrap().url;
        assert_eq!(url, "https://crm.example/t/a%2Fb%3Fc%3Dd%26e%20%C3%A9%0D%0AX%3A%20y?by=ada%40example.com");
    }

    #[test]
    fn a_header_stays_one_header() {
        let mut http = posting("https://crm.example/");
        http.headers.insert("X-Subject".to_owned(), "{{ticket.subject}}".to_owned());

        let made = http.request(&facts()).unwrap();

        assert_eq!(made.headers[0], ("x-subject".to_owned(), "a/b?c=d&e \u{e9}X: y".to_owned()));
    }

    #[test]
    fn a_form_goes_into_body_or_query() {
        let form = json!({ "id": "{{ticket.id}}", "{{ticket.id}}": ["{{ticket.customer.email}}", 1], "none": "{{nothing.at.all}}" });
        let mut http = Http { form: Some(form), ..posting("https://crm.example/x?a=1") };
        let body = http.request(&facts()).unwrap().body.unwrap();
        let body: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(body, json!({ "id": "7", "7": ["ada@example.com", 1], "none": "" }));

        http.request_content_type = FORM.to_owned();
        assert_eq!(http.request(&facts()).unwrap().body.unwrap(), "7=%5B%22ada%40example.com%22%2C1%5D&id=7&none=");

        http.method = "GET".to_owned();
        let made = http.request(&facts()).unwrap();
        assert_eq!(
            (made.body, made.url.as_str()),
            (None, "https://crm.example/x?a=1&7=%5B%22ada%40example.com%22%2C1%5D&id=7&none=")
        );
    }

    #[test]
    fn what_a_rule_brings_stays_one_part_of_the_body() {
        let facts = Facts(json!({ "ticket": { "id": 7, "title": "say \"hi\" & <go>" } }));
        let text = |text: &str| Payload::Text(text.to_owned());
        let pairs = Payload::Pairs(vec![("t".to_owned(), "{{ticket.title}}".to_owned())]);
        let mut http = posting("https://crm.example/x");

        let body = http.request_with(&facts, &text(r#"{"t":"{{ticket.title}}"}"#)).unwrap().body.unwrap();
        assert_eq!(serde_json::from_str::<Json>(&body).unwrap(), json!({ "t": "say \"hi\" & <go>" }));
        let body = http.request_with(&facts, &text(r#"{"id":{{ticket.id}},"t":"{{ticket.title}}"}"#)).unwrap().body;
        assert_eq!(serde_json::from_str::<Json>(&body.unwrap()).unwrap(), json!({ "id": 7, "t": "say \"hi\" & <go>" }));
        http.request_content_type = XML.to_owned();
        let body = http.request_with(&facts, &text("<t>{{ticket.title}}</t>")).unwrap().body.unwrap();
        assert!(body.contains("&lt;go&gt;"), "{body}");
        http.request_content_type = FORM.to_owned();
        assert_eq!(http.request_with(&facts, &pairs).unwrap().body.unwrap(), "t=say+%22hi%22+%26+%3Cgo%3E");
        http.method = "GET".to_owned();
        let made = http.request_with(&facts, &pairs).unwrap();
        assert_eq!((made.url.as_str(), made.body), ("https://crm.example/x?t=say+%22hi%22+%26+%3Cgo%3E", None));
    }

    #[test]
    fn addresses_headers_and_forms_are_checked() {
        for good in [
            "https://a.example",
            "https://127.0.0.1:8/x",
            "https://[::1]/",
            "http://a.example:8/x?y={{ticket.id}}",
            "https://{{ticket.meta.host}}/x",
        ] {
            posting(good).check().unwrap();
        }
        for bad in [
            "",
            "a.example",
            "https://",
            "ftp://a.example",
            "{{ticket.meta.url}}",
            "https://a.example/\n",
            "javascript:alert(1)",
        ] {
            assert!(posting(bad).check().is_err(), "{bad}");
        }
        for (name, value) in [("Host", "x"), ("a b", "x"), ("x", "a\r\nb"), ("content-length", "4")] {
            let headers = [(name.to_owned(), value.to_owned())].into();
            assert!(check_headers(&headers).is_err(), "{name}");
        }
        let mut deep = json!({});
        for _ in 0..FORM_MAX_DEPTH {
            deep = json!({ "a": deep });
        }
        assert!(check_form(&deep).is_err());
    }
}

//! A browser without JavaScript: keeps cookies, follows our own redirects, sends forms as they stand in the page.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};

use super::server::PASSWORD;
use super::{Person, Server};

pub struct Browser<'a> {
    server: &'a Server,
    /// As the server set them, by name. Tests may change them.
    pub cookies: BTreeMap<String, String>,
}

/// One answer, not followed.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// Path and query of the request.
    pub path: String,
}

impl Page {
    /// Where a redirect leads.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok())
    }

    /// The parameters of the redirect's query or fragment, decoded.
    pub fn answer(&self) -> BTreeMap<String, String> {
        let location = self.location().unwrap_or_else(|| panic!("no redirect, but {}: {}", self.status, self.body));
        let url = url::Url::parse(location).expect("an absolute address");
        let query = url.fragment().or(url.query()).unwrap_or_default().to_owned();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// The fields of the form around the element with this id, and where it is sent.
    pub fn form_around(&self, id: &str) -> (String, Vec<(String, String)>) {
        let at = self.body.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} in {}", self.body));
        let start = self.body[..at].rfind("<form").expect("a form around it");
        let end = at + self.body[at..].find("</form>").expect("the end of the form");
        let form = &self.body[start..end];
        let tag = |from: &str| from[..from.find('>').unwrap_or(from.len())].to_owned();
        let action = attribute(&tag(form), "action").unwrap_or_else(|| self.path.clone());
        let mut fields = Vec::new();
        for (index, _) in form.match_indices("<input") {
            let input = tag(&form[index..]);
            if let (Some("hidden"), Some(name)) = (attribute(&input, "type").as_deref(), attribute(&input, "name")) {
                fields.push((name, attribute(&input, "value").unwrap_or_default()));
            }
        }
        // A button that has a name sends itself along when it is pressed.
        let element = tag(&self.body[self.body[..at].rfind('<').expect("its tag")..]);
        if let Some(name) = attribute(&element, "name").filter(|_| element.starts_with("<button")) {
            fields.push((name, attribute(&element, "value").unwrap_or_default()));
        }
        (action, fields)
    }
}

impl Page {
    /// An attribute of the element with this id, as a script reads it.
    pub fn attribute_of(&self, id: &str, name: &str) -> String {
        let at = self.body.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} in {}", self.body));
        let start = self.body[..at].rfind('<').expect("its tag");
        let tag = &self.body[start..];
        attribute(&tag[..tag.find('>').unwrap_or(tag.len())], name).unwrap_or_else(|| panic!("no {name} on {id}"))
    }
}

impl<'a> Browser<'a> {
    pub fn new(server: &'a Server) -> Browser<'a> {
        Browser { server, cookies: BTreeMap::new() }
    }

    /// One GET. `address` is a path, or an address of this server.
    pub async fn get(&mut self, address: &str) -> Page {
        let request = self.server.http.get(self.absolute(address));
        self.send(request, address).await
    }

    /// One POST of a form.
    pub async fn post(&mut self, address: &str, fields: &[(String, String)]) -> Page {
        let request = self.server.http.post(self.absolute(address)).form(fields);
        self.send(request, address).await
    }

    /// A GET, and then every redirect that stays on this server.
    pub async fn open(&mut self, address: &str) -> Page {
        let page = self.get(address).await;
        self.follow(page).await
    }

    /// Presses a button after filling in fields, and follows what stays on this server.
    pub async fn press(&mut self, page: &Page, button_id: &str, typed: &[(&str, &str)]) -> Page {
        let answered = self.press_once(page, button_id, typed).await;
        self.follow(answered).await
    }

    /// The same without following.
    pub async fn press_once(&mut self, page: &Page, button_id: &str, typed: &[(&str, &str)]) -> Page {
        let (action, mut fields) = page.form_around(button_id);
        fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.post(&action, &fields).await
    }

    /// Presses a button after a script has filled hidden fields too, and follows what stays on this server.
    pub async fn press_over(&mut self, page: &Page, button_id: &str, filled: &[(&str, &str)]) -> Page {
        let (action, mut fields) = page.form_around(button_id);
        fields.retain(|(name, _)| !filled.iter().any(|(filled, _)| filled == name));
        fields.extend(filled.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let answered = self.post(&action, &fields).await;
        self.follow(answered).await
    }

    /// Fills in the sign-in page for a person of the test account.
    pub async fn sign_in_on(&mut self, page: &Page, person: Person) -> Page {
        let email = match person {
            Person::Admin => "admin@demo.test",
            Person::Agent => "agent@demo.test",
        };
        self.press(page, "login-submit", &[("email", email), ("password", PASSWORD)]).await
    }

    /// Opens the sign-in page and signs in.
    pub async fn sign_in(&mut self, person: Person) {
        let page = self.open("/login").await;
        let done = self.sign_in_on(&page, person).await;
        assert!(!done.body.contains("login-submit"), "not signed in: {}", done.body);
    }

    /// Follows redirects that stay on this server.
    pub async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..10 {
            let own = page.location().filter(|to| to.starts_with('/') || to.starts_with(&self.server.base));
            let Some(to) = own.map(str::to_owned) else { return page };
            page = self.get(&to).await;
        }
        panic!("redirected in a circle: {}", page.path);
    }

    fn absolute(&self, address: &str) -> String {
        if address.starts_with('/') { format!("{}{address}", self.server.base) } else { address.to_owned() }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder, address: &str) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) };
        let response = request.send().await.expect("send");
        for line in response.headers().get_all(SET_COOKIE) {
            let line = line.to_str().expect("text");
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if value.is_empty() || line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("a body"),
            path: address.strip_prefix(&self.server.base).unwrap_or(address).to_owned(),
        }
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..];
    Some(unescape(&value[..value.find('"')?]))
}

/// What templates escape: numbers and the five names.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(';').map_or(rest.len(), |end| at + end);
        let name = &rest[at + 1..end];
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            number => {
                let number = number.strip_prefix('#').expect("a numbered character");
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                char::from_u32(code.expect("a number")).expect("a character")
            }
        });
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    out + rest
}

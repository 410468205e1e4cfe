//! A person's whole way: the app's request, consent, code and tokens, by somebody who is signed in already; and with the sign-in itself,
//! whose password hash is slow on purpose.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Bench, N_CONNECTIONS};

const CALLBACK: &str = "http://127.0.0.1/callback";
const VERIFIER: &str = "bench-verifier-bench-verifier-bench-verifier-0";

pub async fn measure(bench: &Bench<'_>) {
    let addresses = people(bench);
    for (what, signs_in) in [("sign-in kept: request to tokens", false), ("with sign-in by password", true)] {
        let done = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let people: Vec<_> = addresses
            .iter()
            .map(|email| {
                let mut person = Person::new(bench, email);
                let (done, time) = (done.clone(), bench.time * 2);
                tokio::spawn(async move {
                    person.sign_in_if_asked().await;
                    while started.elapsed() < time {
                        if signs_in {
                            person.cookies.clear();
                        }
                        person.journey().await;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for person in people {
            person.await.expect("a journey");
        }
        let per_second = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        println!("{what}: {per_second:.0} a second");
    }
}

/// One of the staff for each connection, with the administrator's password: an account lets only so many sign-ins be tried at once.
fn people(bench: &Bench<'_>) -> Vec<String> {
    let connection = rusqlite::Connection::open(bench.data.join("bailiwick.db")).expect("open");
    connection.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    let admin = bench.demo.facts["people"]["admin"]["email"].as_str().expect("an address");
    let addresses: Vec<String> = (0..N_CONNECTIONS).map(|n| format!("bench-{n}@demo.test")).collect();
    for address in &addresses {
        connection
            .execute(
                "insert into people (role, is_staff, email, email_key, email_verified, name, name_key, created_at, updated_at)
                 select role, 1, ?1, ?1, 1, ?1, ?1, created_at, updated_at from people where email = ?2 and is_staff = 1",
                [address.as_str(), admin],
            )
            .expect("a person");
        connection
            .execute(
                "insert into passwords (person_id, hash, changed_at)
                 select ?1, hash, changed_at from passwords where person_id = (select id from people where email = ?2 and is_staff = 1)",
                rusqlite::params![connection.last_insert_rowid(), admin],
            )
            .expect("a password");
    }
    addresses
}

/// A browser without JavaScript, and the app's server behind it.
struct Person {
    http: reqwest::Client,
    base: String,
    client_id: String,
    secret: String,
    email: String,
    password: String,
    cookies: BTreeMap<String, String>,
}

impl Person {
    fn new(bench: &Bench<'_>, email: &str) -> Person {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Person {
            http: http.build().expect("a client"),
            base: format!("http://{}", bench.demo.address),
            client_id: bench.client_id.clone(),
            secret: bench.secret.clone(),
            email: email.to_owned(),
            password: bench.demo.facts["people"]["admin"]["password"].as_str().expect("a password").to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    async fn sign_in_if_asked(&mut self) {
        self.journey().await;
    }

    /// From the app's request to its tokens.
    async fn journey(&mut self) {
        let challenge = URL_SAFE_NO_PAD.encode(outside::sha256(VERIFIER.as_bytes()));
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", CALLBACK),
            ("scope", "tickets:read"),
            ("state", "bench"),
            ("prompt", "consent"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let mut path = format!("/oauth/authorize?{query}");
        let mut fields: Option<Vec<(String, String)>> = None;
        let code = loop {
            let (location, body) = self.send(&path, fields.take()).await;
            if let Some(location) = location {
                if let Some(answer) = location.strip_prefix(CALLBACK) {
                    break parameter(answer, "code");
                }
                path = location.strip_prefix(&self.base).unwrap_or(&location).to_owned();
                continue;
            }
            let mut more = Vec::new();
            let button = if body.contains("id=\"login-submit\"") {
                more = vec![("email".to_owned(), self.email.clone()), ("password".to_owned(), self.password.clone())];
                "login-submit"
            } else {
                "consent-allow"
            };
            let (action, mut hidden) = form_around(&body, button, &path);
            hidden.append(&mut more);
            path = action;
            fields = Some(hidden);
        };
        let answer = self
            .http
            .post(format!("{}/oauth/token", self.base))
            .basic_auth(&self.client_id, Some(&self.secret))
            .form(&[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
            ])
            .send()
            .await
            .expect("send");
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
        answer.bytes().await.expect("the tokens");
    }

    /// Where it leads, or the page.
    async fn send(&mut self, path: &str, fields: Option<Vec<(String, String)>>) -> (Option<String>, String) {
        let url = format!("{}{path}", self.base);
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match &fields {
            Some(fields) => self.http.post(url).header("origin", &self.base).form(fields),
            None => self.http.get(url),
        };
        let answer = request.header("cookie", cookies.join("; ")).send().await.expect("send");
        for line in answer.headers().get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let status = answer.status().as_u16();
        let location = answer.headers().get("location").map(|it| it.to_str().expect("text").to_owned());
        let body = answer.text().await.expect("a body");
        assert!(status < 400, "{status} at {path}: {body}");
        (location, body)
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn parameter(query: &str, name: &str) -> String {
    let query = query.trim_start_matches('?');
    let mut found = url::form_urlencoded::parse(query.as_bytes()).filter(|(it, _)| it == name);
    found.next().unwrap_or_else(|| panic!("no {name} in {query}")).1.into_owned()
}

/// Where the form around a button goes, with its hidden fields, its chosen ones, and the button itself.
fn form_around(body: &str, button: &str, path: &str) -> (String, Vec<(String, String)>) {
    let at = body.find(&format!("id=\"{button}\"")).unwrap_or_else(|| panic!("no {button} at {path}: {body}"));
    let start = body[..at].rfind("<form").expect("a form");
    let end = at + body[at..].find("</form>").expect("its end");
    let tag = |from: &str| from[..from.find('>').unwrap_or(from.len())].to_owned();
    let form = &body[start..end];
    let mut fields = Vec::new();
    for (index, _) in form.match_indices("<input") {
        let input = tag(&form[index..]);
        let kind = attribute(&input, "type").unwrap_or_default();
        if (kind == "hidden" || input.contains(" checked"))
            && let Some(name) = attribute(&input, "name")
        {
            fields.push((name, attribute(&input, "value").unwrap_or_default()));
        }
    }
    let element = tag(&body[body[..at].rfind('<').expect("its tag")..]);
    if let Some(name) = attribute(&element, "name").filter(|_| element.starts_with("<button")) {
        fields.push((name, attribute(&element, "value").unwrap_or_default()));
    }
    (attribute(&tag(form), "action").unwrap_or_else(|| path.to_owned()), fields)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = &tag[tag.find(&format!(" {name}=\""))? + name.len() + 3..];
    Some(rest[..rest.find('"')?].replace("&amp;", "&"))
}

//! The scope matrix: every route of the table, called without credentials, with each single word of its dialect, and with all of them.
//!
//! Ids that no object has and empty bodies stand in for data, so a 400 or 404 means that the call was let in. The expectation comes
//! from the tables of `scope` and not from the guard; the golden file shows a reviewer what each word reaches.

use endpoint::{Guard, Route};
use oauth::authorize::Browser;
use oauth::sessions;
use reqwest::header::{COOKIE, LOCATION, ORIGIN, WWW_AUTHENTICATE};
use scope::Dialect;
use scope::permission::Permissions;
use scope::role::Role;
use scope::words;
use serde_json::json;

use crate::support::server::PASSWORD;
use crate::support::{Person, Server, golden};

/// An id that no object of a fresh account has.
const NOBODY: &str = "987654321";

/// What a vendor keeps to administrators though the permission reaches further.
const FOR_ADMINISTRATORS: &[&str] = &[
    "/api/v2/brand_agents",
    "/api/v2/brands/check_host_mapping",
    "/api/v2/brands/{brand_id}/agents",
    "/api/v2/brands/{brand_id}/check_host_mapping",
    "/api/v2/incremental/",
    "/api/v2/organization_merges/",
    "/api/v2/organizations/{organization_id}/merge",
    "/api/v2/satisfaction_ratings",
    "/api/v2/satisfaction_reasons",
    "/api/v2/ticket_audits",
    "/api/v2/users/{user_id}/brand_agents",
    "/api/v2/users/{user_id}/entitlements/full",
    "PUT /api/v2/attachments/{attachment_id}",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_exactly_the_routes_that_its_words_open() {
    // RS-2, RS-4, RS-5, RS-6, RS-11
    let server = Server::start().await;
    let head = ["METHOD", "PATH", "NO TOKEN", "ALL WORDS", "AGENT, ALL WORDS", "EACH OTHER WORD", "LET IN BY"];
    let mut rows = vec![head.map(str::to_owned)];

    for dialect in Dialect::ALL {
        let routes: Vec<Route> = bailiwick::routes().table;
        let by_token = |route: &&Route| route.guard == Guard::Token && route.dialect == *dialect;
        let (tools, routes): (Vec<&Route>, Vec<&Route>) =
            routes.iter().filter(by_token).partition(|route| is_tool(route));
        if !routes.is_empty() {
            let tokens = Tokens::of(&server, *dialect).await;
            for route in routes {
                rows.push(row(&server, &tokens, route).await);
            }
        }
        if !tools.is_empty() {
            let tokens = Tokens::of(&server, *dialect).await;
            server.make_all_tokens_for_mcp().await;
            for tool in tools {
                rows.push(row(&server, &tokens, tool).await);
            }
        }
    }

    golden("scope_matrix.txt", &columns(&rows));
}

/// For one dialect: a token for each of its words, and two with all words.
struct Tokens {
    single: Vec<(&'static str, String)>,
    all: String,
    agent: String,
}

impl Tokens {
    async fn of(server: &Server, dialect: Dialect) -> Tokens {
        let words: Vec<&'static str> = words::vocabulary(dialect).iter().map(|word| word.word).collect();
        let mut single = Vec::new();
        for word in &words {
            single.push((*word, server.token_for(Person::Admin, dialect, word).await));
        }
        Tokens {
            single,
            all: server.token_for(Person::Admin, dialect, &words.join(" ")).await,
            agent: server.token_for(Person::Agent, dialect, &words.join(" ")).await,
        }
    }
}

/// Calls one route in every way, and tells how it answered.
async fn row(server: &Server, tokens: &Tokens, route: &Route) -> [String; 7] {
    let named = format!("{} {}", route.method, route.path);
    let needed = words::narrowest(route.dialect, route.needs).join(" ");

    let bare = call(server, route, None).await;
    assert_eq!(bare.status, 401, "{named} without a token");
    assert!(bare.challenge.contains("resource_metadata=\""), "{named}: {}", bare.challenge);
    // Without a token nobody reads which tool is called: the challenge names what an agent can begin with (MC-1).
    let asked = if is_tool(route) { "customers:read tags:read tickets:read" } else { needed.as_str() };
    assert!(bare.challenge.contains(&format!("scope=\"{asked}\"")), "{named}: {}", bare.challenge);
    assert!(!bare.challenge.contains("error="), "{named}: {}", bare.challenge);

    if route.dialect == Dialect::Gorgias {
        // The other spelling of the address must not be a way around the guard.
        let slashed = server
            .http
            .request(route.method.parse().expect("a method"), format!("{}{}/", server.base, address(route.path)));
        assert_eq!(Answer::of(slashed).await.status, 401, "{named}/ without a token");
    }

    let mut let_in = Vec::new();
    for (word, token) in &tokens.single {
        let answer = call(server, route, Some(token)).await;
        if words::permissions_of(route.dialect, word).contains_all(route.needs) {
            answer.assert_let_in(&format!("{named} with {word}"));
            let_in.push(format!("{word} {}", answer.status));
        } else {
            assert_eq!(answer.status, 403, "{named} with {word} alone");
            assert!(answer.challenge.contains("error=\"insufficient_scope\""), "{named}: {}", answer.challenge);
            assert!(answer.challenge.contains(&format!("scope=\"{needed}\"")), "{named}: {}", answer.challenge);
            assert!(answer.challenge.contains("resource_metadata=\""), "{named}: {}", answer.challenge);
        }
    }

    let all = call(server, route, Some(&tokens.all)).await;
    all.assert_let_in(&format!("{named} with all words"));

    let agent = call(server, route, Some(&tokens.agent)).await;
    let is_for_administrators = FOR_ADMINISTRATORS.iter().any(|it| route.path.starts_with(it) || named == **it);
    if within(Role::Agent, route.needs) && !is_for_administrators {
        agent.assert_let_in(&format!("{named} as an agent"));
    } else {
        assert_eq!(agent.status, 403, "{named} is beyond an agent's role");
        assert!(!agent.challenge.contains("scope="), "no scope helps: {}", agent.challenge);
    }

    [
        route.method.to_owned(),
        route.path.to_owned(),
        bare.status.to_string(),
        all.status.to_string(),
        agent.status.to_string(),
        format!("403 {needed}"),
        let_in.join(", "),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_exactly_the_pages_that_the_role_allows() {
    // RS-6
    let server = Server::start().await;
    let (admin, agent) = (Visit::of(&server, Person::Admin).await, Visit::of(&server, Person::Agent).await);
    let mut rows = vec![["METHOD", "PATH", "ADMIN", "AGENT", "NOBODY"].map(str::to_owned)];

    for route in bailiwick::routes().table.iter().filter(|route| route.guard == Guard::Session) {
        let named = format!("{} {}", route.method, route.path);
        let nobody = visit(&server, route, None).await;
        assert!([401, 302, 303, 307].contains(&nobody.status), "{named} without a session answered {}", nobody.status);
        assert!(nobody.location.is_empty() || nobody.location.starts_with("/login"), "{named}: {}", nobody.location);

        let as_admin = visit(&server, route, Some(&admin)).await;
        as_admin.assert_let_in(&format!("{named} as the administrator"));

        let as_agent = visit(&server, route, Some(&agent)).await;
        if within(Role::Agent, route.needs) {
            as_agent.assert_let_in(&format!("{named} as an agent"));
        } else {
            assert_eq!(as_agent.status, 403, "{named} is beyond an agent's role");
        }
        rows.push([
            route.method.to_owned(),
            route.path.to_owned(),
            as_admin.status.to_string(),
            as_agent.status.to_string(),
            format!("{} {}", nobody.status, nobody.location.split('?').next().unwrap_or_default()),
        ]);
    }

    golden("session_matrix.txt", &columns(&rows));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_role_counts_from_the_next_call_on() {
    // RS-6
    let server = Server::start().await;
    let admin = server.token("users:write").await;
    let agent = server.token_for(Person::Agent, Dialect::Gorgias, "users:write").await;
    let role_of_agent = format!("/api/users/{}", server.agent_id);
    let nobody = format!("/api/users/{NOBODY}");

    let before = server.delete(&nobody, &agent).await.status();
    let promoted = server.put(&role_of_agent, &admin, json!({ "role": { "name": "admin" } })).await.status();
    let as_admin = server.delete(&nobody, &agent).await.status();
    let demoted = server.put(&role_of_agent, &admin, json!({ "role": { "name": "lite-agent" } })).await.status();
    let after = server.delete(&nobody, &agent).await.status();

    assert_eq!((promoted.as_u16(), demoted.as_u16()), (200, 200));
    assert_eq!((before.as_u16(), as_admin.as_u16(), after.as_u16()), (403, 404, 403));
}

/// The cookies of someone who is signed in, and the hidden value that every form of theirs carries.
struct Visit {
    cookies: String,
    csrf: String,
}

impl Visit {
    async fn of(server: &Server, person: Person) -> Visit {
        let email = match person {
            Person::Admin => "admin@demo.test",
            Person::Agent => "agent@demo.test",
        };
        let browser = Browser {
            cookie: "the-cookie-of-a-browser",
            session: None,
            address: "127.0.0.1".to_owned(),
            user_agent: String::new(),
            request_id: String::new(),
        };
        let signed_in = server.app.provider.sign_in(email, PASSWORD, &browser).await.expect("signed in");
        let (session, known) = (sessions::cookie_name(false), sessions::browser_cookie_name(false));
        Visit {
            cookies: format!("{session}={}; {known}={}", signed_in.cookie, browser.cookie),
            csrf: sessions::csrf_value(&signed_in.cookie, ""),
        }
    }
}

async fn visit(server: &Server, route: &Route, visit: Option<&Visit>) -> Answer {
    let method: reqwest::Method = route.method.parse().expect("a method");
    let mut request = server.http.request(method.clone(), format!("{}{}", server.base, address(route.path)));
    if let Some(visit) = visit {
        request = request.header(COOKIE, &visit.cookies);
    }
    if method != reqwest::Method::GET {
        // Without an origin a form could be anybody's.
        request = request.header(ORIGIN, &server.base);
        request = request.form(&[("csrf", visit.map_or("", |visit| visit.csrf.as_str()))]);
    }
    Answer::of(request).await
}

fn within(role: Role, needs: Permissions) -> bool {
    role.ceiling().contains_all(needs)
}

struct Answer {
    status: u16,
    challenge: String,
    location: String,
    body: String,
}

impl Answer {
    async fn of(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("send");
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (challenge, location) = (header(WWW_AUTHENTICATE).to_owned(), header(LOCATION).to_owned());
        Answer { status: response.status().as_u16(), challenge, location, body: response.text().await.expect("a body") }
    }

    /// Anything that the data decided: neither turned away nor broken.
    fn assert_let_in(&self, what: &str) {
        let by_data = (200..300).contains(&self.status) || [303, 400, 404, 409, 422].contains(&self.status);
        assert!(!self.location.starts_with("/login"), "{what} was sent to sign in");
        assert!(by_data, "{what} answered {}: {}", self.status, self.body);
    }
}

/// A tool of the MCP endpoint: its path is its name.
fn is_tool(route: &Route) -> bool {
    route.method == "TOOL"
}

async fn call(server: &Server, route: &Route, token: Option<&str>) -> Answer {
    if is_tool(route) {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": route.path, "arguments": {} },
        });
        let request = server.mcp_request(message);
        return Answer::of(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
        .await;
    }
    let method: reqwest::Method = route.method.parse().expect("a method");
    let mut request = server.http.request(method.clone(), format!("{}{}", server.base, address(route.path)));
    if method != reqwest::Method::GET {
        request = request.json(&json!({}));
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Answer::of(request).await
}

/// The path with an id that does not exist in each place.
fn address(path: &str) -> String {
    let places = path.split('/').map(|part| if part.starts_with('{') { NOBODY } else { part });
    places.collect::<Vec<_>>().join("/")
}

/// One line a row, each column as wide as its widest cell.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

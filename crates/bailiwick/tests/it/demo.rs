//! `bailiwick demo`, as newcomers and scripts start it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::server::{Database, fresh_database, http_client};

/// A running demo, killed at the end.
struct Demo {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Its JSON line.
    line: Value,
    _database: Database,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn demo(database_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.args(["demo", "--json", "--listen", "127.0.0.1:0", "--database", database_url]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn start(seed: &str) -> Demo {
    let (_db, database) = fresh_database().await;
    let mut child = demo(&database.url).args(["--tickets", "40", "--seed", seed]).spawn().expect("start the binary");
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    let line = serde_json::from_str(&line).unwrap_or_else(|error| {
        let mut said = String::new();
        let _read = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        panic!("{error}: {line:?} {said}")
    });
    Demo { child, output, line, _database: database }
}

impl Demo {
    /// An answer of the API to the administrator's key.
    async fn get(&self, path: &str) -> Value {
        let admin = &self.line["people"]["admin"];
        let url = format!("{}{path}", self.line["url"].as_str().expect("url"));
        let request = http_client().get(&url).basic_auth(text(&admin["email"]), Some(text(&admin["api_key"])));
        let answer = request.send().await.expect("send");
        assert_eq!(answer.status(), 200, "{url}");
        answer.json().await.expect("JSON")
    }

    /// What the helpdesk holds, without its address and the dates: they count back from the last midnight.
    async fn content(&self) -> Vec<String> {
        let mut content = Vec::new();
        for path in
            ["/api/tickets?limit=100", "/api/messages?limit=100", "/api/customers?limit=100", "/api/users", "/api/tags"]
        {
            let answer = undated(self.get(path).await);
            content.push(answer.to_string().replace(text(&self.line["url"]), ""));
        }
        content
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn undated(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !name.ends_with("_datetime") && !name.ends_with("_cursor"))
            .map(|(name, value)| (name, undated(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(undated).collect(),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_prints_one_line_of_json_that_opens_everything() {
    let mut demo = start("1").await;

    let tickets = demo.get("/api/tickets?limit=100").await;
    let account = demo.get("/api/account").await;
    let line = demo.line.clone();
    Command::new("kill").arg(demo.child.id().to_string()).status().expect("ask it to stop");
    let status = demo.child.wait().expect("an end");
    let mut rest = String::new();
    demo.output.read_to_string(&mut rest).expect("the rest");

    assert_eq!(tickets["data"].as_array().map(Vec::len), Some(40));
    assert_eq!(account["domain"], line["account"]);
    assert_eq!(line["issuer"], line["url"]);
    for who in ["admin", "agent", "customer"] {
        for what in ["email", "password", "api_key"] {
            assert!(line["people"][who][what].is_string(), "{who} {what}");
        }
    }
    let apps = line["apps"].as_array().expect("apps");
    let kinds: Vec<_> = apps.iter().map(|app| (text(&app["dialect"]), text(&app["type"]))).collect();
    let pairs = ["standard", "gorgias", "zendesk"].map(|dialect| [(dialect, "confidential"), (dialect, "public")]);
    assert_eq!(kinds, pairs.concat());
    for app in apps {
        assert_eq!(app["client_secret"].is_string(), app["type"] == "confidential");
        assert!(app["redirect_uris"].as_array().expect("a list").contains(&json!("http://127.0.0.1/callback")));
        assert!(app["scopes"].as_array().expect("a list").contains(&json!("tickets:read")));
    }
    assert!(status.success(), "{status}");
    assert_eq!(rest, "", "it printed more than one line");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_makes_the_same_helpdesk_and_another_one_another() {
    let first = start("5").await;
    let second = start("5").await;
    let other = start("6").await;

    let (one, two, three) = (first.content().await, second.content().await, other.content().await);

    assert_eq!(one, two);
    assert_ne!(one, three);
    assert_eq!(first.line["people"], second.line["people"]);
    assert_eq!(first.line["apps"], second.line["apps"]);
    assert_ne!(first.line["apps"], other.line["apps"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ticket_of_the_demo_has_its_event() {
    let demo = start("1").await;

    let events = demo.get("/api/events?limit=100&types=ticket-created").await;
    let tickets = demo.get("/api/tickets?limit=100&order_by=created_datetime:desc").await;

    let ids = |list: &Value, field: &str| -> Vec<i64> {
        list["data"].as_array().expect("a list").iter().filter_map(|item| item[field].as_i64()).collect()
    };
    assert_eq!(ids(&tickets, "id").len(), 40);
    assert_eq!(ids(&events, "object_id"), ids(&tickets, "id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_month_of_the_demo_has_everything_in_it() {
    let (_db, database) = fresh_database().await;
    let mut child = demo(&database.url).args(["--tickets", "300", "--seed", "1"]).spawn().expect("start the binary");
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    let demo = Demo { child, output, line: serde_json::from_str(&line).expect("JSON"), _database: database };

    let list = async |path: &str| demo.get(path).await["data"].as_array().expect("a list").clone();
    let executed = list("/api/events?limit=100&types=rule-executed").await;
    let merged = list("/api/events?limit=100&types=tag-merged").await;
    let rules = list("/api/rules?limit=30").await;
    let macros = list("/api/macros?limit=30").await;
    let views = list("/api/views?limit=100&category=user").await;
    let jobs = list("/api/jobs?limit=30").await;
    let fields = list("/api/custom-fields?object_type=Ticket").await;
    let tickets = list("/api/tickets?limit=100&order_by=created_datetime:desc").await;

    assert!(executed.len() > 5, "{}", executed.len());
    assert_eq!(merged.len(), 1);
    assert_eq!((rules.len(), views.len(), fields.len()), (5, 5, 3));
    assert!(macros.iter().any(|it| it["usage"].as_i64() > Some(0)), "{macros:?}");
    assert_eq!(jobs.len(), 4);
    assert!(jobs.iter().all(|job| job["status"] == "done"), "{jobs:?}");
    assert!(tickets.iter().any(|it| it["custom_fields"].as_object().is_some_and(|them| !them.is_empty())));
    let articles = demo.get("/api/v2/help_center/articles").await;
    let found = demo.get("/api/v2/help_center/articles/search?query=how+do+I+return+something").await;
    assert_eq!(articles["count"], 13);
    assert!(articles["articles"].as_array().expect("a list").iter().any(|it| it["vote_sum"].as_i64() > Some(0)));
    assert_eq!(found["results"][0]["title"], "How do I return something?");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_show_calls_that_work_on_therunning() {
    let demo = start("1").await;

    let admin = &demo.line["people"]["admin"];
    let credentials = format!("-u {}:{} ", text(&admin["email"]), text(&admin["api_key"]));

    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for document in ["README.md", "docs/gorgias.md"] {
        let text = std::fs::read_to_string(format!("{root}/{document}")).expect("the document");
        assert!(text.contains(&credentials), "{document} does not say {credentials}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_leaves_a_database_alone_that_holds_an_account() {
    let server = Server::start().await;

    let refused = demo(&server.database.url).output().expect("run the binary");

    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("there is an account in"), "{said}");
    assert_eq!(refused.stdout, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_loads_the_apps_and_people_of_a_conformance_test() {
    // KEY-8, POL-1
    let (db, database) = fresh_database().await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance-clients.toml");
    let mut command = demo(&database.url);
    command.args(["--tickets", "1", "--clients", file, "--issuer", "https://bailiwick.example"]);
    let mut child = command.spawn().expect("start the binary");
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    if line.is_empty() {
        let mut said = String::new();
        child.stderr.take().expect("its errors").read_to_string(&mut said).expect("text");
        panic!("{said}");
    }
    let running = Demo { child, output, line: serde_json::from_str(&line).expect("JSON"), _database: database };

    let apps = running.line["apps"].as_array().expect("apps");
    let find = |id: &str| apps.iter().find(|app| app["client_id"] == id).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(running.line["issuer"], "https://bailiwick.example");
    assert_eq!(find("conformance-basic")["client_secret"], "conformance-basic-secret");
    assert_eq!(find("conformance-fapi2")["client_secret"], Value::Null, "it proves itself by its key");
    let mut tx = db.read().await.expect("begin");
    let row = tx
        .row("select email_verified, claims from people where email = 'jane@conformance.test'", &[])
        .await
        .expect("read")
        .expect("Jane");
    let claims: Value = row.json("claims").expect("JSON").expect("claims");
    assert!(row.flag("email_verified").expect("a flag"));
    assert_eq!(claims["address"]["locality"], "Vienna");
    let row = tx.row("select require_pkce from clients where client_id = 'conformance-basic'", &[]).await;
    assert!(!row.expect("read").expect("the app").flag("require_pkce").expect("a flag"));
    let row = tx
        .row("select policy, require_par, require_dpop from clients where client_id = 'conformance-fapi2-ms'", &[])
        .await;
    let row = row.expect("read").expect("the app");
    assert!(row.flag("require_par").expect("a flag") && row.flag("require_dpop").expect("a flag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_file_of_apps_is_named() {
    // KEY-6, POL-1
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("apps.toml");
    let app = "[[clients]]\nclient_id = \"an-app\"\nredirect_uris = [\"https://app.example.com/cb\"]\n";
    for (text, expected) in [
        (format!("{app}redirect_uri = \"x\"\n"), "redirect_uri"),
        (format!("{app}id_token_signed_response_alg = \"none\"\n"), "id_token_signed_response_alg"),
        (format!("{app}client_secret = \"short\"\n"), "client_secret"),
        (format!("{app}policy = \"strict\"\n"), "policy"),
        ("[server]\nissuers = 5\n".to_owned(), "issuers"),
        ("[[people]]\nemail = \"a@b.example\"\npassword = \"short\"\nrole = \"agent\"\n".to_owned(), "password"),
    ] {
        std::fs::write(&path, &text).expect("written");
        let (_db, database) = fresh_database().await;
        let mut command = demo(&database.url);
        command.args(["--tickets", "1", "--clients"]).arg(&path);

        let refused = command.output().expect("run the binary");

        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(expected), "{expected}: {said}");
    }
}

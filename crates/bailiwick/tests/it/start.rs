//! The program as an operator starts it: what it makes, what it prints, and what it refuses with a sentence that says what to do.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::server::http_client;

fn bailiwick(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.arg("--data").arg(data).args(["--listen", "127.0.0.1:0"]).env("BAILIWICK_LOG", "warn");
    command
}

/// Runs a command that must refuse to start, and returns what it said.
fn refusal(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("run the binary");
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert!(!status.success(), "it started: {text}");
    text
}

/// A started server, killed at the end, and the lines it printed first.
struct Started {
    child: Child,
    lines: Vec<String>,
}

fn start(mut command: Command, n_lines: usize) -> Started {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("start the binary");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let lines = output.lines().take(n_lines).map(|line| line.expect("a line")).collect();
    Started { child, lines }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_its_files_and_prints_a_set_up_link_that_opens() {
    let data = tempfile::tempdir().expect("a folder");

    let started = start(bailiwick(data.path()), 2);

    let link = started.lines[1].split_once(": ").expect("a link").1;
    let page = http_client().get(link).send().await.expect("send");
    assert_eq!(page.status(), 200, "{link}");
    assert!(data.path().join("bailiwick.db").exists() && data.path().join("secret.key").exists());
}

#[test]
fn a_taken_port_is_refused_with_what_to_do() {
    let data = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.arg("--data").arg(data.path()).args(["--listen", &address]);

    let text = refusal(command);

    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[test]
fn a_data_folder_that_cannot_be_made_is_refused_with_what_to_do() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("file");
    std::fs::write(&file, "in the way").expect("write");

    let text = refusal(bailiwick(&file.join("data")));

    assert!(text.contains("data folder") && text.contains("--data"), "{text}");
}

#[test]
fn a_damaged_database_is_refused_with_what_to_do() {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("bailiwick.db"), vec![b'x'; 8192]).expect("write");

    let text = refusal(bailiwick(data.path()));

    assert!(text.contains("bailiwick.db") && text.contains("restore a backup"), "{text}");
}

#[test]
fn a_database_of_a_newer_program_is_refused_with_what_to_do() {
    let data = tempfile::tempdir().expect("a folder");
    drop(start(bailiwick(data.path()), 1));
    let connection = rusqlite::Connection::open(data.path().join("bailiwick.db")).expect("open");
    connection
        .execute(
            "insert into schema_migrations (number, name, checksum, applied_at) values (9999, 'later', 'x', 1)",
            [],
        )
        .expect("a later migration");
    drop(connection);

    let text = refusal(bailiwick(data.path()));

    assert!(text.contains("newer"), "{text}");
}

#[test]
fn an_issuer_that_is_plain_http_off_loopback_is_refused() {
    // ALL-1, ALL-2
    let data = tempfile::tempdir().expect("a folder");
    let mut command = bailiwick(data.path());
    command.args(["--public-url", "http://help.example.com"]);

    let text = refusal(command);

    assert!(text.contains("must be https"), "{text}");
}

#[test]
fn an_unknown_setting_is_refused_and_the_nearest_is_named() {
    let data = tempfile::tempdir().expect("a folder");
    let mut command = bailiwick(data.path());
    command.env("BAILIWICK_PUBLIC_ULR", "https://help.example.com");

    let text = refusal(command);

    assert!(text.contains("public_url"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_token_secret_key_or_password_however_much_is_logged() {
    // ALL-12
    let folder = tempfile::tempdir().expect("a folder");
    let log = std::fs::File::create(folder.path().join("log")).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command
        .args(["demo", "--json", "--tickets", "5", "--listen", "127.0.0.1:0"])
        .env("BAILIWICK_LOG", "debug")
        .stderr(log);
    let started = start(command, 1);
    let facts: serde_json::Value = serde_json::from_str(&started.lines[0]).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let (url, app, admin) = (text(&facts["url"]), &facts["apps"][0], &facts["people"]["admin"]);
    let (client_id, secret) = (text(&app["client_id"]), text(&app["client_secret"]));
    let http = http_client();

    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "tickets:read"),
        ("client_id", &client_id),
        ("client_secret", &secret),
    ];
    let issued = http.post(format!("{url}/oauth/token")).form(&form).send().await.expect("send");
    let token = text(&issued.json::<serde_json::Value>().await.expect("JSON")["access_token"]);
    let api = format!("{url}/api/tickets");
    let read = http.get(&api).bearer_auth(&token).send().await.expect("send").status();
    let in_query = http.get(format!("{api}?access_token={token}")).send().await.expect("send").status();
    let key = text(&admin["api_key"]);
    let by_key = http.get(&api).basic_auth(text(&admin["email"]), Some(&key)).send().await.expect("send").status();
    drop(started);

    assert_eq!([read, in_query, by_key].map(|it| it.as_u16()), [200, 400, 200]);
    let log = std::fs::read_to_string(folder.path().join("log")).expect("the log");
    assert!(log.contains("/api/tickets"), "{log}");
    for hidden in [&token, &secret, &key, &text(&admin["password"])] {
        assert!(!log.contains(hidden.as_str()), "{log}");
    }
}

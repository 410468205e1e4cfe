//! Keys are replaced while everything goes on: by command, in the Admin Center and by schedule.

use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::decode_header;
use oauth::key_rotation::{Rotation, State};
use scope::Dialect;
use scope::permit::Actor;
use serde_json::Value;

use crate::support::app::confidential;
use crate::support::server::SECRET_KEY;
use crate::support::{Browser, Person, Server, TestApp};

const WORDS: &str = "openid account:read";

async fn kid(app: &TestApp<'_>) -> String {
    let tokens = app.tokens(Person::Agent, WORDS).await;
    decode_header(tokens["id_token"].as_str().expect("an id_token")).expect("a header").kid.expect("a kid")
}

async fn published(server: &Server) -> Vec<String> {
    let address = format!("{}/oauth/jwks", server.base);
    let document: Value =
        server.http.get(address).send().await.expect("what the test made").json().await.expect("what the test made");
    let kids = document["keys"].as_array().expect("keys").iter();
    kids.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

/// `bailiwick key …` in a process of its own; whether it went well, and what it said.
fn command(server: &Server, args: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .current_dir(folder.path())
        .env("BAILIWICK_SECRET_KEY", STANDARD.encode(SECRET_KEY))
        .args(["--database", &server.database.url, "key"])
        .args(args)
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

async fn events(server: &Server, kind: &str) -> i64 {
    let mut tx = server.db.read().await.expect("what the test made");
    let sql = "select count(*) as n from events where type = $1";
    tx.row(sql, &[kind.into()])
        .await
        .expect("what the test made")
        .expect("what the test made")
        .int("n")
        .expect("what the test made")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_rotates_and_revokes_the_keys_of_a_running_server() {
    // KEY-3, KEY-2
    let server = Server::start_on_the_real_clock().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let first = kid(&app).await;
    let within_a_second = async || tokio::time::sleep(Duration::from_millis(1100)).await;

    let (announced, listed) = command(&server, &["rotate"]);
    within_a_second().await;
    let during = kid(&app).await;
    let n_published = published(&server).await.len();
    let (rotated, rotation) = command(&server, &["rotate", "--now"]);
    within_a_second().await;
    let second = kid(&app).await;
    let both = published(&server).await;
    let (revoked, revocation) = command(&server, &["revoke", &second]);
    within_a_second().await;
    let third = kid(&app).await;
    let left = published(&server).await;
    let (again, refusal) = command(&server, &["revoke", &second]);
    let (_, hyphen) = command(&server, &["revoke", "-a-key-may-begin-so"]);
    let (_, json) = command(&server, &["list", "--json"]);

    assert!(announced && listed.contains("announced"), "{listed}");
    assert!(rotated && revoked, "{rotation}{revocation}");
    assert_eq!(during, first);
    assert_eq!(n_published, 5, "one that signs and four that will");
    assert_ne!(second, first);
    assert!(both.contains(&first) && both.contains(&second));
    assert!(!left.contains(&second) && left.contains(&third) && left.contains(&first));
    assert!(!again && refusal.contains("there is no key"), "{refusal}");
    assert!(hyphen.contains("there is no key -a-key-may-begin-so"), "{hyphen}");
    let keys: Value = serde_json::from_str(&json).expect("JSON");
    assert!(keys.as_array().unwrap().iter().any(|key| key["kid"] == third.as_str() && key["state"] == "signing"));
    assert!(!json.contains("private"));
    assert_eq!((events(&server, "signing-keys-rotated").await, events(&server, "signing-key-revoked").await), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_the_servers_secret_key_changes_nothing() {
    // KEY-3, KEY-4
    let server = Server::start().await;
    let before = published(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let run = |key: Option<String>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        command.current_dir(folder.path()).args(["--database", &server.database.url, "key", "rotate", "--now"]);
        command.env_remove("BAILIWICK_SECRET_KEY");
        if let Some(key) = key {
            command.env("BAILIWICK_SECRET_KEY", key);
        }
        command.output().unwrap().status.success()
    };

    let without = run(None);
    let with_another = run(Some(STANDARD.encode([9; 32])));

    assert!(!without && !with_another);
    assert!(!folder.path().join("data/secret.key").exists());
    assert_eq!(published(&server).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_the_keys_and_replace_them() {
    // KEY-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let empty = admin.get("/admin/keys").await;
    let first = kid(&app).await;
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;

    let page = admin.get("/admin/keys").await;
    let announced = admin.press(&page, "keys-rotate", &[]).await;
    let during = kid(&app).await;
    let page = admin.get("/admin/keys").await;
    let now = admin.press(&page, "keys-rotate-now", &[]).await;
    let second = kid(&app).await;
    let (_, fields) = now.form_around("keys-rotate");
    let fields: Vec<_> = fields.into_iter().filter(|(name, _)| name == "csrf").collect();
    let revoked = admin.post(&format!("/admin/keys/{second}/revoke"), &fields).await;
    let third = kid(&app).await;
    let unknown = admin.post("/admin/keys/nobody/revoke", &fields).await;
    let page = admin.get("/admin/keys").await;
    admin.press(&page, "keys-revoke-all", &[]).await;
    let fourth = kid(&app).await;

    assert!(empty.body.contains("There are no keys yet"));
    assert!(announced.body.contains("Announced") && announced.body.contains(&first));
    assert_eq!(during, first);
    assert_ne!(second, first);
    assert_eq!((revoked.status, unknown.status), (303, 404));
    assert_ne!(third, second);
    let left = published(&server).await;
    assert!(left.contains(&fourth) && !left.contains(&third) && !left.contains(&first));
    assert_eq!(agent.get("/admin/keys").await.status, 403);
    assert_eq!(agent.post("/admin/keys/rotate", &fields).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_when_they_have_signed_for_long_enough() {
    // KEY-2, KEY-3
    let server = Server::start_with(|settings| settings.key_rotation_days = 30).await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let nothing_yet = server.app.provider.rotate_keys_if_due("r").await.unwrap();
    published(&server).await;
    let first = kid(&app).await;

    server.clock.advance(Duration::from_secs(29 * 86_400));
    let too_early = server.app.provider.rotate_keys_if_due("r").await.unwrap();
    server.clock.advance(Duration::from_secs(86_400));
    let due = server.app.provider.rotate_keys_if_due("r").await.unwrap();
    let during = kid(&app).await;
    server.clock.advance(Duration::from_secs(301));
    let again = server.app.provider.rotate_keys_if_due("r").await.unwrap();
    let second = kid(&app).await;

    assert_eq!((nothing_yet, too_early, due, again), (false, false, true, false));
    assert_eq!(during, first);
    assert_ne!(second, first);
    let keys = server.app.provider.list_keys().await.unwrap();
    let of = |kid: &str| keys.iter().find(|key| key.kid == kid).map(|key| key.state);
    assert_eq!((of(&first), of(&second)), (Some(State::Retired), Some(State::Signing)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_at_once_ends_what_was_announced_too() {
    // KEY-3
    let server = Server::start().await;
    published(&server).await;
    server.app.provider.rotate_keys(&Actor::default(), Rotation::Announced).await.unwrap();

    server.app.provider.rotate_keys(&Actor::default(), Rotation::AtOnce).await.unwrap();

    let keys = server.app.provider.list_keys().await.unwrap();
    assert_eq!(keys.len(), 4);
    assert!(keys.iter().all(|key| key.state == State::Signing));
}

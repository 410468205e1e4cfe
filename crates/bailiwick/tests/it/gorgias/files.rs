//! `/api/upload` and the ways to read what was uploaded, with the bytes in each of the places they may lie.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use super::body;
use crate::support::{Receiver, Reply, Server};

const ALL: &str = "tickets:read tickets:write";
const PNG: &[u8] = &[0x89, b'P', b'N', b'G', 13, 10, 26, 10, 1, 2, 3, 4];

pub(super) struct Sent<'a> {
    label: &'a str,
    name: &'a str,
    kind: &'a str,
    bytes: &'a [u8],
}

pub(super) fn sent<'a>(name: &'a str, kind: &'a str, bytes: &'a [u8]) -> Sent<'a> {
    Sent { label: "file", name, kind, bytes }
}

async fn upload(server: &Server, token: &str, query: &str, files: &[Sent<'_>]) -> Response {
    let mut form = Vec::new();
    for file in files {
        let head = format!(
            "--XX\r\ncontent-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\ncontent-type: {}\r\n\r\n",
            file.label, file.name, file.kind
        );
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(file.bytes);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--XX--\r\n");
    let request = server.http.post(format!("{}/api/upload{query}", server.base)).bearer_auth(token);
    request.header("content-type", "multipart/form-data; boundary=XX").body(form).send().await.expect("send")
}

pub(super) async fn uploaded(server: &Server, token: &str, query: &str, file: Sent<'_>) -> Value {
    body(upload(server, token, query, &[file]).await, 201).await[0].clone()
}

/// The address of a table that was uploaded.
pub async fn upload_of(server: &Server, token: &str, name: &str, bytes: &[u8]) -> Value {
    uploaded(server, token, "", sent(name, "text/csv", bytes)).await["url"].clone()
}

/// The path of an address of ours, with its three segments.
fn path_of<'a>(server: &Server, file: &'a Value) -> &'a str {
    file["url"].as_str().expect("an address").strip_prefix(&server.base).expect("ours")
}

/// The same file at the path that asks for a token.
fn api_path(path: &str) -> String {
    let (kind, rest) = path.trim_start_matches('/').split_once('/').expect("segments");
    format!("/api/{kind}/download/{rest}")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn goes_there_and_back(server: &Server) {
    let token = server.token(ALL).await;
    let files =
        [sent("a photo.png", "image/png", PNG), Sent { label: "list", ..sent("orders.csv", "text/csv", b"id\n7\n") }];

    let made = body(upload(server, &token, "", &files).await, 201).await;

    assert_eq!(
        (&made[0]["name"], &made[0]["content_type"], &made[0]["size"]),
        (&json!("a_photo.png"), &json!("image/png"), &json!(12))
    );
    assert_eq!(
        (&made[1]["name"], &made[1]["content_type"], &made[1]["size"]),
        (&json!("orders.csv"), &json!("text/csv"), &json!(5))
    );
    let path = path_of(server, &made[0]);
    let answer = server.get(&api_path(path), &token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!((header(&answer, "content-type"), header(&answer, "x-content-type-options")), ("image/png", "nosniff"));
    assert!(header(&answer, "content-disposition").starts_with("inline; filename=\"a_photo.png\""));
    assert!(header(&answer, "content-security-policy").contains("sandbox"));
    assert_eq!(answer.bytes().await.expect("bytes").as_ref(), PNG);
    let answer = server.get(&api_path(path_of(server, &made[1])), &token).await;
    assert!(header(&answer, "content-disposition").starts_with("attachment; "));
    assert_eq!(answer.text().await.expect("text"), "id\n7\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_lie_in_the_database_unless_told_otherwise() {
    let server = Server::start().await;
    goes_there_and_back(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_lie_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let server = Server::start_with(|settings| settings.files = path).await;
    goes_there_and_back(&server).await;
    assert!(std::fs::read_dir(folder.path()).expect("a folder").count() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_lie_in_a_bucket_and_every_request_to_it_is_signed() {
    let bucket = Receiver::start().await;
    let address = bucket.url("/files");
    let server = Server::start_with(|settings| {
        settings.files = address;
        settings.files_access_key_id = "AKID".to_owned();
        settings.files_secret_access_key = "secret".to_owned();
    })
    .await;
    let token = server.token(ALL).await;

    let made = uploaded(&server, &token, "", sent("a.txt", "text/plain", b"Hello")).await;

    let put = bucket.take().remove(0);
    let path = path_of(&server, &made).to_owned();
    let key = path.split('/').nth(2).expect("a key");
    assert_eq!(
        (put.method.as_str(), put.path.as_str(), put.body.as_ref()),
        ("PUT", format!("/files/{key}").as_str(), &b"Hello"[..])
    );
    assert!(
        put.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKID/20260302/us-east-1/s3/aws4_request,")
    );
    bucket.reply(&format!("/files/{key}"), Reply::status(200).body("Hello"));
    assert_eq!(server.get(&api_path(&path), &token).await.text().await.expect("text"), "Hello");
    bucket.reply(&format!("/files/{key}"), Reply::status(500));
    assert_eq!(server.get(&api_path(&path), &token).await.status(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_file_is_read_with_a_token_or_a_signed_address_that_ends() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let file = uploaded(&server, &token, "", sent("bill.pdf", "application/pdf", b"%PDF-1")).await;
    let path = path_of(&server, &file).to_owned();
    let plain = async |path: &str| server.http.get(format!("{}{path}", server.base)).send().await.expect("send");

    assert_eq!(plain(&path).await.status(), 403);
    assert_eq!(plain(&api_path(&path)).await.status(), 401);
    let answer = server.get(&format!("{}?redirect=true", api_path(&path)), &token).await;
    assert_eq!(answer.status(), 302);
    let signed = header(&answer, "location").strip_prefix(&server.base).expect("ours").to_owned();
    let answer = plain(&signed).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.expect("text")), (200, "%PDF-1".to_owned()));

    assert_eq!(plain(&signed.replace("bill.pdf", "bull.pdf")).await.status(), 403);
    let later = signed.replace("expires=", "expires=9");
    assert_eq!(plain(&later).await.status(), 403);
    server.clock.advance(Duration::from_mins(61));
    assert_eq!(plain(&signed).await.status(), 403);

    let public = uploaded(&server, &token, "?type=public_attachment", sent("logo.png", "image/png", PNG)).await;
    let answer = plain(path_of(&server, &public)).await;
    assert_eq!(answer.status(), 200);
    assert!(header(&answer, "cache-control").starts_with("public"));
    let wrong = path_of(&server, &public).replace("/public-attachments/", "/profile-pictures/");
    assert_eq!(plain(&wrong).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn part_of_a_file_and_what_is_known_already() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let file = uploaded(&server, &token, "", sent("a.txt", "text/plain", b"0123456789")).await;
    let address = format!("{}{}", server.base, api_path(path_of(&server, &file)));
    let with = async |name: &str, value: &str| {
        server.http.get(&address).bearer_auth(&token).header(name, value).send().await.expect("send")
    };

    let answer = with("range", "bytes=2-4").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (206, "bytes 2-4/10"));
    assert_eq!(answer.text().await.expect("text"), "234");
    let answer = with("range", "bytes=10-").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (416, "bytes */10"));
    let answer = with("range", "bytes=nonsense").await;
    let tag = header(&answer, "etag").to_owned();
    assert_eq!(answer.status(), 200);
    assert_eq!(with("if-none-match", &tag).await.status(), 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_refused_and_nothing_is_kept() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let good = || sent("a.txt", "text/plain", b"x");

    for bad in [sent("virus.exe", "text/plain", b"MZ"), sent("empty.txt", "text/plain", b"")] {
        let answer = body(upload(&server, &token, "", &[good(), bad]).await, 400).await;
        assert!(answer["error"]["data"]["file"][0].is_string(), "{answer}");
    }
    let picture = upload(&server, &token, "?type=profile_picture", &[sent("a.png", "image/png", b"<svg/>")]).await;
    body(picture, 400).await;
    body(upload(&server, &token, "?type=nonsense", &[good()]).await, 400).await;
    body(upload(&server, &token, "", &[]).await, 400).await;
    let many: Vec<Sent<'_>> = (0..21).map(|_| good()).collect();
    body(upload(&server, &token, "", &many).await, 400).await;
    let big = vec![b'x'; 25 * 1024 * 1024 + 1];
    body(upload(&server, &token, "", &[sent("big.txt", "text/plain", &big)]).await, 413).await;
    body(server.post("/api/upload", &token, json!({})).await, 400).await;
    let broken = server.http.post(format!("{}/api/upload", server.base)).bearer_auth(&token);
    let broken = broken.header("content-type", "multipart/form-data; boundary=XX").body("--XX\r\nnonsense").send();
    body(broken.await.expect("send"), 400).await;

    let mut tx = server.db.read().await.expect("read");
    let row = tx.row("select count(*) as n from files", &[]).await.expect("files").expect("a row");
    assert_eq!(row.int("n").expect("a count"), 0);
    for unknown in ["attachments/download/x/a.txt", "nonsense/download/0123456789abcdef0123456789abcdef/a.txt"] {
        body(server.get(&format!("/api/{unknown}"), &token).await, 404).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_largest_size_goes_in() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let big = vec![b'x'; 25 * 1024 * 1024];

    let made = uploaded(&server, &token, "", sent("big.txt", "text/plain", &big)).await;

    assert_eq!(made["size"], json!(25 * 1024 * 1024));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_nothing_points_at_are_forgotten_and_those_of_messages_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let server = Server::start_with(|settings| settings.files = path).await;
    let token = server.token(ALL).await;
    let kept = uploaded(&server, &token, "", sent("kept.txt", "text/plain", b"kept")).await;
    let lost = uploaded(&server, &token, "", sent("lost.txt", "text/plain", b"lost")).await;
    let shown = uploaded(&server, &token, "?type=public_attachment", sent("shown.png", "image/png", PNG)).await;
    let ticket = json!({
        "channel": "api", "via": "api", "customer": { "email": "ada@example.com" },
        "messages": [{
            "channel": "api", "via": "api", "from_agent": false, "sender": { "email": "ada@example.com" },
            "body_html": format!("<p>See <img src={}></p>", shown["url"]),
            "attachments": [{ "url": kept["url"], "name": "kept.txt", "content_type": "text/plain", "size": 4 }],
        }],
    });
    body(server.post("/api/tickets", &token, ticket).await, 201).await;

    server.clock.advance(Duration::from_hours(8 * 24));
    let now = server.clock.now();
    let forgotten = store::transact!(server.db, |tx| helpdesk::files::forget_unused(tx, now, 10).await);
    assert_eq!(forgotten.expect("the job"), 1);
    server.run_jobs().await;

    let token = server.token(ALL).await;
    assert_eq!(server.get(&api_path(path_of(&server, &kept)), &token).await.text().await.expect("text"), "kept");
    assert_eq!(server.get(&api_path(path_of(&server, &lost)), &token).await.status(), 404);
    assert_eq!(server.http.get(shown["url"].as_str().expect("an address")).send().await.expect("send").status(), 200);
    let key = path_of(&server, &lost).split('/').nth(2).expect("a key").to_owned();
    assert!(!folder.path().join(&key[..2]).join(&key).exists(), "the bytes are gone too");
}

//! `bailiwick import` and `bailiwick export`: what goes in and comes out, and what is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::gorgias::body;
use crate::support::Server;

const SCOPE: &str = "tickets:read tickets:write customers:read tags:read jobs:read";

/// Writes a file and imports it; the receipt.
fn import(server: &Server, folder: &Path, name: &str, content: &str, args: &[&str]) -> Value {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file");
    import_file(server, &path, args)
}

fn import_file(server: &Server, path: &PathBuf, args: &[&str]) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .arg("import")
        .arg(path)
        .args(args)
        .args(["--json", "--database", &server.database.url])
        .output()
        .expect("run the binary");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("a receipt")
}

async fn tickets(server: &Server) -> Vec<Value> {
    let token = server.token(SCOPE).await;
    let list = body(server.get("/api/tickets?order_by=created_datetime:asc", &token).await, 200).await;
    let mut whole = Vec::new();
    for ticket in list["data"].as_array().expect("a list") {
        whole.push(body(server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await, 200).await);
    }
    whole
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported_elsewhere_and_is_skipped_the_second_time() {
    let server = Server::start_on_the_real_clock().await;
    let token = server.token(SCOPE).await;
    let folder = tempfile::tempdir().expect("a folder");
    let new = json!({
        "subject": "Ärger \"with\" quotes", "channel": "email", "via": "email", "tags": [{ "name": "late" }], "priority": "high",
        "status": "closed", "customer": { "email": "zoe@example.com", "name": "Zoë" }, "assignee_user": { "id": server.agent_id },
        "messages": [
            { "channel": "email", "via": "email", "from_agent": false, "body_text": "Where?\nNow!", "sender": { "email": "zoe@example.com" } },
            { "channel": "internal-note", "via": "helpdesk", "from_agent": true, "body_text": "Careful", "sender": { "id": server.agent_id } },
        ],
    });
    body(server.post("/api/tickets", &token, new).await, 201).await;
    let path = folder.path().join("all.ndjson");
    let exported = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .arg("export")
        .arg(&path)
        .args(["--database", &server.database.url])
        .status()
        .expect("run the binary");
    assert!(exported.success());

    let other = Server::start_on_the_real_clock().await;
    let receipt = import_file(&other, &path, &["--format", "ndjson"]);
    let again = import_file(&other, &path, &["--format", "ndjson"]);

    assert_eq!(receipt["created"], json!({ "tickets": 1, "messages": 2, "customers": 1, "tags": 1 }), "{receipt}");
    assert_eq!(receipt["failed"], 0);
    assert_eq!(again["created"], json!({ "tickets": 0, "messages": 0, "customers": 0, "tags": 0 }));
    assert_eq!(again["skipped"]["the ticket is there already"], 1);
    assert_eq!(receipt["sha256"], again["sha256"]);
    let (before, after) = (tickets(&server).await, tickets(&other).await);
    for field in ["subject", "channel", "via", "priority", "status", "language", "created_datetime", "spam"] {
        assert_eq!(before[0][field], after[0][field], "{field}");
    }
    assert_eq!(after[0]["external_id"], format!("bailiwick:{}", before[0]["id"]));
    assert_eq!(after[0]["assignee_user"]["email"], "agent@demo.test");
    assert_eq!(after[0]["tags"][0]["name"], "late");
    for (message, copy) in
        before[0]["messages"].as_array().expect("a list").iter().zip(after[0]["messages"].as_array().expect("a list"))
    {
        for field in ["body_text", "public", "from_agent", "channel", "created_datetime"] {
            assert_eq!(message[field], copy[field], "{field}");
        }
        assert_eq!(message["sender"]["email"], copy["sender"]["email"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_mapped_by_its_headings_and_a_wrong_row_takes_no_other_along() {
    let server = Server::start_on_the_real_clock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let table = "Case no,Subject,Status,Priority,Email,Requester name,Tags,Created,Description\r\n\
        1,\"One, two\",open,high,a@example.com,Ada,\"late, vip\",2025-03-04 10:00,Hello\r\n\
        2,Bad,open,,a@example.com,,,yesterday,\r\n\
        3,'=Sum,solved,,b@example.com,,,2025-03-05,\r\n";

    let receipt = import(&server, folder.path(), "a.csv", table, &["--format", "csv", "--map", "external_id=case NO"]);

    assert_eq!(receipt["created"], json!({ "tickets": 2, "messages": 2, "customers": 2, "tags": 0 }), "{receipt}");
    assert_eq!((&receipt["rows"], &receipt["failed"]), (&json!(3), &json!(1)));
    let found = tickets(&server).await;
    assert_eq!(
        (&found[0]["subject"], &found[0]["created_datetime"]),
        (&json!("One, two"), &json!("2025-03-04T10:00:00+00:00"))
    );
    assert_eq!(found[0]["tags"].as_array().expect("tags").len(), 2);
    assert_eq!((&found[1]["subject"], &found[1]["status"]), (&json!("=Sum"), &json!("closed")));
    let token = server.token(SCOPE).await;
    let errors = body(server.get(&format!("/api/jobs/{}/errors", receipt["job_id"]), &token).await, 200).await;
    assert_eq!(errors["data"][0]["row"], 2);
    assert_eq!(errors["data"][0]["problem"], "created_at: Not a valid datetime: yesterday.");

    let path = folder.path().join("b.csv");
    std::fs::write(&path, "a,b\n1,2\n").expect("a file");
    let refused = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .arg("import")
        .arg(&path)
        .args(["--format", "csv", "--database", &server.database.url])
        .output()
        .expect("run the binary");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--map external_id=COLUMN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn zendesk_tickets_come_with_their_comments_their_people_and_their_six_statuses() {
    let server = Server::start_on_the_real_clock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let whole = json!({
        "tickets": [{
            "id": 35436, "subject": "Help!", "status": "hold", "priority": "urgent", "via": { "channel": "web" }, "tags": ["printer"],
            "requester_id": 20, "assignee_id": 21, "created_at": "2024-07-20T22:55:29Z", "updated_at": "2024-07-21T22:55:29Z",
            "comments": [
                { "id": 1, "author_id": 20, "plain_body": "It burns", "public": true, "created_at": "2024-07-20T22:55:29Z" },
                { "id": 2, "author_id": 21, "plain_body": "Ask legal", "public": false, "created_at": "2024-07-20T23:00:00Z" },
            ],
        }],
        "users": [
            { "id": 20, "name": "Johnny", "email": "johnny@example.com", "role": "end-user" },
            { "id": 21, "name": "Bo", "email": "agent@demo.test", "role": "agent" },
        ],
        "count": 1,
    });

    let receipt = import(&server, folder.path(), "z.json", &whole.to_string(), &["--format", "zendesk"]);

    assert_eq!(receipt["created"], json!({ "tickets": 1, "messages": 2, "customers": 1, "tags": 0 }), "{receipt}");
    let found = tickets(&server).await;
    assert_eq!((&found[0]["external_id"], &found[0]["priority"]), (&json!("zendesk:35436"), &json!("critical")));
    assert_eq!(found[0]["customer"]["email"], "johnny@example.com");
    assert_eq!(found[0]["assignee_user"]["email"], "agent@demo.test");
    assert_eq!(
        (&found[0]["messages"][1]["public"], &found[0]["messages"][1]["from_agent"]),
        (&json!(false), &json!(true))
    );
    let mut tx = server.db.read().await.expect("read");
    let row = tx.row("select status from tickets", &[]).await.expect("a row").expect("one");
    assert_eq!(row.text("status").expect("a status"), "on_hold");
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_of_a_mailbox_are_put_into_threads() {
    let server = Server::start_on_the_real_clock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mail = |id: &str, more: &str, text: &str| {
        format!(
            "From x@y Mon Mar  2 10:00:00 2026\r\nFrom: Zoe <zoe@example.com>\r\nTo: help@shop.example\r\nSubject: Order\r\n\
             Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.com>\r\n{more}\r\n{text}\r\n\r\n"
        )
    };
    let mailbox = mail("a", "", "Where is it?")
        + &mail("b", "In-Reply-To: <a@example.com>\r\n", "Hello?")
        + &mail("c", "References: <z@example.com> <b@example.com>\r\n", "Anybody?")
        + &mail("d", "", "Something else")
        + &mail("a", "", "The same again");

    let receipt = import(&server, folder.path(), "inbox.mbox", &mailbox, &["--format", "mbox"]);

    assert_eq!(receipt["created"], json!({ "tickets": 2, "messages": 4, "customers": 1, "tags": 0 }), "{receipt}");
    assert_eq!(receipt["skipped"]["the mail is there already"], 1);
    let found = tickets(&server).await;
    let mut lengths: Vec<usize> = found.iter().map(|it| it["messages"].as_array().expect("messages").len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [1, 3]);
}

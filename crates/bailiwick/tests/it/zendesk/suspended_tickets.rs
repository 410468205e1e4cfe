//! `/api/v2/suspended_tickets`: what is held back, and letting it through.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use super::{all, body, customer, done, get, id, ids, request, ticket, token};
use crate::support::Server;

/// A server with a mailbox of which some mails are held back.
async fn with_mails() -> (Server, String) {
    let server = Server::start_on_the_real_clock().await;
    let token = all(&server).await;
    let address = json!({ "recipient_address": { "email": "help@shop.example" } });
    body(server.post("/api/v2/recipient_addresses", &token, address).await, 201).await;
    customer(&server, &token, "Dan").await;
    let dan = get(&server, "/api/v2/users/search?query=dan@shop.test", &token).await["users"][0].clone();
    let suspended = json!({ "user": { "suspended": true } });
    body(server.put(&format!("/api/v2/users/{}", id(&dan)), &token, suspended).await, 200).await;
    let mail = |id: &str, from: &str, more: &str, text: &str| {
        format!(
            "From x@y Mon Mar  2 10:00:00 2026\r\nFrom: {from}\r\nTo: help@shop.example\r\nSubject: About {id}\r\n\
             Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.com>\r\n{more}\r\n{text}\r\n\r\n"
        )
    };
    let mailbox = mail("order", "Zoe <zoe@example.com>", "", "Where is it?")
        + &mail("prize", "Prize <prize@lottery.test>", "X-Spam-Flag: YES\r\n", "You have won")
        + &mail(
            "away",
            "Zoe <zoe@example.com>",
            "In-Reply-To: <order@example.com>\r\nAuto-Submitted: auto-replied (vacation)\r\n",
            "I am away",
        )
        + &mail("loud", "Dan <dan@shop.test>", "", "Again me");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("inbox.mbox");
    std::fs::write(&path, mailbox).expect("write");
    for _ in 0..2 {
        // The second time, all of it is there.
        let out = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
            .arg("import")
            .arg(&path)
            .args(["--format", "mbox", "--database", &server.database.url])
            .output()
            .expect("run the binary");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    (server, token)
}

async fn list(server: &Server, token: &str) -> Vec<Value> {
    let list = get(server, "/api/v2/suspended_tickets?page[size]=100", token).await;
    list["suspended_tickets"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn spam_machines_and_suspended_writers_wait_until_they_are_let_through() {
    let (server, all) = with_mails().await;

    let held = list(&server, &all).await;

    let causes: Vec<i64> = held.iter().filter_map(|it| it["cause_id"].as_i64()).collect();
    assert_eq!(causes, [0, 8, 10]);
    let [prize, away, loud] = held.as_slice() else { panic!("{held:?}") };
    assert_eq!(prize["author"], json!({ "id": null, "name": "Prize", "email": "prize@lottery.test" }));
    assert_eq!([&prize["cause"], &prize["subject"]], [&json!("Detected as spam"), &json!("About prize")]);
    assert_eq!([&prize["recipient"], &prize["message_id"]], [&json!("help@shop.example"), &json!("prize@example.com")]);
    assert_eq!(prize["content"].as_str().map(str::trim_end), Some("You have won"));
    let tickets = get(&server, "/api/v2/tickets", &all).await["tickets"].clone();
    assert_eq!(ids(&tickets).len(), 1, "only the order became a ticket");
    assert_eq!(away["ticket_id"], tickets[0]["id"]);
    let path = |held: &Value| format!("/api/v2/suspended_tickets/{}", id(held));
    assert_eq!(get(&server, &path(prize), &all).await["suspended_ticket"], *prize);

    let answer = body(server.put(&format!("{}/recover", path(away)), &all, json!({})).await, 200).await;
    assert_eq!(answer["ticket"]["id"], tickets[0]["id"], "an answer goes to its ticket");
    let made = body(server.put(&format!("{}/recover", path(loud)), &all, json!({})).await, 200).await["ticket"].clone();
    assert_eq!([&made["subject"], &made["status"]], [&json!("About loud"), &json!("new")]);
    let dan = get(&server, "/api/v2/users/search?query=dan@shop.test", &all).await["users"][0].clone();
    assert_eq!(made["requester_id"], dan["id"]);
    assert_eq!(server.put(&format!("{}/recover", path(loud)), &all, json!({})).await.status(), 404);
    assert_eq!(server.delete(&path(prize), &all).await.status(), 204);
    assert_eq!(server.delete(&path(prize), &all).await.status(), 404);
    assert_eq!(list(&server, &all).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_sorted_recovered_and_removed_at_once() {
    let (server, all) = with_mails().await;
    let held = list(&server, &all).await;
    let [prize, away, loud] = held.as_slice() else { panic!("{held:?}") };
    for (query, order) in [
        ("sort_by=author_email", [loud, prize, away]),
        ("sort_by=author_email&sort_order=desc", [away, prize, loud]),
        ("sort_by=cause", [prize, loud, away]),
        ("sort_by=subject", [away, loud, prize]),
        ("sort_order=desc", [loud, away, prize]),
    ] {
        let sorted = get(&server, &format!("/api/v2/suspended_tickets?{query}"), &all).await;
        assert_eq!(ids(&sorted["suspended_tickets"]), order.map(id), "{query}");
        assert_eq!(sorted["count"], 3);
    }

    let many = format!("/api/v2/suspended_tickets/recover_many?ids={},987654321", id(away));
    let recovered = body(server.put(&many, &all, json!({})).await, 200).await;
    let job = format!("/api/v2/suspended_tickets/bulk_recover?ids={},987654321", id(loud));
    let job = done(&server, &all, server.put(&job, &all, json!({})).await).await;
    let gone = server.delete(&format!("/api/v2/suspended_tickets/destroy_many?ids={}", id(prize)), &all).await;

    assert_eq!(ids(&recovered["tickets"]).len(), 1);
    assert_eq!([&job["results"][0]["status"], &job["results"][1]["success"]], [&json!("Recovered"), &json!(false)]);
    assert_eq!(gone.status(), 204);
    assert_eq!(list(&server, &all).await, Vec::<Value>::new());
    assert_eq!(get(&server, "/api/v2/tickets/count", &all).await["count"]["value"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_suspended_customer_writes_as_a_request_is_held_back_with_its_files() {
    let server = Server::start().await;
    let all = all(&server).await;
    let acting = token(&server, "read write impersonate").await;
    let cleo = customer(&server, &all, "Cleo").await;
    let call = |method: Method, path: &str, sent: Value| {
        let call = request(&server, method, path, &acting).header("x-on-behalf-of", id(&cleo));
        async move { call.json(&sent).send().await.expect("send") }
    };
    let known = ticket(&server, &all, json!({ "requester_id": cleo["id"] })).await;
    let suspended = json!({ "user": { "suspended": true } });
    body(server.put(&format!("/api/v2/users/{}", id(&cleo)), &all, suspended).await, 200).await;
    let upload = request(&server, Method::POST, "/api/v2/uploads?filename=a.txt", &acting)
        .header("x-on-behalf-of", id(&cleo))
        .header("content-type", "text/plain")
        .body("A file");
    let upload = body(upload.send().await.expect("send"), 201).await["upload"].clone();

    let new =
        json!({ "request": { "subject": "Me again", "comment": { "body": "Hello?", "uploads": [upload["token"]] } } });
    let new = body(call(Method::POST, "/api/v2/requests", new).await, 201).await;
    let more = json!({ "request": { "comment": { "body": "And this" } } });
    let path = format!("/api/v2/requests/{}", id(&known));
    let more = body(call(Method::PUT, &path, more).await, 200).await;

    assert_eq!([&new["request"]["id"], &new["request"]["subject"]], [&Value::Null, &json!("Me again")]);
    assert_eq!(more["request"]["id"], known["id"]);
    let held = list(&server, &all).await;
    let [first, second] = held.as_slice() else { panic!("{held:?}") };
    assert_eq!([&first["author"]["id"], &first["content"]], [&cleo["id"], &json!("Hello?")]);
    assert_eq!([&second["ticket_id"], &second["cause_id"]], [&known["id"], &json!(10)]);
    let comments = get(&server, &format!("/api/v2/tickets/{}/comments", id(&known)), &all).await;
    assert_eq!(ids(&comments["comments"]).len(), 1, "nothing was written on the ticket");

    let file = first["attachments"][0].clone();
    let copies = json!({ "attachment_ids": [file["id"]] });
    let copies = body(server.post("/api/v2/suspended_tickets/attachments", &all, copies).await, 200).await;
    assert_eq!(copies["upload"]["attachments"][0]["file_name"], "a.txt");
    let unknown = json!({ "attachment_ids": [987654321] });
    assert_eq!(server.post("/api/v2/suspended_tickets/attachments", &all, unknown).await.status(), 404);
    let answer = json!({ "comment": { "body": "Seen", "uploads": [copies["upload"]["token"]] } });
    ticket(&server, &all, answer).await;
    let recover = format!("/api/v2/suspended_tickets/{}/recover", id(first));
    let made = body(server.put(&recover, &all, json!({})).await, 200).await["ticket"].clone();
    let comments = get(&server, &format!("/api/v2/tickets/{}/comments", id(&made)), &all).await;
    assert_eq!(comments["comments"][0]["attachments"][0]["file_name"], "a.txt");
    let address = comments["comments"][0]["attachments"][0]["content_url"].as_str().expect("an address").to_owned();
    let bytes = server.http.get(address).send().await.expect("send").text().await.expect("text");
    assert_eq!(bytes, "A file");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_written_into_files_among_the_jobs() {
    let (server, all) = with_mails().await;
    let view = json!({ "title": "Open", "all": [{ "field": "status", "operator": "less_than", "value": "solved" }] });
    let view = super::made(&server, "/api/v2/views", &all, "view", view).await;

    let held = body(server.post("/api/v2/suspended_tickets/export", &all, json!({})).await, 200).await;
    let audit = server.post("/api/v2/audit_logs/export?filter[source_type]=user", &all, json!({})).await;
    let tickets = get(&server, &format!("/api/v2/views/{}/export", id(&view)), &all).await;
    server.run_jobs().await;

    assert_eq!([&held["export"]["status"], &tickets["export"]["view_id"]], [&json!("starting"), &view["id"]]);
    assert_eq!(audit.status(), 202);
    assert_eq!(server.get("/api/v2/views/987654321/export", &all).await.status(), 404);
    let mut tx = server.db.read().await.expect("read");
    let sql = "select p.content, j.status from jobs j join job_pieces p on p.job_id = j.id where j.type in ('export_list', 'export_tickets')
               order by j.id";
    let mut files = Vec::new();
    for row in tx.rows(sql, &[]).await.expect("rows") {
        assert_eq!(row.text("status").expect("a status"), "done");
        files.push(String::from_utf8(row.blob("content").expect("bytes")).expect("text"));
    }
    assert_eq!(files.len(), 3);
    assert_eq!(files[0].lines().filter(|line| line.contains("@example.com") || line.contains(".test")).count(), 3);
    assert!(files[1].starts_with("id,created_at,actor_id,"), "{}", files[1]);
    assert!(files[2].contains("About order"), "{}", files[2]);
}

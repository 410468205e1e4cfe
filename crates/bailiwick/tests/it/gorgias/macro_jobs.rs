//! Exports and imports of macros: jobs of `/api/jobs`.

use serde_json::{Value, json};

use super::files::{sent, uploaded};
use super::jobs::{count, done, job, start};
use super::{body, texts};
use crate::support::{Person, Server};

pub const ALL: &str = "jobs:read jobs:write macros:read macros:write tickets:read tickets:write events:read";

fn refund() -> Value {
    json!({
        "name": "=Refund, \"soon\"", "intent": "refund/request", "language": "en", "external_id": "'=m-1",
        "actions": [
            { "name": "setResponseText", "title": "Answer", "type": "user", "description": null,
              "arguments": { "body_text": "Hello {{ticket.customer.firstname}},\nit is on its way.", "body_html": "<p>Héllo</p>" } },
            { "name": "addTags", "title": "Tag", "type": "user", "description": null, "arguments": { "tags": "refund, money" } },
            { "name": "sendCarrierPigeon", "title": "Pigeon", "type": "user", "description": null, "arguments": { "to": "roof" } },
        ],
    })
}

/// One macro of an app that was used, one that was archived, and one of our own room.
async fn furnish(server: &Server, token: &str) {
    let used = body(server.post("/api/macros", token, refund()).await, 201).await;
    let put_away = body(server.post("/api/macros", token, json!({ "name": "Old", "actions": [] })).await, 201).await;
    body(server.put("/api/macros/archive", token, json!({ "ids": [put_away["id"]] })).await, 200).await;
    let mut tx = server.db.write().await.expect("begin");
    tx.run("update macros set usage = 7 where id = $1", &[used["id"].as_i64().into()]).await.expect("use");
    let ours = r#"[{"set_status":"pending"},{"reply":{"attachments":null,"body_html":null,"body_text":"Soon."}}]"#;
    tx.run(
        "insert into macros (name, name_key, actions, reply_key, created_at, updated_at)
         values ('Later', 'later', $1, 'soon.', 1000000, 2000000)",
        &[ours.into()],
    )
    .await
    .expect("a macro");
    tx.commit().await.expect("commit");
}

/// Everything of all macros but their ids.
async fn macros(server: &Server) -> Vec<(String, [Option<i64>; 4])> {
    let mut tx = server.db.read().await.expect("begin");
    let sql = "select external_id, name, intent, language, source, actions, reply_key, usage, created_at, updated_at, archived_at
               from macros order by name, id";
    let rows = tx.rows(sql, &[]).await.expect("macros");
    let one = |row: &store::Row| {
        let texts = ["external_id", "name", "intent", "language", "source", "actions", "reply_key"]
            .map(|name| row.text_or_null(name).expect("a text"));
        let numbers =
            ["usage", "created_at", "updated_at", "archived_at"].map(|name| row.int_or_null(name).expect("a number"));
        (format!("{texts:?}"), numbers)
    };
    rows.iter().map(one).collect()
}

pub async fn file_of(server: &Server, ended: &Value) -> String {
    let answer = server.http.get(ended["info"]["url"].as_str().expect("an address")).send().await.expect("send");
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    assert!(answer.headers()["content-disposition"].to_str().expect("text").contains("macros-2026-03-02-job-"));
    answer.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn macros_that_are_exported_and_imported_again_are_the_same() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    furnish(&server, &token).await;
    let before = macros(&server).await;

    let exported = done(&server, &token, "exportMacro", json!({})).await;
    let file = file_of(&server, &exported).await;
    let url = uploaded(&server, &token, "", sent("macros.csv", "text/csv", file.as_bytes())).await["url"].clone();
    // They are there already: nothing is made twice.
    let again = done(&server, &token, "importMacro", json!({ "url": url })).await;
    let mut tx = server.db.write().await.expect("begin");
    tx.run("delete from macros", &[]).await.expect("delete");
    tx.commit().await.expect("commit");
    let imported = done(&server, &token, "importMacro", json!({ "url": url })).await;

    assert_eq!(exported["info"]["progress_count"], 3);
    let n = |n: i64| json!({ "progress_count": 3, "total_count": 3, "error_count": 3 - n, "changed_count": n });
    assert_eq!((&again["info"], &imported["info"]), (&n(0), &n(3)));
    let errors = body(server.get(&format!("/api/jobs/{}/errors", again["id"]), &token).await, 200).await;
    assert_eq!(errors["data"][0]["row"], 1);
    assert!(texts(&errors, "problem").iter().all(|it| it.contains("is there already")), "{errors}");
    assert_eq!(macros(&server).await, before);
    let events = body(server.get("/api/events?types=macro-created&limit=3", &token).await, 200).await;
    for event in events["data"].as_array().expect("events") {
        assert_eq!((&event["data"]["job_id"], &event["user_id"]), (&imported["id"], &json!(server.admin_id)));
    }
    let listed = body(server.get("/api/jobs?type=importMacro", &token).await, 200).await;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_macros_that_are_named_are_exported() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    furnish(&server, &token).await;
    let named = body(server.get("/api/macros?order_by=name:asc&limit=1", &token).await, 200).await["data"][0].clone();

    let ended = done(&server, &token, "exportMacro", json!({ "macro_ids": [named["id"], 999_999] })).await;

    let file = file_of(&server, &ended).await;
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!((rows.len(), &rows[0][0], &rows[0][2]), (1, named["id"].to_string().as_str(), "'=Refund, \"soon\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_taken_is_listed_and_the_others_are_taken() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let close = r#"[{""name"":""setStatus"",""title"":""Close"",""arguments"":{""status"":""closed""}}]"#;
    let rows = [
        format!("Close,order/cancel,\"{close}\",,kept by us"),
        format!(",,\"{close}\",,"),
        format!("No intent,coffee,\"{close}\",,"),
        "Nothing,,,,".to_owned(),
        format!("Both,,\"{close}\",[],"),
        "No list,,{},,".to_owned(),
        "No JSON,,,[,".to_owned(),
        r#"No status,,,"[{""set_status"":""gone""}]","#.to_owned(),
        r#"No arguments,,"[{""name"":""setStatus"",""title"":""t"",""arguments"":{}}]",,"#.to_owned(),
        r#"Nested,,,"[{""apply_macro"":1}]","#.to_owned(),
        "Short".to_owned(),
        r#"Zero,,,"[{""set_subject"":""\u0000""}]","#.to_owned(),
        "Empty,,,[],".to_owned(),
    ];
    // As table programs write it.
    let file = format!("\u{feff}name,intent,app_actions,actions,note\r\n{}\r\n", rows.join("\r\n"));
    let url = uploaded(&server, &token, "", sent("by hand.csv", "text/csv", file.as_bytes())).await["url"].clone();

    let ended = done(&server, &token, "importMacro", json!({ "url": url })).await;

    assert_eq!(
        ended["info"],
        json!({ "progress_count": 13, "total_count": 13, "error_count": 11, "changed_count": 2 })
    );
    let errors = body(server.get(&format!("/api/jobs/{}/errors", ended["id"]), &token).await, 200).await;
    let found: Vec<i64> =
        errors["data"].as_array().expect("a list").iter().filter_map(|it| it["row"].as_i64()).collect();
    assert_eq!(found, (2..=12).collect::<Vec<_>>(), "{errors}");
    let made = body(server.get("/api/macros?order_by=name:asc", &token).await, 200).await;
    assert_eq!(texts(&made, "name"), ["Close", "Empty"]);
    assert_eq!(made["data"][0]["actions"][0]["arguments"], json!({ "status": "closed" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_file_of_ours_is_read() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let file = uploaded(&server, &token, "", sent("a.csv", "text/csv", b"name,actions\r\n")).await;
    let url = file["url"].as_str().expect("an address");
    let key = url.rsplit('/').nth(1).expect("a key");

    for wrong in [
        json!({}),
        json!({ "url": null }),
        json!({ "url": 7 }),
        json!({ "url": "" }),
        json!({ "url": "https://elsewhere.example/attachments/0123456789abcdef0123456789abcdef/a.csv" }),
        json!({ "url": format!("{}.elsewhere.example/attachments/{key}/a.csv", server.base) }),
        json!({ "url": format!("{}@elsewhere.example/attachments/{key}/a.csv", server.base) }),
        json!({ "url": "file:///etc/passwd" }),
        json!({ "url": "http://169.254.169.254/latest/meta-data" }),
        json!({ "url": format!("{}/attachments/{key}/b.csv", server.base) }),
        json!({ "url": format!("{}/public-attachments/{key}/a.csv", server.base) }),
        json!({ "url": format!("{}/attachments/../{key}/a.csv", server.base) }),
    ] {
        let refused =
            body(server.post("/api/jobs", &token, json!({ "type": "importMacro", "params": wrong })).await, 400).await;
        assert!(!refused["error"]["data"]["params"]["url"].is_null(), "{wrong} {refused}");
    }
    for right in
        [url.to_owned(), format!("{url}?expires=1&signature=x"), format!("/api/attachments/download/{key}/a.csv")]
    {
        done(&server, &token, "importMacro", json!({ "url": right })).await;
    }
    // No table of macros.
    let other = uploaded(&server, &token, "", sent("b.csv", "text/csv", b"id,subject\r\n1,x\r\n")).await;
    let started = start(&server, &token, "importMacro", json!({ "url": other["url"] })).await;
    server.run_jobs().await;
    let ended = job(&server, &token, &started["id"]).await;
    assert_eq!(ended["status"], "fatal_errored");
    assert!(ended["info"]["error"].as_str().expect("text").contains("needs the columns name"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_change_macros_imports_none() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let file = uploaded(&server, &token, "", sent("a.csv", "text/csv", b"name,actions\r\nA,[]\r\n")).await;
    let agent = server.token_for(Person::Agent, scope::Dialect::Gorgias, "jobs:read jobs:write").await;
    let mut tx = server.db.write().await.expect("begin");
    tx.run("update people set role = 'observer' where id = $1", &[server.agent_id.into()]).await.expect("demote");
    tx.commit().await.expect("commit");

    let new = json!({ "type": "importMacro", "params": { "url": file["url"] } });
    let refused = server.post("/api/jobs", &agent, new).await.status().as_u16();

    assert!([400, 403].contains(&refused), "{refused}");
    assert_eq!(count(&server, "select count(*) as n from macros").await, 0);
}

//! Every field of every body that the document names, sent as what it is not: refused by its name, with nothing changed and nothing broken.

use serde_json::{Value, json};

use super::body;
use super::interface::{Operation, Writer, all_words, document, operations};
use crate::support::Server;
use crate::support::shape::Shapes;

/// Values that are of some type and that nobody means: sent for each field, they may be refused or kept, and break nothing.
fn strange() -> Vec<Value> {
    vec![
        json!("a\0b"),
        json!("x".repeat(100_000)),
        json!("\u{202e}\u{feff}👩‍👩‍👧‍👦"),
        json!("10000-01-01T00:00:00Z"),
        json!("0000-00-00T00:00:00"),
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!([]),
        json!({}),
        json!([null, [], {}, "", -1]),
        json!({ "id": -1, "name": 1, "data": [], "email": {}, "type": [] }),
        json!(null),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_the_wrong_type_is_refused_by_name_and_nothing_changes() {
    let server = Server::start().await;
    let token = server.token(&all_words()).await;
    let document = document(&server).await;
    let shapes = Shapes { document: &document };
    let targets = targets(&server, &token, &document).await;
    let before = newest_event(&server, &token).await;
    let mut wrong = Vec::new();

    for (operation, path) in &targets {
        for (name, schema) in fields_of(&shapes, operation) {
            let Some(value) = wrong_for(&shapes, schema) else { continue };
            let mut sent = json!({ name: value });
            if operation.id == "search.search" && name != "type" {
                sent["type"] = json!("tag");
            }
            let answer = send(&server, &token, operation, path, sent.to_string()).await;
            let problem = answer.1.pointer(&format!("/error/data/{name}"));
            if answer.0 != 400 || problem.is_none() {
                wrong.push(format!("{} {sent}: {} {}", operation.id, answer.0, answer.1));
            }
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(newest_event(&server, &token).await, before, "something changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_for_a_field_breaks_the_server() {
    let server = Server::start().await;
    let token = server.token(&all_words()).await;
    let document = document(&server).await;
    let shapes = Shapes { document: &document };
    let targets = targets(&server, &token, &document).await;
    let mut wrong = Vec::new();

    for (operation, path) in &targets {
        for (name, _) in fields_of(&shapes, operation) {
            for value in strange() {
                let answer = send(&server, &token, operation, path, json!({ name: value }).to_string()).await;
                if !(200..500).contains(&answer.0) {
                    wrong.push(format!("{} {name} {:.60}: {}", operation.id, value.to_string(), answer.0));
                }
            }
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_json_of_an_object_is_refused_by_every_call() {
    let server = Server::start().await;
    let token = server.token(&all_words()).await;
    let document = document(&server).await;
    let targets = targets(&server, &token, &document).await;
    let before = newest_event(&server, &token).await;
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let deep_object = "{\"meta\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    let bodies = [
        "",
        "{",
        "\"\u{0}",
        "7",
        "null",
        "\"text\"",
        r#"{"name":"\ud800"}"#,
        "{\"name\":1e999}",
        "[[]]",
        &deep,
        &deep_object,
    ];

    for (operation, path) in &targets {
        for text in bodies {
            let answer = send(&server, &token, operation, path, text.to_owned()).await;
            assert_eq!(answer.0, 400, "{} {:.40}: {}", operation.id, text, answer.1);
            assert!(answer.1["error"]["msg"].is_string(), "{}", answer.1);
        }
    }

    assert_eq!(newest_event(&server, &token).await, before, "something changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_nothing_has_are_not_found_by_every_call() {
    let server = Server::start().await;
    let token = server.token(&all_words()).await;
    let document = document(&server).await;

    for operation in operations(&document).iter().filter(|it| it.path.contains('{')) {
        for id in
            ["-1", "9007199254740993", "99999999999999999999999", "1.5", "0x1", "%00", "1%20or%201=1", "%F0%9F%98%80"]
        {
            let path = operation.path.split('/').map(|part| if part.starts_with('{') { id } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            let answer = send(&server, &token, operation, &path, "{}".to_owned()).await;
            // A body that says nothing may be refused before anybody looks for the object.
            assert!([400, 404].contains(&answer.0), "{} {path}: {} {}", operation.method, answer.0, answer.1);
        }
    }
}

/// The calls with a JSON object for a body, at objects that are there.
async fn targets<'a>(server: &Server, token: &str, document: &'a Value) -> Vec<(Operation<'a>, String)> {
    let mut writer = Writer { server, token, n_written: 0 };
    writer.furnish().await;
    let mut found = Vec::new();
    for operation in operations(document) {
        if operation.told["requestBody"]["content"]["application/json"].is_null() {
            continue;
        }
        let mut path = operation.path.to_owned();
        while let Some((above, below)) = path.clone().split_once('{') {
            let below = below.split_once('}').map_or("", |(_, below)| below);
            let list = above.trim_end_matches('/');
            let id = match list {
                "/api/stats" => json!("overview"),
                "/api/account/settings" => json!(1),
                _ if list.ends_with("custom-fields") => json!(1),
                _ => {
                    writer.write(list, None).await;
                    body(server.get(list, token).await, 200).await["data"][0]["id"].clone()
                }
            };
            path = format!("{above}{}{below}", id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        }
        if operation.id == "customers.merge" {
            path += "?source_id=2&target_id=1";
        }
        found.push((operation, path));
    }
    found
}

/// The fields of an operation's body. None if it is a list.
fn fields_of<'a>(shapes: &Shapes<'a>, operation: &Operation<'a>) -> Vec<(&'a str, &'a Value)> {
    let schema = shapes.resolved(&operation.told["requestBody"]["content"]["application/json"]["schema"]);
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields.map(|(name, schema)| (name.as_str(), schema)).collect()
}

/// A value of another type than the schema's. None if it takes any, or several.
fn wrong_for(shapes: &Shapes<'_>, schema: &Value) -> Option<Value> {
    let choice = schema["anyOf"].as_array().and_then(|choices| choices.first()).unwrap_or(schema);
    let of = match choice["$ref"].as_str() {
        Some(address) => shapes.document.pointer(&address[1..]).expect("a schema"),
        None => choice,
    };
    let kind = of["type"].as_str().or_else(|| of["type"][0].as_str())?;
    if of["type"].as_array().is_some_and(|kinds| 2 < kinds.len()) {
        return None;
    }
    Some(match kind {
        "string" | "integer" | "boolean" => json!({ "a": 1 }),
        "array" => json!("text"),
        "object" => json!(7),
        _ => return None,
    })
}

async fn send(server: &Server, token: &str, operation: &Operation<'_>, path: &str, text: String) -> (u16, Value) {
    let request = server.http.request(operation.method.parse().expect("a method"), format!("{}{path}", server.base));
    let request = request.bearer_auth(token).header("content-type", "application/json").body(text);
    let answer = request.send().await.expect("send");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn newest_event(server: &Server, token: &str) -> Value {
    body(server.get("/api/events?limit=1", token).await, 200).await["data"][0]["id"].clone()
}

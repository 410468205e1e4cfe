//! The document at `/openapi/gorgias.json` is the contract: what it says is there, asks for what it says, and answers as it says.

use std::collections::{BTreeMap, BTreeSet};

use endpoint::{Guard, Route};
use scope::{Dialect, words};
use serde_json::{Value, json};

use super::body;
use super::interface::{Operation, Writer, all_words, document, operations};
use crate::support::Server;
use crate::support::shape::Shapes;

/// Calls whose answers other tests look at, since what they show is not made through the interface.
const SHOWN_ELSEWHERE: &[&str] = &[
    "files.download",
    "jobs.file",
    "tickets.presence",
    "voice_calls.show",
    "voice_call_events.show",
    "voice_call_recordings.show",
];
/// How many objects of each kind are looked at.
const LOOKED_AT: usize = 5;

/// The routes below `/api`, by method and path with nameless places.
fn routes() -> BTreeMap<(String, String), Route> {
    let is_ours = |route: &Route| route.dialect == Dialect::Gorgias && route.path.starts_with("/api/");
    let ours = bailiwick::routes().table.into_iter().filter(is_ours);
    ours.map(|route| ((route.method.to_owned(), nameless(route.path)), route)).collect()
}

fn nameless(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_public_and_names_this_server() {
    let server = Server::start().await;

    let document = document(&server).await;

    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"], json!([{ "url": server.base }]));
    let scheme = &document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"];
    assert_eq!(scheme["tokenUrl"], format!("{}/oauth/token", server.base));
    let told: BTreeSet<&str> = scheme["scopes"].as_object().expect("scopes").keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = words::vocabulary(Dialect::Gorgias).iter().map(|word| word.word).collect();
    assert_eq!(told, known);
    assert!(!document.to_string().contains("helpdesk.invalid"));
}

#[test]
fn the_document_and_the_route_table_name_the_same_calls_and_scopes() {
    let document: Value = serde_json::from_str(gorgias_api::openapi::DOCUMENT).expect("JSON");
    let operations = operations(&document);
    let mut routes = routes();
    let mut wrong = Vec::new();

    for operation in &operations {
        let named = format!("{} {}", operation.method, operation.path);
        let route = routes.remove(&(operation.method.clone(), nameless(operation.path)));
        let Some(route) = route else {
            wrong.push(format!("{named} is in the document and nowhere else"));
            continue;
        };
        let asked: BTreeSet<&str> = words::narrowest(Dialect::Gorgias, route.needs).into_iter().collect();
        let told = operation.scopes();
        // Where the body decides, the table has the first of several.
        let same = if told.len() < 2 { told == asked } else { asked.is_subset(&told) };
        if !same {
            wrong.push(format!("{named} asks for {asked:?}, the document says {told:?}"));
        }
    }
    wrong.extend(routes.keys().map(|(method, path)| format!("{method} {path} is not in the document")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let ids: BTreeSet<&str> = operations.iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), operations.len(), "two operations have one id");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_asks_for_its_scope_and_for_nothing_less() {
    // RS-4
    let server = Server::start().await;
    let document = document(&server).await;
    let routes = routes();
    let mut tokens: BTreeMap<BTreeSet<&str>, String> = BTreeMap::new();

    for operation in operations(&document).iter() {
        let route = &routes[&(operation.method.clone(), nameless(operation.path))];
        let scopes = operation.scopes();
        if scopes.is_empty() {
            assert!(matches!(route.guard, Guard::Open(_)), "{}", operation.id);
            continue;
        }
        if !tokens.contains_key(&scopes) {
            // Every word but those that would open it.
            let opens = |word: &words::Word| {
                word.deprecated
                    || scopes.iter().any(|scope| {
                        let needed = words::permissions_of(Dialect::Gorgias, scope);
                        !word.permissions.intersection(needed).is_empty()
                    })
            };
            let others = words::vocabulary(Dialect::Gorgias).iter().filter(|word| !opens(word)).map(|word| word.word);
            let others: Vec<&str> = others.collect();
            tokens.insert(scopes.clone(), server.token(&others.join(" ")).await);
        }

        let without = call(&server, operation, None).await;
        let with_others = call(&server, operation, Some(&tokens[&scopes])).await;

        assert_eq!(without, 401, "{} {} without a token", operation.method, operation.path);
        assert_eq!(with_others, 403, "{} {} with all other scopes", operation.method, operation.path);
    }
}

async fn call(server: &Server, operation: &Operation<'_>, token: Option<&str>) -> u16 {
    let path = operation.path.split('/').map(|part| if part.starts_with('{') { "987654321" } else { part });
    let path = path.collect::<Vec<_>>().join("/");
    let mut request =
        server.http.request(operation.method.parse().expect("a method"), format!("{}{path}", server.base));
    if operation.method != "GET" {
        request = request.json(&json!({}));
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("send").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_fields_and_types_of_the_document() {
    let server = Server::start().await;
    let token = server.token(&all_words()).await;
    let mut writer = Writer { server: &server, token: &token, n_written: 0 };
    let document = document(&server).await;
    let shapes = Shapes { document: &document };
    let operations = operations(&document);
    writer.furnish().await;
    for list in operations.iter().filter(|it| it.is_list() && !it.path.contains('{')) {
        writer.write(list.path, None).await;
    }
    server.run_jobs().await;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut wrong = BTreeSet::new();

    for operation in operations.iter().filter(|it| it.method == "GET") {
        let Some(schema) = operation.answer() else { continue };
        for path in addresses(&server, &token, &shapes, &operations, operation).await {
            let answer = body(server.get(&path, &token).await, 200).await;
            if answer["data"].as_array().is_none_or(|rows| !rows.is_empty()) {
                seen.insert(operation.id);
            }
            wrong.extend(shapes.breaches(schema, &answer).into_iter().map(|it| format!("{} {it}", operation.id)));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    let unseen: Vec<&str> = operations
        .iter()
        .filter(|it| it.method == "GET" && it.answer().is_some() && !seen.contains(it.id))
        .map(|it| it.id)
        .filter(|id| !SHOWN_ELSEWHERE.contains(id) && !id.starts_with("voice_call"))
        .collect();
    assert!(unseen.is_empty(), "nothing was there to look at: {unseen:?}");
}

/// Addresses of an operation, with ids from the lists above it and each word of a parameter that must be sent.
async fn addresses(
    server: &Server,
    token: &str,
    shapes: &Shapes<'_>,
    operations: &[Operation<'_>],
    operation: &Operation<'_>,
) -> Vec<String> {
    let mut paths = vec![operation.path.to_owned()];
    while let Some(at) = paths.iter().position(|path| path.contains('{')) {
        let path = paths.remove(at);
        let (above, below) = path.split_once('{').expect("a place");
        let (list, below) = (above.trim_end_matches('/'), below.split_once('}').map_or("", |(_, below)| below));
        let Some(list_operation) = operations.iter().find(|it| it.is_list() && nameless(it.path) == numberless(list))
        else {
            continue;
        };
        for list in with_words(list_operation, shapes, list) {
            let rows = body(server.get(&list, token).await, 200).await;
            let rows = rows["data"].as_array().expect("rows").iter().take(LOOKED_AT);
            paths.extend(rows.map(|row| {
                let id = row.get("id").unwrap_or(&row["slug"]);
                format!("{above}{}{below}", id.as_str().map_or_else(|| id.to_string(), str::to_owned))
            }));
        }
    }
    paths.iter().flat_map(|path| with_words(operation, shapes, path)).collect()
}

/// A path with numbers in it, as one with nameless places.
fn numberless(path: &str) -> String {
    let part = |part: &str| if part.parse::<i64>().is_ok() { "{}".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn with_words(operation: &Operation<'_>, shapes: &Shapes<'_>, path: &str) -> Vec<String> {
    let words = operation.words_of(shapes, "object_type");
    let needed = operation.id == "custom_fields.list";
    if needed { words.iter().map(|word| format!("{path}?object_type={word}")).collect() } else { vec![path.to_owned()] }
}

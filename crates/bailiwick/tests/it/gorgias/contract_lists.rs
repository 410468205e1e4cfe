//! Every list of the document is walked to its end, in each of its orders, while rows are written to it and rows that were seen are deleted:
//! nothing that was there is lost, and nothing comes twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::body;
use super::interface::{Operation, Writer, all_words, document, operations};
use crate::support::Server;
use crate::support::shape::Shapes;

const PAGE: usize = 4;
/// Behind so many pages of a walk a row is written: behind every page, the lists of many orders would grow without end.
const WRITTEN: usize = 6;
/// At least so many rows are in a list before it is walked, where rows can be written.
const ROWS: usize = 11;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_repeated_while_rows_are_written() {
    let server = Server::start().await;
    let token = server.token(&all_words()).await;
    let mut writer = Writer { server: &server, token: &token, n_written: 0 };
    let document = document(&server).await;
    let shapes = Shapes { document: &document };
    let operations = operations(&document);
    writer.furnish().await;

    for list in operations.iter().filter(|it| it.is_paged(&shapes)) {
        let deletes = operations.iter().any(|it| {
            it.method == "DELETE" && it.path.strip_prefix(list.path).is_some_and(|rest| rest.starts_with("/{"))
        });
        let mut orders = list.words_of(&shapes, "order_by");
        if orders.is_empty() {
            orders.push("");
        }
        for order in orders {
            let kinds = if list.id == "custom_fields.list" { list.words_of(&shapes, "object_type") } else { vec![""] };
            for kind in kinds {
                walk(&mut writer, list, order, kind, deletes).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_errors_of_a_job_are_walked_while_it_goes_on() {
    let server = Server::start().await;
    let token = server.token(&all_words()).await;
    let missing: Vec<i64> = (1_000_000..1_002_000).collect();
    let params = json!({ "ticket_ids": missing, "updates": { "priority": "high" } });
    let job =
        body(server.post("/api/jobs", &token, json!({ "type": "updateTicket", "params": params })).await, 201).await;
    let path = format!("/api/jobs/{}/errors", job["id"]);

    let over = AtomicBool::new(false);
    let walks = async {
        loop {
            let is_last = over.load(Ordering::SeqCst);
            let (mut next, mut numbers) = (format!("{path}?limit=100"), Vec::new());
            loop {
                let page = body(server.get(&next, &token).await, 200).await;
                numbers.extend(page["data"].as_array().expect("rows").iter().map(|row| row["number"].as_i64()));
                let Some(to) = next_page(&path, &["limit=100".to_owned()], &page["meta"]) else { break };
                next = to;
            }
            let expected: Vec<Option<i64>> = (1..=numbers.len() as i64).map(Some).collect();
            assert_eq!(numbers, expected);
            if is_last {
                return numbers.len();
            }
        }
    };
    let work = async {
        server.run_jobs().await;
        over.store(true, Ordering::SeqCst);
    };
    let (n_errors, ()) = tokio::join!(walks, work);

    let ended = body(server.get(&format!("/api/jobs/{}", job["id"]), &token).await, 200).await;
    assert_eq!(ended["status"], "done");
    assert!(n_errors > 900, "{n_errors} of 2,000");
}

async fn walk(writer: &mut Writer<'_>, list: &Operation<'_>, order: &str, kind: &str, deletes: bool) {
    let (server, token) = (writer.server, writer.token);
    let Some(path) = path_of(server, token, list).await else { return };
    let object_type = Some(kind).filter(|kind| !kind.is_empty());
    let mut query = vec![format!("limit={PAGE}")];
    query.extend(Some(format!("order_by={order}")).filter(|_| !order.is_empty()));
    // Relevance is for a ticket.
    query.extend(order.starts_with("relevance").then(|| "ticket_id=1".to_owned()));
    query.extend(object_type.map(|kind| format!("object_type={kind}")));
    let all = format!("{path}?{}", query[1..].iter().map(|it| format!("{it}&")).collect::<String>());
    let mut grows = true;
    while grows && everything(server, token, &all).await.len() < ROWS {
        grows = writer.write(&path, object_type).await;
    }
    let mut expected = everything(server, token, &all).await;
    let named = format!("{path} by {order} {kind}");

    let mut seen: Vec<String> = Vec::new();
    let mut cursors = BTreeSet::new();
    let mut next = format!("{path}?{}", query.join("&"));
    loop {
        let page = body(server.get(&next, token).await, 200).await;
        let rows = page["data"].as_array().expect("rows");
        assert!(rows.len() <= PAGE, "{named}: {} rows in a page", rows.len());
        let of_page: Vec<String> = rows.iter().map(key).collect();
        for row in &of_page {
            assert!(!seen.contains(row), "{named}: {row} came twice");
        }
        seen.extend(of_page);
        let Some(to) = next_page(&path, &query, &page["meta"]) else { break };
        assert!(cursors.insert(to.clone()), "{named}: a cursor was given twice");
        next = to;
        if cursors.len() <= WRITTEN {
            writer.write(&path, object_type).await;
        }
        // The row that the cursor stands at goes, once: the page after it must not go with it.
        if deletes && cursors.len() == 1 && grows {
            let gone = seen.last().expect("a row").clone();
            let answer = server.delete(&format!("{path}/{gone}"), token).await.status();
            if answer == 204 {
                expected.remove(&gone);
            }
        }
        assert!(cursors.len() < 200, "{named} does not end");
    }

    let lost: Vec<&String> = expected.iter().filter(|row| !seen.contains(row)).collect();
    assert!(lost.is_empty(), "{named}: lost {lost:?}");
}

/// The keys of all rows, in pages of the largest size.
async fn everything(server: &Server, token: &str, all: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let path = all.split('?').next().expect("a path").to_owned();
    let query = vec!["limit=100".to_owned()];
    let mut next = format!("{all}limit=100");
    loop {
        let page = body(server.get(&next, token).await, 200).await;
        keys.extend(page["data"].as_array().expect("rows").iter().map(key));
        let Some(to) = next_page(&path, &query, &page["meta"]) else { return keys };
        next = to;
    }
}

/// Where the next page is. The items of a view say so with an address, other lists with a cursor.
fn next_page(path: &str, query: &[String], meta: &Value) -> Option<String> {
    if let Some(items) = meta.get("next_items") {
        return items.as_str().map(str::to_owned);
    }
    meta["next_cursor"].as_str().map(|cursor| format!("{path}?{}&cursor={cursor}", query.join("&")))
}

fn key(row: &Value) -> String {
    let key = ["id", "slug", "number"].into_iter().find_map(|name| row.get(name)).expect("a key");
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// The path, with the newest row of the list above in its place. None if that list is empty.
async fn path_of(server: &Server, token: &str, list: &Operation<'_>) -> Option<String> {
    let Some((above, below)) = list.path.split_once('{') else { return Some(list.path.to_owned()) };
    let below = below.split_once('}').map_or("", |(_, below)| below);
    let rows = body(server.get(above.trim_end_matches('/'), token).await, 200).await;
    rows["data"].get(0).map(|row| format!("{above}{}{below}", key(row)))
}

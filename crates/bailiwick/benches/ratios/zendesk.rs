//! The Zendesk dialect on the grown helpdesk: what its calls cost against the bare statements that read or write the same rows.
//!
//! A reading is one connection that asks again and again, against the statements in this process: it has HTTP, the token check and JSON
//! besides. Exports and bulk edits are compared by the whole time.

use std::time::{Duration, Instant};

use helpdesk::search::words;
use serde_json::{Value, json};
use store::search::{Index, asked, ids};
use store::transact;

use crate::bulk::{bare_export, open_tickets};
use crate::scale::{Helpdesk, milliseconds};

/// Rows of one page.
const PAGE: i64 = 100;

pub async fn read(desk: &Helpdesk) {
    let some = desk.some_tickets(64).await;
    let shown = some.iter().map(|id| format!("/api/v2/tickets/{id}?include=users,groups,organizations")).collect();
    let next = some.iter().copied().cycle();
    compare(desk, "a ticket with sideloads", shown, bare_tickets(desk, next.zip(std::iter::repeat(1)))).await;

    // A cursor is what the answer before gave; the floor walks the key as well.
    let mut pages = vec!["/api/v2/tickets?page[size]=100".to_owned()];
    for _ in 0..31 {
        let answer = desk.ask("GET", pages.last().expect("a page"), &Value::Null).await;
        let next = answer["links"]["next"].as_str().expect("a next page");
        pages.push(
            next.split_once("//").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned())).expect("a path"),
        );
    }
    let first = some[0];
    compare(
        desk,
        "a page of 100 tickets by cursor",
        pages,
        bare_tickets(desk, (0..32).map(move |n| first + n * PAGE).cycle().zip(std::iter::repeat(PAGE))),
    )
    .await;

    for (what, word) in [("a rare word", "#1042"), ("a word of many", "refund")] {
        let path =
            format!("/api/v2/search?query={}", format!("type:ticket {word}").replace(' ', "%20").replace('#', "%23"));
        compare(desk, &format!("search: {what}"), vec![path], bare_search(desk, word)).await;
    }
}

/// Prints how long a call takes beside its floor.
async fn compare(desk: &Helpdesk, what: &str, paths: Vec<String>, floor: impl Future<Output = Duration>) {
    let requests = paths.iter().map(|path| desk.request("GET", path, &Value::Null)).collect();
    let ours = desk.one_connection(200, requests).await;
    let floor = floor.await;
    println!(
        "{what:<44} p50 {:>8.2} ms   p99 {:>8.2} ms   bare p50 {:>8.2} ms   {:.1} times as long",
        milliseconds(ours.p50),
        milliseconds(ours.p99),
        milliseconds(floor),
        ours.p50.as_secs_f64() / floor.as_secs_f64()
    );
}

/// The median of reading so many tickets from an id on, with whoever they belong to and their tags.
async fn bare_tickets(desk: &Helpdesk, pages: impl Iterator<Item = (i64, i64)>) -> Duration {
    let (began, mut took) = (Instant::now(), Vec::new());
    for (id, n) in pages {
        if began.elapsed() > desk.time {
            break;
        }
        let one = Instant::now();
        let mut tx = desk.db.read().await.expect("a reader");
        let sql = "select t.id, t.external_id, t.status, t.priority, t.channel, t.subject, t.excerpt, t.created_at, t.updated_at,
                          c.id as customer, c.email, c.name, u.id as assignee, u.email as assignee_email, u.name as assignee_name,
                          g.id as team, g.name as team_name
                   from tickets t
                   left join people c on c.id = t.customer_id
                   left join people u on u.id = t.assignee_user_id
                   left join teams g on g.id = t.assignee_team_id
                   where t.id >= $1 and t.spam = 0 and t.trashed_at is null order by t.id limit $2";
        let rows = tx.rows(sql, &[id.into(), n.into()]).await.expect("tickets");
        let (first, last) = (rows.first().expect("a row"), rows.last().expect("a row"));
        let sql = "select tt.ticket_id, g.name from ticket_tags tt join tags g on g.id = tt.tag_id
                   where tt.ticket_id >= $1 and tt.ticket_id <= $2";
        let between = [first.int("id").expect("an id").into(), last.int("id").expect("an id").into()];
        std::hint::black_box(tx.rows(sql, &between).await.expect("tags"));
        drop(tx);
        took.push(one.elapsed());
    }
    took.sort_unstable();
    took[took.len() / 2]
}

/// The median of asking the index of words, for the hundred that changed last.
async fn bare_search(desk: &Helpdesk, word: &str) -> Duration {
    let wanted = words::asked_whole(word);
    let (began, mut took) = (Instant::now(), Vec::new());
    while took.is_empty() || began.elapsed() < desk.time {
        let one = Instant::now();
        let mut tx = desk.db.read().await.expect("a reader");
        let found = ids(&tx, Index::Tickets, "$1");
        let asked = asked(&tx, &wanted).expect("words");
        let sql = format!(
            "select id, subject, excerpt, status, priority, customer_id, assignee_user_id, created_at, updated_at
             from tickets where id in ({found}) order by updated_at desc, id desc limit {PAGE}"
        );
        std::hint::black_box(tx.rows(&sql, &[asked]).await.expect("tickets"));
        drop(tx);
        took.push(one.elapsed());
    }
    took.sort_unstable();
    took[took.len() / 2]
}

/// Walks the incremental export by its cursor until so many tickets came; then the same number of rows by the bare query.
pub async fn export(desk: &Helpdesk, n: usize) {
    let (began, mut came, mut memory) = (Instant::now(), 0, 0.0_f64);
    let mut path = "/api/v2/incremental/tickets/cursor?start_time=1&per_page=1000".to_owned();
    while came < n {
        let page = desk.ask("GET", &path, &Value::Null).await;
        came += page["tickets"].as_array().expect("tickets").len();
        memory = memory.max(desk.memory());
        if page["end_of_stream"] == true {
            break;
        }
        path = format!(
            "/api/v2/incremental/tickets/cursor?per_page=1000&cursor={}",
            page["after_cursor"].as_str().expect("a cursor")
        );
    }
    let took = began.elapsed();
    let began = Instant::now();
    let n_bare = bare_export(desk, i64::try_from(came).expect("small")).await;
    let floor = began.elapsed();
    println!(
        "incremental export of {came} tickets: {:.1} s, bare {:.1} s ({n_bare} rows), {:.1} times as long; memory at most {memory:.0} MiB",
        took.as_secs_f64(),
        floor.as_secs_f64(),
        took.as_secs_f64() / floor.as_secs_f64()
    );
}

/// A hundred calls of `update_many` with a hundred ids each, until the last of their jobs is done; then as many bare transactions.
pub async fn update_many(desk: &Helpdesk, n_calls: usize) {
    let open = open_tickets(desk, 2 * PAGE * i64::try_from(n_calls).expect("small")).await;
    let half = open.len() / 2;
    let (by_calls, bare) = open.split_at(half);
    let began = Instant::now();
    let mut jobs = Vec::new();
    for ids in by_calls.chunks(100) {
        let ids = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let change = json!({ "ticket": { "priority": "high", "additional_tags": ["refund"] } });
        loop {
            let answer = desk.ask("PUT", &format!("/api/v2/tickets/update_many?ids={ids}"), &change).await;
            if let Some(id) = answer["job_status"]["id"].as_str() {
                jobs.push(id.to_owned());
                break;
            }
            // Only so many jobs of one account wait at once.
            assert_eq!(answer["error"], "TooManyJobs", "{answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    for job in &jobs {
        while desk.ask("GET", &format!("/api/v2/job_statuses/{job}"), &Value::Null).await["job_status"]["status"]
            != "completed"
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let took = began.elapsed();
    let began = Instant::now();
    for ids in bare.chunks(100) {
        let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        transact!(desk.db, |tx| {
            tx.run(&format!("update tickets set priority = 'high', updated_at = $1 where id in ({list})"), &[1_i64.into()]).await?;
            tx.run(
                &format!(
                    "insert into ticket_tags (ticket_id, tag_id)
                     select t.id, g.id from tickets t, tags g where g.name = 'refund' and t.id in ({list}) on conflict do nothing"
                ),
                &[],
            )
            .await?;
            let sql = format!(
                "insert into events (type, object_type, object_id, context, before, after, created_at)
                 select 'ticket-updated', 'Ticket', id, 'bench', '{{\"priority\":\"normal\"}}', '{{\"priority\":\"high\"}}', updated_at
                 from tickets where id in ({list})"
            );
            tx.run(&sql, &[]).await
        })
        .expect("a bare transaction");
    }
    let floor = began.elapsed();
    println!(
        "update_many, {} calls of 100 tickets: {:.2} s, bare {:.2} s, {:.1} times as long",
        jobs.len(),
        took.as_secs_f64(),
        floor.as_secs_f64(),
        took.as_secs_f64() / floor.as_secs_f64()
    );
}

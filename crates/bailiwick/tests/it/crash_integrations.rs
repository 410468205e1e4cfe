//! A kill in the middle of a burst of outgoing calls: after the restart every call is made, and none is made for twice the events.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::crash::Process;
use crate::support::{Receiver, Reply, Server};

const N_TICKETS: usize = 300;
/// Calls that have arrived when the server is killed.
const KILL_AFTER: usize = 40;

fn ticket(n: usize) -> Value {
    json!({
        "channel": "api", "via": "api", "subject": format!("Order {n}"), "customer": { "email": "ada@example.com" },
        "messages": [{
            "channel": "api", "via": "api", "from_agent": false, "body_text": "Where is it?", "sender": { "email": "ada@example.com" },
        }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_burst_of_calls_loses_none_of_them() {
    let server = Server::start_on_the_real_clock().await;
    let receiver = Receiver::start().await;
    let token = server.token("tickets:write integrations:write").await;
    receiver.reply("/hook", Reply { after: Duration::from_millis(20), ..Reply::status(200) });
    let new = json!({
        "name": "CRM", "type": "http",
        "http": { "url": receiver.url("/hook"), "method": "POST", "form": { "id": "{{ticket.id}}" }, "triggers": { "ticket-created": true } },
    });
    assert_eq!(server.post("/api/integrations", &token, new).await.status(), 201);
    let mut promised = BTreeSet::new();
    for n in 0..N_TICKETS {
        let made: Value = server.post("/api/tickets", &token, ticket(n)).await.json().await.expect("a ticket");
        promised.insert(made["id"].to_string());
    }
    let data = tempfile::tempdir().expect("a folder");
    let mut process = Process::start(&server, data.path()).await;
    let until = async |n: usize| {
        let enough = async {
            while receiver.received().len() < n {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), enough).await.expect("calls arrive");
    };
    until(KILL_AFTER).await;

    // SIGKILL: the process gets no chance to write anything any more.
    process.child.kill().expect("kill");
    process.child.wait().expect("wait");
    let n_before = receiver.received().len();
    assert!(n_before < N_TICKETS, "the kill came too late");
    // What the dead process held is free at once instead of after a minute.
    let mut tx = server.db.write().await.expect("begin");
    tx.run("update queue set leased_until = 1 where state = 'running'", &[]).await.expect("update");
    tx.commit().await.expect("commit");
    let _process = Process::start(&server, data.path()).await;

    let all = async {
        loop {
            let mut tx = server.db.read().await.expect("read");
            let row = tx.row("select count(*) as n from deliveries where state = 'delivered'", &[]).await;
            if row.expect("the log").expect("a row").int("n").expect("a count") == 300 {
                return;
            }
            drop(tx);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), all).await.expect("every call is made");

    let told: BTreeSet<String> =
        receiver.received().iter().map(|it| it.json()["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(told, promised);
    let mut tx = server.db.read().await.expect("read");
    let row = tx.row("select count(*) as n, count(distinct event_id) as n_events from deliveries", &[]).await;
    let row = row.expect("the log").expect("a row");
    let counts = ["n", "n_events"].map(|name| row.int(name).expect("a count"));
    assert_eq!(counts, [300, 300], "each event makes one delivery");
    // At least once: only what was under way at the kill may have arrived twice.
    assert!(receiver.received().len() <= N_TICKETS + 8);
}

//! Who is at a ticket, and what happens to it while somebody has it open.

use std::time::{Duration, Instant};

use endpoint::api_key_switch::{self, ApiKeySwitch};
use helpdesk::api_keys;
use scope::Dialect;
use scope::permit::Actor;
use serde_json::{Value, json};

use super::body;
use crate::support::events::Events;
use crate::support::{Person, Server};

const SCOPE: &str = "tickets:read tickets:write";

async fn ticket(server: &Server, token: &str) -> Value {
    let ticket = json!({
        "subject": "Where is my parcel?", "customer": { "email": "ada@example.com" },
        "messages": [{ "channel": "email", "via": "email", "from_agent": false, "sender": { "email": "ada@example.com" },
                       "body_text": "It is late" }],
    });
    body(server.post("/api/tickets", token, ticket).await, 201).await
}

/// A server with a ticket, its path, and tokens for its administrator and its agent.
async fn opened(server: &Server) -> (String, String, String) {
    let admin = server.token(SCOPE).await;
    let agent = server.token_for(Person::Agent, Dialect::Gorgias, SCOPE).await;
    let ticket = ticket(server, &admin).await;
    // On PostgreSQL others' open transactions hold the log's end back: a stream would tell of the ticket's own beginning.
    settled(server).await;
    (format!("/api/tickets/{}", ticket["id"]), admin, agent)
}

/// A stream whose first event was read, with that.
async fn stream(server: &Server, base: &str, path: &str, token: &str) -> (Events, Value) {
    let mut events = server.events_at(base, &format!("{path}/live"), token, None).await;
    let first = events.next().await.expect("the state");
    assert_eq!(first.name, "state");
    (events, first.data)
}

async fn be(server: &Server, path: &str, token: &str, state: &str) -> Value {
    body(server.put(&format!("{path}/presence"), token, json!({ "state": state })).await, 200).await
}

/// Names and states.
fn people(present: &Value) -> Vec<(String, String)> {
    let present = present.as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    present.map(|it| (text(&it["user"]["name"]), text(&it["state"]))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
}

async fn write(server: &Server, base: &str, path: &str, token: &str, text: &str) -> Value {
    let message = json!({ "channel": "internal-note", "from_agent": true, "body_text": text });
    let request = server.http.post(format!("{base}{path}/messages")).bearer_auth(token).json(&message);
    body(request.send().await.expect("send"), 201).await
}

async fn run(server: &Server, sql: &str, id: i64) {
    let mut tx = server.db.write().await.expect("begin");
    tx.run(sql, &[id.into()]).await.expect("run");
    tx.commit().await.expect("commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_at_a_ticket_see_each_other_and_who_types() {
    let server = Server::start().await;
    let (path, admin, agent) = opened(&server).await;
    be(&server, &path, &admin, "looking").await;
    let (mut events, first) = stream(&server, &server.base, &path, &admin).await;
    assert_eq!(people(&first["present"]), pairs(&[("Ada Admin", "looking")]));

    be(&server, &path, &agent, "looking").await;
    let came = events.next_of("presence").await;
    server.clock.advance(Duration::from_secs(20));
    be(&server, &path, &admin, "looking").await;
    be(&server, &path, &agent, "typing").await;
    let types = events.next_of("presence").await;

    assert_eq!(people(&came.data["present"]), pairs(&[("Ada Admin", "looking"), ("Bo Agent", "looking")]));
    assert_eq!(people(&types.data["present"]), pairs(&[("Ada Admin", "looking"), ("Bo Agent", "typing")]));
    assert_eq!(types.data["present"][0]["since_datetime"], first["present"][0]["since_datetime"], "renewed");
    assert_eq!(types.data["present"][1]["user"]["id"], server.agent_id);
    let listed = body(server.get(&format!("{path}/presence"), &agent).await, 200).await;
    assert_eq!(listed["data"], types.data["present"]);

    assert_eq!(server.delete(&format!("{path}/presence"), &admin).await.status(), 204);
    let went = events.next_of("presence").await;
    assert_eq!(people(&went.data["present"]), pairs(&[("Bo Agent", "typing")]));
    server.clock.advance(Duration::from_secs(31));
    let silent = events.next_of("presence").await;
    assert_eq!(silent.data["present"], json!([]), "who says nothing more is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_leaves_no_events_and_no_rows_behind() {
    let server = Server::start().await;
    let (path, admin, agent) = opened(&server).await;
    let count = async |table: &str| {
        let mut tx = server.db.read().await.expect("begin");
        let row = tx.row(&format!("select count(*) as n from {table}"), &[]).await.expect("count").expect("a row");
        row.int("n").expect("a number")
    };
    server.run_jobs().await;
    let n_events = count("events").await;

    for token in [&admin, &agent, &admin] {
        be(&server, &path, token, "looking").await;
        be(&server, &path, token, "typing").await;
    }

    assert_eq!((count("events").await, count("presence").await), (n_events, 2));
    server.clock.advance(Duration::from_secs(31));
    let listed = body(server.get(&format!("{path}/presence"), &admin).await, 200).await;
    assert_eq!(listed["data"], json!([]));
    bailiwick::worker::forget_presence(&server.app, server.clock.now()).await.expect("forgotten");
    assert_eq!(count("presence").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_tickets_sees_nobody_and_who_may_not_write_does_not_type() {
    let server = Server::start().await;
    let (path, admin, agent) = opened(&server).await;
    let (presence, live) = (format!("{path}/presence"), format!("{path}/live"));
    let reader = server.token_for(Person::Agent, Dialect::Gorgias, "tickets:read").await;
    let stranger = server.token("customers:read users:read tickets:write").await;

    for address in [&presence, &live] {
        assert_eq!(server.http.get(format!("{}{address}", server.base)).send().await.expect("send").status(), 401);
        assert_eq!(server.get(address, &stranger).await.status(), 403);
    }
    let typing = server.put(&presence, &reader, json!({ "state": "typing" })).await;
    assert_eq!(typing.status(), 403);
    assert!(typing.headers()["www-authenticate"].to_str().expect("text").contains("tickets:write"));
    be(&server, &path, &reader, "looking").await;
    for wrong in [json!({}), json!({ "state": "asleep" }), json!({ "state": 1 }), json!({ "state": null })] {
        assert_eq!(server.put(&presence, &reader, wrong).await.status(), 400);
    }
    for nothing in ["/api/tickets/987654/presence", "/api/tickets/987654/live"] {
        assert_eq!(server.get(nothing, &admin).await.status(), 404);
    }
    assert_eq!(server.put("/api/tickets/987654/presence", &admin, json!({ "state": "typing" })).await.status(), 404);
    assert_eq!(server.delete("/api/tickets/987654/presence", &admin).await.status(), 404);

    // Customers never see staff, and whoever is no longer staff is not shown.
    run(&server, "update people set role = 'customer', is_staff = 0 where id = $1", server.agent_id).await;
    server.app.provider.forget_all();
    for address in [&presence, &live] {
        assert_eq!(server.get(address, &agent).await.status(), 403);
    }
    let listed = body(server.get(&presence, &admin).await, 200).await;
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_on_another_node_is_told_within_a_second() {
    let server = Server::start().await;
    let node = server.second_node().await;
    let (path, admin, agent) = opened(&server).await;
    let (mut events, first) = stream(&server, &server.base, &path, &admin).await;
    let shown = body(server.get(&path, &admin).await, 200).await;
    assert_eq!(first["last_message_id"], shown["messages"][0]["id"]);
    assert_eq!(first["updated_datetime"], shown["updated_datetime"]);
    assert_eq!((&first["messages_count"], &first["resumed"]), (&json!(1), &json!(false)));

    let begun = Instant::now();
    let note = write(&server, &node.base, &path, &agent, "I am on it").await;
    let told = events.next_of("message").await;
    let seconds = begun.elapsed().as_secs_f64();

    assert!(seconds < 2.0, "after {seconds} s");
    assert_eq!((&told.data["type"], &told.data["message_id"]), (&json!("ticket-message-created"), &note["id"]));
    assert_eq!(told.data["user_id"], server.agent_id);
    let body_of = json!({ "state": "typing" });
    let request = server.http.put(format!("{}{path}/presence", node.base)).bearer_auth(&agent).json(&body_of);
    assert_eq!(request.send().await.expect("send").status(), 200);
    let types = events.next_of("presence").await;
    assert_eq!(people(&types.data["present"]), pairs(&[("Bo Agent", "typing")]));
    body(server.put(&path, &agent, json!({ "priority": "critical" })).await, 200).await;
    assert_eq!(events.next_of("updated").await.data["type"], "ticket-updated");
    assert_eq!(server.delete(&format!("{path}/messages/{}", note["id"]), &agent).await.status(), 204);
    assert_eq!(events.next_of("message").await.data["type"], "ticket-message-deleted");
    assert_eq!(server.delete(&path, &admin).await.status(), 204);
    assert_eq!(events.next_of("end").await.data["reason"], "deleted");
    assert!(events.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_was_away_misses_nothing() {
    let server = Server::start().await;
    let node = server.second_node().await;
    let (path, admin, agent) = opened(&server).await;
    let other = ticket(&server, &admin).await;
    let (mut events, _) = stream(&server, &server.base, &path, &admin).await;
    let first = write(&server, &server.base, &path, &agent, "one").await;
    let told = events.next_of("message").await;
    assert_eq!(told.data["message_id"], first["id"]);
    let last = told.id.expect("an id");
    drop(events);

    let mut written = Vec::new();
    for text in ["two", "three"] {
        written.push(write(&server, &server.base, &path, &agent, text).await["id"].clone());
        write(&server, &server.base, &format!("/api/tickets/{}", other["id"]), &agent, "elsewhere").await;
    }
    settled(&server).await;
    // Another node than before.
    let mut events = server.events_at(&node.base, &format!("{path}/live"), &admin, Some(&last)).await;
    let state = events.next().await.expect("the state");
    written.push(write(&server, &server.base, &path, &agent, "four").await["id"].clone());
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(events.next_of("message").await.data["message_id"].clone());
    }

    assert_eq!((state.name.as_str(), &state.data["resumed"]), ("state", &json!(true)));
    assert_eq!(state.id, Some(last), "until more was told, the place is the same");
    assert_eq!(seen, written, "each once, in order, and of this ticket only");
    assert!(events.is_silent_for(Duration::from_millis(700)).await);

    for nonsense in ["", "x", "1-", "99999999999-1", "-1", "5-5-5"] {
        let mut events = server.events_at(&server.base, &format!("{path}/live"), &admin, Some(nonsense)).await;
        assert_eq!(events.next().await.expect("the state").data["resumed"], false, "{nonsense}");
    }
}

/// Waits until readers of the log may see all of it: other tests on the same database server have transactions open.
async fn settled(server: &Server) {
    loop {
        let mut tx = server.db.read().await.expect("begin");
        let end = store::log::end(&mut tx).await.expect("the end");
        let newest = tx.row("select max(id) as id from events", &[]).await.expect("read").expect("a row");
        if newest.int("id").expect("an id") == end.id {
            return;
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_credential() {
    let server = Server::start().await;
    let (path, admin, agent) = opened(&server).await;
    let (mut by_revoked, _) = stream(&server, &server.base, &path, &agent).await;
    let (mut by_expired, _) = stream(&server, &server.base, &path, &admin).await;
    let demoted = server.token_for(Person::Agent, Dialect::Gorgias, SCOPE).await;
    let (mut by_demoted, _) = stream(&server, &server.base, &path, &demoted).await;
    let ends = async |events: &mut Events| {
        let begun = Instant::now();
        assert_eq!(events.next_of("end").await.data["reason"], "credential");
        assert!(events.next().await.is_none());
        assert!(begun.elapsed() < Duration::from_secs(3), "after {:?}", begun.elapsed());
    };

    let mut tx = server.db.write().await.expect("begin");
    let hash = outside::sha256(agent.as_bytes());
    let sql = "update access_tokens set revoked_at = $1 where hash = $2";
    tx.run(sql, &[server.clock.now().into(), hash.as_slice().into()]).await.expect("revoke");
    tx.commit().await.expect("commit");
    ends(&mut by_revoked).await;

    // A lower role, which may still read.
    run(&server, "update people set role = 'observer' where id = $1", server.agent_id).await;
    ends(&mut by_demoted).await;

    server.clock.advance(Duration::from_secs(2 * 86_400));
    ends(&mut by_expired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_by_an_api_key_ends_when_keys_are_switched_off() {
    let server = Server::start().await;
    let (path, _, _) = opened(&server).await;
    let actor = Actor { person_id: Some(server.agent_id), ..Actor::default() };
    let now = server.clock.now();
    let mut tx = server.db.write().await.expect("begin");
    let (_, key) =
        api_keys::create(&mut tx, &actor, now, &server.app.random, server.agent_id, "a screen").await.unwrap();
    tx.commit().await.expect("commit");
    let request = server.http.get(format!("{}{path}/live", server.base)).basic_auth("agent@demo.test", Some(key));
    let mut events = Events::of(request.send().await.expect("send"));
    assert_eq!(events.next().await.expect("the state").name, "state");

    let off = ApiKeySwitch { off: true };
    server.app.provider.put_setting(&server.may(), api_key_switch::NAME, &off).await.expect("switched off");

    assert_eq!(events.next_of("end").await.data["reason"], "credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_only_so_many_streams() {
    let server = Server::start_with(|settings| settings.live_streams = 12).await;
    let (path, admin, agent) = opened(&server).await;
    let live = format!("{path}/live");
    let mut streams = Vec::new();
    for _ in 0..endpoint::live::PERSON_MAX {
        streams.push(stream(&server, &server.base, &path, &admin).await);
    }

    let one_more = server.get(&live, &admin).await;
    assert_eq!((one_more.status().as_u16(), one_more.headers()["retry-after"].to_str().expect("text")), (429, "10"));
    for _ in 0..2 {
        streams.push(stream(&server, &server.base, &path, &agent).await);
    }
    assert_eq!(server.get(&live, &agent).await.status(), 429, "all of the server's are taken");

    streams.clear();
    let begun = Instant::now();
    while server.ask_for_events(&server.base, &live, &admin, None).await.status() != 200 {
        assert!(begun.elapsed() < Duration::from_secs(5), "who went away leaves the place to others");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_outlasts_the_limit_of_requests_and_ends_at_once_when_the_server_stops() {
    let server = Server::start_with(|settings| settings.request_seconds = 1).await;
    let node = server.second_node().await;
    let (path, admin, agent) = opened(&server).await;
    let (mut here, _) = stream(&server, &server.base, &path, &admin).await;
    let (mut there, _) = stream(&server, &node.base, &path, &admin).await;
    assert!(here.is_silent_for(Duration::from_millis(1_200)).await);
    be(&server, &path, &agent, "looking").await;
    here.next_of("presence").await;

    let begun = Instant::now();
    drop(node);

    assert_eq!(there.next_of("end").await.data["reason"], "stopping");
    assert!(there.next().await.is_none());
    assert!(begun.elapsed() < Duration::from_secs(1), "after {:?}", begun.elapsed());
    be(&server, &path, &agent, "typing").await;
    here.next_of("presence").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_ticket_as_it_was_before_is_refused_until_it_is_confirmed() {
    let server = Server::start().await;
    let (path, admin, agent) = opened(&server).await;
    let shown = body(server.get(&path, &admin).await, 200).await;
    server.clock.advance(Duration::from_secs(1));
    let closed = body(server.put(&path, &agent, json!({ "status": "closed" })).await, 200).await;

    let mut change = json!({ "priority": "high", "last_updated_datetime": shown["updated_datetime"] });
    let refused = body(server.put(&path, &admin, change.clone()).await, 409).await;

    let problem = refused["error"]["data"]["last_updated_datetime"][0].as_str().expect("a text");
    assert!(problem.contains(closed["updated_datetime"].as_str().expect("a time")), "{problem}");
    assert_eq!(body(server.get(&path, &admin).await, 200).await["priority"], "normal");
    change["last_updated_datetime"] = closed["updated_datetime"].clone();
    assert_eq!(body(server.put(&path, &admin, change).await, 200).await["priority"], "high");
}

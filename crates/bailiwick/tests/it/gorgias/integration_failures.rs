//! Calls that fail, addresses that must not be called, and loops.

use std::time::Duration;

use scope::Dialect;
use serde_json::json;

use super::integrations::{ALL, calling, create, create_ticket, last_delivery, start, states, ticket, triggers};
use super::{body, texts};
use crate::support::{Person, Receiver, Reply, Server};

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_later_and_given_up_in_the_end() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/hook"), &["ticket-created"])).await;
    receiver.reply("/hook", Reply::status(503).body("busy"));

    create_ticket(&server, &token).await;
    server.run_jobs().await;
    let (_, state, attempts, error) = last_delivery(&server).await;
    assert_eq!((state.as_str(), attempts), ("waiting", 1));
    assert_eq!(error.as_deref(), Some("The answer was 503."));
    server.run_jobs().await;
    assert_eq!(receiver.received().len(), 1, "not before its time");

    for n in 2..=5 {
        server.clock.advance(Duration::from_mins(35));
        server.run_jobs().await;
        assert_eq!(receiver.received().len(), n);
    }

    let (_, state, attempts, _) = last_delivery(&server).await;
    assert_eq!((state.as_str(), attempts), ("failed", 5));
    let received = receiver.take();
    let deliveries: Vec<&str> = received.iter().map(|it| it.header("x-bailiwick-delivery")).collect();
    assert!(deliveries.iter().all(|id| *id == deliveries[0]), "a repetition can be told");
    assert_eq!(received[4].header("x-bailiwick-attempt"), "5");
    assert!(received.iter().all(|it| it.body == received[0].body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_call_is_not_repeated_and_a_redirect_not_followed() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/gone"), &["ticket-created"])).await;
    create(&server, &token, calling(&receiver.url("/moved"), &["ticket-created"])).await;
    receiver.reply("/gone", Reply::status(410));
    receiver.reply("/moved", Reply::status(307).header("location", &receiver.url("/inside")));

    create_ticket(&server, &token).await;
    server.run_jobs().await;

    assert_eq!(states(&server).await, ["failed", "failed"]);
    assert!(receiver.take().iter().all(|it| it.path != "/inside"));
    let (_, _, _, error) = last_delivery(&server).await;
    assert_eq!(error.as_deref(), Some("The answer was 307: redirects are not followed."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_may_ask_for_patience() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/hook"), &["ticket-created"])).await;
    receiver.reply("/hook", Reply::status(429).header("retry-after", "1200"));
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    receiver.reply("/hook", Reply::status(204));

    server.clock.advance(Duration::from_mins(15));
    server.run_jobs().await;
    assert_eq!(receiver.received().len(), 1);
    server.clock.advance(Duration::from_mins(6));
    server.run_jobs().await;

    assert_eq!(states(&server).await, ["delivered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_inside_is_called() {
    // CM-2
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let token = server.token(ALL).await;
    let port = receiver.address.port();
    let addresses = [
        format!("http://127.0.0.1:{port}/a"),
        format!("https://127.0.0.1:{port}/b"),
        format!("https://localhost:{port}/c"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[::1]/d".to_owned(),
        format!("https://[::ffff:127.0.0.1]:{port}/d"),
        format!("https://2130706433:{port}/d"),
        format!("https://0x7f.1:{port}/d"),
        format!("https://0.0.0.0:{port}/d"),
        "https://10.0.0.1/d".to_owned(),
        format!("https://someone:password@127.0.0.1:{port}/d"),
        "https://{{ticket.subject}}/e".to_owned(),
    ];
    for url in &addresses {
        create(&server, &token, calling(url, &["ticket-created"])).await;
    }

    let mut new = ticket();
    new["subject"] = json!("127.0.0.1");
    body(server.post("/api/tickets", &token, new).await, 201).await;
    server.run_jobs().await;

    assert!(receiver.take().is_empty());
    assert_eq!(states(&server).await, ["failed"; 12]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_failures_the_address_is_left_alone_then_probed_and_switched_off_in_the_end() {
    let (server, receiver, token) = start().await;
    let id = create(&server, &token, calling(&receiver.url("/hook"), &["ticket-created"])).await;
    let path = format!("/api/integrations/{id}");
    receiver.reply("/hook", Reply::status(400));
    for _ in 0..5 {
        create_ticket(&server, &token).await;
        server.run_jobs().await;
    }
    assert_eq!(receiver.take().len(), 5);

    // The circuit is open: it waits.
    create_ticket(&server, &token).await;
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert!(receiver.take().is_empty());
    assert_eq!(states(&server).await[5..], ["waiting", "waiting"]);

    // One goes as a probe, and what it meets holds for the others.
    server.clock.advance(Duration::from_secs(36));
    server.run_jobs().await;
    assert_eq!(receiver.take().len(), 1);

    // It works again: the circuit closes.
    receiver.reply("/hook", Reply::status(200));
    server.clock.advance(Duration::from_mins(3));
    server.run_jobs().await;
    assert_eq!(receiver.take().len(), 1);
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert_eq!(receiver.take().len(), 1);

    // A hundred failures in a row end it.
    receiver.reply("/hook", Reply::status(400));
    let mut token = token;
    for n in 0..100 {
        if n % 40 == 0 {
            // A token lives a day.
            token = server.token(ALL).await;
        }
        create_ticket(&server, &token).await;
        server.run_jobs().await;
        server.clock.advance(Duration::from_mins(31));
        server.run_jobs().await;
    }
    let shown = body(server.get(&path, &token).await, 200).await;
    assert!(shown["deactivated_datetime"].is_string());
    let events =
        body(server.get(&format!("/api/events?object_type=Integration&object_id={id}"), &token).await, 200).await;
    assert_eq!(texts(&events, "type")[0], "integration-deactivated");
    receiver.take();
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert!(receiver.take().is_empty(), "what is off is not called");

    // On again, with a clean slate.
    body(server.put(&path, &token, json!({ "deactivated_datetime": null })).await, 200).await;
    receiver.reply("/hook", Reply::status(200));
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert_eq!(receiver.take().len(), 1);
    let events =
        body(server.get(&format!("/api/events?object_type=Integration&object_id={id}"), &token).await, 200).await;
    assert_eq!(texts(&events, "type")[0], "integration-reactivated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_the_calls_of_rules_fail_at_is_left_alone_whichever_rule_calls() {
    let (server, receiver, token) = start().await;
    let other = Receiver::start().await;
    let rules_token = server.token("rules:write").await;
    let code = format!(
        "Action('http', {{ url: '{}', method: 'POST' }}); Action('http', {{ url: '{}', method: 'POST' }});",
        receiver.url("/a?id={{ticket.id}}"),
        other.url("/b")
    );
    let rule = json!({ "name": "Tell", "event_types": "ticket-created", "code": code });
    body(server.post("/api/rules", &rules_token, rule).await, 201).await;
    receiver.reply("/a", Reply::status(400));
    for _ in 0..5 {
        create_ticket(&server, &token).await;
        server.run_jobs().await;
    }
    assert_eq!((receiver.take().len(), other.take().len()), (5, 5));

    // The circuit is open: what goes there waits, what goes elsewhere goes.
    create_ticket(&server, &token).await;
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert_eq!((receiver.take().len(), other.take().len()), (0, 2));
    assert_eq!(states(&server).await[10..], ["waiting", "delivered", "waiting", "delivered"]);

    // One goes as a probe; the next one finds that it works again.
    server.clock.advance(Duration::from_secs(36));
    server.run_jobs().await;
    assert_eq!(receiver.take().len(), 1);
    receiver.reply("/a", Reply::status(200));
    server.clock.advance(Duration::from_mins(3));
    server.run_jobs().await;
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert_eq!(receiver.take().len(), 2);

    // After a hundred failures, what comes while it rests is given up at once.
    receiver.reply("/a", Reply::status(400));
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    let mut tx = server.db.write().await.expect("begin");
    tx.run("update call_hosts set n_failures = 99", &[]).await.expect("count");
    tx.commit().await.expect("commit");
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert_eq!(receiver.take().len(), 2);
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert!(receiver.take().is_empty());
    let mut tx = server.db.read().await.expect("read");
    let sql = "select state, attempts, error from deliveries where url is null order by id desc limit 1";
    let row = tx.row(sql, &[]).await.expect("the log").expect("a delivery");
    assert_eq!((row.text("state").unwrap().as_str(), row.int("attempts").unwrap()), ("failed", 0));
    assert!(row.text("error").unwrap().contains("not called"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_answers_a_call_is_not_called_for_its_own_answer() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/hook"), &["ticket-created", "ticket-updated"])).await;

    // The app's own new ticket is told: it may want to know the rest of what happens here.
    let id = create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert_eq!(triggers(&receiver.take()), ["ticket-created"]);

    // It answers by changing the ticket: no news to it.
    body(server.put(&format!("/api/tickets/{id}"), &token, json!({ "subject": "Seen" })).await, 200).await;
    server.run_jobs().await;
    assert!(receiver.take().is_empty());
    assert_eq!(states(&server).await, ["delivered", "skipped"]);

    // Somebody else's change is.
    let other = server.token_for(Person::Agent, Dialect::Gorgias, ALL).await;
    body(server.put(&format!("/api/tickets/{id}"), &other, json!({ "subject": "Again" })).await, 200).await;
    server.run_jobs().await;
    assert_eq!(triggers(&receiver.take()), ["ticket-updated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_through_somebody_else_ends() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/hook"), &["ticket-updated"])).await;
    let other = server.token_for(Person::Agent, Dialect::Gorgias, ALL).await;
    let id = create_ticket(&server, &token).await;

    for n in 0..70 {
        let change = json!({ "subject": format!("Change {n}") });
        body(server.put(&format!("/api/tickets/{id}"), &other, change).await, 200).await;
        server.run_jobs().await;
    }

    assert_eq!(receiver.take().len(), 60);
    let (_, state, _, error) = last_delivery(&server).await;
    assert_eq!(state, "skipped");
    assert!(error.expect("a reason").contains("loop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_receiver_is_waited_for_only_so_long() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/slow"), &["ticket-created"])).await;
    receiver.reply("/slow", Reply { after: Duration::from_secs(30), ..Reply::status(200) });

    create_ticket(&server, &token).await;
    server.run_jobs().await;

    let (_, state, attempts, error) = last_delivery(&server).await;
    assert_eq!((state.as_str(), attempts, error.as_deref()), ("waiting", 1, Some("No answer in time.")));
}

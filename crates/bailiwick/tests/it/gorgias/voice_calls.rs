//! `/api/phone`: voice calls, their events and recordings.

use helpdesk::voice_calls::{self, NewCall, NewRecording};
use scope::permit::{CanWrite, Permit};
use scope::resource::VoiceCalls;
use serde_json::{Value, json};
use store::transact;

use super::{body, ids, walk};
use crate::support::Server;

const ALL: &str = "tickets:read tickets:write";

async fn ticket(server: &Server, token: &str) -> (i64, i64) {
    let new = json!({
        "channel": "phone", "via": "phone", "customer": { "email": "ada@example.com" },
        "messages": [{
            "channel": "phone", "via": "phone", "from_agent": false, "body_text": "A call", "sender": { "email": "ada@example.com" },
        }],
    });
    let made = body(server.post("/api/tickets", token, new).await, 201).await;
    (made["id"].as_i64().expect("an id"), made["customer"]["id"].as_i64().expect("an id"))
}

fn call(server: &Server, customer_id: i64, external_id: &str) -> NewCall {
    NewCall {
        integration_id: None,
        ticket_id: None,
        phone_number_id: 1,
        external_id: Some(external_id.to_owned()),
        provider: Some("twilio".to_owned()),
        status: Some("completed".to_owned()),
        direction: "inbound".to_owned(),
        termination_status: Some("answered".to_owned()),
        phone_number_source: Some("+15550001".to_owned()),
        country_source: Some("US".to_owned()),
        phone_number_destination: Some("+15550002".to_owned()),
        country_destination: Some("US".to_owned()),
        duration_seconds: Some(62),
        started_at: server.clock.now(),
        initiated_by_agent_id: None,
        last_answered_by_agent_id: Some(server.agent_id),
        customer_id,
    }
}

fn may() -> CanWrite<VoiceCalls> {
    Permit::system("test", "00000000-0000-4000-8000-000000000002".to_owned())
}

async fn add(server: &Server, new: NewCall) -> i64 {
    let now = server.clock.now();
    transact!(server.db, |tx| voice_calls::add(tx, &may(), now, &new).await).expect("a call")
}

/// A call with what happened in it and a recording, for the tests of lists.
pub(super) async fn add_with_all(server: &Server, customer_id: i64, external_id: &str) {
    let id = add(server, call(server, customer_id, external_id)).await;
    let now = server.clock.now();
    transact!(server.db, |tx| {
        voice_calls::add_event(tx, &may(), now, id, "answered", Some(server.agent_id), None).await?;
        let recording = NewRecording { kind: "voicemail".to_owned(), ..NewRecording::default() };
        voice_calls::add_recording(tx, &may(), now, id, &recording).await
    })
    .expect("what happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_their_events_and_recordings_are_listed() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let (ticket_id, customer_id) = ticket(&server, &token).await;
    let first = add(&server, NewCall { ticket_id: Some(ticket_id), ..call(&server, customer_id, "CA1") }).await;
    let second = add(&server, call(&server, customer_id, "CA2")).await;
    let now = server.clock.now();
    let (event_id, recording_id) = transact!(server.db, |tx| {
        let meta = json!({ "queue": "support" });
        let event_id =
            voice_calls::add_event(tx, &may(), now, first, "answered", Some(server.agent_id), Some(&meta)).await?;
        voice_calls::add_event(tx, &may(), now, second, "ringing", None, None).await?;
        let recording = NewRecording {
            kind: "call-recording".to_owned(),
            url: Some("https://audio.example/1.mp3".to_owned()),
            duration_seconds: Some(60),
            ..NewRecording::default()
        };
        let recording_id = voice_calls::add_recording(tx, &may(), now, first, &recording).await?;
        Ok::<_, helpdesk::Error>((event_id, recording_id))
    })
    .expect("what happened");

    let shown = body(server.get(&format!("/api/phone/voice-calls/{first}"), &token).await, 200).await;

    assert_eq!(
        shown,
        json!({
            "id": first, "integration_id": null, "ticket_id": ticket_id, "phone_number_id": 1, "external_id": "CA1", "provider": "twilio",
            "status": "completed", "direction": "inbound", "termination_status": "answered", "phone_number_source": "+15550001",
            "country_source": "US", "phone_number_destination": "+15550002", "country_destination": "US", "duration": 62,
            "started_datetime": "2026-03-02T09:00:00+00:00", "created_datetime": "2026-03-02T09:00:00+00:00", "updated_datetime": null,
            "initiated_by_agent_id": null, "last_answered_by_agent_id": server.agent_id, "customer_id": customer_id,
            "has_voicemail": false, "has_call_recording": true,
        })
    );
    assert_eq!(ids(&body(server.get("/api/phone/voice-calls", &token).await, 200).await), [second, first]);
    let of_ticket = format!("/api/phone/voice-calls?ticket_id={ticket_id}");
    assert_eq!(ids(&body(server.get(&of_ticket, &token).await, 200).await), [first]);
    let event = body(server.get(&format!("/api/phone/voice-call-events/{event_id}"), &token).await, 200).await;
    assert_eq!((&event["type"], &event["meta"]), (&json!("answered"), &json!({ "queue": "support" })));
    assert_eq!((&event["account_id"], &event["customer_id"]), (&json!(1), &json!(customer_id)));
    let of_call = format!("/api/phone/voice-call-events?call_id={first}");
    assert_eq!(ids(&body(server.get(&of_call, &token).await, 200).await), [event_id]);
    let path = format!("/api/phone/voice-call-recordings/{recording_id}");
    let recording = body(server.get(&path, &token).await, 200).await;
    assert_eq!((&recording["type"], &recording["duration"]), (&json!("call-recording"), &json!(60)));

    assert_eq!(server.delete(&path, &token).await.status(), 204);

    let recording = body(server.get(&path, &token).await, 200).await;
    assert_eq!((&recording["url"], &recording["deleted_by_user_id"]), (&Value::Null, &json!(server.admin_id)));
    assert!(recording["deleted_datetime"].is_string());
    assert_eq!(server.delete(&path, &token).await.status(), 404);
    let shown = body(server.get(&format!("/api/phone/voice-calls/{first}"), &token).await, 200).await;
    assert_eq!(shown["has_call_recording"], json!(false));
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_page_and_a_cursor_goes_on_days_later() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let (_, customer_id) = ticket(&server, &token).await;
    let mut calls = Vec::new();
    for n in 0..7 {
        calls.push(add(&server, call(&server, customer_id, &format!("CA{n}"))).await);
    }
    // The same call once more is the same call.
    assert_eq!(add(&server, call(&server, customer_id, "CA3")).await, calls[3]);
    let event = async |call_id: i64| {
        let now = server.clock.now();
        transact!(server.db, |tx| voice_calls::add_event(tx, &may(), now, call_id, "ringing", None, None).await)
            .expect("an event")
    };
    let mut events = Vec::new();
    for call_id in &calls {
        events.push(event(*call_id).await);
    }

    calls.reverse();
    assert_eq!(walk(&server, "/api/phone/voice-calls?limit=3", &token).await, calls);
    assert_eq!(walk(&server, "/api/phone/voice-call-events?limit=3", &token).await, events);

    let page = body(server.get("/api/phone/voice-call-events?limit=6", &token).await, 200).await;
    let cursor = page["meta"]["next_cursor"].as_str().expect("more").to_owned();
    server.clock.advance(std::time::Duration::from_hours(20));
    events.push(event(calls[0]).await);
    let page =
        body(server.get(&format!("/api/phone/voice-call-events?limit=6&cursor={cursor}"), &token).await, 200).await;
    assert_eq!(ids(&page), events[6..]);
    body(server.get("/api/phone/voice-calls/4711", &token).await, 404).await;
    body(server.get("/api/phone/voice-call-events/4711", &token).await, 404).await;
    body(server.get("/api/phone/voice-call-recordings/4711", &token).await, 404).await;
    body(server.get("/api/phone/voice-calls?ticket_id=x", &token).await, 400).await;
    server.run_jobs().await;
}

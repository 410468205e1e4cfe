//! `/api/satisfaction-surveys`, and what customers get in the mail.

use std::time::Duration;

use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::{Browser, Server};

const ALL: &str = "satisfaction_survey:read satisfaction_survey:write tickets:read tickets:write events:read \
                   customers:read customers:write account:read account:write";

/// A ticket of a customer, by mail; its id and the customer's.
async fn ticket(server: &Server, token: &str, email: &str) -> (i64, i64) {
    let new = json!({
        "customer": { "email": email, "name": "Mia Stone" }, "channel": "email", "subject": "Where is <it>?",
        "messages": [{ "channel": "email", "via": "email", "from_agent": false, "body_text": "Where?", "sender": { "email": email } }],
    });
    let made = body(server.post("/api/tickets", token, new).await, 201).await;
    (made["id"].as_i64().expect("what the test made"), made["customer"]["id"].as_i64().expect("what the test made"))
}

async fn switch_on(server: &Server, token: &str) {
    let data = json!({
        "survey_interval": 2, "send_survey_for_email": true, "send_survey_for_chat": false,
        "send_survey_for_help_center": false, "send_survey_for_contact_form": false,
        "survey_email_text": "Hello {{ticket.customer.firstname}}\n{{satisfaction_survey_url}}\n",
        "survey_email_html": "<p>Hello {{ticket.customer.firstname}}: {{satisfaction_survey_url}}</p>",
    });
    body(
        server.post("/api/account/settings", token, json!({ "type": "satisfaction-surveys", "data": data })).await,
        201,
    )
    .await;
}

async fn set_status(server: &Server, token: &str, ticket_id: i64, status: &str) {
    body(server.put(&format!("/api/tickets/{ticket_id}"), token, json!({ "status": status })).await, 200).await;
}

async fn survey_of(server: &Server, token: &str, ticket_id: i64) -> Value {
    body(server.get(&format!("/api/tickets/{ticket_id}"), token).await, 200).await["satisfaction_survey"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survey_is_created_changed_and_listed() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let (ticket_id, customer_id) = ticket(&server, &token, "mia@example.com").await;
    let new = json!({
        "ticket_id": ticket_id, "customer_id": customer_id, "score": 5, "body_text": "Quick answer",
        "created_datetime": "2026-03-01T10:00:00", "sent_datetime": "2026-03-01T11:00:00Z", "scored_datetime": "2026-03-01T12:00:00Z",
    });

    let made = body(server.post("/api/satisfaction-surveys", &token, new.clone()).await, 201).await;
    let id = made["id"].as_i64().unwrap();
    assert_eq!(
        made,
        json!({
            "id": id, "uri": format!("/api/satisfaction-surveys/{id}/"), "ticket_id": ticket_id, "customer_id": customer_id,
            "score": 5, "body_text": "Quick answer", "meta": null, "created_datetime": "2026-03-01T10:00:00+00:00",
            "should_send_datetime": null, "sent_datetime": "2026-03-01T11:00:00+00:00",
            "scored_datetime": "2026-03-01T12:00:00+00:00",
        })
    );
    body(server.post("/api/satisfaction-surveys", &token, new).await, 409).await;

    let path = format!("/api/satisfaction-surveys/{id}");
    let sent_back =
        json!({ "ticket_id": ticket_id, "customer_id": customer_id, "score": 2, "meta": { "by": "phone" } });
    let changed = body(server.put(&path, &token, sent_back).await, 200).await;
    assert_eq!((&changed["score"], &changed["meta"]), (&json!(2), &json!({ "by": "phone" })));
    assert_eq!(body(server.get(&path, &token).await, 200).await, changed);
    assert_eq!(survey_of(&server, &token, ticket_id).await, changed);
    let of_ticket =
        body(server.get(&format!("/api/satisfaction-surveys?ticket_id={ticket_id}"), &token).await, 200).await;
    assert_eq!(ids(&of_ticket), [id]);
    let events =
        body(server.get(&format!("/api/events?object_type=SatisfactionSurvey&object_id={id}"), &token).await, 200)
            .await;
    assert_eq!(texts(&events, "type"), ["satisfaction-survey-responded", "satisfaction-survey-responded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_surveys_are_refused() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let (ticket_id, customer_id) = ticket(&server, &token, "mia@example.com").await;
    let with = |extra: Value| {
        let mut new = json!({ "ticket_id": ticket_id, "customer_id": customer_id });
        new.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        new
    };

    for (new, field) in [
        (json!({ "ticket_id": ticket_id }), "customer_id"),
        (with(json!({ "ticket_id": null })), "ticket_id"),
        (with(json!({ "ticket_id": 999_999 })), "ticket_id"),
        (with(json!({ "customer_id": server.agent_id })), "customer_id"),
        (with(json!({ "score": 6 })), "score"),
        (with(json!({ "score": 4.5 })), "score"),
        (with(json!({ "score": 4 })), "score"),
        (with(json!({ "score": 4, "scored_datetime": "2026-03-01T12:00:00Z" })), "scored_datetime"),
        (with(json!({ "body_text": "x".repeat(1001) })), "body_text"),
        (with(json!({ "should_send_datetime": "10000-01-01" })), "should_send_datetime"),
    ] {
        let refused = body(server.post("/api/satisfaction-surveys", &token, new.clone()).await, 400).await;
        assert!(refused["error"]["data"].get(field).is_some(), "{new}: {refused}");
    }
    body(server.get("/api/satisfaction-surveys/999", &token).await, 404).await;
    assert_eq!(ids(&body(server.get("/api/satisfaction-surveys", &token).await, 200).await), [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn surveys_page_in_both_orders() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let mut made = Vec::new();
    for n in 0..5 {
        let (ticket_id, customer_id) = ticket(&server, &token, &format!("c{n}@example.com")).await;
        let new = json!({ "ticket_id": ticket_id, "customer_id": customer_id });
        made.push(body(server.post("/api/satisfaction-surveys", &token, new).await, 201).await["id"].as_i64().unwrap());
    }

    let up = walk(&server, "/api/satisfaction-surveys?limit=2&order_by=created_datetime:asc", &token).await;
    let down = walk(&server, "/api/satisfaction-surveys?limit=2", &token).await;

    assert_eq!(up, made);
    assert_eq!(down, made.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ticket_is_asked_about_after_the_delay_and_a_get_never_votes() {
    let server = Server::with_mail().await;
    let token = server.token(ALL).await;
    switch_on(&server, &token).await;
    let (ticket_id, _) = ticket(&server, &token, "mia@example.com").await;

    set_status(&server, &token, ticket_id, "closed").await;
    assert!(server.mails().await.is_empty());
    let planned = survey_of(&server, &token, ticket_id).await;
    assert_eq!(
        (&planned["should_send_datetime"], &planned["sent_datetime"]),
        (&json!("2026-03-02T11:00:00+00:00"), &Value::Null)
    );
    server.clock.advance(Duration::from_secs(2 * 3600));
    let mails = server.mails().await;

    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, "mia@example.com");
    let link = mails[0].text.strip_prefix("Hello Mia\n").expect("the template").trim();
    let path = link.strip_prefix(&server.app.config.public_url).expect("our address").to_owned();
    let mut browser = Browser::new(&server);
    for _ in 0..2 {
        let page = browser.get(&format!("{path}?score=4")).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Where is &#60;it&#62;?"), "{}", page.body);
        assert_eq!(survey_of(&server, &token, ticket_id).await["score"], Value::Null, "a GET votes for nobody");
    }

    let page = browser.get(&path).await;
    let unanswered = browser.press(&page, "survey-submit", &[("body_text", "Hm")]).await;
    assert_eq!(unanswered.status, 422);
    let thanks = browser.press(&page, "survey-submit", &[("score", "4"), ("body_text", "Fine")]).await;
    assert!(thanks.body.contains("Thank you"), "{}", thanks.body);
    let again = browser.press(&thanks, "survey-submit", &[("score", "5"), ("body_text", "")]).await;
    assert!(again.body.contains("Thank you"));
    let survey = survey_of(&server, &token, ticket_id).await;
    assert_eq!((&survey["score"], &survey["body_text"]), (&json!(5), &Value::Null));
    assert_eq!(survey["scored_datetime"], "2026-03-02T11:00:00+00:00");
    let events = format!("/api/events?object_type=SatisfactionSurvey&object_id={}", survey["id"]);
    let events = body(server.get(&events, &token).await, 200).await;
    assert_eq!(
        texts(&events, "type"),
        [
            "satisfaction-survey-responded",
            "satisfaction-survey-responded",
            "satisfaction-survey-sent",
            "satisfaction-survey-updated"
        ]
    );

    // Second thoughts end after a week, and the link after thirty days. Another's number is no link.
    server.clock.advance(Duration::from_secs(8 * 86_400));
    let late = browser.press(&again, "survey-submit", &[("score", "1"), ("body_text", "")]).await;
    assert!(late.body.contains("stays as it is"), "{}", late.body);
    assert_eq!(survey_of(&server, &server.token(ALL).await, ticket_id).await["score"], json!(5));
    server.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(browser.get(&path).await.status, 410);
    assert_eq!(browser.get(&path.replacen("/survey/", "/survey/9", 1)).await.status, 410);
    assert_eq!(browser.get("/survey/nonsense").await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_a_ticket_that_was_reopened_or_is_spam() {
    let server = Server::with_mail().await;
    let token = server.token(ALL).await;
    switch_on(&server, &token).await;
    let (reopened, _) = ticket(&server, &token, "a@example.com").await;
    let (spam, _) = ticket(&server, &token, "b@example.com").await;
    for id in [reopened, spam] {
        set_status(&server, &token, id, "closed").await;
    }
    server.run_jobs().await;
    set_status(&server, &token, reopened, "open").await;
    body(server.put(&format!("/api/tickets/{spam}"), &token, json!({ "spam": true })).await, 200).await;

    server.clock.advance(Duration::from_secs(3 * 3600));

    assert!(server.mails().await.is_empty());
    for id in [reopened, spam] {
        let events =
            body(server.get(&format!("/api/events?object_type=Ticket&object_id={id}"), &token).await, 200).await;
        assert!(texts(&events, "type").contains(&"ticket-satisfaction-survey-skipped".to_owned()));
    }
    // Closed again, it gets its chance again.
    set_status(&server, &token, reopened, "closed").await;
    server.run_jobs().await;
    server.clock.advance(Duration::from_secs(3 * 3600));
    assert_eq!(server.mails().await.len(), 1);
}

//! `POST /api/v2/requests` without a token, where the account lets anybody ask.

use std::net::Ipv4Addr;

use reqwest::Response;
use serde_json::{Value, json};

use super::{all, body, get, id, made};
use crate::support::{Browser, Person, Server};

const PATH: &str = "/api/v2/requests";

async fn ask(server: &Server, record: Value) -> Response {
    let call = server.http.post(format!("{}{PATH}", server.base)).json(&json!({ "request": record }));
    call.send().await.expect("an answer")
}

fn printer() -> Value {
    json!({
        "subject": "Printer", "comment": { "body": "It burns", "uploads": ["nothing"] },
        "requester": { "name": "Cleo", "email": "Cleo@shop.test" }, "collaborators": ["dan@shop.test"],
    })
}

async fn allow(server: &Server, token: &str, allowed: bool) {
    let settings = json!({ "settings": { "tickets": { "anonymous_requests": allowed } } });
    let shown = body(server.put("/api/v2/account/settings", token, settings).await, 200).await;
    assert_eq!(shown["settings"]["tickets"]["anonymous_requests"], allowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_a_request_without_a_token_unless_the_account_lets_them() {
    let server = Server::start().await;
    let all = all(&server).await;

    let refused = ask(&server, printer()).await;
    let challenge = refused.headers()["www-authenticate"].to_str().expect("text").to_owned();
    assert_eq!(refused.status(), 401);
    assert!(challenge.contains("requests:write"), "{challenge}");
    assert_eq!(
        get(&server, "/api/v2/account/settings", &all).await["settings"]["tickets"]["anonymous_requests"],
        false
    );

    allow(&server, &all, true).await;
    let made = body(ask(&server, printer()).await, 201).await["request"].clone();
    let ticket = get(&server, &format!("/api/v2/tickets/{}", id(&made)), &all).await["ticket"].clone();
    let user = get(&server, &format!("/api/v2/users/{}", ticket["requester_id"]), &all).await["user"].clone();
    assert_eq!((&made["subject"], &made["description"]), (&json!("Printer"), &json!("It burns")));
    assert_eq!((&user["email"], &user["role"]), (&json!("cleo@shop.test"), &json!("end-user")));
    assert_eq!(ticket["email_cc_ids"], json!([]), "they name nobody else");
    let audits = get(&server, &format!("/api/v2/tickets/{}/audits", id(&made)), &all).await["audits"].clone();
    assert_eq!(audits[0]["author_id"], user["id"]);

    // The same customer again, by their address.
    let again = body(ask(&server, printer()).await, 201).await["request"].clone();
    let again = get(&server, &format!("/api/v2/tickets/{}", id(&again)), &all).await["ticket"].clone();
    assert_eq!(again["requester_id"], ticket["requester_id"]);
    assert_eq!(made["requester_id"], Value::Null, "who is known is told nobody");
    for (change, field) in [
        (json!({ "requester": null }), "requester"),
        (json!({ "requester": { "name": "X" } }), "requester"),
        (json!({ "subject": "" }), "subject"),
    ] {
        let mut record = printer();
        record.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let refused = body(ask(&server, record).await, 422).await;
        assert!(refused["details"][field].is_array(), "{refused}");
    }
    // A token that is wrong is wrong, and nothing else opens.
    let wrong = server.post(PATH, "nonsense", json!({ "request": printer() })).await;
    assert_eq!(wrong.status(), 401);
    let path = format!("{}{PATH}/{}", server.base, id(&made));
    assert_eq!(server.http.get(path).send().await.expect("an answer").status(), 401);

    allow(&server, &all, false).await;
    assert_eq!(ask(&server, printer()).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_lets_anybody_ask_and_takes_it_back_in_the_admin_center() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let page = browser.get("/admin/people").await;
    let opened = browser.press(&page, "requests-open", &[]).await;
    let while_open = ask(&server, printer()).await.status();
    let closed = browser.press(&opened, "requests-close", &[]).await;
    let after = ask(&server, printer()).await.status();
    let log = browser.get("/admin/audit").await;
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;
    let (_, csrf) = agent.get("/logout").await.form_around("logout-confirm");
    let sent = [csrf, vec![("requests".to_owned(), "open".to_owned())]].concat();
    let by_agent = agent.post("/admin/people/requests", &sent).await;

    assert!(page.body.contains("Requests need a sign-in") && opened.body.contains("Anybody may write requests"));
    assert!(opened.body.contains("in the name of any e-mail address"), "it says what it opens");
    assert_eq!((while_open.as_u16(), after.as_u16()), (201, 401));
    assert!(closed.body.contains("Nobody writes a request without signing in any more."));
    assert!(log.body.contains("changed a setting of the account"), "the audit room tells of it");
    assert_eq!(by_agent.status, 403);
    assert_eq!(ask(&server, printer()).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_suspended_customer_writes_without_a_token_is_held_back_too() {
    let server = Server::start().await;
    let all = all(&server).await;
    allow(&server, &all, true).await;
    let cleo = json!({ "name": "Cleo", "email": "cleo@shop.test" });
    let cleo = made(&server, "/api/v2/users", &all, "user", cleo).await;
    let suspended = json!({ "user": { "suspended": true } });
    body(server.put(&format!("/api/v2/users/{}", id(&cleo)), &all, suspended).await, 200).await;

    let mut record = printer();
    record["comment"] = json!({ "body": "It burns" });
    let held = body(ask(&server, record).await, 201).await["request"].clone();

    assert_eq!(held["id"], Value::Null);
    assert_eq!(get(&server, "/api/v2/suspended_tickets", &all).await["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_writes_ten_of_them_in_an_hour() {
    let server = Server::start_with(|settings| settings.rate_limits = true).await;
    let all = all(&server).await;
    allow(&server, &all, true).await;

    let mut answers = Vec::new();
    for _ in 0..11 {
        answers.push(ask(&server, printer()).await);
    }

    let last = answers.pop().expect("an answer");
    assert!(answers.iter().all(|answer| answer.status() == 201));
    assert_eq!(last.status(), 429, "from {}", Ipv4Addr::LOCALHOST);
    assert!(last.headers().contains_key("retry-after"));
}

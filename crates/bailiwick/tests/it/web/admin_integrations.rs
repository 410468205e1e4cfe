//! The rooms about integrations: making one, trying it, its log, and calling once more.

use crate::support::{Browser, Person, Receiver, Reply, Server};

async fn start() -> (Server, Receiver) {
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    (server, Receiver::start().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_an_integration_tries_it_and_calls_once_more() {
    let (server, receiver) = start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let empty = browser.open("/admin/integrations").await;
    assert!(empty.body.contains("No integrations yet"), "{}", empty.body);
    let new = browser.open("/admin/integrations/new").await;

    let url = receiver.url("/hook");
    let typed = [
        ("name", "CRM"),
        ("url", url.as_str()),
        ("method", "POST"),
        ("headers", "X-Key: 7\nAuthorization: Bearer t0ken"),
        ("form", r#"{ "kind": "{{event.type}}" }"#),
        ("trigger", "ticket-created"),
    ];
    let made = browser.press(&new, "integration-save", &typed).await;
    assert!(made.body.contains("The integration is made."), "{}", made.body);

    receiver.reply("/hook", Reply::status(400).body("what?"));
    let called = browser.press(&made, "integration-test", &[]).await;
    assert!(called.body.contains("The call is on its way."), "{}", called.body);
    server.run_jobs().await;
    let received = receiver.take();
    assert_eq!((received[0].body.as_ref(), received[0].header("x-key")), (&br#"{"kind":"test"}"#[..], "7"));
    let failed = browser.open(&called.path).await;
    assert!(failed.body.contains("The answer was 400.") && failed.body.contains("what?"), "{}", failed.body);
    assert!(failed.body.contains("Bearer [hidden]") && !failed.body.contains("t0ken"));

    receiver.reply("/hook", Reply::status(200));
    let again = browser.press(&failed, "call-replay", &[]).await;
    server.run_jobs().await;
    assert_eq!(receiver.take().len(), 1);
    let again = browser.open(&again.path).await;
    assert!(again.body.contains("Delivered") && again.body.contains("Repeats"), "{}", again.body);
    let log = browser.open("/admin/deliveries?state=failed").await;
    assert!(log.body.contains("The answer was 400.") || log.body.contains("400 in"), "{}", log.body);
    let list = browser.open("/admin/integrations").await;
    assert!(list.body.contains("Healthy"), "{}", list.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_an_integration_is_switched_off_and_deleted() {
    let (server, receiver) = start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let new = browser.open("/admin/integrations/new").await;
    let url = receiver.url("/hook");
    let made = browser.press(&new, "integration-save", &[("name", "CRM"), ("url", &url), ("method", "POST")]).await;
    let path = made.path.split('?').next().expect("a path").to_owned();

    let shown = browser.press(&made, "integration-secret", &[]).await;
    assert!(shown.body.contains("Copy the key now."), "{}", shown.body);
    let start = shown.body.find("id=\"new-secret\">").expect("the key") + "id=\"new-secret\">".len();
    let secret = shown.body[start..start + 40].to_owned();
    let later = browser.open(&path).await;
    assert!(!later.body.contains(&secret) && later.body.contains("Calls are signed."));

    let off = browser.press(&later, "integration-switch", &[]).await;
    assert!(off.body.contains("The integration is off."), "{}", off.body);
    let on = browser.press(&off, "integration-switch", &[]).await;
    assert!(on.body.contains("The integration is on."), "{}", on.body);
    let changed = [("name", "CRM 2"), ("url", url.as_str()), ("method", "PUT"), ("trigger", "ticket-updated")];
    let changed = browser.press(&on, "integration-save", &changed).await;
    assert!(changed.body.contains("Your changes are saved.") && changed.body.contains("CRM 2"), "{}", changed.body);
    let gone = browser.press(&changed, "integration-delete", &[]).await;
    assert!(gone.body.contains("The integration is deleted."), "{}", gone.body);
    assert_eq!(browser.open(&path).await.status, 404);
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_beside_its_field() {
    let (server, _receiver) = start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let new = browser.open("/admin/integrations/new").await;

    for (field, typed, problem) in [
        ("url", "nowhere", "Not a valid URL."),
        ("headers", "no colon", "is not a header"),
        ("headers", "Host: x", "is set by the connection itself"),
        ("form", "{ ticket", "This is no JSON."),
        ("form", "[1]", "Not a valid mapping type."),
        ("name", "", "Must have 1 to 256 characters"),
    ] {
        let mut fields = vec![("name", "CRM"), ("url", "https://crm.example"), ("method", "POST")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, typed));
        let refused = browser.press(&new, "integration-save", &fields).await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains(&format!("id=\"{field}-problem\"")), "{field}: {}", refused.body);
        assert!(refused.body.contains(problem), "{field}: {}", refused.body);
    }
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;
    assert_eq!(agent.open("/admin/integrations").await.status, 403);
}

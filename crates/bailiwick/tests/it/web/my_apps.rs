//! What people allowed, and how it is taken back.

use scope::Dialect;

use crate::support::app::confidential;
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_what_they_allowed_and_takes_it_back() {
    // CO-9
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read tickets:write")).await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Agent, "tickets:read").await;

    let listed = browser.get("/me/apps").await;
    let (_, csrf) = browser.get("/logout").await.form_around("logout-confirm");
    let start = listed.body.find("/me/apps/").map(|at| &listed.body[at..]).expect("a grant");
    let withdrawn = browser.post(start.split('"').next().unwrap(), &csrf).await;
    let withdrawn = browser.follow(withdrawn).await;
    let asked_again = browser.open(&app.request("tickets:read", &[])).await;

    assert!(listed.body.contains("Ticket Mirror") && listed.body.contains("tickets:read"));
    assert!(withdrawn.body.contains("No app acts for you"));
    assert!(asked_again.body.contains("consent-allow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_who_allowed_an_app_and_revokes_it() {
    // CO-9
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read")).await;
    app.allow(&mut Browser::new(&server), Person::Agent, "tickets:read").await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let address = format!("/admin/apps/{}", app.client.id);

    let listed = browser.get(&address).await;
    let (_, csrf) = browser.get("/logout").await.form_around("logout-confirm");
    let start = listed.body.find("/grants/").map(|at| &listed.body[at..]).expect("a grant");
    let revoked = browser.post(&format!("{address}{}", start.split('"').next().unwrap()), &csrf).await;
    let revoked = browser.follow(revoked).await;

    assert!(listed.body.contains("Bo Agent") && listed.body.contains("agent@demo.test"));
    assert!(revoked.body.contains("The access is revoked") && revoked.body.contains("Nobody yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_back_what_somebody_else_allowed() {
    // CO-9
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read")).await;
    let mut agent = Browser::new(&server);
    app.allow(&mut agent, Person::Agent, "tickets:read").await;
    let listed = agent.get("/me/apps").await;
    let start = listed.body.find("/me/apps/").map(|at| &listed.body[at..]).expect("a grant");
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let (_, csrf) = admin.get("/logout").await.form_around("logout-confirm");

    let refused = admin.post(start.split('"').next().unwrap(), &csrf).await;
    let still_listed = agent.get("/me/apps").await;

    assert_eq!(refused.status, 404);
    assert!(still_listed.body.contains("Ticket Mirror"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_page_says_who_asks_for_what_and_where_the_answer_goes() {
    // CO-1, CO-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read tickets:write write:all offline")).await;
    let mut browser = Browser::new(&server);

    let page = app.ask(&mut browser, Person::Admin, "tickets:read write:all offline", &[]).await;

    for text in [
        "Ticket Mirror",
        "Mirror Ltd",
        "mirror.example.com",
        "app.example.com",
        "Ada Admin",
        "admin@demo.test",
        "Not verified",
        "Reads",
        "Changes",
        "Deprecated",
        "It keeps access when you are away",
        "Not you?",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(!page.body.contains("autofocus"));
    assert!(
        page.body.find("consent-deny") < page.body.find("consent-allow"),
        "Enter presses the first button of a form"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn not_you_leads_to_the_same_question_for_somebody_else() {
    // CO-1
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read")).await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;

    let (_, fields) = page.form_around("consent-allow");
    let request = &fields.iter().find(|(name, _)| name == "request").unwrap().1;
    let sign_in = browser.open(&format!("/login?request={request}")).await;
    let asked = browser.sign_in_on(&sign_in, Person::Agent).await;

    assert!(page.body.contains(&format!("/login?request={request}")));
    assert!(asked.body.contains("agent@demo.test") && asked.body.contains("consent-allow"));
}

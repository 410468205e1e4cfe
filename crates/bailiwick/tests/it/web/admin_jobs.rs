//! The room about jobs.

use crate::gorgias::jobs::fill;
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_started_watched_and_undone_in_the_admin_center() {
    let server = Server::start().await;
    let tickets = fill(&server, 3).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let page = browser.get("/admin/jobs").await;
    assert!(page.body.contains("No jobs yet"), "{}", page.body);

    let refused = browser
        .press(&page, "job-start", &[("which", "ids"), ("ids", "1, abc"), ("do", "change"), ("status", "closed")])
        .await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("abc is not the number of a ticket."));
    let ids: Vec<String> = tickets.iter().map(i64::to_string).collect();
    let typed =
        [("which", "ids"), ("ids", &ids.join(", ")), ("do", "change"), ("status", "closed"), ("add_tags", "bulk")];
    let job = browser.press(&page, "job-start", &typed).await;
    assert!(job.body.contains("The job is started."), "{}", job.body);
    assert!(job.body.contains("data-running"));
    server.run_jobs().await;

    let list = browser.get("/admin/jobs").await;
    assert!(
        list.body.contains("3 named tickets: close, add bulk") && list.body.contains("3 of 3 tickets"),
        "{}",
        list.body
    );
    let id = list.body.split("/admin/jobs/").nth(1).and_then(|rest| rest.split('"').next()).expect("a link").to_owned();
    let ask = browser.get(&format!("/admin/jobs/{id}/undo")).await;
    assert!(ask.body.contains("3 tickets become as they were before"), "{}", ask.body);
    let undo = browser.press(&ask, "undo-confirm", &[]).await;
    assert!(undo.body.contains(&format!("This job undoes <a href=\"/admin/jobs/{id}\">")), "{}", undo.body);
    server.run_jobs().await;
    assert_eq!(server.events("ticket-reopened").await.len(), 3);
    let done = browser.get(&format!("/admin/jobs/{id}")).await;
    assert!(done.body.contains("This job was undone by"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_downloaded_by_administrators_only() {
    let server = Server::start().await;
    let tickets = fill(&server, 2).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let page = browser.get("/admin/jobs").await;
    let job = browser.press(&page, "job-start", &[("which", "all"), ("do", "csv")]).await;
    assert!(job.body.contains("The job is started."), "{}", job.body);
    server.run_jobs().await;

    let list = browser.get("/admin/jobs").await;
    let id = list.body.split("/admin/jobs/").nth(1).and_then(|rest| rest.split('"').next()).expect("a link").to_owned();
    let file = browser.get(&format!("/admin/jobs/{id}/file")).await;
    let rows: Vec<&str> = file.body.lines().skip(1).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].starts_with(&format!("{},", tickets[0])));

    let mut other = Browser::new(&server);
    other.sign_in(Person::Agent).await;
    assert_eq!(other.get(&format!("/admin/jobs/{id}/file")).await.status, 403);
    assert_eq!(other.get("/admin/jobs").await.status, 403);
}

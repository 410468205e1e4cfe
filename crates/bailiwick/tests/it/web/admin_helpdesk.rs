//! The rooms about users, teams and custom fields.

use serde_json::Value;

use crate::gorgias::{body, texts};
use crate::support::browser::Browser;
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_invites_changes_deactivates_and_deletes_somebody() {
    let server = Server::start().await;
    let token = server.token("users:read").await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let form = browser.open("/admin/users/new").await;
    let nobody = browser.press(&form, "user-save", &[("name", ""), ("role", "agent")]).await;
    assert!(nobody.status == 422 && nobody.body.contains("name-problem") && nobody.body.contains("email-problem"));
    let typed = [("name", "Noor Hale"), ("email", "noor@demo.test"), ("role", "agent")];
    let listed = browser.press(&form, "user-save", &typed).await;
    assert!(listed.body.contains("Noor Hale"), "{}", listed.body);
    let again = browser.press(&form, "user-save", &typed).await;
    assert!(again.status == 422 && again.body.contains("Somebody has this address already."));
    let found = body(server.get("/api/users?email=noor@demo.test", &token).await, 200).await;
    let id = found["data"][0]["id"].as_i64().unwrap();

    let page = browser.open(&format!("/admin/users/{id}")).await;
    browser.press(&page, "user-save", &[("name", "Noor Hale"), ("role", "lead")]).await;
    let page = browser.press(&page, "user-away", &[]).await;
    assert!(page.body.contains("Away"));
    let page = browser.press(&page, "user-deactivate", &[]).await;
    assert!(page.body.contains("Deactivated"));
    let shown = body(server.get(&format!("/api/users/{id}"), &token).await, 200).await;
    assert_eq!((shown["role"]["name"].as_str(), shown["active"].as_bool()), (Some("agent"), Some(false)));
    let order = body(server.get("/api/users?available_first=true", &token).await, 200).await;
    assert_eq!(texts(&order, "name").last().map(String::as_str), Some("Noor Hale"));
    browser.press(&page, "user-delete", &[]).await;
    body(server.get(&format!("/api/users/{id}"), &token).await, 404).await;
    let owner = browser.open(&format!("/admin/users/{}", server.admin_id)).await;
    assert!(!owner.body.contains("user-deactivate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_users_is_searched_and_an_agent_does_not_see_it() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let found = browser.get("/admin/users?search=agent%40demo").await;
    assert!(found.body.contains("agent@demo.test") && !found.body.contains("class=\"under\">admin@demo.test"));
    let nobody = browser.get("/admin/users?search=zzz").await;
    assert!(nobody.body.contains("Nobody found"));

    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;
    for room in ["/admin/users", "/admin/teams", "/admin/custom-fields"] {
        assert_eq!(agent.get(room).await.status, 403, "{room}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_added_given_members_and_deleted() {
    let server = Server::start().await;
    let token = server.token("users:read").await;
    let agent = server.id_of(Person::Agent).to_string();
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let form = browser.open("/admin/teams/new").await;
    let nameless = browser.press(&form, "team-save", &[("name", "  ")]).await;
    assert!(nameless.status == 422 && nameless.body.contains("name-problem"));
    let listed = browser.press(&form, "team-save", &[("name", "Returns"), ("member", &agent)]).await;
    assert!(listed.body.contains("Returns"));
    let teams = body(server.get("/api/teams", &token).await, 200).await;
    assert_eq!(teams["data"][0]["members"][0]["id"].to_string(), agent);
    let users = browser.get("/admin/users").await;
    assert!(users.body.contains("Returns"));

    let page = browser.open(&format!("/admin/teams/{}", teams["data"][0]["id"])).await;
    browser.press(&page, "team-save", &[("name", "Refunds")]).await;
    let teams = body(server.get("/api/teams", &token).await, 200).await;
    assert_eq!(
        (texts(&teams, "name"), teams["data"][0]["members"].clone()),
        (vec!["Refunds".to_owned()], Value::Array(vec![]))
    );
    browser.press(&page, "team-delete", &[]).await;
    let teams = body(server.get("/api/teams", &token).await, 200).await;
    assert!(texts(&teams, "name").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_field_is_added_changed_moved_and_archived() {
    let server = Server::start().await;
    let token = server.token("custom_fields:read").await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let empty = browser.get("/admin/custom-fields").await;
    assert!(empty.body.contains("No fields yet"));

    let form = browser.open("/admin/custom-fields/new?of=ticket").await;
    let wrong = browser.press(&form, "field-save", &[("label", ""), ("kind", "choice"), ("choices", " ")]).await;
    assert!(wrong.status == 422 && wrong.body.contains("label-problem") && wrong.body.contains("choices-problem"));
    let twice = [("label", "Reason"), ("kind", "choice"), ("choices", "A\nA"), ("requirement", "visible")];
    let twice = browser.press(&form, "field-save", &twice).await;
    assert!(twice.status == 422 && twice.body.contains("Choice 2: "), "{}", twice.body);
    let reason =
        [("label", "Reason"), ("kind", "choice"), ("choices", "Shipping::Late\nRefund"), ("requirement", "required")];
    browser.press(&form, "field-save", &reason).await;
    let amount = [("label", "Amount"), ("kind", "number"), ("min", "0"), ("max", "9,5"), ("requirement", "visible")];
    browser.press(&form, "field-save", &amount).await;
    let list = "/api/custom-fields?object_type=Ticket";
    let fields = body(server.get(list, &token).await, 200).await;
    assert_eq!(texts(&fields, "label"), ["Amount", "Reason"]);
    assert_eq!(fields["data"][0]["definition"]["input_settings"]["max"], 9.5);
    assert_eq!(fields["data"][1]["requirement_type"], "required");

    let (amount, reason) = (fields["data"][0]["id"].to_string(), fields["data"][1]["id"].to_string());
    let room = browser.open("/admin/custom-fields").await;
    let room = browser.press(&room, &format!("up-{reason}"), &[]).await;
    assert_eq!(texts(&body(server.get(list, &token).await, 200).await, "label"), ["Reason", "Amount"]);
    let room = browser.press(&room, &format!("archive-{amount}"), &[]).await;
    assert_eq!(texts(&body(server.get(list, &token).await, 200).await, "label"), ["Reason"]);
    browser.press(&room, &format!("restore-{amount}"), &[]).await;
    assert_eq!(texts(&body(server.get(list, &token).await, 200).await, "label"), ["Reason", "Amount"]);

    let page = browser.open(&format!("/admin/custom-fields/{reason}")).await;
    let changed = [("label", "Contact reason"), ("choices", "Shipping::Late\nOther"), ("requirement", "visible")];
    browser.press(&page, "field-save", &changed).await;
    let after = body(server.get(&format!("/api/custom-fields/{reason}"), &token).await, 200).await;
    assert_eq!((after["label"].as_str(), after["required"].as_bool()), (Some("Contact reason"), Some(false)));
    assert_eq!(after["definition"]["input_settings"]["choices"], serde_json::json!(["Shipping::Late", "Other"]));
}

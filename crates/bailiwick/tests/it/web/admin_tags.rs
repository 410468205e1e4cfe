//! The room for tags.

use serde_json::{Value, json};

use crate::support::{Browser, Person, Server};

const SCOPE: &str = "tags:read tags:write tickets:read tickets:write";

async fn tags(server: &Server, token: &str) -> Vec<Value> {
    let answer = server.get("/api/tags?order_by=name:asc", token).await;
    let list: Value = answer.json().await.expect("JSON");
    list["data"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_added_renamed_and_deleted_in_its_room() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let empty = browser.get("/admin/tags").await;
    assert!(empty.body.contains("No tags yet"), "{}", empty.body);
    let form = browser.open("/admin/tags/new").await;

    let typed = [("name", "refund"), ("description", "Money back"), ("color", "#2f9e44"), ("has_color", "1")];
    let list = browser.press(&form, "tag-save", &typed).await;

    assert!(list.body.contains("The tag is added.") && list.body.contains("#2f9e44"), "{}", list.body);
    let made = tags(&server, &token).await.remove(0);
    assert_eq!((&made["name"], &made["description"]), (&json!("refund"), &json!("Money back")));
    let form = browser.open(&format!("/admin/tags/{}", made["id"])).await;
    let again = browser.press_once(&form, "tag-save", &[("name", "")]).await;
    assert_eq!(again.status, 422);
    assert!(again.body.contains("Give the tag a name"), "{}", again.body);
    browser.press(&form, "tag-save", &[("name", "<b>money</b>")]).await;
    let renamed = tags(&server, &token).await.remove(0);
    assert_eq!((&renamed["id"], &renamed["name"]), (&made["id"], &json!("<b>money</b>")));
    let form = browser.open(&format!("/admin/tags/{}", made["id"])).await;
    assert!(!form.body.contains("<b>money"), "names are text");
    let list = browser.press(&form, "tag-delete", &[]).await;
    assert!(list.body.contains("The tag is deleted"), "{}", list.body);
    assert!(tags(&server, &token).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_merged_into_another_by_name() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    for name in ["refund", "Refund"] {
        assert_eq!(server.post("/api/tags", &token, json!({ "name": name })).await.status(), 201);
    }
    let ticket = json!({
        "customer": { "email": "ada@example.com" }, "tags": [{ "name": "Refund" }],
        "messages": [{ "channel": "api", "from_agent": false, "body_text": "Hello" }],
    });
    assert_eq!(server.post("/api/tickets", &token, ticket).await.status(), 201);
    let all = tags(&server, &token).await;
    let (from, into) = if all[0]["name"] == "Refund" { (&all[0], &all[1]) } else { (&all[1], &all[0]) };
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let form = browser.open(&format!("/admin/tags/{}", from["id"])).await;

    let unknown = browser.press_once(&form, "tag-merge", &[("into", "nothing")]).await;
    let itself = browser.press_once(&form, "tag-merge", &[("into", "Refund")]).await;
    let merged = browser.press(&form, "tag-merge", &[("into", "refund")]).await;

    assert_eq!((unknown.status, itself.status), (422, 422));
    assert!(merged.body.contains("The tags are merged."), "{}", merged.body);
    server.run_jobs().await;
    let left = tags(&server, &token).await;
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0]["id"], &left[0]["usage"]), (&into["id"], &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_searched_and_paged() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    for n in 0..60 {
        assert_eq!(server.post("/api/tags", &token, json!({ "name": format!("tag {n:02}") })).await.status(), 201);
    }
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    for order in ["name", "usage", "new"] {
        let first = browser.get(&format!("/admin/tags?order={order}")).await;
        let next = first.attribute_of("tags-next", "href");
        let second = browser.get(&next).await;
        let rows = |body: &str| body.matches("class=\"name\"").count();
        assert_eq!((rows(&first.body), rows(&second.body)), (50, 10), "{order}");
    }
    let found = browser.get("/admin/tags?search=AG%2007").await;
    assert!(found.body.contains("tag 07") && !found.body.contains("tag 08"), "{}", found.body);
    let none = browser.get("/admin/tags?search=%25").await;
    assert!(none.body.contains("Nothing found"), "{}", none.body);
    let broken = browser.get("/admin/tags?order=name&after=x&after_id=-1").await;
    assert_eq!(broken.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_write_tags_reaches_their_room_and_macros_are_for_administrators() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;

    let rooms = [("/admin/tags", 200), ("/admin/tags/new", 200), ("/admin/macros", 403), ("/admin/macros/new", 403)];
    for (address, status) in rooms {
        assert_eq!(browser.get(address).await.status, status, "{address}");
    }
}

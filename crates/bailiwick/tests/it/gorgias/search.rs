//! `POST /api/search`, and words in the items of a view.

use serde_json::{Value, json};
use store::{Db, dump};

use super::tickets::create;
use super::{body, ids, texts};
use crate::support::Server;

const SCOPE: &str =
    "tickets:read tickets:write customers:read customers:write users:read users:write tags:read tags:write";

async fn hits(server: &Server, token: &str, kind: &str, query: &str) -> Value {
    body(server.post("/api/search", token, json!({ "type": kind, "query": query })).await, 200).await
}

/// The names of the customers that a text finds.
async fn names(server: &Server, token: &str, query: &str) -> Vec<String> {
    texts(&hits(server, token, "customer", query).await, "name")
}

async fn customer(server: &Server, token: &str, customer: Value) -> i64 {
    body(server.post("/api/customers", token, customer).await, 201).await["id"].as_i64().expect("what the test made")
}

/// The tickets with these words, newest first.
async fn tickets(server: &Server, token: &str, words: &str) -> Vec<i64> {
    let view = json!({ "view": { "search": words, "order_by": "created_datetime", "order_dir": "desc" } });
    ids(&body(server.put("/api/views/0/items", token, view).await, 200).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_found_by_name_address_and_number_begun_or_with_a_slip() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let phone = json!([{ "type": "phone", "address": "+49 (30) 123-4567" }]);
    customer(&server, &token, json!({ "name": "Élodie Johnson", "email": "elodie.j@shop.example", "channels": phone }))
        .await;
    customer(&server, &token, json!({ "name": "John Smith", "external_id": "CUST-90017" })).await;
    customer(&server, &token, json!({ "name": "Johanna Meyer", "email": "meyer@johnson.example" })).await;

    for (query, wanted) in [
        ("elodie", vec!["Élodie Johnson"]),
        ("ÉLODIE", vec!["Élodie Johnson"]),
        ("élod", vec!["Élodie Johnson"]),
        ("elodie johnson", vec!["Élodie Johnson"]),
        ("johnson elodie", vec!["Élodie Johnson"]),
        ("jonson", vec!["Élodie Johnson"]),
        ("elodie johnsno", vec!["Élodie Johnson"]),
        ("elodie.j@shop.example", vec!["Élodie Johnson"]),
        ("elodie.j@sh", vec!["Élodie Johnson"]),
        ("4930123", vec!["Élodie Johnson"]),
        ("1234567", vec!["Élodie Johnson"]),
        ("4567", vec!["Élodie Johnson"]),
        ("CUST-90017", vec!["John Smith"]),
        ("cust 90071", vec!["John Smith"]),
        ("smiht", vec!["John Smith"]),
        ("john", vec!["John Smith", "Johanna Meyer", "Élodie Johnson"]),
        ("johnson", vec!["Johanna Meyer", "Élodie Johnson"]),
        ("zebra", vec![]),
        ("\"' OR * : & | ! (", vec![]),
    ] {
        let mut found = names(&server, &token, query).await;
        if query == "john" {
            assert_eq!(found[0], "John Smith", "who has the whole word comes first");
            found.sort();
            let mut wanted = wanted.clone();
            wanted.sort_unstable();
            assert_eq!(found, wanted);
            continue;
        }
        assert_eq!(found, wanted, "{query}");
    }
    assert_eq!(names(&server, &token, "").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_follows_changes_merges_and_deletions_of_customers() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ada = customer(&server, &token, json!({ "name": "Ada Park", "email": "ada@old.example" })).await;
    let twin = customer(&server, &token, json!({ "name": "Adelaide Parker", "email": "twin@old.example" })).await;

    let renamed = json!({ "name": "Grace Hopper" });
    body(server.put(&format!("/api/customers/{ada}"), &token, renamed).await, 200).await;
    assert_eq!(names(&server, &token, "Ada Park").await, Vec::<String>::new());
    assert_eq!(names(&server, &token, "hopper").await, ["Grace Hopper"]);

    let merge = format!("/api/customers/merge?source_id={twin}&target_id={ada}");
    body(server.put(&merge, &token, json!({ "name": "Grace Hopper" })).await, 200).await;
    assert_eq!(names(&server, &token, "Adelaide").await, Vec::<String>::new());
    assert_eq!(names(&server, &token, "twin@old.example").await, ["Grace Hopper"]);

    assert_eq!(server.delete(&format!("/api/customers/{ada}"), &token).await.status(), 204);
    assert_eq!(names(&server, &token, "hopper").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_staff_teams_and_tags_are_found_each_in_its_shape() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let channels =
        json!([{ "type": "phone", "address": "+1 555 0100" }, { "type": "email", "address": "bo@two.example" }]);
    let bo =
        customer(&server, &token, json!({ "name": "Bo Li", "email": "bo@one.example", "channels": channels })).await;
    for name in ["refund", "late refund", "vip"] {
        body(server.post("/api/tags", &token, json!({ "name": name })).await, 201).await;
    }
    let mut tx = server.db.write().await.unwrap();
    tx.run("insert into teams (name, created_at) values ('Returns', 0), ('Sales', 1)", &[]).await.unwrap();
    tx.commit().await.unwrap();

    let mails = hits(&server, &token, "customer_channel_email", "bo li").await;
    assert_eq!(mails["object"], "list");
    let mut addresses = texts(&mails, "address");
    addresses.sort();
    assert_eq!(addresses, ["bo@one.example", "bo@two.example"]);
    let phones = hits(&server, &token, "customer_channel_phone", "5550100").await;
    assert_eq!(phones["data"][0]["customer"], json!({ "id": bo, "name": "Bo Li" }));
    assert_eq!(hits(&server, &token, "customer_channel", "bo").await["data"].as_array().unwrap().len(), 3);
    assert_eq!(texts(&hits(&server, &token, "customers_by_phone", "0100").await, "name"), ["Bo Li"]);
    assert_eq!(texts(&hits(&server, &token, "customer_profile", "bo").await, "name"), ["Bo Li"]);
    assert_eq!(texts(&hits(&server, &token, "agent", "agetn").await, "email"), ["agent@demo.test"]);
    assert_eq!(hits(&server, &token, "agent", "").await["data"].as_array().unwrap().len(), 2);
    assert_eq!(texts(&hits(&server, &token, "team", "ret").await, "name"), ["Returns"]);
    assert_eq!(texts(&hits(&server, &token, "tag", "refund").await, "name").len(), 2);
    assert_eq!(texts(&hits(&server, &token, "tag", "refnud").await, "name").len(), 2);
    let one = json!({ "type": "tag", "query": "", "size": 1 });
    assert_eq!(ids(&body(server.post("/api/search", &token, one).await, 200).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_asks_for_its_permission_and_nonsense_is_refused() {
    let server = Server::start().await;
    let everything = server.token(SCOPE).await;
    for (kind, scope) in [
        ("customer", "customers:read"),
        ("customer_channel_phone", "customers:read"),
        ("agent", "users:read"),
        ("team", "users:read"),
        ("tag", "tags:read"),
        ("integration", "integrations:read"),
    ] {
        let narrow = server.token(scope).await;
        body(server.post("/api/search", &narrow, json!({ "type": kind })).await, 200).await;
        let other = server.token("tickets:read").await;
        let refused = server.post("/api/search", &other, json!({ "type": kind })).await;
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.contains(scope), "{challenge}");
        body(refused, 403).await;
    }
    let none = server.http.post(format!("{}/api/search", server.base)).json(&json!({ "type": "tag" }));
    assert_eq!(none.send().await.unwrap().status(), 401);
    for (sent, field) in [
        (json!({}), "type"),
        (json!({ "type": "ticket" }), "type"),
        (json!({ "type": 7 }), "type"),
        (json!({ "type": "tag", "size": 0 }), "size"),
        (json!({ "type": "tag", "size": 51 }), "size"),
        (json!({ "type": "tag", "query": 7 }), "query"),
        (json!({ "type": "tag", "query": "a\0b" }), "query"),
    ] {
        let refused = body(server.post("/api/search", &everything, sent.clone()).await, 400).await;
        assert!(refused["error"]["data"][field].is_array(), "{sent} {refused}");
    }
    body(server.post("/api/search", &everything, json!([])).await, 400).await;
    body(server.post("/api/search/", &everything, json!({ "type": "tag" })).await, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_finds_tickets_by_words_of_subject_and_messages_and_by_their_customer() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let message = |text: &str| {
        json!([{ "channel": "email", "via": "email", "from_agent": false, "body_text": text,
                                        "sender": { "email": "ada@example.com", "name": "Ada Park" } }])
    };
    let a =
        create(&server, &token, json!({ "subject": "Order AB-123456", "messages": message("The café was closed.") }))
            .await;
    let b = create(&server, &token, json!({ "subject": "Refund", "messages": message("for order 77") })).await;
    let spam =
        create(&server, &token, json!({ "subject": "Refund now", "spam": true, "messages": message("buy") })).await;
    let other = json!([{ "channel": "email", "via": "email", "from_agent": false, "body_text": "Hello",
                         "sender": { "email": "zoe@quill.example", "name": "Zoe Quill" } }]);
    let c = create(&server, &token, json!({ "messages": other })).await;
    let (a, b, c) = (a["id"].as_i64().unwrap(), b["id"].as_i64().unwrap(), c["id"].as_i64().unwrap());

    assert_eq!(tickets(&server, &token, "order").await, [b, a]);
    assert_eq!(tickets(&server, &token, "ORD").await, [b, a]);
    assert_eq!(tickets(&server, &token, "cafe closed").await, [a]);
    assert_eq!(tickets(&server, &token, "#AB-123456").await, [a]);
    assert_eq!(tickets(&server, &token, "ab-123465").await, [a], "an order number with a slip");
    assert_eq!(tickets(&server, &token, "refund").await, [b]);
    assert_eq!(tickets(&server, &token, "zoe quill").await, [c]);
    assert_eq!(tickets(&server, &token, "nothing like it").await, Vec::<i64>::new());
    assert_eq!(tickets(&server, &token, "  ").await, [c, b, a]);

    let path = format!("/api/tickets/{b}/messages");
    let reply = json!({ "channel": "email", "via": "api", "from_agent": false, "body_text": "It was a turquoise kettle.",
                        "sender": { "email": "ada@example.com" } });
    let reply = body(server.post(&path, &token, reply).await, 201).await;
    assert_eq!(tickets(&server, &token, "turquoise refund").await, [b]);
    let reply_path = format!("{path}/{}", reply["id"]);
    body(
        server
            .put(&reply_path, &token, json!({ "channel": "email", "from_agent": false, "body_text": "A green one." }))
            .await,
        202,
    )
    .await;
    assert_eq!(tickets(&server, &token, "turquoise").await, Vec::<i64>::new());
    assert_eq!(tickets(&server, &token, "green").await, [b]);
    assert_eq!(server.delete(&reply_path, &token).await.status(), 204);
    assert_eq!(tickets(&server, &token, "green").await, Vec::<i64>::new());
    body(server.put(&format!("/api/tickets/{b}"), &token, json!({ "subject": "Exchange" })).await, 200).await;
    assert_eq!(tickets(&server, &token, "refund").await, Vec::<i64>::new());
    let in_spam = json!({ "view": { "search": "refund", "filters": "eq(ticket.spam, true)" } });
    assert_eq!(
        ids(&body(server.put("/api/views/0/items", &token, in_spam).await, 200).await),
        [spam["id"].as_i64().unwrap()]
    );
    assert_eq!(server.delete(&format!("/api/tickets/{a}"), &token).await.status(), 204);
    assert_eq!(tickets(&server, &token, "order").await, [b]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_is_built_anew_after_a_restore() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({ "subject": "A turquoise kettle" })).await["id"].as_i64().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");

    dump::backup(&server.db, &file).await.unwrap();
    let copy = Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
    copy.migrate().await.unwrap();
    helpdesk::search::run(&copy, &server.clock).await.unwrap();

    let mut tx = copy.read().await.unwrap();
    let may = scope::permit::Permit::system("test", "00000000-0000-4000-8000-000000000002".to_owned());
    let found = helpdesk::search::tickets(&mut tx, &may, "turqoise kettle turquoise", 10).await.unwrap();
    assert!(found.is_empty(), "a slip in a word without digits is not guessed in tickets");
    let found = helpdesk::search::tickets(&mut tx, &may, "kettle turq", 10).await.unwrap();
    assert_eq!(found.iter().map(|found| found.ticket.id).collect::<Vec<_>>(), [ticket]);
}

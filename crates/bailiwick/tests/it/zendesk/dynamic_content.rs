//! `/api/v2/dynamic_content/items`, their variants, and where they are filled in.

use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, get, id, ids, made};
use crate::support::{Person, Server};

const PATH: &str = "/api/v2/dynamic_content/items";

async fn greeting(server: &Server, token: &str) -> Value {
    let variants = json!([
        { "locale_id": 1, "content": "Hello {{ticket.customer.firstname}}" },
        { "locale_id": 8, "content": "Hallo {{ticket.customer.firstname}}" },
    ]);
    made(server, PATH, token, "item", json!({ "name": "Warm greeting", "default_locale_id": 1, "variants": variants }))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_and_its_variants_are_made_changed_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let item = greeting(&server, &all).await;
    let path = format!("{PATH}/{}", id(&item));
    let variants = format!("{path}/variants");
    let new = json!({ "locale_id": 16, "content": "Bonjour" });
    let french = made(&server, &variants, &all, "variant", new).await;
    let french_path = format!("{variants}/{}", id(&french));

    let chosen = body(server.put(&french_path, &all, json!({ "variant": { "default": true } })).await, 200).await;
    let renamed = body(server.put(&path, &all, json!({ "item": { "name": "Greeting" } })).await, 200).await;

    assert_eq!(item["placeholder"], "{{dc.warm_greeting}}");
    assert_eq!((&item["default_locale_id"], &item["outdated"]), (&json!(1), &json!(false)));
    assert_eq!(chosen["variant"]["default"], true);
    let renamed = &renamed["item"];
    assert_eq!((&renamed["name"], &renamed["placeholder"]), (&json!("Greeting"), &json!("{{dc.warm_greeting}}")));
    assert_eq!(renamed["default_locale_id"], 16);
    assert_eq!(get(&server, &format!("{variants}?page[size]=2"), &all).await["meta"]["has_more"], true);
    let found = get(&server, &format!("{PATH}/show_many?identifiers=dc.warm_greeting,nothing"), &all).await;
    assert_eq!(ids(&found["items"]), [id(&item)]);
    assert_eq!(server.delete(&french_path, &all).await.status(), 422, "the default variant stays");
    let german = format!("{variants}/{}", item["variants"][1]["id"]);
    assert_eq!(server.delete(&german, &all).await.status(), 204);
    assert_eq!(server.get(&german, &all).await.status(), 404);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&variants, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_variants_are_made_and_changed_at_once_or_none_of_them() {
    let server = Server::start().await;
    let all = all(&server).await;
    let item = greeting(&server, &all).await;
    let variants = format!("{PATH}/{}/variants", id(&item));
    let (create, update) = (format!("{variants}/create_many"), format!("{variants}/update_many"));

    let two = json!({ "variants": [{ "locale_id": 16, "content": "Bonjour" }, { "locale_id": 2, "content": "Hola" }] });
    let made = body(server.post(&create, &all, two.clone()).await, 201).await["variants"].clone();
    let [french, spanish] = [0, 1].map(|i| id(&made[i]));
    let changes = json!({ "variants": [{ "id": french, "content": "Salut", "default": true }, { "id": spanish, "active": false }] });
    let changed = body(server.put(&update, &all, changes).await, 200).await["variants"].clone();

    assert_eq!((&made[0]["locale_id"], &made[1]["content"]), (&json!(16), &json!("Hola")));
    assert_eq!(ids(&changed), [french, spanish]);
    assert_eq!((&changed[0]["content"], &changed[0]["default"]), (&json!("Salut"), &json!(true)));
    assert_eq!((&changed[1]["content"], &changed[1]["active"]), (&json!("Hola"), &json!(false)));
    assert_eq!(server.post(&create, &all, two).await.status(), 422, "there is one in French already");
    let half = json!({ "variants": [{ "id": spanish, "content": "Buenas" }, { "id": 4242, "content": "x" }] });
    assert_eq!(server.put(&update, &all, half).await.status(), 404);
    for (path, wrong) in
        [(&create, json!([{ "content": "x" }])), (&create, json!([])), (&update, json!([{ "content": "x" }]))]
    {
        let sent = json!({ "variants": wrong });
        let answer =
            if path == &create { server.post(path, &all, sent).await } else { server.put(path, &all, sent).await };
        assert_eq!(answer.status(), 422, "{wrong}");
    }
    let kept = get(&server, &variants, &all).await["variants"].clone();
    assert_eq!(ids(&kept).len(), 4);
    assert_eq!(kept[3]["content"], "Hola");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_item_may_not_be_is_refused() {
    let server = Server::start().await;
    let all = all(&server).await;
    let item = greeting(&server, &all).await;

    for (wrong, field) in [
        (json!({ "default_locale_id": 1, "content": "x" }), "name"),
        (json!({ "name": "A", "default_locale_id": 4242, "content": "x" }), "default_locale_id"),
        (json!({ "name": "A", "default_locale_id": 1 }), "variants"),
        (json!({ "name": "A", "default_locale_id": 1, "variants": [{ "locale_id": 8, "content": "x" }] }), "variants"),
        (json!({ "name": "warm greeting!", "default_locale_id": 1, "content": "x" }), "name"),
    ] {
        let refused = body(server.post(PATH, &all, json!({ "item": wrong })).await, 422).await;
        assert!(refused["details"][field].is_array(), "{refused}");
    }
    let twice = json!({ "variant": { "locale_id": 8, "content": "x" } });
    let refused = body(server.post(&format!("{PATH}/{}/variants", id(&item)), &all, twice).await, 422).await;
    assert_eq!(refused["details"]["locale_id"][0]["error"], "DuplicateValue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_names_an_item_gets_it_in_the_customers_language() {
    let server = Server::start().await;
    let all = all(&server).await;
    greeting(&server, &all).await;
    let gorgias = server.token_for(Person::Admin, Dialect::Gorgias, "tickets:read tickets:write").await;

    for (name, language, said) in [("Ada Park", "de", "Hallo Ada!"), ("Bo Li", "fr", "Hello Bo!")] {
        let person = json!({ "name": name, "email": format!("{language}@shop.test"), "locale": language });
        let person = made(&server, "/api/v2/users", &all, "user", person).await;
        let action = json!({ "name": "setSubject", "arguments": { "subject": "{{dc.warm_greeting}}!" }, "title": "x", "type": "user", "execution": "back" });
        let new = json!({
            "customer": { "id": person["id"] }, "channel": "api", "via": "api",
            "messages": [{ "channel": "api", "via": "api", "from_agent": false, "body_text": "?", "sender": { "id": person["id"] } }],
        });
        let ticket = body(server.post("/api/tickets", &gorgias, new).await, 201).await;
        let reply = json!({
            "channel": "internal-note", "via": "api", "from_agent": true, "body_text": "!", "sender": { "id": server.admin_id },
            "actions": [action],
        });
        body(server.post(&format!("/api/tickets/{}/messages", id(&ticket)), &gorgias, reply).await, 201).await;

        let shown = get(&server, &format!("/api/v2/tickets/{}", id(&ticket)), &all).await;
        assert_eq!(shown["ticket"]["subject"], said);
    }
}

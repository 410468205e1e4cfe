//! `/api/v2/ticket_fields`.

use serde_json::{Value, json};

use super::{all, body, get, id, ids, made, ticket};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn what_every_ticket_has_comes_before_what_the_account_added() {
    let server = Server::start().await;
    let all = all(&server).await;
    let field = json!({ "type": "checkbox", "title": "Vip", "visible_in_portal": true, "required": true });
    let vip = made(&server, "/api/v2/ticket_fields", &all, "ticket_field", field).await;

    let list = get(&server, "/api/v2/ticket_fields", &all).await;
    let page = get(&server, "/api/v2/ticket_fields?page[size]=3", &all).await;

    let types: Vec<&str> =
        list["ticket_fields"].as_array().expect("a list").iter().filter_map(|it| it["type"].as_str()).collect();
    assert_eq!(types, ["subject", "description", "status", "tickettype", "priority", "group", "assignee", "checkbox"]);
    assert_eq!([&vip["removable"], &vip["required"], &vip["position"]], [&json!(true), &json!(true), &json!(8)]);
    assert_eq!(list["count"], 8);
    let next = page["links"]["next"].as_str().expect("an address").strip_prefix(&server.base).expect("ours").to_owned();
    let all_ids = ids(&list["ticket_fields"]);
    assert_eq!(ids(&get(&server, &next, &all).await["ticket_fields"]), all_ids[3..6]);
    let status = format!("/api/v2/ticket_fields/{}", all_ids[2]);
    assert_eq!(get(&server, &status, &all).await["ticket_field"]["system_field_options"][3]["value"], "hold");
    assert_eq!(server.delete(&status, &all).await.status(), 422);
    assert_eq!(get(&server, "/api/v2/ticket_fields/count", &all).await["count"]["value"], 8);
    let many = format!("/api/v2/ticket_fields/show_many?ids={},{}", all_ids[0], id(&vip));
    assert_eq!(ids(&get(&server, &many, &all).await["ticket_fields"]), [all_ids[0], id(&vip)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_must_be_of_the_fields_type() {
    let server = Server::start().await;
    let all = all(&server).await;
    for (kind, fits, unfit) in [
        ("date", json!("2026-01-31"), json!("2026-02-30")),
        ("integer", json!(5), json!(5.5)),
        ("decimal", json!(5.5), json!("much")),
        ("checkbox", json!(true), json!("yes")),
        ("textarea", json!("a\nb"), json!(["a"])),
    ] {
        let field = json!({ "type": kind, "title": kind });
        let field = made(&server, "/api/v2/ticket_fields", &all, "ticket_field", field).await;
        let with = |value: &Value| json!({ "comment": { "body": "x" }, "custom_fields": [{ "id": field["id"], "value": value }] });

        let kept = ticket(&server, &all, with(&fits)).await;
        let refused = server.post("/api/v2/tickets", &all, json!({ "ticket": with(&unfit) })).await;

        assert_eq!(field["type"], kind);
        assert_eq!(kept["custom_fields"], json!([{ "id": field["id"], "value": fits }]), "{kind}");
        assert_eq!(refused.status(), 422, "{kind}");
    }
    for field in [
        json!({ "type": "multiselect", "title": "x" }),
        json!({ "type": "multi_lookup", "title": "x" }),
        json!({ "type": "text" }),
        json!({ "type": "tagger", "title": "x" }),
        json!({ "type": "tagger", "title": "x", "custom_field_options": [{ "name": "A", "value": "a" }, { "name": "B", "value": "a" }] }),
    ] {
        let refused = server.post("/api/v2/ticket_fields", &all, json!({ "ticket_field": field })).await;
        assert_eq!(refused.status(), 422, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_option_keeps_its_id_under_another_name() {
    let server = Server::start().await;
    let all = all(&server).await;
    let field = json!({ "type": "tagger", "title": "Reason",
                        "custom_field_options": [{ "name": "Too late", "value": "late" }, { "name": "Broken", "value": "broken" }] });
    let field = made(&server, "/api/v2/ticket_fields", &all, "ticket_field", field).await;
    let path = format!("/api/v2/ticket_fields/{}", id(&field));
    let options = format!("{path}/options");
    let late = field["custom_field_options"][0].clone();

    let renamed = json!({ "custom_field_option": { "id": late["id"], "name": "Delayed" } });
    let renamed = body(server.post(&options, &all, renamed).await, 200).await;
    let added = made(&server, &options, &all, "custom_field_option", json!({ "name": "Lost", "value": "lost" })).await;
    let gone = server.delete(&format!("{options}/{}", id(&field["custom_field_options"][1])), &all).await;

    assert_eq!(renamed["custom_field_option"]["id"], late["id"]);
    assert_eq!(renamed["custom_field_option"]["value"], "late");
    assert_eq!(gone.status(), 204);
    let left = get(&server, &options, &all).await["custom_field_options"].clone();
    assert_eq!(ids(&left), [id(&late), id(&added)]);
    assert_eq!(left[0]["name"], "Delayed");
    let shown = get(&server, &format!("{options}/{}", id(&added)), &all).await;
    assert_eq!(shown["custom_field_option"]["name"], "Lost");
    assert_eq!(server.get(&format!("{options}/1"), &all).await.status(), 404);
    let kept = json!({ "comment": { "body": "x" }, "custom_fields": [{ "id": field["id"], "value": "lost" }] });
    ticket(&server, &all, kept).await;
    let broken = json!({ "ticket": { "comment": { "body": "x" }, "custom_fields": [{ "id": field["id"], "value": "broken" }] } });
    assert_eq!(server.post("/api/v2/tickets", &all, broken).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_is_changed_moved_switched_off_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut fields = Vec::new();
    for title in ["First", "Second"] {
        let field = json!({ "type": "text", "title": title });
        fields.push(id(&made(&server, "/api/v2/ticket_fields", &all, "ticket_field", field).await));
    }
    let path = format!("/api/v2/ticket_fields/{}", fields[0]);

    let change = json!({ "ticket_field": { "title": "Once", "title_in_portal": "For you", "active": false } });
    let changed = body(server.put(&path, &all, change).await, 200).await["ticket_field"].clone();
    let order = json!({ "ticket_field_ids": [fields[1], fields[0]] });
    let moved = server.put("/api/v2/ticket_fields/reorder", &all, order).await;

    assert_eq!(
        [&changed["title"], &changed["title_in_portal"], &changed["active"]],
        [&json!("Once"), &json!("For you"), &json!(false)]
    );
    assert_eq!(moved.status(), 200);
    let list = get(&server, "/api/v2/ticket_fields", &all).await;
    assert_eq!(ids(&list["ticket_fields"])[7..], [fields[1], fields[0]]);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

//! `/api/v2/user_fields` and `/api/v2/organization_fields`, and their values.

use serde_json::{Value, json};
use std::time::Duration;

use super::{all, body, done, get, id, ids, made};
use crate::support::Server;

async fn field(server: &Server, token: &str, (list, one): (&str, &str), record: Value) -> Value {
    made(server, &format!("/api/v2/{list}"), token, one, record).await
}

const USERS: (&str, &str) = ("user_fields", "user_field");
const ORGANIZATIONS: (&str, &str) = ("organization_fields", "organization_field");

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_either_sort_is_made_shown_changed_moved_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    for of @ (list, one) in [USERS, ORGANIZATIONS] {
        let path = format!("/api/v2/{list}");
        let plan = json!({ "type": "text", "title": "Plan", "key": "plan", "description": "What they pay for", "position": 7 });
        let plan = field(&server, &all, of, plan).await;
        let since = field(&server, &all, of, json!({ "type": "date", "title": "Since", "key": "since" })).await;

        assert_eq!([&plan["key"], &plan["type"], &plan["position"]], [&json!("plan"), &json!("text"), &json!(7)]);
        assert_eq!([&plan["system"], &plan["active"]], [&json!(false), &json!(true)]);
        assert_eq!(ids(&get(&server, &path, &all).await[list]), [id(&plan), id(&since)]);
        let page = get(&server, &format!("{path}?page[size]=1"), &all).await;
        assert_eq!((ids(&page[list]), &page["meta"]["has_more"]), (vec![id(&plan)], &json!(true)));
        assert_eq!(get(&server, &format!("{path}/plan"), &all).await[one], plan, "by its key");
        let own = format!("{path}/{}", id(&plan));
        let change = json!({ one: { "title": "Tariff", "active": false } });
        let changed = body(server.put(&own, &all, change).await, 200).await[one].clone();
        assert_eq!(
            [&changed["title"], &changed["active"], &changed["key"]],
            [&json!("Tariff"), &json!(false), &json!("plan")]
        );
        let renamed = server.put(&own, &all, json!({ one: { "key": "other" } })).await;
        assert_eq!(renamed.status(), 422, "a key is fixed");
        let order = json!({ format!("{one}_ids"): [since["id"], plan["id"]] });
        assert_eq!(server.put(&format!("{path}/reorder"), &all, order).await.status(), 200);
        assert_eq!(ids(&get(&server, &path, &all).await[list]), [id(&since), id(&plan)]);
        let twin = json!({ one: { "type": "text", "title": "x", "key": "since" } });
        let twin = body(server.post(&path, &all, twin).await, 422).await;
        assert_eq!(twin["details"]["key"][0]["error"], "DuplicateValue");
        for wrong in [
            json!({ "type": "text", "title": "x" }),
            json!({ "type": "text", "title": "x", "key": "a b" }),
            json!({ "type": "text", "title": "x", "key": "12" }),
            json!({ "type": "lookup", "title": "x", "key": "x" }),
            json!({ "type": "dropdown", "title": "x", "key": "x" }),
            json!({ "type": "multiselect", "title": "x", "key": "x" }),
        ] {
            let refused = server.post(&path, &all, json!({ one: wrong })).await;
            assert_eq!(refused.status(), 422, "{wrong}");
        }
        assert_eq!(server.delete(&own, &all).await.status(), 204);
        assert_eq!(server.get(&own, &all).await.status(), 404);
    }
    let of_users = get(&server, "/api/v2/user_fields", &all).await["user_fields"][0].clone();
    let elsewhere = format!("/api/v2/organization_fields/{}", id(&of_users));
    assert_eq!(server.get(&elsewhere, &all).await.status(), 404, "a field is of one sort");
    let many = format!("/api/v2/user_fields/show_many?ids={},987654321", id(&of_users));
    assert_eq!(ids(&get(&server, &many, &all).await["user_fields"]), [id(&of_users)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_option_of_a_user_field_keeps_its_id_under_another_name() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "type": "dropdown", "title": "Tier", "key": "tier", "custom_field_options": [{ "name": "Gold", "value": "gold" }] });
    let tier = field(&server, &all, USERS, record).await;
    let options = format!("/api/v2/user_fields/{}/options", id(&tier));
    let gold = tier["custom_field_options"][0].clone();

    let renamed = json!({ "custom_field_option": { "id": gold["id"], "name": "Golden" } });
    let renamed = body(server.post(&options, &all, renamed).await, 200).await["custom_field_option"].clone();
    let silver =
        made(&server, &options, &all, "custom_field_option", json!({ "name": "Silver", "value": "silver" })).await;

    assert_eq!([&renamed["id"], &renamed["value"]], [&gold["id"], &json!("gold")]);
    assert_eq!(ids(&get(&server, &options, &all).await["custom_field_options"]), [id(&gold), id(&silver)]);
    let own = format!("{options}/{}", id(&silver));
    assert_eq!(get(&server, &own, &all).await["custom_field_option"]["name"], "Silver");
    assert_eq!(server.delete(&own, &all).await.status(), 204);
    assert_eq!(server.get(&own, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_people_are_written_checked_and_exported_by_key() {
    let server = Server::start().await;
    let all = all(&server).await;
    for (kind, key) in [("text", "plan"), ("integer", "seats"), ("date", "since"), ("checkbox", "vip")] {
        field(&server, &all, USERS, json!({ "type": kind, "title": key, "key": key })).await;
    }
    let values = json!({ "plan": "Pro", "seats": 5, "since": "2026-01-31", "unknown": "x" });
    let record = json!({ "name": "Cleo", "email": "cleo@shop.test", "user_fields": values });

    let cleo = made(&server, "/api/v2/users", &all, "user", record).await;

    assert_eq!(cleo["user_fields"], json!({ "plan": "Pro", "seats": 5, "since": "2026-01-31", "vip": null }));
    let path = format!("/api/v2/users/{}", id(&cleo));
    let change = json!({ "user": { "user_fields": { "plan": null, "vip": true } } });
    let changed = body(server.put(&path, &all, change).await, 200).await["user"].clone();
    let expected = json!({ "plan": null, "seats": 5, "since": "2026-01-31", "vip": true });
    assert_eq!(changed["user_fields"], expected, "what is not sent stays");
    for wrong in
        [json!({ "seats": 5.5 }), json!({ "since": "soon" }), json!({ "vip": "maybe" }), json!({ "plan": ["a"] })]
    {
        let refused = body(server.put(&path, &all, json!({ "user": { "user_fields": wrong } })).await, 422).await;
        assert!(refused["details"]["user_fields"].is_array(), "{refused}");
    }
    let agent = format!("/api/v2/users/{}", server.agent_id);
    let change = json!({ "user": { "user_fields": { "plan": "Own" } } });
    let agent = body(server.put(&agent, &all, change).await, 200).await;
    assert_eq!(agent["user"]["user_fields"]["plan"], "Own", "staff have them too");
    server.clock.advance(Duration::from_secs(600));
    let export = get(&server, "/api/v2/incremental/users/cursor?start_time=1", &all).await;
    let exported = export["users"].as_array().expect("users").iter().find(|user| user["id"] == cleo["id"]);
    assert_eq!(exported.expect("Cleo")["user_fields"], expected);
    let rows = json!({ "users": [{ "id": cleo["id"], "user_fields": { "seats": 9 } }] });
    done(&server, &all, server.put("/api/v2/users/update_many", &all, rows).await).await;
    assert_eq!(get(&server, &path, &all).await["user"]["user_fields"]["seats"], 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_organizations_are_written_and_checked_by_key() {
    let server = Server::start().await;
    let all = all(&server).await;
    let tier = json!({ "type": "dropdown", "title": "Tier", "key": "tier", "custom_field_options": [{ "name": "Gold", "value": "gold" }] });
    field(&server, &all, ORGANIZATIONS, tier).await;
    field(&server, &all, ORGANIZATIONS, json!({ "type": "decimal", "title": "Discount", "key": "discount" })).await;
    let record = json!({ "name": "Shop", "organization_fields": { "tier": "gold", "discount": 2.5 } });

    let shop = made(&server, "/api/v2/organizations", &all, "organization", record).await;

    assert_eq!(shop["organization_fields"], json!({ "tier": "gold", "discount": 2.5 }));
    let path = format!("/api/v2/organizations/{}", id(&shop));
    let change = json!({ "organization": { "organization_fields": { "tier": null }, "notes": "x" } });
    let changed = body(server.put(&path, &all, change).await, 200).await["organization"].clone();
    assert_eq!(changed["organization_fields"], json!({ "tier": null, "discount": 2.5 }));
    let wrong = json!({ "organization": { "organization_fields": { "tier": "lead" }, "name": "Renamed" } });
    let refused = body(server.put(&path, &all, wrong).await, 422).await;
    assert!(refused["details"]["organization_fields"].is_array(), "{refused}");
    assert_eq!(get(&server, &path, &all).await["organization"]["name"], "Shop", "nothing of it is stored");
    let rows = json!({ "organizations": [{ "name": "Club", "organization_fields": { "discount": 1 } }] });
    done(&server, &all, server.post("/api/v2/organizations/create_many", &all, rows).await).await;
    let club = get(&server, "/api/v2/organizations/search?name=Club", &all).await["organizations"][0].clone();
    assert_eq!(club["organization_fields"]["discount"], 1);
}

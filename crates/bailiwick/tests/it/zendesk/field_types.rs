//! Fields of several choices, of a pattern, of records and of card numbers, and the tags that come with values.

use serde_json::{Value, json};

use super::triggers::{add, then, trigger, when};
use super::{all, body, customer, get, id, ids, made, ticket};
use crate::support::Server;

/// Where fields of a sort are made, what one is called, and what type a field of one choice has.
const SORTS: [(&str, &str, &str); 3] = [
    ("ticket_fields", "ticket_field", "tagger"),
    ("user_fields", "user_field", "dropdown"),
    ("organization_fields", "organization_field", "dropdown"),
];

async fn field(server: &Server, token: &str, (list, one, _): (&str, &str, &str), mut record: Value) -> Value {
    if one != "ticket_field" {
        record["key"] = record["title"].as_str().expect("a title").to_lowercase().into();
    }
    made(server, &format!("/api/v2/{list}"), token, one, record).await
}

fn options(values: &[&str]) -> Value {
    values.iter().map(|value| json!({ "name": value.to_uppercase(), "value": value })).collect()
}

async fn change(server: &Server, token: &str, id: i64, change: Value) -> Value {
    let path = format!("/api/v2/tickets/{id}");
    body(server.put(&path, token, json!({ "ticket": change })).await, 200).await["ticket"].clone()
}

async fn found(server: &Server, token: &str, query: &str) -> Vec<i64> {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    ids(&get(server, &format!("/api/v2/search?query={query}"), token).await["results"])
}

#[tokio::test(flavor = "multi_thread")]
async fn several_options_are_a_list_and_each_is_a_tag_of_the_ticket() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record =
        json!({ "type": "multiselect", "title": "Parts", "custom_field_options": options(&["lid", "cup", "tea_pot"]) });
    let parts = field(&server, &all, SORTS[0], record).await;
    let value = |value: Value| json!([{ "id": parts["id"], "value": value }]);

    let one =
        ticket(&server, &all, json!({ "tags": ["vip"], "custom_fields": value(json!(["cup", "lid", "cup"])) })).await;
    let two = ticket(&server, &all, json!({ "custom_fields": value(json!(["tea_pot"])) })).await;

    assert_eq!([&parts["type"], &parts["custom_field_options"][2]["value"]], ["multiselect", "tea_pot"]);
    assert_eq!(one["custom_fields"], value(json!(["lid", "cup"])), "each once, in the field's order");
    assert_eq!(one["tags"], json!(["cup", "lid", "vip"]));
    let changed = change(&server, &all, id(&one), json!({ "custom_fields": value(json!(["tea_pot", "lid"])) })).await;
    assert_eq!(changed["tags"], json!(["lid", "tea_pot", "vip"]));
    let audits = get(&server, &format!("/api/v2/tickets/{}/audits", id(&one)), &all).await;
    let told = audits["audits"][1]["events"].as_array().expect("a list").clone();
    let expected =
        json!({ "field_name": parts["id"].to_string(), "value": ["lid", "tea_pot"], "previous_value": ["lid", "cup"] });
    let is_told = |it: &Value| ["field_name", "value", "previous_value"].iter().all(|name| it[name] == expected[name]);
    assert!(told.iter().any(is_told), "{told:?}");
    let only = change(&server, &all, id(&one), json!({ "custom_fields": value(json!("lid")) })).await;
    assert_eq!([&only["custom_fields"], &only["tags"]], [&value(json!(["lid"])), &json!(["lid", "vip"])]);
    for wrong in [json!(["cup", "saucer"]), json!([1]), json!(7), json!({ "a": 1 })] {
        let record = json!({ "ticket": { "custom_fields": value(wrong.clone()) } });
        let refused = server.put(&format!("/api/v2/tickets/{}", id(&one)), &all, record).await;
        assert_eq!(refused.status(), 422, "{wrong}");
    }
    let field_name = format!("custom_fields_{}", parts["id"]);
    for (operator, value, expected) in [
        ("includes", json!("tea_pot saucer"), vec![id(&two)]),
        ("includes", json!(["lid", "tea_pot"]), vec![id(&one), id(&two)]),
        ("not_includes", json!("tea_pot"), vec![id(&one)]),
        ("is", json!("lid"), vec![id(&one)]),
        ("is", json!("LID"), vec![]),
        ("is_not", json!("lid"), vec![id(&two)]),
        ("present", Value::Null, vec![id(&one), id(&two)]),
        ("not_present", Value::Null, vec![]),
    ] {
        let conditions = json!([{ "field": "status", "operator": "less_than", "value": "solved" },
                                { "field": field_name, "operator": operator, "value": value }]);
        let view = json!({ "title": format!("{operator} {value}"), "all": conditions, "output": { "sort_by": "created", "sort_order": "asc" } });
        let view = made(&server, "/api/v2/views", &all, "view", view).await;
        let list = get(&server, &format!("/api/v2/views/{}/tickets", id(&view)), &all).await;
        assert_eq!(ids(&list["tickets"]), expected, "{operator} {value}");
        assert_eq!(view["conditions"]["all"][1]["operator"], operator);
    }
    let keyword = |value: &str| format!("type:ticket custom_field_{}:{value}", parts["id"]);
    assert_eq!(found(&server, &all, &keyword("lid")).await, [id(&one)]);
    assert_eq!(found(&server, &all, &keyword("li")).await, [] as [i64; 0]);
    let emptied = change(&server, &all, id(&one), json!({ "custom_fields": value(json!([])) })).await;
    assert_eq!([&emptied["custom_fields"], &emptied["tags"]], [&json!([]), &json!(["vip"])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_macros_ask_and_set_several_options() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "type": "multiselect", "title": "Parts", "custom_field_options": options(&["lid", "cup"]) });
    let parts = field(&server, &all, SORTS[0], record).await;
    let name = format!("custom_fields_{}", parts["id"]);
    let conditions = [when("update_type", "is", "Create"), when(&name, "includes", "lid")];
    add(&server, &all, trigger("Lids", &conditions, &[then("priority", "urgent"), then(&name, json!(["cup", "lid"]))]))
        .await;
    let action = json!([{ "field": name, "value": ["cup"] }]);
    let recipe = made(&server, "/api/v2/macros", &all, "macro", json!({ "title": "Cups", "actions": action })).await;

    let value = json!([{ "id": parts["id"], "value": ["lid"] }]);
    let ours = ticket(&server, &all, json!({ "custom_fields": value })).await;
    let other = ticket(&server, &all, json!({})).await;
    server.run_jobs().await;

    assert_eq!(recipe["actions"], action);
    let path = |ticket: &Value| format!("/api/v2/tickets/{}", id(ticket));
    let after = get(&server, &path(&ours), &all).await["ticket"].clone();
    assert_eq!([&after["priority"], &after["tags"]], [&json!("urgent"), &json!(["cup", "lid"])]);
    assert_eq!(get(&server, &path(&other), &all).await["ticket"]["priority"], "normal");
    let applied = get(&server, &format!("{}/macros/{}/apply", path(&other), id(&recipe)), &all).await;
    let told = applied["result"]["ticket"]["custom_fields"].clone();
    assert_eq!(told, json!([{ "id": parts["id"], "value": ["cup"] }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_written_as_its_pattern_says() {
    let server = Server::start().await;
    let all = all(&server).await;
    for of @ (list, one, _) in SORTS {
        let record = json!({ "type": "regexp", "title": "Order", "regexp_for_validation": r"\b[A-Z]{2}-\d{3}\b" });
        let order = field(&server, &all, of, record).await;
        let path = format!("/api/v2/{list}/{}", id(&order));

        assert_eq!([&order["type"], &order["regexp_for_validation"]], ["regexp", r"\b[A-Z]{2}-\d{3}\b"]);
        let change = json!({ one: { "regexp_for_validation": "^[a-z]+$", "title": "Word" } });
        let changed = body(server.put(&path, &all, change).await, 200).await[one].clone();
        assert_eq!([&changed["type"], &changed["regexp_for_validation"]], ["regexp", "^[a-z]+$"]);
        for pattern in ["(", "(?=look)", r"\1", "(a{1000}){1000}"] {
            let refused = server.put(&path, &all, json!({ one: { "regexp_for_validation": pattern } })).await;
            let told = body(refused, 422).await;
            assert!(told["details"]["regexp_for_validation"].is_array(), "{told}");
        }
        let without = json!({ one: { "type": "regexp", "title": "x", "key": "x" } });
        assert_eq!(server.post(&format!("/api/v2/{list}"), &all, without).await.status(), 422);
    }
    let ticket_field = get(&server, "/api/v2/ticket_fields", &all).await["ticket_fields"][7].clone();
    for (value, status) in [("word", 201), ("Word", 422), ("two words", 422), ("", 201)] {
        let record =
            json!({ "comment": { "body": "x" }, "custom_fields": [{ "id": ticket_field["id"], "value": value }] });
        let answer = server.post("/api/v2/tickets", &all, json!({ "ticket": record })).await;
        assert_eq!(answer.status(), status, "{value}");
    }
    for (value, status) in [("word", 201), ("A1", 422)] {
        let record = json!({ "name": "Cleo", "user_fields": { "order": value } });
        assert_eq!(server.post("/api/v2/users", &all, json!({ "user": record })).await.status(), status, "{value}");
        let record = json!({ "name": "Shop", "organization_fields": { "order": value } });
        let answer = server.post("/api/v2/organizations", &all, json!({ "organization": record })).await;
        assert_eq!(answer.status(), status, "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_holds_the_id_of_a_record_that_is_there() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = made(&server, "/api/v2/users", &all, "user", json!({ "name": "Cleo", "external_id": "C-1" })).await;
    let shop = made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Shop" })).await;
    let known = ticket(&server, &all, json!({})).await;
    let filter = json!({ "all": [{ "field": "role", "operator": "is", "value": "agent" }], "any": [] });
    for of @ (list, one, _) in SORTS {
        for (target, record) in [("zen:user", &cleo), ("zen:organization", &shop), ("zen:ticket", &known)] {
            let title = format!("Of_{}", target.trim_start_matches("zen:"));
            let record_of = json!({ "type": "lookup", "title": title, "relationship_target_type": target, "relationship_filter": filter });
            let made = field(&server, &all, of, record_of).await;
            assert_eq!(
                [&made["type"], &made["relationship_target_type"], &made["relationship_filter"]],
                [&json!("lookup"), &json!(target), &filter]
            );
            let own = format!("/api/v2/{list}/{}", id(&made));
            let moved = server.put(&own, &all, json!({ one: { "relationship_target_type": "zen:user" } })).await;
            assert_eq!(moved.status(), if target == "zen:user" { 200 } else { 422 }, "the target stays");
            if one != "ticket_field" {
                continue;
            }
            let with = |value: Value| json!({ "custom_fields": [{ "id": made["id"], "value": value }] });
            let text = record["id"].to_string();
            for value in [record["id"].clone(), json!(text)] {
                let kept = ticket(&server, &all, with(value)).await;
                assert_eq!(kept["custom_fields"], json!([{ "id": made["id"], "value": text }]), "{target}");
            }
            for wrong in [json!(987_654_321), json!("nobody"), json!(-1), json!([1]), json!("external_id:none")] {
                let change = json!({ "ticket": with(wrong.clone()) });
                let refused = server.put(&format!("/api/v2/tickets/{}", id(&known)), &all, change).await;
                assert_eq!(refused.status(), 422, "{target} {wrong}");
            }
        }
        for wrong in ["zen:custom_object:car", "user"] {
            let record =
                json!({ one: { "type": "lookup", "title": "x", "key": "x", "relationship_target_type": wrong } });
            assert_eq!(server.post(&format!("/api/v2/{list}"), &all, record).await.status(), 422, "{wrong}");
        }
    }
    let people = get(&server, "/api/v2/ticket_fields", &all).await["ticket_fields"][7].clone();
    let by_foreign_id = json!({ "custom_fields": [{ "id": people["id"], "value": "external_id:C-1" }] });
    let ours = change(&server, &all, id(&known), by_foreign_id).await;
    assert_eq!(ours["custom_fields"][0]["value"], cleo["id"].to_string());
    let keyword = format!("type:ticket custom_field_{}:{}", people["id"], cleo["id"]);
    assert_eq!(found(&server, &all, &keyword).await.len(), 3);
    for value in [json!(cleo["id"]), json!(cleo["id"].to_string())] {
        let conditions = json!([{ "field": "status", "operator": "less_than", "value": "solved" },
                                { "field": format!("custom_fields_{}", people["id"]), "operator": "is", "value": value }]);
        let view = json!({ "title": value.to_string(), "all": conditions });
        let view = made(&server, "/api/v2/views", &all, "view", view).await;
        let list = get(&server, &format!("/api/v2/views/{}/tickets", id(&view)), &all).await;
        assert_eq!(ids(&list["tickets"]).len(), 3, "{value}");
    }
    let path = format!("/api/v2/users/{}", id(&cleo));
    let values = json!({ "user": { "user_fields": { "of_organization": shop["id"], "of_ticket": known["id"] } } });
    let changed = body(server.put(&path, &all, values).await, 200).await["user"]["user_fields"].clone();
    let expected =
        json!({ "of_user": null, "of_organization": shop["id"].to_string(), "of_ticket": known["id"].to_string() });
    assert_eq!(changed, expected);
    let wrong = json!({ "user": { "user_fields": { "of_organization": 987_654_321 } } });
    assert_eq!(server.put(&path, &all, wrong).await.status(), 422);
    let path = format!("/api/v2/organizations/{}", id(&shop));
    let values = json!({ "organization": { "organization_fields": { "of_user": "external_id:c-1" } } });
    let changed = body(server.put(&path, &all, values).await, 200).await["organization"].clone();
    assert_eq!(changed["organization_fields"]["of_user"], cleo["id"].to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_card_number_the_last_four_digits_are_kept() {
    let server = Server::start().await;
    let all = all(&server).await;
    let card = field(&server, &all, SORTS[0], json!({ "type": "partialcreditcard", "title": "Card" })).await;
    let value = |value: &str| json!({ "custom_fields": [{ "id": card["id"], "value": value }] });

    let paid = ticket(&server, &all, value("4111 1111 1111 1234")).await;

    let kept = json!([{ "id": card["id"], "value": "XXXXXXXXXXXX1234" }]);
    assert_eq!([&card["type"], &paid["custom_fields"]], [&json!("partialcreditcard"), &kept]);
    let again = change(&server, &all, id(&paid), json!({ "custom_fields": kept, "subject": "Paid" })).await;
    assert_eq!(again["custom_fields"], kept, "sent back as it is, it stays as it is");
    let audits = get(&server, &format!("/api/v2/tickets/{}/audits", id(&paid)), &all).await;
    assert!(!audits.to_string().contains("4111"), "{audits}");
    let wrong = json!({ "ticket": value("1234") });
    assert_eq!(server.put(&format!("/api/v2/tickets/{}", id(&paid)), &all, wrong).await.status(), 422);
    let of_people = json!({ "user_field": { "type": "partialcreditcard", "title": "Card", "key": "card" } });
    assert_eq!(server.post("/api/v2/user_fields", &all, of_people).await.status(), 422, "tickets alone have them");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_come_and_go_with_ticked_boxes_and_chosen_options() {
    let server = Server::start().await;
    let all = all(&server).await;
    for of in SORTS {
        let vip =
            field(&server, &all, of, json!({ "type": "checkbox", "title": "Vip", "tag": "Very Important" })).await;
        let record = json!({ "type": of.2, "title": "Tier", "custom_field_options": options(&["gold", "silver"]) });
        let tier = field(&server, &all, of, record).await;
        let record =
            json!({ "type": "multiselect", "title": "Likes", "custom_field_options": options(&["silver", "tea"]) });
        let likes = field(&server, &all, of, record).await;
        assert_eq!(vip["tag"], "Very Important");
        let (path, name, own) = match of.1 {
            "ticket_field" => ("/api/v2/tickets", "ticket", json!({ "comment": { "body": "x" } })),
            "user_field" => ("/api/v2/users", "user", json!({ "name": "Cleo" })),
            _ => ("/api/v2/organizations", "organization", json!({ "name": "Shop" })),
        };
        let with = |values: [Value; 3]| {
            let [v, t, l] = values;
            match name {
                "ticket" => json!({ "custom_fields": [
                    { "id": vip["id"], "value": v }, { "id": tier["id"], "value": t }, { "id": likes["id"], "value": l } ] }),
                name => json!({ format!("{name}_fields"): { "vip": v, "tier": t, "likes": l } }),
            }
        };
        let mut record = own;
        record["tags"] = json!(["old"]);
        for (key, value) in with([json!(true), json!("gold"), json!([])]).as_object().expect("fields") {
            record[key] = value.clone();
        }

        let made = made(&server, path, &all, name, record).await;

        assert_eq!(made["tags"], json!(["gold", "old", "very_important"]), "{name}");
        let path = format!("{path}/{}", id(&made));
        for (values, tags) in [
            ([json!(true), json!("silver"), json!(["silver", "tea"])], vec!["old", "silver", "tea", "very_important"]),
            // What another value brings as well stays.
            ([json!(false), json!("gold"), json!(["silver"])], vec!["gold", "old", "silver"]),
            ([Value::Null, Value::Null, Value::Null], vec!["old"]),
        ] {
            let changed = body(server.put(&path, &all, json!({ name: with(values) })).await, 200).await;
            assert_eq!(changed[name]["tags"], json!(tags), "{name}");
        }
    }
    let cleo = customer(&server, &all, "Mia").await;
    assert_eq!(cleo["tags"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_option_keeps_its_id_with_another_value() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "type": "multiselect", "title": "Parts", "custom_field_options": options(&["lid", "cup"]) });
    let parts = field(&server, &all, SORTS[0], record).await;
    let path = format!("/api/v2/ticket_fields/{}", id(&parts));
    let kept = ticket(&server, &all, json!({ "custom_fields": [{ "id": parts["id"], "value": ["lid"] }] })).await;
    let [lid, cup] = [0_usize, 1].map(|at| parts["custom_field_options"][at].clone());

    let change = json!({ "ticket_field": { "custom_field_options": [
        { "id": lid["id"], "name": "Cover", "value": "cover" }, { "id": cup["id"], "name": "CUP", "value": "cup" } ] } });
    let changed = body(server.put(&path, &all, change).await, 200).await["ticket_field"].clone();
    let one = json!({ "custom_field_option": { "id": cup["id"], "value": "mug" } });
    let one = body(server.post(&format!("{path}/options"), &all, one).await, 200).await["custom_field_option"].clone();

    let now = changed["custom_field_options"][0].clone();
    assert_eq!([&now["id"], &now["value"], &now["name"]], [&lid["id"], &json!("cover"), &json!("Cover")]);
    assert_eq!([&one["id"], &one["value"], &one["name"]], [&cup["id"], &json!("mug"), &json!("CUP")]);
    let swapped = json!({ "ticket_field": { "custom_field_options": [
        { "id": lid["id"], "name": "M", "value": "mug" }, { "id": cup["id"], "name": "C", "value": "cover" } ] } });
    let swapped = body(server.put(&path, &all, swapped).await, 200).await["ticket_field"].clone();
    assert_eq!(ids(&swapped["custom_field_options"]), [id(&lid), id(&cup)], "two values may change places");
    let taken = json!({ "custom_field_option": { "id": lid["id"], "value": "cover" } });
    assert_eq!(server.post(&format!("{path}/options"), &all, taken).await.status(), 422);
    let back = body(server.put(&path, &all, json!({ "ticket_field": changed })).await, 200).await;
    assert_eq!(ids(&back["ticket_field"]["custom_field_options"]), [id(&lid), id(&cup)], "sent back whole");
    // What was chosen before stays until something else is.
    let told = get(&server, &format!("/api/v2/tickets/{}", id(&kept)), &all).await["ticket"].clone();
    assert_eq!(told["custom_fields"][0]["value"], json!(["lid"]));
    let text = field(&server, &all, SORTS[0], json!({ "type": "text", "title": "Note" })).await;
    let path = format!("/api/v2/ticket_fields/{}", id(&text));
    let back = body(server.put(&path, &all, json!({ "ticket_field": text })).await, 200).await;
    assert_eq!(back["ticket_field"]["type"], "text", "a field without options is sent back whole");
}

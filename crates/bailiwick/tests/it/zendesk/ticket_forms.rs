//! `/api/v2/ticket_forms` and `/api/v2/ticket_form_statuses`.

use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, made, ticket, token};
use crate::support::Server;

/// A dropdown of tickets with the options a and b.
async fn field(server: &Server, token: &str, title: &str) -> i64 {
    let options = json!([{ "name": "A", "value": "a" }, { "name": "B", "value": "b" }]);
    let record = json!({ "type": "tagger", "title": title, "custom_field_options": options });
    id(&made(server, "/api/v2/ticket_fields", token, "ticket_field", record).await)
}

async fn form(server: &Server, token: &str, record: Value) -> Value {
    made(server, "/api/v2/ticket_forms", token, "ticket_form", record).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_keeps_its_fields_conditions_and_brands_as_they_were_sent() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (reason, part) = (field(&server, &all, "Reason").await, field(&server, &all, "Part").await);
    let shoes = made(&server, "/api/v2/brands", &all, "brand", json!({ "name": "Shoes", "subdomain": "shoes" })).await;
    let fields = json!([900000000001_i64, reason, 900000000003_i64, part]);
    let on = json!({ "type": "SOME_STATUSES", "statuses": ["solved", "hold"], "custom_statuses": [] });
    let for_staff = json!([{ "parent_field_id": reason, "parent_field_type": "tagger", "value": "a", "child_fields": [
        { "id": part, "is_required": false, "required_on_statuses": on }] }]);
    let for_customers = json!([{ "parent_field_id": reason, "parent_field_type": "tagger", "value": "b", "child_fields": [{ "id": part, "is_required": true }] }]);
    let record = json!({
        "name": "Return", "display_name": "Send back", "end_user_visible": true, "position": 3, "active": true,
        "in_all_brands": false, "restricted_brand_ids": [shoes["id"]], "ticket_field_ids": fields,
        "agent_conditions": for_staff, "end_user_conditions": for_customers,
    });

    let first = form(&server, &all, record.clone()).await;

    for (name, value) in record.as_object().expect("fields") {
        assert_eq!(first[name], *value, "{name}");
    }
    assert_eq!(first["default"], true, "the first form is the default");
    let path = format!("/api/v2/ticket_forms/{}", id(&first));
    assert_eq!(get(&server, &path, &all).await["ticket_form"], first);
    let back = body(server.put(&path, &all, json!({ "ticket_form": first })).await, 200).await;
    assert_eq!(back["ticket_form"], first, "sent back as it is, it stays as it is");
    let brand = get(&server, &format!("/api/v2/brands/{}", id(&shoes)), &all).await;
    assert_eq!(brand["brand"]["ticket_form_ids"], json!([first["id"]]));
    let change = json!({ "ticket_form": { "in_all_brands": true, "agent_conditions": [], "default": false } });
    let changed = body(server.put(&path, &all, change).await, 200).await["ticket_form"].clone();
    assert_eq!(changed["restricted_brand_ids"], json!([]));
    assert_eq!([&changed["agent_conditions"], &changed["default"]], [&json!([]), &json!(true)]);
    assert_eq!(changed["end_user_conditions"], for_customers);
    for wrong in [
        json!({ "name": "" }),
        json!({ "name": "x", "ticket_field_ids": [987654321] }),
        json!({ "name": "x", "ticket_field_ids": [reason, reason] }),
        json!({ "name": "x", "restricted_brand_ids": [987654321] }),
        json!({ "name": "x", "ticket_field_ids": [reason, part], "agent_conditions": [
            { "parent_field_id": reason, "value": "c", "child_fields": [{ "id": part }] }] }),
        json!({ "name": "x", "ticket_field_ids": [reason], "agent_conditions": [
            { "parent_field_id": reason, "value": "a", "child_fields": [{ "id": part }] }] }),
        json!({ "name": "x", "ticket_field_ids": [reason, part], "agent_conditions": [
            { "parent_field_id": reason, "value": "a", "child_fields": [
                { "id": part, "required_on_statuses": { "type": "SOME_STATUSES", "statuses": ["odd"] } }] }] }),
    ] {
        let refused = server.post("/api/v2/ticket_forms", &all, json!({ "ticket_form": wrong })).await;
        assert_eq!(refused.status(), 422, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_ordered_copied_filtered_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let first = form(&server, &all, json!({ "name": "First", "end_user_visible": true })).await;
    let second = form(&server, &all, json!({ "name": "Second", "active": false })).await;
    let clone = format!("/api/v2/ticket_forms/{}/clone", id(&first));

    let copy = body(server.post(&clone, &all, json!({ "prepend_clone_title": true })).await, 200).await;
    let copy = copy["ticket_form"].clone();

    assert_eq!([&copy["name"], &copy["default"]], [&json!("Clone of First"), &json!(false)]);
    let order = json!({ "ticket_form_ids": [copy["id"], second["id"]] });
    let moved = body(server.put("/api/v2/ticket_forms/reorder", &all, order).await, 200).await;
    let in_order = [id(&copy), id(&second), id(&first)];
    assert_eq!(ids(&moved["ticket_forms"]), in_order);
    assert_eq!(ids(&get(&server, "/api/v2/ticket_forms", &all).await["ticket_forms"]), in_order);
    let page = get(&server, "/api/v2/ticket_forms?page[size]=2", &all).await;
    assert_eq!(ids(&page["ticket_forms"]), in_order[..2]);
    assert_eq!(page["meta"]["has_more"], true);
    for (query, found) in [
        ("active=false", vec![id(&second)]),
        ("active=true&end_user_visible=true", vec![id(&copy), id(&first)]),
        ("active=false&fallback_to_default=true", vec![id(&second), id(&first)]),
        ("associated_to_brand=true", in_order.to_vec()),
    ] {
        let list = get(&server, &format!("/api/v2/ticket_forms?{query}"), &all).await;
        assert_eq!(ids(&list["ticket_forms"]), found, "{query}");
    }
    let many = format!("/api/v2/ticket_forms/show_many?ids={},{}", id(&first), id(&copy));
    assert_eq!(ids(&get(&server, &many, &all).await["ticket_forms"]), [id(&copy), id(&first)]);
    let path = |form: &Value| format!("/api/v2/ticket_forms/{}", id(form));
    assert_eq!(server.delete(&path(&first), &all).await.status(), 422, "the default stays");
    assert_eq!(server.delete(&path(&second), &all).await.status(), 204);
    assert_eq!(server.get(&path(&second), &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_has_a_form_and_loses_nothing_with_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let reason = field(&server, &all, "Reason").await;
    let first = form(&server, &all, json!({ "name": "Return", "ticket_field_ids": [reason] })).await;
    let second = form(&server, &all, json!({ "name": "Other" })).await;

    let made = ticket(
        &server,
        &all,
        json!({ "ticket_form_id": second["id"], "custom_fields": [{ "id": reason, "value": "a" }] }),
    )
    .await;

    assert_eq!(made["ticket_form_id"], second["id"]);
    assert_eq!(made["custom_fields"], json!([{ "id": reason, "value": "a" }]), "a form refuses no value");
    let path = format!("/api/v2/tickets/{}", id(&made));
    let change = json!({ "ticket": { "ticket_form_id": first["id"] } });
    assert_eq!(body(server.put(&path, &all, change).await, 200).await["ticket"]["ticket_form_id"], first["id"]);
    let shown = get(&server, &format!("{path}?include=ticket_forms"), &all).await;
    assert_eq!(ids(&shown["ticket_forms"]), [id(&first)]);
    let unknown = json!({ "ticket": { "ticket_form_id": 987654321, "comment": { "body": "x" } } });
    assert_eq!(server.post("/api/v2/tickets", &all, unknown).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_hang_on_type_priority_and_status_too() {
    let server = Server::start().await;
    let all = all(&server).await;
    let part = field(&server, &all, "Part").await;
    let fields = get(&server, "/api/v2/ticket_fields", &all).await["ticket_fields"].clone();
    let id_of = |kind: &str| {
        let found = fields.as_array().expect("a list").iter().find(|it| it["type"] == kind).cloned();
        id(&found.expect("a field"))
    };
    for (kind, value, wrong) in
        [("tickettype", "task", "chore"), ("priority", "urgent", "extreme"), ("status", "hold", "waiting")]
    {
        let on = |value: &str| {
            json!([{ "parent_field_id": id_of(kind), "parent_field_type": kind, "value": value, "child_fields": [
                { "id": part, "is_required": true, "required_on_statuses": { "type": "ALL_STATUSES" } }] }])
        };
        let record = |value: &str| json!({ "name": kind, "ticket_field_ids": [part], "agent_conditions": on(value) });

        let made = form(&server, &all, record(value)).await;

        assert_eq!(made["agent_conditions"], on(value), "{kind}");
        let refused = server.post("/api/v2/ticket_forms", &all, json!({ "ticket_form": record(wrong) })).await;
        assert_eq!(refused.status(), 422, "{kind}");
    }
    let on_subject = json!({ "name": "x", "ticket_field_ids": [part], "agent_conditions": [
        { "parent_field_id": id_of("subject"), "value": "a", "child_fields": [{ "id": part }] }] });
    let refused = server.post("/api/v2/ticket_forms", &all, json!({ "ticket_form": on_subject })).await;
    assert_eq!(refused.status(), 422, "nothing hangs on a subject");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_solved_once_what_is_required_of_it_is_there() {
    let server = Server::start().await;
    let all = all(&server).await;
    let required = |kind: &str, title: &str| json!({ "type": kind, "title": title, "required": true });
    let seats = made(&server, "/api/v2/ticket_fields", &all, "ticket_field", required("integer", "Seats")).await;
    let seen = made(&server, "/api/v2/ticket_fields", &all, "ticket_field", required("checkbox", "Seen")).await;
    let values = |values: [Value; 2]| {
        let [a, b] = values;
        json!([{ "id": seats["id"], "value": a }, { "id": seen["id"], "value": b }])
    };
    let ours = ticket(&server, &all, json!({ "status": "open" })).await;
    let path = format!("/api/v2/tickets/{}", id(&ours));
    let change = |change: Value| server.put(&path, &all, json!({ "ticket": change }));

    let refused = body(change(json!({ "status": "solved", "subject": "Done" })).await, 422).await;

    assert_eq!([&refused["error"], &refused["description"]], ["RecordInvalid", "Record validation errors"]);
    let expected = json!([
        { "description": "Seats: is required when solving a ticket", "error": null,
          "ticket_field_id": seats["id"], "ticket_field_type": "FieldInteger" },
        { "description": "Seen: is required when solving a ticket", "error": null,
          "ticket_field_id": seen["id"], "ticket_field_type": "FieldCheckbox" },
    ]);
    assert_eq!(refused["details"], json!({ "base": expected }));
    let after = get(&server, &path, &all).await["ticket"].clone();
    assert_eq!([&after["status"], &after["subject"]], ["open", ""], "nothing of it is stored");
    let half = json!({ "status": "solved", "custom_fields": values([json!(4), json!(false)]) });
    let refused = body(change(half).await, 422).await;
    assert_eq!(refused["details"]["base"].as_array().map(Vec::len), Some(1), "a box must be ticked");
    let whole = json!({ "status": "solved", "custom_fields": values([json!(4), json!(true)]) });
    assert_eq!(body(change(whole).await, 200).await["ticket"]["status"], "solved");
    let emptied = json!({ "custom_fields": values([Value::Null, json!(true)]), "status": "solved" });
    assert_eq!(change(emptied).await.status(), 200, "a solved one stays solved");
    let new = json!({ "ticket": { "comment": { "body": "x" }, "status": "solved" } });
    assert_eq!(server.post("/api/v2/tickets", &all, new).await.status(), 422);
    let imported = json!({ "ticket": { "comments": [{ "body": "x" }], "status": "solved" } });
    assert_eq!(server.post("/api/v2/imports/tickets", &all, imported).await.status(), 201, "what was is not asked");
    let more = ticket(&server, &all, json!({})).await;
    let many = json!({ "ticket": { "status": "solved" } });
    let many = server.put(&format!("/api/v2/tickets/update_many?ids={}", id(&more)), &all, many).await;
    let job = super::done(&server, &all, many).await;
    assert!(job["results"][0].to_string().contains("Seats: is required"), "{job}");
    // With forms, what the ticket's form asks counts: here the second field alone, of tasks.
    let condition = json!([{ "parent_field_id": 900_000_000_004_i64, "value": "task", "child_fields": [
        { "id": seen["id"], "is_required": true, "required_on_statuses": { "type": "SOME_STATUSES", "statuses": ["solved"] } }] }]);
    let form = json!({ "name": "Jobs", "ticket_field_ids": [seen["id"]], "agent_conditions": condition });
    let form = self::form(&server, &all, form).await;
    let solved = json!({ "ticket_form_id": form["id"], "status": "solved" });
    ticket(&server, &all, solved.clone()).await;
    let mut task = solved;
    (task["type"], task["comment"]) = (json!("task"), json!({ "body": "x" }));
    let refused = body(server.post("/api/v2/tickets", &all, json!({ "ticket": task })).await, 422).await;
    assert_eq!(refused["details"]["base"][0]["ticket_field_id"], seen["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_see_the_forms_that_are_for_them_with_names_in_their_words() {
    let server = Server::start().await;
    let all = all(&server).await;
    let impersonating = token(&server, "read write impersonate").await;
    let item = json!({ "name": "Return", "default_locale_id": 1, "content": "Send it back" });
    made(&server, "/api/v2/dynamic_content/items", &all, "item", item).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let shown = json!({ "name": "Return", "display_name": "{{dc.return}}", "end_user_visible": true });
    let shown = form(&server, &all, shown).await;
    let hidden = form(&server, &all, json!({ "name": "Internal" })).await;
    let as_cleo = |path: String| {
        let request = super::request(&server, reqwest::Method::GET, &path, &impersonating);
        request.header("X-On-Behalf-Of", cleo["email"].as_str().expect("an address")).send()
    };

    let list = as_cleo("/api/v2/ticket_forms".to_owned()).await.expect("an answer");
    let list = body(list, 200).await;
    let other = as_cleo(format!("/api/v2/ticket_forms/{}", id(&hidden))).await.expect("an answer");

    assert_eq!(ids(&list["ticket_forms"]), [id(&shown)]);
    assert_eq!(list["ticket_forms"][0]["display_name"], "Send it back");
    assert_eq!(list["ticket_forms"][0]["raw_display_name"], "{{dc.return}}");
    assert_eq!(other.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_offers_some_of_the_accounts_own_statuses() {
    let server = Server::start().await;
    let all = all(&server).await;
    let form = form(&server, &all, json!({ "name": "Return" })).await;
    let mut statuses = Vec::new();
    for label in ["Parts", "Carrier"] {
        let record = json!({ "status_category": "open", "agent_label": label });
        statuses.push(id(&made(&server, "/api/v2/custom_statuses", &all, "custom_status", record).await));
    }
    let path = format!("/api/v2/ticket_forms/{}/ticket_form_statuses", id(&form));
    let list = |answer: Value| -> Vec<(String, i64)> {
        let list = answer["ticket_form_statuses"].as_array().expect("a list").clone();
        let one =
            |it: &Value| (it["id"].as_str().expect("a text").to_owned(), it["custom_status_id"].as_i64().unwrap());
        list.iter().map(one).collect()
    };

    let added = json!({ "ticket_form_status": [{ "custom_status_id": statuses[0] }] });
    let added = list(body(server.post(&path, &all, added).await, 200).await);
    let by_status = format!("/api/v2/custom_statuses/{}/ticket_form_statuses", statuses[1]);
    let more = json!({ "ticket_form_status": [{ "ticket_form_id": form["id"] }] });
    let more = list(body(server.post(&by_status, &all, more).await, 200).await);

    assert_eq!(added[0].1, statuses[0]);
    assert_eq!(more[0].1, statuses[1]);
    assert_eq!(list(get(&server, "/api/v2/ticket_form_statuses", &all).await), [added[0].clone(), more[0].clone()]);
    let many = format!("/api/v2/ticket_form_statuses/show_many?ids={}", more[0].0);
    assert_eq!(list(get(&server, &many, &all).await), more);
    let taken = json!({ "ticket_form_status": [{ "custom_status_id": statuses[1] }] });
    assert_eq!(server.put(&format!("{path}/{}", added[0].0), &all, taken).await.status(), 422);
    let change = json!({ "ticket_form_status": [{ "id": more[0].0, "_destroy": true }] });
    assert_eq!(list(body(server.put(&path, &all, change).await, 200).await), added);
    let moved = json!({ "ticket_form_status": [{ "custom_status_id": statuses[1] }] });
    let moved = list(body(server.put(&format!("{path}/{}", added[0].0), &all, moved).await, 200).await);
    assert_eq!(moved, [(added[0].0.clone(), statuses[1])]);
    assert_eq!(server.delete(&format!("{path}/{}", added[0].0), &all).await.status(), 204);
    assert_eq!(server.delete(&format!("{path}/{}", added[0].0), &all).await.status(), 404);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(list(get(&server, &path, &all).await), []);
    let unknown = "/api/v2/custom_statuses/987654321/ticket_form_statuses";
    let record = json!({ "ticket_form_status": [{ "ticket_form_id": form["id"] }] });
    assert_eq!(server.post(unknown, &all, record).await.status(), 404);
}

//! Fields that the account added, and their values.

use serde_json::{Value, json};

use super::{both, names};

#[tokio::test(flavor = "multi_thread")]
async fn values_of_custom_fields_are_the_same() {
    let it = both().await;
    let definition =
        json!({ "data_type": "text", "input_settings": { "input_type": "dropdown", "choices": ["late", "lost"] } });
    let reason = json!({ "object_type": "Ticket", "label": "Reason", "definition": definition });
    let reason = it.made("/api/custom-fields", reason).await;
    let order = it.made("/api/v2/ticket_fields", json!({ "ticket_field": { "type": "text", "title": "Order" } })).await;

    let ticket = it.by_gorgias(json!({ "custom_fields": [{ "id": reason["id"], "value": "late" }] })).await;
    it.change_in_zendesk(ticket, json!({ "custom_fields": [{ "id": order["id"], "value": "A-7" }] })).await;

    let told = it.in_zendesk(ticket).await;
    let values = told["custom_fields"].as_array().expect("a list");
    for (field, value) in [(&reason, "late"), (&order, "A-7")] {
        assert!(values.contains(&json!({ "id": field["id"], "value": value })), "{told}");
    }
    let told = it.in_gorgias(ticket).await;
    assert_eq!(told["custom_fields"][order["id"].to_string()]["value"], "A-7");
    assert_eq!(told["custom_fields"][reason["id"].to_string()]["value"], "late");
    let field = it.get(&format!("/api/v2/ticket_fields/{}", reason["id"])).await["ticket_field"].clone();
    assert_eq!([&field["type"], &field["title"]], ["tagger", "Reason"]);
    assert_eq!(it.get(&format!("/api/custom-fields/{}", order["id"])).await["label"], "Order");
    it.change_in_zendesk(ticket, json!({ "custom_fields": [{ "id": reason["id"], "value": null }] })).await;
    assert_eq!(it.in_gorgias(ticket).await["custom_fields"].get(reason["id"].to_string()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_one_vendor_alone_has_are_read_as_their_nearest_in_the_other() {
    let it = both().await;
    let field = |record: Value| it.made("/api/v2/ticket_fields", json!({ "ticket_field": record }));
    let options = json!([{ "name": "Lid", "value": "lid" }, { "name": "Cup", "value": "cup" }]);
    let parts = field(json!({ "type": "multiselect", "title": "Parts", "custom_field_options": options })).await;
    let order = field(json!({ "type": "regexp", "title": "Order", "regexp_for_validation": "^A-" })).await;
    let who = field(json!({ "type": "lookup", "title": "Who", "relationship_target_type": "zen:user" })).await;
    let card = field(json!({ "type": "partialcreditcard", "title": "Card" })).await;
    let staff = it.server.agent_id;
    let values = |parts_value: Value| {
        json!([
            { "id": parts["id"], "value": parts_value }, { "id": order["id"], "value": "A-7" },
            { "id": who["id"], "value": staff.to_string() }, { "id": card["id"], "value": "4111111111111234" },
        ])
    };

    let ticket = it.by_zendesk(json!({ "custom_fields": values(json!(["lid", "cup"])) })).await;

    let told = it.in_gorgias(ticket).await;
    let value = |told: &Value, field: &Value| told["custom_fields"][field["id"].to_string()]["value"].clone();
    for (field, expected) in [(&parts, "lid, cup"), (&order, "A-7"), (&card, "XXXXXXXXXXXX1234")] {
        assert_eq!(value(&told, field), expected);
    }
    assert_eq!(value(&told, &who), staff.to_string());
    assert_eq!(names(&told["tags"]), ["cup", "lid"]);
    for (field, input_type) in [(&parts, "dropdown"), (&order, "input"), (&who, "input"), (&card, "input")] {
        let path = format!("/api/custom-fields/{}", field["id"]);
        let shown = it.get(&path).await;
        assert_eq!(shown["definition"]["data_type"], "text");
        assert_eq!(shown["definition"]["input_settings"]["input_type"], input_type, "{shown}");
        let back = it.put(&path, shown.clone()).await;
        assert_eq!(back["definition"], shown["definition"], "sent back whole");
    }
    let kept = it.get(&format!("/api/v2/ticket_fields/{}", parts["id"])).await["ticket_field"]["type"].clone();
    assert_eq!(kept, "multiselect", "whoever knows one choice alone makes it none of one");
    // A ticket that is sent back as it is there stays as it is.
    it.change_in_gorgias(ticket, json!({ "custom_fields": told["custom_fields"], "subject": "Again" })).await;
    let here = it.in_zendesk(ticket).await;
    let parts_here = |it: &Value| {
        let list = it["custom_fields"].as_array().expect("a list").clone();
        list.into_iter().find(|value| value["id"] == parts["id"]).map(|value| value["value"].clone())
    };
    assert_eq!(parts_here(&here), Some(json!(["lid", "cup"])));
    for (sent, expected) in
        [(json!("cup"), json!(["cup"])), (json!("cup, lid"), json!(["lid", "cup"])), (json!(["lid"]), json!(["lid"]))]
    {
        it.change_in_gorgias(ticket, json!({ "custom_fields": values(sent) })).await;
        assert_eq!(parts_here(&it.in_zendesk(ticket).await), Some(expected));
    }
    assert_eq!(it.in_zendesk(ticket).await["tags"], json!(["lid"]));
    let one = format!("/api/tickets/{ticket}/custom-fields/{}", parts["id"]);
    let set = it.put(&one, json!({ "id": parts["id"], "value": "cup" })).await;
    assert_eq!([&set["value"], &set["field"]["label"]], ["cup", "Parts"]);
    for (field, wrong) in
        [(&parts, json!("saucer")), (&order, json!("B-7")), (&who, json!("987654321")), (&card, json!("1"))]
    {
        let path = format!("/api/tickets/{ticket}/custom-fields/{}", field["id"]);
        let refused = it.server.put(&path, &it.gorgias, json!({ "id": field["id"], "value": wrong })).await;
        assert_eq!(refused.status(), 400, "{wrong}");
    }
    let events = it.get(&format!("/api/events?object_type=Ticket&object_id={ticket}&limit=100")).await;
    assert!(events.to_string().contains(r#"["lid","cup"]"#), "{events}");
    let rows = json!({ "query": {
        "scope": "ticket-fields", "timezone": "UTC", "measures": ["ticketCount"], "dimensions": ["customFieldValue"],
        "filters": [
            { "member": "periodStart", "operator": "afterDate", "values": ["2026-01-01T00:00:00.000"] },
            { "member": "periodEnd", "operator": "beforeDate", "values": ["2026-12-31T23:59:59.000"] },
            { "member": "customFieldId", "operator": "one-of", "values": [parts["id"]] },
        ],
    } });
    it.by_zendesk(json!({ "custom_fields": values(json!(["lid", "cup"])) })).await;
    it.server.run_jobs().await;
    let counted = crate::gorgias::body(it.server.post("/api/reporting/stats", &it.gorgias, rows).await, 200).await;
    let mut counts: Vec<(String, i64)> = counted["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (row["customFieldValue"].to_string(), row["ticketCount"].as_i64().expect("a number")))
        .collect();
    counts.sort();
    assert_eq!(counts, [(r#""cup""#.to_owned(), 2), (r#""lid""#.to_owned(), 1)], "each choice counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_people_bring_their_tags_in_either_dialect() {
    let it = both().await;
    let options = json!([{ "name": "Tea", "value": "tea" }, { "name": "Milk", "value": "milk" }]);
    let likes = json!({ "user_field": { "type": "multiselect", "title": "Likes", "key": "likes", "custom_field_options": options } });
    let likes = it.made("/api/v2/user_fields", likes).await;
    let custom_fields = json!([{ "id": likes["id"], "value": "tea, milk" }]);

    let mia = it
        .made("/api/customers", json!({ "name": "Mia", "email": "mia@shop.test", "custom_fields": custom_fields }))
        .await;

    let path = format!("/api/v2/users/{}", mia["id"]);
    let told = it.get(&path).await["user"].clone();
    assert_eq!([&told["user_fields"], &told["tags"]], [&json!({ "likes": ["tea", "milk"] }), &json!(["milk", "tea"])]);
    let change = json!({ "custom_fields": [{ "id": likes["id"], "value": "milk" }] });
    it.put(&format!("/api/customers/{}", mia["id"]), change).await;
    let told = it.get(&path).await["user"].clone();
    assert_eq!([&told["user_fields"], &told["tags"]], [&json!({ "likes": ["milk"] }), &json!(["milk"])]);
    it.put(&path, json!({ "user": { "user_fields": { "likes": ["tea"] } } })).await;
    let told = it.get(&format!("/api/customers/{}", mia["id"])).await;
    assert_eq!(told["custom_fields"][likes["id"].to_string()]["value"], "tea");
    // A dropdown of the other dialect is no list of tags until its options are written here.
    let definition =
        json!({ "data_type": "text", "input_settings": { "input_type": "dropdown", "choices": ["late", "lost"] } });
    let reason = it
        .made("/api/custom-fields", json!({ "object_type": "Ticket", "label": "Reason", "definition": definition }))
        .await;
    let value = |value: &str| json!({ "custom_fields": [{ "id": reason["id"], "value": value }] });
    let ticket = it.by_gorgias(value("late")).await;
    assert_eq!(it.in_zendesk(ticket).await["tags"], json!([]));
    let field = format!("/api/v2/ticket_fields/{}", reason["id"]);
    let options = it.get(&field).await["ticket_field"]["custom_field_options"].clone();
    it.put(&field, json!({ "ticket_field": { "custom_field_options": options } })).await;
    it.change_in_gorgias(ticket, value("lost")).await;
    assert_eq!(it.in_zendesk(ticket).await["tags"], json!(["lost"]));
}

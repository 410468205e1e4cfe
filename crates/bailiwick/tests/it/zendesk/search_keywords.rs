//! `/api/v2/search`: what each kind of record is asked by its keywords.

use std::time::Duration;

use reqwest::Method;
use scope::Dialect;
use serde_json::json;

use super::search::found;
use super::{all, body, customer, get, id, ids, made, request, ticket};
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_asked_who_is_around_them() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = id(&customer(&server, &all, "Cleo Park").await);
    let dan = id(&customer(&server, &all, "Dan Lee").await);
    let record = json!({ "subject": "One", "requester_id": cleo, "email_ccs": [{ "user_id": dan }] });
    let one = id(&ticket(&server, &all, record).await);
    server.clock.advance(Duration::from_secs(1));
    let record = json!({ "subject": "Two", "requester_id": dan, "submitter_id": dan });
    let two = id(&ticket(&server, &all, record).await);
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let answer = json!({ "ticket": { "comment": { "body": "We look into it." }, "assignee_id": server.agent_id } });
    body(server.put(&format!("/api/v2/tickets/{one}"), &agent, answer).await, 200).await;

    for (query, expected) in [
        ("requester:park", vec![one]),
        ("requester:\"cleo park\"", vec![one]),
        ("requester:cle*", vec![one]),
        ("requester:cleo requester:dan order_by:created sort:asc", vec![one, two]),
        ("-requester:dan type:ticket", vec![one]),
        ("cc:dan", vec![one]),
        ("cc:dan.lee@shop.test", vec![one]),
        ("cc:none", vec![two]),
        ("cc:*", vec![one]),
        ("-cc:dan type:ticket", vec![two]),
        ("submitter:dan", vec![two]),
        ("submitter:me", vec![one]),
        ("-submitter:me", vec![two]),
        ("commenter:dan", vec![two]),
        ("commenter:me", vec![one]),
        ("commenter:agent@demo.test", vec![one]),
        ("-commenter:me", vec![two]),
        ("assignee:me", vec![]),
        ("requester:nobody", vec![]),
    ] {
        assert_eq!(found(&server, &all, query).await, expected, "{query}");
    }
    assert_eq!(found(&server, &agent, "assignee:me").await, [one]);
    assert_eq!(found(&server, &agent, "-assignee:me type:ticket").await, [two]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_asked_for_dates_files_forms_brands_and_fields() {
    let server = Server::start().await;
    let all = all(&server).await;
    let field =
        made(&server, "/api/v2/ticket_fields", &all, "ticket_field", json!({ "type": "text", "title": "Code" })).await;
    let number =
        made(&server, "/api/v2/ticket_fields", &all, "ticket_field", json!({ "type": "integer", "title": "Size" }))
            .await;
    let day =
        made(&server, "/api/v2/ticket_fields", &all, "ticket_field", json!({ "type": "date", "title": "Day" })).await;
    let parts = json!({ "status_category": "open", "agent_label": "Waits for parts" });
    let parts = made(&server, "/api/v2/custom_statuses", &all, "custom_status", parts).await;
    let form = made(&server, "/api/v2/ticket_forms", &all, "ticket_form", json!({ "name": "Return a parcel" })).await;
    let brand =
        made(&server, "/api/v2/brands", &all, "brand", json!({ "name": "Teapots", "subdomain": "teapots" })).await;
    let upload =
        request(&server, Method::POST, "/api/v2/uploads?filename=a.txt", &all).header("content-type", "text/plain");
    let upload = body(upload.body("x").send().await.expect("send"), 201).await["upload"]["token"].clone();
    let record = json!({
        "subject": "One", "type": "task", "due_at": "2030-05-01T12:00:00Z", "brand_id": brand["id"],
        "ticket_form_id": form["id"], "comment": { "body": "See the file", "uploads": [upload] }, "tags": ["a", "b"],
        "custom_fields": [{ "id": field["id"], "value": "Blue-7" }, { "id": number["id"], "value": 12 }, { "id": day["id"], "value": "2026-05-01" }],
    });
    let one = id(&ticket(&server, &all, record).await);
    server.clock.advance(Duration::from_secs(1));
    let record = json!({
        "subject": "Two", "tags": ["b"], "custom_status_id": parts["id"],
        "custom_fields": [{ "id": day["id"], "value": "2026-11-30" }],
    });
    let two = id(&ticket(&server, &all, record).await);
    let (field, number, day) = (id(&field), id(&number), id(&day));

    for (query, expected) in [
        ("due_date:2030-05-01".to_owned(), vec![one]),
        ("due_date>2030-04-30 due_date<2030-05-02".to_owned(), vec![one]),
        ("due_date<2030-05-01".to_owned(), vec![]),
        ("due_date:none".to_owned(), vec![two]),
        ("-due_date:none".to_owned(), vec![one]),
        ("has_attachment:true".to_owned(), vec![one]),
        ("has_attachment:false".to_owned(), vec![two]),
        ("-has_attachment:true".to_owned(), vec![two]),
        (format!("form:{}", form["id"]), vec![one]),
        ("form:\"return a\"".to_owned(), vec![one]),
        ("-form:return".to_owned(), vec![two]),
        ("brand:teapots".to_owned(), vec![one]),
        (format!("-brand:{} type:ticket", brand["id"]), vec![two]),
        ("fieldvalue:blue-7".to_owned(), vec![one]),
        ("fieldvalue:12".to_owned(), vec![one]),
        ("fieldvalue:blu*".to_owned(), vec![one]),
        ("-fieldvalue:blue-7".to_owned(), vec![two]),
        ("fieldvalue:red".to_owned(), vec![]),
        (format!("custom_field_{field}:Blue-7"), vec![one]),
        (format!("custom_field_{field}:blue*"), vec![one]),
        (format!("custom_field_{field}:none"), vec![two]),
        (format!("custom_field_{number}>=12"), vec![one]),
        (format!("custom_field_{number}<12"), vec![]),
        (format!("-custom_field_{number}:12"), vec![two]),
        (format!("custom_field_{day}:2026-05-01"), vec![one]),
        (format!("custom_field_{day}<2026-11-30"), vec![one]),
        (format!("custom_field_{day}<=2026-11-30 custom_field_{day}>2026-05-01"), vec![two]),
        (format!("custom_field_{day}>=2026-12-01"), vec![]),
        (format!("-custom_field_{day}<2026-06-01 type:ticket"), vec![two]),
        (format!("custom_field_{field}>2026-05-01"), vec![]),
        (format!("custom_status_id:{}", parts["id"]), vec![two]),
        (format!("-custom_status_id:{} type:ticket", parts["id"]), vec![one]),
        ("tags:a tags:b order_by:created sort:asc type:ticket".to_owned(), vec![one, two]),
        ("tags:\"a b\" type:ticket".to_owned(), vec![one]),
        ("-tags:a type:ticket".to_owned(), vec![two]),
        ("-status:new".to_owned(), vec![two]),
        ("-priority:normal".to_owned(), vec![]),
        ("ticket_type:none".to_owned(), vec![two]),
        ("-ticket_type:task".to_owned(), vec![two]),
    ] {
        assert_eq!(found(&server, &all, &query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_found_by_the_address_that_they_came_to() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = id(&customer(&server, &all, "Cleo").await);
    let said = ticket(&server, &all, json!({ "subject": "One", "recipient": "Help@shop.test" })).await;
    server.clock.advance(Duration::from_secs(1));
    let nowhere = id(&ticket(&server, &all, json!({ "subject": "Two", "recipient": null })).await);
    let gorgias = server.token_for(Person::Admin, Dialect::Gorgias, "tickets:write").await;
    let source = json!({ "type": "email", "to": [{ "address": "Returns@shop.test" }], "from": { "address": "cleo.park@shop.test" } });
    let message = json!({
        "channel": "email", "via": "email", "from_agent": false, "body_text": "x", "source": source, "sender": { "id": cleo },
    });
    let mail = json!({ "customer": { "id": cleo }, "channel": "email", "via": "email", "messages": [message] });
    let mailed = id(&body(server.post("/api/tickets", &gorgias, mail).await, 201).await);

    assert_eq!(said["recipient"], "help@shop.test");
    for (query, expected) in [
        ("recipient:help@shop.test", vec![id(&said)]),
        ("recipient:returns@SHOP.test", vec![mailed]),
        ("recipient:none", vec![nowhere]),
        ("-recipient:help@shop.test recipient:*", vec![mailed]),
        ("recipient:nobody@shop.test", vec![]),
    ] {
        assert_eq!(found(&server, &all, query).await, expected, "{query}");
    }
    let shown = get(&server, &format!("/api/v2/tickets/{mailed}"), &all).await;
    assert_eq!(shown["ticket"]["recipient"], "returns@shop.test");
    let shown = get(&server, &format!("/api/v2/tickets/{nowhere}"), &all).await;
    assert_eq!(shown["ticket"]["recipient"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_asked_for_what_is_known_of_them() {
    let server = Server::start().await;
    let all = all(&server).await;
    for (key, kind) in [("plan", "text"), ("seats", "integer"), ("vip-since", "checkbox")] {
        let record = json!({ "type": kind, "title": key, "key": key });
        made(&server, "/api/v2/user_fields", &all, "user_field", record).await;
    }
    let organization =
        made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Zebra Inc" })).await;
    let record = json!({
        "name": "Cleo Park", "email": "cleo@mail.shop.test", "phone": "+49 30 5550123", "external_id": "C-1", "verified": true,
        "notes": "Calls on the first of May", "details": "Lives in Köln", "tags": ["vip", "late payer"],
        "organization_id": organization["id"], "user_fields": { "plan": "Gold", "seats": 12, "vip-since": true },
    });
    let cleo = id(&made(&server, "/api/v2/users", &all, "user", record).await);
    server.clock.advance(Duration::from_secs(3600));
    let record =
        json!({ "name": "Dan Parker", "email": "dan@other.test", "suspended": true, "notes": "of the first May" });
    let dan = id(&made(&server, "/api/v2/users", &all, "user", record).await);
    let agent = server.agent_id;

    for (query, expected) in [
        ("name:park", vec![cleo, dan]),
        ("name:\"park\"", vec![cleo]),
        ("name:\"cleo park\"", vec![cleo]),
        ("name:\"park cleo\"", vec![]),
        ("email:cleo@mail.shop.test", vec![cleo]),
        ("email:shop.test", vec![cleo]),
        ("type:user cleo@mail.shop.test", vec![cleo]),
        ("phone:5550123", vec![cleo]),
        ("phone:\"+49 30 5550123\"", vec![cleo]),
        ("role:end-user phone:none", vec![dan]),
        ("type:user external_id:c-1", vec![cleo]),
        ("role:end-user external_id:none", vec![dan]),
        ("notes:\"first of may\"", vec![cleo]),
        ("notes:may", vec![cleo, dan]),
        ("notes:may -notes:calls", vec![dan]),
        ("type:user details:koln", vec![cleo]),
        ("type:user tags:vip", vec![cleo]),
        ("type:user tags:\"vip late\"", vec![]),
        ("role:end-user tags:none", vec![dan]),
        ("role:end-user -tags:vip", vec![dan]),
        ("type:user organization:zebra", vec![cleo]),
        ("role:end-user organization:none", vec![dan]),
        ("is_suspended:true", vec![dan]),
        ("role:end-user is_suspended:false", vec![cleo]),
        ("is_verified:true role:end-user", vec![]),
        ("is_verified:false role:end-user", vec![cleo, dan]),
        ("role:end-user created<30minutes", vec![cleo]),
        ("role:end-user created>=1hours order_by:created sort:desc", vec![dan, cleo]),
        ("role:end-user order_by:created sort:asc", vec![cleo, dan]),
        ("plan:gold", vec![cleo]),
        ("plan:go*", vec![cleo]),
        ("role:end-user plan:none", vec![dan]),
        ("role:end-user -plan:gold", vec![dan]),
        ("seats>11", vec![cleo]),
        ("seats<12", vec![]),
        ("vip-since:true", vec![cleo]),
        ("type:user may -calls", vec![]),
        ("role:end-user -calls", vec![dan]),
        ("role:end-user \"first of may\"", vec![cleo]),
        ("role:end-user -\"first of may\"", vec![dan]),
        ("role:end-user par*", vec![cleo, dan]),
        ("role:agent name:agent", vec![agent]),
        ("role:agent role:end-user name:park", vec![cleo, dan]),
        ("-role:end-user email:agent@demo.test", vec![agent]),
    ] {
        assert_eq!(found(&server, &all, query).await, expected, "{query}");
    }
    let note = json!({ "user": { "notes": "Writes letters" } });
    body(server.put(&format!("/api/v2/users/{cleo}"), &all, note).await, 200).await;
    assert_eq!(found(&server, &all, "notes:calls").await, Vec::<i64>::new(), "the index follows");
    assert_eq!(found(&server, &all, "notes:letters").await, [cleo]);
    let vip = json!({ "type": "checkbox", "title": "Gold card", "key": "gold-card", "tag": "gold" });
    made(&server, "/api/v2/user_fields", &all, "user_field", vip).await;
    let ticked = json!({ "user": { "user_fields": { "gold-card": true } } });
    body(server.put(&format!("/api/v2/users/{dan}"), &all, ticked).await, 200).await;
    assert_eq!(found(&server, &all, "type:user tags:gold").await, [dan], "a tag that came with a value");
    for wrong in ["seats:many", "vip-since:perhaps", "role:king", "is_verified:maybe", "type:user cc:dan", "plan<3"] {
        assert_eq!(server.get(&format!("/api/v2/search?query={wrong}"), &all).await.status(), 422, "{wrong}");
    }
    let exported = get(&server, "/api/v2/search/export?query=role:end-user&filter[type]=user&page[size]=1", &all).await;
    assert_eq!(ids(&exported["results"]), [dan], "the newest first");
    let next =
        exported["links"]["next"].as_str().expect("an address").strip_prefix(&server.base).expect("ours").to_owned();
    assert_eq!(ids(&get(&server, &next, &all).await["results"]), [cleo]);
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations_and_groups_are_asked_too_and_kinds_go_together() {
    let server = Server::start().await;
    let all = all(&server).await;
    let field = json!({ "type": "dropdown", "title": "Tier", "key": "tier",
                        "custom_field_options": [{ "name": "Gold", "value": "gold" }, { "name": "Tin", "value": "tin" }] });
    made(&server, "/api/v2/organization_fields", &all, "organization_field", field).await;
    let record = json!({ "name": "Zebra Teapots", "external_id": "Z-1", "notes": "Pays late", "details": "In Ulm am Rhein",
                         "tags": ["vip"], "organization_fields": { "tier": "gold" } });
    let zebra = id(&made(&server, "/api/v2/organizations", &all, "organization", record).await);
    server.clock.advance(Duration::from_secs(1));
    let other =
        id(&made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Teapot World" })).await);
    let desk = id(&made(&server, "/api/v2/groups", &all, "group", json!({ "name": "Teapot desk" })).await);
    let cleo = id(&customer(&server, &all, "Teapot Cleo").await);
    let about = id(&ticket(&server, &all, json!({ "subject": "A teapot", "requester_id": cleo })).await);

    for (query, expected) in [
        ("type:organization teapot", vec![zebra, other]),
        ("type:organization teapot -zebra", vec![other]),
        ("type:organization \"zebra teapots\"", vec![zebra]),
        ("type:organization name:teapot", vec![zebra, other]),
        ("type:organization name:\"teapot\"", vec![other]),
        ("type:organization external_id:z-1", vec![zebra]),
        ("type:organization notes:late", vec![zebra]),
        ("type:organization details:\"ulm am\"", vec![zebra]),
        ("type:organization tags:vip", vec![zebra]),
        ("type:organization -tags:vip", vec![other]),
        ("type:organization tags:none", vec![other]),
        ("type:organization notes:none", vec![other]),
        ("tier:gold", vec![zebra]),
        ("-tier:gold", vec![other]),
        ("type:organization created<=1hours", vec![]),
        ("type:organization order_by:created sort:desc", vec![other, zebra]),
        ("type:organization order_by:updated sort:asc", vec![zebra, other]),
        ("type:group teapot", vec![desk]),
        ("type:group name:tea*", vec![desk]),
        ("type:group -teapot", vec![]),
        ("type:group created>1hours teapot", vec![desk]),
        ("type:user type:group teapot", vec![cleo, desk]),
        ("type:user,group teapot", vec![cleo, desk]),
        ("teapot -type:organization -type:group", vec![about, cleo]),
    ] {
        let mut result = found(&server, &all, query).await;
        if query.contains("type:user") {
            result.sort_by_key(|id| expected.iter().position(|it| it == id));
        }
        assert_eq!(result, expected, "{query}");
    }
    let change = json!({ "organization": { "name": "Zebra Kettles" } });
    body(server.put(&format!("/api/v2/organizations/{zebra}"), &all, change).await, 200).await;
    assert_eq!(found(&server, &all, "type:organization teapots").await, Vec::<i64>::new(), "the index follows");
    assert_eq!(server.delete(&format!("/api/v2/organizations/{other}"), &all).await.status(), 204);
    assert_eq!(found(&server, &all, "type:organization name:teapot").await, Vec::<i64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_searches_are_answered_or_refused_and_never_break() {
    let server = Server::start().await;
    let all = all(&server).await;
    ticket(&server, &all, json!({ "subject": "x" })).await;
    for query in [
        "-",
        "--",
        "\"",
        "-\"",
        "\"\"",
        "*",
        "-*",
        "***",
        "''",
        "a:b:c",
        "¤¤a¤b",
        "-¤",
        "subject:¤",
        "subject:\"",
        "tags:\"\"",
        "(",
        ")",
        "a AND b",
        "NOT x",
        "NEAR(a b)",
        "x\\",
        "%",
        "_",
        "注文",
        "-注文",
        "\"注文です\"",
        "fieldvalue:",
        "created:",
        "-created:2026-01-01",
        "cc:",
        "email:@",
        "type:user @",
        "type:user email:*",
        "type:user phone:x",
        "type:user -\"a b c d\"",
        "type:organization *",
        "type:group \"\"",
        "https://example.com/a?b=c",
        "custom_field_9999999999999999999:1",
        "custom_field_1:1e400",
        "name:none",
        "form:*",
        "brand:none",
        "status:",
        "type:",
        "order_by:",
        "sort:x",
        "type:ticket type:user type:organization type:group -type:ticket",
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        for path in [
            "search?query=",
            "search/count?query=",
            "search/export?filter[type]=ticket&query=",
            "search/export?filter[type]=user&query=",
        ] {
            let status = server.get(&format!("/api/v2/{path}{encoded}"), &all).await.status();
            assert!(matches!(status.as_u16(), 200 | 400 | 422), "{path}{query}: {status}");
        }
    }
}

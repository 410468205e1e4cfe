//! `/api/v2/requests`, as customers call it: by `X-On-Behalf-Of`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{all, body, customer, id, ids, made, request, ticket, token};
use crate::support::Server;

struct Customer<'a> {
    server: &'a Server,
    token: String,
    id: i64,
}

impl Customer<'_> {
    async fn call(&self, method: Method, path: &str, sent: Option<Value>) -> reqwest::Response {
        let mut call = request(self.server, method, path, &self.token).header("x-on-behalf-of", self.id);
        if let Some(sent) = sent {
            call = call.json(&sent);
        }
        call.send().await.expect("send")
    }

    async fn get(&self, path: &str) -> Value {
        body(self.call(Method::GET, path, None).await, 200).await
    }
}

async fn acting<'a>(server: &'a Server, name: &str) -> Customer<'a> {
    let made = customer(server, &all(server).await, name).await;
    Customer { server, token: token(server, "read write impersonate").await, id: id(&made) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_writes_reads_and_solves_their_own_request() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = acting(&server, "Cleo").await;
    let new = json!({ "request": { "subject": "Help", "comment": { "body": "My printer!", "public": false, "author_id": server.admin_id },
                                   "assignee_id": server.agent_id, "tags": ["x"], "requester": { "name": "Nobody" } } });

    let made = body(cleo.call(Method::POST, "/api/v2/requests", Some(new)).await, 201).await["request"].clone();
    let path = format!("/api/v2/requests/{}", id(&made));

    assert_eq!([&made["requester_id"], &made["description"]], [&json!(cleo.id), &json!("My printer!")]);
    assert_eq!([&made["assignee_id"], &made["can_be_solved_by_me"]], [&Value::Null, &json!(false)]);
    assert_eq!(ids(&cleo.get("/api/v2/requests").await["requests"]), [id(&made)]);
    let early = json!({ "request": { "solved": true } });
    assert_eq!(cleo.call(Method::PUT, &path, Some(early.clone())).await.status(), 422);
    let answer =
        json!({ "ticket": { "assignee_id": server.agent_id, "comment": { "body": "Water", "public": true } } });
    body(server.put(&format!("/api/v2/tickets/{}", id(&made)), &all, answer).await, 200).await;
    let note = json!({ "ticket": { "comment": { "body": "Odd one", "public": false } } });
    body(server.put(&format!("/api/v2/tickets/{}", id(&made)), &all, note).await, 200).await;
    let thanks = json!({ "request": { "comment": { "body": "Thanks" }, "solved": true } });
    let solved = body(cleo.call(Method::PUT, &path, Some(thanks)).await, 200).await["request"].clone();
    let comments = cleo.get(&format!("{path}/comments")).await;
    let told: Vec<&str> =
        comments["comments"].as_array().expect("a list").iter().filter_map(|it| it["body"].as_str()).collect();
    assert_eq!(told, ["My printer!", "Water", "Thanks"]);
    assert_eq!(comments["users"].as_array().map(Vec::len), Some(2));
    let of_staff = cleo.get(&format!("{path}/comments?role=agent")).await;
    assert_eq!(of_staff["comments"].as_array().map(Vec::len), Some(1));
    let one = cleo.get(&format!("{path}/comments/{}", id(&comments["comments"][1]))).await;
    assert_eq!(one["comment"]["body"], "Water");
    assert_eq!(solved["status"], "solved");
    assert_eq!(ids(&cleo.get("/api/v2/requests/solved").await["requests"]), [id(&made)]);
    assert_eq!(cleo.get("/api/v2/requests/open").await["requests"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_fills_in_what_is_required_of_them_and_staff_need_not() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = acting(&server, "Cleo").await;
    let field = async |record: Value| id(&made(&server, "/api/v2/ticket_fields", &all, "ticket_field", record).await);
    let portal = json!({ "visible_in_portal": true, "editable_in_portal": true });
    let of = |title: &str, kind: &str, required: bool| {
        let mut record = json!({ "type": kind, "title": title, "required_in_portal": required });
        record.as_object_mut().expect("an object").extend(portal.as_object().expect("an object").clone());
        record
    };
    let order = field(json!({ "type": "text", "title": "Order number", "title_in_portal": "Your order",
                              "required_in_portal": true, "visible_in_portal": true, "editable_in_portal": true }))
    .await;
    let agreed = field(of("Agreed", "checkbox", true)).await;
    let colour = field(of("Colour", "text", false)).await;
    field(json!({ "type": "text", "title": "Ours", "required_in_portal": true, "visible_in_portal": false })).await;
    let ask = async |more: Value| {
        let mut record = json!({ "subject": "Help", "comment": { "body": "My printer!" } });
        record.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        cleo.call(Method::POST, "/api/v2/requests", Some(json!({ "request": record }))).await
    };
    let filled = json!([{ "id": order, "value": "A-7" }, { "id": agreed, "value": true }]);

    let refused = body(ask(json!({ "custom_fields": [{ "id": agreed, "value": false }] })).await, 422).await;
    let problem = |label: &str, id: i64, class: &str| json!({ "description": format!("{label}: cannot be blank"), "error": "BlankValue", "ticket_field_id": id, "ticket_field_type": class });
    assert_eq!(
        (&refused["error"], &refused["description"]),
        (&json!("RecordInvalid"), &json!("Record validation errors"))
    );
    assert_eq!(
        refused["details"]["base"],
        json!([problem("Your order", order, "FieldText"), problem("Agreed", agreed, "FieldCheckbox")])
    );
    assert_eq!(cleo.get("/api/v2/requests").await["requests"], json!([]), "nothing stays of it");
    let made_one = body(ask(json!({ "custom_fields": filled })).await, 201).await["request"].clone();
    // Afterwards, and of staff, nothing is asked.
    let more = json!({ "request": { "comment": { "body": "Still broken" } } });
    body(cleo.call(Method::PUT, &format!("/api/v2/requests/{}", id(&made_one)), Some(more)).await, 200).await;
    ticket(&server, &all, json!({ "requester_id": cleo.id })).await;
    let own = json!({ "request": { "subject": "Ours", "comment": { "body": "x" } } });
    body(server.post("/api/v2/requests", &all, own).await, 201).await;

    // A form asks for its own fields, under the conditions for customers.
    let when =
        json!([{ "parent_field_id": agreed, "value": true, "child_fields": [{ "id": colour, "is_required": true }] }]);
    let form = json!({ "name": "Agreement", "ticket_field_ids": [agreed, colour], "end_user_visible": true, "end_user_conditions": when });
    let form = id(&made(&server, "/api/v2/ticket_forms", &all, "ticket_form", form).await);
    let on_form = |values: Value| json!({ "ticket_form_id": form, "custom_fields": values });
    let ticked = json!([{ "id": agreed, "value": true }]);
    let refused = body(ask(on_form(ticked)).await, 422).await;
    assert_eq!(refused["details"]["base"], json!([problem("Colour", colour, "FieldText")]));
    let both = json!([{ "id": agreed, "value": true }, { "id": colour, "value": "blue" }]);
    body(ask(on_form(both)).await, 201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_what_is_not_theirs() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (cleo, dan) = (acting(&server, "Cleo").await, acting(&server, "Dan").await);
    let of_cleo = id(&ticket(&server, &all, json!({ "requester_id": cleo.id })).await);
    let record = json!({ "requester_id": cleo.id, "comment": { "body": "Private", "public": false } });
    let private = id(&ticket(&server, &all, record).await);

    for path in [
        format!("/api/v2/requests/{of_cleo}"),
        format!("/api/v2/requests/{of_cleo}/comments"),
        format!("/api/v2/users/{}/requests", cleo.id),
    ] {
        assert_eq!(dan.call(Method::GET, &path, None).await.status(), 404, "{path}");
    }
    let comment = json!({ "request": { "comment": { "body": "Me too" } } });
    assert_eq!(dan.call(Method::PUT, &format!("/api/v2/requests/{of_cleo}"), Some(comment)).await.status(), 404);
    assert_eq!(cleo.call(Method::GET, &format!("/api/v2/requests/{private}"), None).await.status(), 404);
    assert_eq!(ids(&cleo.get("/api/v2/requests").await["requests"]), [of_cleo]);
    let copied = json!({ "ticket": { "email_cc_ids": [dan.id] } });
    body(server.put(&format!("/api/v2/tickets/{of_cleo}"), &all, copied).await, 200).await;
    assert_eq!(ids(&dan.get("/api/v2/requests/ccd").await["requests"]), [of_cleo]);
    assert_eq!(dan.get(&format!("/api/v2/requests/{of_cleo}")).await["request"]["email_cc_ids"], json!([dan.id]));
    assert_eq!(cleo.call(Method::GET, "/api/v2/tickets", None).await.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_shares_its_requests_only_if_it_says_so() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (cleo, dan) = (acting(&server, "Cleo").await, acting(&server, "Dan").await);
    let shop = id(&made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Shop" })).await);
    for person in [cleo.id, dan.id] {
        let record = json!({ "user_id": person, "organization_id": shop });
        made(&server, "/api/v2/organization_memberships", &all, "organization_membership", record).await;
    }
    let of_cleo = id(&ticket(&server, &all, json!({ "requester_id": cleo.id, "organization_id": shop })).await);
    let path = format!("/api/v2/organizations/{shop}/requests");

    let closed = dan.call(Method::GET, &path, None).await.status();
    let open = json!({ "organization": { "shared_tickets": true } });
    body(server.put(&format!("/api/v2/organizations/{shop}"), &all, open).await, 200).await;

    assert_eq!(closed, 404);
    assert_eq!(ids(&dan.get(&path).await["requests"]), [of_cleo]);
    assert_eq!(dan.get(&format!("/api/v2/requests/{of_cleo}")).await["request"]["id"], of_cleo);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_fills_in_only_the_fields_that_are_theirs() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = acting(&server, "Cleo").await;
    let mut fields = Vec::new();
    for editable in [true, false] {
        let field = json!({ "type": "text", "title": "x", "visible_in_portal": true, "editable_in_portal": editable });
        fields.push(id(&made(&server, "/api/v2/ticket_fields", &all, "ticket_field", field).await));
    }
    let with = |field: i64| json!({ "request": { "subject": "x", "comment": { "body": "x" }, "custom_fields": [{ "id": field, "value": "y" }] } });

    let kept = body(cleo.call(Method::POST, "/api/v2/requests", Some(with(fields[0]))).await, 201).await;
    let refused = cleo.call(Method::POST, "/api/v2/requests", Some(with(fields[1]))).await;

    assert_eq!(kept["request"]["custom_fields"], json!([{ "id": fields[0], "value": "y" }]));
    assert_eq!(refused.status(), 422);
    let blank = json!({ "request": { "comment": { "body": "x" } } });
    assert_eq!(cleo.call(Method::POST, "/api/v2/requests", Some(blank)).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_the_caller_may_read_and_nothing_else() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = acting(&server, "Cleo").await;
    let dan = acting(&server, "Dan").await;
    let own = |subject: &str, text: &str| json!({ "subject": subject, "requester_id": cleo.id, "comment": { "body": text, "author_id": cleo.id } });
    let printer = id(&ticket(&server, &all, own("Printer", "It burns")).await);
    server.clock.advance(std::time::Duration::from_secs(1));
    let parcel = id(&ticket(&server, &all, own("Parcel", "Where is it?")).await);
    let note = json!({ "ticket": { "comment": { "body": "She always complains: zebra", "public": false } } });
    body(server.put(&format!("/api/v2/tickets/{printer}"), &all, note).await, 200).await;
    let answer = json!({ "ticket": { "comment": { "body": "Pour water on it" }, "email_ccs": [{ "user_id": dan.id }], "status": "hold" } });
    server.clock.advance(std::time::Duration::from_secs(1));
    body(server.put(&format!("/api/v2/tickets/{parcel}"), &all, answer).await, 200).await;
    ticket(&server, &all, json!({ "subject": "Printer of Dan", "requester_id": dan.id })).await;

    for (query, expected) in [
        ("query=printer", vec![printer]),
        ("query=burn", vec![printer]),
        ("query=pour%20water", vec![parcel]),
        ("query=zebra", vec![]),
        ("query=complains", vec![]),
        ("query=it", vec![parcel, printer]),
        ("query=", vec![parcel, printer]),
        ("query=it&status=open", vec![parcel]),
        ("query=it&per_page=1&page=2", vec![printer]),
    ] {
        let found = cleo.get(&format!("/api/v2/requests/search?{query}")).await;
        assert_eq!(ids(&found["requests"]), expected, "{query}");
    }
    let copied = dan.get("/api/v2/requests/search?query=water&cc_id=true").await;
    assert_eq!(ids(&copied["requests"]), [parcel]);
    assert_eq!(dan.get("/api/v2/requests/search?query=water").await["requests"], json!([]));
    let deep = cleo.call(Method::GET, "/api/v2/requests/search?query=it&page=11&per_page=100", None).await;
    assert_eq!(body(deep, 422).await["error"], "invalid");
    let foreign = cleo.call(Method::GET, "/api/v2/requests/search?query=it&organization_id=987", None).await;
    assert_eq!(foreign.status(), 404);
}

//! The MCP endpoint: who is let in, and to which tools (section 26 of the OAuth contract, RS-10, RS-11).

use oauth::resources::{MCP_SETTING, McpSettings};
use reqwest::header::{ACCEPT, AUTHORIZATION, ORIGIN, WWW_AUTHENTICATE};
use scope::Dialect;
use scope::permit::CanWrite;
use scope::resource::Apps;
use serde_json::{Value, json};

use crate::support::app::{CALLBACK, confidential};
use crate::support::{Person, Server};

/// A token for the MCP endpoint, for the administrator.
async fn token(server: &Server, scope: &str) -> String {
    let app = server.app(confidential(Dialect::Standard, scope)).await;
    let tokens = app.tokens_for(Person::Admin, scope, &[&server.mcp_resource()]).await;
    tokens["access_token"].as_str().expect("a token").to_owned()
}

fn challenge(response: &reqwest::Response) -> &str {
    response.headers()[WWW_AUTHENTICATE].to_str().expect("text")
}

/// A ticket with one message, by its id.
async fn ticket(server: &Server) -> i64 {
    let token = server.token("tickets:write").await;
    let body = json!({
        "customer": { "email": "kim@example.com", "name": "Kim" },
        "subject": "Broken kettle",
        "messages": [{
            "channel": "api", "via": "api", "from_agent": false, "body_text": "It leaks.",
            "sender": { "email": "kim@example.com" },
        }],
    });
    let answer = server.post("/api/tickets", &token, body).await;
    assert_eq!(answer.status(), 201);
    answer.json::<Value>().await.expect("JSON")["id"].as_i64().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_the_endpoint_says_where_to_get_one() {
    // MC-1, MD-12, RS-2
    let server = Server::start().await;
    let address = format!("{}/.well-known/oauth-protected-resource/mcp", server.base);

    for request in [
        server.mcp_request(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} })),
        server.http.get(format!("{}/mcp", server.base)).header(ACCEPT, "text/event-stream"),
        server.mcp_request(json!([])).header("mcp-session-id", "0b5e9e7e-0000-4000-8000-000000000000"),
        server.mcp_request(json!({})).basic_auth("admin@demo.test", Some("a-key")),
    ] {
        let answer = request.send().await.expect("send");
        assert_eq!(answer.status(), 401);
        let challenge = challenge(&answer);
        assert!(challenge.contains(&format!("resource_metadata=\"{address}\"")), "{challenge}");
        assert!(challenge.contains("scope=\"customers:read tags:read tickets:read\""), "{challenge}");
        assert!(!challenge.contains("error="), "{challenge}");
    }

    let document: Value = server.http.get(&address).send().await.expect("send").json().await.expect("JSON");
    assert_eq!(document["resource"], server.mcp_resource().as_str());
    assert_eq!(document["authorization_servers"], json!([server.base]));
    assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    assert_eq!(document["scopes_supported"], json!(["customers:read", "tags:read", "tickets:read"]));
    let api = format!("{}/.well-known/oauth-protected-resource", server.base);
    let api: Value = server.http.get(api).send().await.expect("send").json().await.expect("JSON");
    assert_eq!(api["resource"], server.base.as_str());
    assert!(!api["scopes_supported"].as_array().expect("a list").contains(&json!("offline_access")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_tools_has_what_the_scopes_open_and_a_hidden_tool_asks_for_more() {
    // RS-11, RS-4
    let server = Server::start().await;
    let reader = token(&server, "tickets:read").await;
    let writer = token(&server, "tickets:read tickets:write tags:read").await;

    assert_eq!(server.tools(&reader).await, ["list_tickets", "get_ticket", "list_messages"]);
    assert_eq!(server.tools(&writer).await.len(), 8);

    let hidden = server.mcp(&reader, "tools/call", json!({ "name": "reply_to_ticket", "arguments": {} })).await;
    assert_eq!(hidden.status(), 403);
    let said = challenge(&hidden).to_owned();
    assert!(said.contains("error=\"insufficient_scope\"") && said.contains("scope=\"tickets:write\""), "{said}");
    assert!(said.contains(&format!("{}/.well-known/oauth-protected-resource/mcp", server.base)), "{said}");

    let batch = json!([{ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "reply_to_ticket", "arguments": { "ticket_id": 1, "text": "x" } } }]);
    let batch = server.mcp_request(batch).bearer_auth(&reader).send().await.expect("send");
    assert!(!batch.text().await.expect("a body").contains("\"public\""), "no way around in a batch");

    let unknown = server.mcp(&reader, "tools/call", json!({ "name": "drop_tables", "arguments": {} })).await;
    assert_eq!(unknown.status(), 200);
    assert!(unknown.json::<Value>().await.expect("JSON")["error"]["message"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_authorised_anew_and_a_session_id_gives_nothing() {
    // RS-10, RS-1
    let server = Server::start().await;
    let token = token(&server, "tickets:read").await;
    let opened = server
        .mcp(
            &token,
            "initialize",
            json!({ "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "an agent", "version": "1" } }),
        )
        .await;
    assert_eq!(opened.status(), 200);
    assert!(opened.headers().get("mcp-session-id").is_none(), "there are no sessions");
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });

    let by_session = server.mcp_request(list.clone()).header("mcp-session-id", "anything").send().await.expect("send");
    let in_address = server.http.post(format!("{}/mcp?access_token={token}", server.base));
    let in_address = in_address.header(ACCEPT, "application/json, text/event-stream").json(&list).send().await;
    let before = server.tools(&token).await;
    let sql = "update token_families set revoked_at = 1";
    let mut tx = server.db.write().await.expect("begin");
    tx.run(sql, &[]).await.expect("revoked");
    tx.commit().await.expect("commit");
    server.app.provider.forget_all();
    let after = server.mcp(&token, "tools/list", json!({})).await;

    assert_eq!(by_session.status(), 401);
    assert_eq!(in_address.expect("send").status(), 400);
    assert_eq!(before.len(), 3);
    assert_eq!(after.status(), 401);
    assert!(challenge(&after).contains("error=\"invalid_token\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_do_what_the_api_does_and_the_events_name_person_and_app() {
    // RS-10, RS-6
    let server = Server::start().await;
    let id = ticket(&server).await;
    let token = token(&server, "tickets:read tickets:write customers:read tags:read").await;

    let found = server.tool(&token, "search_customers", json!({ "email": "kim@example.com" })).await;
    let customer_id = &found["customers"][0]["id"];
    let customer = server.tool(&token, "get_customer", json!({ "customer_id": customer_id })).await;
    let listed = server.tool(&token, "list_tickets", json!({ "customer_id": customer_id })).await;
    let note = server.tool(&token, "add_internal_note", json!({ "ticket_id": id, "text": "Known fault." })).await;
    let reply =
        server.tool(&token, "reply_to_ticket", json!({ "ticket_id": id, "text": "A new one is on its way." })).await;
    let late = json!({ "name": "add_internal_note",
                       "arguments": { "ticket_id": id, "text": "Late.", "last_message_id": note["id"] } });
    let late = server.mcp(&token, "tools/call", late).await;
    let late: Value = late.json().await.expect("JSON");
    let seen = server.tool(&token, "get_ticket", json!({ "ticket_id": id })).await["updated_at"].clone();
    server.clock.advance(std::time::Duration::from_secs(1));
    let solve = json!({ "ticket_id": id, "status": "solved", "last_updated_datetime": seen });
    let solved = server.tool(&token, "set_ticket_status", solve).await;
    let reopen = json!({ "ticket_id": id, "status": "open", "last_updated_datetime": seen });
    let changed = server.tool(&token, "set_ticket_status", reopen).await;
    let tagged = server.tool(&token, "add_ticket_tag", json!({ "ticket_id": id, "tag": "kettle" })).await;
    let tags = server.tool(&token, "list_tags", json!({ "search": "KETT" })).await;
    let messages = server.tool(&token, "list_messages", json!({ "ticket_id": id, "limit": 2 })).await;
    let more = json!({ "ticket_id": id, "limit": 2, "cursor": messages["next_cursor"] });
    let more = server.tool(&token, "list_messages", more).await;
    let ticket = server.tool(&token, "get_ticket", json!({ "ticket_id": id })).await;

    assert_eq!(customer["addresses"][0]["address"], "kim@example.com");
    assert_eq!(listed["tickets"][0]["subject"], "Broken kettle");
    assert_eq!((&note["public"], &reply["public"]), (&json!(false), &json!(true)));
    assert_eq!(late["result"]["isError"], true, "{late}");
    assert_eq!(solved["status"], "solved");
    assert!(changed.as_str().is_some_and(|text| text.contains("changed meanwhile")), "{changed}");
    assert_eq!(tagged["tags"], json!(["kettle"]));
    assert_eq!(tags["tags"][0]["n_tickets"], 1);
    assert_eq!(
        (messages["messages"].as_array().map(Vec::len), more["messages"].as_array().map(Vec::len)),
        (Some(2), Some(1))
    );
    assert_eq!((&ticket["status"], &ticket["n_messages"]), (&json!("solved"), &json!(3)));

    let mut tx = server.db.read().await.expect("begin");
    let row = tx
        .row(
            "select person_id, client_id from events where type = 'ticket-message-created' order by id desc limit 1",
            &[],
        )
        .await
        .expect("a query")
        .expect("an event");
    assert_eq!(row.int("person_id").expect("a person"), server.admin_id);
    assert!(row.int_or_null("client_id").expect("an app").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_gets_wrong_it_is_told() {
    let server = Server::start().await;
    let token = token(&server, "tickets:read tickets:write").await;

    for (tool, arguments, said) in [
        ("get_ticket", json!({ "ticket_id": 987_654_321 }), "no ticket with id 987654321"),
        ("get_ticket", json!({}), "missing field `ticket_id`"),
        ("get_ticket", json!({ "ticket_id": 1, "tenant": 2 }), "unknown field `tenant`"),
        ("list_tickets", json!({ "limit": 51 }), "limit must be from 1 to 50"),
        ("list_tickets", json!({ "cursor": "here" }), "cursor must be"),
        ("list_tickets", json!({ "cursor": "1" }), "cursor"),
        ("set_ticket_status", json!({ "ticket_id": 1, "status": "gone" }), "unknown variant `gone`"),
        (
            "set_ticket_status",
            json!({ "ticket_id": 1, "status": "open", "last_updated_datetime": "today" }),
            "must be updated_at",
        ),
        ("add_internal_note", json!({ "ticket_id": 1, "text": " " }), "text must not be empty"),
    ] {
        let problem = server.tool(&token, tool, arguments).await;
        assert!(problem.as_str().is_some_and(|text| text.contains(said)), "{tool}: {problem}");
    }

    let broken = server.http.post(format!("{}/mcp", server.base)).bearer_auth(&token).body("{").send().await;
    assert!(broken.expect("send").status().is_client_error());
    let long = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "x": "y".repeat(300_000) } });
    assert_eq!(server.mcp_request(long).bearer_auth(&token).send().await.expect("send").status(), 413);
    let listening = server.http.get(format!("{}/mcp", server.base)).bearer_auth(&token);
    assert_eq!(listening.header(ACCEPT, "text/event-stream").send().await.expect("send").status(), 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_web_pages_that_an_app_is_registered_with_may_call() {
    // RS-10, RS-8
    let server = Server::start().await;
    let token = token(&server, "tickets:read").await;
    let origin = CALLBACK.strip_suffix("/callback").expect("an origin");
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });

    for (from, status) in [
        (origin, 200),
        (server.base.as_str(), 200),
        ("https://evil.example.com", 403),
        ("null", 403),
        ("http://rebound.example.com:1234", 403),
    ] {
        let answer = server.mcp_request(list.clone()).bearer_auth(&token).header(ORIGIN, from).send().await;
        assert_eq!(answer.expect("send").status(), status, "{from}");
    }
    let rebound = server.mcp_request(list.clone()).bearer_auth(&token).header("host", "rebound.example.com");
    assert_eq!(rebound.send().await.expect("send").status(), 403);
    let preflight = server.http.request(reqwest::Method::OPTIONS, format!("{}/mcp", server.base));
    let preflight = preflight.header(ORIGIN, origin).header("access-control-request-method", "POST").send().await;
    let preflight = preflight.expect("send");
    assert_eq!(preflight.headers()["access-control-allow-origin"], origin);
    let allowed = preflight.headers()["access-control-allow-headers"].to_str().expect("text").to_lowercase();
    assert!(allowed.contains(AUTHORIZATION.as_str()) && allowed.contains("mcp-protocol-version"), "{allowed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_the_endpoint_is_not_there_and_not_told_of() {
    // MC-9, MD-9, RI-2
    let server = Server::start().await;
    let token = token(&server, "tickets:read").await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let may: CanWrite<Apps> = server.may();
    let document = format!("{}/.well-known/oauth-protected-resource/mcp", server.base);

    server.app.provider.put_setting(&may, MCP_SETTING, &McpSettings { on: false }).await.expect("set");

    assert_eq!(server.mcp(&token, "tools/list", json!({})).await.status(), 404);
    assert_eq!(server.http.get(&document).send().await.expect("send").status(), 404);
    let answer = app.answer_for(Person::Admin, "tickets:read", &[&server.mcp_resource()]).await;
    assert_eq!(answer["error"], "invalid_target");

    server.app.provider.put_setting(&may, MCP_SETTING, &McpSettings { on: true }).await.expect("set");
    assert_eq!(server.mcp(&token, "tools/list", json!({})).await.status(), 200);
}

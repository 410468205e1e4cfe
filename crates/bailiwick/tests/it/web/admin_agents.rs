//! The page with the address for agents, and its switch.

use scope::Dialect;
use serde_json::json;

use crate::support::app::confidential;
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_closes_and_opens_the_endpoint_for_agents() {
    // MC-9
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let tokens = app.tokens_for(Person::Admin, "tickets:read", &[&server.mcp_resource()]).await;
    let token = tokens["access_token"].as_str().expect("a token");
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let page = browser.open("/admin/agents").await;
    assert!(page.body.contains(&server.mcp_resource()) && page.body.contains("tickets:write"), "{}", page.body);
    let off = browser.press(&page, "agents-save", &[]).await;
    assert!(off.body.contains("Switched off"), "{}", off.body);
    assert_eq!(server.mcp(token, "tools/list", json!({})).await.status(), 404);

    let on = browser.press(&off, "agents-save", &[("on", "yes")]).await;
    assert!(!on.body.contains("Switched off"), "{}", on.body);
    assert_eq!(server.mcp(token, "tools/list", json!({})).await.status(), 200);
}

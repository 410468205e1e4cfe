//! A client of the MCP endpoint.

use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use super::Server;

impl Server {
    /// One message to the MCP endpoint, without a token.
    pub fn mcp_request(&self, message: Value) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}/mcp", self.base));
        request.header(ACCEPT, "application/json, text/event-stream").json(&message)
    }

    /// One request to the MCP endpoint, with its answer.
    pub async fn mcp(&self, token: &str, method: &str, params: Value) -> reqwest::Response {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.mcp_request(message).bearer_auth(token).send().await.expect("send")
    }

    /// The names of the tools that this token is shown.
    pub async fn tools(&self, token: &str) -> Vec<String> {
        let response = self.mcp(token, "tools/list", json!({})).await;
        assert_eq!(response.status(), 200);
        let answer: Value = response.json().await.expect("JSON");
        let tools = answer["result"]["tools"].as_array().expect("tools");
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Calls a tool, and gives what it answered in structure, or its text where it says that it failed.
    pub async fn tool(&self, token: &str, name: &str, arguments: Value) -> Value {
        let response = self.mcp(token, "tools/call", json!({ "name": name, "arguments": arguments })).await;
        let (status, text) = (response.status(), response.text().await.expect("a body"));
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        match answer["result"]["isError"] == true {
            true => answer["result"]["content"][0]["text"].clone(),
            false => answer["result"]["structuredContent"].clone(),
        }
    }

    /// Has all tokens that were issued so far be for the MCP endpoint alone.
    pub async fn make_all_tokens_for_mcp(&self) {
        let mut tx = self.db.write().await.expect("begin");
        let sql = "update access_tokens set audience = $1";
        tx.run(sql, &[format!("{}/mcp", self.base).into()]).await.expect("update");
        tx.commit().await.expect("commit");
        self.app.provider.forget_all();
    }
}

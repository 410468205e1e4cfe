//! Handing an authorization request in at the back (RFC 9126).

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use super::app::TestApp;

/// Name and value of each parameter.
pub type Fields = Vec<(String, String)>;

impl TestApp<'_> {
    /// The parameters of `request`, which see.
    pub fn fields(&self, scope: &str, changes: &[(&str, &str)]) -> Fields {
        let request = self.request(scope, changes);
        let query = request.split_once('?').expect("a query").1;
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// A request at the endpoint for pushes, authenticated as the app is registered, that is not sent yet.
    pub fn push_with(&self, fields: &Fields) -> RequestBuilder {
        let request = self.server.http.post(format!("{}/oauth/par", self.server.base));
        match &self.secret {
            Some(secret) => request.basic_auth(&self.client.client_id, Some(secret)).form(fields),
            None => request.form(fields),
        }
    }

    /// Hands a request in.
    pub async fn push(&self, scope: &str, changes: &[(&str, &str)]) -> Response {
        self.push_with(&self.fields(scope, changes)).send().await.expect("send")
    }

    /// Hands a request in that has no mistake, and says its handle.
    pub async fn pushed(&self, scope: &str, changes: &[(&str, &str)]) -> String {
        let response = self.push(scope, changes).await;
        assert_eq!(response.status(), 201);
        let body: Value = response.json().await.expect("JSON");
        body["request_uri"].as_str().expect("a handle").to_owned()
    }

    /// Path and query with which a browser comes for a request that was handed in.
    pub fn with_handle(&self, handle: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", &self.client.client_id).append_pair("request_uri", handle);
        format!("/oauth/authorize?{}", query.finish())
    }
}

//! Signed authorization responses (JARM): code or error as one JWT, which only this provider can have made, for one app (AZ-26).

use serde_json::{Map, json};
use store::StoreError;

use crate::clients::Client;
use crate::{Error, Provider, id_token};

/// How long a signed answer is good for. It holds a code of at most a minute (FP-4 allows ten).
const SECONDS: i64 = 5 * 60;

impl Provider {
    /// These fields with `iss`, `aud` and `exp`, signed as the client's record says (JARM, 2.1).
    ///
    /// An error is ours: nothing was told to the app.
    pub(crate) async fn signed_response(
        &self,
        client: &Client,
        fields: &[(&'static str, String)],
    ) -> Result<String, StoreError> {
        match self.sign_response(client, fields).await {
            Ok(text) => Ok(text),
            Err(Error::Store(error)) => Err(error),
            Err(error) => {
                error.log();
                Err(StoreError::Unavailable("no authorization response can be signed".to_owned()))
            }
        }
    }

    async fn sign_response(&self, client: &Client, fields: &[(&'static str, String)]) -> Result<String, Error> {
        let word = client.metadata.authorization_signed_response_alg.as_deref();
        let word = word.unwrap_or(client.policy.usual_algorithm());
        let algorithm = id_token::algorithm_for(client, word)?;
        let mut claims: Map<String, _> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        claims.insert("iss".to_owned(), json!(self.config.issuer));
        claims.insert("aud".to_owned(), json!(client.client_id));
        self.sign_with(algorithm, "JWT", |now| {
            claims.insert("iat".to_owned(), json!(now.as_second()));
            claims.insert("exp".to_owned(), json!(now.as_second() + SECONDS));
            Ok(claims.into())
        })
        .await
    }
}

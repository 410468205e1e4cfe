//! What OpenID Connect tells of a person beyond name and address (OpenID Connect Core 5.1): free data, which the provider reads.

use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::{Map, Value as Json, json};
use store::Tx;

use crate::Error;
use crate::events::{self, Change};

/// Puts these in the place of what was known. `is_verified` says whether the e-mail address is known to be theirs. `NotFound`.
pub async fn set_claims(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: i64,
    claims: &Map<String, Json>,
    is_verified: bool,
) -> Result<(), Error> {
    let after = Json::Object(claims.clone());
    let n = tx
        .run(
            "update people set claims = $1, email_verified = $2, updated_at = $3 where id = $4 and deleted_at is null",
            &[after.to_string().into(), is_verified.into(), now.into(), id.into()],
        )
        .await?;
    if n == 0 {
        return Err(Error::NotFound { kind: "user", id });
    }
    // Which facts, not what they say: they are about a person.
    let names: Vec<&String> = claims.keys().collect();
    let change = Change {
        kind: "user-updated",
        object_type: "User",
        object_id: id,
        before: None,
        after: Some(json!({ "claims": names, "email_verified": is_verified })),
        data: None,
    };
    events::record(tx, actor, now, change).await
}

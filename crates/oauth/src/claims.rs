//! What an app may learn of a person, by the granted identity words (UI-4, OpenID Connect Core 5.1 and 5.4).

use scope::identity::Identity;
use scope::set::ScopeSet;
use serde_json::{Map, Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::clients::Client;

/// Every claim that may come out of userinfo or an id_token (MD-3).
pub const SUPPORTED: [&str; 30] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "acr",
    "amr",
    "sid",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "address",
];

/// What the scope `profile` opens.
const PROFILE: [&str; 14] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
const EMAIL: [&str; 2] = ["email", "email_verified"];
const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];
const ADDRESS: [&str; 1] = ["address"];

/// Members of the `address` claim (OpenID Connect Core 5.1.1).
const ADDRESS_MEMBERS: [&str; 6] = ["formatted", "street_address", "locality", "region", "postal_code", "country"];

/// A person, as far as claims tell of them.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) person_id: i64,
    /// By name. What is not known is not in it (UI-4).
    facts: Map<String, Json>,
}

/// Whom an id_token is about. They are read only where it tells more of them than who they are.
pub(crate) async fn for_id_token(
    tx: &mut Tx,
    person_id: i64,
    client: &Client,
    asked: &[String],
) -> Result<Option<Subject>, StoreError> {
    if client.policy.id_token_has_profile() || !asked.is_empty() {
        return find(tx, person_id).await;
    }
    Ok(Some(Subject { person_id, facts: Map::new() }))
}

/// None if there is no such person any more.
pub(crate) async fn find(tx: &mut Tx, person_id: i64) -> Result<Option<Subject>, StoreError> {
    let row = tx
        .row(
            "select id, name, firstname, lastname, email, email_verified, language, timezone, claims, updated_at
             from people where id = $1",
            &[person_id.into()],
        )
        .await?;
    row.map(|row| subject(&row)).transpose()
}

fn subject(row: &Row) -> Result<Subject, StoreError> {
    // What only claims tell of: free data, of which the standard's names and shapes are taken and nothing else.
    let more = match row.json("claims")? {
        Some(Json::Object(more)) => more,
        _ => Map::new(),
    };
    let mut facts = standard(&more);
    let columns = [
        ("name", "name"),
        ("given_name", "firstname"),
        ("family_name", "lastname"),
        ("email", "email"),
        ("locale", "language"),
        ("zoneinfo", "timezone"),
    ];
    for (claim, column) in columns {
        if let Some(text) = row.text_or_null(column)?.filter(|text| !text.is_empty()) {
            facts.insert(claim.to_owned(), json!(text));
        }
    }
    if facts.contains_key("email") {
        // True only if we verified it ourselves (UI-5).
        facts.insert("email_verified".to_owned(), json!(row.flag("email_verified")?));
    }
    facts.insert("updated_at".to_owned(), json!(row.time("updated_at")?.as_second()));
    Ok(Subject { person_id: row.int("id")?, facts })
}

/// The standard claims among these, each in its proper shape and none of them empty (UI-4).
fn standard(more: &Map<String, Json>) -> Map<String, Json> {
    let mut facts = Map::new();
    for name in PROFILE.into_iter().filter(|name| *name != "updated_at").chain(["phone_number"]) {
        if let Some(text) = text(more, name) {
            facts.insert(name.to_owned(), json!(text));
        }
    }
    if facts.contains_key("phone_number") {
        let is_verified = more.get("phone_number_verified").and_then(Json::as_bool).unwrap_or(false);
        facts.insert("phone_number_verified".to_owned(), json!(is_verified));
    }
    if let Some(Json::Object(address)) = more.get("address") {
        let members: Map<String, Json> = ADDRESS_MEMBERS
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), json!(text(address, name)?))))
            .collect();
        if !members.is_empty() {
            facts.insert("address".to_owned(), Json::Object(members));
        }
    }
    facts
}

fn text<'a>(members: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
}

impl Subject {
    /// Adds what these words open. Absent values are left out, never null or empty (UI-4).
    pub(crate) fn describe(&self, scope: &ScopeSet, claims: &mut Map<String, Json>) {
        let opened: [(Identity, &[&str]); 4] = [
            (Identity::Profile, &PROFILE),
            (Identity::Email, &EMAIL),
            (Identity::Phone, &PHONE),
            (Identity::Address, &ADDRESS),
        ];
        for (_, names) in opened.into_iter().filter(|(word, _)| scope.has_identity(*word)) {
            for name in names {
                if let Some(value) = self.facts.get(*name) {
                    claims.insert((*name).to_owned(), value.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standard_claims_of_the_right_shape_come_out() {
        // UI-4
        let more = json!({
            "nickname": "Ada", "website": "", "gender": null, "birthdate": 1815, "is_admin": true, "sub": "7",
            "phone_number": "+4930", "address": { "country": "UK", "region": "", "planet": "Earth" },
        });

        let facts = standard(more.as_object().unwrap());

        let expected = json!({
            "nickname": "Ada", "phone_number": "+4930", "phone_number_verified": false, "address": { "country": "UK" },
        });
        assert_eq!(Json::Object(facts), expected);
    }
}

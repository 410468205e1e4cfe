//! What an app may learn of a person, by the granted identity words (UI-4, OpenID Connect Core 5.1 and 5.4).

use jiff::Timestamp;
use scope::identity::Identity;
use scope::set::ScopeSet;
use serde_json::{Map, Value as Json, json};
use store::{Row, StoreError, Tx};

/// Every claim that may come out of userinfo or an id_token (MD-3).
pub const SUPPORTED: [&str; 19] = [
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
    "zoneinfo",
    "locale",
    "updated_at",
    "email",
    "email_verified",
];

/// A person, as far as claims tell of them.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) person_id: i64,
    name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    email: Option<String>,
    /// True only if we verified it ourselves (UI-5).
    email_verified: bool,
    locale: Option<String>,
    zoneinfo: Option<String>,
    updated_at: Timestamp,
}

/// None if there is no such person any more.
pub(crate) async fn find(tx: &mut Tx, person_id: i64) -> Result<Option<Subject>, StoreError> {
    let row = tx
        .row(
            "select id, name, firstname, lastname, email, email_verified, language, timezone, updated_at from people where id = $1",
            &[person_id.into()],
        )
        .await?;
    row.map(|row| subject(&row)).transpose()
}

fn subject(row: &Row) -> Result<Subject, StoreError> {
    Ok(Subject {
        person_id: row.int("id")?,
        name: row.text_or_null("name")?,
        given_name: row.text_or_null("firstname")?,
        family_name: row.text_or_null("lastname")?,
        email: row.text_or_null("email")?,
        email_verified: row.flag("email_verified")?,
        locale: row.text_or_null("language")?,
        zoneinfo: row.text_or_null("timezone")?,
        updated_at: row.time("updated_at")?,
    })
}

impl Subject {
    /// The `sub` claim: the person's number, which is never given to another and survives a rename (ID-1).
    pub(crate) fn sub(&self) -> String {
        self.person_id.to_string()
    }

    /// Adds what these words open. Absent values are left out, never null or empty (UI-4).
    pub(crate) fn describe(&self, scope: &ScopeSet, claims: &mut Map<String, Json>) {
        let mut text = |name: &str, value: &Option<String>| {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                claims.insert(name.to_owned(), json!(value));
            }
        };
        if scope.has_identity(Identity::Profile) {
            text("name", &self.name);
            text("given_name", &self.given_name);
            text("family_name", &self.family_name);
            text("locale", &self.locale);
            text("zoneinfo", &self.zoneinfo);
        }
        if scope.has_identity(Identity::Email) {
            text("email", &self.email);
        }
        if scope.has_identity(Identity::Profile) {
            claims.insert("updated_at".to_owned(), json!(self.updated_at.as_second()));
        }
        if claims.contains_key("email") {
            claims.insert("email_verified".to_owned(), json!(self.email_verified));
        }
    }
}

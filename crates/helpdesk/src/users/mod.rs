//! Users: the staff of the account, their roles and how they sign in.
//!
//! Deleting a user keeps the row, without its address and credentials: messages go on naming who wrote them.
//! Roles are in `scope::role`, hashing in `passwords.rs`, API keys in `api_keys.rs`, sessions in the provider.

mod claims;
mod list;
mod password;
mod write;

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Users;
use scope::role::Role;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;

pub use claims::set_claims;
pub use list::{Filter, Sort, count_by_role, list, most_of};
pub use password::{PasswordChange, Proof, prove, store_rehash};
pub use write::{create, create_with_password, delete, request, update};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: i64,
    pub role: Role,
    pub active: bool,
    pub email: String,
    pub email_verified: bool,
    pub name: String,
    pub firstname: String,
    pub lastname: String,
    pub external_id: Option<String>,
    pub language: Option<String>,
    pub timezone: Option<String>,
    pub country: Option<String>,
    pub bio: Option<String>,
    /// A JSON object.
    pub meta: Option<Json>,
    pub has_password: bool,
    /// An app for codes, or a passkey.
    pub has_second_factor: bool,
    /// Not there to take tickets now.
    pub is_away: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deactivated_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub struct NewUser {
    pub role: Role,
    pub email: String,
    pub name: String,
    /// None: the first word of the name.
    pub firstname: Option<String>,
    /// None: what follows the first word of the name.
    pub lastname: Option<String>,
    pub active: bool,
    pub external_id: Option<String>,
    pub language: Option<String>,
    pub timezone: Option<String>,
    pub country: Option<String>,
    pub bio: Option<String>,
    pub meta: Option<Json>,
}

/// What a call changes of a user. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub role: Option<Role>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub firstname: Option<String>,
    pub lastname: Option<String>,
    pub active: Option<bool>,
    pub is_away: Option<bool>,
    pub external_id: Option<Option<String>>,
    pub language: Option<Option<String>>,
    pub timezone: Option<Option<String>>,
    pub country: Option<Option<String>>,
    pub bio: Option<Option<String>>,
    pub meta: Option<Option<Json>>,
}

/// What signing in needs to know of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub person_id: i64,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Whether they may sign in.
    pub active: bool,
    /// A PHC string; none until a password is set.
    pub password_hash: Option<String>,
}

impl NewUser {
    /// An active agent of this name and address, nothing else known.
    pub fn named(name: &str, email: &str) -> NewUser {
        NewUser {
            role: Role::Agent,
            email: email.to_owned(),
            name: name.to_owned(),
            firstname: None,
            lastname: None,
            active: true,
            external_id: None,
            language: None,
            timezone: None,
            country: None,
            bio: None,
            meta: None,
        }
    }
}

/// The user with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Users>, id: i64) -> Result<User, Error> {
    read(tx, id).await
}

/// Who signs in with this address, in any case of its letters. Needs no permit: it is how somebody becomes a caller.
pub async fn find_by_email(tx: &mut Tx, email: &str) -> Result<Option<Credentials>, Error> {
    let row = tx
        .row(
            concat!(credentials!(), " where p.is_staff = 1 and p.email_key = $1 and p.deleted_at is null"),
            &[email_key(email).into()],
        )
        .await?;
    row.as_ref().map(Credentials::from_row).transpose()
}

/// The same by id.
pub async fn find_credentials(tx: &mut Tx, id: i64) -> Result<Option<Credentials>, Error> {
    let row = tx
        .row(concat!(credentials!(), " where p.is_staff = 1 and p.id = $1 and p.deleted_at is null"), &[id.into()])
        .await?;
    row.as_ref().map(Credentials::from_row).transpose()
}

macro_rules! credentials {
    () => {
        "select p.id, p.email, p.name, p.role, p.active, w.hash
         from people p left join passwords w on w.person_id = p.id"
    };
}
use credentials;

/// The columns that `User::from_row` reads. `p.email_key`, `p.role_rank` and `is_there` are sort keys.
macro_rules! select_users {
    () => {
        "select p.id, p.role, p.active, p.email, p.email_verified, p.name, p.firstname, p.lastname, p.external_id,
                p.language, p.timezone, p.country, p.bio, p.meta, p.created_at, p.updated_at, p.deactivated_at,
                p.email_key, p.role_rank, p.is_away, 1 - p.is_away as is_there, w.person_id as has_password,
                (select count(*) from totp t where t.person_id = p.id and t.confirmed_at is not null)
                    + (select count(*) from passkeys k where k.person_id = p.id) as n_second_factors
         from people p left join passwords w on w.person_id = p.id
         where p.is_staff = 1 and p.deleted_at is null"
    };
}
use select_users;

async fn read(tx: &mut Tx, id: i64) -> Result<User, Error> {
    match tx.row(concat!(select_users!(), " and p.id = $1"), &[id.into()]).await? {
        Some(row) => User::from_row(&row),
        None => Err(Error::NotFound { kind: "user", id }),
    }
}

/// An address as it is compared.
pub(crate) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Where a role stands in a list ordered by role: owner and administrators first, then by the name that the roles have in the older
/// vendor's words, so that its order comes out of the same index.
pub(crate) const fn role_rank(role: Role) -> i64 {
    match role {
        Role::Owner | Role::Admin => 1,
        Role::Lead => 2,
        Role::Agent => 3,
        Role::Bot => 4,
        Role::Internal => 5,
        Role::Lite => 6,
        Role::Observer => 7,
        Role::Customer => 9,
    }
}

impl User {
    fn from_row(row: &Row) -> Result<User, Error> {
        Ok(User {
            id: row.int("id")?,
            role: Role::parse(&row.text("role")?).ok_or(StoreError::Column("role"))?,
            active: row.flag("active")?,
            email: row.text_or_null("email")?.unwrap_or_default(),
            email_verified: row.flag("email_verified")?,
            name: row.text_or_null("name")?.unwrap_or_default(),
            firstname: row.text("firstname")?,
            lastname: row.text("lastname")?,
            external_id: row.text_or_null("external_id")?,
            language: row.text_or_null("language")?,
            timezone: row.text_or_null("timezone")?,
            country: row.text_or_null("country")?,
            bio: row.text_or_null("bio")?,
            meta: row.json("meta")?,
            has_password: row.int_or_null("has_password")?.is_some(),
            has_second_factor: 0 < row.int("n_second_factors")?,
            is_away: row.flag("is_away")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            deactivated_at: row.time_or_null("deactivated_at")?,
        })
    }

    /// What events tell of a user.
    fn fields(&self) -> Json {
        json!({
            "role": self.role.word(), "active": self.active, "is_away": self.is_away, "email": self.email, "name": self.name,
            "firstname": self.firstname, "lastname": self.lastname, "external_id": self.external_id,
            "language": self.language, "timezone": self.timezone, "country": self.country, "bio": self.bio, "meta": self.meta,
        })
    }
}

impl Credentials {
    fn from_row(row: &Row) -> Result<Credentials, Error> {
        Ok(Credentials {
            person_id: row.int("id")?,
            email: row.text_or_null("email")?.unwrap_or_default(),
            name: row.text_or_null("name")?.unwrap_or_default(),
            role: Role::parse(&row.text("role")?).ok_or(StoreError::Column("role"))?,
            active: row.flag("active")?,
            password_hash: row.text_or_null("hash")?,
        })
    }
}

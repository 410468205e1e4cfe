//! `/api/users`: the staff of the account. Id 0 is the caller.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::users::{self, Changes, Filter, NewUser, PasswordChange, Sort, User};
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Users;
use scope::role::Role;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &[
    "name:asc",
    "name:desc",
    "email:asc",
    "email:desc",
    "created_datetime:asc",
    "created_datetime:desc",
    "role.name:asc",
    "role.name:desc",
];

const NAME_MAX_CHARS: usize = 1024;
const BIO_MAX_CHARS: usize = 10_000;
const EMAIL_MAX_CHARS: usize = 320;
const EXTERNAL_ID_MAX_CHARS: usize = 255;
const PASSWORD_MAX_CHARS: usize = 1024;
/// Gone from the vendor's API, and refused by it rather than ignored.
const RETIRED: &[&str] = &["channels", "customer", "data", "roles"];
const LANGUAGES: &[&str] = &["en", "fr"];

/// `GET /api/users`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Users>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "users", ORDERS)?;
    let filter = Filter {
        email: params.text("email", EMAIL_MAX_CHARS),
        external_id: params.text("external_id", EXTERNAL_ID_MAX_CHARS),
        roles: params.several_of("roles", ROLES).into_iter().flat_map(roles_of).collect(),
        search: params.text("search", EMAIL_MAX_CHARS),
        available_first: params.flag("available_first").unwrap_or_default(),
    };
    params.finish()?;
    let sort = match asked.order_by.split(':').next() {
        Some("email") => Sort::Email,
        Some("created_datetime") => Sort::Created,
        Some("role.name") => Sort::Role,
        _ => Sort::Name,
    };

    let mut tx = app.db.read().await?;
    let page = users::list(&mut tx, &may, &filter, sort, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |user| view(&app, &user))))
}

/// `POST /api/users`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Users>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    fields.refuse(RETIRED);
    let name = fields.required_text("name", 1, NAME_MAX_CHARS);
    fields.require("email");
    fields.require("role");
    let sent = changes_of(&mut fields);
    fields.finish()?;
    let new = NewUser {
        role: sent.role.unwrap_or(Role::Agent),
        email: sent.email.unwrap_or_default(),
        name,
        firstname: sent.firstname,
        lastname: sent.lastname,
        active: sent.active.unwrap_or(true),
        external_id: sent.external_id.flatten(),
        language: sent.language.flatten(),
        timezone: sent.timezone.flatten(),
        country: sent.country.flatten(),
        bio: sent.bio.flatten(),
        meta: sent.meta.flatten(),
    };

    let now = app.clock.now();
    let user = transact!(app.db, |tx| users::create(tx, &may, now, &new).await)?;
    Ok(created(view(&app, &user)))
}

/// `GET /api/users/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Users>>, Id(id): Id) -> Answer {
    let id = or_caller(id, may.actor())?;
    let mut tx = app.db.read().await?;
    let user = users::find(&mut tx, &may, id).await?;
    Ok(Json(view(&app, &user)))
}

/// `PUT /api/users/{id}`
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Users>>, Id(id): Id, body: Body) -> Answer {
    let id = or_caller(id, may.actor())?;
    let mut fields = body.fields()?;
    fields.refuse(RETIRED);
    let changes = changes_of(&mut fields);
    let secrets = PasswordChange {
        new_password: fields.text("new_password", PASSWORD_MAX_CHARS),
        old_password: fields.text("old_password", PASSWORD_MAX_CHARS),
        confirmation: fields.text("password_confirmation", PASSWORD_MAX_CHARS),
    };
    fields.text_or_null("two_fa_code", 64);
    fields.finish()?;

    let proof = users::prove(&app.db, &app.random, may.actor().person_id, id, &secrets).await?;
    let now = app.clock.now();
    let user = transact!(app.db, |tx| {
        let user = users::update(tx, &may, now, id, &changes, &proof).await?;
        if !user.active {
            app.provider.end_access_of(tx, id).await?;
        } else if secrets.new_password.is_some() {
            app.provider.end_sessions_of(tx, id).await?;
        }
        Ok::<_, helpdesk::Error>(user)
    })?;
    // A new role counts from the person's next call on (RS-6).
    app.provider.forget_person(id);
    Ok(Json(view(&app, &user)))
}

/// `DELETE /api/users/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Users>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        users::delete(tx, &may, now, id).await?;
        app.provider.end_access_of(tx, id).await?;
        Ok::<_, helpdesk::Error>(())
    })?;
    app.provider.forget_person(id);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// 0 is whoever calls.
fn or_caller(id: i64, actor: &Actor) -> Result<i64, GorgiasError> {
    if id == 0 { actor.person_id.ok_or(GorgiasError::NotFound) } else { Ok(id) }
}

fn changes_of(fields: &mut Fields) -> Changes {
    let email = fields.text_within("email", 3, EMAIL_MAX_CHARS).and_then(|_| fields.email_or_null("email").value());
    let role = fields.nested("role", |role| {
        role.require("name");
        role.one_of("name", ROLES)
    });
    let country = fields.text_or_null("country", 2);
    if let crate::fields::Sent::Value(code) = &country
        && (code.len() != 2 || !code.chars().all(|c| c.is_ascii_uppercase()))
    {
        fields.problem("country", "Not a valid ISO 3166-1 alpha-2 code.");
    }
    if role == crate::fields::Sent::Null {
        fields.problem("role", "Field may not be null.");
    }
    Changes {
        role: role.value().flatten().and_then(role_given),
        email,
        name: fields.text_within("name", 1, NAME_MAX_CHARS),
        firstname: fields.text_or_null("firstname", NAME_MAX_CHARS).change().map(Option::unwrap_or_default),
        lastname: fields.text_or_null("lastname", NAME_MAX_CHARS).change().map(Option::unwrap_or_default),
        active: fields.flag("active"),
        is_away: None,
        external_id: fields.text_or_null("external_id", EXTERNAL_ID_MAX_CHARS).change(),
        language: fields.one_of_or_null("language", LANGUAGES).map(str::to_owned).change(),
        timezone: fields.timezone_or_null("timezone").change(),
        country: country.change(),
        bio: fields.text_or_null("bio", BIO_MAX_CHARS).change(),
        meta: fields.object_or_null("meta").change(),
    }
}

const ROLES: &[&str] = &["admin", "agent", "basic-agent", "lite-agent", "observer-agent", "internal-agent", "bot"];

/// The vendor's word for a role. The owner is an administrator to it.
pub(crate) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner | Role::Admin => "admin",
        Role::Lead => "agent",
        Role::Agent => "basic-agent",
        Role::Lite => "lite-agent",
        Role::Observer => "observer-agent",
        Role::Internal => "internal-agent",
        Role::Bot => "bot",
        Role::Customer => "customer",
    }
}

fn roles_of(word: &str) -> impl Iterator<Item = Role> {
    Role::ALL.iter().copied().filter(move |role| role_word(*role) == word)
}

/// What a role's word gives: never ownership.
fn role_given(word: &str) -> Option<Role> {
    roles_of(word).find(|role| *role != Role::Owner)
}

fn view(app: &App, user: &User) -> Value {
    json!({
        "id": user.id,
        "active": user.active,
        "bio": user.bio,
        "created_datetime": time::format(user.created_at),
        "country": user.country,
        "deactivated_datetime": time::format_or_null(user.deactivated_at),
        "email": user.email,
        "external_id": user.external_id,
        "firstname": user.firstname,
        "has_2fa_enabled": user.has_second_factor,
        "has_password": user.has_password,
        "lastname": user.lastname,
        "language": user.language,
        "meta": user.meta,
        "name": user.name,
        "role": { "name": role_word(user.role) },
        "timezone": user.timezone,
        "updated_datetime": time::format(user.updated_at),
        // Quirk: the one absolute address among the `uri` fields.
        "uri": format!("{}/api/users/{}/", app.config.public_url, user.id),
        "client_id": null,
    })
}

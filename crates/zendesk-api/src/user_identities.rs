//! `/api/v2/users/{user_id}/identities`: how a customer can be reached (Zendesk contract, `resources.user_identities`). Staff have their
//! address in their own record, and no identities.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::customers::identities::{self, Identity};
use helpdesk::page::Slice;
use helpdesk::people::AddressRef;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Customers;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::fields::Body;
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::{format, format_or_null};
use crate::{Id, Pair, Site};

pub fn routes(mut routes: Routes) -> Routes {
    for [all, one, first, ask] in PATHS {
        routes = routes
            .get(all, list)
            .post(all, create)
            .get(one, show)
            .delete(one, delete)
            .put(first, make_primary)
            .put(ask, request_verification);
    }
    routes
        .put("/api/v2/users/{user_id}/identities/{user_identity_id}", update)
        .put("/api/v2/users/{user_id}/identities/{user_identity_id}/verify", verify)
}

/// Both forms of the addresses that have two.
const PATHS: [[&str; 4]; 2] = [
    [
        "/api/v2/users/{user_id}/identities",
        "/api/v2/users/{user_id}/identities/{user_identity_id}",
        "/api/v2/users/{user_id}/identities/{user_identity_id}/make_primary",
        "/api/v2/users/{user_id}/identities/{user_identity_id}/request_verification",
    ],
    [
        "/api/v2/end_users/{user_id}/identities",
        "/api/v2/end_users/{user_id}/identities/{user_identity_id}",
        "/api/v2/end_users/{user_id}/identities/{user_identity_id}/make_primary",
        "/api/v2/end_users/{user_id}/identities/{user_identity_id}/request_verification",
    ],
];

const ADDRESS_MAX_CHARS: usize = 320;
/// Our word and the vendor's, where they differ.
const PHONE: (&str, &str) = ("phone", "phone_number");
const TYPES: &[&str] = &[
    "email",
    "phone_number",
    "twitter",
    "facebook",
    "google",
    "agent_forwarding",
    "any_channel",
    "foreign",
    "sdk",
    "messaging",
];

/// `GET /api/v2/users/{user_id}/identities`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Customers>>, Id(id): Id, params: Params) -> Answer {
    let asked = Asked::read(&params, "identities", &["id"])?;
    let kinds: Vec<String> = params.list("type").into_iter().map(|word| kind_of(word).to_owned()).collect();
    let mut tx = app.db.read().await?;
    let page = identities::list(&mut tx, &may, id, &kinds, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("identities", page, |identity| view(&params.site, &identity)))))
}

/// `GET /api/v2/users/{user_id}/identities/{user_identity_id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Customers>>,
    Pair(user_id, id): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let identity = identities::find(&mut tx, &may, (user_id, id)).await?;
    Ok(Reply::one("identity", view(&params.site, &identity)))
}

/// `POST /api/v2/users/{user_id}/identities`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    Id(user_id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("identity")?;
    fields.require("type");
    fields.require("value");
    let kind = fields.word("type", TYPES).flatten().unwrap_or_default();
    let new = AddressRef {
        kind: kind_of(kind).to_owned(),
        address: fields.some_text("value", ADDRESS_MAX_CHARS).unwrap_or_default(),
        preferred: fields.flag("primary").unwrap_or_default(),
    };
    let verified = fields.flag("verified").unwrap_or_default();
    fields.pass(&["skip_verify_email", "verification_method"]);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let identity = identities::create(tx, &may, now, user_id, (new.clone(), verified)).await?;
        Reply::created("identity", view(&params.site, &identity))
    })
}

/// `PUT /api/v2/users/{user_id}/identities/{user_identity_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    Pair(user_id, id): Pair,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("identity")?;
    let address = fields.some_text("value", ADDRESS_MAX_CHARS);
    let verified = fields.flag("verified");
    fields.pass(&["verification_method", "primary", "type", "id", "user_id", "created_at", "updated_at", "url"]);
    fields.finish()?;
    let now = app.clock.now();
    let identity = transact!(app.db, |tx| {
        identities::change(tx, &may, now, (user_id, id), (address.as_deref(), verified)).await
    })?;
    Ok(Reply::one("identity", view(&params.site, &identity)))
}

/// `PUT /api/v2/users/{user_id}/identities/{user_identity_id}/verify`
pub async fn verify(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    Pair(user_id, id): Pair,
    params: Params,
) -> Answer {
    let now = app.clock.now();
    let identity = transact!(app.db, |tx| identities::change(tx, &may, now, (user_id, id), (None, Some(true))).await)?;
    Ok(Reply::one("identity", view(&params.site, &identity)))
}

/// `PUT /api/v2/users/{user_id}/identities/{user_identity_id}/request_verification`. No mail asks customers yet.
pub async fn request_verification(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    Pair(user_id, id): Pair,
) -> Answer {
    let mut tx = app.db.read().await?;
    identities::find(&mut tx, &may, (user_id, id)).await?;
    Ok(Reply::ok(json!({})))
}

/// `PUT /api/v2/users/{user_id}/identities/{user_identity_id}/make_primary`: answers all of them.
pub async fn make_primary(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    Pair(user_id, id): Pair,
    params: Params,
) -> Answer {
    let now = app.clock.now();
    let found = transact!(app.db, |tx| {
        identities::prefer(tx, &may, now, (user_id, id)).await?;
        identities::list(tx, &may, user_id, &[], &Slice { limit: page::PER_PAGE, from: None }).await
    })?;
    let views = found.items.iter().map(|identity| view(&params.site, identity)).collect();
    Ok(Reply::ok(Value::Object(page::whole("identities", views))))
}

/// `DELETE /api/v2/users/{user_id}/identities/{user_identity_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Customers>>, Pair(user_id, id): Pair) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| identities::delete(tx, &may, now, (user_id, id)).await)?;
    Ok(Reply::empty())
}

fn kind_of(word: &str) -> &str {
    if word == PHONE.1 { PHONE.0 } else { word }
}

/// Words that are not the vendor's are `foreign`.
fn word_of(kind: &str) -> &str {
    let word = if kind == PHONE.0 { PHONE.1 } else { kind };
    TYPES.iter().copied().find(|known| *known == word).unwrap_or("foreign")
}

fn view(site: &Site, identity: &Identity) -> Value {
    json!({
        "id": identity.id,
        "url": site.url(&format!("users/{}/identities/{}", identity.customer_id, identity.id)),
        "user_id": identity.customer_id,
        "type": word_of(&identity.kind),
        "value": identity.address,
        "verified": identity.verified,
        "verification_method": if identity.verified { "low" } else { "none" },
        "verified_at": format_or_null(identity.verified.then_some(identity.updated_at)),
        "primary": identity.preferred,
        "created_at": format(identity.created_at),
        "updated_at": format(identity.updated_at),
        "undeliverable_count": 0,
        "deliverable_state": "deliverable",
    })
}

//! `POST /api/search`: one kind of object by its names, addresses and numbers (Gorgias contract, `resources.search`).
//!
//! Each kind asks for the permission to read it. Tickets are not found here, but by the items of a view with `search`.

use axum::Json;
use axum::extract::State;
use endpoint::{App, Later};
use helpdesk::search::{self, TEXT_MAX_CHARS};
use helpdesk::teams::Team;
use scope::permission::{Permission, Permissions};
use scope::permit::CanRead;
use scope::resource::{Customers, Integrations, Kind, Tags, Teams, Users};
use serde_json::{Value, json};

use crate::fields::Body;
use crate::{Answer, GorgiasError, customers, integrations, tags, time};

/// What a refusal names before the body is read.
pub const FIRST: Permissions = Permissions::of(&[Permission::read(Kind::Customers)]);

const TYPES: &[&str] = &[
    "agent",
    "customer",
    "customer_profile",
    "customer_channel",
    "customer_channel_email",
    "customer_channel_phone",
    "customers_by_phone",
    "integration",
    "team",
    "tag",
    // The old name of a customer.
    "user",
];
const SIZE_MAX: i64 = 50;
const SIZE_DEFAULT: i64 = 10;

/// `POST /api/search`. Reads only.
pub async fn search(State(app): State<App>, later: Later, body: Body) -> Answer {
    let kind = body.0.get("type").and_then(Value::as_str).and_then(|kind| TYPES.iter().find(|known| **known == kind));
    let Some(kind) = kind else {
        // Before anything is said about the body.
        let _may: CanRead<Customers> = later.permit()?;
        let mut fields = body.fields()?;
        fields.require("type");
        fields.one_of("type", TYPES);
        fields.finish()?;
        return Err(GorgiasError::invalid("type", "Not a valid string."));
    };
    let permits = Permits::of(kind, &later)?;
    let mut fields = body.fields()?;
    let text = fields.text_or_null("query", TEXT_MAX_CHARS).value().unwrap_or_default();
    let size = fields.integer("size", 1, SIZE_MAX).unwrap_or(SIZE_DEFAULT);
    fields.finish()?;
    let size = usize::try_from(size).unwrap_or(1);

    let mut tx = app.db.read().await?;
    let hits: Vec<Value> = match &permits {
        Permits::Customers(may) => {
            let found = search::customers(&mut tx, may, &text, size).await?;
            found.iter().map(|item| customers::view(&item.customer, &item.fields)).collect()
        }
        Permits::Addresses(may, of) => {
            search::addresses(&mut tx, may, &text, *of, size).await?.iter().map(channel).collect()
        }
        Permits::Agents(may) => search::agents(&mut tx, may, &text, size).await?.iter().map(agent).collect(),
        Permits::Teams(may) => search::teams(&mut tx, may, &text, size).await?.iter().map(team).collect(),
        Permits::Integrations(may) => {
            search::integrations(&mut tx, may, &text, size).await?.iter().map(integrations::view).collect()
        }
        Permits::Tags(may) => search::tags(&mut tx, may, &text, size).await?.iter().map(tags::view).collect(),
    };
    Ok(Json(json!({
        "object": "list",
        "uri": "/api/search",
        "data": hits,
        "meta": { "prev_cursor": null, "next_cursor": null },
    })))
}

enum Permits {
    Customers(CanRead<Customers>),
    /// Addresses of this kind, or of any.
    Addresses(CanRead<Customers>, Option<&'static str>),
    Agents(CanRead<Users>),
    Teams(CanRead<Teams>),
    Integrations(CanRead<Integrations>),
    Tags(CanRead<Tags>),
}

impl Permits {
    fn of(kind: &str, later: &Later) -> Result<Permits, GorgiasError> {
        Ok(match kind {
            "agent" => Permits::Agents(later.permit()?),
            "integration" => Permits::Integrations(later.permit()?),
            "team" => Permits::Teams(later.permit()?),
            "tag" => Permits::Tags(later.permit()?),
            "customer_channel" => Permits::Addresses(later.permit()?, None),
            "customer_channel_email" => Permits::Addresses(later.permit()?, Some("email")),
            "customer_channel_phone" => Permits::Addresses(later.permit()?, Some("phone")),
            _ => Permits::Customers(later.permit()?),
        })
    }
}

fn agent(agent: &search::Agent) -> Value {
    json!({
        "id": agent.id,
        "name": agent.name,
        "email": agent.email,
        "firstname": agent.firstname,
        "lastname": agent.lastname,
    })
}

fn channel(found: &search::Reached) -> Value {
    json!({
        "id": found.address.id,
        "type": found.address.kind,
        "address": found.address.address,
        "name": found.customer_name,
        "customer": { "id": found.customer_id, "name": found.customer_name },
    })
}

fn team(team: &Team) -> Value {
    json!({
        "id": team.id,
        "name": team.name,
        "description": team.description,
        "decoration": team.decoration,
        "created_datetime": time::format(team.created_at),
        "uri": format!("/api/teams/{}/", team.id),
    })
}

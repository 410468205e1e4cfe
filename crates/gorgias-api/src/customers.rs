//! `/api/customers`: the people who write to us, with their addresses (`channels`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, Fresh, Later, May};
use helpdesk::Error;
use helpdesk::addresses::ADDRESS_MAX_CHARS;
use helpdesk::custom_fields::{SentValue, Values};
use helpdesk::customers::{self, Changes, Customer, CustomerDetail, Filter, NewCustomer, Sort};
use helpdesk::filter::Viewpoint;
use helpdesk::people::AddressRef;
use helpdesk::views::{self, Lists};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Customers;
use serde_json::{Map, Value, json};
use store::transact;

use crate::field_values::ValuesView;
use crate::fields::{Body, Fields, Sent};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, field_values, time};

const ORDERS: Orders =
    &["created_datetime:desc", "created_datetime:asc", "updated_datetime:asc", "updated_datetime:desc"];

/// Most customers that one call deletes.
const IDS_MAX: usize = 1000;
const NAME_MAX_CHARS: usize = 1024;
const NOTE_MAX_CHARS: usize = 65_536;
const EXTERNAL_ID_MAX_CHARS: usize = 255;
const CHANNELS_MAX: usize = 100;

/// `GET /api/customers`
pub async fn list(
    State(app): State<App>,
    May(may): May<CanRead<Customers>>,
    later: Later,
    mut params: Params,
) -> Answer {
    let asked = Asked::read(&mut params, "customers", ORDERS)?;
    let mut filter = filter_of(&mut params);
    let view_id = params.id("view_id");
    params.finish()?;
    let sort = if asked.order_by.starts_with("updated") { Sort::Updated } else { Sort::Created };

    let mut tx = app.db.read().await?;
    if let Some(view_id) = view_id {
        let unknown = || GorgiasError::invalid("view_id", "There is no such customer-list view.");
        let view = match views::find(&mut tx, &later.permit()?, view_id).await {
            Err(Error::NotFound { .. }) => return Err(unknown()),
            view => view?,
        };
        if view.lists != Lists::Customers {
            return Err(unknown());
        }
        filter.condition = Some((view.condition, Viewpoint { now: app.clock.now(), person_id: may.actor().person_id }));
    }
    let page = customers::list(&mut tx, &may, &filter, sort, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |item| view(&item.customer, &item.fields))))
}

fn filter_of(params: &mut Params) -> Filter {
    let filter = Filter {
        email: params.text("email", ADDRESS_MAX_CHARS),
        external_id: params.text("external_id", EXTERNAL_ID_MAX_CHARS),
        name: params.text("name", NAME_MAX_CHARS),
        language: params.text("language", 16),
        timezone: params.text("timezone", 64),
        address_kind: params.text("channel_type", 64),
        address: params.text("channel_address", ADDRESS_MAX_CHARS),
        condition: None,
        ids: None,
    };
    if filter.address.is_some() && filter.address_kind.is_none() {
        params.problem("channel_type", "Missing data for required field.");
    }
    filter
}

/// `POST /api/customers`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    let sent = changes_of(&mut fields);
    fields.finish()?;
    let new = NewCustomer {
        email: sent.email.flatten(),
        name: sent.name.flatten(),
        firstname: sent.firstname,
        lastname: sent.lastname,
        external_id: sent.external_id.flatten(),
        language: sent.language.flatten(),
        timezone: sent.timezone.flatten(),
        note: sent.note.flatten(),
        meta: sent.meta.flatten(),
        addresses: sent.addresses.unwrap_or_default(),
        fields: sent.fields.unwrap_or_default(),
    };

    let now = app.clock.now();
    let detail = transact!(app.db, |tx| customers::create(tx, &may, now, &new).await)?;
    Ok(created(view_detail(&detail)))
}

/// `DELETE /api/customers`, with a JSON body.
pub async fn delete_many(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    _fresh: Fresh,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    fields.require("ids");
    let ids = fields.ids("ids", 0, IDS_MAX).unwrap_or_default();
    fields.finish()?;

    let now = app.clock.now();
    transact!(app.db, |tx| customers::delete_many(tx, &may, now, &ids).await)?;
    app.provider.forget_all();
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `GET /api/customers/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Customers>>, Id(id): Id, mut params: Params) -> Answer {
    params.several_of("relationships", &["custom_fields"]);
    params.finish()?;

    let mut tx = app.db.read().await?;
    let detail = customers::find(&mut tx, &may, id).await?;
    Ok(Json(view_detail(&detail)))
}

/// `PUT /api/customers/{id}`
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Customers>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.fields()?;
    let changes = changes_of(&mut fields);
    fields.finish()?;

    let now = app.clock.now();
    let detail = transact!(app.db, |tx| customers::update(tx, &may, now, id, &changes).await)?;
    // What apps learn of the person is remembered for a moment.
    app.provider.forget_person(id);
    Ok(Json(view_detail(&detail)))
}

/// `DELETE /api/customers/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| customers::delete(tx, &may, now, id).await)?;
    app.provider.forget_person(id);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `PUT /api/customers/merge?source_id=&target_id=`: ids in the query, the chosen values in the body.
pub async fn merge(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    mut params: Params,
    body: Body,
) -> Answer {
    let source_id = params.required_id("source_id");
    let target_id = params.required_id("target_id");
    params.finish()?;
    let mut fields = body.fields()?;
    let chosen = changes_of(&mut fields);
    if fields.has_none_of(&["name", "email", "external_id", "note", "language", "timezone", "channels", "meta"]) {
        return Err(GorgiasError::Unreadable("The body must hold at least one field of the customer.".to_owned()));
    }
    fields.finish()?;

    let now = app.clock.now();
    let detail = transact!(app.db, |tx| customers::merge(tx, &may, now, source_id, target_id, &chosen).await)?;
    app.provider.forget_all();
    Ok(Json(view_detail(&detail)))
}

/// `PUT /api/customers/{customer_id}/data`
pub async fn set_data(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    Id(id): Id,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    fields.require("data");
    let data = fields.json("data").value();
    let version = fields.time_or_null("version").value();
    fields.finish()?;

    let now = app.clock.now();
    transact!(app.db, |tx| customers::set_data(tx, &may, now, id, data.as_ref(), version).await)?;
    Ok(empty(StatusCode::ACCEPTED))
}

fn changes_of(fields: &mut Fields) -> Changes {
    Changes {
        email: fields.email_or_null("email").change(),
        name: fields.text_or_null("name", NAME_MAX_CHARS).change(),
        // Null means the same as empty: these two are never null in answers.
        firstname: fields.text_or_null("firstname", NAME_MAX_CHARS).change().map(Option::unwrap_or_default),
        lastname: fields.text_or_null("lastname", NAME_MAX_CHARS).change().map(Option::unwrap_or_default),
        external_id: fields.text_or_null("external_id", EXTERNAL_ID_MAX_CHARS).change(),
        language: fields.language_or_null("language").change(),
        timezone: fields.timezone_or_null("timezone").change(),
        note: fields.text_or_null("note", NOTE_MAX_CHARS).change(),
        meta: fields.object_or_null("meta").change(),
        addresses: channels_of(fields),
        fields: read_field_values(fields),
    }
}

/// `channels`: a list of `{type, address, preferred}`.
pub(crate) fn channels_of(fields: &mut Fields) -> Option<Vec<AddressRef>> {
    fields.each("channels", CHANNELS_MAX, |channel| {
        let kind = channel.required_text("type", 1, 64);
        let address = match kind.as_str() {
            "email" => {
                channel.require("address");
                let address = channel.email_or_null("address");
                if address == Sent::Null {
                    channel.problem("address", "Not a valid email address.");
                }
                address.value().unwrap_or_default()
            }
            _ => channel.required_text("address", 1, ADDRESS_MAX_CHARS),
        };
        AddressRef { kind, address, preferred: channel.flag("preferred").unwrap_or_default() }
    })
}

fn read_field_values(fields: &mut Fields) -> Option<Vec<SentValue>> {
    let values = field_values::read(fields);
    if values == Sent::Null {
        fields.problem("custom_fields", "Field may not be null.");
    }
    values.value()
}

/// As in lists.
pub(crate) fn view(customer: &Customer, values: &Values) -> Value {
    json!({
        "id": customer.id,
        "external_id": customer.external_id,
        "active": customer.active,
        "email": customer.email,
        "name": customer.name,
        "firstname": customer.firstname,
        "lastname": customer.lastname,
        "language": customer.language,
        "timezone": customer.timezone,
        "note": customer.note,
        "created_datetime": time::format(customer.created_at),
        "updated_datetime": time::format(customer.updated_at),
        "meta": customer.meta,
        "data": customer.data,
        "custom_fields": ValuesView(values),
    })
}

/// As alone, and inside a ticket.
pub(crate) fn view_detail(detail: &CustomerDetail) -> Value {
    let mut view = view(&detail.customer, &detail.fields);
    let owner = json!({ "id": detail.customer.id, "name": detail.customer.name });
    let channels = detail.addresses.iter().map(|address| {
        json!({
            "id": address.id,
            "type": address.kind,
            "address": address.address,
            "preferred": address.preferred,
            "created_datetime": time::format(address.created_at),
            "updated_datetime": time::format_or_null(address.updated_at),
            "deleted_datetime": null,
            "user": owner,
            "customer": owner,
        })
    });
    view["channels"] = channels.collect();
    // Quirk: always null in recorded traffic.
    view["customer"] = Value::Null;
    let data = detail.integrations.iter().map(|it| {
        let mut data = it.data.clone();
        // Quirk: taps read this key without asking whether it is there.
        data["__integration_type__"] = Value::from(it.kind.as_str());
        (it.integration_id.to_string(), data)
    });
    view["integrations"] = data.collect::<Map<String, Value>>().into();
    view["external_data"] = json!({});
    view["ecommerce_data"] = json!({});
    view
}

//! `/api/v2/webhooks` (Zendesk contract, `resources.webhooks`): addresses that are called, by triggers and automations or when something
//! happens. They are the helpdesk's integrations that are called over HTTP, whoever made them. Their calls: `webhook_invocations.rs`.
//!
//! Quirk: ids are ULIDs, refusals are lists of errors, and what is changed is answered without a body.

use std::collections::BTreeSet;

use axum::extract::State;
use endpoint::{App, May, Routes, integration_secrets};
use helpdesk::actions::Payload;
use helpdesk::integrations::called::{Arranged, Filter};
use helpdesk::integrations::request::{Http, METHODS, URL_MAX_CHARS};
use helpdesk::integrations::trial::{self, Trial};
use helpdesk::integrations::webhook::{Authentication, Format, Webhook};
use helpdesk::integrations::{
    self, Changes, DESCRIPTION_MAX_CHARS, Integration, NAME_MAX_CHARS, NewIntegration, called, request, triggers,
};
use helpdesk::ulid;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Webhooks;
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::Word;
use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{Asked, Ways};
use crate::query::Params;
use crate::time::format;
use crate::webhook_invocations::{came_word, pairs};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/webhooks", list)
        .post("/api/v2/webhooks", create)
        .post("/api/v2/webhooks/test", test)
        .get("/api/v2/webhooks/{webhook_id}", show)
        .put("/api/v2/webhooks/{webhook_id}", update)
        .patch("/api/v2/webhooks/{webhook_id}", patch)
        .delete("/api/v2/webhooks/{webhook_id}", delete)
        .get("/api/v2/webhooks/{webhook_id}/signing_secret", show_secret)
        .post("/api/v2/webhooks/{webhook_id}/signing_secret", reset_secret)
}

/// Fired by triggers and automations.
const CONDITIONAL: &str = "conditional_ticket_events";
/// Before the names of what webhooks are told of.
const EVENT: &str = "zen:event-type:";
const SUBSCRIPTIONS_MAX: usize = 50;
const HEADERS_MAX: usize = 5;
const SECRET_MAX_CHARS: usize = 4_096;
const SECRET_LETTERS: usize = 44;
const PAYLOAD_MAX_CHARS: usize = 65_536;

/// `GET /api/v2/webhooks`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Webhooks>>, params: Params) -> Answer {
    let asked = Asked::read_in(&params, "webhooks", &["created_at", "name", "status"], Ways::CursorOnly)?;
    let active = match params.one("filter[status]") {
        None => None,
        Some("active") => Some(true),
        Some("inactive") => Some(false),
        Some(_) => return Err(ZendeskError::bad_request("filter[status] must be active or inactive.").listed()),
    };
    let filter = Filter { name_part: params.text("filter[name_contains]")?, active };
    let arranged = match asked.sort {
        "name" => Arranged::Named,
        "status" => Arranged::State,
        _ => Arranged::Created,
    };
    let mut tx = app.db.read().await?;
    let page = called::list(&mut tx, &may, &filter, (arranged, asked.descending), &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("webhooks", page, |it| view(&it)))))
}

/// `GET /api/v2/webhooks/{webhook_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Webhooks>>, Word(id): Word) -> Answer {
    let mut tx = app.db.read().await?;
    let found = integrations::find(&mut tx, &may, id_of(&id)?).await.map_err(listed)?;
    Ok(Reply::one("webhook", view(&found)))
}

/// `POST /api/v2/webhooks`: a new one, or with `clone_webhook_id` a copy of another with what is sent besides.
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Webhooks>>, params: Params, body: Body) -> Answer {
    let original = params.one("clone_webhook_id").map(id_of).transpose()?;
    let sent = match body.value.get("webhook") {
        None if original.is_some() => Sent::default(),
        _ => {
            let mut fields = body.record("webhook").map_err(ZendeskError::listed)?;
            if original.is_none() {
                for field in ["name", "endpoint", "http_method", "request_format", "status"] {
                    fields.require(field);
                }
            }
            let sent = read(&mut fields);
            fields.finish().map_err(ZendeskError::listed)?;
            sent
        }
    };
    // Drawn before: what is written may be written twice.
    let secret = app.random.letters(SECRET_LETTERS);
    once!(app, may.actor(), body.once, |tx, now| {
        let made = make(&app, tx, &may, now, (&sent, original), &secret).await?;
        Reply::created("webhook", view(&made))
    })
}

async fn make(
    app: &App,
    tx: &mut Tx,
    may: &CanWrite<Webhooks>,
    now: Timestamp,
    (sent, original): (&Sent, Option<i64>),
    secret: &str,
) -> Result<Integration, ZendeskError> {
    let mut new = NewIntegration { webhook: Some(Webhook::default()), ..NewIntegration::default() };
    let mut credentials = None;
    if let Some(id) = original {
        let original = integrations::to_change(tx, may, id).await.map_err(listed)?;
        credentials = unsealed(app, id, called::sealed_to_use(tx, may, id).await.map_err(listed)?.credentials);
        new.name = format!("{} (copy)", original.name).chars().take(NAME_MAX_CHARS).collect();
        new.description.clone_from(&original.description);
        new.http = original.http.clone().unwrap_or_default();
        new.webhook = Some(original.webhook.clone().unwrap_or_default());
        new.deactivated_at = original.deactivated_at;
    }
    if let Some(name) = &sent.name {
        new.name.clone_from(name);
    }
    new.description = sent.description.clone().unwrap_or(new.description);
    new.deactivated_at = match sent.active {
        Some(active) => (!active).then_some(now),
        None => new.deactivated_at,
    };
    sent.http().apply(&mut new.http);
    new.webhook = Some(sent.webhook(new.webhook.take().unwrap_or_default()));
    if let Some(subscriptions) = &sent.subscriptions {
        new.http.triggers.clone_from(subscriptions);
    }
    let made = integrations::create(tx, may, now, &new).await.map_err(listed)?;
    let sealed = integration_secrets::seal(app, made.id, secret)?;
    integrations::set_secret(tx, may, now, made.id, Some(&sealed)).await?;
    let credentials = match &sent.authentication {
        Some(Some(authentication)) => authentication.secret.clone().or(credentials),
        Some(None) => None,
        None => credentials,
    };
    if let Some(credentials) = credentials {
        let sealed = integration_secrets::seal(app, made.id, &credentials)?;
        called::set_credentials(tx, may, now, made.id, Some(&sealed)).await?;
    }
    Ok(integrations::to_change(tx, may, made.id).await?)
}

/// `PUT /api/v2/webhooks/{webhook_id}`: all of it. What is not sent and may be missing is set back.
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Webhooks>>, Word(id): Word, body: Body) -> Answer {
    let mut fields = body.record("webhook").map_err(ZendeskError::listed)?;
    for field in ["name", "endpoint", "http_method", "request_format", "status"] {
        fields.require(field);
    }
    let mut sent = read(&mut fields);
    fields.finish().map_err(ZendeskError::listed)?;
    sent.description.get_or_insert_default();
    sent.headers.get_or_insert_default();
    sent.authentication.get_or_insert_default();
    change(&app, &may, &id, &sent).await
}

/// `PATCH /api/v2/webhooks/{webhook_id}`: what is sent.
pub async fn patch(State(app): State<App>, May(may): May<CanWrite<Webhooks>>, Word(id): Word, body: Body) -> Answer {
    let mut fields = body.record("webhook").map_err(ZendeskError::listed)?;
    let sent = read(&mut fields);
    fields.finish().map_err(ZendeskError::listed)?;
    change(&app, &may, &id, &sent).await
}

async fn change(app: &App, may: &CanWrite<Webhooks>, id: &str, sent: &Sent) -> Answer {
    let (id, now) = (id_of(id)?, app.clock.now());
    transact!(app.db, |tx| {
        let before = integrations::to_change(tx, may, id).await.map_err(listed)?;
        let old = before.http.as_ref().map(|http| http.triggers.clone()).unwrap_or_default();
        let mut http = sent.http();
        // One that was made elsewhere stays what it is until something is said that only a webhook has.
        let old_webhook = before.webhook.clone().unwrap_or_default();
        let webhook = sent.webhook(old_webhook.clone());
        let becomes_webhook = webhook != old_webhook;
        if let Some(wanted) = &sent.subscriptions
            && *wanted != stored(&shown_subscriptions(&old))
        {
            http.triggers.extend(old.difference(wanted).map(|word| (word.clone(), false)));
            http.triggers.extend(wanted.iter().map(|word| (word.clone(), true)));
        }
        let changes = Changes {
            name: sent.name.clone(),
            description: sent.description.clone(),
            http: Some(http),
            webhook: becomes_webhook.then_some(webhook),
            business_hours_id: None,
            deactivated_at: sent
                .active
                .filter(|active| *active != before.deactivated_at.is_none())
                .map(|active| (!active).then_some(now)),
        };
        integrations::update(tx, may, now, id, &changes).await.map_err(listed)?;
        match &sent.authentication {
            Some(Some(Shown { secret: Some(secret), .. })) => {
                let sealed = integration_secrets::seal(app, id, secret)?;
                called::set_credentials(tx, may, now, id, Some(&sealed)).await?;
            }
            Some(None) if before.has_credentials => called::set_credentials(tx, may, now, id, None).await?,
            // Answers leave the secret out: what is sent back without it keeps it.
            Some(_) | None => {}
        }
        Ok::<_, ZendeskError>(())
    })?;
    Ok(Reply::empty())
}

/// `DELETE /api/v2/webhooks/{webhook_id}`: refused while a rule calls it.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Webhooks>>, Word(id): Word) -> Answer {
    let (id, now) = (id_of(&id)?, app.clock.now());
    transact!(app.db, |tx| integrations::delete(tx, &may, now, id).await.map_err(listed))?;
    Ok(Reply::empty())
}

/// `GET /api/v2/webhooks/{webhook_id}/signing_secret`
pub async fn show_secret(State(app): State<App>, May(may): May<CanRead<Webhooks>>, Word(id): Word) -> Answer {
    let id = id_of(&id)?;
    let sealed = {
        let mut tx = app.db.read().await?;
        integrations::find(&mut tx, &may, id).await.map_err(listed)?;
        called::sealed(&mut tx, &may, id).await.map_err(listed)?
    };
    let secret = unsealed(&app, id, sealed.secret).ok_or_else(ZendeskError::not_listed)?;
    Ok(Reply::one("signing_secret", secret_view(&secret)))
}

/// `POST /api/v2/webhooks/{webhook_id}/signing_secret`: a new one; the old one signs nothing any more.
pub async fn reset_secret(State(app): State<App>, May(may): May<CanWrite<Webhooks>>, Word(id): Word) -> Answer {
    let (id, now) = (id_of(&id)?, app.clock.now());
    let secret = app.random.letters(SECRET_LETTERS);
    let sealed = integration_secrets::seal(&app, id, &secret)?;
    transact!(app.db, |tx| {
        integrations::to_change(tx, &may, id).await.map_err(listed)?;
        integrations::set_secret(tx, &may, now, id, Some(&sealed)).await.map_err(listed)
    })?;
    let shown = Value::Object(Map::from_iter([("signing_secret".to_owned(), secret_view(&secret))]));
    Ok(Reply::new(axum::http::StatusCode::CREATED, shown))
}

/// `POST /api/v2/webhooks/test`: calls an address now, and tells what it answered. Of a webhook that is named, what is not sent is its own.
pub async fn test(State(app): State<App>, May(may): May<CanWrite<Webhooks>>, params: Params, body: Body) -> Answer {
    let named = params.one("webhook_id").map(id_of).transpose()?;
    let mut trial = Trial { http: Http::default(), authentication: None, payload: Payload::Own };
    trial.http.method = "POST".to_owned();
    if let Some(id) = named {
        let (found, sealed) = {
            let mut tx = app.db.read().await?;
            let found = integrations::to_change(&mut tx, &may, id).await.map_err(listed)?;
            (found, called::sealed_to_use(&mut tx, &may, id).await.map_err(listed)?)
        };
        let authentication = found.webhook.as_ref().and_then(|webhook| webhook.authentication.clone());
        trial.authentication = authentication.zip(unsealed(&app, id, sealed.credentials));
        trial.http = found.http.unwrap_or_default();
    }
    let mut fields = match body.value.get("request") {
        None if named.is_some() => Fields::of_row(&json!({})),
        _ => body.record("request").map_err(ZendeskError::listed)?,
    };
    if named.is_none() {
        fields.require("endpoint");
    }
    let payload = fields.value("payload");
    let listed_headers = fields.value("headers");
    let sent = read(&mut fields);
    match payload {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.chars().count() <= PAYLOAD_MAX_CHARS => trial.payload = Payload::Text(text),
        Some(Value::Object(object)) => trial.payload = Payload::Text(Value::Object(object).to_string()),
        Some(_) => fields.problem("payload", "is not a text that could be sent"),
    }
    if let Some(Value::Array(headers)) = listed_headers {
        for header in &headers {
            match (header["key"].as_str(), header["value"].as_str()) {
                (Some(key), Some(value)) => {
                    trial.http.headers.insert(key.to_owned(), value.to_owned());
                }
                _ => fields.problem("headers", "is not a list of keys and values"),
            }
        }
    }
    fields.finish().map_err(ZendeskError::listed)?;
    sent.http().apply(&mut trial.http);
    match sent.authentication {
        Some(Some(Shown { authentication, secret })) => {
            let kept = trial.authentication.take().map(|(_, secret)| secret);
            trial.authentication = Some((authentication, secret.or(kept).unwrap_or_default()));
        }
        Some(None) => trial.authentication = None,
        None => {}
    }
    if trial.payload == Payload::Own {
        trial.payload =
            if trial.http.method == "GET" { Payload::Pairs(Vec::new()) } else { Payload::Text("{}".to_owned()) };
    }
    let answer = trial::run(&app.provider.fetch, &trial).await.map_err(listed)?;
    Ok(Reply::one(
        "response",
        json!({
            "status": came_word(answer.came),
            "status_code": answer.status,
            "headers": pairs(answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            "payload": answer.payload,
        }),
    ))
}

/// What a call says of a webhook. None: nothing; an inner None: nothing any more.
#[derive(Debug, Clone, Default)]
struct Sent {
    name: Option<String>,
    description: Option<Option<String>>,
    endpoint: Option<String>,
    method: Option<String>,
    format: Option<Format>,
    active: Option<bool>,
    /// As they are stored.
    subscriptions: Option<BTreeSet<String>>,
    headers: Option<Vec<(String, String)>>,
    authentication: Option<Option<Shown>>,
    external_source: Option<Option<Value>>,
}

#[derive(Debug, Clone)]
struct Shown {
    authentication: Authentication,
    secret: Option<String>,
}

impl Sent {
    fn http(&self) -> request::Changes {
        request::Changes {
            url: self.endpoint.clone(),
            method: self.method.clone(),
            request_content_type: self.format.map(|format| format.content_type().to_owned()),
            headers: self.headers.clone().map(|headers| headers.into_iter().collect()),
            ..request::Changes::default()
        }
    }

    fn webhook(&self, before: Webhook) -> Webhook {
        Webhook {
            authentication: match &self.authentication {
                Some(shown) => shown.as_ref().map(|shown| shown.authentication.clone()),
                None => before.authentication,
            },
            external_source: self.external_source.clone().unwrap_or(before.external_source),
        }
    }
}

fn read(fields: &mut Fields) -> Sent {
    fields.pass(&["id", "signing_secret", "created_at", "created_by", "updated_at", "updated_by"]);
    let word = |word: Option<Option<&'static str>>| word.flatten().map(str::to_owned);
    let headers = fields.object("custom_headers").map(|object| {
        let object = object.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
        let texts: Vec<(String, String)> =
            object.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        if HEADERS_MAX < object.len() || texts.len() < object.len() {
            fields.problem("custom_headers", format!("must be at most {HEADERS_MAX} texts"));
        }
        texts
    });
    Sent {
        name: fields.some_text("name", NAME_MAX_CHARS),
        description: fields.text("description", DESCRIPTION_MAX_CHARS),
        endpoint: fields.some_text("endpoint", URL_MAX_CHARS),
        method: word(fields.word("http_method", METHODS)),
        format: fields.word("request_format", &["json", "xml", "form_encoded"]).flatten().map(|word| match word {
            "xml" => Format::Xml,
            "form_encoded" => Format::FormEncoded,
            _ => Format::Json,
        }),
        active: fields.word("status", &["active", "inactive"]).flatten().map(|word| word == "active"),
        subscriptions: read_subscriptions(fields),
        headers,
        authentication: read_authentication(fields),
        external_source: fields.object("external_source"),
    }
}

fn read_subscriptions(fields: &mut Fields) -> Option<BTreeSet<String>> {
    let words = fields.texts("subscriptions", NAME_MAX_CHARS)?;
    if SUBSCRIPTIONS_MAX < words.len() {
        fields.problem("subscriptions", format!("has more than {SUBSCRIPTIONS_MAX} items"));
    }
    let is_known = |word: &&String| {
        *word == CONDITIONAL || word.strip_prefix(EVENT).is_some_and(|word| triggers::announced(word).is_some())
    };
    if let Some(unknown) = words.iter().find(|word| !is_known(word)) {
        fields.problem("subscriptions", format!("cannot be {unknown}"));
    } else if 1 < words.len() && words.iter().any(|word| word == CONDITIONAL) {
        fields.problem("subscriptions", format!("{CONDITIONAL} goes with no other"));
    }
    Some(stored(&words))
}

/// What stands in the helpdesk for it: an integration that waits for nothing is called by rules alone.
fn stored(words: &[String]) -> BTreeSet<String> {
    words.iter().filter_map(|word| word.strip_prefix(EVENT)).map(str::to_owned).collect()
}

fn read_authentication(fields: &mut Fields) -> Option<Option<Shown>> {
    let sent = fields.object("authentication")?;
    let Some(sent) = sent.filter(|sent| sent.as_object().is_some_and(|it| !it.is_empty())) else { return Some(None) };
    let text = |name: &str| sent["data"][name].as_str().map(str::to_owned);
    let in_query = match sent["add_position"].as_str() {
        None | Some("header") => false,
        Some("query_string" | "query") => true,
        Some(_) => {
            fields.problem("authentication", "add_position must be header or query_string");
            return None;
        }
    };
    let (authentication, secret) = match sent["type"].as_str() {
        Some("basic_auth") => {
            (Authentication::Basic { username: text("username").unwrap_or_default() }, text("password"))
        }
        Some("bearer_token") => (Authentication::Bearer, text("token")),
        Some("api_key") => (Authentication::ApiKey { name: text("name").unwrap_or_default(), in_query }, text("value")),
        _ => {
            fields.problem("authentication", "type must be basic_auth, bearer_token or api_key");
            return None;
        }
    };
    if secret
        .as_ref()
        .is_some_and(|secret| SECRET_MAX_CHARS < secret.chars().count() || secret.contains(char::is_control))
    {
        fields.problem("authentication", "data cannot be sent");
    }
    Some(Some(Shown { authentication, secret }))
}

/// The words of the other dialect say the same where these have one for it.
fn shown_subscriptions(stored: &BTreeSet<String>) -> Vec<String> {
    let word = |word: &String| {
        let told = match word.as_str() {
            "ticket-created" => "ticket.created",
            "ticket-message-created" => "ticket.comment_added",
            "ticket-status-updated" => "ticket.status_changed",
            "ticket-assignment-updated" => "ticket.agent_assignment_changed",
            "ticket-updated" => "ticket.*",
            word => triggers::announced(word)?,
        };
        Some(format!("{EVENT}{told}"))
    };
    let told: Vec<String> = stored.iter().filter_map(word).collect();
    if stored.is_empty() { vec![CONDITIONAL.to_owned()] } else { told }
}

pub(crate) fn id_of(text: &str) -> Result<i64, ZendeskError> {
    ulid::id_of(text).ok_or_else(ZendeskError::not_listed)
}

pub(crate) fn listed(error: helpdesk::Error) -> ZendeskError {
    let error = match error {
        helpdesk::Error::Invalid { field, problem } => {
            let field = match field.as_str() {
                "http.url" => "endpoint",
                "http.method" => "http_method",
                "http.headers" => "custom_headers",
                other => other,
            };
            helpdesk::Error::invalid(field, problem)
        }
        error => error,
    };
    ZendeskError::from(error).listed()
}

fn unsealed(app: &App, id: i64, sealed: Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(integration_secrets::unseal(app, id, &sealed?)?).ok()
}

fn secret_view(secret: &str) -> Value {
    json!({ "algorithm": "SHA256", "secret": secret })
}

fn view(it: &Integration) -> Value {
    let http = it.http.clone().unwrap_or_default();
    let headers: Map<String, Value> = http.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut shown = json!({
        "id": ulid::of(it.id),
        "name": it.name,
        "endpoint": http.url,
        "http_method": http.method,
        "request_format": match Format::of_content_type(&http.request_content_type) {
            Format::Json => "json",
            Format::Xml => "xml",
            Format::FormEncoded => "form_encoded",
        },
        "status": if it.deactivated_at.is_none() { "active" } else { "inactive" },
        "subscriptions": shown_subscriptions(&http.triggers),
        "custom_headers": if headers.is_empty() { Value::Null } else { Value::Object(headers) },
        "external_source": it.webhook.as_ref().and_then(|webhook| webhook.external_source.clone()),
        "created_at": format(it.created_at),
        "created_by": it.person_id.unwrap_or(-1).to_string(),
    });
    // Quirk: what was never said is left out.
    if let Some(description) = &it.description {
        shown["description"] = json!(description);
    }
    if let Some(authentication) = it.webhook.as_ref().and_then(|webhook| webhook.authentication.as_ref()) {
        let (kind, data, position) = match authentication {
            Authentication::Basic { username } => ("basic_auth", json!({ "username": username }), "header"),
            Authentication::Bearer => ("bearer_token", json!({}), "header"),
            Authentication::ApiKey { name, in_query } => {
                ("api_key", json!({ "name": name }), if *in_query { "query_string" } else { "header" })
            }
        };
        shown["authentication"] = json!({ "type": kind, "data": data, "add_position": position });
    }
    if it.updated_by.is_some() || it.created_at < it.updated_at {
        shown["updated_at"] = json!(format(it.updated_at));
        shown["updated_by"] = json!(it.updated_by.or(it.person_id).unwrap_or(-1).to_string());
    }
    shown
}

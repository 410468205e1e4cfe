//! `/api/v2/guide/survey_responses`: our surveys once more, with what was answered (Zendesk contract, `resources.csat_surveys`). Ids are texts
//! here. There is one survey: how satisfied somebody was, from one to five, and why.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::satisfaction_surveys::{self as surveys, LINK_DAYS, NewSurvey, Survey, sending};
use jiff::SignedDuration;
use scope::permit::{CanRead, CanWrite};
use scope::resource::SatisfactionSurveys;
use serde_json::{Value, json};

use crate::Site;
use crate::Word;
use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{Asked, Ways};
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/guide/survey_responses", list)
        .post("/api/v2/guide/survey_responses", create)
        .get("/api/v2/guide/survey_responses/{survey_response_id}", show)
}

/// The one survey there is, and its questions.
const SURVEY_ID: &str = "satisfaction";
const RATING_ID: &str = "rating";
const COMMENT_ID: &str = "comment";
const GOOD_FROM: i64 = 4;
const NEUTRAL: i64 = 3;
const ZRN_MAX_CHARS: usize = 255;

/// `GET /api/v2/guide/survey_responses`: the newest first; `filter[subject_zrns]` picks those of one ticket.
pub async fn list(State(app): State<App>, May(may): May<CanRead<SatisfactionSurveys>>, params: Params) -> Answer {
    let asked = Asked::read_in(&params, "survey responses", &["created_at"], Ways::CursorOnly)?;
    let ticket_id = match params.list("filter[subject_zrns]").as_slice() {
        [] => None,
        [zrn] => Some(ticket_of(zrn).ok_or_else(|| ZendeskError::bad_request("filter[subject_zrns] is no ticket."))?),
        _ => return Err(ZendeskError::bad_request("filter[subject_zrns] takes one ticket.")),
    };
    let mut tx = app.db.read().await?;
    let setting = sending::setting(&mut tx).await?;
    let page = surveys::list(&mut tx, &may, ticket_id, asked.descending, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("survey_responses", page, |it| view(&it, setting.asks())))))
}

/// `GET /api/v2/guide/survey_responses/{survey_response_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<SatisfactionSurveys>>, Word(word): Word) -> Answer {
    let id = word.parse().map_err(|_| ZendeskError::not_found())?;
    let mut tx = app.db.read().await?;
    let setting = sending::setting(&mut tx).await?;
    let survey = surveys::find(&mut tx, &may, id).await?;
    Ok(Reply::one("survey_response", view(&survey, setting.asks())))
}

/// `POST /api/v2/guide/survey_responses`: one to be answered, with the address where.
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<SatisfactionSurveys>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields =
        if body.value.get("survey_response").is_some() { body.record("survey_response")? } else { body.bare()? };
    let (ticket_id, responder_id) = read(&mut fields);
    fields.finish()?;
    let sign = |claim: &str| app.provider.keyed_hash(sending::SIGNED_FOR, claim);
    once!(app, may.actor(), body.once, |tx, now| {
        let customer_id = match responder_id {
            Some(id) => id,
            None => surveys::requester(tx, &may, ticket_id).await?,
        };
        let new = NewSurvey { ticket_id, customer_id, sent_at: Some(now), ..NewSurvey::default() };
        let survey = surveys::create(tx, &may, now, &new).await?;
        let expires = now + SignedDuration::from_hours(24 * LINK_DAYS);
        let link = format!("{}/survey/{}", params.site.0, sending::link_token(&sign, survey.id, expires));
        let links = json!({ "self": address(&params.site, &survey), "survey": link });
        let reply = Reply::new(axum::http::StatusCode::CREATED, json!({ "id": survey.id.to_string(), "links": links }));
        Reply { location: Some(address(&params.site, &survey)), ..reply }
    })
}

/// The ticket, and who is to answer.
fn read(fields: &mut Fields) -> (i64, Option<i64>) {
    fields.pass(&["survey_id", "survey", "locale", "expires_at", "subjects"]);
    let mut zrns = fields.texts("subject_zrns", ZRN_MAX_CHARS).unwrap_or_default();
    zrns.extend(fields.some_text("subject_zrn", ZRN_MAX_CHARS));
    let ticket_id = match zrns.as_slice() {
        [zrn] => ticket_of(zrn),
        _ => None,
    };
    if ticket_id.is_none() {
        fields.problem("subject_zrns", "must name one ticket, such as zen:ticket:123");
    }
    (ticket_id.unwrap_or_default(), fields.id("responder_id").flatten())
}

/// `zen:ticket:123` and `zen:request:123` are the same.
fn ticket_of(zrn: &str) -> Option<i64> {
    let id = zrn.strip_prefix("zen:ticket:").or_else(|| zrn.strip_prefix("zen:request:"))?;
    id.parse().ok()
}

fn address(site: &Site, survey: &Survey) -> String {
    site.url(&format!("guide/survey_responses/{}", survey.id))
}

fn view(survey: &Survey, is_asked: bool) -> Value {
    let zrn = format!("zen:ticket:{}", survey.ticket_id);
    let expires_at = survey.sent_at.unwrap_or(survey.created_at) + SignedDuration::from_hours(24 * LINK_DAYS);
    json!({
        "id": survey.id.to_string(),
        "responder_id": survey.customer_id,
        "expires_at": format(expires_at),
        "subject_zrns": [zrn],
        "subjects": [{ "id": survey.ticket_id.to_string(), "type": "ticket", "zrn": zrn }],
        "survey": { "id": SURVEY_ID, "version": 1, "state": if is_asked { "enabled" } else { "disabled" } },
        "answers": answers(survey),
    })
}

fn answers(survey: &Survey) -> Vec<Value> {
    let (Some(score), Some(at)) = (survey.score, survey.scored_at) else { return Vec::new() };
    let category = match score {
        GOOD_FROM.. => "good",
        NEUTRAL => "neutral",
        _ => "bad",
    };
    let mut answers = vec![json!({
        "type": "rating_scale",
        "rating": score,
        "rating_category": category,
        "value": null,
        "selections": [],
        "question": { "id": RATING_ID, "type": "rating_scale" },
        "created_at": format(at),
        "updated_at": format(at),
    })];
    if let Some(text) = survey.body_text.as_deref().filter(|text| !text.is_empty()) {
        answers.push(json!({
            "type": "open_ended",
            "rating": null,
            "rating_category": null,
            "value": text,
            "selections": [],
            "question": { "id": COMMENT_ID, "type": "open_ended" },
            "created_at": format(at),
            "updated_at": format(at),
        }));
    }
    answers
}

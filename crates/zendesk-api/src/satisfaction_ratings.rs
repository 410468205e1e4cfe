//! `/api/v2/satisfaction_ratings`: our surveys, as good or bad (Zendesk contract, `resources.satisfaction_ratings`). Of our five scores, four
//! and five are good.

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, Later, May, Routes};
use helpdesk::satisfaction_surveys::{self as surveys, Answered, REASON_CODE, Rating, Survey, Which};
use jiff::Timestamp;
use scope::permission::{Permission, Permissions};
use scope::permit::CanRead;
use scope::resource::{Kind, SatisfactionSurveys, Write};
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    const RATES: Permissions = Permissions::of(&[Permission::write(Kind::SatisfactionSurveys)]);
    routes
        .get("/api/v2/satisfaction_ratings", list)
        .get("/api/v2/satisfaction_ratings/count", count)
        .get("/api/v2/satisfaction_ratings/received", list_received)
        .get("/api/v2/satisfaction_ratings/{satisfaction_rating_id}", show)
        .get("/api/v2/satisfaction_reasons", list_reasons)
        .get("/api/v2/satisfaction_reasons/{satisfaction_reason_id}", show_reason)
        .by_request(
            MethodFilter::POST,
            "/api/v2/tickets/{ticket_id}/satisfaction_rating",
            create,
            RATES,
            "whoever asked for the ticket rates it, whatever their role; the token's words are checked",
        )
}

/// Why somebody is not content: code and text.
pub(crate) const REASONS: &[(i64, &str)] = &[
    (0, "No reason provided"),
    (5, "The issue took too long to resolve"),
    (6, "The issue was not resolved"),
    (7, "The agent's knowledge is unsatisfactory"),
    (8, "The agent's attitude is unsatisfactory"),
    (100, "Some other reason"),
];
/// Reasons have ids above their codes.
const REASON_IDS: i64 = 1_000;
const GOOD: i64 = 5;
const BAD: i64 = 1;
const GOOD_FROM: i64 = 4;

/// `GET /api/v2/satisfaction_ratings`
pub async fn list(
    State(app): State<App>,
    May(may): May<CanRead<SatisfactionSurveys>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    listed(&app, &may, &which(&params)?, &params).await
}

/// `GET /api/v2/satisfaction_ratings/received`: those that customers gave. Older clients ask here, newer ones for `score=received`.
pub async fn list_received(
    State(app): State<App>,
    May(may): May<CanRead<SatisfactionSurveys>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let received = Which { answered: Some(Answered::Any), ..which(&params)? };
    listed(&app, &may, &received, &params).await
}

async fn listed(app: &App, may: &CanRead<SatisfactionSurveys>, which: &Which, params: &Params) -> Answer {
    let asked = Asked::read(params, "satisfaction_ratings", &["created_at"])?;
    let mut tx = app.db.read().await?;
    let page = surveys::ratings(&mut tx, may, which, asked.descending, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("satisfaction_ratings", page, |rating| view(&params.site, &rating)))))
}

/// `GET /api/v2/satisfaction_ratings/count`
pub async fn count(
    State(app): State<App>,
    May(may): May<CanRead<SatisfactionSurveys>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let which = which(&params)?;
    let mut tx = app.db.read().await?;
    Ok(Reply::count(surveys::count_ratings(&mut tx, &may, &which).await?, app.clock.now()))
}

/// `GET /api/v2/satisfaction_ratings/{satisfaction_rating_id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<SatisfactionSurveys>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    later.administrator()?;
    let mut tx = app.db.read().await?;
    let rating = surveys::rating(&mut tx, &may, id).await?;
    Ok(Reply::one("satisfaction_rating", view(&params.site, &rating)))
}

fn which(params: &Params) -> Result<Which, ZendeskError> {
    let second = |key: &str| -> Result<Option<Timestamp>, ZendeskError> {
        let Some(seconds) = params.number(key)? else { return Ok(None) };
        let at = Timestamp::from_second(seconds);
        at.map(Some).map_err(|_| ZendeskError::bad_request(format!("The parameter {key} is not a time.")))
    };
    let (from, to) = (second("start_time")?, second("end_time")?);
    let mut which = Which { from, to, ..Which::default() };
    let Some(score) = params.one("score") else { return Ok(which) };
    let (word, comment) = match score.split_once("_with") {
        Some((word, "_comment")) => (word, Some(true)),
        Some((word, "out_comment")) => (word, Some(false)),
        _ => (score, None),
    };
    which.with_comment = comment;
    which.answered = match word {
        "offered" => Some(Answered::Asked),
        "unoffered" => Some(Answered::NotAsked),
        "received" => Some(Answered::Any),
        "good" => Some(Answered::AtLeast(GOOD_FROM)),
        "bad" => Some(Answered::Below(GOOD_FROM)),
        _ => return Err(ZendeskError::bad_request(format!("Invalid score: {score}"))),
    };
    Ok(which)
}

/// `POST /api/v2/tickets/{ticket_id}/satisfaction_rating`
pub async fn create(State(app): State<App>, later: Later, Id(ticket_id): Id, params: Params, body: Body) -> Answer {
    later.by_words::<SatisfactionSurveys, Write>()?;
    let mut fields = body.record("satisfaction_rating")?;
    fields.require("score");
    let score = fields.word("score", &["good", "bad"]).flatten();
    let comment = fields.some_text("comment", surveys::BODY_MAX_CHARS);
    let code = fields.integer("reason_code").flatten();
    let by_id = fields.integer("reason_id").flatten().map(|id| id.saturating_sub(REASON_IDS));
    let code = code.or(by_id);
    if code.is_some_and(|code| reason(code).is_none()) {
        fields.problem("reason_code", "is invalid");
    }
    fields.finish()?;
    let score = if score == Some("good") { GOOD } else { BAD };
    let now = app.clock.now();
    let rating = transact!(app.db, |tx| {
        let meta = code.map(|code| json!({ REASON_CODE: code }));
        surveys::rate(tx, later.actor(), now, ticket_id, (score, comment.as_deref(), meta)).await
    })?;
    Ok(Reply::one("satisfaction_rating", view(&params.site, &rating)))
}

/// `GET /api/v2/satisfaction_reasons`
pub async fn list_reasons(
    State(app): State<App>,
    May(_may): May<CanRead<SatisfactionSurveys>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let since = helpdesk::account::created_at(&mut app.db.read().await?).await?;
    let views = REASONS.iter().map(|reason| reason_view(&params.site, reason, since)).collect();
    Ok(Reply::ok(Value::Object(page::whole("reasons", views))))
}

/// `GET /api/v2/satisfaction_reasons/{satisfaction_reason_id}`
pub async fn show_reason(
    State(app): State<App>,
    May(_may): May<CanRead<SatisfactionSurveys>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    later.administrator()?;
    let since = helpdesk::account::created_at(&mut app.db.read().await?).await?;
    let found = REASONS.iter().find(|(code, _)| REASON_IDS + code == id).ok_or_else(ZendeskError::not_found)?;
    Ok(Reply::one("reason", reason_view(&params.site, found, since)))
}

pub(crate) fn reason(code: i64) -> Option<&'static str> {
    REASONS.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

fn reason_view(site: &Site, (code, text): &(i64, &str), since: Timestamp) -> Value {
    let id = REASON_IDS + code;
    json!({
        "id": id,
        "url": site.url(&format!("satisfaction_reasons/{id}")),
        "reason_code": code,
        "value": text,
        "raw_value": text,
        "created_at": format(since),
        "updated_at": format(since),
        "deleted_at": null,
    })
}

/// The vendor's word for what was answered.
const fn score_word(survey: &Survey) -> &'static str {
    match (survey.score, survey.sent_at) {
        (Some(score), _) => word_of_score(score),
        (None, Some(_)) => "offered",
        (None, None) => "unoffered",
    }
}

/// Of our five scores.
pub(crate) const fn word_of_score(score: i64) -> &'static str {
    if score < GOOD_FROM { "bad" } else { "good" }
}

/// A survey as a part of its ticket.
pub(crate) fn in_ticket(survey: &Survey) -> Value {
    match survey.score {
        Some(_) => json!({ "id": survey.id, "score": score_word(survey), "comment": survey.body_text }),
        None => json!({ "score": score_word(survey) }),
    }
}

fn view(site: &Site, rating: &Rating) -> Value {
    let survey = &rating.survey;
    let code = survey.meta.as_ref().and_then(|meta| meta.get(REASON_CODE)).and_then(Value::as_i64);
    let changed_at = survey.scored_at.or(survey.sent_at).unwrap_or(survey.created_at);
    json!({
        "id": survey.id,
        "url": site.url(&format!("satisfaction_ratings/{}", survey.id)),
        "ticket_id": survey.ticket_id,
        "requester_id": survey.customer_id,
        "assignee_id": rating.assignee_user_id,
        "group_id": rating.assignee_team_id,
        "score": score_word(survey),
        "comment": survey.body_text,
        "reason": code.and_then(reason),
        "reason_code": code,
        "reason_id": code.map(|code| REASON_IDS + code),
        "created_at": format(survey.created_at),
        "updated_at": format(changed_at),
    })
}

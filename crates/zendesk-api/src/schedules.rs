//! `/api/v2/business_hours/schedules` (Zendesk contract, `resources.schedules`). The first schedule is the account's own business hours.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::schedules::{self, Changes, Holiday, HolidayChanges, NAME_MAX_CHARS, Schedule};
use jiff::civil::Date;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Accounts;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page;
use crate::query::Params;
use crate::time::format;
use crate::{Id, Pair, Site, time_zones};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/business_hours/schedules", list)
        .post("/api/v2/business_hours/schedules", create)
        .get("/api/v2/business_hours/schedules/{schedule_id}", show)
        .put("/api/v2/business_hours/schedules/{schedule_id}", update)
        .delete("/api/v2/business_hours/schedules/{schedule_id}", delete)
        .put("/api/v2/business_hours/schedules/{schedule_id}/workweek", update_workweek)
        .get("/api/v2/business_hours/schedules/{schedule_id}/holidays", list_holidays)
        .post("/api/v2/business_hours/schedules/{schedule_id}/holidays", create_holiday)
        .get("/api/v2/business_hours/schedules/{schedule_id}/holidays/{holiday_id}", show_holiday)
        .put("/api/v2/business_hours/schedules/{schedule_id}/holidays/{holiday_id}", update_holiday)
        .delete("/api/v2/business_hours/schedules/{schedule_id}/holidays/{holiday_id}", delete_holiday)
}

/// `GET /api/v2/business_hours/schedules`: all at once.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Accounts>>) -> Answer {
    let mut tx = app.db.read().await?;
    let views = schedules::list(&mut tx, &may).await?.iter().map(view).collect();
    Ok(Reply::ok(Value::Object(page::whole("schedules", views))))
}

/// `GET /api/v2/business_hours/schedules/{schedule_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Accounts>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::one("schedule", view(&schedules::find(&mut tx, &may, id).await?)))
}

/// `POST /api/v2/business_hours/schedules`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Accounts>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("schedule")?;
    fields.require("name");
    fields.require("time_zone");
    let new = read(&mut fields);
    fields.finish()?;
    let (name, timezone) = (new.name.unwrap_or_default(), new.timezone.unwrap_or_default());
    once!(app, may.actor(), body.once, |tx, now| {
        let made = schedules::create(tx, &may, now, &name, &timezone).await?;
        let url = url(&params.site, &made.id.to_string());
        Reply { location: Some(url), ..Reply::created("schedule", view(&made)) }
    })
}

/// `PUT /api/v2/business_hours/schedules/{schedule_id}`: name and zone; the hours are written by themselves.
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Accounts>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.record("schedule")?;
    let changes = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let schedule = transact!(app.db, |tx| schedules::update(tx, &may, now, id, &changes).await)?;
    Ok(Reply::one("schedule", view(&schedule)))
}

/// `DELETE /api/v2/business_hours/schedules/{schedule_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Accounts>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| schedules::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/business_hours/schedules/{schedule_id}/workweek`: the hours.
pub async fn update_workweek(
    State(app): State<App>,
    May(may): May<CanWrite<Accounts>>,
    Id(id): Id,
    body: Body,
) -> Answer {
    let mut fields = body.record("workweek")?;
    fields.require("intervals");
    let intervals = fields.each("intervals", |interval| {
        let (from, to) = (interval.required_id("start_time"), interval.required_id("end_time"));
        // Quirk: both 0 and 10080 are the turn of the week.
        (if from == WEEK { 0 } else { from }, if to == 0 { WEEK } else { to })
    });
    fields.finish()?;
    let (intervals, now) = (intervals.unwrap_or_default(), app.clock.now());
    let schedule = transact!(app.db, |tx| schedules::set_intervals(tx, &may, now, id, &intervals).await)?;
    Ok(Reply::one("workweek", json!({ "intervals": view_intervals(&schedule) })))
}

const WEEK: i64 = 10_080;

/// `GET /api/v2/business_hours/schedules/{schedule_id}/holidays`
pub async fn list_holidays(State(app): State<App>, May(may): May<CanRead<Accounts>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let views = schedules::holidays(&mut tx, &may, id).await?.iter().map(view_holiday).collect();
    Ok(Reply::ok(Value::Object(page::whole("holidays", views))))
}

/// `GET /api/v2/business_hours/schedules/{schedule_id}/holidays/{holiday_id}`
pub async fn show_holiday(
    State(app): State<App>,
    May(may): May<CanRead<Accounts>>,
    Pair(schedule_id, id): Pair,
) -> Answer {
    let mut tx = app.db.read().await?;
    let holiday = schedules::find_holiday(&mut tx, &may, (schedule_id, id)).await?;
    Ok(Reply::one("holiday", view_holiday(&holiday)))
}

/// `POST /api/v2/business_hours/schedules/{schedule_id}/holidays`
pub async fn create_holiday(
    State(app): State<App>,
    May(may): May<CanWrite<Accounts>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("holiday")?;
    for field in ["name", "start_date", "end_date"] {
        fields.require(field);
    }
    let new = read_holiday(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let made = schedules::create_holiday(tx, &may, now, id, &new).await?;
        let url = url(&params.site, &format!("{id}/holidays/{}", made.id));
        Reply { location: Some(url), ..Reply::created("holiday", view_holiday(&made)) }
    })
}

/// `PUT /api/v2/business_hours/schedules/{schedule_id}/holidays/{holiday_id}`
pub async fn update_holiday(
    State(app): State<App>,
    May(may): May<CanWrite<Accounts>>,
    Pair(schedule_id, id): Pair,
    body: Body,
) -> Answer {
    let mut fields = body.record("holiday")?;
    let changes = read_holiday(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let holiday = transact!(app.db, |tx| schedules::update_holiday(tx, &may, now, (schedule_id, id), &changes).await)?;
    Ok(Reply::one("holiday", view_holiday(&holiday)))
}

/// `DELETE /api/v2/business_hours/schedules/{schedule_id}/holidays/{holiday_id}`
pub async fn delete_holiday(
    State(app): State<App>,
    May(may): May<CanWrite<Accounts>>,
    Pair(schedule_id, id): Pair,
) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| schedules::delete_holiday(tx, &may, now, (schedule_id, id)).await)?;
    Ok(Reply::empty())
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&["created_at", "id", "intervals", "updated_at"]);
    let timezone = fields.some_text("time_zone", NAME_MAX_CHARS);
    Changes {
        name: fields.some_text("name", NAME_MAX_CHARS),
        timezone: timezone.map(|name| time_zones::iana(&name).to_owned()),
    }
}

fn read_holiday(fields: &mut Fields) -> HolidayChanges {
    fields.pass(&["id"]);
    let mut day = |field: &str| {
        let text = fields.some_text(field, NAME_MAX_CHARS)?;
        let day = text.parse::<Date>().ok();
        if day.is_none() {
            fields.problem(field, "is not a date");
        }
        day
    };
    let (first_day, last_day) = (day("start_date"), day("end_date"));
    HolidayChanges { name: fields.some_text("name", NAME_MAX_CHARS), first_day, last_day }
}

fn url(site: &Site, rest: &str) -> String {
    site.url(&format!("business_hours/schedules/{rest}"))
}

fn view(schedule: &Schedule) -> Value {
    json!({
        "id": schedule.id,
        "name": schedule.name,
        "time_zone": time_zones::name_of(&schedule.timezone),
        "intervals": view_intervals(schedule),
        "created_at": format(schedule.created_at),
        "updated_at": format(schedule.updated_at),
    })
}

fn view_intervals(schedule: &Schedule) -> Value {
    schedule.intervals.iter().map(|(from, to)| json!({ "start_time": from, "end_time": to })).collect()
}

fn view_holiday(holiday: &Holiday) -> Value {
    json!({
        "id": holiday.id,
        "name": holiday.name,
        "start_date": holiday.first_day.to_string(),
        "end_date": holiday.last_day.to_string(),
    })
}

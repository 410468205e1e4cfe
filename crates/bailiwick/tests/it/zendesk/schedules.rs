//! `/api/v2/business_hours/schedules`, their hours and holidays.

use serde_json::json;

use super::{all, body, get, id, made};
use crate::support::{Person, Server};
use scope::Dialect;

const PATH: &str = "/api/v2/business_hours/schedules";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_schedule_is_the_accounts_own_hours() {
    let server = Server::start().await;
    let all = all(&server).await;
    let gorgias = server.token_for(Person::Admin, Dialect::Gorgias, "account:read account:write").await;
    let first = get(&server, PATH, &all).await["schedules"][0].clone();
    let path = format!("{PATH}/{}", id(&first));

    let zone = json!({ "schedule": { "time_zone": "Eastern Time (US & Canada)" } });
    let moved = body(server.put(&path, &all, zone).await, 200).await["schedule"].clone();
    let hours = json!({ "workweek": { "intervals": [{ "start_time": 0, "end_time": 1440 }, { "start_time": 1980, "end_time": 2460 }] } });
    let hours = body(server.put(&format!("{path}/workweek"), &all, hours).await, 200).await;

    assert_eq!(first["time_zone"], "UTC");
    assert_eq!(first["intervals"][0], json!({ "start_time": 1980, "end_time": 2460 }));
    assert_eq!(moved["time_zone"], "Eastern Time (US & Canada)");
    assert_eq!(hours["workweek"]["intervals"][0], json!({ "start_time": 0, "end_time": 1440 }));
    let settings = body(server.get("/api/account/settings?type=business-hours", &gorgias).await, 200).await;
    let data = &settings["data"][0]["data"];
    assert_eq!(data["timezone"], "America/New_York");
    assert_eq!(data["business_hours"][1], json!({ "days": "1", "from_time": "09:00", "to_time": "17:00" }));
    assert_eq!(server.delete(&path, &all).await.status(), 422, "the account always has hours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_and_its_holidays_are_made_changed_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let schedule = made(&server, PATH, &all, "schedule", json!({ "name": "Tokyo", "time_zone": "Tokyo" })).await;
    let path = format!("{PATH}/{}", id(&schedule));
    let holidays = format!("{path}/holidays");
    let new = json!({ "name": "New year", "start_date": "2026-12-31", "end_date": "2027-01-03" });
    let holiday = made(&server, &holidays, &all, "holiday", new).await;
    let holiday_path = format!("{holidays}/{}", id(&holiday));

    let shorter = json!({ "holiday": { "end_date": "2027-01-01" } });
    let shorter = body(server.put(&holiday_path, &all, shorter).await, 200).await;

    assert_eq!(schedule["intervals"].as_array().map(Vec::len), Some(5));
    assert_eq!(shorter["holiday"]["end_date"], "2027-01-01");
    assert_eq!(get(&server, &holiday_path, &all).await["holiday"]["start_date"], "2026-12-31");
    assert_eq!(get(&server, &holidays, &all).await["holidays"].as_array().map(Vec::len), Some(1));
    assert_eq!(server.get(&format!("{PATH}/1/holidays/{}", id(&holiday)), &all).await.status(), 404);
    for wrong in [
        json!({ "name": "A", "start_date": "2026-12-31", "end_date": "2026-12-30" }),
        json!({ "name": "A", "start_date": "soon", "end_date": "2026-12-30" }),
        json!({ "start_date": "2026-12-30", "end_date": "2026-12-30" }),
    ] {
        assert_eq!(server.post(&holidays, &all, json!({ "holiday": wrong })).await.status(), 422, "{wrong}");
    }
    for wrong in [json!({ "name": "A", "time_zone": "Mars" }), json!({ "name": "A" })] {
        assert_eq!(server.post(PATH, &all, json!({ "schedule": wrong })).await.status(), 422, "{wrong}");
    }
    let night = json!({ "workweek": { "intervals": [{ "start_time": 1300, "end_time": 1500 }] } });
    assert_eq!(server.put(&format!("{path}/workweek"), &all, night).await.status(), 422);
    assert_eq!(server.delete(&holiday_path, &all).await.status(), 204);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

//! `/api/v2/time_zones`: the vendor's names of time zones, which are those of Rails, and what each is in the IANA database (Zendesk contract,
//! `resources.account`). They come with the program, so everybody may read them.

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, Routes};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::{Answer, Reply};
use crate::page;

pub fn routes(routes: Routes) -> Routes {
    routes.open(MethodFilter::GET, "/api/v2/time_zones", list, "time zones are the same for everybody")
}

/// Of several names of one zone, the first is the one that is shown.
const ZONES: &[(&str, &str)] = &[
    ("International Date Line West", "Etc/GMT+12"),
    ("American Samoa", "Pacific/Pago_Pago"),
    ("Midway Island", "Pacific/Midway"),
    ("Hawaii", "Pacific/Honolulu"),
    ("Alaska", "America/Juneau"),
    ("Pacific Time (US & Canada)", "America/Los_Angeles"),
    ("Tijuana", "America/Tijuana"),
    ("Arizona", "America/Phoenix"),
    ("Mazatlan", "America/Mazatlan"),
    ("Mountain Time (US & Canada)", "America/Denver"),
    ("Central America", "America/Guatemala"),
    ("Central Time (US & Canada)", "America/Chicago"),
    ("Chihuahua", "America/Chihuahua"),
    ("Mexico City", "America/Mexico_City"),
    ("Guadalajara", "America/Mexico_City"),
    ("Monterrey", "America/Monterrey"),
    ("Saskatchewan", "America/Regina"),
    ("Bogota", "America/Bogota"),
    ("Eastern Time (US & Canada)", "America/New_York"),
    ("Indiana (East)", "America/Indiana/Indianapolis"),
    ("Lima", "America/Lima"),
    ("Quito", "America/Lima"),
    ("Atlantic Time (Canada)", "America/Halifax"),
    ("Caracas", "America/Caracas"),
    ("Georgetown", "America/Guyana"),
    ("La Paz", "America/La_Paz"),
    ("Puerto Rico", "America/Puerto_Rico"),
    ("Santiago", "America/Santiago"),
    ("Asuncion", "America/Asuncion"),
    ("Newfoundland", "America/St_Johns"),
    ("Brasilia", "America/Sao_Paulo"),
    ("Buenos Aires", "America/Argentina/Buenos_Aires"),
    ("Montevideo", "America/Montevideo"),
    ("Greenland", "America/Nuuk"),
    ("Mid-Atlantic", "Atlantic/South_Georgia"),
    ("Azores", "Atlantic/Azores"),
    ("Cape Verde Is.", "Atlantic/Cape_Verde"),
    ("UTC", "Etc/UTC"),
    ("Casablanca", "Africa/Casablanca"),
    ("Dublin", "Europe/Dublin"),
    ("London", "Europe/London"),
    ("Edinburgh", "Europe/London"),
    ("Lisbon", "Europe/Lisbon"),
    ("Monrovia", "Africa/Monrovia"),
    ("Amsterdam", "Europe/Amsterdam"),
    ("Belgrade", "Europe/Belgrade"),
    ("Berlin", "Europe/Berlin"),
    ("Bern", "Europe/Zurich"),
    ("Zurich", "Europe/Zurich"),
    ("Bratislava", "Europe/Bratislava"),
    ("Brussels", "Europe/Brussels"),
    ("Budapest", "Europe/Budapest"),
    ("Copenhagen", "Europe/Copenhagen"),
    ("Ljubljana", "Europe/Ljubljana"),
    ("Madrid", "Europe/Madrid"),
    ("Paris", "Europe/Paris"),
    ("Prague", "Europe/Prague"),
    ("Rome", "Europe/Rome"),
    ("Sarajevo", "Europe/Sarajevo"),
    ("Skopje", "Europe/Skopje"),
    ("Stockholm", "Europe/Stockholm"),
    ("Vienna", "Europe/Vienna"),
    ("Warsaw", "Europe/Warsaw"),
    ("West Central Africa", "Africa/Algiers"),
    ("Zagreb", "Europe/Zagreb"),
    ("Athens", "Europe/Athens"),
    ("Bucharest", "Europe/Bucharest"),
    ("Cairo", "Africa/Cairo"),
    ("Harare", "Africa/Harare"),
    ("Helsinki", "Europe/Helsinki"),
    ("Jerusalem", "Asia/Jerusalem"),
    ("Kaliningrad", "Europe/Kaliningrad"),
    ("Kyiv", "Europe/Kiev"),
    ("Pretoria", "Africa/Johannesburg"),
    ("Riga", "Europe/Riga"),
    ("Sofia", "Europe/Sofia"),
    ("Tallinn", "Europe/Tallinn"),
    ("Vilnius", "Europe/Vilnius"),
    ("Baghdad", "Asia/Baghdad"),
    ("Istanbul", "Europe/Istanbul"),
    ("Kuwait", "Asia/Kuwait"),
    ("Minsk", "Europe/Minsk"),
    ("Moscow", "Europe/Moscow"),
    ("St. Petersburg", "Europe/Moscow"),
    ("Nairobi", "Africa/Nairobi"),
    ("Riyadh", "Asia/Riyadh"),
    ("Volgograd", "Europe/Volgograd"),
    ("Tehran", "Asia/Tehran"),
    ("Abu Dhabi", "Asia/Muscat"),
    ("Muscat", "Asia/Muscat"),
    ("Baku", "Asia/Baku"),
    ("Samara", "Europe/Samara"),
    ("Tbilisi", "Asia/Tbilisi"),
    ("Yerevan", "Asia/Yerevan"),
    ("Kabul", "Asia/Kabul"),
    ("Almaty", "Asia/Almaty"),
    ("Astana", "Asia/Almaty"),
    ("Ekaterinburg", "Asia/Yekaterinburg"),
    ("Islamabad", "Asia/Karachi"),
    ("Karachi", "Asia/Karachi"),
    ("Tashkent", "Asia/Tashkent"),
    ("Chennai", "Asia/Kolkata"),
    ("Kolkata", "Asia/Kolkata"),
    ("Mumbai", "Asia/Kolkata"),
    ("New Delhi", "Asia/Kolkata"),
    ("Sri Jayawardenepura", "Asia/Colombo"),
    ("Kathmandu", "Asia/Kathmandu"),
    ("Dhaka", "Asia/Dhaka"),
    ("Urumqi", "Asia/Urumqi"),
    ("Rangoon", "Asia/Rangoon"),
    ("Bangkok", "Asia/Bangkok"),
    ("Hanoi", "Asia/Bangkok"),
    ("Jakarta", "Asia/Jakarta"),
    ("Krasnoyarsk", "Asia/Krasnoyarsk"),
    ("Novosibirsk", "Asia/Novosibirsk"),
    ("Beijing", "Asia/Shanghai"),
    ("Chongqing", "Asia/Chongqing"),
    ("Hong Kong", "Asia/Hong_Kong"),
    ("Irkutsk", "Asia/Irkutsk"),
    ("Kuala Lumpur", "Asia/Kuala_Lumpur"),
    ("Perth", "Australia/Perth"),
    ("Singapore", "Asia/Singapore"),
    ("Taipei", "Asia/Taipei"),
    ("Ulaanbaatar", "Asia/Ulaanbaatar"),
    ("Tokyo", "Asia/Tokyo"),
    ("Osaka", "Asia/Tokyo"),
    ("Sapporo", "Asia/Tokyo"),
    ("Seoul", "Asia/Seoul"),
    ("Yakutsk", "Asia/Yakutsk"),
    ("Adelaide", "Australia/Adelaide"),
    ("Darwin", "Australia/Darwin"),
    ("Brisbane", "Australia/Brisbane"),
    ("Canberra", "Australia/Canberra"),
    ("Guam", "Pacific/Guam"),
    ("Hobart", "Australia/Hobart"),
    ("Melbourne", "Australia/Melbourne"),
    ("Port Moresby", "Pacific/Port_Moresby"),
    ("Sydney", "Australia/Sydney"),
    ("Vladivostok", "Asia/Vladivostok"),
    ("Magadan", "Asia/Magadan"),
    ("New Caledonia", "Pacific/Noumea"),
    ("Solomon Is.", "Pacific/Guadalcanal"),
    ("Srednekolymsk", "Asia/Srednekolymsk"),
    ("Auckland", "Pacific/Auckland"),
    ("Wellington", "Pacific/Auckland"),
    ("Fiji", "Pacific/Fiji"),
    ("Kamchatka", "Asia/Kamchatka"),
    ("Marshall Is.", "Pacific/Majuro"),
    ("Chatham Is.", "Pacific/Chatham"),
    ("Nuku'alofa", "Pacific/Tongatapu"),
    ("Samoa", "Pacific/Apia"),
    ("Tokelau Is.", "Pacific/Fakaofo"),
];

/// The zone in the IANA database; a name that is none of the vendor's stays as it is.
pub(crate) fn iana(name: &str) -> &str {
    ZONES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(name, |(_, zone)| zone)
}

/// The vendor's name of a zone; one that has none stays as it is.
pub(crate) fn name_of(zone: &str) -> &str {
    ZONES.iter().find(|(name, known)| *known == zone || *name == zone).map_or(zone, |(name, _)| name)
}

/// `GET /api/v2/time_zones`
pub async fn list(State(app): State<App>) -> Answer {
    let now = app.clock.now();
    let views = ZONES.iter().filter_map(|(name, zone)| view(name, zone, now)).collect();
    Ok(Reply::ok(Value::Object(page::whole("time_zones", views))))
}

/// With what it is off from UTC now, in minutes.
fn view(name: &str, zone: &str, now: Timestamp) -> Option<Value> {
    let offset = i64::from(jiff::tz::db().get(zone).ok()?.to_offset(now).seconds()) / 60;
    let sign = if offset < 0 { '-' } else { '+' };
    let formatted = format!("GMT{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
    Some(json!({
        "name": name,
        "translated_name": name,
        "iana_name": zone,
        "offset": offset,
        "formatted_offset": formatted,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_is_known_and_shown_with_its_first_name() {
        let now = Timestamp::from_second(1_767_225_600).unwrap();
        for (name, zone) in ZONES {
            assert!(view(name, zone, now).is_some(), "{name}");
            assert_eq!(iana(name), *zone);
            assert_eq!(iana(name_of(zone)), *zone);
        }
        assert_eq!(name_of("America/New_York"), "Eastern Time (US & Canada)");
        assert_eq!((iana("Europe/Oslo"), name_of("Europe/Oslo")), ("Europe/Oslo", "Europe/Oslo"));
        let delhi = view("New Delhi", "Asia/Kolkata", now).unwrap();
        assert_eq!((&delhi["offset"], &delhi["formatted_offset"]), (&json!(330), &json!("GMT+05:30")));
    }
}

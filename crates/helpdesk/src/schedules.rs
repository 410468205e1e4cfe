//! Schedules: several weekly hours, each with its holidays. The first is the account's own: its hours and its zone are those of the account's
//! setting, however that is written.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Accounts;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::account::{self, BUSINESS_HOURS, filled};
use crate::business_hours::{BusinessHours, DAY_MINUTES};
use crate::{Error, events};

/// Longest name, in characters.
pub const NAME_MAX_CHARS: usize = 255;
/// Most schedules of an account, and most holidays and intervals of one.
const SCHEDULES_MAX: i64 = 100;
const HOLIDAYS_MAX: i64 = 500;
const INTERVALS_MAX: usize = 336;
/// Longest holiday, in days.
const HOLIDAY_MAX_DAYS: i32 = 366;
const WEEK_MINUTES: i64 = 7 * DAY_MINUTES;
/// The account's own.
pub(crate) const OF_ACCOUNT: i64 = 1;

#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub id: i64,
    pub name: String,
    /// As in the IANA database.
    pub timezone: String,
    /// Pairs of minutes since Sunday 00:00, in order, none past a midnight.
    pub intervals: Vec<(i64, i64)>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a call changes. None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub timezone: Option<String>,
}

/// When somebody is there by a schedule.
#[derive(Debug, Clone)]
pub(crate) struct Hours {
    pub id: i64,
    pub hours: BusinessHours,
    /// Whether a ticket goes by it. The account's own always is.
    pub is_used: bool,
}

/// Days on which nobody is there, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holiday {
    pub id: i64,
    pub name: String,
    pub first_day: Date,
    pub last_day: Date,
}

/// The same before it is stored.
#[derive(Debug, Clone, Default)]
pub struct HolidayChanges {
    pub name: Option<String>,
    pub first_day: Option<Date>,
    pub last_day: Option<Date>,
}

macro_rules! select_schedules {
    () => {
        "select s.id, s.name, s.timezone, s.intervals, coalesce(nullif(s.created_at, 0), a.created_at, 0) as created_at,
                coalesce(nullif(s.updated_at, 0), a.created_at, 0) as updated_at
         from schedules s left join account a on a.id = 1"
    };
}

/// All of them by id: an account has few. Served by the primary key.
pub async fn list(tx: &mut Tx, _may: &CanRead<Accounts>) -> Result<Vec<Schedule>, Error> {
    let rows = tx.rows(concat!(select_schedules!(), " order by s.id"), &[]).await?;
    let mut schedules = Vec::with_capacity(rows.len());
    for row in &rows {
        schedules.push(whole(tx, row).await?);
    }
    Ok(schedules)
}

/// The schedule with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Accounts>, id: i64) -> Result<Schedule, Error> {
    read(tx, id).await
}

/// Adds a schedule: Monday to Friday from nine to five, until it is given its intervals.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    name: &str,
    timezone: &str,
) -> Result<Schedule, Error> {
    let count = tx.row("select count(*) as n from schedules", &[]).await?;
    if SCHEDULES_MAX <= count.ok_or(StoreError::Column("n"))?.int("n")? {
        return Err(Error::Refused(format!("There are {SCHEDULES_MAX} schedules already, and no room for more.")));
    }
    let name = filled("name", name, NAME_MAX_CHARS)?;
    check_timezone(timezone)?;
    let usual: Vec<(i64, i64)> = (1..=5).map(|day| (day * DAY_MINUTES + 540, day * DAY_MINUTES + 1_020)).collect();
    let row = tx
        .row(
            "insert into schedules (name, timezone, intervals, created_at, updated_at) values ($1, $2, $3, $4, $4) returning id",
            &[name.into(), timezone.into(), json!(usual).into(), now.into()],
        )
        .await?;
    let made = read(tx, row.ok_or(StoreError::Column("id"))?.int("id")?).await?;
    record(tx, may.actor(), now, ("schedule-created", made.id), (None, Some(made.facts()))).await?;
    Ok(made)
}

/// Changes what was sent.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Schedule, Error> {
    let mut after = take(tx, id).await?;
    if let Some(name) = &changes.name {
        after.name = filled("name", name, NAME_MAX_CHARS)?.to_owned();
    }
    if let Some(timezone) = &changes.timezone {
        check_timezone(timezone)?;
        after.timezone.clone_from(timezone);
    }
    save(tx, may, now, &after).await
}

/// Replaces the weekly hours. `Invalid` on `intervals` if they are none.
pub async fn set_intervals(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    id: i64,
    intervals: &[(i64, i64)],
) -> Result<Schedule, Error> {
    let mut after = take(tx, id).await?;
    after.intervals = checked(intervals)?;
    save(tx, may, now, &after).await
}

/// Deletes a schedule with its holidays. `InUse` for the account's own.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Accounts>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    if id == OF_ACCOUNT {
        let problem = "These are the account's business hours, which can be changed but not deleted.".to_owned();
        return Err(Error::InUse { kind: "schedule", id, problem });
    }
    tx.run("delete from schedules where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("schedule-deleted", id), (Some(gone.facts()), None)).await
}

/// The holidays of a schedule by their first day, or `NotFound`. Served by `schedule_holidays_by_schedule`.
pub async fn holidays(tx: &mut Tx, _may: &CanRead<Accounts>, schedule_id: i64) -> Result<Vec<Holiday>, Error> {
    read(tx, schedule_id).await?;
    let sql =
        "select id, name, first_day, last_day from schedule_holidays where schedule_id = $1 order by first_day, id";
    tx.rows(sql, &[schedule_id.into()]).await?.iter().map(Holiday::from_row).collect()
}

pub async fn find_holiday(tx: &mut Tx, _may: &CanRead<Accounts>, ids: (i64, i64)) -> Result<Holiday, Error> {
    read_holiday(tx, ids).await
}

pub async fn create_holiday(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    schedule_id: i64,
    new: &HolidayChanges,
) -> Result<Holiday, Error> {
    take(tx, schedule_id).await?;
    let count =
        tx.row("select count(*) as n from schedule_holidays where schedule_id = $1", &[schedule_id.into()]).await?;
    if HOLIDAYS_MAX <= count.ok_or(StoreError::Column("n"))?.int("n")? {
        return Err(Error::Refused(format!("There are {HOLIDAYS_MAX} holidays already, and no room for more.")));
    }
    let first_day = new.first_day.ok_or_else(|| Error::invalid("first_day", "cannot be blank"))?;
    let mut holiday = Holiday {
        id: 0,
        name: filled("name", new.name.as_deref().unwrap_or_default(), NAME_MAX_CHARS)?.to_owned(),
        first_day,
        last_day: new.last_day.unwrap_or(first_day),
    };
    check_days(&holiday)?;
    let row = tx
        .row(
            "insert into schedule_holidays (schedule_id, name, first_day, last_day) values ($1, $2, $3, $4) returning id",
            &[
                schedule_id.into(),
                holiday.name.as_str().into(),
                holiday.first_day.to_string().into(),
                holiday.last_day.to_string().into(),
            ],
        )
        .await?;
    holiday.id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    record_holiday(tx, may.actor(), now, ("schedule-holiday-created", schedule_id, holiday.id), (None, Some(&holiday)))
        .await?;
    Ok(holiday)
}

pub async fn update_holiday(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    (schedule_id, id): (i64, i64),
    changes: &HolidayChanges,
) -> Result<Holiday, Error> {
    take(tx, schedule_id).await?;
    let before = read_holiday(tx, (schedule_id, id)).await?;
    let mut after = before.clone();
    if let Some(name) = &changes.name {
        after.name = filled("name", name, NAME_MAX_CHARS)?.to_owned();
    }
    after.first_day = changes.first_day.unwrap_or(before.first_day);
    after.last_day = changes.last_day.unwrap_or(before.last_day);
    check_days(&after)?;
    if after == before {
        return Ok(after);
    }
    tx.run(
        "update schedule_holidays set name = $1, first_day = $2, last_day = $3 where id = $4",
        &[after.name.as_str().into(), after.first_day.to_string().into(), after.last_day.to_string().into(), id.into()],
    )
    .await?;
    let names = ("schedule-holiday-updated", schedule_id, id);
    record_holiday(tx, may.actor(), now, names, (Some(&before), Some(&after))).await?;
    Ok(after)
}

pub async fn delete_holiday(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    (schedule_id, id): (i64, i64),
) -> Result<(), Error> {
    let gone = read_holiday(tx, (schedule_id, id)).await?;
    tx.run("delete from schedule_holidays where id = $1", &[id.into()]).await?;
    record_holiday(tx, may.actor(), now, ("schedule-holiday-deleted", schedule_id, id), (Some(&gone), None)).await
}

/// The days on which nobody is there by the account's own schedule.
pub(crate) async fn holidays_of_account(tx: &mut Tx) -> Result<Vec<Date>, Error> {
    days_off(tx, OF_ACCOUNT).await
}

async fn days_off(tx: &mut Tx, schedule_id: i64) -> Result<Vec<Date>, Error> {
    let sql =
        "select id, name, first_day, last_day from schedule_holidays where schedule_id = $1 order by first_day, id";
    let mut days = Vec::new();
    for row in tx.rows(sql, &[schedule_id.into()]).await? {
        days.extend(Holiday::from_row(&row)?.days());
    }
    Ok(days)
}

/// All schedules with their holidays, the account's own first. Served by `tickets_by_schedule` and `schedule_holidays_by_schedule`.
pub(crate) async fn hours_of_all(tx: &mut Tx) -> Result<Vec<Hours>, Error> {
    let sql = "select s.id, s.timezone, s.intervals,
                      case when exists (select 1 from tickets t where t.schedule_id = s.id) then 1 else 0 end as is_used
               from schedules s where s.id <> $1 order by s.id";
    let rows = tx.rows(sql, &[OF_ACCOUNT.into()]).await?;
    let mut all = Vec::with_capacity(rows.len() + 1);
    all.push(Hours { id: OF_ACCOUNT, hours: account::business_hours(tx).await?, is_used: true });
    for row in &rows {
        all.push(Hours { id: row.int("id")?, hours: hours_in(row)?, is_used: row.flag("is_used")? });
    }
    let sql = "select h.id, h.schedule_id, h.name, h.first_day, h.last_day from schedule_holidays h
               where h.schedule_id <> $1 order by h.schedule_id, h.first_day, h.id";
    for row in tx.rows(sql, &[OF_ACCOUNT.into()]).await? {
        let (of, holiday) = (row.int("schedule_id")?, Holiday::from_row(&row)?);
        if let Some(schedule) = all.iter_mut().find(|schedule| schedule.id == of) {
            schedule.hours = schedule.hours.clone().without(holiday.days());
        }
    }
    Ok(all)
}

/// When somebody is there for a ticket. Without a schedule of its own, or one that is gone, it goes by the account's.
pub(crate) async fn hours_of_ticket(tx: &mut Tx, schedule_id: Option<i64>) -> Result<BusinessHours, Error> {
    let id = schedule_id.unwrap_or(OF_ACCOUNT);
    let sql = "select s.timezone, s.intervals from schedules s where s.id = $1";
    match tx.row(sql, &[id.into()]).await? {
        Some(row) if id != OF_ACCOUNT => Ok(hours_in(&row)?.without(days_off(tx, id).await?)),
        _ => account::business_hours(tx).await,
    }
}

/// `NotFound` unless there is such a schedule.
pub(crate) async fn must_exist(tx: &mut Tx, id: i64) -> Result<(), Error> {
    let row = tx.row("select 1 as one from schedules where id = $1", &[id.into()]).await?;
    row.map(drop).ok_or(Error::NotFound { kind: "schedule", id })
}

fn hours_in(row: &Row) -> Result<BusinessHours, Error> {
    let intervals = row.json("intervals")?.ok_or(StoreError::Column("intervals"))?;
    let intervals: Vec<(i64, i64)> = serde_json::from_value(intervals).map_err(|_| StoreError::Column("intervals"))?;
    let zone = jiff::tz::db().get(&row.text("timezone")?).map_err(|_| StoreError::Column("timezone"))?;
    Ok(BusinessHours::of_minutes(zone, &intervals, []))
}

async fn save(tx: &mut Tx, may: &CanWrite<Accounts>, now: Timestamp, after: &Schedule) -> Result<Schedule, Error> {
    let before = read(tx, after.id).await?;
    if *after == before {
        return Ok(before);
    }
    if after.id == OF_ACCOUNT {
        let (timezone, spans) = (json!(after.timezone), in_setting(&after.intervals));
        let hours_differ = after.intervals != before.intervals;
        account::change_setting(tx, may, now, BUSINESS_HOURS, |data| {
            data["timezone"] = timezone;
            if hours_differ {
                data["business_hours"] = spans;
            }
        })
        .await?;
    }
    tx.run(
        "update schedules set name = $1, timezone = $2, intervals = $3, updated_at = $4 where id = $5",
        &[
            after.name.as_str().into(),
            after.timezone.as_str().into(),
            json!(after.intervals).into(),
            now.into(),
            after.id.into(),
        ],
    )
    .await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    record(tx, may.actor(), now, ("schedule-updated", after.id), (Some(old), Some(new))).await?;
    read(tx, after.id).await
}

/// As the account's setting has them: days that are alike together.
fn in_setting(intervals: &[(i64, i64)]) -> Json {
    let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
    let mut spans: Vec<((String, String), Vec<String>)> = Vec::new();
    for (from, to) in intervals {
        let day = from / DAY_MINUTES;
        let span = (clock(from - day * DAY_MINUTES), clock(to - day * DAY_MINUTES));
        // There Monday is 1 and Sunday 7.
        let day = if day == 0 { "7".to_owned() } else { day.to_string() };
        match spans.iter_mut().find(|(known, _)| *known == span) {
            Some((_, days)) => days.push(day),
            None => spans.push((span, vec![day])),
        }
    }
    let spans = spans.into_iter().map(|((from, to), mut days)| {
        days.sort_unstable();
        json!({ "days": days.join(","), "from_time": from, "to_time": to })
    });
    spans.collect()
}

fn checked(intervals: &[(i64, i64)]) -> Result<Vec<(i64, i64)>, Error> {
    if INTERVALS_MAX < intervals.len() {
        return Err(Error::invalid("intervals", format!("has more than {INTERVALS_MAX} items")));
    }
    let mut intervals = intervals.to_vec();
    intervals.sort_unstable();
    let is_span = |(from, to): &(i64, i64)| {
        0 <= *from && from < to && *to <= WEEK_MINUTES && from / DAY_MINUTES == (to - 1) / DAY_MINUTES
    };
    if !intervals.iter().all(is_span) {
        let problem = "must each begin before they end, on one day, in minutes since Sunday midnight";
        return Err(Error::invalid("intervals", problem));
    }
    if intervals.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err(Error::invalid("intervals", "may not overlap"));
    }
    Ok(intervals)
}

fn check_timezone(name: &str) -> Result<(), Error> {
    match jiff::tz::db().get(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::invalid("timezone", "is not a time zone")),
    }
}

fn check_days(holiday: &Holiday) -> Result<(), Error> {
    if holiday.last_day < holiday.first_day {
        return Err(Error::invalid("last_day", "is before the first day"));
    }
    let last = holiday.first_day.checked_add(HOLIDAY_MAX_DAYS.days()).unwrap_or(Date::MAX);
    if last < holiday.last_day {
        return Err(Error::invalid("last_day", format!("is more than {HOLIDAY_MAX_DAYS} days after the first")));
    }
    Ok(())
}

/// The row until the end of the transaction: of two changes at once, the second sees the first.
async fn take(tx: &mut Tx, id: i64) -> Result<Schedule, Error> {
    tx.run("update schedules set updated_at = updated_at where id = $1", &[id.into()]).await?;
    read(tx, id).await
}

async fn read(tx: &mut Tx, id: i64) -> Result<Schedule, Error> {
    match tx.row(concat!(select_schedules!(), " where s.id = $1"), &[id.into()]).await? {
        Some(row) => whole(tx, &row).await,
        None => Err(Error::NotFound { kind: "schedule", id }),
    }
}

/// The account's own has its hours and its zone elsewhere.
async fn whole(tx: &mut Tx, row: &Row) -> Result<Schedule, Error> {
    let intervals = row.json("intervals")?.ok_or(StoreError::Column("intervals"))?;
    let mut schedule = Schedule {
        id: row.int("id")?,
        name: row.text("name")?,
        timezone: row.text("timezone")?,
        intervals: serde_json::from_value(intervals).map_err(|_| StoreError::Column("intervals"))?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    };
    if schedule.id == OF_ACCOUNT {
        let data = account::setting_data(tx, BUSINESS_HOURS).await?;
        let hours = BusinessHours::from_setting(&data).unwrap_or_else(BusinessHours::always);
        schedule.intervals = hours.minutes();
        schedule.timezone = account::timezone(tx).await?;
    }
    Ok(schedule)
}

async fn read_holiday(tx: &mut Tx, (schedule_id, id): (i64, i64)) -> Result<Holiday, Error> {
    let sql = "select id, name, first_day, last_day from schedule_holidays where id = $1 and schedule_id = $2";
    match tx.row(sql, &[id.into(), schedule_id.into()]).await? {
        Some(row) => Holiday::from_row(&row),
        None => Err(Error::NotFound { kind: "holiday", id }),
    }
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = events::Change { kind, object_type: "Schedule", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

async fn record_holiday(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, schedule_id, id): (&str, i64, i64),
    (before, after): (Option<&Holiday>, Option<&Holiday>),
) -> Result<(), Error> {
    let (before, after) = (before.map(Holiday::facts), after.map(Holiday::facts));
    let data = Some(json!({ "schedule_id": schedule_id }));
    let change = events::Change { kind, object_type: "ScheduleHoliday", object_id: id, before, after, data };
    events::record(tx, actor, now, change).await
}

impl Schedule {
    /// What events tell of it.
    fn facts(&self) -> Json {
        json!({ "name": self.name, "timezone": self.timezone, "intervals": self.intervals })
    }
}

impl Holiday {
    fn days(&self) -> impl Iterator<Item = Date> {
        let last = self.last_day;
        self.first_day.series(1.day()).take_while(move |day| *day <= last)
    }

    fn facts(&self) -> Json {
        json!({ "name": self.name, "first_day": self.first_day, "last_day": self.last_day })
    }

    fn from_row(row: &Row) -> Result<Holiday, Error> {
        let day = |name: &'static str| row.text(name)?.parse::<Date>().map_err(|_| StoreError::Column(name));
        Ok(Holiday {
            id: row.int("id")?,
            name: row.text("name")?,
            first_day: day("first_day")?,
            last_day: day("last_day")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_lie_within_a_day_and_apart() {
        assert_eq!(checked(&[(1_980, 2_460), (0, 1_440)]).unwrap(), [(0, 1_440), (1_980, 2_460)]);
        for wrong in [[(0, 1_441)], [(60, 60)], [(-1, 5)], [(10_000, 10_081)]] {
            assert!(checked(&wrong).is_err(), "{wrong:?}");
        }
        assert!(checked(&[(60, 120), (100, 180)]).is_err());
    }

    #[test]
    fn days_that_are_alike_stand_together_in_the_setting() {
        assert_eq!(
            in_setting(&[(0, 1_440), (1_980, 2_460), (3_420, 3_900)]),
            json!([
                { "days": "7", "from_time": "00:00", "to_time": "24:00" },
                { "days": "1,2", "from_time": "09:00", "to_time": "17:00" },
            ])
        );
    }
}

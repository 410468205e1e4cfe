//! `/admin/apps/{id}/usage`: what an app may do beside what it does, and the way from the one to the other.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use jiff::Timestamp;
use oauth::clients::activity::{self, DAYS, Day, Failure, Used};
use oauth::clients::{self, Client, ClientChange};
use scope::permission::Permissions;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use scope::set::ScopeSet;
use scope::words;

use crate::pages::{Frame, done, page, see_other};
use crate::reach::number;
use crate::rooms::Section;
use crate::scopes::{Chip, chips};
use crate::visitor::{Posted, Query, Visitor};
use crate::when::{When, day};
use crate::{account, errors, text};

/// Failures on the page; the log keeps more.
const FAILURES: i64 = 20;
/// The most that an administrator may allow.
const CALLS_MAX: i64 = 1_000_000;

#[derive(Template)]
#[template(path = "admin/app_usage.html")]
pub struct Usage {
    pub frame: Frame,
    pub id: i64,
    pub name: String,
    pub words: Vec<WordRow>,
    pub bars: Vec<Bar>,
    pub n_calls: String,
    /// On the day with the most: the top of the chart.
    pub most_calls: String,
    pub n_failures: String,
    pub n_refused: String,
    pub failures: Vec<FailureRow>,
    pub calls_per_minute: String,
    pub limit_problem: Option<String>,
    pub shrink: Shrink,
}

/// What shrinking would do.
pub struct Shrink {
    pub keeps: Vec<Chip>,
    pub drops: Vec<Chip>,
    /// It called nothing: there is nothing to go by.
    pub is_idle: bool,
}

/// A word of the ceiling, and how much of it was used.
pub struct WordRow {
    pub word: String,
    pub sentence: &'static str,
    /// None for words that no call shows, such as `email`.
    pub calls: Option<String>,
    pub is_used: bool,
    pub last_used: Option<String>,
}

/// One day of the chart.
pub struct Bar {
    pub day: String,
    pub calls: String,
    pub failures: String,
    pub refused: String,
    /// Left edge, in the chart's units.
    pub x: i64,
    /// Top edge and height of the whole and of its failed part, in the chart's units.
    pub y: i64,
    pub height: i64,
    pub failed_y: i64,
    pub failed_height: i64,
}

pub struct FailureRow {
    pub at: When,
    pub status: i64,
    pub call: String,
    pub code: Option<String>,
    pub request_id: String,
}

/// Height of the chart in its own units.
const CHART: i64 = 100;

/// `GET /admin/apps/{id}/usage`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match Usage::read(&app, &may, &visitor, id).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/apps/{id}/shrink`. Sets the ceiling to what the page showed: if the app has used more since, the page is shown again.
pub async fn shrink(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let target = match target(&app, &may_read, id).await {
        Ok((_client, used, _target)) if used.is_empty() => return see_other(&format!("/admin/apps/{id}/usage")),
        Ok((_client, _used, target)) => target,
        Err(error) => return errors::helpdesk(&error),
    };
    if posted.form.value("keeps") != target.as_str() {
        return see_other(&format!("/admin/apps/{id}/usage?done=used-more"));
    }
    let change =
        ClientChange { allowed_scopes: Some(target.words().map(str::to_owned).collect()), ..ClientChange::default() };
    match app.provider.update_client(&may, id, change).await {
        Ok(_) => see_other(&format!("/admin/apps/{id}/usage?done=shrunk")),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/apps/{id}/limit`
pub async fn limit(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let typed = posted.form.value("calls_per_minute").trim();
    let calls_per_minute = match typed {
        "" => Some(None),
        text => text.parse::<i64>().ok().filter(|n| (1..=CALLS_MAX).contains(n)).map(Some),
    };
    let Some(calls_per_minute) = calls_per_minute else {
        return match Usage::read(&app, &may_read, &posted.visitor, id).await {
            Ok(Some(found)) => {
                let problem = format!("Enter a number from 1 to {}, or nothing.", number(CALLS_MAX));
                let calls_per_minute = text::shown(typed, 20);
                page(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    &Usage { limit_problem: Some(problem), calls_per_minute, ..found },
                )
            }
            Ok(None) => see_other("/login"),
            Err(error) => errors::helpdesk(&error),
        };
    };
    let change = ClientChange { calls_per_minute: Some(calls_per_minute), ..ClientChange::default() };
    match app.provider.update_client(&may, id, change).await {
        Ok(_) => see_other(&format!("/admin/apps/{id}/usage?done=saved")),
        Err(error) => errors::helpdesk(&error),
    }
}

/// The app, what it used, and the ceiling that covers just that.
async fn target(app: &App, may: &CanRead<Apps>, id: i64) -> Result<(Client, Vec<Used>, ScopeSet), Error> {
    let mut tx = app.db.read().await?;
    let client = clients::find(&mut tx, may, id).await?;
    let used = activity::used(&mut tx, may, app.clock.now(), id).await?;
    let target = activity::shrunk(&client, all(&used));
    Ok((client, used, target))
}

fn all(used: &[Used]) -> Permissions {
    used.iter().map(|used| used.permission).collect()
}

impl Usage {
    /// None if the visitor is not signed in.
    async fn read(app: &App, may: &CanRead<Apps>, visitor: &Visitor, id: i64) -> Result<Option<Usage>, Error> {
        let account = account::name(app).await?;
        let now = app.clock.now();
        let (client, used, target) = target(app, may, id).await?;
        let mut tx = app.db.read().await?;
        let days = activity::days(&mut tx, may, now, id).await?;
        let failures = activity::failures(&mut tx, may, id, FAILURES).await?;
        let name = text::shown(&client.name, 80);
        let Some(mut frame) = visitor.frame(account, Section::Apps, "Usage") else { return Ok(None) };
        frame.crumbs = vec![super::to_apps(), super::to_app(id, &name)];
        Ok(Some(Usage::new(frame, name, &client, &used, &target, &days, failures, now)))
    }

    #[expect(clippy::too_many_arguments, reason = "everything that the page shows, read in one snapshot")]
    pub fn new(
        frame: Frame,
        name: String,
        client: &Client,
        used: &[Used],
        target: &ScopeSet,
        days: &[Day],
        failures: Vec<Failure>,
        now: Timestamp,
    ) -> Usage {
        let sum = |of: fn(&Day) -> i64| number(days.iter().map(of).sum());
        let dialect = client.dialect;
        Usage {
            frame,
            id: client.id,
            name,
            words: chips(dialect, client.allowed_scopes.as_str())
                .iter()
                .map(|chip| word_row(client, &chip.word, used))
                .collect(),
            bars: bars(days),
            n_calls: sum(|day| day.calls),
            most_calls: number(days.iter().map(|day| day.calls).max().unwrap_or_default()),
            n_failures: sum(|day| day.failures),
            n_refused: sum(|day| day.refused_by_limit),
            failures: failures.into_iter().map(|failure| failure_row(failure, now)).collect(),
            calls_per_minute: client.calls_per_minute.map(|n| n.to_string()).unwrap_or_default(),
            limit_problem: None,
            shrink: Shrink {
                keeps: chips(dialect, target.as_str()),
                drops: chips(dialect, client.allowed_scopes.without(target).as_str()),
                is_idle: used.is_empty(),
            },
        }
    }

    /// Of what the shrink form sends.
    fn keeps(&self) -> String {
        let mut words: Vec<&str> = self.shrink.keeps.iter().map(|chip| chip.word.as_str()).collect();
        words.sort_unstable();
        words.join(" ")
    }

    /// No call in all these days.
    fn is_quiet(&self) -> bool {
        self.bars.iter().all(|bar| bar.height == 0)
    }

    const fn days(&self) -> i64 {
        DAYS
    }

    fn width(&self) -> usize {
        self.bars.len() * 10
    }
}

fn word_row(client: &Client, word: &str, used: &[Used]) -> WordRow {
    let known = words::find(client.dialect, word);
    let opens = known.map_or(Permissions::NONE, |known| known.permissions);
    let mine: Vec<&Used> = used.iter().filter(|used| opens.contains(used.permission)).collect();
    let calls: i64 = mine.iter().map(|used| used.calls).sum();
    WordRow {
        word: word.to_owned(),
        sentence: known.map_or("A permission that opens nothing here", |known| known.sentence),
        calls: (!opens.is_empty()).then(|| number(calls)),
        is_used: opens.is_empty() || 0 < calls,
        last_used: mine.iter().map(|used| used.last_day).max().map(day),
    }
}

pub fn bars(days: &[Day]) -> Vec<Bar> {
    let most = days.iter().map(|day| day.calls).max().unwrap_or(0).max(1);
    // Whatever there is can be seen.
    let scaled = |n: i64| if n == 0 { 0 } else { (n * CHART / most).max(1) };
    days.iter()
        .zip(0_i64..)
        .map(|(of, n)| {
            let (height, failed) = (scaled(of.calls), scaled(of.failures + of.refused_by_limit));
            Bar {
                day: day(of.day),
                calls: number(of.calls),
                failures: number(of.failures),
                refused: number(of.refused_by_limit),
                x: n * 10 + 1,
                y: CHART - height,
                height,
                failed_y: CHART - failed,
                failed_height: failed,
            }
        })
        .collect()
}

fn failure_row(failure: Failure, now: Timestamp) -> FailureRow {
    FailureRow {
        at: When::at(failure.at, now),
        status: failure.status,
        call: format!("{} {}", failure.method, failure.route),
        code: failure.code,
        request_id: failure.request_id,
    }
}

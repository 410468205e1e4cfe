//! The job table: every durable job of every crate, one line each. And the loop that works it off.
//!
//! A job is claimed for `LEASE` and renewed while it runs; one whose process died is taken over when its lease has run out.

use std::time::Duration;

use anyhow::bail;
use endpoint::{App, integration_secrets};
use helpdesk::integrations::{self, deliver};
use helpdesk::jobs::{self, auto_merge, merge_tags, purge_trash, unsnooze_ticket};
use helpdesk::organizations::merges;
use helpdesk::satisfaction_surveys::sending as surveys;
use helpdesk::statistics::follow as statistics;
use helpdesk::{activities, files, follow, notifications, presence, rules, search, subscribers};
use jiff::{SignedDuration, Timestamp};
use oauth::{backchannel_logout, cleanup, key_rotation, logos, mails, register};
use serde_json::Value as Json;
use store::queue::{self, Failed, Job, Lease, NewJob};
use store::{StoreError, transact};
use tokio::sync::watch;

/// How long a worker may be silent before another takes its job over.
const LEASE: Duration = Duration::from_secs(60);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Other processes may enqueue too, and are not heard: look at least this often.
const POLL: Duration = Duration::from_secs(5);
/// From one look at the event log that found something to the next.
const BURST: Duration = Duration::from_millis(50);
/// Jobs that run side by side in one process. Some wait for strangers' servers, and must not keep the others waiting (BL-2).
const N_WORKERS: usize = 8;

/// Files that one transaction forgets: the database may hold their bytes.
const FILES_AT_A_TIME: i64 = 50;
/// Rows of who was at a ticket that one transaction forgets.
const PRESENCES_AT_A_TIME: i64 = 500;
/// Activities that one transaction forgets.
const ACTIVITIES_AT_A_TIME: i64 = 500;

/// Jobs that come back by themselves, with how long after the start they first run. What comes back rarely must not wait that long: a
/// program that is restarted often would never get to it.
const RECURRING: [(&str, SignedDuration); 7] = [
    (cleanup::KIND, cleanup::EVERY),
    (register::cleanup::KIND, SignedDuration::from_mins(15)),
    (key_rotation::KIND, SignedDuration::from_mins(1)),
    (rules::on_time::KIND, SignedDuration::from_mins(1)),
    (jobs::cleanup::KIND, SignedDuration::from_mins(5)),
    (purge_trash::KIND, SignedDuration::from_mins(20)),
    (integrations::cleanup::KIND, SignedDuration::from_mins(20)),
];

/// Jobs that follow the event log, each named like its cursor (`helpdesk/src/follow.rs`). They are enqueued when there are events that
/// they have not seen, and run until there are none.
pub const FOLLOWERS: [&str; 6] = [
    rules::run::KIND,
    statistics::FOLLOWER,
    surveys::FOLLOWER,
    integrations::follow::KIND,
    activities::KIND,
    subscribers::KIND,
];

/// How a run of a job ended well.
pub enum Outcome {
    Done,
    /// Not finished, or recurring: go on at this time.
    Again(Timestamp),
}

/// The table.
async fn perform(app: &App, job: &Job) -> anyhow::Result<Outcome> {
    let now = app.clock.now();
    let run = uuid::Builder::from_random_bytes(app.random.bytes()).into_uuid().to_string();
    match job.kind.as_str() {
        auto_merge::KIND => auto_merge::run(&app.db, now, &job.payload, &run).await?,
        merges::KIND => merges::run(&app.db, &app.clock, &job.payload, &run).await?,
        merge_tags::KIND => merge_tags::run(&app.db, &job.payload).await?,
        search::KIND => search::run(&app.db, &app.clock).await?,
        unsnooze_ticket::KIND => unsnooze_ticket::run(&app.db, now, &job.payload, &run).await?,
        rules::run::KIND => rules::run::run(&app.db, &app.clock).await?,
        rules::dry_run::KIND => rules::dry_run::run(&app.db, &app.clock, job).await?,
        rules::on_time::KIND => {
            rules::on_time::run(&app.db, &app.clock).await?;
            return Ok(Outcome::Again(now + rules::on_time::EVERY));
        }
        statistics::FOLLOWER => statistics::run(&app.db, &app.clock).await?,
        surveys::FOLLOWER => surveys::follow(&app.db, &app.clock, &run).await?,
        surveys::KIND | notifications::KIND => {
            let sign = |claim: &str| app.provider.keyed_hash(surveys::SIGNED_FOR, claim);
            let post = surveys::Post { mailer: &app.provider.mailer, url: &app.config.public_url, sign: &sign };
            match job.kind.as_str() {
                surveys::KIND => surveys::run(&app.db, &post, now, &job.payload, &run).await?,
                _ => notifications::run(&post, now, &job.payload).await?,
            }
        }
        purge_trash::KIND => {
            purge_trash::run(&app.db, now, &run).await?;
            return Ok(Outcome::Again(now + purge_trash::EVERY));
        }
        integrations::follow::KIND => integrations::follow::run(&app.db, &app.clock).await?,
        activities::KIND => activities::follow(&app.db, &app.clock).await?,
        subscribers::KIND => {
            let can_send = app.provider.mailer.is_configured();
            subscribers::follow(&app.db, &app.clock, can_send, &run).await?;
        }
        deliver::KIND => return call_http(app, &job.payload, &run).await,
        integrations::cleanup::KIND => {
            integrations::cleanup::run(&app.db, now).await?;
            forget_files(app, now).await?;
            return Ok(Outcome::Again(now + integrations::cleanup::EVERY));
        }
        files::DELETE_KIND => delete_bytes(app, &job.payload).await?,
        logos::KIND => app.provider.fetch_logo(&job.payload).await?,
        backchannel_logout::KIND => app.provider.tell_of_logout(&job.payload, &run).await?,
        key_rotation::KIND => {
            app.provider.rotate_keys_if_due(&run).await?;
            return Ok(Outcome::Again(now + key_rotation::EVERY));
        }
        mails::KIND => app.provider.send_mail(&job.payload, &run).await?,
        cleanup::KIND => {
            app.provider.clean_up_expired().await?;
            return Ok(Outcome::Again(now + cleanup::EVERY));
        }
        register::cleanup::KIND => {
            app.provider.delete_unused_apps(&run).await?;
            return Ok(Outcome::Again(now + register::cleanup::EVERY));
        }
        jobs::run::KIND => {
            let is_last_attempt = job.max_attempts <= job.attempts;
            let (read_actions, carry) = (gorgias_api::macros::read_actions, zendesk_api::bulk::carry);
            let hands = jobs::run::Hands { clock: &app.clock, blobs: &app.blobs, read_actions, carry };
            jobs::run::run(&app.db, &hands, &job.payload, &run, is_last_attempt).await?;
        }
        jobs::cleanup::KIND => {
            jobs::cleanup::run(&app.db, now).await?;
            forget_presence(app, now).await?;
            while transact!(app.db.in_background(), |tx| activities::forget(tx, now, ACTIVITIES_AT_A_TIME).await)? > 0 {
            }
            return Ok(Outcome::Again(now + jobs::cleanup::EVERY));
        }
        other => bail!("this program knows no job {other:?}; a newer one may"),
    }
    Ok(Outcome::Done)
}

/// Removes the bytes of a file whose row is gone.
async fn delete_bytes(app: &App, payload: &Json) -> anyhow::Result<()> {
    match payload.get("key").and_then(Json::as_str) {
        Some(key) => Ok(app.blobs.delete(key).await?),
        None => bail!("the job names no file"),
    }
}

/// Removes files that nobody points at, a few at a time.
async fn forget_files(app: &App, now: Timestamp) -> anyhow::Result<()> {
    while transact!(app.db.in_background(), |tx| files::forget_unused(tx, now, FILES_AT_A_TIME).await)? > 0 {}
    Ok(())
}

/// Removes who was at a ticket and did not say that they went.
pub async fn forget_presence(app: &App, now: Timestamp) -> anyhow::Result<()> {
    while transact!(app.db.in_background(), |tx| presence::forget_ended(tx, now, PRESENCES_AT_A_TIME).await)? > 0 {}
    Ok(())
}

/// Makes one call of an integration, macro or rule.
async fn call_http(app: &App, payload: &Json, run: &str) -> anyhow::Result<Outcome> {
    let hands = deliver::Hands {
        fetch: &app.provider.fetch,
        clock: &app.clock,
        random: &app.random,
        unseal: &|id, sealed| integration_secrets::unseal(app, id, sealed),
    };
    let next = deliver::run(&app.db, &hands, payload, run).await?;
    Ok(next.map_or(Outcome::Done, Outcome::Again))
}

/// Works until told to stop, and ends with the jobs that are running then. One that takes too long is cut off by the end of the process,
/// and goes on from its checkpoint when its lease has run out.
pub async fn run(app: App, stopped: watch::Receiver<bool>) {
    if let Err(error) = enqueue_recurring(&app).await {
        tracing::error!(%error, "the recurring jobs could not be enqueued");
    }
    let id = app.random.letters(12);
    let mut workers: Vec<_> =
        (0..N_WORKERS).map(|n| tokio::spawn(work(app.clone(), format!("{id}-{n}"), stopped.clone()))).collect();
    workers.push(tokio::spawn(watch_queue(app.clone(), stopped.clone())));
    workers.push(tokio::spawn(watch_log(app, stopped)));
    for worker in workers {
        if let Err(error) = worker.await {
            tracing::error!(%error, "a worker ended unexpectedly");
        }
    }
}

/// Sees to it that each job that comes back by itself is in the queue once. One that is there keeps its time: a server that is started
/// again and again would put it off for ever.
async fn enqueue_recurring(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        for (kind, first_after) in RECURRING {
            let job = NewJob {
                kind,
                payload: Json::Null,
                run_at: now + first_after,
                dedupe_key: Some("once".to_owned()),
                max_attempts: 10,
            };
            queue::enqueue_if_missing(tx, now, job).await?;
        }
        Ok::<_, StoreError>(())
    })
}

async fn work(app: App, name: String, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match work_once(&app, &name).await {
            Ok(true) => {}
            Ok(false) => rest(&app, &mut stopped).await,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the queue could not be read");
                rest(&app, &mut stopped).await;
            }
        }
    }
}

/// Sleeps until a job is due, one is enqueued, or the program stops.
async fn rest(app: &App, stopped: &mut watch::Receiver<bool>) {
    let next = async {
        let mut tx = app.db.read().await?;
        queue::next_at(&mut tx).await
    };
    let until_due = match next.await {
        Ok(Some(at)) => at.duration_since(app.clock.now()).max(SignedDuration::ZERO).unsigned_abs(),
        Ok(None) | Err(_) => POLL,
    };
    tokio::select! {
        () = tokio::time::sleep(until_due.min(POLL)) => {}
        () = app.db.enqueued() => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

/// Claims one job that is due and runs it. False if there is none.
async fn work_once(app: &App, worker: &str) -> anyhow::Result<bool> {
    let now = app.clock.now();
    let due = {
        let mut tx = app.db.read().await?;
        queue::next_at(&mut tx).await?
    };
    if due.is_none_or(|at| now < at) {
        return Ok(false);
    }
    let Some(job) = transact!(app.db, |tx| queue::claim(tx, now, worker, LEASE).await)? else { return Ok(false) };
    app.db.wake_worker();
    let span = tracing::info_span!("job", id = job.id, kind = job.kind);
    let outcome = tokio::select! {
        outcome = perform(app, &job) => outcome,
        () = keep_alive(app, &job) => return Ok(true),
    };
    let _entered = span.enter();
    settle(app, &job, outcome).await?;
    Ok(true)
}

/// Renews the lease. Ends when the job was canceled or lost, and then its work must stop.
async fn keep_alive(app: &App, job: &Job) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let now = app.clock.now();
        match transact!(app.db, |tx| queue::heartbeat(tx, job, now, LEASE).await) {
            Ok(Lease::Held) => {}
            Ok(Lease::CancelRequested) => {
                if let Err(error) = transact!(app.db, |tx| queue::canceled(tx, job, now).await) {
                    tracing::warn!(%error, job = job.id, "a canceled job could not be marked");
                }
                return;
            }
            Ok(Lease::Lost) => return,
            Err(error) => tracing::warn!(%error, job = job.id, "a lease could not be renewed"),
        }
    }
}

async fn settle(app: &App, job: &Job, outcome: anyhow::Result<Outcome>) -> anyhow::Result<()> {
    let now = app.clock.now();
    let lease = match outcome {
        Ok(Outcome::Done) => transact!(app.db, |tx| queue::finish(tx, job, now).await)?,
        Ok(Outcome::Again(at)) => transact!(app.db, |tx| queue::postpone(tx, job, at).await)?,
        Err(error) => {
            let text = format!("{error:#}");
            tracing::warn!(error = text, job = job.id, kind = job.kind, attempts = job.attempts, "a job failed");
            let jitter = app.random.below(1_000_000) as f64 / 1_000_000.0;
            match transact!(app.db, |tx| queue::fail(tx, job, now, &text, jitter).await)? {
                Failed::RetryAt(_) | Failed::Dead => Lease::Held,
                Failed::Lost => Lease::Lost,
            }
        }
    };
    if lease == Lease::Lost {
        tracing::warn!(job = job.id, "another worker had taken the job over before it ended here");
    }
    Ok(())
}

/// Keeps the queue's numbers current, and sweeps rate limits that are full again.
async fn watch_queue(app: App, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let counts = async {
            let mut tx = app.db.read().await?;
            queue::counts(&mut tx).await
        };
        match counts.await {
            Ok(counts) => {
                for (state, n_jobs) in [("ready", counts.ready), ("running", counts.running), ("dead", counts.dead)] {
                    app.metrics.set_queue(state, n_jobs);
                }
            }
            Err(error) => tracing::warn!(%error, "the queue could not be counted"),
        }
        app.limits.shrink();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(15)) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }
}

/// Wakes the followers when something was written to the event log: at once for this process, within a second for others. What is written
/// in a burst wakes them together.
async fn watch_log(app: App, mut stopped: watch::Receiver<bool>) {
    let mut logged = app.db.logged();
    while !*stopped.borrow() {
        match wake_followers(&app).await {
            Ok(0) => {}
            Ok(_) => tokio::time::sleep(BURST).await,
            Err(error) => tracing::warn!(error = format!("{error:#}"), "the event log could not be followed"),
        }
        tokio::select! {
            _ = logged.changed() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }
}

/// Enqueues each follower that has events before it, unless it waits in the queue already: one that failed keeps its pause. How many.
async fn wake_followers(app: &App) -> anyhow::Result<usize> {
    let mut n_woken = 0;
    for kind in FOLLOWERS {
        let is_asleep = {
            let mut tx = app.db.read().await?;
            follow::is_behind(&mut tx, kind).await? && !queue::is_ready(&mut tx, kind, "once").await?
        };
        if is_asleep {
            n_woken += 1;
            let now = app.clock.now();
            let job = NewJob {
                kind,
                payload: Json::Null,
                run_at: now,
                dedupe_key: Some("once".to_owned()),
                max_attempts: i64::from(i32::MAX),
            };
            transact!(app.db, |tx| queue::enqueue(tx, now, job.clone()).await)?;
        }
    }
    Ok(n_woken)
}

/// Runs the jobs that are due now, one after the other, and the followers, until nothing is left; how many jobs ran, followers aside.
/// Tests call it instead of waiting.
pub async fn run_due(app: &App) -> anyhow::Result<usize> {
    let mut n_jobs = 0;
    loop {
        let n_woken = wake_followers(app).await?;
        let mut n_ran = 0;
        while work_once(app, "by hand").await? {
            n_ran += 1;
        }
        n_jobs += n_ran - n_woken.min(n_ran);
        if n_ran == 0 {
            return Ok(n_jobs);
        }
    }
}

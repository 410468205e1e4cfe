//! The durable queue. Time is a number that the tests count up.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use store::queue::{self, Counts, Failed, Job, Lease, NewJob, Progress, State};
use store::{Db, StoreError, transact};

use crate::support::server::fresh_database;

const LEASE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_claimed_in_order_of_their_time_and_once_only() {
    let (db, _database) = fresh_database().await;
    enqueue(&db, 0, new("second", 20)).await;
    enqueue(&db, 0, new("first", 10)).await;
    enqueue(&db, 0, new("later", 99)).await;

    let next = next_at(&db).await;
    let too_early = claim(&db, 9).await;
    let first = claim(&db, 50).await.unwrap();
    let second = claim(&db, 50).await.unwrap();
    let none = claim(&db, 50).await;

    assert_eq!(next, Some(at(10)));
    assert!(too_early.is_none());
    assert_eq!((first.kind.as_str(), first.attempts, first.payload), ("first", 1, json!({"n": 1})));
    assert_eq!((first.state, first.leased_until), (State::Running, Some(at(110))));
    assert_eq!(second.kind, "second");
    assert!(none.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_claim_at_the_same_time_get_different_jobs() {
    let (db, _database) = fresh_database().await;
    for _ in 0..20 {
        enqueue(&db, 0, new("work", 0)).await;
    }

    let workers: Vec<_> = (0..20)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { claim(&db, 1).await })
        })
        .collect();
    let mut ids = Vec::new();
    for worker in workers {
        ids.extend(worker.await.unwrap().map(|job| job.id));
    }

    // Two may pass each other by on the same row; what is left is claimed next.
    while let Some(job) = claim(&db, 1).await {
        ids.push(job.id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_exists_only_if_its_transaction_was_committed() {
    let (db, _database) = fresh_database().await;

    let mut tx = db.write().await.unwrap();
    queue::enqueue(&mut tx, at(0), new("never", 0)).await.unwrap();
    drop(tx);

    assert!(claim(&db, 9).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_woken_by_the_commit_of_a_job() {
    let (db, _database) = fresh_database().await;
    let worker = tokio::spawn({
        let db = db.clone();
        async move {
            db.enqueued().await;
            claim(&db, 9).await
        }
    });

    enqueue(&db, 0, new("work", 0)).await;

    assert_eq!(worker.await.unwrap().unwrap().kind, "work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_is_tried_again_after_a_growing_pause_and_then_is_dead() {
    let (db, _database) = fresh_database().await;
    let id = enqueue(&db, 0, NewJob { max_attempts: 3, ..new("work", 0) }).await;

    let job = claim(&db, 0).await.unwrap();
    let first = transact!(db, |tx| queue::fail(tx, &job, at(0), "no route", 0.0).await).unwrap();
    let too_early = claim(&db, 1).await;
    let job = claim(&db, 2).await.unwrap();
    let second = transact!(db, |tx| queue::fail(tx, &job, at(2), "no route", 1.0).await).unwrap();
    let job = claim(&db, 4).await.unwrap();
    let third = transact!(db, |tx| queue::fail(tx, &job, at(4), "still no route", 0.0).await).unwrap();

    assert_eq!(first, Failed::RetryAt(at(2)));
    assert!(too_early.is_none());
    assert_eq!(second, Failed::RetryAt(at(4)));
    assert_eq!(third, Failed::Dead);
    let dead = find(&db, id).await;
    assert_eq!((dead.state, dead.attempts, dead.last_error.as_deref()), (State::Dead, 3, Some("still no route")));
    assert_eq!(queue::backoff(40, 0.0), Duration::from_secs(3600));

    assert!(transact!(db, |tx| queue::revive(tx, id, at(5)).await).unwrap());
    assert_eq!(claim(&db, 5).await.unwrap().attempts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_died_is_taken_over_and_the_dead_worker_can_do_no_harm() {
    let (db, _database) = fresh_database().await;
    let id = enqueue(&db, 0, new("work", 0)).await;
    let lost = claim(&db, 0).await.unwrap();
    assert!(claim(&db, 59).await.is_none());

    let taken_over = claim(&db, 60).await.unwrap();
    let finish = transact!(db, |tx| queue::finish(tx, &lost, at(61)).await).unwrap();
    let heartbeat = transact!(db, |tx| queue::heartbeat(tx, &lost, at(61), LEASE).await).unwrap();
    let still_held = transact!(db, |tx| queue::heartbeat(tx, &taken_over, at(61), LEASE).await).unwrap();

    assert_eq!((taken_over.id, taken_over.attempts), (id, 2));
    assert_eq!((finish, heartbeat, still_held), (Lease::Lost, Lease::Lost, Lease::Held));
    assert_eq!(find(&db, id).await.leased_until, Some(at(121)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_is_dead_after_its_last_attempt() {
    let (db, _database) = fresh_database().await;
    let id = enqueue(&db, 0, NewJob { max_attempts: 2, ..new("work", 0) }).await;

    claim(&db, 0).await.unwrap();
    claim(&db, 100).await.unwrap();
    let third = claim(&db, 200).await;

    assert!(third.is_none());
    assert_eq!(find(&db, id).await.state, State::Dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sliced_job_goes_on_from_its_checkpoint() {
    let (db, _database) = fresh_database().await;
    enqueue(&db, 0, new("work", 0)).await;
    let job = claim(&db, 0).await.unwrap();

    let progress = Progress { done: 500, total: Some(2000) };
    let saved = transact!(db, |tx| queue::checkpoint(tx, &job, &json!({"after": 17}), progress).await).unwrap();
    let other = claim(&db, 60).await.unwrap();

    assert_eq!(saved, Lease::Held);
    assert_eq!((other.checkpoint, other.progress), (Some(json!({"after": 17})), progress));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_is_canceled_at_once_and_a_running_one_when_it_looks() {
    let (db, _database) = fresh_database().await;
    let running = enqueue(&db, 0, new("work", 0)).await;
    let job = claim(&db, 0).await.unwrap();
    let waiting = enqueue(&db, 0, new("work", 0)).await;

    assert!(cancel(&db, waiting).await);
    assert!(cancel(&db, running).await);
    let told = transact!(db, |tx| queue::heartbeat(tx, &job, at(1), LEASE).await).unwrap();
    let _held = transact!(db, |tx| queue::canceled(tx, &job, at(1)).await).unwrap();

    assert_eq!(find(&db, waiting).await.state, State::Canceled);
    assert_eq!(told, Lease::CancelRequested);
    assert_eq!(find(&db, running).await.state, State::Canceled);
    assert!(!cancel(&db, running).await);
    assert!(!cancel(&db, 999).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_jobs_with_the_same_key_one_is_kept_and_the_last_wish_wins() {
    let (db, _database) = fresh_database().await;
    let keyed = |run_at, n: i64| NewJob {
        payload: json!({"n": n}),
        dedupe_key: Some("ticket 7".to_owned()),
        ..new("wake", run_at)
    };

    let first = enqueue(&db, 0, keyed(10, 1)).await;
    let second = enqueue(&db, 0, keyed(30, 2)).await;
    let too_early = claim(&db, 10).await;
    let job = claim(&db, 30).await.unwrap();
    // Enqueued while it runs: it may already be past what is asked for, so it runs once more.
    let third = enqueue(&db, 31, keyed(40, 3)).await;
    let meanwhile = claim(&db, 50).await;
    let _held = transact!(db, |tx| queue::finish(tx, &job, at(50)).await).unwrap();
    let again = claim(&db, 50).await.unwrap();
    let _held = transact!(db, |tx| queue::finish(tx, &again, at(51)).await).unwrap();
    let after_the_end = enqueue(&db, 52, keyed(60, 4)).await;

    assert_eq!((first, first), (second, third));
    assert!(too_early.is_none());
    assert_eq!(job.payload, json!({"n": 2}));
    assert!(meanwhile.is_none());
    assert_eq!((again.id, again.payload, again.attempts), (first, json!({"n": 3}), 1));
    assert_ne!(after_the_end, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postponed_job_waits_with_fresh_attempts() {
    let (db, _database) = fresh_database().await;
    enqueue(&db, 0, new("wake", 0)).await;
    let job = claim(&db, 0).await.unwrap();

    let _held = transact!(db, |tx| queue::postpone(tx, &job, at(100)).await).unwrap();

    assert!(claim(&db, 99).await.is_none());
    assert_eq!(claim(&db, 100).await.unwrap().attempts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_counted_by_state_and_finished_ones_cleaned_up() {
    let (db, _database) = fresh_database().await;
    for _ in 0..4 {
        enqueue(&db, 0, new("work", 0)).await;
    }
    let done = claim(&db, 1).await.unwrap();
    let _held = transact!(db, |tx| queue::finish(tx, &done, at(2)).await).unwrap();
    let dead = claim(&db, 1).await.unwrap();
    let _held = transact!(db, |tx| queue::bury(tx, &dead, at(2), "unknown kind").await).unwrap();
    claim(&db, 1).await.unwrap();

    let before = counts(&db).await;
    let n_deleted = transact!(db, |tx| queue::clean_up(tx, at(10), 100).await).unwrap();

    assert_eq!(before, Counts { ready: 1, running: 1, done: 1, dead: 1, canceled: 0 });
    assert_eq!(n_deleted, 1);
    assert_eq!(counts(&db).await, Counts { done: 0, ..before });
}

fn new(kind: &'static str, run_at: i64) -> NewJob {
    NewJob { kind, payload: json!({"n": 1}), run_at: at(run_at), dedupe_key: None, max_attempts: 5 }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("the database")
}

async fn enqueue(db: &Db, now: i64, job: NewJob) -> i64 {
    transact!(db, |tx| queue::enqueue(tx, at(now), job.clone()).await).expect("the database")
}

async fn claim(db: &Db, now: i64) -> Option<Job> {
    let claimed: Result<_, StoreError> = transact!(db, |tx| queue::claim(tx, at(now), "worker", LEASE).await);
    claimed.expect("the database")
}

async fn cancel(db: &Db, id: i64) -> bool {
    transact!(db, |tx| queue::cancel(tx, id, at(1)).await).expect("the database")
}

async fn find(db: &Db, id: i64) -> Job {
    let mut tx = db.read().await.expect("the database");
    queue::find(&mut tx, id).await.expect("the database").expect("the database")
}

async fn counts(db: &Db) -> Counts {
    let mut tx = db.read().await.expect("the database");
    queue::counts(&mut tx).await.expect("the database")
}

async fn next_at(db: &Db) -> Option<Timestamp> {
    let mut tx = db.read().await.expect("the database");
    queue::next_at(&mut tx).await.expect("the database")
}

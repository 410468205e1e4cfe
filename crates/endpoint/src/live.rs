//! What happens to tickets, told to whoever has one open, as server-sent events (WHATWG HTML, 9.2).
//!
//! One task a process reads for all: the event log whenever this process wrote to it and twice a second for what others wrote, and who is
//! present at the tickets that somebody has open. It runs only while there are streams. A stream waits for what that task tells it; it holds
//! no thread and no connection of the database.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use helpdesk::live::{self, Now, Reader, Told};
use helpdesk::presence::{self, Present};
use scope::permit::CanRead;
use scope::resource::{Read, Tickets};
use store::log::{self, Position};
use store::{Db, StoreError};
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior};

use crate::{App, Refused, Standing, Why};

/// Streams of one person, in all their windows and apps.
pub const PERSON_MAX: usize = 10;
/// How soon what another process wrote is seen.
const POLL: Duration = Duration::from_millis(500);
/// Shortest time between two looks, however much is written.
const PAUSE: Duration = Duration::from_millis(25);
/// How often a stream's credential is looked at again.
const CHECK: Duration = Duration::from_millis(750);
/// So that nothing between here and the client takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What waits for a client that reads slowly. One that falls further behind is sent away, and goes on where it was.
const BEHIND_MAX: usize = 128;
/// When a client that was refused may try again, in seconds.
const RETRY_SECONDS: u64 = 10;

/// What a stream tells its client.
pub enum Item<'a> {
    /// First: how things stand. What happened while the client was away follows by itself.
    Now(&'a Now),
    Present(&'a [Present]),
    Told(&'a Told),
    /// Last.
    End(End),
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The credential ended, or opens this no longer.
    Credential,
    /// The server is stopping: another one may be there already.
    Stopping,
    /// The ticket was deleted.
    Deleted,
    /// The client read too slowly, or the database could not be read: go on from the last event.
    Behind,
}

impl End {
    pub const fn word(self) -> &'static str {
        match self {
            End::Credential => "credential",
            End::Stopping => "stopping",
            End::Deleted => "deleted",
            End::Behind => "behind",
        }
    }
}

/// The streams of this process. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Shared>);

struct Shared {
    /// Streams in all.
    most: usize,
    open: Mutex<Open>,
    /// Somebody came to a ticket or went, in this process.
    moved: Notify,
}

#[derive(Default)]
struct Open {
    n_streams: usize,
    of_person: HashMap<i64, usize>,
    tickets: HashMap<i64, Channel>,
    /// Whether the task that reads for all is running.
    is_read: bool,
}

struct Channel {
    sender: broadcast::Sender<News>,
    n_streams: usize,
}

#[derive(Clone)]
enum News {
    Told(Arc<Told>),
    Present(Arc<Vec<Present>>),
}

/// The place of one stream, given back when it is dropped.
struct Seat {
    live: Live,
    person_id: i64,
    ticket_id: i64,
}

impl Live {
    /// `most`: streams in all.
    pub fn new(most: usize) -> Live {
        Live(Arc::new(Shared { most, open: Mutex::default(), moved: Notify::new() }))
    }

    /// Has those who have the ticket open be told at once that somebody came or went. Call it after the commit.
    pub fn moved(&self) {
        self.0.moved.notify_one();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place at the ticket, from which nothing after `end` is missed; starts the task that reads if it is not there. None: too many.
    fn sit_down(
        &self,
        app: &App,
        (person_id, ticket_id): (i64, i64),
        (reader, end): (Reader, Position),
    ) -> Option<(Seat, broadcast::Receiver<News>)> {
        let mut open = self.open();
        let of_person = open.of_person.get(&person_id).copied().unwrap_or_default();
        if self.0.most <= open.n_streams || PERSON_MAX <= of_person {
            return None;
        }
        open.n_streams += 1;
        open.of_person.insert(person_id, of_person + 1);
        let channel = open
            .tickets
            .entry(ticket_id)
            .or_insert_with(|| Channel { sender: broadcast::Sender::new(BEHIND_MAX), n_streams: 0 });
        channel.n_streams += 1;
        let news = channel.sender.subscribe();
        if !open.is_read {
            open.is_read = true;
            tokio::spawn(read_for_all(app.clone(), Reading(self.clone()), reader, end));
        }
        drop(open);
        // A newcomer is to see who is there without waiting for the next look.
        self.moved();
        Some((Seat { live: self.clone(), person_id, ticket_id }, news))
    }

    /// The tickets that somebody has open; None ends the task that reads.
    fn tickets(&self) -> Option<Vec<i64>> {
        let mut open = self.open();
        if open.n_streams == 0 {
            open.is_read = false;
            return None;
        }
        Some(open.tickets.keys().copied().collect())
    }

    fn tell(&self, ticket_id: i64, news: News) {
        if let Some(channel) = self.open().tickets.get(&ticket_id) {
            // Nobody there: they have just gone.
            let _n_told = channel.sender.send(news);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.live.open();
        open.n_streams = open.n_streams.saturating_sub(1);
        if let Some(n) = open.of_person.get_mut(&self.person_id) {
            *n -= 1;
            if *n == 0 {
                open.of_person.remove(&self.person_id);
            }
        }
        if let Some(channel) = open.tickets.get_mut(&self.ticket_id) {
            channel.n_streams = channel.n_streams.saturating_sub(1);
            if channel.n_streams == 0 {
                open.tickets.remove(&self.ticket_id);
            }
        }
    }
}

/// Held by the task that reads. If it should break, the streams end with it and their clients come back, instead of waiting in vain.
struct Reading(Live);

impl Drop for Reading {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut open = self.0.open();
            open.is_read = false;
            open.tickets.clear();
        }
    }
}

async fn read_for_all(app: App, reading: Reading, reader: Reader, end: Position) {
    let live = &reading.0;
    let mut logged = app.db.logged();
    let mut position = end;
    let mut known: HashMap<i64, Arc<Vec<Present>>> = HashMap::new();
    while let Some(tickets) = live.tickets() {
        let looked = async {
            look_at_log(&app.db, reader, live, &mut position).await?;
            look_who_is_there(&app, reader, live, &tickets, &mut known).await
        };
        if let Err(error) = looked.await {
            tracing::warn!(%error, "could not look what happened to the tickets that are open");
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            _ = logged.changed() => {}
            () = live.0.moved.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn look_at_log(db: &Db, reader: Reader, live: &Live, position: &mut Position) -> Result<(), helpdesk::Error> {
    loop {
        let (told, last) = {
            let mut tx = db.read().await?;
            live::next(&mut tx, reader, *position).await?
        };
        for told in told {
            live.tell(told.ticket_id, News::Told(Arc::new(told)));
        }
        match last {
            Some(last) => *position = last,
            None => return Ok(()),
        }
    }
}

async fn look_who_is_there(
    app: &App,
    reader: Reader,
    live: &Live,
    tickets: &[i64],
    known: &mut HashMap<i64, Arc<Vec<Present>>>,
) -> Result<(), helpdesk::Error> {
    let mut found = {
        let mut tx = app.db.read().await?;
        presence::of_tickets(&mut tx, reader, app.clock.now(), tickets).await?
    };
    let mut now_known = HashMap::with_capacity(tickets.len());
    for ticket_id in tickets {
        let present = found.remove(ticket_id).unwrap_or_default();
        let present = match known.get(ticket_id) {
            Some(before) if is_same(before, &present) => before.clone(),
            _ => {
                let present = Arc::new(present);
                live.tell(*ticket_id, News::Present(present.clone()));
                present
            }
        };
        now_known.insert(*ticket_id, present);
    }
    *known = now_known;
    Ok(())
}

/// Whether the same people do the same. That they still do is no news.
fn is_same(before: &[Present], now: &[Present]) -> bool {
    let what = |present: &Present| (present.person_id, present.state, present.since);
    before.len() == now.len() && before.iter().zip(now).all(|(before, now)| what(before) == what(now))
}

/// The server's stop, as `serve` puts it into each request. Without it, a stream ends with its connection only.
#[derive(Clone, Default)]
pub struct Stopping(Option<Arc<watch::Receiver<()>>>);

impl Stopping {
    /// The server stops when the sender is dropped.
    pub fn when_dropped(receiver: watch::Receiver<()>) -> Stopping {
        Stopping(Some(Arc::new(receiver)))
    }

    async fn wait(&self) {
        match &self.0 {
            Some(receiver) => {
                let mut receiver = watch::Receiver::clone(receiver);
                while receiver.changed().await.is_ok() {}
            }
            None => std::future::pending().await,
        }
    }
}

/// Why there is no stream.
pub enum NoStream {
    Refused(Box<Refused>),
    Helpdesk(helpdesk::Error),
}

impl From<StoreError> for NoStream {
    fn from(error: StoreError) -> NoStream {
        NoStream::Helpdesk(error.into())
    }
}

impl From<helpdesk::Error> for NoStream {
    fn from(error: helpdesk::Error) -> NoStream {
        NoStream::Helpdesk(error)
    }
}

/// What happens to a ticket from now on, or from the position on that the client has come to. `render` words it as the surface does.
pub async fn stream(
    app: &App,
    may: &CanRead<Tickets>,
    standing: Standing,
    ticket_id: i64,
    seen: Option<Position>,
    render: fn(Item<'_>) -> Event,
) -> Result<Response, NoStream> {
    let person_id = standing.person_id().unwrap_or_default();
    let end = log::end(&mut app.db.read().await?).await?;
    // The place first and the ticket then: what happens in between is told twice at worst, and left out below.
    let (seat, news) = app
        .live
        .sit_down(app, (person_id, ticket_id), (Reader::of(may), end))
        .ok_or_else(|| NoStream::Refused(standing.refuse(Why::TooMany(RETRY_SECONDS))))?;
    let now = {
        let mut tx = app.db.read().await?;
        live::open(&mut tx, may, app.clock.now(), ticket_id, seen).await?
    };
    let mut ready = VecDeque::from([render(Item::Now(&now))]);
    ready.extend(now.since.iter().map(|told| render(Item::Told(told))));
    let mut check = tokio::time::interval_at(Instant::now() + CHECK, CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let following =
        Following { ready, news, position: now.position, present: now.present, standing, check, render, _seat: seat };
    let events = stream::unfold(Some(Box::new(following)), |following| async move {
        let mut following = following?;
        match following.next().await {
            Next::Event(event) => Some((Ok::<_, Infallible>(event), Some(following))),
            Next::Last(event) => Some((Ok(event), None)),
        }
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold events back until it has a page of them.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// One stream.
struct Following {
    ready: VecDeque<Event>,
    news: broadcast::Receiver<News>,
    /// Of the log: everything up to here was told.
    position: Position,
    present: Vec<Present>,
    standing: Standing,
    check: tokio::time::Interval,
    render: fn(Item<'_>) -> Event,
    _seat: Seat,
}

enum Next {
    Event(Event),
    Last(Event),
}

impl Following {
    async fn next(&mut self) -> Next {
        if let Some(event) = self.ready.pop_front() {
            return Next::Event(event);
        }
        loop {
            let news = tokio::select! {
                biased;
                () = self.standing.stopping.wait() => return self.end(End::Stopping),
                _ = self.check.tick() => match self.check_credential().await {
                    Some(why) => return self.end(why),
                    None => continue,
                },
                news = self.news.recv() => news,
            };
            match news {
                Ok(News::Told(told)) if self.position < told.position => {
                    self.position = told.position;
                    let event = (self.render)(Item::Told(&told));
                    if told.kind == "ticket-deleted" {
                        return self.end(End::Deleted);
                    }
                    return Next::Event(event);
                }
                Ok(News::Present(present)) if !is_same(&self.present, &present) => {
                    self.present = present.to_vec();
                    return Next::Event((self.render)(Item::Present(&present)));
                }
                Ok(_) => {}
                Err(_) => return self.end(End::Behind),
            }
        }
    }

    /// Why the stream ends, if it does.
    async fn check_credential(&self) -> Option<End> {
        let still = tokio::select! {
            () = self.standing.stopping.wait() => return Some(End::Stopping),
            still = self.standing.still_may::<Tickets, Read>() => still,
        };
        match still {
            Ok(true) => None,
            Ok(false) => Some(End::Credential),
            Err(error) => {
                tracing::warn!(%error, "the credential of a stream could not be looked at");
                Some(End::Behind)
            }
        }
    }

    fn end(&self, why: End) -> Next {
        Next::Last((self.render)(Item::End(why)))
    }
}

//! A whole server on a port the system picks, over a fresh database, for one test.

use std::time::Duration;

use bailiwick::config::Settings;
use bailiwick::start::{self, Surroundings};
use endpoint::App;
use helpdesk::account::{self, NewAccount};
use helpdesk::passwords;
use helpdesk::users::{self, NewUser};
use outside::{Clock, Random};
use scope::Dialect;
use scope::permit::Actor;
use scope::role::Role;
use serde_json::Value;
use store::Db;

pub use super::database::{Database, fresh_database};

/// The instant at which every test's clock starts.
pub const START: &str = "2026-03-02T09:00:00Z";
pub const PASSWORD: &str = "correct horse battery";

/// Whom a test acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// The owner of the account, `admin@demo.test`.
    Admin,
    /// `agent@demo.test`, of the role agent.
    Agent,
}

pub struct Server {
    pub base: String,
    /// Follows no redirects and keeps no cookies.
    pub http: reqwest::Client,
    pub app: App,
    pub db: Db,
    pub clock: Clock,
    pub admin_id: i64,
    pub agent_id: i64,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    pub database: Database,
}

/// Follows no redirects, keeps no cookies, and asks no proxy.
pub fn http_client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client")
}

/// What encrypts keys in a test's database.
pub const SECRET_KEY: [u8; 32] = [7; 32];

impl Server {
    pub async fn start() -> Server {
        Server::start_with(|_settings| {}).await
    }

    /// The same, with some settings changed first.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Server {
        Server::start_at(Clock::manual(START.parse().expect("an instant")), change).await
    }

    /// For tests that share the database with another process.
    pub async fn start_on_the_real_clock() -> Server {
        Server::start_at(Clock::system(), |_settings| {}).await
    }

    async fn start_at(clock: Clock, change: impl FnOnce(&mut Settings)) -> Server {
        let mut settings = Settings::read(None, std::iter::empty()).expect("the defaults");
        settings.rate_limits = false;
        change(&mut settings);
        let (db, database) = fresh_database().await;
        let listener = bailiwick::serve::bind("127.0.0.1:0").await.expect("bind");
        let base = format!("http://{}", listener.local_addr().expect("address"));
        let public_url = if settings.public_url.is_empty() { base.clone() } else { settings.public_url.clone() };
        let surroundings =
            Surroundings { clock: clock.clone(), random: Random::system(), secret_key: SECRET_KEY, public_url };
        let app = start::app(db.clone(), surroundings, &settings).await.expect("an account");
        let (admin_id, agent_id) = set_up(&app).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = bailiwick::router(app.clone());
        tokio::spawn(bailiwick::serve::serve(
            router,
            listener,
            async {
                let _gone = stopped.await;
            },
            Duration::from_secs(5),
        ));
        let http = http_client();
        Server { base, http, app, db, clock, admin_id, agent_id, stop: Some(stop), database }
    }

    /// The account as another process opens it, or this one after a restart: it shares nothing but the database and the clock.
    pub async fn restarted(&self) -> App {
        let mut settings = Settings::defaults().expect("the defaults");
        settings.fetch_private = true;
        let surroundings = Surroundings {
            clock: self.clock.clone(),
            random: Random::system(),
            secret_key: SECRET_KEY,
            public_url: self.app.config.public_url.clone(),
        };
        start::app(self.db.clone(), surroundings, &settings).await.expect("an account")
    }

    /// An access token for the administrator with these Gorgias words.
    pub async fn token(&self, scope: &str) -> String {
        self.token_for(Person::Admin, Dialect::Gorgias, scope).await
    }

    pub fn id_of(&self, person: Person) -> i64 {
        match person {
            Person::Admin => self.admin_id,
            Person::Agent => self.agent_id,
        }
    }

    pub async fn get(&self, path: &str, token: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).bearer_auth(token).send().await.expect("send")
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> reqwest::Response {
        self.http.post(format!("{}{path}", self.base)).bearer_auth(token).json(&body).send().await.expect("send")
    }

    pub async fn put(&self, path: &str, token: &str, body: Value) -> reqwest::Response {
        self.http.put(format!("{}{path}", self.base)).bearer_auth(token).json(&body).send().await.expect("send")
    }

    pub async fn delete(&self, path: &str, token: &str) -> reqwest::Response {
        self.http.delete(format!("{}{path}", self.base)).bearer_auth(token).send().await.expect("send")
    }

    /// DELETE with a JSON body, as the Gorgias dialect has it.
    pub async fn delete_with(&self, path: &str, token: &str, body: Value) -> reqwest::Response {
        self.http.delete(format!("{}{path}", self.base)).bearer_auth(token).json(&body).send().await.expect("send")
    }

    /// Runs the background jobs that are due by the test's clock.
    pub async fn run_jobs(&self) -> usize {
        let mut n_jobs = 0;
        // On PostgreSQL a follower stops before the oldest transaction that is open anywhere on the server, and other tests have some.
        for _ in 0..1000 {
            n_jobs += bailiwick::worker::run_due(&self.app).await.expect("the jobs");
            if !self.has_unread_events().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        n_jobs
    }

    async fn has_unread_events(&self) -> bool {
        let mut tx = self.db.read().await.expect("read");
        for reader in bailiwick::worker::FOLLOWERS {
            let position = store::log::position(&mut tx, reader).await.expect("a position");
            let after = [position.transaction_id.into(), position.id.into()];
            let sql = "select 1 as found from events where (transaction_id, id) > ($1, $2) limit 1";
            if tx.row(sql, &after).await.expect("read").is_some() {
                return true;
            }
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
    }
}

/// The account with its owner and one agent.
async fn set_up(app: &App) -> (i64, i64) {
    // One hash serves every test of the process: making it is slow on purpose.
    static HASH: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    let hash = HASH.get_or_init(async || passwords::hash(&app.random, PASSWORD).await.expect("a hash")).await;
    let now = app.clock.now();
    let account = NewAccount {
        name: "Demo".to_owned(),
        domain: "demo".to_owned(),
        owner_name: "Ada Admin".to_owned(),
        owner_email: "admin@demo.test".to_owned(),
        owner_password_hash: hash.clone(),
    };
    let agent = NewUser { role: Role::Agent, ..NewUser::named("Bo Agent", "agent@demo.test") };
    let run = "00000000-0000-4000-8000-000000000001";
    store::transact!(app.db, |tx| {
        let admin_id = account::set_up(tx, now, run, &account).await?;
        let actor = Actor { worker: Some("test"), request_id: run.to_owned(), ..Actor::default() };
        let agent_id = users::create_with_password(tx, &actor, now, &agent, hash).await?;
        Ok::<_, helpdesk::Error>((admin_id, agent_id))
    })
    .expect("the account")
}

impl Server {
    /// An access token for a person, through an app of a dialect, with these words. It lives a day.
    pub async fn token_for(&self, person: Person, dialect: Dialect, scope: &str) -> String {
        let now = self.clock.now();
        let person_id = self.id_of(person);
        let token = format!("test-{}", self.app.random.token());
        let client_id = self.app.random.hex(24);
        let later = now.as_microsecond() + 86_400_000_000;
        let mut tx = self.db.write().await.expect("begin");
        let client = tx
            .row(
                "insert into clients (client_id, name, dialect, policy, type, application_type, status, grant_types, allowed_scopes,
                     default_scopes, token_endpoint_auth_method, id_token_signed_response_alg, require_pkce, refresh_rotation,
                     code_seconds, access_token_seconds, refresh_grace_seconds, registered_by, owner_id, created_at, updated_at)
                 values ($1, 'A test app', $2, $2, 'confidential', 'web', 'active', 'authorization_code refresh_token', $3,
                     '', 'client_secret_basic', 'RS256', 1, 'none', 60, 1800, 10, 'admin', $4, $5, $5) returning id",
                &[client_id.into(), dialect.word().into(), scope.into(), person_id.into(), now.into()],
            )
            .await
            .expect("a client")
            .expect("a row")
            .int("id")
            .expect("an id");
        let grant = tx
            .row(
                "insert into grants (client_id, person_id, scope, created_at, updated_at) values ($1, $2, $3, $4, $4) returning id",
                &[client.into(), person_id.into(), scope.into(), now.into()],
            )
            .await
            .expect("a grant")
            .expect("a row")
            .int("id")
            .expect("an id");
        let family = tx
            .row(
                "insert into token_families (client_id, grant_id, person_id, scope, auth_time, acr, created_at)
                 values ($1, $2, $3, $4, $5, 'urn:bailiwick:acr:pwd', $5) returning id",
                &[client.into(), grant.into(), person_id.into(), scope.into(), now.into()],
            )
            .await
            .expect("a family")
            .expect("a row")
            .int("id")
            .expect("an id");
        tx.run(
            "insert into access_tokens (hash, family_id, scope, created_at, expires_at) values ($1, $2, $3, $4, $5)",
            &[
                outside::sha256(token.as_bytes()).as_slice().into(),
                family.into(),
                scope.into(),
                now.into(),
                later.into(),
            ],
        )
        .await
        .expect("a token");
        tx.commit().await.expect("commit");
        token
    }
}

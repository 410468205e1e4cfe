//! One filled account of a mock: a database in a folder of its own, which goes with it.

use axum::Router;
use endpoint::App;
use helpdesk::Error;
use oauth::clients::{Client, ClientType, NewClient, NewSecret};
use oauth::issued::NewToken;
use outside::{Clock, Random, sha256};
use scope::Dialect;
use scope::identity::Identity;
use scope::permit::Actor;
use scope::role::Role;
use scope::words::vocabulary;
use serde_json::{Value as Json, json};
use store::transact;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Plan;
use super::fixtures::Known;
use crate::demo::permit;
use crate::start::{self, Surroundings};
use crate::{router, worker};

/// How long a token of a mock lives unless somebody says: ten years, in seconds.
const TOKEN_SECONDS: i64 = 10 * 365 * 86_400;

pub struct Running {
    pub app: App,
    pub router: Router,
    pub people: Vec<Known>,
    pub clients: Vec<(Client, Option<NewSecret>)>,
    /// The first administrator's, through the first app, with all that the app may have.
    pub token: Option<String>,
    stop: watch::Sender<bool>,
    worker: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl Running {
    pub async fn start(plan: &Plan) -> anyhow::Result<Running> {
        let folder = tempfile::Builder::new().prefix("bailiwick-mock-").tempdir()?;
        let mut settings = plan.settings.clone();
        settings.data = folder.path().to_owned();
        let random = Random::seeded(plan.seed);
        let surroundings = Surroundings {
            clock: plan.now.map_or_else(Clock::system, Clock::manual),
            random: random.clone(),
            secret_key: sha256(b"mock"),
            public_url: plan.public_url.clone(),
        };
        let db = start::database(&settings).await?;
        let app = start::app(db.clone(), surroundings, &settings).await?;
        let now = app.clock.now();
        // A sequence of its own: what the file leaves out is not what the provider draws.
        let of_people = Random::seeded(plan.seed.wrapping_add(1));
        let people = transact!(db, |tx| plan.fixtures.write(tx, now, &of_people).await)?;
        let (stop, stopped) = watch::channel(false);
        let mut running = Running {
            router: router(app.clone()),
            app,
            people,
            clients: Vec::new(),
            token: None,
            stop,
            worker: None,
            _folder: folder,
        };
        running.register(plan).await?;
        // Last: it draws from the same chance, whenever it comes to it.
        running.worker = Some(tokio::spawn(worker::run(running.app.clone(), stopped)));
        Ok(running)
    }

    async fn register(&mut self, plan: &Plan) -> Result<(), Error> {
        for client in &plan.fixtures.clients {
            let is_public = match client.kind.as_deref() {
                None | Some("confidential") => false,
                Some("public") => true,
                Some(word) => return Err(Error::invalid("kind", format!("{word} is neither confidential nor public"))),
            };
            let owner_id = client.user.as_deref().map(|email| Ok::<_, Error>(self.person(email)?.id)).transpose()?;
            let new = NewClient {
                name: client.name.clone(),
                dialect: plan.dialect,
                client_type: if is_public { ClientType::Public } else { ClientType::Confidential },
                redirect_uris: client.redirect_uris.clone(),
                allowed_scopes: client.scopes.clone().unwrap_or_else(|| every_word(plan.dialect, is_public)),
                client_credentials: !is_public && plan.dialect != Dialect::Gorgias,
                owner_id,
                ..NewClient::default()
            };
            let secret = client.client_secret.as_deref();
            let may = permit(&self.owner()?)?;
            let made = self.app.provider.create_known_client(&may, new, &client.client_id, secret).await?;
            self.clients.push(made);
        }
        if let (Some((client, _)), Some(admin)) = (self.clients.first(), self.people.first()) {
            let words: Vec<String> = client.allowed_scopes.words().map(str::to_owned).collect();
            let (client_id, email) = (client.client_id.clone(), admin.email.clone());
            self.token = Some(self.mint(&client_id, &email, &words, None).await?);
        }
        Ok(())
    }

    /// An access token for a person, as if they had allowed the app these words.
    pub async fn mint(
        &self,
        client_id: &str,
        email: &str,
        words: &[String],
        seconds: Option<i64>,
    ) -> Result<String, Error> {
        let (client, _) = self
            .clients
            .iter()
            .find(|(client, _)| client.client_id == client_id)
            .ok_or_else(|| Error::invalid("client_id", format!("there is no app {client_id}")))?;
        let new = NewToken {
            dialect: client.dialect,
            client_row: client.id,
            person_id: self.person(email)?.id,
            words,
            seconds: Some(seconds.unwrap_or(TOKEN_SECONDS)),
        };
        let may = permit(&self.owner()?)?;
        Ok(self.app.provider.issue_token(&may, new).await?.1)
    }

    fn person(&self, email: &str) -> Result<&Known, Error> {
        let found = self.people.iter().find(|person| person.email.eq_ignore_ascii_case(email));
        found.ok_or_else(|| Error::invalid("person", format!("there is nobody with the address {email}")))
    }

    fn owner(&self) -> Result<Actor, Error> {
        let owner = self.people.first().ok_or_else(|| Error::Refused("a mock without people".to_owned()))?;
        let request_id = "00000000-0000-4000-8000-00000000f1f2".to_owned();
        Ok(Actor { person_id: Some(owner.id), role: Some(Role::Owner), request_id, ..Actor::default() })
    }

    pub fn facts(&self, plan: &Plan) -> Json {
        let people: Vec<Json> = self.people.iter().map(Known::facts).collect();
        let clients = self.clients.iter().map(|(client, secret)| {
            json!({
                "id": client.id,
                "client_id": client.client_id,
                "client_secret": secret.as_ref().map(|secret| &secret.value),
                "name": client.name,
                "kind": client.client_type.word(),
            })
        });
        json!({
            "url": plan.public_url,
            "dialect": plan.dialect.word(),
            "people": people,
            "clients": clients.collect::<Vec<Json>>(),
            "token": self.token,
        })
    }

    /// Waits for its worker, so that nothing writes into a folder that goes.
    pub async fn end(self) {
        self.stop.send_replace(true);
        if let Some(worker) = self.worker
            && let Err(error) = worker.await
        {
            tracing::warn!(%error, "the worker of a mock ended unexpectedly");
        }
    }

    /// For one that others still answer from.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// What an app of this kind may be allowed at most.
fn every_word(dialect: Dialect, is_public: bool) -> Vec<String> {
    let words = vocabulary(dialect).iter();
    let allowed = words.filter(|word| !is_public || word.identity != Some(Identity::Impersonate));
    allowed.map(|word| word.word.to_owned()).collect()
}

//! A second node over the database of the first, as an operator runs it for the load or against failures.

use std::time::{Duration, Instant};

use bailiwick::config::Settings;
use bailiwick::start::{self, Surroundings};
use outside::Random;
use store::Db;

use super::Server;
use super::server::SECRET_KEY;

pub struct Node {
    pub base: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Server {
    /// Another process in all but name: its own pool of connections, its own caches, the same public address.
    pub async fn second_node(&self) -> Node {
        let mut settings = Settings::read(None, std::iter::empty()).expect("the defaults");
        settings.rate_limits = false;
        let db = Db::open(&self.database.url).await.expect("open the database again");
        let listener = bailiwick::serve::bind("127.0.0.1:0").await.expect("bind");
        let base = format!("http://{}", listener.local_addr().expect("address"));
        let surroundings = Surroundings {
            clock: self.clock.clone(),
            random: Random::system(),
            secret_key: SECRET_KEY,
            public_url: self.base.clone(),
        };
        let app = start::app(db, surroundings, &settings).await.expect("an account");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(bailiwick::serve::serve(
            bailiwick::router(app),
            listener,
            async {
                let _gone = stopped.await;
            },
            Duration::from_secs(5),
        ));
        Node { base, stop: Some(stop) }
    }

    /// What this node answers to a call of the API with the token.
    pub async fn status_at(&self, node: &Node, token: &str) -> u16 {
        let request = self.http.get(format!("{}/api/account", node.base)).bearer_auth(token);
        request.send().await.expect("send").status().as_u16()
    }

    /// How long the node still takes the token. Gives up after five seconds.
    pub async fn seconds_until_refused(&self, node: &Node, token: &str) -> f64 {
        let begun = Instant::now();
        while self.status_at(node, token).await != 401 && begun.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed().as_secs_f64()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
    }
}

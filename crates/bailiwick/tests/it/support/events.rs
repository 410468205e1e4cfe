//! A reader of server-sent events (WHATWG HTML, 9.2), as far as ours go.

use std::time::Duration;

use serde_json::Value;

use super::Server;

pub struct Events {
    response: reqwest::Response,
    unread: String,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Server {
    /// Asks for a stream at this server or at another node, from where the reader was.
    pub async fn ask_for_events(&self, base: &str, path: &str, token: &str, last: Option<&str>) -> reqwest::Response {
        let mut request = self.http.get(format!("{base}{path}")).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.send().await.expect("send")
    }

    /// Opens it.
    pub async fn events_at(&self, base: &str, path: &str, token: &str, last: Option<&str>) -> Events {
        Events::of(self.ask_for_events(base, path, token, last).await)
    }
}

impl Events {
    pub fn of(response: reqwest::Response) -> Events {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { response, unread: String::new() }
    }

    /// The next event; None at the end. Fails after ten seconds.
    pub async fn next(&mut self) -> Option<Event> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.read()).await;
        next.expect("an event, or the end")
    }

    /// The next event with this name. Others in between are left out.
    pub async fn next_of(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the end instead of {name}"));
            if event.name == name {
                return event;
            }
        }
    }

    /// Whether nothing comes for so long.
    pub async fn is_silent_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.read()).await.is_err()
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let event = parse(block);
                self.unread = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let bytes = self.response.chunk().await.expect("a whole answer")?;
            self.unread.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
        }
    }
}

/// None for a heartbeat.
fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = serde_json::from_str(field("data")?).expect("JSON");
    Some(Event { name: field("event").expect("a name").to_owned(), id: field("id").map(str::to_owned), data })
}

//! The apps of the demo: one confidential and one public of each dialect.

use oauth::Provider;
use oauth::clients::{ClientType, NewClient};
use scope::Dialect;
use scope::identity::Identity;
use scope::permit::CanWrite;
use scope::resource::Apps;
use scope::words::vocabulary;
use serde::Serialize;

/// Any port is right for it (RFC 8252, section 7.3).
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

struct Planned {
    name: &'static str,
    publisher: &'static str,
    description: &'static str,
    dialect: Dialect,
    client_type: ClientType,
}

const PLANNED: [Planned; 6] = [
    Planned {
        name: "Lighthouse Reports",
        publisher: "Lighthouse Labs",
        description: "Weekly numbers about your helpdesk",
        dialect: Dialect::Standard,
        client_type: ClientType::Confidential,
    },
    Planned {
        name: "Pocket Inbox",
        publisher: "Pocket Apps",
        description: "Your tickets on the phone",
        dialect: Dialect::Standard,
        client_type: ClientType::Public,
    },
    Planned {
        name: "Parcel Tracker",
        publisher: "Fleet & Post",
        description: "Shows where an order is, beside the ticket",
        dialect: Dialect::Gorgias,
        client_type: ClientType::Confidential,
    },
    Planned {
        name: "Quick Replies",
        publisher: "Fleet & Post",
        description: "Answers from the desktop",
        dialect: Dialect::Gorgias,
        client_type: ClientType::Public,
    },
    Planned {
        name: "Order Bridge",
        publisher: "Bridgeworks",
        description: "Copies orders into tickets",
        dialect: Dialect::Zendesk,
        client_type: ClientType::Confidential,
    },
    Planned {
        name: "Desk Console",
        publisher: "Bridgeworks",
        description: "Tickets in a terminal",
        dialect: Dialect::Zendesk,
        client_type: ClientType::Public,
    },
];

/// A registered app, as the JSON line tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoApp {
    pub name: String,
    /// standard, gorgias or zendesk
    pub dialect: &'static str,
    /// confidential or public
    pub r#type: &'static str,
    pub client_id: String,
    /// A public app has none.
    pub client_secret: Option<String>,
    pub redirect_uris: Vec<String>,
    /// The ceiling: every word of the dialect that an app of this type may be allowed.
    pub scopes: Vec<String>,
}

/// Every word of the dialect, but that a public app may not act for others: it cannot prove that it is who it says.
fn ceiling(planned: &Planned) -> Vec<String> {
    let words = vocabulary(planned.dialect).iter();
    let allowed = words
        .filter(|word| planned.client_type == ClientType::Confidential || word.identity != Some(Identity::Impersonate));
    allowed.map(|word| word.word.to_owned()).collect()
}

/// Registers all of them. Ids and secrets come from the provider's randomness, the date from its clock.
pub async fn register(provider: &Provider, may: &CanWrite<Apps>) -> Result<Vec<DemoApp>, helpdesk::Error> {
    let mut apps = Vec::with_capacity(PLANNED.len());
    for planned in PLANNED {
        let scopes = ceiling(&planned);
        let new = NewClient {
            name: planned.name.to_owned(),
            publisher: Some(planned.publisher.to_owned()),
            description: Some(planned.description.to_owned()),
            dialect: planned.dialect,
            client_type: planned.client_type,
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            allowed_scopes: scopes.clone(),
            // Wherever the dialect knows it: the demo is there to try everything on.
            client_credentials: planned.client_type == ClientType::Confidential && planned.dialect != Dialect::Gorgias,
            ..NewClient::default()
        };
        let (client, secret) = provider.create_client(may, new).await?;
        apps.push(DemoApp {
            name: client.name,
            dialect: planned.dialect.word(),
            r#type: planned.client_type.word(),
            client_id: client.client_id,
            client_secret: secret.map(|secret| secret.value),
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            scopes,
        });
    }
    Ok(apps)
}

//! The demo's integrations: one that tells its own receiver (`/demo/webhooks`) of the last days, one whose calls
//! fail and are tried again, one whose calls are given up, one that is off.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use helpdesk::Error;
use helpdesk::integrations::request::Http;
use helpdesk::integrations::{self, NewIntegration};
use jiff::{SignedDuration, Timestamp};
use scope::permit::CanWrite;
use scope::resource::Integrations;
use serde_json::json;
use store::Tx;

use crate::config::Settings;

/// The name under which the demo calls itself: it leads to its own listener and nowhere else.
const HOST: &str = "hooks.demo.test";
/// Events of so many days are told at the start.
const TOLD: SignedDuration = SignedDuration::from_hours(2 * 24);

/// Lets calls to `HOST` come back here.
pub fn lead_back(settings: &mut Settings, address: SocketAddr) {
    settings.fetch_hosts.insert(HOST.to_owned(), address);
}

pub async fn create(tx: &mut Tx, may: &CanWrite<Integrations>, now: Timestamp) -> Result<(), Error> {
    let since = now - TOLD;
    let posting = |name: &str, triggers: &[&str]| Http {
        url: format!("http://{HOST}/demo/webhooks/{name}"),
        method: "POST".to_owned(),
        triggers: triggers.iter().map(|trigger| (*trigger).to_owned()).collect(),
        ..Http::default()
    };
    let warehouse = NewIntegration {
        name: "Warehouse".to_owned(),
        description: Some("Tells the warehouse what customers write. See /demo/webhooks.".to_owned()),
        http: Http {
            form: Some(json!({
                "ticket": "{{ticket.id}}", "subject": "{{ticket.subject}}", "customer": "{{ticket.customer.name}}",
                "says": "{{message.body_text}}",
            })),
            headers: BTreeMap::from([("X-Shop".to_owned(), "meadow-lane".to_owned())]),
            ..posting("warehouse", &["ticket-message-created"])
        },
        ..NewIntegration::default()
    };
    let broken = NewIntegration {
        name: "Old stock list".to_owned(),
        description: Some("Its server is always broken: look how it is left alone.".to_owned()),
        http: posting("broken", &["ticket-created"]),
        ..NewIntegration::default()
    };
    let gone = NewIntegration {
        name: "Loyalty points".to_owned(),
        description: Some("Its address is gone: its calls are given up, and can be made once more by hand.".to_owned()),
        http: posting("gone", &["ticket-assignment-updated"]),
        ..NewIntegration::default()
    };
    let off = NewIntegration {
        name: "Parcel labels".to_owned(),
        http: posting("labels", &["ticket-status-updated"]),
        deactivated_at: Some(since),
        ..NewIntegration::default()
    };
    for new in [off, gone, broken, warehouse] {
        integrations::create(tx, may, since, &new).await?;
    }
    integrations::add(tx, may, since, "email", "Support mailbox", &json!({ "address": "support@demo.test" })).await?;
    Ok(())
}

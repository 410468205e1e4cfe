//! The page that says whom we trust.

use scope::Dialect;
use serde_json::json;

use crate::support::app::confidential;
use crate::support::{Browser, Person, Server, TestKey};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_trusts_an_issuer_and_takes_it_back() {
    // JB-1
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let keys = TestKey::es256().set().to_string();
    let typed = [
        ("name", "The <b>company</b>"),
        ("issuer", "https://login.company.example"),
        ("keys", keys.as_str()),
        ("issuer_app", app.client.client_id.as_str()),
    ];

    let page = browser.open("/admin/trust").await;
    assert!(page.body.contains("<h3>No system is trusted</h3>"));
    let added = browser.press(&page, "trust-issuer", &typed).await;
    assert!(added.body.contains("The system is trusted now."));
    assert!(added.body.contains("The &#60;b&#62;company&#60;/b&#62;"));
    assert!(added.body.contains("https://login.company.example") && added.body.contains("Ticket Mirror"));
    let twice = browser.press(&added, "trust-issuer", &typed).await;
    assert_eq!(twice.status, 422);
    assert!(twice.body.contains("trusted already"));
    let id = added.body.split("remove-issuer-").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let removed = browser.press(&added, &format!("remove-issuer-{id}"), &[]).await;
    assert!(!removed.body.contains("login.company.example"));

    let mut tx = server.db.read().await.unwrap();
    let rows = tx.rows("select type, person_id from events where object_type = 'TrustedIssuer' order by id", &[]).await;
    let rows = rows.unwrap();
    let kinds: Vec<String> = rows.iter().map(|row| row.text("type").unwrap()).collect();
    assert_eq!(kinds, ["trusted-issuer-added", "trusted-issuer-removed"]);
    assert_eq!(rows[0].int("person_id").unwrap(), server.admin_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_issuer_is_said_beside_its_field() {
    // JB-1
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let page = browser.open("/admin/trust").await;
    let private = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA" }] }).to_string();

    for (name, issuer, keys, problem) in [
        ("", "https://a.example", "https://a.example/keys", "name-problem"),
        ("A", "rubbish", "https://a.example/keys", "issuer-problem"),
        ("A", "https://a.example", "", "keys-problem"),
        ("A", "https://a.example", "{", "keys-problem"),
        ("A", "https://a.example", "http://127.0.0.1/keys", "keys-problem"),
        ("A", "https://a.example", private.as_str(), "keys-problem"),
    ] {
        let typed = [("name", name), ("issuer", issuer), ("keys", keys), ("issuer_app", "")];
        let refused = browser.press(&page, "trust-issuer", &typed).await;
        assert_eq!(refused.status, 422, "{problem}");
        assert!(refused.body.contains(problem), "{problem}");
    }
    let typed = [("name", "A"), ("issuer", "https://a.example"), ("keys", "https://a.example/k"), ("issuer_app", "x")];
    let refused = browser.press(&page, "trust-issuer", &typed).await;
    assert!(refused.body.contains("issuer_app-problem"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_lets_an_app_exchange_tokens_and_takes_it_back() {
    // TX-2
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let id = app.client.client_id.as_str();
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let typed = [("rule_app", id), ("subject_app", ""), ("resource", server.base.as_str()), ("delegation", "on")];

    let page = browser.open("/admin/trust").await;
    let nobody = browser.press(&page, "add-exchange-rule", &[("rule_app", ""), ("resource", &server.base)]).await;
    assert_eq!(nobody.status, 422);
    assert!(nobody.body.contains("rule_app-problem"));
    let added = browser.press(&page, "add-exchange-rule", &typed).await;
    assert!(added.body.contains("The rule holds from now on.") && added.body.contains("May act for people"));
    let twice = browser.press(&added, "add-exchange-rule", &typed).await;
    assert!(twice.body.contains("resource-problem"));
    let rule = added.body.split("remove-rule-").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let removed = browser.press(&added, &format!("remove-rule-{rule}"), &[]).await;
    assert!(removed.body.contains("The rule is removed."));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_for_administrators() {
    // TX-2, JB-1
    let server = Server::start().await;
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;

    assert_eq!(agent.get("/admin/trust").await.status, 403);
    assert_eq!(Browser::new(&server).get("/admin/trust").await.status, 303);
    for path in ["/admin/trust/issuers", "/admin/trust/rules", "/admin/trust/rules/1/remove"] {
        assert!([403, 404].contains(&agent.post(path, &[]).await.status), "{path}");
    }
}

//! Mails to who subscribed: to organizations, articles and sections.

use scope::Dialect;
use serde_json::{Value, json};

use super::help_center::{HC, STAFF, article, section};
use super::{all, body, customer, get, id, made, ticket};
use crate::support::{Person, Server};

/// Who was written to since the last time, with what about.
async fn told(server: &Server, seen: &mut usize) -> Vec<(String, String)> {
    server.run_jobs().await;
    let mails = server.mails().await;
    let mut new: Vec<(String, String)> =
        mails[*seen..].iter().map(|mail| (mail.to.clone(), mail.subject.clone())).collect();
    *seen = mails.len();
    new.sort();
    new
}

fn pair(to: &str, subject: &str) -> (String, String) {
    (to.to_owned(), subject.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_an_organization_hears_of_public_comments_on_its_tickets() {
    let server = Server::with_mail().await;
    let all = all(&server).await;
    let mill = json!({ "name": "Mill", "shared_tickets": true });
    let mill = made(&server, "/api/v2/organizations", &all, "organization", mill).await;
    let member = |name: &'static str| {
        let (server, all, mill) = (&server, &all, &mill);
        async move {
            let record = json!({
                "name": name, "email": format!("{}@shop.test", name.to_lowercase()), "organization_id": mill["id"],
            });
            made(server, "/api/v2/users", all, "user", record).await
        }
    };
    let (ada, ben) = (member("Ada").await, member("Ben").await);
    let stranger = customer(&server, &all, "Eve").await;
    let mut subscriptions = Vec::new();
    for user_id in [&ada["id"], &ben["id"], &stranger["id"], &json!(server.agent_id)] {
        let record = json!({ "organization_subscription": { "organization_id": mill["id"], "user_id": user_id } });
        let made = body(server.post("/api/v2/organization_subscriptions", &all, record).await, 200).await;
        subscriptions.push(id(&made["organization_subscription"]));
    }
    let agent = get(&server, &format!("/api/v2/users/{}", server.agent_id), &all).await["user"]["email"].clone();
    let agent = agent.as_str().expect("an address");
    let mut seen = 0;
    told(&server, &mut seen).await;

    let new = json!({ "subject": "Grain", "requester_id": ada["id"], "comment": { "body": "Where is it?", "author_id": ada["id"] } });
    let it = ticket(&server, &all, new).await;
    let of_it = format!("[Mill] Grain (#{})", id(&it));
    let first = told(&server, &mut seen).await;
    let say = |comment: Value| {
        let (server, all, path) = (&server, &all, format!("/api/v2/tickets/{}", id(&it)));
        async move { body(server.put(&path, all, json!({ "ticket": { "comment": comment } })).await, 200).await }
    };
    say(json!({ "body": "Between us", "public": false })).await;
    let note = told(&server, &mut seen).await;
    say(json!({ "body": "On its way" })).await;
    let answer = told(&server, &mut seen).await;

    assert_eq!(first, [pair(agent, &of_it), pair("ben@shop.test", &of_it)], "neither the author nor a stranger");
    assert_eq!(note, [], "what customers cannot read is told nobody");
    assert_eq!(answer, [pair(agent, &of_it), pair("ben@shop.test", &of_it)]);
    let mails = server.mails().await;
    let mail = mails.iter().rfind(|mail| mail.to == "ben@shop.test").expect("a mail");
    assert!(
        mail.text.contains("On its way") && mail.text.contains("You follow the requests of Mill."),
        "{}",
        mail.text
    );
    let end = format!("{}/api/v2/organization_subscriptions/{}.json", server.base, subscriptions[1]);
    assert!(mail.text.contains(&end), "it says where to end it: {}", mail.text);
    let audits = get(&server, &format!("/api/v2/tickets/{}/audits", id(&it)), &all).await["audits"].clone();
    let kinds = audits.as_array().expect("a list").iter().flat_map(|audit| audit["events"].as_array().expect("events"));
    assert_eq!(kinds.filter(|event| event["type"] == "Notification").count(), 2, "{audits}");

    // One who ends it, and one who is no member any more.
    server.delete(&format!("/api/v2/organization_subscriptions/{}", subscriptions[3]), &all).await;
    let unshared = json!({ "organization": { "shared_tickets": false } });
    body(server.put(&format!("/api/v2/organizations/{}", id(&mill)), &all, unshared).await, 200).await;
    say(json!({ "body": "It arrived" })).await;
    assert_eq!(told(&server, &mut seen).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_section_hears_of_articles_and_who_follows_an_article_of_comments() {
    let server = Server::with_mail().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "hc:read hc:write").await;
    let (ada, ben) = (customer(&server, &all, "Ada").await, customer(&server, &all, "Ben").await);
    let orders = section(&server, &all, "Orders").await;
    let subscribe = |path: String, record: Value| {
        let (server, all) = (&server, &all);
        async move { made(server, &format!("{HC}/{path}/subscriptions"), all, "subscription", record).await }
    };
    // A section is there for readers once it holds something.
    let read = article(&server, &all, orders, json!({})).await;
    let with_comments = json!({ "source_locale": "en-us", "user_id": ada["id"], "include_comments": true });
    let own = subscribe(format!("sections/{orders}"), with_comments).await;
    subscribe(format!("sections/{orders}"), json!({ "source_locale": "de", "user_id": ben["id"] })).await;
    let mut seen = 0;
    told(&server, &mut seen).await;

    let new = article(&server, &all, orders, json!({ "title": "Refunds" })).await;
    let published = told(&server, &mut seen).await;
    let draft = article(&server, &all, orders, json!({ "title": "Delivery", "draft": true })).await;
    let nothing = told(&server, &mut seen).await;
    let path = format!("{HC}/articles/{}/translations/en-us", id(&draft));
    body(server.put(&path, &all, json!({ "translation": { "draft": false } })).await, 200).await;
    let shown = told(&server, &mut seen).await;
    for draft in [true, false] {
        body(server.put(&path, &all, json!({ "translation": { "draft": draft } })).await, 200).await;
    }
    let again = told(&server, &mut seen).await;
    article(&server, &all, orders, json!({ "title": "For us", "user_segment_id": STAFF })).await;
    let hidden = told(&server, &mut seen).await;
    let record = json!({
        "title": "Quiet", "body": "x", "locale": "en-us", "permission_group_id": super::help_center::STAFF_WRITES, "user_segment_id": null,
    });
    let quiet = json!({ "article": record, "notify_subscribers": false });
    body(server.post(&format!("{HC}/sections/{orders}/articles"), &all, quiet).await, 201).await;
    let quiet = told(&server, &mut seen).await;

    assert_eq!(published, [pair("ada@shop.test", "New article: Refunds")], "in the language that was asked for");
    assert_eq!((nothing, shown), (vec![], vec![pair("ada@shop.test", "New article: Delivery")]));
    assert_eq!(again, [], "an article is new once");
    assert_eq!((hidden, quiet), (vec![], vec![]), "nobody hears of what they may not see, or of what is quiet");

    subscribe(format!("articles/{}", id(&read)), json!({ "source_locale": "en-us", "user_id": ben["id"] })).await;
    let comment = |token: String, article: i64, notify: bool| {
        let server = &server;
        let record =
            json!({ "comment": { "body": "<p>Thirty?</p>", "locale": "en-us" }, "notify_subscribers": notify });
        async move { body(server.post(&format!("{HC}/articles/{article}/comments"), &token, record).await, 201).await }
    };
    comment(agent.clone(), id(&read), true).await;
    let of_read = "New comment on Returns";
    assert_eq!(told(&server, &mut seen).await, [pair("ada@shop.test", of_read), pair("ben@shop.test", of_read)]);
    comment(agent.clone(), id(&new), true).await;
    assert_eq!(told(&server, &mut seen).await, [pair("ada@shop.test", "New comment on Refunds")]);
    comment(agent.clone(), id(&read), false).await;
    assert_eq!(told(&server, &mut seen).await, []);
    // Of a text that is no longer public, the name is not told either.
    let translated = json!({ "translation": { "locale": "de", "title": "Erstattung", "body": "x" } });
    body(server.post(&format!("{HC}/articles/{}/translations", id(&new)), &all, translated).await, 201).await;
    let path = format!("{HC}/articles/{}/translations/en-us", id(&new));
    let secret = json!({ "translation": { "title": "Secret prices", "draft": true } });
    body(server.put(&path, &all, secret).await, 200).await;
    told(&server, &mut seen).await;
    comment(all.clone(), id(&new), true).await;
    assert_eq!(told(&server, &mut seen).await, [pair("ada@shop.test", "New comment on Erstattung")]);
    let mails = server.mails().await;
    let mail = mails.iter().find(|mail| mail.subject == of_read && mail.to == "ada@shop.test").expect("a mail");
    assert!(mail.text.contains("Thirty?") && !mail.text.contains("<p>"), "{}", mail.text);
    let end = format!("{}/api/v2/help_center/sections/{orders}/subscriptions/{}.json", server.base, id(&own));
    assert!(mail.text.contains(&end), "{}", mail.text);
}

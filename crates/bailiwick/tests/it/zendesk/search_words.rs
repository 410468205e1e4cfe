//! `/api/v2/search`: words, phrases, what must not be there, and the orders of results.

use std::time::Duration;

use serde_json::json;

use super::search::found;
use super::{all, body, get, id, ids, ticket};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_phrase_is_its_words_in_their_order() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut made = Vec::new();
    for (subject, text) in [
        ("Water", "There is water on the roof, says Élodie Brontë."),
        ("The roof", "We sat on the table, and above us was the roof."),
        ("Roof the on", "Nothing else."),
    ] {
        server.clock.advance(Duration::from_secs(1));
        made.push(id(&ticket(&server, &all, json!({ "subject": subject, "comment": { "body": text } })).await));
    }
    let [right, apart, turned] = made[..] else { panic!("three tickets") };

    for (query, expected) in [
        (r#"type:ticket "on the roof""#, vec![right]),
        (r#"type:ticket "the roof""#, vec![apart, right]),
        (r#"type:ticket "elodie bronte""#, vec![right]),
        (r#"type:ticket "roof the""#, vec![turned]),
        (r#"type:ticket roof -"the roof""#, vec![turned]),
        (r#"type:ticket roof -"on the roof""#, vec![turned, apart]),
        (r#"type:ticket -"on the roof""#, vec![turned, apart]),
        (r#"type:ticket "on the roof" "says elodie""#, vec![right]),
        (r#"type:ticket "on the moon""#, vec![]),
        (r#"subject:"the roof""#, vec![apart]),
        (r#"-subject:"the roof""#, vec![turned, right]),
        (r#"description:"on the table""#, vec![apart]),
        (r#"comment:"water on""#, vec![right]),
        // Of two tickets, the phrase is in neither: it would run from the subject into the text.
        (r#"type:ticket "water there""#, vec![]),
    ] {
        assert_eq!(found(&server, &all, query).await, expected, "{query}");
    }
    let many: String = (1..99).map(|n| format!(" -z{n}")).collect();
    assert_eq!(found(&server, &all, &format!("type:ticket roof{many}")).await, [turned, apart, right]);
    let more = json!({ "ticket": { "comment": { "body": "Now it is on the roof of the moon, too." } } });
    body(server.put(&format!("/api/v2/tickets/{turned}"), &all, more).await, 200).await;
    assert_eq!(found(&server, &all, r#"type:ticket "on the roof" moon"#).await, [turned]);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_can_be_left_out_begun_and_asked_of_the_subject() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut made = Vec::new();
    for (subject, text) in [("Fire alarm", "The bell rings."), ("Printer", "It caught fire."), ("Firewall", "Closed.")]
    {
        server.clock.advance(Duration::from_secs(1));
        let record = json!({ "subject": subject, "comment": { "body": text }, "tags": [subject.split(' ').next()] });
        made.push(id(&ticket(&server, &all, record).await));
    }
    let [alarm, printer, wall] = made[..] else { panic!("three tickets") };

    for (query, expected) in [
        ("type:ticket fire -printer", vec![wall, alarm]),
        ("type:ticket fire -printer -subject:alarm", vec![wall]),
        ("type:ticket -fire", vec![wall]),
        ("type:ticket -fire*", vec![]),
        ("type:ticket fire* -bell", vec![wall, printer]),
        ("type:ticket fire* caught", vec![printer]),
        ("subject:fire", vec![wall, alarm]),
        ("-subject:fire", vec![printer]),
        (r#"subject:"fire""#, vec![alarm]),
        ("type:ticket ire", vec![]),
        ("-tags:printer type:ticket fire", vec![wall, alarm]),
        ("type:ticket 10:30", vec![]),
        ("type:ticket -nobodysaysthis", vec![wall, printer, alarm]),
    ] {
        assert_eq!(found(&server, &all, query).await, expected, "{query}");
    }
    let counted = get(&server, "/api/v2/search/count?query=type:ticket%20-fire", &all).await;
    assert_eq!(counted["count"], 1);
    let exported =
        get(&server, "/api/v2/search/export?query=fire%20-printer&filter[type]=ticket&page[size]=1", &all).await;
    assert_eq!(ids(&exported["results"]), [wall]);
    let next =
        exported["links"]["next"].as_str().expect("an address").strip_prefix(&server.base).expect("ours").to_owned();
    assert_eq!(ids(&get(&server, &next, &all).await["results"]), [alarm]);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_sorted_by_what_the_vendor_names() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut made = Vec::new();
    for (status, kind, priority) in [
        ("pending", json!("task"), "low"),
        ("new", json!(null), "urgent"),
        ("solved", json!("incident"), "normal"),
        ("hold", json!("question"), "high"),
        ("open", json!("problem"), "normal"),
    ] {
        server.clock.advance(Duration::from_secs(1));
        let record = json!({ "subject": "x", "type": kind, "priority": priority, "assignee_id": server.agent_id });
        let ticket_id = id(&ticket(&server, &all, record).await);
        let path = format!("/api/v2/tickets/{ticket_id}");
        body(server.put(&path, &all, json!({ "ticket": { "status": status } })).await, 200).await;
        made.push(ticket_id);
    }
    let of = |places: [usize; 5]| places.map(|place| made[place]).to_vec();

    for (by, rising) in [
        ("status", of([1, 4, 0, 3, 2])),
        ("ticket_type", of([1, 3, 2, 4, 0])),
        ("priority", of([0, 2, 4, 3, 1])),
        ("created_at", of([0, 1, 2, 3, 4])),
        ("updated_at", of([0, 1, 2, 3, 4])),
    ] {
        let falling: Vec<i64> = rising.iter().rev().copied().collect();
        let path =
            |order: &str, more: &str| format!("/api/v2/search?query=type:ticket&sort_by={by}&sort_order={order}{more}");
        assert_eq!(ids(&get(&server, &path("asc", ""), &all).await["results"]), rising, "{by}");
        assert_eq!(ids(&get(&server, &path("desc", ""), &all).await["results"]), falling, "{by}");
        let word = by.trim_end_matches("_at");
        assert_eq!(found(&server, &all, &format!("type:ticket order_by:{word} sort:asc")).await, rising, "{by}");
        assert_eq!(found(&server, &all, &format!("type:ticket order_by:{word}")).await, falling, "{by}");
        let mut paged = Vec::new();
        for page in 1..=3 {
            let more = format!("&per_page=2&page={page}");
            paged.extend(ids(&get(&server, &path("asc", &more), &all).await["results"]));
        }
        assert_eq!(paged, rising, "{by}, in pages");
    }
    assert_eq!(server.get("/api/v2/search?query=x&sort_by=size", &all).await.status(), 422);
    let newest = get(&server, "/api/v2/search/export?query=order_by:status&filter[type]=ticket", &all).await;
    assert_eq!(ids(&newest["results"]), of([4, 3, 2, 1, 0]), "an export has one order");
}

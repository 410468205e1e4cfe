//! Finding articles by their words.

use serde_json::{Value, json};
use std::time::Duration;

use super::help_center::{HC, STAFF, article, section};
use super::{all, body, get, id, ids};
use crate::support::Server;

struct Library {
    returns: i64,
    refunds: i64,
    secret: i64,
    sections: [i64; 2],
}

/// Three articles in English, a day apart; one of them also in German, and one for staff alone.
async fn library(server: &Server) -> Library {
    let first = all(server).await;
    let sections = [section(server, &first, "Orders").await, section(server, &first, "Money").await];
    let one = async |section: i64, title: &str, text: &str, more: Value| {
        let mut changes = json!({ "title": title, "body": text });
        for (key, value) in more.as_object().expect("an object") {
            changes[key] = value.clone();
        }
        // Tokens do not live for days.
        let made = id(&article(server, &all(server).await, section, changes).await);
        server.app.clock.advance(Duration::from_secs(24 * 3600));
        made
    };
    let returns = one(
        sections[0],
        "How to return shoes",
        "<p>You have thirty days & a <b>label</b>.</p>",
        json!({ "label_names": ["return"] }),
    )
    .await;
    let refunds =
        one(sections[1], "Refunds", "<p>When a return has reached us, we send the money.</p>", json!({})).await;
    let secret = one(sections[1], "Returns of staff", "<p>Half price.</p>", json!({ "user_segment_id": STAFF })).await;
    let german =
        json!({ "translation": { "locale": "de", "title": "Schuhe zurückschicken", "body": "Dreißig Tage." } });
    let texts = format!("{HC}/articles/{returns}/translations");
    body(server.post(&texts, &all(server).await, german).await, 201).await;
    Library { returns, refunds, secret, sections }
}

async fn found(server: &Server, token: &str, query: &str) -> Vec<i64> {
    ids(&get(server, &format!("{HC}/articles/search?{query}"), token).await["results"])
}

#[tokio::test(flavor = "multi_thread")]
async fn articles_are_found_by_their_words_the_best_first_with_an_excerpt() {
    let server = Server::start().await;
    let library = library(&server).await;
    let all = all(&server).await;

    let page = get(&server, &format!("{HC}/articles/search?query=returning"), &all).await;
    let by_label = get(&server, &format!("{HC}/articles/search?query=labels"), &all).await;

    assert_eq!(ids(&page["results"]), [library.returns, library.secret, library.refunds]);
    assert_eq!(
        (&page["count"], &page["page"], &page["page_count"], &page["per_page"]),
        (&json!(3), &json!(1), &json!(1), &json!(25))
    );
    assert_eq!((&page["next_page"], &page["previous_page"]), (&Value::Null, &Value::Null));
    assert_eq!(page["results"][2]["snippet"], "When a <em>return</em> has reached us, we send the money.");
    assert_eq!(by_label["results"][0]["snippet"], "You have thirty days &amp; a <em>label.</em>");
    assert_eq!(page["results"][0]["result_type"], "article");
    // Who has all the words comes alone; else who has half of them.
    assert_eq!(found(&server, &all, "query=return+shoes").await, [library.returns]);
    assert_eq!(found(&server, &all, "query=how+do+i+return+a+hovercraft").await.len(), 3);
    assert_eq!(found(&server, &all, "query=hovercraft").await, [0_i64; 0]);
    assert_eq!(found(&server, &all, "query=!!").await, [0_i64; 0]);
    // Nobody finds what is not for them.
    let bare =
        server.http.get(format!("{}{HC}/articles/search?query=returns", server.base)).send().await.expect("send");
    assert_eq!(ids(&body(bare, 200).await["results"]), [library.returns, library.refunds]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_narrowed_sorted_and_paged() {
    let server = Server::start().await;
    let library = library(&server).await;
    let all = all(&server).await;
    let [orders, money] = library.sections;
    let shown = get(&server, &format!("{HC}/sections/{money}"), &all).await["section"].clone();
    let created =
        get(&server, &format!("{HC}/articles/{}", library.refunds), &all).await["article"]["created_at"].clone();
    let day = &created.as_str().expect("a time")[..10];

    for (query, expected) in [
        (format!("section={orders}"), vec![library.returns]),
        (format!("query=return&section={money}"), vec![library.secret, library.refunds]),
        (format!("query=return&category={}", shown["category_id"]), vec![library.secret, library.refunds]),
        ("label_names=return".to_owned(), vec![library.returns]),
        (
            "query=return&sort_by=created_at&sort_order=asc".to_owned(),
            vec![library.returns, library.refunds, library.secret],
        ),
        ("query=return&sort_by=created_at".to_owned(), vec![library.secret, library.refunds, library.returns]),
        (format!("query=return&created_at={day}"), vec![library.refunds]),
        (format!("query=return&created_before={day}"), vec![library.returns]),
        ("query=Schuhe&locale=de".to_owned(), vec![library.returns]),
        ("query=Schuhe".to_owned(), vec![]),
        ("query=dreissig&locale=*".to_owned(), vec![library.returns]),
        ("query=return&locale=xx".to_owned(), vec![]),
        ("query=return&per_page=1&page=2".to_owned(), vec![library.secret]),
    ] {
        assert_eq!(found(&server, &all, &query).await, expected, "{query}");
    }
    let page = get(&server, &format!("{HC}/articles/search?query=return&per_page=2"), &all).await;
    assert_eq!((&page["count"], &page["page_count"]), (&json!(3), &json!(2)));
    assert!(page["next_page"].as_str().expect("a link").contains("page=2"));
    for wrong in ["", "locale=de", "query=a&section=x", "query=a&created_at=soon", "query=a&page[size]=2"] {
        assert_eq!(server.get(&format!("{HC}/articles/search?{wrong}"), &all).await.status(), 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_or_is_gone_is_found_as_it_is_now() {
    let server = Server::start().await;
    let library = library(&server).await;
    let all = all(&server).await;
    let path = format!("{HC}/articles/{}", library.refunds);

    let text = json!({ "translation": { "title": "Payment", "body": "By unicorn." } });
    body(server.put(&format!("{path}/translations/en-us"), &all, text).await, 200).await;
    let (by_old, by_new) = (found(&server, &all, "query=refunds").await, found(&server, &all, "query=unicorns").await);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    let when_archived = found(&server, &all, "query=unicorns").await;
    assert_eq!(server.delete(&format!("{HC}/sections/{}", library.sections[0]), &all).await.status(), 204);

    assert_eq!((by_old, by_new, when_archived), (vec![], vec![library.refunds], vec![]));
    assert_eq!(found(&server, &all, "query=shoes").await, [0_i64; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_searches_find_the_same() {
    let server = Server::start().await;
    let library = library(&server).await;
    let all = all(&server).await;
    let unified = |rest: &str| format!("/api/v2/guide/search?query=return&filter[locales]=en-us{rest}");

    let first = get(&server, &unified("&page[size]=2"), &all).await;
    let next = first["links"]["next"].as_str().expect("a link").strip_prefix(&server.base).expect("ours").to_owned();
    let second = get(&server, &next, &all).await;
    let posts = get(&server, &unified("&filter[content_types]=POST"), &all).await;
    let embedded = get(&server, &format!("{HC}/articles/embeddable_search?query=shoes"), &all).await;
    let suggested = get(&server, &format!("{HC}/deflection/suggestions?query=Where+are+my+shoes"), &all).await;
    let community = get(&server, &format!("{HC}/community_posts/search?query=shoes"), &all).await;

    assert_eq!(ids(&first["results"]), [library.returns, library.secret]);
    assert_eq!((&first["meta"]["has_more"], &first["results"][0]["type"]), (&json!(true), &json!("ARTICLE")));
    assert_eq!(ids(&second["results"]), [library.refunds]);
    assert_eq!(second["meta"]["has_more"], false);
    assert_eq!(posts["results"], json!([]));
    assert_eq!(ids(&embedded["results"]), [library.returns]);
    assert_eq!(ids(&suggested["results"]), [library.returns]);
    assert_eq!((&community["results"], &community["count"]), (&json!([]), &json!(0)));
    for wrong in [
        "/api/v2/guide/search?query=a".to_owned(),
        unified("&page[size]=51"),
        unified("&filter[content_types]=PAGE"),
        format!("{HC}/deflection/suggestions"),
        format!("{HC}/deflection/suggestions?query={}", "a".repeat(201)),
        format!("{HC}/community_posts/search"),
    ] {
        assert_eq!(server.get(&wrong, &all).await.status(), 400, "{wrong}");
    }
}

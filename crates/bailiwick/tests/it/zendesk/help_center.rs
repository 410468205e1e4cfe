//! The help center as its writers see it: categories, sections, articles, their texts and what they carry. Who sees what:
//! `help_center_readers.rs`; finding: `help_center_search.rs`.

use reqwest::Response;
use scope::Dialect;
use serde_json::{Value, json};
use std::time::Duration;

use super::{all, body, get, id, ids, made};
use crate::support::{Person, Server};

pub(super) const HC: &str = "/api/v2/help_center";
/// The permission group in which all staff writes, and the segments that come with the account.
pub(super) const STAFF_WRITES: i64 = 2;
pub(super) const SIGNED_IN: i64 = 1;
pub(super) const STAFF: i64 = 2;

pub(super) async fn category(server: &Server, token: &str, name: &str) -> i64 {
    let new = json!({ "name": name, "locale": "en-us" });
    id(&made(server, &format!("{HC}/categories"), token, "category", new).await)
}

pub(super) async fn section(server: &Server, token: &str, name: &str) -> i64 {
    let category = category(server, token, name).await;
    let new = json!({ "name": name, "locale": "en-us" });
    id(&made(server, &format!("{HC}/categories/{category}/sections"), token, "section", new).await)
}

/// An article that everybody may read, but for what `changes` say.
pub(super) async fn article(server: &Server, token: &str, section: i64, changes: Value) -> Value {
    let mut new = json!({
        "title": "Returns", "body": "<p>Thirty days.</p>", "locale": "en-us",
        "permission_group_id": STAFF_WRITES, "user_segment_id": null,
    });
    for (key, value) in changes.as_object().expect("changes") {
        new[key] = value.clone();
    }
    made(server, &format!("{HC}/sections/{section}/articles"), token, "article", new).await
}

/// The refusal of a write, by field.
async fn refused(answer: Response) -> Value {
    body(answer, 400).await["errors"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn categories_and_sections_are_made_changed_moved_and_deleted_with_what_they_hold() {
    let server = Server::start().await;
    let all = all(&server).await;
    let new = json!({ "name": "Orders", "description": "Fish & chips", "locale": "en-us", "position": 3 });
    let answer = server.post(&format!("{HC}/categories"), &all, json!({ "category": new })).await;
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    let orders = body(answer, 201).await["category"].clone();
    let money = category(&server, &all, "Money").await;
    let sections = format!("{HC}/categories/{}/sections", id(&orders));
    let outer = made(&server, &sections, &all, "section", json!({ "name": "Delivery", "locale": "en-us" })).await;
    let new = json!({ "name": "Express", "locale": "en-us", "parent_section_id": id(&outer), "sorting": "title" });
    let inner = made(&server, &sections, &all, "section", new).await;
    let read = article(&server, &all, id(&inner), json!({})).await;

    let renamed = json!({ "category": { "name": "Your orders", "position": 1 } });
    let renamed = body(server.put(&format!("{HC}/categories/{}", id(&orders)), &all, renamed).await, 200).await;
    let path = |section: &Value| format!("{HC}/sections/{}", id(section));
    let circle = json!({ "section": { "parent_section_id": id(&inner) } });
    let circle = refused(server.put(&path(&outer), &all, circle).await).await;
    let moved = json!({ "section": { "category_id": money } });
    let moved = body(server.put(&path(&outer), &all, moved).await, 200).await;

    assert!(location.ends_with(&format!("/en-us/categories/{}.json", id(&orders))), "{location}");
    assert_eq!((&orders["description"], &orders["position"]), (&json!("Fish & chips"), &json!(3)));
    assert_eq!((&renamed["category"]["name"], &renamed["category"]["position"]), (&json!("Your orders"), &json!(1)));
    assert!(circle["parent_section_id"].is_array(), "{circle}");
    assert_eq!(moved["section"]["category_id"], money);
    let inner_now = get(&server, &path(&inner), &all).await["section"].clone();
    assert_eq!((&inner_now["category_id"], &inner_now["parent_section_id"]), (&json!(money), &outer["id"]));
    let listed = get(&server, &format!("{HC}/sections?include=categories"), &all).await;
    assert_eq!(ids(&listed["categories"]), [money]);
    assert_eq!((&listed["page"], &listed["page_count"], &listed["per_page"]), (&json!(1), &json!(1), &json!(100)));
    assert_eq!((&listed["sort_by"], &listed["sort_order"]), (&json!("position"), &json!("asc")));

    assert_eq!(server.delete(&path(&outer), &all).await.status(), 204);
    for gone in [path(&inner), format!("{HC}/articles/{}", id(&read))] {
        let answer = body(server.get(&gone, &all).await, 404).await;
        assert_eq!(answer["error"], "RecordNotFound", "{gone}");
    }
    assert_eq!(server.delete(&format!("{HC}/categories/{money}"), &all).await.status(), 204);
    assert_eq!(server.get(&format!("{HC}/categories/{money}/sections"), &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_written_changed_and_archived() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (here, there) = (section(&server, &all, "Here").await, section(&server, &all, "There").await);
    let changes = json!({ "label_names": ["Money", "back"], "promoted": true, "content_tag_ids": ["01J"] });
    let made = article(&server, &all, here, changes).await;
    let path = format!("{HC}/articles/{}", id(&made));

    server.app.clock.advance(Duration::from_secs(60));
    let update = json!({ "article": { "section_id": there, "promoted": false, "label_names": ["back"], "title": "passed over", "body": "passed over" } });
    let answer = server.put(&path, &all, update.clone()).await;
    let updated = body(answer, 200).await["article"].clone();
    server.app.clock.advance(Duration::from_secs(60));
    let same = body(server.put(&path, &all, update).await, 200).await["article"].clone();
    let text = json!({ "translation": { "title": "Sending back", "body": "<p onclick=\"x()\">Sixty <script>y()</script>days</p>" } });
    let text =
        body(server.put(&format!("{path}/translations/en-us"), &all, text).await, 200).await["translation"].clone();
    let shown = get(&server, &format!("{path}?include=users,sections,categories,translations"), &all).await;

    assert_eq!(made["label_names"], json!(["back", "Money"]));
    assert_eq!((&made["author_id"], &made["name"]), (&json!(server.admin_id), &json!("Returns")));
    assert_eq!(
        (&made["draft"], &made["outdated"], &made["user_segment_id"]),
        (&json!(false), &json!(false), &Value::Null)
    );
    assert_eq!((&updated["section_id"], &updated["title"]), (&json!(there), &json!("Returns")));
    assert_eq!(updated["label_names"], json!(["back"]));
    assert_eq!((&updated["edited_at"], &same["updated_at"]), (&made["edited_at"], &updated["updated_at"]));
    assert_eq!(text["body"], "<p>Sixty days</p>");
    let article = &shown["article"];
    assert_eq!((&article["title"], &article["body"]), (&json!("Sending back"), &json!("<p>Sixty days</p>")));
    assert_ne!(article["edited_at"], made["edited_at"]);
    assert_eq!(ids(&shown["users"]), [server.admin_id]);
    assert_eq!(ids(&shown["sections"]), [there]);
    assert_eq!(article["translations"][0]["locale"], "en-us");

    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
    assert_eq!(get(&server, &format!("{HC}/articles"), &all).await["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_article_lacks_is_told_by_field_with_400() {
    let server = Server::start().await;
    let all = all(&server).await;
    let section = section(&server, &all, "A").await;
    let articles = format!("{HC}/sections/{section}/articles");
    let whole = json!({ "title": "A", "locale": "en-us", "permission_group_id": 1, "user_segment_id": null });

    for (field, value) in [
        ("title", Value::Null),
        ("locale", Value::Null),
        ("locale", json!("xx")),
        ("permission_group_id", Value::Null),
        ("permission_group_id", json!(987)),
        ("user_segment_id", json!(987)),
        ("position", json!(-1)),
        ("author_id", json!(987)),
        ("label_names", json!([""])),
    ] {
        let mut wrong = whole.clone();
        wrong[field] = value.clone();
        let refused = refused(server.post(&articles, &all, json!({ "article": wrong })).await).await;
        assert!(refused[field].is_array(), "{field} {value}: {refused}");
    }
    let mut without = whole.clone();
    without.as_object_mut().expect("an object").remove("user_segment_id");
    let answer = server.post(&articles, &all, json!({ "article": without })).await;
    assert!(refused(answer).await["user_segment_id"].is_array());
    assert_eq!(
        server.post(&format!("{HC}/sections/987/articles"), &all, json!({ "article": whole })).await.status(),
        404
    );
    assert_eq!(get(&server, &format!("{HC}/articles"), &all).await["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_language_shows_what_there_is_in_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let section = section(&server, &all, "A").await;
    let both = json!({ "title": null, "locale": null, "translations": [
        { "locale": "en-us", "title": "Returns", "body": "Thirty days." }, { "locale": "de", "title": "Rücksendung", "draft": true },
    ] });
    let both = article(&server, &all, section, both).await;
    let french = json!({ "title": "Retours", "permission_group_id": 1, "user_segment_id": null });
    let french = made(&server, &format!("{HC}/fr/sections/{section}/articles"), &all, "article", french).await;
    let texts = format!("{HC}/articles/{}/translations", id(&both));

    let german = get(&server, &format!("{HC}/de/articles"), &all).await;
    let in_german = get(&server, &format!("{HC}/de/articles/{}", id(&both)), &all).await["article"].clone();
    let missing = get(&server, &format!("{HC}/articles/{}/translations/missing", id(&french)), &all).await;
    let outdated = json!({ "translation": { "outdated": true, "draft": false } });
    body(server.put(&format!("{texts}/DE"), &all, outdated).await, 200).await;
    let again = json!({ "translation": { "locale": "de", "title": "x" } });
    let twice = refused(server.post(&texts, &all, again).await).await;
    let by_source = get(&server, &format!("{HC}/articles/{}", id(&both)), &all).await["article"].clone();
    let languages = get(&server, &format!("{HC}/locales"), &all).await;

    assert_eq!(
        (&both["title"], &both["locale"], &both["source_locale"]),
        (&json!("Returns"), &json!("en-us"), &json!("en-us"))
    );
    assert_eq!(french["locale"], "fr");
    assert_eq!(ids(&german["articles"]), [id(&both)]);
    assert_eq!(
        (&in_german["title"], &in_german["name"], &in_german["draft"]),
        (&json!("Rücksendung"), &json!("Returns"), &json!(true))
    );
    assert_eq!(missing["locales"], json!(["de", "en-us"]));
    assert!(twice["locale"].is_array(), "{twice}");
    assert_eq!((&by_source["outdated"], &by_source["outdated_locales"]), (&json!(false), &json!(["de"])));
    assert_eq!(languages, json!({ "locales": ["en-us", "de", "fr"], "default_locale": "en-us" }));
    assert_eq!(server.get(&format!("{HC}/fr/articles/{}", id(&both)), &all).await.status(), 404);
    assert_eq!(server.get(&format!("{HC}/xx/articles"), &all).await.status(), 404);

    let to_german = json!({ "article_locale": "de" });
    let path = format!("{HC}/articles/{}", id(&both));
    let done = server.put(&format!("{path}/source_locale"), &all, to_german).await;
    assert_eq!((done.status().as_u16(), done.text().await.expect("a body")), (200, String::new()));
    assert_eq!(get(&server, &path, &all).await["article"]["title"], "Rücksendung");
    let nowhere =
        refused(server.put(&format!("{path}/source_locale"), &all, json!({ "article_locale": "fr" })).await).await;
    assert!(nowhere["locale"].is_array(), "{nowhere}");
    let of = get(&server, &texts, &all).await["translations"].clone();
    let of_locale =
        |locale: &str| of.as_array().expect("a list").iter().find(|it| it["locale"] == locale).map(id).expect("one");
    let text = |id: i64| format!("{HC}/translations/{id}");
    assert_eq!(server.delete(&text(of_locale("de")), &all).await.status(), 400, "the source stays");
    assert_eq!(server.delete(&text(of_locale("en-us")), &all).await.status(), 204);
    assert_eq!(get(&server, &texts, &all).await["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn articles_are_listed_in_every_order_and_paged_in_both_ways() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (first, second) = (section(&server, &all, "First").await, section(&server, &all, "Second").await);
    for (title, section, position, labels) in
        [("Cups", first, 2, json!(["a", "b"])), ("apples", first, 3, json!(["a"])), ("Boots", second, 1, json!([]))]
    {
        let changes = json!({ "title": title, "position": position, "label_names": labels });
        article(&server, &all, section, changes).await;
        server.app.clock.advance(Duration::from_secs(60));
    }
    let titles = async |query: &str| {
        let list = get(&server, &format!("{HC}/{query}"), &all).await;
        let titles =
            list["articles"].as_array().expect("a list").iter().map(|it| it["title"].as_str().expect("one").to_owned());
        titles.collect::<Vec<_>>()
    };

    assert_eq!(titles("articles").await, ["Boots", "Cups", "apples"]);
    assert_eq!(titles("articles?sort_by=title&sort_order=asc").await, ["apples", "Boots", "Cups"]);
    assert_eq!(titles("articles?sort_by=created_at&sort_order=desc").await, ["Boots", "apples", "Cups"]);
    assert_eq!(titles("articles?label_names=a,B").await, ["Cups"]);
    assert_eq!(titles(&format!("sections/{first}/articles")).await, ["Cups", "apples"]);
    let sorted = json!({ "section": { "sorting": "creation_desc" } });
    body(server.put(&format!("{HC}/sections/{first}"), &all, sorted).await, 200).await;
    assert_eq!(titles(&format!("sections/{first}/articles")).await, ["apples", "Cups"]);
    assert_eq!(titles(&format!("sections/{first}/articles?sort_by=position")).await, ["Cups", "apples"]);
    assert_eq!(titles(&format!("users/{}/articles", server.admin_id)).await.len(), 3);

    let answer = server.get(&format!("{HC}/articles?page[size]=2&sort=title"), &all).await;
    let link = answer.headers()["link"].to_str().expect("text").to_owned();
    let page = body(answer, 200).await;
    let follow = async |name: &str| {
        let address =
            page["links"][name].as_str().expect("a link").strip_prefix(&server.base).expect("ours").to_owned();
        get(&server, &address, &all).await
    };
    assert!(link.contains("rel=\"next\"") && link.contains("rel=\"last\""), "{link}");
    assert_eq!(page["meta"]["has_more"], true);
    assert_eq!(follow("next").await["articles"][0]["title"], "Cups");
    let last = follow("last").await;
    assert_eq!(last["articles"].as_array().expect("a list").len(), 2);
    assert_eq!((&last["articles"][1]["title"], &last["links"]["next"]), (&json!("Cups"), &Value::Null));
    assert_eq!(follow("first").await["articles"], page["articles"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_export_of_articles_goes_on_where_it_ended() {
    let server = Server::start().await;
    let all = all(&server).await;
    let section = section(&server, &all, "A").await;
    let begin = server.app.clock.now().as_second();
    let old = article(&server, &all, section, json!({})).await;
    server.app.clock.advance(Duration::from_secs(600));
    let new = article(&server, &all, section, json!({})).await;
    server.app.clock.advance(Duration::from_secs(600));
    let path = |from: i64| format!("{HC}/incremental/articles?start_time={from}");

    let both = get(&server, &path(begin), &all).await;
    let later = get(&server, &path(begin + 60), &all).await;

    assert_eq!(ids(&both["articles"]), [id(&old), id(&new)]);
    assert_eq!((&both["count"], &both["next_page"]), (&json!(2), &Value::Null));
    assert!(both["end_time"].is_i64());
    assert_eq!(ids(&later["articles"]), [id(&new)]);
    assert_eq!(server.get(&format!("{HC}/incremental/articles"), &all).await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_put_on_and_taken_off() {
    let server = Server::start().await;
    let all = all(&server).await;
    let section = section(&server, &all, "A").await;
    let article = article(&server, &all, section, json!({ "label_names": ["old"] })).await;
    let labels = format!("{HC}/articles/{}/labels", id(&article));

    let new = made(&server, &labels, &all, "label", json!({ "name": "new" })).await;
    let same = made(&server, &labels, &all, "label", json!({ "name": "NEW" })).await;

    assert_eq!(new["id"], same["id"]);
    assert_eq!(get(&server, &labels, &all).await["count"], 2);
    assert_eq!(get(&server, &format!("{HC}/articles/labels/{}", id(&new)), &all).await["label"]["name"], "new");
    assert_eq!(server.delete(&format!("{labels}/{}", id(&new)), &all).await.status(), 204);
    assert_eq!(server.delete(&format!("{labels}/{}", id(&new)), &all).await.status(), 404);
    let old = ids(&get(&server, &labels, &all).await["labels"]);
    assert_eq!(server.delete(&format!("{HC}/articles/labels/{}", old[0]), &all).await.status(), 204);
    let path = format!("{HC}/articles/{}", id(&article));
    assert_eq!(get(&server, &path, &all).await["article"]["label_names"], json!([]));
    assert_eq!(ids(&get(&server, &format!("{HC}/articles/labels"), &all).await["labels"]), [id(&new)]);
}

const PNG: &[u8] = &[0x89, b'P', b'N', b'G', 13, 10, 26, 10, 1, 2, 3, 4];

async fn send_file(server: &Server, token: &str, path: &str, fields: &[(&str, &str)]) -> Response {
    let mut form = Vec::new();
    for (name, value) in fields {
        let part = format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend_from_slice(part.as_bytes());
    }
    form.extend_from_slice(b"--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"map.png\"\r\ncontent-type: image/png\r\n\r\n");
    form.extend_from_slice(PNG);
    form.extend_from_slice(b"\r\n--XX--\r\n");
    let request = server.http.post(format!("{}{path}", server.base)).bearer_auth(token);
    request.header("content-type", "multipart/form-data; boundary=XX").body(form).send().await.expect("send")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_to_an_article_at_once_or_later_and_can_be_read_by_their_address() {
    let server = Server::start().await;
    let token = super::token(&server, "hc:read hc:write").await;
    let section = section(&server, &token, "A").await;
    let article = id(&article(&server, &token, section, json!({})).await);
    let (path, waiting) = (format!("{HC}/articles/{article}/attachments"), format!("{HC}/articles/attachments"));

    let inline = body(send_file(&server, &token, &path, &[("inline", "true"), ("locale", "en-us")]).await, 201).await;
    let loose = body(send_file(&server, &token, &waiting, &[]).await, 201).await["article_attachment"].clone();
    let alone = get(&server, &format!("{waiting}/{}", id(&loose)), &token).await;
    let given = json!({ "attachment_ids": [id(&loose)] });
    let given = server.post(&format!("{HC}/articles/{article}/bulk_attachments"), &token, given).await.status();
    let inline = &inline["article_attachment"];
    let read = server.http.get(inline["content_url"].as_str().expect("an address")).send().await.expect("send");

    assert_eq!(
        (&inline["inline"], &inline["locale"], &inline["article_id"]),
        (&json!(true), &json!("en-us"), &json!(article))
    );
    assert_eq!(
        (&inline["file_name"], &inline["content_type"], &inline["size"]),
        (&json!("map.png"), &json!("image/png"), &json!(12))
    );
    assert_eq!((&loose["article_id"], &loose["inline"], &loose["locale"]), (&Value::Null, &json!(false), &Value::Null));
    assert_eq!(alone["article_attachment"], loose);
    assert_eq!(given, 200);
    assert_eq!(read.bytes().await.expect("bytes"), PNG);
    let of = async |end: &str| ids(&get(&server, &format!("{path}{end}"), &token).await["article_attachments"]);
    assert_eq!(of("").await, [id(inline), id(&loose)]);
    assert_eq!(of("/inline").await, [id(inline)]);
    assert_eq!(of("/block").await, [id(&loose)]);
    assert_eq!(
        get(&server, &format!("{path}/{}", id(&loose)), &token).await["article_attachment"]["article_id"],
        article
    );
    let unknown = json!({ "attachment_ids": [987] });
    let refusal =
        refused(server.post(&format!("{HC}/articles/{article}/bulk_attachments"), &token, unknown).await).await;
    assert!(refusal["attachment_ids"].is_array(), "{refusal}");
    assert!(refused(server.post(&path, &token, json!({})).await).await["file"].is_array());
    assert_eq!(server.delete(&format!("{waiting}/{}", id(inline)), &token).await.status(), 204);
    assert_eq!(of("").await, [id(&loose)]);
    assert_eq!(send_file(&server, &token, &format!("{HC}/articles/987/attachments"), &[]).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_group_says_who_of_the_staff_writes_and_who_publishes() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let section = section(&server, &all, "A").await;
    let groups = "/api/v2/guide/permission_groups";
    let team = json!({ "name": "Us", "user_type": "staff", "added_user_ids": [server.agent_id] });
    let us = id(&made(&server, &format!("{HC}/user_segments"), &all, "user_segment", team).await);
    let editors = json!({ "name": "Editors", "edit": [us], "publish": [] });
    let editors = id(&made(&server, groups, &all, "permission_group", editors).await);
    let articles = format!("{HC}/sections/{section}/articles");
    let new = |group: i64, draft: bool| json!({ "article": { "title": "A", "locale": "en-us", "permission_group_id": group, "user_segment_id": null, "draft": draft } });

    let managers_only = server.post(&articles, &agent, new(1, true)).await.status();
    let published = body(server.post(&articles, &agent, new(editors, false)).await, 403).await;
    let draft = body(server.post(&articles, &agent, new(editors, true)).await, 201).await["article"].clone();
    let text = format!("{HC}/articles/{}/translations/en-us", id(&draft));
    let edited = server.put(&text, &agent, json!({ "translation": { "title": "B" } })).await.status();
    let shown = json!({ "translation": { "draft": false } });
    let shown_too_early = server.put(&text, &agent, shown.clone()).await.status();
    let may_publish = json!({ "permission_group": { "publish": [us] } });
    body(server.put(&format!("{groups}/{editors}"), &all, may_publish).await, 200).await;
    let shown_then = server.put(&text, &agent, shown).await.status();
    let arranged = server.post(&format!("{HC}/categories"), &agent, json!({ "category": {} })).await.status();

    assert_eq!((managers_only.as_u16(), edited.as_u16()), (403, 200));
    assert_eq!(published["error"]["title"], "Forbidden");
    assert_eq!((shown_too_early.as_u16(), shown_then.as_u16(), arranged.as_u16()), (403, 200, 403));
    assert_eq!(server.delete(&format!("{groups}/{editors}"), &all).await.status(), 400, "articles have it");
    assert_eq!(server.delete(&format!("{HC}/user_segments/{us}"), &all).await.status(), 400, "the group names it");
    assert_eq!(server.delete(&format!("{groups}/1"), &all).await.status(), 403, "it came with the account");
    let wrong = json!({ "permission_group": { "name": "X", "edit": [987] } });
    assert!(refused(server.post(groups, &all, wrong).await).await["edit"].is_array());
}

//! The help center as its readers see it: nobody in particular, customers, staff; what they say of it.

use reqwest::Response;
use scope::Dialect;
use serde_json::{Value, json};

use super::help_center::{HC, SIGNED_IN, STAFF, article, section};
use super::{all, body, customer, get, id, ids, made, request, token};
use crate::support::{Person, Server};

/// A GET without credentials.
async fn bare(server: &Server, path: &str) -> Response {
    server.http.get(format!("{}{path}", server.base)).send().await.expect("send")
}

/// Calls in the name of a customer, by the administrator's token.
struct Customer<'a> {
    server: &'a Server,
    token: String,
    id: i64,
}

impl Customer<'_> {
    async fn of<'a>(server: &'a Server, all: &str, name: &str) -> Customer<'a> {
        let id = id(&customer(server, all, name).await);
        Customer { server, token: token(server, "read write impersonate").await, id }
    }

    async fn send(&self, method: &str, path: &str, sent: Option<Value>) -> Response {
        let method = method.parse().expect("a method");
        let asked = request(self.server, method, path, &self.token).header("x-on-behalf-of", self.id.to_string());
        let asked = match sent {
            Some(sent) => asked.json(&sent),
            None => asked,
        };
        asked.send().await.expect("send")
    }

    async fn get(&self, path: &str) -> Response {
        self.send("GET", path, None).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_is_published_for_them_and_nothing_else() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read").await;
    let cleo = Customer::of(&server, &all, "Cleo").await;
    let vip = Customer::of(&server, &all, "Vip").await;
    let tagged = json!({ "user": { "tags": ["vip"] } });
    body(server.put(&format!("/api/v2/users/{}", vip.id), &all, tagged).await, 200).await;
    let vips = json!({ "name": "VIPs", "user_type": "signed_in_users", "or_tags": ["vip", "big"] });
    let vips = id(&made(&server, &format!("{HC}/user_segments"), &all, "user_segment", vips).await);
    let (open, closed) = (section(&server, &all, "Open").await, section(&server, &all, "Closed").await);
    let one = async |section: i64, changes: Value| id(&article(&server, &all, section, changes).await);
    let public = one(open, json!({})).await;
    let draft = one(open, json!({ "draft": true })).await;
    let signed_in = one(open, json!({ "user_segment_id": SIGNED_IN })).await;
    let of_vips = one(closed, json!({ "user_segment_ids": [vips, STAFF] })).await;
    let internal = one(closed, json!({ "user_segment_id": STAFF })).await;
    let of_nobody_else = one(closed, json!({ "user_segment_id": vips })).await;

    let list = format!("{HC}/articles");
    let by_nobody = body(bare(&server, &list).await, 200).await;
    let by_cleo = body(cleo.get(&list).await, 200).await;
    let by_vip = body(vip.get(&list).await, 200).await;
    let by_agent = get(&server, &list, &agent).await;
    let by_admin = get(&server, &list, &all).await;

    assert_eq!(ids(&by_nobody["articles"]), [public]);
    assert_eq!(ids(&by_cleo["articles"]), [public, signed_in]);
    assert_eq!(ids(&by_vip["articles"]), [public, signed_in, of_vips, of_nobody_else]);
    assert_eq!(ids(&by_agent["articles"]), [public, draft, signed_in, of_vips, internal]);
    assert_eq!(ids(&by_admin["articles"]), [public, draft, signed_in, of_vips, internal, of_nobody_else]);
    for hidden in [draft, signed_in, of_vips, internal] {
        let answer = body(bare(&server, &format!("{HC}/articles/{hidden}")).await, 404).await;
        assert_eq!(answer["error"], "RecordNotFound");
    }
    // A section in which there is nothing for them is not there for them.
    let sections = format!("{HC}/sections");
    assert_eq!(ids(&body(bare(&server, &sections).await, 200).await["sections"]), [open]);
    assert_eq!(ids(&body(vip.get(&sections).await, 200).await["sections"]), [open, closed]);
    assert_eq!(bare(&server, &format!("{HC}/sections/{closed}/articles")).await.status(), 404);
    assert_eq!(body(bare(&server, &format!("{HC}/categories")).await, 200).await["count"], 1);
    let of_vip = get(&server, &format!("{HC}/users/{}/user_segments", vip.id), &all).await;
    assert_eq!(ids(&of_vip["user_segments"]), [SIGNED_IN, vips]);
    let kept = get(&server, &format!("{HC}/user_segments/{vips}/sections"), &all).await;
    assert_eq!(ids(&kept["sections"]), [closed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_only_what_is_public_answers_and_a_token_must_reach_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let section = section(&server, &all, "A").await;
    let article = id(&article(&server, &all, section, json!({})).await);

    for path in [
        format!("{HC}/articles/{article}"),
        format!("{HC}/en-us/articles/{article}.json"),
        format!("{HC}/articles/search?query=returns"),
        format!("{HC}/articles/embeddable_search?query=returns"),
        "/api/v2/guide/search?query=returns&filter[locales]=en-us".to_owned(),
        format!("{HC}/deflection/suggestions?query=returns"),
        format!("{HC}/locales"),
    ] {
        assert_eq!(bare(&server, &path).await.status(), 200, "{path}");
    }
    for path in [
        format!("{HC}/articles/{article}/comments"),
        format!("{HC}/articles/labels"),
        format!("{HC}/articles/{article}/translations"),
        format!("{HC}/user_segments"),
        "/api/v2/guide/permission_groups".to_owned(),
    ] {
        let refused = body(bare(&server, &path).await, 401).await;
        assert_eq!(refused["error"], "Couldn't authenticate you", "{path}");
    }
    let tickets = token(&server, "tickets:read").await;
    let refused = body(server.get(&format!("{HC}/articles"), &tickets).await, 403).await;
    assert_eq!(refused["description"], "You are missing the following required scopes: hc:read, read");
    let search = token(&server, "hc:articles:search").await;
    assert_eq!(server.get(&format!("{HC}/articles/embeddable_search?query=returns"), &search).await.status(), 200);
    assert_eq!(server.get(&format!("{HC}/articles/search?query=returns"), &search).await.status(), 403);
    let wrong =
        request(&server, reqwest::Method::GET, &format!("{HC}/articles"), "nonsense").send().await.expect("send");
    assert_eq!(wrong.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_reach_what_is_theirs_and_nothing_behind_the_scenes() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = Customer::of(&server, &all, "Cleo").await;
    let section = section(&server, &all, "A").await;
    let article = id(&article(&server, &all, section, json!({})).await);

    for path in [
        format!("{HC}/articles/labels"),
        format!("{HC}/user_segments"),
        format!("{HC}/articles/{article}/translations/missing"),
        format!("{HC}/incremental/articles?start_time=0"),
        format!("{HC}/users/{}/articles", cleo.id),
        "/api/v2/guide/permission_groups".to_owned(),
    ] {
        let refused = body(cleo.get(&path).await, 403).await;
        assert_eq!(refused["error"]["title"], "Forbidden", "{path}");
    }
    let update = json!({ "article": { "promoted": true } });
    let update = cleo.send("PUT", &format!("{HC}/articles/{article}"), Some(update)).await;
    assert_eq!(update.status(), 403);
    let texts = body(cleo.get(&format!("{HC}/articles/{article}/translations")).await, 200).await;
    assert_eq!(texts["count"], 1);
    let beside = body(cleo.get(&format!("{HC}/articles?include=users,sections")).await, 200).await;
    assert!(beside["users"].is_null() && beside["sections"].is_array(), "addresses of staff are not for customers");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_comment_and_change_what_is_their_own() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (cleo, dan) = (Customer::of(&server, &all, "Cleo").await, Customer::of(&server, &all, "Dan").await);
    let section = section(&server, &all, "A").await;
    let open = id(&article(&server, &all, section, json!({})).await);
    let silent = id(&article(&server, &all, section, json!({ "comments_disabled": true })).await);
    let comments = format!("{HC}/articles/{open}/comments");
    let new = |text: &str| json!({ "comment": { "body": text, "locale": "en-us", "author_id": 1 } });

    let first = body(cleo.send("POST", &comments, Some(new("<b>Thanks</b><script>x()</script>"))).await, 201).await;
    let first = first["comment"].clone();
    let path = format!("{comments}/{}", id(&first));
    let by_dan = dan.send("PUT", &path, Some(new("Mine"))).await.status();
    let own = body(cleo.send("PUT", &path, Some(new("Thank you"))).await, 200).await["comment"].clone();
    let edited = body(server.put(&path, &all, new("Thanks!")).await, 200).await["comment"].clone();
    let old = json!({ "comment": { "body": "Old", "locale": "en-us", "author_id": dan.id, "created_at": "2020-01-02T03:04:05Z" } });
    let imported = body(server.post(&comments, &all, old).await, 201).await["comment"].clone();

    assert_eq!((&first["author_id"], &first["body"]), (&json!(cleo.id), &json!("<b>Thanks</b>")));
    assert_eq!((&first["source_id"], &first["source_type"]), (&json!(open), &json!("Article")));
    assert_eq!(by_dan, 403);
    assert_eq!((&own["body"], &own["non_author_editor_id"]), (&json!("Thank you"), &Value::Null));
    assert_eq!(edited["non_author_editor_id"], server.admin_id);
    assert_eq!((&imported["author_id"], &imported["created_at"]), (&json!(dan.id), &json!("2020-01-02T03:04:05Z")));
    assert_eq!(ids(&get(&server, &comments, &all).await["comments"]), [id(&imported), id(&first)]);
    let of_cleo = body(cleo.get(&format!("{HC}/users/{}/comments", cleo.id)).await, 200).await;
    assert_eq!(ids(&of_cleo["comments"]), [id(&first)]);
    assert_eq!(cleo.get(&format!("{HC}/users/{}/comments", dan.id)).await.status(), 404);
    let to_silent = cleo.send("POST", &format!("{HC}/articles/{silent}/comments"), Some(new("Hm"))).await;
    assert_eq!(to_silent.status(), 403);
    let nothing = json!({ "comment": { "locale": "en-us" } });
    assert!(body(server.post(&comments, &all, nothing).await, 400).await["errors"]["body"].is_array());
    assert_eq!(cleo.send("DELETE", &path, None).await.status(), 204);
    assert_eq!(cleo.get(&path).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_has_one_vote_and_may_change_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (cleo, dan) = (Customer::of(&server, &all, "Cleo").await, Customer::of(&server, &all, "Dan").await);
    let section = section(&server, &all, "A").await;
    let article = id(&article(&server, &all, section, json!({})).await);
    let path = format!("{HC}/articles/{article}");
    let score = async || {
        let shown = get(&server, &path, &all).await["article"].clone();
        (shown["vote_sum"].as_i64().expect("a sum"), shown["vote_count"].as_i64().expect("a count"))
    };

    let answer = cleo.send("POST", &format!("{path}/up"), None).await;
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    let up = body(answer, 200).await["vote"].clone();
    dan.send("POST", &format!("{HC}/en-us/articles/{article}/up"), None).await;
    let after_two = score().await;
    let down = body(cleo.send("POST", &format!("{path}/down"), None).await, 200).await["vote"].clone();
    let after_change = score().await;

    assert!(location.ends_with(&format!("/votes/{}.json", id(&up))), "{location}");
    assert_eq!((&up["value"], &up["user_id"], &up["item_type"]), (&json!(1), &json!(cleo.id), &json!("Article")));
    assert_eq!((&down["id"], &down["value"]), (&up["id"], &json!(-1)));
    assert_eq!((after_two, after_change), ((2, 2), (0, 2)));
    assert_eq!(ids(&get(&server, &format!("{path}/votes"), &all).await["votes"]).len(), 2);
    let own = body(cleo.get(&format!("{path}/votes")).await, 200).await;
    assert_eq!(ids(&own["votes"]), [id(&up)]);
    let vote = format!("{HC}/votes/{}", id(&up));
    assert_eq!(get(&server, &vote, &all).await["vote"]["value"], -1);
    assert_eq!(dan.get(&vote).await.status(), 404);
    assert_eq!(dan.send("DELETE", &vote, None).await.status(), 404);
    assert_eq!(cleo.send("DELETE", &vote, None).await.status(), 204);
    assert_eq!(score().await, (1, 1));
    let of_dan = get(&server, &format!("{HC}/users/{}/votes", dan.id), &all).await;
    assert_eq!(of_dan["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_subscribe_themselves_and_managers_others() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (cleo, dan) = (Customer::of(&server, &all, "Cleo").await, Customer::of(&server, &all, "Dan").await);
    let section = section(&server, &all, "A").await;
    let article = id(&article(&server, &all, section, json!({})).await);

    for (what, content, word) in [("articles", article, "Article"), ("sections", section, "Section")] {
        let path = format!("{HC}/{what}/{content}/subscriptions");
        let own = json!({ "subscription": { "source_locale": "en-us", "include_comments": true } });
        let own = body(cleo.send("POST", &path, Some(own)).await, 201).await["subscription"].clone();
        let of_dan = json!({ "subscription": { "source_locale": "en-us", "user_id": dan.id } });
        let by_cleo = cleo.send("POST", &path, Some(of_dan.clone())).await.status();
        let of_dan = body(server.post(&path, &all, of_dan).await, 201).await["subscription"].clone();
        let again = body(cleo.send("POST", &path, Some(json!({ "subscription": {} }))).await, 201).await;

        assert_eq!((&own["user_id"], &own["include_comments"]), (&json!(cleo.id), &json!(true)));
        assert_eq!((&own["content_id"], &own["content_type"]), (&json!(content), &json!(word)));
        assert_eq!((by_cleo.as_u16(), &of_dan["user_id"]), (403, &json!(dan.id)));
        assert_eq!(
            (&again["subscription"]["id"], &again["subscription"]["include_comments"]),
            (&own["id"], &json!(false))
        );
        assert_eq!(ids(&get(&server, &path, &all).await["subscriptions"]), [id(&own), id(&of_dan)]);
        let seen = body(cleo.get(&path).await, 200).await;
        assert_eq!(ids(&seen["subscriptions"]), [id(&own)]);
        for whose in ["me".to_owned(), cleo.id.to_string()] {
            let of_cleo = body(cleo.get(&format!("{HC}/users/{whose}/subscriptions.json")).await, 200).await;
            assert_eq!(ids(&of_cleo["subscriptions"]), [id(&own)]);
        }
        assert_eq!(cleo.get(&format!("{HC}/users/{}/subscriptions", dan.id)).await.status(), 404);
        let of_dan = get(&server, &format!("{HC}/users/{}/subscriptions", dan.id), &all).await["subscriptions"].clone();
        assert!(of_dan.as_array().into_iter().flatten().any(|one| one["content_type"] == word), "{of_dan}");
        let one = format!("{path}/{}", id(&own));
        assert_eq!(get(&server, &one, &all).await["subscription"]["id"], own["id"]);
        assert_eq!(cleo.get(&one).await.status(), 403, "single ones are for staff");
        assert_eq!(dan.send("DELETE", &one, None).await.status(), 404);
        assert_eq!(cleo.send("DELETE", &one, None).await.status(), 204);
        assert_eq!(server.get(&one, &all).await.status(), 404);
    }
}

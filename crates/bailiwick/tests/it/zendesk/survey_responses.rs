//! `/api/v2/guide/survey_responses`.

use serde_json::{Value, json};

use super::{all, body, customer, get, id, request, ticket, token};
use crate::support::Server;

const ALL: &str = "/api/v2/guide/survey_responses";

#[tokio::test(flavor = "multi_thread")]
async fn a_survey_is_offered_answered_and_shown() {
    let server = Server::start().await;
    let all = all(&server).await;
    let acting = token(&server, "read write impersonate").await;
    let cleo = customer(&server, &all, "Cleo").await;
    let made = ticket(&server, &all, json!({ "requester_id": cleo["id"], "status": "solved" })).await;
    let zrn = format!("zen:ticket:{}", id(&made));

    let offered = body(server.post(ALL, &all, json!({ "subject_zrns": [zrn] })).await, 201).await;

    let path = format!("{ALL}/{}", offered["id"].as_str().expect("a text"));
    let link = offered["links"]["survey"].as_str().expect("an address");
    assert_eq!(server.http.get(link).send().await.expect("send").status(), 200, "the customer finds a page there");
    let shown = get(&server, &path, &all).await["survey_response"].clone();
    assert_eq!([&shown["responder_id"], &shown["answers"]], [&cleo["id"], &json!([])]);
    assert_eq!(shown["subject_zrns"], json!([zrn]));
    let rate =
        request(&server, reqwest::Method::POST, &format!("/api/v2/tickets/{}/satisfaction_rating", id(&made)), &acting)
            .header("x-on-behalf-of", id(&cleo))
            .json(&json!({ "satisfaction_rating": { "score": "good", "comment": "Quick" } }));
    body(rate.send().await.expect("send"), 200).await;
    let shown = get(&server, &path, &all).await["survey_response"].clone();
    let answers: Vec<(&Value, &Value, &Value)> = shown["answers"]
        .as_array()
        .expect("answers")
        .iter()
        .map(|it| (&it["type"], &it["rating_category"], &it["value"]))
        .collect();
    assert_eq!(
        answers,
        [(&json!("rating_scale"), &json!("good"), &Value::Null), (&json!("open_ended"), &Value::Null, &json!("Quick")),]
    );
    let list = get(&server, &format!("{ALL}?filter[subject_zrns]={zrn}"), &all).await;
    assert_eq!(list["survey_responses"], json!([shown]));
    assert_eq!(server.post(ALL, &all, json!({ "subject_zrns": [zrn] })).await.status(), 422, "a ticket has one");
    for wrong in
        [json!({}), json!({ "subject_zrns": ["zen:user:1"] }), json!({ "subject_zrns": ["zen:ticket:987654321"] })]
    {
        assert_eq!(server.post(ALL, &all, wrong.clone()).await.status(), 422, "{wrong}");
    }
    assert_eq!(server.get(&format!("{ALL}/x"), &all).await.status(), 404);
}

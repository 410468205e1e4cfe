//! What triggers do beyond changing a ticket: people's and organizations' fields, languages, schedules, and mails with everything filled in.

use serde_json::{Value, json};

use super::triggers::{add, then, trigger, when};
use super::{all, body, customer, get, id, made, ticket};
use crate::support::{Browser, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_sets_fields_of_people_and_organizations_a_language_and_a_schedule() {
    let server = Server::start().await;
    let all = all(&server).await;
    for (path, name, key) in
        [("user_fields", "user_field", "plan"), ("organization_fields", "organization_field", "tier")]
    {
        let record = json!({ "key": key, "type": "text", "title": key });
        made(&server, &format!("/api/v2/{path}"), &all, name, record).await;
    }
    let mill = made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Mill" })).await;
    let cleo = json!({ "name": "Cleo", "email": "cleo@shop.test", "organization_id": mill["id"] });
    let cleo = made(&server, "/api/v2/users", &all, "user", cleo).await;
    let night = json!({ "name": "Night", "time_zone": "UTC" });
    let night = made(&server, "/api/v2/business_hours/schedules", &all, "schedule", night).await;
    let actions = [
        then("requester.custom_fields.plan", "yearly"),
        then("organization.custom_fields.tier", "gold"),
        then("locale_id", "8"),
        then("set_schedule", id(&night).to_string()),
        then("cc", server.agent_id.to_string()),
        then("follower", "current_user"),
    ];
    let rule = add(&server, &all, trigger("Set", &[when("update_type", "is", "Create")], &actions)).await;

    let it = ticket(&server, &all, json!({ "requester_id": cleo["id"] })).await;
    server.run_jobs().await;

    assert_eq!(rule["actions"], json!(actions));
    let user = get(&server, &format!("/api/v2/users/{}", id(&cleo)), &all).await["user"].clone();
    assert_eq!((&user["user_fields"]["plan"], &user["locale_id"]), (&json!("yearly"), &json!(8)));
    let mill = get(&server, &format!("/api/v2/organizations/{}", id(&mill)), &all).await["organization"].clone();
    assert_eq!(mill["organization_fields"]["tier"], "gold");
    let seen = get(&server, &format!("/api/v2/tickets/{}", id(&it)), &all).await["ticket"].clone();
    assert_eq!((&seen["email_cc_ids"], &seen["follower_ids"]), (&json!([server.agent_id]), &json!([server.admin_id])));
    let audits = get(&server, &format!("/api/v2/tickets/{}/audits", id(&it)), &all).await["audits"].clone();
    let told = audits.as_array().expect("a list").iter().flat_map(|audit| audit["events"].as_array().expect("events"));
    let told: Vec<&Value> = told.filter(|event| event["field_name"] == "schedule_id").collect();
    assert_eq!(told.len(), 1, "{audits}");
    assert_eq!(told[0]["value"], id(&night).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_a_trigger_has_its_places_filled_in() {
    let server = Server::with_mail().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo Park").await;
    let text = "{{ticket.link}} {{ticket.url}} {{ticket.url_with_protocol}}|{{ticket.account}}|{{ticket.latest_comment}}|\
                {{ticket.latest_public_comment}}|{{ticket.cc_names}}|{{ticket.organization.name}}|{{ticket.requester.first_name}}|\
                {{current_user.name}}|{{ticket.in_business_hours}}|{{ticket.ticket_type}}|{{ticket.nothing}}";
    let notice = |to: &str, body: &str| then("notification_user", json!([to, "[{{ticket.id}}]", body]));
    let actions = [
        notice("requester_id", text),
        notice("current_user", text),
        notice("assignee_id", "{{ticket.comments_formatted}}"),
    ];
    add(&server, &all, trigger("Tell", &[when("update_type", "is", "Change")], &actions)).await;
    let new = json!({
        "subject": "Printer", "type": "question", "requester_id": cleo["id"], "assignee_id": server.agent_id,
        "comment": { "body": "It burns" },
    });
    let it = ticket(&server, &all, new).await;
    server.run_jobs().await;
    let path = format!("/api/v2/tickets/{}", id(&it));
    let note = json!({ "ticket": { "comment": { "body": "Call the fire brigade", "public": false } } });
    body(server.put(&path, &all, note).await, 200).await;
    server.run_jobs().await;

    let mails = server.mails().await;
    let to = |address: &str| mails.iter().find(|mail| mail.to == address).expect("a mail").text.clone();
    let (base, number) = (&server.base, id(&it));
    let host = base.strip_prefix("http://").expect("http");
    let account = get(&server, "/api/v2/account/resolve", &all).await["account"]["name"].clone();
    let admin = get(&server, "/api/v2/users/me", &all).await["user"].clone();
    let at = |page: &str, newest: &str| {
        let rest = format!(
            "|{}|{newest}|It burns|||Cleo|{}|true|question|",
            account.as_str().expect("a name"),
            admin["name"].as_str().expect("a name")
        );
        format!("{base}/{page}/{number} {host}/{page}/{number} {base}/{page}/{number}{rest}")
    };
    let of_cleo = to("cleo.park@shop.test");
    assert_eq!(of_cleo, at("hc/requests", "It burns"), "customers are led to their page, and read no notes of ours");
    assert_eq!(to(admin["email"].as_str().expect("an address")), at("agent/tickets", "Call the fire brigade"));
    let agent = get(&server, &format!("/api/v2/users/{}", server.agent_id), &all).await["user"]["email"].clone();
    let all_said = to(agent.as_str().expect("an address"));
    let newest = all_said.find("Call the fire brigade").expect("the note");
    assert!(newest < all_said.find("It burns").expect("the first"), "the newest comes first: {all_said}");
    assert!(all_said.contains("(internal)"), "{all_said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_a_trigger_leads_the_customer_alone_to_the_survey_and_opening_it_votes_for_nobody() {
    let server = Server::with_mail().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo Park").await;
    let dan = customer(&server, &all, "Dan").await;
    let notice = |to: &str, body: &str| then("notification_user", json!([to, "How was it?", body]));
    let solved = [when("status", "value", "solved")];
    let actions = [
        notice("requester_id", "Too early: [{{satisfaction.rating_url}}]"),
        then("satisfaction_score", "offered"),
        notice("requester_and_ccs", "Rate us.\n{{satisfaction.rating_url}}\n\n{{satisfaction.rating_section}}"),
        notice("assignee_id", "Rated? [{{satisfaction.rating_url}}]"),
    ];
    add(&server, &all, trigger("Ask", &solved, &actions)).await;
    let heard = [when("satisfaction_score", "is", "good_with_comment")];
    let thanks = notice("assignee_id", "{{satisfaction.current_rating}}: {{satisfaction.current_comment}}");
    add(&server, &all, trigger("Heard", &heard, &[thanks])).await;
    let new = json!({ "requester_id": cleo["id"], "assignee_id": server.agent_id, "email_cc_ids": [dan["id"]] });
    let it = ticket(&server, &all, new).await;
    server.run_jobs().await;
    let path = format!("/api/v2/tickets/{}", id(&it));

    body(server.put(&path, &all, json!({ "ticket": { "status": "solved" } })).await, 200).await;
    let mails = server.mails().await;
    let score = async || get(&server, &path, &all).await["ticket"]["satisfaction_rating"].clone();
    let to = |address: &str| -> Vec<&str> {
        mails.iter().filter(|mail| mail.to == address).map(|mail| mail.text.as_str()).collect()
    };

    let of_cleo = to("cleo.park@shop.test");
    assert_eq!(of_cleo.len(), 2, "our own mail of the survey is not sent besides: {of_cleo:?}");
    assert!(of_cleo.contains(&"Too early: []"), "there was no survey yet: {of_cleo:?}");
    let asked = of_cleo.iter().find(|text| text.starts_with("Rate us.")).expect("the mail that asks");
    let link = asked.lines().nth(1).expect("a link").strip_prefix(&server.base).expect("our address");
    assert!(link.starts_with("/survey/"), "{asked}");
    assert!(asked.contains(&format!("{link}?score=5")) && asked.contains(&format!("{link}?score=1")), "{asked}");
    assert!(to("dan@shop.test").iter().all(|text| !text.contains("/survey/")), "whoever is copied in does not rate");
    assert!(mails.iter().any(|mail| mail.text == "Rated? []"), "nor does staff");
    let told = server.get(&format!("{path}/audits"), &all).await.text().await.expect("a text");
    assert!(!told.contains("/survey/"), "{told}");
    let mut browser = Browser::new(&server);
    for _ in 0..2 {
        assert_eq!(browser.get(&format!("{link}?score=5")).await.status, 200);
        assert_eq!(score().await["score"], "offered");
    }
    let page = browser.get(&format!("{link}?score=5")).await;
    browser.press(&page, "survey-submit", &[("score", "5"), ("body_text", "Quick")]).await;
    assert_eq!(score().await["score"], "good");
    assert!(server.mails().await.iter().any(|mail| mail.text == "Good: Quick"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_goes_by_the_schedule_that_a_trigger_gave_the_ticket() {
    let server = Server::start().await;
    let all = all(&server).await;
    const PATH: &str = "/api/v2/business_hours/schedules";
    let always = made(&server, PATH, &all, "schedule", json!({ "name": "Always", "time_zone": "UTC" })).await;
    let week: Vec<Value> =
        (0..7).map(|day| json!({ "start_time": day * 1_440, "end_time": (day + 1) * 1_440 })).collect();
    let workweek = format!("{PATH}/{}/workweek", id(&always));
    body(server.put(&workweek, &all, json!({ "workweek": { "intervals": week } })).await, 200).await;
    let always = id(&always).to_string();
    let vip = when("current_tags", "includes", "vip");
    add(&server, &all, trigger("VIP", std::slice::from_ref(&vip), &[then("set_schedule", always.clone())])).await;
    let metric =
        json!({ "priority": "high", "metric": "total_resolution_time", "target": 600, "business_hours": true });
    let by_schedule = when("schedule_id", "is", always.clone());
    for (title, filter) in [("Round the clock", json!([by_schedule])), ("Rest", json!([]))] {
        let policy = json!({ "title": title, "filter": { "all": filter, "any": [] }, "policy_metrics": [metric] });
        let policy = made(&server, "/api/v2/slas/policies", &all, "sla_policy", policy).await;
        assert_eq!(policy["filter"]["all"], filter, "as it was written");
    }
    let breach = |tags: Value| {
        let (server, all) = (&server, &all);
        async move {
            let it = ticket(server, all, json!({ "priority": "high", "tags": tags })).await;
            server.run_jobs().await;
            let path = format!("/api/v2/tickets/{}?include=slas", id(&it));
            get(server, &path, all).await["ticket"]["slas"]["policy_metrics"][0]["breach_at"].clone()
        }
    };

    assert_eq!(breach(json!(["vip"])).await, "2026-03-02T19:00:00Z");
    assert_eq!(breach(json!([])).await, "2026-03-03T11:00:00Z");
}

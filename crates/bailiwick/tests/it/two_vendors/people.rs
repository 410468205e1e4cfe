//! People, their roles and addresses, organizations and teams.

use serde_json::{Value, json};

use super::{both, ids};
use crate::zendesk;

// person: staff or customer; ids never overlap

#[tokio::test(flavor = "multi_thread")]
async fn people_are_the_same_people_in_both() {
    let it = both().await;
    let agent = json!({ "user": { "name": "Sam Reed", "email": "sam@demo.test", "role": "agent" } });
    let agent = it.made("/api/v2/users", agent).await;
    let cleo =
        json!({ "user": { "name": "Cleo Park", "email": "cleo@shop.test", "external_id": "c-1", "notes": "Kind" } });
    let cleo = it.made("/api/v2/users", cleo).await;
    let mia = json!({ "name": "Mia Stone", "email": "mia@shop.test", "external_id": "c-2", "note": "Calm", "language": "fr" });
    let mia = it.made("/api/customers", mia).await;
    let lee = json!({ "name": "Lee Wu", "email": "lee@demo.test", "role": { "name": "admin" } });
    let lee = it.made("/api/users", lee).await;

    let told = it.get(&format!("/api/users/{}", agent["id"])).await;
    assert_eq!([&told["name"], &told["email"], &told["role"]["name"]], ["Sam Reed", "sam@demo.test", "basic-agent"]);
    let told = it.get(&format!("/api/customers/{}", cleo["id"])).await;
    assert_eq!([&told["name"], &told["email"], &told["external_id"]], ["Cleo Park", "cleo@shop.test", "c-1"]);
    assert_eq!(told["note"], "Kind");
    let told = it.get(&format!("/api/v2/users/{}", mia["id"])).await["user"].clone();
    assert_eq!([&told["name"], &told["email"], &told["role"]], ["Mia Stone", "mia@shop.test", "end-user"]);
    assert_eq!([&told["external_id"], &told["notes"], &told["locale"]], ["c-2", "Calm", "fr"]);
    let told = it.get(&format!("/api/v2/users/{}", lee["id"])).await["user"].clone();
    assert_eq!([&told["name"], &told["role"]], ["Lee Wu", "admin"]);
    // Staff are no customers, and customers no staff.
    assert_eq!(it.status(&format!("/api/customers/{}", agent["id"])).await, 404);
    assert_eq!(it.status(&format!("/api/users/{}", mia["id"])).await, 404);
    let mut all = [&agent, &cleo, &mia, &lee].map(zendesk::id);
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
}

// role

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_the_nearest_one_in_the_other() {
    let it = both().await;
    for (theirs, role, custom) in [
        ("admin", "admin", 1),
        ("agent", "agent", 2),
        ("basic-agent", "agent", 3),
        ("lite-agent", "agent", 4),
        ("observer-agent", "agent", 5),
    ] {
        let new = json!({ "name": theirs, "email": format!("{theirs}.new@demo.test"), "role": { "name": theirs } });
        let made = it.made("/api/users", new).await;
        let told = it.get(&format!("/api/v2/users/{}", made["id"])).await["user"].clone();
        assert_eq!([&told["role"], &told["custom_role_id"]], [&json!(role), &json!(custom)], "{theirs}");
        // What it is there already changes nothing here.
        it.put(&format!("/api/v2/users/{}", made["id"]), json!({ "user": { "role": role } })).await;
        assert_eq!(it.get(&format!("/api/users/{}", made["id"])).await["role"]["name"], made["role"]["name"]);
    }
}

// address

#[tokio::test(flavor = "multi_thread")]
async fn channels_of_a_customer_are_identities() {
    let it = both().await;
    let new = json!({
        "name": "Mia", "channels": [
            { "type": "email", "address": "mia@shop.test", "preferred": true }, { "type": "phone", "address": "+49301234567" },
        ],
    });
    let mia = it.made("/api/customers", new).await;
    let path = format!("/api/v2/users/{}/identities", mia["id"]);

    let identities = it.get(&path).await["identities"].clone();
    let second = json!({ "identity": { "type": "email", "value": "second@shop.test" } });
    let second = it.made(&path, second).await;
    let channels = it.get(&format!("/api/customers/{}", mia["id"])).await["channels"].clone();

    let pairs = |list: &Value, kind: &str, value: &str| -> Vec<(String, String)> {
        let text = |it: &Value, name: &str| it[name].as_str().expect("a text").to_owned();
        list.as_array().expect("a list").iter().map(|it| (text(it, kind), text(it, value))).collect()
    };
    let pair = |kind: &str, value: &str| (kind.to_owned(), value.to_owned());
    let there = pairs(&identities, "type", "value");
    assert!(
        there.contains(&pair("email", "mia@shop.test")) && there.contains(&pair("phone_number", "+49301234567")),
        "{there:?}"
    );
    assert!(pairs(&channels, "type", "address").contains(&pair("email", "second@shop.test")), "{channels}");
    assert_eq!(second["primary"], false);
}

// organization, membership

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_a_member_belongs_to_their_organization_whoever_writes_it() {
    let it = both().await;
    let shop = it
        .made("/api/v2/organizations", json!({ "organization": { "name": "Shop", "domain_names": ["shop.test"] } }))
        .await;

    let ticket = it.by_gorgias(json!({})).await;

    assert_eq!(it.in_zendesk(ticket).await["organization_id"], shop["id"]);
    let listed = it.get(&format!("/api/v2/organizations/{}/tickets", shop["id"])).await;
    assert_eq!(ids(&listed["tickets"]), [ticket]);
    // A new customer of it there takes the ticket along.
    let lee = it.made("/api/customers", json!({ "name": "Lee", "email": "lee@else.test" })).await;
    it.change_in_gorgias(ticket, json!({ "customer": { "id": lee["id"] } })).await;
    let told = it.in_zendesk(ticket).await;
    assert_eq!([&told["requester_id"], &told["organization_id"]], [&lee["id"], &Value::Null]);
}

// team, membership

#[tokio::test(flavor = "multi_thread")]
async fn teams_are_groups_and_assign_the_same() {
    let it = both().await;
    let team = json!({ "name": "Returns", "members": [{ "id": it.server.agent_id }] });
    let team = it.made("/api/teams", team).await;
    let group = it.made("/api/v2/groups", json!({ "group": { "name": "First line" } })).await;
    let joined = json!({ "group_membership": { "user_id": it.server.agent_id, "group_id": group["id"] } });
    it.made("/api/v2/group_memberships", joined).await;

    let told = it.get(&format!("/api/v2/groups/{}/users", team["id"])).await;
    assert_eq!(ids(&told["users"]), [it.server.agent_id]);
    let told = it.get(&format!("/api/teams/{}", group["id"])).await;
    assert_eq!([&told["name"], &told["members"][0]["id"]], [&json!("First line"), &json!(it.server.agent_id)]);
    let ticket = it
        .by_gorgias(json!({ "assignee_team": { "id": team["id"] }, "assignee_user": { "id": it.server.agent_id } }))
        .await;
    let told = it.in_zendesk(ticket).await;
    assert_eq!([&told["group_id"], &told["assignee_id"]], [&team["id"], &json!(it.server.agent_id)]);
    it.change_in_zendesk(ticket, json!({ "group_id": group["id"], "assignee_id": it.server.admin_id })).await;
    let told = it.in_gorgias(ticket).await;
    assert_eq!(
        [&told["assignee_team"]["id"], &told["assignee_user"]["id"]],
        [&group["id"], &json!(it.server.admin_id)]
    );
    it.change_in_gorgias(ticket, json!({ "assignee_team": null, "assignee_user": null })).await;
    let told = it.in_zendesk(ticket).await;
    assert_eq!([&told["group_id"], &told["assignee_id"]], [&Value::Null, &Value::Null]);
}

//! `/api/v2/custom_roles`: our roles of staff, in the vendor's words (Zendesk contract, `resources.custom_roles`). Some come with the program:
//! what each may do is the role's ceiling, which is what the guards go by. Others the account makes: each is a lead, less what its switches
//! do not allow. A switch without a permission of ours is kept and told.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::custom_roles::{self, CustomRole, Draft};
use helpdesk::{account, users};
use jiff::Timestamp;
use scope::permission::{Permission, Permissions};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Kind, Users};
use scope::role::Role;
use serde_json::{Value, json};
use store::transact;

use crate::Id;
use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/custom_roles", list)
        .post("/api/v2/custom_roles", create)
        .get("/api/v2/custom_roles/{custom_role_id}", show)
        .put("/api/v2/custom_roles/{custom_role_id}", update)
        .delete("/api/v2/custom_roles/{custom_role_id}", delete)
}

/// One that comes with the program, and the roles of ours that it stands for: the first is shown.
struct Known {
    id: i64,
    name: &'static str,
    description: &'static str,
    /// 0 custom, 1 light agent, 4 admin.
    kind: i64,
    roles: &'static [Role],
}

const ROLES: &[Known] = &[
    Known {
        id: 1,
        name: "Administrator",
        description: "May do everything.",
        kind: 4,
        roles: &[Role::Admin, Role::Owner, Role::Bot],
    },
    Known {
        id: 2,
        name: "Lead",
        description: "Everything except people's roles and apps.",
        kind: 0,
        roles: &[Role::Lead, Role::Internal],
    },
    Known {
        id: 3,
        name: "Agent",
        description: "Tickets, customers and the use of macros; no settings.",
        kind: 0,
        roles: &[Role::Agent],
    },
    Known { id: 4, name: "Lite agent", description: "Tickets and customers only.", kind: 0, roles: &[Role::Lite] },
    Known {
        id: 5,
        name: "Observer",
        description: "Reads everything that an agent reads, and changes nothing.",
        kind: 1,
        roles: &[Role::Observer],
    },
];

/// The account's own have ids above this.
const OWN_IDS: i64 = 100;

/// The id of what stands for a role; none of customers.
pub(crate) fn id_of(role: Role, own: Option<i64>) -> Option<i64> {
    match own {
        Some(own) => Some(OWN_IDS + own),
        None => ROLES.iter().find(|known| known.roles.contains(&role)).map(|known| known.id),
    }
}

/// What an id stands for.
pub(crate) enum Meaning {
    Roles(&'static [Role]),
    /// One of the account's own, by our id.
    OwnRole(i64),
}

pub(crate) fn meaning(id: i64) -> Option<Meaning> {
    if OWN_IDS < id {
        return Some(Meaning::OwnRole(id - OWN_IDS));
    }
    ROLES.iter().find(|known| known.id == id).map(|known| Meaning::Roles(known.roles))
}

/// `GET /api/v2/custom_roles`: all at once.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Users>>) -> Answer {
    let mut tx = app.db.read().await?;
    let (counts, made_at) = (users::count_by_role(&mut tx, &may).await?, account::made_at(&mut tx).await?);
    let own = custom_roles::list(&mut tx, &may).await?;
    let mut views: Vec<Value> = ROLES.iter().map(|role| known_view(role, (&counts, &own), made_at)).collect();
    views.extend(own.iter().map(view));
    Ok(Reply::ok(Value::Object(page::whole("custom_roles", views))))
}

/// `GET /api/v2/custom_roles/{custom_role_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Users>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    if let Some(Meaning::OwnRole(own)) = meaning(id) {
        return Ok(Reply::one("custom_role", view(&custom_roles::find(&mut tx, &may, own).await?)));
    }
    let role = ROLES.iter().find(|role| role.id == id).ok_or_else(ZendeskError::not_found)?;
    let (counts, made_at) = (users::count_by_role(&mut tx, &may).await?, account::made_at(&mut tx).await?);
    let own = custom_roles::list(&mut tx, &may).await?;
    Ok(Reply::one("custom_role", known_view(role, (&counts, &own), made_at)))
}

/// `POST /api/v2/custom_roles`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Users>>, body: Body) -> Answer {
    let mut fields = body.record("custom_role")?;
    fields.require("name");
    let draft = read(&mut fields, ("", "", &configuration(Role::Agent)));
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        Reply::created("custom_role", view(&custom_roles::create(tx, &may, now, &draft).await?))
    })
}

/// `PUT /api/v2/custom_roles/{custom_role_id}`: switches that are not sent stay.
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Users>>, Id(id): Id, body: Body) -> Answer {
    let id = own(id)?;
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        let before = custom_roles::written(tx, &may, id).await?;
        let mut fields = body.record("custom_role")?;
        let draft = read(&mut fields, (&before.name, &before.description, &before.configuration));
        fields.finish()?;
        Ok::<_, ZendeskError>(custom_roles::update(tx, &may, now, id, &draft).await?)
    })?;
    // What it allows counts from the next call on of all who hold it (RS-6).
    app.provider.forget_all();
    Ok(Reply::one("custom_role", view(&changed)))
}

/// `DELETE /api/v2/custom_roles/{custom_role_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Users>>, Id(id): Id) -> Answer {
    let id = own(id)?;
    let now = app.clock.now();
    transact!(app.db, |tx| custom_roles::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// Our id of one of the account's own. The others cannot be changed.
fn own(id: i64) -> Result<i64, ZendeskError> {
    match meaning(id) {
        Some(Meaning::OwnRole(own)) => Ok(own),
        Some(Meaning::Roles(_)) => {
            Err(ZendeskError::invalid("base", "This role comes with the helpdesk and cannot be changed."))
        }
        None => Err(ZendeskError::not_found()),
    }
}

/// What was sent, over what is there.
fn read(fields: &mut Fields, (name, description, switches): (&str, &str, &Value)) -> Draft {
    fields.pass(&["created_at", "id", "role_type", "team_member_count", "updated_at"]);
    let mut switches = switches.clone();
    let usual = configuration(Role::Agent);
    fields.nested("configuration", |sent| {
        for (key, usual) in usual.as_object().into_iter().flatten() {
            if READ_ONLY.contains(&key.as_str()) {
                sent.pass(&[key.as_str()]);
                continue;
            }
            let value = match usual {
                Value::Bool(_) => sent.flag(key).map(Value::Bool),
                Value::Object(_) => sent.object(key).flatten(),
                _ => {
                    let words =
                        WORDS.iter().find(|(known, _)| known == key).map_or(&[] as &[&str], |(_, words)| *words);
                    sent.word(key, words).flatten().map(Value::from)
                }
            };
            if let Some(value) = value {
                switches[key.as_str()] = value;
            }
        }
    });
    Draft {
        name: fields.some_text("name", custom_roles::NAME_MAX_CHARS).unwrap_or_else(|| name.to_owned()),
        description: fields
            .text("description", custom_roles::DESCRIPTION_MAX_CHARS)
            .map_or_else(|| description.to_owned(), Option::unwrap_or_default),
        allowed: allowed(&switches),
        configuration: switches,
    }
}

/// Switches that nobody sets.
const READ_ONLY: &[&str] = &["chat_access", "group_access", "organization_notes_editing"];

/// Words of the switches that are no flags.
const WORDS: &[(&str, &[&str])] = &[
    ("end_user_list_access", &["full", "none"]),
    ("end_user_profile_access", &["edit", "edit-within-org", "full", "readonly"]),
    ("explore_access", &["edit", "full", "none", "readonly"]),
    ("forum_access", &["edit-topics", "full", "readonly"]),
    ("macro_access", &["full", "manage-group", "manage-personal", "readonly"]),
    ("manage_roles", &["all-except-self", "none"]),
    ("manage_team_members", &["all-with-self-restriction", "readonly", "none"]),
    ("report_access", &["full", "none", "readonly"]),
    (
        "ticket_access",
        &["all", "assigned-only", "within-groups", "within-groups-and-public-groups", "within-organization"],
    ),
    ("ticket_comment_access", &["public", "none"]),
    ("user_view_access", &["full", "manage-group", "manage-personal", "none", "readonly"]),
    ("view_access", &["full", "manage-group", "manage-personal", "playonly", "readonly"]),
];

/// What switches allow, as far as permissions of ours can say it: an agent's, more and less.
fn allowed(switches: &Value) -> Permissions {
    let on = |names: &[&str]| names.iter().any(|name| switches[*name] == true);
    let is = |name: &str, words: &[&str]| switches[name].as_str().is_some_and(|word| words.contains(&word));
    let written: &[(bool, &[Kind])] = &[
        (on(&["ticket_editing"]), &[Kind::Tickets, Kind::Requests]),
        (on(&["ticket_tag_editing"]), &[Kind::Tags]),
        (is("end_user_profile_access", &["edit", "edit-within-org", "full"]), &[Kind::Customers]),
        (on(&["organization_editing", "manage_organizations"]), &[Kind::Organizations]),
        (is("macro_access", &["full"]), &[Kind::Macros]),
        (is("view_access", &["full", "manage-group", "manage-personal"]), &[Kind::Views]),
        (is("forum_access", &["full", "edit-topics"]), &[Kind::HelpCenter]),
        (on(&["manage_business_rules"]), &[Kind::Rules, Kind::Triggers, Kind::Automations]),
        (on(&["manage_business_rules", "manage_triggers"]), &[Kind::Triggers]),
        (on(&["manage_business_rules", "manage_automations"]), &[Kind::Automations]),
        (on(&["manage_dynamic_content"]), &[Kind::DynamicContent]),
        (
            on(&["manage_extensions_and_channels"]),
            &[Kind::Channels, Kind::Integrations, Kind::Webhooks, Kind::Targets, Kind::Widgets, Kind::WebWidget],
        ),
        (on(&["manage_groups", "manage_group_memberships"]), &[Kind::Teams]),
        (
            on(&["manage_ticket_fields", "manage_ticket_forms", "manage_user_fields", "manage_organization_fields"]),
            &[Kind::CustomFields],
        ),
        (on(&["manage_slas"]), &[Kind::SlaPolicies]),
        (on(&["voice_access"]), &[Kind::VoiceCalls]),
    ];
    let mut allowed = users::most_of(Role::Agent);
    for (_, kinds) in written {
        allowed = allowed.without(Permissions::writing(kinds));
    }
    for (_, kinds) in written.iter().filter(|(on, _)| *on) {
        allowed = allowed.union(Permissions::writing(kinds));
    }
    if is("report_access", &["none"]) {
        allowed = allowed.without(Permissions::reading(&[Kind::Statistics]));
    }
    if is("end_user_list_access", &["none"]) && is("end_user_profile_access", &["readonly"]) {
        allowed = allowed.without(Permissions::reading(&[Kind::Customers]));
    }
    allowed
}

fn view(role: &CustomRole) -> Value {
    json!({
        "id": OWN_IDS + role.id,
        "name": role.name,
        "description": role.description,
        "role_type": 0,
        "team_member_count": role.n_members,
        "configuration": role.configuration,
        "created_at": format(role.created_at),
        "updated_at": format(role.updated_at),
    })
}

fn known_view(known: &Known, (counts, own): (&[(Role, i64)], &[CustomRole]), made_at: Timestamp) -> Value {
    let members: i64 = counts.iter().filter(|(role, _)| known.roles.contains(role)).map(|(_, n)| n).sum();
    // Who holds one of the account's own has its role besides.
    let others: i64 = own.iter().filter(|own| known.roles.contains(&own.role)).map(|own| own.n_members).sum();
    json!({
        "id": known.id,
        "name": known.name,
        "description": known.description,
        "role_type": known.kind,
        "team_member_count": members - others,
        "configuration": configuration(known.roles[0]),
        "created_at": format(made_at),
        "updated_at": format(made_at),
    })
}

/// What the role's ceiling comes to in the vendor's switches.
fn configuration(role: Role) -> Value {
    let ceiling = users::most_of(role);
    let reads = |kind| ceiling.contains(Permission::read(kind));
    let writes = |kind| ceiling.contains(Permission::write(kind));
    let word = |kind, most: &'static str| {
        if writes(kind) {
            most
        } else if reads(kind) {
            "readonly"
        } else {
            "none"
        }
    };
    let report_access = word(Kind::Statistics, "full");
    json!({
        "assign_tickets_to_any_brand": writes(Kind::Tickets),
        "assign_tickets_to_any_group": writes(Kind::Tickets),
        "chat_access": writes(Kind::Tickets),
        "custom_objects": {},
        "end_user_list_access": if reads(Kind::Customers) { "full" } else { "none" },
        "end_user_profile_access": if writes(Kind::Customers) { "full" } else { "readonly" },
        "explore_access": report_access,
        "explore_reports": {},
        "forum_access": if writes(Kind::HelpCenterStructure) { "full" } else { "readonly" },
        "group_access": writes(Kind::Tickets),
        "macro_access": if writes(Kind::Macros) { "full" } else { "readonly" },
        "manage_automations": writes(Kind::Automations),
        "manage_business_rules": writes(Kind::Rules),
        "manage_contextual_workspaces": false,
        "manage_dynamic_content": writes(Kind::DynamicContent),
        "manage_extensions_and_channels": writes(Kind::Channels),
        "manage_facebook": false,
        "manage_group_memberships": writes(Kind::Teams),
        "manage_groups": writes(Kind::Teams),
        "manage_organization_fields": writes(Kind::CustomFields),
        "manage_organizations": writes(Kind::Organizations),
        "manage_roles": "none",
        "manage_skills": false,
        "manage_slas": writes(Kind::SlaPolicies),
        "manage_suspended_tickets": writes(Kind::Tickets),
        "manage_team_members": word(Kind::Users, "all-with-self-restriction"),
        "manage_ticket_fields": writes(Kind::CustomFields),
        "manage_ticket_forms": writes(Kind::CustomFields),
        "manage_triggers": writes(Kind::Triggers),
        "manage_user_fields": writes(Kind::CustomFields),
        "organization_editing": writes(Kind::Organizations),
        "organization_notes_editing": writes(Kind::Organizations),
        "report_access": report_access,
        "side_conversation_create": false,
        "ticket_access": "all",
        "ticket_comment_access": if writes(Kind::Tickets) { "public" } else { "none" },
        "ticket_deletion": writes(Kind::Tickets),
        "ticket_editing": writes(Kind::Tickets),
        "ticket_merge": writes(Kind::Tickets),
        "ticket_redaction": writes(Kind::Tickets),
        "ticket_tag_editing": writes(Kind::Tickets),
        "user_view_access": word(Kind::Views, "full"),
        "view_access": if writes(Kind::Views) { "full" } else { "readonly" },
        "view_deleted_tickets": reads(Kind::Tickets),
        "voice_access": writes(Kind::VoiceCalls),
        "voice_dashboard_access": reads(Kind::VoiceCalls),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_of_staff_is_one_of_them_and_customers_have_none() {
        for role in Role::ALL {
            assert_eq!(id_of(*role, None).is_some(), role.is_staff(), "{role:?}");
        }
        assert_eq!(configuration(Role::Admin)["manage_slas"], true);
        assert_eq!(configuration(Role::Agent)["manage_slas"], false);
        assert_eq!(configuration(Role::Observer)["ticket_editing"], false);
        assert_eq!(configuration(Role::Lite)["report_access"], "none");
    }

    #[test]
    fn switches_come_to_permissions_and_never_beyond_a_lead() {
        let usual = configuration(Role::Agent);
        let with = |key: &str, value: Value| {
            let mut switches = usual.clone();
            switches[key] = value;
            allowed(&switches)
        };

        assert_eq!(allowed(&usual).without(users::most_of(Role::Agent)), Permissions::NONE);
        assert!(with("manage_slas", json!(true)).contains(Permission::write(Kind::SlaPolicies)));
        assert!(!with("ticket_editing", json!(false)).contains(Permission::write(Kind::Tickets)));
        assert!(with("macro_access", json!("full")).contains(Permission::write(Kind::Macros)));
        assert!(!with("report_access", json!("none")).contains(Permission::read(Kind::Statistics)));
        let everything = configuration(Role::Admin);
        assert!(users::most_of(Role::Lead).contains_all(allowed(&everything)));
        for (key, words) in WORDS {
            assert!(words.contains(&usual[*key].as_str().unwrap()) || READ_ONLY.contains(key), "{key}");
        }
    }
}

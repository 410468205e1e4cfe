//! `/api/v2/custom_roles`: our roles of staff, in the vendor's words (Zendesk contract, `resources.custom_roles`). They come with the program:
//! what each may do is the role's ceiling, which is what the guards go by.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::{account, users};
use jiff::Timestamp;
use scope::permission::Permission;
use scope::permit::CanRead;
use scope::resource::{Kind, Users};
use scope::role::Role;
use serde_json::{Value, json};

use crate::Id;
use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::page;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes.get("/api/v2/custom_roles", list).get("/api/v2/custom_roles/{custom_role_id}", show)
}

/// One of them, and the roles of ours that it stands for: the first is shown.
struct CustomRole {
    id: i64,
    name: &'static str,
    description: &'static str,
    /// 0 custom, 1 light agent, 4 admin.
    kind: i64,
    roles: &'static [Role],
}

const ROLES: &[CustomRole] = &[
    CustomRole {
        id: 1,
        name: "Administrator",
        description: "May do everything.",
        kind: 4,
        roles: &[Role::Admin, Role::Owner, Role::Bot],
    },
    CustomRole {
        id: 2,
        name: "Lead",
        description: "Everything except people's roles and apps.",
        kind: 0,
        roles: &[Role::Lead, Role::Internal],
    },
    CustomRole {
        id: 3,
        name: "Agent",
        description: "Tickets, customers and the use of macros; no settings.",
        kind: 0,
        roles: &[Role::Agent],
    },
    CustomRole { id: 4, name: "Lite agent", description: "Tickets and customers only.", kind: 0, roles: &[Role::Lite] },
    CustomRole {
        id: 5,
        name: "Observer",
        description: "Reads everything that an agent reads, and changes nothing.",
        kind: 1,
        roles: &[Role::Observer],
    },
];

/// The id of what stands for a role of ours; none of customers.
pub(crate) fn id_of(role: Role) -> Option<i64> {
    ROLES.iter().find(|custom| custom.roles.contains(&role)).map(|custom| custom.id)
}

/// `GET /api/v2/custom_roles`: all at once.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Users>>) -> Answer {
    let mut tx = app.db.read().await?;
    let (counts, made_at) = (users::count_by_role(&mut tx, &may).await?, account::made_at(&mut tx).await?);
    let views = ROLES.iter().map(|role| view(role, &counts, made_at)).collect();
    Ok(Reply::ok(Value::Object(page::whole("custom_roles", views))))
}

/// `GET /api/v2/custom_roles/{custom_role_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Users>>, Id(id): Id) -> Answer {
    let role = ROLES.iter().find(|role| role.id == id).ok_or_else(ZendeskError::not_found)?;
    let mut tx = app.db.read().await?;
    let (counts, made_at) = (users::count_by_role(&mut tx, &may).await?, account::made_at(&mut tx).await?);
    Ok(Reply::one("custom_role", view(role, &counts, made_at)))
}

fn view(custom: &CustomRole, counts: &[(Role, i64)], made_at: Timestamp) -> Value {
    let members: i64 = counts.iter().filter(|(role, _)| custom.roles.contains(role)).map(|(_, n)| n).sum();
    json!({
        "id": custom.id,
        "name": custom.name,
        "description": custom.description,
        "role_type": custom.kind,
        "team_member_count": members,
        "configuration": configuration(custom.roles[0]),
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
            assert_eq!(id_of(*role).is_some(), role.is_staff(), "{role:?}");
        }
        assert_eq!(configuration(Role::Admin)["manage_slas"], true);
        assert_eq!(configuration(Role::Agent)["manage_slas"], false);
        assert_eq!(configuration(Role::Observer)["ticket_editing"], false);
        assert_eq!(configuration(Role::Lite)["report_access"], "none");
    }
}

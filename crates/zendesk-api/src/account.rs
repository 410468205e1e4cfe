//! `/api/v2/account` (Zendesk contract, `resources.account`): the settings that say something true of this server. Two of them can be changed
//! here; what is sent as it is shown passes, so that clients may send back the whole.

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, May, Routes};
use helpdesk::satisfaction_surveys::sending;
use helpdesk::tickets::anonymous;
use helpdesk::{account, brands, files};
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Accounts};
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::locales;
use crate::query::Params;

pub fn routes(routes: Routes) -> Routes {
    routes
        .open(MethodFilter::GET, "/api/v2/account/resolve", resolve, "tells what the sign-in page shows everybody")
        .get("/api/v2/account/settings", show)
        .put("/api/v2/account/settings", update)
}

/// On which channels customers are asked how it was.
const SURVEY_CHANNELS: [&str; 4] =
    ["send_survey_for_chat", "send_survey_for_contact_form", "send_survey_for_email", "send_survey_for_help_center"];
/// Those that are switched on together.
const SURVEY_BY_MAIL: [&str; 2] = ["send_survey_for_contact_form", "send_survey_for_email"];

/// `GET /api/v2/account/resolve`: whose server this is.
pub async fn resolve(State(app): State<App>, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let name = account::name(&mut tx).await?.ok_or_else(ZendeskError::not_found)?;
    Ok(Reply::one("account", json!({ "name": name, "url": params.site.0 })))
}

/// `GET /api/v2/account/settings`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Accounts>>) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::one("settings", settings(&mut tx, &may).await?))
}

/// `PUT /api/v2/account/settings`
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Accounts>>, body: Body) -> Answer {
    let Some(sent) = body.value["settings"].as_object() else {
        return Err(ZendeskError::bad_request("settings must be an object."));
    };
    let now = app.clock.now();
    let shown = transact!(app.db, |tx| {
        let shown = settings(tx, &may).await?;
        let wanted = wanted(sent, &shown)?;
        if let Some(allowed) = wanted.anonymous_requests {
            anonymous::allow(tx, &may, now, allowed).await?;
        }
        if let Some(on) = wanted.surveys {
            account::change_setting(tx, &may, now, sending::SETTING, |data| {
                let channels: &[&str] = if on { &SURVEY_BY_MAIL } else { &SURVEY_CHANNELS };
                for channel in channels {
                    data[*channel] = json!(on);
                }
            })
            .await?;
        }
        settings(tx, &may).await
    })?;
    Ok(Reply::one("settings", shown))
}

/// What is to change.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    /// Whether customers are asked how it was.
    surveys: Option<bool>,
    /// Whether anybody may write a request.
    anonymous_requests: Option<bool>,
}

/// Anything else that differs is a problem.
fn wanted(sent: &Map<String, Value>, shown: &Value) -> Result<Wanted, ZendeskError> {
    let mut wanted = Wanted::default();
    let mut fields = Fields::of_row(&Value::Object(sent.clone()));
    for (group, values) in sent {
        let Some(values) = values.as_object() else {
            fields.problem(group, "is not an object");
            continue;
        };
        for (key, value) in values {
            match (group.as_str(), key.as_str(), value) {
                _ if shown[group].get(key) == Some(value) => {}
                ("active_features", "customer_satisfaction", Value::Bool(asks)) => wanted.surveys = Some(*asks),
                ("tickets", "anonymous_requests", Value::Bool(allowed)) => wanted.anonymous_requests = Some(*allowed),
                _ => fields.problem(group, format!("{key} cannot be changed here")),
            }
        }
    }
    fields.finish()?;
    Ok(wanted)
}

async fn settings<A: Access>(tx: &mut Tx, may: &Permit<Accounts, A>) -> Result<Value, ZendeskError> {
    let surveys = account::setting(tx, may, sending::SETTING).await?;
    let asks = SURVEY_CHANNELS.iter().any(|channel| surveys[*channel] == true);
    let anonymous_requests = anonymous::are_allowed(tx).await?;
    let default_brand_id = brands::default_id(tx).await?;
    Ok(json!({
        "active_features": {
            "agent_workspace": true,
            "allow_ccs": true,
            "allow_email_template_customization": false,
            "automatic_answers": false,
            "bcc_archiving": false,
            "benchmark_opt_out": true,
            "business_hours": true,
            "chat": false,
            "csat_reason_code": false,
            "customer_context_as_default": false,
            "customer_satisfaction": asks,
            "dynamic_contents": true,
            "explore": false,
            "facebook": false,
            "fallback_composer": false,
            "forum_analytics": false,
            "good_data_and_explore": false,
            "google_login": false,
            "insights": false,
            "is_abusive": false,
            "light_agents": true,
            "markdown": false,
            "on_hold_status": true,
            "organization_access_enabled": false,
            "rich_content_in_emails": true,
            "sandbox": false,
            "satisfaction_prediction": false,
            "suspended_ticket_notification": false,
            "ticket_forms": true,
            "ticket_tagging": true,
            "topic_suggestion": false,
            "twitter": false,
            "user_org_fields": true,
            "user_tagging": true,
            "voice": false,
        },
        "agents": { "agent_home": false, "agent_workspace": true, "aw_self_serve_migration_enabled": false, "focus_mode": false },
        "api": { "accepted_api_agreement": true, "api_password_access": "false", "api_token_access": "true" },
        "apps": { "create_private": true, "create_public": false, "use": true },
        "brands": { "default_brand_id": default_brand_id, "require_brand_on_new_tickets": false },
        "chat": { "available": false, "enabled": false, "integrated": false, "maximum_request_count": 0, "welcome_message": "" },
        "groups": { "check_group_name_uniqueness": true },
        "limits": { "attachment_size": files::SIZE_MAX_BYTES },
        "localization": { "locale_ids": locales::ids() },
        "rule": { "macro_most_used": true, "macro_order": "alphabetical", "skill_based_filtered_views": [], "using_skill_based_routing": false },
        "side_conversations": { "email_channel": false, "msteams_channel": false, "show_in_context_panel": false, "slack_channel": false, "tickets_channel": false },
        "statistics": { "forum": false, "rule_usage": true, "search": false },
        "ticket_form": { "raw_ticket_forms_instructions": "", "ticket_forms_instructions": "" },
        "tickets": {
            "accepted_new_collaboration_tos": true,
            "agent_collision": true,
            "agent_ticket_deletion": true,
            "allow_group_reset": true,
            "anonymous_requests": anonymous_requests,
            "assign_default_organization": true,
            "assign_tickets_upon_solve": false,
            "auto_translation_enabled": false,
            "collaboration": true,
            "comments_public_by_default": true,
            "custom_statuses_enabled": true,
            "email_attachments": true,
            "emoji_autocompletion": true,
            "follower_and_email_cc_collaborations": true,
            "has_color_text": false,
            "is_first_comment_private_enabled": true,
            "light_agent_email_ccs_allowed": false,
            "list_empty_views": true,
            "list_newest_comments_first": false,
            "markdown_ticket_comments": false,
            "modern_ticket_reassignment": false,
            "private_attachments": true,
            "rich_text_comments": true,
            "show_modern_ticket_reassignment": false,
            "status_hold": true,
            "tagging": true,
            "using_skill_based_routing": false,
        },
        "user": {
            "agent_created_welcome_emails": false,
            "end_user_phone_number_validation": false,
            "have_gravatars_enabled": false,
            "language_selection": true,
            "multiple_organizations": true,
            "tagging": true,
            "time_zone_selection": true,
        },
        "voice": { "agent_confirmation_when_forwarding": false, "agent_wrap_up_after_calls": false, "enabled": false, "logging": false, "maximum_queue_size": 0, "maximum_queue_wait_time": 0, "only_during_business_hours": false, "outbound_enabled": false, "recordings_public": false, "uk_mobile_forwarding": false },
    }))
}

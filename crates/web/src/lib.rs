//! Pages: everything a person sees in a browser. One file a page, named like its address.
//!
//! Rendered here and complete without a script; scripts only save a few clicks. Decides nothing itself: what may be done is proven by
//! `BySession`, what an app gets is decided by `oauth`. `pages.rs` says how a page leaves, `visitor.rs` who asks and whether a form is
//! ours, `errors.rs` what is shown instead.

use axum::http::StatusCode;
use axum::routing::MethodFilter;
use endpoint::{Routes, Surface, Target, Why};
use scope::Dialect;

mod account;
mod admin;
mod assets;
mod authorize;
mod choose;
mod confirm;
mod consent;
mod demo_mail;
mod demo_webhooks;
mod device;
mod end_session;
mod errors;
mod form;
mod home;
mod login;
mod login_factor;
mod logos;
mod logout;
mod mailed;
mod me;
mod my_apps;
mod pages;
mod passkey;
mod reach;
mod rooms;
mod scopes;
mod setup;
mod survey;
mod text;
mod upstream;
mod visitor;
mod when;

pub use errors::PAGES;

#[cfg(test)]
mod samples;

const SURFACE: Surface = Surface { dialect: Dialect::Standard, target: Target::Api, refusal, trailing_slash: false };

/// Guarded pages answer with pages; this is for the type's sake.
fn refusal(status: StatusCode, why: &Why) -> serde_json::Value {
    let message = why.to_string();
    serde_json::json!({ "error": status.as_u16(), "error_description": message })
}

const SIGNING_IN: &str = "for people who are not signed in yet";
const OWN: &str = "about the signed-in person only; the handler asks for the session";
const BY_LINK: &str = "opened by a one-time link in a mail";
const BY_SURVEY: &str = "opened by the signed link in a survey's mail";
const ASKING: &str = "the OAuth authorization endpoint: its checks are the provider's";

const LEAVING: &str = "the OpenID end session endpoint: its checks are the provider's";

/// The pages with their addresses.
pub fn routes() -> Routes {
    let get = MethodFilter::GET;
    let post = MethodFilter::POST;
    Routes::new(SURFACE)
        .open(get, "/", home::show, SIGNING_IN)
        .open(get, "/assets/{file}", assets::show, "the stylesheet and scripts of all pages")
        .open(get, "/logos/{id}", logos::show, "pictures that apps show to everybody")
        .open(get, "/favicon.ico", assets::favicon, "asked for by browsers without being told to")
        .open(get, "/setup", setup::show, "opened by the one-time link")
        .open(post, "/setup", setup::create, "opened by the one-time link")
        .open(get, "/login", login::show, SIGNING_IN)
        .open(post, "/login", login::sign_in, SIGNING_IN)
        .open(get, "/login/factor", login_factor::show, SIGNING_IN)
        .open(post, "/login/factor", login_factor::show_code, SIGNING_IN)
        .open(post, "/login/factor/passkey", login_factor::ask_for_passkey, SIGNING_IN)
        .open(post, "/login/factor/passkey/finish", login_factor::show_passkey, SIGNING_IN)
        .open(get, "/login/more", login_factor::more, OWN)
        .open(post, "/login/passkey", passkey::begin, SIGNING_IN)
        .open(post, "/login/passkey/options", passkey::options, SIGNING_IN)
        .open(post, "/login/passkey/finish", passkey::finish, SIGNING_IN)
        .open(get, "/login/resume", login_factor::resume, ASKING)
        .open(get, "/forgot", mailed::forgot, SIGNING_IN)
        .open(post, "/forgot", mailed::request_reset, SIGNING_IN)
        .open(get, "/reset", mailed::reset, BY_LINK)
        .open(post, "/reset", mailed::choose_password, BY_LINK)
        .open(get, "/verify", mailed::verify, BY_LINK)
        .open(post, "/verify", mailed::confirm_address, BY_LINK)
        .open(get, "/sign-up", mailed::sign_up, SIGNING_IN)
        .open(post, "/sign-up", mailed::request_sign_up, SIGNING_IN)
        .open(get, "/survey/{token}", survey::show, BY_SURVEY)
        .open(post, "/survey/{token}", survey::answer, BY_SURVEY)
        .open(get, "/demo/mail", demo_mail::show, "the demo's own mails; exists nowhere else")
        .open(get, "/demo/webhooks", demo_webhooks::show, "calls to the demo itself; exists nowhere else")
        .open(post, "/demo/webhooks/{name}", demo_webhooks::receive, "calls to the demo itself; exists nowhere else")
        .open(get, "/me/security", me::security::show, OWN)
        .open(post, "/me/security/password", me::security::change_password, OWN)
        .open(post, "/me/security/email", me::security::verify_address, OWN)
        .open(post, "/me/security/sessions/end", me::security::end_sessions, OWN)
        .open(post, "/me/security/sessions/{id}/end", me::security::end_session, OWN)
        .open(get, "/me/security/totp", me::factors::show_totp, OWN)
        .open(post, "/me/security/totp", me::factors::confirm_totp, OWN)
        .open(post, "/me/security/links/{id}/remove", me::security::remove_link, OWN)
        .open(post, "/me/security/totp/new", me::factors::begin_totp, OWN)
        .open(post, "/me/security/totp/remove", me::factors::remove_totp, OWN)
        .open(post, "/me/security/recovery-codes", me::factors::make_codes, OWN)
        .open(post, "/me/security/passkeys", me::factors::finish_passkey, OWN)
        .open(post, "/me/security/passkeys/new", me::factors::begin_passkey, OWN)
        .open(post, "/me/security/passkeys/{id}/remove", me::factors::remove_passkey, OWN)
        .open(post, "/login/upstream", upstream::begin, SIGNING_IN)
        .open(get, "/login/upstream/callback", upstream::callback, SIGNING_IN)
        .open(get, "/login/link", upstream::show, SIGNING_IN)
        .open(post, "/login/link", upstream::link, OWN)
        .open(get, "/logout", logout::show, OWN)
        .open(post, "/logout", logout::sign_out, OWN)
        .open(get, "/oauth/authorize", authorize::by_get, ASKING)
        .open(post, "/oauth/authorize", authorize::by_post, ASKING)
        .open(get, "/oauth/authorizations/new", authorize::by_get, ASKING)
        .open(post, "/oauth/authorizations/new", authorize::by_post, ASKING)
        .open(get, "/oauth/end_session", end_session::by_get, LEAVING)
        .open(post, "/oauth/end_session", end_session::by_post, LEAVING)
        .open(get, "/device", device::show, OWN)
        .open(post, "/device", device::ask, OWN)
        .open(post, "/device/answer", device::answer, OWN)
        .open(get, "/choose", choose::show, OWN)
        .open(post, "/choose", choose::keep, OWN)
        .open(get, "/consent", consent::show, OWN)
        .open(post, "/consent", consent::decide, OWN)
        .open(get, "/confirm", confirm::show, OWN)
        .open(get, "/me/apps", my_apps::list, OWN)
        .open(post, "/me/apps/{id}/withdraw", my_apps::withdraw, OWN)
        .get("/admin", admin::home::show)
        .get("/admin/tags", admin::tags::list)
        .post("/admin/tags", admin::tag::create)
        .get("/admin/tags/new", admin::tag::new)
        .get("/admin/tags/{id}", admin::tag::edit)
        .post("/admin/tags/{id}", admin::tag::update)
        .post("/admin/tags/{id}/merge", admin::tag::merge)
        .post("/admin/tags/{id}/delete", admin::tag::delete)
        .get("/admin/macros", admin::macros::list)
        .post("/admin/macros", admin::macro_form::create)
        .get("/admin/macros/new", admin::macro_form::new)
        .get("/admin/macros/{id}", admin::macro_form::edit)
        .post("/admin/macros/{id}", admin::macro_form::update)
        .post("/admin/macros/export", admin::macros::export)
        .post("/admin/macros/{id}/archive", admin::macros::archive)
        .post("/admin/macros/{id}/delete", admin::macros::delete)
        .get("/admin/resource-servers", admin::resource_servers::show)
        .post("/admin/resource-servers", admin::resource_servers::save)
        .get("/admin/integrations", admin::integrations::list)
        .post("/admin/integrations", admin::integration::create)
        .get("/admin/integrations/new", admin::integration::new)
        .get("/admin/integrations/{id}", admin::integration::show)
        .post("/admin/integrations/{id}", admin::integration::update)
        .post("/admin/integrations/{id}/switch", admin::integration::switch)
        .post("/admin/integrations/{id}/secret", admin::integration::secret)
        .post("/admin/integrations/{id}/test", admin::integration::test)
        .post("/admin/integrations/{id}/delete", admin::integration::delete)
        .get("/admin/deliveries", admin::deliveries::list)
        .get("/admin/deliveries/{id}", admin::deliveries::show)
        .post("/admin/deliveries/{id}/replay", admin::deliveries::replay)
        .get("/admin/keys", admin::keys::list)
        .post("/admin/keys/rotate", admin::keys::rotate)
        .post("/admin/keys/{kid}/revoke", admin::keys::revoke)
        .get("/admin/people", admin::people::show)
        .post("/admin/people", admin::people::save)
        .post("/admin/people/requests", admin::people::open_requests)
        .post("/admin/people/{id}/invite", admin::people::invite)
        .post("/admin/people/{id}/remove-factors", admin::people::remove_factors)
        .post("/admin/people/{id}/sign-out", admin::people::sign_out)
        .get("/admin/users", admin::users::list)
        .post("/admin/users", admin::users::create)
        .get("/admin/users/new", admin::users::new)
        .get("/admin/users/{id}", admin::users::edit)
        .post("/admin/users/{id}", admin::users::update)
        .post("/admin/users/{id}/state", admin::users::set_state)
        .post("/admin/users/{id}/delete", admin::users::delete)
        .get("/admin/teams", admin::teams::list)
        .post("/admin/teams", admin::teams::create)
        .get("/admin/teams/new", admin::teams::new)
        .get("/admin/teams/{id}", admin::teams::edit)
        .post("/admin/teams/{id}", admin::teams::update)
        .post("/admin/teams/{id}/delete", admin::teams::delete)
        .get("/admin/custom-fields", admin::custom_fields::list)
        .post("/admin/custom-fields", admin::custom_field::create)
        .get("/admin/custom-fields/new", admin::custom_field::new)
        .get("/admin/custom-fields/{id}", admin::custom_field::edit)
        .post("/admin/custom-fields/{id}", admin::custom_field::update)
        .post("/admin/custom-fields/{id}/move", admin::custom_fields::move_one)
        .post("/admin/custom-fields/{id}/archive", admin::custom_fields::archive)
        .get("/admin/apps", admin::apps::list)
        .post("/admin/apps", admin::app_form::create)
        .get("/admin/apps/new", admin::app_form::new)
        .get("/admin/apps/{id}", admin::app::show)
        .get("/admin/apps/{id}/edit", admin::app_form::edit)
        .post("/admin/apps/{id}/edit", admin::app_form::update)
        .post("/admin/apps/{id}/secret", admin::app::add_secret)
        .post("/admin/apps/{id}/secrets/{secret_id}/revoke", admin::app::revoke_secret)
        .get("/admin/apps/{id}/usage", admin::app_usage::show)
        .post("/admin/apps/{id}/shrink", admin::app_usage::shrink)
        .post("/admin/apps/{id}/limit", admin::app_usage::limit)
        .post("/admin/apps/{id}/everybody", admin::app::everybody)
        .post("/admin/apps/{id}/disable", admin::app::disable)
        .post("/admin/apps/{id}/enable", admin::app::enable)
        .get("/admin/apps/{id}/delete", admin::app_delete::show)
        .post("/admin/apps/{id}/delete", admin::app_delete::delete)
        .post("/admin/apps/{id}/grants/{grant_id}/revoke", admin::app::revoke_grant)
        .get("/admin/registration", admin::registration::show)
        .post("/admin/registration", admin::registration::save)
        .post("/admin/registration/tokens", admin::registration::create_token)
        .post("/admin/registration/tokens/{id}/revoke", admin::registration::revoke_token)
        .get("/admin/trust", admin::trust::show)
        .post("/admin/trust/issuers", admin::trust::add_issuer)
        .post("/admin/trust/issuers/{id}/remove", admin::trust::remove_issuer)
        .post("/admin/trust/rules", admin::trust::add_rule)
        .post("/admin/trust/rules/{id}/remove", admin::trust::remove_rule)
        .get("/admin/rules", admin::rules::list)
        .post("/admin/rules", admin::rules::create)
        .get("/admin/rules/new", admin::rules::new)
        .get("/admin/rules/why", admin::rules::why)
        .get("/admin/rules/dry-runs/{id}", admin::rules::show_dry_run)
        .get("/admin/rules/{id}", admin::rules::show)
        .post("/admin/rules/{id}", admin::rules::update)
        .get("/admin/rules/{id}/history", admin::rules::history)
        .post("/admin/rules/{id}/move", admin::rules::change_place)
        .post("/admin/rules/{id}/switch", admin::rules::switch)
        .post("/admin/rules/{id}/delete", admin::rules::delete)
        .get("/admin/app-rules", admin::app_rules::show)
        .post("/admin/app-rules", admin::app_rules::save)
        .get("/admin/api-keys", admin::api_keys::list)
        .post("/admin/api-keys", admin::api_keys::create)
        .post("/admin/api-keys/switch", admin::api_keys::switch)
        .post("/admin/api-keys/{id}/revoke", admin::api_keys::revoke)
        .get("/admin/audit", admin::audit::show)
        .get("/admin/audit.ndjson", admin::audit::export)
        .get("/admin/jobs", admin::jobs::list)
        .post("/admin/jobs", admin::jobs::create)
        .get("/admin/jobs/{id}", admin::job::show)
        .post("/admin/jobs/{id}/cancel", admin::job::cancel)
        .get("/admin/jobs/{id}/undo", admin::job::ask_undo)
        .post("/admin/jobs/{id}/undo", admin::job::undo_it)
        .get("/admin/jobs/{id}/file", admin::job::file)
        .get("/admin/agents", admin::agents::show)
        .post("/admin/agents", admin::agents::save)
        .get("/admin/statistics", admin::statistics::show)
        .get("/admin/statistics/tickets", admin::statistics_tickets::show)
        .get("/admin/surveys", admin::surveys::show)
        .post("/admin/surveys", admin::surveys::save)
        .get("/admin/sign-in", admin::sign_in::show)
        .post("/admin/sign-in", admin::sign_in::create)
        .get("/admin/sign-in/{id}/edit", admin::sign_in::edit)
        .post("/admin/sign-in/{id}/edit", admin::sign_in::update)
        .post("/admin/sign-in/{id}/test", admin::sign_in::test)
        .post("/admin/sign-in/{id}/disable", admin::sign_in::disable)
        .post("/admin/sign-in/{id}/enable", admin::sign_in::enable)
        .get("/admin/demands", admin::demands::show)
        .post("/admin/demands", admin::demands::save)
        .get("/admin/views", admin::views::list)
        .post("/admin/views", admin::view_form::create)
        .get("/admin/views/new", admin::view_form::new)
        .get("/admin/views/{id}", admin::view_form::edit)
        .post("/admin/views/{id}", admin::view_form::update)
        .post("/admin/views/{id}/up", admin::views::up)
        .post("/admin/views/{id}/down", admin::views::down)
        .post("/admin/views/{id}/delete", admin::views::delete)
        .get("/admin/documents", admin::documents::show)
        .post("/admin/documents", admin::documents::save)
        .post("/admin/documents/{id}/approve", admin::documents::approve)
        .post("/admin/documents/{id}/refuse", admin::documents::refuse)
}

//! The rooms about apps, keys, providers and what happened, the pages in between, and the refusals, with sample data.

use askama::Template;
use axum::http::StatusCode;
use helpdesk::audit::{Entry, Named};
use oauth::clients::Approval;
use oauth::clients::activity::Day;
use scope::Dialect;
use scope::set::ScopeSet;
use serde_json::json;

use super::{SCOPE, app_form, frame, now, when};
use crate::admin::api_keys::{ApiKeys, KeyRow, NewKey};
use crate::admin::app_rules::Rules;
use crate::admin::app_usage::{FailureRow, Shrink, Usage, WordRow, bars};
use crate::admin::audit::{Audit, Choice, groups, row};
use crate::admin::documents::{self, Documents};
use crate::admin::sign_in::{self, SignIn, SignInEdit};
use crate::authorize::Leave;
use crate::errors;
use crate::form::Form;
use crate::reach::number;
use crate::rooms::Section;
use crate::scopes::{chips, vocabulary};
use crate::upstream::LoginLink;
use crate::when::When;

/// What rooms are put together from, each piece once. Look here before you write a new one.
#[derive(Template)]
#[template(path = "pieces.html")]
struct Pieces {
    frame: crate::pages::Frame,
}

fn audit(is_filtered: bool) -> Audit {
    let named = |id, name: &str| Some(Named { id, name: name.to_owned() });
    let entry = |id: i64, kind: &str, object: (&str, &str)| Entry {
        id,
        kind: kind.to_owned(),
        object_type: object.0.to_owned(),
        object_id: 7,
        object_name: Some(object.1.to_owned()),
        person: named(1, "Ada Winter"),
        client: None,
        impersonator: None,
        worker: None,
        grant_id: None,
        request_id: "01JP0M6H2Q".to_owned(),
        before: None,
        after: None,
        data: None,
        created_at: now() - jiff::SignedDuration::from_mins(id * 7),
    };
    let address = |text: &str| Some(json!({ "address": text }));
    let entries = vec![
        Entry { data: address("203.0.113.9"), ..entry(1, "user-logged-in", ("user", "Ada Winter")) },
        Entry {
            data: Some(json!({ "asked": SCOPE, "address": "203.0.113.9" })),
            client: named(1, "Parcel Tracker"),
            grant_id: Some(12),
            ..entry(2, "app-consent-given", ("client", "Parcel Tracker"))
        },
        Entry {
            before: Some(json!({ "allowed_scopes": "tickets:read tickets:write" })),
            after: Some(json!({ "allowed_scopes": "tickets:read" })),
            ..entry(3, "app-updated", ("client", "Parcel Tracker"))
        },
        Entry {
            person: None,
            data: address("198.51.100.23"),
            ..entry(4, "user-login-failed", ("user", "Bo Lindqvist"))
        },
    ];
    let email = if is_filtered { "nobody@northwind.example" } else { "" };
    let mut form = Form::new(vec![("person".to_owned(), email.to_owned())]);
    if is_filtered {
        form.refuse("person", "Nobody here has this e-mail address.");
    }
    Audit {
        frame: frame(Section::Audit, "Audit room", &[]),
        form,
        groups: groups(None),
        apps: vec![Choice { value: "1".to_owned(), label: "Parcel Tracker".to_owned(), is_chosen: false }],
        rows: if is_filtered { Vec::new() } else { entries.into_iter().map(|it| row(it, now())).collect() },
        older: (!is_filtered).then(|| "before=1.1".to_owned()),
        export: String::new(),
        is_filtered,
    }
}

fn api_keys(is_used: bool) -> ApiKeys {
    let key = |id, name: &str, scope: Option<&str>| KeyRow {
        id,
        name: name.to_owned(),
        hint: format!("bwk_{id}Kd3"),
        person: "Ada Winter".to_owned(),
        email: "ada@northwind.example".to_owned(),
        created: when("2026-02-14T08:00:00Z"),
        last_used: if id == 1 { when("2026-03-10T11:52:00Z") } else { When::or_never(None, now()) },
        words: scope.map(|scope| chips(Dialect::Standard, scope)),
    };
    let mut form = Form::new(vec![("email".to_owned(), "ada@northwind.example".to_owned())]);
    if !is_used {
        form.refuse("name", "Say what the key is for.");
        form.refuse("scope", "Choose at least one scope, or everything.");
    }
    ApiKeys {
        frame: frame(Section::ApiKeys, "API keys", &[]),
        form,
        keys: match is_used {
            true => vec![key(1, "Nightly export", Some("tickets:read customers:read")), key(2, "Old script", None)],
            false => Vec::new(),
        },
        before: None,
        is_off: !is_used,
        new_key: is_used.then(|| NewKey {
            email: "ada@northwind.example".to_owned(),
            value: "bwk_8Kd3nVq0T2cYw7ZrLh5XeMfB1aUoJpGs9iQk4RtDyWx6C0dE".to_owned(),
        }),
        vocabulary: vocabulary(Dialect::Standard, &ScopeSet::parse("tickets:read").unwrap()),
    }
}

fn usage(is_idle: bool) -> Usage {
    let word = |word: &str, sentence, calls: Option<i64>| WordRow {
        word: word.to_owned(),
        sentence,
        calls: calls.map(number),
        is_used: calls != Some(0),
        last_used: calls.filter(|&n| 0 < n).map(|_| "10 Mar 2026".to_owned()),
    };
    let days = (0..30).map(|n| Day {
        day: 20_493 + n,
        calls: if is_idle { 0 } else { 120 + (n * 37) % 90 },
        failures: if is_idle { 0 } else { (n * 5) % 14 },
        refused_by_limit: i64::from(n == 12 && !is_idle) * 40,
    });
    let failure = |status, call: &str, code: Option<&str>| FailureRow {
        at: when("2026-03-10T11:20:00Z"),
        status,
        call: call.to_owned(),
        code: code.map(str::to_owned),
        request_id: "01JP0M6H2QX5".to_owned(),
    };
    let failures = vec![
        failure(403, "GET /api/customers", Some("insufficient_scope")),
        failure(400, "POST /oauth/token", Some("invalid_grant")),
        failure(429, "GET /api/tickets", None),
    ];
    let drops = if is_idle { "" } else { "tickets:write" };
    Usage {
        frame: frame(Section::Apps, "Usage", &[("/admin/apps", "Apps"), ("/admin/apps/1", "Parcel Tracker")]),
        id: 1,
        name: "Parcel Tracker".to_owned(),
        words: vec![
            word("openid", "Sign you in with your account here", None),
            word("tickets:read", "Read tickets, their messages and tags", Some(if is_idle { 0 } else { 4_210 })),
            word("tickets:write", "Create, change and delete tickets and messages", Some(0)),
        ],
        bars: bars(&days.collect::<Vec<Day>>()),
        n_calls: number(if is_idle { 0 } else { 4_930 }),
        most_calls: number(if is_idle { 0 } else { 209 }),
        n_failures: number(if is_idle { 0 } else { 187 }),
        n_refused: number(if is_idle { 0 } else { 40 }),
        failures: if is_idle { Vec::new() } else { failures },
        calls_per_minute: if is_idle { "many".to_owned() } else { "600".to_owned() },
        limit_problem: is_idle.then(|| "Enter a number from 1 to 1,000,000, or nothing.".to_owned()),
        shrink: Shrink {
            keeps: chips(Dialect::Gorgias, "openid tickets:read"),
            drops: chips(Dialect::Gorgias, drops),
            is_idle,
        },
    }
}

fn app_policy() -> Rules {
    let mut form = Form::new(vec![
        ("denied_scopes".to_owned(), "users:write\nwrite:everything".to_owned()),
        ("denied_apps".to_owned(), "5f0c1e9a77b24c31a2d9e0b8".to_owned()),
    ]);
    form.refuse("denied_scopes", "There is no scope “write:everything”.");
    Rules { frame: frame(Section::AppRules, "App policy", &[]), form }
}

fn providers(is_set_up: bool) -> SignIn {
    let row = |id, name: &str, is_active| sign_in::Row {
        id,
        name: name.to_owned(),
        issuer: "https://login.northwind.example".to_owned(),
        client_id: "bailiwick".to_owned(),
        is_active,
        creates_customers: id == 1,
    };
    SignIn {
        frame: frame(Section::SignIn, "Identity providers", &[]),
        form: Form::default(),
        providers: match is_set_up {
            true => vec![row(1, "Northwind Identity", true), row(2, "Contractors", false)],
            false => Vec::new(),
        },
        callback: "https://help.northwind.example/login/upstream/callback".to_owned(),
        trouble: is_set_up.then(|| "Northwind Identity does not answer: its address was not found.".to_owned()),
    }
}

fn provider_edit() -> SignInEdit {
    let mut form = Form::new(vec![("creates_customers".to_owned(), "yes".to_owned())]);
    form.refuse("name", "This must not be empty.");
    SignInEdit {
        frame: frame(Section::SignIn, "Northwind Identity", &[("/admin/sign-in", "Identity providers")]),
        form,
        id: 1,
        issuer: "https://login.northwind.example".to_owned(),
        client_id: "bailiwick".to_owned(),
    }
}

fn documents(is_used: bool) -> Documents {
    let row = |id, name: &str, approval| documents::Row {
        id,
        name: name.to_owned(),
        address: format!("https://agent{id}.example/.well-known/client.json"),
        approval,
        created: when("2026-03-09T08:00:00Z"),
    };
    let form = Form::new(vec![
        ("mode".to_owned(), "approve-writes".to_owned()),
        ("limit_bytes".to_owned(), "5120".to_owned()),
        ("allowed_hosts".to_owned(), "agent.example\n*.tools.example".to_owned()),
    ]);
    Documents {
        frame: frame(Section::Documents, "Self-described apps", &[]),
        modes: documents::modes("approve-writes"),
        form,
        apps: match is_used {
            true => vec![
                row(1, "Reply Agent", Approval::Pending),
                row(2, "Desk Assistant", Approval::Approved),
                row(3, "Free Tickets", Approval::Refused),
            ],
            false => Vec::new(),
        },
        has_more: is_used,
    }
}

fn link(email: Option<&str>) -> LoginLink {
    LoginLink {
        csrf: "sample".to_owned(),
        account: "Northwind Outfitters".to_owned(),
        step: "sample".to_owned(),
        provider: "Northwind Identity".to_owned(),
        called: Some("ada.winter@northwind.example".to_owned()),
        email: email.map(str::to_owned),
        sign_in: "/login".to_owned(),
    }
}

pub(super) fn pages() -> Vec<(&'static str, String)> {
    let refusal = |status: StatusCode| errors::page_of(status).render().unwrap();
    let mut advanced = app_form(false);
    advanced.advanced.is_open = true;
    let leave = Leave {
        destination: "parcels.example".to_owned(),
        address: "https://parcels.example/cb?error=access_denied".to_owned(),
        fields: Vec::new(),
    };
    vec![
        ("pieces", Pieces { frame: frame(Section::Home, "Pieces", &[("/admin", "Home")]) }.render().unwrap()),
        ("audit", audit(false).render().unwrap()),
        ("audit-refused", audit(true).render().unwrap()),
        ("api-keys", api_keys(true).render().unwrap()),
        ("api-keys-off", api_keys(false).render().unwrap()),
        ("app-usage", usage(false).render().unwrap()),
        ("app-usage-idle", usage(true).render().unwrap()),
        ("app-advanced", advanced.render().unwrap()),
        ("app-policy", app_policy().render().unwrap()),
        ("identity-providers", providers(true).render().unwrap()),
        ("identity-providers-none", providers(false).render().unwrap()),
        ("identity-provider", provider_edit().render().unwrap()),
        ("documents", documents(true).render().unwrap()),
        ("documents-none", documents(false).render().unwrap()),
        ("login-link", link(Some("ada@northwind.example")).render().unwrap()),
        ("login-link-unknown", link(None).render().unwrap()),
        ("leave", leave.render().unwrap()),
        ("error-400", refusal(StatusCode::BAD_REQUEST)),
        ("error-403", refusal(StatusCode::FORBIDDEN)),
        ("error-404", refusal(StatusCode::NOT_FOUND)),
        ("error-413", refusal(StatusCode::PAYLOAD_TOO_LARGE)),
        ("error-429", refusal(StatusCode::TOO_MANY_REQUESTS)),
        ("error-405", refusal(StatusCode::METHOD_NOT_ALLOWED)),
        ("error-500", refusal(StatusCode::INTERNAL_SERVER_ERROR)),
        ("error-503", refusal(StatusCode::SERVICE_UNAVAILABLE)),
    ]
}

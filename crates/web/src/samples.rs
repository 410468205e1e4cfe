//! Every template with sample data: that it renders, and keeps the rules that all pages keep.
//! With `WEB_SAMPLES=folder` the pages are also written there, to be looked at in a browser.

mod access;
mod integrations;
mod jobs;
mod labels;
mod people;
mod rooms;
mod rules;
mod statistics;
mod views;

use std::collections::HashSet;
use std::path::Path;

use askama::Template;
use helpdesk::reach::Reach;
use jiff::Timestamp;
use oauth::authorize::{ConsentPage, ScopeGroup, ScopeLine, Standing};
use oauth::device::entry::DevicePage;
use oauth::key_rotation::State;
use scope::resource::Kind;
use scope::{Dialect, words};

use crate::admin::agents::{Agents, Word};
use crate::admin::app::{GrantRow, SecretRow, Show, endpoints};
use crate::admin::app_delete::Delete;
use crate::admin::app_form::AppForm;
use crate::admin::apps::{AppRow, List, filters};
use crate::admin::demands::{DemandsPage, levels};
use crate::admin::home::Home;
use crate::admin::keys::{KeyRow, Keys};
use crate::admin::registration::{self, Registration};
use crate::admin::resource_servers::Servers;
use crate::admin::trust::{AppChoice, IssuerRow, ResourceChoice, RuleRow, Trust};
use crate::authorize::FormPost;
use crate::choose::Choose;
use crate::confirm::Confirm;
use crate::consent::Consent;
use crate::device::{Ask, Enter};
use crate::form::Form;
use crate::login::Login;
use crate::logout::Logout;
use crate::my_apps::MyApps;
use crate::pages::{Crumb, Frame, Link, Message, PersonLine};
use crate::rooms::Section;
use crate::scopes::chips;
use crate::setup::Setup;
use crate::when::When;
use crate::{admin, assets};

const SCOPE: &str = "openid email profile offline tickets:read tickets:write customers:read tags:read";

fn frame(section: Section, title: &str, crumbs: &[(&str, &str)]) -> Frame {
    let crumbs = crumbs.iter().map(|(href, label)| Crumb { href: (*href).to_owned(), label: (*label).to_owned() });
    Frame {
        title: title.to_owned(),
        account: "Northwind Outfitters".to_owned(),
        person: PersonLine::new("Ada Winter", "ada@northwind.example"),
        is_admin: true,
        csrf: "sample".to_owned(),
        section,
        crumbs: crumbs.collect(),
        done: None,
    }
}

fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

fn when(text: &str) -> When {
    When::at(text.parse().unwrap(), now())
}

fn consent(scope: &str, standing: Standing, incremental: bool) -> Consent {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for word in scope.split(' ').filter_map(|word| words::find(Dialect::Gorgias, word)) {
        let line = ScopeLine {
            word: word.word.to_owned(),
            sentence: word.sentence.to_owned(),
            new: true,
            optional: word.word == "customers:read",
            ticked: true,
            permissions: word.permissions,
            write: word.is_write(),
            deprecated: word.deprecated,
        };
        match groups.iter_mut().find(|group| group.heading == word.group) {
            Some(group) => group.lines.push(line),
            None => groups.push(ScopeGroup { heading: word.group.to_owned(), lines: vec![line] }),
        }
    }
    let asked = ConsentPage {
        request: "sample".to_owned(),
        client_name: "Parcel Tracker".to_owned(),
        publisher: Some("Meridian Logistics".to_owned()),
        client_uri: Some("https://parcels.meridian.example/about".to_owned()),
        policy_uri: Some("https://parcels.meridian.example/privacy".to_owned()),
        tos_uri: Some("https://parcels.meridian.example/terms".to_owned()),
        client_host: Some("parcels.meridian.example".to_owned()),
        logo: None,
        client_id_host: (standing == Standing::SelfRegistered).then(|| "parcels.meridian.example".to_owned()),
        is_any_program: standing == Standing::SelfRegistered,
        destination: "parcels.meridian.example".to_owned(),
        standing,
        person_email: "ada@northwind.example".to_owned(),
        person_name: "Ada Winter".to_owned(),
        groups,
        offline: scope.contains("offline"),
        writes: true,
        incremental,
        may_allow_for_everybody: !incremental,
    };
    let counted = [Reach { kind: Kind::Tickets, n: 1000 }, Reach { kind: Kind::Customers, n: 412 }];
    Consent::new(asked, "sample".to_owned(), "Northwind Outfitters".to_owned(), &counted)
}

fn app_row(
    id: i64,
    name: &str,
    publisher: Option<&str>,
    dialect: &'static str,
    is_active: bool,
    n_grants: i64,
) -> AppRow {
    AppRow {
        id,
        name: name.to_owned(),
        publisher: publisher.map(str::to_owned),
        dialect,
        kind: if id % 2 == 0 { "Public" } else { "Confidential" },
        is_active,
        is_self_registered: id == 3,
        is_verified: id == 1,
        n_grants,
        last_used: if n_grants == 0 { When::or_never(None, now()) } else { when("2026-03-10T09:41:00Z") },
    }
}

fn apps() -> Vec<AppRow> {
    vec![
        app_row(1, "Parcel Tracker", Some("Meridian Logistics"), "Gorgias", true, 12),
        app_row(2, "Returns Desk for iPhone", Some("Northwind Outfitters"), "Standard", true, 4),
        app_row(3, "Sentiment Board", None, "Zendesk", false, 0),
    ]
}

fn app(grants: bool, new_secret: bool) -> Show {
    let grant = |id, name: &str, email: &str, scope| GrantRow {
        id,
        person: name.to_owned(),
        email: email.to_owned(),
        words: chips(Dialect::Gorgias, scope),
        lost: chips(Dialect::Gorgias, if id == 1 { "" } else { "tags:write" }),
        created: when("2026-02-14T08:00:00Z"),
        last_used: when("2026-03-10T11:52:00Z"),
        expires: (id == 2).then(|| when("2026-03-11T08:00:00Z")),
    };
    Show {
        frame: frame(Section::Apps, "Parcel Tracker", &[("/admin/apps", "Apps")]),
        id: 1,
        name: "Parcel Tracker".to_owned(),
        publisher: Some("Meridian Logistics".to_owned()),
        website: Some(Link {
            href: "https://parcels.meridian.example".into(),
            label: "parcels.meridian.example".into(),
        }),
        dialect: "Gorgias",
        kind: "Confidential",
        is_active: grants,
        suspended_because: (!grants).then(|| "It asked for more than it said".to_owned()),
        is_self_registered: false,
        before: None,
        account_words: chips(Dialect::Gorgias, if grants { "" } else { "tickets:read" }),
        is_confidential: true,
        requires_pkce: !grants,
        endpoints: endpoints(Dialect::Gorgias, "5f0c1e9a77b24c31a2d9e0b8", "https://help.northwind.example"),
        redirect_uris: vec!["https://parcels.meridian.example/oauth/callback".to_owned()],
        secrets: vec![SecretRow {
            id: 1,
            hint: "bws_8Kd3".to_owned(),
            created: when("2026-02-14T08:00:00Z"),
            last_used: when("2026-03-10T11:52:00Z"),
            expires: When::or_never(None, now()),
        }],
        grants: if grants {
            vec![
                grant(1, "Ada Winter", "ada@northwind.example", SCOPE),
                grant(2, "Bo Lindqvist", "bo@northwind.example", "openid tickets:read write:all"),
            ]
        } else {
            Vec::new()
        },
        words: chips(Dialect::Gorgias, "openid email profile offline tickets:read tickets:write write:all"),
        new_secret: new_secret.then(|| "bws_8Kd3nVq0T2cYw7ZrLh5XeMfB1aUoJpGs9iQk4RtDyWx6C0dE".to_owned()),
    }
}

fn app_form(refused: bool) -> AppForm {
    let mut values = vec![("dialect".to_owned(), "gorgias".to_owned()), ("type".to_owned(), "confidential".to_owned())];
    if refused {
        values.extend([
            ("name".to_owned(), "Parcel Tracker".to_owned()),
            ("redirect_uris".to_owned(), "http://parcels.meridian.example/cb".to_owned()),
            ("scope-gorgias".to_owned(), "tickets:read".to_owned()),
        ]);
    }
    let mut form = Form::new(values);
    if refused {
        form.refuse("redirect_uris", "http://parcels.meridian.example/cb: http is allowed only for loopback addresses (127.0.0.1, [::1], localhost); use https.");
        form.refuse("name", "Another app has this name.");
    }
    AppForm::new(frame(Section::Apps, "Register an app", &[("/admin/apps", "Apps")]), form, None)
}

fn registration(new_token: bool) -> Registration {
    let token = |id, name: &str, uses_left| registration::Row {
        id,
        name: name.to_owned(),
        uses_left,
        created: when("2026-03-01T08:00:00Z"),
        expires: when("2026-03-17T08:00:00Z"),
    };
    Registration {
        frame: frame(Section::Registration, "Self-registration", &[]),
        form: Form::new(vec![("uses".to_owned(), "1".to_owned()), ("days".to_owned(), "7".to_owned())]),
        modes: registration::modes(if new_token { "initial-access-token" } else { "off" }),
        endpoint: "https://help.northwind.example/oauth/register".to_owned(),
        is_on: new_token,
        tokens: if new_token {
            vec![token(1, "Meridian Logistics", 3), token(2, "Ada’s tools", 1)]
        } else {
            Vec::new()
        },
        new_token: new_token.then(|| "bwi_8Kd3nVq0T2cYw7ZrLh5XeMfB1aUoJpGs9iQk4RtDyWx6C0dE".to_owned()),
    }
}

fn login(problem: bool) -> Login {
    Login {
        csrf: "sample".to_owned(),
        account: "Northwind Outfitters".to_owned(),
        request: None,
        return_to: None,
        email: if problem { "ada@northwind.example".to_owned() } else { String::new() },
        providers: vec![(1, "Northwind Identity".to_owned())],
        problem: problem.then(|| "The e-mail address or the password is wrong.".to_owned()),
        good_news: (!problem).then_some("You are signed out."),
        has_passkeys: true,
        has_mail: !problem,
        may_sign_up: !problem,
    }
}

fn setup(refused: bool) -> Setup {
    let mut form = Form::new(vec![("account".to_owned(), "Northwind Outfitters".to_owned())]);
    if refused {
        form.refuse("name", "Enter your name.");
        form.refuse("password", "Choose a password of at least 12 characters.");
    }
    Setup { csrf: "sample".to_owned(), token: "sample".to_owned(), form }
}

fn agents() -> Agents {
    let word = |word, sentence| Word { word, sentence };
    Agents {
        frame: frame(Section::Agents, "AI agents", &[]),
        address: "https://help.northwind.example/mcp".to_owned(),
        is_on: true,
        words: vec![
            word("tickets:read", "Read tickets, their messages and tags"),
            word("tickets:write", "Create, change and delete tickets and messages"),
        ],
    }
}

fn keys() -> Keys {
    let row = |kid: &str, algorithm: &str, state, expires: Option<&str>| KeyRow {
        kid: kid.to_owned(),
        algorithm: algorithm.to_owned(),
        state,
        created: when("2026-02-14T08:00:00Z"),
        active_from: when("2026-02-14T08:05:00Z"),
        expires: expires.map(when),
    };
    Keys {
        frame: frame(Section::Keys, "Signing keys", &[]),
        keys: vec![
            row("pYI5b1rs3zmYOJ1nFvcXUgWLmCykBdmQv1lxRNyrTQE", "ES256", State::Announced, None),
            row("NzbLsXh8uDCcd7MNwrcSPP1NyGU0ESQIBxIGD1Kzvqc", "ES256", State::Signing, None),
            row("cTSjQvVxAoTWdHOYwqjNFIoWDTcVRHRMxUoaBPSAmUM", "RS256", State::Retired, Some("2026-03-20T08:05:00Z")),
        ],
        rotation_days: 90,
    }
}

fn trust() -> Trust {
    let app = |client_id: &str, name: &str| AppChoice { client_id: client_id.to_owned(), name: name.to_owned() };
    let resource = |path: &str, label| ResourceChoice { identifier: format!("https://help.example{path}"), label };
    let mut form = Form::new(vec![("issuer".to_owned(), "login".to_owned())]);
    form.refuse("issuer", "Must be an address such as https://login.example.com.");
    Trust {
        frame: frame(Section::Trust, "Trust between systems", &[]),
        form,
        issuers: vec![IssuerRow {
            id: 1,
            name: "Northwind sign-in".to_owned(),
            issuer: "https://login.northwind.example".to_owned(),
            keys: "https://login.northwind.example/keys".to_owned(),
            app: None,
        }],
        rules: vec![RuleRow {
            id: 2,
            app: "Reply writer".to_owned(),
            subject: Some("Ticket mirror".to_owned()),
            resource: "The API",
            delegation: true,
        }],
        apps: vec![app("a", "Reply writer"), app("b", "Ticket mirror")],
        resources: vec![resource("", "The API"), resource("/mcp", "The tools for agents (MCP)")],
    }
}

fn servers() -> Servers {
    let mut form = Form::new(vec![("api".to_owned(), "5f0c1e9a77b24c31a2d9e0b8".to_owned())]);
    form.refuse("mcp", "There is no app gateway.");
    Servers { frame: frame(Section::ResourceServers, "Resource servers", &[]), form }
}

fn device_code(problem: Option<&str>) -> Enter {
    Enter {
        csrf: "sample".to_owned(),
        account: "Northwind Outfitters".to_owned(),
        person: PersonLine::new("Ada Winter", "ada@northwind.example"),
        user_code: "BCDF-GHJK".to_owned(),
        problem: problem.map(str::to_owned),
    }
}

fn device() -> Ask {
    let asked = DevicePage {
        user_code: "BCDF-GHJK".to_owned(),
        client_name: "Wallboard".to_owned(),
        publisher: Some("Meridian Logistics".to_owned()),
        standing: Standing::Unverified,
        address: Some("203.0.113.7".to_owned()),
        user_agent: Some("Wallboard/2.1 (SmartTV)".to_owned()),
        asked_at: "2026-03-10T11:58:00Z".parse().unwrap(),
        scope: scope::set::ScopeSet::parse(SCOPE).unwrap(),
        dialect: Dialect::Gorgias,
    };
    let person = PersonLine::new("Ada Winter", "ada@northwind.example");
    Ask::new(asked, "sample".to_owned(), "Northwind Outfitters".to_owned(), person, now())
}

fn all() -> Vec<(&'static str, String)> {
    let home = Home {
        frame: Frame { done: Some("Your helpdesk is ready."), ..frame(Section::Home, "Home", &[]) },
        apps: apps(),
        endpoints: admin::home::endpoints("https://help.northwind.example"),
    };
    let list = |apps: Vec<AppRow>, search: &str| List {
        frame: frame(Section::Apps, "Apps", &[]),
        apps,
        search: search.to_owned(),
        filters: filters(""),
        next: None,
    };
    let mine = |grants| MyApps { frame: frame(Section::MyApps, "Apps you allowed", &[]), grants };
    let grant = crate::my_apps::GrantRow {
        id: 1,
        app: "Parcel Tracker".to_owned(),
        words: chips(Dialect::Gorgias, SCOPE),
        lost: chips(Dialect::Gorgias, "tags:write"),
        created: when("2026-02-14T08:00:00Z"),
        last_used: when("2026-03-10T11:52:00Z"),
        last_used_from: Some("203.0.113.9".to_owned()),
        expires: Some(when("2026-03-11T08:00:00Z")),
    };
    let delete = Delete {
        frame: frame(Section::Apps, "Delete", &[("/admin/apps", "Apps"), ("/admin/apps/1", "Parcel Tracker")]),
        id: 1,
        name: "Parcel Tracker".to_owned(),
        n_grants: 12,
    };
    let fields = vec![("code".to_owned(), "\"><script>".to_owned()), ("state".to_owned(), "x".to_owned())];
    let form_post = FormPost { action: "https://app.example/cb".to_owned(), host: "app.example".to_owned(), fields };
    let choose = Choose {
        csrf: "sample".to_owned(),
        account: "Northwind Outfitters".to_owned(),
        request: "sample".to_owned(),
        person: PersonLine::new("Ada Winter", "ada@northwind.example"),
    };
    let mut demands = Form::new(vec![("pages_minutes".into(), "60".into()), ("calls_hours".into(), "x".into())]);
    demands.refuse("calls_hours", "Enter a number of hours from 1 to 8760, or nothing for no limit.");
    let demands =
        DemandsPage { frame: frame(Section::Demands, "Security policy", &[]), form: demands, levels: levels("") };
    let confirm = Confirm {
        csrf: "sample".to_owned(),
        account: "Northwind Outfitters".to_owned(),
        person: PersonLine::new("Ada Winter", "ada@northwind.example"),
        email: "ada@northwind.example".to_owned(),
        return_to: "/admin/apps/5".to_owned(),
        has_passkeys: true,
    };
    let logout = Logout {
        csrf: "sample".to_owned(),
        account: "Northwind Outfitters".to_owned(),
        email: "ada@northwind.example".to_owned(),
        app: Some("Parcel Tracker".to_owned()),
        request: "sample".to_owned(),
    };
    let message =
        Message::new("This request has expired", "It was answered already, or it waited for more than ten minutes.")
            .what_next("Go back to the app and start again.")
            .link("/", "Go to your start page");
    let ours = people::pages()
        .into_iter()
        .chain(access::pages())
        .chain(rooms::pages())
        .chain(rules::pages())
        .chain(integrations::pages())
        .chain(jobs::pages())
        .chain(statistics::pages())
        .chain(views::pages());
    let wide = "openid email offline write:all events:read";
    vec![
        ("setup", setup(false).render().unwrap()),
        ("setup-refused", setup(true).render().unwrap()),
        ("login", login(false).render().unwrap()),
        ("login-refused", login(true).render().unwrap()),
        ("logout", logout.render().unwrap()),
        ("choose", choose.render().unwrap()),
        ("confirm", confirm.render().unwrap()),
        ("agents", agents().render().unwrap()),
        ("demands", demands.render().unwrap()),
        ("keys", keys().render().unwrap()),
        ("trust", trust().render().unwrap()),
        ("resource-servers", servers().render().unwrap()),
        ("device", device_code(None).render().unwrap()),
        ("device-refused", device_code(Some("No device waits with this code.")).render().unwrap()),
        ("device-consent", device().render().unwrap()),
        ("consent", consent(SCOPE, Standing::Verified, false).render().unwrap()),
        ("consent-unverified", consent(wide, Standing::Unverified, false).render().unwrap()),
        ("consent-more", consent("tags:read tags:write", Standing::SelfRegistered, true).render().unwrap()),
        ("form-post", form_post.render().unwrap()),
        ("message", message.render().unwrap()),
        ("home", home.render().unwrap()),
        ("apps", list(apps(), "").render().unwrap()),
        ("apps-empty", list(Vec::new(), "").render().unwrap()),
        ("apps-not-found", list(Vec::new(), "parcel").render().unwrap()),
        ("app-new", app_form(false).render().unwrap()),
        ("app-refused", app_form(true).render().unwrap()),
        ("app", app(true, false).render().unwrap()),
        ("app-secret", app(false, true).render().unwrap()),
        ("app-delete", delete.render().unwrap()),
        ("registration", registration(false).render().unwrap()),
        ("registration-token", registration(true).render().unwrap()),
        ("my-apps", mine(vec![grant]).render().unwrap()),
        ("my-apps-empty", mine(Vec::new()).render().unwrap()),
    ]
    .into_iter()
    .chain(ours)
    .chain(labels::pages())
    .collect()
}

fn ids(page: &str) -> Vec<&str> {
    page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_page_renders_and_keeps_the_rules_of_all_pages() {
    // ALL-16, CO-2
    for (name, page) in all() {
        assert_eq!(page.matches("<h1").count(), 1, "{name} has one heading of the first order");
        assert_eq!(page.matches("<main").count(), 1, "{name} has one main landmark");
        assert!(!page.contains(" style=") && !page.contains("<style"), "{name} has no inline style");
        assert!(!page.contains(" on") || !page.contains("onclick"), "{name} has no inline handler");
        for script in page.split("<script").skip(1) {
            assert!(script.starts_with(" type=\"module\" src=\"/assets/"), "{name} has no inline script");
        }
        assert!(!page.contains("autofocus"), "{name} leaves the focus where it is");
        let ids = ids(&page);
        let unique: HashSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name} uses each id once: {ids:?}");
        for target in ["aria-describedby=\"", "aria-labelledby=\"", " for=\"", "data-from=\""] {
            for list in page.split(target).skip(1).filter_map(|rest| rest.split('"').next()) {
                for id in list.split(' ') {
                    assert!(unique.contains(id), "{name}: {target}{id} names an element");
                }
            }
        }
        for post in page.split("<form method=\"post\"").skip(1) {
            let form = post.split("</form>").next().unwrap_or_default();
            assert!(name == "form-post" || form.contains("name=\"csrf\""), "{name}: every form carries its value");
        }
    }
}

#[test]
fn deny_comes_before_allow() {
    // CO-3: the first button of a form is the one that the Enter key presses.
    let page = consent(SCOPE, Standing::Verified, false).render().unwrap();

    assert!(page.find("consent-deny").unwrap() < page.find("consent-allow").unwrap());
}

#[test]
fn an_app_cannot_write_markup_into_the_consent_page() {
    // CO-2
    let mut page = consent(SCOPE, Standing::Unverified, false);
    page.app = crate::text::shown("<img src=x>\u{202e}gnp.exe", 60);

    let page = page.render().unwrap();

    assert!(!page.contains("<img") && !page.contains('\u{202e}'));
}

#[test]
fn the_pages_can_be_written_to_a_folder() {
    let Some(folder) = std::env::var_os("WEB_SAMPLES") else { return };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    for asset in assets::ALL {
        std::fs::write(folder.join(asset.address().trim_start_matches('/')), asset.content()).unwrap();
    }
    for (name, page) in all() {
        std::fs::write(folder.join(format!("{name}.html")), page.replace("\"/assets/", "\"assets/")).unwrap();
    }
}

//! The Admin Center's apps.

use crate::support::browser::Page;
use crate::support::{Browser, Person, Server, TestKey};

const NEW: [(&str, &str); 6] = [
    ("name", "Parcel Tracker"),
    ("publisher", "Meridian"),
    ("dialect", "gorgias"),
    ("type", "confidential"),
    ("redirect_uris", "https://parcels.example/cb\r\nhttp://127.0.0.1/cb"),
    ("scope-gorgias", "tickets:read"),
];

async fn register(browser: &mut Browser<'_>, typed: &[(&str, &str)]) -> Page {
    let form = browser.open("/admin/apps/new").await;
    browser.press(&form, "app-submit", typed).await
}

/// The number in the app's own address.
fn id_of(page: &Page) -> String {
    let start = page.body.find("action=\"/admin/apps/").expect("a form of the app") + "action=\"/admin/apps/".len();
    page.body[start..].split('/').next().unwrap_or_default().to_owned()
}

fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut typed: Vec<(&str, &str)> = NEW.to_vec();
    for change in changes {
        typed.retain(|(name, _)| *name != change.0);
        typed.push(*change);
    }
    typed
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_center_is_for_administrators() {
    let server = Server::start().await;
    let mut agent = Browser::new(&server);
    let mut stranger = Browser::new(&server);
    agent.sign_in(Person::Agent).await;

    for path in
        ["/admin", "/admin/apps", "/admin/apps/new", "/admin/apps/1", "/admin/apps/1/edit", "/admin/apps/1/delete"]
    {
        let refused = agent.get(path).await;
        let sent_away = stranger.get(path).await;

        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.body.contains("This is not for your role"), "{path}");
        assert_eq!(sent_away.status, 303, "{path}");
        assert!(sent_away.location().unwrap().starts_with("/login?return_to=%2Fadmin"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_is_shown_once() {
    // CA-6, CA-7, ALL-11
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let made = register(&mut browser, &NEW).await;
    let id = id_of(&made);
    let later = browser.get(&format!("/admin/apps/{id}")).await;

    let start = made.body.find("id=\"new-secret\">").expect("the secret") + "id=\"new-secret\">".len();
    let secret = made.body[start..].split('<').next().unwrap();
    assert!(secret.starts_with("bws_") && 40 < secret.len());
    assert!(made.body.contains("shown this once"));
    assert_eq!(later.status, 200);
    assert!(!later.body.contains(secret), "only its beginning is shown");
    assert!(later.body.contains(&secret[..8]));
    assert!(later.body.contains("https://parcels.example/cb") && later.body.contains("http://127.0.0.1/cb"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_app_gets_no_secret() {
    // CA-5
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let made = register(&mut browser, &with(&[("type", "public")])).await;

    assert!(made.body.contains("The app is registered."));
    assert!(!made.body.contains("Client secrets"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_redirect_address_is_named_with_the_reason() {
    // RU-4
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let uris = "http://parcels.example/cb\nhttps://*.example/cb\nhttps://good.example/cb";

    let refused = register(&mut browser, &with(&[("redirect_uris", uris)])).await;

    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("http://parcels.example/cb: http is allowed only for loopback"));
    assert!(refused.body.contains("https://*.example/cb: the address must be complete"));
    assert!(refused.body.contains("aria-describedby=\"redirect_uris-problem redirect_uris-hint\""));
    assert!(refused.body.contains("value=\"Parcel Tracker\""), "what was typed stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_another_dialect_in_the_page_do_not_count() {
    // SC-11
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let none = register(&mut browser, &with(&[("scope-gorgias", ""), ("scope-zendesk", "read")])).await;

    assert_eq!(none.status, 422);
    assert!(none.body.contains("id=\"scope-problem\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_can_be_changed_disabled_enabled_and_deleted() {
    // POL-4
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let id = id_of(&register(&mut browser, &NEW).await);
    let address = format!("/admin/apps/{id}");

    let form = browser.get(&format!("{address}/edit")).await;
    let changed = browser
        .press(
            &form,
            "app-submit",
            &[("name", "Parcels"), ("redirect_uris", "https://new.example/cb"), ("scope-gorgias", "tags:read")],
        )
        .await;
    let (_, csrf) = browser.get("/logout").await.form_around("logout-confirm");
    let disabled = browser.post(&format!("{address}/disable"), &csrf).await;
    let disabled = browser.follow(disabled).await;
    let enabled = browser.post(&format!("{address}/enable"), &csrf).await;
    let enabled = browser.follow(enabled).await;
    let question = browser.get(&format!("{address}/delete")).await;
    let deleted = browser.press(&question, "delete-confirm", &[]).await;
    let gone = browser.get(&address).await;

    assert!(changed.body.contains("Your changes are saved.") && changed.body.contains("https://new.example/cb"));
    assert!(changed.body.contains("tags:read") && !changed.body.contains("parcels.example"));
    assert!(disabled.body.contains("This app is suspended"));
    assert!(enabled.body.contains("The app may work again."));
    assert!(deleted.body.contains("The app is deleted") && !deleted.body.contains("Parcels"));
    assert_eq!(gone.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_added_and_revoked_one_by_one() {
    // CA-7
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let made = register(&mut browser, &NEW).await;
    let address = format!("/admin/apps/{}", id_of(&made));
    let (_, csrf) = browser.get("/logout").await.form_around("logout-confirm");
    let revoke = |page: &Page| {
        let start = page.body.find("/secrets/").expect("a secret");
        format!("{address}{}", page.body[start..].split('"').next().unwrap())
    };

    let second = browser.post(&format!("{address}/secret"), &csrf).await;
    let n_secrets = second.body.matches("/secrets/").count();
    let revoked = browser.post(&revoke(&second), &csrf).await;
    let revoked = browser.follow(revoked).await;

    assert!(second.body.contains("id=\"new-secret\""));
    assert_eq!(n_secrets, 2);
    assert!(revoked.body.contains("The secret is revoked."));
    assert_eq!(revoked.body.matches("/secrets/").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_shown_as_text_everywhere() {
    // CO-2
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let hostile = "<script>x</script>\u{202e}gnp.exe";

    let refused = register(&mut browser, &with(&[("name", hostile)])).await;
    let id = id_of(&register(&mut browser, &NEW).await);
    // As an app that registered itself elsewhere might have come in.
    let mut tx = server.db.write().await.unwrap();
    tx.run("update clients set name = $1, publisher = $1", &[hostile.into()]).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(refused.status, 422);
    for path in ["/admin", "/admin/apps", &format!("/admin/apps/{id}"), &format!("/admin/apps/{id}/delete")] {
        let page = browser.get(path).await;
        assert!(page.body.contains("&#60;script&#62;x"), "{path}");
        assert!(!page.body.contains("<script>x") && !page.body.contains('\u{202e}'), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_searched_by_name_and_says_what_to_do_when_empty() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let empty = browser.get("/admin/apps").await;
    register(&mut browser, &NEW).await;
    let found = browser.get("/admin/apps?search=parcel").await;
    let other = browser.get("/admin/apps?search=%3Cb%3E").await;

    assert!(empty.body.contains("No apps yet"));
    assert!(found.body.contains("Parcel Tracker"));
    assert!(other.body.contains("Nothing found") && !other.body.contains("<b>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folded_part_sets_all_that_an_app_may_need_and_names_what_is_wrong() {
    // POL-1, KEY-6, RU-9
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let keys = TestKey::es256().set().to_string();
    let standard = with(&[("dialect", "standard"), ("scope-standard", "tickets:read")]);
    let advanced = |changes: &[(&'static str, &str)]| {
        let mut typed: Vec<(String, String)> =
            standard.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        typed.extend(changes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        typed
    };
    let pairs = |typed: &[(String, String)]| typed.iter().map(|(n, v)| (n.clone(), v.clone())).collect::<Vec<_>>();

    for (name, value) in [
        ("jwks", "not JSON"),
        ("jwks", "{\"keys\": []}"),
        ("jwks_uri", "http://parcels.example/jwks"),
        ("token_endpoint_auth_method", "tls_client_auth"),
        ("id_token_signed_response_alg", "none"),
        ("post_logout_redirect_uris", "https://parcels.example/#out"),
        ("backchannel_logout_uri", "http://parcels.example/out"),
        ("sector_identifier_uri", "http://parcels.example/sector"),
        ("policy_uri", "javascript:alert(1)"),
    ] {
        let typed = pairs(&advanced(&[(name, value)]));
        let typed: Vec<(&str, &str)> = typed.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let refused = register(&mut browser, &typed).await;
        assert_eq!(refused.status, 422, "{name}");
        assert!(refused.body.contains(&format!("id=\"{name}-problem\"")), "{name}: beside its field");
        assert!(refused.body.contains("id=\"advanced\" open"), "{name}: unfolded");
    }

    let typed = advanced(&[
        ("policy", "fapi2"),
        ("token_endpoint_auth_method", "private_key_jwt"),
        ("jwks", &keys),
        ("id_token_signed_response_alg", "ES256"),
        ("post_logout_redirect_uris", "https://parcels.example/bye"),
        ("backchannel_logout_uri", "https://parcels.example/out"),
        ("subject_type", "on"),
        ("grant_device", "on"),
        ("jwt_access_tokens", "on"),
    ]);
    let typed: Vec<(&str, &str)> = typed.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let one_host: Vec<(&str, &str)> = typed
        .into_iter()
        .map(|(n, v)| if n == "redirect_uris" { (n, "https://parcels.example/cb") } else { (n, v) })
        .collect();
    let done = register(&mut browser, &one_host).await;
    assert!(done.body.contains("The app is registered."), "{}", done.body);
    assert!(!done.body.contains("Client secrets"), "it has none");
    let id = id_of(&done);
    let row = id.parse().expect("a number");
    let client = async || {
        let mut tx = server.db.read().await.expect("begin");
        oauth::clients::by_row(&mut tx, row).await.expect("read").expect("the app")
    };
    let made = client().await;
    assert_eq!(made.policy.word(), "fapi2");
    assert!(made.require_par && made.require_dpop && made.jwt_access_tokens);
    assert_eq!(made.metadata.subject_type.as_deref(), Some("pairwise"));
    assert!(made.may_use_grant("urn:ietf:params:oauth:grant-type:device_code"));

    let form = browser.open(&format!("/admin/apps/{id}/edit")).await;
    assert!(form.body.contains("https://parcels.example/bye") && form.body.contains("P-256"));
    let mut again = one_host.clone();
    again.retain(|(name, _)| !["subject_type", "backchannel_logout_uri", "jwt_access_tokens"].contains(name));
    again.push(("require_pkce", "on"));
    let saved = browser.press(&form, "app-submit", &again).await;
    assert!(saved.body.contains("Your changes are saved."), "{}", saved.body);
    let changed = client().await;
    assert_eq!(changed.metadata.backchannel_logout_uri, None);
    assert_eq!(changed.metadata.subject_type, None);
    assert_eq!(changed.metadata.jwks, made.metadata.jwks);
    assert!(!changed.jwt_access_tokens);
}

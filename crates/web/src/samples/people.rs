//! The pages about how people sign in, with sample data.

use askama::Template;
use oauth::factors::Factors;
use oauth::people_settings::Settings;

use super::{frame, now, when};
use crate::admin::people::{MemberRow, People};
use crate::demo_mail::{DemoMail, Line, MailRow};
use crate::form::Form;
use crate::login_factor::Factor;
use crate::mailed::{AskAddress, Reset, Verify};
use crate::me::factors::{PasskeyNew, Qr, RecoveryCodes, TotpSetUp};
use crate::me::security::{LinkRow, PasskeyRow, Security, SessionRow};
use crate::passkey::PasskeyPage;
use crate::rooms::Section;
use crate::when::When;

pub(super) fn pages() -> Vec<(&'static str, String)> {
    let account = || "Northwind Outfitters".to_owned();
    let sample = || "sample".to_owned();
    let factor = Factor {
        csrf: sample(),
        account: account(),
        step: sample(),
        request: None,
        return_to: None,
        has_codes: true,
        has_passkeys: true,
        problem: Some("The code is wrong, or was used already.".to_owned()),
    };
    let passkey = PasskeyPage {
        account: account(),
        action: "/login/passkey/finish",
        back: "/login".to_owned(),
        csrf: sample(),
        step: sample(),
        request: None,
        return_to: None,
        options: "{\"a\":1}".to_owned(),
    };
    let ask = |is_sign_up, problem: Option<&str>| AskAddress {
        account: account(),
        csrf: sample(),
        request: Some(sample()),
        email: String::new(),
        is_sign_up,
        problem: problem.map(str::to_owned),
    };
    let reset = |is_sign_up| {
        let mut form = Form::default();
        form.refuse("password", "Must have at least 8 characters.");
        Reset {
            account: account(),
            csrf: sample(),
            token: sample(),
            request: None,
            email: "ada@northwind.example".to_owned(),
            is_sign_up,
            is_first: is_sign_up,
            form,
        }
    };
    let verify =
        Verify { account: account(), csrf: sample(), token: sample(), email: "ada@northwind.example".to_owned() };
    let security = |totp: bool| Security {
        frame: frame(Section::Security, "Sign-in and security", &[]),
        form: Form::default(),
        is_needed: !totp,
        may_skip: true,
        return_to: Some("/login/resume?request=x".to_owned()),
        has_password: true,
        email: "ada@northwind.example".to_owned(),
        is_verified: totp,
        has_mail: true,
        factors: Factors { totp, n_passkeys: i64::from(totp), n_recovery_codes: 2 },
        may_have_passkeys: totp,
        passkeys: Vec::from_iter(totp.then(|| PasskeyRow {
            id: 1,
            name: "Ada's laptop".to_owned(),
            created: when("2026-02-14T08:00:00Z"),
            last_used: when("2026-03-10T11:52:00Z"),
        })),
        links: Vec::from_iter(totp.then(|| LinkRow {
            id: 1,
            provider: "Northwind Identity".to_owned(),
            created: when("2026-02-14T08:00:00Z"),
            last_used: when("2026-03-10T11:52:00Z"),
        })),
        sessions: vec![SessionRow {
            id: 1,
            browser: "Firefox on Linux".to_owned(),
            address: "192.0.2.7".to_owned(),
            since: when("2026-03-08T11:52:00Z"),
            last_seen: when("2026-03-10T11:52:00Z"),
            is_this: true,
        }],
    };
    let crumbs = [("/me/security", "Sign-in and security")];
    let totp = TotpSetUp {
        frame: frame(Section::Security, "Set up an app for codes", &crumbs),
        form: Form::default(),
        return_to: None,
        secret: "ABCD EFGH".to_owned(),
        qr: Qr { size: 9, path: "M4,4h1v1h-1z".to_owned() },
    };
    let codes = RecoveryCodes {
        frame: frame(Section::Security, "Recovery codes", &crumbs),
        codes: vec!["abcde-fghij".to_owned(); 10],
        return_to: "/me/security".to_owned(),
        is_first: true,
    };
    let passkey_new = PasskeyNew {
        frame: frame(Section::Security, "Add a passkey", &crumbs),
        step: sample(),
        options: "{}".to_owned(),
        return_to: None,
    };
    let member = || MemberRow {
        id: 1,
        name: "Bo Agent".to_owned(),
        email: "bo@northwind.example".to_owned(),
        role: "agent",
        has_password: false,
        has_factor: true,
        factors: "App for codes".to_owned(),
        last_seen: When::or_never(None, now()),
    };
    let people = |anybody_asks: bool| People {
        frame: frame(Section::People, "People and sign-in", &[]),
        settings: Settings::default(),
        has_mail: true,
        anybody_asks,
        members: vec![member()],
    };
    let mails = DemoMail {
        account: account(),
        mails: vec![MailRow {
            to: "ada@northwind.example".to_owned(),
            subject: "Choose a new password".to_owned(),
            lines: vec![Line::Text("Hello,".to_owned()), Line::Link("https://help.example/reset?token=x".to_owned())],
        }],
    };
    vec![
        ("login-factor", factor.render().unwrap()),
        ("login-passkey", passkey.render().unwrap()),
        ("forgot", ask(false, None).render().unwrap()),
        ("sign-up", ask(true, Some("Too many attempts.")).render().unwrap()),
        ("reset", reset(false).render().unwrap()),
        ("sign-up-finish", reset(true).render().unwrap()),
        ("verify", verify.render().unwrap()),
        ("security", security(true).render().unwrap()),
        ("security-needed", security(false).render().unwrap()),
        ("totp", totp.render().unwrap()),
        ("recovery-codes", codes.render().unwrap()),
        ("passkey-new", passkey_new.render().unwrap()),
        ("people", people(false).render().unwrap()),
        ("people-anybody-asks", people(true).render().unwrap()),
        ("demo-mail", mails.render().unwrap()),
    ]
}

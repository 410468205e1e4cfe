//! What people have at hand: a phone with codes, a mailbox.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use oauth::people_settings::{self, Settings};
use outside::mail::Mail;

use super::browser::{Browser, Page};
use super::{Person, Server};

/// The six digits that an app shows for this secret (RFC 6238: SHA-1, 30 seconds).
pub fn code_of(secret: &str, at: Timestamp) -> String {
    let mut bits = String::new();
    for letter in secret.chars().filter(|c| !c.is_whitespace()) {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).expect("base32");
        bits.push_str(&format!("{value:05b}"));
    }
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|bits| {
            u8::from_str_radix(std::str::from_utf8(bits).expect("what the test made"), 2).expect("what the test made")
        })
        .collect();
    let step = u64::try_from(at.as_second()).expect("after 1970") / 30;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[19] & 0x0f);
    let number = u32::from_be_bytes([tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// The text of an element with this id.
pub fn text_of(page: &Page, id: &str) -> String {
    let at = page.body.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} in {}", page.body));
    let start = at + page.body[at..].find('>').expect("a tag") + 1;
    page.body[start..start + page.body[start..].find('<').expect("its end")].to_owned()
}

impl Server {
    /// One whose mails stay in memory.
    pub async fn with_mail() -> Server {
        Server::start_with(|settings| {
            settings.smtp_url = bailiwick::config::MEMORY.to_owned();
            settings.mail_from = "Demo <help@demo.test>".to_owned();
        })
        .await
    }

    /// One with a host name, as browsers want it for passkeys.
    pub async fn with_a_host() -> Server {
        Server::start_with(|settings| settings.public_url = HOST.to_owned()).await
    }

    /// What an administrator chose about people.
    pub async fn choose(&self, settings: Settings) {
        self.app.provider.put_setting(&self.may(), people_settings::NAME, &settings).await.expect("set");
    }

    /// Sends what is due, and gives all mails so far.
    pub async fn mails(&self) -> Vec<Mail> {
        self.run_jobs().await;
        self.app.provider.mailer.mails().expect("mails are kept")
    }

    /// Path and query of the newest mail's link that leads to this page.
    pub async fn mailed_link(&self, to: &str, path: &str) -> String {
        let start = format!("{}{path}?", self.app.config.public_url);
        let mails = self.mails().await;
        let mut lines = mails.iter().rev().filter(|mail| mail.to == to).flat_map(|mail| mail.text.lines());
        let line =
            lines.find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no {path} for {to}: {mails:?}"));
        line[self.app.config.public_url.len()..].to_owned()
    }

    /// Events of the log by kind, oldest first, with whom they are about.
    pub async fn events(&self, kind: &str) -> Vec<i64> {
        let mut tx = self.db.read().await.expect("begin");
        let rows =
            tx.rows("select object_id from events where type = $1 order by id", &[kind.into()]).await.expect("events");
        rows.iter().map(|row| row.int("object_id").expect("id")).collect()
    }

    /// The session behind a browser's cookie.
    pub async fn session_of(&self, browser: &Browser<'_>) -> oauth::sessions::Session {
        let name = oauth::sessions::cookie_name(self.app.config.public_url.starts_with("https:"));
        let cookie = browser.cookies.get(name).expect("a cookie");
        self.app.provider.session(cookie).await.expect("read").expect("a session")
    }
}

pub const HOST: &str = "https://help.example.com";

impl Browser<'_> {
    /// Sets an app for codes up for whoever is signed in; gives its secret and the recovery codes.
    pub async fn set_up_codes(&mut self, server: &Server) -> (String, Vec<String>) {
        let page = self.open("/me/security").await;
        let set_up = self.press(&page, "totp-new", &[]).await;
        let secret = text_of(&set_up, "totp-secret");
        let code = code_of(&secret, server.clock.now());
        let confirmed = self.press(&set_up, "totp-confirm", &[("code", &code)]).await;
        (secret, recovery_codes(&confirmed))
    }

    /// Address and password on the sign-in page, not followed any further than the next page.
    pub async fn enter_password(&mut self, person: Person) -> Page {
        let page = self.open("/login").await;
        self.sign_in_on(&page, person).await
    }
}

pub fn recovery_codes(page: &Page) -> Vec<String> {
    let start = page.body.find("id=\"recovery-codes\"").unwrap_or_else(|| panic!("no codes in {}", page.body));
    let list = &page.body[start..start + page.body[start..].find("</ul>").expect("its end")];
    list.split("<code>").skip(1).map(|rest| rest[..rest.find('<').expect("its end")].to_owned()).collect()
}

//! Mail as it leaves the house: over SMTP, into memory, or not at all.
//!
//! Who writes to whom, and what, is decided elsewhere. A mail may hold a one-time link, so nothing of it is ever logged.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

/// How long one conversation with the mail server may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Mails that are kept in memory; older ones go.
const KEPT_MAX: usize = 200;

/// The way out for mail. Cheap to clone; clones of one that keeps mails share them.
#[derive(Clone)]
pub struct Mailer(Arc<Way>);

enum Way {
    None,
    Smtp { transport: AsyncSmtpTransport<Tokio1Executor>, from: Mailbox },
    Kept { from: Mailbox, mails: Mutex<VecDeque<Mail>> },
}

/// One mail to one address, in two forms with the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Why a mail was not sent. No text holds what the mail said.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("no mail server is configured")]
    NotConfigured,
    #[error("{what} is no mail address")]
    Address { what: &'static str },
    #[error("the mail server's address cannot be read: {0}")]
    Server(String),
    /// The server will not take it, now or later.
    #[error("the mail server refused the mail: {0}")]
    Refused(String),
    /// Worth another try.
    #[error("the mail could not be handed over: {0}")]
    Failed(String),
}

impl Mailer {
    /// No mail is ever sent.
    pub fn none() -> Mailer {
        Mailer(Arc::new(Way::None))
    }

    /// `url` is `smtps://user:password@host`, or `smtp://host:25?tls=required`; `from` is `Name <address>` or an address.
    pub fn smtp(url: &str, from: &str) -> Result<Mailer, MailError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| MailError::Server(error.to_string()))?
            .timeout(Some(TIMEOUT))
            .build();
        Ok(Mailer(Arc::new(Way::Smtp { transport, from: sender(from)? })))
    }

    /// Sends nothing and keeps the last mails in memory, for the demo and for tests.
    pub fn kept(from: &str) -> Result<Mailer, MailError> {
        Ok(Mailer(Arc::new(Way::Kept { from: sender(from)?, mails: Mutex::default() })))
    }

    pub fn is_configured(&self) -> bool {
        !matches!(*self.0, Way::None)
    }

    pub async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        match &*self.0 {
            Way::None => Err(MailError::NotConfigured),
            Way::Smtp { transport, from } => {
                let message = message(mail, from)?;
                match transport.send(message).await {
                    Ok(_response) => Ok(()),
                    Err(error) if error.is_permanent() => Err(MailError::Refused(error.to_string())),
                    Err(error) => Err(MailError::Failed(error.to_string())),
                }
            }
            Way::Kept { from, mails } => {
                // Built as for a server, so that what none would take is found here too.
                let _message = message(mail, from)?;
                let mut mails = mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if mails.len() == KEPT_MAX {
                    mails.pop_front();
                }
                mails.push_back(mail.clone());
                Ok(())
            }
        }
    }

    /// The mails in memory, oldest first; none where mails are not kept.
    pub fn mails(&self) -> Option<Vec<Mail>> {
        match &*self.0 {
            Way::Kept { mails, .. } => {
                Some(mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter().cloned().collect())
            }
            Way::None | Way::Smtp { .. } => None,
        }
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Way::None => "Mailer(none)",
            Way::Smtp { .. } => "Mailer(smtp)",
            Way::Kept { .. } => "Mailer(kept)",
        })
    }
}

/// Whether mail can be addressed to it.
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

fn sender(from: &str) -> Result<Mailbox, MailError> {
    from.parse().map_err(|_| MailError::Address { what: "the sender" })
}

fn message(mail: &Mail, from: &Mailbox) -> Result<Message, MailError> {
    let to: Address = mail.to.parse().map_err(|_| MailError::Address { what: "the recipient" })?;
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject.replace(['\r', '\n'], " "))
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| MailError::Refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(to: &str) -> Mail {
        Mail {
            to: to.to_owned(),
            subject: "Subject\r\nBcc: evil@example.com".to_owned(),
            text: "Text".to_owned(),
            html: "<p>Text</p>".to_owned(),
        }
    }

    #[tokio::test]
    async fn mails_are_kept_in_order_and_none_without_an_address() {
        let mailer = Mailer::kept("Help <help@example.com>").unwrap();

        mailer.send(&mail("a@example.com")).await.unwrap();
        let refused = mailer.send(&mail("a@example.com\r\nBcc: b@example.com")).await;

        assert!(matches!(refused, Err(MailError::Address { .. })));
        assert_eq!(mailer.mails().unwrap().len(), 1);
        assert!(matches!(Mailer::none().send(&mail("a@example.com")).await, Err(MailError::NotConfigured)));
    }

    #[test]
    fn a_subject_stays_one_line() {
        let from = sender("help@example.com").unwrap();

        let text = String::from_utf8(message(&mail("a@example.com"), &from).unwrap().formatted()).unwrap();

        assert!(!text.contains("\nBcc:"), "{text}");
    }
}

//! A mail as it travels, read into what a helpdesk needs of it. Apart from the rest because of what the library costs to build.
//!
//! Every charset and every broken structure gives something: a mail that cannot be read at all is none.

use jiff::Timestamp;
use mail_parser::{Address, HeaderValue, Message, MessageParser};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// What it answers, the nearest first.
    pub answers: Vec<String>,
    pub from: Option<Mailbox>,
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    pub subject: Option<String>,
    pub text: Option<String>,
    pub html: Option<String>,
    pub date: Option<Timestamp>,
    /// Names of the files in it. Their contents are not taken over.
    pub attachments: Vec<String>,
    /// None: nothing says that it is not from a person to a person.
    pub machine: Option<Machine>,
}

/// What marked a mail, or wrote it in a person's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// Says that it is spam.
    SpamFilter,
    Program,
    /// Says that a mail could not be delivered.
    MailServer,
    /// Answers for somebody who is away.
    Vacation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Option<String>,
    pub address: String,
}

/// None if there is no mail in these bytes.
pub fn read(raw: &[u8]) -> Option<Mail> {
    let message = MessageParser::default().parse(raw)?;
    let mut answers: Vec<String> = ids(message.in_reply_to());
    let references = ids(message.references());
    answers.extend(references.into_iter().rev());
    let mut seen = Vec::new();
    answers.retain(|id| {
        let is_new = !seen.contains(id);
        seen.push(id.clone());
        is_new
    });
    let date = message.date().and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
    Some(Mail {
        message_id: message.message_id().map(str::to_owned),
        answers,
        from: mailboxes(message.from()).into_iter().next(),
        to: mailboxes(message.to()),
        cc: mailboxes(message.cc()),
        subject: message.subject().map(str::to_owned),
        // The parser makes one body out of the other; only what was sent is wanted here.
        text: message
            .text_bodies()
            .find(|part| part.is_text())
            .and_then(|part| part.text_contents())
            .map(str::to_owned),
        html: message
            .html_bodies()
            .find(|part| part.is_text_html())
            .and_then(|part| part.text_contents())
            .map(str::to_owned),
        date,
        attachments: message
            .attachments()
            .map(|part| mail_parser::MimeHeaders::attachment_name(part).unwrap_or("unnamed").to_owned())
            .collect(),
        machine: machine(&message),
    })
}

/// By what filters and programs write into the head of a mail (RFC 3834 for `Auto-Submitted`, RFC 3462 for reports).
fn machine(message: &Message<'_>) -> Option<Machine> {
    let head = |name: &str| {
        let text = message.header_raw(name).unwrap_or_default();
        text.trim().to_ascii_lowercase()
    };
    if head("X-Spam-Flag").starts_with("yes") || head("X-Spam-Status").starts_with("yes") {
        return Some(Machine::SpamFilter);
    }
    let kind = head("Content-Type");
    if kind.starts_with("multipart/report") && kind.contains("delivery-status") {
        return Some(Machine::MailServer);
    }
    let submitted = head("Auto-Submitted");
    if submitted.contains("vacation") || head("X-Autoreply").starts_with("yes") || !head("X-Vacation").is_empty() {
        return Some(Machine::Vacation);
    }
    let by_program = !submitted.is_empty() && !submitted.starts_with("no");
    let precedence = head("Precedence");
    let in_bulk = ["bulk", "junk", "auto_reply"].iter().any(|word| precedence.starts_with(word));
    (by_program || in_bulk).then_some(Machine::Program)
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(ids) => ids.iter().map(|id| id.to_string()).collect(),
        _ => Vec::new(),
    }
}

fn mailboxes(address: Option<&Address<'_>>) -> Vec<Mailbox> {
    let Some(address) = address else { return Vec::new() };
    address
        .iter()
        .filter_map(|it| {
            let name = it.name().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
            Some(Mailbox { name, address: it.address()?.trim().to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read_with_its_thread_and_its_bodies() {
        let raw = b"From: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>\r\nTo: help@shop.example\r\nSubject: =?utf-8?b?UmU6IE9yZGVy?=\r\n\
            Message-ID: <b@example.com>\r\nIn-Reply-To: <a@shop.example>\r\nReferences: <x@shop.example> <a@shop.example>\r\n\
            Date: Mon, 2 Mar 2026 10:00:00 +0100\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nWhere is it? \xe9\r\n";

        let mail = read(raw).expect("a mail");

        assert_eq!(mail.message_id.as_deref(), Some("b@example.com"));
        assert_eq!(mail.answers, ["a@shop.example", "x@shop.example"]);
        assert_eq!(mail.from, Some(Mailbox { name: Some("Zoë".to_owned()), address: "zoe@example.com".to_owned() }));
        assert_eq!(mail.subject.as_deref(), Some("Re: Order"));
        assert_eq!(mail.text.as_deref().map(str::trim_end), Some("Where is it? é"));
        assert_eq!(mail.html, None);
        assert_eq!(mail.date.map(|at| at.to_string()).as_deref(), Some("2026-03-02T09:00:00Z"));
    }

    #[test]
    fn what_a_machine_wrote_or_marked_is_told_apart() {
        for (head, machine) in [
            ("Subject: Hello", None),
            ("Auto-Submitted: no", None),
            ("Precedence: list", None),
            ("X-Spam-Flag: YES", Some(Machine::SpamFilter)),
            ("X-Spam-Status: Yes, score=9.1", Some(Machine::SpamFilter)),
            ("Auto-Submitted: auto-generated", Some(Machine::Program)),
            ("Precedence: bulk", Some(Machine::Program)),
            ("Auto-Submitted: auto-replied (vacation)", Some(Machine::Vacation)),
            ("Content-Type: multipart/report; report-type=delivery-status; boundary=x", Some(Machine::MailServer)),
        ] {
            let raw = format!("From: a@example.com\r\n{head}\r\n\r\nText\r\n");

            assert_eq!(read(raw.as_bytes()).expect("a mail").machine, machine, "{head}");
        }
    }

    #[test]
    fn nothing_panics_on_bytes_that_are_no_mail() {
        for raw in
            [&b""[..], b"\xff\xfe\x00", b"From: \r\n\r\n", b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n"]
        {
            let _mail = read(raw);
        }
    }
}

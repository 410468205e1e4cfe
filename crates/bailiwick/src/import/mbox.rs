//! A mailbox: mails one after the other, each behind a line that begins with `From `.
//!
//! A mail that answers one that is there goes to its ticket; every other begins a ticket. A mail that one of our staff sent counts as ours.
//! What a machine wrote, or a spam filter marked, is held back.

use std::io::{self, BufRead, BufReader, Read};

use helpdesk::held_messages::Cause;
use helpdesk::jobs::import::{Content, Mail, Row};
use helpdesk::people::PersonRef;
use helpdesk::tickets::message_draft::NewMessage;
use mail_reading::{Machine, Mailbox};
use serde_json::{Value, json};

use super::ROW_BYTES_MAX;
use super::values::cut;

const SUBJECT_MAX_CHARS: usize = 998;

pub fn read<R: Read + 'static>(mut file: BufReader<R>) -> impl Iterator<Item = io::Result<Row>> {
    let (mut number, mut offset) = (0, 0_u64);
    let mut is_in_mail = false;
    let next = move || -> io::Result<Option<Row>> {
        let mut raw = Vec::new();
        let mut after_empty_line = true;
        loop {
            let mut line = Vec::new();
            let n = file.read_until(b'\n', &mut line)?;
            if n == 0 {
                if !is_in_mail || raw.is_empty() {
                    return Ok(None);
                }
                is_in_mail = false;
                break;
            }
            let begins = line.starts_with(b"From ") && after_empty_line;
            after_empty_line = line.iter().all(u8::is_ascii_whitespace);
            if begins {
                offset += n as u64;
                if is_in_mail && !raw.is_empty() {
                    break;
                }
                is_in_mail = true;
                continue;
            }
            offset += n as u64;
            if is_in_mail {
                if ROW_BYTES_MAX < raw.len() + line.len() {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "a mail of the mailbox is larger than 64 MiB",
                    ));
                }
                raw.extend_from_slice(unquoted(&line));
            }
        }
        number += 1;
        Ok(Some(Row { number, end: offset, content: content(&raw) }))
    };
    let mut next = next;
    std::iter::from_fn(move || next().transpose())
}

/// `>From ` in a body was `From `.
fn unquoted(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    if quotes > 0 && line[quotes..].starts_with(b"From ") { &line[1..] } else { line }
}

fn content(raw: &[u8]) -> Content {
    let Some(mail) = mail_reading::read(raw) else { return Content::Wrong("Not a mail.".to_owned()) };
    let Some(from) = mail.from.clone() else { return Content::Wrong("The mail does not say who sent it.".to_owned()) };
    // Without an id of its own, a mail is known by what is in it.
    let message_id = mail.message_id.clone().unwrap_or_else(|| {
        let hash: String = outside::sha256(raw).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{hash}@mbox")
    });
    let address = |it: &Mailbox| json!({ "name": it.name, "address": it.address });
    let list = |all: &[Mailbox]| Value::Array(all.iter().map(address).collect());
    let source = json!({ "type": "email", "from": address(&from), "to": list(&mail.to), "cc": list(&mail.cc) });
    let files: Vec<Value> = mail.attachments.iter().map(|name| json!({ "name": name })).collect();
    let customer = PersonRef { name: from.name.clone(), ..PersonRef::by_email(from.address.clone()) };
    let message = NewMessage {
        channel: "email".to_owned(),
        via: "email".to_owned(),
        sender: Some(customer.clone()),
        source: Some(source),
        subject: cut(mail.subject, SUBJECT_MAX_CHARS),
        body_text: mail.text.or_else(|| mail.html.is_none().then(String::new)),
        body_html: mail.html,
        attachments: (!files.is_empty()).then_some(Value::Array(files)),
        message_id: Some(message_id),
        imported: true,
        created_at: mail.date,
        sent_at: mail.date,
        ..NewMessage::default()
    };
    let recipient = mail.to.first().map(|to| to.address.clone());
    let cause = mail.machine.map(|machine| match machine {
        Machine::SpamFilter => Cause::Spam,
        Machine::Program => Cause::Automated,
        Machine::MailServer => Cause::DeliveryFailure,
        Machine::Vacation => Cause::Vacation,
    });
    Content::Mail(Box::new(Mail { message, answers: mail.answers, customer, cause, recipient }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_told_apart_and_quoted_lines_restored() {
        let text = "From a@b Mon\r\nFrom: a@b.com\r\nMessage-ID: <1@b>\r\n\r\nOne\r\n>From here\r\n\r\nFrom c@d Tue\r\nFrom: c@d.com\r\n\
            Message-ID: <2@d>\r\nIn-Reply-To: <1@b>\r\n\r\nTwo\r\n";

        let rows: Vec<Row> = read(BufReader::new(io::Cursor::new(text.as_bytes()))).map(|row| row.unwrap()).collect();

        let mails: Vec<&Mail> = rows
            .iter()
            .map(|row| match &row.content {
                Content::Mail(mail) => mail.as_ref(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(mails.len(), 2);
        assert!(mails[0].message.body_text.as_deref().unwrap().contains("\nFrom here"));
        assert_eq!(mails[1].answers, ["1@b"]);
        assert_eq!(rows[1].end, text.len() as u64);
    }
}

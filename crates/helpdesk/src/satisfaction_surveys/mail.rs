//! What the mail of a survey says: the account's own template, or ours.
//!
//! A template knows a few variables, written `{{ticket.customer.firstname}}`; one it does not know stays empty. The link is put at the
//! end of a template that forgot it: without it nobody could answer.

use outside::mail::Mail;

use super::sending::Setting;

const SUBJECT: &str = "How did we do?";

const TEXT: &str = "Hello {{ticket.customer.firstname}},

your conversation with {{account.name}} is closed. How did we do?

{{satisfaction_survey_url}}

It takes a click or two. Thank you!
";

const HTML: &str = "<p>Hello {{ticket.customer.firstname}},</p>\
<p>your conversation with {{account.name}} is closed. How did we do?</p>\
<p><a href=\"{{satisfaction_survey_url}}\">Answer the survey</a></p>\
<p>It takes a click or two. Thank you!</p>";

/// What the variables stand for.
pub struct Facts<'a> {
    pub account: &'a str,
    pub link: &'a str,
    pub ticket_id: i64,
    pub subject: String,
    pub firstname: String,
    pub lastname: String,
    pub name: String,
    pub email: &'a str,
}

pub fn write(setting: &Setting, facts: &Facts<'_>) -> Mail {
    let text = fill(setting.email_text.as_deref().unwrap_or(TEXT), facts, str::to_owned);
    let html = fill(setting.email_html.as_deref().unwrap_or(HTML), facts, escape);
    let text = if text.contains(facts.link) { text } else { format!("{}\n\n{}\n", text.trim_end(), facts.link) };
    let html = if html.contains(facts.link) {
        html
    } else {
        format!("{html}<p><a href=\"{0}\">{0}</a></p>", escape(facts.link))
    };
    Mail { to: facts.email.to_owned(), subject: SUBJECT.to_owned(), text, html }
}

/// A template with its variables filled in, each value as the form of the mail needs it.
fn fill(template: &str, facts: &Facts<'_>, form: fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(template.len() + 200);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            filled.push_str("{{");
            rest = after;
            continue;
        };
        let value = match name.trim() {
            "satisfaction_survey_url" | "survey.url" => facts.link,
            "account.name" => facts.account,
            "ticket.subject" => &facts.subject,
            "ticket.id" => &facts.ticket_id.to_string(),
            "ticket.customer.firstname" => &facts.firstname,
            "ticket.customer.lastname" => &facts.lastname,
            "ticket.customer.name" | "ticket.customer.full_name" => &facts.name,
            "ticket.customer.email" => facts.email,
            _ => "",
        };
        filled.push_str(&form(value));
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts<'static> {
        Facts {
            account: "Meadow & Lane",
            link: "https://help.example/survey/7.1.x",
            ticket_id: 12,
            subject: String::new(),
            firstname: "<b>Mia".to_owned(),
            lastname: String::new(),
            name: String::new(),
            email: "mia@example.com",
        }
    }

    #[test]
    fn values_are_escaped_in_html_and_nowhere_else() {
        let mail = write(&Setting::default(), &facts());

        assert!(mail.text.contains("Hello <b>Mia,") && mail.text.contains("Meadow & Lane"));
        assert!(mail.html.contains("Hello &lt;b&gt;Mia,") && mail.html.contains("Meadow &amp; Lane"));
    }

    #[test]
    fn a_template_without_the_link_gets_it() {
        let setting = Setting {
            email_text: Some("Hi {{ nobody }}{{ticket.id}} {{unfinished".to_owned()),
            email_html: Some("<p>Hi</p>".to_owned()),
            ..Setting::default()
        };

        let mail = write(&setting, &facts());

        assert_eq!(mail.text, "Hi 12 {{unfinished\n\nhttps://help.example/survey/7.1.x\n");
        assert!(mail.html.ends_with("https://help.example/survey/7.1.x</a></p>"));
    }
}

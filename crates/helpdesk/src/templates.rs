//! Texts with places to fill in, such as `Hello {{ticket.customer.firstname}}`, in macros, rules and integrations.
//!
//! What a template may do is bounded: it reads the facts it is given, within a budget of steps and a length. What is not known is empty.
//! A text that is no template stays as it is written: a reply is never lost over a stray brace.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use scope::permit::CanRead;
use scope::resource::Tickets;
use serde_json::{Map, Value as Json, json};
use store::Tx;

use crate::custom_fields::{self, Carrier, Values};
use crate::{Error, dynamic_content, tickets};

/// Longest text that comes out, in bytes.
const LENGTH_MAX_BYTES: usize = 512 * 1024;
/// Steps that a template may take.
const FUEL: u64 = 50_000;

/// What a template may name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts(pub Json);

impl Facts {
    /// As `of`, for whoever wants to see what a text would become. `NotFound` without such a ticket.
    pub async fn preview<'a>(
        tx: &mut Tx,
        may: &CanRead<Tickets>,
        ticket_id: i64,
        person_id: Option<i64>,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Facts, Error> {
        tickets::must_exist(tx, may, ticket_id).await?;
        Facts::of(tx, ticket_id, person_id, texts).await
    }

    /// Of a ticket, its people and its last message; `current_user` is whoever speaks. Nothing is read if no text asks for anything.
    pub(crate) async fn of<'a>(
        tx: &mut Tx,
        ticket_id: i64,
        person_id: Option<i64>,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Facts, Error> {
        let texts: Vec<&str> = texts.into_iter().filter(|text| is_template(text)).collect();
        if texts.is_empty() {
            return Ok(Facts::default());
        }
        let row = tx
            .row(
                "select t.id, t.external_id, t.subject, t.status, t.priority, t.channel, t.language, t.created_at, t.updated_at, t.excerpt,
                        t.type, t.via, o.name as organization_name,
                        c.id as customer_id, c.name as customer_name, c.firstname as customer_firstname,
                        c.lastname as customer_lastname, c.email as customer_email, c.note as customer_note,
                        coalesce(c.language, t.language) as customer_language,
                        u.id as assignee_id, u.name as assignee_name, u.firstname as assignee_firstname,
                        u.lastname as assignee_lastname, u.email as assignee_email, g.name as team_name
                 from tickets t
                 left join people c on c.id = t.customer_id
                 left join people u on u.id = t.assignee_user_id
                 left join teams g on g.id = t.assignee_team_id
                 left join organizations o on o.id = t.organization_id
                 where t.id = $1",
                &[ticket_id.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(Facts::default()) };
        let language = row.text_or_null("customer_language")?;
        let contents = dynamic_content::named_in(tx, language.as_deref(), texts.iter().copied()).await?;
        let texts: Vec<&str> = texts.into_iter().chain(contents.values().filter_map(Json::as_str)).collect();
        let text = |name: &'static str| row.text_or_null(name).map(|text| text.unwrap_or_default());
        let speaker = tx
            .row("select id, name, firstname, lastname, email, bio from people where id = $1", &[person_id.into()])
            .await?;
        let message = match texts.iter().any(|text| text.contains("message")) {
            true => last_received(tx, ticket_id).await?,
            false => json!({}),
        };
        let said = match texts.iter().any(|text| text.contains("comment") || text.contains("description")) {
            true => said(tx, ticket_id).await?,
            false => Said::default(),
        };
        let tags = match texts.iter().any(|text| text.contains("tags")) {
            true => tags(tx, ticket_id).await?,
            false => String::new(),
        };
        let asks_fields = |text: &&str| text.contains("custom_fields") || text.contains("ticket_field_");
        let custom_fields = match texts.iter().any(asks_fields) {
            true => custom_fields::of_object(tx, Carrier::Ticket, ticket_id).await?,
            false => Values::new(),
        };
        let custom_fields: Map<String, Json> =
            custom_fields.iter().map(|(id, value)| (id.to_string(), value.to_flat_json())).collect();
        let current_user = match &speaker {
            Some(speaker) => json!({
                "id": speaker.int("id")?, "name": speaker.text_or_null("name")?.unwrap_or_default(),
                "firstname": speaker.text("firstname")?, "lastname": speaker.text("lastname")?,
                "first_name": speaker.text("firstname")?, "last_name": speaker.text("lastname")?,
                "email": speaker.text_or_null("email")?.unwrap_or_default(), "bio": speaker.text_or_null("bio")?.unwrap_or_default(),
            }),
            None => json!({}),
        };
        let customer = json!({
            "id": row.int_or_null("customer_id")?, "name": text("customer_name")?, "firstname": text("customer_firstname")?,
            "lastname": text("customer_lastname")?, "first_name": text("customer_firstname")?, "last_name": text("customer_lastname")?,
            "email": text("customer_email")?, "note": text("customer_note")?,
        });
        let assignee = json!({
            "id": row.int_or_null("assignee_id")?, "name": text("assignee_name")?, "firstname": text("assignee_firstname")?,
            "lastname": text("assignee_lastname")?, "first_name": text("assignee_firstname")?,
            "last_name": text("assignee_lastname")?, "email": text("assignee_email")?,
        });
        // Both vendors' names of the same: people move texts from one to the other.
        let mut facts = Facts(json!({
            "ticket": {
                "id": row.int("id")?, "external_id": text("external_id")?, "subject": text("subject")?,
                "status": text("status")?, "priority": text("priority")?, "channel": text("channel")?,
                "language": text("language")?, "created_datetime": row.time("created_at")?.to_string(),
                "excerpt": text("excerpt")?, "customer": customer, "requester": customer,
                "assignee_user": assignee, "assignee": assignee, "title": text("subject")?,
                "assignee_team": { "name": text("team_name")? }, "group": { "name": text("team_name")? }, "custom_fields": &custom_fields,
                "organization": { "name": text("organization_name")? }, "ticket_type": text("type")?, "via": text("via")?,
                "created_at": row.time("created_at")?.to_string(), "updated_at": row.time("updated_at")?.to_string(),
                "tags": tags, "description": said.first, "latest_comment": said.last, "latest_public_comment": said.last_public,
            },
            "message": message,
            "current_user": current_user,
        }));
        for (id, value) in &custom_fields {
            facts.0["ticket"][format!("ticket_field_{id}")] = value.clone();
        }
        // They may have places to fill in themselves, though not each other.
        let contents: Map<String, Json> = contents
            .iter()
            .map(|(name, content)| (name.clone(), json!(self::text(content.as_str().unwrap_or_default(), &facts))))
            .collect();
        facts.0["dc"] = Json::Object(contents);
        Ok(facts)
    }
}

impl Facts {
    /// Of no ticket: what the account has written in several languages, for names that everybody of a language reads alike. Nothing is read
    /// if no text asks for anything.
    pub async fn of_contents(tx: &mut Tx, language: Option<&str>, texts: &[&str]) -> Result<Facts, Error> {
        if !texts.iter().any(|text| is_template(text)) {
            return Ok(Facts::default());
        }
        let contents = dynamic_content::named_in(tx, language, texts.iter().copied()).await?;
        Ok(Facts(json!({ "dc": contents })))
    }
}

/// The newest message of the customer.
async fn last_received(tx: &mut Tx, ticket_id: i64) -> Result<Json, Error> {
    let row = tx
        .row(
            "select id, subject, stripped_text, body_text, channel, created_at from messages
             where ticket_id = $1 and from_agent = 0 order by created_at desc, id desc limit 1",
            &[ticket_id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(json!({})) };
    Ok(json!({
        "id": row.int("id")?, "subject": row.text_or_null("subject")?.unwrap_or_default(),
        "body_text": row.text_or_null("body_text")?.unwrap_or_default(),
        "stripped_text": row.text_or_null("stripped_text")?.unwrap_or_default(),
        "channel": row.text("channel")?, "created_datetime": row.time("created_at")?.to_string(),
    }))
}

/// What was said on a ticket.
#[derive(Debug, Default)]
struct Said {
    first: String,
    last: String,
    last_public: String,
}

/// Served by `messages_by_ticket`.
async fn said(tx: &mut Tx, ticket_id: i64) -> Result<Said, Error> {
    let mut texts = Vec::with_capacity(3);
    for which in [
        "order by created_at, id",
        "order by created_at desc, id desc",
        "and public = 1 order by created_at desc, id desc",
    ] {
        let sql = format!("select body_text from messages where ticket_id = $1 {which} limit 1");
        let row = tx.row(&sql, &[ticket_id.into()]).await?;
        texts.push(row.map(|row| row.text_or_null("body_text")).transpose()?.flatten().unwrap_or_default());
    }
    let mut texts = texts.into_iter();
    let mut next = || texts.next().unwrap_or_default();
    Ok(Said { first: next(), last: next(), last_public: next() })
}

/// Their names, with blanks between them.
async fn tags(tx: &mut Tx, ticket_id: i64) -> Result<String, Error> {
    let sql =
        "select g.name from ticket_tags tt join tags g on g.id = tt.tag_id where tt.ticket_id = $1 order by g.name";
    let rows = tx.rows(sql, &[ticket_id.into()]).await?;
    let names = rows.iter().map(|row| row.text("name")).collect::<Result<Vec<_>, _>>()?;
    Ok(names.join(" "))
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Fills in a plain text.
pub fn text(template: &str, facts: &Facts) -> String {
    render(template, facts, AutoEscape::None)
}

/// Fills in an HTML text: what is filled in is escaped.
pub fn html(template: &str, facts: &Facts) -> String {
    render(template, facts, AutoEscape::Html)
}

fn render(template: &str, facts: &Facts, escape: AutoEscape) -> String {
    if !is_template(template) {
        return template.to_owned();
    }
    let mut environment = Environment::empty();
    environment.add_filter("default", minijinja::filters::default);
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("title", minijinja::filters::title);
    environment.add_filter("trim", minijinja::filters::trim);
    environment.add_filter("replace", minijinja::filters::replace);
    environment.add_filter("first", minijinja::filters::first);
    environment.add_filter("length", minijinja::filters::length);
    environment.add_filter("date", date);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(move |_name| escape.clone());
    match environment.render_str(template, minijinja::value::Serde(&facts.0)) {
        Ok(text) if text.len() <= LENGTH_MAX_BYTES => text,
        Ok(_) => template.to_owned(),
        Err(error) => {
            tracing::debug!(%error, "a text is no template, or takes too long: it stays as it is");
            template.to_owned()
        }
    }
}

/// A time, written as `%Y-%m-%d` or as it is asked for. What is no time stays as it is; a pattern that is none gives the usual one.
fn date(value: &str, pattern: Option<&str>) -> String {
    const USUAL: &str = "%Y-%m-%d";
    let Ok(at) = value.parse::<Timestamp>() else { return value.to_owned() };
    let at = at.to_zoned(TimeZone::UTC);
    let written = jiff::fmt::strtime::format(pattern.unwrap_or(USUAL), &at);
    written.or_else(|_| jiff::fmt::strtime::format(USUAL, &at)).unwrap_or_else(|_| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts(json!({ "ticket": { "id": 7, "customer": { "firstname": "Ada <b>" } } }))
    }

    #[test]
    fn places_are_filled_in_and_what_is_unknown_is_empty() {
        let said =
            text("Hello {{ ticket.customer.firstname }}, about {{ticket.id}}{{ticket.nothing.there}}.", &facts());

        assert_eq!(said, "Hello Ada <b>, about 7.");
        assert_eq!(text("{{ ticket.nothing | default('friend') }}", &facts()), "friend");
        let at = Facts(json!({ "at": "2026-03-02T09:00:00Z" }));
        assert_eq!(
            text("{{ at | date }} {{ at | date('%d.%m.%Y') }} {{ at | date('%@') }} {{ 'x' | date }}", &at),
            "2026-03-02 02.03.2026 2026-03-02 x"
        );
    }

    #[test]
    fn what_is_filled_into_html_is_escaped() {
        assert_eq!(html("<p>{{ticket.customer.firstname}}</p>", &facts()), "<p>Ada &lt;b&gt;</p>");
    }

    #[test]
    fn what_is_no_template_or_never_ends_stays_as_it_is() {
        for stray in ["{{ ticket.", "{% nothing %}", "{% for a in range(1000000) %}x{% endfor %}", "100 % {{}}"] {
            assert_eq!(text(stray, &facts()), stray);
        }
    }
}

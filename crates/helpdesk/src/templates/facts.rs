//! What templates may name: a ticket, its people, its last message, whoever speaks, and the account. Both vendors' names of the same are
//! there, for people move texts from one to the other. What costs a statement of its own is read only where a text names it.

use scope::permit::CanRead;
use scope::resource::Tickets;
use serde_json::{Map, Value as Json, json};
use store::{Row, Tx};

use super::{Facts, RATING_URL, is_template, said, text};
use crate::custom_fields::{self, Carrier, Values};
use crate::{Error, account, dynamic_content, public_address, schedules, tickets};

/// People that are told as copied in or following, at most.
const PEOPLE_MAX: i64 = 100;

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
        let Some(row) = tx.row(SELECT, &[ticket_id.into()]).await? else { return Ok(Facts::default()) };
        let language = row.text_or_null("customer_language")?;
        let contents = dynamic_content::named_in(tx, language.as_deref(), texts.iter().copied()).await?;
        let texts: Vec<&str> = texts.into_iter().chain(contents.values().filter_map(Json::as_str)).collect();
        let asks = |words: &[&str]| texts.iter().any(|text| words.iter().any(|word| text.contains(word)));
        let mut ticket = ticket(&row)?;
        ticket["requester"] = person(&row, "customer")?;
        ticket["customer"] = ticket["requester"].clone();
        ticket["assignee"] = person(&row, "assignee")?;
        ticket["assignee_user"] = ticket["assignee"].clone();
        if asks(&["comment", "description"]) {
            put_all(&mut ticket, said::names(tx, ticket_id).await?);
        }
        if asks(&["tags"]) {
            ticket["tags"] = json!(tags(tx, ticket_id).await?);
        }
        if asks(&["ticket.cc", "ticket.follower"]) {
            put_all(&mut ticket, copied(tx, ticket_id).await?);
        }
        if asks(&["in_business_hours"]) {
            let hours = schedules::hours_of_ticket(tx, row.int_or_null("schedule_id")?).await?;
            ticket["in_business_hours"] = json!(hours.is_open(row.time("updated_at")?).to_string());
        }
        if asks(&["custom_fields", "ticket_field_"]) {
            let own = values(custom_fields::of_object(tx, Carrier::Ticket, ticket_id).await?);
            for (id, value) in &own {
                ticket[format!("ticket_field_{id}")] = value.clone();
            }
            ticket["custom_fields"] = Json::Object(own);
        }
        if asks(&["custom_fields"]) {
            let keyed = keyed(tx, Carrier::Customer, row.int_or_null("customer_id")?).await?;
            ticket["requester"]["custom_fields"] = Json::Object(keyed);
            let keyed = self::keyed(tx, Carrier::Organization, row.int_or_null("organization_id")?).await?;
            ticket["organization"]["custom_fields"] = Json::Object(keyed);
        }
        let account = account::name(tx).await?.unwrap_or_default();
        ticket["account"] = json!(account);
        put_addresses(&mut ticket, &public_address::get(tx).await?, &format!("agent/tickets/{ticket_id}"));
        let message = if asks(&["message"]) { said::last_received(tx, ticket_id).await? } else { json!({}) };
        let satisfaction = if asks(&["satisfaction"]) { satisfaction(tx, ticket_id).await? } else { json!({}) };
        let mut facts = Facts(json!({
            "ticket": ticket,
            "message": message,
            "current_user": speaker(tx, person_id).await?,
            "satisfaction": satisfaction,
            "account": { "name": account },
        }));
        // They may have places to fill in themselves, though not each other.
        let contents: Map<String, Json> = contents
            .iter()
            .map(|(name, content)| (name.clone(), json!(text(content.as_str().unwrap_or_default(), &facts))))
            .collect();
        facts.0["dc"] = Json::Object(contents);
        Ok(facts)
    }

    /// The same for a text that customers read: the ticket's address is theirs, and internal notes are not told.
    #[must_use]
    pub(crate) fn for_customers(mut self) -> Facts {
        said::leave_out_private(&mut self.0["ticket"]);
        let id = self.0["ticket"]["id"].clone();
        let root = self.0["ticket"]["account_url"].as_str().unwrap_or_default().to_owned();
        if id.is_number() {
            put_addresses(&mut self.0["ticket"], &root, &format!("hc/requests/{id}"));
        }
        self
    }

    /// The same for the customer who may rate the ticket: they are told where.
    #[must_use]
    pub(crate) fn for_whoever_rates(mut self) -> Facts {
        let section = format!(
            "How would you rate the help you got?\n\nGood, I am satisfied:\n{RATING_URL}?score=5\n\n\
             Bad, I am not satisfied:\n{RATING_URL}?score=1"
        );
        self.0["satisfaction"]["rating_url"] = json!(RATING_URL);
        self.0["satisfaction"]["rating_section"] = json!(section);
        self
    }

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

const SELECT: &str =
    "select t.id, t.external_id, t.subject, t.status, t.priority, t.channel, t.language, t.created_at, t.updated_at, t.excerpt,
            t.type, t.via, t.due_at, t.schedule_id, t.organization_id, o.name as organization_name, o.details as organization_details,
            o.notes as organization_notes, o.external_id as organization_external_id, f.name as form_name,
            (select b.name from brands b where b.id = coalesce(t.brand_id, (select d.id from brands d where d.is_default = 1))) as brand_name,
            c.id as customer_id, c.name as customer_name, c.firstname as customer_firstname,
            c.lastname as customer_lastname, c.email as customer_email, c.note as customer_note,
            c.external_id as customer_external_id, c.details as customer_details, c.signature as customer_signature,
            coalesce(c.language, t.language) as customer_language, c.timezone as customer_timezone,
            u.id as assignee_id, u.name as assignee_name, u.firstname as assignee_firstname,
            u.lastname as assignee_lastname, u.email as assignee_email, u.note as assignee_note,
            u.external_id as assignee_external_id, u.details as assignee_details, u.signature as assignee_signature,
            u.language as assignee_language, u.timezone as assignee_timezone, g.name as team_name
     from tickets t
     left join people c on c.id = t.customer_id
     left join people u on u.id = t.assignee_user_id
     left join teams g on g.id = t.assignee_team_id
     left join organizations o on o.id = t.organization_id
     left join ticket_forms f on f.id = t.form_id
     where t.id = $1";

fn text_in(row: &Row, name: &'static str) -> Result<String, Error> {
    Ok(row.text_or_null(name)?.unwrap_or_default())
}

fn ticket(row: &Row) -> Result<Json, Error> {
    let text = |name: &'static str| text_in(row, name);
    let due_at = row.time_or_null("due_at")?;
    let due = |pattern: &str| due_at.map(|at| at.strftime(pattern).to_string()).unwrap_or_default();
    Ok(json!({
        "id": row.int("id")?, "external_id": text("external_id")?, "subject": text("subject")?, "title": text("subject")?,
        "status": text("status")?, "priority": text("priority")?, "channel": text("channel")?, "via": text("via")?,
        "language": text("language")?, "ticket_type": text("type")?, "ticket_form": text("form_name")?,
        "excerpt": text("excerpt")?, "created_datetime": row.time("created_at")?.to_string(),
        "created_at": row.time("created_at")?.to_string(), "created_at_with_timestamp": row.time("created_at")?.to_string(),
        "updated_at": row.time("updated_at")?.to_string(), "updated_at_with_timestamp": row.time("updated_at")?.to_string(),
        "due_date": due("%Y-%m-%d"), "due_date_with_timestamp": due("%Y-%m-%dT%H:%M:%SZ"),
        "brand": { "name": text("brand_name")? }, "group": { "name": text("team_name")? },
        "assignee_team": { "name": text("team_name")? },
        "organization": {
            "id": row.int_or_null("organization_id")?, "name": text("organization_name")?, "details": text("organization_details")?,
            "notes": text("organization_notes")?, "external_id": text("organization_external_id")?,
        },
    }))
}

/// Somebody by the columns that begin so.
fn person(row: &Row, who: &'static str) -> Result<Json, Error> {
    const OF_CUSTOMER: [&str; 11] = [
        "customer_id",
        "customer_name",
        "customer_firstname",
        "customer_lastname",
        "customer_email",
        "customer_note",
        "customer_external_id",
        "customer_details",
        "customer_signature",
        "customer_language",
        "customer_timezone",
    ];
    const OF_ASSIGNEE: [&str; 11] = [
        "assignee_id",
        "assignee_name",
        "assignee_firstname",
        "assignee_lastname",
        "assignee_email",
        "assignee_note",
        "assignee_external_id",
        "assignee_details",
        "assignee_signature",
        "assignee_language",
        "assignee_timezone",
    ];
    let [id, name, first, last, email, note, external_id, details, signature, language, zone] =
        if who == "customer" { OF_CUSTOMER } else { OF_ASSIGNEE };
    Ok(json!({
        "id": row.int_or_null(id)?, "name": text_in(row, name)?, "firstname": text_in(row, first)?, "lastname": text_in(row, last)?,
        "first_name": text_in(row, first)?, "last_name": text_in(row, last)?, "email": text_in(row, email)?,
        "note": text_in(row, note)?, "notes": text_in(row, note)?, "external_id": text_in(row, external_id)?,
        "details": text_in(row, details)?, "signature": text_in(row, signature)?, "language": text_in(row, language)?,
        "locale": text_in(row, language)?, "time_zone": text_in(row, zone)?,
    }))
}

async fn speaker(tx: &mut Tx, person_id: Option<i64>) -> Result<Json, Error> {
    let row = tx
        .row(
            "select p.id, p.name, p.firstname, p.lastname, p.email, p.bio, p.note, p.details, p.signature, p.language, p.timezone,
                    p.external_id, o.name as organization_name, o.notes as organization_notes, o.details as organization_details
             from people p left join organization_members m on m.customer_id = p.id and m.is_default = 1
             left join organizations o on o.id = m.organization_id where p.id = $1",
            &[person_id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(json!({})) };
    let text = |name: &'static str| text_in(&row, name);
    Ok(json!({
        "id": row.int("id")?, "name": text("name")?, "firstname": text("firstname")?, "lastname": text("lastname")?,
        "first_name": text("firstname")?, "last_name": text("lastname")?, "email": text("email")?, "bio": text("bio")?,
        "notes": text("note")?, "details": text("details")?, "signature": text("signature")?, "language": text("language")?,
        "locale": text("language")?, "time_zone": text("timezone")?, "external_id": text("external_id")?,
        "organization": {
            "name": text("organization_name")?, "notes": text("organization_notes")?, "details": text("organization_details")?,
        },
    }))
}

/// Where the ticket is: with its protocol, and without.
fn put_addresses(ticket: &mut Json, root: &str, path: &str) {
    let address = format!("{root}/{path}");
    let bare = address.split_once("://").map_or(address.as_str(), |(_, bare)| bare).to_owned();
    ticket["account_url"] = json!(root);
    ticket["link"] = json!(address);
    ticket["url_with_protocol"] = json!(address);
    ticket["url"] = json!(bare);
}

fn put_all(ticket: &mut Json, names: Map<String, Json>) {
    for (name, value) in names {
        ticket[name] = value;
    }
}

fn values(own: Values) -> Map<String, Json> {
    own.iter().map(|(id, value)| (id.to_string(), value.to_flat_json())).collect()
}

/// Values by the keys of their fields.
async fn keyed(tx: &mut Tx, carrier: Carrier, id: Option<i64>) -> Result<Map<String, Json>, Error> {
    let Some(id) = id else { return Ok(Map::new()) };
    let mut found = [(id, Vec::new())];
    custom_fields::fill_keyed(tx, carrier, &mut found, |(id, _)| *id, |(_, fields), keyed| *fields = keyed).await?;
    let [(_, keyed)] = found;
    let value = |value: Option<custom_fields::FieldValue>| value.map_or(json!(""), |value| value.to_flat_json());
    Ok(keyed.into_iter().map(|(key, it)| (key, value(it))).collect())
}

/// Their names, with blanks between them.
async fn tags(tx: &mut Tx, ticket_id: i64) -> Result<String, Error> {
    let sql =
        "select g.name from ticket_tags tt join tags g on g.id = tt.tag_id where tt.ticket_id = $1 order by g.name";
    let rows = tx.rows(sql, &[ticket_id.into()]).await?;
    let names = rows.iter().map(|row| row.text("name")).collect::<Result<Vec<_>, _>>()?;
    Ok(names.join(" "))
}

/// Who is copied in, and who follows.
async fn copied(tx: &mut Tx, ticket_id: i64) -> Result<Map<String, Json>, Error> {
    let sql = "select x.part, p.name, p.firstname, p.email from ticket_people x join people p on p.id = x.person_id
               where x.ticket_id = $1 order by p.id limit $2";
    let (mut ccs, mut followers) = (Vec::new(), Vec::new());
    for row in tx.rows(sql, &[ticket_id.into(), PEOPLE_MAX.into()]).await? {
        let person = json!({
            "name": text_in(&row, "name")?, "first_name": text_in(&row, "firstname")?, "email": text_in(&row, "email")?,
        });
        if row.text("part")? == "cc" { ccs.push(person) } else { followers.push(person) }
    }
    let names = |people: &[Json]| {
        let names: Vec<&str> = people.iter().filter_map(|person| person["name"].as_str()).collect();
        json!(names.join(", "))
    };
    Ok(Map::from_iter([
        ("cc_names".to_owned(), names(&ccs)),
        ("follower_names".to_owned(), names(&followers)),
        ("ccs".to_owned(), Json::Array(ccs)),
        ("followers".to_owned(), Json::Array(followers)),
    ]))
}

/// What the customer thinks. Where they can say so is known to a mail to them alone (`for_whoever_rates`).
async fn satisfaction(tx: &mut Tx, ticket_id: i64) -> Result<Json, Error> {
    /// Scores from here on are good.
    const GOOD: i64 = 4;
    let sql = "select score, body_text from satisfaction_surveys where ticket_id = $1";
    let Some(row) = tx.row(sql, &[ticket_id.into()]).await? else { return Ok(json!({})) };
    let rating = row.int_or_null("score")?.map(|score| if GOOD <= score { "Good" } else { "Bad" });
    Ok(json!({ "current_rating": rating.unwrap_or_default(), "current_comment": text_in(&row, "body_text")? }))
}

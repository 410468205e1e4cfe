//! What a mock is filled with: a file in TOML or JSON, written through the domain as a call would write it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use helpdesk::held_messages::{self, Cause, NewHeld};
use helpdesk::organizations::{self, Membership, NewOrganization};
use helpdesk::people::{AddressRef, PersonRef};
use helpdesk::tags::NewTag;
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::messages::{API, INTERNAL_NOTE};
use helpdesk::tickets::write::{self, NewTicket, SetStatus};
use helpdesk::tickets::{Priority, Status, TicketType, message_write};
use helpdesk::{Error, account, api_keys, customers, teams, users};
use jiff::Timestamp;
use outside::Random;
use scope::permit::{Actor, CanWrite};
use scope::resource::Resource;
use scope::role::Role;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use store::Tx;

use super::help_center::{Article, Category, Section};
use crate::demo::permit;

/// Of everybody in a mock.
pub const PASSWORD: &str = "mock-password";
/// Its hash, made beforehand: to make it takes longer than the whole start. Nothing but a mock ever writes it to a database.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$YmFpbGl3aWNrLW1vY2shIQ$2fPreFDj5sfpH1l3R6z1MJzw6gqVeCI6D4A84C+OsWU";

const ACCOUNT_NAME: &str = "Mock";
const ACCOUNT_DOMAIN: &str = "mock";

/// The whole file. What it leaves out is not there, but that there is always an administrator.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fixtures {
    pub people: Vec<Person>,
    pub organizations: Vec<Organization>,
    pub groups: Vec<Group>,
    pub tickets: Vec<Ticket>,
    pub categories: Vec<Category>,
    pub sections: Vec<Section>,
    pub articles: Vec<Article>,
    pub suspended_tickets: Vec<Suspended>,
    pub clients: Vec<Client>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub name: String,
    pub email: String,
    /// `admin`, `agent`, `end-user`, or one of our own roles. The first administrator owns the account.
    pub role: String,
    pub api_key: Option<String>,
    pub external_id: Option<String>,
    /// Of customers, as is the next.
    pub phone: Option<String>,
    /// By name.
    pub organization: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    pub name: String,
    pub external_id: Option<String>,
    pub details: Option<String>,
    pub notes: Option<String>,
    #[serde(default)]
    pub domains: Vec<String>,
    #[serde(default)]
    pub tags: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    pub description: Option<String>,
    /// Addresses of staff.
    #[serde(default)]
    pub members: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    pub subject: Option<String>,
    /// Addresses, as are the assignee and the authors.
    pub requester: String,
    pub assignee: Option<String>,
    /// By name.
    pub group: Option<String>,
    pub status: Option<String>,
    pub priority: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub external_id: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub created_at: Option<String>,
    /// At least one.
    pub comments: Vec<Comment>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    pub author: String,
    pub body: String,
    /// Default: true.
    pub public: Option<bool>,
    pub created_at: Option<String>,
}

/// A mail that is held back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspended {
    /// The address of its author, who need not be somebody in the mock.
    pub author: String,
    pub name: Option<String>,
    pub subject: Option<String>,
    pub body: String,
    /// `spam` (the default), `automated`, `delivery_failure`, `vacation` or `suspended_author`.
    pub cause: Option<String>,
    /// The address that it was sent to.
    pub recipient: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub client_id: String,
    /// None: drawn from the seed. A public app has none.
    pub client_secret: Option<String>,
    pub name: String,
    /// `confidential` (the default) or `public`.
    pub kind: Option<String>,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The ceiling. Default: every word of the dialect.
    pub scopes: Option<Vec<String>>,
    /// The address of whom it acts as for itself. Default: the administrator.
    pub user: Option<String>,
}

/// Somebody in the mock, and what they sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub id: i64,
    pub email: String,
    pub role: Role,
    pub api_key: Option<String>,
}

impl Known {
    pub fn facts(&self) -> Json {
        json!({
            "id": self.id,
            "email": self.email,
            "role": self.role.word(),
            "password": PASSWORD,
            "api_key": self.api_key,
        })
    }
}

impl Fixtures {
    /// What a mock has without a file.
    pub fn usual() -> anyhow::Result<Fixtures> {
        toml::from_str(include_str!("usual.toml")).context("usual.toml, which is compiled in")
    }

    /// TOML, or JSON if its name says so. An error names the file and what is wrong in it.
    pub fn read(path: &Path) -> anyhow::Result<Fixtures> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let is_json = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("json"));
        if is_json {
            return serde_json::from_str(&text).with_context(|| format!("{shown} is wrong"));
        }
        toml::from_str(&text).with_context(|| format!("{shown} is wrong"))
    }

    /// Writes people, organizations, groups, tickets, suspended tickets and articles. The first of the answer owns the account.
    pub async fn write(&self, tx: &mut Tx, now: Timestamp, random: &Random) -> Result<Vec<Known>, Error> {
        let mut writing =
            Writing { now, people: Vec::new(), by_email: HashMap::new(), owner: self.owner(tx, now).await? };
        // First: customers join by the domain of their address.
        let organizations = writing.organizations(tx, self).await?;
        writing.people(tx, self, random).await?;
        writing.memberships(tx, self, &organizations).await?;
        let groups = writing.groups(tx, self).await?;
        for ticket in &self.tickets {
            writing.ticket(tx, ticket, &groups).await?;
        }
        writing.help_center(tx, self).await?;
        for mail in &self.suspended_tickets {
            writing.suspended(tx, mail).await?;
        }
        Ok(writing.people)
    }

    fn first_admin(&self) -> Option<&Person> {
        self.people.iter().find(|person| role_of(&person.role).is_ok_and(Role::is_admin))
    }

    async fn owner(&self, tx: &mut Tx, now: Timestamp) -> Result<i64, Error> {
        let admin = self.first_admin();
        let new = account::NewAccount {
            name: ACCOUNT_NAME.to_owned(),
            domain: ACCOUNT_DOMAIN.to_owned(),
            owner_name: admin.map_or("Ada Admin", |admin| &admin.name).to_owned(),
            owner_email: admin.map_or("admin@mock.test", |admin| &admin.email).to_owned(),
            owner_password_hash: PASSWORD_HASH.to_owned(),
        };
        account::set_up(tx, now, &actor(None, None).request_id, &new).await
    }
}

/// A file while it is written.
pub(super) struct Writing {
    pub(super) now: Timestamp,
    owner: i64,
    people: Vec<Known>,
    by_email: HashMap<String, usize>,
}

impl Writing {
    async fn people(&mut self, tx: &mut Tx, fixtures: &Fixtures, random: &Random) -> Result<(), Error> {
        let owner = fixtures.first_admin();
        let owner_email = owner.map_or("admin@mock.test", |owner| &owner.email);
        self.add(tx, random, self.owner, Role::Owner, owner_email, owner.and_then(|it| it.api_key.as_deref())).await?;
        for person in &fixtures.people {
            if self.by_email.contains_key(&person.email.to_lowercase()) {
                if owner.is_some_and(|owner| std::ptr::eq(owner, person)) {
                    continue;
                }
                return Err(Error::invalid("people", format!("{} is there twice", person.email)));
            }
            let role = role_of(&person.role)?;
            let id = if role.is_staff() {
                let new = users::NewUser {
                    role,
                    external_id: person.external_id.clone(),
                    ..users::NewUser::named(&person.name, &person.email)
                };
                users::create_with_password(tx, &self.admin(), self.now, &new, PASSWORD_HASH).await?
            } else {
                self.customer(tx, person).await?
            };
            self.add(tx, random, id, role, &person.email, person.api_key.as_deref()).await?;
        }
        Ok(())
    }

    async fn customer(&self, tx: &mut Tx, person: &Person) -> Result<i64, Error> {
        let mut addresses =
            vec![AddressRef { kind: "email".to_owned(), address: person.email.clone(), preferred: true }];
        if let Some(phone) = &person.phone {
            addresses.push(AddressRef { kind: "phone".to_owned(), address: phone.clone(), preferred: true });
        }
        let new = customers::NewCustomer {
            email: Some(person.email.clone()),
            name: Some(person.name.clone()),
            external_id: person.external_id.clone(),
            addresses,
            ..customers::NewCustomer::default()
        };
        let id = customers::create(tx, &self.may()?, self.now, &new).await?.customer.id;
        customers::set_password(tx, &self.admin(), self.now, id, PASSWORD_HASH).await?;
        Ok(id)
    }

    async fn add(
        &mut self,
        tx: &mut Tx,
        random: &Random,
        id: i64,
        role: Role,
        email: &str,
        key: Option<&str>,
    ) -> Result<(), Error> {
        let api_key = match (role.is_staff(), key) {
            (false, Some(_)) => return Err(Error::invalid("people", format!("{email} is no staff: no API key"))),
            (false, None) => None,
            (true, key) => {
                let secret = key.map_or_else(|| random.token(), str::to_owned);
                api_keys::create_known(tx, &self.admin(), self.now, &secret, id, "Mock").await?;
                Some(secret)
            }
        };
        self.by_email.insert(email.to_lowercase(), self.people.len());
        self.people.push(Known { id, email: email.to_owned(), role, api_key });
        Ok(())
    }

    async fn organizations(&self, tx: &mut Tx, fixtures: &Fixtures) -> Result<HashMap<String, i64>, Error> {
        let mut ids = HashMap::new();
        for organization in &fixtures.organizations {
            let new = NewOrganization {
                name: organization.name.clone(),
                external_id: organization.external_id.clone(),
                details: organization.details.clone(),
                notes: organization.notes.clone(),
                domains: organization.domains.clone(),
                tags: organization.tags.clone(),
                ..NewOrganization::default()
            };
            let made = organizations::create(tx, &self.may()?, self.now, &new).await?;
            ids.insert(organization.name.clone(), made.id);
        }
        Ok(ids)
    }

    async fn memberships(
        &self,
        tx: &mut Tx,
        fixtures: &Fixtures,
        organizations: &HashMap<String, i64>,
    ) -> Result<(), Error> {
        for person in &fixtures.people {
            let Some(name) = &person.organization else { continue };
            let organization_id = *organizations.get(name).ok_or_else(|| missing("organization", name))?;
            let customer_id = self.known(&person.email)?.id;
            let membership = Membership { organization_id, customer_id, is_default: true };
            organizations::add_member(tx, &self.may()?, self.now, membership).await?;
        }
        Ok(())
    }

    async fn groups(&self, tx: &mut Tx, fixtures: &Fixtures) -> Result<HashMap<String, i64>, Error> {
        let mut ids = HashMap::new();
        for group in &fixtures.groups {
            let members = group.members.iter().map(|email| Ok(self.known(email)?.id));
            let new = teams::NewTeam {
                name: group.name.clone(),
                description: group.description.clone(),
                member_ids: members.collect::<Result<_, Error>>()?,
                ..teams::NewTeam::default()
            };
            ids.insert(group.name.clone(), teams::create(tx, &self.may()?, self.now, &new).await?);
        }
        Ok(ids)
    }

    async fn ticket(&self, tx: &mut Tx, ticket: &Ticket, groups: &HashMap<String, i64>) -> Result<(), Error> {
        let Some((first, others)) = ticket.comments.split_first() else {
            return Err(Error::invalid("tickets", "a ticket needs a comment"));
        };
        let group = match &ticket.group {
            Some(name) => Some(*groups.get(name).ok_or_else(|| missing("group", name))?),
            None => None,
        };
        let status = ticket.status.as_deref().map(|word| word_of("status", word, status_of)).transpose()?;
        let priority = ticket.priority.as_deref().map(|word| word_of("priority", word, Priority::parse)).transpose()?;
        let kind = ticket.kind.as_deref().map(|word| word_of("type", word, TicketType::parse)).transpose()?;
        let assignee = ticket.assignee.as_deref().map(|email| Ok::<_, Error>(self.known(email)?.id)).transpose()?;
        let created_at = ticket.created_at.as_deref().map(time_of).transpose()?;
        let may = self.may_as(self.known(&first.author)?)?;
        let mut message = self.message(first)?;
        message.created_at = message.created_at.or(created_at);
        let new = NewTicket {
            messages: vec![message],
            customer: Some(PersonRef::by_id(self.known(&ticket.requester)?.id)),
            subject: ticket.subject.clone(),
            status: status.map(SetStatus::Exactly),
            priority,
            assignee_user_id: assignee,
            assignee_team_id: group,
            tags: ticket.tags.iter().map(|name| NewTag { name: name.clone(), ..NewTag::default() }).collect(),
            kind,
            external_id: ticket.external_id.clone(),
            imported: true,
            created_at,
            ..NewTicket::default()
        };
        let id = write::create(tx, &may, self.now, new).await?;
        for comment in others {
            let may = self.may_as(self.known(&comment.author)?)?;
            message_write::create(tx, &may, self.now, id, self.message(comment)?).await?;
        }
        Ok(())
    }

    async fn suspended(&self, tx: &mut Tx, mail: &Suspended) -> Result<(), Error> {
        let cause = mail.cause.as_deref().map(|word| word_of("cause", word, Cause::parse)).transpose()?;
        let known = self.known(&mail.author).ok();
        let held = NewHeld {
            author_id: known.map(|person| person.id),
            author_name: mail.name.clone(),
            author_email: Some(mail.author.clone()),
            subject: mail.subject.clone(),
            body_text: Some(mail.body.clone()),
            recipient: mail.recipient.clone(),
            channel: "email".to_owned(),
            ..NewHeld::default()
        };
        let actor = Actor { worker: Some("channel"), ..actor(None, Some(Role::Internal)) };
        held_messages::hold(tx, &actor, self.now, cause.unwrap_or(Cause::Spam), &held).await?;
        Ok(())
    }

    /// Imported: nothing leaves, and nothing is reopened.
    fn message(&self, comment: &Comment) -> Result<NewMessage, Error> {
        let author = self.known(&comment.author)?;
        let public = comment.public.unwrap_or(true);
        Ok(NewMessage {
            channel: if public { API } else { INTERNAL_NOTE }.to_owned(),
            via: API.to_owned(),
            from_agent: author.role.is_staff(),
            public: Some(public),
            sender: Some(PersonRef::by_id(author.id)),
            body_text: Some(comment.body.clone()),
            created_at: comment.created_at.as_deref().map(time_of).transpose()?,
            imported: true,
            ..NewMessage::default()
        })
    }

    pub(super) fn known(&self, email: &str) -> Result<&Known, Error> {
        let place = self.by_email.get(&email.to_lowercase());
        place.and_then(|place| self.people.get(*place)).ok_or_else(|| missing("person", email))
    }

    fn admin(&self) -> Actor {
        actor(Some(self.owner), Some(Role::Owner))
    }

    pub(super) fn may<R: Resource>(&self) -> Result<CanWrite<R>, Error> {
        permit(&self.admin())
    }

    /// What customers write comes in through a channel.
    fn may_as<R: Resource>(&self, person: &Known) -> Result<CanWrite<R>, Error> {
        if person.role.is_staff() {
            return permit(&actor(Some(person.id), Some(person.role)));
        }
        permit(&Actor { worker: Some("channel"), ..actor(None, Some(Role::Internal)) })
    }
}

fn actor(person_id: Option<i64>, role: Option<Role>) -> Actor {
    let request_id = "00000000-0000-4000-8000-00000000f1f1".to_owned();
    Actor { person_id, role, request_id, ..Actor::default() }
}

/// As the vendor or we call it.
pub fn role_of(word: &str) -> Result<Role, Error> {
    match word {
        "end-user" | "end_user" => Ok(Role::Customer),
        word => Role::parse(word).ok_or_else(|| missing("role", word)),
    }
}

fn status_of(word: &str) -> Option<Status> {
    Status::parse(if word == "hold" { "on_hold" } else { word })
}

pub(super) fn word_of<T>(what: &'static str, word: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    parse(word).ok_or_else(|| missing(what, word))
}

fn time_of(text: &str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| Error::invalid("created_at", format!("{text} is no time such as 2026-01-31T09:30:00Z")))
}

pub(super) fn missing(what: &'static str, word: &str) -> Error {
    Error::invalid(what, format!("there is no {what} {word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_hash_is_the_passwords() {
        assert!(helpdesk::passwords::verify(Some(PASSWORD_HASH), PASSWORD).await);
        assert!(!helpdesk::passwords::needs_rehash(PASSWORD_HASH));
    }

    #[test]
    fn a_misspelt_key_of_a_file_is_named() {
        let error = toml::from_str::<Fixtures>("[[people]]\nname = 'A'\nemial = 'a@b.test'").unwrap_err();

        assert!(error.to_string().contains("emial"), "{error}");
    }
}

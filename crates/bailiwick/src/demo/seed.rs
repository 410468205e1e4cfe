//! Writes the demo's data, through the same functions that a call of the API uses, so every change has its event.
//!
//! Everything is drawn from the seed. Dates count back from the last midnight, so two runs on one day are equal in them too.

use helpdesk::people::{AddressRef, PersonRef};
use helpdesk::rules::run::Within;
use helpdesk::tickets::message_actions::Brought;
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::message_write;
use helpdesk::tickets::write::{self, NewTicket, SetStatus, TicketUpdate};
use helpdesk::tickets::{Priority, Status};
use helpdesk::views::View;
use helpdesk::{Error, account, api_keys, customers, passwords, rules, tags, teams, users};
use jiff::{SignedDuration, Timestamp};
use outside::Random;
use scope::permission::Permissions;
use scope::permit::{Actor, Caller, Permit, Refusal};
use scope::resource::{Access, Customers, Resource, Tags, Teams, Tickets, Write};
use scope::role::Role;
use serde_json::{Value as Json, json};
use store::{Db, Tx, transact};

use super::fields::{self, Fields};
use super::help_center;
use super::macros;
use super::month::{Month, RULES_FROM, TOOLS_FROM};
use super::people::{ADMIN_PASSWORD, AGENT_PASSWORD, CUSTOMER_PASSWORD, STAFF, TEAMS};
use super::plan::{Deed, Plan, SPAN_SECONDS, Step, plan};
use super::surveys;
use super::texts::{Material, Shopper};
use super::views;

pub const ACCOUNT_NAME: &str = "Meadow Lane";
/// The account's part of a host name.
pub const ACCOUNT_DOMAIN: &str = "demo";

/// Steps in one transaction: many changes share a commit.
const STEPS_AT_ONCE: usize = 250;

/// How long after a change rules have run on it.
const RULES_TAKE: SignedDuration = SignedDuration::from_secs(1);

/// Where customers write to.
const OUR_ADDRESS: &str = "support@demo.test";

const TAG_COLORS: [&str; 8] = ["#2f6f4f", "#8a4b2a", "#35608f", "#8f3555", "#6b5b95", "#a07a1f", "#3f7f7f", "#6d6d6d"];

/// Tags that rules and macros put on tickets, and what they say.
const WORKING_TAGS: [(&str, &str); 8] = [
    ("escalated", "Somebody who can decide has to look at it"),
    ("label-sent", "The customer has a label for the way back"),
    ("overdue", "Nobody took it for a day"),
    ("parcel-trace", "The carrier is looking for the parcel"),
    ("pictures-asked", "We wait for pictures of the damage"),
    ("refund-sent", "The money has left us"),
    ("thanks", "The customer said thanks"),
    ("tracking-sent", "The customer knows the tracking number"),
];

/// Whom the demo tells about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeded {
    pub owner_id: i64,
    pub admin: Login,
    pub agent: Login,
    pub customer: Login,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub email: String,
    pub password: &'static str,
    pub api_key: String,
}

/// A sequence of its own for each use, so that a change of one part of the data leaves the others alone.
pub fn chance(seed: u64, of: &str) -> Random {
    let digest = outside::sha256(format!("{of} {seed}").as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    Random::seeded(u64::from_be_bytes(first))
}

/// Whoever holds this permit acts as a person, as if they had called the API themselves.
pub fn acting<R: Resource, A: Access>(person_id: i64, role: Role, random: &Random) -> Result<Permit<R, A>, Refusal> {
    let actor = Actor { person_id: Some(person_id), role: Some(role), request_id: uuid(random), ..Actor::default() };
    Caller::new(actor, Permissions::all()).permit()
}

/// Fills a database that holds no account. `today` chooses the dates and nothing else.
pub async fn seed(db: &Db, today: Timestamp, n_tickets: usize, seed: u64) -> anyhow::Result<Seeded> {
    let material = Material::read()?;
    let plan = plan(&material, n_tickets, &chance(seed, "plan"));
    let begin = last_midnight(today) - SignedDuration::from_secs(SPAN_SECONDS);
    let salts = chance(seed, "salts");
    let (admin, agent, customer) = tokio::try_join!(
        passwords::hash(&salts, ADMIN_PASSWORD),
        passwords::hash(&salts, AGENT_PASSWORD),
        passwords::hash(&salts, CUSTOMER_PASSWORD),
    )?;
    let hashes = Hashes { admin, agent, customer };
    // The account is a month older than its first ticket.
    let opened_at = begin - SignedDuration::from_hours(30 * 24);
    let people = transact!(db, |tx| people(tx, opened_at, &material, &hashes, seed).await)?;

    let helpdesk = Helpdesk { people: &people, plan: &plan, begin };
    let mut month = Month::begin(db, &people, begin, chance(seed, "month"));
    let mut ids = vec![0; plan.tickets.len()];
    let mut left = plan.steps.as_slice();
    for number in 0.. {
        let n_before = left.partition_point(|step| step.at < month.next_at());
        let (steps, later) = left.split_at(n_before.min(STEPS_AT_ONCE));
        if !steps.is_empty() {
            let drawn = format!("steps {number}");
            ids = transact!(db, |tx| helpdesk.run(tx, steps, ids.clone(), &chance(seed, &drawn)).await)?;
            left = later;
        } else if !month.go_on().await? {
            break;
        }
    }
    transact!(db, |tx| rules::run::pass_over(tx, last_midnight(today)).await)?;
    let owner = people.staff[0];
    let random = chance(seed, "surveys");
    let (may, may_set) = (acting(owner, Role::Owner, &random), acting(owner, Role::Owner, &random));
    surveys::answer(db, &may.map_err(refused)?, &may_set.map_err(refused)?, last_midnight(today), &random).await?;
    Ok(Seeded {
        owner_id: people.staff[0],
        admin: login(STAFF[0].email, ADMIN_PASSWORD, &people.api_keys[0]),
        agent: login(STAFF[1].email, AGENT_PASSWORD, &people.api_keys[1]),
        customer: login(&material.shoppers[0].email, CUSTOMER_PASSWORD, &people.api_keys[2]),
    })
}

fn login(email: &str, password: &'static str, api_key: &str) -> Login {
    Login { email: email.to_owned(), password, api_key: api_key.to_owned() }
}

struct Hashes {
    admin: String,
    agent: String,
    customer: String,
}

/// Ids, in the order of `STAFF`, `TEAMS` and the shop's customers.
pub struct People {
    pub staff: Vec<i64>,
    pub teams: Vec<i64>,
    shoppers: Vec<Shopping>,
    /// Of the admin, the agent and the customer.
    api_keys: [String; 3],
    fields: Fields,
    macros: macros::Created,
    /// The view that bulk edits and exports take.
    pub view: View,
}

struct Shopping {
    id: i64,
    name: String,
    email: String,
}

/// The account with its staff, teams, tags and customers.
async fn people(tx: &mut Tx, now: Timestamp, material: &Material, hashes: &Hashes, seed: u64) -> Result<People, Error> {
    let random = chance(seed, "people");
    let new = account::NewAccount {
        name: ACCOUNT_NAME.to_owned(),
        domain: ACCOUNT_DOMAIN.to_owned(),
        owner_name: STAFF[0].name(),
        owner_email: STAFF[0].email.to_owned(),
        owner_password_hash: hashes.admin.clone(),
    };
    let owner_id = account::set_up(tx, now, &uuid(&random), &new).await?;
    let owner =
        Actor { person_id: Some(owner_id), role: Some(Role::Owner), request_id: uuid(&random), ..Actor::default() };

    let mut staff = vec![owner_id];
    for member in &STAFF[1..] {
        let new = users::NewUser {
            role: member.role,
            firstname: Some(member.firstname.to_owned()),
            lastname: Some(member.lastname.to_owned()),
            ..users::NewUser::named(&member.name(), member.email)
        };
        staff.push(users::create_with_password(tx, &owner, now, &new, &hashes.agent).await?);
    }
    let may = permit::<Teams>(&owner)?;
    let mut team_ids = Vec::new();
    for (name, description) in TEAMS {
        let members = STAFF.iter().zip(&staff).filter(|(member, _)| member.teams.contains(&name));
        let new = teams::NewTeam {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            member_ids: members.map(|(_, id)| *id).collect(),
            ..teams::NewTeam::default()
        };
        team_ids.push(teams::create(tx, &may, now, &new).await?);
    }
    let may = permit::<Tags>(&owner)?;
    let of_topics = material.texts.tag_names().into_iter().map(|name| (name, None));
    let all = of_topics.chain(WORKING_TAGS.map(|(name, description)| (name, Some(description.to_owned()))));
    for ((name, description), color) in all.zip(TAG_COLORS.iter().cycle()) {
        let new = tags::NewTag { name: name.to_owned(), description, color: Some((*color).to_owned()) };
        tags::create(tx, &may, now, &new).await?;
    }
    let fields = fields::create(tx, &permit(&owner)?, now).await?;
    let lead = acting(staff[2], STAFF[2].role, &chance(seed, "macros")).map_err(refused)?;
    let macros = macros::create(tx, &lead, now).await?;
    let may = permit::<Customers>(&owner)?;
    let mut shoppers = Vec::new();
    for shopper in &material.shoppers {
        let name = format!("{} {}", shopper.first, shopper.last);
        let customer = customers::create(tx, &may, now, &new_customer(shopper, &name, &random)).await?;
        let id = customer.customer.id;
        customers::set_data(tx, &may, now, id, Some(&shopping_data(shopper)), None).await?;
        let values = fields.of_customer(shopper);
        if !values.is_empty() {
            customers::fields::set(tx, &may, now, id, &values).await?;
        }
        shoppers.push(Shopping { id, name, email: shopper.email.clone() });
    }
    customers::set_password(tx, &owner, now, shoppers[0].id, &hashes.customer).await?;
    let mut keys = [const { String::new() }; 3];
    for (key, person_id) in keys.iter_mut().zip([owner_id, staff[1], shoppers[0].id]) {
        (_, *key) = api_keys::create(tx, &owner, now, &random, person_id, "Demo").await?;
    }
    let view = views::create(tx, &permit(&owner)?, now, owner_id, team_ids[1]).await?;
    let readers: Vec<i64> = shoppers.iter().map(|shopper| shopper.id).collect();
    help_center::create(tx, &owner, now, (&material.help_center, &readers)).await?;
    Ok(People { staff, teams: team_ids, shoppers, api_keys: keys, fields, macros, view })
}

fn new_customer(shopper: &Shopper, name: &str, random: &Random) -> customers::NewCustomer {
    let mut addresses = vec![AddressRef { kind: "email".to_owned(), address: shopper.email.clone(), preferred: true }];
    // Half of them left a number. 555-01xx is kept free for invented people.
    if random.below(2) == 0 {
        let number = format!("+1 {} 555 01{:02}", 200 + random.below(700), random.below(100));
        addresses.push(AddressRef { kind: "phone".to_owned(), address: number, preferred: true });
    }
    customers::NewCustomer {
        email: Some(shopper.email.clone()),
        name: Some(name.to_owned()),
        firstname: Some(shopper.first.clone()),
        lastname: Some(shopper.last.clone()),
        language: Some("en".to_owned()),
        addresses,
        ..customers::NewCustomer::default()
    }
}

/// What the shop knows of a customer, as it would write it there.
fn shopping_data(shopper: &Shopper) -> Json {
    let orders = shopper.orders.iter().map(|order| {
        let items = order
            .items
            .iter()
            .map(|item| json!({ "name": item.name, "options": item.options, "price_cents": item.price_cents }));
        json!({
            "number": order.number,
            "status": order.status,
            "tracking": order.tracking,
            "items": items.collect::<Json>(),
        })
    });
    json!({
        "address": {
            "street": shopper.street,
            "city": shopper.city,
            "state": shopper.state,
            "zip": shopper.zip,
            "country": shopper.country,
        },
        "orders": orders.collect::<Json>(),
    })
}

/// What the plan happens to.
struct Helpdesk<'a> {
    people: &'a People,
    plan: &'a Plan,
    /// Second 0 of the plan.
    begin: Timestamp,
}

impl Helpdesk<'_> {
    /// Carries steps out. `ids` holds the tickets' ids so far, in the plan's order; the answer holds more.
    async fn run(&self, tx: &mut Tx, steps: &[Step], mut ids: Vec<i64>, random: &Random) -> Result<Vec<i64>, Error> {
        let mut rules = Within::begin(tx).await?;
        for (turn, step) in steps.iter().enumerate() {
            let now = self.begin + SignedDuration::from_secs(step.at);
            let id = ids[step.ticket];
            match &step.deed {
                Deed::Open => ids[step.ticket] = self.open(tx, now, step, random).await?,
                Deed::Assign { staff } => {
                    let assignee_user_id = Some(Some(self.people.staff[*staff]));
                    let update = TicketUpdate { assignee_user_id, is_unread: Some(false), ..TicketUpdate::default() };
                    write::update(tx, &self.as_staff(*staff, random)?, now, id, update).await?;
                }
                Deed::CustomerWrites { text } => {
                    let message = self.by_customer(step.ticket, now, text);
                    message_write::create(tx, &as_channel(random)?, now, id, message).await?;
                }
                Deed::StaffWrites { staff, text } => {
                    let brought = if TOOLS_FROM <= step.at {
                        self.people.macros.brought(&self.plan.tickets[step.ticket].tags, turn)
                    } else {
                        Brought::default()
                    };
                    let message = NewMessage { brought, ..self.by_staff(step.ticket, *staff, now, text) };
                    message_write::create(tx, &self.as_staff(*staff, random)?, now, id, message).await?;
                }
                Deed::Note { staff, text } => {
                    let message = self.note_by(*staff, text);
                    message_write::create(tx, &self.as_staff(*staff, random)?, now, id, message).await?;
                }
                Deed::Status { staff, status } => {
                    let status = Status::parse(status).map(SetStatus::Exactly);
                    let update = TicketUpdate { status, is_unread: Some(false), ..TicketUpdate::default() };
                    write::update(tx, &self.as_staff(*staff, random)?, now, id, update).await?;
                }
            }
            // Nothing else is what they run on.
            let says = matches!(step.deed, Deed::Open | Deed::CustomerWrites { .. } | Deed::StaffWrites { .. });
            if says && RULES_FROM <= step.at {
                rules.go_on(tx, now + RULES_TAKE).await?;
            }
        }
        Ok(ids)
    }

    async fn open(&self, tx: &mut Tx, now: Timestamp, step: &Step, random: &Random) -> Result<i64, Error> {
        let ticket = step.ticket;
        let planned = &self.plan.tickets[ticket];
        let fields = if TOOLS_FROM <= step.at { self.people.fields.of_ticket(planned) } else { Vec::new() };
        let new = NewTicket {
            messages: vec![self.by_customer(ticket, now, &planned.first_message)],
            customer: Some(PersonRef::by_id(self.people.shoppers[planned.shopper].id)),
            channel: Some(planned.channel.to_owned()),
            subject: Some(planned.subject.clone()),
            priority: Priority::parse(planned.priority),
            assignee_team_id: planned.team.map(|team| self.people.teams[team]),
            tags: planned
                .tags
                .iter()
                .map(|name| tags::NewTag { name: name.clone(), ..tags::NewTag::default() })
                .collect(),
            fields,
            spam: planned.spam,
            language: Some("en".to_owned()),
            ..NewTicket::default()
        };
        write::create(tx, &as_channel(random)?, now, new).await
    }

    fn by_customer(&self, ticket: usize, now: Timestamp, text: &str) -> NewMessage {
        let planned = &self.plan.tickets[ticket];
        let shopper = &self.people.shoppers[planned.shopper];
        let them = json!({ "name": shopper.name, "address": shopper.email });
        NewMessage {
            channel: planned.channel.to_owned(),
            via: planned.channel.to_owned(),
            from_agent: false,
            sender: Some(PersonRef::by_id(shopper.id)),
            source: Some(source(planned.channel, &them, &us())),
            subject: Some(planned.subject.clone()),
            body_text: Some(text.to_owned()),
            sent_at: Some(now),
            ..NewMessage::default()
        }
    }

    fn by_staff(&self, ticket: usize, staff: usize, now: Timestamp, text: &str) -> NewMessage {
        let planned = &self.plan.tickets[ticket];
        let shopper = &self.people.shoppers[planned.shopper];
        let them = json!({ "name": shopper.name, "address": shopper.email });
        // A form is answered by e-mail.
        let channel = if planned.channel == "chat" { "chat" } else { "email" };
        NewMessage {
            channel: channel.to_owned(),
            via: "helpdesk".to_owned(),
            from_agent: true,
            sender: Some(PersonRef::by_id(self.people.staff[staff])),
            receiver: Some(PersonRef::by_id(shopper.id)),
            source: Some(source(channel, &us(), &them)),
            subject: Some(format!("Re: {}", planned.subject)),
            body_text: Some(text.to_owned()),
            sent_at: Some(now),
            ..NewMessage::default()
        }
    }

    fn note_by(&self, staff: usize, text: &str) -> NewMessage {
        NewMessage {
            channel: helpdesk::tickets::messages::INTERNAL_NOTE.to_owned(),
            via: "helpdesk".to_owned(),
            from_agent: true,
            public: Some(false),
            sender: Some(PersonRef::by_id(self.people.staff[staff])),
            body_text: Some(text.to_owned()),
            ..NewMessage::default()
        }
    }

    fn as_staff(&self, staff: usize, random: &Random) -> Result<Permit<Tickets, Write>, Error> {
        acting(self.people.staff[staff], STAFF[staff].role, random).map_err(refused)
    }
}

/// What customers send comes in through a channel: no person of the account acts.
fn as_channel(random: &Random) -> Result<Permit<Tickets, Write>, Error> {
    let actor =
        Actor { worker: Some("channel"), role: Some(Role::Internal), request_id: uuid(random), ..Actor::default() };
    permit(&actor)
}

/// The same for whoever is not one person alone.
pub fn permit<R: Resource>(actor: &Actor) -> Result<Permit<R, Write>, Error> {
    Caller::new(actor.clone(), Permissions::all()).permit().map_err(refused)
}

pub fn refused(refusal: Refusal) -> Error {
    Error::Refused(format!("Somebody may not do here what they do: {refusal:?}."))
}

fn source(channel: &str, from: &Json, to: &Json) -> Json {
    json!({ "type": channel, "from": from, "to": [to], "cc": [], "bcc": [] })
}

fn us() -> Json {
    json!({ "name": ACCOUNT_NAME, "address": OUR_ADDRESS })
}

pub fn uuid(random: &Random) -> String {
    uuid::Builder::from_random_bytes(random.bytes()).into_uuid().to_string()
}

fn last_midnight(now: Timestamp) -> Timestamp {
    let day = 24 * 60 * 60;
    let seconds = now.as_second() - now.as_second().rem_euclid(day);
    Timestamp::from_second(seconds).unwrap_or(now)
}

//! The plan of the demo: which tickets there are and what happens to them when. Pure: the same seed makes the same plan.
//!
//! Times are seconds from the beginning of a span of 90 days. `seed` lays the span's end on the last midnight, so only the dates differ
//! between two days.

use outside::Random;

use super::people::{STAFF, TEAMS};
use super::texts::{Item, Material, Order, Shopper, Topic, fill};

/// Length of the span that the tickets are spread over.
pub const SPAN_SECONDS: i64 = 90 * DAY;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// A ticket and all that happens to it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTicket {
    /// Index into the shop's customers.
    pub shopper: usize,
    pub subject: String,
    /// email, chat or contact_form
    pub channel: &'static str,
    /// Index into `TEAMS`; spam has none.
    pub team: Option<usize>,
    pub tags: Vec<String>,
    /// low, normal, high, urgent
    pub priority: &'static str,
    pub spam: bool,
    pub first_message: String,
    /// Such as `#W6552785`.
    pub order: Option<String>,
}

/// One thing that happens. `ticket` is an index into `Plan::tickets`.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Seconds from the beginning of the span.
    pub at: i64,
    pub ticket: usize,
    pub deed: Deed,
}

/// `staff` is an index into `STAFF`.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// The customer writes for the first time.
    Open,
    Assign {
        staff: usize,
    },
    CustomerWrites {
        text: String,
    },
    StaffWrites {
        staff: usize,
        text: String,
    },
    Note {
        staff: usize,
        text: String,
    },
    /// pending, on_hold, solved, closed
    Status {
        staff: usize,
        status: &'static str,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In the order of their creation.
    pub tickets: Vec<PlannedTicket>,
    /// In the order of time; none lies after the end of the span.
    pub steps: Vec<Step>,
}

/// How a talk ends, as its last status; `None` leaves the ticket open.
const ENDINGS: [(Option<&str>, u64); 6] =
    [(Some("closed"), 62), (Some("solved"), 20), (Some("pending"), 8), (Some("on_hold"), 3), (None, 5), (None, 2)];

pub fn plan(material: &Material, n_tickets: usize, random: &Random) -> Plan {
    let mut beginnings: Vec<i64> = (0..n_tickets).map(|_| working_time(random)).collect();
    beginnings.sort_unstable();
    let mut tickets = Vec::with_capacity(n_tickets);
    let mut steps = Vec::new();
    for (number, begins_at) in beginnings.into_iter().enumerate() {
        let mut talk = Talk { number, now: begins_at, steps: Vec::new() };
        talk.push(Deed::Open);
        tickets.push(match random.below(100) {
            0..4 => spam(material, &mut talk, random),
            4..20 => travel(material, &mut talk, random),
            _ => shop(material, &mut talk, random),
        });
        steps.append(&mut talk.steps);
    }
    steps.retain(|step| step.at < SPAN_SECONDS);
    // Stable: what happens to one ticket at one second stays in its order.
    steps.sort_by_key(|step| (step.at, step.ticket));
    Plan { tickets, steps }
}

/// What happens to one ticket, while it is made up.
struct Talk {
    number: usize,
    now: i64,
    steps: Vec<Step>,
}

impl Talk {
    fn push(&mut self, deed: Deed) {
        self.steps.push(Step { at: self.now, ticket: self.number, deed });
    }

    /// Lets between `from` and `to` seconds pass.
    fn wait(&mut self, random: &Random, from: i64, to: i64) {
        let width = u64::try_from(to - from).unwrap_or(0);
        self.now += from + i64::try_from(random.below(width)).unwrap_or(0);
    }
}

fn shop(material: &Material, talk: &mut Talk, random: &Random) -> PlannedTicket {
    let texts = &material.texts;
    let (shopper_index, shopper, order, item) = purchase(material, random);
    let topic = topic_for(&texts.topics, &order.status, random);
    let price = format!("${}.{:02}", item.price_cents / 100, item.price_cents % 100);
    let alternative = item.alternative.as_deref().unwrap_or(&item.options);
    let places = [
        ("first", shopper.first.as_str()),
        ("last", &shopper.last),
        ("street", &shopper.street),
        ("city", &shopper.city),
        ("state", &shopper.state),
        ("zip", &shopper.zip),
        ("order", &order.number),
        ("tracking", order.tracking.as_deref().unwrap_or("not known yet")),
        ("product", &item.name),
        ("options", &item.options),
        ("alternative", alternative),
        ("price", &price),
    ];
    let customer = |body: &[String]| {
        let letter =
            letter(sentence(&texts.greetings, random), sentence(body, random), sentence(&texts.farewells, random));
        fill(&letter, &places)
    };
    let team = team_index(&topic.team);
    let staff = member_of(team, random);
    let staff_name = STAFF[staff].name();
    let answerer = |body: &[String]| {
        let body = sentence(body, random);
        let letter = letter(sentence(&texts.staff_greetings, random), body, sentence(&texts.staff_farewells, random));
        fill(&fill(&letter, &places), &[("agent", &staff_name)])
    };
    let ticket = PlannedTicket {
        shopper: shopper_index,
        subject: fill(sentence(&topic.subjects, random), &places),
        channel: if random.below(5) == 0 { "contact_form" } else { "email" },
        team: Some(team),
        tags: topic.tags.clone(),
        priority: priority(topic.urgency, random),
        spam: false,
        first_message: customer(&topic.asks),
        order: Some(order.number.clone()),
    };

    // Three in a hundred are still waiting for somebody to look at them.
    if random.below(100) < 3 {
        return ticket;
    }
    talk.wait(random, 5 * MINUTE, 6 * HOUR);
    talk.push(Deed::Assign { staff });
    if random.below(5) == 0 {
        talk.wait(random, MINUTE, 30 * MINUTE);
        talk.push(Deed::Note { staff, text: fill(sentence(&topic.notes, random), &places) });
    }
    talk.wait(random, 5 * MINUTE, 5 * HOUR);
    talk.push(Deed::StaffWrites { staff, text: answerer(&topic.replies) });
    // A third is content with one answer.
    if random.below(3) > 0 {
        talk.wait(random, 20 * MINUTE, 30 * HOUR);
        let short = fill(sentence(&topic.answers, random), &places);
        talk.push(Deed::CustomerWrites { text: short });
        talk.wait(random, 10 * MINUTE, 10 * HOUR);
        talk.push(Deed::StaffWrites { staff, text: answerer(&topic.closes) });
    }
    end(talk, staff, random);
    ticket
}

fn travel(material: &Material, talk: &mut Talk, random: &Random) -> PlannedTicket {
    let about = &material.texts.travel;
    let team = team_index(&about.team);
    let staff = member_of(team, random);
    let mut messages = pick(&material.travel, random).iter();
    let ticket = PlannedTicket {
        shopper: index_below(material.shoppers.len(), random),
        subject: sentence(&about.subjects, random).to_owned(),
        channel: "chat",
        team: Some(team),
        tags: about.tags.clone(),
        priority: priority(0, random),
        spam: false,
        first_message: messages.next().cloned().unwrap_or_default(),
        order: None,
    };
    talk.wait(random, 20, 4 * MINUTE);
    talk.push(Deed::Assign { staff });
    for (i, text) in messages.enumerate() {
        talk.wait(random, 20, 3 * MINUTE);
        let text = text.clone();
        talk.push(if i % 2 == 0 { Deed::StaffWrites { staff, text } } else { Deed::CustomerWrites { text } });
    }
    end(talk, staff, random);
    ticket
}

fn spam(material: &Material, talk: &mut Talk, random: &Random) -> PlannedTicket {
    let spam = pick(&material.texts.spam, random);
    talk.wait(random, HOUR, 20 * HOUR);
    let team = index_below(TEAMS.len(), random);
    talk.push(Deed::Status { staff: member_of(team, random), status: "closed" });
    PlannedTicket {
        shopper: index_below(material.shoppers.len(), random),
        subject: spam.subject.clone(),
        channel: "email",
        team: None,
        tags: Vec::new(),
        priority: "low",
        spam: true,
        first_message: spam.text.clone(),
        order: None,
    }
}

fn end(talk: &mut Talk, staff: usize, random: &Random) {
    let mut drawn = random.below(ENDINGS.iter().map(|(_, weight)| weight).sum());
    for (status, weight) in ENDINGS {
        if drawn < weight {
            if let Some(status) = status {
                talk.wait(random, 10, 10 * MINUTE);
                talk.push(Deed::Status { staff, status });
            }
            return;
        }
        drawn -= weight;
    }
}

/// A second in a day of the span, between 6 and 22 o'clock.
fn working_time(random: &Random) -> i64 {
    let day = i64::try_from(random.below(90)).unwrap_or(0);
    let second = i64::try_from(random.below(16 * 60 * 60)).unwrap_or(0);
    day * DAY + 6 * HOUR + second
}

/// Somebody who bought something, and one thing of it.
fn purchase<'a>(material: &'a Material, random: &Random) -> (usize, &'a Shopper, &'a Order, &'a Item) {
    loop {
        let index = index_below(material.shoppers.len(), random);
        let shopper = &material.shoppers[index];
        if shopper.orders.is_empty() {
            continue;
        }
        let order = pick(&shopper.orders, random);
        if !order.items.is_empty() {
            return (index, shopper, order, pick(&order.items, random));
        }
    }
}

/// One of the topics that an order in this state can be about, by weight.
fn topic_for<'a>(topics: &'a [Topic], status: &str, random: &Random) -> &'a Topic {
    let fitting: Vec<&Topic> = topics.iter().filter(|topic| topic.orders.iter().any(|it| it == status)).collect();
    let mut drawn = random.below(fitting.iter().map(|topic| topic.weight).sum());
    for topic in &fitting {
        if drawn < topic.weight {
            return topic;
        }
        drawn -= topic.weight;
    }
    &topics[0]
}

fn priority(urgency: u64, random: &Random) -> &'static str {
    match (urgency * 10 + random.below(60)).min(99) {
        0..12 => "low",
        12..60 => "normal",
        60..82 => "high",
        _ => "urgent",
    }
}

fn team_index(name: &str) -> usize {
    TEAMS.iter().position(|(team, _)| *team == name).unwrap_or(0)
}

fn member_of(team: usize, random: &Random) -> usize {
    let (name, _) = TEAMS[team];
    let members: Vec<usize> = (0..STAFF.len()).filter(|staff| STAFF[*staff].teams.contains(&name)).collect();
    *pick(&members, random)
}

fn letter(greeting: &str, body: &str, farewell: &str) -> String {
    // After a comma the letter goes on, else it begins.
    let body = if greeting.ends_with(',') { body.to_owned() } else { capitalized(body) };
    format!("{greeting}\n\n{body}\n\n{farewell}").trim_start().to_owned()
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn pick<'a, T>(choices: &'a [T], random: &Random) -> &'a T {
    &choices[index_below(choices.len(), random)]
}

fn sentence<'a>(choices: &'a [String], random: &Random) -> &'a str {
    pick::<String>(choices, random)
}

fn index_below(length: usize, random: &Random) -> usize {
    usize::try_from(random.below(u64::try_from(length).unwrap_or(0))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_plan_and_another_one_another() {
        let material = Material::read().unwrap();

        let first = plan(&material, 200, &Random::seeded(7));
        let second = plan(&material, 200, &Random::seeded(7));
        let other = plan(&material, 200, &Random::seeded(8));

        assert_eq!(first, second);
        assert_ne!(first, other);
    }

    #[test]
    fn no_place_is_left_unfilled_and_nothing_happens_before_its_ticket_is_opened() {
        let material = Material::read().unwrap();

        let plan = plan(&material, 500, &Random::seeded(1));

        let mut opened = HashSet::new();
        for step in &plan.steps {
            let text = match &step.deed {
                Deed::Open => {
                    opened.insert(step.ticket);
                    format!("{} {}", plan.tickets[step.ticket].subject, plan.tickets[step.ticket].first_message)
                }
                Deed::CustomerWrites { text } | Deed::StaffWrites { text, .. } | Deed::Note { text, .. } => {
                    text.clone()
                }
                Deed::Assign { .. } | Deed::Status { .. } => String::new(),
            };
            assert!(opened.contains(&step.ticket));
            assert!(!text.contains('{') && !text.contains('}'), "{text}");
            assert!((0..SPAN_SECONDS).contains(&step.at));
        }
        assert_eq!(opened.len(), 500);
    }

    #[test]
    fn a_thousand_tickets_are_of_all_kinds() {
        let material = Material::read().unwrap();

        let plan = plan(&material, 1000, &Random::seeded(1));

        let channels: HashSet<&str> = plan.tickets.iter().map(|ticket| ticket.channel).collect();
        let priorities: HashSet<&str> = plan.tickets.iter().map(|ticket| ticket.priority).collect();
        let n_spam = plan.tickets.iter().filter(|ticket| ticket.spam).count();
        assert_eq!(channels.len(), 3);
        assert_eq!(priorities.len(), 4);
        assert!((10..100).contains(&n_spam), "{n_spam}");
        assert!(plan.steps.len() > 4000, "{}", plan.steps.len());
    }
}

//! What each number means, for people: a card a measure.

use super::scopes::{self, Scope};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Such as `tickets-created.ticketCount`.
    pub slug: String,
    pub title: String,
    pub category: &'static str,
    /// How the number is made.
    pub content: &'static str,
    pub unit: &'static str,
    pub scope: &'static str,
    pub measure: &'static str,
}

/// All of them, in the order of the statistics.
pub fn all() -> Vec<Card> {
    scopes::ALL.iter().flat_map(of_scope).collect()
}

/// The card with this slug, or those whose slugs are nearest to it, nearest first.
pub fn find(slug: &str) -> Result<Card, Vec<String>> {
    let cards = all();
    if let Some(card) = cards.iter().find(|card| card.slug == slug) {
        return Ok(card.clone());
    }
    let mut near: Vec<(usize, String)> =
        cards.into_iter().map(|card| (distance(&card.slug, slug), card.slug)).collect();
    near.sort();
    Err(near.into_iter().filter(|(distance, slug)| *distance <= slug.len() / 2).take(3).map(|(_, slug)| slug).collect())
}

fn of_scope(scope: &'static Scope) -> Vec<Card> {
    let (category, content) = about(scope.name);
    let card = |measure: &scopes::Measure| Card {
        slug: if scope.measures.len() == 1 {
            scope.name.to_owned()
        } else {
            format!("{}-{}", scope.name, dashed(measure.name))
        },
        title: words(if scope.measures.len() == 1 { scope.name } else { measure.name }),
        category,
        content,
        unit: unit(measure.name),
        scope: scope.name,
        measure: measure.name,
    };
    scope.measures.iter().map(card).collect()
}

fn unit(measure: &str) -> &'static str {
    if measure.ends_with("Time") || measure == "totalDuration" {
        "seconds"
    } else if measure.ends_with("Rate") || measure == "satisfactionScore" {
        "percent"
    } else if measure.contains("Score") || (measure.starts_with("average") && !measure.ends_with("Count")) {
        "score"
    } else {
        "count"
    }
}

fn about(scope: &str) -> (&'static str, &'static str) {
    match scope {
        "tickets-created" => (
            "tickets",
            "Tickets created in the period. Spam, deleted tickets and those in the trash are never counted.",
        ),
        "tickets-closed" => ("tickets", "Tickets whose last closing lies in the period and that are still closed."),
        "tickets-open" => ("tickets", "Tickets created in the period that are open now."),
        "tickets-replied" => ("tickets", "Tickets created in the period that staff or a rule has answered publicly."),
        "one-touch-tickets" => ("tickets", "Closed tickets with exactly one public reply that a person wrote."),
        "zero-touch-tickets" => ("automation", "Closed tickets without any public reply that a person wrote."),
        "workload-tickets" => ("tickets", "Open tickets created in the period, by whom they are assigned to."),
        "satisfaction-surveys" => (
            "satisfaction",
            "Surveys sent about tickets, and their answers. The satisfaction score is the share of answers of 4 or 5.",
        ),
        "first-response-time" => (
            "times",
            "From a customer's first public message to the first public reply after it, whoever or whatever wrote the reply.",
        ),
        "human-first-response-time" => {
            ("times", "From a customer's first public message to the first public reply that a person wrote.")
        }
        "response-time" => {
            ("times", "From a customer's first unanswered message to the reply, for every reply that answers one.")
        }
        "resolution-time" => ("times", "From the creation of a ticket to its last closing."),
        "ticket-handle-time" => (
            "times",
            "An estimate: for each message or note of a person of staff, the time since what came before it in the ticket, at most ten minutes.",
        ),
        "messages-sent" => ("messages", "Public messages of staff and rules."),
        "messages-sent-per-macro" => ("messages", "Public messages of staff by the macro they were written with."),
        "messages-received" => ("messages", "Public messages of customers."),
        "messages-per-ticket" => ("messages", "Messages, notes too, for each ticket created in the period."),
        "tags" => ("tickets", "Tickets by their tags, at the time they were put on."),
        "automation-rate" => ("automation", "Of a hundred tickets, those closed after automated replies alone."),
        "automated-interactions" => ("automation", "Public messages that a rule wrote."),
        "ticket-fields" => ("tickets", "Tickets by the value of a field."),
        "ticket-sla" => ("times", "Tickets by whether a service level was met."),
        "online-time" => ("staff", "Not recorded here: always nothing."),
        name if name.starts_with("voice") => ("voice", "Not recorded here: always nothing."),
        _ => ("quality", "Not recorded here: always nothing."),
    }
}

/// `tickets-created` and `averageHandleTime` as words.
fn words(name: &str) -> String {
    let spaced = dashed(name).replace('-', " ");
    let mut chars = spaced.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn dashed(name: &str) -> String {
    let mut dashed = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            dashed.push('-');
        }
        dashed.push(c.to_ascii_lowercase());
    }
    dashed
}

/// Letters to change, add or take away.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_has_a_slug_of_its_own_and_a_mistyped_one_is_recognised() {
        let mut slugs: Vec<String> = all().into_iter().map(|card| card.slug).collect();
        let n = slugs.len();
        slugs.sort();
        slugs.dedup();

        assert_eq!(slugs.len(), n);
        assert_eq!(find("tickets-craeted").unwrap_err()[0], "tickets-created");
        assert_eq!(find("tickets-created").unwrap().title, "Tickets created");
    }
}

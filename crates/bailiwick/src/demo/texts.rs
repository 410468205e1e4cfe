//! What the demo is made of: the customers of a shop, what they write and what they are answered.
//!
//! Compiled in; `SOURCE.md` beside this file says where each part comes from.

use std::collections::BTreeSet;

use anyhow::Context;
use serde::Deserialize;

use super::help_center;

/// All material of the demo.
#[derive(Debug)]
pub struct Material {
    pub shoppers: Vec<Shopper>,
    pub texts: Texts,
    /// Conversations of travellers with a booking desk. The customer speaks first, then both in turn.
    pub travel: Vec<Vec<String>>,
    pub help_center: Vec<help_center::Category>,
}

#[derive(Debug, Deserialize)]
pub struct Shopper {
    pub first: String,
    pub last: String,
    pub email: String,
    pub street: String,
    pub city: String,
    pub state: String,
    pub zip: String,
    pub country: String,
    pub orders: Vec<Order>,
}

#[derive(Debug, Deserialize)]
pub struct Order {
    /// Such as `#W6552785`.
    pub number: String,
    /// pending, processed, delivered, cancelled
    pub status: String,
    pub tracking: Option<String>,
    pub items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
pub struct Item {
    pub name: String,
    /// Such as `black, XXL, cotton`.
    pub options: String,
    /// The options of another variant that is in stock.
    pub alternative: Option<String>,
    pub price_cents: u64,
}

/// Sentences with places such as `{order}` in them, by what they are for.
#[derive(Debug, Deserialize)]
pub struct Texts {
    pub greetings: Vec<String>,
    pub farewells: Vec<String>,
    pub staff_greetings: Vec<String>,
    pub staff_farewells: Vec<String>,
    pub topics: Vec<Topic>,
    pub spam: Vec<Spam>,
    pub travel: Travel,
}

/// What a shop's customer may write about, and the talk that follows: ask, reply, answer, close.
#[derive(Debug, Deserialize)]
pub struct Topic {
    pub team: String,
    pub tags: Vec<String>,
    /// How often it comes up, relative to the others.
    pub weight: u64,
    /// 0 never to 5 always urgent.
    pub urgency: u64,
    /// States of the order it can be about.
    pub orders: Vec<String>,
    pub subjects: Vec<String>,
    pub asks: Vec<String>,
    pub replies: Vec<String>,
    pub answers: Vec<String>,
    pub closes: Vec<String>,
    pub notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Spam {
    pub subject: String,
    pub text: String,
}

#[derive(Debug, Deserialize)]
pub struct Travel {
    pub team: String,
    pub tags: Vec<String>,
    pub subjects: Vec<String>,
}

impl Material {
    pub fn read() -> anyhow::Result<Material> {
        let travel = include_str!("travel.jsonl").lines().map(serde_json::from_str).collect::<Result<_, _>>();
        Ok(Material {
            shoppers: serde_json::from_str(include_str!("shop.json")).context("demo/shop.json")?,
            texts: serde_json::from_str(include_str!("texts.json")).context("demo/texts.json")?,
            travel: travel.context("demo/travel.jsonl")?,
            help_center: help_center::read()?,
        })
    }
}

impl Texts {
    /// The tags of all tickets, each once, in alphabetical order.
    pub fn tag_names(&self) -> BTreeSet<&str> {
        let topics = self.topics.iter().flat_map(|topic| &topic.tags);
        topics.chain(&self.travel.tags).map(String::as_str).collect()
    }
}

/// Puts values into the places of a text: `fill("Hi {first}", &[("first", "Ada")])`.
pub fn fill(text: &str, places: &[(&str, &str)]) -> String {
    let mut filled = text.to_owned();
    for (name, value) in places {
        filled = filled.replace(&format!("{{{name}}}"), value);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_material_is_readable_and_every_topic_has_its_sentences() {
        let material = Material::read().unwrap();

        assert_eq!(material.shoppers.len(), 150);
        assert_eq!(material.travel.len(), 150);
        for topic in &material.texts.topics {
            for sentences in [&topic.subjects, &topic.asks, &topic.replies, &topic.answers, &topic.closes, &topic.notes]
            {
                assert!(!sentences.is_empty(), "{:?}", topic.subjects);
            }
        }
    }

    #[test]
    fn fill_replaces_every_place() {
        assert_eq!(fill("{a} and {b}, {a}", &[("a", "1"), ("b", "2")]), "1 and 2, 1");
    }
}

//! The demo's help center: what the shop tells its customers before they write. The texts are `help_center.json`.

use anyhow::Context;
use helpdesk::Error;
use helpdesk::help_center::NewText;
use helpdesk::help_center::article_write::{self, NewArticle};
use helpdesk::help_center::categories::{self, NewCategory};
use helpdesk::help_center::comments::{self, NewComment};
use helpdesk::help_center::sections::{self, NewSection};
use helpdesk::help_center::translations;
use helpdesk::help_center::votes::{self, Opinion};
use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use scope::role::Role;
use serde::Deserialize;
use store::Tx;

use super::permit;

pub(crate) const ENGLISH: &str = "en-us";
const GERMAN: &str = "de";
/// As `0017_help_center.sql` numbers them: the segment of all staff, and the permission group in which all staff writes.
pub(crate) const STAFF_SEGMENT: i64 = 2;
pub(crate) const STAFF_WRITES: i64 = 2;
/// Every so many of the readers did not find the answer.
const IN_VAIN_EVERY: usize = 7;

#[derive(Debug, Deserialize)]
pub struct Category {
    name: String,
    description: String,
    sections: Vec<Section>,
}

#[derive(Debug, Deserialize)]
struct Section {
    name: String,
    description: String,
    articles: Vec<Article>,
}

#[derive(Debug, Deserialize)]
struct Article {
    title: String,
    body: String,
    labels: Vec<String>,
    #[serde(default)]
    promoted: bool,
    #[serde(default)]
    draft: bool,
    /// `staff`; everybody if it is left out.
    audience: Option<String>,
    german: Option<German>,
}

#[derive(Debug, Deserialize)]
struct German {
    title: String,
    body: String,
}

pub fn read() -> anyhow::Result<Vec<Category>> {
    serde_json::from_str(include_str!("help_center.json")).context("help_center.json, which is compiled in")
}

/// Writes it all in the name of the shop's owner; `readers` say what they think of it.
pub async fn create(
    tx: &mut Tx,
    owner: &Actor,
    now: Timestamp,
    (categories, readers): (&[Category], &[i64]),
) -> Result<(), Error> {
    let arranges: CanWrite<HelpCenterStructure> = permit(owner)?;
    let writes: CanWrite<HelpCenter> = permit(owner)?;
    let mut published = Vec::new();
    for (position, category) in (0..).zip(categories) {
        let new = NewCategory {
            source_locale: ENGLISH.to_owned(),
            texts: vec![english(&category.name, &category.description)],
            position,
        };
        let category_id = categories::create(tx, &arranges, now, &new).await?.id;
        for (position, section) in (0..).zip(&category.sections) {
            let new = NewSection {
                category_id,
                source_locale: ENGLISH.to_owned(),
                texts: vec![english(&section.name, &section.description)],
                position,
                ..NewSection::default()
            };
            let section_id = sections::create(tx, &arranges, now, &new).await?.id;
            for (position, article) in (0..).zip(&section.articles) {
                let for_staff = article.audience.as_deref() == Some("staff");
                let new = NewArticle {
                    section_id,
                    source_locale: ENGLISH.to_owned(),
                    texts: vec![NewText { draft: article.draft, ..english(&article.title, &article.body) }],
                    permission_group_id: STAFF_WRITES,
                    segment_ids: for_staff.then_some(STAFF_SEGMENT).into_iter().collect(),
                    promoted: article.promoted,
                    position,
                    label_names: article.labels.clone(),
                    ..NewArticle::default()
                };
                let id = article_write::create(tx, &writes, now, &new).await?.id;
                if let Some(german) = &article.german {
                    let text = NewText {
                        locale: GERMAN.to_owned(),
                        title: german.title.clone(),
                        body: german.body.clone(),
                        ..NewText::default()
                    };
                    translations::create(tx, &writes, now, id, &text).await?;
                }
                if !article.draft && !for_staff {
                    published.push(id);
                }
            }
        }
    }
    opinions(tx, now, &published, readers).await
}

/// Every article has a few votes, and the first one a comment.
async fn opinions(tx: &mut Tx, now: Timestamp, articles: &[i64], readers: &[i64]) -> Result<(), Error> {
    for (at, article_id) in articles.iter().enumerate() {
        for (number, reader) in readers.iter().cycle().skip(at * 3).take(3 + at % 4).enumerate() {
            let opinion = if (at + number) % IN_VAIN_EVERY == 0 { Opinion::NotHelpful } else { Opinion::Helpful };
            votes::give(tx, &permit(&reader_of(*reader))?, now, *article_id, opinion).await?;
        }
    }
    if let (Some(article_id), Some(reader)) = (articles.first(), readers.first()) {
        let comment = NewComment {
            body: "I had two changes and told you one after the other. Good to know for next time!".to_owned(),
            locale: ENGLISH.to_owned(),
            ..NewComment::default()
        };
        comments::create(tx, &permit(&reader_of(*reader))?, now, *article_id, &comment).await?;
    }
    Ok(())
}

fn reader_of(person_id: i64) -> Actor {
    Actor {
        person_id: Some(person_id),
        role: Some(Role::Customer),
        request_id: "00000000-0000-4000-8000-00000000de30".to_owned(),
        ..Actor::default()
    }
}

fn english(title: &str, body: &str) -> NewText {
    NewText { locale: ENGLISH.to_owned(), title: title.to_owned(), body: body.to_owned(), ..NewText::default() }
}

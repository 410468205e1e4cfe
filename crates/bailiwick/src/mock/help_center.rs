//! The help center of a mock's fixtures: what a file may say of it, and writing it.

use std::collections::HashMap;

use helpdesk::Error;
use helpdesk::help_center::NewText;
use helpdesk::help_center::article_write::{self, NewArticle};
use helpdesk::help_center::categories::{self, NewCategory};
use helpdesk::help_center::sections::{self, NewSection};
use serde::Deserialize;
use store::Tx;

use super::fixtures::{Fixtures, Writing, missing, word_of};
use crate::demo::help_center::{ENGLISH, STAFF_SEGMENT, STAFF_WRITES};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub locale: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub name: String,
    /// By name.
    pub category: String,
    #[serde(default)]
    pub description: String,
    pub locale: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Article {
    pub title: String,
    /// By name.
    pub section: String,
    /// HTML.
    pub body: String,
    /// The address of one of the staff. Default: the administrator.
    pub author: Option<String>,
    pub locale: Option<String>,
    #[serde(default)]
    pub draft: bool,
    #[serde(default)]
    pub promoted: bool,
    #[serde(default)]
    pub labels: Vec<String>,
    /// `staff` or `signed_in_users`. Default: everybody.
    pub audience: Option<String>,
}

impl Writing {
    pub(super) async fn help_center(&self, tx: &mut Tx, fixtures: &Fixtures) -> Result<(), Error> {
        let locale_of = |locale: &Option<String>| locale.clone().unwrap_or_else(|| ENGLISH.to_owned());
        let text = |locale: &Option<String>, title: &str, body: &str| NewText {
            locale: locale_of(locale),
            title: title.to_owned(),
            body: body.to_owned(),
            ..NewText::default()
        };
        let mut category_ids = HashMap::new();
        for (position, category) in (0..).zip(&fixtures.categories) {
            let new = NewCategory {
                source_locale: locale_of(&category.locale),
                texts: vec![text(&category.locale, &category.name, &category.description)],
                position,
            };
            let made = categories::create(tx, &self.may()?, self.now, &new).await?;
            category_ids.insert(category.name.as_str(), made.id);
        }
        let mut section_ids = HashMap::new();
        for (position, section) in (0..).zip(&fixtures.sections) {
            let category = category_ids.get(section.category.as_str());
            let new = NewSection {
                category_id: *category.ok_or_else(|| missing("category", &section.category))?,
                source_locale: locale_of(&section.locale),
                texts: vec![text(&section.locale, &section.name, &section.description)],
                position,
                ..NewSection::default()
            };
            let made = sections::create(tx, &self.may()?, self.now, &new).await?;
            section_ids.insert(section.name.as_str(), made.id);
        }
        for (position, article) in (0..).zip(&fixtures.articles) {
            let section = section_ids.get(article.section.as_str());
            let segment = article.audience.as_deref().map(|word| word_of("audience", word, segment_of)).transpose()?;
            let author = article.author.as_deref().map(|email| Ok::<_, Error>(self.known(email)?.id)).transpose()?;
            let new = NewArticle {
                section_id: *section.ok_or_else(|| missing("section", &article.section))?,
                source_locale: locale_of(&article.locale),
                texts: vec![NewText { draft: article.draft, ..text(&article.locale, &article.title, &article.body) }],
                author_id: author,
                permission_group_id: STAFF_WRITES,
                segment_ids: segment.into_iter().collect(),
                promoted: article.promoted,
                position,
                label_names: article.labels.clone(),
                ..NewArticle::default()
            };
            article_write::create(tx, &self.may()?, self.now, &new).await?;
        }
        Ok(())
    }
}

/// As the first migration of the help center numbers them.
fn segment_of(word: &str) -> Option<i64> {
    match word {
        "signed_in_users" => Some(1),
        "staff" => Some(STAFF_SEGMENT),
        _ => None,
    }
}

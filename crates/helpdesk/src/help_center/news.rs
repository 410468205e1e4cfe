//! What there is to tell of who subscribed to articles and sections, and to whom (`subscribers.rs`).

use std::collections::HashSet;

use serde_json::Value as Json;
use store::{Row, Tx};

use super::{Reader, articles};
use crate::follow::Logged;
use crate::subscribers::{News, PEOPLE_MAX, Subscriber, cut, subject};
use crate::{Error, public_address};

/// A comment on an article, for who follows the article, or its section with the comments in it, in the comment's language. The article is
/// called as readers of that language know it.
pub(crate) async fn of_comment(tx: &mut Tx, comment_id: i64) -> Result<Option<(News, Vec<Subscriber>)>, Error> {
    let row = tx
        .row(
            "select c.article_id, c.author_id, c.locale, c.body, a.section_id, a.restricted, p.name as author_name, t.title
             from help_comments c join help_articles a on a.id = c.article_id join people p on p.id = c.author_id
             join help_translations t on t.id = (
                 select x.id from help_translations x where x.article_id = a.id and x.draft = 0
                 order by case x.locale when c.locale then 0 when a.source_locale then 1 else 2 end, x.id limit 1)
             where c.id = $1 and a.archived_at is null",
            &[comment_id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let about = About::from_row(&row)?;
    let people = about.people(tx, Some(row.int("author_id")?), true).await?;
    let author = row.text_or_null("author_name")?.unwrap_or_default();
    let said = cut(&plain(&row.text("body")?));
    let address = about.address(tx).await?;
    let news = News {
        subject: subject(&format!("New comment on {}", about.title)),
        body: format!("{author} wrote below {}:\n\n{said}\n\n{address}/comments/{comment_id}", about.title),
        why: "You follow this article or its section.".to_owned(),
        about: ("Article", about.article_id),
    };
    Ok(Some((news, people)))
}

/// Whether a change made a text public.
pub(crate) fn is_out(after: Option<&Json>) -> bool {
    after.and_then(|after| after.get("draft")) == Some(&Json::Bool(false))
}

/// Changes of a text that are looked through, from its first one on.
const CHANGES_READ: i64 = 1_000;

/// Whether an earlier change did. Served by `events_by_object`.
pub(crate) async fn was_out(tx: &mut Tx, event: &Logged) -> Result<bool, Error> {
    let sql = "select after from events where object_type = 'HelpText' and object_id = $1 and id < $2 order by created_at, id limit $3";
    for row in tx.rows(sql, &[event.object_id.into(), event.id.into(), CHANGES_READ.into()]).await? {
        if is_out(row.json("after")?.as_ref()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An article that readers can read from now on, for who follows its section in that language. None for a draft.
pub(crate) async fn of_text(
    tx: &mut Tx,
    text_id: i64,
    writer_id: Option<i64>,
) -> Result<Option<(News, Vec<Subscriber>)>, Error> {
    let row = tx
        .row(
            "select t.article_id, t.locale, t.title, a.section_id, a.restricted
             from help_translations t join help_articles a on a.id = t.article_id
             where t.id = $1 and t.draft = 0 and a.archived_at is null",
            &[text_id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let about = About::from_row(&row)?;
    let people = about.people(tx, writer_id, false).await?;
    let address = about.address(tx).await?;
    let news = News {
        subject: subject(&format!("New article: {}", about.title)),
        body: format!("There is a new article, {}:\n\n{address}", about.title),
        why: "You follow its section.".to_owned(),
        about: ("Article", about.article_id),
    };
    Ok(Some((news, people)))
}

struct About {
    article_id: i64,
    section_id: i64,
    locale: String,
    title: String,
    restricted: bool,
}

impl About {
    fn from_row(row: &Row) -> Result<About, Error> {
        Ok(About {
            article_id: row.int("article_id")?,
            section_id: row.int("section_id")?,
            locale: row.text("locale")?,
            title: row.text("title")?,
            restricted: row.flag("restricted")?,
        })
    }

    async fn address(&self, tx: &mut Tx) -> Result<String, Error> {
        Ok(format!("{}/hc/{}/articles/{}", public_address::get(tx).await?, self.locale, self.article_id))
    }

    /// Of a comment, those of the article and of the section with its comments; of an article, those of the section. Each once, but not
    /// this one. Served by `help_subscriptions_by_article` and `help_subscriptions_by_section`.
    async fn people(&self, tx: &mut Tx, but_not: Option<i64>, is_comment: bool) -> Result<Vec<Subscriber>, Error> {
        let which = if is_comment {
            "(x.article_id = $1 or (x.section_id = $2 and x.include_comments = 1))"
        } else {
            "x.section_id = $2 and coalesce(x.article_id, 0) <> $1"
        };
        let sql = format!(
            "select x.id, x.article_id, x.person_id, x.locale, p.email from help_subscriptions x join people p on p.id = x.person_id
             where {which} and lower(x.locale) = $3 and p.id <> $4 and p.email is not null and p.active = 1 and p.suspended = 0
                 and p.deleted_at is null
             order by x.id limit $5"
        );
        let rows = tx
            .rows(
                &sql,
                &[
                    self.article_id.into(),
                    self.section_id.into(),
                    self.locale.to_lowercase().into(),
                    but_not.unwrap_or_default().into(),
                    PEOPLE_MAX.into(),
                ],
            )
            .await?;
        let mut people: Vec<Subscriber> = Vec::with_capacity(rows.len());
        if rows.is_empty() || (!self.restricted && !self.is_seen_by(tx, &Reader::anyone()).await?) {
            return Ok(people);
        }
        let mut known = HashSet::new();
        for row in &rows {
            let person_id = row.int("person_id")?;
            if !known.insert(person_id) {
                continue;
            }
            if self.restricted {
                let reader = Reader::of_person(tx, person_id).await?;
                if !self.is_seen_by(tx, &reader).await? {
                    continue;
                }
            }
            let of = match row.int_or_null("article_id")? {
                Some(id) => format!("articles/{id}"),
                None => format!("sections/{}", self.section_id),
            };
            let subscription = format!("help_center/{of}/subscriptions/{}", row.int("id")?);
            people.push(Subscriber { person_id, email: row.text("email")?, subscription });
        }
        Ok(people)
    }

    /// Whether it is there for somebody.
    async fn is_seen_by(&self, tx: &mut Tx, reader: &Reader) -> Result<bool, Error> {
        match articles::must_see(tx, reader, self.article_id).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The words of HTML.
fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut is_in_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_in_tag = true,
            '>' if is_in_tag => {
                is_in_tag = false;
                if !text.ends_with([' ', '\n']) {
                    text.push(' ');
                }
            }
            c if !is_in_tag => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_told_by_its_words() {
        assert_eq!(plain("<p>Fish &amp; <b>chips</b></p><p>1 &lt; 2</p>"), "Fish & chips 1 < 2");
    }
}

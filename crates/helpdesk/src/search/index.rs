//! What tickets, people, organizations and articles are found by: their words, pairs of words that follow each other, and the same of single
//! parts of them. Written in the transaction of each change.

use std::collections::BTreeSet;

use store::Tx;
use store::search::{self, Index};

use super::phrases::Part;
use super::tickets::is_number;
use super::words;
use crate::Error;
use crate::addresses;
use crate::own_tags::tags_of;

/// Newest messages of a ticket that are read, and characters of each.
pub(super) const MESSAGES_MAX: i64 = 100;
pub(super) const CHARS_MAX: i64 = 20_000;
/// Most distinct words of a ticket, of an article's text, and of a person or an organization.
const TICKET_WORDS_MAX: usize = 5_000;
const ARTICLE_WORDS_MAX: usize = 5_000;
const RECORD_WORDS_MAX: usize = 1_500;
/// Most distinct pairs of words of one object, and most words of one part of it.
const PAIRS_MAX: usize = 5_000;
const PART_WORDS_MAX: usize = 1_000;

/// Writes what a ticket is found by. Call it after each change of its subject or of a message.
pub async fn index_ticket(tx: &mut Tx, id: i64) -> Result<(), Error> {
    let row = tx.row("select subject, external_id from tickets where id = $1", &[id.into()]).await?;
    let Some(row) = row else { return Ok(search::remove(tx, Index::Tickets, id).await?) };
    let mut bag = Bag::default();
    let subject: Vec<String> =
        words::of(&row.text_or_null("subject")?.unwrap_or_default()).into_iter().take(PART_WORDS_MAX).collect();
    bag.add_part(Part::Subject, &subject);
    let mut short = vec![subject];
    short.extend(row.text_or_null("external_id")?.map(|text| words::of(&text).into_iter().take(1_000).collect()));
    for text in short {
        bag.add_pairs(None, &text);
        for word in text {
            if is_number(&word) {
                bag.marked.extend(words::slips(&word));
            }
            bag.words.insert(word);
        }
    }
    let rows = tx
        .rows(
            "select substr(coalesce(stripped_text, body_text), 1, $1) as body from messages
             where ticket_id = $2 order by created_at desc, id desc limit $3",
            &[CHARS_MAX.into(), id.into(), MESSAGES_MAX.into()],
        )
        .await?;
    for row in rows {
        if let Some(body) = row.text_or_null("body")? {
            let body = words::of(&body);
            bag.add_pairs(None, &body);
            bag.add_words(body, TICKET_WORDS_MAX);
        }
    }
    Ok(search::put(tx, Index::Tickets, id, bag.words()).await?)
}

/// Writes what a person is found by. Call it after each change of their name, addresses, foreign id, note, details or tags. The plain words are
/// those of customers alone: staff are few, and looked for elsewhere.
pub(crate) async fn index_person(tx: &mut Tx, id: i64) -> Result<(), Error> {
    let sql = "select name, email, external_id, note, details, tags, is_staff from people where id = $1 and deleted_at is null";
    let Some(row) = tx.row(sql, &[id.into()]).await? else {
        return Ok(search::remove(tx, Index::Customers, id).await?);
    };
    let is_customer = !row.flag("is_staff")?;
    let mut bag = Bag::default();
    for (part, column) in [(Part::Name, "name"), (Part::Note, "note"), (Part::Details, "details")] {
        let text = row.text_or_null(column)?.unwrap_or_default();
        bag.add_part(part, &words::of(&text).into_iter().take(PART_WORDS_MAX).collect::<Vec<_>>());
    }
    bag.add_tags(&tags_of(&row)?);
    if is_customer {
        for text in [row.text_or_null("name")?, row.text_or_null("external_id")?].into_iter().flatten() {
            bag.add_with_slips(&text);
        }
    }
    let mut emails: Vec<String> = row.text_or_null("email")?.into_iter().collect();
    for address in addresses::of_person(tx, id).await? {
        match address.kind.as_str() {
            addresses::EMAIL => emails.push(address.address),
            "phone" | "sms" | "whatsapp" => bag.add_number(&address.address, is_customer),
            _ if is_customer => bag.add(&address.address),
            _ => {}
        }
    }
    for email in emails {
        bag.add_part(Part::Email, &words::of(&email));
        if is_customer {
            // Everybody is at the same few domains: a slip there would find them all.
            let (name, domain) = email.rsplit_once('@').unwrap_or((&email, ""));
            bag.add_with_slips(name);
            bag.add(domain);
        }
    }
    Ok(search::put(tx, Index::Customers, id, bag.words()).await?)
}

/// Forgets a customer who is gone.
pub(crate) async fn forget_customer(tx: &mut Tx, id: i64) -> Result<(), Error> {
    Ok(search::remove(tx, Index::Customers, id).await?)
}

/// Writes what an organization is found by. Call it after each change of its name, foreign id, notes, details or tags.
pub(crate) async fn index_organization(tx: &mut Tx, id: i64) -> Result<(), Error> {
    let sql = "select name, external_id, notes, details, tags from organizations where id = $1";
    let Some(row) = tx.row(sql, &[id.into()]).await? else { return forget_organization(tx, id).await };
    let mut bag = Bag::default();
    for (part, column) in [(Part::Name, "name"), (Part::Note, "notes"), (Part::Details, "details")] {
        let text = row.text_or_null(column)?.unwrap_or_default();
        bag.add_part(part, &words::of(&text).into_iter().take(PART_WORDS_MAX).collect::<Vec<_>>());
    }
    bag.add(&row.text("name")?);
    bag.add(&row.text_or_null("external_id")?.unwrap_or_default());
    bag.add_tags(&tags_of(&row)?);
    Ok(search::put(tx, Index::Organizations, id, bag.words()).await?)
}

/// Forgets an organization that is gone.
pub(crate) async fn forget_organization(tx: &mut Tx, id: i64) -> Result<(), Error> {
    Ok(search::remove(tx, Index::Organizations, id).await?)
}

/// Writes what a text of the help center's articles is found by. Call it after each change of it, and of whether its article is there.
pub(crate) async fn index_article(tx: &mut Tx, text_id: i64) -> Result<(), Error> {
    let sql = "select t.title, t.body from help_translations t join help_articles a on a.id = t.article_id
               where t.id = $1 and a.archived_at is null";
    let Some(row) = tx.row(sql, &[text_id.into()]).await? else {
        return Ok(search::remove(tx, Index::Articles, text_id).await?);
    };
    let mut bag = Bag::default();
    bag.add_words(words::of(&row.text("title")?), ARTICLE_WORDS_MAX);
    bag.add_words(words::of(&crate::tickets::bodies::text_of_html(&row.text("body")?)), ARTICLE_WORDS_MAX);
    Ok(search::put(tx, Index::Articles, text_id, bag.words()).await?)
}

/// Distinct words on their way into the index: plain ones come first, should there be too many.
#[derive(Default)]
struct Bag {
    words: BTreeSet<String>,
    marked: BTreeSet<String>,
    n_pairs: usize,
}

impl Bag {
    fn add(&mut self, text: &str) {
        self.add_words(words::of(text), RECORD_WORDS_MAX);
    }

    fn add_words(&mut self, words: Vec<String>, most: usize) {
        let room = most.saturating_sub(self.words.len());
        self.words.extend(words.into_iter().take(room));
    }

    /// The words that follow each other in one text.
    fn add_pairs(&mut self, part: Option<Part>, text: &[String]) {
        for (first, second) in text.iter().zip(text.iter().skip(1)) {
            if PAIRS_MAX <= self.n_pairs {
                return;
            }
            if self.marked.insert(words::pair(part.map(Part::letter), first, second)) {
                self.n_pairs += 1;
            }
        }
    }

    fn add_part(&mut self, part: Part, text: &[String]) {
        self.marked.extend(text.iter().map(|word| words::in_part(part.letter(), word)));
        self.add_pairs(Some(part), text);
    }

    fn add_tags(&mut self, tags: &[String]) {
        let whole = tags.iter().filter_map(|tag| super::phrases::tag_word(tag));
        self.marked.extend(whole.map(|tag| words::in_part(Part::Tags.letter(), &tag)));
    }

    fn add_with_slips(&mut self, text: &str) {
        for word in words::of(text) {
            if RECORD_WORDS_MAX <= self.words.len() {
                return;
            }
            self.marked.extend(words::slips(&word));
            self.words.insert(word);
        }
    }

    fn add_number(&mut self, number: &str, is_customer: bool) {
        let digits: String = number.chars().filter(char::is_ascii_digit).take(20).collect();
        for end in words::ends_of_number(&digits).filter(|end| !end.is_empty()) {
            self.marked.insert(words::in_part(Part::Phone.letter(), end));
            if is_customer {
                self.words.insert(end.to_owned());
            }
        }
        if is_customer {
            self.add(number);
        }
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().chain(&self.marked).map(String::as_str)
    }
}

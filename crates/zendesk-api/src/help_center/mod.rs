//! `/api/v2/help_center` and `/api/v2/guide` (Zendesk contract, `resources.help_center`): one file a resource. `error.rs` is how it refuses.
//!
//! Most addresses have a second form with a language in front, `/api/v2/help_center/{locale}/...`: the same handler, for texts in that
//! language alone. Without one, each thing is shown in its own language.
//!
//! What the contract opens to anyone is read without a token too (`Visitor`): then only what is published and for everybody is there.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use endpoint::{App, Needs, Perhaps, Routes};
use helpdesk::help_center::{self, NewText, Reader};
use scope::permission::{Permission, Permissions};
use scope::permit::CanRead;
use scope::resource::{Kind, PublicHelpCenter};
use serde_json::{Map, Value};
use store::Tx;

use crate::Site;
use crate::answer::Reply;
use crate::error::ZendeskError;
use crate::fields::Fields;
use crate::page::Asked;
use crate::{locales as languages, path};

pub mod articles;
pub mod attachments;
pub mod categories;
pub mod comments;
mod error;
pub mod labels;
pub mod permission_groups;
pub mod search;
pub mod sections;
pub mod subscriptions;
pub mod translations;
pub mod user_segments;
pub mod votes;

pub use error::HelpCenterError;

/// What handlers of the help center return.
pub type Answer = Result<Reply, HelpCenterError>;

/// Why some routes ask nobody who they are, and what a refusal of a token names.
const WHY: &str = "published articles are for everybody; what else a caller sees goes by their token";
const READING: Permissions = Permissions::of(&[Permission::read(Kind::PublicHelpCenter)]);

/// Most characters of a word for a language.
const LOCALE_MAX_CHARS: usize = 20;

pub fn routes(routes: Routes) -> Routes {
    let files: &[fn(Routes) -> Routes] = &[
        articles::routes,
        attachments::routes,
        categories::routes,
        comments::routes,
        labels::routes,
        permission_groups::routes,
        search::routes,
        sections::routes,
        subscriptions::routes,
        translations::routes,
        user_segments::routes,
        votes::routes,
    ];
    files.iter().fold(routes, |routes, file| file(routes))
}

/// What stands in an address: a language, if it names one, and ids in their order.
#[derive(Debug, Clone)]
pub struct At {
    locale: Option<String>,
    ids: Vec<i64>,
}

impl At {
    pub fn language(&self) -> Option<&str> {
        self.locale.as_deref()
    }

    /// The language of an address that ends with one.
    pub fn locale(&self) -> &str {
        self.locale.as_deref().unwrap_or_default()
    }

    pub fn id(&self) -> i64 {
        self.ids.first().copied().unwrap_or_default()
    }

    pub fn pair(&self) -> (i64, i64) {
        (self.id(), self.ids.get(1).copied().unwrap_or_default())
    }
}

impl Needs for At {}

impl FromRequestParts<App> for At {
    type Rejection = ZendeskError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<At, ZendeskError> {
        let places = Path::<Vec<(String, String)>>::from_request_parts(parts, app).await;
        let Path(places) = places.map_err(|_| ZendeskError::not_found())?;
        let mut at = At { locale: None, ids: Vec::new() };
        for (name, sent) in places {
            if name == "locale" {
                at.locale = Some(known_locale(&sent).ok_or_else(ZendeskError::not_found)?);
            } else {
                at.ids.push(path::parse(&sent)?);
            }
        }
        Ok(at)
    }
}

/// Whoever reads what is for everybody: as far as their token goes, or nobody in particular.
pub struct Visitor(Option<CanRead<PublicHelpCenter>>);

impl Visitor {
    async fn reader(&self, tx: &mut Tx) -> Result<Reader, ZendeskError> {
        match &self.0 {
            Some(may) => Ok(Reader::of(tx, may).await?),
            None => Ok(Reader::anyone()),
        }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = ZendeskError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Visitor, ZendeskError> {
        match Perhaps::from_request_parts(parts, app).await {
            Ok(Perhaps(Some(later))) => Ok(Visitor(Some(later.permit()?))),
            Ok(Perhaps(None)) => Ok(Visitor(None)),
            Err(refused) => Err(ZendeskError::Forbidden(Box::new(refused))),
        }
    }
}

/// The word of a language that there is, as the help center spells it.
fn known_locale(word: &str) -> Option<String> {
    help_center::locales::parse(word).filter(|word| languages::is_known(word))
}

fn read_locale(fields: &mut Fields, field: &str) -> Option<String> {
    let sent = fields.some_text(field, LOCALE_MAX_CHARS)?;
    let known = known_locale(&sent);
    if known.is_none() {
        fields.problem(field, format!("{sent} is not a locale"));
    }
    known
}

/// The words of something new: those at its top under these names, or `translations`; and the language that the rest follows, which may
/// stand in the address.
fn read_texts(fields: &mut Fields, (title, body): (&str, &str), at: &At) -> (String, Vec<NewText>) {
    let mut texts = fields.each("translations", read_text).unwrap_or_default();
    let locale = read_locale(fields, "locale").or_else(|| at.language().map(str::to_owned));
    let source = locale.or_else(|| texts.first().map(|text| text.locale.clone()));
    let draft = fields.flag("draft").unwrap_or_default();
    if texts.iter().all(|text| Some(&text.locale) != source.as_ref()) {
        fields.require(title);
        if source.is_none() {
            fields.require("locale");
        }
        texts.push(NewText {
            locale: source.clone().unwrap_or_default(),
            title: fields.some_text(title, help_center::TITLE_MAX_CHARS).unwrap_or_default(),
            body: fields.some_text(body, help_center::BODY_MAX_CHARS).unwrap_or_default(),
            draft,
            ..NewText::default()
        });
    } else {
        fields.pass(&[title, body]);
    }
    (source.unwrap_or_default(), texts)
}

fn read_text(fields: &mut Fields) -> NewText {
    fields.require("locale");
    fields.require("title");
    NewText {
        locale: read_locale(fields, "locale").unwrap_or_default(),
        title: fields.some_text("title", help_center::TITLE_MAX_CHARS).unwrap_or_default(),
        body: fields.some_text("body", help_center::BODY_MAX_CHARS).unwrap_or_default(),
        draft: fields.flag("draft").unwrap_or_default(),
        outdated: fields.flag("outdated").unwrap_or_default(),
        quiet: false,
    }
}

/// A place among others: whole, and not below nought.
fn read_position(fields: &mut Fields) -> Option<i64> {
    let position = fields.integer("position").flatten()?;
    if position < 0 {
        fields.problem("position", "must not be less than 0");
    }
    Some(position)
}

/// The answer of a list, with what lists say besides here.
fn listed(asked: &Asked<'_>, mut body: Map<String, Value>, is_sorted: bool) -> Reply {
    asked.say_more(&mut body, is_sorted);
    let links = body.get("links").and_then(Value::as_object);
    let links = links.map(|links| {
        let one =
            |(name, address): (&String, &Value)| address.as_str().map(|address| format!("<{address}>; rel=\"{name}\""));
        links.iter().filter_map(one).collect::<Vec<_>>().join(", ")
    });
    Reply { link: links, ..Reply::ok(Value::Object(body)) }
}

/// Where people read it. Nothing is served there yet: the address is what the vendor's would be.
fn page_address(site: &Site, locale: &str, what: &str, (id, title): (i64, &str)) -> String {
    let mut address = format!("{}/hc/{locale}/{what}/{id}", site.0);
    let plain = |word: &str| word.chars().filter(char::is_ascii).collect::<String>();
    let words = title.split(|c: char| !c.is_alphanumeric()).map(plain).filter(|word| !word.is_empty());
    for word in words.take(SLUG_WORDS) {
        address.push('-');
        address.push_str(&word);
    }
    address
}

const SLUG_WORDS: usize = 12;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_come_from_the_top_or_from_translations() {
        let nowhere = At { locale: None, ids: Vec::new() };
        let in_french = At { locale: Some("fr".to_owned()), ids: Vec::new() };
        let read = |sent: Value, at: &At| {
            let mut fields = Fields::of_row(&sent);
            let (source, texts) = read_texts(&mut fields, ("title", "body"), at);
            fields
                .finish()
                .map(|()| (source, texts.len(), texts.last().map(|text| text.title.clone()).unwrap_or_default()))
        };
        let known = |source: &str, n: usize, title: &str| Some((source.to_owned(), n, title.to_owned()));

        assert_eq!(read(json!({ "title": "A", "locale": "en-US" }), &nowhere).ok(), known("en-us", 1, "A"));
        assert_eq!(read(json!({ "title": "A" }), &in_french).ok(), known("fr", 1, "A"));
        let two = json!([{ "title": "A", "locale": "en-us" }, { "title": "B", "locale": "de" }]);
        assert_eq!(read(json!({ "translations": two }), &nowhere).ok(), known("en-us", 2, "B"));
        assert_eq!(
            read(json!({ "translations": two, "locale": "fr", "title": "C" }), &nowhere).ok(),
            known("fr", 3, "C")
        );
        for wrong in [json!({ "title": "A" }), json!({ "locale": "fr" }), json!({ "title": "A", "locale": "xx" })] {
            assert!(read(wrong.clone(), &nowhere).is_err(), "{wrong}");
        }
    }
}

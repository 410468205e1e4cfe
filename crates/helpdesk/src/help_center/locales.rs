//! The languages that there are texts in. A language is switched on by the first text that is written in it.

use jiff::Timestamp;
use store::{StoreError, Tx};

use crate::Error;

/// Longest word for a language, in characters.
const LOCALE_MAX_CHARS: usize = 20;

/// The languages, the default one first. They are for everybody to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locales {
    pub default: String,
    pub all: Vec<String>,
}

pub async fn list(tx: &mut Tx) -> Result<Locales, Error> {
    let rows = tx.rows("select locale from help_locales order by is_default desc, locale", &[]).await?;
    let all = rows.iter().map(|row| row.text("locale")).collect::<Result<Vec<_>, _>>()?;
    let default = all.first().cloned().ok_or(StoreError::Column("locale"))?;
    Ok(Locales { default, all })
}

/// Such as `en-us`, `fr`: as the help center spells languages. None for what is no word for one.
pub fn parse(word: &str) -> Option<String> {
    let word = word.trim().replace('_', "-").to_ascii_lowercase();
    let mut parts = word.split('-');
    let language = parts.next().unwrap_or_default();
    let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_rest = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_language && parts.all(is_rest) && word.len() <= LOCALE_MAX_CHARS).then_some(word)
}

/// The same of what was sent with a text, or `Invalid` on `locale`.
pub(super) fn check(word: &str) -> Result<String, Error> {
    parse(word).ok_or_else(|| Error::invalid("locale", "is not a language"))
}

/// Notes that there is a text in this language.
pub(super) async fn add(tx: &mut Tx, now: Timestamp, locale: &str) -> Result<(), Error> {
    let sql =
        "insert into help_locales (locale, is_default, created_at) values ($1, 0, $2) on conflict (locale) do nothing";
    tx.run(sql, &[locale.into(), now.into()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_spelled_in_one_way() {
        for (sent, kept) in
            [("en-US", Some("en-us")), ("pt_BR", Some("pt-br")), ("fr", Some("fr")), ("es-419", Some("es-419"))]
        {
            assert_eq!(parse(sent).as_deref(), kept);
        }
        for nothing in ["", "e", "987654321", "en-", "en-u", "../x", "articles"] {
            assert_eq!(parse(nothing), None, "{nothing}");
        }
    }
}

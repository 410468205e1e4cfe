//! `/api/v2/locales`: the languages that texts and people may have (Zendesk contract, `resources.locales`). They come with the program, so
//! everybody may read them; the vendor's numbers are kept where clients know them by heart.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::MethodFilter;
use endpoint::{App, Perhaps, Routes};
use helpdesk::profiles;
use scope::permission::{Permission, Permissions};
use scope::resource::Kind;
use serde_json::{Value, json};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::page;
use crate::query::Params;
use crate::{Site, Word};

const WHY: &str = "the languages are the same for everybody";
const OF_CALLER: Permissions = Permissions::of(&[Permission::read(Kind::Users)]);

pub fn routes(routes: Routes) -> Routes {
    routes
        .open(MethodFilter::GET, "/api/v2/locales", list, WHY)
        .open(MethodFilter::GET, "/api/v2/locales/agent", list, WHY)
        .by_request(MethodFilter::GET, "/api/v2/locales/current", show_current, OF_CALLER, WHY)
        .open(MethodFilter::GET, "/api/v2/locales/detect_best_locale", detect, WHY)
        .open(MethodFilter::GET, "/api/v2/locales/public", list, WHY)
        .open(MethodFilter::GET, "/api/v2/locales/{locale_id}", show, WHY)
}

/// One language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Locale {
    pub id: i64,
    /// Such as `en-US`.
    pub word: &'static str,
    /// In that language.
    pub name: &'static str,
}

const fn locale(id: i64, word: &'static str, name: &'static str) -> Locale {
    Locale { id, word, name }
}

/// The first is the one of whoever has said nothing.
const LOCALES: &[Locale] = &[
    locale(1, "en-US", "English"),
    locale(2, "es", "Español"),
    locale(8, "de", "Deutsch"),
    locale(9, "zh-TW", "繁體中文"),
    locale(10, "zh-CN", "简体中文"),
    locale(16, "fr", "Français"),
    locale(19, "pt-BR", "Português do Brasil"),
    locale(22, "it", "Italiano"),
    locale(27, "ru", "Русский"),
    locale(66, "ar", "العربية"),
    locale(67, "ja", "日本語"),
    locale(69, "ko", "한국어"),
    locale(74, "no", "Norsk"),
    locale(78, "fi", "Suomi"),
    locale(81, "th", "ไทย"),
    locale(88, "tr", "Türkçe"),
    locale(92, "sv", "Svenska"),
    locale(94, "da", "Dansk"),
    locale(1001, "bg", "Български"),
    locale(1002, "ca", "Català"),
    locale(1003, "cs", "Čeština"),
    locale(1004, "el", "Ελληνικά"),
    locale(1005, "nl", "Nederlands"),
    locale(1006, "et", "Eesti"),
    locale(1007, "he", "עברית"),
    locale(1008, "hi", "हिन्दी"),
    locale(1009, "hr", "Hrvatski"),
    locale(1010, "hu", "Magyar"),
    locale(1011, "id", "Bahasa Indonesia"),
    locale(1012, "lt", "Lietuvių"),
    locale(1013, "lv", "Latviešu"),
    locale(1014, "ms", "Bahasa Melayu"),
    locale(1015, "pl", "Polski"),
    locale(1016, "pt", "Português"),
    locale(1017, "ro", "Română"),
    locale(1018, "sk", "Slovenčina"),
    locale(1019, "sl", "Slovenščina"),
    locale(1020, "sr", "Српски"),
    locale(1021, "uk", "Українська"),
    locale(1022, "vi", "Tiếng Việt"),
    locale(1023, "fa", "فارسی"),
    locale(1024, "fil", "Filipino"),
    locale(1025, "is", "Íslenska"),
    locale(1026, "en-AU", "English (Australia)"),
    locale(1027, "en-CA", "English (Canada)"),
    locale(1176, "en-GB", "English (Great Britain)"),
    locale(1186, "fr-CA", "Français (Canada)"),
    locale(1194, "es-419", "Español (Latinoamérica)"),
    locale(1195, "es-ES", "Español (España)"),
    locale(1196, "de-AT", "Deutsch (Österreich)"),
    locale(1197, "de-CH", "Deutsch (Schweiz)"),
];

/// When this list was written last.
const WRITTEN: &str = "2026-01-01T00:00:00Z";

pub(crate) fn of_id(id: i64) -> Option<Locale> {
    LOCALES.iter().copied().find(|locale| locale.id == id)
}

/// Of a word such as `en-us` or `pt`, the language itself, or the one that is nearest to it.
pub(crate) fn of_word(word: &str) -> Option<Locale> {
    let word = word.replace('_', "-");
    let same = LOCALES.iter().copied().find(|locale| locale.word.eq_ignore_ascii_case(&word));
    same.or_else(|| LOCALES.iter().copied().find(|locale| language(locale.word) == language(&word)))
}

/// Whether this is the word of a language, in any case of its letters.
pub(crate) fn is_known(word: &str) -> bool {
    LOCALES.iter().any(|locale| locale.word.eq_ignore_ascii_case(word))
}

/// The id of a stored language; that of the first one if it is none that is known.
pub(crate) fn id_of_word(word: &str) -> i64 {
    of_word(word).map_or(LOCALES[0].id, |locale| locale.id)
}

/// Whether it is the language of whoever has said nothing.
pub(crate) fn is_default(locale: Locale) -> bool {
    locale.id == LOCALES[0].id
}

/// `en` of `en-US`.
pub(crate) fn language(word: &str) -> String {
    word.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

pub(crate) fn ids() -> Vec<i64> {
    LOCALES.iter().map(|locale| locale.id).collect()
}

/// `GET /api/v2/locales`
pub async fn list(params: Params) -> Answer {
    let views = LOCALES.iter().map(|locale| view(&params.site, *locale)).collect();
    Ok(Reply::ok(Value::Object(page::whole("locales", views))))
}

/// `GET /api/v2/locales/{locale_id}`: by number or by word.
pub async fn show(Word(word): Word, params: Params) -> Answer {
    let by_word = || LOCALES.iter().copied().find(|locale| locale.word.eq_ignore_ascii_case(&word));
    let found = word.parse().ok().and_then(of_id).or_else(by_word);
    Ok(Reply::one("locale", view(&params.site, found.ok_or_else(ZendeskError::not_found)?)))
}

/// `GET /api/v2/locales/current`: that of the caller.
pub async fn show_current(State(app): State<App>, Perhaps(caller): Perhaps, params: Params) -> Answer {
    let language = match caller {
        Some(caller) => {
            let mut tx = app.db.read().await?;
            profiles::own(&mut tx, caller.actor()).await?.and_then(|user| user.language)
        }
        None => None,
    };
    let found = language.as_deref().and_then(of_word).unwrap_or(LOCALES[0]);
    Ok(Reply::one("locale", view(&params.site, found)))
}

/// `GET /api/v2/locales/detect_best_locale`: what the browser wants most of what there is.
pub async fn detect(headers: HeaderMap, params: Params) -> Answer {
    let offered = params.texts("available_locales")?;
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|wanted| wanted.to_str().ok()).unwrap_or_default();
    let found = best(wanted, offered.as_deref()).unwrap_or(LOCALES[0]);
    Ok(Reply::one("locale", view(&params.site, found)))
}

/// `fr-CH, fr;q=0.9, en;q=0.8`
fn best(wanted: &str, offered: Option<&[String]>) -> Option<Locale> {
    let mut wishes: Vec<(&str, f32)> = wanted
        .split(',')
        .map(|wish| {
            let (word, rest) = wish.split_once(';').unwrap_or((wish, ""));
            let weight = rest.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(1.0);
            (word.trim(), weight)
        })
        .collect();
    wishes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let is_offered = |found: &Locale| {
        offered.is_none_or(|offered| offered.iter().any(|word| of_word(word).is_some_and(|known| known == *found)))
    };
    let first_offered = || offered.and_then(|offered| offered.first()).and_then(|word| of_word(word));
    wishes.iter().filter_map(|(word, _)| of_word(word)).find(is_offered).or_else(first_offered)
}

fn view(site: &Site, locale: Locale) -> Value {
    json!({
        "id": locale.id,
        "url": site.url(&format!("locales/{}", locale.word)),
        "locale": locale.word,
        "name": locale.name,
        "native_name": locale.name,
        "default": locale == LOCALES[0],
        "created_at": WRITTEN,
        "updated_at": WRITTEN,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_each_of_one_language() {
        for (at, one) in LOCALES.iter().enumerate() {
            assert!(LOCALES[..at].iter().all(|other| other.id != one.id && other.word != one.word), "{one:?}");
            assert_eq!(of_word(one.word), Some(*one));
        }
        assert_eq!(of_word("fr_be").map(|locale| locale.word), Some("fr"));
        assert_eq!(of_word("x"), None);
    }

    #[test]
    fn what_is_wanted_most_of_what_is_offered_is_found() {
        let offered = ["fr".to_owned(), "de".to_owned()];
        assert_eq!(best("en;q=0.5, de;q=0.9", Some(&offered)).map(|locale| locale.word), Some("de"));
        assert_eq!(best("ja", Some(&offered)).map(|locale| locale.word), Some("fr"));
        assert_eq!(best("", None), None);
    }
}

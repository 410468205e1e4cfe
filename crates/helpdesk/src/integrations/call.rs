//! The call that a macro or rule makes: checked when it is saved, filled in when it is made.

use serde_json::Value as Json;
use url::Url;

use super::request::{self, FORM};
use crate::Error;
use crate::actions::HttpCall;
use crate::templates::{self, Facts};

/// `Invalid` on `field` if it could never go out.
pub(crate) fn check(call: &HttpCall, field: &str) -> Result<(), Error> {
    request::check_url(&call.url).map_err(|problem| Error::invalid(field, format!("The call's url: {problem}")))?;
    if request::method(&call.method.to_ascii_uppercase()).is_none() {
        let problem = format!("The call's method: Must be one of: {}.", request::METHODS.join(", "));
        return Err(Error::invalid(field, problem));
    }
    let headers = call.headers.iter().cloned().collect();
    request::check_headers(&headers).map_err(|problem| Error::invalid(field, format!("The call's headers: {problem}")))
}

/// Its texts, by which the facts are chosen.
pub(super) fn texts(call: &HttpCall) -> impl Iterator<Item = &str> {
    let headers = call.headers.iter().map(|(_, value)| value.as_str());
    headers.chain([call.url.as_str()]).chain(call.body.as_deref())
}

/// The call with the facts filled in: in an address percent-encoded, in a JSON body one text each, so that nothing can become another
/// part of either. A JSON object goes as pairs where the content type says so, and into the query of a method that has no body.
pub(super) fn filled(call: &HttpCall, facts: &Facts) -> HttpCall {
    let url = templates::text(&call.url, &Facts(request::encoded(&facts.0)));
    let header = |(name, value): &(String, String)| {
        let value: String = templates::text(value, facts).chars().filter(|c| !c.is_control()).collect();
        (name.clone(), value)
    };
    let mut made = HttpCall { url, headers: call.headers.iter().map(header).collect(), body: None, ..call.clone() };
    let has_no_body = matches!(call.method.to_ascii_uppercase().as_str(), "GET" | "HEAD" | "DELETE");
    let json = call.body.as_deref().map(|body| (body, serde_json::from_str::<Json>(body).ok()));
    made.body = match json {
        None => None,
        Some((_, Some(form @ Json::Object(_)))) => {
            let form = request::fill(&form, facts);
            if has_no_body {
                if let Ok(mut url) = Url::parse(&made.url) {
                    url.query_pairs_mut().extend_pairs(request::pairs(&form));
                    made.url = url.into();
                }
                None
            } else if call.content_type.as_deref() == Some(FORM) {
                let pairs = request::pairs(&form);
                Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
            } else {
                Some(form.to_string())
            }
        }
        Some((_, Some(other))) => Some(request::fill(&other, facts).to_string()),
        Some((text, None)) => Some(templates::text(text, facts)),
    };
    made
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts() -> Facts {
        Facts(json!({ "ticket": { "id": 7, "subject": "a\"b&c\r\nX: y" } }))
    }

    fn calling(method: &str, body: &str) -> HttpCall {
        HttpCall {
            url: "https://crm.example/{{ticket.subject}}?x=1".to_owned(),
            method: method.to_owned(),
            headers: vec![("X-Subject".to_owned(), "{{ticket.subject}}".to_owned())],
            content_type: None,
            body: Some(body.to_owned()),
        }
    }

    #[test]
    fn what_is_filled_in_stays_one_part() {
        let made = filled(&calling("POST", r#"{"s":"{{ticket.subject}}"}"#), &facts());

        assert_eq!(made.url, "https://crm.example/a%22b%26c%0D%0AX%3A%20y?x=1");
        assert_eq!(made.headers[0].1, "a\"b&cX: y");
        let body: Json = serde_json::from_str(&made.body.unwrap()).unwrap();
        assert_eq!(body, json!({ "s": "a\"b&c\r\nX: y" }));
    }

    #[test]
    fn a_form_becomes_pairs_or_a_query_and_a_text_stays_one() {
        let form = r#"{"id":"{{ticket.id}}","s":"{{ticket.subject}}"}"#;
        let pairs = HttpCall { content_type: Some(FORM.to_owned()), ..calling("POST", form) };
        assert_eq!(filled(&pairs, &facts()).body.as_deref(), Some("id=7&s=a%22b%26c%0D%0AX%3A+y"));

        let query = filled(&calling("GET", form), &facts());
        assert!(query.url.ends_with("?x=1&id=7&s=a%22b%26c%0D%0AX%3A+y") && query.body.is_none());

        assert_eq!(filled(&calling("POST", "no {{ticket.id}}"), &facts()).body.as_deref(), Some("no 7"));
    }

    #[test]
    fn what_could_never_go_out_is_refused() {
        check(&calling("POST", ""), "code").unwrap();
        for bad in [
            HttpCall { url: "ftp://crm.example".to_owned(), ..calling("GET", "") },
            HttpCall { method: "BREW".to_owned(), ..calling("GET", "") },
            HttpCall { headers: vec![("Host".to_owned(), "x".to_owned())], ..calling("GET", "") },
        ] {
            assert!(check(&bad, "code").is_err());
        }
    }
}

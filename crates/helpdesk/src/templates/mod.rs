//! Texts with places to fill in, such as `Hello {{ticket.customer.firstname}}`, in macros, rules and integrations.
//!
//! What a template may do is bounded: it reads the facts it is given, within a budget of steps and a length. What is not known is empty.
//! A text that is no template stays as it is written: a reply is never lost over a stray brace.
//!
//! What it may name: `facts.rs`, and what was said on a ticket: `said.rs`.

mod facts;
mod said;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value as Json;

/// Longest text that comes out, in bytes.
const LENGTH_MAX_BYTES: usize = 512 * 1024;
/// Steps that a template may take.
const FUEL: u64 = 50_000;

/// Where a text wants the link to a survey: it is put in when the mail is sent (`notifications.rs`).
pub(crate) const RATING_URL: &str = "{{satisfaction.rating_url}}";

/// What a template may name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts(pub Json);

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Fills in a plain text.
pub fn text(template: &str, facts: &Facts) -> String {
    render(template, facts, AutoEscape::None)
}

/// Fills in an HTML text: what is filled in is escaped.
pub fn html(template: &str, facts: &Facts) -> String {
    render(template, facts, AutoEscape::Html)
}

fn render(template: &str, facts: &Facts, escape: AutoEscape) -> String {
    if !is_template(template) {
        return template.to_owned();
    }
    let mut environment = Environment::empty();
    environment.add_filter("default", minijinja::filters::default);
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("title", minijinja::filters::title);
    environment.add_filter("trim", minijinja::filters::trim);
    environment.add_filter("replace", minijinja::filters::replace);
    environment.add_filter("first", minijinja::filters::first);
    environment.add_filter("length", minijinja::filters::length);
    environment.add_filter("date", date);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(move |_name| escape.clone());
    match environment.render_str(template, minijinja::value::Serde(&facts.0)) {
        Ok(text) if text.len() <= LENGTH_MAX_BYTES => text,
        Ok(_) => template.to_owned(),
        Err(error) => {
            tracing::debug!(%error, "a text is no template, or takes too long: it stays as it is");
            template.to_owned()
        }
    }
}

/// A time, written as `%Y-%m-%d` or as it is asked for. What is no time stays as it is; a pattern that is none gives the usual one.
fn date(value: &str, pattern: Option<&str>) -> String {
    const USUAL: &str = "%Y-%m-%d";
    let Ok(at) = value.parse::<Timestamp>() else { return value.to_owned() };
    let at = at.to_zoned(TimeZone::UTC);
    let written = jiff::fmt::strtime::format(pattern.unwrap_or(USUAL), &at);
    written.or_else(|_| jiff::fmt::strtime::format(USUAL, &at)).unwrap_or_else(|_| value.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts() -> Facts {
        Facts(json!({ "ticket": { "id": 7, "customer": { "firstname": "Ada <b>" } } }))
    }

    #[test]
    fn places_are_filled_in_and_what_is_unknown_is_empty() {
        let said =
            text("Hello {{ ticket.customer.firstname }}, about {{ticket.id}}{{ticket.nothing.there}}.", &facts());

        assert_eq!(said, "Hello Ada <b>, about 7.");
        assert_eq!(text("{{ ticket.nothing | default('friend') }}", &facts()), "friend");
        let at = Facts(json!({ "at": "2026-03-02T09:00:00Z" }));
        assert_eq!(
            text("{{ at | date }} {{ at | date('%d.%m.%Y') }} {{ at | date('%@') }} {{ 'x' | date }}", &at),
            "2026-03-02 02.03.2026 2026-03-02 x"
        );
    }

    #[test]
    fn what_is_filled_into_html_is_escaped() {
        assert_eq!(html("<p>{{ticket.customer.firstname}}</p>", &facts()), "<p>Ada &lt;b&gt;</p>");
    }

    #[test]
    fn what_is_no_template_or_never_ends_stays_as_it_is() {
        for stray in ["{{ ticket.", "{% nothing %}", "{% for a in range(1000000) %}x{% endfor %}", "100 % {{}}"] {
            assert_eq!(text(stray, &facts()), stray);
        }
    }
}

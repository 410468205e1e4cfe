//! Text that somebody else chose, made fit to be shown.

/// Cut to `max_chars`, on one line, without control characters and without those that reorder or hide text (CO-2).
/// Escaping is the template's.
pub fn shown(text: &str, max_chars: usize) -> String {
    let visible: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|&c| !misleads(c)).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= max_chars {
        return line;
    }
    line.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect()
}

/// Bidirectional controls, zero-width characters, fillers that look like nothing.
fn misleads(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// `Firefox on Linux` of what a browser says of itself, as far as it can be told.
pub fn browser(user_agent: &str) -> String {
    let of = |names: &[(&str, &'static str)]| {
        names.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name)
    };
    // Most name others before themselves, so the order counts.
    let program = of(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = of(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => match shown(user_agent, 40) {
            name if name.is_empty() => "Unnamed browser".to_owned(),
            name => name,
        },
    }
}

/// With a capital at the beginning.
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// One or two letters that stand for a name.
pub fn initials(name: &str) -> String {
    let name = shown(name, 100);
    let letters: Vec<char> =
        name.split(' ').filter_map(|word| word.chars().find(|c| c.is_alphanumeric())).take(2).collect();
    letters.iter().flat_map(|c| c.to_uppercase()).collect()
}

/// With a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{end}", capitalized(text))
}

/// `help.example.com` of `https://help.example.com/x?y`, in lower case.
pub fn host_of(address: &str) -> Option<String> {
    let rest = address.strip_prefix("https:").or_else(|| address.strip_prefix("http:"))?;
    Some(host(rest)).filter(|host| !host.is_empty())
}

fn host(rest: &str) -> String {
    let rest = rest.trim_start_matches('/');
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_turn_itself_around_or_hide() {
        // CO-2
        assert_eq!(shown("Acme \u{202e}moc.live\u{202c}", 40), "Acme moc.live");
        assert_eq!(shown("a\u{200b}b\r\n\tc", 40), "ab c");
        assert_eq!(shown("abcdef", 4), "abc…");
    }

    #[test]
    fn a_browser_is_named_as_people_know_it() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";

        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser("curl/8.0"), "curl/8.0");
        assert_eq!(browser(""), "Unnamed browser");
    }

    #[test]
    fn initials_are_two_letters_at_most() {
        assert_eq!(initials("Ada Lovelace King"), "AL");
        assert_eq!(initials("(acme)"), "A");
        assert_eq!(initials(""), "");
    }

    #[test]
    fn a_host_is_what_a_browser_would_open() {
        // CO-1
        assert_eq!(host_of("https://user@App.example:8443/cb?x").as_deref(), Some("app.example:8443"));
        assert_eq!(host_of("javascript:alert(1)"), None);
    }

    #[test]
    fn a_problem_becomes_a_sentence() {
        assert_eq!(sentence("must be https"), "Must be https.");
    }
}

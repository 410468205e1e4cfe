//! The three forms of a person's name, kept in step: the whole, the first and the last.

/// First name: up to the first space. Last name: what follows.
pub fn split(name: &str) -> (String, String) {
    let name = name.trim();
    let (first, last) = name.split_once(char::is_whitespace).unwrap_or((name, ""));
    (first.to_owned(), last.trim().to_owned())
}

/// The whole name of its parts; none if both are empty.
pub fn join(first: &str, last: &str) -> Option<String> {
    let whole = format!("{} {}", first.trim(), last.trim());
    Some(whole.trim().to_owned()).filter(|name| !name.is_empty())
}

/// All three forms after a change of some of them. What was sent is kept as sent; what was not follows from the rest.
pub fn merged(
    old: (Option<&str>, &str, &str),
    name: Option<Option<&str>>,
    first: Option<&str>,
    last: Option<&str>,
) -> (Option<String>, String, String) {
    match (name, first, last) {
        (None, None, None) => (old.0.map(str::to_owned), old.1.to_owned(), old.2.to_owned()),
        (Some(name), None, None) => {
            let (first, last) = split(name.unwrap_or_default());
            (name.map(str::to_owned), first, last)
        }
        (Some(name), first, last) => {
            let (split_first, split_last) = split(name.unwrap_or_default());
            (name.map(str::to_owned), first.map_or(split_first, str::to_owned), last.map_or(split_last, str::to_owned))
        }
        (None, first, last) => {
            let first = first.unwrap_or(old.1).to_owned();
            let last = last.unwrap_or(old.2).to_owned();
            (join(&first, &last), first, last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_each_other() {
        assert_eq!(split("Ada Maria Park"), ("Ada".to_owned(), "Maria Park".to_owned()));
        assert_eq!(split("  "), (String::new(), String::new()));
        assert_eq!(join("", ""), None);
        let old = (Some("Ada Park"), "Ada", "Park");
        assert_eq!(
            merged(old, None, None, Some("Reed")),
            (Some("Ada Reed".to_owned()), "Ada".to_owned(), "Reed".to_owned())
        );
        assert_eq!(
            merged(old, Some(Some("Bo Li")), None, None),
            (Some("Bo Li".to_owned()), "Bo".to_owned(), "Li".to_owned())
        );
        assert_eq!(merged(old, Some(None), None, None), (None, String::new(), String::new()));
    }
}

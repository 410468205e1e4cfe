//! The two bodies of a message: HTML that is safe to show, and plain text; each made from the other where one is missing.

/// Longest excerpt, in characters.
const EXCERPT_MAX_CHARS: usize = 200;

/// Drops everything from HTML that could run, load or disguise something.
pub fn clean_html(html: &str) -> String {
    ammonia::clean(html)
}

/// HTML that shows the text as it is: a blank line parts paragraphs, a single line end is a break.
pub fn html_of_text(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>", escape(paragraph.trim_matches('\n')))).collect()
}

/// What a reader of the HTML sees. Expects the output of `clean_html`: well-formed, with few entities.
pub fn text_of_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        push_unescaped(&mut text, &rest[..at]);
        let Some(end) = rest[at..].find('>') else { break };
        let tag = &rest[at + 1..at + end];
        text.push_str(line_ends_of(tag));
        rest = &rest[at + end + 1..];
    }
    push_unescaped(&mut text, rest);
    squeeze(&text)
}

/// The start of a message as shown in a list: one line, whitespace squeezed.
pub fn excerpt(text: &str) -> String {
    let mut excerpt = String::new();
    let mut n_chars = 0;
    for word in text.split_whitespace() {
        if n_chars > 0 {
            excerpt.push(' ');
            n_chars += 1;
        }
        for c in word.chars() {
            if n_chars >= EXCERPT_MAX_CHARS {
                return excerpt.trim_end().to_owned();
            }
            excerpt.push(c);
            n_chars += 1;
        }
        if n_chars >= EXCERPT_MAX_CHARS {
            break;
        }
    }
    excerpt
}

pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' => escaped.push_str("<br>"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Line ends that a tag stands for.
fn line_ends_of(tag: &str) -> &'static str {
    let name = tag.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
    match name {
        "br" | "br/" | "/li" | "/tr" | "/div" | "/dt" | "/dd" => "\n",
        "/p" | "/h1" | "/h2" | "/h3" | "/h4" | "/h5" | "/h6" | "/blockquote" | "/pre" | "/ul" | "/ol" | "/table" => {
            "\n\n"
        }
        "/td" | "/th" => " ",
        _ => "",
    }
}

/// The serializer of the sanitizer writes no other entities.
fn push_unescaped(text: &mut String, piece: &str) {
    let mut rest = piece;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&nbsp;", " "), ("&#39;", "'")];
        match known.iter().find(|(entity, _)| rest.starts_with(entity)) {
            Some((entity, c)) => {
                text.push_str(c);
                rest = &rest[entity.len()..];
            }
            None => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
}

/// No blanks at line ends, at most one blank line together.
fn squeeze(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    let mut n_blank = 0;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            n_blank += 1;
            continue;
        }
        if !squeezed.is_empty() {
            squeezed.push_str(if n_blank > 0 { "\n\n" } else { "\n" });
        }
        n_blank = 0;
        squeezed.push_str(line);
    }
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_html_and_comes_back() {
        let text = "Hello <b>,\norder 1 & 2 are late.\n\nAda";

        let html = html_of_text(text);

        assert_eq!(html, "<p>Hello &lt;b&gt;,<br>order 1 &amp; 2 are late.</p><p>Ada</p>");
        assert_eq!(text_of_html(&html), text);
    }

    #[test]
    fn what_could_run_is_dropped_with_its_content() {
        let html = clean_html("<p onclick=x()>Hi<script>alert(1)</script> <a href='javascript:x()'>there</a></p>");

        assert!(!html.contains("script"), "{html}");
        assert!(!html.contains("onclick"), "{html}");
        assert_eq!(text_of_html(&html), "Hi there");
    }

    #[test]
    fn an_excerpt_is_one_line_of_bounded_length() {
        assert_eq!(excerpt("  Hello,\n\n  order   1234 "), "Hello, order 1234");
        assert_eq!(excerpt(&"é ".repeat(500)).chars().count(), 199);
    }
}

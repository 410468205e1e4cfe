//! What a word is: the same for both engines, for what is written and for what is looked for.
//!
//! Letters are folded (`É` is `e`), since people type without accents. A character of a script without spaces is a word of its own.

use std::collections::BTreeSet;

use store::search::{MARK, Term, WORD_MAX_CHARS, Wanted};

/// Shortest and longest word that is found with a slip in it: shorter ones would find too much.
const SLIP: std::ops::RangeInclusive<usize> = 4..=16;
/// Most words that are looked for at once.
const ASKED_MAX: usize = 12;
/// Least digits of a phone number's end that it is found by.
const END_OF_NUMBER: usize = 4;

/// The words of a text, in order, folded.
pub fn of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut n_chars = 0;
    let close = |word: &mut String, n_chars: &mut usize, words: &mut Vec<String>| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
        *n_chars = 0;
    };
    for c in text.chars() {
        if is_a_word_alone(c) {
            close(&mut word, &mut n_chars, &mut words);
            words.push(c.to_string());
        } else if c.is_alphanumeric() {
            for c in c.to_lowercase().filter(|c| c.is_alphanumeric()) {
                // What is longer than any word is cut, not lost.
                if n_chars < WORD_MAX_CHARS - 2 {
                    n_chars += fold(c, &mut word);
                }
            }
        } else if !is_mark(c) {
            close(&mut word, &mut n_chars, &mut words);
        }
    }
    close(&mut word, &mut n_chars, &mut words);
    words
}

/// What a word is also found by when one letter is wrong, missing, too much, or has changed places with its neighbour: itself and all that
/// is left of it without one letter, marked. Two words that are one slip apart share one of these.
pub fn slips(word: &str) -> BTreeSet<String> {
    let letters: Vec<char> = word.chars().collect();
    if !SLIP.contains(&letters.len()) {
        return BTreeSet::new();
    }
    let mut slips = BTreeSet::from([format!("{MARK}{word}")]);
    for left_out in 0..letters.len() {
        let rest = letters.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, letter)| letter);
        slips.insert(std::iter::once(&MARK).chain(rest).collect());
    }
    slips
}

/// A word of one part of a record, such as its subject: what the index has for it besides the word.
pub fn in_part(part: char, word: &str) -> String {
    format!("{MARK}{part}{MARK}{word}")
}

/// Two words that follow each other, anywhere or in one part of a record.
pub fn pair(part: Option<char>, first: &str, second: &str) -> String {
    match part {
        Some(part) => format!("{MARK}{part}{MARK}{first}{MARK}{second}"),
        None => format!("{MARK}{MARK}{first}{MARK}{second}"),
    }
}

/// The ends of a phone number, which people leave the country out of.
pub fn ends_of_number(digits: &str) -> impl Iterator<Item = &str> {
    let last = digits.len().saturating_sub(END_OF_NUMBER);
    let starts = if digits.is_ascii() { 0..=last } else { 0..=0 };
    starts.filter_map(|start| digits.get(start..))
}

/// All words of the text, as they are.
pub fn asked_whole(text: &str) -> Wanted {
    Wanted(of(text).into_iter().take(ASKED_MAX).map(|word| vec![Term::Word(word)]).collect())
}

/// All words of the text, the last one perhaps only begun.
pub fn asked(text: &str) -> Wanted {
    let words = of(text);
    let last = words.len().saturating_sub(1);
    let term = |(at, word)| vec![if at == last { Term::Prefix(word) } else { Term::Word(word) }];
    Wanted(words.into_iter().enumerate().map(term).take(ASKED_MAX).collect())
}

/// The same, each word begun, or with a slip in it. None if no word is long enough for one.
pub fn asked_with_slips(text: &str) -> Option<Wanted> {
    let words = of(text);
    let mut any = false;
    let mut groups = Vec::with_capacity(words.len());
    for word in words.into_iter().take(ASKED_MAX) {
        let slips = slips(&word);
        any |= !slips.is_empty();
        groups.push(std::iter::once(Term::Prefix(word)).chain(slips.into_iter().map(Term::Word)).collect());
    }
    any.then_some(Wanted(groups))
}

/// How far a word is from one that was looked for: 0 the same, 1 begun so, 2 with a slip; none further away.
pub fn distance(word: &str, asked: &str) -> Option<u8> {
    if word == asked {
        Some(0)
    } else if word.starts_with(asked) {
        Some(1)
    } else {
        (!slips(word).is_disjoint(&slips(asked))).then_some(2)
    }
}

/// Writing without spaces: each character counts.
fn is_a_word_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

/// An accent that stands behind its letter.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{200b}'..='\u{200d}')
}

/// Appends a letter without its accents, and says how many characters that is.
fn fold(c: char, to: &mut String) -> usize {
    let plain = match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        other => {
            to.push(other);
            return 1;
        }
    };
    to.push_str(plain);
    plain.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_cut_at_signs() {
        assert_eq!(of("Where's Élodie's order #AB-1234?"), ["where", "s", "elodie", "s", "order", "ab", "1234"]);
        assert_eq!(of("ada.park+x@example.com"), ["ada", "park", "x", "example", "com"]);
        assert_eq!(of("Straße e\u{301}té 注文です"), ["strasse", "ete", "注", "文", "で", "す"]);
        assert_eq!(of(" ... "), Vec::<String>::new());
    }

    #[test]
    fn one_slip_is_forgiven_and_two_are_not() {
        for slip in ["johnson", "jonson", "johnsson", "johnzon", "johsnon"] {
            assert!(distance("johnson", slip).is_some(), "{slip}");
        }
        for other in ["jansen", "johanneson", "smith"] {
            assert!(distance("johnson", other).is_none(), "{other}");
        }
        assert!(distance("ada", "adb").is_none(), "too short to guess");
    }

    #[test]
    fn a_number_is_found_by_its_end() {
        assert_eq!(ends_of_number("4930123").collect::<Vec<_>>(), ["4930123", "930123", "30123", "0123"]);
        assert_eq!(ends_of_number("12").collect::<Vec<_>>(), ["12"]);
    }

    proptest::proptest! {
        #[test]
        fn words_are_never_empty_nor_too_long(text in ".{0,300}") {
            for word in of(&text) {
                let n_chars = word.chars().count();
                proptest::prop_assert!((1..=WORD_MAX_CHARS).contains(&n_chars), "{word}");
            }
        }

        #[test]
        fn a_word_that_lost_a_letter_is_found(word in "[a-z]{5,16}", at in 0_usize..16) {
            let at = at % word.len();
            let mut slipped = word.clone();
            slipped.remove(at);

            proptest::prop_assert!(distance(&word, &slipped).is_some());
        }
    }
}

//! Code to words and signs, each with its place. Comments and line ends separate and are dropped.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Number;

use crate::tree::COMPARISONS;
use crate::{CodeError, LENGTH_MAX_CHARS, Place};

#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub place: Place,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Name(String),
    Text(String),
    Number(Number),
    /// One of `SIGNS` or `COMPARISONS`.
    Sign(&'static str),
    End,
}

const SIGNS: &[&str] = &["&&", "||", "!", "(", ")", "[", "]", "{", "}", ",", ".", ":", ";", "-", "+"];

impl What {
    /// As an error names it.
    pub fn shown(&self) -> String {
        match self {
            What::Name(name) => format!("\"{}\"", short(name)),
            What::Text(_) => "a text".to_owned(),
            What::Number(number) => format!("\"{number}\""),
            What::Sign(sign) => format!("\"{sign}\""),
            What::End => "the end".to_owned(),
        }
    }
}

/// Enough of a long word to recognise it.
pub fn short(word: &str) -> String {
    if word.chars().count() <= 60 { word.to_owned() } else { word.chars().take(57).chain("...".chars()).collect() }
}

/// The tokens, of which the last is `End`.
pub fn tokens(code: &str) -> Result<Vec<Token>, CodeError> {
    if LENGTH_MAX_CHARS < code.chars().count() {
        return Err(CodeError::at(
            Place { line: 1, column: 1 },
            format!("The code is longer than {LENGTH_MAX_CHARS} characters."),
        ));
    }
    let mut lexer = Lexer { rest: code.chars().peekable(), place: Place { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    loop {
        lexer.skip()?;
        let place = lexer.place;
        let what = lexer.next()?;
        let is_end = what == What::End;
        tokens.push(Token { place, what });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    place: Place,
}

impl Lexer<'_> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
        Some(c)
    }

    fn starts_with(&self, text: &str) -> bool {
        let mut rest = self.rest.clone();
        text.chars().all(|c| rest.next() == Some(c))
    }

    fn take_all(&mut self, text: &str) {
        for _ in text.chars() {
            self.take();
        }
    }

    /// Past white space and comments.
    fn skip(&mut self) -> Result<(), CodeError> {
        loop {
            if self.rest.peek().is_some_and(|c| c.is_whitespace() || *c == '\u{feff}') {
                self.take();
            } else if self.starts_with("//") {
                while self.rest.peek().is_some_and(|c| *c != '\n') {
                    self.take();
                }
            } else if self.starts_with("/*") {
                let place = self.place;
                self.take_all("/*");
                while !self.starts_with("*/") {
                    if self.take().is_none() {
                        return Err(CodeError::at(place, "The comment is never closed."));
                    }
                }
                self.take_all("*/");
            } else {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<What, CodeError> {
        let place = self.place;
        let Some(c) = self.rest.peek().copied() else { return Ok(What::End) };
        match c {
            '\'' | '"' => self.text(c).map(What::Text),
            _ if c.is_ascii_digit() => self.number().map(What::Number),
            _ if begins_name(c) => Ok(What::Name(self.name())),
            _ => match COMPARISONS.iter().chain(SIGNS).find(|sign| self.starts_with(sign)) {
                Some(sign) => {
                    self.take_all(sign);
                    Ok(What::Sign(sign))
                }
                None => Err(CodeError::at(place, format!("The character {c:?} has no meaning here."))),
            },
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.rest.peek().copied().filter(|c| begins_name(*c) || c.is_ascii_digit()) {
            name.push(c);
            self.take();
        }
        name
    }

    fn number(&mut self) -> Result<Number, CodeError> {
        let place = self.place;
        let mut digits = String::new();
        while let Some(c) = self.rest.peek().copied() {
            let after_exponent = digits.ends_with(['e', 'E']);
            if !(c.is_ascii_alphanumeric() || c == '.' || (after_exponent && (c == '+' || c == '-'))) {
                break;
            }
            digits.push(c);
            self.take();
        }
        let refused = || CodeError::at(place, format!("\"{}\" is not a number.", short(&digits)));
        // What JavaScript reads as octal, and hexadecimal digits, nobody needs here.
        if !digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
            || (digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") && !digits.starts_with("0e"))
        {
            return Err(refused());
        }
        if let Ok(whole) = digits.parse::<i64>() {
            return Ok(whole.into());
        }
        let number: f64 = digits.parse().map_err(|_| refused())?;
        Number::from_f64(number).ok_or_else(refused)
    }

    fn text(&mut self, quote: char) -> Result<String, CodeError> {
        let start = self.place;
        self.take();
        let mut text = String::new();
        loop {
            let place = self.place;
            match self.take() {
                Some(c) if c == quote => return Ok(text),
                None | Some('\n') => return Err(CodeError::at(start, "The text is never closed.")),
                Some('\0') => return Err(CodeError::at(place, "May not contain the NUL character.")),
                Some('\\') => {
                    if let Some(c) = self.escape(place)? {
                        text.push(c);
                    }
                }
                Some(c) => text.push(c),
            }
        }
    }

    /// What follows a backslash. None for a line that goes on in the next.
    fn escape(&mut self, place: Place) -> Result<Option<char>, CodeError> {
        let c = match self.take() {
            None => return Err(CodeError::at(place, "The text is never closed.")),
            Some('\n') => return Ok(None),
            Some('\r') => {
                if self.rest.peek() == Some(&'\n') {
                    self.take();
                }
                return Ok(None);
            }
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some('x') => self.hexadecimal(place, 2)?,
            Some('u') if self.rest.peek() == Some(&'{') => self.code_point(place)?,
            Some('u') => self.utf16(place)?,
            Some(c) if c.is_ascii_digit() => '\0',
            Some(c) => c,
        };
        if c == '\0' {
            return Err(CodeError::at(place, "May not contain the NUL character."));
        }
        Ok(Some(c))
    }

    fn digits(&mut self, place: Place, n: usize) -> Result<u32, CodeError> {
        let mut value = 0;
        for _ in 0..n {
            let digit = self.rest.peek().and_then(|c| c.to_digit(16)).ok_or_else(|| bad_escape(place))?;
            self.take();
            value = value * 16 + digit;
        }
        Ok(value)
    }

    fn hexadecimal(&mut self, place: Place, n: usize) -> Result<char, CodeError> {
        char::from_u32(self.digits(place, n)?).ok_or_else(|| bad_escape(place))
    }

    /// `{1f600}`
    fn code_point(&mut self, place: Place) -> Result<char, CodeError> {
        self.take();
        let mut value: u32 = 0;
        let mut n = 0;
        while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(16)) {
            self.take();
            value = value.saturating_mul(16).saturating_add(digit);
            n += 1;
        }
        if n == 0 || self.take() != Some('}') {
            return Err(bad_escape(place));
        }
        char::from_u32(value).ok_or_else(|| bad_escape(place))
    }

    /// Four digits, or a pair of surrogates.
    fn utf16(&mut self, place: Place) -> Result<char, CodeError> {
        let first = self.digits(place, 4)?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        if !self.starts_with("\\u") {
            return Err(bad_escape(place));
        }
        self.take_all("\\u");
        let second = self.digits(place, 4)?;
        let units = [first, second].map(|unit| u16::try_from(unit).unwrap_or_default());
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => Err(bad_escape(place)),
        }
    }
}

fn bad_escape(place: Place) -> CodeError {
    CodeError::at(place, "The escape does not name a character.")
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

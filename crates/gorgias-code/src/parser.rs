//! Tokens to the tree.

use serde_json::Number;

use crate::lexer::{self, Token, What};
use crate::tree::{COMPARISONS, Expression, Kind, Program, Property, Statement, too_deep};
use crate::{CodeError, DEPTH_MAX, Place};

/// Reads a program. Empty code is a program of nothing.
pub fn parse(code: &str) -> Result<Program, CodeError> {
    let mut parser = Parser { tokens: lexer::tokens(code)?, at: 0, nesting: 0 };
    let mut statements = Vec::new();
    while parser.what() != &What::End {
        statements.push(parser.statement()?);
    }
    Ok(Program { statements })
}

/// Words of JavaScript that begin what this language does not have, or are values.
const RESERVED: &[&str] = &[
    "if",
    "else",
    "for",
    "while",
    "do",
    "function",
    "return",
    "var",
    "let",
    "const",
    "new",
    "class",
    "switch",
    "case",
    "try",
    "catch",
    "throw",
    "import",
    "export",
    "typeof",
    "delete",
    "in",
    "of",
    "instanceof",
    "this",
    "await",
    "async",
    "yield",
    "break",
    "continue",
    "with",
];

struct Parser {
    /// The last is `End`.
    tokens: Vec<Token>,
    at: usize,
    /// Of calls of this parser: brackets make no node of the tree.
    nesting: u16,
}

impl Parser {
    fn token(&self) -> &Token {
        // The last token is `End`, and nothing goes past it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn what(&self) -> &What {
        &self.token().what
    }

    fn place(&self) -> Place {
        self.token().place
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.what(), What::Sign(found) if *found == sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.what(), What::Name(found) if found == name)
    }

    /// Past the sign, if it is there.
    fn skip(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), CodeError> {
        if self.skip(sign) { Ok(()) } else { Err(self.expected(&format!("\"{sign}\""))) }
    }

    fn expected(&self, what: &str) -> CodeError {
        CodeError::at(self.place(), format!("Expected {what}, found {}.", self.what().shown()))
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Parser) -> Result<T, CodeError>) -> Result<T, CodeError> {
        if DEPTH_MAX <= self.nesting {
            return Err(too_deep(self.place()));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    fn statement(&mut self) -> Result<Statement, CodeError> {
        self.nested(|parser| {
            let place = parser.place();
            if parser.skip(";") {
                return Ok(Statement::Empty(place));
            }
            if parser.skip("{") {
                let mut statements = Vec::new();
                while !parser.skip("}") {
                    if parser.what() == &What::End {
                        return Err(parser.expected("\"}\""));
                    }
                    statements.push(parser.statement()?);
                }
                return Statement::block(place, statements);
            }
            if parser.is_name("if") {
                return parser.choice(place);
            }
            let expression = parser.expression()?;
            // A line end may stand for the semicolon, as in JavaScript.
            let ends_here = parser.is_sign("}")
                || parser.what() == &What::End
                || parser.tokens[parser.at - 1].place.line < parser.place().line;
            if !parser.skip(";") && !ends_here {
                return Err(parser.expected("the end of the statement"));
            }
            Ok(Statement::Expression(expression))
        })
    }

    fn choice(&mut self, place: Place) -> Result<Statement, CodeError> {
        self.at += 1;
        self.expect("(")?;
        let test = self.expression()?;
        self.expect(")")?;
        let then = self.statement()?;
        let otherwise = if self.is_name("else") {
            self.at += 1;
            Some(self.statement()?)
        } else {
            None
        };
        Statement::choice(place, test, then, otherwise)
    }

    fn expression(&mut self) -> Result<Expression, CodeError> {
        self.nested(|parser| {
            let mut left = parser.conjunction()?;
            while parser.skip("||") {
                let right = parser.conjunction()?;
                left = Expression::new(left.place, Kind::Or(Box::new(left), Box::new(right)))?;
            }
            Ok(left)
        })
    }

    fn conjunction(&mut self) -> Result<Expression, CodeError> {
        let mut left = self.comparison()?;
        while self.skip("&&") {
            let right = self.comparison()?;
            left = Expression::new(left.place, Kind::And(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, CodeError> {
        let left = self.unary()?;
        let sign = match self.what() {
            What::Sign(sign) => COMPARISONS.iter().copied().find(|known| known == sign),
            _ => None,
        };
        let Some(sign) = sign else { return Ok(left) };
        self.at += 1;
        let right = self.unary()?;
        Expression::new(left.place, Kind::Compare(sign, Box::new(left), Box::new(right)))
    }

    fn unary(&mut self) -> Result<Expression, CodeError> {
        let place = self.place();
        if self.skip("!") {
            let inner = self.nested(Parser::unary)?;
            return Expression::new(place, Kind::Not(Box::new(inner)));
        }
        let sign = if self.skip("-") {
            -1
        } else if self.skip("+") {
            1
        } else {
            return self.member();
        };
        let What::Number(number) = self.what().clone() else { return Err(self.expected("a number")) };
        self.at += 1;
        Expression::new(place, Kind::Number(if sign < 0 { negative(&number) } else { number }))
    }

    /// `a.b[c](d)`
    fn member(&mut self) -> Result<Expression, CodeError> {
        let mut object = self.primary()?;
        let place = object.place;
        loop {
            if self.skip(".") {
                let What::Name(name) = self.what().clone() else { return Err(self.expected("a name")) };
                self.at += 1;
                object = Expression::new(place, Kind::Member(Box::new(object), name))?;
            } else if self.skip("[") {
                let index = self.expression()?;
                self.expect("]")?;
                object = Expression::new(place, Kind::Index(Box::new(object), Box::new(index)))?;
            } else if self.skip("(") {
                let arguments = self.items(")", Parser::expression)?;
                object = Expression::new(place, Kind::Call(Box::new(object), arguments))?;
            } else {
                return Ok(object);
            }
        }
    }

    fn primary(&mut self) -> Result<Expression, CodeError> {
        let place = self.place();
        let kind = match self.what().clone() {
            What::Text(text) => Kind::Text(text),
            What::Number(number) => Kind::Number(number),
            What::Name(name) => match name.as_str() {
                "null" | "undefined" => Kind::Null,
                "true" => Kind::Flag(true),
                "false" => Kind::Flag(false),
                word if RESERVED.contains(&word) => {
                    return Err(CodeError::at(place, format!("\"{word}\" cannot stand here.")));
                }
                _ => Kind::Name(name),
            },
            What::Sign("(") => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            What::Sign("[") => {
                self.at += 1;
                let items = self.items("]", Parser::expression)?;
                return Expression::new(place, Kind::Array(items));
            }
            What::Sign("{") => {
                self.at += 1;
                let properties = self.items("}", Parser::property)?;
                return Expression::new(place, Kind::Object(properties));
            }
            _ => return Err(self.expected("a value")),
        };
        self.at += 1;
        Expression::new(place, kind)
    }

    fn property(&mut self) -> Result<Property, CodeError> {
        let key = match self.what().clone() {
            What::Name(name) => name,
            What::Text(text) => text,
            What::Number(number) => number.to_string(),
            _ => return Err(self.expected("a name")),
        };
        self.at += 1;
        self.expect(":")?;
        Ok(Property { key, value: self.expression()? })
    }

    /// Up to the closing sign, separated by commas; one more comma may follow the last.
    fn items<T>(
        &mut self,
        close: &str,
        read: impl Fn(&mut Parser) -> Result<T, CodeError>,
    ) -> Result<Vec<T>, CodeError> {
        let mut items = Vec::new();
        loop {
            if self.skip(close) {
                return Ok(items);
            }
            items.push(read(self)?);
            if !self.skip(",") {
                if self.skip(close) {
                    return Ok(items);
                }
                return Err(self.expected(&format!("\",\" or \"{close}\"")));
            }
        }
    }
}

pub fn negative(number: &Number) -> Number {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => (-whole).into(),
        (None, Some(fraction)) => Number::from_f64(-fraction).unwrap_or_else(|| number.clone()),
        (None, None) => number.clone(),
    }
}

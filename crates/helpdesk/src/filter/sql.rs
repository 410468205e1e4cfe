//! A condition as SQL about a ticket `t`, the same text on both engines.
//!
//! A test of a value that is not there does not hold; its opposite does. `Not` is carried down to the tests, so that a test that is asked
//! for plainly stays plain and can use an index. Texts are compared by ASCII letters where case does not count: both engines do that alike.

use jiff::{SignedDuration, Timestamp};

use super::columns::{Column, column_of, column_of_customer};
use super::{Condition, Field, Operand, Operator, Test, Viewpoint, is_date};
use crate::Error;
use crate::custom_fields::{list_part, text_key};
use crate::page::Query;

/// Most tests in one condition, and most items of one list.
pub const TESTS_MAX: usize = 500;
pub const ITEMS_MAX: usize = 1_000;
/// Longest text that is looked for within another, in characters.
pub const PART_MAX_CHARS: usize = 1_000;
/// Deepest nesting. SQLite refuses expressions of a thousand levels.
const DEPTH_MAX: usize = 120;

/// Appends nothing: gives the text of an expression whose parameters are bound in `query`. `Invalid` on `filters` for a test that a field
/// cannot be asked.
pub fn compile(query: &mut Query, condition: &Condition, viewpoint: &Viewpoint) -> Result<String, Error> {
    Compiler { query, viewpoint, column_of, n_tests: 0 }.condition(condition, true, 0)
}

/// The same about a customer `p`, who has fewer fields.
pub fn compile_for_customers(query: &mut Query, condition: &Condition, viewpoint: &Viewpoint) -> Result<String, Error> {
    Compiler { query, viewpoint, column_of: column_of_customer, n_tests: 0 }.condition(condition, true, 0)
}

struct Compiler<'a> {
    query: &'a mut Query,
    viewpoint: &'a Viewpoint,
    column_of: fn(Field) -> Column,
    n_tests: usize,
}

const NEVER: &str = "1 = 0";
const ALWAYS: &str = "1 = 1";

impl Compiler<'_> {
    fn condition(&mut self, condition: &Condition, holds: bool, depth: usize) -> Result<String, Error> {
        if DEPTH_MAX < depth {
            return Err(refused("The condition is nested too deeply."));
        }
        let (parts, joined_by, of_none) = match (condition, holds) {
            (Condition::Not(inner), _) => return self.condition(inner, !holds, depth + 1),
            (Condition::Is(test), _) => return self.test(test, holds),
            (Condition::All(parts), true) => (parts, " and ", ALWAYS),
            (Condition::All(parts), false) => (parts, " or ", NEVER),
            (Condition::Any(parts), true) => (parts, " or ", NEVER),
            (Condition::Any(parts), false) => (parts, " and ", ALWAYS),
        };
        // Several statuses are one membership.
        if let (Condition::Any(parts), true) = (condition, holds)
            && let Some(words) = words_of_one_field(parts, self.column_of)
        {
            return self.words(words.0, &words.1);
        }
        let texts = parts.iter().map(|part| self.condition(part, holds, depth + 1)).collect::<Result<Vec<_>, _>>()?;
        Ok(match texts.as_slice() {
            [] => of_none.to_owned(),
            [one] => one.clone(),
            many => format!("({})", many.join(joined_by)),
        })
    }

    fn words(&mut self, column: &'static str, words: &[&str]) -> Result<String, Error> {
        self.count(words.len())?;
        let places: Vec<String> = words.iter().map(|word| self.query.bind(*word)).collect();
        Ok(format!("{column} in ({})", places.join(", ")))
    }

    fn count(&mut self, n: usize) -> Result<(), Error> {
        self.n_tests += n;
        if TESTS_MAX < self.n_tests {
            return Err(refused(format!("The condition has more than {TESTS_MAX} tests.")));
        }
        Ok(())
    }

    fn test(&mut self, test: &Test, holds: bool) -> Result<String, Error> {
        self.count(1)?;
        let (operator, turned) = plain(test.operator);
        let text = self.plain_test(test, operator)?;
        Ok(match holds != turned {
            true => text,
            // Also where it is neither true nor false.
            false => format!("(({text}) is not true)"),
        })
    }

    /// The test, its operator without a `Not` in it. True exactly where it holds; elsewhere false or null.
    fn plain_test(&mut self, test: &Test, operator: Operator) -> Result<String, Error> {
        let operator = match (operator, &test.operand) {
            (Operator::Equal, Operand::Nothing) => Operator::IsEmpty,
            (operator, _) => operator,
        };
        if matches!(operator, Operator::Changed | Operator::ChangedTo | Operator::ChangedFrom) {
            // Of a ticket as it is nobody knows what it was before.
            return Ok(NEVER.to_owned());
        }
        match (self.column_of)(test.field) {
            Column::Unknown => Err(refused(format!("{:?} is no field of customers.", test.field))),
            Column::Missing => Ok(if operator == Operator::IsEmpty { ALWAYS } else { NEVER }.to_owned()),
            Column::Int(column) => self.int(column, operator, test),
            Column::Flag(column) => match (operator, &test.operand) {
                (Operator::Equal, Operand::Flag(true)) => Ok(format!("{column} = 1")),
                (Operator::Equal, Operand::Flag(false)) => Ok(format!("{column} = 0")),
                (Operator::IsEmpty, _) => Ok(NEVER.to_owned()),
                _ => Err(unfit(test)),
            },
            Column::Text(column) => self.text(column, operator, test),
            Column::Time(column) => self.time(column, operator, test),
            Column::Tags => self.tags(operator, test),
            Column::Ids(rows) => self.ids(rows, operator, test),
            Column::AnyField => self.any_field(operator, test),
            Column::Custom(values, id) => self.custom(values, id, operator, test),
        }
    }

    fn int(&mut self, column: &str, operator: Operator, test: &Test) -> Result<String, Error> {
        if operator == Operator::IsEmpty {
            return Ok(format!("{column} is null"));
        }
        if let (Operator::Equal, Operand::CurrentTeams) = (operator, &test.operand) {
            let Some(person_id) = self.viewpoint.person_id else { return Ok(NEVER.to_owned()) };
            let place = self.query.bind(person_id);
            return Ok(format!("{column} in (select m.team_id from team_members m where m.person_id = {place})"));
        }
        if let (Operator::ContainsAny, Operand::List(items)) = (operator, &test.operand) {
            check_items(items)?;
            let mut places = Vec::with_capacity(items.len());
            for item in items {
                if let Some(number) = self.whole(item, test)?.and_then(|(number, is_whole)| is_whole.then_some(number))
                {
                    places.push(self.query.bind(number));
                }
            }
            return Ok(if places.is_empty() {
                NEVER.to_owned()
            } else {
                format!("{column} in ({})", places.join(", "))
            });
        }
        let Some((number, is_whole)) = self.whole(&test.operand, test)? else { return Ok(NEVER.to_owned()) };
        // `number` is the next whole number below.
        let sign = match operator {
            Operator::Equal if is_whole => "=",
            Operator::Equal => return Ok(NEVER.to_owned()),
            Operator::Less if is_whole => "<",
            Operator::Less | Operator::AtMost => "<=",
            Operator::AtLeast if is_whole => ">=",
            Operator::More | Operator::AtLeast => ">",
            _ => return Err(unfit(test)),
        };
        let place = self.query.bind(number);
        Ok(format!("{column} {sign} {place}"))
    }

    /// An operand as a whole number and whether it is one, or the next below. None for nobody.
    fn whole(&self, operand: &Operand, test: &Test) -> Result<Option<(i64, bool)>, Error> {
        match operand {
            Operand::Int(number) => Ok(Some((*number, true))),
            Operand::Number(number) if number.is_finite() => {
                const EDGE: f64 = 9_007_199_254_740_992.0;
                let below = number.floor().clamp(-EDGE, EDGE);
                #[expect(clippy::cast_possible_truncation, reason = "clamped to what both types hold exactly")]
                Ok(Some((below as i64, below == *number)))
            }
            Operand::Text(text) => match text.trim().parse() {
                Ok(number) => Ok(Some((number, true))),
                Err(_) => Err(unfit(test)),
            },
            Operand::CurrentUser => Ok(self.viewpoint.person_id.map(|id| (id, true))),
            _ => Err(unfit(test)),
        }
    }

    fn text(&mut self, column: &str, operator: Operator, test: &Test) -> Result<String, Error> {
        match (operator, &test.operand) {
            (Operator::IsEmpty, _) => Ok(format!("({column} is null or {column} = '')")),
            (Operator::Equal, operand) => {
                let place = self.query.bind(text_of(operand).ok_or_else(|| unfit(test))?);
                Ok(format!("{column} = {place}"))
            }
            (Operator::Contains, operand) => self.like(column, operand, ("%", "%"), test),
            (Operator::StartsWith, operand) => self.like(column, operand, ("", "%"), test),
            (Operator::EndsWith, operand) => self.like(column, operand, ("%", ""), test),
            (Operator::ContainsAny | Operator::ContainsAll, Operand::List(items)) => {
                check_items(items)?;
                let parts = items.iter().map(|item| self.like(column, item, ("%", "%"), test));
                let parts = parts.collect::<Result<Vec<_>, _>>()?;
                Ok(joined(&parts, operator == Operator::ContainsAll))
            }
            _ => Err(unfit(test)),
        }
    }

    fn like(
        &mut self,
        column: &str,
        operand: &Operand,
        (before, after): (&str, &str),
        test: &Test,
    ) -> Result<String, Error> {
        let text = text_of(operand).ok_or_else(|| unfit(test))?.to_ascii_lowercase();
        if PART_MAX_CHARS < text.chars().count() {
            return Err(refused(format!("A text that is looked for has more than {PART_MAX_CHARS} characters.")));
        }
        let pattern: String =
            text.chars().flat_map(|c| matches!(c, '%' | '_' | '!').then_some('!').into_iter().chain([c])).collect();
        let place = self.query.bind(format!("{before}{pattern}{after}"));
        Ok(format!("lower({column}) like {place} escape '!'"))
    }

    fn time(&mut self, column: &str, operator: Operator, test: &Test) -> Result<String, Error> {
        let (sign, at) = match (operator, &test.operand) {
            (Operator::IsEmpty, _) => return Ok(format!("{column} is null")),
            (Operator::AtLeastAgo, Operand::Seconds(seconds)) => ("<=", self.ago(*seconds)),
            (Operator::AtMostAgo, Operand::Seconds(seconds)) => (">=", self.ago(*seconds)),
            // `hours.rs` puts another test in its place before it is asked.
            (Operator::AtLeastAgo | Operator::AtMostAgo, Operand::BusinessSeconds(_)) => return Ok(NEVER.to_owned()),
            (Operator::Equal, Operand::Time(at)) => ("=", *at),
            (Operator::Less, Operand::Time(at)) => ("<", *at),
            (Operator::AtMost, Operand::Time(at)) => ("<=", *at),
            (Operator::More, Operand::Time(at)) => (">", *at),
            (Operator::AtLeast, Operand::Time(at)) => (">=", *at),
            _ => return Err(unfit(test)),
        };
        let place = self.query.bind(at);
        Ok(format!("{column} {sign} {place}"))
    }

    fn ago(&self, seconds: i64) -> Timestamp {
        self.viewpoint.now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(if seconds < 0 {
            Timestamp::MAX
        } else {
            Timestamp::MIN
        })
    }

    fn tags(&mut self, operator: Operator, test: &Test) -> Result<String, Error> {
        // Counted rather than `exists`, which PostgreSQL turns round for a tag: all its tickets, sorted, for a page of thirty.
        const ON_TICKET: &str = "(select count(*) from ticket_tags tt where tt.ticket_id = t.id";
        match (operator, &test.operand) {
            (Operator::IsEmpty, _) => Ok(format!("{ON_TICKET}) = 0")),
            (Operator::Equal | Operator::Contains, Operand::Text(name)) => {
                let place = self.query.bind(name);
                // A tag that is being merged away means the one it goes into.
                Ok(format!(
                    "{ON_TICKET} and tt.tag_id = (select coalesce(merged_into, id) from tags where name = {place})) > 0"
                ))
            }
            (Operator::ContainsAny, Operand::List(items)) => {
                check_items(items)?;
                let names = names(items, test)?;
                if names.is_empty() {
                    return Ok(NEVER.to_owned());
                }
                let places: Vec<String> = names.iter().map(|name| self.query.bind(*name)).collect();
                let places = places.join(", ");
                Ok(format!(
                    "{ON_TICKET} and tt.tag_id in (select coalesce(merged_into, id) from tags where name in ({places}))) > 0"
                ))
            }
            (Operator::ContainsAll, Operand::List(items)) => {
                check_items(items)?;
                let each = names(items, test)?.into_iter().map(|name| {
                    let one = Test { operand: Operand::Text(name.to_owned()), ..test.clone() };
                    self.tags(Operator::Contains, &one)
                });
                let each = each.collect::<Result<Vec<_>, _>>()?;
                Ok(joined(&each, true))
            }
            _ => Err(unfit(test)),
        }
    }

    /// Of a value that is several texts each is compared as a whole, as names of tags are.
    fn custom(&mut self, values: &str, id: i64, operator: Operator, test: &Test) -> Result<String, Error> {
        let field = self.query.bind(id);
        let condition = match (operator, &test.operand) {
            (Operator::IsEmpty, _) => {
                return Ok(format!("not {values} and v.field_id = {field} and coalesce(v.text_value, 'x') <> '')"));
            }
            (Operator::Equal, Operand::Flag(flag)) => format!("v.flag_value = {}", i64::from(*flag)),
            (_, Operand::Int(_) | Operand::Number(_)) => {
                let sign = match operator {
                    Operator::Equal => "=",
                    Operator::Less => "<",
                    Operator::AtMost => "<=",
                    Operator::More => ">",
                    Operator::AtLeast => ">=",
                    _ => return Err(unfit(test)),
                };
                #[expect(clippy::cast_precision_loss, reason = "values of fields are floating point numbers")]
                let number = match test.operand {
                    Operand::Number(number) => number,
                    Operand::Int(number) => number as f64,
                    _ => return Err(unfit(test)),
                };
                let place = self.query.bind(number);
                match (operator, &test.operand) {
                    // The text may be digits, such as the id of what a field names.
                    (Operator::Equal, Operand::Int(number)) => {
                        let text = self.query.bind(number.to_string());
                        format!("(v.number_value = {place} or v.text_value = {text})")
                    }
                    _ => format!("v.number_value {sign} {place}"),
                }
            }
            (Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast, Operand::Text(date)) => {
                if !is_date(date) {
                    return Err(unfit(test));
                }
                let sign = match operator {
                    Operator::Less => "<",
                    Operator::AtMost => "<=",
                    Operator::More => ">",
                    _ => ">=",
                };
                let place = self.query.bind(date);
                // Only of days, which have ten characters.
                format!("v.text_value {sign} {place} and v.text_value like '____-__-__'")
            }
            _ => {
                let text = self.text("v.text_value", operator, test)?;
                match self.list(operator, &test.operand) {
                    Some(list) => format!("({text} or {list})"),
                    None => text,
                }
            }
        };
        Ok(format!("{values} and v.field_id = {field} and {condition})"))
    }

    /// Whether texts are among several.
    fn list(&mut self, operator: Operator, operand: &Operand) -> Option<String> {
        let mut has = |item: &Operand| match item {
            Operand::Text(text) => {
                let place = self.query.bind(list_part(text));
                // As `like` would find it, but for the case of letters.
                format!("replace(v.list_value, {place}, '') <> v.list_value")
            }
            _ => NEVER.to_owned(),
        };
        match (operator, operand) {
            (Operator::Equal | Operator::Contains, Operand::Text(_)) => Some(has(operand)),
            (Operator::ContainsAny | Operator::ContainsAll, Operand::List(items)) => {
                let each: Vec<String> = items.iter().map(has).collect();
                Some(joined(&each, operator == Operator::ContainsAll))
            }
            _ => None,
        }
    }

    fn any_field(&mut self, operator: Operator, test: &Test) -> Result<String, Error> {
        const ON_TICKET: &str = "exists (select 1 from ticket_field_values v where v.ticket_id = t.id and v.";
        match (operator, &test.operand) {
            (Operator::Equal, Operand::Text(text)) => {
                let place = self.query.bind(text_key(text));
                let one = format!("{ON_TICKET}text_key = {place})");
                Ok(match self.list(operator, &test.operand) {
                    Some(list) => format!("({one} or {ON_TICKET}list_value is not null and {list}))"),
                    None => one,
                })
            }
            (Operator::Equal, Operand::Number(number)) => {
                let place = self.query.bind(*number);
                Ok(format!("{ON_TICKET}number_value = {place})"))
            }
            (Operator::StartsWith, Operand::Text(text)) => {
                let key = text_key(text);
                let (from, to) = (self.query.bind(key.as_str()), self.query.bind(format!("{key}\u{10ffff}")));
                Ok(format!("{ON_TICKET}text_key >= {from} and v.text_key < {to})"))
            }
            _ => Err(unfit(test)),
        }
    }

    fn ids(&mut self, on_ticket: &str, operator: Operator, test: &Test) -> Result<String, Error> {
        let person_id = self.viewpoint.person_id;
        let id = |operand: &Operand| match operand {
            Operand::Int(id) => Ok(*id),
            Operand::Text(text) => text.trim().parse().map_err(|_| unfit(test)),
            // Nobody has the number 0.
            Operand::CurrentUser => Ok(person_id.unwrap_or_default()),
            _ => Err(unfit(test)),
        };
        match (operator, &test.operand) {
            (Operator::IsEmpty, _) => Ok(format!("not {on_ticket} is not null)")),
            (Operator::Equal | Operator::Contains, operand) => {
                let place = self.query.bind(id(operand)?);
                Ok(format!("{on_ticket} = {place})"))
            }
            (Operator::ContainsAny, Operand::List(items)) => {
                check_items(items)?;
                let mut places = Vec::with_capacity(items.len());
                for item in items {
                    places.push(self.query.bind(id(item)?));
                }
                Ok(if places.is_empty() {
                    NEVER.to_owned()
                } else {
                    format!("{on_ticket} in ({}))", places.join(", "))
                })
            }
            (Operator::ContainsAll, Operand::List(items)) => {
                check_items(items)?;
                let mut each = Vec::with_capacity(items.len());
                for item in items {
                    let place = self.query.bind(id(item)?);
                    each.push(format!("{on_ticket} = {place})"));
                }
                Ok(joined(&each, true))
            }
            _ => Err(unfit(test)),
        }
    }
}

/// The operator without a `Not` in it, and whether it had one.
const fn plain(operator: Operator) -> (Operator, bool) {
    match operator {
        Operator::NotEqual => (Operator::Equal, true),
        Operator::NotContains => (Operator::Contains, true),
        Operator::NotContainsAny => (Operator::ContainsAny, true),
        Operator::NotContainsAll => (Operator::ContainsAll, true),
        Operator::IsNotEmpty => (Operator::IsEmpty, true),
        Operator::NotChanged => (Operator::Changed, true),
        Operator::NotChangedTo => (Operator::ChangedTo, true),
        Operator::NotChangedFrom => (Operator::ChangedFrom, true),
        other => (other, false),
    }
}

/// The column and the words, where all parts ask one word each of the same column.
fn words_of_one_field(parts: &[Condition], column_of: fn(Field) -> Column) -> Option<(&'static str, Vec<&str>)> {
    let mut of = None;
    let mut words = Vec::with_capacity(parts.len());
    for part in parts {
        let Condition::Is(Test { field, operator: Operator::Equal, operand: Operand::Text(word) }) = part else {
            return None;
        };
        let Column::Text(column) = column_of(*field) else { return None };
        if *of.get_or_insert(column) != column {
            return None;
        }
        words.push(word.as_str());
    }
    Some((of?, words))
}

fn text_of(operand: &Operand) -> Option<String> {
    match operand {
        Operand::Text(text) => Some(text.clone()),
        Operand::Int(number) => Some(number.to_string()),
        Operand::Flag(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn names<'a>(items: &'a [Operand], test: &Test) -> Result<Vec<&'a str>, Error> {
    let name = |item: &'a Operand| match item {
        Operand::Text(name) => Ok(name.as_str()),
        _ => Err(unfit(test)),
    };
    items.iter().map(name).collect()
}

fn joined(parts: &[String], all: bool) -> String {
    match (parts, all) {
        ([], true) => ALWAYS.to_owned(),
        ([], false) => NEVER.to_owned(),
        (parts, true) => format!("({})", parts.join(" and ")),
        (parts, false) => format!("({})", parts.join(" or ")),
    }
}

fn check_items(items: &[Operand]) -> Result<(), Error> {
    if ITEMS_MAX < items.len() {
        return Err(refused(format!("A list in the condition has more than {ITEMS_MAX} items.")));
    }
    Ok(())
}

fn unfit(test: &Test) -> Error {
    refused(format!("{:?} cannot be asked of {:?} with this value.", test.operator, test.field))
}

fn refused(problem: impl Into<String>) -> Error {
    Error::invalid("filters", problem)
}

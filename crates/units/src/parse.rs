//! Reads a unit from text, by recursive descent.

use std::ops::Range;

use crate::Exponent;
use crate::error::{Problem, UnitError};
use crate::scale::Scale;
use crate::unit::Unit;
use crate::vocabulary::Vocabulary;

/// Parentheses inside parentheses; far more than a unit has.
const MAX_DEPTH: usize = 16;
const UNIT_EXPECTED: &str = "a unit, a number or `(` is expected here";
const END_EXPECTED: &str = "an operator or the end is expected here";

pub(crate) fn parse(text: &str, names: &Vocabulary) -> Result<Unit, UnitError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(UnitError { at: 0..text.len(), what: Problem::Empty });
    }
    let mut parser = Parser { text, at: 0, names, depth: 0 };
    let unit = parser.quotient()?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(unit.written_as(trimmed)),
        Some(_) => Err(parser.unexpected(END_EXPECTED)),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    names: &'a Vocabulary,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// `product ('/' power)*`: what follows a division is one power each, because `a/b c` is read in
    /// two ways.
    fn quotient(&mut self) -> Result<Unit, UnitError> {
        let mut unit = self.power()?;
        let mut divided = false;
        loop {
            let blanks = self.skip_blanks();
            let start = self.at;
            match self.peek() {
                Some('/') => {
                    self.bump();
                    divided = true;
                    unit = unit.over(&self.power()?);
                }
                Some('*' | '.' | '\u{b7}' | '\u{22c5}' | '\u{d7}') => {
                    self.bump();
                    self.product_allowed(divided, start)?;
                    unit = unit.times(&self.power()?);
                }
                // Two units side by side; a number may stand right before a name: `10mM`.
                Some(c) if starts_name(c) || c == '(' || (blanks && c.is_ascii_digit()) => {
                    self.product_allowed(divided, start)?;
                    unit = unit.times(&self.power()?);
                }
                _ => return Ok(unit),
            }
        }
    }

    fn product_allowed(&self, divided: bool, start: usize) -> Result<(), UnitError> {
        if divided { self.fail(start..self.text.len(), Problem::ProductAfterDivision) } else { Ok(()) }
    }

    /// An atom and its power: `m^2`, `m**2`, `m2`, `m-2`, and superscripts.
    fn power(&mut self) -> Result<Unit, UnitError> {
        self.skip_blanks();
        let start = self.at;
        let (atom, power) = match self.peek() {
            Some('(') => (self.parenthesis()?, None),
            Some(c) if c.is_ascii_digit() => (self.number()?, None),
            Some(c) if starts_name(c) => self.name()?,
            _ => return Err(self.unexpected(UNIT_EXPECTED)),
        };
        let power = match power {
            Some(power) => Some(power),
            None => self.written_power()?,
        };
        let Some(power) = power else { return Ok(atom) };
        atom.pow(power).or_else(|_| self.fail_power(start..self.at))
    }

    fn written_power(&mut self) -> Result<Option<Exponent>, UnitError> {
        let before = self.at;
        self.skip_blanks();
        if self.eat("**") || self.eat("^") {
            return self.exponent().map(Some);
        }
        self.at = before;
        if self.peek() == Some('-') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return self.signed_number().map(Some);
        }
        let raised = self.take(|c| superscript(c).is_some());
        if raised.is_empty() {
            return Ok(None);
        }
        let plain: String = raised.chars().filter_map(superscript).collect();
        let power = plain.parse().ok().and_then(Exponent::whole);
        power.map_or_else(|| self.fail_power(before..self.at), |power| Ok(Some(power)))
    }

    /// After `^`: `2`, `-1`, `0.5`, `(1/2)`, `(-1)`.
    fn exponent(&mut self) -> Result<Exponent, UnitError> {
        self.skip_blanks();
        let start = self.at;
        if !self.eat("(") {
            return self.signed_number();
        }
        self.skip_blanks();
        let mut power = Some(self.signed_number()?);
        self.skip_blanks();
        if self.eat("/") {
            self.skip_blanks();
            let below = self.signed_number()?;
            let whole = power.and_then(|power| power.as_whole());
            power = whole.zip(below.as_whole()).and_then(|(p, q)| Exponent::ratio(p, q));
            self.skip_blanks();
        }
        if !self.eat(")") {
            return self.fail(start..self.text.len(), Problem::Unclosed);
        }
        power.map_or_else(|| self.fail_power(start..self.at), Ok)
    }

    fn signed_number(&mut self) -> Result<Exponent, UnitError> {
        let start = self.at;
        if !self.eat("-") {
            self.eat("+");
        }
        let digits = self.at;
        self.take(|c| c.is_ascii_digit());
        // A dot with a digit behind it is a decimal point, otherwise a product.
        if self.decimals_follow() {
            self.bump();
            self.take(|c| c.is_ascii_digit());
        }
        if digits == self.at {
            self.at = start;
            return Err(self.unexpected("a power is expected here"));
        }
        let power = self.text[start..self.at].parse().ok().and_then(Exponent::from_f64);
        power.map_or_else(|| self.fail_power(start..self.at), Ok)
    }

    fn parenthesis(&mut self) -> Result<Unit, UnitError> {
        let start = self.at;
        if self.depth == MAX_DEPTH {
            return self.fail(start..start + 1, Problem::TooDeep);
        }
        self.bump();
        self.depth += 1;
        let unit = self.quotient()?;
        self.depth -= 1;
        self.skip_blanks();
        match self.peek() {
            Some(')') => {
                self.bump();
                Ok(unit)
            }
            None => self.fail(start..start + 1, Problem::Unclosed),
            Some(_) => Err(self.unexpected(END_EXPECTED)),
        }
    }

    fn number(&mut self) -> Result<Unit, UnitError> {
        let start = self.at;
        self.take(|c| c.is_ascii_digit());
        if self.decimals_follow() {
            self.bump();
            self.take(|c| c.is_ascii_digit());
        }
        // `1e6` is a number, `1 eV` and `1eV` are not.
        let rest = self.rest();
        if rest.starts_with(['e', 'E']) {
            let digits = rest[1..].trim_start_matches(['+', '-']);
            if digits.starts_with(|c: char| c.is_ascii_digit()) && rest.len() - digits.len() <= 2 {
                self.at += rest.len() - digits.len();
                self.take(|c| c.is_ascii_digit());
            }
        }
        let text = &self.text[start..self.at];
        match Scale::read(text) {
            Some(scale) => Ok(Unit::number(scale)),
            None => self.fail(start..self.at, Problem::Factor { text: text.to_owned() }),
        }
    }

    /// A whole name, or a name and the digits behind it as its power: `cmH2O`, `m2`.
    fn name(&mut self) -> Result<(Unit, Option<Exponent>), UnitError> {
        let start = self.at;
        if self.peek().is_some_and(is_sign) {
            self.bump();
        }
        let sign_alone = &self.text[start..self.at];
        // `%` and the like are names by themselves; a degree sign goes with C and F.
        if sign_alone.is_empty() || sign_alone == "\u{b0}" {
            self.take(|c| c.is_alphanumeric() && superscript(c).is_none() || c == '_');
        }
        let written = &self.text[start..self.at];
        let name = plain(written);
        if let Some((dimensions, scale)) = self.find(&name, start)? {
            return Ok((Unit::named(written, dimensions, scale), None));
        }
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &name[stem.len()..];
        if !digits.is_empty()
            && let Some((dimensions, scale)) = self.find(stem, start)?
        {
            let power = digits.parse().ok().and_then(Exponent::whole);
            let power = power.map_or_else(|| self.fail_power(start..self.at), Ok)?;
            let written = &written[..written.len() - digits.len()];
            return Ok((Unit::named(written, dimensions, scale), Some(power)));
        }
        let near = self.names.nearest(&name);
        self.fail(start..self.at, Problem::Unknown { name: written.to_owned(), near })
    }

    fn find(&self, name: &str, start: usize) -> Result<Option<(crate::Dimensions, Scale)>, UnitError> {
        self.names.find(name).map_err(|what| UnitError { at: start..self.at, what })
    }

    fn decimals_follow(&self) -> bool {
        let rest = self.rest();
        rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_digit())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn take(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !is(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn skip_blanks(&mut self) -> bool {
        !self.take(char::is_whitespace).is_empty()
    }

    fn fail<T>(&self, at: Range<usize>, what: Problem) -> Result<T, UnitError> {
        Err(UnitError { at, what })
    }

    fn fail_power<T>(&self, at: Range<usize>) -> Result<T, UnitError> {
        let text = self.text[at.clone()].to_owned();
        self.fail(at, Problem::Power { text })
    }

    fn unexpected(&self, expected: &'static str) -> UnitError {
        let found = self.peek().map_or_else(|| "the end".to_owned(), |c| c.to_string());
        let at = self.at..self.at + self.peek().map_or(0, char::len_utf8);
        UnitError { at, what: Problem::Unexpected { found, expected } }
    }
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || is_sign(c)
}

/// Percent, per mille, degree.
fn is_sign(c: char) -> bool {
    matches!(c, '%' | '\u{2030}' | '\u{b0}')
}

/// Superscript digits and minus, as plain ones.
fn superscript(c: char) -> Option<char> {
    Some(match c {
        '\u{207b}' => '-',
        '\u{2070}' => '0',
        '\u{b9}' => '1',
        '\u{b2}' => '2',
        '\u{b3}' => '3',
        '\u{2074}'..='\u{2079}' => char::from(b'4' + (c as u32 - 0x2074) as u8),
        _ => return None,
    })
}

/// A name in ASCII: both micro signs are `u`, both ohm signs `ohm`.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for c in name.chars() {
        match c {
            '\u{b5}' | '\u{3bc}' => plain.push('u'),
            '\u{2126}' | '\u{3a9}' => plain.push_str("ohm"),
            '\u{c5}' | '\u{212b}' => plain.push_str("angstrom"),
            '\u{b0}' => plain.push_str("deg"),
            '\u{2030}' => plain.push_str("permil"),
            c => plain.push(c),
        }
    }
    plain
}

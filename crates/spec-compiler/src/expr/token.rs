//! Expression text to tokens.

use super::{BinaryOp, MAX_TOKENS};
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::Span;
use crate::yaml::Text;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String, u8),
    Not,
    /// Every infix operator; `-` and `+` are prefixes too.
    Op(BinaryOp),
    /// A single `=`.
    Assign,
    Comma,
    Dot,
    Open(Bracket),
    Close(Bracket),
    /// Words of queries, which this grammar does not have yet.
    Bar,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket {
    Round,
    Square,
    Curly,
}

impl Bracket {
    pub(super) fn open(self) -> char {
        match self {
            Bracket::Round => '(',
            Bracket::Square => '[',
            Bracket::Curly => '{',
        }
    }

    pub(super) fn close(self) -> char {
        match self {
            Bracket::Round => ')',
            Bracket::Square => ']',
            Bracket::Curly => '}',
        }
    }
}

/// The tokens of a text with their places, [`Token::End`] last.
pub(super) fn tokens(text: &Text) -> Result<Vec<(Token, Span)>, Box<Diagnostic>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        let (token, span) = lexer.next()?;
        if tokens.len() == MAX_TOKENS {
            return Err(Box::new(errors::expression_too_long(span)));
        }
        let last = token == Token::End;
        tokens.push((token, span));
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t, 'a> {
    text: &'t Text<'a>,
    at: usize,
}

impl Lexer<'_, '_> {
    fn rest(&self) -> &str {
        &self.text.as_str()[self.at..]
    }

    fn next(&mut self) -> Result<(Token, Span), Box<Diagnostic>> {
        let blank = self.rest().len() - self.rest().trim_start().len();
        self.at += blank;
        let start = self.at;
        let mut chars = self.rest().chars();
        let Some(c) = chars.next() else {
            return Ok((Token::End, self.text.span(start, start)));
        };
        let second = chars.next().unwrap_or(' ');
        let token = if c.is_ascii_digit() || (c == '.' && second.is_ascii_digit()) {
            self.number()?
        } else if c.is_alphabetic() || c == '_' {
            self.name()
        } else if c == '\'' || c == '"' {
            self.quoted(c)?
        } else {
            let (token, length) = match self.symbol(c, second) {
                Ok(found) => found,
                Err((length, instead)) => {
                    let span = self.text.span(start, start + length);
                    let found = &self.rest()[..length];
                    return Err(Box::new(errors::foreign_operator(span, found, instead)));
                }
            };
            self.at += length;
            token
        };
        Ok((token, self.text.span(start, self.at)))
    }

    /// A punctuation token with its length in bytes; else the length of what other languages write
    /// here, and what to write instead.
    fn symbol(&self, c: char, second: char) -> Result<(Token, usize), (usize, &'static str)> {
        use BinaryOp as B;
        let double = c.len_utf8() + second.len_utf8();
        Ok(match (c, second) {
            ('=', '=') => (Token::Op(B::Equal), 2),
            ('!', '=') => (Token::Op(B::NotEqual), 2),
            ('<', '=') => (Token::Op(B::LessEqual), 2),
            ('>', '=') => (Token::Op(B::GreaterEqual), 2),
            ('*', '*') => return Err((double, "^")),
            ('&', '&') => return Err((double, "and")),
            ('|', '|') => return Err((double, "or")),
            ('<', '>') => return Err((double, "!=")),
            ('=', '<') => return Err((double, "<=")),
            ('=', '>') => return Err((double, ">=")),
            ('/', '/') => return Err((double, "floor(a / b)")),
            ('%', '*' | '%') => return Err((double, "@")),
            ('<', _) => (Token::Op(B::Less), 1),
            ('>', _) => (Token::Op(B::Greater), 1),
            ('+', _) => (Token::Op(B::Add), 1),
            ('-', _) => (Token::Op(B::Sub), 1),
            ('*', _) => (Token::Op(B::Mul), 1),
            ('/', _) => (Token::Op(B::Div), 1),
            ('@', _) => (Token::Op(B::Contract), 1),
            ('^', _) => (Token::Op(B::Pow), 1),
            ('=', _) => (Token::Assign, 1),
            (',', _) => (Token::Comma, 1),
            ('.', _) => (Token::Dot, 1),
            ('|', _) => (Token::Bar, 1),
            ('(', _) => (Token::Open(Bracket::Round), 1),
            (')', _) => (Token::Close(Bracket::Round), 1),
            ('[', _) => (Token::Open(Bracket::Square), 1),
            (']', _) => (Token::Close(Bracket::Square), 1),
            ('{', _) => (Token::Open(Bracket::Curly), 1),
            ('}', _) => (Token::Close(Bracket::Curly), 1),
            ('!', _) => return Err((1, "not")),
            ('&', _) => return Err((1, "and")),
            ('\u{2212}' | '\u{2013}', _) => return Err((c.len_utf8(), "-")),
            ('\u{d7}' | '\u{b7}' | '\u{22c5}', _) => return Err((c.len_utf8(), "*")),
            ('\u{f7}', _) => return Err((c.len_utf8(), "/")),
            ('\u{2264}', _) => return Err((c.len_utf8(), "<=")),
            ('\u{2265}', _) => return Err((c.len_utf8(), ">=")),
            ('\u{2260}', _) => return Err((c.len_utf8(), "!=")),
            ('\u{2019}' | '\u{2018}' | '\u{2032}', _) => return Err((c.len_utf8(), "'")),
            ('\u{201c}' | '\u{201d}', _) => return Err((c.len_utf8(), "\"")),
            _ => return Err((c.len_utf8(), "")),
        })
    }

    fn name(&mut self) -> Token {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        let token = match name {
            "and" => Token::Op(BinaryOp::And),
            "or" => Token::Op(BinaryOp::Or),
            "not" => Token::Not,
            _ => {
                let primes = after.bytes().take_while(|&byte| byte == b'\'').count();
                let primes = primes.min(u8::MAX as usize);
                let token = Token::Name(name.to_string(), primes as u8);
                self.at += length + primes;
                return token;
            }
        };
        self.at += length;
        token
    }

    fn number(&mut self) -> Result<Token, Box<Diagnostic>> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize| {
            let run = bytes[from..].iter().take_while(|b| b.is_ascii_digit());
            from + run.count()
        };
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent > end + 1 + sign {
                end = exponent;
            }
        }
        // Everything glued to it belongs to the same mistake: `1_000`, `2x`, `0x1f`, `1.2.3`.
        let glued = rest[end..]
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .map_or(rest.len(), |length| end + length);
        let start = self.at;
        let leading_zero = end > 1 && bytes[0] == b'0' && bytes[1].is_ascii_digit();
        if glued > end || leading_zero {
            let span = self.text.span(start, start + glued);
            return Err(Box::new(errors::malformed_number(span, &rest[..glued], end)));
        }
        // Everything of this form is a float to Rust, `3.` and `.5` included.
        let value: f64 = rest[..end].parse().unwrap_or(f64::NAN);
        if !value.is_finite() {
            let span = self.text.span(start, start + end);
            return Err(Box::new(errors::number_too_large(span, &rest[..end])));
        }
        self.at += end;
        Ok(Token::Number(value))
    }

    /// A quote inside is doubled, as in YAML.
    fn quoted(&mut self, quote: char) -> Result<Token, Box<Diagnostic>> {
        let start = self.at;
        let mut value = String::new();
        let mut at = start + 1;
        loop {
            let rest = &self.text.as_str()[at..];
            let Some(length) = rest.find(quote) else {
                let span = self.text.span(start, start + 1);
                return Err(Box::new(errors::unclosed_text(span, quote)));
            };
            value.push_str(&rest[..length]);
            at += length + 1;
            if !self.text.as_str()[at..].starts_with(quote) {
                break;
            }
            value.push(quote);
            at += 1;
        }
        self.at = at;
        Ok(Token::Text(value))
    }
}

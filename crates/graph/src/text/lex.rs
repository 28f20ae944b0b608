//! Text to tokens.

/// Where and why a text is no graph.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    /// A word, or what stood in quotes.
    Name(String),
    /// Kept as written: whole numbers and reals differ by what is wanted.
    Number(String),
    /// `%3`
    Node(u32),
    Symbol(&'static str),
    End,
}

impl Token {
    pub fn show(&self) -> String {
        match self {
            Token::Name(n) => format!("`{n}`"),
            Token::Number(n) => n.clone(),
            Token::Node(n) => format!("%{n}"),
            Token::Symbol(s) => format!("`{s}`"),
            Token::End => "the end".into(),
        }
    }
}

/// A token and where it begins.
pub type Placed = (Token, (usize, usize));

const SYMBOLS: &[&str] = &["->", "(", ")", "[", "]", "{", "}", ",", ";", ":", "=", "?"];

/// The tokens, the last of them [`Token::End`].
pub fn lex(text: &str) -> Result<Vec<Placed>, ParseError> {
    let mut out = Vec::new();
    let mut rest = text;
    let (mut line, mut column) = (1, 1);
    loop {
        let Some(c) = rest.chars().next() else {
            out.push((Token::End, (line, column)));
            return Ok(out);
        };
        let fail = |message: String| ParseError { line, column, message };
        let (token, length) = if c == '#' {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if c.is_whitespace() {
            (None, c.len_utf8())
        } else if c == '"' {
            let (name, length) = quoted(rest).ok_or_else(|| fail("a quoted name without end".into()))?;
            (Some(Token::Name(name)), length)
        } else if c == '%' {
            let digits = span(&rest[1..], |c| c.is_ascii_digit());
            let n =
                rest[1..1 + digits].parse().map_err(|_| fail("a node is written %0, %1 and so on".into()))?;
            (Some(Token::Node(n)), 1 + digits)
        } else if let Some(s) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            (Some(Token::Symbol(s)), s.len())
        } else if c.is_ascii_digit() || c == '-' {
            let length = span(rest, |c| c.is_ascii_alphanumeric() || "+-.".contains(c));
            (Some(Token::Number(rest[..length].into())), length)
        } else if c.is_ascii_alphabetic() || c == '_' {
            let length = span(rest, |c| c.is_ascii_alphanumeric() || "_.'".contains(c));
            (Some(Token::Name(rest[..length].into())), length)
        } else {
            return Err(fail(format!("`{c}` means nothing here")));
        };
        out.extend(token.map(|t| (t, (line, column))));
        for c in rest[..length].chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        rest = &rest[length..];
    }
}

fn span(s: &str, in_it: impl Fn(char) -> bool) -> usize {
    s.find(|c| !in_it(c)).unwrap_or(s.len())
}

/// The name in the quotes that `s` begins with, and how long it is with them.
fn quoted(s: &str) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut chars = s.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((name, i + 1)),
            '\\' => match chars.next()?.1 {
                'n' => name.push('\n'),
                c => name.push(c),
            },
            c => name.push(c),
        }
    }
    None
}

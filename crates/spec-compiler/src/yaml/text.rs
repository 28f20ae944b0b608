//! The decoded text of a scalar with the way back from each character to the file.

use super::{Scalar, Style};
use crate::source::{Source, Span};

/// Decoded text whose bytes know where in the file they were written.
///
/// In quoted, folded and multi-line scalars the decoded text is shorter than the raw one; a
/// pointer into an expression must land on the raw characters. Blanks made by line folding map to
/// the line break that they stand for.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    text: &'a str,
    map: PositionMap,
}

#[derive(Clone, Debug)]
enum PositionMap {
    /// Decoded byte `i` is raw byte `start + i`.
    Shift(usize),
    /// Start and end of the raw form of the character that each decoded byte belongs to.
    Walked(Vec<(u32, u32)>),
}

impl<'a> Text<'a> {
    /// Text that begins at byte `start` of the file and is written there as it is.
    pub fn verbatim(text: &'a str, start: usize) -> Text<'a> {
        Text { text, map: PositionMap::Shift(start) }
    }

    pub fn of(scalar: &'a Scalar, source: &Source) -> Text<'a> {
        let raw = source.slice(scalar.span);
        let start = scalar.span.start as usize;
        if raw == scalar.text || scalar.text.is_empty() {
            return Text::verbatim(&scalar.text, start);
        }
        let map = match walk(&scalar.text, raw, scalar.style, start) {
            Some(places) => PositionMap::Walked(places),
            // Not reached for text that the parser decoded; point at the whole scalar then.
            None => PositionMap::Walked(vec![(scalar.span.start, scalar.span.end); scalar.text.len()]),
        };
        Text { text: &scalar.text, map }
    }

    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The raw span of the decoded bytes `start..end`; an empty range is the place before it, at
    /// the end of the text the place after its last character.
    pub fn span(&self, start: usize, end: usize) -> Span {
        match &self.map {
            PositionMap::Shift(shift) => Span::new(shift + start, shift + end.max(start)),
            PositionMap::Walked(places) => {
                let from = match places.get(start) {
                    Some(&(from, _)) => from,
                    None => places.last().map_or(0, |&(_, to)| to),
                };
                let to = match end.checked_sub(1).and_then(|last| places.get(last)) {
                    Some(&(_, to)) if end > start => to,
                    _ => from,
                };
                Span::new(from as usize, to as usize)
            }
        }
    }
}

/// Aligns decoded characters with raw ones; nothing if they disagree.
fn walk(decoded: &str, raw: &str, style: Style, start: usize) -> Option<Vec<(u32, u32)>> {
    let mut at = match style {
        Style::Plain | Style::Literal | Style::Folded => 0,
        Style::SingleQuoted | Style::DoubleQuoted => 1,
    };
    let mut places = Vec::with_capacity(decoded.len());
    for c in decoded.chars() {
        let mut written = character(raw, at, style);
        if !c.is_whitespace() {
            // Indentation, folded line breaks and `\` line continuations stand before it.
            while let Some((found, length)) = written
                && found.is_none_or(char::is_whitespace)
            {
                at += length;
                written = character(raw, at, style);
            }
        }
        let length = match written {
            Some((Some(found), length)) if found == c => length,
            _ if c.is_whitespace() => 0,
            _ => return None,
        };
        let place = ((start + at) as u32, (start + at + length.max(1)) as u32);
        places.extend(std::iter::repeat_n(place, c.len_utf8()));
        at += length;
    }
    Some(places)
}

/// The character written at `at` and the length of its raw form; no character for a line
/// continuation.
fn character(raw: &str, at: usize, style: Style) -> Option<(Option<char>, usize)> {
    let rest = raw.get(at..)?;
    let c = rest.chars().next()?;
    match style {
        Style::SingleQuoted if rest.starts_with("''") => Some((Some('\''), 2)),
        Style::DoubleQuoted if c == '\\' => escape(rest),
        _ => Some((Some(c), c.len_utf8())),
    }
}

/// The escapes of YAML 1.2.2, section 5.7; `rest` begins with the backslash.
fn escape(rest: &str) -> Option<(Option<char>, usize)> {
    let kind = rest[1..].chars().next()?;
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    if digits > 0 {
        let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
        if (0xd800..0xdc00).contains(&code) {
            let low = rest.get(2 + digits..)?.strip_prefix("\\u")?;
            let low = u32::from_str_radix(low.get(..4)?, 16).ok()?;
            let joined = 0x10000 + ((code - 0xd800) << 10) + low.checked_sub(0xdc00)?;
            return Some((Some(char::from_u32(joined)?), 12));
        }
        return Some((Some(char::from_u32(code)?), 2 + digits));
    }
    let c = match kind {
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' | '\t' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        '\n' | '\r' => return Some((None, 2)),
        other => other,
    };
    Some((Some(c), 1 + kind.len_utf8()))
}

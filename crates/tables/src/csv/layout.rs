//! One pass over the bytes of a CSV file: encoding, quotes, header, row widths, line numbers.
//!
//! The grammar is RFC 4180 without exceptions for quotes: a quote opens a cell as its very first
//! character and closes it as its last, and is doubled inside. Anything looser is refused, since
//! readers (polars among them) then disagree about where a row ends.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use crate::column::Lines;
use crate::error::{Place, TableError};
use crate::table::check_unique;

/// A checked file: `bytes[body..]` holds exactly `n_rows` rows of `header.len()` cells.
pub(super) struct Layout {
    pub bytes: Vec<u8>,
    pub body: usize,
    pub separator: u8,
    pub header: Vec<String>,
    pub n_rows: usize,
    pub lines: Lines,
}

pub(super) fn check(path: &Path, bytes: Vec<u8>, separator: Option<u8>) -> Result<Layout, TableError> {
    let mut bytes = repaired_text(path, bytes)?;
    let mut scan = Scan { path, bytes: &bytes, separator: b',', at: 0, line: 1, blank: Vec::new() };

    scan.skip_blank_lines();
    if scan.at == bytes.len() {
        return Err(TableError::Empty { path: path.to_path_buf() });
    }
    scan.separator = separator.unwrap_or_else(|| guess_separator(scan.rest()));
    let header_at = scan.at;
    let expected = scan.record()?;
    let separator = scan.separator;
    let header = names(&bytes[header_at..scan.at], separator);
    // A name that was cut is behind what is wrong otherwise, and only then.
    let cut_name = |error| match split_name(&header, separator) {
        Some(name) => TableError::SplitName { path: path.to_path_buf(), name },
        None => error,
    };
    check_unique(path, header.iter().map(String::as_str)).map_err(cut_name)?;

    let body = scan.at;
    scan.blank.clear();
    let first = scan.line;
    let mut lines = Vec::new();
    loop {
        scan.skip_blank_lines();
        if scan.at == bytes.len() {
            break;
        }
        let place = Place { row: lines.len() + 1, line: Some(scan.line) };
        lines.push(scan.line);
        let found = scan.record()?;
        if found != expected {
            let ragged = TableError::Ragged { path: path.to_path_buf(), place, expected, found };
            return Err(if found < expected { cut_name(ragged) } else { ragged });
        }
    }

    let blank = scan.blank;
    // Polars would count a blank line as a row of nulls.
    cut(&mut bytes, &blank);
    let n_rows = lines.len();
    let regular = lines.iter().enumerate().all(|(row, &line)| line == first + row);
    Ok(Layout {
        bytes,
        body,
        separator,
        header,
        n_rows,
        lines: if regular { Lines::Regular { first } } else { Lines::Listed(lines) },
    })
}

/// A name such as `w[1,1]` that commas have cut into several cells, the first of them.
fn split_name(header: &[String], separator: u8) -> Option<String> {
    let is_open = |name: &&String| name.rfind('[') > name.rfind(']');
    let first = header.iter().position(|name| separator == b',' && is_open(&name))?;
    let last = header[first + 1..].iter().position(|name| name.contains(']'))?;
    Some(header[first..=first + 1 + last].join(","))
}

/// Removes ascending, disjoint ranges.
fn cut(bytes: &mut Vec<u8>, ranges: &[Range<usize>]) {
    let Some(first) = ranges.first() else { return };
    let mut end = first.start;
    for (i, range) in ranges.iter().enumerate() {
        let next = ranges.get(i + 1).map_or(bytes.len(), |next| next.start);
        bytes.copy_within(range.end..next, end);
        end += next - range.end;
    }
    bytes.truncate(end);
}

/// UTF-8 without a byte order mark, with line feeds.
fn repaired_text(path: &Path, mut bytes: Vec<u8>) -> Result<Vec<u8>, TableError> {
    if let Err(error) = std::str::from_utf8(&bytes) {
        let before = &bytes[..error.valid_up_to()];
        let is_utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
        return Err(TableError::NotUtf8 {
            path: path.to_path_buf(),
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            hint: if is_utf16 {
                "it looks like UTF-16; save it as UTF-8"
            } else {
                "save it as UTF-8 (in spreadsheets: \"CSV UTF-8\")"
            },
        });
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(..3);
    }
    // Old Macintosh exports end lines with a carriage return alone.
    if !bytes.contains(&b'\n') {
        for byte in &mut bytes {
            if *byte == b'\r' {
                *byte = b'\n';
            }
        }
    }
    Ok(bytes)
}

/// Comma if the first line has one outside quotes, else semicolon, else tab, else comma.
fn guess_separator(text: &[u8]) -> u8 {
    let mut quoted = false;
    let mut seen = HashSet::new();
    for &byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if !quoted => {
                seen.insert(byte);
            }
            _ => {}
        }
    }
    [b',', b';', b'\t'].into_iter().find(|byte| seen.contains(byte)).unwrap_or(b',')
}

/// The names of a header record that `Scan::record` has accepted: blanks around them cut off,
/// `unnamed_<position>` for an empty one (R writes its row names under such a header).
fn names(record: &[u8], separator: u8) -> Vec<String> {
    let text = String::from_utf8_lossy(record);
    let text = text.trim_end_matches(['\n', '\r']);
    let mut names = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let name = names.last_mut().expect("never empty");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            c if c == char::from(separator) && !quoted => names.push(String::new()),
            c => name.push(c),
        }
    }
    names
        .into_iter()
        .enumerate()
        .map(|(i, name)| match name.trim() {
            "" => format!("unnamed_{}", i + 1),
            name => name.to_owned(),
        })
        .collect()
}

struct Scan<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    separator: u8,
    at: usize,
    /// Line of `at`, from 1.
    line: usize,
    /// Byte ranges of blank lines met so far.
    blank: Vec<Range<usize>>,
}

impl Scan<'_> {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Moves to the start of the next line that has more than blanks, or to the end.
    fn skip_blank_lines(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest
                .iter()
                .take_while(|&&byte| {
                    byte == b'\r' || (byte.is_ascii_whitespace() && byte != b'\n' && byte != self.separator)
                })
                .count();
            let length = match rest.get(blanks) {
                Some(b'\n') => blanks + 1,
                None if blanks > 0 => blanks,
                _ => return,
            };
            self.blank.push(self.at..self.at + length);
            self.at += length;
            self.line += 1;
        }
    }

    /// Moves past one record, its line end included; returns its number of cells.
    fn record(&mut self) -> Result<usize, TableError> {
        let mut n_cells = 1;
        loop {
            if self.bytes.get(self.at) == Some(&b'"') {
                self.quoted_cell()?;
            } else {
                self.plain_cell()?;
            }
            match self.bytes.get(self.at) {
                Some(&byte) if byte == self.separator => {
                    self.at += 1;
                    n_cells += 1;
                }
                Some(_) => {
                    self.at += 1;
                    self.line += 1;
                    return Ok(n_cells);
                }
                None => return Ok(n_cells),
            }
        }
    }

    /// Moves to the separator, line feed or end after a cell without quotes.
    fn plain_cell(&mut self) -> Result<(), TableError> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte == self.separator || byte == b'\n' {
                break;
            }
            if byte == b'"' {
                return Err(self.stray_quote());
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Moves to the separator, line feed or end after a quoted cell.
    fn quoted_cell(&mut self) -> Result<(), TableError> {
        let opened = self.line;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => {
                    return Err(TableError::OpenQuote { path: self.path.to_path_buf(), line: opened });
                }
                Some(b'"') if self.bytes.get(self.at + 1) == Some(&b'"') => self.at += 2,
                Some(b'"') => break,
                Some(&byte) => {
                    self.line += usize::from(byte == b'\n');
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        let at_line_end = matches!(self.rest(), [b'\r'] | [b'\r', b'\n', ..]);
        self.at += usize::from(at_line_end);
        match self.bytes.get(self.at) {
            None | Some(b'\n') => Ok(()),
            Some(&byte) if byte == self.separator => Ok(()),
            Some(_) => Err(self.stray_quote()),
        }
    }

    fn stray_quote(&self) -> TableError {
        TableError::StrayQuote { path: self.path.to_path_buf(), line: self.line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Header, rows and first lines of a text, or its error, in one line.
    fn check(text: &str, expected: &str) {
        let found = match super::check(Path::new("t.csv"), text.into(), None) {
            Ok(layout) => format!(
                "{:?} {} {:?} {:?}",
                layout.header,
                layout.n_rows,
                layout.lines,
                std::str::from_utf8(&layout.bytes[layout.body..]).unwrap()
            ),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn header_and_rows() {
        check("a,b\n1,2\n3,4", r#"["a", "b"] 2 Regular { first: 2 } "1,2\n3,4""#);
        check(
            " a , \"b \"\"c\"\"\" \r\n1,2\r\n",
            "t.csv: line 1 has a quote inside a cell; quotes must enclose the whole cell (no blanks \
             around them), and one inside is written twice",
        );
        check("\"b \"\"c, d\"\"\", a \r\n1,2\r\n", r#"["b \"c, d\"", "a"] 1 Regular { first: 2 } "1,2\r\n""#);
        check("\"\",x\n1,2\n", r#"["unnamed_1", "x"] 1 Regular { first: 2 } "1,2\n""#);
        check("\u{feff}a\n1\n", r#"["a"] 1 Regular { first: 2 } "1\n""#);
        check("a,b\r1,2\r3,4\r", r#"["a", "b"] 2 Regular { first: 2 } "1,2\n3,4\n""#);
        check("a,b\n", r#"["a", "b"] 0 Regular { first: 2 } """#);
    }

    #[test]
    fn separators_are_read_off_the_header() {
        check("a;b\n1,5;2\n", r#"["a", "b"] 1 Regular { first: 2 } "1,5;2\n""#);
        check("a\tb\n\t2\n", r#"["a", "b"] 1 Regular { first: 2 } "\t2\n""#);
        check("\"a;b\",c\n1,2\n", r#"["a;b", "c"] 1 Regular { first: 2 } "1,2\n""#);
    }

    #[test]
    fn blank_lines_are_no_rows_but_are_counted_as_lines() {
        check("\n \na,b\n\n1,2\n\t\r\n\n3,4\n\n", r#"["a", "b"] 2 Listed([5, 8]) "1,2\n3,4\n""#);
        check("a,b\n\"x\ny\",2\n3,4\n", r#"["a", "b"] 2 Listed([2, 4]) "\"x\ny\",2\n3,4\n""#);
        check("a\n\"\"\n1\n", r#"["a"] 2 Regular { first: 2 } "\"\"\n1\n""#);
        check(" \n\n", "t.csv: the file is empty; expected a header line and at least one row");
    }

    #[test]
    fn refusals() {
        check("a,b\n1,2\n3\n", "t.csv: row 2 (line 3) has 1 cell, but the header has 2");
        check("a,b\n\n1,2,3\n", "t.csv: row 1 (line 3) has 3 cells, but the header has 2");
        check("a,b\n1,\"x\n", "t.csv: the quote opened on line 2 is never closed");
        check("a,b, a\n1,2,3\n", "t.csv: two columns are called `a` (columns 1 and 3)");
        for text in ["a\n5\" nail\n", "a\n\"x\"y\n", "a\n\"x\" \n"] {
            check(
                text,
                "t.csv: line 2 has a quote inside a cell; quotes must enclose the whole cell (no \
                 blanks around them), and one inside is written twice",
            );
        }
    }
}

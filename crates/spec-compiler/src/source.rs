//! A spec's text, byte spans into it, and the way from a byte to its line and column.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The longest spec that is read, in bytes. Data belong into tables; the longest hand-written
/// model is a thousand times shorter.
pub const MAX_BYTES: usize = 8 << 20;

/// A half-open range of bytes `start..end` of one [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The bytes `start..end`. A source is shorter than [`MAX_BYTES`], so `u32` always suffices.
    pub fn new(start: usize, end: usize) -> Span {
        let clip = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { start: clip(start), end: clip(end.max(start)) }
    }

    /// The place before byte `at`.
    pub fn at(at: usize) -> Span {
        Span::new(at, at)
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Why a text cannot be a spec at all, before its first line is parsed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SourceError {
    #[error("{name}:1:1: cannot read the spec: {error}")]
    Unreadable { name: String, error: std::io::Error },
    #[error("{name}:1:1: the spec is longer than {MAX_BYTES} bytes")]
    #[diagnostic(help("keep data in CSV or Parquet files and name them under `data:`"))]
    TooLong { name: String },
    #[error("{name}:{line}:{column}: the spec is not UTF-8 text (byte 0x{byte:02x})")]
    #[diagnostic(help("save the file with the encoding UTF-8"))]
    NotUtf8 { name: String, line: usize, column: usize, byte: u8 },
}

/// The text of one spec with the name to print. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// The first byte of each line; never empty.
    line_starts: Arc<[u32]>,
}

impl Source {
    /// `name` is what messages print before `:line:column`, best relative to the working folder.
    ///
    /// # Errors
    /// [`SourceError::TooLong`] above [`MAX_BYTES`].
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Result<Source, SourceError> {
        let (name, text) = (name.into(), text.into());
        if text.len() > MAX_BYTES {
            return Err(SourceError::TooLong { name });
        }
        let bytes = text.as_bytes();
        let mut line_starts = vec![0];
        for (at, &byte) in bytes.iter().enumerate() {
            // A lone carriage return ends a line in YAML as well.
            if byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                line_starts.push(at as u32 + 1);
            }
        }
        Ok(Source { name: name.into(), text: text.into(), line_starts: line_starts.into() })
    }

    /// Reads a file; an absolute path inside the working folder is printed relative to it.
    ///
    /// # Errors
    /// All of [`SourceError`]. No more than [`MAX_BYTES`] are ever read.
    pub fn read(path: &Path) -> Result<Source, SourceError> {
        let shown =
            std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
        let name = shown.display().to_string();
        let unreadable = |error| SourceError::Unreadable { name: name.clone(), error };
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .map_err(unreadable)?
            .take(MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() > MAX_BYTES {
            return Err(SourceError::TooLong { name });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Source::new(name, text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                // The part before the fault is UTF-8, so this loses nothing.
                let before = Source::new(name, String::from_utf8_lossy(&bytes[..at]))?;
                let (line, column) = before.line_column(at);
                Err(SourceError::NotUtf8 { name: before.name.to_string(), line, column, byte: bytes[at] })
            }
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text under `span`; empty where the span does not lie in this source.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// Line and column of a byte, both from 1. Columns count characters; a tab is one character.
    /// A place beyond the end is the end.
    pub fn line_column(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.line_starts.partition_point(|&s| s as usize <= at);
        let start = self.line_starts[line - 1] as usize;
        let before = self.text.as_bytes()[start..at].iter().filter(|&&byte| !is_continuation(byte)).count();
        (line, before + 1)
    }

    /// The bytes of a line (from 1) without its line break; empty beyond the last line.
    pub fn line_span(&self, line: usize) -> Span {
        let Some(&start) = self.line_starts.get(line.wrapping_sub(1)) else {
            return Span::at(self.text.len());
        };
        let end = match self.line_starts.get(line) {
            Some(&next) => next as usize,
            None => self.text.len(),
        };
        let body = self.text[start as usize..end].trim_end_matches(['\n', '\r']);
        Span::new(start as usize, start as usize + body.len())
    }

    /// `name:line:column` of the first character of `span`.
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.line_column(span.start as usize);
        format!("{}:{line}:{column}", self.name)
    }

    /// The nearest character boundary at or before `at`.
    pub(crate) fn floor(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// As miette's own for `str`, but columns count characters and no label rescans the file.
impl miette::SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        if end > self.text.len() {
            return Err(miette::MietteError::OutOfBounds);
        }
        let (line, column) = self.line_column(start);
        let last_byte = if end > start { end - 1 } else { end };
        let last_line = self.line_column(last_byte).0;
        let first = line.saturating_sub(context_lines_before).max(1);
        let last = (last_line + context_lines_after).min(self.line_count());
        let (from, column) = if context_lines_before == 0 {
            (start, column - 1)
        } else {
            (self.line_starts[first - 1] as usize, 0)
        };
        let to = (self.line_span(last).end as usize).max(from);
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.name.to_string(),
            &self.text.as_bytes()[from..to],
            (from, to - from).into(),
            first - 1,
            column,
            last - first + 1,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_in_three_ways() {
        let source = Source::new("a.yaml", "a\u{3b1}b\r\n\tc\rd\n").unwrap();
        let place = |needle: &str| source.line_column(source.text().find(needle).unwrap());
        assert_eq!(place("a"), (1, 1));
        assert_eq!(place("b"), (1, 3));
        assert_eq!(place("c"), (2, 2));
        assert_eq!(place("d"), (3, 1));
        assert_eq!(source.line_column(usize::MAX), (4, 1));
        assert_eq!(source.slice(source.line_span(1)), "a\u{3b1}b");
        assert_eq!(source.slice(source.line_span(2)), "\tc");
        assert_eq!(source.slice(source.line_span(9)), "");
    }

    #[test]
    fn a_hundred_megabytes_are_refused() {
        let text = "[".repeat(100 << 20);
        assert!(matches!(Source::new("bomb.yaml", text), Err(SourceError::TooLong { .. })));
    }

    #[test]
    fn a_file_that_is_no_text_is_refused_with_its_place() {
        let path = std::env::temp_dir().join(format!("not_utf8_{}.yaml", std::process::id()));
        std::fs::write(&path, b"model: m\nlatent: \xff\n").unwrap();
        let error = Source::read(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        let text = error.to_string();
        assert!(text.contains(":2:9: the spec is not UTF-8"), "{text}");
        assert!(Source::read(&path).is_err());
    }
}

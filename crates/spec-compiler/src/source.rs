//! The texts of a spec, byte spans into them, and the way from a byte to its file, line and column.
//!
//! A spec is one file, those it includes and the overrides of the command line. Their texts lie one
//! after another in one space of bytes, so that a span knows its file by where it lies.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;

/// The longest file that is read, in bytes. Data belong into tables; the longest hand-written
/// model is a thousand times shorter.
pub const MAX_BYTES: usize = 8 << 20;

/// A half-open range of bytes `start..end` of one file of a [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The bytes `start..end`. A file is shorter than [`MAX_BYTES`] and there are few, so `u32` always
    /// suffices.
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

    /// The same bytes in a space that lies `by` further on.
    pub(crate) fn shifted(self, by: u32) -> Span {
        Span { start: self.start.saturating_add(by), end: self.end.saturating_add(by) }
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

/// What a text is to the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The file that was asked for.
    Spec,
    /// One that `include:` names; the path as the spec's own folder sees it.
    Included(PathBuf),
    /// `--set section.name=value`.
    Override,
}

/// One text of a spec.
#[derive(Clone, Debug)]
pub struct File {
    name: Arc<str>,
    text: Arc<str>,
    /// The first byte of each line; never empty. Counted from the file's own first byte.
    line_starts: Arc<[u32]>,
    /// Where its text begins among all texts.
    start: u32,
    role: Role,
    /// What its paths are relative to, as the spec's own folder sees it.
    folder: PathBuf,
}

impl File {
    fn new(name: Arc<str>, text: String) -> File {
        let bytes = text.as_bytes();
        let mut line_starts = vec![0];
        for (at, &byte) in bytes.iter().enumerate() {
            // A lone carriage return ends a line in YAML as well.
            if byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                line_starts.push(at as u32 + 1);
            }
        }
        let line_starts = line_starts.into();
        File { name, text: text.into(), line_starts, start: 0, role: Role::Spec, folder: PathBuf::new() }
    }

    /// What messages print before `:line:column`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn role(&self) -> &Role {
        &self.role
    }

    /// What paths in it are relative to, as the spec's own folder sees it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn start(&self) -> u32 {
        self.start
    }

    fn end(&self) -> usize {
        self.start as usize + self.text.len()
    }

    /// Line and column, both from 1, of a byte counted from the file's own first.
    fn line_column(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.line_starts.partition_point(|&s| s as usize <= at);
        let start = self.line_starts[line - 1] as usize;
        let before = self.text.as_bytes()[start..at].iter().filter(|&&byte| !is_continuation(byte)).count();
        (line, before + 1)
    }

    /// As [`Source::line_span`], counted from the file's own first byte.
    fn line_span(&self, line: usize) -> Span {
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
}

/// The texts of one spec with the names to print. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    /// Never empty; the first is the spec's own.
    files: Arc<[File]>,
    /// The files of `files` in the order in which they are merged: what is included before what
    /// includes it. Overrides are not among them.
    order: Arc<[usize]>,
    /// What cannot be included and why; nothing where `include:` was not followed.
    faults: Option<Arc<[Diagnostic]>>,
}

impl Source {
    /// A text that includes nothing. `name` is what messages print before `:line:column`, best relative
    /// to the working folder.
    ///
    /// # Errors
    /// [`SourceError::TooLong`] above [`MAX_BYTES`].
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Result<Source, SourceError> {
        let (name, text) = (name.into(), text.into());
        if text.len() > MAX_BYTES {
            return Err(SourceError::TooLong { name });
        }
        Ok(Source { files: [File::new(name.into(), text)].into(), order: [0].into(), faults: None })
    }

    /// Reads one file without those it includes, for which there is [`crate::include::read`]; an absolute
    /// path inside the working folder is printed relative to it.
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
                Err(SourceError::NotUtf8 { name: before.name().to_string(), line, column, byte: bytes[at] })
            }
        }
    }

    /// The name of the spec's own file.
    pub fn name(&self) -> &str {
        self.files[0].name()
    }

    /// The text of the spec's own file; its spans begin at 0.
    pub fn text(&self) -> &str {
        self.files[0].text()
    }

    /// The spec's own file, those it includes, and the overrides, in this order.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The texts that are files, in the order in which they are merged.
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    /// What cannot be included; nothing where `include:` was not followed.
    pub(crate) fn faults(&self) -> Option<&[Diagnostic]> {
        self.faults.as_deref()
    }

    /// One of the files as a source of its own, whose spans begin at 0.
    pub(crate) fn only(&self, file: usize) -> Source {
        let file = File { start: 0, ..self.files[file].clone() };
        Source { files: [file].into(), order: [0].into(), faults: None }
    }

    /// The texts one after another, those of `files` beyond the first with their roles and folders.
    pub(crate) fn gathered(
        files: Vec<(Source, Role, PathBuf)>,
        order: Vec<usize>,
        faults: Vec<Diagnostic>,
    ) -> Source {
        let mut start = 0_u32;
        let place = |(source, role, folder): (Source, Role, PathBuf)| {
            let file = File { start, role, folder, ..source.files[0].clone() };
            start = next_start(&file);
            file
        };
        Source {
            files: files.into_iter().map(place).collect(),
            order: order.into(),
            faults: Some(faults.into()),
        }
    }

    /// With overrides of single entries, each written `section.name=value`, which are applied in order.
    /// Paths in them are relative to `folder`, which is relative to the spec's or absolute.
    ///
    /// # Errors
    /// [`SourceError::TooLong`] above [`MAX_BYTES`].
    pub fn with_overrides(self, overrides: &[String], folder: &Path) -> Result<Source, SourceError> {
        let mut files = self.files.to_vec();
        for text in overrides {
            let path = text.split('=').next().unwrap_or_default().trim();
            let name = if path.is_empty() { "--set".into() } else { format!("--set {path}") };
            if text.len() > MAX_BYTES {
                return Err(SourceError::TooLong { name: "--set".into() });
            }
            let start = files.last().map_or(0, next_start);
            let file = File::new(name.into(), text.clone());
            files.push(File { start, role: Role::Override, folder: folder.into(), ..file });
        }
        Ok(Source { files: files.into(), ..self })
    }

    /// The same without the overrides.
    pub fn without_overrides(&self) -> Source {
        let files: Vec<File> = self.files.iter().filter(|f| f.role != Role::Override).cloned().collect();
        Source { files: files.into(), ..self.clone() }
    }

    /// All texts as one, which no other spec has: the text itself where it is the only one.
    pub fn whole(&self) -> String {
        let mut whole = self.text().to_string();
        for file in &self.files[1..] {
            // No YAML text holds a null character.
            match &file.role {
                Role::Included(path) => whole.push_str(&format!("\0include {}\0", path.display())),
                Role::Spec | Role::Override => whole.push_str("\0override\0"),
            }
            whole.push_str(file.text());
        }
        whole
    }

    /// The file that a byte belongs to.
    fn file_at(&self, at: usize) -> &File {
        let next = self.files.partition_point(|file| file.start as usize <= at);
        &self.files[next.max(1) - 1]
    }

    /// What paths at `span` are relative to, as the spec's own folder sees it.
    pub(crate) fn folder(&self, span: Span) -> &Path {
        &self.file_at(span.start as usize).folder
    }

    /// The text under `span`; empty where the span does not lie in one file.
    pub fn slice(&self, span: Span) -> &str {
        let file = self.file_at(span.start as usize);
        let local = |at: u32| at.saturating_sub(file.start) as usize;
        file.text.get(local(span.start)..local(span.end)).unwrap_or("")
    }

    /// Line and column of a byte in its file, both from 1. Columns count characters; a tab is one
    /// character. A place beyond the end is the end.
    pub fn line_column(&self, at: usize) -> (usize, usize) {
        let file = self.file_at(at);
        file.line_column(at - file.start as usize)
    }

    /// The bytes of a line (from 1) of the spec's own file without its line break; empty beyond the
    /// last line.
    pub fn line_span(&self, line: usize) -> Span {
        self.files[0].line_span(line)
    }

    /// The line that holds byte `at`, without its line break.
    pub(crate) fn line_at(&self, at: usize) -> Span {
        let file = self.file_at(at);
        let line = file.line_column(at - file.start as usize).0;
        file.line_span(line).shifted(file.start)
    }

    /// Is every line from the one before `span` to the one after it at most `bytes` long?
    pub(crate) fn lines_fit(&self, span: Span, bytes: usize) -> bool {
        let file = self.file_at(span.start as usize);
        let line = |at: u32| file.line_column(at.saturating_sub(file.start) as usize).0;
        let mut shown = line(span.start).saturating_sub(1).max(1)..=line(span.end) + 1;
        shown.all(|line| file.line_span(line).len() <= bytes)
    }

    /// Does `span` lie in one of the files, between characters?
    pub fn holds(&self, span: Span) -> bool {
        let file = self.file_at(span.start as usize);
        let local = |at: u32| at.saturating_sub(file.start) as usize;
        span.start <= span.end && file.text.get(local(span.start)..local(span.end)).is_some()
    }

    /// `name:line:column` of the first character of `span`.
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.line_column(span.start as usize);
        format!("{}:{line}:{column}", self.file_at(span.start as usize).name)
    }

    /// Do both lie in one file?
    pub(crate) fn same_file(&self, a: Span, b: Span) -> bool {
        self.file_at(a.start as usize).start == self.file_at(b.start as usize).start
    }

    /// The nearest character boundary of the spec's own file at or before `at`.
    pub(crate) fn floor(&self, at: usize) -> usize {
        let text = self.text();
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Where the text after `file` begins: a byte later, so that the end of one is not the start of another.
fn next_start(file: &File) -> u32 {
    u32::try_from(file.end() + 1).unwrap_or(u32::MAX)
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
        let file = self.file_at(span.offset());
        let base = file.start as usize;
        let (start, end) = (span.offset() - base, span.offset() - base + span.len());
        if end > file.text.len() {
            return Err(miette::MietteError::OutOfBounds);
        }
        let (line, column) = file.line_column(start);
        let last_byte = if end > start { end - 1 } else { end };
        let last_line = file.line_column(last_byte).0;
        let first = line.saturating_sub(context_lines_before).max(1);
        let last = (last_line + context_lines_after).min(file.line_starts.len());
        let (from, column) = if context_lines_before == 0 {
            (start, column - 1)
        } else {
            (file.line_starts[first - 1] as usize, 0)
        };
        let to = (file.line_span(last).end as usize).max(from);
        Ok(Box::new(miette::MietteSpanContents::new_named(
            file.name.to_string(),
            &file.text.as_bytes()[from..to],
            (base + from, to - from).into(),
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

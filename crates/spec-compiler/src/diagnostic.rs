//! A user's mistake as data, and its one printed form.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan};

use crate::source::{Source, Span};

/// At most this many mistakes are printed; the rest are counted.
const MAX_SHOWN: usize = 50;
/// Lines longer than this many bytes are not shown under a message.
const MAX_LINE: usize = 2_000;
/// Messages, labels and helps are cut after this many characters.
const MAX_TEXT: usize = 500;
/// Messages are wrapped at this width.
const WIDTH: usize = 100;

/// Whether a spec can be compiled as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    /// It can, but hardly means what it says.
    Warning,
}

/// One mistake in a spec: what, where, and what would be right.
///
/// Made by the functions of `crate::errors` and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable word for the kind of mistake, such as `unknown_key`.
    pub code: &'static str,
    pub severity: Severity,
    /// One sentence without a full stop, in the spec's own names.
    pub message: String,
    /// The place of the mistake.
    pub primary: Label,
    /// Other places that explain it, such as the first of two equal names.
    pub secondary: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
}

/// A place in the spec with a few words; the words may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

impl Diagnostic {
    pub fn new(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: short(message),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            help: None,
        }
    }

    /// The same as a warning.
    pub fn warning(mut self) -> Diagnostic {
        self.severity = Severity::Warning;
        self
    }

    /// The words under the primary place.
    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.primary.text = short(text);
        self
    }

    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.secondary.push(Label { span, text: short(text) });
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(short(text));
        self
    }

    /// With its places in a space that lies `by` further on.
    pub(crate) fn shifted(mut self, by: u32) -> Diagnostic {
        for label in std::iter::once(&mut self.primary).chain(&mut self.secondary) {
            label.span = label.span.shifted(by);
        }
        self
    }

    /// With its source, ready for any miette handler.
    pub fn on(self, source: &Source) -> Located {
        Located { diagnostic: self, source: source.clone() }
    }
}

/// A name or an expression in a message can be as long as the file.
fn short(text: impl Into<String>) -> String {
    let mut text = text.into();
    if let Some((cut, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(cut);
        text.push_str("...");
    }
    text
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<_>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = |label: &Label| (label.span.start as usize, label.span.len());
        let text = |label: &Label| (!label.text.is_empty()).then(|| label.text.clone());
        let primary = LabeledSpan::new_primary_with_span(text(&self.primary), place(&self.primary));
        let others =
            self.secondary.iter().map(move |label| LabeledSpan::new_with_span(text(label), place(label)));
        Some(Box::new(std::iter::once(primary).chain(others)))
    }
}

/// A [`Diagnostic`] together with its source; its `Display` begins with `file:line:column`.
#[derive(Clone, Debug)]
pub struct Located {
    pub diagnostic: Diagnostic,
    pub source: Source,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.source.place(self.diagnostic.primary.span);
        let Diagnostic { message, code, .. } = &self.diagnostic;
        write!(f, "{place}: {message} [{code}]")
    }
}

impl std::error::Error for Located {}

impl miette::Diagnostic for Located {
    fn severity(&self) -> Option<miette::Severity> {
        miette::Diagnostic::severity(&self.diagnostic)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        miette::Diagnostic::help(&self.diagnostic)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        let labels = std::iter::once(&self.diagnostic.primary).chain(&self.diagnostic.secondary);
        // The lines between and around the labels of a file are printed too, so look at them all.
        let mut shown: Vec<Span> = Vec::new();
        for label in labels {
            match shown.iter_mut().find(|span| self.source.same_file(**span, label.span)) {
                Some(span) => *span = span.to(label.span),
                None => shown.push(label.span),
            }
        }
        shown.into_iter().all(|span| self.source.lines_fit(span, MAX_LINE)).then_some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        miette::Diagnostic::labels(&self.diagnostic)
    }
}

/// The mistakes as text without colours, in the order of the file, the same on every terminal.
pub fn render(diagnostics: &[Diagnostic], source: &Source) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(WIDTH)
        .with_links(false)
        .without_syntax_highlighting();
    render_with(&handler, diagnostics, source)
}

/// As [`render`], through any handler (with colours, of another width).
pub fn render_with(handler: &GraphicalReportHandler, diagnostics: &[Diagnostic], source: &Source) -> String {
    let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
    ordered.sort_by_key(|diagnostic| diagnostic.primary.span);
    let mut out = String::new();
    for diagnostic in ordered.iter().take(MAX_SHOWN) {
        let located = Located { diagnostic: (*diagnostic).clone(), source: source.clone() };
        if handler.render_report(&mut out, &located).is_err() {
            // A label outside the file is a bug of ours; the message is still worth more.
            out.push_str(&format!("{located}\n"));
        }
        out.push('\n');
    }
    if ordered.len() > MAX_SHOWN {
        out.push_str(&format!("and {} more\n", ordered.len() - MAX_SHOWN));
    }
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    let mut out = lines.join("\n").trim_end().to_string();
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_has_the_place_and_the_pointer_is_right_after_greek() {
        let source = Source::new("specs/a.yaml", "model: a\n\u{3b1}: \u{3b2} + Kn\n").unwrap();
        let at = source.text().find("Kn").unwrap();
        let mistake = Diagnostic::new("unknown_name", Span::new(at, at + 2), "unknown name `Kn`")
            .label("not a state, parameter or data column")
            .help("did you mean `Km`?");
        let text = render(&[mistake], &source);
        let expected = [
            "  \u{d7} specs/a.yaml:2:8: unknown name `Kn` [unknown_name]",
            "   \u{256d}\u{2500}[specs/a.yaml:2:8]",
            " 1 \u{2502} model: a",
            " 2 \u{2502} \u{3b1}: \u{3b2} + Kn",
            "   \u{b7}        \u{2500}\u{252c}",
            "   \u{b7}         \u{2570}\u{2500}\u{2500} not a state, parameter or data column",
            "   \u{2570}\u{2500}\u{2500}\u{2500}\u{2500}",
            "  help: did you mean `Km`?",
            "",
        ]
        .join("\n");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_very_long_line_is_not_printed() {
        let source = Source::new("a.yaml", "x".repeat(5_000)).unwrap();
        let text = render(&[Diagnostic::new("m", Span::new(3, 4), "message")], &source);
        assert_eq!(text, "  \u{d7} a.yaml:1:4: message [m]\n");
    }

    #[test]
    fn places_at_the_end_and_in_an_empty_file_do_no_harm() {
        for text in ["", "\n", "a", "a\n", "a\r\n\r\n"] {
            let source = Source::new("a.yaml", text).unwrap();
            let mistake = Diagnostic::new("m", Span::at(text.len()), "message").label("here");
            let shown = render(&[mistake], &source);
            assert!(shown.starts_with("  \u{d7} a.yaml:"), "{text:?}");
        }
    }
}

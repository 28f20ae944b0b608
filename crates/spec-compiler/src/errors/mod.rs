//! The catalogue of user mistakes: every message of the compiler, in one place to read.
//!
//! A message is one sentence in the spec's own names; the label says what is at the place, the
//! help what to write. Codes are stable.

use crate::diagnostic::Diagnostic;
use crate::expr::{DimName, Ident};
use crate::nearest::nearest;
use crate::source::{Source, Span};
use crate::yaml::{MAX_ALIASES, MAX_NESTING, MAX_NODES};

fn mistake(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, span, message)
}

/// `a`, `b` or `c`
pub(crate) fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// "did you mean", else all the names where they are few.
pub(crate) fn suggest(mistake: Diagnostic, wrong: &str, candidates: &[&str]) -> Diagnostic {
    let near = nearest(wrong, candidates.iter().copied());
    if !near.is_empty() {
        mistake.help(format!("did you mean {}?", alternatives(&near)))
    } else if !candidates.is_empty() && candidates.len() <= 24 {
        mistake.help(format!("expected {}", alternatives(candidates)))
    } else {
        mistake
    }
}

/// Text of the user in a message: short and on one line.
fn shown(text: &str) -> String {
    const MAX: usize = 40;
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() > MAX || line.len() < text.trim_end().len() {
        let cut: String = line.chars().take(MAX).collect();
        format!("{cut}...")
    } else {
        line.to_string()
    }
}


//! The catalogue of user mistakes: every message of the compiler, in one place to read.
//!
//! A message is one sentence in the spec's own names; the label says what is at the place, the
//! help what to write. Codes are stable.

mod data;
mod dimensions;
mod expressions;
mod habits;
mod includes;
mod laws;
mod names;
mod recurrence;
mod shapes;
mod solves;
mod units;
mod yaml;

pub(crate) use data::*;
pub(crate) use dimensions::*;
pub(crate) use expressions::*;
pub(crate) use habits::entry;
pub(crate) use includes::*;
pub(crate) use laws::*;
pub(crate) use names::*;
pub(crate) use recurrence::*;
pub(crate) use shapes::*;
pub(crate) use solves::*;
pub(crate) use units::*;
pub(crate) use yaml::*;

use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::source::Span;

fn mistake(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, span, message)
}

/// `a`, `b` or `c`
fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

fn alternatives_of(names: &[String]) -> String {
    alternatives(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// "did you mean", else all the names where they are few.
fn suggest<S: AsRef<str>>(mistake: Diagnostic, wrong: &str, candidates: &[S]) -> Diagnostic {
    let candidates: Vec<&str> = candidates.iter().map(AsRef::as_ref).collect();
    let near = nearest(wrong, candidates.iter().copied());
    if !near.is_empty() {
        mistake.help(format!("did you mean {}?", alternatives(&near)))
    } else if !candidates.is_empty() && candidates.len() <= 24 {
        mistake.help(format!("expected {}", alternatives(&candidates)))
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

/// `varies over [school]`, or that it is a single number.
fn over(dims: &str) -> String {
    if dims.is_empty() { "is a single number".into() } else { format!("varies over {dims}") }
}

/// A word of the language that this version does not understand yet.
pub(crate) fn later_version(span: Span, what: &str) -> Diagnostic {
    mistake("later_version", span, format!("{what} is not part of this version yet"))
}

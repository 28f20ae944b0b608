//! Mistakes of several files and of overrides.

use super::{mistake, shown, suggest};
use crate::diagnostic::Diagnostic;
use crate::include::{MAX_DEPTH, MAX_FILES};
use crate::source::Span;

pub fn unknown_version(span: Span, known: u64) -> Diagnostic {
    mistake("unknown_version", span, format!("this program understands version {known} of the language"))
        .help(format!("write `version: {known}`, or take a `fit` that knows this version"))
}

/// `names`: the circle, each file including the next.
pub fn include_circle(span: Span, names: &[&str]) -> Diagnostic {
    let message = match names {
        [only] => format!("`{only}` includes itself"),
        names => format!(
            "files include each other in a circle: {} includes {}",
            names.join(" includes "),
            names[0]
        ),
    };
    mistake("include_circle", span, message).help("move what both need into a third file")
}

pub fn include_depth(span: Span) -> Diagnostic {
    mistake("include_limit", span, format!("more than {MAX_DEPTH} files that include one another"))
}

pub fn include_count(span: Span) -> Diagnostic {
    mistake("include_limit", span, format!("the spec includes more than {MAX_FILES} files"))
}

pub fn include_unreadable(span: Span, path: &str, why: &str, help: Option<String>) -> Diagnostic {
    let d = mistake("include_file", span, format!("cannot include `{}`: {why}", shown(path)));
    match help {
        Some(help) => d.help(help),
        None => d,
    }
}

/// A spec that is a text has no folder to look in.
pub fn include_of_text(span: Span) -> Diagnostic {
    mistake("include_file", span, "only a spec that is a file can include others")
}

/// An entry of two files.
pub fn included_twice(span: Span, section: &str, name: &str, first: Span) -> Diagnostic {
    let name = shown(name);
    mistake("name_twice", span, format!("two names for one thing: `{section}:` has `{name}` in two files"))
        .label("again")
        .also(first, "first here")
        .help(format!("keep one of them, or say which one counts: `override: {{{section}.{name}: ...}}`"))
}

pub fn override_form(span: Span, found: &str) -> Diagnostic {
    let found = shown(found);
    mistake("override_form", span, format!("an override is `section.name=value`, found `{found}`"))
        .help("for example `--set 'latent.tau=half_normal(1)'` or `--set inference.seed=3`")
}

/// A path that stops at a section, or goes on where there is nothing inside.
pub fn override_short(span: Span, section: &str) -> Diagnostic {
    mistake("override_form", span, format!("an override names one entry of `{section}:`"))
        .help(format!("write `{section}.name=value`; several entries are several overrides"))
}

pub fn override_deep(span: Span, parent: &str) -> Diagnostic {
    mistake("unknown_path", span, format!("`{parent}` is a single value and has no entries"))
        .help("an override of it ends here")
}

pub fn unknown_path(span: Span, name: &str, parent: &str, candidates: &[String]) -> Diagnostic {
    let message = match parent {
        "" => format!("there is no section `{}`", shown(name)),
        parent => format!("there is no `{}` in `{parent}`", shown(name)),
    };
    suggest(mistake("unknown_path", span, message), name, candidates)
}

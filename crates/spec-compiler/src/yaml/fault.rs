//! What a scanner error means to the person who wrote the file.

use serde_saphyr::granit_parser::ErrorKind;

use super::{Last, Node};
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::{Source, Span};

/// The message for a syntax error at byte `at`.
///
/// `open` is the innermost bracket that is still open, `last` the value that ended before.
pub(super) fn explain(
    source: &Source,
    kind: &ErrorKind,
    at: usize,
    open: Option<Span>,
    last: Option<Last>,
) -> Diagnostic {
    use ErrorKind as K;
    let here = first_character(source, at);
    match kind {
        K::RecursionLimitExceeded => return errors::too_deep(here),
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar => {
            return errors::unclosed_quote(here);
        }
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            return errors::text_after_quote(here);
        }
        K::UnknownQuotedScalarEscape => {
            return errors::bad_escape(unknown_escape(source, at).unwrap_or(here));
        }
        K::InvalidQuotedScalarHexEscape
        | K::InvalidUnicodeEscape
        | K::InvalidLowSurrogateHexEscape
        | K::InvalidLowSurrogate
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate => return errors::bad_escape(here),
        _ => {}
    }
    if let Some(tab) = indenting_tab(source, at) {
        return errors::tab(tab);
    }
    if let Some(open) = open {
        return in_flow(source, kind, here, open, last);
    }
    let line = source.line_column(at).0;
    if let Some(last) = last
        && last.flow_collection
        && source.line_column(last.span.end as usize).0 == line
    {
        return errors::text_after_bracket(last.span, source);
    }
    match kind {
        K::UnknownAnchor | K::MissingAnchorOrAliasName | K::DirectiveDisallowed => {
            return errors::reserved_start(here, source);
        }
        K::UnexpectedCharacter { .. } | K::InvalidBlockScalarHeader => {
            return errors::reserved_start(reserved_value(source, here).unwrap_or(here), source);
        }
        K::UnclosedFlowCollection { .. } => return errors::unclosed_bracket(here, source),
        _ => {}
    }
    for line in [line, line.saturating_sub(1)] {
        if let Some(span) = reserved_value(source, source.line_span(line)) {
            return errors::reserved_start(span, source);
        }
        if let Some(colon) = glued_colon(source, line) {
            return errors::space_after_colon(colon);
        }
    }
    if let Some(span) = foreign_comment(source, line) {
        return errors::foreign_comment(span);
    }
    if let (K::MappingValueNotAllowed, Some((span, help))) = (kind, entry_above(source, line)) {
        return errors::missing_colon(span, &help);
    }
    match kind {
        K::MappingValueNotAllowed if after_question_mark(source, at) => errors::question_mark(here),
        K::MappingValueNotAllowed => match first_colon(source, here) {
            Some(key) => errors::deeper_than_above(key),
            None => errors::second_colon(here),
        },
        K::InvalidIndentation | K::ExpectedBlockMappingKey | K::SimpleKeyExpected => {
            errors::indentation(here)
        }
        kind => errors::yaml_syntax(here, &kind.to_string()),
    }
}

/// The name and the whole of the key `b[k, k']` whose bracket opens at `at`, where a colon follows on the same
/// line.
fn key_with_brackets(source: &Source, at: usize) -> Option<(Span, Span)> {
    let (before, rest) = source.text().split_at_checked(at)?;
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let name = before.len() - before.trim_end_matches(is_name).len();
    let inside = rest.lines().next()?.strip_prefix('[')?;
    let close = inside.find(['[', ']', '{', '}']).filter(|&close| inside[close..].starts_with(']'))?;
    let is_key = name > 0 && inside[close + 1..].trim_start().starts_with(':');
    is_key.then(|| (Span::new(at - name, at), Span::new(at - name, at + close + 2)))
}

/// A syntax error inside `[ ]` or `{ }`.
fn in_flow(source: &Source, kind: &ErrorKind, here: Span, open: Span, last: Option<Last>) -> Diagnostic {
    let ends = [Some(here.start), last.map(|last| last.span.end)];
    if let Some((name, key)) =
        ends.into_iter().flatten().find_map(|at| key_with_brackets(source, at as usize))
    {
        return errors::key_in_flow(name, key, source);
    }
    // `{rate: x[1], ...}`: the plain value `x` ended at the bracket.
    if let Some(last) = last.filter(|last| last.plain && !last.span.is_empty()) {
        let next = source.text()[last.span.end as usize..].chars().next();
        if matches!(next, Some('[' | '{')) {
            return errors::bracket_in_flow(last.span, source);
        }
    }
    match kind {
        ErrorKind::UnknownAnchor | ErrorKind::MissingAnchorOrAliasName => {
            errors::reserved_start(here, source)
        }
        ErrorKind::UnexpectedCharacter { .. } => errors::reserved_start(here, source),
        ErrorKind::MismatchedFlowCollectionEnd { close, .. } => errors::wrong_bracket(open, *close, source),
        _ => errors::unclosed_bracket(open, source),
    }
}

/// The root is a scalar or a list.
pub(super) fn not_a_mapping(source: &Source, node: &Node) -> Diagnostic {
    let line = source.line_column(node.span().start as usize).0;
    match glued_colon(source, line) {
        Some(colon) => errors::space_after_colon(colon),
        None => errors::not_a_spec(node.span(), node.kind()),
    }
}

/// The span of the character at `at`; empty at the end of the file.
fn first_character(source: &Source, at: usize) -> Span {
    let length = source.text()[at..].chars().next().map_or(0, char::len_utf8);
    Span::new(at, at + length)
}

/// The first escape that YAML does not know in the double-quoted scalar that begins at `at`.
fn unknown_escape(source: &Source, at: usize) -> Option<Span> {
    let mut rest = source.text()[at..].char_indices();
    while let Some((start, c)) = rest.next() {
        if c == '\\' {
            let (_, kind) = rest.next()?;
            if !"0abtnvfre \"/\\N_LPxuU\t\r\n".contains(kind) {
                let start = at + start;
                return Some(Span::new(start, start + 1 + kind.len_utf8()));
            }
        }
    }
    None
}

/// A tab that indents the line of `at` or one beside it.
fn indenting_tab(source: &Source, at: usize) -> Option<Span> {
    let line = source.line_column(at).0;
    [line, line.saturating_sub(1), line + 1].into_iter().find_map(|line| {
        let span = source.line_span(line);
        let text = source.slice(span);
        let indent = text.len() - text.trim_start_matches([' ', '\t']).len();
        let tab = text[..indent].find('\t')?;
        // A blank line may hold anything.
        (indent < text.len()).then(|| Span::new(span.start as usize + tab, span.start as usize + tab + 1))
    })
}

/// The first of the lines above that are entries with another sign than a colon, and what to write.
fn entry_above(source: &Source, line: usize) -> Option<(Span, String)> {
    let entry = |line: usize| {
        let span = source.line_span(line);
        let text = source.slice(span);
        let help = errors::entry(text.trim()).filter(|_| !text.contains(": "))?;
        let start = span.start as usize + text.len() - text.trim_start().len();
        Some((Span::new(start, span.end as usize), help))
    };
    (1..line).rev().map_while(entry).last()
}

/// The start of `// text` or `% text`, of a line or the one above it.
fn foreign_comment(source: &Source, line: usize) -> Option<Span> {
    [line, line.saturating_sub(1)].into_iter().find_map(|line| {
        let span = source.line_span(line);
        let text = source.slice(span);
        let start = span.start as usize + text.len() - text.trim_start().len();
        let marks = ["//", "/*", "%", "--"];
        marks.iter().any(|mark| text.trim_start().starts_with(mark)).then(|| Span::new(start, start + 1))
    })
}

/// Does ` ? ` stand before `colon` on its line?
fn after_question_mark(source: &Source, colon: usize) -> bool {
    let line = source.line_span(source.line_column(colon).0);
    source.slice(Span::new(line.start as usize, colon)).contains(" ? ")
}

/// The key before the colon at `colon`, where no other colon stands before it on its line.
fn first_colon(source: &Source, colon: Span) -> Option<Span> {
    let line = source.line_span(source.line_column(colon.start as usize).0);
    let before = source.slice(Span::new(line.start as usize, colon.start as usize));
    let key = before.trim_start();
    let start = line.start as usize + before.len() - key.len();
    (!key.is_empty() && !key.contains(": ")).then(|| Span::new(start, colon.start as usize))
}

/// The value of `key: value` inside `line`, where it begins with a character YAML keeps for itself.
fn reserved_value(source: &Source, within: Span) -> Option<Span> {
    let line = source.line_span(source.line_column(within.start as usize).0);
    let text = source.slice(line);
    let (at, _) = text.match_indices(": ").next()?;
    let value = text[at + 1..].trim_start();
    let start = line.start as usize + text.len() - value.len();
    value.starts_with(['*', '&', '!', '|', '>', '@', '%', '`']).then(|| Span::new(start, start + 1))
}

/// The colon of `name:value` or `name[dim]:value`.
fn glued_colon(source: &Source, line: usize) -> Option<Span> {
    let span = source.line_span(line);
    let text = source.slice(span);
    let key = text.trim_start();
    let end = key.find(|c: char| !(c.is_alphanumeric() || "_[]', ".contains(c)))?;
    let rest = key[end..].strip_prefix(':')?;
    let at = span.start as usize + text.len() - key.len() + end;
    (end > 0 && rest.starts_with(|c: char| !c.is_whitespace())).then(|| Span::new(at, at + 1))
}

//! Mistakes of YAML itself.

use super::{mistake, shown};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use crate::yaml::{MAX_ALIASES, MAX_NESTING, MAX_NODES};

pub fn empty_file() -> Diagnostic {
    mistake("empty_file", Span::at(0), "the spec is empty")
        .help("a spec begins with `model: name`; `docs/spec-language.md` has examples")
}

pub fn not_a_spec(span: Span, found: &str) -> Diagnostic {
    let start = Span::at(span.start as usize);
    mistake("not_a_mapping", start, format!("a spec is a mapping of sections, found {found}"))
        .help("write `model: name` and the sections below each other, each with a colon")
}

pub fn second_document(span: Span) -> Diagnostic {
    mistake("second_document", span, "one file holds one spec")
        .label("a second document begins here")
        .help("move it to a file of its own")
}

pub fn tab(span: Span) -> Diagnostic {
    mistake("tab", span, "a tab cannot indent YAML")
        .label("a tab")
        .help("indent with spaces; most editors can convert tabs")
}

pub fn indentation(span: Span) -> Diagnostic {
    mistake("indentation", span, "this line does not fit the indentation around it").help(
        "entries of one mapping begin in the same column, and each one is `name:` followed by a \
         space and its value",
    )
}

pub fn deeper_than_above(span: Span) -> Diagnostic {
    mistake(
        "indentation",
        span,
        "this line is indented deeper than the entry above it, which has its value already",
    )
    .help("entries of one mapping begin in the same column")
}

pub fn space_after_colon(colon: Span) -> Diagnostic {
    mistake("space_after_colon", colon, "a space is missing after the colon").help("write `name: value`")
}

/// `a ? b : c`
pub fn question_mark(span: Span) -> Diagnostic {
    mistake("second_colon", span, "a value on one line cannot hold a second `: `")
        .help("a choice is written `where(c, a, b)`")
}

/// `mu ~ normal(0, 1)` above an entry with a colon.
pub fn missing_colon(span: Span, help: &str) -> Diagnostic {
    mistake("indentation", span, "this entry lacks the colon after its name").help(help)
}

/// `// text`
pub fn foreign_comment(span: Span) -> Diagnostic {
    mistake("indentation", span, "this line is neither an entry nor a comment")
        .help("a comment begins with `#`")
}

pub fn second_colon(span: Span) -> Diagnostic {
    mistake("second_colon", span, "a value on one line cannot hold a second `: `")
        .help("quote the value, or indent the mapping on lines of its own")
}

pub fn unclosed_bracket(open: Span, source: &Source) -> Diagnostic {
    let bracket = source.slice(open);
    mistake("unclosed_bracket", open, format!("`{bracket}` is never closed"))
        .label("opened here")
        .help("close it, or quote the value if it is an expression")
}

pub fn wrong_bracket(open: Span, close: char, source: &Source) -> Diagnostic {
    let bracket = source.slice(open);
    mistake("unclosed_bracket", open, format!("`{close}` does not close `{bracket}`")).label("opened here")
}

/// `{b[k]: ...}`: `name` is the part before the bracket, `key` the whole of it.
pub fn key_in_flow(name: Span, key: Span, source: &Source) -> Diagnostic {
    let (name_text, key_text) = (shown(source.slice(name)), shown(source.slice(key)));
    mistake("comma_ended_value", name, format!("the key `{name_text}` ends at the bracket that follows it"))
        .help(format!("inside `{{}}`, quote a key that holds brackets: `{{\"{key_text}\": ...}}`"))
}

pub fn bracket_in_flow(value: Span, source: &Source) -> Diagnostic {
    let text = shown(source.slice(value));
    mistake("comma_ended_value", value, format!("the value `{text}` ends at the bracket that follows it"))
        .help("inside `{}` and `[]`, quote a value that holds `, [ ] { }`")
}

pub fn comma_ended_value(piece: Span, whole: Span, source: &Source) -> Diagnostic {
    // A word processor's quotes do not quote.
    let text = shown(source.slice(whole).trim_matches(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']));
    mistake("comma_ended_value", piece, "the comma ended this YAML value; quote it")
        .label("its bracket is still open here")
        .help(format!("inside `{{}}` and `[]`, quote a value that holds `, [ ] {{ }}`: \"{text}\""))
}

pub fn text_after_bracket(value: Span, source: &Source) -> Diagnostic {
    let bracket: String = source.slice(value).chars().take(1).collect();
    mistake(
        "text_after_bracket",
        value,
        format!("a value that starts with `{bracket}` ends with its bracket"),
    )
    .label("more follows on this line")
    .help("quote the whole value if it is an expression")
}

pub fn text_after_quote(span: Span) -> Diagnostic {
    mistake("text_after_quote", span, "text follows the closing quote")
        .help("quote the whole value: \"a + b\"")
}

pub fn unclosed_quote(span: Span) -> Diagnostic {
    mistake("unclosed_quote", span, "this quote is never closed")
}

pub fn bad_escape(span: Span) -> Diagnostic {
    mistake("bad_escape", span, "unknown escape in a double-quoted value")
        .help("write `\\\\` for a backslash, or use single quotes")
}

/// A value that begins with a character of YAML's own.
pub fn reserved_start(span: Span, source: &Source) -> Diagnostic {
    let first: String = source.slice(span).chars().take(1).collect();
    let means = match first.as_str() {
        "*" => "YAML reads it as a reference to an anchor",
        "&" => "YAML reads it as the name of an anchor",
        "!" => "YAML reads it as a tag",
        "|" | ">" => "YAML reads it as the start of a text block",
        "%" => "YAML reads it as a directive",
        _ => "YAML keeps it for itself",
    };
    mistake(
        "reserved_start",
        span,
        match first.as_str() {
            "`" => "a value cannot start with a backtick".to_string(),
            first => format!("a value cannot start with `{first}`"),
        },
    )
    .label(means)
    .help("quote the value")
}

pub fn tag(span: Span, source: &Source) -> Diagnostic {
    reserved_start(span, source)
}

pub fn alias_inside_itself(span: Span) -> Diagnostic {
    mistake("alias_inside_itself", span, "this alias stands inside the value that it repeats")
}

pub fn complex_key(span: Span, found: &str) -> Diagnostic {
    mistake("complex_key", span, format!("a key is a name, found {found}"))
        .help("quote the value if it is an expression")
}

pub fn duplicate_key(key: &str, again: Span, first: Span) -> Diagnostic {
    let key = shown(key);
    mistake("duplicate_key", again, format!("the key `{key}` stands here twice"))
        .label("again")
        .also(first, "first here")
        .help("keep one of them, or give them different names")
}

pub fn too_deep(span: Span) -> Diagnostic {
    mistake("too_deep", span, format!("more than {MAX_NESTING} mappings and lists inside each other"))
}

pub fn too_many_nodes(span: Span) -> Diagnostic {
    mistake("too_many_nodes", span, format!("the spec holds more than {MAX_NODES} values"))
        .help("keep data in CSV or Parquet files and name them under `data:`")
}

pub fn too_many_aliases(span: Span) -> Diagnostic {
    mistake("too_many_aliases", span, format!("the spec uses more than {MAX_ALIASES} aliases"))
}

pub fn yaml_syntax(span: Span, what: &str) -> Diagnostic {
    mistake("yaml_syntax", span, format!("this is not YAML: {what}"))
}

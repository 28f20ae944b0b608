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

// ---- YAML ----------------------------------------------------------------------------------

pub(crate) fn empty_file() -> Diagnostic {
    mistake("empty_file", Span::at(0), "the spec is empty")
        .help("a spec begins with `model: name`; `docs/spec-language.md` has examples")
}

pub(crate) fn not_a_spec(span: Span, found: &str) -> Diagnostic {
    let start = Span::at(span.start as usize);
    mistake("not_a_mapping", start, format!("a spec is a mapping of sections, found {found}"))
        .help("write `model: name` and the sections below each other, each with a colon")
}

pub(crate) fn second_document(span: Span) -> Diagnostic {
    mistake("second_document", span, "one file holds one spec")
        .label("a second document begins here")
        .help("move it to a file of its own")
}

pub(crate) fn tab(span: Span) -> Diagnostic {
    mistake("tab", span, "a tab cannot indent YAML")
        .label("a tab")
        .help("indent with spaces; most editors can convert tabs")
}

pub(crate) fn indentation(span: Span) -> Diagnostic {
    mistake("indentation", span, "this line does not fit the indentation around it").help(
        "entries of one mapping begin in the same column, and each one is `name:` followed by a \
         space and its value",
    )
}

pub(crate) fn deeper_than_above(span: Span) -> Diagnostic {
    mistake(
        "indentation",
        span,
        "this line is indented deeper than the entry above it, which has its value already",
    )
    .help("entries of one mapping begin in the same column")
}

pub(crate) fn space_after_colon(colon: Span) -> Diagnostic {
    mistake("space_after_colon", colon, "a space is missing after the colon").help("write `name: value`")
}

pub(crate) fn second_colon(span: Span) -> Diagnostic {
    mistake("second_colon", span, "a value on one line cannot hold a second `: `")
        .help("quote the value, or indent the mapping on lines of its own")
}

pub(crate) fn unclosed_bracket(open: Span, source: &Source) -> Diagnostic {
    let bracket = source.slice(open);
    mistake("unclosed_bracket", open, format!("`{bracket}` is never closed"))
        .label("opened here")
        .help("close it, or quote the value if it is an expression")
}

pub(crate) fn wrong_bracket(open: Span, close: char, source: &Source) -> Diagnostic {
    let bracket = source.slice(open);
    mistake("unclosed_bracket", open, format!("`{close}` does not close `{bracket}`")).label("opened here")
}

pub(crate) fn bracket_in_flow(value: Span, source: &Source) -> Diagnostic {
    let text = shown(source.slice(value));
    mistake("comma_ended_value", value, format!("the value `{text}` ends at the bracket that follows it"))
        .help("inside `{}` and `[]`, quote a value that holds `, [ ] { }`")
}

pub(crate) fn comma_ended_value(piece: Span, whole: Span, source: &Source) -> Diagnostic {
    let text = shown(source.slice(whole));
    mistake("comma_ended_value", piece, "the comma ended this YAML value; quote it")
        .label("its bracket is still open here")
        .help(format!("inside `{{}}` and `[]`, quote a value that holds `, [ ] {{ }}`: \"{text}\""))
}

pub(crate) fn text_after_bracket(value: Span, source: &Source) -> Diagnostic {
    let bracket: String = source.slice(value).chars().take(1).collect();
    mistake(
        "text_after_bracket",
        value,
        format!("a value that starts with `{bracket}` ends with its bracket"),
    )
    .label("more follows on this line")
    .help("quote the whole value if it is an expression")
}

pub(crate) fn text_after_quote(span: Span) -> Diagnostic {
    mistake("text_after_quote", span, "text follows the closing quote")
        .help("quote the whole value: \"a + b\"")
}

pub(crate) fn unclosed_quote(span: Span) -> Diagnostic {
    mistake("unclosed_quote", span, "this quote is never closed")
}

pub(crate) fn bad_escape(span: Span) -> Diagnostic {
    mistake("bad_escape", span, "unknown escape in a double-quoted value")
        .help("write `\\\\` for a backslash, or use single quotes")
}

/// A value that begins with a character of YAML's own.
pub(crate) fn reserved_start(span: Span, source: &Source) -> Diagnostic {
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

pub(crate) fn tag(span: Span, source: &Source) -> Diagnostic {
    reserved_start(span, source)
}

pub(crate) fn alias_inside_itself(span: Span) -> Diagnostic {
    mistake("alias_inside_itself", span, "this alias stands inside the value that it repeats")
}

pub(crate) fn complex_key(span: Span, found: &str) -> Diagnostic {
    mistake("complex_key", span, format!("a key is a name, found {found}"))
        .help("quote the value if it is an expression")
}

pub(crate) fn duplicate_key(key: &str, again: Span, first: Span) -> Diagnostic {
    let key = shown(key);
    mistake("duplicate_key", again, format!("the key `{key}` stands here twice"))
        .label("again")
        .also(first, "first here")
        .help("keep one of them, or give them different names")
}

pub(crate) fn too_deep(span: Span) -> Diagnostic {
    mistake("too_deep", span, format!("more than {MAX_NESTING} mappings and lists inside each other"))
}

pub(crate) fn too_many_nodes(span: Span) -> Diagnostic {
    mistake("too_many_nodes", span, format!("the spec holds more than {MAX_NODES} values"))
        .help("keep data in CSV or Parquet files and name them under `data:`")
}

pub(crate) fn too_many_aliases(span: Span) -> Diagnostic {
    mistake("too_many_aliases", span, format!("the spec uses more than {MAX_ALIASES} aliases"))
}

pub(crate) fn yaml_syntax(span: Span, what: &str) -> Diagnostic {
    mistake("yaml_syntax", span, format!("this is not YAML: {what}"))
}

// ---- keys and shapes -----------------------------------------------------------------------

pub(crate) fn unknown_key(key: &str, span: Span, block: &str, candidates: &[&str]) -> Diagnostic {
    let text = shown(key);
    let message = format!("unknown key `{text}` in {block}");
    suggest(mistake("unknown_key", span, message), key, candidates)
}

/// A word of the language that this version does not understand yet.
pub(crate) fn later_version(span: Span, what: &str) -> Diagnostic {
    mistake("later_version", span, format!("{what} is not part of this version yet"))
}

pub(crate) fn missing_key(key: &str, block: &str, span: Span) -> Diagnostic {
    mistake("missing_key", span, format!("`{key}:` is missing in {block}")).label(format!("needs `{key}:`"))
}

pub(crate) fn missing_model(span: Span) -> Diagnostic {
    mistake("missing_key", span, "`model:` is missing in a spec")
        .help("add `model: name`; results are written to `runs/name`")
}

pub(crate) fn row_dimension_missing(table: &Ident) -> Diagnostic {
    mistake("missing_key", table.span, format!("the table `{}` does not say what its rows are", table.name))
        .help("add `rows: name` to name the rows, or `key: column` if a column labels each row uniquely")
}

pub(crate) fn rows_and_key(key: Span, rows: Span) -> Diagnostic {
    mistake("rows_and_key", key, "a table has `rows:` or `key:`, not both")
        .also(rows, "the rows are named here")
        .help("keep `key:` if its column is unique, else `rows:`; other columns can index anyway")
}

pub(crate) fn wrong_shape(span: Span, slot: &str, expected: &str, found: &str) -> Diagnostic {
    let message = match found {
        "nothing" => format!("{slot} is empty; expected {expected}"),
        found => format!("{slot} is {expected}, found {found}"),
    };
    mistake("wrong_shape", span, message)
}

pub(crate) fn not_a_name(span: Span, slot: &str, found: &str) -> Diagnostic {
    let found = shown(found);
    mistake("not_a_name", span, format!("{slot} is a name, found `{found}`")).help(
        "names are letters, digits and `_` and do not begin with a digit; `columns:` of a table \
         renames its columns",
    )
}

pub(crate) fn not_a_model_name(span: Span, found: &str) -> Diagnostic {
    let found = shown(found);
    mistake("not_a_name", span, format!("`model:` is a name, found `{found}`"))
        .help("use at most 200 letters, digits, `_` and `-`: it names the folder of the results")
}

pub(crate) fn unknown_choice(span: Span, slot: &str, found: &str, candidates: &[&str]) -> Diagnostic {
    let text = shown(found);
    let message = format!("unknown value `{text}` of `{slot}:`");
    suggest(mistake("unknown_choice", span, message), found, candidates)
}

pub(crate) fn not_a_number(span: Span, slot: &str) -> Diagnostic {
    mistake("not_a_number", span, format!("`{slot}:` is a number"))
        .label("this has no value by itself")
        .help("write a number such as `1e-8`, or arithmetic on numbers")
}

pub(crate) fn number_out_of_range(span: Span, slot: &str, expected: &str) -> Diagnostic {
    mistake("number_out_of_range", span, format!("`{slot}:` is {expected}"))
}

pub(crate) fn law_expected(span: Span, slot: &str, found: &str) -> Diagnostic {
    let found = shown(found);
    mistake("law_expected", span, format!("{slot} is a distribution, found `{found}`"))
        .help("write a distribution such as `normal(0, 1)`; what is computed stands in `let:`")
}

pub(crate) fn duplicate_name(name: &Ident, first: Span) -> Diagnostic {
    mistake("duplicate_name", name.span, format!("`{}` names two things", name.name))
        .label("again")
        .also(first, "first here")
        .help("give one of them another name")
}

pub(crate) fn duplicate_label(label: &str, again: Span, first: Span) -> Diagnostic {
    let label = shown(label);
    mistake("duplicate_label", again, format!("`{label}` stands in this list twice"))
        .label("again")
        .also(first, "first here")
}

pub(crate) fn low_rank_needs_rank(span: Span) -> Diagnostic {
    mistake("unknown_choice", span, "`low_rank` needs its rank").help("write `low_rank(8)`")
}

/// A name that nothing declares; `kind` says what was looked for ("name", "dimension", "column",
/// "function", "distribution").
pub fn unknown_name(span: Span, kind: &str, name: &str, candidates: &[&str]) -> Diagnostic {
    let text = shown(name);
    let message = format!("unknown {kind} `{text}`");
    suggest(mistake("unknown_name", span, message), name, candidates)
}

// ---- expressions ---------------------------------------------------------------------------

pub(crate) fn empty_expression(span: Span) -> Diagnostic {
    mistake("empty_expression", span, "an expression is missing here")
}

pub(crate) fn expected_value(span: Span, found: &str) -> Diagnostic {
    mistake("expected_value", span, format!("expected a number, a name or a bracket, found {found}"))
}

pub(crate) fn missing_operand(span: Span, op: &str, op_span: Span, found: &str) -> Diagnostic {
    mistake("missing_operand", span, format!("`{op}` needs a value on its right, found {found}"))
        .also(op_span, "for this operator")
}

pub(crate) fn missing_operator(span: Span, found: &str) -> Diagnostic {
    mistake("missing_operator", span, format!("expected an operator or the end, found {found}"))
        .label("an operator is missing before this")
        .help("a product is written with `*`")
}

pub(crate) fn missing_argument(span: Span, after: Span) -> Diagnostic {
    mistake("missing_argument", span, "an argument is missing here").also(after, "after this")
}

pub(crate) fn stray_comma(span: Span) -> Diagnostic {
    mistake("stray_comma", span, "a comma stands only between arguments, indices and list items")
        .help("write a list in square brackets: `[1, 2]`")
}

pub(crate) fn stray_close(span: Span, close: char) -> Diagnostic {
    mistake("stray_bracket", span, format!("`{close}` closes nothing"))
}

pub(crate) fn mismatched_close(span: Span, found: char, open: Span, wanted: char) -> Diagnostic {
    mistake("stray_bracket", span, format!("expected `{wanted}`, found `{found}`")).also(open, "opened here")
}

pub(crate) fn unclosed(open: Span, bracket: char, close: char, end: Span) -> Diagnostic {
    let mistake =
        mistake("unclosed_bracket", open, format!("`{bracket}` is never closed")).label("opened here");
    mistake.also(end, format!("expected `{close}` by here"))
}

pub(crate) fn unclosed_text(span: Span, quote: char) -> Diagnostic {
    mistake("unclosed_quote", span, format!("the quote {quote} is never closed"))
}

pub(crate) fn empty_brackets(span: Span) -> Diagnostic {
    mistake("empty_expression", span, "there is nothing in these brackets")
}

pub(crate) fn empty_index(span: Span) -> Diagnostic {
    mistake("empty_expression", span, "there is no index in these brackets")
        .help("write a column, `alpha[county]`, or one element, `theta[i=2]`")
}

pub(crate) fn single_equals(span: Span) -> Diagnostic {
    mistake("single_equals", span, "a single `=` only names an argument or a dimension")
        .help("to compare, write `==`")
}

pub(crate) fn foreign_operator(span: Span, found: &str, instead: &str) -> Diagnostic {
    let mistake =
        mistake("foreign_operator", span, format!("`{}` is not part of an expression", found.escape_debug()));
    match instead {
        "" => mistake,
        instead => mistake.help(format!("use `{instead}`")),
    }
}

pub(crate) fn query_only(span: Span, found: &str) -> Diagnostic {
    mistake("query_only", span, format!("{found} belongs to `queries:`, not to an expression"))
}

/// `number` is followed by something glued to it; its first `valid` bytes are a number.
pub(crate) fn malformed_number(span: Span, number: &str, valid: usize) -> Diagnostic {
    let text = shown(number);
    let mistake = mistake("malformed_number", span, format!("`{text}` is not a number"));
    let rest = &number[valid..];
    let plain = number.replace('_', "");
    if plain != number && plain.parse::<f64>().is_ok() {
        return mistake.help(format!("write `{plain}`"));
    }
    if rest.is_empty() {
        let plain = number.trim_start_matches('0');
        let zero = if plain.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
        return mistake.help(format!("write `{zero}{plain}`, or quote it if it is a label"));
    }
    if rest.starts_with(|c: char| c.is_alphabetic()) && !number.starts_with("0x") {
        return mistake.help(format!("a product is written `{} * {rest}`", &number[..valid]));
    }
    mistake
}

pub(crate) fn number_too_large(span: Span, number: &str) -> Diagnostic {
    let text = shown(number);
    mistake("number_out_of_range", span, format!("`{text}` is larger than any 64-bit float"))
        .help("for no bound at all, leave the argument out")
}

pub(crate) fn chained_comparison(span: Span, left: Span) -> Diagnostic {
    mistake("chained_comparison", span, "comparisons do not chain")
        .also(left, "this is 0 or 1 already")
        .help("write `a < b and b < c`")
}

pub(crate) fn bracket_not(span: Span) -> Diagnostic {
    mistake("bracket_not", span, "`not` binds less tightly than what stands before it")
        .help("put it into brackets: `a == (not b)`")
}

pub(crate) fn not_callable(open: Span, base: Span) -> Diagnostic {
    mistake("not_callable", open, "only a function's name can be followed by `(`")
        .also(base, "this is no name of a function")
        .help("a product is written with `*`")
}

pub(crate) fn repeated_argument(again: &Ident, first: Span) -> Diagnostic {
    mistake("repeated_argument", again.span, format!("the argument `{}` is given twice", again.name))
        .label("again")
        .also(first, "first here")
}

pub(crate) fn positional_after_named(span: Span, named: &Ident) -> Diagnostic {
    mistake("positional_after_named", span, "an argument without a name follows one with a name")
        .also(named.span, "the first with a name")
        .help("put the arguments without names first, or name this one too")
}

pub(crate) fn repeated_dimension(again: &DimName, first: Span) -> Diagnostic {
    let mistake =
        mistake("repeated_dimension", again.span, format!("the dimension `{again}` stands here twice"));
    mistake.also(first, "first here").help(format!("the second copy of a dimension is `{again}'`"))
}

pub(crate) fn not_a_declaration(span: Span, found: String) -> Diagnostic {
    mistake(
        "not_a_declaration",
        span,
        format!("the left of a colon is a name, with dimensions in brackets; found {found}"),
    )
    .help("write `theta` or `theta[school]`")
}

pub(crate) fn expected_name(span: Span, expected: &str, found: &str) -> Diagnostic {
    mistake("expected_name", span, format!("expected {expected}, found {found}"))
}

pub(crate) fn unexpected_prime(span: Span, name: &str) -> Diagnostic {
    mistake("unexpected_prime", span, format!("only a dimension can carry a prime, not `{name}`"))
}

pub(crate) fn expression_too_deep(span: Span) -> Diagnostic {
    mistake("expression_too_deep", span, "this expression is nested too deeply")
        .help("give a part of it a name in `let:`")
}

pub(crate) fn expression_too_long(span: Span) -> Diagnostic {
    mistake("expression_too_long", span, "this expression is too long")
        .help("give parts of it names in `let:`; data belong into tables")
}

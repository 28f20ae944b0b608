//! Mistakes of keys and shapes: what may stand where.

use super::{alternatives_of, habits, mistake, shown, suggest};
use crate::diagnostic::Diagnostic;
use crate::expr::Ident;
use crate::source::Span;

pub fn unknown_key(key: &str, span: Span, block: &str, candidates: &[&str]) -> Diagnostic {
    let text = shown(key);
    let message = format!("unknown key `{text}` in {block}");
    let d = mistake("unknown_key", span, message);
    match habits::key(block, key) {
        Some(help) => d.help(help),
        None => suggest(d, key, candidates),
    }
}

pub fn missing_key(key: &str, block: &str, span: Span) -> Diagnostic {
    mistake("missing_key", span, format!("`{key}:` is missing in {block}")).label(format!("needs `{key}:`"))
}

pub fn missing_model(span: Span) -> Diagnostic {
    mistake("missing_key", span, "`model:` is missing in a spec")
        .help("add `model: name`; results are written to `runs/name`")
}

pub fn row_dimension_missing(table: &Ident) -> Diagnostic {
    mistake("missing_key", table.span, format!("the table `{}` does not say what its rows are", table.name))
        .help("add `rows: name` to name the rows, or `key: column` if a column labels each row uniquely")
}

pub fn rows_and_key(key: Span, rows: Span) -> Diagnostic {
    mistake("rows_and_key", key, "a table has `rows:` or `key:`, not both")
        .also(rows, "the rows are named here")
        .help("keep `key:` if its column is unique, else `rows:`; other columns can index anyway")
}

pub fn wrong_shape(span: Span, slot: &str, expected: &str, found: &str) -> Diagnostic {
    let message = match found {
        "nothing" => format!("{slot} is empty; expected {expected}"),
        found => format!("{slot} is {expected}, found {found}"),
    };
    mistake("wrong_shape", span, message)
}

/// A single value where entries belong; `line` is its first line.
pub fn entries_expected(span: Span, slot: &str, expected: &str, line: &str) -> Diagnostic {
    let d = wrong_shape(span, slot, expected, "a single value");
    match habits::entry(line) {
        Some(help) => d.help(help),
        None if line.starts_with(['"', '\'']) => {
            d.help("leave out the quotes, and write each entry on a line of its own below")
        }
        None if slot == "`data:`" => {
            d.help(format!("write `data: {{name: {{file: {}, rows: row}}}}`", shown(line)))
        }
        None => d.help("entries stand on lines of their own below, each with its name and a colon"),
    }
}

/// A list where entries belong.
pub fn entries_listed(span: Span, slot: &str, expected: &str) -> Diagnostic {
    wrong_shape(span, slot, expected, "a list").help("leave out the dashes: entries have names")
}

pub fn law_missing(span: Span, slot: &str) -> Diagnostic {
    wrong_shape(span, slot, "a distribution", "nothing").help("write one, such as `normal(0, 1)`")
}

pub fn table_expected(span: Span, table: &str, path: &str) -> Diagnostic {
    let slot = format!("the table `{}`", shown(table));
    wrong_shape(span, &slot, "a mapping with its file and its rows", "a single value").help(format!(
        "write `{}: {{file: {}, rows: row}}`",
        shown(table),
        shown(path)
    ))
}

pub fn model_block(span: Span) -> Diagnostic {
    mistake("wrong_shape", span, "`model:` is a name, found a mapping")
        .help("it names the results; unknowns stand in `latent:`, columns with their laws in `observe:`")
}

pub fn not_a_name(span: Span, slot: &str, found: &str) -> Diagnostic {
    let found = shown(found);
    mistake("not_a_name", span, format!("{slot} is a name, found `{found}`")).help(
        "names are letters, digits and `_` and do not begin with a digit; `columns:` of a table \
         renames its columns",
    )
}

pub fn not_a_model_name(span: Span, found: &str) -> Diagnostic {
    let found = shown(found);
    mistake("not_a_name", span, format!("`model:` is a name, found `{found}`"))
        .help("use at most 200 letters, digits, `_` and `-`: it names the folder of the results")
}

pub fn unknown_choice(span: Span, slot: &str, found: &str, candidates: &[&str]) -> Diagnostic {
    let text = shown(found);
    let message = format!("unknown value `{text}` of `{slot}:`");
    suggest(mistake("unknown_choice", span, message), found, candidates)
}

pub fn not_a_number(span: Span, slot: &str) -> Diagnostic {
    mistake("not_a_number", span, format!("`{slot}:` is a number"))
        .label("this has no value by itself")
        .help("write a number such as `1e-8`, or arithmetic on numbers")
}

pub fn number_out_of_range(span: Span, slot: &str, expected: &str) -> Diagnostic {
    mistake("number_out_of_range", span, format!("`{slot}:` is {expected}"))
}

pub fn law_expected(span: Span, slot: &str, found: &str) -> Diagnostic {
    let found = shown(found);
    mistake("law_expected", span, format!("{slot} is a distribution, found `{found}`"))
        .help("write a distribution such as `normal(0, 1)`; what is computed stands in `let:`")
}

pub fn duplicate_label(label: &str, again: Span, first: Span) -> Diagnostic {
    let label = shown(label);
    mistake("duplicate_label", again, format!("`{label}` stands in this list twice"))
        .label("again")
        .also(first, "first here")
}

/// Two choices of `inference:` that cannot both be honoured.
pub fn choices_exclude(choice: Span, message: String, other: Option<Span>, help: &str) -> Diagnostic {
    let d = mistake("choices_exclude", choice, message).help(help);
    match other {
        Some(other) => d.also(other, "chosen here"),
        None => d,
    }
}

/// `minibatch:` of several tables.
pub fn one_minibatch(span: Span) -> Diagnostic {
    mistake("one_minibatch", span, "a minibatch is of the rows of one table")
}

/// `minibatch: {row: 100}` where `row` is not the rows of a table.
pub fn minibatch_rows(span: Span, name: &str, rows: &[String]) -> Diagnostic {
    suggest(mistake("minibatch_rows", span, format!("`{name}` is not the rows of a table")), name, rows)
}

/// `minibatch: 100`, which does not say of what.
pub fn minibatch_of_what(span: Span, rows: &str, size: u64) -> Diagnostic {
    wrong_shape(span, "`minibatch:`", "a mapping `rows: how many`", "a single value")
        .help(format!("write `minibatch: {{{rows}: {size}}}`"))
}

/// A key of `inference:` that stands there in vain.
pub fn unused_key(span: Span, key: &str, method: &str) -> Diagnostic {
    let d = mistake("unused_key", span, format!("`{key}:` is not used by `method: {method}`"));
    match key {
        "draws" => d.help("leave it out; how many draws the answer has is `posterior_draws:`"),
        _ => d.help("leave it out"),
    }
    .warning()
}

/// Where the rows of a table do not come in batches.
pub fn not_in_batches(span: Span, why: &str, place: Option<Span>) -> Diagnostic {
    let d = mistake("not_in_batches", span, format!("these rows cannot be seen in batches: {why}"));
    let d = d.help(
        "leave `minibatch:` out: rows are streamed, so that memory does not grow with draws times rows",
    );
    match place {
        Some(place) => d.also(place, "here"),
        None => d,
    }
}

/// A number in the brackets of a family that has none; `others` are examples of those that have one.
pub fn family_takes_no_number(span: Span, family: &str, others: &[String]) -> Diagnostic {
    let help = format!("write `{family}`, or a family with a number: {}", alternatives_of(others));
    mistake("family_takes_no_number", span, format!("`{family}` takes no number")).help(help)
}

/// `mixture(0)`; `number` is what stands in the brackets, `range` what it may be.
pub fn family_number(span: Span, family: &str, number: &str, range: &str) -> Diagnostic {
    let message = format!("`{family}` takes {number}, a whole number {range}");
    mistake("number_out_of_range", span, message)
}

/// A family that is written as a call; `number` is what stands in its brackets.
pub fn family_needs_number(span: Span, family: &str, number: &str, example: u64) -> Diagnostic {
    let help = format!("write `{family}({example})`");
    mistake("unknown_choice", span, format!("`{family}` needs {number}")).help(help)
}

/// Two choices that exclude each other, each as it is written; `why` names what to take instead.
pub fn exclude_each_other(first: (Span, &str), second: (Span, &str), why: &str) -> Diagnostic {
    let message = format!("`{}` cannot go with `{}`", first.1, second.1);
    mistake("exclude_each_other", first.0, message).also(second.0, "with this").help(why)
}

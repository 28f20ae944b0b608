//! Mistakes of keys and shapes: what may stand where.

use super::{mistake, shown, suggest};
use crate::diagnostic::Diagnostic;
use crate::expr::Ident;
use crate::source::Span;

pub fn unknown_key(key: &str, span: Span, block: &str, candidates: &[&str]) -> Diagnostic {
    let text = shown(key);
    let message = format!("unknown key `{text}` in {block}");
    suggest(mistake("unknown_key", span, message), key, candidates)
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

pub fn low_rank_needs_rank(span: Span) -> Diagnostic {
    mistake("unknown_choice", span, "`low_rank` needs its rank").help("write `low_rank(8)`")
}

//! Mistakes in tables and their columns.

use distributions::Fault;
use model::{DataError, Support};

use model::rounded;

use super::{mistake, over, suggest};
use crate::diagnostic::Diagnostic;
use crate::expr::Ident;
use crate::source::Span;

pub fn data_file(span: Span, error: &DataError) -> Diagnostic {
    let d = mistake("data_file", span, error.message.clone());
    match &error.help {
        Some(help) => d.help(help.clone()),
        None => d,
    }
}

pub fn no_rows(span: Span, file: &str) -> Diagnostic {
    mistake("no_rows", span, format!("`{file}` has no rows"))
}

pub fn no_row_counts(span: Span, name: &str) -> Diagnostic {
    mistake("no_rows", span, format!("no row counts in the likelihood of `{name}`"))
        .label("has no effect")
        .help("`where:` holds for no row, or `missing: drop` leaves every row out")
}

pub fn no_column(span: Span, name: &str, table: &str, columns: &[String]) -> Diagnostic {
    let d = mistake("unknown_column", span, format!("`{table}` has no column `{name}`"));
    suggest(d.label("no such column"), name, columns)
}

pub fn empty_glob(span: Span, glob: &str, table: &str, columns: &[String]) -> Diagnostic {
    let shown: Vec<&str> = columns.iter().take(12).map(String::as_str).collect();
    mistake("empty_glob", span, format!("no column of `{table}` matches `{glob}`"))
        .help(format!("its columns are {}", shown.join(", ")))
}

pub fn renamed_onto(new: &Ident, table: &str) -> Diagnostic {
    mistake("name_twice", new.span, format!("`{table}` already has a column `{}`", new.name)).label("taken")
}

pub fn renamed_twice(new: &Ident, column: &str, first: &Ident) -> Diagnostic {
    mistake("name_twice", new.span, format!("column `{column}` gets two names"))
        .label("again")
        .also(first.span, "first here")
        .help(format!("use `{}` in both places", first.name))
}

pub fn null(span: Span, column: &str, table: &str, place: &str, count: usize) -> Diagnostic {
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    mistake("null", span, format!("column `{column}` of `{table}` has no value in {place}{more}"))
        .label("used here")
        .help(format!(
            "complete the data, or leave such rows out with `missing: {{{column}: drop}}` in `{table}:`"
        ))
}

/// A null of a column that may also be inferred.
pub fn null_number(span: Span, column: &str, table: &str, place: &str, count: usize) -> Diagnostic {
    null(span, column, table, place, count).help(format!(
        "complete the data, or say in `{table}:` what becomes of such rows: `missing: {{{column}: drop}}` \
         leaves them out, `missing: {{{column}: impute}}` infers the values under the law that `observe:` \
         gives `{column}`"
    ))
}

/// A null where leaving out the row makes no sense.
pub fn null_here(span: Span, column: &str, table: &str, place: &str, why: &str) -> Diagnostic {
    mistake("null", span, format!("column `{column}` of `{table}` has no value in {place}"))
        .label(why)
        .help("`missing: drop` leaves rows out of likelihoods only; complete the data")
}

/// A null among the rows that a law speaks of together.
pub fn null_in_vector(
    span: Span,
    law: &str,
    (column, table): (&str, &str),
    place: &str,
    rows: &str,
) -> Diagnostic {
    mistake("null", span, format!("column `{column}` of `{table}` has no value in {place}"))
        .label(format!("`{law}` is the law of all rows `{rows}` together"))
        .help(
            "leave such rows out of the file; `fit predict` predicts rows without a value, given the others",
        )
}

pub fn not_finite(span: Span, column: &str, place: &str, found: f64) -> Diagnostic {
    mistake("not_finite", span, format!("column `{column}` is {found} in {place}")).label("used here")
}

pub fn text_column(span: Span, column: &str, example: Option<(String, String)>, mostly: bool) -> Diagnostic {
    // Where decimals have commas.
    let decimal = example.as_ref().map(|(_, text)| text.trim().replacen(',', ".", 1));
    let decimal = decimal.filter(|text| text.contains('.') && text.parse::<f64>().is_ok());
    let at = example.map_or(String::new(), |(place, text)| format!(": {place} holds `{text}`"));
    let d = mistake("text_column", span, format!("column `{column}` is not numbers{at}"))
        .label("a number is needed here");
    if let Some(text) = decimal {
        d.help(format!("decimals are written with a point: `{text}`"))
    } else if mostly {
        d.help("correct the cell, or leave it empty and say what a null means with `missing:`")
    } else {
        d.help(format!("a text column can look values up: `alpha[{column}]`"))
    }
}

pub fn not_labels(span: Span, column: &str, kind: &str) -> Diagnostic {
    mistake("not_labels", span, format!("column `{column}` holds {kind} numbers and cannot be an index"))
        .help("an index is a text or integer column")
}

pub fn no_levels(span: Span, dim: &str) -> Diagnostic {
    mistake("no_rows", span, format!("no column that `{dim}` takes its levels from has a value"))
}

pub fn rows_are_levels(rows: &Ident, table: &str, levels: usize) -> Diagnostic {
    let name = &rows.name;
    let message = format!("`{name}` is a column of `{table}` with {levels} levels, not the name of its rows");
    mistake("name_twice", rows.span, message)
        .label("every row would be a level of its own")
        .help(format!("give the rows another name; `x[{name}]` then varies over the levels of the column"))
}

pub fn key_twice(key: &Ident, label: &str, first: &str, again: &str) -> Diagnostic {
    let message = format!("`{}` is not unique: `{label}` is in {first} and {again}", key.name);
    mistake("key_twice", key.span, message)
        .label("the key")
        .help("a key labels each row once; use `rows:` for rows without labels")
}

pub fn level_missing(span: Span, dim: &str, level: &str) -> Diagnostic {
    mistake("level_missing", span, format!("`levels:` of `{dim}` leaves out `{level}`, which the data have"))
        .help("list every level of the data, in the order you want")
}

/// `levels:` of a dimension whose elements are in order already.
pub fn levels_fixed(dim: &Ident) -> Diagnostic {
    mistake("levels_fixed", dim.span, format!("the elements of `{}` have their order already", dim.name))
        .label("a table's rows, a stack's columns or an entry of `dims:`")
        .help("`levels:` orders a dimension that takes its levels from columns")
}

pub fn levels_twice(dim: &Ident, first: Span) -> Diagnostic {
    mistake("name_twice", dim.span, format!("two tables say `levels:` of `{}`", dim.name))
        .label("again")
        .also(first, "first here")
        .help("levels of one name are shared by all tables; keep one list")
}

pub fn no_such_level(span: Span, level: &str, dim: &str, labels: &[String]) -> Diagnostic {
    let d = mistake("unknown_level", span, format!("`{level}` is no level of `{dim}`"));
    suggest(d.label("never the case"), level, labels)
}

pub fn unknown_level(
    span: Span,
    column: &str,
    place: &str,
    label: &str,
    dim: &str,
    labels: &[String],
) -> Diagnostic {
    let message = format!("`{label}` in {place} of column `{column}` is no level of `{dim}`");
    suggest(mistake("unknown_level", span, message), label, labels)
}

pub fn stack_dim(dim: &Ident, has: usize, stacked: usize) -> Diagnostic {
    let message = format!(
        "dimension `{}` is known with other labels ({has} elements, here {stacked} columns)",
        dim.name
    );
    mistake("dim_twice", dim.span, message).help("give the stack's dimension a name of its own")
}

pub fn unsupported_outcome(
    span: Span,
    column: &str,
    place: &str,
    found: f64,
    law: &str,
    support: Support,
    atom: Option<f64>,
) -> Diagnostic {
    let atom = atom.map_or(String::new(), |atom| format!("{atom} or "));
    mistake("outside_support", span, format!("`{column}` is {found} in {place}, which {law} cannot produce"))
        .label(match support.contains(found) {
            true => format!("{law} gives {atom}{support}, but not this end"),
            false => format!("{law} gives {atom}{support}"),
        })
        .help("check the data and the choice of the law")
}

/// As [`unsupported_outcome`], of a vector or a matrix.
pub fn unsupported_value(
    span: Span,
    name: &str,
    place: &str,
    found: &[f64],
    law: &str,
    support: Support,
) -> Diagnostic {
    const SHOWN: usize = 6;
    let mut shown: Vec<String> = found.iter().take(SHOWN).map(|&x| rounded(x)).collect();
    if found.len() > SHOWN {
        shown.push("...".into());
    }
    let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
    let message = format!("`{name}` is [{}]{place}, which {law} cannot produce", shown.join(", "));
    let alone = found.iter().find(|&&x| !support.contains(x));
    let label = match (alone, support) {
        (Some(x), _) => format!("{law} gives {support}, not {x}"),
        (None, Support::Simplex | Support::Integers { .. }) => {
            format!("their sum is {}", rounded(found.iter().sum()))
        }
        (None, Support::CholeskyCorrelation) => match distributions::Domain::CholeskyFactor.fault(found) {
            Some(Fault::Above { row, col, found }) => {
                format!("{} above the diagonal, in row {}, column {}", rounded(found), row + 1, col + 1)
            }
            Some(Fault::Diagonal { row, found }) => {
                format!("{} on the diagonal, in row {}", rounded(found), row + 1)
            }
            _ => "the squares of each row sum to 1".to_string(),
        },
        _ => format!("{law} gives {support}"),
    };
    mistake("outside_support", span, message).label(label).help("check the data and the choice of the law")
}

pub fn observed_dims(span: Span, name: &str, has: &str) -> Diagnostic {
    mistake("wrong_dimension", span, format!("`{name}` {}", over(has)))
        .label("declared otherwise")
        .help("leave the brackets away: data vary over what they do")
}

//! Names that nothing defines, or more than one thing.

use super::{alternatives, mistake, shown, suggest};
use crate::diagnostic::Diagnostic;
use crate::expr::Ident;
use crate::nearest::nearest;
use crate::source::Span;

pub fn name_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    mistake("name_twice", span, format!("`{name}` is defined twice"))
        .label("again")
        .also(first, "first here")
        .help("give one of them another name")
}

pub fn name_is_column(span: Span, name: &str, table: &str, at: Span) -> Diagnostic {
    mistake("name_twice", span, format!("`{name}` is also a column of `{table}`"))
        .label("defined here")
        .also(at, "the table")
        .help(format!(
            "if it is the data's law, write it in `observe:`; else use another name, or rename the column: \
             `columns: {{new_name: \"{name}\"}}`"
        ))
}

/// Columns of `posterior.parquet` that every run has.
pub fn reserved_name(span: Span, name: &str) -> Diagnostic {
    mistake("reserved_name", span, format!("`{name}` is a column of every result"))
        .label("needs another name")
}

pub fn name_of_constant(span: Span, name: &str) -> Diagnostic {
    mistake("reserved_name", span, format!("`{name}` is the number 3.14159...: the name is taken"))
        .label("needs another name")
}

/// A column by the name of a constant, which a file may well have.
pub fn column_or_constant(span: Span, name: &str, table: &str) -> Diagnostic {
    mistake("ambiguous_column", span, format!("`{name}` could be the number 3.14159... or a column of `{table}`"))
        .help(format!(
            "the column is `{table}.{name}`; for both, give the column another name: `columns: {{new_name: \"{name}\"}}`"
        ))
}

/// Two elements whose labels read the same.
pub fn same_column(span: Span, column: &str) -> Diagnostic {
    mistake("same_column", span, format!("two elements would both be called `{}`", shown(column)))
        .label("labels with commas")
        .help("choose labels that tell the elements apart")
}

pub fn reported_data(span: Span, name: &str) -> Diagnostic {
    mistake(
        "reported_data",
        span,
        format!("`{name}` does not depend on a latent, so there is nothing to report"),
    )
}

/// A let that is made of a discrete variable, and varies by row or has too many values to draw one of.
pub fn reported_discrete(span: Span, name: &str, of: &str) -> Diagnostic {
    let message = format!("`{name}` is made of the discrete `{of}`, and its values cannot be reported");
    mistake("reported_discrete", span, message)
        .label("varies by row, or with too many others")
        .help(format!("`{of}` itself can be: `output: {{report: [{of}]}}`, by row `draws: [{of}]`"))
}

pub fn drawn_not_by_row(span: Span, name: &str) -> Diagnostic {
    mistake("drawn_not_by_row", span, format!("`{name}` does not vary by row"))
        .help("its draws are in posterior.parquet, those of a discrete latent in discrete.parquet")
}

pub fn observed_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    mistake("name_twice", span, format!("`{name}` has a likelihood already, by another name"))
        .label("its rows would count twice")
        .also(first, "here")
        .help("keep one of them")
}

pub fn dim_twice(dim: &Ident) -> Diagnostic {
    mistake("dim_twice", dim.span, format!("`{}` is already a dimension", dim.name))
        .label("two tables cannot share their rows")
        .help("give these rows a name of their own")
}

pub fn unknown_name(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_name", span, format!("unknown name `{name}`"));
    let d = d.label("not a latent, let, state or column");
    let near = nearest(name, names.iter().map(String::as_str));
    if near.is_empty() {
        return d.help(format!(
            "give it a prior in `latent:`, or say in `let:` what it is; known are {}",
            listed(names)
        ));
    }
    suggest(d, name, names)
}

/// The first few names.
fn listed(names: &[String]) -> String {
    const MAX: usize = 12;
    let first: Vec<&str> = names.iter().take(MAX).map(String::as_str).collect();
    match names.len() {
        0 => "none".into(),
        n if n > MAX => format!("`{}` and {} more", first.join("`, `"), n - MAX),
        _ => alternatives(&first).replace(" or ", " and "),
    }
}

pub fn unknown_reported(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_name", span, format!("there is no `{name}` to report"));
    suggest(d.label("not a latent or let"), name, names)
}

pub fn unknown_observed(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_name", span, format!("no table has a column `{name}` to observe"));
    suggest(d.label("no such column"), name, names)
}

pub fn observed_is_data(span: Span, name: &str) -> Diagnostic {
    mistake("observed_is_data", span, format!("`{name}` is not data, so it cannot be observed")).help(
        "left of the colon stands a column of a table, or a `let` of columns; a prior stands in `latent:`",
    )
}

pub fn unknown_dim(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_dimension", span, format!("unknown dimension `{name}`"));
    let d = d.label("not of `dims:`, `rows:`, `key:`, `stack:` or `index:`, nor a text or integer column");
    suggest(d, name, names)
}

pub fn unknown_table(span: Span, name: &str, names: &[String]) -> Diagnostic {
    suggest(mistake("unknown_table", span, format!("unknown table `{name}`")), name, names)
}

pub fn ambiguous(span: Span, name: &str, tables: &[String]) -> Diagnostic {
    let ways: Vec<String> = tables.iter().map(|t| format!("{t}.{name}")).collect();
    let ways: Vec<&str> = ways.iter().map(String::as_str).collect();
    mistake("ambiguous_column", span, format!("`{name}` is a column of several tables"))
        .help(format!("write {}", alternatives(&ways)))
}

/// Left of a colon there is no `table.column`.
pub fn ambiguous_observed(span: Span, name: &str, tables: &[String]) -> Diagnostic {
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    mistake("ambiguous_column", span, format!("`{name}` is a column of several tables"))
        .label(format!("of {} and {}", tables[..tables.len() - 1].join(", "), tables[tables.len() - 1]))
        .help(format!("write `{}.{name}:`", tables[0]))
}

pub fn dim_as_value(span: Span, name: &str) -> Diagnostic {
    mistake("dimension_as_value", span, format!("`{name}` is a dimension and has no value of its own"))
        .help("dimensions stand in brackets and after `over=`")
}

pub fn primed_value(span: Span, name: &str) -> Diagnostic {
    mistake("primed_value", span, format!("a prime renames a dimension, not the value `{name}`"))
        .help(format!("write `prime({name})`"))
}

pub fn text_value(span: Span) -> Diagnostic {
    mistake("text_value", span, "a text has no numeric value")
        .help("texts stand for labels, as in `sigma[part='left']` and `part == 'left'` of a column or a `categorical` latent")
}

pub fn member(span: Span) -> Diagnostic {
    mistake("member", span, "only a table has members").help("write `table.column`")
}

/// At most this many definitions of a circle are named.
pub(super) const MAX_IN_CIRCLE: usize = 6;

/// `names`: the circle, each with its place, the first needing the second.
pub fn cycle(names: &[(String, Span)]) -> Diagnostic {
    let (first, span) = &names[0];
    let message = if names.len() == 1 {
        format!("`{first}` is defined by itself")
    } else {
        let mut path: Vec<&str> = names.iter().take(MAX_IN_CIRCLE).map(|(n, _)| n.as_str()).collect();
        if names.len() > MAX_IN_CIRCLE {
            path.push("...");
        }
        path.push(first);
        format!("definitions go in a circle: {}", path.join(" needs "))
    };
    let mut d = mistake("self_reference", *span, message).label("needs itself").help(match names.len() {
        1 => {
            "define it without itself; what follows its own past along rows is a state of \
                 `recurrence:`, along another dimension `cumulative_sum(step, over=d)`"
        }
        _ => "let one of them do without the others",
    });
    for (name, at) in names.iter().take(MAX_IN_CIRCLE).skip(1) {
        d = d.also(*at, format!("`{name}` is needed on the way"));
    }
    d
}

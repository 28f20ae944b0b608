//! Mistakes in tables and their columns.


pub fn data(span: Span, error: &model::DataError) -> Diagnostic {
    let d = mistake("data_file", span, error.message.clone());
    match &error.help {
        Some(help) => d.help(help.clone()),
        None => d.help("paths are relative to the spec's folder"),
    }
}

pub fn no_column(span: Span, name: &str, table: &str, columns: &[String]) -> Diagnostic {
    let d = mistake("unknown_column", span, format!("`{table}` has no column `{name}`"));
    suggest(d.label("no such column"), name, &known(columns))
}

pub fn empty_glob(span: Span, glob: &str, table: &str, columns: &[String]) -> Diagnostic {
    let shown: Vec<&str> = columns.iter().take(12).map(String::as_str).collect();
    mistake("empty_glob", span, format!("no column of `{table}` matches `{glob}`"))
        .help(format!("its columns are {}", shown.join(", ")))
}

pub fn renamed_onto(new: &Ident, table: &str) -> Diagnostic {
    mistake("name_twice", new.span, format!("`{table}` already has a column `{}`", new.name)).label("taken")
}

pub fn null(span: Span, column: &str, table: &str, place: &str, count: usize) -> Diagnostic {
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    mistake("null", span, format!("column `{column}` of `{table}` has no value in {place}{more}"))
        .label("used here")
        .help(format!(
            "say what that means, in `{table}:`, with `missing: {{{column}: drop}}`, or complete the data"
        ))
}

pub fn not_finite(span: Span, column: &str, place: &str, found: f64) -> Diagnostic {
    mistake("not_finite", span, format!("column `{column}` is {found} in {place}")).label("used here")
}

pub fn text_column(span: Span, column: &str, example: Option<(String, String)>, mostly: bool) -> Diagnostic {
    let at = example.map_or(String::new(), |(place, text)| format!(": {place} holds `{text}`"));
    let d = mistake("text_column", span, format!("column `{column}` is not numbers{at}"))
        .label("a number is needed here");
    if mostly {
        d.help("correct the cell, or leave it empty and say what a null means with `missing:`")
    } else {
        d.help(format!("a text column can look values up: `alpha[{column}]`"))
    }
}

pub fn not_labels(span: Span, column: &str, kind: &str) -> Diagnostic {
    mistake("not_labels", span, format!("column `{column}` holds {kind} numbers and cannot be an index"))
        .help("an index is a text or integer column")
}

pub fn key_twice(key: &Ident, label: &str, first: &str, again: &str) -> Diagnostic {
    mistake(
        "key_twice",
        key.span,
        format!("`{}` is not unique: `{label}` is in {first} and {again}", key.name),
    )
    .label("the key")
    .help("a key labels each row once; use `rows:` for rows without labels")
}

pub fn level_missing(span: Span, dim: &str, level: &str) -> Diagnostic {
    mistake("level_missing", span, format!("`levels:` of `{dim}` leaves out `{level}`, which the data have"))
}

pub fn unknown_level(
    span: Span,
    column: &str,
    place: &str,
    label: &str,
    dim: &str,
    labels: &[String],
) -> Diagnostic {
    let d = mistake(
        "unknown_level",
        span,
        format!("`{label}` in {place} of column `{column}` is no level of `{dim}`"),
    );
    suggest(d, label, &known(labels))
}

pub fn stack_dim(dim: &Ident, has: usize, stacked: usize) -> Diagnostic {
    mistake(
        "dim_twice",
        dim.span,
        format!(
            "dimension `{}` is known with other labels ({has} elements, here {stacked} columns)",
            dim.name
        ),
    )
}

pub fn unsupported_outcome(
    span: Span,
    column: &str,
    place: &str,
    found: f64,
    law: &str,
    support: Support,
) -> Diagnostic {
    mistake("outside_support", span, format!("`{column}` is {found} in {place}, which {law} cannot produce"))
        .label(format!("{law} gives {support}"))
        .help("check the data and the choice of the law")
}

pub fn time_before_start(span: Span, place: &str, time: f64, start: f64) -> Diagnostic {
    mistake("time_before_start", span, format!("the time in {place} is {time}, before the start at {start}"))
        .help("set `start:` of the block to the time at which `initial:` holds")
}

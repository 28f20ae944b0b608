//! Names that nothing or too much defines.


pub fn two_things(what: &str, again: &Ident, first: Span) -> Diagnostic {
    mistake("name_twice", again.span, format!("the {what} `{}` is defined twice", again.name))
        .label("again")
        .also(first, "first here")
}

pub fn name_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    mistake("name_twice", span, format!("`{name}` is defined twice")).label("again").also(first, "first here")
}

pub fn name_is_column(span: Span, name: &str, table: &str, at: Span) -> Diagnostic {
    mistake("name_twice", span, format!("`{name}` is also a column of `{table}`"))
        .label("defined here")
        .also(at, "the table")
        .help(format!("call it otherwise, or rename the column with `columns: {{new_name: \"{name}\"}}`"))
}

pub fn dim_twice(dim: &Ident) -> Diagnostic {
    mistake("dim_twice", dim.span, format!("`{}` is already a dimension", dim.name))
        .label("two tables cannot share their rows")
}

pub fn unknown_name(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_name", span, format!("unknown name `{name}`"));
    let d = d.label("not a latent, let, state or column");
    suggest(d, name, &known(names))
}

pub fn unknown_observed(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_name", span, format!("no table has a column `{name}` to observe"));
    suggest(d.label("no such column"), name, &known(names))
}

pub fn observed_is_data(span: Span, name: &str) -> Diagnostic {
    mistake("observed_is_data", span, format!("`{name}` is not data, so it cannot be observed"))
        .help("left of the colon stands a column of a table, or a `let` of columns")
}

pub fn observed_dims(span: Span, name: &str, has: &str) -> Diagnostic {
    mistake("wrong_dimension", span, format!("`{name}` {}", over(has))).label("declared otherwise")
}

pub fn unknown_dim(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_dimension", span, format!("unknown dimension `{name}`"));
    let d = d.label("not of `dims:`, `rows:`, `key:`, `stack:` or `index:`, nor a text or integer column");
    suggest(d, name, &known(names))
}

pub fn unknown_table(span: Span, name: &str, names: &[String]) -> Diagnostic {
    suggest(mistake("unknown_table", span, format!("unknown table `{name}`")), name, &known(names))
}

pub fn ambiguous(span: Span, name: &str, tables: &[String]) -> Diagnostic {
    let ways: Vec<String> = tables.iter().map(|t| format!("{t}.{name}")).collect();
    let ways: Vec<&str> = ways.iter().map(String::as_str).collect();
    mistake("ambiguous_column", span, format!("`{name}` is a column of several tables"))
        .help(format!("write {}", alternatives(&ways)))
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
        .help("texts stand for labels, as in `sigma[part='left']`")
}

pub fn member(span: Span) -> Diagnostic {
    mistake("member", span, "only a table has members").help("write `table.column`")
}

pub fn cycle(names: &[(String, Span)]) -> Diagnostic {
    let (first, span) = &names[0];
    let message = if names.len() == 1 {
        format!("`{first}` is defined by itself")
    } else {
        let mut path: Vec<&str> = names.iter().map(|(n, _)| n.as_str()).collect();
        path.push(first);
        format!("definitions go in a circle: {}", path.join(" needs "))
    };
    let mut d = mistake("self_reference", *span, message).label("needs itself");
    for (name, at) in &names[1..] {
        d = d.also(*at, format!("`{name}` is needed on the way"));
    }
    d
}

pub fn later(span: Span, what: &str, when: &str) -> Diagnostic {
    mistake("later", span, format!("{what} is not part of this version yet"))
        .label(format!("comes with {when}"))
}

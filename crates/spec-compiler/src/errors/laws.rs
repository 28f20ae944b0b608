//! Mistakes of functions and distributions.


fn distribution_names() -> Vec<&'static str> {
    distributions::DISTRIBUTIONS.iter().map(|d| d.name()).chain(["truncated"]).collect()
}

pub fn unknown_function(span: Span, name: &str) -> Diagnostic {
    let mut names = functions::names();
    names.extend(distribution_names());
    suggest(mistake("unknown_function", span, format!("unknown function `{name}`")), name, &names)
}

pub fn unknown_distribution(span: Span, name: &str) -> Diagnostic {
    let names = distribution_names();
    let d = mistake("unknown_distribution", span, format!("unknown distribution `{name}`"));
    if functions::names().contains(&name) {
        return d.help(
            "a law is a distribution; put the expression among its arguments, as in `normal(log(x), s)`",
        );
    }
    suggest(d, name, &names)
}

pub fn not_a_law(span: Span, e: &Expr) -> Diagnostic {
    mistake("not_a_law", span, format!("`{e}` is not a distribution")).help(
        "right of the colon stands a distribution, such as `normal(0, 1)`; an equation belongs into `let:`",
    )
}

pub fn distribution_here(span: Span, name: &str) -> Diagnostic {
    mistake("distribution_here", span, format!("`{name}` is a distribution and has no value"))
        .help("distributions stand right of the colon in `latent:` and `observe:`")
}

pub fn argument_count(span: Span, name: &str, expected: usize, found: usize) -> Diagnostic {
    let s = if expected == 1 { "" } else { "s" };
    let d = mistake("argument_count", span, format!("`{name}` takes {expected} argument{s}, found {found}"));
    match functions::SPECIAL.iter().find(|f| f.0 == name) {
        Some((_, signature)) => d.help(*signature),
        None => d,
    }
}

pub fn unknown_argument(span: Span, word: &str, function: &str, allowed: &[&str]) -> Diagnostic {
    let d = mistake("unknown_argument", span, format!("`{function}` has no argument `{word}`"));
    suggest(d, word, allowed)
}

pub fn arguments(span: Span, error: &DistributionError, distribution: &dyn Distribution) -> Diagnostic {
    let d = mistake("arguments", span, error.to_string());
    let d = match error {
        DistributionError::UnknownParameter { parameter, known, .. } => suggest(d, parameter, known),
        _ => d,
    };
    if d.help.is_some() {
        return d;
    }
    match distributions::signatures().into_iter().find(|s| s.name == distribution.name()) {
        Some(s) => d.help(format!("the form is `{}`", s.signature)),
        None => d,
    }
}

pub fn latent_domain(
    span: Span,
    distribution: &str,
    parameter: &str,
    domain: impl std::fmt::Display,
    name: &str,
    support: Support,
) -> Diagnostic {
    mistake(
        "outside_support",
        span,
        format!("{parameter} of {distribution} must be {domain}, but `{name}` is {support}"),
    )
    .label(format!("{support}"))
    .help(format!("give `{name}` a prior with that support, such as `half_normal(1)` for a scale"))
}

pub fn bound_is_constant(span: Span, word: &str) -> Diagnostic {
    mistake("bound_is_constant", span, format!("`{word}` must be a number in this version"))
        .label("not a constant")
        .help("bounds that depend on other latents come later")
}

pub fn truncated_form(span: Span) -> Diagnostic {
    mistake("truncated", span, "`truncated` takes one distribution, and bounds by name")
        .help("write `truncated(normal(1, 0.5), lower=0)`")
}

pub fn discrete_latent(span: Span, name: &str, law: &str) -> Diagnostic {
    mistake(
        "discrete_latent",
        span,
        format!("`{name}` would be discrete ({law}): discrete latents are not part of this version yet"),
    )
}

pub fn where_is_data(span: Span) -> Diagnostic {
    mistake("where_is_data", span, "`where:` is a condition on the row's columns")
        .label("depends on more than that")
}

//! Mistakes of functions and distributions.

use distributions::{Distribution, DistributionError, Fault};
use model::Support;

use model::rounded;

use super::{habits, mistake, shown, suggest};
use crate::check::functions;
use crate::diagnostic::Diagnostic;
use crate::expr::{Arg, Expr, Ident};
use crate::source::Span;

fn distribution_names() -> Vec<&'static str> {
    distributions::DISTRIBUTIONS.iter().map(|d| d.name()).chain(functions::modifiers()).collect()
}

pub fn unknown_function(span: Span, name: &str) -> Diagnostic {
    let d = mistake("unknown_function", span, format!("unknown function `{name}`"));
    if let Some(ours) = habits::function(name) {
        return d.help(format!("write `{ours}`"));
    }
    if name.ends_with("_lpdf") || name.ends_with("_lpmf") {
        return d.help("a density is a law right of the colon, in `latent:` or `observe:`");
    }
    suggest(d, name, &functions::names())
}

/// `mu(z)` of a latent, let or column.
pub fn value_called(value: &Ident, args: &[Arg]) -> Diagnostic {
    let name = &value.name;
    let d = mistake("unknown_function", value.span, format!("`{name}` is a value, not a function"));
    let named = |a: &Arg| a.name.as_ref().map_or(String::new(), |n| format!("{}=", n.name));
    let inside: Vec<String> = args.iter().map(|a| format!("{}{}", named(a), a.value)).collect();
    let lookup = format!("{name}[{}]", inside.join(", "));
    match args {
        [] => d.help(format!("write `{name}`")),
        [Arg { name: None, .. }] => {
            d.help(format!("a lookup is written `{lookup}`, a product `{name} * ({})`", inside[0]))
        }
        _ => d.help(format!("a lookup is written `{lookup}`")),
    }
}

pub fn unknown_distribution(span: Span, name: &str) -> Diagnostic {
    let d = mistake("unknown_distribution", span, format!("unknown distribution `{name}`"));
    if functions::names().contains(&name) {
        return d.label("a function").help(
            "a law is a distribution; put the expression among its arguments, as in `normal(log(x), s)`",
        );
    }
    if matches!(name.to_lowercase().replace('_', "").as_str(), "lkj" | "lkjcorr" | "lkjcorrelation") {
        return d.help(
            "write its Cholesky factor, `L[d, d']: lkj_cholesky(2)`, which a `multivariate_normal` takes as `cholesky=`",
        );
    }
    if let Some(ours) = habits::law(name) {
        return d.help(format!("it is called `{ours}` here"));
    }
    suggest(d, name, &distribution_names())
}

pub fn distribution_here(span: Span, name: &str) -> Diagnostic {
    mistake("distribution_here", span, format!("`{name}` is a distribution and has no value"))
        .help("distributions stand right of the colon in `latent:` and `observe:`")
}

pub fn argument_count(span: Span, name: &str, expected: usize, found: usize) -> Diagnostic {
    let s = if expected == 1 { "" } else { "s" };
    let d = mistake("argument_count", span, format!("`{name}` takes {expected} argument{s}, found {found}"));
    match functions::signature(name) {
        _ if found == 2 && matches!(name, "max" | "min") => d.help(format!(
            "of two values it is `{name}imum(a, b)`; `{name}(e, over=d)` is along a dimension"
        )),
        Some(signature) => d.help(format!("the form is `{signature}`")),
        None if expected == 1 => d.help(format!("the form is `{name}(x)`")),
        None => d.help(format!("the form is `{name}(a, b)`")),
    }
}

pub fn unknown_argument(span: Span, word: &str, function: &str, allowed: &[&str]) -> Diagnostic {
    let d = mistake("unknown_argument", span, format!("`{function}` has no argument `{word}`"));
    suggest(d, word, allowed)
}

/// What a distribution says of its arguments.
pub fn arguments(span: Span, error: &DistributionError, distribution: &dyn Distribution) -> Diagnostic {
    let d = mistake("arguments", span, error.to_string());
    if let DistributionError::UnknownParameter { parameter, known, .. } = error {
        return match habits::parameter(parameter, known) {
            Some(help) => d.help(help),
            None => suggest(d, parameter, known),
        };
    }
    let signature = distributions::signatures().into_iter().find(|s| s.name == distribution.name());
    match (error, signature) {
        (
            DistributionError::EmptyWindow { .. }
            | DistributionError::NotTruncatable { .. }
            | DistributionError::TruncationVaries { .. }
            | DistributionError::WindowTooWide { .. }
            | DistributionError::NoBijector { .. },
            _,
        ) => d,
        (DistributionError::Bounds { distribution: "truncated", .. }, _) => {
            d.help("write `truncated(normal(1, 0.5), lower=0, upper=2)`")
        }
        (DistributionError::NeedsConstant { .. }, _) if distribution.is_discrete() => d.help(
            "of observed values it may also be made of columns, or of a discrete latent such as \
             `truncated(poisson(30), upper=200)`, which is summed out",
        ),
        (_, Some(s)) => d.help(format!("the form is `{}`", s.signature)),
        (_, None) => d,
    }
}

/// A law that a modifier cannot take.
pub fn not_modifiable(span: Span, error: &DistributionError) -> Diagnostic {
    let d = mistake("not_modifiable", span, error.to_string());
    match error {
        DistributionError::NotModifiable { modifier: "zero_inflated", support, .. }
            if !support.is_discrete() =>
        {
            d.help("where a zero is one value among numbers that are not counts, write `hurdle(d, zero=p)`")
        }
        DistributionError::NotModifiable { modifier: "hurdle", .. } => {
            d.help("write `hurdle(poisson(rate), zero=p)` or `hurdle(lognormal(m, s), zero=p)`")
        }
        _ => d.help("write `zero_inflated(poisson(rate), zero=p)`"),
    }
}

/// As [`arguments`], for an argument that varies: where it is wrong.
pub fn arguments_at(
    span: Span,
    error: &DistributionError,
    distribution: &dyn Distribution,
    place: &str,
) -> Diagnostic {
    let mut d = arguments(span, error, distribution);
    d.message = format!("{} in {place}", d.message);
    d
}

pub fn latent_domain(
    span: Span,
    (parameter, distribution): (&str, &str),
    domain: distributions::Domain,
    name: &str,
    support: Support,
) -> Diagnostic {
    use distributions::Domain;
    let is_matrix = matches!(support, Support::PositiveDefinite | Support::CholeskyCorrelation);
    let is = match domain {
        Domain::Positive | Domain::NonNegative | Domain::Unit if is_matrix => {
            let (lower, upper) = support.range();
            format!("an element of `{name}` may be {}", Support::Interval { lower, upper })
        }
        _ => format!("`{name}` is {support}"),
    };
    let message = format!("{parameter} of {distribution} must be {domain}, but {is}");
    let d = mistake("outside_support", span, message).label(support.to_string());
    match domain {
        Domain::Positive | Domain::NonNegative if is_matrix => d.help(format!(
            "those on its diagonal are positive: `diagonal({name})`, or one with both labels alike"
        )),
        _ if is_matrix => d,
        Domain::Positive | Domain::NonNegative => {
            d.help(format!("give `{name}` a positive prior such as `half_normal(1)`, or write `exp({name})`"))
        }
        Domain::Unit => {
            d.help(format!("give `{name}` a prior such as `beta(1, 1)`, or write `sigmoid({name})`"))
        }
        Domain::Probabilities => {
            d.help(format!("give `{name}` the prior `dirichlet(1)`, or write `{distribution}(logit={name})`"))
        }
        _ => d,
    }
}

/// Elements that are no value of a parameter together; `label` names them along its dimension, `place`
/// tells which value it is.
pub fn whole_domain(
    span: Span,
    (parameter, law): (&str, &str),
    domain: distributions::Domain,
    fault: &Fault,
    label: &dyn Fn(usize) -> String,
    place: Option<String>,
) -> Diagnostic {
    let place = place.map_or(String::new(), |place| format!(" in {place}"));
    let d = mistake("arguments", span, format!("{parameter} of {law} must be {domain}{place}"));
    match *fault {
        Fault::Element { found, .. } => d.label(format!("has an element of {}", rounded(found))),
        Fault::Sum { found } => d
            .label(format!("sum to {}", rounded(found)))
            .help("probabilities in proportion to numbers `w` along `d` are `w / sum(w, over=d)`"),
        Fault::NotAbove { at, before, found } => {
            let (found, before) = (rounded(found), rounded(before));
            d.label(format!("{found} at {} is not above {before} at {}", label(at), label(at - 1)))
        }
        Fault::NotSquare => d.label("is not square"),
        Fault::Asymmetric { row, col, found, across } => {
            let (row, col, found, across) = (label(row), label(col), rounded(found), rounded(across));
            d.label(format!("{found} at [{row},{col}], but {across} at [{col},{row}]"))
        }
        Fault::Indefinite { row: row @ 0, left: found } | Fault::Diagonal { row, found } => {
            d.label(format!("{} on the diagonal at {}", rounded(found), label(row)))
        }
        Fault::Above { row, col, found } => {
            d.label(format!("{} above the diagonal at [{},{}]", rounded(found), label(row), label(col))).help(
                "the factor L of a covariance S = L @ transpose(L) is zero there; an upper factor U is \
                 `cholesky=transpose(U)`, a whole covariance `covariance=S`",
            )
        }
        Fault::Indefinite { row, left } => {
            let (row, left) = (label(row), rounded(left));
            d.label(format!("of its diagonal at {row}, {left} is left given the rows before")).help(
                "each 2 by 2 block needs |s12| < sqrt(s11 * s22), and more rows more; a factor of it, \
                 `cholesky=L`, is always good",
            )
        }
    }
}

/// `mixture(w, d)`: of one law written once, which varies along a dimension, or of one too few.
pub fn mixture_of_one(span: Span, form: &str) -> Diagnostic {
    mistake("law_form", span, "a mixture of one law is that law")
        .label("one component")
        .help(format!(
            "a law whose parameters vary along `k` is a mixture along it by `mixture(w, d, over=k)`; of several laws, `{form}`"
        ))
}

pub fn modifier_form(span: Span, name: &str, form: &str) -> Diagnostic {
    mistake("law_form", span, format!("the form is `{form}`")).label(format!("not what `{name}` takes"))
}

/// A law of `name` with a parameter that reads `read`: the same column or let, or a stack with it. `through`
/// is the let that leads there.
pub fn own_outcome(span: Span, name: &str, read: &str, through: Option<(&str, Span)>) -> Diagnostic {
    let is_itself = name == read || name.ends_with(&format!(".{read}"));
    let message = match is_itself {
        true => format!("the law of `{name}` reads `{name}` of the same row"),
        false => format!("the law of `{name}` reads `{read}` of the same row, of which `{name}` is a part"),
    };
    let d = mistake("own_outcome", span, message).label("a value is no parameter of its own law");
    let d = by_way_of(d, through);
    match is_itself {
        true => d.help(format!("the row before is `lag({read}, 1)`, in a table with `ordered_by:`")),
        false => d.help(format!("leave `{name}` out of the `columns:` of `{read}`")),
    }
}

/// The same, of a let whose law reads all columns that it is made of.
pub fn outcome_made_of(span: Span, name: &str, read: &str, through: Option<(&str, Span)>) -> Diagnostic {
    let message = format!("the law of `{name}` reads `{read}` of the same row, which `{name}` is made of");
    by_way_of(mistake("own_outcome", span, message), through)
        .label(format!("who knows it knows `{name}`"))
        .help("a value is no parameter of its own law; the row before is `lag(column, 1)`")
}

/// The same, of one row, which is every row's parameter.
pub fn outcome_of_one_row(span: Span, name: &str, read: &str, through: Option<(&str, Span)>) -> Diagnostic {
    let message = format!("the law of `{name}` reads `{read}`, and is that value's own law too");
    by_way_of(mistake("own_outcome", span, message), through)
        .label("a value is no parameter of its own law")
        .help("leave that row out of the likelihood: `{law: ..., where: ...}`")
}

/// A parameter that is made of all outcomes.
pub fn outcome_among_all(
    span: Span,
    name: &str,
    read: &str,
    word: &str,
    through: Option<(&str, Span)>,
) -> Diagnostic {
    let by = if word.is_empty() { String::new() } else { format!(" by `{word}`") };
    let message = format!("the law of each `{name}` reads all of `{read}`{by}, its own value among them");
    by_way_of(mistake("outcome_among_all", span, message), through)
        .label("made of the outcomes")
        .help(
            "the fit takes it for known beforehand and is too sure; a latent in its place is learned as well",
        )
        .warning()
}

/// `names`: outcomes with their laws, each needing the next.
pub fn outcomes_in_a_circle(names: &[(String, Span)]) -> Diagnostic {
    let mut path: Vec<&str> =
        names.iter().take(super::names::MAX_IN_CIRCLE).map(|(n, _)| n.as_str()).collect();
    if names.len() > path.len() {
        path.push("...");
    }
    path.push(&names[0].0);
    let message = format!("outcomes of the same row are each other's parameters: {}", path.join(" given "));
    let d = mistake("outcome_circle", names[0].1, message)
        .label("two conditional laws are no joint one")
        .help("give one of them a law without the other, or lag it: `lag(column, 1)`");
    names
        .iter()
        .take(super::names::MAX_IN_CIRCLE)
        .skip(1)
        .fold(d, |d, (name, at)| d.also(*at, format!("the law of `{name}`")))
}

/// A let with a law, made of columns that have laws.
pub fn counted_twice(span: Span, name: &str, other: &str, at: Span) -> Diagnostic {
    let message = format!("`{name}` is made of `{other}`, which has a likelihood too: its rows count twice");
    mistake("counted_twice", span, message)
        .also(at, format!("the likelihood of `{other}`"))
        .help("keep one of them, or share the rows between them with `where:`")
        .warning()
}

fn by_way_of(d: Diagnostic, through: Option<(&str, Span)>) -> Diagnostic {
    match through {
        Some((name, at)) => d.also(at, format!("by way of `{name}`")),
        None => d,
    }
}

/// `word(...)` without `over=` goes along `rows` as well, those of `name`; `others` are the dimensions beside.
pub fn rows_summed_away(span: Span, word: &str, name: &str, rows: &str, others: &[String]) -> Diagnostic {
    let list = |dims: &[&str]| match dims {
        [one] => one.to_string(),
        several => format!("[{}]", several.join(", ")),
    };
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let all = list(&[&others[..], &[rows]].concat());
    let help = match &others[..] {
        [] => format!("where that is meant, say `over={all}`; else leave `{word}` out"),
        others => {
            format!("for a value by row write `over={}`; where all are meant, `over={all}`", list(others))
        }
    };
    let message = format!("`{word}` without `over=` goes along `{rows}` too, the rows of `{name}`");
    mistake("rows_summed_away", span, message).label("the same number in every row").help(help).warning()
}

pub fn truncated_form(span: Span) -> Diagnostic {
    mistake("truncated", span, "`truncated` takes one distribution, and bounds by name")
        .help("write `truncated(normal(1, 0.5), lower=0)`")
}

pub fn truncated_nowhere(span: Span) -> Diagnostic {
    mistake("truncated", span, "`truncated` has no bound")
        .help("give it one or two, as in `truncated(normal(1, 0.5), lower=0)`, or leave it out")
}

pub fn window_varies(span: Span, law: &str) -> Diagnostic {
    mistake("window_varies", span, format!("the bounds of `{law}` must be numbers here")).help(
        "bounds that depend on columns or latents need a continuous law with a cdf and constant support",
    )
}

pub fn censored_form(span: Span) -> Diagnostic {
    mistake(
        "censored",
        span,
        "`censored` takes a continuous distribution, truncated or not, and what was seen",
    )
    .help("write `censored(weibull(shape, scale), right = event == 0)`, `left=` or `interval=[lo, hi]`")
}

pub fn censored_latent(span: Span, name: &str) -> Diagnostic {
    mistake("censored_latent", span, format!("`{name}` is not observed, so nothing of it can be censored"))
        .help("a censored law stands in `observe:`; for a latent between bounds write `truncated(...)`")
}

pub fn censoring_is_data(span: Span) -> Diagnostic {
    mistake("censoring_is_data", span, "how a row is censored follows from its columns alone")
        .label("depends on a latent")
}

pub fn censoring_is_condition(span: Span, which: &str, found: &str) -> Diagnostic {
    mistake("censoring_is_condition", span, format!("`{which}` is a condition that holds in some rows"))
        .label(format!("this is {found}"))
        .help(format!(
            "write where the value is only a bound, such as `{which} = y {} 8` or a column of 0 and 1",
            if which == "right" { ">=" } else { "<=" }
        ))
}

/// A law that is zero with a probability of its own, beside a density, where there can be none.
pub fn atom(span: Span, law: &str, what: &str) -> Diagnostic {
    let message =
        format!("`{law}` is 0 with a probability of its own, beside a density: it cannot be {what}");
    mistake("atom", span, message).help(match what {
        "a latent" => {
            "it is a law for data; for a latent that may be zero write `on: bernoulli(p)` and `where(on, x, 0)`"
        }
        _ => "it stands alone, or in a `mixture` of such laws",
    })
}

pub fn ordered_form(span: Span) -> Diagnostic {
    mistake("ordered", span, "`ordered` takes a continuous distribution of numbers")
        .help("write `ordered(normal(0, 5))`")
}

pub fn ordered_varies(span: Span, dim: &str) -> Diagnostic {
    let message = format!("an ordered law may not differ along `{dim}` by latents");
    mistake("ordered_varies", span, message)
        .label(format!("varies over {dim}"))
        .help("its total probability would be unknown; use the same law for all elements, or constants")
}

pub fn mixture_weights(span: Span, found: usize, components: usize) -> Diagnostic {
    mistake("mixture_weights", span, format!("{found} weights for {components} components"))
}

pub fn mixture_weight(span: Span, found: f64, place: &str) -> Diagnostic {
    let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
    let message = format!("a weight of `mixture` must be zero or a positive number, found {found}{place}");
    mistake("mixture_weights", span, message)
        .help("weights are taken in proportion: `mixture([1, 3], d1, d2)`, `mixture([p, 1 - p], d1, d2)`")
}

pub fn mixture_of_nothing(span: Span, place: &str) -> Diagnostic {
    let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
    mistake("mixture_weights", span, format!("all weights of `mixture` are zero{place}"))
        .help("weights are taken in proportion: `mixture([1, 3], d1, d2)`, `mixture([p, 1 - p], d1, d2)`")
}

pub fn mixed_supports(span: Span, law: &str, first: &str) -> Diagnostic {
    mistake("mixed_supports", span, format!("`{law}` and `{first}` cannot be parts of one mixture"))
        .help("components are all continuous or all discrete, of values of one kind")
}

pub fn outcomes(span: Span, law: &str, found: &[String]) -> Diagnostic {
    let message = match found {
        [] => format!("`{law}` needs a value for each outcome here"),
        several => format!("the outcomes of `{law}` could be along {}", super::alternatives_of(several)),
    };
    mistake("outcomes", span, message).help(format!(
        "one dimension that the left side lacks holds the outcomes; say which: `{law}(..., over=d)`"
    ))
}

/// `categorical([p, 1 - p])`
pub fn outcomes_listed(span: Span, law: &str, parameter: &str, items: &[Expr]) -> Diagnostic {
    let message = format!("`{law}` needs a dimension whose levels are its outcomes");
    let given = if parameter == "p" { "w".to_string() } else { format!("{parameter}=w") };
    let prior = if parameter == "p" { "dirichlet(1)" } else { "normal(0, 1)" };
    let help = format!(
        "with `dims: {{k: {}}}` write `w[k]: {prior}` in `latent:`, or an array of constants in `let:`, and \
         `{law}({given})`",
        items.len()
    );
    mistake("outcomes", span, message).label("a list has none").help(match items {
        [first, _] if parameter == "p" => format!("{help}; of two values, 1 and 0, `bernoulli({first})`"),
        _ => help,
    })
}

pub fn vector_over(span: Span, law: &str, left: &[String]) -> Diagnostic {
    let message = match left {
        [] => format!("`{law}` is a law of vectors, and the left side is a single number"),
        several => format!("a vector of `{law}` could be along {}", super::alternatives_of(several)),
    };
    mistake("vector_over", span, message).help(format!("say along which: `{law}(..., over=d)`"))
}

pub fn matrix_over(span: Span, law: &str, has: &str) -> Diagnostic {
    let message =
        format!("`{law}` is a law of matrices over d and d', and the left side {}", super::over(has));
    mistake("matrix_over", span, message).help("declare it as `L[d, d']`")
}

pub fn endless_latent(span: Span, name: &str, law: &str) -> Diagnostic {
    let message = format!("`{name}` has no end of values ({law}), and discrete latents are summed out");
    mistake("discrete_latent", span, message).help("give it a bound: `truncated(poisson(rate), upper=100)`")
}

pub fn discrete_mixed(span: Span, name: &str) -> Diagnostic {
    mistake("discrete_mixed", span, format!("`{name}` is discrete, and its elements cannot be combined here"))
        .label("a sum, lookup or single element")
        .help("a discrete latent may be used row by row: `mu[k]`, `where(k == 1, a, b)`")
}

pub fn crossed_plates(span: Span, name: &str, other: Span, other_name: &str) -> Diagnostic {
    let message = format!(
        "`{name}` and `{other_name}` are discrete and meet, but neither's elements belong to one of the other"
    );
    mistake("crossed_plates", span, message)
        .also(other, format!("`{other_name}`"))
        .help("their sum has more terms than can be written out; let one of them be continuous, or known")
}

/// Its elements along `dim` have one law together.
pub fn discrete_in_vector(span: Span, name: &str, dim: &str) -> Diagnostic {
    let message =
        format!("`{name}` is discrete, and its elements along `{dim}` would have to be summed out together");
    mistake("discrete_in_vector", span, message)
        .help(format!("something that depends on it has a law of all of `{dim}` together"))
}

/// `mu[z[g]] + mu[z[h]]`: of one row two elements of `name`.
pub fn discrete_twice(span: Span, name: &str) -> Diagnostic {
    mistake("discrete_twice", span, format!("two elements of `{name}` meet here, which is discrete"))
        .label("a law may speak of one element a row")
        .help("they would have to be summed out together; let the rows look it up by one column")
}

pub fn lookup_by_number(span: Span, name: &str) -> Diagnostic {
    mistake("lookup_by_number", span, format!("`{name}` counts nothing that could be looked up by it"))
        .help("a `categorical` latent is the level of a dimension; of a 0 or 1 use `where(k, a, b)`")
}

/// `z == 0` of a discrete `z` that is never 0. `levels`: the dimension whose levels its values count, and the
/// first labels where it has any.
pub fn no_such_value(
    span: Span,
    (name, number): (&str, f64),
    (first, last): (f64, f64),
    levels: Option<(&str, Option<Vec<String>>)>,
) -> Diagnostic {
    let values = match last - first {
        0.0 => format!("{first}"),
        1.0 => format!("{first} or {last}"),
        _ => format!("a whole number from {first} to {last}"),
    };
    let d = mistake("no_such_value", span, format!("`{name}` is never {}", rounded(number)))
        .label(format!("`{name}` is {values}"));
    match levels {
        None => d,
        Some((dim, None)) => d.help(format!("it counts the levels of `{dim}`, the first of which is 1")),
        Some((dim, Some(labels))) => {
            const SHOWN: usize = 6;
            let numbered = labels.iter().enumerate().take(SHOWN);
            let mut numbered: Vec<_> =
                numbered.map(|(i, l)| format!("`{}` is {}", shown(l), i + 1)).collect();
            if labels.len() > SHOWN {
                numbered.push("...".into());
            }
            let (numbered, label) = (numbered.join(", "), shown(&labels[0]));
            d.help(format!("it is a level of `{dim}`: {numbered}; or write `{name} == '{label}'`"))
        }
    }
}

/// `mu[z]` of what has no finitely many values.
pub fn lookup_by_value(span: Span, name: &str, how: &str) -> Diagnostic {
    mistake("lookup_by_value", span, format!("`{name}` is {how}, so nothing can be looked up by it"))
        .label("not the level of a dimension")
        .help("in brackets stands a column, one element (`mu[k=2]`), or a latent or state of a `categorical` law")
}

pub fn imputed_without_law(span: Span, column: &str) -> Diagnostic {
    mistake("imputed_without_law", span, format!("`{column}` is to be imputed, but has no law"))
        .help(format!("add one to `observe:`, as in `{column}: normal(mu, s)`"))
}

pub fn imputed_law(span: Span, column: &str, law: &str) -> Diagnostic {
    mistake("imputed_law", span, format!("`{column}` cannot be imputed under `{law}`")).help(
        "only continuous laws of numbers with a constant support can be; leave such rows out with \
             `missing: {...: drop}`, or make the unknown values a discrete latent",
    )
}

pub fn where_in_vector(span: Span, law: &str, dim: &str) -> Diagnostic {
    mistake("where_in_vector", span, format!("`where:` cannot leave out a part of a value of `{law}`"))
        .label(format!("this varies over `{dim}`, as one value does"))
        .help("leave such rows out of the file")
}

pub fn where_is_data(span: Span) -> Diagnostic {
    mistake("where_is_data", span, "`where:` is a condition on the row's columns")
        .label("depends on more than that")
}

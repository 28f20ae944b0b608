//! Mistakes of functions and distributions.

use distributions::{Distribution, DistributionError};
use model::Support;

use super::{mistake, suggest};
use crate::check::functions;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

fn distribution_names() -> Vec<&'static str> {
    distributions::DISTRIBUTIONS.iter().map(|d| d.name()).chain(["truncated"]).collect()
}

pub fn unknown_function(span: Span, name: &str) -> Diagnostic {
    let d = mistake("unknown_function", span, format!("unknown function `{name}`"));
    // What other languages call them.
    let ours = match name {
        "ln" => Some("log"),
        "inv_logit" | "expit" | "logistic" => Some("sigmoid"),
        "pow" => Some("a^b"),
        "fabs" => Some("abs"),
        "ifelse" | "if" => Some("where"),
        "gammaln" | "lgam" => Some("lgamma"),
        _ => None,
    };
    if let Some(ours) = ours {
        return d.help(format!("it is called `{ours}` here"));
    }
    suggest(d, name, &functions::names())
}

pub fn unknown_distribution(span: Span, name: &str) -> Diagnostic {
    let d = mistake("unknown_distribution", span, format!("unknown distribution `{name}`"));
    if functions::names().contains(&name) {
        return d.label("a function").help(
            "a law is a distribution; put the expression among its arguments, as in `normal(log(x), s)`",
        );
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
        Some(signature) => d.help(format!("the form is `{signature}`")),
        None => d,
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
        return suggest(d, parameter, known);
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
        (_, Some(s)) => d.help(format!("the form is `{}`", s.signature)),
        (_, None) => d,
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
    let message = format!("{parameter} of {distribution} must be {domain}, but `{name}` is {support}");
    let d = mistake("outside_support", span, message).label(support.to_string());
    match domain {
        Domain::Positive | Domain::NonNegative => {
            d.help(format!("give `{name}` a positive prior such as `half_normal(1)`, or write `exp({name})`"))
        }
        Domain::Unit => {
            d.help(format!("give `{name}` a prior such as `beta(1, 1)`, or write `sigmoid({name})`"))
        }
        Domain::Real | Domain::Count | Domain::Bound => d,
    }
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
    let message =
        format!("`{name}` would be discrete ({law}): discrete latents are not part of this version yet");
    mistake("discrete_latent", span, message)
}

pub fn where_is_data(span: Span) -> Diagnostic {
    mistake("where_is_data", span, "`where:` is a condition on the row's columns")
        .label("depends on more than that")
}

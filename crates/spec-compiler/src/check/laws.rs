//! Laws: calls of distributions, their arguments and supports.

use distributions::{Distribution, DistributionError, Params};
use model::Support;

use crate::check::expr::{self, Context};
use crate::check::mistakes;
use crate::check::scope::Scope;
use crate::expr::{Arg, Expr, ExprKind, constant};
use crate::source::Span;
use crate::typed::{DimRef, Kind, Law, Typed};

/// The law `e` as it stands right of a colon in `latent:` or `observe:`.
pub fn law(scope: &mut Scope, e: &Expr, context: &Context) -> Option<Law> {
    let ExprKind::Call { function, args } = &e.kind else {
        scope.mistakes.push(mistakes::not_a_law(e.span, e));
        return None;
    };
    if function.name == "truncated" {
        return truncated(scope, e, args, context);
    }
    let Some(distribution) = distributions::lookup(&function.name) else {
        scope.mistakes.push(mistakes::unknown_distribution(function.span, &function.name));
        return None;
    };
    // Each argument is checked, so that all its mistakes are told at once.
    let typed: Vec<Option<Typed>> = args.iter().map(|a| expr::expr(scope, &a.value, context)).collect();
    let positional: Vec<usize> = (0..args.len()).filter(|&i| args[i].name.is_none()).collect();
    let named: Vec<(&str, usize)> =
        args.iter().enumerate().filter_map(|(i, a)| Some((a.name.as_ref()?.name.as_str(), i))).collect();
    let params = match Params::bind(distribution, &positional, &named) {
        Ok(p) => p,
        Err(error) => {
            let span = span_of(&error, args).unwrap_or(e.span);
            scope.mistakes.push(mistakes::arguments(span, &error, distribution));
            return None;
        }
    };
    let args_typed: Vec<Typed> = typed.into_iter().collect::<Option<_>>()?;
    let values: Vec<Option<f64>> = args_typed.iter().map(|t| constant_of(scope, t)).collect();
    let constants = params.map(|i| values[i]);
    for (k, given) in params.iter() {
        let parameter = distribution.slots()[k].alternatives[given.alternative];
        let arg = &args_typed[given.value];
        if let Some((name, support)) = latent_behind(scope, arg)
            && !parameter.domain.includes(support)
        {
            let d = mistakes::latent_domain(
                arg.span,
                distribution.name(),
                parameter.name,
                parameter.domain,
                name,
                support,
            );
            scope.mistakes.push(d);
            return None;
        }
        for x in array_values(scope, arg) {
            if !parameter.domain.contains(x) {
                let (parameter, expected) = (parameter.name, parameter.domain);
                let error = DistributionError::OutOfDomain {
                    distribution: distribution.name(),
                    parameter,
                    expected,
                    found: x,
                };
                scope.mistakes.push(mistakes::arguments(arg.span, &error, distribution));
                return None;
            }
        }
    }
    let support = distribution.check(&constants).and_then(|()| distribution.support(&constants));
    match support {
        Ok(support) => {
            Some(Law { distribution, args: args_typed, params, truncated: None, support, span: e.span })
        }
        Err(error) => {
            let at = offender(&error, distribution, &params).map_or(e.span, |i| args[i].value.span);
            scope.mistakes.push(mistakes::arguments(at, &error, distribution));
            None
        }
    }
}

/// The argument an error is about.
fn offender(
    error: &DistributionError,
    distribution: &dyn Distribution,
    params: &Params<usize>,
) -> Option<usize> {
    let name = match error {
        DistributionError::OutOfDomain { parameter, .. }
        | DistributionError::NeedsConstant { parameter, .. } => *parameter,
        _ => return None,
    };
    params
        .iter()
        .find(|(k, g)| distribution.slots()[*k].alternatives[g.alternative].name == name)
        .map(|(_, g)| g.value)
}

/// The place in a call that a binding error is about.
fn span_of(error: &DistributionError, args: &[Arg]) -> Option<Span> {
    let named = |word: &str| {
        args.iter().rev().find_map(|a| a.name.as_ref().filter(|n| n.name == word).map(|n| n.span))
    };
    match error {
        DistributionError::UnknownParameter { parameter, .. } => named(parameter),
        DistributionError::GivenTwice { parameter, .. } => named(parameter),
        DistributionError::Conflict { second, .. } => named(second),
        DistributionError::TooManyArguments { expected, .. } => args.get(*expected).map(|a| a.value.span),
        _ => None,
    }
}

/// `truncated(d, lower=, upper=)`.
fn truncated(scope: &mut Scope, e: &Expr, args: &[Arg], context: &Context) -> Option<Law> {
    let mut bounds = (f64::NEG_INFINITY, f64::INFINITY);
    let mut inner = None;
    for (i, a) in args.iter().enumerate() {
        match a.name.as_ref().map(|n| n.name.as_str()) {
            None if i == 0 => inner = Some(&a.value),
            Some(word @ ("lower" | "upper")) => match constant(&a.value) {
                Ok(x) if word == "lower" => bounds.0 = x,
                Ok(x) => bounds.1 = x,
                Err(at) => {
                    scope.mistakes.push(mistakes::bound_is_constant(at.0, word));
                    return None;
                }
            },
            Some(word) => {
                let span = a.name.as_ref().map_or(a.value.span, |n| n.span);
                scope.mistakes.push(mistakes::unknown_argument(span, word, "truncated", &["lower", "upper"]));
                return None;
            }
            None => {
                scope.mistakes.push(mistakes::truncated_form(a.value.span));
                return None;
            }
        }
    }
    let Some(inner) = inner else {
        scope.mistakes.push(mistakes::truncated_form(e.span));
        return None;
    };
    let law = law(scope, inner, context)?;
    if law.truncated.is_some() {
        scope.mistakes.push(mistakes::truncated_form(inner.span));
        return None;
    }
    let window = match distributions::Truncated::new(law.distribution, bounds.0, bounds.1) {
        Ok(t) => t,
        Err(error) => {
            scope.mistakes.push(mistakes::arguments(e.span, &error, law.distribution));
            return None;
        }
    };
    let constants = law.params.map(|i| constant_of(scope, &law.args[i]));
    match window.check(&constants).and_then(|()| window.support(&constants)) {
        Ok(support) => Some(Law { support, truncated: Some(bounds), span: e.span, ..law }),
        Err(error) => {
            scope.mistakes.push(mistakes::arguments(e.span, &error, law.distribution));
            None
        }
    }
}

/// The value of an argument that is one number.
fn constant_of(scope: &Scope, t: &Typed) -> Option<f64> {
    match &t.kind {
        Kind::Const(x) => Some(*x),
        Kind::Let(i) => scope.lets[*i].done.as_ref().and_then(|l| constant_of(scope, &l.value)),
        Kind::Apply1(graph::ir::Unary::Neg, x) => constant_of(scope, x).map(|x| -x),
        _ => None,
    }
}

/// The values of an argument that is an array of constants.
fn array_values(scope: &Scope, t: &Typed) -> Vec<f64> {
    match &t.kind {
        Kind::Array { values, .. } => values.clone(),
        Kind::Let(i) => scope.lets[*i].done.as_ref().map_or(Vec::new(), |l| array_values(scope, &l.value)),
        _ => Vec::new(),
    }
}

/// The latent that an argument is, or is an element of.
fn latent_behind<'s>(scope: &'s Scope, t: &Typed) -> Option<(&'s str, Support)> {
    match &t.kind {
        Kind::Latent(i) => scope.latents[*i].done.as_ref().map(|l| (l.name.as_str(), l.law.support)),
        Kind::Lookup { base, .. } | Kind::Element { base, .. } => latent_behind(scope, base),
        _ => None,
    }
}

/// Do the law's parameters vary only over what its left side does?
pub fn fits(scope: &mut Scope, law: &Law, dims: &[DimRef], name: &str, span: Span) -> bool {
    for arg in &law.args {
        if let Some(&extra) = arg.dims.iter().find(|d| !dims.contains(d)) {
            let extra_name = scope.dims[extra.0].name.clone();
            // A column of the left side's table that could look the value up?
            let by = scope.table_of(dims).and_then(|t| {
                (0..scope.tables[t].data.columns.len())
                    .find(|&c| scope.indexed_dim(t, c) == extra_name)
                    .map(|c| scope.tables[t].data.columns[c].name.clone())
            });
            let has = crate::typed::show_dims(&scope.dims, dims);
            // The innermost part that brings the dimension in.
            let mut culprit = arg;
            while let Some(&part) = expr::parts(culprit).iter().find(|p| p.dims.contains(&extra)) {
                culprit = part;
            }
            let shown = match culprit.kind {
                Kind::Latent(i) => scope.latents[i].target.name.name.clone(),
                Kind::Let(i) => scope.lets[i].target.name.name.clone(),
                _ => "...".into(),
            };
            let at = culprit.span;
            scope.mistakes.push(mistakes::extra_dim(
                at,
                &shown,
                &extra_name,
                name,
                &has,
                span,
                by.as_deref(),
            ));
            return false;
        }
    }
    true
}

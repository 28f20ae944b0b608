//! Laws: calls of distributions, their arguments and supports.

use distributions::{Distribution, DistributionError, Params};
use graph::ir::{Binary, Unary};
use model::Support;

use crate::check::expr::{self, Context};
use crate::check::functions;
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind, Ident, constant};
use crate::source::Span;
use crate::typed::{DimRef, Kind, Law, Typed};

/// The law `e` as it stands right of a colon in `latent:` or `observe:`.
pub fn law(scope: &mut Scope, e: &Expr, context: &Context) -> Option<Law> {
    let ExprKind::Call { function, args } = &e.kind else {
        return scope.fail(errors::law_expected(e.span, "what `truncated` takes", &e.to_string()));
    };
    let name = function.name.as_str();
    if name == "truncated" {
        return truncated(scope, e, args, context);
    }
    let Some(distribution) = distributions::lookup(name) else {
        return match functions::is_law(name) {
            true => scope.fail(errors::later_version(function.span, &format!("`{name}`"))),
            false => scope.fail(errors::unknown_distribution(function.span, name)),
        };
    };
    // Each argument is checked, so that all its mistakes are told at once.
    let typed: Vec<Option<Typed>> = args.iter().map(|a| expr::expr(scope, &a.value, context)).collect();
    let params = match bind(distribution, args) {
        Ok(params) => params,
        Err(error) => {
            let span = span_of(&error, args).unwrap_or(e.span);
            return scope.fail(errors::arguments(span, &error, distribution));
        }
    };
    let law_args: Vec<Typed> = typed.into_iter().collect::<Option<_>>()?;
    if !in_domains(scope, distribution, &params, &law_args) {
        return None;
    }
    let constants = params.map(|i| constant_of(scope, &law_args[i]));
    let law = |support, varies| Law {
        distribution,
        args: law_args.clone(),
        params: params.clone(),
        truncated: None,
        support,
        varies,
        span: e.span,
    };
    match distribution.check(&constants).and_then(|()| distribution.support(&constants)) {
        Ok(support) => Some(law(support, None)),
        Err(error) => {
            let at = offender(&error, distribution, &params);
            // A density compares its bounds with the outcome; whether an outcome is one of so many
            // counts has to be known before.
            let known = |i: usize| !distribution.is_discrete() || expr::is_data(scope, &law_args[i]);
            match (&error, at) {
                (DistributionError::NeedsConstant { .. }, Some(i)) if known(i) => {
                    Some(law(distribution.widest_support(), Some(error)))
                }
                _ => {
                    let span = at.map_or(e.span, |i| args[i].value.span);
                    scope.fail(errors::arguments(span, &error, distribution))
                }
            }
        }
    }
}

/// Which argument is which parameter.
fn bind(distribution: &dyn Distribution, args: &[Arg]) -> Result<Params<usize>, DistributionError> {
    let positional: Vec<usize> = (0..args.len()).filter(|&i| args[i].name.is_none()).collect();
    let named: Vec<(&str, usize)> =
        args.iter().enumerate().filter_map(|(i, a)| Some((a.name.as_ref()?.name.as_str(), i))).collect();
    Params::bind(distribution, &positional, &named)
}

/// May the arguments that are latents or arrays of constants have their values? Single numbers are
/// the distribution's own matter, columns are looked at when their rows are known.
fn in_domains(
    scope: &mut Scope,
    distribution: &dyn Distribution,
    params: &Params<usize>,
    args: &[Typed],
) -> bool {
    for (k, given) in params.iter() {
        let parameter = distribution.slots()[k].alternatives[given.alternative];
        let arg = &args[given.value];
        if let Some((name, support)) = latent_behind(scope, arg)
            && !parameter.domain.includes(support)
        {
            let what = (parameter.name, distribution.name());
            let mistake = errors::latent_domain(arg.span, what, parameter.domain, name, support);
            scope.tell(mistake);
            return false;
        }
        if let Some(&found) = array_behind(scope, arg).iter().find(|x| !parameter.domain.contains(**x)) {
            let error = out_of_domain(distribution, parameter, found);
            scope.tell(errors::arguments(arg.span, &error, distribution));
            return false;
        }
    }
    true
}

/// The error of a parameter that cannot have the value `found`.
pub fn out_of_domain(
    distribution: &dyn Distribution,
    parameter: distributions::Parameter,
    found: f64,
) -> DistributionError {
    let distributions::Parameter { name, domain: expected, .. } = parameter;
    DistributionError::OutOfDomain { distribution: distribution.name(), parameter: name, expected, found }
}

/// The argument an error is about.
pub fn offender(
    error: &DistributionError,
    distribution: &dyn Distribution,
    params: &Params<usize>,
) -> Option<usize> {
    let (DistributionError::OutOfDomain { parameter: name, .. }
    | DistributionError::NeedsConstant { parameter: name, .. }) = error
    else {
        return None;
    };
    let mut given = params.iter();
    let found = given.find(|(k, g)| distribution.slots()[*k].alternatives[g.alternative].name == *name);
    found.map(|(_, g)| g.value)
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
        match &a.name {
            None if i == 0 => inner = Some(&a.value),
            None => return scope.fail(errors::truncated_form(a.value.span)),
            Some(word) if word.name == "lower" => bounds.0 = bound(scope, &a.value, "lower")?,
            Some(word) if word.name == "upper" => bounds.1 = bound(scope, &a.value, "upper")?,
            Some(word) => {
                let allowed = &["lower", "upper"];
                return scope.fail(errors::unknown_argument(word.span, &word.name, "truncated", allowed));
            }
        }
    }
    let Some(inner) = inner else { return scope.fail(errors::truncated_form(e.span)) };
    let law = law(scope, inner, context)?;
    if law.truncated.is_some() {
        return scope.fail(errors::truncated_form(inner.span));
    }
    let constants = law.params.map(|i| constant_of(scope, &law.args[i]));
    let window = distributions::Truncated::new(law.distribution, bounds.0, bounds.1);
    match window.and_then(|w| w.check(&constants).and_then(|()| w.support(&constants))) {
        Ok(support) => Some(Law { support, varies: None, truncated: Some(bounds), span: e.span, ..law }),
        Err(error) => scope.fail(errors::arguments(e.span, &error, law.distribution)),
    }
}

fn bound(scope: &mut Scope, e: &Expr, word: &str) -> Option<f64> {
    match constant(e) {
        Ok(x) => Some(x),
        Err(at) => scope.fail(errors::bound_is_constant(at.0, word)),
    }
}

/// The value of an argument that is one number.
pub fn constant_of(scope: &Scope, t: &Typed) -> Option<f64> {
    match &t.kind {
        Kind::Const(x) => Some(*x),
        Kind::Let(i) => scope.lets[*i].constant,
        Kind::Spread(x) => constant_of(scope, x),
        Kind::Apply1(op, x) => {
            let x = constant_of(scope, x)?;
            match op {
                Unary::Neg => Some(-x),
                Unary::Exp => Some(x.exp()),
                Unary::Ln => Some(x.ln()),
                Unary::Sqrt => Some(x.sqrt()),
                Unary::Square => Some(x * x),
                _ => None,
            }
        }
        Kind::Apply2(op, a, b) => {
            let (a, b) = (constant_of(scope, a)?, constant_of(scope, b)?);
            match op {
                Binary::Add => Some(a + b),
                Binary::Sub => Some(a - b),
                Binary::Mul => Some(a * b),
                Binary::Div => Some(a / b),
                Binary::Pow => Some(a.powf(b)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The values of an argument that is an array of constants, by whatever name.
fn array_behind<'s>(scope: &'s Scope, t: &'s Typed) -> &'s [f64] {
    let mut here = t;
    loop {
        here = match &here.kind {
            Kind::Array { values, .. } => return values,
            Kind::Let(i) => match &scope.lets[*i].done {
                Some(let_) => &let_.value,
                None => return &[],
            },
            _ => return &[],
        }
    }
}

/// The latent that an argument is, or is an element of.
fn latent_behind<'s>(scope: &'s Scope, t: &Typed) -> Option<(&'s str, Support)> {
    match &t.kind {
        Kind::Latent(i) => scope.latents[*i].done.as_ref().map(|l| (l.name.as_str(), l.law.support)),
        Kind::Lookup { base, .. } | Kind::Element { base, .. } | Kind::Rename { base, .. } => {
            latent_behind(scope, base)
        }
        _ => None,
    }
}

/// Do the law's parameters vary only over what its left side does?
pub fn fits(scope: &mut Scope, law: &Law, dims: &[DimRef], target: &Ident, is_data: bool) -> bool {
    let extra = law.args.iter().find_map(|a| a.dims.iter().find(|d| !dims.contains(d)).map(|&d| (a, d)));
    let Some((arg, extra)) = extra else { return true };
    let source = arg.source_of(extra);
    let (culprit, dim) = (expr::called(scope, source), scope.dims[extra].name.clone());
    // A column of the left side's table that could look the value up?
    let by = scope.table_of(dims).filter(|&t| dims.contains(&scope.tables[t].rows)).and_then(|t| {
        let columns = &scope.tables[t].data.columns;
        (0..columns.len()).find(|&c| scope.indexed_dim(t, c) == dim).map(|c| columns[c].name.clone())
    });
    let has = scope.dims.show(dims);
    let remedy = match &by {
        Some(column) => errors::Remedy::LookUp(column),
        None if is_data => errors::Remedy::Reduce,
        None => errors::Remedy::Declare,
    };
    let target = (target.name.as_str(), has.as_str(), target.span);
    scope.tell(errors::extra_dim((&culprit, source.span), &dim, target, &remedy));
    false
}

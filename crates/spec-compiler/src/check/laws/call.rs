//! Calls of distributions.

use distributions::{Distribution, DistributionError, Event, Params, Shape};

use model::Support;

use super::{array_behind, constant_of, latent_behind};
use crate::check::expr::{self, Context};
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind};
use crate::source::Span;
use crate::typed::{Call, DimRef, Form, Law, Typed};

/// `normal(mean, sd)`, `dirichlet(alpha, over=d)`
pub fn call(
    scope: &mut Scope,
    e: &Expr,
    distribution: &'static dyn Distribution,
    args: &[Arg],
    context: &Context,
) -> Option<Law> {
    let is_over = |a: &Arg| a.name.as_ref().is_some_and(|n| n.name == "over");
    let over = args.iter().find(|a| is_over(a) && distribution.event() != Event::Scalar);
    let args: Vec<&Arg> = args.iter().filter(|a| over.is_none() || !is_over(a)).collect();
    // Each argument is checked, so that all its mistakes are told at once.
    let typed: Vec<Option<Typed>> = args.iter().map(|a| argument(scope, distribution, a, context)).collect();
    let params = match bind(distribution, &args) {
        Ok(params) => params,
        Err(error) => {
            let span = span_of(&error, &args).unwrap_or(e.span);
            return scope.fail(errors::arguments(span, &error, distribution));
        }
    };
    let law_args: Vec<Typed> = typed.into_iter().collect::<Option<_>>()?;
    let over = match over {
        Some(a) => Some((expr::one_dim(scope, &a.value)?, a.value.span)),
        None => None,
    };
    let event = event(scope, e.span, distribution, &params, &law_args, over, context)?;
    supported(scope, e.span, Call { distribution, args: law_args, params, event })
}

fn argument(
    scope: &mut Scope,
    distribution: &dyn Distribution,
    arg: &Arg,
    context: &Context,
) -> Option<Typed> {
    if let ExprKind::Array(items) = &arg.value.kind
        && has_levels(distribution)
    {
        let parameter = arg.name.as_ref().map_or("p", |n| n.name.as_str());
        return scope.fail(errors::outcomes_listed(arg.value.span, distribution.name(), parameter, items));
    }
    expr::expr(scope, &arg.value, context)
}

/// Is it a law whose outcomes are the levels of a dimension? Those of ordered_logistic are one more than its
/// cutpoints.
pub fn has_levels(distribution: &dyn Distribution) -> bool {
    distribution.event() == Event::Outcome && distribution.outcomes(1) == 1
}

/// The law of a call, if its arguments may have the values they have, and with what it may produce.
pub fn supported(scope: &mut Scope, span: Span, call: Call) -> Option<Law> {
    if !in_domains(scope, &call) {
        return None;
    }
    let Call { distribution, args, params, event } = &call;
    let constants = params.map(|i| constant_of(scope, &args[i]));
    let one_value = match distribution.event() {
        Event::Scalar | Event::Outcome => Vec::new(),
        Event::Vector => event[..1].to_vec(),
        Event::Matrix => event.clone(),
    };
    let support = match distribution.event() {
        Event::Outcome => distribution.check(&constants).map(|()| {
            let upper = distribution.outcomes(scope.dims[event[0]].size) as f64;
            Support::Integers { lower: 1.0, upper }
        }),
        _ => distribution.check(&constants).and_then(|()| distribution.support(&constants)),
    };
    let (support, varies) = match support {
        Ok(support) => (support, None),
        Err(error) => {
            let at = offender(&error, *distribution, params);
            // A density compares its bounds with the outcome; whether an outcome is one of so many
            // counts has to be known before, or for each value of what is summed out.
            let known = |i: usize| !distribution.is_discrete() || expr::is_known(scope, &args[i]);
            match (&error, at) {
                (DistributionError::NeedsConstant { .. }, Some(i)) if known(i) => {
                    (distribution.widest_support(), Some(error))
                }
                _ => {
                    let span = at.map_or(span, |i| args[i].span);
                    return scope.fail(errors::arguments(span, &error, *distribution));
                }
            }
        }
    };
    Some(Law { form: Form::Call(call), support, varies, event: one_value, span })
}

/// The dimensions of the law beyond those of its values (see [`Event`]); of a vector its own, and the
/// prime of it that a matrix among the parameters has.
fn event(
    scope: &mut Scope,
    span: Span,
    distribution: &dyn Distribution,
    params: &Params<usize>,
    args: &[Typed],
    over: Option<(DimRef, Span)>,
    context: &Context,
) -> Option<Vec<DimRef>> {
    let left = context.dims();
    let name = distribution.name();
    let shaped = |shape: Shape| {
        let mut given =
            params.iter().map(|(k, g)| (distribution.slots()[k].alternatives[g.alternative], g.value));
        given.find(|(p, _)| p.shape == shape).map(|(_, i)| &args[i])
    };
    match distribution.event() {
        Event::Scalar => Some(Vec::new()),
        Event::Outcome => {
            let arg = shaped(Shape::Along).expect("declared by the distribution");
            if let Some((over, at)) = over {
                if !arg.dims.contains(&over) {
                    let has = scope.dims.show(&arg.dims);
                    let dim = scope.dims[over].name.clone();
                    return scope.fail(errors::not_over(at, "the argument", &has, &dim));
                }
                return Some(vec![over]);
            }
            match arg.dims.iter().copied().filter(|d| !left.contains(d)).collect::<Vec<_>>()[..] {
                [one] => Some(vec![one]),
                ref several => {
                    let names: Vec<String> = several.iter().map(|&d| scope.dims[d].name.clone()).collect();
                    scope.fail(errors::outcomes(arg.span, name, &names))
                }
            }
        }
        Event::Vector => {
            let pairs = shaped(Shape::Square).map(|t| scope.dims.pairs(&t.dims)).unwrap_or_default();
            let with_prime = |d: DimRef| {
                let prime = pairs.iter().find(|(of, _)| *of == d).map(|(_, prime)| *prime);
                Some(std::iter::once(d).chain(prime).collect())
            };
            if let Some((over, at)) = over {
                if !left.contains(&over) {
                    let (has, dim) = (scope.dims.show(left), scope.dims[over].name.clone());
                    return scope.fail(errors::not_over(at, "the left side", &has, &dim));
                }
                return with_prime(over);
            }
            let square: Vec<DimRef> = pairs.iter().map(|p| p.0).filter(|d| left.contains(d)).collect();
            match (&square[..], left) {
                (&[one], _) | (_, &[one]) => with_prime(one),
                _ => {
                    let names: Vec<String> = left.iter().map(|&d| scope.dims[d].name.clone()).collect();
                    scope.fail(errors::vector_over(span, name, &names))
                }
            }
        }
        Event::Matrix => match scope.dims.pairs(left)[..] {
            [(d, p)] => Some(vec![d, p]),
            _ => {
                let has = scope.dims.show(left);
                scope.fail(errors::matrix_over(span, name, &has))
            }
        },
    }
}

/// Which argument is which parameter.
fn bind(distribution: &dyn Distribution, args: &[&Arg]) -> Result<Params<usize>, DistributionError> {
    let positional: Vec<usize> = (0..args.len()).filter(|&i| args[i].name.is_none()).collect();
    let named: Vec<(&str, usize)> =
        args.iter().enumerate().filter_map(|(i, a)| Some((a.name.as_ref()?.name.as_str(), i))).collect();
    Params::bind(distribution, &positional, &named)
}

/// May the arguments that are latents or arrays of constants have their values? Single numbers are
/// the distribution's own matter, columns are looked at when their rows are known.
fn in_domains(scope: &mut Scope, call: &Call) -> bool {
    let Call { distribution, args, params, .. } = call;
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
            let error = out_of_domain(*distribution, parameter, found);
            scope.tell(errors::arguments(arg.span, &error, *distribution));
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
fn span_of(error: &DistributionError, args: &[&Arg]) -> Option<Span> {
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

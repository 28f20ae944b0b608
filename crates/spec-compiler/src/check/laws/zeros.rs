//! `zero_inflated` and `hurdle`: a law with zeros that it does not have by itself.
//!
//! Either is a law like any other, with the parameters of the one that it modifies and one more.

use distributions::{Distribution, DistributionError, Given};

use super::call::supported;
use super::{form_of, modified};
use crate::check::expr::{self, Context};
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr};
use crate::typed::{Call, Form, Law};

type Modify = fn(&'static dyn Distribution) -> Result<&'static dyn Distribution, DistributionError>;

/// `zero_inflated(poisson(rate), zero=p)`
pub fn zero_inflated(scope: &mut Scope, e: &Expr, args: &[Arg], context: &Context) -> Option<Law> {
    with_zeros(scope, e, args, context, ("zero_inflated", distributions::zero_inflated))
}

/// `hurdle(gamma(shape, rate), zero=p)`
pub fn hurdle(scope: &mut Scope, e: &Expr, args: &[Arg], context: &Context) -> Option<Law> {
    with_zeros(scope, e, args, context, ("hurdle", distributions::hurdle))
}

fn with_zeros(
    scope: &mut Scope,
    e: &Expr,
    args: &[Arg],
    context: &Context,
    (name, modify): (&'static str, Modify),
) -> Option<Law> {
    let (base, zeros) = modified(scope, e, args, ["zero", "zero_logit"], context)?;
    let Form::Call(call) = base.form else {
        return scope.fail(errors::modifier_form(base.span, name, form_of(name).0));
    };
    let law = match modify(call.distribution) {
        Ok(law) => law,
        Err(error) => return scope.fail(errors::not_modifiable(base.span, &error)),
    };
    let names: Vec<&'static str> =
        law.slots()[law.slots().len() - 1].alternatives.iter().map(|p| p.name).collect();
    let (alternative, zero) = match zeros {
        [Some(zero), None] => (0, zero),
        [None, Some(zero)] => (1, zero),
        [Some(_), Some(second)] => {
            let error = DistributionError::Conflict { distribution: name, first: names[0], second: names[1] };
            return scope.fail(errors::arguments(second.span, &error, law));
        }
        [None, None] => {
            let error = DistributionError::Missing { distribution: name, alternatives: names };
            return scope.fail(errors::arguments(e.span, &error, law));
        }
    };
    let zero = expr::expr(scope, zero, context)?;
    let params = call.params.and(Given { alternative, value: call.args.len() });
    let mut args = call.args;
    args.push(zero);
    supported(scope, e.span, Call { distribution: law, args, params, event: call.event })
}
